//! What is promised of a dispatch, over the whole program but its sockets: at least once, until done or dead.
//!
//! Time is virtual: the clock of the waits is turned by hand, and tokio's stands still unless everybody waits. Only where sockets are the
//! point ([`order`]) is it real.

mod endings;
mod forwarding;
mod limits;
mod order;
mod reloading;
mod routing;
mod telling;
mod threads;

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use asc_webhooks::{
    Handler, Registry,
    event::{EventKind, sample},
    handler::{HandlerError, handler_fn},
};
use bytes::Bytes;

/// Two attempts, ten seconds apart, of at most five seconds each.
fn block(name: &str, more: &str) -> String {
    format!("[[handler]]\nname = '{name}'\nkind = '{name}'\nretry = ['10s']\njitter = '0%'\ntimeout = '5s'\n{more}\n")
}

/// A build's event with this id.
fn event(id: &str) -> Bytes {
    sample::of(&EventKind::BuildUploadStateUpdated).id(id).body()
}

/// A registry of `name`, which takes everything.
fn taking(name: &str) -> Registry {
    Registry::builtin().register_handler(name, handler_fn(async |_, _| Ok(())))
}

/// A handler that answers its n-th call (from 1) as told.
fn answering(answer: impl Fn(u32) -> Result<(), HandlerError> + Send + Sync + 'static) -> impl Handler {
    let calls = Arc::new(AtomicU32::new(0));
    handler_fn(move |_, _| {
        let answer = answer(calls.fetch_add(1, Ordering::Relaxed) + 1);
        async move { answer }
    })
}
