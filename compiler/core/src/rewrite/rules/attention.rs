//! Attention in the spellings of exporters.
//!
//! Keys come transposed, in whatever form; the composite is given their transposition, which cancels.

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
];
