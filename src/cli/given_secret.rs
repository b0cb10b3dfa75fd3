//! A secret that is given to a command: in a file, on standard input or in the environment. Never as an argument: those are shown to
//! everybody who lists the machine's processes, and kept in the shell's history.

use std::{fs, io, path::PathBuf};

use super::{Setup, failure::Failure, registered};
use crate::{config::Endpoint, secret::Secret};

/// Where the secret is.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct GivenSecret {
    /// The secret is what this file holds; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "secret_env")]
    secret_file: Option<PathBuf>,
    /// The secret is in this environment variable
    #[arg(long, value_name = "NAME")]
    secret_env: Option<String>,
}

impl GivenSecret {
    /// Reads the secret. If none is given it is the endpoint's, the one that lasts longest.
    pub(super) fn or_of(&self, setup: &Setup<'_>, endpoint: Option<&Endpoint>) -> Result<Secret, Failure> {
        match (self.read(setup)?, endpoint) {
            (Some(secret), _) => Ok(secret),
            (None, Some(endpoint)) => registered::secret_of(endpoint),
            (None, None) => Err(Failure::new("there is no secret for Apple to sign with")
                .hint("give one with `--secret-file FILE` or `--secret-env NAME`; `-` as the file is standard input".to_owned())),
        }
    }

    /// Reads the secret, if one is given.
    pub(super) fn read(&self, setup: &Setup<'_>) -> Result<Option<Secret>, Failure> {
        let text = match (&self.secret_file, &self.secret_env) {
            (Some(file), _) => {
                let read = if file.as_os_str() == "-" { io::read_to_string(io::stdin()) } else { fs::read_to_string(file) };
                let read = read.map_err(|error| Failure::new(format!("cannot read the secret in `{}`: {error}", file.display())));
                read?.trim_end_matches(['\r', '\n']).to_owned()
            }
            (None, Some(name)) => setup
                .sources(Vec::new())
                .environment
                .remove(name)
                .ok_or_else(|| Failure::not_found(format!("there is no variable `{name}` in the environment")))?,
            (None, None) => return Ok(None),
        };
        if text.is_empty() {
            return Err(Failure::new("the secret that was given is empty"));
        }
        Ok(Some(Secret::new(text)))
    }
}
