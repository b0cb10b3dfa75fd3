//! `[[handler]]`: what is done about events. The keys of the kind stay a table here; the registry builds the handler out of it, so an
//! embedder's kind is as good as ours.

use std::{fmt, num::NonZeroUsize, sync::Arc, time::Duration};

use toml::{Table, Value};

use super::{
    secret_source,
    section::{Hint, Listed, Section, Setting, Taken},
    setting::{Name, Share, one_of, text, words_of},
};
use crate::{event::KindPattern, spelling::did_you_mean};

const ENRICHMENTS: [(&str, Enrich); 4] =
    [("auto", Enrich::Auto), ("best-effort", Enrich::BestEffort), ("required", Enrich::Required), ("off", Enrich::Off)];

const ORDERS: [(&str, Order); 2] = [("none", Order::None), ("subject", Order::Subject)];

/// The part of `[[handler]]` that every kind has.
#[derive(Clone)]
pub struct Handler {
    /// Its name, in logs, dispatches and metrics.
    pub name: Arc<str>,
    /// The registered kind.
    pub kind: String,
    /// Which events it is owed.
    pub events: Vec<KindPattern>,
    /// From which endpoints; empty means all.
    pub endpoints: Vec<Arc<str>>,
    /// A MiniJinja expression over the event; none means always.
    pub when: Option<String>,
    /// How it is tried again.
    pub retry: RetrySchedule,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// The most attempts at the same time.
    pub concurrency: usize,
    /// Whether events of one subject come one after another.
    pub order: Order,
    /// Whether App Store Connect is asked for details.
    pub enrich: Enrich,
    /// The keys of the kind, as they stand in the file, defaults filled in and references to secrets resolved. What the environment gave
    /// is a text, whatever it should be: [`Origins::from_environment`](super::Origins::from_environment) says which keys these are.
    pub section: Table,
}

/// What a `[[handler]]` says to its kind and to the routes, who are to judge it, even when another key of the block is wrong.
#[derive(Clone)]
pub struct Outline {
    /// Where the block is, such as `handler[2]`.
    pub path: String,
    /// Its name; its path if it has none.
    pub name: Arc<str>,
    /// The kind that it names, if it names one.
    pub kind: Option<String>,
    /// Its `when`.
    pub when: Option<String>,
    /// Its `enrich`, if it can be read.
    pub enrich: Option<Enrich>,
    /// The keys of the kind, as in [`Handler::section`].
    pub section: Table,
}

/// In which order a handler gets events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Order {
    /// As they come.
    None,
    /// Those of one subject one after another, in Apple's time order.
    Subject,
}

/// Whether App Store Connect is asked for details of an event before it is handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Enrich {
    /// As with [`BestEffort`](Self::BestEffort) for a handler that makes something of the details, and as with [`Off`](Self::Off) for one
    /// that does not.
    Auto,
    /// It is asked, and the event is handled with what is known after a while.
    BestEffort,
    /// It is asked, and the event is not handled before it has answered.
    Required,
    /// It is not asked.
    Off,
}

/// When failed attempts are made again.
#[derive(Clone, Debug, PartialEq)]
pub struct RetrySchedule {
    /// The waits after the first, second, third … failed attempt. There is one attempt more than waits.
    pub delays: Vec<Duration>,
    /// How much of each wait is left to chance, from 0 to 1, so that not everything comes back at once.
    pub jitter: f64,
}

/// The values of the kind's own keys are left out: they may be secrets.
impl fmt::Debug for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handler")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("events", &self.events)
            .field("endpoints", &self.endpoints)
            .field("when", &self.when)
            .field("retry", &self.retry)
            .field("timeout", &self.timeout)
            .field("concurrency", &self.concurrency)
            .field("order", &self.order)
            .field("enrich", &self.enrich)
            .field("section", &self.section.keys().collect::<Vec<_>>())
            .finish()
    }
}

/// The values of the kind's own keys are left out here too.
impl fmt::Debug for Outline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outline")
            .field("path", &self.path)
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("when", &self.when)
            .field("enrich", &self.enrich)
            .field("section", &self.section.keys().collect::<Vec<_>>())
            .finish()
    }
}

impl Handler {
    /// What it says to its kind and to the routes, if it is the block at this position.
    pub fn outline(&self, index: usize) -> Outline {
        Outline {
            path: format!("handler[{index}]"),
            name: Arc::clone(&self.name),
            kind: Some(self.kind.clone()),
            when: self.when.clone(),
            enrich: Some(self.enrich),
            section: self.section.clone(),
        }
    }

    /// Settles a block. `names` are those of the blocks before, `known` those of the endpoints.
    pub(super) fn settle(mut section: Section<'_, '_>, names: &mut Taken<Name>, known: &[String]) -> (Outline, Option<Self>) {
        let path = section.own_path().to_owned();
        let name = section.unique("name", names).map(|Name(name)| name);
        let kind = section.required("kind").map(|Kind(kind)| kind);
        let events = events(&mut section);
        let endpoints = endpoints(&mut section, known);
        let when = section.optional::<String>("when").filter(|when| !when.trim().is_empty());
        let delays = section.list("retry");
        let jitter = section.required("jitter").map(|Share(share)| share);
        let timeout = section.required("timeout");
        let concurrency = section.required("concurrency").map(NonZeroUsize::get);
        let order = section.required("order");
        let enrich = section.required("enrich");
        let own = own_keys(&mut section);
        let outline = Outline {
            name: name.clone().unwrap_or_else(|| path.as_str().into()),
            path,
            kind: kind.clone(),
            when: when.clone(),
            enrich,
            section: own.clone(),
        };
        let settled = || {
            Some(Self {
                name: name?,
                kind: kind?,
                events,
                endpoints,
                when,
                retry: RetrySchedule { delays, jitter: jitter? },
                timeout: timeout?,
                concurrency: concurrency?,
                order: order?,
                enrich: enrich?,
                section: own,
            })
        };
        (outline, settled())
    }
}

/// The kinds that a handler names: a handler that is to have nothing is better left out.
fn events(section: &mut Section<'_, '_>) -> Vec<KindPattern> {
    let events = section.list("events");
    if section.is_empty_list("events") {
        let key = section.path("events");
        section.reading().wrong(&key, "an empty list", "at least one kind", "`[\"*\"]` is all of them".to_owned());
    }
    events
}

/// The endpoints that a handler names, all of which must be there.
fn endpoints(section: &mut Section<'_, '_>, known: &[String]) -> Vec<Arc<str>> {
    let named = section.list_with_paths("endpoints");
    for (path, Name(name)) in named.iter().filter(|(_, Name(name))| known.iter().all(|endpoint| **endpoint != **name)) {
        let all: Vec<String> = known.iter().map(|endpoint| format!("`{endpoint}`")).collect();
        let all = if all.is_empty() { "none has one".to_owned() } else { all.join(", ") };
        let expected = format!("the name of an endpoint: {all}");
        let hint = did_you_mean(name, known.iter().map(String::as_str)).unwrap_or_else(|| {
            format!("leave `endpoints` out if all of them are meant, or write an `[[endpoint]]` with `name = \"{name}\"`")
        });
        section.reading().wrong(path, format!("`{name}`"), expected, hint);
    }
    named.into_iter().map(|(_, Name(name))| name).collect()
}

fn own_keys(section: &mut Section<'_, '_>) -> Table {
    let rest: Vec<(String, Value)> = section.rest().map(|(key, value)| (key.clone(), value.clone())).collect();
    let mut own = Table::new();
    for (key, mut value) in rest {
        let path = section.path(&key);
        let reading = section.reading();
        secret_source::resolve(reading, &path, &mut value);
        own.insert(key, value);
    }
    own
}

/// The kind of a handler. Which there are is for the registry to say.
struct Kind(String);

impl Setting for Kind {
    const EXPECTED: &'static str = "a kind of handler";

    fn read(value: &Value) -> Result<Self, Hint> {
        Name::read(value).map(|Name(kind)| Self(kind.to_string()))
    }
}

impl Setting for KindPattern {
    const EXPECTED: &'static str =
        "an event type in either of Apple's spellings, a family such as `app_version`, or a pattern with `*`";

    fn read(value: &Value) -> Result<Self, Hint> {
        text(value)?.parse().map_err(|error: <Self as std::str::FromStr>::Err| Some(error.hint()))
    }
}

impl Listed for KindPattern {
    const SEVERAL: &'static str = "event types, families such as `app_version`, or patterns with `*`";
}

impl Setting for Order {
    const EXPECTED: &'static str = "`none` or `subject`";

    fn read(value: &Value) -> Result<Self, Hint> {
        one_of(value, &ORDERS)
    }

    fn schema() -> serde_json::Value {
        words_of(&ORDERS)
    }
}

impl Setting for Enrich {
    const EXPECTED: &'static str = "`auto`, `best-effort`, `required` or `off`";

    fn read(value: &Value) -> Result<Self, Hint> {
        one_of(value, &ENRICHMENTS)
    }

    fn schema() -> serde_json::Value {
        words_of(&ENRICHMENTS)
    }
}
