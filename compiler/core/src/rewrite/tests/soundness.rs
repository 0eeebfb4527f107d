//! Every rule: well formed, sound on samples, not vacuous, no condition too many.

use super::random::Random;
use super::trial::{Outcome, trial};
use crate::rewrite::rule::{Kind, ReadRule};
use crate::rewrite::rules::all;
use std::collections::BTreeSet;

/// Samples of a rule at most.
const TRIALS: usize = 150_000;
/// Samples on which both sides must have been computed.
const ENOUGH: usize = 100;

pub(super) fn read(rule: &'static crate::rewrite::Rule) -> ReadRule {
    rule.read().unwrap_or_else(|error| panic!("rule `{}`: {error}", rule.name))
}

/// How often both sides were equal; what differed, if something did.
pub(super) fn tried(rule: &ReadRule, without: Option<&str>, enough: usize) -> Result<usize, String> {
    let mut random = Random::new(rule.rule.name.bytes().map(u64::from).sum::<u64>() + 1);
    let mut equal = 0;
    for _ in 0..TRIALS {
        match trial(rule, without, &mut random) {
            Outcome::Equal => equal += 1,
            Outcome::Differs(how) => return Err(how),
            Outcome::NoSample | Outcome::Refused(_) | Outcome::NotBuilt => {}
        }
        if equal >= enough {
            break;
        }
    }
    Ok(equal)
}

#[test]
fn rules_are_well_formed() {
    let mut names = BTreeSet::new();
    for rule in all() {
        let read = read(rule);
        assert!(names.insert(rule.name), "a second rule `{}`", rule.name);
        assert!(!rule.why.is_empty(), "`{}` says no reason", rule.name);
        assert!(!read.left.heads().is_empty(), "`{}` finds anything", rule.name);
        let kebab = rule.name.chars().all(|c| c.is_ascii_lowercase() || c == '-' || c.is_ascii_digit());
        assert!(kebab, "`{}`", rule.name);
        if rule.kind == Kind::Recognize {
            let composite = |name: &&str| m4c_ops::table::find(name).is_some_and(m4c_ops::Op::is_composite);
            let builds = read.right.operators().iter().any(composite) || rule.right.contains("(=attend");
            assert!(builds, "`{}` recognizes nothing", rule.name);
        }
    }
}

#[test]
fn both_sides_of_every_rule_are_equal() {
    let mut wrong = Vec::new();
    for rule in all() {
        match tried(&read(rule), None, ENOUGH) {
            Ok(equal) if equal >= ENOUGH => {}
            Ok(equal) => wrong.push(format!("`{}` was computed on {equal} samples only", rule.name)),
            Err(how) => wrong.push(format!("`{}` is not sound:\n{how}", rule.name)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_condition_is_needed() {
    let mut idle = Vec::new();
    for rule in all() {
        for given in rule.given {
            if let Ok(equal) = tried(&read(rule), Some(given), 20 * ENOUGH) {
                idle.push(format!("`{}` is sound without {given}: {equal} samples", rule.name));
            }
        }
    }
    assert!(idle.is_empty(), "{}", idle.join("\n"));
}
