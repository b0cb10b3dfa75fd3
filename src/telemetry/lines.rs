//! Log lines on their way to standard error: a queue with a bound, and one thread that writes.
//!
//! Whoever reads standard error may stop without closing it: a log driver that is stuck, a terminal that is paused. A write then waits
//! until that is over, and so does whoever writes. So nobody with work to do writes. A line goes into the queue, whole or not at all, and
//! only the one thread that takes it out again can be held up. When the queue is full, lines are dropped and counted, and once lines
//! are written again one of them says how many are missing. What an operator changed has room of its own, which nothing that
//! strangers can bring about takes away.
//!
//! **The invariant:** putting a line into the queue never waits for whoever reads.

use std::{
    convert::Infallible,
    io::{self, Write},
    mem,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

use super::{AUDIT, metrics};

/// How many bytes may wait: some thousands of lines.
const ROOM: usize = 1 << 20;

/// How many bytes may wait when one more line says what an operator changed: a thousand of these, beyond all others.
const ROOM_FOR_AUDIT: usize = ROOM + (1 << 18);

/// How long lines gather after some were written: to be woken for each of them would cost those who are at work more than the line does.
const GATHERING: Duration = Duration::from_millis(10);

/// How much of the queue's memory is kept for the lines to come.
const KEPT: usize = 16 << 10;

/// Lines that are to be written, in their order.
#[derive(Debug)]
pub(super) struct Lines {
    waiting: Mutex<Waiting>,
    was_put: Condvar,
    was_taken: Condvar,
}

#[derive(Debug)]
struct Waiting {
    text: Vec<u8>,
    /// How many lines were dropped that nobody was told of.
    lost: u64,
    /// Whether somebody takes the lines out again.
    is_read: bool,
    /// Whether lines are being written right now.
    is_writing: bool,
    /// Whether the last lines were written. While they cannot be, nobody could be told of it either.
    was_written: bool,
}

impl Waiting {
    fn must_tell(&self) -> bool {
        self.was_written && self.lost > 0
    }
}

impl Lines {
    /// No lines yet, and nobody who writes them.
    pub(super) const fn new() -> Self {
        let waiting = Waiting { text: Vec::new(), lost: 0, is_read: false, is_writing: false, was_written: true };
        Self { waiting: Mutex::new(waiting), was_put: Condvar::new(), was_taken: Condvar::new() }
    }

    /// Says that somebody will write lines from now on.
    pub(super) fn begin(&self) {
        self.lock().is_read = true;
    }

    /// Puts words that are no log line into the queue; false if nobody writes lines yet.
    pub(super) fn say(&self, words: &[u8]) -> bool {
        let is_read = self.lock().is_read;
        if is_read {
            self.put(words, ROOM);
        }
        is_read
    }

    /// Writes line after line, and tells how many are missing whenever some are.
    pub(super) fn write_to(&self, mut sink: impl Write, tell: impl Fn(u64)) -> Infallible {
        let mut batch = Vec::new();
        loop {
            self.write_next(&mut batch, &mut sink, &tell);
            thread::sleep(GATHERING);
        }
    }

    /// Waits until all lines are written, but no longer than this.
    pub(super) fn flush(&self, patience: Duration) {
        let is_owed =
            |waiting: &mut Waiting| waiting.is_read && (waiting.is_writing || !waiting.text.is_empty() || waiting.must_tell());
        drop(self.was_taken.wait_timeout_while(self.lock(), patience, is_owed));
    }

    fn put(&self, line: &[u8], room: usize) {
        let mut waiting = self.lock();
        if waiting.text.len() + line.len() > room {
            waiting.lost += 1;
            drop(waiting);
            metrics::log_lines_lost(1);
            return;
        }
        let is_first = waiting.text.is_empty();
        waiting.text.extend_from_slice(line);
        drop(waiting);
        if is_first {
            self.was_put.notify_one();
        }
    }

    /// Waits for lines and writes all there are. They are taken out first, so that the queue is free while they are being written.
    fn write_next(&self, batch: &mut Vec<u8>, sink: &mut impl Write, tell: &impl Fn(u64)) {
        batch.clear();
        batch.shrink_to(KEPT);
        let mut waiting = self
            .was_put
            .wait_while(self.lock(), |waiting| waiting.text.is_empty() && !waiting.must_tell())
            .unwrap_or_else(PoisonError::into_inner);
        mem::swap(&mut waiting.text, batch);
        waiting.is_writing = true;
        let lost = if waiting.was_written { mem::take(&mut waiting.lost) } else { 0 };
        drop(waiting);
        // It goes into the queue that was just emptied: after the last line before the gap, and before the first one behind it.
        if lost > 0 {
            tell(lost);
        }
        let is_written = sink.write_all(batch).and_then(|()| sink.flush()).is_ok();
        let unwritten: u64 = if is_written { 0 } else { batch.split_inclusive(|byte| *byte == b'\n').map(|_| 1).sum() };
        let mut waiting = self.lock();
        waiting.is_writing = false;
        waiting.was_written = is_written;
        waiting.lost += unwritten;
        drop(waiting);
        self.was_taken.notify_all();
        if !is_written {
            metrics::log_lines_lost(unwritten);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'w> MakeWriter<'w> for &'static Lines {
    type Writer = Line;

    fn make_writer(&'w self) -> Line {
        Line { lines: self, room: ROOM }
    }

    fn make_writer_for(&'w self, meta: &Metadata<'_>) -> Line {
        Line { lines: self, room: if meta.target() == AUDIT { ROOM_FOR_AUDIT } else { ROOM } }
    }
}

/// What one line is written to, all of it at once.
#[derive(Debug)]
pub(super) struct Line {
    lines: &'static Lines,
    room: usize,
}

impl Write for Line {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.lines.put(line, self.room);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, time::Instant};

    use super::*;

    /// Writes what waits, and says what was written and how many lines were said to be missing.
    fn written(lines: &Lines) -> (String, u64) {
        let (mut sink, told) = (Vec::new(), Cell::new(0));
        lines.write_next(&mut Vec::new(), &mut sink, &|lost| told.set(lost));
        (String::from_utf8(sink).unwrap(), told.get())
    }

    /// A queue with room for nothing but what an operator changed.
    fn full() -> Lines {
        let lines = Lines::new();
        lines.begin();
        lines.put(&vec![b'.'; ROOM], ROOM);
        lines
    }

    #[test]
    fn lines_are_written_whole_and_in_order() {
        let lines = Lines::new();
        lines.put(b"one\n", ROOM);
        lines.put(b"two\n", ROOM);
        assert_eq!(written(&lines), ("one\ntwo\n".to_owned(), 0));
    }

    #[test]
    fn what_finds_no_room_is_counted_and_told_of_once() {
        let lines = full();
        lines.put(b"lost\n", ROOM);
        lines.put(b"lost\n", ROOM);
        let (text, told) = written(&lines);
        assert_eq!((text.len(), told), (ROOM, 2));
        lines.put(b"after\n", ROOM);
        assert_eq!(written(&lines), ("after\n".to_owned(), 0));
    }

    #[test]
    fn what_an_operator_changed_has_room_of_its_own() {
        let lines = full();
        lines.put(b"changed\n", ROOM_FOR_AUDIT);
        let (text, told) = written(&lines);
        assert!(text.ends_with(".changed\n") && told == 0);
    }

    #[test]
    fn what_could_not_be_written_is_told_of_when_something_was() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let lines = Lines::new();
        lines.begin();
        lines.put(b"one\ntwo\n", ROOM);
        lines.write_next(&mut Vec::new(), &mut Closed, &|_| panic!("nobody can be told"));
        lines.flush(Duration::from_hours(1));
        lines.put(b"three\n", ROOM);
        assert_eq!(written(&lines), ("three\n".to_owned(), 0));
        assert_eq!(written(&lines), (String::new(), 2));
    }

    #[test]
    fn the_end_waits_for_what_is_written_and_not_for_ever() {
        let lines = full();
        let start = Instant::now();
        lines.flush(Duration::from_millis(20));
        assert!(start.elapsed() >= Duration::from_millis(20), "nobody has written it");
        thread::scope(|scope| {
            scope.spawn(|| written(&lines));
            lines.flush(Duration::from_hours(1));
        });
    }

    #[test]
    fn where_nobody_writes_there_is_nothing_to_wait_for() {
        let lines = Lines::new();
        assert!(!lines.say(b"said elsewhere\n"));
        lines.put(b"one\n", ROOM);
        lines.flush(Duration::from_hours(1));
        lines.begin();
        assert!(lines.say(b"two\n"));
        assert_eq!(written(&lines), ("one\ntwo\n".to_owned(), 0));
    }
}
