//! Where changes go, and what is refused because they go nowhere.

use super::{Named, PLAIN, made};
use crate::adapter::{Adapter, Way, apply, modules};
use crate::diagnostic::{Diagnostics, codes};
use m4c_ir::{Graph, interpret, text};
use m4c_ops::Tensor;
use std::sync::Arc;

/// Two towers with a module of the same name, a table, filters, and a bias.
const GRAPH: &str = r#"
origin 0 "MatMul" "" "text.q.base_layer"
origin 1 "Add" "" "text.q"
origin 2 "MatMul" "" "vision.q"
origin 3 "MatMul" "" "q"
origin 4 "Gather" "" "words"
origin 5 "Conv" "" "patches"
%0 = input "x" : f32[1, 2]
%1 = constant f32[2, 3] 1 2 3 4 5 6
%2 = matmul %0, %1 : f32[1, 3] @ 0
%3 = constant f32[3] 1 2 3
%4 = add %2, %3 : f32[1, 3] @ 1
%5 = constant f32[2, 3] 6 5 4 3 2 1
%6 = matmul %0, %5 : f32[1, 3] @ 2
%7 = constant f32[2, 3] 1 1 1 1 1 1
%8 = matmul %0, %7 : f32[1, 3] @ 3
%9 = input "i" : i64[2]
%10 = constant f32[4, 3] 1 2 3 4 5 6 7 8 9 10 11 12
%11 = gather %10, %9 {axis = 0, batch_dims = 0} : f32[2, 3] @ 4
%12 = input "c" : f32[1, 2, 5]
%13 = constant f32[3, 2, 2] 1 2 3 4 5 6 7 8 9 10 11 12
%14 = conv %12, %13 {strides = [2], dilations = [1], pads = [1, 0], groups = 1} : f32[1, 3, 3] @ 5
output "text" = %4
output "vision" = %6
output "plain" = %8
output "words" = %11
output "patches" = %14
"#;

fn graph() -> Graph {
    let source = format!("graph \"main\" {{{GRAPH}}}\n");
    text::parse(&source, &|_| None).unwrap_or_else(|error| panic!("{error:?}\n{source}"))
}

fn adapter(tensors: &[Named<'_>]) -> (tempfile::TempDir, Adapter) {
    let (folder, adapter) = made(PLAIN, tensors);
    (folder, adapter.unwrap())
}

fn results(graph: &Graph) -> Vec<Vec<f64>> {
    let number = |count: usize| (1..=count).map(|number| number as f32).collect::<Vec<f32>>();
    let floats = |sizes: &[usize]| {
        let count = sizes.iter().product();
        let bytes: Vec<u8> = number(count).iter().flat_map(|number| number.to_le_bytes()).collect();
        Arc::new(Tensor::from_bytes(m4c_ops::DType::F32, sizes.to_vec(), &bytes).unwrap())
    };
    let inputs = [floats(&[1, 2]), Arc::new(Tensor::list_i64(vec![0, 3])), floats(&[1, 2, 5])];
    interpret(graph, &inputs).unwrap().iter().map(|tensor| tensor.as_f64s().unwrap()).collect()
}

fn error_of(tensors: &[Named<'_>]) -> Diagnostics {
    let (_folder, adapter) = adapter(tensors);
    match apply(&graph(), &[(&adapter, Way::Merge)]) {
        Err(errors) => errors,
        Ok(adapted) => {
            let mut all = Diagnostics::new();
            all.extend(adapted.homeless.into_values());
            all
        }
    }
}

#[test]
fn changes_and_replacements_reach_their_modules_in_either_way() {
    // A scale of 1.5, and all elements equal: a change adds 1.5 * rank * a * b to each weight.
    let (_folder, adapter) = adapter(&[
        ("base_model.model.text.q.lora_A.weight", &[2, 2], 1.0),
        ("base_model.model.text.q.lora_B.weight", &[3, 2], 2.0),
        ("base_model.model.text.q.bias", &[3], 7.0),
        ("base_model.model.vision.q.weight", &[3, 2], 0.5),
        ("base_model.model.words.lora_embedding_A", &[2, 4], 1.0),
        ("base_model.model.words.lora_embedding_B", &[3, 2], 1.0),
        ("base_model.model.patches.lora_A.weight", &[2, 2, 2], 1.0),
        ("base_model.model.patches.lora_B.weight", &[3, 2, 1], 1.0),
    ]);
    let base = results(&graph());
    for way in [Way::Merge, Way::Side] {
        let adapted = apply(&graph(), &[(&adapter, way)]).unwrap();
        assert!(adapted.homeless.is_empty());
        assert_eq!(adapted.applied[0].sites, 5);
        let found = results(&adapted.graph);
        // x is [1, 2], whose elements add up to 3.
        let text: Vec<f64> = base[0].iter().zip([1.0, 2.0, 3.0]).map(|(old, bias)| old - bias + 7.0 + 18.0).collect();
        assert_eq!(found[0], text, "{way:?}");
        assert_eq!(found[1], [1.5; 3], "{way:?}");
        assert_eq!(found[2], base[2], "{way:?}");
        let words: Vec<f64> = base[3].iter().map(|old| old + 3.0).collect();
        assert_eq!(found[3], words, "{way:?}");
        // Windows of both channels: [0, 1], [2, 3], [4, 5] of 1 to 5 and of 6 to 10.
        let sums = [7.0, 2.0 + 3.0 + 7.0 + 8.0, 4.0 + 5.0 + 9.0 + 10.0];
        let patches: Vec<f64> = base[4].iter().enumerate().map(|(i, old)| old + 3.0 * sums[i % 3]).collect();
        assert_eq!(found[4], patches, "{way:?}");
    }
}

#[test]
fn a_whole_name_wins_over_the_end_of_one() {
    let (_folder, adapter) = adapter(&[("q.lora_A.weight", &[2, 2], 1.0), ("q.lora_B.weight", &[3, 2], 1.0)]);
    let found = results(&apply(&graph(), &[(&adapter, Way::Merge)]).unwrap().graph);
    let base = results(&graph());
    assert_eq!((&found[0], &found[1]), (&base[0], &base[1]));
    assert_ne!(found[2], base[2]);
}

#[test]
fn what_goes_nowhere_or_anywhere_is_an_error_that_names_both_sides() {
    let cases: &[(&[Named<'_>], _, &[&str])] = &[
        (
            &[("text.k.lora_A.weight", &[2, 2], 1.0), ("text.k.lora_B.weight", &[3, 2], 1.0)],
            codes::ADAPTER_HOMELESS,
            &["text.k", "`text.q`"],
        ),
        (&[("text.norm.weight", &[3], 1.0)], codes::ADAPTER_HOMELESS, &["text.norm.weight"]),
        (
            &[("text.q.lora_A.weight", &[2, 4], 1.0), ("text.q.lora_B.weight", &[3, 2], 1.0)],
            codes::ADAPTER_SIZES,
            &["4 inputs and 3 outputs", "[2, 3]"],
        ),
        (&[("text.q.bias", &[4], 1.0)], codes::ADAPTER_SIZES, &["text.q.bias", "[3]"]),
        // Windows of other sizes.
        (
            &[("patches.lora_A.weight", &[2, 2, 3], 1.0), ("patches.lora_B.weight", &[3, 2, 1], 1.0)],
            codes::ADAPTER_SIZES,
            &["patches", "[3, 2, 2]"],
        ),
        (
            &[("words.lora_A.weight", &[2, 4], 1.0), ("words.lora_B.weight", &[3, 2], 1.0)],
            codes::ADAPTER_SIZES,
            &["words"],
        ),
    ];
    for (tensors, code, words) in cases {
        let errors = error_of(tensors);
        let text = errors.to_text();
        assert!(errors.iter().all(|error| error.code == *code) && !errors.is_empty(), "{text}");
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
    }
    let two = GRAPH.replace("\"q\"", "\"other\"");
    let graph = text::parse(&format!("graph \"main\" {{{two}}}\n"), &|_| None).unwrap();
    let (_folder, adapter) = adapter(&[("q.lora_A.weight", &[2, 2], 1.0), ("q.lora_B.weight", &[3, 2], 1.0)]);
    let errors = apply(&graph, &[(&adapter, Way::Side)]).err().unwrap();
    assert!(errors.iter().all(|error| error.code == codes::ADAPTER_AMBIGUOUS), "{}", errors.to_text());
    assert!(errors.to_text().contains("`text.q` and `vision.q`"), "{}", errors.to_text());
}

#[test]
fn modules_are_listed_once_by_their_own_names() {
    let all = modules(&graph());
    let names: Vec<&str> = all.iter().map(|module| &*module.name).collect();
    assert_eq!(names, ["text.q", "vision.q", "q", "words", "patches"]);
    assert_eq!((all[3].kind, all[3].inputs, all[3].outputs), ("embedding", 4, 3));
    assert_eq!((all[4].kind, &*all[4].window), ("convolution", &[2][..]));
}
