#![doc = include_str!("../witness.md")]

use crate::checkpoint::{self, Checkpoint, CheckpointError, OpenError};
use crate::encoding;
use crate::merkle::{self, Hash, TreeHead};
use crate::note::{MAX_NOTE_BYTES, MAX_SIGNATURES, Note, NoteError, NoteSignature, Vkey};
use crate::proof::{self, ConsistencyError, MAX_PROOF_HASHES};
use alloc::{format, string::String, vec::Vec};
use core::fmt::Write as _;

mod subtree;

pub use subtree::{
    AcceptedSubtree, MAX_SUBTREE_BODY_BYTES, MalformedSubtree, SignSubtree, SubtreeRefusal, judge_subtree,
};

/// The most bytes that come before the note: the old size line, the proof lines and the empty line.
const MAX_HEAD_BYTES: usize = 25 + 45 * MAX_PROOF_HASHES + 1;
/// The most bytes that a request may have.
pub const MAX_BODY_BYTES: usize = MAX_HEAD_BYTES + MAX_NOTE_BYTES;
/// The content type of the answer to another old size than the latest.
pub const SIZE_CONTENT_TYPE: &str = "text/x.tlog.size";

/// A request to cosign a checkpoint, none of it believed yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AddCheckpoint {
    /// The size that the log thinks the witness cosigned last.
    pub old_size: u64,
    /// The consistency proof from that size to the note's.
    pub proof: Vec<Hash>,
    /// The new checkpoint.
    pub note: Note,
}

impl AddCheckpoint {
    /// Reads a request's body. Encoding it again gives the same bytes.
    ///
    /// # Errors
    /// [`Malformed`], in the order of its variants.
    pub fn parse(body: &[u8]) -> Result<Self, Malformed> {
        if body.len() > MAX_BODY_BYTES {
            return Err(Malformed::TooLong(body.len()));
        }
        // SPEC: "Each line MUST terminate in a newline character (U+000A)."
        let (line, mut rest) = line(body).ok_or(Malformed::OldSize)?;
        // SPEC: "The old size line MUST consist of the string `old`, a single space (0x20), and the tree size [...]
        // encoded as an ASCII decimal with no leading zeroes"
        let old_size = line.strip_prefix("old ").and_then(encoding::decimal).ok_or(Malformed::OldSize)?;
        let mut proof = Vec::new();
        loop {
            let number = proof.len().saturating_add(1);
            let (line, later) = self::line(rest).ok_or(Malformed::ProofLine(number))?;
            rest = later;
            if line.is_empty() {
                break;
            }
            // SPEC: "The client MUST NOT send more than 63 consistency proof lines."
            if number > MAX_PROOF_HASHES {
                return Err(Malformed::TooManyProofLines);
            }
            // SPEC: "Each consistency proof line MUST encode a single hash in base64."
            proof.push(Hash::from_base64(line).ok_or(Malformed::ProofLine(number))?);
        }
        let note = Note::parse(rest)?;
        Checkpoint::parse(&note.text)?;
        Ok(Self { old_size, proof, note })
    }

    /// Writes the body.
    pub fn encode(&self) -> Vec<u8> {
        let mut body = format!("old {}\n", self.old_size);
        for hash in &self.proof {
            body.push_str(&hash.to_base64());
            body.push('\n');
        }
        // Writing to a string cannot fail.
        let _ = write!(body, "\n{}", self.note);
        body.into_bytes()
    }

    /// The origin that the checkpoint claims: which log's keys [`judge`] needs.
    pub fn origin(&self) -> &str {
        self.note.text.split('\n').next().unwrap_or_default()
    }
}

/// Splits off the first line, without its LF; `None` if there is no LF or the line is not UTF-8.
fn line(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let at = bytes.iter().position(|byte| *byte == b'\n')?;
    let (line, rest) = bytes.split_at_checked(at)?;
    Some((core::str::from_utf8(line).ok()?, rest.get(1..)?))
}

/// Why a body is no request.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Malformed {
    /// More than [`MAX_BODY_BYTES`].
    #[error("the body has {0} bytes, at most {MAX_BODY_BYTES} are read")]
    TooLong(usize),
    /// The first line is not the old size.
    #[error("the first line is not \"old \" and a size, a decimal without leading zeroes")]
    OldSize,
    /// A proof line is no hash, or the empty line after the proof is missing.
    #[error("proof line {0} is neither standard base64 of 32 bytes nor the empty line that ends the proof")]
    ProofLine(usize),
    /// More than [`MAX_PROOF_HASHES`].
    #[error("there are more than {MAX_PROOF_HASHES} proof lines")]
    TooManyProofLines,
    /// What follows is no note.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The note's text is no checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

/// Why a checkpoint is not cosigned.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// The body is no request.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// No key is trusted for the origin.
    #[error("log {origin:?} is not known here")]
    UnknownOrigin {
        /// The checkpoint's origin.
        origin: String,
    },
    /// A line names a trusted key and does not verify.
    #[error("the signature of {name} (key ID {id:08x}) does not verify")]
    BadSignature {
        /// The key name.
        name: String,
        /// The key ID.
        id: u32,
    },
    /// No line is by a trusted key.
    #[error("no signature by a trusted key of log {origin:?}")]
    NotSigned {
        /// The checkpoint's origin.
        origin: String,
    },
    /// The old size is above the checkpoint's.
    #[error("the old size {old} is above the checkpoint's size {size}")]
    OldBeyondSize {
        /// The old size sent.
        old: u64,
        /// The checkpoint's size.
        size: u64,
    },
    /// The old size is not that of the latest cosigned checkpoint.
    #[error("the old size is {old}, the latest cosigned size is {latest}")]
    OldSize {
        /// The old size sent.
        old: u64,
        /// The latest cosigned size, 0 if none was cosigned.
        latest: u64,
    },
    /// Size zero with another root than the empty tree's.
    #[error("a tree of size 0 has root {}, not {root}", merkle::empty_root())]
    EmptyRoot {
        /// The checkpoint's root.
        root: Hash,
    },
    /// A proof where there is nothing to prove.
    #[error("there are {lines} proof lines at old size 0, where none belongs")]
    ProofAtZero {
        /// Proof lines sent.
        lines: usize,
    },
    /// The consistency proof fails.
    #[error(transparent)]
    Proof(ConsistencyError),
    /// The size of the latest cosigned checkpoint with another root: with that one, evidence against the log.
    #[error("the tree of size {size} has root {latest}, this checkpoint says {root}")]
    OtherRoot {
        /// The size of both.
        size: u64,
        /// The root cosigned.
        latest: Hash,
        /// The root sent.
        root: Hash,
    },
}

impl Refusal {
    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::Malformed(Malformed::TooLong(_)) => 413,
            Self::Malformed(_) | Self::OldBeyondSize { .. } => 400,
            Self::UnknownOrigin { .. } => 404,
            Self::BadSignature { .. } | Self::NotSigned { .. } => 403,
            Self::OldSize { .. } => 409,
            Self::EmptyRoot { .. } | Self::ProofAtZero { .. } | Self::Proof(_) | Self::OtherRoot { .. } => 422,
        }
    }

    /// The name, stable, for programs and metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed-request",
            Self::UnknownOrigin { .. } => "unknown-origin",
            Self::BadSignature { .. } => "bad-signature",
            Self::NotSigned { .. } => "not-signed",
            Self::OldBeyondSize { .. } => "old-size-beyond-size",
            Self::OldSize { .. } => "old-size-not-latest",
            Self::EmptyRoot { .. } => "empty-tree-root",
            Self::ProofAtZero { .. } => "proof-at-size-zero",
            Self::Proof(_) => "inconsistent",
            Self::OtherRoot { .. } => "other-root",
        }
    }
}

/// A checkpoint that may be cosigned, once it is stored as the latest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Accepted {
    /// What is to be cosigned.
    pub checkpoint: Checkpoint,
    /// The checkpoint written anew, with the log's verified signatures alone, one a key.
    pub note: Note,
}

/// Decides whether to cosign.
///
/// `latest` is the head cosigned last for [`AddCheckpoint::origin`], `None` if there is none; `log_keys` are the keys trusted for
/// that origin, none if the origin is unknown. `latest` must still be the latest when the accepted checkpoint takes its place:
/// the caller swaps it by compare-and-swap, or two requests in a race could roll the log back.
///
/// Cost: 35 us for each signature line by a trusted Ed25519 key, 90 us by an ML-DSA-44 key, and two node hashes for each
/// proof line.
///
/// # Errors
/// [`Refusal`], in the order of its variants.
pub fn judge(latest: Option<&TreeHead>, request: &AddCheckpoint, log_keys: &[Vkey]) -> Result<Accepted, Refusal> {
    let origin = request.origin();
    // SPEC: "If the checkpoint origin is unknown, the witness MUST respond with a "404 Not Found" HTTP status code."
    if log_keys.is_empty() {
        return Err(Refusal::UnknownOrigin { origin: origin.into() });
    }
    // SPEC: "The witness MUST verify the checkpoint signature against the public key(s) it trusts for the checkpoint origin,
    // and it MUST ignore signatures from unknown keys."
    // SPEC: "The witness MUST respond with a "403 Forbidden" HTTP status code if either no signature from a trusted key for the
    // origin is present, or a signature line's key name and ID match a trusted key but the signature itself fails to verify"
    let checkpoint = checkpoint::open(&request.note, log_keys).map_err(|error| match error {
        OpenError::Checkpoint(error) => Refusal::Malformed(error.into()),
        OpenError::BadSignature { name, id } => Refusal::BadSignature { name, id },
        OpenError::NotSigned { origin } => Refusal::NotSigned { origin },
    })?;
    let TreeHead { size, root } = checkpoint.head;
    let old = request.old_size;
    // SPEC: "The old size MUST be equal to or lower than the checkpoint size. Otherwise, the witness MUST respond with a
    // "400 Bad Request" HTTP status code."
    if old > size {
        return Err(Refusal::OldBeyondSize { old, size });
    }
    // SPEC: "The witness MUST check that the old size matches the size of the latest checkpoint it cosigned for the
    // checkpoint's origin (or zero if it never cosigned a checkpoint for that origin). If it doesn't match, the witness MUST
    // respond with a "409 Conflict" HTTP status code."
    let latest = latest.copied().unwrap_or(TreeHead { size: 0, root: merkle::empty_root() });
    if old != latest.size {
        return Err(Refusal::OldSize { old, latest: latest.size });
    }
    // SPEC: "A checkpoint of size zero MUST have the root hash of the empty tree [...]. Otherwise, the witness MUST respond
    // with a "422 Unprocessable Entity" HTTP status code."
    if size == 0 && root != merkle::empty_root() {
        return Err(Refusal::EmptyRoot { root });
    }
    // SPEC: "If the proof is not empty when the old size is zero, or if a Merkle Consistency Proof doesn't verify, the witness
    // MUST respond with a "422 Unprocessable Entity" HTTP status code."
    if old == 0 && !request.proof.is_empty() {
        return Err(Refusal::ProofAtZero { lines: request.proof.len() });
    }
    proof::verify_consistency(&latest, &checkpoint.head, &request.proof).map_err(|error| match error {
        // SPEC: "If the old size matches the checkpoint size, the witness MUST check that the root hashes are also identical.
        // If they don't match, the witness MUST respond with a "422 Unprocessable Entity" HTTP status code."
        ConsistencyError::OldRoot { .. } if old == size => Refusal::OtherRoot { size, latest: latest.root, root },
        error => Refusal::Proof(error),
    })?;
    let note = Note { text: checkpoint.to_text(), signatures: verified(&request.note, origin, log_keys) };
    Ok(Accepted { checkpoint, note })
}

/// The lines by the log's keys, the first of each, of a note that [`checkpoint::open`] believed: all such lines were verified.
fn verified(note: &Note, origin: &str, log_keys: &[Vkey]) -> Vec<NoteSignature> {
    let of_the_log = |key: &&Vkey| key.is_of_log(origin);
    let first = |key: &Vkey| note.signatures.iter().find(|line| key.made(line)).cloned();
    log_keys.iter().filter(of_the_log).filter_map(first).collect()
}

/// Writes the body of an answer 409: the latest cosigned size.
pub fn size_body(latest: u64) -> String {
    format!("{latest}\n")
}

/// Reads the body of an answer 409, as a log does.
pub fn parse_size_body(body: &[u8]) -> Option<u64> {
    encoding::decimal(core::str::from_utf8(body).ok()?.strip_suffix('\n')?)
}

/// Reads the body of an answer 200, as a log does: signature lines, none of them verified.
///
/// # Errors
/// [`NoteError`].
pub fn parse_cosignatures(body: &[u8]) -> Result<Vec<NoteSignature>, NoteError> {
    if body.len() > MAX_NOTE_BYTES {
        return Err(NoteError::TooLong(body.len()));
    }
    let text = core::str::from_utf8(body).map_err(|error| NoteError::Characters(error.valid_up_to()))?;
    let lines = text.strip_suffix('\n').ok_or(NoteError::Form)?.split('\n');
    if lines.clone().nth(MAX_SIGNATURES).is_some() {
        return Err(NoteError::TooManySignatures);
    }
    lines.map(NoteSignature::parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cosignature;
    use crate::merkle::naive;
    use crate::note::{KeyKind, Skey};
    use alloc::{string::ToString as _, vec};

    const ORIGIN: &str = "example.com/log";
    const SIZES: u64 = 9;

    fn skey(seed: u8) -> Skey {
        Skey::from_seed(ORIGIN, KeyKind::Ed25519, [seed; 32]).unwrap()
    }

    fn keys() -> Vec<Vkey> {
        vec![skey(1).vkey().clone()]
    }

    fn head(size: u64) -> TreeHead {
        TreeHead { size, root: naive::root(&naive::leaves(size)) }
    }

    /// A root that no tree here has.
    fn other(size: u64) -> TreeHead {
        TreeHead { size, root: Hash([7; 32]) }
    }

    fn signed(head: TreeHead, keys: &[Skey]) -> Note {
        let checkpoint = Checkpoint::new(ORIGIN, head);
        let signatures = keys.iter().map(|key| checkpoint::sign(&checkpoint, key)).collect();
        Note { text: checkpoint.to_text(), signatures }
    }

    /// The proof from `old` to `new`; none where there is none.
    fn consistency(old: u64, new: u64) -> Vec<Hash> {
        let Some(plan) = proof::consistency(old, new) else { return Vec::new() };
        let leaves = naive::leaves(new);
        let node = |node: merkle::Node| {
            let start = (node.index as usize) << node.level;
            naive::root(&leaves[start..start + (1 << node.level)])
        };
        let hashes: Vec<_> = plan.nodes().map(node).collect();
        plan.assemble(&hashes).unwrap()
    }

    fn request(old_size: u64, proof: Vec<Hash>, head: TreeHead) -> AddCheckpoint {
        AddCheckpoint { old_size, proof, note: signed(head, &[skey(1)]) }
    }

    /// The table, written again from the specification, for requests that are well formed and well signed.
    fn table(latest: u64, old: u64, proof: Proof, size: u64, root_is_right: bool) -> u16 {
        let proof_is_right = match proof {
            Proof::Right => true,
            Proof::Empty => consistency(old, size).is_empty(),
            Proof::Surplus => false,
            Proof::Damaged => consistency(old, size).is_empty(),
        };
        match () {
            () if old > size => 400,
            () if old != latest => 409,
            () if size == 0 && !root_is_right => 422,
            // At old size 0 nothing is proved: any root goes with any size above.
            () if old == 0 => {
                if proof_is_right {
                    200
                } else {
                    422
                }
            }
            () if !proof_is_right || !root_is_right => 422,
            () => 200,
        }
    }

    #[derive(Clone, Copy, Debug)]
    enum Proof {
        Right,
        Empty,
        Surplus,
        Damaged,
    }

    #[test]
    fn the_table_for_all_small_sizes() {
        let mut counts = alloc::collections::BTreeMap::new();
        for (latest, old, size) in
            (0..SIZES).flat_map(|a| (0..SIZES).flat_map(move |b| (0..SIZES).map(move |c| (a, b, c))))
        {
            for kind in [Proof::Right, Proof::Empty, Proof::Surplus, Proof::Damaged] {
                let right = consistency(old, size);
                let proof = match kind {
                    Proof::Right => right,
                    Proof::Empty => Vec::new(),
                    Proof::Surplus => [right, vec![Hash([9; 32])]].concat(),
                    Proof::Damaged => right.into_iter().map(|hash| merkle::node_hash(&hash, &hash)).collect(),
                };
                for root_is_right in [true, false] {
                    let head_sent = if root_is_right { head(size) } else { other(size) };
                    let request = request(old, proof.clone(), head_sent);
                    let stored = head(latest);
                    let stored = (latest > 0).then_some(&stored);
                    let result = judge(stored, &request, &keys());
                    let status = result.as_ref().map_or_else(Refusal::status, |_| 200);
                    let expect = table(latest, old, kind, size, root_is_right);
                    assert_eq!(
                        status, expect,
                        "latest {latest} old {old} size {size} {kind:?} {root_is_right}: {result:?}"
                    );
                    if let Ok(accepted) = result {
                        assert_eq!((accepted.checkpoint.head, accepted.note), (head_sent, request.note));
                    }
                    *counts.entry(status).or_insert(0) += 1;
                }
            }
        }
        assert_eq!(counts.into_keys().collect::<Vec<_>>(), [200, 400, 409, 422]);
    }

    #[test]
    fn each_refusal_with_its_numbers() {
        let check = |latest: Option<TreeHead>, request: AddCheckpoint, status: u16, name: &str, expect: Refusal| {
            let refusal = judge(latest.as_ref(), &request, &keys()).unwrap_err();
            assert_eq!(refusal, expect);
            assert_eq!((refusal.status(), refusal.name()), (status, name));
        };
        let latest = Some(head(3));
        let beyond = Refusal::OldBeyondSize { old: 3, size: 2 };
        check(latest, request(3, vec![], head(2)), 400, "old-size-beyond-size", beyond);
        let conflict = Refusal::OldSize { old: 2, latest: 3 };
        check(latest, request(2, consistency(2, 5), head(5)), 409, "old-size-not-latest", conflict);
        let conflict = Refusal::OldSize { old: 1, latest: 0 };
        check(None, request(1, vec![], head(1)), 409, "old-size-not-latest", conflict);
        let root = other(0).root;
        check(None, request(0, vec![], other(0)), 422, "empty-tree-root", Refusal::EmptyRoot { root });
        let lines = Refusal::ProofAtZero { lines: 1 };
        check(None, request(0, vec![root], head(3)), 422, "proof-at-size-zero", lines);
        let length = Refusal::Proof(ConsistencyError::Length { have: 0, need: 4, old: 3, new: 5 });
        check(latest, request(3, vec![], head(5)), 422, "inconsistent", length);
        let surplus = Refusal::Proof(ConsistencyError::Length { have: 1, need: 0, old: 3, new: 3 });
        check(latest, request(3, vec![root], head(3)), 422, "inconsistent", surplus);
        let other_root = Refusal::OtherRoot { size: 3, latest: head(3).root, root };
        check(latest, request(3, vec![], other(3)), 422, "other-root", other_root);
    }

    #[test]
    fn who_signed_decides_before_sizes_do() {
        // All requests here would be refused for their old size next.
        let check = |signers: &[Skey], trusted: &[Skey], damage: bool, status: u16, name: &str| {
            let mut request = request(4, vec![], head(5));
            request.note = signed(head(5), signers);
            if damage {
                request.note.signatures[0].bytes[0] ^= 1;
            }
            let keys: Vec<_> = trusted.iter().map(|key| key.vkey().clone()).collect();
            let refusal = judge(Some(&head(3)), &request, &keys).unwrap_err();
            assert_eq!((refusal.status(), refusal.name()), (status, name));
        };
        let cosigner = Skey::from_seed(ORIGIN, KeyKind::CosignatureEd25519, [1; 32]).unwrap();
        let other_log = Skey::from_seed("example.com/other", KeyKind::Ed25519, [1; 32]).unwrap();
        check(&[skey(1)], &[], false, 404, "unknown-origin");
        check(&[skey(1)], &[skey(2)], false, 403, "not-signed");
        check(&[skey(1)], &[skey(1)], true, 403, "bad-signature");
        check(&[skey(1), skey(2)], &[skey(1), skey(2)], true, 403, "bad-signature");
        check(&[skey(1), skey(2)], &[skey(2)], true, 409, "old-size-not-latest");
        for not_a_log_key in [[cosigner], [other_log]] {
            check(&not_a_log_key, &not_a_log_key, false, 403, "not-signed");
        }
    }

    #[test]
    fn what_is_kept_is_what_was_verified() {
        let mut request = request(3, consistency(3, 5), head(5));
        request.note = signed(head(5), &[skey(3), skey(2), skey(1), skey(2)]);
        let keys = [skey(1).vkey().clone(), skey(2).vkey().clone()];
        let accepted = judge(Some(&head(3)), &request, &keys).unwrap();
        assert_eq!(accepted.note, signed(head(5), &[skey(1), skey(2)]));
        assert_eq!(accepted.checkpoint, Checkpoint::new(ORIGIN, head(5)));
    }

    #[test]
    fn both_kinds_of_log_signatures_are_verified_and_kept() {
        let (small, large) = (skey(1), Skey::from_seed(ORIGIN, KeyKind::CosignatureMlDsa44, [1; 32]).unwrap());
        let mut note = signed(head(5), &[skey(1)]);
        note.signatures.push(cosignature::sign(&note.text, 7, &large));
        let request = AddCheckpoint { old_size: 3, proof: consistency(3, 5), note: note.clone() };
        let of = |request: &AddCheckpoint, keys: &[&Skey]| {
            let keys: Vec<_> = keys.iter().map(|key| key.vkey().clone()).collect();
            judge(Some(&head(3)), request, &keys).map(|accepted| accepted.note.signatures)
        };
        assert_eq!(AddCheckpoint::parse(&request.encode()).as_ref(), Ok(&request));
        assert_eq!(of(&request, &[&small, &large]).as_ref(), Ok(&note.signatures));
        assert_eq!(of(&request, &[&small]).unwrap(), note.signatures[..1]);
        assert_eq!(of(&request, &[&large]).unwrap(), note.signatures[1..]);
        let mut bad = request.clone();
        bad.note.signatures[1].bytes[1000] ^= 1;
        assert_eq!(of(&bad, &[&small, &large]).unwrap_err().name(), "bad-signature");
        assert_eq!(of(&bad, &[&small]).unwrap(), note.signatures[..1]);
    }

    #[test]
    fn bodies_that_are_refused() {
        let note = signed(head(2), &[skey(1)]).to_string();
        let hash = Hash([3; 32]).to_base64();
        let check = |body: String, expect: Malformed| {
            let malformed = AddCheckpoint::parse(body.as_bytes()).unwrap_err();
            assert_eq!(malformed, expect, "{body:?}");
            let status = if matches!(expect, Malformed::TooLong(_)) { 413 } else { 400 };
            assert_eq!(
                (Refusal::from(malformed).status(), Refusal::from(expect).name()),
                (status, "malformed-request")
            );
        };
        for old in ["", "old", "old ", "0", "old  0", "old 00", "old 01", "old +1", "old -1", "old 0 ", "old 0\r"] {
            check(format!("{old}\n\n{note}"), Malformed::OldSize);
        }
        for old in ["OLD 0", "old\t0", " old 0", "old 18446744073709551616", "old 1e1", "old ٣"] {
            check(format!("{old}\n\n{note}"), Malformed::OldSize);
        }
        check(String::new(), Malformed::OldSize);
        check("old 0".into(), Malformed::OldSize);
        for bad in [hash.trim_end_matches('='), &hash[1..], &format!("{hash} "), &format!("{hash}\r"), "x", " "] {
            check(format!("old 1\n{bad}\n\n{note}"), Malformed::ProofLine(1));
            check(format!("old 1\n{hash}\n{bad}\n\n{note}"), Malformed::ProofLine(2));
        }
        check(format!("old 1\n{hash}\n"), Malformed::ProofLine(2));
        check(format!("old 1\n{}\n{note}", format!("{hash}\n").repeat(64)), Malformed::TooManyProofLines);
        check("old 1\n\n".into(), NoteError::Form.into());
        check(format!("old 1\n\n\n{note}"), CheckpointError::Form.into());
        check(format!("old 1\n\n{}", note.trim_end_matches('\n')), NoteError::Form.into());
        check(format!("old 1\n\n{}", note.replace("\n2\n", "\n02\n")), CheckpointError::Size("02".into()).into());
        let long = MAX_BODY_BYTES + 1;
        check("x".repeat(long), Malformed::TooLong(long));
        assert_eq!(AddCheckpoint::parse(b"old \xff\n\n"), Err(Malformed::OldSize));
        assert_eq!(AddCheckpoint::parse(b"old 1\n\xff\n\n"), Err(Malformed::ProofLine(1)));
        assert_eq!(AddCheckpoint::parse(b"old 1\n\n\xff\n\n"), Err(NoteError::Characters(0).into()));
    }

    #[test]
    fn one_form_a_request() {
        let most = format!("old {}\n{}\n", u64::MAX, format!("{}\n", Hash([3; 32])).repeat(63));
        assert_eq!(most.len(), MAX_HEAD_BYTES);
        let note = signed(head(2), &[skey(1), skey(2)]).to_string();
        let full = AddCheckpoint::parse(format!("{most}{note}").as_bytes()).unwrap();
        assert_eq!((full.old_size, full.proof.len(), full.origin()), (u64::MAX, 63, ORIGIN));
        let good = request(1, consistency(1, 2), head(2)).encode();
        for at in 0..good.len() {
            assert!(AddCheckpoint::parse(&good[..at]).is_err(), "cut at {at}");
            for value in [0, b'\n', b' ', b'0', b'A', b'=', 0xff] {
                let mut damaged = good.clone();
                damaged[at] = value;
                if let Ok(request) = AddCheckpoint::parse(&damaged) {
                    assert_eq!(request.encode(), damaged);
                    let accepted = damaged == good;
                    assert_eq!(judge(Some(&head(1)), &request, &keys()).is_ok(), accepted, "byte {at} is {value}");
                }
            }
        }
    }

    #[test]
    fn answers_as_a_log_reads_them() {
        assert_eq!(size_body(0), "0\n");
        for size in [0, 1, u64::MAX] {
            assert_eq!(parse_size_body(size_body(size).as_bytes()), Some(size));
        }
        for bad in ["", "\n", "1", "01\n", "1\n\n", " 1\n", "1\r\n", "-1\n"] {
            assert_eq!(parse_size_body(bad.as_bytes()), None, "{bad:?}");
        }
        let lines = signed(head(1), &[skey(1), skey(2)]).signatures;
        let body: String = lines.iter().map(|line| line.to_string()).collect();
        assert_eq!(parse_cosignatures(body.as_bytes()), Ok(lines));
        assert_eq!(parse_cosignatures(b""), Err(NoteError::Form));
        assert_eq!(parse_cosignatures(b"\n"), Err(NoteError::SignatureLine("".into())));
        assert_eq!(parse_cosignatures(b"\xff\n"), Err(NoteError::Characters(0)));
        let too_many = body.repeat(MAX_SIGNATURES);
        assert_eq!(parse_cosignatures(too_many.as_bytes()), Err(NoteError::TooManySignatures));
        let long = vec![b'a'; MAX_NOTE_BYTES + 1];
        assert_eq!(parse_cosignatures(&long), Err(NoteError::TooLong(long.len())));
    }
}
