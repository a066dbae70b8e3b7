//! Checkpoints: their text, and the log's own signatures.

use super::format::{C2SP, Vector, base64, hex, trailing_bit, url_safe};
use super::keys::{ORIGIN, TIME, checkpoint, log, log_ml_dsa, log_signs, note, signed_as, skey};
use super::note::{note_error, open_error, vkeys};
use spec::checkpoint::{self as checkpoints, Checkpoint, OpenError};
use spec::cosignature;
use spec::note::{KeyKind, MAX_NAME_BYTES, Note, NoteSignature, Skey, Vkey};
use std::slice::from_ref;

pub fn run(vector: &Vector) -> String {
    let opened = Note::parse(&vector.body)
        .map_err(|error| note_error(&error))
        .and_then(|note| read(&note, &vkeys(vector)).map_err(|error| open_error(&error)));
    match opened {
        Ok(checkpoint) => {
            assert_eq!(checkpoint.origin, vector.get("origin"));
            assert_eq!(checkpoint.head.size, vector.number("size"));
            "accept".into()
        }
        Err(error) => error.into(),
    }
}

/// Without keys only the text is judged.
fn read(note: &Note, keys: &[Vkey]) -> Result<Checkpoint, OpenError> {
    if keys.is_empty() { Ok(Checkpoint::parse(&note.text)?) } else { checkpoints::open(note, keys) }
}

/// Reads a note and its text as a checkpoint, and writes both.
pub fn accepts(_: &Vector, text: &[u8]) -> Option<Vec<u8>> {
    let note = Note::parse(text).ok()?;
    let text = Checkpoint::parse(&note.text).ok()?.to_text();
    Some(Note { text, ..note }.to_string().into_bytes())
}

pub fn make() -> Vec<Vector> {
    let mut vectors = texts();
    vectors.extend(sizes());
    vectors.extend(signatures());
    vectors
}

fn spec(section: &str) -> String {
    format!("{C2SP}tlog-checkpoint.md#{section}")
}

fn accept(name: &str, section: &str, comment: &str, text: &str, lines: &[NoteSignature]) -> Vector {
    let parsed = Checkpoint::parse(text).unwrap();
    let vector = Vector::accept(name, &spec(section), comment, note(text, lines));
    vector.with("origin", parsed.origin).with("size", parsed.head.size)
}

fn refuse(name: &str, sibling: &str, expect: &str, section: &str, comment: &str, body: String) -> Vector {
    Vector::refuse(name, sibling, expect, &spec(section), comment, body)
}

/// The text of the log's checkpoint, with other lines in the place of the first three.
fn text(origin: &str, size: &str, root: &str) -> String {
    format!("{origin}\n{size}\n{root}\n")
}

fn root() -> String {
    checkpoint(3).head.root.to_base64()
}

/// Texts that the log signed, though they say what must not be said.
fn texts() -> Vec<Vector> {
    let (vkey, root) = (log().vkey().to_string(), root());
    let valid = text(ORIGIN, "3", &root);
    let good = |name: &str, comment: &str, text: &str| {
        accept(name, "note-text", comment, text, &[log_signs(text)]).with("vkey", &vkey)
    };
    let bad = |name: &str, expect: &str, comment: &str, text: &str| {
        refuse(name, "valid", expect, "note-text", comment, note(text, &[log_signs(text)])).with("vkey", &vkey)
    };
    let with_root = |root: &str| text(ORIGIN, "3", root);
    let (bytes, long) = (checkpoint(3).head.root.0, "o".repeat(MAX_NAME_BYTES));
    let longer = format!("{long}o");
    let named = |name: &str| skey(name, KeyKind::Ed25519, 1).vkey().to_string();
    let (long_text, longer_text) = (text(&long, "3", &root), text(&longer, "3", &root));
    let extension = format!("{valid}an extension line\n");
    vec![
        good("valid", "Origin, tree size and root, each on a line, signed by the log's key.", &valid),
        good("extension-line", "Extension lines are opaque and OPTIONAL.", &extension),
        accept(
            "origin-is-no-url",
            "note-text",
            "Clients MUST NOT assume that the origin is a URL without spaces or plus, and this is the text of a checkpoint, whoever signed it.",
            &text("The log + its mirror", "3", &root),
            &[log_line()],
        ),
        accept("origin-255", "note-text", "ML-DSA-44 signatures have room for an origin of 255 bytes.", &long_text, &[signed_as(&long, &long_text)])
            .with("vkey", named(&long)),
        refuse("origin-256", "origin-255", "origin-too-long", "signatures", "Logs SHOULD sign with ML-DSA-44, which has no room for an origin of 256 bytes, so this implementation refuses it under every key.", note(&longer_text, &[signed_as(&longer, &longer_text)]))
            .with("vkey", named(&longer)),
        bad("empty-origin", "checkpoint-form", "The origin MUST be non-empty.", &text("", "3", &root)),
        bad("two-lines", "checkpoint-form", "The text has at least three lines.", &format!("{ORIGIN}\n3\n")),
        bad("empty-extension-line", "checkpoint-form", "Extension lines, if any, MUST be non-empty.", &format!("{valid}\n")),
        refuse("empty-line-before-extension", "extension-line", "checkpoint-form", "note-text", "Extension lines, if any, MUST be non-empty.", {
            let text = format!("{valid}\nan extension line\n");
            note(&text, &[log_signs(&text)])
        })
        .with("vkey", &vkey),
        bad("root-31-bytes", "root", "The root is a hash of 32 bytes.", &with_root(&base64(&bytes[1..]))),
        bad("root-33-bytes", "root", "The root is a hash of 32 bytes.", &with_root(&base64(&[&bytes[..], &[0]].concat()))),
        bad("root-without-padding", "root", "Base64 is that of RFC 4648 section 4, with padding.", &with_root(root.trim_end_matches('='))),
        bad("root-trailing-bits", "root", "Bits of base64 that carry nothing are zero, else one root had several forms.", &with_root(&trailing_bit(&root))),
        bad("root-url-safe", "root", "Base64 is that of RFC 4648 section 4, not the one for URLs.", &with_root(&url_safe(&root))),
        bad("root-hex", "root", "The root is written in base64.", &with_root(&hex(&bytes))),
        bad("root-space", "root", "Nothing but the root stands on its line.", &with_root(&format!("{root} "))),
    ]
}

/// Tree sizes that the log signed.
fn sizes() -> Vec<Vector> {
    let vkey = log().vkey().to_string();
    let of = |size: &str| {
        let text = text(ORIGIN, size, &root());
        let line = log_signs(&text);
        (text, line)
    };
    let bad = |name: &str, sibling: &str, comment: &str, size: &str| {
        let (text, line) = of(size);
        refuse(name, sibling, "size", "note-text", comment, note(&text, &[line])).with("vkey", &vkey)
    };
    let decimal = "The tree size is an ASCII decimal with no leading zeroes.";
    let (largest, line) = of("9223372036854775807");
    let empty = checkpoint(0).to_text();
    vec![
        accept(
            "size-largest",
            "note-text",
            "The largest size that this implementation reads is 2^63 - 1.",
            &largest,
            &[line],
        )
        .with("vkey", &vkey),
        accept("size-0", "note-text", "The size of the empty tree is written 0.", &empty, &[log_signs(&empty)])
            .with("vkey", &vkey),
        bad(
            "size-2-to-the-63",
            "size-largest",
            "Many implementations hold sizes in 64 bits with a sign, so none is read beyond 2^63 - 1.",
            "9223372036854775808",
        ),
        bad(
            "size-2-to-the-64",
            "size-largest",
            "A size that wraps around in 64 bits is not the size that was signed.",
            "18446744073709551616",
        ),
        bad("size-007", "valid", decimal, "007"),
        bad("size-00", "size-0", "The size of the empty tree is 0, with no zero before.", "00"),
        bad("size-plus-3", "valid", decimal, "+3"),
        bad("size-minus-0", "size-0", decimal, "-0"),
        bad("size-empty", "valid", "The three lines are non-empty.", ""),
        bad("size-space-before", "valid", decimal, " 3"),
        bad("size-space-after", "valid", decimal, "3 "),
        bad("size-hex", "valid", decimal, "0x3"),
        bad("size-fraction", "valid", decimal, "3.0"),
        bad("size-other-digits", "valid", "The digits are those of ASCII.", "\u{663}"),
    ]
}

fn log_line() -> NoteSignature {
    log_signs(&checkpoint(3).to_text())
}

/// Whose signatures make a checkpoint the log's.
fn signatures() -> Vec<Vector> {
    let (text, small, large) = (checkpoint(3).to_text(), log(), log_ml_dsa());
    let (ed25519, ml_dsa) = (log_line(), cosignature::sign(&text, TIME, &large));
    let good = |name: &str, comment: &str, text: &str, keys: &[&Skey], lines: &[NoteSignature]| {
        accept(name, "signatures", comment, text, lines).with_all("vkey", keys.iter().map(|key| key.vkey()))
    };
    let bad = |name: &str,
               sibling: &str,
               expect: &str,
               comment: &str,
               text: &str,
               keys: &[&Skey],
               lines: &[NoteSignature]| {
        refuse(name, sibling, expect, "signatures", comment, note(text, lines))
            .with_all("vkey", keys.iter().map(|key| key.vkey()))
    };
    let both = [&small, &large];
    let extended = format!("{text}an extension line\n");
    let grown = text.replacen("\n3\n", "\n4\n", 1);
    let failing = |line: &NoteSignature| {
        let mut line = line.clone();
        *line.bytes.last_mut().unwrap() ^= 1;
        line
    };
    let other = skey("log.example/other", KeyKind::Ed25519, 1);
    let witness = skey(ORIGIN, KeyKind::CosignatureEd25519, 1);
    let cosigned = cosignature::sign(&text, TIME, &witness);
    let untimed = checkpoints::sign(&checkpoint(3), &large);
    vec![
        good(
            "ml-dsa-44",
            "Logs SHOULD use ML-DSA-44 cosignatures to sign the checkpoint.",
            &text,
            &[&large],
            from_ref(&ml_dsa),
        ),
        good(
            "both-algorithms",
            "A log may sign with an Ed25519 and an ML-DSA-44 key.",
            &text,
            &both,
            &[ed25519.clone(), ml_dsa.clone()],
        ),
        good(
            "one-of-both-keys-known",
            "Clients MUST ignore unknown signatures, which enables the log's change to another key.",
            &text,
            &[&large],
            &[ed25519.clone(), ml_dsa.clone()],
        ),
        good(
            "one-of-both-keys-signed",
            "One signature by a key of the log is enough.",
            &text,
            &both,
            from_ref(&ed25519),
        ),
        good(
            "ml-dsa-44-extension-added",
            "The ML-DSA-44 format does not sign extension lines, so this one can be anybody's.",
            &extended,
            &[&large],
            from_ref(&ml_dsa),
        ),
        bad(
            "extension-added",
            "extension-line",
            "bad-signature",
            "An Ed25519 log signature covers the whole text, extension lines included.",
            &extended,
            &[&small],
            from_ref(&ed25519),
        ),
        bad(
            "size-changed",
            "valid",
            "bad-signature",
            "The signature covers the tree size.",
            &grown,
            &[&small],
            from_ref(&ed25519),
        ),
        bad(
            "ml-dsa-44-size-changed",
            "ml-dsa-44",
            "bad-signature",
            "The signature covers the tree size.",
            &grown,
            &[&large],
            from_ref(&ml_dsa),
        ),
        bad(
            "ed25519-fails-beside-ml-dsa-44",
            "both-algorithms",
            "bad-signature",
            "A line by a known key of the log that fails refuses the note, whatever another line says.",
            &text,
            &both,
            &[failing(&ed25519), ml_dsa.clone()],
        ),
        bad(
            "ml-dsa-44-fails-beside-ed25519",
            "both-algorithms",
            "bad-signature",
            "A line by a known key of the log that fails refuses the note, whatever another line says.",
            &text,
            &both,
            &[ed25519.clone(), failing(&ml_dsa)],
        ),
        bad(
            "ml-dsa-44-time-0",
            "ml-dsa-44",
            "bad-signature",
            "A log's own line of type 0x06 carries the log's time, and with time 0 it does not say that this was the largest tree.",
            &text,
            &[&large],
            &[cosignature::sign(&text, 0, &large)],
        ),
        bad(
            "ml-dsa-44-time-2-to-the-63",
            "ml-dsa-44",
            "bad-signature",
            "The time of a line of type 0x06 MUST NOT exceed 2^63 - 1.",
            &text,
            &[&large],
            &[cosignature::sign(&text, 1 << 63, &large)],
        ),
        bad(
            "ml-dsa-44-without-time",
            "ml-dsa-44",
            "bad-signature",
            "A line of type 0x06 begins with a time, and signs a cosigned_message, not the text.",
            &text,
            &[&large],
            &[untimed],
        ),
        bad(
            "not-signed",
            "valid",
            "not-signed",
            "A checkpoint is the log's if a key of the log signed it.",
            &text,
            &[&small],
            &[ml_dsa],
        ),
        bad(
            "key-of-other-name",
            "valid",
            "not-signed",
            "The key name SHOULD match the origin line, and this implementation asks for it.",
            &text,
            &[&other],
            &[checkpoints::sign(&checkpoint(3), &other)],
        ),
        bad(
            "cosignature-of-the-origins-name",
            "valid",
            "not-signed",
            "A cosignature of type 0x04 is a witness's word, even under the log's name.",
            &text,
            &[&witness],
            &[cosigned],
        ),
    ]
}
