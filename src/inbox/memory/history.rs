//! Subjects and their histories, in memory: see [`super::super::history`].

use std::cmp::Reverse;

use super::{
    super::{
        Content, Receipt, ReceiptId, Summary,
        history::{History, HistoryFilter, HistoryPage, MOST_STEPS, Step, app_name_of, app_of, telling},
        query::{NewestOfApp, PageRequest},
    },
    state::State,
};

/// A subject of whose states was heard.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    key: Key,
    app: String,
}

/// What makes two receipts tell of the same subject.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    endpoint: String,
    kind: String,
    id: String,
}

impl Key {
    /// The subject of whose state a receipt tells.
    fn of(receipt: &Receipt) -> Option<Self> {
        let Content::Event(Summary { kind, state: Some(_), subject_id: Some(id), .. }) = &receipt.content else { return None };
        Some(Self { endpoint: receipt.endpoint.clone(), kind: kind.clone(), id: id.clone() })
    }
}

impl State {
    pub(super) fn note_subject(&mut self, receipt: ReceiptId) {
        let Some(key) = self.key_of(receipt) else { return };
        if self.subjects.values().all(|subject| subject.key != key) {
            self.subjects.insert(receipt.0, Subject { app: key.endpoint.clone(), key });
        }
    }

    pub(super) fn note_app(&mut self, receipt: ReceiptId, details: &[u8]) {
        let Some(app) = app_of(details) else { return };
        let newest = self.newest_of_apps.entry(app.clone()).or_insert(receipt.0);
        *newest = receipt.0.max(*newest);
        let key = self.key_of(receipt);
        if let Some(subject) = self.subjects.values_mut().find(|subject| Some(&subject.key) == key.as_ref()) {
            subject.app = app;
        }
    }

    pub(super) fn forget_subjects(&mut self) {
        let is_left =
            |subject: &Subject| self.receipts.values().any(|(receipt, _)| Key::of(receipt).as_ref() == Some(&subject.key));
        self.subjects.retain(|_, subject| is_left(subject));
    }

    pub(super) fn histories(&self, filter: &HistoryFilter, page: PageRequest) -> HistoryPage {
        let limit = page.limit.max(1);
        let is_asked_for =
            |subject: &Subject| subject.key.kind == filter.kind && filter.app.as_ref().is_none_or(|app| *app == subject.app);
        let subjects = self.subjects.range(..page.before.map_or(i64::MAX, |before| before.0)).rev();
        let found: Vec<_> = subjects.filter(|(_, subject)| is_asked_for(subject)).take(limit.saturating_add(1)).collect();
        let next = found.get(limit).and(found.get(limit - 1)).map(|(first, _)| ReceiptId(**first));
        let items = found.into_iter().take(limit).map(|(first, subject)| self.history(ReceiptId(*first), subject));
        HistoryPage { items: items.collect(), next }
    }

    pub(super) fn apps(&self) -> Vec<String> {
        let mut apps = Vec::new();
        for subject in self.subjects.values().rev() {
            if !apps.contains(&subject.app) {
                apps.push(subject.app.clone());
            }
        }
        apps
    }

    pub(super) fn newest_of_apps(&self) -> Vec<NewestOfApp> {
        let newest = self.newest_of_apps.iter().filter_map(|(app, id)| {
            let (receipt, _) = self.receipts.get(id)?;
            let name = self.details.get(id).and_then(|(details, _)| app_name_of(details));
            Some(NewestOfApp { app: app.clone(), name, receipt: receipt.id, received_at: receipt.received_at })
        });
        let mut newest: Vec<_> = newest.collect();
        newest.sort_by_key(|newest| Reverse(newest.receipt));
        newest
    }

    fn key_of(&self, receipt: ReceiptId) -> Option<Key> {
        self.receipts.get(&receipt.0).and_then(|(receipt, _)| Key::of(receipt))
    }

    fn history(&self, first: ReceiptId, subject: &Subject) -> History {
        let receipts = self.receipts.values().map(|(receipt, _)| receipt);
        let mut steps: Vec<Step> =
            receipts.filter(|receipt| Key::of(receipt).as_ref() == Some(&subject.key)).filter_map(step).collect();
        steps.sort_by_key(|step| (step.time.unwrap_or(step.received_at), step.receipt));
        let left_out = steps.len().saturating_sub(MOST_STEPS);
        steps.drain(..left_out);
        let mut newest_first: Vec<_> = steps.iter().map(|step| step.receipt.0).collect();
        newest_first.sort_unstable_by_key(|receipt| Reverse(*receipt));
        let kept = newest_first.iter().filter_map(|receipt| self.details.get(receipt)).map(|(details, _)| Ok(details.clone()));
        let Ok::<_, std::convert::Infallible>(details) = telling(kept);
        let Key { endpoint, kind, id } = subject.key.clone();
        History { first, endpoint, kind, subject_id: id, app: subject.app.clone(), details, steps, is_cut: left_out > 0 }
    }
}

fn step(receipt: &Receipt) -> Option<Step> {
    let Content::Event(Summary { state, previous_state, time, .. }) = &receipt.content else { return None };
    Some(Step {
        receipt: receipt.id,
        state: state.clone()?,
        previous_state: previous_state.clone(),
        time: *time,
        received_at: receipt.received_at,
        source: receipt.source,
    })
}
