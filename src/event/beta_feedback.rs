//! Feedback from TestFlight testers.

/// A tester sent feedback: `betaFeedbackScreenshotSubmissionCreated` or `betaFeedbackCrashSubmissionCreated`
/// ([Apple](https://developer.apple.com/documentation/appstoreconnectapi/webhook-events)).
///
/// The notification says no more than that: what the tester wrote is in the resource that the subject names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BetaFeedback {
    /// Feedback with a screenshot. The subject is a `betaFeedbackScreenshotSubmissions`.
    Screenshot,
    /// Feedback about a crash. The subject is a `betaFeedbackCrashSubmissions`.
    Crash,
}
