//! Apps in alternative distribution.

use super::data::{Data, text};

/// Something happened to an app in alternative distribution
/// ([Apple](https://developer.apple.com/documentation/appstoreconnectapi/webhook-events)). Apple tells this to the marketplace.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AlternativeDistribution {
    /// The id of the app that is distributed.
    pub app_id: Option<String>,
    /// The id of the marketplace's own app.
    pub marketplace_app_id: Option<String>,
    /// What happened.
    pub change: DistributionChange,
}

/// What happened to an app in alternative distribution.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DistributionChange {
    /// There is a new package version: `alternativeDistributionPackageVersionCreated`. The subject is an
    /// `alternativeDistributionPackageVersions`.
    PackageVersion,
    /// The availability of a package changed: `alternativeDistributionPackageAvailableUpdated`. The subject is an
    /// `alternativeDistributionPackages`.
    PackageAvailability(Availability),
    /// The availability of an app in some territories changed: `alternativeDistributionTerritoryAvailabilityUpdated`. There is no
    /// subject.
    TerritoryAvailability(Availability),
}

/// Whether something is available, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Availability {
    /// Whether it is available.
    pub available: Option<bool>,
    /// The territories that this is about, as three letters each (ISO 3166-1 alpha-3).
    pub territories: Vec<String>,
}

impl AlternativeDistribution {
    pub(super) fn package_version(data: &Data<'_>) -> Self {
        Self::read(data, DistributionChange::PackageVersion)
    }

    pub(super) fn package_availability(data: &Data<'_>) -> Self {
        Self::read(data, DistributionChange::PackageAvailability(Availability::read(data)))
    }

    pub(super) fn territory_availability(data: &Data<'_>) -> Self {
        Self::read(data, DistributionChange::TerritoryAvailability(Availability::read(data)))
    }

    fn read(data: &Data<'_>, change: DistributionChange) -> Self {
        let marketplace_app = data.relationship("marketplaceApp");
        let marketplace_app_id = marketplace_app.and_then(|app| app.member("data").unwrap_or(app).member("id")).and_then(text);
        Self { app_id: data.text("appId"), marketplace_app_id, change }
    }
}

impl Availability {
    fn read(data: &Data<'_>) -> Self {
        Self { available: data.flag("available"), territories: data.texts("territories") }
    }
}
