//! Wrong rules of different kinds, which the tests of rules must catch.

use super::soundness::{read, tried};
use crate::rewrite::rule::Kind::Normalize;
use crate::rewrite::rule::RuleNumerics::{Exact, Reassociate};
use crate::rewrite::rule::{Rule, RuleNumerics};

const fn wrong(
    name: &'static str,
    why: &'static str,
    [left, right]: [&'static str; 2],
    numerics: RuleNumerics,
) -> Rule {
    Rule { name, why, left, parts: &[], right, given: &[], when: &[], numerics, kind: Normalize }
}

static PLANTED: &[Rule] = &[
    wrong("signed-zero", "-0 + 0 is +0", ["(add ?x 0)", "?x"], Exact),
    wrong("annihilated", "NaN and infinities", ["(mul ?x 0)", "(sub ?x ?x)"], Exact),
    wrong("self-quotient", "0 / 0", ["(div ?x ?x)", "(pow ?x 0)"], Exact),
    wrong("added-and-taken", "rounding", ["(sub (add ?x ?y) ?y)", "?x"], Exact),
    wrong("dropped-nan", "a maximum that forgets NaN", ["(max ?x ?x)", "(select (less ?x ?x) ?x (max ?x 0))"], Exact),
    wrong("reassociated", "sums round", ["(add (add ?x ?y) ?z)", "(add ?x (add ?y ?z))"], Exact),
    wrong(
        "composed-backward",
        "the wrong order",
        ["(transpose (transpose ?x ?p) ?q)", "(transpose ?x (=composed ?q ?p))"],
        Exact,
    ),
    wrong("transpose-nothing", "a square matrix", ["(transpose ?x ?p)", "?x"], Exact),
    wrong("slice-nothing", "a reversed axis", ["(slice ?x ?a ?n ?s)", "?x"], Exact),
    wrong("wrong-number", "a factor of another size", ["(mul (mul ?x $a) $b)", "(mul ?x $b)"], Reassociate),
    wrong(
        "any-axis",
        "softmax along another axis",
        ["(matmul (softmax (matmul ?q ?k) ?axis) ?v)", "(=attend ?q ?k ?v none 1 false)"],
        Reassociate,
    ),
    wrong(
        "adapter",
        "a weight that broadcasts in the sum has no such product",
        ["(matmul ?x (add ?w (matmul ?a ?b)))", "(add (matmul ?x ?w) (matmul (matmul ?x ?a) ?b))"],
        Reassociate,
    ),
    wrong(
        "mean-of-anything",
        "another number than that of the elements",
        [
            "(mul (div ?x (sqrt (add (div (reduce_sum (mul ?x ?x) ?axes true) $n) $e))) ?scale)",
            "(rms_norm ?x ?scale (=f32 $e) (=first ?axes))",
        ],
        Reassociate,
    ),
];

#[test]
fn wrong_rules_are_caught() {
    let missed: Vec<&str> =
        PLANTED.iter().filter(|rule| tried(&read(rule), None, 4000).is_ok()).map(|rule| rule.name).collect();
    assert!(missed.is_empty(), "{missed:?}");
}
