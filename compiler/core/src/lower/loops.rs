//! Loops: their bodies are lowered as the graph around them is, short ones are written out.

use super::Lowering;
use crate::diagnostic::Diagnostics;
use m4c_ir::{Graph, NodeKind, Scan};
use m4c_ops::build::{Build, Value};
use m4c_ops::{Dim, Violation};

/// Loops of a known count up to this are written out,
const UNROLLED_ITERATIONS: usize = 8;
/// if one iteration has no more operators than this.
const UNROLLED_OPERATORS: usize = 64;

impl Lowering<'_> {
    /// The results of a loop.
    pub(super) fn scan(
        &mut self,
        scan: &Scan,
        operands: &[Option<Value>],
    ) -> Result<Result<Vec<Value>, Violation>, Diagnostics> {
        let absent = || Violation { op: "scan", constraint: "arity", found: "an operand is absent".into() };
        let Some(operands) = operands.iter().copied().collect::<Option<Vec<Value>>>() else { return Ok(Err(absent())) };
        let captured = scan.carries + scan.rows.len();
        let (Some(carries), Some(read), Some(rest)) =
            (operands.get(..scan.carries), operands.get(scan.carries..captured), operands.get(captured..))
        else {
            return Ok(Err(absent()));
        };
        let read: Vec<(Value, bool)> = read.iter().copied().zip(scan.rows.iter().copied()).collect();
        if let Some(trip) = short(scan) {
            return self.unrolled(scan, trip, carries, &read, rest);
        }
        let (carried, rows) = match self.builder.begin_scan(scan.trip.clone(), carries, &read) {
            Ok(begun) => begun,
            Err(violation) => return Ok(Err(violation)),
        };
        let Some(outputs) = self.iteration(scan, carried.iter().chain(&rows).chain(rest).copied())? else {
            return Ok(Err(absent()));
        };
        let (next, stacked) = outputs.split_at(scan.carries);
        let stacked: Vec<(Value, bool)> = stacked.iter().copied().zip(scan.stacks.iter().copied()).collect();
        Ok(self.builder.end_scan(next, &stacked))
    }

    /// Takes over a body whose inputs are these values. Gives the values of its outputs.
    fn iteration(
        &mut self,
        scan: &Scan,
        inputs: impl Iterator<Item = Value>,
    ) -> Result<Option<Vec<Value>>, Diagnostics> {
        let outside = std::mem::take(&mut self.values);
        self.values = scan.body.inputs().iter().copied().zip(inputs).collect();
        self.nodes(&scan.body)?;
        let inside = std::mem::replace(&mut self.values, outside);
        Ok(scan.body.outputs().iter().map(|output| inside.get(&output.value).copied()).collect())
    }

    /// Every iteration of a short loop, one after the other.
    fn unrolled(
        &mut self,
        scan: &Scan,
        trip: usize,
        carries: &[Value],
        read: &[(Value, bool)],
        rest: &[Value],
    ) -> Result<Result<Vec<Value>, Violation>, Diagnostics> {
        let mut carried = carries.to_vec();
        let mut stacks: Vec<Vec<Value>> = vec![Vec::new(); scan.stacks.len()];
        for step in 0..trip {
            let mut inputs = carried;
            for &(of, backward) in read {
                let row = Dim::from(if backward { trip - 1 - step } else { step } as i64);
                match (self as &mut dyn Build).at(of, 0, row) {
                    Ok(row) => inputs.push(row),
                    Err(violation) => return Ok(Err(violation)),
                }
            }
            inputs.extend(rest);
            let Some(mut outputs) = self.iteration(scan, inputs.into_iter())? else {
                return Ok(Err(Violation { op: "scan", constraint: "arity", found: "a result is absent".into() }));
            };
            for (stack, row) in stacks.iter_mut().zip(outputs.drain(scan.carries..)) {
                match (self as &mut dyn Build).with_axis(row, 0) {
                    Ok(row) => stack.push(row),
                    Err(violation) => return Ok(Err(violation)),
                }
            }
            carried = outputs;
        }
        for (mut stack, backward) in stacks.into_iter().zip(&scan.stacks) {
            if *backward {
                stack.reverse();
            }
            match (self as &mut dyn Build).joined(&stack, 0) {
                Ok(joined) => carried.push(joined),
                Err(violation) => return Ok(Err(violation)),
            }
        }
        Ok(Ok(carried))
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
