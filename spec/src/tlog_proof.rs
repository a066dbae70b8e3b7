#![doc = include_str!("../tlog_proof.md")]

use crate::checkpoint::{self, Checkpoint, OpenError};
use crate::encoding;
use crate::merkle::Hash;
use crate::note::{MAX_NOTE_BYTES, Note, NoteError, Vkey};
use crate::policy::{Evaluation, Name, Policy};
use crate::proof::{self, InclusionError, MAX_PROOF_HASHES};
use alloc::{format, string::String, vec::Vec};

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
    /// Not UTF-8, or no empty line before the checkpoint.
    #[error("a tlog-proof is UTF-8: a header, an index, hashes, an empty line and a checkpoint, each line ended by LF")]
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

fn parse_extra(line: &str) -> Option<Vec<u8>> {
    let text = line.strip_prefix("extra ")?;
    // 4 characters carry at most 3 bytes: refuse long input before decoding it.
    if text.len() > MAX_EXTRA_BYTES.saturating_mul(2) {
        return None;
    }
    encoding::from_base64(text).filter(|extra| (1..=MAX_EXTRA_BYTES).contains(&extra.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::CheckpointError;
    use crate::cosignature;
    use crate::merkle::{TreeHead, leaf_hash, naive};
    use crate::note::{KeyKind, Skey};
    use alloc::{string::ToString as _, vec};

    const ORIGIN: &str = "log.example/updates";
    const SIZE: u64 = 5;

    fn log(origin: &str) -> Skey {
        Skey::from_seed(origin, KeyKind::Ed25519, [1; 32]).unwrap()
    }

    fn witness(n: u8) -> Skey {
        Skey::from_seed(&format!("witness.example/{n}"), KeyKind::CosignatureEd25519, [n + 1; 32]).unwrap()
    }

    /// Two of three witnesses.
    fn policy() -> Policy {
        let mut file = format!("log {}\n", log(ORIGIN).vkey());
        for n in 1..=3 {
            file += &format!("witness w{n} {}\n", witness(n).vkey());
        }
        Policy::parse((file + "group q 2 w1 w2 w3\nquorum q\n").as_bytes()).unwrap()
    }

    fn checkpoint(origin: &str, cosigners: &[u8]) -> Note {
        let head = TreeHead { size: SIZE, root: naive::root(&naive::leaves(SIZE)) };
        let checkpoint = Checkpoint::new(origin, head);
        let text = checkpoint.to_text();
        let mut signatures = vec![checkpoint::sign(&checkpoint, &log(origin))];
        signatures.extend(cosigners.iter().map(|n| cosignature::sign(&text, 1_795_430_000, &witness(*n))));
        Note { text, signatures }
    }

    /// Entry 2 of 5.
    fn example() -> TlogProof {
        let leaves = naive::leaves(SIZE);
        let path = vec![leaves[3], naive::root(&leaves[..2]), leaves[4]];
        TlogProof { extra: Some(b"anything".into()), index: 2, path, checkpoint: checkpoint(ORIGIN, &[1, 3, 2]) }
    }

    fn leaf() -> Hash {
        leaf_hash(&2_u64.to_be_bytes())
    }

    #[test]
    fn keys_of_the_other_algorithm() {
        let large = |name: &str| Skey::from_seed(name, KeyKind::CosignatureMlDsa44, [9; 32]).unwrap();
        let (log, cosigner) = (large(ORIGIN), large("witness.example/1"));
        let mut proof = example();
        let text = proof.checkpoint.text.clone();
        proof.checkpoint.signatures.extend([&log, &cosigner].map(|key| cosignature::sign(&text, 7, key)));
        assert_eq!(TlogProof::parse(proof.to_text().as_bytes()).as_ref(), Ok(&proof));
        proof.verify(&leaf(), &policy(), ORIGIN).unwrap();
        let policy = format!("log {}\nwitness w {}\nquorum w\n", log.vkey(), cosigner.vkey());
        let policy = Policy::parse(policy.as_bytes()).unwrap();
        proof.verify(&leaf(), &policy, ORIGIN).unwrap();
        for (at, refused) in [(4, "Open"), (5, "Quorum")] {
            let mut bad = proof.clone();
            bad.checkpoint.signatures[at].bytes[100] ^= 1;
            let error = format!("{:?}", bad.verify(&leaf(), &policy, ORIGIN).unwrap_err());
            assert!(error.starts_with(refused), "{error}");
        }
        assert!(example().verify(&leaf(), &policy, ORIGIN).is_err());
    }

    #[test]
    fn files_are_written_as_read() {
        let mut proof = example();
        proof.verify(&leaf(), &policy(), ORIGIN).unwrap();
        for extra in [None, Some(vec![0]), Some(vec![7; MAX_EXTRA_BYTES])] {
            for path in [vec![], proof.path.clone(), vec![Hash([255; 32]); MAX_PROOF_HASHES]] {
                for index in [0, 1, u64::MAX] {
                    proof = TlogProof { extra: extra.clone(), index, path: path.clone(), ..proof };
                    assert_eq!(TlogProof::parse(proof.to_text().as_bytes()).as_ref(), Ok(&proof));
                }
            }
        }
        // No extra data is no extra line.
        let none = TlogProof { extra: Some(vec![]), ..example() };
        assert_eq!(none.to_text(), TlogProof { extra: None, ..example() }.to_text());
    }

    #[test]
    fn files_that_are_refused() {
        use TlogProofParseError as Error;
        let hash = Hash([1; 32]).to_base64();
        let note = checkpoint(ORIGIN, &[]).to_string();
        let long = encoding::base64(&[0; MAX_EXTRA_BYTES + 1]);
        let longer = "A".repeat(3 * MAX_EXTRA_BYTES);
        let h = HEADER;
        for (head, error) in [
            (String::new(), Error::Header),
            ("index 0".into(), Error::Header),
            ("c2sp.org/tlog-proof@v2\nindex 0".into(), Error::Header),
            (format!(" {h}\nindex 0"), Error::Header),
            (format!("{h}\r\nindex 0"), Error::Header),
            (h.into(), Error::Index { line: 2 }),
            (format!("{h}\nextra AAAA"), Error::Index { line: 3 }),
            (format!("{h}\n{hash}"), Error::Index { line: 2 }),
            (format!("{h}\nindex"), Error::Index { line: 2 }),
            (format!("{h}\nindex "), Error::Index { line: 2 }),
            (format!("{h}\nindex  0"), Error::Index { line: 2 }),
            (format!("{h}\nindex 01"), Error::Index { line: 2 }),
            (format!("{h}\nindex +1"), Error::Index { line: 2 }),
            (format!("{h}\nindex 0 "), Error::Index { line: 2 }),
            (format!("{h}\nindex 18446744073709551616"), Error::Index { line: 2 }),
            (format!("{h}\nextra AAAA\nextra AAAA\nindex 0"), Error::Index { line: 3 }),
            (format!("{h}\nindex 0\nextra AAAA"), Error::Hash { line: 3 }),
            (format!("{h}\nextra\nindex 0"), Error::Extra),
            (format!("{h}\nextra \nindex 0"), Error::Extra),
            (format!("{h}\nextra AAA\nindex 0"), Error::Extra),
            (format!("{h}\nextra AB==\nindex 0"), Error::Extra),
            (format!("{h}\nextra {long}\nindex 0"), Error::Extra),
            (format!("{h}\nextra {longer}\nindex 0"), Error::Extra),
            (format!("{h}\nindex 0\n{hash}\n {hash}"), Error::Hash { line: 4 }),
            (format!("{h}\nextra AAAA\nindex 0\n{hash}\nAAAA"), Error::Hash { line: 5 }),
            (format!("{h}\nindex 0\n{}", format!("{hash}\n").repeat(64).trim_end()), Error::TooManyHashes),
        ] {
            let file = format!("{head}\n\n{note}");
            assert_eq!(TlogProof::parse(file.as_bytes()), Err(error), "{head}");
        }
        assert_eq!(TlogProof::parse(b""), Err(Error::Form));
        assert_eq!(TlogProof::parse(format!("{h}\nindex 0\n{note}").as_bytes()), Err(Error::Hash { line: 3 }));
        assert_eq!(TlogProof::parse(b"\xff\n\n"), Err(Error::Form));
        assert_eq!(TlogProof::parse(format!("{h}\nindex 0\n\na\n").as_bytes()), Err(Error::Note(NoteError::Form)));
        let bytes = vec![b'a'; MAX_TLOG_PROOF_BYTES + 1];
        assert_eq!(TlogProof::parse(&bytes), Err(Error::TooLong(MAX_TLOG_PROOF_BYTES + 1)));
    }

    #[test]
    fn proofs_that_prove_nothing() {
        let (policy, leaf) = (policy(), leaf());
        let with = |checkpoint| TlogProof { checkpoint, ..example() };
        let of = |proof: &TlogProof| proof.verify(&leaf, &policy, ORIGIN).map(|_| ());
        assert_eq!(of(&example()), Ok(()));
        assert_eq!(of(&with(checkpoint(ORIGIN, &[1, 3]))), Ok(()));

        let unknown = example().verify(&leaf, &policy, "log.example/other").map(|_| ());
        assert_eq!(unknown, Err(TlogProofError::UnknownLog { origin: "log.example/other".into() }));
        let other = TlogProofError::Origin { have: "log.example/other".into(), need: ORIGIN.into() };
        assert_eq!(of(&with(checkpoint("log.example/other", &[1, 2, 3]))), Err(other));
        let mut unsigned = checkpoint(ORIGIN, &[1, 2, 3]);
        unsigned.signatures.remove(0);
        let not_signed = OpenError::NotSigned { origin: ORIGIN.into() };
        assert_eq!(of(&with(unsigned)), Err(TlogProofError::Open(not_signed)));
        let mut grown = checkpoint(ORIGIN, &[1, 2, 3]);
        grown.text = grown.text.replace("\n5\n", "\n6\n");
        assert!(matches!(of(&with(grown)), Err(TlogProofError::Open(OpenError::BadSignature { .. }))));
        let text = Note { text: "a\n".into(), ..checkpoint(ORIGIN, &[]) };
        let no_checkpoint = OpenError::Checkpoint(CheckpointError::Form);
        assert_eq!(of(&with(text)), Err(TlogProofError::Open(no_checkpoint)));

        // A proof line after the empty line belongs to the checkpoint.
        let late =
            Note { text: format!("{}\n\n{}", Hash([1; 32]), checkpoint(ORIGIN, &[]).text), ..example().checkpoint };
        assert!(matches!(of(&with(late)), Err(TlogProofError::Open(OpenError::Checkpoint(_)))));

        let quorum = TlogProofError::Quorum { have: 1, need: 2, lack: vec!["w1".into(), "w3".into()] };
        assert_eq!(quorum.to_string(), "1 of the policy's witnesses cosigned, 2 are needed");
        assert_eq!(of(&with(checkpoint(ORIGIN, &[2, 2, 4]))), Err(quorum));

        let at = |index| TlogProof { index, ..example() };
        let beyond = InclusionError::IndexBeyondSize { index: 5, size: 5 };
        assert_eq!(of(&at(5)), Err(TlogProofError::Inclusion(beyond)));
        for index in [0, 1, 3, 4] {
            assert!(matches!(of(&at(index)), Err(TlogProofError::Inclusion(_))), "{index}");
        }
        let wrong = example().verify(&leaf_hash(b"anything"), &policy, ORIGIN);
        assert!(matches!(wrong, Err(TlogProofError::Inclusion(InclusionError::Root { .. }))));
    }

    #[test]
    fn every_damaged_byte() {
        let (policy, good) = (policy(), example());
        let file = good.to_text().into_bytes();
        let verified = good.verify(&leaf(), &policy, ORIGIN).unwrap();
        let mut accepted = 0;
        for at in 0..file.len() {
            if let Ok(proof) = TlogProof::parse(&file[..at]) {
                assert_eq!(proof.to_text().as_bytes(), &file[..at]);
            }
            for new in [file[at] ^ 1, file[at] ^ 4, file[at] ^ 0x20, file[at] ^ 0x80, b'\n', b' ', b'0', b'A', b'='] {
                let mut damaged = file.clone();
                damaged[at] = new;
                let Ok(proof) = TlogProof::parse(&damaged) else { continue };
                assert_eq!(proof.to_text().as_bytes(), damaged);
                // What still verifies says the same: extra data and one witness's line are all that may differ.
                if let Ok(other) = proof.verify(&leaf(), &policy, ORIGIN) {
                    accepted += u32::from(damaged != file);
                    assert_eq!(other.checkpoint, verified.checkpoint);
                    assert_eq!((proof.index, &proof.path), (good.index, &good.path));
                    assert_eq!(
                        (&proof.checkpoint.text, proof.checkpoint.signatures.first()),
                        (&good.checkpoint.text, good.checkpoint.signatures.first())
                    );
                    assert!(other.evaluation.times.iter().flatten().count() >= 2);
                }
            }
        }
        assert!(accepted > 0);
    }
}
