//! What an event is about, as people name it: as precise as is known, and never an id where there is a name.

use super::{
    Told,
    text::{capitalized, clean, platform, row},
    xcode_cloud,
};
use crate::event::{Details, Payload};

/// What an event is about.
pub(super) struct What {
    /// Its name in a sentence: `Harbor 2.3 (45)`, or `the app version`.
    name: String,
    /// Its name in a title, which is the same for most.
    heading: String,
    /// The platforms, as people read them.
    platform: Option<String>,
    /// The endpoint, where there is no better name.
    endpoint: Option<String>,
}

impl What {
    pub(super) fn of(told: &Told<'_>) -> Self {
        let details = told.details;
        let named = match &told.event.payload {
            Payload::BackgroundAsset(_) => asset(details),
            Payload::AlternativeDistribution(_) | Payload::Marketplace(_) => package(details).map(twice),
            Payload::XcodeCloud(build) => xcode_cloud::name(build),
            Payload::Ping(_) => None,
            _ => app(details).map(twice),
        };
        let platform = details.platform().map(platform).or_else(|| several(details));
        if let Some((name, heading)) = named {
            return Self { name, heading, platform, endpoint: None };
        }
        let noun = noun(&told.event.payload);
        let heading = capitalized(noun.strip_prefix("the ").unwrap_or(noun));
        Self { name: noun.to_owned(), heading, platform, endpoint: Some(clean(told.endpoint)) }
    }

    /// As the beginning of a title: `Harbor 2.3 (45), iOS`.
    pub(super) fn title(&self) -> String {
        let endpoint = self.endpoint.as_ref().map(|endpoint| format!(" ({endpoint})")).unwrap_or_default();
        let platform = self.platform.as_ref().map(|platform| format!(", {platform}")).unwrap_or_default();
        format!("{}{endpoint}{platform}", self.heading)
    }

    /// Within a sentence: `Harbor 2.3 (45) for iOS`.
    pub(super) fn within(&self) -> String {
        let platform = self.platform.as_ref().map(|platform| format!(" for {platform}")).unwrap_or_default();
        format!("{}{platform}", self.name)
    }

    /// At the beginning of a sentence.
    pub(super) fn first(&self) -> String {
        let within = self.within();
        // Names keep the first letter that their owners gave them; our own words begin a sentence as sentences begin.
        let is_ours = ["the ", "a ", "asset pack ", "build "].iter().any(|start| self.name.starts_with(start));
        if is_ours { capitalized(&within) } else { within }
    }
}

/// What it is called when nothing is known of it.
fn noun(payload: &Payload) -> &'static str {
    match payload {
        Payload::AppVersion(_) => "the app version",
        Payload::BuildUpload(_) | Payload::BuildBetaDetail(_) => "the build",
        Payload::BetaFeedback(_) => "the app",
        Payload::BackgroundAsset(_) => "the background asset",
        Payload::AlternativeDistribution(_) | Payload::Marketplace(_) => "the app in alternative distribution",
        Payload::Ping(_) => "App Store Connect",
        Payload::XcodeCloud(_) => "the Xcode Cloud build",
        Payload::Unknown(_) => "a new kind of event",
    }
}

fn app(details: &Details) -> Option<String> {
    let name = clean(details.app_name()?);
    let version = details.version_string().map(|version| format!(" {}", clean(version))).unwrap_or_default();
    let build = details.build_number().map(|build| format!(" ({})", clean(build))).unwrap_or_default();
    Some(format!("{name}{version}{build}"))
}

/// The name in a sentence, and in a title.
fn asset(details: &Details) -> Option<(String, String)> {
    let asset = details.asset.as_ref()?;
    let version = asset.version.as_ref().map(|version| format!(" {}", clean(version))).unwrap_or_default();
    let pack = asset.pack.as_ref().map(|pack| format!("asset pack “{}”{version}", clean(pack)));
    match (details.app_name().map(clean), pack) {
        (Some(app), Some(pack)) => Some((format!("{pack} of {app}"), format!("{app}, {pack}"))),
        (None, Some(pack)) => Some((format!("the {pack}"), capitalized(&pack))),
        (Some(app), None) => Some((format!("a background asset of {app}"), format!("{app}, background asset"))),
        (None, None) => None,
    }
}

fn package(details: &Details) -> Option<String> {
    let name = clean(details.app_name()?);
    let version = details.package.as_ref().and_then(|package| package.version.as_deref());
    Some(version.map_or_else(|| name.clone(), |version| format!("{name} {}", clean(version))))
}

fn twice(name: String) -> (String, String) {
    (name.clone(), name)
}

fn several(details: &Details) -> Option<String> {
    let platforms = &details.asset.as_ref()?.platforms;
    let names: Vec<String> = platforms.iter().map(|word| platform(word)).collect();
    (!names.is_empty()).then(|| row(&names))
}
