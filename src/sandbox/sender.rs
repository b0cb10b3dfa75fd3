//! Sending notifications: signed, once each, and what came of it recorded.
//!
//! Apple documents no second try, so there is none here. A fault can come between the recording of a delivery and its request, and
//! only there: what is recorded as sent was sent, and what is recorded as the answer was answered.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::Method;
use url::{Host, Url};

use super::{
    Mishap, Reach,
    connect::Connect,
    state::{Answer, Job, Outcome},
};
use crate::{
    http_client::{Body, Response},
    secret::Secret,
    signature::{self, sign},
};

/// The most of an answer's body that is kept.
const KEPT: usize = 4_096;

impl Connect {
    /// Sends in a task of its own.
    pub(super) fn send_later(self: &Arc<Self>, job: Job) {
        let connect = Arc::clone(self);
        self.shutdown.spawn(self.under_way.track_future(async move { connect.send(job).await }));
    }

    /// Sends, and returns when there is an answer, unless a fault holds the request back or delays it.
    pub(super) async fn send(self: &Arc<Self>, job: Job) {
        let mishaps = self.state().faults.strike_delivery(&job.webhook);
        if mishaps.contains(&Mishap::Reorder) {
            self.state().held.push_back(job);
            return;
        }
        let delay = mishaps.iter().find_map(|mishap| if let Mishap::Delay(time) = mishap { Some(*time) } else { None });
        if let Some(delay) = delay {
            let connect = Arc::clone(self);
            self.shutdown.spawn(self.under_way.track_future(async move {
                tokio::select! {
                    () = tokio::time::sleep(delay) => connect.attempt(&job, &mishaps).await,
                    () = connect.shutdown.begun() => {}
                }
            }));
            return;
        }
        self.attempt(&job, &mishaps).await;
        for held in self.take_held(Some(&job.webhook)) {
            self.attempt(&held, &[]).await;
        }
    }

    /// Sends what a fault has held back and nothing has come after.
    pub(super) async fn release_held(&self) {
        for held in self.take_held(None) {
            self.attempt(&held, &[]).await;
        }
    }

    /// Returns when nothing is being sent any more.
    pub(super) async fn settled(&self) {
        self.under_way.close();
        self.under_way.wait().await;
    }

    fn take_held(&self, webhook: Option<&str>) -> Vec<Job> {
        let mut state = self.state();
        let (free, held) = state.held.drain(..).partition::<Vec<_>, _>(|job| webhook.is_none_or(|webhook| job.webhook == webhook));
        state.held = held.into();
        free
    }

    async fn attempt(&self, job: &Job, mishaps: &[Mishap]) {
        let outcome = self.outcome(job, mishaps).await;
        tracing::debug!(webhook.id = job.webhook, state = outcome.as_str(), "sent a notification");
        self.state().settle(job.delivery, outcome, self.now());
    }

    async fn outcome(&self, job: &Job, mishaps: &[Mishap]) -> Outcome {
        if mishaps.contains(&Mishap::Drop) {
            return failed("the request was lost on the way");
        }
        if self.reach == Reach::Loopback && !is_loopback(&job.url) {
            return failed("the sandbox sends to this machine only");
        }
        let times = if mishaps.contains(&Mishap::Duplicate) { 2 } else { 1 };
        let mut outcome = Outcome::Pending;
        for _ in 0..times {
            outcome = self.post(job, mishaps).await;
        }
        outcome
    }

    async fn post(&self, job: &Job, mishaps: &[Mishap]) -> Outcome {
        let nobodys = Secret::new("a secret that no receiver has");
        let secret = if mishaps.contains(&Mishap::WrongSecret) { &nobodys } else { &job.secret };
        let signature = sign(secret, &job.body).to_string();
        let body = if mishaps.contains(&Mishap::ChangedBytes) { altered(&job.body) } else { job.body.clone() };
        let slow = mishaps.iter().find_map(|mishap| if let Mishap::SlowBody(time) = mishap { Some(*time) } else { None });
        let body = match slow {
            Some(time) => in_pieces(body, time),
            None => Body::from(body),
        };
        let patience = self.patience + slow.unwrap_or_default();
        let Ok(url) = Url::parse(&job.url) else { return failed("the address is not one") };
        let Ok(request) = self.client.request(Method::POST, url) else { return failed("the address must not be connected to") };
        let request = request.header(signature::HEADER, signature).header("content-type", "application/json");
        match request.timeout(patience).body(body).send().await {
            Ok(response) => answered(response).await,
            Err(error) if error.is_timeout() => failed("there was no answer in time"),
            Err(error) if error.is_connect() => failed("the connection could not be made"),
            Err(_) => failed("the connection broke off before there was an answer"),
        }
    }
}

async fn answered(mut response: Response) -> Outcome {
    let status = response.status();
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() >= KEPT {
            body.truncate(KEPT);
            break;
        }
    }
    let answer = Answer { status: status.as_u16(), body: String::from_utf8_lossy(&body).into_owned() };
    if status.is_success() {
        Outcome::Succeeded(answer)
    } else {
        Outcome::Failed { message: format!("the answer was {}", status.as_u16()), answer: Some(answer) }
    }
}

fn failed(message: &str) -> Outcome {
    Outcome::Failed { message: message.to_owned(), answer: None }
}

/// The same bytes but for one, in the middle, where it is most likely part of what is told.
fn altered(body: &Bytes) -> Bytes {
    let mut body = body.to_vec();
    let middle = body.len() / 2;
    if let Some(byte) = body.get_mut(middle) {
        *byte ^= 0x01;
    }
    body.into()
}

/// A body that comes in eight pieces over this much time.
fn in_pieces(body: Bytes, time: Duration) -> Body {
    const PIECES: u32 = 8;
    let size = body.len().div_ceil(PIECES as usize).max(1);
    let pieces = futures_util::stream::unfold(body, move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(time / PIECES).await;
        let piece = rest.split_to(size.min(rest.len()));
        Some((Ok::<_, std::convert::Infallible>(hyper::body::Frame::data(piece)), rest))
    });
    Body::wrap(http_body_util::StreamBody::new(pieces))
}

fn is_loopback(url: &str) -> bool {
    match Url::parse(url).as_ref().map(Url::host) {
        Ok(Some(Host::Domain(name))) => name == "localhost" || name.ends_with(".localhost"),
        Ok(Some(Host::Ipv4(address))) => address.is_loopback(),
        Ok(Some(Host::Ipv6(address))) => {
            address.is_loopback() || address.to_ipv4_mapped().is_some_and(|address| address.is_loopback())
        }
        Ok(None) | Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_told_from_elsewhere() {
        for url in [
            "http://127.0.0.1:80/x",
            "http://localhost/",
            "http://[::1]:8080/",
            "http://[::ffff:127.0.0.1]/",
            "http://a.localhost/",
        ] {
            assert!(is_loopback(url), "{url}");
        }
        for url in ["https://example.com/", "http://10.0.0.1/", "http://localhost.example.com/", "http://0.0.0.0/", "nothing"] {
            assert!(!is_loopback(url), "{url}");
        }
    }

    #[test]
    fn altered_bytes_differ_in_one_place() {
        let body = Bytes::from_static(b"{\"data\":{}}");
        let altered = altered(&body);
        assert_eq!(altered.iter().zip(&body).filter(|(one, other)| one != other).count(), 1);
    }
}
