//! The promises about histories: whose, in which order, with what.

use std::sync::Arc;

use asc_webhooks::{
    event::Event,
    inbox::{
        Content, Identity, ReceiptId, Store,
        history::{History, HistoryFilter, HistoryPage, MOST_STEPS},
        query::{NewestOfApp, PageRequest},
    },
};
use bytes::Bytes;

use super::{Letter, accept, arrival, at, kept_by_every_store, new_receipt};

kept_by_every_store! {
    subjects_are_listed_a_page_at_a_time_while_more_is_heard_of_them
    a_history_has_its_steps_in_apples_order
    a_subject_is_one_of_its_endpoint_and_kind
    a_very_long_history_is_cut_to_its_newest_steps
    details_say_whose_version_it_is
    the_newest_of_an_app_is_the_last_that_details_tell_of
    details_that_lack_something_do_not_hide_those_that_tell_all
    what_can_be_read_later_belongs_to_its_history
    a_history_keeps_its_place_until_nothing_of_it_is_left
}

const KIND: &str = "appStoreVersionAppVersionStateUpdated";

/// The letter of this number, about this version.
fn about(subject: &str, number: usize) -> Letter {
    Letter { subject: subject.into(), owed: vec![], ..Letter::new(number) }
}

async fn page(store: &dyn Store, app: Option<&str>, before: Option<i64>, limit: usize) -> HistoryPage {
    let filter = HistoryFilter { kind: KIND.into(), app: app.map(str::to_owned) };
    store.histories(&filter, PageRequest { before: before.map(ReceiptId), limit }).await.unwrap()
}

async fn all(store: &dyn Store) -> Vec<History> {
    page(store, None, None, 99).await.items
}

fn subjects(page: &HistoryPage) -> Vec<&str> {
    page.items.iter().map(|history| history.subject_id.as_str()).collect()
}

fn receipts(history: &History) -> Vec<i64> {
    history.steps.iter().map(|step| step.receipt.0).collect()
}

async fn subjects_are_listed_a_page_at_a_time_while_more_is_heard_of_them(store: Arc<dyn Store>) {
    for (number, subject) in ["1.0", "1.1", "1.0", "1.2", "1.1"].into_iter().enumerate() {
        accept(&*store, &about(subject, number)).await;
    }
    let first = page(&*store, None, None, 2).await;
    assert_eq!((subjects(&first), first.next), (vec!["1.2", "1.1"], Some(ReceiptId(2))));
    accept(&*store, &about("1.0", 7)).await;
    accept(&*store, &about("1.3", 8)).await;
    let second = page(&*store, None, Some(2), 2).await;
    assert_eq!((subjects(&second), second.next), (vec!["1.0"], None), "nothing is told twice, and nothing is passed over");
    let exact = page(&*store, None, None, 4).await;
    assert_eq!((subjects(&exact), exact.next), (vec!["1.3", "1.2", "1.1", "1.0"], None));
}

async fn a_history_has_its_steps_in_apples_order(store: Arc<dyn Store>) {
    let told = [("WAITING_FOR_REVIEW", 100), ("REJECTED", 300), ("IN_REVIEW", 200), ("WAITING_FOR_REVIEW", 300)];
    for (number, (state, time)) in told.into_iter().enumerate() {
        accept(&*store, &Letter { state, time, ..about("1.0", number) }).await;
    }
    let [history] = &all(&*store).await[..] else { panic!("one version") };
    assert_eq!(receipts(history), [1, 3, 2, 4]);
    let step = &history.steps[1];
    assert_eq!((step.state.as_str(), step.previous_state.as_deref()), ("IN_REVIEW", Some("WAITING_FOR_REVIEW")));
    assert_eq!((step.time, step.received_at), (Some(at(200)), at(1_000)));
    assert_eq!((history.endpoint.as_str(), history.kind.as_str(), history.first), ("app", KIND, ReceiptId(1)));
    assert_eq!((history.app.as_str(), &history.details, history.is_cut), ("app", &None, false), "until more is known");
}

async fn a_subject_is_one_of_its_endpoint_and_kind(store: Arc<dyn Store>) {
    accept(&*store, &about("1.0", 1)).await;
    accept(&*store, &Letter { endpoint: "other", ..about("1.0", 2) }).await;
    accept(&*store, &Letter { kind: "buildUploadStateUpdated", ..about("1.0", 3) }).await;
    let stateless = r#"{"data":{"type":"appStoreVersionAppVersionStateUpdated","id":"4","relationships":{"instance":{"data":{"type":"appStoreVersions","id":"2.0"}}}}}"#;
    new_receipt(store.accept(arrival("app", stateless, &[], 1_000)).await.unwrap());
    new_receipt(store.accept(arrival("app", r#"{"data":{"type":"webhookPingCreated","id":"5"}}"#, &[], 1_000)).await.unwrap());
    let found: Vec<_> = all(&*store).await.into_iter().map(|history| (history.endpoint.clone(), receipts(&history))).collect();
    assert_eq!(found, [("other".into(), vec![2]), ("app".into(), vec![1])]);
    assert_eq!(page(&*store, Some("never heard of"), None, 9).await.items, []);
    let unheard = HistoryFilter { kind: "never heard of".into(), app: None };
    assert_eq!(store.histories(&unheard, PageRequest { before: None, limit: 9 }).await.unwrap().items, []);
}

async fn a_very_long_history_is_cut_to_its_newest_steps(store: Arc<dyn Store>) {
    for number in 0..=MOST_STEPS {
        accept(&*store, &Letter { time: i64::try_from(number).unwrap(), ..about("1.0", number) }).await;
    }
    let [history] = &all(&*store).await[..] else { panic!("one version") };
    assert_eq!((history.steps.len(), receipts(history)[0], history.is_cut, history.first), (MOST_STEPS, 2, true, ReceiptId(1)));
}

async fn details_say_whose_version_it_is(store: Arc<dyn Store>) {
    for (number, subject) in ["1.0", "9.0", "1.1", "2.0"].into_iter().enumerate() {
        accept(&*store, &about(subject, number)).await;
    }
    assert_eq!(store.apps().await.unwrap(), ["app"]);
    let keep = async |id, details: &str| {
        assert!(store.keep_details(ReceiptId(id), Bytes::from(details.to_owned()), Vec::new()).await.unwrap());
    };
    keep(1, r#"{"app":{"id":"100","name":"Harbor"}}"#).await;
    keep(2, r#"{"app":{"id":"200"}}"#).await;
    keep(3, r#"{"app":{"id":"100"}}"#).await;
    keep(4, r#"{"app":{"id":""}}"#).await;
    assert_eq!(store.apps().await.unwrap(), ["app", "100", "200"], "the one with the newest version first");
    assert_eq!(subjects(&page(&*store, Some("100"), None, 9).await), ["1.1", "1.0"]);
    let part = page(&*store, Some("100"), None, 1).await;
    assert_eq!((subjects(&part), part.next), (vec!["1.1"], Some(ReceiptId(3))));
    assert_eq!(subjects(&page(&*store, Some("100"), Some(3), 1).await), ["1.0"]);
    let [harbor] = &page(&*store, Some("100"), Some(2), 9).await.items[..] else { panic!("one version") };
    assert_eq!(harbor.details.as_deref(), Some(&br#"{"app":{"id":"100","name":"Harbor"}}"#[..]));
    // What Apple says later counts.
    keep(1, r#"{"app":{"id":"200"}}"#).await;
    assert_eq!(subjects(&page(&*store, Some("200"), None, 9).await), ["9.0", "1.0"]);
    keep(1, "no details").await;
    assert_eq!(subjects(&page(&*store, Some("200"), None, 9).await), ["9.0", "1.0"], "what is known stays known");
}

async fn the_newest_of_an_app_is_the_last_that_details_tell_of(store: Arc<dyn Store>) {
    for (number, subject) in ["1.0", "9.0", "1.0", "1.1", "2.0"].into_iter().enumerate() {
        let received_at = 100 * i64::try_from(number + 1).unwrap();
        accept(&*store, &Letter { received_at, ..about(subject, number) }).await;
    }
    let newest = async || {
        let newest = store.newest_of_apps().await.unwrap();
        let shown = |of: NewestOfApp| format!("{} {:?} {} {}", of.app, of.name, of.receipt, of.received_at.as_second());
        newest.into_iter().map(shown).collect::<Vec<_>>()
    };
    assert_eq!(newest().await, [""; 0]);
    // Details come in any order, and more than once.
    for (id, details) in [
        (3, r#"{"app":{"id":"100","name":"Harbor"}}"#),
        (2, r#"{"app":{"id":"200"}}"#),
        (1, r#"{"app":{"id":"100","name":"Harbour"}}"#),
        (3, r#"{"app":{"id":"100","name":"Harbor"}}"#),
        (4, r#"{"app":{"id":""}}"#),
        (5, "no details"),
    ] {
        assert!(store.keep_details(ReceiptId(id), details.into(), Vec::new()).await.unwrap());
    }
    let [of_harbor, of_other] = ["100 Some(\"Harbor\") 3 300", "200 None 2 200"];
    assert_eq!(newest().await, [of_harbor, of_other]);
    assert_eq!(store.purge(at(250), 9).await.unwrap().receipts, 2);
    assert_eq!(newest().await, [of_harbor], "what has been removed is not shown");
}

async fn details_that_lack_something_do_not_hide_those_that_tell_all(store: Arc<dyn Store>) {
    for number in 1..=3 {
        accept(&*store, &about("1.0", number)).await;
    }
    let lacking = r#"{"gaps":[{"what":"version","why":"unavailable"}]}"#;
    for (id, details, expected) in [(1, lacking, lacking), (2, "{}", "{}"), (3, lacking, "{}")] {
        assert!(store.keep_details(ReceiptId(id), details.into(), Vec::new()).await.unwrap());
        assert_eq!(all(&*store).await[0].details.as_deref(), Some(expected.as_bytes()));
    }
}

async fn what_can_be_read_later_belongs_to_its_history(store: Arc<dyn Store>) {
    let unread = new_receipt(store.accept(arrival("app", "no event", &[], 900)).await.unwrap());
    accept(&*store, &Letter { time: 500, ..about("1.0", 1) }).await;
    for (number, subject, time) in [(2, "1.0", 400), (3, "1.1", 600)] {
        let event = Event::parse(Letter { time, ..about(subject, number) }.body().into()).unwrap();
        let unread =
            if number == 2 { unread } else { new_receipt(store.accept(arrival("app", "nor this", &[], 950)).await.unwrap()) };
        let (content, identity) = (Content::from(Ok(&event)), Identity::of_event("app", &event));
        assert!(store.reparsed(unread, content, identity, Vec::new(), at(2_000)).await.unwrap());
    }
    let found = all(&*store).await;
    assert_eq!(
        found.iter().map(|history| (history.first.0, receipts(history))).collect::<Vec<_>>(),
        [(3, vec![3]), (2, vec![1, 2])]
    );
}

async fn a_history_keeps_its_place_until_nothing_of_it_is_left(store: Arc<dyn Store>) {
    for (number, (subject, received_at)) in [("1.0", 100), ("1.1", 200), ("1.0", 300)].into_iter().enumerate() {
        accept(&*store, &Letter { received_at, time: received_at, ..about(subject, number) }).await;
    }
    let places = async || all(&*store).await.iter().map(|history| (history.first.0, receipts(history))).collect::<Vec<_>>();
    assert_eq!(store.purge(at(150), 9).await.unwrap().receipts, 1);
    assert_eq!(places().await, [(2, vec![2]), (1, vec![3])]);
    assert_eq!(store.purge(at(250), 9).await.unwrap().receipts, 1);
    assert_eq!(places().await, [(1, vec![3])]);
    assert_eq!(store.purge(at(350), 9).await.unwrap().receipts, 1);
    assert_eq!((places().await, store.apps().await.unwrap()), (vec![], vec![]));
    accept(&*store, &about("1.0", 9)).await;
    assert_eq!(places().await, [(4, vec![4])]);
}
