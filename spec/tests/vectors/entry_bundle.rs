//! Entry bundles: entries behind their lengths.

use super::format::{C2SP, Vector, base64};
use spec::entry_bundle::{EntryBundleError, encode, parse};
use spec::merkle::leaf_hash;

pub fn run(vector: &Vector) -> String {
    match parse(&vector.body) {
        Ok(entries) => {
            assert_eq!(vector.number("entries"), entries.len() as u64, "{}", vector.name);
            let hashes: Vec<u8> = entries.iter().flat_map(|entry| leaf_hash(entry).0).collect();
            assert_eq!(vector.base64("tile-base64"), hashes, "{}", vector.name);
            assert_eq!(encode(&entries).unwrap(), vector.body, "{}", vector.name);
            "accept".into()
        }
        Err(EntryBundleError::Truncated(_)) => "truncated".into(),
        Err(EntryBundleError::Count) => "count".into(),
    }
}

pub fn make() -> Vec<Vector> {
    let spec = format!("{C2SP}tlog-tiles.md#log-entries");
    let accept = |name: &str, comment: &str, entries: &[&[u8]]| {
        let hashes: Vec<u8> = entries.iter().flat_map(|entry| leaf_hash(entry).0).collect();
        let vector = Vector::accept(name, &spec, comment, encode(entries).unwrap());
        vector.with("entries", entries.len()).with("tile-base64", base64(&hashes))
    };
    let refuse = |name: &str, expect: &str, comment: &str, body: &[u8]| {
        Vector::refuse(name, "entries", expect, &spec, comment, body)
    };
    let long = vec![b'x'; 65_535];
    vec![
        accept("entries", "Each entry stands behind its length as a big-endian uint16.", &[b"entry 0", b"entry 1"]),
        accept("empty-entry", "An entry may be empty.", &[b"", b"entry 1"]),
        accept("long-entry", "The high byte of the length stands first.", &[&[b'x'; 300]]),
        accept("longest-entry", "The longest entry has 65,535 bytes.", &[&long]),
        accept("full", "A full bundle has 256 entries.", &[b"e".as_slice(); 256]),
        refuse("empty", "count", "Empty tiles MUST NOT be served, nor empty bundles.", b""),
        refuse("half-a-length", "truncated", "A length has two bytes.", b"\0\x07entry 0\0"),
        refuse("entry-cut", "truncated", "An entry is as long as its length says.", b"\0\x07entry 0\0\x07entry"),
        refuse("length-without-entry", "truncated", "An entry follows its length.", b"\0\x07entry 0\0\x07"),
        refuse("little-endian", "truncated", "The length is big-endian.", b"\x07\0entry 0\x07\0entry 1"),
        refuse("count-257", "count", "A bundle has at most 256 entries.", &b"\0\x01e".repeat(257)),
        refuse("surplus-byte", "truncated", "Nothing follows the last entry.", b"\0\x07entry 0\0\x07entry 1\n"),
    ]
}
