//! Slack's [Web API](https://docs.slack.dev/apis/web-api/): how it is asked, and what its refusals mean.
//!
//! | answer | meaning |
//! |---|---|
//! | 200 with `ok: true` | done |
//! | 429 | try again, not before `Retry-After` |
//! | 200 with a word for a passing trouble (`ratelimited`, `internal_error` …) | try again |
//! | 200 with any other word | never; with Slack's word, and what to do |
//! | 408, 425, 5xx, or no JSON | try again |
//! | other | never |

use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::{Method, header::CONTENT_TYPE};
use jiff::Timestamp;
use serde_json::Value;
use url::{Url, form_urlencoded};

use crate::{
    clock::Clock,
    handler::{
        HandlerError,
        answer::{self, Answer},
        notice::excerpt,
        target::Target,
    },
    http_client::Unanswered,
    plain,
    secret::Secret,
};

/// The most that is read of an answer: two hundred messages, with room for long ones.
const MOST_READ: usize = 8 * 1_024 * 1_024;

/// The API, as one bot may use it.
pub(super) struct Api {
    target: Target,
    token: Secret,
    clock: Arc<dyn Clock>,
}

/// A "no".
#[derive(Debug)]
pub(super) struct Refused {
    /// Slack's word for it, if it has said one.
    word: Option<String>,
    error: HandlerError,
}

impl Refused {
    /// Whether Slack refused with one of these words.
    pub(super) fn is(&self, words: &[&str]) -> bool {
        self.word.as_deref().is_some_and(|word| words.contains(&word))
    }
}

impl From<HandlerError> for Refused {
    fn from(error: HandlerError) -> Self {
        Self { word: None, error }
    }
}

impl From<Refused> for HandlerError {
    fn from(refused: Refused) -> Self {
        refused.error
    }
}

impl Api {
    pub(super) fn new(target: Target, token: Secret, clock: Arc<dyn Clock>) -> Self {
        Self { target, token, clock }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Calls a method that changes something.
    pub(super) async fn change(&self, method: &str, body: &Value) -> Result<Value, Refused> {
        self.call(method, "application/json; charset=utf-8", body.to_string()).await
    }

    /// Calls a method that takes no JSON, as those that only read do.
    pub(super) async fn ask(&self, method: &str, form: &[(&str, &str)]) -> Result<Value, Refused> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        self.call(method, "application/x-www-form-urlencoded", body).await
    }

    /// Sends a file to where Slack has said it wants it. The token does not go there.
    pub(super) async fn upload(&self, to: &str, bytes: Bytes) -> Result<(), HandlerError> {
        let url = Url::parse(to).ok().filter(|url| url.scheme() == self.target.url().scheme());
        let url = url.ok_or_else(|| HandlerError::reject("Slack wants the file where it would not be sent with TLS"))?;
        let request = self.target.request_to(Method::POST, url)?;
        let request = request.header(CONTENT_TYPE, "application/octet-stream").body(bytes);
        let response = request.send().await.map_err(Unanswered::from)?;
        answer::judge(response, self.now()).await
    }

    async fn call(&self, method: &str, content_type: &'static str, body: String) -> Result<Value, Refused> {
        let request = self.target.clone().below(&[method]).request(Method::POST)?;
        let request = request.bearer_auth(self.token.expose()).header(CONTENT_TYPE, content_type).body(body);
        let response = request.send().await.map_err(|error| HandlerError::retry(Unanswered::from(error)))?;
        let answer = Answer::read_up_to(MOST_READ, response, self.now()).await;
        answer.judge()?;
        let said = answer.json().filter(Value::is_object);
        let said = said.ok_or_else(|| HandlerError::retry("Slack answered something that is no JSON object"))?;
        if said["ok"] == true {
            return Ok(said);
        }
        let word = said["error"].as_str().filter(|word| plain::is_code(word));
        Err(Refused { word: word.map(ToOwned::to_owned), error: refusal(word, &said, &answer) })
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("target", &self.target).finish_non_exhaustive()
    }
}

fn refusal(word: Option<&str>, said: &Value, answer: &Answer) -> HandlerError {
    // What stands in the place of a word and is none.
    let strange = said["error"].as_str().filter(|_| word.is_none());
    let remarks = said["response_metadata"]["messages"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let remarks = excerpt(&strange.into_iter().chain(remarks).collect::<Vec<_>>().join("; "), 200);
    let word = word.unwrap_or("no word");
    let error = format!("Slack answered `{word}`");
    let hint = match word {
        "ratelimited"
        | "rate_limited"
        | "internal_error"
        | "fatal_error"
        | "service_unavailable"
        | "request_timeout"
        | "team_added_to_org"
        | "org_login_required" => return answer.again(error).quoting(remarks),
        "invalid_auth" | "not_authed" | "account_inactive" | "token_revoked" | "token_expired" => {
            "the token is wrong, or was revoked: install the app to the workspace and take its bot token"
        }
        "channel_not_found" => "there is no such channel, or it is private and the app is not in it: invite the app",
        "not_in_channel" => "the app is not in the channel: invite it",
        "is_archived" => "the channel is archived: name another one in `channel`",
        "missing_scope" | "no_permission" => {
            let needed = said["needed"].as_str().filter(|needed| needed.split(',').all(plain::is_code));
            let needed = needed.map(|needed| format!(" `{}`", excerpt(needed, 80))).unwrap_or_default();
            &format!("give the app the scope{needed} and install it to the workspace again")
        }
        "msg_too_long" | "msg_blocks_too_long" | "invalid_blocks" | "invalid_attachments" => {
            "Slack does not take the message as it is: look at `template`"
        }
        "ekm_access_denied" => "an administrator has suspended posting",
        word if word.starts_with("restricted_action") => "a setting of the workspace keeps the app from posting there",
        _ => return HandlerError::reject(error).quoting(remarks),
    };
    HandlerError::reject(error).quoting(remarks).hint(hint)
}
