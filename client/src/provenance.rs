//! Provenance: builds that builders signed, found by the digests of what they made.
//!
//! Of a folder all regular files are read, not those of folders in it; each is a DSSE envelope, a file with one a line
//! (`.intoto.jsonl`), or a Sigstore bundle. What is no build, an SBOM for one, is left out, and what is no record is remembered:
//! where no build made a file, it may be why.

use crate::draft;
use crate::files::{self, FileError};
use spec::record::{self, Digest, Kind, Predicate, Record, RecordError, Subject};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The most bytes of a file of envelopes.
pub const MAX_ENVELOPES_BYTES: usize = 16 << 20;
/// The most builds that are looked through.
pub const MAX_BUILDS: usize = 4_096;

/// Why provenance is not read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ProvenanceError {
    /// A file or folder cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// More builds than are looked through.
    #[error("{}: the {MAX_BUILDS} builds that are looked through at most are exceeded; name a folder of this release alone", .0.display())]
    TooMany(PathBuf),
}

/// A build and the file in which it was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signed {
    /// The file.
    pub path: PathBuf,
    /// The build, with all signatures that were found.
    pub record: Record,
}

/// The builds of some folders and files.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Provenance {
    /// Each id once.
    builds: Vec<Signed>,
    /// What is no record.
    pub unread: Vec<(PathBuf, RecordError)>,
    by_artifact: BTreeMap<Digest, Vec<usize>>,
}

/// The builds of a release.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Chosen<'a> {
    /// Those that made its files, and those that made what went into these; what a build needs stands before it.
    pub builds: Vec<&'a Signed>,
    /// The ids of those that made its files.
    pub made: Vec<Digest>,
    /// The files that none of them made.
    pub missing: Vec<Subject>,
}

impl Provenance {
    /// Reads folders and files.
    ///
    /// # Errors
    /// [`ProvenanceError`].
    pub fn read(paths: &[PathBuf]) -> Result<Self, ProvenanceError> {
        let mut provenance = Self::default();
        for path in paths {
            if !path.is_dir() {
                provenance.read_file(path)?;
                continue;
            }
            for path in files::entries(path)?.iter().filter(|path| path.is_file()) {
                provenance.read_file(path)?;
            }
        }
        Ok(provenance)
    }

    fn read_file(&mut self, path: &Path) -> Result<(), ProvenanceError> {
        let bytes = files::read(path, MAX_ENVELOPES_BYTES)?;
        let parts = match record::submissions(&bytes) {
            Ok(parts) => parts,
            Err(error) => {
                self.unread.push((path.into(), error));
                return Ok(());
            }
        };
        for part in parts {
            match draft::read(part) {
                Ok(record) if record.kind() == Kind::Build => self.add(path, record)?,
                Ok(_) | Err(RecordError::UnknownPredicate { .. }) => {}
                Err(error) => self.unread.push((path.into(), error)),
            }
        }
        Ok(())
    }

    fn add(&mut self, path: &Path, record: Record) -> Result<(), ProvenanceError> {
        if let Some(known) = self.builds.iter_mut().find(|known| known.record.id == record.id) {
            for signature in record.signatures {
                draft::add(&mut known.record, signature);
            }
            return Ok(());
        }
        if self.builds.len() == MAX_BUILDS {
            return Err(ProvenanceError::TooMany(path.into()));
        }
        for subject in &record.statement.subjects {
            self.by_artifact.entry(subject.sha256).or_default().push(self.builds.len());
        }
        self.builds.push(Signed { path: path.into(), record });
        Ok(())
    }

    /// Chooses the builds that made some files, all of them, and those that made what went into these.
    pub fn choose(&self, files: &[Subject]) -> Chosen<'_> {
        let (mut chosen, mut seen) = (Chosen::default(), BTreeSet::new());
        for file in files {
            let Some(makers) = self.by_artifact.get(&file.sha256) else {
                chosen.missing.push(file.clone());
                continue;
            };
            for at in makers {
                self.follow(*at, &mut seen, &mut chosen.builds);
                let made = self.builds.get(*at).map(|signed| signed.record.id);
                chosen.made.extend(made.filter(|id| !chosen.made.contains(id)));
            }
        }
        chosen
    }

    /// Adds a build behind those that it needs. Depth: at most [`MAX_BUILDS`].
    fn follow<'a>(&'a self, at: usize, seen: &mut BTreeSet<usize>, out: &mut Vec<&'a Signed>) {
        let Some(signed) = self.builds.get(at).filter(|_| seen.insert(at)) else { return };
        if let Predicate::Build(build) = &signed.record.statement.predicate {
            let inputs = build.dependencies.iter().filter_map(|dependency| dependency.sha256);
            for before in inputs.filter_map(|sha256| self.by_artifact.get(&sha256)).flatten() {
                self.follow(*before, seen, out);
            }
        }
        out.push(signed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::SecretKey;
    use spec::record::{Build, Dependency, Statement};

    fn file(name: &str) -> Subject {
        Subject::of_name(name)
    }

    fn build(inputs: &[&str], outputs: &[&str], seed: u8) -> Vec<u8> {
        let dependencies = inputs.iter().map(|name| Dependency {
            uri: None,
            sha256: Some(Digest::of(name.as_bytes())),
            git_commit: None,
        });
        let (build_type, builder) = ("t".into(), "b".into());
        let predicate = Predicate::Build(Build { build_type, builder, dependencies: dependencies.collect() });
        let subjects = outputs.iter().map(|name| file(name)).collect();
        let mut record = draft::of_statement(&Statement { subjects, predicate }).unwrap();
        draft::sign(&mut record, &SecretKey::from_seed([seed; 32])).unwrap();
        draft::write(&record).unwrap()
    }

    #[test]
    fn builds_behind_what_they_need() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| std::fs::write(dir.path().join(name), bytes).unwrap();
        let (compile, sign) = (build(&["src"], &["a.o"], 1), build(&["a.o"], &["a"], 1));
        let elsewhere = build(&["src"], &["c"], 1);
        write("1.intoto.jsonl", &[sign.as_slice(), b"\n", &compile, b"\n", &elsewhere, b"\n"].concat());
        write("2.json", &build(&["src"], &["b", "a"], 2));
        write("3.json", &build(&["src"], &["a.o"], 3));
        write("sums.txt", b"no record");
        std::fs::create_dir(dir.path().join("sub")).unwrap();
        write("sub/4.json", &build(&["src"], &["d"], 1));
        let provenance = Provenance::read(&[dir.path().into()]).unwrap();
        assert_eq!(
            provenance.unread.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>(),
            [dir.path().join("sums.txt")]
        );
        let chosen = provenance.choose(&["a", "b", "d"].map(file));
        let outputs = |signed: &&Signed| signed.record.statement.subjects[0].name.clone();
        assert_eq!(chosen.builds.iter().map(outputs).collect::<Vec<_>>(), ["a.o", "a", "b"]);
        assert_eq!(chosen.made, [1, 2].map(|at| chosen.builds[at].record.id));
        assert_eq!(chosen.missing, [file("d")]);
        // The same build, signed by another: one build with both signatures.
        assert_eq!(chosen.builds[0].record.signatures.len(), 2);
    }

    #[test]
    fn a_circle_ends() {
        let dir = tempfile::tempdir().unwrap();
        let text = [build(&["b"], &["a"], 1), build(&["a"], &["b"], 1), build(&["c"], &["c"], 1)].join(&b'\n');
        std::fs::write(dir.path().join("all"), text).unwrap();
        let provenance = Provenance::read(&[dir.path().join("all")]).unwrap();
        let chosen = provenance.choose(&["a", "c"].map(file));
        assert_eq!((chosen.builds.len(), chosen.made.len()), (3, 2));
    }
}
