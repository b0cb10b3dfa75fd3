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
pub(super) mod tests {
    use std::{
        collections::HashMap,
        sync::{Arc, Mutex},
    };

    use super::*;
    use crate::handler::Context;

    /// What a test has for a handler.
    #[derive(Debug, Default)]
    pub(in crate::handler) struct InMemory {
        /// The files, by name.
        pub(in crate::handler) files: HashMap<String, Bytes>,
        /// The notes, by key.
        pub(in crate::handler) notes: Mutex<HashMap<String, String>>,
    }

    #[async_trait]
    impl Kept for InMemory {
        async fn file(&self, name: &str) -> Result<Option<Bytes>, String> {
            Ok(self.files.get(name).cloned())
        }

        async fn since(&self) -> Result<Option<Timestamp>, String> {
            Ok(None)
        }

        async fn note(&self, key: &str) -> Result<Option<String>, String> {
            Ok(self.notes.lock().unwrap().get(key).cloned())
        }

        async fn keep_note(&self, key: &str, text: &str) -> Result<(), String> {
            self.notes.lock().unwrap().insert(key.to_owned(), text.to_owned());
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_note_is_short() {
        let ctx = Context { kept: Some(Arc::new(InMemory::default())), ..Context::sample() };
        let longest = "x".repeat(Context::LONGEST_NOTE - 3);
        ctx.keep_note("key", &longest).await.unwrap();
        assert_eq!(ctx.note("key").await.unwrap().as_ref(), Some(&longest));
        let refused = ctx.keep_note("key", &format!("{longest}x")).await.unwrap_err();
        assert!(refused.is_reject());
        assert_eq!(refused.to_string(), "found a note of 16385 bytes, expected at most 16384");
        assert_eq!(ctx.note("key").await.unwrap(), Some(longest), "the one before stays");
    }
}
