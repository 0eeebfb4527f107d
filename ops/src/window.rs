//! Windows that slide over spatial axes: what imports of convolutions and pools share.

use crate::build::Build;
use crate::dim::Dim;
use crate::fact::Fact;
use crate::onnx::{ImportError, OnnxAttr, OnnxNode};

/// No size, stride, dilation or pad is larger, so that products of two do not overflow.
pub const LARGEST: i64 = i32::MAX as i64;

/// The window of a pool: one entry for each spatial axis.
pub struct Window {
    /// Sizes.
    pub size: Vec<i64>,
    /// Distance of neighboring windows.
    pub strides: Vec<i64>,
    /// Distance of neighboring elements.
    pub dilations: Vec<i64>,
    /// Before each axis, then after each, as the node says.
    pub pads: Vec<i64>,
    /// What `ceil_mode` adds to or takes from the pads after each axis.
    pub extra: Vec<i64>,
}

impl Window {
    /// The window of a pool of `x`.
    ///
    /// # Errors
    /// Where attributes are missing or do not fit the rank, or need sizes that are not known.
    pub fn of_pool(node: &OnnxNode, x: &Fact) -> Result<Window, ImportError> {
        let spatial = x.rank().saturating_sub(2);
        let size = node.ints("kernel_shape")?.unwrap_or_default();
        let strides = node.ints("strides")?.unwrap_or_else(|| vec![1; spatial]);
        let dilations = node.ints("dilations")?.unwrap_or_else(|| vec![1; spatial]);
        let wrong = |name: &str, list: &[i64]| {
            let found = format!("is {list:?} for {x}");
            Err(ImportError::Attribute { name: name.into(), found })
        };
        for (name, list) in [("kernel_shape", &size), ("strides", &strides), ("dilations", &dilations)] {
            if list.len() != spatial || spatial == 0 || list.iter().any(|n| !(1..=LARGEST).contains(n)) {
                return wrong(name, list);
            }
        }
        let pads = pads(node, x, &size.iter().copied().map(Dim::from).collect::<Vec<_>>(), &strides, &dilations)?;
        if pads.len() != 2 * spatial || pads.iter().any(|pad| !(0..=LARGEST).contains(pad)) {
            return wrong("pads", &pads);
        }
        let mut window = Window { size, strides, dilations, pads, extra: vec![0; spatial] };
        if node.int("ceil_mode")?.unwrap_or(0) != 0 {
            for axis in 0..spatial {
                window.extra[axis] = window.rest(&x.shape[2 + axis], axis)?;
            }
        }
        Ok(window)
    }

    /// The pads with what `ceil_mode` adds.
    pub fn all_pads(&self) -> Vec<i64> {
        let (low, high) = self.pads.split_at(self.size.len());
        let high = high.iter().zip(&self.extra).map(|(pad, extra)| pad + extra);
        low.iter().copied().chain(high).collect()
    }

    /// What the last window, which is not cut off but must start before the pads after the axis, needs beyond them.
    fn rest(&self, size: &Dim, axis: usize) -> Result<i64, ImportError> {
        let stride = self.strides[axis];
        if stride == 1 {
            return Ok(0);
        }
        let unknown = || ImportError::Unsupported("`ceil_mode` needs sizes that are known when compiling".into());
        let (low, high) = (self.pads[axis], self.pads[self.size.len() + axis]);
        let reach = (self.size[axis] - 1) * self.dilations[axis] + 1;
        // No sensible image is larger, and then nothing here overflows.
        let size = size.as_i64().filter(|size| *size <= i64::from(i32::MAX) << 24).ok_or_else(unknown)?;
        let until_high = size + low;
        let mut windows = (until_high + high - reach + stride - 1) / stride + 1;
        if (windows - 1) * stride >= until_high {
            windows -= 1;
        }
        Ok(((windows - 1) * stride + reach - until_high - high).max(-high))
    }
}

/// The pads of a node by `pads` or `auto_pad`.
///
/// # Errors
/// Where `auto_pad` is not known or needs sizes that are not known.
pub fn pads(
    node: &OnnxNode,
    x: &Fact,
    window: &[Dim],
    strides: &[i64],
    dilations: &[i64],
) -> Result<Vec<i64>, ImportError> {
    let none = || vec![0; 2 * window.len()];
    match node.text("auto_pad")?.unwrap_or("NOTSET") {
        "NOTSET" => Ok(node.ints("pads")?.unwrap_or_else(none)),
        "VALID" => Ok(none()),
        mode @ ("SAME_UPPER" | "SAME_LOWER") => same_pads(x, window, strides, dilations, mode == "SAME_LOWER"),
        mode => Err(ImportError::Attribute { name: "auto_pad".into(), found: format!("is `{mode}`") }),
    }
}

/// The node as it is, or, where its pads depend on sizes that are not known, one without them and its operand in a frame of
/// `with` instead.
///
/// # Errors
/// Where the frame's size has no form, or the operand breaks a constraint.
pub fn framed(b: &mut dyn Build, node: &OnnxNode, window: &[Dim], with: f64) -> Result<OnnxNode, ImportError> {
    let mut framed = node.clone();
    let mut x = node.operand(0)?;
    let sizes = b.fact(x).shape.get(2..).unwrap_or_default().to_vec();
    let spatial = sizes.len();
    let list = |name: &str, absent: i64, count: usize| -> Result<Vec<i64>, ImportError> {
        let list = node.ints(name)?.unwrap_or_else(|| vec![absent; count]);
        let found = || ImportError::Attribute { name: name.into(), found: format!("is {list:?}") };
        let fits = list.len() == count && list.iter().all(|n| (absent..=LARGEST).contains(n));
        if fits { Ok(list) } else { Err(found()) }
    };
    let (strides, dilations) = (list("strides", 1, spatial)?, list("dilations", 1, spatial)?);
    let mode = node.text("auto_pad")?.unwrap_or("NOTSET");
    let (same, ceil) = (mode.starts_with("SAME"), node.int("ceil_mode")?.unwrap_or(0) != 0);
    let known = sizes.iter().zip(&strides).all(|(size, &stride)| size.as_i64().is_some() || stride == 1);
    if known || !(same || ceil) || window.len() != spatial {
        return Ok(framed);
    }
    let pads = if same || mode == "VALID" { vec![0; 2 * spatial] } else { list("pads", 0, 2 * spatial)? };
    for axis in 0..spatial {
        let unknown = || ImportError::Unsupported(format!("the pads along spatial axis {axis} depend on sizes"));
        let size = window[axis].as_i64().filter(|size| (1..=LARGEST).contains(size)).ok_or_else(unknown)?;
        let (stride, reach) = (strides[axis], (size - 1) * dilations[axis] + 1);
        let (before, after) = (pads[axis], pads[spatial + axis]);
        // Else the last window might start behind the elements.
        if !same && after + stride > reach {
            return Err(unknown());
        }
        let whole = sizes[axis].clone() + Dim::from(before + after);
        let steps = if same { whole.clone() - Dim::from(1) } else { whole.clone() - Dim::from(reach - stride + 1) };
        let covered = steps.floor_div(stride) * Dim::from(stride) + Dim::from(reach);
        let missing = (covered - whole).maximum(&Dim::from(0));
        let small = if same { missing.floor_div(2) } else { Dim::from(0) };
        let large = missing - small.clone();
        let (low, high) = if mode == "SAME_LOWER" { (large, small) } else { (small, large) };
        x = b.framed(x, 2 + axis, low, high, with)?;
    }
    framed.operands[0] = Some(x);
    framed.attrs.insert("ceil_mode".into(), OnnxAttr::Int(0));
    if same {
        framed.attrs.insert("auto_pad".into(), OnnxAttr::Text("VALID".into()));
    }
    Ok(framed)
}

/// Pads so that the result has size / stride elements, rounded up.
fn same_pads(
    x: &Fact,
    window: &[Dim],
    strides: &[i64],
    dilations: &[i64],
    lower: bool,
) -> Result<Vec<i64>, ImportError> {
    let unknown = || ImportError::Unsupported("`auto_pad` needs sizes that are known when compiling".into());
    let spatial = window.len();
    let mut pads = vec![0; 2 * spatial];
    for i in 0..spatial.min(strides.len()).min(dilations.len()) {
        // A stride of 1 loses the same at every size.
        let known = x.shape.get(2 + i).and_then(Dim::as_i64).or((strides[i] == 1).then_some(1));
        let size = known.ok_or_else(unknown)?;
        let window = window[i].as_i64().ok_or_else(unknown)?;
        let steps = size.saturating_add(strides[i].max(1) - 1) / strides[i].max(1);
        let reach = (window - 1).saturating_mul(dilations[i]).saturating_add(1);
        let total = (steps - 1).saturating_mul(strides[i]).saturating_add(reach).saturating_sub(size).max(0);
        let (small, large) = (total / 2, total - total / 2);
        (pads[i], pads[spatial + i]) = if lower { (large, small) } else { (small, large) };
    }
    Ok(pads)
}
