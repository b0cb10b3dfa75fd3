//! Handlers whose other side has asked to be left alone for a while.
//!
//! Who is told "not before" about one event would be told so about the next. So until then the handler is given nothing: the other
//! side is not hammered, and no event uses up its attempts on an answer that is known. A minute is the most: then others are tried, in
//! case it was only about that one event.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;

use super::later;

/// The longest that a handler is given nothing because of one answer.
const LONGEST: Duration = Duration::from_mins(1);

/// Until when each of them is given nothing.
#[derive(Debug, Default)]
pub(super) struct Holds(Mutex<HashMap<Arc<str>, Timestamp>>);

impl Holds {
    /// Gives the handler nothing for as long as it was asked to wait. Returns for how long that is, if it was not so already.
    pub(super) fn hold(&self, handler: &Arc<str>, asked: Duration, now: Timestamp) -> Option<Duration> {
        let wait = asked.min(LONGEST);
        let mut holds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = holds.insert(Arc::clone(handler), later(now, wait));
        (!wait.is_zero() && before.is_none_or(|until| until <= now)).then_some(wait)
    }

    /// Until when the handler is to be given nothing, if that is so now.
    pub(super) fn until(&self, handler: &str, now: Timestamp) -> Option<Timestamp> {
        let mut holds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let until = holds.get(handler).copied().filter(|until| *until > now);
        if until.is_none() {
            holds.remove(handler);
        }
        until
    }

    /// Lets all of them go on: they may have another side now.
    pub(super) fn lift(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handler_is_held_for_as_long_as_asked_and_at_most_a_minute() {
        let (holds, a): (Holds, Arc<str>) = (Holds::default(), "a".into());
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let of = Duration::from_secs;
        assert_eq!(holds.hold(&a, of(30), at(0)), Some(of(30)));
        assert_eq!(holds.hold(&a, of(30), at(1)), None, "it is held already");
        assert_eq!([30, 31].map(|now| holds.until("a", at(now))), [Some(at(31)), None], "the last answer counts");
        assert_eq!(holds.until("b", at(0)), None);
        assert_eq!(holds.hold(&a, of(3_600), at(100)), Some(of(60)));
        assert_eq!([159, 160].map(|now| holds.until("a", at(now))), [Some(at(160)), None]);
        assert!(holds.0.lock().unwrap().is_empty(), "nothing is left behind");
        assert_eq!(holds.hold(&a, of(0), at(180)), None, "nothing was asked for");
        holds.hold(&a, of(30), at(200));
        holds.lift();
        assert_eq!(holds.until("a", at(201)), None);
    }
}
