//! Transpositions, reshapes, slices, concatenations and broadcasts: cancellation and motion.

use crate::rewrite::rule::Kind::{Explore, Normalize};
use crate::rewrite::rule::RuleNumerics::Exact;
use crate::rewrite::rule::{Kind, Rule};

const fn rule(
    name: &'static str,
    why: &'static str,
    [left, right]: [&'static str; 2],
    given: &'static [&'static str],
    kind: Kind,
) -> Rule {
    Rule { name, why, left, parts: &[], right, given, when: &[], numerics: Exact, kind }
}

const SMALLER: &str = "an operator broadcasts by itself";
const SCALE: &str = "attention has a scale of its own";
const TOGETHER: &str = "tables of angles are concatenated before their function";

pub(super) const RULES: &[Rule] = &[
    rule("transpose-nothing", "no axis moves", ["(transpose ?x ?p)", "?x"], &["(identity ?p)"], Normalize),
    rule(
        "transpose-transpose",
        "two orders are one, and may cancel",
        ["(transpose (transpose ?x ?p) ?q)", "(transpose ?x (=composed ?p ?q))"],
        &[],
        Normalize,
    ),
    rule(
        "transpose-single",
        "to move axes of size 1 is to regroup",
        ["r=(transpose ?x ?p)", "(=reshaped ?x ?r)"],
        &["(in-order ?p ?x)"],
        Normalize,
    ),
    rule("reshape-nothing", "the sizes stay", ["(reshape ?x ?g)", "?x"], &["(fits)"], Normalize),
    rule(
        "reshape-reshape",
        "two groupings are one, and may cancel",
        ["r=(reshape (reshape ?x ?g) ?h)", "(=reshaped ?x ?r)"],
        &[],
        Normalize,
    ),
    rule(
        "reshape-past-transpose",
        "transpositions meet, and may cancel",
        ["r=(reshape (transpose ?x ?p) ?g)", "(=transposed-later ?x ?p ?r)"],
        &["(fits)"],
        Explore,
    ),
    rule("transpose-past-scale", SCALE, ["(transpose (mul ?x $s) ?p)", "(mul (transpose ?x ?p) $s)"], &[], Explore),
    rule("reshape-past-scale", SCALE, ["r=(reshape (mul ?x $s) ?g)", "(mul (=reshaped ?x ?r) $s)"], &[], Explore),
    rule("slice-nothing", "all elements stay", ["(slice ?x ?a ?n ?s)", "?x"], &["(ones ?s)", "(fits)"], Normalize),
    rule(
        "slice-slice",
        "two slices are one",
        ["(slice (slice ?x ?a ?n ?s) ?b ?m ?t)", "(=slice-of-slice ?x ?a ?n ?s ?b ?m ?t)"],
        &[],
        Normalize,
    ),
    rule(
        "slice-concat",
        "what lies in one part needs no concatenation",
        ["(slice c=(concat *) ?a ?n ?s)", "(=cut-of-parts ?c ?a ?n ?s)"],
        &["(fits)"],
        Normalize,
    ),
    rule("concat-one", "a single part", ["(concat ?x ?axis)", "?x"], &[], Normalize),
    rule(
        "reshape-concat",
        "the halves of a table are seen through an axis of size 1",
        ["r=(reshape c=(concat *) ?g)", "(=parts-reshaped ?c ?r)"],
        &["(fits)"],
        Explore,
    ),
    rule("cos-concat", TOGETHER, ["(cos (concat ?x ?y ?axis))", "(concat (cos ?x) (cos ?y) ?axis)"], &[], Explore),
    rule("sin-concat", TOGETHER, ["(sin (concat ?x ?y ?axis))", "(concat (sin ?x) (sin ?y) ?axis)"], &[], Explore),
    rule("broadcast-nothing", "the sizes stay", ["(broadcast ?x ?n)", "?x"], &["(fits)"], Normalize),
    rule(
        "broadcast-broadcast",
        "repeating twice is repeating once",
        ["(broadcast (broadcast ?x ?n) ?m)", "(broadcast ?x ?m)"],
        &[],
        Normalize,
    ),
    rule(
        "broadcast-reshaped",
        "maps are enlarged along one axis after the other, and written once",
        ["r=(broadcast m=(reshape b=(broadcast ?x ?n) ?g) ?o)", "(=repeated-once ?x ?b ?m ?r)"],
        &["(fits)"],
        Normalize,
    ),
    rule("broadcast-add", SMALLER, ["(add (broadcast ?x ?n) ?y)", "(add ?x ?y)"], &["(fits)"], Normalize),
    rule("broadcast-mul", SMALLER, ["(mul (broadcast ?x ?n) ?y)", "(mul ?x ?y)"], &["(fits)"], Normalize),
    rule("broadcast-sub-left", SMALLER, ["(sub (broadcast ?x ?n) ?y)", "(sub ?x ?y)"], &["(fits)"], Normalize),
    rule("broadcast-sub-right", SMALLER, ["(sub ?x (broadcast ?y ?n))", "(sub ?x ?y)"], &["(fits)"], Normalize),
    rule("broadcast-div-left", SMALLER, ["(div (broadcast ?x ?n) ?y)", "(div ?x ?y)"], &["(fits)"], Normalize),
    rule("broadcast-div-right", SMALLER, ["(div ?x (broadcast ?y ?n))", "(div ?x ?y)"], &["(fits)"], Normalize),
    rule(
        "broadcast-select-left",
        SMALLER,
        ["(select ?c (broadcast ?x ?n) ?y)", "(select ?c ?x ?y)"],
        &["(fits)"],
        Normalize,
    ),
    rule(
        "broadcast-select-right",
        SMALLER,
        ["(select ?c ?x (broadcast ?y ?n))", "(select ?c ?x ?y)"],
        &["(fits)"],
        Normalize,
    ),
];
