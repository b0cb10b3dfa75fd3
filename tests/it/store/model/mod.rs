//! Long random games, played on a store and on a model of it that is simple enough to be believed.
//!
//! After each move the two must agree on what it brought and on everything that is kept. The same games are played on stores that
//! break a promise on purpose, and must find out each of them: a check that cannot fail is worse than none.

mod reference;
mod sabotage;

use asc_webhooks::inbox::{
    Accepted, Claim, Finish, Lease, ReceiptId, Room, Store, StoreError, Verdict,
    history::HistoryFilter,
    query::{PageRequest, ReceiptRecord, Replay},
    sqlite::{Options, Sqlite},
};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};

use self::{
    reference::{Ending, HANDLERS, Model, Move, Outcome},
    sabotage::{Fault, Sabotaged},
};
use super::{LEASE, Letter, at, dead, owing, retry};

/// A store in play. `REOPENS` says that it may be closed and opened again: a store in a file.
struct Table<const REOPENS: bool, const FAULT: usize> {
    runtime: tokio::runtime::Runtime,
    home: tempfile::TempDir,
    store: Option<Box<dyn Store>>,
    leases: Vec<Lease>,
}

impl<const REOPENS: bool, const FAULT: usize> Table<REOPENS, FAULT> {
    fn open(home: &tempfile::TempDir) -> Box<dyn Store> {
        let store: Box<dyn Store> = if REOPENS {
            Box::new(Sqlite::open(Options::new(home.path().join("inbox.db"))).unwrap())
        } else {
            Box::new(asc_webhooks::inbox::memory::Memory::new())
        };
        match Fault::ALL.get(FAULT) {
            Some(&fault) => Box::new(Sabotaged::new(store, fault)),
            None => store,
        }
    }

    fn store(&self) -> &dyn Store {
        self.store.as_deref().unwrap()
    }

    /// Makes a move. `now` is the time of the model.
    fn make(&mut self, played: &Move, now: i64) -> Result<Outcome, StoreError> {
        let outcome = match played {
            Move::Accept(event) => match self.run(self.store().accept(Letter::from(event).arrival()))? {
                Accepted::New { receipt, same_id } => Outcome::New { receipt: receipt.0, same_id },
                _ => Outcome::Known,
            },
            Move::Claim { slots } => {
                let rooms = HANDLERS.map(|(handler, _)| Room { handler: handler.into(), slots: *slots, lease: LEASE });
                let claimed = self.run(self.store().claim(Claim { handlers: rooms.into(), now: at(now) }))?;
                self.leases.extend(claimed.iter().map(|claimed| claimed.lease));
                let told = claimed.iter().map(|claimed| (claimed.receipt.id.0, claimed.handler.to_string(), claimed.attempt));
                Outcome::Claimed(told.collect())
            }
            Move::Finish { lease, ending } => {
                let verdict = match ending {
                    Ending::Done => Verdict::Done,
                    Ending::PassedOver => Verdict::PassedOver,
                    Ending::Retry => retry(now + 30),
                    Ending::Dead => dead(),
                    Ending::PutBack => Verdict::PutBack,
                };
                let Some(&lease) = self.leases.get(*lease) else { return Ok(Outcome::Nothing) };
                let finish = Finish { lease, started_at: at(now), took: LEASE, verdict };
                Outcome::Finished(self.run(self.store().finish(finish))?)
            }
            Move::Wait { .. } => Outcome::Nothing,
            Move::Release => Outcome::Count(self.run(self.store().release_expired(at(now)))?),
            Move::Replay { receipt } => {
                let replay = Replay::Receipt { id: ReceiptId(*receipt), handlers: owing(&HANDLERS) };
                Outcome::Count(self.run(self.store().replay(&replay, at(now)))?)
            }
            Move::ReplayDead => Outcome::Count(self.run(self.store().replay(&Replay::Dead { handler: None }, at(now)))?),
            Move::Purge { before } => Outcome::Count(self.run(self.store().purge(at(*before), 100))?.receipts),
            Move::Note { handler, key, text } => {
                let (handler, _) = HANDLERS[*handler];
                self.run(self.store().keep_note(handler, &key.to_string(), &text.to_string(), at(now)))?;
                Outcome::Nothing
            }
            Move::Pause { handler } => Outcome::Changed(self.run(self.store().pause(HANDLERS[*handler].0, "a game", at(now)))?),
            Move::Resume { handler } => Outcome::Changed(self.run(self.store().resume(HANDLERS[*handler].0))?),
            Move::Reopen => {
                self.run(self.store().close())?;
                self.store = None;
                self.store = Some(Self::open(&self.home));
                Outcome::Nothing
            }
        };
        Ok(outcome)
    }

    fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }
}

impl<const REOPENS: bool, const FAULT: usize> StateMachineTest for Table<REOPENS, FAULT> {
    type SystemUnderTest = Self;
    type Reference = Model<REOPENS>;

    fn init_test(_: &Model<REOPENS>) -> Self {
        let home = tempfile::tempdir().unwrap();
        let store = Some(Self::open(&home));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { runtime, home, store, leases: Vec::new() }
    }

    fn apply(mut table: Self, model: &Model<REOPENS>, played: Move) -> Self {
        let outcome = table.make(&played, model.now).unwrap();
        assert_eq!(outcome, model.last, "{played:?}");
        table
    }

    fn check_invariants(table: &Self, model: &Model<REOPENS>) {
        for receipt in 1..=model.receipts.len() {
            let id = i64::try_from(receipt).unwrap();
            let kept = table.run(table.store().receipt(ReceiptId(id))).unwrap();
            assert_eq!(kept.as_ref().map(seen), model.seen(id), "receipt {id}");
        }
        let stats = table.run(table.store().stats(at(model.now))).unwrap();
        assert_eq!((stats.receipts, stats.identities), model.counts());
        let filter = HistoryFilter { kind: Letter::new(0).kind.into(), app: None };
        let histories = table.run(table.store().histories(&filter, PageRequest { before: None, limit: 99 })).unwrap().items;
        let told = histories.iter().map(|of| (of.first.0, of.steps.iter().map(|step| step.receipt.0).collect::<Vec<_>>()));
        assert_eq!(told.collect::<Vec<_>>(), model.histories());
        for (handler, counts) in HANDLERS.map(|(handler, _)| (handler, model.counts_of(handler))) {
            let told = stats.handlers.iter().find(|stats| stats.handler == handler);
            assert_eq!(told.is_some_and(|stats| stats.paused.is_some()), model.is_paused(handler), "{handler}");
            let told = told.map_or([0; 4], |stats| [stats.waiting, stats.claimed, stats.done, stats.dead]);
            assert_eq!(told, counts, "{handler}");
            let due = table.run(table.store().next_due(&[handler.into()])).unwrap();
            assert_eq!(due, model.next_due(handler).map(at), "{handler}");
        }
        for (index, key) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            let kept = table.run(table.store().note(HANDLERS[index].0, &key.to_string())).unwrap();
            assert_eq!(kept, model.notes.get(&(index, key)).map(|(text, _)| text.to_string()), "note {key} of {index}");
        }
    }
}

/// What is kept of a receipt, as far as the model knows it: each dispatch with its state, its attempts, when it is due, and how often
/// it was tried in all.
fn seen(record: &ReceiptRecord) -> Vec<reference::Seen> {
    let dispatches = record.dispatches.iter().map(|record| {
        let dispatch = &record.dispatch;
        let due_at = dispatch.due_at.map(jiff::Timestamp::as_second);
        (dispatch.handler.clone(), dispatch.state, dispatch.attempts, due_at, record.history.len())
    });
    dispatches.collect()
}

fn play<const REOPENS: bool, const FAULT: usize>(cases: u32, seed: TestRng) -> Result<(), String> {
    // Shrinking makes a failure shorter to read, and a failure that is expected is not read.
    let expected = FAULT < Fault::ALL.len();
    let max_shrink_iters = if expected { 0 } else { 4_096 };
    let config = Config { cases, max_shrink_iters, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new_with_rng(config.clone(), seed).run(
        &Model::<REOPENS>::sequential_strategy(1..50),
        |(model, moves, seen)| {
            Table::<REOPENS, FAULT>::test_sequential(config.clone(), model, moves, seen.filter(|_| !expected));
            Ok::<(), TestCaseError>(())
        },
    );
    match outcome {
        Ok(()) => Ok(()),
        Err(error @ TestError::Fail(..)) => Err(error.to_string()),
        Err(TestError::Abort(reason)) => panic!("the games could not be played: {reason}"),
    }
}

const HONEST: usize = usize::MAX;

#[test]
fn the_memory_store_is_as_the_model_says() {
    play::<false, HONEST>(Config::default().cases, TestRng::from_seed(RngAlgorithm::ChaCha, &rand_seed())).unwrap();
}

#[test]
fn the_sqlite_store_is_as_the_model_says() {
    play::<true, HONEST>(Config::default().cases / 4, TestRng::from_seed(RngAlgorithm::ChaCha, &rand_seed())).unwrap();
}

/// Other games at every run; a failure prints the moves.
fn rand_seed() -> [u8; 32] {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).unwrap();
    seed
}

#[track_caller]
fn check_found<const FAULT: usize>() {
    let outcome = play::<false, FAULT>(256, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    assert!(outcome.is_err(), "nobody noticed {:?}", Fault::ALL[FAULT]);
}

#[test]
fn a_store_that_answers_before_it_keeps_is_found_out() {
    check_found::<0>();
}

#[test]
fn a_store_that_asks_for_no_token_is_found_out() {
    check_found::<1>();
}

#[test]
fn a_store_that_keeps_no_order_is_found_out() {
    check_found::<2>();
}

#[test]
fn a_store_that_counts_what_was_put_back_is_found_out() {
    check_found::<3>();
}

#[test]
fn a_store_that_takes_what_is_known_for_new_is_found_out() {
    check_found::<4>();
}

#[test]
fn a_store_that_shares_notes_among_handlers_is_found_out() {
    check_found::<5>();
}

#[test]
fn a_store_that_forgets_a_pause_is_found_out() {
    check_found::<6>();
}
