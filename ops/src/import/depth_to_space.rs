//! `DepthToSpace` and `SpaceToDepth`: blocks of an image as channels, and back.

use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::onnx::{ImportError, OnnxImport, OnnxNode, from};

/// `DepthToSpace` and `SpaceToDepth`.
pub static IMPORT: &[OnnxImport] = &[from("DepthToSpace", 1, depth_to_space), from("SpaceToDepth", 1, space_to_depth)];

fn parts(b: &dyn Build, node: &OnnxNode) -> Result<(Value, [Dim; 4], i64), ImportError> {
    let x = node.operand(0)?;
    let block = node.int("blocksize")?.filter(|block| (1..=1 << 15).contains(block));
    let missing = || ImportError::Attribute { name: "blocksize".into(), found: "is missing or not positive".into() };
    let found = || ImportError::Operand { index: 0, found: format!("is {}, not of four axes", b.fact(x)) };
    let shape = <[Dim; 4]>::try_from(b.fact(x).shape.clone()).map_err(|_| found())?;
    Ok((x, shape, block.ok_or_else(missing)?))
}

fn depth_to_space(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let (x, [batch, channels, height, width], block) = parts(b, node)?;
    let each = channels.floor_div(block * block);
    let side = Dim::from(block);
    let (split, perm) = match node.text("mode")?.unwrap_or("DCR") {
        "DCR" => ([&batch, &side, &side, &each, &height, &width], vec![0, 3, 4, 1, 5, 2]),
        "CRD" => ([&batch, &each, &side, &side, &height, &width], vec![0, 1, 4, 2, 5, 3]),
        other => return Err(ImportError::Attribute { name: "mode".into(), found: format!("is `{other}`") }),
    };
    let split = b.reshape(x, &split.map(Clone::clone))?;
    let moved = b.transpose(split, perm)?;
    Ok(vec![b.reshape(moved, &[batch, each, height * side.clone(), width * side])?])
}

fn space_to_depth(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let (x, [batch, channels, height, width], block) = parts(b, node)?;
    let (rows, columns, side) = (height.floor_div(block), width.floor_div(block), Dim::from(block));
    let split = [&batch, &channels, &rows, &side, &columns, &side].map(Clone::clone);
    let split = b.reshape(x, &split)?;
    let moved = b.transpose(split, vec![0, 3, 5, 1, 2, 4])?;
    Ok(vec![b.reshape(moved, &[batch, channels * Dim::from(block * block), rows, columns])?])
}
