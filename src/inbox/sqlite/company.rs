//! Who waits for whom before a transaction begins.
//!
//! A notification that is being accepted is in a hurry: Apple waits for the answer. A worker with its claims and results is not. If each
//! of these had a sync of its own, accepting would stand in line behind handling. So a worker's task waits a moment for somebody in a
//! hurry and shares the transaction. It does so only while they come one upon the other, and no longer than a transaction takes: that is
//! what is saved. While nobody hurries nobody waits, and whoever is in a hurry never does.

use std::{
    sync::mpsc::Receiver,
    time::{Duration, Instant},
};

use super::writer::{BATCH, Task};

/// The least that a task waits, if it waits at all.
const SHORT_WAIT: Duration = Duration::from_millis(1);

/// The most that a task waits, on a slow disk.
const LONG_WAIT: Duration = Duration::from_millis(20);

/// Whether a task can wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Haste {
    /// It is done with whatever else is there.
    Now,
    /// It can wait a moment for one that cannot.
    WithOthers,
}

/// Whether a task of these is in a hurry.
pub(super) fn is_hurried(batch: &[Box<dyn Task>]) -> bool {
    batch.iter().any(|task| task.haste() == Haste::Now)
}

/// Knows whether somebody in a hurry is likely to come soon.
#[derive(Debug, Default)]
pub(super) struct Company {
    /// When the last transaction with somebody in a hurry ended.
    last: Option<Instant>,
    /// Whether that one had begun soon after another.
    is_lively: bool,
    /// How long it took.
    took: Duration,
}

impl Company {
    /// Waits for somebody in a hurry, if nobody in the batch is and it is worth the wait.
    pub(super) fn wait_for(&self, batch: &mut Vec<Box<dyn Task>>, tasks: &Receiver<Box<dyn Task>>) {
        let now = Instant::now();
        if !self.is_likely(now) {
            return;
        }
        let until = now + self.patience();
        while batch.len() < BATCH
            && !is_hurried(batch)
            && let Ok(task) = tasks.recv_timeout(until.saturating_duration_since(Instant::now()))
        {
            batch.push(task);
            batch.extend(tasks.try_iter().take(BATCH - batch.len()));
        }
    }

    /// Takes note of a transaction.
    pub(super) fn note(&mut self, hurried: bool, begun: Instant, ended: Instant) {
        if hurried {
            self.is_lively = self.last.is_some_and(|last| begun.saturating_duration_since(last) < self.patience());
            self.last = Some(ended);
            self.took = ended.saturating_duration_since(begun);
        }
    }

    fn is_likely(&self, now: Instant) -> bool {
        self.is_lively && self.last.is_some_and(|last| now.saturating_duration_since(last) < self.patience())
    }

    fn patience(&self) -> Duration {
        self.took.clamp(SHORT_WAIT, LONG_WAIT)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::{super::ledger::Ledger, *};
    use crate::inbox::StoreError;

    struct Waiting(Haste);

    impl Task for Waiting {
        fn haste(&self) -> Haste {
            self.0
        }

        fn attempt(&mut self, _ledger: &mut Ledger<'_>) -> rusqlite::Result<()> {
            Ok(())
        }

        fn answer(self: Box<Self>, _outcome: Result<(), StoreError>) {}
    }

    /// After transactions in a hurry that began at these milliseconds and took one each.
    fn after(begun: &[u64], start: Instant) -> Company {
        let mut company = Company::default();
        for &begun in begun {
            let begun = start + Duration::from_millis(begun);
            company.note(true, begun, begun + Duration::from_millis(1));
        }
        company
    }

    #[track_caller]
    fn check_likely(begun: &[u64], at_micros: u64, expected: bool) {
        let start = Instant::now();
        let likely = after(begun, start).is_likely(start + Duration::from_micros(at_micros));
        assert_eq!(likely, expected, "at {at_micros} µs, after {begun:?}");
    }

    #[test]
    fn company_is_likely_while_the_hurried_come_one_upon_the_other() {
        check_likely(&[], 0, false);
        check_likely(&[0], 1_100, false);
        check_likely(&[0, 1], 2_900, true);
        check_likely(&[0, 1], 3_100, false);
        check_likely(&[0, 10], 11_100, false);
    }

    #[test]
    fn those_in_no_hurry_tell_nothing_of_the_hurried() {
        let start = Instant::now();
        let mut company = after(&[0, 1], start);
        company.note(false, start, start + Duration::from_secs(1));
        assert!(company.is_likely(start + Duration::from_micros(2_900)));
    }

    /// A store as lively as can be, so that a test on a slow machine finds it so.
    fn lively() -> Company {
        Company { last: Some(Instant::now() + Duration::from_hours(1)), is_lively: true, took: Duration::ZERO }
    }

    #[track_caller]
    fn check_gathered(company: &Company, first: Haste, queued: &[Haste], expected: usize) {
        let (queue, tasks) = channel::<Box<dyn Task>>();
        for &haste in queued {
            queue.send(Box::new(Waiting(haste))).unwrap();
        }
        let mut batch: Vec<Box<dyn Task>> = vec![Box::new(Waiting(first))];
        company.wait_for(&mut batch, &tasks);
        assert_eq!(batch.len(), expected, "{first:?} and then {queued:?}");
    }

    #[test]
    fn only_who_can_wait_waits_and_only_for_company() {
        use Haste::{Now, WithOthers};
        check_gathered(&lively(), WithOthers, &[WithOthers, Now], 3);
        check_gathered(&lively(), WithOthers, &[], 1);
        check_gathered(&lively(), Now, &[WithOthers, Now], 1);
        check_gathered(&Company::default(), WithOthers, &[WithOthers, Now], 1);
    }
}
