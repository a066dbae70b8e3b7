//! The transparency log: admits, sequences, stores, publishes.
//!
//! What is decided is decided in `spec`; here it is made durable and served.
//!
//! - [`config`]: what the operator sets.
//! - [`store`]: the rows, and the only file that names RocksDB.
//! - [`sequencer`]: the thread that owns the tree; [`plan`] is its pure part, [`second_opinion`] its check before signing.
//! - [`queue`]: what waits for it; [`check`] reads records and verifies their signatures before.
//! - [`publisher`]: rounds of witnesses until a quorum cosigned; [`witnesses`] is one task each.
//! - [`mod@reindex`]: rows made again from the entries.
//! - [`http`]: the API, [`submissions`] that of records that come in; [`bundles`] puts together what ships with files.
#![forbid(unsafe_code)]

pub mod bundles;
pub mod check;
pub mod config;
pub mod http;
pub mod lookups;
pub mod metrics;
pub mod plan;
pub mod publisher;
pub mod queue;
pub mod reindex;
pub mod second_opinion;
pub mod sequencer;
pub mod store;
pub mod submissions;
pub mod witnesses;

use check::Cores;
use config::Config;
use glarus_shell::clock::Clock;
use glarus_shell::http::{Limits, LongBodies};
use glarus_shell::shutdown::Shutdown;
use glarus_shell::{files, keys};
use metrics::Metrics;
use publisher::{Published, Publisher};
use queue::Waiting;
use reindex::{ReindexError, Reindexed};
use sequencer::{Sequencer, SignedHead};
use spec::admission::Stop;
use spec::api;
use spec::note::{KeyKind, Skey, Vkey};
use spec::policy::Policy;
use spec::record::Record;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use store::{Store, StoreError};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinError;

/// Why a log is not made, or does not run.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum LogError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    KeyFile(#[from] keys::KeyFileError),
    #[error(transparent)]
    File(#[from] files::FileError),
    #[error(transparent)]
    Key(#[from] spec::note::KeyError),
    #[error("{}: {cause}", path.display())]
    Policy { path: PathBuf, cause: String },
    #[error("{}: {cause}", path.display())]
    Genesis { path: PathBuf, cause: String },
    #[error("{}: the key {have} is not one of type 0x{kind:02x} of the log {need:?}", path.display())]
    OtherKey { path: PathBuf, have: Box<Vkey>, kind: u8, need: String },
    #[error("{}: {cause}", path.display())]
    Io { path: PathBuf, cause: std::io::Error },
    #[error("metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    #[error("the sequencer ended: {0}")]
    Sequencer(String),
    #[error(transparent)]
    Reindex(#[from] ReindexError),
}

/// The most bytes of batches that are on their way to their answers, all together.
const MAX_BATCHES_BYTES: usize = 4 * api::MAX_BATCH_BYTES;

fn database(dir: &Path) -> PathBuf {
    dir.join("db")
}

/// The log's keys in files: `keys/log.skey` of type 0x01, and `keys/log-ml-dsa-44.skey` of type 0x06, which a log that was
/// made before there was this type has not.
const KEY_STEMS: [(&str, KeyKind); 2] = [("log", KeyKind::Ed25519), ("log-ml-dsa-44", KeyKind::CosignatureMlDsa44)];

/// Makes a log: its directory, configuration and keys, and entries 0 (genesis) and 1 (the state after it).
///
/// The finished genesis record is given: no root key is ever here.
///
/// # Errors
/// [`LogError`]; where it is refused for the genesis record, nothing was made.
pub fn init(
    dir: &Path,
    origin: &str,
    listen: &str,
    genesis: &Path,
    policy: Option<&Path>,
    clock: &Clock,
) -> Result<Vec<Vkey>, LogError> {
    let record = read_genesis(genesis)?;
    let policy = policy.map(|path| read_policy(path).map(|(bytes, _)| bytes)).transpose()?;
    let io = |cause| LogError::Io { path: dir.into(), cause };
    if config::path(dir).exists() {
        return Err(StoreError::AlreadyInitialised(dir.into()).into());
    }
    let refused = |stop: Stop| match stop {
        Stop::Refused(refusal) => genesis_refused(genesis, refusal.name(), &refusal),
        Stop::Corrupt(corrupt) => LogError::Genesis { path: genesis.into(), cause: corrupt.to_string() },
    };
    sequencer::judge_genesis(origin, &record).map_err(refused)?;
    std::fs::create_dir_all(dir.join("keys")).map_err(io)?;
    let mut vkeys = Vec::new();
    for (stem, kind) in KEY_STEMS {
        let key = Skey::from_seed(origin, kind, keys::random_seed())?;
        keys::write_pair(&dir.join("keys"), stem, &key)?;
        vkeys.push(key.vkey().clone());
    }
    if let Some(policy) = policy {
        files::create_new(&dir.join("policy"), &policy, 0o644)?;
    }
    let store = Store::create(&database(dir), origin)?;
    let created = sequencer::create(&store, origin, &record, clock())?;
    created.map_err(refused)?;
    // The configuration comes last: where it is, the log is whole.
    files::create_new(&config::path(dir), config::template(origin, listen).as_bytes(), 0o644)?;
    Ok(vkeys)
}

/// Reads the keys that sign every checkpoint, the Ed25519 one first.
fn read_keys(dir: &Path, origin: &str) -> Result<Vec<Skey>, LogError> {
    let mut found = Vec::new();
    for (stem, kind) in KEY_STEMS {
        let path = dir.join("keys").join(format!("{stem}.skey"));
        if kind == KeyKind::CosignatureMlDsa44 && !path.exists() {
            tracing::warn!("{}: there is no such key: checkpoints are signed with Ed25519 alone", path.display());
            continue;
        }
        let key = keys::read_skey(&path)?;
        if key.vkey().name != origin || key.vkey().kind != kind {
            let (have, need) = (key.vkey().clone(), origin.into());
            return Err(LogError::OtherKey { path, have: have.into(), kind: kind.byte(), need });
        }
        found.push(key);
    }
    Ok(found)
}

fn read_genesis(path: &Path) -> Result<Record, LogError> {
    let bytes = std::fs::read(path).map_err(|cause| LogError::Io { path: path.into(), cause })?;
    Record::parse_submission(&bytes).map_err(|error| genesis_refused(path, error.name(), &error))
}

fn genesis_refused(path: &Path, name: &str, why: &dyn std::fmt::Display) -> LogError {
    LogError::Genesis { path: path.into(), cause: format!("refused, {name}: {why}") }
}

fn read_policy(path: &Path) -> Result<(Vec<u8>, Policy), LogError> {
    let bytes = std::fs::read(path).map_err(|cause| LogError::Io { path: path.into(), cause })?;
    let refused = |cause: String| LogError::Policy { path: path.into(), cause };
    let policy = Policy::parse(&bytes).map_err(|error| refused(error.to_string()))?;
    policy.check().map_err(|error| refused(error.to_string()))?;
    Ok((bytes, policy))
}

/// Makes all rows that follow from the entries again, and compares them or, with `repair`, replaces those that differ. The log
/// does not run meanwhile.
///
/// # Errors
/// [`LogError`].
pub fn reindex(dir: &Path, config: &Config, repair: bool) -> Result<Reindexed, LogError> {
    let store = Store::open(&database(dir), &config.origin)?;
    // Beside the log's own rows, for it takes as much space; removed whatever happens.
    let aside = tempfile::Builder::new().prefix("reindex-").tempdir_in(dir);
    let aside = aside.map_err(|cause| LogError::Io { path: dir.into(), cause })?;
    Ok(reindex::reindex(&store, aside.path(), &config.origin, repair)?)
}

/// Runs a log until it is told to stop: then what was accepted is finished.
///
/// # Errors
/// [`LogError`]: it did not start, or its store failed and it had to end.
pub async fn run(
    dir: &Path,
    config: &Config,
    listener: TcpListener,
    clock: Clock,
    shutdown: Shutdown,
) -> Result<(), LogError> {
    Log::open(dir, config, clock)?.serve(listener, shutdown).await
}

/// A log that opened: key, policy and rows are what they should be, and nobody was answered yet.
pub struct Log {
    config: Config,
    policy: Policy,
    witnesses: Vec<String>,
    store: Store,
    sequencer: Sequencer,
    head: Arc<SignedHead>,
    published: Option<Arc<Published>>,
    clock: Clock,
    metrics: Arc<Metrics>,
}

impl Log {
    /// Reads the log's files, and recovers the tree where the last commit left it.
    ///
    /// # Errors
    /// [`LogError`].
    pub fn open(dir: &Path, config: &Config, clock: Clock) -> Result<Self, LogError> {
        let keys = read_keys(dir, &config.origin)?;
        let policy_file = dir.join(&config.policy);
        let (_, policy) = read_policy(&policy_file)?;
        let named = |key: &Skey| policy.logs().iter().any(|log| log.vkey == *key.vkey());
        if !policy.logs().is_empty() && !keys.iter().any(named) {
            let keys: Vec<String> = keys.iter().map(|key| key.vkey().to_string()).collect();
            let cause = format!(
                "its log lines name none of this log's keys, {}: no client would believe it",
                keys.join(" and ")
            );
            return Err(LogError::Policy { path: policy_file, cause });
        }
        let witnesses = witness_urls(&policy, &config.witnesses);
        if witnesses.is_empty() {
            let cause =
                "no witness has a URL, here or in the configuration: no checkpoint would ever be published".into();
            return Err(LogError::Policy { path: policy_file, cause });
        }
        let store = Store::open(&database(dir), &config.origin)?;
        let metrics = Arc::new(Metrics::new()?);
        let vkeys: Vec<Vkey> = keys.iter().map(|key| key.vkey().clone()).collect();
        let (sequencer, head) =
            Sequencer::recover(config.origin.clone(), store.clone(), keys, Arc::clone(&clock), Arc::clone(&metrics))?;
        let head = Arc::new(head);
        tracing::info!(origin = %config.origin, head = %head.checkpoint.head, "recovered");
        let published = publisher::recover(&store, &vkeys, &head)?;
        Ok(Self { config: config.clone(), policy, witnesses, store, sequencer, head, published, clock, metrics })
    }

    /// Serves until told to stop: then what was accepted is finished.
    ///
    /// Reads are answered at once. Nothing is sequenced before a quorum has cosigned the recovered head anew: had this
    /// database been restored from an old copy, the witnesses would have seen more than it holds and would not.
    ///
    /// # Errors
    /// [`LogError`]: its store failed and it had to end.
    pub async fn serve(self, listener: TcpListener, shutdown: Shutdown) -> Result<(), LogError> {
        let Self { config, policy, witnesses, store, sequencer, head, published, clock, metrics } = self;
        let (published, subscriber) = watch::channel(published);
        let (queue, submissions) = queue::queue(config.queue, config.queue_bytes);
        let (heads_in, heads) = watch::channel(head);
        let (confirmed, confirmation) = watch::channel(false);

        let refresh = Duration::from_secs(config.refresh_s.max(1));
        let api = http::Api {
            store: store.clone(),
            published: subscriber,
            confirmed: confirmation.clone(),
            queue,
            cores: Cores::default(),
            wait: Duration::from_millis(config.wait_ms),
            metrics: Arc::clone(&metrics),
        };
        let router = http::routes(api).merge(metrics.registry.routes());
        let batches =
            LongBodies { path: api::BATCH, body_bytes: api::MAX_BATCH_BYTES, together_bytes: MAX_BATCHES_BYTES };
        let body_bytes = spec::record::MAX_SUBMISSION_BYTES;
        let limits = Limits { body_bytes, long_bodies: Some(batches), ..Limits::default() };
        let publisher =
            Publisher { policy: Arc::new(policy), store, witnesses, refresh, clock, metrics, published, confirmed };

        let mut publishing = tokio::spawn(publisher.run(heads));
        let mut sequencing = tokio::spawn(sequence(sequencer, confirmation.clone(), submissions, heads_in));
        tokio::select! {
            () = glarus_shell::http::serve(listener, router, limits, shutdown) => {}
            result = &mut sequencing => return Err(ended(result)),
            result = &mut publishing => return Err(match result {
                // It ends in peace when the sequencer has ended, who knows why.
                Ok(Ok(())) => ended(sequencing.await),
                result => ended(result),
            }),
        }
        // The server has let go of the queue: what was accepted is sequenced, then both end.
        if *confirmation.borrow() {
            sequencing.await.map_err(|error| LogError::Sequencer(error.to_string()))??;
        }
        publishing.abort();
        Ok(())
    }
}

/// Runs the sequencer on a thread of its own once the recovered head is confirmed.
async fn sequence(
    sequencer: Sequencer,
    mut confirmed: watch::Receiver<bool>,
    submissions: Waiting,
    heads: watch::Sender<Arc<SignedHead>>,
) -> Result<(), StoreError> {
    if confirmed.wait_for(|confirmed| *confirmed).await.is_err() {
        return Ok(());
    }
    let running = tokio::task::spawn_blocking(move || sequencer.run(submissions, &heads));
    running.await.unwrap_or_else(|error| Err(StoreError::Damaged(format!("the sequencer: {error}"))))
}

/// Why a part of the log ended that should not have.
fn ended(result: Result<Result<(), StoreError>, JoinError>) -> LogError {
    match result {
        Ok(Err(error)) => error.into(),
        Ok(Ok(())) => LogError::Sequencer("its queue was closed".into()),
        Err(error) => LogError::Sequencer(error.to_string()),
    }
}

/// The submission prefixes to ask: those of the policy's witnesses, then those of the configuration, each once.
fn witness_urls(policy: &Policy, more: &[String]) -> Vec<String> {
    let mut urls: Vec<String> = Vec::new();
    for url in policy.witnesses().iter().filter_map(|witness| witness.url.as_ref()).chain(more) {
        if !urls.contains(url) {
            urls.push(url.clone());
        }
    }
    urls
}
