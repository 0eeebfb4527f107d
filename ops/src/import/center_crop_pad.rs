//! `CenterCropPad`: the middle of the operand, or the operand in the middle of zeros.

use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::onnx::{ImportError, OnnxImport, OnnxNode, from};

/// `CenterCropPad`.
pub static IMPORT: &[OnnxImport] = &[from("CenterCropPad", 18, import)];

fn import(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let mut x = node.operand(0)?;
    let fact = b.fact(x).clone();
    let sizes = node.sizes(b, 1, "the shape")?;
    let given = node.ints("axes")?.unwrap_or_else(|| (0..fact.rank() as i64).collect());
    let axes = given.iter().map(|&axis| fact.axis(axis)).collect::<Option<Vec<_>>>();
    let axes = axes.filter(|axes| axes.len() == sizes.len());
    let found = || ImportError::Attribute { name: "axes".into(), found: format!("is {given:?} for {fact}") };
    for (axis, size) in axes.ok_or_else(found)?.into_iter().zip(sizes) {
        let (whole, zero) = (fact.shape[axis].clone(), Dim::from(0));
        let (more, less) =
            ((size.clone() - whole.clone()).maximum(&zero), (whole.clone() - size.clone()).maximum(&zero));
        x = b.cut(x, axis, less.floor_div(2), whole.minimum(&size))?;
        let low = more.floor_div(2);
        x = b.framed(x, axis, low.clone(), more - low, 0.0)?;
    }
    Ok(vec![x])
}
