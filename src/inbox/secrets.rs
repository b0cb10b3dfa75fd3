//! The secrets that the program makes itself, as a store keeps them: sealed, so that a store and its backups tell nobody anything.
//!
//! A store does not know what a secret is for, nor when one follows another. It keeps the secrets of each endpoint as one thing that is
//! replaced as a whole, counts how often any of them has changed, and remembers which server goes by which count. So whoever
//! changes them can wait until every server has taken notice.

use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;

/// A secret, sealed.
#[derive(Clone, PartialEq, Eq)]
pub struct KeptSecret {
    /// What it is called, in logs and receipts too. No other secret of the endpoint has ever been called so.
    pub label: String,
    /// What it is there for.
    pub state: SecretState,
    /// The secret itself, which only its keeper can open.
    pub sealed: Vec<u8>,
    /// When it was made.
    pub made_at: Timestamp,
    /// When it ceases to be accepted.
    pub not_after: Option<Timestamp>,
}

impl fmt::Debug for KeptSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { label, state, not_after, .. } = self;
        f.debug_struct("KeptSecret")
            .field("label", label)
            .field("state", state)
            .field("not_after", not_after)
            .finish_non_exhaustive()
    }
}

/// What a secret is there for. In every state it is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SecretState {
    /// It is accepted, and Apple may or may not sign with it yet.
    Next,
    /// Apple signs with it.
    Current,
    /// Apple has signed with it; it is accepted until its time is over.
    Retiring,
}

/// Every secret that is kept, and who goes by them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeptSecrets {
    /// How often any of them has changed.
    pub version: i64,
    /// By endpoint, each list in the order in which they were made.
    pub endpoints: BTreeMap<String, Vec<KeptSecret>>,
    /// The servers that were heard of, in order of name.
    pub readers: Vec<SecretsReader>,
}

/// A server that accepts what is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretsReader {
    /// What it is called: a name that no other process has.
    pub name: String,
    /// The version it goes by.
    pub version: i64,
    /// When it was last heard of.
    pub seen_at: Timestamp,
}
