//! A notification on its way in: limits, signature, intake, answer.
//!
//! The order is the point. Nothing is read before its size is known to be allowed, nothing is looked into before it is proven to
//! come from Apple, or, where nobody signs, brought by somebody who knows a token, and nothing is answered with 200 before it is
//! kept. What the sender says about the bytes (type, encoding, trailers) is not looked at: the signature is over the bytes as they
//! come.
//!
//! | bound | what happens there |
//! |---|---|
//! | the body has, or says that it has, more than `max_body` | 413, closed |
//! | it takes longer than `body_timeout` | 408, closed |
//! | 64 MiB of bodies are here and not proven, beyond the first 16 KiB of each | 503, closed; by what has arrived, not by what is declared |
//! | `max_in_flight` that were let in wait for the store | 503 |
//!
//! So strangers cannot fill the memory, however many they are: each has a few KiB, and all together a fixed room. Apple's
//! notifications, of some 2 KiB, never need any of it.

use std::{error::Error, io, net::SocketAddr, panic::AssertUnwindSafe, sync::Arc};

use axum::{
    body::{Body, HttpBody as _},
    extract::{ConnectInfo, Request},
    response::{IntoResponse as _, Response},
};
use bytes::{Bytes, BytesMut};
use futures_util::FutureExt as _;
use http::{HeaderName, HeaderValue, Method, StatusCode, request::Parts};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    Receiver,
    endpoints::{self, Endpoint, Guard},
    error::{Refused, json},
};
use crate::{
    inbox::{Accepted, Received},
    signature::{self, Authentic, Secrets},
    unsigned::Admission,
};

/// Apple keeps this answer and shows it to everyone with access to the account; so it says nothing, and never anything else.
const TAKEN: &str = r#"{"status":"ok"}"#;

/// More than this takes long enough to digest (some 30 µs), and then to read, to keep other connections of the thread waiting.
const SMALL: usize = 64 * 1024;

/// What a body may have before it needs room.
const FREE: usize = 16 * 1024;

const KIB: usize = 1024;

static SIGNATURE: HeaderName = HeaderName::from_static(signature::HEADER);

/// How a request is to be let in.
enum Entrance<'e> {
    /// If one of these signed it.
    BySignature(&'e Arc<Secrets>),
    /// It is: whoever sent it knew a token.
    Unsigned(Admission<'e>),
}

/// A body that is here, of which nothing is proven yet.
struct Unproven {
    bytes: Bytes,
    /// The room that it takes up of what strangers have, in KiB.
    room: OwnedSemaphorePermit,
}

/// The room that all unproven bodies have, in KiB, beyond what each may have without. One body as large as allowed always fits.
pub(super) fn room_for_unproven(max_body: usize) -> Arc<Semaphore> {
    const ALL: usize = 64 * KIB;
    Arc::new(Semaphore::new(max_body.div_ceil(KIB).clamp(ALL, Semaphore::MAX_PERMITS)))
}

/// Answers a request to anything that has no route of its own.
pub(super) fn receive(receiver: Arc<Receiver>, request: Request) -> impl Future<Output = Response> + Send {
    let (head, body) = request.into_parts();
    async move { answer(&receiver, &head, body).await }
}

async fn answer(receiver: &Arc<Receiver>, head: &Parts, body: Body) -> Response {
    let peer = head.extensions.get::<ConnectInfo<SocketAddr>>().map(|&ConnectInfo(peer)| peer);
    let Some((endpoint, token)) = receiver.endpoints.load().at(head.uri.path()) else {
        receiver.note_refused(&Refused::UnknownPath, peer);
        return Refused::UnknownPath.into_response();
    };
    match take_in(receiver, &endpoint, token, head, body).await {
        Ok(()) => {
            endpoint.count_taken();
            json(StatusCode::OK, TAKEN)
        }
        Err(refused) => {
            endpoint.count_refused(&refused);
            receiver.refusals.note(&refused, Some(&endpoint.refusals), peer, receiver.clock.now());
            refused.into_response()
        }
    }
}

async fn take_in(receiver: &Arc<Receiver>, endpoint: &Arc<Endpoint>, token: &str, head: &Parts, body: Body) -> Result<(), Refused> {
    let entrance = match &endpoint.guard {
        Guard::Secrets(secrets) => Entrance::BySignature(secrets),
        // Before everything else, so that without the token nothing tells an endpoint from none.
        Guard::Tokens(tokens) => {
            Entrance::Unsigned(tokens.admit(token.as_bytes(), receiver.clock.now()).ok_or(Refused::WrongToken)?)
        }
    };
    if head.method != Method::POST {
        return Err(Refused::WrongMethod);
    }
    if receiver.shutdown.has_begun() {
        return Err(Refused::Stopping);
    }
    let body = read(body, receiver).await?;
    let brought = match entrance {
        Entrance::BySignature(secrets) => {
            let signatures = head.headers.get_all(&SIGNATURE);
            verify(secrets, signatures.iter(), body, receiver.clock.now()).await?.into()
        }
        Entrance::Unsigned(admission) => admission.take(body.bytes).into(),
    };
    keep(receiver, endpoint, brought).await
}

async fn read(body: Body, receiver: &Receiver) -> Result<Unproven, Refused> {
    let (limit, within) = (receiver.max_body, receiver.body_timeout);
    // A `Content-Length` above the limit shows here, before a byte of the body is read or asked for with `100 Continue`.
    if usize::try_from(body.size_hint().lower()).is_ok_and(|least| least <= limit) {
        tokio::time::timeout(within, gather(body, limit, &receiver.unproven)).await.unwrap_or(Err(Refused::TooSlow { within }))
    } else {
        Err(Refused::TooLarge { limit })
    }
}

async fn gather(mut body: Body, limit: usize, free: &Arc<Semaphore>) -> Result<Unproven, Refused> {
    let some_room = |kib| Arc::clone(free).try_acquire_many_owned(kib).map_err(|_| Refused::TooMuch);
    let mut room = some_room(0)?;
    // Nearly every notification comes in one piece, which is then passed on without a copy.
    let mut first = Bytes::new();
    let mut joined = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken_off(&error))?;
        // Trailers are no data, and are not looked at: a signature among them is none.
        let Ok(data) = frame.into_data() else { continue };
        let length = first.len().max(joined.len()) + data.len();
        if length > limit {
            return Err(Refused::TooLarge { limit });
        }
        let needed = length.saturating_sub(FREE).div_ceil(KIB);
        if let Some(more) = needed.checked_sub(room.num_permits()).filter(|more| *more > 0) {
            room.merge(some_room(u32::try_from(more).unwrap_or(u32::MAX))?);
        }
        if first.is_empty() {
            first = data;
            continue;
        }
        if joined.is_empty() {
            joined.extend_from_slice(&first);
        }
        joined.extend_from_slice(&data);
    }
    Ok(Unproven { bytes: if joined.is_empty() { first } else { joined.freeze() }, room })
}

/// Whether the sender went away, or sent what is no body.
fn broken_off(error: &axum::Error) -> Refused {
    let mut causes = std::iter::successors(error.source(), |cause| (*cause).source());
    let of_system = causes.find_map(|cause| cause.downcast_ref::<io::Error>());
    match of_system.map(io::Error::kind) {
        // So the reader of chunks says what it thinks of them.
        Some(io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput) => Refused::Garbled,
        _ => Refused::Interrupted,
    }
}

async fn verify<'h>(
    secrets: &Arc<Secrets>,
    signatures: impl Iterator<Item = &'h HeaderValue>,
    Unproven { bytes: body, room }: Unproven,
    now: Timestamp,
) -> Result<Authentic<Bytes>, Refused> {
    if body.len() <= SMALL {
        return Ok(secrets.verify(signatures.map(HeaderValue::as_bytes), body, now)?);
    }
    let secrets = Arc::clone(secrets);
    // The second proves that there is more than one; how many more does not matter.
    let signatures: Vec<HeaderValue> = signatures.take(2).cloned().collect();
    let verified = tokio::task::spawn_blocking(move || {
        // Held here, because the sender may go away and leave the bytes.
        let _room = room;
        secrets.verify(signatures.iter().map(HeaderValue::as_bytes), body, now)
    });
    let verified = verified.await;
    Ok(verified.map_err(|_| Refused::Panicked)??)
}

/// Has bytes kept that were let in: a sender that goes away ends the request, but not what was begun for it.
async fn keep(receiver: &Arc<Receiver>, endpoint: &Arc<Endpoint>, brought: Received) -> Result<(), Refused> {
    // Only what was let in may take up a place: nobody else can fill them.
    let place =
        Arc::clone(&receiver.in_flight).try_acquire_owned().map_err(|_| Refused::TooMany { limit: receiver.max_in_flight })?;
    let (keeper, endpoint) = (Arc::clone(receiver), Arc::clone(endpoint));
    let keeping = async move {
        let _place = place;
        // Caught here and not by the layer, so that it is counted and noted as every other refusal.
        let handed_over = AssertUnwindSafe(keeper.hand_over(&endpoint, brought)).catch_unwind();
        handed_over.await.unwrap_or(Err(Refused::Panicked))
    };
    receiver.shutdown.see_through(keeping).await
}

impl Receiver {
    /// Counts and notes a request that was refused before it was known to which endpoint it is, or that is to none.
    pub(super) fn note_refused(&self, refused: &Refused, peer: Option<SocketAddr>) {
        endpoints::count_refused("none", refused);
        self.refusals.note(refused, None, peer, self.clock.now());
    }

    async fn hand_over(&self, endpoint: &Endpoint, brought: Received) -> Result<(), Refused> {
        let ready = if brought.body().len() <= SMALL {
            self.intake.read(&endpoint.name, brought)
        } else {
            let (intake, name) = (Arc::clone(&self.intake), Arc::clone(&endpoint.name));
            let read = tokio::task::spawn_blocking(move || intake.read(&name, brought));
            read.await.map_err(|_| Refused::Panicked)?
        };
        match self.intake.keep(ready).await {
            Ok(Accepted::New { .. }) => {
                self.readiness.committed(self.clock.steady());
                endpoint.refusals.took_in_new();
                Ok(())
            }
            // It ends no alarm: a stranger may have captured it and sent it again, long after the secret was changed.
            Ok(Accepted::Known) => Ok(()),
            Err(error) => {
                self.note_store_error(&error);
                Err(Refused::NotKept { error, retry_after: self.store.retry_after() })
            }
        }
    }
}
