//! Groups of testers in TestFlight
//! ([Beta Groups](https://developer.apple.com/documentation/appstoreconnectapi/beta-groups)).

use serde::Deserialize;

use super::{
    Client, Error,
    document::{Many, Resource, lenient},
    page::{LARGEST_PAGE, Pages},
};

/// A group of testers of one app.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BetaGroup {
    /// Apple's id of it.
    pub id: String,
    /// The name it was given.
    pub name: Option<String>,
    /// Whether it is given every build without anybody doing anything, as only groups of the own team can be.
    pub has_every_build: bool,
}

impl Client {
    /// The groups of testers of an app.
    pub fn beta_groups(&self, app_id: &str) -> Result<Pages<'_, BetaGroup>, Error> {
        let mut url = self.url(&["v1", "apps", app_id, "betaGroups"])?;
        url.query_pairs_mut().append_pair("fields[betaGroups]", "name,hasAccessToAllBuilds").append_pair("limit", LARGEST_PAGE);
        Ok(Pages::new(self, url, |answer| {
            let page: Many<Resource<Attributes>> = answer.json()?;
            Ok(page.frame.around(page.data.into_iter().map(BetaGroup::from).collect()))
        }))
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attributes {
    name: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    has_access_to_all_builds: Option<bool>,
}

impl From<Resource<Attributes>> for BetaGroup {
    fn from(wire: Resource<Attributes>) -> Self {
        let Attributes { name, has_access_to_all_builds } = wire.attributes.unwrap_or_default();
        Self { id: wire.id, name, has_every_build: has_access_to_all_builds == Some(true) }
    }
}
