//! A stop is orderly and takes no longer than it may: what was acknowledged is kept, whoever is still talking.

use std::time::Duration;

use crate::support::{
    PATH, eventually,
    http::Connection,
    kept::{Kept, assert_sound},
    load::{Ledger, Load},
    report,
    server::Setup,
    sink::Sink,
    times,
};

#[test]
fn a_stop_under_load_is_bounded_and_loses_nothing() {
    let stops = times(10, 100);
    let sink = Sink::open();
    let setup = Setup::new().server("shutdown_grace = \"3s\"").with(&sink.handler("sink"));
    let ledger = Ledger::new();
    let mut longest = Duration::ZERO;
    for _ in 0..stops {
        let server = setup.start();
        let before = ledger.len();
        let load = Load::start(server.public(), 32, Duration::from_millis(5), &ledger);
        let mut dawdler = Connection::open(server.public()).unwrap();
        dawdler.write(format!("POST {PATH} HTTP/1.1\r\nhost: test\r\ncontent-length: 100\r\n\r\n"), b"half a body").unwrap();
        eventually("the clients are being answered", Duration::from_secs(30), || ledger.len() > before + 50);

        let (status, took, log) = server.stop(Duration::from_secs(20));
        load.stop();
        assert!(status.success(), "an orderly stop is no failure, but {status}:\n{log}");
        assert!(took < Duration::from_secs(3 + 2), "the grace is three seconds; the stop took {took:?}:\n{log}");
        longest = longest.max(took);
    }
    assert_sound(setup.store());
    assert_eq!(ledger.missing_from(&Kept::read(setup.store()).events), 0, "acknowledged, and not in the store");

    let server = setup.start();
    eventually("every dispatch is done", Duration::from_mins(2), || Kept::read(setup.store()).open == 0);
    server.kill();
    assert_eq!(ledger.missing_from(&sink.events()), 0, "acknowledged, and never handled");
    report(&format!("{stops} stops with a half-sent request open, the longest {longest:.1?}; {} events, 0 lost", ledger.len()));
}
