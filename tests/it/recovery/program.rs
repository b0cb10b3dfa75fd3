//! Recovery as a part of the whole program: it starts with it, hears of a new configuration, and ends with it.

use std::{sync::Arc, time::Duration};

use asc_webhooks::{
    App, Registry,
    clock::{Clock, SystemClock},
    inbox::{Store, memory::Memory},
    sandbox::{Running, Sandbox, Settings},
    shutdown::Shutdown,
};

use super::{HARBOR, NOWHERE, loaded, register};

/// The configuration that asks this sandbox.
fn asking(sandbox: &Running, interval: &str) -> String {
    let key = sandbox.team_key();
    let (id, issuer) = (&key.id, key.issuer_id.as_deref().unwrap());
    let (pem, url) = (key.private_key_pem.expose(), sandbox.api_url());
    format!(
        "[asc]\nkey_id = '{id}'\nissuer_id = '{issuer}'\nbase_url = '{url}'\nprivate_key = '''{pem}'''\n\
         [recovery]\ninterval = {interval}\n[[handler]]\nname = 'log'\nkind = 'log'\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_configuration_ends_the_wait_after_failures() {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let tasks = Shutdown::new();
    let sandbox = Sandbox::start(Settings::new("127.0.0.1:0".parse().unwrap(), clock.clone()), &tasks).await.unwrap();
    let (registry, store): (_, Arc<dyn Store>) = (Registry::builtin(), Arc::new(Memory::new()));
    let configuration = loaded(&asking(&sandbox, "'1m'"));
    let app = App::with_store(&configuration, &registry, store, clock.clone()).unwrap();
    drop(app.work());
    // Nobody is to be asked before minutes are over: two passes have found no webhook.
    for _ in 0..2 {
        let before = clock.now();
        app.reload(&configuration, &registry).unwrap();
        let has_failed =
            async || app.store().accounts().await.unwrap().iter().any(|of| of.failure.as_ref().is_some_and(|it| it.at > before));
        while !has_failed().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    register(&sandbox, NOWHERE);
    sandbox.burst(HARBOR, 5).await.unwrap();
    app.reload(&configuration, &registry).unwrap();
    until_done(&app, &*clock, 5).await;
    app.shutdown().begin();
    tasks.cut_off();
}

/// Waits until so many events are kept and handled.
async fn until_done(app: &App, clock: &dyn Clock, events: u64) {
    let mut stats = app.store().stats(clock.now()).await.unwrap();
    for _ in 0..1_500 {
        if stats.recovered == events && stats.handlers.iter().map(|handler| handler.done).sum::<u64>() == events {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        stats = app.store().stats(clock.now()).await.unwrap();
    }
    panic!("expected {events} events recovered and handled, found {stats:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_asks_at_start_and_after_a_new_configuration() {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let tasks = Shutdown::new();
    let sandbox = Sandbox::start(Settings::new("127.0.0.1:0".parse().unwrap(), clock.clone()), &tasks).await.unwrap();
    register(&sandbox, NOWHERE);
    sandbox.burst(HARBOR, 5).await.unwrap();

    let (registry, store): (_, Arc<dyn Store>) = (Registry::builtin(), Arc::new(Memory::new()));
    let configuration = loaded(&asking(&sandbox, "'1h'"));
    let app = App::with_store(&configuration, &registry, store, clock.clone()).unwrap();
    drop(app.work());
    until_done(&app, &*clock, 5).await;

    sandbox.burst(HARBOR, 4).await.unwrap();
    let warnings = app.reload(&loaded(&asking(&sandbox, "'1s'")), &registry).unwrap();
    assert_eq!(warnings, [], "an interval takes effect at once");
    until_done(&app, &*clock, 9).await;

    sandbox.burst(HARBOR, 3).await.unwrap();
    until_done(&app, &*clock, 12).await;

    app.shutdown().begin();
    assert!(app.shutdown().finished(Duration::from_secs(10)).await, "recovery ends when it is told to");
    tasks.cut_off();
}
