//! The audit log: every change that a person or a program makes leaves one line, and nothing else does.

use super::{super::audit::TARGET, apple::Told, *};
use crate::server::tests::lines::Lines;

/// What a route does, by the last part of its path, and to what.
const DEEDS: [(&str, &str, &str); 8] = [
    ("replay", "replay", "receipt 1"),
    ("replay-dead", "replay_dead", "handler ci"),
    ("skip", "skip", "dispatch 1"),
    ("pause", "pause", "handler ci"),
    ("test", "test", "handler ci"),
    ("resume", "resume", "handler ci"),
    ("ping", "ping", "webhook w-1"),
    ("redeliver", "redeliver", "delivery d-1"),
];

/// A desk on which each of the deeds can be done.
async fn bench(verb: &str) -> Bench {
    let bench = Bench::asking(CONFIG, Told::with("told"));
    bench.keep(&version("a"), &["ci"]).await;
    bench.finish("ci", dead("no use")).await;
    if verb == "resume" {
        bench.store.pause("ci", "enough", bench.clock.now()).await.unwrap();
    }
    bench
}

#[tokio::test]
async fn every_change_leaves_one_line_of_who_did_what_to_what() {
    let (lines, _guard) = Lines::listen();
    let of_audit = || lines.take().into_iter().filter(|line| line.contains(TARGET)).collect::<Vec<_>>();
    let changes = everything().into_iter().filter(|(route, _)| route.need == Need::Role(Role::Operator));
    let mut tried = 0;
    for (route, path) in changes {
        let verb = path.rsplit('/').next().unwrap();
        let (_, what, to) = DEEDS.into_iter().find(|(of, ..)| *of == verb).unwrap_or_else(|| panic!("{path}: what does it do?"));
        let bench = bench(verb).await;
        let cookie = cookie(&bench, TOKEN).await;
        let reader = self::cookie(&bench, READ_TOKEN).await;
        of_audit();
        let (kind, body) = match route.face {
            Face::Api if ["skip", "pause"].contains(&verb) => ("application/json", r#"{"reason":"enough"}"#),
            Face::Api => ("application/json", "{}"),
            Face::Page => ("application/x-www-form-urlencoded", "reason=enough"),
        };
        let send = async |who: (&str, &str)| {
            let headers = [who, OWN, ("content-type", kind)];
            bench.send(request(&route.method, &path, &headers).body(body.into()).unwrap()).await.status
        };
        assert_eq!(send(("cookie", &reader)).await, 403, "{path}");
        assert_eq!(of_audit(), Vec::<String>::new(), "{path}: what was not done is not told as done");

        let (who, by) = if route.face == Face::Api { (BEARER, "token") } else { (("cookie", cookie.as_str()), "login") };
        let status = send(who).await;
        assert!([200, 303].contains(&status), "{path}: {status}");
        let said = of_audit();
        assert_eq!(said.len(), 1, "{path}: {said:?}");
        for part in
            ["who.role=\"operator\"", &format!("who.by=\"{by}\""), &format!("change.what=\"{what}\""), &format!("change.to={to}")]
        {
            assert!(said[0].contains(part), "{path}: no {part} in {}", said[0]);
        }
        assert_eq!(said[0].contains("change.reason=\"enough\""), ["skip", "pause"].contains(&verb), "{}", said[0]);
        tried += 1;
    }
    assert_eq!(tried, 2 * DEEDS.len(), "each deed, by the page and by the API");
}

#[tokio::test]
async fn whoever_has_a_label_is_called_by_it() {
    let several = r#"token = [
        { value = "the token of an operator", label = "anna" },
        { value = "the token of somebody else", label = "<b>ben</b>" },
        "the token of nobody in particular",
    ]"#;
    let bench = Bench::with(&CONFIG.replace("token = \"the token of an operator\"", several));
    bench.keep(&version("a"), &["ci"]).await;
    let (lines, _guard) = Lines::listen();
    for (token, label) in [
        (TOKEN, "who.label=\"anna\""),
        ("the token of somebody else", "who.label=\"<b>ben</b>\""),
        ("the token of nobody in particular", "who.label=\"3\""),
    ] {
        let cookie = cookie(&bench, token).await;
        let bearer = format!("Bearer {token}");
        for who in [("cookie", cookie.as_str()), ("authorization", &bearer)] {
            let headers = [who, OWN, ("content-type", "application/json")];
            let answer = bench.send(request(&Method::POST, "/api/v1/receipts/1/replay", &headers).body("{}".into()).unwrap()).await;
            assert_eq!(answer.status, 200);
        }
        let said = lines.take();
        assert_eq!(said.len(), 3, "a login and two changes: {said:?}");
        assert!(said.iter().all(|line| line.contains(label)), "no {label} in {said:?}");
    }
    let page = bench
        .send(request(&Method::GET, "/", &[("authorization", "Bearer the token of somebody else")]).body(Body::empty()).unwrap());
    let page = page.await.text;
    assert!(page.contains("&lt;b&gt;ben&lt;&#x2f;b&gt;, operator</span>"), "{page}");
    assert!(bench.get("/").await.text.contains(">anna, operator</span>"));
    let reader = bench.send(request(&Method::GET, "/", &[READER]).body(Body::empty()).unwrap()).await.text;
    assert!(reader.contains(">reader</span>"), "the only one of its kind needs no name: {reader}");
}
