//! How fast App Store Connect is asked, on a clock that stands still until nothing else is left to do.
//!
//! The server lives on the same thread as the client. So whenever an answer is on its way there is something to do, time moves only
//! when everybody waits for it, and the times that the server sees are exact.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use asc_webhooks::{
    asc::{Client, RateLimit, Settings},
    shutdown::Shutdown,
};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, time::Instant};

use super::client_with;

type Body = http_body_util::Full<bytes::Bytes>;

/// Starts a server, and hands out a client of it with the default settings and the list of the seconds at which it is asked.
async fn asked(answer: impl Fn(usize) -> Response<Body> + Send + Sync + 'static) -> (Client, Arc<Mutex<Vec<u64>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = Settings::new(format!("http://{}", listener.local_addr().unwrap()).parse().unwrap());
    let times = Arc::new(Mutex::new(Vec::new()));
    let (noted, answer, start) = (Arc::clone(&times), Arc::new(answer), Instant::now());
    let tasks = Shutdown::new();
    tasks.clone().spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (noted, answer) = (Arc::clone(&noted), Arc::clone(&answer));
            let service = service_fn(move |_: Request<Incoming>| {
                let mut noted = noted.lock().unwrap();
                noted.push(start.elapsed().as_secs());
                std::future::ready(Ok::<_, Infallible>(answer(noted.len())))
            });
            tasks.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    (client_with(settings), times)
}

fn answer(status: u16, headers: &[(&'static str, &'static str)]) -> Response<Body> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(Body::from(r#"{"data": {"id": "w-1"}}"#)).unwrap()
}

#[tokio::test(start_paused = true)]
async fn one_request_a_second_after_a_burst() {
    let (client, times) = asked(|_| answer(200, &[("x-rate-limit", "user-hour-lim:3500;user-hour-rem:3000;")])).await;
    for _ in 0..8 {
        client.webhook("w-1").await.unwrap();
    }
    assert_eq!(*times.lock().unwrap(), [0, 0, 0, 1, 2, 3, 4, 5]);
    assert_eq!(client.rate_limit(), Some(RateLimit { limit: 3_500, remaining: 3_000 }));
}

#[tokio::test(start_paused = true)]
async fn many_at_once_keep_the_pace_together() {
    let (client, times) = asked(|_| answer(200, &[])).await;
    let client = &client;
    futures_util::future::join_all((0..20).map(|_| async move { client.webhook("w-1").await.unwrap() })).await;
    let times = times.lock().unwrap();
    assert_eq!(times.len(), 20);
    assert_eq!(times.last(), Some(&17), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn little_left_makes_slow() {
    let (client, times) = asked(|_| answer(200, &[("X-Rate-Limit", "user-hour-lim:3500;user-hour-rem:35;")])).await;
    for _ in 0..6 {
        client.webhook("w-1").await.unwrap();
    }
    let times = times.lock().unwrap().clone();
    let gaps: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(gaps.last(), Some(&10), "{times:?}");
    assert!(times[5] >= 28, "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn too_many_is_waited_out_as_long_as_was_asked() {
    let (client, times) = asked(|count| match count {
        1 => answer(429, &[("retry-after", "7")]),
        2 => answer(429, &[("retry-after", "Sat, 21 Nov 2026 12:00:20 GMT")]),
        _ => answer(200, &[]),
    })
    .await;
    client.webhook("w-1").await.unwrap();
    assert_eq!(*times.lock().unwrap(), [0, 7, 27], "seconds, and a date");
}

#[tokio::test(start_paused = true)]
async fn everybody_waits_when_one_is_told_too_many() {
    let (client, times) = asked(|count| if count == 1 { answer(429, &[("retry-after", "30")]) } else { answer(200, &[]) }).await;
    let later = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        client.ping("w-1").await.unwrap();
    };
    let (first, ()) = tokio::join!(client.webhook("w-1"), later);
    first.unwrap();
    assert_eq!(*times.lock().unwrap(), [0, 30, 30]);
}

#[tokio::test(start_paused = true)]
async fn waits_grow_and_are_bounded() {
    let (client, times) = asked(|_| answer(503, &[])).await;
    assert_eq!(client.webhook("w-1").await.unwrap_err().status(), Some(503));
    let times = times.lock().unwrap();
    assert_eq!(times.len(), 5);
    assert!((7..=15).contains(&times[4]), "half to all of 1 + 2 + 4 + 8 seconds: {times:?}");
}
