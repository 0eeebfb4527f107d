//! Windows that slide.

use super::{check, check_all, refused};
use m4c_compiler::onnx::message::NodeProto;

#[test]
fn transposed_convolutions() {
    let x = "f32[1, 1, 3] 1 2 3";
    let stride = |node: NodeProto| node.with("strides", vec![2i64]);
    let w = "=f32[1, 1, 2] 1 10";
    check("ConvTranspose", stride, &[x, w], "f32[1, 1, 6] 1 10 2 20 3 30");
    check("ConvTranspose", |node| stride(node).with("pads", vec![1i64, 2]), &[x, w], "f32[1, 1, 3] 10 2 20");
    let sized = |node: NodeProto| stride(node).with("output_shape", vec![5i64]);
    check("ConvTranspose", sized, &[x, w], "f32[1, 1, 5] 10 2 20 3 30");
    check("ConvTranspose", |node| sized(node).with("auto_pad", "SAME_UPPER"), &[x, w], "f32[1, 1, 5] 1 10 2 20 3");
    let two_groups = |node: NodeProto| node.with("group", 2i64);
    let wide = "f32[1, 2, 1] 1 2";
    check("ConvTranspose", two_groups, &[wide, "=f32[2, 1, 2] 1 10 3 30"], "f32[1, 2, 2] 1 10 6 60");
    check("Col2Im", |node| node, &["f32[1, 2, 2] 1 2 3 4", "=i64[1] 3", "=i64[1] 2"], "f32[1, 1, 3] 1 5 4");
}

#[test]
fn pools() {
    let x = "f32[1, 1, 3] 1 2 3";
    let two = |node: NodeProto| node.with("kernel_shape", vec![2i64]);
    let pool = |node: NodeProto| two(node).with("pads", vec![1i64, 0]);
    check("AveragePool", pool, &[x], "f32[1, 1, 3] 1 1.5 2.5");
    check("AveragePool", |node| pool(node).with("count_include_pad", 1i64), &[x], "f32[1, 1, 3] 0.5 1.5 2.5");
    let rest = |node: NodeProto| two(node).with("strides", vec![2i64]).with("ceil_mode", 1i64);
    check("MaxPool", rest, &[x], "f32[1, 1, 2] 2 3");
    check("AveragePool", rest, &[x], "f32[1, 1, 2] 1.5 3");
    check("LpPool", |node| two(node).with("p", 1i64), &["f32[1, 1, 3] 1 -2 3"], "f32[1, 1, 2] 3 5");
    check("GlobalLpPool", |node| node, &["f32[1, 1, 2] 3 -4"], "f32[1, 1, 1] 5");
}

#[test]
fn pads_that_depend_on_sizes() {
    let x = "f32[1, 1, 7] 1 2 3 4 5 6 7";
    let two = |node: NodeProto| node.with("strides", vec![2i64]);
    let upper = |node: NodeProto| two(node).with("auto_pad", "SAME_UPPER");
    check("Conv", upper, &[x, "=f32[1, 1, 3] 1 10 100"], "f32[1, 1, 4] 210 432 654 76");
    let pool = |node: NodeProto| two(node).with("kernel_shape", vec![2i64]);
    check("MaxPool", |node| pool(node).with("auto_pad", "SAME_LOWER"), &[x], "f32[1, 1, 4] 1 3 5 7");
    let ceil = |node: NodeProto| pool(node).with("ceil_mode", 1i64);
    check("MaxPool", ceil, &[x], "f32[1, 1, 4] 2 4 6 7");
    check("LpPool", |node| ceil(node).with("p", 1i64), &[x], "f32[1, 1, 4] 3 7 11 7");
    refused("AveragePool", ceil, &[x], "`ceil_mode` needs sizes");
}

#[test]
fn places_of_the_largest() {
    let square = |node: NodeProto| node.with("kernel_shape", vec![2i64, 2]).with("strides", vec![2i64, 2]);
    let x = "f32[2, 1, 2, 4] 1 2 3 4 5 6 8 8 0 0 0 0 0 0 0 -1";
    check_all("MaxPool", square, &[x], &["f32[2, 1, 1, 2] 6 8 0 0", "i64[2, 1, 1, 2] 5 6 8 10"]);
    let columns = |node: NodeProto| square(node).with("storage_order", 1i64);
    check_all("MaxPool", columns, &[x], &["f32[2, 1, 1, 2] 6 8 0 0", "i64[2, 1, 1, 2] 3 5 8 12"]);
    check("MaxPool", square, &["u8[1, 1, 2, 2] 1 255 3 4"], "u8[1, 1, 1, 1] 255");
    let places = ["f32[1, 1, 1, 2] 6 8", "i64[1, 1, 1, 2] 5 6"];
    check("MaxUnpool", square, &places, "f32[1, 1, 2, 4] 0 0 0 0 0 6 8 0");
    refused("MaxUnpool", |node| node, &places, "kernel_shape");
}
