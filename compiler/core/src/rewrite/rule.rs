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
    /// The form that is found; names of parts stand for [`Rule::parts`], here and on the right. Several that are found together stand with `&` between
    /// them.
    pub left: &'static str,
    /// Parts of either side by name.
    pub parts: &'static [(&'static str, &'static str)],
    /// The form that is added to the same class; of several, one for each.
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
    /// Several values that share an operand as parts of one; after all others, when it is known what reads them.
    Merge,
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
            Kind::Merge => "merge",
            Kind::Expand => "expand",
        }
    }
}

/// A rule whose texts are read.
pub(super) struct ReadRule {
    pub(super) rule: &'static Rule,
    pub(super) left: Pattern,
    pub(super) right: Template,
    /// The other forms that are found with it, and what is added to their classes.
    pub(super) beside: Vec<(Pattern, Template)>,
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
        let lefts = self.left.split('&').map(|text| Pattern::parse(text, self.parts, &mut names));
        let mut lefts: Vec<Pattern> = lefts.collect::<Result<_, _>>()?;
        let bound = names.all.len();
        let rights = self.right.split('&').map(|text| Template::parse(text, self.parts, &mut names));
        let mut rights: Vec<Template> = rights.collect::<Result<_, _>>()?;
        if lefts.len() != rights.len() {
            return Err(format!("{} forms become {}", lefts.len(), rights.len()));
        }
        let (left, right) = (lefts.remove(0), rights.remove(0));
        let beside = lefts.into_iter().zip(rights).collect();
        let conditions = |texts: &'static [&'static str], names: &mut Names| {
            texts.iter().map(|text| Condition::parse(text, names)).collect::<Result<Vec<_>, String>>()
        };
        let (given, when) = (conditions(self.given, &mut names)?, conditions(self.when, &mut names)?);
        match names.all.get(bound) {
            Some(free) => Err(format!("`{free}` is not bound by the left side")),
            None => Ok(ReadRule { rule: self, left, right, beside, given, when, names: names.all }),
        }
    }
}

/// A place where a left side is found: the classes of its forms, and what its names stand for.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) roots: Vec<Id>,
    pub(super) found: Match,
}

/// More forms than this that share what they should are not tried in all ways of taking some.
const MOST_BESIDE: usize = 8;

impl ReadRule {
    /// Everywhere that the left side is found.
    pub(super) fn places(&self, forms: &Forms) -> Vec<Place> {
        let first = self.alike(forms, &self.left);
        let mut places: Vec<Place> = first.map(|(class, found)| Place { roots: vec![class], found }).collect();
        for (pattern, _) in &self.beside {
            let all: Vec<(Id, Match)> = self.alike(forms, pattern).collect();
            let mut joined = Vec::new();
            for place in &places {
                let with = all.iter().filter(|(class, _)| place.roots.last().is_some_and(|last| last < class));
                let with = with.filter_map(|(class, found)| {
                    let roots = place.roots.iter().copied().chain([*class]).collect();
                    Some(Place { roots, found: place.found.with(found)? })
                });
                let with: Vec<Place> = with.collect();
                if with.len() <= MOST_BESIDE {
                    joined.extend(with);
                }
            }
            places = joined;
        }
        places
    }

    fn alike<'a>(&'a self, forms: &'a Forms, pattern: &'a Pattern) -> impl Iterator<Item = (Id, Match)> + 'a {
        let classes = pattern.heads().into_iter().flat_map(|head| {
            let mut classes: Vec<Id> = forms.classes_for_op(&head).into_iter().flatten().collect();
            classes.sort_unstable();
            classes
        });
        classes.flat_map(|class| {
            pattern.matches(forms, class, self.names.len()).into_iter().map(move |found| (class, found))
        })
    }

    /// Whether the conditions hold.
    pub(super) fn check(&self, forms: &Forms, found: &Match) -> Result<(), Refused> {
        let texts = self.rule.given.iter().chain(self.rule.when);
        match self.given.iter().chain(&self.when).zip(texts).find(|(one, _)| !one.holds(forms, found)) {
            Some((_, text)) => Err(Refused::Condition(text)),
            None => Ok(()),
        }
    }

    /// Builds the right sides; the classes are not joined with the roots'.
    pub(super) fn build(&self, forms: &mut Forms, place: &Place) -> Result<Vec<Id>, Refused> {
        let rights = [&self.right].into_iter().chain(self.beside.iter().map(|(_, right)| right));
        let mut all = Vec::with_capacity(place.roots.len());
        for (right, &root) in rights.zip(&place.roots) {
            let built = right.build(forms, root, &place.found).ok_or(Refused::Right)?;
            let fits = match (known(forms, built), known(forms, root)) {
                (Some(new), Some(old)) => new.fact.dtype == old.fact.dtype && new.fact.shape == old.fact.shape,
                _ => false,
            };
            all.push(fits.then_some(built).ok_or(Refused::Fact)?);
        }
        Ok(all)
    }
}
