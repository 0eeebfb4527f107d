//! How much memory the process may take for what models and inputs ask for. It is asked before memory is taken, so that a
//! claim in a file costs nothing.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The limit where one is set; 0 while the machine's memory is the limit.
static LIMIT: AtomicU64 = AtomicU64::new(0);
static TAKEN: AtomicU64 = AtomicU64::new(0);

/// Memory that counts as taken until this is dropped.
#[derive(Debug, Default)]
pub struct Taken {
    bytes: u64,
}

/// More memory would be needed than the process may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotEnough {
    /// Bytes that were asked for.
    pub needed: u64,
    /// Bytes that are taken.
    pub taken: u64,
    /// Bytes that may be taken.
    pub limit: u64,
}

impl fmt::Display for NotEnough {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes more are needed, {} of at most {} are taken", self.needed, self.taken, self.limit)
    }
}

/// Sets how many bytes may be taken. Memory is the process's, so this is, too.
pub fn set_limit(bytes: u64) {
    LIMIT.store(bytes.max(1), Ordering::Relaxed);
}

/// How many bytes may be taken: what was set, or else the memory of the machine or of the container that the process is in.
pub fn limit() -> u64 {
    static MACHINE: OnceLock<u64> = OnceLock::new();
    match LIMIT.load(Ordering::Relaxed) {
        0 => *MACHINE.get_or_init(machine),
        limit => limit,
    }
}

/// Counts bytes as taken, before they are.
///
/// # Errors
/// Where they would be too many.
pub fn take(bytes: u64) -> Result<Taken, NotEnough> {
    let limit = limit();
    let fits = |taken: u64| taken.checked_add(bytes).filter(|sum| *sum <= limit);
    match TAKEN.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits) {
        Ok(_) => Ok(Taken { bytes }),
        Err(taken) => Err(NotEnough { needed: bytes, taken, limit }),
    }
}

/// Whether no more is taken than may be.
///
/// # Errors
/// Where more is.
pub fn check() -> Result<(), NotEnough> {
    take(0).map(drop)
}

/// Counts bytes as taken that are small, or copies of what was asked for.
pub fn count(bytes: u64) -> Taken {
    TAKEN.fetch_add(bytes, Ordering::Relaxed);
    Taken { bytes }
}

/// The same as [`take`] for a product, which may be too large for any memory.
///
/// # Errors
/// Where they would be too many.
pub fn take_elements(elements: &[usize], bytes_each: usize) -> Result<Taken, NotEnough> {
    // A zero anywhere makes the whole empty, however large the other sizes are.
    let product = elements.iter().fold(bytes_each as u64, |product, &size| product.saturating_mul(size as u64));
    take(if elements.contains(&0) { 0 } else { product })
}

impl Taken {
    /// Counts what is taken by both as one.
    pub fn join(&mut self, mut other: Taken) {
        self.bytes = self.bytes.saturating_add(std::mem::take(&mut other.bytes));
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        TAKEN.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// What the system tells; no limit where it tells nothing.
fn machine() -> u64 {
    let total = || {
        let text = std::fs::read_to_string("/proc/meminfo").ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
    };
    let container = || std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok()?.trim().parse::<u64>().ok();
    [total(), container()].into_iter().flatten().filter(|bytes| *bytes > 0).min().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let limit = limit();
        assert!(limit > 1 << 20);
        let half = limit / 2 + 1;
        let mut first = take(half).unwrap();
        let refused = take(half).unwrap_err();
        assert_eq!((refused.needed, refused.limit), (half, limit));
        assert!(refused.taken >= half);
        first.join(take(1).unwrap());
        drop(first);
        drop(take(half).unwrap());
        assert!(take_elements(&[usize::MAX, usize::MAX], 4).is_err());
        assert!(take_elements(&[usize::MAX, 0, usize::MAX], 4).is_ok());
    }
}
