//! Deliveries: Apple's tries to reach a webhook, and the events that they were about
//! ([`WebhookDelivery`](https://developer.apple.com/documentation/appstoreconnectapi/webhookdelivery)).
//!
//! The list of deliveries is the way by which a missed event comes back: each entry brings the event's payload along. What is fetched
//! here, over TLS and with our own key, is as good as signed, so this is the second of the two places that make an
//! [`Authentic`]. To keep it that way, a [`DeliveredEvent`] can only be made of an answer of the API's.
//!
//! Apple documents neither the order of the list nor the format of the dates in its filters. So the filters only save time: what they
//! ask for is checked again here, and nothing relies on the order.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use bytes::Bytes;
use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Answer, Client, Error, Order, Request,
    document::{Frame, Linkage, Many, One, Resource, ToOne, lenient},
    page::{LARGEST_PAGE, Listing, Pages},
};
use crate::{
    event::{Event, EventKind, FamilyName},
    signature::Authentic,
};

/// One try of Apple's to deliver an event.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Delivery {
    /// Apple's id of it: what [`Client::redeliver`] takes.
    pub id: String,
    /// How it went.
    pub state: Option<DeliveryState>,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// When it was sent.
    pub sent_at: Option<Timestamp>,
    /// What went wrong, in Apple's words.
    pub error: Option<String>,
    /// Whether somebody asked for it after an earlier one.
    pub is_redelivery: bool,
    /// The address it was sent to.
    pub url: Option<String>,
    /// The status that was answered.
    pub answered_status: Option<u16>,
    /// The body that was answered.
    pub answered_body: Option<String>,
    /// The event it was about. None in the answer to a redelivery, which names no event.
    pub event: Option<Arc<DeliveredEvent>>,
}

/// How a delivery went.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum DeliveryState {
    /// It was taken.
    Succeeded,
    /// It was not taken, or did not get through.
    Failed,
    /// It is under way.
    Pending,
    #[doc(hidden)]
    _Custom(Box<str>),
}

impl DeliveryState {
    /// The state as Apple writes it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Pending => "PENDING",
            Self::_Custom(word) => word,
        }
    }

    /// Whether this version knows the state.
    pub fn is_known(&self) -> bool {
        !matches!(self, Self::_Custom(_))
    }
}

/// Reads a state as Apple writes it. Any other text is an unknown state.
impl From<&str> for DeliveryState {
    fn from(text: &str) -> Self {
        let known = [Self::Succeeded, Self::Failed, Self::Pending].into_iter().find(|state| state.as_str() == text);
        known.unwrap_or_else(|| Self::_Custom(text.into()))
    }
}

impl serde::Serialize for DeliveryState {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// An event as Apple keeps it beside its deliveries.
///
/// It has no public constructor and cannot be deserialized: it comes from App Store Connect or not at all.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeliveredEvent {
    /// Apple's id of the record. It is not promised to be the id of the event in the payload.
    pub id: String,
    /// What kind of event it is, if Apple says so.
    pub kind: Option<EventKind>,
    /// Whether it is a ping: a test, which need not be recovered.
    pub is_ping: bool,
    /// When the record was made.
    pub created_at: Option<Timestamp>,
    payload: Option<Payload>,
}

/// The text of a payload, which stays out of `Debug`: it leads to testers' data.
#[derive(Clone)]
struct Payload(Bytes);

impl std::fmt::Debug for Payload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl DeliveredEvent {
    /// The notification's body, vouched for by where we got it; none when Apple keeps none.
    pub fn authentic(&self) -> Option<Authentic<Bytes>> {
        self.payload.clone().map(|payload| Authentic::fetched(payload.0))
    }

    /// The event in the payload, if Apple keeps one and it can be read.
    pub fn event(&self) -> Option<Event> {
        Event::parse(self.payload.clone()?.0).ok()
    }
}

/// Which deliveries to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryFilter {
    since: Timestamp,
    until: Option<Timestamp>,
    states: BTreeSet<DeliveryState>,
}

impl DeliveryFilter {
    /// Deliveries made at `since` or later.
    pub fn since(since: Timestamp) -> Self {
        Self { since, until: None, states: BTreeSet::new() }
    }

    /// Only those made before `until`.
    #[must_use]
    pub fn until(mut self, until: Timestamp) -> Self {
        self.until = Some(until);
        self
    }

    /// Only those in one of these states; all, if there are none.
    #[must_use]
    pub fn in_states(mut self, states: impl IntoIterator<Item = DeliveryState>) -> Self {
        self.states = states.into_iter().collect();
        self
    }

    /// Whether a delivery is asked for. One that does not say when it was made, or how it went, may be.
    fn takes(&self, delivery: &Delivery) -> bool {
        let in_time = delivery.created_at.is_none_or(|at| self.since <= at && self.until.is_none_or(|until| at < until));
        in_time && (self.states.is_empty() || delivery.state.as_ref().is_none_or(|state| self.states.contains(state)))
    }

    fn parameters(&self) -> Vec<(&'static str, String)> {
        // Whole seconds outwards: what a fraction would have cut off is cut off here.
        let whole = |at: Timestamp| Timestamp::from_second(at.as_second()).unwrap_or(at);
        let mut parameters = vec![("filter[createdDateGreaterThanOrEqualTo]", whole(self.since).to_string())];
        if let Some(until) = self.until {
            let until = until.saturating_add(SignedDuration::new(0, 999_999_999)).map_or(until, whole);
            parameters.push(("filter[createdDateLessThan]", until.to_string()));
        }
        // A state that Apple's schema does not list would be refused; then only we filter.
        if !self.states.is_empty() && self.states.iter().all(DeliveryState::is_known) {
            let states: Vec<_> = self.states.iter().map(DeliveryState::as_str).collect();
            parameters.push(("filter[deliveryState]", states.join(",")));
        }
        parameters
    }
}

/// An event and Apple's tries to deliver it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EventDeliveries {
    /// The event; none for a delivery that does not say what it was about, which then stands alone.
    pub event: Option<Arc<DeliveredEvent>>,
    /// The deliveries, in the order of the list; at least one.
    pub deliveries: Vec<Delivery>,
}

/// Puts the deliveries of one event together: a redelivery makes a new delivery of an old event. The events come in the order of their
/// first deliveries.
pub fn by_event(deliveries: impl IntoIterator<Item = Delivery>) -> Vec<EventDeliveries> {
    let mut groups: Vec<EventDeliveries> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for delivery in deliveries {
        let new_place = groups.len();
        let place = delivery.event.as_ref().map_or(new_place, |event| *places.entry(event.id.clone()).or_insert(new_place));
        match groups.get_mut(place) {
            Some(group) => {
                // A later page may bring the payload that an earlier one left out.
                if let (Some(known), Some(event)) = (&group.event, &delivery.event)
                    && known.payload.is_none()
                {
                    group.event = Some(Arc::clone(event));
                }
                group.deliveries.push(delivery);
            }
            None => groups.push(EventDeliveries { event: delivery.event.clone(), deliveries: vec![delivery] }),
        }
    }
    groups
}

impl Client {
    /// The deliveries of a webhook, with their events.
    pub fn deliveries(&self, webhook_id: &str, filter: DeliveryFilter) -> Result<Pages<'_, Delivery>, Error> {
        let mut url = self.url(&["v1", "webhooks", webhook_id, "deliveries"])?;
        url.query_pairs_mut().extend_pairs(filter.parameters()).append_pair("include", "event").append_pair("limit", LARGEST_PAGE);
        Ok(Pages::new(self, url, move |answer| {
            let mut listing = read_page(answer)?;
            listing.page.items.retain(|delivery| filter.takes(delivery));
            Ok(listing)
        }))
    }

    /// The ids of the deliveries of a webhook.
    pub fn delivery_linkages(&self, webhook_id: &str) -> Result<Pages<'_, Linkage>, Error> {
        let mut url = self.url(&["v1", "webhooks", webhook_id, "relationships", "deliveries"])?;
        url.query_pairs_mut().append_pair("limit", LARGEST_PAGE);
        Ok(self.linkages(url))
    }

    /// Has Apple send an event again: makes a new delivery after the pattern of an old one.
    pub fn redeliver(&self, delivery_id: &str) -> Order<'_, Delivery> {
        let body = json!({ "data": {
            "type": "webhookDeliveries",
            "relationships": { "template": { "data": { "type": "webhookDeliveries", "id": delivery_id } } },
        } });
        let request = self.url(&["v1", "webhookDeliveries"]).map(|url| Request::new(Method::POST, url).json(&body));
        Order::new(self, request, |answer| {
            let one: One<Wire> = answer.json()?;
            Ok(one.data.into_delivery(&HashMap::new()))
        })
    }

    pub(super) fn linkages(&self, url: url::Url) -> Pages<'_, Linkage> {
        Pages::new(self, url, |answer| {
            let page: Many<Linkage> = answer.json()?;
            Ok(page.frame.around(page.data))
        })
    }
}

#[derive(Deserialize)]
#[serde(expecting = "a document with a list of resources")]
struct PageWire {
    data: Vec<Wire>,
    included: Option<Vec<Included>>,
    #[serde(flatten)]
    frame: Frame,
}

type Wire = Resource<Attributes, Relationships>;

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Attributes {
    #[serde(deserialize_with = "lenient")]
    created_date: Option<Timestamp>,
    #[serde(deserialize_with = "lenient")]
    delivery_state: Option<String>,
    #[serde(deserialize_with = "lenient")]
    error_message: Option<String>,
    #[serde(deserialize_with = "lenient")]
    redelivery: Option<bool>,
    #[serde(deserialize_with = "lenient")]
    sent_date: Option<Timestamp>,
    #[serde(deserialize_with = "lenient")]
    request: Option<SentWire>,
    #[serde(deserialize_with = "lenient")]
    response: Option<AnsweredWire>,
}

#[derive(Deserialize)]
struct SentWire {
    url: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnsweredWire {
    http_status_code: Option<u16>,
    body: Option<String>,
}

#[derive(Deserialize)]
struct Relationships {
    event: Option<ToOne>,
}

#[derive(Deserialize)]
struct Included {
    #[serde(rename = "type")]
    kind: String,
    id: String,
    #[serde(default, deserialize_with = "lenient")]
    attributes: Option<EventAttributes>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct EventAttributes {
    #[serde(deserialize_with = "lenient")]
    event_type: Option<String>,
    payload: Value,
    #[serde(deserialize_with = "lenient")]
    ping: Option<bool>,
    #[serde(deserialize_with = "lenient")]
    created_date: Option<Timestamp>,
}

fn read_page(answer: &Answer) -> Result<Listing<Delivery>, Error> {
    let page: PageWire = answer.json()?;
    let events = page.included.into_iter().flatten().filter(|included| included.kind == "webhookEvents");
    let events: HashMap<String, Arc<DeliveredEvent>> =
        events.map(|event| (event.id.clone(), Arc::new(DeliveredEvent::from(event)))).collect();
    Ok(page.frame.around(page.data.into_iter().map(|wire| wire.into_delivery(&events)).collect()))
}

impl Wire {
    fn into_delivery(self, events: &HashMap<String, Arc<DeliveredEvent>>) -> Delivery {
        let attributes = self.attributes.unwrap_or_default();
        let event = self.relationships.and_then(|relationships| relationships.event).and_then(|event| event.data);
        let (answered_status, answered_body) =
            attributes.response.map(|answer| (answer.http_status_code, answer.body)).unwrap_or_default();
        Delivery {
            id: self.id,
            state: attributes.delivery_state.as_deref().map(DeliveryState::from),
            created_at: attributes.created_date,
            sent_at: attributes.sent_date,
            error: attributes.error_message,
            is_redelivery: attributes.redelivery.unwrap_or(false),
            url: attributes.request.and_then(|request| request.url),
            answered_status,
            answered_body,
            event: event.map(|event| events.get(&event.id).cloned().unwrap_or_else(|| Arc::new(DeliveredEvent::unseen(event.id)))),
        }
    }
}

impl DeliveredEvent {
    /// An event that a delivery names and the answer does not hold.
    fn unseen(id: String) -> Self {
        Self { id, kind: None, is_ping: false, created_at: None, payload: None }
    }
}

impl From<Included> for DeliveredEvent {
    fn from(included: Included) -> Self {
        let attributes = included.attributes.unwrap_or_default();
        // Apple documents a string. Should it come as the document itself one day, that is no reason to miss the event.
        let payload = match attributes.payload {
            Value::Null => None,
            Value::String(text) => Some(text),
            document => Some(document.to_string()),
        };
        let kind = attributes.event_type.as_deref().map(EventKind::from);
        let is_kind_of_ping = kind.as_ref().is_some_and(|kind| kind.family() == FamilyName::Ping);
        Self {
            id: included.id,
            kind,
            is_ping: attributes.ping.unwrap_or(is_kind_of_ping),
            created_at: attributes.created_date,
            payload: payload.filter(|text| !text.is_empty()).map(|text| Payload(text.into())),
        }
    }
}
