//! `[store]`: where receipts are kept, and for how long.

use std::{path::PathBuf, time::Duration};

use toml::Value;

use super::{
    section::{Hint, Section, Setting},
    setting::{Size, text},
};
use crate::secret::Secret;

/// `[store]`
#[derive(Clone, Debug)]
pub struct Store {
    /// Where.
    pub url: StoreUrl,
    /// How long receipts are kept that owe nothing any more.
    pub retention: Duration,
    /// What the secrets that the program makes itself are sealed with; without it, there are none.
    pub secrets_key: Option<Secret>,
    /// How much of the disk is left free for finishing what was begun.
    pub reserve: u64,
}

/// Which store, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreUrl {
    /// `sqlite:PATH`
    Sqlite(PathBuf),
}

impl Store {
    pub(super) fn settle(mut section: Section<'_, '_>) -> Option<Self> {
        let url = section.required("url");
        let retention = section.required("retention");
        let reserve = section.required("reserve").map(|Size(bytes)| bytes);
        let secrets_key = section.secret("secrets_key");
        if let Some(weakness) = secrets_key.as_ref().and_then(Secret::weakness) {
            let key = section.path("secrets_key");
            let hint = "`openssl rand -base64 32` makes one".to_owned();
            section.reading().wrong(&key, weakness.to_string(), "a random key of at least 16 bytes", hint);
        }
        section.finish();
        Some(Self { url: url?, retention: retention?, reserve: reserve?, secrets_key })
    }
}

impl Setting for StoreUrl {
    const EXPECTED: &'static str = "`sqlite:` and the path of a file";

    fn read(value: &Value) -> Result<Self, Hint> {
        let given = text(value)?;
        let (scheme, path) = given.split_once(':').unwrap_or(("", given));
        match scheme {
            "sqlite" if path.starts_with("//") => Err(Some(format!("write `sqlite:{}`", path.trim_start_matches("//")))),
            "sqlite" if path == ":memory:" => Err(Some("a store that forgets cannot keep what it promised".to_owned())),
            "sqlite" if !path.is_empty() && !path.ends_with('/') => Ok(Self::Sqlite(path.into())),
            "postgres" | "postgresql" => Err(Some("PostgreSQL is not in this build".to_owned())),
            "" if !path.is_empty() => Err(Some(format!("write `sqlite:{path}`"))),
            _ => Err(None),
        }
    }
}
