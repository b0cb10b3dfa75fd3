//! What was probably meant by a word that nobody knows.
//!
//! A key, a kind or a name that there is not is refused wherever it stands, and whoever wrote it is asked about the one that it looks
//! like. How much alike two words are is told by how many letters would have to be changed, whether capital or not. What is like
//! nothing that there is gets no question: a wrong guess is worse than none.

/// How much alike two words are of which one may be meant by the other; 1 is the same.
const ALIKE: f64 = 0.6;

/// The known word that `found` is most like, if it is like one at all.
pub(crate) fn nearest<'k>(found: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let found = found.to_lowercase();
    let likeness = |word: &str| strsim::normalized_damerau_levenshtein(&found, &word.to_lowercase());
    let alike = known.into_iter().map(|word| (likeness(word), word)).filter(|(likeness, _)| *likeness >= ALIKE);
    alike.max_by(|(one, _), (other, _)| one.total_cmp(other)).map(|(_, word)| word)
}

/// Asks whether the word was meant.
pub(crate) fn question(word: &str) -> String {
    format!("did you mean `{word}`?")
}

/// Asks whether the known word was meant that `found` is most like, if it is like one at all.
pub(crate) fn did_you_mean<'k>(found: &str, known: impl IntoIterator<Item = &'k str>) -> Option<String> {
    nearest(found, known).map(question)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 5] = ["listen", "timeout", "head_timeout", "REJECTED", "url"];

    #[track_caller]
    fn check(found: &str, meant: Option<&str>) {
        assert_eq!(nearest(found, KNOWN), meant, "for `{found}`");
    }

    #[test]
    fn the_word_that_is_most_alike_was_meant() {
        check("lisen", Some("listen"));
        check("timoeut", Some("timeout"));
        check("head-timeout", Some("head_timeout"));
        check("uri", Some("url"));
        check("Rejectd", Some("REJECTED"));
        check("rejected", Some("REJECTED"));
    }

    #[test]
    fn a_word_that_is_like_none_is_not_guessed_at() {
        check("", None);
        check("retention", None);
        check("time", None);
        assert_eq!(nearest("listen", []), None);
    }

    #[test]
    fn the_question_names_what_was_meant() {
        assert_eq!(did_you_mean("lisen", KNOWN).as_deref(), Some("did you mean `listen`?"));
        assert_eq!(did_you_mean("retention", KNOWN), None);
    }
}
