//! `healthcheck` is asked by who restarts what is not well: it must not take a server for that because of a file.

use std::{fs, process::Output};

use super::{Place, Scene};

/// Asks with a file that holds this text, or with none, and with the address in the environment if it is given.
async fn ask(place: &Place, file: Option<&str>, listen: Option<&str>) -> Output {
    match file {
        Some(text) => place.write("config.toml", text),
        None => fs::remove_file(place.path().join("config.toml")).unwrap(),
    }
    let mut command = place.command(&["healthcheck"]);
    command.envs(listen.map(|listen| ("ASC_WEBHOOKS__SERVER__LISTEN", listen)));
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_server_is_well_whatever_has_become_of_its_file() {
    let scene = Scene::new().await;
    let place = &scene.place;
    let serving = place.serve().await;
    let listen = place.listen.clone();
    let section = format!("[server]\nlisten = '{listen}'\n");
    let cases = [
        (Some(section.clone()), None),
        (Some(format!("{section}[[endpoint]]\nsecrets = [{{ file = 'gone' }}]\nno_key = 1\n")), None),
        (Some(format!("{section}max_body = \n[[handler\n")), None),
        (Some("[server]\nlisten = '127.0.0.1:1'\n".to_owned()), Some(&*listen)),
        (Some("= not TOML".to_owned()), Some(&*listen)),
        (None, Some(&*listen)),
    ];
    for (file, variable) in &cases {
        let output = ask(place, file.as_deref(), *variable).await;
        assert_eq!(output.status.code(), Some(0), "{file:?}: {output:?}");
    }
    drop(serving);
    for (file, variable) in &cases[..5] {
        let output = ask(place, file.as_deref(), *variable).await;
        assert_eq!(output.status.code(), Some(4), "{file:?}: {output:?}");
    }
}
