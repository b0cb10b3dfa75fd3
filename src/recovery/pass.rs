//! One look at what Apple lists for one endpoint.

use futures_util::future::try_join_all;
use jiff::{SignedDuration, Timestamp};

use super::{
    Recovery, RecoveryError,
    plan::{Followed, before},
};
use crate::{
    asc::delivery::{Delivery, DeliveryFilter, DeliveryState, EventDeliveries, by_event},
    config,
    inbox::{
        Accepted, StoreError,
        account::{Account, Entry},
    },
    telemetry::metrics,
};

/// The longest time that Apple is asked about at once.
const LONGEST_WINDOW: SignedDuration = SignedDuration::from_hours(10 * 24);

/// June 2025: App Store Connect has had webhooks since then, so nothing in its list is older.
const FIRST_WEBHOOKS: Timestamp = Timestamp::constant(1_748_736_000, 0);

/// How long a delivery may be under way before its event is fetched without waiting for it any longer.
const UNDER_WAY: SignedDuration = SignedDuration::from_mins(10);

/// What a pass came to.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Recovered {
    /// The endpoint.
    pub endpoint: String,
    /// How many deliveries were looked at.
    pub deliveries: u64,
    /// How many events were taken in that had not arrived.
    pub recovered: u64,
    /// How many events are left for later, because Apple is still trying to deliver them.
    pub under_way: u64,
    /// The account as it stands now.
    pub account: Account,
}

/// Is told how many deliveries were looked at, and of how many if Apple says so. The latter may still grow: it goes as far as what Apple
/// was asked for until then.
pub type Tell<'t> = &'t mut (dyn FnMut(u64, Option<u64>) + Send);

/// A pass that is made.
pub(super) struct Pass<'r> {
    pub(super) recovery: &'r Recovery,
    pub(super) endpoint: &'r Followed,
    pub(super) settings: &'r config::Recovery,
}

/// What a pass has found so far.
#[derive(Debug, Default)]
pub(super) struct Found {
    deliveries: u64,
    recovered: u64,
    under_way: u64,
    /// When the newest delivery was made.
    newest: Option<Timestamp>,
    /// When the oldest event was listed that is not kept.
    oldest_open: Option<Timestamp>,
}

impl Found {
    /// Up to when nothing that is listed is missing. None if nothing is listed.
    pub(super) fn mark(&self, now: Timestamp) -> Option<Timestamp> {
        // A delivery of the future is somebody's mistake, and must not carry the mark away with it.
        [self.newest.map(|newest| newest.min(now)), self.oldest_open].into_iter().flatten().min()
    }

    /// What there is to tell.
    pub(super) fn told(self, account: Account) -> Recovered {
        let Self { deliveries, recovered, under_way, .. } = self;
        Recovered { endpoint: account.endpoint.clone(), deliveries, recovered, under_way, account }
    }
}

/// What became of an event in the list.
enum Fate {
    /// It is a test, and nothing is missed without it.
    Ping,
    /// Apple is still trying.
    UnderWay,
    /// It is kept, and perhaps was not before.
    Kept { is_new: bool },
    /// It cannot be had.
    Missing,
}

impl Pass<'_> {
    /// Reads the list from the mark on, or from `since`, and takes in what is not known. When it returns `Ok`, all of that is committed.
    pub(super) async fn look(&self, since: Option<Timestamp>, tell: Tell<'_>) -> Result<Found, RecoveryError> {
        let since = match since {
            Some(since) => since,
            None => self.beginning().await?,
        };
        let mut found = Found::default();
        for webhook in self.webhooks().await? {
            for window in windows(since, self.recovery.clock.now()) {
                self.read(&webhook, window, &mut found, tell).await?;
            }
        }
        Ok(found)
    }

    async fn beginning(&self) -> Result<Timestamp, StoreError> {
        let horizon = before(self.recovery.clock.now(), self.settings.lookback);
        let mark = self.recovery.account(&self.endpoint.name).await?.mark;
        Ok(mark.map_or(horizon, |mark| before(mark, self.settings.overlap).max(horizon)))
    }

    /// The ids of the webhooks that post to the endpoint.
    async fn webhooks(&self) -> Result<Vec<String>, RecoveryError> {
        let mut pages = self.recovery.client.webhooks(&self.endpoint.app_id)?;
        let mut ids = Vec::new();
        loop {
            self.recovery.client.lull().await;
            let Some(page) = pages.next().await? else { break };
            ids.extend(page.items.into_iter().filter(|webhook| self.endpoint.is_posted_to_by(webhook)).map(|webhook| webhook.id));
        }
        if ids.is_empty() {
            return Err(RecoveryError::NoWebhook { app_id: self.endpoint.app_id.clone(), to: self.endpoint.address() });
        }
        Ok(ids)
    }

    async fn read(&self, webhook: &str, window: DeliveryFilter, found: &mut Found, tell: Tell<'_>) -> Result<(), RecoveryError> {
        let before = found.deliveries;
        let mut pages = self.recovery.client.deliveries(webhook, window)?;
        loop {
            self.recovery.client.lull().await;
            let Some(page) = pages.next().await? else { return Ok(()) };
            self.take(page.items, found).await?;
            tell(found.deliveries, page.total.map(|total| before + total));
        }
    }

    /// Takes in what a page brings, the oldest first, and enters it into the account.
    async fn take(&self, page: Vec<Delivery>, found: &mut Found) -> Result<(), StoreError> {
        let now = self.recovery.clock.now();
        found.deliveries += page.len() as u64;
        found.newest = page.iter().filter_map(|delivery| delivery.created_at).max().max(found.newest);
        let mut events: Vec<_> = by_event(page).into_iter().map(|event| (listed_at(&event).unwrap_or(now), event)).collect();
        events.sort_by_key(|(listed_at, _)| *listed_at);
        // They wait for the disk together: the store syncs once for all of them.
        let fates = try_join_all(events.iter().map(|(_, event)| self.fate(event, now))).await?;
        let mut entries = Vec::new();
        for ((listed_at, event), fate) in events.into_iter().zip(fates) {
            let is_kept = match fate {
                Fate::Ping => continue,
                Fate::UnderWay => {
                    found.under_way += 1;
                    found.is_open(listed_at);
                    continue;
                }
                Fate::Kept { is_new } => {
                    found.recovered += u64::from(is_new);
                    true
                }
                Fate::Missing => {
                    found.is_open(listed_at);
                    false
                }
            };
            entries.push(Entry { event: id_of(&event), listed_at, is_kept });
        }
        self.recovery.store.note_listed(&self.endpoint.name, entries, now).await
    }

    async fn fate(&self, event: &EventDeliveries, now: Timestamp) -> Result<Fate, StoreError> {
        if event.event.as_ref().is_some_and(|event| event.is_ping) {
            return Ok(Fate::Ping);
        }
        if is_under_way(event, now) {
            return Ok(Fate::UnderWay);
        }
        let Some(authentic) = event.event.as_ref().and_then(|event| event.authentic()) else { return Ok(Fate::Missing) };
        let accepted = self.recovery.intake.take_in(&self.endpoint.name, authentic).await?;
        let is_new = matches!(accepted, Accepted::New { .. });
        if is_new {
            metrics::recovered(&self.endpoint.name);
        }
        Ok(Fate::Kept { is_new })
    }
}

impl Found {
    fn is_open(&mut self, listed_at: Timestamp) {
        self.oldest_open = Some(self.oldest_open.map_or(listed_at, |oldest| oldest.min(listed_at)));
    }
}

/// Cuts the time since then into windows that Apple can be asked about. The last has no end, so that no clock has to be right.
fn windows(since: Timestamp, now: Timestamp) -> Vec<DeliveryFilter> {
    let mut windows = Vec::new();
    let mut from = since.max(FIRST_WEBHOOKS.min(now));
    while now.duration_since(from) > LONGEST_WINDOW {
        let Ok(until) = from.checked_add(LONGEST_WINDOW) else { break };
        windows.push(DeliveryFilter::since(from).until(until));
        from = until;
    }
    windows.push(DeliveryFilter::since(from));
    windows
}

/// When Apple first tried.
fn listed_at(event: &EventDeliveries) -> Option<Timestamp> {
    let made = event.deliveries.iter().filter_map(|delivery| delivery.created_at).min();
    made.or_else(|| event.event.as_ref()?.created_at)
}

/// Whether the push may still come: all that is known of the event are deliveries that have neither worked nor failed yet.
fn is_under_way(event: &EventDeliveries, now: Timestamp) -> bool {
    event.deliveries.iter().all(|delivery| {
        let is_young = delivery.created_at.is_some_and(|at| now.duration_since(at) < UNDER_WAY);
        delivery.state == Some(DeliveryState::Pending) && is_young
    })
}

/// What the event is entered under. A delivery that does not say what it was about stands for its event.
fn id_of(event: &EventDeliveries) -> String {
    let delivery = || event.deliveries.first().map(|delivery| delivery.id.clone());
    event.event.as_ref().map(|event| event.id.clone()).or_else(delivery).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[track_caller]
    fn check(since: &str, expected: &[(&str, Option<&str>)]) {
        let filter = |(from, until): &(&str, Option<&str>)| {
            let filter = DeliveryFilter::since(at(from));
            until.map_or(filter.clone(), |until| filter.until(at(until)))
        };
        let expected: Vec<_> = expected.iter().map(filter).collect();
        assert_eq!(windows(at(since), at("2026-11-21T12:00:00Z")), expected, "since {since}");
    }

    #[test]
    fn no_window_is_longer_than_ten_days_and_none_is_left_out() {
        check("2026-11-21T11:00:00Z", &[("2026-11-21T11:00:00Z", None)]);
        check("2026-11-11T12:00:00Z", &[("2026-11-11T12:00:00Z", None)]);
        let (first, second) = ("2026-10-31T12:00:00Z", "2026-11-10T12:00:00Z");
        check(first, &[(first, Some(second)), (second, Some("2026-11-20T12:00:00Z")), ("2026-11-20T12:00:00Z", None)]);
        check("2026-11-22T12:00:00Z", &[("2026-11-22T12:00:00Z", None)]);
    }

    #[test]
    fn nobody_is_asked_about_a_time_before_there_were_webhooks() {
        let asked = windows(Timestamp::MIN, at("2026-11-21T12:00:00Z"));
        assert_eq!(asked.len(), 54, "eighteen months, ten days at a time");
        assert_eq!(asked[0], DeliveryFilter::since(FIRST_WEBHOOKS).until(at("2025-06-11T00:00:00Z")));
    }

    #[test]
    fn the_mark_stays_before_what_is_open_and_within_our_time() {
        let (early, late, now) = (at("2026-11-21T10:00:00Z"), at("2026-11-21T11:00:00Z"), at("2026-11-21T12:00:00Z"));
        let mark = |newest, oldest_open| Found { newest, oldest_open, ..Found::default() }.mark(now);
        assert_eq!(mark(None, None), None);
        assert_eq!(mark(Some(late), None), Some(late));
        assert_eq!(mark(Some(late), Some(early)), Some(early));
        assert_eq!(mark(Some(at("2099-01-01T00:00:00Z")), None), Some(now));
    }
}
