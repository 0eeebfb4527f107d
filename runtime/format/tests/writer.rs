//! What the writer writes, the reader reads; equal content is stored once, and equal calls give equal bytes.

use std::io::{Cursor, Write};

use m4c_format::description::{Program, Provenance};
use m4c_format::{Artifact, ConstantId, ConstantSpec, DType, SEGMENT_ALIGNMENT, Writer};

type Memory = Writer<Cursor<Vec<u8>>>;

fn finish(writer: Memory) -> Vec<u8> {
    let provenance = Provenance { compiler: "test".into(), ..Provenance::default() };
    let program = Program { name: "empty".into(), ..Program::default() };
    writer.finish(vec![program], provenance).expect("memory can be written").into_inner()
}

fn writer() -> Memory {
    Writer::new(Cursor::new(Vec::new()))
}

fn constant(writer: &mut Memory, bytes: &[u8]) -> ConstantId {
    let spec = ConstantSpec::plain(DType::U8, &[bytes.len() as u64]);
    writer.constant(&spec, bytes).expect("memory can be written")
}

fn streamed(writer: &mut Memory, bytes: &[u8]) -> ConstantId {
    let spec = ConstantSpec::plain(DType::U8, &[bytes.len() as u64]);
    let fill = |sink: &mut dyn Write| bytes.chunks(1000).try_for_each(|chunk| sink.write_all(chunk));
    writer.constant_from(&spec, fill).expect("memory can be written")
}

fn mixed() -> (Vec<u8>, Vec<(ConstantId, Vec<u8>)>) {
    let mut writer = writer();
    let mut written = Vec::new();
    for (index, length) in [3usize, 0, 70_000, 64, 16384, 16385, 5, 40_000, 1].into_iter().enumerate() {
        let bytes: Vec<u8> = (0..length).map(|at| (at * 7 + index) as u8).collect();
        let id = if index % 2 == 0 { constant(&mut writer, &bytes) } else { streamed(&mut writer, &bytes) };
        written.push((id, bytes));
    }
    (finish(writer), written)
}

#[test]
fn constants_come_back() {
    let (file, written) = mixed();
    let artifact = Artifact::open(&file).expect("sound");
    artifact.verify_segments().expect("sound");
    for (id, bytes) in written {
        assert_eq!(artifact.constant_bytes(id.0), bytes);
    }
    assert!(artifact.segments().iter().all(|segment| segment.offset % SEGMENT_ALIGNMENT == 0));
    assert_eq!(artifact.segments().len(), 4, "three large constants and the small ones");
    assert_eq!(artifact.provenance().compiler, "test");
}

#[test]
fn equal_calls_give_equal_bytes() {
    assert!(mixed().0 == mixed().0);
}

#[test]
fn equal_constants_are_stored_once() {
    let large: Vec<u8> = (0..100_000u32).map(|at| (at % 251) as u8).collect();
    let mut once = writer();
    let small = constant(&mut once, b"abc");
    let first = streamed(&mut once, &large);
    let lone = finish(once);

    let mut twice = writer();
    assert_eq!((constant(&mut twice, b"abc"), streamed(&mut twice, &large)), (small, first));
    assert_eq!((streamed(&mut twice, b"abc"), constant(&mut twice, &large)), (small, first));
    assert_eq!((constant(&mut twice, b"abc"), streamed(&mut twice, &large)), (small, first));
    let file = finish(twice);
    let (artifact, other) = (Artifact::open(&file).expect("sound"), Artifact::open(&lone).expect("sound"));
    assert_eq!(artifact.segments(), other.segments());
    assert_eq!(artifact.constants(), other.constants());
}

#[test]
fn other_sizes_of_equal_bytes_share_a_segment() {
    for length in [8usize, 80_000] {
        let mut writer = writer();
        let flat = ConstantSpec::plain(DType::U8, &[length as u64]);
        let square = ConstantSpec::plain(DType::F32, &[2, length as u64 / 8]);
        let bytes = vec![9; length];
        let flat = writer.constant(&flat, &bytes).expect("memory can be written");
        let square = writer.constant(&square, &bytes).expect("memory can be written");
        assert_ne!(flat, square);
        let file = finish(writer);
        let artifact = Artifact::open(&file).expect("sound");
        assert_eq!(artifact.segments().len(), 1);
        assert_eq!(artifact.constant_bytes(flat.0), artifact.constant_bytes(square.0));
    }
}

#[test]
fn a_dropped_duplicate_at_the_end_leaves_a_sound_file() {
    let large = vec![1u8; 300_000];
    let mut writer = writer();
    let first = writer.segment(|sink| sink.write_all(&large)).expect("memory can be written");
    let again = writer.segment(|sink| sink.write_all(&large)).expect("memory can be written");
    assert_eq!(first, again);
    let file = finish(writer);
    let artifact = Artifact::open(&file).expect("sound");
    artifact.verify_segments().expect("sound");
    assert_eq!(artifact.segments().len(), 1);
}

#[test]
fn empty_segments_and_no_segments_are_sound() {
    let bare = finish(writer());
    assert!(bare.len() < 1024);
    Artifact::open(&bare).expect("sound");
    let mut writer = writer();
    writer.segment(|_| Ok(())).expect("memory can be written");
    Artifact::open(&finish(writer)).expect("sound").verify_segments().expect("sound");
}

#[test]
fn bytes_that_do_not_fit_their_sizes_are_refused() {
    let mut writer = writer();
    let nibbles = ConstantSpec::plain(DType::I4, &[3]);
    assert!(writer.constant(&nibbles, &[0; 3]).is_err());
    assert!(writer.constant(&nibbles, &[0; 2]).is_ok());
    assert!(writer.constant(&ConstantSpec::plain(DType::U8, &[1; 9]), &[0]).is_err());
    assert!(writer.constant(&ConstantSpec::plain(DType::U8, &[u64::MAX, 2]), &[]).is_err());
    let spec = ConstantSpec::plain(DType::U8, &[20_000]);
    assert!(writer.constant_from(&spec, |sink| sink.write_all(&[0; 19_999])).is_err());
    let packed = ConstantSpec { layout: "packed".into(), ..spec };
    assert!(writer.constant_from(&packed, |sink| sink.write_all(&[0; 19_999])).is_ok());
    Artifact::open(&finish(writer)).expect("sound").verify_segments().expect("sound");
}
