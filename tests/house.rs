//! House rules, as tests: what the README and `spec/README.md` say of the code, read from the code.

use spec::api::BatchError;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Each package, its folder, and the packages of the workspace that it may depend on. Arrows point up.
const ARROWS: [(&str, &str, &[&str]); 6] = [
    ("spec", "spec", &[]),
    ("glarus-shell", "client/shell", &["spec"]),
    ("glarus-log", "log-server", &["spec", "glarus-shell"]),
    ("glarus-witness", "witness", &["spec", "glarus-shell"]),
    ("glarus", "client", &["spec", "glarus-shell"]),
    ("glarus-tests", "tests", &["spec", "glarus-shell", "glarus-log", "glarus-witness", "glarus"]),
];

/// Words that Rust code may have only in some files: the word, in which folder, and the files that may.
/// They are put together from parts, so that this file does not name them.
const NAMED_ONLY_IN: [(&str, &str, &[&str]); 5] = [
    (concat!("rocks", "db"), "", &["client/src/audit/store.rs", "log-server/src/store.rs", "witness/src/store.rs"]),
    (concat!("hy", "per"), "spec", &[]),
    (concat!("ax", "um"), "spec", &[]),
    (concat!("hy", "per"), "client/src", &["client/src/net.rs"]),
    (concat!("ax", "um"), "client/src", &["client/src/net.rs"]),
];

/// What is left behind by whoever meant to come back.
const LEFT_BEHIND: [&str; 4] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("HA", "CK")];

const C2SP: &str = "github.com/C2SP/C2SP/";
const C2SP_PINNED: &str = "github.com/C2SP/C2SP/blob/5ba5ee8/";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().into()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn toml(path: &str) -> toml::Table {
    read(path).parse().unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All files with one of these extensions, by their paths from the root, sorted.
fn files(extensions: &[&str]) -> Vec<String> {
    let (root, mut folders, mut found) = (root(), vec![root()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
            if path.is_dir() {
                if name != "target" && name != ".git" {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|have| extensions.iter().any(|want| have == *want)) {
                found.push(path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
}

/// All dependencies of a manifest, whatever they are for.
fn dependencies(manifest: &toml::Table) -> BTreeSet<String> {
    let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    let targets = targets.into_iter().flat_map(|targets| targets.values().filter_map(toml::Value::as_table));
    let tables = targets.chain([manifest]).flat_map(|table| kinds.into_iter().filter_map(|kind| table.get(kind)));
    tables.filter_map(toml::Value::as_table).flat_map(|table| table.keys().cloned()).collect()
}

fn cargo_tree(arguments: &[&str]) -> String {
    let fixed = ["tree", "--offline", "--locked", "--prefix", "none"];
    let output = Command::new(env!("CARGO")).args(fixed).args(arguments).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The lines of a Markdown text that are prose: no code, no tables, no headings.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut code = false;
    (1..).zip(text.lines()).filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        !(code || fence || line.starts_with('|') || line.starts_with('#'))
    })
}

/// What a Markdown text has before its first heading, code included, in which a hidden line looks like one.
fn opening(text: &str) -> &str {
    let (mut code, mut end) = (false, 0);
    for line in text.split_inclusive('\n') {
        code ^= line.starts_with("```");
        if !code && line.starts_with('#') {
            break;
        }
        end += line.len();
    }
    &text[..end]
}

#[test]
fn dependencies_point_one_way() {
    let members = toml("Cargo.toml")["workspace"]["members"].as_array().unwrap().clone();
    let members: Vec<_> = members.iter().map(|member| member.as_str().unwrap()).collect();
    assert_eq!(members, ARROWS.map(|(_, folder, _)| folder), "a new package needs its arrows here");
    let packages = ARROWS.map(|(package, ..)| package);
    for (package, folder, allowed) in ARROWS {
        let manifest = toml(&format!("{folder}/Cargo.toml"));
        assert_eq!(manifest["package"]["name"].as_str(), Some(package));
        for used in dependencies(&manifest) {
            let fine = !packages.contains(&used.as_str()) || allowed.contains(&used.as_str());
            assert!(fine, "{package} depends on {used}");
        }
    }
}

#[test]
fn every_dependency_has_its_reason_and_its_use() {
    let text = read("Cargo.toml");
    let section = text.split("[workspace.dependencies]\n").nth(1).unwrap().split("\n[").next().unwrap();
    let used: BTreeSet<_> =
        ARROWS.iter().flat_map(|(_, folder, _)| dependencies(&toml(&format!("{folder}/Cargo.toml")))).collect();
    let mut seen = 0;
    for line in section.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (name, value) = line.split_once(" = ").unwrap_or_else(|| panic!("not one line a dependency: {line}"));
        let reason = value.split_once(" # ").is_some_and(|(_, reason)| !reason.trim().is_empty());
        assert!(reason || value.contains("path = "), "{name} has no reason beside it");
        assert!(used.contains(name), "{name} is used by nobody");
        seen += 1;
    }
    assert_eq!(seen, toml("Cargo.toml")["workspace"]["dependencies"].as_table().unwrap().len());
}

#[test]
fn spec_knows_no_std() {
    assert!(read("spec/src/lib.rs").contains("\n#![no_std]\n"));
    let tree = cargo_tree(&["-p", "spec", "-e", "normal,features"]);
    assert!(tree.contains("ed25519-dalek feature \"alloc\""), "this is not a tree of features:\n{tree}");
    let std: Vec<_> = tree.lines().filter(|line| line.contains("feature \"std\"")).collect();
    assert!(std.is_empty(), "{std:#?}");
}

#[test]
fn the_library_knows_no_network() {
    let tree = cargo_tree(&["-p", "glarus", "-e", "normal", "--no-default-features"]);
    let packages: BTreeSet<_> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(packages.contains("spec"), "this is not a tree of packages:\n{tree}");
    for never in ["tokio", concat!("hy", "per"), concat!("ax", "um"), "glarus-shell"] {
        assert!(!packages.contains(never), "glarus without its feature net depends on {never}");
    }
}

#[test]
fn words_stay_in_their_files() {
    let sources: Vec<_> = files(&["rs"]).into_iter().map(|path| (read(&path), path)).collect();
    for (word, folder, allowed) in NAMED_ONLY_IN {
        for (text, path) in &sources {
            let fine = !Path::new(path).starts_with(folder) || allowed.contains(&path.as_str());
            assert!(fine || !words(text).any(|have| have == word), "{path} names {word}");
        }
    }
}

#[test]
fn nothing_is_left_behind() {
    for path in files(&["rs", "toml", "md"]).into_iter().chain(["Makefile", ".ci/run", ".ci/needs"].map(Into::into)) {
        let text = read(&path);
        for word in LEFT_BEHIND {
            assert!(!words(&text).any(|have| have == word), "{path}: {word}");
        }
    }
}

#[test]
fn chapters_are_the_public_modules() {
    let lib = read("spec/src/lib.rs");
    let modules: Vec<_> = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let index = read("spec/README.md");
    let rows: Vec<Vec<_>> =
        index.lines().filter(|line| line.starts_with("| [`")).map(|line| line.split(" | ").collect()).collect();
    assert_eq!(rows.len(), modules.len(), "the index has not one row for each of {modules:?}");
    for (row, name) in rows.iter().zip(&modules) {
        let [chapter, prose, vectors, test, ..] = row[..] else { panic!("{row:?}") };
        assert_eq!(chapter, format!("| [`{name}`](src/{name}.rs)"));
        let module = read(&format!("spec/src/{name}.rs"));
        assert_eq!(prose, format!("[prose]({name}.md)"));
        assert!(module.contains(&format!("#![doc = include_str!(\"../{name}.md\")]\n")), "{name}");
        let shown = opening(&read(&format!("spec/{name}.md"))).contains(&format!("/vectors/{name}/"));
        assert!(shown, "{name} does not open with an example that is a vector");
        assert_eq!(vectors, format!("[vectors](vectors/{name})"));
        let path = test.strip_prefix("[test](").and_then(|link| link.strip_suffix(')')).unwrap();
        assert!(path.ends_with("tests.rs") || path == format!("tests/vectors/{name}.rs"), "{name}: {test}");
        assert!(root().join("spec").join(path).exists(), "{name}: {test}");
    }
    let entries = std::fs::read_dir(root().join("spec/vectors")).unwrap();
    let have: BTreeSet<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let folders = modules.iter().chain(&["LICENSE", "README.md", "cosign"]);
    assert_eq!(have, folders.map(|name| (*name).to_owned()).collect(), "folders of vectors");
}

/// `spec/api.md` has a row, with its status, for each refusal that is written out where calls are answered.
#[test]
fn every_refusal_of_a_call_is_in_the_table() {
    let prose = read("spec/api.md");
    let table = prose.split("# Refusals\n").nth(1).unwrap().split("\n# ").next().unwrap();
    let row = |line: &str| {
        let (name, rest) = line.strip_prefix("| `")?.split_once("` | ")?;
        Some((name.to_owned(), rest.split(' ').next()?.parse::<u16>().ok()?))
    };
    let have: BTreeSet<_> = table.lines().filter_map(row).collect();
    let mut need = BTreeSet::new();
    for path in ["log-server/src/http.rs", "log-server/src/submissions.rs", "client/shell/src/http/server.rs"] {
        let code = read(path);
        let calls = ["Refused::new(", "Self::new(", "problem("].map(|call| code.split(call).skip(1));
        for call in calls.into_iter().flatten() {
            if let Ok(status) = call.split(',').next().unwrap().trim().parse() {
                need.insert((call.split('"').nth(1).unwrap().to_owned(), status));
            }
        }
    }
    let batches =
        [BatchError::Empty, BatchError::EmptyLine { line: 1 }, BatchError::TooManyRecords, BatchError::TooLong(1)];
    need.extend(batches.map(|error| (error.name().to_owned(), error.status())));
    assert_eq!(have, need);
}

#[test]
fn upstream_is_pinned() {
    for path in files(&["rs", "md"]).iter().filter(|path| *path != "tests/house.rs") {
        let text = read(path);
        assert_eq!(text.matches(C2SP).count(), text.matches(C2SP_PINNED).count(), "{path} links C2SP unpinned");
    }
}

#[test]
fn the_readme_shows_what_the_makefile_does() {
    let (readme, makefile) = (read("README.md"), read("Makefile"));
    for shown in ["make demo", "make test"] {
        assert!(readme.contains(shown), "{shown} is not shown");
    }
    for part in readme.split("`make ").skip(1) {
        let target = part.split('`').next().unwrap();
        assert!(makefile.contains(&format!("\n{target}:")), "`make {target}` is not in the Makefile");
    }
}

#[test]
fn markdown_has_one_sentence_a_line_and_no_dead_links() {
    for path in files(&["md"]) {
        let (text, folder) = (read(&path), root().join(&path).parent().unwrap().to_owned());
        for (number, line) in prose(&text) {
            // The number of a list's item ends no sentence.
            let line = line.trim_start().trim_start_matches(|c: char| c.is_ascii_digit());
            let line = line.strip_prefix(". ").unwrap_or(line);
            let mut ends = line.match_indices(['.', '?', '!']).map(|(at, _)| &line[at + 1..]);
            let second =
                ends.any(|rest| rest.strip_prefix(' ').is_some_and(|rest| rest.starts_with(char::is_uppercase)));
            assert!(!second, "{path}:{number}: two sentences: {line}");
        }
        for part in text.split("](").skip(1) {
            let link = part.split([')', '#']).next().unwrap();
            let there = link.contains("://") || folder.join(link).exists();
            assert!(there, "{path}: nothing is at {link}");
        }
    }
}
