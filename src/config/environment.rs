//! What variables come to: lists of any length, and names and texts as whoever is to read them wrote them.

use super::{
    Loaded,
    tests::{SMALLEST, load_text},
};

#[test]
fn the_environment_alone_can_configure() {
    let variables = [
        ("ASC_WEBHOOKS__ENDPOINT__0__NAME", "my-app"),
        ("ASC_WEBHOOKS__ENDPOINT__0__PATH", "/apple"),
        ("ASC_WEBHOOKS__ENDPOINT__0__APP_ID", "1234567890"),
        ("ASC_WEBHOOKS__ENDPOINT__0__SECRETS__0", "a secret with = and \" that is no TOML"),
        ("ASC_WEBHOOKS__ENDPOINT__0__EVENTS", r#"["BUILD_UPLOAD_STATE_UPDATED"]"#),
        ("ASC_WEBHOOKS__ADMIN__LISTEN", "false"),
        ("ASC_WEBHOOKS__HANDLER__0__NAME", "mine"),
        ("ASC_WEBHOOKS__HANDLER__0__KIND", "our-own"),
        ("ASC_WEBHOOKS__HANDLER__0__LIMIT", "5"),
        ("ASC_WEBHOOKS__HANDLER__0__TITLE", "five"),
    ];
    let Loaded { config, warnings, .. } = load_text("", &variables).unwrap();
    assert_eq!(config.endpoints[0].secrets[0].secret.expose(), "a secret with = and \" that is no TOML");
    assert_eq!(config.endpoints[0].app_id.as_deref(), Some("1234567890"));
    assert_eq!(config.endpoints[0].events.len(), 1);
    assert_eq!(config.admin.listen, None);
    let section = &config.handlers[0].section;
    assert_eq!((section["limit"].as_str(), section["title"].as_str()), (Some("5"), Some("five")), "its kind says what they are");
    assert_eq!(warnings, []);
}

#[test]
fn a_list_of_the_environment_may_have_any_number_of_items() {
    let variables: Vec<(String, String)> = (0..12)
        .flat_map(|number| {
            [
                (format!("ASC_WEBHOOKS__ENDPOINT__{number}__NAME"), format!("app-{number}")),
                (format!("ASC_WEBHOOKS__Endpoint__{number}__PATH"), format!("/app/{number}")),
                (format!("ASC_WEBHOOKS__ENDPOINT__{number}__SECRETS__0__VALUE"), format!("the secret of the endpoint {number}")),
                (format!("ASC_WEBHOOKS__HANDLER__{number}__NAME"), format!("handler-{number}")),
                (format!("ASC_WEBHOOKS__HANDLER__{number}__KIND"), "our-own".to_owned()),
                (format!("ASC_WEBHOOKS__HANDLER__0__ITEMS__{number}"), number.to_string()),
            ]
        })
        .collect();
    let variables: Vec<_> = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let Loaded { config, .. } = load_text("", &variables).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!((config.endpoints.len(), config.handlers.len()), (12, 12));
    assert_eq!((&*config.endpoints[11].name, config.endpoints[11].path.as_str()), ("app-11", "/app/11"));
    assert_eq!(config.handlers[0].section["items"][11].as_str(), Some("11"));
}

/// What a handler's own keys are with these lines in the file and these variables, and which of them the environment gave.
#[track_caller]
fn check_own_keys(lines: &str, variables: &[(&str, &str)], expected: &str, given: &[&str]) {
    let variables: Vec<_> = variables.iter().map(|(name, value)| (format!("ASC_WEBHOOKS__HANDLER__0__{name}"), *value)).collect();
    let variables: Vec<_> = variables.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    let text = format!("{SMALLEST}\n[[handler]]\nname = \"a\"\nkind = \"b\"\n{lines}");
    let Loaded { config, origins, .. } = load_text(&text, &variables).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(config.handlers[0].section, expected.parse().unwrap(), "{variables:?}");
    let found = origins.from_environment("handler[0]");
    assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), given, "{variables:?}");
}

#[test]
fn names_within_a_handlers_keys_stay_as_the_environment_writes_them() {
    let two = [("ENV__MY_VAR", "abc"), ("ENV__my_var", "5")];
    check_own_keys("", &two, "env = { MY_VAR = 'abc', my_var = '5' }", &["env", "env.MY_VAR", "env.my_var"]);
    check_own_keys("", &[("CHAT", "-1001"), ("TIMEOUT", "5s")], "chat = '-1001'", &["chat", "timeout"]);
    // What the file has is given another value, however the variable is written.
    check_own_keys("env = { MY_VAR = 'x' }", &[("ENV__MY_VAR", "abc")], "env = { MY_VAR = 'abc' }", &["env.MY_VAR"]);
    check_own_keys("room = { id = 7 }", &[("ROOM__ID", "8")], "room = { id = '8' }", &["room.id"]);
    check_own_keys("", &[("ENV", "{ MY_VAR = 5 }")], "env = { MY_VAR = 5 }", &["env"]);
    // Where a secret comes from is a word of ours.
    check_own_keys("", &[("TOKEN__ENV", "OUR_TOKEN")], "token = 'canary-for-a-kind-of-our-own-02'", &["token", "token.ENV"]);
    check_own_keys(
        "token = { env = 'GONE' }",
        &[("TOKEN__ENV", "OUR_TOKEN")],
        "token = 'canary-for-a-kind-of-our-own-02'",
        &["token.env"],
    );
    check_own_keys("token = { ENV = 'OUR_TOKEN' }", &[], "token = { ENV = 'OUR_TOKEN' }", &[]);
}
