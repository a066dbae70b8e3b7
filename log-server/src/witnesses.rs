//! The log's side of the witness protocol: one task a witness, which always works on the round of the day.

use crate::metrics::Metrics;
use crate::sequencer::SignedHead;
use crate::store::StoreError;
use bytes::Bytes;
use glarus_shell::clock::Clock;
use glarus_shell::http::{Client, ClientError};
use spec::cosignature;
use spec::merkle::TreeHead;
use spec::note::{NoteError, NoteSignature};
use spec::policy::{MAX_AHEAD_S, Policy, PolicyWitness};
use spec::proof;
use spec::witness::{self, AddCheckpoint};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// The most bytes of a witness's answer that are read.
const MAX_ANSWER_BYTES: usize = 64 << 10;
/// How often a witness may correct our idea of its size within one request.
const MAX_CORRECTIONS: usize = 3;
/// The first and the longest pause after a failure.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// A head that all witnesses are asked to cosign.
pub struct Round {
    /// Counts rounds; a refresh is a new round of the same head.
    pub number: u64,
    /// The head.
    pub head: Arc<SignedHead>,
}

/// What a witness answered.
pub struct Answer {
    /// The head that it was asked about.
    pub head: TreeHead,
    /// The lines that are valid cosignatures of it, by witnesses of the policy.
    pub lines: Vec<Cosigned>,
}

/// A valid cosignature.
#[derive(Clone)]
pub struct Cosigned {
    /// Which witness of the policy made it.
    pub witness: usize,
    /// When, in Unix seconds.
    pub time: u64,
    /// The line.
    pub line: NoteSignature,
}

/// Why a witness gave no cosignature.
#[derive(Debug, thiserror::Error)]
enum WitnessError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("it answered {status}: {body}")]
    Refused { status: u16, body: String },
    #[error(
        "it has seen more of this log than the log itself, size {have} against {size}: was an old copy of the database restored? \
         Do not go on with it: bring back the newest one"
    )]
    Ahead { have: u64, size: u64 },
    #[error("its answer is not signature lines: {0}")]
    Lines(#[from] NoteError),
    #[error("its answer 409 is not a size")]
    Form,
    #[error("it changed its size {MAX_CORRECTIONS} times in a row")]
    Unsteady,
}

/// One witness.
pub struct Witness {
    /// Its submission prefix.
    pub url: String,
    /// For requests to it.
    pub client: Client,
    /// Whose keys count.
    pub policy: Arc<Policy>,
    /// Unix seconds.
    pub clock: Clock,
    /// What it counts.
    pub metrics: Arc<Metrics>,
    /// The size that it cosigned last as far as we know; 0 while we know nothing: its first answer tells.
    pub old_size: u64,
}

impl Witness {
    /// Asks for each round, the newest first, until the publisher ends.
    pub async fn run(mut self, mut rounds: watch::Receiver<Arc<Round>>, answers: mpsc::Sender<Answer>) {
        let mut pause = PAUSES.0;
        loop {
            let round = Arc::clone(&rounds.borrow_and_update());
            match self.ask(&round.head).await {
                Ok(lines) => {
                    self.count("cosigned");
                    self.metrics
                        .witness_size
                        .with_label_values(&[&self.url])
                        .set(i64::try_from(self.old_size).unwrap_or(0));
                    pause = PAUSES.0;
                    let head = round.head.checkpoint.head;
                    let lines = self.verified(&round.head.note.text, lines);
                    if answers.send(Answer { head, lines }).await.is_err() || rounds.changed().await.is_err() {
                        return;
                    }
                }
                Err(error) => {
                    self.count("failed");
                    tracing::warn!(witness = %self.url, %error, retry_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX), "no cosignature");
                    // The only timer here: a witness that fails is not asked again at once.
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSES.1);
                    if answers.is_closed() {
                        return;
                    }
                }
            }
        }
    }

    /// The lines that are cosignatures of `text` by witnesses of the policy, of a time that clients will count. Verified here,
    /// in the task of each witness, and not where all answers meet: an ML-DSA-44 signature takes its time.
    fn verified(&self, text: &str, lines: Vec<NoteSignature>) -> Vec<Cosigned> {
        let latest = (self.clock)().saturating_add(MAX_AHEAD_S);
        let mut cosigned = Vec::new();
        for line in lines {
            for (witness, PolicyWitness { vkey, .. }) in self.policy.witnesses().iter().enumerate() {
                if !vkey.made(&line) {
                    continue;
                }
                match cosignature::verify(text, &line, vkey) {
                    Ok(time) if time > latest => {
                        tracing::warn!(witness = %vkey.name, time, latest, "a cosignature from the future does not count");
                    }
                    Ok(time) => cosigned.push(Cosigned { witness, time, line: line.clone() }),
                    Err(error) => tracing::warn!(witness = %vkey.name, %error, "a cosignature that is none"),
                }
            }
        }
        cosigned
    }

    fn count(&self, outcome: &str) {
        self.metrics.witness_answers.with_label_values(&[&self.url, outcome]).inc();
    }

    /// Sends the head with a proof from the size that the witness has, which it corrects if we are wrong.
    async fn ask(&mut self, head: &SignedHead) -> Result<Vec<NoteSignature>, WitnessError> {
        let size = head.checkpoint.head.size;
        for _ in 0..MAX_CORRECTIONS {
            let body = Bytes::from(self.request(head)?.encode());
            let url = format!("{}/add-checkpoint", self.url.trim_end_matches('/'));
            let reply = self.client.post(&url, "text/plain; charset=utf-8", body, MAX_ANSWER_BYTES).await?;
            match reply.status {
                200 => {
                    self.old_size = size;
                    return Ok(witness::parse_cosignatures(&reply.body)?);
                }
                409 if reply.content_type.as_deref() == Some(witness::SIZE_CONTENT_TYPE) => {
                    let have = witness::parse_size_body(&reply.body).ok_or(WitnessError::Form)?;
                    if have > size {
                        return Err(WitnessError::Ahead { have, size });
                    }
                    self.old_size = have;
                }
                status => {
                    let body = String::from_utf8_lossy(&reply.body).chars().take(300).collect();
                    return Err(WitnessError::Refused { status, body });
                }
            }
        }
        Err(WitnessError::Unsteady)
    }

    fn request(&self, head: &SignedHead) -> Result<AddCheckpoint, WitnessError> {
        let size = head.checkpoint.head.size;
        let old_size = self.old_size.min(size);
        let damaged = || StoreError::Damaged(format!("consistency of sizes {old_size} and {size}"));
        let plan = proof::consistency(old_size, size).ok_or_else(damaged)?;
        let hashes = head.view.nodes(plan.nodes())?;
        Ok(AddCheckpoint { old_size, proof: plan.assemble(&hashes).ok_or_else(damaged)?, note: head.note.clone() })
    }
}
