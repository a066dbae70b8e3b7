//! The vectors of every chapter, `spec/vectors/<chapter>/<name>`: made again and compared byte for byte, then read back
//! from their files and run. `WRITE_VECTORS=1` writes them.
//!
//! A chapter is a line of [`CHAPTERS`] and a module with `make` and `run`; for its texts also `accepts`, by which every
//! accepted vector is mangled.

// Its modules are used by this test alone.
#![allow(unreachable_pub)]

mod edit;
mod format;
mod keys;
mod mangle;

mod admission;
mod api;
mod authority;
mod bundle;
mod checkpoint;
mod cosignature;
mod entry_bundle;
mod json;
mod map;
mod merkle;
mod mirror;
mod note;
mod policy;
mod proof;
mod record;
mod state;
mod tile;
mod tlog_proof;
mod tree;
mod witness;

use format::Vector;
use mangle::Effort;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Reads a text and writes what was read.
type Accepts = fn(&Vector, &[u8]) -> Option<Vec<u8>>;

/// A chapter that has vectors.
pub struct Chapter {
    /// Its module in `spec`, and its folder.
    pub name: &'static str,
    /// Makes the vectors, the same ones every time.
    pub make: fn() -> Vec<Vector>,
    /// Runs a vector as it was read from its file, and returns what `expect` should say. What else the header states of the
    /// outcome (`status`, `time`) is asserted in there.
    pub run: fn(&Vector) -> String,
    /// Reads a text in the place of an accepted vector's and writes what was read; nothing if it is refused, or if this
    /// vector is not of a text format. Where one value has several forms, the text itself is returned if it says what was
    /// read.
    pub accepts: Option<Accepts>,
}

const CHAPTERS: &[Chapter] = &[
    Chapter { name: "admission", make: admission::make, run: admission::run, accepts: None },
    Chapter { name: "api", make: api::make, run: api::run, accepts: Some(api::accepts) },
    Chapter { name: "authority", make: authority::make, run: authority::run, accepts: Some(authority::accepts) },
    Chapter { name: "bundle", make: bundle::make, run: bundle::run, accepts: Some(bundle::accepts) },
    Chapter { name: "checkpoint", make: checkpoint::make, run: checkpoint::run, accepts: Some(checkpoint::accepts) },
    Chapter {
        name: "cosignature",
        make: cosignature::make,
        run: cosignature::run,
        accepts: Some(cosignature::accepts),
    },
    Chapter { name: "note", make: note::make, run: note::run, accepts: Some(note::accepts) },
    Chapter { name: "policy", make: policy::make, run: policy::run, accepts: Some(policy::accepts) },
    Chapter { name: "tlog_proof", make: tlog_proof::make, run: tlog_proof::run, accepts: Some(tlog_proof::accepts) },
    Chapter { name: "entry_bundle", make: entry_bundle::make, run: entry_bundle::run, accepts: None },
    Chapter { name: "json", make: json::make, run: json::run, accepts: None },
    Chapter { name: "map", make: map::make, run: map::run, accepts: Some(map::accepts) },
    Chapter { name: "merkle", make: merkle::make, run: merkle::run, accepts: None },
    Chapter { name: "mirror", make: mirror::make, run: mirror::run, accepts: Some(mirror::accepts) },
    Chapter { name: "proof", make: proof::make, run: proof::run, accepts: Some(proof::accepts) },
    Chapter { name: "record", make: record::make, run: record::run, accepts: Some(record::accepts) },
    Chapter { name: "state", make: state::make, run: state::run, accepts: Some(state::accepts) },
    Chapter { name: "tile", make: tile::make, run: tile::run, accepts: Some(tile::accepts) },
    Chapter { name: "witness", make: witness::make, run: witness::run, accepts: Some(witness::accepts) },
];

/// Folders of other files: the chapter's own tests make those of `verdict`, another program made those of `cosign`.
const ELSEWHERE: [&str; 2] = ["cosign", "verdict"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

/// The names in a folder.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The vectors of a chapter, from their files.
fn read(chapter: &Chapter) -> Vec<Vector> {
    let folder = folder().join(chapter.name);
    let read = |name: &String| {
        let file = fs::read(folder.join(name)).unwrap();
        Vector::parse(name, &file).unwrap_or_else(|| panic!("{}/{name} is not a vector", chapter.name))
    };
    names(&folder).iter().map(read).collect()
}

/// Makes the folder be these vectors and nothing else.
fn write(folder: &Path, vectors: &[Vector]) {
    fs::create_dir_all(folder).unwrap();
    for stray in names(folder).iter().filter(|name| !vectors.iter().any(|vector| vector.name == **name)) {
        fs::remove_file(folder.join(stray)).unwrap();
    }
    for vector in vectors {
        fs::write(folder.join(&vector.name), vector.to_bytes()).unwrap();
    }
}

#[test]
fn files_are_what_is_made() {
    for chapter in CHAPTERS {
        let (vectors, folder) = ((chapter.make)(), folder().join(chapter.name));
        vectors.iter().for_each(Vector::check);
        let made: BTreeSet<_> = vectors.iter().map(|vector| vector.name.clone()).collect();
        assert_eq!(made.len(), vectors.len(), "{}: a name stands twice", chapter.name);
        for vector in &vectors {
            let sibling = vector.find("sibling").map(|name| vectors.iter().find(|vector| vector.name == name));
            let accepted = sibling.is_none_or(|sibling| sibling.is_some_and(|vector| vector.get("expect") == "accept"));
            assert!(accepted, "{}/{}: its sibling is no accepted vector", chapter.name, vector.name);
        }
        if std::env::var_os("WRITE_VECTORS").is_some() {
            write(&folder, &vectors);
        }
        assert_eq!(names(&folder), made, "{}: files that are missing or stray", chapter.name);
        for vector in &vectors {
            let (name, file) = (&vector.name, fs::read(folder.join(&vector.name)).unwrap());
            assert!(file == vector.to_bytes(), "{}/{name} is not what is made: see WRITE_VECTORS", chapter.name);
        }
    }
    let known = CHAPTERS.iter().map(|chapter| chapter.name).chain(ELSEWHERE).chain(["README.md", "LICENSE"]);
    assert_eq!(names(&folder()), known.map(String::from).collect(), "what is in vectors and is not known here");
}

#[test]
fn outcomes_are_as_expected() {
    let mut wrong = Vec::new();
    for chapter in CHAPTERS {
        for vector in read(chapter) {
            let (have, need) = ((chapter.run)(&vector), vector.get("expect"));
            if have != need {
                wrong.push(format!("{}/{}: {have}, expected {need}", chapter.name, vector.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn mangled_texts_are_refused_or_themselves() {
    mangle_all(Effort::Few);
}

#[test]
#[ignore = "up to half an hour on two cores: every change of one byte of every accepted text"]
fn every_mangled_text_is_refused_or_itself() {
    mangle_all(Effort::All);
}

/// Mangles every accepted text of every chapter, on all cores.
fn mangle_all(effort: Effort) {
    let mut jobs = Vec::new();
    for chapter in CHAPTERS.iter().filter(|chapter| chapter.accepts.is_some()) {
        let mut seen = BTreeSet::new();
        let accepted = read(chapter).into_iter().filter(|vector| vector.get("expect") == "accept");
        jobs.extend(accepted.filter(|vector| seen.insert(vector.body.clone())).map(|vector| (chapter, vector)));
    }
    // The longest last, that is first to be taken: none of them is begun when the others are done.
    jobs.sort_by_key(|(_, vector)| vector.body.len());
    let (jobs, sums) = (Mutex::new(jobs), Mutex::new(BTreeMap::new()));
    let work = || {
        // The lock is free again before the work begins.
        let next = || jobs.lock().unwrap().pop();
        while let Some((chapter, vector)) = next() {
            let start = Instant::now();
            let (tried, accepted) = mangle::mangle(chapter, &vector, effort);
            let mut sums = sums.lock().unwrap();
            let sum = sums.entry(chapter.name).or_insert((0, 0, Duration::ZERO));
            *sum = (sum.0 + tried, sum.1 + accepted, sum.2 + start.elapsed());
        }
    };
    std::thread::scope(|scope| {
        (0..std::thread::available_parallelism().map_or(1, usize::from)).for_each(|_| drop(scope.spawn(work)));
    });
    for (name, (tried, accepted, time)) in sums.into_inner().unwrap() {
        println!("{name}: {tried} mangled texts in {time:?}, {accepted} of them accepted");
        // Nothing accepted means that nothing was compared; all accepted, that nothing was read.
        assert!(0 < accepted && accepted < tried, "{name}: {accepted} of {tried} accepted");
    }
}

/// The table at the end of a chapter's prose leads from each rule to its vectors, and leaves none out.
#[test]
fn every_vector_stands_in_the_prose() {
    let words = |text: &str| -> BTreeSet<String> { text.split('`').skip(1).step_by(2).map(String::from).collect() };
    for chapter in CHAPTERS {
        let file = folder().join(format!("../{}.md", chapter.name));
        let prose = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let table = prose.split("# Every MUST, and its vectors\n").nth(1).unwrap().split("\n# ").next().unwrap();
        let rows = table.lines().filter_map(|line| line.strip_suffix(" |")?.rsplit_once(" | "));
        let named: BTreeSet<_> = rows.flat_map(|(_, vectors)| words(vectors)).collect();
        let there = names(&folder().join(chapter.name));
        let (missing, surplus) = (there.difference(&named), named.difference(&there));
        let (missing, surplus) = (missing.collect::<Vec<_>>(), surplus.collect::<Vec<_>>());
        assert!(missing.is_empty() && surplus.is_empty(), "{}: {missing:?} {surplus:?}", chapter.name);
    }
}

/// `vectors/README.md` has each chapter's header keys and names of refusals, and no others.
#[test]
fn the_readme_explains_every_word() {
    let readme = fs::read_to_string(folder().join("README.md")).unwrap();
    let common = ["spec", "expect", "comment", "sibling", "status"];
    for chapter in CHAPTERS {
        let heading = format!("\n### `{}`\n", chapter.name);
        let part = readme.split(&heading).nth(1).unwrap_or_else(|| panic!("no section {}", chapter.name));
        let part = part.split("\n### ").next().unwrap();
        let firsts = part.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
        let explained: BTreeSet<_> = firsts.map(|(word, _)| word.to_owned()).collect();
        let mut used = BTreeSet::new();
        for vector in read(chapter) {
            used.extend(
                vector.headers.iter().map(|(key, _)| key.clone()).filter(|key| !common.contains(&key.as_str())),
            );
            used.extend(Some(vector.get("expect").to_owned()).filter(|name| name != "accept"));
        }
        let (missing, surplus) = (used.difference(&explained), explained.difference(&used));
        let (missing, surplus) = (missing.collect::<Vec<_>>(), surplus.collect::<Vec<_>>());
        assert!(missing.is_empty() && surplus.is_empty(), "{}: {missing:?} {surplus:?}", chapter.name);
    }
}

/// Reads the files as `vectors/README.md` says, without a line of the reader above.
#[test]
fn the_grammar_is_as_simple_as_it_says() {
    for chapter in CHAPTERS {
        for name in names(&folder().join(chapter.name)) {
            let file = fs::read(folder().join(chapter.name).join(&name)).unwrap();
            let (mut rest, mut keys) = (file.as_slice(), Vec::new());
            loop {
                let end = rest.iter().position(|byte| *byte == b'\n').unwrap();
                let line = std::str::from_utf8(&rest[..end]).unwrap();
                rest = &rest[end + 1..];
                if line.is_empty() {
                    break;
                }
                let colon = line.find(": ").unwrap();
                assert!(line[..colon].chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '-')), "{name}: {line}");
                assert!(!line[colon + 2..].is_empty(), "{name}: {line}");
                keys.push(line[..colon].to_owned());
            }
            for once in ["spec", "expect", "comment"] {
                assert_eq!(keys.iter().filter(|key| *key == once).count(), 1, "{}/{name}: {once}", chapter.name);
            }
            assert_eq!(rest, Vector::parse(&name, &file).unwrap().body);
        }
    }
}
