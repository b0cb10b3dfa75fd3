//! `messages preview`: how every handler would tell of every kind and state, made up from samples. Nothing is sent.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

use super::super::{
    Format, Setup,
    failure::{Failure, Outcome},
    output,
};
use crate::{
    app,
    config::Config,
    event::{Event, EventKind, KindPattern, details, sample},
    handler::{
        Handler as _, HandlerError,
        message::{Message, Told},
    },
};

/// When what is previewed happened: 2026-03-02T09:30:00Z.
const HAPPENED: Timestamp = Timestamp::constant(1_772_443_800, 0);

/// For how long the state before had lasted.
const LASTED: SignedDuration = SignedDuration::from_mins(3 * 60 + 12);

/// Show what every handler would say of every kind and state
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Shown are the handlers that tell people, each with the events it would get and its own template.
The events are made up, with details as App Store Connect has them. Nothing is sent.
With `--json` there is also what a chat would be sent, as `payload`: the layout, and who is called.")]
pub(in crate::cli) struct Arguments {
    /// Only this handler
    #[arg(long, value_name = "NAME")]
    handler: Option<String>,
    /// Only these events: a kind in either of Apple's spellings, a family such as `app_version`, or a pattern with `*`
    #[arg(long, value_parser = KindPattern::parse)]
    kind: Option<KindPattern>,
    #[command(flatten)]
    format: Format,
}

pub(super) fn run(setup: &Setup<'_>, arguments: &Arguments) -> Outcome {
    let loaded = setup.load()?;
    let mut said = said_by_handlers(setup, &loaded, arguments)?;
    if said.is_empty() {
        if let Some(name) = &arguments.handler {
            return Err(Failure::not_found(format!("`{name}` tells people nothing of such events")));
        }
        output::talk("No handler tells people of such events; these are the words that one would have.");
        said = said_by_default(&loaded.config, arguments);
    }
    if arguments.format.json {
        output::json(&json!({ "items": said, "next": null }))?;
    } else {
        output::line(words(&said))?;
    }
    match said.iter().filter(|one| one.error.is_some()).count() as u64 {
        0 => Ok(()),
        failed => Err(Failure::new(format!("{} cannot be put into words", output::count(failed, "event", "events")))),
    }
}

/// What is said of one event.
#[derive(Debug, Serialize)]
struct Said {
    /// By whom; none if that is nobody in particular.
    handler: Option<String>,
    kind: EventKind,
    state: Option<String>,
    text: Option<String>,
    /// What would be sent, if that is JSON.
    payload: Option<Value>,
    error: Option<String>,
}

impl Said {
    fn new(handler: Option<String>, event: &Event, said: Result<String, HandlerError>) -> Self {
        let (text, error) = match said {
            Ok(text) => (Some(text), None),
            Err(error) => (None, Some(error.to_string())),
        };
        Self { handler, kind: event.kind.clone(), state: event.state().map(str::to_owned), text, payload: None, error }
    }

    /// The same with what would be sent, or why that cannot be made.
    fn with(self, payload: Option<Result<Value, HandlerError>>) -> Self {
        match payload.transpose() {
            Ok(payload) => Self { payload, ..self },
            Err(error) => Self { error: self.error.or_else(|| Some(error.to_string())), ..self },
        }
    }
}

fn said_by_handlers(setup: &Setup<'_>, loaded: &crate::config::Loaded, arguments: &Arguments) -> Result<Vec<Said>, Failure> {
    let handlers = app::handlers(loaded, setup.registry)?;
    let is_asked_for = |name: &str| arguments.handler.as_ref().is_none_or(|asked| asked == name);
    if !handlers.iter().any(|(handler, _)| is_asked_for(&handler.name)) && arguments.handler.is_some() {
        let names: Vec<_> = handlers.iter().map(|(handler, _)| format!("`{}`", handler.name)).collect();
        let failure = Failure::not_found("there is no handler of this name");
        return Err(failure.hint(format!("configured are: {}", names.join(", "))));
    }
    let mut said = Vec::new();
    for (handler, built) in handlers.into_iter().filter(|(handler, _)| is_asked_for(&handler.name)) {
        let is_owed = |kind: &EventKind| handler.events.iter().any(|pattern| pattern.matches(kind)) && built.wants(kind);
        each(arguments, |told| {
            let preview = is_owed(&told.event.kind).then(|| built.preview(told)).flatten();
            let name = || Some(handler.name.to_string());
            said.extend(preview.map(|preview| Said::new(name(), told.event, preview).with(built.payload(told))));
        });
    }
    Ok(said)
}

fn said_by_default(config: &Config, arguments: &Arguments) -> Vec<Said> {
    let (voice, mut said) = (app::voice(config), Vec::new());
    each(arguments, |told| said.push(Said::new(None, told.event, Ok(Message::of(told, &voice).signed()))));
    said
}

/// Goes through the samples that are asked for.
fn each(arguments: &Arguments, mut tell: impl FnMut(&Told<'_>)) {
    let samples = sample::every().filter_map(|sample| sample.time(HAPPENED).event().ok());
    for event in samples.filter(|event| arguments.kind.as_ref().is_none_or(|pattern| pattern.matches(&event.kind))) {
        let details = details::sample::of(&event);
        tell(&Told { since: HAPPENED.checked_sub(LASTED).ok(), ..Told::sample(&event, &details) });
    }
}

/// What is said, as people read it: a part for each handler, and a paragraph for each event.
fn words(said: &[Said]) -> String {
    let mut words = String::new();
    let mut by = None;
    for one in said {
        if let Some(handler) = one.handler.as_ref().filter(|handler| by != Some(*handler)) {
            let _ = writeln!(words, "== {handler} ==\n");
            by = Some(handler);
        }
        let state = one.state.as_ref().map(|state| format!(" {state}")).unwrap_or_default();
        let _ = writeln!(words, "{}{state}", one.kind);
        let error = one.error.as_ref().map(|error| format!("error: {error}"));
        for line in one.text.iter().chain(&error).flat_map(|text| text.lines()) {
            let _ = writeln!(words, "  {}", output::plain(line));
        }
        words.push('\n');
    }
    words.trim_end().to_owned()
}
