//! Imports a model and prints which of its values are known when compiling.

#![allow(clippy::all, missing_docs, unused)]
use m4c_compiler::import::import;
use m4c_compiler::onnx::ModelFile;
use m4c_compiler::onnx::message::{GraphProto, ModelProto, TensorProto};
use m4c_ir::interpret;
use m4c_ops::{Dim, Symbols, Tensor};
use prost::Message;
use std::collections::*;
use std::sync::Arc;

fn tensor(t: &TensorProto) -> Option<Tensor> {
    let dtype = m4c_ops::onnx::dtype_from_onnx(t.data_type.unwrap_or(0) as i64)?;
    Tensor::from_bytes(dtype, t.dims.iter().map(|&d| d as usize).collect(), t.raw_data.as_deref().unwrap_or(&[]))
}
fn frozen() -> BTreeMap<String, Vec<usize>> {
    let text = std::fs::read_to_string("/tmp/w/operators.scratch/frozen.toml").unwrap();
    text.lines()
        .filter_map(|l| {
            let (a, b) = l.split_once(" = [")?;
            Some((a.to_string(), b.trim_end_matches(']').split(',').map(|s| s.trim().parse().unwrap()).collect()))
        })
        .collect()
}
fn inputs_of<'m>(g: &'m GraphProto, name: &str, direct: bool, names: &mut BTreeSet<&'m str>) {
    if let Some(p) = g.input.iter().find(|p| p.name() == name) {
        let mut ok = direct;
        if let Some(m4c_compiler::onnx::message::type_proto::Value::TensorType(t)) =
            p.r#type.as_ref().and_then(|t| t.value.as_ref())
        {
            ok |= [6, 7].contains(&t.elem_type.unwrap_or(0)) && t.shape.as_ref().is_some_and(|s| s.dim.len() <= 1);
        }
        if ok {
            names.insert(p.name());
        }
        return;
    }
    if let Some(n) = g.node.iter().find(|n| n.output.iter().any(|o| o == name)) {
        if n.op_type() != "Shape" {
            for i in &n.input {
                inputs_of(g, i, false, names);
            }
        }
    }
}
fn attempt(
    model: &ModelProto,
    inputs: &[Option<TensorProto>],
    outputs: &[Option<TensorProto>],
    freeze: bool,
    symbolic: bool,
) -> Result<(), String> {
    let mut model = model.clone();
    if freeze {
        let fr = frozen();
        let g0 = model.graph.clone().unwrap();
        let mut names = BTreeSet::new();
        for n in &g0.node {
            for &p in fr.get(n.op_type()).into_iter().flatten() {
                if let Some(i) = n.input.get(p) {
                    inputs_of(&g0, i, true, &mut names);
                }
            }
        }
        let g = model.graph.as_mut().unwrap();
        for (p, t) in g0.input.iter().zip(inputs) {
            if names.contains(p.name()) {
                let mut t = t.clone().ok_or("no tensor")?;
                t.name = Some(p.name().into());
                g.initializer.push(t);
            }
        }
        let inits: BTreeSet<String> = g.initializer.iter().map(|t| t.name().to_string()).collect();
    }
    if symbolic {
        let g = model.graph.as_mut().unwrap();
        for p in &mut g.input {
            let name = p.name().to_string();
            if let Some(m4c_compiler::onnx::message::type_proto::Value::TensorType(t)) =
                p.r#type.as_mut().and_then(|t| t.value.as_mut())
            {
                if let Some(s) = t.shape.as_mut() {
                    for (i, d) in s.dim.iter_mut().enumerate() {
                        if matches!(d.value, Some(m4c_compiler::onnx::message::tensor_shape_proto::dimension::Value::DimValue(n)) if n > 1)
                        {
                            d.value =
                                Some(m4c_compiler::onnx::message::tensor_shape_proto::dimension::Value::DimParam(
                                    format!("{name}_{i}"),
                                ));
                        }
                    }
                }
            }
        }
    }
    let g = model.graph.clone().unwrap();
    let bytes = model.encode_to_vec();
    let file = ModelFile::from_bytes("/tmp/x.onnx", bytes.into()).map_err(|e| format!("open {}", e.to_string()))?;
    let (imported, _) = import(&file, "main").map_err(|e| format!("import {}", e.to_text().replace('\n', " | ")))?;
    let graph = imported.graph;
    let inits: BTreeSet<&str> = g.initializer.iter().map(|t| t.name()).collect();
    let mut given = Vec::new();
    for (p, t) in g.input.iter().zip(inputs) {
        if inits.contains(p.name()) {
            continue;
        }
        given.push(Arc::new(t.as_ref().and_then(tensor).ok_or("input type")?));
    }
    if let Ok(_) = std::env::var("SHOW") {
        println!("{graph}");
    }
    let results = interpret(&graph, &given).map_err(|e| format!("interpret {e}"))?;
    if results.len() != outputs.len() {
        return Err(format!("{} outputs not {}", results.len(), outputs.len()));
    }
    for (i, (r, o)) in results.iter().zip(outputs).enumerate() {
        let o = o.as_ref().and_then(tensor).ok_or("output type")?;
        if r.dtype() != o.dtype() {
            return Err(format!("WRONG dtype {} not {}", r.dtype(), o.dtype()));
        }
        if r.shape() != o.shape() {
            return Err(format!("WRONG shape {:?} not {:?}", r.shape(), o.shape()));
        }
        let (a, b) = (r.as_f64s().ok_or("sym")?, o.as_f64s().ok_or("sym")?);
        let half = matches!(o.dtype(), m4c_ops::DType::F16 | m4c_ops::DType::BF16);
        let (rt, at) = if half { (1e-2, 1e-3) } else { (1e-3, 1e-7) };
        for (k, (x, y)) in a.iter().zip(&b).enumerate() {
            let ok = (x.is_nan() && y.is_nan()) || x == y || (x - y).abs() <= at + rt * y.abs();
            if !ok {
                return Err(format!("WRONG value out {i} [{k}]: {x} not {y} of {:?}", o.shape()));
            }
        }
    }
    Ok(())
}
fn pb(path: std::path::PathBuf) -> Option<TensorProto> {
    TensorProto::decode(&*std::fs::read(path).ok()?).ok()
}
fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let symbolic = std::env::var("SYM").is_ok();
    let base = std::path::Path::new(".venv/lib")
        .read_dir()
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path()
        .join("site-packages/onnx/backend/test/data/node");
    let mut names: Vec<String> =
        base.read_dir().unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names.retain(|n| {
        args.is_empty()
            || args.iter().any(|a| if let Some(e) = a.strip_prefix('=') { n == e } else { n.contains(a.as_str()) })
    });
    std::panic::set_hook(Box::new(|_| ()));
    let names = Arc::new(names);
    let base = Arc::new(base);
    let lines = Arc::new(std::sync::Mutex::new(Vec::new()));
    let next = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let hs: Vec<_> = (0..2)
        .map(|_| {
            let (names, base, lines, next) = (names.clone(), base.clone(), lines.clone(), next.clone());
            std::thread::Builder::new()
                .stack_size(64 << 20)
                .spawn(move || {
                    while let Some(n) = names.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                        let dir = base.join(n);
                        let model = ModelProto::decode(&*std::fs::read(dir.join("model.onnx")).unwrap()).unwrap();
                        let g = model.graph.clone().unwrap();
                        let d = dir.join("test_data_set_0");
                        let ins: Vec<_> = (0..g.input.len()).map(|i| pb(d.join(format!("input_{i}.pb")))).collect();
                        let outs: Vec<_> = (0..g.output.len()).map(|i| pb(d.join(format!("output_{i}.pb")))).collect();
                        let run = |f| {
                            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                                attempt(&model, &ins, &outs, f, symbolic)
                            }))
                            .unwrap_or_else(|_| Err("PANIC".into()))
                        };
                        let mut r = run(false);
                        if r.is_err() {
                            let r2 = run(true);
                            if !matches!(&r2, Err(e) if e == "no tensor") {
                                r = r2;
                            }
                        }
                        let op = g.node.last().map(|n| n.op_type().to_string()).unwrap_or_default();
                        lines.lock().unwrap().push(match r {
                            Ok(()) => format!("ok   {n}"),
                            Err(e) => format!("FAIL {n} [{op}] {}", e.chars().take(400).collect::<String>()),
                        });
                    }
                })
                .unwrap()
        })
        .collect();
    for h in hs {
        h.join().unwrap();
    }
    let mut lines = lines.lock().unwrap().clone();
    lines.sort();
    let ok = lines.iter().filter(|l| l.starts_with("ok")).count();
    for l in &lines {
        println!("{l}");
    }
    println!("{ok} of {}", lines.len());
}
