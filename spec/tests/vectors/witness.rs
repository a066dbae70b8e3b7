//! The witness protocol: add-checkpoint and sign-subtree, each row of their tables, and the answers.

use super::format::{C2SP, Vector, base64};
use super::keys::{ORIGIN, TIME, log, log_ml_dsa, note, skey, witness, witness_ml_dsa};
use super::note::{checkpoint_error, note_error, vkeys};
use super::tree::{Tree, largest, lines, other};
use spec::checkpoint::{self as checkpoints, Checkpoint};
use spec::merkle::{Hash, TreeHead, leaf_hash};
use spec::note::{KeyKind, Note, NoteSignature, Skey};
use spec::proof::subtree::Subtree;
use spec::witness::{
    self as protocol, AddCheckpoint, Malformed, MalformedSubtree, Refusal, SignSubtree, SubtreeRefusal,
};
use spec::{cosignature, merkle};

pub fn run(vector: &Vector) -> String {
    match vector.get("format") {
        "add-checkpoint" => add_checkpoint(vector),
        "sign-subtree" => sign_subtree(vector),
        "signature-answer" => match protocol::parse_cosignatures(&vector.body) {
            Ok(_) => "accept".into(),
            Err(error) => note_error(&error).into(),
        },
        "subtree-answer" => subtree_answer(vector),
        "size-answer" => match protocol::parse_size_body(&vector.body) {
            Some(_) => "accept".into(),
            None => "size".into(),
        },
        other => panic!("{}: format {other}", vector.name),
    }
}

pub fn accepts(vector: &Vector, text: &[u8]) -> Option<Vec<u8>> {
    match vector.get("format") {
        "add-checkpoint" => AddCheckpoint::parse(text).ok().map(|request| request.encode()),
        "sign-subtree" => SignSubtree::parse(text).ok().map(|request| request.encode()),
        "signature-answer" | "subtree-answer" => {
            let lines = protocol::parse_cosignatures(text).ok()?;
            Some(lines.iter().map(NoteSignature::to_string).collect::<String>().into_bytes())
        }
        _ => protocol::parse_size_body(text).map(|size| protocol::size_body(size).into_bytes()),
    }
}

/// The head of the checkpoint cosigned last.
fn latest(vector: &Vector) -> Option<TreeHead> {
    let note = vector.find("latest-base64").map(|_| vector.base64("latest-base64"))?;
    Some(Checkpoint::parse(&Note::parse(&note).unwrap().text).unwrap().head)
}

fn add_checkpoint(vector: &Vector) -> String {
    let judged = AddCheckpoint::parse(&vector.body).map_err(Refusal::from).and_then(|request| {
        let keys = if request.origin() == vector.get("origin") { vkeys(vector) } else { Vec::new() };
        protocol::judge(latest(vector).as_ref(), &request, &keys)
    });
    let status = judged.as_ref().map_or_else(Refusal::status, |_| 200);
    assert_eq!(vector.number("status"), u64::from(status), "{}: {judged:?}", vector.name);
    match judged {
        Ok(accepted) => {
            if vector.all("skey").next().is_some() {
                let time = vector.number("time");
                let sign = |key: &str| cosignature::sign(&accepted.note.text, time, &key.parse::<Skey>().unwrap());
                let answer: String = vector.all("skey").map(|key| sign(key).to_string()).collect();
                assert_eq!(vector.base64("answer-base64"), answer.as_bytes(), "{}", vector.name);
            }
            "accept".into()
        }
        Err(refusal) => {
            if let Refusal::OldSize { latest, .. } = refusal {
                assert_eq!(vector.base64("answer-base64"), protocol::size_body(latest).as_bytes());
                assert_eq!(vector.get("content-type"), protocol::SIZE_CONTENT_TYPE);
            }
            assert_eq!(vector.find("reason"), reason(&refusal), "{}", vector.name);
            refusal.name().into()
        }
    }
}

/// What is malformed.
fn reason(refusal: &Refusal) -> Option<&'static str> {
    let Refusal::Malformed(malformed) = refusal else { return None };
    Some(match malformed {
        Malformed::TooLong(_) => "too-long",
        Malformed::OldSize => "old-size-line",
        Malformed::ProofLine(_) => "proof-line",
        Malformed::TooManyProofLines => "too-many-proof-lines",
        Malformed::Note(error) => note_error(error),
        Malformed::Checkpoint(error) => checkpoint_error(error),
    })
}

fn sign_subtree(vector: &Vector) -> String {
    let judged = SignSubtree::parse(&vector.body).map_err(SubtreeRefusal::from).and_then(|request| {
        protocol::judge_subtree(&request, request.origin() == vector.get("origin"), &vkeys(vector))
    });
    let status = judged.as_ref().map_or_else(SubtreeRefusal::status, |_| 200);
    assert_eq!(vector.number("status"), u64::from(status), "{}: {judged:?}", vector.name);
    let refusal = match judged {
        Ok(accepted) => {
            let SignSubtree { subtree, hash, .. } = request_of(vector);
            let keys: Vec<Skey> = vector.all("skey").map(|key| key.parse().unwrap()).collect();
            let keys = keys.iter().filter(|key| key.vkey().kind == KeyKind::CosignatureMlDsa44);
            let sign = |key| cosignature::sign_subtree(&accepted.origin, subtree, &hash, key, &[0; 32]).to_string();
            let answer: String = keys.map(sign).collect();
            assert_eq!(vector.base64("answer-base64"), answer.as_bytes(), "{}", vector.name);
            return "accept".into();
        }
        Err(refusal) => refusal,
    };
    let reason = match &refusal {
        SubtreeRefusal::Malformed(malformed) => Some(match malformed {
            MalformedSubtree::TooLong(_) => "too-long",
            MalformedSubtree::Range => "range-line",
            MalformedSubtree::Hash => "hash-line",
            MalformedSubtree::ProofLine(_) => "proof-line",
            MalformedSubtree::TooManyProofLines => "too-many-proof-lines",
            MalformedSubtree::Note(error) => note_error(error),
            MalformedSubtree::Checkpoint(error) => checkpoint_error(error),
            MalformedSubtree::NotASubtree(_) => "not-a-subtree",
            MalformedSubtree::BeyondSize { .. } => "end-beyond-size",
        }),
        _ => None,
    };
    assert_eq!(vector.find("reason"), reason, "{}", vector.name);
    refusal.name().into()
}

fn request_of(vector: &Vector) -> SignSubtree {
    SignSubtree::parse(&vector.body).unwrap()
}

/// What a client makes of an answer: lines by other keys say nothing, and the others are over the subtree.
fn subtree_answer(vector: &Vector) -> String {
    let [key] = vkeys(vector).try_into().unwrap();
    let subtree = Subtree::new(vector.number("start"), vector.number("end")).unwrap();
    let hash = Hash::from_base64(vector.get("hash")).unwrap();
    let lines = protocol::parse_cosignatures(&vector.body).unwrap();
    let made = lines.iter().find(|line| key.made(line)).unwrap_or(&lines[0]);
    match cosignature::verify_subtree(vector.get("origin"), subtree, &hash, made, &key) {
        Ok(()) => "accept".into(),
        Err(error) => super::cosignature::cosignature_error(&error).into(),
    }
}

pub fn make() -> Vec<Vector> {
    let world = World { tree: Tree::new(14) };
    let subtrees = [world.subtrees(), world.subtrees_refused(), world.subtree_answers()].concat();
    [world.accepted(), world.malformed(), world.refused(), subtrees, answers()].concat()
}

struct World {
    tree: Tree,
}

/// A checkpoint's note with lines by these keys, those of type 0x06 as of [`TIME`].
fn signed(checkpoint: &Checkpoint, keys: &[Skey]) -> Note {
    let text = checkpoint.to_text();
    let line = |key: &Skey| match key.vkey().kind {
        KeyKind::Ed25519 => checkpoints::sign(checkpoint, key),
        KeyKind::CosignatureEd25519 | KeyKind::CosignatureMlDsa44 => cosignature::sign(&text, TIME, key),
    };
    Note { signatures: keys.iter().map(line).collect(), text }
}

fn body(old: u64, proof: &[Hash], note: &Note) -> String {
    format!("old {old}\n{}\n{note}", lines(proof))
}

/// Replaces the text where it stands for the first time; it must stand there.
fn change(body: &str, from: &str, to: &str) -> String {
    assert!(body.contains(from), "{from:?} is not in {body:?}");
    body.replacen(from, to, 1)
}

const ADD: &str = "add-checkpoint";
const SUBTREE: &str = "sign-subtree";

impl World {
    fn note(&self, size: u64) -> Note {
        signed(&self.tree.checkpoint(size), &[log()])
    }

    fn request(&self, old: u64, new: u64) -> String {
        body(old, &self.tree.consistency(old, new), &self.note(new))
    }

    /// What a witness knows: the log with its key, and the checkpoint that it cosigned last.
    fn known(&self, vector: Vector, latest: Option<u64>) -> Vector {
        let vector = vector.with("format", ADD).with("origin", ORIGIN).with("vkey", log().vkey());
        match latest {
            Some(size) => vector.with("latest-base64", base64(self.note(size).to_string().as_bytes())),
            None => vector,
        }
    }

    fn accept(&self, name: &str, latest: Option<u64>, comment: &str, body: impl Into<Vec<u8>>) -> Vector {
        let vector = Vector::accept(name, &format!("{C2SP}tlog-witness.md#{ADD}"), comment, body);
        self.known(vector.with("status", 200), latest)
    }

    fn refuse(
        &self,
        (name, status, expect): (&str, u16, &str),
        latest: Option<u64>,
        comment: &str,
        body: impl Into<Vec<u8>>,
    ) -> Vector {
        let sibling = if latest.is_some() { "advance" } else { "first-checkpoint" };
        let vector = Vector::refuse(name, sibling, expect, &format!("{C2SP}tlog-witness.md#{ADD}"), comment, body);
        self.known(vector.with("status", status), latest)
    }

    fn accepted(&self) -> Vec<Vector> {
        let answered = |vector: Vector, size: u64, keys: &[Skey]| {
            let text = self.tree.checkpoint(size).to_text();
            let answer: String = keys.iter().map(|key| cosignature::sign(&text, TIME, key).to_string()).collect();
            let vector = vector.with_all("skey", keys.iter().map(Skey::to_secret_text)).with("time", TIME);
            vector.with("answer-base64", base64(answer.as_bytes()))
        };
        let by_unknown = NoteSignature { name: ORIGIN.into(), id: 7, bytes: vec![7; 64] };
        let mut with_unknown = self.note(7);
        with_unknown.signatures.insert(0, by_unknown);
        let both = signed(&self.tree.checkpoint(7), &[log(), log_ml_dsa()]);
        let mut extended = self.tree.checkpoint(7);
        extended.extensions = vec!["an extension line".into()];
        let (head, proof) = largest();
        let proof_37 = self.tree.consistency(3, 7);
        vec![
            answered(
                self.accept(
                    "first-checkpoint",
                    None,
                    "For a log of which nothing was cosigned the old size is zero and the proof empty.",
                    self.request(0, 3),
                ),
                3,
                &[witness(1)],
            ),
            answered(
                self.accept(
                    "advance",
                    Some(3),
                    "The witness MUST respond with one or more signature lines, cosignatures by its keys.",
                    self.request(3, 7),
                ),
                7,
                &[witness(1)],
            ),
            answered(
                self.accept(
                    "advance-two-witness-keys",
                    Some(3),
                    "The response has a line a key, and witnesses SHOULD use ML-DSA-44, here without randomness.",
                    self.request(3, 7),
                ),
                7,
                &[witness(1), witness_ml_dsa(1)],
            ),
            self.accept(
                "old-size-power-of-two",
                Some(4),
                "A proof from a size that is a power of two has no hash to start from, for the witness knows it.",
                self.request(4, 7),
            ),
            self.accept(
                "same-head",
                Some(7),
                "The old size MUST be equal to or lower than the checkpoint's, and equal sizes with equal roots agree.",
                self.request(7, 7),
            ),
            self.accept(
                "empty-tree",
                None,
                "A checkpoint of size zero has the root hash of the empty tree.",
                self.request(0, 0),
            ),
            self.accept(
                "from-empty-tree",
                Some(0),
                "The empty tree is consistent with any tree, so no proof is necessary.",
                self.request(0, 7),
            ),
            self.accept(
                "unknown-key-ignored",
                Some(3),
                "The witness MUST ignore signatures from unknown keys.",
                body(3, &proof_37, &with_unknown),
            ),
            self.accept(
                "two-log-keys",
                Some(3),
                "The submitted checkpoint MAY include multiple signatures.",
                body(3, &proof_37, &both),
            )
            .with("vkey", log_ml_dsa().vkey()),
            self.accept(
                "one-of-two-log-keys",
                Some(3),
                "One signature by one of the keys that are trusted for the origin suffices.",
                self.request(3, 7),
            )
            .with("vkey", log_ml_dsa().vkey()),
            self.accept(
                "extension-line",
                Some(3),
                "A checkpoint may have extension lines, and what is signed includes them.",
                body(3, &proof_37, &signed(&extended, &[log()])),
            ),
            self.accept(
                "sixty-three-proof-lines",
                Some(1),
                "The largest tree that a checkpoint can have needs 63 consistency proof lines.",
                body(1, &proof, &signed(&Checkpoint::new(ORIGIN, head), &[log()])),
            ),
        ]
    }

    fn malformed(&self) -> Vec<Vector> {
        let (first, advance) = (self.request(0, 3), self.request(3, 7));
        let one = |name: &str, reason: &str, comment: &str, body: String| {
            let latest = (!body.starts_with("old 0\n")).then_some(3);
            self.refuse((name, 400, "malformed-request"), latest, comment, body).with("reason", reason)
        };
        let old = |name: &str, line: &str, comment: &str| {
            one(name, "old-size-line", comment, change(&advance, "old 3\n", &format!("{line}\n")))
        };
        let hash = self.tree.consistency(3, 7)[0];
        let text = hash.to_base64();
        let proof = |name: &str, line: &str, comment: &str| {
            one(name, "proof-line", comment, change(&advance, &format!("{text}\n"), line))
        };
        let note = |name: &str, reason: &str, comment: &str, from: &str, to: &str| {
            one(name, reason, comment, change(&advance, from, to))
        };
        let trailing_bits = {
            let (head, last) = text.split_at(42);
            let next = char::from(last.as_bytes()[0] + 1);
            format!("{head}{next}=\n")
        };
        let root = self.tree.head(7).root.to_base64();
        let many = body(3, &[other(7); 64], &self.note(7));
        let decimal = "The old size is an ASCII decimal with no leading zeroes";
        let base64 = "Each consistency proof line MUST encode a single hash in base64";
        vec![
            self.refuse(
                ("empty-body", 400, "malformed-request"),
                None,
                "The request body MUST start with an old size line.",
                "",
            )
            .with("reason", "old-size-line"),
            old("no-old-size-line", &text, "The request body MUST start with an old size line."),
            old("old-size-leading-zero", "old 03", &format!("{decimal}.")),
            old("old-size-007", "old 007", &format!("{decimal}.")),
            self.refuse(
                ("old-size-double-zero", 400, "malformed-request"),
                None,
                "If the size is zero, the encoding MUST be 0.",
                change(&first, "old 0\n", "old 00\n"),
            )
            .with("reason", "old-size-line"),
            old("old-size-plus", "old +3", &format!("{decimal}, and without sign.")),
            old("old-size-negative", "old -3", &format!("{decimal}, and without sign.")),
            old("old-size-missing", "old ", &format!("{decimal}, and not empty.")),
            old("old-size-hexadecimal", "old 0x3", &format!("{decimal}.")),
            old("old-size-not-ascii", "old \u{ff13}", &format!("{decimal}, so no fullwidth digit.")),
            old("old-size-beyond-2-64", "old 18446744073709551619", "2^64 + 3 is no size, and not 3 either."),
            old("old-upper-case", "Old 3", "The old size line MUST consist of the string old in lower case."),
            old("old-two-spaces", "old  3", "A single space stands between old and the size."),
            old("old-tab", "old\t3", "A single space (0x20) stands between old and the size."),
            old("old-trailing-space", "old 3 ", "Nothing stands between the size and the newline."),
            old("old-leading-space", " old 3", "Nothing stands before old."),
            old("old-size-line-crlf", "old 3\r", "Each line MUST terminate in a newline character, U+000A alone."),
            old("old-size-twice", "old 3 3", "The old size line has one size."),
            proof("proof-base64-trailing-bits", &trailing_bits, &format!("{base64}, whose unused bits are zero.")),
            proof(
                "proof-base64-without-padding",
                &text.replace("=", "\n"),
                &format!("{base64}, that of RFC 4648 section 4 with padding."),
            ),
            proof("proof-base64-url-safe", &format!("{}\n", base64_url()), &format!("{base64}, not that for URLs.")),
            proof("proof-line-31-bytes", &format!("{}\n", super::format::base64(&[7; 31])), &format!("{base64}.")),
            proof("proof-line-33-bytes", &format!("{}\n", super::format::base64(&[7; 33])), &format!("{base64}.")),
            proof("proof-two-hashes-in-a-line", &format!("{text}{text}\n"), &format!("{base64}.")),
            proof("proof-line-hexadecimal", &format!("{}\n", "07".repeat(32)), &format!("{base64}.")),
            proof("proof-line-trailing-space", &format!("{text} \n"), &format!("{base64}, and nothing else.")),
            proof("proof-line-crlf", &format!("{text}\r\n"), "Each line MUST terminate in U+000A alone."),
            one(
                "sixty-four-proof-lines",
                "too-many-proof-lines",
                "The client MUST NOT send more than 63 consistency proof lines.",
                many,
            ),
            one(
                "no-empty-line",
                "proof-line",
                "The proof lines MUST be followed by an empty line.",
                change(&advance, "\n\n", "\n"),
            ),
            one(
                "nothing-after-proof",
                "proof-line",
                "The proof lines MUST be followed by an empty line.",
                advance.split("\n\n").next().unwrap().to_owned() + "\n",
            ),
            one(
                "no-checkpoint",
                "note-form",
                "The empty line MUST be followed by a checkpoint.",
                advance.split("\n\n").next().unwrap().to_owned() + "\n\n",
            ),
            one(
                "checkpoint-not-signed",
                "note-form",
                "A checkpoint is a note, which has one or more signature lines.",
                advance.rsplit_once("\u{2014}").unwrap().0.into(),
            ),
            one(
                "no-final-newline",
                "note-form",
                "Each line MUST terminate in a newline character.",
                advance.trim_end().into(),
            ),
            one(
                "two-empty-lines",
                "checkpoint-form",
                "One empty line separates proof and checkpoint, and a second begins a checkpoint without origin.",
                change(&advance, "\n\n", "\n\n\n"),
            ),
            note("checkpoint-crlf", "characters", "Notes have no CR.", "\n7\n", "\n7\r\n"),
            note("size-leading-zero", "size", "The tree size has no leading zeroes.", "\n7\n", "\n07\n"),
            note("size-plus", "size", "The tree size has no sign.", "\n7\n", "\n+7\n"),
            note(
                "size-2-63",
                "size",
                "A tree size is at most 2^63-1, so that all languages can count it.",
                "\n7\n",
                "\n9223372036854775808\n",
            ),
            note(
                "size-beyond-2-64",
                "size",
                "A tree size is at most 2^63-1, and 2^64 + 7 is not 7.",
                "\n7\n",
                "\n18446744073709551623\n",
            ),
            note(
                "root-31-bytes",
                "root",
                "The root is one hash of 32 bytes in base64.",
                &root,
                &super::format::base64(&[7; 31]),
            ),
            note(
                "root-without-padding",
                "root",
                "Base64 is that of RFC 4648 section 4 with padding.",
                &root,
                root.trim_end_matches('='),
            ),
        ]
    }

    fn refused(&self) -> Vec<Vector> {
        let advance = |keys: &[Skey]| body(3, &self.tree.consistency(3, 7), &signed(&self.tree.checkpoint(7), keys));
        let foreign = Checkpoint::new("other.example/log", self.tree.head(7));
        let foreign = signed(&foreign, &[skey("other.example/log", KeyKind::Ed25519, 1)]);
        let ours = checkpoints::sign(&self.tree.checkpoint(7), &log());
        let mut failing = ours.clone();
        failing.bytes[63] ^= 1;
        let with_lines = |lines: &[NoteSignature]| {
            let head = format!("old 3\n{}\n", super::tree::lines(&self.tree.consistency(3, 7)));
            head + &note(&self.tree.checkpoint(7).to_text(), lines)
        };
        let of_6 = checkpoints::sign(&self.tree.checkpoint(6), &log());
        let timeless = cosignature::sign(&self.tree.checkpoint(7).to_text(), 0, &log_ml_dsa());
        let with_proof = |proof: &[Hash]| body(3, proof, &self.note(7));
        let with_head = |old: u64, size: u64, root: Hash| {
            let proof = if old < size { self.tree.consistency(old, size) } else { Vec::new() };
            body(old, &proof, &signed(&Checkpoint::new(ORIGIN, TreeHead { size, root }), &[log()]))
        };
        let good = self.tree.consistency(3, 7);
        let (mut wrong, mut swapped) = (good.clone(), good.clone());
        wrong[1] = other(7);
        swapped.swap(0, 1);
        let stale = |name: &str, latest: Option<u64>, old: u64, new: u64, comment: &str| {
            let vector = self.refuse((name, 409, "old-size-not-latest"), latest, comment, self.request(old, new));
            let answer = format!("{}\n", latest.unwrap_or(0));
            vector.with("content-type", "text/x.tlog.size").with("answer-base64", base64(answer.as_bytes()))
        };
        let inconsistent =
            |name: &str, comment: &str, body: String| self.refuse((name, 422, "inconsistent"), Some(3), comment, body);
        let verifies = "If a Merkle Consistency Proof doesn't verify, the status is 422";
        vec![
            self.refuse(
                ("unknown-origin", 404, "unknown-origin"),
                Some(3),
                "If the checkpoint origin is unknown, the witness MUST respond with 404.",
                body(3, &good, &foreign),
            ),
            self.refuse(
                ("not-signed", 403, "not-signed"),
                Some(3),
                "The status is 403 if no signature from a trusted key for the origin is present.",
                advance(&[skey(ORIGIN, KeyKind::Ed25519, 9)]),
            ),
            self.refuse(
                ("signed-by-cosigner-of-log-name", 403, "not-signed"),
                Some(3),
                "A witness whose name is the origin is another key, which is not trusted for the log.",
                advance(&[skey(ORIGIN, KeyKind::CosignatureEd25519, 1)]),
            ),
            self.refuse(
                ("signed-by-name-of-other-log", 403, "not-signed"),
                Some(3),
                "A line by the log's key under another name is a line by an unknown key.",
                advance(&[skey("other.example/log", KeyKind::Ed25519, 1)]),
            ),
            self.refuse(
                ("bad-signature", 403, "bad-signature"),
                Some(3),
                "The status is 403 if a line's key name and ID match a trusted key but the signature fails to verify.",
                with_lines(&[failing.clone()]),
            ),
            self.refuse(
                ("signature-of-other-size", 403, "bad-signature"),
                Some(3),
                "The witness MUST verify the signature over this checkpoint, here it is that of size 6.",
                with_lines(&[of_6]),
            ),
            self.refuse(
                ("good-and-bad-signature", 403, "bad-signature"),
                Some(3),
                "A failing line by a trusted key makes the note malformed, also beside one that verifies.",
                with_lines(&[ours.clone(), failing]),
            ),
            self.refuse(
                ("log-cosignature-without-time", 403, "bad-signature"),
                Some(3),
                "A log's line of type 0x06 with time zero does not say that this was its largest tree.",
                with_lines(&[ours, timeless]),
            )
            .with("vkey", log_ml_dsa().vkey()),
            self.refuse(
                ("old-size-beyond-size", 400, "old-size-beyond-size"),
                Some(7),
                "The old size MUST be equal to or lower than the checkpoint size, otherwise the status is 400.",
                body(7, &[], &self.note(3)),
            ),
            stale(
                "old-size-behind",
                Some(5),
                3,
                7,
                "If the old size isn't the latest cosigned size, the status MUST be 409 and the body that size.",
            ),
            stale("old-size-ahead", Some(3), 5, 7, "The old size MUST match the latest cosigned size, from above too."),
            stale(
                "old-size-zero-to-ask",
                Some(5),
                0,
                7,
                "A client MAY send an old size of zero to obtain the size of the latest cosigned checkpoint.",
            ),
            stale(
                "old-size-of-unknown-head",
                None,
                3,
                7,
                "The latest size is zero if the witness never cosigned a checkpoint for that origin.",
            ),
            stale(
                "old-size-is-size-behind-latest",
                Some(7),
                3,
                3,
                "An earlier checkpoint is not cosigned again, however consistent.",
            ),
            self.refuse(
                ("empty-tree-other-root", 422, "empty-tree-root"),
                None,
                "A checkpoint of size zero MUST have the root of the empty tree, otherwise the status is 422.",
                with_head(0, 0, leaf_hash(b"")),
            ),
            self.refuse(
                ("proof-at-size-zero", 422, "proof-at-size-zero"),
                None,
                "If the old size is zero, the consistency proof MUST be empty, otherwise the status is 422.",
                body(0, &[merkle::empty_root()], &self.note(3)),
            ),
            inconsistent("proof-missing", &format!("{verifies}, an empty one too."), with_proof(&[])),
            inconsistent("proof-short", &format!("{verifies}, here its last hash is missing."), with_proof(&good[..3])),
            inconsistent(
                "proof-surplus",
                &format!("{verifies}, and a proof with a hash too many is none."),
                with_proof(&[good.as_slice(), &[other(7)]].concat()),
            ),
            inconsistent("proof-other-hash", &format!("{verifies}."), with_proof(&wrong)),
            inconsistent(
                "proof-swapped",
                &format!("{verifies}, the order of its hashes included."),
                with_proof(&swapped),
            ),
            inconsistent(
                "new-root-other",
                &format!("{verifies}, here it leads to another root than the checkpoint's."),
                with_head(3, 7, other(7)),
            ),
            inconsistent(
                "proof-from-other-size",
                &format!("{verifies}, here it is the one from size 2."),
                with_proof(&self.tree.consistency(2, 7)),
            ),
            inconsistent(
                "proof-at-equal-size",
                "From a tree to itself the proof of RFC 6962 is empty, so a hash is one too many.",
                body(3, &[other(7)], &self.note(3)),
            ),
            self.refuse(
                ("equal-size-other-root", 422, "other-root"),
                Some(3),
                "If the old size matches the checkpoint size, other roots are answered with 422.",
                with_head(3, 3, other(7)),
            ),
        ]
    }

    /// The request to cosign `[start, end)` of the tree of 14, whose checkpoint these keys signed.
    fn subtree(&self, start: u64, end: u64, keys: &[Skey]) -> String {
        let subtree = Subtree::new(start, end).unwrap();
        let proof = self.tree.subtree_consistency(subtree, 14);
        let (hash, note) = (self.tree.subtree(subtree), signed(&self.tree.checkpoint(14), keys));
        format!("subtree {start} {end}\n{hash}\n{}\n{note}", lines(&proof))
    }

    fn subtrees(&self) -> Vec<Vector> {
        let one = |name: &str, comment: &str, body: String| {
            Vector::accept(name, &format!("{C2SP}tlog-witness.md#{SUBTREE}"), comment, body)
                .with("status", 200)
                .with("format", SUBTREE)
                .with("origin", ORIGIN)
                .with_all("vkey", [witness_ml_dsa(1).vkey(), witness(1).vkey()])
        };
        let one = |name: &str, comment: &str, body: String| {
            let SignSubtree { subtree, hash, .. } = SignSubtree::parse(body.as_bytes()).unwrap();
            let answer = cosignature::sign_subtree(ORIGIN, subtree, &hash, &witness_ml_dsa(1), &[0; 32]).to_string();
            one(name, comment, body)
                .with_all("skey", [witness_ml_dsa(1).to_secret_text(), witness(1).to_secret_text()])
                .with("answer-base64", base64(answer.as_bytes()))
        };
        let own = [witness(1)];
        vec![
            one(
                "subtree",
                "A request for [8, 13) of a tree of 14, with the witness's own cosignature on the checkpoint.",
                self.subtree(8, 13, &[witness_ml_dsa(1)]),
            ),
            one(
                "subtree-whole-tree",
                "The whole tree is a subtree of itself, and its proof is empty.",
                self.subtree(0, 14, &own),
            ),
            one(
                "subtree-one-entry",
                "The subtree of one entry is valid anywhere, and its proof is the entry's inclusion proof.",
                self.subtree(13, 14, &own),
            ),
            one(
                "subtree-from-zero",
                "A start of zero is written 0, and [0, x) is valid for every x.",
                self.subtree(0, 5, &own),
            ),
            one(
                "subtree-second-key",
                "A valid cosignature from one of the witness's own keys suffices.",
                self.subtree(8, 13, &own),
            ),
            one(
                "subtree-other-lines",
                "Lines by the log and by other witnesses say nothing here, though clients SHOULD leave them out.",
                self.subtree(8, 13, &[log(), witness(2), witness(1)]),
            ),
        ]
    }

    /// Answers to the request for [8, 13), by the witness's key of type 0x06.
    fn subtree_answers(&self) -> Vec<Vector> {
        let of = |start: u64, end: u64| {
            let subtree = Subtree::new(start, end).unwrap();
            (subtree, self.tree.subtree(subtree))
        };
        let key = witness_ml_dsa(1);
        let over = |origin: &str, (subtree, hash): (Subtree, Hash)| {
            cosignature::sign_subtree(origin, subtree, &hash, &key, &[0; 32])
        };
        let good = over(ORIGIN, of(8, 13));
        let spec = format!("{C2SP}tlog-witness.md#{SUBTREE}");
        let asked = |vector: Vector, (start, end): (u64, u64), vkey: &Skey| {
            let vector = vector.with("format", "subtree-answer").with("origin", ORIGIN).with("vkey", vkey.vkey());
            vector.with("start", start).with("end", end).with("hash", of(start, end).1)
        };
        let accept = |name: &str, range, comment: &str, lines: &[NoteSignature]| {
            let body: String = lines.iter().map(NoteSignature::to_string).collect();
            asked(Vector::accept(name, &spec, comment, body), range, &key)
        };
        let refuse = |name: &str, expect: &str, comment: &str, line: NoteSignature| {
            asked(Vector::refuse(name, "answer-subtree", expect, &spec, comment, line.to_string()), (8, 13), &key)
        };
        let signed = |time: u64, message: &[u8]| {
            let bytes = [&time.to_be_bytes()[..], &super::cosignature::sign_ml_dsa(message, b"")].concat();
            NoteSignature { bytes, ..good.clone() }
        };
        let message = |time: u64| {
            let checkpoint = Checkpoint::new(ORIGIN, TreeHead { size: 13, root: of(8, 13).1 });
            let mut message = super::cosignature::Message::of(&checkpoint, &key.vkey().name, time);
            message.start = 8;
            message.to_bytes()
        };
        assert_eq!(signed(0, &message(0)), good);
        let mut untimed = good.clone();
        untimed.bytes[7] = 1;
        let small = witness(1);
        let by_small = cosignature::sign_subtree(ORIGIN, of(8, 13).0, &of(8, 13).1, &small, &[0; 32]);
        let whole = cosignature::sign(&self.tree.checkpoint(14).to_text(), TIME, &key);
        let covered = "The message has start, end and hash of the subtree, and the log's origin";
        let by_ed25519 = "The cosignature format MUST support subtree cosigning, which type 0x04 does not.";
        vec![
            accept(
                "answer-subtree",
                (8, 13),
                "A signature line over the subtree, whose time is zero.",
                std::slice::from_ref(&good),
            ),
            accept(
                "answer-subtree-from-zero",
                (0, 5),
                "The time of a subtree that starts at zero is zero here too.",
                &[over(ORIGIN, of(0, 5))],
            ),
            accept(
                "answer-subtree-other-key",
                (8, 13),
                "Lines by unknown keys are ignored.",
                &[by_small.clone(), good.clone()],
            ),
            refuse(
                "answer-subtree-with-time",
                "subtree-time",
                "If start is not zero, the timestamp MUST be zero.",
                signed(TIME, &message(TIME)),
            ),
            refuse(
                "answer-subtree-time-not-signed",
                "subtree-time",
                "The timestamp of an answer MUST be zero.",
                untimed,
            ),
            refuse(
                "answer-subtree-time-signed-alone",
                "bad-signature",
                "The timestamp of the message is that of the line.",
                signed(0, &message(TIME)),
            ),
            refuse(
                "answer-subtree-of-checkpoint",
                "subtree-time",
                "A cosignature of the checkpoint is none of a subtree.",
                whole,
            ),
            refuse(
                "answer-subtree-other-start",
                "bad-signature",
                &format!("{covered}, here another start."),
                over(ORIGIN, (Subtree::new(12, 13).unwrap(), of(8, 13).1)),
            ),
            refuse(
                "answer-subtree-other-end",
                "bad-signature",
                &format!("{covered}, here another end."),
                over(ORIGIN, (Subtree::new(8, 14).unwrap(), of(8, 13).1)),
            ),
            refuse(
                "answer-subtree-other-hash",
                "bad-signature",
                &format!("{covered}, here another hash."),
                over(ORIGIN, (of(8, 13).0, other(7))),
            ),
            refuse(
                "answer-subtree-other-origin",
                "bad-signature",
                &format!("{covered}, here another origin."),
                over("other.example/log", of(8, 13)),
            ),
            refuse(
                "answer-subtree-short",
                "cosignature-length",
                "The signature MUST be a timestamped_signature, so of 2,428 bytes.",
                NoteSignature { bytes: good.bytes[..2427].to_vec(), ..good.clone() },
            ),
            asked(
                Vector::refuse(
                    "answer-subtree-ed25519",
                    "answer-subtree",
                    "other-key",
                    &spec,
                    by_ed25519,
                    by_small.to_string(),
                ),
                (8, 13),
                &small,
            ),
        ]
    }

    fn subtrees_refused(&self) -> Vec<Vector> {
        let one = |(name, status, expect): (&str, u16, &str), comment: &str, body: String| {
            let spec = format!("{C2SP}tlog-witness.md#{SUBTREE}");
            Vector::refuse(name, "subtree-second-key", expect, &spec, comment, body)
                .with("status", status)
                .with("format", SUBTREE)
                .with("origin", ORIGIN)
                .with_all("vkey", [witness_ml_dsa(1).vkey(), witness(1).vkey()])
        };
        let malformed = |name: &str, reason: &str, comment: &str, body: String| {
            one((name, 400, "malformed-request"), comment, body).with("reason", reason)
        };
        let subtree = Subtree::new(8, 13).unwrap();
        let (hash, good) = (self.tree.subtree(subtree), self.tree.subtree_consistency(subtree, 14));
        let valid = self.subtree(8, 13, &[witness(1)]);
        let (range, hash_line) = ("subtree 8 13\n", format!("{hash}\n"));
        let with_range = |name: &str, line: &str, comment: &str| {
            malformed(name, "range-line", comment, change(&valid, range, &format!("{line}\n")))
        };
        let no_subtree = |name: &str, start: u64, end: u64, comment: &str| {
            let line = format!("subtree {start} {end}\n");
            malformed(name, "not-a-subtree", comment, change(&valid, range, &line))
        };
        let with_hash = |name: &str, line: &str, comment: &str| {
            malformed(name, "hash-line", comment, change(&valid, &hash_line, line))
        };
        let with_note = |note: String| format!("{range}{hash_line}{}\n{note}", lines(&good));
        let with_proof = |proof: &[Hash]| {
            format!("{range}{hash_line}{}\n{}", lines(proof), signed(&self.tree.checkpoint(14), &[witness(1)]))
        };
        let text = self.tree.checkpoint(14).to_text();
        let mut failing = cosignature::sign(&text, TIME, &witness(1));
        failing.bytes[71] ^= 1;
        let timeless = cosignature::sign(&text, 0, &witness(1));
        let decimal = "Start and end are ASCII decimals with no leading zeroes";
        let rule = "The interval MUST be a valid subtree";
        let verifies = "If the subtree consistency proof doesn't verify, the witness MUST respond with 422";
        let mut wrong = good.clone();
        wrong[1] = other(7);
        let foreign = signed(&Checkpoint::new("other.example/log", self.tree.head(14)), &[witness(1)]);
        vec![
            malformed("subtree-empty-body", "range-line", "The body MUST start with a subtree range line.", "".into()),
            with_range("subtree-no-end", "subtree 8", "The range line has a start and an end."),
            with_range("subtree-three-numbers", "subtree 8 13 14", "The range line has a start and an end."),
            with_range("subtree-start-leading-zero", "subtree 08 13", &format!("{decimal}.")),
            with_range("subtree-end-leading-zero", "subtree 8 013", &format!("{decimal}.")),
            with_range("subtree-start-plus", "subtree +8 13", &format!("{decimal}, and without sign.")),
            with_range("subtree-two-spaces", "subtree 8  13", "A single space stands between start and end."),
            with_range("subtree-trailing-space", "subtree 8 13 ", "Nothing stands between the end and the newline."),
            with_range("subtree-upper-case", "Subtree 8 13", "The range line MUST start with the string subtree."),
            with_range("subtree-crlf", "subtree 8 13\r", "Each line MUST terminate in U+000A alone."),
            with_range("subtree-end-beyond-2-64", "subtree 8 18446744073709551629", "2^64 + 13 is not 13."),
            malformed(
                "subtree-start-double-zero",
                "range-line",
                "If the start is zero, the encoding MUST be 0.",
                change(&self.subtree(0, 5, &[witness(1)]), "subtree 0 5\n", "subtree 00 5\n"),
            ),
            malformed(
                "subtree-hash-missing",
                "hash-line",
                "A hash line MUST follow the range line.",
                format!("{range}\n{}", signed(&self.tree.checkpoint(14), &[witness(1)])),
            ),
            with_hash(
                "subtree-hash-31-bytes",
                &format!("{}\n", base64(&[7; 31])),
                "The hash line is base64 of a hash.",
            ),
            with_hash(
                "subtree-hash-without-padding",
                &hash_line.replace('=', ""),
                "Base64 is that of RFC 4648 section 4 with padding.",
            ),
            with_hash("subtree-hash-crlf", &format!("{hash}\r\n"), "Each line MUST terminate in U+000A alone."),
            malformed(
                "subtree-proof-line-short",
                "proof-line",
                "Each consistency proof line MUST encode a single hash in base64.",
                change(&valid, &format!("{}\n", good[0]), &format!("{}\n", base64(&[7; 31]))),
            ),
            malformed(
                "subtree-sixty-four-proof-lines",
                "too-many-proof-lines",
                "The client MUST NOT send more than 63 consistency proof lines.",
                with_proof(&[other(7); 64]),
            ),
            malformed(
                "subtree-no-empty-line",
                "proof-line",
                "The proof lines MUST be followed by an empty line.",
                change(&valid, "\n\n", "\n"),
            ),
            malformed(
                "subtree-no-final-newline",
                "note-form",
                "Each line MUST terminate in a newline character.",
                valid.trim_end().into(),
            ),
            malformed(
                "subtree-checkpoint-size-plus",
                "size",
                "The reference checkpoint is a checkpoint, whose size has no sign.",
                change(&valid, "\n14\n", "\n+14\n"),
            ),
            no_subtree("subtree-not-aligned", 7, 9, &format!("{rule}: 7 is no multiple of 2.")),
            no_subtree("subtree-not-aligned-to-rounded-size", 12, 17, &format!("{rule}: 12 is no multiple of 8.")),
            no_subtree("subtree-empty", 8, 8, &format!("{rule}, and an empty interval is none.")),
            no_subtree("subtree-end-before-start", 13, 8, &format!("{rule}, so its end is above its start.")),
            malformed(
                "subtree-beyond-size",
                "end-beyond-size",
                "The end MUST be less than or equal to the checkpoint size.",
                change(&valid, range, "subtree 8 15\n"),
            ),
            one(("subtree-proof-missing", 422, "inconsistent"), &format!("{verifies}."), with_proof(&[])),
            one(("subtree-proof-short", 422, "inconsistent"), &format!("{verifies}."), with_proof(&good[..3])),
            one(
                ("subtree-proof-surplus", 422, "inconsistent"),
                &format!("{verifies}, and one with a hash too many is none."),
                with_proof(&[good.as_slice(), &[other(7)]].concat()),
            ),
            one(("subtree-proof-other-hash", 422, "inconsistent"), &format!("{verifies}."), with_proof(&wrong)),
            one(
                ("subtree-other-hash", 422, "inconsistent"),
                "The hash line MUST be the hash of the subtree.",
                change(&valid, &hash_line, &format!("{}\n", other(7))),
            ),
            one(
                ("subtree-unknown-origin", 404, "unknown-origin"),
                "If the checkpoint origin is unknown, the witness MUST respond with 404.",
                with_note(foreign.to_string()),
            ),
            one(
                ("subtree-not-cosigned", 403, "not-cosigned"),
                "The checkpoint MUST include a valid cosignature from one of the witness's own keys, the log's is none.",
                with_note(signed(&self.tree.checkpoint(14), &[log()]).to_string()),
            ),
            one(
                ("subtree-cosigned-by-other", 403, "not-cosigned"),
                "Another witness's cosignature is none of its own keys'.",
                with_note(signed(&self.tree.checkpoint(14), &[witness(2)]).to_string()),
            ),
            one(
                ("subtree-bad-cosignature", 403, "bad-signature"),
                "If the witness can't verify the checkpoint, it MUST respond with 403.",
                with_note(note(&text, &[failing])),
            ),
            one(
                ("subtree-cosignature-without-time", 403, "bad-signature"),
                "A line with time zero was never made for a checkpoint, so it proves nothing of one.",
                with_note(note(&text, &[timeless])),
            ),
        ]
    }
}

/// A hash with a character that base64 for URLs writes in another way.
fn base64_url() -> String {
    base64(&[0xff; 32]).replace('/', "_")
}

/// What a witness answers, as a client reads it.
fn answers() -> Vec<Vector> {
    let spec = format!("{C2SP}tlog-witness.md#{ADD}");
    let text = super::keys::checkpoint(7).to_text();
    let line = |key: &Skey| cosignature::sign(&text, TIME, key).to_string();
    let (first, large) = (line(&witness(1)), line(&witness_ml_dsa(1)));
    let both = format!("{first}{large}");
    let accept = |name: &str, format: &str, comment: &str, body: &str| {
        Vector::accept(name, &spec, comment, body).with("format", format)
    };
    let refuse = |name: &str, expect: &str, comment: &str, body: &str| {
        Vector::refuse(name, "answer", expect, &spec, comment, body).with("format", "signature-answer")
    };
    let size = |name: &str, comment: &str, body: &str| {
        Vector::refuse(name, "answer-size", "size", &spec, comment, body).with("format", "size-answer")
    };
    let unknown = "\u{2014} other.example AAAAAAA=\n";
    vec![
        accept("answer", "signature-answer", "The body is one or more signature lines, here of two keys.", &both),
        accept(
            "answer-unknown-key",
            "signature-answer",
            "The client MUST ignore any cosignatures from unknown keys, of whatever length.",
            &format!("{unknown}{first}"),
        ),
        refuse("answer-empty", "note-form", "The body MUST be one or more signature lines.", ""),
        refuse(
            "answer-no-final-newline",
            "note-form",
            "Each signature line MUST end with a newline character.",
            both.trim_end(),
        ),
        refuse(
            "answer-hyphen",
            "signature-line",
            "Each signature line MUST start with U+2014.",
            &both.replacen('\u{2014}', "-", 1),
        ),
        refuse(
            "answer-empty-line",
            "signature-line",
            "Nothing but signature lines stands in the body.",
            &format!("{first}\n{large}"),
        ),
        refuse(
            "answer-crlf",
            "signature-line",
            "Each signature line MUST end with U+000A alone.",
            &both.replacen('\n', "\r\n", 1),
        ),
        refuse(
            "answer-whole-note",
            "signature-line",
            "The body has the signature lines alone, without the checkpoint.",
            &format!("{text}\n{both}"),
        ),
        accept("answer-size", "size-answer", "The body of 409 is the size in decimal and a newline.", "7\n"),
        accept("answer-size-zero", "size-answer", "A witness that cosigned nothing yet answers zero.", "0\n"),
        size("answer-size-leading-zero", "A decimal has no leading zeroes.", "07\n"),
        size("answer-size-plus", "A decimal has no sign.", "+7\n"),
        size("answer-size-no-newline", "The size is followed by a newline.", "7"),
        size("answer-size-crlf", "The size is followed by U+000A alone.", "7\r\n"),
        size("answer-size-empty", "The body MUST consist of the size.", "\n"),
        size("answer-size-beyond-2-64", "2^64 + 7 is not 7.", "18446744073709551623\n"),
    ]
}
