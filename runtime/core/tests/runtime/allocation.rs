//! Counts allocations: binding and running make none.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use m4c_runtime::{Arena, Artifact, Bounds, Observer, Program, RunOptions, Session, StateBounds, States, ThreadPool};

use crate::executor::EXECUTORS;
use crate::model::{Aligned, sample, sample_with_states};

struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
    static BYTES: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is passed on unchanged to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        BYTES.with(|bytes| bytes.set(bytes.get() + layout.size()));
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes that this thread allocated while `work` ran.
pub(crate) fn bytes_allocated(work: impl FnOnce()) -> usize {
    let before = BYTES.with(Cell::get);
    work();
    BYTES.with(Cell::get) - before
}

pub(crate) fn count() -> usize {
    COUNT.with(Cell::get)
}

struct Calls(Cell<usize>);

impl Observer for Calls {
    fn before_step(&self, _: usize, _: u32) {}

    fn after_step(&self, _: usize, _: u32) {
        self.0.set(self.0.get() + 1);
    }
}

#[test]
fn binding_and_running_allocate_nothing() {
    let file = Aligned::new(&sample());
    let artifact = Artifact::open(file.bytes()).expect("sound");
    let program = Program::find(&artifact, "main").expect("there");
    let mut bounds = Bounds::of(&program);
    bounds.at_most(&program, "rows", 9).expect("in range");
    let mut session = Session::new(program, &bounds, EXECUTORS, 3, Arena::Owned).expect("a session");
    let pool = ThreadPool::new(3).expect("threads start");
    let observer = Calls(Cell::new(0));
    let options = RunOptions { threads: &pool, observer: Some(&observer), ..RunOptions::default() };
    let x = Aligned::new(&[0; 108]);
    let mut y = Aligned::new(&[0; 132]);
    let before = count();
    for rows in [9, 0, 4, 4, 9] {
        session.bind(&[&[rows, 3]]).expect("fits");
        session.run(&[x.bytes()], &mut [y.bytes_mut()], &options).expect("runs");
        assert!(session.bind(&[&[rows, 4]]).is_err());
        assert!(session.run(&[x.bytes()], &mut [y.bytes_mut()], &options).is_err());
    }
    assert_eq!(count() - before, 0);
    assert_eq!(observer.0.get(), 5 * 3);
}

#[test]
fn binding_and_running_with_states_allocate_nothing() {
    let file = Aligned::new(&sample_with_states());
    let artifact = Artifact::open(file.bytes()).expect("sound");
    let mut bounds = StateBounds::new();
    bounds.at_most(&artifact, "kv", 9).expect("in range").at_most(&artifact, "batch", 2).expect("in range");
    let mut states = States::new(&artifact, &bounds, Arena::Owned).expect("states");
    let session = |name: &str| {
        let program = Program::find(&artifact, name).expect("there");
        let mut bounds = Bounds::of(&program);
        bounds.within(&program, &states).expect("in range");
        Session::new(program, &bounds, EXECUTORS, 1, Arena::Owned).expect("a session")
    };
    let (mut first, mut next) = (session("first"), session("next"));
    let options = RunOptions::default();
    let (x, mut rows, mut before) = (Aligned::new(&[0; 64]), Aligned::new(&[0; 400]), Aligned::new(&[0; 8]));
    let start = count();
    for batch in [1, 2] {
        states.reset();
        first.bind_with(&[&[3, batch, 2], &[2]], &states).expect("fits");
        first.run_with(&[x.bytes(), x.bytes()], &mut [], &mut states, &options).expect("runs");
        for _ in 3..9 {
            next.bind_with(&[&[1, batch, 2], &[2]], &states).expect("fits");
            let mut outputs = [rows.bytes_mut(), before.bytes_mut()];
            next.run_with(&[x.bytes(), x.bytes()], &mut outputs, &mut states, &options).expect("runs");
        }
        assert!(next.bind_with(&[&[1, batch, 2], &[2]], &states).is_err());
        states.truncate("kv", 4).expect("there");
    }
    assert_eq!(count() - start, 0);
}

#[test]
fn the_tables_of_a_session_are_what_memory_says() {
    let file = Aligned::new(&sample());
    let artifact = Artifact::open(file.bytes()).expect("sound");
    let program = Program::find(&artifact, "second").expect("there");
    let bounds = Bounds::of(&program);
    let needs = program.memory(&bounds, EXECUTORS, 1).expect("bounded");
    let taken = bytes_allocated(|| {
        Session::new(program, &bounds, EXECUTORS, 1, Arena::Owned).expect("a session");
    });
    assert!(taken <= 4 * (needs.session + needs.arena) + 4096, "{taken} against {needs:?}");
}
