//! Samples of what Xcode Cloud sends, which look different from those of App Store Connect.

use serde_json::{Value, json};

use super::{SUBJECT_ID, Sample};
use crate::event::{kind::EventKind, xcode_cloud::word_of};

/// The notification as an object.
pub(super) fn document(sample: &Sample) -> Value {
    let id = sample.subject_id.as_deref().or(sample.id.as_deref()).unwrap_or(SUBJECT_ID);
    let time = sample.time_or_usual();
    let (has_started, has_ended) =
        (sample.kind != EventKind::XcodeCloudBuildCreated, sample.kind == EventKind::XcodeCloudBuildCompleted);
    let usual = match sample.kind {
        EventKind::XcodeCloudBuildCreated => "PENDING",
        EventKind::XcodeCloudBuildStarted => "RUNNING",
        _ => "SUCCEEDED",
    };
    let state = sample.state.as_deref().unwrap_or(usual);
    let progress = if has_ended { "COMPLETE" } else { state };
    let result = has_ended.then_some(state);
    let found = u64::from(state == "FAILED");
    let person = json!({ "displayName": "Anne Johnson", "avatarUrl": "https://example.com/anne.png" });
    let commit = json!({
        "commitSha": "8d5e957f297893487bd98fa830fa6413a5c0e1f2",
        "message": "Keep the map when the phone is turned\n\nIt was drawn anew each time.",
        "author": person,
        "committer": person,
        "htmlUrl": "https://example.com/example/harbor/commit/8d5e957f297893487bd98fa830fa6413a5c0e1f2",
    });
    let action = |id: &str, name: &str, kind: &str, errors: u64, failures: u64| {
        json!({
            "id": id,
            "type": "ciBuildActions",
            "attributes": {
                "name": name,
                "actionType": kind,
                "executionProgress": progress,
                "completionStatus": result,
                "isRequiredToPass": true,
                "issueCounts": has_ended.then(|| json!({ "analyzerWarnings": 0, "errors": errors, "testFailures": failures, "warnings": 2 })),
            },
            "relationships": {},
        })
    };
    json!({
        "webhook": {
            "id": "5e0c1a7e-0000-4000-8000-000000000004",
            "name": "Harbor builds",
            "url": "https://hooks.example.com/xcode/my-app",
        },
        "metadata": {
            "type": "metadata",
            "attributes": { "createdDate": time, "eventType": word_of(&sample.kind).unwrap_or_else(|| sample.kind.as_str()) },
        },
        "app": { "id": sample.app_id_or_usual(), "type": "apps" },
        "ciWorkflow": {
            "id": "5e0c1a7e-0000-4000-8000-000000000005",
            "type": "ciWorkflows",
            "attributes": { "name": "Release", "description": "Every change of main", "isEnabled": true, "isLockedForEditing": false },
        },
        "ciProduct": {
            "id": "5e0c1a7e-0000-4000-8000-000000000006",
            "type": "ciProducts",
            "attributes": { "name": "Harbor", "createdDate": "2026-01-05T08:00:00.000Z", "productType": "APP" },
        },
        "ciBuildRun": {
            "id": id,
            "type": "ciBuildRuns",
            "attributes": {
                "number": 42,
                "createdDate": "2026-03-02T09:12:00.000Z",
                "startedDate": has_started.then_some("2026-03-02T09:13:30.000Z"),
                "finishedDate": has_ended.then_some("2026-03-02T09:30:00.000Z"),
                "sourceCommit": commit,
                "destinationCommit": null,
                "isPullRequestBuild": false,
                "executionProgress": progress,
                "completionStatus": result,
            },
        },
        "ciBuildActions": [
            action("5e0c1a7e-0000-4000-8000-000000000007", "Archive - iOS", "ARCHIVE", found, 0),
            action("5e0c1a7e-0000-4000-8000-000000000008", "Test - iOS", "TEST", 0, found * 3),
        ],
        "scmProvider": {
            "type": "scmProviders",
            "attributes": {
                "scmProviderType": { "scmProviderType": "GITHUB", "displayName": "GitHub", "isOnPremise": false },
                "endpoint": "https://example.com",
            },
        },
        "scmRepository": {
            "id": "5e0c1a7e-0000-4000-8000-000000000009",
            "type": "scmRepositories",
            "attributes": {
                "httpCloneUrl": "https://example.com/example/harbor.git",
                "sshCloneUrl": "ssh://git@example.com/example/harbor.git",
                "ownerName": "example",
                "repositoryName": "harbor",
            },
        },
        "scmPullRequest": null,
        "scmGitReference": {
            "id": "5e0c1a7e-0000-4000-8000-000000000010",
            "type": "scmGitReferences",
            "attributes": { "name": "main", "canonicalName": "refs/heads/main", "isDeleted": false, "kind": "BRANCH" },
        },
    })
}
