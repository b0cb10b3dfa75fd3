//! Builds: whether one is ready, how far it is in external testing, and which groups test it
//! ([Builds](https://developer.apple.com/documentation/appstoreconnectapi/builds)).
//!
//! This is what has to be known before something is done with a build. What there is to tell of one is read in `lookup`.

use http::Method;
use serde::Deserialize;
use serde_json::json;

use super::{
    Answer, Client, Error, Order, Request,
    document::{Linkage, Nothing, One, Resource, ToMany, ToOne, lenient},
};
use crate::event::ExternalBetaState;

/// As many groups of a build as Apple tells at once.
const MOST_GROUPS: &str = "50";

/// How far a build is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Build {
    /// Apple's id of it.
    pub id: String,
    /// The id of its app.
    pub app_id: Option<String>,
    /// Its number, `CFBundleVersion`.
    pub number: Option<String>,
    /// Whether it can be used: `PROCESSING`, `FAILED`, `INVALID` or `VALID`.
    pub processing_state: Option<String>,
    /// Whether it is too old to be tested.
    pub expired: Option<bool>,
    /// How far it is in external testing.
    pub external_state: Option<ExternalBetaState>,
    /// The ids of the groups that it was given to, of which Apple tells up to 50.
    pub groups: Vec<String>,
}

impl Client {
    /// One build.
    pub async fn build(&self, id: &str) -> Result<Build, Error> {
        let mut url = self.url(&["v1", "builds", id])?;
        url.query_pairs_mut()
            .append_pair("include", "app,betaGroups,buildBetaDetail")
            .append_pair("fields[apps]", "name")
            .append_pair("fields[betaGroups]", "name")
            .append_pair("fields[buildBetaDetails]", "externalBuildState")
            .append_pair("fields[builds]", "version,processingState,expired,app,betaGroups,buildBetaDetail")
            .append_pair("limit[betaGroups]", MOST_GROUPS);
        let whole: Whole = self.ask(Request::get(url).briefly()).await?.json()?;
        Ok(whole.into())
    }

    /// The id of the build that came out of an upload; none if none did as yet.
    pub async fn build_of_upload(&self, upload_id: &str) -> Result<Option<String>, Error> {
        let mut url = self.url(&["v1", "buildUploads", upload_id])?;
        url.query_pairs_mut()
            .append_pair("include", "build")
            .append_pair("fields[buildUploads]", "state,build")
            .append_pair("fields[builds]", "version");
        let one: One<Resource<Nothing, UploadRelationships>> = self.ask(Request::get(url).briefly()).await?.json()?;
        let build = one.data.relationships.and_then(|relationships| relationships.build).and_then(|build| build.data);
        Ok(build.map(|build| build.id))
    }

    /// The id of the build whose place in external testing this is.
    pub async fn build_of_beta_detail(&self, detail_id: &str) -> Result<String, Error> {
        let mut url = self.url(&["v1", "buildBetaDetails", detail_id, "build"])?;
        url.query_pairs_mut().append_pair("fields[builds]", "version");
        let one: One<Resource<Nothing>> = self.ask(Request::get(url).briefly()).await?.json()?;
        Ok(one.data.id)
    }

    /// Gives a build to groups of testers. Those that have it already keep it.
    pub fn add_build_to_groups(&self, build_id: &str, group_ids: &[String]) -> Order<'_, ()> {
        let groups: Vec<_> = group_ids.iter().map(|id| json!({ "type": "betaGroups", "id": id })).collect();
        let url = self.url(&["v1", "builds", build_id, "relationships", "betaGroups"]);
        let request = url.map(|url| Request::new(Method::POST, url).json(&json!({ "data": groups })));
        Order::new(self, request, |_: &Answer| Ok(()))
    }
}

#[derive(Deserialize)]
#[serde(expecting = "a document with a build")]
struct Whole {
    data: Resource<Attributes, Relationships>,
    #[serde(default, deserialize_with = "lenient")]
    included: Option<Vec<Resource<Included>>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attributes {
    version: Option<String>,
    processing_state: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    expired: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Relationships {
    app: Option<ToOne>,
    build_beta_detail: Option<ToOne>,
    beta_groups: Option<ToMany>,
}

#[derive(Deserialize)]
struct UploadRelationships {
    build: Option<ToOne>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Included {
    external_build_state: Option<String>,
}

impl From<Whole> for Build {
    fn from(Whole { data, included }: Whole) -> Self {
        let Attributes { version, processing_state, expired } = data.attributes.unwrap_or_default();
        let Relationships { app, build_beta_detail, beta_groups } = data.relationships.unwrap_or_default();
        let to = |one: Option<ToOne>| one.and_then(|one| one.data).map(|linkage| linkage.id);
        let detail_id = to(build_beta_detail);
        let detail = included.into_iter().flatten().find(|resource| Some(&resource.id) == detail_id.as_ref());
        let external_state = detail.and_then(|detail| detail.attributes?.external_build_state);
        let groups = beta_groups.and_then(|groups| groups.data).unwrap_or_default();
        Self {
            id: data.id,
            app_id: to(app),
            number: version,
            processing_state,
            expired,
            external_state: external_state.map(|state| state.as_str().into()),
            groups: groups.into_iter().map(|Linkage { id, .. }| id).collect(),
        }
    }
}
