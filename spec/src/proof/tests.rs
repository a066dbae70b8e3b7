//! All proofs of all trees up to [`SIZES`] entries, against the recursive definitions of RFC 6962.
//!
//! What other implementations make of the same trees: `tests/oracles.rs`.

use super::*;
use crate::merkle::{Frontier, naive};
use alloc::collections::BTreeMap;
use sha2::{Digest as _, Sha256};

/// The largest tree tried.
pub(super) const SIZES: u64 = 130;
/// Up to this size every bit of a hash is flipped in the ordinary run, beyond it one bit of each byte, another one each time.
const EVERY_BIT: u64 = 40;

/// The largest tree tried, and what all smaller ones have.
pub(super) struct Tree {
    pub(super) leaves: Vec<Hash>,
    roots: Vec<Hash>,
    pub(super) nodes: BTreeMap<Node, Hash>,
}

impl Tree {
    pub(super) fn new() -> Self {
        let leaves = naive::leaves(SIZES);
        let roots = (0..=leaves.len()).map(|size| naive::root(&leaves[..size])).collect();
        let mut nodes = BTreeMap::new();
        let mut frontier = Frontier::default();
        for leaf in &leaves {
            frontier.push(*leaf, |node, hash| {
                nodes.insert(node, hash);
            });
        }
        Self { leaves, roots, nodes }
    }

    pub(super) fn head(&self, size: u64) -> TreeHead {
        TreeHead { size, root: self.roots[size as usize] }
    }

    pub(super) fn leaves(&self, size: u64) -> &[Hash] {
        &self.leaves[..size as usize]
    }

    pub(super) fn make(&self, plan: Option<Plan>) -> Vec<Hash> {
        let plan = plan.unwrap();
        let hashes: Vec<_> = plan.nodes().map(|node| self.nodes[&node]).collect();
        plan.assemble(&hashes).unwrap()
    }
}

pub(super) fn flip(hash: &Hash, bit: usize) -> Hash {
    let mut flipped = *hash;
    flipped.0[bit / 8] ^= 1 << (bit % 8);
    flipped
}

/// The bits to flip: all of them, or one of each byte, chosen by `turn`.
fn bits(all: bool, turn: usize) -> impl Iterator<Item = usize> {
    (0..256).filter(move |bit| all || bit % 8 == (turn + bit / 8) % 8)
}

/// Hands over every proof that is one hash less, one more or two swapped, and those with one bit flipped.
fn damaged(proof: &[Hash], all: bool, turn: usize, mut refused: impl FnMut(&[Hash]) -> bool) {
    let mut check = |bad: &[Hash], what: &str, at: usize| assert!(refused(bad), "{what} {at}: {bad:?}");
    let mut bad = proof.to_vec();
    for at in 0..proof.len() {
        for bit in bits(all, turn + at) {
            bad[at] = flip(&proof[at], bit);
            check(&bad, "bit flipped in hash", at);
        }
        bad[at] = proof[at];
        let mut shorter = proof.to_vec();
        shorter.remove(at);
        check(&shorter, "without hash", at);
        if at > 0 {
            bad.swap(at - 1, at);
            check(&bad, "swapped before hash", at);
            bad.swap(at - 1, at);
        }
    }
    for at in 0..=proof.len() {
        let mut longer = proof.to_vec();
        longer.insert(at, Hash([7; 32]));
        check(&longer, "one more at", at);
    }
}

fn inclusion_damaged(every_bit: u64) {
    let tree = Tree::new();
    for size in 1..=SIZES {
        let head = tree.head(size);
        for index in 0..size {
            let leaf = tree.leaves[index as usize];
            let proof = tree.make(inclusion(index, size));
            let (all, turn) = (size <= every_bit, (size + index) as usize);
            let refused = |leaf: &Hash, index, head: &TreeHead, proof: &[Hash]| {
                verify_inclusion(leaf, index, head, proof).is_err()
            };
            damaged(&proof, all, turn, |bad| refused(&leaf, index, &head, bad));
            for bit in bits(all, turn) {
                assert!(refused(&flip(&leaf, bit), index, &head, &proof), "leaf {index} in {size}: bit {bit}");
                let other = TreeHead { root: flip(&head.root, bit), ..head };
                assert!(refused(&leaf, index, &other, &proof), "root of {size}: bit {bit}");
            }
            for other in (0..size + 2).chain((0..64).map(|bit| index ^ (1 << bit))).filter(|other| *other != index) {
                assert!(refused(&leaf, other, &head, &proof), "{index} as {other} in {size}");
            }
        }
    }
}

fn consistency_damaged(every_bit: u64) {
    let tree = Tree::new();
    for new in 0..=SIZES {
        for old in 0..=new {
            let (old_head, new_head) = (tree.head(old), tree.head(new));
            let proof = tree.make(consistency(old, new));
            let (all, turn) = (new <= every_bit, (old + new) as usize);
            damaged(&proof, all, turn, |bad| verify_consistency(&old_head, &new_head, bad).is_err());
            for bit in bits(all, turn) {
                let other = TreeHead { root: flip(&old_head.root, bit), ..old_head };
                assert!(verify_consistency(&other, &new_head, &proof).is_err(), "{old} to {new}: old root, bit {bit}");
                // From the empty tree nothing is proved: any root will do.
                let other = TreeHead { root: flip(&new_head.root, bit), ..new_head };
                let refused = verify_consistency(&old_head, &other, &proof).is_err();
                assert_eq!(refused, old > 0, "{old} to {new}: new root, bit {bit}");
            }
        }
    }
}

/// Hashes the sizes and indices asked for, and what was made for them.
#[derive(Default)]
struct Outputs(Sha256);

impl Outputs {
    fn add(&mut self, asked: &[u64], made: &[Hash]) {
        asked.iter().for_each(|number| self.0.update(number.to_be_bytes()));
        made.iter().for_each(|hash| self.0.update(hash.0));
    }
}

#[test]
fn every_proof_is_the_recursive_definitions() {
    let tree = Tree::new();
    let mut outputs = Outputs::default();
    for size in 0..=SIZES {
        let head = tree.head(size);
        outputs.add(&[size], &[head.root]);
        for index in 0..size {
            let proof = tree.make(inclusion(index, size));
            let naive = naive::sided_path(index as usize, tree.leaves(size));
            assert_eq!(
                naive.iter().map(|(side, _)| *side).collect::<Vec<_>>(),
                naive::path_shape(index, size).unwrap()
            );
            assert_eq!(proof, naive.into_iter().map(|(_, hash)| hash).collect::<Vec<_>>(), "{index} in {size}");
            verify_inclusion(&tree.leaves[index as usize], index, &head, &proof).unwrap();
            outputs.add(&[index], &proof);
        }
        for old in 0..=size {
            let proof = tree.make(consistency(old, size));
            let naive = if old > 0 { naive::subproof(old as usize, tree.leaves(size), true) } else { Vec::new() };
            assert_eq!(proof, naive, "{old} to {size}");
            verify_consistency(&tree.head(old), &head, &proof).unwrap();
            outputs.add(&[old], &proof);
        }
        for subtree in subtree::tests::subtrees(size) {
            let (start, end) = (subtree.start(), subtree.end());
            let hash = naive::root(&tree.leaves[start as usize..end as usize]);
            let proof = tree.make(subtree::consistency(subtree, size));
            let naive = naive::subtree_subproof(start as usize, end as usize, tree.leaves(size), true);
            assert_eq!(proof, naive, "{subtree} in {size}");
            subtree::verify_consistency(subtree, &hash, &head, &proof).unwrap();
            outputs.add(&[start, end], &proof);
        }
        assert_eq!(inclusion(size, size), None);
        assert_eq!(consistency(size + 1, size), None);
    }
    for subtree in subtree::tests::subtrees(SIZES) {
        let (start, end) = (subtree.start(), subtree.end());
        let leaves = &tree.leaves[start as usize..end as usize];
        let hash = naive::root(leaves);
        outputs.add(&[start, end], &[hash]);
        for index in start..end {
            let proof = tree.make(subtree::inclusion(index, subtree));
            assert_eq!(proof, naive::path((index - start) as usize, leaves), "{index} in {subtree}");
            subtree::verify_inclusion(&tree.leaves[index as usize], index, subtree, &hash, &proof).unwrap();
            outputs.add(&[index], &proof);
        }
    }
    // SHA-256 over, for each size from 0 on, the size and the root, each index and its path, each old size and its proof, start
    // and end of each subtree, by start and then by end, and its consistency proof; then for each subtree of the largest tree
    // start, end and hash, each index and its path. Numbers are eight bytes, big-endian.
    assert_eq!(Hash(outputs.0.finalize().into()).to_base64(), "lQCW2r6basyCzUFyCtKqO8LTGIGhwRfKPlc3yfGG5n8=");
}

#[test]
fn damaged_inclusion_proofs_are_refused() {
    inclusion_damaged(EVERY_BIT);
}

#[test]
fn damaged_consistency_proofs_are_refused() {
    consistency_damaged(EVERY_BIT);
}

/// A minute or so of hashing; the ordinary run flips one bit in eight above 40 entries.
#[test]
#[ignore = "long: make test-long"]
fn every_bit_of_inclusion_proofs() {
    inclusion_damaged(SIZES);
}

/// As long as the one above.
#[test]
#[ignore = "long: make test-long"]
fn every_bit_of_consistency_proofs() {
    consistency_damaged(SIZES);
}

#[test]
fn another_size_is_refused_exactly_where_the_shape_differs() {
    let tree = Tree::new();
    let sizes = || (0..SIZES + 3).chain([1 << 32, (1 << 63) - 1, 1 << 63]);
    let (mut accepted, mut refused) = (0_u32, 0_u32);
    let mut check = |result: bool, expect: bool, what: core::fmt::Arguments<'_>| {
        assert_eq!(result, expect, "{what}");
        if result { accepted += 1 } else { refused += 1 }
    };
    for size in 1..=SIZES {
        for index in 0..size {
            let proof = tree.make(inclusion(index, size));
            let shape = naive::path_shape(index, size);
            for other in sizes().filter(|other| *other != size) {
                let head = TreeHead { size: other, ..tree.head(size) };
                let result = verify_inclusion(&tree.leaves[index as usize], index, &head, &proof).is_ok();
                check(result, naive::path_shape(index, other) == shape, format_args!("{index} in {size} as {other}"));
            }
        }
        for old in 0..=size {
            let proof = tree.make(consistency(old, size));
            let shape = naive::consistency_shape(old, size);
            let (old_head, new_head) = (tree.head(old), tree.head(size));
            for other in sizes() {
                if other != size {
                    let head = TreeHead { size: other, ..new_head };
                    let result = verify_consistency(&old_head, &head, &proof).is_ok();
                    let expect = naive::consistency_shape(old, other) == shape;
                    check(result, expect, format_args!("{old} to {size} as to {other}"));
                }
                if other != old {
                    let head = TreeHead { size: other, ..old_head };
                    let result = verify_consistency(&head, &new_head, &proof).is_ok();
                    let expect = naive::consistency_shape(other, size) == shape;
                    check(result, expect, format_args!("{old} to {size} as from {other}"));
                }
            }
        }
    }
    assert!(accepted > 1000 && refused > 1_000_000, "{accepted} accepted, {refused} refused");
}

#[test]
fn plans_stay_small_at_any_size() {
    for size in [1 << 62, (1 << 63) - 1, 1 << 63, u64::MAX] {
        for index in [0, 1, size / 3, size - 1] {
            let plan = inclusion(index, size).unwrap();
            assert!(plan.rows.len() <= 64 && plan.nodes().count() <= 130);
            assert_eq!(plan.rows.len(), inclusion_length(index, size));
            assert!(consistency(index, size).unwrap().nodes().count() <= 130);
        }
    }
}
