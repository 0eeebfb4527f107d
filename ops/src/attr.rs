//! Compile-time settings of a node.

use crate::dim::{Binding, Dim, Symbols};
use crate::dtype::DType;
use std::collections::BTreeMap;
use std::fmt;

/// The value of an attribute. Real numbers are never attributes: they are scalar operands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Attr {
    /// A number, such as an axis.
    Int(i64),
    /// Numbers, such as a permutation.
    Ints(Vec<i64>),
    /// Sizes.
    Dims(Vec<Dim>),
    /// A storage type.
    DType(DType),
    /// Yes or no.
    Flag(bool),
    /// How a reshape regroups dimensions.
    Groups(Vec<Group>),
}

/// One group of a reshape: `take` operand dimensions become the dimensions `give`.
///
/// At most one factor is `None`: the rest of the product.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    /// How many operand dimensions the group takes.
    pub take: usize,
    /// The dimensions that it gives.
    pub give: Vec<Option<Dim>>,
}

/// What values an attribute may have.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs)]
pub enum AttrKind {
    Int,
    Ints,
    Dims,
    DType,
    Flag,
    Groups,
}

/// The attributes of a node in the order of its operator's definition.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Attrs(Vec<(&'static str, Attr)>);

impl Attrs {
    /// No attributes.
    pub fn none() -> Attrs {
        Attrs::default()
    }

    /// With one more attribute.
    pub fn with(mut self, name: &'static str, value: Attr) -> Attrs {
        self.0.push((name, value));
        self
    }

    /// With a number.
    pub fn int(self, name: &'static str, value: i64) -> Attrs {
        self.with(name, Attr::Int(value))
    }

    /// With numbers.
    pub fn ints(self, name: &'static str, values: Vec<i64>) -> Attrs {
        self.with(name, Attr::Ints(values))
    }

    /// With sizes.
    pub fn dims(self, name: &'static str, values: Vec<Dim>) -> Attrs {
        self.with(name, Attr::Dims(values))
    }

    /// With yes or no.
    pub fn flag(self, name: &'static str, value: bool) -> Attrs {
        self.with(name, Attr::Flag(value))
    }

    /// With a type.
    pub fn dtype(self, name: &'static str, value: DType) -> Attrs {
        self.with(name, Attr::DType(value))
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Attr)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }

    /// The value by name.
    pub fn get(&self, name: &str) -> Option<&Attr> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// A number, 0 where absent; the verifier holds that defined attributes are present.
    pub fn get_int(&self, name: &str) -> i64 {
        if let Some(Attr::Int(value)) = self.get(name) { *value } else { 0 }
    }

    /// Numbers, none where absent.
    pub fn get_ints(&self, name: &str) -> &[i64] {
        if let Some(Attr::Ints(values)) = self.get(name) { values } else { &[] }
    }

    /// Sizes, none where absent.
    pub fn get_dims(&self, name: &str) -> &[Dim] {
        if let Some(Attr::Dims(values)) = self.get(name) { values } else { &[] }
    }

    /// Yes or no, no where absent.
    pub fn get_flag(&self, name: &str) -> bool {
        matches!(self.get(name), Some(Attr::Flag(true)))
    }

    /// A type, `f32` where absent.
    pub fn get_dtype(&self, name: &str) -> DType {
        if let Some(Attr::DType(value)) = self.get(name) { *value } else { DType::F32 }
    }

    /// Groups, none where absent.
    pub fn get_groups(&self, name: &str) -> &[Group] {
        if let Some(Attr::Groups(values)) = self.get(name) { values } else { &[] }
    }

    /// The attributes with every size put through `f`.
    pub fn map_dims(&self, f: &mut dyn FnMut(&Dim) -> Option<Dim>) -> Option<Attrs> {
        let mut all = Vec::with_capacity(self.0.len());
        for (name, value) in &self.0 {
            let value = match value {
                Attr::Dims(dims) => Attr::Dims(dims.iter().map(&mut *f).collect::<Option<_>>()?),
                Attr::Groups(groups) => Attr::Groups(
                    groups
                        .iter()
                        .map(|group| {
                            let give = group.give.iter().map(|dim| match dim {
                                Some(dim) => f(dim).map(Some),
                                None => Some(None),
                            });
                            Some(Group { take: group.take, give: give.collect::<Option<_>>()? })
                        })
                        .collect::<Option<_>>()?,
                ),
                other => other.clone(),
            };
            all.push((*name, value));
        }
        Some(Attrs(all))
    }

    /// The attributes with symbols replaced by their values, or `None` where one is not bound.
    pub fn bind(&self, binding: &Binding) -> Option<Attrs> {
        self.map_dims(&mut |dim| dim.eval(binding).map(Dim::from))
    }

    /// The attributes with symbols replaced.
    pub fn substitute(&self, replace: &BTreeMap<String, Dim>) -> Attrs {
        self.map_dims(&mut |dim| Some(dim.substitute(replace))).unwrap_or_default()
    }
}

impl Attr {
    /// The kind of the value.
    pub fn kind(&self) -> AttrKind {
        match self {
            Attr::Int(_) => AttrKind::Int,
            Attr::Ints(_) => AttrKind::Ints,
            Attr::Dims(_) => AttrKind::Dims,
            Attr::DType(_) => AttrKind::DType,
            Attr::Flag(_) => AttrKind::Flag,
            Attr::Groups(_) => AttrKind::Groups,
        }
    }

    /// Reads what `Display` writes.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn parse(kind: AttrKind, text: &str, symbols: &Symbols) -> Result<Attr, String> {
        let text = text.trim();
        let number = |word: &str| word.trim().parse::<i64>().map_err(|_| format!("`{word}` is no number"));
        let size = |word: &str| Dim::parse(word, symbols).map_err(|error| format!("`{word}`: {error}"));
        Ok(match kind {
            AttrKind::Int => Attr::Int(number(text)?),
            AttrKind::Flag => Attr::Flag(text.parse().map_err(|_| format!("`{text}` is neither true nor false"))?),
            AttrKind::DType => Attr::DType(DType::parse(text).ok_or_else(|| format!("`{text}` is no type"))?),
            AttrKind::Ints => Attr::Ints(items(text)?.into_iter().map(number).collect::<Result<_, _>>()?),
            AttrKind::Dims => Attr::Dims(items(text)?.into_iter().map(size).collect::<Result<_, _>>()?),
            AttrKind::Groups => {
                let group = |item: &str| {
                    let (take, give) = item.split_once('>').ok_or_else(|| format!("no `>` in group `{item}`"))?;
                    let take = take.trim().parse().map_err(|_| format!("`{take}` is no count"))?;
                    let give = give.split(';').map(str::trim).filter(|factor| !factor.is_empty());
                    let give = give.map(|factor| if factor == "_" { Ok(None) } else { size(factor).map(Some) });
                    Ok::<_, String>(Group { take, give: give.collect::<Result<_, _>>()? })
                };
                Attr::Groups(items(text)?.into_iter().map(group).collect::<Result<_, _>>()?)
            }
        })
    }
}

/// The items of `[a, b, min(c, d)]`: commas inside parentheses do not separate.
fn items(text: &str) -> Result<Vec<&str>, String> {
    let inner = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .ok_or_else(|| format!("`{text}` is no list in brackets"))?;
    let (mut items, mut depth, mut start) = (Vec::new(), 0usize, 0);
    for (at, c) in inner.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                items.push(inner[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    if !inner[start..].trim().is_empty() {
        items.push(inner[start..].trim());
    }
    Ok(items)
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}>", self.take)?;
        for (i, factor) in self.give.iter().enumerate() {
            f.write_str(if i > 0 { "; " } else { "" })?;
            match factor {
                Some(dim) => write!(f, "{dim}")?,
                None => f.write_str("_")?,
            }
        }
        Ok(())
    }
}

fn write_list<T: fmt::Display>(list: &[T], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("[")?;
    for (i, item) in list.iter().enumerate() {
        write!(f, "{}{item}", if i > 0 { ", " } else { "" })?;
    }
    f.write_str("]")
}

impl fmt::Display for Attr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Attr::Int(value) => write!(f, "{value}"),
            Attr::Flag(value) => write!(f, "{value}"),
            Attr::DType(value) => write!(f, "{value}"),
            Attr::Ints(values) => write_list(values, f),
            Attr::Dims(values) => write_list(values, f),
            Attr::Groups(values) => write_list(values, f),
        }
    }
}

impl fmt::Display for Attrs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (i, (name, value)) in self.0.iter().enumerate() {
            write!(f, "{}{name} = {value}", if i > 0 { ", " } else { "" })?;
        }
        f.write_str("}")
    }
}
