//! A notification on its way in: limits, signature, intake, answer.
//!
//! The order is the point. Nothing is read before its size is known to be allowed, nothing is looked into before it is proven to
//! come from Apple, or, where nobody signs, brought by somebody who knows a token, and nothing is answered with 200 before it is
//! kept. What the sender says about the bytes (type, encoding, trailers) is not looked at: the signature is over the bytes as they
//! come.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    body::{Body, HttpBody as _},
    extract::{ConnectInfo, Request, State},
    response::{IntoResponse as _, Response},
};
use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue, Method, StatusCode, request::Parts};
use http_body_util::BodyExt as _;
use jiff::Timestamp;

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

/// Digesting more than this takes long enough (some 30 µs) to keep other connections of the thread waiting.
const SMALL: usize = 64 * 1024;

static SIGNATURE: HeaderName = HeaderName::from_static(signature::HEADER);

/// How a request is to be let in.
enum Entrance<'e> {
    /// If one of these signed it.
    BySignature(&'e Arc<Secrets>),
    /// It is: whoever sent it knew a token.
    Unsigned(Admission<'e>),
}

/// Answers a request to anything that has no route of its own.
pub(super) fn receive(State(receiver): State<Arc<Receiver>>, request: Request) -> impl Future<Output = Response> + Send {
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
    let body = read(body, receiver.max_body, receiver.body_timeout).await?;
    let brought = match entrance {
        Entrance::BySignature(secrets) => {
            let signatures = head.headers.get_all(&SIGNATURE);
            verify(secrets, signatures.iter(), body, receiver.clock.now()).await?.into()
        }
        Entrance::Unsigned(admission) => admission.take(body).into(),
    };
    keep(receiver, endpoint, brought).await
}

async fn read(body: Body, limit: usize, within: Duration) -> Result<Bytes, Refused> {
    // A `Content-Length` above the limit shows here, before a byte of the body is read or asked for with `100 Continue`.
    if usize::try_from(body.size_hint().lower()).is_ok_and(|least| least <= limit) {
        tokio::time::timeout(within, gather(body, limit)).await.unwrap_or(Err(Refused::TooSlow { within }))
    } else {
        Err(Refused::TooLarge { limit })
    }
}

async fn gather(mut body: Body, limit: usize) -> Result<Bytes, Refused> {
    // Nearly every notification comes in one piece, which is then passed on without a copy.
    let mut first = Bytes::new();
    let mut joined = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Refused::Interrupted)?;
        // Trailers are no data, and are not looked at: a signature among them is none.
        let Ok(data) = frame.into_data() else { continue };
        if first.len().max(joined.len()) + data.len() > limit {
            return Err(Refused::TooLarge { limit });
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
    Ok(if joined.is_empty() { first } else { joined.freeze() })
}

async fn verify<'h>(
    secrets: &Arc<Secrets>,
    signatures: impl Iterator<Item = &'h HeaderValue>,
    body: Bytes,
    now: Timestamp,
) -> Result<Authentic<Bytes>, Refused> {
    if body.len() <= SMALL {
        return Ok(secrets.verify(signatures.map(HeaderValue::as_bytes), body, now)?);
    }
    let secrets = Arc::clone(secrets);
    // The second proves that there is more than one; how many more does not matter.
    let signatures: Vec<HeaderValue> = signatures.take(2).cloned().collect();
    let verified =
        tokio::task::spawn_blocking(move || secrets.verify(signatures.iter().map(HeaderValue::as_bytes), body, now)).await;
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
        keeper.hand_over(&endpoint, brought).await
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
        match self.intake.take_in(&endpoint.name, brought).await {
            Ok(Accepted::New { .. }) => {
                self.readiness.committed(self.clock.steady());
                endpoint.refusals.signature_matched();
                Ok(())
            }
            Ok(Accepted::Known) => Ok(()),
            Err(error) => {
                self.note_store_error(&error);
                Err(Refused::NotKept { error, retry_after: self.store.retry_after() })
            }
        }
    }
}
