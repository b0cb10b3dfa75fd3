//! Which of Apple's webhooks belong to the configuration: those of its apps, and the one that posts to an endpoint.

use std::collections::BTreeSet;

use url::Url;

use super::failure::{Failure, asked};
use crate::{
    asc::{Client, webhook::Webhook},
    config::{Config, Endpoint, EndpointKind},
};

/// The app that is named, or every app of the configuration.
pub(super) fn apps<'c>(config: &'c Config, named: Option<&'c str>) -> Result<BTreeSet<&'c str>, Failure> {
    let apps: BTreeSet<&str> = match named {
        Some(app) => BTreeSet::from([app]),
        None => config.endpoints.iter().filter_map(|endpoint| endpoint.app_id.as_deref()).collect(),
    };
    if apps.is_empty() {
        return Err(Failure::new("there is no app in the configuration")
            .hint("name one with `--app APP_ID`, or write `app_id` into its `[[endpoint]]`".to_owned()));
    }
    Ok(apps)
}

/// The endpoint with this name.
pub(super) fn endpoint<'c>(config: &'c Config, name: &str) -> Result<&'c Endpoint, Failure> {
    config.endpoints.iter().find(|endpoint| &*endpoint.name == name).ok_or_else(|| {
        let names: Vec<String> = config.endpoints.iter().map(|endpoint| format!("`{}`", endpoint.name)).collect();
        Failure::not_found(format!("there is no endpoint `{name}`, only {}", names.join(", ")))
    })
}

/// The app of an endpoint.
pub(super) fn app_of(endpoint: &Endpoint) -> Result<&str, Failure> {
    let name = &endpoint.name;
    if endpoint.kind == EndpointKind::Marketplace {
        return Err(Failure::new(format!("the endpoint `{name}` is for a marketplace's webhook, which belongs to no app"))
            .hint("`asc-webhooks marketplace` is for those".to_owned()));
    }
    endpoint.app_id.as_deref().ok_or_else(|| {
        Failure::new(format!("the endpoint `{name}` does not say which app it is for"))
            .hint("write `app_id` into its `[[endpoint]]`: the “Apple ID” among the app's general information".to_owned())
    })
}

/// The address that Apple is given for an endpoint.
pub(super) fn url_of(config: &Config, endpoint: &Endpoint) -> Result<Url, Failure> {
    config.url_of(endpoint).ok_or_else(|| {
        Failure::new("the configuration does not say under which address Apple reaches the server")
            .hint("write `public_url` into `[server]`, or give the whole address with `--url`".to_owned())
    })
}

/// What a webhook is called that we register, unless somebody says otherwise.
pub(super) fn name_for(endpoint: Option<&Endpoint>) -> String {
    endpoint.map_or_else(|| "asc-webhooks".to_owned(), |endpoint| endpoint.name.to_string())
}

/// The webhook that posts to an endpoint.
pub(super) async fn webhook(config: &Config, client: &Client, name: &str) -> Result<Webhook, Failure> {
    let endpoint = endpoint(config, name)?;
    let of_app = client.webhooks(app_of(endpoint)?).map_err(asked)?.all().await.map_err(asked)?;
    of_app.into_iter().find(|webhook| posts_to(webhook, config, endpoint)).ok_or_else(|| {
        Failure::not_found(format!("Apple has no webhook that posts to the endpoint `{name}`"))
            .hint(format!("`asc-webhooks webhooks list` shows what there is; `webhooks create --endpoint {name}` makes it"))
    })
}

/// The endpoint that a webhook posts to, if it is one of the configuration.
pub(super) fn endpoint_of<'c>(config: &'c Config, webhook: &Webhook) -> Option<&'c Endpoint> {
    let of_its_app =
        |endpoint: &&Endpoint| webhook.app_id.is_none() || endpoint.app_id.is_none() || webhook.app_id == endpoint.app_id;
    config.endpoints.iter().filter(of_its_app).find(|endpoint| posts_to(webhook, config, endpoint))
}

/// Whether a webhook posts to an endpoint. While the configuration does not say under which address Apple reaches the server, the path
/// decides.
pub(super) fn posts_to(webhook: &Webhook, config: &Config, endpoint: &Endpoint) -> bool {
    let Some(url) = webhook.url.as_deref().and_then(|url| Url::parse(url).ok()) else { return false };
    match config.url_of(endpoint) {
        Some(ours) => url == ours,
        None => url.path() == endpoint.path,
    }
}
