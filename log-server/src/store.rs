//! The log's rows in RocksDB. The only file of this package that names RocksDB.
//!
//! | column family | key | value |
//! |---|---|---|
//! | `entries` | index | the entry's bytes |
//! | `tiles` | tile level (1 byte) ‖ tile index | up to 256 hashes; a partial tile is a prefix of what it becomes |
//! | `ids`, `facts`, `digests`, `files`, `withdrawn`, `tracks`, `refs`, `namespaces`, `state` | rows of [`spec::admission`], byte by byte | |
//! | `map` | tile path of [`spec::map`] | the tile |
//! | `heads` | `newest` | the newest cosigned checkpoint, a note |
//! | `meta` | `schema`, `origin`, `head` | the schema's number; the origin; size ‖ root ‖ time of the last state entry |
//!
//! Numbers are 8 bytes, big-endian. Everything but `entries`, `heads` and `meta` can be made again from the entries.
//! A batch is one `WriteBatch` over all families, synced: after a crash it is there whole or not at all.

use rocksdb::{
    ColumnFamily, DB, DBRecoveryMode, Direction, IteratorMode, Options, ReadOptions, Snapshot, WriteBatch, WriteOptions,
};
use spec::admission::{Authorities, Family, Look, Row, Rows};
use spec::entry_bundle;
use spec::map;
use spec::merkle::{Frontier, Hash, Node, TreeHead};
use spec::tile::{self, Tile};
use std::cmp::Ordering;
use std::collections::{BTreeMap, btree_map::Entry};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The form of the rows: whoever changes what a row says counts it up.
const SCHEMA: &str = "1";
const FAMILIES: [&str; 14] = [
    "entries",
    "tiles",
    "ids",
    "facts",
    "digests",
    "files",
    "withdrawn",
    "tracks",
    "refs",
    "namespaces",
    "state",
    "map",
    "heads",
    "meta",
];

/// The families that follow from the entries.
pub(crate) const DERIVED: [&str; 11] =
    ["tiles", "ids", "facts", "digests", "files", "withdrawn", "tracks", "refs", "namespaces", "state", "map"];

/// What went wrong with the rows; after any of these the process stops, and recovery at the next start is the way on.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// RocksDB's own error.
    #[error("database {path}: {cause}")]
    RocksDb {
        /// Where the database is.
        path: PathBuf,
        /// What it says.
        cause: rocksdb::Error,
    },
    /// Another process has the database open.
    #[error("database {0}: in use: another process has it open, and two must not run one log")]
    InUse(PathBuf),
    /// There is no log here.
    #[error(
        "{0}: no database here; a log whose newest database is lost is over, another begins with glarus-log init, under another origin"
    )]
    NotInitialised(PathBuf),
    /// There is one already.
    #[error("there is a log in {0} already")]
    AlreadyInitialised(PathBuf),
    /// Another log's database.
    #[error("the database is that of log {have:?}, the configuration says {need:?}")]
    OtherOrigin {
        /// The origin stored.
        have: String,
        /// The origin configured.
        need: String,
    },
    /// Rows of another form than this program's.
    #[error(
        "database {path}: its rows are of schema {have:?}, this program's of {need:?}; start the version that wrote it"
    )]
    OtherSchema {
        /// Where the database is.
        path: PathBuf,
        /// The schema stored.
        have: String,
        /// This program's.
        need: &'static str,
    },
    /// A row that must be there is not, or does not read back as what was written.
    #[error("a row is missing, damaged or of another key: {0}; the log stops before it signs anything")]
    Damaged(String),
}

/// Size, root, and the time of the last state entry: what the last commit made durable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Committed {
    /// The tree head.
    pub head: TreeHead,
    /// Unix seconds of the last state entry.
    pub time: u64,
}

/// A row as it is stored.
pub type KeyValue = (Vec<u8>, Vec<u8>);

/// All that one batch changes.
#[derive(Default, Debug)]
pub struct Batch {
    /// Index of the first entry.
    pub first: u64,
    /// Entries, the state entry last.
    pub entries: Vec<Vec<u8>>,
    /// Rows of admission.
    pub rows: Vec<Row>,
    /// Tiles of the tree, whole.
    pub tiles: BTreeMap<Tile, Vec<Hash>>,
    /// Tiles of the map, whole.
    pub map: Vec<(map::TilePath, map::Tile)>,
}

/// Rows of a family that are not what they should be.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Differing {
    /// How many.
    pub rows: u64,
    /// The key of the first.
    pub first: Option<Vec<u8>>,
}

/// Bytes of rows that a repair writes at once.
const REPAIR_BYTES: usize = 4 << 20;

struct Database {
    db: DB,
    path: PathBuf,
    authorities: Mutex<Authorities>,
}

/// Bytes of a family of rows that are read ahead where many neighbours are read: with four times as many, which no cache of the
/// processor holds until they are copied, a bundle costs a tenth more.
const READAHEAD_BYTES: usize = 64 << 10;

/// The database. Clones share it.
#[derive(Clone)]
pub struct Store(Arc<Database>);

self_cell::self_cell!(
    struct OwnedSnapshot {
        owner: Arc<Database>,
        #[covariant]
        dependent: Snapshot,
    }
);

/// The rows as they were at one commit, for as long as this is held.
pub struct View(OwnedSnapshot);

impl Store {
    /// Makes the database of a new log; refuses where there is one.
    ///
    /// # Errors
    /// [`StoreError::AlreadyInitialised`], [`StoreError::RocksDb`].
    pub fn create(path: &Path, origin: &str) -> Result<Self, StoreError> {
        if path.join("CURRENT").exists() {
            return Err(StoreError::AlreadyInitialised(path.into()));
        }
        let store = Self::open_families(path, true)?;
        let mut batch = WriteBatch::default();
        let meta = store.family("meta");
        batch.put_cf(meta, "schema", SCHEMA);
        batch.put_cf(meta, "origin", origin);
        store.write(batch, true)?;
        Ok(store)
    }

    /// Opens the database of a log.
    ///
    /// # Errors
    /// [`StoreError::NotInitialised`], [`StoreError::OtherSchema`], [`StoreError::OtherOrigin`], [`StoreError::RocksDb`].
    pub fn open(path: &Path, origin: &str) -> Result<Self, StoreError> {
        if !path.join("CURRENT").exists() {
            return Err(StoreError::NotInitialised(path.into()));
        }
        let store = Self::open_families(path, false)?;
        if let Some(have) = store.get("meta", b"schema")?.filter(|have| have != SCHEMA.as_bytes()) {
            let have = String::from_utf8_lossy(&have).into();
            return Err(StoreError::OtherSchema { path: path.into(), have, need: SCHEMA });
        }
        match store.get("meta", b"origin")? {
            Some(have) if have == origin.as_bytes() => Ok(store),
            Some(have) => {
                Err(StoreError::OtherOrigin { have: String::from_utf8_lossy(&have).into(), need: origin.into() })
            }
            None => Err(StoreError::NotInitialised(path.into())),
        }
    }

    fn open_families(path: &Path, create: bool) -> Result<Self, StoreError> {
        let mut options = Options::default();
        options.create_if_missing(create);
        options.create_missing_column_families(create);
        options.set_paranoid_checks(true);
        // Within the descriptors that the HTTP server leaves: see the shell's RESERVED_DESCRIPTORS.
        options.set_max_open_files(256);
        // A log file torn at its end is what a crash leaves; damage anywhere else, or a file that is gone, is rows lost.
        options.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
        options.set_track_and_verify_wals_in_manifest(true);
        options.set_max_total_wal_size(256 << 20);
        let families = FAMILIES.map(|name| (name, family_options(name)));
        let db = DB::open_cf_with_opts(&options, path, families).map_err(|cause| open_error(path, cause))?;
        Ok(Self(Arc::new(Database { db, path: path.into(), authorities: Mutex::default() })))
    }

    fn family(&self, name: &str) -> &ColumnFamily {
        self.0.family(name)
    }

    fn get(&self, family: &str, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.db.get_cf(self.family(family), key).map_err(|error| self.0.fault(error))
    }

    /// Writes; synced, the batch survives a loss of power.
    fn write(&self, batch: WriteBatch, sync: bool) -> Result<(), StoreError> {
        let mut options = WriteOptions::default();
        options.set_sync(sync);
        self.0.db.write_opt(batch, &options).map_err(|error| self.0.fault(error))
    }

    /// Writes a batch and the head that it leads to, and syncs.
    ///
    /// # Errors
    /// [`StoreError::RocksDb`]: whether the batch is stored is unknown.
    pub fn commit(&self, batch: &Batch, committed: &Committed) -> Result<(), StoreError> {
        self.write(self.written(batch, committed), true)
    }

    /// Writes a batch of rows that can be made again: a loss of power may undo it.
    ///
    /// # Errors
    /// [`StoreError::RocksDb`].
    pub(crate) fn commit_unsynced(&self, batch: &Batch, committed: &Committed) -> Result<(), StoreError> {
        self.write(self.written(batch, committed), false)
    }

    fn written(&self, batch: &Batch, committed: &Committed) -> WriteBatch {
        let mut write = WriteBatch::default();
        let entries = self.family("entries");
        for (index, entry) in (batch.first..).zip(&batch.entries) {
            write.put_cf(entries, index.to_be_bytes(), entry);
        }
        for row in &batch.rows {
            write.put_cf(self.family(family_name(row.family)), &row.key, &row.value);
        }
        let tiles = self.family("tiles");
        for (tile, hashes) in &batch.tiles {
            write.put_cf(tiles, tile_key(*tile), tile::hashes_bytes(hashes));
        }
        let map = self.family("map");
        for (path, tile) in &batch.map {
            write.put_cf(map, path.encode(), tile.encode());
        }
        let Committed { head, time } = committed;
        let head = [head.size.to_be_bytes().as_slice(), &head.root.0, &time.to_be_bytes()].concat();
        write.put_cf(self.family("meta"), "head", head);
        write
    }

    /// Puts or deletes a row as whoever has the files can do at any time; the log itself never does. Tests do, to see who
    /// notices.
    ///
    /// # Errors
    /// [`StoreError::RocksDb`]; a family that is not in the table above is [`StoreError::Damaged`].
    pub fn tamper(&self, family: &str, key: &[u8], value: Option<&[u8]>) -> Result<(), StoreError> {
        let known = FAMILIES.contains(&family);
        let family = known.then(|| self.family(family)).ok_or_else(|| StoreError::Damaged(family.into()))?;
        let mut batch = WriteBatch::default();
        match value {
            Some(value) => batch.put_cf(family, key, value),
            None => batch.delete_cf(family, key),
        }
        self.write(batch, true)
    }

    /// Compares a family with that of another database, row by row, and tells how many differ and the first that does; with
    /// `repair`, makes them equal.
    ///
    /// # Errors
    /// [`StoreError::RocksDb`].
    pub(crate) fn compare(&self, other: &Self, family: &str, repair: bool) -> Result<Differing, StoreError> {
        let (mut have, mut need) = (self.rows(family).peekable(), other.rows(family).peekable());
        let (mut differing, mut batch) = (Differing::default(), WriteBatch::default());
        loop {
            let order = match (have.peek(), need.peek()) {
                (None, None) => break,
                (Some(Ok((have, _))), Some(Ok((need, _)))) => have.cmp(need),
                (Some(_), None) | (Some(Err(_)), _) => Ordering::Less,
                (None, Some(_)) | (_, Some(Err(_))) => Ordering::Greater,
            };
            let mine = if order.is_le() { have.next().transpose()? } else { None };
            let due = if order.is_ge() { need.next().transpose()? } else { None };
            if mine == due {
                continue;
            }
            let key = mine.or(due.clone()).map(|(key, _)| key).unwrap_or_default();
            match due {
                Some((_, value)) => batch.put_cf(self.family(family), &key, value),
                None => batch.delete_cf(self.family(family), &key),
            }
            differing.rows += 1;
            differing.first.get_or_insert(key);
            if batch.size_in_bytes() >= REPAIR_BYTES {
                self.repair(std::mem::take(&mut batch), repair)?;
            }
        }
        self.repair(batch, repair)?;
        Ok(differing)
    }

    fn repair(&self, batch: WriteBatch, repair: bool) -> Result<(), StoreError> {
        if repair && !batch.is_empty() { self.write(batch, true) } else { Ok(()) }
    }

    fn rows(&self, family: &str) -> impl Iterator<Item = Result<KeyValue, StoreError>> {
        let rows = self.0.db.iterator_cf(self.family(family), IteratorMode::Start);
        rows.map(|row| row.map(|(key, value)| (key.into(), value.into())).map_err(|error| self.0.fault(error)))
    }

    /// The head of the last commit; `None` before the first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn committed(&self) -> Result<Option<Committed>, StoreError> {
        let Some(value) = self.get("meta", b"head")? else { return Ok(None) };
        let damaged = || StoreError::Damaged("meta head".into());
        let (size, rest) = value.split_first_chunk().ok_or_else(damaged)?;
        let (root, time) = rest.split_first_chunk().ok_or_else(damaged)?;
        let time = time.try_into().map_err(|_| damaged())?;
        let head = TreeHead { size: u64::from_be_bytes(*size), root: Hash(*root) };
        Ok(Some(Committed { head, time: u64::from_be_bytes(time) }))
    }

    /// Stores the newest cosigned checkpoint.
    ///
    /// # Errors
    /// [`StoreError::RocksDb`].
    pub fn put_published(&self, note: &str, sync: bool) -> Result<(), StoreError> {
        let mut batch = WriteBatch::default();
        batch.put_cf(self.family("heads"), "newest", note);
        self.write(batch, sync)
    }

    /// The newest cosigned checkpoint.
    ///
    /// # Errors
    /// [`StoreError::RocksDb`].
    pub fn published(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.get("heads", b"newest")
    }

    /// The rows as of now.
    pub fn view(&self) -> View {
        View(OwnedSnapshot::new(Arc::clone(&self.0), |database| database.db.snapshot()))
    }

    /// Answers looks that `rows` has no answer to yet, all points in one round.
    ///
    /// # Errors
    /// [`StoreError::RocksDb`].
    pub fn answer(&self, looks: Vec<Look>, rows: &mut Rows) -> Result<(), StoreError> {
        let mut points = Vec::new();
        for look in looks {
            if rows.knows(&look) {
                continue;
            }
            match look {
                Look::Point(family, key) => points.push((family, key)),
                Look::Prefix(family, prefix) => {
                    let found = self.0.under(family, &prefix, ReadOptions::default())?;
                    rows.answer_prefix(family, prefix, found);
                }
            }
        }
        points.sort();
        points.dedup();
        let keys = points.iter().map(|(family, key)| (self.family(family_name(*family)), key.as_slice()));
        let values = self.0.db.multi_get_cf(keys);
        for ((family, key), value) in points.into_iter().zip(values) {
            self.0.answer(family, key, value.map_err(|error| self.0.fault(error))?, rows);
        }
        Ok(())
    }

    /// Reads tiles of the map into `tiles`; one that is not stored is an empty one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn map_tiles(&self, paths: Vec<map::TilePath>, tiles: &mut map::Tiles) -> Result<(), StoreError> {
        let family = self.family("map");
        let values = self.0.db.multi_get_cf(paths.iter().map(|path| (family, path.encode())));
        for (path, value) in paths.into_iter().zip(values) {
            tiles.0.insert(path, parse_map_tile(&path, value.map_err(|error| self.0.fault(error))?)?);
        }
        Ok(())
    }

    /// Reads a tile as of now.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn tile(&self, tile: Tile) -> Result<Vec<Hash>, StoreError> {
        parse_tile(tile, self.get("tiles", &tile_key(tile))?)
    }

    /// Reads an entry as of now.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn entry(&self, index: u64) -> Result<Vec<u8>, StoreError> {
        self.get("entries", &index.to_be_bytes())?.ok_or_else(|| StoreError::Damaged(format!("entry {index}")))
    }
}

impl Database {
    /// Hands a row on, an authority as it was read before from the same bytes.
    fn answer(&self, family: Family, key: Vec<u8>, value: Option<Vec<u8>>, rows: &mut Rows) {
        let (Family::Namespaces, Some(row)) = (family, &value) else { return rows.answer_point(family, key, value) };
        let authorities = || self.authorities.lock().unwrap_or_else(PoisonError::into_inner);
        let known = authorities().get(&key, row);
        if let Some(authority) = known {
            return rows.answer_authority(key, row.clone(), authority);
        }
        let row = row.clone();
        rows.answer_point(family, key.clone(), value);
        if let Some(Ok(Some(authority))) = str::from_utf8(&key).ok().map(|namespace| rows.authority(namespace)) {
            authorities().put(key, row, authority);
        }
    }

    #[allow(clippy::expect_used, reason = "every name is in FAMILIES, all of which open or the database does not")]
    fn family(&self, name: &str) -> &ColumnFamily {
        self.db.cf_handle(name).expect("a family of FAMILIES")
    }

    fn fault(&self, cause: rocksdb::Error) -> StoreError {
        StoreError::RocksDb { path: self.path.clone(), cause }
    }

    fn under(&self, family: Family, prefix: &[u8], read: ReadOptions) -> Result<Vec<KeyValue>, StoreError> {
        let mode = IteratorMode::From(prefix, Direction::Forward);
        let mut found = Vec::new();
        for row in self.db.iterator_cf_opt(self.family(family_name(family)), read, mode) {
            let (key, value) = row.map_err(|error| self.fault(error))?;
            if !key.starts_with(prefix) {
                break;
            }
            found.push((key.into(), value.into()));
        }
        Ok(found)
    }
}

impl View {
    fn get(&self, family: &str, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let database = self.0.borrow_owner();
        self.0.borrow_dependent().get_cf(database.family(family), key).map_err(|error| database.fault(error))
    }

    /// All rows whose keys start with `prefix`.
    ///
    /// # Errors
    /// [`StoreError::RocksDb`].
    pub fn under(&self, family: Family, prefix: &[u8]) -> Result<Vec<KeyValue>, StoreError> {
        let mut read = ReadOptions::default();
        read.set_snapshot(self.0.borrow_dependent());
        self.0.borrow_owner().under(family, prefix, read)
    }

    /// Answers looks that `rows` has no answer to yet.
    ///
    /// # Errors
    /// [`StoreError::RocksDb`].
    pub fn answer(&self, looks: Vec<Look>, rows: &mut Rows) -> Result<(), StoreError> {
        for look in looks {
            if rows.knows(&look) {
                continue;
            }
            match look {
                Look::Point(family, key) => {
                    let value = self.get(family_name(family), &key)?;
                    self.0.borrow_owner().answer(family, key, value, rows);
                }
                Look::Prefix(family, prefix) => {
                    let found = self.under(family, &prefix)?;
                    rows.answer_prefix(family, prefix, found);
                }
            }
        }
        Ok(())
    }

    /// The entry at an index.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn entry(&self, index: u64) -> Result<Vec<u8>, StoreError> {
        self.get("entries", &index.to_be_bytes())?.ok_or_else(|| StoreError::Damaged(format!("entry {index}")))
    }

    /// The entries from an index on.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Damaged`] names the first that is not there.
    pub fn entries(&self, first: u64, count: u64) -> Result<Vec<Box<[u8]>>, StoreError> {
        let mut entries = Vec::new();
        self.each_entry(first, count, |entry| {
            entries.push(entry.into());
            Some(())
        })?;
        Ok(entries)
    }

    /// An entry bundle: `count` entries from an index on.
    ///
    /// # Errors
    /// As [`View::entries`].
    pub fn bundle(&self, first: u64, count: u64) -> Result<Vec<u8>, StoreError> {
        let mut bundle = Vec::new();
        self.each_entry(first, count, |entry| entry_bundle::push(&mut bundle, entry))?;
        Ok(bundle)
    }

    /// Reads entries in one pass over neighbouring rows; what is read is not kept, for whoever reads many reads each once.
    fn each_entry(&self, first: u64, count: u64, mut take: impl FnMut(&[u8]) -> Option<()>) -> Result<(), StoreError> {
        let (database, end) = (self.0.borrow_owner(), first.saturating_add(count));
        let mut read = ReadOptions::default();
        read.set_snapshot(self.0.borrow_dependent());
        read.set_iterate_upper_bound(end.to_be_bytes());
        read.fill_cache(false);
        read.set_readahead_size(READAHEAD_BYTES);
        let mut rows = database.db.raw_iterator_cf_opt(database.family("entries"), read);
        rows.seek(first.to_be_bytes());
        for index in first..end {
            let entry = rows.item().filter(|(key, _)| *key == index.to_be_bytes()).and_then(|(_, entry)| take(entry));
            if entry.is_none() {
                rows.status().map_err(|error| database.fault(error))?;
                return Err(StoreError::Damaged(format!("entry {index}")));
            }
            rows.next();
        }
        Ok(())
    }

    /// A tile of the tree, as wide as it was.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn tile(&self, tile: Tile) -> Result<Vec<Hash>, StoreError> {
        parse_tile(tile, self.get("tiles", &tile_key(tile))?)
    }

    /// The hashes of complete subtrees, each tile read once.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn nodes(&self, nodes: impl Iterator<Item = Node>) -> Result<Vec<Hash>, StoreError> {
        nodes_of(nodes, |tile| self.tile(tile))
    }

    /// A tile of the map.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn map_tile(&self, path: &map::TilePath) -> Result<map::Tile, StoreError> {
        parse_map_tile(path, self.get("map", &path.encode())?)
    }
}

/// Computes hashes of complete subtrees from tiles that `read` brings, each once.
pub(crate) fn nodes_of(
    nodes: impl Iterator<Item = Node>,
    mut read: impl FnMut(Tile) -> Result<Vec<Hash>, StoreError>,
) -> Result<Vec<Hash>, StoreError> {
    let mut tiles: BTreeMap<Tile, Vec<Hash>> = BTreeMap::new();
    let mut hashes = Vec::new();
    for node in nodes {
        let at = Tile::of(node);
        let tile = match tiles.entry(at) {
            Entry::Occupied(read) => read.into_mut(),
            Entry::Vacant(place) => place.insert(read(at)?),
        };
        hashes.push(node_of(tile, node).ok_or_else(|| StoreError::Damaged(format!("tile {at:?}")))?);
    }
    Ok(hashes)
}

/// The hash of a complete subtree from the row of its tile, which is the log's own and so needs no proof; `None` if the row
/// does not reach.
fn node_of(row: &[Hash], node: Node) -> Option<Hash> {
    // One level of tiles is eight levels of the tree.
    let inside = node.level % 8;
    let first = usize::try_from((node.index << inside) % tile::WIDTH).ok()?;
    let under = row.get(first..first + (1 << inside))?;
    let mut tree = Frontier::default();
    under.iter().for_each(|hash| tree.push(*hash, |_, _| ()));
    Some(tree.root())
}

/// RocksDB has no kind of error for a lock that another holds; its text tells.
fn open_error(path: &Path, cause: rocksdb::Error) -> StoreError {
    match cause.as_ref().contains("While lock file") || cause.as_ref().contains("lock hold by current process") {
        true => StoreError::InUse(path.into()),
        false => StoreError::RocksDb { path: path.into(), cause },
    }
}

fn parse_tile(tile: Tile, value: Option<Vec<u8>>) -> Result<Vec<Hash>, StoreError> {
    value.and_then(|bytes| tile::parse_hashes(&bytes)).ok_or_else(|| StoreError::Damaged(format!("tile {tile:?}")))
}

fn parse_map_tile(path: &map::TilePath, value: Option<Vec<u8>>) -> Result<map::Tile, StoreError> {
    match value {
        None => Ok(map::Tile::default()),
        Some(bytes) => map::Tile::parse(path, &bytes).map_err(|error| StoreError::Damaged(error.to_string())),
    }
}

fn tile_key(tile: Tile) -> Vec<u8> {
    [&[tile.level], tile.index.to_be_bytes().as_slice()].concat()
}

fn family_name(family: Family) -> &'static str {
    match family {
        Family::Ids => "ids",
        Family::Facts => "facts",
        Family::Digests => "digests",
        Family::Files => "files",
        Family::Withdrawn => "withdrawn",
        Family::Tracks => "tracks",
        Family::Refs => "refs",
        Family::Namespaces => "namespaces",
        Family::State => "state",
    }
}

/// Zstd and 16 KiB blocks for what compresses, hashes as they are; Bloom filters for the points.
fn family_options(name: &str) -> Options {
    let mut table = rocksdb::BlockBasedOptions::default();
    table.set_block_size(16 << 10);
    table.set_bloom_filter(10.0, false);
    let mut options = Options::default();
    options.set_block_based_table_factory(&table);
    let hashes = matches!(name, "tiles" | "map" | "ids");
    options.set_compression_type(if hashes {
        rocksdb::DBCompressionType::None
    } else {
        rocksdb::DBCompressionType::Zstd
    });
    if name == "entries" {
        // Without Huffman codes a record of 900 bytes takes 385 bytes instead of 290, and is read in 0.4 us instead of 1.0: what
        // serves audits and mirrors is written once and read by each of them.
        options.set_compression_options(-14, -1, 0, 0);
    }
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_opened_says_why() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let text = || Store::open(&path, "a").err().unwrap().to_string();
        assert!(text().contains("db: no database here; a log whose newest database is lost is over"), "{}", text());
        let first = Store::create(&path, "a").unwrap();
        assert!(
            text().ends_with("db: in use: another process has it open, and two must not run one log"),
            "{}",
            text()
        );
        drop(first);
        assert!(Store::open(&path, "b").is_err_and(|error| matches!(error, StoreError::OtherOrigin { .. })));
        let store = Store::open(&path, "a").unwrap();
        store.tamper("meta", b"schema", Some(b"2")).unwrap();
        drop(store);
        assert!(
            text().ends_with(r#"its rows are of schema "2", this program's of "1"; start the version that wrote it"#)
        );
    }
}
