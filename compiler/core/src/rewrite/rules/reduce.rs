//! Reductions.

use crate::rewrite::rule::Kind::Normalize;
use crate::rewrite::rule::RuleNumerics::{Exact, Reassociate};
use crate::rewrite::rule::{Rule, RuleNumerics};

const fn joined(name: &'static str, sides: [&'static str; 2], numerics: RuleNumerics) -> Rule {
    let why = "exporters reduce one axis after the other";
    Rule { name, why, left: sides[0], parts: &[], right: sides[1], given: &[], when: &[], numerics, kind: Normalize }
}

pub(super) const RULES: &[Rule] = &[
    joined(
        "sum-of-sums",
        ["(reduce_sum (reduce_sum ?x ?a true) ?b true)", "(reduce_sum ?x (=joined ?a ?b) true)"],
        Reassociate,
    ),
    joined(
        "max-of-max",
        ["(reduce_max (reduce_max ?x ?a true) ?b true)", "(reduce_max ?x (=joined ?a ?b) true)"],
        Exact,
    ),
];
