//! Rows of the operand replaced at the places that an index list names.

use crate::attr::Attrs;
use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::{ALL, INDEX};
use crate::fact::Fact;
use crate::import::scatter_by;
use crate::numerics::Numerics;
use crate::onnx::{Export, ExportNode, ImportError, OnnxAttr, OnnxGraph, OnnxNode, OnnxValue, between, from};
use crate::op::{EvalError, Evaluate, Infer, Meaning, Op, Refusal, Sample, Violation, constraint, operand, types};
use crate::primitive::{add, gather, iota, max, min, mul, scatter_add};
use crate::table::no_flops;
use crate::tensor::Tensor;

/// Rows of the operand replaced at the places that an index list names.
pub static OP: Op = Op {
    name: "scatter",
    summary: "The operand with row indices[k] of its first axis replaced by row k of the updates, for each k in order; a negative index counts from the end.",
    operands: &[operand("x", "T"), operand("indices", "I"), operand("updates", "T")],
    attrs: &[],
    types: &[types("T", ALL), types("I", INDEX)],
    constraints: &[
        constraint("index-list", "the operand has rows, and the indices have one axis"),
        constraint("same-rows", "there is one update an index, of the sizes of the operand's rows"),
    ],
    meaning: Meaning::Primitive { infer: |infer| infer_scatter(&OP, infer), eval },
    numerics: Numerics::Exact,
    flops: no_flops,
    import: &[
        between("Scatter", 9, 10, elements),
        from("ScatterElements", 11, elements),
        from("ScatterND", 11, tuples),
        from("TensorScatter", 24, tensor_scatter),
    ],
    export: Export::Nodes(|g, node| export(g, node, "none")),
    samples: &[
        Sample {
            name: "the last of two updates stays",
            operands: &["f32[3, 2] 1 2 3 4 5 6", "i64[3] 2 -3 2", "f32[3, 2] 10 20 30 40 50 60"],
            attrs: &[],
            result: "f32[3, 2] 30 40 3 4 50 60",
        },
        Sample { name: "no updates", operands: &["i64[2] 1 2", "i32[0]", "i64[0]"], attrs: &[], result: "i64[2] 1 2" },
    ],
    refusals: &[
        Refusal { constraint: "index-list", operands: &["f32[]", "i64[1]", "f32[1]"], attrs: &[] },
        Refusal { constraint: "index-list", operands: &["f32[2]", "i64[1, 1]", "f32[1, 1]"], attrs: &[] },
        Refusal { constraint: "same-rows", operands: &["f32[2, 3]", "i64[1]", "f32[1, 2]"], attrs: &[] },
        Refusal { constraint: "same-rows", operands: &["f32[2]", "i64[1]", "f32[2]"], attrs: &[] },
    ],
};

/// The fact of a scatter, whatever it does where two updates meet.
///
/// # Errors
/// Where indices and updates do not fit.
pub fn infer_scatter(op: &'static Op, infer: &mut Infer<'_>) -> Result<Fact, Violation> {
    let (x, at, updates) = (infer.operand(0), infer.operand(1), infer.operand(2));
    if x.rank() == 0 || at.rank() != 1 {
        return Err(op.refuse("index-list", format!("{x} at {at}")));
    }
    let expected = at.shape.iter().chain(&x.shape[1..]);
    let fits = updates.rank() == x.rank()
        && updates.shape.iter().zip(expected).all(|(found, expected)| infer.same(found, expected).is_some());
    match fits {
        true => Ok(x.clone()),
        false => Err(op.refuse("same-rows", format!("{updates} for {x} at {at}"))),
    }
}

/// For each index the row that it names.
///
/// # Errors
/// Where one lies outside.
pub fn rows(x: &Evaluate<'_>) -> Result<Vec<usize>, EvalError> {
    let size = x.operand(0).shape()[0] as i64;
    let row = |index: i64| {
        let row = if index < 0 { index.saturating_add(size) } else { index };
        let outside = || EvalError::Domain(format!("index {index} of {size} rows"));
        (0..size).contains(&row).then_some(row as usize).ok_or_else(outside)
    };
    x.operand(1).as_i64s().ok_or(EvalError::Symbolic)?.into_iter().map(row).collect()
}

fn eval(x: &Evaluate<'_>) -> Result<Tensor, EvalError> {
    let (tensor, updates) = (x.operand(0), x.operand(2));
    let inner: usize = tensor.shape()[1..].iter().product();
    // Positions in the operand followed by the updates.
    let mut from: Vec<usize> = (0..tensor.len()).collect();
    for (k, row) in rows(x)?.into_iter().enumerate() {
        for i in 0..inner {
            from[row * inner + i] = tensor.len() + k * inner + i;
        }
    }
    let both = Tensor::join(vec![tensor.len() + updates.len()], &[tensor, updates]).ok_or(EvalError::Symbolic)?;
    both.take(tensor.shape().to_vec(), from.into_iter()).ok_or(EvalError::Symbolic)
}

/// Writes a scatter as `ScatterND` with tuples of one index.
pub fn export(g: &mut dyn OnnxGraph, node: &ExportNode<'_>, reduction: &str) -> OnnxValue {
    let last = g.constant(&Tensor::list_i64(vec![-1]));
    let at = g.node("Cast", &[node.operands[1]], &[("to", OnnxAttr::Int(7))]);
    let at = g.node("Unsqueeze", &[Some(at), Some(last)], &[]);
    let attrs = [("reduction", OnnxAttr::Text(reduction.into()))];
    g.node("ScatterND", &[node.operands[0], Some(at), node.operands[2]], &attrs)
}

/// The updates written or combined as a node's `reduction` says.
fn by_reduction(
    b: &mut dyn Build,
    node: &OnnxNode,
    x: Value,
    place: Value,
    updates: Value,
) -> Result<Value, ImportError> {
    Ok(match node.text("reduction")?.unwrap_or("none") {
        "none" => b.plain(&OP, &[x, place, updates])?,
        "add" => b.plain(&scatter_add::OP, &[x, place, updates])?,
        "mul" => scatter_by::apply(b, x, place, updates, &mul::OP)?,
        "max" => scatter_by::apply(b, x, place, updates, &max::OP)?,
        "min" => scatter_by::apply(b, x, place, updates, &min::OP)?,
        other => return Err(ImportError::Attribute { name: "reduction".into(), found: format!("is `{other}`") }),
    })
}

/// All axes that index tuples count along become one, and each tuple its place there.
fn tuples(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let (x, at, updates) = (node.operand(0)?, node.operand(1)?, node.operand(2)?);
    let (fact, tuples) = (b.fact(x).clone(), b.fact(at).clone());
    let length = tuples.shape.last().and_then(Dim::as_usize);
    let length = length.ok_or(ImportError::NotConstant { index: 1, sets: "the length of an index tuple" })?;
    if length == 0 || length > fact.rank() {
        let found = format!("has tuples of {length} indices for {fact}");
        return Err(ImportError::Operand { index: 1, found });
    }
    let outer = &tuples.shape[..tuples.rank() - 1];
    let place = gather::places(b, at, outer, &fact.shape[..length])?;
    let count = Dim::product(outer);
    let row = &fact.shape[length..];
    let rows: Vec<Dim> = [Dim::product(&fact.shape[..length])].iter().chain(row).cloned().collect();
    let given: Vec<Dim> = [count.clone()].iter().chain(row).cloned().collect();
    let x = b.reshape(x, &rows)?;
    let place = b.reshape(place, &[count])?;
    let updates = b.reshape(updates, &given)?;
    let result = by_reduction(b, node, x, place, updates)?;
    Ok(vec![b.reshape(result, &fact.shape)?])
}

/// Each update goes to the element at its own position, but for one axis: all axes become one.
fn elements(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let (x, at, updates) = (node.operand(0)?, node.operand(1)?, node.operand(2)?);
    let (fact, picks) = (b.fact(x).clone(), b.fact(at).clone());
    let given = node.int("axis")?.unwrap_or(0);
    let axis = fact.axis(given).filter(|_| picks.rank() == fact.rank());
    let axis = axis.ok_or_else(|| ImportError::Attribute {
        name: "axis".into(),
        found: format!("is {given} for {fact} and indices {picks}"),
    })?;
    let dtype = picks.dtype;
    let along = b.size(fact.shape[axis].clone());
    let along = b.cast(along, dtype)?;
    let at = gather::from_front(b, at, along)?;
    let mut place: Option<Value> = None;
    let mut stride = Dim::from(1);
    for i in (0..fact.rank()).rev() {
        let position = if i == axis { at } else { positions(b, &picks.shape, i, dtype)? };
        let by = b.size(stride.clone());
        let by = b.cast(by, dtype)?;
        let scaled = b.plain(&mul::OP, &[position, by])?;
        place = Some(match place {
            Some(sum) => b.plain(&add::OP, &[sum, scaled])?,
            None => scaled,
        });
        stride = stride * fact.shape[i].clone();
    }
    let place = place.ok_or_else(|| ImportError::Operand { index: 0, found: "has no axes".into() })?;
    let count = picks.elements();
    let x = b.reshape(x, &[fact.elements()])?;
    let place = b.reshape(place, std::slice::from_ref(&count))?;
    let updates = b.reshape(updates, &[count])?;
    let result = by_reduction(b, node, x, place, updates)?;
    Ok(vec![b.reshape(result, &fact.shape)?])
}

/// The position along one axis, as a value that broadcasts over the other axes.
fn positions(b: &mut dyn Build, shape: &[Dim], axis: usize, dtype: crate::DType) -> Result<Value, Violation> {
    let count = iota::apply(b, shape[axis].clone(), dtype)?;
    let mut alone = vec![Dim::from(1); shape.len() - axis];
    alone[0] = shape[axis].clone();
    b.reshape(count, &alone)
}

/// A cache along one axis, written from a position on that each batch has for itself. The `circular` mode wraps around.
fn tensor_scatter(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let (x, updates) = (node.operand(0)?, node.operand(1)?);
    let (fact, given) = (b.fact(x).clone(), b.fact(updates).clone());
    let axis = fact.axis(node.int("axis")?.unwrap_or(-2)).filter(|&axis| axis > 0 && given.rank() == fact.rank());
    let axis = axis.ok_or_else(|| ImportError::Attribute { name: "axis".into(), found: format!("for {fact}") })?;
    let circular = match node.text("mode")?.unwrap_or("linear") {
        "linear" => false,
        "circular" => true,
        other => return Err(ImportError::Attribute { name: "mode".into(), found: format!("is `{other}`") }),
    };
    let dtype = crate::DType::I64;
    let (batch, length, count) = (fact.shape[0].clone(), fact.shape[axis].clone(), given.shape[axis].clone());
    let mut step = iota::apply(b, count.clone(), dtype)?;
    if let Some(start) = node.optional(2) {
        let start = b.cast(start, dtype)?;
        let start = b.reshape(start, &[batch.clone(), Dim::from(1)])?;
        step = b.plain(&add::OP, &[start, step])?;
    }
    let size = b.size(length.clone());
    if circular {
        let turns = b.plain(&crate::primitive::div::OP, &[step, size])?;
        let turns = b.plain(&mul::OP, &[turns, size])?;
        step = b.plain(&crate::primitive::sub::OP, &[step, turns])?;
    }
    // Rows count over the batch, the axes between it and the written one, and that.
    let between = Dim::product(&fact.shape[1..axis]);
    let outer = iota::apply(b, batch.clone() * between.clone(), dtype)?;
    let outer = b.reshape(outer, &[batch.clone(), between.clone(), Dim::from(1)])?;
    let outer = b.plain(&mul::OP, &[outer, size])?;
    let per_batch = if b.fact(step).rank() == 2 { batch.clone() } else { Dim::from(1) };
    let step = b.reshape(step, &[per_batch, Dim::from(1), count.clone()])?;
    let place = b.plain(&add::OP, &[outer, step])?;
    let rows = batch.clone() * between.clone();
    let inner = Dim::product(&fact.shape[axis + 1..]);
    let place = b.reshape(place, &[rows.clone() * count.clone()])?;
    let updates = b.reshape(updates, &[rows.clone() * count, inner.clone()])?;
    let x = b.reshape(x, &[rows * length, inner])?;
    let result = b.op(&OP, &[x, place, updates], Attrs::none())?;
    Ok(vec![b.reshape(result, &fact.shape)?])
}
