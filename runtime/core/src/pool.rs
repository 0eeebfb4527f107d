//! Threads that wait for jobs; handing jobs out allocates nothing.

#![allow(unsafe_code)]

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::error::{Code, Error};
use crate::executor::Threads;

/// How often a thread looks, for jobs or for the end of those of others, before it sleeps, some 200 microseconds in all: steps
/// follow each other within microseconds, and to be woken may take as long as a step.
const SPINS: usize = 10_000;

/// A fixed set of threads. The caller's thread works too, so a pool of `n` starts `n - 1`.
#[derive(Debug)]
pub struct ThreadPool {
    shared: Arc<Shared>,
    /// Held while jobs run. Jobs that themselves start jobs, and a second caller, run theirs alone.
    running: Mutex<()>,
    workers: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    done: Condvar,
    /// Copy of `State::tickets` for workers that look without locking.
    tickets: AtomicUsize,
    /// Copy of `State::active` for the caller.
    active: AtomicUsize,
    /// The next job to start.
    next: AtomicUsize,
}

#[derive(Debug, Default)]
struct State {
    batch: Option<Batch>,
    /// How many more workers may join the batch.
    tickets: usize,
    /// How many workers are in the batch.
    active: usize,
    panic: Option<PanicPayload>,
    stop: bool,
}

struct PanicPayload(Box<dyn Any + Send>);

impl std::fmt::Debug for PanicPayload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PanicPayload")
    }
}

type Job = dyn Fn(usize) + Sync;

#[derive(Clone, Copy, Debug)]
struct Batch {
    job: *const Job,
    jobs: usize,
}

// SAFETY: the job is `Sync`, so calling it from another thread is sound while it lives, which `ThreadPool::run` ensures.
unsafe impl Send for Batch {}

impl ThreadPool {
    /// Starts the threads.
    ///
    /// # Errors
    /// [`Code::Io`] where the system refuses one.
    pub fn new(threads: usize) -> Result<ThreadPool, Error> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            wake: Condvar::new(),
            done: Condvar::new(),
            tickets: AtomicUsize::new(0),
            active: AtomicUsize::new(0),
            next: AtomicUsize::new(0),
        });
        let mut pool = ThreadPool { shared, running: Mutex::new(()), workers: Vec::new() };
        for number in 1..threads {
            let shared = Arc::clone(&pool.shared);
            let builder = std::thread::Builder::new().name(format!("m4c-{number}"));
            pool.workers.push(builder.spawn(move || shared.serve()).map_err(|_| Error::new(Code::Io))?);
        }
        Ok(pool)
    }
}

impl Threads for ThreadPool {
    fn count(&self) -> usize {
        self.workers.len() + 1
    }

    /// Panics where a job panicked, after all others are done.
    fn run(&self, jobs: usize, job: &(dyn Fn(usize) + Sync)) {
        let helpers = self.workers.len().min(jobs.saturating_sub(1));
        let Ok(_running) = self.running.try_lock() else { return (0..jobs).for_each(job) };
        if helpers == 0 {
            return (0..jobs).for_each(job);
        }
        let shared = &*self.shared;
        // SAFETY: only the lifetime changes. Workers reach the pointer through a ticket; before this function returns, the
        // tickets are withdrawn and every worker that took one has left the batch.
        let erased = unsafe { std::mem::transmute::<*const (dyn Fn(usize) + Sync + '_), *const Job>(job) };
        let batch = Batch { job: erased, jobs };
        shared.next.store(0, Ordering::Relaxed);
        {
            let mut state = shared.lock();
            state.batch = Some(batch);
            state.tickets = helpers;
            shared.tickets.store(helpers, Ordering::Relaxed);
        }
        if helpers == self.workers.len() {
            shared.wake.notify_all();
        } else {
            (0..helpers).for_each(|_| shared.wake.notify_one());
        }
        let own = catch_unwind(AssertUnwindSafe(|| shared.work(jobs, job)));
        let mut state = shared.lock();
        state.tickets = 0;
        shared.tickets.store(0, Ordering::Relaxed);
        if state.active > 0 {
            drop(state);
            spin_while(|| shared.active.load(Ordering::Relaxed) > 0);
            state = shared.lock();
        }
        while state.active > 0 {
            state = shared.done.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.batch = None;
        let theirs = state.panic.take();
        drop(state);
        drop(_running);
        if let Some(payload) = own.err().or(theirs.map(|payload| payload.0)) {
            resume_unwind(payload);
        }
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.wake.notify_all();
        for worker in self.workers.drain(..) {
            // A worker catches the panics of jobs, so there is nothing to learn from its result.
            let _ = worker.join();
        }
    }
}

/// Waits for a condition to end, not for long.
fn spin_while(condition: impl Fn() -> bool) {
    let mut spins = 0;
    while spins < SPINS && condition() {
        std::hint::spin_loop();
        spins += 1;
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, jobs: usize, job: &(dyn Fn(usize) + Sync)) {
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            if index >= jobs {
                return;
            }
            job(index);
        }
    }

    fn serve(&self) {
        loop {
            spin_while(|| self.tickets.load(Ordering::Relaxed) == 0);
            let mut state = self.lock();
            while state.tickets == 0 && !state.stop {
                state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if state.stop {
                return;
            }
            let Some(batch) = state.batch else { continue };
            state.tickets -= 1;
            self.tickets.store(state.tickets, Ordering::Relaxed);
            state.active += 1;
            self.active.store(state.active, Ordering::Relaxed);
            drop(state);
            // SAFETY: this worker is counted in `active`, so `ThreadPool::run` has not returned and the job lives.
            let job = unsafe { &*batch.job };
            let outcome = catch_unwind(AssertUnwindSafe(|| self.work(batch.jobs, job)));
            let mut state = self.lock();
            state.active -= 1;
            self.active.store(state.active, Ordering::Relaxed);
            if let Err(payload) = outcome {
                state.panic = Some(PanicPayload(payload));
            }
            if state.active == 0 {
                self.done.notify_one();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;

    #[test]
    fn every_job_runs_once() {
        let pool = ThreadPool::new(4).expect("threads start");
        for jobs in (0..200).chain([10_000]) {
            let counts: Vec<AtomicU32> = (0..jobs).map(|_| AtomicU32::new(0)).collect();
            pool.run(jobs, &|index| {
                counts[index].fetch_add(1, Ordering::Relaxed);
            });
            assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 1), "{jobs} jobs");
        }
    }

    #[test]
    fn jobs_may_start_jobs() {
        let pool = ThreadPool::new(3).expect("threads start");
        let count = AtomicU32::new(0);
        pool.run(5, &|_| {
            pool.run(7, &|_| {
                count.fetch_add(1, Ordering::Relaxed);
            });
        });
        assert_eq!(count.load(Ordering::Relaxed), 35);
    }

    #[test]
    fn a_panicking_job_reaches_the_caller_and_the_pool_survives() {
        let pool = ThreadPool::new(3).expect("threads start");
        for culprit in 0..8 {
            let run = || pool.run(8, &|index| assert!(index != culprit, "planted"));
            assert!(catch_unwind(AssertUnwindSafe(run)).is_err());
        }
        every_job_runs_once();
        pool.run(3, &|_| {});
    }
}
