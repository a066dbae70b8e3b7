//! What is done for a submission before the sequencer: it is read, and its signatures are verified, on any core.
//!
//! None of it runs where requests are answered, for a record may have eighty verifications to make. It runs in pieces of
//! `PIECE` records, no more of them at a time than there are cores, and those of a batch queue a few at a time: so a large
//! batch has all cores, and a single record that comes meanwhile waits for a few pieces and not for the batch.
//!
//! The rows that a submission needs are read for all its records together.

use crate::store::{Store, StoreError};
use axum::body::Bytes;
use spec::admission::signatures::{self, Checked};
use spec::admission::{Corrupt, Family, Look, Rows};
use spec::authority::Authority;
use spec::record::{Digest, Predicate, Record, RecordError};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::thread::available_parallelism;
use tokio::sync::Semaphore;
use tokio::task::{JoinError, spawn_blocking};

/// The records that one core works on before others get their turn: about a millisecond of Ed25519.
const PIECE: usize = 32;

/// A submission that was read, or why it is no record.
pub type Read = Result<(Record, Checked), RecordError>;

/// Why nothing was checked; not the caller's fault.
#[derive(Debug, thiserror::Error)]
pub enum CheckFault {
    /// Rows that cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log is stopping.
    #[error("{0}")]
    Ended(#[from] JoinError),
}

impl From<Corrupt> for CheckFault {
    fn from(corrupt: Corrupt) -> Self {
        StoreError::Damaged(corrupt.to_string()).into()
    }
}

/// Where work that takes its time is done. Clones share it.
#[derive(Clone)]
pub struct Cores {
    number: usize,
    free: Arc<Semaphore>,
}

impl Default for Cores {
    fn default() -> Self {
        let number = available_parallelism().map_or(1, usize::from);
        Self { number, free: Arc::new(Semaphore::new(number)) }
    }
}

impl Cores {
    /// Does a piece of work on a thread that may be kept busy, once a core is free for it.
    ///
    /// # Errors
    /// [`JoinError`]: the process is stopping.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, JoinError> {
        // It is never closed; without a permit the work is done all the same.
        let core = Arc::clone(&self.free).acquire_owned().await.ok();
        let done = spawn_blocking(move || {
            let _core = core;
            work()
        });
        done.await
    }

    /// Does the same to each of many, in pieces, on all cores; the results are in order.
    async fn each<T, U>(
        &self,
        many: Vec<T>,
        work: impl Fn(T) -> U + Clone + Send + 'static,
    ) -> Result<Vec<U>, JoinError>
    where
        T: Send + 'static,
        U: Send + 'static,
    {
        let (mut rest, mut running, mut done) = (many.into_iter(), VecDeque::new(), Vec::new());
        loop {
            let piece: Vec<T> = rest.by_ref().take(PIECE).collect();
            let last = piece.is_empty();
            // One waits while each core has its own.
            while running.len() > if last { 0 } else { self.number } {
                let Some(piece) = running.pop_front() else { break };
                done.extend(piece.await??);
            }
            if last {
                return Ok(done);
            }
            let (cores, work) = (self.clone(), work.clone());
            let run = async move { cores.run(move || piece.into_iter().map(work).collect::<Vec<U>>()).await };
            running.push_back(tokio::spawn(run));
        }
    }
}

/// Reads submissions and verifies their signatures, as far as it is known now whose they may be; what is not, the sequencer
/// verifies.
///
/// # Errors
/// [`CheckFault`].
pub async fn check(cores: &Cores, store: &Store, submissions: Vec<Bytes>) -> Result<Vec<Read>, CheckFault> {
    let store = store.clone();
    if submissions.len() <= PIECE {
        // In one go: no more than others must wait for anyway.
        let all = move || {
            let read: Vec<_> = submissions.iter().map(|bytes| Record::parse_submission(bytes)).collect();
            let known = Known::read(&store, &read)?;
            read.into_iter().map(|record| known.verified(record)).collect()
        };
        return cores.run(all).await?;
    }
    let read = cores.each(submissions, |bytes| Record::parse_submission(&bytes)).await?;
    let looked_up = cores.run(move || Known::read(&store, &read).map(|known| (Arc::new(known), read))).await?;
    let (known, read) = looked_up?;
    cores.each(read, move |record| known.verified(record)).await?.into_iter().collect()
}

/// What is known of the keys that may have signed some records.
struct Known {
    /// The rows that tell whose signatures count.
    rows: Rows,
    /// Whose keys are at hand, by keyid: of the authorities in those rows, and of those among the records.
    authorities: BTreeMap<Digest, Arc<Authority>>,
}

impl Known {
    /// Looks up the rows for all these records, in two rounds of one read each.
    fn read(store: &Store, records: &[Result<Record, RecordError>]) -> Result<Self, CheckFault> {
        let records = || records.iter().flatten();
        let mut rows = Rows::default();
        let mut looks: Vec<Look> = records().flat_map(signatures::needs).collect();
        store.answer(looks.clone(), &mut rows)?;
        for record in records() {
            looks.extend(signatures::needs_more(record, &rows)?);
        }
        looks.sort();
        looks.dedup();
        store.answer(looks.clone(), &mut rows)?;

        let mut found = Vec::new();
        for look in &looks {
            if let Look::Point(Family::Namespaces, namespace) = look
                && let Ok(namespace) = str::from_utf8(namespace)
            {
                found.extend(rows.authority(namespace)?);
            }
        }
        for record in records() {
            if let Predicate::Authority(authority) = &record.statement.predicate {
                found.push(Arc::new(authority.clone()));
            }
        }
        let by_keyid = |authority: Arc<Authority>| {
            authority.keys.keys().map(|keyid| (*keyid, Arc::clone(&authority))).collect::<Vec<_>>()
        };
        Ok(Self { rows, authorities: found.into_iter().flat_map(by_keyid).collect() })
    }

    /// Verifies the signatures of a record.
    fn verified(&self, record: Result<Record, RecordError>) -> Result<Read, CheckFault> {
        let record = match record {
            Ok(record) => record,
            Err(error) => return Ok(Err(error)),
        };
        let mut checked = signatures::check(&record, &self.rows)?;
        if checked == Checked::default() {
            // The rows do not tell yet whose keys count: what it depends on, or the authority, is in the same batch. Then the
            // keys that the signatures name will be asked for.
            let key = |keyid: &Digest| self.authorities.get(keyid)?.keys.get(keyid).cloned();
            checked = signatures::check_named([&record], key).pop().unwrap_or_default();
        }
        Ok(Ok((record, checked)))
    }
}
