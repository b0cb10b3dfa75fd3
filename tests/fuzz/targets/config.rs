//! See `properties::config`.
#![no_main]

#[expect(dead_code, reason = "each target looks at one property")]
#[path = "../properties.rs"]
mod properties;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let file = std::env::temp_dir().join(format!("asc-webhooks-fuzz-{}.toml", std::process::id()));
    properties::config(bytes, &file);
});
