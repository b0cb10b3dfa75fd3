//! The one thread that writes.
//!
//! It takes whatever is queued, does all of it in one transaction, commits once, and only then answers everybody: the price of a
//! sync is shared by all who wait for it. A caller who goes away changes nothing; what is queued is done.
//!
//! Whoever is in a hurry never waits for more to come. Who is not may: see `company.rs`.
//!
//! What fails alone must fail alone: if a transaction of several tasks fails, it is undone and each task is run again in its own.
//! What fails for good ends the thread: after a failed write or sync, nobody can say what the disk holds, so everyone is told
//! [`StoreError::Broken`] and the process is to end.

use std::{
    fmt,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
    time::Instant,
};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{
    super::StoreError,
    anchor::Anchor,
    checkpoint::Checkpoints,
    company::{Company, Haste, is_hurried},
    fault,
    ledger::Ledger,
};

/// The most tasks in one transaction.
pub(super) const BATCH: usize = 512;

/// The most tasks that wait; more are refused at once.
const QUEUE: usize = 4_096;

/// Why the store answers no more, once it does not.
pub(super) type Fate = Arc<OnceLock<StoreError>>;

/// The way to the writing thread.
pub(super) struct Writer {
    queue: Mutex<Option<SyncSender<Box<dyn Task>>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    fate: Fate,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("fate", &self.fate).finish_non_exhaustive()
    }
}

impl Writer {
    /// Starts the thread. It keeps `held` until it ends: the lock on the store.
    pub(super) fn start(
        connection: Connection,
        checkpoints: Checkpoints,
        anchor: Anchor,
        fate: Fate,
        held: impl Send + 'static,
    ) -> Result<Self, StoreError> {
        let (queue, tasks) = sync_channel(QUEUE);
        let told = fate.clone();
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || {
                Desk { ledger: Ledger::new(&connection), checkpoints, anchor, fate: told, company: Company::default() }
                    .work(&tasks);
                drop(held);
            })
            .map_err(|error| StoreError::Unavailable(format!("cannot start the writing thread: {error}")))?;
        Ok(Self { queue: Mutex::new(Some(queue)), thread: Mutex::new(Some(thread)), fate })
    }

    /// Has something written. What is returned resolves to what came of it once it is on disk; dropping that changes nothing.
    ///
    /// `sentence` may be called again if the first transaction it was part of had to be undone.
    pub(super) fn write<T, F>(&self, sentence: F) -> impl Future<Output = Result<T, StoreError>> + Send
    where
        T: Send + 'static,
        F: FnMut(&mut Ledger<'_>) -> rusqlite::Result<T> + Send + 'static,
    {
        self.ask(Haste::Now, sentence)
    }

    /// As [`Writer::write`], for what can wait a moment to share the transaction of somebody who cannot.
    pub(super) fn write_in_company<T, F>(&self, sentence: F) -> impl Future<Output = Result<T, StoreError>> + Send
    where
        T: Send + 'static,
        F: FnMut(&mut Ledger<'_>) -> rusqlite::Result<T> + Send + 'static,
    {
        self.ask(Haste::WithOthers, sentence)
    }

    /// Queues at once, so that the future carries nothing about but the wait for the answer: a large one is dear to make.
    fn ask<T, F>(&self, haste: Haste, sentence: F) -> impl Future<Output = Result<T, StoreError>> + Send
    where
        T: Send + 'static,
        F: FnMut(&mut Ledger<'_>) -> rusqlite::Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let queued = self.enqueue(Box::new(Asked { haste, sentence, said: None, reply }));
        async move {
            queued?;
            answer.await.unwrap_or_else(|_| Err(self.why_gone()))
        }
    }

    /// Lets the thread finish what is queued and end. Blocks until it has, and says whether it broke.
    pub(super) fn close(&self) -> Result<(), StoreError> {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            match thread.join() {
                Ok(()) => drop(self.fate.set(StoreError::Unavailable("it has been closed".into()))),
                Err(_) => drop(self.why_gone()),
            }
        }
        self.fate.get().filter(|fate| fate.is_fatal()).map_or(Ok(()), |fate| Err(fate.clone()))
    }

    fn enqueue(&self, task: Box<dyn Task>) -> Result<(), StoreError> {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        match queue.as_ref().map(|queue| queue.try_send(task)) {
            Some(Ok(())) => Ok(()),
            Some(Err(TrySendError::Full(_))) => Err(StoreError::Busy(format!("{QUEUE} writes are waiting already"))),
            Some(Err(TrySendError::Disconnected(_))) => Err(self.why_gone()),
            None => Err(self.fate.get().cloned().unwrap_or_else(|| StoreError::Unavailable("it is being closed".into()))),
        }
    }

    /// A thread that gave no reason has panicked: what it held is lost, and nobody is to go on with the rest.
    fn why_gone(&self) -> StoreError {
        self.fate.get_or_init(|| fault::broken("the writing thread panicked".into())).clone()
    }
}

/// Dropping it closes it.
impl Drop for Writer {
    fn drop(&mut self) {
        // Whoever wants to know whether it broke has closed it before.
        let _ = self.close();
    }
}

/// Something to write, with somebody who waits for the answer.
pub(super) trait Task: Send {
    /// Whether it can wait.
    fn haste(&self) -> Haste;

    /// Does it, inside a transaction.
    fn attempt(&mut self, ledger: &mut Ledger<'_>) -> rusqlite::Result<()>;

    /// Tells what came of it.
    fn answer(self: Box<Self>, outcome: Result<(), StoreError>);
}

struct Asked<F, T> {
    haste: Haste,
    sentence: F,
    said: Option<T>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Task for Asked<F, T>
where
    T: Send,
    F: FnMut(&mut Ledger<'_>) -> rusqlite::Result<T> + Send,
{
    fn haste(&self) -> Haste {
        self.haste
    }

    fn attempt(&mut self, ledger: &mut Ledger<'_>) -> rusqlite::Result<()> {
        self.said = Some((self.sentence)(ledger)?);
        Ok(())
    }

    fn answer(self: Box<Self>, outcome: Result<(), StoreError>) {
        let Self { sentence, said, reply, .. } = *self;
        let answer = match (outcome, said) {
            (Ok(()), Some(said)) => Ok(said),
            (Ok(()), None) => Err(StoreError::Broken("a task was committed that was never done".into())),
            (Err(error), _) => Err(error),
        };
        // What was written lies in the buffer of a connection: the buffer is free again before the connection goes on.
        drop(sentence);
        // Whoever asked may be gone, which changes nothing.
        let _ = reply.send(answer);
    }
}

/// What the thread works with.
struct Desk<'c> {
    ledger: Ledger<'c>,
    checkpoints: Checkpoints,
    anchor: Anchor,
    fate: Fate,
    company: Company,
}

impl Desk<'_> {
    fn work(mut self, tasks: &Receiver<Box<dyn Task>>) {
        while let Ok(first) = tasks.recv() {
            let mut batch = vec![first];
            batch.extend(tasks.try_iter().take(BATCH - 1));
            self.company.wait_for(&mut batch, tasks);
            // Whoever is in a hurry is answered first, too.
            batch.sort_by_key(|task| task.haste());
            let (hurried, begun) = (is_hurried(&batch), Instant::now());
            self.run(batch);
            self.company.note(hurried, begun, Instant::now());
            if self.fate.get().is_some() {
                return;
            }
            if let Err(error) = self.checkpoints.after_commit(self.ledger.connection) {
                self.note(&error);
            }
        }
        self.checkpoints.finish(self.ledger.connection);
    }

    fn run(&mut self, mut batch: Vec<Box<dyn Task>>) {
        let Err(error) = self.transaction(&mut batch) else {
            return batch.into_iter().for_each(|task| task.answer(Ok(())));
        };
        if matches!(error, StoreError::Full(_)) {
            Checkpoints::make_room(self.ledger.connection);
        }
        if batch.len() == 1 || matches!(error, StoreError::Broken(_) | StoreError::Busy(_)) {
            return batch.into_iter().for_each(|task| task.answer(Err(error.clone())));
        }
        for mut task in batch {
            let outcome = self.fate.get().cloned().map_or_else(|| self.transaction(std::slice::from_mut(&mut task)), Err);
            task.answer(outcome);
        }
    }

    fn transaction(&mut self, batch: &mut [Box<dyn Task>]) -> Result<(), StoreError> {
        if let Some(fate) = self.fate.get() {
            return Err(fate.clone());
        }
        let Err(error) = self.attempt(batch) else { return self.make_sure_of_the_files() };
        self.ledger.forget();
        let undone = self.ledger.connection.is_autocommit() || self.ledger.connection.execute_batch("ROLLBACK").is_ok();
        let error = self.note(&error);
        if undone { Err(error) } else { Err(self.break_down("a transaction that failed cannot be undone".into())) }
    }

    fn attempt(&mut self, batch: &mut [Box<dyn Task>]) -> rusqlite::Result<()> {
        self.ledger.begin()?;
        for task in batch {
            task.attempt(&mut self.ledger)?;
        }
        self.ledger.commit()
    }

    fn make_sure_of_the_files(&self) -> Result<(), StoreError> {
        let Some(file) = self.anchor.lost() else { return Ok(()) };
        let file = file.display();
        Err(self.break_down(format!(
            "`{file}` was removed, or replaced by another file: what is written is not found at the next start"
        )))
    }

    fn note(&self, error: &rusqlite::Error) -> StoreError {
        match fault::of_write(error) {
            StoreError::Broken(reason) => self.break_down(reason),
            passing => passing,
        }
    }

    fn break_down(&self, reason: String) -> StoreError {
        self.fate.get_or_init(|| fault::broken(reason)).clone()
    }
}
