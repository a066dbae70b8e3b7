//! Cosignatures of both types. The last line of the note is the one that is judged.

use super::checkpoint::accepts as accepts_checkpoint;
use super::format::{C2SP, Vector, base64};
use super::keys::{ORIGIN, TIME, add_group_order, checkpoint, log_signs, skey, small_order_r, witness, witness_ml_dsa};
use super::note::{checkpoint_error, note_error, vkeys};
use ed25519_dalek::Signer as _;
use ml_dsa::{EncodedVerifyingKey, ExpandedSigningKey, MlDsa44, Signature, VerifyingKey};
use spec::cosignature::{self, CosignatureError};
use spec::note::{KeyKind, MAX_NAME_BYTES, Note, NoteSignature, Skey, Vkey};

pub fn run(vector: &Vector) -> String {
    let note = match Note::parse(&vector.body) {
        Ok(note) => note,
        Err(error) => return note_error(&error).into(),
    };
    let [key] = vkeys(vector).try_into().unwrap();
    let line = note.signatures.last().unwrap();
    match cosignature::verify(&note.text, line, &key) {
        Ok(time) => {
            assert_eq!(time, vector.number("time"));
            verify_message(&vector.base64("message-base64"), line, &key);
            "accept".into()
        }
        Err(error) => cosignature_error(&error).into(),
    }
}

/// The message in the header is the one that was signed.
fn verify_message(message: &[u8], line: &NoteSignature, key: &Vkey) {
    let signature = &line.bytes[8..];
    if key.kind == KeyKind::CosignatureMlDsa44 {
        let key = VerifyingKey::<MlDsa44>::decode(&EncodedVerifyingKey::<MlDsa44>::try_from(key.public()).unwrap());
        assert!(key.verify_with_context(message, &[], &Signature::try_from(signature).unwrap()));
    } else {
        let key = ed25519_dalek::VerifyingKey::from_bytes(key.public().try_into().unwrap()).unwrap();
        key.verify_strict(message, &ed25519_dalek::Signature::from_slice(signature).unwrap()).unwrap();
    }
}

pub fn cosignature_error(error: &CosignatureError) -> &'static str {
    match error {
        CosignatureError::OtherKey { .. } => "other-key",
        CosignatureError::Length { .. } => "cosignature-length",
        CosignatureError::Time(_) => "time",
        CosignatureError::SubtreeTime(_) => "subtree-time",
        CosignatureError::Checkpoint(error) => checkpoint_error(error),
        CosignatureError::BadSignature { .. } => "bad-signature",
    }
}

pub fn accepts(vector: &Vector, text: &[u8]) -> Option<Vec<u8>> {
    accepts_checkpoint(vector, text)
}

pub fn make() -> Vec<Vector> {
    [ed25519(), ed25519_messages(), ml_dsa(), ml_dsa_messages()].concat()
}

const FORMAT: &str = "format";
const ED25519: &str = "ed25519-signed-message";
const ML_DSA: &str = "ml-dsa-44-signed-message";
const NAME: &str = "witness.example/w1";

fn spec(section: &str) -> String {
    format!("{C2SP}tlog-cosignature.md#{section}")
}

/// A checkpoint of the log with its own line, and then this one.
fn with(text: &str, line: NoteSignature) -> String {
    super::keys::note(text, &[log_signs(text), line])
}

fn line(key: &Vkey, time: u64, signature: &[u8]) -> NoteSignature {
    let bytes = [&time.to_be_bytes(), signature].concat();
    NoteSignature { name: key.name.clone(), id: key.id, bytes }
}

fn accept(name: &str, section: &str, comment: &str, key: &Skey, text: &str, time: u64) -> Vector {
    let message = match key.vkey().kind {
        KeyKind::CosignatureMlDsa44 => {
            let parsed = spec::checkpoint::Checkpoint::parse(text).unwrap();
            Message::of(&parsed, &key.vkey().name, time).to_bytes()
        }
        _ => format!("cosignature/v1\ntime {time}\n{text}").into_bytes(),
    };
    Vector::accept(name, &spec(section), comment, with(text, cosignature::sign(text, time, key)))
        .with("vkey", key.vkey())
        .with("time", time)
        .with("message-base64", base64(&message))
}

fn refuse(name: &str, sibling: &str, expect: &str, section: &str, comment: &str, key: &Vkey, body: String) -> Vector {
    Vector::refuse(name, sibling, expect, &spec(section), comment, body).with("vkey", key)
}

/// What witness 1 signs with its Ed25519 key, whatever it is.
fn sign_ed25519(message: &[u8]) -> Vec<u8> {
    ed25519_dalek::SigningKey::from_bytes(&[2; 32]).sign(message).to_bytes().to_vec()
}

/// What witness 1 signs with its ML-DSA-44 key, whatever it is.
pub fn sign_ml_dsa(message: &[u8], context: &[u8]) -> Vec<u8> {
    let key = ExpandedSigningKey::<MlDsa44>::from_seed(&[102; 32].into());
    key.sign_deterministic(message, context).unwrap().encode().to_vec()
}

/// Lines of type 0x04: their bytes.
fn ed25519() -> Vec<Vector> {
    let (key, text) = (witness(1), checkpoint(3).to_text());
    let vkey = key.vkey();
    let good = cosignature::sign(&text, TIME, &key);
    let bad = |name: &str, expect: &str, section: &str, comment: &str, line: NoteSignature| {
        refuse(name, "ed25519", expect, section, comment, vkey, with(&text, line))
    };
    let changed = |change: &dyn Fn(&mut NoteSignature)| {
        let mut line = good.clone();
        change(&mut line);
        line
    };
    let over = |text: &str| with(text, good.clone());
    let as_log = skey(NAME, KeyKind::Ed25519, 2);
    let oid = skey("oid/1.3.6.1.4.1.32473.1", KeyKind::CosignatureEd25519, 2);
    let largest = u64::MAX >> 1;
    let not_there = "A signature line that does not match name and key ID is not by this cosigner.";
    let covered = "The signed message has the whole body of the checkpoint.";
    vec![
        accept(
            "ed25519",
            FORMAT,
            "A cosignature of type 0x04 is a time in 8 bytes and an Ed25519 signature in 64.",
            &key,
            &text,
            TIME,
        ),
        accept("ed25519-oid-name", FORMAT, "The key name MAY be oid/ and an OID.", &oid, &text, TIME),
        accept(
            "ed25519-time-largest",
            FORMAT,
            "The time MUST NOT exceed 2^63 - 1, and here it is just that.",
            &key,
            &text,
            largest,
        ),
        refuse(
            "ed25519-time-2-to-the-63",
            "ed25519-time-largest",
            "time",
            FORMAT,
            "The time MUST NOT exceed 2^63 - 1.",
            vkey,
            with(&text, cosignature::sign(&text, 1 << 63, &key)),
        ),
        bad(
            "ed25519-time-0",
            "time",
            ED25519,
            "A cosignature says as of when, and time 0 is no time.",
            cosignature::sign(&text, 0, &key),
        ),
        bad(
            "ed25519-time-changed",
            "bad-signature",
            FORMAT,
            "The time is covered by the signature.",
            changed(&|line| line.bytes[7] ^= 1),
        ),
        bad(
            "ed25519-time-little-endian",
            "bad-signature",
            FORMAT,
            "The time is encoded in big-endian order.",
            changed(&|line| line.bytes[..8].reverse()),
        ),
        bad(
            "ed25519-without-time",
            "cosignature-length",
            FORMAT,
            "The signature MUST be a timestamped_signature, so of 72 bytes.",
            changed(&|line| drop(line.bytes.drain(..8))),
        ),
        bad(
            "ed25519-short",
            "cosignature-length",
            FORMAT,
            "The signature MUST be a timestamped_signature, so of 72 bytes.",
            changed(&|line| line.bytes.truncate(line.bytes.len() - 1)),
        ),
        bad(
            "ed25519-long",
            "cosignature-length",
            FORMAT,
            "The signature MUST be a timestamped_signature, so of 72 bytes.",
            changed(&|line| line.bytes.push(0)),
        ),
        bad(
            "ed25519-fails",
            "bad-signature",
            FORMAT,
            "The signature verifies under the cosigner's public key.",
            changed(&|line| line.bytes[71] ^= 1),
        ),
        bad(
            "ed25519-s-not-reduced",
            "bad-signature",
            FORMAT,
            "RFC 8032 section 5.1.7 refuses a second half of the signature that is not below the group order.",
            changed(&|line| add_group_order(&mut line.bytes[40..])),
        ),
        bad(
            "ed25519-small-order-r",
            "bad-signature",
            FORMAT,
            "The first half of the signature, R, is no point of small order, for which whoever knows the key can sign without a nonce.",
            line(vkey, TIME, &small_order_r([2; 32], format!("cosignature/v1\ntime {TIME}\n{text}").as_bytes())),
        ),
        bad(
            "ed25519-key-id-of-type-01",
            "other-key",
            FORMAT,
            "The key ID MUST be computed with the type 0x04.",
            changed(&|line| line.id = as_log.vkey().id),
        ),
        bad(
            "ed25519-other-name",
            "other-key",
            FORMAT,
            not_there,
            changed(&|line| line.name = "witness.example/w2".into()),
        ),
        refuse(
            "ed25519-log-key",
            "ed25519",
            "other-key",
            FORMAT,
            "A key of type 0x01 is no cosigner's.",
            as_log.vkey(),
            with(&text, spec::checkpoint::sign(&checkpoint(3), &as_log)),
        ),
        refuse(
            "ed25519-size-changed",
            "ed25519",
            "bad-signature",
            ED25519,
            covered,
            vkey,
            over(&text.replacen("\n3\n", "\n4\n", 1)),
        ),
        refuse(
            "ed25519-origin-changed",
            "ed25519",
            "bad-signature",
            ED25519,
            covered,
            vkey,
            over(&text.replacen(ORIGIN, "log.example/other", 1)),
        ),
        refuse("ed25519-root-changed", "ed25519", "bad-signature", ED25519, covered, vkey, over(&other_root(&text))),
    ]
}

fn other_root(text: &str) -> String {
    let root = checkpoint(3).head.root.to_base64();
    text.replacen(&root, &checkpoint(4).head.root.to_base64(), 1)
}

/// Lines of type 0x04: what they sign.
fn ed25519_messages() -> Vec<Vector> {
    let (key, text) = (witness(1), checkpoint(3).to_text());
    let vkey = key.vkey();
    let extended = format!("{text}an extension line\n");
    let signs = |name: &str, comment: &str, message: String| {
        let body = with(&text, line(vkey, TIME, &sign_ed25519(message.as_bytes())));
        refuse(name, "ed25519", "bad-signature", ED25519, comment, vkey, body)
    };
    let v1 = format!("cosignature/v1\ntime {TIME}\n");
    let three_lines = line(vkey, TIME, &sign_ed25519(format!("{v1}{text}").as_bytes()));
    vec![
        accept(
            "ed25519-extension-line",
            ED25519,
            "Extension lines, if present, MUST be included in the cosigned message.",
            &key,
            &extended,
            TIME,
        ),
        refuse(
            "ed25519-extension-left-out",
            "ed25519-extension-line",
            "bad-signature",
            ED25519,
            "Extension lines, if present, MUST be included in the cosigned message.",
            vkey,
            with(&extended, three_lines),
        ),
        signs(
            "ed25519-other-header",
            "The header line MUST be cosignature/v1.",
            format!("cosignature/v2\ntime {TIME}\n{text}"),
        ),
        signs(
            "ed25519-without-header",
            "The header line MUST be there, and separates cosignatures from a log's signatures.",
            format!("time {TIME}\n{text}"),
        ),
        signs("ed25519-text-alone", "The message MUST start with a header and a time line.", text.clone()),
        signs(
            "ed25519-time-line-zero-before",
            "The time line MUST have an ASCII decimal with no leading zeroes.",
            format!("cosignature/v1\ntime 0{TIME}\n{text}"),
        ),
        signs(
            "ed25519-time-line-two-spaces",
            "The time line MUST have a single space.",
            format!("cosignature/v1\ntime  {TIME}\n{text}"),
        ),
        signs(
            "ed25519-time-line-other-time",
            "The time line has the time of the timestamped_signature.",
            format!("cosignature/v1\ntime {}\n{text}", TIME + 1),
        ),
        signs(
            "ed25519-final-newline-left-out",
            "The whole note body is signed, with its final newline.",
            format!("{v1}{}", text.trim_end()),
        ),
        signs(
            "ed25519-signature-lines-signed",
            "Signature lines are not signed.",
            format!("{v1}{}", super::keys::note(&text, &[log_signs(&text)])),
        ),
    ]
}

/// Lines of type 0x06: their bytes.
fn ml_dsa() -> Vec<Vector> {
    let (key, text) = (witness_ml_dsa(1), checkpoint(3).to_text());
    let vkey = key.vkey();
    let good = cosignature::sign(&text, TIME, &key);
    let bad = |name: &str, expect: &str, section: &str, comment: &str, line: NoteSignature| {
        refuse(name, "ml-dsa-44", expect, section, comment, vkey, with(&text, line))
    };
    let changed = |change: &dyn Fn(&mut NoteSignature)| {
        let mut line = good.clone();
        change(&mut line);
        line
    };
    let over = |text: &str| with(text, good.clone());
    let long = skey(&"n".repeat(MAX_NAME_BYTES), KeyKind::CosignatureMlDsa44, 102);
    let extended = format!("{text}an extension line\n");
    let largest = u64::MAX >> 1;
    vec![
        accept(
            "ml-dsa-44",
            FORMAT,
            "A cosignature of type 0x06 is a time in 8 bytes and an ML-DSA-44 signature in 2,420.",
            &key,
            &text,
            TIME,
        ),
        accept("ml-dsa-44-name-255", ML_DSA, "A cosigner's name has up to 255 bytes.", &long, &text, TIME),
        accept(
            "ml-dsa-44-time-largest",
            FORMAT,
            "The time MUST NOT exceed 2^63 - 1, and here it is just that.",
            &key,
            &text,
            largest,
        ),
        accept(
            "ml-dsa-44-extension-line",
            ML_DSA,
            "Extension lines are not in the signed message of type 0x06.",
            &key,
            &extended,
            TIME,
        ),
        refuse(
            "ml-dsa-44-time-2-to-the-63",
            "ml-dsa-44-time-largest",
            "time",
            FORMAT,
            "The time MUST NOT exceed 2^63 - 1.",
            vkey,
            with(&text, cosignature::sign(&text, 1 << 63, &key)),
        ),
        bad(
            "ml-dsa-44-time-0",
            "time",
            ML_DSA,
            "With time 0 a cosigner does not say that this is the largest tree, so it is no cosignature of a checkpoint here.",
            cosignature::sign(&text, 0, &key),
        ),
        bad(
            "ml-dsa-44-time-changed",
            "bad-signature",
            ML_DSA,
            "The message has the time of the timestamped_signature.",
            changed(&|line| line.bytes[7] ^= 1),
        ),
        bad(
            "ml-dsa-44-without-time",
            "cosignature-length",
            FORMAT,
            "The signature MUST be a timestamped_signature, so of 2,428 bytes.",
            changed(&|line| drop(line.bytes.drain(..8))),
        ),
        bad(
            "ml-dsa-44-short",
            "cosignature-length",
            FORMAT,
            "The signature MUST be a timestamped_signature, so of 2,428 bytes.",
            changed(&|line| line.bytes.truncate(line.bytes.len() - 1)),
        ),
        bad(
            "ml-dsa-44-long",
            "cosignature-length",
            FORMAT,
            "The signature MUST be a timestamped_signature, so of 2,428 bytes.",
            changed(&|line| line.bytes.push(0)),
        ),
        bad(
            "ml-dsa-44-fails",
            "bad-signature",
            FORMAT,
            "The signature verifies under the cosigner's public key.",
            changed(&|line| line.bytes[8] ^= 1),
        ),
        bad(
            "ml-dsa-44-key-id-of-type-04",
            "other-key",
            FORMAT,
            "The key ID MUST be computed with the type 0x06.",
            changed(&|line| line.id = key_id(0x04, vkey.public())),
        ),
        refuse(
            "ml-dsa-44-size-changed",
            "ml-dsa-44",
            "bad-signature",
            ML_DSA,
            "The message ends the subtree at the checkpoint's size.",
            vkey,
            over(&text.replacen("\n3\n", "\n4\n", 1)),
        ),
        refuse(
            "ml-dsa-44-origin-changed",
            "ml-dsa-44",
            "bad-signature",
            ML_DSA,
            "The message has the log's origin.",
            vkey,
            over(&text.replacen(ORIGIN, "log.example/other", 1)),
        ),
        refuse(
            "ml-dsa-44-root-changed",
            "ml-dsa-44",
            "bad-signature",
            ML_DSA,
            "The message has the root hash.",
            vkey,
            over(&other_root(&text)),
        ),
        refuse(
            "ml-dsa-44-size-003",
            "ml-dsa-44",
            "size",
            ML_DSA,
            "The message is made of a checkpoint's parts, so the text is one: this one wrote its size otherwise.",
            vkey,
            over(&text.replacen("\n3\n", "\n003\n", 1)),
        ),
    ]
}

/// The key ID of witness 1 if its key were of this type.
fn key_id(kind: u8, public: &[u8]) -> u32 {
    use sha2::Digest as _;
    let hash = sha2::Sha256::digest([NAME.as_bytes(), &[b'\n', kind], public].concat());
    u32::from_be_bytes(hash[..4].try_into().unwrap())
}

/// The `cosigned_message`, written from the specification alone.
#[derive(Clone)]
pub struct Message {
    label: Vec<u8>,
    cosigner: String,
    time: u64,
    origin: String,
    pub start: u64,
    end: u64,
    hash: [u8; 32],
}

impl Message {
    pub fn of(checkpoint: &spec::checkpoint::Checkpoint, cosigner: &str, time: u64) -> Self {
        Self {
            label: b"subtree/v1\n\0".to_vec(),
            cosigner: cosigner.into(),
            time,
            origin: checkpoint.origin.clone(),
            start: 0,
            end: checkpoint.head.size,
            hash: checkpoint.head.root.0,
        }
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut message = self.label.clone();
        message.push(self.cosigner.len().try_into().unwrap());
        message.extend(self.cosigner.bytes());
        message.extend(self.time.to_be_bytes());
        message.push(self.origin.len().try_into().unwrap());
        message.extend(self.origin.bytes());
        message.extend(self.start.to_be_bytes());
        message.extend(self.end.to_be_bytes());
        message.extend(self.hash);
        message
    }
}

/// Lines of type 0x06: what they sign.
fn ml_dsa_messages() -> Vec<Vector> {
    let (text, vkey) = (checkpoint(3).to_text(), witness_ml_dsa(1).vkey().clone());
    let good = Message::of(&checkpoint(3), NAME, TIME);
    let refused = |name: &str, comment: &str, signature: Vec<u8>| {
        refuse(name, "ml-dsa-44", "bad-signature", ML_DSA, comment, &vkey, with(&text, line(&vkey, TIME, &signature)))
    };
    let signs =
        |name: &str, comment: &str, message: Message| refused(name, comment, sign_ml_dsa(&message.to_bytes(), b""));
    let as_ed25519 = format!("cosignature/v1\ntime {TIME}\n{text}");
    vec![
        signs(
            "ml-dsa-44-other-label",
            "The label is subtree/v1, newline and NUL.",
            Message { label: b"subtree/v2\n\0".to_vec(), ..good.clone() },
        ),
        signs(
            "ml-dsa-44-label-without-nul",
            "The label is subtree/v1, newline and NUL.",
            Message { label: b"subtree/v1\n".to_vec(), ..good.clone() },
        ),
        signs(
            "ml-dsa-44-other-name",
            "The message has the cosigner's name.",
            Message { cosigner: "witness.example/w2".into(), ..good.clone() },
        ),
        signs(
            "ml-dsa-44-other-time",
            "The message has the time of the timestamped_signature.",
            Message { time: TIME + 1, ..good.clone() },
        ),
        signs(
            "ml-dsa-44-start-1",
            "The start MUST be zero if a checkpoint is signed.",
            Message { start: 1, ..good.clone() },
        ),
        signs("ml-dsa-44-other-end", "The end is the size of the tree.", Message { end: 2, ..good.clone() }),
        refused(
            "ml-dsa-44-context",
            "The signature is FIPS 204's with an empty context.",
            sign_ml_dsa(&good.to_bytes(), b"c2sp.org"),
        ),
        refused(
            "ml-dsa-44-ed25519-message",
            "The signed message MUST be a cosigned_message.",
            sign_ml_dsa(as_ed25519.as_bytes(), b""),
        ),
    ]
}
