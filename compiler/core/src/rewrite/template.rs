//! Right sides of rules: what is built of the parts that were found.
//!
//! As in a pattern, `(op …)` is an operator with its attributes after its operands, `?x` a name of the left side, `0.5` a
//! scalar of the root's type, `true` and `none` an attribute and an absent operand. `(=name …)` is a function of [`super::function`].

use super::builder::Builder;
use super::function::{self, Function};
use super::language::{Forms, Head, known};
use super::pattern::{Match, Names, words};
use egg::Id;
use m4c_ops::build::Build;
use m4c_ops::{Attr, Attrs, DType, Op, Tensor, table};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A form to build.
#[derive(Clone, Debug)]
pub(super) enum Template {
    Name(usize),
    /// A number that the left side found, as an `f32` scalar.
    Number(usize),
    Literal(f64),
    Flag(bool),
    Absent,
    Apply {
        op: &'static Op,
        children: Vec<Template>,
    },
    Call {
        function: &'static Function,
        arguments: Vec<Template>,
    },
}

/// What a template gives on its way.
pub(super) enum Part {
    Class(Id),
    Number(f64),
}

impl Template {
    /// Reads a template whose parts are defined.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub(super) fn parse(text: &str, parts: &[(&str, &str)], names: &mut Names) -> Result<Template, String> {
        let words = words(text);
        let mut rest = words.as_slice();
        let template = parse(&mut rest, parts, names)?;
        if rest.is_empty() { Ok(template) } else { Err(format!("`{}` follows a whole form", rest.join(" "))) }
    }

    /// Builds it; the class of the result.
    pub(super) fn build(&self, forms: &mut Forms, root: Id, found: &Match) -> Option<Id> {
        let mut origins = BTreeSet::new();
        for class in &found.inside {
            origins.extend(known(forms, *class)?.origins.iter().cloned());
        }
        let mut builder = Builder::new(forms);
        builder.origins = Arc::new(origins);
        builder.root = Some(root);
        match self.part(&mut builder, found)? {
            Part::Class(class) => Some(class),
            Part::Number(number) => scalar(&mut builder, number),
        }
    }

    fn part(&self, builder: &mut Builder<'_>, found: &Match) -> Option<Part> {
        Some(Part::Class(match self {
            Template::Name(name) => found.classes[*name]?,
            Template::Number(name) => return Some(Part::Number(found.numbers[*name]?)),
            Template::Literal(number) => return Some(Part::Number(*number)),
            Template::Flag(flag) => builder.attr(&Attr::Flag(*flag)),
            Template::Absent => builder.absent(),
            Template::Call { function, arguments } => {
                let arguments: Option<Vec<Part>> = arguments.iter().map(|one| one.part(builder, found)).collect();
                return (function.apply)(builder, &arguments?);
            }
            Template::Apply { op, children } => {
                let mut classes = Vec::with_capacity(children.len());
                for child in children {
                    classes.push(match child.part(builder, found)? {
                        Part::Class(class) => class,
                        Part::Number(number) => scalar(builder, number)?,
                    });
                }
                applied(builder, op, &classes)?
            }
        }))
    }

    /// The operators that it builds.
    #[cfg(test)]
    pub(super) fn operators(&self) -> Vec<&'static str> {
        match self {
            Template::Apply { op, children } => {
                [op.name].into_iter().chain(children.iter().flat_map(Template::operators)).collect()
            }
            Template::Call { arguments, .. } => arguments.iter().flat_map(Template::operators).collect(),
            _ => Vec::new(),
        }
    }
}

/// A number in the type of the root.
fn scalar(builder: &mut Builder<'_>, number: f64) -> Option<Id> {
    let dtype = known(builder.forms, builder.root?)?.fact.dtype;
    let value = builder.constant(Tensor::scalar(if dtype.is_float() { dtype } else { DType::F32 }, number));
    Some(super::builder::class(value))
}

/// An operator of operands, then attributes.
pub(super) fn applied(builder: &mut Builder<'_>, op: &'static Op, classes: &[Id]) -> Option<Id> {
    let (operands, given) = classes.split_at_checked(classes.len().checked_sub(op.attrs.len())?)?;
    let mut attrs = Attrs::none();
    for (spec, class) in op.attrs.iter().zip(given) {
        attrs = attrs.with(spec.name, super::language::attr(builder.forms, *class)?.clone());
    }
    let absent = |class: Id| builder.forms[class].nodes.iter().any(|node| node.head == Head::Absent);
    let operands: Vec<_> =
        operands.iter().map(|&class| if absent(class) { None } else { Some(super::builder::value(class)) }).collect();
    builder.apply(op, &operands, attrs).ok().map(super::builder::class)
}

fn parse(words: &mut &[String], parts: &[(&str, &str)], names: &mut Names) -> Result<Template, String> {
    let (first, rest) = words.split_first().ok_or("it ends too early")?;
    *words = rest;
    match first.as_str() {
        "(" => {
            let (name, rest) = words.split_first().ok_or("an operator's name is missing")?;
            *words = rest;
            let mut children = Vec::new();
            loop {
                match words.split_first() {
                    None => return Err("`)` is missing".into()),
                    Some((word, rest)) if word == ")" => {
                        *words = rest;
                        break;
                    }
                    Some(_) => children.push(parse(words, parts, names)?),
                }
            }
            match name.strip_prefix('=') {
                Some(name) => {
                    let function = function::all().find(|function| function.name == name);
                    let function = function.ok_or_else(|| format!("no function `{name}`"))?;
                    if children.len() != function.arguments {
                        return Err(format!("`{name}` takes {} arguments", function.arguments));
                    }
                    Ok(Template::Call { function, arguments: children })
                }
                None => {
                    let op = table::find(name).ok_or_else(|| format!("no operator `{name}`"))?;
                    Ok(Template::Apply { op, children })
                }
            }
        }
        "true" | "false" => Ok(Template::Flag(first == "true")),
        "none" => Ok(Template::Absent),
        word if word.starts_with('?') => Ok(Template::Name(names.number(&word[1..]))),
        word if word.starts_with('$') => Ok(Template::Number(names.number(&word[1..]))),
        word => match parts.iter().find(|(name, _)| *name == word) {
            Some((_, text)) => Template::parse(text, parts, names),
            None => word.parse().map(Template::Literal).map_err(|_| format!("`{word}` is no form")),
        },
    }
}
