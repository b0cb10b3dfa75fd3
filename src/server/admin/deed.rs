//! What an operator can have done, asked for by the page or by a program.
//!
//! Each deed happens entirely or not at all, in the store, and is written to the audit log when it has happened.

use std::sync::Arc;

use http::StatusCode;

use super::{Desk, answer::Problem, apple::Apple, audit::Author};
use crate::{
    config::Absent,
    inbox::{DispatchId, Owed, ReceiptId, query::Replay},
};

/// The longest reason that is kept.
const MOST_LETTERS: usize = 500;

/// Has a receipt handled again: by the named handler, or by those it was owed to, as far as they are configured. Returns how many
/// dispatches will be tried.
pub(super) async fn replay(desk: &Desk, id: ReceiptId, handler: Option<&str>, author: &Author) -> Result<u64, Problem> {
    let record = desk.store.receipt(id).await?.ok_or_else(|| no_receipt(id))?;
    let known = desk.known.load_full();
    let had: Vec<&str> = record.dispatches.iter().map(|record| record.dispatch.handler.as_str()).collect();
    let names = match handler {
        Some(name) if known.handler(name).is_some() => vec![name],
        Some(name) if had.contains(&name) => return Err(absent(&[name])),
        Some(name) => return Err(Problem::not_found(format!("there is no handler `{name}` in the configuration"))),
        None if had.is_empty() => {
            return Err(Problem::new(StatusCode::CONFLICT, format!("receipt {id} was owed to no handler: name one")));
        }
        None if had.iter().all(|name| known.handler(name).is_none()) => return Err(absent(&had)),
        None => had.into_iter().filter(|name| known.handler(name).is_some()).collect(),
    };
    let in_order = |name: &str| known.handler(name).is_some_and(|handler| handler.in_order);
    let handlers = names.into_iter().map(|name| Owed { handler: Arc::from(name), in_order: in_order(name) }).collect();
    let count = desk.store.replay(&Replay::Receipt { id, handlers }, desk.clock.steady()).await?;
    done(desk, author, "replay", format_args!("receipt {id}"), count, None);
    Ok(count)
}

/// Has every dead dispatch of a handler tried again. Returns how many.
pub(super) async fn replay_dead(desk: &Desk, handler: &str, author: &Author) -> Result<u64, Problem> {
    known_handler(desk, handler).await?;
    if desk.known.load().handler(handler).is_none() {
        return Err(absent(&[handler]));
    }
    let replay = Replay::Dead { handler: Some(handler.to_owned()) };
    let count = desk.store.replay(&replay, desk.clock.steady()).await?;
    done(desk, author, "replay_dead", format_args!("handler {handler}"), count, None);
    Ok(count)
}

/// Ends a dead dispatch that nobody wants tried again.
pub(super) async fn skip(desk: &Desk, id: DispatchId, reason: &str, author: &Author) -> Result<(), Problem> {
    let reason = said_reason(reason)?;
    if !desk.store.skip(id, reason, desk.clock.now()).await? {
        return Err(Problem::new(StatusCode::CONFLICT, format!("dispatch {id} is not dead, so there is nothing to skip")));
    }
    done(desk, author, "skip", format_args!("dispatch {id}"), 1, Some(reason));
    Ok(())
}

/// Gives a handler nothing until it is resumed.
pub(super) async fn pause(desk: &Desk, handler: &str, reason: &str, author: &Author) -> Result<(), Problem> {
    let reason = said_reason(reason)?;
    known_handler(desk, handler).await?;
    if !desk.store.pause(handler, reason, desk.clock.now()).await? {
        return Err(Problem::new(StatusCode::CONFLICT, format!("handler `{handler}` is paused already")));
    }
    done(desk, author, "pause", format_args!("handler {handler}"), 1, Some(reason));
    Ok(())
}

/// Lets a paused handler go on.
pub(super) async fn resume(desk: &Desk, handler: &str, author: &Author) -> Result<(), Problem> {
    known_handler(desk, handler).await?;
    if !desk.store.resume(handler).await? {
        return Err(Problem::new(StatusCode::CONFLICT, format!("handler `{handler}` is not paused")));
    }
    done(desk, author, "resume", format_args!("handler {handler}"), 1, None);
    Ok(())
}

/// Has a handler send a test message.
pub(super) async fn test(desk: &Desk, handler: &str, author: &Author) -> Result<(), Problem> {
    let taker = desk.handlers.as_deref().filter(|handlers| handlers.taking_tests().iter().any(|taker| **taker == *handler));
    let Some(handlers) = taker else {
        let detail = format!("there is no handler `{handler}` in the configuration that takes a test message");
        return Err(Problem::new(StatusCode::CONFLICT, detail));
    };
    // Written down before, because what fails may have been sent all the same.
    author.did("test", format_args!("handler {handler}"), 1, None);
    let failed = |error: String| Problem::new(StatusCode::BAD_GATEWAY, format!("the test message could not be sent: {error}"));
    handlers.try_out(handler).await.map_err(failed)
}

/// Has Apple ping a webhook.
pub(super) async fn ping(desk: &Desk, webhook: &str, author: &Author) -> Result<(), Problem> {
    asking(desk)?.ping(webhook).await?;
    author.did("ping", format_args!("webhook {webhook}"), 1, None);
    Ok(())
}

/// Has Apple send the event of a delivery again.
pub(super) async fn redeliver(desk: &Desk, delivery: &str, author: &Author) -> Result<(), Problem> {
    asking(desk)?.redeliver(delivery).await?;
    author.did("redeliver", format_args!("delivery {delivery}"), 1, None);
    Ok(())
}

/// Whoever can ask Apple.
pub(super) fn asking(desk: &Desk) -> Result<&dyn Apple, Problem> {
    let nobody = "there is no key for App Store Connect: write `[asc]` into the configuration, and restart the program";
    desk.apple.as_deref().ok_or_else(|| Problem::new(StatusCode::CONFLICT, nobody))
}

/// That a receipt is not there.
pub(super) fn no_receipt(id: ReceiptId) -> Problem {
    Problem::not_found(format!("there is no receipt {id}; it may have been removed when its retention ended"))
}

/// Makes sure that a handler is configured, or that the store knows of it.
async fn known_handler(desk: &Desk, handler: &str) -> Result<(), Problem> {
    let stats = desk.store.stats(desk.clock.now()).await?;
    if desk.known.load().handler(handler).is_none() && stats.handlers.iter().all(|stats| stats.handler != handler) {
        return Err(Problem::not_found(format!("there is no handler `{handler}`")));
    }
    Ok(())
}

/// That none of these handlers is there to try anything: it would wait, and no longer stand among what is dead.
fn absent(names: &[&str]) -> Problem {
    let absent = Absent::of(names.iter().copied());
    Problem::new(StatusCode::CONFLICT, format!("{absent}; {}", absent.hint()))
}

fn said_reason(reason: &str) -> Result<&str, Problem> {
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > MOST_LETTERS {
        let detail = format!("`reason`: expected a text of 1 to {MOST_LETTERS} letters");
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    Ok(reason)
}

fn done(desk: &Desk, author: &Author, what: &str, to: std::fmt::Arguments<'_>, count: u64, reason: Option<&str>) {
    author.did(what, to, count, reason);
    desk.work.notify_one();
}
