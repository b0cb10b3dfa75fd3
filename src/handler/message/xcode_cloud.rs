//! Builds of Xcode Cloud in words. All that is said is in the notification itself, and nobody signed that: so it says so.

use jiff::SignedDuration;

use super::{
    Fact,
    Severity::{self, Good, Loud, Quiet},
    facts::Facts,
    text::{clean, cut, row, words_of},
    voice,
};
use crate::event::{BuildAction, BuildRunResult, EventKind, GitReference, PullRequest, XcodeCloud};

/// The most actions that are told one by one.
const MOST_ACTIONS: usize = 5;

/// The most letters of what somebody wrote about a change.
const LONGEST_TITLE: usize = 120;

/// The name of a build in a sentence, and in a title; none if neither its number nor its product is known.
pub(super) fn name(told: &XcodeCloud) -> Option<(String, String)> {
    let number = told.build.number.map(|number| format!("build {number}"));
    let product = told.product.as_deref().map(clean).filter(|product| !product.is_empty());
    match (product, number) {
        (Some(product), number) => {
            let number = number.as_deref();
            Some((
                format!("{} of {product}", number.unwrap_or("a build")),
                format!("{product}, Xcode Cloud {}", number.unwrap_or("build")),
            ))
        }
        (None, Some(number)) => Some((format!("{number} of Xcode Cloud"), format!("Xcode Cloud {number}"))),
        (None, None) => None,
    }
}

/// How loud to say it, and in which sentence; none for a state that this version does not know.
pub(super) fn saying(told: &XcodeCloud, kind: &EventKind, first: &str, within: &str) -> Option<(Severity, String)> {
    let found = found_in_all(&told.actions);
    let because = if found.is_empty() { String::new() } else { format!(": {}", row(&found)) };
    Some(match (&told.build.result, kind) {
        (Some(BuildRunResult::Succeeded), _) => (Good, format!("{first} succeeded.")),
        (Some(BuildRunResult::Failed), _) => (Loud, format!("{first} failed{because}.")),
        (Some(BuildRunResult::Errored), _) => (Loud, format!("Xcode Cloud could not do {within}.")),
        (Some(BuildRunResult::Canceled), _) => (Quiet, format!("{first} was canceled.")),
        (Some(BuildRunResult::Skipped), _) => (Quiet, format!("{first} was skipped.")),
        (None, EventKind::XcodeCloudBuildCreated) => (Quiet, format!("Xcode Cloud has created {within}.")),
        (None, EventKind::XcodeCloudBuildStarted) => (Quiet, format!("Xcode Cloud has started {within}.")),
        (None, EventKind::XcodeCloudBuildCompleted) => (Quiet, format!("{first} has ended.")),
        _ => return None,
    })
}

/// What is known of a build, most important first.
pub(super) fn facts(facts: &mut Facts, told: &XcodeCloud) {
    let of_actions: Vec<String> = told.actions.iter().filter_map(action).collect();
    facts.0.extend(of_actions.iter().take(MOST_ACTIONS).map(|action| Fact { name: "Action", value: action.clone() }));
    let more = of_actions.len().saturating_sub(MOST_ACTIONS);
    facts.add("Action", (more > 0).then(|| format!("and {more} more")));
    facts.text("Workflow", told.workflow.as_deref());
    if let Some(pull) = &told.pull_request {
        facts.add("Pull request", Some(pull_request(pull)));
    }
    if let Some(GitReference { kind, name, .. }) = &told.reference {
        let kind = kind.as_deref().unwrap_or_default().to_ascii_uppercase();
        let called = match kind.as_str() {
            "BRANCH" => "Branch",
            "TAG" => "Tag",
            _ => "Reference",
        };
        facts.text(called, Some(name));
    }
    if let Some(commit) = &told.build.commit {
        let sha = commit.sha.as_deref().map(|sha| clean(sha).chars().take(7).collect::<String>());
        let message = commit.message.as_deref().and_then(|message| message.lines().find(|line| !clean(line).is_empty()));
        let message = message.map(|line| cut(&clean(line), LONGEST_TITLE));
        facts.add("Commit", Some(sha.into_iter().chain(message).collect::<Vec<_>>().join(" ")));
        facts.text("Author", commit.author.as_deref());
    }
    facts.text("Repository", told.repository.as_deref());
    let took = told.build.started_at.zip(told.build.finished_at).map(|(start, end)| end.duration_since(start));
    facts.add("Took", took.filter(|took| *took > SignedDuration::ZERO).map(voice::duration));
    facts.add("Origin", Some("unsigned (Xcode Cloud)".to_owned()));
}

/// `Test - iOS: Failed, 3 test failures and 1 warning`; none while there is nothing to say.
fn action(action: &BuildAction) -> Option<String> {
    let result = action.result.as_ref().map(|result| words_of(result.as_str()));
    let found = row(&found(action));
    let told: Vec<String> = result.into_iter().chain((!found.is_empty()).then_some(found)).collect();
    let name = action.name.as_deref().map(clean).or_else(|| action.kind.as_deref().map(words_of));
    (!told.is_empty()).then(|| format!("{}: {}", name.unwrap_or_else(|| "An action".to_owned()), told.join(", ")))
}

fn found(action: &BuildAction) -> Vec<String> {
    let issues = action.issues;
    counted(&[
        (issues.errors, "error"),
        (issues.test_failures, "test failure"),
        (issues.warnings, "warning"),
        (issues.analyzer_warnings, "analyzer warning"),
    ])
}

/// What makes a build fail, of all its actions.
fn found_in_all(actions: &[BuildAction]) -> Vec<String> {
    let sum = |count: fn(&BuildAction) -> u64| actions.iter().map(count).fold(0, u64::saturating_add);
    counted(&[(sum(|action| action.issues.errors), "error"), (sum(|action| action.issues.test_failures), "test failure")])
}

fn counted(counts: &[(u64, &str)]) -> Vec<String> {
    let some = counts.iter().filter(|(count, _)| *count > 0);
    some.map(|(count, noun)| format!("{count} {noun}{}", if *count == 1 { "" } else { "s" })).collect()
}

/// `#12 Dark mode (dark → main)`
fn pull_request(pull: &PullRequest) -> String {
    let number = pull.number.map(|number| format!("#{number}"));
    let title = pull.title.as_deref().map(|title| cut(&clean(title), LONGEST_TITLE));
    let branches =
        pull.from.as_deref().zip(pull.into.as_deref()).map(|(from, into)| format!("({} → {})", clean(from), clean(into)));
    [number, title, branches].into_iter().flatten().collect::<Vec<_>>().join(" ")
}
