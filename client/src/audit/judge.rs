//! The judge of an audit: a thread that replays bundle after bundle, its rows in the scratch directory.

use super::fetch::Fetched;
use super::store::Scratch;
use super::{AuditError, Finding};
use bytes::Bytes;
use spec::admission::Rows;
use spec::admission::replay::{Chunk, Cursor, Ended, Entry, Inadmissible, Need, What};
use spec::admission::signatures::{Checked, check_named};
use spec::authority::{Authority, PublicKey};
use spec::entry_bundle;
use spec::map::{TilePath, Tiles};
use spec::record::{Digest, Predicate};
use spec::tile::Edge;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::mpsc::Receiver;

/// Keys that are kept in memory; past this many all are forgotten, and verified with where they are needed.
const MAX_KEYS: usize = 16_384;
/// Tiles of the map that are kept in memory, a kilobyte each; past this many all are written and read again.
const MAX_MAP_TILES: usize = 32_768;
/// Bytes of bundles that are judged together, beyond one: the map's changes meet once, and rows are looked up in one round.
const TOGETHER_BYTES: usize = 1 << 20;
/// Bytes of rows, put or read, that are kept in memory; past this many what was replayed is written, and all are read again.
const MAX_ROW_BYTES: usize = 12 << 20;

/// The public keys of all authority records seen, by keyid: enough to verify a signature before it is known whether the key may
/// sign.
#[derive(Clone, Default)]
pub(super) struct Keyring(Arc<RwLock<HashMap<Digest, PublicKey>>>);

impl Keyring {
    fn get(&self, keyid: &Digest) -> Option<PublicKey> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(keyid).cloned()
    }

    pub(super) fn learn(&self, authority: &Authority) {
        let mut keys = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if keys.len() > MAX_KEYS {
            keys.clear();
        }
        keys.extend(authority.keys.iter().map(|(keyid, key)| (*keyid, key.clone())));
    }
}

/// Entries of a bundle, read and their signatures verified.
pub(super) struct Piece {
    bytes: Bytes,
    /// Entries of the bundle that were judged before.
    skip: usize,
    /// The entries up to the first that is none.
    parsed: Vec<(What, Checked)>,
    /// Why the next one is none.
    malformed: Option<Inadmissible>,
    /// The tree after the bundle.
    edge: Edge,
}

impl Piece {
    /// Reads the entries of a bundle but the first `skip`. `edge` is the tree after them.
    pub(super) fn parse(fetched: &Fetched, skip: usize, edge: Edge, keyring: &Keyring) -> Self {
        let bytes = fetched.bytes.clone();
        let mut piece = Self { bytes, skip, parsed: Vec::new(), malformed: None, edge };
        for entry in entry_bundle::parse(&fetched.bytes).unwrap_or_default().into_iter().skip(skip) {
            match What::parse(entry) {
                Ok(what) => {
                    let checked = check(&what, keyring);
                    piece.parsed.push((what, checked));
                }
                Err(why) => {
                    piece.malformed = Some(why);
                    break;
                }
            }
        }
        piece
    }

    fn entries(&self) -> Vec<Entry<'_>> {
        let bytes = entry_bundle::parse(&self.bytes).unwrap_or_default();
        let entries = bytes.into_iter().skip(self.skip).zip(&self.parsed);
        entries.map(|(bytes, (what, checked))| Entry { bytes, what, checked }).collect()
    }
}

fn check(what: &What, keyring: &Keyring) -> Checked {
    let What::Record(record) = what else { return Checked::default() };
    if let Predicate::Authority(authority) = &record.statement.predicate {
        keyring.learn(authority);
    }
    check_named(record, |keyid| keyring.get(keyid))
}

/// Judges entry after entry.
pub(super) struct Judge {
    scratch: Scratch,
    origin: String,
    keyring: Keyring,
    tiles: Tiles,
    /// What the next commit writes.
    replayed: Replayed,
    records: u64,
    progress: Arc<dyn Fn(u64, u64) + Send + Sync>,
    size: u64,
}

/// What was replayed since the last commit.
#[derive(Default)]
pub(super) struct Replayed {
    /// Where the replay stands.
    pub(super) cursor: Cursor,
    /// The rows that were put, and those that were read.
    pub(super) rows: Rows,
    /// The tiles of the map that changed.
    pub(super) tiles: BTreeSet<TilePath>,
    /// The tree after it.
    pub(super) edge: Edge,
}

impl Judge {
    /// Takes up the replay where the scratch directory stands.
    pub(super) fn new(
        scratch: Scratch,
        origin: &str,
        keyring: Keyring,
        progress: Arc<dyn Fn(u64, u64) + Send + Sync>,
        size: u64,
    ) -> Result<Self, AuditError> {
        let (origin, tiles) = (origin.into(), Tiles::default());
        let replayed = Replayed { cursor: scratch.cursor()?, ..Replayed::default() };
        Ok(Self { scratch, origin, keyring, tiles, replayed, records: 0, progress, size })
    }

    /// Judges what comes until no more comes; returns how many records that were.
    pub(super) fn run(mut self, mut work: Receiver<Piece>) -> Result<u64, AuditError> {
        while let Some(first) = work.blocking_recv() {
            self.judge(&together(first, &mut work))?;
            (self.progress)(self.replayed.cursor.index, self.size);
        }
        self.commit()?;
        let cursor = self.replayed.cursor;
        if cursor.index == self.size {
            cursor.end().map_err(ended)?;
        }
        Ok(self.records)
    }

    fn judge(&mut self, pieces: &[Piece]) -> Result<(), AuditError> {
        let Some(last) = pieces.last() else { return Ok(()) };
        let entries: Vec<_> = pieces.iter().flat_map(Piece::entries).collect();
        let Replayed { cursor, rows, .. } = &mut self.replayed;
        let mut chunk = Chunk::new(&self.origin, *cursor, &entries);
        while let Some(need) = chunk.advance(rows, &mut self.tiles).map_err(ended)? {
            match need {
                Need::Rows(looks) => self.scratch.answer(looks, rows, &self.keyring)?,
                Need::Tiles(paths) => self.scratch.map_tiles(paths, &mut self.tiles)?,
            }
        }
        let done = chunk.done();
        if let Some(why) = &last.malformed {
            return Err(Finding::Entry { index: done.cursor.index, why: why.clone() }.into());
        }
        self.records += entries.iter().filter(|entry| matches!(entry.what, What::Record(_))).count() as u64;
        self.replayed.cursor = done.cursor;
        self.replayed.tiles.extend(done.tiles);
        self.replayed.edge = last.edge.clone();
        if self.replayed.rows.bytes() > MAX_ROW_BYTES || self.tiles.0.len() > MAX_MAP_TILES {
            self.commit()?;
        }
        Ok(())
    }

    /// Writes what was replayed since the last time, and forgets what is read as easily as kept.
    fn commit(&mut self) -> Result<(), AuditError> {
        let next = Replayed { cursor: self.replayed.cursor, ..Replayed::default() };
        let replayed = std::mem::replace(&mut self.replayed, next);
        self.scratch.commit(replayed, &self.tiles)?;
        if self.tiles.0.len() > MAX_MAP_TILES {
            self.tiles.0.clear();
        }
        Ok(())
    }
}

/// A bundle, and those behind it that are here already; none after one that has what is no entry.
fn together(first: Piece, work: &mut Receiver<Piece>) -> Vec<Piece> {
    let (mut bytes, mut ends) = (first.bytes.len(), first.malformed.is_some());
    let mut pieces = vec![first];
    while !ends
        && bytes < TOGETHER_BYTES
        && let Ok(next) = work.try_recv()
    {
        (bytes, ends) = (bytes + next.bytes.len(), next.malformed.is_some());
        pieces.push(next);
    }
    pieces
}

fn ended(ended: Ended) -> AuditError {
    match ended {
        Ended::Inadmissible { index, why: Inadmissible::UnknownRules { have } } if have > spec::state::RULES => {
            AuditError::UnknownRules { index, have }
        }
        Ended::Inadmissible { index, why } => Finding::Entry { index, why }.into(),
        Ended::Corrupt(corrupt) => super::ScratchError::Damaged(corrupt.to_string()).into(),
        Ended::Missing(missing) => super::ScratchError::Damaged(missing.to_string()).into(),
    }
}
