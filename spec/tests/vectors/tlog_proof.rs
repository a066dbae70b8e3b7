//! Tlog-proofs: the file, and what it proves under a policy.

use super::format::{C2SP, Vector, base64, trailing_bit};
use super::keys::{ORIGIN, TIME, checkpoint, cosigned, leaf, log, log_ml_dsa, log_signs, witness, witness_ml_dsa};
use super::note::{note_error, open_error};
use spec::checkpoint::{Checkpoint, sign};
use spec::cosignature;
use spec::merkle::{Hash, TreeHead, node_hash};
use spec::note::{KeyKind, Note, NoteSignature};
use spec::policy::Policy;
use spec::proof::InclusionError;
use spec::tlog_proof::{MAX_EXTRA_BYTES, TlogProof, TlogProofError, TlogProofParseError};

pub fn run(vector: &Vector) -> String {
    let proof = match TlogProof::parse(&vector.body) {
        Ok(proof) => proof,
        Err(error) => return parse_error(&error).into(),
    };
    let leaf = Hash(vector.base64("leaf-base64").try_into().unwrap());
    let policy = Policy::parse(&vector.base64("policy-base64")).unwrap();
    match proof.verify(&leaf, &policy, vector.get("origin")) {
        Ok(verified) => {
            assert_eq!((proof.index, verified.checkpoint.head.size), (vector.number("index"), vector.number("size")));
            assert_eq!(verified.evaluation.time(&policy), Some(vector.number("time")));
            "accept".into()
        }
        Err(error) => verify_error(&error).into(),
    }
}

pub fn parse_error(error: &TlogProofParseError) -> &'static str {
    match error {
        TlogProofParseError::TooLong(_) => "proof-too-long",
        TlogProofParseError::Form => "proof-form",
        TlogProofParseError::Header => "header",
        TlogProofParseError::Extra => "extra",
        TlogProofParseError::Index { .. } => "index",
        TlogProofParseError::TooManyHashes => "too-many-hashes",
        TlogProofParseError::Hash { .. } => "hash",
        TlogProofParseError::Note(error) => note_error(error),
    }
}

fn verify_error(error: &TlogProofError) -> &'static str {
    match error {
        TlogProofError::UnknownLog { .. } => "unknown-log",
        TlogProofError::Origin { .. } => "other-origin",
        TlogProofError::Open(error) => open_error(error),
        TlogProofError::Quorum { .. } => "quorum-not-met",
        TlogProofError::Inclusion(InclusionError::IndexBeyondSize { .. }) => "index-beyond-size",
        TlogProofError::Inclusion(InclusionError::Length { .. }) => "proof-length",
        TlogProofError::Inclusion(InclusionError::Root { .. }) => "proof-root",
    }
}

pub fn accepts(_: &Vector, text: &[u8]) -> Option<Vec<u8>> {
    Some(TlogProof::parse(text).ok()?.to_text().into_bytes())
}

pub fn make() -> Vec<Vector> {
    [valid(), forms(), indexes(), hashes(), checkpoints()].concat()
}

const FORMAT: &str = "format";
const VERIFY: &str = "verifying-a-tlog-proof";
const HEADER: &str = "c2sp.org/tlog-proof@v1\n";

fn spec(section: &str) -> String {
    format!("{C2SP}tlog-proof.md#{section}")
}

/// Two of three witnesses.
fn policy() -> String {
    let line = |n: u8| format!("witness w{n} {}\n", witness(n).vkey());
    let witnesses: String = (1..=3).map(line).collect();
    format!("log {}\n{witnesses}group q 2 w1 w2 w3\nquorum q\n", log().vkey())
}

/// A vector that asks for entry 2 of the log.
fn asks(vector: Vector) -> Vector {
    asks_for(vector, leaf(2), ORIGIN, &policy())
}

fn asks_for(vector: Vector, leaf: Hash, origin: &str, policy: &str) -> Vector {
    let vector = vector.with("leaf-base64", leaf).with("origin", origin);
    vector.with("policy-base64", base64(policy.as_bytes()))
}

fn proves(vector: Vector, index: u64, size: u64) -> Vector {
    vector.with("index", index).with("size", size).with("time", TIME)
}

/// Accepted: entry 2 of 5.
fn accept(name: &str, section: &str, comment: &str, file: &str) -> Vector {
    proves(asks(Vector::accept(name, &spec(section), comment, file)), 2, 5)
}

/// Refused, and differs from `valid`.
fn refuse(name: &str, expect: &str, section: &str, comment: &str, file: &str) -> Vector {
    like("valid", name, expect, section, comment, file)
}

fn like(sibling: &str, name: &str, expect: &str, section: &str, comment: &str, file: &str) -> Vector {
    asks(Vector::refuse(name, sibling, expect, &spec(section), comment, file))
}

/// The inclusion proof of entry 2 in the tree of 5.
fn path() -> [Hash; 3] {
    [leaf(3), node_hash(&leaf(0), &leaf(1)), leaf(4)]
}

fn lines(hashes: &[Hash]) -> String {
    hashes.iter().map(|hash| format!("{hash}\n")).collect()
}

fn note() -> Note {
    cosigned(&checkpoint(5), &[1, 3])
}

/// A file of these parts.
fn file(extra: &str, index: &str, hashes: &str, note: &Note) -> String {
    format!("{HEADER}{extra}index {index}\n{hashes}\n{note}")
}

fn of(index: &str, hashes: &[Hash]) -> String {
    file("", index, &lines(hashes), &note())
}

fn valid() -> Vec<Vector> {
    let only = cosigned(&checkpoint(1), &[1, 3]);
    let one = Vector::accept(
        "only-entry",
        &spec(FORMAT),
        "In a tree of one entry the proof has no hashes, and index 0 is written 0.",
        file("", "0", "", &only),
    );
    let (text, keys) = (checkpoint(5).to_text(), [log_ml_dsa(), witness_ml_dsa(1)]);
    let large =
        Note { text: text.clone(), signatures: keys.iter().map(|key| cosignature::sign(&text, TIME, key)).collect() };
    let large = file("", "2", &lines(&path()), &large);
    let ml_dsa =
        Vector::accept("ml-dsa-44", &spec(VERIFY), "The log's and the witness's keys may be of type 0x06.", large);
    let by_ml_dsa = format!("log {}\nwitness w1 {}\nquorum w1\n", keys[0].vkey(), keys[1].vkey());
    vec![
        accept("valid", FORMAT, "Header, index, inclusion proof, empty line and checkpoint.", &of("2", &path())),
        accept(
            "extra",
            FORMAT,
            "The second line MAY have extra data.",
            &file("extra dHdv\n", "2", &lines(&path()), &note()),
        ),
        accept(
            "other-extra",
            FORMAT,
            "The extra data MUST NOT be trusted, for nothing authenticates it, and any other does as well.",
            &file("extra b25l\n", "2", &lines(&path()), &note()),
        ),
        proves(asks_for(one, leaf(0), ORIGIN, &policy()), 0, 1),
        proves(asks_for(ml_dsa, leaf(2), ORIGIN, &by_ml_dsa), 2, 5),
    ]
}

fn forms() -> Vec<Vector> {
    let good = of("2", &path());
    let hashes = lines(&path());
    let extra = |name: &str, comment: &str, line: &str| {
        like("extra", name, "extra", FORMAT, comment, &file(line, "2", &hashes, &note()))
    };
    let header =
        |name: &str, comment: &str, new: &str| refuse(name, "header", FORMAT, comment, &good.replacen(HEADER, new, 1));
    let long = format!("extra {}\n", base64(&vec![0; MAX_EXTRA_BYTES + 1]));
    let cut = good.find("log.example").unwrap();
    vec![
        header("other-version", "The first line MUST be c2sp.org/tlog-proof@v1.", "c2sp.org/tlog-proof@v2\n"),
        header("no-header", "The first line MUST be c2sp.org/tlog-proof@v1.", ""),
        header("space-after-header", "The first line MUST be c2sp.org/tlog-proof@v1.", "c2sp.org/tlog-proof@v1 \n"),
        header("crlf-in-header", "Lines are separated by newline alone.", "c2sp.org/tlog-proof@v1\r\n"),
        refuse(
            "crlf",
            "proof-form",
            FORMAT,
            "Lines are separated by newline alone, so here is no empty line.",
            &good.replace('\n', "\r\n"),
        ),
        refuse(
            "crlf-in-checkpoint",
            "characters",
            FORMAT,
            "The checkpoint is included verbatim, and has no CR.",
            &format!("{}{}", &good[..cut], good[cut..].replace('\n', "\r\n")),
        ),
        refuse(
            "missing-final-newline",
            "note-form",
            FORMAT,
            "The checkpoint is included verbatim, with the newline of its last line.",
            good.trim_end(),
        ),
        refuse(
            "missing-empty-line",
            "hash",
            FORMAT,
            "An empty line stands between the inclusion proof and the checkpoint.",
            &good.replacen("\n\n", "\n", 1),
        ),
        refuse(
            "two-empty-lines",
            "checkpoint-form",
            FORMAT,
            "What follows the first empty line is the checkpoint.",
            &good.replacen("\n\n", "\n\n\n", 1),
        ),
        refuse("without-checkpoint", "note-form", FORMAT, "The checkpoint is included.", &good[..cut]),
        extra("extra-empty", "If there is no extra data, the line is omitted.", "extra \n"),
        extra("extra-without-space", "The string extra is followed by a space.", "extra\n"),
        extra("extra-two-spaces", "The string extra is followed by one space.", "extra  dHdv\n"),
        extra("extra-without-padding", "Base64 is that of RFC 4648 section 4, with padding.", "extra dHc\n"),
        extra(
            "extra-trailing-bits",
            "Bits of base64 that carry nothing are zero, else one file had several forms.",
            &format!("extra {}\n", trailing_bit("dHc=")),
        ),
        extra("extra-too-long", "This implementation reads up to 65,536 bytes of extra data.", &long),
        like(
            "extra",
            "extra-twice",
            "index",
            FORMAT,
            "The next line MUST start with the string index.",
            &file("extra dHdv\nextra dHdv\n", "2", &hashes, &note()),
        ),
        like(
            "extra",
            "extra-after-index",
            "hash",
            FORMAT,
            "Extra data is on the second line, and after the index come hashes.",
            &file("", "2\nextra dHdv", &hashes, &note()),
        ),
        refuse(
            "without-index",
            "index",
            FORMAT,
            "The next line MUST start with the string index.",
            &good.replacen("index 2\n", "", 1),
        ),
    ]
}

fn indexes() -> Vec<Vector> {
    let decimal = "The index is an ASCII decimal with no leading zeroes.";
    let bad = |name: &str, comment: &str, index: &str| refuse(name, "index", FORMAT, comment, &of(index, &path()));
    let beyond = |name: &str, comment: &str, index: &str| {
        refuse(name, "index-beyond-size", VERIFY, comment, &of(index, &path()))
    };
    let zero = cosigned(&checkpoint(1), &[1, 3]);
    vec![
        bad("index-002", decimal, "002"),
        bad("index-plus-2", decimal, "+2"),
        bad("index-space-before", "The string index is followed by one space.", " 2"),
        bad("index-space-after", decimal, "2 "),
        bad("index-empty", decimal, ""),
        bad("index-hex", decimal, "0x2"),
        bad(
            "index-2-to-the-64-plus-2",
            "An index that wraps around in 64 bits is not the one that is proved.",
            "18446744073709551618",
        ),
        like(
            "only-entry",
            "index-00",
            "index",
            FORMAT,
            "Index 0 is written 0, with no zero before.",
            &file("", "00", "", &zero),
        ),
        beyond("index-is-size", "Indexes are from zero, so that of the last entry is one less than the size.", "5"),
        beyond(
            "index-2-to-the-63",
            "An index that is negative in 64 bits with a sign is beyond every size.",
            "9223372036854775808",
        ),
        beyond(
            "index-largest",
            "An index to which 1 cannot be added in 64 bits is beyond every size.",
            "18446744073709551615",
        ),
    ]
}

fn hashes() -> Vec<Vector> {
    let [first, second, third] = path();
    let bad = |name: &str, expect: &str, comment: &str, index: &str, hashes: &[Hash]| {
        refuse(name, expect, VERIFY, comment, &of(index, hashes))
    };
    let length = "RFC 9162 section 2.1.3.2 fails where the proof has not just as many hashes as index and size need.";
    let root = "The inclusion proof binds leaf hash and index to the root of the checkpoint.";
    let line = |name: &str, comment: &str, line: &str| {
        refuse(name, "hash", FORMAT, comment, &file("", "2", &format!("{first}\n{line}\n{third}\n"), &note()))
    };
    let text = second.to_base64();
    let other_leaf = Vector::refuse("other-leaf", "valid", "proof-root", &spec(VERIFY), root, of("2", &path()));
    vec![
        bad("surplus-hash", "proof-length", length, "2", &[first, second, third, first]),
        bad("surplus-hash-before", "proof-length", length, "2", &[first, first, second, third]),
        bad("short-proof", "proof-length", length, "2", &[first, second]),
        bad("no-hashes", "proof-length", length, "2", &[]),
        bad(
            "sixty-four-hashes",
            "too-many-hashes",
            "No tree below 2^63 entries has a proof of 64 hashes.",
            "2",
            &[first; 64],
        ),
        bad("other-index", "proof-root", root, "3", &path()),
        bad("index-of-other-shape", "proof-length", root, "4", &path()),
        bad(
            "swapped-hashes",
            "proof-root",
            "The hashes go from the leaf's sibling up to the root's child.",
            "2",
            &[second, first, third],
        ),
        bad(
            "reversed-hashes",
            "proof-root",
            "The hashes go from the leaf's sibling up to the root's child.",
            "2",
            &[third, second, first],
        ),
        bad("changed-hash", "proof-root", root, "2", &[first, second, leaf(5)]),
        asks_for(other_leaf, leaf(1), ORIGIN, &policy()),
        line("hash-31-bytes", "There is one SHA-256 hash per line.", &base64(&second.0[1..])),
        line("hash-33-bytes", "There is one SHA-256 hash per line.", &base64(&[&second.0[..], &[0]].concat())),
        line("two-hashes-on-a-line", "There is one SHA-256 hash per line.", &base64(&[second.0, third.0].concat())),
        line("hash-without-padding", "Base64 is that of RFC 4648 section 4, with padding.", text.trim_end_matches('=')),
        line(
            "hash-trailing-bits",
            "Bits of base64 that carry nothing are zero, else one proof had several forms.",
            &trailing_bit(&text),
        ),
        line("hash-space-after", "Nothing but the hash stands on its line.", &format!("{text} ")),
    ]
}

fn checkpoints() -> Vec<Vector> {
    let hashes = lines(&path());
    let of = |note: &Note| file("", "2", &hashes, note);
    let bad = |name: &str, expect: &str, comment: &str, note: &Note| refuse(name, expect, VERIFY, comment, &of(note));
    let changed = |at: usize, change: &dyn Fn(&mut NoteSignature)| {
        let mut note = cosigned(&checkpoint(5), &[1, 3, 2]);
        change(&mut note.signatures[at]);
        note
    };
    let fails = |line: &mut NoteSignature| *line.bytes.last_mut().unwrap() ^= 1;
    let other = Checkpoint::new("log.example/other", checkpoint(5).head);
    let stranger = super::keys::skey("log.example/other", KeyKind::Ed25519, 9);
    let of_other = Note { text: other.to_text(), signatures: vec![sign(&other, &stranger)] };
    let unknown = Vector::refuse(
        "unknown-log",
        "valid",
        "unknown-log",
        &spec(VERIFY),
        "The verifier needs the public keys of the origin that it expects.",
        of(&note()),
    );
    let head = |size: u64| Checkpoint::new(ORIGIN, TreeHead { size, ..checkpoint(5).head });
    let too_large = head(5).to_text().replacen("\n5\n", "\n9223372036854775813\n", 1);
    let signed = Note { signatures: vec![log_signs(&too_large)], text: too_large };
    let smaller = cosigned(&checkpoint(4), &[1, 3]);
    vec![
        accept(
            "one-witness-fails",
            VERIFY,
            "A witness's line that fails does not count, and the others suffice.",
            &of(&changed(3, &fails)),
        ),
        bad(
            "quorum-not-met",
            "quorum-not-met",
            "Policy determines which subsets of witnesses are strong enough, and here it asks for two.",
            &cosigned(&checkpoint(5), &[1]),
        ),
        bad(
            "needed-witness-fails",
            "quorum-not-met",
            "All cosignatures of known witnesses are verified, and one that fails does not count.",
            &{
                let mut note = note();
                fails(&mut note.signatures[1]);
                note
            },
        ),
        bad(
            "log-line-fails",
            "bad-signature",
            "The checkpoint is signed by a log public key configured for its origin.",
            &changed(0, &fails),
        ),
        bad(
            "not-signed-by-the-log",
            "not-signed",
            "The checkpoint is signed by a log public key configured for its origin.",
            &Note { signatures: note().signatures[1..].to_vec(), ..note() },
        ),
        bad("other-origin", "other-origin", "The checkpoint's origin line is the one that is expected.", &of_other),
        asks_for(unknown, leaf(2), "log.example/other", &policy()),
        bad("other-tree", "proof-length", "The inclusion proof is one in the checkpointed tree.", &smaller),
        bad("size-2-to-the-63-plus-5", "size", "No tree size is read beyond 2^63 - 1.", &signed),
    ]
}
