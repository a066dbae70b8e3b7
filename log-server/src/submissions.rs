//! Records that come in over HTTP, one a request or many: read and checked, given to the sequencer, and answered once the
//! submitter's wish is fulfilled or the time for it is over.

use crate::bundles;
use crate::check::{self, CheckFault, Read};
use crate::http::{Answer, Api, Refused, answer, read_query};
use crate::publisher::Published;
use crate::queue::{NoPlace, Place, Sequenced, Submission};
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use glarus_shell::http::pieces;
use spec::admission::Refusal;
use spec::api::{self, BatchError, MAX_BATCH_ANSWER_BYTES, Outcome, Problem, Submitted};
use spec::merkle::{Hash, TreeHead};
use spec::note::Note;
use spec::record::{Digest, RecordError};
use spec::tlog_proof::TlogProof;
use std::sync::Arc;
use std::time::Duration;
use std::vec;
use tokio::sync::oneshot;
use tokio::task::JoinError;

/// Proofs go into the answer to a batch as long as it is shorter: so there is room for one more, and for all lines without.
const ROOM_FOR_PROOFS_BYTES: usize = MAX_BATCH_ANSWER_BYTES / 2;

impl From<RecordError> for Refused {
    fn from(error: RecordError) -> Self {
        Self::new(error.status(), error.name(), error.to_string())
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.status(), refusal.name(), refusal.to_string())
    }
}

impl From<BatchError> for Refused {
    fn from(error: BatchError) -> Self {
        Self::new(error.status(), error.name(), error.to_string())
    }
}

impl From<JoinError> for Refused {
    fn from(_: JoinError) -> Self {
        stopped()
    }
}

impl From<CheckFault> for Refused {
    fn from(fault: CheckFault) -> Self {
        match fault {
            CheckFault::Store(error) => error.into(),
            CheckFault::Ended(error) => error.into(),
        }
    }
}

fn stopped() -> Refused {
    Refused::new(503, "stopped", "the log stopped; whether a record is logged can be asked by its id")
}

/// How a submitter wants to be answered.
struct Wish {
    cosigned: bool,
    proof: bool,
}

fn read_wish(query: &str) -> Result<Wish, Refused> {
    let mut wish = Wish { cosigned: true, proof: false };
    read_query(query, |name, value| {
        match (name, value.as_str()) {
            ("wait", "cosigned") => wish.cosigned = true,
            ("wait", "integrated") => wish.cosigned = false,
            ("proof", "1") => wish.proof = true,
            ("proof", "0") => wish.proof = false,
            _ => return false,
        }
        true
    })?;
    Ok(wish)
}

pub(crate) async fn submit(State(api): State<Api>, RawQuery(query): RawQuery, body: Bytes) -> Response {
    answer(take_one(&api, query.as_deref().unwrap_or_default(), body).await)
}

async fn take_one(api: &Api, query: &str, body: Bytes) -> Answer {
    let wish = read_wish(query)?;
    let taken = take(api, &wish, vec![body]).await?;
    match taken.outcomes(wish.proof)?.next() {
        None => Err(stopped()),
        Some(Outcome::Refused(problem)) => Err(Refused(problem)),
        Some(Outcome::Taken { status, submitted }) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let json = ([(header::CONTENT_TYPE, api::JSON)], submitted.to_json());
            Ok(match status {
                StatusCode::ACCEPTED => {
                    (status, [(header::LOCATION, api::proof_path(submitted.index))], json).into_response()
                }
                _ => (status, json).into_response(),
            })
        }
    }
}

pub(crate) async fn submit_batch(State(api): State<Api>, RawQuery(query): RawQuery, body: Bytes) -> Response {
    answer(take_batch(&api, query.as_deref().unwrap_or_default(), body).await)
}

async fn take_batch(api: &Api, query: &str, body: Bytes) -> Answer {
    let wish = read_wish(query)?;
    let lines = api.cores.run(move || lines(&body)).await??;
    let taken = take(api, &wish, lines).await?;
    let outcomes = api.cores.run(move || taken.outcomes(wish.proof)).await??;
    let written = outcomes.scan(0, |bytes, mut outcome| {
        if let Outcome::Taken { submitted, .. } = &mut outcome
            && *bytes >= ROOM_FOR_PROOFS_BYTES
        {
            submitted.proof = None;
        }
        let line = outcome.to_json();
        *bytes += line.len();
        Some(line.into())
    });
    Ok(([(header::CONTENT_TYPE, api::NDJSON)], pieces(written)).into_response())
}

fn lines(body: &Bytes) -> Result<Vec<Bytes>, BatchError> {
    Ok(api::batch_lines(body)?.into_iter().map(|line| body.slice_ref(line)).collect())
}

/// Where a record stands, or why it does not.
type Entry = Result<(Digest, Sequenced), Problem>;

/// What became of submissions, and what is published since.
struct Taken {
    entries: Vec<Entry>,
    published: Option<Arc<Published>>,
}

/// Puts records into the log, and waits as long as the submitter wishes.
async fn take(api: &Api, wish: &Wish, submissions: Vec<Bytes>) -> Result<Taken, Refused> {
    api.confirmed()?;
    // The place comes first: what is refused for want of one costs no verification.
    let place = place(api, &submissions)?;
    let read = check::check(&api.cores, &api.store, submissions).await?;
    let entries = sequence(api, read, place).await?;
    // From here on what was admitted is durable, whatever becomes of the answer.
    let published = wait(api, wish, &entries).await;
    Ok(Taken { entries, published })
}

fn place(api: &Api, submissions: &[Bytes]) -> Result<Place, Refused> {
    let place = api.queue.place(submissions.len(), submissions.iter().map(Bytes::len).sum());
    place.map_err(|why| match why {
        NoPlace::Full => {
            api.metrics.queue_full.inc();
            Refused::new(503, "queue-full", why.to_string())
        }
        NoPlace::TooLarge { .. } => Refused::new(413, "too-large", why.to_string()),
    })
}

/// Gives records to the sequencer, all together, and waits until they are durable or refused.
async fn sequence(api: &Api, read: Vec<Read>, place: Place) -> Result<Vec<Entry>, Refused> {
    let (mut records, mut ids) = (Vec::new(), Vec::new());
    for one in read {
        ids.push(match one {
            Ok((record, checked)) => {
                let id = record.id;
                records.push((record, checked));
                Ok(id)
            }
            Err(error) => Err(Refused::from(error).0),
        });
    }
    let mut answers = Vec::new();
    if !records.is_empty() {
        let (reply, answer) = oneshot::channel();
        api.queue.send(Submission { records, reply, place });
        answers = answer.await.map_err(|_| stopped())?;
    }
    let mut answers = answers.into_iter();
    let entry = |id: Result<Digest, Problem>| {
        let id = id?;
        let sequenced = answers.next().ok_or_else(|| stopped().0)?;
        Ok((id, sequenced.map_err(|refusal| Refused::from(refusal).0)?))
    };
    Ok(ids.into_iter().map(entry).collect())
}

/// Waits until all records are published or, without a quorum, for as long as it is worth; what is published then.
async fn wait(api: &Api, wish: &Wish, entries: &[Entry]) -> Option<Arc<Published>> {
    let mut published = api.published.clone();
    let last = entries.iter().flatten().map(|(_, sequenced)| sequenced.index).max()?;
    let covers =
        |published: &Option<Arc<Published>>| published.as_ref().is_some_and(|published| last < size(published));
    let wait = if wish.cosigned { api.wait } else { Duration::ZERO };
    // Whether the time was enough is seen from what is published.
    let _ = tokio::time::timeout(wait, published.wait_for(covers)).await;
    published.borrow().clone()
}

fn size(published: &Published) -> u64 {
    published.checkpoint.head.size
}

impl Taken {
    /// What is answered, with the proofs of what is published if they are wanted.
    fn outcomes(self, proofs: bool) -> Result<Outcomes, Refused> {
        let Some(published) = self.published else {
            return Ok(Outcomes { entries: self.entries.into_iter(), under: None, paths: Vec::new().into_iter() });
        };
        let mut indices: Vec<u64> = self.entries.iter().flatten().map(|(_, sequenced)| sequenced.index).collect();
        indices.retain(|index| proofs && *index < size(&published));
        let paths = bundles::inclusions(&published, &indices)?.into_iter();
        let under = Some((published.checkpoint.head, published.note.clone()));
        Ok(Outcomes { entries: self.entries.into_iter(), under, paths })
    }
}

/// What became of each record, in order. It holds no rows of the store, for whoever is answered may be slow.
struct Outcomes {
    entries: vec::IntoIter<Entry>,
    /// What is published.
    under: Option<(TreeHead, Note)>,
    /// The proofs of the records under it, where they are wanted.
    paths: vec::IntoIter<Vec<Hash>>,
}

impl Iterator for Outcomes {
    type Item = Outcome;

    fn next(&mut self) -> Option<Outcome> {
        let (id, Sequenced { index, known }) = match self.entries.next()? {
            Ok(entry) => entry,
            Err(problem) => return Some(Outcome::Refused(problem)),
        };
        let Some((head, note)) = self.under.as_ref().filter(|(head, _)| index < head.size) else {
            return Some(Outcome::Taken { status: 202, submitted: Submitted { index, id, head: None, proof: None } });
        };
        let proof = |path| TlogProof { extra: None, index, path, checkpoint: note.clone() }.to_text();
        let submitted = Submitted { index, id, head: Some(*head), proof: self.paths.next().map(proof) };
        Some(Outcome::Taken { status: if known { 200 } else { 201 }, submitted })
    }
}
