#![doc = include_str!("../proof.md")]

use crate::merkle::{self, Hash, Node, TreeHead, node_hash};
use alloc::vec::Vec;

pub mod subtree;

/// The most hashes a proof can have in a tree of at most 2^63 entries.
pub const MAX_PROOF_HASHES: usize = 63;

/// The subtrees whose hashes make a proof.
///
/// Shapes: one row for each hash of the proof, in proof order; a row lists neighbouring complete subtrees from left to right,
/// and the proof's hash is the fold over them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Plan {
    rows: Vec<Vec<Node>>,
}

impl Plan {
    /// All subtrees needed, in the order that [`Plan::assemble`] takes their hashes.
    pub fn nodes(&self) -> impl Iterator<Item = Node> {
        self.rows.iter().flatten().copied()
    }

    /// Makes the proof from the hashes of [`Plan::nodes`]; `None` if their number differs.
    pub fn assemble(&self, hashes: &[Hash]) -> Option<Vec<Hash>> {
        let mut rest = hashes;
        let mut proof = Vec::with_capacity(self.rows.len());
        for row in &self.rows {
            let (now, later) = rest.split_at_checked(row.len())?;
            proof.push(merkle::fold(now)?);
            rest = later;
        }
        rest.is_empty().then_some(proof)
    }
}

/// Plans the proof that entry `index` is in the tree of `size` entries; `None` unless `index < size`.
///
/// Shapes: hashes from the leaf's sibling up to the root's child.
pub fn inclusion(index: u64, size: u64) -> Option<Plan> {
    if index >= size {
        return None;
    }
    let mut rows = Vec::new();
    let (mut start, mut end) = (0_u64, size);
    while end.saturating_sub(start) > 1 {
        let middle = start.saturating_add(split(end.saturating_sub(start)));
        if index < middle {
            rows.push(merkle::range(middle, end));
            end = middle;
        } else {
            rows.push(merkle::range(start, middle));
            start = middle;
        }
    }
    rows.reverse();
    Some(Plan { rows })
}

/// Plans the proof that the tree of `new` entries extends that of `old`; `None` unless `old <= new`.
///
/// Shapes: RFC 6962 section 2.1.2; empty when `old` is 0 or equals `new`.
pub fn consistency(old: u64, new: u64) -> Option<Plan> {
    if old > new {
        return None;
    }
    let mut rows = Vec::new();
    let (mut start, mut end) = (0_u64, new);
    if old != 0 {
        while old != end {
            let middle = start.saturating_add(split(end.saturating_sub(start)));
            if old <= middle {
                rows.push(merkle::range(middle, end));
                end = middle;
            } else {
                rows.push(merkle::range(start, middle));
                start = middle;
            }
        }
        if start != 0 {
            rows.push(merkle::range(start, end));
        }
    }
    rows.reverse();
    Some(Plan { rows })
}

/// The largest power of two below `size`, for a size of two or more.
fn split(size: u64) -> u64 {
    1 << size.saturating_sub(1).checked_ilog2().unwrap_or(0)
}

/// Why an inclusion proof is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InclusionError {
    /// The index is not below the size.
    #[error("index {index} is not in a tree of {size}")]
    IndexBeyondSize {
        /// The index asked for.
        index: u64,
        /// The size of the tree head.
        size: u64,
    },
    /// The proof has more or fewer hashes than this index and size need.
    #[error("the inclusion proof has {have} hashes, index {index} in a tree of {size} needs {need}")]
    Length {
        /// Hashes in the proof.
        have: usize,
        /// Hashes needed.
        need: usize,
        /// The index asked for.
        index: u64,
        /// The size of the tree head.
        size: u64,
    },
    /// The proof leads to another root.
    #[error("the inclusion proof of index {index} leads to root {computed}, the tree of {size} has {root}")]
    Root {
        /// Where the proof leads.
        computed: Hash,
        /// The tree head's root.
        root: Hash,
        /// The index asked for.
        index: u64,
        /// The size of the tree head.
        size: u64,
    },
}

/// Verifies that `leaf` is entry `index` of the tree with this head.
///
/// Spec: RFC 9162 section 2.1.3.2.
///
/// Cost: one node hash for each hash of the proof.
///
/// # Errors
/// [`InclusionError`], in the order of its variants.
pub fn verify_inclusion(leaf: &Hash, index: u64, head: &TreeHead, proof: &[Hash]) -> Result<(), InclusionError> {
    let TreeHead { size, root } = *head;
    if index >= size {
        return Err(InclusionError::IndexBeyondSize { index, size });
    }
    let need = inclusion_length(index, size);
    if proof.len() != need {
        return Err(InclusionError::Length { have: proof.len(), need, index, size });
    }
    let (mut node, mut last) = (index, size.saturating_sub(1));
    let mut hash = *leaf;
    for sibling in proof {
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    if hash != root {
        return Err(InclusionError::Root { computed: hash, root, index, size });
    }
    Ok(())
}

/// Hashes in the proof of `index` in a tree of `size`: one for each level where the path and the last leaf's still
/// differ, then one for each left turn of the path.
fn inclusion_length(index: u64, size: u64) -> usize {
    let apart = u64::BITS.saturating_sub((index ^ size.saturating_sub(1)).leading_zeros());
    let border = index.checked_shr(apart).unwrap_or(0).count_ones();
    usize::try_from(apart.saturating_add(border)).unwrap_or(usize::MAX)
}

/// Why a consistency proof is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ConsistencyError {
    /// The old tree is larger than the new.
    #[error("the old size {old} is larger than the new size {new}")]
    OldBeyondNew {
        /// The old size.
        old: u64,
        /// The new size.
        new: u64,
    },
    /// The proof has more or fewer hashes than these sizes need.
    #[error("the consistency proof has {have} hashes, from {old} to {new} needs {need}")]
    Length {
        /// Hashes in the proof.
        have: usize,
        /// Hashes needed.
        need: usize,
        /// The old size.
        old: u64,
        /// The new size.
        new: u64,
    },
    /// The proof leads to another root for the old tree.
    #[error("the consistency proof leads to root {computed} at the old size {old}, the old tree has {root}")]
    OldRoot {
        /// Where the proof leads.
        computed: Hash,
        /// The old tree head's root.
        root: Hash,
        /// The old size.
        old: u64,
    },
    /// The proof leads to another root for the new tree.
    #[error("the consistency proof leads to root {computed} at the new size {new}, the new tree has {root}")]
    NewRoot {
        /// Where the proof leads.
        computed: Hash,
        /// The new tree head's root.
        root: Hash,
        /// The new size.
        new: u64,
    },
}

/// Verifies that the tree `new` extends the tree `old`.
///
/// Spec: RFC 9162 section 2.1.4.2. The empty tree extends to any tree with an empty proof; equal sizes need equal roots.
///
/// Cost: one node hash for each hash of the proof, two where it lies to the left of the path.
///
/// # Errors
/// [`ConsistencyError`], in the order of its variants.
pub fn verify_consistency(old: &TreeHead, new: &TreeHead, proof: &[Hash]) -> Result<(), ConsistencyError> {
    let length = |need| {
        let (old, new) = (old.size, new.size);
        if proof.len() == need { Ok(()) } else { Err(ConsistencyError::Length { have: proof.len(), need, old, new }) }
    };
    let old_root = |computed| {
        let (root, old) = (old.root, old.size);
        if computed == root { Ok(()) } else { Err(ConsistencyError::OldRoot { computed, root, old }) }
    };
    if old.size > new.size {
        return Err(ConsistencyError::OldBeyondNew { old: old.size, new: new.size });
    }
    if old.size == 0 {
        length(0)?;
        return old_root(merkle::empty_root());
    }
    if old.size == new.size {
        length(0)?;
        return old_root(new.root);
    }
    // The path to the old tree's last leaf, from where it leaves the old tree's last complete subtree.
    let skip = old.size.trailing_zeros();
    let (mut node, mut last) = (old.size.saturating_sub(1) >> skip, new.size.saturating_sub(1) >> skip);
    let power = old.size.is_power_of_two();
    let need = inclusion_length(node, last.saturating_add(1)).saturating_add(usize::from(!power));
    length(need)?;
    let mut rest = proof.iter();
    let seed = if power { old.root } else { rest.next().copied().unwrap_or(old.root) };
    let (mut old_hash, mut new_hash) = (seed, seed);
    for sibling in rest {
        if node & 1 == 1 || node == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            while node & 1 == 0 && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    old_root(old_hash)?;
    if new_hash != new.root {
        return Err(ConsistencyError::NewRoot { computed: new_hash, root: new.root, new: new.size });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
