//! Running a program as the leader of a process group that does not outlive it.
//!
//! A group can be killed safely only as long as its leader has not been reaped: until then the number of the group cannot be given
//! to another. So the leader's end is awaited without reaping it, then the group is killed, and only then the leader is reaped.
//! When the future is dropped instead, [`Group`] kills the group, and the runtime reaps the leader. Either way nothing is left over.

use std::{io, process::ExitStatus, process::Stdio, time::Duration};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, ChildStdin, Command},
    signal::unix::{SignalKind, signal},
    time::timeout,
};

/// The most that is kept of each output; what is kept is the end.
const KEPT: usize = 64 * 1024;

/// How long the outputs are read after everyone who should hold them is dead. Only a descendant that left the group can hold them on.
const DRAIN: Duration = Duration::from_millis(500);

/// The end of what the program said.
#[derive(Debug, Default)]
pub(super) struct Output {
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
}

/// Kills all that is left of a process group when it goes out of scope. Its leader must not have been reaped by then.
struct Group(Pid);

impl Drop for Group {
    fn drop(&mut self) {
        // The one error there can be is that nobody is left.
        let _ = kill_process_group(self.0, Signal::KILL);
    }
}

/// Runs the command with `input` on its standard input, until it ends.
pub(super) async fn run(mut command: Command, input: &[u8]) -> io::Result<(ExitStatus, Output)> {
    // Listening begins before there is a child, so that its end cannot be missed.
    let mut ends = signal(SignalKind::child())?;
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = command.spawn()?;
    let leader = leader(&child)?;
    let group = Group(leader);

    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let mut output = Output::default();
    let mut pipes =
        Box::pin(async { tokio::join!(feed(stdin, input), keep(stdout, &mut output.stdout), keep(stderr, &mut output.stderr)) });

    let ended = async {
        while waitid(WaitId::Pid(leader), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG)?.is_none() {
            ends.recv().await;
        }
        io::Result::Ok(())
    };
    tokio::pin!(ended);
    let are_closed = tokio::select! {
        result = &mut ended => { result?; false }
        _ = &mut pipes => true,
    };
    if are_closed {
        ended.await?;
    }
    drop(group);
    let status = child.wait().await?;
    if !are_closed {
        let _ = timeout(DRAIN, pipes.as_mut()).await;
    }
    drop(pipes);
    Ok((status, output))
}

fn leader(child: &Child) -> io::Result<Pid> {
    let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    id.ok_or_else(|| io::Error::other("the program has no process id"))
}

/// Writes all of the input, unless the program does not want it: that is its own affair.
async fn feed(stdin: Option<ChildStdin>, input: &[u8]) {
    if let Some(mut stdin) = stdin {
        let _ = stdin.write_all(input).await;
    }
}

/// Reads to the end, and keeps the last [`KEPT`] bytes.
async fn keep(source: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    let Some(mut source) = source else { return };
    loop {
        match source.read_buf(kept).await {
            Ok(0) | Err(_) => break,
            Ok(_) if kept.len() >= 2 * KEPT => drop(kept.drain(..kept.len() - KEPT)),
            Ok(_) => {}
        }
    }
    kept.drain(..kept.len().saturating_sub(KEPT));
}
