//! Finds stretches that repeat: candidates for the period are the distances of equal windows of looks.

use super::looks::{Operand, Sequence};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Range;

/// An occurrence has at least so many nodes that are not computed of constants alone.
const FEWEST_NODES: usize = 8;
/// So many of the most frequent distances are tried,
const MOST_DISTANCES: usize = 64;
/// each up to so many times, for layers that differ in turn.
const MOST_TIMES: usize = 6;
/// So many of the best places to cut are tried.
const MOST_CUTS: usize = 8;
/// So often is what lies between stretches searched anew.
const MOST_ROUNDS: usize = 6;

/// Occurrences of one block, one after the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Repeat {
    /// Position of the first node.
    pub(super) start: usize,
    /// Nodes of an occurrence.
    pub(super) period: usize,
    /// Occurrences.
    pub(super) count: usize,
}

impl Repeat {
    fn len(&self) -> usize {
        self.period * self.count
    }

    fn end(&self) -> usize {
        self.start + self.len()
    }

    /// Whether a position is in an occurrence.
    pub(super) fn has(&self, position: usize) -> bool {
        (self.start..self.end()).contains(&position)
    }
}

/// The stretches of a graph, from front to back. Where they overlap, the longest is taken.
pub(super) fn repeats(sequence: &Sequence) -> Vec<Repeat> {
    let mut all = Vec::new();
    let mut open = vec![(0..sequence.nodes.len(), 0)];
    while let Some((range, round)) = open.pop() {
        let taken = longest(candidates(sequence, &range));
        if !taken.is_empty() && round < MOST_ROUNDS {
            let mut from = range.start;
            for repeat in &taken {
                open.push((from..repeat.start, round + 1));
                from = repeat.end();
            }
            open.push((from..range.end, round + 1));
        }
        all.extend(taken);
    }
    all.sort_by_key(|repeat| repeat.start);
    all
}

/// Those that do not overlap, the longest first. In order.
fn longest(mut found: Vec<Repeat>) -> Vec<Repeat> {
    found.sort_by_key(|repeat| (Reverse(repeat.len()), repeat.period, repeat.start));
    let mut taken: BTreeMap<usize, Repeat> = BTreeMap::new();
    for repeat in found {
        let before = taken.range(..repeat.end()).next_back();
        if before.is_none_or(|(_, before)| before.end() <= repeat.start) {
            taken.insert(repeat.start, repeat);
        }
    }
    taken.into_values().collect()
}

/// Stretches in a part of the graph; they may overlap.
fn candidates(sequence: &Sequence, range: &Range<usize>) -> Vec<Repeat> {
    let looks = &sequence.looks;
    let mut windows: Vec<(u64, usize)> =
        looks[range.clone()].windows(FEWEST_NODES).map(mixed).zip(range.start..).collect();
    windows.sort_unstable();
    let next = windows.windows(2).filter(|pair| pair[0].0 == pair[1].0).map(|pair| (pair[1].1 - pair[0].1, pair[0].1));
    let mut next: Vec<(usize, usize)> = next.collect();
    next.sort_unstable();
    let mut groups: Vec<&[(usize, usize)]> = next.chunk_by(|a, b| a.0 == b.0).collect();
    groups.sort_by_key(|group| Reverse(group.len()));
    groups.truncate(MOST_DISTANCES);
    let mut found = Vec::new();
    for group in groups {
        let mut done = range.start;
        for &(distance, at) in group {
            let alike = |position: usize| looks[position] == looks[position + distance];
            if at < done || !alike(at) {
                continue;
            }
            let first = (done..at).rev().find(|&position| !alike(position)).map_or(done, |position| position + 1);
            done = (at..range.end - distance).find(|&position| !alike(position)).unwrap_or(range.end - distance);
            found.extend(stretches(sequence, &(first..done + distance), distance));
        }
    }
    found
}

/// A number for looks in a row; equal ones are compared afterwards.
fn mixed(looks: &[usize]) -> u64 {
    looks.iter().fold(0, |hash: u64, &look| (hash.rotate_left(5) ^ look as u64).wrapping_mul(0x517c_c1b7_2722_0a95))
}

/// Stretches in a run of nodes each of which looks like the one at a distance.
fn stretches(sequence: &Sequence, run: &Range<usize>, distance: usize) -> Vec<Repeat> {
    let mut all = Vec::new();
    let shortest = distance * FEWEST_NODES.div_ceil(distance);
    for period in (1..=MOST_TIMES).map(|times| shortest * times).take_while(|period| 2 * period <= run.len()) {
        let cut = |start: usize| (start..).step_by(period).take_while(|at| at + 2 * period <= run.end);
        let found = starts(sequence, run, period).into_iter().take(MOST_CUTS).find_map(|start| {
            let mut next = start;
            let mut found = Vec::new();
            for at in cut(start) {
                if at < next {
                    continue;
                }
                let count = occurrences(sequence, at..run.end, period);
                if count >= 2 && sequence.running(at..at + period) >= FEWEST_NODES {
                    found.push(Repeat { start: at, period, count });
                }
                // The last one may be the first of others, for which what it gives them comes from outside.
                next = at + period * (count - 1).max(1);
            }
            (!found.is_empty()).then_some(found)
        });
        let found = found.unwrap_or_default();
        let covered: usize = found.iter().map(Repeat::len).sum();
        all.extend(found);
        if 4 * covered >= 3 * run.len() {
            break;
        }
    }
    all
}

/// Where a first occurrence may start so that exactly one value goes from one to the next. First the places where most
/// nodes of the next use that value: behind a residual addition, not inside a normalization.
fn starts(sequence: &Sequence, run: &Range<usize>, period: usize) -> Vec<usize> {
    // In the middle all occurrences are alike.
    let from = run.start + period * (run.len() / period / 2).max(1);
    let to = (from + period).min(run.end - period + 1);
    let mut users: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    // How the number of crossing values and the sum of their positions change from cut to cut.
    let mut changes = vec![(0i64, 0i64); to - from + 1];
    for user in from..to + period - 1 {
        for &operand in &sequence.operands[user] {
            let Operand::Node(used) = operand else { continue };
            if used + period < from || used >= to {
                continue;
            }
            let users = users.entry(used).or_default();
            let last = |user: usize| user.min(used + period).min(to - 1);
            let counted = users.last().map_or(from, |&before| last(before) + 1);
            let first = (used + 1).max(user + 1 - period).max(counted).max(from);
            if users.last() != Some(&user) {
                users.push(user);
            }
            if first <= last(user) {
                let (begin, end) = (first - from, last(user) + 1 - from);
                changes[begin] = (changes[begin].0 + 1, changes[begin].1 + used as i64);
                changes[end] = (changes[end].0 - 1, changes[end].1 - used as i64);
            }
        }
    }
    let mut found = Vec::new();
    let (mut crossing, mut sum) = (0, 0);
    for (cut, change) in (from..to).zip(changes) {
        (crossing, sum) = (crossing + change.0, sum + change.1);
        if let (1, Some(users)) = (crossing, users.get(&(sum as usize))) {
            let inside = users.partition_point(|&user| user < cut + period) - users.partition_point(|&user| user < cut);
            found.push((Reverse(inside), run.start + (cut - from)));
        }
    }
    found.sort_unstable();
    found.into_iter().map(|(_, start)| start).collect()
}

/// How often the first nodes of a run are repeated.
fn occurrences(sequence: &Sequence, run: Range<usize>, period: usize) -> usize {
    let mut entry = None;
    let differs = |&position: &usize| !fits(sequence, run.start, period, position, &mut entry);
    let last = run.end - period;
    let end = (run.start..last).find(differs).unwrap_or(last);
    1 + (end - run.start) / period
}

/// Whether a node and the one a period later have their operands from the same places, if occurrences start at `start`.
/// `entry` is what the first occurrence reads where the next one reads a value of the first, and which.
fn fits(
    sequence: &Sequence,
    start: usize,
    period: usize,
    position: usize,
    entry: &mut Option<(Operand, usize)>,
) -> bool {
    let inside = |operand: &Operand| match operand {
        Operand::Node(position) if *position >= start => Some(*position),
        _ => None,
    };
    let number = |position: usize| (position - start) / period;
    let mut pairs = sequence.operands[position].iter().zip(&sequence.operands[position + period]);
    pairs.all(|(one, other)| match (inside(one), inside(other)) {
        (None, None) => true,
        (Some(one), Some(other)) => other == one + period && number(position) - number(one) <= 1,
        (None, Some(other)) => {
            let first = number(position) == 0 && number(other) == 0;
            first && *entry.get_or_insert((*one, other)) == (*one, other)
        }
        (Some(_), None) => false,
    })
}
