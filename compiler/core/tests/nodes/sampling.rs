//! Elements between elements.

use super::{check, plain};
use m4c_compiler::onnx::message::NodeProto;

#[test]
fn grids() {
    let x = "f32[1, 1, 2, 2] 1 2 3 4";
    let centers = |node: NodeProto| node.with("align_corners", 1i64);
    // The center, a corner, and one element beyond the right border.
    let grid = "f32[1, 1, 3, 2] 0 0 -1 -1 3 -1";
    check("GridSample", centers, &[x, grid], "f32[1, 1, 1, 3] 2.5 1 0");
    let border = |node: NodeProto| centers(node).with("padding_mode", "border");
    check("GridSample", border, &[x, grid], "f32[1, 1, 1, 3] 2.5 1 2");
    let mirrored = |node: NodeProto| centers(node).with("padding_mode", "reflection");
    check("GridSample", mirrored, &[x, grid], "f32[1, 1, 1, 3] 2.5 1 1");
    let nearest = |node: NodeProto| centers(node).with("mode", "nearest");
    check("GridSample", nearest, &["f32[1, 1, 2, 2] inf 2 3 4", grid], "f32[1, 1, 1, 3] inf inf 0");
    let identity = "f32[1, 2, 3] 1 0 0 0 1 0";
    check("AffineGrid", centers, &[identity, "=i64[4] 1 1 1 2"], "f32[1, 1, 2, 2] -1 -1 1 -1");
}

#[test]
fn regions_and_moved_windows() {
    let x = "f32[1, 1, 2, 2] 1 2 3 4";
    let whole = |node: NodeProto| node.with("sampling_ratio", 1i64).with("output_height", 1i64);
    check("RoiAlign", whole, &[x, "f32[1, 4] 0 0 2 2", "i64[1] 0"], "f32[1, 1, 1, 1] 2.5");
    let still = ["f32[1, 1, 2, 2] 1 2 3 4", "=f32[1, 1, 1, 1] 10", "f32[1, 2, 2, 2] 0 0 0 0 0 0 1 0"];
    check("DeformConv", plain, &still, "f32[1, 1, 2, 2] 10 20 40 40");
}
