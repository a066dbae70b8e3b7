//! The tree of RFC 6962 section 2.1 and its proofs, written from the recursive definitions alone: what all else is compared with.

use super::{Hash, empty_root, leaf_hash, node_hash};
use alloc::{vec, vec::Vec};

/// On which side of the path a proof's hash stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Side {
    Left,
    Right,
}

/// Leaf hashes of the log whose entry `i` is `i` in eight bytes.
pub(crate) fn leaves(size: u64) -> Vec<Hash> {
    (0..size).map(|index| leaf_hash(&index.to_be_bytes())).collect()
}

/// "the largest power of two smaller than n", for n above 1.
fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

fn halves(leaves: &[Hash]) -> (&[Hash], &[Hash]) {
    leaves.split_at(split(leaves.len() as u64) as usize)
}

/// MTH.
pub(crate) fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = halves(leaves);
            node_hash(&root(left), &root(right))
        }
    }
}

/// PATH of section 2.1.1, each hash with its side.
pub(crate) fn sided_path(index: usize, leaves: &[Hash]) -> Vec<(Side, Hash)> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let (left, right) = halves(leaves);
    let (mut path, sibling) = match index.checked_sub(left.len()) {
        None => (sided_path(index, left), (Side::Right, root(right))),
        Some(index) => (sided_path(index, right), (Side::Left, root(left))),
    };
    path.push(sibling);
    path
}

/// PATH of section 2.1.1.
pub(crate) fn path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    sided_path(index, leaves).into_iter().map(|(_, hash)| hash).collect()
}

/// SUBPROOF of section 2.1.2.
pub(crate) fn subproof(old: usize, leaves: &[Hash], whole: bool) -> Vec<Hash> {
    if old == leaves.len() {
        return if whole { Vec::new() } else { vec![root(leaves)] };
    }
    let (left, right) = halves(leaves);
    let (mut proof, sibling) = match old.checked_sub(left.len()) {
        None | Some(0) => (subproof(old, left, whole), root(right)),
        Some(old) => (subproof(old, right, false), root(left)),
    };
    proof.push(sibling);
    proof
}

/// SUBTREE_SUBPROOF of draft-ietf-plants-merkle-tree-certs-03, section 4.4.1.
pub(crate) fn subtree_subproof(start: usize, end: usize, leaves: &[Hash], known: bool) -> Vec<Hash> {
    if (start, end) == (0, leaves.len()) {
        return if known { Vec::new() } else { vec![root(leaves)] };
    }
    let (left, right) = halves(leaves);
    let k = left.len();
    let (mut proof, sibling) = if end <= k {
        (subtree_subproof(start, end, left, known), root(right))
    } else if k <= start {
        (subtree_subproof(start - k, end - k, right, known), root(left))
    } else {
        assert_eq!(start, 0);
        (subtree_subproof(0, end - k, right, false), root(left))
    };
    proof.push(sibling);
    proof
}

/// The sides of PATH, from the leaf up: its *shape*. `None` unless the tree has the entry.
pub(crate) fn path_shape(index: u64, size: u64) -> Option<Vec<Side>> {
    if index >= size {
        return None;
    }
    let (mut shape, mut index, mut size) = (Vec::new(), index, size);
    while size > 1 {
        let split = split(size);
        if index < split {
            shape.push(Side::Right);
            size = split;
        } else {
            shape.push(Side::Left);
            (index, size) = (index - split, size - split);
        }
    }
    shape.reverse();
    Some(shape)
}

/// What a consistency proof of two sizes is made of.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum ConsistencyShape {
    /// Nothing is proved: the old tree is empty.
    Nothing,
    /// Two roots are compared.
    Equal,
    /// A path, and whether it starts from a hash of its own instead of the old root.
    Path(bool, Vec<Side>),
}

/// The shape of SUBPROOF; `None` unless the sizes are in order.
pub(crate) fn consistency_shape(old: u64, new: u64) -> Option<ConsistencyShape> {
    match (old, new) {
        (old, new) if old > new => return None,
        (0, _) => return Some(ConsistencyShape::Nothing),
        (old, new) if old == new => return Some(ConsistencyShape::Equal),
        _ => (),
    }
    let (mut sides, mut own, mut old, mut new) = (Vec::new(), false, old, new);
    while old != new {
        let split = split(new);
        if old <= split {
            sides.push(Side::Right);
            new = split;
        } else {
            sides.push(Side::Left);
            own = true;
            (old, new) = (old - split, new - split);
        }
    }
    sides.reverse();
    Some(ConsistencyShape::Path(own, sides))
}

/// The shape of SUBTREE_PROOF: whether it starts from a hash of its own, then the side of each hash and whether that hash is
/// in the subtree too. `None` unless the tree has the subtree.
pub(crate) fn subtree_shape(start: u64, end: u64, size: u64) -> Option<(bool, Vec<(Side, bool)>)> {
    if end > size {
        return None;
    }
    let (mut shape, mut own, mut start, mut end, mut size) = (Vec::new(), false, start, end, size);
    while (start, end) != (0, size) {
        let split = split(size);
        if end <= split {
            shape.push((Side::Right, false));
            size = split;
            continue;
        }
        let inside = start < split;
        shape.push((Side::Left, inside));
        own |= inside;
        (start, end, size) = (start.saturating_sub(split), end - split, size - split);
    }
    shape.reverse();
    Some((own, shape))
}
