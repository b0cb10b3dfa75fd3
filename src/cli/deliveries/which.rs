//! The flags that say which webhooks' deliveries are meant.

use super::super::{
    failure::{Failure, asked},
    progress::Progress,
    registered,
};
use crate::{
    asc::{
        Client,
        delivery::{Delivery, DeliveryFilter},
        webhook::Webhook,
    },
    config::Config,
};

/// Which webhooks. Without any of these: those of every `app_id` in the configuration.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Which {
    /// Of the webhooks of this app. Otherwise of every `app_id` in the configuration
    #[arg(long, value_name = "APP_ID", conflicts_with_all = ["webhook", "endpoint"])]
    app: Option<String>,
    /// Of this webhook
    #[arg(long, value_name = "ID", conflicts_with = "endpoint")]
    webhook: Option<String>,
    /// Of the webhook that posts to this endpoint of the configuration
    #[arg(long, value_name = "NAME")]
    endpoint: Option<String>,
}

/// A webhook whose deliveries are meant.
#[derive(Clone, Debug)]
pub(super) struct Meant {
    pub(super) id: String,
    /// The name it has at Apple, where we were told.
    pub(super) name: Option<String>,
    /// The endpoint of the configuration that it posts to, where we were told.
    pub(super) endpoint: Option<String>,
}

impl Which {
    /// The webhooks that are meant.
    pub(super) async fn webhooks(&self, config: &Config, client: &Client) -> Result<Vec<Meant>, Failure> {
        if let Some(id) = &self.webhook {
            return Ok(vec![Meant { id: id.clone(), name: None, endpoint: None }]);
        }
        let mut webhooks = Vec::new();
        if let Some(name) = &self.endpoint {
            webhooks.push(registered::webhook(config, client, name).await?);
        } else {
            for app in registered::apps(config, self.app.as_deref())? {
                webhooks.extend(client.webhooks(app).map_err(asked)?.all().await.map_err(asked)?);
            }
        }
        let meant = |webhook: Webhook| {
            let endpoint = registered::endpoint_of(config, &webhook).map(|endpoint| endpoint.name.to_string());
            Meant { id: webhook.id, name: webhook.name, endpoint }
        };
        Ok(webhooks.into_iter().map(meant).collect())
    }
}

/// Every delivery of these webhooks that the filter takes, each with its webhook.
pub(super) async fn deliveries<'w>(
    client: &Client,
    webhooks: &'w [Meant],
    filter: &DeliveryFilter,
) -> Result<Vec<(&'w Meant, Delivery)>, Failure> {
    let mut progress = Progress::new("deliveries");
    let mut found = Vec::new();
    for webhook in webhooks {
        let before = found.len() as u64;
        let mut pages = client.deliveries(&webhook.id, filter.clone()).map_err(asked)?;
        while let Some(page) = pages.next().await.map_err(asked)? {
            found.extend(page.items.into_iter().map(|delivery| (webhook, delivery)));
            progress.at(found.len() as u64, page.total.map(|total| total + before));
        }
    }
    Ok(found)
}
