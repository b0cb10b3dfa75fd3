//! `healthcheck`: can the server of this configuration take a notification now? For `HEALTHCHECK` in a container, which has no other
//! program to ask with.
//!
//! Who asks may end a server that is not well. So a server is never called unwell for what its file has become since it was started: of the
//! configuration only the address is read.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use http::{Method, StatusCode};
use serde_json::json;
use url::Url;

use super::{
    Format, Setup,
    failure::{Failure, Outcome},
    given::address,
    output,
};
use crate::{
    config,
    http_client::{Outgoing, Reach, Unanswered},
};

/// How long the server may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Ask a running server whether it can take notifications; exit code 0 if so, else 4
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Of the configuration only `server.listen` is read, from the environment or else from the file:
whatever else is wrong with the file, or if it is gone, a server that runs is asked. When `listen`
was changed in the file and the server has not been restarted yet, say with `--url` where it is.")]
pub(super) struct Arguments {
    /// What to ask, instead of `/readyz` at the configured address
    #[arg(long, value_parser = address)]
    url: Option<Url>,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(setup: &Setup<'_>, arguments: &Arguments) -> Outcome {
    let url = if let Some(url) = &arguments.url {
        url.clone()
    } else {
        let listen = config::listen(&setup.sources(Vec::new()));
        at(listen.ok_or_else(|| Failure::unreachable(anyhow::anyhow!("nothing says where the server listens")))?, "/readyz")?
    };
    let client = Outgoing::new(None)?.client(Reach::Everywhere)?;
    let answer = client.request(Method::GET, url.clone())?.timeout(PATIENCE).send().await;
    let (status, words) = match answer {
        Ok(answer) => (answer.status(), answer.text().await.unwrap_or_default()),
        Err(error) => {
            if arguments.format.json {
                output::json(&json!({ "ready": false, "url": url.as_str(), "status": null }))?;
            }
            let error = anyhow::Error::from(Unanswered::from(error)).context(format!("cannot reach `{url}`"));
            return Err(Failure::unreachable(error));
        }
    };
    let (ready, words) = (status == StatusCode::OK, output::plain(words.trim()));
    if arguments.format.json {
        output::json(&json!({ "ready": ready, "url": url.as_str(), "status": status.as_u16() }))?;
    } else if ready {
        output::talk(format_args!("ready: `{url}` answered {}", status.as_u16()));
    }
    if ready {
        return Ok(());
    }
    Err(Failure::unreachable(anyhow::anyhow!("not ready: `{url}` answered {}: {words}", status.as_u16())))
}

/// The URL of a path at a listener on this machine.
pub(super) fn at(listen: SocketAddr, path: &str) -> Result<Url, url::ParseError> {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    Url::parse(&format!("http://{}{path}", SocketAddr::new(ip, listen.port())))
}
