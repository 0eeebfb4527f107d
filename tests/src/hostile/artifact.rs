//! Artifacts: opened, verified, made into sessions and run, within bounds of memory and steps.

use crate::artifact::Aligned;
use m4c_format::expression;
use m4c_runtime::{
    Arena, Artifact, Bounds, Error, Observer, Program, RunOptions, Session, SingleThread, StateBounds, States,
};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};

/// No session of more bytes is made, and no input.
const MOST_BYTES: usize = 4 << 20;
/// No run takes more steps.
const MOST_STEPS: usize = 512;
/// The bytes of a header, and where in it a description's place, its hash and the header's own hash are.
const HEADER: usize = 104;

/// Opens and runs an artifact whose hashes are made to fit, so that what lies behind them is reached, too.
pub(super) fn read(bytes: &[u8]) {
    let _ = Artifact::open(bytes);
    let mut copy = Aligned::of(bytes);
    if sealed(copy.bytes_mut()) {
        exercise(copy.bytes());
    }
}

/// Makes the length and the hashes of an artifact's header fit its content; false where that cannot be.
pub fn sealed(bytes: &mut [u8]) -> bool {
    let length = bytes.len() as u64;
    let Some(header) = bytes.get(..HEADER) else { return false };
    let word = |at: usize| u64::from_le_bytes(header[at..at + 8].try_into().expect("eight bytes"));
    let (start, size) = (word(24), word(32));
    let range = usize::try_from(start).ok().zip(usize::try_from(start.saturating_add(size)).ok());
    let Some(description) = range.and_then(|(start, end)| bytes.get(start..end)) else { return false };
    let hash = blake3::hash(description);
    bytes[..8].copy_from_slice(b"\x89M4FW\r\n\x1a");
    bytes[8..16].copy_from_slice(&[0, 0, 0, 0, HEADER as u8, 0, 0, 0]);
    bytes[16..24].copy_from_slice(&length.to_le_bytes());
    bytes[40..72].copy_from_slice(hash.as_bytes());
    let hash = blake3::hash(&bytes[..72]);
    bytes[72..HEADER].copy_from_slice(hash.as_bytes());
    true
}

/// How far an artifact came.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Ended {
    /// It was refused when it was opened.
    Opening,
    /// No session could be made or bound.
    Binding,
    /// The largest size was too large for this test.
    TooLarge,
    /// A run failed.
    Running,
    /// All programs ran.
    Ran,
}

/// Does with an artifact, whose bytes are aligned to 64, all that a program could: opens it, checks its segments, makes
/// sessions and states for small bounds, and runs them. Gives what the program that came least far came to.
pub fn exercise(bytes: &[u8]) -> Ended {
    let Ok(artifact) = Artifact::open(bytes) else { return Ended::Opening };
    let _ = artifact.verify_segments();
    let mut worst = Ended::Ran;
    for index in 0..artifact.programs().len() {
        let name = artifact.programs()[index].name();
        let Ok(program) = Program::find(&artifact, name) else { continue };
        for size in [1, 3] {
            worst = worst.min(run(&artifact, program, size).unwrap_or(Ended::Binding));
        }
    }
    worst
}

/// Stops a run after some steps.
struct Budget {
    left: Cell<usize>,
    stop: AtomicBool,
}

impl Observer for Budget {
    fn before_step(&self, _: usize, _: u32) {
        self.left.set(self.left.get().saturating_sub(1));
        self.stop.store(self.left.get() == 0, Ordering::Relaxed);
    }

    fn after_step(&self, _: usize, _: u32) {}
}

/// Runs a program with every open size at most `size`, where it may be so small.
fn run(artifact: &Artifact<'_>, program: Program<'_>, size: i64) -> Result<Ended, Error> {
    let mut bounds = Bounds::of(&program);
    let mut values = Vec::new();
    for symbol in program.tables().symbols() {
        let value = symbol.high.min(size.max(symbol.low));
        bounds.at_most(&program, &symbol.name, value)?;
        values.push(value);
    }
    let mut most = StateBounds::new();
    for axis in artifact.states().iter().flat_map(|state| &state.axes).filter(|axis| !axis.name.is_empty()) {
        most.at_most(artifact, &axis.name, size + 4)?;
    }
    let needs = program.memory(&bounds, &[&m4c_exec_cpu::CPU], 1)?;
    if needs.arena.saturating_add(States::memory(artifact, &most)?) > MOST_BYTES {
        return Ok(Ended::TooLarge);
    }
    let mut session = Session::new(program, &bounds, &[&m4c_exec_cpu::CPU], 1, Arena::Owned)?;
    let mut states = States::new(artifact, &most, Arena::Owned)?;
    for (index, state) in artifact.states().iter().enumerate() {
        let dims: Vec<usize> =
            state.axes.iter().map(|axis| usize::try_from(axis.size.clamp(0, size)).unwrap_or(0)).collect();
        let _ = states.set(index, &dims, &[1; 4096]);
    }
    let mut shapes: Vec<Vec<usize>> = Vec::new();
    for port in program.inputs() {
        let size = |&expr: &u32| expression::evaluate(program.tables().expr(expr), &values).ok();
        let sizes = port.dims.iter().map(|expr| usize::try_from(size(expr)?).ok());
        shapes.push(sizes.collect::<Option<_>>().unwrap_or_default());
    }
    let slices: Vec<&[usize]> = shapes.iter().map(Vec::as_slice).collect();
    session.bind_with(&slices, &states)?;
    let mut lengths = Vec::new();
    for (port, shape) in program.inputs().iter().zip(&shapes) {
        let elements = shape.iter().try_fold(1u64, |product, &size| product.checked_mul(size as u64));
        lengths.push(elements.and_then(|elements| port.dtype.byte_len(elements)).unwrap_or(u64::MAX));
    }
    let outputs = (0..program.outputs().len()).map(|index| session.output_bytes(index));
    let outputs = outputs.collect::<Result<Vec<usize>, Error>>()?;
    let all = lengths.iter().map(|&length| usize::try_from(length).unwrap_or(usize::MAX)).chain(outputs.clone());
    if all.fold(0, usize::saturating_add) > MOST_BYTES {
        return Ok(Ended::TooLarge);
    }
    let inputs: Vec<Aligned> = lengths.iter().map(|&length| Aligned::of(&vec![0; length as usize])).collect();
    let inputs: Vec<&[u8]> = inputs.iter().map(Aligned::bytes).collect();
    let mut outputs: Vec<Aligned> = outputs.iter().map(|&length| Aligned::of(&vec![0; length])).collect();
    let mut outputs: Vec<&mut [u8]> = outputs.iter_mut().map(Aligned::bytes_mut).collect();
    let budget = Budget { left: Cell::new(MOST_STEPS), stop: AtomicBool::new(false) };
    let options = RunOptions { threads: &SingleThread, cancel: Some(&budget.stop), observer: Some(&budget) };
    let ran = session.run_with(&inputs, &mut outputs, &mut states, &options);
    Ok(if ran.is_ok() { Ended::Ran } else { Ended::Running })
}
