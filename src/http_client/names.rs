//! How names become addresses, and where the addresses are judged.
//!
//! The system's own configuration is read (`/etc/hosts`, `/etc/resolv.conf`), but the asking is done here, so that no blocking call
//! takes a thread and the answer passes through [`Judged`] on its way to the connection.

use std::{fmt::Debug, net::IpAddr, net::SocketAddr, sync::Arc};

use futures_util::future::BoxFuture;
use hickory_resolver::{
    TokioResolver,
    config::{LookupIpStrategy, ResolveHosts},
};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::OnceCell;

use super::Reach;

type Answer = Result<Vec<IpAddr>, Box<dyn std::error::Error + Send + Sync>>;

/// A source of addresses for names.
pub(super) trait Names: Debug + Send + Sync + 'static {
    /// All addresses that the name has now.
    fn addresses<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Answer>;
}

/// The names that the machine knows. Its configuration is read when the first name is asked for, so that a program whose targets
/// are all addresses needs none.
#[derive(Default)]
pub(super) struct SystemNames {
    resolver: OnceCell<TokioResolver>,
}

impl Debug for SystemNames {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SystemNames").finish_non_exhaustive()
    }
}

impl Names for SystemNames {
    fn addresses<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            let resolver = self
                .resolver
                .get_or_try_init(|| async {
                    let mut builder = TokioResolver::builder_tokio()?;
                    builder.options_mut().use_hosts_file = ResolveHosts::Always;
                    builder.options_mut().ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
                    builder.build()
                })
                .await?;
            Ok(resolver.lookup_ip(name).await?.iter().collect())
        })
    }
}

/// Gives a connection only those addresses of a name that it may go to.
#[derive(Debug)]
pub(super) struct Judged {
    names: Arc<dyn Names>,
    reach: Reach,
}

impl Judged {
    pub(super) fn new(names: Arc<dyn Names>, reach: Reach) -> Self {
        Self { names, reach }
    }
}

impl Resolve for Judged {
    fn resolve(&self, name: Name) -> Resolving {
        let (names, reach) = (Arc::clone(&self.names), self.reach);
        Box::pin(async move {
            let name = name.as_str();
            let (mut admitted, mut refused) = (Vec::new(), None);
            for address in names.addresses(name).await? {
                match reach.judge(address) {
                    Ok(()) => admitted.push(SocketAddr::new(address, 0)),
                    Err(error) => refused = Some(error),
                }
            }
            match refused {
                _ if !admitted.is_empty() => Ok(Box::new(admitted.into_iter()) as Addrs),
                Some(error) => Err(format!("`{name}` stands for an address that is refused: {error}").into()),
                None => Err(format!("`{name}` has no address").into()),
            }
        })
    }
}
