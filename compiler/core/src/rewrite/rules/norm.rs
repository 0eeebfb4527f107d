//! Normalizations and softmax in the spellings of exporters.

use crate::rewrite::rule::Kind::Recognize;
use crate::rewrite::rule::Rule;
use crate::rewrite::rule::RuleNumerics::Reassociate;

const LAYER: &[(&str, &str)] = &[
    ("normal", "(div centered (sqrt (add (div (reduce_sum square ?axes true) $n) $epsilon)))"),
    ("centered", "c=(sub ?x (div (reduce_sum ?x ?axes true) $n))"),
    ("square", "{(mul ?c ?c) (pow ?c 2)}"),
];

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "recognize-softmax",
        why: "one step for five",
        left: "(div p=(exp (sub ?x (reduce_max ?x ?axes true))) (reduce_sum ?p ?axes true))",
        parts: &[],
        right: "(softmax ?x (=first ?axes))",
        given: &["(one-axis ?axes)"],
        when: &[],
        numerics: Reassociate,
        kind: Recognize,
    },
    Rule {
        name: "recognize-layer-norm",
        why: "one step for nine",
        left: "(add (mul normal ?scale) ?bias)",
        parts: LAYER,
        right: "(layer_norm ?x ?scale ?bias (=f32 $epsilon) (=first ?axes))",
        given: &["(trailing ?axes ?x)", "(count $n ?axes ?x)"],
        when: &[],
        numerics: Reassociate,
        kind: Recognize,
    },
    Rule {
        name: "recognize-layer-norm-without-bias",
        why: "one step for eight",
        left: "(mul normal ?scale)",
        parts: LAYER,
        right: "(layer_norm ?x ?scale none (=f32 $epsilon) (=first ?axes))",
        given: &["(trailing ?axes ?x)", "(count $n ?axes ?x)"],
        when: &[],
        numerics: Reassociate,
        kind: Recognize,
    },
    Rule {
        name: "recognize-rms-norm",
        why: "one step for seven",
        left: "{(mul (mul ?x (div 1 root)) ?scale) (mul (div ?x root) ?scale)}",
        parts: &[
            ("root", "(sqrt (add (div (reduce_sum square ?axes true) $n) $epsilon))"),
            ("square", "{(mul ?x ?x) (pow ?x 2)}"),
        ],
        right: "(rms_norm ?x ?scale (=f32 $epsilon) (=first ?axes))",
        given: &["(trailing ?axes ?x)", "(count $n ?axes ?x)"],
        when: &[],
        numerics: Reassociate,
        kind: Recognize,
    },
    Rule {
        name: "recognize-group-norm",
        why: "exporters write it as an instance normalization of groups, then scale and bias of the channels",
        left: "(add (mul (reshape g=(group_norm (reshape ?x ?in) ?ones ?zeros ?epsilon ?groups) ?out) ?scale) ?bias)",
        parts: &[],
        right: "(group_norm ?x (=vector ?scale) (=vector ?bias) ?epsilon ?groups)",
        given: &[
            "(all-one ?ones)",
            "(all-zero ?zeros)",
            "(grouped ?x ?g ?groups)",
            "(a-channel ?scale ?x)",
            "(a-channel ?bias ?x)",
        ],
        when: &[],
        numerics: Reassociate,
        kind: Recognize,
    },
    Rule {
        name: "recognize-l2-norm",
        why: "one step for six",
        left: "(div ?x {(broadcast length ?n) length})",
        parts: &[("length", "(max (sqrt (reduce_sum (mul ?x ?x) ?axes true)) $epsilon)")],
        right: "(l2_norm ?x (=f32 $epsilon) ?axes)",
        given: &["(fits)"],
        when: &[],
        numerics: Reassociate,
        kind: Recognize,
    },
];
