//! A handler that panics, hangs or fails touches neither another handler's work nor the answer to Apple.

use std::time::Duration;

use crate::support::{
    eventually,
    kept::Kept,
    load::{Ledger, Load},
    report,
    server::Setup,
    sink::Sink,
};

/// The twin's own kind panics on every event; a program that never ends, and a port where nobody listens.
const TROUBLE: &str = r#"
[[handler]]
name = "panics"
kind = "panic"
retry = ["1s", "1h"]

[[handler]]
name = "hangs"
kind = "exec"
command = ["/bin/sleep", "3600"]
timeout = "1h"

[[handler]]
name = "fails"
kind = "forward"
url = "http://127.0.0.1:9/"
body = "raw"
allow_private = true
retry = ["1s", "1h"]
"#;

#[test]
fn handlers_in_trouble_do_not_touch_the_others() {
    let (handled, ledger) = press("nothing");
    assert!(handled, "the good handler waited for the others");
    assert_eq!(ledger.answers().into_keys().collect::<Vec<_>>(), [200], "handlers must not be seen in the answers");
    report(&format!("{} events, one in a hundred answered later than {:.1?}", ledger.len(), ledger.slow_answer()));
}

#[test]
fn control_a_worker_that_all_handlers_share_is_caught() {
    let (handled, ledger) = press("share-one-worker");
    assert!(!handled, "one hanging handler holds the only worker, and {} events were handled all the same", ledger.len());
}

/// Sends events to a server whose handlers are in trouble, but for one; says whether that one handled all of them.
fn press(sabotage: &str) -> (bool, std::sync::Arc<Ledger>) {
    let sink = Sink::open();
    let setup = Setup::new().sabotaged(sabotage).with(TROUBLE).with(&sink.handler("good"));
    let server = setup.start();
    let ledger = Ledger::new();
    let load = Load::start(server.public(), 16, Duration::from_millis(20), &ledger);
    eventually("five hundred events are acknowledged", Duration::from_mins(1), || ledger.len() >= 500);
    load.stop();
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while sink.len() < ledger.len() && std::time::Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(Kept::read(setup.store()).receipts, ledger.len());
    (ledger.missing_from(&sink.events()) == 0, ledger)
}
