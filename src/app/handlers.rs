//! Makes of each configured handler what the program needs of it: a route that says what it is owed, and a lane that it is handled in.

use std::sync::Arc;

use super::outgoing;
use crate::{
    config::{self, Enrich, Loaded, Order, Problem, Problems},
    handler::{
        BoxHandler, BuildError, Handler as _, Registry, Section,
        message::Voice,
        route::{Route, Routes, When},
    },
    worker::Lane,
};

/// Builds every handler, or says everything that is wrong with them.
pub(super) fn assemble(loaded: &Loaded, registry: &Registry) -> Result<(Vec<Lane>, Routes), Problems> {
    let outgoing = outgoing(loaded)?;
    let messages = &loaded.config.messages;
    let voice = Voice { time_zone: messages.time_zone.clone(), times: messages.times.clone() };
    let (mut lanes, mut routes, mut problems) = (Vec::new(), Vec::new(), Vec::new());
    for (index, handler) in loaded.config.handlers.iter().enumerate() {
        let at = |key: &str| format!("handler[{index}].{key}");
        let section = Section::new(Arc::clone(&handler.name), handler.section.clone(), outgoing.clone()).with_voice(voice.clone());
        let built = registry.build(&handler.kind, section).map_err(|error| problems_of(loaded, &at, &error));
        let when = handler
            .when
            .as_deref()
            .map(When::compile)
            .transpose()
            .map_err(|error| vec![loaded.origins.problem_text(&at("when"), error.to_string(), None)])
            .and_then(|when| match when {
                Some(when) if when.names_details() && handler.enrich == Enrich::Off => {
                    let hint = "leave out `enrich`, or `details`".to_owned();
                    let problem = "names `details`, which `enrich = \"off\"` keeps away".to_owned();
                    Err(vec![loaded.origins.problem_text(&at("when"), problem, hint)])
                }
                when => Ok(when),
            });
        match (built, when) {
            (Ok(built), Ok(when)) => {
                routes.push(route(handler, built.clone(), when.clone()));
                lanes.push(lane(handler, built, when));
            }
            (built, when) => problems.extend(built.err().into_iter().chain(when.err()).flatten()),
        }
    }
    if problems.is_empty() { Ok((lanes, Routes::new(routes))) } else { Err(Problems::from(problems)) }
}

fn problems_of(loaded: &Loaded, at: &impl Fn(&str) -> String, error: &BuildError) -> Vec<Problem> {
    match error {
        BuildError::Section(section) => {
            let problems = section.problems().iter();
            problems.map(|one| loaded.origins.problem_text(&at(&one.key), one.message.clone(), one.hint.clone())).collect()
        }
        BuildError::UnknownKind { hint, .. } => vec![loaded.origins.problem_text(&at("kind"), error.to_string(), hint.clone())],
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
