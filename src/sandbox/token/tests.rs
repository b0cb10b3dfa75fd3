//! Tokens that are right but for one thing.

use p256::ecdsa::signature::Signer as _;
use serde_json::json;

use super::*;

const NOW: i64 = 1_800_000_000;

fn keys() -> Vec<ApiKey> {
    vec![
        ApiKey::generate("TEAMKEY234".into(), Some("an-issuer".into()), Role::AppManager).unwrap(),
        ApiKey::generate("SOLOKEY234".into(), None, Role::AppManager).unwrap(),
    ]
}

fn token(key: &ApiKey, header: &Value, claims: &Value) -> String {
    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let signed = format!("{}.{}", encode(header), encode(claims));
    let signature: Signature = SigningKey::from_pkcs8_pem(key.private_key_pem.expose()).unwrap().sign(signed.as_bytes());
    format!("Bearer {signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
}

fn team_claims() -> Value {
    json!({ "iss": "an-issuer", "iat": NOW, "exp": NOW + 1_200, "aud": AUDIENCE })
}

fn with(mut value: Value, name: &str, to: Value) -> Value {
    if to.is_null() {
        value.as_object_mut().unwrap().remove(name);
    } else {
        value[name] = to;
    }
    value
}

#[track_caller]
fn check_claims(claims: &Value, expected: Result<(), Flaw>) {
    let keys = keys();
    let header = json!({ "alg": "ES256", "kid": "TEAMKEY234", "typ": "JWT" });
    let checked = check(&keys, Some(&token(&keys[0], &header, claims)), Timestamp::from_second(NOW).unwrap());
    assert_eq!(checked.map(|key| assert_eq!(key.id, "TEAMKEY234")), expected, "{claims}");
}

#[test]
fn the_claims_of_a_team_key() {
    check_claims(&team_claims(), Ok(()));
    check_claims(&with(team_claims(), "aud", json!("appstoreconnect-v2")), Err(Flaw::Audience));
    check_claims(&with(team_claims(), "aud", json!(["appstoreconnect-v1"])), Err(Flaw::Audience));
    check_claims(&with(team_claims(), "iss", json!("another-issuer")), Err(Flaw::Issuer));
    check_claims(&with(team_claims(), "iss", Value::Null), Err(Flaw::Issuer));
    check_claims(&with(team_claims(), "sub", json!("user")), Err(Flaw::Issuer));
    check_claims(&with(team_claims(), "exp", json!(NOW)), Err(Flaw::Expired));
    check_claims(&with(team_claims(), "exp", json!(NOW + 1_201)), Err(Flaw::TooLong));
    check_claims(&with(team_claims(), "exp", Value::Null), Err(Flaw::NotAToken));
    check_claims(&with(team_claims(), "exp", json!(i64::MAX)), Err(Flaw::NotAToken));
    check_claims(&with(team_claims(), "iat", json!(NOW + 61)), Err(Flaw::FromTheFuture));
    check_claims(&with(team_claims(), "iat", json!(NOW + 60)), Ok(()));
    check_claims(&with(team_claims(), "iat", Value::Null), Ok(()));
    check_claims(&with(team_claims(), "scope", json!(["GET /v1/apps"])), Err(Flaw::Scoped));
}

#[test]
fn the_claims_of_an_individual_key() {
    let keys = keys();
    let header = json!({ "alg": "ES256", "kid": "SOLOKEY234", "typ": "JWT" });
    let claims = json!({ "sub": "user", "iat": NOW, "exp": NOW + 600, "aud": AUDIENCE });
    let checked = |claims: &Value| {
        check(&keys, Some(&token(&keys[1], &header, claims)), Timestamp::from_second(NOW).unwrap()).map(|key| key.id.clone())
    };
    assert_eq!(checked(&claims), Ok("SOLOKEY234".to_owned()));
    assert_eq!(checked(&with(claims.clone(), "iss", json!("an-issuer"))), Err(Flaw::Issuer));
    assert_eq!(checked(&with(claims, "sub", json!("someone"))), Err(Flaw::Issuer));
}

#[test]
fn the_key_must_be_the_one_that_is_named() {
    let keys = keys();
    let now = Timestamp::from_second(NOW).unwrap();
    let header = |alg, kid| json!({ "alg": alg, "kid": kid, "typ": "JWT" });
    let refused = |authorization: Option<&str>| check(&keys, authorization, now).map(|key| key.id.clone()).unwrap_err();

    let right = token(&keys[0], &header("ES256", "TEAMKEY234"), &team_claims());
    assert_eq!(refused(Some(&token(&keys[1], &header("ES256", "TEAMKEY234"), &team_claims()))), Flaw::Signature);
    assert_eq!(refused(Some(&token(&keys[0], &header("ES256", "NOSUCHKEY2"), &team_claims()))), Flaw::UnknownKey);
    assert_eq!(refused(Some(&token(&keys[0], &header("none", "TEAMKEY234"), &team_claims()))), Flaw::Algorithm);
    assert_eq!(refused(Some(&right.replace("Bearer ", "Basic "))), Flaw::NotBearer);
    assert_eq!(refused(Some("Bearer three.short.words")), Flaw::NotAToken);
    assert_eq!(refused(Some("Bearer word")), Flaw::NotAToken);
    assert_eq!(refused(None), Flaw::Absent);

    let (signed, signature) = right.rsplit_once('.').unwrap();
    let (_, claims) = signed.split_once('.').unwrap();
    let altered = URL_SAFE_NO_PAD.encode(with(team_claims(), "exp", json!(NOW + 700)).to_string());
    assert_eq!(refused(Some(&format!("{}.{signature}", signed.replace(claims, &altered)))), Flaw::Signature);
}

#[test]
fn a_key_survives_its_own_file() {
    let made = &keys()[0];
    let read = ApiKey::from_pem(made.id.clone(), made.issuer_id.clone(), made.role, &made.private_key_pem).unwrap();
    assert_eq!(read.verifying, made.verifying);
    assert!(made.private_key_pem.expose().starts_with("-----BEGIN PRIVATE KEY-----\n"));
    assert!(ApiKey::from_pem("X".into(), None, Role::AppManager, &Secret::new("not a key")).is_err());
}
