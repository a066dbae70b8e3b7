//! Why a record is refused.

use super::{MAX_PRODUCTS, MAX_TARGETS};
use crate::record::{Digest, Kind, RecordError};
use alloc::string::String;

/// Why a record is refused; the caller's fault.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// Rule 1.
    #[error("the record is made for log {have:?}, this is {origin:?}")]
    WrongLog {
        /// The record's `log`.
        have: String,
        /// This log's origin.
        origin: String,
    },
    /// Rule 3. The name tells what is not logged.
    #[error("{need} {id} is not logged; submit it first")]
    NotLogged {
        /// The id named.
        id: Digest,
        /// The kind that it must be of.
        need: Kind,
    },
    /// Rule 3. The name tells what it is not.
    #[error("{id} is a record of kind {have}, one of kind {need} must be named")]
    OtherKind {
        /// The id named.
        id: Digest,
        /// What it is.
        have: Kind,
        /// What it must be.
        need: Kind,
    },
    /// Rule 3.
    #[error("policy {have} is not in force, {need} is")]
    PolicyNotInForce {
        /// The policy reviewed.
        have: Digest,
        /// The one in force.
        need: Digest,
    },
    /// Rule 4.
    #[error("no authority is in force for {0}")]
    NoAuthority(String),
    /// Rule 4.
    #[error("product {product} is not in namespace {namespace}: all products of a source are of one namespace")]
    ProductOutsideNamespace {
        /// The product.
        product: String,
        /// The namespace of the first product.
        namespace: String,
    },
    /// Rule 5.
    #[error("{have} valid signatures count that are by keys of role {role} of {namespace}, {need} are needed")]
    ThresholdNotMet {
        /// Valid signatures by distinct keys that are not distrusted.
        have: u64,
        /// The role's threshold; 1 where the namespace has no such role.
        need: u64,
        /// The role.
        role: &'static str,
        /// The namespace.
        namespace: String,
    },
    /// Rule 6.
    #[error("none of the build's {0} dependencies is a logged source, or an artifact of a build of a logged source")]
    SourceNotLogged(usize),
    /// Rule 6.
    #[error(
        "build {build} does not count for {namespace}: it is not signed by its build keys, or not built from its sources"
    )]
    BuildDoesNotCount {
        /// The build.
        build: Digest,
        /// The update's namespace.
        namespace: String,
    },
    /// Rule 6.
    #[error("build {build} leads to no source that lists {product}")]
    SourceOfOtherProduct {
        /// The build.
        build: Digest,
        /// The update's product.
        product: String,
    },
    /// Rule 6.
    #[error("file {name:?} ({sha256}) is not an artifact of a build that the update names")]
    FileNotBuilt {
        /// The subject's name.
        name: String,
        /// The subject's digest.
        sha256: Digest,
    },
    /// Rule 6: a rebuild is about all artifacts of its build, a review about all archives of its source.
    #[error("the subjects are not those of {of}: {sha256} is {}", if *surplus { "none of them" } else { "missing" })]
    SubjectsDiffer {
        /// The build or the source.
        of: Digest,
        /// The first digest that only one of the two has.
        sha256: Digest,
        /// Whether this record has it.
        surplus: bool,
    },
    /// Rule 7.
    #[error("the update has sequence {have}, the next of {product} in channel {channel} is {need}")]
    Sequence {
        /// The record's sequence.
        have: u64,
        /// One above the last.
        need: u64,
        /// The product.
        product: String,
        /// The channel.
        channel: String,
    },
    /// Rule 8.
    #[error("file {name:?} ({sha256}) is withdrawn for {product} by entry {by}")]
    FileWithdrawn {
        /// The subject's name.
        name: String,
        /// The subject's digest.
        sha256: Digest,
        /// The product.
        product: String,
        /// The index of the withdrawal.
        by: u64,
    },
    /// Rule 9.
    #[error("update {id} is of {have}, the first one named is of {need}")]
    UpdateOfOtherProduct {
        /// The update.
        id: Digest,
        /// Its product.
        have: String,
        /// That of the first update.
        need: String,
    },
    /// Rule 9.
    #[error("update {id} is withdrawn already, by {by}")]
    UpdateNotLive {
        /// The update, or the replacement.
        id: Digest,
        /// The withdrawal.
        by: Digest,
    },
    /// Rule 9.
    #[error("file {name:?} ({sha256}) is in none of the updates named")]
    FileNotCarried {
        /// The subject's name.
        name: String,
        /// The subject's digest.
        sha256: Digest,
    },
    /// Rule 9.
    #[error("update {id}, entry {index}, carries {sha256} too, is not withdrawn and not named")]
    UpdateLeftOut {
        /// The first such update.
        id: Digest,
        /// Its index.
        index: u64,
        /// The file.
        sha256: Digest,
    },
    /// Rule 10.
    #[error("namespace {0} has an authority already")]
    NamespaceTaken(String),
    /// Rule 10.
    #[error("namespace {namespace} nests with {other}")]
    NamespaceNests {
        /// The new namespace.
        namespace: String,
        /// The one that it nests with.
        other: String,
    },
    /// Rule 10.
    #[error("the record is epoch {have} of {of}, the next is {need}")]
    EpochNotNext {
        /// A namespace, or the policy.
        of: String,
        /// The record's epoch.
        have: u64,
        /// One above the one in force.
        need: u64,
    },
    /// Rule 10.
    #[error("previous is {have}, in force for {of} is {need}")]
    PreviousNotInForce {
        /// A namespace, or the policy.
        of: String,
        /// The record's `previous`.
        have: Digest,
        /// The id in force.
        need: Digest,
    },
    /// Rule 10.
    #[error("key {keyid} is distrusted from index {from_index}, which is above {index}, the record's own")]
    DistrustAhead {
        /// The key.
        keyid: Digest,
        /// Its `fromIndex`.
        from_index: u64,
        /// The index that the record is judged at.
        index: u64,
    },
    /// Rule 10.
    #[error("key {keyid} is distrusted from index {from_index} by the epoch in force; the record lacks that line")]
    DistrustDropped {
        /// The key.
        keyid: Digest,
        /// Its `fromIndex` in the epoch in force.
        from_index: u64,
    },
    /// Rule 10.
    #[error("key {keyid} is distrusted from index {have}, in force is {last}: an index may fall, not rise")]
    DistrustRaised {
        /// The key.
        keyid: Digest,
        /// Its `fromIndex` in the record.
        have: u64,
        /// That in the epoch in force.
        last: u64,
    },
    /// Rule 10: entry 0 and only entry 0 is the authority of `*`.
    #[error("entry 0 is the authority record of *, and no other entry is (this is entry {0})")]
    Genesis(u64),
    /// Rule 11.
    #[error("the time {have} is not later than {last}, that of the party's last word on the same, entry {index}")]
    TimeNotLater {
        /// The record's time.
        have: u64,
        /// The time before.
        last: u64,
        /// The index of the record that has it.
        index: u64,
    },
    /// A limit.
    #[error("channel {channel} of {product} has {MAX_TARGETS} targets already")]
    TooManyTargets {
        /// The product.
        product: String,
        /// The channel.
        channel: String,
    },
    /// A limit.
    #[error("the build leads to {have} products in {namespace}, at most {MAX_PRODUCTS} are taken")]
    TooManyProducts {
        /// Products.
        have: usize,
        /// The namespace.
        namespace: String,
    },
    /// A limit of the entry.
    #[error(transparent)]
    Entry(RecordError),
}

impl Refusal {
    /// The stable name: the end of `urn:glarus:refusal:<name>`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::WrongLog { .. } => "wrong-log",
            Self::NotLogged { need, .. } => not_logged(*need),
            Self::OtherKind { need, .. } => other_kind(*need),
            Self::PolicyNotInForce { .. } => "policy-not-in-force",
            Self::NoAuthority(_) => "no-authority",
            Self::ProductOutsideNamespace { .. } => "product-outside-namespace",
            Self::ThresholdNotMet { .. } => "threshold-not-met",
            Self::SourceNotLogged(_) => "source-not-logged",
            Self::BuildDoesNotCount { .. } => "build-does-not-count",
            Self::SourceOfOtherProduct { .. } => "source-of-other-product",
            Self::FileNotBuilt { .. } => "file-not-built",
            Self::SubjectsDiffer { .. } => "subjects-differ",
            Self::Sequence { .. } => "sequence",
            Self::FileWithdrawn { .. } => "file-withdrawn",
            Self::UpdateOfOtherProduct { .. } => "update-of-other-product",
            Self::UpdateNotLive { .. } => "update-not-live",
            Self::FileNotCarried { .. } => "file-not-carried",
            Self::UpdateLeftOut { .. } => "update-left-out",
            Self::NamespaceTaken(_) => "namespace-taken",
            Self::NamespaceNests { .. } => "namespace-nests",
            Self::EpochNotNext { .. } => "epoch-not-next",
            Self::PreviousNotInForce { .. } => "previous-not-in-force",
            Self::DistrustAhead { .. } => "distrust-ahead",
            Self::DistrustDropped { .. } => "distrust-dropped",
            Self::DistrustRaised { .. } => "distrust-raised",
            Self::Genesis(_) => "genesis",
            Self::TimeNotLater { .. } => "time-not-later",
            Self::TooManyTargets { .. } => "too-many-targets",
            Self::TooManyProducts { .. } => "too-many-products",
            Self::Entry(error) => error.name(),
        }
    }

    /// The HTTP status: 403 signer, 409 state, 413 size, 422 reference or digest.
    pub fn status(&self) -> u16 {
        match self {
            Self::NoAuthority(_) | Self::ProductOutsideNamespace { .. } | Self::ThresholdNotMet { .. } => 403,
            Self::PolicyNotInForce { .. }
            | Self::Sequence { .. }
            | Self::FileWithdrawn { .. }
            | Self::UpdateNotLive { .. }
            | Self::UpdateLeftOut { .. }
            | Self::NamespaceTaken(_)
            | Self::NamespaceNests { .. }
            | Self::EpochNotNext { .. }
            | Self::PreviousNotInForce { .. }
            | Self::DistrustAhead { .. }
            | Self::DistrustDropped { .. }
            | Self::DistrustRaised { .. }
            | Self::Genesis(_)
            | Self::TimeNotLater { .. } => 409,
            Self::TooManyTargets { .. } | Self::TooManyProducts { .. } => 413,
            Self::Entry(error) => error.status(),
            Self::WrongLog { .. }
            | Self::NotLogged { .. }
            | Self::OtherKind { .. }
            | Self::SourceNotLogged(_)
            | Self::BuildDoesNotCount { .. }
            | Self::SourceOfOtherProduct { .. }
            | Self::FileNotBuilt { .. }
            | Self::SubjectsDiffer { .. }
            | Self::UpdateOfOtherProduct { .. }
            | Self::FileNotCarried { .. } => 422,
        }
    }
}

/// Of the kinds that a record names: updates name builds, rebuilds too; withdrawals updates; reviews sources and policies.
fn not_logged(kind: Kind) -> &'static str {
    match kind {
        Kind::Build => "build-not-logged",
        Kind::Update => "update-not-logged",
        _ => "reviewed-not-logged",
    }
}

fn other_kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Build => "not-a-build",
        Kind::Update => "not-an-update",
        Kind::Policy => "not-a-policy",
        _ => "not-a-source",
    }
}
