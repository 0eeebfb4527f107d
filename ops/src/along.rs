//! Builders move elements along one axis.

use crate::attr::Attrs;
use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::DType;
use crate::op::Violation;
use crate::primitive as p;

impl dyn Build + '_ {
    fn no_axis(&self, x: Value, axis: usize) -> Violation {
        p::slice::OP.refuse("one-entry-an-axis", format!("axis {axis} of {}", self.fact(x)))
    }

    /// `size` elements from `start` on along an axis.
    ///
    /// # Errors
    /// The constraint that the application breaks.
    pub fn cut(&mut self, x: Value, axis: usize, start: Dim, size: Dim) -> Result<Value, Violation> {
        let mut sizes = self.fact(x).shape.clone();
        let mut starts = vec![Dim::from(0); sizes.len()];
        let steps = vec![1; sizes.len()];
        let (Some(first), Some(count)) = (starts.get_mut(axis), sizes.get_mut(axis)) else {
            return Err(self.no_axis(x, axis));
        };
        (*first, *count) = (start, size);
        p::slice::apply(self, x, starts, sizes, steps)
    }

    /// The elements at one place along an axis, which vanishes.
    ///
    /// # Errors
    /// The constraint that the application breaks.
    pub fn at(&mut self, x: Value, axis: usize, place: Dim) -> Result<Value, Violation> {
        let cut = self.cut(x, axis, place, Dim::from(1))?;
        self.without_axis(cut, axis)
    }

    /// The value without an axis of size 1.
    ///
    /// # Errors
    /// The constraint that the application breaks.
    pub fn without_axis(&mut self, x: Value, axis: usize) -> Result<Value, Violation> {
        let mut sizes = self.fact(x).shape.clone();
        if axis >= sizes.len() {
            return Err(self.no_axis(x, axis));
        }
        sizes.remove(axis);
        self.reshape(x, &sizes)
    }

    /// The value with a new axis of size 1.
    ///
    /// # Errors
    /// The constraint that the application breaks.
    pub fn with_axis(&mut self, x: Value, axis: usize) -> Result<Value, Violation> {
        let mut sizes = self.fact(x).shape.clone();
        if axis > sizes.len() {
            return Err(self.no_axis(x, axis));
        }
        sizes.insert(axis, Dim::from(1));
        self.reshape(x, &sizes)
    }

    /// The elements at the places that `indices` names along an axis.
    ///
    /// # Errors
    /// The constraint that the application breaks.
    pub fn pick(&mut self, x: Value, indices: Value, axis: usize) -> Result<Value, Violation> {
        self.op(&p::gather::OP, &[x, indices], Attrs::none().int("axis", axis as i64).int("batch_dims", 0))
    }

    /// The numbers 0, 1, 2 … along one of `rank` axes, the others of size 1.
    ///
    /// # Errors
    /// The constraint that the application breaks.
    pub fn count(&mut self, rank: usize, axis: usize, size: Dim, dtype: DType) -> Result<Value, Violation> {
        let numbers = p::iota::apply(self, size.clone(), dtype)?;
        let mut sizes = vec![Dim::from(1); rank];
        sizes[axis] = size;
        self.reshape(numbers, &sizes)
    }

    /// The values one after the other along an axis.
    ///
    /// # Errors
    /// The constraint that the application breaks.
    pub fn joined(&mut self, parts: &[Value], axis: usize) -> Result<Value, Violation> {
        match parts {
            [one] => Ok(*one),
            _ => self.op(&p::concat::OP, parts, Attrs::none().int("axis", axis as i64)),
        }
    }

    /// The value repeated along axes of size 1 and along new outer axes; itself where it has these sizes already.
    ///
    /// # Errors
    /// The constraint that the application breaks.
    pub fn expanded(&mut self, x: Value, sizes: &[Dim]) -> Result<Value, Violation> {
        if self.fact(x).shape == sizes {
            return Ok(x);
        }
        self.op(&p::broadcast::OP, &[x], Attrs::none().dims("sizes", sizes.to_vec()))
    }

    /// One number everywhere.
    ///
    /// # Errors
    /// The constraint that the application breaks.
    pub fn filled(&mut self, dtype: DType, value: f64, sizes: &[Dim]) -> Result<Value, Violation> {
        let value = self.scalar(dtype, value);
        self.expanded(value, sizes)
    }

    /// The value with `low` and `high` elements of one number before and after those along an axis.
    ///
    /// # Errors
    /// The constraint that the application breaks.
    pub fn framed(&mut self, x: Value, axis: usize, low: Dim, high: Dim, with: f64) -> Result<Value, Violation> {
        let rank = self.fact(x).rank();
        let (mut before, mut after) = (vec![Dim::from(0); rank], vec![Dim::from(0); rank]);
        let (Some(first), Some(last)) = (before.get_mut(axis), after.get_mut(axis)) else {
            return Err(self.no_axis(x, axis));
        };
        (*first, *last) = (low, high);
        let with = self.like(x, with);
        p::pad::apply(self, x, with, before, after, vec![0; rank])
    }

    /// The sum along axes, which stay as size 1 under `keep`.
    ///
    /// # Errors
    /// The constraint that the application breaks.
    pub fn sum(&mut self, x: Value, axes: Vec<i64>, keep: bool) -> Result<Value, Violation> {
        p::reduce_sum::apply(self, x, axes, keep)
    }

    /// The largest along axes, which stay as size 1 under `keep`.
    ///
    /// # Errors
    /// The constraint that the application breaks.
    pub fn largest(&mut self, x: Value, axes: Vec<i64>, keep: bool) -> Result<Value, Violation> {
        self.op(&p::reduce_max::OP, &[x], Attrs::none().ints("axes", axes).flag("keep", keep))
    }
}
