//! What a rule is. Rules are data: their tables are in [`super::rules`].

use super::condition::Condition;
use super::language::{Forms, known};
use super::pattern::{Match, Names, Pattern};
use super::template::Template;
use egg::Id;
use serde::Serialize;
use std::fmt;

/// One rewrite.
pub struct Rule {
    /// `kebab-case`, unique over all tables.
    pub name: &'static str,
    /// What it is good for.
    pub why: &'static str,
    /// The form that is found; names of parts stand for [`Rule::parts`].
    pub left: &'static str,
    /// Parts of the left side by name.
    pub parts: &'static [(&'static str, &'static str)],
    /// The form that is added to the same class.
    pub right: &'static str,
    /// What must hold for both sides to be equal.
    pub given: &'static [&'static str],
    /// What must hold for the rule to pay; both sides are equal without it.
    pub when: &'static [&'static str],
    /// How equal the sides are.
    pub numerics: RuleNumerics,
    /// When it is applied.
    pub kind: Kind,
}

/// How equal the sides of a rule are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RuleNumerics {
    /// The same bits for every input, NaN, infinities and signed zeros included; the payload of a NaN is free.
    Exact,
    /// Equal as real numbers; each rounds in its own way, and what overflows in one may not in the other.
    Reassociate,
    /// Apart by more than rounding.
    Approximate,
}

impl RuleNumerics {
    /// All classes, the strictest first.
    pub const ALL: [RuleNumerics; 3] = [RuleNumerics::Exact, RuleNumerics::Reassociate, RuleNumerics::Approximate];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            RuleNumerics::Exact => "exact",
            RuleNumerics::Reassociate => "reassociate",
            RuleNumerics::Approximate => "approximate",
        }
    }
}

impl fmt::Display for RuleNumerics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// When a rule is applied.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Toward one spelling; never to something more costly.
    Normalize,
    /// Primitives to a composite.
    Recognize,
    /// Another form that may be better or worse.
    Explore,
    /// A composite to primitives; generated.
    Expand,
}

impl Kind {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Normalize => "normalize",
            Kind::Recognize => "recognize",
            Kind::Explore => "explore",
            Kind::Expand => "expand",
        }
    }
}

/// A rule whose texts are read.
pub(super) struct ReadRule {
    pub(super) rule: &'static Rule,
    pub(super) left: Pattern,
    pub(super) right: Template,
    pub(super) given: Vec<Condition>,
    pub(super) when: Vec<Condition>,
    pub(super) names: Vec<String>,
}

/// Why a rule does not apply where its left side is found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Refused {
    /// This condition of [`Rule::given`] or [`Rule::when`].
    Condition(&'static str),
    /// A function of the right side has no answer, or the right side is not well formed.
    Right,
    /// The right side has another type or other sizes.
    Fact,
}

impl Rule {
    /// Reads the texts.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(super) fn read(&'static self) -> Result<ReadRule, String> {
        let mut names = Names { all: Vec::new() };
        let left = Pattern::parse(self.left, self.parts, &mut names)?;
        let bound = names.all.len();
        let right = Template::parse(self.right, &mut names)?;
        let conditions = |texts: &'static [&'static str], names: &mut Names| {
            texts.iter().map(|text| Condition::parse(text, names)).collect::<Result<Vec<_>, String>>()
        };
        let (given, when) = (conditions(self.given, &mut names)?, conditions(self.when, &mut names)?);
        match names.all.get(bound) {
            Some(free) => Err(format!("`{free}` is not bound by the left side")),
            None => Ok(ReadRule { rule: self, left, right, given, when, names: names.all }),
        }
    }
}

impl ReadRule {
    /// Everything in a class that looks like the left side.
    pub(super) fn matches(&self, forms: &Forms, class: Id) -> Vec<Match> {
        self.left.matches(forms, class, self.names.len())
    }

    /// Whether the conditions hold.
    pub(super) fn check(&self, forms: &Forms, root: Id, found: &Match) -> Result<(), Refused> {
        let texts = self.rule.given.iter().chain(self.rule.when);
        match self.given.iter().chain(&self.when).zip(texts).find(|(one, _)| !one.holds(forms, root, found)) {
            Some((_, text)) => Err(Refused::Condition(text)),
            None => Ok(()),
        }
    }

    /// Builds the right side; the class is not joined with the root's.
    pub(super) fn build(&self, forms: &mut Forms, root: Id, found: &Match) -> Result<Id, Refused> {
        let built = self.right.build(forms, root, found).ok_or(Refused::Right)?;
        let fits = match (known(forms, built), known(forms, root)) {
            (Some(new), Some(old)) => new.fact.dtype == old.fact.dtype && new.fact.shape == old.fact.shape,
            _ => false,
        };
        if fits { Ok(built) } else { Err(Refused::Fact) }
    }
}
