//! What is only read: apps, versions, builds, feedback, assets, packages. All of them are read by the same lines.

use std::sync::Arc;

use axum::extract::{Path, State};
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::{
    answer::{Call, Page, choose, linkage},
    error::{Answer, ApiError},
    query::{Parameters, Query},
};
use crate::sandbox::{
    Connect,
    catalog::{Catalog, Reference, Relationship, Resource},
};

/// A type that can be read by id, and what can be included with it.
struct Readable {
    kind: &'static str,
    include: &'static [&'static str],
}

const READABLE: &[Readable] = &[
    Readable { kind: "apps", include: &["appStoreVersions", "builds", "preReleaseVersions"] },
    Readable {
        kind: "appStoreVersions",
        include: &[
            "app",
            "alternativeDistributionPackage",
            "appStoreReviewDetail",
            "appStoreVersionLocalizations",
            "appStoreVersionPhasedRelease",
            "appStoreVersionSubmission",
            "build",
        ],
    },
    Readable { kind: "preReleaseVersions", include: &["app", "builds"] },
    Readable { kind: "buildUploads", include: &["assetDescriptionFile", "assetFile", "assetSpiFile", "build"] },
    Readable {
        kind: "builds",
        include: &[
            "app",
            "appEncryptionDeclaration",
            "appStoreVersion",
            "betaAppReviewSubmission",
            "betaBuildLocalizations",
            "betaGroups",
            "buildBetaDetail",
            "buildBundles",
            "buildUpload",
            "icons",
            "individualTesters",
            "preReleaseVersion",
        ],
    },
    Readable { kind: "buildBetaDetails", include: &["build"] },
    Readable { kind: "betaFeedbackScreenshotSubmissions", include: &["build", "tester"] },
    Readable { kind: "betaFeedbackCrashSubmissions", include: &["build", "tester"] },
    Readable {
        kind: "backgroundAssetVersions",
        include: &["appStoreRelease", "assetFile", "backgroundAsset", "externalBetaRelease", "internalBetaRelease", "manifestFile"],
    },
    Readable { kind: "backgroundAssetVersionInternalBetaReleases", include: &["backgroundAssetVersion"] },
    Readable { kind: "backgroundAssetVersionExternalBetaReleases", include: &["backgroundAssetVersion"] },
    Readable { kind: "backgroundAssetVersionAppStoreReleases", include: &["backgroundAssetVersion"] },
    Readable { kind: "alternativeDistributionPackages", include: &["versions"] },
    Readable { kind: "alternativeDistributionPackageVersions", include: &["alternativeDistributionPackage", "deltas", "variants"] },
    Readable { kind: "betaCrashLogs", include: &[] },
    Readable { kind: "betaTesters", include: &[] },
    Readable { kind: "backgroundAssets", include: &[] },
];

/// The types whose fields can be chosen. Which fields there are is not checked: for apps alone they are more than fifty.
const FIELDS: &[(&str, &[&str])] = &[
    ("apps", &[]),
    ("appStoreVersions", &[]),
    ("preReleaseVersions", &[]),
    ("buildUploads", &[]),
    ("builds", &[]),
    ("buildBetaDetails", &[]),
    ("betaFeedbackScreenshotSubmissions", &[]),
    ("betaFeedbackCrashSubmissions", &[]),
    ("betaCrashLogs", &[]),
    ("betaAppReviewSubmissions", &[]),
    ("betaGroups", &[]),
    ("betaTesters", &[]),
    ("backgroundAssets", &[]),
    ("backgroundAssetVersions", &[]),
    ("backgroundAssetVersionInternalBetaReleases", &[]),
    ("backgroundAssetVersionExternalBetaReleases", &[]),
    ("backgroundAssetVersionAppStoreReleases", &[]),
    ("alternativeDistributionPackages", &[]),
    ("alternativeDistributionPackageVersions", &[]),
];

/// The types that stand in Apple's list as part of others only.
const NEVER_BY_ID: &[&str] = &["betaCrashLogs", "betaTesters", "backgroundAssets"];

pub(super) async fn apps(State(connect): State<Arc<Connect>>, call: Call) -> Answer {
    const FILTERS: &[&str] = &["bundleId", "id", "name", "sku"];
    let query = call.query(Parameters { paged: true, filters: FILTERS, ..parameters("apps") })?;
    let state = connect.state();
    let wanted = |app: &Resource| {
        FILTERS.iter().all(|name| {
            let value = if *name == "id" { Some(app.reference.id.as_str()) } else { app.text(name) };
            query.filter(name).is_none_or(|wanted| wanted.iter().any(|wanted| Some(wanted.as_str()) == value))
        })
    };
    let page = Page::cut(state.catalog.of_kind("apps").filter(|(_, app)| wanted(app)), &query)?;
    let included = page.items.iter().flat_map(|app| included(app, &state.catalog, &call, &query)).collect();
    Ok(call.many(page.map(|app| represent(app, &call, &query)), included))
}

pub(super) async fn one(State(connect): State<Arc<Connect>>, Path((kind, id)): Path<(String, String)>, call: Call) -> Answer {
    let by_id = READABLE.iter().find(|readable| readable.kind == kind && !NEVER_BY_ID.contains(&readable.kind));
    let kind = by_id.ok_or_else(|| ApiError::no_such_path(&format!("/v1/{kind}/{id}")))?.kind;
    let query = call.query(parameters(kind))?;
    let state = connect.state();
    let resource = state.catalog.find(&Reference::new(kind, id.as_str())).ok_or_else(|| ApiError::not_found(kind, &id))?;
    Ok(whole(resource, &state.catalog, &call, &query))
}

pub(super) async fn related(
    State(connect): State<Arc<Connect>>,
    Path((kind, id, name)): Path<(String, String, String)>,
    call: Call,
) -> Answer {
    let nowhere = || ApiError::no_such_path(&format!("/v1/{kind}/{id}/{name}"));
    let kind = READABLE.iter().find(|readable| readable.kind == kind).ok_or_else(nowhere)?.kind;
    let state = connect.state();
    let resource = state.catalog.find(&Reference::new(kind, id.as_str())).ok_or_else(|| ApiError::not_found(kind, &id))?;
    match resource.relationships.get(name.as_str()).ok_or_else(nowhere)? {
        Relationship::One(to) | Relationship::Apart(to) => {
            let query = call.query(parameters(to.kind))?;
            let related = state.catalog.find(to).ok_or_else(|| ApiError::not_found(to.kind, &to.id))?;
            Ok(whole(related, &state.catalog, &call, &query))
        }
        Relationship::Many(to) => {
            let query = call.query(Parameters { paged: true, ..parameters(to.first().map_or("", |to| to.kind)) })?;
            let related = to.iter().filter_map(|to| state.catalog.find(to));
            let page = Page::cut((0_u64..).zip(related), &query)?;
            Ok(call.many(page.map(|related| represent(related, &call, &query)), Vec::new()))
        }
    }
}

/// An app, as it is included with a webhook.
pub(super) fn app(id: &str, catalog: &Catalog, call: &Call, query: &Query) -> Option<Value> {
    Some(represent(catalog.find(&Reference::new("apps", id))?, call, query))
}

fn parameters(kind: &str) -> Parameters {
    let include = READABLE.iter().find(|readable| readable.kind == kind).map_or(&[] as &[_], |readable| readable.include);
    Parameters { paged: false, include, fields: FIELDS, filters: &[] }
}

fn whole(resource: &Resource, catalog: &Catalog, call: &Call, query: &Query) -> axum::response::Response {
    call.one(StatusCode::OK, &represent(resource, call, query), included(resource, catalog, call, query))
}

fn represent(resource: &Resource, call: &Call, query: &Query) -> Value {
    let Reference { kind, id } = &resource.reference;
    let address = call.address(&format!("/v1/{kind}/{id}"));
    let relationships = resource.relationships.iter().map(|(name, relationship)| {
        let links = json!({ "self": format!("{address}/relationships/{name}"), "related": format!("{address}/{name}") });
        let mut shown = if always_linked(kind, name) { json!({ "links": links }) } else { json!({}) };
        if query.includes(name) {
            match relationship {
                Relationship::One(to) => shown["data"] = linkage(to.kind, &to.id),
                Relationship::Many(to) => shown["data"] = to.iter().map(|to| linkage(to.kind, &to.id)).collect(),
                Relationship::Apart(_) => {}
            }
        }
        ((*name).to_owned(), shown)
    });
    let relationships: Map<_, _> =
        relationships.filter(|(_, shown)| shown.as_object().is_some_and(|shown| !shown.is_empty())).collect();
    let mut shown = json!({ "type": kind, "id": id, "attributes": resource.attributes, "links": { "self": address } });
    if !relationships.is_empty() {
        shown["relationships"] = relationships.into();
    }
    choose(shown, query)
}

/// Whether Apple gives a relationship links of its own, next to its data.
fn always_linked(kind: &str, name: &str) -> bool {
    match kind {
        "apps" | "builds" => name != "buildUpload",
        "appStoreVersions" => name != "app",
        "buildBetaDetails" | "alternativeDistributionPackages" => true,
        "betaFeedbackCrashSubmissions" => name == "crashLog",
        _ => false,
    }
}

fn included(resource: &Resource, catalog: &Catalog, call: &Call, query: &Query) -> Vec<Value> {
    let asked_for = resource.relationships.iter().filter(|(name, _)| query.includes(name));
    let references = asked_for.flat_map(|(_, relationship)| match relationship {
        Relationship::One(to) => std::slice::from_ref(to),
        Relationship::Many(to) => to.as_slice(),
        Relationship::Apart(_) => &[],
    });
    references.filter_map(|to| catalog.find(to)).map(|resource| represent(resource, call, query)).collect()
}
