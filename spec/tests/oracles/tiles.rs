//! Tiles: their paths, which are needed and which change, and how they are authenticated, by `tlog_tiles`.

use crate::trees::Stored;
use crate::{Differences, Log};
use spec::merkle::{Hash, Node};
use spec::proof;
use spec::tile::{self, Path, Tile};
use std::cell::RefCell;
use std::collections::BTreeMap;
use tlog_tiles::tile::{self as theirs, TileHashReader, TileReader};
use tlog_tiles::tlog;

/// Compares all that is about tiles.
pub(crate) fn compare(differences: &mut Differences) {
    paths(differences);
    changes(differences);
    authentication(differences);
}

/// Their path has the height of a tile, 8, and says `data` for `entries`.
fn their_path(ours: &str) -> String {
    ours.replacen("tile/", "tile/8/", 1).replacen("/entries/", "/data/", 1)
}

fn our_path(theirs: &str) -> String {
    theirs.replacen("tile/8/", "tile/", 1).replacen("/data/", "/entries/", 1)
}

/// Valid paths, cut everywhere, and with each character changed into each that means something in some path.
fn paths(differences: &mut Differences) {
    let valid = [
        "tile/0/000",
        "tile/1/000.p/17",
        "tile/63/x999/999.p/255",
        "tile/entries/x001/x234/067",
        "tile/entries/x018/x446/x744/x073/x709/x551/615.p/1",
        "tile/0/x018/x446/x744/x073/x709/x551/616",
    ];
    let mut texts: Vec<String> = Vec::new();
    for path in valid {
        texts.extend((0..=path.len()).map(|end| path[..end].into()));
        for at in 0..path.len() {
            let (before, after) = (&path[..at], &path[at + 1..]);
            texts.push(format!("{before}{after}"));
            for other in "0123456789x/.pde+- ".chars() {
                texts.push(format!("{before}{other}{after}"));
                texts.push(format!("{before}{other}{}", &path[at..]));
            }
        }
    }
    for text in texts.iter().filter(|text| !text.starts_with("tile/data")) {
        let level = text.split('/').nth(1).and_then(|level| level.parse::<u64>().ok());
        let case = match level {
            Some(64..) => "a path of a level above 63",
            _ if text.ends_with(".p/0") => "a path of a width of 0",
            _ => text,
        };
        let theirs = || theirs::Tile::from_path(&their_path(text)).is_ok_and(|tile| our_path(&tile.path()) == *text);
        let ours = || text.parse::<Path>().is_ok_and(|path| path.to_string() == *text);
        differences.compare(case, theirs, ours);
    }
}

/// The tiles that are new or wider in a larger tree.
fn changes(differences: &mut Differences) {
    let theirs = |old, new| {
        let tiles = theirs::Tile::new_tiles(8, old, new).into_iter();
        tiles.map(|tile| (Tile { level: tile.level(), index: tile.level_index() }, tile.width().into())).collect()
    };
    let mut check = |old, new| {
        let ours: Vec<_> = tile::changed(old, new).collect();
        let case = if new >= 1 << 56 { "the tiles of a tree of 2^56 entries" } else { "the tiles of a larger tree" };
        let agree = || {
            let theirs: Vec<_> = theirs(old, new);
            assert_eq!(theirs, ours, "{old} to {new}");
            true
        };
        differences.compare(case, agree, || true);
    };
    for new in (0..40).chain([255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537, 70_000]) {
        for old in (0..40).chain([255, 256, 257, 300, 511, 512, 65_535, 65_536, 69_000]).filter(|old| *old <= new) {
            check(old, new);
        }
    }
    check((1 << 56) - 2, (1 << 56) - 1);
    check((1 << 56) - 1, 1 << 56);
}

/// A log that serves its tiles, and may serve one hash that is not its own.
struct Server<'a> {
    log: &'a Log,
    wrong: Option<(Tile, usize)>,
    served: RefCell<BTreeMap<Tile, u64>>,
}

impl Server<'_> {
    fn hashes(&self, tile: Tile, width: u64) -> Vec<Hash> {
        let node = |at| Node { level: tile.level * 8, index: tile.index * 256 + at };
        let mut hashes: Vec<_> = (0..width).map(|at| self.log.nodes[&node(at)]).collect();
        if let Some((_, at)) = self.wrong.filter(|(wrong, _)| *wrong == tile) {
            hashes[at].0[7] ^= 1;
        }
        hashes
    }
}

impl TileReader for Server<'_> {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[theirs::Tile]) -> Result<Vec<Vec<u8>>, tlog::Error> {
        let read = |tile: &theirs::Tile| {
            let (ours, width) = (Tile { level: tile.level(), index: tile.level_index() }, tile.width().into());
            self.served.borrow_mut().insert(ours, width);
            tile::hashes_bytes(&self.hashes(ours, width))
        };
        Ok(tiles.iter().map(read).collect())
    }

    fn save_tiles(&self, _: &[theirs::Tile], _: &[Vec<u8>]) {}
}

/// Proofs read out of tiles that are authenticated first; and tiles with a wrong hash, which must not be.
fn authentication(differences: &mut Differences) {
    let log = Log::new(1_300);
    assert_eq!(Stored::of(&log).0.len() as u64, tlog::stored_hash_count(1_300));
    for size in [1, 2, 7, 255, 256, 257, 512, 515, 700, 1_024, 1_279, 1_280, 1_300] {
        let head = log.head(size);
        for index in [0, 1, 255, 256, 300, 511, 512, 700, size / 2, size - 1].into_iter().filter(|at| *at < size) {
            let plan = proof::inclusion(index, size).unwrap();
            let needed = tile::needed(&plan, size);
            let server = |wrong| Server { log: &log, wrong, served: RefCell::default() };
            let theirs = |server: &Server<'_>| {
                tlog::prove_record(size, index, &TileHashReader::new(size, tlog::Hash(head.root.0), server))
            };
            let ours = |server: &Server<'_>| {
                let tiles = needed.iter().map(|(tile, width)| (*tile, server.hashes(*tile, *width))).collect();
                tile::authenticate(tiles, &head).map(|tiles| tiles.prove(&plan).unwrap())
            };
            let honest = server(None);
            let path = ours(&honest).unwrap();
            assert_eq!(path, log.make(Some(plan.clone())));
            let their_path: Vec<_> = theirs(&honest).unwrap().iter().map(|hash| Hash(hash.0)).collect();
            assert_eq!(their_path, path, "{index} in {size}");
            let served = honest.served.take();
            assert!(served.is_empty() || served == needed, "{index} in {size}: {served:?}, {needed:?}");
            for (tile, width) in &served {
                for at in [0, width / 2, width - 1] {
                    let server = server(Some((*tile, at as usize)));
                    let case =
                        if *width < 256 { "a partial tile with a wrong hash" } else { "a full tile with a wrong hash" };
                    differences.compare(case, || theirs(&server).is_ok(), || ours(&server).is_ok());
                }
            }
        }
    }
}
