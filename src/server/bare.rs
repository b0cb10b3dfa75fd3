//! What is said on a connection where there is no request to answer: fixed words in the form of all others, written as they are.
//!
//! A head that never ends is answered by [`deadlines`](super::deadlines). A head that hyper cannot read it answers by itself, with a status
//! and no words; what it is about to write is exchanged for an answer from here. The connection ends after either.

/// To a head that did not arrive in time.
pub(super) const TOO_SLOW: &[u8] = b"HTTP/1.1 408 Request Timeout\r\ncontent-type: application/json\r\ncontent-length: 20\r\n\
    connection: close\r\n\r\n{\"error\":\"too slow\"}";

/// To a head with too many bytes or headers.
const TOO_LARGE: &[u8] =
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/json\r\ncontent-length: 21\r\n\
    connection: close\r\n\r\n{\"error\":\"too large\"}";

/// To a head that is none, or none that can be read in one way only.
const BAD_REQUEST: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: 23\r\n\
    connection: close\r\n\r\n{\"error\":\"bad request\"}";

/// What to say instead of an answer that hyper has made by itself. It is known by having no words: every answer of ours to a bad request
/// has some.
pub(super) fn instead_of(answer: &[u8]) -> Option<&'static [u8]> {
    let ours = match answer.get(.."HTTP/1.1 4xx".len())? {
        b"HTTP/1.1 400" => BAD_REQUEST,
        b"HTTP/1.1 414" | b"HTTP/1.1 431" => TOO_LARGE,
        _ => return None,
    };
    let no_words = b"\r\ncontent-length: 0\r\n";
    let is_wordless = answer.ends_with(b"\r\n\r\n") && answer.windows(no_words.len()).any(|part| part == no_words);
    is_wordless.then_some(ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_is_as_long_as_it_says() {
        for answer in [TOO_SLOW, TOO_LARGE, BAD_REQUEST] {
            let answer = str::from_utf8(answer).unwrap();
            let (head, words) = answer.split_once("\r\n\r\n").unwrap();
            assert!(head.contains(&format!("\r\ncontent-length: {}\r\n", words.len())), "{answer}");
            assert!(serde_json::from_str::<serde_json::Value>(words).unwrap()["error"].is_string());
        }
    }

    #[track_caller]
    fn check(answer: &str, ours: Option<&str>) {
        let said = instead_of(answer.as_bytes()).map(|answer| str::from_utf8(answer).unwrap());
        assert_eq!(said.map(|said| &said[.."HTTP/1.1 4xx".len()]), ours, "{answer:?}");
    }

    #[test]
    fn only_what_has_no_words_is_exchanged() {
        check("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\ndate: now\r\n\r\n", Some("HTTP/1.1 400"));
        check("HTTP/1.1 414 URI Too Long\r\nconnection: close\r\ncontent-length: 0\r\n\r\n", Some("HTTP/1.1 431"));
        check("HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\n\r\n", Some("HTTP/1.1 431"));
        check("HTTP/1.1 400 Bad Request\r\ncontent-length: 23\r\n\r\n{\"error\":\"bad request\"}", None);
        check("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", None);
        check("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n", None);
        check("HTTP/1.1", None);
    }
}
