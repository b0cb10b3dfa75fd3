//! The words of the command line: help here, and what each command says beside it.

mod events;
mod first_steps;
mod output;
mod sandbox;
mod send;

use clap::CommandFactory as _;

use super::Arguments;
use crate::inbox::{Content, Dispatch, DispatchId, DispatchState, Receipt, ReceiptId, Source, Summary};

#[test]
fn the_command_line_is_consistent() {
    Arguments::command().debug_assert();
}

#[test]
fn help_reads_well() {
    let mut command = Arguments::command().term_width(100);
    command.build();
    let mut pages = vec![("help".to_owned(), command.render_help().to_string())];
    for one in command.get_subcommands_mut() {
        let name = one.get_name().to_owned();
        pages.push((format!("help_{name}"), one.render_help().to_string()));
        for inner in one.get_subcommands_mut() {
            pages.push((format!("help_{name}_{}", inner.get_name()), inner.render_help().to_string()));
        }
    }
    assert!(pages.len() >= 21, "the program, its commands, and those of `events`, `webhooks` and `sandbox`: {}", pages.len());
    for (name, help) in pages {
        insta::assert_snapshot!(name, help);
    }
}

fn receipt(id: i64, content: Content) -> Receipt {
    Receipt {
        id: ReceiptId(id),
        endpoint: "my-app".to_owned(),
        received_at: "2026-11-21T08:30:00.123Z".parse().unwrap(),
        source: Source::Pushed,
        signature: Some("hmacsha256=00".to_owned()),
        secret: Some("my-app.secret".to_owned()),
        identity: "6b0e4f".to_owned(),
        content,
        size: 1_640,
    }
}

fn rejected() -> Content {
    Content::Event(Summary {
        event_id: "5e0c1a7e-0000-4000-8000-000000000001".to_owned(),
        kind: "appStoreVersionAppVersionStateUpdated".to_owned(),
        state: Some("REJECTED".to_owned()),
        previous_state: Some("IN_REVIEW".to_owned()),
        subject_type: Some("appStoreVersions".to_owned()),
        subject_id: Some("8f3c\u{1b}[31m".to_owned()),
        time: Some("2026-11-21T08:29:58Z".parse().unwrap()),
    })
}

fn dispatch(handler: &str, state: DispatchState, attempts: u32) -> Dispatch {
    let due_at = (state == DispatchState::Waiting).then(|| "2026-11-21T08:31:00Z".parse().unwrap());
    Dispatch { id: DispatchId(1), receipt: ReceiptId(2), handler: handler.to_owned(), state, attempts, due_at }
}
