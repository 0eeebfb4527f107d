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
];
