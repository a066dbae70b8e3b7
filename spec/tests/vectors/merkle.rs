//! The tree: the root over the entries of an entry bundle, or of none.

use super::format::Vector;
use spec::entry_bundle;
use spec::merkle::{Frontier, Hash, leaf_hash, node_hash};

const SPEC: &str = "https://www.rfc-editor.org/rfc/rfc6962#section-2.1";

pub fn run(vector: &Vector) -> String {
    let entries = if vector.body.is_empty() { Vec::new() } else { entry_bundle::parse(&vector.body).unwrap() };
    let mut tree = Frontier::default();
    entries.iter().for_each(|entry| tree.push(leaf_hash(entry), |_, _| ()));
    assert_eq!(tree.size(), vector.number("size"), "{}", vector.name);
    let root = Hash::from_base64(vector.get("root")).unwrap();
    if tree.root() == root { "accept".into() } else { "root".into() }
}

/// MTH of section 2.1, from its definition.
fn mth(entries: &[&[u8]]) -> Hash {
    use sha2::{Digest as _, Sha256};
    let sha = |parts: &[&[u8]]| Hash(Sha256::digest(parts.concat()).into());
    match entries {
        [] => sha(&[]),
        [entry] => sha(&[&[0], entry]),
        _ => {
            let (left, right) = entries.split_at(entries.len().next_power_of_two() / 2);
            sha(&[&[1], &mth(left).0, &mth(right).0])
        }
    }
}

pub fn make() -> Vec<Vector> {
    let all: Vec<String> = (0..256).map(|n| format!("entry {n}")).collect();
    let all: Vec<&[u8]> = all.iter().map(|entry| entry.as_bytes()).collect();
    let with = |vector: Vector, size: usize, root: Hash| vector.with("size", size).with("root", root);
    let accept = |name: &str, comment: &str, entries: &[&[u8]]| {
        let body = entry_bundle::encode(entries).unwrap();
        with(Vector::accept(name, SPEC, comment, body), entries.len(), mth(entries))
    };
    let refuse = |name: &str, comment: &str, entries: &[&[u8]], root: Hash| {
        let body = entry_bundle::encode(entries).unwrap();
        with(Vector::refuse(name, "size-3", "root", SPEC, comment, body), entries.len(), root)
    };
    let (a, b, c) = (leaf_hash(all[0]), leaf_hash(all[1]), leaf_hash(all[2]));
    let plain = |entry: &[u8]| {
        use sha2::{Digest as _, Sha256};
        Hash(Sha256::digest(entry).into())
    };
    let node_as_entry = [&a.0[..], &b.0].concat();
    vec![
        accept("size-0", "The hash of an empty list is the hash of an empty string.", &[]),
        accept("size-1", "The hash of a list with one entry is SHA-256(0x00 || entry).", &all[..1]),
        accept("size-2", "A node is SHA-256(0x01 || left || right).", &all[..2]),
        accept("size-3", "The left part has the largest power of two smaller than n.", &all[..3]),
        accept("size-6", "The left part of six is four, the right part two.", &all[..6]),
        accept("size-7", "The left part of seven is four, the right part three.", &all[..7]),
        accept("size-8", "Eight is split into four and four, for two times four is not smaller.", &all[..8]),
        accept("size-256", "The entries of a full bundle.", &all),
        accept("empty-entry", "An empty entry is an entry, and its tree not the empty tree.", &[b""]),
        refuse(
            "leaves-without-prefix",
            "An entry's hash has the prefix 0x00.",
            &all[..3],
            node_hash(&node_hash(&plain(all[0]), &plain(all[1])), &plain(all[2])),
        ),
        refuse(
            "last-entry-doubled",
            "A tree whose size is no power of two is not filled up.",
            &all[..3],
            node_hash(&node_hash(&a, &b), &node_hash(&c, &c)),
        ),
        refuse("split-in-the-middle", "The left part is the larger one.", &all[..3], node_hash(&a, &node_hash(&b, &c))),
        refuse("entries-reversed", "The order of entries counts.", &all[..3], mth(&[all[2], all[1], all[0]])),
        refuse(
            "node-as-entry",
            "An entry that has the bytes of a node does not have its hash.",
            &[&node_as_entry, all[2]],
            mth(&all[..3]),
        ),
    ]
}
