//! Attention in the spellings of exporters.
//!
//! Keys come transposed, in whatever form; the composite is given their transposition, which cancels.

use crate::rewrite::rule::Kind::Recognize;
use crate::rewrite::rule::RuleNumerics::{Exact, Reassociate};
use crate::rewrite::rule::{Rule, RuleNumerics};

const fn rule(
    name: &'static str,
    why: &'static str,
    [left, right]: [&'static str; 2],
    given: &'static [&'static str],
    numerics: RuleNumerics,
) -> Rule {
    Rule { name, why, left, parts: PARTS, right, given, when: &[], numerics, kind: Recognize }
}

const PARTS: &[(&str, &str)] = &[("scaled", "(mul scores $s)"), ("scores", "(matmul ?q ?k)")];
const WHY: &str = "scores and weights stay out of memory";

pub(super) const RULES: &[Rule] = &[
    rule(
        "recognize-attention",
        WHY,
        ["(matmul w=(softmax scores ?axis) ?v)", "(=attend ?q ?k ?v none 1)"],
        &["(last ?axis ?w)", "(fits)"],
        Reassociate,
    ),
    rule(
        "recognize-scaled-attention",
        WHY,
        ["(matmul w=(softmax scaled ?axis) ?v)", "(=attend ?q ?k ?v none $s)"],
        &["(last ?axis ?w)", "(fits)"],
        Reassociate,
    ),
    rule(
        "recognize-masked-attention",
        WHY,
        ["(matmul w=(softmax (add scores ?mask) ?axis) ?v)", "(=attend ?q ?k ?v ?mask 1)"],
        &["(last ?axis ?w)", "(fits)"],
        Reassociate,
    ),
    rule(
        "recognize-scaled-masked-attention",
        WHY,
        ["(matmul w=(softmax (add scaled ?mask) ?axis) ?v)", "(=attend ?q ?k ?v ?mask $s)"],
        &["(last ?axis ?w)", "(fits)"],
        Reassociate,
    ),
    rule(
        "recognize-hidden-attention",
        WHY,
        ["(matmul w=(softmax (select ?shown scores $hidden) ?axis) ?v)", "(=attend ?q ?k ?v ?shown 1)"],
        &["(last ?axis ?w)", "(lowest $hidden ?v)", "(fits)"],
        Reassociate,
    ),
    rule(
        "recognize-scaled-hidden-attention",
        WHY,
        ["(matmul w=(softmax (select ?shown scaled $hidden) ?axis) ?v)", "(=attend ?q ?k ?v ?shown $s)"],
        &["(last ?axis ?w)", "(lowest $hidden ?v)", "(fits)"],
        Reassociate,
    ),
    Rule {
        name: "attention-shared-heads",
        why: "keys and values of several heads are read once",
        left: "(attention ?q keys values ?mask ?scale ?cap ?causal)",
        parts: &[
            ("keys", "kh=(reshape kt=(broadcast k1=(reshape ?k ?a) ?b) ?c)"),
            ("values", "vh=(reshape vt=(broadcast v1=(reshape ?v ?d) ?e) ?f)"),
        ],
        right: "(attention ?q ?k ?v ?mask ?scale ?cap ?causal)",
        given: &["(repeats-heads ?k ?k1 ?kt ?kh)", "(repeats-heads ?v ?v1 ?vt ?vh)"],
        when: &[],
        numerics: Exact,
        kind: Recognize,
    },
];
