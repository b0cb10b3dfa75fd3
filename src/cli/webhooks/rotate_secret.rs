//! `webhooks rotate-secret`: a new secret for a webhook, with no request of Apple's refused on the way.

use std::{sync::Arc, time::Duration};

use serde_json::json;

use super::{
    super::{
        Format, Outcome,
        failure::{Failure, asked},
        given::duration,
        output, registered, vault,
    },
    apply::not_accepted,
};
use crate::{
    asc::Client,
    config::{Config, Endpoint},
    inbox::Store,
    registration::{Outlook, Progress, Rotation, RotationError},
};

/// Give the webhook of an endpoint a new secret, without a gap
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A new secret is made, every running server accepts it beside the old one, Apple is told, a ping is
seen to bear it, and the old one is accepted for the grace period. Interrupted anywhere, nothing is
refused: run it again, and it goes on.
This is for endpoints with `managed_secrets = true`; for others it says what to do by hand.")]
pub(in crate::cli) struct Arguments {
    /// The name of the endpoint
    name: String,
    /// How long the old secret is still accepted once the new one was seen
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration)]
    grace: Duration,
    /// Change nothing: say what would be done
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(config: &Config, client: &Client, arguments: &Arguments) -> Outcome {
    let endpoint = registered::endpoint(config, &arguments.name)?;
    if !endpoint.managed_secrets {
        return Err(by_hand(endpoint));
    }
    let (store, vault) = vault(config)?;
    let store: Arc<dyn Store> = store;
    let rotation = Rotation { config, client, vault: &vault, store: &*store };
    if arguments.dry_run {
        let outlook = rotation.outlook(endpoint).await.map_err(failure)?;
        if arguments.format.json {
            output::json(&outlook)?;
        } else {
            output::line(steps(&outlook, arguments.grace))?;
        }
        output::talk("nothing was changed: without `--dry-run`, these steps are done");
        return Ok(());
    }
    let mut done = Vec::new();
    let mut tell = |progress: Progress| {
        output::talk(&progress);
        done.push(progress);
    };
    rotation.run(endpoint, arguments.grace, &mut tell).await.map_err(failure)?;
    if arguments.format.json {
        output::json(&json!({ "endpoint": endpoint.name, "steps": done }))?;
    }
    Ok(())
}

/// What would be done, as people read it.
fn steps(outlook: &Outlook, grace: Duration) -> String {
    let Outlook { endpoint, webhook, current, next, servers, .. } = outlook;
    let first = match next {
        Some(next) => format!("go on with the secret `{next}`, which was made before and is not in use yet"),
        None => format!("make a secret for the endpoint `{endpoint}` and keep it in the store"),
    };
    let last = match current {
        Some(current) => format!("accept `{current}` for {} more", humantime::format_duration(grace)),
        None => "take it for the current one".to_owned(),
    };
    let servers = match servers {
        0 => "(none is running: start one first)".to_owned(),
        servers => format!("(running: {servers})"),
    };
    [
        first,
        format!("wait until every running server accepts it {servers}"),
        format!("give it to the webhook `{}`", webhook.id),
        "ask Apple for a ping, and wait until one is received that was signed with it".to_owned(),
        last,
    ]
    .iter()
    .zip(1..)
    .map(|(step, number)| format!("{number}. {step}"))
    .collect::<Vec<_>>()
    .join("\n")
}

/// What to do about an endpoint whose secrets stand in the configuration, which this program does not write.
fn by_hand(endpoint: &Endpoint) -> Failure {
    let name = &endpoint.name;
    Failure::new(format!("the secrets of the endpoint `{name}` are given in the configuration, which this command does not write"))
        .hint(
            "by hand, without a gap:\n\
             \x20 1. make a secret (`openssl rand -base64 32`), and list it in `secrets` beside the old one\n\
             \x20 2. send SIGHUP to the server: it accepts both\n\
             \x20 3. give the new one to Apple: `asc-webhooks webhooks update ID --secret-file FILE`, or in App Store Connect\n\
             \x20 4. have Apple send a ping: `asc-webhooks webhooks ping ID` says which secret it was signed with\n\
             \x20 5. some minutes later, take the old one out, and send SIGHUP again\n\
             or write `managed_secrets = true` into the endpoint, and this command does all of it"
                .to_owned(),
        )
}

fn failure(error: RotationError) -> Failure {
    let hint = match &error {
        RotationError::NoWebhook { .. } | RotationError::NotServing { .. } => Some("`asc-webhooks webhooks apply` mends that"),
        RotationError::NotSeen { .. } => Some("`webhooks ping` and the server's log tell why; run this again, and it goes on"),
        _ => Some("run this again, and it goes on"),
    };
    match error {
        RotationError::Apple(error) => asked(error),
        RotationError::NotAccepted(error) => not_accepted(error),
        error @ (RotationError::NotSeen { .. } | RotationError::Store(_)) => {
            Failure::unreachable(error).hint(hint.map(str::to_owned))
        }
        error => Failure::from(error).hint(hint.map(str::to_owned)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asc::webhook::Webhook;

    #[test]
    fn what_would_be_done_reads_well() {
        let webhook = Webhook { id: "w1".to_owned(), name: None, url: None, enabled: None, events: None, app_id: None };
        let current = Some("managed-1".to_owned());
        let first = Outlook { endpoint: "my-app".into(), webhook, current, next: None, servers: 2 };
        let resumed = Outlook { current: None, next: Some("managed-2".to_owned()), servers: 0, ..first.clone() };
        let words = [&first, &resumed].map(|outlook| steps(outlook, Duration::from_mins(10)));
        insta::assert_snapshot!("webhooks_rotate_secret", words.join("\n\n"));
    }

    #[test]
    fn every_step_reads_well() {
        let until = Some("2026-11-21T08:40:00Z".parse().unwrap());
        let steps = [
            Progress::Prepared { label: "managed-2".to_owned(), resumed: false },
            Progress::Prepared { label: "managed-2".to_owned(), resumed: true },
            Progress::Accepted { servers: 1 },
            Progress::Accepted { servers: 3 },
            Progress::Told { webhook: "w1".to_owned() },
            Progress::Pinged,
            Progress::Seen { receipt: crate::inbox::ReceiptId(42) },
            Progress::Settled { old_until: until },
            Progress::Settled { old_until: None },
        ];
        insta::assert_snapshot!("webhooks_rotate_secret_steps", steps.map(|step| step.to_string()).join("\n"));
    }
}
