//! The rows of a replay on disk: the only file of this package that names RocksDB.
//!
//! | key | value |
//! |---|---|
//! | 0, a name: `form`, `origin`, `cursor` | the form of this table; the log; index ‖ time ‖ records, 8 bytes each, big-endian |
//! | 0, `tile` ‖ level | the hashes of the tree's partial tile of that level |
//! | 1 ‖ family ‖ key | a row of [`spec::admission`] |
//! | 2 ‖ tile path | a tile of [`spec::map`] |
//!
//! A commit is one sorted file that RocksDB takes in whole: no write-ahead log, no memtable, and whoever kills an audit finds it
//! as the last commit left it. After a loss of power the audit begins anew, should RocksDB refuse its files.

use super::judge::Replayed;
use super::parse::Keyring;
use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamily, DB, DBCompressionType, DBRawIterator, IngestExternalFileOptions, Options,
    SstFileWriter,
};
use spec::admission::replay::Cursor;
use spec::admission::{Authorities, Family, Look, Rows};
use spec::map::{self, TilePath, Tiles};
use spec::state::RULES;
use spec::tile::{self, Edge, Tile};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The one column family; batched reads want it named.
const TABLE: &str = "default";
/// The folder in the scratch directory.
const FOLDER: &str = "audit.db";
/// Which rows these are: whoever writes others starts anew.
const FORM: &str = concat!("1 ", env!("CARGO_PKG_VERSION"));
/// The most memory that reads are cached in.
const CACHE_BYTES: usize = 48 << 20;
/// The file, in the folder, that the next commit writes.
const NEXT: &str = "next.sst";
/// Rows that are read in one round; the largest have some hundred kilobytes.
const MAX_POINTS: usize = 64;

/// A row's key and value.
type Pair = (Vec<u8>, Vec<u8>);

/// Why a scratch directory is of no use.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ScratchError {
    /// RocksDB's own error.
    #[error("scratch directory {}: {cause}", path.display())]
    RocksDb {
        /// Where.
        path: PathBuf,
        /// What it says.
        cause: String,
    },
    /// It is about another log, or of another version of this program.
    #[error("scratch directory {}: it is of {have}, not of {need}; remove it to start anew", path.display())]
    Other {
        /// Where.
        path: PathBuf,
        /// What it is of.
        have: String,
        /// What it should be of.
        need: String,
    },
    /// A row is not what was written.
    #[error("the scratch directory is damaged: {0}; remove it to start anew")]
    Damaged(String),
}

/// The rows of a replay.
pub(super) struct Scratch {
    db: DB,
    path: PathBuf,
    authorities: Authorities,
}

/// Whether there is an audit in a scratch directory already.
pub fn holds_audit(scratch: &Path) -> bool {
    scratch.join(FOLDER).exists()
}

/// Removes the audit in a scratch directory, and nothing else there.
///
/// # Errors
/// [`ScratchError::RocksDb`].
pub fn remove_audit(scratch: &Path) -> Result<(), ScratchError> {
    let path = scratch.join(FOLDER);
    std::fs::remove_dir_all(&path).map_err(|error| ScratchError::RocksDb { path, cause: error.to_string() })
}

impl Scratch {
    /// Opens the rows of an audit of a log, or makes them; and the tree as far as it was replayed.
    pub(super) fn open(scratch: &Path, origin: &str) -> Result<(Self, Edge), ScratchError> {
        let path = scratch.join(FOLDER);
        let cause = |error: rocksdb::Error| ScratchError::RocksDb { path: path.clone(), cause: error.to_string() };
        let db = DB::open_cf_with_opts(&options(), &path, [(TABLE, options())]).map_err(cause)?;
        let scratch = Self { db, path, authorities: Authorities::default() };
        let need = [("form", format!("{FORM}, rules {RULES}")), ("origin", origin.to_string())];
        for (name, need) in &need {
            match scratch.get(&meta(name))? {
                None => scratch.db.put(meta(name), need).map_err(|error| scratch.fault(error))?,
                Some(have) if have == need.as_bytes() => {}
                Some(have) => {
                    let (path, have) = (scratch.path.clone(), String::from_utf8_lossy(&have).into());
                    return Err(ScratchError::Other { path, have, need: need.clone() });
                }
            }
        }
        let edge = scratch.edge()?;
        Ok((scratch, edge))
    }

    fn fault(&self, error: rocksdb::Error) -> ScratchError {
        ScratchError::RocksDb { path: self.path.clone(), cause: error.to_string() }
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ScratchError> {
        self.db.get(key).map_err(|error| self.fault(error))
    }

    /// Where the replay stands.
    pub(super) fn cursor(&self) -> Result<Cursor, ScratchError> {
        let Some(row) = self.get(&meta("cursor"))? else { return Ok(Cursor::default()) };
        let (numbers, rest) = row.as_chunks();
        match (numbers, rest) {
            ([index, time, records], []) => {
                let [index, time, records] = [index, time, records].map(|bytes| u64::from_be_bytes(*bytes));
                Ok(Cursor { index, time, records })
            }
            _ => Err(ScratchError::Damaged("the row of the cursor".into())),
        }
    }

    fn edge(&self) -> Result<Edge, ScratchError> {
        let (size, damaged) = (self.cursor()?.index, || ScratchError::Damaged("the tree's partial tiles".into()));
        let mut tiles = BTreeMap::new();
        for (tile, _) in tile::partial(size) {
            let row = self.get(&edge_key(tile))?.ok_or_else(damaged)?;
            tiles.insert(tile, tile::parse_hashes(&row).ok_or_else(damaged)?);
        }
        Edge::new(size, tiles).ok_or_else(damaged)
    }

    /// Answers looks, neighbouring ones together; `false` as soon as the rows are of more than `max_bytes`, the other looks not
    /// answered.
    pub(super) fn answer(
        &mut self,
        looks: Vec<Look>,
        rows: &mut Rows,
        keyring: &Keyring,
        max_bytes: usize,
    ) -> Result<bool, ScratchError> {
        let (mut points, mut prefixes) = (Vec::new(), Vec::new());
        for look in looks {
            match look {
                Look::Point(family, key) => points.push((family, key)),
                Look::Prefix(family, prefix) => prefixes.push((family, prefix)),
            }
        }
        if !prefixes.is_empty() {
            // One iterator for all: making one costs more than a seek.
            let mut iterator = self.db.raw_iterator();
            for (family, prefix) in prefixes {
                let found = self.under(&mut iterator, family, &prefix)?;
                rows.answer_prefix(family, prefix, found);
                if rows.bytes() > max_bytes {
                    return Ok(false);
                }
            }
        }
        // In the order of the rows, which is that of families and keys.
        points.sort_unstable();
        let mut points = points.into_iter();
        while rows.bytes() <= max_bytes {
            let some: Vec<_> = points.by_ref().take(MAX_POINTS).collect();
            if some.is_empty() {
                return Ok(true);
            }
            self.answer_points(some, rows, keyring)?;
        }
        Ok(points.len() == 0)
    }

    /// Answers points, sorted, in one round.
    fn answer_points(
        &mut self,
        points: Vec<(Family, Vec<u8>)>,
        rows: &mut Rows,
        keyring: &Keyring,
    ) -> Result<(), ScratchError> {
        let keys: Vec<_> = points.iter().map(|(family, key)| row_key(*family, key)).collect();
        let values = self.db.batched_multi_get_cf(self.table(), &keys, true);
        let values: Vec<_> =
            values.into_iter().map(|value| value.map(|value| value.map(|value| value.to_vec()))).collect();
        for ((family, key), value) in points.into_iter().zip(values) {
            let value = value.map_err(|error| self.fault(error))?;
            match value {
                Some(row) if family == Family::Namespaces => self.answer_namespace(key, row, rows, keyring),
                value => rows.answer_point(family, key, value),
            }
        }
        Ok(())
    }

    /// Hands a namespace's row on, its authority as it was read before from the same bytes.
    fn answer_namespace(&mut self, key: Vec<u8>, row: Vec<u8>, rows: &mut Rows, keyring: &Keyring) {
        if let Some(authority) = self.authorities.get(&key, &row) {
            return rows.answer_authority(key, row, authority);
        }
        rows.answer_point(Family::Namespaces, key.clone(), Some(row.clone()));
        if let Some(Ok(Some(authority))) = str::from_utf8(&key).ok().map(|namespace| rows.authority(namespace)) {
            keyring.learn(&authority);
            self.authorities.put(key, row, authority);
        }
    }

    fn under(
        &self,
        iterator: &mut DBRawIterator<'_>,
        family: Family,
        prefix: &[u8],
    ) -> Result<Vec<Pair>, ScratchError> {
        let prefix = row_key(family, prefix);
        let mut found = Vec::new();
        iterator.seek(&prefix);
        while let Some((key, value)) = iterator.item().filter(|(key, _)| key.starts_with(&prefix)) {
            found.push((key.get(2..).unwrap_or_default().to_vec(), value.to_vec()));
            iterator.next();
        }
        iterator.status().map_err(|error| self.fault(error))?;
        Ok(found)
    }

    #[allow(clippy::expect_used, reason = "the one family that there is opens, or the database does not")]
    fn table(&self) -> &ColumnFamily {
        self.db.cf_handle(TABLE).expect("the family that was opened")
    }

    /// Reads tiles of the map; one that is not stored is an empty one.
    pub(super) fn map_tiles(&self, paths: Vec<TilePath>, tiles: &mut Tiles) -> Result<(), ScratchError> {
        let values = self.db.multi_get(paths.iter().map(map_key));
        for (path, value) in paths.into_iter().zip(values) {
            let tile = match value.map_err(|error| self.fault(error))? {
                None => map::Tile::default(),
                Some(row) => map::Tile::parse(&path, &row).map_err(|error| ScratchError::Damaged(error.to_string()))?,
            };
            tiles.0.insert(path, tile);
        }
        Ok(())
    }

    /// Keeps what was replayed before the cursor. `tiles` are those of the map, the changed ones at least.
    pub(super) fn commit(&self, replayed: Replayed, tiles: &Tiles) -> Result<(), ScratchError> {
        let Replayed { cursor, rows, tiles: changed, edge } = replayed;
        self.take_in(|file| {
            // In the order of their keys, as the file wants them.
            let Cursor { index, time, records } = cursor;
            file.put(meta("cursor"), [index, time, records].map(u64::to_be_bytes).concat())?;
            for (tile, hashes) in edge.tiles() {
                file.put(edge_key(*tile), tile::hashes_bytes(hashes))?;
            }
            for row in rows.into_put() {
                file.put(row_key(row.family, &row.key), &row.value)?;
            }
            for (path, tile) in changed.iter().filter_map(|path| tiles.0.get_key_value(path)) {
                file.put(map_key(path), tile.encode())?;
            }
            Ok(())
        })
        .map_err(|error| self.fault(error))
    }

    /// Has sorted rows written into a file, and makes that one of the database's.
    fn take_in(
        &self,
        write: impl FnOnce(&mut SstFileWriter<'_>) -> Result<(), rocksdb::Error>,
    ) -> Result<(), rocksdb::Error> {
        let (path, mut options) = (self.path.join(NEXT), options());
        // Most of it is written once more when files are merged.
        options.set_bottommost_compression_type(DBCompressionType::None);
        let mut file = SstFileWriter::create(&options);
        file.open(&path)?;
        write(&mut file)?;
        file.finish()?;
        let mut ingest = IngestExternalFileOptions::default();
        ingest.set_move_files(true);
        self.db.ingest_external_file_opts(&ingest, vec![path])
    }
}

fn meta(name: &str) -> Vec<u8> {
    [&[0], name.as_bytes()].concat()
}

/// One row a level: of each level one tile is partial.
fn edge_key(tile: Tile) -> Vec<u8> {
    [meta("tile"), vec![tile.level]].concat()
}

fn row_key(family: Family, key: &[u8]) -> Vec<u8> {
    [&[1, family as u8], key].concat()
}

fn map_key(path: &TilePath) -> Vec<u8> {
    [vec![2], path.encode()].concat()
}

fn options() -> Options {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(&Cache::new_lru_cache(CACHE_BYTES));
    // Indices and filters too are of the cache's memory: a large log's would not be bounded otherwise.
    table.set_cache_index_and_filter_blocks(true);
    table.set_pin_l0_filter_and_index_blocks_in_cache(true);
    table.set_bloom_filter(10.0, false);
    table.set_block_size(8 << 10);
    let mut options = Options::default();
    options.create_if_missing(true);
    options.set_block_based_table_factory(&table);
    options.set_compression_type(DBCompressionType::None);
    options.set_bottommost_compression_type(DBCompressionType::Zstd);
    options.set_max_open_files(128);
    options.set_max_background_jobs(2);
    options
}
