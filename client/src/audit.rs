//! The audit: every entry of a log read again, and every decision of the log taken again.
//!
//! What an audit finds needs nobody's word but the log's own bytes:
//!
//! 1. The checkpoint is signed by the log's key, and a policy's quorum cosigned it.
//! 2. Every entry bundle and every tile, full and partial, is fetched; every hash in them is computed from the entries alone.
//! 3. [`spec::admission::judge`] judges every record at its index before the rows of those below, from genesis on, and every
//!    state entry is compared with the map that they give: [`spec::admission::replay`].
//!
//! ```text
//! fetch and hash, 16 bundles in flight  ->  tree, in order  ->  parse and verify  ->  judge, in order
//!      the other cores                      one task           all cores           one thread, RocksDB
//! ```
//!
//! The judge's thread parses too, while it waits.
//!
//! Memory is bounded whatever the log's size: at most [`WINDOW`] bundles of [`SMALL_BYTES`] are in flight and one larger one,
//! records parsed and not judged yet are of at most [`PARSED_BYTES`] of entries, and rows are on disk. Entries that ask for many
//! bytes of rows are judged a few at a time; what one record alone asks for and puts, the limits of records bound.

mod fetch;
mod judge;
mod parse;
mod store;

use crate::net::{Log, NetError};
use bytes::Bytes;
use fetch::Source;
use judge::Judge;
use parse::{Feed, JudgeEnded, Unparsed};
use spec::admission::replay::Inadmissible;
use spec::checkpoint::{self, Checkpoint, CheckpointError, OpenError};
use spec::entry_bundle;
use spec::entry_bundle::EntryBundleError;
use spec::merkle::{Hash, TreeHead};
use spec::note::{Note, NoteError, Vkey};
use spec::policy::{Name, Policy};
use spec::tile::{Edge, Tile, WIDTH};
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use store::Scratch;
pub use store::{ScratchError, holds_audit, remove_audit};
use tokio::sync::Semaphore;
use tokio::task::JoinError;

/// Bundles in flight.
pub const WINDOW: usize = 16;
/// The most bytes of a bundle in flight; larger ones are fetched one at a time.
pub const SMALL_BYTES: usize = 2 << 20;
/// The most bytes of entries that are parsed and not judged yet.
pub const PARSED_BYTES: usize = 8 << 20;
/// Parts of bundles that are parsed and not judged yet.
const PARSED: usize = 16;
/// The most bytes of entries that are parsed in one piece.
const PART_BYTES: usize = 256 << 10;
/// The most bytes of a checkpoint.
const MAX_CHECKPOINT_BYTES: usize = spec::note::MAX_NOTE_BYTES;
/// How long is waited for a log that says that it has nothing to show yet.
const WAIT: Duration = Duration::from_secs(10);

/// What to audit.
pub struct Audit<'a> {
    /// The log.
    pub log: Log,
    /// Its keys: each has the origin as its name.
    pub log_keys: Vec<Vkey>,
    /// The origin that the checkpoint must have, where the keys are of several.
    pub origin: Option<String>,
    /// Who must have cosigned.
    pub policy: Option<Policy>,
    /// Where rows are kept; without it nothing is judged, and only hashes are compared.
    pub scratch: Option<&'a Path>,
    /// Told the entries done and those that there are.
    pub progress: Arc<dyn Fn(u64, u64) + Send + Sync>,
    /// Unix seconds.
    pub now: u64,
}

/// What an audit that found nothing did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Audited {
    /// The log.
    pub origin: String,
    /// The head that all entries lead to.
    pub head: TreeHead,
    /// The entries that an earlier audit had done.
    pub resumed: u64,
    /// Records judged; `None` where only hashes were compared.
    pub records: Option<u64>,
    /// Who cosigned, where a policy was given.
    pub cosigned: Option<Vec<(Name, u64)>>,
}

/// What an audit found: the log's fault, each with what proves it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Finding {
    /// The checkpoint is not the log's.
    #[error("the checkpoint: {0}")]
    NotSigned(OpenError),
    /// The checkpoint is another log's.
    #[error("the checkpoint is of log {have:?}, not {need:?}")]
    OtherLog {
        /// Its origin.
        have: String,
        /// The origin asked for.
        need: String,
    },
    /// The policy's quorum did not cosign.
    #[error("the quorum did not cosign the checkpoint: {have} of {need} needed did")]
    QuorumNotMet {
        /// Those that did.
        have: u64,
        /// How many are needed.
        need: u64,
    },
    /// The tree is smaller than one that was audited before.
    #[error("the tree has {have} entries, {audited} were audited before")]
    Shrank {
        /// Its size.
        have: u64,
        /// The size audited.
        audited: u64,
    },
    /// What a cosigned checkpoint covers is not served.
    #[error("it, or one after it in its bundle, is under the checkpoint and not served: {cause}")]
    NotServed {
        /// The first entry that cannot be read.
        index: u64,
        /// What the log answers.
        cause: String,
    },
    /// A tile is not served, or is none.
    #[error("tile level {} index {} is under the checkpoint and not served: {cause}", tile.level, tile.index)]
    TileNotServed {
        /// The tile.
        tile: Tile,
        /// What the log answers, or what is wrong with it.
        cause: String,
    },
    /// An entry bundle cannot be split into as many entries as the tree has there.
    #[error("the entry bundle {bundle}: {cause}")]
    Bundle {
        /// Its index.
        bundle: u64,
        /// What is wrong.
        cause: BundleFault,
    },
    /// An entry has another hash than its tile says.
    #[error("it has the hash {computed}, its tile says {tile}")]
    LeafHash {
        /// The entry.
        index: u64,
        /// Its hash.
        computed: Hash,
        /// What the tile says.
        tile: Hash,
    },
    /// An entry is another one than an earlier audit read.
    #[error("it is another one than an earlier audit read: hash {computed}, it had {before}")]
    Changed {
        /// The entry.
        index: u64,
        /// Its hash.
        computed: Hash,
        /// The hash before.
        before: Hash,
    },
    /// A tile above the entries has another hash than they give.
    #[error(
        "tile level {} index {}: hash {at}, over the entries from {first} on, is {have}, they give {computed}",
        tile.level,
        tile.index
    )]
    TileHash {
        /// The tile.
        tile: Tile,
        /// Which of its hashes.
        at: usize,
        /// The first entry below.
        first: u64,
        /// The hash.
        have: Hash,
        /// What the entries give.
        computed: Hash,
    },
    /// The entries lead to another root than the checkpoint has.
    #[error("the {size} entries have root {computed}, the checkpoint says {have}")]
    Root {
        /// Entries.
        size: u64,
        /// Their root.
        computed: Hash,
        /// What the checkpoint says.
        have: Hash,
    },
    /// An entry should not be there.
    #[error("{why}")]
    Entry {
        /// Its index.
        index: u64,
        /// Why.
        why: Inadmissible,
    },
}

/// What is wrong with an entry bundle.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BundleFault {
    /// It is none.
    #[error(transparent)]
    Malformed(#[from] EntryBundleError),
    /// It has more or fewer entries.
    #[error("it has {have} entries, the tree has {need} there")]
    Count {
        /// Entries in it.
        have: usize,
        /// Entries in the tree.
        need: u64,
    },
}

impl Finding {
    /// The rule: for an entry admission's own name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotSigned(_) => "checkpoint-not-signed",
            Self::OtherLog { .. } => "other-log",
            Self::QuorumNotMet { .. } => "quorum-not-met",
            Self::Shrank { .. } => "tree-shrank",
            Self::NotServed { .. } => "entry-not-served",
            Self::TileNotServed { .. } => "tile-not-served",
            Self::Bundle { .. } => "bundle-malformed",
            Self::LeafHash { .. } => "leaf-hash",
            Self::Changed { .. } => "entry-changed",
            Self::TileHash { .. } => "tile-hash",
            Self::Root { .. } => "root",
            Self::Entry { why, .. } => why.name(),
        }
    }

    /// The entry that it is about.
    pub fn index(&self) -> Option<u64> {
        match self {
            Self::NotServed { index, .. }
            | Self::LeafHash { index, .. }
            | Self::Changed { index, .. }
            | Self::Entry { index, .. } => Some(*index),
            _ => None,
        }
    }
}

/// Why there is no audit.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The log found wanting: the one that an audit is for.
    #[error(transparent)]
    Found(#[from] Finding),
    /// The log does not answer.
    #[error(transparent)]
    Net(#[from] NetError),
    /// What it answers is no checkpoint.
    #[error("what the log shows as its checkpoint is no note: {0}; is the URL right?")]
    Note(#[from] NoteError),
    /// What it answers is no checkpoint.
    #[error("what the log shows as its checkpoint is none: {0}; is the URL right?")]
    Checkpoint(#[from] CheckpointError),
    /// The scratch directory.
    #[error(transparent)]
    Scratch(#[from] ScratchError),
    /// The log is judged by rules that this program does not know.
    #[error("entry {index} is of rules {have}, which this program does not know; install a newer glarus")]
    UnknownRules {
        /// The state entry.
        index: u64,
        /// Its rules.
        have: u64,
    },
    /// A task of ours ended.
    #[error("a part of the audit ended: {0}")]
    Task(#[from] JoinError),
    /// The same, of one that parses.
    #[error("a part of the audit ended: a bundle was not parsed to its end")]
    Parser,
}

impl Audit<'_> {
    /// Audits the log from where the scratch directory stands to its newest checkpoint.
    ///
    /// # Errors
    /// [`AuditError`]; of several findings the one at the lowest index.
    pub async fn run(&self) -> Result<Audited, AuditError> {
        let (checkpoint, cosigned) = self.checkpoint().await?;
        let Checkpoint { origin, head, .. } = checkpoint;
        let source = Source { log: self.log.clone(), size: head.size };
        let (feed, parsed) = parse::parsers(PARSED);
        let keyring = parsed.keyring();
        let (judge, edge) = match self.scratch {
            None => (None, Edge::default()),
            Some(path) => {
                let (scratch, edge) = Scratch::open(path, &origin)?;
                (Some(Judge::new(scratch, &origin, keyring, Arc::clone(&self.progress), head.size)?), edge)
            }
        };
        let resumed = edge.size();
        if resumed > head.size {
            return Err(Finding::Shrank { have: head.size, audited: resumed }.into());
        }
        let feed = judge.is_some().then_some(feed);
        let judging = judge.map(|judge| tokio::task::spawn_blocking(move || judge.run(parsed)));
        let read = Reader::new(source, feed, edge).read(&head, &*self.progress).await;
        // What was read before something was found is judged to its end: what is found there comes first.
        let records = match judging {
            Some(judging) => Some(judging.await??),
            None => None,
        };
        read?;
        Ok(Audited { origin, head, resumed, records, cosigned })
    }

    /// The newest checkpoint, signed and cosigned.
    async fn checkpoint(&self) -> Result<(Checkpoint, Option<Vec<(Name, u64)>>), AuditError> {
        let bytes = self.log.get("/checkpoint", MAX_CHECKPOINT_BYTES, WAIT).await?;
        let note = Note::parse(&bytes)?;
        let checkpoint = Checkpoint::parse(&note.text)?;
        if let Some(need) = self.origin.as_ref().filter(|need| **need != checkpoint.origin) {
            return Err(Finding::OtherLog { have: checkpoint.origin, need: need.clone() }.into());
        }
        checkpoint::open(&note, &self.log_keys).map_err(Finding::NotSigned)?;
        let Some(policy) = &self.policy else { return Ok((checkpoint, None)) };
        let evaluation = policy.evaluate(&note, Some(self.now));
        let have = evaluation.names(policy).have;
        if !evaluation.met(policy) {
            let have = u64::try_from(have.len()).unwrap_or(u64::MAX);
            return Err(Finding::QuorumNotMet { have, need: policy.needed() }.into());
        }
        Ok((checkpoint, Some(have)))
    }
}

/// Splits a bundle, but for the first entries, into parts of [`PART_BYTES`] or one entry, each with how many it has; of a small
/// bundle the one part.
///
/// What is read from records may take some times their bytes, so little is read from a bundle of 16 MiB at a time.
fn parts(bundle: &Bytes, skip: usize) -> Vec<(Bytes, usize)> {
    let (mut parts, mut at, mut from, mut entries) = (Vec::new(), 0, 0, 0);
    for (number, entry) in entry_bundle::entries(bundle).map_while(Result::ok).enumerate() {
        let end = at + 2 + entry.len();
        if number < skip {
            from = end;
        } else if entries > 0 && end - from > PART_BYTES {
            // A copy, so that the bundle goes when its last part was handed on.
            parts.push((Bytes::copy_from_slice(&bundle[from..at]), entries));
            (from, entries) = (at, 1);
        } else {
            entries += 1;
        }
        at = end;
    }
    if entries > 0 {
        let rest = bundle.slice(from..at);
        parts.push((if parts.is_empty() { rest } else { Bytes::copy_from_slice(&rest) }, entries));
    }
    parts
}

/// What reads a log in order, and hands on what is to be judged.
struct Reader {
    source: Source,
    /// Where what is to be judged goes.
    feed: Option<Feed>,
    /// Room for the bytes that are handed on and not judged yet.
    room: Arc<Semaphore>,
    edge: Edge,
}

impl Reader {
    fn new(source: Source, feed: Option<Feed>, edge: Edge) -> Self {
        Self { source, feed, room: Arc::new(Semaphore::new(PARSED_BYTES)), edge }
    }

    async fn read(mut self, head: &TreeHead, progress: &(dyn Fn(u64, u64) + Send + Sync)) -> Result<(), AuditError> {
        let bundles = head.size.div_ceil(WIDTH);
        let mut next = self.edge.size() / WIDTH;
        let mut flying = VecDeque::new();
        loop {
            while flying.len() < WINDOW && next < bundles {
                let source = self.source.clone();
                flying.push_back(tokio::spawn(async move { source.bundle(next, SMALL_BYTES).await }));
                next += 1;
            }
            let Some(first) = flying.pop_front() else { break };
            let fetched = match first.await? {
                Ok(fetched) => fetched,
                Err(fetch::Fault::TooLong { bundle }) => self.source.bundle(bundle, fetch::MAX_BUNDLE_BYTES).await?,
                Err(fault) => return Err(fault.into()),
            };
            let known = self.check(&fetched)?;
            let mut leaves = fetched.leaves.iter().skip(known);
            if self.feed.is_none() {
                self.grow(leaves).await?;
                progress(self.edge.size(), head.size);
                continue;
            }
            for (bytes, entries) in parts(&fetched.bytes, known) {
                self.grow(leaves.by_ref().take(entries)).await?;
                if self.hand_on(bytes).await.is_err() {
                    return Ok(());
                }
            }
        }
        self.close(head).await
    }

    /// Compares a bundle's entries with their tile, and with what of them was part of the tree before; returns how many that were.
    fn check(&self, fetched: &fetch::Fetched) -> Result<usize, AuditError> {
        let first = fetched.bundle * WIDTH;
        for ((index, computed), tile) in (first..).zip(&fetched.leaves).zip(&fetched.tile) {
            if computed != tile {
                return Err(Finding::LeafHash { index, computed: *computed, tile: *tile }.into());
            }
        }
        let known =
            self.edge.tiles().get(&Tile { level: 0, index: fetched.bundle }).map(Vec::as_slice).unwrap_or_default();
        for ((index, computed), before) in (first..).zip(&fetched.leaves).zip(known) {
            if computed != before {
                return Err(Finding::Changed { index, computed: *computed, before: *before }.into());
            }
        }
        Ok(known.len())
    }

    /// Makes entries part of the tree.
    async fn grow(&mut self, leaves: impl Iterator<Item = &Hash>) -> Result<(), AuditError> {
        let mut full = Vec::new();
        for leaf in leaves {
            self.edge.push(*leaf, |tile, hashes| full.push((tile, hashes)));
        }
        for (tile, hashes) in full.iter().filter(|(tile, _)| tile.level > 0) {
            self.compare(*tile, hashes).await?;
        }
        Ok(())
    }

    /// Compares a tile as it is served with what the entries give.
    async fn compare(&self, tile: Tile, hashes: &[Hash]) -> Result<(), AuditError> {
        let served = self.source.tile(tile).await?;
        let first = |at: usize| (tile.index * WIDTH + at as u64) << (8 * u32::from(tile.level));
        match served.iter().zip(hashes).position(|(have, computed)| have != computed) {
            Some(at) => {
                Err(Finding::TileHash { tile, at, first: first(at), have: served[at], computed: hashes[at] }.into())
            }
            None => Ok(()),
        }
    }

    /// Has entries parsed and judged, if that is to be, as soon as there is room for them.
    async fn hand_on(&self, bytes: Bytes) -> Result<(), JudgeEnded> {
        let Some(feed) = &self.feed else { return Ok(()) };
        let permits = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).acquire_many_owned(permits).await.map_err(|_| JudgeEnded)?;
        feed.push(Unparsed { bytes, edge: self.edge.clone(), _room: room }).await
    }

    /// Compares what the whole tree leads to.
    async fn close(&self, head: &TreeHead) -> Result<(), AuditError> {
        for (tile, hashes) in self.edge.tiles().iter().filter(|(tile, _)| tile.level > 0) {
            self.compare(*tile, hashes).await?;
        }
        let (TreeHead { size, root: computed }, have) = (self.edge.head(), head.root);
        if computed != have {
            return Err(Finding::Root { size, computed, have }.into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_the_bundle_but_for_what_is_known() {
        let entries: Vec<Vec<u8>> = (0..256_usize).map(|number| vec![0; number * 255]).collect();
        let bundle = Bytes::from(entry_bundle::encode(&entries).unwrap());
        for skip in [0, 1, 100, 255, 256] {
            let mut left = entries[skip..].iter();
            for (bytes, count) in parts(&bundle, skip) {
                let part = entry_bundle::parse(&bytes).unwrap();
                assert!(part.len() == count && (count == 1 || bytes.len() <= PART_BYTES), "{count}: {}", bytes.len());
                assert!(part.into_iter().eq(left.by_ref().take(count)));
            }
            assert_eq!(left.next(), None);
        }
        assert!(parts(&bundle, 0).len() > 30);
        // A small one is not copied.
        let small = bundle.slice(..10_000);
        assert_eq!(parts(&small, 2)[0].0.as_ptr(), small[2 + 2 + 255..].as_ptr());
    }
}
