//! Which ports are states, and how programs change them.

use m4c_compiler::diagnostic::{Diagnostics, codes};
use m4c_compiler::project::Project;
use m4c_compiler::states::{Axis, StateKind, StateUse, resolve};
use m4c_ir::{Graph, text};

fn graph(name: &str, body: &str) -> Graph {
    let text = format!("graph {name:?} {{\n{body}\n}}");
    text::parse(&text, &|_| None).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Adds rows along axis 1, under the names of one exporter or the other.
fn decoder(name: &str, past: &str, present: &str) -> Graph {
    graph(
        name,
        &format!(
            r#"symbol "past_seq" 0..30:1
               %0 = input "x" : f32[batch, 2, 4]
               %1 = input "{past}0" : f32[batch, past_seq, 4]
               %2 = input "{past}1" : f32[batch, past_seq, 4]
               %3 = concat %1, %0 {{axis = 1}} : f32[batch, past_seq + 2, 4]
               %4 = concat %2, %0, %0 {{axis = 1}} : f32[batch, past_seq + 4, 4]
               output "y" = %0
               output "{present}key" = %3
               output "{present}value" = %4"#
        ),
    )
}

fn prompt() -> Graph {
    graph(
        "prompt",
        r#"symbol "s" 0..20:1
           %0 = input "x" : f32[b, s, 4]
           %1 = exp %0 : f32[b, s, 4]
           output "present.value" = %1
           output "present.key" = %0"#,
    )
}

fn recurrent(result: &str) -> Graph {
    graph(
        "main",
        &format!(
            r#"%0 = input "x" : f32[n, 4]
               %1 = input "h.in" : f32[n, 4]
               %2 = input "context" : f32[n, 3]
               %3 = add %0, %1 : f32[n, 4]
               %4 = transpose %3 {{perm = [1, 0]}} : f32[4, n]
               output "h.out" = %{result}"#
        ),
    )
}

fn project(states: &str) -> Result<Project, Diagnostics> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.onnx"), b"").unwrap();
    let text = format!("[program.main]\nmodel = \"a.onnx\"\n{states}");
    Project::parse(&text, &folder.path().join("m4.toml"), &[])
}

fn resolved(states: &str, graphs: &[&Graph]) -> Result<Vec<Vec<StateUse>>, Diagnostics> {
    resolve(&project(states).unwrap_or_else(|errors| panic!("{errors}")).states, graphs)
}

#[track_caller]
fn refused(states: &str, graphs: &[&Graph], wanted: &[&str]) {
    let errors = resolved(states, graphs).unwrap_err().to_text();
    for wanted in wanted {
        assert!(errors.contains(wanted), "no {wanted:?} in\n{errors}");
    }
}

const KV: &str = "[state.kv]\nfrom = \"prompt:present.*\"\nto = \"decode:past.*\"";

#[test]
fn an_output_that_is_the_input_and_more_rows_adds_to_the_state() {
    let (prompt, decode) = (prompt(), decoder("decode", "past.", "present."));
    let uses = resolved(KV, &[&prompt, &decode]).unwrap();
    let shown: Vec<Vec<String>> = uses
        .iter()
        .map(|uses| {
            let port = |port: &Option<String>| port.clone().unwrap_or("-".into());
            uses.iter().map(|u| format!("{}: {} {}", u.state.name, port(&u.read), port(&u.write))).collect()
        })
        .collect();
    // The exporters' names differ, so the order pairs them: what the prompt calls value is what is decoded as past.0.
    assert_eq!(shown[0], ["kv.value: - present.value", "kv.key: - present.key"]);
    assert_eq!(shown[1], ["kv.value: past.0 present.key", "kv.key: past.1 present.value"]);
    let state = &uses[1][0].state;
    assert_eq!((state.kind, uses[1][0].appends(), uses[0][0].appends()), (StateKind::Append(1), Some(1), None));
    let bounded = |name: &str, most| Axis::Bounded { name: name.into(), most };
    assert_eq!(state.axes, [bounded("batch", None), bounded("kv", Some(32)), Axis::Fixed(4)]);
    assert_eq!(uses[1][1].state.axes[1], bounded("kv", Some(34)));
}

#[test]
fn ports_pair_by_name_where_the_names_agree() {
    let decode = decoder("decode", "past.", "present.");
    let writer = graph(
        "prompt",
        r#"%0 = input "x" : f32[b, s, 4]
           output "kept.1" = %0
           output "kept.0" = %0"#,
    );
    let uses =
        resolved("[state.kv]\nfrom = [\"prompt:kept.*\"]\nto = [\"decode:past.*\"]", &[&writer, &decode]).unwrap();
    let pairs: Vec<_> = uses[0].iter().map(|used| (&*used.state.name, used.write.as_deref())).collect();
    assert_eq!(pairs, [("kv.0", Some("kept.0")), ("kv.1", Some("kept.1"))]);
}

#[test]
fn one_program_may_join_its_own_ports() {
    let decode = decoder("main", "past.", "present.");
    for states in ["[state.kv]\nto = \"main:past.*\"", "[state.kv]\nfrom = \"main:present.*\"\nto = \"main:past.*\""] {
        let uses = resolved(states, &[&decode]).unwrap();
        assert!(uses[0].iter().all(|used| used.appends() == Some(1) && used.write.is_some()), "{states}");
    }
    let carried = resolved("[state.h]\nfrom = \"main:h.out\"\nto = \"main:h.in\"", &[&recurrent("3")]).unwrap();
    let [used] = &*carried[0] else { panic!("{carried:?}") };
    assert_eq!((&*used.state.name, used.state.kind, used.appends()), ("h", StateKind::Carry, None));
    let read = resolved("[state.context]\nto = \"main:context\"", &[&recurrent("3")]).unwrap();
    assert_eq!((read[0][0].state.kind, &read[0][0].write), (StateKind::Write, &None));
}

#[test]
fn patterns_that_match_nothing_name_what_there_is() {
    let (prompt, decode) = (prompt(), decoder("decode", "past.", "present."));
    let graphs = [&prompt, &decode];
    let with = |from: &str, to: &str| format!("[state.kv]\nfrom = \"{from}\"\nto = \"{to}\"");
    refused(
        &with("prompt:presents.*", "decode:past.*"),
        &graphs,
        &["M4C0815", "[state.kv]", "`presents.*`", "closest is `present.key`"],
    );
    refused(
        &with("prefill:present.*", "decode:past.*"),
        &graphs,
        &["prefill:present.*", "the programs are prompt, decode"],
    );
    refused(
        &with("prompt:present.*", "decode:present.*"),
        &graphs,
        &["outputs do, but `to` takes inputs", "`past.0`, `past.1`"],
    );
    refused(&with("prompt:present.*", "decode:past.0"), &graphs, &["matches 1 ports", "matches 2"]);
    let other = graph("prompt", "%0 = input \"present.key\" : f32[b, 5, 4]\noutput \"five\" = %0");
    let sizes = ["M4C0815", "`x` f32[batch, 2, 4] of program `decode`", "`five` f32[b, 5, 4] of program `prompt`"];
    refused(&with("prompt:five", "decode:x"), &[&other, &decode], &sizes);
    let twice = format!("{KV}\n[state.again]\nto = \"decode:past.1\"");
    refused(&twice, &graphs, &["`past.1` belongs to states"]);
}

#[test]
fn changes_of_no_known_kind_are_refused() {
    let states = "[state.h]\nfrom = \"main:h.out\"\nto = \"main:h.in\"";
    refused(states, &[&recurrent("4")], &["M4C0816", "`h.in` is f32[n, 4], output `h.out` is f32[4, n]"]);
}

#[test]
fn manifests_say_what_is_wrong_with_a_state() {
    let refused = |states: &str| project(states).unwrap_err();
    for (states, code) in [
        ("[state.kv]\nto = \"past\"", codes::M4_TOML_SYNTAX),
        ("[state.kv]\nto = \"decode:*.*\"", codes::M4_TOML_SYNTAX),
        ("[state.kv]\nfrom = \"main:present\"", codes::M4_TOML_SYNTAX),
        ("[state.kv]\nto = []", codes::M4_TOML_SYNTAX),
        ("[state.kv]\nto = \"main:past\"\nfor = \"main:x\"", codes::M4_TOML_UNKNOWN_KEY),
    ] {
        let errors = refused(states);
        assert!(errors.iter().all(|error| error.code == code), "{states}: {errors}");
    }
}
