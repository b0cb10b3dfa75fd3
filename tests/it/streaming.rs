//! Answers that take longer than a connection may be idle: streams, and large ones that are taken in slowly.
//!
//! A connection is idle between the end of an answer and the next request, and at no other time.

use std::{convert::Infallible, net::SocketAddr, time::Duration};

use asc_webhooks::{
    server::{self, Limits},
    shutdown::Shutdown,
};
use axum::{Router, body::Body, routing::get};
use futures_util::stream;
use tokio::{net::TcpListener, sync::mpsc};

use crate::support::peer::Peer;

const SHORT: Duration = Duration::from_millis(150);
const LONG: Duration = Duration::from_mins(1);
const ASKED: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// Nothing may be idle for long.
const LIMITS: Limits =
    Limits { name: "test", head_timeout: LONG, idle_timeout: SHORT, write_timeout: LONG, max_connections: 1, half_closed: false };

/// What is sent here is said on the stream that the server answers with.
type Voice = mpsc::Sender<&'static str>;

async fn serve(limits: Limits, router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = Shutdown::new();
    shutdown.spawn({
        let shutdown = shutdown.clone();
        async move { server::serve(listener, router, limits, None, &shutdown).await }
    });
    address
}

/// A peer that hears a stream, and the voice it hears.
async fn listening(limits: Limits) -> (Peer, Voice) {
    let (asked, mut answered) = mpsc::channel::<Voice>(1);
    let answer = async move || {
        let (voice, words) = mpsc::channel(1);
        asked.send(voice).await.unwrap();
        Body::from_stream(stream::unfold(words, |mut words: mpsc::Receiver<&'static str>| async move {
            words.recv().await.map(|word| (Ok::<_, Infallible>(word), words))
        }))
    };
    let mut peer = Peer::connect(serve(limits, Router::new().route("/", get(answer))).await).await;
    peer.say(ASKED).await;
    let voice = answered.recv().await.unwrap();
    voice.send("one").await.unwrap();
    peer.hear_until("one\r\n").await;
    (peer, voice)
}

#[tokio::test]
async fn a_stream_goes_on_however_long_it_is_quiet() {
    for half_closed in [false, true] {
        let (mut peer, voice) = listening(Limits { half_closed, ..LIMITS }).await;
        for word in ["two", "three"] {
            tokio::time::sleep(SHORT * 3).await;
            voice.send(word).await.unwrap();
            peer.hear_until(&format!("{word}\r\n")).await;
        }
        drop(voice);
        peer.hear_until("0\r\n\r\n").await;
        assert_eq!(peer.hear_all().await, "", "idle from now on, and closed for it");
    }
}

#[tokio::test]
async fn a_stream_ends_with_whoever_hears_it() {
    let (peer, voice) = listening(LIMITS).await;
    drop(peer);
    within(voice.closed()).await;
}

#[tokio::test]
async fn a_stream_ends_when_nobody_takes_it_in() {
    let (_peer, voice) = listening(Limits { write_timeout: SHORT, ..LIMITS }).await;
    let word = "x".repeat(1024 * 1024).leak();
    within(async { while voice.send(word).await.is_ok() {} }).await;
}

#[tokio::test]
async fn a_large_answer_may_be_taken_in_slowly() {
    // Each is more than the buffers of both sides hold.
    const PART: usize = 16 * 1024 * 1024;
    let router = Router::new().route("/", get(async || vec![b'x'; 4 * PART]));
    let mut peer = Peer::connect(serve(LIMITS, router).await).await;
    peer.say(ASKED).await;
    peer.hear_until("\r\n\r\n").await;
    for _ in 0..3 {
        tokio::time::sleep(SHORT * 3).await;
        peer.hear(PART).await;
    }
    tokio::time::sleep(SHORT * 3).await;
    assert_eq!(peer.hear_all().await.len(), PART);
}

async fn within<T>(action: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG / 3, action).await.expect("the stream went on")
}
