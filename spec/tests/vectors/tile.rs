//! Tiles: their paths, their bytes, and how those of others are proved.

use super::format::{C2SP, Vector, base64};
use super::tree::{Tree, other};
use spec::merkle::{Hash, TreeHead};
use spec::tile::{Path, TileError, authenticate, hashes_bytes, parse_hashes};
use std::collections::BTreeMap;

pub fn run(vector: &Vector) -> String {
    let outcome = match vector.get("format") {
        "path" => path(vector),
        "tile" => tile(vector),
        other => panic!("{}: format {other}", vector.name),
    };
    outcome.err().unwrap_or("accept").into()
}

pub fn accepts(vector: &Vector, text: &[u8]) -> Option<Vec<u8>> {
    if vector.get("format") != "path" {
        return None;
    }
    Some(std::str::from_utf8(text).ok()?.parse::<Path>().ok()?.to_string().into_bytes())
}

fn path(vector: &Vector) -> Result<(), &'static str> {
    let path = std::str::from_utf8(&vector.body).ok().and_then(|text| text.parse::<Path>().ok()).ok_or("path")?;
    let (level, index, width) = match path {
        Path::Hashes(tile, width) => (tile.level.to_string(), tile.index, width),
        Path::Entries(index, width) => ("entries".into(), index, width),
    };
    let read = [level.as_str(), &index.to_string(), &width.to_string()].map(String::from);
    assert_eq!(read, ["level", "index", "width"].map(|key| vector.get(key).to_owned()), "{}", vector.name);
    Ok(())
}

/// The tile under test, with the others that the header has, against the head.
fn tile(vector: &Vector) -> Result<(), &'static str> {
    let named = |path: &str| match path.parse() {
        Ok(Path::Hashes(tile, _)) => tile,
        _ => panic!("{}: {path}", vector.name),
    };
    let hashes = parse_hashes(&vector.body).ok_or("tile-bytes")?;
    let mut tiles = BTreeMap::from([(named(vector.get("path")), hashes)]);
    for (path, bytes) in vector.all("other-path").zip(vector.all("other-base64")) {
        tiles.insert(named(path), parse_hashes(&super::format::unbase64(bytes).unwrap()).unwrap());
    }
    let head = TreeHead { size: vector.number("size"), root: Hash::from_base64(vector.get("root")).unwrap() };
    authenticate(tiles, &head).map(|_| ()).map_err(|error| match error {
        TileError::NotInTree { .. } => "not-in-tree",
        TileError::Width { .. } => "width",
        TileError::Missing { .. } => "missing",
        TileError::Root { .. } => "root",
        TileError::Above { .. } => "above",
    })
}

pub fn make() -> Vec<Vector> {
    [paths(), tiles()].concat()
}

fn paths() -> Vec<Vector> {
    let spec = format!("{C2SP}tlog-tiles.md#merkle-tree");
    let accept = |name: &str, (level, index, width): (&str, u64, u64), comment: &str, path: &str| {
        let vector = Vector::accept(name, &spec, comment, path).with("format", "path").with("level", level);
        vector.with("index", index).with("width", width)
    };
    let refuse = |name: &str, comment: &str, path: &str| {
        Vector::refuse(name, "path", "path", &spec, comment, path).with("format", "path")
    };
    let level = "The level MUST be a decimal ASCII integer between 0 and 63, with no additional leading zeroes";
    let index = "The index MUST be encoded into zero-padded 3-digit path elements";
    let x = "All but the last path element MUST begin with an x";
    let width = "The width is a decimal ASCII integer between 1 and 255, with no additional leading zeroes";
    vec![
        accept("path", ("0", 1_234_067, 256), "Index 1234067 is encoded as x001/x234/067.", "tile/0/x001/x234/067"),
        accept("path-partial", ("1", 0, 17), "The suffix .p/ and a width is that of partial tiles.", "tile/1/000.p/17"),
        accept("path-width-1", ("2", 999, 1), "The smallest width is 1.", "tile/2/999.p/1"),
        accept("path-width-255", ("0", 1000, 255), "The largest partial width is 255.", "tile/0/x001/000.p/255"),
        accept("path-level-63", ("63", 0, 256), "The highest level is 63.", "tile/63/000"),
        accept(
            "path-entries",
            ("entries", 1_234_067, 256),
            "Entry bundles have entries in the place of the level.",
            "tile/entries/x001/x234/067",
        ),
        accept(
            "path-entries-partial",
            ("entries", 273, 112),
            "Entry bundles have the same suffix as tiles.",
            "tile/entries/273.p/112",
        ),
        refuse("path-level-64", &format!("{level}."), "tile/64/x001/x234/067"),
        refuse("path-level-leading-zero", &format!("{level}."), "tile/00/x001/x234/067"),
        refuse("path-level-007", &format!("{level}."), "tile/007/x001/x234/067"),
        refuse("path-level-plus", &format!("{level}, and without sign."), "tile/+1/x001/x234/067"),
        refuse("path-level-minus", &format!("{level}, and without sign."), "tile/-1/x001/x234/067"),
        refuse("path-level-empty", &format!("{level}."), "tile//x001/x234/067"),
        refuse("path-level-not-ascii", &format!("{level}."), "tile/\u{ff11}/x001/x234/067"),
        refuse("path-level-unknown-word", &format!("{level}, or entries."), "tile/Entries/x001/x234/067"),
        refuse("path-index-missing", "The index is not empty.", "tile/0/"),
        refuse("path-index-not-padded", &format!("{index}."), "tile/0/x1/x234/67"),
        refuse("path-index-four-digits", &format!("{index}."), "tile/0/x001/x234/0670"),
        refuse("path-index-one-element", &format!("{index}."), "tile/0/1234067"),
        refuse("path-index-plus", &format!("{index}, digits alone."), "tile/0/x001/x234/+67"),
        refuse("path-index-no-x", &format!("{x}."), "tile/0/001/234/067"),
        refuse("path-index-x-missing-once", &format!("{x}."), "tile/0/x001/234/067"),
        refuse("path-index-x-at-end", "The last path element has no x.", "tile/0/x001/x234/x067"),
        refuse("path-index-upper-x", "The x is in lower case.", "tile/0/X001/x234/067"),
        refuse(
            "path-index-leading-element-zero",
            "An index has one path, so no element of zeroes stands first.",
            "tile/0/x000/x001/x234/067",
        ),
        refuse(
            "path-index-beyond-2-64",
            "An index is below 2^64 here, and 2^64 + 67 is not 67.",
            "tile/0/x018/x446/x744/x073/x709/x551/683",
        ),
        refuse("path-width-0", &format!("{width}, for empty tiles MUST NOT be served."), "tile/0/x001/x234/067.p/0"),
        refuse("path-width-256", &format!("{width}, and a full tile has no suffix."), "tile/0/x001/x234/067.p/256"),
        refuse("path-width-007", &format!("{width}."), "tile/0/x001/x234/067.p/007"),
        refuse("path-width-plus", &format!("{width}."), "tile/0/x001/x234/067.p/+1"),
        refuse("path-width-empty", &format!("{width}."), "tile/0/x001/x234/067.p/"),
        refuse("path-width-no-slash", "The suffix is .p/ and the width.", "tile/0/x001/x234/067.p17"),
        refuse("path-trailing-slash", "Nothing follows the last element.", "tile/0/x001/x234/067/"),
        refuse("path-leading-slash", "The path is relative to the log's prefix.", "/tile/0/x001/x234/067"),
        refuse("path-query", "Nothing follows the last element.", "tile/0/x001/x234/067?"),
        refuse("path-newline", "Nothing follows the last element.", "tile/0/x001/x234/067\n"),
        refuse("path-empty", "A path begins with tile and a slash.", ""),
    ]
}

fn tiles() -> Vec<Vector> {
    const SIZE: u64 = 300;
    let tree = Tree::new(SIZE);
    let spec = format!("{C2SP}tlog-tiles.md#merkle-tree");
    // Level 0 has 256 and 44 hashes, level 1 has one.
    let bytes = |level, index| hashes_bytes(&tree.tile(level, index, SIZE));
    let known = [("tile/0/000", bytes(0, 0)), ("tile/0/001.p/44", bytes(0, 1)), ("tile/1/000.p/1", bytes(1, 0))];
    let inputs = |vector: Vector, path: &str, others: &[&str]| {
        let vector = vector.with("format", "tile").with("path", path).with("size", SIZE);
        let vector = vector.with("root", tree.head(SIZE).root);
        known
            .iter()
            .filter(|(path, _)| others.contains(path))
            .fold(vector, |vector, (path, bytes)| vector.with("other-path", path).with("other-base64", base64(bytes)))
    };
    let (full, partial, upper) = (known[0].0, known[1].0, known[2].0);
    let accept = |name: &str, path: &str, others: &[&str], comment: &str, body: Vec<u8>| {
        inputs(Vector::accept(name, &spec, comment, body), path, others)
    };
    let refuse = |name: &str, expect: &str, path: &str, others: &[&str], comment: &str, body: Vec<u8>| {
        let sibling = if path == full { "tile-full" } else { "tile-partial" };
        inputs(Vector::refuse(name, sibling, expect, &spec, comment, body), path, others)
    };
    let flipped = |mut bytes: Vec<u8>, at: usize| {
        bytes[at] ^= 1;
        bytes
    };
    let edge: Vec<u8> = bytes(0, 1);
    let more = |count: usize| hashes_bytes(&vec![other(7); count]);
    let exactly = "Full tiles MUST be exactly 256 hashes wide, or 8,192 bytes";
    let entries = "A partial tile at level l for a tree of size s has floor(s / 256^l) mod 256 hashes";
    vec![
        accept(
            "tile-partial",
            partial,
            &[upper],
            "The partial tiles of a tree of 300, of 44 hashes and of one, lead to its root.",
            edge.clone(),
        ),
        accept(
            "tile-full",
            full,
            &[partial, upper],
            "At level 1 each hash is the Merkle tree hash of a full tile at the level below.",
            bytes(0, 0),
        ),
        accept(
            "tile-wider",
            partial,
            &[upper],
            "A tile that is wider than in this tree may stand for the partial one, for it begins with it.",
            [edge.clone(), more(3)].concat(),
        ),
        refuse("tile-empty", "tile-bytes", partial, &[upper], "Empty tiles MUST NOT be served.", Vec::new()),
        refuse(
            "tile-half-a-hash",
            "tile-bytes",
            partial,
            &[upper],
            "A tile is a sequence of whole hashes.",
            edge[..edge.len() - 1].to_vec(),
        ),
        refuse(
            "tile-257-hashes",
            "tile-bytes",
            full,
            &[partial, upper],
            &format!("{exactly}."),
            [bytes(0, 0), more(1)].concat(),
        ),
        refuse(
            "tile-255-hashes",
            "width",
            full,
            &[partial, upper],
            &format!("{exactly}."),
            bytes(0, 0)[..255 * 32].to_vec(),
        ),
        refuse("tile-43-hashes", "width", partial, &[upper], &format!("{entries}."), edge[..43 * 32].to_vec()),
        refuse(
            "tile-not-in-tree",
            "not-in-tree",
            "tile/0/002.p/1",
            &[partial, upper],
            &format!("{entries}, here none."),
            more(1),
        ),
        refuse(
            "tile-level-not-in-tree",
            "not-in-tree",
            "tile/2/000.p/1",
            &[partial, upper],
            "A partial tile MUST NOT be hashed into a tile at the level above, so a tree of 300 has no level 2.",
            more(1),
        ),
        refuse(
            "tile-partial-flipped",
            "root",
            partial,
            &[upper],
            "The partial tiles lead to the checkpoint's root.",
            flipped(edge.clone(), 100),
        ),
        refuse(
            "tile-full-flipped",
            "above",
            full,
            &[partial, upper],
            "The hash over a full tile is in the tile above it.",
            flipped(bytes(0, 0), 4000),
        ),
        refuse(
            "tile-partial-missing",
            "missing",
            full,
            &[upper],
            "Without the partial tiles nothing leads to the root.",
            bytes(0, 0),
        ),
        refuse(
            "tile-above-missing",
            "missing",
            partial,
            &[],
            "Without the partial tiles of all levels nothing leads to the root.",
            edge,
        ),
    ]
}
