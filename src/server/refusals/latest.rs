//! The latest refusals for one reason, in a space that does not grow.
//!
//! Within one minute, refusals from one source are one row, and after the first few sources all others are one source: so a minute has a
//! handful of rows, however many requests and addresses it brings. When the ring is full, the oldest row goes.

use std::{
    collections::VecDeque,
    fmt,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use jiff::Timestamp;

/// The most rows of a ring. One source makes one row a minute, so it takes four hours to push out what was there before.
pub(super) const MOST_ROWS: usize = 240;

/// How many sources of one minute have a row of their own.
pub(super) const MOST_SOURCES: usize = 16;

/// Refusals for one reason, from one source, within one minute.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(in crate::server) struct Row {
    /// Its number: those that began later have higher ones.
    pub(in crate::server) id: i64,
    /// None if there is no endpoint with that path.
    pub(in crate::server) endpoint: Option<Arc<str>>,
    pub(in crate::server) reason: &'static str,
    #[serde(serialize_with = "as_text")]
    pub(in crate::server) source: Source,
    pub(in crate::server) first_at: Timestamp,
    pub(in crate::server) last_at: Timestamp,
    pub(in crate::server) count: u64,
}

/// Where requests came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Source {
    /// One address.
    Address(IpAddr),
    /// The network of an IPv6 address: who has one address of it has all.
    Network(Ipv6Addr),
    /// More addresses than are told apart.
    Others,
    /// A program that embeds the router may not say.
    Unknown,
}

impl Source {
    pub(super) fn of(peer: Option<SocketAddr>) -> Self {
        match peer.map(|peer| peer.ip().to_canonical()) {
            Some(IpAddr::V6(address)) if !address.is_loopback() => {
                let [a, b, c, d, ..] = address.segments();
                Self::Network(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
            Some(address) => Self::Address(address),
            None => Self::Unknown,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Network(network) => write!(f, "{network}/64"),
            Self::Others => f.write_str("others"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

/// The latest rows, oldest first, and how many requests there were in all.
#[derive(Debug, Default)]
pub(super) struct Ring {
    rows: VecDeque<Kept>,
    total: u64,
}

#[derive(Debug)]
struct Kept {
    id: i64,
    source: Source,
    first_at: Timestamp,
    last_at: Timestamp,
    count: u64,
}

impl Ring {
    pub(super) fn note(&mut self, source: Source, now: Timestamp, next_id: impl FnOnce() -> i64) {
        self.total += 1;
        let this_minute = || self.rows.iter().rev().take_while(|row| minute(row.first_at) == minute(now));
        let is_known = this_minute().any(|row| row.source == source);
        let source = if is_known || this_minute().count() < MOST_SOURCES { source } else { Source::Others };
        let mut rows = self.rows.iter_mut().rev().take_while(|row| minute(row.first_at) == minute(now));
        if let Some(row) = rows.find(|row| row.source == source) {
            row.last_at = now;
            row.count += 1;
            return;
        }
        if self.rows.len() == MOST_ROWS {
            self.rows.pop_front();
        }
        self.rows.push_back(Kept { id: next_id(), source, first_at: now, last_at: now, count: 1 });
    }

    pub(super) fn rows(&self, endpoint: Option<&Arc<str>>, reason: &'static str) -> Vec<Row> {
        let row = |&Kept { id, source, first_at, last_at, count }: &Kept| Row {
            id,
            endpoint: endpoint.map(Arc::clone),
            reason,
            source,
            first_at,
            last_at,
            count,
        };
        self.rows.iter().map(row).collect()
    }

    pub(super) fn total(&self) -> u64 {
        self.total
    }
}

fn as_text<S: serde::Serializer>(source: &Source, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(source)
}

fn minute(time: Timestamp) -> i64 {
    time.as_second().div_euclid(60)
}
