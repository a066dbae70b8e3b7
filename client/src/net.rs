//! The log over HTTP: submit a record and wait for its quorum, fetch bundles and statuses.
//!
//! Nothing that the log answers is believed because the log says it: a proof must lead from the record to its checkpoint, and
//! whether that checkpoint is worth anything is for [`spec::verdict`] to say, offline.

use bytes::Bytes;
use glarus_shell::http::{Client, ClientError, Reply};
use spec::api::{self, Leading, Outcome, Problem, Submitted, Updates};
use spec::checkpoint::{Checkpoint, CheckpointError};
use spec::merkle::{TreeHead, leaf_hash};
use spec::proof::{self, InclusionError};
use spec::record::{Digest, Kind, MAX_ENTRY_BYTES, Record, RecordError};
use spec::tlog_proof::{MAX_TLOG_PROOF_BYTES, TlogProof, TlogProofParseError};
use std::time::{Duration, Instant};

/// The most bytes of an answer about a record.
const MAX_ANSWER_BYTES: usize = 2 * MAX_TLOG_PROOF_BYTES;
/// How long is waited for one answer; the log itself waits some seconds for its quorum.
const DEADLINE_MS: u64 = 30_000;
/// The waits between one question and the next: from, doubling, to.
const BACKOFF_MS: (u64, u64) = (50, 2_000);

/// Why there is no answer to use.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NetError {
    /// The log refuses: what was asked is wrong.
    #[error("the log refuses, {}: {} (status {})", .0.name, .0.detail, .0.status)]
    Refused(Problem),
    /// The log fails: it may be asked again.
    #[error("the log fails, {}: {} (status {}); try again", .0.name, .0.detail, .0.status)]
    Fault(Problem),
    /// No answer at all.
    #[error("no answer from the log: {0}; if a record was sent, the same command sends the same record again")]
    Client(#[from] ClientError),
    /// Another answer than the API has.
    #[error("the answer of status {status} is not the log's API: {cause}; is the URL right?")]
    Answer {
        /// The status.
        status: u16,
        /// What is wrong.
        cause: String,
    },
    /// The answer proves something else than it should.
    #[error("the log's proof does not hold: {0}; keep the record, and tell the log's operator")]
    Proof(#[from] ProofError),
    /// The record is durable, and no quorum cosigned in time.
    #[error(
        "entry {index} is in the log, but no quorum of witnesses cosigned it within {waited_s} s; the same command asks again"
    )]
    NotCosigned {
        /// The record's index.
        index: u64,
        /// How long was waited.
        waited_s: u64,
    },
}

/// Why a proof is not one of the record.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ProofError {
    /// Not a tlog-proof.
    #[error(transparent)]
    Parse(#[from] TlogProofParseError),
    /// Its note is not a checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// What it says to be the entry is none.
    #[error(transparent)]
    Entry(#[from] RecordError),
    /// Of another index, record or log.
    #[error("it is about {what} {have}, not {need}")]
    Other {
        /// What differs.
        what: &'static str,
        /// What it is about.
        have: String,
        /// What it should be about.
        need: String,
    },
    /// It does not lead from the entry to the root.
    #[error(transparent)]
    Inclusion(#[from] InclusionError),
}

/// A record in the log, under a cosigned checkpoint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Logged {
    /// Its index.
    pub index: u64,
    /// Its id.
    pub id: Digest,
    /// The head of the checkpoint.
    pub head: TreeHead,
    /// Whether it was in the log before.
    pub known: bool,
    /// The tlog-proof.
    pub proof: String,
}

/// A log to ask.
#[derive(Clone, Debug)]
pub struct Log {
    url: String,
    client: Client,
}

impl Log {
    /// The log at a URL, with or without a slash at the end.
    pub fn new(url: &str) -> Self {
        Self { url: url.trim_end_matches('/').into(), client: Client::with_deadline_ms(DEADLINE_MS) }
    }

    /// Submits a record and waits until a quorum cosigned a checkpoint that it is under.
    ///
    /// Asking twice is harmless: the same record has one index.
    ///
    /// # Errors
    /// [`NetError`]; after [`NetError::Refused`] the record is not in the log, after the others it may be.
    pub async fn submit(&self, envelope: &[u8], record: &Record, wait: Duration) -> Result<Logged, NetError> {
        let mut pace = Pace::new(wait);
        let url = format!("{}{}?wait=cosigned&proof=1", self.url, api::RECORDS);
        let reply = loop {
            let body = Bytes::copy_from_slice(envelope);
            let reply = self.client.post(&url, api::JSON, body, MAX_ANSWER_BYTES).await?;
            // A full queue took nothing, and what a stopping log took it answers again.
            if reply.status != 503 || !pace.rest().await {
                break reply;
            }
        };
        let submitted = match reply.status {
            200..=202 => Submitted::parse(&reply.body).map_err(|error| answer(&reply, &error))?,
            _ => return Err(problem(&reply)),
        };
        let path = reply.location.unwrap_or_else(|| api::proof_path(submitted.index));
        self.logged(submitted, reply.status == 200, envelope, record, &path, &mut pace).await
    }

    /// Submits records together, to be judged in their order: so each may name those before it. Waits until a quorum cosigned a
    /// checkpoint that all those are under that the log takes; those that it refuses are answered in their places.
    ///
    /// More than one batch can have are sent as several, one after the other.
    ///
    /// Asking twice is harmless: the same record has one index.
    ///
    /// # Errors
    /// [`NetError`]; after [`NetError::Refused`] nothing of the batch under way is in the log, after the others any of it may be.
    pub async fn submit_batch(
        &self,
        envelopes: &[Vec<u8>],
        wait: Duration,
    ) -> Result<Vec<Result<Logged, Problem>>, NetError> {
        let mut pace = Pace::new(wait);
        let mut logged = Vec::new();
        let mut rest = envelopes;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(one_batch(rest));
            for (envelope, outcome) in now.iter().zip(self.outcomes(now, &mut pace).await?) {
                logged.push(match outcome {
                    Outcome::Refused(problem) => Err(problem),
                    Outcome::Taken { status, submitted } => {
                        let record = Record::parse_submission(envelope).map_err(ProofError::Entry)?;
                        let path = api::proof_path(submitted.index);
                        Ok(self.logged(submitted, status == 200, envelope, &record, &path, &mut pace).await?)
                    }
                });
            }
            rest = later;
        }
        Ok(logged)
    }

    /// Sends one batch; as many outcomes as envelopes.
    async fn outcomes(&self, envelopes: &[Vec<u8>], pace: &mut Pace) -> Result<Vec<Outcome>, NetError> {
        let url = format!("{}{}?wait=cosigned&proof=1", self.url, api::BATCH);
        let body = Bytes::from(api::batch(envelopes.iter().map(Vec::as_slice)));
        let reply = loop {
            let reply = self.client.post(&url, api::NDJSON, body.clone(), api::MAX_BATCH_ANSWER_BYTES).await?;
            if reply.status != 503 || !pace.rest().await {
                break reply;
            }
        };
        if reply.status != 200 {
            return Err(problem(&reply));
        }
        let outcomes = api::parse_batch(&reply.body).map_err(|error| answer(&reply, &error))?;
        if outcomes.len() != envelopes.len() {
            let (have, need) = (outcomes.len(), envelopes.len());
            return Err(answer(&reply, &format!("it has {have} lines for {need} records")));
        }
        Ok(outcomes)
    }

    /// Checks what the log says of a record that it took; a proof that it did not send, or that is of an entry with other
    /// signatures, is asked for.
    async fn logged(
        &self,
        submitted: Submitted,
        known: bool,
        envelope: &[u8],
        record: &Record,
        path: &str,
        pace: &mut Pace,
    ) -> Result<Logged, NetError> {
        expect("record", submitted.id, record.id)?;
        let (index, id) = (submitted.index, submitted.id);
        if let Some(proof) = submitted.proof
            && let Ok(head) = check_proof(&proof, index, record, Some(envelope))
        {
            return Ok(Logged { index, id, head, known, proof });
        }
        let proof = self.proof(path, index, pace).await?;
        let head = check_proof(&proof, index, record, None)?;
        Ok(Logged { index, id, head, known, proof })
    }

    /// Asks for a proof until it is there.
    async fn proof(&self, path: &str, index: u64, pace: &mut Pace) -> Result<String, NetError> {
        let url = if path.starts_with('/') { format!("{}{path}", self.url) } else { path.into() };
        loop {
            let reply = self.client.get(&url, MAX_ANSWER_BYTES).await?;
            match reply.status {
                200 => return String::from_utf8(reply.body.to_vec()).map_err(|error| answer(&reply, &error)),
                // Not published yet.
                404 | 503 if pace.rest().await => {}
                404 | 503 => return Err(NetError::NotCosigned { index, waited_s: pace.limit.as_secs() }),
                _ => return Err(problem(&reply)),
            }
        }
    }

    /// Fetches a record by its id.
    ///
    /// # Errors
    /// [`NetError`]; a record of another id is none.
    pub async fn record(&self, id: &Digest, wait: Duration) -> Result<Record, NetError> {
        let entry = self.get(&api::record_path(id), MAX_ENTRY_BYTES, wait).await?;
        let record = Record::parse_entry(&entry).map_err(ProofError::Entry)?;
        expect("record", record.id, *id)?;
        Ok(record)
    }

    /// Asks which updates of a product carry a file; what the log answers is not proved, and the log judges by the same rows.
    ///
    /// # Errors
    /// [`NetError`].
    pub async fn updates(&self, sha256: &Digest, product: &str, wait: Duration) -> Result<Updates, NetError> {
        let body = self.get(&api::updates_path(sha256, product), MAX_ANSWER_BYTES, wait).await?;
        Updates::parse(&body).map_err(|error| NetError::Answer { status: 200, cause: error.to_string() })
    }

    /// Asks for the source or the build that has a digest and leads to a product, by its id; unproved, as [`Log::updates`].
    ///
    /// # Errors
    /// [`NetError`].
    pub async fn leading(
        &self,
        kind: Kind,
        sha256: &Digest,
        product: &str,
        wait: Duration,
    ) -> Result<Option<Digest>, NetError> {
        let body = self.get(&api::leading_path(kind, sha256, product), MAX_ANSWER_BYTES, wait).await?;
        let leading =
            Leading::parse(&body).map_err(|error| NetError::Answer { status: 200, cause: error.to_string() })?;
        Ok(leading.0.map(|(_, id)| id))
    }

    /// Asks what the state map has for a key, unproved; `None` where it has nothing.
    ///
    /// # Errors
    /// [`NetError`].
    pub async fn state(&self, key: &str, wait: Duration) -> Result<Option<String>, NetError> {
        match self.get(&api::state_path(key), MAX_ANSWER_BYTES, wait).await {
            Ok(body) => Ok(Some(String::from_utf8_lossy(&body).into())),
            Err(NetError::Refused(problem)) if problem.status == 404 => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Fetches what stands under a path of [`api`]; while the log says that it has nothing to show yet, for up to `wait`.
    ///
    /// # Errors
    /// [`NetError`].
    pub async fn get(&self, path: &str, max_bytes: usize, wait: Duration) -> Result<Bytes, NetError> {
        let mut pace = Pace::new(wait);
        loop {
            let reply = self.client.get(&format!("{}{path}", self.url), max_bytes).await?;
            match reply.status {
                200 => return Ok(reply.body),
                503 if pace.rest().await => {}
                _ => return Err(problem(&reply)),
            }
        }
    }
}

/// How many of these one batch can have; at least one, whatever its length: the log says what is wrong with it.
fn one_batch(envelopes: &[Vec<u8>]) -> usize {
    let mut bytes = 0;
    let fits = envelopes.iter().take(api::MAX_BATCH).take_while(|envelope| {
        bytes += envelope.len() + 1;
        bytes <= api::MAX_BATCH_BYTES
    });
    fits.count().max(1)
}

/// When to ask again, and when not any more.
struct Pace {
    limit: Duration,
    until: Instant,
    next_ms: u64,
}

impl Pace {
    fn new(limit: Duration) -> Self {
        Self { limit, until: Instant::now() + limit, next_ms: BACKOFF_MS.0 }
    }

    /// Waits a little; false once the time is over.
    async fn rest(&mut self) -> bool {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        tokio::time::sleep(left.min(Duration::from_millis(self.next_ms))).await;
        self.next_ms = (2 * self.next_ms).min(BACKOFF_MS.1);
        true
    }
}

/// Checks that a proof leads from a record to the checkpoint that it carries, and returns the head of that.
///
/// The entry is the proof's extra data, else `envelope`. Signatures and cosignatures are not judged here.
///
/// # Errors
/// [`ProofError`].
pub fn check_proof(proof: &str, index: u64, record: &Record, envelope: Option<&[u8]>) -> Result<TreeHead, ProofError> {
    let proof = TlogProof::parse(proof.as_bytes())?;
    let entry = proof.extra.as_deref().or(envelope).unwrap_or_default();
    expect("record", Record::parse_entry(entry)?.id, record.id)?;
    expect("index", proof.index, index)?;
    let checkpoint = Checkpoint::parse(&proof.checkpoint.text)?;
    if let Some(log) = record.log() {
        expect("log", checkpoint.origin.as_str(), log)?;
    }
    proof::verify_inclusion(&leaf_hash(entry), index, &checkpoint.head, &proof.path)?;
    Ok(checkpoint.head)
}

fn expect<T: PartialEq + ToString>(what: &'static str, have: T, need: T) -> Result<(), ProofError> {
    match have == need {
        true => Ok(()),
        false => Err(ProofError::Other { what, have: have.to_string(), need: need.to_string() }),
    }
}

fn answer(reply: &Reply, cause: &dyn std::fmt::Display) -> NetError {
    NetError::Answer { status: reply.status, cause: cause.to_string() }
}

fn problem(reply: &Reply) -> NetError {
    match Problem::parse(&reply.body) {
        Err(_) => answer(reply, &"no problem details"),
        Ok(problem) if reply.status < 500 => NetError::Refused(problem),
        Ok(problem) => NetError::Fault(problem),
    }
}
