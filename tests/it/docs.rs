//! What the documentation shows is true: its TOML loads, its Rust is compiled, and whatever nothing can check says so.

use std::{collections::HashSet, fs, path::Path, process::Command};

use asc_webhooks::{
    Registry, app,
    config::{Loaded, Problems, Sources, load},
};

use crate::tidy::files;

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

/// A block of code on a page, or in the documentation of some source.
#[derive(Debug)]
struct Block<'p> {
    language: &'p str,
    text: String,
    is_excused: bool,
}

/// How the line before a block begins that nothing here can check. It goes on with why, and no reader sees it.
const EXCUSE: &str = "<!-- not checked: ";

fn blocks(markdown: &str) -> Vec<Block<'_>> {
    let (mut blocks, mut before, mut lines) = (Vec::new(), "", markdown.lines());
    while let Some(line) = lines.next() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            let inside = lines.by_ref().take_while(|line| !line.trim_start().starts_with("```"));
            blocks.push(Block { language, text: inside.collect::<Vec<_>>().join("\n"), is_excused: before.starts_with(EXCUSE) });
        }
        before = line;
    }
    blocks
}

/// What every configuration needs, put before a block that shows only a handler.
const REST: &str = "[[endpoint]]\nname = \"my-app\"\npath = \"/apple/my-app\"\nsecrets = [{ env = \"MY_APP_SECRET\" }]\n";

/// Checks a block in the way of its language. Rust is compiled by `cargo test --doc` wherever rustdoc reads the page.
fn judge(block: &Block<'_>, is_read_by_rustdoc: bool) -> Result<(), String> {
    match block.language {
        "" | "rust" | "rust,no_run" | "no_run" if is_read_by_rustdoc => Ok(()),
        "toml" if block.text.contains("[[endpoint]]") => loaded(&block.text).map(drop).map_err(|wrong| wrong.to_string()),
        "toml" => loaded(&format!("{REST}{}", block.text)).map(drop).map_err(|wrong| wrong.to_string()),
        "sh" => {
            let shell = Command::new("sh").args(["-n", "-c", &block.text]).output().unwrap();
            if shell.status.success() { Ok(()) } else { Err(String::from_utf8(shell.stderr).unwrap()) }
        }
        // A drawing.
        "text" if block.text.contains('─') => Ok(()),
        _ if block.is_excused => Ok(()),
        other => {
            Err(format!("nothing checks a block of `{other}` here: write `{EXCUSE}WHY -->` above it, or make it something else"))
        }
    }
}

#[test]
fn every_block_in_the_documentation_is_checked_or_says_why_not() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (sources, tests) = (files(&root.join("src"), ".rs"), files(&root.join("tests"), ".md"));
    let pages = [vec![root.join("README.md")], files(&root.join("src"), ".md"), tests].concat();
    let (mut read_by_rustdoc, mut wrong) = (HashSet::new(), Vec::new());
    for source in &sources {
        let text = fs::read_to_string(source).unwrap();
        let included = text.split("#[doc = include_str!(\"").skip(1).filter_map(|rest| rest.split_once('"'));
        read_by_rustdoc.extend(included.map(|(page, _)| source.with_file_name(page).canonicalize().unwrap()));
        let lines = text.lines().filter_map(|line| line.trim_start().strip_prefix("//!").or(line.trim_start().strip_prefix("///")));
        let documentation = lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect::<Vec<_>>().join("\n");
        wrong.extend(blocks(&documentation).iter().filter_map(|block| judge(block, true).err()).map(|why| told(source, &why)));
    }
    for page in &pages {
        let is_read = read_by_rustdoc.contains(&page.canonicalize().unwrap());
        let text = fs::read_to_string(page).unwrap();
        wrong.extend(blocks(&text).iter().filter_map(|block| judge(block, is_read).err()).map(|why| told(page, &why)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn told(page: &Path, why: &str) -> String {
    format!("{}: {why}", page.display())
}

#[test]
fn a_block_that_is_wrong_or_unchecked_is_seen() {
    let check = |markdown: &str, is_read_by_rustdoc: bool, expected: bool| {
        let found = blocks(markdown);
        assert_eq!(found.len(), 1, "{markdown}");
        assert_eq!(judge(&found[0], is_read_by_rustdoc).is_ok(), expected, "{markdown}");
    };
    check("```rust\nlet x = 1;\n```", true, true);
    check("```rust\nlet x = 1;\n```", false, false);
    check("```rust,ignore\nlet x = 1;\n```", true, false);
    check("```text\nlet x = 1;\n```", true, false);
    check("```text\na ──► b\n```", false, true);
    check("```toml\n[[handler]]\nname = \"log\"\nkind = \"log\"\n```", false, true);
    check("```toml\n[[handler]]\nnaem = \"log\"\nkind = \"log\"\n```", false, false);
    check("```toml,broken\n[store]\n```", false, false);
    check("```sh\nif true; then echo; fi\n```", false, true);
    check("```sh\nif true; then echo\n```", false, false);
    check("```yaml\na: 1\n```", false, false);
    check("<!-- not checked: as others write it -->\n```yaml\na: 1\n```", false, true);
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
