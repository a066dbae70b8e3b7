//! The plan of a batch: from admitted records to all that is written and the head that it leads to. Pure.

use crate::store::{Batch, Committed};
use spec::admission::{Family, Row};
use spec::map::{self, KeyHash, Tiles, ValueHash};
use spec::merkle::{Frontier, Hash, leaf_hash};
use spec::state::{RULES, StateEntry};
use spec::tile::{Tile, WIDTH};
use std::collections::BTreeMap;

/// The right edge of the tree: what appending needs. Owned by the sequencer alone.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Edge {
    /// The complete subtrees.
    pub frontier: Frontier,
    /// The partial tiles: those of [`spec::tile::partial`].
    pub tiles: BTreeMap<Tile, Vec<Hash>>,
    /// Unix seconds of the last state entry.
    pub time: u64,
}

/// What the state rows of a batch change in the map: for each key its last value.
pub fn map_changes(rows: &[Row]) -> Vec<(KeyHash, ValueHash)> {
    let state = rows.iter().filter(|row| row.family == Family::State);
    let texts = state.filter_map(|row| Some((str::from_utf8(&row.key).ok()?, str::from_utf8(&row.value).ok()?)));
    let last: BTreeMap<&str, &str> = texts.collect();
    last.into_iter().map(|(key, value)| (map::key_hash(key), map::value_hash(value))).collect()
}

/// Plans a batch: the entries, then the state entry that they lead to, and every row and tile that they change.
///
/// `tiles` has the map's tiles that the changes need.
///
/// # Errors
/// [`map::Missing`]: the store lacks a tile of the map.
pub fn plan(
    edge: &Edge,
    mut entries: Vec<Vec<u8>>,
    rows: Vec<Row>,
    mut tiles: Tiles,
    now: u64,
) -> Result<(Batch, Committed, Edge), map::Missing> {
    let changed = map::put(&mut tiles, &map_changes(&rows))?;
    let time = now.max(edge.time);
    let state = StateEntry { time, rules: RULES, root: map::root(&tiles)? };
    entries.push(state.to_bytes());

    let mut next = Edge { time, ..edge.clone() };
    let mut touched = BTreeMap::new();
    for entry in &entries {
        next.frontier.push(leaf_hash(entry), |node, hash| {
            if node.level % 8 == 0 {
                let at = Tile::of(node);
                let tile = touched.entry(at).or_insert_with(|| next.tiles.remove(&at).unwrap_or_default());
                tile.push(hash);
            }
        });
    }
    next.tiles.extend(
        touched.iter().filter(|(_, hashes)| (hashes.len() as u64) < WIDTH).map(|(at, hashes)| (*at, hashes.clone())),
    );
    let map = changed.into_iter().filter_map(|path| tiles.0.remove_entry(&path)).collect();
    let batch = Batch { first: edge.frontier.size(), entries, rows, tiles: touched, map };
    Ok((batch, Committed { head: next.frontier.head(), time }, next))
}

#[cfg(test)]
mod tests {
    use super::*;
    use spec::tile;

    #[test]
    fn partial_tiles_are_those_that_planning_keeps() {
        let mut edge = Edge::default();
        for round in 0..140_u64 {
            let entries = (0..=round % 7).map(|entry| entry.to_be_bytes().to_vec()).collect();
            let tiles = Tiles([(map::TilePath::ROOT, map::Tile::default())].into());
            let (batch, committed, next) = plan(&edge, entries, Vec::new(), tiles, round / 2).unwrap();
            assert_eq!(batch.first, edge.frontier.size());
            assert_eq!(committed.head, next.frontier.head());
            let kept: Vec<_> = next.tiles.iter().map(|(tile, hashes)| (*tile, hashes.len() as u64)).collect();
            assert_eq!(kept, tile::partial(committed.head.size).collect::<Vec<_>>());
            edge = next;
        }
    }

    #[test]
    fn time_never_falls() {
        let tiles = || Tiles([(map::TilePath::ROOT, map::Tile::default())].into());
        let (_, first, edge) = plan(&Edge::default(), vec![], vec![], tiles(), 50).unwrap();
        let (_, second, _) = plan(&edge, vec![], vec![], tiles(), 40).unwrap();
        assert_eq!((first.time, second.time), (50, 50));
    }
}
