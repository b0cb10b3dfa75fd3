//! Where a demo keeps its things: the configuration, the endpoint's secret, the sandbox's key, the store.
//!
//! It is an ordinary folder that any other command can be pointed at while the demo runs. One that nobody named is removed at the end.

use std::{
    env, fs, io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf, absolute},
};

use super::super::{
    failure::{Failure, Outcome},
    files::{self, CONFIDENTIAL},
    init::quoted,
};
use crate::secret::Secret;

#[derive(Debug)]
pub(super) struct Place {
    folder: PathBuf,
    is_temporary: bool,
}

impl Place {
    /// The folder that was named, made if need be, or a new one of its own among the temporary files.
    pub(super) fn new(named: Option<&Path>) -> Result<Self, Failure> {
        let is_temporary = named.is_none();
        let folder = if let Some(folder) = named {
            absolute(folder)?
        } else {
            let mut bytes = [0; 6];
            getrandom::fill(&mut bytes)?;
            env::temp_dir().join(format!("asc-webhooks-demo-{}", hex::encode(bytes)))
        };
        // A temporary one must be new: it could be somebody else's.
        let made = fs::DirBuilder::new().mode(0o700).recursive(!is_temporary).create(&folder);
        made.map_err(|error| Failure::new(format!("cannot make the folder `{}`: {error}", folder.display())))?;
        Ok(Self { folder, is_temporary })
    }

    /// The folder, if it is removed at the end.
    pub(super) fn temporary(&self) -> Option<&Path> {
        self.is_temporary.then_some(&self.folder)
    }

    pub(super) fn config(&self) -> PathBuf {
        self.folder.join("demo.toml")
    }

    pub(super) fn key(&self) -> PathBuf {
        self.folder.join("sandbox.p8")
    }

    fn secret(&self) -> PathBuf {
        self.folder.join("harbor.secret")
    }

    fn token(&self) -> PathBuf {
        self.folder.join("admin.token")
    }

    /// Makes the endpoint's secret and the operator's token, unless an earlier demo has left them here.
    pub(super) fn make_secrets(&self) -> Outcome {
        for file in [self.secret(), self.token()] {
            match files::create(&file, CONFIDENTIAL, &format!("{}\n", Secret::generate()?.expose())) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(cannot_write(&file, &error)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Writes the configuration, over that of an earlier demo.
    pub(super) fn write_config(&self, listen: &str, admin: &str, app: &str, asc: &str, enrich: &str) -> Outcome {
        let text = format!(
            "\
# `asc-webhooks demo` writes this file anew each time it starts.

[server]
listen = {listen}

[admin]
listen = {admin}
token = {{ file = {token} }}

[store]
url = {store}

# The local App Store Connect, in the place of Apple's.
{asc}

[[endpoint]]
name = \"harbor\"
path = \"/apple/harbor\"
app_id = {app}
secrets = [{{ file = {secret} }}]

[[handler]]
name = \"log\"
kind = \"log\"
enrich = {enrich}
",
            listen = quoted(listen),
            admin = quoted(admin),
            token = quoted(&self.token().to_string_lossy()),
            app = quoted(app),
            enrich = quoted(enrich),
            store = quoted(&format!("sqlite:{}", self.folder.join("demo.db").display())),
            secret = quoted(&self.secret().to_string_lossy()),
        );
        let file = self.config();
        fs::write(&file, text).map_err(|error| cannot_write(&file, &error))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.is_temporary {
            // The system tidies its temporary files itself if we cannot.
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

fn cannot_write(file: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("cannot write `{}`: {error}", file.display()))
}
