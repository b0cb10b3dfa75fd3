//! What is owed to handlers that are not in the configuration: the log says so at the start and whenever a configuration is loaded.
//!
//! Such dispatches wait, and nothing fails. Whoever renamed a handler would not hear of them otherwise until somebody looks.

use std::sync::Arc;

use tokio::sync::watch;

use crate::{
    clock::Clock,
    config::Config,
    inbox::{Store, StoreError},
    shutdown::Shutdown,
};

/// Looks for what nobody attends to.
#[derive(Debug)]
pub(super) struct Lookout {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    configured: watch::Sender<Vec<Arc<str>>>,
}

impl Lookout {
    /// One that goes by the handlers of this configuration.
    pub(super) fn new(store: &Arc<dyn Store>, clock: &Arc<dyn Clock>, config: &Config) -> Arc<Self> {
        let (configured, _) = watch::channel(names(config));
        Arc::new(Self { store: Arc::clone(store), clock: Arc::clone(clock), configured })
    }

    /// Goes by another configuration from now on, and looks again.
    pub(super) fn follow(&self, config: &Config) {
        self.configured.send_replace(names(config));
    }

    /// Looks at what is owed now and after each new configuration, until the end is asked for.
    pub(super) async fn run(self: Arc<Self>, shutdown: Shutdown) -> Result<(), StoreError> {
        let mut configured = self.configured.subscribe();
        while !shutdown.has_begun() {
            let names = configured.borrow_and_update().clone();
            match self.store.stats(self.clock.now()).await {
                Ok(stats) => {
                    for of in stats.unattended(|name| names.iter().any(|known| **known == *name)) {
                        let (count, name) = (of.owed(), &of.handler);
                        let (are, them) = if count == 1 { ("dispatch is", "it") } else { ("dispatches are", "them") };
                        tracing::warn!("{count} {are} owed to `{name}`, which is not in the configuration: nobody handles {them}");
                    }
                }
                Err(error) if error.is_fatal() => return Err(error),
                Err(error) => tracing::warn!("it cannot be told whether a handler is missing to which something is owed: {error}"),
            }
            tokio::select! {
                _ = configured.changed() => {}
                () = shutdown.begun() => {}
            }
        }
        Ok(())
    }
}

fn names(config: &Config) -> Vec<Arc<str>> {
    config.handlers.iter().map(|handler| Arc::clone(&handler.name)).collect()
}
