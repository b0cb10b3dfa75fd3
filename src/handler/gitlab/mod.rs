//! The kind `gitlab`: runs a pipeline for an event
//! ([pipeline triggers](https://docs.gitlab.com/api/pipeline_triggers/#trigger-a-pipeline-with-a-token)).
//!
//! What happened is in variables: those that `exec` gives to a program have the same names here, and templates add others. GitLab knows no
//! idempotency key: a pipeline whose start was not confirmed is started again. `ASC_IDEMPOTENCY_KEY` is the same in both, so that a
//! `resource_group` or a script can tell.
//!
//! Values are cut to what a runner can pass on. They are data: a script must quote them like any other variable.

use std::{collections::BTreeMap, fmt, sync::Arc};

use http::{Method, StatusCode, header::CONTENT_TYPE};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Context, Handler, HandlerError, Section, SectionError,
    answer::Answer,
    message::{Message, Template, Told, Voice, cut},
    section::Id,
    target::Target,
};
use crate::{
    clock::{Clock, SystemClock},
    event::Event,
    http_client::Unanswered,
    secret::Secret,
};

/// The most letters of a variable.
const LONGEST: usize = 8_000;

/// Runs pipelines of a project in GitLab.
pub(super) struct GitLab {
    target: Target,
    token: Secret,
    reference: String,
    variables: BTreeMap<String, Template>,
    voice: Voice,
    clock: Arc<dyn Clock>,
}

#[derive(Deserialize)]
struct Keys {
    url: Secret,
    project: Id,
    token: Secret,
    #[serde(rename = "ref")]
    reference: String,
    variables: BTreeMap<String, String>,
    allow_private: bool,
}

impl GitLab {
    /// Builds the handler from its section.
    ///
    /// # Errors
    /// When the address cannot be posted to within the address rules, the project, the token or the ref is empty, or a variable is none.
    #[expect(clippy::needless_pass_by_value, reason = "the shape of a factory")]
    pub(super) fn new(section: Section) -> Result<Self, SectionError> {
        section.settle(|keys: Keys| {
            let mut errors = SectionError::default();
            let project = errors.note(project(keys.project));
            let token = errors.note(token(keys.token));
            let reference = errors.note(reference(keys.reference));
            let variables = errors.note(variables(keys.variables));
            let target = errors.note(Target::read("url", &keys.url, keys.allow_private, section.outgoing()));
            let (Some(project), Some(token), Some(reference), Some(variables), Some(target)) =
                (project, token, reference, variables, target)
            else {
                return Err(errors);
            };
            let target = target.below(&["api", "v4", "projects", &project, "trigger", "pipeline"]);
            let (voice, clock) = (section.voice().clone(), Arc::new(SystemClock::new()));
            Ok(Self { target, token, reference, variables, voice, clock })
        })
    }

    fn body(&self, told: &Told<'_>, ctx: &Context) -> Result<Value, HandlerError> {
        let message = Message::of(told, &self.voice);
        let mut variables = BTreeMap::new();
        for (name, template) in &self.variables {
            variables.insert(name.as_str(), template.render(told, &message).map_err(HandlerError::reject)?);
        }
        let of_us = ours(told, &message, ctx).into_iter().filter_map(|(name, value)| Some((name, value?)));
        variables.extend(of_us);
        for value in variables.values_mut() {
            *value = cut(value, LONGEST);
        }
        variables.retain(|_, value| !value.is_empty());
        Ok(json!({ "token": self.token.expose(), "ref": self.reference, "variables": variables }))
    }
}

impl Handler for GitLab {
    async fn handle(&self, event: Arc<Event>, ctx: Context) -> Result<(), HandlerError> {
        let body = self.body(&ctx.told(&event).await, &ctx)?;
        let request = self.target.request(Method::POST)?;
        let request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        let response = request.send().await.map_err(Unanswered::from)?;
        let answer = Answer::read(response, self.clock.now()).await;
        answer.judge().map_err(|error| match answer.status {
            StatusCode::NOT_FOUND => {
                error.hint("there is no such project, or `token` is none of its pipeline trigger tokens (Settings, CI/CD)")
            }
            _ => error,
        })
    }
}

impl fmt::Debug for GitLab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GitLab").field("target", &self.target).field("ref", &self.reference).finish_non_exhaustive()
    }
}

fn project(Id(project): Id) -> Result<String, SectionError> {
    if project.is_empty() {
        return Err(SectionError::new("project", "found nothing, expected the project's id or its path, such as `group/app`"));
    }
    Ok(project)
}

fn token(token: Secret) -> Result<Secret, SectionError> {
    if token.expose().trim().is_empty() {
        return Err(SectionError::new("token", "found an empty secret, expected a pipeline trigger token of the project"));
    }
    Ok(token)
}

fn reference(reference: String) -> Result<String, SectionError> {
    if reference.trim().is_empty() {
        return Err(SectionError::new("ref", "found nothing, expected a branch or a tag"));
    }
    Ok(reference)
}

fn variables(templates: BTreeMap<String, String>) -> Result<BTreeMap<String, Template>, SectionError> {
    let (mut variables, mut errors) = (BTreeMap::new(), SectionError::default());
    for (name, template) in templates {
        let key = format!("variables.{name}");
        match Template::compile(&template) {
            _ if !is_name(&name) => errors = errors.and(key, "found another name, expected one of letters, digits and `_`"),
            _ if name.starts_with("ASC_") => {
                errors = errors.and(key, "found a name that begins with `ASC_`, expected one that we do not set");
            }
            Err(error) => errors = errors.and(key, error.to_string()),
            Ok(template) => drop(variables.insert(name, template)),
        }
    }
    errors.or(variables)
}

/// The variables of every pipeline. What an event does not tell is left out.
fn ours(told: &Told<'_>, message: &Message, ctx: &Context) -> [(&'static str, Option<String>); 19] {
    let (event, details) = (told.event, told.details);
    let text = |text: Option<&str>| text.map(ToOwned::to_owned);
    let app_id = details.app.as_ref().map(|app| app.id.as_str()).or_else(|| event.app_id());
    [
        ("ASC_EVENT_ID", Some(event.id.clone())),
        ("ASC_EVENT_KIND", Some(event.kind.to_string())),
        ("ASC_EVENT_STATE", text(event.state())),
        ("ASC_EVENT_PREVIOUS_STATE", text(event.previous_state())),
        ("ASC_SUBJECT_ID", event.subject.as_ref().map(|subject| subject.id.clone())),
        ("ASC_APP_ID", text(app_id)),
        ("ASC_APP_NAME", text(details.app_name())),
        ("ASC_BUNDLE_ID", details.app.as_ref().and_then(|app| app.bundle_id.clone())),
        ("ASC_VERSION", text(details.version_string())),
        ("ASC_BUILD", text(details.build_number())),
        ("ASC_PLATFORM", text(details.platform())),
        ("ASC_TITLE", Some(message.title.clone())),
        ("ASC_SEVERITY", text(Some(message.severity.as_str()))),
        ("ASC_LINK", message.link.clone()),
        ("ASC_ENDPOINT", text(Some(ctx.endpoint()))),
        ("ASC_HANDLER", text(Some(ctx.handler()))),
        ("ASC_RECEIPT", Some(ctx.receipt().to_string())),
        ("ASC_RECOVERED", Some(ctx.is_recovered().to_string())),
        ("ASC_IDEMPOTENCY_KEY", text(Some(ctx.idempotency_key()))),
    ]
}

fn is_name(name: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.bytes().all(is_part) && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

#[cfg(test)]
mod tests;
