//! Feeds the target `adapter`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| m4c_fuzz::feed("adapter", bytes));
