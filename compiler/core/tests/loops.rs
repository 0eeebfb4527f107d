//! Loops that cannot be compiled.

use m4c_compiler::diagnostic::{Diagnostics, codes};
use m4c_compiler::import::import;
use m4c_compiler::onnx::message::{GraphProto, NodeProto, ValueInfoProto};
use m4c_compiler::onnx::{Dim, ElementType, ModelFile, OnnxWriter};

/// What is said of a loop that doubles `x` while its sum is below 9 and gives all values on the way.
fn refused(operands: [&str; 3]) -> Diagnostics {
    let named = |name: &str| ValueInfoProto { name: Some(name.into()), ..Default::default() };
    let body = GraphProto {
        name: Some("body".into()),
        node: vec![
            NodeProto::new("Add", ["v", "v"], ["next"]),
            NodeProto::new("ReduceSum", ["next"], ["sum"]).with("keepdims", 0i64),
            NodeProto::new("Constant", [""; 0], ["limit"]).with("value_float", 9.0f32),
            NodeProto::new("Less", ["sum", "limit"], ["goes_on"]),
            NodeProto::new("Identity", ["next"], ["row"]),
        ],
        input: ["number", "condition", "v"].map(named).to_vec(),
        output: ["goes_on", "next", "row"].map(named).to_vec(),
        ..Default::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let mut writer = OnnxWriter::new("model");
    writer.input("most", ElementType::Int64, &[]);
    writer.input("x", ElementType::Float, &[Dim::Known(3)]);
    writer.node(NodeProto::new("Loop", operands, ["y", "rows"]).named("the_loop").with("body", body));
    writer.output("y", ElementType::Float, &[Dim::Known(3)]);
    writer.save(&path).unwrap();
    import(&ModelFile::open(&path).unwrap(), "main").map(|_| ()).unwrap_err()
}

#[test]
fn loops_that_cannot_be_counted_say_why() {
    for (operands, reason) in [
        (["most", "", "x"], "how many rows a loop gives depends on a condition that is only known while running"),
        (["", "", "x"], "a loop without a trip count may run without end"),
    ] {
        let errors = refused(operands);
        let text = errors.to_text();
        assert_eq!(errors.iter().map(|error| error.code).collect::<Vec<_>>(), [codes::CONTROL_FLOW], "{text}");
        assert!(text.contains(reason) && text.contains("the_loop"), "{text}");
    }
}
