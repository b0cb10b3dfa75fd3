//! Which of Apple's webhooks belong to the configuration: those of its apps, and the one that posts to an endpoint.

use std::{cmp::Reverse, collections::BTreeSet};

use jiff::Timestamp;
use url::Url;

use super::failure::{Failure, asked};
use crate::{
    asc::{Client, webhook::Webhook},
    clock::{Clock as _, SystemClock},
    config::{Config, Endpoint, EndpointKind, EndpointSecret},
    secret::Secret,
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

/// The endpoint with this name, for a webhook that App Store Connect's API knows.
pub(super) fn endpoint<'c>(config: &'c Config, name: &str) -> Result<&'c Endpoint, Failure> {
    let endpoint = any_endpoint(config, name)?;
    if endpoint.kind == EndpointKind::XcodeCloud {
        return Err(Failure::new(format!("the endpoint `{name}` is for a webhook of Xcode Cloud, which the API does not know"))
            .hint("it is set up by hand in App Store Connect: the app, Xcode Cloud, Settings, Webhooks".to_owned()));
    }
    Ok(endpoint)
}

/// The endpoint with this name, for a marketplace's webhook.
pub(super) fn marketplace<'c>(config: &'c Config, name: &str) -> Result<&'c Endpoint, Failure> {
    let endpoint = endpoint(config, name)?;
    if endpoint.kind != EndpointKind::Marketplace {
        return Err(Failure::new(format!("the endpoint `{name}` is for an app's webhook, and not for a marketplace's"))
            .hint("`asc-webhooks webhooks` is for those; an endpoint for a marketplace has `kind = \"marketplace\"`".to_owned()));
    }
    Ok(endpoint)
}

/// The endpoint with this name, whoever posts there.
pub(super) fn any_endpoint<'c>(config: &'c Config, name: &str) -> Result<&'c Endpoint, Failure> {
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

/// What a webhook is called that we register, unless somebody says otherwise: for an endpoint as `webhooks apply` would call it.
pub(super) fn name_for(config: &Config, endpoint: Option<&Endpoint>) -> String {
    endpoint.map_or_else(|| "asc-webhooks".to_owned(), |endpoint| config.webhook_name_of(endpoint))
}

/// What a webhook is to sign with that posts to an endpoint: of its secrets, the one that lasts longest, and of those the first.
pub(super) fn secret_of(endpoint: &Endpoint) -> Result<Secret, Failure> {
    let name = &endpoint.name;
    let end = |secret: &EndpointSecret| secret.not_after.unwrap_or(Timestamp::MAX);
    match endpoint.secrets.iter().min_by_key(|secret| Reverse(end(secret))) {
        Some(longest) if SystemClock::new().now() <= end(longest) => Ok(longest.secret.clone()),
        Some(_) => Err(Failure::new(format!("every secret of the endpoint `{name}` has expired"))),
        None => Err(Failure::new(format!("the secret of the endpoint `{name}` is sealed in the store"))
            .hint("`asc-webhooks webhooks apply` hands it to Apple; for another, add `--secret-file FILE`".to_owned())),
    }
}

/// The webhook that posts to an endpoint.
pub(super) async fn webhook(config: &Config, client: &Client, name: &str) -> Result<Webhook, Failure> {
    let endpoint = endpoint(config, name)?;
    let of_app = client.webhooks(app_of(endpoint)?).map_err(asked)?.all().await.map_err(asked)?;
    // Of several, one that works.
    let here = of_app.into_iter().filter(|webhook| posts_to(webhook, config, endpoint));
    here.min_by_key(|webhook| webhook.enabled != Some(true)).ok_or_else(|| {
        Failure::not_found(format!("Apple has no webhook that posts to the endpoint `{name}`"))
            .hint(format!("`asc-webhooks webhooks list` shows what there is; {} makes it", making(endpoint)))
    })
}

/// The command that registers an endpoint: who keeps its secret hands it to Apple.
pub(super) fn making(endpoint: &Endpoint) -> String {
    if endpoint.managed_secrets {
        "`asc-webhooks webhooks apply`".to_owned()
    } else {
        format!("`asc-webhooks webhooks create --endpoint {}`", endpoint.name)
    }
}

/// The endpoint that a webhook posts to, if it is one of the configuration.
pub(super) fn endpoint_of<'c>(config: &'c Config, webhook: &Webhook) -> Option<&'c Endpoint> {
    let of_its_app =
        |endpoint: &&Endpoint| webhook.app_id.is_none() || endpoint.app_id.is_none() || webhook.app_id == endpoint.app_id;
    config.endpoints.iter().filter(of_its_app).find(|endpoint| posts_to(webhook, config, endpoint))
}

/// Whether a webhook posts to an endpoint.
pub(super) fn posts_to(webhook: &Webhook, config: &Config, endpoint: &Endpoint) -> bool {
    webhook.posts_to(config.url_of(endpoint).as_ref(), &endpoint.path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of the secrets, each with its end, is handed to Apple.
    #[track_caller]
    fn check(ends: &[&str], expected: Result<usize, &str>) {
        let secret = |(number, end): (usize, &&str)| {
            let (secret, label) = (Secret::new(format!("secret {number}")), format!("label {number}"));
            EndpointSecret { secret, label, not_after: end.parse().ok() }
        };
        let endpoint = Endpoint {
            name: "my-app".into(),
            path: "/apple".to_owned(),
            kind: EndpointKind::App,
            secrets: ends.iter().enumerate().map(secret).collect(),
            managed_secrets: true,
            tokens: Vec::new(),
            app_id: None,
            events: Vec::new(),
        };
        let expected = expected.map(|number| format!("secret {number}")).map_err(str::to_owned);
        let found = secret_of(&endpoint).map(|secret| secret.expose().to_owned());
        assert_eq!(found.map_err(|failure| failure.words().lines().next().unwrap_or_default().to_owned()), expected, "{ends:?}");
    }

    #[test]
    fn apple_is_given_the_secret_that_lasts_longest() {
        check(&["9000-01-01T00:00:00Z", "9001-01-01T00:00:00Z", "9001-01-01T00:00:00Z"], Ok(1));
        check(&["9000-01-01T00:00:00Z", "", ""], Ok(1));
        check(&["2001-01-01T00:00:00Z", "2002-01-01T00:00:00Z"], Err("error: every secret of the endpoint `my-app` has expired"));
        check(&[], Err("error: the secret of the endpoint `my-app` is sealed in the store"));
    }
}
