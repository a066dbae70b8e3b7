//! The log again, from its entries alone: every admission judged anew, every state entry computed anew.

use anyhow::ensure;
use spec::admission::Rows;
use spec::admission::replay::{Chunk, Cursor, Ended, Entry, Need, What};
use spec::admission::signatures::Checked;
use spec::map::{Tile, Tiles};
use spec::merkle::{Frontier, TreeHead, leaf_hash};
use spec::record::Digest;
use std::collections::BTreeMap;

/// What a replay finds.
#[derive(Debug)]
pub struct Replayed {
    /// The root after each entry: `heads[n]` is the tree of n + 1 entries.
    pub heads: Vec<TreeHead>,
    /// Index by record id.
    pub records: BTreeMap<Digest, u64>,
}

/// Replays entries from genesis on, all rows in memory.
///
/// # Errors
/// Names the first entry that should not be there, and why.
pub fn replay(origin: &str, entries: &[Vec<u8>]) -> anyhow::Result<Replayed> {
    let mut parsed = Vec::new();
    for (index, entry) in (0_u64..).zip(entries) {
        parsed.push(What::parse(entry).map_err(|why| Ended::Inadmissible { index, why })?);
    }
    let checked = Checked::default();
    let list: Vec<_> =
        entries.iter().zip(&parsed).map(|(bytes, what)| Entry { bytes, what, checked: &checked }).collect();
    let (mut rows, mut tiles) = (Rows::default(), Tiles::default());
    let mut chunk = Chunk::new(origin, Cursor::default(), &list);
    while let Some(need) = chunk.advance(&mut rows, &mut tiles)? {
        match need {
            // Nothing is stored: what was put before is in the rows already.
            Need::Rows(looks) => looks.into_iter().for_each(|look| rows.answer_none(look)),
            Need::Tiles(paths) => tiles.0.extend(paths.into_iter().map(|path| (path, Tile::default()))),
        }
    }
    chunk.done().cursor.end()?;
    let mut replayed = Replayed { heads: Vec::new(), records: BTreeMap::new() };
    let mut tree = Frontier::default();
    for ((index, entry), what) in (0_u64..).zip(entries).zip(&parsed) {
        tree.push(leaf_hash(entry), |_, _| ());
        replayed.heads.push(tree.head());
        if let What::Record(record) = what {
            ensure!(replayed.records.insert(record.id, index).is_none(), "entry {index} has an id for the second time");
        }
    }
    Ok(replayed)
}
