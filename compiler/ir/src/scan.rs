//! Loops over a graph of their own: values carried from iteration to iteration, rows of operands read and rows of results
//! written.

use crate::graph::Graph;
use m4c_ops::{DType, Dim, Fact};

/// The deepest nest of loops.
pub(crate) const MOST_NESTED: usize = 8;

/// What a scan node repeats.
///
/// Its operands are the carried values before the first iteration, the values whose rows it reads, and what it captures. The
/// body has an input for each in this order, of which the second ones are rows, and gives the carried values of the next
/// iteration and a row of each stacked result. The node has several results, which [`crate::NodeKind::Result`] nodes name:
/// the carried values after the last iteration, and the stacked ones.
#[derive(Clone, Debug)]
pub struct Scan {
    /// One iteration. It shares the symbols of the graph around it, whose ranges and guards hold for it, too.
    pub body: Graph,
    /// How many iterations there are.
    pub trip: Dim,
    /// How many values are carried.
    pub carries: usize,
    /// For each value whose rows are read along its first axis, whether the first iteration has the last row.
    pub rows: Vec<bool>,
    /// The same of each result that is written row by row.
    pub stacks: Vec<bool>,
}

impl Scan {
    /// The facts of the results, from the body.
    pub fn results(&self) -> Vec<Fact> {
        let outputs = self.body.outputs().iter().enumerate();
        let fact = |(index, output): (usize, &crate::Output)| {
            let fact = self.body.fact(output.value).clone();
            if index < self.carries {
                return fact;
            }
            Fact { dtype: fact.dtype, shape: [self.trip.clone()].into_iter().chain(fact.shape).collect() }
        };
        outputs.map(fact).collect()
    }

    /// What is wrong with the node for operands of these facts, in words. `same` tells whether two sizes are equal.
    pub fn check(&self, operands: &[&Fact], same: &dyn Fn(&Dim, &Dim) -> bool) -> Option<String> {
        let inputs = self.body.inputs();
        if inputs.len() != operands.len() || self.carries + self.rows.len() > inputs.len() {
            return Some(format!("{} operands for {} inputs of the body", operands.len(), inputs.len()));
        }
        if self.body.outputs().len() != self.carries + self.stacks.len() {
            return Some(format!("the body gives {} values", self.body.outputs().len()));
        }
        for (index, (&input, operand)) in inputs.iter().zip(operands).enumerate() {
            let inside = self.body.fact(input);
            let is_row = (self.carries..self.carries + self.rows.len()).contains(&index);
            let outside = if is_row {
                if !operand.shape.first().is_some_and(|count| same(count, &self.trip)) {
                    return Some(format!("operand {index} is {operand}, not {} rows", self.trip));
                }
                Fact { dtype: operand.dtype, shape: operand.shape[1..].to_vec() }
            } else {
                (*operand).clone()
            };
            if *inside != outside {
                return Some(format!("input {index} of the body is {inside}, not {outside}"));
            }
        }
        for (index, (output, &input)) in self.body.outputs().iter().zip(inputs).take(self.carries).enumerate() {
            let (next, carried) = (self.body.fact(output.value), self.body.fact(input));
            if next != carried {
                return Some(format!("carried value {index} becomes {next}, but is {carried}"));
            }
        }
        (!self.body.binders().is_empty()).then(|| "the body binds sizes of its own".to_string())
    }
}

/// The fact of a node that has several results: it has no value of its own.
pub(crate) fn no_value() -> Fact {
    Fact::new(DType::Bool, [0])
}
