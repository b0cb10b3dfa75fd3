//! Handlers out of their configuration: what the registry and the routes make of each `[[handler]]`.
//!
//! Building a handler is how its part of the configuration is judged, so it is done once to say all that is wrong, and again to run it.

use std::{collections::BTreeSet, fs, sync::Arc};

use super::advice;
use crate::{
    act, asc,
    clock::{Clock, SystemClock},
    config::{self, Config, Enrich, Loaded, Order, Origins, Outline, Problem, Problems, Sources},
    handler::{
        BoxHandler, BuildError, Handler as _, Registry, Section,
        message::Voice,
        route::{Route, Routes, When},
    },
    http_client::Outgoing,
    worker::Lane,
};

/// Loads a configuration whose handlers can be built, which only a registry can tell.
///
/// # Errors
/// Everything that is wrong with it, its handlers' own keys included, at once.
pub fn load(sources: &Sources, registry: &Registry) -> Result<Loaded, Problems> {
    let mut draft = config::draft(sources)?;
    let kinds = registry.kinds().chain([act::KIND]).map(|kind| format!("`{kind}`")).collect::<BTreeSet<_>>();
    draft.suggest_kinds(&kinds.into_iter().collect::<Vec<_>>().join(", "));
    let (origins, mut found) = (&draft.origins, Vec::new());
    if let Some(Err(error)) = draft.private_key.as_ref().map(asc::Credentials::judge) {
        found.push(origins.problem_text("asc.private_key", error.to_string(), None));
    }
    let outgoing =
        draft.outgoing.as_ref().and_then(|settings| outgoing(settings, origins).map_err(|wrong| found.extend(wrong.problems)).ok());
    // Whatever is wrong with outgoing requests, the rest can be judged without.
    if let Some(outgoing) = outgoing.or_else(|| Outgoing::new(None).ok()) {
        let clock = Arc::new(SystemClock::new());
        let asked = draft.asc.as_ref().map(|asc| ask_with(asc, &outgoing, origins, clock.clone())).transpose();
        let asc = asked.unwrap_or_else(|wrong| {
            found.extend((!found.contains(&wrong)).then_some(wrong));
            None
        });
        let registry = act::register(registry.clone(), asc.map(Arc::new), clock);
        let workshop = Workshop { registry, origins, outgoing, voice: Voice::default() };
        found.extend(draft.outlines.iter().filter_map(|outline| workshop.build(outline).err()).flatten());
    }
    let mut loaded = draft.settle(found)?;
    let advice = advice::of(&loaded, SystemClock::new().now());
    loaded.warnings.extend(advice);
    Ok(loaded)
}

/// Everything that is wrong with the handlers of a configuration and its key for App Store Connect, or nothing.
///
/// # Errors
/// The problems, all of them.
pub fn check(loaded: &Loaded, registry: &Registry) -> Result<(), Problems> {
    outgoing(&loaded.config.outgoing, &loaded.origins)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let (asc, mut problems) = match client(loaded, Arc::clone(&clock)) {
        Ok(asc) => (asc, Vec::new()),
        Err(found) => (None, found.problems),
    };
    problems.extend(assemble(loaded, registry, asc, clock).err().into_iter().flat_map(|found| found.problems));
    if problems.is_empty() { Ok(()) } else { Err(Problems::from(problems)) }
}

/// The way to ask App Store Connect as configured; none without a key.
///
/// # Errors
/// When the key cannot be used.
pub fn client(loaded: &Loaded, clock: Arc<dyn Clock>) -> Result<Option<Arc<asc::Client>>, Problems> {
    let Some(asc) = &loaded.config.asc else { return Ok(None) };
    let outgoing = outgoing(&loaded.config.outgoing, &loaded.origins)?;
    Ok(Some(Arc::new(ask_with(asc, &outgoing, &loaded.origins, clock)?)))
}

fn ask_with(settings: &config::Asc, outgoing: &Outgoing, origins: &Origins, clock: Arc<dyn Clock>) -> Result<asc::Client, Problem> {
    asc::Client::configured(settings, outgoing, clock)
        .map_err(|error| origins.problem_text(&format!("asc.{}", error.key), error.reason, None))
}

/// The configured handlers, built but not run: for looking at what they would do.
///
/// # Errors
/// Everything that is wrong with them.
pub fn handlers<'l>(loaded: &'l Loaded, registry: &Registry) -> Result<Vec<(&'l config::Handler, BoxHandler)>, Problems> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let registry = act::register(registry.clone(), client(loaded, Arc::clone(&clock))?, clock);
    Ok(build_all(loaded, registry)?.into_iter().map(|(handler, built, _)| (handler, built)).collect())
}

/// How dates and durations are written where people read them.
pub fn voice(config: &Config) -> Voice {
    Voice { time_zone: config.messages.time_zone.clone(), times: config.messages.times.clone() }
}

/// The lanes and the routes of all handlers, some of which may ask App Store Connect with the key of `[asc]`.
pub(super) fn assemble(
    loaded: &Loaded,
    registry: &Registry,
    asc: Option<Arc<asc::Client>>,
    clock: Arc<dyn Clock>,
) -> Result<(Vec<Lane>, Routes), Problems> {
    let built = build_all(loaded, act::register(registry.clone(), asc, clock))?.into_iter();
    let parts = built.map(|(handler, built, when)| (lane(handler, built.clone(), when.clone()), route(handler, built, when)));
    let (lanes, routes) = parts.unzip();
    Ok((lanes, Routes::new(routes)))
}

/// A configured handler, what was built of it, and its condition.
type Built<'l> = (&'l config::Handler, BoxHandler, Option<When>);

fn build_all(loaded: &Loaded, registry: Registry) -> Result<Vec<Built<'_>>, Problems> {
    let origins = &loaded.origins;
    let outgoing = outgoing(&loaded.config.outgoing, origins)?;
    let workshop = Workshop { registry, origins, outgoing, voice: voice(&loaded.config) };
    let (mut all, mut problems) = (Vec::new(), Vec::new());
    for (index, handler) in loaded.config.handlers.iter().enumerate() {
        match workshop.build(&handler.outline(index)) {
            Ok((built, when)) => all.push((handler, built, when)),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() { Ok(all) } else { Err(Problems::from(problems)) }
}

/// What all handlers are built with.
struct Workshop<'w> {
    registry: Registry,
    origins: &'w Origins,
    outgoing: Outgoing,
    voice: Voice,
}

impl Workshop<'_> {
    /// Builds a handler and its condition, or says all that is wrong with the two.
    fn build(&self, outline: &Outline) -> Result<(BoxHandler, Option<When>), Vec<Problem>> {
        let at = |key: &str| format!("{}.{key}", outline.path);
        let built = match &outline.kind {
            Some(kind) => {
                let section = Section::new(Arc::clone(&outline.name), outline.section.clone(), self.outgoing.clone());
                let section = section.with_environment(self.origins.from_environment(&outline.path));
                let section = section.with_voice(self.voice.clone()).with_secrets(self.origins.confidential());
                let built = self.registry.build(kind, section);
                built.map_err(|error| problems_of(self.origins, &at, &error))
            }
            // Without a kind there is nothing to build, and that has been said.
            None => Err(Vec::new()),
        };
        match (built, self.condition(outline)) {
            (Ok(built), Ok(when)) => Ok((built, when)),
            (built, when) => Err(built.err().into_iter().flatten().chain(when.err()).collect()),
        }
    }

    fn condition(&self, outline: &Outline) -> Result<Option<When>, Problem> {
        let Some(source) = &outline.when else { return Ok(None) };
        let wrong = |words: String, hint| self.origins.problem_text(&format!("{}.when", outline.path), words, hint);
        let when = When::compile(source).map_err(|error| wrong(error.to_string(), error.hint().map(str::to_owned)))?;
        if when.names_details() && outline.enrich == Some(Enrich::Off) {
            let hint = "leave out `enrich`, or `details`".to_owned();
            return Err(wrong(
                "found `details`, which `enrich = \"off\"` keeps away, expected an expression without them".to_owned(),
                Some(hint),
            ));
        }
        Ok(Some(when))
    }
}

/// What makes the clients of handlers.
pub(super) fn outgoing(settings: &config::Outgoing, origins: &Origins) -> Result<Outgoing, Problems> {
    let wrong = |message: String| {
        let hint = "name a file of PEM certificates, or leave the key out".to_owned();
        Problems::from(origins.problem_text("outgoing.ca_file", message, hint))
    };
    let Some(path) = &settings.ca_file else { return Outgoing::new(None).map_err(|error| wrong(error.to_string())) };
    let pem = fs::read(path).map_err(|error| {
        wrong(format!("found `{}`, which cannot be read: {error}, expected a file of certificates", path.display()))
    })?;
    Outgoing::new(Some(&pem)).map_err(|error| wrong(error.to_string()))
}

fn problems_of(origins: &Origins, at: &impl Fn(&str) -> String, error: &BuildError) -> Vec<Problem> {
    match error {
        BuildError::Section(section) => {
            let problems = section.problems().iter();
            problems.map(|one| origins.problem_text(&at(&one.key), one.message.clone(), one.hint.clone())).collect()
        }
        BuildError::UnknownKind { hint, .. } => vec![origins.problem_text(&at("kind"), error.to_string(), hint.clone())],
    }
}

fn route(handler: &config::Handler, built: BoxHandler, when: Option<When>) -> Route {
    Route {
        handler: Arc::clone(&handler.name),
        patterns: handler.events.clone(),
        endpoints: handler.endpoints.clone(),
        when,
        wants: Arc::new(move |kind| built.wants(kind)),
        in_order: handler.order == Order::Subject,
    }
}

fn lane(handler: &config::Handler, built: BoxHandler, when: Option<When>) -> Lane {
    let lane = Lane::new(Arc::clone(&handler.name), built, handler.timeout, handler.concurrency, handler.retry.clone());
    lane.enriched(handler.enrich, when)
}
