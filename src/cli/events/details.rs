//! Details of a receipt, as people read them: a line for each thing that is known, and one for what is not.

use super::super::output;
use crate::event::details::{Asset, Beta, Build, Details, Feedback, Package, Remark, Version};

/// The lines, each with its name.
pub(super) fn lines(details: &Details) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    if let Some(app) = &details.app {
        let known = [app.name.as_deref(), app.bundle_id.as_deref(), Some(&app.id)];
        lines.push(("app", listed(known)));
    }
    lines.extend(details.version.as_ref().map(|version| ("version", of_version(version))));
    if let Some(build) = &details.build {
        lines.push(("build", of_build(build)));
        lines.extend(of_remarks(&build.errors, &build.warnings));
    }
    lines.extend(details.beta.as_ref().map(|beta| ("testing", of_beta(beta))));
    lines.extend(details.feedback.iter().flat_map(of_feedback));
    if let Some(asset) = &details.asset {
        lines.push(("asset", of_asset(asset)));
        lines.extend(of_remarks(&asset.errors, &asset.warnings));
    }
    lines.extend(details.package.as_ref().map(|package| ("package", of_package(package))));
    lines.extend(details.link.clone().map(|link| ("link", link)));
    let gaps = details.gaps.iter().map(|gap| {
        let why = serde_json::to_value(gap.why).ok();
        format!("{} ({})", gap.what, why.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default())
    });
    lines.push(("unknown", gaps.collect::<Vec<_>>().join(", ")));
    lines
}

fn of_version(version: &Version) -> String {
    let release = version.release_type.as_ref().map(|release| format!("release {release}"));
    listed([version.string.as_deref(), version.platform.as_deref(), version.state.as_deref(), release.as_deref()])
}

fn of_build(build: &Build) -> String {
    let number = match (&build.version, &build.number) {
        (Some(version), Some(number)) => Some(format!("{version} ({number})")),
        (version, number) => version.clone().or_else(|| number.clone()),
    };
    let state = build.upload_state.as_deref().or(build.processing_state.as_deref());
    let expired = build.expired.unwrap_or(false).then_some("expired");
    listed([number.as_deref(), build.platform.as_deref(), state, expired])
}

fn of_beta(beta: &Beta) -> String {
    let told = |name: &str, state: &Option<String>| state.as_ref().map(|state| format!("{name} {state}"));
    let groups: Vec<_> = beta.groups.iter().map(|group| group.name.as_deref().unwrap_or(&group.id)).collect();
    let groups = (!groups.is_empty()).then(|| format!("groups {}", groups.join(", ")));
    let states = [
        told("internal", &beta.internal_state),
        told("external", &beta.external_state),
        told("review", &beta.review_state),
        groups,
    ];
    listed(states.iter().map(Option::as_deref))
}

fn of_feedback(feedback: &Feedback) -> Vec<(&'static str, String)> {
    let battery = feedback.battery_percent.map(|percent| format!("battery {percent} %"));
    let device = [
        feedback.device_model.as_deref(),
        feedback.os_version.as_deref(),
        battery.as_deref(),
        feedback.connection.as_deref(),
        feedback.locale.as_deref(),
    ];
    let shots = feedback.screenshots.iter().map(|shot| match &shot.file {
        Some(file) => format!("{} ({})", file.name, output::size(file.size)),
        None => "not fetched".to_owned(),
    });
    let log = feedback.crash_log.as_ref().map(|log| {
        let cut = if log.is_cut { ", cut" } else { "" };
        format!("{} lines{cut}; `--json` shows them", log.text.lines().count())
    });
    vec![
        ("comment", feedback.comment.clone().unwrap_or_default()),
        ("device", listed(device)),
        ("tester", feedback.email.clone().unwrap_or_default()),
        ("pictures", shots.collect::<Vec<_>>().join(", ")),
        ("crash log", log.unwrap_or_default()),
    ]
}

fn of_asset(asset: &Asset) -> String {
    listed([asset.pack.as_deref(), asset.version.as_deref(), asset.state.as_deref()])
}

fn of_package(package: &Package) -> String {
    listed([package.id.as_deref(), package.version.as_deref(), package.state.as_deref()])
}

fn of_remarks(errors: &[Remark], warnings: &[Remark]) -> Vec<(&'static str, String)> {
    let said = |remark: &Remark| listed([remark.code.as_deref(), remark.description.as_deref()]);
    let errors = errors.iter().map(|remark| ("error", said(remark)));
    errors.chain(warnings.iter().map(|remark| ("warning", said(remark)))).collect()
}

/// What is known of several things, on one line.
fn listed<'a>(parts: impl IntoIterator<Item = Option<&'a str>>) -> String {
    parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ")
}
