//! The promises about what is owed: claims, leases, retries, replays, order.

use std::{collections::HashSet, sync::Arc};

use asc_webhooks::{
    clock::{Clock as _, GuestClock},
    inbox::{Attempt, AttemptResult, DispatchState, ReceiptId, Store, Verdict, query::Replay},
};
use bytes::Bytes;
use futures_util::future::join_all;

use super::{LEASE, Letter, accept, at, claim, claim_ids, dead, finish, kept_by_every_store, owing, record, retry, stats};

kept_by_every_store! {
    a_paused_handler_is_given_nothing_until_it_is_resumed
    nothing_is_claimed_twice
    a_claim_takes_the_oldest_due_first_and_no_more_than_there_is_room
    what_is_not_asked_for_is_not_claimed
    a_finished_dispatch_is_done
    what_was_passed_over_is_done_and_says_so
    a_lease_that_ran_out_is_no_longer_valid
    a_lease_cannot_be_used_twice
    a_retry_waits_for_its_time
    what_waits_longer_than_anybody_should_is_hastened
    however_many_wait_too_long_all_are_hastened
    what_stands_in_line_is_hastened_too
    what_is_put_back_was_never_tried
    a_dead_dispatch_stays_dead
    a_replay_starts_from_the_beginning
    a_replay_of_the_dead_is_for_one_handler_or_all
    however_many_are_dead_all_are_replayed
    what_is_due_since_ever_has_no_time_to_tell
    a_dead_dispatch_that_is_skipped_is_done_and_says_why
    an_event_that_is_owed_in_order_waits_for_the_earlier_ones
    a_latecomer_goes_before_those_that_happened_after_it
    nobody_of_a_line_is_claimed_beside_another
    a_replayed_event_takes_its_place_in_the_line
}

async fn nothing_is_claimed_twice(store: Arc<dyn Store>) {
    for number in 0..100 {
        accept(&*store, &Letter::new(number)).await;
    }
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let store = store.clone();
        workers.spawn(async move {
            let mut mine = Vec::new();
            loop {
                let claimed = claim_ids(&*store, "log", 3, 2_000).await;
                if claimed.is_empty() {
                    return mine;
                }
                mine.extend(claimed);
            }
        });
    }
    let claimed = workers.join_all().await.concat();
    assert_eq!(claimed.len(), 100);
    assert_eq!(claimed.into_iter().collect::<HashSet<_>>().len(), 100);
}

async fn a_claim_takes_the_oldest_due_first_and_no_more_than_there_is_room(store: Arc<dyn Store>) {
    for (number, received_at) in [(1, 1_030), (2, 1_010), (3, 1_020), (4, 1_040)] {
        accept(&*store, &Letter { received_at, ..Letter::new(number) }).await;
    }
    assert_eq!(claim_ids(&*store, "log", 2, 1_030).await, [2, 3]);
    assert_eq!(claim_ids(&*store, "log", 9, 1_030).await, [1]);
    assert_eq!(claim_ids(&*store, "log", 0, 9_000).await, [0; 0]);
    assert_eq!(claim_ids(&*store, "log", 9, 1_040).await, [4]);
}

async fn what_is_not_asked_for_is_not_claimed(store: Arc<dyn Store>) {
    accept(&*store, &Letter { owed: vec![("chat", false)], ..Letter::new(1) }).await;
    accept(&*store, &Letter { owed: vec![], ..Letter::new(2) }).await;
    assert_eq!(claim_ids(&*store, "log", 9, 9_000).await, [0; 0]);
    assert_eq!(store.next_due(&["log".into()]).await.unwrap(), None);
    assert_eq!(store.next_due(&["log".into(), "chat".into()]).await.unwrap(), Some(at(1_000)));
    assert_eq!(claim_ids(&*store, "chat", 9, 9_000).await, [1]);
}

async fn a_finished_dispatch_is_done(store: Arc<dyn Store>) {
    let id = accept(&*store, &Letter::new(1)).await;
    let claimed = claim(&*store, "log", 9, 2_000).await.remove(0);
    assert_eq!((claimed.attempt, claimed.body), (1, Bytes::from(Letter::new(1).body())));
    assert!(finish(&*store, claimed.lease, Verdict::Done).await);
    let dispatch = record(&*store, id).await.dispatches.remove(0);
    assert_eq!((dispatch.dispatch.state, dispatch.dispatch.attempts, dispatch.dispatch.due_at), (DispatchState::Done, 1, None));
    let took = std::time::Duration::from_millis(5);
    assert_eq!(dispatch.history, [Attempt { number: 1, started_at: at(2_000), took, result: AttemptResult::Ok, error: None }]);
    assert_eq!(claim_ids(&*store, "log", 9, 9_000).await, [0; 0]);
    assert_eq!(store.next_due(&["log".into()]).await.unwrap(), None);
}

async fn what_was_passed_over_is_done_and_says_so(store: Arc<dyn Store>) {
    let id = accept(&*store, &Letter::new(1)).await;
    let claimed = claim(&*store, "log", 9, 2_000).await.remove(0);
    assert!(finish(&*store, claimed.lease, Verdict::PassedOver).await);
    let dispatch = record(&*store, id).await.dispatches.remove(0);
    assert_eq!((dispatch.dispatch.state, dispatch.dispatch.attempts, dispatch.dispatch.due_at), (DispatchState::Done, 1, None));
    let told: Vec<_> = dispatch.history.iter().map(|attempt| (attempt.number, attempt.result, attempt.error.as_deref())).collect();
    assert_eq!(told, [(1, AttemptResult::PassedOver, None)]);
    assert_eq!(claim_ids(&*store, "log", 9, 9_000).await, [0; 0], "nothing is owed any more");

    // With another condition, a replay may end otherwise.
    assert_eq!(store.replay(&Replay::Receipt { id, handlers: owing(&[("log", false)]) }, at(9_000)).await.unwrap(), 1);
    let again = claim(&*store, "log", 9, 9_000).await.remove(0);
    assert!(finish(&*store, again.lease, Verdict::Done).await);
    let history = record(&*store, id).await.dispatches.remove(0).history;
    assert_eq!(history.iter().map(|attempt| attempt.result).collect::<Vec<_>>(), [AttemptResult::PassedOver, AttemptResult::Ok]);
}

async fn a_lease_that_ran_out_is_no_longer_valid(store: Arc<dyn Store>) {
    let id = accept(&*store, &Letter::new(1)).await;
    let late = claim(&*store, "log", 9, 2_000).await.remove(0);
    let end = 2_000 + LEASE.as_secs().cast_signed();
    assert_eq!(store.release_expired(at(end)).await.unwrap(), 0);
    assert_eq!(store.release_expired(at(end + 1)).await.unwrap(), 1);
    assert!(!finish(&*store, late.lease, Verdict::Done).await);
    assert_eq!(store.next_due(&["log".into()]).await.unwrap(), Some(at(end + 1)));

    let next = claim(&*store, "log", 9, end + 1).await.remove(0);
    assert_eq!(next.attempt, 2);
    assert!(next.lease.token > late.lease.token);
    assert!(!finish(&*store, late.lease, dead()).await);
    assert!(finish(&*store, next.lease, Verdict::Done).await);
    let history = record(&*store, id).await.dispatches.remove(0).history;
    let told: Vec<_> = history.iter().map(|attempt| (attempt.number, attempt.result)).collect();
    assert_eq!(told, [(1, AttemptResult::Lost), (2, AttemptResult::Ok)]);
}

async fn a_lease_cannot_be_used_twice(store: Arc<dyn Store>) {
    accept(&*store, &Letter::new(1)).await;
    let claimed = claim(&*store, "log", 9, 2_000).await.remove(0);
    assert!(finish(&*store, claimed.lease, retry(2_100)).await);
    for verdict in [Verdict::Done, Verdict::PassedOver, retry(3_000), dead(), Verdict::PutBack] {
        assert!(!finish(&*store, claimed.lease, verdict).await);
    }
    assert_eq!(store.next_due(&["log".into()]).await.unwrap(), Some(at(2_100)));
}

async fn a_retry_waits_for_its_time(store: Arc<dyn Store>) {
    let id = accept(&*store, &Letter::new(1)).await;
    let claimed = claim(&*store, "log", 9, 2_000).await.remove(0);
    assert!(finish(&*store, claimed.lease, retry(2_100)).await);
    assert_eq!(store.next_due(&["log".into()]).await.unwrap(), Some(at(2_100)));
    assert_eq!(claim_ids(&*store, "log", 9, 2_099).await, [0; 0]);
    assert_eq!(claim(&*store, "log", 9, 2_100).await.remove(0).attempt, 2);
    let attempt = record(&*store, id).await.dispatches.remove(0).history.remove(0);
    assert_eq!((attempt.result, attempt.error.as_deref()), (AttemptResult::Failed, Some("not now")));
}

async fn what_waits_longer_than_anybody_should_is_hastened(store: Arc<dyn Store>) {
    for number in 1..=4 {
        accept(&*store, &Letter { owed: vec![("log", false), ("other", false)], ..Letter::new(number) }).await;
    }
    for (handler, dues) in [("log", [2_999, 3_000, 3_001, 9_000]), ("other", [9_000; 4])] {
        for (claimed, due) in claim(&*store, handler, 4, 2_000).await.into_iter().zip(dues) {
            assert!(finish(&*store, claimed.lease, retry(due)).await);
        }
    }
    assert_eq!(store.hasten("log", at(3_000), at(2_010)).await.unwrap(), 2);
    assert_eq!(store.hasten("log", at(3_000), at(2_020)).await.unwrap(), 0);
    assert_eq!(store.hasten("nobody", at(0), at(2_020)).await.unwrap(), 0);

    assert_eq!(claim_ids(&*store, "log", 9, 2_009).await, [0; 0]);
    let hastened = claim(&*store, "log", 9, 2_010).await;
    assert_eq!(hastened.iter().map(|claimed| (claimed.receipt.id.0, claimed.attempt)).collect::<Vec<_>>(), [(3, 2), (4, 2)]);
    // What is claimed is left alone.
    assert_eq!(store.hasten("log", at(0), at(2_030)).await.unwrap(), 2);
    for claimed in hastened {
        assert!(finish(&*store, claimed.lease, Verdict::Done).await);
    }
    for claimed in claim(&*store, "log", 9, 2_030).await {
        assert!(finish(&*store, claimed.lease, retry(2_040)).await);
    }
    assert_eq!(store.hasten("log", at(0), at(2_050)).await.unwrap(), 0, "what is due already cannot be hastened");
    assert_eq!(store.next_due(&["log".into()]).await.unwrap(), Some(at(2_040)));
    assert_eq!(claim_ids(&*store, "log", 9, 2_050).await, [1, 2]);
    assert_eq!(claim_ids(&*store, "other", 9, 8_999).await, [0; 0]);
}

async fn however_many_wait_too_long_all_are_hastened(store: Arc<dyn Store>) {
    const MANY: usize = 1_003;
    let letter = |number| Letter { received_at: 9_000, owed: vec![("log", number % 2 == 0)], ..Letter::new(number) };
    join_all((0..MANY).map(|number| store.accept(letter(number).arrival()))).await;
    assert_eq!(store.hasten("log", at(3_000), at(2_000)).await.unwrap(), MANY as u64);
    assert_eq!(store.hasten("log", at(3_000), at(2_000)).await.unwrap(), 0);
    assert_eq!(claim(&*store, "log", 2 * MANY, 2_000).await.len(), MANY);
}

async fn what_stands_in_line_is_hastened_too(store: Arc<dyn Store>) {
    for number in 1..=2 {
        let owed = vec![("log", true)];
        accept(&*store, &Letter { subject: "one".into(), received_at: 9_000, owed, ..Letter::new(number) }).await;
    }
    assert_eq!(store.hasten("log", at(3_000), at(2_000)).await.unwrap(), 2);
    for number in 1..=2 {
        let claimed = claim(&*store, "log", 9, 2_000).await;
        assert_eq!(claimed.iter().map(|claimed| claimed.receipt.id.0).collect::<Vec<_>>(), [number]);
        assert!(finish(&*store, claimed[0].lease, Verdict::Done).await);
    }
}

async fn what_is_put_back_was_never_tried(store: Arc<dyn Store>) {
    let id = accept(&*store, &Letter::new(1)).await;
    let claimed = claim(&*store, "log", 9, 2_000).await.remove(0);
    assert!(finish(&*store, claimed.lease, Verdict::PutBack).await);
    let dispatch = record(&*store, id).await.dispatches.remove(0);
    assert_eq!((dispatch.dispatch.attempts, dispatch.dispatch.due_at, dispatch.history), (0, Some(at(1_000)), vec![]));
    let again = claim(&*store, "log", 9, 2_000).await.remove(0);
    assert_eq!(again.attempt, 1);
    assert!(again.lease.token > claimed.lease.token);
    assert!(!finish(&*store, claimed.lease, Verdict::Done).await);
}

async fn a_dead_dispatch_stays_dead(store: Arc<dyn Store>) {
    let id = accept(&*store, &Letter::new(1)).await;
    let claimed = claim(&*store, "log", 9, 2_000).await.remove(0);
    assert!(finish(&*store, claimed.lease, dead()).await);
    assert_eq!(store.release_expired(at(99_999)).await.unwrap(), 0);
    assert_eq!(claim_ids(&*store, "log", 9, 99_999).await, [0; 0]);
    let dispatch = record(&*store, id).await.dispatches.remove(0);
    assert_eq!((dispatch.dispatch.state, dispatch.history[0].result), (DispatchState::Dead, AttemptResult::Rejected));
}

async fn a_replay_starts_from_the_beginning(store: Arc<dyn Store>) {
    let letter = Letter { owed: vec![("done", false), ("dead", false), ("waiting", false), ("claimed", false)], ..Letter::new(1) };
    let id = accept(&*store, &letter).await;
    for (handler, verdict) in [("done", Verdict::Done), ("dead", dead())] {
        let claimed = claim(&*store, handler, 1, 2_000).await.remove(0);
        assert!(finish(&*store, claimed.lease, verdict).await);
    }
    let held = claim(&*store, "claimed", 1, 2_000).await.remove(0);
    let every = ["done", "dead", "waiting", "claimed", "never owed"].map(|handler| (handler, false));
    let replay = Replay::Receipt { id, handlers: owing(&every) };
    assert_eq!(store.replay(&replay, at(3_000)).await.unwrap(), 3);
    assert_eq!(store.replay(&replay, at(3_000)).await.unwrap(), 0);

    assert!(finish(&*store, held.lease, Verdict::Done).await, "what is claimed is left alone");
    for (handler, due) in [("done", 3_000), ("dead", 3_000), ("waiting", 1_000), ("never owed", 3_000)] {
        assert_eq!(store.next_due(&[handler.into()]).await.unwrap(), Some(at(due)), "{handler}");
        let claimed = claim(&*store, handler, 1, 3_000).await.remove(0);
        assert_eq!(claimed.attempt, 1, "{handler}");
        assert!(finish(&*store, claimed.lease, Verdict::Done).await);
    }
    let histories = record(&*store, id).await.dispatches.into_iter().map(|record| record.history.len());
    assert_eq!(histories.collect::<Vec<_>>(), [2, 2, 1, 1, 1], "what was tried before the replay is remembered");
    let nobody = Replay::Receipt { id: ReceiptId(id.0 + 1), handlers: owing(&every) };
    assert_eq!(store.replay(&nobody, at(3_000)).await.unwrap(), 0);
}

async fn a_replay_of_the_dead_is_for_one_handler_or_all(store: Arc<dyn Store>) {
    for number in 0..4 {
        accept(&*store, &Letter { owed: vec![("log", false), ("chat", false)], ..Letter::new(number) }).await;
    }
    let kill = async |handler| {
        for claimed in claim(&*store, handler, 3, 9_000).await {
            assert!(finish(&*store, claimed.lease, dead()).await);
        }
    };
    kill("log").await;
    kill("chat").await;
    assert_eq!(store.replay(&Replay::Dead { handler: Some("log".into()) }, at(3_000)).await.unwrap(), 3);
    assert_eq!(store.replay(&Replay::Dead { handler: Some("never heard of".into()) }, at(3_000)).await.unwrap(), 0);
    assert_eq!(store.replay(&Replay::Dead { handler: None }, at(3_000)).await.unwrap(), 3);
    assert_eq!(claim(&*store, "log", 9, 3_000).await.len(), 4);
}

/// A command that works beside a server replays at the time of its [`GuestClock`].
async fn what_is_due_since_ever_has_no_time_to_tell(store: Arc<dyn Store>) {
    let id = accept(&*store, &Letter::new(1)).await;
    let claimed = claim(&*store, "log", 9, 2_000).await.remove(0);
    assert!(finish(&*store, claimed.lease, dead()).await);
    assert_eq!(store.replay(&Replay::Dead { handler: None }, GuestClock.steady()).await.unwrap(), 1);
    let dispatch = record(&*store, id).await.dispatches.remove(0).dispatch;
    assert_eq!((dispatch.state, dispatch.due_at), (DispatchState::Waiting, None));
    assert_eq!(serde_json::to_value(&dispatch).unwrap()["due_at"], serde_json::Value::Null);
    assert_eq!(claim(&*store, "log", 9, 1_000).await.len(), 1, "it is due all the same");
}

async fn however_many_are_dead_all_are_replayed(store: Arc<dyn Store>) {
    const MANY: usize = 1_003;
    let letters = (0..MANY).map(|number| Letter { owed: vec![("chat", false), ("log", false)], ..Letter::new(number) });
    join_all(letters.map(|letter| store.accept(letter.arrival()))).await;
    for handler in ["log", "chat"] {
        let claimed = claim(&*store, handler, MANY, 2_000).await;
        join_all(claimed.into_iter().map(|claimed| finish(&*store, claimed.lease, dead()))).await;
    }
    assert_eq!(store.replay(&Replay::Dead { handler: Some("chat".into()) }, at(3_000)).await.unwrap(), MANY as u64);
    assert_eq!(store.replay(&Replay::Dead { handler: None }, at(3_000)).await.unwrap(), MANY as u64);
    for handler in ["log", "chat"] {
        assert_eq!(claim(&*store, handler, 2 * MANY, 3_000).await.len(), MANY, "{handler}");
    }
}

async fn an_event_that_is_owed_in_order_waits_for_the_earlier_ones(store: Arc<dyn Store>) {
    let about = |subject: &str, number, time| Letter {
        subject: subject.into(),
        time,
        owed: vec![("log", true), ("any", false)],
        ..Letter::new(number)
    };
    // Arrived as 1 2 3 4 5; happened as 1, then 3 and 4 at one time, then 2.
    for letter in [about("a", 1, 100), about("a", 2, 300), about("a", 3, 200), about("a", 4, 200), about("b", 5, 100)] {
        accept(&*store, &letter).await;
    }
    assert_eq!(claim(&*store, "any", 9, 2_000).await.len(), 5, "those who do not ask for order do not wait");
    let mut order = Vec::new();
    for verdict in [Verdict::Done, dead(), Verdict::Done, Verdict::Done] {
        let claimed = claim(&*store, "log", 9, 2_000).await;
        assert_eq!(claim_ids(&*store, "log", 9, 2_000).await, [0; 0], "the next one waits for those that are claimed");
        assert_eq!(store.next_due(&["log".into()]).await.unwrap(), None, "nor is there any use in asking again");
        for claimed in claimed {
            order.push(claimed.receipt.id.0);
            assert!(finish(&*store, claimed.lease, verdict.clone()).await);
        }
    }
    assert_eq!(order, [1, 5, 3, 4, 2]);
}

async fn a_latecomer_goes_before_those_that_happened_after_it(store: Arc<dyn Store>) {
    let about = |number, time| Letter { subject: "a".into(), time, owed: vec![("log", true)], ..Letter::new(number) };
    accept(&*store, &about(1, 300)).await;
    let first = claim(&*store, "log", 9, 2_000).await.remove(0);
    accept(&*store, &about(2, 200)).await;
    assert_eq!(claim_ids(&*store, "log", 9, 2_000).await, [0; 0], "what is under way cannot be overtaken any more");
    assert_eq!(store.next_due(&["log".into()]).await.unwrap(), None);
    assert!(finish(&*store, first.lease, retry(2_000)).await);
    let second = claim(&*store, "log", 9, 2_000).await;
    assert_eq!(second.iter().map(|claimed| claimed.receipt.id.0).collect::<Vec<_>>(), [2]);
    assert!(finish(&*store, second[0].lease, retry(8_000)).await);
    assert_eq!(claim_ids(&*store, "log", 9, 7_999).await, [0; 0], "one that is to be tried again holds back the rest");
    assert_eq!(store.next_due(&["log".into()]).await.unwrap(), Some(at(8_000)));
}

/// However the one ends that is claimed, the first of those that wait then is the next.
async fn nobody_of_a_line_is_claimed_beside_another(store: Arc<dyn Store>) {
    let about = |number, time| Letter { subject: "a".into(), time, owed: vec![("log", true)], ..Letter::new(number) };
    let first = accept(&*store, &about(1, 100)).await;
    let claimed = claim(&*store, "log", 9, 2_000).await.remove(0);
    assert!(finish(&*store, claimed.lease, dead()).await);
    let mut later = 2;
    for ending in [Some(Verdict::Done), Some(Verdict::PassedOver), Some(dead()), Some(retry(2_000)), Some(Verdict::PutBack), None] {
        let waits_again = !matches!(ending, Some(Verdict::Done | Verdict::PassedOver | Verdict::Dead { .. }));
        accept(&*store, &about(later, 300)).await;
        let claimed = claim(&*store, "log", 9, 2_000).await.remove(0);
        accept(&*store, &about(later + 1, 200)).await;
        let replay = Replay::Receipt { id: first, handlers: owing(&[("log", true)]) };
        assert_eq!(store.replay(&replay, at(2_000)).await.unwrap(), 1);
        assert_eq!(claim_ids(&*store, "log", 9, 2_000).await, [0; 0], "{ending:?} is still to come");
        assert_eq!(store.next_due(&["log".into()]).await.unwrap(), None);
        let after_the_lease = 2_001 + LEASE.as_secs().cast_signed();
        match ending {
            Some(verdict) => assert!(finish(&*store, claimed.lease, verdict).await),
            None => assert_eq!(store.release_expired(at(after_the_lease)).await.unwrap(), 1),
        }
        for expected in [1, later + 1, later].into_iter().take(if waits_again { 3 } else { 2 }) {
            let next = claim(&*store, "log", 9, after_the_lease).await;
            let numbers: Vec<_> = next.iter().map(|claimed| claimed.receipt.id).collect();
            assert_eq!(numbers, [ReceiptId(i64::try_from(expected).unwrap())]);
            assert!(finish(&*store, next[0].lease, Verdict::Done).await);
        }
        later += 2;
    }
}

async fn a_replayed_event_takes_its_place_in_the_line(store: Arc<dyn Store>) {
    let about = |number, time| Letter { subject: "a".into(), time, owed: vec![("log", true)], ..Letter::new(number) };
    let first = accept(&*store, &about(1, 100)).await;
    let claimed = claim(&*store, "log", 9, 2_000).await.remove(0);
    assert!(finish(&*store, claimed.lease, dead()).await);
    accept(&*store, &about(2, 200)).await;
    let replay = Replay::Receipt { id: first, handlers: owing(&[("log", true)]) };
    assert_eq!(store.replay(&replay, at(5_000)).await.unwrap(), 1);
    assert_eq!(claim_ids(&*store, "log", 9, 4_000).await, [0; 0]);
    let claimed = claim(&*store, "log", 9, 5_000).await.remove(0);
    assert_eq!(claimed.receipt.id, first);
    assert!(finish(&*store, claimed.lease, Verdict::Done).await);
    assert_eq!(claim_ids(&*store, "log", 9, 5_000).await, [2]);
}

async fn a_dead_dispatch_that_is_skipped_is_done_and_says_why(store: Arc<dyn Store>) {
    let id = accept(&*store, &Letter::new(1)).await;
    let dispatch = record(&*store, id).await.dispatches[0].dispatch.id;
    assert!(!store.skip(dispatch, "it waits", at(2_000)).await.unwrap());
    let lease = claim(&*store, "log", 1, 2_000).await[0].lease;
    assert!(!store.skip(dispatch, "it is being tried", at(2_000)).await.unwrap());
    assert!(finish(&*store, lease, dead()).await);

    assert!(store.skip(dispatch, "the version is long gone", at(3_000)).await.unwrap());
    let skipped = &record(&*store, id).await.dispatches[0];
    assert_eq!(skipped.dispatch.state, DispatchState::Done);
    let last = skipped.history.last().unwrap();
    assert_eq!((skipped.history.len(), last.result), (2, AttemptResult::Skipped));
    assert_eq!((last.started_at, last.error.as_deref()), (at(3_000), Some("the version is long gone")));
    let counted = &stats(&*store).await.handlers[0];
    assert_eq!((counted.done, counted.dead), (1, 0));

    assert!(!store.skip(dispatch, "twice", at(3_000)).await.unwrap());
    assert_eq!(store.replay(&Replay::Dead { handler: None }, at(3_000)).await.unwrap(), 0);
    let again = Replay::Receipt { id, handlers: owing(&[("log", false)]) };
    assert_eq!(store.replay(&again, at(3_000)).await.unwrap(), 1);
    let lease = claim(&*store, "log", 1, 3_000).await[0].lease;
    assert!(finish(&*store, lease, Verdict::Done).await);
    assert_eq!(record(&*store, id).await.dispatches[0].history.len(), 3);
}

/// What is claimed goes on, what comes in is owed all the same, and others are given theirs.
async fn a_paused_handler_is_given_nothing_until_it_is_resumed(store: Arc<dyn Store>) {
    accept(&*store, &Letter { owed: vec![("log", false), ("chat", false)], ..Letter::new(1) }).await;
    let under_way = claim(&*store, "log", 1, 2_000).await;
    assert!(store.pause("log", "the channel is being moved", at(2_000)).await.unwrap());
    assert!(!store.pause("log", "again", at(2_001)).await.unwrap(), "it is paused already");
    accept(&*store, &Letter { owed: vec![("log", false)], ..Letter::new(2) }).await;

    assert_eq!(claim(&*store, "log", 9, 3_000).await.len(), 0);
    assert_eq!(store.next_due(&["log".into()]).await.unwrap(), None);
    assert_eq!(claim(&*store, "chat", 9, 3_000).await.len(), 1);
    assert!(finish(&*store, under_way[0].lease, Verdict::Done).await, "what was under way ends as it would");
    let stats = store.stats(at(3_000)).await.unwrap();
    let log = stats.handlers.iter().find(|stats| stats.handler == "log").unwrap();
    let paused = log.paused.as_ref().map(|paused| (paused.since, paused.reason.as_str()));
    assert_eq!((paused, log.waiting, log.done), (Some((at(2_000), "the channel is being moved")), 1, 1));

    assert!(store.resume("log").await.unwrap());
    assert!(!store.resume("log").await.unwrap(), "it is not paused any more");
    assert!(!store.resume("nobody").await.unwrap());
    assert_eq!(store.next_due(&["log".into()]).await.unwrap(), Some(at(1_000)));
    assert_eq!(claim(&*store, "log", 9, 3_000).await.len(), 1);

    // A handler that was never owed anything is known while it is paused.
    assert!(store.pause("new", "not yet", at(4_000)).await.unwrap());
    let known = async || store.stats(at(4_000)).await.unwrap().handlers.iter().any(|stats| stats.handler == "new");
    assert!(known().await);
    store.resume("new").await.unwrap();
    assert!(!known().await);
}
