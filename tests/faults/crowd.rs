//! A crowd at the door that says nothing, or half a sentence, does not keep Apple out.

use std::{
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use crate::support::{
    PATH, eventually,
    http::send,
    load::{Ledger, Load, event, event_id},
    report,
    server::Setup,
    times,
};

/// The head that every dawdler sends, and nothing after it.
const HALF_A_HEAD: &str = "POST /apple/my-app HTTP/1.1\r\nhost: te";

#[test]
fn slow_heads_are_shown_out_and_apple_is_served() {
    let size = times(2_000, 10_000);
    let setup = Setup::new();
    let server = setup.start();
    let crowd = Crowd::gather(server.public(), size, HALF_A_HEAD);
    assert_served_and_emptied(server.public(), crowd, "heads");
}

#[test]
fn slow_bodies_are_shown_out_and_apple_is_served() {
    let size = times(2_000, 10_000);
    let setup = Setup::new();
    let server = setup.start();
    let head = format!("POST {PATH} HTTP/1.1\r\nhost: test\r\ncontent-length: 1000\r\n\r\n{{");
    let crowd = Crowd::gather(server.public(), size, &head);
    assert_served_and_emptied(server.public(), crowd, "bodies");
}

#[test]
fn with_every_file_taken_apple_is_served_within_seconds() {
    let setup = Setup::new().under(["prlimit", "--nofile=256"]);
    let server = setup.start();
    let _crowd = Crowd::gather(server.public(), 250, "");
    let mut number = 0;
    let waited = eventually("an event is acknowledged", Duration::from_mins(1), || {
        number += 1;
        send(server.public(), &event(&event_id(number))).is_ok_and(|answer| answer.status() == 200)
    });
    report(&format!("250 silent connections on 256 files: Apple is served after {waited:.1?}"));
    assert!(waited < Duration::from_secs(15), "silent connections are shown out after five seconds, and Apple waited {waited:?}");
}

/// What a plain `axum::serve` does in its place, so that the check above is known to see it.
#[test]
fn control_a_server_without_deadlines_is_caught() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || runtime.block_on(async { axum::serve(listener, axum::Router::new()).await }));
    let mut crowd = Crowd::gather(address, 50, HALF_A_HEAD);
    std::thread::sleep(Duration::from_secs(15));
    assert_eq!(crowd.still_here(), 50, "nobody shows them out, and the harness does not see them stay");
    assert!(!server.is_finished(), "the server is there all the time");
}

#[track_caller]
fn assert_served_and_emptied(address: SocketAddr, mut crowd: Crowd, what: &str) {
    let size = crowd.0.len();
    let gathered = Instant::now();
    let ledger = Ledger::new();
    let load = Load::start(address, 4, Duration::from_millis(10), &ledger);
    eventually("everyone was shown out", Duration::from_secs(40), || crowd.still_here() == 0);
    let emptied = gathered.elapsed();
    load.stop();
    assert_eq!(ledger.answers().into_keys().collect::<Vec<_>>(), [200], "Apple is served meanwhile");
    report(&format!(
        "{size} slow {what}: all shown out after {emptied:.0?}; meanwhile {} events, one in a hundred answered later than {:.1?}",
        ledger.len(),
        ledger.slow_answer()
    ));
}

/// Connections that say the same few words and then nothing.
struct Crowd(Vec<TcpStream>);

impl Crowd {
    fn gather(address: SocketAddr, size: usize, words: &str) -> Self {
        let join = || -> io::Result<TcpStream> {
            let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(10))?;
            stream.write_all(words.as_bytes())?;
            stream.set_nonblocking(true)?;
            Ok(stream)
        };
        // The kernel may turn some away at its own door when the server has no more files; those are out already.
        Self((0..size).filter_map(|_| join().ok()).collect())
    }

    fn still_here(&mut self) -> usize {
        self.0.retain_mut(|stream| {
            let mut rest = [0; 1_024];
            loop {
                match stream.read(&mut rest) {
                    Ok(0) => return false,
                    Ok(_) => {}
                    Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
                }
            }
        });
        self.0.len()
    }
}
