//! BLAKE3 hashes between their bytes and their form in the description.

use crate::description::Digest;

impl From<[u8; 32]> for Digest {
    fn from(bytes: [u8; 32]) -> Digest {
        let mut words = [0u64; 4];
        for (word, chunk) in words.iter_mut().zip(bytes.chunks_exact(8)) {
            *word = chunk.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte));
        }
        let [w0, w1, w2, w3] = words;
        Digest { w0, w1, w2, w3 }
    }
}

impl From<Digest> for [u8; 32] {
    fn from(digest: Digest) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (chunk, word) in bytes.chunks_exact_mut(8).zip([digest.w0, digest.w1, digest.w2, digest.w3]) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}
