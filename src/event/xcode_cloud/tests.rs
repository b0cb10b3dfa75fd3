//! Tests of reading what Xcode Cloud sends, and everything that must not make it unreadable, or anything else.

use serde_json::json;

use super::*;
use crate::event::{FamilyName, sample};

fn event(body: impl Into<Bytes>) -> Event {
    Event::parse_xcode_cloud(body.into()).unwrap()
}

fn build(event: &Event) -> &XcodeCloud {
    let Payload::XcodeCloud(build) = &event.payload else { panic!("{:?}", event.payload) };
    build
}

#[track_caller]
fn check_kind(metadata: &str, run: &str, expected: &str) {
    let event =
        event(format!(r#"{{"metadata": {{"attributes": {metadata}}}, "ciBuildRun": {{"id": "r1", "attributes": {run}}}}}"#));
    assert_eq!(
        (event.kind.as_str(), event.payload.family(), event.kind.family()),
        (expected, FamilyName::XcodeCloud, FamilyName::XcodeCloud)
    );
}

#[test]
fn what_happened_is_a_word_or_told_by_the_build() {
    check_kind(r#"{"eventType": "BUILD_CREATED"}"#, "{}", "xcodeCloudBuildCreated");
    check_kind(r#"{"eventType": "BUILD_STARTED"}"#, r#"{"executionProgress": "COMPLETE"}"#, "xcodeCloudBuildStarted");
    check_kind(r#"{"eventType": "BUILD_PAUSED"}"#, "{}", "xcodeCloudBuildPaused");
    check_kind(r#"{"eventType": "UNRECOGNIZED"}"#, "{}", "xcodeCloudUnrecognized");
    check_kind(r#"{"eventType": ""}"#, "{}", "xcodeCloud");
    check_kind("{}", r#"{"executionProgress": "PENDING"}"#, "xcodeCloudBuildCreated");
    check_kind("null", r#"{"executionProgress": "RUNNING"}"#, "xcodeCloudBuildStarted");
    check_kind(r#"{"eventType": 7}"#, r#"{"executionProgress": "COMPLETE"}"#, "xcodeCloudBuildCompleted");
}

/// Whoever knows the token must not be able to say anything in App Store Connect's name.
#[test]
fn nothing_of_app_store_connect_comes_in_by_this_reader() {
    for kind in EventKind::ALL.iter().filter(|kind| !kind.family().is_unsigned()) {
        let forged = sample::of(kind).body();
        assert!(Event::parse_xcode_cloud(forged).is_err(), "{kind}");
        let both = sample::of(&EventKind::XcodeCloudBuildStarted)
            .set("data", json!({ "type": kind, "id": "1", "attributes": { "newValue": "REJECTED" } }))
            .set("metadata.attributes.eventType", json!(kind));
        let event = both.event().unwrap();
        assert_eq!((event.kind.family(), event.payload.family()), (FamilyName::XcodeCloud, FamilyName::XcodeCloud), "{kind}");
        assert!(!event.kind.is_known() && event.state() == Some("RUNNING"), "{kind}");
    }
}

#[test]
fn an_id_is_made_of_the_build_and_of_what_happened() {
    let of = |kind| sample::of(kind).id("r1").event().unwrap();
    assert_eq!(of(&EventKind::XcodeCloudBuildCreated).id, "r1/BUILD_CREATED");
    assert_eq!(of(&EventKind::XcodeCloudBuildCompleted).id, "r1/BUILD_COMPLETED");
    let nameless = sample::of(&EventKind::XcodeCloudBuildCreated).without("ciBuildRun.id").event().unwrap();
    assert!(nameless.id.starts_with("sha256:") && nameless.subject.is_none(), "{}", nameless.id);
}

#[test]
fn the_state_is_how_it_ended_or_how_far_it_is() {
    let of = |state: &str| sample::of(&EventKind::XcodeCloudBuildCompleted).state(state).event().unwrap();
    for state in BuildRunResult::WORDS.iter().chain(&["BRAND_NEW"]) {
        let event = of(state);
        assert_eq!((event.state(), event.previous_state()), (Some(*state), None));
        assert_eq!(build(&event).build.progress, Some(BuildRunProgress::Complete));
    }
    let unknown = sample::of(&EventKind::XcodeCloudBuildCompleted).set("ciBuildRun.attributes.completionStatus", json!(null));
    assert_eq!(unknown.event().unwrap().state(), Some("COMPLETE"));
}

#[test]
fn fields_of_other_types_are_none() {
    for odd in ["null", "1e999", r#""\ud800""#, "{}", "[]", "[[{}]]", "true"] {
        let members =
            ["webhook", "app", "ciWorkflow", "ciProduct", "ciBuildRun", "ciBuildActions", "scmRepository", "scmPullRequest"];
        let around = members.map(|member| format!(r#""{member}": {odd}, "#)).concat();
        let event = event(format!(
            r#"{{{around}"scmGitReference": {odd}, "metadata": {{"attributes": {{"eventType": "BUILD_STARTED", "createdDate": {odd}}}}}}}"#
        ));
        assert_eq!((event.time, &event.subject, event.state(), event.app_id()), (None, &None, None, None), "{odd}");
        serde_json::to_string(&event).unwrap();
        let inside = event_with_attributes(odd);
        let told = build(&inside);
        assert_eq!((told.build.number, told.build.created_at, &told.reference), (None, None, &None), "{odd}");
        assert_eq!(told.actions.iter().map(|action| action.issues).collect::<Vec<_>>(), [IssueCounts::default()], "{odd}");
    }
}

fn event_with_attributes(odd: &str) -> Event {
    event(format!(
        r#"{{"metadata": {{"attributes": {{"eventType": "BUILD_STARTED"}}}},
            "ciBuildRun": {{"id": "r1", "attributes": {{"number": {odd}, "createdDate": {odd}, "sourceCommit": {odd}, "completionStatus": {odd}}}}},
            "ciBuildActions": [{{"attributes": {{"name": {odd}, "issueCounts": {{"errors": {odd}}}}}}}],
            "scmGitReference": {{"attributes": {{"kind": "BRANCH"}}}}}}"#
    ))
}

#[test]
fn an_author_is_a_name_or_has_one() {
    let author = |author| {
        let event = sample::of(&EventKind::XcodeCloudBuildStarted)
            .set("ciBuildRun.attributes.sourceCommit.author", author)
            .event()
            .unwrap();
        build(&event).build.commit.clone().unwrap().author
    };
    assert_eq!(author(json!("Anne")).as_deref(), Some("Anne"));
    assert_eq!(author(json!({ "displayName": "Anne" })).as_deref(), Some("Anne"));
    assert_eq!(author(json!({})), None);
}

#[test]
fn the_page_is_of_the_app_and_the_build_and_of_nothing_else() {
    let link = |app: &str, run: &str| sample::of(&EventKind::XcodeCloudBuildStarted).app_id(app).id(run).event().unwrap().link();
    assert_eq!(link("42", "r-1").as_deref(), Some("https://appstoreconnect.apple.com/apps/42/ci/builds/r-1"));
    assert_eq!(link("42", "../../evil"), None);
    assert_eq!(link("42@example.com", "r-1"), None);
}

#[test]
fn what_is_no_event_says_why() {
    let no_events =
        ["", "[]", "{}", r#"{"metadata": []}"#, r#"{"metadata": {"attributes": {"eventType": 7}}}"#, r#"{"data": {"type": "x"}}"#];
    let reasons = no_events.map(|text| format!("{text:?}: {}", Event::parse_xcode_cloud(text.into()).unwrap_err()));
    insta::assert_snapshot!(reasons.join("\n"));
}
