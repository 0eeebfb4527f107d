//! What import and facts make of small models, good and bad.

use m4c_compiler::diagnostic::{Code, Diagnostics, codes};
use m4c_compiler::facts::facts;
use m4c_compiler::import::import;
use m4c_compiler::onnx::message::{GraphProto, NodeProto};
use m4c_compiler::onnx::{Dim, ElementType, ModelFile, OnnxWriter, TensorData, TensorRef};
use m4c_compiler::project::{DimSetting, Project};
use m4c_ir::{Graph, interpret};
use m4c_ops::Tensor;
use std::path::Path;
use std::sync::Arc;

/// A model file from a writer.
fn file(write: impl FnOnce(&mut OnnxWriter<'_>)) -> ModelFile {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let mut writer = OnnxWriter::new("model");
    write(&mut writer);
    writer.save(&path).unwrap();
    ModelFile::open(&path).unwrap()
}

fn named(name: &str) -> Dim {
    Dim::Named(name.into())
}

fn imported(file: &ModelFile) -> Graph {
    import(file, "main").unwrap_or_else(|errors| panic!("{}", errors.to_text())).0.graph
}

fn refused(file: &ModelFile) -> Diagnostics {
    import(file, "main").map(|_| ()).unwrap_err()
}

fn codes_of(diagnostics: &Diagnostics) -> Vec<Code> {
    diagnostics.iter().map(|diagnostic| diagnostic.code).collect()
}

fn integers(values: &[i64]) -> TensorRef {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    TensorRef { dtype: ElementType::Int64, dims: vec![values.len() as u64], data: TensorData::Owned(bytes.into()) }
}

fn tensor(text: &str) -> Arc<Tensor> {
    Arc::new(Tensor::parse(text, &Default::default()).unwrap())
}

/// `y = reshape(x, [shape(x)[0], -1])`, as exporters write it.
fn reshape_chain() -> ModelFile {
    file(|writer| {
        writer.input("x", ElementType::Float, &[named("n"), Dim::Known(2), Dim::Known(3)]);
        writer.initializer("zero", integers(&[0]));
        writer.initializer("rest", integers(&[-1]));
        writer.node(NodeProto::new("Shape", ["x"], ["shape"]));
        writer.node(NodeProto::new("Gather", ["shape", "zero"], ["rows"]));
        writer.node(NodeProto::new("Concat", ["rows", "rest"], ["to"]).with("axis", 0i64));
        writer.node(NodeProto::new("Reshape", ["x", "to"], ["y"]));
        writer.output("y", ElementType::Float, &[named("n"), Dim::Known(6)]);
    })
}

/// One node of two inputs.
fn addition(a: Dim, b: Dim) -> ModelFile {
    file(|writer| {
        writer.input("a", ElementType::Float, &[a]);
        writer.input("b", ElementType::Float, &[b]);
        writer.node(NodeProto::new("Add", ["a", "b"], ["y"]));
        writer.output("y", ElementType::Float, &[named("junk")]);
    })
}

#[test]
fn shape_arithmetic_becomes_symbolic_sizes() {
    let graph = imported(&reshape_chain());
    assert_eq!(graph.operator_count(), 1);
    let text = graph.to_string();
    assert!(text.contains("reshape %0 {groups = [1>_, 2>_]} : f32[n, 6]"), "{text}");
    assert!(graph.guards.is_empty());
}

#[test]
fn dimensions_that_must_be_equal_are_unified_under_a_guard() {
    let graph = imported(&addition(named("one name"), named("other")));
    assert_eq!(graph.guards.len(), 1, "{graph}");
    let unified = facts(&graph, &[]).unwrap().0;
    assert_eq!(unified.ranges.len(), 1, "{unified}");
    assert!(unified.guards.is_empty(), "{unified}");
    assert!(interpret(&unified, &[tensor("f32[2] 1 2"), tensor("f32[2] 1 2")]).is_ok());
    assert!(interpret(&unified, &[tensor("f32[2] 1 2"), tensor("f32[1] 1")]).is_err());
}

#[test]
fn expressions_of_exporters_are_read() {
    let model = file(|writer| {
        writer.input("past", ElementType::Float, &[named("past_seq")]);
        writer.input("mask", ElementType::Float, &[named("past_seq + 1")]);
        writer.node(NodeProto::new("Concat", ["past", "mask"], ["y"]).with("axis", 0i64));
        writer.output("y", ElementType::Float, &[named("whatever")]);
    });
    let graph = imported(&model);
    assert_eq!(graph.ranges.keys().collect::<Vec<_>>(), ["past_seq"]);
    assert_eq!(graph.fact(graph.outputs()[0].value).to_string(), "f32[2*past_seq + 1]");
}

#[test]
fn everything_that_is_not_supported_is_listed_at_once() {
    let model = file(|writer| {
        writer.input("x", ElementType::Float, &[Dim::Known(2)]);
        for (op, to) in [("Mystery", "a"), ("Mystery", "b"), ("Riddle", "c")] {
            writer.node(NodeProto::new(op, ["x"], [to]));
        }
        // What depends on them is not reported again.
        writer.node(NodeProto::new("Add", ["a", "b"], ["y"]));
        writer.output("y", ElementType::Float, &[Dim::Known(2)]);
    });
    let errors = refused(&model);
    assert_eq!(codes_of(&errors), [codes::UNSUPPORTED_OPERATORS]);
    let text = errors.to_text();
    assert!(text.contains("Mystery, 2 nodes") && text.contains("Riddle, 1 node"), "{text}");
}

#[test]
fn broken_graphs_are_errors_with_a_place() {
    let undefined = file(|writer| {
        writer.node(NodeProto::new("Exp", ["nowhere"], ["y"]).named("the_node"));
        writer.output("y", ElementType::Float, &[]);
    });
    assert_eq!(codes_of(&refused(&undefined)), [codes::UNDEFINED_NAME]);
    assert!(refused(&undefined).to_text().contains("the_node"));

    let circle = file(|writer| {
        writer.node(NodeProto::new("Exp", ["b"], ["a"]));
        writer.node(NodeProto::new("Exp", ["a"], ["b"]));
        writer.output("b", ElementType::Float, &[]);
    });
    assert!(codes_of(&refused(&circle)).contains(&codes::CYCLE));

    let twice = file(|writer| {
        writer.input("x", ElementType::Float, &[Dim::Known(2)]);
        writer.node(NodeProto::new("Exp", ["x"], ["y"]));
        writer.node(NodeProto::new("Sqrt", ["x"], ["y"]));
        writer.output("y", ElementType::Float, &[Dim::Known(2)]);
    });
    assert!(codes_of(&refused(&twice)).contains(&codes::DUPLICATE_DEFINITION));

    let text = refused(&addition(Dim::Known(2), Dim::Known(3))).to_text();
    assert!(text.contains("broadcastable") && text.contains("operand 1 `b` is f32[3]"), "{text}");
}

#[test]
fn nodes_may_stand_in_any_order() {
    let model = file(|writer| {
        writer.input("x", ElementType::Float, &[Dim::Known(1)]);
        writer.node(NodeProto::new("Sqrt", ["a"], ["y"]));
        writer.node(NodeProto::new("Exp", ["x"], ["a"]));
        writer.output("y", ElementType::Float, &[Dim::Known(1)]);
    });
    let result = interpret(&imported(&model), &[tensor("f32[1] 0")]).unwrap();
    assert_eq!(*result[0], *tensor("f32[1] 1"));
}

#[test]
fn given_dimensions_fix_sizes_or_narrow_ranges() {
    let graph = imported(&reshape_chain());
    let given = |text: &str| facts(&graph, &[text.parse::<DimSetting>().unwrap()]).map(|(graph, _)| graph);
    let fixed = given("n=4").unwrap();
    assert!(fixed.ranges.is_empty() && fixed.to_string().contains("f32[4, 6]"), "{fixed}");
    let ranged = given("n=2..9:3").unwrap();
    assert_eq!(ranged.ranges["n"].to_string(), "2..8:3");
    assert_eq!(codes_of(&given("m=4").unwrap_err()), [codes::DIM_UNKNOWN]);
    for wrong in ["n", "n=", "=3", "n=x", "n=-1", "n=3..2", "n=1..9:0", "n=1..2..3"] {
        assert_eq!(wrong.parse::<DimSetting>().unwrap_err().code, codes::DIM_SYNTAX, "{wrong}");
    }
}

#[test]
fn a_baked_in_size_is_refused_for_other_values() {
    let graph = imported(&addition(named("n"), Dim::Known(3)));
    assert_eq!(graph.guards[0].to_string(), "3 = n");
    assert!(facts(&graph, &[]).unwrap().0.to_string().contains("input \"a\" : f32[3]"));
    let text = facts(&graph, &["n=5".parse().unwrap()]).map(|_| ()).unwrap_err().to_text();
    assert!(text.contains("3 = n"), "{text}");
}

#[test]
fn a_range_wider_than_the_model_allows_is_narrowed_with_a_warning() {
    let model = file(|writer| {
        writer.input("x", ElementType::Float, &[named("n")]);
        writer.initializer("start", integers(&[0]));
        writer.initializer("end", integers(&[5]));
        writer.node(NodeProto::new("Slice", ["x", "start", "end"], ["head"]));
        writer.node(NodeProto::new("Add", ["x", "head"], ["y"]));
        writer.output("y", ElementType::Float, &[named("n")]);
    });
    let (graph, warnings) = facts(&imported(&model), &["n=1..9".parse().unwrap()]).unwrap();
    assert_eq!(graph.ranges["n"].to_string(), "1..5:1");
    assert_eq!(codes_of(&warnings), [codes::DIM_OUT_OF_RANGE]);
    assert!(warnings.to_text().contains("n <= 5"), "{}", warnings.to_text());
}

#[test]
fn manifests_name_programs_and_report_their_lines() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.onnx"), "").unwrap();
    let path = folder.path().join("m4.toml");
    let parse = |text: &str| Project::parse(text, &path, &["seq=4".parse().unwrap()]);
    let one = "[program.one]\nmodel = \"a.onnx\"\n";
    let text =
        format!("[dims]\nbatch = \"1..8\"\nseq = 9\n{one}dims = {{ batch = 2 }}\n[program.two]\nmodel = \"a.onnx\"\n");
    let project = parse(&text).unwrap();
    assert_eq!(project.programs.iter().map(|p| &*p.name).collect::<Vec<_>>(), ["one", "two"]);
    let texts: Vec<String> = project.dims.iter().map(|d| format!("{} {}", d.name, d.range)).collect();
    assert_eq!(texts, ["batch 1..8:1", "seq 4..4:1"]);
    assert_eq!(project.programs[0].dims[0].range.to_string(), "2..2:1");

    let code = |text: &str| codes_of(&parse(text).unwrap_err());
    assert_eq!(code("[program.one]\nmodel = \"b.onnx\"\n"), [codes::M4_TOML_MISSING_FILE]);
    assert_eq!(code("[program.one]\nmodle = \"a.onnx\"\n"), [codes::M4_TOML_UNKNOWN_KEY]);
    assert_eq!(code("[program]\n"), [codes::M4_TOML_SYNTAX]);
    assert_eq!(code("what"), [codes::M4_TOML_SYNTAX]);
    assert_eq!(code(&format!("{one}{one}")), [codes::M4_TOML_DUPLICATE_PROGRAM]);
    assert!(parse("[program.one]\nmodle = \"a.onnx\"\n").unwrap_err().to_text().contains("m4.toml:2"));
    let missing = Project::open(Path::new("no/such/m4.toml"), &[]).unwrap_err();
    assert_eq!(codes_of(&missing), [codes::FILE_MISSING]);
}

#[test]
fn doubles_are_single_and_said_once() {
    let file = file(|writer| {
        writer.input("x", ElementType::Double, &[named("n")]);
        let bytes = 0.5f64.to_le_bytes().to_vec();
        writer.initializer(
            "half",
            TensorRef { dtype: ElementType::Double, dims: vec![1], data: TensorData::Owned(bytes.into()) },
        );
        writer.node(NodeProto::new("Mul", ["x", "half"], ["y"]));
        writer.output("y", ElementType::Double, &[named("n")]);
    });
    let (imported, warnings) = import(&file, "main").unwrap();
    assert_eq!(codes_of(&warnings), [codes::DOUBLE_AS_SINGLE]);
    let results = interpret(&imported.graph, &[tensor("f32[2] 1 3")]).unwrap();
    assert_eq!(results[0].to_string(), "f32[2] 0.5 1.5");
}

/// `y = op(a, b)` on values of an element type that has no storage type.
fn binary(op_type: &str, element: ElementType) -> ModelFile {
    file(|writer| {
        writer.input("a", element, &[named("n")]);
        writer.input("b", element, &[named("n")]);
        writer.node(NodeProto::new(op_type, ["a", "b"], ["y"]));
        writer.output("y", element, &[named("n")]);
    })
}

#[test]
fn narrow_integers_wrap_and_uint64_has_no_sign() {
    for (op_type, element, a, b, expected) in [
        ("Add", ElementType::Uint16, "i32[2] 65535 1", "i32[2] 2 2", "i32[2] 1 3"),
        ("Sub", ElementType::Uint16, "i32[2] 1 7", "i32[2] 2 2", "i32[2] 65535 5"),
        ("Mul", ElementType::Uint32, "i64[2] 4294967295 3", "i64[2] 2 2", "i64[2] 4294967294 6"),
        ("Max", ElementType::Uint64, "i64[2] -1 5", "i64[2] 2 7", "i64[2] -1 7"),
        ("Add", ElementType::Uint64, "i64[2] -1 5", "i64[2] 2 7", "i64[2] 1 12"),
        (
            "Div",
            ElementType::Uint64,
            "i64[5] -1 -1 -2 7 9",
            "i64[5] 10 -2 -1 2 -3",
            "i64[5] 1844674407370955161 1 0 3 0",
        ),
        ("Mod", ElementType::Uint64, "i64[4] -1 -1 -2 7", "i64[4] 10 -2 -1 2", "i64[4] 5 1 -2 1"),
        ("BitwiseXor", ElementType::Int64, "i64[3] -1 5 -8", "i64[3] 1 3 7", "i64[3] -2 6 -1"),
        ("BitwiseAnd", ElementType::Uint64, "i64[2] -1 -4", "i64[2] -3 7", "i64[2] -3 4"),
        ("BitwiseOr", ElementType::Int8, "i8[3] -128 5 -8", "i8[3] 1 3 7", "i8[3] -127 7 -1"),
    ] {
        let graph = imported(&binary(op_type, element));
        let results = interpret(&graph, &[tensor(a), tensor(b)]).unwrap();
        assert_eq!(results[0].to_string(), expected, "{op_type} of {}", element.name());
    }
    let scatter = file(|writer| {
        writer.opset("", 18).input("x", ElementType::Uint64, &[named("n")]);
        writer.input("i", ElementType::Int64, &[Dim::Known(2)]);
        writer.input("u", ElementType::Uint64, &[Dim::Known(2)]);
        writer.node(NodeProto::new("ScatterElements", ["x", "i", "u"], ["y"]).with("reduction", "max"));
        writer.output("y", ElementType::Uint64, &[named("n")]);
    });
    let given = ["i64[3] 1 -1 5", "i64[2] 0 1", "i64[2] -2 9"].map(tensor);
    assert_eq!(interpret(&imported(&scatter), &given).unwrap()[0].to_string(), "i64[3] -2 -1 5");
    let less = imported(&binary("Less", ElementType::Uint64));
    let results = interpret(&less, &[tensor("i64[2] -1 1"), tensor("i64[2] 1 -1")]).unwrap();
    assert_eq!(results[0].to_string(), "bool[2] false true");
}

#[test]
fn bits_become_those_of_another_type_and_back() {
    let there_and_back = |from: ElementType, to: ElementType, text: &str, bits: &str| {
        let model = file(|writer| {
            writer.opset("", 26).input("x", from, &[named("n")]);
            writer.node(NodeProto::new("BitCast", ["x"], ["y"]).with("to", to as i64));
            writer.node(NodeProto::new("BitCast", ["y"], ["z"]).with("to", from as i64));
            writer.output("y", to, &[named("n")]);
            writer.output("z", from, &[named("n")]);
        });
        let results = interpret(&imported(&model), &[tensor(text)]).unwrap();
        assert_eq!((results[0].to_string(), results[1].to_string()), (bits.to_string(), text.to_string()));
    };
    let text = "f32[9] 0.0 -0.0 1.0 -1.5 inf -inf 1e-45 3.4028235e38 0.1";
    let bits = "i32[9] 0 -2147483648 1065353216 -1077936128 2139095040 -8388608 1 2139095039 1036831949";
    there_and_back(ElementType::Float, ElementType::Int32, text, bits);
    there_and_back(
        ElementType::Float16,
        ElementType::Int16,
        "f16[4] 1.0 -inf 5.9604645e-8 65504.0",
        "i16[4] 15360 -1024 1 31743",
    );
    there_and_back(ElementType::Bfloat16, ElementType::Uint16, "bf16[3] 1.0 -2.0 inf", "i32[3] 16256 49152 32640");
    there_and_back(ElementType::Uint8, ElementType::Int8, "u8[3] 0 128 255", "i8[3] 0 -128 -1");
    there_and_back(ElementType::Int64, ElementType::Uint64, "i64[1] -5", "i64[1] -5");
}

#[test]
fn questions_about_small_floats_are_answered_by_value() {
    let model = file(|writer| {
        writer.input("x", ElementType::Float8e5m2, &[named("n")]);
        writer.node(NodeProto::new("IsNaN", ["x"], ["y"]));
        writer.output("y", ElementType::Bool, &[named("n")]);
    });
    let results = interpret(&imported(&model), &[tensor("u8[4] 60 124 125 255")]).unwrap();
    assert_eq!(results[0].to_string(), "bool[4] false false true true");
}

#[test]
fn patterns_never_reach_arithmetic() {
    let errors = refused(&binary("Add", ElementType::Float8e4m3fn));
    assert!(errors.to_text().contains("`Add` of float8e4m3fn is not supported"), "{}", errors.to_text());
}

/// `y = if c { yes(x) } else { no(x) }`, with `c` known only while running.
fn choice(yes: &str, no: &str) -> ModelFile {
    let branch = |op: &str| {
        let output = m4c_compiler::onnx::message::ValueInfoProto { name: Some("r".into()), ..Default::default() };
        let node = NodeProto::new(op, ["x"], ["r"]);
        GraphProto { name: Some(op.into()), node: vec![node], output: vec![output], ..Default::default() }
    };
    let node = NodeProto::new("If", ["c"], ["y"]).with("then_branch", branch(yes)).with("else_branch", branch(no));
    file(|writer| {
        writer.input("x", ElementType::Int64, &[named("n"), named("m")]);
        writer.input("c", ElementType::Bool, &[]);
        writer.node(node);
        writer.output("y", ElementType::Int64, &[named("p"), named("q")]);
    })
}

#[test]
fn branches_may_differ_in_sizes_of_inputs_but_not_in_what_the_data_decides() {
    let guards: Vec<String> = imported(&choice("Transpose", "Neg")).guards.iter().map(ToString::to_string).collect();
    assert!(!guards.is_empty() && guards.iter().all(|guard| guard == "n = m" || guard == "m = n"), "{guards:?}");
    let errors = refused(&choice("NonZero", "Neg"));
    assert_eq!(codes_of(&errors), [codes::UNSUPPORTED_ATTRIBUTE]);
    assert!(errors.to_text().contains("which is taken is only known while running"), "{}", errors.to_text());
}
