//! Secrets and the words of testers come out nowhere: not in a log, not in an answer, not in a metric, not in another process.

use std::{fs, path::Path, time::Duration};

use crate::support::{
    PATH, SECRET, eventually,
    http::{self, Connection},
    kept::Kept,
    load::{event_id, event_saying},
    server::Setup,
    sink::Sink,
};

/// Words that nothing but a leak can bring to light. They stand in every place that takes a secret or a tester's words.
const CANARIES: [&str; 5] = [
    SECRET,
    "canary-of-the-forward-handler-0001",
    "canary-of-the-admin-listener-0002",
    "canary-in-the-environment-0003",
    "canary-in-the-words-of-a-tester-0004",
];

#[test]
fn secrets_and_payloads_come_out_nowhere() {
    assert_eq!(leaks(&all_that_comes_out(Setup::new())), [""; 0]);
}

#[test]
fn control_a_program_that_logs_what_it_knows_is_caught() {
    let leaks = leaks(&all_that_comes_out(Setup::new().sabotaged("indiscreet")));
    for canary in CANARIES {
        assert!(leaks.iter().any(|line| line.contains(canary)), "`{canary}` was logged, and nobody heard it");
    }
}

/// Does with a program all that could bring a canary to light, and returns whatever came out of it.
fn all_that_comes_out(setup: Setup) -> Vec<String> {
    let sink = Sink::open();
    let child = tempfile::NamedTempFile::new().unwrap();
    let setup = setup
        .variable("ASC_WEBHOOKS__TELEMETRY__LOG", "trace")
        .variable("RUST_LOG", "trace")
        .variable("ASC_WEBHOOKS__ADMIN__TOKEN", CANARIES[2])
        .variable("SOMEBODY_ELSES_SECRET", CANARIES[3])
        .with(&sink.handler("takes"))
        .with(&blocks(child.path()));
    let server = setup.start();

    let mut seen = Vec::new();
    let mut note = |answer: http::Message| seen.push(answer.text());
    for body in bodies() {
        note(http::send(server.public(), &body).unwrap());
        note(forged(server.public(), &body, "hmacsha256=00"));
        note(forged(server.public(), &body, &format!("hmacsha256={}", "0".repeat(64))));
        note(forged(server.public(), &body, CANARIES[0]));
    }
    eventually("the good handlers are done", Duration::from_secs(30), || {
        sink.len() >= 2 && fs::read_to_string(child.path()).unwrap().contains("PATH=")
    });
    eventually("the bad ones have given up", Duration::from_mins(1), || Kept::read(setup.store()).open == 0);

    note(admin(server.admin(), CANARIES[2]));
    note(admin(server.admin(), "wrong"));
    for path in ["/livez", "/readyz", "/", "/metrics"] {
        note(http::get(server.public(), path).unwrap());
    }
    seen.push(fs::read_to_string(child.path()).unwrap());
    seen.push(String::from_utf8_lossy(&fs::read(format!("/proc/{}/cmdline", server.pid())).unwrap()).into_owned());
    let (_, _, log) = server.stop(Duration::from_secs(30));
    assert!(log.contains("\"TRACE\"") && log.contains("\"WARN\""), "the log must have been at its loudest:\n{log}");
    seen.push(log);
    seen
}

/// The lines in which a canary is heard.
fn leaks(seen: &[String]) -> Vec<String> {
    let lines = seen.iter().flat_map(|text| text.lines());
    lines.filter(|line| CANARIES.iter().any(|canary| line.contains(canary))).map(String::from).collect()
}

/// A handler whose program sees its environment, and handlers that fail in the ways a handler can.
fn blocks(child: &Path) -> String {
    let child = child.display();
    let secret = CANARIES[1];
    format!(
        r#"
[[handler]]
name = "shows-its-environment"
kind = "exec"
command = ["/bin/sh", "-c", "env > {child}"]

[[handler]]
name = "signs-and-fails"
kind = "forward"
url = "http://127.0.0.1:9/"
body = "json"
secret = "{secret}"
allow_private = true
retry = ["10ms"]

[[handler]]
name = "fails"
kind = "exec"
command = ["/bin/false"]
retry = ["10ms"]

[[handler]]
name = "quotes-what-it-was-told"
kind = "exec"
command = ["/bin/sh", "-c", "cat >&2; exit 1"]
input = "raw"
retry = ["10ms"]

[[handler]]
name = "log"
kind = "log"
"#
    )
}

/// Events with a tester's words in them, and authentic bytes that are no event.
fn bodies() -> Vec<Vec<u8>> {
    let words = CANARIES[4];
    let feedback = serde_json::json!({
        "data": {
            "type": "betaFeedbackScreenshotSubmissionCreated",
            "id": event_id(1),
            "version": 1,
            "attributes": {"timestamp": "2026-05-16T05:00:52.745Z", "comment": words, "email": format!("{words}@example.com")},
            "relationships": {"instance": {"data": {"type": "betaFeedbackScreenshotSubmissions", "id": "8a1c"}}},
        },
        words: words,
    });
    vec![serde_json::to_vec(&feedback).unwrap(), event_saying(&event_id(2), "REJECTED"), format!("{{ {words}").into_bytes()]
}

fn forged(address: std::net::SocketAddr, body: &[u8], signature: &str) -> http::Message {
    let mut connection = Connection::open(address).unwrap();
    let length = body.len();
    let head = format!("POST {PATH} HTTP/1.1\r\nhost: test\r\nx-apple-signature: {signature}\r\ncontent-length: {length}\r\n\r\n");
    connection.write(head, body).unwrap();
    let answer = connection.answer().unwrap();
    assert_eq!(answer.status(), 401);
    answer
}

fn admin(address: std::net::SocketAddr, token: &str) -> http::Message {
    let mut connection = Connection::open(address).unwrap();
    connection.write(format!("GET /metrics HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {token}\r\n\r\n"), b"").unwrap();
    connection.answer().unwrap()
}
