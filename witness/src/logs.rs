//! The logs that a witness knows: one file each, `logs/<origin hash>.toml`.
//!
//! ```toml
//! # The origin: the first line of the log's checkpoints.
//! origin = "example.com/log"
//! # The keys that sign them; one suffices.
//! vkeys = ["example.com/log+530d903a+AYqI49147Qi2O86cdnjBY4JG6hPlGAXo5u9FsfFNkpvJ"]
//! ```
//!
//! A third key, `start`, may hold a checkpoint that the operator vouches for: the first one cosigned must extend it.
//! Without it the log starts at size 0. Nothing is ever trusted on first use.
//!
//! A file of its own lets a log be added while the witness runs: an origin that is not known yet is looked for in the folder.
//! What was read once stays as it was read until the next start.

use glarus_shell::config::{self, ConfigError};
use glarus_shell::files::{self, FileError};
use spec::merkle::TreeHead;
use spec::note::{KeyError, Note, NoteError, Vkey};
use spec::record::Digest;
use spec::witness::{self, AddCheckpoint, Refusal};
use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

/// The name that a log's files, rows and paths go by: SHA-256 of its origin, lower-case hex.
pub fn origin_hash(origin: &str) -> String {
    Digest::of(origin.as_bytes()).to_string()
}

/// A log that checkpoints are cosigned for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Log {
    /// The origin.
    pub origin: String,
    /// [`origin_hash`] of it.
    pub hash: String,
    /// The keys that sign its checkpoints.
    pub vkeys: Vec<Vkey>,
    /// The checkpoint to start from, with the log's verified signatures.
    pub start: Option<Note>,
    /// The head of `start`.
    pub start_head: Option<TreeHead>,
}

/// Why a log is not taken up.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LogProblem {
    /// A key that is none.
    #[error("vkey {text:?}: {cause}")]
    Vkey {
        /// What was given.
        text: String,
        /// Why it is none.
        cause: KeyError,
    },
    /// No key at all.
    #[error("log {0:?} has no vkey")]
    NoKeys(String),
    /// A key that cannot sign this log's checkpoints.
    #[error("{vkey} cannot sign for log {origin:?}: a log's key has type 0x01 or 0x06 and its origin as name")]
    OtherKey {
        /// The key.
        vkey: String,
        /// The origin.
        origin: String,
    },
    /// The start is not a note.
    #[error("the start head is not a note: {0}")]
    Note(NoteError),
    /// The start is not a checkpoint by the log.
    #[error("the start head is not a checkpoint of this log: {0}")]
    Start(Refusal),
}

/// Why a log's file is not read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LogError {
    /// The file is not TOML as it should be.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// What it says is no log.
    #[error("{}: {cause}", path.display())]
    Problem {
        /// The file.
        path: PathBuf,
        /// Why not.
        cause: LogProblem,
    },
    /// It has another name than its origin's hash.
    #[error("{}: origin {origin:?} belongs into {}.toml", path.display(), origin_hash(origin))]
    OtherName {
        /// The file.
        path: PathBuf,
        /// The origin in it.
        origin: String,
    },
    /// The folder cannot be read.
    #[error("{}: {cause}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the operating system said.
        cause: String,
    },
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct LogFile {
    origin: String,
    vkeys: Vec<String>,
    start: Option<String>,
}

impl Log {
    /// Takes up a log, from what an operator wrote.
    ///
    /// # Errors
    /// [`LogProblem`].
    pub fn new(origin: &str, vkeys: &[String], start: Option<&str>) -> Result<Self, LogProblem> {
        let vkey = |text: &String| text.parse().map_err(|cause| LogProblem::Vkey { text: text.clone(), cause });
        let vkeys: Vec<Vkey> = vkeys.iter().map(vkey).collect::<Result<_, _>>()?;
        if vkeys.is_empty() {
            return Err(LogProblem::NoKeys(origin.into()));
        }
        if let Some(other) = vkeys.iter().find(|key| !key.is_of_log(origin)) {
            return Err(LogProblem::OtherKey { vkey: other.to_string(), origin: origin.into() });
        }
        // A start head is judged as a log's first checkpoint is.
        let accept = |text: &str| {
            let request = AddCheckpoint {
                old_size: 0,
                proof: Vec::new(),
                note: Note::parse(text.as_bytes()).map_err(LogProblem::Note)?,
            };
            witness::judge(None, &request, &vkeys).map_err(LogProblem::Start)
        };
        let accepted = start.map(accept).transpose()?;
        let start_head = accepted.as_ref().map(|accepted| accepted.checkpoint.head);
        let start = accepted.map(|accepted| accepted.note);
        Ok(Self { origin: origin.into(), hash: origin_hash(origin), vkeys, start, start_head })
    }

    /// Writes the log's file into the folder `logs`. A file that is there is left alone.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn write(&self, logs: &Path) -> Result<(), FileError> {
        let quoted = |text: &str| toml::Value::String(text.into()).to_string();
        let vkeys: Vec<_> = self.vkeys.iter().map(|key| quoted(&key.to_string())).collect();
        let mut text = format!(
            "# The origin: the first line of the log's checkpoints.\n\
             origin = {}\n\
             # The keys that sign them; one suffices.\n\
             vkeys = [{}]\n",
            quoted(&self.origin),
            vkeys.join(", ")
        );
        if let Some(start) = &self.start {
            text.push_str("# The checkpoint to start from: the first one cosigned must extend it.\n");
            text.push_str(&format!("start = {}\n", quoted(&start.to_string())));
        }
        files::create_new(&path(logs, &self.hash), text.as_bytes(), 0o644)
    }

    fn read(path: &Path) -> Result<Self, LogError> {
        let file: LogFile = config::load(path)?;
        let log = Self::new(&file.origin, &file.vkeys, file.start.as_deref())
            .map_err(|cause| LogError::Problem { path: path.into(), cause })?;
        if path.file_stem().is_none_or(|stem| stem != log.hash.as_str()) {
            return Err(LogError::OtherName { path: path.into(), origin: file.origin });
        }
        Ok(log)
    }
}

fn path(logs: &Path, hash: &str) -> PathBuf {
    logs.join(format!("{hash}.toml"))
}

/// All logs known so far.
#[derive(Debug)]
pub struct Logs {
    dir: PathBuf,
    /// By origin hash. Only ever added to.
    known: RwLock<HashMap<String, Arc<Log>>>,
}

impl Logs {
    /// Reads all files of the folder `logs`.
    ///
    /// # Errors
    /// [`LogError`], for the first file that is none.
    pub fn open(logs: &Path) -> Result<Self, LogError> {
        let folder = |error: std::io::Error| LogError::Folder { path: logs.into(), cause: error.to_string() };
        let mut known = HashMap::new();
        for entry in std::fs::read_dir(logs).map_err(folder)? {
            let path = entry.map_err(folder)?.path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                let log = Log::read(&path)?;
                known.insert(log.hash.clone(), Arc::new(log));
            }
        }
        Ok(Self { dir: logs.into(), known: RwLock::new(known) })
    }

    /// Finds the log of an origin, in its file if it was added since.
    ///
    /// Cost: a hash; for an unknown origin an attempt to open a file.
    ///
    /// # Errors
    /// [`LogError`], if there is a file and it is none.
    pub fn get(&self, origin: &str) -> Result<Option<Arc<Log>>, LogError> {
        let hash = origin_hash(origin);
        if let Some(log) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(&hash) {
            return Ok(Some(Arc::clone(log)));
        }
        let path = path(&self.dir, &hash);
        match std::fs::metadata(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            _ => {}
        }
        let log = Arc::new(Log::read(&path)?);
        tracing::info!(origin, "log added");
        self.known.write().unwrap_or_else(PoisonError::into_inner).insert(hash, Arc::clone(&log));
        Ok(Some(log))
    }

    /// All logs known so far.
    pub fn all(&self) -> Vec<Arc<Log>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spec::checkpoint::{self, Checkpoint};
    use spec::merkle::leaf_hash;
    use spec::note::{KeyKind, Skey};

    const ORIGIN: &str = "example.com/log";

    fn skey(name: &str, kind: KeyKind) -> Skey {
        Skey::from_seed(name, kind, [1; 32]).unwrap()
    }

    fn vkey() -> String {
        skey(ORIGIN, KeyKind::Ed25519).vkey().to_string()
    }

    fn start(origin: &str) -> String {
        let checkpoint = Checkpoint::new(origin, TreeHead { size: 1, root: leaf_hash(b"entry") });
        let line = checkpoint::sign(&checkpoint, &skey(origin, KeyKind::Ed25519));
        Note { text: checkpoint.to_text(), signatures: vec![line] }.to_string()
    }

    #[test]
    fn a_log_added_later_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let logs = Logs::open(dir.path()).unwrap();
        assert_eq!(logs.get(ORIGIN), Ok(None));
        let log = Log::new(ORIGIN, &[vkey()], Some(&start(ORIGIN))).unwrap();
        log.write(dir.path()).unwrap();
        assert_eq!(logs.get(ORIGIN).unwrap().as_deref(), Some(&log));
        assert!(matches!(log.write(dir.path()), Err(FileError::Exists(_))));
        assert_eq!(Logs::open(dir.path()).unwrap().all(), [Arc::new(log)]);
        assert_eq!(logs.all().len(), 1);
    }

    #[test]
    fn what_is_no_log() {
        let check = |vkeys: &[String], start: Option<&str>, expect: &str| {
            let problem = Log::new(ORIGIN, vkeys, start).unwrap_err().to_string();
            assert!(problem.starts_with(expect), "{problem}");
        };
        check(&[], None, "log \"example.com/log\" has no vkey");
        check(&["x".into()], None, "vkey \"x\": a key is written");
        for other in [skey(ORIGIN, KeyKind::CosignatureEd25519), skey("example.com/other", KeyKind::Ed25519)] {
            let other = other.vkey().to_string();
            let expect = format!("{other} cannot sign for log");
            check(&[other], None, &expect);
        }
        check(&[vkey()], Some("x"), "the start head is not a note: ");
        check(&[vkey()], Some("x\n\n— n AAAAAAE=\n"), "the start head is not a checkpoint of this log: ");
        check(&[vkey()], Some(&start("example.com/other")), "the start head is not a checkpoint of this log: no sig");
    }

    #[test]
    fn files_that_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let check = |name: &str, text: &str, expect: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            let error = Logs::open(dir.path()).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{}: {expect}", path.display())), "{error}");
            std::fs::remove_file(path).unwrap();
        };
        let good = format!("origin = \"{ORIGIN}\"\nvkeys = [\"{}\"]\n", vkey());
        let belongs = format!("origin \"{ORIGIN}\" belongs into {}.toml", origin_hash(ORIGIN));
        check("other.toml", &good, &belongs);
        let name = format!("{}.toml", origin_hash(ORIGIN));
        check(&name, &good.replace("vkeys", "vkey"), "line 2: unknown key \"vkey\", did you mean \"vkeys\"?");
        check(&name, &good.replacen(".com", ".org", 1), "example.com/log+");
        check(&name, "origin", "line 1: ");
    }
}
