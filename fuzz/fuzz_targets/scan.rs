#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mountsnoop_fuzz::scan(data));
