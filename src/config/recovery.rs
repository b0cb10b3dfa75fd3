//! `[recovery]`: fetching back what Apple could not deliver.
//!
//! It takes a key in `[asc]` and an endpoint with an `app_id`. Where one of them is missing, these keys say nothing.

use std::time::Duration;

use serde_json::json;
use toml::Value;

use super::section::{Hint, Section, Setting};

/// `[recovery]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// How often Apple is asked for its deliveries; none means never by itself.
    pub interval: Option<Duration>,
    /// How far each pass goes back behind the point up to which everything is known to be kept.
    pub overlap: Duration,
    /// How far back the first pass goes, and how long the account remembers.
    pub lookback: Duration,
    /// How long an event may be listed by Apple and not kept before it is warned about.
    pub patience: Duration,
}

impl Recovery {
    pub(super) fn settle(mut section: Section<'_, '_>) -> Option<Self> {
        let interval = section.required("interval").map(|Switchable(interval)| interval);
        let overlap = section.required("overlap");
        let lookback = section.required("lookback");
        let patience = section.required("patience");
        section.finish();
        Some(Self { interval: interval?, overlap: overlap?, lookback: lookback?, patience: patience? })
    }
}

/// A duration, or `false`.
struct Switchable(Option<Duration>);

impl Setting for Switchable {
    const EXPECTED: &'static str = "a duration, such as `\"5m\"`, or `false`";

    fn read(value: &Value) -> Result<Self, Hint> {
        match value {
            Value::Boolean(false) => Ok(Self(None)),
            other => Duration::read(other).map(Some).map(Self),
        }
    }

    fn schema() -> serde_json::Value {
        json!({ "anyOf": [{ "type": "string" }, { "const": false }] })
    }
}
