//! The API taken at its word: [Schemathesis](https://schemathesis.readthedocs.io) sends what the description allows, and what it does
//! not, and holds every answer against it.

use std::process::Command;

use serde_json::Value;

use crate::support::{
    is_long,
    place::{Place, TOKEN},
    report, stranger, tool,
};

/// Lets it ask for so many seconds; returns whether all was as described, and what it said.
fn holds(description: &str, api: &str, seconds: u32) -> (bool, String) {
    let output = Command::new(tool("schemathesis/bin/schemathesis"))
        .args(["--no-color", "run", description, "--url", api, "--header", &format!("Authorization: Bearer {TOKEN}")])
        .args(["--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"])
        // What is live does not end, and this waits for ends. Its own tests are in the program.
        .args(["--exclude-operation-id", "watchReceipts", "--phases", "examples,coverage,fuzzing", "--request-timeout", "10"])
        .args(["--max-time", &seconds.to_string(), "--continue-on-failure"])
        .current_dir(std::env::temp_dir())
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.success(), said)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_does_what_its_description_says() {
    let place = Place::new();
    place.furnish().await;
    let description = format!("{}/api/v1/openapi.json", place.page);
    let local = tempfile::NamedTempFile::with_suffix(".json").unwrap();
    let text = place.get("/api/v1/openapi.json").await.text().await.unwrap();
    assert!(text.contains("watchReceipts"), "{description}");
    std::fs::write(local.path(), text).unwrap();
    let (is_so, said) = holds(local.path().to_str().unwrap(), &place.page, if is_long() { 120 } else { 40 });
    assert!(is_so, "{said}");
    report(&said.lines().rev().take(12).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn control_an_answer_that_is_not_as_described_is_found() {
    let place = Place::new();
    let mut description: Value = serde_json::from_str(&place.get("/api/v1/openapi.json").await.text().await.unwrap()).unwrap();
    let paths = description["paths"].as_object_mut().unwrap();
    paths.retain(|path, _| path == "/api/v1/stats");
    description["components"]["schemas"]["Stats"]["properties"]["receipts"] = serde_json::json!({ "type": "string" });
    let local = tempfile::NamedTempFile::with_suffix(".json").unwrap();
    std::fs::write(local.path(), description.to_string()).unwrap();
    let (is_so, said) = holds(local.path().to_str().unwrap(), &place.page, 5);
    assert!(!is_so && said.contains("schema"), "{said}");

    let broken = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let (is_so, said) = holds(local.path().to_str().unwrap(), &stranger::serve(move |_| broken.to_owned()), 5);
    assert!(!is_so && said.contains("500"), "{said}");
}
