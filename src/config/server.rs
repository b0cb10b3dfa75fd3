//! `[server]`: the public listener and its limits.

use std::{net::SocketAddr, num::NonZeroUsize, ops::RangeInclusive, time::Duration};

use toml::Value;
use url::Url;

use super::{
    asc::WebAddress,
    section::{Hint, Section, Setting},
    setting::Size,
};

const BODY_SIZES: RangeInclusive<u64> = 1 << 10..=64 << 20;

/// `[server]`
#[derive(Clone, Debug)]
pub struct Server {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The address under which Apple reaches the listener, without the endpoints' paths.
    pub public_url: Option<Url>,
    /// The most bytes a body may have.
    pub max_body: usize,
    /// How long the head of a request may take to arrive.
    pub head_timeout: Duration,
    /// How long the body of a request may take to arrive.
    pub body_timeout: Duration,
    /// How long a connection may stay open with nothing going on.
    pub idle_timeout: Duration,
    /// The most connections at the same time; none means as many as the file limit bears.
    pub max_connections: Option<usize>,
    /// The most notifications that may wait for the store at the same time.
    pub max_in_flight: usize,
    /// How long the program may take to stop.
    pub shutdown_grace: Duration,
}

impl Server {
    pub(super) fn settle(mut section: Section<'_, '_>) -> Option<Self> {
        let listen = section.required("listen");
        let public_url = section.optional("public_url").map(|WebAddress(url)| url);
        let max_body = section.required("max_body").map(|BodySize(bytes)| bytes);
        let head_timeout = section.required("head_timeout");
        let body_timeout = section.required("body_timeout");
        let idle_timeout = section.required("idle_timeout");
        let max_connections = section.optional("max_connections").map(NonZeroUsize::get);
        let max_in_flight = section.required("max_in_flight").map(NonZeroUsize::get);
        let shutdown_grace = section.required("shutdown_grace");
        section.finish();
        Some(Self {
            listen: listen?,
            public_url,
            max_body: max_body?,
            head_timeout: head_timeout?,
            body_timeout: body_timeout?,
            idle_timeout: idle_timeout?,
            max_connections,
            max_in_flight: max_in_flight?,
            shutdown_grace: shutdown_grace?,
        })
    }
}

/// How much a notification may hold.
struct BodySize(usize);

impl Setting for BodySize {
    const EXPECTED: &'static str = "a size from `\"1 KiB\"` to `\"64 MiB\"`";

    fn read(value: &Value) -> Result<Self, Hint> {
        let Size(bytes) = Size::read(value)?;
        let within = Some(bytes).filter(|bytes| BODY_SIZES.contains(bytes)).and_then(|bytes| usize::try_from(bytes).ok());
        within.map(Self).ok_or_else(|| Some("Apple's notifications have some 2 KiB".to_owned()))
    }
}
