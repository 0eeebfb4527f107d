//! Elements of integer values as sizes: what shape arithmetic computes stays an expression, only what the data decides is
//! bound to a symbol.

use crate::builder::{GraphBuilder, short};
use crate::graph::{NodeKind, Range, ValueId};
use m4c_ops::build::{Build, Value};
use m4c_ops::primitive::{self, slice};
use m4c_ops::{Attrs, DType, Dim, Op, Tensor, Violation, structural};

/// Shape arithmetic is shallow; what is deeper is bound as a whole.
const MOST_STEPS: usize = 64;

impl GraphBuilder {
    /// Element `at` of an integer value.
    pub(crate) fn size_of(&mut self, value: Value, at: usize) -> Result<Dim, Violation> {
        if let Some(dim) = self.known(value).and_then(Tensor::as_dims).and_then(|dims| dims.get(at).cloned()) {
            return Ok(dim);
        }
        let node = self.node(value);
        if let Some(dim) = self.trace(node, at, MOST_STEPS)? {
            return Ok(dim);
        }
        self.bound(value, at)
    }

    /// The element where it is arithmetic on sizes and other elements.
    fn trace(&mut self, node: ValueId, at: usize, steps: usize) -> Result<Option<Dim>, Violation> {
        let NodeKind::Apply { op, attrs } = self.graph().node(node).kind.clone() else { return Ok(None) };
        let operands: Vec<ValueId> = self.graph().operands(node).into_iter().flatten().collect();
        let facts: Vec<_> = operands.iter().map(|&operand| self.graph().fact(operand).clone()).collect();
        let (Some(steps), true) =
            (steps.checked_sub(1), facts.iter().all(|fact| fact.rank() <= 1 && !fact.dtype.is_float()))
        else {
            return Ok(None);
        };
        if let Some(symbol) = self.graph().node(node).kind.bound_symbol() {
            return Ok(Some(self.symbols().get(&symbol)));
        }
        let is = |other: &'static Op| op == other;
        if is(&primitive::reshape::OP) || is(&primitive::cast::OP) && attrs.get_dtype("to") == DType::I64 {
            return self.element(operands[0], at, steps).map(Some);
        }
        if is(&primitive::slice::OP) {
            let (starts, by) = (attrs.get_dims("starts"), attrs.get_ints("steps"));
            let start = starts.first().and_then(Dim::as_i64);
            let place = start.zip(by.first()).and_then(|(start, by)| start.checked_add(by.checked_mul(at as i64)?));
            return match place.and_then(|place| usize::try_from(place).ok()) {
                Some(place) => self.element(operands[0], place, steps).map(Some),
                None => Ok(None),
            };
        }
        if is(&primitive::concat::OP) {
            let mut at = at;
            for (operand, fact) in operands.iter().zip(&facts) {
                match fact.elements().as_usize() {
                    Some(count) if at >= count => at -= count,
                    Some(_) => return self.element(*operand, at, steps).map(Some),
                    None => return Ok(None),
                }
            }
            return Ok(None);
        }
        let combine: Option<fn(Dim, Dim) -> Dim> = match op.name {
            "add" => Some(|a, b| a + b),
            "sub" => Some(|a, b| a - b),
            "mul" => Some(|a, b| a * b),
            "max" => Some(|a, b| a.maximum(&b)),
            "min" => Some(|a, b| a.minimum(&b)),
            _ => None,
        };
        let (Some(combine), [left, right]) = (combine, &operands[..]) else { return Ok(None) };
        let place = |index: usize| if facts[index].elements().is(1) { 0 } else { at };
        let left = self.element(*left, place(0), steps)?;
        let right = self.element(*right, place(1), steps)?;
        Ok(Some(combine(left, right)))
    }

    fn element(&mut self, node: ValueId, at: usize, steps: usize) -> Result<Dim, Violation> {
        let value = self.import_node(node);
        if let Some(dim) = self.bound.get(&(node, at)) {
            return Ok(dim.clone());
        }
        if let Some(dim) = self.known(value).and_then(Tensor::as_dims).and_then(|dims| dims.get(at).cloned()) {
            return Ok(dim);
        }
        match self.trace(node, at, steps)? {
            Some(dim) => {
                short(&structural::bind::OP, [&dim].into_iter())?;
                // Values may share what they are computed of, and then each path to it would be followed.
                self.bound.insert((node, at), dim.clone());
                Ok(dim)
            }
            None => self.bound(value, at),
        }
    }

    /// A symbol for an element that the data decides, the same for the same element.
    fn bound(&mut self, value: Value, at: usize) -> Result<Dim, Violation> {
        let key = (self.node(value), at);
        if let Some(known) = self.bound.get(&key) {
            return Ok(known.clone());
        }
        let b: &mut dyn Build = self;
        let count = b.fact(value).elements();
        let whole = b.cast(value, DType::I64)?;
        let list = b.reshape(whole, &[count])?;
        let element = slice::apply(b, list, vec![Dim::from(at)], vec![Dim::from(1)], vec![1])?;
        let scalar = b.reshape(element, &[])?;
        // From where the last search ended, since there may be very many.
        while self.symbols().contains(&format!("u{}", self.numbered)) {
            self.numbered += 1;
        }
        let name = format!("u{}", self.numbered);
        let symbol = self.symbols().get(&name);
        let attrs = Attrs::none().dims("size", vec![symbol.clone()]);
        self.apply(&structural::bind::OP, &[Some(scalar)], attrs)?;
        self.graph_mut().ranges.insert(name, Range::default());
        self.bound.insert(key, symbol.clone());
        Ok(symbol)
    }
}
