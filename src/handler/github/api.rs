//! GitHub's REST API: how it is asked, and what its refusals mean.
//!
//! | answer | meaning |
//! |---|---|
//! | 2xx | done |
//! | 403 or 429 that speaks of a limit | try again, not before `retry-after`, or the reset that GitHub names, or a minute |
//! | 401 to a token that an App was granted | try again with a new one |
//! | 408, 425, 429, 5xx | try again |
//! | other | never; with GitHub's own words, and what to do |
//!
//! ([Rate limits](https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api))

use std::{fmt, sync::Arc, time::Duration};

use http::{
    HeaderMap, Method, StatusCode,
    header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER},
};
use jiff::Timestamp;
use serde_json::Value;

use super::access::Access;
use crate::{
    clock::Clock,
    handler::{
        HandlerError,
        answer::{Answer, wait_of},
        notice::excerpt,
        target::Target,
    },
    http_client::Unanswered,
    secret::Secret,
};

/// The version of the API whose answers are understood here.
const VERSION: &str = "2022-11-28";

/// The most that is read of an answer: thirty issues of the greatest length, four bytes a letter.
const MOST_READ: usize = 16 * 1024 * 1024;

/// The wait after a limit that names no end.
const A_MINUTE: Duration = Duration::from_mins(1);

/// The API of one repository.
pub(super) struct Api {
    target: Target,
    repository: [String; 2],
    access: Access,
    clock: Arc<dyn Clock>,
}

/// What is asked.
pub(super) struct Asked<'a> {
    /// The method.
    pub(super) method: Method,
    /// The path, segment by segment.
    pub(super) path: &'a [&'a str],
    /// What is asked for in particular.
    pub(super) query: &'a [(&'a str, &'a str)],
    /// What is sent.
    pub(super) body: Option<Value>,
    /// What must be given for that, in words.
    pub(super) needs: &'static str,
}

/// A "no".
#[derive(Debug)]
pub(super) struct Refused {
    /// The status, if there was an answer at all.
    pub(super) status: Option<StatusCode>,
    /// What it means.
    pub(super) error: HandlerError,
}

impl From<HandlerError> for Refused {
    fn from(error: HandlerError) -> Self {
        Self { status: None, error }
    }
}

impl From<Refused> for HandlerError {
    fn from(refused: Refused) -> Self {
        refused.error
    }
}

impl Api {
    pub(super) fn new(target: Target, repository: [String; 2], access: Access, clock: Arc<dyn Clock>) -> Self {
        Self { target, repository, access, clock }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn repository_name(&self) -> &str {
        &self.repository[1]
    }

    /// Asks something of the repository; the path goes on below `/repos/{owner}/{repo}`.
    pub(super) async fn ask(&self, ask: Asked<'_>) -> Result<Value, Refused> {
        let token = self.access.current(self).await?;
        let [owner, name] = &self.repository;
        let path: Vec<&str> = ["repos", owner, name].into_iter().chain(ask.path.iter().copied()).collect();
        let result = self.ask_with(&token, Asked { path: &path, ..ask }).await;
        match result {
            Err(Refused { status: Some(StatusCode::UNAUTHORIZED), error }) if self.access.forget(&token).await => {
                Err(error.once_more().into())
            }
            result => result,
        }
    }

    /// Asks with a token of the caller's.
    pub(super) async fn ask_with(&self, token: &Secret, ask: Asked<'_>) -> Result<Value, Refused> {
        let mut url = self.target.clone().below(ask.path).url().clone();
        if !ask.query.is_empty() {
            url.query_pairs_mut().extend_pairs(ask.query);
        }
        let request = self.target.request_to(ask.method, url)?;
        let mut request = request.bearer_auth(token.expose()).header(ACCEPT, "application/vnd.github+json");
        request = request.header("x-github-api-version", VERSION);
        if let Some(body) = ask.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        let mut response = request.send().await.map_err(|error| HandlerError::retry(Unanswered::from(error)))?;
        if !response.status().is_success() {
            let limit = limit(response.headers(), self.now());
            let answer = Answer::read(response, self.now()).await;
            return Err(Refused { status: Some(answer.status), error: refusal(&answer, limit, ask.needs) });
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| HandlerError::retry(Unanswered::from(error)))? {
            if bytes.len() + chunk.len() > MOST_READ {
                return Err(HandlerError::retry(format!("answered more than {MOST_READ} bytes")).into());
            }
            bytes.extend_from_slice(&chunk);
        }
        // 204 is an answer without a body.
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&bytes).map_err(|_| HandlerError::retry("answered something that is not JSON").into())
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("target", &self.target).field("repository", &self.repository.join("/")).finish_non_exhaustive()
    }
}

/// How long GitHub wants us to wait, if it says so.
fn limit(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u32>().ok();
    if let Some(seconds) = number(RETRY_AFTER.as_str()) {
        return Some(wait_of(seconds.into()));
    }
    // The reset is a time by GitHub's clock; a second more, for it may come in the middle of one.
    let reset = number("x-ratelimit-reset").filter(|_| number("x-ratelimit-remaining") == Some(0))?;
    Some(wait_of((f64::from(reset) - now.as_duration().as_secs_f64() + 1.0).max(1.0)))
}

fn refusal(answer: &Answer, limit: Option<Duration>, needs: &str) -> HandlerError {
    let status = answer.status;
    let said = words(answer).unwrap_or_else(|| excerpt(&answer.text, 200));
    let may_be_a_limit = matches!(status, StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS);
    let error = format!("GitHub answered {status}");
    let limit = limit.or_else(|| said.to_lowercase().contains("rate limit").then_some(A_MINUTE));
    if let Some(after) = limit.filter(|_| may_be_a_limit) {
        return HandlerError::retry_after(error, after).quoting(said);
    }
    if let Err(judged) = answer.judge()
        && !judged.is_reject()
    {
        return judged;
    }
    let hint = match status {
        StatusCode::UNAUTHORIZED => "the token is wrong, or was revoked, or has expired",
        StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => needs,
        StatusCode::GONE => "issues are turned off in the repository's settings",
        status if status.is_redirection() => "the repository was renamed or moved: change `repository`",
        _ => return HandlerError::reject(error).quoting(said),
    };
    HandlerError::reject(error).quoting(said).hint(hint)
}

/// GitHub's own words: its message, and what it says of each error.
fn words(answer: &Answer) -> Option<String> {
    let json = answer.json()?;
    let of_error = |error: &Value| {
        let field = |name: &str| error[name].as_str();
        let place = [field("resource"), field("field"), field("code")].into_iter().flatten().collect::<Vec<_>>().join(" ");
        error.as_str().or(field("message")).map_or(place, ToOwned::to_owned)
    };
    let errors = json["errors"].as_array().into_iter().flatten().map(of_error);
    let all: Vec<String> = [json["message"].as_str()?.to_owned()].into_iter().chain(errors).collect();
    Some(excerpt(&all.join("; "), 300))
}
