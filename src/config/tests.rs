//! What the fixtures in `tests/fixtures/config`, the files in `config/` and the environment come to.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    layers::Layers,
    load::{Machine, fill_defaults, settle},
    section::{Asked, Reading},
    *,
};

const SECRET: &str = "canary-in-the-environment-7f3a";

fn environment() -> BTreeMap<String, String> {
    [
        ("MY_APP_SECRET", SECRET),
        ("OTHER_SECRET", "canary-of-another-endpoint-91bc"),
        ("ADMIN_TOKEN", "canary-for-administration-55de"),
        ("OUR_TOKEN", "canary-for-a-kind-of-our-own-02"),
        ("ADMIN_READ_TOKEN", "canary-for-who-may-only-look-18"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

fn load_file(file: &Path) -> Result<Loaded, Problems> {
    load(&Sources { file: Some(file.to_owned()), environment: environment(), ..Sources::default() })
}

#[track_caller]
pub(super) fn load_text(text: &str, variables: &[(&str, &str)]) -> Result<Loaded, Problems> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let mut environment = environment();
    environment.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    load(&Sources { file: Some(file), environment, ..Sources::default() })
}

/// The keys that are asked for while the fullest file is settled.
pub(super) fn asked() -> Asked {
    let file = Path::new("tests/fixtures/config/valid/everything.toml");
    let mut layers = Layers::from_file(file, &fs::read_to_string(file).unwrap()).unwrap();
    fill_defaults(&mut layers);
    let environment = environment();
    let surroundings = Machine { environment: &environment, shared: false, needs_no_secrets: false };
    let (draft, asked) = settle(&layers.table, Reading::new(layers.origins, &surroundings, Vec::new()), None);
    draft.settle([]).unwrap();
    asked
}

pub(super) fn files(folder: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "`{folder}` has files");
    files
}

pub(super) const SMALLEST: &str = r#"
[[endpoint]]
name = "my-app"
path = "/apple/my-app"
secrets = [{ env = "MY_APP_SECRET" }]
"#;

#[test]
fn every_valid_file_loads() {
    for file in files("tests/fixtures/config/valid") {
        load_file(&file).unwrap_or_else(|problems| panic!("{problems}"));
    }
    let example = load_file(Path::new("config/example.toml")).unwrap_or_else(|problems| panic!("{problems}"));
    assert!(example.config.server.listen.ip().is_loopback());
    assert_eq!(example.config.endpoints[0].path, "/apple/my-app");
}

#[test]
fn problems_read_well() {
    for file in files("tests/fixtures/config/invalid") {
        let problems = load_file(&file).expect_err("an invalid file does not load");
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let folder = std::env::current_dir().unwrap();
        insta::assert_snapshot!(name, problems.to_string().replace(&*folder.to_string_lossy(), "/…"));
    }
}

#[test]
fn four_mistakes_are_four_problems() {
    let problems = load_file(Path::new("tests/fixtures/config/invalid/four_at_once.toml")).unwrap_err();
    let keys: Vec<&str> = problems.problems.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(keys, ["server.listen", "server.head_timout", "endpoint[0].path", "handler[0].endpoints[0]"]);
}

#[test]
fn a_full_file_settles_as_written() {
    let Loaded { config, .. } = load_file(Path::new("tests/fixtures/config/valid/everything.toml")).unwrap();
    assert_eq!(config.server.max_body, 64 << 10);
    assert_eq!(config.server.max_connections, Some(500));
    assert_eq!(config.store.url, StoreUrl::Sqlite("/var/lib/asc-webhooks/store.db".into()));
    assert_eq!(config.store.reserve, 1 << 30);
    assert_eq!(config.endpoints[1].kind, EndpointKind::Marketplace);
    let secrets = &config.endpoints[0].secrets;
    assert_eq!((secrets[0].label.as_str(), secrets[0].secret.expose()), ("2026", SECRET));
    assert_eq!((secrets[1].label.as_str(), secrets[1].secret.expose()), ("old", "an-old-secret-that-is-long-enough"));
    assert_eq!(secrets[1].not_after, Some("2027-01-31T00:00:00Z".parse().unwrap()));
    assert_eq!(config.endpoints[1].secrets[0].label, "1");
    let builds = &config.endpoints[2];
    assert_eq!((builds.kind, builds.secrets.len()), (EndpointKind::XcodeCloud, 0));
    let tokens: Vec<_> = builds.tokens.iter().map(|token| (token.label.as_str(), token.not_after.is_some())).collect();
    assert_eq!(tokens, [("new", false), ("2", true)]);
    let url = config.url_of(&config.endpoints[0]).unwrap();
    assert_eq!(url.as_str(), "https://hooks.example.com/webhooks/apple/my-app");
    let asc = config.asc.as_ref().unwrap();
    assert_eq!((asc.key_id.as_str(), asc.base_url.as_str()), ("2X9R4HXF34", "http://127.0.0.1:8089/"));
    assert_eq!(asc.issuer_id.as_deref(), Some("57246542-96fe-1a63-e053-0824d011072a"));
    let (minute, hour) = (Duration::from_mins(1), Duration::from_hours(1));
    let recovery = Recovery { interval: Some(minute), overlap: 2 * hour, lookback: 720 * hour, patience: hour };
    assert_eq!(config.recovery, recovery);
    assert_eq!(config.messages.times, "%d.%m. %H:%M");
    assert_eq!(config.messages.time_zone.iana_name(), Some("Europe/Berlin"));
    let bot = &config.handlers[0];
    assert_eq!(bot.retry, RetrySchedule { delays: vec![Duration::from_secs(1), Duration::from_mins(1)], jitter: 0.5 });
    assert_eq!((bot.timeout, bot.concurrency, bot.order), (Duration::from_secs(5), 2, Order::Subject));
    assert_eq!(bot.section["url"].as_str(), Some("https://bot.example.com/apple"));
}

#[test]
fn references_in_a_handler_of_any_kind_are_resolved() {
    let Loaded { config, .. } = load_file(Path::new("tests/fixtures/config/valid/everything.toml")).unwrap();
    let mine = &config.handlers[1].section;
    assert_eq!(mine["token"].as_str(), Some("canary-for-a-kind-of-our-own-02"));
    assert_eq!(mine["nested"]["deep"][0].as_str(), Some("an-old-secret-that-is-long-enough"));
    assert_eq!(mine.keys().collect::<Vec<_>>(), ["nested", "token"], "the common keys are not the kind's");
}

#[test]
fn retries_go_on_for_about_three_days() {
    let Loaded { config, .. } = load_text(&format!("{SMALLEST}\n[[handler]]\nname = \"a\"\nkind = \"b\""), &[]).unwrap();
    let span: Duration = config.handlers[0].retry.delays.iter().sum();
    let days = span.as_secs_f64() / 86_400.0;
    assert!((2.5..=3.5).contains(&days), "the delays add up to {days} days");
}

#[test]
fn the_environment_goes_over_the_file_and_flags_over_both() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    fs::write(&file, format!("[server]\nlisten = \"127.0.0.1:1\"\nmax_in_flight = 1\nmax_body = \"1 KiB\"\n{SMALLEST}")).unwrap();
    let mut sources = Sources { file: Some(file), environment: environment(), ..Sources::default() };
    let variables = [("ASC_WEBHOOKS__SERVER__LISTEN", "127.0.0.1:2"), ("ASC_WEBHOOKS__SERVER__MAX_IN_FLIGHT", "2")];
    sources.environment.extend(variables.map(|(name, value)| (name.to_owned(), value.to_owned())));
    sources.flags.push(Flag { name: "--listen".to_owned(), key: "server.listen".to_owned(), value: "127.0.0.1:3".into() });
    let Loaded { config, origins, .. } = load(&sources).unwrap();
    assert_eq!((config.server.max_body, config.server.max_in_flight, config.server.listen.port()), (1 << 10, 2, 3));
    assert_eq!(origins.of("server.listen"), Origin::Flag("--listen".to_owned()));
    assert_eq!(origins.of("server.max_in_flight"), Origin::Environment("ASC_WEBHOOKS__SERVER__MAX_IN_FLIGHT".to_owned()));
    assert_eq!(origins.of("server.head_timeout"), Origin::Default);
    assert!(matches!(origins.of("endpoint[0].path"), Origin::File { line: Some(8), .. }), "{}", origins.of("endpoint[0].path"));
}

#[test]
fn a_managed_secret_that_nobody_would_hand_over_is_warned_about() {
    let check = |keys: &str, expected: &[&str]| {
        let sealed = "[store]\nsecrets_key = { env = \"OTHER_SECRET\" }";
        let text = format!("{sealed}\n[[endpoint]]\nname = \"a\"\npath = \"/a\"\nmanaged_secrets = true\n{keys}");
        let Loaded { warnings, .. } = load_text(&text, &[]).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(warnings.iter().map(|warning| warning.key.as_str()).collect::<Vec<_>>(), expected, "{keys}");
    };
    check("", &["endpoint[0].app_id"]);
    check("app_id = \"1234567890\"", &[]);
    check("secrets = [{ env = \"MY_APP_SECRET\" }]", &["endpoint[0].app_id"]);
}

#[test]
fn mistakes_in_the_environment_are_named_by_their_variable() {
    let problems = load_text(
        SMALLEST,
        &[
            ("ASC_WEBHOOKS__SERVER__LITSEN", "127.0.0.1:1"),
            ("ASC_WEBHOOKS__SERVER__IDLE_TIMEOUT", "30"),
            ("ASC_WEBHOOKS__ENDPOINT__7__NAME", "far"),
            ("ASC_WEBHOOKS__SERVER__LISTEN__PORT", "1"),
        ],
    )
    .unwrap_err();
    insta::assert_snapshot!("environment", problems.to_string());
}

#[test]
fn no_file_and_no_environment_says_where_one_is_looked_for() {
    let problem = load(&Sources::default()).unwrap_err();
    insta::assert_snapshot!("no_file", problem.to_string());
    let missing = Sources { file: Some("no/such/file.toml".into()), ..Sources::default() };
    insta::assert_snapshot!("missing_file", load(&missing).unwrap_err().to_string());
}

#[test]
fn weak_and_shared_secrets_are_warned_about_on_loopback() {
    let text = r#"
[[endpoint]]
name = "short"
path = "/short"
secrets = ["fifteen-letters"]

[[endpoint]]
name = "same"
path = "/same"
secrets = ["fifteen-letters"]
"#;
    let Loaded { warnings, .. } = load_text(text, &[]).unwrap();
    let words: Vec<String> = warnings.iter().map(|warning| format!("{}: {}", warning.key, warning.message)).collect();
    insta::assert_snapshot!("warnings_on_loopback", words.join("\n"));
}

#[test]
fn files_with_secrets_are_warned_about_when_others_can_read_them() {
    let folder = tempfile::tempdir().unwrap();
    let (file, secret) = (folder.path().join("config.toml"), folder.path().join("secret"));
    fs::write(&secret, "a-secret-that-is-long-enough\r\n").unwrap();
    let sources = ["\"another-secret-long-enough\"".to_owned(), format!("{{ file = {secret:?} }}")];
    fs::write(&file, format!("[[endpoint]]\nname = \"a\"\npath = \"/a\"\nsecrets = [{}]", sources.join(", "))).unwrap();
    for (mode, expected) in [(0o600, vec![]), (0o644, vec!["endpoint[0].secrets[0]", "endpoint[0].secrets[1].file"])] {
        for path in [&file, &secret] {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
        let Loaded { config, warnings, .. } = load_file(&file).unwrap();
        assert_eq!(config.endpoints[0].secrets[1].secret.expose(), "a-secret-that-is-long-enough");
        assert_eq!(warnings.iter().map(|warning| warning.key.as_str()).collect::<Vec<_>>(), expected, "mode {mode:o}");
    }
}

/// What is said of a secret in a variable that holds this text, and what is made of it.
#[track_caller]
fn check_variable(text: &str, expected: &str, warning: Option<&str>) {
    let written = "[[endpoint]]\nname = \"a\"\npath = \"/a\"\nsecrets = [{ env = \"OF_A\" }]";
    let Loaded { config, warnings, .. } = load_text(written, &[("OF_A", text)]).unwrap();
    assert_eq!(config.endpoints[0].secrets[0].secret.expose(), expected);
    assert_eq!(warnings.len(), usize::from(warning.is_some()), "{warnings:?}");
    assert!(warning.is_none_or(|words| warnings[0].message.contains(words)), "{warnings:?}");
}

#[test]
fn what_nobody_sees_at_the_edge_of_a_secret_is_warned_about() {
    check_variable("long enough to be a secret", "long enough to be a secret", None);
    check_variable("long enough to be a secret\r\n", "long enough to be a secret", None);
    check_variable("long enough to be a secret\n\n", "long enough to be a secret\n", Some("ends with white space"));
    check_variable("long enough to be a secret\nand a word\n", "long enough to be a secret\nand a word", Some("of several lines"));
    check_variable(" long enough to be a secret", " long enough to be a secret", Some("begins or ends with white space"));
    check_variable("\u{feff}long enough to be a secret", "\u{feff}long enough to be a secret", Some("a byte order mark"));
}

#[test]
fn who_needs_no_secrets_can_do_without() {
    let sources = "[{ env = \"GONE\" }, { file = \"/no/such/file\" }]";
    let text = format!("[server]\nlisten = \"0.0.0.0:1\"\n[[endpoint]]\nname = \"a\"\npath = \"/a\"\nsecrets = {sources}\n");
    let handler = "[[handler]]\nname = \"b\"\nkind = \"c\"\nd = { env = \"GONE\" }\ntimeuot = \"5s\"\n";
    let (folder, keys) =
        (tempfile::tempdir().unwrap(), |found: &Problems| found.problems.iter().map(|one| one.key.clone()).collect::<Vec<_>>());
    let file = folder.path().join("config.toml");
    fs::write(&file, text + handler).unwrap();
    let strict = Sources { file: Some(file), ..Sources::default() };
    let lenient = Sources { needs_no_secrets: true, ..strict.clone() };
    let missing = ["endpoint[0].secrets[0].env", "endpoint[0].secrets[1].file", "handler[0].d.env"];
    assert_eq!(keys(&load(&strict).unwrap_err()), missing);
    let config = load(&lenient).unwrap().config;
    let [one, other] = &config.endpoints[0].secrets[..] else { panic!("{config:?}") };
    assert_ne!(one.secret.expose(), other.secret.expose());
}

#[test]
fn a_secret_of_a_letter_is_not_blotted_out_of_every_word() {
    let loaded = load_text("[[endpoint]]\nname = \"a\"\npath = \"/a\"\nsecrets = [\"x\"]", &[]).unwrap();
    assert!(loaded.warnings[0].message.ends_with("expected a secret of at least 16 bytes that nobody can guess"));
}

#[test]
fn secrets_are_shown_nowhere() {
    let loaded = load_file(Path::new("tests/fixtures/config/valid/everything.toml")).unwrap();
    let leak = loaded.origins.problem("handler[1].token", "`canary-for-a-kind-of-our-own-02`", "a number", None);
    let mut seen = format!("{loaded:?}{leak}{leak:?}");
    for file in files("tests/fixtures/config/invalid") {
        let problems = load_file(&file).unwrap_err();
        seen.extend([problems.to_string(), format!("{problems:?}"), serde_json::to_string(&problems.warnings).unwrap()]);
    }
    for canary in ["canary-", "an-old-secret", "a-text-of-thirty", "must-not-be-shown", "fifteen-letters", "local-development"] {
        assert!(!seen.contains(canary), "`{canary}` can be seen");
    }
    assert!(leak.message.contains("(secret)"));
}

#[test]
fn what_waits_for_a_restart_is_named_and_stays_as_it_runs() {
    let running = load_text(SMALLEST, &[]).unwrap().config;
    let variables = [("ASC_WEBHOOKS__ADMIN__TOKEN", "a-token-that-nobody-guesses"), ("ASC_WEBHOOKS__SERVER__MAX_BODY", "2 MiB")];
    let new = load_text(SMALLEST, &variables).unwrap().config;
    assert_eq!(running.waiting_for_restart(&new), ["server.max_body", "admin.token"]);
    let after = running.reloaded(&new);
    assert_eq!(after.waiting_for_restart(&new), ["server.max_body", "admin.token"], "a second reload says so again");

    let asking = format!("{SMALLEST}\n[asc]\nkey_id = \"2X9R4HXF34\"\nprivate_key = {{ env = \"OTHER_SECRET\" }}\n[outgoing]\n");
    let [before, after] = ["", "ca_file = \"/a.pem\""].map(|line| load_text(&format!("{asking}{line}"), &[]).unwrap().config);
    assert_eq!(before.waiting_for_restart(&after), ["outgoing.ca_file"]);
    assert_eq!(before.reloaded(&after).waiting_for_restart(&after), ["outgoing.ca_file"]);
}

#[test]
fn a_password_in_a_url_is_not_shown() {
    let text = format!("{SMALLEST}\n[store]\nurl = \"mysql://me:canary-in-a-url@db/asc\"\n");
    let told = load_text(&text, &[]).unwrap_err().to_string();
    assert!(told.contains("store.url: found a URL with a user or a password in it"), "{told}");
    assert!(!told.contains("canary"), "{told}");
}

#[track_caller]
fn check_asc(section: &str, expected: &[&str]) {
    let loaded = load_text(&format!("{SMALLEST}\n[asc]\n{section}"), &[]);
    let found = loaded.err().map(|found| found.problems).unwrap_or_default();
    let keys: Vec<&str> = found.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(keys, expected, "{section}");
}

#[test]
fn a_key_for_app_store_connect_is_whole_or_absent() {
    check_asc("", &[]);
    check_asc("key_id = \"2X9R4HXF34\"\nprivate_key = { env = \"OTHER_SECRET\" }", &[]);
    check_asc("key_id = \"2X9R4HXF34\"", &["asc.private_key"]);
    check_asc("private_key = { env = \"OTHER_SECRET\" }", &["asc.key_id"]);
    check_asc("issuer_id = \"57246542-96fe-1a63-e053-0824d011072a\"", &["asc.key_id", "asc.private_key"]);
    check_asc("base_url = \"http://api.example.com\"", &["asc.base_url"]);
    check_asc("base_url = \"https://user:word@api.example.com\"", &["asc.base_url"]);
}

#[track_caller]
fn interval(line: &str) -> Result<Option<Duration>, Vec<String>> {
    let loaded = load_text(&format!("{SMALLEST}\n[recovery]\n{line}"), &[]);
    loaded
        .map(|loaded| loaded.config.recovery.interval)
        .map_err(|found| found.problems.into_iter().map(|problem| problem.key).collect())
}

#[test]
fn recovery_has_an_interval_or_is_off() {
    assert_eq!(interval(""), Ok(Some(Duration::from_mins(5))));
    assert_eq!(interval("interval = \"90s\""), Ok(Some(Duration::from_secs(90))));
    assert_eq!(interval("interval = false"), Ok(None));
    assert_eq!(interval("interval = true"), Err(vec!["recovery.interval".to_owned()]));
    assert_eq!(interval("interval = \"0s\""), Err(vec!["recovery.interval".to_owned()]));
}

/// Where a server listens whose file holds this text, with this variable.
#[track_caller]
fn check_listen(text: &str, variable: Option<&str>, expected: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    std::fs::write(&file, text).unwrap();
    let variable = variable.map(|value| ("ASC_WEBHOOKS__SERVER__LISTEN".to_owned(), value.to_owned()));
    let sources = Sources { file: Some(file), environment: variable.into_iter().collect(), ..Sources::default() };
    assert_eq!(listen(&sources), Some(expected.parse().unwrap()), "{text}");
}

#[test]
fn the_address_is_found_whatever_else_is_wrong() {
    check_listen("[server]\nlisten = '127.0.0.1:81'", None, "127.0.0.1:81");
    check_listen("[server]\nlisten = '127.0.0.1:81'", Some("127.0.0.1:82"), "127.0.0.1:82");
    check_listen("[server]\nlisten = '127.0.0.1:81'\nmax_body = \n[[handler\nkind", None, "127.0.0.1:81");
    check_listen("[server]\nlisten = 81", None, "127.0.0.1:8080");
    check_listen("= no TOML", None, "127.0.0.1:8080");
}
