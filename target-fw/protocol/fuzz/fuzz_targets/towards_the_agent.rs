//! See `towards_the_agent` in `bodies.rs`.
#![no_main]

#[path = "../bodies.rs"]
#[allow(dead_code, reason = "each target uses its own direction")]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::towards_the_agent(data));
