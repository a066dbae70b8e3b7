#![doc = include_str!("../checkpoint.md")]

use crate::cosignature;
use crate::encoding;
use crate::merkle::{Hash, TreeHead};
use crate::note::{KeyKind, MAX_NAME_BYTES, Note, NoteSignature, Skey, Vkey};
use alloc::{format, string::String, vec::Vec};

/// A log's statement of its size and root.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkpoint {
    /// Which log speaks.
    pub origin: String,
    /// Size and root.
    pub head: TreeHead,
    /// Extension lines, without LF; Glarus writes none and gives them no meaning.
    pub extensions: Vec<String>,
}

/// Why a text is not a checkpoint.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CheckpointError {
    /// Fewer than three lines, an empty origin or extension line, or no final LF.
    #[error("a checkpoint has an origin, a size and a root line, no empty extension line, each ended by LF")]
    Form,
    /// The origin is longer than [`MAX_NAME_BYTES`].
    #[error("an origin has at most {MAX_NAME_BYTES} bytes, this has {0}")]
    LongOrigin(usize),
    /// The size is not a decimal without leading zeroes, or is beyond 2^63 - 1.
    #[error("{0:?} is not a tree size: a decimal below 2^63 without sign and leading zeroes")]
    Size(String),
    /// The root is not the base64 of 32 bytes.
    #[error("{0:?} is not a root: standard base64 of 32 bytes")]
    Root(String),
}

impl Checkpoint {
    /// Makes one without extension lines.
    pub fn new(origin: &str, head: TreeHead) -> Self {
        Self { origin: origin.into(), head, extensions: Vec::new() }
    }

    /// Reads a note's text. Writing it again gives the same bytes.
    ///
    /// # Errors
    /// [`CheckpointError`], in the order of its variants.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let mut lines = text.strip_suffix('\n').ok_or(CheckpointError::Form)?.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(CheckpointError::Form);
        };
        let extensions: Vec<String> = lines.map(String::from).collect();
        if origin.is_empty() || extensions.iter().any(String::is_empty) {
            return Err(CheckpointError::Form);
        }
        if origin.len() > MAX_NAME_BYTES {
            return Err(CheckpointError::LongOrigin(origin.len()));
        }
        let short = |text: &str| text.chars().take(100).collect();
        let size = encoding::decimal(size)
            .filter(|size| i64::try_from(*size).is_ok())
            .ok_or_else(|| CheckpointError::Size(short(size)))?;
        let root = Hash::from_base64(root).ok_or_else(|| CheckpointError::Root(short(root)))?;
        Ok(Self { origin: origin.into(), head: TreeHead { size, root }, extensions })
    }

    /// Writes the note's text.
    pub fn to_text(&self) -> String {
        let mut text = format!("{}\n{}\n{}\n", self.origin, self.head.size, self.head.root);
        for line in &self.extensions {
            text.push_str(line);
            text.push('\n');
        }
        text
    }
}

/// Signs a checkpoint as its log with a key of type 0x01: Ed25519 over the text.
///
/// With a key of type 0x06 a log signs by [`cosignature::sign`]; what a key of another type makes here verifies nowhere.
pub fn sign(checkpoint: &Checkpoint, key: &Skey) -> NoteSignature {
    let vkey = key.vkey();
    let bytes = key.sign(checkpoint.to_text().as_bytes(), &[0; 32]);
    NoteSignature { name: vkey.name.clone(), id: vkey.id, bytes }
}

/// Why a note is not a checkpoint of the log asked for.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OpenError {
    /// The text is not a checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A line names a known key and does not verify.
    #[error("the signature of {name} (key ID {id:08x}) does not verify")]
    BadSignature {
        /// The key name.
        name: String,
        /// The key ID.
        id: u32,
    },
    /// No line is by a key of the log.
    #[error("no signature by a known key of log {origin:?}")]
    NotSigned {
        /// The checkpoint's origin.
        origin: String,
    },
}

/// Believes a checkpoint: its text parses and a key of its log signed it.
///
/// Spec: signed-note, "Signatures": lines by unknown keys are ignored, a failing line by a known key refuses the note.
/// A log key counts only for the origin that is its name. The time in a line of type 0x06 is the log's word and judged by
/// nobody, but 0 and times beyond 2^63 - 1 fail.
///
/// Cost: 35 us for each line by a known key of type 0x01, 90 us for one of type 0x06.
///
/// # Errors
/// [`OpenError`], in the order of its variants.
pub fn open(note: &Note, log_keys: &[Vkey]) -> Result<Checkpoint, OpenError> {
    let checkpoint = Checkpoint::parse(&note.text)?;
    let mut signed = false;
    for signature in &note.signatures {
        let of_the_log = |key: &&Vkey| key.is_of_log(&checkpoint.origin);
        for key in log_keys.iter().filter(of_the_log).filter(|key| key.made(signature)) {
            let valid = match key.kind {
                KeyKind::CosignatureMlDsa44 => cosignature::verify(&note.text, signature, key).is_ok(),
                KeyKind::Ed25519 | KeyKind::CosignatureEd25519 => key.verify(note.text.as_bytes(), &signature.bytes),
            };
            if !valid {
                return Err(OpenError::BadSignature { name: key.name.clone(), id: key.id });
            }
            signed = true;
        }
    }
    if !signed {
        return Err(OpenError::NotSigned { origin: checkpoint.origin });
    }
    Ok(checkpoint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::empty_root;

    fn skey(seed: u8) -> Skey {
        Skey::from_seed("example.com/log", KeyKind::Ed25519, [seed; 32]).unwrap()
    }

    #[test]
    fn text_forms_that_are_refused() {
        let root = empty_root().to_base64();
        for bad in [
            "".into(),
            format!("o\n0\n{root}"),
            format!("\n0\n{root}\n"),
            format!("o\n00\n{root}\n"),
            format!("o\n+1\n{root}\n"),
            format!("o\n007\n{root}\n"),
            format!("o\n9223372036854775808\n{root}\n"),
            format!("o\n0\n{root}\n\n"),
            format!("o\n0\n{root}\nextension\n\n"),
            format!("o\n0\n{}\n", root.trim_end_matches('=')),
            "o\n0\nAAAA\n".into(),
            format!("{}\n0\n{root}\n", "o".repeat(MAX_NAME_BYTES + 1)),
        ] {
            assert!(Checkpoint::parse(&bad).is_err(), "{bad:?}");
        }
        let good = format!("o\n9223372036854775807\n{root}\nextension\n");
        assert_eq!(Checkpoint::parse(&good).unwrap().to_text(), good);
    }

    #[test]
    fn only_the_logs_own_keys_count() {
        let checkpoint = Checkpoint::new("example.com/log", TreeHead { size: 0, root: empty_root() });
        let (ours, theirs) = (skey(1), skey(2));
        let note = |signatures| Note { text: checkpoint.to_text(), signatures };
        let signed = note(alloc::vec![sign(&checkpoint, &theirs), sign(&checkpoint, &ours)]);
        assert_eq!(open(&signed, &[ours.vkey().clone()]).as_ref(), Ok(&checkpoint));
        let not_signed = Err(OpenError::NotSigned { origin: "example.com/log".into() });
        assert_eq!(open(&note(alloc::vec![sign(&checkpoint, &theirs)]), &[ours.vkey().clone()]), not_signed);
        let mut broken = signed.clone();
        broken.signatures[1].bytes[5] ^= 1;
        assert!(matches!(open(&broken, &[ours.vkey().clone()]), Err(OpenError::BadSignature { .. })));
        let other_name = Skey::from_seed("example.com/other", KeyKind::Ed25519, [1; 32]).unwrap();
        let foreign = note(alloc::vec![sign(&checkpoint, &other_name)]);
        assert_eq!(open(&foreign, &[other_name.vkey().clone()]), not_signed);
    }

    #[test]
    fn either_kind_of_log_key_suffices_and_neither_may_fail() {
        let checkpoint = Checkpoint::new("example.com/log", TreeHead { size: 0, root: empty_root() });
        let (text, small) = (checkpoint.to_text(), skey(1));
        let large = Skey::from_seed("example.com/log", KeyKind::CosignatureMlDsa44, [1; 32]).unwrap();
        let both = [small.vkey().clone(), large.vkey().clone()];
        let lines = [sign(&checkpoint, &small), cosignature::sign(&text, 7, &large)];
        let note = |lines: &[NoteSignature]| Note { text: text.clone(), signatures: lines.to_vec() };
        for (lines, keys) in [(&lines[..], &both[..]), (&lines, &both[..1]), (&lines, &both[1..]), (&lines[..1], &both)]
        {
            assert_eq!(open(&note(lines), keys).as_ref(), Ok(&checkpoint));
        }
        assert_eq!(open(&note(&lines[1..]), &both).as_ref(), Ok(&checkpoint));
        let not_signed = OpenError::NotSigned { origin: checkpoint.origin.clone() };
        assert_eq!(open(&note(&lines[..1]), &both[1..]).as_ref(), Err(&not_signed));
        assert_eq!(open(&note(&lines[1..]), &both[..1]).as_ref(), Err(&not_signed));

        let bad = |key: &Skey| Err(OpenError::BadSignature { name: key.vkey().name.clone(), id: key.vkey().id });
        for (at, key) in [(0, &small), (1, &large)] {
            let mut broken = lines.clone();
            *broken[at].bytes.last_mut().unwrap() ^= 1;
            assert_eq!(open(&note(&broken), &both), bad(key));
        }
        for time in [0, 1 << 63] {
            let lines = [lines[0].clone(), cosignature::sign(&text, time, &large)];
            assert_eq!(open(&note(&lines), &both), bad(&large));
        }
        assert_eq!(open(&note(&[sign(&checkpoint, &large)]), &both), bad(&large));
        // A witness of the log's name is no log, whichever its key.
        let witness = Skey::from_seed("example.com/log", KeyKind::CosignatureEd25519, [1; 32]).unwrap();
        let cosigned = note(&[cosignature::sign(&text, 7, &witness)]);
        assert_eq!(open(&cosigned, &[witness.vkey().clone()]).as_ref(), Err(&not_signed));
    }
}
