//! What `strace` saw: system calls in the order in which they began and ended, and whether the acknowledgements among them came
//! after the syncs that they rest on.

use std::{collections::HashMap, path::Path};

use super::load::MARK;

/// What to run a server under, so that what it reads, writes and syncs is written to a file.
pub(crate) fn watching(file: &Path) -> Vec<String> {
    let calls = "trace=fsync,fdatasync,pwrite64,recvfrom,read,write,writev,sendto,sendmsg";
    let file = file.display().to_string();
    // An id may stand anywhere in what is read or written, so strings are kept whole.
    ["strace", "-f", "--seccomp-bpf", "-s", "70000", "-e", calls, "-o", &file].map(String::from).to_vec()
}

/// What to run a server under, so that a system call fails as told, in the words of `strace -e inject`.
pub(crate) fn injecting(call: &str, how: &str) -> Vec<String> {
    let (trace, inject) = (format!("trace={call}"), format!("inject={call}:{how}"));
    ["strace", "-f", "--seccomp-bpf", "-e", &trace, "-e", &inject, "-o", "/dev/null"].map(String::from).to_vec()
}

/// How the acknowledgements in a trace stand to the syncs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// How many events were acknowledged after the sync that covers them.
    pub(crate) synced: usize,
    /// How many events were acknowledged before.
    pub(crate) hasty: usize,
}

/// Judges a trace.
///
/// An event is *written* when a `pwrite64` has ended whose bytes contain its id, and *synced* when a sync of the same file has ended that
/// began after that. It is *acknowledged* when a write of `HTTP/1.1 200` begins on the socket that last read its id.
pub(crate) fn judge(trace: &str) -> Verdict {
    let mut verdict = Verdict::default();
    let mut stages: HashMap<&str, Stage> = HashMap::new();
    let mut asked: HashMap<&str, &str> = HashMap::new();
    for step in steps(trace) {
        match step {
            Step::Read { socket, id } => drop(asked.insert(socket, id)),
            Step::Wrote { file, id } => drop(stages.entry(id).or_insert(Stage::Written(file))),
            Step::SyncBegan { file } => advance(&mut stages, &Stage::Written(file), &Stage::Syncing(file)),
            Step::SyncEnded { file } => advance(&mut stages, &Stage::Syncing(file), &Stage::Synced),
            Step::Acknowledged { socket } => match asked.remove(socket) {
                Some(id) if stages.get(id) == Some(&Stage::Synced) => verdict.synced += 1,
                Some(_) => verdict.hasty += 1,
                None => {}
            },
        }
    }
    verdict
}

/// How far an event has come on its way to the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stage<'t> {
    Written(&'t str),
    Syncing(&'t str),
    Synced,
}

fn advance<'t>(stages: &mut HashMap<&str, Stage<'t>>, from: &Stage<'t>, to: &Stage<'t>) {
    stages.values_mut().filter(|stage| *stage == from).for_each(|stage| *stage = to.clone());
}

/// What matters of a system call's beginning or end.
enum Step<'t> {
    Read { socket: &'t str, id: &'t str },
    Wrote { file: &'t str, id: &'t str },
    SyncBegan { file: &'t str },
    SyncEnded { file: &'t str },
    Acknowledged { socket: &'t str },
}

/// Reads the lines of `strace -f -o`: `PID NAME(FD, …) = RESULT`, or that in two halves, `PID NAME(FD, … <unfinished ...>` and later
/// `PID <... NAME resumed>…) = RESULT`, when something else happened between.
fn steps(trace: &str) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    let mut unfinished: HashMap<&str, &str> = HashMap::new();
    for line in trace.lines() {
        let Some((pid, call)) = line.split_once(' ') else { continue };
        let call = call.trim_start();
        if let Some((first, _)) = call.split_once(" <unfinished ...>") {
            begin(first, &mut steps);
            unfinished.insert(pid, first);
        } else if call.starts_with("<... ") {
            let first = unfinished.remove(pid).unwrap_or_default();
            end(first, call, &mut steps);
        } else {
            begin(call, &mut steps);
            end(call, call, &mut steps);
        }
    }
    steps
}

fn begin<'t>(call: &'t str, steps: &mut Vec<Step<'t>>) {
    let (name, file) = name_and_file(call);
    match name {
        "fsync" | "fdatasync" => steps.push(Step::SyncBegan { file }),
        "write" | "writev" | "sendto" | "sendmsg" if call.contains("\"HTTP/1.1 200") => {
            steps.push(Step::Acknowledged { socket: file });
        }
        _ => {}
    }
}

/// The first half of the call has its name and file; `last` is the half with its result, and for a read also with its bytes.
fn end<'t>(first: &'t str, last: &'t str, steps: &mut Vec<Step<'t>>) {
    let (name, file) = name_and_file(first);
    match name {
        "fsync" | "fdatasync" if last.ends_with("= 0") => steps.push(Step::SyncEnded { file }),
        "pwrite64" => steps.extend(ids(first).map(|id| Step::Wrote { file, id })),
        "recvfrom" | "read" => steps.extend(ids(last).map(|id| Step::Read { socket: file, id })),
        _ => {}
    }
}

fn name_and_file(call: &str) -> (&str, &str) {
    let (name, arguments) = call.split_once('(').unwrap_or((call, ""));
    let end = arguments.find(|c: char| !c.is_ascii_digit()).unwrap_or(arguments.len());
    (name, &arguments[..end])
}

/// The ids of events in some bytes, told by the mark in their middle.
fn ids(bytes: &str) -> impl Iterator<Item = &str> {
    bytes.match_indices(MARK).filter_map(|(at, _)| bytes.get(at.checked_sub(8)?..at + MARK.len() + 12))
}

#[test]
fn an_acknowledgement_is_judged_by_the_sync_that_covers_it() {
    let id = super::load::event_id(7);
    let receive = format!("1 recvfrom(9, \"POST {id}\", 8192, 0, NULL, NULL) = 99\n");
    let write = format!("2 pwrite64(5, \"page {id}\", 4096, 0) = 4096\n");
    let answer = "1 sendto(9, \"HTTP/1.1 200 OK\", 15, 0, NULL, 0) = 15\n";
    let check = |trace: &[&str], synced, hasty| assert_eq!(judge(&trace.concat()), Verdict { synced, hasty }, "{trace:#?}");

    check(&[&receive, &write, "2 fsync(5) = 0\n", answer], 1, 0);
    check(&[&receive, &write, "2 fsync(5 <unfinished ...>\n", "2 <... fsync resumed>) = 0\n", answer], 1, 0);
    check(&[&receive, &write, "2 fsync(5 <unfinished ...>\n", answer, "2 <... fsync resumed>) = 0\n"], 0, 1);
    check(&[&receive, "3 fsync(5 <unfinished ...>\n", &write, "3 <... fsync resumed>) = 0\n", answer], 0, 1);
    check(&[&receive, &write, "2 fsync(6) = 0\n", answer], 0, 1);
    check(&[&receive, &write, "2 fsync(5) = -1 EIO (Input/output error) (INJECTED)\n", answer], 0, 1);
    check(&[&receive, answer, &write, "2 fsync(5) = 0\n"], 0, 1);
    check(&[answer], 0, 0);
}
