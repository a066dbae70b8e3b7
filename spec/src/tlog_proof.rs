//! Tlog-proofs: a file that proves, offline, that an entry is in a log and that witnesses saw it there.
//!
//! Spec: <https://github.com/C2SP/C2SP/blob/5ba5ee8/tlog-proof.md>
//!
//! ```
//! use spec::merkle::leaf_hash;
//! use spec::policy::Policy;
//! use spec::tlog_proof::TlogProof;
//!
//! let proof = TlogProof::parse("\
//! PROOF
//! ".as_bytes()).unwrap();
//! ```
//!
//! # The file
//!
//! Lines ended by LF, in this order:
//!
//! | line | meaning |
//! |---|---|
//! | `c2sp.org/tlog-proof@v1` | the format |
//! | `extra <base64>` | optional: at least one and at most [`MAX_EXTRA_BYTES`] bytes for whoever can use them |
//! | `index <decimal>` | the entry's index in the log |
//! | `<base64 of 32 bytes>`, at most 63 times | the inclusion proof, from the leaf's sibling up to the root's child |
//! | an empty line | |
//! | the checkpoint, a whole note | as the log published it, cosignatures included |
//!
//! Parsing and writing again gives the same bytes. Since no extra data means no `extra` line, an empty one is refused.
//! The extra data is authenticated by nothing and never trusted here: `/api/v1/proofs` puts the entry there, and who
//! computes a leaf hash from it has proved that this entry is in the log, no more.
//!
//! # Verifying
//!
//! [`TlogProof::verify`] takes the leaf hash, the origin expected and a policy, and checks in this order: the checkpoint is
//! that log's, signed by a key that the policy has for it; its cosignatures meet the policy; the path leads from the leaf to
//! its root. Times are not judged: [`Verified::evaluation`] tells them. Whether the policy is any good is not asked either:
//! [`crate::policy::Policy::check`] does.

use crate::checkpoint::{self, Checkpoint, OpenError};
use crate::encoding;
use crate::merkle::Hash;
use crate::note::{MAX_NOTE_BYTES, Note, NoteError, Vkey};
use crate::policy::{Evaluation, Name, Policy};
use crate::proof::{self, InclusionError, MAX_PROOF_HASHES};
use alloc::{format, string::String, vec::Vec};
use core::fmt;

/// The most bytes of extra data: room for the largest entry.
pub const MAX_EXTRA_BYTES: usize = 1 << 16;
/// The most bytes a tlog-proof may have: room for the largest note, the largest extra data and the lines between.
pub const MAX_TLOG_PROOF_BYTES: usize = MAX_NOTE_BYTES + 2 * MAX_EXTRA_BYTES;

const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// Why bytes are not a tlog-proof.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TlogProofParseError {
    /// More than [`MAX_TLOG_PROOF_BYTES`].
    #[error("the proof has {0} bytes, at most {MAX_TLOG_PROOF_BYTES} are read")]
    TooLong(usize),
    /// No empty line between the proof and the checkpoint, or what comes before it is not UTF-8.
    #[error("a proof has a header, an index and proof lines, an empty line and a checkpoint")]
    Form,
    /// The first line is another.
    #[error("the first line is not {HEADER}")]
    Header,
    /// The extra line is not the base64 of one to [`MAX_EXTRA_BYTES`] bytes.
    #[error("the extra line is not `extra <base64>` of 1 to {MAX_EXTRA_BYTES} bytes")]
    Extra,
    /// The index line is missing or has another form.
    #[error("line {line} is not `index <decimal>`, below 2^64, without sign and leading zeroes")]
    Index {
        /// The line, from 1.
        line: usize,
    },
    /// More proof lines than the largest tree needs.
    #[error("more than {MAX_PROOF_HASHES} proof lines")]
    TooManyHashes,
    /// A proof line is not the base64 of 32 bytes.
    #[error("line {line} is not a hash: standard base64 of 32 bytes")]
    Hash {
        /// The line, from 1.
        line: usize,
    },
    /// What follows the empty line is not a note.
    #[error(transparent)]
    Note(#[from] NoteError),
}

/// Why a tlog-proof proves nothing.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TlogProofError {
    /// The policy has no log with this origin.
    #[error("the policy has no key of log {origin:?}")]
    UnknownLog {
        /// The origin expected.
        origin: String,
    },
    /// The checkpoint is not one, or not signed by the log.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The checkpoint is another log's.
    #[error("the checkpoint is of log {have:?}, not of {need:?}")]
    Origin {
        /// The checkpoint's origin.
        have: String,
        /// The origin expected.
        need: String,
    },
    /// The cosignatures do not meet the policy.
    #[error("{have} of the policy's witnesses cosigned, {need} are needed")]
    Quorum {
        /// Units that cosigned.
        have: usize,
        /// The fewest units that meet the policy.
        need: u64,
        /// Units that did not cosign.
        lack: Vec<Name>,
    },
    /// The entry is not where the proof says.
    #[error(transparent)]
    Inclusion(#[from] InclusionError),
}

/// A tlog-proof as read: nothing of it is verified yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlogProof {
    /// Data that nothing authenticates; written only if there is any.
    pub extra: Option<Vec<u8>>,
    /// The entry's index.
    pub index: u64,
    /// The inclusion proof, from the leaf's sibling up to the root's child.
    pub path: Vec<Hash>,
    /// The log's checkpoint with its cosignatures.
    pub checkpoint: Note,
}

/// What a tlog-proof proved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verified {
    /// The checkpoint under which the entry is.
    pub checkpoint: Checkpoint,
    /// Who cosigned it, and when.
    pub evaluation: Evaluation,
}

impl TlogProof {
    /// Reads a tlog-proof.
    ///
    /// # Errors
    /// [`TlogProofParseError`]: the length and the empty line first, then line by line.
    pub fn parse(bytes: &[u8]) -> Result<Self, TlogProofParseError> {
        if bytes.len() > MAX_TLOG_PROOF_BYTES {
            return Err(TlogProofParseError::TooLong(bytes.len()));
        }
        let text = core::str::from_utf8(bytes).map_err(|_| TlogProofParseError::Form)?;
        let (head, checkpoint) = text.split_once("\n\n").ok_or(TlogProofParseError::Form)?;
        let mut lines = (1..).zip(head.split('\n')).peekable();
        // SPEC: "The first line MUST be the string `c2sp.org/tlog-proof@v1`."
        lines.next_if(|(_, line)| *line == HEADER).ok_or(TlogProofParseError::Header)?;
        let extra = match lines.next_if(|(_, line)| line.starts_with("extra")) {
            None => None,
            Some((_, line)) => Some(parse_extra(line).ok_or(TlogProofParseError::Extra)?),
        };
        // SPEC: "an ASCII decimal with no leading zeroes (unless the index is `0`)."
        let (line, index) = lines.next().unwrap_or((if extra.is_some() { 3 } else { 2 }, ""));
        let index = index.strip_prefix("index ").and_then(encoding::decimal);
        let index = index.ok_or(TlogProofParseError::Index { line })?;
        let mut path = Vec::new();
        for (line, hash) in lines {
            if path.len() == MAX_PROOF_HASHES {
                return Err(TlogProofParseError::TooManyHashes);
            }
            path.push(Hash::from_base64(hash).ok_or(TlogProofParseError::Hash { line })?);
        }
        Ok(Self { extra, index, path, checkpoint: Note::parse(checkpoint.as_bytes())? })
    }

    /// Writes the file's text; reading it gives the same proof.
    pub fn to_text(&self) -> String {
        let extra = self.extra.as_deref().filter(|extra| !extra.is_empty());
        let extra = extra.map_or_else(String::new, |extra| format!("extra {}\n", encoding::base64(extra)));
        let path: String = self.path.iter().map(|hash| format!("{hash}\n")).collect();
        format!("{HEADER}\n{extra}index {}\n{path}\n{}", self.index, self.checkpoint)
    }

    /// Verifies that the entry with this leaf hash is in the log of this origin, under a checkpoint that meets the policy.
    ///
    /// Spec: tlog-proof, "Verifying a tlog proof", steps 2 to 4.
    ///
    /// Cost: the log's signature, [`Policy::evaluate`], and one node hash for each proof line.
    ///
    /// # Errors
    /// [`TlogProofError`], in the order of its variants.
    pub fn verify(&self, leaf: &Hash, policy: &Policy, origin: &str) -> Result<Verified, TlogProofError> {
        let keys = policy.logs().iter().map(|log| &log.vkey).filter(|vkey| vkey.name == origin);
        let keys: Vec<Vkey> = keys.cloned().collect();
        if keys.is_empty() {
            return Err(TlogProofError::UnknownLog { origin: origin.into() });
        }
        // Only a checkpoint whose origin is the keys' name, so the one expected, opens.
        let checkpoint = checkpoint::open(&self.checkpoint, &keys).map_err(|error| match error {
            OpenError::NotSigned { origin: have } if have != origin => {
                TlogProofError::Origin { have, need: origin.into() }
            }
            other => TlogProofError::Open(other),
        })?;
        let evaluation = policy.evaluate(&self.checkpoint, None);
        if !evaluation.met(policy) {
            let names = evaluation.names(policy);
            return Err(TlogProofError::Quorum { have: names.have.len(), need: policy.needed(), lack: names.lack });
        }
        proof::verify_inclusion(leaf, self.index, &checkpoint.head, &self.path)?;
        Ok(Verified { checkpoint, evaluation })
    }
}

impl fmt::Display for TlogProof {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.to_text())
    }
}

fn parse_extra(line: &str) -> Option<Vec<u8>> {
    let text = line.strip_prefix("extra ")?;
    // 4 characters carry at most 3 bytes: refuse long input before decoding it.
    if text.len() > MAX_EXTRA_BYTES.saturating_mul(2) {
        return None;
    }
    encoding::from_base64(text).filter(|extra| (1..=MAX_EXTRA_BYTES).contains(&extra.len()))
}
