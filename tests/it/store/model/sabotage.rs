//! Stores that break one promise each.

use std::{collections::HashMap, sync::Mutex};

use asc_webhooks::inbox::{
    Accepted, Arrival, AttemptResult, Claim, Claimed, DispatchId, Finish, ReceiptId, Store, StoreError, Verdict, wrapper::Wrapper,
};
use async_trait::async_trait;
use jiff::Timestamp;

use super::reference::HANDLERS;

/// Which promise is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Every fifth notification is acknowledged and dropped.
    AnswersBeforeItKeeps,
    /// Whoever finishes a dispatch is taken for the one who has it.
    AsksForNoToken,
    /// In order is heard as in any order.
    KeepsNoOrder,
    /// An attempt that was put back counts as one that failed.
    CountsWhatWasPutBack,
    /// A known event is said to be new.
    TakesKnownForNew,
    /// What one handler notes, another has noted too.
    SharesNotes,
    /// Whoever claims ends every pause.
    ForgetsPauses,
}

impl Fault {
    pub(super) const ALL: [Self; 7] = [
        Self::AnswersBeforeItKeeps,
        Self::AsksForNoToken,
        Self::KeepsNoOrder,
        Self::CountsWhatWasPutBack,
        Self::TakesKnownForNew,
        Self::SharesNotes,
        Self::ForgetsPauses,
    ];
}

/// A good store behind a bad one.
#[derive(Debug)]
pub(super) struct Sabotaged {
    store: Box<dyn Store>,
    fault: Fault,
    accepted: Mutex<i64>,
    tokens: Mutex<HashMap<DispatchId, i64>>,
}

impl Sabotaged {
    pub(super) fn new(store: Box<dyn Store>, fault: Fault) -> Self {
        Self { store, fault, accepted: Mutex::default(), tokens: Mutex::default() }
    }
}

#[async_trait]
impl Wrapper for Sabotaged {
    fn inner(&self) -> &dyn Store {
        &*self.store
    }

    async fn accept(&self, mut arrival: Arrival) -> Result<Accepted, StoreError> {
        let count = {
            let mut accepted = self.accepted.lock().unwrap();
            *accepted += 1;
            *accepted
        };
        match self.fault {
            Fault::AnswersBeforeItKeeps if count % 5 == 0 => return Ok(Accepted::Known),
            Fault::KeepsNoOrder => arrival.owed.iter_mut().for_each(|owed| owed.in_order = false),
            _ => {}
        }
        match self.store.accept(arrival).await? {
            Accepted::Known if self.fault == Fault::TakesKnownForNew => {
                Ok(Accepted::New { receipt: ReceiptId(count), same_id: true })
            }
            accepted => Ok(accepted),
        }
    }

    async fn claim(&self, claim: Claim) -> Result<Vec<Claimed>, StoreError> {
        if self.fault == Fault::ForgetsPauses {
            for room in &claim.handlers {
                self.store.resume(&room.handler).await?;
            }
        }
        let claimed = self.store.claim(claim).await?;
        self.tokens.lock().unwrap().extend(claimed.iter().map(|claimed| (claimed.lease.dispatch, claimed.lease.token)));
        Ok(claimed)
    }

    async fn finish(&self, mut finish: Finish) -> Result<bool, StoreError> {
        if self.fault == Fault::AsksForNoToken {
            finish.lease.token = self.tokens.lock().unwrap()[&finish.lease.dispatch];
        }
        if self.fault == Fault::CountsWhatWasPutBack && finish.verdict == Verdict::PutBack {
            let (due_at, result) = (finish.started_at, AttemptResult::Lost);
            finish.verdict = Verdict::Retry { due_at, result, error: "put back".into() };
        }
        self.store.finish(finish).await
    }

    async fn keep_note(&self, handler: &str, key: &str, text: &str, now: Timestamp) -> Result<(), StoreError> {
        if self.fault == Fault::SharesNotes {
            for (handler, _) in HANDLERS {
                self.store.keep_note(handler, key, text, now).await?;
            }
        }
        self.store.keep_note(handler, key, text, now).await
    }
}
