//! Issues: how they look, and that there is one.

use std::{collections::BTreeMap, sync::Mutex};

use wiremock::{
    Respond,
    matchers::{path_regex, query_param},
};

use super::{super::issue, *};
use crate::{
    event::details::{CrashLog, File, Screenshot},
    handler::{
        KeptInMemory,
        tests::{QUOTED, listen},
    },
};

const ISSUES: &str = "action = 'issue'\ntoken = 'ghp_1'";

const HOSTILE: &str = "\u{202e}@channel @octocat #1 GH-2 example/app#3 <b>x</b> <!-- y --> [l](https://e.example) `c` | **d** &amp;\n\n\
                       </code></blockquote>\n# h\n- l\n```\nwww.e.example";

fn feedback(comment: &str, log: &str) -> (Event, Details) {
    let event = event_of(&EventKind::BetaFeedbackCrashSubmissionCreated, None);
    let mut details = details_of(&event);
    let feedback = details.feedback.as_mut().unwrap();
    feedback.comment = Some(comment.to_owned());
    feedback.locale = Some("@octocat | <img src=x>".to_owned());
    feedback.crash_log = Some(CrashLog { text: log.to_owned(), is_cut: true });
    let file = File { name: "screenshot-1.png".to_owned(), media_type: "image/png".to_owned(), size: 3 };
    let ours = Screenshot { url: Some("https://a.example/1.png".to_owned()), file: Some(file), ..Screenshot::default() };
    let apples = Screenshot {
        url: Some("https://a.example/2.png?a=(b)>&c=[d]".to_owned()),
        expires_at: "2026-11-22T10:00:00Z".parse().ok(),
        ..Screenshot::default()
    };
    let hostile = Screenshot { url: Some("javascript:alert(1)".to_owned()), ..Screenshot::default() };
    feedback.screenshots = vec![ours, apples, hostile];
    (event, details)
}

/// A GitHub that keeps issues, and gives thirty of them at a time, newest first.
#[derive(Clone, Default)]
struct Repository(Arc<Mutex<Vec<Value>>>);

impl Repository {
    fn add(&self, body: &str, created_at: &str) {
        self.0.lock().unwrap().push(json!({ "number": 1, "body": body, "created_at": created_at }));
    }

    fn bodies(&self) -> Vec<Value> {
        self.0.lock().unwrap().iter().map(|issue| issue["body"].clone()).collect()
    }

    async fn served(&self, creation: ResponseTemplate) -> MockServer {
        let server = MockServer::start().await;
        let list = Mock::given(method("GET")).and(path("/repos/example/app/issues"));
        let list = list.and(query_param("state", "all")).and(query_param("sort", "created")).and(query_param("direction", "desc"));
        list.respond_with(self.clone()).mount(&server).await;
        let kept = self.clone();
        let create = move |request: &Request| {
            let mut issue: Value = request.body_json().unwrap();
            issue["created_at"] = "2026-03-02T09:31:00Z".into();
            kept.0.lock().unwrap().push(issue);
            creation.clone()
        };
        Mock::given(method("POST")).and(path("/repos/example/app/issues")).respond_with(create).mount(&server).await;
        server
    }
}

impl Respond for Repository {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let query: BTreeMap<_, _> = request.url.query_pairs().collect();
        let asked = |name: &str| query[name].parse::<usize>().unwrap();
        let issues = self.0.lock().unwrap();
        let page = issues.iter().rev().skip((asked("page") - 1) * asked("per_page")).take(asked("per_page")).cloned();
        ResponseTemplate::new(200).set_body_json(page.collect::<Vec<_>>())
    }
}

async fn filed(server: &MockServer, keys: &str, ctx: Context) -> Result<(), HandlerError> {
    let (event, _) = feedback("", "");
    let handler = handler(&server.uri(), keys);
    let attempt = handler.handle(Arc::new(event), ctx);
    tokio::time::timeout(Duration::from_secs(2), attempt).await.unwrap_or_else(|_| Err(HandlerError::retry("timed out")))
}

fn created() -> ResponseTemplate {
    ResponseTemplate::new(201).set_body_json(json!({ "number": 1 }))
}

#[tokio::test]
async fn an_issue_shows_what_a_stranger_wrote_as_text() {
    let (kept, (_, details)) = (Repository::default(), feedback(HOSTILE, "Thread 0 crashed:\n```\n@octocat ````\n"));
    let server = kept.served(created()).await;
    filed(&server, ISSUES, context(details)).await.unwrap();
    let issue = kept.0.lock().unwrap()[0].clone();
    insta::assert_snapshot!(format!(
        "{}\n{}\n\n{}",
        issue["title"].as_str().unwrap(),
        issue["labels"],
        issue["body"].as_str().unwrap()
    ));
}

#[test]
fn an_issue_is_as_long_as_github_takes() {
    for (comment, log) in [
        ("& ".repeat(50_000), "x\n".repeat(100_000)),
        ("&\n".repeat(50_000), "`".repeat(40_000)),
        ("😀".repeat(300_000), "😀".repeat(100_000)),
        (String::new(), "`".repeat(100_000)),
    ] {
        let (event, mut details) = feedback(&comment, &log);
        details.feedback.as_mut().unwrap().locale = Some("&".repeat(100_000));
        let (told, mark) = (Told::sample(&event, &details), issue::marker("k"));
        let message = Message::of(&told, &Voice::default());
        let body = issue::body(&mark, &told, &message, &[]);
        assert!(body.chars().count() <= 65_536 && body.starts_with(&mark), "{}", body.chars().count());
        assert!(body.contains('…'), "it is marked where it was cut");
        assert!(issue::title(&message).chars().count() <= 256);
    }
}

#[tokio::test]
async fn feedback_has_one_issue_however_often_it_is_handled() {
    // The answer is lost on the way: by a broken server, and by a crash of ours while we wait.
    for lost in [ResponseTemplate::new(502), created().set_delay(Duration::from_mins(1))] {
        let kept = Repository::default();
        (0..70).for_each(|_| kept.add("older", "2026-03-02T09:00:00Z"));
        let server = kept.served(lost).await;
        assert!(!filed(&server, ISSUES, context(Details::default())).await.unwrap_err().is_reject());
        // Others came in between, so that ours is on the second page; one has no text.
        (0..40).for_each(|_| kept.add("newer", "2026-03-02T09:40:00Z"));
        kept.0.lock().unwrap().push(json!({ "number": 1, "body": null, "created_at": "2026-03-02T09:41:00Z" }));
        for _ in 0..2 {
            filed(&server, ISSUES, context(Details::default())).await.unwrap();
        }
        let ours = |body: &Value| body.as_str().is_some_and(|body| body.contains("<!-- asc-webhooks: 5c3f0a -->"));
        assert_eq!(kept.bodies().iter().filter(|body| ours(body)).count(), 1);
    }
}

#[tokio::test]
async fn issues_from_before_the_receipt_are_not_looked_through() {
    let kept = Repository::default();
    (0..200).for_each(|_| kept.add("older", "2026-03-02T09:00:00Z"));
    let server = kept.served(created()).await;
    filed(&server, ISSUES, context(Details::default())).await.unwrap();
    assert_eq!(server.received_requests().await.unwrap().iter().filter(|request| request.method == "GET").count(), 1);
}

#[tokio::test]
async fn only_feedback_has_issues() {
    let handler = handler("http://127.0.0.1:1", ISSUES);
    let wanted: Vec<_> = EventKind::ALL.iter().filter(|kind| handler.wants(kind)).collect();
    assert_eq!(wanted, [&EventKind::BetaFeedbackScreenshotSubmissionCreated, &EventKind::BetaFeedbackCrashSubmissionCreated]);
}

/// The lines about pictures in an issue, when GitHub answers so to a picture.
async fn pictures(put: ResponseTemplate) -> Result<Vec<String>, String> {
    let kept = Repository::default();
    let server = kept.served(created()).await;
    let place = r"^/repos/example/app/contents/testflight/5c3f0a/screenshot-1\.png$";
    Mock::given(method("PUT")).and(path_regex(place)).respond_with(put).expect(1).mount(&server).await;
    let there = ResponseTemplate::new(200).set_body_json(json!({ "html_url": "https://github.example/there.png" }));
    Mock::given(method("GET")).and(path_regex(place)).and(query_param("ref", "pictures")).respond_with(there).mount(&server).await;
    let ctx = context(feedback("", "").1).with_kept(KeptInMemory::default().with_file("screenshot-1.png", "png"));
    filed(&server, &format!("{ISSUES}\nscreenshots_branch = 'pictures'"), ctx).await.map_err(|error| format!("{error:?}"))?;
    let sent = server.received_requests().await.unwrap().into_iter().find(|request| request.method == "PUT").unwrap();
    let sent: Value = sent.body_json().unwrap();
    assert_eq!((&sent["branch"], &sent["content"]), (&json!("pictures"), &json!("cG5n")));
    let body = kept.bodies().remove(0);
    Ok(body.as_str().unwrap().lines().filter(|line| line.contains("Screenshot")).map(ToOwned::to_owned).collect())
}

#[tokio::test]
async fn pictures_are_shown_from_the_branch() {
    let apples = "[Screenshot 2](<https://a.example/2.png?a=(b)%3E&c=[d]>) (until 2026-11-22 10:00 UTC)";
    let check = async |put: ResponseTemplate, first: &str| {
        assert_eq!(pictures(put).await.unwrap(), [first, apples]);
    };
    let here = json!({ "content": { "html_url": "https://github.example/1.png" } });
    check(ResponseTemplate::new(201).set_body_json(here), "![Screenshot 1](<https://github.example/1.png?raw=true>)").await;
    let is_there = ResponseTemplate::new(422).set_body_json(json!({ "message": "Invalid request.\n\n\"sha\" wasn't supplied." }));
    check(is_there, "![Screenshot 1](<https://github.example/there.png?raw=true>)").await;
    let no_branch = ResponseTemplate::new(404).set_body_json(json!({ "message": format!("No branch for {QUOTED}") }));
    let (log, guard) = listen();
    check(no_branch, "[Screenshot 1](<https://a.example/1.png>)").await;
    drop(guard);
    let lines = std::fs::read_to_string(log.path()).unwrap();
    assert!(lines.contains("GitHub answered 404 Not Found; the token lacks") && !lines.contains(QUOTED), "{lines}");
    for said in [
        "Repository rule violations found\n\nChanges must be made through a pull request.\n\n",
        "Could not create file: 2 of 2 required status checks are expected.",
    ] {
        let forbidden = ResponseTemplate::new(409).set_body_json(json!({ "message": said }));
        check(forbidden, "[Screenshot 1](<https://a.example/1.png>)").await;
    }
    let refused = pictures(ResponseTemplate::new(409).set_body_json(json!({ "message": "is at 1 but expected 2" }))).await;
    assert_eq!(refused.unwrap_err(), "Retry { after: None }: GitHub answered 409 Conflict: is at 1 but expected 2");
}
