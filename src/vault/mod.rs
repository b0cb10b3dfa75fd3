//! The secrets that the program makes itself: kept in the store, sealed with `store.secrets_key`, and changed without a gap.
//!
//! An endpoint with `managed_secrets` has secrets that nobody has to make, write down or mount: the server makes the first one,
//! `webhooks apply` hands it to Apple, and `webhooks rotate-secret` puts another in its place. All of them are accepted, in each of
//! these states, so at no moment does it matter how far Apple has come:
//!
//! ```text
//!            made                 Apple signs with it              another took its place, and the grace period is over
//!   (none) ───────► Next ──────────────► Current ──────► Retiring ─────────────────────────────────────────────────────► (none)
//!                 prepare                        settle
//! ```
//!
//! [`Vault`] opens and changes what is kept. The [`Keeper`] of a running server looks every second, accepts what it finds, and then notes in the
//! store which version it goes by: so a command in another process can wait until every server accepts a secret before Apple is told.
//!
//! Whoever has the store without the key has nothing. Nothing is made anew because a key does not fit: that may be a slip, and the server says
//! so and does not start. Where a key is lost, the secrets are taken out of the store by hand, and new ones are made and handed to Apple.

mod keeper;
mod seal;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};

pub use self::keeper::Keeper;
use self::seal::Seal;
use crate::{
    clock::Clock,
    config,
    inbox::{
        Store, StoreError,
        secrets::{KeptSecret, KeptSecrets, SecretState, SecretsReader},
    },
    secret::Secret,
};

/// A server that was not heard of for so long is not running any more.
const SILENCE: SignedDuration = SignedDuration::from_secs(30);

/// How often a change is tried anew because another came between.
const TRIES: usize = 16;

/// Where managed secrets are.
#[derive(Clone, Debug)]
pub struct Vault {
    store: Arc<dyn Store>,
    seal: Arc<Seal>,
    clock: Arc<dyn Clock>,
}

/// A managed secret, opened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ManagedSecret {
    /// What it is called in logs and receipts.
    pub label: String,
    /// What it is there for.
    pub state: SecretState,
    /// The secret.
    pub secret: Secret,
    /// When it was made.
    pub made_at: Timestamp,
    /// When it ceases to be accepted.
    pub not_after: Option<Timestamp>,
}

/// All that a vault holds, opened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Contents {
    /// How often any of it has changed.
    pub version: i64,
    /// The secrets of each endpoint, in the order in which they were made.
    pub endpoints: BTreeMap<String, Vec<ManagedSecret>>,
    /// The servers that are running.
    pub servers: Vec<SecretsReader>,
}

impl Contents {
    /// The secrets of an endpoint; empty if it has none.
    pub fn of(&self, endpoint: &str) -> &[ManagedSecret] {
        self.endpoints.get(endpoint).map_or(&[], Vec::as_slice)
    }

    /// The secret of an endpoint in this state.
    pub fn find(&self, endpoint: &str, state: SecretState) -> Option<&ManagedSecret> {
        self.of(endpoint).iter().find(|secret| secret.state == state)
    }
}

impl Vault {
    /// The vault in a store, opened with a key.
    pub fn new(store: Arc<dyn Store>, key: &Secret, clock: Arc<dyn Clock>) -> Self {
        Self { store, seal: Arc::new(Seal::new(key)), clock }
    }

    /// The vault in a store, if there is a key for it in the configuration.
    pub fn configured(config: &config::Store, store: &Arc<dyn Store>, clock: &Arc<dyn Clock>) -> Option<Self> {
        Some(Self::new(Arc::clone(store), config.secrets_key.as_ref()?, Arc::clone(clock)))
    }

    /// Opens all of it.
    ///
    /// # Errors
    /// When the store cannot be read, or holds something that was sealed with another key.
    pub async fn open(&self) -> Result<Contents, VaultError> {
        let KeptSecrets { version, endpoints: kept, readers } = self.store.secrets().await?;
        let mut endpoints = BTreeMap::new();
        for (endpoint, secrets) in kept {
            let opened: Result<Vec<_>, _> = secrets.iter().map(|kept| self.opened(&endpoint, kept)).collect();
            endpoints.insert(endpoint, opened?);
        }
        let heard_since = self.clock.now().saturating_sub(SILENCE).unwrap_or(Timestamp::MIN);
        let servers = readers.into_iter().filter(|reader| reader.seen_at >= heard_since).collect();
        Ok(Contents { version, endpoints, servers })
    }

    /// Sees to it that an endpoint has a secret.
    pub async fn provide(&self, endpoint: &str) -> Result<(), VaultError> {
        let first = |kept: &[KeptSecret]| if kept.is_empty() { self.with_next(endpoint, kept).map(Some) } else { Ok(None) };
        self.change(endpoint, first).await
    }

    /// Sees to it that an endpoint has a secret that Apple may be told: one that was made before and never settled, or a new one.
    pub async fn prepare(&self, endpoint: &str) -> Result<(), VaultError> {
        let is_next = |kept: &KeptSecret| kept.state == SecretState::Next;
        let next = |kept: &[KeptSecret]| {
            if kept.iter().any(is_next) { Ok(None) } else { self.with_next(endpoint, kept).map(Some) }
        };
        self.change(endpoint, next).await
    }

    /// Makes the next secret the current one, because Apple signs with it. The one before is accepted until the grace period is over.
    ///
    /// Says until when; none if there was none before. Doing it twice changes nothing.
    ///
    /// # Errors
    /// [`VaultError::Gone`] when there is no secret of that name any more.
    pub async fn settle(&self, endpoint: &str, label: &str, grace: Duration) -> Result<Option<Timestamp>, VaultError> {
        let grace = SignedDuration::try_from(grace).unwrap_or(SignedDuration::MAX);
        let until = self.clock.now().saturating_add(grace).unwrap_or(Timestamp::MAX);
        let settled = |kept: &[KeptSecret]| {
            let named = kept.iter().find(|secret| secret.label == label);
            match named.map(|secret| secret.state) {
                Some(SecretState::Next) => Ok(Some(settled(kept, label, until))),
                Some(SecretState::Current) => Ok(None),
                _ => Err(VaultError::Gone { endpoint: endpoint.to_owned(), label: label.to_owned() }),
            }
        };
        self.change(endpoint, settled).await?;
        let contents = self.open().await?;
        let retiring = contents.of(endpoint).iter().filter(|secret| secret.state == SecretState::Retiring);
        Ok(retiring.filter_map(|secret| secret.not_after).max())
    }

    /// Notes that the server of this name goes by a version.
    pub(crate) async fn note(&self, name: &str, version: i64) -> Result<(), VaultError> {
        let reader = SecretsReader { name: name.to_owned(), version, seen_at: self.clock.now() };
        Ok(self.store.note_secrets_reader(reader).await?)
    }

    /// Replaces the secrets of an endpoint by what `change` makes of them; it is asked again when another change came between, and
    /// leaves them alone by returning none.
    async fn change<F>(&self, endpoint: &str, change: F) -> Result<(), VaultError>
    where
        F: Fn(&[KeptSecret]) -> Result<Option<Vec<KeptSecret>>, VaultError>,
    {
        for _ in 0..TRIES {
            let mut kept = self.store.secrets().await?;
            let secrets = kept.endpoints.remove(endpoint).unwrap_or_default();
            let Some(changed) = change(&secrets)? else { return Ok(()) };
            if self.store.keep_secrets(endpoint, changed, kept.version).await? {
                return Ok(());
            }
        }
        Err(VaultError::Contended)
    }

    fn with_next(&self, endpoint: &str, kept: &[KeptSecret]) -> Result<Vec<KeptSecret>, VaultError> {
        let now = self.clock.now();
        let number =
            kept.iter().filter_map(|secret| secret.label.strip_prefix("managed-")?.parse::<u64>().ok()).max().unwrap_or(0) + 1;
        let label = format!("managed-{number}");
        let secret = Secret::generate().map_err(|_| VaultError::NoRandom)?;
        let sealed = self.seal.seal(&[endpoint, &label], &secret).ok_or(VaultError::NoRandom)?;
        let next = KeptSecret { label, state: SecretState::Next, sealed, made_at: now, not_after: None };
        let is_over = |secret: &&KeptSecret| secret.not_after.is_some_and(|end| end < now);
        Ok(kept.iter().filter(|secret| !is_over(secret)).cloned().chain([next]).collect())
    }

    fn opened(&self, endpoint: &str, kept: &KeptSecret) -> Result<ManagedSecret, VaultError> {
        let KeptSecret { label, state, sealed, made_at, not_after } = kept;
        let secret = self.seal.open(&[endpoint, label], sealed);
        let secret = secret.ok_or_else(|| VaultError::Sealed { endpoint: endpoint.to_owned(), label: label.clone() })?;
        Ok(ManagedSecret { label: label.clone(), state: *state, secret, made_at: *made_at, not_after: *not_after })
    }
}

fn settled(kept: &[KeptSecret], label: &str, until: Timestamp) -> Vec<KeptSecret> {
    let mut secrets = kept.to_vec();
    for secret in &mut secrets {
        if secret.label == label {
            secret.state = SecretState::Current;
        } else if secret.state == SecretState::Current {
            (secret.state, secret.not_after) = (SecretState::Retiring, Some(until));
        }
    }
    secrets
}

/// Why managed secrets cannot be had or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is kept was sealed with another key, or was changed since.
    #[error("the secret `{label}` of the endpoint `{endpoint}` was not sealed with the present `store.secrets_key`")]
    Sealed {
        /// The endpoint.
        endpoint: String,
        /// What the secret is called.
        label: String,
    },
    /// There is no such secret any more.
    #[error("the endpoint `{endpoint}` has no secret `{label}` any more: another command has changed its secrets")]
    Gone {
        /// The endpoint.
        endpoint: String,
        /// What the secret was called.
        label: String,
    },
    /// Others change the secrets all the time.
    #[error("the secrets in the store are being changed by somebody else")]
    Contended,
    /// The operating system has no random bytes to give.
    #[error("the operating system has no random bytes to give")]
    NoRandom,
}

#[cfg(test)]
mod tests;
