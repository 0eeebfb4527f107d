//! Adapters that were exported with their model. Not applied where adapters are to stay beside the products.

use crate::rewrite::rule::Kind::Explore;
use crate::rewrite::rule::Rule;
use crate::rewrite::rule::RuleNumerics::Reassociate;

type Part = (&'static str, &'static str);

const PLAIN: Part = ("base", "(matmul ?x ?w)");
const BIASED: Part = ("base", "(add (matmul ?x ?w) ?bias)");
const CHANGE: Part = ("change", "(matmul (matmul ?x ?a) ?b)");

/// A product with known weights, and beside it one with their known change of low rank (Hu et al., LoRA, arXiv 2106.09685).
const fn low_rank(name: &'static str, parts: &'static [Part; 2], [left, right]: [&'static str; 2]) -> Rule {
    let why = "an adapter that was exported with its model is a change of weights";
    let when = &["(constant ?w)", "(constant ?a)", "(constant ?b)"];
    Rule { name, why, left, parts, right, given: &[], when, numerics: Reassociate, kind: Explore }
}

pub(super) const RULES: &[Rule] = &[
    low_rank("merge-low-rank", &[PLAIN, CHANGE], ["(add base change)", "(matmul ?x (add ?w (matmul ?a ?b)))"]),
    low_rank(
        "merge-scaled-low-rank",
        &[PLAIN, CHANGE],
        ["(add base (mul change $s))", "(matmul ?x (add ?w (mul (matmul ?a ?b) $s)))"],
    ),
    low_rank(
        "merge-low-rank-beside-bias",
        &[BIASED, CHANGE],
        ["(add base change)", "(add (matmul ?x (add ?w (matmul ?a ?b))) ?bias)"],
    ),
    low_rank(
        "merge-scaled-low-rank-beside-bias",
        &[BIASED, CHANGE],
        ["(add base (mul change $s))", "(add (matmul ?x (add ?w (mul (matmul ?a ?b) $s))) ?bias)"],
    ),
];
