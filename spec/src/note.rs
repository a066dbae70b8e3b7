#![doc = include_str!("../note.md")]

use crate::{ed25519, encoding, ml_dsa};
use alloc::{boxed::Box, format, string::String, vec::Vec};
use core::{fmt, str::FromStr};
use ed25519_dalek::{Signer as _, SigningKey};
use sha2::{Digest as _, Sha256};

/// The most bytes a note may have.
pub const MAX_NOTE_BYTES: usize = 1 << 18;
/// The most signature lines a note may have.
pub const MAX_SIGNATURES: usize = 100;

/// The most bytes of an origin, and of the name of a key of type 0x06.
pub const MAX_NAME_BYTES: usize = 255;

const DASH: &str = "\u{2014} ";

/// What a key's signatures mean; the byte that stands before the key in vkeys and in the key ID.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum KeyKind {
    /// 0x01: Ed25519 over the note's text; how a log signs its checkpoints.
    Ed25519,
    /// 0x04: timestamped Ed25519 cosignature over a checkpoint; how a witness signs.
    CosignatureEd25519,
    /// 0x06: timestamped ML-DSA-44 signature over a checkpoint; how logs and witnesses sign for a time with quantum computers.
    CosignatureMlDsa44,
}

impl KeyKind {
    /// The signature type byte.
    pub fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::CosignatureEd25519 => 0x04,
            Self::CosignatureMlDsa44 => 0x06,
        }
    }

    /// Whether a log signs its checkpoints with keys of this kind.
    pub fn signs_as_log(self) -> bool {
        matches!(self, Self::Ed25519 | Self::CosignatureMlDsa44)
    }

    /// Whether a witness cosigns with keys of this kind.
    pub fn signs_as_witness(self) -> bool {
        matches!(self, Self::CosignatureEd25519 | Self::CosignatureMlDsa44)
    }

    fn from_byte(byte: u8) -> Result<Self, KeyError> {
        match byte {
            0x01 => Ok(Self::Ed25519),
            0x04 => Ok(Self::CosignatureEd25519),
            0x06 => Ok(Self::CosignatureMlDsa44),
            other => Err(KeyError::UnknownType(other)),
        }
    }
}

/// Why a vkey or an skey is refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyError {
    /// Not `<name>+<8 hex digits>+<base64>`, or for an skey the same after `PRIVATE+KEY+`.
    #[error("a key is written <name>+<key ID, 8 hex digits>+<base64>, for a secret one after PRIVATE+KEY+")]
    Form,
    /// The name is empty, or has a space, a plus or a control character.
    #[error("the key name {0:?} is empty or has a space, a plus or a control character")]
    Name(String),
    /// A signature type that Glarus does not read.
    #[error("key type 0x{0:02x} is not one of 0x01, 0x04, 0x06")]
    UnknownType(u8),
    /// The name of a key of type 0x06 is longer than [`MAX_NAME_BYTES`].
    #[error("the name of a key of type 0x06 has at most {MAX_NAME_BYTES} bytes, this has {0}")]
    LongName(usize),
    /// The key has another length than its type needs.
    #[error("the key has {have} bytes after its type, {need} are needed")]
    Length {
        /// Bytes found.
        have: usize,
        /// Bytes that the type needs.
        need: usize,
    },
    /// Not the one encoding of a point of large order.
    #[error("the Ed25519 public key is not a canonical point of large order")]
    WeakKey,
    /// The key ID does not belong to this name and key.
    #[error("the key ID is {have:08x}, this name and key have {need:08x}")]
    KeyId {
        /// The ID written.
        have: u32,
        /// The ID computed.
        need: u32,
    },
}

/// A verifier key: who signs, how, and with which public key.
///
/// Shapes: `<name>+<key ID, 8 lower-case hex digits>+<base64 of type ‖ 32 or 1,312 bytes>`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Vkey {
    /// The key name; for a log its origin.
    pub name: String,
    /// The key ID.
    pub id: u32,
    /// What its signatures mean.
    pub kind: KeyKind,
    public: Public,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Public {
    Ed25519(ed25519::PublicKey),
    MlDsa44(ml_dsa::PublicKey),
}

impl Vkey {
    /// Makes the key of this name.
    ///
    /// # Errors
    /// [`KeyError::Name`], [`KeyError::LongName`], [`KeyError::Length`], [`KeyError::WeakKey`].
    pub fn new(name: &str, kind: KeyKind, public: &[u8]) -> Result<Self, KeyError> {
        check_name(name, kind)?;
        let length = |need| KeyError::Length { have: public.len(), need };
        let key = match kind {
            KeyKind::Ed25519 | KeyKind::CosignatureEd25519 => {
                let public = public.try_into().map_err(|_| length(32))?;
                Public::Ed25519(ed25519::PublicKey::from_bytes(public).ok_or(KeyError::WeakKey)?)
            }
            KeyKind::CosignatureMlDsa44 => {
                let key = ml_dsa::PublicKey::from_bytes(public);
                Public::MlDsa44(key.ok_or_else(|| length(ml_dsa::PUBLIC_BYTES))?)
            }
        };
        Ok(Self::of(name, kind, key))
    }

    fn of(name: &str, kind: KeyKind, public: Public) -> Self {
        let mut key = Self { name: name.into(), id: 0, kind, public };
        key.id = key_id(name, kind, key.public());
        key
    }

    /// The public key's 32 or 1,312 bytes.
    pub fn public(&self) -> &[u8] {
        match &self.public {
            Public::Ed25519(key) => key.as_bytes(),
            Public::MlDsa44(key) => key.as_bytes(),
        }
    }

    /// Whether this can be a key of the log with this origin: a log's kind, the origin as its name.
    pub fn is_of_log(&self, origin: &str) -> bool {
        self.kind.signs_as_log() && self.name == origin
    }

    /// Tells whether a line claims to be by this key: same name and same key ID.
    pub fn made(&self, signature: &NoteSignature) -> bool {
        self.id == signature.id && self.name == signature.name
    }

    /// Verifies a signature over `message`: Ed25519 by the strict rule (RFC 8032, cofactorless, no small-order points), or
    /// ML-DSA-44 in its pure form with an empty context.
    ///
    /// Cost: 35 us for Ed25519, 90 us for ML-DSA-44.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.public {
            Public::Ed25519(key) => key.verify(message, signature),
            Public::MlDsa44(key) => key.verify(message, signature),
        }
    }
}

impl FromStr for Vkey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let (name, id, kind, public) = key_parts(text)?;
        let key = Self::new(name, kind, &public)?;
        if key.id != id {
            return Err(KeyError::KeyId { have: id, need: key.id });
        }
        Ok(key)
    }
}

impl fmt::Display for Vkey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let material = [&[self.kind.byte()], self.public()].concat();
        write!(out, "{}+{:08x}+{}", self.name, self.id, encoding::base64(&material))
    }
}

/// A signing key; it is wiped from memory when dropped, and its debug form shows only the public half.
#[derive(Clone)]
pub struct Skey {
    vkey: Vkey,
    secret: Secret,
}

/// Both are on the heap, and wipe themselves when dropped.
#[derive(Clone)]
enum Secret {
    Ed25519(Box<SigningKey>),
    MlDsa44(ml_dsa::SecretKey),
}

impl Skey {
    /// Makes the key of this name from 32 random bytes.
    ///
    /// # Errors
    /// [`KeyError::Name`], [`KeyError::LongName`].
    pub fn from_seed(name: &str, kind: KeyKind, seed: [u8; 32]) -> Result<Self, KeyError> {
        check_name(name, kind)?;
        let (secret, public) = match kind {
            KeyKind::Ed25519 | KeyKind::CosignatureEd25519 => {
                let secret = SigningKey::from_bytes(&seed);
                let public = Public::Ed25519(ed25519::PublicKey::of(&secret));
                (Secret::Ed25519(Box::new(secret)), public)
            }
            KeyKind::CosignatureMlDsa44 => {
                let (secret, public) = ml_dsa::SecretKey::from_seed(&seed);
                (Secret::MlDsa44(secret), Public::MlDsa44(public))
            }
        };
        Ok(Self { vkey: Vkey::of(name, kind, public), secret })
    }

    /// The public half.
    pub fn vkey(&self) -> &Vkey {
        &self.vkey
    }

    /// The text form, secret: `PRIVATE+KEY+<name>+<key ID>+<base64 of type ‖ seed>`.
    pub fn to_secret_text(&self) -> String {
        let seed = match &self.secret {
            Secret::Ed25519(secret) => secret.as_bytes(),
            Secret::MlDsa44(secret) => secret.seed(),
        };
        let material = [&[self.vkey.kind.byte()], seed.as_slice()].concat();
        format!("PRIVATE+KEY+{}+{:08x}+{}", self.vkey.name, self.vkey.id, encoding::base64(&material))
    }

    /// Signs `message`: 64 bytes for Ed25519, which takes no randomness, or 2,420 for ML-DSA-44.
    pub(crate) fn sign(&self, message: &[u8], randomness: &[u8; 32]) -> Vec<u8> {
        match &self.secret {
            Secret::Ed25519(secret) => secret.sign(message).to_bytes().to_vec(),
            Secret::MlDsa44(secret) => secret.sign(message, randomness),
        }
    }
}

impl FromStr for Skey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let (name, id, kind, seed) = key_parts(text.strip_prefix("PRIVATE+KEY+").ok_or(KeyError::Form)?)?;
        let seed = seed.as_slice().try_into().map_err(|_| KeyError::Length { have: seed.len(), need: 32 })?;
        let key = Self::from_seed(name, kind, seed)?;
        if key.vkey.id != id {
            return Err(KeyError::KeyId { have: id, need: key.vkey.id });
        }
        Ok(key)
    }
}

impl fmt::Debug for Skey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Skey({})", self.vkey)
    }
}

fn key_parts(text: &str) -> Result<(&str, u32, KeyKind, Vec<u8>), KeyError> {
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(id), Some(material)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(KeyError::Form);
    };
    let id = encoding::from_hex(id).map(u32::from_be_bytes).ok_or(KeyError::Form)?;
    let material = encoding::from_base64(material).ok_or(KeyError::Form)?;
    let (kind, key) = material.split_first().ok_or(KeyError::Form)?;
    Ok((name, id, KeyKind::from_byte(*kind)?, key.to_vec()))
}

fn check_name(name: &str, kind: KeyKind) -> Result<(), KeyError> {
    if !is_key_name(name) {
        return Err(KeyError::Name(name.into()));
    }
    if kind == KeyKind::CosignatureMlDsa44 && name.len() > MAX_NAME_BYTES {
        return Err(KeyError::LongName(name.len()));
    }
    Ok(())
}

fn key_id(name: &str, kind: KeyKind, public: &[u8]) -> u32 {
    let hash = Sha256::new().chain_update(name).chain_update([b'\n', kind.byte()]).chain_update(public).finalize();
    hash.first_chunk().map_or(0, |id| u32::from_be_bytes(*id))
}

/// Tells whether a text can be a key name: not empty, without Unicode spaces, plus and control characters.
pub fn is_key_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c == '+' || c.is_control())
}

/// One signature line.
///
/// Shapes: `— <name> <base64 of 4 bytes of key ID, big-endian ‖ at least one byte>` LF.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NoteSignature {
    /// The key name that it claims.
    pub name: String,
    /// The key ID that it claims.
    pub id: u32,
    /// The signature, its form given by the key's kind.
    pub bytes: Vec<u8>,
}

impl NoteSignature {
    /// Reads one line, without its LF.
    ///
    /// # Errors
    /// [`NoteError::SignatureLine`].
    pub fn parse(line: &str) -> Result<Self, NoteError> {
        let refused = || NoteError::SignatureLine(line.chars().take(100).collect());
        let (name, material) = line.strip_prefix(DASH).and_then(|rest| rest.split_once(' ')).ok_or_else(refused)?;
        let material = encoding::from_base64(material).ok_or_else(refused)?;
        let (id, bytes) = material.split_first_chunk().ok_or_else(refused)?;
        // SPEC: "Key names MUST be non-empty and MUST NOT contain any Unicode spaces or plus (U+002B) characters." Our own keys
        // have no control characters either, but a line by an unknown key that has one MUST be ignored, not refused.
        if name.is_empty() || name.chars().any(|c| c.is_whitespace() || c == '+') || bytes.is_empty() {
            return Err(refused());
        }
        Ok(Self { name: name.into(), id: u32::from_be_bytes(*id), bytes: bytes.to_vec() })
    }
}

impl fmt::Display for NoteSignature {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let material = [&self.id.to_be_bytes(), self.bytes.as_slice()].concat();
        writeln!(out, "{DASH}{} {}", self.name, encoding::base64(&material))
    }
}

/// Why bytes are not a note.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoteError {
    /// More than [`MAX_NOTE_BYTES`].
    #[error("the note has {0} bytes, at most {MAX_NOTE_BYTES} are read")]
    TooLong(usize),
    /// Not UTF-8, or a control character other than LF.
    #[error("the note is not UTF-8, or has a control character, at byte {0}")]
    Characters(usize),
    /// No empty line between a text and signature lines.
    #[error("the note has no text, empty line and signature lines, each ended by LF")]
    Form,
    /// A signature line that is none.
    #[error("not a signature line: {0:?}")]
    SignatureLine(String),
    /// More than [`MAX_SIGNATURES`].
    #[error("the note has more than {MAX_SIGNATURES} signatures")]
    TooManySignatures,
}

/// A text and the lines that sign it, none of them verified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    /// The text, with its final LF.
    pub text: String,
    /// The signature lines, in order.
    pub signatures: Vec<NoteSignature>,
}

impl Note {
    /// Reads a note.
    ///
    /// # Errors
    /// [`NoteError`], in the order of its variants.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > MAX_NOTE_BYTES {
            return Err(NoteError::TooLong(bytes.len()));
        }
        let all = core::str::from_utf8(bytes).map_err(|error| NoteError::Characters(error.valid_up_to()))?;
        // SPEC: "MUST NOT contain any ASCII control characters (those below U+0020) other than newline."
        let control = |byte: &u8| *byte < 0x20 && *byte != b'\n';
        // All bytes are looked at before the first such one is searched for: so the processor takes many at a time.
        if bytes.iter().fold(false, |any, byte| any | control(byte)) {
            return Err(NoteError::Characters(bytes.iter().position(control).unwrap_or_default()));
        }
        // SPEC: "the text is separated from the signatures by the last empty line in the note."
        let mut ends = all.rmatch_indices('\n').filter_map(|(at, _)| all.split_at_checked(at));
        let (text, rest) = ends.find(|(text, _)| text.ends_with('\n')).ok_or(NoteError::Form)?;
        let lines = rest.strip_prefix('\n').and_then(|lines| lines.strip_suffix('\n')).ok_or(NoteError::Form)?;
        let mut signatures = Vec::new();
        for line in lines.split('\n') {
            if signatures.len() == MAX_SIGNATURES {
                return Err(NoteError::TooManySignatures);
            }
            signatures.push(NoteSignature::parse(line)?);
        }
        Ok(Self { text: text.into(), signatures })
    }
}

impl fmt::Display for Note {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| signature.fmt(out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    const EXAMPLE: &str = "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
    const VKEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";

    #[test]
    fn the_specifications_example_verifies() {
        let vkey: Vkey = VKEY.parse().unwrap();
        assert_eq!(vkey.to_string(), VKEY);
        let note = Note::parse(EXAMPLE.as_bytes()).unwrap();
        assert_eq!(note.to_string(), EXAMPLE);
        let [signature] = note.signatures.as_slice() else { panic!() };
        assert!(vkey.made(signature) && vkey.verify(note.text.as_bytes(), &signature.bytes));
        assert!(!vkey.verify(b"This is another message.\n", &signature.bytes));
    }

    #[test]
    fn every_damaged_note_is_refused_or_itself() {
        let bytes = EXAMPLE.as_bytes();
        for at in 0..bytes.len() {
            assert!(Note::parse(&bytes[..at]).is_err(), "cut at {at}");
            for value in 0..=255 {
                let mut damaged = bytes.to_vec();
                damaged[at] = value;
                if let Ok(note) = Note::parse(&damaged) {
                    assert_eq!(note.to_string().as_bytes(), damaged);
                }
            }
        }
    }

    #[test]
    fn every_part_of_a_key_counts() {
        for (at, _) in VKEY.char_indices() {
            assert!(VKEY[..at].parse::<Vkey>().is_err());
            for c in ['A', 'b', '0', '+', ' ', '\n', '='] {
                let mut damaged = VKEY.to_string();
                damaged.replace_range(at..=at, &c.to_string());
                assert!(damaged == VKEY || damaged.parse::<Vkey>().is_err(), "{damaged}");
            }
        }
        for kind in [KeyKind::CosignatureEd25519, KeyKind::CosignatureMlDsa44] {
            let skey = Skey::from_seed("example.com/w", kind, [3; 32]).unwrap();
            let text = skey.to_secret_text();
            assert_eq!(text.parse::<Skey>().unwrap().to_secret_text(), text);
            assert!(!alloc::format!("{skey:?}").contains("PRIVATE"));
        }
    }

    #[test]
    fn large_keys() {
        let skey = Skey::from_seed("example.com/w", KeyKind::CosignatureMlDsa44, [3; 32]).unwrap();
        let text = skey.vkey().to_string();
        assert_eq!((skey.vkey().public().len(), text.len()), (1312, 13 + 1 + 8 + 1 + 1752));
        assert_eq!(text.parse::<Vkey>().as_ref(), Ok(skey.vkey()));
        // Every byte counts in the key ID, and only the keys of this length are keys.
        for at in (0..text.len()).step_by(13) {
            let mut damaged = text.clone().into_bytes();
            damaged[at] = if damaged[at] == b'A' { b'B' } else { b'A' };
            assert!(String::from_utf8(damaged).unwrap().parse::<Vkey>().is_err(), "byte {at}");
            assert!(text[..at].parse::<Vkey>().is_err(), "cut at {at}");
        }
        let public = skey.vkey().public();
        let new = |name: &str, kind, public: &[u8]| Vkey::new(name, kind, public).map(|_| ());
        let large = KeyKind::CosignatureMlDsa44;
        assert_eq!(new("w", large, &public[1..]), Err(KeyError::Length { have: 1311, need: 1312 }));
        assert_eq!(new("w", KeyKind::Ed25519, public), Err(KeyError::Length { have: 1312, need: 32 }));
        let long = "n".repeat(MAX_NAME_BYTES + 1);
        assert_eq!(new(&long[1..], large, public), Ok(()));
        assert_eq!(new(&long, large, public), Err(KeyError::LongName(256)));
        assert_eq!(Skey::from_seed(&long, large, [3; 32]).unwrap_err(), KeyError::LongName(256));
        assert!(Skey::from_seed(&long, KeyKind::Ed25519, [3; 32]).is_ok());
        assert!(size_of::<Vkey>() <= 256 && size_of::<Skey>() <= 512, "{} {}", size_of::<Vkey>(), size_of::<Skey>());
    }

    #[test]
    fn notes_and_keys_that_are_refused() {
        let too_many = format!("a\n\n{}", "— n AAAAAAE=\n".repeat(MAX_SIGNATURES + 1));
        let line = |line: &str| Note::parse(format!("a\n\n{line}\n").as_bytes());
        assert_eq!(Note::parse(too_many.as_bytes()), Err(NoteError::TooManySignatures));
        assert_eq!(Note::parse(b"a\r\n\n\n"), Err(NoteError::Characters(1)));
        assert_eq!(Note::parse(b"\xff"), Err(NoteError::Characters(0)));
        assert_eq!(Note::parse(b"a\n"), Err(NoteError::Form));
        assert!(line("— n AAAAAAE=").is_ok());
        // A stranger's line is to be ignored, whatever a name may have that ours have not; and there is room for many.
        assert!(line("— n\u{7f}\u{9b}\u{202e} AAAAAAE=").is_ok());
        assert!("n\u{7f}+00000000+AQ==".parse::<Vkey>().is_err() && !is_key_name("n\u{7f}"));
        let most = format!("a\n\n{}", "— n AAAAAAE=\n".repeat(MAX_SIGNATURES));
        assert_eq!(Note::parse(most.as_bytes()).unwrap().signatures.len(), MAX_SIGNATURES);
        for bad in [
            "",
            "n AAAAAAE=",
            "—  AAAAAAE=",
            "— a+b AAAAAAE=",
            "— n AAAAAA==",
            "— n AAAA",
            "— n AAAAAAE",
            "— n\u{a0} AAAAAAE=",
        ] {
            assert!(line(bad).is_err(), "{bad:?}");
        }
        let mut weak = [0; 32];
        weak[0] = 1;
        assert_eq!(Vkey::new("n", KeyKind::Ed25519, &weak), Err(KeyError::WeakKey));
        // p + 3 is another encoding of y = 3.
        let mut other = [0xff; 32];
        (other[0], other[31]) = (0xf0, 0x7f);
        assert_eq!(Vkey::new("n", KeyKind::Ed25519, &other), Err(KeyError::WeakKey));
        assert_eq!(Vkey::new("a b", KeyKind::Ed25519, &[3; 32]), Err(KeyError::Name("a b".into())));
    }
}
