//! Binding and running: results, and every error that a caller can cause.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use m4c_format::{DType, GuardKind, Place};
use m4c_runtime::{
    Arena, Artifact, Bounds, Code, Error, Observer, Program, RunOptions, Session, SingleThread, ThreadPool, Work,
    describe, describe_given,
};

use crate::executor::EXECUTORS;
use crate::model::{Aligned, Build, bytes, sample, write};

fn session<'a>(program: Program<'a>, rows: i64, arena: Arena<'a>) -> Session<'a> {
    let mut bounds = Bounds::of(&program);
    bounds.at_most(&program, "rows", rows).expect("in range");
    Session::new(program, &bounds, EXECUTORS, 2, arena).expect("a session")
}

fn expected(rows: usize) -> Vec<u8> {
    let x = (0..rows * 3).map(|value| 4.0 * value as f32);
    bytes(&x.chain([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).collect::<Vec<_>>())
}

fn input(rows: usize) -> Aligned {
    Aligned::new(&bytes(&(0..rows * 3).map(|value| value as f32).collect::<Vec<_>>()))
}

fn run(session: &mut Session<'_>, rows: usize, options: &RunOptions<'_>) -> Result<Vec<u8>, Error> {
    session.bind(&[&[rows, 3]])?;
    assert_eq!(session.output_dims(0)?, [rows + 2, 3]);
    let x = input(rows);
    let mut y = Aligned::new(&vec![0xAA; session.output_bytes(0)? + 5]);
    session.run(&[x.bytes()], &mut [y.bytes_mut()], options)?;
    let (used, rest) = y.bytes().split_at(session.output_bytes(0)?);
    assert_eq!(rest, [0xAA; 5], "bytes behind the output are left alone");
    Ok(used.to_vec())
}

#[test]
fn sizes_may_change_within_the_bounds_down_to_zero() {
    let file = Aligned::new(&sample());
    let artifact = Artifact::open(file.bytes()).expect("sound");
    artifact.verify_segments().expect("sound");
    let mut session = session(Program::find(&artifact, "main").expect("there"), 9, Arena::Owned);
    for rows in [9, 1, 0, 5, 5, 9, 0] {
        assert_eq!(run(&mut session, rows, &RunOptions::default()), Ok(expected(rows)));
    }
    assert_eq!(run(&mut session, 10, &RunOptions::default()), Err(Error::at(Code::OutOfBounds, 0)));
    assert_eq!(session.output_dims(0), Err(Error::new(Code::NotBound)));
}

#[test]
fn several_programs_share_an_artifact() {
    let file = Aligned::new(&sample());
    let artifact = Artifact::open(file.bytes()).expect("sound");
    let program = Program::find(&artifact, "second").expect("there");
    assert_eq!(Program::nth(&artifact, 1).expect("there").name(), "second");
    assert_eq!(Program::nth(&artifact, 2).err(), Some(Error::new(Code::NoSuchProgram)));
    assert_eq!(Program::find(&artifact, "third").err(), Some(Error::new(Code::NoSuchProgram)));
    let mut session = Session::new(program, &Bounds::of(&program), EXECUTORS, 1, Arena::Owned).expect("a session");
    session.bind(&[&[2]]).expect("fits");
    let (a, mut z) = (Aligned::new(&bytes(&[1.5, -2.0])), Aligned::new(&[0; 8]));
    session.run(&[a.bytes()], &mut [z.bytes_mut()], &RunOptions::default()).expect("runs");
    assert_eq!(z.bytes(), bytes(&[3.0, -4.0]));
}

#[test]
fn the_caller_may_own_the_arena() {
    let file = Aligned::new(&sample());
    let artifact = Artifact::open(file.bytes()).expect("sound");
    let program = Program::find(&artifact, "main").expect("there");
    let mut bounds = Bounds::of(&program);
    bounds.at_most(&program, "rows", 9).expect("in range");
    let needs = program.memory(&bounds, EXECUTORS, 2).expect("bounded");
    assert!(needs.arena >= 3 * 108 && needs.alignment == 64 && needs.session > 0);
    let mut arena = Aligned::new(&vec![0x55; needs.arena]);
    let mut borrowed = session(program, 9, Arena::Borrowed(arena.bytes_mut()));
    assert_eq!(run(&mut borrowed, 7, &RunOptions::default()), Ok(expected(7)));
    drop(borrowed);
    let short = arena.bytes_mut().split_last_mut().expect("not empty").1;
    let error = Session::new(program, &bounds, EXECUTORS, 2, Arena::Borrowed(short)).err();
    assert_eq!(error, Some(Error::new(Code::ArenaTooSmall)));
    let mut arena = Aligned::new(&vec![0; needs.arena + 1]);
    let odd = &mut arena.bytes_mut()[1..];
    let error = Session::new(program, &bounds, EXECUTORS, 2, Arena::Borrowed(odd)).err();
    assert_eq!(error.map(|error| error.code), Some(Code::Misaligned));
}

#[test]
fn a_thread_pool_gives_the_same_results() {
    let file = Aligned::new(&sample());
    let artifact = Artifact::open(file.bytes()).expect("sound");
    let mut session = session(Program::find(&artifact, "main").expect("there"), 9, Arena::Owned);
    let pool = ThreadPool::new(4).expect("threads start");
    for _ in 0..50 {
        let options = RunOptions { threads: &pool, ..RunOptions::default() };
        assert_eq!(run(&mut session, 9, &options), Ok(expected(9)));
    }
}

#[test]
fn a_run_can_be_canceled_between_steps_and_repeated() {
    struct CancelAt<'c>(&'c AtomicBool, usize, AtomicUsize);
    impl Observer for CancelAt<'_> {
        fn before_step(&self, step: usize, _: u32) {
            self.0.store(step == self.1, Ordering::Relaxed);
        }
        fn after_step(&self, _: usize, _: u32) {
            self.2.fetch_add(1, Ordering::Relaxed);
        }
    }
    let file = Aligned::new(&sample());
    let artifact = Artifact::open(file.bytes()).expect("sound");
    let mut session = session(Program::find(&artifact, "main").expect("there"), 9, Arena::Owned);
    let cancel = AtomicBool::new(false);
    let observer = CancelAt(&cancel, 1, AtomicUsize::new(0));
    let options = RunOptions { threads: &SingleThread, cancel: Some(&cancel), observer: Some(&observer) };
    assert_eq!(run(&mut session, 3, &options), Err(Error::new(Code::Cancelled)));
    assert_eq!(observer.2.load(Ordering::Relaxed), 2);
    assert_eq!(run(&mut session, 3, &RunOptions::default()), Ok(expected(3)));
}

#[test]
fn work_is_known_for_the_sizes_that_are_bound() {
    let file = Aligned::new(&sample());
    let artifact = Artifact::open(file.bytes()).expect("sound");
    let mut session = session(Program::find(&artifact, "main").expect("there"), 9, Arena::Owned);
    assert_eq!(session.work(0), None);
    for rows in [9, 4] {
        session.bind(&[&[rows, 3]]).expect("fits");
        // Rows and the constant of two rows to all of them.
        let rows = rows as u64;
        let moved = [3 * 12 * rows, 2 * 12 * rows, 2 * 12 * (rows + 2)];
        let moved = moved.map(|bytes| Some(Work { operations: 0, bytes }));
        assert_eq!([0, 1, 2].map(|step| session.work(step)), moved);
        assert_eq!(session.work(3), None);
    }
}

#[test]
fn wrong_inputs_are_refused_with_their_place() {
    let file = Aligned::new(&sample());
    let artifact = Artifact::open(file.bytes()).expect("sound");
    let program = Program::find(&artifact, "main").expect("there");
    assert_eq!(program.input("x"), Ok(0));
    assert_eq!(program.input("y"), Err(Error::new(Code::WrongName)));
    assert_eq!(program.expect_dtype(0, DType::F32), Ok(()));
    assert_eq!(program.expect_dtype(0, DType::I32), Err(Error::at(Code::WrongDtype, 0)));
    let mut session = session(program, 9, Arena::Owned);
    let mut y = Aligned::new(&[0; 200]);
    let outcome = session.run(&[&[]], &mut [y.bytes_mut()], &RunOptions::default());
    assert_eq!(outcome, Err(Error::new(Code::NotBound)));
    assert_eq!(session.bind(&[]), Err(Error::new(Code::WrongInputCount)));
    assert_eq!(session.bind(&[&[4, 3], &[4, 3]]), Err(Error::new(Code::WrongInputCount)));
    assert_eq!(session.bind(&[&[4]]), Err(Error::at(Code::WrongRank, 0)));
    let mismatch = session.bind(&[&[4, 4]]).expect_err("4 is not 3");
    assert_eq!(mismatch, Error::at(Code::DimMismatch, 0));
    let text = describe(&mismatch, &program);
    assert!(text.contains("`x`") && text.contains("f32[rows, 3]"), "{text}");
    // What was expected, and what came.
    let shapes: [(&[&[usize]], &[&str]); 5] = [
        (&[&[4, 4]], &["`x`", "f32[rows, 3]", "given as [4, 4]"]),
        (&[&[4]], &["`x`", "f32[rows, 3]", "given as [4]"]),
        (&[&[99, 3]], &["`rows`", "declared as ", "given as [[99, 3]]"]),
        (&[], &["takes 1", "0 were given"]),
        (&[&[4, 3], &[4, 3]], &["takes 1", "2 were given"]),
    ];
    for (given, words) in shapes {
        let error = session.bind(given).expect_err("these sizes are wrong");
        let text = describe_given(&error, &program, given);
        assert!(words.iter().all(|word| text.contains(word)), "{given:?}: {text}");
    }
    assert_eq!(session.bind(&[&[usize::MAX, 3]]), Err(Error::at(Code::DimMismatch, 0)));

    session.bind(&[&[4, 3]]).expect("fits");
    let x = Aligned::new(&[0; 60]);
    let options = RunOptions::default();
    let code = |outcome: Result<(), Error>| outcome.map_err(|error| (error.code, error.at, error.detail));
    let outcome = session.run(&[&x.bytes()[..47]], &mut [y.bytes_mut()], &options);
    assert_eq!(code(outcome), Err((Code::BufferTooSmall, Some(0), "input")));
    let outcome = session.run(&[x.bytes()], &mut [&mut y.bytes_mut()[..71]], &options);
    assert_eq!(code(outcome), Err((Code::BufferTooSmall, Some(0), "output")));
    let outcome = session.run(&[&x.bytes()[2..]], &mut [y.bytes_mut()], &options);
    assert_eq!(code(outcome), Err((Code::Misaligned, Some(0), "input")));
    let outcome = session.run(&[x.bytes()], &mut [&mut y.bytes_mut()[1..]], &options);
    assert_eq!(code(outcome), Err((Code::Misaligned, Some(0), "output")));
    let outcome = session.run(&[], &mut [y.bytes_mut()], &options);
    assert_eq!(code(outcome), Err((Code::WrongInputCount, None, "")));
    session.run(&[x.bytes()], &mut [y.bytes_mut()], &options).expect("still runs");
}

#[test]
fn guards_steps_and_affine_sizes_are_checked() {
    let file = Aligned::new(&write(|_| {
        let mut build = Build::new("main");
        let n = build.symbol("n", 2, 40, 2);
        let m = build.symbol("m", 1, 40, 1);
        let (two, three) = (build.exprs.constant(2), build.exprs.constant(3));
        let twice = build.exprs.mul(n, two);
        let above = build.exprs.add(twice, three);
        let a = build.input("a", DType::F32, &[above]);
        let b = build.input("b", DType::F32, &[m]);
        build.guard(GuardKind::Divides, m, n, "m divides n");
        let y = build.output("y", &[above]);
        build.step("double", &[a], &[y]);
        let z = build.output("z", &[m]);
        build.step("double", &[b], &[z]);
        vec![build.finish()]
    }));
    let artifact = Artifact::open(file.bytes()).expect("sound");
    let program = Program::find(&artifact, "main").expect("there");
    assert_eq!(program.render(program.outputs()[0].dims[0]), "n * 2 + 3");
    let mut session = Session::new(program, &Bounds::of(&program), EXECUTORS, 1, Arena::Owned).expect("a session");
    session.bind(&[&[15], &[3]]).expect("n = 6, m = 3");
    let guard = session.bind(&[&[15], &[4]]).expect_err("4 does not divide 6");
    assert_eq!(guard, Error::at(Code::GuardFailed, 0));
    assert!(describe(&guard, &program).contains("m divides n"));
    assert_eq!(session.bind(&[&[14], &[3]]), Err(Error::at(Code::DimMismatch, 0)));
    assert_eq!(session.bind(&[&[1], &[3]]), Err(Error::at(Code::OutOfBounds, 0)));
    let between = session.bind(&[&[13], &[1]]).expect_err("n = 5 is between 4 and 6");
    assert_eq!((between.code, between.at), (Code::OutOfBounds, Some(0)));
}

#[test]
fn failing_kernels_name_their_node_and_the_session_survives() {
    let file = Aligned::new(&write(|_| {
        let mut build = Build::new("main");
        let (one, four) = (build.exprs.constant(1), build.exprs.constant(4));
        let table = build.input("table", DType::F32, &[four]);
        let index = build.input("index", DType::I64, &[one]);
        let y = build.output("y", &[one]);
        build.step("select", &[table, index], &[y]);
        let mut panics = Build::new("panics");
        let one = panics.exprs.constant(1);
        let y = panics.output("y", &[one]);
        panics.step("panic", &[], &[y]);
        vec![build.finish(), panics.finish()]
    }));
    let artifact = Artifact::open(file.bytes()).expect("sound");
    let options = RunOptions::default();
    let program = Program::find(&artifact, "main").expect("there");
    let mut session = Session::new(program, &Bounds::of(&program), EXECUTORS, 1, Arena::Owned).expect("a session");
    session.bind(&[&[4], &[1]]).expect("fits");
    let table = Aligned::new(&bytes(&[1.0, 2.0, 3.0, 4.0]));
    let mut y = Aligned::new(&[0; 4]);
    for (index, outcome) in [(4i64, Err(Error::at(Code::IndexOutOfRange, 0))), (3, Ok(()))] {
        let index = Aligned::new(&index.to_le_bytes());
        assert_eq!(session.run(&[table.bytes(), index.bytes()], &mut [y.bytes_mut()], &options), outcome);
    }
    assert_eq!(y.bytes(), bytes(&[4.0]));
    let program = Program::find(&artifact, "panics").expect("there");
    let mut session = Session::new(program, &Bounds::of(&program), EXECUTORS, 1, Arena::Owned).expect("a session");
    session.bind(&[]).expect("no inputs");
    for _ in 0..2 {
        let outcome = session.run(&[], &mut [y.bytes_mut()], &options);
        assert_eq!(outcome, Err(Error::at(Code::KernelFailed, 0)));
    }
}

#[test]
fn operands_may_repeat_and_outputs_may_be_read_again() {
    const COUNT: usize = 250;
    let file = Aligned::new(&write(|weight| {
        let mut build = Build::new("main");
        let (one, many) = (build.exprs.constant(1), build.exprs.constant(6 + 2 + COUNT as i64));
        let x = build.input("x", DType::F32, &[one]);
        let first = build.output("first", &[one]);
        let all = build.output("all", &[many]);
        let held = build.buffer(&[one], 0, 2);
        let weight = m4c_format::description::Operand::new(Place::Constant, weight, DType::F32, &[]);
        build.step("double", std::slice::from_ref(&x), std::slice::from_ref(&held));
        build.step("add", &[x, held.clone()], std::slice::from_ref(&first));
        let mut operands = vec![held; COUNT];
        operands.insert(7, first.clone());
        operands.insert(100, weight);
        operands.insert(200, first);
        build.step("concat", &operands, &[all]);
        vec![build.finish()]
    }));
    let artifact = Artifact::open(file.bytes()).expect("sound");
    let program = Program::find(&artifact, "main").expect("there");
    let mut session = Session::new(program, &Bounds::of(&program), EXECUTORS, 1, Arena::Owned).expect("a session");
    session.bind(&[&[1]]).expect("fits");
    let x = Aligned::new(&bytes(&[1.0]));
    let (mut first, mut all) = (Aligned::new(&[0; 4]), Aligned::new(&[0; 4 * (8 + COUNT)]));
    session.run(&[x.bytes()], &mut [first.bytes_mut(), all.bytes_mut()], &RunOptions::default()).expect("runs");
    let mut expected = vec![2.0; COUNT];
    expected.insert(7, 3.0);
    expected.splice(100..100, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    expected.insert(205, 3.0);
    assert_eq!(all.bytes(), bytes(&expected));
    assert_eq!(first.bytes(), bytes(&[3.0]));
}
