//! What the documentation shows is true: its TOML loads and its handlers can be built.

use std::{fs, path::Path};

use asc_webhooks::{
    Registry, app,
    config::{Loaded, Problems, Sources, load},
};

/// Loads a configuration, with every variable set that the documentation speaks of.
fn loaded(text: &str) -> Result<Loaded, Problems> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    fs::write(&file, text).unwrap();
    let secret = "a-secret-that-nobody-has-printed-anywhere";
    let names = [
        "MY_APP_SECRET",
        "CI_HOOK_SECRET",
        "SLACK_URL",
        "SLACK_TOKEN",
        "MATTERMOST_URL",
        "SMTP_PASSWORD",
        "GITHUB_TOKEN",
        "GITLAB_TRIGGER_TOKEN",
        "FARM_TOKEN",
        "ASC_KEY",
        "ADMIN_TOKEN",
        "ADMIN_READ_TOKEN",
        "XCODE_CLOUD_TOKEN",
    ];
    let environment = names.map(|name| (name.to_owned(), format!("{secret}-for-{name}")));
    load(&Sources { file: Some(file), environment: environment.into_iter().collect(), ..Sources::of_process(None) })
}

fn toml_blocks(markdown: &str) -> Vec<String> {
    let blocks = markdown.split("```toml\n").skip(1);
    blocks.map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// What every configuration needs, put before a block that shows only a handler.
const REST: &str = "[[endpoint]]\nname = \"my-app\"\npath = \"/apple/my-app\"\nsecrets = [{ env = \"MY_APP_SECRET\" }]\n";

#[test]
fn every_toml_block_in_the_documentation_loads() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut blocks = 0;
    for page in ["README.md", "src/docs/handlers.md", "src/docs/operations.md", "src/docs/stores.md", "src/docs/at_least_once.md"] {
        for block in toml_blocks(&fs::read_to_string(root.join(page)).unwrap()) {
            let whole = if block.contains("[[endpoint]]") { block } else { format!("{REST}{block}") };
            if let Err(problems) = loaded(&whole) {
                panic!("{page}:\n{whole}\n{problems}");
            }
            blocks += 1;
        }
    }
    assert!(blocks >= 2, "only {blocks} blocks were found");
}

#[test]
fn what_the_example_has_commented_out_works_too() {
    let example = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config/example.toml")).unwrap();
    let program = "command = [\"/usr/local/bin/build-ready\"]";
    assert!(example.contains(program));
    let lines = example.lines().map(|line| match line.strip_prefix("# ") {
        Some(code) if code.starts_with("[[") || code.contains(" = ") => code,
        _ => line,
    });
    let whole = lines.collect::<Vec<_>>().join("\n").replace(program, "command = [\"/bin/sh\"]");
    let loaded = loaded(&whole).unwrap();
    assert_eq!((loaded.config.handlers.len(), loaded.config.endpoints.len()), (4, 2));
    app::check(&loaded, &Registry::builtin()).unwrap();
}
