//! Feeds the target `onnx`. Half of the changes are made to the decoded model, so that they get behind the decoder.
#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use m4c_compiler::onnx::message::ModelProto;
use m4c_tests::hostile::mutate::damage;
use m4c_tests::random::Random;

fuzz_target!(|bytes: &[u8]| m4c_fuzz::feed("onnx", bytes));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut random = Random::new(u64::from(seed));
    if random.below(4) > 0
        && let Ok(mut model) = ModelProto::from_file_bytes(&data[..size])
    {
        damage(&mut model, &mut random);
        let bytes = model.to_file_bytes();
        if bytes.len() <= max_size {
            data[..bytes.len()].copy_from_slice(&bytes);
            return bytes.len();
        }
    }
    fuzzer_mutate(data, size, max_size)
});
