//! The rules of the house that a machine can check: who may name whom, how long a file may be, what must be documented.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use asc_webhooks::{event::EventKind, telemetry::metrics};
use syn::visit::Visit;

/// The rooms, lowest floor first, each with the rooms it may name (besides itself). `src/README.md` shows the same table.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("secret", &[]),
    ("plain", &[]),
    ("spelling", &[]),
    ("clock", &[]),
    ("shutdown", &[]),
    ("http_client", &["secret"]),
    ("signature", &["secret"]),
    ("unsigned", &["secret"]),
    ("event", &["signature", "spelling"]),
    ("handler", &["event", "signature", "plain", "spelling", "secret", "clock", "shutdown", "http_client"]),
    ("inbox", &["event", "unsigned", "signature", "spelling", "secret", "clock", "shutdown"]),
    ("review", &["inbox", "event"]),
    ("config", &["event", "signature", "spelling", "secret", "clock", "shutdown"]),
    ("telemetry", &["config", "inbox", "event", "secret"]),
    ("asc", &["config", "event", "signature", "plain", "secret", "clock", "http_client"]),
    ("act", &["asc", "handler", "event", "plain", "secret", "clock", "http_client"]),
    ("intake", &["telemetry", "handler", "inbox", "event", "plain", "clock"]),
    ("enrichment", &["asc", "telemetry", "inbox", "event", "shutdown"]),
    ("worker", &["enrichment", "telemetry", "handler", "review", "inbox", "config", "event", "plain", "clock", "shutdown"]),
    (
        "server",
        &[
            "intake",
            "telemetry",
            "handler",
            "review",
            "inbox",
            "config",
            "event",
            "unsigned",
            "signature",
            "secret",
            "clock",
            "shutdown",
        ],
    ),
    ("recovery", &["intake", "telemetry", "inbox", "config", "asc", "clock", "shutdown"]),
    ("sandbox", &["event", "signature", "secret", "clock", "shutdown", "http_client"]),
    ("vault", &["config", "inbox", "secret", "clock", "shutdown"]),
    ("registration", &["vault", "asc", "config", "inbox", "event", "secret"]),
    (
        "app",
        &[
            "server",
            "worker",
            "recovery",
            "enrichment",
            "registration",
            "vault",
            "intake",
            "act",
            "asc",
            "telemetry",
            "handler",
            "inbox",
            "config",
            "event",
            "signature",
            "secret",
            "clock",
            "shutdown",
            "http_client",
        ],
    ),
    (
        "cli",
        &[
            "app",
            "sandbox",
            "server",
            "worker",
            "recovery",
            "enrichment",
            "registration",
            "vault",
            "intake",
            "asc",
            "telemetry",
            "handler",
            "review",
            "inbox",
            "config",
            "event",
            "signature",
            "plain",
            "spelling",
            "secret",
            "clock",
            "shutdown",
            "http_client",
        ],
    ),
];

/// What only some rooms may name: a crate or a path, and the rooms (or files) that may.
const RESERVED: &[(&str, &[&str])] = &[
    ("axum", &["server", "sandbox", "app"]),
    ("rusqlite", &["inbox/sqlite"]),
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("comfy_table", &["cli"]),
    ("anyhow", &["cli", "main.rs"]),
    (
        "reqwest",
        &[
            "http_client",
            "asc",
            "handler/answer",
            "handler/target",
            "handler/forward",
            "handler/chat",
            "handler/github",
            "handler/gitlab",
        ],
    ),
    ("ring", &["vault"]),
    ("minijinja", &["handler", "server/admin/page"]),
    ("lettre", &["handler/email"]),
    ("tokio_rustls", &["http_client"]),
    ("p256", &["asc", "sandbox"]),
    ("std::env", &["config/load", "cli"]),
];

const LONGEST_FILE: usize = 400;

struct Source {
    /// Below `src`, with `/`.
    path: String,
    text: String,
}

impl Source {
    fn room(&self) -> &str {
        let first = self.path.split('/').next().unwrap_or(&self.path);
        first.strip_suffix(".rs").unwrap_or(first)
    }

    fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }

    /// All lines but those in `mod tests { … }`. What else is for tests only belongs to the rest.
    fn own_lines(&self) -> Vec<&str> {
        let mut in_tests = false;
        let is_own = |line: &&str| {
            let is_of_tests = in_tests || (!line.starts_with([' ', '/']) && line.ends_with("mod tests {"));
            in_tests = is_of_tests && *line != "}";
            !is_of_tests
        };
        self.text.lines().filter(is_own).collect()
    }

    /// What of the crate's root a path in this file leads to; none if it stays in its room or leads elsewhere.
    fn target<'p>(&self, path: &'p str) -> Option<&'p str> {
        let own = self.path.trim_end_matches("/mod.rs").split('/').count();
        let up = path.split("::").take_while(|segment| *segment == "super").count();
        let mut below = path.split("::").skip(up.max(1));
        (up >= own || path.split("::").next() == Some("crate")).then(|| below.next().unwrap_or("*"))
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The files below a folder whose names end so.
pub(crate) fn files(below: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![below.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn sources() -> Vec<Source> {
    let src = root().join("src");
    files(&src, ".rs")
        .into_iter()
        .map(|path| Source {
            text: fs::read_to_string(&path).unwrap(),
            path: path.strip_prefix(&src).unwrap().to_string_lossy().replace('\\', "/"),
        })
        .collect()
}

/// Every path that a file names outside of its tests, `use` trees spelled out.
#[derive(Default)]
struct Named(BTreeSet<String>);

impl Named {
    fn of(source: &Source) -> BTreeSet<String> {
        let file = syn::parse_file(&source.text).unwrap_or_else(|error| panic!("{}: {error}", source.path));
        let mut named = Self::default();
        named.visit_file(&file);
        named.0
    }

    fn tree(&mut self, prefix: &str, tree: &syn::UseTree) {
        let below = |name: &syn::Ident| if prefix.is_empty() { name.to_string() } else { format!("{prefix}::{name}") };
        match tree {
            syn::UseTree::Path(path) => self.tree(&below(&path.ident), &path.tree),
            syn::UseTree::Name(name) => drop(self.0.insert(below(&name.ident))),
            syn::UseTree::Rename(name) => drop(self.0.insert(below(&name.ident))),
            syn::UseTree::Glob(_) => drop(self.0.insert(prefix.to_owned())),
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.tree(prefix, item)),
        }
    }
}

fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    })
}

impl<'ast> Visit<'ast> for Named {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !is_for_tests(&module.attrs) {
            syn::visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.tree("", &item.tree);
    }

    /// What may be seen from where is no way to anything.
    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {}

    /// What stands in a macro is not parsed; a path there is told by how it begins.
    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        let tokens = called.tokens.to_string();
        let ends = |letter: char| !letter.is_alphanumeric() && letter != '_';
        let roots = tokens.split("crate :: ").skip(1).filter_map(|rest| rest.split(ends).next());
        self.0.extend(roots.map(|root| format!("crate::{root}")));
        syn::visit::visit_macro(self, called);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.0.insert(segments.join("::"));
        syn::visit::visit_path(self, path);
    }
}

#[track_caller]
fn none(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}

#[test]
fn a_room_names_only_rooms_below_it() {
    let table: BTreeMap<_, _> = MAY_NAME.iter().copied().collect();
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| !source.is_test() && !matches!(source.path.as_str(), "lib.rs" | "main.rs")) {
        let Some(allowed) = table.get(source.room()) else {
            wrong.push(format!("{}: the room `{}` is not in the table", source.path, source.room()));
            continue;
        };
        for path in Named::of(source) {
            let Some(target) = source.target(&path) else { continue };
            // What the crate shows at its root is for those outside: in the house, everything is named by the room that it is in.
            if !table.contains_key(target) {
                wrong.push(format!("{}: names `{path}`, and `{target}` is no room", source.path));
            } else if target != source.room() && !allowed.contains(&target) {
                wrong.push(format!("{}: names `{path}`, but `{}` may not name `{target}`", source.path, source.room()));
            }
        }
    }
    none("imports that run up the house", &wrong);
}

#[test]
fn the_table_of_rooms_has_no_way_up() {
    let floors: Vec<_> = MAY_NAME.iter().map(|(room, _)| *room).collect();
    for (floor, (room, allowed)) in MAY_NAME.iter().enumerate() {
        for target in *allowed {
            assert!(floors[..floor].contains(target), "`{room}` may name `{target}`, which is not below it");
        }
    }
}

#[test]
fn reserved_crates_stay_in_their_rooms() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| !source.is_test()) {
        for path in Named::of(source) {
            for (reserved, rooms) in RESERVED {
                let names_it = path == *reserved || path.starts_with(&format!("{reserved}::"));
                let may = rooms.iter().any(|room| source.path.starts_with(room));
                if names_it && !may {
                    wrong.push(format!("{}: names `{path}`, which only {} may", source.path, rooms.join(", ")));
                }
            }
        }
    }
    none("crates outside their rooms", &wrong);
}

#[test]
fn only_verification_and_apples_api_make_something_authentic() {
    let makers: Vec<_> = sources()
        .into_iter()
        .filter(|source| !source.is_test() && source.text.contains("Authentic::fetched("))
        .map(|source| source.path)
        .filter(|path| path != "asc/delivery.rs")
        .collect();
    none("a third way in", &makers);
}

#[test]
fn every_file_says_what_it_is_for_and_is_short() {
    let mut wrong = Vec::new();
    for source in sources() {
        if !source.text.starts_with("//!") {
            wrong.push(format!("{}: does not open with `//!`", source.path));
        }
        let lines = source.own_lines().len();
        if lines > LONGEST_FILE {
            wrong.push(format!("{}: {lines} lines, more than {LONGEST_FILE}", source.path));
        }
    }
    none("files", &wrong);
}

#[test]
fn nothing_is_left_for_later() {
    let marks = ["TODO", "FIXME", "todo!(", "unimplemented!(", "#[ignore", "#[allow("];
    let mut wrong = Vec::new();
    for path in [files(&root().join("src"), ".rs"), files(&root().join("tests"), ".rs")].concat() {
        if path.ends_with("tidy.rs") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        wrong.extend(marks.iter().filter(|mark| text.contains(**mark)).map(|mark| format!("{}: {mark}", path.display())));
    }
    none("marks", &wrong);
}

#[test]
fn every_kind_has_a_fixture() {
    for kind in EventKind::ALL {
        let path = root().join(format!("tests/fixtures/events/{}.json", kind.as_str()));
        assert!(path.is_file(), "{} is missing", path.display());
    }
}

#[test]
fn the_map_is_short_and_names_every_room_and_the_whole_table() {
    let map = fs::read_to_string(root().join("src/README.md")).unwrap();
    assert!(map.lines().count() <= 250, "the map has {} lines", map.lines().count());
    for (room, allowed) in MAY_NAME {
        let row = format!("| `{room}` | {} |", if allowed.is_empty() { "–".to_owned() } else { allowed.join(" · ") });
        assert_eq!(map.matches(&row).count(), 1, "the map's import table should hold this row once:\n{row}");
    }
}

#[test]
fn the_top_level_is_the_card() {
    let known = ["Cargo.toml", "Cargo.lock", "src", "config", "tests", "Dockerfile", "README.md", "LICENSE-MIT", "LICENSE-APACHE"];
    let made = ["target", "data"];
    for entry in fs::read_dir(root()).unwrap().map(Result::unwrap) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let expected = name.starts_with('.') || known.contains(&name.as_str()) || made.contains(&name.as_str());
        assert!(expected, "`{name}` does not belong at the top level");
    }
}

#[test]
fn every_metric_is_documented() {
    let operations = fs::read_to_string(root().join("src/docs/operations.md")).unwrap();
    for metric in metrics::ALL {
        let name = metric.name;
        assert!(operations.contains(&format!("| `{name}` |")), "`{name}` has no row in src/docs/operations.md");
    }
}

#[test]
fn the_context_of_the_image_has_all_that_is_compiled_in() {
    let ignored = fs::read_to_string(root().join(".dockerignore")).unwrap();
    let mut rules = ignored.lines().filter(|line| !line.starts_with('#'));
    assert_eq!(rules.next(), Some("*"), "nothing gets into the image's build but what is named");
    let admitted: Vec<_> =
        rules.map(|rule| root().join(rule.strip_prefix('!').expect("every other rule lets something in"))).collect();

    let manifest: toml::Table = fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    let mut needed: Vec<_> =
        [".cargo", "Cargo.toml", "Cargo.lock", "src/lib.rs", "src/main.rs"].map(|name| root().join(name)).into();
    needed.push(root().join(manifest["package"]["readme"].as_str().unwrap()));
    for source in sources().iter().filter(|source| !source.is_test()) {
        let file = root().join("src").join(&source.path);
        for part in source.own_lines().join("\n").split("include_").skip(1).filter_map(|rest| rest.split_once("!(\"")) {
            let (macro_name, rest) = part;
            if !macro_name.bytes().all(|byte| byte.is_ascii_lowercase()) {
                continue;
            }
            assert!(["str", "bytes"].contains(&macro_name), "{}: `include_{macro_name}!` is not looked at here", source.path);
            needed.push(file.parent().unwrap().join(rest.split('"').next().unwrap()));
        }
    }
    assert!(needed.len() > 10, "only {} files are compiled in", needed.len());
    let missing =
        needed.iter().map(|path| path.canonicalize().unwrap()).filter(|path| !admitted.iter().any(|part| path.starts_with(part)));
    none("compiled in, and kept out of the image's build", &missing.map(|path| path.display().to_string()).collect::<Vec<_>>());
}
