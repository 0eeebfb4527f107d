//! Artifacts damaged at random: refused when they are opened; where their hashes are made to fit, or only weights are damaged, a
//! run gives other numbers or an error, never more.

use m4c_compiler::project::Project;
use m4c_runtime::Artifact;
use m4c_tests::artifact::{Aligned, compiled};
use m4c_tests::fixtures::Fixture;
use m4c_tests::hostile::{Ended, exercise, sealed};
use m4c_tests::random::Random;
use m4c_tests::root;
use std::collections::BTreeMap;
use std::ops::Range;

/// Artifacts of different kinds: weights, states shared by programs, loops, sizes that the data decides.
fn kinds() -> Vec<(&'static str, Vec<u8>)> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("model.m4fw");
    let compile = |project: &Project| {
        compiled(project, &file);
        std::fs::read(&file).expect("an artifact")
    };
    let states = Project::open(&root().join("models/llama/m4.toml"), &[]).expect("a manifest");
    vec![
        ("weights", compile(&Fixture::named("gen_dec_mlp/dyn-op20").project())),
        ("states", compile(&states)),
        ("loop", compile(&Fixture::named("contrast/rnn_lm/ts-op17").project())),
        ("data", compile(&Fixture::named("tts_fastspeech2/dyn-op20").project())),
    ]
}

fn description(bytes: &[u8]) -> Range<usize> {
    let copy = Aligned::of(bytes);
    let artifact = Artifact::open(copy.bytes()).expect("an artifact");
    let start = artifact.description().as_ptr().addr() - copy.bytes().as_ptr().addr();
    start..start + artifact.description().len()
}

#[test]
fn damage_anywhere_is_safe() {
    for (kind, whole) in kinds() {
        let description = description(&whole);
        let mut random = Random::new(7);
        let sound = exercise(Aligned::of(&whole).bytes());
        assert_ne!(sound, Ended::Opening, "{kind}");
        let mut ended: BTreeMap<(&str, Ended), usize> = BTreeMap::new();
        for round in 0..1200 {
            let mut copy = Aligned::of(&whole);
            let bytes = copy.bytes_mut();
            let (what, range) = match round % 4 {
                0 => ("header", 0..104),
                1 => ("weights", 128.min(bytes.len() - 1)..bytes.len()),
                _ => ("description", description.clone()),
            };
            for _ in 0..=random.below(3) {
                let at = range.start + random.below(range.len() as u64) as usize;
                match random.below(4) {
                    0 => bytes[at] ^= 1 << random.below(8),
                    1 => bytes[at] = [0, 1, 2, 0x7f, 0x80, 0xff][random.below(6) as usize],
                    2 => bytes[at] = bytes[at].wrapping_add(random.below(5) as u8).wrapping_sub(2),
                    _ => {
                        let from = range.start + random.below(range.len() as u64) as usize;
                        let length = 8.min(range.end - at).min(range.end - from);
                        bytes.copy_within(from..from + length, at);
                    }
                }
            }
            let damaged = bytes != whole.as_slice();
            if what == "weights" {
                // Not verified, so it opens unless the description was hit.
                let end = exercise(copy.bytes());
                *ended.entry((what, end)).or_default() += 1;
                continue;
            }
            assert!(!damaged || Artifact::open(copy.bytes()).is_err(), "{kind}: damage to the {what} is not noticed");
            if sealed(copy.bytes_mut()) {
                let end = exercise(copy.bytes());
                *ended.entry((what, end)).or_default() += 1;
            }
        }
        println!("{kind} ({} bytes), sound: {sound:?}, {ended:?}", whole.len());
        let behind = ended.iter().filter(|((what, end), _)| *what == "description" && *end > Ended::Opening);
        assert!(behind.map(|(_, count)| count).sum::<usize>() > 50, "{kind}: damage does not get behind the checks");
    }
}
