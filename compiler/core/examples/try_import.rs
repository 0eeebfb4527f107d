use m4c_compiler::*;
use std::path::Path;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let file = match onnx::ModelFile::open(Path::new(&a[1])) { Ok(f) => f, Err(d) => { eprintln!("{}", d.to_text()); std::process::exit(1) } };
    let t=std::time::Instant::now();
    match import::import(&file, "main") {
        Ok((i, d)) => {
            eprint!("{}", d.to_text());
            eprintln!("import {:?} {} onnx nodes -> {} nodes", t.elapsed(), i.onnx_nodes, i.graph.len());
            let text = i.graph.to_string();
            std::fs::write("/tmp/try/import.m4c", &text).unwrap();
            onnx_out::write_onnx(&i.graph, Path::new("/tmp/try/import.onnx")).map_err(|d| eprintln!("{}", d.to_text())).unwrap();
            let t=std::time::Instant::now();
            match facts::facts(&i.graph, &[]) {
                Ok(g) => { eprintln!("facts {:?} {} nodes", t.elapsed(), g.len()); std::fs::write("/tmp/try/facts.m4c", g.to_string()).unwrap();
                   onnx_out::write_onnx(&g, Path::new("/tmp/try/facts.onnx")).map_err(|d| eprintln!("{}", d.to_text())).unwrap(); },
                Err(d) => eprintln!("{}", d.to_text()),
            }
        }
        Err(d) => { eprintln!("{}", d.to_text()); std::process::exit(1) }
    }
}
