//! The right edge of a growing tree, in tiles.

use super::{Tile, WIDTH, partial};
use crate::merkle::{Frontier, Hash, TreeHead, peaks};
use alloc::{collections::BTreeMap, vec::Vec};

/// What appending to a tree stored in tiles needs: its partial tiles, and the complete subtrees in them.
///
/// ```
/// use spec::{merkle::leaf_hash, tile::Edge};
///
/// let mut edge = Edge::default();
/// let mut full = Vec::new();
/// (0..300_u16).for_each(|entry| edge.push(leaf_hash(&entry.to_be_bytes()), |tile, _| full.push(tile)));
/// assert_eq!(full.len(), 1);
/// assert_eq!(Edge::new(300, edge.tiles().clone()), Some(edge));
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Edge {
    frontier: Frontier,
    tiles: BTreeMap<Tile, Vec<Hash>>,
}

impl Edge {
    /// Takes the partial tiles of a tree of `size`; `None` unless they are those of [`partial`], each as wide as it says.
    ///
    /// Cost: a node hash for each hash in them.
    pub fn new(size: u64, tiles: BTreeMap<Tile, Vec<Hash>>) -> Option<Self> {
        let width = |hashes: &Vec<Hash>| u64::try_from(hashes.len()).unwrap_or(u64::MAX);
        let fits = partial(size).eq(tiles.iter().map(|(tile, hashes)| (*tile, width(hashes))));
        let hash = |node| tiles.get(&Tile::of(node)).and_then(|hashes| Tile::of(node).node(hashes, node));
        let hashes = peaks(size).into_iter().map(hash).collect::<Option<_>>()?;
        let frontier = Frontier::new(size, hashes).filter(|_| fits)?;
        Some(Self { frontier, tiles })
    }

    /// Entries so far.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// The tree head: size and root.
    pub fn head(&self) -> TreeHead {
        self.frontier.head()
    }

    /// The partial tiles: those of [`partial`].
    pub fn tiles(&self) -> &BTreeMap<Tile, Vec<Hash>> {
        &self.tiles
    }

    /// Appends a leaf and hands over each tile that it fills, from the lowest level up.
    ///
    /// Cost: one node hash a leaf on average.
    pub fn push(&mut self, leaf: Hash, mut full: impl FnMut(Tile, Vec<Hash>)) {
        let tiles = &mut self.tiles;
        self.frontier.push(leaf, |node, hash| {
            if node.level % 8 != 0 {
                return;
            }
            let tile = Tile::of(node);
            let hashes = tiles.entry(tile).or_default();
            hashes.push(hash);
            if u64::try_from(hashes.len()) == Ok(WIDTH) {
                full(tile, tiles.remove(&tile).unwrap_or_default());
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::naive;

    #[test]
    fn an_edge_has_what_partial_names_and_grows_on_from_there() {
        let (mut edge, mut full) = (Edge::default(), BTreeMap::new());
        for (size, leaf) in (0..).zip(naive::leaves(70_000)) {
            if size % 997 == 0 || size % 256 < 2 {
                let again = Edge::new(size, edge.tiles().clone()).unwrap();
                assert_eq!(again, edge);
                assert!(size % 256 != 1 || Edge::new(size + 1, edge.tiles().clone()).is_none());
                edge = again;
            }
            edge.push(leaf, |tile, hashes| assert!(full.insert(tile, hashes).is_none()));
        }
        assert_eq!(edge.head().root, naive::root(&naive::leaves(70_000)));
        let of_level = |level| full.keys().filter(|tile| tile.level == level).count();
        assert_eq!((of_level(0), of_level(1), of_level(2)), (273, 1, 0));
        assert!(full.values().all(|hashes| hashes.len() == 256));
    }
}
