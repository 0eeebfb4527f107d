//! An opened artifact: everything its description says, checked, beside the bytes it was read from.

use alloc::string::String;
use alloc::vec::Vec;

use crate::decode::decode;
use crate::description::{DType, Provenance};
use crate::error::{Code, Error};
use crate::header::{self, Header};
use crate::program::Program;
use crate::state::{self, State};
use crate::validate;

/// A checked artifact.
#[derive(Clone, Debug)]
pub struct Artifact<'a> {
    bytes: &'a [u8],
    description: &'a [u8],
    programs: Vec<Program>,
    segments: Vec<Segment>,
    constants: Vec<Constant>,
    states: Vec<State>,
    provenance: Provenance,
}

/// A hashed range of the file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Segment {
    /// Where it starts in the file.
    pub offset: u64,
    /// Its bytes.
    pub length: u64,
    /// BLAKE3 of its bytes.
    pub hash: [u8; 32],
}

/// A tensor inside a segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Constant {
    /// The segment it lies in.
    pub segment: u32,
    /// Where it starts in the segment.
    pub offset: u64,
    /// Its bytes.
    pub length: u64,
    /// Storage type of the elements.
    pub dtype: DType,
    /// Logical sizes.
    pub dims: Vec<u64>,
    /// Empty for plain row-major storage, else the name of a prepacked layout.
    pub layout: String,
}

impl<'a> Artifact<'a> {
    /// Checks a whole file but for the content of its segments.
    ///
    /// # Errors
    /// The codes from 100 to 199.
    pub fn open(bytes: &'a [u8]) -> Result<Artifact<'a>, Error> {
        let header = Header::decode(bytes)?;
        let description = header.description(bytes)?;
        let decoded = decode(description)?;
        validate::segments(&decoded.segments, &header)?;
        validate::constants(&decoded.constants, &decoded.segments)?;
        validate::program_names(&decoded.programs)?;
        state::check_states(&decoded.states)?;
        for program in &decoded.programs {
            validate::program(program, &decoded.constants)?;
            state::check_uses(program, &decoded.states)?;
        }
        let crate::decode::Decoded { programs, segments, constants, states, provenance } = decoded;
        Ok(Artifact { bytes, description, programs, segments, constants, states, provenance })
    }

    /// Compares the content of every segment with its hash.
    ///
    /// # Errors
    /// [`Code::SegmentDamaged`] with the first such segment.
    pub fn verify_segments(&self) -> Result<(), Error> {
        for (index, segment) in self.segments.iter().enumerate() {
            let bytes = header::slice(self.bytes, segment.offset, segment.length).unwrap_or(&[]);
            if *blake3::hash(bytes).as_bytes() != segment.hash {
                return Err(Error::at(Code::SegmentDamaged, index as u32));
            }
        }
        Ok(())
    }

    /// The header, which like the description is checked whenever an artifact is opened.
    pub fn header(&self) -> &'a [u8] {
        self.bytes.get(..header::HEADER_SIZE).unwrap_or_default()
    }

    /// The description: everything but the weights.
    pub fn description(&self) -> &'a [u8] {
        self.description
    }

    /// The bytes of the whole file.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The programs.
    pub fn programs(&self) -> &[Program] {
        &self.programs
    }

    /// The program with this name and its index.
    ///
    /// # Errors
    /// [`Code::NoSuchProgram`].
    pub fn program(&self, name: &str) -> Result<&Program, Error> {
        self.programs.iter().find(|program| program.name() == name).ok_or(Error::new(Code::NoSuchProgram))
    }

    /// The hashed ranges of the file.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The tensors that programs read.
    pub fn constants(&self) -> &[Constant] {
        &self.constants
    }

    /// What programs share beyond a run.
    pub fn states(&self) -> &[State] {
        &self.states
    }

    /// The bytes of a constant; empty for a number out of range.
    pub fn constant_bytes(&self, index: u32) -> &'a [u8] {
        self.constants
            .get(index as usize)
            .and_then(|constant| {
                let segment = self.segments.get(constant.segment as usize)?;
                header::slice(self.bytes, segment.offset.checked_add(constant.offset)?, constant.length)
            })
            .unwrap_or(&[])
    }

    /// Who made the artifact, of what, and how.
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }
}
