//! The latest cosigned note of each log: rows in RocksDB, changed by compare-and-swap. The only file that names RocksDB.
//!
//! | row | value |
//! |---|---|
//! | `format` | `1` |
//! | `witness` | the vkey that the database is bound to |
//! | `latest/<origin hash>` | the note: the checkpoint, the log's verified signatures, this witness's cosignatures |
//!
//! One operating system thread writes. It takes whatever waits in its queue, compares each swap with what is the latest by
//! then, writes the ones that hold as one batch, syncs, and only then lets anyone know: callers, and readers of [`Store::latest`].
//!
//! A failed write leaves the database in a state that nobody knows. The writer then stops for good, every swap in its queue
//! fails, and the process is to end: what is on the disk is found out at the next start.

use crate::logs::origin_hash;
use crate::metrics::WriterMetrics;
use bytes::Bytes;
use rocksdb::{DB, DBRecoveryMode, Direction, IteratorMode, Options, WriteBatch, WriteOptions};
use spec::checkpoint::Checkpoint;
use spec::cosignature;
use spec::merkle::TreeHead;
use spec::note::{Note, Vkey};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Instant;
use tokio::sync::{oneshot, watch};

const FORMAT: &str = "1";
const FORMAT_ROW: &[u8] = b"format";
const WITNESS_ROW: &[u8] = b"witness";
const LATEST_ROWS: &str = "latest/";

/// Swaps that may wait for the writer; a further one is refused at once.
const QUEUE: usize = 16_384;
/// Swaps that are written together at most.
const BATCH: usize = 4_096;

/// Why a database is not opened or made.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StoreError {
    /// There is none: the witness does not know what it has cosigned.
    #[error("{}: no database here; a witness that forgot what it cosigned must not start", .0.display())]
    Missing(PathBuf),
    /// There is one already.
    #[error("{}: there is a database already", .0.display())]
    Exists(PathBuf),
    /// Its rows are of another form than this program reads.
    #[error("{}: the database has format {have:?}, this program reads {FORMAT:?}", path.display())]
    Format {
        /// The database.
        path: PathBuf,
        /// The format found.
        have: String,
    },
    /// It is another key's.
    #[error("{}: the database is bound to {bound}, the key is {key}", path.display())]
    OtherKey {
        /// The database.
        path: PathBuf,
        /// The vkey that it is bound to.
        bound: String,
        /// The vkey at hand.
        key: String,
    },
    /// A row that this witness did not write.
    #[error("{}: row {row:?} is not a checkpoint cosigned by this witness: {cause}", path.display())]
    Row {
        /// The database.
        path: PathBuf,
        /// The row's key.
        row: String,
        /// What is wrong with it.
        cause: String,
    },
    /// RocksDB, or the operating system under it, refused.
    #[error("{}: {cause}", path.display())]
    Io {
        /// The database.
        path: PathBuf,
        /// What it said.
        cause: String,
    },
}

/// Why a swap was not tried, or nobody knows whether it was made.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SwapError {
    /// Too many wait already.
    #[error("{QUEUE} requests wait already")]
    Busy,
    /// A write failed, now or earlier.
    #[error("the database takes no more writes; this witness stops")]
    Stopped,
}

/// What became of a swap.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Swap {
    /// It is on the disk.
    Done,
    /// Something else was the latest by then: nothing was written.
    Conflict,
}

/// The latest of a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Latest {
    /// The head cosigned.
    pub head: TreeHead,
    /// The whole note.
    pub note: Bytes,
}

/// Latest notes by origin hash: what is on the disk, synced. Written by the writer alone, after each sync.
type Known = Arc<RwLock<HashMap<String, Arc<Latest>>>>;

enum Job {
    Swap { hash: String, expect: Option<TreeHead>, new: Latest, done: oneshot::Sender<Swap> },
    Stop,
}

/// The open database.
pub struct Store {
    known: Known,
    queue: SyncSender<Job>,
    /// Says why, once a write has failed.
    failed: watch::Receiver<Option<String>>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Store {
    /// Makes a database bound to this key, with no log in it.
    ///
    /// # Errors
    /// [`StoreError::Exists`], [`StoreError::Io`].
    pub fn create(path: &Path, key: &Vkey) -> Result<(), StoreError> {
        if exists(path) {
            return Err(StoreError::Exists(path.into()));
        }
        let io = |error: rocksdb::Error| StoreError::Io { path: path.into(), cause: error.to_string() };
        let mut options = options();
        options.create_if_missing(true);
        options.set_error_if_exists(true);
        let db = DB::open(&options, path).map_err(io)?;
        let mut rows = WriteBatch::default();
        rows.put(FORMAT_ROW, FORMAT);
        rows.put(WITNESS_ROW, key.to_string());
        db.write_opt(rows, &synced()).map_err(io)
    }

    /// Opens the database bound to this key, and starts its writer.
    ///
    /// # Errors
    /// [`StoreError`], but [`StoreError::Exists`].
    pub fn open(path: &Path, key: &Vkey, metrics: WriterMetrics) -> Result<Self, StoreError> {
        let (db, known) = read(path, key)?;
        let synced = synced();
        Self::start(known, metrics, move |rows| db.write_opt(rows, &synced).map_err(|error| error.to_string()))
            .map_err(|error| StoreError::Io { path: path.into(), cause: error.to_string() })
    }

    fn start(
        known: HashMap<String, Arc<Latest>>,
        metrics: WriterMetrics,
        commit: impl FnMut(WriteBatch) -> Result<(), String> + Send + 'static,
    ) -> std::io::Result<Self> {
        let known = Arc::new(RwLock::new(known));
        let (queue, jobs) = sync_channel(QUEUE);
        let (failing, failed) = watch::channel(None);
        let writer = Writer { jobs, known: Arc::clone(&known), commit, failing, metrics };
        let writer = std::thread::Builder::new().name("writer".into()).spawn(move || writer.run())?;
        Ok(Self { known, queue, failed, writer: Mutex::new(Some(writer)) })
    }

    /// The latest note of a log; it is on the disk.
    pub fn latest(&self, hash: &str) -> Option<Arc<Latest>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(hash).cloned()
    }

    /// Puts `new` in the place of the latest note, if that one's head is still `expect` (`None`: if there is none).
    ///
    /// [`Swap::Done`] is said only when the new note is synced to disk.
    ///
    /// # Errors
    /// [`SwapError`].
    pub async fn swap(&self, hash: &str, expect: Option<TreeHead>, new: Latest) -> Result<Swap, SwapError> {
        let (done, result) = oneshot::channel();
        let job = Job::Swap { hash: hash.into(), expect, new, done };
        self.queue.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => SwapError::Busy,
            TrySendError::Disconnected(_) => SwapError::Stopped,
        })?;
        // A writer that stops drops what was in its queue.
        result.await.map_err(|_| SwapError::Stopped)
    }

    /// Tells whether a write has failed.
    pub fn has_failed(&self) -> bool {
        self.failed.borrow().is_some() || self.failed.has_changed().is_err()
    }

    /// Returns when a write has failed, or the writer is gone.
    pub async fn failed(&self) {
        let mut failed = self.failed.clone();
        let _ = failed.wait_for(Option::is_some).await;
    }

    /// Writes what waits, stops the writer and closes the database. No swap is taken any more.
    ///
    /// # Errors
    /// What went wrong with the write that failed.
    pub async fn close(&self) -> Result<(), String> {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let queue = self.queue.clone();
        let stopped = tokio::task::spawn_blocking(move || {
            // A queue without a writer refuses this, and the writer is gone already.
            let _ = queue.send(Job::Stop);
            writer.map_or(Ok(()), JoinHandle::join)
        });
        let joined = stopped.await;
        match self.failed.borrow().clone() {
            Some(cause) => Err(cause),
            None if matches!(joined, Ok(Ok(()))) => Ok(()),
            None => Err("the writer stopped without a word".into()),
        }
    }
}

fn options() -> Options {
    let mut options = Options::default();
    options.set_write_buffer_size(8 << 20);
    options.set_max_total_wal_size(64 << 20);
    options.set_max_background_jobs(2);
    options.set_keep_log_file_num(4);
    options.set_paranoid_checks(true);
    // Within the descriptors that the HTTP server leaves: see the shell's RESERVED_DESCRIPTORS.
    options.set_max_open_files(64);
    // A log file torn at its end is what a crash leaves; damage anywhere else, or a file that is gone, is rows forgotten.
    options.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
    options.set_track_and_verify_wals_in_manifest(true);
    options
}

fn synced() -> WriteOptions {
    let mut options = WriteOptions::default();
    options.set_sync(true);
    options
}

/// RocksDB's own pointer to its newest state: without this file there is no database.
fn exists(path: &Path) -> bool {
    path.join("CURRENT").exists()
}

fn read(path: &Path, key: &Vkey) -> Result<(DB, HashMap<String, Arc<Latest>>), StoreError> {
    if !exists(path) {
        return Err(StoreError::Missing(path.into()));
    }
    let io = |error: rocksdb::Error| StoreError::Io { path: path.into(), cause: error.to_string() };
    let db = DB::open(&options(), path).map_err(io)?;
    let text = |row| {
        let value = db.get(row).map_err(io)?;
        Ok(value.map_or_else(String::new, |value| String::from_utf8_lossy(&value).into_owned()))
    };
    let (format, bound) = (text(FORMAT_ROW)?, text(WITNESS_ROW)?);
    if format != FORMAT {
        return Err(StoreError::Format { path: path.into(), have: format });
    }
    if bound != key.to_string() {
        return Err(StoreError::OtherKey { path: path.into(), bound, key: key.to_string() });
    }
    let mut known = HashMap::new();
    for row in db.iterator(IteratorMode::From(LATEST_ROWS.as_bytes(), Direction::Forward)) {
        let (row, value) = row.map_err(io)?;
        let row = String::from_utf8_lossy(&row).into_owned();
        let Some(hash) = row.strip_prefix(LATEST_ROWS) else { break };
        let latest = read_latest(hash, &value, key).map_err(|cause| StoreError::Row {
            path: path.into(),
            row: row.clone(),
            cause,
        })?;
        known.insert(hash.to_string(), Arc::new(latest));
    }
    Ok((db, known))
}

fn read_latest(hash: &str, value: &[u8], key: &Vkey) -> Result<Latest, String> {
    let note = Note::parse(value).map_err(|error| error.to_string())?;
    let checkpoint = Checkpoint::parse(&note.text).map_err(|error| error.to_string())?;
    let ours = note.signatures.iter().find(|line| key.made(line)).ok_or("it has no cosignature of this key")?;
    cosignature::verify(&note.text, ours, key).map_err(|error| error.to_string())?;
    if origin_hash(&checkpoint.origin) != hash {
        return Err(format!("it is a checkpoint of {:?}", checkpoint.origin));
    }
    Ok(Latest { head: checkpoint.head, note: Bytes::copy_from_slice(value) })
}

/// The one who writes.
struct Writer<C> {
    jobs: Receiver<Job>,
    known: Known,
    /// Writes a batch and syncs it.
    commit: C,
    failing: watch::Sender<Option<String>>,
    metrics: WriterMetrics,
}

impl<C: FnMut(WriteBatch) -> Result<(), String>> Writer<C> {
    fn run(mut self) {
        while let Ok(job) = self.jobs.recv() {
            let mut batch = Batch::default();
            let waiting = std::iter::once(job).chain(self.jobs.try_iter().take(BATCH - 1));
            let mut stop = false;
            for job in waiting {
                match job {
                    Job::Swap { hash, expect, new, done } => batch.add(&self.known, hash, expect, new, done),
                    Job::Stop => {
                        stop = true;
                        break;
                    }
                }
            }
            if let Err(cause) = self.write(batch) {
                tracing::error!(cause, "a write failed: what is on the disk is not known, this witness stops");
                self.failing.send_replace(Some(cause));
                return;
            }
            if stop {
                return;
            }
        }
    }

    fn write(&mut self, batch: Batch) -> Result<(), String> {
        let Batch { rows, new, answers } = batch;
        if !new.is_empty() {
            let start = Instant::now();
            (self.commit)(rows)?;
            // From here on the batch is durable.
            self.metrics.batch_requests.observe(f64::from(u32::try_from(answers.len()).unwrap_or(u32::MAX)));
            self.metrics.batch_seconds.observe(start.elapsed().as_secs_f64());
            self.known.write().unwrap_or_else(PoisonError::into_inner).extend(new);
        }
        for (done, swap) in answers {
            // A caller who has gone away does not want to know.
            let _ = done.send(swap);
        }
        Ok(())
    }
}

/// What is written together.
#[derive(Default)]
struct Batch {
    rows: WriteBatch,
    /// The rows' values: the latest notes, once the batch is synced.
    new: HashMap<String, Arc<Latest>>,
    /// What is answered then.
    answers: Vec<(oneshot::Sender<Swap>, Swap)>,
}

impl Batch {
    fn add(&mut self, known: &Known, hash: String, expect: Option<TreeHead>, new: Latest, done: oneshot::Sender<Swap>) {
        let known = known.read().unwrap_or_else(PoisonError::into_inner);
        let head = self.new.get(&hash).or_else(|| known.get(&hash)).map(|latest| latest.head);
        if head != expect {
            self.answers.push((done, Swap::Conflict));
            return;
        }
        self.rows.put(format!("{LATEST_ROWS}{hash}"), &new.note);
        self.new.insert(hash, Arc::new(new));
        self.answers.push((done, Swap::Done));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;
    use spec::merkle::Hash;
    use spec::note::{KeyKind, Skey};
    use std::sync::mpsc::{Sender, channel};
    use tempfile::TempDir;

    const ORIGIN: &str = "example.com/log";

    fn skey(seed: u8) -> Skey {
        Skey::from_seed("witness.example/w", KeyKind::CosignatureEd25519, [seed; 32]).unwrap()
    }

    fn head(size: u64) -> TreeHead {
        TreeHead { size, root: Hash([u8::try_from(size).unwrap(); 32]) }
    }

    fn latest(size: u64) -> Latest {
        let text = Checkpoint::new(ORIGIN, head(size)).to_text();
        let signatures = vec![cosignature::sign(&text, 1, &skey(1))];
        Latest { head: head(size), note: Note { text, signatures }.to_string().into() }
    }

    fn metrics() -> WriterMetrics {
        Metrics::new().unwrap().writer
    }

    fn open(path: &Path, key: &Skey) -> Result<Store, StoreError> {
        Store::open(path, key.vkey(), metrics())
    }

    fn created() -> (TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        Store::create(&path, skey(1).vkey()).unwrap();
        (dir, path)
    }

    #[tokio::test]
    async fn rows_outlive_the_process_and_only_the_expected_head_is_replaced() {
        let (_dir, path) = created();
        let hash = origin_hash(ORIGIN);
        let store = open(&path, &skey(1)).unwrap();
        assert!(store.latest(&hash).is_none());
        assert_eq!(store.swap(&hash, Some(head(0)), latest(3)).await, Ok(Swap::Conflict));
        assert_eq!(store.swap(&hash, None, latest(3)).await, Ok(Swap::Done));
        assert_eq!(store.swap(&hash, None, latest(4)).await, Ok(Swap::Conflict));
        let other_root = TreeHead { root: head(9).root, ..head(3) };
        assert_eq!(store.swap(&hash, Some(other_root), latest(4)).await, Ok(Swap::Conflict));
        assert_eq!(store.latest(&hash).as_deref(), Some(&latest(3)));
        store.close().await.unwrap();
        assert_eq!(store.swap(&hash, Some(head(3)), latest(4)).await, Err(SwapError::Stopped));

        let store = open(&path, &skey(1)).unwrap();
        assert_eq!(store.latest(&hash).as_deref(), Some(&latest(3)));
        assert_eq!(store.swap(&hash, Some(head(3)), latest(4)).await, Ok(Swap::Done));
        store.close().await.unwrap();
    }

    #[tokio::test]
    async fn databases_that_are_refused() {
        let (dir, path) = created();
        let missing = dir.path().join("nothing");
        assert_eq!(open(&missing, &skey(1)).err(), Some(StoreError::Missing(missing.clone())));
        assert!(!missing.exists(), "looking for a database must not make one");
        assert_eq!(Store::create(&path, skey(2).vkey()), Err(StoreError::Exists(path.clone())));
        let (bound, key) = (skey(1).vkey().to_string(), skey(2).vkey().to_string());
        assert_eq!(open(&path, &skey(2)).err(), Some(StoreError::OtherKey { path: path.clone(), bound, key }));

        let put = |row: &str, value: &[u8]| DB::open(&options(), &path).unwrap().put(row, value).unwrap();
        let row = format!("{LATEST_ROWS}{}", origin_hash(ORIGIN));
        let check = |expect: &str| {
            let error = open(&path, &skey(1)).err().unwrap().to_string();
            let prefix = format!("{}: row {row:?} is not a checkpoint cosigned by this witness: ", path.display());
            assert!(error.starts_with(&format!("{prefix}{expect}")), "{error}");
        };
        put(&row, b"x");
        check("the note has no text");
        put(&row, "x\n\n— n AAAAAAE=\n".as_bytes());
        check("a checkpoint has");
        put(&row, String::from_utf8_lossy(&latest(3).note).replace("— w", "— v").as_bytes());
        check("it has no cosignature of this key");
        put(&row, String::from_utf8_lossy(&latest(3).note).replace("\n3\n", "\n4\n").as_bytes());
        check("the cosignature of witness.example/w");
        put(&row, &latest(3).note);
        open(&path, &skey(1)).unwrap().close().await.unwrap();
        put(&format!("{LATEST_ROWS}{}", origin_hash("example.com/other")), &latest(3).note);
        let error = open(&path, &skey(1)).err().unwrap().to_string();
        assert!(error.ends_with("it is a checkpoint of \"example.com/log\""), "{error}");
        put("format", b"2");
        assert_eq!(open(&path, &skey(1)).err(), Some(StoreError::Format { path: path.clone(), have: "2".into() }));
        let held = DB::open(&options(), &path).unwrap();
        assert!(matches!(open(&path, &skey(1)), Err(StoreError::Io { .. })), "one process at a time");
        drop(held);
    }

    /// A store whose writer waits, before each commit, for what this returns to say how the commit ends.
    fn gated() -> (Arc<Store>, Receiver<usize>, Sender<Result<(), String>>) {
        let (entered, enter) = channel();
        let (leave, left) = channel();
        let commit = move |rows: WriteBatch| {
            entered.send(rows.len()).unwrap();
            left.recv().unwrap_or(Ok(()))
        };
        (Arc::new(Store::start(HashMap::new(), metrics(), commit).unwrap()), enter, leave)
    }

    fn ask(
        store: &Arc<Store>,
        expect: Option<TreeHead>,
        size: u64,
    ) -> tokio::task::JoinHandle<Result<Swap, SwapError>> {
        let store = Arc::clone(store);
        tokio::spawn(async move { store.swap("log", expect, latest(size)).await })
    }

    #[tokio::test]
    async fn one_of_two_in_a_race_wins() {
        let (store, enter, leave) = gated();
        let first = ask(&store, None, 1);
        tokio::task::yield_now().await;
        assert_eq!(enter.recv(), Ok(1));
        // While the first is being written, two others are queued: they will be in one batch.
        let (a, b) = (ask(&store, Some(head(1)), 2), ask(&store, Some(head(1)), 3));
        tokio::task::yield_now().await;
        assert!(store.latest("log").is_none() && !first.is_finished(), "nothing is known before it is synced");
        leave.send(Ok(())).unwrap();
        assert_eq!(first.await.unwrap(), Ok(Swap::Done));
        assert_eq!(enter.recv(), Ok(1), "the loser is not written");
        assert_eq!(store.latest("log").unwrap().head, head(1));
        assert!(!a.is_finished() && !b.is_finished(), "the loser waits for the winner to be synced");
        leave.send(Ok(())).unwrap();
        assert_eq!((a.await.unwrap(), b.await.unwrap()), (Ok(Swap::Done), Ok(Swap::Conflict)));
        assert_eq!(store.latest("log").unwrap().head, head(2));
        drop(leave);
        store.close().await.unwrap();
    }

    #[tokio::test]
    async fn a_failed_write_ends_it_all() {
        let (store, enter, leave) = gated();
        let first = ask(&store, None, 1);
        tokio::task::yield_now().await;
        enter.recv().unwrap();
        let waiting = ask(&store, Some(head(1)), 2);
        tokio::task::yield_now().await;
        assert!(!store.has_failed());
        leave.send(Err("disk full".into())).unwrap();
        store.failed().await;
        assert!(store.has_failed());
        assert_eq!((first.await.unwrap(), waiting.await.unwrap()), (Err(SwapError::Stopped), Err(SwapError::Stopped)));
        assert!(store.latest("log").is_none());
        assert_eq!(ask(&store, None, 3).await.unwrap(), Err(SwapError::Stopped));
        assert_eq!(store.close().await, Err("disk full".into()));
    }

    #[tokio::test]
    async fn a_write_that_fails_may_have_been_made() {
        for made in [false, true] {
            let (_dir, path) = created();
            let hash = origin_hash(ORIGIN);
            let (db, known) = read(&path, skey(1).vkey()).unwrap();
            let commit = move |rows| {
                if made {
                    db.write_opt(rows, &synced()).unwrap();
                }
                Err("timed out".into())
            };
            let store = Store::start(known, metrics(), commit).unwrap();
            assert_eq!(store.swap(&hash, None, latest(3)).await, Err(SwapError::Stopped));
            assert_eq!(store.close().await, Err("timed out".into()));
            // Only the next start finds out.
            let store = open(&path, &skey(1)).unwrap();
            assert_eq!(store.latest(&hash).is_some(), made);
            store.close().await.unwrap();
        }
    }
}
