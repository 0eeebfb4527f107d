//! What is known of a value before it is computed.

use crate::dim::{Binding, Dim};
use crate::dtype::DType;
use std::collections::BTreeMap;
use std::fmt;

/// Storage type and sizes of a value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fact {
    /// Storage type of the elements.
    pub dtype: DType,
    /// Sizes, outermost first.
    pub shape: Vec<Dim>,
}

impl Fact {
    /// A fact from its parts.
    pub fn new(dtype: DType, shape: impl IntoIterator<Item = impl Into<Dim>>) -> Fact {
        Fact { dtype, shape: shape.into_iter().map(Into::into).collect() }
    }

    /// The number of dimensions.
    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// The number of elements.
    pub fn elements(&self) -> Dim {
        Dim::product(&self.shape)
    }

    /// The sizes, where all are numbers.
    pub fn sizes(&self) -> Option<Vec<usize>> {
        self.shape.iter().map(Dim::as_usize).collect()
    }

    /// The sizes under a binding of the symbols.
    pub fn bound(&self, binding: &Binding) -> Option<Vec<usize>> {
        self.shape.iter().map(|dim| usize::try_from(dim.eval(binding)?).ok()).collect()
    }

    /// The fact with symbols replaced.
    pub fn substitute(&self, replace: &BTreeMap<String, Dim>) -> Fact {
        Fact { dtype: self.dtype, shape: self.shape.iter().map(|dim| dim.substitute(replace)).collect() }
    }

    /// The axis counted from the front, for one that may be negative.
    pub fn axis(&self, axis: i64) -> Option<usize> {
        let rank = self.rank() as i64;
        let from_front = if axis < 0 { axis.checked_add(rank)? } else { axis };
        (0..rank).contains(&from_front).then_some(from_front as usize)
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[", self.dtype)?;
        for (i, dim) in self.shape.iter().enumerate() {
            write!(f, "{}{dim}", if i > 0 { ", " } else { "" })?;
        }
        f.write_str("]")
    }
}
