//! The accept loop: HTTP/1.1 over TCP, with a bound on everything a peer can make us wait for or hold.
//!
//! | bound | what happens there |
//! |---|---|
//! | the head takes longer than `head_timeout` | 408, closed; a connection that never sends a byte as well |
//! | nothing comes for `idle_timeout` after the end of an answer | closed |
//! | an answer is not taken in for `write_timeout` | closed |
//! | the head has more than 32 KiB, or more than 100 headers | 431, closed |
//! | what comes is no request of HTTP/1.1, or can be read in more than one way | 400, closed |
//! | `max_connections` are open | the next wait in the kernel's queue until one ends, which the bounds above see to |
//! | the peer is gone without a word, and something was written to it | closed by the kernel after `write_timeout`, on Linux |
//! | the process runs out of file descriptors | accepting pauses for a few milliseconds, and goes on |
//!
//! What is refused here is counted and noted as what is refused later: see [`Refusals`](super::Refusals).
//!
//! HTTP/2 is not spoken: behind a proxy nobody needs it, and in front of one it is the larger target. There is no bound for each
//! peer, because behind a proxy all connections have the same one.
//!
//! When the program stops, the listener closes, connections on which nothing is under way are closed, and the others end with
//! the answer they are waiting for. What has not ended when the grace period is over is cut off.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    response::{IntoResponse as _, Response},
};
use futures_util::FutureExt as _;
use http::{Request, Version, header};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::process::{Resource, getrlimit};
use tokio::{
    io::AsyncReadExt as _,
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};
use tower::Service as _;

use super::{
    Receiver,
    deadlines::{Answer, Ended, Patience, Phase, Timed},
    error::Refused,
};
use crate::{config, shutdown::Shutdown, telemetry::metrics};

/// The most bytes the head of a request may have.
const MAX_HEAD: usize = 32 * 1024;

/// The most connections, unless configured: more would not make good traffic any faster.
const MANY: usize = 16_384;

/// How many files are left to the store, the handlers and the operator.
const RESERVE: usize = 128;

/// The most connections of the operator's listener.
const FEW: usize = 64;

/// How long accepting pauses when there are no file descriptors.
const PAUSE: Duration = Duration::from_millis(20);

/// How often the log is told of it, while it lasts.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// How long we listen to a peer that is still sending what we have refused to read, so that it hears why.
const LINGER: Duration = Duration::from_secs(1);

/// What a listener bears.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// What the listener is called in figures.
    pub name: &'static str,
    /// How long the head of a request may take to arrive.
    pub head_timeout: Duration,
    /// How long a connection may be open with nothing going on; an answer that is a stream is something, until it ends.
    pub idle_timeout: Duration,
    /// How long a peer may take to take in what is written to it.
    pub write_timeout: Duration,
    /// The most connections at the same time.
    pub max_connections: usize,
    /// Whether a peer may close its side before it has heard the answer. If not, one that does is taken for gone, and what it has
    /// asked for ends at once: so a stream that nobody listens to any more takes nobody's place.
    pub half_closed: bool,
}

impl Limits {
    /// Those of the listener that Apple posts to. However many connections are configured, some files are left for the rest of the
    /// program: half of what the process may open, and no more than 128.
    pub fn public(config: &config::Server) -> Self {
        let wanted = config.max_connections.unwrap_or(MANY);
        let files = getrlimit(Resource::Nofile).current.and_then(|files| usize::try_from(files).ok()).unwrap_or(usize::MAX);
        let max_connections = wanted.min(files - RESERVE.min(files / 2)).max(1);
        Self { name: "public", max_connections, ..Self::timeouts(config) }
    }

    /// Those of the operator's listener.
    pub fn admin(config: &config::Server) -> Self {
        Self { name: "admin", max_connections: FEW, half_closed: false, ..Self::timeouts(config) }
    }

    fn timeouts(config: &config::Server) -> Self {
        Self {
            name: "",
            head_timeout: config.head_timeout,
            idle_timeout: config.idle_timeout,
            write_timeout: config.body_timeout,
            max_connections: 1,
            half_closed: true,
        }
    }
}

/// Accepts connections and serves them, until the program stops and the last of them has ended.
///
/// Handlers find the peer's address as [`ConnectInfo`]. The receiver, if there is one, is told of what is refused before it reaches the
/// router. How long stopping may take belongs to whoever calls [`Shutdown::cut_off`].
pub async fn serve(listener: TcpListener, router: Router, limits: Limits, told: Option<Arc<Receiver>>, shutdown: &Shutdown) {
    let most = u32::try_from(limits.max_connections.min(Semaphore::MAX_PERMITS)).unwrap_or(u32::MAX);
    let places = Arc::new(Semaphore::new(most as usize));
    give_up_on_the_silent(&listener, limits.write_timeout);
    accept(&listener, &router, limits, told.as_ref(), &places, shutdown).await;
    drop(listener);
    // Each connection holds a place: when all of them can be had, none is left.
    let _all = places.acquire_many(most).await;
}

/// Has the kernel end a connection when what was sent is not acknowledged for so long. Connections have it from their listener.
fn give_up_on_the_silent(listener: &TcpListener, after: Duration) {
    #[cfg(target_os = "linux")]
    {
        // The kernel takes it as a signed number.
        let milliseconds = i32::try_from(after.as_millis()).unwrap_or(i32::MAX).unsigned_abs();
        if let Err(error) = rustix::net::sockopt::set_tcp_user_timeout(listener, milliseconds) {
            tracing::warn!("peers that are gone without a word are noticed late: {error}");
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (listener, after);
}

async fn accept(
    listener: &TcpListener,
    router: &Router,
    limits: Limits,
    told: Option<&Arc<Receiver>>,
    places: &Arc<Semaphore>,
    shutdown: &Shutdown,
) {
    let mut begun = pin!(shutdown.begun());
    let mut trouble = Trouble::default();
    loop {
        let next = async {
            if let Ok(place) = Arc::clone(places).try_acquire_owned() {
                return (Ok(place), listener.accept().await, false);
            }
            let place = Arc::clone(places).acquire_owned().await;
            // All places were taken. So a connection that is there at once has been waiting for this one.
            match listener.accept().now_or_never() {
                Some(accepted) => (place, accepted, true),
                None => (place, listener.accept().await, false),
            }
        };
        let (place, accepted, has_waited) = tokio::select! {
            biased;
            () = &mut begun => return,
            next = next => next,
        };
        // The semaphore is never closed.
        let Ok(place) = place else { return };
        match accepted {
            Ok((stream, peer)) => {
                let connection = Connection {
                    router: router.clone(),
                    peer,
                    limits,
                    told: told.cloned(),
                    shutdown: shutdown.clone(),
                    _place: place,
                };
                if has_waited {
                    connection.tell(&Refused::TooManyConnections { limit: limits.max_connections });
                }
                shutdown.spawn(connection.serve(stream));
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                if let Some(failures) = trouble.failed(Instant::now()) {
                    tracing::warn!(listener.name = limits.name, failures, "cannot accept connections for the moment: {error}");
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Failures to accept, which come fifty times a second while files are short.
#[derive(Debug, Default)]
struct Trouble {
    told: Option<Instant>,
    untold: u64,
}

impl Trouble {
    /// Counts one more. Returns how many there were since the log was last told, if it is to be told now.
    fn failed(&mut self, now: Instant) -> Option<u64> {
        self.untold += 1;
        if self.told.is_some_and(|told| now.duration_since(told) < TELL_EVERY) {
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.untold))
    }
}

/// Whether the error tells of the connection that was to be accepted, and not of the listener.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
}

/// An accepted connection.
struct Connection {
    router: Router,
    peer: SocketAddr,
    limits: Limits,
    told: Option<Arc<Receiver>>,
    shutdown: Shutdown,
    _place: OwnedSemaphorePermit,
}

impl Connection {
    async fn serve(self, stream: TcpStream) {
        let _open = metrics::connection_opened(self.limits.name);
        let hard = self.shutdown.hard().clone();
        tokio::select! {
            biased;
            () = hard.cancelled() => {}
            () = self.converse(stream) => {}
        }
    }

    async fn converse(&self, stream: TcpStream) {
        // Answers are one small piece each; waiting to fill a packet only delays them.
        let _ = stream.set_nodelay(true);
        let phase = Phase::default();
        let patience =
            Patience { head: self.limits.head_timeout, idle: self.limits.idle_timeout, write: self.limits.write_timeout };
        let stream = Timed::new(stream, phase.clone(), patience);
        let service = service_fn(|request| self.answer(request, &phase));
        let mut conversation = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(None)
            // Where it is so, hyper does not read while we are busy either, and the next request waits in the kernel.
            .half_close(self.limits.half_closed)
            .max_header_size(MAX_HEAD)
            .max_buf_size(MAX_HEAD)
            .serve_connection(TokioIo::new(stream), service);
        let ended = tokio::select! {
            ended = &mut conversation => Some(ended),
            () = self.shutdown.begun() => None,
        };
        let is_stopping = ended.is_none();
        let ended = if let Some(ended) = ended {
            ended
        } else {
            Pin::new(&mut conversation).graceful_shutdown();
            (&mut conversation).await
        };
        let (stream, reading) = conversation.into_parts().io.into_inner().into_parts();
        if let Some(refused) = self.refused(ended.err().as_ref(), reading) {
            self.tell(&refused);
        }
        if reading.is_none() && !is_stopping {
            linger(stream).await;
        }
    }

    /// What was wrong with a head that did not become a request. All other errors of a connection (it broke, nobody took the answer) are
    /// the peer's affair.
    fn refused(&self, error: Option<&hyper::Error>, reading: Option<Ended>) -> Option<Refused> {
        if reading == Some(Ended::HeadTooSlow) {
            return Some(Refused::HeadTooSlow { within: self.limits.head_timeout });
        }
        let error = error.filter(|error| error.is_parse())?;
        Some(if error.is_parse_too_large() { Refused::HeadTooLarge } else { Refused::Garbled })
    }

    fn tell(&self, refused: &Refused) {
        if let Some(receiver) = &self.told {
            receiver.note_refused(refused, Some(self.peer));
        }
    }

    async fn answer(&self, request: Request<Incoming>, phase: &Phase) -> Result<Response<Answer>, Infallible> {
        phase.request_began();
        let response = if is_plain(&request) {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(self.peer));
            self.router.clone().call(request).await?
        } else {
            self.tell(&Refused::Ambiguous);
            Refused::Ambiguous.into_response()
        };
        Ok(response.map(|body| phase.answered_by(body)))
    }
}

/// Whether the request names its host once, as HTTP/1.1 must ([RFC 9112, section 3.2](https://www.rfc-editor.org/rfc/rfc9112#section-3.2)),
/// and asks for a path, and not as one asks a proxy. A proxy in front of us might read other requests differently from us.
fn is_plain(request: &Request<Incoming>) -> bool {
    let hosts = request.headers().get_all(header::HOST).iter().count();
    let named = hosts == 1 || (hosts == 0 && request.version() == Version::HTTP_10);
    named && request.uri().authority().is_none()
}

/// Reads and forgets what the peer is still sending. Closing a connection with unread bytes resets it, and a reset may overtake the
/// answer that says why.
async fn linger(mut stream: TcpStream) {
    let mut forgotten = vec![0; 16 * 1024];
    let _ = tokio::time::timeout(LINGER, async { while matches!(stream.read(&mut forgotten).await, Ok(1..)) {} }).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn connections_have_from_their_listener_when_to_give_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        give_up_on_the_silent(&listener, Duration::from_millis(12_345));
        let _peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        assert_eq!(rustix::net::sockopt::tcp_user_timeout(&stream), Ok(12_345));
    }

    #[test]
    fn trouble_is_told_at_once_and_then_summed_up() {
        let (mut trouble, begin) = (Trouble::default(), Instant::now());
        let told: Vec<u64> = (0..1_501).filter_map(|turn| trouble.failed(begin + PAUSE * turn)).collect();
        assert_eq!(told, [1, 500, 500, 500], "half a minute of failures");
    }

    #[test]
    fn some_files_are_always_left() {
        let files = getrlimit(Resource::Nofile).current.and_then(|files| usize::try_from(files).ok()).unwrap_or(usize::MAX);
        let limits = |max_connections| {
            let second = Duration::from_secs(1);
            Limits::public(&config::Server {
                listen: ([127, 0, 0, 1], 0).into(),
                public_url: None,
                max_body: 1,
                head_timeout: second,
                body_timeout: second,
                idle_timeout: second,
                max_connections,
                max_in_flight: 1,
                shutdown_grace: second,
            })
            .max_connections
        };
        assert_eq!(limits(Some(3)), 3);
        assert!(limits(Some(usize::MAX)) < files);
        assert_eq!(limits(None), MANY.min(limits(Some(usize::MAX))));
    }
}
