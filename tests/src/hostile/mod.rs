//! Input that nobody meant: what reads files, as functions of arbitrary bytes. Each returns, whatever the bytes are; fuzzing and
//! tests call the same ones.

mod adapter;
mod arrays;
mod artifact;
mod external;
mod manifest;
pub mod mutate;
mod onnx;

pub use artifact::{Ended, exercise, sealed};
pub use onnx::planned;

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// A kind of input.
pub struct Target {
    /// The name of its fuzz target and of the folder of its corpus.
    pub name: &'static str,
    /// Reads the bytes and does with them what a user would.
    pub read: fn(&[u8]),
}

/// All kinds of input.
pub static TARGETS: &[Target] = &[
    Target { name: "onnx", read: onnx::read },
    Target { name: "external", read: external::read },
    Target { name: "npz", read: arrays::read_npz },
    Target { name: "safetensors", read: arrays::read_safetensors },
    Target { name: "adapter", read: adapter::read },
    Target { name: "manifest", read: manifest::read },
    Target { name: "artifact", read: artifact::read },
];

/// The time that this thread has computed for, or else the time since the first call: how long something takes must not depend
/// on what else the machine does.
pub fn computed() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let on_processor = text.split(' ').next().and_then(|nanoseconds| nanoseconds.parse().ok());
    on_processor.map_or_else(|| START.get_or_init(Instant::now).elapsed(), Duration::from_nanos)
}

/// Fails where a diagnostic says that the compiler is to blame.
///
/// # Panics
/// Where one does.
#[track_caller]
fn assert_no_bug(diagnostics: &m4c_compiler::diagnostic::Diagnostics) {
    use m4c_compiler::diagnostic::Severity;
    assert!(diagnostics.iter().all(|item| item.severity != Severity::Bug), "{}", diagnostics.to_text());
}
