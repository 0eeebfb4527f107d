//! The table of codes is sound, and both forms of a diagnostic stay as they are.

use super::*;
use std::path::Path;
use std::sync::Arc;

#[test]
fn codes_rise_within_their_groups_and_are_explained() {
    let entries: Vec<&Entry> = codes::entries().collect();
    assert!(entries.windows(2).all(|pair| pair[0].code < pair[1].code));
    for group in codes::GROUPS {
        for entry in group.entries {
            assert_eq!(entry.code.number() / 100, group.hundred, "{}", entry.name);
            let texts = [entry.title, entry.explanation, entry.example, entry.remedy];
            assert!(texts.iter().all(|text| !text.trim().is_empty()), "{}", entry.name);
            assert!(entry.title.len() <= 80, "{} has a long title", entry.name);
            assert!(!entry.title.ends_with('.'), "{}", entry.name);
            assert!(entry.explanation.ends_with('.'), "{}", entry.name);
            assert!(entry.remedy.ends_with('.'), "{}", entry.name);
        }
    }
    let mut names: Vec<_> = entries.iter().map(|entry| entry.name).collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
}

/// A constant enters the table by being declared in a `codes!` block, so none may be declared otherwise.
#[test]
fn every_constant_is_in_the_table() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/diagnostic/codes");
    let mut declared = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        assert!(!text.contains("Code("), "a code made by hand");
        declared += text
            .lines()
            .filter(|line| line.starts_with("    ") && line.ends_with(" {") && line.contains(" = "))
            .count();
    }
    assert_eq!(declared, codes::entries().count());
}

#[test]
fn codes_are_parsed_as_people_type_them() {
    for text in ["M4C0104", "m4c0104", " 0104 "] {
        assert_eq!(text.parse(), Ok(codes::NOT_ONNX));
    }
    for text in ["", "M4C", "M4C104", "M4C0199", "0000", "M4C+104"] {
        assert_eq!(text.parse::<Code>(), Err(ParseCodeError), "{text}");
    }
}

#[test]
fn explanations_and_the_reference_page_show_each_entry() {
    let page = reference_page();
    for entry in codes::entries() {
        assert!(page.contains(&format!("### {}\n", entry.code)));
        assert!(explain(entry.code).unwrap().contains(entry.remedy));
    }
}

fn node() -> NodeRef {
    NodeRef {
        file: Arc::from(Path::new("llama.onnx")),
        index: 12,
        name: "node_matmul".into(),
        op_type: "MatMul".into(),
        scope: Some("m.model.layers.0.self_attn".into()),
        source: Some("modeling_llama.py:456".into()),
    }
}

fn sample() -> Diagnostic {
    Diagnostic::error(codes::SHAPE_INFERENCE, "matmul of [4, 8] and [9, 2]: the inner sizes 8 and 9 differ")
        .at(node())
        .note_at(Location::value(7, "reshape"), "the first operand is [4, 8]")
        .note("two lines,\nthe second one indented")
        .help("look at the node with --dump=facts")
}

#[test]
fn text_form() {
    assert_eq!(
        sample().to_text(),
        "\
error[M4C0201]: matmul of [4, 8] and [9, 2]: the inner sizes 8 and 9 differ
  --> llama.onnx: node 12 (MatMul) `node_matmul` in m.model.layers.0.self_attn
      traced from modeling_llama.py:456
  note: the first operand is [4, 8]
    --> value %7 (reshape)
  note: two lines,
        the second one indented
  help: look at the node with --dump=facts
"
    );
}

#[test]
fn text_form_of_bugs_asks_for_a_report() {
    let bug = Diagnostic::bug(codes::VERIFIER, "value %3 is used before it is made").at(Location::line("graph.m4c", 9));
    assert_eq!(
        bug.to_text(),
        format!(
            "\
bug[M4C0210]: value %3 is used before it is made
  --> graph.m4c:9
  help: this is a bug in m4c {}, please report it with the model
",
            env!("CARGO_PKG_VERSION")
        )
    );
}

#[test]
fn text_form_of_many_counts_them() {
    let mut all = Diagnostics::from(Diagnostic::warning(codes::EXTERNAL_DATA_CHECKSUM, "one"));
    assert!(!all.has_errors());
    assert_eq!(all.exit_code(), 0);
    all.extend([Diagnostic::error(codes::CYCLE, "two"), Diagnostic::error(codes::CYCLE, "three")]);
    assert!(all.has_errors());
    assert_eq!(all.exit_code(), 1);
    assert_eq!(
        all.to_text(),
        "warning[M4C0125]: one\n\nerror[M4C0147]: two\n\nerror[M4C0147]: three\n\n2 errors, 1 warning\n"
    );
    assert_eq!(all.take::<()>(Err(Diagnostic::bug(codes::INTERNAL, "four"))), None);
    assert_eq!(all.exit_code(), 101);
}

#[test]
fn json_form() {
    assert_eq!(
        sample().to_json(),
        r#"{"code":"M4C0201","severity":"error","message":"matmul of [4, 8] and [9, 2]: the inner sizes 8 and 9 differ","at":{"kind":"onnx","file":"llama.onnx","index":12,"name":"node_matmul","op_type":"MatMul","scope":"m.model.layers.0.self_attn","source":"modeling_llama.py:456"},"notes":[{"at":{"kind":"ir","value":7,"op":"reshape"},"text":"the first operand is [4, 8]"},{"at":{"kind":"none"},"text":"two lines,\nthe second one indented"}],"help":"look at the node with --dump=facts"}"#
    );
    let file = Diagnostic::error(codes::NOT_ONNX, "no").at(Path::new("a.onnx"));
    assert!(file.to_json().contains(r#""at":{"kind":"file","path":"a.onnx"}"#));
}

#[test]
fn names_cannot_command_the_terminal() {
    let text = Diagnostic::error(codes::UNDEFINED_NAME, "value `\u{1b}[2J\u{202e}x` is undefined").to_text();
    assert_eq!(text, "error[M4C0145]: value `\\u{1b}[2J\\u{202e}x` is undefined\n");
}

#[test]
fn unsupported_operators_are_grouped_by_frequency() {
    let mut found = UnsupportedOperators::new();
    for index in [3, 5, 8] {
        found.push(
            "NonMaxSuppression",
            "its output size depends on the data",
            NodeRef { index, scope: None, source: None, ..node() },
        );
    }
    found.push("Loop", "its condition depends on the data", node());
    let text = found.into_diagnostic().unwrap().to_text();
    assert!(text.starts_with("error[M4C0140]: 4 nodes use an operator that m4c cannot import (2 different)\n  --> llama.onnx\n  note: NonMaxSuppression, 3 nodes: its output size depends on the data\n    --> llama.onnx: node 3 (MatMul) `node_matmul`\n  note: Loop, 1 node:"), "{text}");
    assert!(UnsupportedOperators::new().into_diagnostic().is_none());
}
