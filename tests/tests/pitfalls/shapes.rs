//! Sizes: fixed by mistake, unknown, computed, or depending on data.

use m4c_compiler::phase::Phase;
use m4c_ir::binding::bind;
use m4c_ir::{Graph, NodeKind};
use m4c_ops::DType;
use m4c_tests::assert_close;
use m4c_tests::fixtures::{Fixture, operator_counts, parts};

const TOLERANCE: f64 = 1e-4;

/// nn.MultiheadAttention: the TorchScript exporter writes the traced length into a Reshape, the dynamo exporter does not.
#[test]
fn pitfall_02_a_traced_length_is_a_guard() {
    let shapes = |phones: usize| vec![vec![2, phones]];
    let graph = |name: &str| Fixture::named(name).after(Phase::Import).unwrap();
    let (traced, dynamo) = (graph("tts_tr_enc/ts-op17"), graph("tts_tr_enc/dyn-op20"));
    assert!(bind(&traced, &shapes(11)).is_ok() && bind(&dynamo, &shapes(11)).is_ok());
    assert!(bind(&dynamo, &shapes(12)).is_ok());
    let refused = bind(&traced, &shapes(12)).unwrap_err().to_string();
    assert!(refused.contains("phones"), "{refused}");
}

/// The first call of a cache concatenates nothing with something, and traced outputs have junk for names of sizes.
#[test]
fn pitfall_05_sizes_of_outputs_are_made_of_sizes_of_inputs() {
    for (name, expected) in [
        ("llama_prefill/ts-op17", "f32[batch, 3, seq, 8]"),
        ("llama_prefill/dyn-op20", "f32[batch, 3, seq, 8]"),
        ("llama_decode/ts-op17", "f32[batch, 3, past_seq + 1, 8]"),
        ("llama_decode/dyn-op20", "f32[batch, 3, past_seq + 1, 8]"),
    ] {
        let graph = Fixture::named(name).after(Phase::Import).unwrap();
        let present = graph.outputs().iter().find(|output| output.name == "present.0.key").unwrap();
        assert_eq!(graph.fact(present.value).to_string(), expected, "{name}");
    }
}

/// FastSpeech 2 computes how many frames there are: that is said at the node that does, or it compiles and is right.
#[test]
fn pitfall_06_a_size_that_depends_on_data() {
    for name in ["tts_fastspeech2/ts-op17", "tts_fastspeech2/dyn-op20"] {
        let fixture = Fixture::named(name);
        match fixture.after(Phase::Import) {
            Ok(_) => assert_close(&fixture.results(), &fixture.expected(), TOLERANCE, name),
            Err(errors) => {
                let text = errors.to_text();
                assert!(text.contains("run time") && text.contains("Range"), "{text}");
            }
        }
    }
}

/// Chains of integer arithmetic on shapes are computed at import, at any size.
#[test]
fn pitfall_17_shape_arithmetic_is_gone_after_import() {
    for name in ["img_enc/ts-op17", "imu_enc/ts-op17", "audi_enc/ts-op17", "sd_vae_dec/ts-op17", "tts_hifigan/ts-op17"]
    {
        let fixture = Fixture::named(name);
        let shapes = fixture.onnx().node.iter().filter(|node| node.op_type() == "Shape").count();
        let graph = fixture.after(Phase::Import).unwrap();
        let integers = |graph: &Graph| {
            graph
                .order()
                .into_iter()
                .filter(|&v| matches!(graph.node(v).kind, NodeKind::Apply { .. }) && graph.fact(v).dtype == DType::I64)
                .count()
        };
        assert_eq!(integers(&graph), 0, "{name}, whose file has {shapes} Shape nodes");
    }
    assert!(Fixture::named("img_enc/ts-op17").onnx().node.iter().any(|node| node.op_type() == "Shape"));
}

/// The patch convolution has three axes and steps as far as it is wide; the frame is doubled before.
#[test]
fn pitfall_18_a_convolution_over_two_frames() {
    for fixture in parts().into_iter().filter(|fixture| fixture.name.starts_with("img_enc")) {
        let graph = fixture.after(Phase::Import).unwrap();
        let convolutions: Vec<&[i64]> = graph
            .order()
            .into_iter()
            .filter_map(|value| match &graph.node(value).kind {
                NodeKind::Apply { op, attrs } if op.name == "conv" => Some(attrs.get_ints("strides")),
                _ => None,
            })
            .collect();
        assert_eq!(convolutions, [[2, 14, 14]], "{}", fixture.name);
        let doubled = operator_counts(&graph).contains_key("broadcast") || fixture.name.contains("video");
        assert!(doubled, "{}", fixture.name);
        assert_close(&fixture.results(), &fixture.expected(), TOLERANCE, &fixture.name);
    }
}
