//! The older notifications to alternative marketplaces.

use jiff::Timestamp;

use super::data::{Data, time};

/// Something happened to an app that a marketplace distributes
/// ([Apple](https://developer.apple.com/documentation/marketplacekit/processing-alternative-marketplace-notifications)).
///
/// Apple deprecated these in favour of [`AlternativeDistribution`](super::AlternativeDistribution). They have no subject.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Marketplace {
    /// The id of the app that is distributed.
    pub app_id: Option<String>,
    /// The id of the marketplace's own app. There is one webhook for all marketplaces of an account; this tells them apart.
    pub marketplace_app_id: Option<String>,
    /// When Apple wrote the notification: `data.timestamp`. The event's own time is in [`Event::time`](super::Event::time).
    pub written_at: Option<Timestamp>,
    /// What happened.
    pub change: MarketplaceChange,
}

/// What happened to an app that a marketplace distributes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MarketplaceChange {
    /// A package version can be had: `AlternativeDistributionPackageVersionAvailable`.
    VersionAvailable {
        /// The id of the package.
        package_id: Option<String>,
        /// The id of the package version.
        version_id: Option<String>,
        /// The number of the package version, as Apple writes it.
        version_number: Option<String>,
    },
    /// Package versions can no longer be had: `AppVersionsUnavailable`.
    VersionsUnavailable {
        /// The ids of the packages.
        package_ids: Vec<String>,
    },
    /// The app can no longer be had: `AppUnavailable`.
    AppUnavailable,
}

impl Marketplace {
    pub(super) fn version_available(data: &Data<'_>) -> Self {
        let change = MarketplaceChange::VersionAvailable {
            package_id: data.text("alternativeDistributionPackageId"),
            version_id: data.text("alternativeDistributionPackageVersionId"),
            version_number: data.text("alternativeDistributionPackageVersionNum"),
        };
        Self::read(data, change)
    }

    pub(super) fn versions_unavailable(data: &Data<'_>) -> Self {
        Self::read(data, MarketplaceChange::VersionsUnavailable { package_ids: data.texts("alternativeDistributionPackageIds") })
    }

    pub(super) fn app_unavailable(data: &Data<'_>) -> Self {
        Self::read(data, MarketplaceChange::AppUnavailable)
    }

    fn read(data: &Data<'_>, change: MarketplaceChange) -> Self {
        Self {
            app_id: data.text("appId"),
            marketplace_app_id: data.text("marketplaceAppId"),
            written_at: data.timestamp.and_then(time),
            change,
        }
    }
}
