//! Details as they are kept, shown and linked to.

use super::*;
use crate::event::{Event, EventKind, sample};

#[test]
fn what_others_kept_is_read_as_far_as_it_is_understood() {
    let kept = r#"{
        "app": {"id": "1", "name": "Harbor", "mood": "calm"},
        "weather": {"wind": 4},
        "gaps": [{"what": "build", "why": "gone"}, {"what": "beta", "why": "out to lunch"}]
    }"#;
    let details = Details::read(kept.as_bytes()).unwrap();
    assert_eq!(details.app_name(), Some("Harbor"));
    assert_eq!(details.gaps.iter().map(|gap| gap.why).collect::<Vec<_>>(), [Why::Gone, Why::Unavailable]);
    assert_eq!(Details::read(b"{}"), Some(Details::default()));
    assert_eq!(Details::read(b"no details"), None);
    let written = serde_json::to_vec(&details).unwrap();
    assert_eq!(Details::read(&written), Some(details));
}

#[test]
fn only_what_is_gone_is_settled() {
    let with = |why| Details { gaps: vec![Gap { what: "app".into(), why }], ..Details::default() };
    assert!(Details::default().is_settled());
    assert!(with(Why::Gone).is_settled());
    assert!(!with(Why::Refused).is_settled());
    assert!(!with(Why::Unavailable).is_settled());
}

#[test]
fn what_a_tester_wrote_is_not_printed() {
    let feedback = Feedback { id: "f1".into(), comment: Some("my dog".into()), email: Some("a@b.c".into()), ..Feedback::default() };
    let printed = format!("{:?}", Details { feedback: Some(feedback), ..Details::default() });
    assert!(printed.contains("f1") && !printed.contains("dog") && !printed.contains("a@b.c"), "{printed}");
}

#[test]
fn the_document_has_the_same_members_whatever_is_known() {
    insta::assert_json_snapshot!(Details::default());
}

fn of_app(id: &str) -> Details {
    Details { app: Some(App { id: id.into(), ..App::default() }), ..Details::default() }
}

#[track_caller]
fn check(details: &Details, sample: &sample::Sample, expected: &str) {
    let event = Event::parse(sample.body()).unwrap();
    assert_eq!(details.link_to(&event).as_deref(), (!expected.is_empty()).then_some(expected));
}

#[test]
fn links() {
    let version = Version { platform: Some("MAC_OS".into()), ..Version::default() };
    let of_version = Details { version: Some(version), ..of_app("1") };
    let changed = sample::of(&EventKind::AppStoreVersionAppVersionStateUpdated);
    let site = "https://appstoreconnect.apple.com/apps/1";
    check(&of_version, &changed.clone().state("REJECTED"), &format!("{site}/distribution/macos/version/inflight"));
    check(&of_version, &changed.clone().state("READY_FOR_DISTRIBUTION"), &format!("{site}/distribution/macos/version/deliverable"));
    check(&of_app("1"), &changed, site);

    let build = Build { id: "b1".into(), platform: Some("IOS".into()), ..Build::default() };
    let uploaded = sample::of(&EventKind::BuildUploadStateUpdated);
    let of_build = Details { build: Some(build), ..of_app("1") };
    check(&of_build, &uploaded, &format!("{site}/testflight/ios"));
    check(&Details { beta: Some(Beta::default()), ..of_build }, &uploaded, &format!("{site}/testflight/ios/b1"));
    check(&of_app("1"), &uploaded, &format!("{site}/testflight"));

    let crash = sample::of(&EventKind::BetaFeedbackCrashSubmissionCreated);
    check(&of_app("1"), &crash.clone().subject_id("AbC-1_2"), &format!("{site}/testflight/crashes/AbC-1_2"));
    check(&of_app("1"), &crash.clone().subject_id("../../login?x"), site);
    check(&of_app("a/b"), &crash, "");
    check(&Details::default(), &crash, "");
}
