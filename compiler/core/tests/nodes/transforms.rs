//! Products with matrices that a node describes.

use super::{check, plain, refused};
use m4c_compiler::onnx::message::NodeProto;

#[test]
fn contractions() {
    let by = |equation: &'static str| move |node: NodeProto| node.with("equation", equation);
    let (x, y) = ("f32[2, 2] 1 2 3 4", "f32[2, 2] 5 6 7 8");
    check("Einsum", by("ij,jk->ik"), &[x, y], "f32[2, 2] 19 22 43 50");
    check("Einsum", by("ij, kj -> ki"), &[x, y], "f32[2, 2] 17 39 23 53");
    check("Einsum", by("...i,...i"), &[x, y], "f32[2] 17 53");
    check("Einsum", by("ij,ij->"), &[x, y], "f32[] 70");
    check("Einsum", by("i,j->ji"), &["i64[2] 1 2", "i64[3] 3 4 5"], "i64[3, 2] 3 6 4 8 5 10");
    check("Einsum", by("ii->i"), &["=f32[2, 2] 1 2 3 4"], "f32[2] 1 4");
    check("Einsum", by("ij,jk,k->i"), &[x, y, "f32[2] 1 0"], "f32[2] 19 43");
    refused("Einsum", by("ij->ik"), &[x], "does not fit");
}

#[test]
fn fourier() {
    let signal = "f32[1, 4, 1] 1 2 3 4";
    check("DFT", plain, &[signal, "", "=i64[] 1"], "f32[1, 4, 2] 10 0 -2 2 -2 0 -2 -2");
    let half = |node: NodeProto| node.with("onesided", 1i64).with("inverse", 1i64);
    check("DFT", half, &["f32[1, 3, 2] 10 0 -2 2 -2 0", "", "=i64[] 1"], "f32[1, 4, 1] 1 2 3 4");
    refused("DFT", plain, &["f32[2, 1] 1 2", "", "=i64[] 0"], "the size along the axis");
    check("HannWindow", plain, &["=i64[] 2"], "f32[2] 0 1");
}

#[test]
fn counted() {
    let grams = |node: NodeProto| {
        let node = node.with("mode", "TF").with("min_gram_length", 1i64).with("max_gram_length", 2i64);
        let node = node.with("max_skip_count", 1i64).with("ngram_counts", vec![0i64, 1]);
        node.with("ngram_indexes", vec![1i64, 0]).with("pool_int64s", vec![5i64, 5, 6])
    };
    // 5 stands twice; 5 6 once side by side and once with one between.
    check("TfIdfVectorizer", grams, &["i64[4] 5 6 5 6"], "f32[2] 2 2");
}
