//! Signed notes and their keys.

use super::format::{C2SP, Vector, base64, trailing_bit, url_safe};
use super::keys::{
    ORIGIN, TIME, add_group_order, checkpoint, colliding_logs, log, note, skey, small_order_r, witness, witness_ml_dsa,
};
use spec::checkpoint::{self as checkpoints, CheckpointError, OpenError};
use spec::cosignature;
use spec::note::{KeyError, KeyKind, MAX_NAME_BYTES, MAX_SIGNATURES, Note, NoteError, NoteSignature, Skey, Vkey};
use std::slice::from_ref;

pub fn run(vector: &Vector) -> String {
    let outcome = match vector.get("format") {
        "vkey" => vector.text().parse::<Vkey>().map(|_| ()).map_err(|error| key_error(&error)),
        "skey" => vector.text().parse::<Skey>().map(|_| ()).map_err(|error| key_error(&error)),
        "note" => open(vector),
        other => panic!("{}: format {other}", vector.name),
    };
    outcome.err().unwrap_or("accept").into()
}

fn open(vector: &Vector) -> Result<(), &'static str> {
    let note = Note::parse(&vector.body).map_err(|error| note_error(&error))?;
    let keys = vkeys(vector);
    if !keys.is_empty() {
        checkpoints::open(&note, &keys).map_err(|error| open_error(&error))?;
    }
    Ok(())
}

/// The keys of the header lines `vkey`.
pub fn vkeys(vector: &Vector) -> Vec<Vkey> {
    vector.all("vkey").map(|vkey| vkey.parse().unwrap()).collect()
}

pub fn accepts(vector: &Vector, text: &[u8]) -> Option<Vec<u8>> {
    let utf8 = || std::str::from_utf8(text).ok();
    let written = match vector.get("format") {
        "vkey" => utf8()?.parse::<Vkey>().ok()?.to_string(),
        "skey" => utf8()?.parse::<Skey>().ok()?.to_secret_text(),
        _ => Note::parse(text).ok()?.to_string(),
    };
    Some(written.into_bytes())
}

pub fn note_error(error: &NoteError) -> &'static str {
    match error {
        NoteError::TooLong(_) => "note-too-long",
        NoteError::Characters(_) => "characters",
        NoteError::Form => "note-form",
        NoteError::SignatureLine(_) => "signature-line",
        NoteError::TooManySignatures => "too-many-signatures",
    }
}

pub fn key_error(error: &KeyError) -> &'static str {
    match error {
        KeyError::Form => "key-form",
        KeyError::Name(_) => "key-name",
        KeyError::UnknownType(_) => "key-type",
        KeyError::LongName(_) => "key-name-too-long",
        KeyError::Length { .. } => "key-length",
        KeyError::WeakKey => "weak-key",
        KeyError::KeyId { .. } => "key-id",
    }
}

pub fn checkpoint_error(error: &CheckpointError) -> &'static str {
    match error {
        CheckpointError::Form => "checkpoint-form",
        CheckpointError::LongOrigin(_) => "origin-too-long",
        CheckpointError::Size(_) => "size",
        CheckpointError::Root(_) => "root",
    }
}

pub fn open_error(error: &OpenError) -> &'static str {
    match error {
        OpenError::Checkpoint(error) => checkpoint_error(error),
        OpenError::BadSignature { .. } => "bad-signature",
        OpenError::NotSigned { .. } => "not-signed",
    }
}

pub fn make() -> Vec<Vector> {
    let mut vectors = forms();
    vectors.extend(lines());
    vectors.extend(signatures());
    vectors.extend(vkeys_and_skeys());
    vectors
}

/// A note for whoever has the log's key.
fn accept(name: &str, section: &str, comment: &str, body: impl Into<Vec<u8>>) -> Vector {
    let vector = Vector::accept(name, &format!("{C2SP}signed-note.md#{section}"), comment, body);
    vector.with("format", "note").with("vkey", log().vkey())
}

/// A note that is refused for whoever has the log's key; it differs from `valid`.
fn refuse(name: &str, expect: &str, section: &str, comment: &str, body: impl Into<Vec<u8>>) -> Vector {
    let vector = Vector::refuse(name, "valid", expect, &format!("{C2SP}signed-note.md#{section}"), comment, body);
    vector.with("format", "note").with("vkey", log().vkey())
}

fn text() -> String {
    checkpoint(3).to_text()
}

fn log_line() -> NoteSignature {
    checkpoints::sign(&checkpoint(3), &log())
}

fn valid() -> String {
    note(&text(), &[log_line()])
}

/// What is and is not a text, an empty line and signature lines.
fn forms() -> Vec<Vector> {
    let (valid, line) = (valid(), log_line().to_string());
    let extended = |extension: &str| {
        let text = format!("{}{extension}\n", text());
        let bytes = spec::checkpoint::Checkpoint::parse(&text).map(|checkpoint| checkpoints::sign(&checkpoint, &log()));
        note(&text, &[bytes.unwrap()])
    };
    let not_utf8 = [&valid.as_bytes()[..4], b"\xff", &valid.as_bytes()[5..]].concat();
    let empty_lines = format!("A text.\n\n\nIts second part.\n\n{line}");
    vec![
        accept("valid", "format", "A text, an empty line, and one signature line by a known key.", &*valid),
        Vector::accept(
            "empty-lines-in-text",
            &format!("{C2SP}signed-note.md#format"),
            "The text MAY contain empty lines, for the last empty line of the note is the one that separates.",
            empty_lines,
        )
        .with("format", "note"),
        accept(
            "control-characters-above",
            "format",
            "Only control characters below U+0020 MUST NOT be there: U+007F and U+0085 may.",
            extended("\u{7f}\u{85}"),
        ),
        refuse(
            "crlf",
            "characters",
            "format",
            "Notes MUST NOT contain control characters below U+0020 other than newline, so no CR.",
            valid.replace('\n', "\r\n"),
        ),
        refuse(
            "tab",
            "characters",
            "format",
            "Notes MUST NOT contain control characters below U+0020 other than newline, so no tab.",
            valid.replacen('.', "\t", 1),
        ),
        refuse(
            "nul",
            "characters",
            "format",
            "Notes MUST NOT contain control characters below U+0020 other than newline, so no NUL.",
            valid.replacen('.', "\0", 1),
        ),
        refuse("not-utf-8", "characters", "format", "Notes MUST be valid UTF-8.", not_utf8),
        refuse(
            "missing-final-newline",
            "note-form",
            "format",
            "A signature line ends in newline, the last one too.",
            valid.trim_end(),
        ),
        refuse(
            "missing-empty-line",
            "note-form",
            "format",
            "The text is followed by an empty line.",
            valid.replace("\n\n", "\n"),
        ),
        refuse(
            "no-signature-line",
            "note-form",
            "format",
            "One or more signature lines follow the empty line.",
            format!("{}\n", text()),
        ),
        refuse(
            "empty-line-at-end",
            "note-form",
            "format",
            "The last empty line separates, and here no signature line follows it.",
            format!("{valid}\n"),
        ),
        refuse(
            "no-text",
            "note-form",
            "format",
            "A note has a text that ends in newline before the empty line.",
            format!("\n{line}"),
        ),
    ]
}

/// What is and is not a signature line.
fn lines() -> Vec<Vector> {
    let ours = log_line().to_string();
    let other = |name: &str, bytes: &[u8]| format!("\u{2014} {name} {}", base64(bytes));
    let with_other = |line: String| format!("{}\n{line}\n{ours}", text());
    let unknown = [7; 68];
    let short_zero = base64(&[7; 67]).replace('=', "");
    let refused =
        |name: &str, comment: &str, line: String| refuse(name, "signature-line", "format", comment, with_other(line));
    vec![
        accept(
            "unicode-key-name",
            "format",
            "Key names may have all but Unicode spaces and plus, control characters above U+0020 included.",
            with_other(other("Öl\u{7f}\u{9b}.example", &unknown)),
        ),
        accept(
            "one-byte-signature",
            "format",
            "A signature has 4+n bytes, and how many n are is the algorithm's matter.",
            with_other(other("other.example", &[7; 5])),
        ),
        refused("no-signature-bytes", "A signature has bytes after its key ID.", other("other.example", &[7; 4])),
        refused("three-bytes", "The first four bytes are the key ID.", other("other.example", &[7; 3])),
        refused("empty-key-name", "Key names MUST be non-empty.", other("", &unknown)),
        refused("space-in-key-name", "Key names MUST NOT contain any spaces.", other("other example", &unknown)),
        refused(
            "unicode-space-in-key-name",
            "Key names MUST NOT contain any Unicode spaces, so no U+3000.",
            other("other\u{3000}example", &unknown),
        ),
        refused("plus-in-key-name", "Key names MUST NOT contain plus (U+002B).", other("other+example", &unknown)),
        refused(
            "hyphen-for-em-dash",
            "A signature line starts with an em dash (U+2014).",
            other("other.example", &unknown).replace('\u{2014}', "-"),
        ),
        refused("two-spaces", "One space stands between em dash and key name.", other(" other.example", &unknown)),
        refused("trailing-space", "After the signature comes newline.", other("other.example", &unknown) + " "),
        refused(
            "base64-without-padding",
            "Base64 is that of RFC 4648 section 4, with padding.",
            format!("\u{2014} other.example {short_zero}"),
        ),
        refused(
            "base64-trailing-bits",
            "Bits of base64 that carry nothing are zero, else one signature had several forms.",
            other("other.example", &unknown).replace(&base64(&unknown), &trailing_bit(&base64(&unknown))),
        ),
        refused(
            "base64-url-safe",
            "Base64 is that of RFC 4648 section 4, not the one for URLs.",
            url_safe(&other("other.example", &[255; 69])),
        ),
    ]
}

/// Whose signatures are verified, and what follows.
fn signatures() -> Vec<Vector> {
    let (text, ours) = (text(), log_line());
    let of_other = |name: &str, id: u32| NoteSignature { name: name.into(), id, bytes: vec![7; 64] };
    let mut failing = ours.clone();
    failing.bytes[63] ^= 1;
    let mut malleable = ours.clone();
    add_group_order(&mut malleable.bytes[32..]);
    let many = |n: usize| {
        let mut lines = vec![of_other("other.example", 7); n - 1];
        lines.push(ours.clone());
        note(&text, &lines)
    };
    let as_witness = cosignature::sign(&text, TIME, &skey(ORIGIN, KeyKind::CosignatureEd25519, 1));
    let (first, second) = colliding_logs();
    let by_first = checkpoints::sign(&checkpoint(3), &first);
    let mut vectors = vec![
        accept(
            "unknown-key",
            "signatures",
            "Verifiers MUST ignore signatures from unknown keys.",
            note(&text, &[of_other("other.example", 7), ours.clone()]),
        ),
        accept(
            "unknown-key-same-name",
            "signatures",
            "Verifiers MUST ignore signatures from unknown keys, even if they share a name with a known key.",
            note(&text, &[of_other(ORIGIN, 7), ours.clone()]),
        ),
        accept(
            "unknown-key-same-id",
            "signatures",
            "Verifiers MUST ignore signatures from unknown keys, even if they share an ID with a known key.",
            note(&text, &[of_other("other.example", ours.id), ours.clone()]),
        ),
        accept(
            "line-twice",
            "signatures",
            "A line by a known key MUST be verified each time it stands there.",
            note(&text, &[ours.clone(), ours.clone()]),
        ),
        accept(
            "other-type-of-one-key",
            "verifier-keys",
            "A public key that is used for two signature types has a different key ID for each, so a line of the other type is by an unknown key.",
            note(&text, &[as_witness.clone(), ours.clone()]),
        ),
        accept("sixteen-signatures", "format", "Verifiers MUST accept at least up to 16 signatures.", many(16)),
        accept("hundred-signatures", "format", "This implementation reads up to 100 signatures.", many(MAX_SIGNATURES)),
        refuse(
            "too-many-signatures",
            "too-many-signatures",
            "format",
            "Verifiers SHOULD apply a maximum limit, and this implementation's is 100 signatures.",
            many(MAX_SIGNATURES + 1),
        ),
        refuse(
            "known-key-fails",
            "bad-signature",
            "signatures",
            "If no signature from a known key verifies, the note MUST be rejected.",
            note(&text, from_ref(&failing)),
        ),
        refuse(
            "known-key-fails-beside-good-one",
            "bad-signature",
            "signatures",
            "If a signature from a known key fails to verify, clients SHOULD reject the whole note, and for keys of logs this implementation does.",
            note(&text, &[ours.clone(), failing]),
        ),
        refuse(
            "text-changed",
            "bad-signature",
            "signatures",
            "The signature is verified over the very text.",
            note(&text.replacen("\n3\n", "\n4\n", 1), from_ref(&ours)),
        ),
        refuse(
            "only-unknown-keys",
            "not-signed",
            "signatures",
            "The text MUST be ignored unless a trusted key signed it.",
            note(&text, &[of_other("other.example", 7)]),
        ),
        refuse(
            "only-other-type-of-one-key",
            "not-signed",
            "verifier-keys",
            "A different key ID MUST be used for each signature type, so a cosignature by the same public key is not the log's signature.",
            note(&text, &[as_witness]),
        ),
        refuse(
            "s-not-reduced",
            "bad-signature",
            "ed25519-signatures",
            "RFC 8032 section 5.1.7 refuses a second half of the signature that is not below the group order.",
            note(&text, &[malleable]),
        ),
        refuse(
            "small-order-r",
            "bad-signature",
            "ed25519-signatures",
            "The first half of the signature, R, is no point of small order: RFC 8032 takes it, and implementations differ.",
            note(&text, &[NoteSignature { bytes: small_order_r([1; 32], text.as_bytes()), ..ours.clone() }]),
        ),
    ];
    let spec = format!("{C2SP}signed-note.md#signatures");
    vectors.push(
        Vector::accept(
            "key-id-of-one",
            &spec,
            "A key of which another one with the same name and key ID exists.",
            note(&text, from_ref(&by_first)),
        )
        .with("format", "note")
        .with("vkey", first.vkey()),
    );
    vectors.push(
        Vector::refuse("key-id-collision", "key-id-of-one", "bad-signature", &spec, "If name and ID match a known key, verifiers MUST verify the signature, so of two known keys with both the same, one fails.", note(&text, from_ref(&by_first)))
            .with("format", "note")
            .with_all("vkey", [first.vkey(), second.vkey()]),
    );
    vectors.push(
        Vector::refuse(
            "key-id-collision-of-a-stranger",
            "key-id-of-one",
            "bad-signature",
            &spec,
            "Whoever computes a key that collides with a known one gets a signature that fails, no more.",
            note(&text, &[by_first]),
        )
        .with("format", "note")
        .with("vkey", second.vkey()),
    );
    vectors
}

/// What is and is not a key.
fn vkeys_and_skeys() -> Vec<Vector> {
    let spec = format!("{C2SP}signed-note.md#verifier-keys");
    let accept = |name: &str, format: &str, comment: &str, body: String| {
        Vector::accept(name, &spec, comment, body).with("format", format)
    };
    let refuse = |name: &str, sibling: &str, expect: &str, comment: &str, body: String| {
        Vector::refuse(name, sibling, expect, &spec, comment, body).with("format", sibling.split('-').next().unwrap())
    };
    let small = |name: &str, expect: &str, comment: &str, body: String| refuse(name, "vkey", expect, comment, body);
    let vkey = log().vkey().to_string();
    let (id, public) = (format!("{:08x}", log().vkey().id), log().vkey().public().to_vec());
    let of = |kind: u8, public: &[u8]| written(ORIGIN, kind, public);
    let mut non_canonical = [0xff; 32];
    (non_canonical[0], non_canonical[31]) = (0xf0, 0x7f);
    let mut no_point = [0; 32];
    no_point[0] = 2;
    let identity = [&[1][..], &[0; 31]].concat();
    let large = witness_ml_dsa(1);
    let long = |n: usize| written(&"n".repeat(n), 0x06, large.vkey().public());
    let skey = log().to_secret_text();
    vec![
        accept(
            "vkey",
            "vkey",
            "A verifier key is name, key ID and base64 of type and public key, with plus between.",
            vkey.clone(),
        ),
        accept(
            "vkey-cosignature",
            "vkey",
            "Type 0x04 is of Ed25519 cosignatures, its public key 32 bytes.",
            witness(1).vkey().to_string(),
        ),
        accept(
            "vkey-ml-dsa-44",
            "vkey",
            "Type 0x06 is of ML-DSA-44 cosignatures, its public key 1,312 bytes.",
            large.vkey().to_string(),
        ),
        accept(
            "vkey-ml-dsa-44-name-255",
            "vkey",
            "The signed message of type 0x06 has room for a name of 255 bytes.",
            long(MAX_NAME_BYTES),
        ),
        refuse(
            "vkey-ml-dsa-44-name-256",
            "vkey-ml-dsa-44-name-255",
            "key-name-too-long",
            "The signed message of type 0x06 has no room for a name of 256 bytes.",
            long(MAX_NAME_BYTES + 1),
        ),
        refuse(
            "vkey-ml-dsa-44-short",
            "vkey-ml-dsa-44",
            "key-length",
            "A public key of type 0x06 has 1,312 bytes.",
            written(&large.vkey().name, 6, &large.vkey().public()[..1311]),
        ),
        small(
            "vkey-other-key-id",
            "key-id",
            "The key ID is the start of the hash of name, newline, type and public key.",
            vkey.replace(&id, "01234567"),
        ),
        small("vkey-upper-case-key-id", "key-form", "Hex is lower-case.", vkey.replace(&id, &id.to_uppercase())),
        small("vkey-short-key-id", "key-form", "The key ID has eight hex digits.", vkey.replace(&id, &id[..7])),
        small(
            "vkey-without-key-id",
            "key-form",
            "A verifier key has three parts.",
            vkey.replace(&format!("+{id}"), ""),
        ),
        small("vkey-empty-name", "key-name", "Key names MUST be non-empty.", written("", 1, &public)),
        small(
            "vkey-space-in-name",
            "key-name",
            "Key names MUST NOT contain any Unicode spaces, so no U+00A0.",
            written("log\u{a0}example", 1, &public),
        ),
        small(
            "vkey-unknown-type",
            "key-type",
            "Type 0x02 is of ECDSA signatures, which this implementation does not read.",
            of(2, &public),
        ),
        small("vkey-without-key", "key-length", "A public key of type 0x01 has 32 bytes.", of(1, &[])),
        small("vkey-short", "key-length", "A public key of type 0x01 has 32 bytes, not 31.", of(1, &public[..31])),
        small(
            "vkey-long",
            "key-length",
            "A public key of type 0x01 has 32 bytes, not 33.",
            of(1, &[&public[..], &[0]].concat()),
        ),
        refuse(
            "vkey-ml-dsa-44-without-padding",
            "vkey-ml-dsa-44",
            "key-form",
            "Base64 is that of RFC 4648 section 4, with padding.",
            large.vkey().to_string().trim_end_matches('=').to_owned(),
        ),
        refuse(
            "vkey-ml-dsa-44-trailing-bits",
            "vkey-ml-dsa-44",
            "key-form",
            "Bits of base64 that carry nothing are zero, else one key had several forms.",
            trailing_bit(&large.vkey().to_string()),
        ),
        small(
            "vkey-small-order",
            "weak-key",
            "Under a point of small order, one signature verifies over many texts.",
            of(1, &identity),
        ),
        small(
            "vkey-not-canonical",
            "weak-key",
            "RFC 8032 section 5.1.3 refuses a coordinate that is not below p.",
            of(1, &non_canonical),
        ),
        small(
            "vkey-not-on-curve",
            "weak-key",
            "RFC 8032 section 5.1.3 refuses what decodes to no point.",
            of(1, &no_point),
        ),
        small("vkey-newline-at-end", "key-form", "A verifier key is a text without newline.", vkey.clone() + "\n"),
        accept(
            "skey",
            "skey",
            "A signing key is written as a verifier key is, after PRIVATE+KEY+ and with the seed in place of the public key.",
            skey.clone(),
        ),
        refuse(
            "skey-other-key-id",
            "skey",
            "key-id",
            "The key ID of a signing key is that of its verifier key.",
            skey.replace(&id, "01234567"),
        ),
        refuse(
            "skey-without-prefix",
            "skey",
            "key-form",
            "A signing key starts with PRIVATE+KEY+.",
            skey.replace("PRIVATE+KEY+", ""),
        ),
    ]
}

/// A verifier key with the key ID that belongs to it, whatever it is of.
pub fn written(name: &str, kind: u8, public: &[u8]) -> String {
    use sha2::Digest as _;
    let material = [&[kind], public].concat();
    let hash = sha2::Sha256::digest([name.as_bytes(), b"\n", &material].concat());
    format!("{name}+{:02x}{:02x}{:02x}{:02x}+{}", hash[0], hash[1], hash[2], hash[3], base64(&material))
}
