//! The page of App Store Connect that an event is about.
//!
//! Apple documents none of these addresses. They are what App Store Connect shows in a browser; where it knows a page no longer, it leads
//! to the app.

use super::Details;
use crate::event::{AppVersionState, BetaFeedback, Event, Payload};

const WEBSITE: &str = "https://appstoreconnect.apple.com/apps";

impl Details {
    /// The page that a person wants to see who hears of the event; none while the app is not known.
    pub fn link_to(&self, event: &Event) -> Option<String> {
        let app = segment(&self.app.as_ref()?.id)?;
        let subject = || event.subject.as_ref().and_then(|subject| segment(&subject.id));
        let platform = || self.platform().and_then(in_address);
        let below = match &event.payload {
            Payload::AppVersion(version) => {
                let place = if is_on_the_shelf(version.change.to.as_ref()) { "deliverable" } else { "inflight" };
                platform().map(|platform| format!("/distribution/{platform}/version/{place}"))
            }
            Payload::BuildUpload(_) | Payload::BuildBetaDetail(_) => {
                let build = self.build.as_ref().and_then(|build| segment(&build.id));
                let build = build.filter(|_| self.beta.is_some()).map(|id| format!("/{id}")).unwrap_or_default();
                Some(platform().map_or_else(|| "/testflight".to_owned(), |platform| format!("/testflight/{platform}{build}")))
            }
            Payload::BetaFeedback(BetaFeedback::Screenshot) => subject().map(|id| format!("/testflight/screenshots/{id}")),
            Payload::BetaFeedback(BetaFeedback::Crash) => subject().map(|id| format!("/testflight/crashes/{id}")),
            _ => None,
        };
        Some(format!("{WEBSITE}/{app}{}", below.unwrap_or_default()))
    }
}

impl Event {
    /// The page that the event itself names: that of a build of Xcode Cloud. Of other events only [`Details`] know it.
    pub fn link(&self) -> Option<String> {
        let Payload::XcodeCloud(build) = &self.payload else { return None };
        let (app, run) = (segment(build.app_id.as_deref()?)?, segment(&self.subject.as_ref()?.id)?);
        Some(format!("{WEBSITE}/{app}/ci/builds/{run}"))
    }
}

/// Whether a version in this state is the one that people can have.
fn is_on_the_shelf(state: Option<&AppVersionState>) -> bool {
    matches!(state, Some(AppVersionState::ReadyForDistribution | AppVersionState::ReplacedWithNewVersion))
}

fn in_address(platform: &str) -> Option<&'static str> {
    match platform {
        "IOS" => Some("ios"),
        "MAC_OS" => Some("macos"),
        "TV_OS" => Some("tvos"),
        "VISION_OS" => Some("visionos"),
        _ => None,
    }
}

/// The id, if it is one part of a path and nothing else.
fn segment(id: &str) -> Option<&str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (!id.is_empty() && id.bytes().all(is_plain)).then_some(id)
}
