//! Every kind and every state in words, with nothing known and with everything.

use super::*;
use crate::event::{
    EventKind, Payload,
    details::{App, Asset, Beta, Build, CrashLog, Feedback, Group, Package, Remark, Version},
    sample,
};

pub(crate) fn event_of(kind: &EventKind, state: Option<&str>) -> Event {
    let time = "2026-11-21T14:04:05Z".parse().unwrap();
    let mut sample = sample::of(kind).id("e1").time(time).subject_id("s1").app_id("1234567890");
    if let Some(state) = state {
        sample = sample.previous_state("PROCESSING").state(state);
    }
    Event::parse(sample.body()).unwrap()
}

fn told<'a>(event: &'a Event, details: &'a Details) -> Told<'a> {
    let received_at = "2026-11-21T14:04:06Z".parse().unwrap();
    Told { event, details, endpoint: "my-app", since: "2026-11-20T10:00:00Z".parse().ok(), received_at }
}

/// Details that fit an event of the kind, as `asc::lookup` would bring them.
pub(crate) fn details_of(event: &Event) -> Details {
    let text = |text: &str| Some(text.to_owned());
    let app = App { id: "1234567890".into(), name: text("Harbor"), bundle_id: text("com.example.harbor"), sku: text("harbor") };
    let build = Build {
        id: "b1".into(),
        number: text("45"),
        version: text("2.3"),
        platform: text("IOS"),
        errors: vec![Remark { code: text("90683"), description: text("Missing purpose string in Info.plist.") }],
        ..Build::default()
    };
    let mut details = Details { app: Some(app), ..Details::default() };
    match &event.payload {
        Payload::AppVersion(_) => {
            let (release_type, string, platform) = (text("MANUAL"), text("2.3"), text("IOS"));
            details.version = Some(Version { id: "v1".into(), string, platform, release_type, ..Version::default() });
            details.build = Some(Build { errors: Vec::new(), ..build });
        }
        Payload::BuildUpload(_) if event.state() == Some("FAILED") => details.build = Some(build),
        Payload::BuildUpload(_) => details.build = Some(Build { errors: Vec::new(), ..build }),
        Payload::BuildBetaDetail(_) => {
            let groups = ["Friends", "Press"].map(|name| Group { id: name.into(), name: text(name), internal: Some(false) });
            details.beta = Some(Beta { groups: groups.into(), ..Beta::default() });
            details.build = Some(Build { errors: Vec::new(), ..build });
        }
        Payload::BetaFeedback(_) => {
            details.build = Some(Build { errors: Vec::new(), ..build });
            details.feedback = Some(Feedback {
                id: "f1".into(),
                comment: text("The map stays grey\nafter I turn the phone."),
                device_model: text("iPhone17,1"),
                os_version: text("26.1"),
                platform: text("IOS"),
                locale: text("en-GB"),
                connection: text("WIFI"),
                battery_percent: Some(61.0),
                disk_available: Some(12_345_678_901),
                crash_log: Some(CrashLog { text: "Thread 0 crashed".into(), is_cut: false }),
                ..Feedback::default()
            });
        }
        Payload::BackgroundAsset(_) => {
            let (pack, version, platforms) = (text("levels"), text("3"), vec!["IOS".into(), "TV_OS".into()]);
            details.asset = Some(Asset { id: "a1".into(), pack, version, platforms, ..Asset::default() });
        }
        Payload::AlternativeDistribution(_) | Payload::Marketplace(_) => {
            details.package = Some(Package { id: text("p1"), version: text("2.3"), ..Package::default() });
        }
        _ => details = Details::default(),
    }
    details.link = details.link_to(event);
    details
}

/// Every kind with each of its states, and with one that is not known.
fn every_event() -> Vec<Event> {
    let unknown = EventKind::from("appClipMoodUpdated");
    let kinds = EventKind::ALL.iter().chain([&unknown]);
    kinds
        .flat_map(|kind| {
            let states = sample::states(kind);
            let of_states = states.iter().map(|state| event_of(kind, Some(state)));
            let new = (!states.is_empty()).then(|| event_of(kind, Some("BRAND_NEW_STATE")));
            let plain = states.is_empty().then(|| event_of(kind, None));
            of_states.chain(new).chain(plain).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn every_kind_and_state_with_everything_known() {
    let messages = every_event().into_iter().map(|event| {
        let details = details_of(&event);
        let message = Message::of(&told(&event, &details), &Voice::default());
        format!("{} {}\n    {}", message.severity.sign(), message.title, message.sentence)
    });
    insta::assert_snapshot!(messages.collect::<Vec<_>>().join("\n"));
}

#[test]
fn every_kind_and_state_with_nothing_known() {
    let messages = every_event().into_iter().map(|event| {
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
