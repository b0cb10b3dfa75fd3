//! What an answer means: resources of Apple's become parts of [`Details`](crate::event::details::Details).

use serde_json::Value;

use super::resource::{Answered, Resource, remarks};
use crate::event::details::{App, Asset, Beta, Build, Feedback, Group, Package, Screenshot, Version};

pub(super) fn app(of: &Resource) -> App {
    App { id: of.id.clone(), name: of.text("name"), bundle_id: of.text("bundleId"), sku: of.text("sku") }
}

pub(super) fn build(of: &Resource) -> Build {
    Build {
        id: of.id.clone(),
        number: of.text("version"),
        processing_state: of.text("processingState"),
        uploaded_at: of.time("uploadedDate"),
        expires_at: of.time("expirationDate"),
        expired: of.flag("expired"),
        min_os_version: of.text("minOsVersion"),
        ..Build::default()
    }
}

pub(super) fn package(of: &Resource) -> Package {
    Package { id: None, version_id: Some(of.id.clone()), version: of.text("version"), state: of.text("state") }
}

pub(super) fn feedback(of: &Resource) -> Feedback {
    let shots = of.attribute("screenshots").and_then(Value::as_array).into_iter().flatten();
    let shots = shots.map(|shot| {
        let size = |name: &str| u32::try_from(shot.get(name)?.as_u64()?).ok();
        let text = |name: &str| shot.get(name)?.as_str();
        Screenshot {
            url: text("url").map(str::to_owned),
            expires_at: text("expirationDate").and_then(|time| time.parse().ok()),
            width: size("width"),
            height: size("height"),
            file: None,
        }
    });
    Feedback {
        id: of.id.clone(),
        created_at: of.time("createdDate"),
        comment: of.text("comment"),
        email: of.text("email"),
        device_model: of.text("deviceModel"),
        device_family: of.text("deviceFamily"),
        os_version: of.text("osVersion"),
        platform: of.text("appPlatform"),
        architecture: of.text("architecture"),
        locale: of.text("locale"),
        time_zone: of.text("timeZone"),
        connection: of.text("connectionType"),
        paired_apple_watch: of.text("pairedAppleWatch"),
        battery_percent: of.read("batteryPercentage"),
        app_uptime_ms: of.read("appUptimeInMilliseconds"),
        disk_available: of.read("diskBytesAvailable"),
        disk_total: of.read("diskBytesTotal"),
        screen_width: of.read("screenWidthInPoints"),
        screen_height: of.read("screenHeightInPoints"),
        screenshots: shots.collect(),
        crash_log: None,
    }
}

pub(super) fn version(of: &Resource) -> Version {
    Version {
        id: of.id.clone(),
        string: of.text("versionString"),
        platform: of.text("platform"),
        state: of.text("appVersionState"),
        release_type: of.text("releaseType"),
        earliest_release_at: of.time("earliestReleaseDate"),
        review_type: of.text("reviewType"),
        created_at: of.time("createdDate"),
    }
}

pub(super) fn upload(of: &Resource) -> Build {
    let state = of.attribute("state");
    Build {
        id: of.id.clone(),
        number: of.text("cfBundleVersion"),
        version: of.text("cfBundleShortVersionString"),
        platform: of.text("platform"),
        upload_state: state.and_then(|state| Some(state.get("state")?.as_str()?.to_owned())),
        errors: remarks(state.and_then(|state| state.get("errors"))),
        warnings: remarks(state.and_then(|state| state.get("warnings"))),
        uploaded_at: of.time("uploadedDate"),
        ..Build::default()
    }
}

/// A build with the version that came along.
pub(super) fn whole_build(answered: &Answered) -> Build {
    let version = answered.included("preReleaseVersions");
    Build {
        version: version.and_then(|version| version.text("version")),
        platform: version.and_then(|version| version.text("platform")),
        ..build(&answered.data)
    }
}

/// How a build stands in TestFlight, by what came along with it.
pub(super) fn beta(answered: &Answered) -> Beta {
    let detail = answered.included("buildBetaDetails");
    let review = answered.included("betaAppReviewSubmissions");
    let groups = answered.all_included("betaGroups").map(|group| Group {
        id: group.id.clone(),
        name: group.text("name"),
        internal: group.flag("isInternalGroup"),
    });
    Beta {
        internal_state: detail.and_then(|detail| detail.text("internalBuildState")),
        external_state: detail.and_then(|detail| detail.text("externalBuildState")),
        review_state: review.and_then(|review| review.text("betaReviewState")),
        submitted_at: review.and_then(|review| review.time("submittedDate")),
        auto_notify: detail.and_then(|detail| detail.flag("autoNotifyEnabled")),
        groups: groups.collect(),
    }
}

/// A version of a background asset with what came along.
pub(super) fn asset(answered: &Answered) -> Asset {
    let of = &answered.data;
    let remarks = |name: &str| remarks(of.attribute("stateDetails").and_then(|details| details.get(name)));
    let state = |kind: &str| answered.included(kind)?.text("state");
    Asset {
        id: of.id.clone(),
        pack: answered.included("backgroundAssets").and_then(|pack| pack.text("assetPackIdentifier")),
        version: of.text("version"),
        platforms: of.texts("platforms"),
        state: of.text("state"),
        internal_state: state("backgroundAssetVersionInternalBetaReleases"),
        external_state: state("backgroundAssetVersionExternalBetaReleases"),
        app_store_state: state("backgroundAssetVersionAppStoreReleases"),
        errors: remarks("errors"),
        warnings: remarks("warnings"),
        created_at: of.time("createdDate"),
    }
}
