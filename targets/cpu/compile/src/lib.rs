//! The CPU target, compile side: which kernel computes a node, and how its weights are packed ahead of time.
//!
//! What is supported is data (`ops.toml`); each file here turns one family of operators into kernels of `m4c-exec-cpu`.

mod arithmetic;
mod attention;
mod convert;
mod count;
mod epilogue;
mod fuse;
mod kernel;
mod movement;
mod pack;
mod product;
mod program;
mod reduce;
mod rope;

use m4c_exec_cpu::KERNELS;
use m4c_exec_cpu::layout::{BF16_KN16, F16_KN16, F32_KN16};
use m4c_ops::{DType, Dim};
use m4c_target::{Fused, Fusion, Lie, Lowered, NodeView, Profile, ProfileError, Step, Target, Weight};
use std::io::{self, Write};

/// How an operator becomes a kernel.
type Lowering = fn(&NodeView<'_>) -> Result<Lowered, String>;

/// Every operator that this target takes. A test holds it equal to what `ops.toml` calls native.
pub const LOWERINGS: &[(&str, Lowering)] = &[
    ("add", arithmetic::elementwise),
    ("sub", arithmetic::elementwise),
    ("mul", arithmetic::elementwise),
    ("div", arithmetic::elementwise),
    ("max", arithmetic::elementwise),
    ("min", arithmetic::elementwise),
    ("less", arithmetic::elementwise),
    ("equal", arithmetic::elementwise),
    ("exp", arithmetic::elementwise),
    ("sqrt", arithmetic::elementwise),
    ("erf", arithmetic::elementwise),
    ("gelu", arithmetic::elementwise),
    ("gelu_tanh", arithmetic::elementwise),
    ("sigmoid", arithmetic::elementwise),
    ("log", arithmetic::elementwise),
    ("sin", arithmetic::elementwise),
    ("cos", arithmetic::elementwise),
    ("tanh", arithmetic::elementwise),
    ("floor", arithmetic::elementwise),
    ("round", arithmetic::elementwise),
    ("pow", arithmetic::elementwise),
    ("cast", convert::cast),
    ("quantize", convert::quantize),
    ("dequantize", convert::quantize),
    ("iota", count::iota),
    ("dim", count::dim),
    ("reshape", movement::reshape),
    ("transpose", movement::transpose),
    ("broadcast", movement::broadcast),
    ("slice", movement::slice),
    ("concat", movement::concat),
    ("gather", movement::gather),
    ("scatter", movement::scatter),
    ("scatter_add", movement::scatter_add),
    ("pad", movement::pad),
    ("select", movement::select),
    ("reduce_sum", reduce::reduce),
    ("reduce_max", reduce::reduce),
    ("argmax", reduce::along_axis),
    ("top_k", reduce::along_axis),
    ("cumsum", reduce::along_axis),
    ("softmax", reduce::along_axis),
    ("layer_norm", reduce::along_axis),
    ("rms_norm", reduce::along_axis),
    ("group_norm", reduce::group_norm),
    ("attention", attention::attention),
    ("rope", rope::rope),
    ("matmul", product::matmul),
    ("conv", product::conv),
    ("max_pool", product::max_pool),
];

/// The CPU target.
#[derive(Clone, Debug)]
pub struct CpuTarget {
    profile: Profile,
}

impl CpuTarget {
    /// Reads the target's tables, which are part of the program.
    ///
    /// # Errors
    /// Where a table is wrong; a test holds that none is.
    pub fn new() -> Result<CpuTarget, ProfileError> {
        let profile = Profile::parse(include_str!("../../target.toml"), include_str!("../../ops.toml"))?;
        Ok(CpuTarget { profile })
    }
}

impl Target for CpuTarget {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn is_read_in_place(&self, node: &NodeView<'_>) -> bool {
        movement::is_read_in_place(node)
    }

    fn surplus(&self, node: &NodeView<'_>, size: &dyn Fn(&Dim) -> f64) -> f64 {
        if node.op.name == "conv" { product::surplus(node, size) } else { 0.0 }
    }

    fn lower(&self, node: &NodeView<'_>) -> Result<Lowered, String> {
        let name = node.op.name;
        let lowering = LOWERINGS.iter().find(|(op, _)| *op == name);
        let (_, lowering) = lowering.ok_or_else(|| format!("no kernel computes `{name}`"))?;
        let lowered = lowering(node)?;
        if let Lowered::Step(step) = &lowered {
            existing(&step.kernel)?;
        }
        Ok(lowered)
    }

    fn lower_ordered(&self, node: &NodeView<'_>, operand: usize, order: &[i64]) -> Option<Step> {
        match (node.op.name, operand) {
            ("matmul", 1) => product::matmul_ordered(node, order),
            _ => None,
        }
    }

    fn lower_strided(&self, node: &NodeView<'_>, lies: &[Option<Lie>]) -> Option<Step> {
        match node.op.name {
            "attention" => attention::strided(node, lies),
            "rope" => rope::strided(node, lies),
            "transpose" => movement::strided_transpose(node, lies),
            _ => None,
        }
    }

    fn fuse(&self, fusion: &Fusion<'_>) -> Option<Fused> {
        fuse::fuse(fusion)
    }

    fn copy(&self, dtype: DType) -> Result<String, String> {
        let name = kernel::by_size("copy", dtype)?;
        existing(&name)?;
        Ok(name)
    }

    fn pack(&self, layout: &str, weight: Weight<'_>, out: &mut dyn Write) -> io::Result<()> {
        match layout {
            F32_KN16 => pack::kn16(DType::F32, weight, out),
            F16_KN16 => pack::kn16(DType::F16, weight, out),
            BF16_KN16 => pack::kn16(DType::BF16, weight, out),
            other => {
                let message = format!("the layout `{other}` is not of this target");
                Err(io::Error::new(io::ErrorKind::InvalidInput, message))
            }
        }
    }
}

fn existing(name: &str) -> Result<(), String> {
    match KERNELS.iter().any(|(known, _)| *known == name) {
        true => Ok(()),
        false => Err(format!("there is no kernel `{name}`")),
    }
}
