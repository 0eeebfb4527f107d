//! Names, operator sets, files and forms.

use m4c_compiler::diagnostic::Diagnostics;
use m4c_compiler::onnx::ModelFile;
use m4c_compiler::onnx::message::ModelProto;
use m4c_compiler::phase::Phase;
use m4c_compiler::project::Project;
use m4c_tests::fixtures::{Fixture, operator_counts, parts};
use m4c_tests::{artifact, assert_close};

const TOLERANCE: f64 = 1e-4;

fn edited(name: &str, edit: impl FnOnce(&mut ModelProto)) -> Result<(), Diagnostics> {
    let mut model = ModelProto::from_file_bytes(&std::fs::read(Fixture::named(name).path).unwrap()).unwrap();
    edit(&mut model);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    std::fs::write(&path, model.to_file_bytes()).unwrap();
    artifact::try_compile(&Project::of_model(&path, "main", Vec::new()), &folder.path().join("model.m4fw"))
}

/// Windows by unfold come as one slice each, or as one gather: both must be the windows along time.
#[test]
fn pitfall_01_unfold_is_many_slices_or_one_gather() {
    let (traced, dynamo) = (Fixture::named("imu_enc/ts-op17"), Fixture::named("imu_enc/dyn-op20"));
    let widest = traced.onnx().node.iter().map(|node| node.input.len()).max();
    assert_eq!(widest, Some(13), "the concatenation of all windows");
    for fixture in [traced, dynamo] {
        assert_close(&fixture.results(), &fixture.expected(), TOLERANCE, &fixture.name);
    }
}

/// Inputs that are left out have empty names, in the middle as well as at the end.
#[test]
fn pitfall_07_optional_inputs_are_empty_names() {
    let gaps = |fixture: &Fixture, op: &str| {
        fixture.onnx().node.iter().any(|node| node.op_type() == op && node.input.iter().any(String::is_empty))
    };
    for (name, op) in [("txt_enc/ts-op17", "Clip"), ("sd_unet/ts-op17", "Resize"), ("sd_vae_dec/ts-op17", "Resize")] {
        let fixture = Fixture::named(name);
        assert!(gaps(&fixture, op), "{name} has no {op} with a gap");
        assert_close(&fixture.results(), &fixture.expected(), TOLERANCE, name);
    }
}

/// One module, many forms: normalization whole or in parts, GELU whole or by the error function.
#[test]
fn pitfall_08_norms_and_activations_have_many_forms() {
    for (name, present, absent) in [
        ("img_enc/ts-op14", "sqrt", "layer_norm"),
        ("img_enc/ts-op17", "erf", "gelu"),
        ("img_enc/dyn-op20", "gelu", "erf"),
        ("sd_vae_dec/ts-op17", "group_norm", "layer_norm"),
        ("sd_vae_dec/dyn-op23", "group_norm", "layer_norm"),
        ("llama_decode/dyn-op23", "rms_norm", "layer_norm"),
    ] {
        let fixture = Fixture::named(name);
        let counts = operator_counts(&fixture.after(Phase::Import).unwrap());
        assert!(counts.contains_key(present) && !counts.contains_key(absent), "{name}: {counts:?}");
        assert_close(&fixture.results(), &fixture.expected(), TOLERANCE, name);
    }
}

/// An output that is called as an inner value is written without complaint, and means nothing.
#[test]
fn pitfall_10_a_name_defined_twice_is_refused() {
    assert!(edited("txt_enc/dyn-op20", |_| {}).is_ok());
    let errors = edited("txt_enc/dyn-op20", |model| {
        let nodes = &mut model.graph.as_mut().unwrap().node;
        let last = nodes.len() - 1;
        let first = nodes[0].output[0].clone();
        nodes[last].output[0] = first;
    });
    let text = errors.unwrap_err().to_text();
    assert!(text.contains("defined") || text.contains("twice"), "{text}");
}

/// The operator set is the one in the file, not the one that was asked for.
#[test]
fn pitfall_11_the_operator_set_is_read_from_the_file() {
    for fixture in parts() {
        let (_, asked) = fixture.name.rsplit_once("-op").unwrap();
        let file = ModelFile::open(&fixture.path).unwrap();
        assert_eq!(file.opset(""), asked.parse().ok(), "{}", fixture.name);
    }
    // Reductions have their axes as an input since 18; with the attribute of 17 they would reduce everything.
    let older = edited("img_enc/dyn-op20", |model| {
        model.opset_import.iter_mut().for_each(|opset| opset.version = Some(17));
    });
    let text = older.unwrap_err().to_text();
    assert!(text.contains("Gelu") || text.contains("ReduceL2"), "{text}");
}

/// Files of more than 2 GB have a file for each weight, named after it, colons and all.
#[test]
fn pitfall_12_each_weight_in_a_file_named_after_it() {
    let fixture = Fixture::named("gen_dec/ts-op17");
    let folder = tempfile::tempdir().unwrap();
    let mut model = ModelProto::from_file_bytes(&std::fs::read(&fixture.path).unwrap()).unwrap();
    let weight = &mut model.graph.as_mut().unwrap().initializer[0];
    let name = weight.name().to_string();
    assert!(name.contains("::"), "{name}");
    std::fs::write(folder.path().join(&name), weight.raw_data.take().unwrap()).unwrap();
    weight.external_data =
        vec![m4c_compiler::onnx::message::StringStringEntryProto { key: Some("location".into()), value: Some(name) }];
    weight.data_location = Some(1);
    let path = folder.path().join("model.onnx");
    std::fs::write(&path, model.to_file_bytes()).unwrap();
    let file = folder.path().join("model.m4fw");
    artifact::compiled(&Project::of_model(&path, "main", Vec::new()), &file);
    assert_close(&artifact::run(&file, "main", &fixture.inputs()), &fixture.expected(), TOLERANCE, "gen_dec");
}

/// Equal weights become one with many names, and a weight that two modules share is stored twice, once transposed.
#[test]
fn pitfall_13_equal_and_tied_weights() {
    let equal = Fixture::named("contrast/bert/ts-op17");
    assert!(equal.onnx().node.iter().any(|node| node.op_type() == "Identity"));
    assert_close(&equal.results(), &equal.expected(), TOLERANCE, &equal.name);
    for name in ["audi_dec_init/ts-op17", "audi_dec_init/dyn-op20"] {
        let tied = Fixture::named(name);
        let sizes: Vec<_> = tied.onnx().initializer.into_iter().map(|weight| weight.dims).collect();
        assert!(sizes.contains(&vec![97, 24]) && sizes.contains(&vec![24, 97]), "{name}");
        assert_close(&tied.results(), &tied.expected(), TOLERANCE, name);
    }
}
