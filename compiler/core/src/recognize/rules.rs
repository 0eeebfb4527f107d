//! The composites that are recognized, and how exporters spell them.

use super::{Site, attention, norm};
use m4c_ops::build::{Build, Value};
use m4c_ops::{Attrs, Op, composite};

/// A composite and its spellings.
pub(super) struct Rule {
    /// The operator that is found.
    pub(super) op: &'static Op,
    /// Its spellings, of which the longest must come first.
    pub(super) patterns: &'static [&'static str],
    /// Parts of the spellings by name.
    pub(super) parts: &'static [(&'static str, &'static str)],
    /// Makes the operator of the parts that were found.
    pub(super) build: fn(&mut Site<'_>, &'static Op) -> Option<Value>,
}

/// All rules, in order: a later one sees what the earlier ones made.
pub(super) const RULES: &[Rule] = &[
    Rule {
        op: &composite::sigmoid::OP,
        patterns: &["(div 1 (add 1 (exp (mul ?x -1))))"],
        parts: &[],
        build: elementwise,
    },
    Rule {
        op: &composite::gelu::OP,
        patterns: &["(mul (mul ?x gate) 0.5)", "(mul (mul ?x 0.5) gate)", "(mul ?x (mul gate 0.5))"],
        parts: &[
            ("gate", "(add (erf scaled) 1)"),
            ("scaled", "{(div ?x 1.4142135623730951) (mul ?x 0.7071067811865476)}"),
        ],
        build: elementwise,
    },
    Rule {
        op: &composite::gelu_tanh::OP,
        patterns: &["(mul (mul ?x gate) 0.5)", "(mul (mul ?x 0.5) gate)", "(mul ?x (mul gate 0.5))"],
        parts: &[
            ("gate", "(add (tanh bent) 1)"),
            (
                "bent",
                "{(mul (add ?x (mul cube 0.044715)) 0.7978845608028654) (mul (mul ?x 0.7978845608028654) (add (mul (mul ?x ?x) 0.044715) 1))}",
            ),
            ("cube", "{(pow ?x 3) (mul (mul ?x ?x) ?x)}"),
        ],
        build: elementwise,
    },
    Rule {
        op: &composite::softmax::OP,
        patterns: &["(div p=(exp (sub ?x m=(reduce_max ?x))) s=(reduce_sum ?p))"],
        parts: &[],
        build: norm::softmax,
    },
    Rule {
        op: &composite::layer_norm::OP,
        patterns: &["(add (mul normal ?scale) ?bias)", "(mul normal ?scale)"],
        parts: &[
            ("normal", "(div centered (sqrt (add (div v=(reduce_sum square) $n) $epsilon)))"),
            ("centered", "c=(sub ?x (div s=(reduce_sum ?x) $n))"),
            ("square", "{(mul ?c ?c) (pow ?c 2)}"),
        ],
        build: norm::layer_norm,
    },
    Rule {
        op: &composite::rms_norm::OP,
        patterns: &["(mul (mul ?x (div 1 root)) ?scale)", "(mul (div ?x root) ?scale)"],
        parts: &[
            ("root", "(sqrt (add (div s=(reduce_sum square) $n) $epsilon))"),
            ("square", "{(mul ?x ?x) (pow ?x 2)}"),
        ],
        build: norm::rms_norm,
    },
    Rule {
        op: &composite::group_norm::OP,
        patterns: &["(add (mul (reshape g=(group_norm (reshape ?x) ?ones ?zeros $epsilon)) ?scale) ?bias)"],
        parts: &[],
        build: norm::group_norm,
    },
    Rule {
        op: &composite::attention::OP,
        patterns: &["(matmul w=(softmax masked) ?v)"],
        parts: &[
            ("masked", "{(select ?shown scaled $hidden) (add scaled ?mask) scaled}"),
            ("scaled", "{(mul scores $times) (div scores $over) scores}"),
            ("scores", "(matmul {(mul ?q $q_times) (div ?q $q_over) ?q} {(mul ?k $k_times) (div ?k $k_over) ?k})"),
        ],
        build: attention::build,
    },
];

fn elementwise(site: &mut Site<'_>, op: &'static Op) -> Option<Value> {
    let x = site.value("x");
    site.builder.apply(op, &[x], Attrs::none()).ok()
}
