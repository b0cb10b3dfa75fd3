//! The reasons for which requests are refused, in words for whoever has to decide whether anything needs to be done.

/// What a reason means to a person.
#[derive(Debug)]
pub(super) struct Words {
    reason: &'static str,
    pub(super) title: &'static str,
    pub(super) meaning: &'static str,
    pub(super) remedy: &'static str,
}

impl Words {
    const fn new(reason: &'static str, title: &'static str, meaning: &'static str, remedy: &'static str) -> Self {
        Self { reason, title, meaning, remedy }
    }
}

/// The words for a reason.
pub(super) fn words(reason: &str) -> Option<&'static Words> {
    WORDS.iter().find(|words| words.reason == reason)
}

const WORDS: &[Words] = &[
    Words::new(
        "wrong",
        "Signature does not match",
        "It has the form of Apple's signature, but no secret of the endpoint makes it of these bytes.",
        "If it is Apple: set the same secret here and at Apple (webhooks rotate-secret), and look for a proxy that changes bodies. \
             If Apple's events arrive all the same, somebody forges them, and nothing needs to be done.",
    ),
    Words::new(
        "absent",
        "No signature",
        "Apple signs everything, so this is a stranger, or a proxy that drops the header X-Apple-Signature.",
        "Nothing, if Apple's events arrive. If they do not, have the proxy pass the header on.",
    ),
    Words::new(
        "malformed",
        "Signature in another form",
        "The header is not hmacsha256= and 64 hexadecimal digits, as Apple writes it.",
        "Nothing, if Apple's events arrive: a stranger, or a sender of another service.",
    ),
    Words::new(
        "repeated",
        "Several signatures",
        "The header came more than once, and Apple sends it once.",
        "If it comes through a proxy, have it pass the header on once.",
    ),
    Words::new(
        "wrong_token",
        "Wrong token",
        "The address of this endpoint ends with a token, and the request had none or another.",
        "If Xcode Cloud's news do not arrive, compare the address there with the endpoint's tokens. Else it is a stranger.",
    ),
    Words::new(
        "full",
        "No room on the disk",
        "Less than store.reserve is free, so nothing new is kept. What is kept is still being handled.",
        "Make room, and service resumes by itself. With a key in [asc], recovery fetches what was turned away. Without one, have Apple \
             redeliver it.",
    ),
    Words::new(
        "busy",
        "The store cannot keep up",
        "More comes in than the disk can sync.",
        "Look at asc_webhooks_accept_duration_seconds, and for what else uses the disk.",
    ),
    Words::new(
        "unavailable",
        "The store could not be reached",
        "Nothing could be kept at that time.",
        "See whether the store's file and its folder are where they were, and may be written; the log says what was tried. With a key in \
             [asc], recovery fetches what was turned away.",
    ),
    Words::new(
        "silent",
        "The store does not answer",
        "It was asked to prove that it works, and has said nothing.",
        "Look at the disk: a network file system that is gone, or a device that hangs, answers nothing.",
    ),
    Words::new(
        "broken",
        "A write failed",
        "Nobody knows what is on the disk after that, so the program ends and reads it afresh.",
        "Look at the kernel's log for the disk.",
    ),
    Words::new(
        "unreadable",
        "The store cannot be read",
        "What is in it is not what this version writes.",
        "Was it changed by a newer version, or by hand? The log says more.",
    ),
    Words::new(
        "too_many",
        "Too many at a time",
        "As many notifications were waiting for the disk as server.max_in_flight allows.",
        "If it comes again, look at the disk first, then raise the limit.",
    ),
    Words::new(
        "too_many_connections",
        "Kept waiting for a connection",
        "As many connections were open as server.max_connections allows, or the process may have files for, so these waited until others \
             ended. They were answered all the same.",
        "If it comes again, see who holds them: asc_webhooks_connections_open counts them. A proxy in front may hold fewer, or the \
             limit be raised.",
    ),
    Words::new(
        "too_much",
        "Too much unproven",
        "Large bodies that were still arriving, or not yet verified, took up the 64 MiB that all such bodies have together.",
        "See below from where: somebody sends large bodies at us. Apple's notifications are so small that they never need this room.",
    ),
    Words::new(
        "panicked",
        "A fault of this program",
        "Something in our own code panicked.",
        "The log has the place; please report it.",
    ),
    Words::new(
        "stopping",
        "While stopping",
        "The program was being stopped or restarted.",
        "With a key in [asc], recovery fetches what Apple sent in that time. Without one, have Apple redeliver it.",
    ),
    Words::new(
        "too_large",
        "Body too large",
        "It has more bytes than server.max_body allows. Apple's notifications are far smaller.",
        "Nothing, if Apple's events arrive.",
    ),
    Words::new(
        "too_slow",
        "Body too slow",
        "It did not arrive within server.body_timeout.",
        "Nothing, if it is a stranger. If it is a proxy, look at the network between.",
    ),
    Words::new(
        "interrupted",
        "Broken off",
        "The sender went away in the middle of the body.",
        "Nothing, if it is a stranger. If it was Apple: with a key in [asc], recovery fetches it; without one, have Apple redeliver it.",
    ),
    Words::new(
        "wrong_method",
        "Not a POST",
        "Somebody opened the address of an endpoint, in a browser perhaps.",
        "Nothing: only notifications are taken there.",
    ),
    Words::new(
        "unknown_path",
        "No such path",
        "No endpoint has this path. Strangers try many.",
        "If Apple's events do not arrive, compare the address of the webhook at Apple with the paths of the endpoints.",
    ),
    Words::new(
        "head_too_slow",
        "Head too slow",
        "A request was begun, and its head did not arrive within server.head_timeout.",
        "Nothing, if it is a stranger. If it is a proxy, look at the network between.",
    ),
    Words::new(
        "head_too_large",
        "Head too large",
        "Its head has more than 32 KiB, or more than 100 headers. Apple's have a dozen.",
        "Nothing, if it is a stranger. A proxy may add too much: cookies, or what it knows of the client.",
    ),
    Words::new(
        "garbled",
        "No proper request",
        "What came is no request of HTTP/1.1: TLS or HTTP/2 where neither is spoken, a scanner, a head that contradicts itself, or \
             a body in chunks that are none.",
        "Nothing, if it is a stranger. If it is your proxy, have it speak plain HTTP/1.1 to this address.",
    ),
    Words::new(
        "ambiguous",
        "Ambiguous",
        "It names no host or several, or asks as one asks a proxy: others might read it differently.",
        "Nothing, if Apple's events arrive.",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::server::{error::Refused, health::Because};

    #[test]
    fn every_reason_has_words_of_its_own() {
        let titles: BTreeSet<_> = Refused::REASONS.iter().map(|reason| words(reason).map(|words| words.title)).collect();
        assert_eq!(titles.len(), Refused::REASONS.len());
        assert!(!titles.contains(&None), "a reason has no words");
    }

    #[test]
    fn whatever_keeps_us_from_being_ready_has_words() {
        assert!(Because::ALL.iter().all(|because| words(because.reason()).is_some()));
    }
}
