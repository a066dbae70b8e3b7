//! The sequencer: one thread that owns the tree.
//!
//! Its steps, each a function: *collect* the submissions that wait ([`crate::queue`]), *judge* them in index order, *plan* the batch, *commit* it
//! in one synced write, *check* what was stored ([`crate::second_opinion`]), *sign* the head, hand it to the [`crate::publisher`].
//! No timer drives it: it sleeps until a submission comes, and batches are as large as what came meanwhile.
//! Any error of the store ends it, and with it the process: the state on disk is then unknown, and the next start recovers.

use crate::metrics::Metrics;
use crate::plan::{self, Edge};
use crate::queue::{Reply, Sequenced, Submission, Waiting};
use crate::second_opinion;
use crate::store::{Committed, Store, StoreError, View};
use glarus_shell::clock::Clock;
use glarus_shell::keys;
use spec::admission::replay::map_changes;
use spec::admission::signatures::Checked;
use spec::admission::{self, Admission, Refusal, Row, Rows, Stop};
use spec::checkpoint::{self, Checkpoint};
use spec::cosignature;
use spec::map::{self, Tiles};
use spec::note::{KeyKind, Note, Skey};
use spec::record::Record;
use spec::tile;
use std::sync::Arc;
use tokio::sync::watch;

/// A head that is durable, checked and signed, and the rows as they were at it.
pub struct SignedHead {
    /// What was signed.
    pub checkpoint: Checkpoint,
    /// The checkpoint with the log's own signatures.
    pub note: Note,
    /// The rows at this head.
    pub view: View,
}

/// What the sequencer works with. It alone writes admission's rows, entries and tiles.
pub struct Sequencer {
    /// The log's origin.
    pub origin: String,
    /// The rows.
    pub store: Store,
    /// The log's keys, the Ed25519 one first: all sign every checkpoint.
    pub keys: Vec<Skey>,
    /// Unix seconds.
    pub clock: Clock,
    /// The right edge of the tree.
    pub edge: Edge,
    /// What it counts.
    pub metrics: Arc<Metrics>,
}

impl Sequencer {
    /// Takes up the tree where the last commit left it, and signs its head again (the Ed25519 signature is the same, the other
    /// one has the time of now).
    ///
    /// # Errors
    /// [`StoreError`]: the stored tree does not have the stored root, or nothing was committed yet.
    pub fn recover(
        origin: String,
        store: Store,
        keys: Vec<Skey>,
        clock: Clock,
        metrics: Arc<Metrics>,
    ) -> Result<(Self, SignedHead), StoreError> {
        let committed = store.committed()?.ok_or_else(|| StoreError::Damaged("meta head".into()))?;
        let edge = read_edge(&store, &committed)?;
        let last = committed.head.size.saturating_sub(1);
        second_opinion::check(&store, last, &committed)?;
        let sequencer = Self { origin, store, keys, clock, edge, metrics };
        let head = sequencer.sign(&committed);
        Ok((sequencer, head))
    }

    /// Works until the queue is closed and empty.
    ///
    /// # Errors
    /// [`StoreError`]: the process must stop.
    pub fn run(mut self, mut queue: Waiting, heads: &watch::Sender<Arc<SignedHead>>) -> Result<(), StoreError> {
        while let Some(batch) = queue.collect() {
            let records: usize = batch.iter().map(|submission| submission.records.len()).sum();
            self.metrics.batch_size.observe(records as f64);
            let _timer = self.metrics.batch_seconds.start_timer();
            let Judged { entries, rows, answers } = self.judge(batch)?;
            if !entries.is_empty() {
                let head = self.append(entries, rows)?;
                self.metrics.size.set(i64::try_from(head.checkpoint.head.size).unwrap_or(i64::MAX));
                heads.send_replace(Arc::new(head));
            }
            for (reply, answer) in answers {
                // A caller that went away has no use for the answer; the record stays logged.
                let _ = reply.send(answer);
            }
        }
        Ok(())
    }

    /// Decides each record in order; those admitted stand before the rows for those after.
    fn judge(&self, batch: Vec<Submission>) -> Result<Judged, StoreError> {
        let mut rows = self.look_up(&batch)?;
        let mut judged = Judged::default();
        for Submission { records, reply, place } in batch {
            let answers =
                records.into_iter().map(|(record, checked)| self.decide(&record, &checked, &mut rows, &mut judged));
            let answers = answers.collect::<Result<_, _>>()?;
            judged.answers.push((reply, answers));
            drop(place);
        }
        Ok(judged)
    }

    /// Decides a record after those that are judged already.
    fn decide(
        &self,
        record: &Record,
        checked: &Checked,
        rows: &mut Rows,
        judged: &mut Judged,
    ) -> Result<Result<Sequenced, Refusal>, StoreError> {
        // A record may name others of this batch: what that asks for was not known when its rows were looked up.
        self.store.answer(needs_more(record, rows)?, rows)?;
        let index = self.edge.tree.size() + judged.entries.len() as u64;
        match admission::judge(&self.origin, index, record, rows, &|keyid, sig| checked.get(keyid, sig)) {
            Ok(Admission::Known { index }) => Ok(Ok(Sequenced { index, known: true })),
            Ok(Admission::New { entry, rows: new }) => {
                judged.entries.push(entry);
                judged.rows.extend(new.iter().cloned());
                new.into_iter().for_each(|row| rows.put(row));
                Ok(Ok(Sequenced { index, known: false }))
            }
            Err(Stop::Refused(refusal)) => {
                self.metrics.refusals.with_label_values(&[refusal.name()]).inc();
                Ok(Err(refusal))
            }
            Err(Stop::Corrupt(corrupt)) => Err(StoreError::Damaged(corrupt.to_string())),
        }
    }

    /// The rows that the batch needs, in two rounds of one read each.
    fn look_up(&self, batch: &[Submission]) -> Result<Rows, StoreError> {
        let records = || batch.iter().flat_map(|submission| &submission.records).map(|(record, _)| record);
        let mut rows = Rows::default();
        self.store.answer(records().flat_map(admission::needs).collect(), &mut rows)?;
        let mut more = Vec::new();
        for record in records() {
            more.extend(needs_more(record, &rows)?);
        }
        self.store.answer(more, &mut rows)?;
        Ok(rows)
    }

    /// Makes entries part of the tree: plan, commit, check, sign.
    fn append(&mut self, entries: Vec<Vec<u8>>, rows: Vec<Row>) -> Result<SignedHead, StoreError> {
        let tiles = map_tiles(&self.store, &rows)?;
        let planned = plan::plan(&self.edge, entries, rows, tiles, (self.clock)());
        let (batch, committed, edge) = planned.map_err(|missing| StoreError::Damaged(missing.to_string()))?;
        self.store.commit(&batch, &committed)?;
        // From here on the batch is durable.
        second_opinion::check(&self.store, batch.first, &committed)?;
        self.edge = edge;
        Ok(self.sign(&committed))
    }

    fn sign(&self, committed: &Committed) -> SignedHead {
        let checkpoint = Checkpoint::new(&self.origin, committed.head);
        let text = checkpoint.to_text();
        let sign = |key: &Skey| match key.vkey().kind {
            KeyKind::CosignatureMlDsa44 => {
                // Time 0 would be no signature: a clock that shows it is wrong anyway.
                let time = (self.clock)().max(1);
                cosignature::sign_hedged(&text, time, key, &keys::random_seed())
            }
            KeyKind::Ed25519 | KeyKind::CosignatureEd25519 => checkpoint::sign(&checkpoint, key),
        };
        let signatures = self.keys.iter().map(sign).collect();
        let note = Note { text, signatures };
        SignedHead { checkpoint, note, view: self.store.view() }
    }
}

#[derive(Default)]
struct Judged {
    entries: Vec<Vec<u8>>,
    rows: Vec<Row>,
    answers: Vec<(Reply, Vec<Result<Sequenced, Refusal>>)>,
}

fn needs_more(record: &Record, rows: &Rows) -> Result<Vec<admission::Look>, StoreError> {
    admission::needs_more(record, rows).map_err(|corrupt| StoreError::Damaged(corrupt.to_string()))
}

fn map_tiles(store: &Store, rows: &[Row]) -> Result<Tiles, StoreError> {
    let keys: Vec<_> = map_changes(rows).into_iter().map(|(key, _)| key).collect();
    let mut tiles = Tiles::default();
    loop {
        let missing = map::missing(&tiles, &keys);
        if missing.is_empty() {
            return Ok(tiles);
        }
        store.map_tiles(missing, &mut tiles)?;
    }
}

/// Reads the right edge and compares its root with the committed one.
fn read_edge(store: &Store, committed: &Committed) -> Result<Edge, StoreError> {
    let size = committed.head.size;
    let damaged = || StoreError::Damaged(format!("head of size {size}: the stored tiles have another root"));
    let tiles =
        tile::partial(size).map(|(tile, _)| Ok((tile, store.tile(tile)?))).collect::<Result<_, StoreError>>()?;
    let tree = tile::Edge::new(size, tiles).filter(|tree| tree.head() == committed.head).ok_or_else(damaged)?;
    Ok(Edge { tree, time: committed.time })
}

/// Judges a record as entry 0 of a log without rows.
///
/// # Errors
/// Admission's refusal.
pub fn judge_genesis(origin: &str, genesis: &Record) -> Result<(Vec<u8>, Vec<Row>), Stop> {
    match admission::judge(origin, 0, genesis, &Rows::default(), &|_, _| None)? {
        Admission::New { entry, rows } => Ok((entry, rows)),
        Admission::Known { index } => Err(Refusal::Genesis(index).into()),
    }
}

/// Makes the log's first batch: the genesis record and its state entry.
///
/// # Errors
/// [`StoreError`]; the inner error is admission's refusal of the genesis record.
pub fn create(store: &Store, origin: &str, genesis: &Record, now: u64) -> Result<Result<Committed, Stop>, StoreError> {
    let (entry, rows) = match judge_genesis(origin, genesis) {
        Ok(judged) => judged,
        Err(stop) => return Ok(Err(stop)),
    };
    let tiles = map_tiles(store, &rows)?;
    let planned = plan::plan(&Edge::default(), vec![entry], rows, tiles, now);
    let (batch, committed, _) = planned.map_err(|missing| StoreError::Damaged(missing.to_string()))?;
    store.commit(&batch, &committed)?;
    second_opinion::check(store, 0, &committed)?;
    Ok(Ok(committed))
}
