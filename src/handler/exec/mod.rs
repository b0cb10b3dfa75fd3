//! The kind `exec`: runs a program for each event.
//!
//! There is no shell. The arguments are those of the configuration and nothing else; the event comes on standard input, and a few
//! words about it in variables. The program sees no other variable of ours than `PATH` and `LANG`.
//!
//! | exit code | meaning |
//! |---|---|
//! | 0 | done |
//! | one of `reject_codes` | never |
//! | any other, or a signal | try again (75, `EX_TEMPFAIL`, says just that) |
//!
//! What the program starts ends with it: it runs as the leader of a process group, and the whole group is killed when the program
//! ends, when its time is up and when we stop. Only a descendant that leaves the group by `setsid` or `setpgid` gets away.

mod program;
mod run;

use std::{collections::BTreeMap, io, path::PathBuf, process::ExitStatus, sync::Arc};

use serde::Deserialize;
use tokio::process::Command;

use self::run::Output;
use super::{
    Context, Handler, HandlerError, Section, SectionError,
    notice::{excerpt, notice},
};
use crate::{event::Event, secret::Secret};

/// Where programs are looked for, by us and by them.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The most bytes of a variable about the event. What is longer, is on standard input only: the system limits what a program can be
/// started with.
const LONGEST_VARIABLE: usize = 4096;

/// How many characters of what the program said last an error shows.
const MOST_SHOWN: usize = 400;

/// Runs a program for each event.
#[derive(Debug)]
pub struct Exec {
    program: PathBuf,
    arguments: Vec<String>,
    directory: PathBuf,
    variables: BTreeMap<String, Secret>,
    input: Input,
    reject_codes: Vec<i32>,
}

#[derive(Deserialize)]
struct Keys {
    command: Vec<String>,
    cwd: PathBuf,
    env: BTreeMap<String, Secret>,
    input: Input,
    reject_codes: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Input {
    Raw,
    Json,
}

impl Exec {
    /// Builds the handler from its section.
    ///
    /// # Errors
    /// When there is no such program or directory, or a variable is not one.
    #[expect(clippy::needless_pass_by_value, reason = "the shape of a factory")]
    pub fn new(section: Section) -> Result<Self, SectionError> {
        section.settle(|keys: Keys| {
            let mut errors = SectionError::default();
            let program = errors.note(program::find(&keys.command, PATH)).unwrap_or_default();
            if !keys.cwd.is_absolute() || !keys.cwd.is_dir() {
                errors = errors.and("cwd", format!("found `{}`, expected the absolute path of a directory", keys.cwd.display()));
            }
            for (name, value) in &keys.env {
                let key = format!("env.{name}");
                if name.is_empty() || name.contains(['=', '\0']) || value.expose().contains('\0') {
                    errors = errors.and(key, "found what no variable can be, expected a name without `=`, and no NUL");
                } else if name.starts_with("ASC_") {
                    errors = errors.and(key, "found a name that begins with `ASC_`, expected one that we do not set");
                }
            }
            if keys.reject_codes.contains(&0) {
                errors = errors.and("reject_codes", "found `0`, which means that the event is done, expected other exit codes");
            }
            errors.or(Self {
                program,
                arguments: keys.command.into_iter().skip(1).collect(),
                directory: keys.cwd,
                variables: keys.env,
                input: keys.input,
                reject_codes: keys.reject_codes.into_iter().map(i32::from).collect(),
            })
        })
    }

    fn command(&self, event: &Event, ctx: &Context) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).current_dir(&self.directory).env_clear().env("PATH", PATH).env("LANG", "C.UTF-8");
        command.envs(self.variables.iter().map(|(name, value)| (name, value.expose())));
        let told = [
            ("ASC_EVENT_ID", event.id.clone()),
            ("ASC_EVENT_KIND", event.kind.to_string()),
            ("ASC_EVENT_STATE", event.state().unwrap_or_default().to_owned()),
            ("ASC_ENDPOINT", ctx.endpoint().to_owned()),
            ("ASC_HANDLER", ctx.handler().to_owned()),
            ("ASC_RECEIPT", ctx.receipt().to_string()),
            ("ASC_ATTEMPT", ctx.attempt().to_string()),
            ("ASC_RECOVERED", ctx.is_recovered().to_string()),
            ("ASC_IDEMPOTENCY_KEY", ctx.idempotency_key().to_owned()),
        ];
        command.envs(told.into_iter().filter(|(_, value)| value.len() <= LONGEST_VARIABLE && !value.contains('\0')));
        command
    }

    /// The system does not say which of them it does not find.
    fn not_run(&self, error: &io::Error) -> HandlerError {
        HandlerError::retry(format!("cannot run `{}` in `{}`: {error}", self.program.display(), self.directory.display()))
    }

    fn judge(&self, status: ExitStatus, output: &Output) -> Result<(), HandlerError> {
        if status.success() {
            return Ok(());
        }
        let said = if output.stderr.is_empty() { &output.stdout } else { &output.stderr };
        let said = last(&String::from_utf8_lossy(said), MOST_SHOWN);
        let error = status.to_string();
        let failure = match status.code() {
            Some(code) if self.reject_codes.contains(&code) => HandlerError::reject(error),
            _ => HandlerError::retry(error),
        };
        Err(failure.quoting(said))
    }
}

impl Handler for Exec {
    async fn handle(&self, event: Arc<Event>, ctx: Context) -> Result<(), HandlerError> {
        let input = match self.input {
            Input::Raw => event.raw().clone(),
            Input::Json => notice(&event, &ctx).map_err(HandlerError::reject)?,
        };
        let (status, output) = run::run(self.command(&event, &ctx), &input).await.map_err(|error| self.not_run(&error))?;
        self.judge(status, &output)
    }

    fn needs_details(&self) -> bool {
        matches!(self.input, Input::Json)
    }
}

/// The last lines of a text that fit in `limit` characters; of a last line that does not, the beginning.
fn last(text: &str, limit: usize) -> String {
    let mut lines = Vec::new();
    let mut left = limit;
    for line in text.lines().rev().map(|line| excerpt(line, limit)).filter(|line| !line.is_empty()) {
        let length = line.chars().count();
        if length > left && !lines.is_empty() {
            break;
        }
        left = left.saturating_sub(length);
        lines.push(line);
    }
    lines.reverse();
    lines.join(" | ")
}

#[cfg(test)]
mod tests;
