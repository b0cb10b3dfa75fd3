//! How attempts end: done, failed, rejected, panicked, hung, lost.

use std::{sync::Arc, time::Duration};

use asc_webhooks::{
    Registry,
    clock::{Clock, ManualClock},
    handler::{HandlerError, handler_fn},
    inbox::{AttemptResult, Claim, DispatchState, Owed, ReceiptId, Room, query::Replay},
};
use jiff::Timestamp;
use tokio::sync::mpsc;

use super::{answering, block, event, taking};
use crate::support::running::Running;

#[tokio::test(start_paused = true)]
async fn an_accepted_event_is_handled_and_recorded() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let registry = Registry::empty().register_handler(
        "a",
        handler_fn(move |event, ctx| {
            let sent = tell.send((event.id.clone(), ctx.endpoint().to_owned(), ctx.attempt()));
            async move { Ok(sent?) }
        }),
    );
    let running = Running::start(&block("a", ""), &registry);
    running.take_in(event("one")).await;
    assert_eq!(told.recv().await, Some(("one".into(), "app".into(), 1)));
    let done = running.until(1, "a", DispatchState::Done, 1).await;
    assert_eq!((done.history[0].result, &done.history[0].error), (AttemptResult::Ok, &None));
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_a_failed_attempt_and_nobody_elses_business() {
    let moody = answering(|call| if call == 1 { panic!("the moon is full") } else { Ok(()) });
    let registry = taking("calm").register_handler("moody", moody);
    let running = Running::start(&[block("moody", ""), block("calm", "")].concat(), &registry);
    running.take_in(event("one")).await;
    let waiting = running.until(1, "moody", DispatchState::Waiting, 1).await;
    assert_eq!(waiting.history[0].result, AttemptResult::Failed);
    assert_eq!(waiting.history[0].error.as_deref(), Some("panicked: the moon is full"));
    running.until(1, "calm", DispatchState::Done, 1).await;
    running.clock.advance(Duration::from_secs(10));
    running.until(1, "moody", DispatchState::Done, 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_hang_is_cut_at_the_time_out_and_holds_up_nobody() {
    let registry = taking("quick").register_handler("stuck", handler_fn(async |_, _| std::future::pending().await));
    let running = Running::start(&[block("stuck", ""), block("quick", "")].concat(), &registry);
    running.take_in(event("one")).await;
    running.until(1, "quick", DispatchState::Done, 1).await;
    assert_eq!(running.dispatch(1, "stuck").await.unwrap().dispatch.state, DispatchState::Claimed, "it still hangs");
    let waiting = running.until(1, "stuck", DispatchState::Waiting, 1).await;
    assert_eq!(waiting.history[0].error.as_deref(), Some("took longer than its `timeout` of 5s"));
    assert!(waiting.history[0].took >= Duration::from_secs(5), "{waiting:?}");
}

#[tokio::test(start_paused = true)]
async fn attempts_are_made_by_schedule_until_they_are_used_up() {
    let registry = Registry::empty().register_handler("a", answering(|call| Err(HandlerError::retry(format!("call {call}")))));
    let running = Running::start(&block("a", ""), &registry);
    running.take_in(event("one")).await;
    let waiting = running.until(1, "a", DispatchState::Waiting, 1).await;
    let due = waiting.dispatch.due_at.unwrap().duration_since(running.clock.now());
    assert_eq!(due.as_secs(), 10);
    running.clock.advance(Duration::from_secs(10));
    let dead = running.until(1, "a", DispatchState::Dead, 2).await;
    let history: Vec<_> = dead.history.iter().map(|one| (one.number, one.result, one.error.as_deref().unwrap())).collect();
    assert_eq!(history, [(1, AttemptResult::Failed, "call 1"), (2, AttemptResult::Failed, "call 2")]);
}

#[tokio::test(start_paused = true)]
async fn what_the_other_side_asks_for_is_waited() {
    let asking = answering(|call| match call {
        1 => Err(HandlerError::retry_after("slow down", Duration::from_secs(90))),
        _ => Ok(()),
    });
    let running = Running::start(&block("a", ""), &Registry::empty().register_handler("a", asking));
    running.take_in(event("one")).await;
    let waiting = running.until(1, "a", DispatchState::Waiting, 1).await;
    assert_eq!(waiting.dispatch.due_at.unwrap().duration_since(running.clock.now()).as_secs(), 90);
    running.clock.advance(Duration::from_secs(89));
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(running.dispatch(1, "a").await.unwrap().history.len(), 1, "not a second too early");
    running.clock.advance(Duration::from_secs(1));
    running.until(1, "a", DispatchState::Done, 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_rejected_event_is_dead_at_once_and_can_be_replayed() {
    let registry = Registry::empty()
        .register_handler("a", answering(|call| if call == 1 { Err(HandlerError::reject("no such channel")) } else { Ok(()) }));
    let running = Running::start(&block("a", ""), &registry);
    running.take_in(event("one")).await;
    let dead = running.until(1, "a", DispatchState::Dead, 1).await;
    assert_eq!((dead.history[0].result, dead.history[0].error.as_deref()), (AttemptResult::Rejected, Some("no such channel")));

    let replayed = running.app.store().replay(&Replay::Dead { handler: None }, running.clock.steady()).await.unwrap();
    assert_eq!(replayed, 1);
    running.until(1, "a", DispatchState::Done, 2).await;
    let again = Replay::Receipt { id: ReceiptId(1), handlers: vec![Owed { handler: "a".into(), in_order: false }] };
    assert_eq!(running.app.store().replay(&again, running.clock.steady()).await.unwrap(), 1, "what is done can be replayed too");
    running.until(1, "a", DispatchState::Done, 3).await;
}

#[tokio::test(start_paused = true)]
async fn the_idempotency_key_stays_over_attempts_and_differs_by_handler_and_event() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let keyed = handler_fn(move |_, ctx| {
        let sent = tell.send((ctx.receipt(), ctx.handler().to_owned(), ctx.attempt(), ctx.idempotency_key().to_owned()));
        async move {
            sent?;
            if ctx.attempt() == 1 { Err(HandlerError::retry("again")) } else { Ok(()) }
        }
    });
    let keyed = Arc::new(asc_webhooks::handler::BoxHandler::new(keyed));
    let registry = Registry::empty().register_handler("a", (*keyed).clone()).register_handler("b", (*keyed).clone());
    let running = Running::start(&[block("a", ""), block("b", "")].concat(), &registry);
    for id in ["one", "two"] {
        running.take_in(event(id)).await;
    }
    for (receipt, handler) in [(1, "a"), (1, "b"), (2, "a"), (2, "b")] {
        running.until(receipt, handler, DispatchState::Waiting, 1).await;
    }
    running.clock.advance(Duration::from_secs(10));
    for (receipt, handler) in [(1, "a"), (1, "b"), (2, "a"), (2, "b")] {
        running.until(receipt, handler, DispatchState::Done, 2).await;
    }
    told.close();
    let mut calls = Vec::new();
    while let Some(call) = told.recv().await {
        calls.push(call);
    }
    calls.sort();
    assert_eq!(calls.len(), 8);
    let mut keys: Vec<_> = calls.chunks(2).map(|of_one| (of_one[0].2, of_one[1].2, &of_one[0].3, &of_one[1].3)).collect();
    assert!(keys.iter().all(|(first, second, before, after)| (*first, *second) == (1, 2) && before == after), "{keys:?}");
    keys.dedup_by_key(|(.., key)| *key);
    let distinct: std::collections::BTreeSet<_> = keys.iter().map(|(.., key)| *key).collect();
    assert_eq!(distinct.len(), 4, "{keys:?}");
}

#[tokio::test(start_paused = true)]
async fn an_event_that_takes_the_process_down_each_time_is_dead_in_the_end() {
    let running = Running::idle(&block("a", ""), &taking("a"));
    running.take_in(event("one")).await;
    for _ in 0..4 {
        let room = Room { handler: "a".into(), slots: 1, lease: Duration::from_secs(1) };
        let claimed = running.app.store().claim(Claim { handlers: vec![room], now: running.clock.steady() }).await.unwrap();
        assert_eq!(claimed.len(), 1);
        running.clock.advance(Duration::from_secs(2));
        assert_eq!(running.app.store().release_expired(running.clock.steady()).await.unwrap(), 1);
    }
    running.work();
    let dead = running.until(1, "a", DispatchState::Dead, 5).await;
    assert_eq!(dead.history.iter().map(|one| one.result).collect::<Vec<_>>(), [AttemptResult::Lost; 5]);
    let told = dead.history[4].error.as_deref();
    assert_eq!(told, Some("no attempt is left: 4 have begun, and the schedule has 2"));
}

/// A machine whose clock was set ten days forward after the program began.
#[derive(Debug)]
struct SetForward(ManualClock);

impl Clock for SetForward {
    fn now(&self) -> Timestamp {
        self.0.now() + jiff::SignedDuration::from_hours(240)
    }

    fn steady(&self) -> Timestamp {
        self.0.steady()
    }
}

#[tokio::test(start_paused = true)]
async fn a_machine_whose_clock_is_set_forward_strands_nothing() {
    let running = Running::by(|clock| Arc::new(SetForward(clock)), &block("a", ""), &taking("a"));
    running.work();
    running.take_in(event("one")).await;
    running.until(1, "a", DispatchState::Done, 1).await;
}
