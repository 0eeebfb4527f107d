//! The first bytes of an artifact: what it is, where the description lies, and the hashes of both.

use crate::error::{Code, Error};

/// The version of the format that this crate reads and writes.
pub const VERSION: u32 = 0;

/// Bytes of the header; nothing else lies before this offset.
pub(crate) const HEADER_SIZE: usize = 104;

const MAGIC: [u8; 8] = *b"\x89M4FW\r\n\x1a";
const HASHED: usize = HEADER_SIZE - 32;

/// What the header says beside its constants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Header {
    pub(crate) file_length: u64,
    pub(crate) description_offset: u64,
    pub(crate) description_length: u64,
    pub(crate) description_hash: [u8; 32],
}

impl Header {
    #[cfg(feature = "std")]
    pub(crate) fn encode(&self) -> [u8; HEADER_SIZE] {
        let mut bytes = [0; HEADER_SIZE];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&(HEADER_SIZE as u32).to_le_bytes());
        bytes[16..24].copy_from_slice(&self.file_length.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.description_offset.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.description_length.to_le_bytes());
        bytes[40..72].copy_from_slice(&self.description_hash);
        let hash = blake3::hash(&bytes[..HASHED]);
        bytes[HASHED..].copy_from_slice(hash.as_bytes());
        bytes
    }

    /// Reads and verifies the header of a whole file.
    pub(crate) fn decode(file: &[u8]) -> Result<Header, Error> {
        if !file.starts_with(&MAGIC) {
            let cut_short = !file.is_empty() && MAGIC.starts_with(file);
            return Err(Error::new(if cut_short { Code::Truncated } else { Code::NotAnArtifact }));
        }
        let bytes: &[u8; HEADER_SIZE] = file.first_chunk().ok_or(Code::Truncated)?;
        // The version comes before the hash: another version may place its hash elsewhere.
        if word(bytes, 8) as u32 != VERSION {
            return Err(Error::new(Code::VersionUnsupported));
        }
        let (hashed, hash) = bytes.split_at(HASHED);
        if blake3::hash(hashed).as_bytes() != hash || (word(bytes, 8) >> 32) as usize != HEADER_SIZE {
            return Err(Error::new(Code::HeaderDamaged));
        }
        let mut description_hash = [0; 32];
        description_hash.copy_from_slice(&bytes[40..HASHED]);
        let header = Header {
            file_length: word(bytes, 16),
            description_offset: word(bytes, 24),
            description_length: word(bytes, 32),
            description_hash,
        };
        if header.file_length != file.len() as u64 {
            return Err(Error::new(Code::Truncated));
        }
        Ok(header)
    }

    /// The verified bytes of the description.
    pub(crate) fn description<'a>(&self, file: &'a [u8]) -> Result<&'a [u8], Error> {
        let bytes = slice(file, self.description_offset, self.description_length)
            .filter(|_| self.description_offset >= HEADER_SIZE as u64)
            .ok_or(Error::malformed("the description lies outside the file"))?;
        if *blake3::hash(bytes).as_bytes() != self.description_hash {
            return Err(Error::new(Code::DescriptionDamaged));
        }
        Ok(bytes)
    }
}

/// `offset .. offset + length` of the file where that is inside.
pub(crate) fn slice(file: &[u8], offset: u64, length: u64) -> Option<&[u8]> {
    let start = usize::try_from(offset).ok()?;
    let end = usize::try_from(offset.checked_add(length)?).ok()?;
    file.get(start..end)
}

fn word(bytes: &[u8; HEADER_SIZE], at: usize) -> u64 {
    bytes[at..at + 8].iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte))
}
