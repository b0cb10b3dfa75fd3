//! How names become addresses, and where the addresses are judged.
//!
//! The system's own configuration is read (`/etc/hosts`, `/etc/resolv.conf`), but the asking is done here, so that no blocking call
//! takes a thread and the answer passes through [`Judged`] on its way to the connection. A name that `/etc/hosts` has is answered by
//! that file alone, as the system itself does: a name server is not asked for the other family of addresses. Without
//! `/etc/resolv.conf` there is nobody to ask, and the names in `/etc/hosts` are all there are.

use std::{
    fmt::Debug,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use futures_util::future::BoxFuture;
use hickory_resolver::{
    Hosts, TokioResolver,
    config::{LookupIpStrategy, ResolveHosts},
    net::NetError,
    proto::{
        op::Query,
        rr::{self, RecordType},
    },
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
pub(super) struct SystemNames {
    hosts: OnceCell<Hosts>,
    servers: OnceCell<TokioResolver>,
    find_servers: fn() -> Result<TokioResolver, NetError>,
}

impl Default for SystemNames {
    fn default() -> Self {
        Self { hosts: OnceCell::new(), servers: OnceCell::new(), find_servers: servers_of_the_system }
    }
}

impl Debug for SystemNames {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SystemNames").finish_non_exhaustive()
    }
}

impl Names for SystemNames {
    fn addresses<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            // A machine without the file has no such names.
            let hosts = self.hosts.get_or_init(|| async { Hosts::from_system().unwrap_or_default() }).await;
            let listed = addresses_in(hosts, name);
            if !listed.is_empty() {
                return Ok(listed);
            }
            let servers = self.servers.get_or_try_init(|| async { (self.find_servers)() }).await.map_err(|error| {
                format!(
                    "`{name}` is not in `/etc/hosts`, and there is no name server to ask: cannot read `/etc/resolv.conf`: {error}"
                )
            })?;
            let found = servers.lookup_ip(name).await.map_err(|error| not_found(name, &error))?;
            Ok(found.iter().collect())
        })
    }
}

fn servers_of_the_system() -> Result<TokioResolver, NetError> {
    let mut builder = TokioResolver::builder_tokio()?;
    builder.options_mut().use_hosts_file = ResolveHosts::Never;
    builder.options_mut().ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    builder.build()
}

/// Whether there is no such name, or nobody who could tell.
fn not_found(name: &str, error: &NetError) -> String {
    if error.is_nx_domain() {
        format!("no such host `{name}`")
    } else if error.is_no_records_found() {
        format!("`{name}` has no address")
    } else {
        format!("the name server did not tell the address of `{name}`: {error}")
    }
}

/// The addresses of both families that the file lists for a name.
fn addresses_in(hosts: &Hosts, name: &str) -> Vec<IpAddr> {
    let Ok(name) = rr::Name::from_utf8(name) else { return Vec::new() };
    let of = |family| hosts.lookup_static_host(&Query::query(name.clone(), family));
    let found = [RecordType::A, RecordType::AAAA].into_iter().filter_map(of);
    found.flat_map(|lookup| lookup.answers().iter().filter_map(|record| record.data.ip_addr()).collect::<Vec<_>>()).collect()
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
            let admitted = admitted(&*names, reach, name.as_str()).await?;
            Ok(Box::new(admitted.into_iter().map(|address| SocketAddr::new(address, 0))) as Addrs)
        })
    }
}

/// Those addresses of a name that may be connected to; at least one.
pub(super) async fn admitted(names: &dyn Names, reach: Reach, name: &str) -> Answer {
    let (mut admitted, mut refused) = (Vec::new(), None);
    for address in names.addresses(name).await? {
        match reach.judge(address) {
            Ok(()) => admitted.push(address),
            Err(error) => refused = Some(error),
        }
    }
    match refused {
        _ if !admitted.is_empty() => Ok(admitted),
        Some(error) => Err(format!("`{name}` stands for an address that is refused: {error}").into()),
        None => Err(format!("`{name}` has no address").into()),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use hickory_resolver::{net::NoRecords, proto::op::ResponseCode};

    use super::*;

    /// A machine with this `/etc/hosts`, that finds its name servers so.
    fn machine(hosts: &str, find_servers: fn() -> Result<TokioResolver, NetError>) -> SystemNames {
        let mut listed = Hosts::default();
        listed.read_hosts_conf(hosts.as_bytes()).unwrap();
        SystemNames { hosts: OnceCell::new_with(Some(listed)), servers: OnceCell::new(), find_servers }
    }

    #[track_caller]
    fn check(found: &Answer, expected: &[&str]) {
        let found: Vec<String> = found.as_ref().unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(found, expected);
    }

    #[tokio::test]
    async fn a_name_in_the_file_is_answered_by_the_file_alone() {
        let hosts = "10.0.0.7 bot bot.internal\nfd00::7 six.internal\n10.0.0.8 both\nfd00::8 both # and a word\n";
        let names = machine(hosts, || panic!("a name server is asked for"));
        check(&names.addresses("bot.internal").await, &["10.0.0.7"]);
        check(&names.addresses("BOT.").await, &["10.0.0.7"]);
        check(&names.addresses("six.internal").await, &["fd00::7"]);
        check(&names.addresses("both").await, &["10.0.0.8", "fd00::8"]);
    }

    #[tokio::test]
    async fn without_name_servers_only_the_names_in_the_file_are_known() {
        let names = machine("10.0.0.7 bot\n", || Err(io::Error::from(io::ErrorKind::NotFound).into()));
        check(&names.addresses("bot").await, &["10.0.0.7"]);
        let told = names.addresses("hooks.example.com").await.unwrap_err().to_string();
        assert!(told.starts_with("`hooks.example.com` is not in `/etc/hosts`, and there is no name server to ask: "), "{told}");
        assert!(told.contains("`/etc/resolv.conf`") && told.contains("not found"), "{told}");
    }

    #[test]
    fn a_name_that_nobody_has_is_told_from_one_that_nobody_tells() {
        let none = |code| {
            let query = Query::query(rr::Name::from_utf8("hooks.example.com.").unwrap(), RecordType::A);
            NetError::from(NoRecords::new(query, code))
        };
        assert_eq!(not_found("hooks.example.com", &none(ResponseCode::NXDomain)), "no such host `hooks.example.com`");
        assert_eq!(not_found("hooks.example.com", &none(ResponseCode::NoError)), "`hooks.example.com` has no address");
        let silent = not_found("hooks.example.com", &NetError::Timeout);
        assert_eq!(silent, "the name server did not tell the address of `hooks.example.com`: request timed out");
    }
}
