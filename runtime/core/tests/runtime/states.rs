//! States: what one program writes another finds, in place, within bounds, and unharmed by failures.

use std::sync::atomic::{AtomicBool, Ordering};

use m4c_runtime::{
    Arena, Artifact, Bounds, Code, Error, Observer, Program, RunOptions, Session, SingleThread, StateBounds, States,
    describe,
};

use crate::executor::EXECUTORS;
use crate::model::{Aligned, bytes, sample, sample_with_states};

fn states<'a>(artifact: &'a Artifact<'a>, rows: i64, batch: i64) -> States<'a> {
    let mut bounds = StateBounds::new();
    bounds.at_most(artifact, "kv", rows).expect("in range").at_most(artifact, "batch", batch).expect("in range");
    States::new(artifact, &bounds, Arena::Owned).expect("states")
}

fn session<'a>(artifact: &'a Artifact<'a>, name: &str, states: &States<'_>) -> Session<'a> {
    let program = Program::find(artifact, name).expect("there");
    let mut bounds = Bounds::of(&program);
    bounds.within(&program, states).expect("the states leave sizes");
    Session::new(program, &bounds, EXECUTORS, 1, Arena::Owned).expect("a session")
}

/// Runs `first` over `rows` rows of a batch: element (row, i, j) is 100 row + 10 i + j.
fn first(session: &mut Session<'_>, states: &mut States<'_>, rows: usize, batch: usize) -> Result<(), Error> {
    session.bind_with(&[&[rows, batch, 2], &[2]], states)?;
    let (x, b) = (Aligned::new(&elements(0..rows, batch, 1.0)), Aligned::new(&bytes(&[3.0, 4.0])));
    session.run_with(&[x.bytes(), b.bytes()], &mut [], states, &RunOptions::default())
}

fn elements(rows: std::ops::Range<usize>, batch: usize, factor: f32) -> Vec<u8> {
    let row = |row| (0..batch * 2).map(move |i| factor * (100 * row + 10 * (i / 2) + i % 2) as f32);
    bytes(&rows.flat_map(row).collect::<Vec<_>>())
}

/// Runs `next`, which adds row number `row`, and gives the outputs.
fn next(
    session: &mut Session<'_>,
    states: &mut States<'_>,
    row: usize,
    batch: usize,
    options: &RunOptions<'_>,
) -> Result<(Vec<u8>, Vec<u8>), Error> {
    session.bind_with(&[&[1, batch, 2], &[2]], states)?;
    let (x, b) = (Aligned::new(&elements(row..row + 1, batch, 1.0)), Aligned::new(&bytes(&[1.0, 1.0])));
    let mut rows = Aligned::new(&vec![0; session.output_bytes(0)?]);
    let mut before = Aligned::new(&[0; 8]);
    session.run_with(&[x.bytes(), b.bytes()], &mut [rows.bytes_mut(), before.bytes_mut()], states, options)?;
    Ok((rows.bytes().to_vec(), before.bytes().to_vec()))
}

/// Row-major elements of `kv` as callers see them: batch, then rows.
fn seen(rows: usize, batch: usize) -> Vec<u8> {
    let element = |i: usize| 2.0 * (100 * (i / 2 % rows) + 10 * (i / 2 / rows) + i % 2) as f32;
    bytes(&(0..batch * rows * 2).map(element).collect::<Vec<_>>())
}

fn content(states: &States<'_>, state: usize) -> Vec<u8> {
    let mut out = vec![0; states.bytes(state)];
    states.get(state, &mut out).expect("not empty");
    out
}

#[test]
fn what_one_program_writes_another_finds_and_adds_to() {
    let file = Aligned::new(&sample_with_states());
    let artifact = Artifact::open(file.bytes()).expect("sound");
    let mut states = states(&artifact, 6, 3);
    let (mut one, mut two) = (session(&artifact, "first", &states), session(&artifact, "next", &states));
    for batch in [2, 3, 1] {
        states.reset();
        first(&mut one, &mut states, 2, batch).expect("runs");
        for row in 2..6 {
            let (rows, before) = next(&mut two, &mut states, row, batch, &RunOptions::default()).expect("runs");
            assert_eq!(rows, elements(0..row + 1, batch, 4.0));
            let sum = row as f32 - 2.0;
            assert_eq!(before, bytes(&[2.0 * (6.0 + sum), 2.0 * (8.0 + sum)]));
            assert_eq!(states.dims(0), Some(&[batch, row + 1, 2][..]));
            assert_eq!(content(&states, 0), seen(row + 1, batch));
            assert_eq!(content(&states, 1), bytes(&[7.0 + sum, 9.0 + sum]));
        }
    }
}

#[test]
fn an_empty_state_grows_from_nothing_and_content_goes_in_and_out() {
    let file = Aligned::new(&sample_with_states());
    let artifact = Artifact::open(file.bytes()).expect("sound");
    let mut states = states(&artifact, 6, 2);
    let mut two = session(&artifact, "next", &states);
    let program = two.program();
    let (kv, sum) = (program.state("past").expect("there"), program.state("sum.out").expect("there"));
    assert_eq!((program.state("present"), states.find("kv"), states.find("sum")), (Ok(kv), Ok(kv), Ok(sum)));
    assert_eq!(program.state("x"), Err(Error::new(Code::WrongName)));
    let empty = next(&mut two, &mut states, 0, 2, &RunOptions::default()).expect_err("the sum is empty");
    assert_eq!(empty, Error::at(Code::StateEmpty, 1));
    assert!(describe(&empty, &program).contains("state `sum`, which is `sum.in` f32[2]"));
    states.set(sum, &[2], &bytes(&[0.5, 0.25])).expect("fits");
    let (rows, before) = next(&mut two, &mut states, 0, 2, &RunOptions::default()).expect("runs");
    assert_eq!((rows, before), (elements(0..1, 2, 4.0), bytes(&[1.0, 0.5])));

    states.set(kv, &[2, 3, 2], &seen(3, 2)).expect("fits");
    assert_eq!(content(&states, kv), seen(3, 2));
    let (rows, _) = next(&mut two, &mut states, 3, 2, &RunOptions::default()).expect("runs");
    assert_eq!(rows, elements(0..4, 2, 4.0));

    states.truncate("kv", 2).expect("there");
    assert_eq!(content(&states, kv), seen(2, 2));
    next(&mut two, &mut states, 2, 2, &RunOptions::default()).expect("runs");
    assert_eq!(content(&states, kv), seen(3, 2));
    assert_eq!(states.truncate("batch", 1), Err(Error::new(Code::WrongName)));
    states.truncate("kv", 0).expect("there");
    assert_eq!((states.dims(kv), states.bytes(kv)), (None, 0));
    assert_eq!(states.get(kv, &mut []), Err(Error::at(Code::StateEmpty, 0)));
}

#[test]
fn a_state_is_forked_into_others() {
    let file = Aligned::new(&sample_with_states());
    let artifact = Artifact::open(file.bytes()).expect("sound");
    let mut old = states(&artifact, 6, 2);
    let mut new = states(&artifact, 4, 3);
    first(&mut session(&artifact, "first", &old), &mut old, 4, 2).expect("runs");
    new.copy_from(&old).expect("fits");
    assert_eq!(content(&new, 0), seen(4, 2));
    assert_eq!(content(&new, 1), content(&old, 1));
    let mut two = session(&artifact, "next", &old);
    next(&mut two, &mut old, 4, 2, &RunOptions::default()).expect("runs");
    assert_eq!(content(&new, 0), seen(4, 2));
    assert_eq!(new.copy_from(&old), Err(Error::at(Code::StateFull, 0)));
    assert_eq!(content(&new, 0), seen(4, 2));
}

/// The memory is lent, so that every byte of it can be compared.
#[test]
fn a_run_touches_only_the_rows_that_it_adds() {
    let file = Aligned::new(&sample_with_states());
    let artifact = Artifact::open(file.bytes()).expect("sound");
    let mut bounds = StateBounds::new();
    bounds.at_most(&artifact, "kv", 10).expect("in range").at_most(&artifact, "batch", 3).expect("in range");
    let needed = States::memory(&artifact, &bounds).expect("bounded");
    assert_eq!(needed, (10 * 3 * 8usize).next_multiple_of(64) + 2 * 64);
    let mut memory = Aligned::new(&vec![0xAB; needed]);
    let expected = {
        let mut states = States::new(&artifact, &bounds, Arena::Borrowed(memory.bytes_mut())).expect("states");
        first(&mut session(&artifact, "first", &states), &mut states, 2, 3).expect("runs");
        let mut two = session(&artifact, "next", &states);
        for row in 2..5 {
            next(&mut two, &mut states, row, 3, &RunOptions::default()).expect("runs");
        }
        elements(0..5, 3, 2.0)
    };
    assert_eq!(memory.bytes()[..expected.len()], expected);
    assert!(memory.bytes()[expected.len()..256].iter().all(|&byte| byte == 0xAB));
    let short = &mut memory.bytes_mut()[..needed - 1];
    let error = States::new(&artifact, &bounds, Arena::Borrowed(short)).err();
    assert_eq!(error, Some(Error::new(Code::ArenaTooSmall)));
}

#[test]
fn a_run_without_room_is_refused_and_leaves_the_state_alone() {
    let file = Aligned::new(&sample_with_states());
    let artifact = Artifact::open(file.bytes()).expect("sound");
    let mut states = states(&artifact, 3, 2);
    let (mut one, mut two) = (session(&artifact, "first", &states), session(&artifact, "next", &states));
    first(&mut one, &mut states, 3, 2).expect("runs");
    let full = next(&mut two, &mut states, 3, 2, &RunOptions::default()).expect_err("no room");
    assert_eq!(full.code, Code::OutOfBounds, "the session knows the bounds of the states");
    // A session for more than the states hold meets the states' own limit.
    let program = two.program();
    let mut bounds = Bounds::of(&program);
    bounds.at_most(&program, "past", 50).expect("in range").at_most(&program, "batch", 9).expect("in range");
    let mut wide = Session::new(program, &bounds, EXECUTORS, 1, Arena::Owned).expect("a session");
    let full = next(&mut wide, &mut states, 3, 2, &RunOptions::default()).expect_err("no room");
    assert_eq!(full, Error::at(Code::StateFull, 0));
    assert!(describe(&full, &program).contains("state `kv`"), "{}", describe(&full, &program));
    assert_eq!(content(&states, 0), seen(3, 2));
    let mismatch = next(&mut wide, &mut states, 3, 1, &RunOptions::default()).expect_err("another batch");
    assert_eq!(mismatch, Error::at(Code::StateMismatch, 0));
    assert_eq!(content(&states, 0), seen(3, 2));

    assert_eq!(states.set(0, &[2, 4, 2], &seen(4, 2)), Err(Error::at(Code::StateFull, 0)));
    assert_eq!(states.set(0, &[2, 2, 3], &[]), Err(Error::at(Code::StateMismatch, 0)));
    assert_eq!(states.set(0, &[2, 2], &[]).map_err(|error| error.code), Err(Code::StateMismatch));
    assert_eq!(states.set(0, &[2, 2, 2], &[0; 31]).map_err(|error| error.code), Err(Code::BufferTooSmall));
    assert_eq!(states.set(2, &[], &[]).map_err(|error| error.code), Err(Code::WrongName));
    assert_eq!(states.get(0, &mut [0; 47]).map_err(|error| error.code), Err(Code::BufferTooSmall));
    assert_eq!(content(&states, 0), seen(3, 2));
}

#[test]
fn a_failed_run_leaves_what_it_adds_to_or_carries_as_it_was() {
    struct CancelAt<'c>(&'c AtomicBool, usize);
    impl Observer for CancelAt<'_> {
        fn before_step(&self, _: usize, _: u32) {}
        fn after_step(&self, step: usize, _: u32) {
            self.0.store(step == self.1, Ordering::Relaxed);
        }
    }
    let file = Aligned::new(&sample_with_states());
    let artifact = Artifact::open(file.bytes()).expect("sound");
    let mut states = states(&artifact, 9, 2);
    let (mut one, mut two) = (session(&artifact, "first", &states), session(&artifact, "next", &states));
    first(&mut one, &mut states, 2, 2).expect("runs");
    let cancel = AtomicBool::new(false);
    for step in 0..3 {
        let observer = CancelAt(&cancel, step);
        let options = RunOptions { threads: &SingleThread, cancel: Some(&cancel), observer: Some(&observer) };
        assert_eq!(next(&mut two, &mut states, 7, 2, &options), Err(Error::new(Code::Cancelled)));
        cancel.store(false, Ordering::Relaxed);
        assert_eq!(content(&states, 0), seen(2, 2), "after step {step}");
        assert_eq!(content(&states, 1), bytes(&[6.0, 8.0]), "after step {step}");
    }
    next(&mut two, &mut states, 2, 2, &RunOptions::default()).expect("runs");
    assert_eq!(content(&states, 0), seen(3, 2));

    // What is written without being read is empty until the run has succeeded; what is carried has a second copy.
    let observer = CancelAt(&cancel, 0);
    let options = RunOptions { threads: &SingleThread, cancel: Some(&cancel), observer: Some(&observer) };
    one.bind_with(&[&[2, 2, 2], &[2]], &states).expect("fits");
    let (x, b) = (Aligned::new(&elements(0..2, 2, 9.0)), Aligned::new(&[0; 8]));
    let outcome = one.run_with(&[x.bytes(), b.bytes()], &mut [], &mut states, &options);
    assert_eq!(outcome, Err(Error::new(Code::Cancelled)));
    assert_eq!((states.dims(0), content(&states, 1)), (None, bytes(&[7.0, 9.0])));
}

#[test]
fn states_and_sessions_must_belong_together() {
    let file = Aligned::new(&sample_with_states());
    let (artifact, other) = (Artifact::open(file.bytes()).expect("sound"), Aligned::new(&sample_with_states()));
    let other = Artifact::open(other.bytes()).expect("sound");
    let (mut mine, theirs) = (states(&artifact, 4, 2), states(&other, 4, 2));
    let mut one = session(&artifact, "first", &mine);
    let mut two = session(&artifact, "next", &mine);
    let shapes: [&[usize]; 2] = [&[1, 2, 2], &[2]];
    assert_eq!(one.bind(&shapes), Err(Error::new(Code::StatesMissing)));
    assert_eq!(one.bind_with(&shapes, &theirs).map_err(|error| error.code), Err(Code::StatesMissing));
    assert_eq!(mine.copy_from(&theirs).map_err(|error| error.code), Err(Code::StatesMissing));
    let error = Bounds::of(&one.program()).within(&one.program(), &theirs).err();
    assert_eq!(error.map(|error| error.code), Some(Code::StatesMissing));
    one.bind_with(&shapes, &mine).expect("fits");
    let outcome = one.run(&[&[], &[]], &mut [], &RunOptions::default());
    assert_eq!(outcome, Err(Error::new(Code::StatesMissing)));

    first(&mut one, &mut mine, 2, 2).expect("runs");
    two.bind_with(&shapes, &mine).expect("fits");
    mine.truncate("kv", 1).expect("there");
    let (x, mut y) = (Aligned::new(&[0; 64]), Aligned::new(&[0; 128]));
    let (rows, before) = y.bytes_mut().split_at_mut(64);
    let outcome = two.run_with(&[x.bytes(), x.bytes()], &mut [rows, before], &mut mine, &RunOptions::default());
    assert_eq!(outcome, Err(Error::at(Code::StateChanged, 0)));

    // A program without states runs with any of its artifact, and with none.
    let plain = Aligned::new(&sample());
    let plain = Artifact::open(plain.bytes()).expect("sound");
    let none = States::new(&plain, &StateBounds::new(), Arena::Owned).expect("no states");
    let program = Program::find(&plain, "second").expect("there");
    let mut session = Session::new(program, &Bounds::of(&program), EXECUTORS, 1, Arena::Owned).expect("a session");
    session.bind_with(&[&[2]], &none).expect("fits");
    session.bind(&[&[2]]).expect("fits");
}

#[test]
fn bounds_of_states_are_checked_before_memory_is_taken() {
    let file = Aligned::new(&sample_with_states());
    let artifact = Artifact::open(file.bytes()).expect("sound");
    let mut bounds = StateBounds::new();
    let unbounded = States::memory(&artifact, &bounds).expect_err("the batch has no bound");
    assert_eq!(unbounded, Error::at(Code::UnboundedState, 0));
    let code = |outcome: Result<&mut StateBounds<'_>, Error>| outcome.err().map(|error| error.code);
    assert_eq!(code(bounds.at_most(&artifact, "rows", 1)), Some(Code::WrongName));
    assert_eq!(code(bounds.at_most(&artifact, "", 1)), Some(Code::WrongName));
    assert_eq!(code(bounds.at_most(&artifact, "kv", 101)), Some(Code::StateBoundOutOfRange));
    assert_eq!(code(bounds.at_most(&artifact, "kv", -1)), Some(Code::StateBoundOutOfRange));
    for batch in [i64::MAX - 1, i64::MAX / 800, i64::MAX / 1700] {
        bounds.at_most(&artifact, "batch", batch).expect("in range");
        let outcome = States::new(&artifact, &bounds, Arena::Owned).err();
        assert_eq!(outcome.map(|error| error.code), Some(Code::TooLarge), "{batch}");
    }
    bounds.at_most(&artifact, "batch", 0).expect("in range");
    let states = States::new(&artifact, &bounds, Arena::Owned).expect("states");
    let program = Program::find(&artifact, "next").expect("there");
    let outcome = Bounds::of(&program).within(&program, &states).err();
    assert_eq!(outcome, Some(Error::at(Code::BoundOutOfRange, 0)), "a batch of at least 1 does not fit");
}
