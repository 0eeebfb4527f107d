//! Inputs of other sizes for any fixture: as the model allows them, and as the example inputs suggest them.

use crate::Named;
use crate::random::Random;
use m4c_ir::Graph;
use m4c_ir::binding::bind;
use m4c_ops::{Binding, DType, Data, Tensor};
use std::sync::Arc;

/// Sizes that are tried.
const LARGEST: u64 = 13;
/// How often; two sizes that depend on each other are found about once in `LARGEST` tries.
const TRIES: usize = 4000;

/// Up to `count` bindings that ranges and guards allow: no dimension twice of the same size, nor of the given one, but for
/// those that are fixed.
pub fn bindings(graph: &Graph, given: &Binding, fixed: &[&str], count: usize, random: &mut Random) -> Vec<Binding> {
    let mut found: Vec<Binding> = Vec::new();
    for _ in 0..TRIES {
        if found.len() == count {
            break;
        }
        let free = |name: &str| !fixed.contains(&name);
        let mut sizes: Binding = given
            .iter()
            .map(|(name, &size)| (name.clone(), if free(name) { 1 + random.below(LARGEST) as i64 } else { size }))
            .collect();
        // A mask of another length than the tokens is refused while running, for its data: no size says so.
        if let (true, Some(&past)) = (sizes.contains_key("total_seq"), sizes.get("past_seq")) {
            sizes.insert("total_seq".into(), past + 1);
        }
        let differs = |other: &Binding| sizes.iter().all(|(name, size)| !free(name) || other[name] != *size);
        if differs(given) && found.iter().all(differs) && bind(graph, &shapes(graph, &sizes)).is_ok() {
            found.push(sizes);
        }
    }
    found
}

/// The shapes of all inputs.
pub fn shapes(graph: &Graph, sizes: &Binding) -> Vec<Vec<usize>> {
    let shape = |&input: &m4c_ir::ValueId| {
        graph.fact(input).shape.iter().map(|dim| dim.eval(sizes).expect("a binding of all symbols") as usize).collect()
    };
    graph.inputs().iter().map(shape).collect()
}

/// Random inputs: integers between the smallest and the largest of the examples, masks that hide the start of the last
/// row, flags that mark its end.
pub fn inputs(graph: &Graph, examples: &Named, sizes: &Binding, random: &mut Random) -> Named {
    let all = graph.inputs().iter().zip(shapes(graph, sizes));
    let named = all.map(|(&input, shape)| {
        let name = graph.input_name(input);
        let count = shape.iter().product();
        let (rows, row) = (shape.first().copied().unwrap_or(1), shape.get(1).copied().unwrap_or(1));
        let padding = row / 3;
        let in_last_row = |i: usize| i / row.max(1) + 1 == rows;
        let data = match graph.fact(input).dtype {
            _ if name == "attention_mask" => {
                Data::I64((0..count).map(|i| i64::from(!in_last_row(i) || i % row >= padding)).collect())
            }
            DType::I64 => {
                let seen = examples[name].as_i64s().expect("integers");
                let (low, high) = (seen.iter().min().expect("some"), seen.iter().max().expect("some"));
                Data::I64((0..count).map(|_| low + random.below((high - low + 1) as u64) as i64).collect())
            }
            DType::Bool => Data::Bool((0..count).map(|i| in_last_row(i) && i % row >= row - padding).collect()),
            DType::F32 => Data::F32((0..count).map(|_| random.unit() * 3.0 - 1.5).collect()),
            other => panic!("`{name}` is {other:?}"),
        };
        (name.to_string(), Arc::new(Tensor::new(shape, data).expect("as many elements as the shape has")))
    });
    named.collect()
}
