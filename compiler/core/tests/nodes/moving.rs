//! Elements picked, placed and put in another order.

use super::{check, plain, refused};
use m4c_compiler::onnx::message::NodeProto;

#[test]
fn gathers() {
    let x = "f32[2, 3] 1 2 3 4 5 6";
    check("GatherND", plain, &[x, "i64[2, 2] 0 2 1 -3"], "f32[2] 3 4");
    check("GatherND", plain, &[x, "i64[1, 1] -1"], "f32[1, 3] 4 5 6");
    check("GatherND", |node| node.with("batch_dims", 1i64), &[x, "i64[2, 1] 2 0"], "f32[2] 3 4");
    check("GatherElements", |node| node.with("axis", 1i64), &[x, "i64[2, 1] -1 0"], "f32[2, 1] 3 4");
    check("GatherElements", |node| node.with("axis", 0i64), &[x, "i64[1, 3] 1 0 1"], "f32[1, 3] 4 2 6");
}

#[test]
fn scatters() {
    let x = "f32[2, 3] 1 2 3 4 5 6";
    check("ScatterND", plain, &[x, "i64[2, 2] 0 2 -1 0", "f32[2] 10 20"], "f32[2, 3] 1 2 10 20 5 6");
    check("ScatterND", plain, &[x, "i64[1, 1] -1", "f32[1, 3] 7 8 9"], "f32[2, 3] 1 2 3 7 8 9");
    let add = |node: NodeProto| node.with("reduction", "add");
    check("ScatterND", add, &[x, "i64[2, 1] 0 0", "f32[2, 3] 1 1 1 2 2 2"], "f32[2, 3] 4 5 6 4 5 6");
    let rows = |node: NodeProto| node.with("axis", 1i64);
    check("ScatterElements", rows, &[x, "i64[2, 1] -1 0", "f32[2, 1] 7 8"], "f32[2, 3] 1 2 7 8 5 6");
    check("ScatterElements", add, &[x, "i64[1, 2] 1 1", "f32[1, 2] 10 20"], "f32[2, 3] 1 2 3 14 25 6");
}

#[test]
fn scatters_that_combine() {
    let (x, at, with) = ("f32[4] 1 2 3 4", "i64[5] 1 3 -3 0 1", "f32[5] 5 6 7 8 9");
    let by = |name: &'static str| move |node: NodeProto| node.with("reduction", name);
    check("ScatterElements", by("mul"), &[x, at, with], "f32[4] 8 630 3 24");
    check("ScatterElements", by("max"), &[x, at, with], "f32[4] 8 9 3 6");
    check("ScatterElements", by("min"), &[x, at, with], "f32[4] 1 2 3 4");
    let rows = ["f32[2, 2] 1 2 3 4", "i64[3, 1] 1 1 1", "f32[3, 2] 1 9 2 8 7 5"];
    check("ScatterND", by("max"), &rows, "f32[2, 2] 1 2 7 9");
}

#[test]
fn triangles_and_diagonals() {
    let x = "f32[2, 3] 1 2 3 4 5 6";
    check("Trilu", plain, &[x], "f32[2, 3] 1 2 3 0 5 6");
    check("Trilu", |node| node.with("upper", 0i64), &[x, "i64[] 1"], "f32[2, 3] 1 2 0 4 5 6");
    check("Trilu", plain, &[x, "=i64[] 1"], "f32[2, 3] 0 2 3 0 0 6");
    check("EyeLike", |node| node.with("k", 1i64), &[x], "f32[2, 3] 0 1 0 0 0 1");
    check("Det", plain, &["f32[2, 2, 2] 0 2 3 0 1 2 2 4"], "f32[2] -6 -0.0");
}

#[test]
fn places() {
    check("OneHot", plain, &["i64[3] 1 -1 7", "=i64[] 3", "f32[2] 5 9"], "f32[3, 3] 5 9 5 5 5 9 5 5 5");
    let time_first = ["f32[3, 2] 1 2 3 4 5 6", "i64[2] 3 2"];
    check("ReverseSequence", plain, &time_first, "f32[3, 2] 5 4 3 2 1 6");
    check("CenterCropPad", plain, &["i64[2, 3] 1 2 3 4 5 6", "=i64[2] 4 2"], "i64[4, 2] 0 0 1 2 4 5 0 0");
    let blocks = |node: NodeProto| node.with("blocksize", 2i64);
    check("DepthToSpace", blocks, &["i64[1, 4, 1, 1] 1 2 3 4"], "i64[1, 1, 2, 2] 1 2 3 4");
    check("SpaceToDepth", blocks, &["i64[1, 1, 2, 2] 1 2 3 4"], "i64[1, 4, 1, 1] 1 2 3 4");
}

#[test]
fn frames() {
    let x = "f32[1, 2, 2] 1 2 3 4";
    check("Pad", plain, &[x, "=i64[6] 0 0 1 0 0 -1", "=f32[] 9"], "f32[1, 2, 2] 9 1 9 3");
    check("Pad", plain, &[x, "=i64[2] 1 0", "", "=i64[1] 1"], "f32[1, 3, 2] 0 0 1 2 3 4");
    let going_on = |mode: &'static str| move |node: NodeProto| node.with("mode", mode);
    let (line, pads) = ("f32[3] 1 2 3", "=i64[2] 4 3");
    check("Pad", going_on("reflect"), &[line, pads], "f32[10] 1 2 3 2 1 2 3 2 1 2");
    check("Pad", going_on("edge"), &[line, pads], "f32[10] 1 1 1 1 1 2 3 3 3 3");
    check("Pad", going_on("wrap"), &[line, pads], "f32[10] 3 1 2 3 1 2 3 1 2 3");
    check("Pad", going_on("reflect"), &["f32[4] 1 2 3 4", "=i64[2] 2 -1"], "f32[5] 3 2 1 2 3");
    refused("Pad", going_on("reflect"), &[line, "i64[2] 4 3"], "the pads");
}
