//! What this machine can do at most: the rate of multiplying and adding, and of reading memory.

use crate::table::{Align, Table, bytes};
use crate::targets::{MultiplyAdd, multiply_adds};
use m4c_compiler::diagnostic::{Diagnostic, codes};
use m4c_runtime::{SingleThread, ThreadPool, Threads, Work};
use serde::Serialize;
use std::hint::black_box;
use std::time::Instant;

/// Sizes to read from: within the last cache of most machines, beyond that of many, and memory.
const READ: [usize; 3] = [16 << 20, 128 << 20, 1 << 30];

/// How long one measurement takes, and how many there are; the best counts.
const SECONDS: f64 = 0.05;
const TRIES: usize = 5;

/// The rates of this machine.
#[derive(Debug, Serialize)]
pub(crate) struct Limits {
    /// The number of threads that [`Limits::least_seconds`] is for.
    #[serde(skip)]
    threads: usize,
    multiply_add: Vec<MultiplyAddRate>,
    read: Vec<ReadRate>,
}

#[derive(Debug, Serialize)]
struct MultiplyAddRate {
    instruction_set: &'static str,
    threads: usize,
    gflops: f64,
}

#[derive(Debug, Serialize)]
struct ReadRate {
    bytes: usize,
    threads: usize,
    gbytes_per_second: f64,
}

impl Limits {
    /// Measures with one, two and `most` threads, and with `threads`.
    pub(crate) fn measure(most: usize, threads: usize) -> Result<Limits, Diagnostic> {
        let mut counts = vec![1, 2.min(most), most, threads];
        counts.sort_unstable();
        counts.dedup();
        let memory = filled(READ[READ.len() - 1]).or_else(|| filled(READ[0])).ok_or_else(|| {
            Diagnostic::error(codes::RUN_FAILED, format!("no memory of {} to read from", bytes(READ[0] as u64)))
        })?;
        let mut limits = Limits { threads, multiply_add: Vec::new(), read: Vec::new() };
        for &threads in &counts {
            let pool = ThreadPool::new(threads).map_err(|error| {
                let message = format!("{threads} threads cannot be started: {error}");
                Diagnostic::error(codes::RUN_FAILED, message)
            })?;
            let pool: &dyn Threads = if threads == 1 { &SingleThread } else { &pool };
            for entry in multiply_adds() {
                let gflops = multiply_add_rate(&entry, pool);
                limits.multiply_add.push(MultiplyAddRate { instruction_set: entry.name, threads, gflops });
            }
            for bytes in READ.into_iter().filter(|&bytes| bytes <= size_of_val(&*memory)) {
                let gbytes_per_second = read_rate(&memory[..bytes / 8], pool);
                limits.read.push(ReadRate { bytes, threads, gbytes_per_second });
            }
        }
        Ok(limits)
    }

    /// The least time for work on the threads that the limits are for, as if caches held nothing but the work itself.
    pub(crate) fn least_seconds(&self, work: Work) -> f64 {
        let rates = self.multiply_add.iter().filter(|rate| rate.threads == self.threads);
        let gflops = rates.map(|rate| rate.gflops).fold(f64::MIN_POSITIVE, f64::max);
        let mut reads = self.read.iter().filter(|rate| rate.threads == self.threads).peekable();
        let mut gbytes = reads.peek().map_or(f64::INFINITY, |rate| rate.gbytes_per_second);
        for rate in reads {
            gbytes = rate.gbytes_per_second;
            if rate.bytes as u64 >= work.bytes {
                break;
            }
        }
        1e-9 * (work.operations as f64 / gflops).max(work.bytes as f64 / gbytes)
    }

    /// Two tables.
    pub(crate) fn text(&self) -> String {
        let mut rates =
            Table::new(&[("instruction set", Align::Left), ("threads", Align::Right), ("GFLOP/s", Align::Right)]);
        for rate in &self.multiply_add {
            rates.row([rate.instruction_set.to_owned(), rate.threads.to_string(), format!("{:.1}", rate.gflops)]);
        }
        let mut reads = Table::new(&[("memory", Align::Left), ("threads", Align::Right), ("GB/s", Align::Right)]);
        for rate in &self.read {
            let rate_text = format!("{:.1}", rate.gbytes_per_second);
            reads.row([bytes(rate.bytes as u64), rate.threads.to_string(), rate_text]);
        }
        format!("multiply and add, f32:\n{}\nread:\n{}", rates.render("  "), reads.render("  "))
    }
}

/// Memory that is really there: pages that were never written would all be the same one.
fn filled(bytes: usize) -> Option<Vec<u64>> {
    let mut words = Vec::new();
    words.try_reserve_exact(bytes / 8).ok()?;
    words.extend(0..bytes as u64 / 8);
    Some(words)
}

fn multiply_add_rate(entry: &MultiplyAdd, threads: &dyn Threads) -> f64 {
    let mut rounds = 1 << 12;
    let mut best: f64 = 0.0;
    let mut tries = 0;
    while tries < TRIES {
        let start = Instant::now();
        threads.run(threads.count(), &|_| {
            black_box(entry.run(rounds));
        });
        let seconds = start.elapsed().as_secs_f64();
        if seconds < SECONDS && rounds < 1 << 40 {
            rounds *= 2;
            continue;
        }
        let operations = rounds as f64 * entry.run(1) as f64 * threads.count() as f64;
        best = best.max(1e-9 * operations / seconds);
        tries += 1;
    }
    best
}

fn read_rate(words: &[u64], threads: &dyn Threads) -> f64 {
    let part = words.len().div_ceil(threads.count());
    let mut best: f64 = 0.0;
    let begin = Instant::now();
    let mut tries = 0;
    while tries < TRIES || begin.elapsed().as_secs_f64() < SECONDS * TRIES as f64 {
        let start = Instant::now();
        threads.run(threads.count(), &|index| {
            black_box(fold(words.chunks(part).nth(index).unwrap_or(&[])));
        });
        best = best.max(1e-9 * size_of_val(words) as f64 / start.elapsed().as_secs_f64());
        tries += 1;
    }
    best
}

/// Reads all words; the lanes become vectors.
fn fold(words: &[u64]) -> u64 {
    let mut lanes = [0u64; 32];
    for chunk in words.chunks_exact(32) {
        for (lane, word) in lanes.iter_mut().zip(chunk) {
            *lane ^= word;
        }
    }
    lanes.into_iter().fold(0, |all, lane| all ^ lane)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scarcer_resource_decides() {
        let limits = Limits {
            threads: 2,
            multiply_add: vec![
                MultiplyAddRate { instruction_set: "slow", threads: 2, gflops: 1.0 },
                MultiplyAddRate { instruction_set: "fast", threads: 2, gflops: 100.0 },
                MultiplyAddRate { instruction_set: "other", threads: 4, gflops: 1000.0 },
            ],
            read: vec![
                ReadRate { bytes: 1000, threads: 2, gbytes_per_second: 50.0 },
                ReadRate { bytes: 1_000_000, threads: 2, gbytes_per_second: 10.0 },
            ],
        };
        let least = |operations, bytes| 1e9 * limits.least_seconds(Work { operations, bytes });
        let close = |value: f64, expected: f64| assert!((value / expected - 1.0).abs() < 1e-9, "{value} {expected}");
        close(least(1000, 10), 10.0);
        close(least(10, 1000), 20.0);
        close(least(10, 1001), 100.1);
        close(least(10, 2_000_000), 200_000.0);
    }
}
