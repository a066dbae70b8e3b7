//! Tiles of others: which to fetch, and how they are proved.

use super::{HEIGHT, Tile, WIDTH, over};
use crate::merkle::{self, Hash, Node, TreeHead};
use crate::proof::Plan;
use alloc::{collections::BTreeMap, vec::Vec};

/// Levels of tiles that a tree can have.
const LEVELS: u8 = 64 / HEIGHT;

impl Tile {
    /// The tile one level up that has the hash over this one, and at which place in it.
    fn above(&self) -> (Self, usize) {
        let place = usize::try_from(self.index % WIDTH).unwrap_or(0);
        (Self { level: self.level.saturating_add(1), index: self.index / WIDTH }, place)
    }

    /// The first index of a tile of this level that is not full in a tree of `size`.
    fn edge(level: u8, size: u64) -> u64 {
        size.checked_shr(u32::from(level).saturating_mul(8)).unwrap_or(0) / WIDTH
    }
}

/// The partial tiles of a tree of `size` entries, each with its width, from the lowest level up.
///
/// Shapes: at most one a level; together they have the hashes of all [`merkle::peaks`], so the root follows from them alone.
pub fn partial(size: u64) -> impl Iterator<Item = (Tile, u64)> {
    (0..LEVELS).filter_map(move |level| {
        let tile = Tile { level, index: Tile::edge(level, size) };
        Some((tile, tile.width(size))).filter(|(_, width)| *width > 0)
    })
}

/// The tiles that [`authenticate`] needs to let a plan's hashes be read, each with its width in the tree of `size` entries.
///
/// Shapes: the tiles that the plan's nodes lie in, for each full one those above it up to a partial one, and all partial ones.
/// A node beyond the tree adds nothing.
///
/// Cost: for a proof in a tree of 2^30 entries at most 9 tiles, 72 KiB.
pub fn needed(plan: &Plan, size: u64) -> BTreeMap<Tile, u64> {
    let mut tiles: BTreeMap<_, _> = partial(size).collect();
    for node in plan.nodes() {
        let mut tile = Tile::of(node);
        // Above a full tile there is always one more; a partial tile is here already.
        while tile.width(size) == WIDTH && tiles.insert(tile, WIDTH).is_none() {
            tile = tile.above().0;
        }
    }
    tiles
}

/// The tiles that the tree of `new` entries has and the tree of `old` has not, or not as wide; each with its new width.
///
/// Shapes: levels rising, in each from left to right. Nothing if `new` is not larger.
///
/// Cost: lazy; 1/255 of the entries between the sizes, and one a level.
pub fn changed(old: u64, new: u64) -> impl Iterator<Item = (Tile, u64)> {
    (0..LEVELS).flat_map(move |level| {
        // One beyond the last full tile: there is the partial one, or none.
        (Tile::edge(level, old)..=Tile::edge(level, new)).filter_map(move |index| {
            let tile = Tile { level, index };
            let width = tile.width(new);
            (width > tile.width(old)).then_some((tile, width))
        })
    })
}

/// Why tiles are not believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TileError {
    /// The tree has no such tile.
    #[error("a tree of {size} has no tile of level {} index {}", tile.level, tile.index)]
    NotInTree {
        /// The tile.
        tile: Tile,
        /// The size of the tree head.
        size: u64,
    },
    /// A tile has fewer hashes than the tree needs, or more than a full one.
    #[error("tile level {} index {} has {have} hashes, a tree of {size} has {need} there", tile.level, tile.index)]
    Width {
        /// The tile.
        tile: Tile,
        /// Hashes given.
        have: usize,
        /// Hashes in the tree.
        need: u64,
        /// The size of the tree head.
        size: u64,
    },
    /// A partial tile is missing, or the tile above a full one.
    #[error("tile level {} index {} is missing: nothing proves the others without it", tile.level, tile.index)]
    Missing {
        /// The tile missing.
        tile: Tile,
    },
    /// The partial tiles lead to another root.
    #[error("the partial tiles lead to root {computed}, the tree of {size} has {root}")]
    Root {
        /// Where they lead.
        computed: Hash,
        /// The tree head's root.
        root: Hash,
        /// The size of the tree head.
        size: u64,
    },
    /// A full tile leads to another hash than the tile above it has.
    #[error("tile level {} index {} leads to {computed}, the tile above has {above}", tile.level, tile.index)]
    Above {
        /// The full tile.
        tile: Tile,
        /// Where it leads.
        computed: Hash,
        /// What the tile above has.
        above: Hash,
    },
}

/// Tiles all of whose hashes are proved to be in one tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Authenticated {
    head: TreeHead,
    tiles: BTreeMap<Tile, Vec<Hash>>,
}

/// Proves tiles that came from outside: all of them, or none.
///
/// `head` must be believed already, from a checkpoint. All partial tiles must be there, since the root follows from them; each full
/// tile is proved by the tile above it, which must be there too. What [`needed`] names is enough.
/// A tile that is wider than in this tree may stand for the partial one, as tlog-tiles allows; its surplus hashes prove nothing
/// and are dropped.
///
/// Cost: 255 node hashes for each full tile (28 us), for each partial one fewer than it has hashes.
///
/// # Errors
/// [`TileError`]: the shape of all tiles first, then the root, then the full tiles from the highest level down.
pub fn authenticate(mut tiles: BTreeMap<Tile, Vec<Hash>>, head: &TreeHead) -> Result<Authenticated, TileError> {
    let TreeHead { size, root } = *head;
    for (tile, hashes) in &mut tiles {
        let (tile, have, need) = (*tile, hashes.len(), tile.width(size));
        if need == 0 {
            return Err(TileError::NotInTree { tile, size });
        }
        let width = usize::try_from(need).unwrap_or(usize::MAX);
        if have < width || have > 256 {
            return Err(TileError::Width { tile, have, need, size });
        }
        hashes.truncate(width);
    }
    let mut peaks = Vec::new();
    for node in merkle::peaks(size) {
        let tile = Tile::of(node);
        let hash = tiles.get(&tile).and_then(|hashes| tile.node(hashes, node));
        peaks.push(hash.ok_or(TileError::Missing { tile })?);
    }
    let computed = merkle::fold(&peaks).unwrap_or_else(merkle::empty_root);
    if computed != root {
        return Err(TileError::Root { computed, root, size });
    }
    // From here on the partial tiles are proved; from the highest level down, each full tile by a tile that is proved.
    for (tile, hashes) in tiles.iter().rev().filter(|(_, hashes)| hashes.len() == 256) {
        let (tile, (up, place)) = (*tile, tile.above());
        let above = *tiles.get(&up).and_then(|above| above.get(place)).ok_or(TileError::Missing { tile: up })?;
        let computed = over(hashes).unwrap_or(above);
        if computed != above {
            return Err(TileError::Above { tile, computed, above });
        }
    }
    Ok(Authenticated { head: *head, tiles })
}

impl Authenticated {
    /// The head that the tiles lead to.
    pub fn head(&self) -> &TreeHead {
        &self.head
    }

    /// The hashes of a tile, as many as the tree has; `None` if the tile was not among those proved.
    pub fn hashes(&self, tile: Tile) -> Option<&[Hash]> {
        self.tiles.get(&tile).map(Vec::as_slice)
    }

    /// The hash of a complete subtree; `None` if its tile was not among those proved, or the tree does not reach so far.
    ///
    /// Cost: up to 127 node hashes for the highest level inside a tile, none for the lowest.
    pub fn node(&self, node: Node) -> Option<Hash> {
        let tile = Tile::of(node);
        tile.node(self.tiles.get(&tile)?, node)
    }

    /// Makes the planned proof; the first node that these tiles do not have otherwise.
    ///
    /// # Errors
    /// The node.
    pub fn prove(&self, plan: &Plan) -> Result<Vec<Hash>, Node> {
        let hashes = plan.nodes().map(|node| self.node(node).ok_or(node)).collect::<Result<Vec<_>, _>>()?;
        // As many hashes as nodes: the plan takes them.
        Ok(plan.assemble(&hashes).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::{Frontier, naive};
    use crate::proof;
    use alloc::collections::BTreeSet;

    /// The tree over some leaves, and its tiles by their definition alone.
    struct Model {
        leaves: Vec<Hash>,
        tiles: BTreeMap<Tile, Vec<Hash>>,
    }

    impl Model {
        fn new(size: u64) -> Self {
            let leaves = naive::leaves(size);
            let mut tiles = BTreeMap::new();
            for tile in widths(size).into_keys() {
                // "MTH(D[(n * 256 + i) * 256**l : (n * 256 + i + 1) * 256**l])", for as many `i` as there are.
                let span = 256_usize.pow(tile.level.into());
                let hashes = (0..256).map_while(|i| {
                    let start = (tile.index as usize * 256 + i) * span;
                    leaves.get(start..start + span).map(naive::root)
                });
                tiles.insert(tile, hashes.collect());
            }
            Self { leaves, tiles }
        }

        fn head(&self, size: u64) -> TreeHead {
            TreeHead { size, root: naive::root(&self.leaves[..size as usize]) }
        }

        /// A tile as it was when the tree had `size` entries.
        fn tile(&self, tile: Tile, size: u64) -> Vec<Hash> {
            let mut hashes = self.tiles[&tile].clone();
            hashes.truncate(widths(size)[&tile] as usize);
            hashes
        }
    }

    /// "floor(s / 256**l) mod 256", and all full ones: tile by tile.
    fn widths(size: u64) -> BTreeMap<Tile, u64> {
        let mut all = BTreeMap::new();
        for level in 0..8_u8 {
            let hashes = u128::from(size) / 256_u128.pow(level.into());
            let full = u64::try_from(hashes / 256).unwrap();
            (0..full).for_each(|index| assert!(all.insert(Tile { level, index }, 256).is_none()));
            if hashes % 256 > 0 {
                all.insert(Tile { level, index: full }, u64::try_from(hashes % 256).unwrap());
            }
        }
        all
    }

    /// What must be fetched: partial tiles, tiles of the nodes, tiles with the root of one that must be fetched.
    fn naive_needed(plan: &Plan, size: u64) -> BTreeMap<Tile, u64> {
        let all = widths(size);
        let mut need: BTreeSet<Tile> = all.iter().filter(|(_, width)| **width < 256).map(|(tile, _)| *tile).collect();
        for node in plan.nodes() {
            let height = 256_u64.pow(u32::from(node.level / 8));
            let first = (node.index << node.level) / height;
            need.insert(Tile { level: node.level / 8, index: first / 256 });
        }
        loop {
            let full = need.iter().filter(|tile| all[tile] == 256);
            let above: Vec<_> = full.map(|t| Tile { level: t.level + 1, index: t.index / 256 }).collect();
            let before = need.len();
            need.extend(above);
            if need.len() == before {
                return need.into_iter().map(|tile| (tile, all[&tile])).collect();
            }
        }
    }

    /// Sizes where tiles begin, fill up, or are the specification's example.
    const SIZES: [u64; 12] = [254, 255, 256, 257, 300, 511, 512, 513, 65_535, 65_536, 65_537, 70_000];

    #[test]
    fn partial_tiles_are_the_edge() {
        for size in (0..1100).chain(SIZES) {
            let naive: Vec<_> = widths(size).into_iter().filter(|(_, width)| *width < 256).collect();
            assert_eq!(partial(size).collect::<Vec<_>>(), naive, "{size}");
        }
        assert_eq!(partial(u64::MAX).map(|(_, width)| width).collect::<Vec<_>>(), [255; 8]);
    }

    #[test]
    fn changed_tiles_are_those_of_the_model() {
        let check = |old: u64, new: u64, was: &BTreeMap<Tile, u64>, is: &BTreeMap<Tile, u64>| {
            let naive = is.iter().filter(|(tile, width)| was.get(tile) != Some(width));
            let naive: Vec<_> = if old > new { Vec::new() } else { naive.map(|(t, w)| (*t, *w)).collect() };
            assert_eq!(changed(old, new).collect::<Vec<_>>(), naive, "{old} to {new}");
        };
        let small: Vec<_> = (0..=130).map(|size| (size, widths(size))).collect();
        let large: Vec<_> = (240..270).chain(SIZES).chain([0, 1]).map(|size| (size, widths(size))).collect();
        for sizes in [small, large] {
            for (old, was) in &sizes {
                for (new, is) in &sizes {
                    check(*old, *new, was, is);
                }
            }
        }
        assert_eq!(changed(u64::MAX - 1, u64::MAX).count(), 1);
        assert_eq!(changed((1 << 56) - 1, 1 << 56).count(), 8);
    }

    #[test]
    fn needed_tiles_are_enough_and_none_is_spare() {
        let model = Model::new(70_000);
        let check = |plan: &Plan, head: &TreeHead, verify: &dyn Fn(&[Hash])| {
            let need = needed(plan, head.size);
            assert_eq!(need, naive_needed(plan, head.size));
            let tiles: BTreeMap<_, _> = need.keys().map(|tile| (*tile, model.tile(*tile, head.size))).collect();
            let widths: BTreeMap<_, _> = tiles.iter().map(|(tile, hashes)| (*tile, hashes.len() as u64)).collect();
            assert_eq!(need, widths);
            verify(&authenticate(tiles.clone(), head).unwrap().prove(plan).unwrap());
            for tile in need.keys() {
                let mut fewer = tiles.clone();
                fewer.remove(tile);
                let read = authenticate(fewer, head).map(|tiles| tiles.prove(plan).is_ok());
                assert!(read.is_err() || read == Ok(false), "{tile:?} is spare in {}", head.size);
            }
        };
        for size in (1..20).chain(SIZES) {
            let head = model.head(size);
            let indices = [0, 1, 7, 127, 128, 255, 256, 257, 65_535, 65_536, 69_999, size / 2, size - 1];
            for index in indices.into_iter().filter(|index| *index < size) {
                let leaf = model.leaves[index as usize];
                check(&proof::inclusion(index, size).unwrap(), &head, &|path| {
                    proof::verify_inclusion(&leaf, index, &head, path).unwrap();
                });
                let old = model.head(index);
                check(&proof::consistency(index, size).unwrap(), &head, &|path| {
                    proof::verify_consistency(&old, &head, path).unwrap();
                });
            }
        }
    }

    #[test]
    fn every_node_of_small_trees_can_be_read() {
        let model = Model::new(600);
        let mut nodes = BTreeMap::new();
        let mut tree = Frontier::default();
        assert_eq!(authenticate(BTreeMap::new(), &tree.head()).unwrap().node(Node { level: 0, index: 0 }), None);
        for leaf in &model.leaves {
            tree.push(*leaf, |node, hash| {
                nodes.insert(node, hash);
            });
            let size = tree.size();
            if size > 130 && !(250..262).contains(&size) && !(508..516).contains(&size) {
                continue;
            }
            let tiles: BTreeMap<_, _> = widths(size).into_keys().map(|tile| (tile, model.tile(tile, size))).collect();
            let read = authenticate(tiles.clone(), &tree.head()).unwrap();
            for (node, hash) in &nodes {
                assert_eq!(read.node(*node), Some(*hash), "{node:?} in {size}");
            }
            for (tile, hashes) in &tiles {
                assert_eq!(read.hashes(*tile), Some(hashes.as_slice()));
            }
            assert_eq!(read.node(Node { level: 0, index: size }), None);
            assert_eq!(read.node(Node { level: 63, index: 0 }), None);
            // A full tile in a partial one's place gives no hash that is not proved.
            let wider: BTreeMap<_, _> = tiles.keys().map(|tile| (*tile, model.tile(*tile, 600))).collect();
            assert_eq!(authenticate(wider, &tree.head()), Ok(read));
        }
    }

    #[test]
    fn no_hash_can_be_another() {
        let model = Model::new(70_000);
        for size in [1, 2, 3, 130, 255, 256, 257, 512, 600, 65_536, 70_000] {
            let head = model.head(size);
            let plan = proof::inclusion(size / 3, size).unwrap();
            let tiles: BTreeMap<_, _> =
                needed(&plan, size).into_keys().map(|tile| (tile, model.tile(tile, size))).collect();
            authenticate(tiles.clone(), &head).unwrap();
            for (tile, hashes) in &tiles {
                for at in 0..hashes.len() {
                    let mut damaged = tiles.clone();
                    let bit = (at * 37) % 256;
                    damaged.get_mut(tile).unwrap()[at].0[bit / 8] ^= 1 << (bit % 8);
                    let error = authenticate(damaged, &head).unwrap_err();
                    assert!(matches!(error, TileError::Root { .. } | TileError::Above { .. }), "{error}");
                }
            }
            let root = Hash([7; 32]);
            let other = authenticate(tiles, &TreeHead { root, size });
            assert_eq!(other, Err(TileError::Root { computed: head.root, root, size }));
        }
    }

    #[test]
    fn refused_by_shape() {
        let model = Model::new(600);
        let (bottom, last, top) =
            (Tile { level: 0, index: 0 }, Tile { level: 0, index: 2 }, Tile { level: 1, index: 0 });
        let tiles = |tiles: &[Tile]| tiles.iter().map(|tile| (*tile, model.tile(*tile, 600))).collect();
        let all: BTreeMap<_, _> = tiles(&[bottom, last, top]);
        let head = model.head(600);
        authenticate(all.clone(), &head).unwrap();
        for tile in [
            Tile { level: 0, index: 3 },
            Tile { level: 1, index: 1 },
            Tile { level: 2, index: 0 },
            Tile { level: 255, index: u64::MAX },
        ] {
            let mut more = all.clone();
            more.insert(tile, all[&bottom].clone());
            assert_eq!(authenticate(more, &head), Err(TileError::NotInTree { tile, size: 600 }));
        }
        for (tile, need) in [(bottom, 256), (last, 88), (top, 2)] {
            for have in [0, need as usize - 1, 257] {
                let mut other = all.clone();
                other.get_mut(&tile).unwrap().resize(have, Hash([0; 32]));
                assert_eq!(authenticate(other, &head), Err(TileError::Width { tile, have, need, size: 600 }));
            }
        }
        assert_eq!(authenticate(tiles(&[bottom, last]), &head), Err(TileError::Missing { tile: top }));
        assert_eq!(authenticate(tiles(&[bottom, top]), &head), Err(TileError::Missing { tile: last }));
        // Between two full tiles: the one above the lower is missing.
        let model = Model::new(65_537);
        let need = needed(&proof::inclusion(0, 65_537).unwrap(), 65_537);
        let mut tiles: BTreeMap<_, _> = need.into_keys().map(|tile| (tile, model.tile(tile, 65_537))).collect();
        tiles.remove(&top);
        assert_eq!(authenticate(tiles, &model.head(65_537)), Err(TileError::Missing { tile: top }));
    }
}
