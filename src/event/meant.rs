//! The one kind that somebody means who names it: with a whole name, or with enough of one.

use super::{
    kind::EventKind,
    pattern::{KindPattern, KindPatternError},
};
use crate::spelling;

/// Why a text does not name one kind of event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unclear {
    /// There is no such kind, and perhaps one that is like it.
    #[error("there is no kind `{found}`")]
    Unknown { found: String, suggestion: Option<String> },
    /// There are several.
    #[error("`{found}` may be {candidates}")]
    Several { found: String, candidates: String },
}

impl Unclear {
    /// What to do.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Unknown { suggestion: Some(meant), .. } => spelling::question(meant),
            Self::Unknown { found, .. } => format!("write `type:{found}` for one that is not known yet"),
            Self::Several { .. } => "write enough that only one is meant".to_owned(),
        }
    }
}

impl EventKind {
    /// The kind that a text means: one of Apple's spellings, a family or a part of a name that only one kind has, or, after `type:`,
    /// anything at all.
    pub(crate) fn meant(text: &str) -> Result<Self, Unclear> {
        let known = Self::from(text.strip_prefix("type:").unwrap_or(text));
        if known.is_known() || text.starts_with("type:") {
            return Ok(known);
        }
        let letters = |name: &str| name.replace(['_', '-'], "").to_lowercase();
        let pattern = KindPattern::parse(text);
        let is_meant = |kind: &&Self| match &pattern {
            Ok(pattern) => pattern.matches(kind),
            Err(_) => letters(kind.as_str()).contains(&letters(text)),
        };
        let candidates: Vec<&Self> = Self::ALL.iter().filter(is_meant).collect();
        match candidates[..] {
            [kind] => Ok(kind.clone()),
            [] => {
                let suggestion = pattern.err().as_ref().and_then(KindPatternError::suggestion).map(str::to_owned);
                Err(Unclear::Unknown { found: text.to_owned(), suggestion })
            }
            _ => {
                let names: Vec<String> = candidates.iter().map(|kind| format!("`{kind}`")).collect();
                Err(Unclear::Several { found: text.to_owned(), candidates: names.join(", ") })
            }
        }
    }
}
