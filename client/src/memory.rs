//! Memory: what a machine saw of logs and installed of products, so that nobody can show it an older state later.
//!
//! One JSON object in one form, members in this order, no white space, a line feed at the end:
//!
//! ```text
//! {"memory":1,
//!  "origins":[{"origin":"log.acme.example/updates","time":1795430000,"checkpoint":"<note>"}],
//!  "products":[{"product":"pkg:generic/acme/shield","origin":"log.acme.example/updates",
//!               "installed":{"channel":"stable","sequence":41,"index":18204},"status":"<status>"}]}
//! ```
//!
//! Origins and products are sorted, none twice. `installed` and `status` may be null. What is remembered of a product is of one
//! log: a trust that names another origin starts anew.
//!
//! - No file is an empty memory: a machine that saw nothing yet. A damaged file is an error and never an empty memory.
//! - Whoever can write the file decides what may be installed anyway; whoever can delete it can have an older update accepted.
//! - [`MemoryFile`] holds a lock, `<file>.lock`, as long as it lives: of two installations one waits.
//! - It is written aside, synced and renamed into place, mode 0600.

use crate::files::{self, FileError};
use spec::bundle::{BundleError, Status};
use spec::checkpoint::{Checkpoint, CheckpointError};
use spec::json::{self, JsonError, Object, Value};
use spec::note::{Note, NoteError};
use spec::record::{Product, is_track_name};
use spec::verdict::{Installed, Learned, Memory, SeenHead};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// The most bytes of a memory file: some statuses of the largest size.
const MAX_MEMORY_BYTES: usize = 1 << 26;

/// Why a memory is not used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MemoryError {
    /// It, or its lock, cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is not what was written.
    #[error("{}: damaged: {why}; restore it from a backup, or remove it to start anew without protection against rollback", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: Damage,
    },
}

/// What is wrong with a memory file.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Damage {
    /// Not JSON.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// A member is missing, of another type, or not what it should be.
    #[error("the member {0} is missing or has another form")]
    Member(&'static str),
    /// A checkpoint that is no note.
    #[error("a checkpoint: {0}")]
    Note(#[from] NoteError),
    /// A note that is no checkpoint.
    #[error("a checkpoint: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// A status that is none.
    #[error("a status: {0}")]
    Status(#[from] BundleError),
    /// Bytes that do not re-encode to themselves.
    #[error("it is not in the one form that it has")]
    NotCanonical,
}

/// What is remembered.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Contents {
    origins: BTreeMap<String, Seen>,
    products: BTreeMap<(String, String), Kept>,
}

/// Of an origin.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Seen {
    time: u64,
    head: SeenHead,
}

/// Of a product in an origin.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Kept {
    installed: Option<Installed>,
    status: Option<Status>,
}

impl Contents {
    /// Reads the one form.
    ///
    /// # Errors
    /// [`Damage`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Damage> {
        let value = json::parse(bytes)?;
        let object = value.object().ok_or(Damage::Member("memory"))?;
        if integer(object, "memory")? != 1 {
            return Err(Damage::Member("memory"));
        }
        let mut contents = Self::default();
        for seen in list(object, "origins")? {
            let origin = text(seen, "origin")?;
            let note = Note::parse(text(seen, "checkpoint")?.as_bytes())?;
            let Checkpoint { origin: of, head, .. } = Checkpoint::parse(&note.text)?;
            if of != origin {
                return Err(Damage::Member("origin"));
            }
            let seen = Seen { time: integer(seen, "time")?, head: SeenHead { head, note } };
            contents.origins.insert(origin.into(), seen);
        }
        for kept in list(object, "products")? {
            let key = (text(kept, "product")?.into(), text(kept, "origin")?.into());
            let status = match kept.get("status") {
                Some(Value::Null) => None,
                _ => Some(Status::parse(text(kept, "status")?.as_bytes())?),
            };
            contents.products.insert(key, Kept { installed: installed(kept)?, status });
        }
        if contents.to_json().as_bytes() != bytes {
            return Err(Damage::NotCanonical);
        }
        Ok(contents)
    }

    /// Writes it.
    pub fn to_json(&self) -> String {
        let mut out = String::from(r#"{"memory":1,"origins":["#);
        for (at, (origin, Seen { time, head })) in self.origins.iter().enumerate() {
            out.push_str(if at == 0 { r#"{"origin":"# } else { r#",{"origin":"# });
            json::write_string(&mut out, origin);
            out.push_str(&format!(r#","time":{time},"checkpoint":"#));
            json::write_string(&mut out, &head.note.to_string());
            out.push('}');
        }
        out.push_str(r#"],"products":["#);
        for (at, ((product, origin), kept)) in self.products.iter().enumerate() {
            out.push_str(if at == 0 { r#"{"product":"# } else { r#",{"product":"# });
            json::write_string(&mut out, product);
            out.push_str(r#","origin":"#);
            json::write_string(&mut out, origin);
            kept.write(&mut out);
            out.push('}');
        }
        out.push_str("]}\n");
        out
    }

    /// What a verdict about a product is to know.
    pub fn memory(&self, product: &Product, origin: &str) -> Memory {
        let seen = self.origins.get(origin);
        let kept = self.products.get(&key(product, origin)).cloned().unwrap_or_default();
        Memory {
            head: seen.map(|seen| seen.head.clone()),
            time: seen.map_or(0, |seen| seen.time),
            status: kept.status,
            installed: kept.installed,
        }
    }

    /// Takes up what a verdict taught; says whether that changed anything.
    pub fn learn(&mut self, product: &Product, origin: &str, learned: Learned) -> bool {
        let before = self.clone();
        let mut memory = self.memory(product, origin);
        memory.learn(learned);
        let Memory { head, time, status, installed } = memory;
        self.origins.extend(head.map(|head| (origin.to_string(), Seen { time, head })));
        self.products.insert(key(product, origin), Kept { installed, status });
        *self != before
    }

    /// Takes up what was installed.
    pub fn install(&mut self, product: &Product, origin: &str, installed: Installed) {
        self.products.entry(key(product, origin)).or_default().installed = Some(installed);
    }
}

impl Kept {
    fn write(&self, out: &mut String) {
        match &self.installed {
            None => out.push_str(r#","installed":null"#),
            Some(Installed { channel, sequence, index }) => out
                .push_str(&format!(r#","installed":{{"channel":"{channel}","sequence":{sequence},"index":{index}}}"#)),
        }
        out.push_str(r#","status":"#);
        match &self.status {
            None => out.push_str("null"),
            Some(status) => json::write_string(out, &status.to_json()),
        }
    }
}

fn key(product: &Product, origin: &str) -> (String, String) {
    (product.as_str().into(), origin.into())
}

fn installed(kept: &Object) -> Result<Option<Installed>, Damage> {
    let object = match kept.get("installed") {
        Some(Value::Null) => return Ok(None),
        Some(Value::Object(object)) => object,
        _ => return Err(Damage::Member("installed")),
    };
    let channel = Some(text(object, "channel")?).filter(|channel| is_track_name(channel));
    let channel = channel.ok_or(Damage::Member("channel"))?.into();
    Ok(Some(Installed { channel, sequence: integer(object, "sequence")?, index: integer(object, "index")? }))
}

fn integer(object: &Object, name: &'static str) -> Result<u64, Damage> {
    object.get(name).and_then(Value::integer).ok_or(Damage::Member(name))
}

fn text<'a>(object: &'a Object, name: &'static str) -> Result<&'a str, Damage> {
    object.get(name).and_then(Value::string).ok_or(Damage::Member(name))
}

fn list<'a>(object: &'a Object<'a>, name: &'static str) -> Result<Vec<&'a Object<'a>>, Damage> {
    let values = object.get(name).and_then(Value::array).ok_or(Damage::Member(name))?;
    values.iter().map(Value::object).collect::<Option<_>>().ok_or(Damage::Member(name))
}

/// A memory file, locked as long as this lives.
#[derive(Debug)]
pub struct MemoryFile {
    path: PathBuf,
    /// What is remembered. Owned by whoever holds the lock.
    pub contents: Contents,
    /// Held, never read.
    _lock: File,
}

impl MemoryFile {
    /// Waits for the lock, then reads the file.
    ///
    /// # Errors
    /// [`MemoryError`].
    pub fn open(path: &Path) -> Result<Self, MemoryError> {
        let lock = lock(&files::beside(path, ".lock"))?;
        let contents = match files::read_if_there(path, MAX_MEMORY_BYTES)? {
            None => Contents::default(),
            Some(bytes) => Contents::parse(&bytes).map_err(|why| MemoryError::Damaged { path: path.into(), why })?,
        };
        Ok(Self { path: path.into(), contents, _lock: lock })
    }

    /// Writes the file.
    ///
    /// # Errors
    /// [`MemoryError::File`]. A memory too long to be read again is not written: the one that is there stays.
    pub fn save(&self) -> Result<(), MemoryError> {
        let text = self.contents.to_json();
        if text.len() > MAX_MEMORY_BYTES {
            return Err(FileError::TooLong { path: self.path.clone(), max_bytes: MAX_MEMORY_BYTES }.into());
        }
        Ok(files::replace(&self.path, text.as_bytes(), 0o600)?)
    }

    /// Keeps a note as evidence, beside the memory; says where.
    ///
    /// # Errors
    /// [`MemoryError::File`].
    pub fn keep_evidence(&self, note: &Note) -> Result<PathBuf, MemoryError> {
        let text = note.to_string();
        let digest = spec::record::Digest::of(text.as_bytes()).to_string();
        let path = files::beside(&self.path, &format!(".fork-{}.note", digest.get(..16).unwrap_or_default()));
        match files::create_new(&path, text.as_bytes(), 0o644) {
            Ok(()) | Err(FileError::Exists(_)) => Ok(path),
            Err(error) => Err(error.into()),
        }
    }
}

fn lock(path: &Path) -> Result<File, FileError> {
    let whole = || {
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
        file.lock()?;
        Ok(file)
    };
    whole().map_err(|error: std::io::Error| FileError::Io { path: path.into(), cause: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use spec::bundle::Proved;
    use spec::merkle::{Hash, TreeHead};
    use spec::note::NoteSignature;
    use std::os::unix::fs::PermissionsExt as _;

    const ORIGIN: &str = "log.example/updates";

    fn product() -> Product {
        Product::parse("pkg:generic/acme/shield").unwrap()
    }

    fn head(size: u64) -> SeenHead {
        let head = TreeHead { size, root: Hash([7; 32]) };
        let signatures = vec![NoteSignature { name: ORIGIN.into(), id: 1, bytes: vec![1; 64] }];
        SeenHead { head, note: Note { text: Checkpoint::new(ORIGIN, head).to_text(), signatures } }
    }

    fn learned(size: u64, time: u64) -> Learned {
        let head = head(size);
        let state = Proved { index: size - 1, entry: b"\"state\"\n".to_vec(), proof: Vec::new() };
        let status = Status { checkpoint: head.note.clone(), state, records: Vec::new(), map: Vec::new() };
        Learned { head, time, status: Some(status) }
    }

    #[test]
    fn what_was_seen_is_there_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("memory.json");
        let mut file = MemoryFile::open(&path).unwrap();
        assert_eq!(file.contents.memory(&product(), ORIGIN), Memory::default());
        assert!(file.contents.learn(&product(), ORIGIN, learned(4, 100)));
        assert!(!file.contents.learn(&product(), ORIGIN, learned(4, 100)), "nothing new");
        let installed = Installed { channel: "stable".into(), sequence: 41, index: 2 };
        file.contents.install(&product(), ORIGIN, installed.clone());
        file.save().unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        let contents = file.contents.clone();
        drop(file);
        let file = MemoryFile::open(&path).unwrap();
        assert_eq!(file.contents, contents);
        let memory = file.contents.memory(&product(), ORIGIN);
        let Learned { head, time, status } = learned(4, 100);
        assert_eq!(memory, Memory { head: Some(head), time, status, installed: Some(installed) });
        assert_eq!(file.contents.memory(&product(), "other"), Memory::default());
        let other = Product::parse("pkg:generic/acme/sword").unwrap();
        assert_eq!(file.contents.memory(&other, ORIGIN).time, 100);
        assert_eq!(file.contents.memory(&other, ORIGIN).installed, None);
    }

    #[test]
    fn a_status_that_was_not_renewed_stays() {
        let mut contents = Contents::default();
        contents.learn(&product(), ORIGIN, learned(4, 100));
        contents.learn(&product(), ORIGIN, Learned { status: None, ..learned(6, 200) });
        let memory = contents.memory(&product(), ORIGIN);
        assert_eq!((memory.head.unwrap().head.size, memory.time), (6, 200));
        assert_eq!(memory.status, learned(4, 100).status);
    }

    #[test]
    fn damage_is_never_an_empty_memory() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("memory.json");
        let mut contents = Contents::default();
        contents.learn(&product(), ORIGIN, learned(4, 100));
        contents.install(&product(), ORIGIN, Installed { channel: "stable".into(), sequence: 41, index: 2 });
        let good = contents.to_json();
        assert_eq!(Contents::parse(good.as_bytes()), Ok(contents));
        for at in 0..good.len() {
            assert!(Contents::parse(&good.as_bytes()[..at]).is_err(), "cut at {at}");
            for value in [b'"', b'{', b' ', b'0', 0, 255] {
                let mut bad = good.clone().into_bytes();
                bad[at] = value;
                if let Ok(read) = Contents::parse(&bad) {
                    assert_eq!(read.to_json().as_bytes(), bad);
                }
            }
        }
        for bad in ["", "{}", "null", "{\"memory\":2,\"origins\":[],\"products\":[]}\n"] {
            std::fs::write(&path, bad).unwrap();
            let error = MemoryFile::open(&path).unwrap_err();
            assert!(matches!(error, MemoryError::Damaged { .. }), "{bad:?}");
        }
        std::fs::write(&path, "{\"memory\":1,\"origins\":[],\"products\":[]}").unwrap();
        let error = MemoryFile::open(&path).unwrap_err();
        assert_eq!(error, MemoryError::Damaged { path, why: Damage::NotCanonical });
    }

    #[test]
    fn nothing_is_written_that_could_not_be_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("memory.json");
        let mut file = MemoryFile::open(&path).unwrap();
        file.contents.learn(&product(), ORIGIN, learned(4, 100));
        file.save().unwrap();
        let before = std::fs::read(&path).unwrap();
        let mut long = learned(6, 200);
        long.head.note.text.push_str(&"x".repeat(MAX_MEMORY_BYTES));
        file.contents.learn(&product(), ORIGIN, long);
        assert!(matches!(file.save(), Err(MemoryError::File(FileError::TooLong { .. }))));
        drop(file);
        assert_eq!(std::fs::read(&path).unwrap(), before);
        assert_eq!(MemoryFile::open(&path).unwrap().contents.memory(&product(), ORIGIN).time, 100);
    }

    #[test]
    fn of_two_one_waits() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("memory.json");
        let first = MemoryFile::open(&path).unwrap();
        let (told, done) = std::sync::mpsc::channel();
        let second = std::thread::spawn(move || {
            let opened = MemoryFile::open(&path).map(drop);
            told.send(()).unwrap();
            opened
        });
        assert!(done.recv_timeout(std::time::Duration::from_millis(100)).is_err());
        drop(first);
        assert_eq!(second.join().unwrap(), Ok(()));
    }

    #[test]
    fn evidence_is_kept_once() {
        let dir = tempfile::tempdir().unwrap();
        let file = MemoryFile::open(&dir.path().join("memory.json")).unwrap();
        let path = file.keep_evidence(&head(4).note).unwrap();
        assert_eq!(file.keep_evidence(&head(4).note), Ok(path.clone()));
        assert_ne!(file.keep_evidence(&head(5).note), Ok(path.clone()));
        assert_eq!(Note::parse(&std::fs::read(path).unwrap()), Ok(head(4).note));
    }
}
