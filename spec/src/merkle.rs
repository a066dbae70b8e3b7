#![doc = include_str!("../merkle.md")]

use crate::encoding;
use alloc::{string::String, vec::Vec};
use core::fmt;
use sha2::{Digest as _, Sha256};

/// A SHA-256 hash of the tree: of a leaf, a node or a root. Written as standard base64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// Reads the base64 form; `None` unless it is the one encoding of exactly 32 bytes.
    pub fn from_base64(text: &str) -> Option<Self> {
        encoding::from_base64_array(text).map(Self)
    }

    /// Writes the base64 form: 44 characters.
    pub fn to_base64(&self) -> String {
        encoding::base64(&self.0)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.to_base64())
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// A tree head: how many entries, and the root over them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TreeHead {
    /// Entries in the tree.
    pub size: u64,
    /// RFC 6962's MTH over them.
    pub root: Hash,
}

impl fmt::Display for TreeHead {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "size {} root {}", self.size, self.root)
    }
}

/// The root of the empty tree: SHA-256 of nothing.
pub fn empty_root() -> Hash {
    Hash(Sha256::digest([]).into())
}

/// Hashes an entry: SHA-256(0x00 ‖ entry).
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Hash(Sha256::new().chain_update([0]).chain_update(entry).finalize().into())
}

/// Hashes two subtrees into the one above: SHA-256(0x01 ‖ left ‖ right).
///
/// Cost: one compression of two blocks, 0.11 us on a processor with SHA instructions.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Hash(Sha256::new().chain_update([1]).chain_update(left.0).chain_update(right.0).finalize().into())
}

/// The coordinates of a complete subtree: entries `index * 2^level` up to `(index + 1) * 2^level`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Node {
    /// Height of the subtree, 0 for a leaf, at most 63.
    pub level: u8,
    /// Its number among those of its level, from the left.
    pub index: u64,
}

/// The complete subtrees that a tree of `size` entries is made of, from left to right.
///
/// Shapes: one node for each bit set in `size`, levels falling.
pub fn peaks(size: u64) -> Vec<Node> {
    range(0, size)
}

/// The complete subtrees that cover the entries `start..end`, for a `start` at which a subtree of RFC 6962 starts.
pub(crate) fn range(start: u64, end: u64) -> Vec<Node> {
    let mut nodes = Vec::new();
    let mut at = start;
    while at < end {
        let left = end.saturating_sub(at);
        let level = left.ilog2().min(if at == 0 { 63 } else { at.trailing_zeros() });
        nodes.push(Node { level: u8::try_from(level).unwrap_or(63), index: at >> level });
        at = at.saturating_add(1 << level);
    }
    nodes
}

/// Folds the hashes of neighbouring complete subtrees, levels falling from left to right, into the hash over all of them.
///
/// `None` if there are no hashes.
pub fn fold(hashes: &[Hash]) -> Option<Hash> {
    let (last, before) = hashes.split_last()?;
    Some(before.iter().rev().fold(*last, |right, left| node_hash(left, &right)))
}

/// The right edge of a growing tree: all that appending needs to know.
///
/// Shapes: `hashes` has one hash for each bit set in `size`, as in [`peaks`].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Frontier {
    size: u64,
    hashes: Vec<Hash>,
}

impl Frontier {
    /// Takes the hashes of the [`peaks`] of a tree of `size`; `None` if their number does not fit the size.
    pub fn new(size: u64, hashes: Vec<Hash>) -> Option<Self> {
        (peaks(size).len() == hashes.len()).then_some(Self { size, hashes })
    }

    /// Entries so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf and reports each complete subtree that it closes, the leaf first.
    ///
    /// Cost: one node hash a leaf on average.
    pub fn push(&mut self, leaf: Hash, mut closed: impl FnMut(Node, Hash)) {
        let mut node = Node { level: 0, index: self.size };
        let mut hash = leaf;
        closed(node, hash);
        while node.index & 1 == 1
            && let Some(left) = self.hashes.pop()
        {
            hash = node_hash(&left, &hash);
            node = Node { level: node.level.saturating_add(1), index: node.index >> 1 };
            closed(node, hash);
        }
        self.hashes.push(hash);
        self.size = self.size.saturating_add(1);
    }

    /// The root over all entries so far.
    pub fn root(&self) -> Hash {
        fold(&self.hashes).unwrap_or_else(empty_root)
    }

    /// The tree head: size and root.
    pub fn head(&self) -> TreeHead {
        TreeHead { size: self.size, root: self.root() }
    }
}

#[cfg(test)]
pub(crate) mod naive;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frontier_is_rfc_6962() {
        let leaves = naive::leaves(300);
        let mut frontier = Frontier::default();
        assert_eq!(frontier.root(), empty_root());
        for (count, leaf) in leaves.iter().enumerate() {
            frontier.push(*leaf, |node, hash| {
                let start = (node.index as usize) << node.level;
                assert_eq!(hash, naive::root(&leaves[start..start + (1 << node.level)]), "{node:?}");
            });
            assert_eq!(frontier.root(), naive::root(&leaves[..=count]));
        }
    }

    #[test]
    fn known_roots() {
        assert_eq!(empty_root().to_base64(), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
        assert_eq!(leaf_hash(b"").to_base64(), "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=");
    }

    #[test]
    fn peaks_cover_the_tree() {
        for size in [0, 1, 2, 3, 7, 8, 255, 256, 257, u64::MAX >> 1, 1 << 63, u64::MAX] {
            let peaks = peaks(size);
            assert_eq!(peaks.len(), size.count_ones() as usize);
            assert_eq!(peaks.iter().map(|node| 1u64 << node.level).sum::<u64>(), size);
        }
    }
}
