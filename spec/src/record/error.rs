//! Why a record is refused.

use super::{Digest, Kind, ProductError};
use crate::{authority::AuthorityError, json::JsonError, policy::PolicyError};
use alloc::string::String;
use core::fmt;

/// Which of the two JSON texts of a record is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// The DSSE envelope.
    Envelope,
    /// The payload in it, the in-toto statement.
    Payload,
}

impl fmt::Display for Part {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Envelope => "the envelope",
            Self::Payload => "the payload",
        })
    }
}

/// Why bytes are not a record that can be logged.
///
/// A `field` is the path of a member as a reader of the JSON would write it, `[]` standing for any element: `subject[].name`.
/// Texts from outside are clipped to 255 characters.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RecordError {
    /// Not JSON that we read. Its name is that of the [`JsonError`]: `not-json`, `duplicate-key` or `too-deep`.
    #[error("{part} at {error}")]
    Json {
        /// Where `at` of the error counts from.
        part: Part,
        /// What is wrong.
        error: JsonError,
    },
    /// Two keys of one object differ by case alone.
    #[error("the keys {first:?} and {second:?} of one object differ by case alone")]
    CaseCollidingKeys {
        /// One.
        first: String,
        /// The other.
        second: String,
    },
    /// More bytes than allowed.
    #[error("{what} has {have_bytes} bytes, at most {max_bytes} are allowed")]
    TooLarge {
        /// Of what.
        what: &'static str,
        /// Its bytes.
        have_bytes: usize,
        /// The most allowed.
        max_bytes: usize,
    },
    /// More elements of a list, or more bytes of a text, than allowed.
    #[error("{what} has {have}, at most {max} are allowed")]
    Limit {
        /// Of what.
        what: &'static str,
        /// How many it has.
        have: usize,
        /// The most allowed.
        max: usize,
    },
    /// A list or text with nothing in it.
    #[error("{field} is empty")]
    Empty {
        /// Which.
        field: &'static str,
    },
    /// A required member is not there.
    #[error("{field} is missing")]
    MissingField {
        /// Which.
        field: &'static str,
    },
    /// A member has another type.
    #[error("{field} is {have}, expected {expected}")]
    WrongType {
        /// Which.
        field: &'static str,
        /// The type it should have.
        expected: &'static str,
        /// The type it has.
        have: &'static str,
    },
    /// A number that is not an integer from 0 to 2^53 - 1 in digits alone.
    #[error("{field} is {have}, expected an integer from 0 to 9007199254740991")]
    Integer {
        /// Which.
        field: &'static str,
        /// Its text.
        have: String,
    },
    /// A control character in a text.
    #[error("{field} has the control character {found:?}")]
    ControlCharacter {
        /// Which.
        field: &'static str,
        /// The character.
        found: char,
    },
    /// Not base64, not padded, or both alphabets at once.
    #[error("{field} is not padded base64 of one alphabet")]
    WrongBase64 {
        /// Which.
        field: &'static str,
    },
    /// Not a digest in lower-case hex.
    #[error("{field} is {have:?}, expected {expected} lower-case hex digits")]
    Digest {
        /// Which.
        field: &'static str,
        /// The text.
        have: String,
        /// The digits expected.
        expected: &'static str,
    },
    /// The same element twice in a list.
    #[error("{field} {item:?} is there twice")]
    Repeated {
        /// Which.
        field: &'static str,
        /// The element.
        item: String,
    },
    /// An entry that does not re-encode to itself.
    #[error("the entry is not the canonical one from byte {at} on")]
    NotCanonical {
        /// The first byte that the canonical entry has otherwise.
        at: usize,
    },
    /// Not the payload type of in-toto.
    #[error("the payload type is {have:?}, expected application/vnd.in-toto+json")]
    PayloadType {
        /// The type.
        have: String,
    },
    /// Not an in-toto statement of a version that we read.
    #[error("the statement type is {have:?}, expected https://in-toto.io/Statement/v1 or /v0.1")]
    StatementType {
        /// The type.
        have: String,
    },
    /// A predicate of no kind that we log.
    #[error("the predicate type {have:?} is of no kind that is logged here")]
    UnknownPredicate {
        /// The type.
        have: String,
    },
    /// The subject is not the thing without bytes that the record is about: a namespace, a log, a store.
    #[error("the subject of this {kind} record must be {name} alone, with the sha256 {sha256}")]
    Subject {
        /// The kind of the record.
        kind: Kind,
        /// The name of the thing.
        name: String,
        /// The SHA-256 of its name.
        sha256: Digest,
    },
    /// Not a log's origin.
    #[error("the log {have:?} is not an origin: it has white space or a plus sign")]
    Log {
        /// The text.
        have: String,
    },
    /// Not a product.
    #[error("the product {have:?} is not a canonical package-url: {why}")]
    Product {
        /// The text.
        have: String,
        /// The rule broken.
        why: ProductError,
    },
    /// Not a channel.
    #[error("the channel {have:?} is not of the form [a-z0-9][a-z0-9._-]{{0,63}}")]
    Channel {
        /// The text.
        have: String,
    },
    /// Not a target.
    #[error("the target {have:?} is neither empty nor of the form [a-z0-9][a-z0-9._-]{{0,63}}")]
    Target {
        /// The text.
        have: String,
    },
    /// Not a sequence.
    #[error("the sequence {have} is not an integer from 1 to 9007199254740991")]
    Sequence {
        /// Its text.
        have: String,
    },
    /// None of the words that can stand here.
    #[error("{field} is {have:?}, expected {expected}")]
    Word {
        /// Which.
        field: &'static str,
        /// The text.
        have: String,
        /// The words.
        expected: &'static str,
    },
    /// Not a namespace of the kind that must stand here.
    #[error("{field} is {have:?}, expected {expected}")]
    Namespace {
        /// Which.
        field: &'static str,
        /// The text.
        have: String,
        /// The kind.
        expected: &'static str,
    },
    /// Not a time.
    #[error("{field} is {have:?}, expected a time as in 2026-11-23T18:20:40Z, from 1970 on, in UTC and written with Z")]
    Time {
        /// Which.
        field: &'static str,
        /// The text.
        have: String,
    },
    /// A time before another that it cannot be before.
    #[error("until {until} is before from {from}")]
    Interval {
        /// Where it begins.
        from: u64,
        /// Where it ends.
        until: u64,
    },
    /// `previous` is null in a later epoch, or an id in epoch 0.
    #[error("epoch {epoch} must have {} as previous", if *epoch == 0 { "null" } else { "the id of the epoch before" })]
    Previous {
        /// The epoch.
        epoch: u64,
    },
    /// The verification was not against our policy for rebuilds.
    #[error("predicate.policy.uri is {have:?}, expected urn:glarus:rebuild:v1: and the log's origin")]
    PolicyUri {
        /// The URI.
        have: String,
    },
    /// A withdrawal names an update that it withdraws as the replacement.
    #[error("the replacement {id} is among the updates that are withdrawn")]
    Replacement {
        /// The update.
        id: Digest,
    },
    /// The policy's text is none.
    #[error("predicate.policy: {0}")]
    Policy(PolicyError),
    /// What an authority record says does not hold together. Its name is that of the [`AuthorityError`].
    #[error(transparent)]
    Authority(#[from] AuthorityError),
}

impl RecordError {
    /// The name of the refusal, which never changes.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Json { error, .. } => error.name(),
            Self::CaseCollidingKeys { .. } => "case-colliding-keys",
            Self::TooLarge { .. } => "too-large",
            Self::Limit { .. } => "limit",
            Self::Empty { .. } => "empty",
            Self::MissingField { .. } => "missing-field",
            Self::WrongType { .. } => "wrong-type",
            Self::Integer { .. } => "integer",
            Self::ControlCharacter { .. } => "control-character",
            Self::WrongBase64 { .. } => "wrong-base64",
            Self::Digest { .. } => "digest",
            Self::Repeated { .. } => "repeated",
            Self::NotCanonical { .. } => "not-canonical",
            Self::PayloadType { .. } => "payload-type",
            Self::StatementType { .. } => "statement-type",
            Self::UnknownPredicate { .. } => "unknown-predicate",
            Self::Subject { .. } => "subject",
            Self::Log { .. } => "log",
            Self::Product { .. } => "product",
            Self::Channel { .. } => "channel",
            Self::Target { .. } => "target",
            Self::Sequence { .. } => "not-a-sequence",
            Self::Word { .. } => "word",
            Self::Namespace { .. } => "namespace",
            Self::Time { .. } => "time",
            Self::Interval { .. } => "interval",
            Self::Previous { .. } => "previous",
            Self::PolicyUri { .. } => "policy-uri",
            Self::Replacement { .. } => "replacement",
            Self::Policy(_) => "policy",
            Self::Authority(error) => error.name(),
        }
    }

    /// The HTTP status of the refusal: 413 for size, else 400.
    pub fn status(&self) -> u16 {
        if let Self::TooLarge { .. } = self { 413 } else { 400 }
    }
}
