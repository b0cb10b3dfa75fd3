//! One configured handler, and how it is to be used.

use std::{sync::Arc, time::Duration};

use crate::{
    config::{Enrich, RetrySchedule},
    handler::{BoxHandler, Handler as _, route::When},
};

/// A handler with what the configuration says of its use.
#[derive(Debug)]
pub struct Lane {
    pub(super) name: Arc<str>,
    pub(super) handler: BoxHandler,
    pub(super) timeout: Duration,
    pub(super) concurrency: usize,
    pub(super) retry: RetrySchedule,
    pub(super) enrich: Enrich,
    pub(super) when: Option<When>,
}

impl Lane {
    /// A handler with room for `concurrency` attempts at a time, each of at most `timeout`. It is given no details, and everything that
    /// it is owed.
    pub fn new(name: Arc<str>, handler: BoxHandler, timeout: Duration, concurrency: usize, retry: RetrySchedule) -> Self {
        Self { name, handler, timeout, concurrency, retry, enrich: Enrich::Off, when: None }
    }

    /// The same with details of each event, as far as `enrich` says, and without those events of which `when` is not true once the
    /// details are known.
    #[must_use]
    pub fn enriched(mut self, enrich: Enrich, when: Option<When>) -> Self {
        self.when = when.filter(When::names_details);
        self.enrich = match enrich {
            Enrich::Auto if !self.handler.needs_details() && self.when.is_none() => Enrich::Off,
            enrich => enrich,
        };
        self
    }
}
