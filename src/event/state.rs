//! The states that Apple tells about, and the change from one to another.
//!
//! Every list of states is open: Apple adds to them, and Apple's own samples have held states that stand in none of its lists. A
//! state that this version does not know passes through as it is written, in a variant that cannot be named, so that no program breaks
//! on the day when it becomes known. Compare [`as_str`](AppVersionState::as_str) for one that is not here yet.

use std::fmt;

use super::kind::Custom;

/// The change of a state. Apple does not always tell both sides.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Change<S> {
    /// The state before.
    pub from: Option<S>,
    /// The state now.
    pub to: Option<S>,
}

macro_rules! states {
    ($(#[$about:meta])* $name:ident { $($(#[$meaning:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$meaning])* $variant,)*
            #[doc(hidden)]
            _Custom(Custom),
        }

        impl $name {
            /// Every state that this version knows.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            pub(super) const WORDS: &'static [&'static str] = &[$($word),*];

            /// The state as Apple writes it.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)*
                    Self::_Custom(word) => word.as_str(),
                }
            }
        }

        /// Reads a state as Apple writes it. Any other text is an unknown state.
        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                match text {
                    $($word => Self::$variant,)*
                    unknown => Self::_Custom(Custom::new(unknown)),
                }
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

states! {
    /// The state of an app version ([`AppVersionState`](https://developer.apple.com/documentation/appstoreconnectapi/appversionstate)).
    AppVersionState {
        /// App Review accepted it.
        Accepted = "ACCEPTED",
        /// The developer took it out of review.
        DeveloperRejected = "DEVELOPER_REJECTED",
        /// App Review is looking at it.
        InReview = "IN_REVIEW",
        /// Its build cannot be used.
        InvalidBinary = "INVALID_BINARY",
        /// App Review rejected its metadata.
        MetadataRejected = "METADATA_REJECTED",
        /// It waits for Apple to release it.
        PendingAppleRelease = "PENDING_APPLE_RELEASE",
        /// It waits for the developer to release it.
        PendingDeveloperRelease = "PENDING_DEVELOPER_RELEASE",
        /// The developer is preparing it.
        PrepareForSubmission = "PREPARE_FOR_SUBMISSION",
        /// Apple is getting it ready for the store.
        ProcessingForDistribution = "PROCESSING_FOR_DISTRIBUTION",
        /// It is out.
        ReadyForDistribution = "READY_FOR_DISTRIBUTION",
        /// It can be submitted to App Review.
        ReadyForReview = "READY_FOR_REVIEW",
        /// App Review rejected it.
        Rejected = "REJECTED",
        /// A newer version took its place.
        ReplacedWithNewVersion = "REPLACED_WITH_NEW_VERSION",
        /// It waits for an answer about export compliance.
        WaitingForExportCompliance = "WAITING_FOR_EXPORT_COMPLIANCE",
        /// It waits for App Review.
        WaitingForReview = "WAITING_FOR_REVIEW",
    }
}

states! {
    /// The state of a build in external TestFlight testing
    /// ([`ExternalBetaState`](https://developer.apple.com/documentation/appstoreconnectapi/externalbetastate)).
    ExternalBetaState {
        /// Apple is processing it.
        Processing = "PROCESSING",
        /// Apple could not process it.
        ProcessingException = "PROCESSING_EXCEPTION",
        /// The question of export compliance is open.
        MissingExportCompliance = "MISSING_EXPORT_COMPLIANCE",
        /// Testing can begin.
        ReadyForBetaTesting = "READY_FOR_BETA_TESTING",
        /// Testers have it.
        InBetaTesting = "IN_BETA_TESTING",
        /// Its 90 days are over.
        Expired = "EXPIRED",
        /// It can be submitted to beta review.
        ReadyForBetaSubmission = "READY_FOR_BETA_SUBMISSION",
        /// Its export compliance is being looked at.
        InExportComplianceReview = "IN_EXPORT_COMPLIANCE_REVIEW",
        /// It waits for beta review.
        WaitingForBetaReview = "WAITING_FOR_BETA_REVIEW",
        /// Beta review is looking at it.
        InBetaReview = "IN_BETA_REVIEW",
        /// Beta review rejected it.
        BetaRejected = "BETA_REJECTED",
        /// Beta review approved it.
        BetaApproved = "BETA_APPROVED",
        /// It is not for external testers.
        NotApplicable = "NOT_APPLICABLE",
    }
}

states! {
    /// The state of an uploaded build
    /// ([`BuildUploadState`](https://developer.apple.com/documentation/appstoreconnectapi/builduploadstate)).
    BuildUploadState {
        /// Its files are still to come.
        AwaitingUpload = "AWAITING_UPLOAD",
        /// Apple is processing it.
        Processing = "PROCESSING",
        /// Apple could not process it.
        Failed = "FAILED",
        /// It is processed.
        Complete = "COMPLETE",
    }
}

states! {
    /// The state of a version of a background asset.
    BackgroundAssetVersionState {
        /// Its files are still to come.
        AwaitingUpload = "AWAITING_UPLOAD",
        /// Apple is checking it.
        Processing = "PROCESSING",
        /// It did not pass.
        Failed = "FAILED",
        /// It passed.
        Complete = "COMPLETE",
    }
}

states! {
    /// The state of a version of a background asset in external TestFlight testing.
    BackgroundAssetVersionExternalBetaReleaseState {
        /// It can be submitted to beta review.
        ReadyForBetaSubmission = "READY_FOR_BETA_SUBMISSION",
        /// It waits for beta review.
        WaitingForReview = "WAITING_FOR_REVIEW",
        /// Beta review is looking at it.
        InReview = "IN_REVIEW",
        /// Beta review rejected it.
        Rejected = "REJECTED",
        /// Apple is getting it ready for testers.
        ProcessingForTesting = "PROCESSING_FOR_TESTING",
        /// Testers can have it.
        ReadyForTesting = "READY_FOR_TESTING",
        /// A newer version took its place.
        Superseded = "SUPERSEDED",
    }
}

states! {
    /// How far a build of Xcode Cloud is
    /// ([`CiExecutionProgress`](https://developer.apple.com/documentation/appstoreconnectapi/ciexecutionprogress)).
    BuildRunProgress {
        /// It waits for its turn.
        Pending = "PENDING",
        /// It is being done.
        Running = "RUNNING",
        /// It has ended.
        Complete = "COMPLETE",
    }
}

states! {
    /// How a build of Xcode Cloud, or one of its actions, ended
    /// ([`CiCompletionStatus`](https://developer.apple.com/documentation/appstoreconnectapi/cicompletionstatus)).
    BuildRunResult {
        /// All went well.
        Succeeded = "SUCCEEDED",
        /// The code is at fault: it does not compile, or a test failed.
        Failed = "FAILED",
        /// Xcode Cloud could not do it.
        Errored = "ERRORED",
        /// Somebody, or a newer build, called it off.
        Canceled = "CANCELED",
        /// It was not done.
        Skipped = "SKIPPED",
    }
}

states! {
    /// The state of a version of a background asset on the App Store.
    BackgroundAssetVersionAppStoreReleaseState {
        /// The developer is preparing it.
        PrepareForSubmission = "PREPARE_FOR_SUBMISSION",
        /// It can be submitted to App Review.
        ReadyForReview = "READY_FOR_REVIEW",
        /// It waits for App Review.
        WaitingForReview = "WAITING_FOR_REVIEW",
        /// App Review is looking at it.
        InReview = "IN_REVIEW",
        /// App Review accepted it.
        Accepted = "ACCEPTED",
        /// App Review rejected it.
        Rejected = "REJECTED",
        /// Apple is getting it ready for the store.
        ProcessingForDistribution = "PROCESSING_FOR_DISTRIBUTION",
        /// It is out.
        ReadyForDistribution = "READY_FOR_DISTRIBUTION",
        /// A newer version took its place.
        Superseded = "SUPERSEDED",
    }
}
