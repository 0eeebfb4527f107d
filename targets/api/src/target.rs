//! The code of a target: which kernel computes a node, from what, and how weights are laid out for it.

use crate::fusion::{Fused, Fusion, Lie};
use crate::node::NodeView;
use crate::profile::Profile;
use crate::verdict::Verdict;
use m4c_ops::{DType, Dim, Fact};
use std::io::{self, Write};

/// Something to compile for.
///
/// The compiler asks [`supports`](Target::supports) while it decides on a form of the graph, then
/// [`lower`](Target::lower) once for each node of that form, [`fuse`](Target::fuse) for steps that follow one another,
/// and [`pack`](Target::pack) while it writes weights. All are pure: the same question gives the same answer.
pub trait Target: Sync {
    /// Its data.
    fn profile(&self) -> &Profile;

    /// Whether it takes the node.
    fn supports(&self, node: &NodeView<'_>) -> Verdict {
        self.profile().verdict(node)
    }

    /// What a node that it takes costs, in seconds. `size` gives usual numbers for sizes. Forms of one value are compared by
    /// it, so that only differences matter.
    fn cost(&self, node: &NodeView<'_>, size: &dyn Fn(&Dim) -> f64) -> f64 {
        if matches!(self.lower(node), Ok(Lowered::View { .. })) {
            return 0.0;
        }
        let cost = &self.profile().cost;
        let surplus = self.surplus(node, size) / cost.flops_per_second;
        if self.is_read_in_place(node) { cost.step_seconds / 2.0 } else { cost.step(node, size) + surplus }
    }

    /// Operations of its kernel beside those that the operator counts: one that computes many elements at a time computes
    /// some that nobody asked for.
    fn surplus(&self, node: &NodeView<'_>, size: &dyn Fn(&Dim) -> f64) -> f64 {
        let _ = (node, size);
        0.0
    }

    /// Whether most steps read the result of a node where it lies in its operand, so that nothing is moved.
    fn is_read_in_place(&self, node: &NodeView<'_>) -> bool {
        let _ = node;
        false
    }

    /// How it computes a node that it takes.
    ///
    /// # Errors
    /// What is missing: profile and code contradict each other.
    fn lower(&self, node: &NodeView<'_>) -> Result<Lowered, String>;

    /// How it computes a node of which an operand is another value with its axes in another order: axis `i` of the
    /// operand is axis `order[i]` of that value. `Plain` of this operand then is the value as it lies, and nothing puts
    /// it in order. `None` where that is not possible or does not pay.
    fn lower_ordered(&self, node: &NodeView<'_>, operand: usize, order: &[i64]) -> Option<Step> {
        let _ = (node, operand, order);
        None
    }

    /// How it computes a node whose operands it reads where they lie in other values: `lies` says where, for each
    /// operand that is present. `Plain` of an operand then is that other value. `None` where that is not possible or
    /// does not pay.
    fn lower_strided(&self, node: &NodeView<'_>, lies: &[Option<Lie>]) -> Option<Step> {
        let _ = (node, lies);
        None
    }

    /// One step that computes what two do, so that what lies between them is not written to memory. `None` where there
    /// is none or where it does not pay.
    fn fuse(&self, fusion: &Fusion<'_>) -> Option<Fused> {
        let _ = fusion;
        None
    }

    /// The kernel that copies a tensor of this type, element by element in order. Programs need it where an output is
    /// not the result of a step of its own.
    ///
    /// # Errors
    /// Why there is none.
    fn copy(&self, dtype: DType) -> Result<String, String>;

    /// Writes a constant in the layout that [`lower`](Target::lower) asked for. A stream, so that a weight need not be
    /// held twice.
    ///
    /// # Errors
    /// Those of `out`; `InvalidInput` for a layout or a weight that the target did not ask for.
    fn pack(&self, layout: &str, weight: Weight<'_>, out: &mut dyn Write) -> io::Result<()>;
}

/// How a target computes a node.
#[derive(Clone, PartialEq, Debug)]
pub enum Lowered {
    /// Not at all: the result is the operand's memory under other sizes. Type and number of elements are the same.
    View {
        /// Which operand.
        operand: usize,
    },
    /// By a kernel.
    Step(Step),
}

/// A kernel call. Its only result is the node's.
#[derive(Clone, PartialEq, Debug)]
pub struct Step {
    /// Name of the kernel among those of the target's executor.
    pub kernel: String,
    /// The kernel's operands in its own order, which need not be the node's.
    pub operands: Vec<StepOperand>,
    /// The kernel's parameters; symbolic ones become numbers when sizes are bound.
    pub params: Vec<Dim>,
}

/// An operand of a kernel call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StepOperand {
    /// An optional operand that is not there.
    Absent,
    /// An operand of the node as it is; absent where that is absent.
    Plain(usize),
    /// An operand of the node that is constant, in a layout of the target.
    Packed {
        /// Which operand.
        operand: usize,
        /// The layout's name, in the target's own words.
        layout: &'static str,
    },
}

/// The elements of a constant.
#[derive(Clone, Copy, Debug)]
pub struct Weight<'a> {
    /// Type and sizes; all are numbers.
    pub fact: &'a Fact,
    /// Row-major little-endian elements, aligned to nothing.
    pub bytes: &'a [u8],
}
