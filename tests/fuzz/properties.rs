//! What must hold for any bytes at all, at each place where strangers' bytes are read. The fuzz targets and the quick test
//! `faults/strangers.rs` share it.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr},
    path::Path,
};

use asc_webhooks::{
    config::{self, Sources},
    event::Event,
    handler::route::When,
    http_client::Reach,
    inbox::Identity,
    signature::Signature,
};
use bytes::Bytes;
use url::{Host, Url};

/// The header: only the scheme and 64 digits are a signature, and everything else is refused without a panic.
pub(crate) fn signature(value: &[u8]) {
    if let Ok(signature) = Signature::parse(value) {
        let read = String::from_utf8_lossy(value).trim_matches([' ', '\t']).to_ascii_lowercase();
        assert_eq!(read, signature.to_string(), "what is read as a signature is one");
    }
}

/// The body: it is an event or it is not, without a panic; the bytes are kept, and the same bytes are the same event.
pub(crate) fn event(body: &[u8]) {
    let raw = Bytes::copy_from_slice(body);
    if let Ok(event) = Event::parse(raw.clone()) {
        assert_eq!(event.raw(), &raw, "an event keeps the bytes it was read from");
        let again = Event::parse(raw).expect("what was read once is read again");
        assert_eq!(Identity::of_event("endpoint", &event), Identity::of_event("endpoint", &again));
    }
    let raw = Bytes::copy_from_slice(body);
    if let Ok(event) = Event::parse_xcode_cloud(raw.clone()) {
        assert_eq!(event.raw(), &raw, "an event keeps the bytes it was read from");
        assert!(
            event.kind.family().is_unsigned() && event.payload.family().is_unsigned(),
            "what nobody signed is of no other family"
        );
    }
}

/// The configuration file: it is settled, or everything that is wrong with it is said, without a panic.
pub(crate) fn config(text: &[u8], file: &Path) {
    fs::write(file, text).expect("a file can be written");
    let sources = Sources { file: Some(file.to_owned()), ..Sources::default() };
    if let Err(problems) = config::load(&sources) {
        assert!(!problems.to_string().is_empty(), "a refusal says why");
    }
}

/// The condition of a route: it compiles, or what is wrong with it is said, without a panic.
pub(crate) fn when(source: &[u8]) {
    if let Err(error) = When::compile(&String::from_utf8_lossy(source)) {
        assert!(!error.to_string().is_empty(), "a refusal says why");
    }
}

/// The address rules: whichever way an address is spelled in a URL, what passes for public is not this machine or its network.
pub(crate) fn address(host: &[u8]) {
    let Ok(url) = Url::parse(&format!("https://{}/", String::from_utf8_lossy(host))) else { return };
    let address: IpAddr = match url.host() {
        Some(Host::Ipv4(address)) => address.into(),
        Some(Host::Ipv6(address)) => address.into(),
        Some(Host::Domain(_)) | None => return,
    };
    if Reach::Public.judge(address).is_ok() {
        assert!(!is_near(address.to_canonical()), "{address} passes for public");
    }
}

fn is_near(address: IpAddr) -> bool {
    let v4 =
        |address: Ipv4Addr| address.is_private() || address.is_link_local() || address.is_broadcast() || address.octets()[0] == 0;
    let near = match address {
        IpAddr::V4(address) => v4(address),
        IpAddr::V6(address) => address.is_unique_local() || address.is_unicast_link_local(),
    };
    near || address.is_loopback() || address.is_multicast() || address.is_unspecified()
}
