//! The threads of a session: its own pool, or the caller's.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

use m4c_runtime::{ThreadPool, Threads};

/// The callback that one job is.
type RunJob = unsafe extern "C" fn(state: *mut c_void, index: usize);

/// `m4c_run_jobs` of the header.
pub type RunJobs = unsafe extern "C" fn(context: *mut c_void, jobs: usize, job: RunJob, state: *mut c_void);

/// Where a session's jobs run.
pub(crate) enum Workers {
    Pool(ThreadPool),
    Caller(CallerThreads),
}

impl Workers {
    pub(crate) fn threads(&self) -> &dyn Threads {
        match self {
            Workers::Pool(pool) => pool,
            Workers::Caller(caller) => caller,
        }
    }
}

/// The caller's threads behind its callback.
pub(crate) struct CallerThreads {
    pub(crate) run: RunJobs,
    pub(crate) context: *mut c_void,
    pub(crate) count: usize,
}

// SAFETY: the context is only passed back to the caller's function, on the thread that runs the session.
unsafe impl Send for CallerThreads {}
// SAFETY: as above; a session is run by one thread at a time.
unsafe impl Sync for CallerThreads {}

struct Jobs<'j> {
    job: &'j (dyn Fn(usize) + Sync),
    jobs: usize,
    panicked: AtomicBool,
}

impl Threads for CallerThreads {
    fn count(&self) -> usize {
        self.count
    }

    fn run(&self, jobs: usize, job: &(dyn Fn(usize) + Sync)) {
        let state = Jobs { job, jobs, panicked: AtomicBool::new(false) };
        let pointer: *const Jobs<'_> = &state;
        // SAFETY: the header asks for a function that calls the job only before it returns, while `state` lives.
        unsafe { (self.run)(self.context, jobs, run_one, pointer.cast_mut().cast()) };
        if state.panicked.load(Ordering::Acquire) {
            resume_unwind(Box::new("a job panicked"));
        }
    }
}

unsafe extern "C" fn run_one(state: *mut c_void, index: usize) {
    // SAFETY: the pointer is the one that `run` passed, and its `Jobs` lives until the caller's function returns.
    let state = unsafe { &*state.cast_const().cast::<Jobs<'_>>() };
    let in_range = index < state.jobs;
    if !in_range || catch_unwind(AssertUnwindSafe(|| (state.job)(index))).is_err() {
        state.panicked.store(true, Ordering::Release);
    }
}
