//! Every service is told of each event once, and of the events of one version in Apple's order, whatever trouble it makes.
//!
//! The services are servers on loopback that answer as the real ones do: in turn they are busy and say for how long, break down, and take
//! their time. So time is real here; the longest wait is the second that a busy service asks for.

#[path = "../../../src/handler/email/tests/sink.rs"]
#[expect(dead_code, reason = "the letters' own tests ask for more")]
mod sink;

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use asc_webhooks::{
    App, Registry,
    clock::{ManualClock, SystemClock},
    event::{EventKind, sample},
    inbox::{
        DispatchState,
        sqlite::{Options, Sqlite},
    },
};
use jiff::Timestamp;
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::any};

use self::sink::{Sink, Speaks};
use crate::support::running::{Running, SECRET, loaded};

/// The versions whose events come by turns, and how many events each has.
const VERSIONS: [&str; 2] = ["harbor", "tide"];
const EACH: usize = 6;

/// What busy services ask for.
const WAIT: Duration = Duration::from_secs(1);

/// A service, and how it is configured.
struct Service {
    name: &'static str,
    keys: &'static str,
    speaks: Protocol,
}

/// How a service says yes, and how it says that it is asked too often.
#[derive(Clone, Copy)]
enum Protocol {
    Http { yes: Answer, busy: Answer, says_for_how_long: bool },
    Smtp,
}

type Answer = (u16, &'static str);

const SERVICES: [Service; 9] = [
    Service {
        name: "slack",
        keys: "url = 'URL/hook'\ntemplate = '{{ event.id }}'",
        speaks: Protocol::Http { yes: (200, "ok"), busy: (429, "rate_limited"), says_for_how_long: true },
    },
    Service {
        name: "discord",
        keys: "url = 'URL/hook'\ntemplate = '{{ event.id }}'",
        speaks: Protocol::Http {
            yes: (204, ""),
            busy: (429, r#"{"message": "You are being rate limited.", "retry_after": 1.0, "global": false}"#),
            says_for_how_long: true,
        },
    },
    Service {
        name: "teams",
        keys: "url = 'URL/hook'\ntemplate = '{{ event.id }}'",
        speaks: Protocol::Http { yes: (202, ""), busy: (429, ""), says_for_how_long: true },
    },
    Service {
        name: "lark",
        keys: "url = 'URL/hook'\ntemplate = '{{ event.id }}'",
        speaks: Protocol::Http {
            yes: (200, r#"{"code": 0, "msg": "success"}"#),
            busy: (200, r#"{"code": 11232, "msg": "frequency limited"}"#),
            says_for_how_long: false,
        },
    },
    Service {
        name: "telegram",
        keys: "api_url = 'URL'\ntoken = '123:abc'\nchat = '-100'\ntemplate = '{{ event.id }}'",
        speaks: Protocol::Http {
            yes: (200, r#"{"ok": true}"#),
            busy: (429, r#"{"ok": false, "error_code": 429, "parameters": {"retry_after": 1}}"#),
            says_for_how_long: true,
        },
    },
    Service {
        name: "github",
        keys: "api_url = 'URL'\nrepository = 'example/app'\ntoken = 'ghp_1'",
        speaks: Protocol::Http {
            yes: (204, ""),
            busy: (403, r#"{"message": "You have exceeded a secondary rate limit."}"#),
            says_for_how_long: true,
        },
    },
    Service {
        name: "gitlab",
        keys: "url = 'URL'\nproject = '7'\ntoken = 'glptt-1'",
        speaks: Protocol::Http { yes: (201, r#"{"id": 1}"#), busy: (429, "Retry later"), says_for_how_long: true },
    },
    Service {
        name: "forward",
        keys: "url = 'URL/hook'\nbody = 'raw'",
        speaks: Protocol::Http { yes: (200, ""), busy: (429, ""), says_for_how_long: true },
    },
    Service {
        name: "email",
        keys: "server = 'localhost'\nport = PORT\ntls = 'none'\nfrom = 'asc@example.com'\nto = ['ios@example.com']\ntemplate = '{{ event.id }}'",
        speaks: Protocol::Smtp,
    },
];

/// The trouble that a mail server makes of its letters in turn: busy, slow, busy.
const TROUBLES_OF_MAIL: &str = "|451 4.7.0 try again later||SLOW||451 4.3.0 out of order|";

/// What a service answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Yes,
    Busy,
    Broken,
}

/// What a service heard, when, and what it answered.
type Heard = (String, Instant, Said);

/// A service that runs.
enum Server {
    Http(MockServer, Arc<Mutex<Vec<Heard>>>),
    Smtp(Sink),
}

impl Server {
    async fn start(speaks: Protocol) -> Self {
        let Protocol::Http { yes, busy, .. } = speaks else {
            return Self::Smtp(Sink::start(Speaks::Plain, "PLAIN", &[("LETTER", TROUBLES_OF_MAIL)]).await);
        };
        let (server, heard) = (MockServer::start().await, Arc::new(Mutex::new(Vec::new())));
        let log = Arc::clone(&heard);
        let answer = move |request: &Request| {
            let mut log = log.lock().unwrap();
            let turn = log.len() + 1;
            let said = match turn {
                2 | 8 => Said::Busy,
                5 => Said::Broken,
                _ => Said::Yes,
            };
            log.push((event_in(&String::from_utf8_lossy(&request.body)), Instant::now(), said));
            let template = |(status, text): Answer| ResponseTemplate::new(status).set_body_string(text);
            match said {
                Said::Yes if turn == 6 => template(yes).set_delay(Duration::from_millis(300)),
                Said::Yes => template(yes),
                Said::Busy => template(busy).insert_header("retry-after", "1"),
                Said::Broken => template((502, "<html>bad gateway</html>")),
            }
        };
        Mock::given(any()).respond_with(answer).mount(&server).await;
        Self::Http(server, heard)
    }

    fn block(&self, service: &Service, order: &str) -> String {
        let keys = match self {
            Self::Http(server, _) => service.keys.replace("URL", &server.uri()),
            Self::Smtp(sink) => service.keys.replace("PORT", &sink.port.to_string()),
        };
        let name = service.name;
        format!(
            "[[handler]]\nname = '{name}'\nkind = '{name}'\n{keys}\nallow_private = true\norder = '{order}'\nconcurrency = 4\n\
             timeout = '20s'\nretry = ['500ms', '500ms', '500ms', '500ms']\njitter = '0%'\n"
        )
    }

    /// The events that were taken, as they came.
    fn taken(&self) -> Vec<String> {
        match self {
            Self::Http(_, heard) => {
                let heard = heard.lock().unwrap();
                heard.iter().filter(|(_, _, said)| *said == Said::Yes).map(|(event, ..)| event.clone()).collect()
            }
            Self::Smtp(sink) => sink.taken().iter().map(|letter| event_in(&letter.text)).collect(),
        }
    }

    /// How long it was left alone with each event for which it was busy.
    fn waits(&self) -> Vec<Duration> {
        let Self::Http(_, heard) = self else { return Vec::new() };
        let heard = heard.lock().unwrap();
        let busy = heard.iter().enumerate().filter(|(_, (_, _, said))| *said == Said::Busy);
        let again = |place: usize, event: &str| heard[place + 1..].iter().find(|(other, ..)| other == event).map(|(_, at, _)| *at);
        busy.map(|(place, (event, at, _))| again(place, event).unwrap() - *at).collect()
    }
}

fn event_ids() -> impl Iterator<Item = String> {
    (1..=EACH).flat_map(|number| VERSIONS.map(|version| format!("{version}{number}")))
}

/// The one event that a text tells of.
fn event_in(text: &str) -> String {
    event_ids().find(|id| text.contains(id)).unwrap_or_else(|| panic!("no event in {text}"))
}

/// Says which version's events were not taken once each and in Apple's order.
fn judge(taken: &[String]) -> Result<(), String> {
    for version in VERSIONS {
        let found: Vec<&String> = taken.iter().filter(|event| event.starts_with(version)).collect();
        let expected = (1..=EACH).map(|number| format!("{version}{number}"));
        if !expected.eq(found.iter().copied().cloned()) {
            return Err(format!("{version} in the order {found:?}"));
        }
    }
    Ok(())
}

/// Has every service told of every event. Returns the services once nothing is owed any more.
async fn told(order: &str) -> Vec<Server> {
    let (mut servers, mut blocks) = (Vec::new(), String::new());
    for service in &SERVICES {
        let server = Server::start(service.speaks).await;
        blocks.push_str(&server.block(service, order));
        servers.push(server);
    }
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Sqlite::open(Options::new(folder.path().join("inbox.db")).reserve(0)).unwrap());
    let app =
        App::with_store(&loaded(SECRET, &blocks).unwrap(), &Registry::builtin(), store, Arc::new(SystemClock::new())).unwrap();
    let running = Running { app, clock: Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH)) };
    for (minute, id) in (0..).zip(event_ids()) {
        let time = format!("2026-03-02T09:{minute:02}:00Z").parse().unwrap();
        let version = id.trim_end_matches(|letter: char| letter.is_ascii_digit());
        let sample = sample::of(&EventKind::AppStoreVersionAppVersionStateUpdated).subject_id(version).time(time);
        running.take_in(sample.id(&id).body()).await;
    }
    running.work();
    let begun = Instant::now();
    for receipt in (1..).take(VERSIONS.len() * EACH) {
        loop {
            let record = running.receipt(receipt).await;
            if record.dispatches.iter().all(|one| one.dispatch.state == DispatchState::Done) {
                break;
            }
            assert!(begun.elapsed() < Duration::from_mins(1), "still owed: {record:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    running.app.shutdown().begin();
    assert!(running.app.shutdown().finished(Duration::from_secs(30)).await);
    running.app.store().close().await.unwrap();
    servers
}

#[tokio::test]
async fn each_service_is_told_once_and_in_apples_order() {
    for (service, server) in SERVICES.iter().zip(told("subject").await) {
        assert_eq!(judge(&server.taken()), Ok(()), "{}", service.name);
        if let Protocol::Http { says_for_how_long: true, .. } = service.speaks {
            let waits = server.waits();
            assert!(waits.len() == 2 && waits.iter().all(|wait| *wait >= WAIT), "{}: {waits:?}", service.name);
        }
    }
}

#[tokio::test]
async fn control_without_an_order_the_same_troubles_disorder_what_each_service_is_told() {
    for (service, server) in SERVICES.iter().zip(told("none").await) {
        let mut taken = server.taken();
        assert!(judge(&taken).is_err(), "{}: {taken:?}", service.name);
        taken.sort();
        let mut all: Vec<String> = event_ids().collect();
        all.sort();
        assert_eq!(taken, all, "{}: each is told once all the same", service.name);
    }
}
