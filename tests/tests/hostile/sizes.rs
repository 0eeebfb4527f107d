//! Sizes near the largest number, and small files that ask for huge results.

use crate::model::{list, model, soon, value, with};
use m4c_compiler::onnx::ElementType::{Float, Int64};
use m4c_compiler::onnx::message::{NodeProto, TensorProto};

const HUGE: i64 = i64::MAX;

#[test]
fn inputs_of_huge_sizes_are_planned_or_refused() {
    let sizes = [HUGE, HUGE - 1, HUGE / 2, 1 << 32, 1 << 62].map(|size| size.to_string());
    for size in &sizes {
        for op in [
            "Exp",
            "Add",
            "MatMul",
            "Conv",
            "MaxPool",
            "ReduceSum",
            "Softmax",
            "Flatten",
            "Shape",
            "Size",
            "NonZero",
            "Gather",
            "Concat",
            "DepthToSpace",
            "Transpose",
            "CumSum",
            "TopK",
            "LayerNormalization",
            "Attention",
            "Einsum",
            "LSTM",
            "GridSample",
            "Resize",
            "ArgMax",
            "Unique",
            "Det",
            "DFT",
        ] {
            let node = NodeProto::new(op, ["x", "x"], ["y"]).with("axis", 0i64).with("blocksize", 2i64);
            let node = match op {
                "Einsum" => node.with("equation", "abcd,abcd->a"),
                "MaxPool" => node.with("kernel_shape", vec![HUGE, 2]),
                _ => node,
            };
            let _ = soon(&model(vec![value("x", Float, &[size, "3", size, size])], vec![node], &["y"]).to_file_bytes());
        }
    }
}

#[test]
fn weights_that_claim_huge_sizes_are_refused() {
    for dims in [vec![HUGE], vec![HUGE, HUGE], vec![-1], vec![i64::MIN], vec![1 << 40, 0], vec![0, HUGE, HUGE]] {
        let mut weight = TensorProto::from_bytes("w", Float, &dims, vec![0; 4]);
        let nodes = || vec![NodeProto::new("Add", ["x", "w"], ["y"])];
        let whole = || model(vec![value("x", Float, &["n"])], nodes(), &["y"]);
        let _ = soon(&with(whole(), vec![weight.clone()]).to_file_bytes());
        weight.raw_data = None;
        weight.int64_data = vec![1, 2, 3];
        let _ = soon(&with(whole(), vec![weight]).to_file_bytes());
    }
}

#[test]
fn small_files_that_ask_for_huge_results_take_no_memory() {
    for size in [HUGE, 1 << 40, 1 << 33, 1 << 31] {
        let one = NodeProto::new("ConstantOfShape", ["w"], ["y"]);
        let expand = NodeProto::new("Expand", ["x", "w"], ["y"]);
        let tile = NodeProto::new("Tile", ["x", "w"], ["y"]);
        let range = NodeProto::new("Range", ["zero", "w0", "step"], ["y"]);
        let hot = NodeProto::new("OneHot", ["i", "w", "pair"], ["y"]);
        let pad = NodeProto::new("Pad", ["x", "ww"], ["y"]);
        let resize = NodeProto::new("Resize", ["x", "", "", "w"], ["y"]);
        let eye = NodeProto::new("EyeLike", ["x2"], ["y"]);
        let window = NodeProto::new("HannWindow", ["w0"], ["y"]);
        let mel = NodeProto::new("MelWeightMatrix", ["w0", "w0", "w0", "low", "high"], ["y"]);
        let gather = NodeProto::new("Gather", ["x", "w"], ["y"]);
        let slice = NodeProto::new("Slice", ["x", "w", "ww"], ["y"]);
        let split = NodeProto::new("Split", ["x"], ["y"]).with("num_outputs", size);
        let pool =
            NodeProto::new("MaxPool", ["x3"], ["y"]).with("kernel_shape", vec![size]).with("pads", vec![size, size]);
        let pool_average =
            NodeProto::new("AveragePool", ["x3"], ["y"]).with("kernel_shape", vec![size]).with("pads", vec![size; 2]);
        let conv = NodeProto::new("Conv", ["x3", "k"], ["y"]).with("dilations", vec![size]).with("pads", vec![size; 2]);
        let transposed = NodeProto::new("ConvTranspose", ["x3", "k"], ["y"])
            .with("strides", vec![size])
            .with("dilations", vec![size]);
        let unpool = NodeProto::new("MaxUnpool", ["x3", "i3"], ["y"]).with("kernel_shape", vec![size]);
        let dft = NodeProto::new("DFT", ["x3", "w0"], ["y"]);
        let normal = NodeProto::new("RandomNormal", Vec::<String>::new(), ["y"]).with("shape", vec![size]);
        let center = NodeProto::new("CenterCropPad", ["x", "w"], ["y"]);
        let lrn = NodeProto::new("LRN", ["x3"], ["y"]).with("size", size);
        let shift = NodeProto::new("Trilu", ["x2", "w0"], ["y"]);
        let depth = NodeProto::new("DepthToSpace", ["x4"], ["y"]).with("blocksize", size);
        let hidden = NodeProto::new("LSTM", ["x3", "k", "k"], ["y"]).with("hidden_size", size);
        let fidf = NodeProto::new("TfIdfVectorizer", ["i"], ["y"])
            .with("max_gram_length", size)
            .with("min_gram_length", 1i64)
            .with("max_skip_count", size)
            .with("mode", "TF")
            .with("ngram_counts", vec![0i64, size])
            .with("ngram_indexes", vec![size])
            .with("pool_int64s", vec![1i64]);
        for node in [
            one,
            expand,
            tile,
            range,
            hot,
            pad,
            resize,
            eye,
            window,
            mel,
            gather,
            slice,
            split,
            pool,
            pool_average,
            conv,
            transposed,
            unpool,
            dft,
            normal,
            center,
            lrn,
            shift,
            depth,
            hidden,
            fidf,
        ] {
            let op = node.op_type().to_string();
            let scalar =
                |name: &str, value: i64| TensorProto::from_bytes(name, Int64, &[], value.to_le_bytes().to_vec());
            let real = |name: &str, value: f32| TensorProto::from_bytes(name, Float, &[], value.to_le_bytes().to_vec());
            let inputs = vec![
                value("x", Float, &["1"]),
                value("x2", Float, &["n", "n"]),
                value("x3", Float, &["1", "2", "5"]),
                value("x4", Float, &["1", "4", "2", "2"]),
                value("i", Int64, &["3"]),
                value("i3", Int64, &["1", "2", "5"]),
            ];
            let weights = vec![
                list("w", &[size]),
                list("ww", &[size, size]),
                scalar("w0", size),
                scalar("zero", 0),
                scalar("step", 1),
                real("low", 0.0),
                real("high", 1000.0),
                TensorProto::from_bytes("pair", Float, &[2], vec![0; 8]),
                TensorProto::from_bytes("k", Float, &[2, 2, 3], vec![0; 48]),
            ];
            println!("{op} of {size}");
            let _ = soon(&with(model(inputs, vec![node], &["y"]), weights).to_file_bytes());
        }
    }
}
