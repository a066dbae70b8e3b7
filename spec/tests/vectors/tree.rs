//! The tree of the vectors' log, whole, and the proofs that it makes.

use super::keys::{ORIGIN, leaf};
use spec::checkpoint::Checkpoint;
use spec::merkle::{Frontier, Hash, Node, TreeHead};
use spec::proof::subtree::{self, Subtree};
use spec::proof::{self, Plan};
use std::collections::BTreeMap;

/// A tree of the entries of [`leaf`].
pub struct Tree {
    nodes: BTreeMap<Node, Hash>,
    heads: Vec<TreeHead>,
}

impl Tree {
    pub fn new(size: u64) -> Self {
        let (mut nodes, mut tree) = (BTreeMap::new(), Frontier::default());
        let mut heads = vec![tree.head()];
        for n in 0..size {
            tree.push(leaf(n), |node, hash| _ = nodes.insert(node, hash));
            heads.push(tree.head());
        }
        Self { nodes, heads }
    }

    pub fn head(&self, size: u64) -> TreeHead {
        self.heads[usize::try_from(size).unwrap()]
    }

    pub fn checkpoint(&self, size: u64) -> Checkpoint {
        Checkpoint::new(ORIGIN, self.head(size))
    }

    fn apply(&self, plan: &Plan) -> Vec<Hash> {
        let hashes: Vec<_> = plan.nodes().map(|node| self.nodes[&node]).collect();
        plan.assemble(&hashes).unwrap()
    }

    pub fn inclusion(&self, index: u64, size: u64) -> Vec<Hash> {
        self.apply(&proof::inclusion(index, size).unwrap())
    }

    pub fn consistency(&self, old: u64, new: u64) -> Vec<Hash> {
        self.apply(&proof::consistency(old, new).unwrap())
    }

    pub fn subtree_inclusion(&self, index: u64, subtree: Subtree) -> Vec<Hash> {
        self.apply(&subtree::inclusion(index, subtree).unwrap())
    }

    pub fn subtree_consistency(&self, subtree: Subtree, size: u64) -> Vec<Hash> {
        self.apply(&subtree::consistency(subtree, size).unwrap())
    }

    /// The hash of a subtree.
    pub fn subtree(&self, subtree: Subtree) -> Hash {
        let hashes: Vec<_> = subtree.peaks().iter().map(|node| self.nodes[node]).collect();
        spec::merkle::fold(&hashes).unwrap()
    }

    /// The hashes of a tile of this level and index in the tree of `size`.
    pub fn tile(&self, level: u8, index: u64, size: u64) -> Vec<Hash> {
        let width = spec::tile::Tile { level, index }.width(size);
        (0..width).map(|n| self.nodes[&Node { level: level * 8, index: index * 256 + n }]).collect()
    }
}

/// A hash that no tree has: one byte, 32 times.
pub fn other(byte: u8) -> Hash {
    Hash([byte; 32])
}

/// The largest tree that a checkpoint can speak of, and its inclusion proof of entry 0, made up from the leaf and 63 hashes.
pub fn largest() -> (TreeHead, Vec<Hash>) {
    let proof: Vec<_> = (1..=63).map(other).collect();
    let root = proof.iter().fold(leaf(0), |hash, sibling| spec::merkle::node_hash(&hash, sibling));
    (TreeHead { size: (1 << 63) - 1, root }, proof)
}

/// One base64 line a hash.
pub fn lines(hashes: &[Hash]) -> String {
    hashes.iter().map(|hash| format!("{hash}\n")).collect()
}
