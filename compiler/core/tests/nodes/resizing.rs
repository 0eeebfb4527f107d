//! Images of another size.

use super::{check, plain, refused};
use m4c_compiler::onnx::message::NodeProto;

#[test]
fn nearest() {
    let asymmetric =
        |node: NodeProto| node.with("coordinate_transformation_mode", "asymmetric").with("nearest_mode", "floor");
    let x = "f32[1, 2, 2] 1 2 3 4";
    check("Resize", asymmetric, &[x, "", "=f32[3] 1 1 2"], "f32[1, 2, 4] 1 1 2 2 3 3 4 4");
    // Of a size that is not known: 2 of 3, and 3 of 2.
    let rows = "f32[2, 3] 1 2 3 4 5 6";
    check("Resize", asymmetric, &[rows, "", "", "=i64[2] 3 2"], "f32[3, 2] 1 2 1 2 4 5");
    check("Resize", plain, &[rows, "", "=f32[2] 1.5 1"], "f32[3, 3] 1 2 3 1 2 3 4 5 6");
}

#[test]
fn weighted() {
    let linear = |node: NodeProto| node.with("mode", "linear");
    check("Resize", linear, &["f32[2] 1 2", "", "=f32[1] 2"], "f32[4] 1 1.25 1.75 2");
    let corners = |node: NodeProto| linear(node).with("coordinate_transformation_mode", "align_corners");
    check("Resize", corners, &["f32[2] 1 2", "", "", "=i64[1] 3"], "f32[3] 1 1.5 2");
    let smooth = |node: NodeProto| linear(node).with("antialias", 1i64);
    check("Resize", smooth, &["f32[4] 1 2 3 4", "", "=f32[1] 0.5"], "f32[2] 1.625 3.375");
    let inside = |node: NodeProto| linear(node).with("mode", "cubic").with("exclude_outside", 1i64);
    check("Resize", inside, &["f32[2] 4 4", "", "=f32[1] 2"], "f32[4] 4 4 4 4");
    refused("Resize", linear, &["f32[2] 1 2", "", "f32[1] 2"], "the scales");
}

#[test]
fn regions() {
    let crop = |node: NodeProto| {
        let node = node.with("coordinate_transformation_mode", "tf_crop_and_resize").with("mode", "linear");
        node.with("extrapolation_value", 9f32)
    };
    let operands = ["f32[3] 1 2 3", "=f32[2] 0.5 1.5", "", "=i64[1] 3"];
    check("Resize", crop, &operands, "f32[3] 2 3 9");
    let not_larger = |node: NodeProto| node.with("keep_aspect_ratio_policy", "not_larger");
    check(
        "Resize",
        not_larger,
        &["f32[1, 4] 1 2 3 4", "", "", "=i64[2] 3 8"],
        "f32[2, 8] 1 1 2 2 3 3 4 4 1 1 2 2 3 3 4 4",
    );
}
