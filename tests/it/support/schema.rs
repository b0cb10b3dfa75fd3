//! Holds requests and answers against Apple's own description of the App Store Connect API.
//!
//! `tests/fixtures/asc/schema.json` is Apple's OpenAPI document reduced to what a program can check: paths, methods, parameters,
//! property names, types, required properties and lists of values. [`Schema`] understands exactly the words used there. It is
//! stricter than OpenAPI in one way: a property or parameter that is not declared is a problem, because an invention of ours would show
//! up as just that.

use std::collections::BTreeSet;

use serde_json::Value;
use url::Url;

/// Apple's description of the part of the API that we use.
pub(crate) struct Schema(Value);

impl Schema {
    /// Reads the fixture of the calls that manage webhooks.
    pub(crate) fn of_apple() -> Self {
        Self::read(include_str!("../../fixtures/asc/schema.json"))
    }

    /// Reads the fixture of the calls that look up what an event is about.
    pub(crate) fn of_lookups() -> Self {
        Self::read(include_str!("../../fixtures/asc/lookups.json"))
    }

    /// Says what is wrong with a request; nothing is, if the list is empty.
    pub(crate) fn problems_of_request(&self, method: &str, url: &Url, body: &[u8]) -> Vec<String> {
        let mut problems = Vec::new();
        let Some(operation) = self.operation(method, url.path()) else {
            return vec![format!("Apple has no `{method} {}`", url.path())];
        };
        let mut seen = Vec::new();
        for (name, value) in url.query_pairs() {
            let at = format!("?{name}");
            if seen.contains(&name) {
                problems.push(format!("{at}: given twice"));
            }
            match &operation["query"][name.as_ref()] {
                // Apple describes paging in prose: the link to the next page carries a parameter that no list of parameters has.
                Value::Null if name == "cursor" && method == "GET" => {}
                Value::Null => problems.push(format!("{at}: not a parameter of `{method} {}`", url.path())),
                schema => self.parameter(&at, schema, &value, &mut problems),
            }
            seen.push(name);
        }
        match &operation["body"] {
            Value::Null if body.is_empty() => {}
            Value::Null => problems.push("a body where none is expected".to_owned()),
            name => self.document(name, body, &mut problems),
        }
        problems
    }

    /// Says what is wrong with an answer; nothing is, if the list is empty.
    pub(crate) fn problems_of_answer(&self, method: &str, path: &str, status: u16, body: &[u8]) -> Vec<String> {
        let mut problems = Vec::new();
        let Some(operation) = self.operation(method, path) else {
            return vec![format!("Apple has no `{method} {path}`")];
        };
        match operation["answers"].get(status.to_string()) {
            None => problems.push(format!("`{method} {path}` does not answer {status}")),
            Some(Value::Null) if body.is_empty() => {}
            Some(Value::Null) => problems.push(format!("a body with status {status}")),
            Some(name) => self.document(name, body, &mut problems),
        }
        problems
    }

    /// Every operation there is, as `GET /v1/webhooks/{id}`.
    pub(crate) fn operations(&self) -> Vec<String> {
        let paths = self.0["paths"].as_object().into_iter().flatten();
        paths
            .flat_map(|(path, methods)| methods.as_object().into_iter().flatten().map(move |(m, _)| format!("{m} {path}")))
            .collect()
    }

    /// Every status with which an operation may say no.
    pub(crate) fn refusals(&self) -> BTreeSet<u16> {
        let methods = self.0["paths"].as_object().into_iter().flatten().filter_map(|(_, methods)| methods.as_object()).flatten();
        let statuses = methods.filter_map(|(_, operation)| operation["answers"].as_object()).flatten();
        statuses.filter_map(|(status, _)| status.parse().ok()).filter(|status| *status >= 400).collect()
    }

    /// The operation that a request is, as [`operations`](Self::operations) lists it.
    pub(crate) fn name_of(&self, method: &str, path: &str) -> Option<String> {
        self.template(path).map(|template| format!("{method} {template}"))
    }

    fn read(fixture: &str) -> Self {
        Self(serde_json::from_str(fixture).expect("the fixture is JSON"))
    }

    fn operation(&self, method: &str, path: &str) -> Option<&Value> {
        self.0["paths"][self.template(path)?].get(method)
    }

    fn template(&self, path: &str) -> Option<&str> {
        let matches = |template: &str| {
            let (given, wanted) = (path.split('/'), template.split('/'));
            given.clone().count() == wanted.clone().count()
                && given.zip(wanted).all(|(given, wanted)| given == wanted || (wanted == "{id}" && !given.is_empty()))
        };
        self.0["paths"].as_object()?.keys().map(String::as_str).find(|template| matches(template))
    }

    fn parameter(&self, at: &str, schema: &Value, text: &str, problems: &mut Vec<String>) {
        match schema["type"].as_str() {
            Some("array") => {
                text.split(',').for_each(|item| self.value(at, &schema["items"], &Value::from(item), problems));
            }
            Some("integer") => match text.parse::<i64>() {
                Ok(number) => self.value(at, schema, &Value::from(number), problems),
                Err(_) => problems.push(format!("{at}: `{text}` is not a whole number")),
            },
            _ => self.value(at, schema, &Value::from(text), problems),
        }
    }

    fn document(&self, name: &Value, body: &[u8], problems: &mut Vec<String>) {
        let name = name.as_str().expect("a schema's name");
        match serde_json::from_slice(body) {
            Ok(value) => self.value("", self.named(name), &value, problems),
            Err(error) => problems.push(format!("not JSON where a {name} is expected: {error}")),
        }
    }

    fn named(&self, name: &str) -> &Value {
        self.0["schemas"].get(name).unwrap_or_else(|| panic!("the fixture has no schema `{name}`"))
    }

    fn value(&self, at: &str, schema: &Value, value: &Value, problems: &mut Vec<String>) {
        if let Some(name) = schema["$ref"].as_str() {
            return self.value(at, self.named(name), value, problems);
        }
        if let Some(choices) = schema["oneOf"].as_array() {
            let fits = |choice| {
                let mut problems = Vec::new();
                self.value(at, choice, value, &mut problems);
                problems.is_empty()
            };
            if !choices.iter().any(fits) {
                problems.push(format!("{at}: none of {} choices", choices.len()));
            }
            return;
        }
        if value.is_null() && schema["nullable"] == true {
            return;
        }
        let wanted = schema["type"].as_str().unwrap_or_else(|| panic!("a schema without a type at {at}: {schema}"));
        match (wanted, value) {
            ("object", Value::Object(members)) => self.object(at, schema, members, problems),
            ("array", Value::Array(items)) => {
                for (index, item) in items.iter().enumerate() {
                    self.value(&format!("{at}[{index}]"), &schema["items"], item, problems);
                }
            }
            ("string", Value::String(text)) => {
                let fits = match schema["format"].as_str() {
                    Some("uri") => Url::parse(text).is_ok(),
                    Some("date-time") => text.parse::<jiff::Timestamp>().is_ok(),
                    _ => true,
                };
                if !fits {
                    problems.push(format!("{at}: `{text}` is not a {}", schema["format"]));
                }
            }
            ("integer", Value::Number(number)) if number.is_i64() => {
                if schema["maximum"].as_i64().is_some_and(|most| number.as_i64() > Some(most)) {
                    problems.push(format!("{at}: {number} is more than {}", schema["maximum"]));
                }
            }
            ("boolean", Value::Bool(_)) => {}
            _ => problems.push(format!("{at}: `{value}` is not of type {wanted}")),
        }
        if schema["enum"].as_array().is_some_and(|values| !values.contains(value)) {
            problems.push(format!("{at}: `{value}` is not among {}", schema["enum"]));
        }
    }

    fn object(&self, at: &str, schema: &Value, members: &serde_json::Map<String, Value>, problems: &mut Vec<String>) {
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !members.contains_key(name) {
                problems.push(format!("{at}: `{name}` is missing"));
            }
        }
        for (name, value) in members {
            match (&schema["properties"][name], &schema["additionalProperties"]) {
                (Value::Null, Value::Bool(true)) => {}
                (Value::Null, Value::Null) => problems.push(format!("{at}: `{name}` is not a property here")),
                (Value::Null, others) => self.value(&format!("{at}.{name}"), others, value, problems),
                (property, _) => self.value(&format!("{at}.{name}"), property, value, problems),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(method: &str, url: &str, body: &str, problems: &[&str]) {
        let url = Url::parse("https://api.appstoreconnect.apple.com").unwrap().join(url).unwrap();
        assert_eq!(Schema::of_apple().problems_of_request(method, &url, body.as_bytes()), problems);
    }

    #[test]
    fn a_request_by_the_book_has_no_problem() {
        check("GET", "/v1/webhooks/1/deliveries?include=event&limit=200&filter[deliveryState]=FAILED,PENDING&cursor=x", "", &[]);
        let ping = r#"{"data": {"type": "webhookPings", "relationships": {"webhook": {"data": {"type": "webhooks", "id": "1"}}}}}"#;
        check("POST", "/v1/webhookPings", ping, &[]);
    }

    #[test]
    fn every_liberty_is_seen() {
        check("GET", "/v1/webhooks", "", &["Apple has no `GET /v1/webhooks`"]);
        check("GET", "/v1/webhooks/1?sort=name", "", &["?sort: not a parameter of `GET /v1/webhooks/1`"]);
        check("GET", "/v1/apps/1/webhooks?limit=201", "", &["?limit: 201 is more than 200"]);
        check("GET", "/v1/apps/1/webhooks?limit=9&limit=9", "", &["?limit: given twice"]);
        check("GET", "/v1/webhooks/1/deliveries?include=app", "", &["?include: `\"app\"` is not among [\"event\"]"]);
        check("DELETE", "/v1/webhooks/1", "{}", &["a body where none is expected"]);
        let strange = r#"{"data": {"type": "webhook", "id": 7, "attributes": {"url": "no url", "enabled": null, "color": 1}}}"#;
        check(
            "PATCH",
            "/v1/webhooks/1",
            strange,
            &[
                ".data.attributes: `color` is not a property here",
                ".data.attributes.url: `no url` is not a \"uri\"",
                ".data.id: `7` is not of type string",
                ".data.type: `\"webhook\"` is not among [\"webhooks\"]",
            ],
        );
        check(
            "POST",
            "/v1/webhookDeliveries",
            r#"{"data": {"type": "webhookDeliveries"}}"#,
            &[".data: `relationships` is missing"],
        );
    }

    #[test]
    fn answers_are_held_to_their_status() {
        let schema = Schema::of_apple();
        let webhook = r#"{"data": {"type": "webhooks", "id": "1"}, "links": {"self": "/v1/webhooks/1"}}"#;
        assert!(schema.problems_of_answer("GET", "/v1/webhooks/1", 200, webhook.as_bytes()).is_empty());
        assert!(schema.problems_of_answer("DELETE", "/v1/webhooks/1", 204, b"").is_empty());
        assert_eq!(schema.problems_of_answer("GET", "/v1/webhooks/1", 201, b"{}"), ["`GET /v1/webhooks/1` does not answer 201"]);
        assert_eq!(
            schema.problems_of_answer("GET", "/v1/webhooks/1", 404, br#"{"errors": [{"code": "X", "status": "404"}]}"#),
            [".errors[0]: `title` is missing"]
        );
    }
}
