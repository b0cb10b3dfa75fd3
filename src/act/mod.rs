//! What is done at Apple's side: the kind `app-store-connect`, which gives builds to groups, submits them for beta review, and releases
//! versions.
//!
//! It stands in a room of its own because handlers know nothing of App Store Connect's API, and its client knows nothing of handlers;
//! [`register`] puts the kind beside those that ship.
//!
//! **An event is only a hint.** It may be old, recovered, replayed or handled a second time. So each attempt begins by reading the
//! resource: what is no longer due is done, with a line in the log, and nothing is asked for. What Apple refuses as conflicting is read
//! once more, because somebody else may have been faster; only what is still due then is a failure.
//!
//! **Nothing is changed by accident.** A handler of this kind needs a key of its own, or is told in so many words to use that of `[asc]`;
//! and until `dry_run = false` it only says in the log what it would ask for.

mod step;

use std::{fmt, sync::Arc};

use serde::Deserialize;
use url::Url;

use self::step::{Hold, Step};
use crate::{
    asc::{self, APPLE, Client},
    clock::Clock,
    event::{AppVersionState, BuildUploadState, Event, EventKind, ExternalBetaState, Payload, Subject},
    handler::{Context, Handler, HandlerError, Registry, Section, SectionError},
    http_client::Outgoing,
    plain,
    secret::Secret,
};

/// The name of the kind.
pub const KIND: &str = "app-store-connect";

/// Adds the kind to a registry that has none of this name. `shared` is the client with the key of `[asc]`, if there is one.
#[must_use]
pub fn register(registry: Registry, shared: Option<Arc<Client>>, clock: Arc<dyn Clock>) -> Registry {
    if registry.kinds().any(|kind| kind == KIND) {
        return registry;
    }
    registry.register(KIND, move |section| Act::new(&section, shared.as_ref(), &clock))
}

/// Does one thing at Apple's side when an event says that it is time.
pub struct Act {
    client: Arc<Client>,
    action: Action,
    dry_run: bool,
}

/// What is done.
#[derive(Clone, Debug)]
enum Action {
    /// A build that has been processed is given to these groups, by name or id.
    AddToGroups(Vec<String>),
    /// A build that could be tested externally is submitted for beta review.
    SubmitForBetaReview,
    /// A version that waits for its developer is released.
    Release,
}

#[derive(Deserialize)]
struct Keys {
    /// None if it is missing or not known: then nothing is guessed of what may stand beside it.
    action: Option<ActionKey>,
    groups: Vec<String>,
    dry_run: bool,
    use_asc_key: bool,
    key_id: Option<String>,
    issuer_id: Option<String>,
    private_key: Option<Secret>,
    base_url: Option<String>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum ActionKey {
    AddToGroups,
    SubmitForBetaReview,
    Release,
}

impl Act {
    fn new(section: &Section, shared: Option<&Arc<Client>>, clock: &Arc<dyn Clock>) -> Result<Self, SectionError> {
        section.settle(|keys: Keys| {
            let mut errors = SectionError::default();
            let action = errors.note(action(&keys));
            let client = errors.note(keys.client(section.outgoing(), shared, clock));
            let (Some(action), Some(client)) = (action, client) else { return Err(errors) };
            Ok(Self { client, action, dry_run: keys.dry_run })
        })
    }
}

impl fmt::Debug for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Act").field("action", &self.action).field("dry_run", &self.dry_run).finish_non_exhaustive()
    }
}

impl Handler for Act {
    async fn handle(&self, event: Arc<Event>, ctx: Context) -> Result<(), HandlerError> {
        let Some(subject) = self.action.hint(&event) else { return Ok(()) };
        let note = |message: &str, about: &str| {
            tracing::info!(
                handler.name = ctx.handler(),
                event.id = plain::short(&event.id),
                about = plain::short(about),
                "{message}"
            );
        };
        let step = match self.look(subject).await {
            Ok(step) => step,
            Err(Hold::Settled(why)) => {
                note("nothing is asked of App Store Connect", &why);
                return Ok(());
            }
            Err(Hold::NotYet(why)) => return Err(HandlerError::retry(why)),
            Err(Hold::Wrong(why)) => return Err(why),
            Err(Hold::Failed(error)) => return Err(failure(&error)),
        };
        if self.dry_run {
            let outline = step.outline(&self.client).map_err(|error| failure(&error))?;
            note("dry run: this would be asked of App Store Connect", &outline);
            return Ok(());
        }
        let Err(error) = step.ask(&self.client).await else {
            note("App Store Connect has been asked", &step.to_string());
            return Ok(());
        };
        if !matches!(error.status(), Some(409 | 422)) {
            return Err(failure(&error));
        }
        // Somebody may have been faster, or an earlier attempt of ours whose answer was lost.
        match self.look(subject).await {
            Err(Hold::Settled(why)) => {
                note("App Store Connect has done it already", &why);
                Ok(())
            }
            Err(Hold::Failed(error)) => Err(failure(&error)),
            Ok(_) | Err(Hold::NotYet(_) | Hold::Wrong(_)) => Err(failure(&error)),
        }
    }

    fn wants(&self, kind: &EventKind) -> bool {
        match self.action {
            Action::AddToGroups(_) => *kind == EventKind::BuildUploadStateUpdated,
            Action::SubmitForBetaReview => {
                matches!(kind, EventKind::BuildUploadStateUpdated | EventKind::BuildBetaDetailExternalBuildStateUpdated)
            }
            Action::Release => *kind == EventKind::AppStoreVersionAppVersionStateUpdated,
        }
    }

    fn needs_details(&self) -> bool {
        // It reads what it needs itself, as it is now.
        false
    }
}

impl Act {
    /// Reads what the event is about, and says what is due.
    async fn look(&self, subject: &Subject) -> Result<Step, Hold> {
        let client = &self.client;
        match &self.action {
            Action::AddToGroups(groups) => step::add_to_groups(client, subject, groups).await,
            Action::SubmitForBetaReview => step::submit_for_beta_review(client, subject).await,
            Action::Release => step::release(client, subject).await,
        }
    }
}

impl Action {
    /// What to look at, if the event hints that it is time.
    fn hint<'e>(&self, event: &'e Event) -> Option<&'e Subject> {
        let is_time = match (self, &event.payload) {
            (Self::AddToGroups(_) | Self::SubmitForBetaReview, Payload::BuildUpload(upload)) => {
                upload.change.to == Some(BuildUploadState::Complete)
            }
            (Self::SubmitForBetaReview, Payload::BuildBetaDetail(detail)) => {
                detail.change.to == Some(ExternalBetaState::ReadyForBetaSubmission)
            }
            (Self::Release, Payload::AppVersion(version)) => version.change.to == Some(AppVersionState::PendingDeveloperRelease),
            _ => false,
        };
        event.subject.as_ref().filter(|_| is_time)
    }
}

/// Tries again what may go better later, and gives up on the rest. Apple's words are kept with the attempt.
fn failure(error: &asc::Error) -> HandlerError {
    let failure = match (error.is_retryable(), error.retry_after()) {
        (true, Some(after)) => HandlerError::retry_after(error.unquoted(), after),
        (true, None) => HandlerError::retry(error.unquoted()),
        (false, _) => HandlerError::reject(error.unquoted()),
    };
    failure.in_full(error.with_causes())
}

fn action(keys: &Keys) -> Result<Action, SectionError> {
    match (keys.action, keys.groups.is_empty()) {
        (None, _) => {
            Err(SectionError::new("action", "found nothing, expected `add-to-groups`, `submit-for-beta-review` or `release`"))
        }
        (Some(ActionKey::AddToGroups), false) => Ok(Action::AddToGroups(keys.groups.clone())),
        (Some(ActionKey::AddToGroups), true) => {
            Err(SectionError::new("groups", "found nothing, expected the names or ids of groups of testers")
                .hint("write `groups = [\"Friends\"]`"))
        }
        (Some(ActionKey::SubmitForBetaReview), true) => Ok(Action::SubmitForBetaReview),
        (Some(ActionKey::Release), true) => Ok(Action::Release),
        (_, false) => Err(SectionError::new("groups", "found `groups`, expected no such key with this `action`")
            .hint("remove it, or set `action = \"add-to-groups\"`")),
    }
}

impl Keys {
    fn client(
        &self,
        outgoing: &Outgoing,
        shared: Option<&Arc<Client>>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Arc<Client>, SectionError> {
        if self.use_asc_key {
            return self.shared(shared);
        }
        let (Some(key_id), Some(private_key)) = (&self.key_id, &self.private_key) else {
            let missing = if self.key_id.is_none() { "key_id" } else { "private_key" };
            let error =
                SectionError::new(missing, "found nothing, expected a key of its own for what changes something at Apple's side");
            return Err(error.hint("give `key_id`, `issuer_id` and `private_key`, or set `use_asc_key = true`"));
        };
        let base_url = match (&self.base_url, shared) {
            (Some(given), _) => given.parse(),
            (None, Some(shared)) => Ok(shared.base_url().clone()),
            (None, None) => APPLE.parse(),
        };
        let base_url: Url =
            base_url.map_err(|error| SectionError::new("base_url", format!("found another text ({error}), expected a URL")))?;
        let client = Client::with_key(key_id, self.issuer_id.as_deref(), private_key, &base_url, outgoing, Arc::clone(clock));
        client.map(Arc::new).map_err(|error| SectionError::new(error.key, error.reason))
    }

    fn shared(&self, shared: Option<&Arc<Client>>) -> Result<Arc<Client>, SectionError> {
        let own = [
            ("key_id", self.key_id.is_some()),
            ("issuer_id", self.issuer_id.is_some()),
            ("private_key", self.private_key.is_some()),
            ("base_url", self.base_url.is_some()),
        ];
        let own = own.into_iter().filter(|(_, is_given)| *is_given);
        let errors = own.fold(SectionError::default(), |errors, (key, _)| {
            errors.and(key, format!("found `{key}`, expected no such key with `use_asc_key = true`")).hint("remove one of the two")
        });
        match shared {
            Some(shared) => errors.or(Arc::clone(shared)),
            None => Err(errors.and("use_asc_key", "found no key in `[asc]` that can be used, expected one to share")),
        }
    }
}

#[cfg(test)]
mod tests;
