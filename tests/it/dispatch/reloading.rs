//! What a new configuration changes while the program runs, and what the end of the program leaves.

use std::{sync::Arc, time::Duration};

use asc_webhooks::{
    Registry,
    handler::{HandlerError, handler_fn},
    inbox::{
        AttemptResult, DispatchState, Store,
        sqlite::{Options, Sqlite},
    },
};
use tokio::sync::{Notify, mpsc};

use super::{answering, block, event, taking};
use crate::support::running::{Running, SECRET, loaded, post};

const NEW: &str = "another secret of these tests";

#[tokio::test(start_paused = true)]
async fn a_new_secret_takes_effect_and_a_wrong_configuration_changes_nothing() {
    let registry = taking("a");
    let running = Running::start(&block("a", ""), &registry);
    assert!(running.app.reload(&loaded(NEW, &block("b", "")).unwrap(), &registry).is_err(), "there is no kind `b`");
    assert_eq!(running.post("/app", NEW, event("one")).await, 401);
    assert_eq!(running.post("/app", SECRET, event("one")).await, 200);

    running.app.reload(&loaded(NEW, &block("a", "")).unwrap(), &registry).unwrap();
    assert_eq!(running.post("/app", SECRET, event("two")).await, 401);
    assert_eq!(running.post("/app", NEW, event("two")).await, 200);
    running.until(2, "a", DispatchState::Done, 1).await;
}

#[tokio::test]
async fn a_router_that_was_taken_before_goes_by_the_new_configuration() {
    let registry = taking("a");
    let running = Running::idle(&block("a", ""), &registry);
    let router = running.app.router();
    running.app.reload(&loaded(NEW, "").unwrap(), &registry).unwrap();
    for (secret, expected) in [(SECRET, 401), (NEW, 200)] {
        assert_eq!(post(router.clone(), "/app", secret, event("one")).await, expected);
    }
    assert!(running.dispatch(1, "a").await.is_none(), "the handler is gone from the routes");
}

#[tokio::test]
async fn what_only_a_restart_changes_is_said_at_every_reload_and_no_secret_with_it() {
    let registry = taking("a");
    let running = Running::idle("", &registry);
    let token = "[admin]\ntoken = 'a token that nobody guesses'\n[server]\nmax_body = '2 MiB'\n";
    for _ in 0..2 {
        let warnings = running.app.reload(&loaded(SECRET, token).unwrap(), &registry).unwrap();
        let keys: Vec<&str> = warnings.iter().map(|warning| warning.key.as_str()).collect();
        assert_eq!(keys, ["server.max_body", "admin.token"]);
        let words: Vec<String> = warnings.iter().map(ToString::to_string).collect();
        assert!(words.iter().all(|words| words.contains("takes effect at the next start only")), "{words:?}");
        assert!(!words.concat().contains("nobody guesses"), "{words:?}");
    }
    assert_eq!(running.app.reload(&loaded(SECRET, "").unwrap(), &registry).unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn a_dispatch_without_its_handler_waits_until_it_is_configured_again() {
    let registry = taking("a").register_handler("b", handler_fn(async |_, _| Ok(())));
    let running = Running::idle(&[block("a", ""), block("b", "")].concat(), &registry);
    running.take_in(event("one")).await;
    running.app.reload(&loaded(SECRET, &block("b", "")).unwrap(), &registry).unwrap();
    running.work();
    running.until(1, "b", DispatchState::Done, 1).await;
    running.clock.advance(Duration::from_hours(1));
    tokio::time::sleep(Duration::from_secs(30)).await;
    let waiting = running.dispatch(1, "a").await.unwrap();
    assert_eq!((waiting.dispatch.state, waiting.history.len()), (DispatchState::Waiting, 0));
    running.app.reload(&loaded(SECRET, &[block("a", ""), block("b", "")].concat()).unwrap(), &registry).unwrap();
    running.until(1, "a", DispatchState::Done, 1).await;
}

/// Nobody is made to wait by a schedule that is no longer there.
#[tokio::test(start_paused = true)]
async fn a_schedule_that_has_been_shortened_holds_for_what_waits_already() {
    let failing_once = answering(|call| if call == 1 { Err(HandlerError::retry("not now")) } else { Ok(()) });
    let registry = Registry::empty().register_handler("a", failing_once);
    let scheduled = |retry: &str| block("a", "").replace("'10s'", retry);
    let running = Running::start(&scheduled("'2days'"), &registry);
    running.take_in(event("one")).await;
    running.until(1, "a", DispatchState::Waiting, 1).await;
    running.app.reload(&loaded(SECRET, &scheduled("'10s'")).unwrap(), &registry).unwrap();
    running.until(1, "a", DispatchState::Done, 2).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_may_finish_within_the_grace_period() {
    let (begun, finish) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (Arc::clone(&begun), Arc::clone(&finish));
    let slow = handler_fn(move |_, _| {
        let (tell, wait) = (Arc::clone(&tell), Arc::clone(&wait));
        async move {
            tell.notify_one();
            wait.notified().await;
            Ok(())
        }
    });
    let running = Running::start(&block("a", "").replace("5s", "1h"), &Registry::empty().register_handler("a", slow));
    running.take_in(event("one")).await;
    begun.notified().await;
    running.app.shutdown().begin();
    finish.notify_one();
    assert!(running.app.shutdown().finished(Duration::from_secs(30)).await);
    assert_eq!(running.dispatch(1, "a").await.unwrap().dispatch.state, DispatchState::Done);
}

#[tokio::test]
async fn what_hangs_is_cut_off_and_waits_at_the_next_start() {
    check_cut_off("retry = ['10s']", 2).await;
}

#[tokio::test]
async fn being_cut_off_does_not_use_up_the_last_attempt() {
    check_cut_off("retry = []", 1).await;
}

/// Cuts off a hanging attempt, starts again on the same file, and expects it done with so many attempts on record.
async fn check_cut_off(retry: &str, attempts: usize) {
    let block = |timeout: &str| block("a", "").replace("retry = ['10s']", retry).replace("5s", timeout);
    let folder = tempfile::tempdir().unwrap();
    let open = || -> Arc<dyn Store> { Arc::new(Sqlite::open(Options::new(folder.path().join("inbox.db")).reserve(0)).unwrap()) };
    let (tell, mut told) = mpsc::unbounded_channel();
    let stuck = handler_fn(move |_, _| {
        let sent = tell.send(());
        async move {
            sent?;
            std::future::pending().await
        }
    });
    let running = Running::on(open(), &block("1h"), &Registry::empty().register_handler("a", stuck));
    running.work();
    running.take_in(event("one")).await;
    told.recv().await.unwrap();
    running.app.shutdown().begin();
    assert!(!running.app.shutdown().finished(Duration::from_millis(50)).await, "it hangs");
    running.app.shutdown().cut_off();
    assert!(running.app.shutdown().finished(Duration::from_secs(30)).await);
    running.app.store().close().await.unwrap();
    drop(running);

    let running = Running::on(open(), &block("5s"), &taking("a"));
    let waiting = running.dispatch(1, "a").await.unwrap();
    assert_eq!(waiting.dispatch.state, DispatchState::Waiting);
    assert!(waiting.history.iter().all(|one| one.result == AttemptResult::Lost), "{waiting:?}");
    running.work();
    running.until(1, "a", DispatchState::Done, attempts).await;
}
