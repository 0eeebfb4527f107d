//! `NonMaxSuppression`: the boxes of each class by falling score, without those that overlap one chosen before.

use crate::attr::Attrs;
use crate::build::{Build, Value};
use crate::dim::{Dim, Guard, GuardKind};
use crate::dtype::DType;
use crate::import::non_zero::places_of_true;
use crate::onnx::{ImportError, OnnxImport, OnnxNode, from};
use crate::op::Violation;
use crate::primitive::{argmax, gather};
use crate::tensor::Tensor;

/// `NonMaxSuppression`.
pub static IMPORT: &[OnnxImport] = &[from("NonMaxSuppression", 10, import)];

/// Boxes as `[batch, 1, boxes]` each.
struct Boxes {
    top: Value,
    left: Value,
    bottom: Value,
    right: Value,
    area: Value,
}

impl Boxes {
    /// Corners in any order, or a center and a size.
    fn new(b: &mut dyn Build, boxes: Value, centered: bool) -> Result<Boxes, Violation> {
        let mut parts = Vec::with_capacity(4);
        for part in 0..4 {
            let part = b.at(boxes, 2, Dim::from(part))?;
            parts.push(b.with_axis(part, 1)?);
        }
        let (top, left, bottom, right) = if centered {
            let (half_width, half_height) = (b.times(parts[2], 0.5)?, b.times(parts[3], 0.5)?);
            (
                b.sub(parts[1], half_height)?,
                b.sub(parts[0], half_width)?,
                b.add(parts[1], half_height)?,
                b.add(parts[0], half_width)?,
            )
        } else {
            (
                b.min(parts[0], parts[2])?,
                b.min(parts[1], parts[3])?,
                b.max(parts[0], parts[2])?,
                b.max(parts[1], parts[3])?,
            )
        };
        let (height, width) = (b.sub(bottom, top)?, b.sub(right, left)?);
        let area = b.mul(height, width)?;
        Ok(Boxes { top, left, bottom, right, area })
    }

    /// One box of each class, `[batch, classes, 1]`.
    fn pick(&self, b: &mut dyn Build, index: Value) -> Result<Boxes, Violation> {
        let pick = |b: &mut dyn Build, x: Value| {
            let x = b.without_axis(x, 1)?;
            b.op(&gather::OP, &[x, index], Attrs::none().int("axis", 1).int("batch_dims", 1))
        };
        Ok(Boxes {
            top: pick(b, self.top)?,
            left: pick(b, self.left)?,
            bottom: pick(b, self.bottom)?,
            right: pick(b, self.right)?,
            area: pick(b, self.area)?,
        })
    }

    /// Whether intersection over union is above the threshold; what has no area overlaps nothing.
    fn overlap(&self, b: &mut dyn Build, other: &Boxes, threshold: Value) -> Result<Value, Violation> {
        let (top, bottom) = (b.max(self.top, other.top)?, b.min(self.bottom, other.bottom)?);
        let (left, right) = (b.max(self.left, other.left)?, b.min(self.right, other.right)?);
        let zero = b.like(top, 0.0);
        let (height, width) = (b.sub(bottom, top)?, b.sub(right, left)?);
        let (height, width) = (b.max(height, zero)?, b.max(width, zero)?);
        let both = b.mul(height, width)?;
        let sum = b.add(self.area, other.area)?;
        let either = b.sub(sum, both)?;
        let ratio = b.div(both, either)?;
        b.less(threshold, ratio)
    }
}

/// One step of a loop chooses one box of each class: the best that is left. What is chosen or overlaps it is left no more:
/// its score becomes minus infinity, which no candidate has.
fn import(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let (mut boxes, mut scores) = (node.operand(0)?, node.operand(1)?);
    let [batch, classes, count] = &b.fact(scores).shape.clone()[..] else {
        return Err(ImportError::Operand { index: 1, found: format!("is {}, not of 3 axes", b.fact(scores)) });
    };
    if b.fact(boxes).rank() != 3 {
        return Err(ImportError::Operand { index: 0, found: format!("is {}, not of 3 axes", b.fact(boxes)) });
    }
    let steps = most(b, node, count)?;
    if !Dim::from(1).is_at_most(count) {
        // The best of none is one that is no candidate.
        boxes = b.framed(boxes, 1, Dim::from(0), Dim::from(1), 0.0)?;
        scores = b.framed(scores, 2, Dim::from(0), Dim::from(1), f64::NEG_INFINITY)?;
    }
    let boxes = Boxes::new(b, boxes, node.int("center_point_box")?.unwrap_or(0) != 0)?;
    let threshold = number(b, node, 3)?.unwrap_or_else(|| b.like(scores, 0.0));
    let gone = b.like(scores, f64::NEG_INFINITY);
    let least = number(b, node, 4)?.unwrap_or(gone);
    let candidate = b.less(least, scores)?;
    let left = b.select(candidate, scores, gone)?;

    let all = b.fact(scores).shape[2].clone();
    let numbers = b.count(3, 2, all, DType::I64)?;
    let stacked = b.scan(steps.clone(), &[left], &[], &[false, false], &mut |b, left, _| {
        let best = b.op(&argmax::OP, &[left[0]], Attrs::none().int("axis", 2))?;
        let score = b.largest(left[0], vec![2], false)?;
        let found = b.less(gone, score)?;
        let index = b.with_axis(best, 2)?;
        let chosen = boxes.pick(b, index)?;
        let near = boxes.overlap(b, &chosen, threshold)?;
        let same = b.equal(numbers, index)?;
        let out = b.or(same, near)?;
        Ok((vec![b.select(out, gone, left[0])?], vec![best, found]))
    })?;

    // Rows by batch, class and step.
    let (places, line) = (Dim::product([batch, classes, &steps]), Dim::product([classes, &steps]));
    let indices = b.transpose(stacked[1], vec![1, 2, 0])?;
    let indices = b.reshape(indices, std::slice::from_ref(&places))?;
    let found = b.transpose(stacked[2], vec![1, 2, 0])?;
    let found = b.reshape(found, &[places])?;
    let places = places_of_true(b, found)?;
    let (line, steps, classes) = (b.size(line), b.size(steps), b.size(classes.clone()));
    let batch = b.div(places, line)?;
    let lines = b.div(places, steps)?;
    let before = b.mul(batch, classes)?;
    let class = b.sub(lines, before)?;
    let index = b.pick(indices, places, 0)?;
    let mut columns = Vec::with_capacity(3);
    for column in [batch, class, index] {
        columns.push(b.with_axis(column, 1)?);
    }
    Ok(vec![b.joined(&columns, 1)?])
}

/// How many boxes of a class are chosen at most: none where the operand is absent.
fn most(b: &mut dyn Build, node: &OnnxNode, count: &Dim) -> Result<Dim, ImportError> {
    let Some(given) = number(b, node, 2)? else { return Ok(Dim::from(0)) };
    if let Some(known) = b.known(given).and_then(Tensor::as_dim) {
        let known = known.maximum(&Dim::from(0));
        return Ok(if count.is_at_most(&known) { count.clone() } else { known.minimum(count) });
    }
    let (none, all) = (b.like(given, 0.0), b.size(count.clone()));
    let given = b.max(given, none)?;
    // Of a minimum the operand would become the size, which may be any number; of a selection it is the result.
    let fewer = b.less(given, all)?;
    let given = b.select(fewer, given, all)?;
    let steps = b.bind(given, 0)?;
    b.assume(Guard { kind: GuardKind::AtMost, left: steps.clone(), right: count.clone() });
    Ok(steps)
}

/// An operand of one number as a scalar; none where it is absent or empty.
fn number(b: &mut dyn Build, node: &OnnxNode, index: usize) -> Result<Option<Value>, ImportError> {
    match node.optional(index) {
        Some(value) if !b.fact(value).elements().is(0) => Ok(Some(b.reshape(value, &[])?)),
        _ => Ok(None),
    }
}
