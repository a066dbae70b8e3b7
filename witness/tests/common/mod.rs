//! A log that a test holds in its hand, and the requests that it makes of a witness.
#![allow(dead_code, reason = "each test program uses its own part")]

use bytes::Bytes;
use glarus_shell::http::{Client, Reply};
use spec::checkpoint::{self, Checkpoint};
use spec::merkle::{Frontier, Hash, Node, TreeHead, leaf_hash};
use spec::note::{KeyKind, Note, Skey};
use spec::proof;
use spec::witness::AddCheckpoint;
use std::collections::BTreeMap;

/// The most bytes of an answer that tests read.
pub(crate) const MAX_ANSWER: usize = 1 << 20;

pub(crate) struct Log {
    pub(crate) skey: Skey,
    nodes: BTreeMap<Node, Hash>,
    heads: Vec<TreeHead>,
}

impl Log {
    /// A log of this origin, with heads of up to `size` entries.
    pub(crate) fn new(origin: &str, size: u64) -> Self {
        let skey = Skey::from_seed(origin, KeyKind::Ed25519, [1; 32]).unwrap();
        let (mut nodes, mut tree) = (BTreeMap::new(), Frontier::default());
        let mut heads = vec![tree.head()];
        for entry in 0..size {
            tree.push(leaf_hash(&entry.to_be_bytes()), |node, hash| {
                nodes.insert(node, hash);
            });
            heads.push(tree.head());
        }
        Self { skey, nodes, heads }
    }

    pub(crate) fn origin(&self) -> &str {
        &self.skey.vkey().name
    }

    pub(crate) fn head(&self, size: u64) -> TreeHead {
        self.heads[usize::try_from(size).unwrap()]
    }

    pub(crate) fn signed(&self, head: TreeHead) -> Note {
        let checkpoint = Checkpoint::new(self.origin(), head);
        Note { text: checkpoint.to_text(), signatures: vec![checkpoint::sign(&checkpoint, &self.skey)] }
    }

    pub(crate) fn proof(&self, old: u64, new: u64) -> Vec<Hash> {
        let Some(plan) = proof::consistency(old, new) else { return Vec::new() };
        let hashes: Vec<_> = plan.nodes().map(|node| self.nodes[&node]).collect();
        plan.assemble(&hashes).unwrap()
    }

    /// The request that is right if the witness is at `old`.
    pub(crate) fn request(&self, old: u64, new: u64) -> AddCheckpoint {
        AddCheckpoint { old_size: old, proof: self.proof(old, new), note: self.signed(self.head(new)) }
    }
}

/// Posts a body to a witness.
pub(crate) async fn add(client: &Client, url: &str, body: impl Into<Bytes>) -> Reply {
    client.post(&format!("{url}/add-checkpoint"), "text/plain", body.into(), MAX_ANSWER).await.unwrap()
}

/// Posts a request to a witness; the answer's status and body.
pub(crate) async fn ask(client: &Client, url: &str, request: &AddCheckpoint) -> (u16, String) {
    let reply = add(client, url, request.encode()).await;
    (reply.status, String::from_utf8(reply.body.to_vec()).unwrap())
}
