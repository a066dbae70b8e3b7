//! The witness as a service: `POST /add-checkpoint`, `GET /<origin hash>/checkpoint`, `/metrics`, `/healthz`, `/readyz`.
//!
//! An added checkpoint goes this way, and stops at the first refusal or fault:
//!
//! 1. read: [`AddCheckpoint::parse`] (400, 413);
//! 2. find the log of its origin (404);
//! 3. judge it against the latest: [`spec::witness::judge`] (400, 403, 409, 422);
//! 4. sign what was understood, written anew, with each key; the ML-DSA-44 signature on a thread that may take its time;
//! 5. swap it for the latest, synced to disk (503). If something else became the latest meanwhile, back to 3;
//! 6. only now the cosignature leaves (200).
//!
//! The latest checkpoint sent again with its own size as old size goes the same way: it is cosigned with the time of now.

use crate::config::{self, Config};
use crate::logs::{LogError, Logs};
use crate::metrics::Metrics;
use crate::store::{Latest, Store, StoreError, Swap, SwapError};
use axum::Router;
use axum::extract::{Path as UrlPath, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use glarus_shell::clock::Clock;
use glarus_shell::config::ConfigError;
use glarus_shell::http::{self, Limits, problem};
use glarus_shell::keys::{self, KeyFileError};
use glarus_shell::shutdown::Shutdown;
use spec::checkpoint::Checkpoint;
use spec::merkle::TreeHead;
use spec::note::{KeyKind, Skey, Vkey};
use spec::witness::{self, AddCheckpoint, Refusal};
use spec::{cosignature, note::NoteSignature};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::TcpListener;

const TEXT: &str = "text/plain; charset=utf-8";

/// Why a witness does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The key's file.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// A key of another name or kind.
    #[error("{}: the key {key} is not a cosigner's of type 0x{kind:02x} and of the name {name:?}", path.display())]
    OtherKey {
        /// The key's file.
        path: PathBuf,
        /// The key in it.
        key: Box<Vkey>,
        /// The type that it should have.
        kind: u8,
        /// The name configured.
        name: String,
    },
    /// A log's file.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The metrics.
    #[error("metrics: {0}")]
    Metrics(#[from] prometheus::Error),
}

/// Why a witness stops.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It did not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A write failed.
    #[error("a write failed, and what is on the disk is found out at the next start: {0}")]
    Write(String),
}

/// Why a request gets no cosignature.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AddError {
    /// The caller's fault.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The log's file cannot be read.
    #[error("the log's configuration cannot be read")]
    Log(#[from] LogError),
    /// The clock shows no time that a cosignature can bear.
    #[error("the clock shows {0}")]
    Clock(u64),
    /// The thread that signs ended.
    #[error("the checkpoint could not be signed")]
    Signing,
    /// The swap failed.
    #[error(transparent)]
    Swap(#[from] SwapError),
}

/// A witness, open.
pub struct Witness {
    name: String,
    /// Of type 0x04, to which the database is bound.
    skey: Skey,
    /// Of type 0x06, if this witness has one.
    large_skey: Option<Arc<Skey>>,
    logs: Logs,
    store: Store,
    clock: Clock,
    metrics: Metrics,
}

impl Witness {
    /// Opens the witness in a folder.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(dir: &Path, clock: Clock) -> Result<Self, OpenError> {
        let Config { name, .. } = Config::load(dir)?;
        let [small, large] = config::skey_paths(dir);
        let skey = read_key(small, &name)?;
        let large_skey = match large.0.exists() {
            true => Some(Arc::new(read_key(large, &name)?)),
            false => {
                tracing::warn!("{}: there is no such key: cosignatures are Ed25519 alone", large.0.display());
                None
            }
        };
        let logs = Logs::open(&config::logs_dir(dir))?;
        let metrics = Metrics::new()?;
        let store = Store::open(&config::db_dir(dir), skey.vkey(), metrics.writer.clone())?;
        for log in logs.all() {
            if let Some(latest) = store.latest(&log.hash) {
                metrics.latest_size.with_label_values(&[&log.origin]).set(gauge(latest.head.size));
            }
        }
        Ok(Self { name, skey, large_skey, logs, store, clock, metrics })
    }

    /// The keys that others verify its cosignatures by, the Ed25519 one first.
    pub fn vkeys(&self) -> Vec<&Vkey> {
        std::iter::once(self.skey.vkey()).chain(self.large_skey.iter().map(|key| key.vkey())).collect()
    }

    /// Serves until told to stop, or until a write fails; what was accepted is finished first.
    ///
    /// # Errors
    /// [`RunError::Write`].
    pub async fn serve(self, listener: TcpListener, mut shutdown: Shutdown) -> Result<(), RunError> {
        let witness = Arc::new(self);
        tracing::info!(witness = witness.name, logs = witness.logs.all().len(), "serving");
        let limits = Limits { body_bytes: witness::MAX_BODY_BYTES, ..Limits::default() };
        let (stop, stopped) = Shutdown::new();
        let until = async {
            tokio::select! {
                () = shutdown.wait() => {}
                () = witness.store.failed() => {}
            }
            stop.fire();
        };
        tokio::join!(http::serve(listener, Self::routes(&witness), limits, stopped), until);
        witness.store.close().await.map_err(RunError::Write)
    }

    fn routes(witness: &Arc<Self>) -> Router {
        Router::new()
            .route("/add-checkpoint", post(add_checkpoint))
            .route("/{origin_hash}/checkpoint", get(checkpoint))
            .route("/healthz", get(async || "ok\n"))
            .route("/readyz", get(ready))
            .fallback(async || problem(404, "no-such-path", "there is nothing at this path".into()))
            .with_state(Arc::clone(witness))
            .merge(witness.metrics.registry.routes())
    }

    /// Cosigns the checkpoint in a request's body; returns the body of the answer 200.
    ///
    /// # Errors
    /// [`AddError`].
    pub async fn add_checkpoint(&self, body: &[u8]) -> Result<String, AddError> {
        let request = AddCheckpoint::parse(body).map_err(Refusal::from)?;
        let origin = request.origin();
        let Some(log) = self.logs.get(origin)? else {
            return Err(Refusal::UnknownOrigin { origin: origin.into() }.into());
        };
        loop {
            let stored = self.store.latest(&log.hash).map(|latest| latest.head);
            let accepted = witness::judge(stored.or(log.start_head).as_ref(), &request, &log.vkeys)?;
            let (mut note, head) = (accepted.note, accepted.checkpoint.head);
            let lines = self.cosign(&accepted.checkpoint).await?;
            let answer = lines.iter().map(NoteSignature::to_string).collect();
            note.signatures.extend(lines);
            let new = Latest { head, note: note.to_string().into() };
            if self.store.swap(&log.hash, stored, new).await? == Swap::Done {
                self.count(&log.origin, head);
                return Ok(answer);
            }
            // Another request was faster. What it left behind decides, so this one is judged again.
        }
    }

    /// One line a key, both of one time.
    async fn cosign(&self, checkpoint: &Checkpoint) -> Result<Vec<NoteSignature>, AddError> {
        let time = (self.clock)();
        // SPEC: "The cosignature MUST NOT omit the timestamp, i.e. the timestamp MUST NOT be zero."
        if time == 0 || i64::try_from(time).is_err() {
            return Err(AddError::Clock(time));
        }
        let text = checkpoint.to_text();
        let mut lines = vec![cosignature::sign(&text, time, &self.skey)];
        if let Some(key) = self.large_skey.clone() {
            let sign = move || cosignature::sign_hedged(&text, time, &key, &keys::random_seed());
            lines.push(tokio::task::spawn_blocking(sign).await.map_err(|_| AddError::Signing)?);
        }
        Ok(lines)
    }

    fn count(&self, origin: &str, head: TreeHead) {
        self.metrics.cosignatures.with_label_values(&[origin]).inc();
        self.metrics.latest_size.with_label_values(&[origin]).set(gauge(head.size));
    }

    /// The latest cosigned note of the log with this origin hash.
    pub fn checkpoint(&self, origin_hash: &str) -> Option<Bytes> {
        self.store.latest(origin_hash).map(|latest| latest.note.clone())
    }

    fn counted(&self, call: &str, response: Response) -> Response {
        self.metrics.requests.with_label_values(&[call, response.status().as_str()]).inc();
        response
    }
}

fn read_key((path, kind): (PathBuf, KeyKind), name: &str) -> Result<Skey, OpenError> {
    let skey = keys::read_skey(&path)?;
    if skey.vkey().name != name || skey.vkey().kind != kind {
        let key = Box::new(skey.vkey().clone());
        return Err(OpenError::OtherKey { path, key, kind: kind.byte(), name: name.into() });
    }
    Ok(skey)
}

/// Sizes are below 2^63.
fn gauge(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

async fn add_checkpoint(State(witness): State<Arc<Witness>>, body: Bytes) -> Response {
    let response = match witness.add_checkpoint(&body).await {
        Ok(lines) => ([(header::CONTENT_TYPE, TEXT)], lines).into_response(),
        Err(AddError::Refused(refusal)) => refuse(&refusal),
        Err(fault) => {
            tracing::error!("no cosignature: {}", explain(&fault));
            problem(503, "witness-fault", fault.to_string())
        }
    };
    witness.counted("add-checkpoint", response)
}

fn refuse(refusal: &Refusal) -> Response {
    if let Refusal::OldSize { latest, .. } = refusal {
        // SPEC: "The response body MUST consist of the tree size of the latest cosigned checkpoint in decimal, followed by a
        // newline (U+000A). The response MUST have a `Content-Type` of `text/x.tlog.size`."
        let content_type = [(header::CONTENT_TYPE, witness::SIZE_CONTENT_TYPE)];
        return (StatusCode::CONFLICT, content_type, witness::size_body(*latest)).into_response();
    }
    // SPEC: "If the origin is known, and the signature is valid, the witness MAY log the request even if the checkpoint fails
    // one of the consistency checks above [...], as it might be proof of log misbehavior."
    if refusal.status() == 422 {
        tracing::warn!(name = refusal.name(), "a signed checkpoint is not consistent: {refusal}");
    }
    problem(refusal.status(), refusal.name(), refusal.to_string())
}

/// A fault in the operator's words; callers need not know where the files are.
fn explain(fault: &AddError) -> String {
    match fault {
        AddError::Log(error) => error.to_string(),
        other => other.to_string(),
    }
}

async fn checkpoint(State(witness): State<Arc<Witness>>, UrlPath(origin_hash): UrlPath<String>) -> Response {
    let response = match witness.checkpoint(&origin_hash) {
        Some(note) => ([(header::CONTENT_TYPE, TEXT)], note).into_response(),
        // SPEC: "If the witness has never cosigned a checkpoint for that log, it MUST respond with a "404 Not Found" HTTP
        // status code instead."
        None => problem(404, "no-checkpoint", "no checkpoint of such a log was cosigned here".into()),
    };
    witness.counted("checkpoint", response)
}

async fn ready(State(witness): State<Arc<Witness>>) -> Response {
    match witness.store.has_failed() {
        false => "ready\n".into_response(),
        true => problem(503, "witness-fault", "a write failed; this witness stops".into()),
    }
}
