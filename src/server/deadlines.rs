//! A connection whose peer must keep up.
//!
//! Three waits are bounded: for the head of a request once its first byte has come (on a new connection at once: there is nothing to
//! wait for), for the next request on a connection that had one, and for the peer to take what is written to it. The body's
//! deadline belongs to [`receive`](super::receive), which can still answer. A request ends with its answer's body: while a stream goes on
//! we are not waiting for the next request, and while the peer still takes in the last of an answer we are waiting for that.
//!
//! hyper has a deadline for heads too, but only one, and it runs between requests as well: five seconds of silence would close
//! every connection that a proxy keeps for later, often just when it sends the next request on it.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::{Body, Bytes};
use hyper::body::{Frame, SizeHint};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep},
};

use super::bare;

/// How long each wait may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    pub(super) head: Duration,
    pub(super) idle: Duration,
    pub(super) write: Duration,
}

/// What a connection is waiting for, and after how many requests: so one wait is never taken for another of its sort. Shared by the
/// stream, which measures, and the service, which knows.
#[derive(Clone, Debug, Default)]
pub(super) struct Phase(Arc<AtomicU64>);

impl Phase {
    /// The first byte of the first request.
    const FIRST: u64 = 0;
    /// The rest of a head.
    const HEAD: u64 = 1;
    /// Us: a request is being answered.
    const US: u64 = 2;
    /// The first byte of the next request.
    const NEXT: u64 = 3;
    /// The bits that say for what; those above them count the requests.
    const SORT: u64 = 3;

    pub(super) fn request_began(&self) {
        let after_one_more = (self.wait() | Self::SORT).wrapping_add(1);
        self.0.store(after_one_more | Self::US, Ordering::Relaxed);
    }

    /// What answers the request that began last: with its body, the request ends.
    pub(super) fn answered_by(&self, body: Body) -> Answer {
        Answer { body, phase: self.clone() }
    }

    fn request_ended(&self) {
        self.becomes(Self::NEXT);
    }

    fn bytes_came(&self) {
        if self.sort() != Self::US {
            self.becomes(Self::HEAD);
        }
    }

    fn becomes(&self, sort: u64) {
        self.0.store((self.wait() & !Self::SORT) | sort, Ordering::Relaxed);
    }

    fn sort(&self) -> u64 {
        self.wait() & Self::SORT
    }

    /// The wait itself, different from every other.
    fn wait(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The body of an answer. The request has ended when this is dropped, which hyper does at the end of the body, before it begins another
/// request.
#[derive(Debug)]
pub(super) struct Answer {
    body: Body,
    phase: Phase,
}

impl hyper::body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.phase.request_ended();
    }
}

/// A stream with deadlines.
#[derive(Debug)]
pub(super) struct Timed {
    stream: TcpStream,
    phase: Phase,
    patience: Patience,
    /// Fires at or before the nearest deadline, so that moving a deadline back costs nothing.
    timer: Pin<Box<Sleep>>,
    reading: Option<(u64, Instant)>,
    writing: Option<Instant>,
    ended: Option<Ended>,
}

/// Why nothing more will be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The peer has said all it had to say.
    ByPeer,
    /// The peer took too long with a head that it had begun.
    HeadTooSlow,
    /// The peer took too long with anything else.
    TooSlow,
    /// The connection broke.
    Broken,
}

impl Timed {
    pub(super) fn new(stream: TcpStream, phase: Phase, patience: Patience) -> Self {
        let head_due = Instant::now() + patience.head;
        let timer = Box::pin(tokio::time::sleep_until(head_due));
        Self { stream, phase, patience, timer, reading: Some((Phase::FIRST, head_due)), writing: None, ended: None }
    }

    /// The stream, and how its reading ended, if it has.
    pub(super) fn into_parts(self) -> (TcpStream, Option<Ended>) {
        (self.stream, self.ended)
    }

    /// The deadline of the wait for bytes that is going on; none while they are not what is waited for.
    fn read_deadline(&mut self) -> Option<Instant> {
        let wait = self.phase.wait();
        let patience = match self.phase.sort() {
            Phase::FIRST | Phase::HEAD => self.patience.head,
            // While the peer is slow to take in the last answer, the deadline for that counts; nobody is idle yet.
            Phase::NEXT if self.writing.is_none() => self.patience.idle,
            _ => {
                self.reading = None;
                return None;
            }
        };
        match self.reading {
            // The time for the first head runs from the connection on. So it keeps its deadline when its first byte comes.
            Some((since, deadline)) if since == wait || (since, wait) == (Phase::FIRST, Phase::HEAD) => Some(deadline),
            _ => {
                let deadline = Instant::now() + patience;
                self.reading = Some((wait, deadline));
                Some(deadline)
            }
        }
    }

    /// Whether the deadline has passed; if not, the task is woken when it does.
    fn poll_deadline(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        if self.timer.deadline() > deadline {
            self.timer.as_mut().reset(deadline);
        }
        ready!(self.timer.as_mut().poll(cx));
        if Instant::now() >= deadline {
            return Poll::Ready(());
        }
        self.timer.as_mut().reset(deadline);
        self.timer.as_mut().poll(cx)
    }

    fn poll_write_deadline<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.writing = None;
            return written;
        }
        let patience = self.patience.write;
        let deadline = *self.writing.get_or_insert_with(|| Instant::now() + patience);
        ready!(self.poll_deadline(cx, deadline));
        self.ended = Some(Ended::TooSlow);
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Timed {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        match Pin::new(&mut self.stream).poll_read(cx, buf) {
            Poll::Ready(Ok(())) if buf.filled().len() > before => {
                self.phase.bytes_came();
                return Poll::Ready(Ok(()));
            }
            Poll::Ready(Ok(())) => {
                self.ended = Some(Ended::ByPeer);
                return Poll::Ready(Ok(()));
            }
            Poll::Ready(Err(error)) => {
                self.ended = Some(Ended::Broken);
                return Poll::Ready(Err(error));
            }
            Poll::Pending => {}
        }
        let Some(deadline) = self.read_deadline() else { return Poll::Pending };
        ready!(self.poll_deadline(cx, deadline));
        let is_in_head = self.phase.sort() == Phase::HEAD;
        self.ended = Some(if is_in_head { Ended::HeadTooSlow } else { Ended::TooSlow });
        if is_in_head && self.writing.is_none() {
            // The connection ends either way: whether the peer still hears why is not worth waiting for.
            let _ = self.stream.try_write(bare::TOO_SLOW);
        }
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncWrite for Timed {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let ours = bare::instead_of(bytes);
        let written = Pin::new(&mut self.stream).poll_write(cx, ours.unwrap_or(bytes));
        // As above: whether the peer takes all of it is not worth waiting for.
        let written = if ours.is_some() { written.map_ok(|_| bytes.len()) } else { written };
        self.poll_write_deadline(cx, written)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, slices: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        if let [only] = slices {
            return self.poll_write(cx, only);
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.poll_write_deadline(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // After an answer hyper does not read anew if it has found before that nothing was there: so the wait begins here.
        let begun = self.reading;
        if let Some(deadline) = self.read_deadline()
            && self.reading != begun
        {
            let _ = self.poll_deadline(cx, deadline);
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
