//! See `properties::address`.
#![no_main]

#[expect(dead_code, reason = "each target looks at one property")]
#[path = "../properties.rs"]
mod properties;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| properties::address(bytes));
