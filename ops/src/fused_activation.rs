//! The function that a fused node applies to its result, named by an attribute.

use crate::attr::Attrs;
use crate::build::{Build, Value};
use crate::composite::{gelu, gelu_tanh, sigmoid};
use crate::onnx::{ImportError, OnnxAttr, OnnxNode};
use crate::primitive::{add, less, max, min, mul, select, tanh};

/// The function that `activation` names of a value; the value itself where it names none.
///
/// # Errors
/// Where the function is not known.
pub fn apply(b: &mut dyn Build, node: &OnnxNode, x: Value) -> Result<Value, ImportError> {
    let Some(name) = node.text("activation")?.filter(|name| !name.is_empty()) else { return Ok(x) };
    let listed = match node.attrs.get("activation_params") {
        Some(OnnxAttr::Floats(params)) => params.clone(),
        _ => Vec::new(),
    };
    let named = [node.float("activation_alpha")?, node.float("activation_beta")?];
    let param = |index: usize, default: f32| listed.get(index).copied().or(named[index]).unwrap_or(default);
    let dtype = b.fact(x).dtype;
    let scalar = |b: &mut dyn Build, value: f32| b.scalar(dtype, f64::from(value));
    Ok(match name {
        "Relu" => {
            let zero = scalar(b, 0.0);
            b.plain(&max::OP, &[x, zero])?
        }
        "Tanh" => b.plain(&tanh::OP, &[x])?,
        "Sigmoid" => b.plain(&sigmoid::OP, &[x])?,
        "Gelu" => b.plain(&gelu::OP, &[x])?,
        "FastGelu" => b.plain(&gelu_tanh::OP, &[x])?,
        "LeakyRelu" => {
            let (zero, slope) = (scalar(b, 0.0), scalar(b, param(0, 0.01)));
            let negative = b.plain(&less::OP, &[x, zero])?;
            let bent = b.plain(&mul::OP, &[x, slope])?;
            b.plain(&select::OP, &[negative, bent, x])?
        }
        "Clip" => {
            let (low, high) = (scalar(b, param(0, f32::MIN)), scalar(b, param(1, f32::MAX)));
            let above = b.plain(&max::OP, &[x, low])?;
            b.plain(&min::OP, &[above, high])?
        }
        "HardSigmoid" => {
            let (slope, shift) = (scalar(b, param(0, 0.2)), scalar(b, param(1, 0.5)));
            let (zero, one) = (scalar(b, 0.0), scalar(b, 1.0));
            let line = b.plain(&mul::OP, &[x, slope])?;
            let line = b.plain(&add::OP, &[line, shift])?;
            let above = b.op(&max::OP, &[line, zero], Attrs::none())?;
            b.plain(&min::OP, &[above, one])?
        }
        other => {
            let found = format!("is `{other}`, which is not supported");
            return Err(ImportError::Attribute { name: "activation".into(), found });
        }
    })
}
