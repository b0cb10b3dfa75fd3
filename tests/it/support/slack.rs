//! A Slack on loopback: it keeps messages, threads and changes, and has trouble on demand.
//!
//! Like the real one it takes replies to a message that is gone, shows metadata only when asked, and answers 200 to nearly everything.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt::Write as _,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use asc_webhooks::clock::{Clock as _, SystemClock};
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate, matchers::any};

/// The bot's token.
pub(crate) const TOKEN: &str = "xoxb-1-a-token-of-these-tests";

/// The channel that it is in.
pub(crate) const CHANNEL: &str = "C012AB3CD";

/// What is wrong with one call.
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    /// Nothing is done, and this is answered.
    Instead(ResponseTemplate),
    /// It is done, and no answer comes.
    AnswerLost,
}

/// A workspace.
#[derive(Clone, Default)]
pub(crate) struct Slack(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    messages: Vec<Message>,
    troubles: VecDeque<(&'static str, Trouble)>,
    calls: Vec<String>,
    hides_history: bool,
    knows_ids: bool,
}

#[derive(Clone, Debug)]
struct Message {
    ts: String,
    thread: Option<String>,
    is_broadcast: bool,
    changes: usize,
    content: Value,
}

impl Slack {
    pub(crate) async fn served(&self) -> MockServer {
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(self.clone()).mount(&server).await;
        server
    }

    /// Has no scope for what was said in the channel.
    pub(crate) fn hiding_history(self) -> Self {
        self.state().hides_history = true;
        self
    }

    /// Answers to a `client_msg_id` that it knows with the message that it knows.
    pub(crate) fn knowing_ids(self) -> Self {
        self.state().knows_ids = true;
        self
    }

    /// Has trouble with the next call of a method.
    pub(crate) fn trouble(&self, method: &'static str, trouble: Trouble) {
        self.state().troubles.push_back((method, trouble));
    }

    /// Lets somebody delete every message.
    pub(crate) fn delete_all(&self) {
        self.state().messages.clear();
    }

    /// How often a method was called.
    pub(crate) fn calls(&self, method: &str) -> usize {
        self.state().calls.iter().filter(|call| *call == method).count()
    }

    /// The channel as one sees it: messages, with their threads set in.
    pub(crate) fn shown(&self) -> String {
        let (state, mut shown) = (self.state(), String::new());
        for root in state.messages.iter().filter(|message| message.thread.is_none()) {
            let _ = writeln!(shown, "{}", root.line());
            for reply in state.messages.iter().filter(|message| message.thread.as_ref() == Some(&root.ts)) {
                let _ = writeln!(shown, "    {}", reply.line());
            }
        }
        let is_lost = |message: &&Message| {
            let thread = message.thread.as_ref();
            thread.is_some_and(|thread| state.messages.iter().all(|other| other.ts != *thread))
        };
        assert_eq!(state.messages.iter().filter(is_lost).count(), 0, "a reply stands in a thread that nobody sees");
        shown
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl Message {
    fn line(&self) -> String {
        let attachment = &self.content["attachments"][0];
        let mut line = attachment["fallback"].as_str().unwrap().to_owned();
        let text = self.content["text"].as_str().unwrap_or_default();
        let notes =
            [(!text.is_empty()).then(|| format!("calls {text}")), self.is_broadcast.then(|| "in the channel too".to_owned())];
        let changed = (self.changes > 0).then(|| format!("changed {} times", self.changes));
        let notes: Vec<String> = notes.into_iter().flatten().chain(changed).collect();
        if !notes.is_empty() {
            let _ = write!(line, " ({})", notes.join(", "));
        }
        let blocks = attachment["blocks"].as_array().unwrap().iter();
        for context in blocks.filter(|block| block["type"] == "context") {
            for before in context["elements"][0]["text"].as_str().unwrap().lines() {
                let _ = write!(line, "\n  before: {before}");
            }
        }
        line
    }
}

impl State {
    fn call(&mut self, method: &str, given: &Value) -> Value {
        if given["channel"] != CHANNEL {
            return no("channel_not_found");
        }
        let text = |name: &str| given[name].as_str().unwrap_or_default().to_owned();
        match method {
            "chat.postMessage" => {
                let same = |message: &&Message| message.content["client_msg_id"] == given["client_msg_id"];
                if let Some(known) = self.messages.iter().find(same).filter(|_| self.knows_ids) {
                    return json!({ "ok": true, "channel": CHANNEL, "ts": known.ts });
                }
                let ts = format!("{}.{:06}", SystemClock::new().now().as_second(), self.calls.len());
                let thread = given["thread_ts"].as_str().map(str::to_owned);
                let is_broadcast = given["reply_broadcast"] == true;
                self.messages.push(Message { ts: ts.clone(), thread, is_broadcast, changes: 0, content: given.clone() });
                json!({ "ok": true, "channel": CHANNEL, "ts": ts })
            }
            "chat.update" => match self.messages.iter_mut().find(|message| message.ts == text("ts")) {
                Some(message) => {
                    message.changes += 1;
                    for changed in ["text", "attachments"] {
                        message.content[changed] = given[changed].clone();
                    }
                    json!({ "ok": true, "channel": CHANNEL, "ts": message.ts })
                }
                None => no("message_not_found"),
            },
            "conversations.history" | "conversations.replies" if self.hides_history => {
                json!({ "ok": false, "error": "missing_scope", "needed": "channels:history" })
            }
            "conversations.history" => self.listed(given, |message| message.thread.is_none() || message.is_broadcast),
            "conversations.replies" => {
                if self.messages.iter().all(|message| message.ts != text("ts")) {
                    return no("thread_not_found");
                }
                self.listed(given, |message| message.ts == text("ts") || message.thread.as_deref() == Some(&*text("ts")))
            }
            _ => no("unknown_method"),
        }
    }

    fn listed(&self, given: &Value, is_asked_for: impl Fn(&&Message) -> bool) -> Value {
        let oldest: f64 = given["oldest"].as_str().map_or(0.0, |oldest| oldest.parse().unwrap());
        let listed = self.messages.iter().rev().filter(is_asked_for).filter(|message| message.ts.parse::<f64>().unwrap() > oldest);
        let messages = listed.map(|message| {
            let mut listed = json!({ "ts": message.ts, "attachments": message.content["attachments"] });
            if given["include_all_metadata"] == "true" {
                listed["metadata"] = message.content["metadata"].clone();
            }
            listed
        });
        json!({ "ok": true, "messages": messages.collect::<Vec<_>>() })
    }
}

impl Respond for Slack {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let method = request.url.path().trim_start_matches("/api/");
        let mut state = self.state();
        state.calls.push(method.to_owned());
        if request.headers["authorization"] != format!("Bearer {TOKEN}") {
            return answer(&no("invalid_auth"));
        }
        let is_json = request.headers["content-type"].to_str().unwrap().starts_with("application/json");
        let given = if is_json {
            request.body_json().unwrap()
        } else {
            let form: BTreeMap<String, String> = url::form_urlencoded::parse(&request.body).into_owned().collect();
            json!(form)
        };
        let has_trouble = state.troubles.front().is_some_and(|(with, _)| *with == method);
        match has_trouble.then(|| state.troubles.pop_front()).flatten() {
            Some((_, Trouble::Instead(instead))) => instead,
            Some((_, Trouble::AnswerLost)) => answer(&state.call(method, &given)).set_delay(Duration::from_hours(1)),
            None => answer(&state.call(method, &given)),
        }
    }
}

/// A refusal in one word.
pub(crate) fn no(word: &str) -> Value {
    json!({ "ok": false, "error": word })
}

/// An answer as Slack gives it: 200, whatever it says.
pub(crate) fn answer(said: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(said)
}
