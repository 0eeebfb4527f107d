//! `m4c verify --against tract`.

use crate::harness::{m4c, model};

#[test]
fn tract_agrees() {
    for name in ["ts-op17.onnx", "dyn-op20.onnx"] {
        let verify = ["verify", &model(name), "--inputs", &model("inputs.npz"), "--against", "tract", "--json"];
        let rows = m4c(&verify).ok().json();
        let with_tract = rows.as_array().expect("a list").iter().filter(|row| row["reference"] == "tract");
        assert_eq!(with_tract.count(), 2, "{name}");
    }
}
