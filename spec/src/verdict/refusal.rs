//! Why a file may not be installed.

use crate::bundle::BundleError;
use crate::checkpoint::{CheckpointError, OpenError};
use crate::map::MapError;
use crate::merkle::Hash;
use crate::note::Note;
use crate::policy::{CheckError, Name};
use crate::proof::InclusionError;
use crate::record::manifest::ManifestError;
use crate::record::{Digest, Kind, Product, RecordError, Withdrawal};
use crate::state::{StateError, ValueError};
use alloc::string::ToString as _;
use alloc::{boxed::Box, format, string::String, vec, vec::Vec};
use core::fmt;

/// Which part of a bundle is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// What was released: checkpoint and records.
    Bundle,
    /// What is in force.
    Status,
}

impl fmt::Display for Part {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Bundle => "bundle",
            Self::Status => "status",
        })
    }
}

/// What whoever was refused does next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Todo {
    /// Fetch a newer bundle or status, from anywhere: the file as it is does not prove enough.
    FetchNewer,
    /// Try again later: what is missing may still come, from others.
    Retry,
    /// Correct the trust, the policy, the clock or what was asked.
    FixConfig,
    /// Install nothing and tell the vendor and the supervisor: a file that is not what was logged, or a log, a vendor or a
    /// quorum whose own signed words do not agree.
    StopAndReport,
}

impl Todo {
    /// The stable name, as in `fetch-newer`.
    pub fn name(self) -> &'static str {
        match self {
            Self::FetchNewer => "fetch-newer",
            Self::Retry => "retry",
            Self::FixConfig => "fix-config",
            Self::StopAndReport => "stop-and-report",
        }
    }
}

impl fmt::Display for Todo {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// Two checkpoints of one log that cannot both be true, each signed and cosigned: the evidence, to be kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Forked {
    /// One; the one remembered, if there is one.
    pub first: Note,
    /// The other.
    pub second: Note,
}

/// Why a file may not be installed: the first check that failed, in the order of the steps.
///
/// Texts are shown as they came; what could be long is bounded by the limits of a bundle. Times are Unix seconds.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// Step 1: the bytes are no bundle.
    #[error("the file is not a bundle: {0}")]
    Malformed(#[from] BundleError),
    /// Step 1: an entry is no record.
    #[error("entry {index} of the {part} is not a record: {error}")]
    MalformedRecord {
        /// Where it stands.
        part: Part,
        /// The index that it claims.
        index: u64,
        /// Why not.
        error: Box<RecordError>,
    },
    /// Step 1: a bundle is about one update.
    #[error("the bundle has {have} updates, it must have one")]
    NotOneUpdate {
        /// Updates in the bundle.
        have: usize,
    },
    /// Steps 1, 9 and 15: a record that proves nothing here.
    #[error("the {part} has a record too many: entry {index}, of kind {kind}")]
    SurplusRecord {
        /// Where it stands.
        part: Part,
        /// Its index.
        index: u64,
        /// What it is.
        kind: Kind,
    },
    /// Step 2: the trust is another product's.
    #[error("{asked} is asked for, the trust is for {trusted}")]
    ProductNotTrusted {
        /// The product asked for.
        asked: Product,
        /// The trust's product.
        trusted: Product,
    },
    /// Step 2: not a channel, or neither a target nor empty.
    #[error("{have:?} is not the name of a channel or target")]
    TrackName {
        /// The text.
        have: String,
    },
    /// Step 2: more words are demanded than parties are trusted.
    #[error("the trust demands {need} parties for {what} and names {have}")]
    TooFewParties {
        /// `rebuilds` or `held`.
        what: &'static str,
        /// Distinct parties.
        have: u64,
        /// Parties demanded.
        need: u64,
    },
    /// Step 2: the policy is no protection.
    #[error("the policy is too weak: {0}")]
    WeakPolicy(CheckError),
    /// Steps 2 and 9: the pinned authority record is not there, or not an epoch of the authority in force.
    #[error("the authority {pin} of {of} is pinned, {}", .have.map_or("the status does not have it".into(), |id| format!("in force is {id}, of which it is no epoch before")))]
    NotPinned {
        /// The product or party.
        of: String,
        /// The id that the trust pins.
        pin: Digest,
        /// The id in force, once that is known.
        have: Option<Digest>,
    },
    /// Step 2: the pinned authority governs something else.
    #[error("the pinned authority governs {namespace}, {product} is not in it")]
    OutsideNamespace {
        /// The product asked for.
        product: Product,
        /// The namespace of the pinned record.
        namespace: String,
    },
    /// Step 3: the policy believes no such log.
    #[error("the policy has no key of the log {origin:?}")]
    LogNotInPolicy {
        /// The origin that the trust binds to the product.
        origin: String,
    },
    /// Step 3: a checkpoint of another log.
    #[error("the checkpoint of the {part} is of the log {have:?}, the trust says {need:?}")]
    WrongOrigin {
        /// Whose checkpoint.
        part: Part,
        /// Its origin.
        have: String,
        /// The origin that the trust binds to the product.
        need: String,
    },
    /// Step 3: not a checkpoint, or not signed by the log.
    #[error("the checkpoint of the {part} is not the log's: {error}")]
    NotSigned {
        /// Whose checkpoint.
        part: Part,
        /// Why not.
        error: OpenError,
    },
    /// Step 3: only cosignatures from the future would meet the policy.
    #[error("the quorum cosigned {} after this clock's time {now}: the clock is behind", duration(.time.saturating_sub(*.now)))]
    ClockBehind {
        /// The clock, or the newest time ever accepted, if that is later.
        now: u64,
        /// The quorum's time.
        time: u64,
    },
    /// Step 3: the cosignatures do not meet the policy.
    #[error("{} of the policy's witnesses cosigned the checkpoint of the {part}, {need} are needed", .have.len())]
    QuorumNotMet {
        /// Whose checkpoint.
        part: Part,
        /// Who cosigned, and when.
        have: Vec<(Name, u64)>,
        /// Who did not.
        lack: Vec<Name>,
        /// The fewest that meet the policy.
        need: u64,
        /// The clock.
        now: u64,
    },
    /// Step 4: a first head has genesis and a state entry.
    #[error("the checkpoint of the {part} is of a tree of {size}, a log's first is of 2")]
    TreeTooSmall {
        /// Whose checkpoint.
        part: Part,
        /// Its size.
        size: u64,
    },
    /// Step 4: what is in force cannot be older than what was released.
    #[error("the status is of a tree of {status}, the bundle of a later one of {bundle}")]
    StatusOlderThanBundle {
        /// Size under the status.
        status: u64,
        /// Size under the bundle's records.
        bundle: u64,
    },
    /// Step 4: the status remembered has no readable checkpoint.
    #[error("the status remembered is damaged: {0}")]
    MemoryDamaged(CheckpointError),
    /// Step 4: the log showed two histories.
    #[error("the log has two trees of {size}: one with root {}, one with root {}", .roots.0, .roots.1)]
    Fork {
        /// The size of both.
        size: u64,
        /// The roots, in the order of the notes.
        roots: (Hash, Hash),
        /// Both notes.
        notes: Box<Forked>,
    },
    /// Step 5: a newer status was seen, and does not answer what is asked now.
    #[error("the status is of a tree of {have}, one of {seen} was seen already")]
    StatusOlderThanSeen {
        /// Size under the status.
        have: u64,
        /// Size under the one remembered.
        seen: u64,
    },
    /// Step 6: the state entry is not the last.
    #[error("the state entry of the status is entry {index} in a tree of {size}, not the last")]
    StateNotLast {
        /// Its index.
        index: u64,
        /// The size.
        size: u64,
    },
    /// Steps 6, 9 and 10: an entry is not in the log.
    #[error("entry {index} of the {part} is not in the log: {error}")]
    NotIncluded {
        /// Where it stands.
        part: Part,
        /// The index that it claims.
        index: u64,
        /// Why not.
        error: InclusionError,
    },
    /// Step 6: the last entry is no state entry.
    #[error("the last entry under the status is no state entry: {0}")]
    NotAState(StateError),
    /// Step 6: the log went on to rules that this program does not know.
    #[error("the log's rules are {have}, this program knows {known}: a newer program is needed")]
    UnknownRules {
        /// The state entry's rules.
        have: u64,
        /// [`crate::state::RULES`].
        known: u64,
    },
    /// Step 7: the status does not prove what it says about a key, or says nothing.
    #[error("the status does not prove {key:?}: {}", .why.map_or("it does not have it".to_string(), |why| why.to_string()))]
    NotProved {
        /// The key.
        key: String,
        /// What is wrong with its proof; `None` if there is none.
        why: Option<MapError>,
    },
    /// Step 7: the log's state does not know what the bundle has.
    #[error("the log's state knows nothing of {key:?}")]
    NotInState {
        /// The key, proved absent.
        key: String,
    },
    /// Step 7: the log's state is none.
    #[error("the log's state has no readable value of {key:?}: {error}")]
    UnreadableValue {
        /// The key.
        key: String,
        /// Why not.
        error: ValueError,
    },
    /// Steps 8 and 19: too old, and no upgrade for which the trust would accept that.
    #[error("the status is {} old, {} are allowed", duration(*.age_s), duration(*.max_age_s))]
    Stale {
        /// Its age.
        age_s: u64,
        /// The trust's limit.
        max_age_s: u64,
        /// The quorum's time of the status.
        time: u64,
    },
    /// Step 9: the chain of authority records does not end in the one in force.
    #[error("the status lacks the authority record of {namespace} in force: {id}, entry {index}")]
    AuthorityChain {
        /// The namespace.
        namespace: String,
        /// The id in force.
        id: Digest,
        /// Its index.
        index: u64,
    },
    /// Step 9: an epoch does not follow the one before.
    #[error(
        "epoch {have} of {namespace}, entry {index}, follows {}, before it stands epoch {} with the id {}",
        .previous.map_or("none".into(), |id| id.to_string()), .before.0, .before.1
    )]
    BrokenChain {
        /// The namespace.
        namespace: String,
        /// The epoch's index.
        index: u64,
        /// The epoch.
        have: u64,
        /// The id that it names as the one before.
        previous: Option<Digest>,
        /// The epoch that stands before it: its number and id.
        before: (u64, Digest),
    },
    /// Step 9: a party that counts said something, and the status lacks the record of it.
    #[error("the log's state has under {key:?} that {party} says {says}; the status lacks the record of that, {id}")]
    WordMissing {
        /// The party.
        party: String,
        /// Its word.
        says: String,
        /// The key of the state.
        key: String,
        /// The id of the record.
        id: Digest,
    },
    /// Step 10: a record says something else than the state says that it says.
    #[error("the log's state has {line:?} under {key:?}, entry {index}, the {kind}, says something else")]
    WordDiffers {
        /// The record's index.
        index: u64,
        /// What it is.
        kind: Kind,
        /// The key of the state.
        key: String,
        /// What the state has there.
        line: String,
    },
    /// Step 10: the record is elsewhere in the log.
    #[error("the {kind} {id} is entry {have} in the bundle, entry {need} in the log's state")]
    IndexDiffers {
        /// What it is.
        kind: Kind,
        /// Its id.
        id: Digest,
        /// Its index in the bundle.
        have: u64,
        /// Its index in the log's state.
        need: u64,
    },
    /// Steps 9 and 10: made for another log.
    #[error("entry {index}, of kind {kind}, is made for the log {have:?}, not for {need:?}")]
    WrongLog {
        /// Its index.
        index: u64,
        /// What it is.
        kind: Kind,
        /// The record's `log`.
        have: String,
        /// The origin that the trust binds to the product.
        need: String,
    },
    /// Step 11: logged before the namespace had an authority, or before the first that the status has.
    #[error("entry {index}, of kind {kind}, is before epoch {epoch} of {namespace}, entry {authority}")]
    BeforeAuthority {
        /// Its index.
        index: u64,
        /// What it is.
        kind: Kind,
        /// The namespace.
        namespace: String,
        /// The index of the first epoch that the status has.
        authority: u64,
        /// That epoch; above 0 earlier ones were left out.
        epoch: u64,
    },
    /// Step 11: too few signatures count.
    #[error(
        "entry {index}, of kind {kind}, has {have} signatures by its role's keys in {namespace}, {need} are needed"
    )]
    ThresholdNotMet {
        /// Its index.
        index: u64,
        /// What it is, which also names the role.
        kind: Kind,
        /// The namespace.
        namespace: String,
        /// Distinct keys that count.
        have: u64,
        /// The role's threshold; 1 where the namespace has no such role.
        need: u64,
    },
    /// Step 12.
    #[error("the update is of {have}, {need} is asked for")]
    WrongProduct {
        /// The update's.
        have: Product,
        /// The one asked for.
        need: Product,
    },
    /// Step 12.
    #[error("the update is of channel {have}, {need} is asked for")]
    WrongChannel {
        /// The update's.
        have: String,
        /// The one asked for.
        need: String,
    },
    /// Step 12.
    #[error("the update is for target {have}, {} is asked for", if .need.is_empty() { "none" } else { .need })]
    WrongTarget {
        /// The update's.
        have: String,
        /// The one asked for; may be empty.
        need: String,
    },
    /// Step 12: the file is not what was logged.
    #[error("the file {sha256} is none of the update's {files} files")]
    NotInUpdate {
        /// The file's digest.
        sha256: Digest,
        /// Files of the update.
        files: usize,
    },
    /// Step 12: the file is in the update, under other names.
    #[error("the file {sha256} is {have:?} in the update, not {need:?}")]
    WrongName {
        /// The file's digest.
        sha256: Digest,
        /// The first name that the update gives it.
        have: String,
        /// The name asked for.
        need: String,
    },
    /// Step 12: what was given as the manifest is one of the update's files, and no manifest.
    #[error("the file {sha256} of the update is no manifest: {error}")]
    NotAManifest {
        /// Its digest.
        sha256: Digest,
        /// Why not.
        error: ManifestError,
    },
    /// Step 12: the manifest does not list the file.
    #[error("the file {sha256} is none of the manifest's {files} files")]
    NotInManifest {
        /// The file's digest.
        sha256: Digest,
        /// Files of the manifest.
        files: usize,
    },
    /// Step 13.
    #[error("{version}, entry {index}, is withdrawn, by record {by}")]
    Withdrawn {
        /// The update's version.
        version: String,
        /// The update's index.
        index: u64,
        /// The id of the withdrawal.
        by: Digest,
        /// What it says, if the status has it.
        says: Option<Box<Withdrawal>>,
    },
    /// Step 14: a build that the update names is not in the bundle.
    #[error("the update names the build {id}, the bundle does not have it")]
    BuildMissing {
        /// The build.
        id: Digest,
    },
    /// Step 14: the update names a build that was logged after it.
    #[error("the update, entry {update}, names the build {id}, entry {index}, which was logged after it")]
    BuildAfterUpdate {
        /// The build.
        id: Digest,
        /// The build's index.
        index: u64,
        /// The update's index.
        update: u64,
    },
    /// Step 14.
    #[error("the file {sha256} is no artifact of the {builds} builds that the update names")]
    NotBuilt {
        /// The file's digest.
        sha256: Digest,
        /// Builds named.
        builds: usize,
    },
    /// Step 15.
    #[error("a build leads to the source {source_id}, which does not list {product}")]
    OtherProduct {
        /// The source.
        source_id: Digest,
        /// The product asked for.
        product: Product,
    },
    /// Step 15.
    #[error("the build {build} leads to no source in the bundle")]
    NoSource {
        /// The build.
        build: Digest,
    },
    /// Step 15.
    #[error("the build {build} is {have} steps from a source, at most {max} are followed")]
    TooManySteps {
        /// The build.
        build: Digest,
        /// The fewest steps.
        have: u64,
        /// [`crate::admission::MAX_STEPS`].
        max: u64,
    },
    /// Step 16.
    #[error("the source {source_id} is held by {have} of the parties that count, {need} are needed")]
    NotHeld {
        /// The source.
        source_id: Digest,
        /// Parties that confirmed.
        have: u64,
        /// Parties demanded.
        need: u64,
    },
    /// Step 17: a party that counts obtained something else.
    #[error("{party} rebuilt {build} and FAILED, by record {by}")]
    RebuildFailed {
        /// The build.
        build: Digest,
        /// The party.
        party: String,
        /// The id of the rebuild.
        by: Digest,
    },
    /// Step 17.
    #[error("the build {build} is PASSED by {have} of the parties that count, {need} are needed")]
    NotRebuilt {
        /// The build.
        build: Digest,
        /// Parties that passed it.
        have: u64,
        /// Parties demanded.
        need: u64,
    },
    /// Step 18.
    #[error("the update has sequence {have}, the newest is {newest}, entry {index}")]
    Superseded {
        /// The update's sequence.
        have: u64,
        /// The newest's.
        newest: u64,
        /// The newest's id.
        id: Digest,
        /// The newest's index.
        index: u64,
    },
    /// Steps 18 and 19: the log's state, or what is installed, contradicts the update.
    #[error("the update {id} has sequence {have}, which {} contradicts", .newest.map_or("the log's state".into(), |newest| format!("{newest} as the newest")))]
    Inconsistent {
        /// The update.
        id: Digest,
        /// Its sequence.
        have: u64,
        /// The newest sequence for its target in the state; `None` if there is none.
        newest: Option<u64>,
    },
    /// Step 19.
    #[error("the update is older than what is installed: {what} {have}, installed is {installed}")]
    Rollback {
        /// `sequence` in the same channel, `entry` after a change of channel.
        what: &'static str,
        /// The update's.
        have: u64,
        /// That of what is installed.
        installed: u64,
    },
    /// A policy is to be followed: the trust follows none.
    #[error("the trust follows no policy: follow = 0")]
    NotFollowing,
    /// A policy is to be followed: the status lacks the one in force, or the log has none on record.
    #[error("the status has no policy record{}", .need.map_or(", and the log's state none either".into(), |id| format!(" {id}, which is in force")))]
    PolicyMissing {
        /// The id in force; `None` if there is none.
        need: Option<Digest>,
    },
    /// A policy is to be followed: it is not later than the one in use.
    #[error("the log's policy is of epoch {have}, in use is that of epoch {in_use} already")]
    PolicyNotLater {
        /// The epoch on record.
        have: u64,
        /// The epoch in use.
        in_use: u64,
    },
    /// A policy is to be followed: a party that counts advises against it.
    #[error("{party} contradicts the policy of epoch {epoch}, by record {by}")]
    PolicyContradicted {
        /// The policy's epoch.
        epoch: u64,
        /// The party.
        party: String,
        /// The id of the review.
        by: Digest,
    },
    /// A policy is to be followed: too few parties confirmed it.
    #[error("the policy of epoch {epoch} is confirmed by {have} of the parties that count, {need} are needed")]
    PolicyNotConfirmed {
        /// The policy's epoch.
        epoch: u64,
        /// Parties that confirmed it.
        have: u64,
        /// Parties demanded.
        need: u64,
    },
}

impl Refusal {
    /// The stable name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::MalformedRecord { .. } => "malformed-record",
            Self::NotOneUpdate { .. } => "not-one-update",
            Self::SurplusRecord { .. } => "surplus-record",
            Self::ProductNotTrusted { .. } => "product-not-trusted",
            Self::TrackName { .. } => "track-name",
            Self::TooFewParties { .. } => "too-few-parties",
            Self::WeakPolicy(_) => "weak-policy",
            Self::NotPinned { .. } => "not-pinned",
            Self::OutsideNamespace { .. } => "outside-namespace",
            Self::LogNotInPolicy { .. } => "log-not-in-policy",
            Self::WrongOrigin { .. } => "wrong-origin",
            Self::NotSigned { .. } => "not-signed",
            Self::ClockBehind { .. } => "clock-behind",
            Self::QuorumNotMet { .. } => "quorum-not-met",
            Self::TreeTooSmall { .. } => "tree-too-small",
            Self::StatusOlderThanBundle { .. } => "status-older-than-bundle",
            Self::MemoryDamaged(_) => "memory-damaged",
            Self::Fork { .. } => "fork",
            Self::StatusOlderThanSeen { .. } => "status-older-than-seen",
            Self::StateNotLast { .. } => "state-not-last",
            Self::NotIncluded { .. } => "not-included",
            Self::NotAState(_) => "not-a-state",
            Self::UnknownRules { .. } => "unknown-rules",
            Self::NotProved { .. } => "not-proved",
            Self::NotInState { .. } => "not-in-state",
            Self::UnreadableValue { .. } => "unreadable-value",
            Self::Stale { .. } => "stale",
            Self::AuthorityChain { .. } => "authority-chain",
            Self::BrokenChain { .. } => "broken-chain",
            Self::WordMissing { .. } => "word-missing",
            Self::WordDiffers { .. } => "word-differs",
            Self::IndexDiffers { .. } => "index-differs",
            Self::WrongLog { .. } => "wrong-log",
            Self::BeforeAuthority { .. } => "before-authority",
            Self::ThresholdNotMet { .. } => "threshold-not-met",
            Self::WrongProduct { .. } => "wrong-product",
            Self::WrongChannel { .. } => "wrong-channel",
            Self::WrongTarget { .. } => "wrong-target",
            Self::NotInUpdate { .. } => "not-in-update",
            Self::WrongName { .. } => "wrong-name",
            Self::NotAManifest { .. } => "not-a-manifest",
            Self::NotInManifest { .. } => "not-in-manifest",
            Self::Withdrawn { .. } => "withdrawn",
            Self::BuildMissing { .. } => "build-missing",
            Self::BuildAfterUpdate { .. } => "build-after-update",
            Self::NotBuilt { .. } => "not-built",
            Self::OtherProduct { .. } => "other-product",
            Self::NoSource { .. } => "no-source",
            Self::TooManySteps { .. } => "too-many-steps",
            Self::NotHeld { .. } => "not-held",
            Self::RebuildFailed { .. } => "rebuild-failed",
            Self::NotRebuilt { .. } => "not-rebuilt",
            Self::Superseded { .. } => "superseded",
            Self::Inconsistent { .. } => "inconsistent",
            Self::Rollback { .. } => "rollback",
            Self::NotFollowing => "not-following",
            Self::PolicyMissing { .. } => "policy-missing",
            Self::PolicyNotLater { .. } => "policy-not-later",
            Self::PolicyContradicted { .. } => "policy-contradicted",
            Self::PolicyNotConfirmed { .. } => "policy-not-confirmed",
        }
    }

    /// What to do next.
    pub fn todo(&self) -> Todo {
        match self {
            Self::Malformed(_)
            | Self::MalformedRecord { .. }
            | Self::NotOneUpdate { .. }
            | Self::SurplusRecord { .. }
            | Self::NotSigned { .. }
            | Self::QuorumNotMet { .. }
            | Self::TreeTooSmall { .. }
            | Self::StatusOlderThanBundle { .. }
            | Self::StatusOlderThanSeen { .. }
            | Self::StateNotLast { .. }
            | Self::NotProved { .. }
            | Self::Stale { .. }
            | Self::AuthorityChain { .. }
            | Self::WordMissing { .. }
            | Self::PolicyMissing { .. }
            | Self::Withdrawn { .. }
            | Self::BuildMissing { .. }
            | Self::NoSource { .. }
            | Self::TooManySteps { .. }
            | Self::Superseded { .. }
            | Self::Rollback { .. } => Todo::FetchNewer,
            // Epochs left out for whoever pins a later one.
            Self::BeforeAuthority { epoch: 1.., .. } => Todo::FetchNewer,
            Self::NotHeld { .. }
            | Self::NotRebuilt { .. }
            | Self::PolicyNotLater { .. }
            | Self::PolicyNotConfirmed { .. } => Todo::Retry,
            Self::ProductNotTrusted { .. }
            | Self::TrackName { .. }
            | Self::TooFewParties { .. }
            | Self::WeakPolicy(_)
            | Self::NotPinned { .. }
            | Self::OutsideNamespace { .. }
            | Self::LogNotInPolicy { .. }
            | Self::MemoryDamaged(_)
            | Self::WrongOrigin { .. }
            | Self::ClockBehind { .. }
            | Self::UnknownRules { .. }
            | Self::NotFollowing
            | Self::WrongProduct { .. }
            | Self::WrongChannel { .. }
            | Self::WrongTarget { .. }
            | Self::WrongName { .. }
            | Self::NotAManifest { .. } => Todo::FixConfig,
            Self::Fork { .. }
            | Self::NotIncluded { .. }
            | Self::NotAState(_)
            | Self::NotInState { .. }
            | Self::UnreadableValue { .. }
            | Self::BrokenChain { .. }
            | Self::WordDiffers { .. }
            | Self::BuildAfterUpdate { .. }
            | Self::PolicyContradicted { .. }
            | Self::IndexDiffers { .. }
            | Self::WrongLog { .. }
            | Self::BeforeAuthority { .. }
            | Self::ThresholdNotMet { .. }
            | Self::NotInUpdate { .. }
            | Self::NotInManifest { .. }
            | Self::NotBuilt { .. }
            | Self::OtherProduct { .. }
            | Self::RebuildFailed { .. }
            | Self::Inconsistent { .. } => Todo::StopAndReport,
        }
    }

    /// What a person reads below the sentence: a label and a text for each line, none of them ended.
    pub fn details(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::QuorumNotMet { have, lack, now, .. } => {
                let have = have.iter().map(|(name, time)| format!("{name}, {}", ago(*time, *now))).collect::<Vec<_>>();
                let lack = lack.iter().map(|name| name.to_string()).collect::<Vec<_>>();
                let line = |texts: &[String], between: &str| match texts {
                    [] => "none".to_string(),
                    some => some.join(between),
                };
                vec![("have", line(&have, "; ")), ("lack", line(&lack, ", "))]
            }
            Self::Fork { size, roots, .. } => {
                vec![
                    ("have", format!("size {size} root {}", roots.0)),
                    ("also", format!("size {size} root {}", roots.1)),
                ]
            }
            Self::Withdrawn { says: Some(says), .. } => {
                let Withdrawal { reason, severity, replacement, .. } = says.as_ref();
                let replacement = replacement.map_or("none named".into(), |id| format!("update {id}"));
                vec![("reason", reason.clone()), ("severity", severity.name().into()), ("instead", replacement)]
            }
            _ => Vec::new(),
        }
    }
}

/// A span of time as people say it: `4 minutes`, in whole units of which there are two at least.
///
/// Units: seconds.
pub fn duration(seconds: u64) -> String {
    let units = [("day", 86_400), ("hour", 3_600), ("minute", 60)];
    let fits = units.into_iter().find(|(_, unit)| seconds.checked_div(*unit).is_some_and(|count| count > 1));
    let (unit, count) = fits.map_or(("second", seconds), |(name, unit)| (name, seconds.checked_div(unit).unwrap_or(0)));
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// How long ago a time was: `4 minutes ago`, or `just now` if it is not before `now`.
pub fn ago(time: u64, now: u64) -> String {
    match now.checked_sub(time) {
        None | Some(0) => "just now".into(),
        Some(seconds) => format!("{} ago", duration(seconds)),
    }
}
