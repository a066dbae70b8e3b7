//! Releases: a signed record is kept beside the file that it is about, before anybody else has it.
//!
//! | file | what |
//! |---|---|
//! | `FILE.source.json`, `FILE.build.json`, `FILE.update.json` | the signed record, a DSSE envelope in canonical form |
//! | `FILE.source.tlog-proof` and so on | the C2SP tlog-proof of that record |
//! | `FILE.glarus` | the bundle, to be shipped with the file |
//!
//! The record is on disk before it is sent, so a second try sends the same record, whose answer is the same index. Nothing
//! is signed twice for lack of an answer.

use crate::draft;
use crate::files::{self, FileError};
use crate::keys::{SecretKey, SignError};
use spec::json::{self, Value};
use spec::record::{Dependency, Digest, Kind, MAX_SUBMISSION_BYTES, Record, RecordError, Statement, Subject};
use std::path::{Path, PathBuf};

/// Why a record is not made.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ReleaseError {
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// What was asked for breaks a rule of records.
    #[error("this makes no record: {0}")]
    Statement(RecordError),
    /// A file that should hold a record does not.
    #[error("{}: not a record: {cause}", path.display())]
    NotARecord {
        /// The file.
        path: PathBuf,
        /// Why not.
        cause: RecordError,
    },
    /// A record of another kind than needed.
    #[error("{}: a record of kind {have}, a {need} is needed", path.display())]
    Kind {
        /// The file.
        path: PathBuf,
        /// What it is.
        have: Kind,
        /// What it should be.
        need: Kind,
    },
    /// There is a record beside the file already, and it says something else.
    #[error("{}: says something else: its {member} is {have}, asked for is {want}; if it was never logged, remove it and try again", path.display())]
    Different {
        /// The record's file.
        path: PathBuf,
        /// The path of the first member that differs.
        member: String,
        /// What it says there.
        have: String,
        /// What it would say.
        want: String,
    },
    /// No key to sign with, and nothing signed.
    #[error("{}: is not there yet, and no key was named to sign it with: --key FILE", .0.display())]
    NoKey(PathBuf),
    /// A key does not sign.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// There is a record that says the same in other bytes, and one of them is signed already.
    #[error("{}: says the same in other bytes: its id is {have}, the one of the record given is {want}; if it was never logged, remove it and try again", path.display())]
    OtherBytes {
        /// The record's file.
        path: PathBuf,
        /// The id of the record there.
        have: Digest,
        /// The id of the other.
        want: Digest,
    },
    /// A file that the record is not about.
    #[error("{name} ({sha256}) is none of the record's files; they are: {files}")]
    NotASubject {
        /// The file.
        name: String,
        /// Its digest.
        sha256: Digest,
        /// What the record is about.
        files: String,
    },
    /// The archive is not the one that was logged.
    #[error("{}: has the sha256 {have}, the record beside it was made for {recorded}", path.display())]
    Changed {
        /// The archive.
        path: PathBuf,
        /// Its digest now.
        have: Digest,
        /// The digest in the record.
        recorded: Digest,
    },
    /// A dependency that is not `name=sha256`.
    #[error("{0:?} is not NAME=SHA256, the SHA-256 as 64 lower-case hex digits")]
    Dependency(String),
    /// A file that no build named made.
    #[error("{name} ({sha256}) is no artifact of the builds named; their artifacts are: {artifacts}")]
    NotBuilt {
        /// The file.
        name: String,
        /// Its digest.
        sha256: Digest,
        /// What was built.
        artifacts: String,
    },
}

/// Where a kind of record is kept.
pub fn record_path(file: &Path, kind: Kind) -> PathBuf {
    files::beside(file, &format!(".{kind}.json"))
}

/// Where the proof of a kept record is kept.
pub fn proof_path(record: &Path) -> PathBuf {
    record.with_extension("tlog-proof")
}

/// Where the bundle of a file is kept.
pub fn bundle_path(file: &Path) -> PathBuf {
    files::beside(file, ".glarus")
}

/// What was done to have a record beside its file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kept {
    /// It was signed and written now.
    Written,
    /// It was there, and says the same: nothing was signed.
    Found,
    /// It was there, and says the same: signatures were added.
    Signed,
}

/// A signed record and its file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Release {
    /// Where it is.
    pub path: PathBuf,
    /// Its bytes there.
    pub envelope: Vec<u8>,
    /// What they are.
    pub record: Record,
    /// How it came there.
    pub kept: Kept,
}

/// Signs a statement and writes it to `path`; if a record is there that says the same, that one stays.
///
/// # Errors
/// [`ReleaseError::Different`] if the record there says something else, and the others.
pub fn keep(path: &Path, statement: &Statement, keys: &[SecretKey]) -> Result<Release, ReleaseError> {
    let record = draft::of_statement(statement).map_err(ReleaseError::Statement)?;
    let release = keep_record(path, record, |record| {
        for key in keys {
            draft::sign(record, key)?;
        }
        match record.signatures.is_empty() {
            true => Err(ReleaseError::NoKey(path.into())),
            false => Ok(()),
        }
    })?;
    Ok(release)
}

/// Writes a record to `path`, after `sign` added what signatures it has; if one is there that says the same, that one stays,
/// with the signatures of both.
///
/// # Errors
/// [`ReleaseError::Different`] if the record there says something else, and the others.
pub fn keep_record(
    path: &Path,
    record: Record,
    sign: impl FnOnce(&mut Record) -> Result<(), ReleaseError>,
) -> Result<Release, ReleaseError> {
    let found = read_if_there(path)?;
    let mut record = match &found {
        None => record,
        Some(found) => joined(found, record)?,
    };
    sign(&mut record)?;
    let path = path.to_path_buf();
    let envelope = match &found {
        // As it is on disk: what another tool wrote is not written anew for nothing.
        Some(found) if found.record == record => {
            return Ok(Release { path, envelope: found.envelope.clone(), record, kept: Kept::Found });
        }
        _ => draft::write(&record).map_err(ReleaseError::Statement)?,
    };
    // The form that it is written in sorts the signatures.
    let record = draft::read(&envelope).map_err(ReleaseError::Statement)?;
    let kept = match found {
        None => files::create_new(&path, &envelope, 0o644).map(|()| Kept::Written)?,
        Some(_) => files::replace(&path, &envelope, 0o644).map(|()| Kept::Signed)?,
    };
    Ok(Release { path, envelope, record, kept })
}

/// The record that was found, with the signatures of one that says the same.
fn joined(found: &Release, record: Record) -> Result<Record, ReleaseError> {
    let path = || found.path.clone();
    if let Some((member, have, want)) = difference(&found.record.statement, &record.statement) {
        return Err(ReleaseError::Different { path: path(), member, have, want });
    }
    let mut joined = found.record.clone();
    if record.id == joined.id {
        for signature in record.signatures {
            draft::add(&mut joined, signature);
        }
    } else if !record.signatures.is_empty() {
        // The same in other bytes: a signature over these is none over those.
        return Err(ReleaseError::OtherBytes { path: path(), have: joined.id, want: record.id });
    }
    Ok(joined)
}

/// Reads the record in a file, signed or not.
///
/// # Errors
/// [`ReleaseError::File`], [`ReleaseError::NotARecord`].
pub fn read(path: &Path) -> Result<Release, ReleaseError> {
    let envelope = files::read(path, MAX_SUBMISSION_BYTES)?;
    let record = draft::read(&envelope).map_err(|cause| ReleaseError::NotARecord { path: path.into(), cause })?;
    Ok(Release { path: path.into(), envelope, record, kept: Kept::Found })
}

/// Reads the record in a file, if that is there.
///
/// # Errors
/// As [`read`].
pub fn read_if_there(path: &Path) -> Result<Option<Release>, ReleaseError> {
    match files::read_if_there(path, MAX_SUBMISSION_BYTES)? {
        Some(_) => read(path).map(Some),
        None => Ok(None),
    }
}

/// The first member in which two statements differ: its path, and both values.
fn difference(have: &Statement, want: &Statement) -> Option<(String, String, String)> {
    if have == want {
        return None;
    }
    let texts = [have, want].map(Statement::to_json);
    let [have, want] = texts.each_ref().map(|text| json::parse(text.as_bytes()).unwrap_or(Value::Null));
    let found = first_difference("", &have, &want);
    Some(found.unwrap_or_else(|| ("statement".into(), "one".into(), "another".into())))
}

fn first_difference(path: &str, have: &Value, want: &Value) -> Option<(String, String, String)> {
    let inside = |part: &str| if path.is_empty() { part.to_string() } else { format!("{path}.{part}") };
    match (have, want) {
        (Value::Object(have), Value::Object(want)) => {
            let nothing = Value::Null;
            let of_both = have.iter().map(|(name, value)| (name, value, want.get(name).unwrap_or(&nothing)));
            let of_want = want.iter().filter(|(name, _)| have.get(name).is_none());
            let of_want = of_want.map(|(name, value)| (name, &nothing, value));
            of_both.chain(of_want).find_map(|(name, have, want)| first_difference(&inside(name), have, want))
        }
        (Value::Array(have), Value::Array(want)) if have.len() == want.len() => {
            let pairs = have.iter().zip(want).enumerate();
            pairs.into_iter().find_map(|(at, (have, want))| first_difference(&format!("{path}[{at}]"), have, want))
        }
        (have, want) if have == want => None,
        (have, want) => Some((path.into(), shown(have), shown(want))),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "absent".into(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.text().into(),
        Value::String(text) => format!("{text:?}"),
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::Object(_) => "an object".into(),
    }
}

/// The subject that a file is.
///
/// # Errors
/// [`FileError`].
pub fn subject(file: &Path) -> Result<Subject, FileError> {
    Ok(Subject { name: files::name(file)?, sha256: files::sha256(file)?, digests: Vec::new() })
}

/// The dependency that a source is: a SHA-256, an archive, or the record beside an archive.
///
/// # Errors
/// [`ReleaseError::Changed`] if an archive and the record beside it disagree, and the others.
pub fn source_dependency(argument: &str) -> Result<Dependency, ReleaseError> {
    let of = |sha256| Dependency { uri: None, sha256: Some(sha256), git_commit: None };
    if let Some(sha256) = Digest::parse(argument) {
        return Ok(of(sha256));
    }
    let archive = Path::new(argument.strip_suffix(".source.json").unwrap_or(argument));
    let record = read_if_there(&record_path(archive, Kind::Source))?;
    let there = archive.try_exists().unwrap_or(false);
    let recorded = match record {
        Some(release) => Some(recorded_digest(&release, &files::name(archive)?)?),
        None => None,
    };
    match (recorded, there) {
        (Some(recorded), false) => Ok(of(recorded)),
        (None, _) => Ok(of(files::sha256(archive)?)),
        (Some(recorded), true) => match files::sha256(archive)? {
            have if have == recorded => Ok(of(have)),
            have => Err(ReleaseError::Changed { path: archive.into(), have, recorded }),
        },
    }
}

fn recorded_digest(release: &Release, archive: &str) -> Result<Digest, ReleaseError> {
    expect_kind(release, Kind::Source)?;
    let subjects = &release.record.statement.subjects;
    let named = subjects.iter().find(|subject| subject.name == archive).or_else(|| subjects.first());
    named.map(|subject| subject.sha256).ok_or_else(|| ReleaseError::NotARecord {
        path: release.path.clone(),
        cause: RecordError::Empty { field: "subject" },
    })
}

fn expect_kind(release: &Release, need: Kind) -> Result<(), ReleaseError> {
    is_kind(&release.path, &release.record, need)
}

/// Refuses a record of another kind than needed.
///
/// # Errors
/// [`ReleaseError::Kind`].
pub fn is_kind(path: &Path, record: &Record, need: Kind) -> Result<(), ReleaseError> {
    match record.kind() {
        have if have == need => Ok(()),
        have => Err(ReleaseError::Kind { path: path.into(), have, need }),
    }
}

/// Refuses a file that a record is not about.
///
/// # Errors
/// [`ReleaseError::NotASubject`].
pub fn is_about(statement: &Statement, files: &[Subject]) -> Result<(), ReleaseError> {
    let Some(file) = files.iter().find(|file| !carries(&statement.subjects, &file.sha256)) else { return Ok(()) };
    let files = names(&statement.subjects);
    Err(ReleaseError::NotASubject { name: file.name.clone(), sha256: file.sha256, files })
}

/// Whether one of the files has this digest.
pub fn carries(files: &[Subject], sha256: &Digest) -> bool {
    files.iter().any(|file| file.sha256 == *sha256)
}

fn names(files: &[Subject]) -> String {
    files.iter().map(|file| format!("{} ({})", file.name, file.sha256)).collect::<Vec<_>>().join(", ")
}

/// The dependency `NAME=SHA256`: something that went into a build and is not deposited.
///
/// # Errors
/// [`ReleaseError::Dependency`].
pub fn named_dependency(argument: &str) -> Result<Dependency, ReleaseError> {
    let parts = argument.rsplit_once('=').filter(|(name, _)| !name.is_empty());
    let parts = parts.and_then(|(name, sha256)| Some((name, Digest::parse(sha256)?)));
    let (name, sha256) = parts.ok_or_else(|| ReleaseError::Dependency(argument.into()))?;
    Ok(Dependency { uri: Some(name.into()), sha256: Some(sha256), git_commit: None })
}

/// The builds that an update names: by id, or by their records.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Builds {
    /// Their ids, in the order named.
    pub ids: Vec<Digest>,
    /// What they made; `None` if one is named by id alone.
    artifacts: Option<Vec<Subject>>,
}

impl Builds {
    /// Reads the arguments: each an id, a record's file, or the artifact beside which that is.
    ///
    /// # Errors
    /// [`ReleaseError`].
    pub fn read(arguments: &[String]) -> Result<Self, ReleaseError> {
        let mut builds = Self { ids: Vec::new(), artifacts: Some(Vec::new()) };
        for argument in arguments {
            if let Some(id) = Digest::parse(argument) {
                builds.ids.push(id);
                builds.artifacts = None;
                continue;
            }
            let beside = record_path(Path::new(argument), Kind::Build);
            let is_record = argument.ends_with(".json") || !beside.exists();
            let release = read(if is_record { Path::new(argument) } else { &beside })?;
            expect_kind(&release, Kind::Build)?;
            builds.ids.push(release.record.id);
            builds.artifacts.iter_mut().for_each(|all| all.extend(release.record.statement.subjects.clone()));
        }
        Ok(builds)
    }

    /// Refuses a file that none of the builds made, where all builds are at hand.
    ///
    /// # Errors
    /// [`ReleaseError::NotBuilt`].
    pub fn expect(&self, files: &[Subject]) -> Result<(), ReleaseError> {
        let Some(artifacts) = &self.artifacts else { return Ok(()) };
        let Some(file) = files.iter().find(|file| !carries(artifacts, &file.sha256)) else { return Ok(()) };
        let artifacts = names(artifacts);
        Err(ReleaseError::NotBuilt { name: file.name.clone(), sha256: file.sha256, artifacts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spec::record::{Predicate, Product, Source};

    fn source(version: &str) -> Statement {
        let product = Product::parse("pkg:generic/acme/shield").unwrap();
        let subjects = vec![Subject::of_name("shield.tar.gz")];
        let (log, version) = ("log.example".into(), version.into());
        let predicate = Predicate::Source(Source { log, products: vec![product], version, held_at: Vec::new() });
        Statement { subjects, predicate }
    }

    #[test]
    fn a_second_try_sends_the_same_record() {
        let dir = tempfile::tempdir().unwrap();
        let path = record_path(&dir.path().join("shield.tar.gz"), Kind::Source);
        assert_eq!(keep(&path, &source("1"), &[]), Err(ReleaseError::NoKey(path.clone())));
        let keys = [SecretKey::from_seed([1; 32])];
        let first = keep(&path, &source("1"), &keys).unwrap();
        assert_eq!((first.kept, Record::parse_entry(&first.envelope).as_ref()), (Kept::Written, Ok(&first.record)));
        let again = keep(&path, &source("1"), &keys).unwrap();
        assert_eq!((again.kept, &again.envelope), (Kept::Found, &first.envelope));
        assert_eq!(keep(&path, &source("1"), &[]).unwrap().envelope, first.envelope);
        let error = keep(&path, &source("2"), &keys).unwrap_err();
        let (member, have, want) = ("predicate.version".into(), "\"1\"".into(), "\"2\"".into());
        assert_eq!(error, ReleaseError::Different { path: path.clone(), member, have, want });
        let more = keep(&path, &source("1"), &[SecretKey::from_seed([2; 32])]).unwrap();
        assert_eq!((more.kept, more.record.signatures.len(), more.record.id), (Kept::Signed, 2, first.record.id));
        assert_eq!(files::read(&path, 65_535).unwrap(), more.envelope);
    }

    #[test]
    fn a_record_that_cannot_be_read_back_is_not_signed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.source.json");
        let error = keep(&path, &source(""), &[SecretKey::from_seed([1; 32])]).unwrap_err();
        assert_eq!(error, ReleaseError::Statement(RecordError::Empty { field: "predicate.version" }));
        assert!(!path.exists());
        std::fs::write(&path, "{}").unwrap();
        assert!(matches!(keep(&path, &source("1"), &[]), Err(ReleaseError::NotARecord { .. })));
    }

    #[test]
    fn sources_by_digest_file_and_record() {
        let dir = tempfile::tempdir().unwrap();
        let archive = dir.path().join("shield.tar.gz");
        let argument = archive.to_str().unwrap();
        let digest = |argument: &str| source_dependency(argument).map(|one| one.sha256.unwrap());
        let recorded = Digest::of(b"shield.tar.gz");
        assert_eq!(digest(&recorded.to_string()), Ok(recorded));
        assert!(matches!(digest(argument), Err(ReleaseError::File(_))));
        keep(&record_path(&archive, Kind::Source), &source("1"), &[SecretKey::from_seed([1; 32])]).unwrap();
        assert_eq!(digest(argument), Ok(recorded));
        assert_eq!(digest(&format!("{argument}.source.json")), Ok(recorded));
        std::fs::write(&archive, "other").unwrap();
        let have = Digest::of(b"other");
        assert_eq!(digest(argument), Err(ReleaseError::Changed { path: archive.clone(), have, recorded }));
        std::fs::write(&archive, "shield.tar.gz").unwrap();
        assert_eq!(digest(argument), Ok(recorded));
        assert!(named_dependency("zlib").is_err() && named_dependency("=00").is_err());
        assert_eq!(named_dependency(&format!("a=b={recorded}")).unwrap().uri.as_deref(), Some("a=b"));
    }
}
