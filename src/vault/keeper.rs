//! Keeps a running server's secrets the same as those in the store.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{Contents, ManagedSecret, Vault, VaultError};
use crate::{
    config::{Endpoint, EndpointSecret, Loaded, Problems},
    inbox::StoreError,
    shutdown::Shutdown,
};

/// How often the store is looked at.
const ROUND: Duration = Duration::from_secs(1);

/// How often a server says that it is still there; well below the silence that would mean it is not.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);

/// Tells a server which endpoints there are, each with all the secrets that are accepted there.
type Tell = dyn Fn(&[Endpoint]) + Send + Sync;

/// The task that looks after the secrets of a server.
pub struct Keeper {
    vault: Option<Vault>,
    name: String,
    tell: Box<Tell>,
    known: Mutex<Known>,
}

/// What is known of the endpoints: from the configuration, and from the store.
#[derive(Default)]
struct Known {
    configured: Vec<Endpoint>,
    managed: BTreeMap<String, Vec<ManagedSecret>>,
    version: Option<i64>,
    noted_at: Option<Instant>,
}

impl Keeper {
    /// Looks after these endpoints, and calls `tell` whenever there is something new about them. Without a vault, that is when
    /// the configuration changes; with one, when a secret in it does.
    pub fn new(vault: Option<Vault>, configured: &[Endpoint], tell: impl Fn(&[Endpoint]) + Send + Sync + 'static) -> Self {
        let known = Known { configured: configured.to_vec(), ..Known::default() };
        // Names are told apart, not kept secret: when there is no chance to be had, the number of the process will do.
        let name = getrandom::u64().unwrap_or_else(|_| u64::from(std::process::id()));
        Self { vault, name: format!("{name:016x}"), tell: Box::new(tell), known: Mutex::new(known) }
    }

    /// Takes in what the configuration says now.
    pub fn configure(&self, endpoints: &[Endpoint]) {
        let mut known = self.known();
        known.configured = endpoints.to_vec();
        self.tell(&known);
    }

    /// Checks that what a configuration wants can be had without a restart.
    ///
    /// # Errors
    /// When it has the first endpoint with managed secrets, and this process was started without a key for them.
    pub fn check(&self, loaded: &Loaded) -> Result<(), Problems> {
        let managed = loaded.config.endpoints.iter().position(|endpoint| endpoint.managed_secrets);
        match managed.filter(|_| self.vault.is_none()) {
            Some(index) => {
                let key = format!("endpoint[{index}].managed_secrets");
                let hint = "restart the program to take it into effect".to_owned();
                let found = "needs `store.secrets_key`, which takes effect at the next start only";
                Err(Problems::from(loaded.origins.problem_text(&key, found, hint)))
            }
            None => Ok(()),
        }
    }

    /// Looks into the store once: makes the secrets that are missing, accepts what is there, and notes that it is accepted.
    ///
    /// # Errors
    /// When the store cannot be used or was sealed with another key. What was accepted before still is.
    pub async fn look(&self) -> Result<(), VaultError> {
        let Some(vault) = &self.vault else { return Ok(()) };
        let managed = self.managed_endpoints();
        if managed.is_empty() {
            return Ok(());
        }
        let mut contents = vault.open().await?;
        if managed.iter().any(|endpoint| contents.of(endpoint).is_empty()) {
            for endpoint in &managed {
                vault.provide(endpoint).await?;
            }
            contents = vault.open().await?;
        }
        let version = contents.version;
        // The order is the point: what is noted is accepted already.
        if self.take_in(contents) {
            vault.note(&self.name, version).await?;
            self.known().noted_at = Some(Instant::now());
        }
        Ok(())
    }

    /// Looks again and again, until the end is asked for.
    ///
    /// # Errors
    /// When the store is broken, so that the program must end.
    pub async fn run(self: Arc<Self>, shutdown: Shutdown) -> Result<(), StoreError> {
        if self.vault.is_none() {
            shutdown.begun().await;
        }
        let mut failing = false;
        while !shutdown.has_begun() {
            match self.look().await {
                Ok(()) => failing = false,
                Err(VaultError::Store(error)) if error.is_fatal() => return Err(error),
                Err(error) => {
                    if !failing {
                        tracing::error!(%error, "cannot look after the managed secrets; those known before are still accepted");
                    }
                    failing = true;
                }
            }
            tokio::select! {
                () = tokio::time::sleep(ROUND) => {}
                () = shutdown.begun() => {}
            }
        }
        Ok(())
    }

    /// Accepts what the store holds. Whether there is something to note: a new version, or another sign of life.
    fn take_in(&self, contents: Contents) -> bool {
        let mut known = self.known();
        if known.version == Some(contents.version) {
            return known.noted_at.is_none_or(|at| at.elapsed() >= SIGN_OF_LIFE);
        }
        tracing::info!(secrets.version = contents.version, "the managed secrets have changed");
        (known.version, known.managed, known.noted_at) = (Some(contents.version), contents.endpoints, None);
        self.tell(&known);
        true
    }

    fn managed_endpoints(&self) -> Vec<Arc<str>> {
        let known = self.known();
        known.configured.iter().filter(|endpoint| endpoint.managed_secrets).map(|endpoint| Arc::clone(&endpoint.name)).collect()
    }

    fn tell(&self, known: &Known) {
        let endpoints: Vec<Endpoint> = known.configured.iter().map(|endpoint| with_managed(endpoint, &known.managed)).collect();
        (self.tell)(&endpoints);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").field("name", &self.name).field("vault", &self.vault).finish_non_exhaustive()
    }
}

/// An endpoint with all that is accepted there.
fn with_managed(endpoint: &Endpoint, managed: &BTreeMap<String, Vec<ManagedSecret>>) -> Endpoint {
    let mut endpoint = endpoint.clone();
    if endpoint.managed_secrets {
        let managed = managed.get(&*endpoint.name).into_iter().flatten();
        endpoint.secrets.extend(managed.map(|managed| EndpointSecret {
            secret: managed.secret.clone(),
            label: managed.label.clone(),
            not_after: managed.not_after,
        }));
    }
    endpoint
}
