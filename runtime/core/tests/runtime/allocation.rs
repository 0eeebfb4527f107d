//! Counts allocations: binding and running make none.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use m4c_runtime::{Arena, Artifact, Bounds, Program, RunOptions, Session, ThreadPool};

use crate::executor::EXECUTORS;
use crate::model::{Aligned, sample};

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

fn count() -> usize {
    COUNT.with(Cell::get)
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
    let options = RunOptions { threads: &pool, ..RunOptions::default() };
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
