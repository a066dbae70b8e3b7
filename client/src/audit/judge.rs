//! The judge of an audit: a thread that replays bundle after bundle, its rows in the scratch directory.

use super::parse::{Keyring, Parsed, Piece};
use super::store::Scratch;
use super::{AuditError, Finding};
use spec::admission::Rows;
use spec::admission::replay::{Chunk, Cursor, Ended, Inadmissible, Need, What};
use spec::map::{TilePath, Tiles};
use spec::tile::Edge;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Tiles of the map that are kept in memory, a kilobyte each; past this many all are written and read again.
const MAX_MAP_TILES: usize = 32_768;
/// Bytes of bundles that are judged together, beyond one: the map's changes meet once, and rows are looked up in one round.
const TOGETHER_BYTES: usize = 1 << 20;
/// Bytes of rows, put or read, that are kept in memory; past this many what was replayed is written, and all are read again.
const MAX_ROW_BYTES: usize = 12 << 20;

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
    pub(super) fn run(mut self, mut parsed: Parsed) -> Result<u64, AuditError> {
        while let Some(first) = parsed.next()? {
            self.judge(&together(first, &mut parsed))?;
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
        self.replayed.edge = last.bundle.edge.clone();
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

/// A bundle, and those behind it that are parsed already; none after one that has what is no entry.
fn together(first: Piece, parsed: &mut Parsed) -> Vec<Piece> {
    let (mut bytes, mut ends) = (first.bundle.bytes.len(), first.malformed.is_some());
    let mut pieces = vec![first];
    // One that was not parsed to its end is said to be so once these are judged: what is found in them comes first.
    while !ends
        && bytes < TOGETHER_BYTES
        && let Ok(Some(next)) = parsed.ready()
    {
        (bytes, ends) = (bytes + next.bundle.bytes.len(), next.malformed.is_some());
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
