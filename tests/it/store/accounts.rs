//! The promises about the account: what Apple lists, what is kept of it, and the mark.

use std::sync::Arc;

use asc_webhooks::inbox::{
    Store,
    account::{Account, Entry, Failure, Pass},
};

use super::{at, kept_by_every_store};

kept_by_every_store! {
    an_account_begins_with_the_first_look
    an_event_counts_once_and_what_is_kept_stays_kept
    a_look_that_failed_leaves_the_mark
    a_look_without_a_mark_leaves_it_too
    entries_are_forgotten_in_time
    endpoints_have_accounts_of_their_own
}

fn entry(event: &str, listed_at: i64, is_kept: bool) -> Entry {
    Entry { event: event.to_owned(), listed_at: at(listed_at), is_kept }
}

fn complete(mark: i64) -> Pass {
    Pass::Complete { mark: Some(at(mark)), forget_before: at(0) }
}

async fn account(store: &dyn Store) -> Account {
    let mut accounts = store.accounts().await.unwrap();
    assert_eq!(accounts.len(), 1, "{accounts:?}");
    accounts.remove(0)
}

async fn an_account_begins_with_the_first_look(store: Arc<dyn Store>) {
    assert_eq!(store.accounts().await.unwrap(), []);
    store.end_pass("app", complete(900), at(1_000)).await.unwrap();
    let expected = Account { endpoint: "app".into(), mark: Some(at(900)), completed_at: Some(at(1_000)), ..Account::default() };
    assert_eq!(account(&*store).await, expected);
}

async fn an_event_counts_once_and_what_is_kept_stays_kept(store: Arc<dyn Store>) {
    store.note_listed("app", vec![entry("a", 500, true), entry("b", 600, false), entry("c", 700, false)], at(1_000)).await.unwrap();
    store.note_listed("app", vec![entry("a", 800, false), entry("b", 550, false), entry("c", 700, true)], at(2_000)).await.unwrap();
    store.note_listed("app", vec![entry("d", 450, false)], at(3_000)).await.unwrap();
    store.end_pass("app", complete(500), at(3_000)).await.unwrap();
    let Account { listed, kept, missing, missing_since, since, .. } = account(&*store).await;
    assert_eq!((listed, kept, missing), (4, 2, 2));
    assert_eq!((missing_since, since), (Some(at(1_000)), Some(at(450))), "`b` is missing since it was first seen");
}

async fn a_look_that_failed_leaves_the_mark(store: Arc<dyn Store>) {
    let failed = |why: &str| Pass::Failed { error: why.to_owned() };
    store.end_pass("app", failed("no key"), at(1_000)).await.unwrap();
    let expected = Failure { at: at(1_000), error: "no key".to_owned() };
    assert_eq!(account(&*store).await, Account { endpoint: "app".into(), failure: Some(expected), ..Account::default() });

    store.end_pass("app", complete(900), at(2_000)).await.unwrap();
    store.end_pass("app", failed("too many"), at(3_000)).await.unwrap();
    let Account { mark, completed_at, failure, .. } = account(&*store).await;
    assert_eq!((mark, completed_at), (Some(at(900)), Some(at(2_000))));
    assert_eq!(failure, Some(Failure { at: at(3_000), error: "too many".to_owned() }));

    store.end_pass("app", complete(950), at(4_000)).await.unwrap();
    assert_eq!(account(&*store).await.failure, None, "a complete look forgets the failures before it");
}

async fn a_look_without_a_mark_leaves_it_too(store: Arc<dyn Store>) {
    store.end_pass("app", complete(900), at(1_000)).await.unwrap();
    store.end_pass("app", Pass::Complete { mark: None, forget_before: at(0) }, at(2_000)).await.unwrap();
    let Account { mark, completed_at, .. } = account(&*store).await;
    assert_eq!((mark, completed_at), (Some(at(900)), Some(at(2_000))));
    store.end_pass("app", complete(800), at(3_000)).await.unwrap();
    assert_eq!(account(&*store).await.mark, Some(at(800)), "it goes back where there is something to look at again");
}

async fn entries_are_forgotten_in_time(store: Arc<dyn Store>) {
    store.note_listed("app", vec![entry("a", 500, true), entry("b", 600, false), entry("c", 700, true)], at(1_000)).await.unwrap();
    store.end_pass("app", Pass::Complete { mark: None, forget_before: at(700) }, at(2_000)).await.unwrap();
    let Account { listed, missing, since, .. } = account(&*store).await;
    assert_eq!((listed, missing, since), (1, 0, Some(at(700))));
}

async fn endpoints_have_accounts_of_their_own(store: Arc<dyn Store>) {
    store.note_listed("other", vec![entry("a", 500, false)], at(1_000)).await.unwrap();
    store.note_listed("app", vec![entry("a", 500, true)], at(1_000)).await.unwrap();
    for endpoint in ["other", "app"] {
        store.end_pass(endpoint, complete(500), at(1_000)).await.unwrap();
    }
    let accounts = store.accounts().await.unwrap();
    let told: Vec<_> = accounts.iter().map(|account| (account.endpoint.as_str(), account.kept, account.missing)).collect();
    assert_eq!(told, [("app", 1, 0), ("other", 0, 1)]);
}
