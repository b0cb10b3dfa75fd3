//! Builds of Xcode Cloud, which has webhooks of its own.
//!
//! They are set up in another place than those of App Store Connect, look different, and **nobody signs them**
//! ([Configuring webhooks in Xcode Cloud](https://developer.apple.com/documentation/xcode/configuring-webhooks-in-xcode-cloud)). So
//! they have a reader of their own, [`Event::parse_xcode_cloud`], and all they can become is an event of this family: whoever gets
//! hold of the secret address can invent builds, and nothing else.

use std::borrow::Cow;

use bytes::Bytes;
use jiff::Timestamp;

use super::{
    Event, NOTHING, NotAnEvent,
    data::{printable, text, time},
    id_of_content,
    json::{Json, Shape, Value},
    kind::{EventKind, XCODE_CLOUD},
    number,
    payload::Payload,
    state::{BuildRunProgress, BuildRunResult},
    subject::Subject,
};

/// A build of Xcode Cloud was created, started or completed
/// ([Apple](https://developer.apple.com/documentation/xcode/webhook-payload)). The subject is a `ciBuildRuns`.
///
/// It is not proven that Apple sent it: all that is known is that whoever did knew the token of the endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct XcodeCloud {
    /// The id of the app.
    pub app_id: Option<String>,
    /// The name of the product, which is that of the app or the framework.
    pub product: Option<String>,
    /// The name of the workflow.
    pub workflow: Option<String>,
    /// The repository: `owner/name`, as far as both are known.
    pub repository: Option<String>,
    /// The branch or the tag.
    pub reference: Option<GitReference>,
    /// The pull request, if one is built.
    pub pull_request: Option<Box<PullRequest>>,
    /// The build itself.
    pub build: Box<BuildRun>,
    /// What was done in it: an archive, tests.
    pub actions: Vec<BuildAction>,
}

/// One build.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BuildRun {
    /// Its number, by which people call it.
    pub number: Option<u64>,
    /// How far it is.
    pub progress: Option<BuildRunProgress>,
    /// How it ended, once it has.
    pub result: Option<BuildRunResult>,
    /// What is built; of a pull request, its latest commit.
    pub commit: Option<Commit>,
    /// When it was created.
    pub created_at: Option<Timestamp>,
    /// When it started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Commit {
    /// Its hash.
    pub sha: Option<String>,
    /// What its author wrote. Apple's page does not list it, and its API has it.
    pub message: Option<String>,
    /// The name of its author.
    pub author: Option<String>,
    /// Its page where the code is kept.
    pub url: Option<String>,
}

/// A branch or a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GitReference {
    /// What it is, as Apple writes it: `BRANCH` or `TAG`.
    pub kind: Option<String>,
    /// Its name.
    pub name: String,
}

/// A pull request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PullRequest {
    /// Its number.
    pub number: Option<u64>,
    /// Its title.
    pub title: Option<String>,
    /// Its page where the code is kept.
    pub url: Option<String>,
    /// The branch that it comes from.
    pub from: Option<String>,
    /// The branch that it is to go into.
    pub into: Option<String>,
}

/// Something that was done in a build.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BuildAction {
    /// What the workflow calls it: `Archive - iOS`.
    pub name: Option<String>,
    /// What it does, as Apple writes it: `BUILD`, `ANALYZE`, `TEST` or `ARCHIVE`.
    pub kind: Option<String>,
    /// How it ended, once it has.
    pub result: Option<BuildRunResult>,
    /// What was found.
    pub issues: IssueCounts,
}

/// How much was found that somebody should look at. What is not told is nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct IssueCounts {
    /// Errors.
    pub errors: u64,
    /// Tests that failed.
    pub test_failures: u64,
    /// Warnings of the compiler.
    pub warnings: u64,
    /// Warnings of the static analyzer.
    pub analyzer_warnings: u64,
}

impl Event {
    /// Reads a notification of Xcode Cloud.
    ///
    /// It is as tolerant as [`Event::parse`]: what makes it an event is that it says what happened, in `metadata.attributes.eventType`
    /// or by how far its `ciBuildRun` is. Whatever else the bytes hold, the event is one of this family. Its id is made of the build
    /// and of what happened to it, because Apple gives it none.
    ///
    /// # Errors
    /// When the bytes are not a JSON object that says so.
    pub fn parse_xcode_cloud(raw: Bytes) -> Result<Self, NotAnEvent> {
        let json = Json::read(&raw).map_err(NotAnEvent::Malformed)?;
        let root = json.root();
        if root.members().is_none() {
            return Err(NotAnEvent::NotAnObject { found: root.noun() });
        }
        let payload = XcodeCloud::read(root);
        let metadata = attributes(root, "metadata");
        let told = metadata.and_then(|metadata| metadata.member("eventType"));
        let happened = match told.map(Value::shape) {
            Some(Shape::String(word)) => printable(word),
            _ => match &payload.build.progress {
                Some(BuildRunProgress::Pending) => CREATED.into(),
                Some(BuildRunProgress::Running) => STARTED.into(),
                Some(BuildRunProgress::Complete) => COMPLETED.into(),
                _ => return Err(NotAnEvent::NoEventType { found: told.map_or(NOTHING, Value::noun) }),
            },
        };
        let subject =
            member_text(root.member("ciBuildRun"), "id").map(|id| Subject { kind: "ciBuildRuns".to_owned(), id, link: None });
        Ok(Self {
            id: subject.as_ref().map_or_else(|| id_of_content(&json), |build| format!("{}/{happened}", build.id)),
            kind: kind_of(&happened),
            version: None,
            time: metadata.and_then(|metadata| metadata.member("createdDate")).and_then(time),
            subject,
            payload: Payload::XcodeCloud(payload),
            raw,
        })
    }
}

impl XcodeCloud {
    /// The state of the build: how it ended or, before that, how far it is.
    pub(super) fn state(&self) -> Option<&str> {
        let result = self.build.result.as_ref().map(BuildRunResult::as_str);
        result.or_else(|| self.build.progress.as_ref().map(BuildRunProgress::as_str))
    }

    /// Reads what the members of an object tell of a build; there is nothing without which it is none.
    pub(super) fn read(root: Value<'_>) -> Self {
        let name = |of| member_text(attributes(root, of), "name");
        let repository = attributes(root, "scmRepository");
        let repository = [member_text(repository, "ownerName"), member_text(repository, "repositoryName")];
        let repository: Vec<String> = repository.into_iter().flatten().collect();
        Self {
            app_id: member_text(root.member("app"), "id"),
            product: name("ciProduct"),
            workflow: name("ciWorkflow"),
            repository: (!repository.is_empty()).then(|| repository.join("/")),
            reference: attributes(root, "scmGitReference").and_then(GitReference::read),
            pull_request: attributes(root, "scmPullRequest").map(|pull| Box::new(PullRequest::read(pull))),
            build: Box::new(BuildRun::read(attributes(root, "ciBuildRun"))),
            actions: root.member("ciBuildActions").and_then(Value::items).into_iter().flatten().map(BuildAction::read).collect(),
        }
    }
}

impl BuildRun {
    fn read(run: Option<Value<'_>>) -> Self {
        let at = |name| run?.member(name).and_then(time);
        Self {
            number: run.and_then(|run| run.member("number")).and_then(number),
            progress: word(run, "executionProgress").map(|word| (&*word).into()),
            result: word(run, "completionStatus").map(|word| (&*word).into()),
            commit: run.and_then(|run| Commit::read(run.member("sourceCommit")?)),
            created_at: at("createdDate"),
            started_at: at("startedDate"),
            finished_at: at("finishedDate"),
        }
    }
}

impl Commit {
    fn read(commit: Value<'_>) -> Option<Self> {
        commit.members()?;
        let author = commit.member("author");
        Some(Self {
            sha: member_text(Some(commit), "commitSha"),
            message: lines(commit.member("message")),
            // Apple's page calls the author a name, and its API has an object with one.
            author: member_text(author, "displayName").or_else(|| author.and_then(text)),
            url: member_text(Some(commit), "htmlUrl"),
        })
    }
}

impl GitReference {
    fn read(reference: Value<'_>) -> Option<Self> {
        let name = member_text(Some(reference), "name")?;
        Some(Self { kind: member_text(Some(reference), "kind"), name })
    }
}

impl PullRequest {
    fn read(pull: Value<'_>) -> Self {
        let text = |name| member_text(Some(pull), name);
        Self {
            number: pull.member("number").and_then(number),
            title: text("title"),
            url: text("htmlUrl"),
            from: text("sourceBranchName"),
            into: text("destinationBranchName"),
        }
    }
}

impl BuildAction {
    fn read(action: Value<'_>) -> Self {
        let attributes = action.member("attributes");
        let issues = attributes.and_then(|attributes| attributes.member("issueCounts"));
        let count = |name| issues.and_then(|issues| issues.member(name)).and_then(number).unwrap_or_default();
        Self {
            name: member_text(attributes, "name"),
            kind: member_text(attributes, "actionType"),
            result: word(attributes, "completionStatus").map(|word| (&*word).into()),
            issues: IssueCounts {
                errors: count("errors"),
                test_failures: count("testFailures"),
                warnings: count("warnings"),
                analyzer_warnings: count("analyzerWarnings"),
            },
        }
    }
}

const CREATED: &str = "BUILD_CREATED";
const STARTED: &str = "BUILD_STARTED";
const COMPLETED: &str = "BUILD_COMPLETED";

/// The word by which Apple says what happened, for a kind that this version knows.
pub(super) fn word_of(kind: &EventKind) -> Option<&'static str> {
    match kind {
        EventKind::XcodeCloudBuildCreated => Some(CREATED),
        EventKind::XcodeCloudBuildStarted => Some(STARTED),
        EventKind::XcodeCloudBuildCompleted => Some(COMPLETED),
        _ => None,
    }
}

/// The kind of what happened: Apple's word, spelled like the kinds of App Store Connect and with where it comes from before it, so
/// that it is never taken for one of them.
fn kind_of(happened: &str) -> EventKind {
    let words = happened.split('_').map(|word| {
        let mut letters = word.chars();
        let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
        first + &letters.as_str().to_lowercase()
    });
    EventKind::from(&*format!("{XCODE_CLOUD}{}", words.collect::<String>()))
}

/// The attributes of a resource.
fn attributes<'d>(root: Value<'d>, resource: &str) -> Option<Value<'d>> {
    root.member(resource)?.member("attributes")
}

fn member_text(of: Option<Value<'_>>, name: &str) -> Option<String> {
    of?.member(name).and_then(text)
}

/// A text of several lines.
fn lines(value: Option<Value<'_>>) -> Option<String> {
    let Shape::String(text) = value?.shape() else { return None };
    Some(text.decoded().replace(|letter: char| letter.is_control() && letter != '\n', "\u{FFFD}"))
}

/// A word of Apple's.
fn word<'d>(of: Option<Value<'d>>, name: &str) -> Option<Cow<'d, str>> {
    if let Shape::String(word) = of?.member(name)?.shape() { Some(printable(word)) } else { None }
}

#[cfg(test)]
mod tests;
