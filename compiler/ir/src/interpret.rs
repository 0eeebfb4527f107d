//! Runs a graph by the reference meaning of its operators: slow, obvious, the oracle of everything else.

use crate::binding::{self, BindError};
use crate::graph::{Graph, NodeKind, ValueId};
use crate::memory::{self, NotEnough, Taken};
use crate::scan::Scan;
use m4c_ops::{Binding, Fact, Tensor};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Loops of more iterations are refused, as the runtime refuses them.
const MOST_ITERATIONS: usize = 1 << 24;

/// Why a graph gives no result.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum InterpretError {
    /// The number of inputs differs.
    InputCount {
        /// Inputs of the graph.
        expected: usize,
        /// Inputs given.
        found: usize,
    },
    /// An input has another type.
    InputType(String),
    /// The sizes of the inputs do not fit.
    Bind(BindError),
    /// A constant's bytes do not fit its fact.
    Constant(ValueId),
    /// A node has no result.
    Node {
        /// The node.
        value: ValueId,
        /// Why.
        error: String,
    },
    /// A value would need more memory than there is.
    Memory {
        /// The node.
        value: ValueId,
        /// What it would need.
        error: NotEnough,
    },
}

impl fmt::Display for InterpretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InterpretError::InputCount { expected, found } => write!(f, "{found} inputs given, not {expected}"),
            InterpretError::InputType(what) => f.write_str(what),
            InterpretError::Bind(error) => error.fmt(f),
            InterpretError::Constant(value) => write!(f, "the bytes of constant %{} do not fit its shape", value.0),
            InterpretError::Node { value, error } => write!(f, "%{}: {error}", value.0),
            InterpretError::Memory { value, error } => write!(f, "%{}: {error}", value.0),
        }
    }
}

/// The outputs for inputs given in the graph's order.
///
/// # Errors
/// Where the inputs do not fit or a value lies outside an operator's domain.
pub fn interpret(graph: &Graph, inputs: &[Arc<Tensor>]) -> Result<Vec<Arc<Tensor>>, InterpretError> {
    let values = interpret_values(graph, inputs, &mut |_, _| {})?;
    Ok(values)
}

/// The same, and `observe` sees every value when it is computed.
///
/// # Errors
/// Where the inputs do not fit or a value lies outside an operator's domain.
pub fn interpret_values(
    graph: &Graph,
    inputs: &[Arc<Tensor>],
    observe: &mut dyn FnMut(ValueId, &Tensor),
) -> Result<Vec<Arc<Tensor>>, InterpretError> {
    if inputs.len() != graph.inputs().len() {
        return Err(InterpretError::InputCount { expected: graph.inputs().len(), found: inputs.len() });
    }
    for (&input, tensor) in graph.inputs().iter().zip(inputs) {
        let (name, dtype) = (graph.input_name(input), graph.fact(input).dtype);
        if dtype != tensor.dtype() {
            return Err(InterpretError::InputType(format!("input `{name}` is {}, not {dtype}", tensor.dtype())));
        }
    }
    let shapes: Vec<Vec<usize>> = inputs.iter().map(|tensor| tensor.shape().to_vec()).collect();
    let mut binding = binding::bind(graph, &shapes).map_err(InterpretError::Bind)?;

    evaluate(graph, inputs, &mut binding, observe)
}

/// The outputs of a graph whose symbols have values, but for those that it binds itself.
fn evaluate(
    graph: &Graph,
    inputs: &[Arc<Tensor>],
    binding: &mut Binding,
    observe: &mut dyn FnMut(ValueId, &Tensor),
) -> Result<Vec<Arc<Tensor>>, InterpretError> {
    let order = graph.order();
    let mut last_use: BTreeMap<ValueId, usize> = BTreeMap::new();
    for (step, &value) in order.iter().enumerate() {
        for operand in graph.operands(value).into_iter().flatten() {
            last_use.insert(operand, step);
        }
    }
    for output in graph.outputs() {
        last_use.insert(output.value, usize::MAX);
    }
    let given: BTreeMap<ValueId, &Arc<Tensor>> = graph.inputs().iter().copied().zip(inputs).collect();
    let mut values: BTreeMap<ValueId, Arc<Tensor>> = BTreeMap::new();
    let mut taken: BTreeMap<ValueId, Taken> = BTreeMap::new();
    let mut scans: BTreeMap<ValueId, Vec<Arc<Tensor>>> = BTreeMap::new();
    for (step, &value) in order.iter().enumerate() {
        let operands = graph.operands(value);
        // The results of a loop are counted where it runs, and inputs are the caller's.
        if matches!(graph.node(value).kind, NodeKind::Apply { .. } | NodeKind::Constant(_)) {
            let room = room(graph.fact(value), binding);
            taken.insert(value, room.map_err(|error| InterpretError::Memory { value, error })?);
        }
        let tensor = match &graph.node(value).kind {
            NodeKind::Input(_) => given[&value].clone(),
            NodeKind::Constant(constant) => constant.load(graph.fact(value)).ok_or(InterpretError::Constant(value))?,
            NodeKind::Scan(scan) => {
                let given = operands.iter().map(|operand| operand.and_then(|v| values.get(&v).cloned()));
                let given: Option<Vec<Arc<Tensor>>> = given.collect();
                let missing = || InterpretError::Node { value, error: "an operand of the scan is missing".into() };
                let (results, room) = repeat(scan, value, given.ok_or_else(missing)?, binding)?;
                scans.insert(value, results);
                taken.insert(value, room);
                continue;
            }
            NodeKind::Result(index) => {
                let of = operands.first().copied().flatten().and_then(|scan| scans.get(&scan));
                let missing = || InterpretError::Node { value, error: format!("there is no result {index}") };
                of.and_then(|results| results.get(*index)).cloned().ok_or_else(missing)?
            }
            NodeKind::Apply { op, attrs } => {
                if let (Some(symbol), Some(tensor)) = (
                    graph.node(value).kind.bound_symbol(),
                    operands.first().copied().flatten().and_then(|v| values.get(&v)),
                ) {
                    let size = tensor.as_i64s().and_then(|sizes| sizes.first().copied()).unwrap_or(-1);
                    binding::bind_symbol(graph, &symbol, size, binding).map_err(InterpretError::Bind)?;
                }
                let failed = |error: String| InterpretError::Node { value, error: format!("`{}`: {error}", op.name) };
                let attrs = attrs.bind(binding).ok_or_else(|| failed("a size is not bound".into()))?;
                let tensors: Vec<Option<&Tensor>> =
                    operands.iter().map(|operand| operand.and_then(|v| values.get(&v)).map(|t| &**t)).collect();
                Arc::new(op.eval(&tensors, &attrs).map_err(|error| failed(error.to_string()))?)
            }
        };
        check_shape(graph, value, &tensor, binding)?;
        observe(value, &tensor);
        values.insert(value, tensor);
        for operand in operands.into_iter().flatten() {
            if last_use.get(&operand) == Some(&step) {
                values.remove(&operand);
                taken.remove(&operand);
            }
        }
        if !last_use.contains_key(&value) {
            values.remove(&value);
            taken.remove(&value);
        }
    }
    Ok(graph.outputs().iter().map(|output| values[&output.value].clone()).collect())
}

/// The results of a loop, iteration by iteration, and the memory that they take.
fn repeat(
    scan: &Scan,
    value: ValueId,
    mut operands: Vec<Arc<Tensor>>,
    binding: &mut Binding,
) -> Result<(Vec<Arc<Tensor>>, Taken), InterpretError> {
    let failed = |error: &str| InterpretError::Node { value, error: format!("`scan`: {error}") };
    let trip = scan.trip.eval(binding).and_then(|trip| usize::try_from(trip).ok());
    let trip = trip.ok_or_else(|| failed("the trip count is no size"))?;
    if trip > MOST_ITERATIONS {
        return Err(failed("the loop has too many iterations"));
    }
    let enough = |room: Result<Taken, NotEnough>| room.map_err(|error| InterpretError::Memory { value, error });
    let mut taken = enough(memory::take_elements(&[trip, scan.stacks.len()], size_of::<Arc<Tensor>>()))?;
    for fact in scan.results() {
        // Rows are kept until they are joined.
        taken.join(enough(room(&fact, binding))?);
        taken.join(enough(room(&fact, binding))?);
    }
    let rows: Vec<Arc<Tensor>> = operands.iter().skip(scan.carries).take(scan.rows.len()).cloned().collect();
    let mut stacks: Vec<Vec<Arc<Tensor>>> = vec![Vec::with_capacity(trip); scan.stacks.len()];
    for iteration in 0..trip {
        for (index, (tensor, &reversed)) in rows.iter().zip(&scan.rows).enumerate() {
            let at = if reversed { trip - 1 - iteration } else { iteration };
            let shape = tensor.shape().get(1..).unwrap_or_default().to_vec();
            let length: usize = shape.iter().product();
            let row = tensor.take(shape, at * length..(at + 1) * length);
            operands[scan.carries + index] = Arc::new(row.ok_or_else(|| failed("an operand has too few rows"))?);
        }
        let mut results = evaluate(&scan.body, &operands, binding, &mut |_, _| {})?;
        for (stack, row) in stacks.iter_mut().zip(results.split_off(scan.carries)) {
            stack.push(row);
        }
        operands.splice(..scan.carries, results);
    }
    operands.truncate(scan.carries);
    for ((mut stack, &reversed), fact) in stacks.into_iter().zip(&scan.stacks).zip(&scan.results()[scan.carries..]) {
        if reversed {
            stack.reverse();
        }
        let shape = fact.bound(binding).ok_or_else(|| failed("a size is not bound"))?;
        let parts: Vec<&Tensor> = stack.iter().map(|row| &**row).collect();
        let whole = if parts.is_empty() {
            let data = m4c_ops::Data::from_i64(fact.dtype, std::iter::empty());
            Tensor::new(shape, data)
        } else {
            Tensor::join(shape, &parts)
        };
        operands.push(Arc::new(whole.ok_or_else(|| failed("rows do not fit together"))?));
    }
    Ok((operands, taken))
}

/// The memory of a value; nothing where its sizes are not known yet, which is an error where they are needed.
fn room(fact: &Fact, binding: &Binding) -> Result<Taken, NotEnough> {
    let sizes = fact.bound(binding).unwrap_or_default();
    memory::take_elements(&sizes, fact.dtype.bits().div_ceil(8))
}

/// Holds that inference and evaluation agree, on every value of every run.
fn check_shape(graph: &Graph, value: ValueId, tensor: &Tensor, binding: &Binding) -> Result<(), InterpretError> {
    let fact = graph.fact(value);
    if fact.dtype == tensor.dtype() && fact.bound(binding).as_deref() == Some(tensor.shape()) {
        return Ok(());
    }
    Err(InterpretError::Node { value, error: format!("is {}, but {fact} was inferred", tensor.fact()) })
}
