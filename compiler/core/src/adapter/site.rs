//! Adapter sites: where a graph uses parameters of a module.

use crate::plan::constants;
use m4c_ir::{Graph, NodeKind, ValueId};
use m4c_ops::{Attrs, Op, primitive};
use serde::Serialize;
use std::collections::BTreeSet;

/// What peft puts between a module and the weight that it wraps.
const WRAPPER: &str = ".base_layer";

/// An operand that is a parameter of a module.
#[derive(Clone, Debug)]
pub(super) struct Site {
    /// The modules that the node came from, as PyTorch names them; names of the exported object may stand in front.
    pub(super) modules: BTreeSet<String>,
    /// The node.
    pub(super) node: ValueId,
    /// Which of its operands.
    pub(super) slot: usize,
    /// The parameter.
    pub(super) value: ValueId,
    /// What the parameter does.
    pub(super) role: Role,
    /// Its sizes.
    pub(super) sizes: Vec<usize>,
}

/// A weight that an adapter can change.
#[derive(Clone, Debug, Serialize)]
pub struct Module {
    /// The module, as PyTorch names it; names of the exported object may stand in front.
    pub name: String,
    /// What the weight does.
    pub kind: &'static str,
    /// How many inputs it has; of a table its entries.
    pub inputs: usize,
    /// How many outputs it has.
    pub outputs: usize,
    /// Sizes of the window of a convolution.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub window: Vec<usize>,
}

/// The weights of a graph that adapters can change, in the order of their first use.
pub fn modules(graph: &Graph) -> Vec<Module> {
    let mut seen = BTreeSet::new();
    let sites = sites(graph).into_iter().filter(|site| seen.insert((site.value, site.name().to_owned())));
    let module = |site: Site| {
        let [inputs, outputs] = site.features()?;
        let kind = match site.role {
            Role::Table => "embedding",
            Role::Filters => "convolution",
            _ => "linear",
        };
        let window = site.window().to_vec();
        Some(Module { name: site.name().to_owned(), kind, inputs, outputs, window })
    };
    sites.filter_map(module).collect()
}

/// What a parameter does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// `[inputs, outputs]`: rows are multiplied with it.
    Matrix,
    /// `[entries, outputs]`: rows are looked up.
    Table,
    /// `[outputs, inputs, window…]`: it is convolved with.
    Filters,
    /// `[outputs]`: it scales.
    Scale,
    /// `[outputs]`: it is added.
    Bias,
}

impl Site {
    /// How many inputs and outputs a change of low rank has here, where it can have one.
    pub(super) fn features(&self) -> Option<[usize; 2]> {
        match (self.role, &self.sizes[..]) {
            (Role::Matrix | Role::Table, &[inputs, outputs]) => Some([inputs, outputs]),
            (Role::Filters, &[outputs, inputs, ..]) => Some([inputs, outputs]),
            _ => None,
        }
    }

    /// Sizes of the window of a convolution.
    pub(super) fn window(&self) -> &[usize] {
        if self.role == Role::Filters { &self.sizes[2..] } else { &[] }
    }

    /// Whether it is of this module: the name, or the end of it after a point.
    pub(super) fn is_of(&self, module: &str) -> bool {
        let ends =
            |name: &String| name.strip_suffix(module).is_some_and(|front| front.is_empty() || front.ends_with('.'));
        self.modules.iter().any(ends)
    }

    /// A name of its module.
    pub(super) fn name(&self) -> &str {
        self.modules.first().map_or("", String::as_str)
    }
}

/// All sites of a graph in the order of their nodes, those in loops left out.
pub(super) fn sites(graph: &Graph) -> Vec<Site> {
    let known = constants::known(graph);
    let mut all = Vec::new();
    for node in graph.order() {
        let NodeKind::Apply { op, attrs } = &graph.node(node).kind else { continue };
        if known.contains(&node) {
            continue;
        }
        let scopes = graph.node(node).origins.iter().map(|origin| origin.scope.as_str());
        let modules: BTreeSet<String> = scopes.filter(|scope| !scope.is_empty()).map(unwrapped).collect();
        if modules.is_empty() {
            continue;
        }
        for (slot, operand) in graph.operands(node).into_iter().enumerate() {
            let Some(value) = operand.filter(|value| known.contains(value)) else { continue };
            let Some(sizes) = graph.fact(value).sizes() else { continue };
            if let Some(role) = role(op, attrs, slot, &sizes).filter(|_| graph.fact(value).dtype.is_float()) {
                all.push(Site { modules: modules.clone(), node, slot, value, role, sizes });
            }
        }
    }
    all
}

/// The module's own name, without what an adapter wrapped around its weight.
fn unwrapped(scope: &str) -> String {
    scope.strip_suffix(WRAPPER).unwrap_or(scope).to_owned()
}

fn role(op: &'static Op, attrs: &Attrs, slot: usize, sizes: &[usize]) -> Option<Role> {
    let is = |other: &'static Op| op == other;
    let vector = sizes.iter().filter(|&&size| size != 1).count() <= 1 && !sizes.is_empty();
    match slot {
        1 if is(&primitive::matmul::OP) && sizes.len() == 2 => Some(Role::Matrix),
        0 if is(&primitive::gather::OP) && sizes.len() == 2 && attrs.get_int("axis") == 0 => Some(Role::Table),
        1 if is(&primitive::conv::OP) && attrs.get_int("groups") == 1 => Some(Role::Filters),
        _ if is(&primitive::add::OP) && vector => Some(Role::Bias),
        _ if is(&primitive::mul::OP) && vector => Some(Role::Scale),
        _ => match op.operands.get(slot)?.name {
            "scale" if sizes.len() == 1 => Some(Role::Scale),
            "bias" if sizes.len() == 1 => Some(Role::Bias),
            _ => None,
        },
    }
}
