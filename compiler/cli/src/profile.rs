//! Where the time of runs goes, by kernel and by step.

use crate::limits::Limits;
use crate::table::{Align, Table};
use m4c_runtime::{Observer, Program, Session, Work};
use serde::Serialize;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How many of the slowest steps the text names.
const SHOWN: usize = 12;

/// Measures every step of one run or several, without allocating.
#[derive(Debug)]
pub(crate) struct Profile {
    state: RefCell<State>,
}

#[derive(Debug)]
struct State {
    started: Option<Instant>,
    /// For each step how often it ran, and for how long in all.
    steps: Vec<(u64, Duration)>,
}

impl Observer for Profile {
    fn before_step(&self, _step: usize, _node: u32) {
        self.state.borrow_mut().started = Some(Instant::now());
    }

    fn after_step(&self, step: usize, _node: u32) {
        let mut state = self.state.borrow_mut();
        let elapsed = state.started.take().map(|started| started.elapsed());
        if let (Some(elapsed), Some((calls, sum))) = (elapsed, state.steps.get_mut(step)) {
            *calls += 1;
            *sum += elapsed;
        }
    }
}

/// What was measured, for one run.
#[derive(Debug, Serialize)]
pub(crate) struct ProfileReport {
    kernels: Vec<KernelTime>,
    steps: Vec<StepTime>,
    /// Time of a run that no step took.
    between_seconds: f64,
}

/// Time and work of some steps.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Spent {
    /// How often they ran in a run.
    calls: f64,
    seconds: f64,
    /// Of the time of all steps.
    percent: f64,
    operations: f64,
    bytes: f64,
    gflops: Option<f64>,
    gbytes_per_second: Option<f64>,
    /// The least time that the machine's limits allow, as part of the time taken.
    limit_percent: Option<f64>,
    #[serde(skip)]
    least: Option<f64>,
}

#[derive(Debug, Default, Serialize)]
struct KernelTime {
    kernel: String,
    steps: usize,
    #[serde(flatten)]
    spent: Spent,
}

#[derive(Debug, Serialize)]
struct StepTime {
    step: usize,
    kernel: String,
    op: String,
    scope: String,
    #[serde(flatten)]
    spent: Spent,
}

impl Profile {
    /// Room for the steps of a program.
    pub(crate) fn new(program: &Program<'_>) -> Profile {
        let steps = vec![(0, Duration::ZERO); program.tables().steps().len()];
        Profile { state: RefCell::new(State { started: None, steps }) }
    }

    /// Forgets what was measured.
    pub(crate) fn clear(&self) {
        self.state.borrow_mut().steps.fill((0, Duration::ZERO));
    }

    /// Means of the runs that took these times: steps in the order of running, kernels with the slowest first.
    pub(crate) fn report(self, session: &Session<'_>, runs: &[f64], limits: Option<&Limits>) -> ProfileReport {
        let program = session.program();
        let tables = program.tables();
        let count = runs.len().max(1) as f64;
        let mean = runs.iter().sum::<f64>() / count;
        let mut steps = Vec::new();
        let mut kernels: BTreeMap<String, KernelTime> = BTreeMap::new();
        let measured = self.state.into_inner().steps;
        for ((step, row), (calls, elapsed)) in tables.steps().iter().enumerate().zip(measured) {
            if calls == 0 {
                continue;
            }
            let kernel = tables.kernels().get(row.kernel as usize).map(|kernel| kernel.name.clone());
            let kernel = kernel.unwrap_or_default();
            let node = tables.nodes().get(row.node as usize);
            let work = session.work(step).unwrap_or_default();
            let spent = Spent::new(calls as f64 / count, elapsed.as_secs_f64() / count, work, limits);
            let sum = kernels.entry(kernel.clone()).or_default();
            sum.kernel.clone_from(&kernel);
            sum.steps += 1;
            sum.spent.add(&spent);
            steps.push(StepTime {
                step,
                kernel,
                op: node.map(|node| node.op.clone()).unwrap_or_default(),
                scope: node.map(|node| node.scope.clone()).unwrap_or_default(),
                spent,
            });
        }
        let inside: f64 = steps.iter().map(|step: &StepTime| step.spent.seconds).sum();
        steps.iter_mut().for_each(|step| step.spent.rate(inside));
        let mut kernels: Vec<KernelTime> = kernels.into_values().collect();
        kernels.iter_mut().for_each(|kernel| kernel.spent.rate(inside));
        kernels.sort_by(|a, b| b.spent.seconds.total_cmp(&a.spent.seconds));
        ProfileReport { kernels, steps, between_seconds: (mean - inside).max(0.0) }
    }
}

impl Spent {
    fn new(calls: f64, seconds: f64, work: Work, limits: Option<&Limits>) -> Spent {
        let (operations, bytes) = (calls * work.operations as f64, calls * work.bytes as f64);
        let least = limits.map(|limits| calls * limits.least_seconds(work));
        Spent { calls, seconds, operations, bytes, least, ..Spent::default() }
    }

    fn add(&mut self, other: &Spent) {
        self.calls += other.calls;
        self.seconds += other.seconds;
        self.operations += other.operations;
        self.bytes += other.bytes;
        self.least = other.least.map(|least| least + self.least.unwrap_or(0.0));
    }

    /// Fills in what follows from times and work.
    fn rate(&mut self, total: f64) {
        let part = |of: f64, whole: f64| if whole > 0.0 { of / whole } else { 0.0 };
        self.percent = 100.0 * part(self.seconds, total);
        self.gflops = (self.operations > 0.0).then(|| 1e-9 * part(self.operations, self.seconds));
        self.gbytes_per_second = (self.bytes > 0.0).then(|| 1e-9 * part(self.bytes, self.seconds));
        self.limit_percent = self.least.map(|least| 100.0 * part(least, self.seconds));
    }

    /// The cells of [`COLUMNS`].
    fn cells(&self) -> Vec<String> {
        let rate = |rate: Option<f64>| rate.map_or_else(String::new, |rate| format!("{rate:.1}"));
        let mut cells = vec![format!("{:.3}", self.seconds * 1e3), format!("{:.1}", self.percent)];
        cells.extend([rate(self.gflops), rate(self.gbytes_per_second)]);
        cells.extend(self.limit_percent.map(|percent| format!("{percent:.0}")));
        cells
    }
}

const COLUMNS: [(&str, Align); 4] =
    [("ms", Align::Right), ("%", Align::Right), ("GFLOP/s", Align::Right), ("GB/s", Align::Right)];

impl ProfileReport {
    /// Two tables.
    pub(crate) fn text(&self) -> String {
        let limit = self.kernels.iter().any(|kernel| kernel.spent.limit_percent.is_some());
        let limit = limit.then_some(("% of limit", Align::Right));
        let columns: Vec<(&str, Align)> = COLUMNS.into_iter().chain(limit).collect();
        let mut kernels = Table::new(&[&[("kernel", Align::Left), ("steps", Align::Right)], &*columns].concat());
        for kernel in &self.kernels {
            kernels.row([vec![kernel.kernel.clone(), kernel.steps.to_string()], kernel.spent.cells()].concat());
        }
        let mut slowest: Vec<&StepTime> = self.steps.iter().collect();
        slowest.sort_by(|a, b| b.spent.seconds.total_cmp(&a.spent.seconds));
        let head = [("step", Align::Right), ("kernel", Align::Left)];
        let mut steps = Table::new(&[&head, &*columns, &[("where", Align::Left)]].concat());
        for step in slowest.into_iter().take(SHOWN) {
            let head = vec![step.step.to_string(), step.kernel.clone()];
            steps.row([head, step.spent.cells(), vec![format!("{} {}", step.op, step.scope)]].concat());
        }
        let between = self.between_seconds * 1e3;
        format!(
            "\nby kernel:\n{}  and {between:.3} ms between steps\n\nslowest steps:\n{}",
            kernels.render("  "),
            steps.render("  ")
        )
    }
}
