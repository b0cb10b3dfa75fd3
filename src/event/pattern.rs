//! Patterns that choose among the kinds of event: what `events = […]` of a handler holds.
//!
//! | pattern | chooses |
//! |---|---|
//! | `buildUploadStateUpdated`, `BUILD_UPLOAD_STATE_UPDATED` | this kind, in either of Apple's spellings |
//! | `beta_feedback` | the kinds of this family |
//! | `background*`, `ALTERNATIVE_*` | the kinds whose name begins so, in either spelling |
//! | `*` | every kind, unknown ones included |
//! | `type:reviewSubmissionStateUpdated`, `type:review*` | the same, without asking whether there is such a kind yet |
//!
//! A pattern that chooses none of the known kinds is most likely a slip of the pen, which would otherwise show as an event that
//! nobody handles. So it is an error, unless it says by `type:` that it is meant so.

use std::{fmt, str::FromStr};

use super::kind::{EventKind, FamilyName};
use crate::spelling;

/// A pattern that chooses among the kinds of event.
///
/// # Patterns
/// - a kind in either of Apple's spellings: `buildUploadStateUpdated`, `BUILD_UPLOAD_STATE_UPDATED`;
/// - a family: `app_version`, `build_upload`, `build_beta_detail`, `beta_feedback`, `background_asset`, `alternative_distribution`,
///   `marketplace`, `ping`, `xcode_cloud`, `unknown`;
/// - the beginning of a kind, then `*`: `background*`; so `*` alone chooses every kind, unknown ones included;
/// - `type:` before a kind, or the beginning of one, that this version does not know: `type:reviewSubmissionStateUpdated`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct KindPattern {
    text: String,
    choice: Choice,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Choice {
    Kind(EventKind),
    Family(FamilyName),
    Prefix(String),
}

impl KindPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// When it chooses no kind that this version knows, and does not begin with `type:`.
    pub fn parse(text: &str) -> Result<Self, KindPatternError> {
        let (name, may_be_new) = text.strip_prefix("type:").map_or((text, false), |name| (name, true));
        let family = FamilyName::ALL.into_iter().find(|family| !may_be_new && family.as_str() == name);
        let choice = match (family, name.strip_suffix('*')) {
            (Some(family), _) => Choice::Family(family),
            (None, Some(prefix)) => Choice::Prefix(prefix.to_owned()),
            (None, None) => Choice::Kind(EventKind::from(name)),
        };
        let is_one = !name.is_empty() && !name.strip_suffix('*').unwrap_or(name).contains('*');
        let pattern = Self { text: text.to_owned(), choice };
        if is_one && (may_be_new || family.is_some() || EventKind::ALL.iter().any(|kind| pattern.matches(kind))) {
            Ok(pattern)
        } else {
            Err(KindPatternError::new(text))
        }
    }

    /// Whether the pattern chooses this kind.
    pub fn matches(&self, kind: &EventKind) -> bool {
        match &self.choice {
            Choice::Kind(chosen) => kind == chosen,
            Choice::Family(family) => kind.family() == *family,
            Choice::Prefix(prefix) => {
                kind.as_str().starts_with(prefix) || kind.subscription().is_some_and(|name| name.starts_with(prefix))
            }
        }
    }

    /// Whether whoever wrote the pattern thought of this family: it chooses kinds of this family, and of no other that is known.
    pub fn names(&self, family: FamilyName) -> bool {
        match &self.choice {
            Choice::Kind(kind) => kind.family() == family,
            Choice::Family(named) => *named == family,
            Choice::Prefix(prefix) => {
                let mut known = EventKind::ALL.iter().filter(|kind| self.matches(kind)).peekable();
                if known.peek().is_none() {
                    EventKind::from(&**prefix).family() == family
                } else {
                    known.all(|kind| kind.family() == family)
                }
            }
        }
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for KindPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl FromStr for KindPattern {
    type Err = KindPatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for KindPattern {
    type Error = KindPatternError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

/// Why a text chooses no kind of event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("found `{found}`, expected a kind, a family such as `app_version`, or a prefix and `*` ({hint})", hint = self.hint())]
pub struct KindPatternError {
    found: String,
    suggestion: Option<&'static str>,
}

impl KindPatternError {
    /// What was probably meant.
    pub fn suggestion(&self) -> Option<&str> {
        self.suggestion
    }

    /// What to do.
    pub fn hint(&self) -> String {
        self.suggestion.map_or_else(|| "write `type:…` for a kind that is not known yet".to_owned(), spelling::question)
    }

    fn new(found: &str) -> Self {
        let kinds = EventKind::ALL.iter().flat_map(|kind| [Some(kind.as_str()), kind.subscription()]).flatten();
        let names = kinds.chain(FamilyName::ALL.map(FamilyName::as_str));
        Self { found: found.to_owned(), suggestion: spelling::nearest(found.trim_end_matches('*'), names) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, chosen: &[&str], not_chosen: &[&str]) {
        let pattern = KindPattern::parse(pattern).unwrap();
        for kind in chosen {
            assert!(pattern.matches(&EventKind::from(*kind)), "{pattern} should choose {kind}");
        }
        for kind in not_chosen {
            assert!(!pattern.matches(&EventKind::from(*kind)), "{pattern} should not choose {kind}");
        }
    }

    #[test]
    fn chooses() {
        check(
            "buildUploadStateUpdated",
            &["buildUploadStateUpdated", "BUILD_UPLOAD_STATE_UPDATED"],
            &["appUnavailable", "AppUnavailable"],
        );
        check("BUILD_UPLOAD_STATE_UPDATED", &["buildUploadStateUpdated"], &["buildUploadState"]);
        check("AppVersionUnavailable", &["AppVersionsUnavailable"], &["AppUnavailable"]);
        check(
            "beta_feedback",
            &["betaFeedbackCrashSubmissionCreated", "betaFeedbackScreenshotSubmissionCreated"],
            &["betaFeedbackVoiceSubmissionCreated"],
        );
        check("ping", &["webhookPingCreated", "webhookPings"], &["ping"]);
        check("unknown", &["reviewSubmissionStateUpdated", "unknown"], &["webhookPings", "AppUnavailable"]);
        check(
            "backgroundAssetVersion*",
            &["backgroundAssetVersionStateUpdated", "backgroundAssetVersionLost"],
            &["webhookPingCreated"],
        );
        check(
            "ALTERNATIVE_*",
            &["alternativeDistributionPackageVersionCreated"],
            &["AlternativeDistributionPackageVersionAvailable"],
        );
        check("*", &["buildUploadStateUpdated", "reviewSubmissionStateUpdated", ""], &[]);
        check("type:reviewSubmissionStateUpdated", &["reviewSubmissionStateUpdated"], &["reviewSubmissionStateCreated"]);
        check("type:review*", &["reviewSubmissionStateUpdated"], &["webhookPingCreated"]);
        check("type:app_version", &["app_version"], &["appStoreVersionAppVersionStateUpdated"]);
    }

    #[test]
    fn a_family_is_named_or_only_chosen_among_others() {
        let names = |pattern: &str, family| KindPattern::parse(pattern).unwrap().names(family);
        for pattern in
            ["xcode_cloud", "xcodeCloudBuildStarted", "xcodeCloud*", "x*", "type:xcodeCloudBuildPaused", "type:xcodeCloudT*"]
        {
            assert!(names(pattern, FamilyName::XcodeCloud), "{pattern}");
        }
        for pattern in ["*", "type:*", "type:y*", "build_upload", "type:xcode", "AppUnavailable"] {
            assert!(!names(pattern, FamilyName::XcodeCloud), "{pattern}");
        }
        assert!(names("beta*", FamilyName::BetaFeedback) && !names("b*", FamilyName::BetaFeedback));
    }

    #[test]
    fn every_kind_and_family_is_its_own_pattern() {
        for kind in EventKind::ALL {
            check(kind.as_str(), &[kind.as_str()], &["", "other"]);
            if let Some(subscription) = kind.subscription() {
                check(subscription, &[kind.as_str()], &["", "other"]);
            }
            check(kind.family().as_str(), &[kind.as_str()], &["other"]);
        }
    }

    #[test]
    fn refusals_help() {
        let refusals: Vec<_> = [
            "buildUplaodStateUpdated",
            "app-version",
            "buildUplaod*",
            "*Created",
            "reviewSubmissionStateUpdated",
            "",
            "type:",
            "type:*x*",
        ]
        .map(|text| KindPattern::parse(text).unwrap_err().to_string())
        .into();
        insta::assert_snapshot!(refusals.join("\n"));
    }
}
