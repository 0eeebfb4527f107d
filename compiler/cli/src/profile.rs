//! Where the time of a run goes, by kernel and by step.

use crate::table::{Align, Table};
use m4c_runtime::{Observer, Program};
use serde::Serialize;
use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How many of the slowest steps the text names.
const SHOWN: usize = 12;

/// Measures every step of one run.
#[derive(Debug, Default)]
pub(crate) struct Profile {
    state: RefCell<State>,
}

#[derive(Debug, Default)]
struct State {
    started: Option<Instant>,
    steps: Vec<(usize, Duration)>,
}

impl Observer for Profile {
    fn before_step(&self, _step: usize, _node: u32) {
        self.state.borrow_mut().started = Some(Instant::now());
    }

    fn after_step(&self, step: usize, _node: u32) {
        let mut state = self.state.borrow_mut();
        if let Some(started) = state.started.take() {
            state.steps.push((step, started.elapsed()));
        }
    }
}

/// What was measured.
#[derive(Debug, Serialize)]
pub(crate) struct ProfileReport {
    kernels: Vec<KernelTime>,
    steps: Vec<StepTime>,
}

#[derive(Debug, Default, Serialize)]
struct KernelTime {
    kernel: String,
    steps: usize,
    seconds: f64,
    percent: f64,
}

#[derive(Debug, Serialize)]
struct StepTime {
    step: usize,
    kernel: String,
    op: String,
    scope: String,
    seconds: f64,
    percent: f64,
}

impl Profile {
    /// Steps in the order of running, kernels with the slowest first.
    pub(crate) fn report(self, program: &Program<'_>) -> ProfileReport {
        let measured = self.state.into_inner().steps;
        let total: f64 = measured.iter().map(|(_, elapsed)| elapsed.as_secs_f64()).sum();
        let percent = |seconds: f64| if total > 0.0 { 100.0 * seconds / total } else { 0.0 };
        let tables = program.tables();
        let mut steps = Vec::new();
        let mut kernels: BTreeMap<String, KernelTime> = BTreeMap::new();
        for (step, elapsed) in measured {
            let Some(row) = tables.steps().get(step) else { continue };
            let kernel = tables.kernels().get(row.kernel as usize).map(|kernel| kernel.name.clone());
            let kernel = kernel.unwrap_or_default();
            let node = tables.nodes().get(row.node as usize);
            let seconds = elapsed.as_secs_f64();
            let sum = kernels.entry(kernel.clone()).or_default();
            sum.kernel.clone_from(&kernel);
            sum.steps += 1;
            sum.seconds += seconds;
            steps.push(StepTime {
                step,
                kernel,
                op: node.map(|node| node.op.clone()).unwrap_or_default(),
                scope: node.map(|node| node.scope.clone()).unwrap_or_default(),
                seconds,
                percent: percent(seconds),
            });
        }
        let mut kernels: Vec<KernelTime> = kernels.into_values().collect();
        kernels.iter_mut().for_each(|kernel| kernel.percent = percent(kernel.seconds));
        kernels.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
        ProfileReport { kernels, steps }
    }
}

impl ProfileReport {
    /// Two tables.
    pub(crate) fn text(&self) -> String {
        let mut kernels =
            Table::new(&[("kernel", Align::Left), ("steps", Align::Right), ("ms", Align::Right), ("%", Align::Right)]);
        for kernel in &self.kernels {
            let (ms, percent) = (milliseconds(kernel.seconds), format!("{:.1}", kernel.percent));
            kernels.row([kernel.kernel.clone(), kernel.steps.to_string(), ms, percent]);
        }
        let mut slowest: Vec<&StepTime> = self.steps.iter().collect();
        slowest.sort_by_key(|step| Reverse(Duration::try_from_secs_f64(step.seconds).unwrap_or_default()));
        let mut steps = Table::new(&[
            ("step", Align::Right),
            ("kernel", Align::Left),
            ("ms", Align::Right),
            ("%", Align::Right),
            ("where", Align::Left),
        ]);
        for step in slowest.into_iter().take(SHOWN) {
            steps.row([
                step.step.to_string(),
                step.kernel.clone(),
                milliseconds(step.seconds),
                format!("{:.1}", step.percent),
                format!("{} {}", step.op, step.scope),
            ]);
        }
        format!("\nby kernel:\n{}\nslowest steps:\n{}", kernels.render("  "), steps.render("  "))
    }
}

fn milliseconds(seconds: f64) -> String {
    format!("{:.3}", seconds * 1e3)
}
