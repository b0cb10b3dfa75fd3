//! Details that fit a sample of an event, as Apple's API would bring them: for trying out words, templates and outputs.

use super::{App, Asset, Beta, Build, CrashLog, Details, Feedback, Group, Package, Remark, Version};
use crate::event::{Event, Payload};

/// Details that fit an event: an app `Harbor`, its version 2.3, its build 45; none for kinds that tell of no app.
pub fn of(event: &Event) -> Details {
    let text = |text: &str| Some(text.to_owned());
    let app = App { id: "1234567890".into(), name: text("Harbor"), bundle_id: text("com.example.harbor"), sku: text("harbor") };
    let build = Build { id: "b1".into(), number: text("45"), version: text("2.3"), platform: text("IOS"), ..Build::default() };
    let mut details = Details { app: Some(app), ..Details::default() };
    match &event.payload {
        Payload::AppVersion(_) => {
            let (release_type, string, platform) = (text("MANUAL"), text("2.3"), text("IOS"));
            details.version = Some(Version { id: "v1".into(), string, platform, release_type, ..Version::default() });
            details.build = Some(build);
        }
        Payload::BuildUpload(_) => {
            let missing = Remark { code: text("90683"), description: text("Missing purpose string in Info.plist.") };
            let errors = if event.state() == Some("FAILED") { vec![missing] } else { Vec::new() };
            details.build = Some(Build { errors, ..build });
        }
        Payload::BuildBetaDetail(_) => {
            let groups = ["Friends", "Press"].map(|name| Group { id: name.into(), name: text(name), internal: Some(false) });
            details.beta = Some(Beta { groups: groups.into(), ..Beta::default() });
            details.build = Some(build);
        }
        Payload::BetaFeedback(_) => {
            details.build = Some(build);
            details.feedback = Some(Feedback {
                id: "f1".into(),
                comment: text("The map stays grey\nafter I turn the phone."),
                device_model: text("iPhone17,1"),
                os_version: text("26.1"),
                platform: text("IOS"),
                locale: text("en-GB"),
                connection: text("WIFI"),
                battery_percent: Some(61.0),
                disk_available: Some(12_345_678_901),
                crash_log: Some(CrashLog { text: "Thread 0 crashed".into(), is_cut: false }),
                ..Feedback::default()
            });
        }
        Payload::BackgroundAsset(_) => {
            let (pack, version, platforms) = (text("levels"), text("3"), vec!["IOS".into(), "TV_OS".into()]);
            details.asset = Some(Asset { id: "a1".into(), pack, version, platforms, ..Asset::default() });
        }
        Payload::AlternativeDistribution(_) | Payload::Marketplace(_) => {
            details.package = Some(Package { id: text("p1"), version: text("2.3"), ..Package::default() });
        }
        // Of builds of Xcode Cloud, App Store Connect is not asked.
        Payload::Ping(_) | Payload::XcodeCloud(_) | Payload::Unknown(_) => details = Details::default(),
    }
    details.link = details.link_to(event);
    details
}
