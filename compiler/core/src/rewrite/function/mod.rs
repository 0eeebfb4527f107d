//! What right sides may compute: a closed list, each tested by the rules that use it.

mod axes;
mod heads;
mod movement;
mod number;
mod repeat;
mod window;

use super::builder::{Builder, class, value};
use super::language::attr;
use super::template::Part;
use egg::Id;
use m4c_ops::build::Build;
use m4c_ops::{Attr, Dim};

/// A function of right sides.
#[derive(Debug)]
pub(super) struct Function {
    pub(super) name: &'static str,
    pub(super) arguments: usize,
    /// What it gives.
    pub(super) text: &'static str,
    /// Gives up where it has no answer.
    pub(super) apply: fn(&mut Builder<'_>, &[Part]) -> Option<Part>,
}

const fn function(
    name: &'static str,
    arguments: usize,
    text: &'static str,
    apply: fn(&mut Builder<'_>, &[Part]) -> Option<Part>,
) -> Function {
    Function { name, arguments, text, apply }
}

/// All functions.
pub(super) fn all() -> impl Iterator<Item = &'static Function> {
    [number::FUNCTIONS, axes::FUNCTIONS, movement::FUNCTIONS, heads::FUNCTIONS, window::FUNCTIONS].into_iter().flatten()
}

fn number(part: &Part) -> Option<f64> {
    match part {
        Part::Number(number) => Some(*number),
        Part::Class(_) => None,
    }
}

fn id(part: &Part) -> Option<Id> {
    match part {
        Part::Class(id) => Some(*id),
        Part::Number(_) => None,
    }
}

fn attr_of(b: &Builder<'_>, part: &Part) -> Option<Attr> {
    attr(b.forms, id(part)?).cloned()
}

fn dims(b: &Builder<'_>, part: &Part) -> Option<Vec<Dim>> {
    match attr_of(b, part)? {
        Attr::Dims(dims) => Some(dims),
        _ => None,
    }
}

fn ints(b: &Builder<'_>, part: &Part) -> Option<Vec<i64>> {
    match attr_of(b, part)? {
        Attr::Ints(ints) => Some(ints),
        _ => None,
    }
}

/// A value with other sizes.
fn reshaped(b: &mut Builder<'_>, x: Id, shape: &[Dim]) -> Option<Id> {
    let b: &mut dyn Build = b;
    b.reshape(value(x), shape).ok().map(class)
}
