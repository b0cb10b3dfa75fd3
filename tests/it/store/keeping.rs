//! The promises about what is kept: taking in, listing, counting, removing.

use std::{collections::BTreeMap, sync::Arc};

use asc_webhooks::{
    event::{Event, EventKind, sample},
    inbox::{
        Accepted, Arrival, AttemptResult, Content, Dispatch, DispatchState, Identity, ReceiptId, Received, Source, Store, Unread,
        Verdict,
        query::{EndpointStats, HandlerStats, PageRequest, Purged, ReceiptFilter, Replay, Stats},
        secrets::{KeptSecret, SecretState, SecretsReader},
    },
    secret::Secret,
    unsigned::{Token, Tokens},
};
use bytes::Bytes;

use super::{Letter, accept, arrival, at, claim, dead, finish, kept_by_every_store, new_receipt, owing, record, retry, stats};

kept_by_every_store! {
    receipts_are_counted_by_the_hour
    times_are_found_although_the_clock_was_set_back
    attempts_are_told_with_their_handlers_newest_receipt_first
    an_arrival_is_kept_as_it_came
    what_nobody_signed_says_so_for_good
    the_same_event_is_known
    the_same_id_with_other_content_is_another_receipt
    endpoints_do_not_share_events
    concurrent_duplicates_make_one_receipt
    details_are_kept_with_their_receipt
    details_go_with_their_receipt
    it_is_known_when_a_subject_came_into_the_state_that_it_has_left
    lists_go_page_by_page
    each_filter_finds_its_own
    bytes_that_are_no_event_are_kept_and_can_be_read_later
    a_reparsed_event_is_known_and_is_not_handled_twice
    the_counts_are_right
    a_purge_removes_what_owes_nothing_and_remembers_it
    a_closed_store_refuses
    a_probe_succeeds
    sealed_secrets_are_replaced_as_one_and_by_one_at_a_time
    servers_that_are_heard_of_are_remembered_for_an_hour
}

async fn an_arrival_is_kept_as_it_came(store: Arc<dyn Store>) {
    let letter = Letter { owed: vec![("log", false), ("chat", true)], ..Letter::new(1) };
    let id = accept(&*store, &letter).await;
    let record = record(&*store, id).await;
    assert_eq!(record.body, Bytes::from(letter.body()));
    let receipt = record.receipt;
    assert_eq!((receipt.endpoint.as_str(), receipt.received_at, receipt.source), ("app", at(1_000), Source::Pushed));
    assert_eq!(receipt.secret.as_deref(), Some("current"));
    assert!(receipt.signature.is_some_and(|signature| signature.starts_with("hmacsha256=")));
    assert_eq!(receipt.size, letter.body().len() as u64);
    assert_eq!(receipt.identity, letter.arrival().identity.to_string());
    assert_eq!(receipt.content, letter.arrival().content);
    let owed: Vec<_> = record.dispatches.iter().map(|record| record.dispatch.clone()).collect();
    assert_eq!(owed.iter().map(|dispatch| dispatch.handler.as_str()).collect::<Vec<_>>(), ["log", "chat"]);
    for Dispatch { receipt, state, attempts, due_at, .. } in owed {
        assert_eq!((receipt, state, attempts, due_at), (id, DispatchState::Waiting, 0, Some(at(1_000))));
    }
    assert!(store.receipt(ReceiptId(id.0 + 1)).await.unwrap().is_none());
}

async fn the_same_event_is_known(store: Arc<dyn Store>) {
    accept(&*store, &Letter::new(1)).await;
    let later = Letter { received_at: 5_000, ..Letter::new(1) };
    assert_eq!(store.accept(later.arrival()).await.unwrap(), Accepted::Known);
    assert_eq!(stats(&*store).await.receipts, 1);
    assert_eq!(claim(&*store, "log", 9, 9_000).await.len(), 1);
}

async fn the_same_id_with_other_content_is_another_receipt(store: Arc<dyn Store>) {
    let first = store.accept(Letter::new(1).arrival()).await.unwrap();
    let second = store.accept(Letter { state: "REJECTED", ..Letter::new(1) }.arrival()).await.unwrap();
    let other = store.accept(Letter::new(2).arrival()).await.unwrap();
    let same_id = |accepted| matches!(accepted, Accepted::New { same_id: true, .. });
    assert_eq!([first, second, other].map(same_id), [false, true, false]);
    assert!(new_receipt(first) < new_receipt(second) && new_receipt(second) < new_receipt(other));
}

async fn endpoints_do_not_share_events(store: Arc<dyn Store>) {
    accept(&*store, &Letter::new(1)).await;
    let accepted = store.accept(Letter { endpoint: "other", ..Letter::new(1) }.arrival()).await.unwrap();
    assert!(matches!(accepted, Accepted::New { same_id: false, .. }));
}

async fn concurrent_duplicates_make_one_receipt(store: Arc<dyn Store>) {
    let mut senders = tokio::task::JoinSet::new();
    for sender in 0..64_usize {
        let store = store.clone();
        senders.spawn(async move {
            let mut new = 0_usize;
            for letter in (sender..10_000).step_by(64) {
                let accepted = store.accept(Letter::new(letter % 100).arrival()).await.unwrap();
                new += usize::from(accepted != Accepted::Known);
            }
            new
        });
    }
    let new: usize = senders.join_all().await.into_iter().sum();
    assert_eq!(new, 100);
    let stats = stats(&*store).await;
    assert_eq!((stats.receipts, stats.identities, stats.handlers[0].waiting), (100, 100, 100));
}

async fn details_are_kept_with_their_receipt(store: Arc<dyn Store>) {
    let id = accept(&*store, &Letter::new(1)).await;
    let other = accept(&*store, &Letter { owed: vec![], ..Letter::new(2) }).await;
    assert_eq!(record(&*store, id).await.details, None);
    let picture = |bytes: &'static str| vec![("screenshot-1.png".to_owned(), Bytes::from(bytes))];
    assert!(store.keep_details(id, "first".into(), picture("one")).await.unwrap());
    assert_eq!(claim(&*store, "log", 1, 2_000).await[0].details.as_deref(), Some(&b"first"[..]));
    assert_eq!(store.file(id, "screenshot-1.png").await.unwrap().as_deref(), Some(&b"one"[..]));
    assert_eq!(store.file(id, "screenshot-2.png").await.unwrap(), None);
    assert_eq!(store.file(other, "screenshot-1.png").await.unwrap(), None);

    assert!(store.keep_details(id, "second".into(), Vec::new()).await.unwrap());
    assert_eq!(record(&*store, id).await.details.as_deref(), Some(&b"second"[..]));
    assert_eq!(store.file(id, "screenshot-1.png").await.unwrap(), None, "what was kept before is gone");
    assert_eq!(record(&*store, other).await.details, None);
}

async fn details_go_with_their_receipt(store: Arc<dyn Store>) {
    let id = accept(&*store, &Letter { owed: vec![], ..Letter::new(1) }).await;
    assert!(store.keep_details(id, "details".into(), vec![("a".into(), "b".into())]).await.unwrap());
    assert_eq!(store.purge(at(9_000), 9).await.unwrap().receipts, 1);
    assert_eq!(store.file(id, "a").await.unwrap(), None);
    assert!(!store.keep_details(id, "late".into(), vec![("a".into(), "b".into())]).await.unwrap());
    assert_eq!(store.file(id, "a").await.unwrap(), None, "nothing is kept for a receipt that is gone");
}

/// The letters tell of one version; each says that it was waiting for review before.
async fn it_is_known_when_a_subject_came_into_the_state_that_it_has_left(store: Arc<dyn Store>) {
    let letter = |number, state, time| Letter { state, time, subject: "version".into(), ..Letter::new(number) };
    let letters = [
        (letter(1, "WAITING_FOR_REVIEW", 100), None),
        (letter(2, "IN_REVIEW", 250), Some(100)),
        (Letter { subject: "another".into(), ..letter(3, "IN_REVIEW", 260) }, None),
        (Letter { endpoint: "other", ..letter(4, "IN_REVIEW", 270) }, None),
        (Letter { kind: "somethingNew", ..letter(5, "IN_REVIEW", 280) }, None),
        // The newest before it tells of another state: what came between was missed, and no older time will do.
        (letter(6, "REJECTED", 300), None),
        // Apple's order counts, not that of arrival.
        (letter(7, "WAITING_FOR_REVIEW", 500), None),
        (letter(8, "WAITING_FOR_REVIEW", 400), None),
        (letter(9, "IN_REVIEW", 600), Some(500)),
        (letter(10, "IN_REVIEW", 450), Some(400)),
        // At the same time, the one that came first is the earlier.
        (letter(11, "IN_REVIEW", 500), Some(500)),
    ];
    for (number, (letter, expected)) in letters.iter().enumerate() {
        let id = accept(&*store, letter).await;
        let found = store.entered(id).await.unwrap();
        assert_eq!(found, expected.map(at), "letter {}", number + 1);
    }
    let unparsed = new_receipt(store.accept(arrival("app", "no event", &[], 1_000)).await.unwrap());
    assert_eq!(store.entered(unparsed).await.unwrap(), None);
    assert_eq!(store.entered(ReceiptId(99)).await.unwrap(), None);
}

async fn lists_go_page_by_page(store: Arc<dyn Store>) {
    for number in 1..=7 {
        accept(&*store, &Letter::new(number)).await;
    }
    let mut before = None;
    let mut pages = Vec::new();
    loop {
        let page = store.receipts(&ReceiptFilter::default(), PageRequest { before, limit: 3 }).await.unwrap();
        assert!(page.items.iter().all(|listed| listed.dispatches.len() == 1));
        pages.push(page.items.iter().map(|listed| listed.receipt.id.0).collect::<Vec<_>>());
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(pages, [vec![7, 6, 5], vec![4, 3, 2], vec![1]]);
    let exact = store.receipts(&ReceiptFilter::default(), PageRequest { before: None, limit: 7 }).await.unwrap();
    assert_eq!((exact.items.len(), exact.next), (7, None));
}

async fn each_filter_finds_its_own(store: Arc<dyn Store>) {
    accept(&*store, &Letter::new(1)).await;
    accept(&*store, &Letter { endpoint: "other", received_at: 1_100, ..Letter::new(2) }).await;
    accept(&*store, &Letter { state: "REJECTED", received_at: 1_200, ..Letter::new(3) }).await;
    accept(&*store, &Letter { kind: "somethingNew", received_at: 1_300, owed: vec![("chat", false)], ..Letter::new(4) }).await;
    new_receipt(store.accept(arrival("app", "no event", &[("log", false)], 1_400)).await.unwrap());
    assert!(
        store
            .keep_details(
                ReceiptId(1),
                br#"{"app":{"id":"100","name":"My App","bundle_id":"com.example.harbor"}}"#.to_vec().into(),
                Vec::new()
            )
            .await
            .unwrap()
    );
    let claimed = claim(&*store, "log", 2, 1_100).await;
    assert!(finish(&*store, claimed[0].lease, Verdict::Done).await);
    assert!(finish(&*store, claimed[1].lease, dead()).await);
    claim(&*store, "log", 1, 9_000).await;

    let all = ReceiptFilter::default();
    let some = |text: &str| Some(text.to_owned());
    let filters = [
        (all.clone(), vec![5, 4, 3, 2, 1]),
        (ReceiptFilter { endpoint: some("app"), ..all.clone() }, vec![5, 4, 3, 1]),
        (ReceiptFilter { endpoint: some("never heard of"), ..all.clone() }, vec![]),
        (ReceiptFilter { kinds: vec!["somethingNew".into(), "never heard of".into()], ..all.clone() }, vec![4]),
        (ReceiptFilter { kinds: vec!["never heard of".into()], ..all.clone() }, vec![]),
        (ReceiptFilter { event_id: some("event-3"), ..all.clone() }, vec![3]),
        (ReceiptFilter { subject_id: some("version-2"), ..all.clone() }, vec![2]),
        (ReceiptFilter { state: some("REJECTED"), ..all.clone() }, vec![3]),
        (ReceiptFilter { text: some("EVENT-2"), ..all.clone() }, vec![2]),
        (ReceiptFilter { text: some("version-"), ..all.clone() }, vec![4, 3, 2, 1]),
        (ReceiptFilter { text: some("rejec"), ..all.clone() }, vec![3]),
        (ReceiptFilter { text: some("thingnew"), ..all.clone() }, vec![4]),
        (ReceiptFilter { text: some("my app"), ..all.clone() }, vec![1]),
        (ReceiptFilter { app: some("100"), ..all.clone() }, vec![1]),
        (ReceiptFilter { app: some("com.example.harbor"), ..all.clone() }, vec![1]),
        (ReceiptFilter { app: some("10"), ..all.clone() }, vec![]),
        (ReceiptFilter { text: some("100%"), ..all.clone() }, vec![]),
        (ReceiptFilter { text: some("_"), ..all.clone() }, vec![4, 2, 1]),
        (ReceiptFilter { text: some("app"), endpoint: some("other"), ..all.clone() }, vec![2]),
        (ReceiptFilter { since: Some(at(1_300)), ..all.clone() }, vec![5, 4]),
        (ReceiptFilter { until: Some(at(1_300)), ..all.clone() }, vec![3, 2, 1]),
        (ReceiptFilter { since: Some(at(9_000)), ..all.clone() }, vec![]),
        (ReceiptFilter { unparsed: true, ..all.clone() }, vec![5]),
        (ReceiptFilter { dispatch: Some(DispatchState::Waiting), ..all.clone() }, vec![4]),
        (ReceiptFilter { dispatch: Some(DispatchState::Claimed), ..all.clone() }, vec![3]),
        (ReceiptFilter { dispatch: Some(DispatchState::Done), ..all.clone() }, vec![1]),
        (ReceiptFilter { dispatch: Some(DispatchState::Dead), ..all.clone() }, vec![2]),
        (ReceiptFilter { handler: some("log"), ..all.clone() }, vec![3, 2, 1]),
        (ReceiptFilter { handler: some("chat"), dispatch: Some(DispatchState::Waiting), ..all.clone() }, vec![4]),
        (ReceiptFilter { handler: some("chat"), dispatch: Some(DispatchState::Done), ..all.clone() }, vec![]),
        (ReceiptFilter { handler: some("never heard of"), ..all.clone() }, vec![]),
        (ReceiptFilter { endpoint: some("app"), state: some("IN_REVIEW"), until: Some(at(1_100)), ..all }, vec![1]),
    ];
    for (filter, expected) in filters {
        let page = store.receipts(&filter, PageRequest { before: None, limit: 50 }).await.unwrap();
        let found: Vec<_> = page.items.iter().map(|listed| listed.receipt.id.0).collect();
        assert_eq!(found, expected, "{filter:?}");
    }
}

async fn what_nobody_signed_says_so_for_good(store: Arc<dyn Store>) {
    let tokens = Tokens::new([Token::new(&Secret::new("a token of these tests"), "only")]);
    let unsigned = |body: &str| tokens.admit(b"a token of these tests", at(1_000)).unwrap().take(body.to_owned().into());
    let body = String::from_utf8(sample::of(&EventKind::XcodeCloudBuildCompleted).body().into()).unwrap();
    let keep = async |body: &str| {
        let received = Received::from(unsigned(body));
        let parsed = received.read();
        store.accept(Arrival::new("builds".into(), received, parsed.as_ref(), Vec::new(), at(1_000))).await.unwrap()
    };
    let id = new_receipt(keep(&body).await);
    assert_eq!(keep(&body).await, Accepted::Known);
    let unread = new_receipt(keep("no event").await);
    for id in [id, unread] {
        let receipt = record(&*store, id).await.receipt;
        assert_eq!((receipt.source, receipt.signature, receipt.secret.as_deref()), (Source::Unsigned, None, Some("only")));
    }
    let unparsed = Unread { id: unread, endpoint: "builds".to_owned(), source: Source::Unsigned, body: "no event".into() };
    assert_eq!(store.unparsed(None, 9).await.unwrap(), [unparsed]);
    assert_eq!(stats(&*store).await.recovered, 0);
    let purged = store.purge(at(9_000), 9).await.unwrap();
    assert_eq!((purged.receipts, stats(&*store).await.recovered), (2, 0), "what was not recovered is not counted away as such");
}

async fn bytes_that_are_no_event_are_kept_and_can_be_read_later(store: Arc<dyn Store>) {
    let id = new_receipt(store.accept(arrival("app", "not yet", &[("log", false)], 1_000)).await.unwrap());
    let other = store.accept(arrival("app", "not either", &[], 1_000)).await.unwrap();
    assert!(matches!(other, Accepted::New { same_id: false, .. }), "they have no event id to share");
    assert_eq!(store.accept(arrival("app", "not yet", &[], 1_000)).await.unwrap(), Accepted::Known);
    assert!(matches!(record(&*store, id).await.receipt.content, Content::Unparsed { .. }));
    assert!(record(&*store, id).await.dispatches.is_empty());
    let replay = Replay::Receipt { id, handlers: owing(&[("log", false)]) };
    assert_eq!(store.replay(&replay, at(2_000)).await.unwrap(), 0, "what is no event is owed to nobody");

    let all = store.unparsed(None, 9).await.unwrap();
    let unread = Unread { id, endpoint: "app".to_owned(), source: Source::Pushed, body: Bytes::from("not yet") };
    assert_eq!(all[0], unread);
    assert_eq!(store.unparsed(None, 1).await.unwrap(), all[..1]);
    assert_eq!(store.unparsed(Some(id), 9).await.unwrap(), all[1..]);

    let understood = Letter::new(1).arrival();
    let (content, identity) = (understood.content, understood.identity);
    let reparse = async || store.reparsed(id, content.clone(), identity, owing(&[("log", false)]), at(3_000)).await.unwrap();
    assert!(reparse().await);
    assert!(!reparse().await);
    let record = record(&*store, id).await;
    assert_eq!((record.receipt.content, record.receipt.received_at), (content.clone(), at(1_000)));
    assert_eq!(record.dispatches[0].dispatch.due_at, Some(at(3_000)));
    assert_eq!(store.unparsed(None, 9).await.unwrap(), all[1..]);
    assert_eq!(store.accept(Letter::new(1).arrival()).await.unwrap(), Accepted::Known);
}

async fn a_reparsed_event_is_known_and_is_not_handled_twice(store: Arc<dyn Store>) {
    let id = new_receipt(store.accept(arrival("app", "not yet", &[], 1_000)).await.unwrap());
    accept(&*store, &Letter::new(1)).await;
    let event = Event::parse(Letter::new(1).body().into()).unwrap();
    let identity = Identity::of_event("app", &event);
    let content = Letter::new(1).arrival().content;
    assert!(store.reparsed(id, content, identity, owing(&[("log", false)]), at(2_000)).await.unwrap());
    assert_eq!(claim(&*store, "log", 9, 9_000).await.len(), 1);
}

async fn the_counts_are_right(store: Arc<dyn Store>) {
    for number in 1..=5 {
        let received_at = 1_000 + i64::try_from(number).unwrap();
        accept(&*store, &Letter { received_at, owed: vec![("log", false), ("chat", false)], ..Letter::new(number) }).await;
    }
    accept(&*store, &Letter { endpoint: "other", received_at: 1_010, owed: vec![], ..Letter::new(1) }).await;
    new_receipt(store.accept(arrival("app", "no event", &[], 1_020)).await.unwrap());
    let claimed = claim(&*store, "log", 4, 2_000).await;
    assert!(finish(&*store, claimed[0].lease, Verdict::Done).await);
    assert!(finish(&*store, claimed[1].lease, dead()).await);
    assert!(finish(&*store, claimed[2].lease, retry(5_000)).await);
    let endpoint =
        |endpoint: &str, receipts, newest| EndpointStats { endpoint: endpoint.into(), receipts, newest: Some(at(newest)) };
    let chat = HandlerStats {
        handler: "chat".into(),
        waiting: 5,
        claimed: 0,
        done: 0,
        dead: 0,
        oldest_open: Some(at(1_001)),
        paused: None,
    };
    let log = HandlerStats {
        handler: "log".into(),
        waiting: 2,
        claimed: 1,
        done: 1,
        dead: 1,
        oldest_open: Some(at(1_003)),
        paused: None,
    };
    let expected = Stats {
        receipts: 7,
        unparsed: 1,
        recovered: 0,
        identities: 7,
        bytes: 0,
        endpoints: vec![endpoint("app", 6, 1_020), endpoint("other", 1, 1_010)],
        handlers: vec![chat, log],
    };
    assert_eq!(stats(&*store).await, expected);
}

async fn a_purge_removes_what_owes_nothing_and_remembers_it(store: Arc<dyn Store>) {
    for number in 1..=6 {
        accept(&*store, &Letter { received_at: 1_000 + i64::try_from(number).unwrap(), ..Letter::new(number) }).await;
    }
    for (claimed, verdict) in
        claim(&*store, "log", 5, 2_000).await.into_iter().zip([Verdict::Done, dead(), Verdict::Done, retry(9_000)])
    {
        assert!(finish(&*store, claimed.lease, verdict).await);
    }
    // 1, 2 and 3 are done or dead; 4 waits, 5 is claimed, 6 waits.
    let purged = |receipts, dead, more| Purged { receipts, dead, notes: 0, more };
    assert_eq!(store.purge(at(1_003), 1).await.unwrap(), purged(1, 0, true));
    assert_eq!(store.purge(at(1_003), 9).await.unwrap(), purged(1, 1, false));
    assert_eq!(store.purge(at(9_000), 9).await.unwrap(), purged(1, 0, false));
    assert_eq!(store.purge(at(9_000), 9).await.unwrap(), purged(0, 0, false));
    assert!(store.receipt(ReceiptId(1)).await.unwrap().is_none());
    let left = stats(&*store).await;
    assert_eq!((left.receipts, left.identities), (3, 6));
    assert_eq!((left.handlers[0].waiting, left.handlers[0].claimed, left.handlers[0].done, left.handlers[0].dead), (2, 1, 0, 0));
    assert_eq!(store.accept(Letter::new(1).arrival()).await.unwrap(), Accepted::Known);
    let same_id = store.accept(Letter { state: "REJECTED", ..Letter::new(2) }.arrival()).await.unwrap();
    assert_eq!(same_id, Accepted::New { receipt: ReceiptId(7), same_id: true });
}

async fn a_closed_store_refuses(store: Arc<dyn Store>) {
    accept(&*store, &Letter::new(1)).await;
    store.close().await.unwrap();
    for error in [
        store.accept(Letter::new(2).arrival()).await.unwrap_err(),
        store.probe(at(1_000)).await.unwrap_err(),
        store.stats(at(1_000)).await.unwrap_err(),
    ] {
        assert!(!error.is_fatal(), "{error}");
    }
    store.close().await.unwrap();
}

async fn a_probe_succeeds(store: Arc<dyn Store>) {
    store.probe(at(1_000)).await.unwrap();
    store.probe(at(1_000)).await.unwrap();
}

fn sealed(label: &str, state: SecretState, not_after: Option<i64>) -> KeptSecret {
    KeptSecret { label: label.into(), state, sealed: vec![0, 255, 7], made_at: at(10), not_after: not_after.map(at) }
}

async fn sealed_secrets_are_replaced_as_one_and_by_one_at_a_time(store: Arc<dyn Store>) {
    let (next, current) = (sealed("next", SecretState::Next, None), sealed("current", SecretState::Current, None));
    let retiring = sealed("a", SecretState::Retiring, Some(20));
    assert_eq!(store.secrets().await.unwrap().version, 0);
    assert!(store.keep_secrets("app", vec![next.clone()], 0).await.unwrap());
    assert!(!store.keep_secrets("app", vec![], 0).await.unwrap(), "another change came between");
    assert!(!store.keep_secrets("app", vec![], 2).await.unwrap());
    assert!(store.keep_secrets("other", vec![next.clone()], 1).await.unwrap());
    let three = vec![retiring, current, next.clone()];
    assert!(store.keep_secrets("app", three.clone(), 2).await.unwrap());
    let kept = store.secrets().await.unwrap();
    assert_eq!(kept.version, 3);
    assert_eq!(kept.endpoints, [("app".to_owned(), three), ("other".to_owned(), vec![next])].into());
    assert!(store.keep_secrets("other", vec![], 3).await.unwrap());
    assert_eq!(store.secrets().await.unwrap().endpoints.into_keys().collect::<Vec<_>>(), ["app"]);

    let changes = (0..8).map(|number| {
        let (store, mine) = (store.clone(), vec![sealed(&format!("s{number}"), SecretState::Next, None)]);
        async move { store.keep_secrets("app", mine, 4).await.unwrap() }
    });
    let won = futures_util::future::join_all(changes).await;
    assert_eq!(won.iter().filter(|won| **won).count(), 1, "{won:?}");
}

async fn servers_that_are_heard_of_are_remembered_for_an_hour(store: Arc<dyn Store>) {
    let reader = |name: &str, version, second| SecretsReader { name: name.into(), version, seen_at: at(second) };
    for one in [reader("b", 1, 100), reader("a", 1, 200), reader("b", 2, 300)] {
        store.note_secrets_reader(one).await.unwrap();
    }
    assert_eq!(store.secrets().await.unwrap().readers, [reader("a", 1, 200), reader("b", 2, 300)]);
    store.note_secrets_reader(reader("c", 2, 3_801)).await.unwrap();
    assert_eq!(store.secrets().await.unwrap().readers, [reader("b", 2, 300), reader("c", 2, 3_801)]);
}

async fn attempts_are_told_with_their_handlers_newest_receipt_first(store: Arc<dyn Store>) {
    for number in 1..=2 {
        accept(&*store, &Letter { owed: vec![("log", false), ("chat", false)], ..Letter::new(number) }).await;
    }
    let again = || Verdict::Retry { due_at: at(1_500), result: AttemptResult::Failed, error: "busy".into() };
    for (handler, verdict) in [("log", Verdict::Done), ("chat", again()), ("chat", dead())] {
        for claimed in claim(&*store, handler, 2, 5_000).await {
            assert!(finish(&*store, claimed.lease, verdict.clone()).await);
        }
    }
    let told = async |limit| {
        let attempts = store.attempts(limit).await.unwrap();
        attempts.into_iter().map(|(handler, attempt)| (handler, attempt.number, attempt.result)).collect::<Vec<_>>()
    };
    let of_one = [("chat", 2, AttemptResult::Rejected), ("chat", 1, AttemptResult::Failed), ("log", 1, AttemptResult::Ok)];
    let expected: Vec<_> =
        of_one.iter().chain(&of_one).map(|&(handler, number, result)| (handler.to_owned(), number, result)).collect();
    assert_eq!(told(100).await, expected);
    assert_eq!(told(4).await, expected[..4], "however long ago");
    assert_eq!(told(0).await, []);

    let again = Replay::Receipt { id: ReceiptId(1), handlers: owing(&[("log", false)]) };
    assert_eq!(store.replay(&again, at(5_000)).await.unwrap(), 1);
    let claimed = claim(&*store, "log", 1, 5_000).await.remove(0);
    assert!(finish(&*store, claimed.lease, dead()).await);
    assert_eq!(told(3).await, expected[..3], "what was tried last was tried for the older one");
    assert_eq!(told(100).await[5..], [("log".to_owned(), 1, AttemptResult::Rejected), expected[5].clone()]);
}

async fn receipts_are_counted_by_the_hour(store: Arc<dyn Store>) {
    for (number, received_at) in [(1, 3_599), (2, 3_600), (3, 7_199), (4, 14_400)] {
        accept(&*store, &Letter { received_at, ..Letter::new(number) }).await;
    }
    let hours = async |since| {
        let hours = store.hours(at(since)).await.unwrap();
        hours.into_iter().map(|hour| (hour.begins_at.as_second(), hour.receipts)).collect::<Vec<_>>()
    };
    assert_eq!(hours(0).await, [(0, 1), (3_600, 2), (14_400, 1)]);
    assert_eq!(hours(3_601).await, [(3_600, 1), (14_400, 1)]);
    assert_eq!(hours(14_401).await, []);
}

/// Against what a list of all of them says.
async fn times_are_found_although_the_clock_was_set_back(store: Arc<dyn Store>) {
    const HOUR: i64 = 3_600;
    let mut kept: Vec<(usize, i64)> = Vec::new();
    let received = [1, 2, 9 * HOUR, 9 * HOUR + 5, HOUR, 2 * HOUR - 1, 2 * HOUR, 9 * HOUR + 1, 3 * HOUR, 3 * HOUR + 1];
    for (number, received_at) in (1..).zip(received) {
        accept(&*store, &Letter { received_at, owed: vec![], ..Letter::new(number) }).await;
        kept.push((number, received_at));
    }
    check_times(&*store, &kept).await;

    // The newest goes, which is one of the oldest, and leaves its number behind.
    accept(&*store, &Letter { received_at: 3, owed: vec![], ..Letter::new(11) }).await;
    assert_eq!(store.purge(at(HOUR), 9).await.unwrap().receipts, 3);
    kept.retain(|(_, received_at)| *received_at >= HOUR);
    check_times(&*store, &kept).await;
    assert_eq!(accept(&*store, &Letter { received_at: 4 * HOUR, ..Letter::new(12) }).await, ReceiptId(12));
    kept.push((12, 4 * HOUR));
    check_times(&*store, &kept).await;

    assert_eq!(store.purge(at(9 * HOUR), 99).await.unwrap().receipts, 5);
    kept.retain(|(number, received_at)| *received_at >= 9 * HOUR || *number == 12);
    check_times(&*store, &kept).await;
}

async fn check_times(store: &dyn Store, kept: &[(usize, i64)]) {
    let edges: Vec<i64> = kept.iter().flat_map(|(_, received_at)| [received_at - 1, *received_at, received_at + 1]).collect();
    let found = async |filter: ReceiptFilter| {
        let page = store.receipts(&filter, PageRequest { before: None, limit: 99 }).await.unwrap();
        page.items.iter().rev().map(|listed| listed.receipt.id.0).collect::<Vec<_>>()
    };
    let numbers = |is_in: &dyn Fn(i64) -> bool| -> Vec<i64> {
        kept.iter().filter(|(_, received_at)| is_in(*received_at)).map(|(number, _)| i64::try_from(*number).unwrap()).collect()
    };
    for edge in edges {
        let (since, until) = (Some(at(edge)), Some(at(edge)));
        assert_eq!(found(ReceiptFilter { since, ..ReceiptFilter::default() }).await, numbers(&|at| at >= edge), "since {edge}");
        assert_eq!(found(ReceiptFilter { until, ..ReceiptFilter::default() }).await, numbers(&|at| at < edge), "until {edge}");
        let mut hours = BTreeMap::new();
        for (_, received_at) in kept.iter().filter(|(_, received_at)| *received_at >= edge) {
            *hours.entry(received_at / 3_600 * 3_600).or_insert(0) += 1;
        }
        let counted = store.hours(at(edge)).await.unwrap();
        assert_eq!(counted.iter().map(|hour| (hour.begins_at.as_second(), hour.receipts)).collect::<BTreeMap<_, _>>(), hours);
    }
}
