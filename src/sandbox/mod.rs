//! A local App Store Connect: what our tests use as Apple, and what a user tries the product with.
//!
//! [`Sandbox::start`] opens one port. Behind it is the REST API that manages webhooks, with tokens checked against a key that
//! the sandbox makes itself; a sender that signs real notifications and posts them to whatever is registered, once each, as Apple
//! does; apps whose versions and builds can be driven through their states ([`Scenario`]); faults on demand ([`Fault`]); and a page
//! with buttons for all of that. The [`Running`] sandbox can be driven from Rust too.
//!
//! Everything is in memory and ends with the process. It is not a mock: it answers to any client of Apple's API over a real socket. It
//! is no place for real secrets either: it speaks plain HTTP, and whoever reaches its port may press its buttons. Unless told
//! otherwise it sends to loopback only.

mod api;
mod budget;
mod catalog;
mod connect;
mod control;
mod faults;
mod page;
mod running;
mod scenario;
mod seed;
mod sender;
mod state;
mod stock;
mod token;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::net::TcpListener;

use self::connect::Connect;
pub use self::{
    catalog::{APPS, App, MARKETPLACE},
    faults::{Fault, Mishap, Often, UnknownMishap},
    running::{Delivered, Drive, NoSuchApp, Refused, Running, StepTaken},
    scenario::{Scenario, UnknownScenario},
    token::{ApiKey, Role},
};
use crate::{clock::Clock, http_client::OutgoingError, secret::Secret, shutdown::Shutdown};

/// How a sandbox is to be.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// Where it listens. Port 0 takes any that is free.
    pub listen: SocketAddr,
    /// Where it has the time from.
    pub clock: Arc<dyn Clock>,
    /// What its ids and its chance are drawn from. The ids of apps and keys are the same in every sandbox.
    pub seed: u64,
    /// How many requests each key may make in an hour.
    pub hourly_limit: usize,
    /// How long it waits for an answer to a notification.
    pub patience: Duration,
    /// Where it sends to.
    pub reach: Reach,
    /// The private key of the team key in PEM, from an earlier run. None makes a new one.
    pub private_key_pem: Option<Secret>,
}

/// Where notifications may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reach {
    /// This machine only. A webhook with another address can be registered, but its deliveries fail.
    Loopback,
    /// Anywhere.
    Anywhere,
}

impl Settings {
    /// A sandbox with Apple's rate limit that sends to loopback only.
    pub fn new(listen: SocketAddr, clock: Arc<dyn Clock>) -> Self {
        Self {
            listen,
            clock,
            seed: 1,
            hourly_limit: 3_500,
            patience: Duration::from_secs(10),
            reach: Reach::Loopback,
            private_key_pem: None,
        }
    }

    /// Draws the ids of what happens from chance, so that they differ from those of every other sandbox.
    ///
    /// # Errors
    /// When the operating system has no random bytes.
    pub fn with_random_seed(mut self) -> Result<Self, StartError> {
        let mut seed = [0; 8];
        getrandom::fill(&mut seed).map_err(|_| StartError::Random)?;
        self.seed = u64::from_ne_bytes(seed);
        Ok(self)
    }
}

/// A local App Store Connect.
#[derive(Debug)]
pub struct Sandbox;

impl Sandbox {
    /// Opens the port and begins to serve. It serves until `shutdown` begins.
    ///
    /// # Errors
    /// When the port cannot be had, or a key cannot be made.
    pub async fn start(settings: Settings, shutdown: &Shutdown) -> Result<Running, StartError> {
        let cannot_listen = |error| StartError::Listen { address: settings.listen, error };
        let listener = TcpListener::bind(settings.listen).await.map_err(cannot_listen)?;
        let address = listener.local_addr().map_err(cannot_listen)?;
        let connect = Arc::new(Connect::new(settings, address, shutdown)?);
        let router = api::routes(&connect).merge(control::routes()).merge(page::routes()).with_state(Arc::clone(&connect));
        let (until, cut_off) = (shutdown.clone(), shutdown.hard().clone());
        shutdown.spawn(async move {
            let serving = axum::serve(listener, router).with_graceful_shutdown(async move { until.begun().await });
            tokio::select! {
                served = serving => {
                    if let Err(error) = served {
                        tracing::error!("the sandbox has stopped serving: {error}");
                    }
                }
                () = cut_off.cancelled() => {}
            }
        });
        Ok(Running::new(connect))
    }
}

/// Why a sandbox does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on `{address}`")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the operating system says.
        #[source]
        error: std::io::Error,
    },
    /// The operating system has no random bytes to make a key or an id of.
    #[error("cannot make a key or an id: the operating system gives no random bytes")]
    Random,
    /// The private key that was given is not one.
    #[error("the private key is not a P-256 key in PKCS #8, as Apple's `.p8` files are")]
    Key,
    /// The client that sends notifications cannot be made.
    #[error(transparent)]
    Client(#[from] OutgoingError),
}
