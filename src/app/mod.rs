//! The one place where the parts meet: configuration and registry become a running program.
//!
//! [`App::run`] is the whole program: it listens, works, tidies, and stops in order. A program that has an axum application of its own
//! takes [`App::ready`], [`App::work`], [`App::router`] and [`App::until_end`] instead, as `tests/examples/embed_router.rs` shows.

mod advice;
mod apple;
mod assembly;
mod details;
mod operator;
mod running;
mod socket;
mod unattended;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use axum::Router;
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::sync::Notify;

use self::{
    apple::AppleSide,
    assembly::assemble,
    details::{apps, enrichment},
    operator::OfWorker,
    socket::Socket,
    unattended::Lookout,
};
pub use self::{
    assembly::{check, client, handlers, load, voice},
    running::Running,
};
use crate::{
    asc,
    clock::{Clock, SystemClock},
    config::{Config, Loaded, Problem, Problems, StoreUrl},
    enrichment::Enrichment,
    handler::Registry,
    inbox::{
        Store, StoreError,
        sqlite::{Options, Sqlite},
        watched::Watched,
    },
    intake::Intake,
    recovery::{Plan, Recovery},
    server::{self, Apple, Desk, Limits, Live, Receiver},
    shutdown::Shutdown,
    telemetry::exposition::{self, Exposition},
    vault::{Keeper, Vault, VaultError},
    worker::{Worker, janitor::Janitor},
};

/// How long the tasks have to end after they were cut off.
const LAST_MOMENT: Duration = Duration::from_secs(1);

/// How long the store has to close. A disk that does not answer must not keep the program from ending.
const CLOSING: Duration = Duration::from_secs(3);

/// How often figures are folded together that nobody has come to read.
const TIDY_FIGURES: Duration = Duration::from_secs(5);

/// The program, put together and not yet running.
#[derive(Debug)]
pub struct App {
    config: ArcSwap<Config>,
    lookout: Arc<Lookout>,
    store: Arc<dyn Store>,
    intake: Arc<Intake>,
    receiver: Arc<Receiver>,
    worker: Arc<Worker>,
    clock: Arc<dyn Clock>,
    work: Arc<Notify>,
    figures: Exposition,
    asc: Option<Arc<asc::Client>>,
    recovery: Option<Arc<Recovery>>,
    enrichment: Option<Arc<Enrichment>>,
    keeper: Arc<Keeper>,
    apple: Option<Arc<AppleSide>>,
    desk: Arc<Desk>,
    shutdown: Shutdown,
}

impl App {
    /// Opens the configured store and builds every handler.
    ///
    /// # Errors
    /// When a handler cannot be built from its section, or the store cannot be opened.
    pub async fn new(loaded: &Loaded, registry: &Registry) -> Result<Self, AppError> {
        check(loaded, registry)?;
        let StoreUrl::Sqlite(path) = &loaded.config.store.url;
        let options = Options::new(path).reserve(loaded.config.store.reserve);
        let store = tokio::task::spawn_blocking(move || Sqlite::open(options)).await.map_err(|_| AppError::Died("store"))??;
        Self::with_store(loaded, registry, Arc::new(store), Arc::new(SystemClock::new()))
    }

    /// The same on a store and a clock of one's own.
    ///
    /// # Errors
    /// When a handler cannot be built from its section.
    pub fn with_store(
        loaded: &Loaded,
        registry: &Registry,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, AppError> {
        let (config, shutdown, work) = (&loaded.config, Shutdown::new(), Arc::new(Notify::new()));
        let (store, changes) = Watched::around(store);
        let store: Arc<dyn Store> = store;
        let asc = client(loaded, Arc::clone(&clock))?;
        let (lanes, routes) = assemble(loaded, registry, asc.clone(), Arc::clone(&clock))?;
        // The receiver keeps handles on its figures, so there must be something to record them.
        let figures = exposition::install();
        let intake = Arc::new(Intake::new(Arc::clone(&store), routes, Arc::clone(&clock), Arc::clone(&work)));
        let enrichment = enrichment(loaded, asc.as_ref(), &store)?;
        let worker = Worker::new(Arc::clone(&store), Arc::clone(&clock), Arc::clone(&work), lanes).enriched(enrichment.clone());
        let worker = Arc::new(worker);
        let (into, on, by) = (Arc::clone(&intake), Arc::clone(&store), Arc::clone(&clock));
        let recovery = asc.clone().map(|client| {
            let (into, on, by) = (Arc::clone(&intake), Arc::clone(&store), Arc::clone(&clock));
            Arc::new(Recovery::new(client, into, on, by, Plan::new(config)))
        });
        let receiver = Receiver::new(&config.endpoints, &config.server, into, on, by, &shutdown);
        let (told, vault) = (Arc::clone(&receiver), Vault::configured(&config.store, &store, &clock));
        let keeper = Arc::new(Keeper::new(vault, &config.endpoints, move |endpoints| told.reload(endpoints)));
        let live = Live::new(changes, &shutdown);
        let (on, by) = (Arc::clone(&store), Arc::clone(&clock));
        let apple = asc.clone().map(|client| Arc::new(AppleSide::new(client, Arc::clone(&on), Arc::clone(&by), config)));
        let desk = Desk::new(on, by, Arc::clone(&work), figures.clone(), &receiver, live, config);
        let desk = desk.asking(apple.clone().map(|apple| apple as Arc<dyn Apple>));
        let desk = Arc::new(desk.run_by(Arc::new(OfWorker(Arc::clone(&worker)))));
        let lookout = Lookout::new(&store, &clock, config);
        let config = ArcSwap::from_pointee(config.clone());
        Ok(Self {
            config,
            lookout,
            store,
            intake,
            receiver,
            worker,
            clock,
            work,
            figures,
            asc,
            recovery,
            enrichment,
            keeper,
            apple,
            desk,
            shutdown,
        })
    }

    /// The public routes: the endpoints and the health checks, to be nested or merged into an axum application of one's own.
    ///
    /// They are served once [`App::ready`] has returned. What only a listener can do (deadlines for heads and idle connections, the
    /// connection cap) is then up to that application.
    pub fn router(&self) -> Router {
        server::router(Arc::clone(&self.receiver))
    }

    /// The way in for authentic bytes that did not come over the public routes.
    pub fn intake(&self) -> &Intake {
        &self.intake
    }

    /// The way to ask App Store Connect, if there is a key. All who ask share it, and with it the pace.
    pub fn asc(&self) -> Option<&Arc<asc::Client>> {
        self.asc.as_ref()
    }

    /// The way to fetch back what was missed, if there is a key.
    pub fn recovery(&self) -> Option<&Arc<Recovery>> {
        self.recovery.as_ref()
    }

    /// What the operator's routes share.
    pub fn desk(&self) -> &Arc<Desk> {
        &self.desk
    }

    /// Where receipts are kept.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The handle on the program's end.
    pub fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }

    /// Learns what must be known before the first request is answered: the managed secrets, and what was refused before.
    ///
    /// [`App::start`] sees to it. Whoever serves [`App::router`] calls it first: until then, what Apple signs with a managed secret is
    /// refused.
    ///
    /// # Errors
    /// When the store cannot be read, or its secrets were sealed with another key.
    pub async fn ready(&self) -> Result<(), AppError> {
        self.keeper.look().await?;
        self.receiver.recall().await?;
        Ok(())
    }

    /// Starts handling what is kept, and looking after managed secrets, until the end is asked for.
    ///
    /// What it returns is for [`App::until_end`], which hears when the program can no longer do what it promises.
    pub fn work(&self) -> Running {
        let retention = self.config.load().store.retention;
        let janitor = Janitor::new(Arc::clone(&self.store), Arc::clone(&self.clock), Arc::clone(&self.work), retention);
        let (until, mut running) = (|| self.shutdown.clone(), Running::none(&self.shutdown));
        running.start("worker", Arc::clone(&self.worker).run(until()));
        running.start("janitor", janitor.run(until()));
        running.start("desk", Arc::clone(&self.desk).watch(until()));
        running.start("lookout", Arc::clone(&self.lookout).run(until()));
        running.start("recorder", tidy_figures(self.figures.clone(), until()));
        running.start("keeper", Arc::clone(&self.keeper).run(until()));
        if let Some(recovery) = &self.recovery {
            running.start("recovery", Arc::clone(recovery).run(until()));
        }
        running
    }

    /// Runs the whole program until the end is asked for, and sees to it that it ends within the configured grace period.
    ///
    /// # Errors
    /// When an address cannot be listened on, or when the program must end because the store is broken or a part of it died.
    pub async fn run(&self) -> Result<(), AppError> {
        let running = self.start().await?;
        self.until_end(running).await
    }

    /// Listens and begins to work: the first half of [`App::run`]. From here on notifications are taken.
    ///
    /// # Errors
    /// When an address cannot be listened on.
    pub async fn start(&self) -> Result<Running, AppError> {
        let config = self.config.load_full();
        self.ready().await?;
        Ok(self.listen(&config).await?.and(self.work()))
    }

    /// Waits until the end is asked for, and sees to it: the second half of [`App::run`].
    ///
    /// The end comes within the configured grace period and a few seconds more, and all that was spawned through [`App::shutdown`] has
    /// ended then or is given up. After a failure there is no grace: what is in memory may differ from what is on disk.
    ///
    /// # Errors
    /// When the program must end because the store is broken or a part of it died.
    pub async fn until_end(&self, running: Running) -> Result<(), AppError> {
        let mut ends = running.ends();
        let ended = tokio::select! {
            () = self.shutdown.begun() => Ok(()),
            error = self.receiver.fatal() => Err(AppError::Store(error)),
            Some(end) = ends.next() => match end {
                Ok(part) if !self.shutdown.has_begun() => Err(AppError::Died(part)),
                end => end.map(drop),
            },
        };
        let grace = if ended.is_ok() { self.config.load().server.shutdown_grace } else { Duration::ZERO };
        let closed = self.stop(grace).await;
        // Much can break while what is under way comes to its end.
        let mut broken = ended.err().or_else(|| self.receiver.fatal().now_or_never().map(AppError::Store));
        while let Some(Some(end)) = ends.next().now_or_never() {
            broken = broken.or(end.err());
        }
        broken.map_or_else(|| closed.map_err(AppError::Store), Err)
    }

    async fn listen(&self, config: &Config) -> Result<Running, AppError> {
        // Both or none: nothing is taken on before it is certain that the program can start.
        let public = Socket::bind("public", config.server.listen).await?;
        let admin = match config.admin.listen {
            Some(address) => Some(Socket::bind("admin", address).await?),
            None => None,
        };
        let mut running = Running::none(&self.shutdown);
        public.serve(self.router(), Limits::public(&config.server), Some(&self.receiver), &self.shutdown, &mut running);
        if let Some(admin) = admin {
            let router = server::admin_router(Arc::clone(&self.receiver), Arc::clone(&self.desk));
            admin.serve(router, Limits::admin(&config.server), None, &self.shutdown, &mut running);
        }
        Ok(running)
    }

    /// Ends everything, within the grace period and a few seconds more. Fails if the store is broken.
    async fn stop(&self, grace: Duration) -> Result<(), StoreError> {
        let shutdown = &self.shutdown;
        shutdown.begin();
        tracing::info!(grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX), "stopping: nothing new is taken on");
        if !shutdown.finished(grace).await {
            tracing::warn!(
                "the grace period is over: attempts that are still under way are cut off and made again at the next start; requests stay unanswered"
            );
            shutdown.cut_off();
            if !shutdown.finished(LAST_MOMENT).await {
                tracing::warn!("something does not end even so; it ends with the process");
            }
        }
        let slow = || Err(StoreError::Unavailable(format!("it did not close within {CLOSING:?}")));
        let closed = tokio::time::timeout(CLOSING, self.store.close()).await.unwrap_or_else(|_| slow());
        if let Err(error) = &closed {
            tracing::warn!(error = %error, "the store did not close in order; what was acknowledged is in its file");
        }
        tracing::info!("stopped");
        closed.or_else(|error| if error.is_fatal() { Err(error) } else { Ok(()) })
    }

    /// Takes a new configuration into effect without dropping a request: endpoints, secrets and handlers. What only takes effect
    /// at the next start is returned as warnings.
    ///
    /// # Errors
    /// When a handler cannot be built; then nothing has changed.
    pub fn reload(&self, loaded: &Loaded, registry: &Registry) -> Result<Vec<Problem>, Problems> {
        let (lanes, routes) = assemble(loaded, registry, self.asc.clone(), Arc::clone(&self.clock))?;
        self.keeper.check(loaded)?;
        let running = self.config.load();
        let waiting = running.waiting_for_restart(&loaded.config).into_iter();
        let warnings = waiting.map(|key| {
            let hint = "restart the program to take it into effect".to_owned();
            loaded.origins.problem_text(key, "takes effect at the next start only", hint)
        });
        let warnings = warnings.collect();
        self.intake.reroute(routes);
        self.worker.replace(lanes);
        self.keeper.configure(&loaded.config.endpoints);
        let config = running.reloaded(&loaded.config);
        if let Some(recovery) = &self.recovery {
            recovery.follow(Plan::new(&config));
        }
        if let Some(enrichment) = &self.enrichment {
            enrichment.replace(apps(&config));
        }
        if let Some(apple) = &self.apple {
            apple.follow(&config);
        }
        self.desk.follow(&config);
        self.lookout.follow(&config);
        self.config.store(Arc::new(config));
        Ok(warnings)
    }
}

async fn tidy_figures(figures: Exposition, shutdown: Shutdown) -> Result<(), StoreError> {
    while !shutdown.has_begun() {
        figures.tidy_up();
        tokio::select! {
            () = tokio::time::sleep(TIDY_FIGURES) => {}
            () = shutdown.begun() => {}
        }
    }
    Ok(())
}

/// Why the program cannot start, or must end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppError {
    /// The handlers cannot be built.
    #[error(transparent)]
    Config(#[from] Problems),
    /// The managed secrets cannot be had.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The store cannot be opened, or is broken.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An address cannot be listened on.
    #[error("cannot listen on `{address}` ({name})")]
    Listen {
        /// Which listener.
        name: &'static str,
        /// Its address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// A part of the program ended that should run until the end.
    #[error("the {0} ended unexpectedly")]
    Died(&'static str),
}
