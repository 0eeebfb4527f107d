//! What a rule may demand of what it found: a closed vocabulary, so that it can be evaluated, tested and printed.
//!
//! Only what merging of classes cannot revoke: types, sizes, attributes, and numbers known when compiling.

mod axes;
mod heads;
mod number;
mod window;

use super::language::{Forms, attr, known};
use super::pattern::{Match, Names, words};
use egg::Id;
use m4c_ops::{Attr, Dim, Fact};

/// A demand; it is written as `(name argument …)`.
pub(super) struct Condition {
    pub(super) entry: &'static Entry,
    arguments: Vec<usize>,
}

/// A condition of the vocabulary.
pub(super) struct Entry {
    pub(super) name: &'static str,
    arguments: usize,
    /// In English; `{0}` is the first argument.
    pub(super) text: &'static str,
    holds: fn(&Asked<'_>) -> Option<bool>,
}

/// What a condition is asked of.
struct Asked<'a> {
    forms: &'a Forms,
    found: &'a Match,
    arguments: &'a [usize],
}

impl<'a> Asked<'a> {
    fn class(&self, index: usize) -> Option<Id> {
        self.found.classes[self.arguments[index]]
    }

    fn fact(&self, index: usize) -> Option<&'a Fact> {
        Some(&known(self.forms, self.class(index)?)?.fact)
    }

    fn attr(&self, index: usize) -> Option<&'a Attr> {
        attr(self.forms, self.class(index)?)
    }

    fn ints(&self, index: usize) -> Option<&'a [i64]> {
        match self.attr(index)? {
            Attr::Ints(all) => Some(all),
            _ => None,
        }
    }

    fn dims(&self, index: usize) -> Option<&'a [Dim]> {
        match self.attr(index)? {
            Attr::Dims(all) => Some(all),
            _ => None,
        }
    }

    fn number(&self, index: usize) -> Option<f64> {
        self.found.numbers[self.arguments[index]]
    }
}

const fn entry(
    name: &'static str,
    arguments: usize,
    text: &'static str,
    holds: fn(&Asked<'_>) -> Option<bool>,
) -> Entry {
    Entry { name, arguments, text, holds }
}

/// The vocabulary, by subject.
static CONDITIONS: &[&[Entry]] =
    &[GENERAL, axes::CONDITIONS, number::CONDITIONS, heads::CONDITIONS, window::CONDITIONS];

const GENERAL: &[Entry] = &[
    // Holds by construction: what does not fit is never joined.
    entry("fits", 0, "the right side is well formed, with the type and the sizes of the left", |_| Some(true)),
];

impl Condition {
    /// Reads a condition.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub(super) fn parse(text: &str, names: &mut Names) -> Result<Condition, String> {
        let words = words(text);
        let [open, name, arguments @ .., close] = &words[..] else { return Err(format!("`{text}` is no condition")) };
        let entry = CONDITIONS.iter().copied().flatten().find(|entry| entry.name == name);
        let entry = entry.filter(|_| open == "(" && close == ")").ok_or_else(|| format!("no condition `{name}`"))?;
        if arguments.len() != entry.arguments {
            return Err(format!("`{name}` takes {} arguments", entry.arguments));
        }
        let number = |word: &String| names.number(word.trim_start_matches(['?', '$']));
        Ok(Condition { entry, arguments: arguments.iter().map(number).collect() })
    }

    /// Whether it holds of a match; not where something that it asks for is not known.
    pub(super) fn holds(&self, forms: &Forms, found: &Match) -> bool {
        let asked = Asked { forms, found, arguments: &self.arguments };
        (self.entry.holds)(&asked).unwrap_or(false)
    }

    /// In English.
    pub(super) fn text(&self, names: &[String]) -> String {
        let numbered = self.arguments.iter().enumerate();
        numbered.fold(self.entry.text.to_owned(), |text, (place, &name)| {
            text.replace(&format!("{{{place}}}"), &format!("`{}`", names[name]))
        })
    }
}
