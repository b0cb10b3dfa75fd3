//! `init`: a first configuration with a strong secret. It never overwrites anything.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    Setup,
    failure::{Failure, Outcome},
    files::{self, CONFIDENTIAL},
    output,
};
use crate::{config, secret::Secret};

/// Write a first configuration, and a strong secret in a file of its own that only you can read
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The configuration to write
    #[arg(long, value_name = "FILE", default_value = "config.toml")]
    file: PathBuf,
    /// What to call the endpoint: the app's name, as a rule
    #[arg(long, value_name = "NAME", default_value = "my-app")]
    name: String,
    /// Make no files: show every key there is, with its default
    #[arg(long, conflicts_with_all = ["file", "name"])]
    defaults: bool,
}

pub(super) fn run(setup: &Setup<'_>, arguments: &Arguments) -> Outcome {
    if arguments.defaults {
        return Ok(output::bytes(config::DEFAULTS.as_bytes())?);
    }
    let file = setup.file.as_ref().unwrap_or(&arguments.file);
    let secret_file = file.with_file_name(format!("{}.secret", arguments.name));
    write(file, &secret_file, &arguments.name)?;
    output::talk(next_steps(file, &secret_file, &arguments.name));
    Ok(())
}

/// Writes both files, or neither.
pub(super) fn write(file: &Path, secret_file: &Path, name: &str) -> Outcome {
    if file.exists() {
        return Err(taken(file, "--file"));
    }
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
        return Err(Failure::new(format!("there is no folder `{}`", folder.display()))
            .hint(format!("`mkdir -p {}` makes it", output::shell_word(&folder.to_string_lossy()))));
    }
    let secret = Secret::generate()?;
    create(secret_file, CONFIDENTIAL, &format!("{}\n", secret.expose()), "--name")?;
    let written = create(file, 0o644, &configuration(secret_file, name), "--file").and_then(|()| {
        // What was written must be right: a name may not be one, and a path may not be either.
        let sources = config::Sources { file: Some(file.to_owned()), ..config::Sources::default() };
        config::load(&sources).map(drop).map_err(|problems| {
            let _ = fs::remove_file(file);
            problems.into()
        })
    });
    if written.is_err() {
        let _ = fs::remove_file(secret_file);
    }
    written
}

/// What to do next.
pub(super) fn next_steps(file: &Path, secret_file: &Path, name: &str) -> String {
    let word = output::shell_word(&file.to_string_lossy());
    let (file, secret_file) = (file.display(), secret_file.display());
    format!(
        "\
Wrote `{file}`, and a secret in `{secret_file}`, which only you can read.

Next:
  1. Start the server:                  asc-webhooks serve --config {word}
  2. Send it an event, signed by you:   asc-webhooks send ping --config {word}
  3. Put a proxy that speaks TLS in front of it, and register the webhook in App Store Connect
     (Users and Access, Integrations, Webhooks): the URL is https://YOUR-HOST/apple/{name},
     the secret is what `{secret_file}` holds."
    )
}

fn configuration(secret_file: &Path, name: &str) -> String {
    format!(
        "\
# `asc-webhooks init --defaults` shows every key there is, with its default.

[server]
listen = \"127.0.0.1:8080\"

[[endpoint]]
name = {name}
path = {path}
# What Apple signs with. Only you can read the file.
secrets = [{{ file = {secret_file} }}]

[store]
url = \"sqlite:data/asc-webhooks.db\"

# Writes a line to the log for every event.
[[handler]]
name = \"log\"
kind = \"log\"
",
        name = quoted(name),
        path = quoted(&format!("/apple/{name}")),
        secret_file = quoted(&secret_file.to_string_lossy()),
    )
}

/// A text as TOML writes it.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn create(path: &Path, mode: u32, text: &str, flag: &str) -> Outcome {
    files::create(path, mode, text).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => taken(path, flag),
        _ => Failure::new(format!("cannot write `{}`: {error}", path.display())),
    })
}

/// A file is there already that `flag` names, or gives its name to.
fn taken(path: &Path, flag: &str) -> Failure {
    Failure::new(format!("`{}` is there already, and is left as it is", path.display()))
        .hint(format!("name another with `{flag}`, or move this one away"))
}
