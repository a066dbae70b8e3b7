//! The corpus of the fuzz targets, run as an ordinary test: the vectors of the chapters that a target is about, its seeds, and
//! what fuzzing found, in `fuzz/corpus/<target>`. `UNPACK_CORPUS=<folder>` writes it out for a fuzzer.

// Its modules are used by this test and by the fuzz targets alone.
#![allow(unreachable_pub)]

#[path = "../fuzz/targets.rs"]
mod targets;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use targets::{TARGETS, Target};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The files in a folder, by name; none if there is no such folder.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    paths.sort();
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    paths.into_iter().map(|path| (name(&path), fs::read(&path).unwrap())).collect()
}

/// What a vector gives: its body, and each input in its header.
fn inputs(vector: &[u8]) -> Vec<Vec<u8>> {
    let at = vector.windows(2).position(|pair| pair == b"\n\n").unwrap();
    let header = std::str::from_utf8(&vector[..at]).unwrap();
    let values = header.lines().filter_map(|line| line.split_once(": "));
    let values = values.filter(|(key, _)| !["spec", "expect", "comment", "sibling", "status", "format"].contains(key));
    let values =
        values.map(
            |(key, value)| {
                if key.ends_with("-base64") { BASE64_STANDARD.decode(value).unwrap() } else { value.into() }
            },
        );
    values.chain([vector[at + 2..].to_vec()]).collect()
}

/// All that a target starts from, each input once.
fn corpus(target: &Target) -> BTreeSet<Vec<u8>> {
    let vectors = target.chapters.iter().flat_map(|chapter| {
        let files = files(&folder("vectors").join(chapter));
        assert!(!files.is_empty(), "{}: no vectors of {chapter}", target.name);
        files
    });
    let found = files(&folder("fuzz/corpus").join(target.name)).into_iter().map(|(_, bytes)| bytes);
    vectors.flat_map(|(_, vector)| inputs(&vector)).chain(found).chain((target.seeds)()).collect()
}

#[test]
fn every_input_holds() {
    for target in TARGETS {
        let corpus = corpus(target);
        assert!(!corpus.is_empty(), "{} starts from nothing", target.name);
        for input in corpus {
            let held = std::panic::catch_unwind(|| (target.run)(&input));
            assert!(held.is_ok(), "{}: {:?}", target.name, String::from_utf8_lossy(&input));
        }
    }
}

#[test]
fn every_target_has_its_file() {
    let text = |name: &str| {
        format!("#![no_main]\n\nlibfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::run(\"{name}\", bytes));\n")
    };
    let expected = TARGETS.iter().map(|target| (format!("{}.rs", target.name), text(target.name)));
    let found = files(&folder("fuzz/fuzz_targets")).into_iter();
    let found: BTreeSet<_> = found.map(|(name, bytes)| (name, String::from_utf8(bytes).unwrap())).collect();
    assert_eq!(found, expected.collect());
    let manifest = fs::read_to_string(folder("fuzz/Cargo.toml")).unwrap();
    for target in TARGETS {
        assert!(manifest.contains(&format!("name = \"{}\"", target.name)), "{} is not in the manifest", target.name);
    }
    for found in fs::read_dir(folder("fuzz/corpus")).into_iter().flatten() {
        let name = found.unwrap().file_name();
        assert!(TARGETS.iter().any(|target| target.name == name), "a corpus of no target: {name:?}");
    }
}

#[test]
fn unpack() {
    let Some(out) = std::env::var_os("UNPACK_CORPUS") else { return };
    for target in TARGETS {
        let folder = Path::new(&out).join(target.name);
        fs::create_dir_all(&folder).unwrap();
        for (at, input) in corpus(target).into_iter().enumerate() {
            fs::write(folder.join(at.to_string()), input).unwrap();
        }
    }
}
