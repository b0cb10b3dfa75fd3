//! How many attempts of each handler are under way.
//!
//! They are counted by the handler's name and not by its lane: a new configuration brings new lanes, while the attempts that the old
//! ones began go on and still count.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// The count of attempts by handler.
#[derive(Clone, Debug, Default)]
pub(super) struct UnderWay(Arc<Mutex<HashMap<Arc<str>, usize>>>);

impl UnderWay {
    /// How many attempts of the handler are under way.
    pub(super) fn of(&self, handler: &str) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(handler).copied().unwrap_or_default()
    }

    /// Counts one more, until what is returned is dropped.
    pub(super) fn begin(&self, handler: &Arc<str>) -> Counted {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(Arc::clone(handler)).or_default() += 1;
        Counted { all: self.clone(), handler: Arc::clone(handler) }
    }
}

/// An attempt that is under way.
#[derive(Debug)]
pub(super) struct Counted {
    all: UnderWay,
    handler: Arc<str>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut all = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = all.get_mut(&self.handler) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.handler);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_handler_has_its_own_count_and_leaves_nothing_behind() {
        let under_way = UnderWay::default();
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        let counted = [under_way.begin(&a), under_way.begin(&a), under_way.begin(&b)];
        assert_eq!((under_way.of("a"), under_way.of("b"), under_way.of("c")), (2, 1, 0));
        drop(counted);
        assert!(under_way.0.lock().unwrap().is_empty());
    }
}
