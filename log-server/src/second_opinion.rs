//! The second opinion on a batch before its head is signed: what was stored is read back and hashed again by `rs_merkle`.
//!
//! What is read back may still come from RocksDB's memory, so this finds faults of programs and of memory, not of disks.
//! A bit flip on the way to the database, or a fault in one of the two implementations, is caught here: the roots differ and
//! nothing is signed. `rs_merkle` never verifies a proof of anybody's: it takes surplus hashes and wrong sizes.

use crate::store::{Committed, Store, StoreError};
use rs_merkle::{Hasher, MerkleTree};
use sha2::{Digest as _, Sha256};
use spec::merkle::Hash;
use spec::tile::{Tile, WIDTH};

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

/// Reads back the entries from `first` on and all tiles above them, and computes their hashes and the root anew.
///
/// Cost: for a batch of a few entries one tile a level, 34 us each.
///
/// # Errors
/// [`StoreError::Damaged`] names the first thing that differs.
pub fn check(store: &Store, first: u64, committed: &Committed) -> Result<(), StoreError> {
    let size = committed.head.size;
    for index in first / WIDTH..size.div_ceil(WIDTH) {
        check_leaves(store, index, first, size)?;
    }
    let mut tail = None;
    let (mut level, mut from, mut count) = (0, first, size);
    loop {
        for index in from / WIDTH..count / WIDTH {
            let full = store.tile(Tile { level, index })?;
            let above = store.tile(Tile { level: level + 1, index: index / WIDTH })?;
            if root(&full) != usize::try_from(index % WIDTH).ok().and_then(|at| above.get(at).copied()) {
                return Err(StoreError::Damaged(format!(
                    "tile level {level} index {index}: its root is not in the tile above"
                )));
            }
        }
        let edge = Tile { level, index: count / WIDTH };
        let mut hashes = if count % WIDTH > 0 { store.tile(edge)? } else { Vec::new() };
        hashes.extend(tail);
        tail = root(&hashes);
        if count < WIDTH {
            break;
        }
        (level, from, count) = (level + 1, from / WIDTH, count / WIDTH);
    }
    if tail != Some(committed.head.root) {
        return Err(StoreError::Damaged(format!("head of size {size}: the stored tiles have another root")));
    }
    Ok(())
}

/// Compares the hashes of a level 0 tile with those of its entries, of `first..size`.
fn check_leaves(store: &Store, index: u64, first: u64, size: u64) -> Result<(), StoreError> {
    let hashes = store.tile(Tile { level: 0, index })?;
    for (entry, hash) in (index * WIDTH..size).zip(hashes).filter(|(entry, _)| *entry >= first) {
        if Hash(Rfc6962::hash(&store.entry(entry)?)) != hash {
            return Err(StoreError::Damaged(format!("entry {entry}: it does not have the hash in its tile")));
        }
    }
    Ok(())
}

fn root(hashes: &[Hash]) -> Option<Hash> {
    let leaves: Vec<[u8; 32]> = hashes.iter().map(|hash| hash.0).collect();
    MerkleTree::<Rfc6962>::from_leaves(&leaves).root().map(Hash)
}
