//! What counts as Apple's signature, and what does not.

use super::*;

const SECRET: &str = "This is my secret";
const BODY: &[u8] = b"Hello, World!";
/// Apple's published vector for the two above.
const VECTOR: &str = "7f062172b01cb00b53ca068614674a3d982a34062a0f5d37687d5e3377e54657";

fn keys(secrets: &[(&str, Option<i64>)]) -> Secrets {
    Secrets::new(secrets.iter().map(|(secret, end)| {
        SigningKey::new(&Secret::new(*secret), *secret).until(end.map(|second| Timestamp::from_second(second).unwrap()))
    }))
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[track_caller]
fn check(header: &str, expected: Result<(), Refusal>) {
    let verified = keys(&[(SECRET, None)]).verify([header.as_bytes()], Bytes::from_static(BODY), at(0));
    assert_eq!(verified.map(|_| ()), expected, "header {header:?}");
}

#[test]
fn apples_vector_holds_in_both_directions() {
    assert_eq!(sign(&Secret::new(SECRET), BODY).to_string(), format!("hmacsha256={VECTOR}"));
    check(&format!("hmacsha256={VECTOR}"), Ok(()));
}

#[test]
fn the_header_is_read_strictly_but_for_case_and_surrounding_space() {
    let upper = VECTOR.to_ascii_uppercase();
    for accepted in [
        format!("HMACSHA256={VECTOR}"),
        format!("HmacSha256={upper}"),
        format!("hmacsha256={upper}"),
        format!(" hmacsha256={VECTOR}"),
        format!("hmacsha256={VECTOR}\t "),
    ] {
        check(&accepted, Ok(()));
    }
    for malformed in [
        String::new(),
        " ".into(),
        "hmacsha256".into(),
        "hmacsha256=".into(),
        "hmacsha256= ".into(),
        VECTOR.into(),
        format!("sha256={VECTOR}"),
        format!("hmacsha512={VECTOR}"),
        format!("hmacsha256:{VECTOR}"),
        format!("hmacsha256 ={VECTOR}"),
        format!("hmacsha256= {VECTOR}"),
        format!("hmacsha256=0x{VECTOR}"),
        format!("hmacsha256={}", &VECTOR[..63]),
        format!("hmacsha256={}", &VECTOR[..62]),
        format!("hmacsha256={VECTOR}0"),
        format!("hmacsha256={VECTOR}00"),
        format!("hmacsha256={VECTOR},hmacsha256={VECTOR}"),
        format!("hmacsha256={VECTOR};"),
        format!("hmacsha256=\"{VECTOR}\""),
        format!("hmacsha256={}g", &VECTOR[..63]),
        format!("hmacsha256={}é", &VECTOR[..62]),
        format!("hmacsha256={}\0", &VECTOR[..63]),
        format!("hmacsha256={}", "é".repeat(32)),
        format!("ｈmacsha256={VECTOR}"),
        "hmacsha256=fwYhcrAcsAtTygaGFGdKPZgqNAYqD103aH1eM3flRlc=".into(),
    ] {
        check(&malformed, Err(Refusal::Malformed));
    }
    check(&format!("hmacsha256={}", "0".repeat(64)), Err(Refusal::Wrong));
}

#[test]
fn exactly_one_header_line_is_expected() {
    let (secrets, header) = (keys(&[(SECRET, None)]), format!("hmacsha256={VECTOR}"));
    let body = Bytes::from_static(BODY);
    let none: [&[u8]; 0] = [];
    assert_eq!(secrets.verify(none, body.clone(), at(0)).unwrap_err(), Refusal::Absent);
    assert_eq!(secrets.verify([header.as_bytes(), header.as_bytes()], body, at(0)).unwrap_err(), Refusal::Repeated);
}

#[test]
fn every_changed_bit_is_noticed() {
    let (secrets, body) = (keys(&[(SECRET, None)]), vec![b'a'; 1_024]);
    let signature = sign(&Secret::new(SECRET), &body).to_string();
    assert!(secrets.verify([signature.as_bytes()], Bytes::from(body.clone()), at(0)).is_ok());
    for bit in 0..body.len() * 8 {
        let mut changed = body.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let refused = secrets.verify([signature.as_bytes()], Bytes::from(changed), at(0));
        assert_eq!(refused.unwrap_err(), Refusal::Wrong, "bit {bit} of the body");
    }
    for digit in 0..64 {
        let mut changed = signature.clone().into_bytes();
        let place = &mut changed[SCHEME.len() + digit];
        *place = if *place == b'0' { b'1' } else { b'0' };
        let refused = secrets.verify([changed.as_slice()], Bytes::from(body.clone()), at(0));
        assert_eq!(refused.unwrap_err(), Refusal::Wrong, "digit {digit} of the header");
    }
}

#[test]
fn two_secrets_serve_during_a_rotation_and_the_label_says_which() {
    let secrets = keys(&[("the old secret", Some(100)), ("the new secret", None)]);
    let verify = |secret: &str, now| {
        let header = sign(&Secret::new(secret), BODY).to_string();
        let verified = secrets.verify([header.as_bytes()], Bytes::from_static(BODY), at(now))?;
        let Proof::Signed { secret, signature } = verified.proof().clone() else { panic!("verified by signature") };
        assert_eq!(signature, header);
        Ok::<_, Refusal>(secret)
    };
    assert_eq!(verify("the old secret", 100), Ok("the old secret".into()));
    assert_eq!(verify("the old secret", 101), Err(Refusal::Wrong));
    assert_eq!(verify("the new secret", 101), Ok("the new secret".into()));
    assert_eq!(verify("another secret", 0), Err(Refusal::Wrong));
}

#[test]
fn an_endpoint_without_secrets_accepts_nothing() {
    let header = sign(&Secret::new(""), BODY).to_string();
    let refused = Secrets::default().verify([header.as_bytes()], Bytes::from_static(BODY), at(0));
    assert_eq!(refused.unwrap_err(), Refusal::Wrong);
}

#[test]
fn nothing_secret_is_printed() {
    let secrets = keys(&[(SECRET, None)]);
    let printed = format!("{secrets:?} {:?}", sign(&Secret::new(SECRET), BODY));
    assert!(!printed.contains(VECTOR), "{printed}");
    assert_eq!(
        printed, "Secrets([SigningKey { label: \"This is my secret\", not_after: None, .. }]) Signature(…)",
        "the label is the test's own choice; the key and the digest are not there"
    );
}
