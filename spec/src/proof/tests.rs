//! All proofs of all trees up to [`SIZES`] entries, against RFC 6962's recursive definitions and against `rs_merkle`.

use super::*;
use crate::merkle::{Frontier, empty_root, naive};
use alloc::{collections::BTreeMap, vec};
use rs_merkle::{Hasher, MerkleProof, MerkleTree};
use sha2::{Digest as _, Sha256};

/// The largest tree tried.
const SIZES: u64 = 130;
/// Up to this size every bit of a hash is flipped in the ordinary run, beyond it one bit of each byte, another one each time.
const EVERY_BIT: u64 = 40;

/// On which side of the path a proof's hash stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Side {
    Left,
    Right,
}

/// PATH of RFC 6962 section 2.1.1, as written there, each hash with its side.
fn naive_path(index: usize, leaves: &[Hash]) -> Vec<(Side, Hash)> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(naive::split(leaves.len()));
    let (mut path, sibling) = match index.checked_sub(left.len()) {
        None => (naive_path(index, left), (Side::Right, naive::root(right))),
        Some(index) => (naive_path(index, right), (Side::Left, naive::root(left))),
    };
    path.push(sibling);
    path
}

/// SUBPROOF of RFC 6962 section 2.1.2, as written there, each hash with its side; none for the hash that the path starts from.
fn naive_subproof(old: usize, leaves: &[Hash], whole: bool) -> Vec<(Option<Side>, Hash)> {
    if old == leaves.len() {
        return if whole { Vec::new() } else { vec![(None, naive::root(leaves))] };
    }
    let (left, right) = leaves.split_at(naive::split(leaves.len()));
    let (mut proof, sibling) = match old.checked_sub(left.len()) {
        None | Some(0) => (naive_subproof(old, left, whole), (Some(Side::Right), naive::root(right))),
        Some(old) => (naive_subproof(old, right, false), (Some(Side::Left), naive::root(left))),
    };
    proof.push(sibling);
    proof
}

/// The sides of PATH, from the leaf up.
fn inclusion_shape(index: u64, size: u64) -> Option<Vec<Side>> {
    if index >= size {
        return None;
    }
    let (mut shape, mut index, mut size) = (Vec::new(), index, size);
    while size > 1 {
        let split = size.next_power_of_two() / 2;
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
enum Shape {
    /// Nothing is proved: the old tree is empty.
    Nothing,
    /// Two roots are compared.
    Equal,
    /// A path, and whether it starts from a hash of its own instead of the old root.
    Path(bool, Vec<Side>),
}

fn consistency_shape(old: u64, new: u64) -> Option<Shape> {
    match (old, new) {
        (old, new) if old > new => return None,
        (0, _) => return Some(Shape::Nothing),
        (old, new) if old == new => return Some(Shape::Equal),
        _ => (),
    }
    let (mut sides, mut own, mut old, mut new) = (Vec::new(), false, old, new);
    while old != new {
        let split = new.next_power_of_two() / 2;
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
    Some(Shape::Path(own, sides))
}

struct Tree {
    leaves: Vec<Hash>,
    roots: Vec<Hash>,
    nodes: BTreeMap<Node, Hash>,
}

impl Tree {
    fn new() -> Self {
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

    fn head(&self, size: u64) -> TreeHead {
        TreeHead { size, root: self.roots[size as usize] }
    }

    fn leaves(&self, size: u64) -> &[Hash] {
        &self.leaves[..size as usize]
    }

    fn make(&self, plan: Option<Plan>) -> Vec<Hash> {
        let plan = plan.unwrap();
        let hashes: Vec<_> = plan.nodes().map(|node| self.nodes[&node]).collect();
        plan.assemble(&hashes).unwrap()
    }
}

fn flip(hash: &Hash, bit: usize) -> Hash {
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

#[test]
fn every_proof_is_rfc_6962s() {
    let tree = Tree::new();
    let mut digest = Sha256::new();
    for size in 0..=SIZES {
        digest.update(size.to_be_bytes());
        digest.update(tree.head(size).root.0);
        for index in 0..size {
            let proof = tree.make(inclusion(index, size));
            let naive = naive_path(index as usize, tree.leaves(size));
            assert_eq!(naive.iter().map(|(side, _)| *side).collect::<Vec<_>>(), inclusion_shape(index, size).unwrap());
            assert_eq!(proof, naive.into_iter().map(|(_, hash)| hash).collect::<Vec<_>>(), "{index} in {size}");
            verify_inclusion(&tree.leaves[index as usize], index, &tree.head(size), &proof).unwrap();
            digest.update(index.to_be_bytes());
            proof.iter().for_each(|hash| digest.update(hash.0));
        }
        for old in 0..=size {
            let proof = tree.make(consistency(old, size));
            if old > 0 {
                let naive = naive_subproof(old as usize, tree.leaves(size), true);
                assert_eq!(proof, naive.into_iter().map(|(_, hash)| hash).collect::<Vec<_>>(), "{old} to {size}");
            } else {
                assert_eq!(proof, []);
            }
            verify_consistency(&tree.head(old), &tree.head(size), &proof).unwrap();
            digest.update(old.to_be_bytes());
            proof.iter().for_each(|hash| digest.update(hash.0));
        }
        assert_eq!(inclusion(size, size), None);
        assert_eq!(consistency(size + 1, size), None);
    }
    // For each size: the size, the root, each index and its path, each old size and its proof; numbers as eight bytes.
    assert_eq!(Hash(digest.finalize().into()).to_base64(), "FozVk3nOSf6N6gNratvAGeLSNZpq3iMzx12m9h0NKn8=");
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
            let shape = inclusion_shape(index, size);
            for other in sizes().filter(|other| *other != size) {
                let head = TreeHead { size: other, ..tree.head(size) };
                let result = verify_inclusion(&tree.leaves[index as usize], index, &head, &proof).is_ok();
                check(result, inclusion_shape(index, other) == shape, format_args!("{index} in {size} as {other}"));
            }
        }
        for old in 0..=size {
            let proof = tree.make(consistency(old, size));
            let shape = consistency_shape(old, size);
            let (old_head, new_head) = (tree.head(old), tree.head(size));
            for other in sizes() {
                if other != size {
                    let head = TreeHead { size: other, ..new_head };
                    let result = verify_consistency(&old_head, &head, &proof).is_ok();
                    let expect = consistency_shape(old, other) == shape;
                    check(result, expect, format_args!("{old} to {size} as to {other}"));
                }
                if other != old {
                    let head = TreeHead { size: other, ..old_head };
                    let result = verify_consistency(&head, &new_head, &proof).is_ok();
                    let expect = consistency_shape(other, size) == shape;
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

/// RFC 6962's hashes as `rs_merkle` asks for them; a lone node goes up unhashed there.
#[derive(Clone)]
struct Rfc6962;

impl Hasher for Rfc6962 {
    type Hash = [u8; 32];

    fn hash(entry: &[u8]) -> [u8; 32] {
        Sha256::new().chain_update([0]).chain_update(entry).finalize().into()
    }

    fn concat_and_hash(left: &[u8; 32], right: Option<&[u8; 32]>) -> [u8; 32] {
        match right {
            Some(right) => Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into(),
            None => *left,
        }
    }
}

fn oracle(leaves: &[Hash]) -> MerkleTree<Rfc6962> {
    MerkleTree::from_leaves(&leaves.iter().map(|leaf| leaf.0).collect::<Vec<_>>())
}

#[test]
fn rs_merkle_has_the_same_roots_and_paths() {
    let tree = Tree::new();
    for size in 1..=SIZES {
        let other = oracle(tree.leaves(size));
        assert_eq!(other.root().map(Hash), Some(tree.head(size).root), "{size}");
        for index in 0..size {
            let path: Vec<_> = other.proof(&[index as usize]).proof_hashes().iter().copied().map(Hash).collect();
            assert_eq!(path, tree.make(inclusion(index, size)), "{index} in {size}");
        }
    }
}

/// Where `rs_merkle` differs, and RFC 9162 section 2.1.3.2 says that we are right.
#[test]
fn rs_merkle_exceptions() {
    let tree = Tree::new();
    let (index, size) = (2, 5);
    let (leaf, head) = (tree.leaves[index as usize], tree.head(size));
    let proof = tree.make(inclusion(index, size));
    let theirs = |proof: &[Hash], index: u64, size: u64| {
        let proof = MerkleProof::<Rfc6962>::new(proof.iter().map(|hash| hash.0).collect());
        proof.verify(head.root.0, &[index as usize], &[leaf.0], size as usize)
    };
    assert!(theirs(&proof, index, size));
    // The empty tree has no root there.
    assert_eq!((oracle(&[]).root(), tree.head(0).root), (None, empty_root()));
    // A surplus hash is left unread there: "if sn is not 0 [...] fail" and one hash a step is the RFC's rule.
    let surplus = [proof.as_slice(), &[Hash([7; 32])]].concat();
    assert!(theirs(&surplus, index, size));
    let length = InclusionError::Length { have: 4, need: 3, index, size };
    assert_eq!(verify_inclusion(&leaf, index, &head, &surplus), Err(length));
}
