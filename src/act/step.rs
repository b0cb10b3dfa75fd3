//! What is due: reading the resource that an event hints at, and the one request that follows from it.

use std::fmt;

use crate::{
    asc::{self, Client, build::Build},
    event::{AppVersionState, ExternalBetaState, Subject},
    handler::HandlerError,
};

/// Why nothing is asked for.
#[derive(Debug)]
pub(super) enum Hold {
    /// Nothing is to be done, or nothing any more; and why.
    Settled(String),
    /// Apple is not done with it yet; and what it is doing.
    NotYet(String),
    /// It cannot be done as configured.
    Wrong(HandlerError),
    /// The resource could not be read.
    Failed(asc::Error),
}

impl From<asc::Error> for Hold {
    fn from(error: asc::Error) -> Self {
        Self::Failed(error)
    }
}

/// A change of something at Apple's side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Gives a build to groups.
    AddToGroups { build: String, groups: Vec<String> },
    /// Submits a build for beta review.
    SubmitForBetaReview { build: String },
    /// Releases a version.
    Release { version: String },
}

impl Step {
    /// The request, as it would be made.
    pub(super) fn outline(&self, client: &Client) -> Result<String, asc::Error> {
        let outline = match self {
            Self::AddToGroups { build, groups } => client.add_build_to_groups(build, groups).outline(),
            Self::SubmitForBetaReview { build } => client.submit_for_beta_review(build).outline(),
            Self::Release { version } => client.release_version(version).outline(),
        }?;
        let body = outline.body.iter().map(|body| format!(" {body}"));
        Ok(std::iter::once(format!("{} {}", outline.method, outline.url)).chain(body).collect())
    }

    /// Asks for it.
    pub(super) async fn ask(&self, client: &Client) -> Result<(), asc::Error> {
        match self {
            Self::AddToGroups { build, groups } => client.add_build_to_groups(build, groups).await,
            Self::SubmitForBetaReview { build } => client.submit_for_beta_review(build).await.map(drop),
            Self::Release { version } => client.release_version(version).await.map(drop),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddToGroups { build, groups } => write!(f, "to give build {build} to the groups {}", groups.join(", ")),
            Self::SubmitForBetaReview { build } => write!(f, "to take build {build} into beta review"),
            Self::Release { version } => write!(f, "to release version {version}"),
        }
    }
}

/// What is to be asked for so that a build is with these groups, named by name or id.
pub(super) async fn add_to_groups(client: &Client, subject: &Subject, wanted: &[String]) -> Result<Step, Hold> {
    let build = ready_build(client, subject).await?;
    let Some(app_id) = &build.app_id else {
        return Err(Hold::Wrong(HandlerError::reject(format!("Apple names no app of build {}", build.id))));
    };
    let groups = client.beta_groups(app_id)?.all().await?;
    let mut missing = Vec::new();
    for wanted in wanted {
        let Some(group) = groups.iter().find(|group| group.id == *wanted || group.name.as_ref() == Some(wanted)) else {
            let known: Vec<_> = groups.iter().filter_map(|group| Some(format!("`{}`", group.name.as_deref()?))).collect();
            let known =
                if known.is_empty() { "it has none at all".to_owned() } else { format!("its groups are {}", known.join(", ")) };
            return Err(Hold::Wrong(HandlerError::reject(format!("app {app_id} has no group `{wanted}`")).quoting(known)));
        };
        // Apple refuses to give a build to a group that has every build.
        if !group.has_every_build && !build.groups.contains(&group.id) && !missing.contains(&group.id) {
            missing.push(group.id.clone());
        }
    }
    if missing.is_empty() {
        return Err(Hold::Settled(format!("build {} is with the groups already", build.id)));
    }
    Ok(Step::AddToGroups { build: build.id, groups: missing })
}

/// What is to be asked for so that a build is in beta review.
pub(super) async fn submit_for_beta_review(client: &Client, subject: &Subject) -> Result<Step, Hold> {
    let Build { id, external_state, .. } = ready_build(client, subject).await?;
    match external_state {
        Some(ExternalBetaState::ReadyForBetaSubmission) => Ok(Step::SubmitForBetaReview { build: id }),
        Some(ExternalBetaState::Processing) => Err(Hold::NotYet(format!("build {id} is still being processed for testing"))),
        Some(state) => Err(Hold::Settled(format!("build {id} is {state} in external testing"))),
        None => Err(Hold::Settled(format!("build {id} is not in external testing"))),
    }
}

/// What is to be asked for so that a version is released.
pub(super) async fn release(client: &Client, subject: &Subject) -> Result<Step, Hold> {
    let version = client.app_store_version(&subject.id).await?;
    match version.state {
        Some(AppVersionState::PendingDeveloperRelease) => Ok(Step::Release { version: version.id }),
        Some(state) => Err(Hold::Settled(format!("version {} is {state}", version.id))),
        None => Err(Hold::Settled(format!("Apple tells no state of version {}", version.id))),
    }
}

/// The build that a subject leads to, if it can be used now.
async fn ready_build(client: &Client, subject: &Subject) -> Result<Build, Hold> {
    let id = match subject.kind.as_str() {
        "buildUploads" => client.build_of_upload(&subject.id).await?,
        "buildBetaDetails" => Some(client.build_of_beta_detail(&subject.id).await?),
        other => return Err(Hold::Settled(format!("`{other}` leads to no build"))),
    };
    let id = id.ok_or_else(|| Hold::NotYet(format!("no build has come out of upload {} yet", subject.id)))?;
    let build = client.build(&id).await?;
    match build.processing_state.as_deref() {
        _ if build.expired == Some(true) => Err(Hold::Settled(format!("build {id} has expired"))),
        Some("VALID") => Ok(build),
        Some("PROCESSING") | None => Err(Hold::NotYet(format!("build {id} is still being processed"))),
        Some(state) => Err(Hold::Settled(format!("build {id} is {state}"))),
    }
}
