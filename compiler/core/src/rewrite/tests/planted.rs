//! Wrong rules of different kinds, which the tests of rules must catch.

use super::direction::{directed, ends, where_applied};
use super::growth::grows_little;
use super::profit::changes_a_choice;
use super::soundness::{read, tried};
use crate::rewrite::rule::Kind::{Normalize, Recognize};
use crate::rewrite::rule::RuleNumerics::{Exact, Reassociate};
use crate::rewrite::rule::{ReadRule, Rule, RuleNumerics};

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

/// Rules that do not lead where their kind says.
static ASTRAY: &[Rule] = &[
    wrong("spelled-out", "two operators for one", ["(mul ?x -1)", "(mul (mul ?x 0.5) -2)"], Reassociate),
    wrong(
        "broadcast-first",
        "more elements, as many operators",
        ["(broadcast (exp ?x) ?n)", "(exp (broadcast ?x ?n))"],
        Exact,
    ),
    Rule {
        kind: Recognize,
        ..wrong(
            "more-than-it-was",
            "a composite and what is left",
            ["(mul ?x (exp ?x))", "(mul (gelu ?x) (exp ?x))"],
            Exact,
        )
    },
];

#[test]
fn rules_that_cost_more_are_caught() {
    for rule in ASTRAY {
        let how = directed(&read(rule)).err().unwrap_or_default();
        assert!(how.contains(" for "), "`{}`: {how}", rule.name);
    }
}

/// Sets of sound rules, each of which leads round in a circle, or on without end.
static CIRCLES: &[&[Rule]] = &[
    &[
        wrong("outward", "a factor moves out", ["(mul (mul ?x $a) ?y)", "(mul (mul ?x ?y) $a)"], Reassociate),
        wrong("inward", "and in again", ["(mul (mul ?x ?y) $a)", "(mul (mul ?x $a) ?y)"], Reassociate),
    ],
    &[wrong("turned-round", "operands change places", ["(sub ?x ?y)", "(mul (sub ?y ?x) -1)"], Reassociate)],
    &[
        wrong("earlier", "negation before a product", ["(mul (mul ?x ?y) -1)", "(mul (mul ?x -1) ?y)"], Exact),
        wrong("later", "negation of another operand", ["(mul (mul ?x -1) ?y)", "(mul (mul ?y -1) ?x)"], Exact),
    ],
    &[wrong("nothing-added", "one more each time", ["(exp ?x)", "(exp (mul ?x 1))"], Exact)],
];

#[test]
fn rules_without_end_are_caught() {
    for circle in CIRCLES {
        let rules: Vec<ReadRule> = circle.iter().map(read).collect();
        let ended = where_applied(&rules[0], &mut |mut sample| {
            ends(&mut sample.forms, sample.place.roots[0], &rules).map(|()| true)
        });
        let how = ended.err().unwrap_or_default();
        assert!(how.contains("lead back") || how.contains("without end"), "`{}`: {how}", circle[0].name);
    }
}

/// Rules with a demand that changes nothing: it always holds, what is needed for equality says it already, or what is chosen is
/// the same in any case.
static IDLE: &[Rule] = &[
    Rule { when: &["(fits)"], ..wrong("always", "nothing is asked", ["(mul ?x 1)", "?x"], Exact) },
    Rule {
        given: &["(identity ?p)"],
        when: &["(identity ?p)"],
        ..wrong("twice", "the same is asked twice", ["(transpose ?x ?p)", "?x"], Exact)
    },
    Rule {
        when: &["(matrix ?x)"],
        ..wrong("never-chosen", "the right side costs more", ["(tanh ?x)", "(tanh (mul ?x 1))"], Exact)
    },
];

#[test]
fn idle_demands_are_caught() {
    let missed: Vec<&str> =
        IDLE.iter().filter(|rule| changes_a_choice(rule, rule.when[0])).map(|rule| rule.name).collect();
    assert!(missed.is_empty(), "{missed:?}");
    static NEEDED: Rule =
        Rule { when: &["(matrix ?x)"], ..wrong("needed", "only some", ["(tanh (tanh ?x))", "(tanh ?x)"], Exact) };
    assert!(changes_a_choice(&NEEDED, NEEDED.when[0]));
}

/// Sound rules that find what they made.
static GROWING: &[Rule] = &[
    wrong("nothing-added", "without end", ["(exp ?x)", "(exp (mul ?x 1))"], Exact),
    wrong("all-orders", "every subset of a sum", ["(add (add ?x ?y) ?z)", "(add ?x (add ?y ?z))"], Reassociate),
    wrong("all-factors", "every product of factors", ["(mul (mul ?x ?y) ?z)", "(mul (mul ?x ?z) ?y)"], Reassociate),
];

#[test]
fn rules_that_grow_are_caught() {
    for rule in GROWING {
        let how = grows_little(rule).err().unwrap_or_default();
        assert!(how.contains("limit of") || how.contains("nodes for"), "`{}`: {how}", rule.name);
    }
}
