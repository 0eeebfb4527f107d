//! Help, wrong usage, and the two formats of messages.

use crate::harness::{artifact, m4c, model};

#[test]
fn wrong_usage_exits_with_2() {
    m4c(&[]).fails(2, &["Usage:"]);
    m4c(&["link"]).fails(2, &["unrecognized subcommand"]);
    m4c(&["compile", "a.onnx"]).fails(2, &["--output"]);
    m4c(&["compile", "a.onnx", "-o", "b", "--dim", "batch"]).fails(2, &["M4C0801", "`batch`"]);
    m4c(&["compile", "a.onnx", "-o", "b", "--dump", "import", "--json"]).fails(2, &["--dump-dir"]);
    m4c(&["verify", "a.onnx", "--against", "torch"]).fails(2, &["--torchscript"]);
}

#[test]
fn help_goes_to_the_standard_output() {
    let help = m4c(&["run", "--help"]).ok();
    assert!(help.out.contains("Examples:") && help.err.is_empty());
    assert!(m4c(&["--version"]).ok().out.starts_with("m4c "));
}

#[test]
fn a_missing_file_exits_with_1_and_is_named() {
    let errors = m4c(&["compile", "no/such.onnx", "-o", "b.m4fw"]).fails(1, &["error[M4C0101]", "no/such.onnx"]);
    assert!(errors.out.is_empty());
    m4c(&["run", "no/such.m4fw"]).fails(1, &["error[M4C0101]", "no/such.m4fw"]);
    m4c(&["inspect", "no/such.m4fw"]).fails(1, &["error[M4C0101]"]);
    m4c(&["run", artifact(), "--inputs", "no/such.npz"]).fails(1, &["error[M4C0915]", "no/such.npz"]);
    m4c(&["compile", &model("dyn-op20.onnx"), "-o", "no/such/folder/b.m4fw"]).fails(1, &["error[M4C0701]"]);
}

#[test]
fn messages_for_programs_are_one_json_object_a_line() {
    let failed = m4c(&["--message-format=json", "compile", "no/such.onnx", "-o", "b.m4fw"]).fails(1, &[]);
    let lines: Vec<serde_json::Value> =
        failed.err.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), 1, "{}", failed.err);
    assert_eq!(lines[0]["code"], "M4C0101");
    assert_eq!(lines[0]["severity"], "error");
}

#[test]
fn nothing_is_colored_where_nobody_looks() {
    let failed = m4c(&["run", "no/such.m4fw"]);
    assert!(!failed.err.contains('\u{1b}'));
}
