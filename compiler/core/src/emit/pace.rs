//! Sources are hashed just ahead of the weights that are packed from them: each page is read once and used twice.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Bytes of sources that may be hashed before they are packed: less than any machine has left for files.
const AHEAD: u64 = 512 << 20;
/// Bytes that are hashed at a time.
const CHUNK: usize = 16 << 20;

/// How many weight bytes are packed, for the thread that hashes.
#[derive(Default)]
pub(super) struct Pace {
    packed: Mutex<u64>,
    moved: Condvar,
}

/// The thread that packs. Once it is dropped, nobody waits for it.
pub(super) struct Packing<'p>(&'p Pace);

/// The thread that hashes.
pub(super) struct Hashing<'p> {
    pace: &'p Pace,
    hashed: u64,
}

impl Pace {
    /// The two sides.
    pub(super) fn sides(&self) -> (Packing<'_>, Hashing<'_>) {
        (Packing(self), Hashing { pace: self, hashed: 0 })
    }

    /// A number is whole whatever became of a thread that held it.
    fn packed(&self) -> MutexGuard<'_, u64> {
        self.packed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Packing<'_> {
    /// So many weight bytes are packed.
    pub(super) fn reached(&self, bytes: u64) {
        *self.0.packed() = bytes;
        self.0.moved.notify_all();
    }
}

impl Drop for Packing<'_> {
    fn drop(&mut self) {
        self.reached(u64::MAX);
    }
}

impl Hashing<'_> {
    /// BLAKE3 of the bytes.
    pub(super) fn digest(&mut self, bytes: &[u8]) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        for chunk in bytes.chunks(CHUNK) {
            let packed = self.pace.packed();
            let far = |packed: &mut u64| self.hashed > packed.saturating_add(AHEAD);
            drop(self.pace.moved.wait_while(packed, far).unwrap_or_else(PoisonError::into_inner));
            hasher.update(chunk);
            self.hashed = self.hashed.saturating_add(chunk.len() as u64);
        }
        *hasher.finalize().as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashing_waits_for_packing_and_not_for_its_end() {
        let bytes = vec![7u8; 3 * CHUNK];
        let pace = Pace::default();
        let (packing, mut hashing) = pace.sides();
        hashing.hashed = AHEAD + 1;
        let digest = std::thread::scope(|scope| {
            let hashed = scope.spawn(|| hashing.digest(&bytes));
            packing.reached(CHUNK as u64);
            assert!(!hashed.is_finished(), "more is to be packed first");
            drop(packing);
            hashed.join().unwrap()
        });
        assert_eq!(digest, *blake3::hash(&bytes).as_bytes());
    }
}
