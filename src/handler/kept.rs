//! What is kept for handlers, as they see it: without a store.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;

/// What is kept of an event and of others before it, and what its handler notes. Errors are for the operator.
#[async_trait]
pub(crate) trait Kept: fmt::Debug + Send + Sync {
    /// The bytes of a file.
    async fn file(&self, name: &str) -> Result<Option<Bytes>, String>;

    /// When the subject came into the state that it has left now.
    async fn since(&self) -> Result<Option<Timestamp>, String>;

    /// What the handler noted under a key.
    async fn note(&self, key: &str) -> Result<Option<String>, String>;

    /// Keeps what the handler notes under a key.
    async fn keep_note(&self, key: &str, text: &str) -> Result<(), String>;
}

#[cfg(test)]
mod tests {
    use crate::handler::Context;

    #[tokio::test]
    async fn a_note_is_short() {
        let ctx = Context::sample();
        let longest = "x".repeat(Context::LONGEST_NOTE - 3);
        ctx.keep_note("key", &longest).await.unwrap();
        assert_eq!(ctx.note("key").await.unwrap().as_ref(), Some(&longest));
        let refused = ctx.keep_note("key", &format!("{longest}x")).await.unwrap_err();
        assert!(refused.is_reject());
        assert_eq!(refused.to_string(), "found a note of 16385 bytes, expected at most 16384");
        assert_eq!(ctx.note("key").await.unwrap(), Some(longest), "the one before stays");
    }
}
