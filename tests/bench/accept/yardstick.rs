//! What the product is measured against: the same checks in a bare axum server, keeping nothing, or keeping with one transaction for each
//! request as is usually done.

use std::{
    net::Ipv4Addr,
    path::Path,
    sync::{Arc, Mutex},
};

use anyhow::Context as _;
use asc_webhooks::{
    secret::Secret,
    signature::{HEADER, Secrets, SigningKey},
};
use axum::{Router, extract::State, http::HeaderMap, http::StatusCode, routing::post};
use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::Connection;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::http::{PATH, SECRET};

/// The argument by which this program knows that it is to be the yardstick.
pub(crate) const CALLED: &str = "--yardstick";

/// What the second argument says when nothing is to be kept.
pub(crate) const KEEPS_NOTHING: &str = "keeps-nothing";

/// The part of a notification that has to be read in order to keep it.
#[derive(Deserialize)]
struct Envelope<'b> {
    #[serde(borrow)]
    data: Data<'b>,
}

#[derive(Deserialize)]
struct Data<'b> {
    id: &'b str,
    r#type: &'b str,
    #[serde(borrow)]
    attributes: Option<&'b RawValue>,
}

struct Yardstick {
    secrets: Secrets,
    kept: Option<Mutex<Connection>>,
}

/// Is the yardstick: listens on some port, says which, and serves until it is killed.
pub(crate) fn serve(kept: &str) -> anyhow::Result<()> {
    let kept = if kept == KEEPS_NOTHING { None } else { Some(Mutex::new(open(Path::new(kept))?)) };
    let secrets = Secrets::new([SigningKey::new(&Secret::new(SECRET), "current")]);
    let router = Router::new()
        .route(PATH, post(receive))
        .route("/readyz", axum::routing::get(async || StatusCode::OK))
        .with_state(Arc::new(Yardstick { secrets, kept }));
    tokio::runtime::Runtime::new()?.block_on(async {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        println!(r#"{{"message":"listening","listener.name":"public","address":"{address}"}}"#);
        axum::serve(listener, router).await?;
        Ok(())
    })
}

#[expect(clippy::disallowed_methods, reason = "a yardstick has no `Clock`")]
async fn receive(State(yardstick): State<Arc<Yardstick>>, headers: HeaderMap, body: Bytes) -> (StatusCode, &'static str) {
    let values = headers.get_all(HEADER).iter().map(axum::http::HeaderValue::as_bytes);
    let Ok(authentic) = yardstick.secrets.verify(values, body, Timestamp::now()) else {
        return (StatusCode::UNAUTHORIZED, "{\"status\":\"refused\"}");
    };
    let (body, _) = authentic.into_parts();
    let Ok(Envelope { data }) = serde_json::from_slice(&body) else {
        return (StatusCode::BAD_REQUEST, "{\"status\":\"strange\"}");
    };
    std::hint::black_box((data.r#type, data.attributes));
    if yardstick.kept.is_some() {
        let (id, body, yardstick) = (data.id.to_owned(), body.clone(), yardstick.clone());
        let kept = tokio::task::spawn_blocking(move || yardstick.keep(&id, &body)).await;
        if !matches!(kept, Ok(Ok(()))) {
            return (StatusCode::SERVICE_UNAVAILABLE, "{\"status\":\"unavailable\"}");
        }
    }
    (StatusCode::OK, "{\"status\":\"accepted\"}")
}

impl Yardstick {
    /// One transaction, one sync, one event.
    fn keep(&self, id: &str, body: &[u8]) -> anyhow::Result<()> {
        let connection = self.kept.as_ref().context("there is nothing to keep it in")?;
        let mut connection = connection.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        transaction.prepare_cached("INSERT OR IGNORE INTO identity (event) VALUES (?1)")?.execute([id])?;
        let receipt = transaction.prepare_cached("INSERT INTO receipt (event, body) VALUES (?1, ?2)")?.insert((id, body))?;
        transaction.prepare_cached("INSERT INTO dispatch (receipt, state, due) VALUES (?1, 0, 0)")?.execute([receipt])?;
        transaction.commit()?;
        Ok(())
    }
}

fn open(path: &Path) -> anyhow::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         CREATE TABLE receipt (id INTEGER PRIMARY KEY, event TEXT NOT NULL, body BLOB NOT NULL) STRICT;
         CREATE TABLE identity (event TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
         CREATE TABLE dispatch (id INTEGER PRIMARY KEY, receipt INTEGER NOT NULL, state INTEGER NOT NULL, due INTEGER NOT NULL) STRICT;
         CREATE INDEX dispatch_due ON dispatch (due) WHERE state = 0;",
    )?;
    Ok(connection)
}
