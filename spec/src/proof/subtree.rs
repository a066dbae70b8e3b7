//! Subtrees: an interval of a log's entries as a tree of its own, and how it is proved to be in the log's tree.
//!
//! Spec: <https://datatracker.ietf.org/doc/html/draft-ietf-plants-merkle-tree-certs-03#section-4>, sections 4.1 to 4.4.
//!
//! The subtree `[start, end)` is RFC 6962's tree over the entries from `start` up to, not with, `end`.
//! It is valid where `start` is a multiple of the smallest power of two that is not below `end - start`: then it falls
//! together with complete subtrees of the log's tree, all but its right edge. Every `[0, x)` is valid.
//! An empty interval is none here: nothing can be proved in it. (A later working text of the draft lets `[x, x)` be one;
//! draft 03 itself was not at hand when this was written, so this choice and its section numbers want checking.)
//!
//! An *inclusion proof* shows that an entry is in the subtree, a *consistency proof* that the subtree's entries are the log's.
//! From `[0, x)` the latter is RFC 6962's consistency proof from `x`; from `[x, x + 1)` it is the inclusion proof of entry `x`.
//!
//! ```
//! use spec::{merkle::{Frontier, Node, TreeHead, leaf_hash, node_hash}, proof::subtree::{self, Subtree}};
//! use std::collections::BTreeMap;
//!
//! let mut nodes = BTreeMap::new();
//! let mut tree = Frontier::default();
//! for entry in 0..14_u8 {
//!     tree.push(leaf_hash(&[entry]), |node, hash| {
//!         nodes.insert(node, hash);
//!     });
//! }
//! let subtree = Subtree::new(8, 13).unwrap();
//! let hash = node_hash(&nodes[&Node { level: 2, index: 2 }], &leaf_hash(&[12]));
//!
//! // The hashes of entry 12, of 13, of [8, 12) and of [0, 8).
//! let plan = subtree::consistency(subtree, 14).unwrap();
//! let hashes: Vec<_> = plan.nodes().map(|node| nodes[&node]).collect();
//! let proof = plan.assemble(&hashes).unwrap();
//! assert_eq!(proof.len(), 4);
//! subtree::verify_consistency(subtree, &hash, &tree.head(), &proof).unwrap();
//!
//! let plan = subtree::inclusion(10, subtree).unwrap();
//! let hashes: Vec<_> = plan.nodes().map(|node| nodes[&node]).collect();
//! subtree::verify_inclusion(&leaf_hash(&[10]), 10, subtree, &hash, &plan.assemble(&hashes).unwrap()).unwrap();
//! ```

use super::{InclusionError, Plan, inclusion_length, split};
use crate::merkle::{self, Hash, Node, TreeHead, node_hash};
use alloc::vec::Vec;
use core::fmt;

/// An interval of entries that is a valid subtree.
///
/// Shapes: `start < end`, and `start` a multiple of the smallest power of two not below `end - start`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Subtree {
    start: u64,
    end: u64,
}

/// An interval that is no subtree.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "[{start}, {end}) is no subtree: it is empty, or its start no multiple of the power of two that its size rounds up to"
)]
pub struct NotASubtree {
    /// The first entry.
    pub start: u64,
    /// One beyond the last.
    pub end: u64,
}

impl Subtree {
    /// Takes an interval.
    ///
    /// # Errors
    /// [`NotASubtree`].
    pub fn new(start: u64, end: u64) -> Result<Self, NotASubtree> {
        let size = end.checked_sub(start).filter(|size| *size > 0).ok_or(NotASubtree { start, end })?;
        // Of 2^64, which a size above 2^63 rounds up to, only 0 is a multiple.
        let aligned = size.checked_next_power_of_two().map_or(start == 0, |power| start.is_multiple_of(power));
        if aligned { Ok(Self { start, end }) } else { Err(NotASubtree { start, end }) }
    }

    /// The first entry.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// One beyond the last entry.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Entries in it, at least 1.
    pub fn size(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// The complete subtrees that it is made of, from left to right: their hashes fold into its own.
    pub fn peaks(&self) -> Vec<Node> {
        merkle::range(self.start, self.end)
    }
}

impl fmt::Display for Subtree {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "[{}, {})", self.start, self.end)
    }
}

/// Plans the proof that entry `index` of the log is in the subtree; `None` unless it is.
///
/// Shapes: as [`super::inclusion`] of `index - start` in a tree of the subtree's size.
pub fn inclusion(index: u64, subtree: Subtree) -> Option<Plan> {
    let mut plan = super::inclusion(index.checked_sub(subtree.start)?, subtree.size())?;
    for node in plan.rows.iter_mut().flatten() {
        // The start is a multiple of every complete subtree in it.
        node.index = node.index.saturating_add(subtree.start >> node.level);
    }
    Some(plan)
}

/// Plans the proof that the subtree's entries are those of the tree of `size`; `None` unless the subtree ends in it.
///
/// Shapes: SUBTREE_PROOF of section 4.4.1; empty for the whole tree.
pub fn consistency(subtree: Subtree, size: u64) -> Option<Plan> {
    if subtree.end > size {
        return None;
    }
    let mut rows = Vec::new();
    // Where the recursion stands, and whether the verifier knows the hash that it ends at.
    let (mut start, mut end, mut known) = (0_u64, size, true);
    // What is still looked for: its end is the subtree's, its start moves where the subtree is cut.
    let mut from = subtree.start;
    while (start, end) != (from, subtree.end) {
        let middle = start.saturating_add(split(end.saturating_sub(start)));
        if subtree.end <= middle {
            rows.push(merkle::range(middle, end));
            end = middle;
        } else {
            rows.push(merkle::range(start, middle));
            if from < middle {
                (from, known) = (middle, false);
            }
            start = middle;
        }
    }
    if !known {
        rows.push(merkle::range(start, end));
    }
    rows.reverse();
    Some(Plan { rows })
}

/// Why a subtree inclusion proof is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SubtreeInclusionError {
    /// The index is not in the subtree.
    #[error("index {index} is not in the subtree {subtree}")]
    Outside {
        /// The index asked for.
        index: u64,
        /// The subtree.
        subtree: Subtree,
    },
    /// The proof fails, in the subtree's own numbers.
    #[error("in the subtree {subtree}: {error}")]
    Proof {
        /// Why; its index counts from the subtree's start, its size is the subtree's.
        error: InclusionError,
        /// The subtree.
        subtree: Subtree,
    },
}

/// Verifies that `leaf` is the log's entry `index`, in the subtree with this hash.
///
/// Spec: section 4.3.2, RFC 9162's procedure at `index - start`.
///
/// Cost: one node hash for each hash of the proof.
///
/// # Errors
/// [`SubtreeInclusionError`], in the order of its variants.
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    subtree: Subtree,
    hash: &Hash,
    proof: &[Hash],
) -> Result<(), SubtreeInclusionError> {
    if !(subtree.start..subtree.end).contains(&index) {
        return Err(SubtreeInclusionError::Outside { index, subtree });
    }
    let head = TreeHead { size: subtree.size(), root: *hash };
    super::verify_inclusion(leaf, index.saturating_sub(subtree.start), &head, proof)
        .map_err(|error| SubtreeInclusionError::Proof { error, subtree })
}

/// Why a subtree consistency proof is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SubtreeConsistencyError {
    /// The subtree ends beyond the tree.
    #[error("the subtree {subtree} ends beyond a tree of {size}")]
    BeyondSize {
        /// The subtree.
        subtree: Subtree,
        /// The size of the tree head.
        size: u64,
    },
    /// The proof has more or fewer hashes than this subtree and size need.
    #[error("the subtree consistency proof has {have} hashes, {subtree} in a tree of {size} needs {need}")]
    Length {
        /// Hashes in the proof.
        have: usize,
        /// Hashes needed.
        need: usize,
        /// The subtree.
        subtree: Subtree,
        /// The size of the tree head.
        size: u64,
    },
    /// The proof leads to another hash for the subtree.
    #[error("the subtree consistency proof leads to {computed} for {subtree}, which is said to have {hash}")]
    Subtree {
        /// Where the proof leads.
        computed: Hash,
        /// The subtree's hash.
        hash: Hash,
        /// The subtree.
        subtree: Subtree,
    },
    /// The proof leads to another root.
    #[error("the subtree consistency proof leads to root {computed}, the tree of {size} has {root}")]
    Root {
        /// Where the proof leads.
        computed: Hash,
        /// The tree head's root.
        root: Hash,
        /// The size of the tree head.
        size: u64,
    },
}

/// Verifies that the subtree with this hash is over the same entries as the tree with this head.
///
/// Spec: section 4.4.3.
///
/// Cost: one node hash for each hash of the proof, two where it lies to the left of the path inside the subtree.
///
/// # Errors
/// [`SubtreeConsistencyError`], in the order of its variants.
pub fn verify_consistency(
    subtree: Subtree,
    hash: &Hash,
    head: &TreeHead,
    proof: &[Hash],
) -> Result<(), SubtreeConsistencyError> {
    let TreeHead { size, root } = *head;
    if subtree.end > size {
        return Err(SubtreeConsistencyError::BeyondSize { subtree, size });
    }
    // The names of the draft: fn, sn and tn are the first and the last of the subtree and the last of the tree.
    let (mut first, mut node, mut last) = (subtree.start, subtree.end.saturating_sub(1), size.saturating_sub(1));
    // Up to the largest subtree of the tree that ends where this one ends, and lies in it.
    while first != node && (node == last || node & 1 == 1) {
        (first, node, last) = (first >> 1, node >> 1, last >> 1);
    }
    let known = first == node;
    let need = inclusion_length(node, last.saturating_add(1)).saturating_add(usize::from(!known));
    if proof.len() != need {
        return Err(SubtreeConsistencyError::Length { have: proof.len(), need, subtree, size });
    }
    let mut rest = proof.iter();
    let seed = if known { *hash } else { rest.next().copied().unwrap_or(*hash) };
    let (mut inner, mut outer) = (seed, seed);
    for sibling in rest {
        if node & 1 == 1 || node == last {
            if first < node {
                inner = node_hash(sibling, &inner);
            }
            outer = node_hash(sibling, &outer);
            while node & 1 == 0 && node != 0 {
                (first, node, last) = (first >> 1, node >> 1, last >> 1);
            }
        } else {
            outer = node_hash(&outer, sibling);
        }
        (first, node, last) = (first >> 1, node >> 1, last >> 1);
    }
    if inner != *hash {
        return Err(SubtreeConsistencyError::Subtree { computed: inner, hash: *hash, subtree });
    }
    if outer != root {
        return Err(SubtreeConsistencyError::Root { computed: outer, root, size });
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::merkle::naive;
    use crate::proof::tests::{SIZES, Tree, flip};
    use alloc::vec;

    /// The rule, word by word: `start` is a multiple of BIT_CEIL(end - start), in numbers that cannot overflow.
    fn valid(start: u64, end: u64) -> bool {
        start < end && u128::from(start).is_multiple_of(u128::from(end - start).next_power_of_two())
    }

    fn hash(tree: &Tree, subtree: Subtree) -> Hash {
        naive::root(&tree.leaves[subtree.start as usize..subtree.end as usize])
    }

    /// All subtrees of a tree, by start and then by end.
    pub(crate) fn subtrees(size: u64) -> impl Iterator<Item = Subtree> {
        (0..size).flat_map(move |start| (start..=size).filter_map(move |end| Subtree::new(start, end).ok()))
    }

    /// Proofs one hash less, one more, swapped, and one bit of each hash away, the bits in turn.
    fn damaged(proof: &[Hash], turn: usize) -> Vec<Vec<Hash>> {
        let mut all = Vec::new();
        for at in 0..proof.len() {
            let mut bad = proof.to_vec();
            bad[at] = flip(&proof[at], (turn * 31 + at * 67) % 256);
            all.push(bad);
            let mut shorter = proof.to_vec();
            shorter.remove(at);
            all.push(shorter);
            if at > 0 {
                let mut swapped = proof.to_vec();
                swapped.swap(at - 1, at);
                all.push(swapped);
            }
        }
        for at in 0..=proof.len() {
            let mut longer = proof.to_vec();
            longer.insert(at, Hash([7; 32]));
            all.push(longer);
        }
        all
    }

    #[test]
    fn which_intervals_are_subtrees() {
        let check = |start, end| {
            let expect = if valid(start, end) { Ok(Subtree { start, end }) } else { Err(NotASubtree { start, end }) };
            assert_eq!(Subtree::new(start, end), expect);
        };
        (0..300).for_each(|start| (0..300).for_each(|end| check(start, end)));
        let edges = [0, 1, 2, 3, 1 << 32, (1 << 62) - 1, 1 << 62, (1 << 63) - 1, 1 << 63, (1 << 63) + 1, u64::MAX];
        edges.into_iter().for_each(|start| edges.into_iter().for_each(|end| check(start, end)));
        for (start, end, is) in
            [(4, 8, true), (8, 13, true), (5, 8, false), (7, 9, false), (6, 6, false), (9, 8, false)]
        {
            assert_eq!(Subtree::new(start, end).is_ok(), is, "[{start}, {end})");
        }
    }

    /// A sample: every seventh proof, another bit of each hash every time.
    #[test]
    fn damaged_consistency_proofs_are_refused() {
        let tree = Tree::new();
        let mut turn = 0;
        for subtree in subtrees(SIZES) {
            let hash = hash(&tree, subtree);
            let peaks: Vec<_> = subtree.peaks().iter().map(|node| tree.nodes[node]).collect();
            assert_eq!(merkle::fold(&peaks), Some(hash));
            for size in subtree.end..=SIZES {
                turn += 1;
                if turn % 7 != 0 {
                    continue;
                }
                let (head, proof) = (tree.head(size), tree.make(consistency(subtree, size)));
                verify_consistency(subtree, &hash, &head, &proof).unwrap();
                for bad in damaged(&proof, turn) {
                    assert!(verify_consistency(subtree, &hash, &head, &bad).is_err(), "{subtree} in {size}: {bad:?}");
                }
                let other = flip(&hash, turn % 256);
                assert!(verify_consistency(subtree, &other, &head, &proof).is_err(), "{subtree} in {size}");
                let other = TreeHead { root: flip(&head.root, turn % 256), ..head };
                assert!(verify_consistency(subtree, &hash, &other, &proof).is_err(), "{subtree} in {size}");
                let beyond = TreeHead { size: subtree.end - 1, ..head };
                let error = SubtreeConsistencyError::BeyondSize { subtree, size: subtree.end - 1 };
                assert_eq!(verify_consistency(subtree, &hash, &beyond, &proof), Err(error));
            }
            assert_eq!(consistency(subtree, subtree.end - 1), None);
        }
    }

    /// Sizes and intervals near, and one bit away, of the sample.
    #[test]
    fn another_size_or_interval_is_refused_exactly_where_the_shape_differs() {
        let tree = Tree::new();
        let (mut accepted, mut refused, mut turn) = (0_u32, 0_u32, 0);
        let mut check = |result: bool, expect: bool, what: core::fmt::Arguments<'_>| {
            assert_eq!(result, expect, "{what}");
            if result { accepted += 1 } else { refused += 1 }
        };
        for subtree in subtrees(SIZES) {
            let (start, end, hash) = (subtree.start, subtree.end, hash(&tree, subtree));
            let flipped = |number: u64| (0..64).map(move |bit| number ^ (1 << bit));
            let intervals = || {
                let ends = (start..=end + 3).chain(flipped(end)).map(|end| (start, end));
                let starts = (0..=end).chain(flipped(start)).map(|start| (start, end));
                let others = ends.chain(starts).filter_map(|(start, end)| Subtree::new(start, end).ok());
                others.filter(|other| *other != subtree)
            };
            for size in end..=SIZES {
                turn += 1;
                if turn % 7 != 0 {
                    continue;
                }
                let (head, proof) = (tree.head(size), tree.make(consistency(subtree, size)));
                let shape = naive::subtree_shape(start, end, size);
                for other in (0..SIZES + 3).chain(flipped(size)).filter(|other| *other != size) {
                    let result = verify_consistency(subtree, &hash, &TreeHead { size: other, ..head }, &proof).is_ok();
                    let expect = naive::subtree_shape(start, end, other) == shape;
                    check(result, expect, format_args!("{subtree} in {size} as in {other}"));
                }
                for other in intervals() {
                    let result = verify_consistency(other, &hash, &head, &proof).is_ok();
                    let expect = naive::subtree_shape(other.start, other.end, size) == shape;
                    check(result, expect, format_args!("{subtree} as {other} in {size}"));
                }
            }
            for index in (start..end).step_by(5) {
                let (leaf, proof) = (tree.leaves[index as usize], tree.make(inclusion(index, subtree)));
                let shape = naive::path_shape(index - start, end - start);
                for other in intervals() {
                    let result = verify_inclusion(&leaf, index, other, &hash, &proof).is_ok();
                    let there = index.checked_sub(other.start);
                    let expect = there.and_then(|index| naive::path_shape(index, other.end - other.start)) == shape;
                    check(result, expect, format_args!("{index} in {subtree} as in {other}"));
                }
            }
        }
        assert!(accepted > 1000 && refused > 1_000_000, "{accepted} accepted, {refused} refused");
    }

    #[test]
    fn consistency_has_its_two_special_cases() {
        let tree = Tree::new();
        for size in 1..=SIZES {
            for end in 1..=size {
                let (whole, one) = (Subtree::new(0, end).unwrap(), Subtree::new(end - 1, end).unwrap());
                let proof = tree.make(consistency(whole, size));
                assert_eq!(proof, tree.make(super::super::consistency(end, size)));
                assert_eq!(
                    verify_consistency(whole, &hash(&tree, whole), &tree.head(size), &proof).is_ok(),
                    super::super::verify_consistency(&tree.head(end), &tree.head(size), &proof).is_ok()
                );
                assert_eq!(tree.make(consistency(one, size)), tree.make(super::super::inclusion(end - 1, size)));
            }
        }
    }

    #[test]
    fn another_interval_is_refused() {
        let tree = Tree::new();
        let all: Vec<_> = subtrees(20).collect();
        for size in 1..=20 {
            let head = tree.head(size);
            for subtree in all.iter().copied().filter(|subtree| subtree.end <= size) {
                let (hash, proof) = (hash(&tree, subtree), tree.make(consistency(subtree, size)));
                for other in all.iter().copied().filter(|other| *other != subtree) {
                    let result = verify_consistency(other, &hash, &head, &proof);
                    assert!(result.is_err(), "{subtree} as {other} in {size}");
                }
            }
        }
    }

    /// A sample, as above.
    #[test]
    fn damaged_inclusion_proofs_are_refused() {
        let tree = Tree::new();
        let mut turn = 0;
        for subtree in subtrees(SIZES) {
            let (start, end) = (subtree.start, subtree.end);
            let hash = hash(&tree, subtree);
            for index in start..end {
                turn += 1;
                if turn % 5 != 0 {
                    continue;
                }
                let (leaf, proof) = (tree.leaves[index as usize], tree.make(inclusion(index, subtree)));
                verify_inclusion(&leaf, index, subtree, &hash, &proof).unwrap();
                for bad in damaged(&proof, turn) {
                    assert!(verify_inclusion(&leaf, index, subtree, &hash, &bad).is_err(), "{index} in {subtree}");
                }
                assert!(verify_inclusion(&flip(&leaf, turn % 256), index, subtree, &hash, &proof).is_err());
                assert!(verify_inclusion(&leaf, index, subtree, &flip(&hash, turn % 256), &proof).is_err());
                for other in (0..64).map(|bit| index ^ (1 << bit)) {
                    assert!(verify_inclusion(&leaf, other, subtree, &hash, &proof).is_err(), "{index} as {other}");
                }
            }
            for index in start.checked_sub(1).into_iter().chain([end, u64::MAX]) {
                assert_eq!(inclusion(index, subtree), None);
                let error = SubtreeInclusionError::Outside { index, subtree };
                assert_eq!(verify_inclusion(&tree.leaves[0], index, subtree, &hash, &[]), Err(error));
            }
        }
    }

    #[test]
    fn lengths_agree_at_any_size() {
        let edges = [1, 2, 3, 255, 256, (1 << 62) - 1, 1 << 62, (1 << 63) - 1, 1 << 63, (1 << 63) + 5, u64::MAX];
        for size in edges {
            for (start, end) in edges.into_iter().chain([0]).flat_map(|start| edges.map(|end| (start, end))) {
                let Ok(subtree) = Subtree::new(start, end) else { continue };
                let Some(plan) = consistency(subtree, size) else { continue };
                let (hash, head) = (Hash([1; 32]), TreeHead { size, root: Hash([2; 32]) });
                let proof = vec![Hash([3; 32]); plan.rows.len()];
                let error = verify_consistency(subtree, &hash, &head, &proof).unwrap_err();
                assert!(!matches!(error, SubtreeConsistencyError::Length { .. }), "{subtree} in {size}: {error}");
                assert!(plan.nodes().count() <= 200);
            }
        }
    }
}
