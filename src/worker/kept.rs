//! What the store has for a handler: the one place where the two meet while an event is handled.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;

use crate::{
    clock::Clock,
    handler::Kept,
    inbox::{ReceiptId, Store},
};

/// What the store has for a handler of a receipt.
#[derive(Debug)]
pub(super) struct InStore {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) receipt: ReceiptId,
    pub(super) handler: Arc<str>,
}

#[async_trait]
impl Kept for InStore {
    async fn file(&self, name: &str) -> Result<Option<Bytes>, String> {
        self.store.file(self.receipt, name).await.map_err(|error| error.to_string())
    }

    async fn since(&self) -> Result<Option<Timestamp>, String> {
        self.store.entered(self.receipt).await.map_err(|error| error.to_string())
    }

    async fn note(&self, key: &str) -> Result<Option<String>, String> {
        self.store.note(&self.handler, key).await.map_err(|error| error.to_string())
    }

    async fn keep_note(&self, key: &str, text: &str) -> Result<(), String> {
        self.store.keep_note(&self.handler, key, text, self.clock.now()).await.map_err(|error| error.to_string())
    }
}
