//! Matrix products, and windows that slide over spatial axes.

use crate::kernel::{by_type, call, dtype, number, numbers};
use m4c_exec_cpu::layout::{BF16_KN16, F16_KN16, F32_KN16, PANEL};
use m4c_ops::{DType, Dim};
use m4c_target::{Lowered, NodeView, Step, StepOperand};

pub(crate) fn matmul(node: &NodeView<'_>) -> Result<Lowered, String> {
    let dtype = dtype(node, 0)?;
    let right = node.operand(1);
    let weights = right.is_some_and(|b| b.constant && b.fact.rank() == 2);
    let layout = match dtype {
        DType::F32 => F32_KN16,
        DType::F16 => F16_KN16,
        DType::BF16 => BF16_KN16,
        _ => return Ok(call(by_type("matmul", dtype), node, Vec::new())),
    };
    if !weights {
        return Ok(call(by_type("matmul", dtype), node, Vec::new()));
    }
    let packed = StepOperand::Packed { operand: 1, layout };
    Ok(Lowered::Step(Step {
        kernel: by_type("matmul_packed", dtype),
        operands: vec![StepOperand::Plain(0), packed, StepOperand::Absent],
        params: Vec::new(),
    }))
}

/// Products with more rows than this put an upright operand in order first: it would be put in order once a tile.
const FEW_ROWS: i64 = 8;

/// The product with a right operand whose axes lie in another order: its rows apart, or, for few rows of the left one, its
/// columns.
pub(crate) fn matmul_ordered(node: &NodeView<'_>, order: &[i64]) -> Option<Step> {
    let (left, right) = (node.operand(0)?, node.operand(1)?);
    let last = order.len().checked_sub(1)? as i64;
    let [.., rows, _] = &*left.fact.shape else { return None };
    let [.., row_axis, column_axis] = order else { return None };
    let few = rows.as_i64().is_some_and(|rows| rows <= FEW_ROWS);
    let fits = *column_axis == last || (*row_axis == last && few);
    let f32 = left.fact.dtype == DType::F32 && right.fact.dtype == DType::F32 && node.result.dtype == DType::F32;
    (fits && f32 && !right.constant).then(|| Step {
        kernel: "matmul_ordered_f32".into(),
        operands: vec![StepOperand::Plain(0), StepOperand::Plain(1)],
        params: order.iter().copied().map(Dim::from).collect(),
    })
}

pub(crate) fn conv(node: &NodeView<'_>) -> Result<Lowered, String> {
    let (strides, dilations) = (numbers(node, "strides"), numbers(node, "dilations"));
    let pads = numbers(node, "pads");
    let (low, high) = pads.split_at_checked(strides.len()).ok_or("`pads` is too short")?;
    let mut params = vec![number(node, "groups")];
    for (((stride, dilation), low), high) in strides.into_iter().zip(dilations).zip(low).zip(high) {
        params.extend([stride, dilation, low.clone(), high.clone()]);
    }
    Ok(call(by_type("conv", dtype(node, 0)?), node, params))
}

/// Operations on columns of a panel that are no places of the result: all of a group's places are columns, unless it has one
/// filter.
pub(crate) fn surplus(node: &NodeView<'_>, size: &dyn Fn(&Dim) -> f64) -> f64 {
    let (Some(w), Some(map)) = (node.operand(1), node.result.shape.get(2..)) else { return 0.0 };
    let (places, filters) = (size(&Dim::product(map)), size(&w.fact.shape[0]));
    if places < 1.0 || filters <= node.attrs.get_int("groups") as f64 {
        return 0.0;
    }
    let empty = (places / PANEL as f64).ceil() * PANEL as f64 - places;
    let window = size(&Dim::product(&w.fact.shape[1..]));
    size(&node.result.shape[0]) * filters * empty * window * 2.0
}

pub(crate) fn max_pool(node: &NodeView<'_>) -> Result<Lowered, String> {
    let (window, pads) = (numbers(node, "window"), numbers(node, "pads"));
    let (low, high) = pads.split_at_checked(window.len()).ok_or("`pads` is too short")?;
    let (strides, dilations) = (numbers(node, "strides"), numbers(node, "dilations"));
    let mut params = Vec::new();
    for ((((window, stride), dilation), low), high) in window.into_iter().zip(strides).zip(dilations).zip(low).zip(high)
    {
        params.extend([window, stride, dilation, low.clone(), high.clone()]);
    }
    Ok(call(by_type("max_pool", dtype(node, 0)?), node, params))
}
