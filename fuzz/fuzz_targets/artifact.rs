//! Feeds the target `artifact`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| m4c_fuzz::feed("artifact", bytes));
