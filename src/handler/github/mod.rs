//! The kind `github`: starts workflows of a repository, or makes an issue of each piece of TestFlight feedback.
//!
//! [`dispatch`] sends a `repository_dispatch` with our document, [`issue`] writes issues and finds those that it has written. Both speak
//! through [`api`], which knows GitHub's limits and refusals, and bear a token of [`access`].
//!
//! What strangers write is shown as text: see [`issue`] for how.

mod access;
mod api;
mod dispatch;
mod issue;

use std::{fmt, sync::Arc};

use serde::Deserialize;

use self::{access::Access, api::Api, dispatch::Dispatch, issue::Issues};
use super::{
    Context, Handler, HandlerError, Section, SectionError,
    message::{Message, Told, Voice},
    section::Id,
    target::Target,
};
use crate::{
    clock::SystemClock,
    event::{Event, EventKind, FamilyName},
    secret::Secret,
};

/// The type of a dispatch, unless another is configured.
const EVENT_TYPE: &str = "app_store_connect.{{ event.family }}";

/// The label of an issue, unless others are configured.
const LABEL: &str = "testflight";

/// Tells a repository on GitHub.
pub(super) struct GitHub {
    api: Api,
    action: Action,
    voice: Voice,
}

enum Action {
    Dispatch(Dispatch),
    Issue(Issues),
}

#[derive(Deserialize)]
struct Keys {
    repository: String,
    /// None if it is missing or not known: then nothing is guessed of what may stand beside it.
    action: Option<ActionKey>,
    token: Option<Secret>,
    app_id: Option<Id>,
    installation_id: Option<Id>,
    private_key: Option<Secret>,
    event_type: Option<String>,
    labels: Option<Vec<String>>,
    screenshots_branch: Option<String>,
    api_url: Secret,
    allow_private: bool,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum ActionKey {
    Dispatch,
    Issue,
}

impl GitHub {
    /// Builds the handler from its section.
    ///
    /// # Errors
    /// When the API cannot be reached within the address rules, or the repository, the access or the event type is none.
    #[expect(clippy::needless_pass_by_value, reason = "the shape of a factory")]
    pub(super) fn new(section: Section) -> Result<Self, SectionError> {
        section.settle(|keys: Keys| {
            let mut errors = SectionError::default();
            let repository = errors.note(repository(&keys.repository));
            let access = errors.note(access(&keys));
            let action = errors.note(action(&keys));
            let target = errors.note(Target::read("api_url", &keys.api_url, keys.allow_private, section.outgoing()));
            let (Some(repository), Some(access), Some(action), Some(target)) = (repository, access, action, target) else {
                return Err(errors);
            };
            let api = Api::new(target, repository, access, Arc::new(SystemClock::new()));
            Ok(Self { api, action, voice: section.voice().clone() })
        })
    }
}

impl Handler for GitHub {
    async fn handle(&self, event: Arc<Event>, ctx: Context) -> Result<(), HandlerError> {
        let told = ctx.told(&event).await;
        let message = Message::of(&told, &self.voice);
        match &self.action {
            Action::Dispatch(dispatch) => dispatch.send(&self.api, &told, &message, &ctx).await,
            Action::Issue(issues) => issues.file(&self.api, &told, &message, &ctx).await,
        }
    }

    fn wants(&self, kind: &EventKind) -> bool {
        match self.action {
            Action::Dispatch(_) => true,
            Action::Issue(_) => kind.family() == FamilyName::BetaFeedback,
        }
    }

    fn preview(&self, told: &Told<'_>) -> Option<Result<String, HandlerError>> {
        let message = Message::of(told, &self.voice);
        match self.action {
            Action::Dispatch(_) => None,
            Action::Issue(_) => Some(Ok(message.signed())),
        }
    }
}

impl fmt::Debug for GitHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GitHub").field("api", &self.api).finish_non_exhaustive()
    }
}

fn repository(key: &str) -> Result<[String; 2], SectionError> {
    let is_name = |name: &str| {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        !matches!(name, "" | "." | "..") && name.bytes().all(is_part)
    };
    match key.split_once('/') {
        Some((owner, name)) if is_name(owner) && is_name(name) => Ok([owner, name].map(ToOwned::to_owned)),
        _ => Err(SectionError::new("repository", "found another text, expected an owner and a name, such as `example/app`")),
    }
}

fn access(keys: &Keys) -> Result<Access, SectionError> {
    let either = "expected either `token`, or `app_id`, `installation_id` and `private_key`";
    match (&keys.token, &keys.app_id, &keys.installation_id, &keys.private_key) {
        (Some(token), None, None, None) => Access::token(token),
        (None, Some(Id(app)), Some(Id(installation)), Some(key)) => Access::app(app, installation, key),
        (None, None, None, None) => Err(SectionError::new("token", format!("found nothing, {either}"))),
        (Some(_), ..) => Err(SectionError::new("token", format!("found `token` and keys of an App as well, {either}"))),
        (None, app, installation, _) => {
            let missing = match (app, installation) {
                (None, _) => "app_id",
                (_, None) => "installation_id",
                _ => "private_key",
            };
            Err(SectionError::new(missing, format!("found nothing, {either}")))
        }
    }
}

fn action(keys: &Keys) -> Result<Action, SectionError> {
    let mut errors = SectionError::default();
    let of_issues = [("labels", keys.labels.is_some()), ("screenshots_branch", keys.screenshots_branch.is_some())];
    let action = match keys.action {
        Some(ActionKey::Dispatch) => {
            errors = foreign(errors, "dispatch", &of_issues);
            errors.note(Dispatch::new(keys.event_type.as_deref().unwrap_or(EVENT_TYPE))).map(Action::Dispatch)
        }
        Some(ActionKey::Issue) => {
            errors = foreign(errors, "issue", &[("event_type", keys.event_type.is_some())]);
            let labels = keys.labels.clone().unwrap_or_else(|| vec![LABEL.to_owned()]);
            Some(Action::Issue(Issues::new(labels, keys.screenshots_branch.clone())))
        }
        None => errors.note(Err(SectionError::new("action", "found nothing, expected `dispatch` or `issue`"))),
    };
    match action {
        Some(action) => errors.or(action),
        None => Err(errors),
    }
}

/// Adds the keys that are given and that this action makes nothing of.
fn foreign(errors: SectionError, action: &str, keys: &[(&str, bool)]) -> SectionError {
    keys.iter().filter(|(_, is_given)| *is_given).fold(errors, |errors, (key, _)| {
        errors.and(*key, format!("found `{key}`, expected no such key with `action = \"{action}\"`")).hint("remove it")
    })
}

#[cfg(test)]
mod tests;
