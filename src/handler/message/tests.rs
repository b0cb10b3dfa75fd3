//! Every kind and every state in words, with nothing known and with everything.

use super::*;
pub(crate) use crate::event::details::sample::of as details_of;
use crate::event::{
    EventKind,
    sample::{self, Sample},
};

pub(crate) fn event_of(kind: &EventKind, state: Option<&str>) -> Event {
    let sample = sample::of(kind);
    usual(match state {
        Some(state) => sample.state(state),
        None => sample,
    })
}

/// The event of a sample, with ids and a time that are always the same.
fn usual(sample: Sample) -> Event {
    let time = "2026-11-21T14:04:05Z".parse().unwrap();
    let sample = sample.id("e1").time(time).subject_id("s1").app_id("1234567890").previous_state("PROCESSING");
    sample.event().unwrap()
}

fn told<'a>(event: &'a Event, details: &'a Details) -> Told<'a> {
    let received_at = "2026-11-21T14:04:06Z".parse().unwrap();
    Told { event, details, endpoint: "my-app", since: "2026-11-20T10:00:00Z".parse().ok(), received_at, recovered: false }
}

/// Every kind with each of its states, and with one that is not known.
fn every_event() -> impl Iterator<Item = Event> {
    sample::every().map(usual)
}

#[test]
fn every_kind_and_state_with_everything_known() {
    let messages = every_event().map(|event| {
        let details = details_of(&event);
        let message = Message::of(&told(&event, &details), &Voice::default());
        format!("{} {}\n    {}", message.severity.sign(), message.title, message.sentence)
    });
    insta::assert_snapshot!(messages.collect::<Vec<_>>().join("\n"));
}

#[test]
fn every_kind_and_state_with_nothing_known() {
    let messages = every_event().map(|event| {
        let message = Message::of(&told(&event, &Details::default()), &Voice::default());
        format!("{} {}\n    {}", message.severity.sign(), message.title, message.sentence)
    });
    insta::assert_snapshot!(messages.collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_whole_message_of_each_kind() {
    let messages = EventKind::ALL.iter().map(|kind| {
        let states = sample::states(kind);
        let state = states.iter().find(|state| matches!(**state, "REJECTED" | "FAILED")).or(states.last());
        let event = event_of(kind, state.copied());
        Message::of(&told(&event, &details_of(&event)), &Voice::default()).plain()
    });
    insta::assert_snapshot!(messages.collect::<Vec<_>>().join("\n\n"));
}

#[test]
fn what_strangers_write_into_a_build_stays_on_its_line() {
    let hostile = "\u{202e}@channel\n<b>x</b>\u{0}";
    let places = [
        "ciProduct.attributes.name",
        "ciWorkflow.attributes.name",
        "scmGitReference.attributes.name",
        "scmRepository.attributes.repositoryName",
        "scmPullRequest.attributes.title",
        "ciBuildRun.attributes.sourceCommit.message",
        "ciBuildRun.attributes.sourceCommit.author.displayName",
        "ciBuildRun.attributes.completionStatus",
    ];
    let sample = sample::of(&EventKind::XcodeCloudBuildCompleted);
    let event = places.into_iter().fold(sample, |sample, place| sample.set(place, hostile.into())).event().unwrap();
    let message = Message::of(&told(&event, &Details::default()), &Voice::default());
    let lines = [message.title.as_str(), &message.sentence].into_iter().chain(message.facts.iter().map(|fact| &*fact.value));
    for line in lines {
        assert!(line.chars().all(crate::plain::is_harmless), "{line:?}");
    }
    let fact = |name: &str| message.facts.iter().find(|fact| fact.name == name).map(|fact| fact.value.as_str());
    assert_eq!(fact("Branch"), Some("@channel\u{FFFD}<b>x</b>\u{FFFD}"));
    assert_eq!(fact("Commit"), Some("8d5e957 @channel"));
}

#[test]
fn what_was_fetched_back_says_so_and_is_told_as_what_it_was() {
    let received_at = "2026-11-22T09:00:00Z".parse().unwrap();
    let (kind, upload) = (EventKind::AppStoreVersionAppVersionStateUpdated, EventKind::BuildUploadStateUpdated);
    let version = event_of(&kind, Some("REJECTED"));
    let timeless = Event::parse(sample::of(&upload).subject_id("s1").state("FAILED").previous_state("PROCESSING").body()).unwrap();
    let mut messages = Vec::new();
    for event in [&version, &timeless] {
        let details = details_of(event);
        let [in_time, late] = [false, true].map(|recovered| {
            let told = Told { received_at, recovered, ..told(event, &details) };
            Message::of(&told, &Voice::default())
        });
        assert_eq!((in_time.severity, &in_time.title, &in_time.sentence), (late.severity, &late.title, &late.sentence));
        messages.extend([format!("in time:\n{}", in_time.plain()), format!("late:\n{}", late.plain())]);
    }
    insta::assert_snapshot!(messages.join("\n\n"));
}

#[test]
fn what_strangers_write_stays_on_its_line() {
    let event = event_of(&EventKind::BetaFeedbackCrashSubmissionCreated, None);
    let mut details = details_of(&event);
    let hostile = "\u{202e}@channel\n<b>x</b>\u{0}";
    let app = details.app.as_mut().unwrap();
    app.name = Some(hostile.to_owned());
    details.feedback.as_mut().unwrap().comment = Some(hostile.to_owned());
    let message = Message::of(&told(&event, &details), &Voice::default());
    assert_eq!(message.title, "@channel <b>x</b> 2.3 (45), iOS: crash");
    assert_eq!(message.quote.as_deref(), Some("@channel\n<b>x</b>"));
}
