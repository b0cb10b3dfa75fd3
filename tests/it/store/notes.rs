//! The promises about what handlers note.

use std::sync::Arc;

use asc_webhooks::inbox::{Store, query::Purged};

use super::{at, kept_by_every_store};

kept_by_every_store! {
    a_note_is_what_was_kept_last
    handlers_have_notes_of_their_own
    notes_end_when_nobody_keeps_them_again
}

async fn note(store: &dyn Store, handler: &str, key: &str) -> Option<String> {
    store.note(handler, key).await.unwrap()
}

async fn a_note_is_what_was_kept_last(store: Arc<dyn Store>) {
    assert_eq!(note(&*store, "chat", "version-1").await, None);
    for text in ["first", "", "\u{0}läst 🔹"] {
        store.keep_note("chat", "version-1", text, at(1_000)).await.unwrap();
        assert_eq!(note(&*store, "chat", "version-1").await.as_deref(), Some(text));
    }
}

async fn handlers_have_notes_of_their_own(store: Arc<dyn Store>) {
    for (handler, key) in [("chat", "a"), ("chat", "b"), ("mail", "a")] {
        store.keep_note(handler, key, &format!("{handler} {key}"), at(1_000)).await.unwrap();
    }
    assert_eq!(note(&*store, "chat", "a").await.as_deref(), Some("chat a"));
    assert_eq!(note(&*store, "chat", "b").await.as_deref(), Some("chat b"));
    assert_eq!(note(&*store, "mail", "a").await.as_deref(), Some("mail a"));
    assert_eq!(note(&*store, "mail", "b").await, None);
}

async fn notes_end_when_nobody_keeps_them_again(store: Arc<dyn Store>) {
    for (key, kept_at) in [("a", 1_000), ("b", 1_001), ("c", 1_002), ("a", 1_003)] {
        store.keep_note("chat", key, "text", at(kept_at)).await.unwrap();
    }
    let purged = |notes, more| Purged { receipts: 0, dead: 0, notes, more };
    assert_eq!(store.purge(at(1_001), 9).await.unwrap(), purged(0, false), "`a` was kept again");
    assert_eq!(store.purge(at(1_003), 1).await.unwrap(), purged(1, true));
    assert_eq!([note(&*store, "chat", "b").await, note(&*store, "chat", "c").await], [None, Some("text".to_owned())]);
    assert_eq!(store.purge(at(1_003), 9).await.unwrap(), purged(1, false));
    assert_eq!(store.purge(at(1_003), 9).await.unwrap(), purged(0, false));
    assert_eq!(note(&*store, "chat", "a").await.as_deref(), Some("text"));
}
