//! Proofs: inclusion and consistency, of trees and of subtrees. The bytes judged are the proof's hashes, one base64 line each.

use super::format::Vector;
use super::keys::leaf;
use super::tree::{Tree, largest, lines, other};
use spec::merkle::{Hash, TreeHead, empty_root};
use spec::proof::subtree::{self, Subtree, SubtreeConsistencyError, SubtreeInclusionError};
use spec::proof::{self as proofs, ConsistencyError, InclusionError, MAX_PROOF_HASHES};

const TREE_INCLUSION: &str = "https://www.rfc-editor.org/rfc/rfc9162#section-2.1.3";
const TREE_CONSISTENCY: &str = "https://www.rfc-editor.org/rfc/rfc9162#section-2.1.4";
const SUBTREES: &str = "https://datatracker.ietf.org/doc/html/draft-ietf-plants-merkle-tree-certs-03#section-4.";

pub fn run(vector: &Vector) -> String {
    let Some(proof) = read(&vector.body) else { return "proof-line".into() };
    assert!(proof.len() <= MAX_PROOF_HASHES + 1);
    let outcome = match vector.get("format") {
        "inclusion" => {
            let head = TreeHead { size: vector.number("size"), root: hash(vector, "root") };
            proofs::verify_inclusion(&hash(vector, "leaf"), vector.number("index"), &head, &proof)
                .map_err(|error| inclusion_error(&error))
        }
        "consistency" => {
            let old = TreeHead { size: vector.number("old-size"), root: hash(vector, "old-root") };
            let new = TreeHead { size: vector.number("size"), root: hash(vector, "root") };
            proofs::verify_consistency(&old, &new, &proof).map_err(|error| match error {
                ConsistencyError::OldBeyondNew { .. } => "old-size-beyond-size",
                ConsistencyError::Length { .. } => "length",
                ConsistencyError::OldRoot { .. } => "old-root",
                ConsistencyError::NewRoot { .. } => "root",
            })
        }
        "subtree-inclusion" => subtree_inclusion(vector, &proof),
        "subtree-consistency" => subtree_consistency(vector, &proof),
        other => panic!("{}: format {other}", vector.name),
    };
    outcome.err().unwrap_or("accept").into()
}

fn subtree_inclusion(vector: &Vector, proof: &[Hash]) -> Result<(), &'static str> {
    let subtree = Subtree::new(vector.number("start"), vector.number("end")).map_err(|_| "not-a-subtree")?;
    let (leaf, index) = (hash(vector, "leaf"), vector.number("index"));
    subtree::verify_inclusion(&leaf, index, subtree, &hash(vector, "hash"), proof).map_err(|error| match error {
        SubtreeInclusionError::Outside { .. } => "index-outside-subtree",
        SubtreeInclusionError::Proof { error, .. } => inclusion_error(&error),
    })
}

fn subtree_consistency(vector: &Vector, proof: &[Hash]) -> Result<(), &'static str> {
    let subtree = Subtree::new(vector.number("start"), vector.number("end")).map_err(|_| "not-a-subtree")?;
    let head = TreeHead { size: vector.number("size"), root: hash(vector, "root") };
    subtree::verify_consistency(subtree, &hash(vector, "hash"), &head, proof).map_err(|error| match error {
        SubtreeConsistencyError::BeyondSize { .. } => "end-beyond-size",
        SubtreeConsistencyError::Length { .. } => "length",
        SubtreeConsistencyError::Subtree { .. } => "subtree-hash",
        SubtreeConsistencyError::Root { .. } => "root",
    })
}

fn inclusion_error(error: &InclusionError) -> &'static str {
    match error {
        InclusionError::IndexBeyondSize { .. } => "index-beyond-size",
        InclusionError::Length { .. } => "length",
        InclusionError::Root { .. } => "root",
    }
}

fn hash(vector: &Vector, key: &str) -> Hash {
    Hash::from_base64(vector.get(key)).unwrap()
}

/// Reads proof lines.
fn read(body: &[u8]) -> Option<Vec<Hash>> {
    let text = std::str::from_utf8(body).ok()?;
    if text.is_empty() {
        return Some(Vec::new());
    }
    text.strip_suffix('\n')?.split('\n').map(Hash::from_base64).collect()
}

pub fn accepts(_: &Vector, text: &[u8]) -> Option<Vec<u8>> {
    read(text).map(|proof| lines(&proof).into_bytes())
}

pub fn make() -> Vec<Vector> {
    let tree = Tree::new(14);
    [inclusion(&tree), consistency(&tree), subtrees(&tree)].concat()
}

/// The first is accepted, the others are each one change away from it.
struct Family<'a> {
    name: &'a str,
    spec: String,
    format: &'a str,
    inputs: Vec<(&'a str, String)>,
    proof: Vec<Hash>,
}

impl Family<'_> {
    fn with_inputs(&self, vector: Vector, changed: &[(&str, String)]) -> Vector {
        let vector = vector.with("format", self.format);
        self.inputs.iter().fold(vector, |vector, (key, value)| {
            let other = changed.iter().find(|(name, _)| name == key).map(|(_, value)| value);
            vector.with(key, other.unwrap_or(value))
        })
    }

    fn accept(&self, comment: &str) -> Vector {
        self.with_inputs(Vector::accept(self.name, &self.spec, comment, lines(&self.proof)), &[])
    }

    fn refuse(&self, name: &str, expect: &str, comment: &str, changed: &[(&str, String)]) -> Vector {
        let name = format!("{}-{name}", self.format);
        let vector = Vector::refuse(&name, self.name, expect, &self.spec, comment, lines(&self.proof));
        self.with_inputs(vector, changed)
    }

    fn refuse_body(&self, name: &str, expect: &str, comment: &str, body: String) -> Vector {
        Vector { body: body.into(), ..self.refuse(name, expect, comment, &[]) }
    }

    /// What is refused of every proof.
    fn common(&self) -> Vec<Vector> {
        let last = self.proof.len() - 1;
        let (mut wrong, mut swapped) = (self.proof.clone(), self.proof.clone());
        wrong[last] = other(7);
        swapped.swap(0, last);
        let first = self.proof[0].to_base64();
        let text = lines(&self.proof);
        let line = |name: &str, comment: &str, to: &str| {
            self.refuse_body(name, "proof-line", comment, text.replacen(&first, to, 1))
        };
        // Of a consistency proof a wrong hash shows at the old root first, if it stands left of the path.
        let bits = super::format::trailing_bit(&first);
        vec![
            self.refuse_body("empty", "length", "The proof has as many hashes as its tree needs.", String::new()),
            self.refuse_body(
                "short",
                "length",
                "The proof has as many hashes as its tree needs, here the last is missing.",
                lines(&self.proof[..last]),
            ),
            self.refuse_body(
                "surplus",
                "length",
                "The proof has as many hashes as its tree needs, here one is too many.",
                lines(&[self.proof.as_slice(), &[other(7)]].concat()),
            ),
            self.refuse_body(
                "surplus-twice-last",
                "length",
                "The proof has as many hashes as its tree needs, here the last stands twice.",
                lines(&[self.proof.as_slice(), &self.proof[last..]].concat()),
            ),
            line("trailing-bits", "Base64 has one form, in which the bits that carry nothing are zero.", &bits),
            line("without-padding", "Base64 is that of RFC 4648 section 4 with padding.", first.trim_end_matches('=')),
            line("crlf", "Lines end in LF alone.", &format!("{first}\r")),
            line("plus-line", "A hash is 32 bytes of base64, not a number.", "+1"),
            line("leading-space", "White space is no base64.", &format!(" {first}")),
            self.refuse_body(
                "no-final-newline",
                "proof-line",
                "Each hash is followed by LF, the last one too.",
                text.trim_end().into(),
            ),
            self.refuse_body("empty-line", "proof-line", "An empty line is no hash.", format!("\n{text}")),
        ]
    }
}

fn inclusion(tree: &Tree) -> Vec<Vector> {
    let family = |name, index: u64, size: u64| Family {
        name,
        spec: format!("{TREE_INCLUSION}.2"),
        format: "inclusion",
        inputs: vec![
            ("index", index.to_string()),
            ("leaf", leaf(index).to_string()),
            ("size", size.to_string()),
            ("root", tree.head(size).root.to_string()),
        ],
        proof: tree.inclusion(index, size),
    };
    let main = family("inclusion", 5, 7);
    let (head, proof) = largest();
    let large = Family {
        name: "inclusion-largest-tree",
        inputs: vec![
            ("index", "0".into()),
            ("leaf", leaf(0).to_string()),
            ("size", head.size.to_string()),
            ("root", head.root.to_string()),
        ],
        proof,
        ..family("", 0, 1)
    };
    let text = |hash: Hash| hash.to_string();
    let index = |index: u64| [("index", index.to_string())];
    let mut vectors = vec![
        main.accept("The proof has the hashes from the leaf's sibling up to the root's child."),
        family("inclusion-one-entry", 0, 1).accept("In a tree of one entry the root is the leaf and the proof empty."),
        family("inclusion-first", 0, 8).accept("Entry 0 of a complete tree, all siblings to its right."),
        family("inclusion-last", 6, 7).accept("The last entry's path skips levels at which it has no sibling."),
        large.accept("A tree of 2^63-1 entries, the largest that a checkpoint can have, needs 63 hashes."),
        main.refuse("other-leaf", "root", "The leaf is that of entry 4.", &[("leaf", text(leaf(4)))]),
        main.refuse("other-root", "root", "The root is that of size 8.", &[("root", text(tree.head(8).root))]),
        main.refuse("other-index", "root", "The proof of entry 5 does not prove entry 4.", &index(4)),
        main.refuse("index-is-size", "index-beyond-size", "The index is less than the size.", &index(7)),
        main.refuse("index-beyond-size", "index-beyond-size", "The index is less than the size.", &index(8)),
        main.refuse(
            "index-2-63",
            "index-beyond-size",
            "The index is less than the size, however large.",
            &index((1 << 63) | 5),
        ),
        main.refuse(
            "index-largest",
            "index-beyond-size",
            "The index is less than the size, and size minus one does not wrap.",
            &index(u64::MAX),
        ),
        main.refuse("size-zero", "index-beyond-size", "Nothing is in the empty tree.", &[("size", "0".into())]),
        main.refuse("size-other-shape", "length", "In a tree of 6 the path is shorter.", &[("size", "6".into())]),
        main.refuse("hash-other", "root", "A proof with another hash leads to another root.", &[]),
    ];
    let last = vectors.len() - 1;
    let mut wrong = main.proof.clone();
    wrong[1] = other(7);
    vectors[last].body = lines(&wrong).into();
    let surplus = [large.proof.as_slice(), &[other(64)]].concat();
    vectors.push(Vector {
        body: lines(&surplus).into(),
        name: "inclusion-sixty-four-hashes".into(),
        ..large.refuse("", "length", "No tree needs 64 hashes.", &[])
    });
    vectors.extend(main.common());
    vectors
}

fn consistency(tree: &Tree) -> Vec<Vector> {
    let family = |name, old: u64, new: u64| Family {
        name,
        spec: format!("{TREE_CONSISTENCY}.2"),
        format: "consistency",
        inputs: vec![
            ("old-size", old.to_string()),
            ("old-root", tree.head(old).root.to_string()),
            ("size", new.to_string()),
            ("root", tree.head(new).root.to_string()),
        ],
        proof: tree.consistency(old, new),
    };
    let main = family("consistency", 3, 7);
    let (power, equal, empty) =
        (family("consistency-power-of-two", 4, 7), family("consistency-equal", 7, 7), family("consistency-zero", 0, 7));
    let root = |size: u64| ("root", tree.head(size).root.to_string());
    let mut wrong = main.proof.clone();
    wrong[1] = other(7);
    let named = |vector: Vector, sibling: &str| {
        let mut vector = vector;
        vector.headers.iter_mut().filter(|(key, _)| key == "sibling").for_each(|(_, value)| *value = sibling.into());
        vector
    };
    let mut vectors = vec![
        main.accept("The proof starts with the hash of the largest complete subtree that ends the old tree."),
        power.accept("From a power of two the old root itself starts the path, and is not in the proof."),
        equal.accept("From a tree to itself the proof is empty, and the roots are equal."),
        empty.accept("The empty tree is consistent with any tree, and the proof is empty."),
        main.refuse(
            "old-root-other",
            "old-root",
            "The proof leads to the old root.",
            &[("old-root", other(7).to_string())],
        ),
        main.refuse("root-other", "root", "The proof leads to the new root.", &[("root", other(7).to_string())]),
        main.refuse_body("hash-other", "root", "A hash to the right of the path changes the new root.", lines(&wrong)),
        main.refuse(
            "old-beyond-new",
            "old-size-beyond-size",
            "The old size is at most the new one.",
            &[("old-size", "8".into())],
        ),
        main.refuse(
            "old-2-63",
            "old-size-beyond-size",
            "The old size is at most the new one, however large.",
            &[("old-size", (1_u64 << 63).to_string())],
        ),
        main.refuse("old-size-other", "length", "From 1 to 7 the proof is another.", &[("old-size", "1".into())]),
        main.refuse("size-other", "length", "From 3 to 14 the proof is longer.", &[("size", "14".into()), root(14)]),
        named(
            empty.refuse_body(
                "zero-with-proof",
                "length",
                "From size zero the proof is empty, for there is nothing to prove.",
                lines(&[empty_root()]),
            ),
            "consistency-zero",
        ),
        empty.refuse(
            "zero-other-root",
            "old-root",
            "The empty tree's root is SHA-256 of nothing.",
            &[("old-root", other(0).to_string())],
        ),
        equal.refuse_body(
            "equal-with-proof",
            "length",
            "From a tree to itself the proof is empty.",
            lines(&[tree.head(7).root]),
        ),
        equal.refuse("equal-other-root", "old-root", "Equal sizes have equal roots.", &[root(8)]),
        power.refuse_body(
            "power-of-two-with-start",
            "length",
            "From a power of two the old root is not in the proof.",
            lines(&[&[tree.head(4).root], power.proof.as_slice()].concat()),
        ),
    ];
    vectors.extend(main.common());
    vectors
}

fn subtrees(tree: &Tree) -> Vec<Vector> {
    let subtree = Subtree::new(8, 13).unwrap();
    let range = [("start", "8".to_owned()), ("end", "13".to_owned()), ("hash", tree.subtree(subtree).to_string())];
    let inclusion = Family {
        name: "subtree-inclusion",
        spec: format!("{SUBTREES}3"),
        format: "subtree-inclusion",
        inputs: [&[("index", "10".to_owned()), ("leaf", leaf(10).to_string())], range.as_slice()].concat(),
        proof: tree.subtree_inclusion(10, subtree),
    };
    let consistency = |name, start: u64, end: u64| {
        let subtree = Subtree::new(start, end).unwrap();
        Family {
            name,
            spec: format!("{SUBTREES}4"),
            format: "subtree-consistency",
            inputs: vec![
                ("start", start.to_string()),
                ("end", end.to_string()),
                ("hash", tree.subtree(subtree).to_string()),
                ("size", "14".into()),
                ("root", tree.head(14).root.to_string()),
            ],
            proof: tree.subtree_consistency(subtree, 14),
        }
    };
    let main = consistency("subtree-consistency", 8, 13);
    let range = |start: u64, end: u64| [("start", start.to_string()), ("end", end.to_string())];
    let rule = "The start is a multiple of the smallest power of two that is not below the subtree's size";
    let mut vectors = vec![
        inclusion.accept("In a subtree an entry is proved as in a tree of its own, at the index from the start."),
        main.accept("The subtree [8, 13) in a tree of 14."),
        consistency("subtree-consistency-whole", 0, 14).accept("The whole tree needs no proof."),
        consistency("subtree-consistency-one-entry", 13, 14).accept("Of one entry it is the inclusion proof."),
        consistency("subtree-consistency-from-zero", 0, 5).accept("From 0 it is the consistency proof of RFC 6962."),
        inclusion.refuse(
            "index-before",
            "index-outside-subtree",
            "The index is in the subtree.",
            &[("index", "7".into())],
        ),
        inclusion.refuse(
            "index-is-end",
            "index-outside-subtree",
            "The end is the first index that is not in the subtree.",
            &[("index", "13".into())],
        ),
        inclusion.refuse("other-index", "root", "The proof is that of entry 10.", &[("index", "11".into())]),
        inclusion.refuse("other-leaf", "root", "The leaf is that of entry 11.", &[("leaf", leaf(11).to_string())]),
        main.refuse("not-aligned", "not-a-subtree", &format!("{rule}, 7 is none of 8."), &range(7, 13)),
        main.refuse("not-aligned-12", "not-a-subtree", &format!("{rule}, 12 is none of 8."), &range(12, 17)),
        main.refuse("empty-interval", "not-a-subtree", "An empty interval is no subtree here.", &range(8, 8)),
        main.refuse("end-before-start", "not-a-subtree", "The end is above the start.", &range(13, 8)),
        main.refuse("end-beyond-size", "end-beyond-size", "The subtree ends in the tree.", &range(8, 15)),
        main.refuse("other-end", "length", "The proof is that of [8, 13).", &range(8, 12)),
        main.refuse(
            "other-hash",
            "subtree-hash",
            "The proof leads to the subtree's hash.",
            &[("hash", other(7).to_string())],
        ),
        main.refuse("other-root", "root", "The proof leads to the tree's root.", &[("root", other(7).to_string())]),
    ];
    vectors.extend(inclusion.common());
    vectors.extend(main.common());
    vectors
}
