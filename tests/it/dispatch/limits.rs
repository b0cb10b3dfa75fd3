//! How many at once, and in which order.

use std::{sync::Arc, time::Duration};

use asc_webhooks::{
    Registry,
    event::{EventKind, sample},
    handler::{HandlerError, handler_fn},
    inbox::DispatchState,
};
use tokio::sync::{Semaphore, mpsc};

use super::{answering, block, event};
use crate::support::running::{Running, SECRET, loaded};

/// A handler kind `a` that tells of each call and then waits to be let through.
fn gated() -> (Registry, mpsc::UnboundedReceiver<String>, Arc<Semaphore>) {
    let (tell, told) = mpsc::unbounded_channel();
    let gate = Arc::new(Semaphore::new(0));
    let open = Arc::clone(&gate);
    let handler = handler_fn(move |event, _| {
        let (sent, open) = (tell.send(event.id.clone()), Arc::clone(&open));
        async move {
            sent?;
            open.acquire().await?.forget();
            Ok(())
        }
    });
    (Registry::empty().register_handler("a", handler), told, gate)
}

#[tokio::test(start_paused = true)]
async fn a_handler_has_as_many_attempts_at_once_as_configured() {
    let (registry, mut told, gate) = gated();
    let running = Running::idle(&block("a", "concurrency = 3").replace("5s", "1h"), &registry);
    for id in 0..7 {
        running.take_in(event(&id.to_string())).await;
    }
    running.work();
    for under_way in [3, 3, 1] {
        for _ in 0..under_way {
            told.recv().await.unwrap();
        }
        // Longer than any pause of the worker: a fourth would have begun by now.
        tokio::time::sleep(std::time::Duration::from_secs(5)).await;
        assert!(told.try_recv().is_err(), "more than three at once");
        gate.add_permits(under_way);
    }
    for receipt in 1..=7 {
        running.until(receipt, "a", DispatchState::Done, 1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_paused_handler_is_given_nothing_and_what_is_under_way_ends() {
    let (registry, mut told, gate) = gated();
    let running = Running::idle(&block("a", "concurrency = 1").replace("5s", "1h"), &registry);
    for id in 0..3 {
        running.take_in(event(&id.to_string())).await;
    }
    running.work();
    assert_eq!(told.recv().await.unwrap(), "0");
    // As another process does it, which tells nobody.
    assert!(running.app.store().pause("a", "the channel is being moved", jiff::Timestamp::UNIX_EPOCH).await.unwrap());
    gate.add_permits(3);
    running.until(1, "a", DispatchState::Done, 1).await;
    running.app.reload(&loaded(SECRET, &block("a", "concurrency = 2").replace("5s", "1h")).unwrap(), &registry).unwrap();
    tokio::time::sleep(std::time::Duration::from_mins(5)).await;
    assert!(told.try_recv().is_err(), "something was begun during the pause");
    assert!(running.app.store().resume("a").await.unwrap());
    let resumed = tokio::time::timeout(std::time::Duration::from_secs(2), told.recv()).await;
    assert_eq!(resumed.unwrap().unwrap(), "1", "within a poll");
    for receipt in 2..=3 {
        running.until(receipt, "a", DispatchState::Done, 1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_asked_to_wait_for_one_event_is_given_no_other_meanwhile() {
    // Refuses the first three calls, the third for an hour.
    let (calls, mut called) = mpsc::unbounded_channel();
    let asking = answering(move |call| {
        calls.send(call)?;
        match call {
            1 | 2 => Err(HandlerError::retry_after("slow down", Duration::from_secs(30))),
            3 => Err(HandlerError::retry_after("come back later", Duration::from_hours(1))),
            _ => Ok(()),
        }
    });
    let registry = Registry::empty().register_handler("a", asking).register_handler("b", handler_fn(async |_, _| Ok(())));
    let blocks = block("a", "concurrency = 1") + &block("b", "");
    let running = Running::idle(&blocks, &registry);
    for id in 0..5 {
        running.take_in(event(&id.to_string())).await;
    }
    running.work();
    assert_eq!(called.recv().await, Some(1));
    let mut expect = async |advance: u64, call: u32| {
        running.clock.advance(Duration::from_secs(advance - 1));
        // Longer than any pause of the worker.
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert!(called.try_recv().is_err(), "call {call} a second too early");
        running.clock.advance(Duration::from_secs(1));
        assert_eq!(called.recv().await, Some(call));
    };
    running.until(5, "b", DispatchState::Done, 1).await;
    expect(30, 2).await;
    expect(30, 3).await;
    // Whoever asks for an hour about one event does not hold up the others for so long.
    expect(60, 4).await;
    for receipt in [1, 2, 4, 5] {
        running.until(receipt, "a", DispatchState::Done, if receipt < 3 { 2 } else { 1 }).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_counts_after_a_reload_too() {
    let (registry, mut told, gate) = gated();
    let block = |concurrency: usize| block("a", &format!("concurrency = {concurrency}")).replace("5s", "1h");
    let reload = |running: &Running, handlers: &str| {
        running.app.reload(&loaded(SECRET, handlers).unwrap(), &registry).unwrap();
    };
    let running = Running::idle(&block(3), &registry);
    for id in 0..9 {
        running.take_in(event(&id.to_string())).await;
    }
    running.work();
    let mut expect = async |begun: usize| {
        for _ in 0..begun {
            told.recv().await.unwrap();
        }
        tokio::time::sleep(std::time::Duration::from_secs(5)).await;
        assert!(told.try_recv().is_err(), "more than {begun} begin");
    };
    expect(3).await;
    reload(&running, &block(3));
    expect(0).await;
    reload(&running, &block(4));
    expect(1).await;
    // Without the handler for a while, and then with less room than is taken.
    reload(&running, "");
    reload(&running, &block(2));
    gate.add_permits(2);
    expect(0).await;
    gate.add_permits(1);
    expect(1).await;
    gate.add_permits(9);
    expect(4).await;
    for receipt in 1..=9 {
        running.until(receipt, "a", DispatchState::Done, 1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn events_of_one_subject_come_one_after_another_in_apples_time_order() {
    let (registry, mut told, gate) = gated();
    let running = Running::idle(&block("a", "concurrency = 8\norder = 'subject'").replace("5s", "1h"), &registry);
    let of = |subject: &str, minute: u8| {
        let time = format!("2026-03-02T09:{minute:02}:00Z").parse().unwrap();
        let sample = sample::of(&EventKind::BuildUploadStateUpdated).subject_id(subject).time(time);
        sample.id(format!("{subject}{minute}")).body()
    };
    for (subject, minute) in [("x", 3), ("x", 1), ("y", 2), ("x", 2), ("y", 1)] {
        running.take_in(of(subject, minute)).await;
    }
    running.work();
    for expected in [&["x1", "y1"][..], &["x2", "y2"], &["x3"]] {
        let mut together = Vec::new();
        for _ in expected {
            together.push(told.recv().await.unwrap());
        }
        together.sort();
        assert_eq!(together, expected);
        tokio::time::sleep(std::time::Duration::from_secs(5)).await;
        assert!(told.try_recv().is_err(), "the next of a subject waits for the one before");
        gate.add_permits(expected.len());
    }
}
