//! What `send` understands, and what it says.

use crate::{
    cli::{
        failure::Failure,
        send::{Answer, curl, doubt, kind_of, kinds},
    },
    event::EventKind,
    secret::Secret,
    signature,
};

#[track_caller]
fn means(text: &str, expected: &EventKind) {
    assert_eq!(kind_of(text).expect("a kind"), *expected);
}

#[test]
fn kinds_are_understood_by_name_family_or_part() {
    means("webhookPingCreated", &EventKind::WebhookPingCreated);
    means("BUILD_UPLOAD_STATE_UPDATED", &EventKind::BuildUploadStateUpdated);
    means("ping", &EventKind::WebhookPingCreated);
    means("app_version", &EventKind::AppStoreVersionAppVersionStateUpdated);
    means("beta_feedback_crash", &EventKind::BetaFeedbackCrashSubmissionCreated);
    means("type:somethingNew", &EventKind::from("somethingNew"));
}

fn failure_of(text: &str) -> Failure {
    kind_of(text).expect_err("no single kind")
}

#[test]
fn kinds_that_are_not_clear_are_questioned() {
    let words: Vec<String> =
        ["beta_feedback", "buildUplaodStateUpdated", "somethingNew"].map(failure_of).iter().map(Failure::words).collect();
    insta::assert_snapshot!("kinds_not_clear", words.join("\n"));
}

#[test]
fn a_state_that_is_not_known_is_doubted() {
    let kind = EventKind::AppStoreVersionAppVersionStateUpdated;
    let words: Vec<String> = ["REJECTD", "rejected", "NOPE"].iter().filter_map(|state| doubt(&kind, state)).collect();
    insta::assert_snapshot!("states_in_doubt", words.join("\n"));
    assert_eq!(doubt(&kind, "REJECTED"), None);
    assert_eq!(doubt(&EventKind::WebhookPingCreated, "ANY"), None, "a kind without states");
    assert_eq!(doubt(&EventKind::from("somethingNew"), "ANY"), None, "nobody knows its states");
}

#[test]
fn every_kind_is_listed() {
    insta::assert_snapshot!("kinds", kinds());
}

#[test]
fn the_curl_command_sends_what_was_signed() {
    let body = br#"{"data": "it's"}"#;
    let signed = signature::sign(&Secret::new("a secret of some length"), body);
    insta::assert_snapshot!("curl", curl(&"https://example.com/apple".parse().unwrap(), Some(&signed), body));
}

#[test]
fn answers_are_explained() {
    let statuses = [200, 202, 302, 401, 404, 405, 413, 500, 503];
    let words = statuses.map(|status| {
        let answer = Answer { kind: "webhookPingCreated".into(), url: "http://a/".into(), status, body: "{}\n".into(), took_ms: 3 };
        answer.words()
    });
    insta::assert_snapshot!("answers", words.join("\n"));
}
