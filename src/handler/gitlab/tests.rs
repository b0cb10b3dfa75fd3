//! What GitLab is sent for each kind of event, and what its answers come to, over real connections.

use std::time::Duration;

use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{body_partial_json, method, path},
};

use super::*;
use crate::{
    event::{EventKind, sample},
    handler::message::tests::{details_of, event_of},
};

const VARIABLES: &str =
    "variables = { LANE = '{{ event.state | lower }}', NOTE = '{{ details.app.name }}: {{ message.sentence }}' }";

fn section(url: &str, more: &str) -> Section {
    Section::sample(&format!("url = '{url}'\nproject = 'group/app'\ntoken = 'glptt-1'\nref = 'main'\nallow_private = true\n{more}"))
}

fn context(event: &Event) -> Context {
    Context::sample().with_details(details_of(event))
}

#[test]
fn what_happened_is_in_variables() {
    let handler = GitLab::new(section("http://127.0.0.1:1", VARIABLES)).unwrap();
    let bodies = EventKind::ALL.iter().map(|kind| {
        let event = event_of(kind, sample::states(kind).last().copied());
        let ctx = context(&event);
        handler.body(&Told::sample(&event, ctx.details().unwrap()), &ctx).unwrap()
    });
    insta::assert_json_snapshot!(bodies.collect::<Vec<_>>());
}

#[test]
fn a_variable_is_what_a_runner_can_pass_on() {
    let handler = GitLab::new(section("http://127.0.0.1:1", "variables = { COMMENT = '{{ details.feedback.comment }}' }")).unwrap();
    let event = event_of(&EventKind::BetaFeedbackCrashSubmissionCreated, None);
    let mut details = details_of(&event);
    details.feedback.as_mut().unwrap().comment = Some("$(reboot) `x`\n".repeat(10_000));
    let ctx = Context::sample().with_details(details);
    let body = handler.body(&Told::sample(&event, ctx.details().unwrap()), &ctx).unwrap();
    let comment = body["variables"]["COMMENT"].as_str().unwrap();
    assert!(comment.starts_with("$(reboot) `x`\n") && comment.ends_with('…') && comment.chars().count() <= 8_000);
}

/// What the handler comes to when GitLab answers so.
async fn outcome(answer: ResponseTemplate) -> String {
    let server = MockServer::start().await;
    let sent = body_partial_json(json!({ "token": "glptt-1", "ref": "main", "variables": { "ASC_EVENT_STATE": "REJECTED" } }));
    let place = path("/api/v4/projects/group%2Fapp/trigger/pipeline");
    Mock::given(method("POST")).and(place).and(sent).respond_with(answer).expect(1).mount(&server).await;
    let handler = GitLab::new(section(&server.uri(), VARIABLES)).unwrap();
    let event = event_of(&EventKind::AppStoreVersionAppVersionStateUpdated, Some("REJECTED"));
    let ctx = context(&event);
    let result = tokio::time::timeout(Duration::from_secs(5), handler.handle(Arc::new(event), ctx)).await.unwrap();
    result.map_or_else(|error| format!("{error:?}"), |()| "ok".to_owned())
}

#[tokio::test]
async fn answers_are_understood() {
    let answers = [
        ResponseTemplate::new(201).set_body_json(json!({ "id": 8, "status": "created" })),
        ResponseTemplate::new(400).set_body_json(json!({ "message": { "base": ["Reference not found"] } })),
        ResponseTemplate::new(403).set_body_json(json!({ "message": "403 Forbidden" })),
        ResponseTemplate::new(404).set_body_json(json!({ "message": "404 Not Found" })),
        ResponseTemplate::new(429).insert_header("retry-after", "30").set_body_string("Retry later"),
        ResponseTemplate::new(502),
    ];
    let mut said = Vec::new();
    for answer in answers {
        said.push(outcome(answer).await);
    }
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn slips_in_the_keys_are_said() {
    let said = [
        "url = 'https://gitlab.com'\nproject = 7\ntoken = 't'\nref = 'main'\nallow_private = false\nvariables = { ASC_X = 'a', '1B' = 'b', C = '{{ evnt }}' }",
        "url = 'http://gitlab.com'\nproject = ''\ntoken = 't'\nref = ' '\nallow_private = false\nvariables = {}",
        "url = 'https://gitlab.com'\nproject = '7'\ntoken = ''\nref = 'main'\nallow_private = false\nvariables = {}",
        "url = 'https://gitlab.com'\nproject = []\nrev = 'main'\nallow_private = false",
        "url = 'https://127.1'\nproject = ''\ntoken = 7\nrev = 'main'\nref = ' '\nallow_private = false\nvariables = { ASC_X = 'a', C = '{{ evnt }}', D = [] }",
    ];
    let said: Vec<_> = said.into_iter().map(|toml| GitLab::new(Section::sample(toml)).unwrap_err().to_string()).collect();
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn the_token_is_not_printable() {
    assert!(!format!("{:?}", GitLab::new(section("http://127.0.0.1:1", VARIABLES)).unwrap()).contains("glptt"));
}
