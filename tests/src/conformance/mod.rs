//! The node tests of the onnx package: each is compiled for the CPU and run, with its inputs given at run time.

pub mod attempt;
pub mod compare;
pub mod freeze;
pub mod lists;
pub mod open;
pub mod page;
pub mod primitives;
pub mod scope;
pub mod suite;

use attempt::{Attempt, attempt};
use m4c_compiler::onnx::message::ModelProto;
use m4c_target_cpu::CpuTarget;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use suite::Case;

/// Deep graphs recurse.
const STACK: usize = 64 << 20;

/// What became of one test.
#[derive(Clone, Debug)]
pub struct Record {
    /// The test's name.
    pub name: String,
    /// The operator that it tests, with its domain where that is not ONNX's own.
    pub operator: String,
    /// The version of the operator set, which for these tests is the one since when the operator is as it is.
    pub since: i64,
    /// Why it is out of scope, where it is.
    pub out_of_scope: Option<&'static str>,
    /// With all inputs given at run time.
    pub plain: Attempt,
    /// With shape-like operands as constants; not tried where the other passed or nothing can be frozen.
    pub frozen: Option<Attempt>,
    /// The better of both with the sizes of its inputs only known at run time, but for sizes 0 and 1.
    pub open: Attempt,
    /// Primitives of the graph, composites decomposed.
    pub primitives: BTreeSet<&'static str>,
}

impl Record {
    /// The better of the two attempts. What folds only because all sizes are known counts as it does with open sizes.
    pub fn outcome(&self) -> &Attempt {
        match self.at_fixed_sizes() {
            Attempt::Folded if self.open == Attempt::Passed => &self.open,
            attempt => attempt,
        }
    }

    fn at_fixed_sizes(&self) -> &Attempt {
        match &self.frozen {
            Some(frozen) if frozen.rank() >= self.plain.rank() => frozen,
            _ => &self.plain,
        }
    }
}

/// Runs the tests on all processors, in any order; the records are in the order of the tests.
pub fn run(cases: &[Case], frozen: &freeze::Frozen) -> Vec<Record> {
    let target = CpuTarget::new().expect("the target's tables");
    let next = AtomicUsize::new(0);
    let records: Mutex<Vec<Record>> = Mutex::new(Vec::new());
    let work = || {
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let record = record(case, frozen, &target);
            records.lock().expect("no thread panics").push(record);
        }
    };
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    attempt::quietly(|| {
        std::thread::scope(|scope| {
            for _ in 0..workers {
                let builder = std::thread::Builder::new().stack_size(STACK);
                builder.spawn_scoped(scope, work).expect("a thread");
            }
        });
    });
    let mut records = records.into_inner().expect("no thread panics");
    records.sort_by(|a, b| a.name.cmp(&b.name));
    records
}

fn record(case: &Case, frozen: &freeze::Frozen, target: &CpuTarget) -> Record {
    let mut record = Record {
        name: case.name.clone(),
        operator: case.operator.clone(),
        since: case.since,
        out_of_scope: scope::out_of_scope(&case.model),
        plain: Attempt::Missed("out of scope".into()),
        frozen: None,
        open: Attempt::Missed("out of scope".into()),
        primitives: BTreeSet::new(),
    };
    if record.out_of_scope.is_some() {
        return record;
    }
    let mut primitives = BTreeSet::new();
    let mut run = |model: &ModelProto| {
        let tried = catch_unwind(AssertUnwindSafe(|| attempt(case, model, target)));
        let (attempt, needed) = tried.unwrap_or_else(|_| (attempt::panicked(), BTreeSet::new()));
        primitives.extend(needed);
        attempt
    };
    record.plain = run(&case.model);
    let with_constants = if record.plain == Attempt::Passed { None } else { frozen.apply(case) };
    record.frozen = with_constants.as_ref().map(&mut run);
    let better = with_constants.as_ref().filter(|_| record.frozen.as_ref() == Some(record.at_fixed_sizes()));
    record.open = run(&open::with_open_sizes(better.unwrap_or(&case.model)));
    record.primitives = primitives;
    record
}
