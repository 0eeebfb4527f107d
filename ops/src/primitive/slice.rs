//! Every `steps[i]`-th element from `starts[i]` on, along each axis.

use crate::attr::{AttrKind, Attrs};
use crate::build::{Build, Value};
use crate::dim::{Dim, Guard, GuardKind};
use crate::dtype::ALL;
use crate::fact::Fact;
use crate::numerics::Numerics;
use crate::onnx::{Export, ImportError, OnnxNode, between, from};
use crate::op::{
    EvalError, Evaluate, Infer, Meaning, Op, Refusal, Sample, Violation, attr, constraint, operand, types,
};
use crate::signature::normalized_axes;
use crate::table::no_flops;
use crate::tensor::{Tensor, indices, strides};

/// Every `steps[i]`-th element from `starts[i]` on, along each axis.
pub static OP: Op = Op {
    name: "slice",
    summary: "As many as sizes[i] elements along each axis i: the first at starts[i], then every steps[i]-th.",
    operands: &[operand("x", "T")],
    attrs: &[
        attr("starts", AttrKind::Dims, "index of the first element along each axis"),
        attr("sizes", AttrKind::Dims, "sizes of the result"),
        attr("steps", AttrKind::Ints, "distance of neighbors along each axis; negative runs backward"),
    ],
    types: &[types("T", ALL)],
    constraints: &[
        constraint("one-entry-an-axis", "starts, sizes and steps have one entry for each axis"),
        constraint("in-range", "the first and the last element taken lie inside the operand"),
        constraint("step-not-zero", "no step is 0"),
    ],
    meaning: Meaning::Primitive { infer, eval },
    numerics: Numerics::Exact,
    flops: no_flops,
    import: &[
        between("Slice", 1, 9, slice_v1),
        from("Slice", 10, slice_v10),
        between("Split", 2, 12, |b, node| split(b, node, node.ints("split")?.map(dims))),
        from("Split", 13, |b, node| {
            let sizes = node.optional(1).map(|_| node.sizes(b, 1, "the sizes")).transpose()?;
            split(b, node, sizes)
        }),
    ],
    export: Export::Nodes(|g, node| {
        let axes: Vec<i64> = (0..node.result.rank() as i64).collect();
        let (starts, steps) = (node.attrs.get_dims("starts"), node.attrs.get_ints("steps"));
        // Running backward to the very first element ends at -1, which ONNX reads as the last: any large negative ends it.
        let end = |(i, size): (usize, &Dim)| match starts[i].clone() + size.clone() * Dim::from(steps[i]) {
            end if steps[i] > 0 => end,
            end => match end.as_i64() {
                Some(end) if end >= 0 => Dim::from(end),
                _ => Dim::from(i64::MIN / 2),
            },
        };
        let ends: Vec<Dim> = node.result.shape.iter().enumerate().map(end).collect();
        let operands = [
            node.operands[0],
            Some(g.sizes(starts)),
            Some(g.sizes(&ends)),
            Some(g.constant(&Tensor::list_i64(axes))),
            Some(g.constant(&Tensor::list_i64(steps.to_vec()))),
        ];
        g.node("Slice", &operands, &[])
    }),
    samples: &[Sample {
        name: "every other, backward",
        operands: &["i64[2, 5] 0 1 2 3 4 5 6 7 8 9"],
        attrs: &["starts = [1, 4]", "sizes = [1, 2]", "steps = [1, -2]"],
        result: "i64[1, 2] 9 7",
    }],
    refusals: &[
        Refusal {
            constraint: "one-entry-an-axis",
            operands: &["f32[2, 3]"],
            attrs: &["starts = [0]", "sizes = [1]", "steps = [1]"],
        },
        Refusal {
            constraint: "in-range",
            operands: &["f32[3]"],
            attrs: &["starts = [1]", "sizes = [3]", "steps = [1]"],
        },
        Refusal {
            constraint: "in-range",
            operands: &["f32[3]"],
            attrs: &["starts = [1]", "sizes = [3]", "steps = [-1]"],
        },
        Refusal {
            constraint: "step-not-zero",
            operands: &["f32[3]"],
            attrs: &["starts = [1]", "sizes = [1]", "steps = [0]"],
        },
    ],
};

fn infer(infer: &mut Infer<'_>) -> Result<Fact, Violation> {
    let x = infer.operand(0);
    let (starts, sizes) = (infer.attrs.get_dims("starts"), infer.attrs.get_dims("sizes"));
    let steps = infer.attrs.get_ints("steps");
    if [starts.len(), sizes.len(), steps.len()] != [x.rank(); 3] {
        return Err(OP.refuse("one-entry-an-axis", format!("{} starts for {x}", starts.len())));
    }
    for axis in 0..x.rank() {
        let (start, size, step, whole) = (&starts[axis], &sizes[axis], steps[axis], &x.shape[axis]);
        if step == 0 {
            return Err(OP.refuse("step-not-zero", format!("axis {axis}")));
        }
        if size.is(0) || (start.is(0) && step == 1 && size == whole) {
            continue;
        }
        let span = (size.clone() - Dim::from(1)) * Dim::from(step);
        let last = start.clone() + span;
        let (low, high) = if step > 0 { (start, &last) } else { (&last, start) };
        let inside = infer.at_most(&Dim::from(0), low) && infer.at_most(&(high.clone() + Dim::from(1)), whole);
        if !inside || size.as_i64().is_some_and(|size| size < 0) {
            let found = format!("{size} elements from {start} by {step} of {whole} along axis {axis}");
            return Err(OP.refuse("in-range", found));
        }
    }
    Ok(Fact { dtype: x.dtype, shape: sizes.to_vec() })
}

fn eval(x: &Evaluate<'_>) -> Result<Tensor, EvalError> {
    let tensor = x.operand(0);
    let (starts, sizes) = (x.sizes("starts")?, x.sizes("sizes")?);
    let steps = x.attrs.get_ints("steps");
    let strides = strides(tensor.shape());
    let positions = indices(&sizes).map(|index| {
        (0..index.len())
            .map(|axis| (starts[axis] as i64 + index[axis] as i64 * steps[axis]) as usize * strides[axis])
            .sum()
    });
    tensor.take(sizes.clone(), positions).ok_or(EvalError::Symbolic)
}

fn dims(numbers: Vec<i64>) -> Vec<Dim> {
    numbers.into_iter().map(Dim::from).collect()
}

fn slice_v1(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let missing = |name: &str| ImportError::Attribute { name: name.into(), found: "is missing".into() };
    let starts = node.ints("starts")?.ok_or_else(|| missing("starts"))?;
    let ends = node.ints("ends")?.ok_or_else(|| missing("ends"))?;
    let axes = node.ints("axes")?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = vec![1; starts.len()];
    slice(b, node.operand(0)?, &dims(starts), &dims(ends), &axes, &steps)
}

fn slice_v10(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let starts = node.sizes(b, 1, "the starts")?;
    let ends = node.sizes(b, 2, "the ends")?;
    let axes = match node.optional(3) {
        Some(_) => node.numbers(b, 3, "the axes")?,
        None => (0..starts.len() as i64).collect(),
    };
    let steps = match node.optional(4) {
        Some(_) => node.numbers(b, 4, "the steps")?,
        None => vec![1; starts.len()],
    };
    slice(b, node.operand(0)?, &starts, &ends, &axes, &steps)
}

fn slice(
    b: &mut dyn Build,
    x: Value,
    starts: &[Dim],
    ends: &[Dim],
    axes: &[i64],
    steps: &[i64],
) -> Result<Vec<Value>, ImportError> {
    if ends.len() != starts.len() || axes.len() != starts.len() || steps.len() != starts.len() {
        return Err(ImportError::Operand { index: 1, found: "and the ends, axes and steps differ in length".into() });
    }
    normalized_axes(b, x, axes, &OP)?;
    let fact = b.fact(x).clone();
    let mut all_starts = vec![Dim::from(0); fact.rank()];
    let mut all_sizes = fact.shape.clone();
    let mut all_steps = vec![1; fact.rank()];
    for (i, axis) in axes.iter().enumerate() {
        let Some(axis) = fact.axis(*axis) else { continue };
        let (whole, step) = (&fact.shape[axis], steps[i]);
        let (start, size) = if step > 0 {
            let (start, end) = (clamp(&starts[i], whole, 0), clamp(&ends[i], whole, 0));
            (start.clone(), count(end - start, step))
        } else if step < 0 {
            let (start, end) = (clamp(&starts[i], whole, -1), clamp(&ends[i], whole, -1));
            (start.clone(), count(start - end, step.saturating_neg()))
        } else {
            return Err(OP.refuse("step-not-zero", format!("axis {axis}")).into());
        };
        (all_starts[axis], all_sizes[axis], all_steps[axis]) = (start, size, step);
    }
    Ok(vec![apply(b, x, all_starts, all_sizes, all_steps)?])
}

/// ONNX's reading of a bound: negative counts from the end, and what lies outside moves to the border. Running backward
/// (`low` is -1), the borders are one lower.
fn clamp(bound: &Dim, whole: &Dim, low: i64) -> Dim {
    let (low, high) = (Dim::from(low), whole.clone() + Dim::from(low));
    match bound.as_i64() {
        // Borders this far out mean "to the very end"; arithmetic on them would overflow.
        Some(value) if value >= i64::from(i32::MAX) => high,
        Some(value) if value <= i64::from(i32::MIN) => low,
        Some(value) if value < 0 => (whole.clone() + Dim::from(value)).maximum(&low),
        _ => bound.minimum(&high),
    }
}

fn count(span: Dim, step: i64) -> Dim {
    let span = span.maximum(&Dim::from(0));
    if step == 1 { span } else { (span + Dim::from(step.saturating_sub(1))).floor_div(step) }
}

/// The slice; the operand itself where nothing is cut.
///
/// # Errors
/// The constraint that it breaks.
pub fn apply(
    b: &mut dyn Build,
    x: Value,
    starts: Vec<Dim>,
    sizes: Vec<Dim>,
    steps: Vec<i64>,
) -> Result<Value, Violation> {
    if starts.iter().all(|start| start.is(0)) && steps.iter().all(|&step| step == 1) && b.fact(x).shape == sizes {
        return Ok(x);
    }
    b.op(&OP, &[x], Attrs::none().dims("starts", starts).dims("sizes", sizes).ints("steps", steps))
}

/// The operand with an axis from behind.
///
/// # Errors
/// The constraint that it breaks.
pub fn reversed(b: &mut dyn Build, x: Value, axis: usize) -> Result<Value, Violation> {
    let sizes = b.fact(x).shape.clone();
    let (mut starts, mut steps) = (vec![Dim::from(0); sizes.len()], vec![1; sizes.len()]);
    (starts[axis], steps[axis]) = (sizes[axis].clone() - Dim::from(1), -1);
    apply(b, x, starts, sizes, steps)
}

fn split(b: &mut dyn Build, node: &OnnxNode, sizes: Option<Vec<Dim>>) -> Result<Vec<Value>, ImportError> {
    let x = node.operand(0)?;
    let fact = b.fact(x).clone();
    let given = node.int("axis")?.unwrap_or(0);
    let axis = fact
        .axis(given)
        .ok_or_else(|| ImportError::Attribute { name: "axis".into(), found: format!("is {given} for {fact}") })?;
    let whole = &fact.shape[axis];
    let parts = node.results as i64;
    if let Some(given) = node.int("num_outputs")?.filter(|given| *given != parts) {
        return Err(ImportError::Attribute {
            name: "num_outputs".into(),
            found: format!("is {given} for {parts} results"),
        });
    }
    let sizes = match sizes {
        Some(sizes) => sizes,
        None => equal_parts(b, whole, parts)?,
    };
    if sizes.len() < node.results {
        let found = format!("gives {} sizes for {} results", sizes.len(), node.results);
        return Err(ImportError::Operand { index: 1, found });
    }
    let total = sizes.iter().fold(Dim::from(0), |sum, size| sum + size.clone());
    if total.differs(whole) {
        return Err(OP.refuse("in-range", format!("sizes add up to {total}, not {whole}")).into());
    }
    let (mut start, mut results) = (Dim::from(0), Vec::new());
    for size in sizes {
        let mut starts = vec![Dim::from(0); fact.rank()];
        let mut shape = fact.shape.clone();
        (starts[axis], shape[axis]) = (start.clone(), size.clone());
        results.push(apply(b, x, starts, shape, vec![1; fact.rank()])?);
        start = start + size;
    }
    Ok(results)
}

/// Equal parts; the last one is smaller where the size does not divide.
fn equal_parts(b: &mut dyn Build, whole: &Dim, parts: i64) -> Result<Vec<Dim>, ImportError> {
    if parts == 0 {
        return Ok(Vec::new());
    }
    if let Some(size) = whole.as_i64() {
        let each = size.saturating_add(parts - 1) / parts;
        let part = |i: i64| Dim::from((size - i * each).clamp(0, each));
        return Ok((0..parts).map(part).collect());
    }
    let guard = Guard { kind: GuardKind::Divides, left: Dim::from(parts), right: whole.clone() };
    if guard.known() != Some(true) {
        b.assume(guard);
    }
    Ok(vec![whole.floor_div(parts); parts as usize])
}
