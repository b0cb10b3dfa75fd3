//! The end of the program: bounded whatever hangs, and no success if the store broke on the way. So does a program end that embeds it
//! as the example does.

use std::{future::pending, sync::Arc, time::Duration};

use asc_webhooks::{
    Registry,
    app::AppError,
    inbox::{Accepted, Arrival, Claim, Claimed, Store, StoreError, memory::Memory, wrapper::Wrapper},
};
use axum::Router;
use bytes::Bytes;
use tokio::{
    net::TcpListener,
    sync::Semaphore,
    time::{Instant, timeout},
};

use crate::support::{
    peer::Peer,
    running::{Running, SECRET, post},
    signed::{Signed, notification},
};

#[expect(dead_code, reason = "its `main` is for whoever tries it; how it serves is tried here")]
#[path = "../examples/embed_router.rs"]
mod embed_router;

/// How the store behaves at the end.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Hangs,
    IsBroken,
    /// When it is asked to keep something, as soon as it may.
    Breaks,
    /// When the worker asks it for something to do.
    BreaksUnderTheWorker,
}

#[derive(Debug)]
struct Stubborn {
    store: Memory,
    end: End,
    asked: Semaphore,
    may: Semaphore,
}

impl Stubborn {
    fn new(end: End) -> Arc<Self> {
        Arc::new(Self { store: Memory::new(), end, asked: Semaphore::new(0), may: Semaphore::new(0) })
    }
}

fn broken() -> StoreError {
    StoreError::Broken("a sync failed".into())
}

#[async_trait::async_trait]
impl Wrapper for Stubborn {
    fn inner(&self) -> &dyn Store {
        &self.store
    }

    async fn accept(&self, _: Arrival) -> Result<Accepted, StoreError> {
        self.asked.add_permits(1);
        let _permit = self.may.acquire().await;
        Err(broken())
    }

    async fn claim(&self, claim: Claim) -> Result<Vec<Claimed>, StoreError> {
        if self.end == End::BreaksUnderTheWorker { Err(broken()) } else { self.store.claim(claim).await }
    }

    async fn close(&self) -> Result<(), StoreError> {
        match self.end {
            End::Hangs => pending().await,
            End::IsBroken => Err(broken()),
            End::Breaks | End::BreaksUnderTheWorker => Ok(()),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_close_is_not_waited_for() {
    let running = Running::on(Stubborn::new(End::Hangs), "", &Registry::builtin());
    let parts = running.app.work();
    running.app.shutdown().begin();
    let begun = Instant::now();
    let ended = tokio::time::timeout(Duration::from_mins(10), running.app.until_end(parts)).await;
    ended.expect("it ends").unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[track_caller]
fn check_is_broken(ended: &Result<(), AppError>) {
    assert!(matches!(ended, Err(AppError::Store(StoreError::Broken(_)))), "{ended:?}");
}

#[tokio::test]
async fn a_store_that_closes_broken_makes_no_success() {
    let running = Running::on(Stubborn::new(End::IsBroken), "", &Registry::builtin());
    let parts = running.app.work();
    running.app.shutdown().begin();
    check_is_broken(&running.app.until_end(parts).await);
}

#[tokio::test]
async fn a_store_that_breaks_in_the_grace_period_makes_no_success() {
    let store = Stubborn::new(End::Breaks);
    let running = Running::on(store.clone(), "", &Registry::builtin());
    let parts = running.app.work();
    let (router, shutdown) = (running.app.router(), running.app.shutdown());
    let asked = shutdown.spawn(async move { post(router, "/app", SECRET, Bytes::from_static(b"{}")).await });
    store.asked.acquire().await.unwrap().forget();
    shutdown.begin();
    let breaks = async { store.may.add_permits(1) };
    let (ended, ()) = tokio::join!(biased; running.app.until_end(parts), breaks);
    assert_eq!(asked.await.unwrap(), 503);
    check_is_broken(&ended);
}

/// Long enough for everything here, and not for ever.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_program_that_embeds_the_receiver_ends_with_an_error_when_nothing_can_be_kept() {
    let store = Stubborn::new(End::Breaks);
    let running = Running::on(store.clone(), "", &Registry::builtin());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut apple = Peer::connect(listener.local_addr().unwrap()).await;
    apple.say(Signed::new("/webhooks/app", SECRET, notification("1")).bytes()).await;
    store.may.add_permits(1);
    let serving = embed_router::serve(&running.app, Router::new(), listener);
    check_is_broken(&timeout(PATIENCE, serving).await.expect("it ends"));
    assert!(apple.hear_until("\r\n").await.starts_with("HTTP/1.1 503 "), "Apple has heard that it is not kept");
}

#[tokio::test]
async fn a_program_that_embeds_the_receiver_ends_with_an_error_when_the_worker_cannot_go_on() {
    let log = "[[handler]]\nname = 'log'\nkind = 'log'\n";
    let running = Running::on(Stubborn::new(End::BreaksUnderTheWorker), log, &Registry::builtin());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let serving = embed_router::serve(&running.app, Router::new(), listener);
    check_is_broken(&timeout(PATIENCE, serving).await.expect("it ends"));
}
