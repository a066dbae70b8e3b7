#![doc = include_str!("../map.md")]

use crate::merkle::Hash;
use alloc::{borrow::Cow, boxed::Box, collections::BTreeMap, vec::Vec};
use core::fmt;
use hashbrown::HashMap;
use sha2::{Digest as _, Sha256};

/// The hash of an empty subtree, and so the root of an empty map: 32 zero bytes.
pub const EMPTY: Hash = Hash([0; 32]);

/// The most bytes that a proof's mask has: one bit for each of 256 depths.
pub const MAX_MASK_BYTES: usize = 32;

/// The most bytes that the row of a tile has: 16 leaves.
pub const MAX_TILE_BYTES: usize = 1028;

/// SHA-256 of a key: its path in the tree.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct KeyHash(pub [u8; 32]);

/// SHA-256 of a value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ValueHash(pub [u8; 32]);

/// Hashes a key.
pub fn key_hash(key: &str) -> KeyHash {
    KeyHash(Sha256::digest(key).into())
}

/// Hashes a value.
pub fn value_hash(value: &str) -> ValueHash {
    ValueHash(Sha256::digest(value).into())
}

/// Hashes a leaf: SHA-256(0x02 ‖ SHA-256(key) ‖ SHA-256(value)).
fn leaf_hash(key: &KeyHash, value: &ValueHash) -> Hash {
    Hash(Sha256::new().chain_update([2]).chain_update(key.0).chain_update(value.0).finalize().into())
}

/// Hashes two subtrees with two leaves or more in all: SHA-256(0x03 ‖ left ‖ right).
fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Hash(Sha256::new().chain_update([3]).chain_update(left.0).chain_update(right.0).finalize().into())
}

impl KeyHash {
    /// Which way the path goes at a depth, 0 to 255: true is right.
    fn bit(&self, depth: usize) -> bool {
        bit(&self.0, depth)
    }

    /// The slot of the path in its tile of `depth` nibbles.
    fn slot(&self, depth: u8) -> usize {
        let byte = self.0.get(usize::from(depth >> 1)).copied().unwrap_or(0);
        usize::from(if depth & 1 == 0 { byte >> 4 } else { byte & 15 })
    }

    /// How many bits two paths begin with alike.
    fn shared_bits(&self, other: &Self) -> usize {
        (0..256).take_while(|depth| self.bit(*depth) == other.bit(*depth)).count()
    }
}

/// Bit `at` of a row of bytes, most significant first; false beyond its end.
fn bit(bytes: &[u8], at: usize) -> bool {
    bytes.get(at >> 3).is_some_and(|byte| byte & (0x80 >> (at & 7)) != 0)
}

/// Names a tile: the nibbles with which all paths through it begin.
///
/// Shapes: 0 to 63 nibbles; ordered by their number, then by their values, as its encoded form is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TilePath {
    depth: u8,
    /// The nibbles, high half first; the rest is zero.
    nibbles: [u8; 32],
}

impl TilePath {
    /// The tile of no nibbles, where every path begins.
    pub const ROOT: Self = Self { depth: 0, nibbles: [0; 32] };

    /// The tile of `depth` nibbles on the path of a key; `None` beyond 63.
    fn on(key: &KeyHash, depth: u8) -> Option<Self> {
        let mut nibbles = key.0;
        for (byte, first) in nibbles.iter_mut().zip((0_u8..).step_by(2)) {
            *byte &= match depth.saturating_sub(first) {
                0 => 0,
                1 => 0xf0,
                _ => 0xff,
            };
        }
        (depth < 64).then_some(Self { depth, nibbles })
    }

    /// The tile one nibble deeper on the path of a key; `None` if this is the deepest.
    fn below(&self, key: &KeyHash) -> Option<Self> {
        Self::on(key, self.depth.saturating_add(1))
    }

    /// Nibbles in the path, 0 to 63.
    pub fn depth(&self) -> u8 {
        self.depth
    }

    /// Writes the row's key.
    ///
    /// Shapes: the byte `depth`, then `depth` nibbles in `depth / 2` bytes, rounded up.
    pub fn encode(&self) -> Vec<u8> {
        let packed = self.nibbles.iter().take(usize::from(self.depth.div_ceil(2)));
        core::iter::once(&self.depth).chain(packed).copied().collect()
    }

    /// Reads a row's key; `None` unless it is the one form of a path.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (depth, packed) = bytes.split_first()?;
        let mut nibbles = [0; 32];
        nibbles.get_mut(..packed.len())?.copy_from_slice(packed);
        Self::on(&KeyHash(nibbles), *depth).filter(|path| path.encode() == bytes)
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/", self.depth)?;
        (0..self.depth).try_for_each(|depth| write!(out, "{:x}", KeyHash(self.nibbles).slot(depth)))
    }
}

impl fmt::Debug for TilePath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// What lies below one of a tile's 16 ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Slot {
    #[default]
    Empty,
    Leaf(KeyHash, ValueHash),
    Node(Hash),
}

/// Four levels of the tree: what lies below each of 16 neighbouring paths.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tile {
    slots: Box<[Slot; 16]>,
}

/// Why the row of a tile is refused: the store is damaged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TileError {
    /// The row is shorter than its tags, or not as long as they say.
    #[error("the map tile {path} has {have} bytes, its tags need {need}")]
    Length {
        /// The tile.
        path: TilePath,
        /// Bytes in the row.
        have: usize,
        /// Bytes that its tags need.
        need: usize,
    },
    /// A slot has the tag 3, or is a node in a tile of 63 nibbles.
    #[error("slot {slot} of the map tile {path} has tag {tag}")]
    Tag {
        /// The tile.
        path: TilePath,
        /// The slot, 0 to 15.
        slot: usize,
        /// Its tag.
        tag: u8,
    },
    /// A leaf's path does not lead to its slot.
    #[error("the leaf in slot {slot} of the map tile {path} belongs elsewhere")]
    Stray {
        /// The tile.
        path: TilePath,
        /// The slot, 0 to 15.
        slot: usize,
    },
    /// The tile has no leaf below it, or is not the root's and has a single one: such a tile is not stored.
    #[error("the map tile {path} has too few leaves to exist")]
    Sparse {
        /// The tile.
        path: TilePath,
    },
}

impl Tile {
    /// Writes the row: tags, then the bytes of each slot.
    pub fn encode(&self) -> Vec<u8> {
        let mut tags = 0_u32;
        let mut body = Vec::with_capacity(MAX_TILE_BYTES);
        for slot in self.slots.iter() {
            let tag = match slot {
                Slot::Empty => 0,
                Slot::Leaf(key, value) => {
                    body.extend_from_slice(&key.0);
                    body.extend_from_slice(&value.0);
                    1
                }
                Slot::Node(hash) => {
                    body.extend_from_slice(&hash.0);
                    2
                }
            };
            tags = tags << 2 | tag;
        }
        tags.to_be_bytes().into_iter().chain(body).collect()
    }

    /// Reads the row of the tile `path`.
    ///
    /// What it takes, [`Tile::encode`] writes back byte for byte. The hashes of nodes are taken as they are.
    ///
    /// # Errors
    /// [`TileError`]: the length first, then slot by slot, then the number of leaves.
    pub fn parse(path: &TilePath, bytes: &[u8]) -> Result<Self, TileError> {
        let (path, have) = (*path, bytes.len());
        let short = TileError::Length { path, have, need: 4 };
        let (tags, mut body) = bytes.split_first_chunk().ok_or(short)?;
        let tags: [u8; 16] = tags_of(u32::from_be_bytes(*tags));
        let need = tags.iter().fold(4_usize, |sum, tag| sum.saturating_add(body_bytes(*tag)));
        if have != need {
            return Err(TileError::Length { path, have, need });
        }
        let mut take = || {
            let (first, rest) = body.split_first_chunk().ok_or(short)?;
            body = rest;
            Ok(*first)
        };
        let mut tile = Self::default();
        for ((number, slot), tag) in tile.slots.iter_mut().enumerate().zip(tags) {
            *slot = match tag {
                0 => Slot::Empty,
                1 => Slot::Leaf(KeyHash(take()?), ValueHash(take()?)),
                2 if path.depth < 63 => Slot::Node(Hash(take()?)),
                _ => return Err(TileError::Tag { path, slot: number, tag }),
            };
            if let Slot::Leaf(key, _) = slot
                && (TilePath::on(key, path.depth) != Some(path) || key.slot(path.depth) != number)
            {
                return Err(TileError::Stray { path, slot: number });
            }
        }
        if tile.exists_at(&path) { Ok(tile) } else { Err(TileError::Sparse { path }) }
    }

    /// The hash of the whole tile's subtree.
    fn hash(&self) -> Hash {
        subtree_hash(self.slots.as_slice())
    }

    /// Whether a tile with these slots exists there: it has two leaves below it, or one at the root.
    fn exists_at(&self, path: &TilePath) -> bool {
        match end(self.slots.as_slice()) {
            None => true,
            Some(Slot::Empty) => false,
            Some(_) => *path == TilePath::ROOT,
        }
    }
}

/// The tags of a tile's slots, two bits each, the first slot's highest.
fn tags_of(tags: u32) -> [u8; 16] {
    let mut shifted = tags;
    [(); 16].map(|()| {
        shifted = shifted.rotate_left(2);
        u8::try_from(shifted & 3).unwrap_or(0)
    })
}

/// Bytes that a slot with this tag has in the row.
fn body_bytes(tag: u8) -> usize {
    match tag {
        1 => 64,
        2 => 32,
        _ => 0,
    }
}

/// The end of all paths into neighbouring slots: their only leaf, or that there is none. `None` if there are two or more.
fn end(slots: &[Slot]) -> Option<Slot> {
    let mut taken = slots.iter().filter(|slot| **slot != Slot::Empty);
    match (taken.next(), taken.next()) {
        (None, _) => Some(Slot::Empty),
        (Some(leaf @ Slot::Leaf(..)), None) => Some(*leaf),
        _ => None,
    }
}

/// The hash of the subtree over neighbouring slots: 1, 2, 4, 8 or 16 of them.
fn subtree_hash(slots: &[Slot]) -> Hash {
    match (end(slots), slots) {
        (Some(Slot::Leaf(key, value)), _) => leaf_hash(&key, &value),
        (Some(_), _) => EMPTY,
        (None, [Slot::Node(hash)]) => *hash,
        (None, _) => {
            let (left, right) = slots.split_at(slots.len() >> 1);
            node_hash(&subtree_hash(left), &subtree_hash(right))
        }
    }
}

/// The tiles at hand: read from rows, or a whole map in memory. Never an absent one in place of a stored one.
///
/// A tile without a row is given as an empty one, [`Tile::default`]. That is right for the root of an empty map alone;
/// deeper tiles are asked for where the one above has a node, and [`put`] and [`prove`] refuse an empty one there.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tiles(pub HashMap<TilePath, Tile>);

/// Why nothing was put, proved or hashed: a tile is not at hand.
///
/// After the rounds of [`missing`], it means that the store has no row for it, and is damaged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the map tile {path} is not there")]
pub struct Missing {
    /// The tile.
    pub path: TilePath,
}

impl Tiles {
    fn get(&self, path: TilePath) -> Result<&Tile, Missing> {
        let tile = self.0.get(&path).ok_or(Missing { path })?;
        if path == TilePath::ROOT || tile.exists_at(&path) { Ok(tile) } else { Err(Missing { path }) }
    }
}

/// Lists the tiles that must be at hand before these keys can be put or proved, as far as the tiles at hand tell.
///
/// Call it again with those added, until the list is empty: the next round asks for the tiles below them.
///
/// Shapes: sorted, each once. At most 64 rounds. The root's tile is always needed, by no keys too.
///
/// Cost: a look-up for each tile on the paths of the keys.
pub fn missing(tiles: &Tiles, keys: &[KeyHash]) -> Vec<TilePath> {
    let mut sorted = keys.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let mut lacking = Vec::new();
    walk(tiles, TilePath::ROOT, &sorted, &mut |lack| lacking.push(lack.path));
    lacking.retain(|path| !tiles.0.contains_key(path));
    lacking.sort_unstable();
    lacking
}

/// Follows sorted keys from a tile on down, and reports each tile that is not there.
fn walk(tiles: &Tiles, path: TilePath, keys: &[KeyHash], lacking: &mut impl FnMut(Missing)) {
    let tile = match tiles.get(path) {
        Ok(tile) => tile,
        Err(lack) => return lacking(lack),
    };
    for group in keys.chunk_by(|a, b| a.slot(path.depth) == b.slot(path.depth)) {
        if let Some(key) = group.first()
            && let Some(Slot::Node(_)) = tile.slots.get(key.slot(path.depth))
            && let Some(below) = path.below(key)
        {
            walk(tiles, below, group, lacking);
        }
    }
}

/// Puts values under keys, and returns the tiles that were written, sorted. Of several values for one key the last counts.
///
/// Cost: each of those tiles is hashed once, whatever the number of changes below it: at most 31 hashes, 15 where all slots
/// are nodes. Two or more changes of neighbours so cost less than they do one by one.
///
/// # Errors
/// [`Missing`] names the first tile that is not there; nothing has changed then.
pub fn put(tiles: &mut Tiles, changes: &[(KeyHash, ValueHash)]) -> Result<Vec<TilePath>, Missing> {
    let sorted: BTreeMap<KeyHash, ValueHash> = changes.iter().copied().collect();
    let keys: Vec<_> = sorted.keys().copied().collect();
    let mut first = None;
    walk(tiles, TilePath::ROOT, &keys, &mut |lack| first = first.or(Some(lack)));
    if let Some(lack) = first {
        return Err(lack);
    }
    let mut written = Vec::new();
    let changes: Vec<_> = sorted.into_iter().collect();
    if !changes.is_empty() {
        put_below(tiles, TilePath::ROOT, &changes, &mut written);
    }
    written.sort_unstable();
    Ok(written)
}

/// Puts sorted changes, each key once, all on the path of a tile, and returns its new hash.
///
/// The recursion ends at 64 tiles: two keys that share 63 nibbles differ in the last, so each has a slot of its own.
fn put_below(tiles: &mut Tiles, path: TilePath, changes: &[(KeyHash, ValueHash)], written: &mut Vec<TilePath>) -> Hash {
    let mut tile = tiles.0.remove(&path).unwrap_or_default();
    for group in changes.chunk_by(|(a, _), (b, _)| a.slot(path.depth) == b.slot(path.depth)) {
        let Some((key, value)) = group.first() else { continue };
        let Some(slot) = tile.slots.get_mut(key.slot(path.depth)) else { continue };
        let mut all = Cow::Borrowed(group);
        // A leaf that is not alone any more moves down with those who join it.
        if let Slot::Leaf(old, old_value) = slot
            && let Err(at) = all.binary_search_by(|(key, _)| key.cmp(old))
        {
            all.to_mut().insert(at, (*old, *old_value));
        }
        *slot = match path.below(key) {
            Some(below) if all.len() > 1 || matches!(slot, Slot::Node(_)) => {
                Slot::Node(put_below(tiles, below, &all, written))
            }
            _ => Slot::Leaf(*key, *value),
        };
    }
    let hash = tile.hash();
    tiles.0.insert(path, tile);
    written.push(path);
    hash
}

/// The map's root.
///
/// # Errors
/// [`Missing`] if the root's tile is not there. That of an empty map is an empty tile.
pub fn root(tiles: &Tiles) -> Result<Hash, Missing> {
    Ok(tiles.get(TilePath::ROOT)?.hash())
}

/// The proof that a key has its value, or is absent: the module documentation has its rules.
///
/// Shapes: `mask` is at most 32 bytes, the last not 0; `siblings` has one hash for each bit set in it, the deepest last.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MapProof {
    /// Which depths have a sibling that is not empty.
    pub mask: Vec<u8>,
    /// These siblings, from the root down.
    pub siblings: Vec<Hash>,
    /// The leaf met instead of the key's.
    pub other: Option<(KeyHash, ValueHash)>,
}

impl MapProof {
    /// Depth of the path's end, 0 to 256: that of the last bit set in the mask. `None` if the mask has another form.
    fn depth(&self) -> Option<usize> {
        let Some(last) = self.mask.last() else { return Some(0) };
        let bits = self.mask.len().checked_mul(8)?.checked_sub(usize::try_from(last.trailing_zeros()).ok()?)?;
        (self.mask.len() <= MAX_MASK_BYTES && *last != 0).then_some(bits)
    }

    /// Notes the sibling of the next depth.
    fn push(&mut self, depth: usize, sibling: Hash) {
        if sibling == EMPTY {
            return;
        }
        self.mask.resize((depth >> 3).saturating_add(1), 0);
        if let Some(byte) = self.mask.last_mut() {
            *byte |= 0x80 >> (depth & 7);
        }
        self.siblings.push(sibling);
    }
}

/// Proves what the map says about a key.
///
/// Cost: 11 hashes for each tile on the path, more where slots are leaves.
///
/// # Errors
/// [`Missing`] names the tile of the path that is not there.
pub fn prove(tiles: &Tiles, key: &str) -> Result<MapProof, Missing> {
    prove_path(tiles, &key_hash(key))
}

fn prove_path(tiles: &Tiles, key: &KeyHash) -> Result<MapProof, Missing> {
    let mut proof = MapProof::default();
    let mut depth = 0_usize;
    let mut path = Some(TilePath::ROOT);
    while let Some(at) = path {
        let mut slots = tiles.get(at)?.slots.as_slice();
        while slots.len() > 1 && end(slots).is_none() {
            let (left, right) = slots.split_at(slots.len() >> 1);
            let (own, sibling) = if key.bit(depth) { (right, left) } else { (left, right) };
            proof.push(depth, subtree_hash(sibling));
            (slots, depth) = (own, depth.saturating_add(1));
        }
        path = match end(slots) {
            None => at.below(key),
            Some(Slot::Leaf(found, value)) if found != *key => {
                proof.other = Some((found, value));
                None
            }
            Some(_) => None,
        };
    }
    Ok(proof)
}

/// Why a proof is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MapError {
    /// The mask is longer than 32 bytes, or its last byte is zero.
    #[error("the map proof's mask of {have} bytes is longer than 32 or ends in a zero byte")]
    Mask {
        /// Bytes in the mask.
        have: usize,
    },
    /// There are more or fewer siblings than bits set in the mask.
    #[error("the map proof has {have} siblings, its mask needs {need}")]
    Siblings {
        /// Siblings in the proof.
        have: usize,
        /// Bits set in the mask.
        need: usize,
    },
    /// A sibling is the empty subtree, which the mask alone says.
    #[error("sibling {index} of the map proof is an empty subtree")]
    EmptySibling {
        /// Its number in the proof, from 0.
        index: usize,
    },
    /// The proof of a value names another leaf.
    #[error("the map proof of a value ends in another leaf")]
    OtherBesideValue,
    /// The other leaf is the key's own.
    #[error("the map proof of an absence ends in the leaf of the key itself")]
    OtherIsKey,
    /// The other leaf does not lie where the proof ends.
    #[error("the other leaf shares {shared} bits with the key, the map proof ends at depth {depth}")]
    OtherElsewhere {
        /// Bits that both paths begin with.
        shared: usize,
        /// Depth at which the proof ends.
        depth: usize,
    },
    /// The proof leads to another root.
    #[error("the map proof leads to root {computed}, the map has {root}")]
    Root {
        /// Where the proof leads.
        computed: Hash,
        /// The map's root.
        root: Hash,
    },
}

/// Verifies that the map with this root has exactly this value under a key, or nothing: `None`.
///
/// Cost: one hash for each depth, at most 256 and three more.
///
/// # Errors
/// [`MapError`], in the order of its variants.
pub fn verify(root: &Hash, key: &str, value: Option<&str>, proof: &MapProof) -> Result<(), MapError> {
    verify_path(root, &key_hash(key), value.map(value_hash).as_ref(), proof)
}

fn verify_path(root: &Hash, key: &KeyHash, value: Option<&ValueHash>, proof: &MapProof) -> Result<(), MapError> {
    let depth = proof.depth().ok_or(MapError::Mask { have: proof.mask.len() })?;
    let (have, need) = (proof.siblings.len(), (0..depth).filter(|at| bit(&proof.mask, *at)).count());
    if have != need {
        return Err(MapError::Siblings { have, need });
    }
    if let Some(index) = proof.siblings.iter().position(|sibling| *sibling == EMPTY) {
        return Err(MapError::EmptySibling { index });
    }
    let end = match (value, &proof.other) {
        (Some(_), Some(_)) => return Err(MapError::OtherBesideValue),
        (Some(value), None) => leaf_hash(key, value),
        (None, Some((other, value))) => {
            if other == key {
                return Err(MapError::OtherIsKey);
            }
            let shared = key.shared_bits(other);
            if shared < depth {
                return Err(MapError::OtherElsewhere { shared, depth });
            }
            leaf_hash(other, value)
        }
        (None, None) => EMPTY,
    };
    let mut siblings = proof.siblings.iter().rev();
    let computed = (0..depth).rev().fold(end, |hash, at| {
        let sibling = if bit(&proof.mask, at) { siblings.next().unwrap_or(&EMPTY) } else { &EMPTY };
        if key.bit(at) { node_hash(sibling, &hash) } else { node_hash(&hash, sibling) }
    });
    if computed != *root {
        return Err(MapError::Root { computed, root: *root });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, string::ToString as _, vec};

    type Leaves = BTreeMap<KeyHash, ValueHash>;

    /// The tree written from its definition alone: what all else is compared with.
    mod naive {
        use super::*;

        type Row = [(KeyHash, ValueHash)];

        fn halves(leaves: &Row, depth: usize) -> (&Row, &Row) {
            leaves.split_at(leaves.partition_point(|(key, _)| key.0[depth / 8] >> (7 - depth % 8) & 1 == 0))
        }

        pub(super) fn hash(leaves: &Row, depth: usize) -> Hash {
            let sha = |parts: [&[u8]; 3]| Hash(Sha256::digest(parts.concat()).into());
            match leaves {
                [] => Hash([0; 32]),
                [(key, value)] => sha([&[2], &key.0, &value.0]),
                _ => {
                    let (left, right) = halves(leaves, depth);
                    sha([&[3], &hash(left, depth + 1).0, &hash(right, depth + 1).0])
                }
            }
        }

        pub(super) fn root(leaves: &Leaves) -> Hash {
            hash(&leaves.iter().map(|(key, value)| (*key, *value)).collect::<Vec<_>>(), 0)
        }

        pub(super) fn proof(leaves: &Leaves, key: &KeyHash) -> MapProof {
            let row: Vec<_> = leaves.iter().map(|(key, value)| (*key, *value)).collect();
            let (mut rest, mut bits, mut siblings) = (row.as_slice(), Vec::new(), Vec::new());
            while rest.len() > 1 {
                let depth = bits.len();
                let (left, right) = halves(rest, depth);
                let one = key.0[depth / 8] >> (7 - depth % 8) & 1 == 1;
                let (own, beside) = if one { (right, left) } else { (left, right) };
                bits.push(!beside.is_empty());
                siblings.extend((!beside.is_empty()).then(|| hash(beside, depth + 1)));
                rest = own;
            }
            let byte = |bits: &[bool]| (0..8).fold(0, |sum, at| sum * 2 + u8::from(bits.get(at) == Some(&true)));
            let other = rest.first().copied().filter(|(found, _)| found != key);
            MapProof { mask: bits.chunks(8).map(byte).collect(), siblings, other }
        }
    }

    struct Random(u64);

    impl Random {
        fn next(&mut self) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0
        }

        fn below(&mut self, end: usize) -> usize {
            (self.next() >> 11) as usize % end
        }

        fn bytes(&mut self) -> [u8; 32] {
            let words = [(); 4].map(|()| self.next().to_be_bytes());
            words.concat().try_into().unwrap()
        }

        /// A key that shares its first bits with one of `keys`, often very many of them, and differs in the next.
        fn near(&mut self, keys: &[KeyHash]) -> KeyHash {
            let mut key = self.bytes();
            if !keys.is_empty() && self.below(4) > 0 {
                let model = keys[self.below(keys.len())];
                let shared = [self.below(256), self.below(12), 255 - self.below(12)][self.below(3)];
                for at in 0..=shared {
                    let bit = model.bit(at) != (at == shared);
                    key[at / 8] = key[at / 8] & !(0x80 >> (at % 8)) | u8::from(bit) << (7 - at % 8);
                }
            }
            KeyHash(key)
        }

        fn leaves(&mut self, count: usize) -> Leaves {
            let mut keys = Vec::new();
            while keys.len() < count {
                let key = self.near(&keys);
                keys.push(key);
            }
            keys.into_iter().map(|key| (key, ValueHash(self.bytes()))).collect()
        }

        fn shuffle<T>(&mut self, row: &mut [T]) {
            for at in 1..row.len() {
                row.swap(at, self.below(at + 1));
            }
        }
    }

    /// A store of rows, as a log has it: tiles are read and written as bytes.
    #[derive(Default)]
    struct Store(BTreeMap<Vec<u8>, Vec<u8>>);

    impl Store {
        fn load(&self, keys: &[KeyHash]) -> Tiles {
            let mut tiles = Tiles::default();
            for round in 0.. {
                assert!(round <= 64);
                let lacking = missing(&tiles, keys);
                assert!(lacking.is_sorted());
                if lacking.is_empty() {
                    break;
                }
                for path in lacking {
                    let row = self.0.get(&path.encode());
                    let tile = row.map_or_else(Tile::default, |row| Tile::parse(&path, row).unwrap());
                    assert!(tiles.0.insert(path, tile).is_none(), "{path} asked for twice");
                }
            }
            tiles
        }

        fn put(&mut self, changes: &[(KeyHash, ValueHash)]) -> Hash {
            let keys: Vec<_> = changes.iter().map(|(key, _)| *key).collect();
            let mut tiles = self.load(&keys);
            let before = tiles.clone();
            let written = put(&mut tiles, changes).unwrap();
            for (path, tile) in &tiles.0 {
                assert!(before.0.get(path) == Some(tile) || written.contains(path), "{path} changed unsaid");
            }
            for path in written {
                self.0.insert(path.encode(), tiles.0[&path].encode());
            }
            root(&tiles).unwrap()
        }

        fn of(leaves: &Leaves) -> (Self, Hash) {
            let mut store = Self::default();
            let changes: Vec<_> = leaves.iter().map(|(key, value)| (*key, *value)).collect();
            let root = store.put(&changes);
            (store, root)
        }

        fn prove(&self, key: &KeyHash) -> MapProof {
            prove_path(&self.load(&[*key]), key).unwrap()
        }
    }

    #[test]
    fn the_root_does_not_depend_on_order_or_batches() {
        let mut random = Random(1);
        for round in 0..300 {
            let leaves = random.leaves(round % 60);
            let expect = naive::root(&leaves);
            let (whole, root) = Store::of(&leaves);
            assert_eq!(root, expect);
            for _ in 0..3 {
                let mut changes: Vec<_> = leaves.iter().map(|(key, value)| (*key, *value)).collect();
                random.shuffle(&mut changes);
                // Some come first with another value, some twice in a batch.
                let early: Vec<_> = changes.iter().step_by(3).map(|(key, _)| (*key, ValueHash([1; 32]))).collect();
                let mut store = Store::default();
                let mut root = store.put(&early);
                let mut rest = changes.as_slice();
                while !rest.is_empty() {
                    let (batch, later) = rest.split_at(1 + random.below(rest.len()));
                    let twice: Vec<_> = batch.iter().map(|(key, _)| (*key, ValueHash([2; 32]))).collect();
                    root = store.put(&[&twice, batch].concat());
                    rest = later;
                }
                assert_eq!(root, expect);
                assert_eq!(store.0, whole.0, "same leaves, same rows");
            }
        }
    }

    #[test]
    fn a_map_of_many_keys_stays_flat() {
        let mut random = Random(2);
        let leaves: Leaves = (0..20_000).map(|_| (KeyHash(random.bytes()), ValueHash(random.bytes()))).collect();
        let (store, root) = Store::of(&leaves);
        assert_eq!(root, naive::root(&leaves));
        let deepest = store.0.keys().map(|path| path[0]).max().unwrap();
        assert!(deepest <= 7, "{deepest}");
        for (key, value) in leaves.iter().step_by(500) {
            let tiles = store.load(&[*key]);
            assert!(tiles.0.len() <= 8);
            let proof = prove_path(&tiles, key).unwrap();
            assert!(proof.siblings.len() <= 40);
            verify_path(&root, key, Some(value), &proof).unwrap();
            let absent = KeyHash(random.bytes());
            verify_path(&root, &absent, None, &store.prove(&absent)).unwrap();
        }
    }

    /// Small sets: none, one, neighbours at every depth, chains, random ones with long shared prefixes.
    fn sets() -> Vec<Leaves> {
        let mut random = Random(3);
        let flip = |key: KeyHash, at: usize| {
            let mut key = key;
            key.0[at / 8] ^= 0x80 >> (at % 8);
            key
        };
        let base = KeyHash(random.bytes());
        let set = |keys: &[KeyHash]| {
            keys.iter().zip((0..=255).cycle()).map(|(key, at)| (*key, ValueHash([at; 32]))).collect()
        };
        let mut sets = vec![set(&[]), set(&[base])];
        for depth in [0, 1, 2, 3, 4, 5, 7, 8, 100, 127, 251, 252, 253, 254, 255] {
            sets.push(set(&[base, flip(base, depth)]));
            sets.push(set(&[base, flip(base, depth), flip(base, 255 - depth)]));
        }
        let all: Vec<_> = (0..256).map(|depth| flip(base, depth)).collect();
        sets.push(set(&[all.as_slice(), &[base]].concat()));
        sets.extend((2..12).map(|count| random.leaves(count)));
        sets
    }

    /// Keys that are absent from a set: random ones, and those that leave a leaf's path at each depth.
    fn absent(leaves: &Leaves) -> Vec<KeyHash> {
        let mut keys = vec![KeyHash([0; 32]), KeyHash([0xff; 32]), KeyHash([0x5a; 32])];
        for key in leaves.keys().take(6) {
            for depth in (0..256).filter(|depth| depth % 16 < 6 || *depth > 247) {
                let mut near = *key;
                near.0[depth / 8] ^= 0x80 >> (depth % 8);
                keys.push(near);
            }
        }
        keys.retain(|key| !leaves.contains_key(key));
        keys
    }

    #[test]
    fn every_key_has_its_one_proof() {
        for leaves in sets() {
            let (store, root) = Store::of(&leaves);
            assert_eq!(root, naive::root(&leaves));
            for (key, value) in &leaves {
                let proof = store.prove(key);
                assert_eq!(proof, naive::proof(&leaves, key));
                assert_eq!(verify_path(&root, key, Some(value), &proof), Ok(()));
                // It proves no other value, no absence, and nothing of another key.
                let mut wrong = *value;
                wrong.0[31] ^= 1;
                assert!(verify_path(&root, key, Some(&wrong), &proof).is_err());
                assert!(verify_path(&root, key, None, &proof).is_err());
                let own = MapProof { other: Some((*key, *value)), ..proof.clone() };
                assert_eq!(verify_path(&root, key, None, &own), Err(MapError::OtherIsKey));
                assert_eq!(verify_path(&root, key, Some(value), &own), Err(MapError::OtherBesideValue));
                for another in leaves.keys().filter(|another| *another != key).take(8) {
                    assert!(verify_path(&root, another, Some(value), &proof).is_err());
                    assert!(verify_path(&root, another, None, &proof).is_err());
                }
            }
            for key in absent(&leaves) {
                let proof = store.prove(&key);
                assert_eq!(proof, naive::proof(&leaves, &key));
                assert_eq!(verify_path(&root, &key, None, &proof), Ok(()));
                for value in leaves.values().take(4) {
                    assert!(verify_path(&root, &key, Some(value), &proof).is_err());
                    let valued = MapProof { other: None, ..proof.clone() };
                    assert!(verify_path(&root, &key, Some(value), &valued).is_err());
                }
                for present in leaves.keys().take(4) {
                    assert!(verify_path(&root, present, None, &proof).is_err());
                }
            }
        }
    }

    /// A proof with each bit flipped, each hash taken out, doubled or put in, cut and made longer.
    fn damaged(proof: &MapProof) -> Vec<MapProof> {
        let mut all = Vec::new();
        let mut add = |change: &dyn Fn(&mut MapProof)| {
            let mut bad = proof.clone();
            change(&mut bad);
            all.push(bad);
        };
        for bit in 0..proof.mask.len() * 8 {
            add(&|bad| bad.mask[bit / 8] ^= 1 << (bit % 8));
        }
        for at in 0..=proof.mask.len() {
            add(&|bad| bad.mask.insert(at, 0));
            add(&|bad| bad.mask.insert(at, 1));
            add(&|bad| bad.mask.insert(at, 0x80));
            for hash in [Hash([9; 32]), EMPTY] {
                add(&|bad| {
                    bad.mask.insert(at, 0x80);
                    bad.siblings.push(hash);
                });
            }
        }
        add(&|bad| bad.mask.resize(33, 0x80));
        for at in 0..proof.siblings.len() {
            add(&|bad| bad.siblings.truncate(at));
            add(&|bad| _ = bad.siblings.remove(at));
            add(&|bad| bad.siblings.insert(at, bad.siblings[at]));
            add(&|bad| bad.siblings[at] = EMPTY);
            // Every bit of the first and the last, some of the others.
            let ends = at == 0 || at + 1 == proof.siblings.len();
            for bit in (0..256).filter(|bit| ends || bit % 85 == 0) {
                add(&|bad| bad.siblings[at].0[bit / 8] ^= 1 << (bit % 8));
            }
        }
        add(&|bad| bad.siblings.push(EMPTY));
        add(&|bad| bad.siblings.insert(0, Hash([9; 32])));
        add(&|bad| bad.other = bad.other.xor(Some((KeyHash([9; 32]), ValueHash([9; 32])))));
        if proof.other.is_some() {
            for bit in 0..256 {
                add(&|bad| bad.other.as_mut().unwrap().0.0[bit / 8] ^= 1 << (bit % 8));
                add(&|bad| bad.other.as_mut().unwrap().1.0[bit / 8] ^= 1 << (bit % 8));
            }
        }
        all
    }

    #[test]
    fn every_damage_is_refused() {
        let mut random = Random(4);
        let tiny = [0, 4, 255].map(|depth| {
            let mut near = KeyHash([0x33; 32]);
            near.0[depth / 8] ^= 0x80 >> (depth % 8);
            Leaves::from([(KeyHash([0x33; 32]), ValueHash([1; 32])), (near, ValueHash([2; 32]))])
        });
        let sets = tiny.into_iter().chain([0, 1, 3, 8, 20].map(|count| random.leaves(count)));
        for leaves in sets {
            let (store, root) = Store::of(&leaves);
            let check = |key: &KeyHash, value: Option<&ValueHash>| {
                let proof = store.prove(key);
                assert_eq!(verify_path(&root, key, value, &proof), Ok(()));
                for bad in damaged(&proof) {
                    assert!(verify_path(&root, key, value, &bad).is_err(), "{proof:?}\n{bad:?}");
                }
                for bit in 0..256 {
                    let mut other_root = root;
                    other_root.0[bit / 8] ^= 1 << (bit % 8);
                    assert!(verify_path(&other_root, key, value, &proof).is_err());
                }
            };
            leaves.iter().for_each(|(key, value)| check(key, Some(value)));
            absent(&leaves).iter().step_by(17).for_each(|key| check(key, None));
        }
    }

    /// Each refusal by its name, from the first check to the last.
    #[test]
    fn refusals() {
        let (left, right, far) = (KeyHash([0; 32]), KeyHash([1; 32]), KeyHash([0xff; 32]));
        let value = ValueHash([7; 32]);
        let leaves = Leaves::from([(left, value), (right, value), (far, value)]);
        let root = naive::root(&leaves);
        let good = naive::proof(&leaves, &left);
        // Bits 0 to 6 alike, bit 7 not: siblings of depth 1 (far's leaf) and depth 8.
        assert_eq!((good.mask.as_slice(), good.siblings.len(), good.depth()), ([0b1000_0001].as_slice(), 2, Some(8)));
        let with = |mask: &[u8], siblings: &[Hash], other| {
            let proof = MapProof { mask: mask.to_vec(), siblings: siblings.to_vec(), other };
            (verify_path(&root, &left, Some(&value), &proof), verify_path(&root, &left, None, &proof))
        };
        let both = |error| (Err(error), Err(error));
        let all = good.siblings.as_slice();
        assert_eq!(with(&[0x81], all, None).0, Ok(()));
        assert_eq!(with(&[0x81, 0], all, None), both(MapError::Mask { have: 2 }));
        assert_eq!(with(&[0], &[], None), both(MapError::Mask { have: 1 }));
        assert_eq!(with(&[1; 33], all, None), both(MapError::Mask { have: 33 }));
        assert_eq!(with(&[0x81], &all[..1], None), both(MapError::Siblings { have: 1, need: 2 }));
        assert_eq!(with(&[0x81], &[all, all].concat(), None), both(MapError::Siblings { have: 4, need: 2 }));
        assert_eq!(with(&[], all, None), both(MapError::Siblings { have: 2, need: 0 }));
        assert_eq!(with(&[0x81], &[all[0], EMPTY], None), both(MapError::EmptySibling { index: 1 }));
        let other = |key| with(&[0x81], all, Some((key, value)));
        assert_eq!(other(left), (Err(MapError::OtherBesideValue), Err(MapError::OtherIsKey)));
        assert_eq!(other(right).1, Err(MapError::OtherElsewhere { shared: 7, depth: 8 }));
        assert_eq!(other(far).1, Err(MapError::OtherElsewhere { shared: 0, depth: 8 }));
        assert!(matches!(with(&[0x81], all, None).1, Err(MapError::Root { .. })));
        assert!(matches!(with(&[0xc1], &[all[0], all[1], all[1]], None).0, Err(MapError::Root { .. })));
    }

    /// A root may break the rules. It still has one answer for a key, and a lone leaf below an empty sibling has no proof.
    #[test]
    fn a_root_that_breaks_the_rules_has_one_answer_too() {
        let (key, value) = (KeyHash([0; 32]), ValueHash([7; 32]));
        let leaf = leaf_hash(&key, &value);
        let root = node_hash(&leaf, &EMPTY);
        for mask in [vec![], vec![0], vec![0x80]] {
            for siblings in [vec![], vec![EMPTY]] {
                let proof = MapProof { mask: mask.clone(), siblings, other: None };
                assert!(verify_path(&root, &key, Some(&value), &proof).is_err());
                assert!(verify_path(&root, &key, None, &proof).is_err());
            }
        }
        let beside = MapProof { mask: vec![0x80], siblings: vec![leaf], other: None };
        assert_eq!(verify_path(&root, &KeyHash([0xff; 32]), None, &beside), Ok(()));
    }

    #[test]
    fn the_empty_map() {
        let tiles = Tiles([(TilePath::ROOT, Tile::default())].into());
        assert_eq!(root(&tiles), Ok(EMPTY));
        let proof = prove(&tiles, "any").unwrap();
        assert_eq!(proof, MapProof::default());
        assert_eq!(verify(&EMPTY, "any", None, &proof), Ok(()));
        assert!(verify(&EMPTY, "any", Some(""), &proof).is_err());
        let mut same = tiles.clone();
        assert_eq!(put(&mut same, &[]), Ok(vec![]));
        assert_eq!(same, tiles);
    }

    #[test]
    fn what_is_missing_is_said_and_nothing_changes() {
        let (key, value) = (KeyHash([0x33; 32]), ValueHash([7; 32]));
        let mut near = key;
        near.0[1] ^= 1;
        let lack = |path| Missing { path };
        let mut none = Tiles::default();
        assert_eq!(missing(&none, &[key, near, key]), [TilePath::ROOT]);
        assert_eq!(missing(&none, &[]), [TilePath::ROOT]);
        assert_eq!(root(&none), Err(lack(TilePath::ROOT)));
        assert_eq!(prove_path(&none, &key), Err(lack(TilePath::ROOT)));
        assert_eq!(put(&mut none, &[]), Err(lack(TilePath::ROOT)));
        assert_eq!(put(&mut none, &[(key, value)]), Err(lack(TilePath::ROOT)));
        assert_eq!(none, Tiles::default());

        let (store, _) = Store::of(&Leaves::from([(key, value), (near, value)]));
        let whole = store.load(&[key]);
        let mut paths: Vec<_> = whole.0.keys().copied().collect();
        paths.sort_unstable();
        assert_eq!(paths.iter().map(|path| path.to_string()).collect::<Vec<_>>(), ["0/", "1/3", "2/33", "3/333"]);
        for path in paths {
            let mut tiles = whole.clone();
            tiles.0.remove(&path);
            assert_eq!(missing(&tiles, &[near]), [path]);
            assert_eq!(prove_path(&tiles, &near), Err(lack(path)));
            let before = tiles.clone();
            assert_eq!(put(&mut tiles, &[(near, value)]), Err(lack(path)));
            assert_eq!(tiles, before);
            // A row that was lost, and so given as an empty tile: no second round asks for it, but it is not taken.
            tiles.0.insert(path, Tile::default());
            assert_eq!(missing(&tiles, &[near]), []);
            if path != TilePath::ROOT {
                assert_eq!(prove_path(&tiles, &near), Err(lack(path)));
                assert_eq!(put(&mut tiles, &[(near, value)]), Err(lack(path)));
            }
        }
    }

    #[test]
    fn paths_sort_as_their_bytes() {
        let mut random = Random(5);
        let mut paths = vec![TilePath::ROOT];
        for depth in 0..64 {
            for _ in 0..4 {
                paths.push(TilePath::on(&KeyHash(random.bytes()), depth).unwrap());
            }
        }
        for path in &paths {
            let bytes = path.encode();
            assert_eq!(bytes.len(), 1 + usize::from(path.depth().div_ceil(2)));
            assert_eq!(TilePath::parse(&bytes), Some(*path));
        }
        let mut encoded: Vec<_> = paths.iter().map(TilePath::encode).collect();
        encoded.sort();
        paths.sort();
        assert_eq!(paths.iter().map(TilePath::encode).collect::<Vec<_>>(), encoded);
        assert_eq!(TilePath::on(&KeyHash([0xab; 32]), 3).unwrap().to_string(), "3/aba");
        assert_eq!(TilePath::on(&KeyHash([0; 32]), 64), None);
    }

    #[test]
    fn paths_have_one_form() {
        let long = [[63].as_slice(), &[0; 33]].concat();
        let bad: [&[u8]; 9] = [&[], &[0, 0], &[1], &[1, 0x01], &[1, 0x10, 0], &[2, 1, 1], &[64], &[255], &long];
        for bytes in bad {
            assert_eq!(TilePath::parse(bytes), None, "{bytes:?}");
        }
        assert_eq!(TilePath::parse(&[&[64], [0; 32].as_slice()].concat()), None);
        for depth in 0..=255 {
            for len in 0..40 {
                let bytes = [vec![depth], vec![0x11; len]].concat();
                if let Some(path) = TilePath::parse(&bytes) {
                    assert_eq!(path.encode(), bytes);
                }
            }
        }
    }

    #[test]
    fn tiles_have_one_form() {
        for leaves in sets().iter().step_by(3).filter(|leaves| !leaves.is_empty()) {
            let (store, _) = Store::of(leaves);
            for (path, row) in store.0.iter().take(20) {
                let path = TilePath::parse(path).unwrap();
                assert_eq!(Tile::parse(&path, row).unwrap().encode(), *row);
                assert!((36..=MAX_TILE_BYTES).contains(&row.len()));
                for end in 0..row.len() {
                    assert!(matches!(Tile::parse(&path, &row[..end]), Err(TileError::Length { .. })));
                }
                assert!(Tile::parse(&path, &[row.as_slice(), &[0]].concat()).is_err());
                for bit in 0..row.len() * 8 {
                    let mut bad = row.clone();
                    bad[bit / 8] ^= 0x80 >> (bit % 8);
                    match Tile::parse(&path, &bad) {
                        Ok(tile) => assert_eq!(tile.encode(), bad),
                        Err(error) => assert!(format!("{error}").contains(&path.to_string())),
                    }
                }
            }
        }
    }

    #[test]
    fn tiles_refused() {
        let leaf = |first: u8| [vec![first; 32], vec![7; 32]].concat();
        let row = |tags: u32, parts: &[Vec<u8>]| [tags.to_be_bytes().to_vec(), parts.concat()].concat();
        let key = KeyHash([0x33; 32]);
        let (top, path, deepest) = (TilePath::ROOT, TilePath::on(&key, 1).unwrap(), TilePath::on(&key, 63).unwrap());
        // Slot 3 has the bits 25 and 24, slot 4 the bits 23 and 22.
        let (slot_3, slot_4) = (1 << 24, 1 << 22);
        let length = |path, have, need| TileError::Length { path, have, need };
        assert!(Tile::parse(&top, &row(slot_3, &[leaf(0x33)])).is_ok());
        assert!(Tile::parse(&path, &row(slot_3 * 2, &[vec![1; 32]])).is_ok());
        let two = [leaf(0x33), [vec![0x34], vec![7; 63]].concat()];
        assert!(Tile::parse(&path, &row(slot_3 | slot_4, &two)).is_ok());
        let cases: &[(TilePath, Vec<u8>, TileError)] = &[
            (top, vec![], length(top, 0, 4)),
            (top, vec![0; 3], length(top, 3, 4)),
            (top, vec![0; 5], length(top, 5, 4)),
            (top, row(slot_3, &[]), length(top, 4, 68)),
            (top, vec![0; 4], TileError::Sparse { path: top }),
            (path, vec![0; 4], TileError::Sparse { path }),
            (path, row(slot_3, &[leaf(0x33)]), TileError::Sparse { path }),
            (top, row(3, &[]), TileError::Tag { path: top, slot: 15, tag: 3 }),
            (deepest, row(slot_3 * 2, &[vec![1; 32]]), TileError::Tag { path: deepest, slot: 3, tag: 2 }),
            (top, row(slot_4, &[leaf(0x33)]), TileError::Stray { path: top, slot: 4 }),
            (path, row(slot_3 | slot_4, &[leaf(0x33), leaf(0x44)]), TileError::Stray { path, slot: 4 }),
            (path, row(slot_3 | slot_4, &[leaf(0x43), leaf(0x34)]), TileError::Stray { path, slot: 3 }),
        ];
        for (path, row, error) in cases {
            assert_eq!(Tile::parse(path, row), Err(*error));
        }
    }
}
