//! Numbers, powers and casts.

use crate::rewrite::rule::Kind::{Explore, Normalize};
use crate::rewrite::rule::RuleNumerics::{Exact, Reassociate};
use crate::rewrite::rule::{Rule, RuleNumerics};

const fn rule(name: &'static str, why: &'static str, sides: [&'static str; 2], numerics: RuleNumerics) -> Rule {
    Rule { name, why, left: sides[0], parts: &[], right: sides[1], given: &[], when: &[], numerics, kind: Normalize }
}

/// A rule whose right side does not always fit.
const fn fitting(name: &'static str, why: &'static str, sides: [&'static str; 2], numerics: RuleNumerics) -> Rule {
    Rule { given: &["(fits)"], ..rule(name, why, sides, numerics) }
}

pub(super) const RULES: &[Rule] = &[
    rule("mul-one", "exporters write scales that are 1", ["(mul ?x 1)", "?x"], Exact),
    rule("div-one", "exporters write scales that are 1", ["(div ?x 1)", "?x"], Exact),
    rule("sub-zero", "masks and offsets may be nothing", ["(sub ?x 0)", "?x"], Exact),
    rule("add-minus-zero", "what -0 is added to stays", ["(add ?x -0)", "?x"], Exact),
    rule("add-zero", "biases may be nothing; only the sign of a zero changes", ["(add ?x 0)", "?x"], Reassociate),
    rule("negated-twice", "negation is a product with -1", ["(mul (mul ?x -1) -1)", "?x"], Exact),
    rule("negate", "one spelling of negation", ["(sub 0 ?x)", "(mul ?x -1)"], Reassociate),
    fitting(
        "mul-numbers",
        "the scales of queries and keys are one",
        ["(mul (mul ?x $a) $b)", "(mul ?x (=product $a $b))"],
        Reassociate,
    ),
    Rule {
        name: "div-number",
        why: "one spelling of scales",
        left: "(div ?x $a)",
        parts: &[],
        right: "(mul ?x (=reciprocal $a))",
        given: &["(finite-reciprocal $a ?x)"],
        when: &[],
        numerics: Reassociate,
        kind: Normalize,
    },
    Rule {
        name: "mul-number-outward",
        why: "a factor inside a product is one of the whole",
        left: "(mul (mul ?x $a) ?y)",
        parts: &[],
        right: "(mul (mul ?x ?y) $a)",
        given: &[],
        when: &[],
        numerics: Reassociate,
        kind: Explore,
    },
    rule("mul-reciprocal", "one spelling of quotients", ["(mul ?x (div 1 ?y))", "(div ?x ?y)"], Reassociate),
    Rule {
        name: "div-scaled",
        why: "a learned scale comes behind the division of a norm",
        left: "(div (mul ?x ?scale) ?y)",
        parts: &[],
        right: "(mul (div ?x ?y) ?scale)",
        given: &["(real ?x)"],
        when: &["(constant ?scale)"],
        numerics: Reassociate,
        kind: Explore,
    },
    rule("pow-one", "a power of 1 is its base", ["(pow ?x 1)", "?x"], Exact),
    rule("pow-two", "one spelling of squares", ["(pow ?x 2)", "(mul ?x ?x)"], Reassociate),
    Rule {
        kind: Explore,
        ..rule("pow-three", "two products for a power", ["(pow ?x 3)", "(mul (mul ?x ?x) ?x)"], Reassociate)
    },
    rule("pow-half", "one spelling of roots", ["(pow ?x 0.5)", "(sqrt ?x)"], Reassociate),
    Rule {
        kind: Explore,
        ..rule("pow-minus-half", "norms divide by a root", ["(pow ?x -0.5)", "(div 1 (sqrt ?x))"], Reassociate)
    },
    Rule {
        name: "select-not",
        why: "a condition that is turned round",
        left: "(select (equal ?c ?no) ?x ?y)",
        parts: &[],
        right: "(select ?c ?y ?x)",
        given: &["(all-false ?no)", "(fits)"],
        when: &[],
        numerics: Exact,
        kind: Normalize,
    },
    fitting("select-same", "both ways lead to the same", ["(select ?c ?x ?x)", "?x"], Exact),
    fitting("cast-same", "a cast to the type that a value has", ["(cast ?x ?to)", "?x"], Exact),
    Rule {
        name: "cast-there-and-back",
        why: "half precision that is widened and narrowed again",
        left: "(cast c=(cast ?x ?wide) ?to)",
        parts: &[],
        right: "(cast ?x ?to)",
        given: &["(widens ?c ?x)"],
        when: &[],
        numerics: Exact,
        kind: Normalize,
    },
];
