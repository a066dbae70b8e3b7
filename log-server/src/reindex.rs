//! Reindexing: every row that follows from the entries made again, offline, and compared with what is stored.
//!
//! The rows are made in a database of their own, by [`spec::admission::replay`], as an auditor makes them. Entries that are
//! not what the log's own head says, or that admission would not take, are told and nothing is changed.

use crate::store::{Batch, Committed, DERIVED, Differing, Store, StoreError, View};
use spec::admission::Rows;
use spec::admission::replay::{Chunk, Cursor, Ended, Entry, Need, What};
use spec::admission::signatures::Checked;
use spec::map::Tiles;
use spec::merkle::{TreeHead, leaf_hash};
use spec::tile::Edge;
use std::collections::BTreeMap;
use std::path::Path;

/// Entries that are replayed at once.
const CHUNK: u64 = 1024;
/// Tiles of the map that are kept in memory, a kilobyte each; past this many all are read again.
const MAX_MAP_TILES: usize = 16_384;

/// Why rows were not made again.
#[derive(Debug, thiserror::Error)]
pub enum ReindexError {
    /// A database, this one or the one that is made.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The entries cannot be replayed.
    #[error("{0}; its rows are left as they are")]
    Ended(#[from] Ended),
    /// The entries have another root than the head.
    #[error("the entries lead to {have}, the log's head is {need}; its rows are left as they are")]
    Head {
        /// Where the entries lead.
        have: TreeHead,
        /// The head committed.
        need: TreeHead,
    },
}

/// What was made again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reindexed {
    /// The head of the entries.
    pub head: TreeHead,
    /// By family the rows that differed, where any did.
    pub differing: BTreeMap<&'static str, Differing>,
}

/// Makes all rows that follow from the entries in `aside`, which is not there yet, and compares them; with `repair`, makes the
/// log's equal to them. Nobody else has the log's database open.
///
/// Cost: a verification of each signature.
///
/// # Errors
/// [`ReindexError`].
pub fn reindex(store: &Store, aside: &Path, origin: &str, repair: bool) -> Result<Reindexed, ReindexError> {
    let Committed { head: need, .. } = store.committed()?.ok_or_else(|| StoreError::Damaged("meta head".into()))?;
    let made = Store::create(aside, origin)?;
    let mut replay =
        Replay { origin, made: &made, cursor: Cursor::default(), tree: Edge::default(), map: Tiles::default() };
    let view = store.view();
    while replay.cursor.index < need.size {
        replay.chunk(&view, CHUNK.min(need.size - replay.cursor.index))?;
    }
    replay.cursor.end()?;
    let have = replay.tree.head();
    if have != need {
        return Err(ReindexError::Head { have, need });
    }
    let mut differing = BTreeMap::new();
    for family in DERIVED {
        let rows = store.compare(&made, family, repair)?;
        if rows.rows > 0 {
            differing.insert(family, rows);
        }
    }
    Ok(Reindexed { head: need, differing })
}

struct Replay<'a> {
    origin: &'a str,
    made: &'a Store,
    cursor: Cursor,
    tree: Edge,
    map: Tiles,
}

impl Replay<'_> {
    fn chunk(&mut self, view: &View, count: u64) -> Result<(), ReindexError> {
        let first = self.cursor.index;
        let stored = view.entries(first, count)?;
        let mut parsed = Vec::new();
        for (index, entry) in (first..).zip(&stored) {
            parsed.push(What::parse(entry).map_err(|why| Ended::Inadmissible { index, why })?);
        }
        let checked = Checked::default();
        let entries: Vec<_> =
            stored.iter().zip(&parsed).map(|(bytes, what)| Entry { bytes, what, checked: &checked }).collect();
        let mut rows = Rows::default();
        let mut chunk = Chunk::new(self.origin, self.cursor, &entries);
        while let Some(need) = chunk.advance(&mut rows, &mut self.map)? {
            match need {
                Need::Rows(looks) => self.made.answer(looks, &mut rows)?,
                Need::Tiles(paths) => self.made.map_tiles(paths, &mut self.map)?,
            }
        }
        let done = chunk.done();
        let mut tiles = BTreeMap::new();
        for entry in &stored {
            self.tree.push(leaf_hash(entry), |tile, hashes| drop(tiles.insert(tile, hashes)));
        }
        tiles.extend(self.tree.tiles().clone());
        let map = done.tiles.iter().filter_map(|path| Some((*path, self.map.0.get(path)?.clone()))).collect();
        // Entries stay where they are.
        let batch = Batch { first, entries: Vec::new(), rows: rows.into_put().collect(), tiles, map };
        self.made.commit_unsynced(&batch, &Committed { head: self.tree.head(), time: done.cursor.time })?;
        self.cursor = done.cursor;
        if self.map.0.len() > MAX_MAP_TILES {
            self.map.0.clear();
        }
        Ok(())
    }
}
