//! Limits of memory, and files that are cut off: by a kill, a full disk, or a reader that has seen enough.

use crate::harness::{Folder, artifact, m4c, model};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A .npz file with one array of zeros, compressed, under a header of this shape.
fn archive(path: &str, shape: &str, bytes: usize) {
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut archive = zip::ZipWriter::new(std::fs::File::create(path).expect("a file"));
    archive.start_file("vision.npy", zip::write::SimpleFileOptions::default()).expect("an entry");
    archive.write_all(b"\x93NUMPY\x01\x00").expect("written");
    archive.write_all(&(header.len() as u16).to_le_bytes()).expect("written");
    archive.write_all(header.as_bytes()).expect("written");
    let zeros = vec![0; 1 << 16];
    (0..bytes / zeros.len()).for_each(|_| archive.write_all(&zeros).expect("written"));
    archive.finish().expect("written");
}

/// A command that must end soon, and with an address space that a huge allocation would not fit into.
fn confined(arguments: &[&str]) -> (Option<i32>, String) {
    let start = Instant::now();
    let command = format!("ulimit -v 4000000; exec '{}' \"$@\"", env!("CARGO_BIN_EXE_m4c"));
    let output = Command::new("sh").args(["-c", &command, "m4c"]).args(arguments).output().expect("a shell");
    assert!(start.elapsed() < Duration::from_secs(300), "{arguments:?} took {:?}", start.elapsed());
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn memory_is_asked_for_before_it_is_taken() {
    let folder = Folder::new();
    let (claims, bomb) = (folder.path("claims.npz"), folder.path("bomb.npz"));
    archive(&claims, "(2500000000,)", 1 << 20);
    archive(&bomb, "(80, 3, 700, 700)", 1 << 27);
    assert!(std::fs::metadata(&bomb).expect("written").len() < 1 << 18);
    let onnx = model("dyn-op20.onnx");
    for (code, arguments) in [
        ("M4C0915", &["run", artifact(), "--inputs", &claims][..]),
        ("M4C0915", &["run", artifact(), "--inputs", &bomb, "--max-memory", "64M"]),
        ("M4C0914", &["run", artifact(), "--random", "1", "--size", "batch=1000000", "--max-memory", "1G"]),
        ("M4C0914", &["run", artifact(), "--random", "1", "--size", "batch=100000000"]),
        (
            "M4C0820",
            &["run", artifact(), "--random", "1", "--size", "batch=9", "--bound", "batch=2000", "--max-memory", "64M"],
        ),
        ("M4C0820", &["verify", &onnx, "--random", "1", "--size", "batch=64", "--max-memory", "8M"]),
        ("M4C0820", &["compile", &onnx, "-o", &folder.path("out.m4fw"), "--max-memory", "100K"]),
    ] {
        let (exit, errors) = confined(arguments);
        assert!(exit == Some(1) && errors.contains(code), "{arguments:?}: {exit:?}\n{errors}");
    }
    m4c(&["run", artifact(), "--random", "1", "--size", "batch=2", "--max-memory", "64M"]).ok();
    m4c(&["verify", &onnx, "--random", "1", "--size", "batch=1", "--max-memory", "1G"]).ok();
    m4c(&["inspect", artifact(), "--bound", "batch=2000000", "--max-memory", "1M"]).ok();
    assert!(!Path::new(&folder.path("out.m4fw")).exists());
}

/// Every file of a folder that opens as an artifact whose segments are whole.
fn whole_artifacts(folder: &Folder) -> Vec<String> {
    let fine = |name: &String| m4c(&["inspect", &folder.path(name), "--verify"]).code == Some(0);
    folder.names().into_iter().filter(fine).collect()
}

#[test]
fn a_killed_compilation_leaves_no_artifact_or_a_whole_one() {
    let large = model("../img_enc_video/dyn-op20.onnx");
    let whole = Folder::new();
    let start = Instant::now();
    m4c(&["compile", &large, "-o", &whole.path("out.m4fw")]).ok();
    let mut delay = start.elapsed();
    let expected = std::fs::read(whole.path("out.m4fw")).expect("an artifact");
    let (mut killed, mut runs) = (0, 0);
    while killed < 8 {
        runs += 1;
        assert!(runs <= 100, "{killed} of {runs} were killed");
        let folder = Folder::new();
        let output = folder.path("out.m4fw");
        let mut child = Command::new(env!("CARGO_BIN_EXE_m4c"))
            .args(["compile", &large, "-o", &output])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        std::thread::sleep(delay);
        let _ = child.kill();
        let ended = child.wait().expect("it ended").success();
        killed += usize::from(!ended);
        // Near the end, where most of what is written is written, whatever else the machine does.
        delay = if ended { delay * 4 / 5 } else { delay * 11 / 10 };
        match std::fs::read(&output) {
            Ok(bytes) => assert!(bytes == expected, "{} bytes of {}", bytes.len(), expected.len()),
            Err(_) => {
                let found = whole_artifacts(&folder);
                assert!(found.iter().all(|name| name.ends_with(".part")), "{found:?}");
            }
        }
    }
}

/// Runs the binary where no file may be longer than some blocks of 512 bytes; the system then refuses or kills.
#[cfg(unix)]
fn on_a_full_disk(blocks: u32, refuses: bool, arguments: &[&str]) -> (Option<i32>, String) {
    let trap = if refuses { "trap '' XFSZ;" } else { "" };
    let command = format!("{trap} ulimit -f {blocks}; exec '{}' \"$@\"", env!("CARGO_BIN_EXE_m4c"));
    let output = Command::new("sh").args(["-c", &command, "m4c"]).args(arguments).output().expect("a shell");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[cfg(unix)]
#[test]
fn a_full_disk_leaves_nothing_behind() {
    let folder = Folder::new();
    let onnx = model("dyn-op20.onnx");
    let (out, dumps) = (folder.path("out"), folder.path("dumps"));
    std::fs::create_dir(&dumps).expect("a folder");
    // Inputs that need more room than the outputs' files may take.
    let random = ["--random", "1", "--size", "batch=2"];
    for arguments in [
        &["compile", &onnx, "-o", &out][..],
        &["compile", &onnx, "-o", &out, "--emit", "onnx"],
        &["compile", &onnx, "--stop-after", "lower", "--dump", "lower", "--dump-dir", &dumps],
    ] {
        let (exit, errors) = on_a_full_disk(8, true, arguments);
        assert!(exit == Some(1) && errors.contains("M4C0702"), "{arguments:?}: {exit:?}\n{errors}");
        assert_eq!(folder.names(), ["dumps"], "{arguments:?}");
        assert_eq!(std::fs::read_dir(&dumps).expect("a folder").count(), 0, "{arguments:?}");
        // Killed by the system's signal, which leaves no time to clean up.
        let (exit, _) = on_a_full_disk(8, false, arguments);
        assert_ne!(exit, Some(0), "{arguments:?}");
        assert!(!Path::new(&out).exists() && whole_artifacts(&folder).is_empty());
        for name in folder.names().iter().filter(|name| name.ends_with(".part")) {
            std::fs::remove_file(folder.path(name)).expect("removed");
        }
        for entry in std::fs::read_dir(&dumps).expect("a folder") {
            let path = entry.expect("an entry").path();
            assert!(path.to_string_lossy().ends_with(".part"), "{}", path.display());
            std::fs::remove_file(path).expect("removed");
        }
    }
    let run = [&["run", artifact()][..], &random, &["--outputs", &out]].concat();
    let (exit, errors) = on_a_full_disk(0, true, &run);
    assert!(exit == Some(1) && errors.contains("M4C0702"), "{exit:?}\n{errors}");
    assert_eq!(folder.names(), ["dumps"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_standard_output_that_takes_nothing_is_an_error_and_a_closed_one_is_not() {
    let onnx = model("dyn-op20.onnx");
    for arguments in [
        &["compile", &onnx, "--stop-after", "lower", "--dump", "lower"][..],
        &["run", artifact(), "--random", "1", "--size", "batch=1"],
        &["inspect", artifact(), "--ops"],
        &["verify", &onnx, "--random", "1", "--size", "batch=1"],
        &["ops"],
        &["phases"],
        &["explain", "M4C0101"],
        &["completions", "bash"],
        &["--help"],
    ] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("the device");
        let start = |out: Stdio| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_m4c"));
            command.args(arguments).stdout(out).stderr(Stdio::piped()).spawn().expect("the binary starts")
        };
        let ended = start(full.into()).wait_with_output().expect("it ended");
        let errors = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(!errors.contains("panicked") && !errors.contains("bug["), "{arguments:?}: {errors}");
        if arguments != ["--help"] {
            assert_eq!(ended.status.code(), Some(1), "{arguments:?}: {errors}");
        }
        let mut closed = start(Stdio::piped());
        drop(closed.stdout.take());
        let ended = closed.wait_with_output().expect("it ended");
        let errors = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(!errors.contains("panicked") && !errors.contains("bug["), "{arguments:?}: {errors}");
        assert!(ended.status.code().is_some_and(|code| code < 2), "{arguments:?}: {:?} {errors}", ended.status);
    }
}
