//! `m4c verify --against torch`.

use crate::harness::{m4c, model};

#[test]
fn torch_agrees() {
    let script = model("img_enc.torchscript.pt");
    for name in ["ts-op17.onnx", "dyn-op20.onnx"] {
        let given = ["verify", &model(name), "--inputs", &model("inputs.npz"), "--json"];
        let rows = m4c(&[&given[..], &["--against", "torch", "--torchscript", &script]].concat()).ok().json();
        let with_torch = rows.as_array().expect("a list").iter().filter(|row| row["reference"] == "torch");
        assert_eq!(with_torch.count(), 2, "{name}");
    }
}

#[test]
fn what_is_no_torchscript_is_refused() {
    let given = ["verify", &model("dyn-op20.onnx"), "--inputs", &model("inputs.npz"), "--against", "torch"];
    m4c(&[&given[..], &["--torchscript", &model("README.md")]].concat()).fails(1, &["torch cannot run", "README.md"]);
}
