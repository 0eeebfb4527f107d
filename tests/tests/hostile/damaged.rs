//! Models damaged at random: in their bytes, and in what they say.

use m4c_compiler::onnx::message::ModelProto;
use m4c_tests::hostile::mutate::damage;
use m4c_tests::hostile::{TARGETS, computed};
use m4c_tests::random::Random;
use m4c_tests::root;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Every model of the corpus is damaged this often.
const ROUNDS: usize = 3;

#[test]
fn damaged_models_end_in_a_plan_or_an_error() {
    let folder = root().join("fuzz/corpus/onnx");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).expect("the corpus").map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    let read = TARGETS.iter().find(|target| target.name == "onnx").expect("the target").read;
    let (next, damages) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((index, path)) = {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    files.get(index).map(|path| (index, path))
                } {
                    let bytes = std::fs::read(path).expect("a model");
                    let Ok(model) = ModelProto::from_file_bytes(&bytes) else { continue };
                    for round in 0..ROUNDS {
                        let mut random = Random::new((index * ROUNDS + round) as u64);
                        let mut model = model.clone();
                        damage(&mut model, &mut random);
                        let mut bytes = model.to_file_bytes();
                        if round == 0 && !bytes.is_empty() {
                            let at = random.below(bytes.len() as u64) as usize;
                            bytes[at] ^= 1 << random.below(8);
                        }
                        let start = computed();
                        if std::panic::catch_unwind(|| read(&bytes)).is_err() {
                            let mut failed = failed.lock().expect("no panic");
                            failed.push(format!("{}, round {round}", path.display()));
                        }
                        let elapsed = computed().saturating_sub(start);
                        assert!(elapsed < Duration::from_secs(30), "{}, round {round}: {elapsed:?}", path.display());
                        damages.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let damages = damages.into_inner();
    println!("{damages} damages of {} models", files.len());
    let mut failed = failed.into_inner().expect("no panic");
    failed.sort();
    assert!(failed.is_empty(), "{} failed:\n{}", failed.len(), failed.join("\n"));
    assert!(damages >= 500, "{damages}");
}
