//! `RNN`, `GRU` and `LSTM`: one loop over time a direction. The products with the inputs of all steps are one product before
//! it.

use crate::attr::Attrs;
use crate::build::{Build, Value};
use crate::composite::sigmoid;
use crate::dim::Dim;
use crate::dtype::DType;
use crate::import::activation::{bent, softplus, softsign, thresholded};
use crate::onnx::{ImportError, OnnxAttr, OnnxImport, OnnxNode, from};
use crate::op::Violation;
use crate::primitive::{add, broadcast, concat, iota, less, matmul, max, min, mul, select, sub};

/// `RNN`, `GRU` and `LSTM`.
pub static IMPORT: &[OnnxImport] = &[from("RNN", 7, rnn), from("GRU", 7, gru), from("LSTM", 7, lstm)];

/// What the three have in common.
struct Layer {
    /// Time first.
    x: Value,
    steps: Dim,
    batch: Dim,
    hidden: Dim,
    dtype: DType,
    /// Whether each direction goes back in time.
    directions: Vec<bool>,
    batch_first: bool,
    clip: Option<f32>,
    lengths: Option<Value>,
    activations: Vec<Activation>,
}

#[derive(Clone, Debug)]
struct Activation {
    name: String,
    alpha: f64,
    beta: f64,
}

/// Computes the next states of a row of products and the states.
type Step<'s> = dyn FnMut(&mut dyn Build, Value, &[Value]) -> Result<Vec<Value>, Violation> + 's;

/// The weights of one direction.
struct Weights {
    /// Products of all steps with the inputs, biases added.
    inputs: Value,
    /// `[hidden, gates * hidden]`.
    recurrent: Value,
    /// Biases that are not added yet, `[gates * hidden]`.
    late_bias: Option<Value>,
    reversed: bool,
}

impl Layer {
    fn new(b: &mut dyn Build, node: &OnnxNode, defaults: &[&str]) -> Result<Layer, ImportError> {
        let batch_first = node.int("layout")?.unwrap_or(0) != 0;
        let mut x = node.operand(0)?;
        let recurrent = b.fact(node.operand(2)?).clone();
        let (3, Some(hidden)) = (b.fact(x).rank(), recurrent.shape.get(2).cloned()) else {
            return Err(ImportError::Operand { index: 0, found: format!("is {}, not of 3 axes", b.fact(x)) });
        };
        if batch_first {
            x = b.transpose(x, vec![1, 0, 2])?;
        }
        let fact = b.fact(x).clone();
        let directions = match node.text("direction")?.unwrap_or("forward") {
            "forward" => vec![false],
            "reverse" => vec![true],
            "bidirectional" => vec![false, true],
            other => {
                return Err(ImportError::Attribute { name: "direction".into(), found: format!("is `{other}`") });
            }
        };
        let activations = activations(node, defaults, directions.len())?;
        let lengths = node.optional(4);
        Ok(Layer {
            x,
            steps: fact.shape[0].clone(),
            batch: fact.shape[1].clone(),
            hidden,
            dtype: fact.dtype,
            directions,
            batch_first,
            clip: node.float("clip")?.filter(|clip| *clip > 0.0),
            lengths,
            activations,
        })
    }

    /// The part of an operand for a direction.
    fn part(&self, b: &mut dyn Build, value: Value, direction: usize) -> Result<Value, Violation> {
        b.at(value, 0, Dim::from(direction))
    }

    /// The product with the inputs of all steps. The bias of the recurrent product stays apart where `apart`.
    fn weights(
        &self,
        b: &mut dyn Build,
        node: &OnnxNode,
        direction: usize,
        apart: bool,
    ) -> Result<Weights, ImportError> {
        let input = self.part(b, node.operand(1)?, direction)?;
        let input = b.transpose(input, vec![1, 0])?;
        let recurrent = self.part(b, node.operand(2)?, direction)?;
        let recurrent = b.transpose(recurrent, vec![1, 0])?;
        let mut inputs = b.plain(&matmul::OP, &[self.x, input])?;
        let mut late_bias = None;
        if let Some(bias) = node.optional(3) {
            let bias = self.part(b, bias, direction)?;
            let half = b.fact(recurrent).shape[1].clone();
            let first = b.cut(bias, 0, Dim::from(0), half.clone())?;
            let second = b.cut(bias, 0, half.clone(), half)?;
            inputs = b.plain(&add::OP, &[inputs, first])?;
            if apart {
                late_bias = Some(second);
            } else {
                inputs = b.plain(&add::OP, &[inputs, second])?;
            }
        }
        Ok(Weights { inputs, recurrent, late_bias, reversed: self.directions[direction] })
    }

    /// A state before the first step.
    fn initial(&self, b: &mut dyn Build, given: Option<Value>, direction: usize) -> Result<Value, Violation> {
        let shape = vec![self.batch.clone(), self.hidden.clone()];
        let Some(mut given) = given else {
            let zero = b.scalar(self.dtype, 0.0);
            return b.op(&broadcast::OP, &[zero], Attrs::none().dims("sizes", shape));
        };
        if self.batch_first {
            given = b.transpose(given, vec![1, 0, 2])?;
        }
        let state = self.part(b, given, direction)?;
        b.reshape(state, &shape)
    }

    fn clipped(&self, b: &mut dyn Build, x: Value) -> Result<Value, Violation> {
        let Some(clip) = self.clip else { return Ok(x) };
        let (low, high) = (b.scalar(self.dtype, -f64::from(clip)), b.scalar(self.dtype, f64::from(clip)));
        let x = b.plain(&max::OP, &[x, low])?;
        b.plain(&min::OP, &[x, high])
    }

    fn activate(&self, b: &mut dyn Build, direction: usize, which: usize, x: Value) -> Result<Value, Violation> {
        let count = self.activations.len() / self.directions.len();
        let x = self.clipped(b, x)?;
        self.activations[direction * count + which].apply(b, x)
    }

    /// The columns of a gate.
    fn gate(&self, b: &mut dyn Build, gates: Value, index: usize) -> Result<Value, Violation> {
        let axis = b.fact(gates).rank().saturating_sub(1);
        b.cut(gates, axis, self.hidden.clone() * Dim::from(index), self.hidden.clone())
    }

    /// Runs one direction: `step` computes the next states, the first of which is the result of a step.
    fn run(
        &self,
        b: &mut dyn Build,
        weights: &Weights,
        states: &[Value],
        step: &mut Step<'_>,
    ) -> Result<Vec<Value>, Violation> {
        let mut rows = vec![(weights.inputs, weights.reversed)];
        let lengths = match self.lengths {
            Some(lengths) => {
                let lengths = b.cast(lengths, DType::I64)?;
                rows.push((iota::apply(b, self.steps.clone(), DType::I64)?, weights.reversed));
                Some(b.reshape(lengths, &[self.batch.clone(), Dim::from(1)])?)
            }
            None => None,
        };
        let dtype = self.dtype;
        b.scan(self.steps.clone(), states, &rows, &[weights.reversed], &mut |b, states, rows| {
            let mut next = step(b, rows[0], states)?;
            let mut row = next[0];
            if let (Some(lengths), Some(&now)) = (lengths, rows.get(1)) {
                // What is beyond the end of a sequence changes nothing, and its results are 0.
                let within = b.plain(&less::OP, &[now, lengths])?;
                let zero = b.scalar(dtype, 0.0);
                row = b.plain(&select::OP, &[within, row, zero])?;
                for (next, &state) in next.iter_mut().zip(states) {
                    *next = b.plain(&select::OP, &[within, *next, state])?;
                }
            }
            Ok((next, vec![row]))
        })
    }

    /// The node's results: all steps, then each state after the last, from the results of each direction.
    fn results(&self, b: &mut dyn Build, runs: &[Vec<Value>]) -> Result<Vec<Value>, Violation> {
        let states = runs.first().map_or(0, |run| run.len().saturating_sub(1));
        let join = |b: &mut dyn Build, parts: Vec<Value>, axis: i64| match parts[..] {
            [one] => Ok(one),
            _ => b.op(&concat::OP, &parts, Attrs::none().int("axis", axis)),
        };
        let mut all = Vec::new();
        for run in runs {
            let (steps, batch, hidden) = (self.steps.clone(), self.batch.clone(), self.hidden.clone());
            all.push(b.reshape(run[states], &[steps, Dim::from(1), batch, hidden])?);
        }
        let mut y = join(b, all, 1)?;
        if self.batch_first {
            y = b.transpose(y, vec![2, 0, 1, 3])?;
        }
        let mut results = vec![y];
        for state in 0..states {
            let mut last = Vec::new();
            for run in runs {
                last.push(b.reshape(run[state], &[Dim::from(1), self.batch.clone(), self.hidden.clone()])?);
            }
            let mut last = join(b, last, 0)?;
            if self.batch_first {
                last = b.transpose(last, vec![1, 0, 2])?;
            }
            results.push(last);
        }
        Ok(results)
    }
}

fn rnn(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let layer = Layer::new(b, node, &["Tanh"])?;
    let mut runs = Vec::new();
    for direction in 0..layer.directions.len() {
        let weights = layer.weights(b, node, direction, false)?;
        let start = layer.initial(b, node.optional(5), direction)?;
        runs.push(layer.run(b, &weights, &[start], &mut |b, x, states| {
            let recurrent = b.plain(&matmul::OP, &[states[0], weights.recurrent])?;
            let sum = b.plain(&add::OP, &[x, recurrent])?;
            Ok(vec![layer.activate(b, direction, 0, sum)?])
        })?);
    }
    Ok(layer.results(b, &runs)?)
}

fn gru(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let layer = Layer::new(b, node, &["Sigmoid", "Tanh"])?;
    let reset_last = node.int("linear_before_reset")?.unwrap_or(0) != 0;
    let mut runs = Vec::new();
    for direction in 0..layer.directions.len() {
        let weights = layer.weights(b, node, direction, true)?;
        let (first, last) = {
            let two = layer.hidden.clone() * Dim::from(2);
            let first = b.cut(weights.recurrent, 1, Dim::from(0), two.clone())?;
            (first, b.cut(weights.recurrent, 1, two, layer.hidden.clone())?)
        };
        let biases = match weights.late_bias {
            Some(bias) => {
                let two = layer.hidden.clone() * Dim::from(2);
                let first = b.cut(bias, 0, Dim::from(0), two.clone())?;
                Some((first, b.cut(bias, 0, two, layer.hidden.clone())?))
            }
            None => None,
        };
        let start = layer.initial(b, node.optional(5), direction)?;
        runs.push(layer.run(b, &weights, &[start], &mut |b, x, states| {
            let state = states[0];
            let two = layer.hidden.clone() * Dim::from(2);
            let given = b.cut(x, 1, Dim::from(0), two.clone())?;
            let candidate = b.cut(x, 1, two, layer.hidden.clone())?;
            let mut gates = b.plain(&matmul::OP, &[state, first])?;
            if let Some((bias, _)) = biases {
                gates = b.plain(&add::OP, &[gates, bias])?;
            }
            let gates = b.plain(&add::OP, &[given, gates])?;
            let (update, reset) = (layer.gate(b, gates, 0)?, layer.gate(b, gates, 1)?);
            let update = layer.activate(b, direction, 0, update)?;
            let reset = layer.activate(b, direction, 0, reset)?;
            let with_bias = |b: &mut dyn Build, product| match biases {
                Some((_, bias)) => b.plain(&add::OP, &[product, bias]),
                None => Ok(product),
            };
            let recurrent = if reset_last {
                let product = b.plain(&matmul::OP, &[state, last])?;
                let product = with_bias(b, product)?;
                b.plain(&mul::OP, &[reset, product])?
            } else {
                let kept = b.plain(&mul::OP, &[reset, state])?;
                let product = b.plain(&matmul::OP, &[kept, last])?;
                with_bias(b, product)?
            };
            let candidate = b.plain(&add::OP, &[candidate, recurrent])?;
            let candidate = layer.activate(b, direction, 1, candidate)?;
            let one = b.scalar(layer.dtype, 1.0);
            let rest = b.plain(&sub::OP, &[one, update])?;
            let new = b.plain(&mul::OP, &[rest, candidate])?;
            let kept = b.plain(&mul::OP, &[update, state])?;
            Ok(vec![b.plain(&add::OP, &[new, kept])?])
        })?);
    }
    Ok(layer.results(b, &runs)?)
}

fn lstm(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let layer = Layer::new(b, node, &["Sigmoid", "Tanh", "Tanh"])?;
    let coupled = node.int("input_forget")?.unwrap_or(0) != 0;
    let mut runs = Vec::new();
    for direction in 0..layer.directions.len() {
        let weights = layer.weights(b, node, direction, false)?;
        let hidden = layer.initial(b, node.optional(5), direction)?;
        let cell = layer.initial(b, node.optional(6), direction)?;
        // Of the input, output and forget gates.
        let peepholes = match node.optional(7) {
            Some(all) => {
                let all = layer.part(b, all, direction)?;
                let parts: Result<Vec<Value>, Violation> = (0..3).map(|index| layer.gate(b, all, index)).collect();
                Some(parts?)
            }
            None => None,
        };
        runs.push(layer.run(b, &weights, &[hidden, cell], &mut |b, x, states| {
            let (hidden, cell) = (states[0], states[1]);
            let recurrent = b.plain(&matmul::OP, &[hidden, weights.recurrent])?;
            let gates = b.plain(&add::OP, &[x, recurrent])?;
            let peep = |b: &mut dyn Build, gate: Value, index: usize, cell: Value| match &peepholes {
                Some(peepholes) => {
                    let seen = b.plain(&mul::OP, &[peepholes[index], cell])?;
                    b.plain(&add::OP, &[gate, seen])
                }
                None => Ok(gate),
            };
            let input = layer.gate(b, gates, 0)?;
            let input = peep(b, input, 0, cell)?;
            let input = layer.activate(b, direction, 0, input)?;
            let forget = if coupled {
                let one = b.scalar(layer.dtype, 1.0);
                b.plain(&sub::OP, &[one, input])?
            } else {
                let forget = layer.gate(b, gates, 2)?;
                let forget = peep(b, forget, 2, cell)?;
                layer.activate(b, direction, 0, forget)?
            };
            let candidate = layer.gate(b, gates, 3)?;
            let candidate = layer.activate(b, direction, 1, candidate)?;
            let kept = b.plain(&mul::OP, &[forget, cell])?;
            let new = b.plain(&mul::OP, &[input, candidate])?;
            let cell = b.plain(&add::OP, &[kept, new])?;
            let output = layer.gate(b, gates, 1)?;
            let output = peep(b, output, 1, cell)?;
            let output = layer.activate(b, direction, 0, output)?;
            let shown =
                layer.activations[direction * layer.activations.len() / layer.directions.len() + 2].apply(b, cell)?;
            Ok(vec![b.plain(&mul::OP, &[output, shown])?, cell])
        })?);
    }
    Ok(layer.results(b, &runs)?)
}

/// The activations of all directions with their parameters.
fn activations(node: &OnnxNode, defaults: &[&str], directions: usize) -> Result<Vec<Activation>, ImportError> {
    let names: Vec<String> = match node.attrs.get("activations") {
        Some(OnnxAttr::Texts(names)) => names.clone(),
        _ => defaults.iter().map(|name| (*name).to_string()).cycle().take(defaults.len() * directions).collect(),
    };
    if names.len() != defaults.len() * directions {
        let found = format!("has {} functions, not {}", names.len(), defaults.len() * directions);
        return Err(ImportError::Attribute { name: "activations".into(), found });
    }
    let floats = |name: &str| match node.attrs.get(name) {
        Some(OnnxAttr::Floats(values)) => values.clone(),
        _ => Vec::new(),
    };
    let (mut alphas, mut betas) = (floats("activation_alpha").into_iter(), floats("activation_beta").into_iter());
    let make = |name: String| {
        // The defaults of the functions that take parameters.
        let (alpha, beta) = match &*name.to_ascii_lowercase() {
            "relu" | "tanh" | "sigmoid" | "softsign" | "softplus" => (None, None),
            "affine" | "scaledtanh" => (Some(1.0), Some(if name.eq_ignore_ascii_case("affine") { 0.0 } else { 1.0 })),
            "leakyrelu" => (Some(0.01), None),
            "thresholdedrelu" | "elu" => (Some(1.0), None),
            "hardsigmoid" => (Some(0.2), Some(0.5)),
            _ => {
                let found = format!("names `{name}`, which is not known");
                return Err(ImportError::Attribute { name: "activations".into(), found });
            }
        };
        let take = |default: Option<f64>, given: &mut std::vec::IntoIter<f32>| {
            default.map_or(0.0, |default| given.next().map_or(default, f64::from))
        };
        let alpha = take(alpha, &mut alphas);
        Ok(Activation { alpha, beta: take(beta, &mut betas), name: name.to_ascii_lowercase() })
    };
    names.into_iter().map(make).collect()
}

impl Activation {
    fn apply(&self, b: &mut dyn Build, x: Value) -> Result<Value, Violation> {
        let (alpha, beta) = (self.alpha, self.beta);
        match &*self.name {
            "relu" => {
                let zero = b.like(x, 0.0);
                b.max(x, zero)
            }
            "tanh" => b.tanh(x),
            "sigmoid" => b.plain(&sigmoid::OP, &[x]),
            "affine" => {
                let scaled = b.times(x, alpha)?;
                b.plus(scaled, beta)
            }
            "scaledtanh" => {
                let inner = b.times(x, beta)?;
                let inner = b.tanh(inner)?;
                b.times(inner, alpha)
            }
            "leakyrelu" => {
                let scaled = b.times(x, alpha)?;
                bent(b, x, scaled)
            }
            "thresholdedrelu" => thresholded(b, x, alpha),
            "hardsigmoid" => {
                let scaled = b.times(x, alpha)?;
                let moved = b.plus(scaled, beta)?;
                let (zero, one) = (b.like(x, 0.0), b.like(x, 1.0));
                let low = b.max(moved, zero)?;
                b.min(low, one)
            }
            "elu" => {
                let power = b.exp(x)?;
                let below = b.plus(power, -1.0)?;
                let below = b.times(below, alpha)?;
                bent(b, x, below)
            }
            "softsign" => softsign(b, x),
            _ => softplus(b, x),
        }
    }
}
