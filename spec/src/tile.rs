#![doc = include_str!("../tile.md")]

use crate::encoding;
use crate::merkle::{Hash, Node, node_hash};
use alloc::{format, string::String, vec::Vec};
use core::{fmt, str::FromStr};

mod authenticated;
mod edge;

pub use authenticated::{Authenticated, TileError, authenticate, changed, needed, partial};
pub use edge::Edge;

/// Hashes in a full tile, entries in a full entry bundle.
pub const WIDTH: u64 = 256;
/// Levels of the tree that one tile spans.
const HEIGHT: u8 = 8;
/// The highest level a tile path may have.
const MAX_LEVEL: u64 = 63;

/// Which tile: its level, 0 for leaf hashes, and its index in the level.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Tile {
    /// 0 to 7; one level of tiles is eight levels of the tree.
    pub level: u8,
    /// From the left, 0 first.
    pub index: u64,
}

impl Tile {
    /// The tile that has the hash of `node`, or all hashes under it.
    pub fn of(node: Node) -> Self {
        let (level, inner) = levels(node);
        Self { level, index: node.index >> HEIGHT.saturating_sub(inner) }
    }

    /// Hashes in this tile when the tree has `size` entries: 0 (it does not exist) to 256.
    pub fn width(&self, size: u64) -> u64 {
        let complete = size.checked_shr(u32::from(self.level).saturating_mul(8)).unwrap_or(0);
        complete.saturating_sub(self.index.saturating_mul(WIDTH)).min(WIDTH)
    }

    /// Computes the hash of `node` from this tile's hashes; `None` if they do not reach or the node is not in this tile.
    ///
    /// Not public: who reads a hash out of a tile of others does it by [`authenticate`].
    fn node(&self, hashes: &[Hash], node: Node) -> Option<Hash> {
        if Self::of(node) != *self {
            return None;
        }
        let (_, inner) = levels(node);
        let first = usize::try_from(node.index.checked_shl(u32::from(inner))? % WIDTH).ok()?;
        let count = 1_usize.checked_shl(u32::from(inner))?;
        over(hashes.get(first..first.checked_add(count)?)?)
    }
}

/// The hash over a row of neighbours, as many as a power of two; `None` over nothing.
fn over(hashes: &[Hash]) -> Option<Hash> {
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        row = row.chunks_exact(2).filter_map(|pair| Some(node_hash(pair.first()?, pair.last()?))).collect();
    }
    row.pop()
}

/// The tile level of a node, and its height inside the tile.
fn levels(node: Node) -> (u8, u8) {
    (node.level / HEIGHT, node.level % HEIGHT)
}

/// A resource of the read API: a tile or an entry bundle, and how wide.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Path {
    /// Hashes of a tile; width 1 to 256.
    Hashes(Tile, u64),
    /// Entries of the bundle with this index; width 1 to 256.
    Entries(u64, u64),
}

/// A path that is not one of a tile or an entry bundle in its one form.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0:?} is not a path of tlog-tiles: tile/<level or entries>/<index in groups of three digits>[.p/<1 to 255>]")]
pub struct PathError(pub String);

impl FromStr for Path {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        parse_path(text).ok_or_else(|| PathError(text.chars().take(100).collect()))
    }
}

fn parse_path(text: &str) -> Option<Path> {
    let (level, rest) = text.strip_prefix("tile/")?.split_once('/')?;
    let (index, width) = match rest.split_once(".p/") {
        None => (rest, WIDTH),
        Some((index, width)) => (index, encoding::decimal(width).filter(|width| (1..WIDTH).contains(width))?),
    };
    let index = parse_index(index)?;
    if level == "entries" {
        return Some(Path::Entries(index, width));
    }
    // SPEC: "MUST be a decimal ASCII integer between 0 and 63, with no additional leading zeroes."
    let level = encoding::decimal(level).filter(|level| *level <= MAX_LEVEL)?;
    Some(Path::Hashes(Tile { level: u8::try_from(level).ok()?, index }, width))
}

/// Reads `x001/x234/067`; `None` unless it is the one form of a number below 2^64.
fn parse_index(text: &str) -> Option<u64> {
    let mut index = 0_u64;
    let mut groups = text.split('/').peekable();
    while let Some(group) = groups.next() {
        let digits = if groups.peek().is_some() { group.strip_prefix('x')? } else { group };
        if digits.len() != 3 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        index = index.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
    }
    (index_text(index) == text).then_some(index)
}

fn index_text(index: u64) -> String {
    let mut text = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        text = format!("x{:03}/{text}", rest % 1000);
        rest /= 1000;
    }
    text
}

impl fmt::Display for Path {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = match *self {
            Self::Hashes(tile, width) => {
                write!(out, "tile/{}/{}", tile.level, index_text(tile.index))?;
                width
            }
            Self::Entries(index, width) => {
                write!(out, "tile/entries/{}", index_text(index))?;
                width
            }
        };
        if width < WIDTH { write!(out, ".p/{width}") } else { Ok(()) }
    }
}

/// Splits a tile's bytes into hashes; `None` unless there are 1 to 256 whole ones.
pub fn parse_hashes(bytes: &[u8]) -> Option<Vec<Hash>> {
    let (hashes, rest) = bytes.as_chunks();
    let fits = rest.is_empty() && (1..=256).contains(&hashes.len());
    fits.then(|| hashes.iter().copied().map(Hash).collect())
}

/// Joins hashes to a tile's bytes.
pub fn hashes_bytes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::{Frontier, naive};
    use alloc::{collections::BTreeMap, string::ToString};

    #[test]
    fn paths_have_one_form() {
        for path in ["tile/0/000", "tile/63/x999/999.p/255", "tile/entries/x001/x234/067.p/1", "tile/entries/256"] {
            assert_eq!(path.parse::<Path>().unwrap().to_string(), path);
        }
        for bad in [
            "tile/64/000",
            "tile/00/000",
            "tile/+1/000",
            "tile/0/0",
            "tile/0/x000/001",
            "tile/0/001/002",
            "tile/0/x001",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/0/000/",
            "/tile/0/000",
            "tile/0/x018/x446/x744/x073/x709/x551/616",
            "tile/entries/",
            "tile/Entries/000",
        ] {
            assert!(bad.parse::<Path>().is_err(), "{bad}");
        }
    }

    #[test]
    fn widths_are_the_specifications_example() {
        let width = |level, index, size| Tile { level, index }.width(size);
        assert_eq!([width(0, 272, 70_000), width(0, 273, 70_000), width(0, 274, 70_000)], [256, 112, 0]);
        assert_eq!([width(1, 0, 70_000), width(1, 1, 70_000), width(2, 0, 70_000)], [256, 17, 1]);
        assert_eq!([width(0, 0, 256), width(1, 0, 256), width(7, 0, u64::MAX)], [256, 1, 255]);
    }

    #[test]
    fn every_node_comes_out_of_its_tile() {
        let size = 1000_u64;
        let mut tiles: BTreeMap<Tile, Vec<Hash>> = BTreeMap::new();
        let mut nodes = Vec::new();
        let mut tree = Frontier::default();
        for leaf in naive::leaves(size) {
            tree.push(leaf, |node, hash| {
                nodes.push((node, hash));
                if node.level % 8 == 0 {
                    tiles.entry(Tile::of(node)).or_default().push(hash);
                }
            });
        }
        for (tile, hashes) in &tiles {
            assert_eq!(hashes.len() as u64, tile.width(size));
            assert_eq!(parse_hashes(&hashes_bytes(hashes)).as_ref(), Some(hashes));
        }
        for (node, hash) in nodes {
            let tile = Tile::of(node);
            assert_eq!(tile.node(&tiles[&tile], node), Some(hash), "{node:?}");
            assert_eq!(Tile { index: tile.index + 1, ..tile }.node(&tiles[&tile], node), None);
        }
    }
}
