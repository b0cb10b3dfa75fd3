//! What a token says, when it is renewed, and which keys are refused.

use std::time::Duration;

use p256::{
    SecretKey,
    ecdsa::{VerifyingKey, signature::Verifier as _},
    pkcs8::{
        EncodePrivateKey as _, LineEnding,
        der::{Any, asn1::OctetStringRef},
        spki::AlgorithmIdentifier,
    },
};
use serde_json::{Value, json};

use super::*;
use crate::clock::ManualClock;

const NOON: &str = "2026-11-21T12:00:00Z";

fn private_key() -> SecretKey {
    SecretKey::from_slice(&[7; 32]).unwrap()
}

fn pem() -> Secret {
    Secret::new(private_key().to_pkcs8_pem(LineEnding::LF).unwrap().as_str())
}

/// A key that is well formed, of whatever algorithm, with nothing of use inside.
fn pem_of(algorithm: &str, curve: Option<&str>) -> Secret {
    let parameters = curve.map(|oid| Any::encode_from(&ObjectIdentifier::new(oid).unwrap()).unwrap());
    let algorithm = AlgorithmIdentifier { oid: ObjectIdentifier::new(algorithm).unwrap(), parameters };
    let parameters = algorithm.parameters.as_ref().map(Into::into);
    let algorithm = AlgorithmIdentifier { oid: algorithm.oid, parameters };
    let info = PrivateKeyInfoRef::new(algorithm, OctetStringRef::new(&[1, 2, 3]).unwrap());
    Secret::new(SecretDocument::encode_msg(&info).unwrap().to_pem("PRIVATE KEY", LineEnding::LF).unwrap().as_str())
}

fn tokens(credentials: Credentials) -> (Tokens, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(NOON.parse().unwrap()));
    (Tokens::new(credentials, Arc::clone(&clock) as Arc<dyn Clock>), clock)
}

/// Takes a token apart the way Apple does: the signature first.
#[track_caller]
fn verified(token: &Secret) -> (Value, Value) {
    let (signed, signature) = token.expose().rsplit_once('.').unwrap();
    let signature = Signature::from_slice(&URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
    VerifyingKey::from(private_key().public_key()).verify(signed.as_bytes(), &signature).unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let part = |text| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap();
    (part(header), part(claims))
}

#[test]
fn a_team_key_says_who_issued_it() {
    let (tokens, _) = tokens(Credentials::team("KEY1234567", " 57246542-96fe-1a63-e053-0824d011072a\n", &pem()).unwrap());
    let (header, claims) = verified(&tokens.current());
    assert_eq!(header, json!({ "alg": "ES256", "kid": "KEY1234567", "typ": "JWT" }));
    let start = NOON.parse::<Timestamp>().unwrap().as_second() - 60;
    let expected = json!({
        "iss": "57246542-96fe-1a63-e053-0824d011072a", "iat": start, "exp": start + 19 * 60, "aud": "appstoreconnect-v1",
    });
    assert_eq!(claims, expected);
}

#[test]
fn an_individual_key_says_user_and_nothing_of_an_issuer() {
    let (tokens, _) = tokens(Credentials::individual("KEY1234567", &pem()).unwrap());
    let (_, claims) = verified(&tokens.current());
    assert_eq!(claims["sub"], "user");
    assert_eq!(claims.get("iss"), None);
}

#[test]
fn a_token_is_used_until_shortly_before_its_end() {
    let (tokens, clock) = tokens(Credentials::individual("KEY1234567", &pem()).unwrap());
    let mut made: Vec<String> = Vec::new();
    for _ in 0..60 {
        let token = tokens.current();
        let left = verified(&token).1["exp"].as_i64().unwrap() - clock.now().as_second();
        assert!((3 * 60..=20 * 60).contains(&left), "{left} seconds of life at {}", clock.now());
        if made.last().map(String::as_str) != Some(token.expose()) {
            made.push(token.expose().to_owned());
        }
        clock.advance(Duration::from_mins(1));
    }
    assert_eq!(made.len(), 4, "an hour takes one token every fifteen minutes");
}

#[test]
fn a_clock_set_back_makes_a_new_token() {
    #[derive(Debug)]
    struct Turned(Mutex<Timestamp>);
    impl Clock for Turned {
        fn now(&self) -> Timestamp {
            *self.0.lock().unwrap()
        }
        fn steady(&self) -> Timestamp {
            self.now()
        }
    }
    let clock = Arc::new(Turned(Mutex::new(NOON.parse().unwrap())));
    let tokens = Tokens::new(Credentials::individual("KEY1234567", &pem()).unwrap(), Arc::clone(&clock) as Arc<dyn Clock>);
    let first = tokens.current();
    *clock.0.lock().unwrap() = "2026-11-21T09:00:00Z".parse().unwrap();
    let second = tokens.current();
    assert_ne!(first.expose(), second.expose());
    assert_eq!(verified(&second).1["iat"], clock.now().as_second() - 60);
}

#[test]
fn a_key_may_come_with_talk_around_it_and_foreign_line_breaks() {
    let text = format!("\u{feff}Key: mine\r\n{}\r\n\r\n", pem().expose().replace('\n', "\r\n"));
    assert!(Credentials::individual("KEY1234567", &Secret::new(text)).is_ok());
}

#[test]
fn what_is_wrong_with_a_key_is_said() {
    let labelled = |label: &str| Secret::new(format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n"));
    let elliptic = "1.2.840.10045.2.1";
    let good = pem();
    let keys = [
        ("nothing", Secret::new("")),
        ("a path", Secret::new("/etc/keys/AuthKey_KEY1234567.p8")),
        ("line breaks lost", Secret::new(good.expose().replace('\n', "\\n"))),
        ("cut short", Secret::new(&good.expose()[..60])),
        ("half a first line", Secret::new("-----BEGIN PRIVATE")),
        ("junk inside", labelled("PRIVATE KEY")),
        ("a certificate", labelled("CERTIFICATE")),
        ("a public key", labelled("PUBLIC KEY")),
        ("SEC 1", labelled("EC PRIVATE KEY")),
        ("under a password", labelled("ENCRYPTED PRIVATE KEY")),
        ("OpenSSH", labelled("OPENSSH PRIVATE KEY")),
        ("a secret in the label", labelled("hunter2 is my password")),
        ("P-384", pem_of(elliptic, Some("1.3.132.0.34"))),
        ("no curve", pem_of(elliptic, None)),
        ("RSA", pem_of("1.2.840.113549.1.1.1", None)),
        ("Ed25519", pem_of("1.3.101.112", None)),
        ("X25519", pem_of("1.3.101.110", None)),
        ("P-256 with nothing in it", pem_of(elliptic, Some("1.2.840.10045.3.1.7"))),
    ];
    let told = keys.map(|(name, key)| format!("{name}: {}", Credentials::individual("KEY1234567", &key).unwrap_err())).join("\n");
    insta::assert_snapshot!(told);
}

#[test]
fn empty_names_are_said() {
    assert_eq!(Credentials::team(" ", "issuer", &pem()).unwrap_err(), CredentialsError::NoKeyId);
    assert_eq!(Credentials::team("KEY1234567", "\n", &pem()).unwrap_err(), CredentialsError::NoIssuerId);
}

#[test]
fn nothing_secret_is_printed() {
    let credentials = Credentials::team("KEY1234567", "issuer", &pem()).unwrap();
    let (tokens, _) = tokens(credentials);
    let token = tokens.current();
    let printed = format!("{tokens:?} {tokens:#?}");
    assert!(printed.contains("KEY1234567"), "{printed}");
    for secret in [token.expose(), "BwcHBw", "[7, 7", "7, 7, 7", "0707", "PRIVATE"] {
        assert!(!printed.contains(secret), "`{secret}` in {printed}");
    }
}
