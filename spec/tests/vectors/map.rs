//! The map: proofs of what is under a key, and the rows in which the tree is stored.

use super::format::{Vector, base64};
use super::tree::other;
use spec::map::{self as maps, KeyHash, MapError, MapProof, Tile, TileError, TilePath, Tiles, ValueHash};
use spec::merkle::Hash;

const SPEC: &str = "https://github.com/glarus/glarus/blob/main/spec/map.md";

pub fn run(vector: &Vector) -> String {
    match vector.get("format") {
        "proof" => proof(vector),
        "tile-path" => TilePath::parse(&vector.body).map_or("tile-path", |_| "accept").into(),
        "tile-row" => {
            let path = TilePath::parse(&vector.base64("path-base64")).unwrap();
            match Tile::parse(&path, &vector.body) {
                Ok(_) => "accept",
                Err(TileError::Length { .. }) => "row-length",
                Err(TileError::Tag { .. }) => "tag",
                Err(TileError::Stray { .. }) => "stray-leaf",
                Err(TileError::Sparse { .. }) => "sparse-tile",
            }
            .into()
        }
        other => panic!("{}: format {other}", vector.name),
    }
}

pub fn accepts(vector: &Vector, bytes: &[u8]) -> Option<Vec<u8>> {
    match vector.get("format") {
        "tile-path" => TilePath::parse(bytes).map(|path| path.encode()),
        "tile-row" => {
            let path = TilePath::parse(&vector.base64("path-base64")).unwrap();
            Tile::parse(&path, bytes).ok().map(|tile| tile.encode())
        }
        _ => None,
    }
}

/// The bytes are the siblings; a missing `mask-base64` is an empty one, a missing `value-base64` asks for absence.
fn proof(vector: &Vector) -> String {
    let optional = |key: &str| vector.find(key).map(|_| vector.base64(key));
    let value = optional("value-base64").map(|value| String::from_utf8(value).unwrap());
    let other = optional("other-base64").map(|other| {
        let (key, value) = other.split_at(32);
        (KeyHash(key.try_into().unwrap()), ValueHash(value.try_into().unwrap()))
    });
    let siblings = vector.body.as_chunks().0.iter().copied().map(Hash).collect();
    let proof = MapProof { mask: optional("mask-base64").unwrap_or_default(), siblings, other };
    let root = Hash::from_base64(vector.get("root")).unwrap();
    match maps::verify(&root, vector.get("key"), value.as_deref(), &proof) {
        Ok(()) => "accept",
        Err(MapError::Mask { .. }) => "mask",
        Err(MapError::Siblings { .. }) => "siblings",
        Err(MapError::EmptySibling { .. }) => "empty-sibling",
        Err(MapError::OtherBesideValue) => "other-beside-value",
        Err(MapError::OtherIsKey) => "other-is-key",
        Err(MapError::OtherElsewhere { .. }) => "other-elsewhere",
        Err(MapError::Root { .. }) => "root",
    }
    .into()
}

pub fn make() -> Vec<Vector> {
    [proofs(), rows()].concat()
}

/// A map of these keys and values, whole in memory.
fn map(entries: &[(&str, &str)]) -> Tiles {
    let changes: Vec<_> = entries.iter().map(|(key, value)| (maps::key_hash(key), maps::value_hash(value))).collect();
    let keys: Vec<_> = changes.iter().map(|(key, _)| *key).collect();
    let mut tiles = Tiles::default();
    loop {
        let missing = maps::missing(&tiles, &keys);
        if missing.is_empty() {
            break;
        }
        tiles.0.extend(missing.into_iter().map(|path| (path, Tile::default())));
    }
    maps::put(&mut tiles, &changes).unwrap();
    tiles
}

const FRUIT: [(&str, &str); 4] = [("fruit", "apple\n"), ("tree", "oak\n"), ("nut", "hazel\n"), ("root", "beet\n")];

/// A question, and a proof that answers it.
#[derive(Clone)]
struct Answer {
    root: Hash,
    key: &'static str,
    value: Option<&'static str>,
    proof: MapProof,
}

impl Answer {
    fn of(entries: &[(&str, &str)], key: &'static str, value: Option<&'static str>) -> Self {
        let tiles = map(entries);
        Self { root: maps::root(&tiles).unwrap(), key, value, proof: maps::prove(&tiles, key).unwrap() }
    }

    fn body(&self) -> Vec<u8> {
        spec::tile::hashes_bytes(&self.proof.siblings)
    }

    fn with(&self, vector: Vector) -> Vector {
        let mut vector = vector.with("format", "proof").with("root", self.root).with("key", self.key);
        if let Some(value) = self.value {
            vector = vector.with("value-base64", base64(value.as_bytes()));
        }
        if !self.proof.mask.is_empty() {
            vector = vector.with("mask-base64", base64(&self.proof.mask));
        }
        if let Some((key, value)) = self.proof.other {
            vector = vector.with("other-base64", base64(&[key.0, value.0].concat()));
        }
        vector
    }

    fn accept(&self, name: &str, comment: &str) -> Vector {
        self.with(Vector::accept(name, SPEC, comment, self.body()))
    }

    fn refuse(&self, sibling: &str, (name, expect): (&str, &str), comment: &str, change: &dyn Fn(&mut Self)) -> Vector {
        let mut changed = self.clone();
        change(&mut changed);
        changed.with(Vector::refuse(name, sibling, expect, SPEC, comment, changed.body()))
    }
}

/// A key that begins with this word, is absent, and whose proof ends as wanted.
fn absent(ends_in_other: bool) -> &'static str {
    const TRIED: [&str; 12] =
        ["herb", "leaf", "moss", "fern", "seed", "bark", "bush", "weed", "stem", "twig", "bud", "vine"];
    let tiles = map(&FRUIT);
    let fits = |key: &&&str| maps::prove(&tiles, key).unwrap().other.is_some() == ends_in_other;
    TRIED.iter().find(fits).unwrap()
}

fn proofs() -> Vec<Vector> {
    let there = Answer::of(&FRUIT, "nut", Some("hazel\n"));
    let by_leaf = Answer::of(&FRUIT, absent(true), None);
    let by_empty = Answer::of(&FRUIT, absent(false), None);
    let alone = Answer::of(&FRUIT[..1], "fruit", Some("apple\n"));
    let of_empty = Answer::of(&[], "fruit", None);
    assert!(there.proof.siblings.len() > 1 && by_leaf.proof.siblings.len() > 1);
    let present = |name: &str, expect: &str, comment: &str, change: &dyn Fn(&mut Answer)| {
        there.refuse("value", (name, expect), comment, change)
    };
    let lacking = |name: &str, expect: &str, comment: &str, change: &dyn Fn(&mut Answer)| {
        by_leaf.refuse("absent-by-other-leaf", (name, expect), comment, change)
    };
    let mask = "A mask has at most 32 bytes, and its last byte is not zero";
    let listed = "There are as many siblings as bits set in the mask";
    let own = (maps::key_hash(by_leaf.key), maps::value_hash("hazel\n"));
    let far = {
        let mut key = maps::key_hash(by_leaf.key);
        key.0[0] ^= 0x80;
        (key, maps::value_hash("hazel\n"))
    };
    let example = Answer::of(&FRUIT[..3], "nut", Some("hazel\n"));
    vec![
        example.accept("example", "Of three keys, that nut has its value."),
        there.accept("value", "The proof ends in the key's own leaf, which has this value."),
        by_leaf.accept("absent-by-other-leaf", "The proof ends in another leaf that lies on the key's path."),
        by_empty.accept("absent-by-empty", "The proof ends in an empty subtree."),
        alone.accept("only-key", "A map of one key has the key's leaf as its root, and the proof depth 0."),
        of_empty.accept("empty-map", "The root of an empty map is 32 zero bytes, and proves every key absent."),
        present("other-value", "root", "The proof is that of another value.", &|answer| {
            answer.value = Some("brazil\n")
        }),
        present("absence-of-present", "root", "A key that is there is not proved absent.", &|answer| {
            answer.value = None
        }),
        present("value-of-other-key", "root", "The proof is that of another key.", &|answer| answer.key = "tree"),
        present("other-root", "root", "The proof leads to the map's root.", &|answer| answer.root = other(7)),
        present("sibling-changed", "root", "The proof leads to the map's root.", &|answer| {
            answer.proof.siblings[0] = other(7);
        }),
        present("siblings-swapped", "root", "The siblings stand from the root down.", &|answer| {
            answer.proof.siblings.swap(0, 1);
        }),
        present("sibling-missing", "siblings", &format!("{listed}, no fewer."), &|answer| {
            answer.proof.siblings.pop();
        }),
        present("sibling-surplus", "siblings", &format!("{listed}, no more."), &|answer| {
            answer.proof.siblings.push(other(7));
        }),
        present("mask-bit-surplus", "siblings", &format!("{listed}, no fewer."), &|answer| {
            *answer.proof.mask.last_mut().unwrap() |= 1;
        }),
        present("mask-bit-missing", "siblings", &format!("{listed}, no more."), &|answer| {
            answer.proof.mask[0] &= 0x7f;
        }),
        present("mask-zero-byte-at-end", "mask", &format!("{mask}."), &|answer| answer.proof.mask.push(0)),
        present("mask-33-bytes", "mask", &format!("{mask}."), &|answer| {
            answer.proof.mask = vec![0; 32];
            answer.proof.mask.push(0xc0);
        }),
        present(
            "sibling-empty",
            "empty-sibling",
            "An empty sibling is a bit 0 of the mask and not listed.",
            &|answer| {
                answer.proof.siblings[0] = maps::EMPTY;
            },
        ),
        present(
            "other-leaf-beside-value",
            "other-beside-value",
            "The proof of a value has no other leaf.",
            &|answer| answer.proof.other = Some((maps::key_hash("tree"), maps::value_hash("oak\n"))),
        ),
        lacking("other-leaf-is-key", "other-is-key", "The other leaf's key hash differs from the key's.", &|answer| {
            answer.proof.other = Some(own);
        }),
        lacking(
            "other-leaf-off-the-path",
            "other-elsewhere",
            "The other leaf's key hash begins with the bits of the path.",
            &|answer| answer.proof.other = Some(far),
        ),
        lacking("other-leaf-changed", "root", "The other leaf is in the map with this value.", &|answer| {
            answer.proof.other.as_mut().unwrap().1.0[0] ^= 1;
        }),
        lacking("other-leaf-left-out", "root", "A subtree with a leaf is not empty.", &|answer| {
            answer.proof.other = None;
        }),
        alone.refuse(
            "only-key",
            ("only-key-surplus", "mask"),
            "There is nothing beside the only key, so the mask is empty.",
            &|answer| answer.proof.mask = vec![0],
        ),
        of_empty.refuse("empty-map", ("empty-map-value", "root"), "An empty map has no value.", &|answer| {
            answer.value = Some("apple\n");
        }),
    ]
}

fn rows() -> Vec<Vector> {
    let path =
        |name: &str, comment: &str, body: &[u8]| Vector::accept(name, SPEC, comment, body).with("format", "tile-path");
    let bad_path = |name: &str, comment: &str, body: &[u8]| {
        Vector::refuse(name, "path", "tile-path", SPEC, comment, body).with("format", "tile-path")
    };
    // Slot 3 has the bits 25 and 24 of the tags, slot 4 the bits 23 and 22.
    let row = |tags: u32, parts: &[&[u8]]| [&tags.to_be_bytes(), parts.concat().as_slice()].concat();
    let leaf = |first: u8| [[first].as_slice(), &[0x55; 31], &[7; 32]].concat();
    let (three, four) = (leaf(0x33), leaf(0x34));
    let (top, below): (&[u8], &[u8]) = (&[0], &[1, 0x30]);
    let accept = |name: &str, path: &[u8], comment: &str, body: Vec<u8>| {
        Vector::accept(name, SPEC, comment, body).with("format", "tile-row").with("path-base64", base64(path))
    };
    let refuse = |name: &str, expect: &str, path: &[u8], comment: &str, body: Vec<u8>| {
        let sibling = if path == top { "row-root" } else { "row" };
        let vector = Vector::refuse(name, sibling, expect, SPEC, comment, body).with("format", "tile-row");
        vector.with("path-base64", base64(path))
    };
    let both = row(1 << 24 | 1 << 22, &[&three, &four]);
    vec![
        path("path", "The number of nibbles, then the nibbles, high half first.", &[3, 0xab, 0xc0]),
        path("path-root", "The root's tile has no nibbles.", &[0]),
        bad_path("path-empty", "A path begins with its number of nibbles.", &[]),
        bad_path("path-short", "As many nibbles follow as the number says.", &[3, 0xab]),
        bad_path("path-long", "As many nibbles follow as the number says.", &[3, 0xab, 0xc0, 0]),
        bad_path("path-low-half-set", "The last low half is 0 if the number is odd.", &[3, 0xab, 0xcd]),
        bad_path("path-64-nibbles", "The deepest tile has 63 nibbles.", &[[64].as_slice(), &[0; 32]].concat()),
        accept("row-root", top, "The root's tile exists with one leaf, here in slot 3.", row(1 << 24, &[&three])),
        accept(
            "row",
            below,
            "Two leaves whose paths begin with nibble 3, in the slots of their second one.",
            both.clone(),
        ),
        accept("row-node", below, "A slot with two leaves or more has the subtree's hash.", row(2 << 24, &[&[7; 32]])),
        refuse("row-empty", "row-length", top, "A row begins with four bytes of tags.", Vec::new()),
        refuse("row-short", "row-length", below, "A row is as long as its tags say.", both[..both.len() - 1].to_vec()),
        refuse("row-long", "row-length", below, "A row is as long as its tags say.", [both.as_slice(), &[0]].concat()),
        refuse("row-tag-3", "tag", top, "A tag is 0, 1 or 2.", row(3 << 24, &[])),
        refuse(
            "row-leaf-in-other-slot",
            "stray-leaf",
            top,
            "A leaf stands in the slot of its path.",
            row(1 << 22, &[&three]),
        ),
        refuse(
            "row-leaf-of-other-tile",
            "stray-leaf",
            below,
            "A leaf's path leads through its tile.",
            row(1 << 24 | 1 << 22, &[&leaf(0x43), &four]),
        ),
        refuse("row-no-leaf", "sparse-tile", top, "A tile without leaf is not stored.", row(0, &[])),
        refuse(
            "row-one-leaf",
            "sparse-tile",
            below,
            "A tile below the root's exists where more than one leaf lies below it.",
            row(1 << 24, &[&three]),
        ),
    ]
}
