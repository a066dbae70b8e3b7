#![doc = include_str!("../record.md")]

mod access;
mod build;
mod error;
pub(crate) mod fields;
pub mod manifest;
mod policy;
mod product;
mod rebuild;
mod review;
mod statement;
mod time;
mod withdrawal;

pub use access::Access;
pub use build::{Build, Dependency};
pub use error::{Part, RecordError};
pub use policy::Policy;
pub use product::{MAX_NAMESPACE_SEGMENTS, Product, ProductError};
pub(crate) use product::{prefixes, segments};
pub use rebuild::Rebuild;
pub use review::{Review, What};
pub(crate) use statement::write_list;
pub use statement::{Kind, Predicate, Source, Statement, Subject, Update, is_track_name};
pub use withdrawal::{Severity, Withdrawal};

use crate::{encoding, json};
use alloc::{format, string::String, vec::Vec};
use core::fmt;
use fields::Fields;
use sha2::{Digest as _, Sha256};

/// The payload type of every record.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
/// The most bytes of an entry: what the two length bytes of an entry bundle can say.
pub const MAX_ENTRY_BYTES: usize = 65_535;
/// The most bytes of a submission, which may have white space and members that the entry has not.
pub const MAX_SUBMISSION_BYTES: usize = 131_072;
/// The most submissions of a file.
pub const MAX_SUBMISSIONS: usize = 4_096;
/// The most signatures of a record.
pub const MAX_SIGNATURES: usize = 16;
/// The most subjects of a record; a larger set of files is one subject, its manifest.
pub const MAX_SUBJECTS: usize = 256;
/// The most dependencies of a build.
pub const MAX_DEPENDENCIES: usize = 256;
/// The most builds that an update names.
pub const MAX_BUILDS: usize = 64;
/// The most updates that a withdrawal names.
pub const MAX_UPDATES: usize = 64;
/// The most bytes of the reason of a withdrawal, and of the purpose of an access.
pub const MAX_REASON_BYTES: usize = 1_024;
/// The most products of a source.
pub const MAX_PRODUCTS: usize = 64;
/// The most places where a source is held.
pub const MAX_HELD_AT: usize = 16;
/// The most bytes of a version.
pub const MAX_VERSION_BYTES: usize = 128;
/// The most bytes of a name: of a subject, a digest algorithm, a product, a namespace, a log.
pub const MAX_NAME_BYTES: usize = 255;
/// The most bytes of a URI.
pub const MAX_URI_BYTES: usize = 2_048;

/// A SHA-256 digest: of a file, of a record's PAE (its id), of a public key (its keyid). Written as lower-case hex.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// Hashes `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Reads 64 lower-case hex digits; `None` if it is anything else.
    pub fn parse(text: &str) -> Option<Self> {
        encoding::from_hex(text).map(Self)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(base16ct::lower::encode_str(&self.0, &mut [0; 64]).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// Puts together what the signatures of a record sign: DSSE's pre-authentication encoding of its payload.
///
/// Shapes: `DSSEv1 28 application/vnd.in-toto+json ` ‖ length as a decimal ‖ space ‖ payload.
pub fn pae(payload: &[u8]) -> Vec<u8> {
    [pae_head(payload).as_bytes(), payload].concat()
}

fn pae_head(payload: &[u8]) -> String {
    format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), payload.len())
}

/// A signature as it was submitted: nothing is known of it yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EnvelopeSignature {
    /// The key that it says to be by; `None` where `keyid` is missing, empty or not a SHA-256.
    pub keyid: Option<Digest>,
    /// The signature's bytes.
    pub sig: Vec<u8>,
}

/// A record: a well-formed statement in an envelope, its signatures not yet verified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// SHA-256 of the payload's [`pae`].
    pub id: Digest,
    /// The bytes that are signed.
    pub payload: Vec<u8>,
    /// What they say.
    pub statement: Statement,
    /// 1 to [`MAX_SIGNATURES`].
    pub signatures: Vec<EnvelopeSignature>,
}

impl Record {
    /// Reads a submission: any valid DSSE envelope around a statement that can be logged, or a Sigstore bundle with one in it.
    ///
    /// # Errors
    /// [`RecordError`], for the first rule broken: of the envelope, of the statement, of its predicate.
    pub fn parse_submission(body: &[u8]) -> Result<Self, RecordError> {
        at_most_bytes("the submission", body.len(), MAX_SUBMISSION_BYTES)?;
        let envelope = json::parse(body).map_err(|error| RecordError::Json { part: Part::Envelope, error })?;
        let mut envelope = Fields::of("envelope", &envelope)?;
        let media_type = envelope.optional("mediaType").and_then(json::Value::string);
        if media_type.is_some_and(|media_type| media_type.starts_with(SIGSTORE_BUNDLE)) {
            envelope = envelope.object("dsseEnvelope")?;
        }
        let payload = envelope.string("payload")?;
        let payload_type = envelope.string("payloadType")?;
        if payload_type != PAYLOAD_TYPE {
            return Err(RecordError::PayloadType { have: clipped(payload_type) });
        }
        let signatures = envelope.list("signatures", 1, MAX_SIGNATURES)?;
        // Refused here already, before anybody verifies a signature: a record of which no entry can be made.
        let bare_bytes = PREFIX.len().saturating_add(payload.len()).saturating_add(MIDDLE.len());
        at_most_bytes("the entry", bare_bytes, MAX_ENTRY_BYTES)?;
        let payload = from_any_base64("payload", payload)?;
        let signatures = signatures.iter().map(signature).collect::<Result<_, _>>()?;
        Self::of(payload, signatures)
    }

    fn of(payload: Vec<u8>, signatures: Vec<EnvelopeSignature>) -> Result<Self, RecordError> {
        let statement = Statement::parse(&payload)?;
        let id = Sha256::new_with_prefix(pae_head(&payload)).chain_update(&payload);
        Ok(Self { id: Digest(id.finalize().into()), payload, statement, signatures })
    }

    /// Reads an entry of the log: the canonical bytes of a record.
    ///
    /// # Errors
    /// [`RecordError`]: as for a submission, and [`RecordError::NotCanonical`] where the bytes do not re-encode to themselves.
    pub fn parse_entry(entry: &[u8]) -> Result<Self, RecordError> {
        at_most_bytes("the entry", entry.len(), MAX_ENTRY_BYTES)?;
        if let Some((payload, signatures)) = take_apart(entry) {
            return Self::of(payload, signatures);
        }
        // No envelope that is written here: what is wrong with it is said in the order of a submission's rules.
        let record = Self::parse_submission(entry)?;
        // A signature without a keyid is written as nothing, so the bytes differ where it stood.
        let signatures: Vec<_> = record.signatures.into_iter().filter_map(|one| Some((one.keyid?, one.sig))).collect();
        let again = match envelope(&record.payload, &signatures) {
            Err(RecordError::Empty { .. }) => Vec::new(),
            again => again?,
        };
        let at = again.iter().zip(entry).take_while(|(left, right)| left == right).count();
        Err(RecordError::NotCanonical { at })
    }

    /// Writes the entry of this record with these signatures: sorted by keyid, of each key the first.
    ///
    /// # Errors
    /// [`RecordError::Empty`] and [`RecordError::Limit`] unless 1 to [`MAX_SIGNATURES`] keys signed,
    /// [`RecordError::TooLarge`] above [`MAX_ENTRY_BYTES`].
    pub fn entry(&self, signatures: &[(Digest, Vec<u8>)]) -> Result<Vec<u8>, RecordError> {
        envelope(&self.payload, signatures)
    }

    /// The kind of its statement.
    pub fn kind(&self) -> Kind {
        self.statement.predicate.kind()
    }

    /// The origin of the log that it was made for; `None` for a build, whose provenance names no log.
    pub fn log(&self) -> Option<&str> {
        self.statement.predicate.log()
    }
}

/// What the media type of a Sigstore bundle begins with, of whatever version.
const SIGSTORE_BUNDLE: &str = "application/vnd.dev.sigstore.bundle";

/// Finds the submissions in a file: one, or one a line, as in an `.intoto.jsonl` file.
///
/// A file whose first line is a JSON object has a submission on each line, and lines of white space alone between them; any
/// other is one submission, which may have line ends inside. Each is an envelope or a Sigstore bundle, which
/// [`Record::parse_submission`] decides.
///
/// Shapes: 1 to [`MAX_SUBMISSIONS`] parts of `file`, without the line's end.
///
/// # Errors
/// [`RecordError::TooLarge`] where one is above [`MAX_SUBMISSION_BYTES`], [`RecordError::Empty`], [`RecordError::Limit`].
pub fn submissions(file: &[u8]) -> Result<Vec<&[u8]>, RecordError> {
    let lines = file.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let first = lines.clone().next().ok_or(RecordError::Empty { field: "the file" })?;
    let one_a_line =
        first.len() <= MAX_SUBMISSION_BYTES && json::parse(first).is_ok_and(|value| value.object().is_some());
    let found: Vec<_> =
        if one_a_line { lines.take(MAX_SUBMISSIONS.saturating_add(1)).collect() } else { Vec::from([file]) };
    fields::count("the file's lines", found.len(), 1, MAX_SUBMISSIONS)?;
    found.iter().try_for_each(|one| at_most_bytes("the submission", one.len(), MAX_SUBMISSION_BYTES))?;
    Ok(found)
}

const PREFIX: &str = r#"{"payload":""#;
const MIDDLE: &str = r#"","payloadType":"application/vnd.in-toto+json","signatures":["#;
const KEYID: &str = r#"{"keyid":""#;
const SIG: &str = r#"","sig":""#;
const NEXT: &str = r#""},"#;
const END: &str = r#""}]}"#;

/// Writes the canonical envelope of a payload and its signatures: what a client submits, and what the log keeps.
///
/// Shapes: `{"payload":…,"payloadType":…,"signatures":[{"keyid":…,"sig":…}]}` without white space, the signatures sorted by
/// keyid, of each key the first.
///
/// # Errors
/// As for [`Record::entry`].
pub fn envelope(payload: &[u8], signatures: &[(Digest, Vec<u8>)]) -> Result<Vec<u8>, RecordError> {
    let mut sorted: Vec<_> = signatures.iter().collect();
    sorted.sort_by_key(|(keyid, _)| *keyid);
    sorted.dedup_by_key(|(keyid, _)| *keyid);
    fields::count("signatures", sorted.len(), 1, MAX_SIGNATURES)?;
    // Base64 never shrinks, so this bounds the work before it is done.
    at_most_bytes("the entry", payload.len(), MAX_ENTRY_BYTES)?;
    let mut out = [PREFIX, &encoding::base64(payload), MIDDLE].concat();
    for (at, (keyid, sig)) in sorted.into_iter().enumerate() {
        let before = if at == 0 { "" } else { NEXT };
        for part in [before, KEYID, &encoding::hex(&keyid.0), SIG, &encoding::base64(sig)] {
            out.push_str(part);
        }
    }
    out.push_str(END);
    at_most_bytes("the entry", out.len(), MAX_ENTRY_BYTES)?;
    Ok(out.into_bytes())
}

/// Takes apart what [`envelope`] wrote; `None` if it did not write these bytes.
fn take_apart(entry: &[u8]) -> Option<(Vec<u8>, Vec<EnvelopeSignature>)> {
    // A value, and the next part, which begins with the quote.
    fn value(text: &str) -> Option<(&str, &str)> {
        text.split_at_checked(text.find('"')?)
    }
    let text = core::str::from_utf8(entry).ok()?;
    let (payload, rest) = value(text.strip_prefix(PREFIX)?)?;
    let mut rest = rest.strip_prefix(MIDDLE)?;
    let mut signatures: Vec<EnvelopeSignature> = Vec::new();
    loop {
        let (keyid, sig) = value(rest.strip_prefix(KEYID)?)?;
        let (sig, after) = value(sig.strip_prefix(SIG)?)?;
        let one = EnvelopeSignature { keyid: Some(Digest::parse(keyid)?), sig: encoding::from_base64(sig)? };
        if signatures.len() == MAX_SIGNATURES || signatures.last().is_some_and(|last| last.keyid >= one.keyid) {
            return None;
        }
        signatures.push(one);
        if after == END {
            return Some((encoding::from_base64(payload)?, signatures));
        }
        rest = after.strip_prefix(NEXT)?;
    }
}

fn signature(value: &json::Value) -> Result<EnvelopeSignature, RecordError> {
    let fields = Fields::of("signatures[]", value)?;
    let keyid = match fields.optional("signatures[].keyid") {
        Some(value) => Digest::parse(fields::string("signatures[].keyid", value)?),
        None => None,
    };
    let sig = from_any_base64("signatures[].sig", fields.string("signatures[].sig")?)?;
    Ok(EnvelopeSignature { keyid, sig })
}

/// DSSE: "Either standard or URL-safe encoding is allowed." Both are read padded and without stray bits.
fn from_any_base64(field: &'static str, text: &str) -> Result<Vec<u8>, RecordError> {
    encoding::from_base64(text)
        .or_else(|| encoding::from_base64_url_safe(text))
        .ok_or(RecordError::WrongBase64 { field })
}

fn at_most_bytes(what: &'static str, have_bytes: usize, max_bytes: usize) -> Result<(), RecordError> {
    if have_bytes > max_bytes {
        return Err(RecordError::TooLarge { what, have_bytes, max_bytes });
    }
    Ok(())
}

/// What a message shows of a text from outside.
pub(crate) fn clipped(text: &str) -> String {
    text.chars().take(MAX_NAME_BYTES).collect()
}

#[cfg(test)]
pub(crate) mod tests;
