//! Takes secrets out of what others say.
//!
//! Whoever is sent a secret may quote it: a service that refuses a credential, a program that tells every command it runs. What they
//! say is kept for people to read, so each place of a secret in it becomes [`STRUCK_OUT`] first. A secret is known by its own
//! spelling, as JSON spells it, and by its parts: what follows the scheme of a credential, each line of a key, and of a URL everything
//! but where it leads. The beginning of a secret is known too where a text was cut.
//!
//! What others have made of a secret (a digest, Base64, half of it) is not known here, and nobody could know it.

use std::fmt;

use url::{Position, Url};

use super::Secret;

/// What stands where a secret stood.
pub const STRUCK_OUT: &str = "***";

/// The fewest bytes of a secret that are struck out. What is shorter protects nothing, is found in every sentence, and would be told
/// by the letters that are missing.
const SHORTEST: usize = 4;

/// The fewest bytes of a line or of a segment of a path that may be a secret by themselves. What is shorter is a word.
const TELLING: usize = 16;

/// The mark of whoever cuts a text.
const CUT: char = '…';

/// What knows some secrets and strikes them out.
#[derive(Clone, Default)]
pub struct Redactor(Vec<Secret>);

impl Redactor {
    /// Learns these secrets.
    pub fn new<'s>(secrets: impl IntoIterator<Item = &'s Secret>) -> Self {
        let parts = secrets.into_iter().flat_map(|secret| parts(secret.expose()));
        let mut texts: Vec<String> = parts.flat_map(|part| [in_json(&part), part]).filter(|text| text.len() >= SHORTEST).collect();
        // The longest first: a part that is struck out would hide the whole.
        texts.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        texts.dedup();
        Self(texts.into_iter().map(Secret::new).collect())
    }

    /// The text without them.
    pub fn strike_out(&self, text: &str) -> String {
        let text = self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret.expose(), STRUCK_OUT));
        let (mut struck, mut rest) = (String::with_capacity(text.len()), text.as_str());
        while let Some(cut) = rest.find(CUT) {
            match self.beginning_at_the_end_of(&rest[..cut]) {
                Some(start) => struck.extend([&rest[..start], STRUCK_OUT]),
                None => struck.push_str(&rest[..cut]),
            }
            struck.push(CUT);
            rest = &rest[cut + CUT.len_utf8()..];
        }
        struck + rest
    }

    /// Where the beginning of a secret begins that is the end of a text.
    fn beginning_at_the_end_of(&self, text: &str) -> Option<usize> {
        let beginnings = self.0.iter().map(Secret::expose).filter_map(|secret| {
            let ends = secret.char_indices().map(|(end, _)| end).rev().filter(|end| *end >= SHORTEST);
            ends.into_iter().find(|end| text.ends_with(&secret[..*end]))
        });
        beginnings.max().map(|length| text.len() - length)
    }
}

/// How many it knows is all that it says.
impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({})", self.0.len())
    }
}

/// What of a text must not be shown.
fn parts(text: &str) -> Vec<String> {
    if let Ok(url) = Url::parse(text)
        && url.has_host()
    {
        return parts_of_url(&url);
    }
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    // `Bearer TOKEN`, of which only the token is secret.
    let credential = text.split_once(' ').map(|(_, credential)| credential.trim());
    let lines = text.lines().filter(|line| line.len() >= TELLING);
    let parts = lines.chain(credential).map(str::to_owned);
    parts.chain([text.to_owned(), words]).collect()
}

/// Everything but the scheme and the host.
fn parts_of_url(url: &Url) -> Vec<String> {
    let segments = url.path_segments().into_iter().flatten().filter(|segment| segment.len() >= TELLING);
    let query = url.query().into_iter().flat_map(|query| query.split('&')).filter_map(|pair| pair.split_once('='));
    let written = [&url[Position::BeforePath..Position::AfterQuery], url.path(), url.username()].into_iter();
    let written = written.chain(url.query()).chain(url.fragment()).chain(url.password());
    let written = written.chain(segments).chain(query.map(|(_, value)| value)).map(str::to_owned);
    written.chain(url.query_pairs().map(|(_, value)| value.into_owned())).collect()
}

/// A text as it stands within JSON, without the quotes around it.
fn in_json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(secret: &str, said: &str, expected: &str) {
        assert_eq!(Redactor::new([&Secret::new(secret)]).strike_out(said), expected);
    }

    #[test]
    fn a_secret_is_struck_out_wherever_it_stands() {
        check("hunter2", "no hunter2, nor `hunter2`", "no ***, nor `***`");
        check("hunter2", "no Hunter2", "no Hunter2");
        check("a \"b\" c", r#"no a "b" c, nor {"said": "a \"b\" c"}"#, r#"no ***, nor {"said": "***"}"#);
        check("abc", "an abc is no secret", "an abc is no secret");
        check("", "nothing", "nothing");
    }

    #[test]
    fn so_are_its_parts() {
        check("Bearer hunter2", "unknown credential Bearer hunter2", "unknown credential ***");
        check("Bearer hunter2", "unknown token hunter2; Bearer expected", "unknown token ***; Bearer expected");
        check("one  two\nthree", "said: one two three", "said: ***");
        check("BEGIN\nMIGTAgEAMBMGByqGSM49\nEND", "+ KEY=BEGIN | MIGTAgEAMBMGByqGSM49 | END", "+ KEY=BEGIN | *** | END");
    }

    #[test]
    fn of_a_url_only_the_host_is_told() {
        let url = "https://anna:hunter2@ci.example.com/hooks/T0123456789ABCDEF?token=a%20secret&x=1#part";
        check(url, "POST /hooks/T0123456789ABCDEF?token=a%20secret&x=1 HTTP/1.1", "POST *** HTTP/1.1");
        check(url, "no T0123456789ABCDEF with `a secret` or a%20secret of anna", "no *** with `***` or *** of ***");
        check(url, "no answer of ci.example.com for hunter2", "no answer of ci.example.com for ***");
        check("https://api.github.com", "see https://api.github.com/", "see https://api.github.com/");
    }

    #[test]
    fn so_is_the_beginning_of_one_where_a_text_was_cut() {
        check("hunter2-and-more", "no hunter2-a…", "no ***…");
        check("hunter2-and-more", "no hunter… and no hunt… nor hun…", "no ***… and no ***… nor hun…");
        check("hunter2-and-more", "no hunter2-a", "no hunter2-a");
        check("gehäuse", "no gehä…", "no ***…");
    }

    #[test]
    fn the_longest_goes_first_and_none_is_printed() {
        let redactor = Redactor::new([&Secret::new("hunter2"), &Secret::new("hunter2-more"), &Secret::new("hunter2")]);
        assert_eq!(redactor.strike_out("hunter2-more, hunter2"), "***, ***");
        assert_eq!(format!("{redactor:?}"), "Redactor(2)");
    }
}
