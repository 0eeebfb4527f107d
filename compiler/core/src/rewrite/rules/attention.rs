//! Attention in the spellings of exporters.
//!
//! Keys come transposed, in whatever form; the composite is given their transposition, which cancels.
//!
//! A mask that is added becomes one of truth values only where it hides with the lowest number: a score beside it is lost, so that
//! a row that sees nothing attends to all alike in both forms. With minus infinity it would be NaN in one.

use super::normalize;
use crate::rewrite::rule::Kind::{Explore, Recognize};
use crate::rewrite::rule::Rule;
use crate::rewrite::rule::RuleNumerics::{Exact, Reassociate};

/// Attention in one spelling; guarded weights count as 0 where they are not numbers.
const fn rule(
    name: &'static str,
    masked: &'static [(&'static str, &'static str)],
    sides: [&'static str; 2],
    given: &'static [&'static str],
) -> Rule {
    let [left, right] = sides;
    let why = "scores and weights stay out of memory";
    Rule { name, why, left, parts: masked, right, given, when: &[], numerics: Reassociate, kind: Recognize }
}

const PLAIN: &str = "(matmul w=(softmax masked ?axis) ?v)";
const GUARDED: &str = "(matmul (select (equal w=(softmax masked ?axis) ?w) ?w 0) ?v)";
const GIVEN: &[&str] = &["(last ?axis ?w)", "(fits)"];
const HIDDEN: &[&str] = &["(last ?axis ?w)", "(lowest $hidden ?v)", "(fits)"];

const SCALED: (&str, &str) = ("scaled", "(mul scores $s)");
const SCORES: (&str, &str) = ("scores", "(matmul ?q ?k)");
const BARE: &[(&str, &str)] = &[("masked", "scores"), SCORES];
const SCALE: &[(&str, &str)] = &[("masked", "scaled"), SCALED, SCORES];
const MASK: &[(&str, &str)] = &[("masked", "(add scores ?mask)"), SCORES];
const SCALE_MASK: &[(&str, &str)] = &[("masked", "(add scaled ?mask)"), SCALED, SCORES];
const HIDE: &[(&str, &str)] = &[("masked", "(select ?mask scores $hidden)"), SCORES];
const SCALE_HIDE: &[(&str, &str)] = &[("masked", "(select ?mask scaled $hidden)"), SCALED, SCORES];

pub(super) const RULES: &[Rule] = &[
    rule("recognize-attention", BARE, [PLAIN, "(=attend ?q ?k ?v none 1 false)"], GIVEN),
    rule("recognize-scaled-attention", SCALE, [PLAIN, "(=attend ?q ?k ?v none $s false)"], GIVEN),
    rule("recognize-masked-attention", MASK, [PLAIN, "(=attend ?q ?k ?v ?mask 1 false)"], GIVEN),
    rule("recognize-scaled-masked-attention", SCALE_MASK, [PLAIN, "(=attend ?q ?k ?v ?mask $s false)"], GIVEN),
    rule("recognize-hidden-attention", HIDE, [PLAIN, "(=attend ?q ?k ?v ?mask 1 false)"], HIDDEN),
    rule("recognize-scaled-hidden-attention", SCALE_HIDE, [PLAIN, "(=attend ?q ?k ?v ?mask $s false)"], HIDDEN),
    rule("recognize-guarded-attention", BARE, [GUARDED, "(=attend ?q ?k ?v none 1 true)"], GIVEN),
    rule("recognize-guarded-scaled-attention", SCALE, [GUARDED, "(=attend ?q ?k ?v none $s true)"], GIVEN),
    rule("recognize-guarded-masked-attention", MASK, [GUARDED, "(=attend ?q ?k ?v ?mask 1 true)"], GIVEN),
    rule("recognize-guarded-scaled-masked-attention", SCALE_MASK, [GUARDED, "(=attend ?q ?k ?v ?mask $s true)"], GIVEN),
    rule("recognize-guarded-hidden-attention", HIDE, [GUARDED, "(=attend ?q ?k ?v ?mask 1 true)"], HIDDEN),
    rule(
        "recognize-guarded-scaled-hidden-attention",
        SCALE_HIDE,
        [GUARDED, "(=attend ?q ?k ?v ?mask $s true)"],
        HIDDEN,
    ),
    Rule {
        name: "hidden-sum",
        why: "a bias and what hides are one mask; what is added to the lowest number is too small to change it",
        left: "(select ?mask (add ?x ?bias) -3.4028234663852886e38)",
        parts: &[],
        right: "(add ?x (select ?mask ?bias -3.4028234663852886e38))",
        given: &[],
        when: &[],
        numerics: Reassociate,
        kind: Explore,
    },
    Rule {
        name: "attention-shared-heads",
        why: "keys and values of several heads are read once",
        left: "(attention ?q keys values ?mask ?scale ?cap ?causal ?guarded)",
        parts: &[
            ("keys", "kh=(reshape kt=(broadcast k1=(reshape ?k ?a) ?b) ?c)"),
            ("values", "vh=(reshape vt=(broadcast v1=(reshape ?v ?d) ?e) ?f)"),
        ],
        right: "(attention ?q ?k ?v ?mask ?scale ?cap ?causal ?guarded)",
        given: &["(repeats-heads ?k ?k1 ?kt ?kh)", "(repeats-heads ?v ?v1 ?vt ?vh)"],
        when: &[],
        numerics: Exact,
        kind: Recognize,
    },
    normalize(
        "truth-of-mask",
        "older exporters write the lowest number over a mask where it is not 0",
        ["(select (cast ?x ?bool) ?y ?x)", "(select (cast ?x ?bool) ?y 0)"],
        &["(fits)"],
        Reassociate,
    ),
    normalize(
        "attention-shown",
        "a mask that is added and only shows or hides is one of truth values, a quarter of its size",
        [
            "(attention ?q ?k ?v (select ?shown 0 $hidden) ?scale ?cap ?causal ?guarded)",
            "(attention ?q ?k ?v ?shown ?scale ?cap ?causal ?guarded)",
        ],
        &["(absorbing $hidden ?q)"],
        Reassociate,
    ),
    Rule {
        kind: Explore,
        ..normalize(
            "attention-hidden",
            "a mask that is added and only hides or shows is one of truth values, a quarter of its size",
            [
                "(attention ?q ?k ?v (select ?hides $hidden 0) ?scale ?cap ?causal ?guarded)",
                "(attention ?q ?k ?v (=not ?hides) ?scale ?cap ?causal ?guarded)",
            ],
            &["(absorbing $hidden ?q)"],
            Reassociate,
        )
    },
    normalize(
        "attention-broadcast-mask",
        "attention broadcasts its mask by itself",
        [
            "(attention ?q ?k ?v (broadcast ?mask ?n) ?scale ?cap ?causal ?guarded)",
            "(attention ?q ?k ?v ?mask ?scale ?cap ?causal ?guarded)",
        ],
        &[],
        Exact,
    ),
    normalize(
        "attention-unmasked",
        "exporters write masks that show everything",
        [
            "(attention ?q ?k ?v ?mask ?scale ?cap ?causal ?guarded)",
            "(attention ?q ?k ?v none ?scale ?cap ?causal ?guarded)",
        ],
        &["(hides-nothing ?mask)"],
        Exact,
    ),
    normalize(
        "attention-causal",
        "keys that a known mask hides from everything before them are not looked at",
        [
            "(attention ?q ?k ?v ?mask ?scale ?cap ?none ?guarded)",
            "(attention ?q ?k ?v none ?scale ?cap (=keys-before ?mask ?q ?k) ?guarded)",
        ],
        &["(empty ?none)", "(fits)"],
        Reassociate,
    ),
];
