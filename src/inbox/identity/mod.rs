//! What makes two events the same.
//!
//! It is not proven that Apple gives every event an id of its own: in public samples two events of one resource share one. So an
//! event is the same as another if endpoint, id **and content** are the same. The content is taken in canonical form, so that the same
//! event is recognised when it is pushed twice, or pushed and then recovered through Apple's API, where its text may look
//! different; any other difference makes it another event. Losing an event is worse than handling one twice.
//!
//! Pure: bytes in, digest out.

use std::fmt;

use sha2::{Digest as _, Sha256};

use super::Summary;
use crate::event::{Event, canonical::canonical, json::Json};

/// What makes an event the same as another of its endpoint.
///
/// Shown as the 32 hexadecimal digits of [`content`](Self::content), which covers all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// A hash of endpoint and event id: it groups the receipts that Apple gave one id.
    pub(crate) event: i64,
    /// A digest of endpoint, event id and content.
    pub(crate) content: [u8; 16],
}

impl Identity {
    /// The identity of an event.
    pub fn of_event(endpoint: &str, event: &Event) -> Self {
        Self::new("event", endpoint, &event.id, |digest| match Json::read(event.raw()) {
            Ok(json) => canonical(&json, digest),
            // An event is made of sound JSON, so this is never taken; if it were, the bytes would be identity enough.
            Err(_) => digest.update(event.raw()),
        })
    }

    /// The identity of bytes that are not an event: they are the same only as themselves.
    pub fn of_bytes(endpoint: &str, bytes: &[u8]) -> Self {
        Self::new("bytes", endpoint, "", |digest| digest.update(bytes))
    }

    /// A hash of endpoint and event id, which all receipts have in common that Apple gave one id.
    pub fn event(&self) -> i64 {
        self.event
    }

    /// A digest of endpoint, event id and content: what must be unique in a store.
    pub fn content(&self) -> &[u8; 16] {
        &self.content
    }

    /// The identity as 32 hexadecimal digits.
    pub fn to_hex(&self) -> String {
        hex::encode(self.content)
    }

    fn new(domain: &str, endpoint: &str, id: &str, content: impl FnOnce(&mut Sha256)) -> Self {
        let mut digest = Sha256::new();
        for part in [domain, endpoint, id] {
            // With its length before it, no part can pass for the end of another.
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        let event = first(digest.clone());
        content(&mut digest);
        Self { event: i64::from_be_bytes(event), content: first(digest) }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.to_hex())
    }
}

impl Summary {
    /// The part of an event that its receipt is listed by.
    pub(crate) fn of(event: &Event) -> Self {
        Self {
            event_id: event.id.clone(),
            kind: event.kind.to_string(),
            state: event.state().map(str::to_owned),
            previous_state: event.previous_state().map(str::to_owned),
            subject_type: event.subject.as_ref().map(|subject| subject.kind.clone()),
            subject_id: event.subject.as_ref().map(|subject| subject.id.clone()),
            time: event.time,
        }
    }
}

/// The first bytes of a digest.
fn first<const N: usize>(digest: Sha256) -> [u8; N] {
    let digest: [u8; 32] = digest.finalize().into();
    std::array::from_fn(|index| digest[index])
}

#[cfg(test)]
mod tests;
