//! The model: what a store is to do, without a thought for how.

use std::collections::BTreeMap;

use asc_webhooks::inbox::DispatchState;
use proptest::{prelude::*, sample::Index, strategy::Union};
use proptest_state_machine::ReferenceStateMachine;

use super::super::{LEASE, Letter};

/// The handlers that every event is owed to, and whether they want it in order.
pub(super) const HANDLERS: [(&str, bool); 2] = [("any", false), ("ordered", true)];

/// An event, out of few, so that games are full of duplicates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Happening {
    id: u8,
    content: u8,
    subject: u8,
    time: i64,
}

impl From<&Happening> for Letter {
    fn from(event: &Happening) -> Self {
        Self {
            id: format!("event-{}", event.id),
            state: ["IN_REVIEW", "REJECTED"][usize::from(event.content)],
            subject: format!("version-{}", event.subject),
            time: event.time,
            received_at: 1_000,
            owed: HANDLERS.into(),
            ..Self::new(0)
        }
    }
}

/// What can be done to a store.
#[derive(Clone, Debug)]
pub(super) enum Move {
    Accept(Happening),
    Claim { slots: usize },
    Finish { lease: usize, ending: Ending },
    Wait { seconds: i64 },
    Release,
    Replay { receipt: i64 },
    ReplayDead,
    Purge { before: i64 },
    Note { handler: usize, key: u8, text: u8 },
    Pause { handler: usize },
    Resume { handler: usize },
    Reopen,
}

/// How an attempt ends.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ending {
    Done,
    PassedOver,
    Retry,
    Dead,
    PutBack,
}

/// What a move brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Nothing,
    New { receipt: i64, same_id: bool },
    Known,
    Claimed(Vec<(i64, String, u32)>),
    Finished(bool),
    Changed(bool),
    Count(u64),
}

/// A dispatch as one can see it: handler, state, attempts, due time, and the length of its history.
pub(super) type Seen = (String, DispatchState, u32, Option<i64>, usize);

#[derive(Clone, Debug)]
pub(super) struct Model<const REOPENS: bool> {
    pub(super) now: i64,
    pub(super) last: Outcome,
    /// All that ever were, purged or not: number 1 first.
    pub(super) receipts: Vec<Kept>,
    /// By handler and key, each with when it was last kept.
    pub(super) notes: BTreeMap<(usize, u8), (u8, i64)>,
    /// By the receipt that told of each first.
    subjects: BTreeMap<i64, u8>,
    dispatches: Vec<Owing>,
    leases: Vec<(usize, u32)>,
    paused: [bool; HANDLERS.len()],
}

#[derive(Clone, Debug)]
pub(super) struct Kept {
    event: Happening,
    purged: bool,
}

#[derive(Clone, Debug)]
struct Owing {
    receipt: i64,
    handler: usize,
    state: DispatchState,
    attempts: u32,
    claims: u32,
    due_at: i64,
    lease_until: i64,
    history: usize,
}

impl Owing {
    fn is_open(&self) -> bool {
        matches!(self.state, DispatchState::Waiting | DispatchState::Claimed)
    }

    fn wait(&mut self, due_at: i64) {
        self.state = DispatchState::Waiting;
        self.due_at = due_at;
    }
}

impl<const REOPENS: bool> Model<REOPENS> {
    /// What is to be seen of a receipt; none if it is purged.
    pub(super) fn seen(&self, receipt: i64) -> Option<Vec<Seen>> {
        (!self.kept(receipt).purged).then(|| {
            let dispatches = self.dispatches.iter().filter(|dispatch| dispatch.receipt == receipt);
            let seen = dispatches.map(|dispatch| {
                let due_at = (dispatch.state == DispatchState::Waiting).then_some(dispatch.due_at);
                (HANDLERS[dispatch.handler].0.to_owned(), dispatch.state, dispatch.attempts, due_at, dispatch.history)
            });
            seen.collect()
        })
    }

    /// How many receipts, and how many identities.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.receipts.iter().filter(|receipt| !receipt.purged).count() as u64, self.receipts.len() as u64)
    }

    /// How many dispatches of a handler are in each state.
    pub(super) fn counts_of(&self, handler: &str) -> [u64; 4] {
        let of = self.dispatches.iter().filter(|dispatch| HANDLERS[dispatch.handler].0 == handler);
        let kept: Vec<_> = of.filter(|dispatch| !self.kept(dispatch.receipt).purged).map(|dispatch| dispatch.state).collect();
        DispatchState::ALL.map(|state| kept.iter().filter(|kept| **kept == state).count() as u64)
    }

    /// Whether a handler is given nothing.
    pub(super) fn is_paused(&self, handler: &str) -> bool {
        HANDLERS.iter().zip(self.paused).any(|((name, _), paused)| *name == handler && paused)
    }

    /// When the earliest dispatch of a handler falls due that is not held back.
    pub(super) fn next_due(&self, handler: &str) -> Option<i64> {
        let waiting = self.dispatches.iter().filter(|dispatch| dispatch.state == DispatchState::Waiting);
        let asked_for = waiting
            .filter(|dispatch| HANDLERS[dispatch.handler].0 == handler && !self.is_held_back(dispatch))
            .filter(|dispatch| !self.paused[dispatch.handler]);
        asked_for.map(|dispatch| dispatch.due_at).min()
    }

    /// The histories, newest first: the receipt that told of a subject first, and those that are kept of it, in Apple's order.
    pub(super) fn histories(&self) -> Vec<(i64, Vec<i64>)> {
        let history = |(first, subject): (&i64, &u8)| {
            let kept = (1..).zip(&self.receipts).filter(|(_, kept)| !kept.purged && kept.event.subject == *subject);
            let mut steps: Vec<(i64, i64)> = kept.map(|(receipt, kept)| (kept.event.time, receipt)).collect();
            steps.sort_unstable();
            (*first, steps.into_iter().map(|(_, receipt)| receipt).collect())
        };
        self.subjects.iter().rev().map(history).collect()
    }

    fn kept(&self, receipt: i64) -> &Kept {
        &self.receipts[usize::try_from(receipt - 1).unwrap()]
    }

    /// Whether another of its line is under way, or is to go first.
    fn is_held_back(&self, dispatch: &Owing) -> bool {
        let event = self.kept(dispatch.receipt).event;
        let line = self.dispatches.iter().filter(|other| other.is_open() && other.handler == dispatch.handler);
        let mut others =
            line.filter(|other| other.receipt != dispatch.receipt).map(|other| (other, self.kept(other.receipt).event));
        HANDLERS[dispatch.handler].1
            && others.any(|(other, told)| {
                let is_earlier = (told.time, other.receipt) < (event.time, dispatch.receipt);
                told.subject == event.subject && (other.state == DispatchState::Claimed || is_earlier)
            })
    }

    fn accept(&mut self, event: Happening) -> Outcome {
        if self.receipts.iter().any(|kept| kept.event == event) {
            return Outcome::Known;
        }
        let same_id = self.receipts.iter().any(|kept| kept.event.id == event.id);
        self.receipts.push(Kept { event, purged: false });
        let receipt = i64::try_from(self.receipts.len()).unwrap();
        if self.subjects.values().all(|subject| *subject != event.subject) {
            self.subjects.insert(receipt, event.subject);
        }
        for handler in 0..HANDLERS.len() {
            let state = DispatchState::Waiting;
            self.dispatches.push(Owing {
                receipt,
                handler,
                state,
                attempts: 0,
                claims: 0,
                due_at: 1_000,
                lease_until: 0,
                history: 0,
            });
        }
        Outcome::New { receipt, same_id }
    }

    fn claim(&mut self, slots: usize) -> Outcome {
        let mut claimed = Vec::new();
        for (handler, (name, _)) in HANDLERS.into_iter().enumerate() {
            if self.paused[handler] {
                continue;
            }
            let mut due: Vec<_> = (0..self.dispatches.len())
                .map(|index| (index, &self.dispatches[index]))
                .filter(|(_, dispatch)| dispatch.handler == handler && dispatch.state == DispatchState::Waiting)
                .filter(|(_, dispatch)| dispatch.due_at <= self.now && !self.is_held_back(dispatch))
                .map(|(index, dispatch)| (dispatch.due_at, dispatch.receipt, index))
                .collect();
            due.sort_unstable();
            for (_, receipt, index) in due.into_iter().take(slots) {
                let dispatch = &mut self.dispatches[index];
                dispatch.state = DispatchState::Claimed;
                dispatch.attempts += 1;
                dispatch.claims += 1;
                dispatch.lease_until = self.now + LEASE.as_secs().cast_signed();
                self.leases.push((index, dispatch.claims));
                claimed.push((receipt, name.to_owned(), dispatch.attempts));
            }
        }
        Outcome::Claimed(claimed)
    }

    fn finish(&mut self, lease: usize, ending: Ending) -> Outcome {
        let Some(&(index, claim)) = self.leases.get(lease) else { return Outcome::Nothing };
        let dispatch = &mut self.dispatches[index];
        if dispatch.state != DispatchState::Claimed || dispatch.claims != claim {
            return Outcome::Finished(false);
        }
        dispatch.history += 1;
        match ending {
            Ending::Done | Ending::PassedOver => dispatch.state = DispatchState::Done,
            Ending::Dead => dispatch.state = DispatchState::Dead,
            Ending::Retry => dispatch.wait(self.now + 30),
            Ending::PutBack => {
                dispatch.wait(dispatch.due_at);
                dispatch.attempts -= 1;
                dispatch.history -= 1;
            }
        }
        Outcome::Finished(true)
    }

    /// Takes back what is claimed, if `due` says so, and says when it is due then.
    fn take_back(&mut self, due: impl Fn(&Owing) -> Option<i64>) -> u64 {
        let mut count = 0;
        for dispatch in self.dispatches.iter_mut().filter(|dispatch| dispatch.state == DispatchState::Claimed) {
            let Some(due_at) = due(dispatch) else { continue };
            dispatch.wait(due_at);
            dispatch.history += 1;
            count += 1;
        }
        count
    }

    fn replay(&mut self, chosen: impl Fn(&Owing) -> bool) -> Outcome {
        let now = self.now;
        let purged: Vec<bool> = self.receipts.iter().map(|kept| kept.purged).collect();
        let kept = |dispatch: &Owing| !purged[usize::try_from(dispatch.receipt - 1).unwrap()];
        let mut count = 0;
        for dispatch in self.dispatches.iter_mut().filter(|dispatch| chosen(dispatch) && kept(dispatch)) {
            dispatch.wait(now);
            dispatch.attempts = 0;
            count += 1;
        }
        Outcome::Count(count)
    }

    fn purge(&mut self, before: i64) -> Outcome {
        let open: Vec<i64> =
            self.dispatches.iter().filter(|dispatch| dispatch.is_open()).map(|dispatch| dispatch.receipt).collect();
        let mut count = 0;
        for (receipt, kept) in (1..).zip(&mut self.receipts) {
            if before > 1_000 && !kept.purged && !open.contains(&receipt) {
                kept.purged = true;
                count += 1;
            }
        }
        self.notes.retain(|_, (_, kept_at)| *kept_at >= before);
        let left: Vec<u8> = self.receipts.iter().filter(|kept| !kept.purged).map(|kept| kept.event.subject).collect();
        self.subjects.retain(|_, subject| left.contains(subject));
        Outcome::Count(count)
    }
}

impl<const REOPENS: bool> ReferenceStateMachine for Model<REOPENS> {
    type State = Self;
    type Transition = Move;

    fn init_state() -> BoxedStrategy<Self> {
        Just(Self {
            now: 1_000,
            last: Outcome::Nothing,
            receipts: vec![],
            notes: BTreeMap::new(),
            subjects: BTreeMap::new(),
            dispatches: vec![],
            leases: vec![],
            paused: [false; 2],
        })
        .boxed()
    }

    fn transitions(model: &Self) -> BoxedStrategy<Move> {
        let event = (0..4_u8, 0..2_u8, 0..2_u8, 900..904_i64);
        let ending = prop_oneof![
            2 => Just(Ending::Done),
            1 => Just(Ending::PassedOver),
            2 => Just(Ending::Retry),
            2 => Just(Ending::Dead),
            1 => Just(Ending::PutBack)
        ];
        let (leases, receipts) = (model.leases.len(), i64::try_from(model.receipts.len()).unwrap());
        // Mostly the newest leases, which may still be good, and now and then an old one.
        let lease = any::<Index>().prop_map(move |index| index.index(leases.clamp(1, 4)) + leases.saturating_sub(4));
        let old_lease = any::<Index>().prop_map(move |index| index.index(leases.max(1)));
        let mut moves = vec![
            (6, event.prop_map(|(id, content, subject, time)| Move::Accept(Happening { id, content, subject, time })).boxed()),
            (5, (1..4_usize).prop_map(|slots| Move::Claim { slots }).boxed()),
            (
                7,
                (prop_oneof![4 => lease, 1 => old_lease], ending)
                    .prop_map(|(lease, ending)| Move::Finish { lease, ending })
                    .boxed(),
            ),
            (3, (1..70_i64).prop_map(|seconds| Move::Wait { seconds }).boxed()),
            (2, Just(Move::Release).boxed()),
            (2, (1..=receipts.max(1)).prop_map(|receipt| Move::Replay { receipt }).boxed()),
            (1, Just(Move::ReplayDead).boxed()),
            (1, (0..HANDLERS.len()).prop_map(|handler| Move::Pause { handler }).boxed()),
            (1, (0..HANDLERS.len()).prop_map(|handler| Move::Resume { handler }).boxed()),
            (1, (1_000..1_002_i64).prop_map(|before| Move::Purge { before }).boxed()),
            (1, (0..2_usize, 0..2_u8, 0..9_u8).prop_map(|(handler, key, text)| Move::Note { handler, key, text }).boxed()),
        ];
        if REOPENS {
            moves.push((1, Just(Move::Reopen).boxed()));
        }
        Union::new_weighted(moves).boxed()
    }

    fn preconditions(model: &Self, played: &Move) -> bool {
        !matches!(played, Move::Replay { receipt } if *receipt > i64::try_from(model.receipts.len()).unwrap())
    }

    fn apply(mut model: Self, played: &Move) -> Self {
        model.last = match *played {
            Move::Accept(event) => model.accept(event),
            Move::Claim { slots } => model.claim(slots),
            Move::Finish { lease, ending } => model.finish(lease, ending),
            Move::Wait { seconds } => {
                model.now += seconds;
                Outcome::Nothing
            }
            Move::Release => {
                let now = model.now;
                Outcome::Count(model.take_back(|dispatch| (dispatch.lease_until < now).then_some(now)))
            }
            Move::Replay { receipt } => model.replay(|dispatch| dispatch.receipt == receipt && !dispatch.is_open()),
            Move::ReplayDead => model.replay(|dispatch| dispatch.state == DispatchState::Dead),
            Move::Purge { before } => model.purge(before),
            Move::Note { handler, key, text } => {
                model.notes.insert((handler, key), (text, model.now));
                Outcome::Nothing
            }
            Move::Pause { handler } => Outcome::Changed(!std::mem::replace(&mut model.paused[handler], true)),
            Move::Resume { handler } => Outcome::Changed(std::mem::replace(&mut model.paused[handler], false)),
            Move::Reopen => {
                model.take_back(|dispatch| Some(dispatch.due_at));
                Outcome::Nothing
            }
        };
        model
    }
}
