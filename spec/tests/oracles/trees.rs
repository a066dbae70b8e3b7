//! Roots, inclusion proofs and consistency proofs: `rs_merkle`, `ct-merkle` and `tlog_tiles`.

use crate::{Differences, Log, SIZES};
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{ConsistencyProof, InclusionProof, RootHash};
use rs_merkle::{Hasher, MerkleProof, MerkleTree};
use sha2::{Digest as _, Sha256};
use spec::merkle::{Hash, TreeHead, leaf_hash};
use spec::proof::{self, ConsistencyError, InclusionError};
use tlog_tiles::tlog;

/// The claim that an entry is in a tree.
struct Inclusion<'a> {
    entry: &'a [u8],
    index: u64,
    head: TreeHead,
    proof: &'a [Hash],
}

/// The claim that a tree extends another.
struct Consistency<'a> {
    old: TreeHead,
    new: TreeHead,
    proof: &'a [Hash],
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

fn rs_merkle(claim: &Inclusion) -> bool {
    let Inclusion { entry, index, head, proof } = claim;
    let proof = MerkleProof::<Rfc6962>::new(proof.iter().map(|hash| hash.0).collect());
    proof.verify(head.root.0, &[*index as usize], &[Rfc6962::hash(entry)], head.size as usize)
}

fn ct_root(head: TreeHead) -> RootHash<Sha256> {
    RootHash::new(head.root.0.into(), head.size)
}

fn bytes(proof: &[Hash]) -> Vec<u8> {
    proof.iter().flat_map(|hash| hash.0).collect()
}

fn ct_merkle_inclusion(claim: &Inclusion) -> bool {
    let proof = InclusionProof::try_from_bytes(bytes(claim.proof)).unwrap();
    ct_root(claim.head).verify_inclusion(&claim.entry, claim.index, &proof).is_ok()
}

fn ct_merkle_consistency(claim: &Consistency) -> bool {
    let proof = ConsistencyProof::try_from_bytes(bytes(claim.proof)).unwrap();
    ct_root(claim.new).verify_consistency(&ct_root(claim.old), &proof).is_ok()
}

fn tlog_hashes(proof: &[Hash]) -> Vec<tlog::Hash> {
    proof.iter().map(|hash| tlog::Hash(hash.0)).collect()
}

fn tlog_inclusion(claim: &Inclusion) -> bool {
    let (root, leaf) = (tlog::Hash(claim.head.root.0), tlog::record_hash(claim.entry));
    tlog::check_record(&tlog_hashes(claim.proof), claim.head.size, root, claim.index, leaf).is_ok()
}

fn tlog_consistency(claim: &Consistency) -> bool {
    let (old, new) = (tlog::Hash(claim.old.root.0), tlog::Hash(claim.new.root.0));
    tlog::check_tree(&tlog_hashes(claim.proof), claim.new.size, new, claim.old.size, old).is_ok()
}

fn our_inclusion(claim: &Inclusion) -> bool {
    proof::verify_inclusion(&leaf_hash(claim.entry), claim.index, &claim.head, claim.proof).is_ok()
}

fn our_consistency(claim: &Consistency) -> bool {
    proof::verify_consistency(&claim.old, &claim.new, claim.proof).is_ok()
}

fn flip(hash: &Hash, bit: usize) -> Hash {
    let mut flipped = *hash;
    flipped.0[bit / 8 % 32] ^= 1 << (bit % 8);
    flipped
}

/// The proof with each hash damaged, left out, and one more at each place.
fn damaged(proof: &[Hash], turn: usize, mut check: impl FnMut(&str, &[Hash])) {
    for at in 0..proof.len() {
        let mut bad = proof.to_vec();
        bad[at] = flip(&proof[at], turn * 31 + at * 67);
        check("a proof with a wrong hash", &bad);
        bad.remove(at);
        check("a proof with a hash too few", &bad);
    }
    for at in 0..=proof.len() {
        let mut bad = proof.to_vec();
        bad.insert(at, Hash([7; 32]));
        check("a proof with a hash too many", &bad);
    }
}

/// Trees so large that only their sizes matter.
const LARGE: [u64; 8] =
    [1 << 32, (1 << 32) + 5, 1 << 62, (1 << 63) - 1, 1 << 63, (1 << 63) + 1, u64::MAX - 1, u64::MAX];

fn large(size: u64) -> &'static str {
    if size > 1 << 63 { "a tree of more than 2^63 entries" } else { "a tree of up to 2^63 entries" }
}

/// Hands over claims about the entries of a log: all that are true, and those of them that are damaged in some way.
fn inclusions(mut check: impl FnMut(&str, &Inclusion)) {
    let log = Log::new(SIZES);
    for size in 1..=SIZES {
        for index in 0..size {
            let (head, entry) = (log.head(size), log.entries[index as usize].as_slice());
            let proof = log.make(proof::inclusion(index, size));
            let good = || Inclusion { entry, index, head, proof: &proof };
            check("a true inclusion proof", &good());
            if (size + index) % 3 != 0 {
                continue;
            }
            damaged(&proof, (size + index) as usize, |case, proof| check(case, &Inclusion { proof, ..good() }));
            check("another entry", &Inclusion { entry: b"other", ..good() });
            let root = flip(&head.root, index as usize);
            check("another root", &Inclusion { head: TreeHead { root, ..head }, ..good() });
            for other in (0..size).filter(|other| *other != index) {
                check("another index", &Inclusion { index: other, ..good() });
            }
            for other in [size, size + 1, index + (1 << 32), u64::MAX] {
                check("an index beyond the size", &Inclusion { index: other, ..good() });
            }
            for other in (index + 1..SIZES + 3).filter(|other| *other != size) {
                check("another size", &Inclusion { head: TreeHead { size: other, ..head }, ..good() });
            }
        }
    }
    for size in LARGE {
        for index in [0, 1, size / 3, size - 1] {
            let path: Vec<_> = (0..64).map(|at| Hash([at; 32])).collect();
            let head = TreeHead { size, root: Hash([0xff; 32]) };
            let verify = |proof| proof::verify_inclusion(&leaf_hash(b"entry"), index, &head, proof);
            let Err(InclusionError::Length { need, .. }) = verify(&[]) else { unreachable!() };
            let proof = &path[..need];
            let Err(InclusionError::Root { computed, .. }) = verify(proof) else { unreachable!() };
            let head = TreeHead { root: computed, ..head };
            check(large(size), &Inclusion { entry: b"entry", index, head, proof });
        }
    }
}

/// The same about the trees of a log.
fn consistencies(mut check: impl FnMut(&str, &Consistency)) {
    let log = Log::new(SIZES);
    for size in 0..=SIZES {
        let new = log.head(size);
        check("a true proof from size 0", &Consistency { old: log.head(0), new, proof: &[] });
        for old in 1..=size {
            let (old, turn) = (log.head(old), (old + size) as usize);
            let proof = log.make(proof::consistency(old.size, size));
            let good = || Consistency { old, new, proof: &proof };
            check("a true consistency proof", &good());
            if turn % 3 != 0 {
                continue;
            }
            damaged(&proof, turn, |case, proof| check(case, &Consistency { proof, ..good() }));
            check("another old root", &Consistency { old: TreeHead { root: flip(&old.root, turn), ..old }, ..good() });
            check("another root", &Consistency { new: TreeHead { root: flip(&new.root, turn), ..new }, ..good() });
            for other in (1..SIZES + 3).filter(|other| *other != old.size) {
                check("another old size", &Consistency { old: TreeHead { size: other, ..old }, ..good() });
            }
            for other in (0..SIZES + 3).filter(|other| *other != size) {
                check("another size", &Consistency { new: TreeHead { size: other, ..new }, ..good() });
            }
        }
    }
    for size in LARGE {
        for old in [1, size / 3, size / 2, size - 1] {
            let path: Vec<_> = (0..65).map(|at| Hash([at; 32])).collect();
            let head = |size| TreeHead { size, root: Hash([0xff; 32]) };
            let (mut old, mut new) = (head(old), head(size));
            let Err(ConsistencyError::Length { need, .. }) = proof::verify_consistency(&old, &new, &[]) else {
                unreachable!()
            };
            let proof = &path[..need];
            loop {
                match proof::verify_consistency(&old, &new, proof) {
                    Ok(()) => break,
                    Err(ConsistencyError::OldRoot { computed, .. }) => old.root = computed,
                    Err(ConsistencyError::NewRoot { computed, .. }) => new.root = computed,
                    Err(other) => unreachable!("{other}"),
                }
            }
            check(large(size), &Consistency { old, new, proof });
        }
    }
}

#[test]
fn rs_merkle_has_the_same_roots_and_paths() {
    let log = Log::new(SIZES);
    for size in 1..=SIZES {
        let leaves: Vec<_> = log.entries[..size as usize].iter().map(|entry| Rfc6962::hash(entry)).collect();
        let tree = MerkleTree::<Rfc6962>::from_leaves(&leaves);
        assert_eq!(tree.root().map(Hash), Some(log.head(size).root), "{size}");
        for index in 0..size {
            let path: Vec<_> = tree.proof(&[index as usize]).proof_hashes().iter().copied().map(Hash).collect();
            assert_eq!(path, log.make(proof::inclusion(index, size)), "{index} in {size}");
        }
    }
}

#[test]
fn rs_merkle_verifies_what_we_do() {
    let mut differences = Differences::of("rs_merkle");
    let empty = MerkleTree::<Rfc6962>::from_leaves(&[]).root().is_some();
    differences.compare("the root of the empty tree", || empty, || Log::new(0).head(0).size == 0);
    inclusions(|case, claim| differences.compare(case, || rs_merkle(claim), || our_inclusion(claim)));
    differences.settle();
}

#[test]
fn ct_merkle_has_the_same_roots_and_proofs() {
    let log = Log::new(SIZES);
    let mut tree = MemoryBackedTree::<Sha256, [u8; 8]>::new();
    for size in 0..=SIZES {
        assert_eq!(Hash((*tree.root().as_bytes()).into()), log.head(size).root);
        for index in 0..size {
            let path = bytes(&log.make(proof::inclusion(index, size)));
            assert_eq!(tree.prove_inclusion(index as usize).as_bytes(), path, "{index} in {size}");
        }
        for old in 1..=size {
            let proof = bytes(&log.make(proof::consistency(old, size)));
            assert_eq!(tree.prove_consistency((size - old) as usize).as_bytes(), proof, "{old} to {size}");
        }
        if size < SIZES {
            tree.push(log.entries[size as usize]);
        }
    }
}

#[test]
fn ct_merkle_verifies_what_we_do() {
    let mut differences = Differences::of("ct-merkle");
    inclusions(|case, claim| differences.compare(case, || ct_merkle_inclusion(claim), || our_inclusion(claim)));
    consistencies(|case, claim| differences.compare(case, || ct_merkle_consistency(claim), || our_consistency(claim)));
    differences.settle();
}

/// The hashes of a log in the order in which `tlog_tiles` stores them.
pub(crate) struct Stored(pub(crate) Vec<tlog::Hash>);

impl Stored {
    pub(crate) fn of(log: &Log) -> Self {
        let mut stored = Self(Vec::new());
        for (at, entry) in (0..).zip(&log.entries) {
            let more = tlog::stored_hashes(at, entry, &stored).unwrap();
            stored.0.extend(more);
        }
        stored
    }
}

impl tlog::HashReader for Stored {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog::Hash>, tlog::Error> {
        Ok(indexes.iter().map(|index| self.0[*index as usize]).collect())
    }
}

#[test]
fn tlog_tiles_has_the_same_roots_and_proofs() {
    let log = Log::new(SIZES);
    let stored = Stored::of(&log);
    for size in 0..=SIZES {
        assert_eq!(tlog::tree_hash(size, &stored).unwrap().0, log.head(size).root.0);
        for index in 0..size {
            let path = tlog_hashes(&log.make(proof::inclusion(index, size)));
            assert_eq!(tlog::prove_record(size, index, &stored).unwrap(), path, "{index} in {size}");
        }
        for old in 1..=size {
            let proof = tlog_hashes(&log.make(proof::consistency(old, size)));
            assert_eq!(tlog::prove_tree(size, old, &stored).unwrap(), proof, "{old} to {size}");
        }
    }
}

#[test]
fn tlog_tiles_verifies_what_we_do() {
    let mut differences = Differences::of("tlog_tiles");
    inclusions(|case, claim| differences.compare(case, || tlog_inclusion(claim), || our_inclusion(claim)));
    consistencies(|case, claim| differences.compare(case, || tlog_consistency(claim), || our_consistency(claim)));
    crate::tiles::compare(&mut differences);
    crate::notes::compare_checkpoints(&mut differences);
    differences.settle();
}
