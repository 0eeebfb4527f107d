//! Results whose sizes the data decides.

use super::{check, plain};
use m4c_compiler::onnx::message::NodeProto;

#[test]
fn results_as_long_as_the_data_says() {
    check("NonZero", plain, &["f32[2, 3] 1 0 NaN 0 -0.0 5"], "i64[2, 3] 0 0 1 0 2 2");
    check("NonZero", plain, &["bool[2] false false"], "i64[1, 0]");
    let rows = |node: NodeProto| node.with("axis", 0i64);
    check("Compress", rows, &["f32[2, 2] 1 2 3 4", "bool[2] false true"], "f32[1, 2] 3 4");
    check("Compress", plain, &["f32[2, 2] 1 2 3 4", "bool[3] true false true"], "f32[2] 1 3");
    check("Range", plain, &["i64[] 3", "i64[] 8", "=i64[] 2"], "i64[3] 3 5 7");
    check("ConstantOfShape", plain, &["i64[3] 1 3 1"], "f32[1, 3, 1] 0 0 0");
    check("Expand", plain, &["f32[1, 2] 1 2", "i64[3] 1 2 2"], "f32[1, 2, 2] 1 2 1 2");
    check("Reshape", plain, &["f32[2, 3] 1 2 3 4 5 6", "i64[3] 1 3 2"], "f32[1, 3, 2] 1 2 3 4 5 6");
}
