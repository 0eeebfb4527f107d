//! Patterns of forms as text, and how they are found in an e-graph.
//!
//! `?x` is any value, attribute or absent operand, and `$n` any one real number that is known when compiling; a name that
//! stands twice means the same one twice. `0.5` is that number, `true` an attribute, `none` an absent operand.
//! `(add A B)` is an operator, in either order where it commutes, with its attributes after its operands; `c=(sub A B)` names
//! its result, and `(concat *)` is one of whatever operands. `{A B}` is any of several, and a word without a sign is a part that the rule defines.

use super::language::{Forms, Head, Node, attr, known};
use egg::Id;
use m4c_ops::{Attr, DType, Tensor, table};

/// Numbers further apart than the rounding of `f32` are different numbers.
const ROUNDING: f64 = 1.2e-7;
/// Operators that commute.
const COMMUTATIVE: &[&str] = &["add", "mul", "max", "min", "equal"];
/// The most matches at one place.
const MOST_MATCHES: usize = 64;

/// What a form may look like.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Pattern {
    /// Anything, by the number of its name.
    Any(usize),
    /// A known number.
    Number(usize),
    /// This number.
    Literal(f64),
    /// This attribute.
    Flag(bool),
    /// An operand that is not there.
    Absent,
    /// An operator: its head, and its operands and attributes.
    Apply { name: Option<usize>, op: &'static str, head: Head, children: Vec<Pattern> },
    /// An operator, whatever its operands and attributes are.
    Some { name: Option<usize>, op: &'static str, head: Head },
    /// One of several.
    Either(Vec<Pattern>),
}

/// What names of a pattern stand for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Match {
    pub(super) classes: Vec<Option<Id>>,
    pub(super) numbers: Vec<Option<f64>>,
    /// The classes of the operators that the pattern spells out.
    pub(super) inside: Vec<Id>,
}

impl Match {
    /// What names stand for in two matches together; none where they differ.
    pub(super) fn with(&self, other: &Match) -> Option<Match> {
        let classes = self
            .classes
            .iter()
            .zip(&other.classes)
            .all(|(one, other)| one.is_none_or(|one| other.is_none_or(|other| one == other)));
        let bits = |number: f64| number.to_bits();
        let numbers = self
            .numbers
            .iter()
            .zip(&other.numbers)
            .all(|(one, other)| one.is_none_or(|one| other.is_none_or(|other| bits(one) == bits(other))));
        if !classes || !numbers {
            return None;
        }
        let mut both = self.clone();
        both.classes.iter_mut().zip(&other.classes).for_each(|(class, other)| *class = class.or(*other));
        both.numbers.iter_mut().zip(&other.numbers).for_each(|(number, other)| *number = number.or(*other));
        both.inside.extend(&other.inside);
        Some(both)
    }
}

/// Reads patterns and templates of one rule, whose names they share.
pub(super) struct Names {
    pub(super) all: Vec<String>,
}

impl Names {
    pub(super) fn number(&mut self, name: &str) -> usize {
        let found = self.all.iter().position(|known| known == name);
        found.unwrap_or_else(|| {
            self.all.push(name.to_owned());
            self.all.len() - 1
        })
    }
}

/// The words of a pattern or template.
pub(super) fn words(text: &str) -> Vec<String> {
    let spaced =
        ["(", ")", "{", "}"].iter().fold(text.to_owned(), |text, sign| text.replace(sign, &format!(" {sign} ")));
    spaced.split_whitespace().map(str::to_owned).collect()
}

impl Pattern {
    /// Reads a pattern whose parts are defined.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub(super) fn parse(text: &str, parts: &[(&str, &str)], names: &mut Names) -> Result<Pattern, String> {
        let words = words(text);
        let mut rest = words.as_slice();
        let pattern = parse(&mut rest, parts, names)?;
        if rest.is_empty() { Ok(pattern) } else { Err(format!("`{}` follows a whole pattern", rest.join(" "))) }
    }

    /// Every way in which a class looks like this.
    pub(super) fn matches(&self, forms: &Forms, class: Id, names: usize) -> Vec<Match> {
        let nothing = Match { classes: vec![None; names], numbers: vec![None; names], inside: Vec::new() };
        let mut found = Vec::new();
        self.find(forms, class, &nothing, &mut found);
        found
    }

    /// The heads that its root may have; none where it may have any.
    pub(super) fn heads(&self) -> Vec<Head> {
        match self {
            Pattern::Apply { head, .. } | Pattern::Some { head, .. } => vec![*head],
            Pattern::Either(all) => all.iter().flat_map(Pattern::heads).collect(),
            _ => Vec::new(),
        }
    }

    /// The operators that it spells out, of alternatives all.
    #[cfg(test)]
    pub(super) fn operators(&self) -> Vec<&'static str> {
        match self {
            Pattern::Apply { op, children, .. } => {
                [*op].into_iter().chain(children.iter().flat_map(Pattern::operators)).collect()
            }
            Pattern::Some { op, .. } => vec![*op],
            Pattern::Either(all) => all.iter().flat_map(Pattern::operators).collect(),
            _ => Vec::new(),
        }
    }

    fn find(&self, forms: &Forms, class: Id, so_far: &Match, found: &mut Vec<Match>) {
        if found.len() >= MOST_MATCHES {
            return;
        }
        match self {
            Pattern::Any(name) => found.extend(named(so_far.clone(), *name, class)),
            Pattern::Number(name) => {
                let Some((number, _)) = number(forms, class) else { return };
                let mut next = so_far.clone();
                match next.numbers[*name].replace(number) {
                    Some(other) if other.to_bits() != number.to_bits() => {}
                    _ => found.push(next),
                }
            }
            Pattern::Literal(wanted) => {
                if number(forms, class).is_some_and(|(number, dtype)| is_number(number, *wanted, dtype)) {
                    found.push(so_far.clone());
                }
            }
            Pattern::Flag(wanted) => {
                if attr(forms, class) == Some(&Attr::Flag(*wanted)) {
                    found.push(so_far.clone());
                }
            }
            Pattern::Absent => {
                if forms[class].nodes.iter().any(|node| node.head == Head::Absent) {
                    found.push(so_far.clone());
                }
            }
            Pattern::Either(all) => all.iter().for_each(|one| one.find(forms, class, so_far, found)),
            Pattern::Some { name, head, .. } => {
                if forms[class].nodes.iter().any(|node| node.head == *head) {
                    let mut next = so_far.clone();
                    next.inside.push(class);
                    found.extend(match name {
                        Some(name) => named(next, *name, class),
                        None => Some(next),
                    });
                }
            }
            Pattern::Apply { name, op, head, children } => {
                let mut start = so_far.clone();
                start.inside.push(class);
                let start = match name {
                    Some(name) => named(start, *name, class),
                    None => Some(start),
                };
                let Some(start) = start else { return };
                for node in forms[class].nodes.iter().filter(|node| node.head == *head) {
                    if node.children.len() == children.len() {
                        in_order(forms, node, children, false, &start, found);
                        if COMMUTATIVE.contains(op) && forms.find(node.children[0]) != forms.find(node.children[1]) {
                            in_order(forms, node, children, true, &start, found);
                        }
                    }
                }
            }
        }
    }
}

fn in_order(forms: &Forms, node: &Node, children: &[Pattern], swapped: bool, start: &Match, found: &mut Vec<Match>) {
    let mut so_far = vec![start.clone()];
    for (index, child) in children.iter().enumerate() {
        let place = if swapped && index < 2 { 1 - index } else { index };
        let class = forms.find(node.children[place]);
        let mut next = Vec::new();
        for one in &so_far {
            child.find(forms, class, one, &mut next);
        }
        so_far = next;
        if so_far.is_empty() {
            return;
        }
    }
    for one in so_far {
        if found.len() < MOST_MATCHES && !found.contains(&one) {
            found.push(one);
        }
    }
}

fn named(mut so_far: Match, name: usize, class: Id) -> Option<Match> {
    match so_far.classes[name].replace(class) {
        Some(other) if other != class => None,
        _ => Some(so_far),
    }
}

/// Whether a number is the wanted one: the same bits where `f32` has it, else as near as rounding allows; of a narrow type
/// what the wanted one rounds to.
fn is_number(number: f64, wanted: f64, dtype: DType) -> bool {
    if dtype.is_narrow() {
        return Tensor::scalar(dtype, wanted).as_f64s().is_some_and(|all| all[0].to_bits() == number.to_bits());
    }
    if f64::from(wanted as f32) == wanted {
        return number.to_bits() == wanted.to_bits();
    }
    (number - wanted).abs() <= ROUNDING * wanted.abs()
}

/// The only element of a constant, and its type.
fn number(forms: &Forms, class: Id) -> Option<(f64, DType)> {
    let known = known(forms, class)?;
    let number = known.number.filter(|_| known.fact.dtype.is_float() && known.fact.elements().is(1))?;
    Some((number, known.fact.dtype))
}

fn parse(words: &mut &[String], parts: &[(&str, &str)], names: &mut Names) -> Result<Pattern, String> {
    let (first, rest) = words.split_first().ok_or("it ends too early")?;
    *words = rest;
    match first.as_str() {
        "{" => Ok(Pattern::Either(until("}", words, parts, names)?)),
        "(" => apply(None, words, parts, names),
        "true" | "false" => Ok(Pattern::Flag(first == "true")),
        "none" => Ok(Pattern::Absent),
        word if word.starts_with('?') => Ok(Pattern::Any(names.number(&word[1..]))),
        word if word.starts_with('$') => Ok(Pattern::Number(names.number(&word[1..]))),
        word if word.ends_with('=') => {
            let name = names.number(word.trim_end_matches('='));
            match words.split_first() {
                Some((open, rest)) if open == "(" => {
                    *words = rest;
                    apply(Some(name), words, parts, names)
                }
                _ => Err(format!("`{word}` names no operator's result")),
            }
        }
        word => match parts.iter().find(|(name, _)| *name == word) {
            Some((_, text)) => Pattern::parse(text, parts, names),
            None => word.parse().map(Pattern::Literal).map_err(|_| format!("`{word}` is neither a number nor a part")),
        },
    }
}

fn apply(
    name: Option<usize>,
    words: &mut &[String],
    parts: &[(&str, &str)],
    names: &mut Names,
) -> Result<Pattern, String> {
    let (op, rest) = words.split_first().ok_or("an operator's name is missing")?;
    *words = rest;
    let place = table::all().position(|known| known.name == op).ok_or_else(|| format!("no operator `{op}`"))?;
    let found = table::all().nth(place).ok_or("no operator")?;
    let head = Head::Apply(place as u16);
    if let [any, close, rest @ ..] = *words
        && (any.as_str(), close.as_str()) == ("*", ")")
    {
        *words = rest;
        return Ok(Pattern::Some { name, op: found.name, head });
    }
    let children = until(")", words, parts, names)?;
    let many = found.operands.last().is_some_and(|last| last.arity == m4c_ops::op::Arity::Many);
    let least = found.operands.len() + found.attrs.len();
    if children.len() != least && !(many && children.len() > least) {
        return Err(format!("`{op}` has {least} operands and attributes, not {}", children.len()));
    }
    Ok(Pattern::Apply { name, op: found.name, head, children })
}

fn until(end: &str, words: &mut &[String], parts: &[(&str, &str)], names: &mut Names) -> Result<Vec<Pattern>, String> {
    let mut all = Vec::new();
    loop {
        match words.split_first() {
            None => return Err(format!("`{end}` is missing")),
            Some((word, rest)) if word == end => {
                *words = rest;
                return Ok(all);
            }
            Some(_) => all.push(parse(words, parts, names)?),
        }
    }
}
