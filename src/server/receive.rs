//! A notification on its way in: limits, signature, intake, answer.
//!
//! The order is the point. Nothing is read before its size is known to be allowed, nothing is looked into before it is proven to come
//! from Apple, and nothing is answered with 200 before it is kept. What the sender says about the bytes (type, encoding,
//! trailers) is not looked at: the signature is over the bytes as they come.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    body::{Body, HttpBody as _},
    extract::{ConnectInfo, Request, State},
    response::{IntoResponse as _, Response},
};
use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use http_body_util::BodyExt as _;

use super::{
    Receiver,
    endpoints::{self, Endpoint},
    error::{Refused, json},
};
use crate::{
    inbox::Accepted,
    signature::{self, Authentic},
};

/// Apple keeps this answer and shows it to everyone with access to the account; so it says nothing, and never anything else.
const TAKEN: &str = r#"{"status":"ok"}"#;

/// Digesting more than this takes long enough (some 30 µs) to keep other connections of the thread waiting.
const SMALL: usize = 64 * 1024;

static SIGNATURE: HeaderName = HeaderName::from_static(signature::HEADER);

/// Answers a request to anything that has no route of its own.
pub(super) async fn receive(State(receiver): State<Arc<Receiver>>, request: Request) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|&ConnectInfo(peer)| peer);
    let Some(endpoint) = receiver.endpoints.load().at(request.uri().path()) else {
        let refused = Refused::UnknownPath;
        endpoints::count_refused("none", &refused);
        receiver.refusals.tell(&refused, "none", peer);
        return refused.into_response();
    };
    match take_in(&receiver, &endpoint, request).await {
        Ok(()) => {
            endpoint.count_taken();
            json(StatusCode::OK, TAKEN)
        }
        Err(refused) => {
            endpoint.count_refused(&refused);
            receiver.refusals.tell(&refused, &endpoint.name, peer);
            refused.into_response()
        }
    }
}

async fn take_in(receiver: &Arc<Receiver>, endpoint: &Arc<Endpoint>, request: Request) -> Result<(), Refused> {
    if request.method() != Method::POST {
        return Err(Refused::WrongMethod);
    }
    if receiver.shutdown.has_begun() {
        return Err(Refused::Stopping);
    }
    let (head, body) = request.into_parts();
    let body = read(body, receiver.max_body, receiver.body_timeout).await?;
    let signatures = head.headers.get_all(&SIGNATURE);
    let authentic = verify(receiver, endpoint, signatures.iter(), body).await?;
    keep(receiver, endpoint, authentic).await
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
    receiver: &Receiver,
    endpoint: &Arc<Endpoint>,
    signatures: impl Iterator<Item = &'h HeaderValue>,
    body: Bytes,
) -> Result<Authentic<Bytes>, Refused> {
    let now = receiver.clock.now();
    if body.len() <= SMALL {
        return Ok(endpoint.secrets.verify(signatures.map(HeaderValue::as_bytes), body, now)?);
    }
    let endpoint = Arc::clone(endpoint);
    // The second proves that there is more than one; how many more does not matter.
    let signatures: Vec<HeaderValue> = signatures.take(2).cloned().collect();
    let verified =
        tokio::task::spawn_blocking(move || endpoint.secrets.verify(signatures.iter().map(HeaderValue::as_bytes), body, now)).await;
    Ok(verified.map_err(|_| Refused::Panicked)??)
}

/// Has authentic bytes kept, in a task of its own: a sender that goes away ends the request, but not what was begun for it.
async fn keep(receiver: &Arc<Receiver>, endpoint: &Arc<Endpoint>, authentic: Authentic<Bytes>) -> Result<(), Refused> {
    // Only what is authentic may take up a place: nobody else can fill them.
    let place =
        Arc::clone(&receiver.in_flight).try_acquire_owned().map_err(|_| Refused::TooMany { limit: receiver.max_in_flight })?;
    let task = receiver.shutdown.spawn({
        let (receiver, endpoint) = (Arc::clone(receiver), Arc::clone(endpoint));
        async move {
            let kept = receiver.hand_over(&endpoint, authentic).await;
            drop(place);
            kept
        }
    });
    task.await.unwrap_or(Err(Refused::Panicked))
}

impl Receiver {
    async fn hand_over(&self, endpoint: &Endpoint, authentic: Authentic<Bytes>) -> Result<(), Refused> {
        match self.intake.take_in(&endpoint.name, authentic).await {
            Ok(Accepted::New { .. }) => {
                self.readiness.committed(self.clock.steady());
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
