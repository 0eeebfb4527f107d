//! Every spelling is found and means the same, and what only looks like one is left alone.

use crate::rewrite::{RuleNumerics, Smallest, saturated};
use m4c_ir::{Graph, NodeKind, interpret, text};
use m4c_ops::numerics::Difference;
use m4c_ops::{DType, Data, Numerics, Tensor};
use std::sync::Arc;

pub(super) fn count(graph: &Graph, name: &str) -> usize {
    let is = |value: &_| matches!(&graph.node(*value).kind, NodeKind::Apply { op, .. } if op.name == name);
    graph.order().iter().filter(|value| is(value)).count()
}

fn read(lines: &str) -> Graph {
    let source = format!("graph \"main\" {{\n{lines}\n}}\n");
    text::parse(&source, &|_| None).unwrap_or_else(|error| panic!("{error:?}\n{source}"))
}

/// Recognizes in a graph of one output, and compares results on numbers of both signs.
pub(super) fn recognized(lines: &str) -> Graph {
    let graph = read(lines);
    let found = saturated(&graph, RuleNumerics::Reassociate).and_then(|all| all.extract(&Smallest));
    let found = found.unwrap_or_else(|errors| panic!("{}", errors.to_text()));
    let inputs: Vec<Arc<Tensor>> = graph
        .inputs()
        .iter()
        .map(|&input| {
            let fact = graph.fact(input);
            let sizes = fact.sizes().expect("numbers");
            let count = sizes.iter().product::<usize>();
            let data = match fact.dtype {
                DType::Bool => Data::Bool((0..count).map(|i| i % 3 != 1).collect()),
                dtype => Data::from_f64(dtype, (0..count).map(|i| ((i * 37 % 23) as f64 - 11.0) / 4.0)),
            };
            Arc::new(Tensor::new(sizes, data).expect("as many elements"))
        })
        .collect();
    let run = |graph: &Graph| interpret(graph, &inputs).unwrap_or_else(|error| panic!("{error}"));
    for (before, after) in run(&graph).iter().zip(run(&found)) {
        assert_eq!(before.shape(), after.shape());
        let (Some(new), Some(old)) = (after.as_f64s(), before.as_f64s()) else {
            assert_eq!(before.to_bytes(), after.to_bytes(), "{graph}");
            continue;
        };
        let difference = Difference::between(&new, &old);
        assert!(difference.within(Numerics::Accumulated.tolerance(after.dtype())), "{difference:?}\n{graph}");
    }
    found
}

/// Whether a rule finds what it is for.
fn fires(rule: &str, lines: &str) -> bool {
    let all = saturated(&read(lines), RuleNumerics::Reassociate);
    let all = all.unwrap_or_else(|errors| panic!("{}", errors.to_text()));
    all.report.firings.contains_key(rule)
}

/// Whether an operator is found, and nothing of this kind of parts is left.
fn finds(name: &str, gone: &str, lines: &str) {
    let found = recognized(lines);
    assert_eq!((count(&found, name), count(&found, gone)), (1, 0), "{name}\n{found}");
}

fn leaves(name: &str, lines: &str) {
    let found = recognized(lines);
    assert_eq!(count(&found, name), 0, "{found}");
}

#[test]
fn activations_are_found() {
    let gelu = |scaled: &str, end: &str| {
        format!(
            "%0 = input \"x\" : f32[2, 5]\n%1 = constant f32[] 1.4142135\n%2 = constant f32[] 0.70710677\n%3 = constant f32[] 1\n\
             %4 = constant f32[] 0.5\n%5 = {scaled} : f32[2, 5]\n%6 = erf %5 : f32[2, 5]\n%7 = add %6, %3 : f32[2, 5]\n{end}\noutput \"y\" = %9"
        )
    };
    let ends = [
        "%8 = mul %0, %7 : f32[2, 5]\n%9 = mul %8, %4 : f32[2, 5]",
        "%8 = mul %4, %0 : f32[2, 5]\n%9 = mul %7, %8 : f32[2, 5]",
        "%8 = mul %7, %4 : f32[2, 5]\n%9 = mul %8, %0 : f32[2, 5]",
    ];
    for end in ends {
        for scaled in ["div %0, %1", "mul %0, %2", "mul %2, %0"] {
            finds("gelu", "erf", &gelu(scaled, end));
        }
    }
    leaves("gelu", &gelu("div %0, %2", ends[0]));
    // The root of 2 in half precision is another number than in single precision.
    finds("gelu", "erf", &gelu("div %0, %1", ends[0]).replace("f32", "f16"));
    finds(
        "gelu_tanh",
        "tanh",
        "%0 = input \"x\" : f32[7]\n%1 = constant f32[] 3\n%2 = pow %0, %1 : f32[7]\n%3 = constant f32[] 0.044715\n\
         %4 = mul %2, %3 : f32[7]\n%5 = add %0, %4 : f32[7]\n%6 = constant f32[] 0.7978846\n%7 = mul %5, %6 : f32[7]\n%8 = tanh %7 : f32[7]\n\
         %9 = constant f32[] 1\n%10 = add %8, %9 : f32[7]\n%11 = constant f32[] 0.5\n%12 = mul %0, %11 : f32[7]\n%13 = mul %12, %10 : f32[7]\n\
         output \"y\" = %13",
    );
    finds(
        "sigmoid",
        "exp",
        "%0 = input \"x\" : f32[7]\n%1 = constant f32[] -1\n%2 = mul %0, %1 : f32[7]\n%3 = exp %2 : f32[7]\n%4 = constant f32[] 1\n\
         %5 = add %3, %4 : f32[7]\n%6 = div %4, %5 : f32[7]\noutput \"y\" = %6",
    );
}

#[test]
fn norms_are_found() {
    let layer = |count: &str, square: &str| {
        format!(
            "%0 = input \"x\" : f32[3, 4]\n%1 = reduce_sum %0 {{axes = [1], keep = true}} : f32[3, 1]\n%2 = constant f32[] {count}\n\
             %3 = div %1, %2 : f32[3, 1]\n%4 = sub %0, %3 : f32[3, 4]\n%5 = constant f32[] 2\n%6 = {square} : f32[3, 4]\n\
             %7 = reduce_sum %6 {{axes = [1], keep = true}} : f32[3, 1]\n%8 = div %7, %2 : f32[3, 1]\n%9 = constant f32[] 0.00001\n\
             %10 = add %8, %9 : f32[3, 1]\n%11 = sqrt %10 : f32[3, 1]\n%12 = div %4, %11 : f32[3, 4]\n%13 = constant f32[4] 1 2 -1 0.5\n\
             %14 = mul %12, %13 : f32[3, 4]\n%15 = constant f32[4] 0 1 2 3\n%16 = add %14, %15 : f32[3, 4]\noutput \"y\" = "
        )
    };
    for square in ["mul %4, %4", "pow %4, %5"] {
        finds("layer_norm", "sqrt", &(layer("4", square) + "%16"));
        finds("layer_norm", "sqrt", &(layer("4", square) + "%14"));
    }
    // Another number than that of the elements is no mean.
    leaves("layer_norm", &(layer("3", "mul %4, %4") + "%16"));
    let rms = |normal: &str| {
        format!(
            "%0 = input \"x\" : f32[3, 4]\n%1 = mul %0, %0 : f32[3, 4]\n%2 = reduce_sum %1 {{axes = [1], keep = true}} : f32[3, 1]\n\
             %3 = constant f32[] 4\n%4 = div %2, %3 : f32[3, 1]\n%5 = constant f32[] 0.000001\n%6 = add %4, %5 : f32[3, 1]\n\
             %7 = sqrt %6 : f32[3, 1]\n%8 = constant f32[] 1\n{normal}\n%11 = constant f32[4] 1 2 -1 0.5\n%12 = mul %11, %10 : f32[3, 4]\n\
             output \"y\" = %12"
        )
    };
    finds("rms_norm", "sqrt", &rms("%9 = div %8, %7 : f32[3, 1]\n%10 = mul %0, %9 : f32[3, 4]"));
    finds("rms_norm", "sqrt", &rms("%10 = div %0, %7 : f32[3, 4]"));
    let group = |ones: &str| {
        format!(
            "%0 = input \"x\" : f32[2, 4, 3, 3]\n%1 = reshape %0 {{groups = [1>_, 3>2; _]}} : f32[2, 2, 18]\n%2 = constant f32[2] {ones}\n\
             %3 = constant f32[2] 0 0\n%4 = constant f32[] 0.00001\n%5 = group_norm %1, %2, %3, %4 {{groups = 2}} : f32[2, 2, 18]\n\
             %6 = reshape %5 {{groups = [1>_, 2>4; _; 3]}} : f32[2, 4, 3, 3]\n%7 = constant f32[4, 1, 1] 1 2 -1 0.5\n\
             %8 = mul %6, %7 : f32[2, 4, 3, 3]\n%9 = constant f32[4, 1, 1] 0 1 2 3\n%10 = add %8, %9 : f32[2, 4, 3, 3]\noutput \"y\" = %10"
        )
    };
    finds("group_norm", "mul", &group("1 1"));
    assert_eq!(count(&recognized(&group("1 2")), "mul"), 1);
}

#[test]
fn norms_without_learned_scale_are_found() {
    let centered = |axes: &str, count: &str, kept: &str, end: &str| {
        format!(
            "%0 = input \"x\" : f32[2, 3, 4]\n%1 = reduce_sum %0 {{axes = {axes}, keep = true}} : {kept}\n%2 = constant f32[] {count}\n\
             %3 = div %1, %2 : {kept}\n%4 = sub %0, %3 : f32[2, 3, 4]\n%5 = mul %4, %4 : f32[2, 3, 4]\n\
             %6 = reduce_sum %5 {{axes = {axes}, keep = true}} : {kept}\n%7 = div %6, %2 : {kept}\n%8 = constant f32[] 0.00001\n\
             %9 = add %7, %8 : {kept}\n%10 = sqrt %9 : {kept}\n%11 = div %4, %10 : f32[2, 3, 4]\n{end}"
        )
    };
    finds("layer_norm", "sqrt", &centered("[1, 2]", "12", "f32[2, 1, 1]", "output \"y\" = %11"));
    leaves("layer_norm", &centered("[1]", "3", "f32[2, 1, 4]", "output \"y\" = %11"));
    let channels = "%12 = constant f32[3, 1] 1 2 -1\n%13 = mul %11, %12 : f32[2, 3, 4]\n%14 = constant f32[3, 1] 0 1 2\n\
                    %15 = add %13, %14 : f32[2, 3, 4]\noutput \"y\" = %15";
    let lines = centered("[2]", "4", "f32[2, 3, 1]", channels);
    assert!(["recognize-instance-norm", "group-norm-scale", "group-norm-bias"].iter().all(|rule| fires(rule, &lines)));
    recognized(&lines);
    let both = centered("[1, 2]", "12", "f32[2, 1, 1]", channels);
    assert!(!fires("recognize-instance-norm", &both));
    let rms = |axes: &str, count: &str, kept: &str| {
        format!(
            "%0 = input \"x\" : f32[3, 4]\n%1 = mul %0, %0 : f32[3, 4]\n%2 = reduce_sum %1 {{axes = {axes}, keep = true}} : {kept}\n\
             %3 = constant f32[] {count}\n%4 = div %2, %3 : {kept}\n%5 = constant f32[] 0.000001\n%6 = add %4, %5 : {kept}\n\
             %7 = sqrt %6 : {kept}\n%8 = div %0, %7 : f32[3, 4]\noutput \"y\" = %8"
        )
    };
    finds("rms_norm", "sqrt", &rms("[1]", "4", "f32[3, 1]"));
    leaves("rms_norm", &rms("[0]", "3", "f32[1, 4]"));
}

#[test]
fn norms_in_single_precision_between_casts_are_found() {
    let rms = |from: &str, wide: &str, end: &str| {
        format!(
            "%0 = input \"x\" : {from}[3, 4]\n%1 = cast %0 {{to = {wide}}} : {wide}[3, 4]\n%2 = mul %1, %1 : {wide}[3, 4]\n\
             %3 = reduce_sum %2 {{axes = [1], keep = true}} : {wide}[3, 1]\n%4 = constant {wide}[] 4\n%5 = div %3, %4 : {wide}[3, 1]\n\
             %6 = constant {wide}[] 0.0001\n%7 = add %5, %6 : {wide}[3, 1]\n%8 = sqrt %7 : {wide}[3, 1]\n%9 = div %1, %8 : {wide}[3, 4]\n\
             %10 = cast %9 {{to = {end}}} : {end}[3, 4]\n%11 = constant {end}[4] 1 2 -1 0.5\n%12 = mul %11, %10 : {end}[3, 4]\n\
             output \"y\" = %12"
        )
    };
    finds("rms_norm", "cast", &rms("f16", "f32", "f16"));
    // What is read is wider than what is normalized.
    assert!(!fires("recognize-widened-rms-norm", &rms("f32", "f16", "f32")));
}

/// Attention over `[2, 3, 4, 5]` and keys of 6 positions.
fn attention(q: &str, masked: &str, end: &str) -> String {
    format!(
        "%0 = input \"q\" : f32[2, 3, 4, 5]\n%1 = input \"k\" : f32[2, 3, 6, 5]\n%2 = input \"v\" : f32[2, 3, 6, 7]\n\
         %3 = input \"mask\" : f32[2, 1, 4, 6]\n%4 = input \"shown\" : bool[4, 6]\n%5 = constant f32[] 0.5\n\
         %6 = constant f32[] -340282350000000000000000000000000000000\n%7 = transpose %1 {{perm = [0, 1, 3, 2]}} : f32[2, 3, 5, 6]\n\
         {q}\n%10 = matmul %8, %9 : f32[2, 3, 4, 6]\n{masked}\n%14 = softmax %13 {{axis = 3}} : f32[2, 3, 4, 6]\n\
         %15 = matmul %14, %2 : f32[2, 3, 4, 7]\noutput \"y\" = %15\n{end}"
    )
}

#[test]
fn attention_is_found() {
    let all = "f32[2, 3, 4, 6]";
    let split = "%8 = mul %0, %5 : f32[2, 3, 4, 5]\n%9 = mul %7, %5 : f32[2, 3, 5, 6]";
    let early = "%8 = div %0, %5 : f32[2, 3, 4, 5]\n%9 = reshape %7 {groups = [1>_, 1>_, 1>_, 1>_]} : f32[2, 3, 5, 6]";
    let plain = format!("%13 = mul %10, %5 : {all}");
    let added = format!("%11 = div %10, %5 : {all}\n%13 = add %3, %11 : {all}");
    let shown = format!("%13 = select %4, %10, %6 : {all}");
    for q in [split, early] {
        for masked in [&plain, &added, &shown] {
            finds("attention", "softmax", &attention(q, masked, ""));
        }
    }
    assert_eq!(count(&recognized(&attention(split, &plain, "")), "transpose"), 0);
    // Weights that something else reads stay.
    leaves("attention", &attention(split, &plain, "output \"w\" = %14"));
    leaves("attention", &attention(split, &shown.replace("%6", "%5"), ""));
    finds(
        "attention",
        "softmax",
        "%0 = input \"q\" : f32[6, 4, 5]\n%1 = input \"k\" : f32[6, 4, 5]\n%2 = input \"v\" : f32[6, 4, 5]\n\
         %3 = transpose %1 {perm = [0, 2, 1]} : f32[6, 5, 4]\n%4 = matmul %0, %3 : f32[6, 4, 4]\n%5 = input \"mask\" : f32[6, 4, 4]\n\
         %6 = add %4, %5 : f32[6, 4, 4]\n%7 = softmax %6 {axis = 2} : f32[6, 4, 4]\n%8 = matmul %7, %2 : f32[6, 4, 5]\noutput \"y\" = %8",
    );
}

#[test]
fn rotary_embedding_is_found() {
    let (all, half, table) = ("f32[2, 3, 5, 8]", "f32[2, 3, 5, 4]", "f32[2, 1, 5, 4]");
    let inputs = |starts: [&str; 2], step: &str| {
        format!(
            "%0 = input \"x\" : {all}\n%1 = input \"c\" : {table}\n%2 = input \"s\" : {table}\n\
             %3 = slice %0 {{starts = [0, 0, 0, {}], sizes = [2, 3, 5, 4], steps = [1, 1, 1, {step}]}} : {half}\n\
             %4 = slice %0 {{starts = [0, 0, 0, {}], sizes = [2, 3, 5, 4], steps = [1, 1, 1, {step}]}} : {half}\n",
            starts[0], starts[1]
        )
    };
    let signed = format!(
        "%5 = constant f32[] -1\n%6 = mul %2, %5 : {table}\n%7 = concat %6, %2 {{axis = 3}} : f32[2, 1, 5, 8]\n\
         %8 = concat %1, %1 {{axis = 3}} : f32[2, 1, 5, 8]\n%9 = concat %4, %3 {{axis = 3}} : {all}\n%10 = mul %0, %8 : {all}\n\
         %11 = mul %9, %7 : {all}\n%12 = add %10, %11 : {all}\noutput \"y\" = %12"
    );
    finds("rope", "concat", &(inputs(["0", "4"], "1") + &signed));
    leaves("rope", &(inputs(["4", "0"], "1") + &signed));
    let turned = format!(
        "%5 = mul %3, %1 : {half}\n%6 = mul %4, %2 : {half}\n%7 = sub %5, %6 : {half}\n%8 = mul %3, %2 : {half}\n\
         %9 = mul %4, %1 : {half}\n%10 = add %8, %9 : {half}\n"
    );
    let halves = turned.clone() + "%11 = concat %7, %10 {axis = 3} : f32[2, 3, 5, 8]\noutput \"y\" = %11";
    finds("rope", "concat", &(inputs(["0", "4"], "1") + &halves));
    leaves("rope", &(inputs(["0", "1"], "2") + &halves));
    let pairs = "%11 = reshape %7 {groups = [1>_, 1>_, 1>_, 1>_; 1]} : f32[2, 3, 5, 4, 1]\n\
                 %12 = reshape %10 {groups = [1>_, 1>_, 1>_, 1>_; 1]} : f32[2, 3, 5, 4, 1]\n\
                 %13 = concat %11, %12 {axis = 4} : f32[2, 3, 5, 4, 2]\n\
                 %14 = reshape %13 {groups = [1>_, 1>_, 1>_, 2>_]} : f32[2, 3, 5, 8]\noutput \"y\" = %14";
    finds("rope", "concat", &(inputs(["0", "1"], "2") + &turned + pairs));
    leaves("rope", &(inputs(["0", "4"], "1") + &turned + pairs));
    let seen = |which: [&str; 2]| {
        let one = |start: &str, names: [&str; 2]| {
            format!(
                "{} = slice %20 {{starts = [0, 0, 0, 0, {start}], sizes = [2, 3, 5, 4, 1], steps = [1, 1, 1, 1, 1]}} : f32[2, 3, 5, 4, 1]\n\
                 {} = reshape {} {{groups = [1>_, 1>_, 1>_, 2>_]}} : {half}\n",
                names[0], names[1], names[0]
            )
        };
        format!(
            "%0 = input \"x\" : {all}\n%1 = input \"c\" : {table}\n%2 = input \"s\" : {table}\n\
             %20 = reshape %0 {{groups = [1>_, 1>_, 1>_, 1>4; 2]}} : f32[2, 3, 5, 4, 2]\n"
        ) + &one(which[0], ["%21", "%3"])
            + &one(which[1], ["%22", "%4"])
            + &turned
            + pairs
    };
    finds("rope", "concat", &seen(["0", "1"]));
    leaves("rope", &seen(["1", "0"]));
}

#[test]
fn tables_are_cast_by_half() {
    let table = |second: &str| {
        format!(
            "%0 = input \"c\" : f32[2, 4]\n%1 = input \"s\" : f32[2, 4]\n%2 = concat %0, {second} {{axis = 1}} : f32[2, 8]\n\
             %3 = cast %2 {{to = f16}} : f16[2, 8]\noutput \"y\" = %3"
        )
    };
    assert!(fires("cast-of-table", &table("%0")));
    assert!(!fires("cast-of-table", &table("%1")));
}

#[test]
fn quantized_values_move_as_integers() {
    let moved = |second: &str| {
        format!(
            "%0 = input \"x\" : f32[2, 3, 4]\n%1 = constant f32[] 0.125\n%2 = constant i8[] 3\n%3 = constant f32[] 0.25\n\
             %4 = quantize %0, %1, %2 {{to = i8}} : i8[2, 3, 4]\n%5 = dequantize %4, %1, %2 {{to = f32}} : f32[2, 3, 4]\n\
             %6 = transpose %5 {{perm = [0, 2, 1]}} : f32[2, 4, 3]\n%7 = reshape %6 {{groups = [1>_, 2>_]}} : f32[2, 12]\n\
             %8 = quantize %7, {second}, %2 {{to = i8}} : i8[2, 12]\noutput \"y\" = %8"
        )
    };
    let found = recognized(&moved("%1"));
    assert_eq!((count(&found, "quantize"), count(&found, "dequantize")), (1, 0), "{found}");
    let found = recognized(&moved("%3"));
    assert_eq!((count(&found, "quantize"), count(&found, "dequantize")), (2, 1), "{found}");
    // A scale for each column moves with it.
    let columns = "%0 = input \"x\" : f32[2, 2]\n%1 = constant f32[2] 0.125 0.25\n%2 = quantize %0, %1, _ {to = i8} : i8[2, 2]\n\
                   %3 = dequantize %2, %1, _ {to = f32} : f32[2, 2]\n%4 = transpose %3 {perm = [1, 0]} : f32[2, 2]\noutput \"y\" = %4";
    assert!(!fires("dequantize-after-transpose", columns));
    let one = columns.replace("f32[2] 0.125 0.25", "f32[1] 0.125");
    assert!(fires("dequantize-after-transpose", &one));
}

#[test]
fn reductions_one_after_the_other_are_one() {
    for (op, other) in [("reduce_sum", "reduce_max"), ("reduce_max", "reduce_sum")] {
        let twice = |second: &str| {
            format!(
                "%0 = input \"x\" : f32[2, 3, 4]\n%1 = {op} %0 {{axes = [2], keep = true}} : f32[2, 3, 1]\n\
                 %2 = {second} %1 {{axes = [1], keep = true}} : f32[2, 1, 1]\noutput \"y\" = %2"
            )
        };
        assert_eq!(count(&recognized(&twice(op)), op), 1);
        let both = recognized(&twice(other));
        assert_eq!((count(&both, op), count(&both, other)), (1, 1), "{both}");
    }
}
