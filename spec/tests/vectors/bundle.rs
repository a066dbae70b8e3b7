//! Bundles and statuses: their one form. What they prove is the chapter `verdict`'s.

use super::format::Vector;
use super::keys;
use super::tree::{Tree, other};
use spec::bundle::{Bundle, BundleError, MAX_KEYS, MAX_RECORDS, MapProved, Proved, Status};
use spec::map::{KeyHash, MapProof, ValueHash};
use spec::proof::MAX_PROOF_HASHES;

const SPEC: &str = "https://github.com/glarus/glarus/blob/main/spec/bundle.md";

pub fn run(vector: &Vector) -> String {
    let read = match vector.get("format") {
        "bundle" => Bundle::parse(&vector.body).map(|_| ()),
        "status" => Status::parse(&vector.body).map(|_| ()),
        other => panic!("format {other}"),
    };
    match read {
        Ok(()) => "accept",
        Err(BundleError::TooLarge { .. }) => "too-large",
        Err(BundleError::Separators { .. }) => "separators",
        Err(BundleError::Json(_)) => "not-json",
        Err(BundleError::MediaType { .. }) => "media-type",
        Err(BundleError::Member { .. }) => "member",
        Err(BundleError::Note { .. }) => "note-form",
        Err(BundleError::Limit { .. }) => "limit",
        Err(BundleError::Order { .. }) => "order",
        Err(BundleError::NotCanonical { .. }) => "not-canonical",
    }
    .into()
}

pub fn accepts(vector: &Vector, bytes: &[u8]) -> Option<Vec<u8>> {
    match vector.get("format") {
        "bundle" => Bundle::parse(bytes).ok().map(|bundle| bundle.to_json().into_bytes()),
        _ => Status::parse(bytes).ok().map(|status| status.to_json().into_bytes()),
    }
}

fn proved(index: u64, size: u64) -> Proved {
    let proof = Tree::new(size).inclusion(index, size);
    Proved { index, entry: format!("entry {index}").into_bytes(), proof }
}

fn key(key: &str, value: Option<&str>) -> MapProved {
    let other_leaf = value.is_none().then_some((KeyHash([1; 32]), ValueHash([2; 32])));
    let proof = MapProof { mask: vec![0xa0], siblings: vec![other(3), other(4)], other: other_leaf };
    MapProved { key: key.into(), value: value.map(String::from), proof }
}

fn sample() -> Bundle {
    let map = vec![key("authority pkg:generic/acme/", Some("0 … 2\n")), key("policy", None)];
    let status = Status {
        checkpoint: keys::cosigned(&keys::checkpoint(13), &[1, 2]),
        state: proved(12, 13),
        records: vec![proved(2, 13)],
        map,
    };
    let records = [3, 4, 5].map(|index| proved(index, 8)).into();
    Bundle { checkpoint: keys::cosigned(&keys::checkpoint(8), &[1, 3]), records, status }
}

pub fn make() -> Vec<Vector> {
    let bundle = |name: &str, comment: &str, bundle: Bundle| {
        Vector::accept(name, SPEC, comment, bundle.to_json()).with("format", "bundle")
    };
    let mut bare = sample();
    bare.records.clear();
    bare.status.records.clear();
    bare.status.map.clear();
    let mut alone = sample();
    alone.records = vec![Proved { index: 0, entry: Vec::new(), proof: Vec::new() }];
    let mut escaped = sample();
    escaped.status.map = vec![key("a\u{1}\"\\é", Some(""))];
    let mut accepted = vec![
        bundle("example", "A checkpoint, three records, and a status with a record and two keys.", sample()),
        bundle("no-records", "Whether there is anything is the verdict's question.", bare),
        bundle("empty-entry", "An entry and a proof may be empty.", alone),
        bundle("escaped-key", "Strings have one form each, and a value may be empty.", escaped),
        Vector::accept("status", SPEC, "The same status, in a file of its own.", sample().status.to_json())
            .with("format", "status"),
    ];
    accepted.extend(changed());
    accepted.extend(refused());
    accepted
}

fn refuse(name: &str, expect: &str, comment: &str, body: impl Into<Vec<u8>>) -> Vector {
    Vector::refuse(name, "example", expect, SPEC, comment, body).with("format", "bundle")
}

/// One part of the text is another.
fn changed() -> Vec<Vector> {
    let good = sample().to_json();
    let cases = [
        ("space-after-comma", "not-canonical", "There is no white space.", ",\"status\"", ", \"status\""),
        ("space-in-number", "not-canonical", "There is no white space.", ":3,", ": 3,"),
        ("surplus-member", "not-canonical", "No other members stand there.", "{\"index\":3", "{\"more\":1,\"index\":3"),
        ("escaped-letter", "not-canonical", "Strings have one form.", "policy", "\\u0070olicy"),
        ("number-exponent", "member", "Numbers are written in digits.", "\"index\":3", "\"index\":3e0"),
        ("bundle-version", "media-type", "The media type says version 1.", "bundle.v1", "bundle.v2"),
        ("status-media-type", "media-type", "The status has its own media type.", "status.v1", "bundle.v1"),
        ("member-case", "member", "Members have these names and no others.", "\"status\"", "\"Status\""),
        ("index-negative", "member", "An index is a number from 0.", "\"index\":3", "\"index\":-3"),
        ("index-text", "member", "An index is a number.", "\"index\":3", "\"index\":\"3\""),
        ("index-2-to-the-53", "member", "An index is at most 2^53 - 1.", "\"index\":5", "\"index\":9007199254740992"),
        ("entry-without-padding", "member", "Base64 is padded.", "ZW50cnkgMw==", "ZW50cnkgMw"),
        ("entry-trailing-bits", "member", "Base64 has one form.", "ZW50cnkgMw==", "ZW50cnkgMx=="),
        ("value-number", "member", "A value is a text or null.", "\"value\":null", "\"value\":0"),
        (
            "mask-too-long",
            "member",
            "A mask has at most 32 bytes.",
            "\"mask\":\"oA==",
            &format!("\"mask\":\"{}", "AAAA".repeat(11)),
        ),
        ("index-repeated", "order", "Records ascend.", "\"index\":3", "\"index\":4"),
        ("index-falls", "order", "Records ascend.", "\"index\":3", "\"index\":6"),
        ("key-falls", "order", "Keys ascend by their bytes.", "authority pkg", "z pkg"),
        ("duplicate-member", "not-json", "No member stands twice.", ",\"status\":", ",\"records\":[],\"status\":"),
        ("control-character", "not-json", "Control characters in strings are escaped.", "policy", "pol\u{1}icy"),
        ("checkpoint-no-note", "note-form", "A checkpoint is a whole note.", "\\n\\n— ", "\\n— "),
    ];
    cases
        .into_iter()
        .map(|(name, expect, comment, from, to)| {
            assert!(good.contains(from), "{name}");
            refuse(name, expect, comment, good.replacen(from, to, 1))
        })
        .collect()
}

fn refused() -> Vec<Vector> {
    let good = sample().to_json();
    let with = |edit: fn(&mut Bundle)| {
        let mut bundle = sample();
        edit(&mut bundle);
        bundle.to_json()
    };
    vec![
        refuse("empty", "not-json", "A bundle is a JSON object.", ""),
        refuse("not-utf-8", "not-json", "JSON is UTF-8.", [good.as_bytes(), b"\xff"].concat()),
        refuse("array", "member", "A bundle is a JSON object.", "[]\n"),
        refuse("no-final-newline", "not-canonical", "A line feed ends the file.", good.trim_end()),
        refuse("two-final-newlines", "not-canonical", "One line feed ends the file.", format!("{good}\n")),
        refuse("crlf", "not-canonical", "A line feed alone ends the file.", good.replace('\n', "\r\n")),
        refuse("status-alone", "media-type", "A status is no bundle.", sample().status.to_json()),
        refuse(
            "too-many-records",
            "limit",
            "At most 256 records are read.",
            with(|it| {
                it.records = (0..=MAX_RECORDS as u64)
                    .map(|index| Proved { index, entry: Vec::new(), proof: Vec::new() })
                    .collect();
            }),
        ),
        refuse(
            "too-many-keys",
            "limit",
            "At most 512 keys are read.",
            with(|it| {
                let bare = |at: usize| {
                    let proof = MapProof { mask: Vec::new(), siblings: Vec::new(), other: None };
                    MapProved { key: format!("{at:03}"), value: None, proof }
                };
                it.status.map = (0..=MAX_KEYS).map(bare).collect();
            }),
        ),
        refuse(
            "proof-too-long",
            "member",
            "A proof has at most 63 hashes.",
            with(|it| {
                it.records[0].proof = vec![other(0); MAX_PROOF_HASHES + 1];
            }),
        ),
        refuse(
            "proof-31-bytes",
            "member",
            "A proof is hashes of 32 bytes each.",
            good.replacen(
                &format!("\"proof\":\"{}", joined(&sample().records[0])),
                &format!("\"proof\":\"{}", "A".repeat(40)),
                1,
            ),
        ),
        refuse(
            "too-many-siblings",
            "member",
            "A map proof has at most 256 siblings.",
            with(|it| {
                it.status.map[0].proof.siblings = vec![other(0); 257];
            }),
        ),
        refuse("separators", "separators", "At most 65,536 commas and opening brackets are read.", "[".repeat(65_537)),
    ]
}

/// A record's proof as it stands in the text.
fn joined(record: &Proved) -> String {
    let text = sample().to_json();
    let after = text.split(&format!("\"index\":{}", record.index)).nth(1).unwrap();
    after.split("\"proof\":\"").nth(1).unwrap().split('"').next().unwrap().into()
}
