//! The judge of an audit: a thread that replays bundle after bundle, its rows in the scratch directory.

use super::parse::{Keyring, Parsed, Piece};
use super::store::Scratch;
use super::{AuditError, Finding};
use spec::admission::Rows;
use spec::admission::replay::{Chunk, Cursor, Ended, Entry, Inadmissible, Need, What};
use spec::map::{TilePath, Tiles};
use spec::tile::Edge;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Tiles of the map that are kept in memory, a kilobyte each; past this many all are written and read again.
const MAX_MAP_TILES: usize = 32_768;
/// Bytes of bundles that are judged together, beyond one: the map's changes meet once, and rows are looked up in one round.
const TOGETHER_BYTES: usize = 1 << 20;
/// Bytes of rows that the entries of a chunk may ask for before it is cut.
const MAX_ANSWER_BYTES: usize = 16 << 20;
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
    /// Bytes of bundles that are judged together next: few after entries that led to many bytes of rows.
    together: usize,
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
        let together = super::PART_BYTES;
        Ok(Self { scratch, origin, keyring, tiles, replayed, together, records: 0, progress, size })
    }

    /// Judges what comes until no more comes; returns how many records that were.
    pub(super) fn run(mut self, mut parsed: Parsed) -> Result<u64, AuditError> {
        while let Some(first) = parsed.next()? {
            self.judge(&together(first, &mut parsed, self.together))?;
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
        let before = self.replayed.rows.bytes();
        self.replay_all(&entries)?;
        if let Some(why) = &last.malformed {
            return Err(Finding::Entry { index: self.replayed.cursor.index, why: why.clone() }.into());
        }
        self.records += entries.iter().filter(|entry| matches!(entry.what, What::Record(_))).count() as u64;
        self.replayed.edge = last.bundle.edge.clone();
        let bytes = self.replayed.rows.bytes();
        let many = bytes.saturating_sub(before) > MAX_ROW_BYTES;
        self.together = if many { 0 } else { (2 * self.together).clamp(super::PART_BYTES, TOGETHER_BYTES) };
        if bytes > MAX_ROW_BYTES || self.tiles.0.len() > MAX_MAP_TILES {
            self.commit()?;
        }
        Ok(())
    }

    /// Replays entries, in as many chunks as it takes.
    fn replay_all(&mut self, entries: &[Entry<'_>]) -> Result<(), AuditError> {
        let (mut rest, mut count) = (entries, entries.len());
        loop {
            let (now, later) = rest.split_at(count);
            if !self.replay(now)? {
                count = count.div_ceil(2);
                continue;
            }
            if later.is_empty() {
                return Ok(());
            }
            if self.replayed.rows.bytes() > MAX_ROW_BYTES {
                self.replayed.rows.forget_answers();
            }
            (rest, count) = (later, later.len().min(2 * count));
        }
    }

    /// Replays a chunk; `false`, and nothing was replayed, if it asks for more rows than there is room for. One entry alone has
    /// all that it asks for.
    fn replay(&mut self, entries: &[Entry<'_>]) -> Result<bool, AuditError> {
        let Replayed { cursor, rows, tiles, .. } = &mut self.replayed;
        let room = if entries.len() > 1 { rows.bytes() + MAX_ANSWER_BYTES } else { usize::MAX };
        let mut chunk = Chunk::new(&self.origin, *cursor, entries);
        while let Some(need) = chunk.advance(rows, &mut self.tiles).map_err(ended)? {
            match need {
                Need::Rows(looks) => {
                    let room = if chunk.has_begun() { usize::MAX } else { room };
                    if !self.scratch.answer(looks, rows, &self.keyring, room)? {
                        rows.forget_answers();
                        return Ok(false);
                    }
                }
                Need::Tiles(paths) => self.scratch.map_tiles(paths, &mut self.tiles)?,
            }
        }
        let done = chunk.done();
        *cursor = done.cursor;
        tiles.extend(done.tiles);
        Ok(true)
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

/// A bundle, and those behind it that are parsed already, up to `most` bytes; none after one that has what is no entry.
fn together(first: Piece, parsed: &mut Parsed, most: usize) -> Vec<Piece> {
    let (mut bytes, mut ends) = (first.bundle.bytes.len(), first.malformed.is_some());
    let mut pieces = vec![first];
    // One that was not parsed to its end is said to be so once these are judged: what is found in them comes first.
    while !ends
        && bytes < most
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
