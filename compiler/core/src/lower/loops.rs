//! Loops: their bodies are lowered as the graph around them is, short ones are written out.

use super::Lowering;
use crate::diagnostic::Diagnostics;
use m4c_ir::{Graph, NodeKind, Scan};
use m4c_ops::build::{Build, Value};
use m4c_ops::{Dim, Violation};

/// Why a loop is not lowered.
pub(super) enum Failure {
    /// Nodes of its body are not.
    Body(Diagnostics),
    /// It breaks a constraint itself.
    Loop(Violation),
}

impl From<Diagnostics> for Failure {
    fn from(diagnostics: Diagnostics) -> Failure {
        Failure::Body(diagnostics)
    }
}

impl From<Violation> for Failure {
    fn from(violation: Violation) -> Failure {
        Failure::Loop(violation)
    }
}

fn absent(what: &str) -> Violation {
    Violation { op: "scan", constraint: "arity", found: format!("{what} is absent") }
}

/// Loops of a known count up to this are written out,
const UNROLLED_ITERATIONS: usize = 8;
/// if one iteration has no more operators than this.
const UNROLLED_OPERATORS: usize = 64;

impl Lowering<'_> {
    /// The results of a loop.
    pub(super) fn scan(&mut self, scan: &Scan, operands: &[Option<Value>]) -> Result<Vec<Value>, Failure> {
        let missing = || absent("an operand");
        let operands = operands.iter().copied().collect::<Option<Vec<Value>>>().ok_or_else(missing)?;
        let (carries, others) = operands.split_at_checked(scan.carries).ok_or_else(missing)?;
        let (read, rest) = others.split_at_checked(scan.rows.len()).ok_or_else(missing)?;
        let read: Vec<(Value, bool)> = read.iter().copied().zip(scan.rows.iter().copied()).collect();
        if let Some(trip) = short(scan) {
            return self.unrolled(scan, trip, carries, &read, rest);
        }
        let (carried, rows) = self.builder.begin_scan(scan.trip.clone(), carries, &read)?;
        let outputs = self.iteration(scan, carried.iter().chain(&rows).chain(rest).copied())?;
        let (next, stacked) = outputs.split_at(scan.carries);
        let stacked: Vec<(Value, bool)> = stacked.iter().copied().zip(scan.stacks.iter().copied()).collect();
        Ok(self.builder.end_scan(next, &stacked)?)
    }

    /// Takes over a body whose inputs are these values. Gives the values of its outputs.
    fn iteration(&mut self, scan: &Scan, inputs: impl Iterator<Item = Value>) -> Result<Vec<Value>, Failure> {
        let outside = std::mem::take(&mut self.values);
        self.values = scan.body.inputs().iter().copied().zip(inputs).collect();
        self.nodes(&scan.body)?;
        let inside = std::mem::replace(&mut self.values, outside);
        let outputs = scan.body.outputs().iter().map(|output| inside.get(&output.value).copied());
        Ok(outputs.collect::<Option<_>>().ok_or_else(|| absent("a result"))?)
    }

    /// Every iteration of a short loop, one after the other.
    fn unrolled(
        &mut self,
        scan: &Scan,
        trip: usize,
        carries: &[Value],
        read: &[(Value, bool)],
        rest: &[Value],
    ) -> Result<Vec<Value>, Failure> {
        let mut carried = carries.to_vec();
        let mut stacks: Vec<Vec<Value>> = vec![Vec::new(); scan.stacks.len()];
        for step in 0..trip {
            let mut inputs = carried;
            for &(of, backward) in read {
                let row = Dim::from(if backward { trip - 1 - step } else { step } as i64);
                inputs.push((self as &mut dyn Build).at(of, 0, row)?);
            }
            inputs.extend(rest);
            let mut outputs = self.iteration(scan, inputs.into_iter())?;
            for (stack, row) in stacks.iter_mut().zip(outputs.drain(scan.carries..)) {
                stack.push((self as &mut dyn Build).with_axis(row, 0)?);
            }
            carried = outputs;
        }
        for (mut stack, backward) in stacks.into_iter().zip(&scan.stacks) {
            if *backward {
                stack.reverse();
            }
            carried.push((self as &mut dyn Build).joined(&stack, 0)?);
        }
        Ok(carried)
    }
}

/// The trip count of a loop that is shorter written out than run as a loop.
fn short(scan: &Scan) -> Option<usize> {
    let trip = scan.trip.as_usize().filter(|trip| (1..=UNROLLED_ITERATIONS).contains(trip))?;
    (written_out(&scan.body) <= UNROLLED_OPERATORS).then_some(trip)
}

/// How many operators a graph has once the short loops in it are written out.
fn written_out(graph: &Graph) -> usize {
    let count = |value| match &graph.node(value).kind {
        NodeKind::Apply { .. } => 1,
        NodeKind::Scan(scan) => short(scan).unwrap_or(1).saturating_mul(written_out(&scan.body)),
        NodeKind::Input(_) | NodeKind::Constant(_) | NodeKind::Result(_) => 0,
    };
    graph.order().into_iter().map(count).sum()
}
