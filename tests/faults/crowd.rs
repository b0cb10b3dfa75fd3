//! A crowd at the door that says nothing, or half a sentence, does not keep Apple out.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::support::{
    PATH,
    http::send,
    load::{Ledger, Load, event, event_id},
    report,
    server::Setup,
    times,
};

/// What dawdlers send of a head, and nothing after it.
const HALF_A_HEAD: &str = "POST /apple/my-app HTTP/1.1\r\nhost: te";

/// How long dawdlers may stay: a head has five seconds and a body ten, and the machine may be busy.
const STAY: Duration = Duration::from_secs(25);

/// How long Apple may wait while silent connections take every file: they are shown out after five seconds, and as many are waiting.
const WAIT: Duration = Duration::from_secs(15);

#[test]
fn slow_heads_are_shown_out_and_apple_is_served() {
    check_shown_out(times(2_000, 10_000), HALF_A_HEAD, "heads");
}

#[test]
fn control_heads_without_a_deadline_are_caught() {
    let endless = besiege(&Setup::new().server("head_timeout = \"1h\""), 50, HALF_A_HEAD);
    assert_eq!(endless.left, 50, "nobody shows them out, and the harness does not see them stay");
}

#[test]
fn slow_bodies_are_shown_out_and_apple_is_served() {
    check_shown_out(times(2_000, 10_000), &half_a_body(), "bodies");
}

#[test]
fn control_bodies_without_a_deadline_are_caught() {
    let endless = besiege(&Setup::new().server("body_timeout = \"1h\""), 50, &half_a_body());
    assert_eq!(endless.left, 50, "nobody shows them out, and the harness does not see them stay");
}

#[test]
fn with_every_file_taken_apple_is_served_within_seconds() {
    let waited = wait_behind_silence(Setup::new()).expect("Apple is served before long");
    report(&format!("250 silent connections on 256 files: Apple is served after {waited:.1?}"));
}

#[test]
fn control_files_that_are_taken_for_ever_are_caught() {
    let waited = wait_behind_silence(Setup::new().server("head_timeout = \"1h\""));
    assert_eq!(waited, None, "nobody gives a file back, and the harness sees Apple served");
}

#[track_caller]
fn check_shown_out(size: usize, words: &str, what: &str) {
    let Besieged { left, emptied, ledger } = besiege(&Setup::new(), size, words);
    assert_eq!(left, 0, "of {size} slow {what} after {emptied:?}");
    assert_eq!(ledger.answers().into_keys().collect::<Vec<_>>(), [200], "Apple is served meanwhile");
    report(&format!(
        "{size} slow {what}: all shown out after {emptied:.0?}; meanwhile {} events, one in a hundred answered later than {:.1?}",
        ledger.len(),
        ledger.slow_answer()
    ));
}

/// What became of a crowd, and of Apple meanwhile.
struct Besieged {
    left: usize,
    emptied: Duration,
    ledger: Arc<Ledger>,
}

/// Sends a crowd that says the same words, and waits until all of them were shown out, or for as long as they may stay.
#[track_caller]
fn besiege(setup: &Setup, size: usize, words: &str) -> Besieged {
    take_all_files();
    let server = setup.start();
    let mut crowd = Crowd::gather(server.public(), size, words);
    let (gathered, ledger) = (Instant::now(), Ledger::new());
    let load = Load::start(server.public(), 4, Duration::from_millis(10), &ledger);
    while crowd.still_here() > 0 && gathered.elapsed() < STAY {
        thread::sleep(Duration::from_millis(10));
    }
    let emptied = gathered.elapsed();
    load.stop();
    Besieged { left: crowd.still_here(), emptied, ledger }
}

/// How long Apple waits behind 250 silent connections when the server may open 256 files; none if that is longer than it may be.
#[track_caller]
fn wait_behind_silence(setup: Setup) -> Option<Duration> {
    let setup = setup.under(["prlimit", "--nofile=256"]);
    let server = setup.start();
    let _crowd = Crowd::gather(server.public(), 250, "");
    let start = Instant::now();
    let mut numbers = 0..;
    while start.elapsed() < WAIT {
        let body = event(&event_id(numbers.next()?));
        if send(server.public(), &body).is_ok_and(|answer| answer.status() == 200) {
            return Some(start.elapsed()).filter(|waited| *waited < WAIT);
        }
    }
    None
}

fn half_a_body() -> String {
    format!("POST {PATH} HTTP/1.1\r\nhost: test\r\ncontent-length: 1000\r\n\r\n{{")
}

/// Lets this process, and the server that it starts, open as many files as the system allows: each of a crowd takes one of either.
fn take_all_files() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
}

/// Connections that say the same few words and then nothing.
struct Crowd(Vec<TcpStream>);

impl Crowd {
    /// Brings so many to the door, and makes sure that they are there. A few may be turned away by the kernel, or be out already.
    #[track_caller]
    fn gather(address: SocketAddr, size: usize, words: &str) -> Self {
        let join = || -> io::Result<TcpStream> {
            let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(10))?;
            stream.write_all(words.as_bytes())?;
            stream.set_nonblocking(true)?;
            Ok(stream)
        };
        let mut crowd = Self((0..size).filter_map(|_| join().ok()).collect());
        let here = crowd.still_here();
        assert!(here * 10 >= size * 9, "only {here} of {size} have come, so nothing would be proven");
        crowd
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
