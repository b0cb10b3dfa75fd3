//! What Apple's API adds to an event.
//!
//! A notification has ids, and people want names: "Harbor 2.3 (45) for iOS", who wrote what on which device. [`Details`] holds that,
//! as far as it could be learned. This is only its shape; `asc::lookup` asks for it, and the inbox keeps it beside the receipt as JSON.
//!
//! Everything is optional, words of Apple's stay as Apple writes them, and what an older or newer version of this program kept is read as
//! far as it is understood: a message must go out whether much is known or nothing.

mod link;
mod picture;
pub mod sample;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::picture::PictureFormat;

/// What Apple's API adds to an event.
///
/// Its JSON is what a `when` expression, a forwarded document and a program on its standard input see as `details`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Details {
    /// The app that the event is about.
    pub app: Option<App>,
    /// The version for the App Store that it is about.
    pub version: Option<Version>,
    /// The build that it is about, or that belongs to the version.
    pub build: Option<Build>,
    /// How the build stands in TestFlight.
    pub beta: Option<Beta>,
    /// What a tester sent.
    pub feedback: Option<Feedback>,
    /// The version of a background asset.
    pub asset: Option<Asset>,
    /// The package for alternative distribution.
    pub package: Option<Package>,
    /// The page of App Store Connect to go to, for people.
    pub link: Option<String>,
    /// What was asked for and is not here.
    pub gaps: Vec<Gap>,
}

/// An app.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct App {
    /// Apple's id of it.
    pub id: String,
    /// Its name.
    pub name: Option<String>,
    /// Its bundle id.
    pub bundle_id: Option<String>,
    /// The developer's own id of it.
    pub sku: Option<String>,
}

/// A version of an app for the App Store ([`AppStoreVersion`](https://developer.apple.com/documentation/appstoreconnectapi/appstoreversion)).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Version {
    /// Apple's id of it.
    pub id: String,
    /// The number that people see, such as `2.3`.
    pub string: Option<String>,
    /// `IOS`, `MAC_OS`, `TV_OS` or `VISION_OS`.
    pub platform: Option<String>,
    /// The state it was in when Apple was asked, which may be a later one than the event tells of.
    pub state: Option<String>,
    /// How it is released: `MANUAL`, `AFTER_APPROVAL` or `SCHEDULED`.
    pub release_type: Option<String>,
    /// Before when it is not released, if that was scheduled.
    pub earliest_release_at: Option<Timestamp>,
    /// What it is reviewed for: `APP_STORE` or `NOTARIZATION`.
    pub review_type: Option<String>,
    /// When it was made.
    pub created_at: Option<Timestamp>,
}

/// A build, and its upload ([`Build`](https://developer.apple.com/documentation/appstoreconnectapi/build)).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Build {
    /// Apple's id of it; that of the upload, where nothing came of it yet.
    pub id: String,
    /// Its number, such as `45`.
    pub number: Option<String>,
    /// The version that it is a build of, such as `2.3`.
    pub version: Option<String>,
    /// `IOS`, `MAC_OS`, `TV_OS` or `VISION_OS`.
    pub platform: Option<String>,
    /// How far Apple's processing is: `PROCESSING`, `FAILED`, `INVALID` or `VALID`.
    pub processing_state: Option<String>,
    /// The state of its upload when Apple was asked.
    pub upload_state: Option<String>,
    /// Why the upload was refused.
    pub errors: Vec<Remark>,
    /// What the next upload should do better.
    pub warnings: Vec<Remark>,
    /// When it was uploaded.
    pub uploaded_at: Option<Timestamp>,
    /// When testing ends.
    pub expires_at: Option<Timestamp>,
    /// Whether testing has ended.
    pub expired: Option<bool>,
    /// The oldest system that it runs on.
    pub min_os_version: Option<String>,
}

/// What Apple has to say about an upload.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Remark {
    /// A code, such as `90683`.
    pub code: Option<String>,
    /// A sentence for people.
    pub description: Option<String>,
}

/// How a build stands in TestFlight ([`BuildBetaDetail`](https://developer.apple.com/documentation/appstoreconnectapi/buildbetadetail)).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Beta {
    /// The state in internal testing.
    pub internal_state: Option<String>,
    /// The state in external testing.
    pub external_state: Option<String>,
    /// How the review for external testing stands: `WAITING_FOR_REVIEW`, `IN_REVIEW`, `REJECTED` or `APPROVED`.
    pub review_state: Option<String>,
    /// When it was submitted for that review.
    pub submitted_at: Option<Timestamp>,
    /// Whether Apple tells the testers by itself.
    pub auto_notify: Option<bool>,
    /// The groups of testers that have the build.
    pub groups: Vec<Group>,
}

/// A group of testers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Group {
    /// Apple's id of it.
    pub id: String,
    /// Its name.
    pub name: Option<String>,
    /// Whether its testers are of the team.
    pub internal: Option<bool>,
}

/// What a tester sent
/// ([screenshots](https://developer.apple.com/documentation/appstoreconnectapi/betafeedbackscreenshotsubmission),
/// [crashes](https://developer.apple.com/documentation/appstoreconnectapi/betafeedbackcrashsubmission)).
///
/// All texts are a stranger's: show them as text. They stay out of `Debug`, and so out of logs.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Feedback {
    /// Apple's id of it.
    pub id: String,
    /// When it was sent.
    pub created_at: Option<Timestamp>,
    /// What the tester wrote.
    pub comment: Option<String>,
    /// The tester's e-mail address; asked for only where the configuration says so.
    pub email: Option<String>,
    /// The device, such as `iPhone17_1`.
    pub device_model: Option<String>,
    /// What kind of device, such as `IPHONE`.
    pub device_family: Option<String>,
    /// The version of the device's system.
    pub os_version: Option<String>,
    /// The platform of the app, such as `IOS`.
    pub platform: Option<String>,
    /// The processor's architecture.
    pub architecture: Option<String>,
    /// The language and region, such as `en-GB`.
    pub locale: Option<String>,
    /// The time zone, such as `Europe/London`.
    pub time_zone: Option<String>,
    /// The connection, such as `WIFI`.
    pub connection: Option<String>,
    /// The paired Apple Watch.
    pub paired_apple_watch: Option<String>,
    /// How full the battery was, from 0 to 100.
    pub battery_percent: Option<f64>,
    /// For how long the app had run, in milliseconds.
    pub app_uptime_ms: Option<u64>,
    /// The free space on the device, in bytes.
    pub disk_available: Option<u64>,
    /// The whole space on the device, in bytes.
    pub disk_total: Option<u64>,
    /// The screen's width in points.
    pub screen_width: Option<u32>,
    /// The screen's height in points.
    pub screen_height: Option<u32>,
    /// The pictures.
    pub screenshots: Vec<Screenshot>,
    /// The log of the crash.
    pub crash_log: Option<CrashLog>,
}

/// Says no more than that there is feedback: what testers write does not belong into logs.
impl std::fmt::Debug for Feedback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Feedback").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A picture that a tester sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Screenshot {
    /// Where it is, for as long as Apple's address lives.
    pub url: Option<String>,
    /// Until when the address lives.
    pub expires_at: Option<Timestamp>,
    /// Its width in pixels.
    pub width: Option<u32>,
    /// Its height in pixels.
    pub height: Option<u32>,
    /// Our copy of it, if one could be had.
    pub file: Option<File>,
}

/// A file that is kept with a receipt. `Context::file` has its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct File {
    /// Its name, the only one of its receipt: `screenshot-1.png`.
    pub name: String,
    /// Its media type, made out from its bytes.
    pub media_type: String,
    /// How many bytes it has.
    pub size: u64,
}

/// The log of a crash.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct CrashLog {
    /// Its text, from the beginning.
    pub text: String,
    /// Whether more of it was cut off.
    pub is_cut: bool,
}

/// A version of a background asset
/// ([`BackgroundAssetVersion`](https://developer.apple.com/documentation/appstoreconnectapi/backgroundassetversion)).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Asset {
    /// Apple's id of the version.
    pub id: String,
    /// The identifier that the developer gave the asset pack.
    pub pack: Option<String>,
    /// The number of the version.
    pub version: Option<String>,
    /// The platforms it is for.
    pub platforms: Vec<String>,
    /// The state it was in when Apple was asked.
    pub state: Option<String>,
    /// The state in internal testing.
    pub internal_state: Option<String>,
    /// The state in external testing.
    pub external_state: Option<String>,
    /// The state on the App Store.
    pub app_store_state: Option<String>,
    /// Why it was refused.
    pub errors: Vec<Remark>,
    /// What the next version should do better.
    pub warnings: Vec<Remark>,
    /// When it was made.
    pub created_at: Option<Timestamp>,
}

/// A package for alternative distribution
/// ([`AlternativeDistributionPackageVersion`](https://developer.apple.com/documentation/appstoreconnectapi/alternativedistributionpackageversion)).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Package {
    /// Apple's id of the package.
    pub id: Option<String>,
    /// Apple's id of its version.
    pub version_id: Option<String>,
    /// The number of its version.
    pub version: Option<String>,
    /// `COMPLETED` or `REPLACED`.
    pub state: Option<String>,
}

/// Something that was asked for and is not here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Gap {
    /// What, as one word: `app`, `version`, `build`, `beta`, `feedback`, `crash_log`, `screenshot`, `asset`, `package`.
    pub what: String,
    /// Why.
    pub why: Why,
}

/// Why something is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Why {
    /// There is none, or none any more. That is an answer: asking again brings no other.
    Gone,
    /// Our key may not see it, or is not accepted.
    Refused,
    /// Apple did not answer, had no time for us, or said nothing that makes sense. Asking later may help.
    #[default]
    #[serde(other)]
    Unavailable,
}

impl Details {
    /// Reads details as they were kept; none, if they are none of ours.
    pub fn read(json: &[u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
    }

    /// Whether all was learned that there is to learn: what is missing is missing at Apple's too.
    pub fn is_settled(&self) -> bool {
        self.gaps.iter().all(|gap| gap.why == Why::Gone)
    }

    /// The name of the app.
    pub fn app_name(&self) -> Option<&str> {
        self.app.as_ref()?.name.as_deref()
    }

    /// The number of the version, whichever way it is known.
    pub fn version_string(&self) -> Option<&str> {
        let of_version = self.version.as_ref().and_then(|version| version.string.as_deref());
        of_version.or_else(|| self.build.as_ref()?.version.as_deref())
    }

    /// The number of the build.
    pub fn build_number(&self) -> Option<&str> {
        self.build.as_ref()?.number.as_deref()
    }

    /// The platform as Apple writes it, whichever way it is known.
    pub fn platform(&self) -> Option<&str> {
        let of_version = self.version.as_ref().and_then(|version| version.platform.as_deref());
        let of_build = || self.build.as_ref()?.platform.as_deref();
        let of_feedback = || self.feedback.as_ref()?.platform.as_deref();
        let of_asset = || match self.asset.as_ref()?.platforms.as_slice() {
            [only] => Some(only.as_str()),
            _ => None,
        };
        of_version.or_else(of_build).or_else(of_feedback).or_else(of_asset)
    }

    /// What Apple has against the upload or the asset.
    pub fn errors(&self) -> &[Remark] {
        match (&self.build, &self.asset) {
            (Some(build), _) => &build.errors,
            (None, Some(asset)) => &asset.errors,
            (None, None) => &[],
        }
    }
}

#[cfg(test)]
mod tests;
