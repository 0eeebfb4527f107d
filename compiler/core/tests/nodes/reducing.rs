//! Sums, products, losses and norms along axes.

use super::{check, check_all, plain, refused};
use m4c_compiler::onnx::message::NodeProto;

#[test]
fn running() {
    let (x, last) = ("f32[2, 3] 1 2 3 4 5 6", "=i64[] -1");
    let exclusive = |node: NodeProto| node.with("exclusive", 1i64);
    let reverse = |node: NodeProto| node.with("reverse", 1i64);
    check("CumSum", exclusive, &[x, last], "f32[2, 3] 0 1 3 0 4 9");
    check("CumSum", reverse, &[x, last], "f32[2, 3] 6 5 3 15 11 6");
    check("CumSum", |node| exclusive(reverse(node)), &[x, "=i64[] 0"], "f32[2, 3] 4 5 6 0 0 0");
}

#[test]
fn along_axes() {
    let axes = "=i64[1] 1";
    check("ReduceProd", plain, &["i64[2, 5] 1 2 3 4 5 -1 2 0 1 1", axes], "i64[2, 1] 120 0");
    check("ReduceProd", plain, &["f32[3, 0]", axes], "f32[3, 1] 1 1 1");
    refused("ReduceProd", plain, &["f32[2, 3] 1 2 3 4 5 6", "=i64[1] 0"], "not known when compiling");
    check("ReduceMin", plain, &["i32[1, 3] -2147483648 0 2147483647", axes], "i32[1, 1] -2147483648");
    check("ReduceMax", plain, &["f32[2, 0]", axes], "f32[2, 1] -inf -inf");
    check("ReduceMin", plain, &["bool[2, 2] true true true false", axes], "bool[2, 1] true false");
    check("ReduceL1", plain, &["f32[1, 3] 1 -2 3", axes], "f32[1, 1] 6");
    check("ReduceLogSum", plain, &["f32[2, 2] 0.5 0.5 0 0", axes], "f32[2, 1] 0 -inf");
    check("ReduceLogSumExp", plain, &["f32[3, 1] 1000 -inf inf", axes], "f32[3, 1] 1000 -inf inf");
}

#[test]
fn largest() {
    let ties = "f32[1, 4] 3 1 3 1";
    let last = |node: NodeProto| node.with("axis", 1i64).with("select_last_index", 1i64);
    check("ArgMax", last, &[ties], "i64[1, 1] 2");
    check("ArgMin", |node| node.with("axis", 1i64).with("keepdims", 0i64), &[ties], "i64[1] 1");
    check("ArgMin", |node| node.with("axis", 1i64), &["i64[1, 3] 5 -9223372036854775808 5"], "i64[1, 1] 1");
    check("Hardmax", plain, &[ties], "f32[1, 4] 1 0 0 0");
    let k = "=i64[1] 3";
    check_all("TopK", plain, &["f32[1, 4] 3 NaN 3 1", k], &["f32[1, 3] NaN 3 3", "i64[1, 3] 1 0 2"]);
    let smallest = |node: NodeProto| node.with("largest", 0i64);
    check_all("TopK", smallest, &["f32[1, 4] 3 NaN 3 1", k], &["f32[1, 3] 1 3 3", "i64[1, 3] 3 0 2"]);
    refused("TopK", plain, &[ties, "i64[1] 3"], "how many are found");
}

#[test]
fn norms_and_losses() {
    check("InstanceNormalization", plain, &["f32[1, 1, 2] 3 3", "=f32[1] 1", "=f32[1] 7"], "f32[1, 1, 2] 7 7");
    check("LpNormalization", plain, &["f32[2, 2] 3 4 0 0"], "f32[2, 2] 0.6 0.8 0 0");
    let window = |node: NodeProto| node.with("size", 2i64).with("alpha", 2f32).with("beta", 1f32).with("bias", 0f32);
    check("LRN", window, &["f32[1, 3, 1] 1 1 2"], "f32[1, 3, 1] 0.5 0.2 0.5");
    let statistics = ["f32[1, 2] 1 3", "=f32[2] 1 1", ""];
    let exact = |node: NodeProto| node.with("epsilon", 0f32);
    check_all("LayerNormalization", exact, &statistics, &["f32[1, 2] -1 1", "f32[1, 1] 2", "f32[1, 1] 1"]);
    let logs = "f32[2, 3] 1 2 3 4 5 6";
    check("NegativeLogLikelihoodLoss", plain, &[logs, "i64[2] 2 0"], "f32[] -3.5");
    let ignoring = |node: NodeProto| node.with("ignore_index", -7i64);
    check("NegativeLogLikelihoodLoss", ignoring, &[logs, "i64[2] -7 0", "=f32[3] 2 9 9"], "f32[] -4");
    check_all("Dropout", plain, &["f32[2] 1 2"], &["f32[2] 1 2", "bool[2] true true"]);
    refused("Dropout", plain, &["f32[2] 1 2", "=f32[] 0.5", "=bool[] true"], "for training");
}
