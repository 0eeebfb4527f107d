//! Adapters as part of a graph: their changes in the weights, or beside the products.

use super::place::place;
use super::site::{Role, Site, sites};
use super::{Adapter, Change, Replacement};
use crate::diagnostic::{Diagnostic, Diagnostics, codes};
use crate::import::broken;
use m4c_ir::{Graph, GraphBuilder, NodeKind, ValueId};
use m4c_ops::build::{Build, Value};
use m4c_ops::{Attrs, DType, Dim, Violation, primitive};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How an adapter becomes part of a model.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// Its changes are added to the weights.
    Merge,
    /// Its changes are computed beside the products.
    Side,
}

impl Way {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Way::Merge => "merge",
            Way::Side => "side",
        }
    }
}

/// What became of an adapter in a program.
#[derive(Clone, Debug, Serialize)]
pub struct Applied {
    /// The adapter.
    pub adapter: String,
    /// How.
    pub way: Way,
    /// How many weights were changed or replaced.
    pub sites: usize,
}

/// The graph with adapters, what became of them, and what of them found no place.
#[derive(Debug)]
pub struct Adapted {
    /// The graph with them.
    pub graph: Graph,
    /// One for each adapter.
    pub applied: Vec<Applied>,
    /// What is of no module of this graph; another program may have it.
    pub homeless: Homeless,
}

/// What finds no place in a program: the number of the adapter, the name, and what to tell.
pub type Homeless = BTreeMap<(usize, String), Diagnostic>;

/// What is done to an operand or to a result.
enum Edit<'a> {
    Replaced(&'a Replacement, &'a Site),
    Changed(&'a Change, &'a Site),
    Beside(&'a Change, &'a Site),
}

/// What weights became, by the tensor that changed them: modules that are used several times keep one weight.
type Weights<'a> = BTreeMap<(Value, &'a str), Value>;

impl<'a> Edit<'a> {
    fn site(&self) -> &'a Site {
        match self {
            Edit::Replaced(_, site) | Edit::Changed(_, site) | Edit::Beside(_, site) => site,
        }
    }

    /// The name of the tensor or module, which tells those of one adapter apart.
    fn tensor(&self) -> &'a str {
        match self {
            Edit::Replaced(replacement, _) => &replacement.parameter,
            Edit::Changed(change, _) | Edit::Beside(change, _) => &change.module,
        }
    }
}

/// Puts adapters into a graph, in order.
///
/// # Errors
/// Where an adapter does not fit a module that it names.
pub fn apply(graph: &Graph, adapters: &[(&Adapter, Way)]) -> Result<Adapted, Diagnostics> {
    let sites = sites(graph);
    let mut edits: BTreeMap<ValueId, Vec<Edit<'_>>> = BTreeMap::new();
    let (mut applied, mut homeless) = (Vec::new(), Homeless::new());
    for (number, &(adapter, way)) in adapters.iter().enumerate() {
        let placement = place(adapter, &sites)?;
        let weights = placement.changes.len() + placement.replacements.len();
        for (replacement, sites) in placement.replacements {
            for site in sites {
                edits.entry(site.node).or_default().push(Edit::Replaced(replacement, site));
            }
        }
        for (change, sites) in placement.changes {
            for site in sites {
                edits.entry(site.node).or_default().push(match way {
                    Way::Merge => Edit::Changed(change, site),
                    Way::Side => Edit::Beside(change, site),
                });
            }
        }
        homeless.extend(placement.homeless.into_iter().map(|(name, error)| ((number, name), error)));
        applied.push(Applied { adapter: adapter.name.clone(), way, sites: weights });
    }
    let graph = if edits.is_empty() { graph.clone() } else { edited(graph, &edits)? };
    Ok(Adapted { graph, applied, homeless })
}

fn edited(graph: &Graph, edits: &BTreeMap<ValueId, Vec<Edit<'_>>>) -> Result<Graph, Diagnostics> {
    let mut builder = GraphBuilder::new(graph.empty_copy());
    let mut new: BTreeMap<ValueId, Value> = BTreeMap::new();
    let mut weights = Weights::new();
    for &input in graph.inputs() {
        let node = builder.graph_mut().copy_node(graph, input, &[]);
        new.insert(input, builder.import_node(node));
    }
    for value in graph.order() {
        if new.contains_key(&value) {
            continue;
        }
        let node = graph.node(value);
        builder.set_origins(node.origins.clone());
        let operands = graph.operands(value).into_iter();
        let mut operands: Vec<Option<Value>> =
            operands.map(|operand| operand.and_then(|operand| new.get(&operand).copied())).collect();
        let edits = edits.get(&value).map_or(&[][..], Vec::as_slice);
        let mut beside = Vec::new();
        for edit in edits {
            let slot = edit.site().slot;
            let Some(old) = operands[slot] else { continue };
            let b = &mut builder;
            let refused = |violation| refused(graph, value, &violation);
            let weight = match edit {
                Edit::Beside(change, site) => {
                    beside.push(branch(b, change, site, &node.kind, &operands).map_err(refused)?);
                    continue;
                }
                _ if weights.contains_key(&(old, edit.tensor())) => weights[&(old, edit.tensor())],
                Edit::Replaced(replacement, site) => replaced(b, replacement, site, old).map_err(refused)?,
                Edit::Changed(change, site) => changed(b, change, site, old).map_err(refused)?,
            };
            weights.insert((old, edit.tensor()), weight);
            operands[slot] = Some(weight);
        }
        let nodes: Vec<Option<ValueId>> =
            operands.iter().map(|operand| operand.map(|operand| builder.node(operand))).collect();
        let copy = builder.graph_mut().copy_node(graph, value, &nodes);
        let mut result = builder.import_node(copy);
        for branch in beside {
            let b: &mut dyn Build = &mut builder;
            result = b
                .plain(&primitive::add::OP, &[result, branch])
                .map_err(|violation| refused(graph, value, &violation))?;
        }
        new.insert(value, result);
    }
    for output in graph.outputs() {
        if let Some(&value) = new.get(&output.value) {
            builder.output(&output.name, value);
        }
    }
    let graph = builder.finish();
    let mut diagnostics = Diagnostics::new();
    broken(&graph, &mut diagnostics);
    diagnostics.finish(graph).map(|(graph, _)| graph)
}

fn refused(graph: &Graph, value: ValueId, violation: &Violation) -> Diagnostics {
    let start = Diagnostic::bug(codes::VERIFIER, format!("an adapter's change cannot be built: {violation}"));
    graph.node(value).origins.iter().fold(start, |all, origin| all.note(format!("at {origin}"))).into()
}

fn replaced(b: &mut GraphBuilder, replacement: &Replacement, site: &Site, old: Value) -> Result<Value, Violation> {
    let new = b.stored(replacement.matrix.constant.clone(), replacement.matrix.fact.clone());
    let b: &mut dyn Build = b;
    let turned = if site.role == Role::Matrix { b.transpose(new, vec![1, 0])? } else { new };
    let shape = b.fact(old).shape.clone();
    let shaped = b.reshape(turned, &shape)?;
    b.cast(shaped, b.fact(old).dtype)
}

/// The weight and its change, added in `f32` and rounded once.
fn changed(b: &mut GraphBuilder, change: &Change, site: &Site, weight: Value) -> Result<Value, Violation> {
    let (down, up) = halves(b, change, DType::F32)?;
    let b: &mut dyn Build = b;
    let shape = b.fact(weight).shape.clone();
    // [inputs, rank] and [rank, outputs], whose product a matrix or a table has as it lies.
    let sum = match site.role {
        Role::Filters => {
            let (up, down) = (b.transpose(up, vec![1, 0])?, b.transpose(down, vec![1, 0])?);
            b.plain(&primitive::matmul::OP, &[up, down])?
        }
        _ => b.plain(&primitive::matmul::OP, &[down, up])?,
    };
    let sum = b.reshape(sum, &shape)?;
    let dtype = b.fact(weight).dtype;
    let wide = b.cast(weight, DType::F32)?;
    let added = b.plain(&primitive::add::OP, &[wide, sum])?;
    b.cast(added, dtype)
}

/// What the change alone gives for the same operands.
fn branch(
    b: &mut GraphBuilder,
    change: &Change,
    site: &Site,
    kind: &NodeKind,
    operands: &[Option<Value>],
) -> Result<Value, Violation> {
    let NodeKind::Apply { op, attrs } = kind else {
        return Err(primitive::matmul::OP.refuse("arity", "a site is an operator"));
    };
    let other = |slot: usize| operands.get(slot).copied().flatten().ok_or_else(|| op.refuse("arity", "two operands"));
    let dtype = b.fact(other(site.slot)?).dtype;
    let (down, up) = halves(b, change, dtype)?;
    let b: &mut dyn Build = b;
    match site.role {
        Role::Table => {
            let rows = b.op(op, &[down, other(1)?], attrs.clone())?;
            b.plain(&primitive::matmul::OP, &[rows, up])
        }
        Role::Filters => {
            let window = change.down.sizes().split_off(2);
            let sizes = |outputs: usize, inputs: usize, window: &[usize]| -> Vec<Dim> {
                [&[outputs, inputs], window].concat().into_iter().map(|size| Dim::from(size as i64)).collect()
            };
            let [inputs, outputs] = change.features();
            let (down, up) = (b.transpose(down, vec![1, 0])?, b.transpose(up, vec![1, 0])?);
            let down = b.reshape(down, &sizes(change.rank, inputs, &window))?;
            let up = b.reshape(up, &sizes(outputs, change.rank, &vec![1; window.len()]))?;
            let inner = b.op(op, &[other(0)?, down], attrs.clone())?;
            let (ones, zeros) = (vec![1; window.len()], vec![0; 2 * window.len()]);
            let attrs = Attrs::none().ints("strides", ones.clone()).ints("dilations", ones).ints("pads", zeros);
            b.op(op, &[inner, up], attrs.int("groups", 1))
        }
        _ => {
            let inner = b.plain(&primitive::matmul::OP, &[other(0)?, down])?;
            b.plain(&primitive::matmul::OP, &[inner, up])
        }
    }
}

/// The two matrices `[inputs, rank]` and `[rank, outputs]`, the latter with the scale; sizes of a window count as inputs.
fn halves(b: &mut GraphBuilder, change: &Change, dtype: DType) -> Result<(Value, Value), Violation> {
    let mut matrix = |matrix: &super::Matrix| {
        let value = b.stored(matrix.constant.clone(), matrix.fact.clone());
        let b: &mut dyn Build = b;
        let rows = matrix.sizes()[0] as i64;
        let columns = matrix.sizes()[1..].iter().product::<usize>() as i64;
        let flat = b.reshape(value, &[Dim::from(rows), Dim::from(columns)])?;
        let turned = b.transpose(flat, vec![1, 0])?;
        b.cast(turned, DType::F32)
    };
    let (down, up) = (matrix(&change.down)?, matrix(&change.up)?);
    let b: &mut dyn Build = b;
    let scale = b.scalar(DType::F32, change.scale);
    let up = b.plain(&primitive::mul::OP, &[up, scale])?;
    Ok((b.cast(down, dtype)?, b.cast(up, dtype)?))
}
