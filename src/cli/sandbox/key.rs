//! The file of the sandbox's private key: made at its first start, and used again at the next.

use std::{fs, io, path::Path};

use super::super::{
    failure::{Failure, Outcome},
    files::{self, CONFIDENTIAL},
};
use crate::{sandbox::ApiKey, secret::Secret};

/// The key that an earlier start left, if there is one.
pub(in crate::cli) fn read(file: &Path) -> Result<Option<Secret>, Failure> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(Secret::new(text))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::new(format!("cannot read the private key in `{}`: {error}", file.display()))),
    }
}

/// Leaves the key for the next start.
pub(in crate::cli) fn write(file: &Path, key: &ApiKey) -> Outcome {
    files::create(file, CONFIDENTIAL, key.private_key_pem.expose())
        .map_err(|error| Failure::new(format!("cannot write the private key to `{}`: {error}", file.display())))
}
