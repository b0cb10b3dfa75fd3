//! `webhooks create`: registers a webhook, from an endpoint of the configuration, from flags, or from both.

use url::Url;

use super::{
    super::{
        Format, Outcome, Setup,
        change::Rehearsal,
        failure::{Failure, asked},
        given::address,
        given_secret::GivenSecret,
        output, registered,
    },
    document, every_kind, kinds, words,
};
use crate::{
    asc::{Client, webhook::NewWebhook},
    config::Config,
};

/// Register a webhook with Apple
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "\
asc-webhooks webhooks create --endpoint <NAME> [OPTIONS]
       asc-webhooks webhooks create --app <APP_ID> --url <URL> --secret-file <FILE> [OPTIONS]",
    after_help = "\
Apple takes the secret and never gives it back. It is read from a file, from standard input or from
the environment, never from the command line.

Examples:
  asc-webhooks webhooks create --endpoint my-app --dry-run
  asc-webhooks webhooks create --endpoint my-app
  asc-webhooks webhooks create --app 1234567890 --url https://ci.example.com/apple \\
      --events build_upload --secret-file ci.secret"
)]
pub(in crate::cli) struct Arguments {
    /// The endpoint of the configuration that it is to post to: gives what the other flags do not
    #[arg(long, value_name = "NAME", required_unless_present_all = ["app", "url"])]
    endpoint: Option<String>,
    /// The app
    #[arg(long, value_name = "APP_ID")]
    app: Option<String>,
    /// A name for people. Otherwise the endpoint's, after `registration.name_prefix`, or `asc-webhooks`
    #[arg(long)]
    name: Option<String>,
    /// Where it is to post to
    #[arg(long, value_parser = address)]
    url: Option<Url>,
    /// The events it is to be sent, with commas: kinds as `send` takes them, families, or `all`. Otherwise those of the endpoint, or all
    #[arg(long, value_name = "EVENTS", value_delimiter = ',')]
    events: Vec<String>,
    /// Register it, and have Apple send nothing yet
    #[arg(long)]
    disabled: bool,
    /// Register it even if the app has a webhook at this address: then every event is sent twice
    #[arg(long)]
    another: bool,
    #[command(flatten)]
    secret: GivenSecret,
    #[command(flatten)]
    rehearsal: Rehearsal,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(setup: &Setup<'_>, config: &Config, client: &Client, arguments: &Arguments) -> Outcome {
    let new = settle(setup, config, arguments)?;
    if !arguments.another {
        refuse_a_second(client, &new).await?;
    }
    let Some(webhook) = arguments.rehearsal.make(client.create_webhook(&new), arguments.format).await? else { return Ok(()) };
    if arguments.format.json {
        return Ok(output::json(&document(&webhook, config)?)?);
    }
    output::line(words(&webhook, config))?;
    output::talk(format_args!("Apple has made the webhook; `asc-webhooks webhooks ping {}` tries it", output::plain(&webhook.id)));
    Ok(())
}

/// Makes sure that the app has no webhook at this address yet. Apple would take another, and send every event to both.
async fn refuse_a_second(client: &Client, new: &NewWebhook) -> Outcome {
    let of_app = match client.webhooks(&new.app_id).map_err(asked)?.all().await {
        Ok(of_app) => of_app,
        // Apple says what is wrong with the app when it is asked to make the webhook.
        Err(error) if matches!(error.status(), Some(403 | 404)) => return Ok(()),
        Err(error) => return Err(asked(error)),
    };
    let Some(found) = of_app.iter().find(|webhook| webhook.posts_to(Some(&new.url), new.url.path())) else { return Ok(()) };
    let id = output::plain(&found.id);
    Err(Failure::new(format!("the app `{}` has a webhook at `{}` already: `{id}`", new.app_id, new.url))
        .hint(format!("`asc-webhooks webhooks update {id}` changes it; `--another` makes a second one")))
}

/// The webhook to make: what the flags say, and else what the endpoint does.
fn settle(setup: &Setup<'_>, config: &Config, arguments: &Arguments) -> Result<NewWebhook, Failure> {
    let endpoint = arguments.endpoint.as_deref().map(|name| registered::endpoint(config, name)).transpose()?;
    let app_id = match (&arguments.app, endpoint) {
        (Some(app), _) => app,
        (None, Some(endpoint)) => registered::app_of(endpoint)?,
        (None, None) => return Err(Failure::new("there is no app to make the webhook for")),
    };
    let url = match (&arguments.url, endpoint) {
        (Some(url), _) => url.clone(),
        (None, Some(endpoint)) => registered::url_of(config, endpoint)?,
        (None, None) => return Err(Failure::new("there is no address to post to")),
    };
    let mut events = kinds(&arguments.events)?;
    if events.is_empty() {
        events = endpoint.map(|endpoint| endpoint.events.clone()).filter(|events| !events.is_empty()).unwrap_or_else(every_kind);
    }
    let name = arguments.name.clone().unwrap_or_else(|| registered::name_for(config, endpoint));
    let secret = arguments.secret.or_of(setup, endpoint)?;
    Ok(NewWebhook { app_id: app_id.to_owned(), name, url, secret, events, enabled: !arguments.disabled })
}
