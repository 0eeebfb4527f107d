//! Real artifacts: damage is noticed, programs share weights, and a run allocates nothing.

use m4c_compiler::project::Project;
use m4c_runtime::{Arena, Artifact, Bounds, MappedFile, Program, RunOptions, Session, StateBounds, States, ThreadPool};
use m4c_tests::models::MODELS;
use m4c_tests::{artifact, assert_close, root};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::Path;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

/// Counts what each thread allocates.
struct Counting;

// SAFETY: every call goes to the system's allocator unchanged; counting touches no allocated memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that is ending has no counter any more.
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise about `layout` is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: `place` came from `System` with this `layout`.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The smallest model's artifact.
fn image_encoder(folder: &Path) -> Vec<u8> {
    let file = folder.join("model.m4fw");
    artifact::compiled(&Project::of_model(MODELS[1].path(), "main", Vec::new()), &file);
    std::fs::read(&file).unwrap()
}

/// Bytes in a place aligned as a mapped file is.
fn aligned(bytes: &[u8]) -> (Vec<u8>, usize) {
    let mut room = vec![0; bytes.len() + 64];
    let start = room.as_ptr().align_offset(64);
    room[start..start + bytes.len()].copy_from_slice(bytes);
    (room, start)
}

#[test]
fn every_damaged_byte_of_header_and_description_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let whole = image_encoder(folder.path());
    let (mut room, start) = aligned(&whole);
    let bytes = &mut room[start..start + whole.len()];
    let (header, description) = {
        let artifact = Artifact::open(bytes).unwrap();
        let start = artifact.description().as_ptr() as usize - artifact.bytes().as_ptr() as usize;
        (0..artifact.header().len(), start..start + artifact.description().len())
    };
    assert!(header.len() > 64 && description.len() > 10_000);
    for at in header.chain(description) {
        for change in [1, 0xff] {
            bytes[at] ^= change;
            assert!(Artifact::open(bytes).is_err(), "byte {at} may be changed by {change} unnoticed");
            bytes[at] ^= change;
        }
    }
    assert!(Artifact::open(bytes).is_ok());
    for cut in (0..4096).chain(whole.len() - 4096..whole.len()) {
        assert!(Artifact::open(&bytes[..cut]).is_err(), "cut at {cut}");
    }
}

#[test]
fn every_damaged_segment_is_noticed_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let whole = image_encoder(folder.path());
    let (mut room, start) = aligned(&whole);
    let bytes = &mut room[start..start + whole.len()];
    let segments: Vec<usize> = Artifact::open(bytes).unwrap().segments().iter().map(|s| s.offset as usize).collect();
    for at in segments {
        bytes[at] ^= 1;
        assert!(Artifact::open(bytes).unwrap().verify_segments().is_err(), "segment at {at}");
        bytes[at] ^= 1;
    }
}

#[test]
fn runs_allocate_nothing() {
    for model in MODELS {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("model.m4fw");
        artifact::compiled(&Project::of_model(model.path(), "main", Vec::new()), &file);
        let mapped = MappedFile::open(&file).unwrap();
        let opened = Artifact::open(mapped.bytes()).unwrap();
        let program = Program::find(&opened, "main").unwrap();
        let mut bounds = Bounds::of(&program);
        bounds.at_most(&program, "batch", 5).unwrap();
        let threads = ThreadPool::new(2).unwrap();
        let mut session = Session::new(program, &bounds, &[&m4c_exec_cpu::CPU], 2, Arena::Owned).unwrap();
        for inputs in [(model.other)(0), (model.other)(1), (model.other)(2)] {
            let given: Vec<_> = program.inputs().iter().map(|port| inputs[&port.name].clone()).collect();
            let bytes: Vec<(Vec<u8>, usize, usize)> = given
                .iter()
                .map(|tensor| {
                    let raw = tensor.to_bytes().unwrap();
                    let (room, start) = aligned(&raw);
                    (room, start, raw.len())
                })
                .collect();
            let slices: Vec<&[u8]> = bytes.iter().map(|(room, start, len)| &room[*start..start + len]).collect();
            let shapes: Vec<&[usize]> = given.iter().map(|tensor| tensor.shape()).collect();
            let mut output = vec![0u64; 1 << 16];
            let options = RunOptions { threads: &threads, cancel: None, observer: None };
            let before = ALLOCATIONS.get();
            session.bind(&shapes).unwrap();
            let needed = session.output_bytes(0).unwrap();
            let place: &mut [u8] = &mut bytemuck::cast_slice_mut(&mut output)[..needed];
            session.run(&slices, &mut [place], &options).unwrap();
            assert_eq!(ALLOCATIONS.get() - before, 0, "{}", model.name);
            assert!(output.iter().any(|word| *word != 0), "{}", model.name);
        }
    }
}

#[test]
fn steps_of_a_decoder_with_states_allocate_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.m4fw");
    artifact::compiled(&Project::open(&root().join("models/llama/m4.toml"), &[]).unwrap(), &file);
    let mapped = MappedFile::open(&file).unwrap();
    let opened = Artifact::open(mapped.bytes()).unwrap();
    let program = Program::find(&opened, "decode").unwrap();
    let mut most = StateBounds::new();
    most.at_most(&opened, "kv", 40).unwrap().at_most(&opened, "batch", 2).unwrap();
    let mut states = States::new(&opened, &most, Arena::Owned).unwrap();
    let mut bounds = Bounds::of(&program);
    bounds.at_most(&program, "total_seq", 40).unwrap().within(&program, &states).unwrap();
    let threads = ThreadPool::new(2).unwrap();
    let options = RunOptions { threads: &threads, cancel: None, observer: None };
    let mut session = Session::new(program, &bounds, &[&m4c_exec_cpu::CPU], 2, Arena::Owned).unwrap();
    let (ids, mask, positions) = (vec![3i64; 2], vec![1i64; 80], vec![0i64; 2]);
    let mut logits = vec![0f32; 2 * 101];
    for batch in [2, 1] {
        states.reset();
        let before = ALLOCATIONS.get();
        for length in 1..=40 {
            session.bind_with(&[&[batch, 1], &[batch, length], &[batch, 1]], &states).unwrap();
            let inputs = [&ids[..batch], &mask[..batch * length], &positions[..batch]].map(bytemuck::cast_slice);
            let outputs: &mut [u8] = bytemuck::cast_slice_mut(&mut logits[..batch * 101]);
            session.run_with(&inputs, &mut [outputs], &mut states, &options).unwrap();
        }
        assert_eq!(ALLOCATIONS.get() - before, 0);
        assert_eq!(states.dims(0), Some(&[batch, 3, 40, 8][..]));
        assert!(logits.iter().any(|x| *x != 0.0));
    }
}

#[test]
fn programs_of_a_manifest_share_equal_weights() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m4.toml");
    let program =
        |name: &str, model: usize| format!("[program.{name}]\nmodel = {:?}\n", MODELS[model].path().to_string_lossy());
    let text = program("traced", 0) + &program("exported", 1);
    let project = Project::parse(&text, &path, &["batch=1..4".parse().unwrap()]).unwrap();
    let (both, one) = (folder.path().join("both.m4fw"), folder.path().join("one.m4fw"));
    artifact::compiled(&project, &both);
    artifact::compiled(&Project::of_model(MODELS[1].path(), "main", Vec::new()), &one);
    for (program, model) in [("traced", 0), ("exported", 1)] {
        let results = artifact::run(&both, program, &MODELS[model].inputs());
        assert_close(&results, &MODELS[model].expected(), MODELS[model].tolerance, program);
    }
    let size = |path: &Path| std::fs::metadata(path).unwrap().len() as f64;
    assert!(size(&both) < 1.3 * size(&one), "{} and {} bytes", size(&both), size(&one));
}
