//! What a program of one's own gets that serves the receiver's routes itself.

use std::{fs, sync::Arc};

use asc_webhooks::{
    App, Registry,
    clock::{Clock, SystemClock},
    config::{self, Sources},
    event::{EventKind, sample},
    inbox::{Store, memory::Memory},
    secret::Secret,
    vault::Vault,
};

use crate::support::running::post;

const KEY: &str = "a key that seals the secrets of this test";

#[tokio::test]
async fn managed_secrets_are_known_once_the_program_is_ready() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let endpoint = "[[endpoint]]\nname = 'app'\npath = '/app'\nmanaged_secrets = true\n";
    fs::write(file.path(), format!("[store]\nsecrets_key = '{KEY}'\n{endpoint}")).unwrap();
    let loaded = config::load(&Sources { file: Some(file.path().to_owned()), ..Sources::default() }).unwrap();
    let (store, clock): (Arc<dyn Store>, Arc<dyn Clock>) = (Arc::new(Memory::new()), Arc::new(SystemClock::new()));
    let vault = Vault::new(Arc::clone(&store), &Secret::new(KEY), Arc::clone(&clock));
    vault.prepare("app").await.unwrap();
    let contents = vault.open().await.unwrap();
    let secret = contents.of("app")[0].secret.expose();

    let app = App::with_store(&loaded, &Registry::builtin(), store, clock).unwrap();
    let body = sample::of(&EventKind::BuildUploadStateUpdated).id("1").body();
    assert_eq!(post(app.router(), "/app", secret, body.clone()).await, 401, "it is not ready");
    app.ready().await.unwrap();
    assert_eq!(post(app.router(), "/app", secret, body).await, 200, "without anybody having begun to work");
    assert_eq!(vault.open().await.unwrap().servers.len(), 1, "and whoever rotates secrets counts on it");
}
