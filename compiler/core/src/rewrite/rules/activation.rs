//! Activation functions in the spellings of exporters.

use crate::rewrite::rule::Kind::Recognize;
use crate::rewrite::rule::Rule;
use crate::rewrite::rule::RuleNumerics::Reassociate;

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "recognize-sigmoid",
        why: "one step for four",
        left: "(div 1 (add 1 (exp (mul ?x -1))))",
        parts: &[],
        right: "(sigmoid ?x)",
        given: &[],
        when: &[],
        numerics: Reassociate,
        kind: Recognize,
    },
    Rule {
        name: "recognize-gelu",
        why: "one step for five",
        left: "{(mul (mul ?x gate) 0.5) (mul (mul ?x 0.5) gate) (mul ?x (mul gate 0.5))}",
        parts: &[
            ("gate", "(add (erf scaled) 1)"),
            ("scaled", "{(div ?x 1.4142135623730951) (mul ?x 0.7071067811865476)}"),
        ],
        right: "(gelu ?x)",
        given: &[],
        when: &[],
        numerics: Reassociate,
        kind: Recognize,
    },
    Rule {
        name: "recognize-gelu-tanh",
        why: "one step for eight",
        left: "{(mul (mul ?x gate) 0.5) (mul (mul ?x 0.5) gate) (mul ?x (mul gate 0.5))}",
        parts: &[
            ("gate", "(add (tanh bent) 1)"),
            (
                "bent",
                "{(mul (add ?x (mul cube 0.044715)) 0.7978845608028654) (mul (mul ?x 0.7978845608028654) (add (mul (mul ?x ?x) 0.044715) 1))}",
            ),
            ("cube", "{(pow ?x 3) (mul (mul ?x ?x) ?x)}"),
        ],
        right: "(gelu_tanh ?x)",
        given: &[],
        when: &[],
        numerics: Reassociate,
        kind: Recognize,
    },
    Rule {
        name: "recognize-silu",
        why: "the name of what language models have between their layers",
        left: "(mul ?x (sigmoid ?x))",
        parts: &[],
        right: "(swish ?x (=f32 1))",
        given: &[],
        when: &[],
        numerics: Reassociate,
        kind: Recognize,
    },
    Rule {
        name: "recognize-swish",
        why: "quick GELU is SiLU with another slope",
        left: "(mul ?x (sigmoid (mul ?x $slope)))",
        parts: &[],
        right: "(swish ?x (=f32 $slope))",
        given: &[],
        when: &[],
        numerics: Reassociate,
        kind: Recognize,
    },
    Rule {
        name: "recognize-hard-swish",
        why: "one step for five",
        left: "(mul ?x {(max (min bent 1) 0) (min (max bent 0) 1)})",
        parts: &[("bent", "(add {(mul ?x 0.16666666666666666) (div ?x 6)} 0.5)")],
        right: "(hard_swish ?x)",
        given: &[],
        when: &[],
        numerics: Reassociate,
        kind: Recognize,
    },
];
