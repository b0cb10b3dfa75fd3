//! Hands managed secrets to Apple, and never one that a running server would refuse.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::Unproven;
use crate::{
    config::Config,
    inbox::secrets::SecretState,
    vault::{ManagedSecret, Vault, VaultError},
};

/// How often the store is asked whether the servers have taken notice. They look once a second themselves.
const ROUND: Duration = Duration::from_millis(100);

/// How long to wait for a server to be heard of.
const FIRST_SIGN: Duration = Duration::from_secs(3);

/// How long to wait for every server that was heard of. Longer than one that has died is still counted.
const PATIENCE: Duration = Duration::from_secs(45);

/// The endpoints whose managed secret Apple is not known to have.
pub async fn unproven(config: &Config, vault: &Vault) -> Result<Unproven, VaultError> {
    let contents = vault.open().await?;
    let managed = config.endpoints.iter().filter(|endpoint| endpoint.managed_secrets);
    let without = managed.filter(|endpoint| contents.find(&endpoint.name, SecretState::Current).is_none());
    Ok(without.map(|endpoint| Arc::clone(&endpoint.name)).collect())
}

/// The secret that the webhook of an endpoint is to sign with. When it is returned, every running server accepts it.
///
/// Once Apple has it, [`Vault::settle`] says so.
pub async fn to_hand_over(vault: &Vault, endpoint: &str) -> Result<ManagedSecret, NotAccepted> {
    vault.provide(endpoint).await?;
    let contents = vault.open().await?;
    let found = [SecretState::Current, SecretState::Next].into_iter().find_map(|state| contents.find(endpoint, state));
    let secret = found.cloned().ok_or_else(|| VaultError::Gone { endpoint: endpoint.to_owned(), label: "managed-1".to_owned() })?;
    // The current one was accepted before Apple got it, and whoever starts looks before it answers.
    if secret.state == SecretState::Next {
        until_accepted(vault, contents.version).await?;
    }
    Ok(secret)
}

/// Waits until every running server goes by this version of the secrets, or a later one. Says how many servers there are.
pub(super) async fn until_accepted(vault: &Vault, version: i64) -> Result<usize, NotAccepted> {
    let begun = Instant::now();
    loop {
        let servers = vault.open().await?.servers;
        let behind = servers.iter().filter(|server| server.version < version).count();
        if behind == 0 && !servers.is_empty() {
            return Ok(servers.len());
        }
        if servers.is_empty() && begun.elapsed() >= FIRST_SIGN {
            return Err(NotAccepted::NoServer);
        }
        if begun.elapsed() >= PATIENCE {
            return Err(NotAccepted::Behind { behind, servers: servers.len() });
        }
        tokio::time::sleep(ROUND).await;
    }
}

/// Why a secret cannot be handed to Apple.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotAccepted {
    /// The secrets cannot be had.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// Nobody would accept it.
    #[error("no server is running on this store, so nobody would accept a new secret")]
    NoServer,
    /// Somebody would refuse it.
    #[error("{behind} of {servers} servers have not taken notice of the new secret within {} s", PATIENCE.as_secs())]
    Behind {
        /// How many have not.
        behind: usize,
        /// How many there are.
        servers: usize,
    },
}
