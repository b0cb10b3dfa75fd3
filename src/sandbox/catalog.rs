//! What is on sale and in testing: apps, versions, builds, feedback, and whatever else a notification can be about.
//!
//! Every resource has the same form here, the one it has on the wire: a type, an id, attributes, and references to others by name. So
//! the API reads any of them with the same few lines, and a scenario changes any of them by setting an attribute. What may follow what
//! is not known here; that is the scenarios' affair.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// An app that the sandbox starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct App {
    /// Apple's id of the app. The same in every sandbox, so that a configuration can name it.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Its bundle id.
    pub bundle_id: &'static str,
}

/// The apps that every sandbox has. The first is the one that is driven if none is named.
pub const APPS: [App; 2] = [
    App { id: "6700000001", name: "Harbor", bundle_id: "com.example.harbor" },
    App { id: "6700000002", name: "Lantern", bundle_id: "com.example.lantern" },
];

/// The alternative marketplace that distributes the apps. Its webhooks hear about packages and territories.
pub const MARKETPLACE: App = App { id: "6700000009", name: "Open Market", bundle_id: "com.example.openmarket" };

/// The version of each app that is on the store when the sandbox starts.
pub(super) const FIRST_VERSION: &str = "2.2";

/// Which resource: its type and its id.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Reference {
    pub(super) kind: &'static str,
    pub(super) id: String,
}

/// A resource.
#[derive(Clone, Debug)]
pub(super) struct Resource {
    pub(super) reference: Reference,
    pub(super) attributes: Map<String, Value>,
    pub(super) relationships: BTreeMap<&'static str, Relationship>,
}

/// What a resource refers to under one name.
#[derive(Clone, Debug)]
pub(super) enum Relationship {
    One(Reference),
    Many(Vec<Reference>),
    /// Found at an address of its own, and never named by id.
    Apart(Reference),
}

/// All resources, in the order in which they came to be.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    resources: Vec<Resource>,
    places: HashMap<Reference, usize>,
}

impl Reference {
    pub(super) fn new(kind: &'static str, id: impl Into<String>) -> Self {
        Self { kind, id: id.into() }
    }
}

impl Resource {
    /// A resource with these attributes: the members of a JSON object.
    pub(super) fn new(kind: &'static str, id: impl Into<String>, attributes: Value) -> Self {
        let attributes = if let Value::Object(attributes) = attributes { attributes } else { Map::new() };
        Self { reference: Reference::new(kind, id), attributes, relationships: BTreeMap::new() }
    }

    pub(super) fn one(mut self, name: &'static str, to: &Reference) -> Self {
        self.relationships.insert(name, Relationship::One(to.clone()));
        self
    }

    pub(super) fn many(mut self, name: &'static str, to: &[Reference]) -> Self {
        self.relationships.insert(name, Relationship::Many(to.to_vec()));
        self
    }

    pub(super) fn apart(mut self, name: &'static str, to: &Reference) -> Self {
        self.relationships.insert(name, Relationship::Apart(to.clone()));
        self
    }

    /// An attribute that is a text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.attributes.get(name)?.as_str()
    }
}

impl Catalog {
    /// The apps, each with a version on the store and two groups of testers.
    pub(super) fn stocked(now: Timestamp) -> Self {
        let mut catalog = Self::default();
        for app in APPS.iter().chain([&MARKETPLACE]) {
            let reference = catalog.add(Resource::new(
                "apps",
                app.id,
                json!({
                    "name": app.name,
                    "bundleId": app.bundle_id,
                    "sku": app.bundle_id.rsplit('.').next(),
                    "primaryLocale": "en-US",
                }),
            ));
            let version = Resource::new(
                "appStoreVersions",
                format!("{}-{FIRST_VERSION}", app.id),
                json!({
                    "platform": "IOS",
                    "versionString": FIRST_VERSION,
                    "appStoreState": "READY_FOR_SALE",
                    "appVersionState": "READY_FOR_DISTRIBUTION",
                    "releaseType": "MANUAL",
                    "downloadable": true,
                    "createdDate": now.to_string(),
                }),
            );
            catalog.add(version.one("app", &reference));
            let groups = [("team", "Team", true), ("friends", "Friends", false)].map(|(id, name, internal)| {
                let attributes = json!({
                    "name": name,
                    "createdDate": now.to_string(),
                    "isInternalGroup": internal,
                    "hasAccessToAllBuilds": internal,
                    "feedbackEnabled": true,
                });
                catalog.add(Resource::new("betaGroups", format!("{}-{id}", app.id), attributes).one("app", &reference))
            });
            for group in &groups {
                catalog.join(&reference, "betaGroups", group);
            }
        }
        catalog
    }

    /// Adds a resource, and says how to refer to it.
    pub(super) fn add(&mut self, resource: Resource) -> Reference {
        let reference = resource.reference.clone();
        self.places.insert(reference.clone(), self.resources.len());
        self.resources.push(resource);
        reference
    }

    pub(super) fn find(&self, reference: &Reference) -> Option<&Resource> {
        self.resources.get(*self.places.get(reference)?)
    }

    /// Sets an attribute, and returns what it was.
    pub(super) fn set(&mut self, reference: &Reference, name: &str, to: impl Into<Value>) -> Option<Value> {
        let place = *self.places.get(reference)?;
        self.resources.get_mut(place)?.attributes.insert(name.to_owned(), to.into())
    }

    /// Makes one resource refer to another.
    pub(super) fn relate(&mut self, from: &Reference, name: &'static str, to: &Reference) {
        if let Some(resource) = self.places.get(from).and_then(|&place| self.resources.get_mut(place)) {
            resource.relationships.insert(name, Relationship::One(to.clone()));
        }
    }

    /// Makes one resource refer to one more of several others.
    pub(super) fn join(&mut self, from: &Reference, name: &'static str, to: &Reference) {
        let Some(resource) = self.places.get(from).and_then(|&place| self.resources.get_mut(place)) else { return };
        let relationship = resource.relationships.entry(name).or_insert_with(|| Relationship::Many(Vec::new()));
        if let Relationship::Many(others) = relationship
            && !others.contains(to)
        {
            others.push(to.clone());
        }
    }

    /// The resources of one type, the oldest first, each with its place in the catalogue.
    pub(super) fn of_kind(&self, kind: &str) -> impl Iterator<Item = (u64, &Resource)> {
        (0_u64..).zip(&self.resources).filter(move |(_, resource)| resource.reference.kind == kind)
    }

    pub(super) fn app_exists(&self, id: &str) -> bool {
        self.find(&Reference::new("apps", id)).is_some()
    }
}
