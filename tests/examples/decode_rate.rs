//! Tokens a second of a decoder with states against feeding `past` and `present` by hand:
//! `cargo run --release -p m4c-tests --example decode_rate -- [M4.TOML [ROWS [BATCH]]]`. The program is called `decode`, its
//! states `kv`.

use m4c_compiler::project::Project;
use m4c_runtime::{Arena, Artifact, Bounds, MappedFile, Program, RunOptions, Session, StateBounds, States, ThreadPool};
use m4c_tests::artifact::{self, Aligned};
use m4c_tests::root;
use std::path::PathBuf;
use std::time::Instant;

const STEPS: usize = 64;

/// The shapes of what a program takes, with so many rows kept.
fn shapes(program: &Program<'_>, rows: usize, batch: usize) -> Vec<Vec<usize>> {
    let size = |name: &str| match name {
        "batch" => batch,
        "past_seq" => rows,
        "total_seq" => rows + 1,
        number => number.parse().expect("a size that is known"),
    };
    program.inputs().iter().map(|port| port.dims.iter().map(|&dim| size(&program.render(dim))).collect()).collect()
}

fn bounds(program: &Program<'_>, rows: usize, batch: usize) -> Bounds {
    let mut bounds = Bounds::of(program);
    for (name, most) in [("batch", batch), ("past_seq", rows), ("total_seq", rows + 1)] {
        bounds.at_most(program, name, most as i64).expect("in range");
    }
    bounds
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let manifest = arguments.next().map_or_else(|| root().join("models/llama/m4.toml"), PathBuf::from);
    let rows: usize = arguments.next().map_or(2048, |text| text.parse().expect("a number of rows"));
    let batch: usize = arguments.next().map_or(1, |text| text.parse().expect("a batch"));
    let folder = tempfile::tempdir().expect("a folder");
    let project = Project::open(&manifest, &[]).unwrap_or_else(|errors| panic!("{}", errors.to_text()));
    let together = folder.path().join("together.m4fw");
    artifact::compiled(&project, &together);
    let model = &project.programs.iter().find(|source| source.name == "decode").expect("the program").model;
    let alone = folder.path().join("alone.m4fw");
    artifact::compiled(&Project::of_model(model, "decode", Vec::new()), &alone);
    let threads = ThreadPool::new(1).expect("threads");
    let options = RunOptions { threads: &threads, ..RunOptions::default() };
    let most = rows + STEPS;

    let mapped = MappedFile::open(&together).expect("a file");
    let opened = Artifact::open(mapped.bytes()).expect("an artifact");
    let program = Program::find(&opened, "decode").expect("the program");
    let mut state_bounds = StateBounds::new();
    state_bounds.at_most(&opened, "kv", most as i64).expect("in range");
    state_bounds.at_most(&opened, "batch", batch as i64).expect("in range");
    let mut states = States::new(&opened, &state_bounds, Arena::Owned).expect("states");
    for index in 0..opened.states().len() {
        let mut dims = states.most(index).expect("a state").to_vec();
        dims[opened.states()[index].append_axis().expect("rows are added")] = rows;
        let zeros = vec![0u8; dims.iter().product::<usize>() * 4];
        states.set(index, &dims, &zeros).expect("it fits");
    }
    let bounds_with = bounds(&program, most, batch);
    let mut session = Session::new(program, &bounds_with, &[&m4c_exec_cpu::CPU], 1, Arena::Owned).expect("a session");
    let zeros = Aligned::of(&vec![0; 8 * batch * (most + 1)]);
    let mut logits = Aligned::of(&vec![0; 1 << 22]);
    let mut with_states = f64::INFINITY;
    for _ in 0..5 {
        states.truncate("kv", rows).expect("rows are added");
        let start = Instant::now();
        for step in 0..STEPS {
            let shapes = shapes(&program, rows + step, batch);
            let shapes: Vec<&[usize]> = shapes.iter().map(|shape| &**shape).collect();
            session.bind_with(&shapes, &states).expect("it fits");
            let inputs = vec![zeros.bytes(); shapes.len()];
            session.run_with(&inputs, &mut [logits.bytes_mut()], &mut states, &options).expect("a run");
        }
        with_states = with_states.min(start.elapsed().as_secs_f64());
    }

    let mapped = MappedFile::open(&alone).expect("a file");
    let opened = Artifact::open(mapped.bytes()).expect("an artifact");
    let program = Program::find(&opened, "decode").expect("the program");
    let mut session = Session::new(program, &bounds(&program, most, batch), &[&m4c_exec_cpu::CPU], 1, Arena::Owned)
        .expect("a session");
    let longest = shapes(&program, most, batch);
    let bytes = |shape: &Vec<usize>| 4 * shape.iter().product::<usize>();
    let plain = program.inputs().iter().position(|port| port.name.starts_with("past")).expect("a past");
    let room = || longest[plain..].iter().map(|shape| Aligned::of(&vec![0; bytes(shape)])).collect::<Vec<_>>();
    let (mut past, mut present) = (room(), room());
    let mut by_hand = f64::INFINITY;
    for _ in 0..5 {
        let start = Instant::now();
        for step in 0..STEPS {
            let shapes = shapes(&program, rows + step, batch);
            let shapes: Vec<&[usize]> = shapes.iter().map(|shape| &**shape).collect();
            session.bind(&shapes).expect("it fits");
            let mut inputs = vec![zeros.bytes(); plain];
            inputs.extend(past.iter().map(Aligned::bytes));
            let mut outputs = vec![logits.bytes_mut()];
            outputs.extend(present.iter_mut().map(Aligned::bytes_mut));
            session.run(&inputs, &mut outputs, &options).expect("a run");
            std::mem::swap(&mut past, &mut present);
        }
        by_hand = by_hand.min(start.elapsed().as_secs_f64());
    }
    let rate = |seconds: f64| STEPS as f64 / seconds;
    println!("{} from {rows} rows, batch {batch}, one thread", manifest.display());
    println!("with states {:8.1} tokens/s", rate(with_states));
    println!("by hand     {:8.1} tokens/s", rate(by_hand));
    println!("ratio       {:8.2}", by_hand / with_states);
}
