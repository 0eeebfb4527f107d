//! One element at a time.

use super::{check, plain};
use m4c_compiler::onnx::message::NodeProto;

#[test]
fn arithmetic() {
    check("Neg", plain, &["f32[3] 1 0 -2"], "f32[3] -1 -0.0 2");
    check("Ceil", plain, &["f32[3] 1.2 -0.5 -2"], "f32[3] 2 -0.0 -2");
    check("Reciprocal", plain, &["f32[3] 4 0 -2"], "f32[3] 0.25 inf -0.5");
    check("Sum", plain, &["f32[2] 1 2", "f32[1] 3", "f32[2] 4 5"], "f32[2] 8 10");
    check("Sign", plain, &["f32[4] -3 0 2 NaN"], "f32[4] -1 0 1 NaN");
    check("Pow", plain, &["f32[2] 3 -2", "=i64[] 2"], "f32[2] 9 4");
    check("Pow", plain, &["i32[5] 2 3 -1 0 7", "i64[5] 10 19 1000001 0 1"], "i32[5] 1024 1162261467 -1 1 7");
}

#[test]
fn remainders() {
    let fmod = |node: NodeProto| node.with("fmod", 1i64);
    check("Mod", plain, &["i64[4] 7 -7 7 -7", "i64[4] 3 3 -3 -3"], "i64[4] 1 2 -2 -1");
    check("Mod", fmod, &["i64[4] 7 -7 7 -7", "i64[4] 3 3 -3 -3"], "i64[4] 1 -1 1 -1");
    // The quotient of the second has more digits than an f32, and infinity divides nothing.
    let (x, y) = ("f32[5] 5.5 8388607 -5.5 1 inf", "f32[5] 2 0.1 2 inf 2");
    check("Mod", fmod, &[x, y], "f32[5] 1.5 0.07500002 -1.5 1 NaN");
    check("Mod", plain, &["f32[2] -5.5 5.5", "f32[2] 2 -2"], "f32[2] 0.5 -0.5");
}

#[test]
fn predicates() {
    check("IsNaN", plain, &["f32[2] 3 NaN"], "bool[2] false true");
    check("Xor", plain, &["bool[2] true false", "bool[2] true true"], "bool[2] false true");
    let x = "f32[4] 3 NaN inf -inf";
    check("IsInf", plain, &[x], "bool[4] false false true true");
    check("IsInf", |node| node.with("detect_negative", 0i64), &[x], "bool[4] false false true false");
}

#[test]
fn activations() {
    check("LeakyRelu", |node| node.with("alpha", 0.5f32), &["f32[3] 2 -2 -inf"], "f32[3] 2 -1 -inf");
    check("LeakyRelu", |node| node.with("alpha", 0f32), &["f32[3] 2 inf -inf"], "f32[3] 2 inf NaN");
    check("Celu", plain, &["f32[3] 2 0 -inf"], "f32[3] 2 0 -1");
    check("Selu", |node| node.with("gamma", 2f32).with("alpha", 3f32), &["f32[3] 2 0 -inf"], "f32[3] 4 0 -6");
    check("Softsign", plain, &["f32[3] 1 0 -3"], "f32[3] 0.5 0 -0.75");
    check("ThresholdedRelu", plain, &["f32[3] 1 2 -3"], "f32[3] 0 2 0");
    let shrink = |node: NodeProto| node.with("lambd", 1f32).with("bias", 0.5f32);
    check("Shrink", shrink, &["f32[4] 2 1 -2 NaN"], "f32[4] 1.5 0 -1.5 0");
    check("Mish", plain, &["f32[2] 0 100"], "f32[2] 0 100");
}
