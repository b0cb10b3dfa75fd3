//! What Apple says happened.
//!
//! [`Event::parse`] turns the raw bytes of a notification into a typed [`Event`]. It is tolerant on purpose: Apple adds kinds, states
//! and fields without notice, and an authentic notification must never be lost for being new or for a field that nobody needs. All
//! that makes an event is a JSON object whose `data` is an object with a `type`
//! ([Understanding webhook events](https://developer.apple.com/documentation/appstoreconnectapi/webhook-events)).
//!
//! ```
//! use asc_webhooks::event::{AppVersionState, Event, Payload};
//!
//! let body = r#"{"data": {"type": "appStoreVersionAppVersionStateUpdated", "id": "1", "attributes": {"newValue": "REJECTED"}}}"#;
//! let event = Event::parse(body.into())?;
//! if let Payload::AppVersion(version) = &event.payload {
//!     assert_eq!(version.change.to, Some(AppVersionState::Rejected));
//! }
//! assert_eq!(event.state(), Some("REJECTED"));
//! # Ok::<(), asc_webhooks::event::NotAnEvent>(())
//! ```
//!
//! Xcode Cloud's notifications look different and are signed by nobody; [`Event::parse_xcode_cloud`] reads those, and only those.
//!
//! Nothing here does I/O or reads a clock. How an event is made the same as another is not said here, but in `inbox::identity`.

mod alternative_distribution;
mod app_version;
mod background_asset;
mod beta_feedback;
mod build_beta_detail;
mod build_upload;
pub(crate) mod canonical;
mod data;
pub mod details;
mod document;
pub(crate) mod json;
mod kind;
mod marketplace;
mod meant;
mod pattern;
mod payload;
mod ping;
pub mod sample;
mod state;
mod subject;
mod xcode_cloud;

use bytes::Bytes;
use jiff::Timestamp;

pub(crate) use self::meant::Unclear;
pub use self::{
    alternative_distribution::{AlternativeDistribution, Availability, DistributionChange},
    app_version::AppVersion,
    background_asset::BackgroundAsset,
    beta_feedback::BetaFeedback,
    build_beta_detail::BuildBetaDetail,
    build_upload::BuildUpload,
    details::Details,
    json::Malformed,
    kind::{EventKind, FamilyName},
    marketplace::{Marketplace, MarketplaceChange},
    pattern::{KindPattern, KindPatternError},
    payload::{Family, Payload, Unknown},
    ping::Ping,
    sample::Sample,
    state::{
        AppVersionState, BackgroundAssetVersionAppStoreReleaseState, BackgroundAssetVersionExternalBetaReleaseState,
        BackgroundAssetVersionState, BuildRunProgress, BuildRunResult, BuildUploadState, Change, ExternalBetaState,
    },
    subject::Subject,
    xcode_cloud::{BuildAction, BuildRun, Commit, GitReference, IssueCounts, PullRequest, XcodeCloud},
};
use self::{
    canonical::canonical,
    data::{Data, printable, text, time},
    json::{Json, Shape, Value},
};

/// One notification, typed.
///
/// It serializes as our own JSON document of it: the same members for every kind, `null` where Apple tells nothing.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Event {
    /// Apple's id of the event, `data.id`. A notification without one gets an id made from its content, and one of Xcode Cloud an id
    /// made of the build's and of what happened to it.
    pub id: String,
    /// What kind of event it is.
    pub kind: EventKind,
    /// The version of the payload's schema, `data.version`.
    pub version: Option<u64>,
    /// When it happened, by Apple's clock.
    pub time: Option<Timestamp>,
    /// What it is about: `relationships.instance`.
    pub subject: Option<Subject>,
    /// What it says, by family.
    pub payload: Payload,
    raw: Bytes,
}

/// Why bytes that were let in are not an event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAnEvent {
    /// The bytes are not a JSON text.
    #[error("not JSON {0}")]
    Malformed(Malformed),
    /// The text is not an object.
    #[error("expected a JSON object, found {found}")]
    NotAnObject {
        /// What it is.
        found: &'static str,
    },
    /// `data` is not an object.
    #[error("expected `data` to be an object, found {found}")]
    NoData {
        /// What it is.
        found: &'static str,
    },
    /// `data.type` is not a string.
    #[error("expected `data.type` to be a string, found {found}")]
    NoType {
        /// What it is.
        found: &'static str,
    },
    /// A notification of Xcode Cloud does not say what happened.
    #[error("expected `metadata.attributes.eventType` to be a string, found {found}")]
    NoEventType {
        /// What it is.
        found: &'static str,
    },
}

impl Event {
    /// Reads a notification.
    ///
    /// A field that is absent, or of another type than Apple documents, is none; it never makes the event unreadable.
    ///
    /// # Errors
    /// When the bytes are not a JSON object whose `data` is an object with a string `type`.
    pub fn parse(raw: Bytes) -> Result<Self, NotAnEvent> {
        let json = Json::read(&raw).map_err(NotAnEvent::Malformed)?;
        let root = json.root();
        if root.members().is_none() {
            return Err(NotAnEvent::NotAnObject { found: root.noun() });
        }
        let data = root.member("data").ok_or(NotAnEvent::NoData { found: NOTHING })?;
        let data = Data::read(data).ok_or(NotAnEvent::NoData { found: data.noun() })?;
        let kind = match data.kind.map(|kind| (kind, kind.shape())) {
            Some((_, Shape::String(kind))) => EventKind::from(&*printable(kind)),
            Some((other, _)) => return Err(NotAnEvent::NoType { found: other.noun() }),
            None => return Err(NotAnEvent::NoType { found: NOTHING }),
        };
        let written_at = || data.timestamp.and_then(time);
        Ok(Self {
            id: data.id.and_then(text).unwrap_or_else(|| id_of_content(&json)),
            version: data.version.and_then(number),
            time: data.time("timestamp").or_else(|| data.time("eventTimestamp")).or_else(written_at),
            subject: Subject::read(&data),
            payload: Payload::read(&kind, &data, &raw),
            kind,
            raw,
        })
    }

    /// The bytes as they arrived.
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// The state that the subject is in now, as Apple writes it, for kinds that tell of a state.
    pub fn state(&self) -> Option<&str> {
        self.payload.change().to
    }

    /// The state that the subject was in before, as Apple writes it.
    pub fn previous_state(&self) -> Option<&str> {
        self.payload.change().from
    }

    /// The id of the app that the event is about, where the notification names it. Most kinds do not.
    pub fn app_id(&self) -> Option<&str> {
        match &self.payload {
            Payload::AlternativeDistribution(distribution) => distribution.app_id.as_deref(),
            Payload::Marketplace(marketplace) => marketplace.app_id.as_deref(),
            Payload::XcodeCloud(build) => build.app_id.as_deref(),
            _ => None,
        }
    }
}

/// What is found where a member is absent.
const NOTHING: &str = "nothing";

fn number(value: Value<'_>) -> Option<u64> {
    if let Shape::Number(literal) = value.shape() { std::str::from_utf8(literal).ok()?.parse().ok() } else { None }
}

fn id_of_content(json: &Json<'_>) -> String {
    let mut digest = sha2::Sha256::default();
    canonical(json, &mut digest);
    format!("sha256:{}", hex::encode(&sha2::Digest::finalize(digest)[..8]))
}

#[cfg(test)]
mod tests;
