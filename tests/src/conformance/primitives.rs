//! Which primitives a graph needs when nothing is taken whole.

use m4c_compiler::lower::lower;
use m4c_ir::{Graph, NodeKind};
use m4c_ops::op::Meaning;
use m4c_ops::{DType, primitive};
use m4c_target::{Lowered, NodeView, Profile, Target, Verdict, Weight};
use std::collections::BTreeSet;
use std::io::{self, Write};

/// A target that takes all primitives of all types, and no composite.
struct PrimitivesOnly<'t>(&'t Profile);

impl Target for PrimitivesOnly<'_> {
    fn profile(&self) -> &Profile {
        self.0
    }

    fn supports(&self, node: &NodeView<'_>) -> Verdict {
        match &node.op.meaning {
            Meaning::Composite { .. } => Verdict::no("only primitives are counted"),
            _ => Verdict::Yes,
        }
    }

    fn lower(&self, _: &NodeView<'_>) -> Result<Lowered, String> {
        Err("nothing is run".into())
    }

    fn copy(&self, _: DType) -> Result<String, String> {
        Err("nothing is run".into())
    }

    fn pack(&self, _: &str, _: Weight<'_>, _: &mut dyn Write) -> io::Result<()> {
        Err(io::ErrorKind::InvalidInput.into())
    }
}

/// The primitives that outputs of a graph need, composites decomposed.
pub fn primitives(graph: &Graph, profile: &Profile) -> BTreeSet<&'static str> {
    let Ok(lowered) = lower(graph, &PrimitivesOnly(profile)) else { return BTreeSet::new() };
    let lowered = lowered.compacted();
    let name = |value| match &lowered.node(value).kind {
        NodeKind::Apply { op, .. } => primitive::ALL.iter().find(|known| known.name == op.name).map(|known| known.name),
        _ => None,
    };
    lowered.order().into_iter().filter_map(name).collect()
}
