//! Every map of ten keys whose hashes begin alike, against a model written from the definition alone.

use sha2::{Digest as _, Sha256};
use spec::map::{self, KeyHash, MapProof, Tile, Tiles, ValueHash};
use spec::merkle::Hash;

/// Ten keys, found by trying numbers. Of the SHA-256 of each, the first 16 bits or more are those of another's: six share
/// 16 bits, two pairs of them 21, one 24; two more pairs share 32.
const KEYS: [&str; 10] = [
    "key 947",
    "key 263434",
    "key 189407",
    "key 179728",
    "key 299415",
    "key 68755",
    "key 145",
    "key 452096",
    "key 1473",
    "key 1265475",
];

/// In how many subsets the ordinary run flips every bit: one in so many.
const SAMPLE: usize = 16;

/// The value of a key.
fn value(key: usize) -> String {
    format!("value {key}\n")
}

/// The definition: a map from paths of 256 bits to leaves, and the hash of the subtree at each prefix.
mod model {
    use super::*;

    pub(crate) type Leaves = Vec<([u8; 32], [u8; 32])>;

    fn sha(parts: &[&[u8]]) -> [u8; 32] {
        Sha256::digest(parts.concat()).into()
    }

    pub(crate) fn leaf(key: &str, value: &str) -> ([u8; 32], [u8; 32]) {
        (sha(&[key.as_bytes()]), sha(&[value.as_bytes()]))
    }

    fn bit(path: &[u8; 32], depth: usize) -> bool {
        path[depth / 8] >> (7 - depth % 8) & 1 == 1
    }

    /// The leaves whose paths begin with the first `depth` bits of `path`, or with those and the last of them inverted.
    fn below(leaves: &Leaves, path: &[u8; 32], depth: usize, beside: bool) -> Leaves {
        let same = |other: &[u8; 32], at| (bit(other, at) == bit(path, at)) != (beside && at + 1 == depth);
        leaves.iter().filter(|(other, _)| (0..depth).all(|at| same(other, at))).copied().collect()
    }

    /// The hash of the subtree of `depth` that these leaves, all of them in it, make.
    pub(crate) fn hash(leaves: &Leaves, depth: usize) -> [u8; 32] {
        match leaves.as_slice() {
            [] => [0; 32],
            [(key, value)] => sha(&[&[2], key, value]),
            _ => {
                let half = |right| leaves.iter().filter(|(key, _)| bit(key, depth) == right).copied().collect();
                sha(&[&[3], &hash(&half(false), depth + 1), &hash(&half(true), depth + 1)])
            }
        }
    }

    /// Where the path of a key ends, and what stands beside it on the way there.
    pub(crate) fn proof(leaves: &Leaves, key: &str) -> MapProof {
        let path = sha(&[key.as_bytes()]);
        let mut proof = MapProof::default();
        let mut depth = 0;
        while below(leaves, &path, depth, false).len() > 1 {
            depth += 1;
            let beside = below(leaves, &path, depth, true);
            if !beside.is_empty() {
                proof.mask.resize((depth - 1) / 8 + 1, 0);
                proof.mask[(depth - 1) / 8] |= 0x80 >> ((depth - 1) % 8);
                proof.siblings.push(Hash(hash(&beside, depth)));
            }
        }
        let end = below(leaves, &path, depth, false);
        let other = end.first().filter(|(found, _)| *found != path);
        proof.other = other.map(|(key, value)| (KeyHash(*key), ValueHash(*value)));
        proof
    }
}

/// Tiles with these keys put, as a log would have them.
fn tiles(keys: &[usize]) -> Tiles {
    let changes: Vec<_> = keys.iter().map(|n| (map::key_hash(KEYS[*n]), map::value_hash(&value(*n)))).collect();
    let paths: Vec<_> = changes.iter().map(|(key, _)| *key).collect();
    let mut tiles = Tiles::default();
    loop {
        let missing = map::missing(&tiles, &paths);
        if missing.is_empty() {
            break;
        }
        tiles.0.extend(missing.into_iter().map(|path| (path, Tile::default())));
    }
    map::put(&mut tiles, &changes).unwrap();
    tiles
}

/// All texts that differ in one bit.
fn flipped(text: &str) -> impl Iterator<Item = String> {
    (0..text.len() * 8).filter_map(move |bit| {
        let mut bytes = text.as_bytes().to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        String::from_utf8(bytes).ok()
    })
}

/// All proofs that differ in one bit of mask, siblings or other leaf.
fn damaged(proof: &MapProof) -> impl Iterator<Item = MapProof> {
    let (mask, siblings) = (proof.mask.len() * 8, proof.siblings.len() * 256);
    let other = if proof.other.is_some() { 512 } else { 0 };
    (0..mask + siblings + other).map(move |bit| {
        let mut bad = proof.clone();
        let byte = |bit: usize| (bit / 8, 1 << (bit % 8));
        if bit < mask {
            bad.mask[bit / 8] ^= 1 << (bit % 8);
        } else if let Some(bit) = bit.checked_sub(mask + siblings) {
            let (key, value) = bad.other.as_mut().unwrap();
            let (at, flip) = byte(bit % 256);
            if bit < 256 { key.0[at] ^= flip } else { value.0[at] ^= flip }
        } else {
            let (at, flip) = byte((bit - mask) % 256);
            bad.siblings[(bit - mask) / 256].0[at] ^= flip;
        }
        bad
    })
}

/// Checks one question of one map, with every bit of everything flipped if wished; returns how often it was verified.
fn check(root: &Hash, leaves: &model::Leaves, tiles: &Tiles, key: usize, present: bool, every_bit: bool) -> usize {
    let (text, name) = (value(key), KEYS[key]);
    let value = present.then_some(text.as_str());
    let proof = map::prove(tiles, name).unwrap();
    assert_eq!(proof, model::proof(leaves, name), "{name} of {} keys", leaves.len());
    map::verify(root, name, value, &proof).unwrap();
    let mut tried = 1;
    let mut refused = |root: &Hash, name: &str, value: Option<&str>, proof: &MapProof| {
        assert!(map::verify(root, name, value, proof).is_err(), "{name} = {value:?}: {proof:?}");
        tried += 1;
    };
    // The other answer, and another value.
    refused(root, name, if present { None } else { Some(&text) }, &proof);
    refused(root, name, Some("another value\n"), &proof);
    if every_bit {
        damaged(&proof).for_each(|bad| refused(root, name, value, &bad));
        value.into_iter().flat_map(flipped).for_each(|other| refused(root, name, Some(&other), &proof));
        for bit in 0..256 {
            let mut other = *root;
            other.0[bit / 8] ^= 1 << (bit % 8);
            refused(&other, name, value, &proof);
        }
        // Another key may be absent by the same proof, where the path ends above the first bit that differs; then it is absent.
        for other in flipped(name) {
            match map::verify(root, &other, value, &proof) {
                Ok(()) => assert!(!present && model::proof(leaves, &other) == proof, "{other}: {proof:?}"),
                Err(_) => tried += 1,
            }
        }
    }
    tried
}

fn check_all(every_bit: impl Fn(usize) -> bool) -> usize {
    let mut tried = 0;
    for subset in 0..1_usize << KEYS.len() {
        let in_it = |key: &usize| subset >> key & 1 == 1;
        let keys: Vec<_> = (0..KEYS.len()).filter(in_it).collect();
        let leaves: model::Leaves = keys.iter().map(|n| model::leaf(KEYS[*n], &value(*n))).collect();
        let tiles = tiles(&keys);
        let root = map::root(&tiles).unwrap();
        assert_eq!(root.0, model::hash(&leaves, 0), "{keys:?}");
        for key in 0..KEYS.len() {
            tried += check(&root, &leaves, &tiles, key, in_it(&key), every_bit(subset));
        }
    }
    tried
}

#[test]
fn the_keys_share_long_prefixes() {
    let first = |key: &str| u128::from_be_bytes(map::key_hash(key).0[..16].try_into().unwrap());
    for key in KEYS {
        let others = KEYS.iter().filter(|other| **other != key);
        let shared = others.map(|other| (first(key) ^ first(other)).leading_zeros()).max();
        assert!(shared >= Some(16), "{key}: {shared:?}");
    }
}

#[test]
fn every_subset_and_every_proof() {
    // Spread by Fibonacci hashing, so that the sample has every key present in some maps and absent in others.
    let tried = check_all(|subset| ((subset * 2_654_435_769) >> 16) % SAMPLE == 3);
    println!("{tried} proofs verified");
}

#[test]
#[ignore = "every bit of every proof takes a minute or two: make test-long"]
fn every_subset_and_every_bit_of_every_proof() {
    let tried = check_all(|_| true);
    println!("{tried} proofs verified");
}
