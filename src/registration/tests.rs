//! Plans for every way in which Apple's side can differ.

use std::{fmt::Write as _, time::Duration};

use serde_json::json;

use super::*;
use crate::{
    clock::SystemClock,
    config::{Sources, load},
    event::EventKind,
    inbox::memory::Memory,
    vault::Vault,
};

const APP: &str = "6700000001";

/// The configuration with two endpoints of one app, and a prefix.
fn config(prefix: &str, more: &str) -> Config {
    let endpoint = |name: &str, more: &str| {
        format!("[[endpoint]]\nname = '{name}'\npath = '/{name}'\nsecrets = ['a secret of the endpoint {name}']\n{more}\n")
    };
    let text = [
        "[server]\npublic_url = 'https://hooks.example.com/apple'\n",
        &format!("[registration]\nname_prefix = '{prefix}'\n"),
        &endpoint("ours", "app_id = '6700000001'"),
        &endpoint(
            "some",
            "app_id = '6700000001'\nevents = ['BUILD_UPLOAD_STATE_UPDATED', 'BETA_FEEDBACK_CRASH_SUBMISSION_CREATED']",
        ),
        more,
    ];
    loaded(&text.concat())
}

fn loaded(text: &str) -> Config {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    load(&Sources { file: Some(file.path().to_owned()), ..Sources::default() })
        .unwrap_or_else(|problems| panic!("{problems}"))
        .config
}

fn webhook(id: &str, name: &str, url: &str) -> Webhook {
    let kinds = EventKind::ALL.iter().filter(|kind| kind.subscription().is_some()).cloned().collect();
    Webhook {
        id: id.to_owned(),
        name: Some(name.to_owned()),
        url: Some(url.to_owned()),
        enabled: Some(true),
        events: Some(kinds),
        app_id: Some(APP.to_owned()),
    }
}

fn ours() -> Webhook {
    webhook("1", "ours", "https://hooks.example.com/apple/ours")
}

fn some() -> Webhook {
    let events = [EventKind::BuildUploadStateUpdated, EventKind::BetaFeedbackCrashSubmissionCreated];
    Webhook { events: Some(events.into()), ..webhook("2", "some", "https://hooks.example.com/apple/some") }
}

fn plan(config: &Config, webhooks: Vec<Webhook>) -> Plan {
    Plan::new(config, &AppleSide::from([(APP.to_owned(), webhooks)]), &Unproven::new()).unwrap()
}

/// What a plan says, a line for each thing.
fn said(plan: &Plan) -> String {
    let mut text = String::new();
    for step in &plan.steps {
        match step {
            Step::Create { endpoint, name, url, events, .. } => {
                writeln!(text, "create {endpoint}: `{name}` at {url}, {} kinds", events.len()).unwrap();
            }
            Step::Change { endpoint, webhook, differences, .. } => {
                let differences: Vec<String> = differences.iter().map(ToString::to_string).collect();
                writeln!(text, "change {} of {endpoint}: {}", webhook.id, differences.join("; ")).unwrap();
            }
        }
    }
    plan.surplus.iter().for_each(|surplus| writeln!(text, "surplus {}: {}", surplus.webhook.id, surplus.why).unwrap());
    plan.passed_over.iter().for_each(|passed| writeln!(text, "not planned {}: {}", passed.endpoint, passed.reason).unwrap());
    plan.right.iter().for_each(|right| writeln!(text, "right {} of {}", right.webhook.id, right.endpoint).unwrap());
    if plan.foreign > 0 {
        writeln!(text, "foreign {}", plan.foreign).unwrap();
    }
    text
}

#[track_caller]
fn check(webhooks: Vec<Webhook>, expected: &[&str]) {
    let plan = plan(&config("", ""), webhooks);
    assert_eq!(said(&plan).lines().collect::<Vec<_>>(), expected);
    assert_eq!(
        plan.differs(),
        expected.iter().any(|line| ["create", "change", "surplus"].iter().any(|word| line.starts_with(word)))
    );
}

const RIGHT: [&str; 2] = ["right 1 of ours", "right 2 of some"];

#[test]
fn what_is_right_is_left_alone() {
    check(vec![ours(), some()], &RIGHT);
    let written_otherwise = Webhook { url: Some("HTTPS://Hooks.Example.com:443/apple/ours".into()), ..ours() };
    check(vec![some(), written_otherwise], &RIGHT);
    check(vec![Webhook { enabled: None, events: None, ..ours() }, some()], &RIGHT);
}

#[test]
fn what_is_missing_is_made() {
    let create = [
        "create ours: `ours` at https://hooks.example.com/apple/ours, 12 kinds",
        "create some: `some` at https://hooks.example.com/apple/some, 2 kinds",
    ];
    check(vec![], &create);
    check(vec![ours()], &[create[1], "right 1 of ours"]);
}

#[test]
fn every_difference_is_seen() {
    let disabled = Webhook { enabled: Some(false), ..ours() };
    check(vec![disabled, some()], &["change 1 of ours: enable it", "right 2 of some"]);
    let renamed = Webhook { name: Some("theirs".into()), ..ours() };
    check(vec![renamed, some()], &["change 1 of ours: name: `theirs` becomes `ours`", "right 2 of some"]);
    let other_kinds = [EventKind::BuildUploadStateUpdated, EventKind::BetaFeedbackScreenshotSubmissionCreated];
    let other_kinds = Webhook { events: Some(other_kinds.into()), ..some() };
    let events = "change 2 of some: events: +BETA_FEEDBACK_CRASH_SUBMISSION_CREATED -BETA_FEEDBACK_SCREENSHOT_SUBMISSION_CREATED";
    check(vec![ours(), other_kinds], &[events, "right 1 of ours"]);
}

#[test]
fn who_wants_all_keeps_what_this_version_does_not_know() {
    let mut events = ours().events.unwrap_or_default();
    events.push(EventKind::from("SOMETHING_NEW"));
    check(vec![Webhook { events: Some(events.clone()), ..ours() }, some()], &RIGHT);
    events.remove(0);
    let lacking = plan(&config("", ""), vec![Webhook { events: Some(events), ..ours() }, some()]);
    let Step::Change { differences, .. } = &lacking.steps[0] else { panic!("{lacking:?}") };
    let Difference::Events { wanted, .. } = &differences[0] else { panic!("{differences:?}") };
    assert!(wanted.contains(&EventKind::from("SOMETHING_NEW")) && wanted.len() == 13, "{wanted:?}");
}

#[test]
fn what_nobody_wants_is_surplus_and_what_is_not_ours_is_not() {
    let left = webhook("3", "old", "https://hooks.example.com/apple/gone");
    let beside = webhook("4", "theirs", "https://hooks.example.com/apples");
    let elsewhere = webhook("5", "ours", "https://ci.example.net/apple/ours");
    let unreadable = webhook("6", "broken", "not an address");
    let surplus = "surplus 3: posts to this server, and no endpoint of this app is there";
    check(vec![left, ours(), some(), beside, elsewhere, unreadable], &[surplus, RIGHT[0], RIGHT[1], "foreign 3"]);
}

#[test]
fn of_duplicates_the_one_that_works_serves() {
    let asleep = Webhook { enabled: Some(false), ..webhook("0", "ours", "https://hooks.example.com/apple/ours") };
    let renamed = webhook("3", "copy", "https://hooks.example.com/apple/ours");
    let surplus = |id: &str| format!("surplus {id}: a second one for `ours`, which `1` serves");
    check(vec![asleep, renamed, ours(), some()], &[&surplus("0"), &surplus("3"), RIGHT[0], RIGHT[1]]);
}

#[test]
fn a_prefix_finds_what_posts_elsewhere() {
    let config = config("shop/", "");
    let moved = webhook("1", "shop/ours", "https://old.example.com/ours");
    let gone = webhook("3", "shop/gone", "https://old.example.com/gone");
    let named_alike = webhook("4", "shopping", "https://old.example.com/ours");
    let at_address = webhook("2", "anything", "https://hooks.example.com/apple/some");
    let plan = plan(&config, vec![moved, gone, named_alike, Webhook { events: some().events, ..at_address }]);
    let expected = "change 1 of ours: url: `https://old.example.com/ours` becomes `https://hooks.example.com/apple/ours`\n\
        change 2 of some: name: `anything` becomes `shop/some`\n\
        surplus 3: has our prefix, and no endpoint of this app has its name\n\
        foreign 1\n";
    assert_eq!(said(&plan), expected);
}

#[test]
fn a_managed_secret_that_apple_is_not_known_to_have_is_handed_over() {
    let mut config = config("", "");
    config.endpoints[0].managed_secrets = true;
    let side = AppleSide::from([(APP.to_owned(), vec![ours(), some()])]);
    // The other endpoint has none that the program made.
    let unproven = Unproven::from(["ours".into(), "some".into()]);
    let plan = Plan::new(&config, &side, &unproven).unwrap();
    assert_eq!(said(&plan), "change 1 of ours: secret: hand over the one in the store\nright 2 of some\n");
    assert!(!Plan::new(&config, &side, &Unproven::new()).unwrap().differs());
}

#[test]
fn an_app_has_room_for_ten() {
    let foreign =
        |count: usize| (0..count).map(|at| webhook(&format!("f{at}"), "x", "https://ci.example.net/x")).collect::<Vec<_>>();
    let full = plan(&config("", ""), foreign(9));
    let expected = "create ours: `ours` at https://hooks.example.com/apple/ours, 12 kinds\n\
        not planned some: its app has 10 webhooks, and can have no more\nforeign 9\n";
    assert_eq!(said(&full), expected);
    assert!(full.differs() && full.lacks_room());
}

#[test]
fn what_cannot_be_planned_is_said() {
    let more = "[[endpoint]]\nname = 'bare'\npath = '/bare'\nsecrets = ['a secret of the endpoint bare']\n\
        [[endpoint]]\nname = 'market'\nkind = 'marketplace'\npath = '/market'\nsecrets = ['a secret of the endpoint market']\n";
    let plan = plan(&config("", more), vec![ours(), some()]);
    let expected = "not planned bare: it has no `app_id`, so it is not known whose notifications come in\n\
        not planned market: it is for the older marketplace webhook, which `asc-webhooks marketplace` sees to\n\
        right 1 of ours\nright 2 of some\n";
    assert_eq!(said(&plan), expected);
    assert!(!plan.differs(), "an endpoint that says too little is no difference");

    let nowhere = loaded("[[endpoint]]\nname = 'a'\npath = '/a'\napp_id = '1'\nsecrets = ['a secret of the endpoint a']\n");
    assert_eq!(Plan::new(&nowhere, &AppleSide::new(), &Unproven::new()).unwrap_err(), NoPublicUrl);
    let compared = |webhooks| said(&Plan::compare(&nowhere, &AppleSide::from([("1".to_owned(), webhooks)]), &Unproven::new()));
    let none = "not planned a: Apple has no webhook with its path, and without `server.public_url` none can be planned\n";
    assert_eq!(compared(vec![webhook("1", "a", "https://hooks.example.com/b")]), format!("{none}foreign 1\n"));
    assert_eq!(compared(vec![webhook("1", "a", "https://hooks.example.com/x/a")]), "right 1 of a\n");
    let asleep = Webhook { enabled: Some(false), ..webhook("1", "a", "https://hooks.example.com/a") };
    assert_eq!(compared(vec![asleep]), "change 1 of a: enable it\n");
}

#[tokio::test(start_paused = true)]
async fn only_a_secret_that_apple_does_not_have_yet_waits_for_a_server() {
    let vault = Vault::new(Arc::new(Memory::new()), &Secret::new("a key that seals"), Arc::new(SystemClock::new()));
    assert!(matches!(to_hand_over(&vault, "ours").await, Err(NotAccepted::NoServer)));
    vault.settle("ours", "managed-1", Duration::ZERO).await.unwrap();
    assert_eq!(to_hand_over(&vault, "ours").await.unwrap().label, "managed-1", "whoever starts looks before it answers");
}

#[test]
fn a_plan_can_be_read_by_programs() {
    let left = webhook("3", "old", "https://hooks.example.com/apple/gone");
    let plan = plan(&config("", ""), vec![Webhook { enabled: Some(false), ..ours() }, left]);
    let document = json!(plan);
    assert_eq!(document["steps"][0]["action"], "change");
    assert_eq!(document["steps"][0]["differences"][0]["what"], "disabled");
    assert_eq!(document["steps"][1]["action"], "create");
    assert_eq!(document["steps"][1]["url"], "https://hooks.example.com/apple/some");
    assert_eq!(document["surplus"][0]["why"], "address");
    assert_eq!(document["surplus"][0]["webhook"]["id"], "3");
}
