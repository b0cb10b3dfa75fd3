//! What `sandbox` says of what it has sent.

use crate::cli::sandbox::{Delivery, Step, deliveries_table, drive_account, drive_line};

#[test]
fn steps_of_a_sandbox_are_shown_with_what_was_answered() {
    let delivery = |state: &str, status, error: Option<&str>| Delivery {
        id: "3f2a".to_owned(),
        webhook: "77".to_owned(),
        kind: "buildUploadStateUpdated".to_owned(),
        event_id: "5e0c".to_owned(),
        redelivery: state == "FAILED",
        state: state.to_owned(),
        status,
        error: error.map(str::to_owned),
    };
    let (taken, refused) = (delivery("SUCCEEDED", Some(200), None), delivery("FAILED", Some(401), Some("the answer was 401")));
    let (lost, open) = (delivery("FAILED", None, Some("the request was lost on the way")), delivery("PENDING", None, None));
    let step = |deliveries: &[&Delivery]| Step {
        kind: "buildUploadStateUpdated".to_owned(),
        event_id: "5e0c".to_owned(),
        summary: "build upload: PROCESSING → COMPLETE".to_owned(),
        deliveries: deliveries.iter().map(|delivery| (*delivery).clone()).collect(),
        last: false,
    };
    let steps = [step(&[&taken]), step(&[&taken, &refused]), step(&[&lost]), step(&[&open]), step(&[])];
    let lines: Vec<String> = steps.iter().map(drive_line).chain([drive_account(&steps), drive_account(&steps[4..])]).collect();
    insta::assert_snapshot!("drive", lines.join("\n"));
    insta::assert_snapshot!("deliveries", deliveries_table(&[taken, refused, lost, open]));
}
