//! Rotary position embedding in the spellings of exporters.

use crate::rewrite::rule::Kind::{Explore, Recognize};
use crate::rewrite::rule::Rule;
use crate::rewrite::rule::RuleNumerics::{Exact, Reassociate};

const HALVES: &[&str] =
    &["(one-head ?c)", "(same-shape ?c ?s)", "(second-half ?right ?n ?steps ?x)", "(first-half ?left ?n ?steps ?x)"];

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "recognize-rope",
        why: "one step for seven",
        left: "(add (mul ?x cc=(concat ?c ?c ?axis)) (mul turned ss=(concat ?s ?s ?axis)))",
        parts: &[("turned", "t=(concat (mul (slice ?x ?right ?n ?steps) -1) (slice ?x ?left ?n ?steps) ?axis)")],
        right: "(rope ?x (=without-heads ?c) (=without-heads ?s) false)",
        given: HALVES,
        when: &[],
        numerics: Reassociate,
        kind: Recognize,
    },
    Rule {
        name: "recognize-rope-with-signed-table",
        why: "the table of sines may have the sign of the left half",
        left: "(add (mul ?x cc=(concat ?c ?c ?axis)) (mul turned ss=(concat (mul ?s -1) ?s ?axis)))",
        parts: &[("turned", "t=(concat (slice ?x ?right ?n ?steps) (slice ?x ?left ?n ?steps) ?axis)")],
        right: "(rope ?x (=without-heads ?c) (=without-heads ?s) false)",
        given: HALVES,
        when: &[],
        numerics: Reassociate,
        kind: Recognize,
    },
    Rule {
        name: "recognize-rope-of-halves",
        why: "one step for nine",
        left: "(concat (sub (mul left ?c) (mul right ?s)) (add (mul left ?s) (mul right ?c)) ?axis)",
        parts: &[("left", "(slice ?x ?left ?n ?steps)"), ("right", "(slice ?x ?right ?n ?steps)")],
        right: "(rope ?x (=without-heads ?c) (=without-heads ?s) false)",
        given: &[HALVES[1], HALVES[2], HALVES[3], "(fits)"],
        when: &[],
        numerics: Exact,
        kind: Recognize,
    },
    Rule {
        name: "recognize-interleaved-rope",
        why: "one step for twelve",
        left: "(reshape p=(concat (reshape new-left ?g) (reshape new-right ?g) ?axis) ?h)",
        parts: &[
            ("new-left", "first=(sub (mul left ?c) (mul right ?s))"),
            ("new-right", "second=(add (mul left ?s) (mul right ?c))"),
            ("left", "(slice ?x ?left ?n ?steps)"),
            ("right", "(slice ?x ?right ?n ?steps)"),
        ],
        right: "(rope ?x (=without-heads ?c) (=without-heads ?s) true)",
        given: &[
            "(same-shape ?c ?s)",
            "(odd-elements ?right ?n ?steps ?x)",
            "(even-elements ?left ?n ?steps ?x)",
            "(pairs ?p ?x)",
            "(last ?axis ?p)",
            "(fits)",
        ],
        when: &[],
        numerics: Exact,
        kind: Recognize,
    },
    Rule {
        name: "slice-of-pairs",
        why: "one of each pair of elements is every second element",
        left: "(reshape (slice p=(reshape ?x ?g) ?start ?n ?steps) ?h)",
        parts: &[],
        right: "(=every-second ?x ?p ?start ?n ?steps)",
        given: &["(fits)"],
        when: &[],
        numerics: Exact,
        kind: Explore,
    },
    Rule {
        name: "cast-of-table",
        why: "the tables of models of half precision are cast when they are whole",
        left: "(cast (concat ?x ?x ?axis) ?to)",
        parts: &[],
        right: "(concat (cast ?x ?to) (cast ?x ?to) ?axis)",
        given: &[],
        when: &[],
        numerics: Exact,
        kind: Explore,
    },
];
