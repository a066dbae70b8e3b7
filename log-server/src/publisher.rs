//! The publisher: no checkpoint is shown before a quorum of witnesses cosigned it.
//!
//! It works in rounds. A round is one head, sent to all witnesses at once, each by a task of its own; when the policy is met
//! the cosigned checkpoint is stored, synced, and whoever waits is woken. Then the newest head is the next round. Witnesses
//! that are slow catch up with the round of the day; cosignatures that come after the quorum are merged into the checkpoint.
//! Without a quorum the round stays: the log goes on sequencing, and publishes nothing.

use crate::metrics::Metrics;
use crate::sequencer::SignedHead;
use crate::store::{Store, StoreError};
use crate::witnesses::{Answer, Cosigned, Round, Witness};
use glarus_shell::clock::Clock;
use glarus_shell::http::Client;
use spec::checkpoint::{self, Checkpoint};
use spec::merkle::{Frontier, peaks};
use spec::note::{Note, NoteSignature, Vkey};
use spec::policy::Policy;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

/// A checkpoint that meets the policy, and rows at or after it.
pub struct Published {
    /// What is published.
    pub checkpoint: Checkpoint,
    /// The note, the log's signatures first, then those of the witnesses.
    pub note: Note,
    /// The head whose rows answer questions.
    pub rows: Arc<SignedHead>,
}

impl Published {
    /// Whether the rows of the map are those of this very checkpoint; after a start they may be of a later one, until
    /// the next round ends.
    pub fn has_state(&self) -> bool {
        self.checkpoint.head == self.rows.checkpoint.head
    }
}

/// What the publisher works with.
pub struct Publisher {
    /// The policy whose quorum must hold.
    pub policy: Arc<Policy>,
    /// Where the published checkpoint is kept.
    pub store: Store,
    /// Submission prefixes of the witnesses.
    pub witnesses: Vec<String>,
    /// After this long without a new head the same one is sent again, so that its cosignatures stay young.
    pub refresh: Duration,
    /// Unix seconds.
    pub clock: Clock,
    /// What it counts.
    pub metrics: Arc<Metrics>,
    /// Takes what is published.
    pub published: watch::Sender<Option<Arc<Published>>>,
    /// Told once a quorum has cosigned the head that the log started with.
    pub confirmed: watch::Sender<bool>,
}

/// Reads the checkpoint that was published last, for the rows of a recovered head.
///
/// # Errors
/// [`StoreError::Damaged`]: the stored note is not a checkpoint of this log, or not one of this tree.
pub fn recover(store: &Store, log_keys: &[Vkey], head: &Arc<SignedHead>) -> Result<Option<Arc<Published>>, StoreError> {
    let Some(bytes) = store.published()? else { return Ok(None) };
    let damaged = |why: String| StoreError::Damaged(format!("heads newest: {why}"));
    let note = Note::parse(&bytes).map_err(|error| damaged(error.to_string()))?;
    let checkpoint = checkpoint::open(&note, log_keys).map_err(|error| damaged(error.to_string()))?;
    if checkpoint.head.size > head.checkpoint.head.size {
        let (have, need) = (checkpoint.head, head.checkpoint.head);
        return Err(damaged(format!("the published head ({have}) is larger than the tree ({need})")));
    }
    let size = checkpoint.head.size;
    let frontier = Frontier::new(size, head.view.nodes(peaks(size).into_iter())?);
    if frontier.map(|frontier| frontier.root()) != Some(checkpoint.head.root) {
        return Err(damaged(format!("the tree has another root than the published head ({})", checkpoint.head)));
    }
    Ok(Some(Arc::new(Published { checkpoint, note, rows: Arc::clone(head) })))
}

/// A round under way: the cosignatures so far and their times, by witness of the policy.
struct Open {
    round: Arc<Round>,
    lines: BTreeMap<usize, (u64, NoteSignature)>,
    since: Instant,
    met: bool,
}

impl Open {
    /// Keeps a cosignature that is younger than the one it has; tells whether it does.
    fn keep(&mut self, Cosigned { witness, time, line }: Cosigned) -> bool {
        let younger = self.lines.get(&witness).is_none_or(|(have, _)| *have < time);
        if younger {
            self.lines.insert(witness, (time, line));
        }
        younger
    }
}

impl Publisher {
    /// Runs rounds until the sequencer ends.
    ///
    /// # Errors
    /// [`StoreError`]: the process must stop.
    pub async fn run(self, mut heads: watch::Receiver<Arc<SignedHead>>) -> Result<(), StoreError> {
        // The first round sends the recovered head. What was published before does not count in it: the witnesses must
        // agree now.
        let round = Arc::new(Round { number: 0, head: heads.borrow_and_update().clone() });
        let mut open = Open { round, lines: BTreeMap::new(), since: Instant::now(), met: false };
        let (rounds, _) = watch::channel(Arc::clone(&open.round));
        let (answers, mut inbox) = mpsc::channel(64);
        let client = Client::new();
        for url in &self.witnesses {
            let witness = Witness {
                url: url.clone(),
                client: client.clone(),
                policy: Arc::clone(&self.policy),
                clock: Arc::clone(&self.clock),
                metrics: Arc::clone(&self.metrics),
                old_size: 0,
            };
            tokio::spawn(witness.run(rounds.subscribe(), answers.clone()));
        }
        drop(answers);
        loop {
            let refresh = tokio::time::sleep(self.refresh);
            tokio::select! {
                Some(answer) = inbox.recv() => self.take(&mut open, answer).await?,
                changed = heads.changed(), if open.met => match changed {
                    Ok(()) => open = Self::next_round(&open, heads.borrow_and_update().clone()),
                    Err(_) => return Ok(()),
                },
                () = refresh, if open.met => open = Self::next_round(&open, Arc::clone(&open.round.head)),
            }
            if rounds.borrow().number != open.round.number {
                rounds.send_replace(Arc::clone(&open.round));
            }
        }
    }

    /// The next round; for the same head the cosignatures stay until younger ones replace them.
    fn next_round(last: &Open, head: Arc<SignedHead>) -> Open {
        let same = last.round.head.checkpoint == head.checkpoint;
        let lines = if same { last.lines.clone() } else { BTreeMap::new() };
        let round = Arc::new(Round { number: last.round.number + 1, head });
        Open { round, lines, since: Instant::now(), met: same && last.met }
    }

    /// Takes a witness's answer into the round, and publishes if the policy is met.
    async fn take(&self, open: &mut Open, answer: Answer) -> Result<(), StoreError> {
        if answer.head != open.round.head.checkpoint.head {
            return Ok(());
        }
        let mut new = false;
        for cosigned in answer.lines {
            new |= open.keep(cosigned);
        }
        if !new || !self.policy.quorum_met(|witness| open.lines.contains_key(&witness)) {
            return Ok(());
        }
        let late = open.met;
        if !late {
            self.metrics.quorum_seconds.observe(open.since.elapsed().as_secs_f64());
            open.met = true;
        }
        self.publish(open, late).await
    }

    /// Stores the cosigned checkpoint and wakes whoever waits for it. A late cosignature is not worth a synced write: the
    /// checkpoint without it is durable and meets the policy.
    async fn publish(&self, open: &Open, late: bool) -> Result<(), StoreError> {
        let rows = Arc::clone(&open.round.head);
        let mut note = rows.note.clone();
        note.signatures.extend(open.lines.values().map(|(_, line)| line.clone()));
        let (store, text) = (self.store.clone(), note.to_string());
        if late {
            store.put_published(&text, false)?;
        } else {
            let stored = tokio::task::spawn_blocking(move || store.put_published(&text, true)).await;
            stored.map_err(|error| StoreError::Damaged(format!("heads newest: {error}")))??;
        }
        // From here on the published checkpoint is durable.
        let checkpoint = rows.checkpoint.clone();
        self.metrics.published_size.set(i64::try_from(checkpoint.head.size).unwrap_or(i64::MAX));
        self.published.send_replace(Some(Arc::new(Published { checkpoint, note, rows })));
        self.confirmed.send_if_modified(|confirmed| !std::mem::replace(confirmed, true));
        Ok(())
    }
}
