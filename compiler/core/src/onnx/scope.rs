//! Which module of the traced program a node comes from, and which line, as far as exporters tell.

use super::message::NodeProto;

/// Dotted path of the module that made the node, such as `m.model.layers.0.self_attn.q_proj`.
pub(super) fn module_path(node: &NodeProto) -> Option<String> {
    match metadata(node, "pkg.torch.onnx.name_scopes") {
        Some(list) => from_name_scopes(list),
        None => from_node_name(node.name()),
    }
}

/// The innermost line of the traced program, as `file:line`.
pub(super) fn source_line(node: &NodeProto) -> Option<String> {
    let trace = metadata(node, "pkg.torch.onnx.stack_trace")?;
    trace.lines().rev().find_map(|line| {
        let (file, rest) = line.trim_start().strip_prefix("File \"")?.split_once("\", line ")?;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        (digits > 0).then(|| format!("{file}:{}", &rest[..digits]))
    })
}

fn metadata<'n>(node: &'n NodeProto, key: &str) -> Option<&'n str> {
    node.metadata_props.iter().find(|entry| entry.key() == key).map(|entry| entry.value())
}

/// Stands in the list for nodes that passes of the exporter added.
const NO_MODULE: &str = "_empty_nn_module_stack_from_metadata_hook";

/// The list runs from the whole program to the operation: the last module is the last entry but one.
/// Entries are full paths; the program itself is an empty one.
fn from_name_scopes(list: &str) -> Option<String> {
    let mut entries = python_strings(list)?;
    entries.pop()?;
    entries.into_iter().rev().find(|entry| !entry.is_empty() && entry != NO_MODULE)
}

/// The texts of a list as Python prints it: `['', "it's", 'a\\b']`.
fn python_strings(list: &str) -> Option<Vec<String>> {
    let mut rest = list.trim().strip_prefix('[')?.strip_suffix(']')?.trim_start();
    let mut texts = Vec::new();
    while let Some(quote) = rest.chars().next() {
        if quote != '\'' && quote != '"' {
            return None;
        }
        let mut text = String::new();
        let mut characters = rest.char_indices().skip(1);
        let end = loop {
            match characters.next()? {
                (at, character) if character == quote => break at + 1,
                (_, '\\') => match characters.next()?.1 {
                    'n' => text.push('\n'),
                    't' => text.push('\t'),
                    other => text.push(other),
                },
                (_, character) => text.push(character),
            }
        };
        texts.push(text);
        rest = rest[end..].trim_start();
        rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
    }
    Some(texts)
}

/// TorchScript names a node by the modules around it and its operator: `/m/layers.0/q_proj/MatMul`.
fn from_node_name(name: &str) -> Option<String> {
    let (modules, _operator) = name.strip_prefix('/')?.rsplit_once('/')?;
    let mut path: Vec<&str> = Vec::new();
    for module in modules.split('/').filter(|module| !module.is_empty()) {
        // A container that is called repeats its own name in its children: `/stem/stem.0/Conv`.
        let repeated = |outer: &&str| module.strip_prefix(outer).is_some_and(|rest| rest.starts_with('.'));
        if path.last().is_some_and(repeated) {
            path.pop();
        }
        path.push(module);
    }
    (!path.is_empty()).then(|| path.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::message::StringStringEntryProto;

    fn with_metadata(key: &str, value: &str) -> NodeProto {
        let entry = StringStringEntryProto { key: Some(key.to_owned()), value: Some(value.to_owned()) };
        NodeProto { metadata_props: vec![entry], ..Default::default() }
    }

    #[test]
    fn name_scopes_give_the_innermost_module() {
        let check = |list: &str, expect: Option<&str>| {
            let node = with_metadata("pkg.torch.onnx.name_scopes", list);
            assert_eq!(module_path(&node).as_deref(), expect, "{list}");
        };
        check("['', 'm', 'm.model', 'index']", Some("m.model"));
        check("['', 'm', 'm.layers.0', 'm.layers.0.q_proj', 'linear']", Some("m.layers.0.q_proj"));
        check(r#"['', "m.it's", 'add']"#, Some("m.it's"));
        check(r"['', 'm.a\'b', 'add']", Some("m.a'b"));
        check("['', 'add']", None);
        check("['_empty_nn_module_stack_from_metadata_hook', 'linear']", None);
        check("['add']", None);
        for odd in ["[]", "", "[", "['", "['a", "[a, b]", "['a' 'b", "['\\", "nonsense", "[ü]"] {
            check(odd, None);
        }
    }

    #[test]
    fn torchscript_names_give_the_module() {
        let check = |name: &str, expect: Option<&str>| {
            let node = NodeProto { name: Some(name.to_owned()), ..Default::default() };
            assert_eq!(module_path(&node).as_deref(), expect, "{name}");
        };
        check("/m/model/layers.0/self_attn/q_proj/MatMul", Some("m.model.layers.0.self_attn.q_proj"));
        check("/m/model/Range_1", Some("m.model"));
        check("/stem/stem.0/Conv", Some("stem.0"));
        check("/layers/layers.0/blocks/blocks.1/attn/qkv/MatMul", Some("layers.0.blocks.1.attn.qkv"));
        check("/m.0/pre.0/pre.0.2/Relu", Some("m.0.pre.0.2"));
        check("/a/ab.0/Relu", Some("a.ab.0"));
        for without in ["/Add", "Constant_282", "", "/", "//", "node_matmul", "a/b/c"] {
            check(without, None);
        }
    }

    #[test]
    fn stack_traces_give_the_innermost_line() {
        let trace = "File \"model.py\", line 341, in forward\n    o = s.m(x)\n  \
                     File \"linear.py\", line 134, in forward\n    return F.linear(x)";
        let node = with_metadata("pkg.torch.onnx.stack_trace", trace);
        assert_eq!(source_line(&node).as_deref(), Some("linear.py:134"));
        for odd in ["", "File \"", "File \"a\", line ", "File \"a\", line x"] {
            assert_eq!(source_line(&with_metadata("pkg.torch.onnx.stack_trace", odd)), None);
        }
    }
}
