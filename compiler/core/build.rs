//! Turns the ONNX schema into Rust message types, without an installed protobuf compiler.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto/onnx.proto");
    let schema = protox::compile(["proto/onnx.proto"], ["proto"])?;
    prost_build::Config::new()
        // Weights stay slices of the mapped model file.
        .bytes(["."])
        // The schema's comments contain indented text that rustdoc would run as code.
        .disable_comments(["."])
        .compile_fds(schema)?;
    Ok(())
}
