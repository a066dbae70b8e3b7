//! The plan of a batch: from admitted records to all that is written and the head that it leads to. Pure.

use crate::store::{Batch, Committed};
use spec::admission::Row;
use spec::admission::replay::map_changes;
use spec::map::{self, Tiles};
use spec::merkle::leaf_hash;
use spec::state::{RULES, StateEntry};
use spec::tile;
use std::collections::BTreeMap;

/// The right edge of the log: what appending needs. Owned by the sequencer alone.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Edge {
    /// The right edge of the tree.
    pub tree: tile::Edge,
    /// Unix seconds of the last state entry.
    pub time: u64,
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

    let (first, mut next) = (edge.tree.size(), Edge { time, ..edge.clone() });
    let mut touched = BTreeMap::new();
    for entry in &entries {
        next.tree.push(leaf_hash(entry), |tile, hashes| drop(touched.insert(tile, hashes)));
    }
    let wider = next.tree.tiles().iter().filter(|(tile, hashes)| hashes.len() as u64 > tile.width(first));
    touched.extend(wider.map(|(tile, hashes)| (*tile, hashes.clone())));
    let map = changed.into_iter().filter_map(|path| tiles.0.remove_entry(&path)).collect();
    let batch = Batch { first, entries, rows, tiles: touched, map };
    Ok((batch, Committed { head: next.tree.head(), time }, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tiles_that_are_written_are_those_that_changed() {
        let mut edge = Edge::default();
        for round in 0..140_u64 {
            let entries = (0..=round % 7).map(|entry| entry.to_be_bytes().to_vec()).collect();
            let tiles = Tiles([(map::TilePath::ROOT, map::Tile::default())].into());
            let (batch, committed, next) = plan(&edge, entries, Vec::new(), tiles, round / 2).unwrap();
            assert_eq!(batch.first, edge.tree.size());
            assert_eq!(committed.head, next.tree.head());
            let changed = tile::changed(batch.first, committed.head.size).collect::<BTreeMap<_, _>>();
            let written =
                batch.tiles.iter().map(|(tile, hashes)| (*tile, hashes.len() as u64)).collect::<BTreeMap<_, _>>();
            assert_eq!(written, changed);
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
