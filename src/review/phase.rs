//! What a state means for the journey of a version: with whom it is, and for what.

use std::borrow::Cow;

use crate::event::{
    AppVersionState, BackgroundAssetVersionAppStoreReleaseState as AssetState,
    BackgroundAssetVersionExternalBetaReleaseState as AssetBetaState, BuildUploadState, EventKind, ExternalBetaState,
};

/// Where on its way something is. Apple has a list of states for each kind of thing; these are what they have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// With the developer, who is preparing it.
    Preparing,
    /// Waiting for review.
    Waiting,
    /// In review.
    InReview,
    /// With the developer again: rejected by Apple, taken back, or unusable.
    Rejected,
    /// Reviewed, and waiting to be released.
    Pending,
    /// Being worked on by Apple's machines.
    Processing,
    /// With those it is for: on the store, with testers, or ready to be used.
    Out,
    /// Over: something newer took its place, or its time has run out.
    Over,
    /// A state that this version does not know, as Apple writes it: a phase of its own.
    Unknown(String),
}

impl Phase {
    /// What a state means for things that events of this kind tell of.
    pub fn of(kind: &EventKind, state: &str) -> Self {
        let known = match kind {
            EventKind::AppStoreVersionAppVersionStateUpdated => of_version(&state.into()),
            EventKind::BuildBetaDetailExternalBuildStateUpdated => of_beta(&state.into()),
            EventKind::BuildUploadStateUpdated => of_upload(&state.into()),
            EventKind::BackgroundAssetVersionExternalBetaReleaseStateUpdated => of_asset_beta(&state.into()),
            EventKind::BackgroundAssetVersionAppStoreReleaseStateUpdated => of_asset(&state.into()),
            _ => None,
        };
        known.unwrap_or_else(|| Self::Unknown(state.to_owned()))
    }

    /// The phase as one word; an unknown one as Apple writes the state.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Preparing => "preparing",
            Self::Waiting => "waiting",
            Self::InReview => "in_review",
            Self::Rejected => "rejected",
            Self::Pending => "pending",
            Self::Processing => "processing",
            Self::Out => "out",
            Self::Over => "over",
            Self::Unknown(state) => state,
        }
    }

    /// The phase as people call it.
    pub fn words(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Preparing => "in preparation",
            Self::Waiting => "waiting for review",
            Self::InReview => "in review",
            Self::Rejected => "back with the developer",
            Self::Pending => "waiting for release",
            Self::Processing => "being processed",
            Self::Out => "out",
            Self::Over => "over",
            Self::Unknown(state) => return Cow::Owned(state.clone()),
        })
    }

    /// Whether the journey leads no further from here, unless it begins again.
    pub fn is_end(&self) -> bool {
        matches!(self, Self::Out | Self::Over)
    }
}

impl serde::Serialize for Phase {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

fn of_version(state: &AppVersionState) -> Option<Phase> {
    use AppVersionState as State;
    Some(match state {
        State::PrepareForSubmission | State::ReadyForReview | State::WaitingForExportCompliance => Phase::Preparing,
        State::WaitingForReview => Phase::Waiting,
        State::InReview => Phase::InReview,
        State::Rejected | State::MetadataRejected | State::DeveloperRejected | State::InvalidBinary => Phase::Rejected,
        State::Accepted | State::PendingAppleRelease | State::PendingDeveloperRelease => Phase::Pending,
        State::ProcessingForDistribution => Phase::Processing,
        State::ReadyForDistribution => Phase::Out,
        State::ReplacedWithNewVersion => Phase::Over,
        State::_Custom(_) => return None,
    })
}

fn of_beta(state: &ExternalBetaState) -> Option<Phase> {
    use ExternalBetaState as State;
    Some(match state {
        State::MissingExportCompliance | State::ReadyForBetaSubmission => Phase::Preparing,
        State::WaitingForBetaReview => Phase::Waiting,
        State::InBetaReview => Phase::InReview,
        State::BetaRejected | State::ProcessingException => Phase::Rejected,
        State::BetaApproved | State::ReadyForBetaTesting => Phase::Pending,
        State::Processing | State::InExportComplianceReview => Phase::Processing,
        State::InBetaTesting => Phase::Out,
        State::Expired | State::NotApplicable => Phase::Over,
        State::_Custom(_) => return None,
    })
}

fn of_upload(state: &BuildUploadState) -> Option<Phase> {
    Some(match state {
        BuildUploadState::AwaitingUpload => Phase::Preparing,
        BuildUploadState::Processing => Phase::Processing,
        BuildUploadState::Failed => Phase::Rejected,
        BuildUploadState::Complete => Phase::Out,
        BuildUploadState::_Custom(_) => return None,
    })
}

fn of_asset_beta(state: &AssetBetaState) -> Option<Phase> {
    Some(match state {
        AssetBetaState::ReadyForBetaSubmission => Phase::Preparing,
        AssetBetaState::WaitingForReview => Phase::Waiting,
        AssetBetaState::InReview => Phase::InReview,
        AssetBetaState::Rejected => Phase::Rejected,
        AssetBetaState::ProcessingForTesting => Phase::Processing,
        AssetBetaState::ReadyForTesting => Phase::Out,
        AssetBetaState::Superseded => Phase::Over,
        AssetBetaState::_Custom(_) => return None,
    })
}

fn of_asset(state: &AssetState) -> Option<Phase> {
    Some(match state {
        AssetState::PrepareForSubmission | AssetState::ReadyForReview => Phase::Preparing,
        AssetState::WaitingForReview => Phase::Waiting,
        AssetState::InReview => Phase::InReview,
        AssetState::Rejected => Phase::Rejected,
        AssetState::Accepted => Phase::Pending,
        AssetState::ProcessingForDistribution => Phase::Processing,
        AssetState::ReadyForDistribution => Phase::Out,
        AssetState::Superseded => Phase::Over,
        AssetState::_Custom(_) => return None,
    })
}
