//! What an answer means: done, try again (perhaps not before some time), or never.
//!
//! | status | meaning |
//! |---|---|
//! | 2xx | done |
//! | 408, 425, 5xx | try again |
//! | 429, 503 | try again, not before `Retry-After` |
//! | 3xx | never: the URL has moved, and only the configuration may follow |
//! | other | never |

use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use jiff::{Timestamp, fmt::rfc2822};
use reqwest::Response;
use url::Url;

use super::{HandlerError, notice::excerpt};

/// The most that is read of an answer.
const MOST_READ: usize = 64 * 1024;

/// The most characters of an answer that an error shows.
const MOST_SHOWN: usize = 200;

/// The longest wait that an answer can ask for. Who asks for more has most likely made a mistake.
const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// What another server answered.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// The status.
    pub(super) status: StatusCode,
    /// The beginning of the body.
    pub(super) text: String,
    /// How long we are asked to wait.
    retry_after: Option<Duration>,
    /// Where we are sent instead.
    elsewhere: Option<String>,
}

/// Judges by the status alone: what a server says besides "yes" is not waited for.
pub(super) async fn judge(response: Response, now: Timestamp) -> Result<(), HandlerError> {
    if response.status().is_success() {
        return Ok(());
    }
    Answer::read(response, now).await.judge()
}

impl Answer {
    /// Reads what was answered; what there is of it, if it breaks off.
    pub(super) async fn read(response: Response, now: Timestamp) -> Self {
        Self::read_up_to(MOST_READ, response, now).await
    }

    /// The same, with so many bytes of the body.
    pub(super) async fn read_up_to(most: usize, mut response: Response, now: Timestamp) -> Self {
        let status = response.status();
        Self {
            status,
            retry_after: retry_after(response.headers(), now),
            elsewhere: status.is_redirection().then(|| elsewhere(response.url(), response.headers())).flatten(),
            text: beginning(&mut response, most).await,
        }
    }

    /// The body, if it is JSON.
    pub(super) fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_str(&self.text).ok()
    }

    /// Try again, and not before the wait that is asked for.
    pub(super) fn again(&self, error: String) -> HandlerError {
        match self.retry_after {
            Some(after) => HandlerError::retry_after(error, after),
            None => HandlerError::retry(error),
        }
    }

    /// What it means by its status.
    pub(super) fn judge(&self) -> Result<(), HandlerError> {
        let status = self.status;
        if status.is_success() {
            return Ok(());
        }
        if status.is_redirection() {
            return Err(match &self.elsewhere {
                Some(to) => HandlerError::reject(format!("answered {status}"))
                    .quoting(format!("pointing to `{to}`"))
                    .hint("redirects are not followed, change `url`"),
                None => HandlerError::reject(format!("answered {status}, expected 2xx; redirects are not followed")),
            });
        }
        let error = format!("answered {status}");
        let refusal = match status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => self.again(error),
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY => HandlerError::retry(error),
            status if status.is_server_error() => HandlerError::retry(error),
            _ => HandlerError::reject(error),
        };
        Err(refusal.quoting(excerpt(&self.text, MOST_SHOWN)))
    }
}

/// The wait that a service asks for in its body, in seconds, within reason.
pub(super) fn wait_of(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).map_or(LONGEST_WAIT, |wait| wait.min(LONGEST_WAIT))
}

/// The text at the beginning of the body; what there is of it, if it breaks off.
async fn beginning(response: &mut Response, most: usize) -> String {
    let mut bytes = Vec::new();
    while bytes.len() < most {
        let Ok(Some(chunk)) = response.chunk().await else { break };
        bytes.extend_from_slice(&chunk[..chunk.len().min(most - bytes.len())]);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn elsewhere(from: &Url, headers: &HeaderMap) -> Option<String> {
    let mut to = from.join(headers.get(header::LOCATION)?.to_str().ok()?).ok()?;
    // Tokens travel in queries.
    to.set_query(None);
    to.set_fragment(None);
    Some(excerpt(to.as_str(), MOST_SHOWN))
}

/// Seconds, or a date ([RFC 9110](https://www.rfc-editor.org/rfc/rfc9110#field.retry-after)).
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        value.parse().map_or(LONGEST_WAIT, Duration::from_secs)
    } else {
        let at = rfc2822::parse(value).ok()?.timestamp();
        Duration::try_from(at.duration_since(now)).unwrap_or_default()
    };
    Some(wait.min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &str, seconds: Option<u64>) {
        let now = "2026-03-02T09:30:00Z".parse().unwrap();
        let headers = HeaderMap::from_iter([(header::RETRY_AFTER, value.parse().unwrap())]);
        assert_eq!(retry_after(&headers, now), seconds.map(Duration::from_secs), "{value:?}");
    }

    #[test]
    fn reads_retry_after() {
        check("0", Some(0));
        check(" 120 ", Some(120));
        check("86401", Some(86400));
        check("99999999999999999999999", Some(86400));
        check("Mon, 02 Mar 2026 09:31:30 GMT", Some(90));
        check("Mon, 02 Mar 2026 09:29:00 GMT", Some(0));
        check("Mon, 02 Mar 2099 09:29:00 GMT", Some(86400));
        check("", None);
        check("-1", None);
        check("1.5", None);
        check("soon", None);
    }
}
