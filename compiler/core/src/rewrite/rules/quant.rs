//! Integers that stand for real numbers: motion to the side where elements are small, and cancellation.

use crate::rewrite::rule::Kind::{Explore, Normalize};
use crate::rewrite::rule::Rule;
use crate::rewrite::rule::RuleNumerics::Exact;

const MOVED: &str = "integers are moved, which are smaller";
const ONE_STEP: &str = "(one-step ?scale ?zero)";

const fn moved(name: &'static str, [left, right]: [&'static str; 2], given: &'static [&'static str]) -> Rule {
    Rule { name, why: MOVED, left, parts: &[], right, given, when: &[], numerics: Exact, kind: Explore }
}

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "quantize-dequantized",
        why: "what only moves between two layers needs no real numbers",
        left: "(quantize r=(dequantize ?q $scale ?zero ?real) $scale ?zero ?to)",
        parts: &[],
        right: "?q",
        given: &["(exact-steps $scale ?r)", "(fits)"],
        when: &[],
        numerics: Exact,
        kind: Normalize,
    },
    moved(
        "dequantize-after-reshape",
        ["(reshape (dequantize ?q ?scale ?zero ?to) ?g)", "(dequantize (reshape ?q ?g) ?scale ?zero ?to)"],
        &[ONE_STEP, "(fits)"],
    ),
    moved(
        "dequantize-after-transpose",
        ["(transpose (dequantize ?q ?scale ?zero ?to) ?p)", "(dequantize (transpose ?q ?p) ?scale ?zero ?to)"],
        &[ONE_STEP],
    ),
    moved(
        "dequantize-after-slice",
        ["(slice (dequantize ?q ?scale ?zero ?to) ?a ?n ?s)", "(dequantize (slice ?q ?a ?n ?s) ?scale ?zero ?to)"],
        &[ONE_STEP],
    ),
    moved(
        "dequantize-after-concat",
        [
            "(concat (dequantize ?q ?scale ?zero ?to) (dequantize ?r ?scale ?zero ?to) ?axis)",
            "(dequantize (concat ?q ?r ?axis) ?scale ?zero ?to)",
        ],
        &["(fits)"],
    ),
    moved(
        "quantize-before-reshape",
        ["(quantize (reshape ?x ?g) ?scale ?zero ?to)", "(reshape (quantize ?x ?scale ?zero ?to) ?g)"],
        &[ONE_STEP, "(fits)"],
    ),
    moved(
        "quantize-before-transpose",
        ["(quantize (transpose ?x ?p) ?scale ?zero ?to)", "(transpose (quantize ?x ?scale ?zero ?to) ?p)"],
        &[ONE_STEP],
    ),
    moved(
        "quantize-before-slice",
        ["(quantize (slice ?x ?a ?n ?s) ?scale ?zero ?to)", "(slice (quantize ?x ?scale ?zero ?to) ?a ?n ?s)"],
        &[ONE_STEP],
    ),
    moved(
        "quantize-before-concat",
        [
            "(quantize (concat ?x ?y ?axis) ?scale ?zero ?to)",
            "(concat (quantize ?x ?scale ?zero ?to) (quantize ?y ?scale ?zero ?to) ?axis)",
        ],
        &["(fits)"],
    ),
];
