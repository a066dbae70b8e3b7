//! The keys and trees of the vectors, the same ones every time.

use spec::checkpoint::{self, Checkpoint};
use spec::cosignature;
use spec::merkle::{Frontier, Hash, leaf_hash};
use spec::note::{KeyKind, Note, NoteSignature, Skey};

/// The origin of the log of the vectors.
pub const ORIGIN: &str = "log.example/updates";
/// The time of the first witness's cosignature, in Unix seconds.
pub const TIME: u64 = 1_795_430_000;

/// A key whose seed is one byte, 32 times.
pub fn skey(name: &str, kind: KeyKind, seed: u8) -> Skey {
    Skey::from_seed(name, kind, [seed; 32]).unwrap()
}

/// The log's Ed25519 key.
pub fn log() -> Skey {
    skey(ORIGIN, KeyKind::Ed25519, 1)
}

/// The log's ML-DSA-44 key.
pub fn log_ml_dsa() -> Skey {
    skey(ORIGIN, KeyKind::CosignatureMlDsa44, 101)
}

/// The Ed25519 key of witness n, from 1.
pub fn witness(n: u8) -> Skey {
    skey(&format!("witness.example/w{n}"), KeyKind::CosignatureEd25519, n + 1)
}

/// The ML-DSA-44 key of witness n, from 1.
pub fn witness_ml_dsa(n: u8) -> Skey {
    skey(&format!("witness.example/w{n}"), KeyKind::CosignatureMlDsa44, n + 101)
}

/// The leaves of the log's tree: entry n is the text `entry <n>`.
pub fn leaf(n: u64) -> Hash {
    leaf_hash(format!("entry {n}").as_bytes())
}

/// The log's checkpoint of this size.
pub fn checkpoint(size: u64) -> Checkpoint {
    let mut tree = Frontier::default();
    (0..size).for_each(|n| tree.push(leaf(n), |_, _| ()));
    Checkpoint::new(ORIGIN, tree.head())
}

/// A note of the checkpoint, with the log's line and those of these witnesses, one second after the other.
pub fn cosigned(checkpoint: &Checkpoint, witnesses: &[u8]) -> Note {
    let text = checkpoint.to_text();
    let mut signatures = vec![checkpoint::sign(checkpoint, &log())];
    let line = |(time, n): (u64, &u8)| cosignature::sign(&text, time, &witness(*n));
    signatures.extend((TIME..).zip(witnesses).map(line));
    Note { text, signatures }
}

/// A note of this text with these lines.
pub fn note(text: &str, signatures: &[NoteSignature]) -> String {
    Note { text: text.into(), signatures: signatures.to_vec() }.to_string()
}
