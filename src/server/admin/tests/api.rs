//! The API: what it answers, and that its description is true.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;

#[tokio::test]
async fn receipts_are_listed_a_page_at_a_time_while_more_come_in() {
    let bench = Bench::new();
    for id in ["a", "b", "c"] {
        bench.keep(&version(id), &["ci"]).await;
    }
    let ids = |page: &Value| page["items"].as_array().unwrap().iter().map(|item| item["id"].as_i64().unwrap()).collect::<Vec<_>>();
    let first = bench.get("/api/v1/receipts?limit=2").await.json();
    assert_eq!((ids(&first), &first["next"]), (vec![3, 2], &json!(2)));
    bench.keep(&version("d"), &["ci"]).await;
    let second = bench.get("/api/v1/receipts?limit=2&before=2").await.json();
    assert_eq!((ids(&second), &second["next"]), (vec![1], &Value::Null));
}

#[tokio::test]
async fn the_filter_is_that_of_the_command() {
    let bench = Bench::new();
    bench.keep(&version("a").subject_id("version-1"), &["ci"]).await;
    bench.keep(&sample::of(&EventKind::BuildUploadStateUpdated).id("b"), &["chat"]).await;
    bench.keep_bytes(Bytes::from_static(b"no event"), &[]).await;
    bench.finish("chat", dead("no use")).await;
    let found = async |query: &str| {
        let page = bench.get(&format!("/api/v1/receipts?{query}")).await.json();
        page["items"].as_array().unwrap().iter().map(|item| item["id"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    for (query, expected) in [
        ("", &[3, 2, 1][..]),
        ("endpoint=my-app&kind=&state=", &[3, 2, 1]),
        ("kind=ping&kind=type:tomorrow", &[]),
        ("kind=app_version", &[1]),
        ("kind=APP_STORE_VERSION_APP_VERSION_STATE_UPDATED", &[1]),
        ("kind=buildUploadStateUpdated&kind=appStoreVersionAppVersionStateUpdated", &[2, 1]),
        ("event_id=b", &[2]),
        ("subject=version-1", &[1]),
        ("state=REJECTED", &[1]),
        ("unparsed=true", &[3]),
        ("dispatch=dead", &[2]),
        ("handler=ci&dispatch=waiting", &[1]),
        ("since=1h", &[3, 2, 1]),
        ("until=1h", &[]),
        ("since=2026-11-21T14:30:01Z", &[]),
    ] {
        assert_eq!(found(query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn a_slip_is_said_and_never_means_everything() {
    let bench = Bench::new();
    let answers: Vec<String> = {
        let mut answers = Vec::new();
        for path in [
            "/api/v1/receipts?handlr=ci",
            "/api/v1/receipts?dispatch=lost",
            "/api/v1/receipts?kind=nope",
            "/api/v1/receipts?kind=ping&kind=buildUplaodStateUpdated",
            "/api/v1/receipts?kind=beta_feedback",
            "/api/v1/receipts?endpoint=my-ap",
            "/api/v1/receipts?handler=nope",
            "/api/v1/receipts/live?handler=caht",
            "/api/v1/dispatches?handler=caht",
            "/api/v1/versions?kind=nope",
            "/api/v1/receipts?since=yesterday",
            "/api/v1/receipts?limit=0",
            "/api/v1/receipts?before=x",
            "/api/v1/receipts?unparsed=1",
            "/api/v1/dispatches?endpoint=my-app",
            "/api/v1/hours?last=0",
            "/api/v1/refused?reason=rude",
            "/api/v1/versions?state=REJECTED",
            "/api/v1/review-times?app=100",
            "/api/v1/receipts/7/files/screenshot-1.png",
            "/api/v1/receipts/7/crash-log",
            "/api/v1/receipts/7",
            "/api/v1/receipts/seven",
        ] {
            let answer = bench.get(path).await;
            assert_eq!(answer.header("content-type"), "application/problem+json");
            answers.push(format!("{path}\n  {}", answer.text));
        }
        for (path, document) in [
            ("/api/v1/receipts/7/replay", "{}"),
            ("/api/v1/receipts/7/replay", r#"{"handlr":"ci"}"#),
            ("/api/v1/handlers/nobody/replay-dead", ""),
            ("/api/v1/dispatches/7/skip", r#"{"reason":" "}"#),
            ("/api/v1/dispatches/7/skip", r#"{"reason":"gone"}"#),
            ("/api/v1/handlers/nobody/pause", r#"{"reason":"gone"}"#),
            ("/api/v1/handlers/ci/pause", "{}"),
            ("/api/v1/handlers/chat/test", ""),
            ("/api/v1/handlers/ci/resume", ""),
        ] {
            answers.push(format!("{path} {document}\n  {}", bench.post(path, document).await.text));
        }
        answers
    };
    insta::assert_snapshot!(answers.join("\n"));
}

#[tokio::test]
async fn a_dead_dispatch_is_replayed_or_skipped() {
    let bench = Bench::new();
    for id in ["a", "b", "c"] {
        bench.keep(&version(id), &["ci", "chat"]).await;
    }
    bench.finish("ci", dead("the build is gone")).await;
    bench.finish("chat", Verdict::Done).await;
    let dead = async || bench.get("/api/v1/dispatches?handler=ci&state=dead").await.json()["items"].as_array().unwrap().len();
    assert_eq!(dead().await, 3);

    assert_eq!(bench.post("/api/v1/receipts/1/replay", r#"{"handler":"ci"}"#).await.json(), json!({ "replayed": 1 }));
    assert_eq!(
        bench.post("/api/v1/receipts/1/replay", "").await.json(),
        json!({ "replayed": 1 }),
        "the other one; the first waits"
    );
    let third = bench.get("/api/v1/dispatches?handler=ci&state=dead").await.json()["items"][0]["id"].clone();
    let skipped = bench.post(&format!("/api/v1/dispatches/{third}/skip"), r#"{"reason":"superseded"}"#).await;
    assert_eq!(skipped.json(), json!({ "skipped": third }));
    assert_eq!(dead().await, 1);
    let history = &bench.get("/api/v1/receipts/3").await.json()["dispatches"][0]["history"];
    assert_eq!((&history[1]["result"], &history[1]["error"]), (&json!("skipped"), &json!("superseded")));

    assert_eq!(bench.post("/api/v1/handlers/ci/replay-dead", "").await.json(), json!({ "replayed": 1 }));
    assert_eq!(dead().await, 0);
}

#[tokio::test]
async fn nothing_is_replayed_to_a_handler_that_is_not_configured() {
    let bench = Bench::new();
    bench.keep(&version("a"), &["boom"]).await;
    bench.keep(&version("b"), &["boom", "bang"]).await;
    bench.keep(&version("c"), &["boom", "ci"]).await;
    for handler in ["boom", "bang", "ci"] {
        bench.finish(handler, dead("no use")).await;
    }
    let mut answers = Vec::new();
    for (path, document) in [
        ("/api/v1/handlers/boom/replay-dead", ""),
        ("/api/v1/receipts/1/replay", ""),
        ("/api/v1/receipts/2/replay", ""),
        ("/api/v1/receipts/1/replay", r#"{"handler":"boom"}"#),
        ("/api/v1/receipts/1/replay", r#"{"handler":"bang"}"#),
    ] {
        answers.push(format!("{path} {document}\n  {}", bench.post(path, document).await.text));
    }
    insta::assert_snapshot!(answers.join("\n"));
    assert_eq!(bench.post("/api/v1/receipts/3/replay", "").await.json(), json!({ "replayed": 1 }), "that to `ci`");
    let stats = bench.store.stats(bench.clock.now()).await.unwrap().handlers;
    let dead: Vec<_> = stats.iter().map(|of| (of.handler.as_str(), of.dead)).collect();
    assert_eq!(dead, [("bang", 1), ("boom", 3), ("ci", 0)]);
}

#[tokio::test]
async fn a_handler_is_paused_and_resumed() {
    let bench = Bench::new();
    bench.keep(&version("a"), &["ci"]).await;
    let reason = r#"{"reason":" the channel is being moved "}"#;
    let paused = bench.post("/api/v1/handlers/ci/pause", reason).await;
    assert_eq!(paused.json(), json!({ "paused": "ci" }));
    assert_eq!(bench.post("/api/v1/handlers/ci/pause", reason).await.status, 409);
    let told = async || bench.get("/api/v1/handlers").await.json()["items"][0]["paused"].clone();
    assert_eq!(told().await, json!({ "since": NOW, "reason": "the channel is being moved" }));
    bench.finish("ci", Verdict::Done).await;
    assert_eq!(bench.get("/api/v1/stats").await.json()["handlers"][0]["waiting"], 1, "nobody was given it");
    assert_eq!(bench.post("/api/v1/handlers/ci/resume", "").await.json(), json!({ "resumed": "ci" }));
    assert_eq!(told().await, Value::Null);
    assert_eq!(bench.post("/api/v1/handlers/ci/resume", "").await.status, 409);
}

#[tokio::test]
async fn refusals_are_listed_a_page_at_a_time_with_the_alarm() {
    let bench = Bench::new();
    bench.refuse_some();
    let all = bench.get("/api/v1/refused").await.json();
    assert_eq!(all["failing"], json!([{ "endpoint": "my-app", "since": NOW, "count": 4 }]));
    assert_eq!(
        all["totals"],
        json!([{ "reason": "absent", "count": 40 }, { "reason": "wrong", "count": 4 }, { "reason": "unknown_path", "count": 1 }])
    );
    let ids = |page: &Value| page["items"].as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()).collect::<Vec<_>>();
    assert_eq!(ids(&all), (1..=20).rev().collect::<Vec<_>>());
    let wrong = bench.get("/api/v1/refused?reason=wrong&endpoint=my-app&limit=1").await.json();
    assert_eq!((ids(&wrong), &wrong["next"]), (vec![2], &json!(2)));
    assert_eq!((&wrong["items"][0]["source"], &wrong["items"][0]["count"]), (&json!("192.0.2.8"), &json!(1)));
    let rest = bench.get("/api/v1/refused?reason=wrong&endpoint=my-app&limit=1&before=2").await.json();
    assert_eq!((ids(&rest), &rest["next"]), (vec![1], &Value::Null));
    assert_eq!(ids(&bench.get("/api/v1/refused?endpoint=other").await.json()), Vec::<i64>::new());
}

#[tokio::test]
async fn bytes_are_saved_and_not_shown() {
    let bench = Bench::new();
    let body = Bytes::from_static(b"<script>alert(1)</script>");
    let id = bench.keep_bytes(body.clone(), &[]).await;
    let answer = bench.get(&format!("/api/v1/receipts/{id}/body")).await;
    assert_eq!((answer.status, answer.text.as_bytes()), (200, &body[..]));
    assert_eq!(answer.header("content-type"), "application/octet-stream");
    assert_eq!(answer.header("content-disposition"), "attachment; filename=\"receipt-1.json\"");
}

#[tokio::test]
async fn the_description_has_every_route_of_the_api() {
    let bench = Bench::new();
    let description = bench.get("/api/v1/openapi.json").await.json();
    let mut described = BTreeSet::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        described.extend(item.as_object().unwrap().keys().map(|method| (path.clone(), method.to_uppercase())));
    }
    let there = routes().into_iter().filter(|route| route.path.starts_with("/api/"));
    let there: BTreeSet<_> = there.map(|route| (route.path.to_owned(), route.method.to_string())).collect();
    assert_eq!(described, there);
    assert!(there.len() > 10);
    let names: BTreeSet<_> = routes().iter().filter_map(|route| Some(route.operation?.id)).collect();
    assert_eq!(names.len(), there.len(), "each operation has a name of its own");
    // Whatever it refers to is there.
    let text = description.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(description.pointer(reference).is_some(), "{reference}");
    }
    let in_list = description["paths"]["/api/v1/receipts"]["get"]["parameters"].as_array().unwrap().iter();
    let in_list: BTreeSet<_> = in_list.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(in_list, ask::OF_LISTS.iter().map(ToString::to_string).collect());
}

/// Whether a value has the shape of a schema, in the few words that ours use.
fn fits(description: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    if let Some(reference) = schema["$ref"].as_str() {
        return fits(description, description.pointer(&reference[1..]).unwrap(), value);
    }
    for choice in ["anyOf", "oneOf"] {
        if let Some(options) = schema[choice].as_array() {
            let fit = options.iter().any(|option| fits(description, option, value).is_ok());
            return if fit { Ok(()) } else { Err(format!("{value} is none of {schema}")) };
        }
    }
    let types = match &schema["type"] {
        Value::Array(types) => types.clone(),
        one => vec![one.clone()],
    };
    let is = match value {
        Value::Null => &["null"][..],
        Value::Bool(_) => &["boolean"],
        Value::Number(number) if number.is_f64() => &["number"],
        Value::Number(_) => &["number", "integer"],
        Value::String(_) => &["string"],
        Value::Array(_) => &["array"],
        Value::Object(_) => &["object"],
    };
    if !types.iter().any(|one| is.contains(&one.as_str().unwrap_or_default())) {
        return Err(format!("{value} is not {schema}"));
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        return Err(format!("{value} is none of {words:?}"));
    }
    for item in value.as_array().into_iter().flatten() {
        fits(description, &schema["items"], item)?;
    }
    if let (Some(fields), Some(properties)) = (value.as_object(), schema["properties"].as_object()) {
        let required = schema["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
        if let Some(missing) = required.into_iter().find(|name| !fields.contains_key(*name)) {
            return Err(format!("`{missing}` is missing in {value}"));
        }
        for (name, field) in fields {
            let property = properties.get(name).ok_or_else(|| format!("`{name}` is not described"))?;
            fits(description, property, field)?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn answers_have_the_described_shapes() {
    let bench = Bench::asking(CONFIG, Told::with("told"));
    bench.keep(&version("a"), &["ci", "chat"]).await;
    bench.keep_bytes(Bytes::from_static(b"no event"), &[]).await;
    bench.keep(&version("b").state("IN_REVIEW").previous_state("ACCEPTED"), &[]).await;
    bench.finish("ci", dead("no use")).await;
    let failed = crate::inbox::account::Pass::Failed { error: "Apple said no".to_owned() };
    bench.store.end_pass("my-app", failed, bench.clock.now()).await.unwrap();
    bench.store.pause("chat", "enough", bench.clock.now()).await.unwrap();
    bench.refuse_some();
    let description = bench.get("/api/v1/openapi.json").await.json();
    let mut tried = 0;
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
            let at = path.replace("{name}", "ci").replace("{id}", "1").replace("{webhook}", "w-1").replace("{delivery}", "d-1");
            let document = if path.ends_with("skip") || path.ends_with("pause") { r#"{"reason":"enough"}"# } else { "" };
            let answer = if method == "post" { bench.post(&at, document).await } else { bench.get(&at).await };
            if schema.is_null() {
                continue;
            }
            let expected = if answer.status == 200 { schema } else { &description["components"]["schemas"]["Problem"] };
            fits(&description, expected, &answer.json()).unwrap_or_else(|error| panic!("{method} {at}: {error}"));
            tried += 1;
        }
    }
    assert!(tried >= 21, "{tried}");
    let unknown = json!({ "replayed": 1, "more": 2 });
    assert!(fits(&description, &description["components"]["schemas"]["Replayed"], &unknown).is_err(), "the check can fail");
    assert!(fits(&description, &description["components"]["schemas"]["Replayed"], &json!({})).is_err());
}

#[tokio::test]
async fn what_axum_refuses_is_said_in_our_words() {
    let bench = Bench::new();
    for (route, path) in everything() {
        let answer = bench.send(request(&Method::DELETE, &path, &[BEARER]).body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, 405, "{path}");
        assert!(answer.header("allow").contains(route.method.as_str()), "{path}: {}", answer.header("allow"));
        let kind = if route.face == Face::Api { "application/problem+json" } else { "text/html; charset=utf-8" };
        assert_eq!(answer.header("content-type"), kind, "{path}");
        assert!(answer.text.contains("this can only be asked in the ways that `Allow` names"), "{path}: {}", answer.text);
    }
    for (path, kind) in [("/nothing", "text/html; charset=utf-8"), ("/api/v1/nothing", "application/problem+json")] {
        let answer = bench.send(request(&Method::GET, path, &[]).body(Body::empty()).unwrap()).await;
        assert_eq!((answer.status, answer.header("content-type")), (404, kind), "{path}");
    }
    for path in ["/events/%ff", "/api/v1/receipts/%ff"] {
        let answer = bench.get(path).await;
        assert_eq!((answer.status, answer.text.contains("the path: expected UTF-8")), (400, true), "{path}: {}", answer.text);
    }
}
