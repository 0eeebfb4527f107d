//! A damaged file is refused with a code, whichever byte of header or description it is.

use m4c_runtime::{Artifact, Code};

use crate::model::{Aligned, sample, sample_with_states};

fn code(file: &[u8]) -> Option<Code> {
    Artifact::open(file).err().map(|error| error.code)
}

/// Where the description begins: behind the header and the one segment of the sample.
const DESCRIPTION: usize = 16384 + 64;

#[test]
fn every_flipped_byte_of_header_and_description_is_noticed() {
    flip_all(&sample(), DESCRIPTION);
    // Without constants the description follows the header.
    flip_all(&sample_with_states(), 128);
}

fn flip_all(sound: &[u8], description: usize) {
    assert_eq!(code(sound), None);
    let mut seen = Vec::new();
    for at in (0..104).chain(description..sound.len()) {
        for flip in (0..8).map(|bit| 1u8 << bit).chain([0xFF]) {
            let mut damaged = sound.to_vec();
            damaged[at] ^= flip;
            let code = code(&damaged).unwrap_or_else(|| panic!("byte {at} ^ {flip:#x} passed"));
            assert!((100..200).contains(&(code as u32)), "byte {at}: {code:?}");
            let expected = if at >= description { Code::DescriptionDamaged } else { code };
            assert_eq!(code, expected);
            seen.push(code);
        }
    }
    for code in [Code::NotAnArtifact, Code::VersionUnsupported, Code::HeaderDamaged, Code::DescriptionDamaged] {
        assert!(seen.contains(&code), "{code:?}");
    }
}

#[test]
fn every_cut_is_noticed() {
    let sound = sample();
    for len in (0..200).chain(DESCRIPTION - 50..sound.len()) {
        let expected = if len == 0 { Code::NotAnArtifact } else { Code::Truncated };
        assert_eq!(code(&sound[..len]), Some(expected), "{len} bytes");
    }
    let mut longer = sound.clone();
    longer.push(0);
    assert_eq!(code(&longer), Some(Code::Truncated));
}

#[test]
fn damaged_segments_are_noticed_when_asked() {
    let sound = sample();
    for at in [16384, 16390, 16384 + 23] {
        let mut damaged = Aligned::new(&sound);
        damaged.bytes_mut()[at] ^= 1;
        let artifact = Artifact::open(damaged.bytes()).expect("the description is sound");
        let error = artifact.verify_segments().expect_err("the segment is not");
        assert_eq!((error.code, error.at), (Code::SegmentDamaged, Some(0)));
    }
}
