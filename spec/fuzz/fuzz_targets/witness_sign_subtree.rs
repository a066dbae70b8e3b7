#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::run("witness_sign_subtree", bytes));
