//! Cosignatures: a witness's word that a checkpoint is consistent with all it has seen of the log, and when.
//!
//! Spec: <https://github.com/C2SP/C2SP/blob/5ba5ee8/tlog-cosignature.md>, the Ed25519 form (type 0x04).
//!
//! A cosignature is a note signature of 8 + 64 bytes: the time in seconds, big-endian, and an Ed25519 signature over
//!
//! ```text
//! cosignature/v1
//! time 1679315147
//! example.com/behind-the-sofa
//! 20852163
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//! ```
//!
//! that is a header line, the time line, and the whole text of the checkpoint. Time 0 and times beyond 2^63 - 1 are refused.
//!
//! ```
//! use spec::{checkpoint::Checkpoint, cosignature, merkle::{TreeHead, empty_root}, note::{KeyKind, Note, Skey}};
//!
//! let checkpoint = Checkpoint::new("example.com/log", TreeHead { size: 0, root: empty_root() });
//! let skey = Skey::from_seed("witness.example/w1", KeyKind::CosignatureEd25519, [1; 32]).unwrap();
//! let text = checkpoint.to_text();
//! let line = cosignature::sign(&text, 1_795_430_000, &skey);
//! assert_eq!(cosignature::verify(&text, &line, skey.vkey()), Ok(1_795_430_000));
//! ```

use crate::note::{KeyKind, NoteSignature, Skey, Vkey};
use alloc::{format, string::String};

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
    /// Not 72 bytes.
    #[error("a cosignature of type 0x04 has 72 bytes, this has {0}")]
    Length(usize),
    /// Zero, or beyond 2^63 - 1.
    #[error("{0} is not a cosignature's time: between 1 and 2^63 - 1")]
    Time(u64),
    /// The signature does not verify.
    #[error("the cosignature of {name} (key ID {id:08x}) does not verify")]
    BadSignature {
        /// The key name.
        name: String,
        /// The key ID.
        id: u32,
    },
}

/// The message that an Ed25519 cosignature signs.
fn message(text: &str, time: u64) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

/// Cosigns the text of a checkpoint.
///
/// Units: `time` in Unix seconds.
pub fn sign(text: &str, time: u64, key: &Skey) -> NoteSignature {
    let signature = key.sign(message(text, time).as_bytes());
    let bytes = [time.to_be_bytes().as_slice(), &signature].concat();
    NoteSignature { name: key.vkey().name.clone(), id: key.vkey().id, bytes }
}

/// Verifies one line over the text of a checkpoint, and returns its time in Unix seconds.
///
/// # Errors
/// [`CosignatureError`], in the order of its variants.
pub fn verify(text: &str, line: &NoteSignature, key: &Vkey) -> Result<u64, CosignatureError> {
    let (name, id) = (key.name.clone(), key.id);
    if key.kind != KeyKind::CosignatureEd25519 || !key.made(line) {
        return Err(CosignatureError::OtherKey { name, id });
    }
    let (time, signature) = match line.bytes.split_first_chunk() {
        Some((time, signature)) if signature.len() == 64 => (u64::from_be_bytes(*time), signature),
        _ => return Err(CosignatureError::Length(line.bytes.len())),
    };
    // SPEC: "It MUST NOT exceed 2^63 - 1"; tlog-witness: "the timestamp MUST NOT be zero."
    if time == 0 || i64::try_from(time).is_err() {
        return Err(CosignatureError::Time(time));
    }
    if !key.verify(message(text, time).as_bytes(), signature) {
        return Err(CosignatureError::BadSignature { name, id });
    }
    Ok(time)
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(verify(text, &bad, vkey), Err(CosignatureError::Length(at)));
        }
        assert!(verify("o\n2\nr\n", &good, vkey).is_err());
        assert_eq!(verify(text, &sign(text, 0, &key), vkey), Err(CosignatureError::Time(0)));
        assert_eq!(verify(text, &sign(text, 1 << 63, &key), vkey), Err(CosignatureError::Time(1 << 63)));
        let as_log = Skey::from_seed("w", KeyKind::Ed25519, [1; 32]).unwrap();
        assert!(matches!(verify(text, &sign(text, 5, &as_log), as_log.vkey()), Err(CosignatureError::OtherKey { .. })));
    }
}
