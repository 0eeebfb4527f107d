//! What operators do to element types that their storage types only carry: from the type constraints of the standard.

use super::Element;
use super::convert;
use super::integers::{flipped, wrapped};
use crate::build::{Build, Value};
use crate::onnx::{ImportError, OnnxAttr, OnnxImport, OnnxNode};

/// How an operator treats elements.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Rule {
    /// It computes with values, and its results are in range where its operands are.
    Values,
    /// It computes with values, and its results may leave the range of a narrow integer; that of 64 bits wraps by itself.
    Wraps,
    /// It moves elements, whatever they mean.
    Moves,
    /// It moves and compares elements.
    Orders,
    /// It computes with values; small floats are decoded before.
    Decodes,
    /// Its import looks at the element types.
    Knows,
}

fn rule(node: &OnnxNode) -> Rule {
    let rule = match &*node.op_type {
        "Add" | "Col2Im" | "CumProd" | "CumSum" | "Einsum" | "Gemm" | "MatMul" | "Mul" | "ReduceL1" | "ReduceProd"
        | "ReduceSum" | "ReduceSumSquare" | "Sub" => Rule::Wraps,
        "CenterCropPad" | "Compress" | "Concat" | "DepthToSpace" | "Dropout" | "Equal" | "Expand" | "EyeLike"
        | "Flatten" | "Gather" | "GatherElements" | "GatherND" | "NonZero" | "OneHot" | "Pad" | "Reshape"
        | "ReverseSequence" | "Scatter" | "ScatterElements" | "ScatterND" | "Shape" | "Size" | "Slice"
        | "SpaceToDepth" | "Split" | "Squeeze" | "TensorScatter" | "Tile" | "Transpose" | "Trilu" | "Unsqueeze"
        | "Where" => Rule::Moves,
        "ArgMax" | "ArgMin" | "Clip" | "Greater" | "GreaterOrEqual" | "Less" | "LessOrEqual" | "Max" | "Min"
        | "ReduceMax" | "ReduceMin" | "TopK" | "Unique" => Rule::Orders,
        "IsInf" | "IsNaN" => Rule::Decodes,
        "BitCast" | "BitShift" | "BitwiseAnd" | "BitwiseNot" | "BitwiseOr" | "BitwiseXor" | "Cast" | "CastLike"
        | "DequantizeLinear" | "Div" | "Mod" | "Pow" | "QuantizeLinear" => Rule::Knows,
        _ => Rule::Values,
    };
    // Scatters that combine what they move do so as the operators do.
    match node.attrs.get("reduction") {
        Some(OnnxAttr::Text(reduction)) if rule == Rule::Moves => match &**reduction {
            "add" | "mul" => Rule::Wraps,
            "max" | "min" => Rule::Orders,
            _ => Rule::Moves,
        },
        _ => rule,
    }
}

/// Imports a node and says the element types of its results.
///
/// # Errors
/// Those of the import, and elements that the operator cannot compute with as they are carried.
pub fn import(
    b: &mut dyn Build,
    import: &OnnxImport,
    node: &mut OnnxNode,
) -> Result<(Vec<Value>, Vec<Element>), ImportError> {
    let rule = rule(node);
    let pattern = node.elements.iter().flatten().find(|element| element.is_pattern()).copied();
    let orders = rule == Rule::Orders && pattern == Some(Element::Uint64);
    let fits =
        matches!(rule, Rule::Moves | Rule::Knows) || orders || rule == Rule::Wraps && pattern == Some(Element::Uint64);
    if rule == Rule::Decodes {
        for (operand, element) in node.operands.iter_mut().zip(&mut node.elements) {
            if let (Some(value), Some(from)) = (*operand, element.filter(|element| element.is_small_float())) {
                (*operand, *element) = (Some(convert::value(b, value, from)?), Some(Element::Float));
            }
        }
    } else if let Some(pattern) = pattern.filter(|_| !fits) {
        return Err(ImportError::Unsupported(format!("`{}` of {pattern} is not supported", node.op_type)));
    }
    if orders {
        for (operand, element) in node.operands.iter_mut().zip(&node.elements) {
            if let (Some(value), Some(Element::Uint64)) = (*operand, element) {
                *operand = Some(flipped(b, value)?);
            }
        }
    }
    let mut results = (import.import)(b, node)?;
    let mut elements = Vec::with_capacity(results.len());
    for (index, result) in results.iter_mut().enumerate() {
        let natural = Element::of(b.fact(*result).dtype);
        let element = result_element(node, index).filter(|element| element.carrier() == natural.carrier());
        let element = element.unwrap_or(natural);
        if rule == Rule::Wraps {
            *result = wrapped(b, *result, element)?;
        }
        if orders && element == Element::Uint64 {
            *result = flipped(b, *result)?;
        }
        elements.push(element);
    }
    Ok((results, elements))
}

/// The element type of a result as the standard has it, where it is not what the storage type says by itself.
fn result_element(node: &OnnxNode, index: usize) -> Option<Element> {
    let operand = |index: usize| node.elements.get(index).copied().flatten();
    let named = |name: &str| match node.attrs.get(name) {
        Some(OnnxAttr::Int(number)) if *number != 0 => Element::from_number(*number),
        _ => None,
    };
    match (&*node.op_type, index) {
        ("Cast" | "BitCast", _) => named("to"),
        ("EyeLike", _) => named("dtype").or(operand(0)),
        ("CastLike" | "Where", _) => operand(1),
        ("OneHot", _) => operand(2),
        ("QuantizeLinear", _) => operand(2).or(named("output_dtype")).or(Some(Element::Uint8)),
        ("DequantizeLinear", _) => named("output_dtype").or(operand(1)),
        ("ArgMax" | "ArgMin" | "NonZero" | "Shape" | "Size", _) | ("TopK" | "MaxPool", 1) | ("Unique", 1..) => None,
        _ => operand(0),
    }
}
