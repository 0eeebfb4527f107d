//! Damage to a decoded model that stays a readable file: other sizes, types, names, edges, operators, attributes, nested graphs.

use crate::random::Random;
use m4c_compiler::onnx::message::tensor_shape_proto::{Dimension, dimension::Value};
use m4c_compiler::onnx::message::type_proto::Value as Kind;
use m4c_compiler::onnx::message::{AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, TensorProto};
use m4c_compiler::onnx::message::{TensorShapeProto, ValueInfoProto};
use m4c_ops::table;

/// Sizes and positions at which arithmetic goes wrong.
const NUMBERS: &[i64] = &[
    0,
    1,
    2,
    3,
    -1,
    -2,
    7,
    64,
    1 << 16,
    (1 << 31) - 1,
    1 << 31,
    -(1 << 31),
    1 << 40,
    i64::MAX,
    i64::MAX - 1,
    i64::MIN,
    i64::MIN + 1,
];

/// Names of dimensions that are expressions.
const DIMS: &[&str] =
    &["n", "m", "n + 1", "2*n", "n//2", "max(n, m)", "n*m*n*m", "(n + 1)*(m + 2)*(n + 3)", "n - 5", "1/0", "((", "é"];

const REALS: &[f32] = &[0.0, -0.0, 1.0, -1.0, 0.5, 1e-40, 1e38, f32::INFINITY, f32::NEG_INFINITY, f32::NAN];

/// Damages a model in one to four places.
pub fn damage(model: &mut ModelProto, random: &mut Random) {
    for _ in 0..=random.below(4) {
        once(model, random);
    }
}

fn once(model: &mut ModelProto, random: &mut Random) {
    match random.below(40) {
        0 => model.ir_version = Some(number(random)),
        1 => {
            if let Some(opset) = pick(&mut model.opset_import, random) {
                opset.version = Some(if random.below(2) == 0 { number(random) } else { random.below(26) as i64 });
            }
        }
        2 => become_function(model, random),
        3 | 4 => {
            if let Some(function) = pick(&mut model.functions, random) {
                in_function(function, random);
            }
        }
        _ => {
            if let Some(graph) = &mut model.graph {
                in_graph(graph, random, 0);
            }
        }
    }
}

fn in_function(function: &mut FunctionProto, random: &mut Random) {
    match random.below(4) {
        0 => shuffle_names(&mut function.input, random),
        1 => shuffle_names(&mut function.output, random),
        2 => {
            let call = NodeProto { domain: function.domain.clone(), ..NodeProto::new(function.name(), ["x"], ["y"]) };
            function.node.push(call);
        }
        _ => in_nodes(&mut function.node, random, 0),
    }
}

/// Moves the graph's nodes into a function that the graph calls, perhaps more than once.
fn become_function(model: &mut ModelProto, random: &mut Random) {
    let Some(graph) = &mut model.graph else { return };
    let names = |infos: &[ValueInfoProto]| infos.iter().map(|info| info.name().to_string()).collect::<Vec<_>>();
    let (inputs, outputs) = (names(&graph.input), names(&graph.output));
    let call = NodeProto { domain: Some("local".into()), ..NodeProto::new("body", inputs.clone(), outputs.clone()) };
    let again = NodeProto::new("body", inputs.clone(), outputs.iter().map(|name| format!("{name}2")));
    let node = std::mem::replace(&mut graph.node, vec![call]);
    if random.below(2) == 0 {
        graph.node.push(NodeProto { domain: Some("local".into()), ..again });
    }
    model.functions.push(FunctionProto {
        name: Some("body".into()),
        domain: Some("local".into()),
        input: inputs,
        output: outputs,
        node,
        opset_import: model.opset_import.clone(),
        ..Default::default()
    });
}

fn in_graph(graph: &mut GraphProto, random: &mut Random, depth: usize) {
    match random.below(12) {
        0 | 1 => {
            if let Some(tensor) = pick(&mut graph.initializer, random) {
                in_tensor(tensor, random);
            }
        }
        2 => {
            if let Some(info) = pick(&mut graph.input, random) {
                in_type(info, random);
            }
        }
        3 => {
            let lists = [&mut graph.input, &mut graph.output, &mut graph.value_info];
            let [a, b, c] = lists;
            let list = [a, b, c].into_iter().nth(random.below(3) as usize);
            if let Some(list) = list.filter(|list| !list.is_empty()) {
                let index = random.below(list.len() as u64) as usize;
                match random.below(4) {
                    0 => drop(list.remove(index)),
                    1 => list.push(list[index].clone()),
                    2 => list[index].name = Some(format!("other{}", random.below(3))),
                    _ => in_type(&mut list[index], random),
                }
            }
        }
        4 if depth < 3 => {
            let inner = graph.clone();
            if let Some(node) = pick(&mut graph.node, random) {
                wrap(node, inner, random);
            }
        }
        5 => {
            let tensor = graph.initializer.get(random.below(graph.initializer.len().max(1) as u64) as usize).cloned();
            graph.initializer.extend(tensor);
        }
        _ => in_nodes(&mut graph.node, random, depth),
    }
}

/// Turns a node into control flow around a graph.
fn wrap(node: &mut NodeProto, inner: GraphProto, random: &mut Random) {
    let graph = |name: &str, graph: GraphProto| AttributeProto { name: Some(name.into()), ..graph.into() };
    match random.below(3) {
        0 => {
            node.op_type = Some("If".into());
            node.attribute = vec![graph("then_branch", inner.clone()), graph("else_branch", inner)];
        }
        1 => {
            node.op_type = Some("Loop".into());
            node.attribute = vec![graph("body", inner)];
        }
        _ => {
            node.op_type = Some("Scan".into());
            let inputs = AttributeProto { name: Some("num_scan_inputs".into()), ..1i64.into() };
            node.attribute = vec![graph("body", inner), inputs];
        }
    }
}

fn in_nodes(nodes: &mut Vec<NodeProto>, random: &mut Random, depth: usize) {
    if nodes.is_empty() {
        return;
    }
    let count = nodes.len() as u64;
    let (index, other) = (random.below(count) as usize, random.below(count) as usize);
    match random.below(16) {
        0 => drop(nodes.remove(index)),
        1 => nodes.push(nodes[index].clone()),
        2 => nodes.swap(index, other),
        3 => {
            // An edge from any value to any node, forward or back.
            let names: Vec<String> = nodes[other].input.iter().chain(&nodes[other].output).cloned().collect();
            let name = names.get(random.below(names.len().max(1) as u64) as usize).cloned().unwrap_or_default();
            match pick(&mut nodes[index].input, random) {
                Some(input) => *input = name,
                None => nodes[index].input.push(name),
            }
        }
        4 => shuffle_names(&mut nodes[index].input, random),
        5 => shuffle_names(&mut nodes[index].output, random),
        6 => nodes[index].op_type = nodes[other].op_type.clone(),
        7 | 8 => {
            let all: Vec<_> = table::imports().map(|(_, import)| import).collect();
            let import = all[random.below(all.len() as u64) as usize];
            nodes[index].op_type = Some(import.op_type.into());
            nodes[index].domain = Some(import.domain.into());
        }
        9 => {
            let attributes = nodes[other].attribute.clone();
            nodes[index].attribute.extend(attributes);
        }
        _ => {
            if let Some(attribute) = pick(&mut nodes[index].attribute, random) {
                in_attribute(attribute, random, depth);
            } else {
                let attribute = AttributeProto { name: Some("axis".into()), ..number(random).into() };
                nodes[index].attribute.push(attribute);
            }
        }
    }
}

fn in_attribute(attribute: &mut AttributeProto, random: &mut Random, depth: usize) {
    let graphs = attribute.g.iter_mut().chain(&mut attribute.graphs);
    if let Some(graph) = graphs.into_iter().next().filter(|_| random.below(4) > 0) {
        return in_graph(graph, random, depth + 1);
    }
    if let Some(tensor) = attribute.t.as_mut().filter(|_| random.below(4) > 0) {
        return in_tensor(tensor, random);
    }
    match random.below(8) {
        0 => attribute.name = Some(["axis", "axes", "perm", "value", "to"][random.below(5) as usize].into()),
        1 => attribute.r#type = Some(random.below(16) as i32),
        2 => attribute.ref_attr_name = Some("alpha".into()),
        3 => attribute.ints.push(number(random)),
        4 => attribute.ints.truncate(random.below(3) as usize),
        5 => {
            let real = REALS[random.below(REALS.len() as u64) as usize];
            attribute.f = Some(real);
            attribute.floats.iter_mut().take(1).for_each(|value| *value = real);
        }
        _ => match pick(&mut attribute.ints, random) {
            Some(value) => *value = number(random),
            None => attribute.i = Some(number(random)),
        },
    }
}

fn in_tensor(tensor: &mut TensorProto, random: &mut Random) {
    match random.below(8) {
        0 => tensor.data_type = Some(random.below(26) as i32),
        1 => tensor.dims.push(number(random)),
        2 => drop(tensor.dims.pop()),
        3 => {
            let mut bytes = tensor.raw_data.as_ref().map(|raw| raw.to_vec()).unwrap_or_default();
            if random.below(2) == 0 {
                bytes.truncate(bytes.len() / 2)
            } else {
                bytes.extend([0; 8])
            }
            tensor.raw_data = Some(bytes.into());
        }
        4 => tensor.int64_data.push(number(random)),
        5 => {
            // As many elements in another form.
            let elements: i64 = tensor.dims.iter().fold(1, |product, dim| product.saturating_mul(*dim));
            tensor.dims = vec![1, elements];
        }
        6 => {
            let mut bytes = tensor.raw_data.as_ref().map(|raw| raw.to_vec()).unwrap_or_default();
            let value = number(random).to_le_bytes();
            let at = random.below(bytes.len().max(1) as u64) as usize & !7;
            if let Some(place) = bytes.get_mut(at..at + 8) {
                place.copy_from_slice(&value);
            }
            tensor.raw_data = Some(bytes.into());
        }
        _ => {
            if let Some(dim) = pick(&mut tensor.dims, random) {
                *dim = number(random);
            }
        }
    }
}

fn in_type(info: &mut ValueInfoProto, random: &mut Random) {
    let Some(Kind::TensorType(tensor)) = info.r#type.as_mut().and_then(|ty| ty.value.as_mut()) else { return };
    let shape = tensor.shape.get_or_insert_with(TensorShapeProto::default);
    let dimension = |random: &mut Random| {
        let value = match random.below(4) {
            0 => None,
            1 => Some(Value::DimValue(number(random))),
            _ => Some(Value::DimParam(DIMS[random.below(DIMS.len() as u64) as usize].into())),
        };
        Dimension { value, denotation: None }
    };
    match random.below(6) {
        0 => tensor.elem_type = Some(random.below(26) as i32),
        1 => tensor.shape = None,
        2 => shape.dim.push(dimension(random)),
        3 => drop(shape.dim.pop()),
        _ => {
            let new = dimension(random);
            if let Some(dim) = pick(&mut shape.dim, random) {
                *dim = new;
            }
        }
    }
}

fn shuffle_names(names: &mut Vec<String>, random: &mut Random) {
    let index = random.below(names.len().max(1) as u64) as usize;
    match random.below(6) {
        0 => names.push(String::new()),
        1 => names.truncate(index),
        2 if index < names.len() => names[index].clear(),
        3 if index < names.len() => names.push(names[index].clone()),
        4 if index < names.len() => names.swap(0, index),
        _ => names.push(format!("other{}", random.below(3))),
    }
}

fn number(random: &mut Random) -> i64 {
    match random.below(3) {
        0 => random.below(10) as i64 - 3,
        _ => NUMBERS[random.below(NUMBERS.len() as u64) as usize],
    }
}

fn pick<'a, T>(list: &'a mut [T], random: &mut Random) -> Option<&'a mut T> {
    let index = random.below(list.len().max(1) as u64) as usize;
    list.get_mut(index)
}
