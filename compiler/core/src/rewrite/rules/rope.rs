//! Rotary position embedding in the spellings of exporters.

use crate::rewrite::rule::Kind::Recognize;
use crate::rewrite::rule::Rule;
use crate::rewrite::rule::RuleNumerics::Reassociate;

pub(super) const RULES: &[Rule] = &[Rule {
    name: "recognize-rope",
    why: "one step for seven",
    left: "(add (mul ?x cc=(concat ?c ?c ?axis)) (mul turned ss=(concat ?s ?s ?axis)))",
    parts: &[("turned", "t=(concat (mul (slice ?x ?right ?n ?steps) -1) (slice ?x ?left ?n ?steps) ?axis)")],
    right: "(rope ?x (=without-heads ?c) (=without-heads ?s) false)",
    given: &[
        "(one-head ?c)",
        "(same-shape ?c ?s)",
        "(second-half ?right ?n ?steps ?x)",
        "(first-half ?left ?n ?steps ?x)",
    ],
    when: &[],
    numerics: Reassociate,
    kind: Recognize,
}];
