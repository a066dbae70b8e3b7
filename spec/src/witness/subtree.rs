//! The call `sign-subtree`: a subtree of a checkpoint that the witness cosigned before.

use super::line;
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::cosignature::{self, CosignatureError};
use crate::encoding;
use crate::merkle::Hash;
use crate::note::{Note, NoteError, Vkey};
use crate::proof::MAX_PROOF_HASHES;
use crate::proof::subtree::{self, NotASubtree, Subtree, SubtreeConsistencyError};
use alloc::{format, string::String, vec::Vec};
use core::fmt::Write as _;

/// The most bytes that come before the note: the range line, the hash line, the proof lines and the empty line.
const MAX_HEAD_BYTES: usize = 50 + 45 + 45 * MAX_PROOF_HASHES + 1;
/// The most bytes that a request may have.
pub const MAX_SUBTREE_BODY_BYTES: usize = MAX_HEAD_BYTES + crate::note::MAX_NOTE_BYTES;

/// A request to cosign a subtree, none of it believed yet.
///
/// Shapes:
///
/// ```text
/// subtree 8 13
/// mbsQCg+dEIMGlpqeGgk94JutQwKKS2Lo5IuDhKmDjiU=    the subtree's hash
/// CD82D2LDm0phY0+xKbHyZfq3Hw21lVkuV7Zis5EFg0k=    its consistency proof, at most 63 lines
///
/// example.com/behind-the-sofa                     the reference checkpoint, cosigned by the witness
/// 14
/// /CcKVZM9n65aH7jLaIZuUB4/MSlEFQ4+ldwUC21rDHM=
///
/// — witness.example/w1 ...
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignSubtree {
    /// What is to be cosigned; it ends within the checkpoint's tree.
    pub subtree: Subtree,
    /// Its hash.
    pub hash: Hash,
    /// The proof that its entries are the checkpoint's.
    pub proof: Vec<Hash>,
    /// The reference checkpoint.
    pub note: Note,
}

impl SignSubtree {
    /// Reads a request's body. Encoding it again gives the same bytes.
    ///
    /// # Errors
    /// [`MalformedSubtree`], in the order of its variants.
    pub fn parse(body: &[u8]) -> Result<Self, MalformedSubtree> {
        if body.len() > MAX_SUBTREE_BODY_BYTES {
            return Err(MalformedSubtree::TooLong(body.len()));
        }
        // SPEC: "The subtree range line MUST consist of the string `subtree`, a single space (0x20), the subtree start encoded
        // as an ASCII decimal with no leading zeroes (unless start is zero, in which case the encoding MUST be `0`), a single
        // space (0x20), and the subtree end encoded as an ASCII decimal with no leading zeroes."
        let (range, rest) = line(body).ok_or(MalformedSubtree::Range)?;
        let range = range.strip_prefix("subtree ").and_then(|range| range.split_once(' '));
        let (start, end) = range.ok_or(MalformedSubtree::Range)?;
        let (start, end) = encoding::decimal(start).zip(encoding::decimal(end)).ok_or(MalformedSubtree::Range)?;
        // SPEC: "The subtree hash line MUST be the Merkle Tree hash of the subtree encoded in base64."
        let (hash, mut rest) = line(rest).ok_or(MalformedSubtree::Hash)?;
        let hash = Hash::from_base64(hash).ok_or(MalformedSubtree::Hash)?;
        let mut proof = Vec::new();
        loop {
            let number = proof.len().saturating_add(1);
            let (line, later) = line(rest).ok_or(MalformedSubtree::ProofLine(number))?;
            rest = later;
            if line.is_empty() {
                break;
            }
            // SPEC: "The client MUST NOT send more than 63 consistency proof lines."
            if number > MAX_PROOF_HASHES {
                return Err(MalformedSubtree::TooManyProofLines);
            }
            // SPEC: "Each consistency proof line MUST encode a single hash in base64."
            proof.push(Hash::from_base64(line).ok_or(MalformedSubtree::ProofLine(number))?);
        }
        let note = Note::parse(rest)?;
        let size = Checkpoint::parse(&note.text)?.head.size;
        // SPEC: "The half-open interval `[start, end)` MUST be a valid subtree [...], and end MUST be less than or equal to
        // the checkpoint size."
        let subtree = Subtree::new(start, end)?;
        if end > size {
            return Err(MalformedSubtree::BeyondSize { end, size });
        }
        Ok(Self { subtree, hash, proof, note })
    }

    /// Writes the body.
    pub fn encode(&self) -> Vec<u8> {
        let mut body = format!("subtree {} {}\n{}\n", self.subtree.start(), self.subtree.end(), self.hash);
        for hash in &self.proof {
            body.push_str(&hash.to_base64());
            body.push('\n');
        }
        // Writing to a string cannot fail.
        let _ = write!(body, "\n{}", self.note);
        body.into_bytes()
    }

    /// The origin that the checkpoint claims: which log's it is.
    pub fn origin(&self) -> &str {
        self.note.text.split('\n').next().unwrap_or_default()
    }
}

/// Why a body is no request to cosign a subtree.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MalformedSubtree {
    /// More than [`MAX_SUBTREE_BODY_BYTES`].
    #[error("the body has {0} bytes, at most {MAX_SUBTREE_BODY_BYTES} are read")]
    TooLong(usize),
    /// The first line is not the range.
    #[error("the first line is not \"subtree \" and two decimals without leading zeroes")]
    Range,
    /// The second line is no hash.
    #[error("the second line is not standard base64 of 32 bytes")]
    Hash,
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
    /// The interval is no valid subtree.
    #[error(transparent)]
    NotASubtree(#[from] NotASubtree),
    /// The subtree ends beyond the checkpoint's tree.
    #[error("the subtree ends at {end}, beyond the checkpoint's size {size}")]
    BeyondSize {
        /// Where the subtree ends.
        end: u64,
        /// The checkpoint's size.
        size: u64,
    },
}

/// Why a subtree is not cosigned.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SubtreeRefusal {
    /// The body is no request.
    #[error(transparent)]
    Malformed(#[from] MalformedSubtree),
    /// The consistency proof fails.
    #[error(transparent)]
    Proof(SubtreeConsistencyError),
    /// The log is not known.
    #[error("log {origin:?} is not known here")]
    UnknownOrigin {
        /// The checkpoint's origin.
        origin: String,
    },
    /// A line names a key of the witness and does not verify.
    #[error(transparent)]
    BadCosignature(CosignatureError),
    /// No line is by a key of the witness.
    #[error("no cosignature of this witness on the checkpoint of log {origin:?}")]
    NotCosigned {
        /// The checkpoint's origin.
        origin: String,
    },
}

impl SubtreeRefusal {
    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::Malformed(MalformedSubtree::TooLong(_)) => 413,
            Self::Malformed(_) => 400,
            Self::Proof(_) => 422,
            Self::UnknownOrigin { .. } => 404,
            Self::BadCosignature(_) | Self::NotCosigned { .. } => 403,
        }
    }

    /// The name, stable, for programs and metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed-request",
            Self::Proof(_) => "inconsistent",
            Self::UnknownOrigin { .. } => "unknown-origin",
            Self::BadCosignature(_) => "bad-signature",
            Self::NotCosigned { .. } => "not-cosigned",
        }
    }
}

/// A subtree that may be cosigned, with time 0.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AcceptedSubtree {
    /// Which log's subtree.
    pub origin: String,
    /// What is to be cosigned.
    pub subtree: Subtree,
    /// Its hash.
    pub hash: Hash,
    /// The keys of the witness whose lines were verified, in the order given: those that should sign.
    pub signers: Vec<Vkey>,
}

/// Decides whether to cosign a subtree. Nothing is remembered for it: the checkpoint carries the witness's own word.
///
/// `known` tells whether the witness knows the log of [`SignSubtree::origin`]; `own_keys` are the keys that it cosigns with.
///
/// Cost: two node hashes for each proof line, and a signature verification for each line by an own key.
///
/// # Errors
/// [`SubtreeRefusal`], in the order of its variants, which is the specification's.
pub fn judge_subtree(request: &SignSubtree, known: bool, own_keys: &[Vkey]) -> Result<AcceptedSubtree, SubtreeRefusal> {
    let SignSubtree { subtree, hash, .. } = *request;
    let head = Checkpoint::parse(&request.note.text).map_err(MalformedSubtree::from)?.head;
    // SPEC: "If the Merkle Consistency Proof doesn't verify, the witness MUST respond with a "422 Unprocessable Entity" HTTP
    // status code."
    subtree::verify_consistency(subtree, &hash, &head, &request.proof).map_err(SubtreeRefusal::Proof)?;
    let origin: String = request.origin().into();
    // SPEC: "If the checkpoint origin is unknown, the witness MUST respond with a "404 Not Found" HTTP status code."
    if !known {
        return Err(SubtreeRefusal::UnknownOrigin { origin });
    }
    // SPEC: "The witness MUST verify that the checkpoint includes a valid cosignature from one of its own keys. If the witness
    // can't verify the checkpoint, it MUST respond with a "403 Forbidden" HTTP status code."
    let mut signers = Vec::new();
    for key in own_keys {
        let mut signed = false;
        for line in request.note.signatures.iter().filter(|line| key.made(line)) {
            cosignature::verify(&request.note.text, line, key).map_err(SubtreeRefusal::BadCosignature)?;
            signed = true;
        }
        if signed {
            signers.push(key.clone());
        }
    }
    if signers.is_empty() {
        return Err(SubtreeRefusal::NotCosigned { origin });
    }
    Ok(AcceptedSubtree { origin, subtree, hash, signers })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::{TreeHead, naive};
    use crate::note::{KeyKind, Skey};
    use alloc::{string::ToString as _, vec};

    const ORIGIN: &str = "example.com/log";

    fn skey(seed: u8) -> Skey {
        Skey::from_seed("witness.example/w1", KeyKind::CosignatureEd25519, [seed; 32]).unwrap()
    }

    fn note(size: u64, keys: &[Skey]) -> Note {
        let head = TreeHead { size, root: naive::root(&naive::leaves(size)) };
        let text = Checkpoint::new(ORIGIN, head).to_text();
        let signatures = keys.iter().map(|key| cosignature::sign(&text, 1_795_430_000, key)).collect();
        Note { text, signatures }
    }

    fn request(start: u64, end: u64, size: u64) -> SignSubtree {
        let subtree = Subtree::new(start, end).unwrap();
        let leaves = naive::leaves(size);
        let hash = |start: u64, end: u64| naive::root(&leaves[start as usize..end as usize]);
        let plan = subtree::consistency(subtree, size).unwrap();
        let nodes: Vec<_> =
            plan.nodes().map(|node| hash(node.index << node.level, (node.index + 1) << node.level)).collect();
        let proof = plan.assemble(&nodes).unwrap();
        SignSubtree { subtree, hash: hash(start, end), proof, note: note(size, &[skey(1)]) }
    }

    fn status(request: &SignSubtree, known: bool, keys: &[Skey]) -> (u16, &'static str) {
        let keys: Vec<_> = keys.iter().map(|key| key.vkey().clone()).collect();
        match judge_subtree(request, known, &keys) {
            Ok(_) => (200, ""),
            Err(refusal) => (refusal.status(), refusal.name()),
        }
    }

    #[test]
    fn every_small_subtree_is_accepted_and_none_with_another_hash() {
        for size in 1..=17 {
            for (start, end) in (0..size).flat_map(|start| (start..=size).map(move |end| (start, end))) {
                if Subtree::new(start, end).is_err() {
                    continue;
                }
                let good = request(start, end, size);
                let again = SignSubtree::parse(&good.encode()).unwrap();
                assert_eq!(again, good);
                let accepted = judge_subtree(&again, true, &[skey(1).vkey().clone()]).unwrap();
                let expect = (ORIGIN.into(), good.subtree, good.hash, vec![skey(1).vkey().clone()]);
                assert_eq!((accepted.origin, accepted.subtree, accepted.hash, accepted.signers), expect);
                let other = SignSubtree { hash: Hash([7; 32]), ..good.clone() };
                assert_eq!(status(&other, true, &[skey(1)]), (422, "inconsistent"));
                let surplus = SignSubtree { proof: [good.proof.as_slice(), &[Hash([7; 32])]].concat(), ..good };
                assert_eq!(status(&surplus, true, &[skey(1)]), (422, "inconsistent"));
            }
        }
    }

    #[test]
    fn the_first_condition_gives_the_status() {
        let good = request(8, 13, 14);
        assert_eq!(status(&good, true, &[skey(2), skey(1)]), (200, ""));
        let inconsistent = SignSubtree { hash: Hash([7; 32]), ..good.clone() };
        assert_eq!(status(&inconsistent, false, &[]), (422, "inconsistent"));
        assert_eq!(status(&good, false, &[]), (404, "unknown-origin"));
        assert_eq!(status(&good, true, &[]), (403, "not-cosigned"));
        assert_eq!(status(&good, true, &[skey(2)]), (403, "not-cosigned"));
        let mut broken = good.clone();
        broken.note.signatures[0].bytes[20] ^= 1;
        assert_eq!(status(&broken, true, &[skey(1)]), (403, "bad-signature"));
        // One good line does not make up for a failing one of the same witness.
        let mut both = good.clone();
        both.note.signatures.extend(broken.note.signatures);
        assert_eq!(status(&both, true, &[skey(1)]), (403, "bad-signature"));
        // Lines by others say nothing here.
        let others = SignSubtree { note: note(14, &[skey(3), skey(1)]), ..good.clone() };
        assert_eq!(status(&others, true, &[skey(1)]), (200, ""));
        // The log's own signature is no cosignature, not even under a key that is given as an own one.
        let log = Skey::from_seed(ORIGIN, KeyKind::Ed25519, [1; 32]).unwrap();
        let checkpoint = Checkpoint::parse(&good.note.text).unwrap();
        let signatures = vec![crate::checkpoint::sign(&checkpoint, &log)];
        let by_log = SignSubtree { note: Note { signatures, ..good.note.clone() }, ..good };
        assert_eq!(status(&by_log, true, &[skey(1)]), (403, "not-cosigned"));
        assert_eq!(status(&by_log, true, &[log]), (403, "bad-signature"));
    }

    #[test]
    fn bodies_that_are_refused() {
        let good = request(8, 13, 14);
        let (hash, note) = (good.hash.to_base64(), good.note.to_string());
        let check = |body: String, expect: MalformedSubtree| {
            let malformed = SignSubtree::parse(body.as_bytes()).unwrap_err();
            assert_eq!(malformed, expect, "{body:?}");
            let status = if matches!(expect, MalformedSubtree::TooLong(_)) { 413 } else { 400 };
            let refusal = SubtreeRefusal::from(malformed);
            assert_eq!((refusal.status(), refusal.name()), (status, "malformed-request"));
        };
        let bad_ranges =
            ["", "subtree", "subtree 8", "subtree 8  13", "subtree 08 13", "subtree 8 013", "subtree +8 13", "8 13"];
        for range in bad_ranges.into_iter().chain(["subtree 8 13 ", "subtree 8 13\r", "Subtree 8 13", "subtree 8\t13"])
        {
            check(format!("{range}\n{hash}\n\n{note}"), MalformedSubtree::Range);
        }
        check("subtree 8 13".into(), MalformedSubtree::Range);
        for bad in ["", "x", hash.trim_end_matches('='), &format!("{hash}\r")] {
            check(format!("subtree 8 13\n{bad}\n\n{note}"), MalformedSubtree::Hash);
        }
        check(format!("subtree 8 13\n{hash}\nx\n\n{note}"), MalformedSubtree::ProofLine(1));
        check(format!("subtree 8 13\n{hash}\n{hash}\n"), MalformedSubtree::ProofLine(2));
        let many = format!("{hash}\n").repeat(65);
        check(format!("subtree 8 13\n{many}\n{note}"), MalformedSubtree::TooManyProofLines);
        check(format!("subtree 8 13\n{hash}\n\n"), NoteError::Form.into());
        check(format!("subtree 8 13\n{hash}\n\n\n{note}"), CheckpointError::Form.into());
        for (start, end) in [(7, 9), (8, 8), (9, 8), (1, u64::MAX)] {
            check(format!("subtree {start} {end}\n{hash}\n\n{note}"), NotASubtree { start, end }.into());
        }
        check(format!("subtree 8 15\n{hash}\n\n{note}"), MalformedSubtree::BeyondSize { end: 15, size: 14 });
        let long = MAX_SUBTREE_BODY_BYTES + 1;
        check("x".repeat(long), MalformedSubtree::TooLong(long));
        let most = format!("subtree {m} {m}\n{h}{h}\n", m = u64::MAX, h = format!("{hash}\n").repeat(32));
        assert_eq!(most.len(), MAX_HEAD_BYTES);
    }

    #[test]
    fn one_form_a_request() {
        let good = request(8, 13, 14).encode();
        let keys = [skey(1).vkey().clone()];
        for at in 0..good.len() {
            assert!(SignSubtree::parse(&good[..at]).is_err(), "cut at {at}");
            for value in [0, b'\n', b' ', b'0', b'A', b'=', 0xff] {
                let mut damaged = good.clone();
                damaged[at] = value;
                if let Ok(request) = SignSubtree::parse(&damaged) {
                    assert_eq!(request.encode(), damaged);
                    assert_eq!(judge_subtree(&request, true, &keys).is_ok(), damaged == good, "byte {at} is {value}");
                }
            }
        }
    }
}
