//! Products of matrices.

use crate::rewrite::rule::Kind::Normalize;
use crate::rewrite::rule::Rule;
use crate::rewrite::rule::RuleNumerics::Reassociate;

const WHY: &str = "scales of operands gather behind the product, where attention has its own";

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "matmul-scale-left",
        why: WHY,
        left: "(matmul (mul ?x $s) ?y)",
        parts: &[],
        right: "(mul (matmul ?x ?y) $s)",
        given: &[],
        when: &["(not-constant ?y)"],
        numerics: Reassociate,
        kind: Normalize,
    },
    Rule {
        name: "matmul-scale-right",
        why: WHY,
        left: "(matmul ?x (mul ?y $s))",
        parts: &[],
        right: "(mul (matmul ?x ?y) $s)",
        given: &[],
        when: &["(not-constant ?y)"],
        numerics: Reassociate,
        kind: Normalize,
    },
];
