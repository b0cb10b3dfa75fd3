//! Beta App Review, which a build must pass before external testers get it
//! ([Beta App Review Submissions](https://developer.apple.com/documentation/appstoreconnectapi/beta-app-review-submissions)).

use http::Method;
use serde_json::json;

use super::{
    Client, Order, Request,
    document::{Nothing, One, Resource},
};

/// A build's way through beta review.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BetaReview {
    /// Apple's id of it.
    pub id: String,
}

impl Client {
    /// Submits a build for beta review.
    pub fn submit_for_beta_review(&self, build_id: &str) -> Order<'_, BetaReview> {
        let body = json!({ "data": {
            "type": "betaAppReviewSubmissions",
            "relationships": { "build": { "data": { "type": "builds", "id": build_id } } },
        } });
        let request = self.url(&["v1", "betaAppReviewSubmissions"]).map(|url| Request::new(Method::POST, url).json(&body));
        Order::new(self, request, |answer| {
            let one: One<Resource<Nothing>> = answer.json()?;
            Ok(BetaReview { id: one.data.id })
        })
    }
}
