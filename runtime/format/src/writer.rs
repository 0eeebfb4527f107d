//! Writes artifacts as a stream: segments as they come, then the description, then the header.

use std::collections::BTreeMap;
use std::io::{self, Seek, SeekFrom, Write};
use std::ops::Range;

use crate::description::{Artifact, Constant, DType, Program, Provenance, Segment, State};
use crate::header::{HEADER_SIZE, Header};
use crate::{CONSTANT_ALIGNMENT, MAX_RANK, SEGMENT_ALIGNMENT};

/// Constants up to this many bytes share segments; each longer one has its own.
const SMALL: usize = 16384;
/// A shared segment is closed when it holds this many bytes.
const SHARED: usize = 1 << 20;

/// A segment of the artifact being written; the number that the description uses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SegmentId(pub u32);

/// A constant of the artifact being written; the index of an operand whose place is `Constant`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConstantId(pub u32);

/// What a constant is beside its bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConstantSpec {
    /// Storage type of the elements.
    pub dtype: DType,
    /// Logical sizes.
    pub dims: Vec<u64>,
    /// Empty for plain row-major storage, else the name of a prepacked layout.
    pub layout: String,
}

impl ConstantSpec {
    /// A tensor in plain row-major storage.
    pub fn plain(dtype: DType, dims: &[u64]) -> ConstantSpec {
        ConstantSpec { dtype, dims: dims.to_vec(), layout: String::new() }
    }

    /// The length in bytes that plain storage must have.
    fn plain_length(&self) -> Option<u64> {
        let elements = self.dims.iter().try_fold(1u64, |product, &size| product.checked_mul(size))?;
        self.dtype.byte_len(elements)
    }
}

/// An artifact being written. The same calls give the same bytes.
pub struct Writer<W> {
    file: W,
    /// Where the next segment may start.
    end: u64,
    /// The furthest byte ever written: a dropped duplicate may lie beyond `end`.
    furthest: u64,
    segments: Vec<Segment>,
    segment_of: BTreeMap<[u8; 32], SegmentId>,
    constants: Vec<Constant>,
    constant_of: BTreeMap<([u8; 32], ConstantSpec), ConstantId>,
    shared: Vec<u8>,
    shared_offset_of: BTreeMap<[u8; 32], u64>,
    /// Constants that lie in `shared`, whose segment has no number yet.
    waiting: Vec<ConstantId>,
    small_place_of: BTreeMap<[u8; 32], (u32, u64)>,
    states: Vec<State>,
}

impl<W: Write + Seek> Writer<W> {
    /// Starts an artifact at the beginning of an empty file.
    pub fn new(file: W) -> Writer<W> {
        Writer {
            file,
            end: HEADER_SIZE as u64,
            furthest: 0,
            segments: Vec::new(),
            segment_of: BTreeMap::new(),
            constants: Vec::new(),
            constant_of: BTreeMap::new(),
            shared: Vec::new(),
            shared_offset_of: BTreeMap::new(),
            waiting: Vec::new(),
            small_place_of: BTreeMap::new(),
            states: Vec::new(),
        }
    }

    /// Adds the bytes that `fill` writes as a segment. Equal content is stored once.
    ///
    /// # Errors
    /// Those of the file and of `fill`.
    pub fn segment(&mut self, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<SegmentId> {
        let streamed = self.stream(fill)?;
        self.keep(streamed)
    }

    /// Adds a constant whose bytes are at hand. Equal bytes are stored once, equal constants get one number.
    ///
    /// # Errors
    /// Those of the file; `InvalidInput` where the bytes do not fit the sizes.
    pub fn constant(&mut self, spec: &ConstantSpec, bytes: &[u8]) -> io::Result<ConstantId> {
        self.check(spec, bytes.len() as u64)?;
        let hash = *blake3::hash(bytes).as_bytes();
        if let Some(&known) = self.constant_of.get(&(hash, spec.clone())) {
            return Ok(known);
        }
        if bytes.len() > SMALL {
            let segment = match self.segment_of.get(&hash) {
                Some(&known) => known,
                None => self.append(bytes, hash)?,
            };
            return self.place(spec, hash, segment.0, 0, bytes.len() as u64);
        }
        if let Some(&(segment, offset)) = self.small_place_of.get(&hash) {
            return self.place(spec, hash, segment, offset, bytes.len() as u64);
        }
        let offset = match self.shared_offset_of.get(&hash) {
            Some(&known) => known,
            None => {
                let start = self.shared.len().next_multiple_of(CONSTANT_ALIGNMENT as usize);
                self.shared.resize(start, 0);
                self.shared.extend_from_slice(bytes);
                self.shared_offset_of.insert(hash, start as u64);
                start as u64
            }
        };
        let id = self.place(spec, hash, 0, offset, bytes.len() as u64)?;
        self.waiting.push(id);
        if self.shared.len() >= SHARED {
            self.close_shared()?;
        }
        Ok(id)
    }

    /// Adds a constant whose bytes `fill` writes, never holding more than a small one in memory.
    ///
    /// # Errors
    /// Those of the file and of `fill`; `InvalidInput` where the bytes do not fit the sizes.
    pub fn constant_from(
        &mut self,
        spec: &ConstantSpec,
        fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<ConstantId> {
        let mut held = Some(Vec::new());
        let mut total = 0;
        let streamed = self.stream(|sink| {
            let mut spill = SpillSink { held: &mut held, sink, length: 0 };
            fill(&mut spill)?;
            total = spill.length;
            Ok(())
        })?;
        if let Some(bytes) = held {
            return self.constant(spec, &bytes);
        }
        self.check(spec, total)?;
        let hash = streamed.hash;
        let segment = self.keep(streamed)?;
        match self.constant_of.get(&(hash, spec.clone())) {
            Some(&known) => Ok(known),
            None => self.place(spec, hash, segment.0, 0, total),
        }
    }

    /// Sets the states that the programs share; without this call there are none.
    pub fn set_states(&mut self, states: Vec<State>) {
        self.states = states;
    }

    /// Writes the description and the header. Returns the file, which holds exactly the artifact.
    ///
    /// # Errors
    /// Those of the file.
    pub fn finish(mut self, programs: Vec<Program>, provenance: Provenance) -> io::Result<W> {
        self.close_shared()?;
        let artifact = Artifact {
            programs,
            segments: std::mem::take(&mut self.segments),
            constants: std::mem::take(&mut self.constants),
            provenance: Box::new(provenance),
            states: self.states,
        };
        let mut builder = planus::Builder::new();
        let description = builder.finish(&artifact, None);
        let start = self.end.next_multiple_of(CONSTANT_ALIGNMENT);
        fill_gap(&mut self.file, self.end..start)?;
        self.file.write_all(description)?;
        let end = start + description.len() as u64;
        self.furthest = self.furthest.max(end);
        // What a dropped duplicate left behind the description stays part of the file, as zeros.
        fill_gap(&mut self.file, end..self.furthest)?;
        let header = Header {
            file_length: self.furthest,
            description_offset: start,
            description_length: description.len() as u64,
            description_hash: *blake3::hash(description).as_bytes(),
        };
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&header.encode())?;
        self.file.flush()?;
        Ok(self.file)
    }

    fn check(&self, spec: &ConstantSpec, length: u64) -> io::Result<()> {
        let plain = spec.plain_length();
        if spec.dims.len() > MAX_RANK || plain.is_none() || (spec.layout.is_empty() && plain != Some(length)) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the bytes of a constant do not fit its sizes"));
        }
        Ok(())
    }

    fn place(
        &mut self,
        spec: &ConstantSpec,
        hash: [u8; 32],
        segment: u32,
        offset: u64,
        length: u64,
    ) -> io::Result<ConstantId> {
        let id = ConstantId(number(self.constants.len())?);
        let ConstantSpec { dtype, dims, layout } = spec.clone();
        self.constants.push(Constant { segment, offset, length, dtype, dims, layout });
        self.constant_of.insert((hash, spec.clone()), id);
        Ok(id)
    }

    fn close_shared(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let bytes = std::mem::take(&mut self.shared);
        let segment = self.segment(|sink| sink.write_all(&bytes))?;
        for id in std::mem::take(&mut self.waiting) {
            if let Some(constant) = self.constants.get_mut(id.0 as usize) {
                constant.segment = segment.0;
            }
        }
        for (hash, offset) in std::mem::take(&mut self.shared_offset_of) {
            self.small_place_of.insert(hash, (segment.0, offset));
        }
        Ok(())
    }

    /// Adds bytes of this hash, which no segment has, as a segment.
    fn append(&mut self, bytes: &[u8], hash: [u8; 32]) -> io::Result<SegmentId> {
        let start = self.end.next_multiple_of(SEGMENT_ALIGNMENT);
        fill_gap(&mut self.file, self.end..start)?;
        self.file.write_all(bytes)?;
        self.keep(Streamed { start, hash, length: bytes.len() as u64 })
    }

    /// Writes what `fill` writes behind the last kept segment, where the next stream may overwrite it.
    fn stream(&mut self, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<Streamed> {
        let start = self.end.next_multiple_of(SEGMENT_ALIGNMENT);
        let mut sink =
            HashingSink { gap: Some(self.end..start), file: &mut self.file, hasher: blake3::Hasher::new(), length: 0 };
        let filled = fill(&mut sink);
        let streamed = Streamed { start, hash: *sink.hasher.finalize().as_bytes(), length: sink.length };
        if streamed.length > 0 {
            self.furthest = self.furthest.max(start.saturating_add(streamed.length));
        }
        filled.map(|()| streamed)
    }

    fn keep(&mut self, streamed: Streamed) -> io::Result<SegmentId> {
        if let Some(&known) = self.segment_of.get(&streamed.hash) {
            return Ok(known);
        }
        let Streamed { start, hash, length } = streamed;
        let id = SegmentId(number(self.segments.len())?);
        if length == 0 {
            fill_gap(&mut self.file, self.end..start)?;
        }
        self.end = start.saturating_add(length);
        self.furthest = self.furthest.max(self.end);
        self.segments.push(Segment { offset: start, length, hash: hash.into() });
        self.segment_of.insert(hash, id);
        Ok(id)
    }
}

/// Bytes in the file that are not a segment yet.
struct Streamed {
    start: u64,
    hash: [u8; 32],
    length: u64,
}

/// Moves to the end of a gap and leaves zeros in it.
fn fill_gap(file: &mut (impl Write + Seek), gap: Range<u64>) -> io::Result<()> {
    file.seek(SeekFrom::Start(gap.start))?;
    zeros(file, gap.end - gap.start)
}

fn number(len: usize) -> io::Result<u32> {
    u32::try_from(len).map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "too many segments or constants"))
}

fn zeros(file: &mut impl Write, count: u64) -> io::Result<()> {
    io::copy(&mut io::Read::take(io::repeat(0), count), file).map(drop)
}

struct HashingSink<'w, W> {
    /// Bytes to clear before the first write; a stream that writes nothing leaves the file as it was.
    gap: Option<Range<u64>>,
    file: &'w mut W,
    hasher: blake3::Hasher,
    length: u64,
}

impl<W: Write + Seek> Write for HashingSink<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(gap) = self.gap.take() {
            fill_gap(self.file, gap)?;
        }
        let count = self.file.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        self.length += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Holds back a small constant, and passes on what grows beyond that.
struct SpillSink<'s> {
    held: &'s mut Option<Vec<u8>>,
    sink: &'s mut dyn Write,
    length: u64,
}

impl Write for SpillSink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.held.take() {
            Some(mut held) if held.len() + bytes.len() <= SMALL => {
                held.extend_from_slice(bytes);
                *self.held = Some(held);
            }
            Some(held) => {
                self.sink.write_all(&held)?;
                self.sink.write_all(bytes)?;
            }
            None => self.sink.write_all(bytes)?,
        }
        self.length += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}
