//! Whether we keep an event that Apple lists among its deliveries.

use jiff::SignedDuration;

use super::{
    Identity, ReceiptId, Store, StoreError,
    query::{PageRequest, ReceiptFilter},
};
use crate::event::Event;

/// How many receipts can bear one event's id. More than a few would be a great wonder.
const SAME_ID: usize = 100;

/// By how much our clock may be behind Apple's.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_hours(24);

/// What the store knows of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is this receipt.
    As(ReceiptId),
    /// It is not kept.
    No,
    /// There is no telling: the store is not here, or Apple did not say what the event was.
    Unknown,
}

impl Kept {
    /// Looks an event up in the store, if there is one.
    ///
    /// # Errors
    /// When the store cannot tell.
    pub async fn of(event: Option<&Event>, store: Option<&dyn Store>) -> Result<Self, StoreError> {
        let (Some(event), Some(store)) = (event, store) else { return Ok(Self::Unknown) };
        // Nothing is received before it happens, but clocks differ. It spares a look at everything older.
        let since = event.time.and_then(|time| time.checked_sub(CLOCKS_DIFFER).ok());
        let filter = ReceiptFilter { event_id: Some(event.id.clone()), since, ..ReceiptFilter::default() };
        let page = store.receipts(&filter, PageRequest { before: None, limit: SAME_ID }).await?;
        let receipts = page.items.into_iter().map(|listed| listed.receipt);
        let same = receipts.filter(|receipt| Identity::of_event(&receipt.endpoint, event).to_hex() == receipt.identity);
        // The first that came is the one; a later one can only be at another endpoint.
        Ok(same.map(|receipt| receipt.id).min().map_or(Self::No, Self::As))
    }

    /// The receipt.
    pub fn receipt(self) -> Option<ReceiptId> {
        if let Self::As(receipt) = self { Some(receipt) } else { None }
    }

    /// Whether it is kept, if that is known.
    pub fn is_kept(self) -> Option<bool> {
        (self != Self::Unknown).then_some(self != Self::No)
    }
}
