//! Compiles a C program against the header and the static library, and runs artifacts with it.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use m4c_format::description::{
    Axis, Buffer, Kernel, Operand, Port, Program, Provenance, State, StateUse, Step, Symbol,
};
use m4c_format::{ConstantSpec, DType, ExprBuilder, Place, StateKind, Writer};

/// `y = (x + x) + w` over rows of 3, where `w` is one row of constants.
fn artifact() -> Vec<u8> {
    let mut writer = Writer::new(Cursor::new(Vec::new()));
    let spec = ConstantSpec::plain(DType::F32, &[1, 3]);
    let weight = writer.constant(&spec, &bytes(&[100.0, 200.0, 300.0])).expect("memory can be written");
    let mut exprs = ExprBuilder::new();
    let (rows, three, four) = (exprs.symbol(0), exprs.constant(3), exprs.constant(4));
    let elements = exprs.mul(rows, three);
    let size = exprs.mul(elements, four);
    let dims = [rows, three];
    let port = |name: &str| Port { name: name.into(), dtype: DType::F32, dims: dims.to_vec(), tolerance: 0.0 };
    let tensor = |place, index| Operand::new(place, index, DType::F32, &dims);
    let step = |operands, result, node| Step { kernel: 0, operands, results: vec![result], params: vec![], node };
    let weight = Operand::new(Place::Constant, weight.0, DType::F32, &[]);
    let program = Program {
        name: "main".into(),
        symbols: vec![Symbol { name: "rows".into(), low: 1, high: i64::MAX, step: 1 }],
        inputs: vec![port("x")],
        outputs: vec![port("y")],
        buffers: vec![Buffer { bytes: size, first: 0, last: 1 }],
        kernels: vec![Kernel { executor: "cpu".into(), name: "add_f32".into() }],
        steps: vec![
            step(vec![tensor(Place::Input, 0), tensor(Place::Input, 0)], tensor(Place::Buffer, 0), 0),
            step(vec![tensor(Place::Buffer, 0), weight], tensor(Place::Output, 0), 1),
        ],
        exprs: exprs.finish(),
        ..Program::default()
    };
    let provenance = Provenance { compiler: "test".into(), ..Provenance::default() };
    writer.finish(vec![program], provenance).expect("memory can be written").into_inner()
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// A program that keeps the rows it is given: `kept = rows so far and x`, and gives twice all of them.
fn artifact_with_state() -> Vec<u8> {
    let mut writer = Writer::new(Cursor::new(Vec::new()));
    let mut exprs = ExprBuilder::new();
    let (past, new, two) = (exprs.symbol(0), exprs.symbol(1), exprs.constant(2));
    let all = exprs.add(past, new);
    let port = |name: &str, rows| Port { name: name.into(), dtype: DType::F32, dims: vec![rows, two], tolerance: 0.0 };
    let tensor = |place, rows| Operand::new(place, 0, DType::F32, &[rows, two]);
    let step = |kernel, operands: Vec<Operand>, result, node| Step {
        kernel,
        operands,
        results: vec![result],
        params: vec![],
        node,
    };
    let symbol = |name: &str| Symbol { name: name.into(), low: 0, high: i64::MAX, step: 1 };
    let kept = tensor(Place::NextState, all);
    let program = Program {
        name: "main".into(),
        symbols: vec![symbol("past"), symbol("new")],
        inputs: vec![port("x", new)],
        outputs: vec![port("y", all)],
        kernels: ["copy_4", "add_f32"].map(|name| Kernel { executor: "cpu".into(), name: name.into() }).to_vec(),
        steps: vec![
            step(0, vec![tensor(Place::Input, new)], tensor(Place::NextState, new), 0),
            step(1, vec![kept.clone(), kept], tensor(Place::Output, all), 1),
        ],
        states: vec![StateUse {
            state: 0,
            read: Some(Box::new(port("past", past))),
            write: Some(Box::new(port("present", all))),
        }],
        exprs: exprs.finish(),
        ..Program::default()
    };
    let axis = |name: &str, size| Axis { name: name.into(), size };
    let axes = vec![axis("rows", i64::MAX), axis("", 2)];
    writer.set_states(vec![State { name: "kept".into(), kind: StateKind::Append, dtype: DType::F32, axes, axis: 0 }]);
    let provenance = Provenance { compiler: "test".into(), ..Provenance::default() };
    writer.finish(vec![program], provenance).expect("memory can be written").into_inner()
}

/// The compiled C program, in a folder that lives as long as the tests.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    built(&PROGRAM, "run")
}

fn built(place: &'static OnceLock<(tempfile::TempDir, PathBuf)>, name: &str) -> &'static Path {
    let (_, path) = place.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join(name);
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut compile = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()));
        compile.args(["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I"]).arg(root.join("include"));
        compile.arg(root.join(format!("tests/{name}.c"))).arg(library()).arg("-o").arg(&path);
        compile.args(["-lpthread", "-ldl", "-lm"]);
        succeed(&mut compile);
        (folder, path)
    });
    path
}

/// Builds the static library in the target folder that this test came from.
fn library() -> PathBuf {
    let test = std::env::current_exe().expect("the test has a path");
    let deps = test.parent().expect("the test lies in a folder");
    let target = deps.ancestors().nth(2).expect("the folder lies in a target folder");
    succeed(Command::new(env!("CARGO")).args(["build", "--quiet", "-p", "m4c-c", "--target-dir"]).arg(target));
    let library = target.join("debug/libm4c.a");
    assert!(library.exists(), "{} is missing", library.display());
    library
}

fn succeed(command: &mut Command) -> Output {
    let output = command.output().expect("the command starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {text}");
    output
}

struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn new() -> Files {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("model.m4fw"), artifact()).expect("the folder is writable");
        let x: Vec<f32> = (0..12).map(|value| value as f32).collect();
        std::fs::write(folder.path().join("x.bin"), bytes(&x)).expect("the folder is writable");
        Files { folder }
    }

    fn command(&self, flags: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.current_dir(self.folder.path()).args(["model.m4fw", "main", "-o", "y.bin"]).args(flags);
        command
    }

    fn failure(&self, flags: &[&str]) -> String {
        let output = self.command(flags).output().expect("the program starts");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let text = String::from_utf8(output.stdout).expect("messages are UTF-8");
        text.lines().last().expect("a failure is printed").to_owned()
    }
}

#[test]
fn a_c_program_runs_an_artifact() {
    let files = Files::new();
    let expected: Vec<f32> =
        (0..12).map(|value| 2.0 * value as f32 + [100.0, 200.0, 300.0][value as usize % 3]).collect();
    let base = ["-b", "rows=7", "-i", "x.bin:4,3"];
    for flags in [&[][..], &["-a"], &["-m"], &["-t", "3"], &["-t", "2", "-c"], &["-x"], &["-a", "-m", "-t", "2", "-x"]]
    {
        let output = succeed(files.command(&base).args(flags));
        let text = String::from_utf8(output.stdout).expect("names are UTF-8");
        assert!(text.contains("input x type 10 [rows] [3]\noutput y type 10 [rows] [3]\narena "), "{text}");
        let y = std::fs::read(files.folder.path().join("y.bin")).expect("the output was written");
        assert_eq!(y, bytes(&expected), "{flags:?}");
        std::fs::remove_file(files.folder.path().join("y.bin")).expect("the folder is writable");
    }
}

#[test]
fn failures_reach_c_with_code_place_and_names() {
    let files = Files::new();
    let unbounded = files.failure(&["-i", "x.bin:4,3"]);
    assert!(unbounded.starts_with("201 0 ") && unbounded.contains("`rows`"), "{unbounded}");
    let name = files.failure(&["-b", "columns=7", "-i", "x.bin:4,3"]);
    assert!(name.starts_with("301 "), "{name}");
    let outside = files.failure(&["-b", "rows=3", "-i", "x.bin:4,3"]);
    assert!(outside.starts_with("306 0 ") && outside.contains("`rows`, declared as 1.."), "{outside}");
    assert!(outside.contains("given as [[4, 3]]"), "{outside}");
    let mismatch = files.failure(&["-b", "rows=7", "-i", "x.bin:4,4"]);
    assert!(mismatch.starts_with("304 0 ") && mismatch.contains("f32[rows, 3], and was given as [4, 4]"), "{mismatch}");
    let rank = files.failure(&["-b", "rows=7", "-i", "x.bin:12"]);
    assert!(rank.starts_with("303 0 ") && rank.contains("f32[rows, 3], and was given as [12]"), "{rank}");
    let short = files.failure(&["-b", "rows=7", "-i", "x.bin:5,3"]);
    assert!(short.starts_with("307 0 ") && short.contains("`x`"), "{short}");
    let mut damaged = artifact();
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    std::fs::write(files.folder.path().join("model.m4fw"), damaged).expect("the folder is writable");
    assert!(files.failure(&[]).starts_with("104 "));
    std::fs::write(files.folder.path().join("model.m4fw"), b"").expect("the folder is writable");
    assert!(files.failure(&[]).starts_with("100 "));
    std::fs::remove_file(files.folder.path().join("model.m4fw")).expect("the folder is writable");
    assert!(files.failure(&[]).starts_with("500 "));
}

#[test]
fn a_c_program_runs_on_states() {
    static PROGRAM: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("model.m4fw");
    std::fs::write(&path, artifact_with_state()).expect("the folder is writable");
    let output = succeed(Command::new(built(&PROGRAM, "states")).arg(&path));
    assert_eq!(String::from_utf8(output.stdout).expect("text"), "all is well\n");
}
