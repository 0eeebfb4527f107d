//! Products of matrices.

use crate::rewrite::rule::Kind::{Explore, Merge};
use crate::rewrite::rule::Rule;
use crate::rewrite::rule::RuleNumerics::{Exact, Reassociate};

const WHY: &str = "scales of operands gather behind the product, where attention has its own";
const MERGED: &str = "what attention reads of one value is one product";

/// Products of stacked matrices, which are stacked in another way.
const fn heads(name: &'static str, [left, right]: [&'static str; 2], given: &'static [&'static str]) -> Rule {
    let why = "products of all heads of all batches are products of each head, which attention has apart";
    Rule { name, why, left, parts: &[], right, given, when: &[], numerics: Exact, kind: Explore }
}

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
        kind: Explore,
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
        kind: Explore,
    },
    Rule {
        name: "matmul-rows",
        why: "rows need not be put behind one another for a product with weights; regrouping cancels around it",
        left: "r=(matmul (reshape ?x ?g) ?w)",
        parts: &[],
        right: "(=reshaped (matmul ?x ?w) ?r)",
        given: &["(matrix ?w)", "(fits)"],
        when: &[],
        numerics: Exact,
        kind: Explore,
    },
    heads("matmul-heads", ["r=(reshape (matmul ?x ?y) ?g)", "(matmul (=stacked ?x ?r) (=stacked ?y ?r))"], &["(fits)"]),
    heads(
        "biased-matmul-heads",
        ["r=(reshape (add p=(matmul ?x ?y) ?z) ?g)", "(add (=reshaped ?p ?r) (=reshaped ?z ?r))"],
        &["(same-shape ?p ?z)"],
    ),
    heads(
        "scaled-biased-matmul-heads",
        ["r=(reshape (add p=(mul (matmul ?x ?y) $s) ?z) ?g)", "(add (=reshaped ?p ?r) (=reshaped ?z ?r))"],
        &["(same-shape ?p ?z)"],
    ),
    Rule {
        name: "conv-of-one-place",
        why: "squeeze-and-excitation and classifiers convolve a single place, which is a product",
        left: "r=(conv ?x ?w ?strides ?dilations ?pads ?groups)",
        parts: &[],
        right: "(=reshaped (matmul (=rows ?x) (=filters ?w)) ?r)",
        given: &["(same-features ?w ?x)", "(zeros ?pads)"],
        when: &[],
        numerics: Reassociate,
        kind: Explore,
    },
    Rule {
        name: "conv-of-rows",
        why: "layers that take rows transpose them for a convolution of one element, and back",
        left: "(transpose (conv (transpose ?x ?there) ?w ?strides ?dilations ?pads ?groups) ?back)",
        parts: &[],
        right: "(matmul ?x (=filters ?w))",
        given: &["(second-from-last ?there)", "(second-to-last ?back)", "(zeros ?pads)", "(fits)"],
        when: &[],
        numerics: Reassociate,
        kind: Explore,
    },
    Rule {
        name: "biased-conv-of-rows",
        why: "layers that take rows transpose them for a convolution of one element, and back",
        left: "(transpose (add c=(conv (transpose ?x ?there) ?w ?strides ?dilations ?pads ?groups) ?bias) ?back)",
        parts: &[],
        right: "(add (matmul ?x (=filters ?w)) (=vector ?bias))",
        given: &[
            "(second-from-last ?there)",
            "(second-to-last ?back)",
            "(a-channel ?bias ?c)",
            "(zeros ?pads)",
            "(fits)",
        ],
        when: &[],
        numerics: Reassociate,
        kind: Explore,
    },
    Rule {
        name: "merge-queries-keys-values",
        why: MERGED,
        left: "q=(matmul ?x ?a) & k=(matmul ?x ?b) & v=(matmul ?x ?c)",
        parts: &[("whole", "(matmul ?x (=beside ?a ?b ?c))")],
        right: "(=share whole ?a ?b ?c 0) & (=share whole ?a ?b ?c 1) & (=share whole ?a ?b ?c 2)",
        given: &["(fits)"],
        when: &["(constant ?a)", "(constant ?b)", "(constant ?c)", "(for-one-attention ?q ?k ?v)"],
        numerics: Exact,
        kind: Merge,
    },
    Rule {
        name: "merge-biased-queries-keys-values",
        why: MERGED,
        left: "q=(add (matmul ?x ?a) ?o) & k=(add (matmul ?x ?b) ?p) & v=(add (matmul ?x ?c) ?r)",
        parts: &[("whole", "(add (matmul ?x (=beside ?a ?b ?c)) (=beside ?o ?p ?r))")],
        right: "(=share whole ?a ?b ?c 0) & (=share whole ?a ?b ?c 1) & (=share whole ?a ?b ?c 2)",
        given: &["(fits)"],
        when: &["(constant ?a)", "(constant ?b)", "(constant ?c)", "(for-one-attention ?q ?k ?v)"],
        numerics: Exact,
        kind: Merge,
    },
];
