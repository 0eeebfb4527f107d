//! Sessions are made for bounds, and say which bound is missing or wrong before they take memory.

use m4c_format::{DType, GuardKind};
use m4c_runtime::{Arena, Artifact, Bounds, Code, Error, Executor, Program, Session, describe};

use crate::executor::EXECUTORS;
use crate::model::{Aligned, Build, sample, write};

#[test]
fn an_unbounded_symbol_is_named() {
    let file = Aligned::new(&sample());
    let artifact = Artifact::open(file.bytes()).expect("sound");
    let program = Program::find(&artifact, "main").expect("there");
    let error = program.memory(&Bounds::of(&program), EXECUTORS, 1).expect_err("unbounded");
    assert_eq!(error, Error::at(Code::UnboundedSymbol, 0));
    assert!(describe(&error, &program).contains("`rows`"));
}

#[test]
fn bounds_outside_the_declared_range_are_refused() {
    let file = Aligned::new(&sample());
    let artifact = Artifact::open(file.bytes()).expect("sound");
    let program = Program::find(&artifact, "main").expect("there");
    let mut bounds = Bounds::of(&program);
    assert_eq!(bounds.at_most(&program, "rows", -1).err(), Some(Error::at(Code::BoundOutOfRange, 0)));
    assert_eq!(bounds.at_most(&program, "columns", 1).err(), Some(Error::new(Code::WrongName)));
    let other = Program::find(&artifact, "second").expect("there");
    assert_eq!(other.memory(&bounds, EXECUTORS, 1).map_err(|error| error.code), Err(Code::WrongName));
}

#[test]
fn enormous_bounds_are_too_large_and_take_no_memory() {
    let file = Aligned::new(&sample());
    let artifact = Artifact::open(file.bytes()).expect("sound");
    let program = Program::find(&artifact, "main").expect("there");
    for high in [i64::MAX - 1, i64::MAX / 12, i64::MAX / 100] {
        let mut bounds = Bounds::of(&program);
        bounds.at_most(&program, "rows", high).expect("in range");
        let outcome = Session::new(program, &bounds, EXECUTORS, 1, Arena::Owned);
        assert_eq!(outcome.err().map(|error| error.code), Some(Code::TooLarge), "{high}");
    }
}

#[test]
fn missing_executors_and_kernels_are_named() {
    struct Empty;
    impl Executor for Empty {
        fn name(&self) -> &'static str {
            "test"
        }
        fn kernel(&self, _: &str) -> Option<&'static dyn m4c_runtime::Kernel> {
            None
        }
    }
    static EMPTY: &[&dyn Executor] = &[&Empty];
    let file = Aligned::new(&sample());
    let artifact = Artifact::open(file.bytes()).expect("sound");
    let program = Program::find(&artifact, "second").expect("there");
    let bounds = Bounds::of(&program);
    assert_eq!(program.memory(&bounds, &[], 1), Err(Error::at(Code::MissingExecutor, 0)));
    let error = program.memory(&bounds, EMPTY, 1).expect_err("no kernel");
    assert_eq!(error, Error::at(Code::UnknownKernel, 0));
    assert!(describe(&error, &program).contains("`add`"));
}

#[test]
fn a_guard_lends_its_bound_to_another_name_of_the_size() {
    let file = Aligned::new(&write(|_| {
        let mut build = Build::new("main");
        let n = build.symbol("n", 0, i64::MAX, 1);
        let m = build.symbol("m", 0, i64::MAX, 1);
        build.guard(GuardKind::Equal, n, m, "n = m");
        let a = build.input("a", DType::F32, &[n]);
        let b = build.input("b", DType::F32, &[m]);
        let y = build.output("y", &[n]);
        build.step("add", &[a, b], &[y]);
        vec![build.finish()]
    }));
    let artifact = Artifact::open(file.bytes()).expect("sound");
    let program = Program::find(&artifact, "main").expect("there");
    let mut bounds = Bounds::of(&program);
    bounds.at_most(&program, "n", 5).expect("in range");
    let mut session = Session::new(program, &bounds, EXECUTORS, 1, Arena::Owned).expect("a session");
    session.bind(&[&[4], &[4]]).expect("equal");
    assert_eq!(session.bind(&[&[4], &[3]]), Err(Error::at(Code::GuardFailed, 0)));
    assert_eq!(session.bind(&[&[6], &[6]]), Err(Error::at(Code::OutOfBounds, 0)));
}

#[test]
fn a_symbol_that_no_input_determines_needs_one_value() {
    let file = Aligned::new(&write(|_| {
        let mut build = Build::new("main");
        let n = build.symbol("n", 1, 9, 1);
        let one = build.exprs.constant(1);
        let a = build.input("a", DType::F32, &[one]);
        let y = build.output("y", &[n]);
        let operands = vec![a; 4];
        build.step("concat", &operands, &[y]);
        vec![build.finish()]
    }));
    let artifact = Artifact::open(file.bytes()).expect("sound");
    let program = Program::find(&artifact, "main").expect("there");
    let mut bounds = Bounds::of(&program);
    bounds.exactly(&program, "n", 4).expect("in range");
    let mut session = Session::new(program, &bounds, EXECUTORS, 1, Arena::Owned).expect("a session");
    session.bind(&[&[1]]).expect("fits");
    assert_eq!(session.output_dims(0), Ok(&[4][..]));
    bounds.exactly(&program, "n", 5).expect("in range");
    let error = Session::new(program, &bounds, EXECUTORS, 1, Arena::Owned).err();
    assert_eq!(error.map(|error| (error.code, error.at)), Some((Code::BadStep, Some(0))));
}
