//! Who is let in. The checks themselves are tested beside them; here, that they stand before every call.

use serde_json::{Value, json};

use super::{NOW, Scene, token};

#[track_caller]
fn check(scene: &Scene, authorization: Option<String>, status: u16) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move {
        let answer = scene.request("GET", "/v1/apps", authorization.as_deref(), None).await;
        assert_eq!(answer.status, status, "{caller}");
        if status == 401 {
            assert_eq!(answer.errors(), [("NOT_AUTHORIZED".to_owned(), String::new())], "{caller}");
            assert_eq!(answer.header("x-rate-limit"), "", "{caller}: it is nobody's budget");
        }
    }
}

#[tokio::test]
async fn only_a_right_token_is_let_in() {
    let scene = Scene::new().await;
    let (team, individual) = (scene.running.team_key(), scene.running.individual_key());
    check(&scene, Some(token(team, &json!({}))), 200).await;
    check(&scene, Some(token(individual, &json!({}))), 200).await;
    check(&scene, Some(token(team, &json!({ "exp": NOW + 1_201 }))), 401).await;
    check(&scene, Some(token(team, &json!({ "exp": NOW }))), 401).await;
    check(&scene, Some(token(team, &json!({ "aud": "appstoreconnect-v2" }))), 401).await;
    check(&scene, Some(token(team, &json!({ "iss": "somebody-else" }))), 401).await;
    check(&scene, Some(token(individual, &json!({ "iss": team.issuer_id, "sub": Value::Null }))), 401).await;
    check(&scene, None, 401).await;

    let elsewhere = Scene::new().await;
    assert_eq!(elsewhere.running.team_key().id, team.id, "the ids are those of the seed");
    check(&scene, Some(token(elsewhere.running.team_key(), &json!({}))), 401).await;
}

#[tokio::test]
async fn a_token_expires() {
    let scene = Scene::new().await;
    let team = token(scene.running.team_key(), &json!({}));
    check(&scene, Some(team.clone()), 200).await;
    scene.clock.advance(std::time::Duration::from_secs(1_199));
    check(&scene, Some(team.clone()), 200).await;
    scene.clock.advance(std::time::Duration::from_secs(1));
    check(&scene, Some(team), 401).await;
}

#[tokio::test]
async fn a_key_outlives_the_sandbox_that_made_it() {
    let first = Scene::new().await;
    let pem = first.running.team_key().private_key_pem.clone();
    let second = Scene::with(|settings| settings.private_key_pem = Some(pem)).await;
    check(&second, Some(token(first.running.team_key(), &json!({}))), 200).await;
}

#[tokio::test]
async fn nothing_is_done_without_a_token() {
    let scene = Scene::new().await;
    for operation in scene.schema.operations() {
        let (method, path) = operation.split_once(' ').unwrap();
        let answer = scene.request(method, &path.replace("{id}", "1"), None, Some(json!({}))).await;
        assert_eq!(answer.status, 401, "{operation}");
    }
}
