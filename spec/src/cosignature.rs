#![doc = include_str!("../cosignature.md")]

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::merkle::Hash;
use crate::ml_dsa;
use crate::note::{KeyKind, NoteSignature, Skey, Vkey};
use crate::proof::subtree::Subtree;
use alloc::{string::String, vec::Vec};
use core::ops::Range;

/// Why a line is not a cosignature of the checkpoint by the key.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CosignatureError {
    /// The key is not a cosigner's, or the line names another key.
    #[error("the line is not by {name} (key ID {id:08x}) as a cosigner")]
    OtherKey {
        /// The key name asked for.
        name: String,
        /// The key ID asked for.
        id: u32,
    },
    /// Not the length that the key's type has.
    #[error("a cosignature by this key has {need} bytes, this has {have}")]
    Length {
        /// Bytes found.
        have: usize,
        /// Bytes needed: 72 or 2,428.
        need: usize,
    },
    /// Zero, or beyond 2^63 - 1.
    #[error("{0} is not a cosignature's time: between 1 and 2^63 - 1")]
    Time(u64),
    /// A subtree's has a time, which only a whole tree's may have.
    #[error("a subtree's cosignature has time 0, this has {0}")]
    SubtreeTime(u64),
    /// What was signed with a key of type 0x06 can only be a checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The signature does not verify.
    #[error("the cosignature of {name} (key ID {id:08x}) does not verify")]
    BadSignature {
        /// The key name.
        name: String,
        /// The key ID.
        id: u32,
    },
}

const TIME_BYTES: usize = 8;
const LABEL: &[u8; 12] = b"subtree/v1\n\0";

/// A checkpoint's text, and the message over it that an Ed25519 cosignature of some time signs.
///
/// To verify many lines, one buffer holds the message of each in its turn.
pub(crate) struct Cosigned<'a> {
    text: &'a str,
    message: Vec<u8>,
    /// Where in the message the time stands.
    time: Range<usize>,
}

const BEFORE_TIME: &[u8] = b"cosignature/v1\ntime ";

impl<'a> Cosigned<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, message: Vec::new(), time: 0..0 }
    }

    fn at(&mut self, time: u64) -> &[u8] {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(time).as_bytes();
        match self.message.get_mut(self.time.clone()) {
            // Times of today have as many digits as each other: no other byte changes.
            Some(before) if before.len() == digits.len() => before.copy_from_slice(digits),
            _ => {
                self.message = [BEFORE_TIME, digits, b"\n", self.text.as_bytes()].concat();
                self.time = BEFORE_TIME.len()..BEFORE_TIME.len().saturating_add(digits.len());
            }
        }
        &self.message
    }
}

/// The `cosigned_message` of a whole tree; `None` as for [`ml_dsa_message`].
fn ml_dsa_checkpoint_message(cosigner: &str, time: u64, checkpoint: &Checkpoint) -> Option<Vec<u8>> {
    // SPEC: "If signing a checkpoint, it MUST be zero."
    ml_dsa_message(cosigner, time, &checkpoint.origin, 0..checkpoint.head.size, &checkpoint.head.root)
}

/// The `cosigned_message` that an ML-DSA-44 cosignature signs; `None` if a name is empty or longer than 255 bytes.
fn ml_dsa_message(cosigner: &str, time: u64, origin: &str, entries: Range<u64>, hash: &Hash) -> Option<Vec<u8>> {
    let mut message = LABEL.to_vec();
    let name = |message: &mut Vec<u8>, name: &str| {
        message.push(u8::try_from(name.len()).ok().filter(|length| *length > 0)?);
        message.extend(name.as_bytes());
        Some(())
    };
    name(&mut message, cosigner)?;
    message.extend(time.to_be_bytes());
    name(&mut message, origin)?;
    message.extend(entries.start.to_be_bytes());
    message.extend(entries.end.to_be_bytes());
    message.extend(hash.0);
    Some(message)
}

/// Cosigns the text of a checkpoint; with a key of type 0x06 the same signature each time.
///
/// What a key of type 0x01 makes here verifies nowhere, nor does what a key of type 0x06 makes of a text that is no checkpoint.
///
/// Units: `time` in Unix seconds.
///
/// Cost: 20 us for Ed25519; for ML-DSA-44 300 us on average and four times that once in a hundred, for it tries until a
/// signature tells nothing of the key.
pub fn sign(text: &str, time: u64, key: &Skey) -> NoteSignature {
    sign_hedged(text, time, key, &[0; 32])
}

/// Cosigns the text of a checkpoint as [`sign`] does, with 32 random bytes, which FIPS 204 prefers: they make it harder to
/// learn the key by watching or disturbing the computation. A key of type 0x04 has no use for them.
///
/// Units: `time` in Unix seconds.
pub fn sign_hedged(text: &str, time: u64, key: &Skey, randomness: &[u8; 32]) -> NoteSignature {
    let vkey = key.vkey();
    let message = match vkey.kind {
        KeyKind::CosignatureMlDsa44 => {
            Checkpoint::parse(text).ok().and_then(|checkpoint| ml_dsa_checkpoint_message(&vkey.name, time, &checkpoint))
        }
        KeyKind::Ed25519 | KeyKind::CosignatureEd25519 => None,
    };
    let message = message.unwrap_or_else(|| Cosigned::new(text).at(time).to_vec());
    let bytes = [time.to_be_bytes().as_slice(), &key.sign(&message, randomness)].concat();
    NoteSignature { name: vkey.name.clone(), id: vkey.id, bytes }
}

/// Verifies one line over the text of a checkpoint, and returns its time in Unix seconds.
///
/// The key is of type 0x04 or 0x06; whether it is a witness's or the log's own, whoever holds it knows.
///
/// Cost: 35 us for Ed25519, 90 us for ML-DSA-44.
///
/// # Errors
/// [`CosignatureError`], in the order of its variants.
pub fn verify(text: &str, line: &NoteSignature, key: &Vkey) -> Result<u64, CosignatureError> {
    signed_at(&mut Cosigned::new(text), line, key)?
        .ok_or_else(|| CosignatureError::BadSignature { name: key.name.clone(), id: key.id })
}

/// The time at which a line was signed; `None` if its signature does not verify.
///
/// # Errors
/// [`CosignatureError`], all but [`CosignatureError::BadSignature`].
pub(crate) fn signed_at(
    cosigned: &mut Cosigned<'_>,
    line: &NoteSignature,
    key: &Vkey,
) -> Result<Option<u64>, CosignatureError> {
    if !key.kind.signs_as_witness() || !key.made(line) {
        return Err(CosignatureError::OtherKey { name: key.name.clone(), id: key.id });
    }
    let ml_dsa = key.kind == KeyKind::CosignatureMlDsa44;
    let (time, signature) = split(line, if ml_dsa { ml_dsa::SIGNATURE_BYTES } else { 64 })?;
    // SPEC: "It MUST NOT exceed 2^63 - 1"; tlog-witness: "the timestamp MUST NOT be zero."
    if time == 0 || i64::try_from(time).is_err() {
        return Err(CosignatureError::Time(time));
    }
    let valid = if ml_dsa {
        let message = ml_dsa_checkpoint_message(&key.name, time, &Checkpoint::parse(cosigned.text)?);
        message.is_some_and(|message| key.verify(&message, signature))
    } else {
        key.verify(cosigned.at(time), signature)
    };
    Ok(valid.then_some(time))
}

/// Cosigns a subtree: what a witness answers to a request that [`crate::witness::judge_subtree`] accepted. Its time is 0.
///
/// What a key of another type than 0x06 makes here verifies nowhere: only that type says what it signs.
///
/// Spec: <https://github.com/C2SP/C2SP/blob/5ba5ee8/tlog-cosignature.md#ml-dsa-44-signed-message>
pub fn sign_subtree(origin: &str, subtree: Subtree, hash: &Hash, key: &Skey, randomness: &[u8; 32]) -> NoteSignature {
    let vkey = key.vkey();
    let message = ml_dsa_message(&vkey.name, 0, origin, subtree.start()..subtree.end(), hash).unwrap_or_default();
    let bytes = [0_u64.to_be_bytes().as_slice(), &key.sign(&message, randomness)].concat();
    NoteSignature { name: vkey.name.clone(), id: vkey.id, bytes }
}

/// Verifies one line of an answer to sign-subtree.
///
/// Cost: 90 us.
///
/// # Errors
/// [`CosignatureError::OtherKey`] also for a key of another type than 0x06, [`CosignatureError::Length`],
/// [`CosignatureError::SubtreeTime`], [`CosignatureError::BadSignature`].
pub fn verify_subtree(
    origin: &str,
    subtree: Subtree,
    hash: &Hash,
    line: &NoteSignature,
    key: &Vkey,
) -> Result<(), CosignatureError> {
    // SPEC, tlog-witness: "The cosignature format MUST support subtree cosigning."
    if key.kind != KeyKind::CosignatureMlDsa44 || !key.made(line) {
        return Err(CosignatureError::OtherKey { name: key.name.clone(), id: key.id });
    }
    let (time, signature) = split(line, ml_dsa::SIGNATURE_BYTES)?;
    // SPEC, tlog-witness: "If the cosignature format supports timestamps, the timestamp MUST be zero."
    if time != 0 {
        return Err(CosignatureError::SubtreeTime(time));
    }
    let message = ml_dsa_message(&key.name, time, origin, subtree.start()..subtree.end(), hash);
    if !message.is_some_and(|message| key.verify(&message, signature)) {
        return Err(CosignatureError::BadSignature { name: key.name.clone(), id: key.id });
    }
    Ok(())
}

/// The time and the signature of a line whose signature has so many bytes.
fn split(line: &NoteSignature, signature_bytes: usize) -> Result<(u64, &[u8]), CosignatureError> {
    let (have, need) = (line.bytes.len(), TIME_BYTES.saturating_add(signature_bytes));
    match line.bytes.split_first_chunk() {
        Some((time, signature)) if have == need => Ok((u64::from_be_bytes(*time), signature)),
        _ => Err(CosignatureError::Length { have, need }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn what_is_no_cosignature() {
        let key = Skey::from_seed("w", KeyKind::CosignatureEd25519, [1; 32]).unwrap();
        let (text, vkey) = ("o\n1\nr\n", key.vkey());
        let good = sign(text, 5, &key);
        assert_eq!(verify(text, &good, vkey), Ok(5));
        for at in 0..good.bytes.len() {
            let mut bad = good.clone();
            bad.bytes[at] ^= 1;
            assert!(verify(text, &bad, vkey).is_err(), "byte {at}");
            bad.bytes.truncate(at);
            assert_eq!(verify(text, &bad, vkey), Err(CosignatureError::Length { have: at, need: 72 }));
        }
        assert!(verify("o\n2\nr\n", &good, vkey).is_err());
        assert_eq!(verify(text, &sign(text, 0, &key), vkey), Err(CosignatureError::Time(0)));
        assert_eq!(verify(text, &sign(text, 1 << 63, &key), vkey), Err(CosignatureError::Time(1 << 63)));
        let as_log = Skey::from_seed("w", KeyKind::Ed25519, [1; 32]).unwrap();
        assert!(matches!(verify(text, &sign(text, 5, &as_log), as_log.vkey()), Err(CosignatureError::OtherKey { .. })));
    }

    #[test]
    fn one_text_at_many_times() {
        let mut cosigned = Cosigned::new("o\n1\nr\n");
        for time in [5, 5, 17, 6, u64::MAX, 0, 1_795_430_000, 1_795_430_001, 9] {
            assert_eq!(cosigned.at(time), format!("cosignature/v1\ntime {time}\no\n1\nr\n").as_bytes());
        }
    }

    const TEXT: &str = "example.com/log\n7\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";

    fn large(name: &str) -> Skey {
        Skey::from_seed(name, KeyKind::CosignatureMlDsa44, [1; 32]).unwrap()
    }

    /// The message, byte by byte as the specification has it.
    #[test]
    fn the_cosigned_message() {
        let message = ml_dsa_checkpoint_message("w", 5, &Checkpoint::parse(TEXT).unwrap()).unwrap();
        let parts: [&[u8]; 9] = [
            b"subtree/v1\n\0",
            b"\x01w",
            b"\0\0\0\0\0\0\0\x05",
            b"\x0f",
            b"example.com/log",
            b"\0\0\0\0\0\0\0\0",
            b"\0\0\0\0\0\0\0\x07",
            b"\xe3\xb0\xc4\x42\x98\xfc\x1c\x14\x9a\xfb\xf4\xc8\x99\x6f\xb9\x24",
            b"\x27\xae\x41\xe4\x64\x9b\x93\x4c\xa4\x95\x99\x1b\x78\x52\xb8\x55",
        ];
        assert_eq!(message, parts.concat());
        let line = sign(TEXT, 5, &large("w"));
        assert!(large("w").vkey().verify(&message, &line.bytes[8..]));
    }

    #[test]
    fn subtrees() {
        let (key, subtree, hash) = (large("w"), Subtree::new(8, 13).unwrap(), Hash([7; 32]));
        let (origin, vkey) = ("example.com/log", key.vkey());
        let good = sign_subtree(origin, subtree, &hash, &key, &[3; 32]);
        let check = |origin: &str, start, end, hash, line: &NoteSignature, vkey: &Vkey| {
            verify_subtree(origin, Subtree::new(start, end).unwrap(), &hash, line, vkey)
        };
        assert_eq!(check(origin, 8, 13, hash, &good, vkey), Ok(()));
        let bad = Err(CosignatureError::BadSignature { name: "w".into(), id: vkey.id });
        assert_eq!(check("example.com/lag", 8, 13, hash, &good, vkey), bad);
        assert_eq!(check(origin, 8, 14, hash, &good, vkey), bad);
        assert_eq!(check(origin, 16, 21, hash, &good, vkey), bad);
        assert_eq!(check(origin, 8, 13, Hash([8; 32]), &good, vkey), bad);
        let mut timed = good.clone();
        timed.bytes[7] = 5;
        assert_eq!(check(origin, 8, 13, hash, &timed, vkey), Err(CosignatureError::SubtreeTime(5)));
        let short = NoteSignature { bytes: good.bytes[1..].to_vec(), ..good.clone() };
        assert_eq!(check(origin, 8, 13, hash, &short, vkey), Err(CosignatureError::Length { have: 2427, need: 2428 }));
        // A subtree that is the whole tree: not a cosignature of the checkpoint, which has a time.
        let root = Checkpoint::parse(TEXT).unwrap().head.root;
        let whole = sign_subtree(origin, Subtree::new(0, 7).unwrap(), &root, &key, &[3; 32]);
        assert_eq!(verify(TEXT, &whole, vkey), Err(CosignatureError::Time(0)));
        // Ed25519 cosigns no subtrees.
        let small = Skey::from_seed("w", KeyKind::CosignatureEd25519, [1; 32]).unwrap();
        let line = sign_subtree(origin, subtree, &hash, &small, &[3; 32]);
        assert!(matches!(check(origin, 8, 13, hash, &line, small.vkey()), Err(CosignatureError::OtherKey { .. })));
    }

    #[test]
    fn what_is_no_ml_dsa_cosignature() {
        let key = large("w");
        let vkey = key.vkey();
        let good = sign(TEXT, 5, &key);
        assert_eq!(verify(TEXT, &good, vkey), Ok(5));
        assert_eq!(sign(TEXT, 5, &key), good);
        let hedged = sign_hedged(TEXT, 5, &key, &[7; 32]);
        assert_ne!(hedged, good);
        assert_eq!(verify(TEXT, &hedged, vkey), Ok(5));
        // The time and the two ends of each part of the signature whole, the rest in samples.
        let ends = [40, 41, 2342, 2343, 2344, 2345, 2426, 2427];
        for at in (0..40).chain(ends).chain((42..2427).step_by(37)) {
            let mut bad = good.clone();
            bad.bytes[at] ^= 1;
            assert!(verify(TEXT, &bad, vkey).is_err(), "byte {at}");
            bad.bytes.truncate(at);
            assert_eq!(verify(TEXT, &bad, vkey), Err(CosignatureError::Length { have: at, need: 2428 }));
        }
        let mut long = good.clone();
        long.bytes.push(0);
        assert_eq!(verify(TEXT, &long, vkey), Err(CosignatureError::Length { have: 2429, need: 2428 }));
        for time in [0, 1 << 63, u64::MAX] {
            assert_eq!(verify(TEXT, &sign(TEXT, time, &key), vkey), Err(CosignatureError::Time(time)));
        }
        let bad = Err(CosignatureError::BadSignature { name: "w".into(), id: vkey.id });
        for other in [TEXT.replace("log", "lag"), TEXT.replace('7', "8"), TEXT.replace("47DE", "57DE")] {
            assert_eq!(verify(&other, &good, vkey), bad, "{other}");
        }
        // Extension lines are not signed.
        assert_eq!(verify(&format!("{TEXT}extension\n"), &good, vkey), Ok(5));
        let none = Err(CosignatureError::Checkpoint(CheckpointError::Form));
        assert_eq!(verify("no checkpoint\n", &sign("no checkpoint\n", 5, &key), vkey), none);
        // The same key under another name: the message names the cosigner.
        let other = large("v");
        let renamed = NoteSignature { name: "v".into(), id: other.vkey().id, bytes: good.bytes.clone() };
        assert!(matches!(verify(TEXT, &renamed, other.vkey()), Err(CosignatureError::BadSignature { .. })));
        assert!(matches!(verify(TEXT, &good, other.vkey()), Err(CosignatureError::OtherKey { .. })));
        // An Ed25519 line and its key say nothing for this one.
        let small = Skey::from_seed("w", KeyKind::CosignatureEd25519, [1; 32]).unwrap();
        assert!(matches!(verify(TEXT, &sign(TEXT, 5, &small), vkey), Err(CosignatureError::OtherKey { .. })));
    }
}
