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

use super::super::{HandlerError, notice::excerpt};

/// The most that is read of an answer.
const MOST_READ: usize = 64 * 1024;

/// The most characters of an answer that an error shows.
const MOST_SHOWN: usize = 200;

/// The longest wait that an answer can ask for. Who asks for more has most likely made a mistake.
const LONGEST_WAIT: Duration = Duration::from_hours(24);

pub(super) async fn judge(mut response: Response, now: Timestamp) -> Result<(), HandlerError> {
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    if status.is_redirection() {
        return Err(HandlerError::reject(redirected(status, response.url(), response.headers())));
    }
    let after = retry_after(response.headers(), now);
    let said = excerpt(&beginning(&mut response).await, MOST_SHOWN);
    let error = if said.is_empty() { format!("answered {status}") } else { format!("answered {status}: {said}") };
    Err(match (status, after) {
        (StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE, Some(after)) => HandlerError::retry_after(error, after),
        (StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS, _) => HandlerError::retry(error),
        (status, _) if status.is_server_error() => HandlerError::retry(error),
        _ => HandlerError::reject(error),
    })
}

/// The text at the beginning of the body; what there is of it, if it breaks off.
async fn beginning(response: &mut Response) -> String {
    let mut bytes = Vec::new();
    while bytes.len() < MOST_READ {
        let Ok(Some(chunk)) = response.chunk().await else { break };
        bytes.extend_from_slice(&chunk[..chunk.len().min(MOST_READ - bytes.len())]);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn redirected(status: StatusCode, from: &Url, headers: &HeaderMap) -> String {
    let location = headers.get(header::LOCATION).and_then(|value| value.to_str().ok()).and_then(|value| from.join(value).ok());
    let Some(mut to) = location else { return format!("answered {status}, expected 2xx; redirects are not followed") };
    // Tokens travel in queries.
    to.set_query(None);
    to.set_fragment(None);
    format!("answered {status}, pointing to `{}`; redirects are not followed, change `url`", excerpt(to.as_str(), MOST_SHOWN))
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
