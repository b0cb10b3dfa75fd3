//! What the other side says, with all kinds that ask somebody: the attempt has it, the log has not.

use std::collections::BTreeSet;

use serde_json::json;
use tempfile::NamedTempFile;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

use super::{
    message::tests::{details_of, event_of},
    *,
};

/// What stands for a tester's words in what the other side says.
pub(super) const QUOTED: &str = "tester@example.com";

/// Writes down what this thread logs, until the guard is dropped.
pub(super) fn listen() -> (NamedTempFile, tracing::subscriber::DefaultGuard) {
    let log = NamedTempFile::new().unwrap();
    let lines = tracing_subscriber::fmt().with_max_level(tracing::Level::DEBUG).with_ansi(false).without_time();
    let lines = lines.with_writer(Arc::new(log.reopen().unwrap())).finish();
    (log, tracing::subscriber::set_default(lines))
}

const SLACK: &str = "url = '{}/hook'\napi_url = 'https://slack.com/api'\nallow_private = true";
const SLACK_BOT: &str = "token = 'xoxb-1'\nchannel = 'C012AB3CD'\napi_url = '{}'\nallow_private = true";
const HOOK: &str = "url = '{}/hook'\nallow_private = true";
const TELEGRAM: &str = "token = '123:abc'\nchat = '-100'\napi_url = '{}'\nallow_private = true";
const FORWARD: &str = "url = '{}/hook'\nbody = 'raw'\nheaders = {}\nallow_private = true";
const GITHUB: &str = "repository = 'example/app'\ntoken = 't'\nallow_private = true\napi_url = '{}'";
const GITLAB: &str = "url = '{}'\nproject = 1\ntoken = 't'\nref = 'main'\nvariables = {}\nallow_private = true";
const EXEC: &str = "cwd = '/'\nenv = {}\ninput = 'json'\nreject_codes = []\ncommand = ['/bin/sh', '-c', 'echo no: $0; exit 3', 'tester@example.com']";

/// What a handler says when the server that it asks answers so.
async fn refusal(kind: &str, keys: &str, answer: ResponseTemplate) -> HandlerError {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    let handler = Registry::builtin().build(kind, Section::sample(&keys.replace("'{}", &format!("'{}", server.uri())))).unwrap();
    let event = event_of(&EventKind::BetaFeedbackScreenshotSubmissionCreated, None);
    let ctx = Context::sample().with_details(details_of(&event));
    handler.handle(Arc::new(event), ctx).await.unwrap_err()
}

#[tokio::test]
async fn what_the_other_side_quotes_stays_out_of_the_log() {
    let said = format!("cannot post “it crashed, write to {QUOTED}”");
    let text = |status: u16| ResponseTemplate::new(status).set_body_string(&said);
    let json = |status: u16, body: Value| ResponseTemplate::new(status).set_body_json(body);
    let slack = |word: &str| json(200, json!({ "ok": false, "error": word, "response_metadata": { "messages": [&said] } }));
    let (dispatch, issue) = (format!("{GITHUB}\naction = 'dispatch'"), format!("{GITHUB}\naction = 'issue'"));
    let cases = [
        ("forward", FORWARD, text(400)),
        ("forward", FORWARD, text(503)),
        ("forward", FORWARD, text(302).insert_header("location", format!("/login/{QUOTED}").as_str())),
        ("slack", SLACK, text(400)),
        ("slack", SLACK_BOT, slack("invalid_blocks")),
        ("slack", SLACK_BOT, slack("ratelimited")),
        ("slack", SLACK_BOT, slack("something_new")),
        ("slack", SLACK_BOT, slack("duplicate_message_not_found")),
        ("slack", SLACK_BOT, json(200, json!({ "ok": false, "error": said }))),
        (
            "slack",
            SLACK_BOT,
            json(200, json!({ "error": "missing_scope", "needed": QUOTED, "response_metadata": { "messages": [&said] } })),
        ),
        ("discord", HOOK, json(400, json!({ "message": "Invalid Form Body", "errors": { "content": said } }))),
        ("teams", HOOK, text(400)),
        ("lark", HOOK, json(200, json!({ "code": 230_001, "msg": said }))),
        ("lark", HOOK, json(200, json!({ "code": 11_232, "msg": said }))),
        ("telegram", TELEGRAM, json(400, json!({ "ok": false, "description": said }))),
        ("github", &dispatch, json(401, json!({ "message": said }))),
        ("github", &dispatch, json(403, json!({ "message": format!("rate limit of {QUOTED}") }))),
        ("github", &dispatch, json(422, json!({ "message": "Validation Failed", "errors": [{ "message": said }] }))),
        ("github", &dispatch, text(500)),
        ("github", &issue, json(200, json!([said]))),
        ("gitlab", GITLAB, json(400, json!({ "message": { "base": [&said] } }))),
        ("gitlab", GITLAB, json(404, json!({ "message": said }))),
        ("exec", EXEC, text(200)),
    ];
    let kinds: BTreeSet<&str> = cases.iter().map(|(kind, ..)| *kind).chain(["email", "log"]).collect();
    assert!(Registry::builtin().kinds().eq(kinds), "letters have a test of their own, and a line of the log asks nobody");
    let (log, _guard) = listen();
    let mut for_log = Vec::new();
    for (kind, keys, answer) in cases {
        let error = refusal(kind, keys, answer).await;
        assert!(error.to_string().contains(QUOTED), "{kind}: {error}");
        assert!(!error.unquoted().contains(QUOTED), "{kind}: {}", error.unquoted());
        for_log.push(format!("{kind}: {}", error.unquoted()));
    }
    let lines = std::fs::read_to_string(log.path()).unwrap();
    assert!(!lines.contains(QUOTED), "{lines}");
    insta::assert_snapshot!(for_log.join("\n"));
}
