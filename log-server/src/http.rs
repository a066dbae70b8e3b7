//! The log's HTTP API: C2SP tlog-tiles to read, and ours under `/api/v1`; paths and JSON are [`spec::api`]'s. What takes
//! records in is in [`crate::submissions`].

use crate::bundles::{self, BundleFault, Track, Wanted};
use crate::check::Cores;
use crate::lookups;
use crate::metrics::Metrics;
use crate::publisher::Published;
use crate::queue::Queue;
use crate::store::{Store, StoreError};
use crate::submissions;
use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use glarus_shell::http::problem;
use spec::api::{self, Problem};
use spec::record::{Digest, Kind, Product};
use spec::tile;
use spec::tlog_proof::TlogProof;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// What the handlers share. None of them writes.
#[derive(Clone)]
pub struct Api {
    /// The rows as of now, read to check signatures; the sequencer alone decides.
    pub store: Store,
    /// What is published; its rows answer all reads.
    pub published: watch::Receiver<Option<Arc<Published>>>,
    /// Whether a quorum has confirmed the head that the log started with; before, nothing is taken.
    pub confirmed: watch::Receiver<bool>,
    /// The sequencer's queue; closed when the last of these is dropped.
    pub queue: Queue,
    /// Where what takes its time is done.
    pub cores: Cores,
    /// How long a submitter waits for the quorum.
    pub wait: Duration,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

const IMMUTABLE: (HeaderName, &str) = (header::CACHE_CONTROL, "public, max-age=31536000, immutable");
const MUTABLE: (HeaderName, &str) = (header::CACHE_CONTROL, "no-cache");

/// The routes, without those of the shell (`/metrics`).
pub fn routes(api: Api) -> Router {
    Router::new()
        .route("/checkpoint", get(checkpoint))
        .route("/tile/{*path}", get(tile))
        .route(api::RECORDS, post(submissions::submit).get(records))
        .route(api::BATCH, post(submissions::submit_batch))
        .route(&format!("{}{{key}}", api::STATE_PATH), get(state))
        .route("/api/v1/records/{name}", get(record))
        .route("/api/v1/proofs/{index}", get(proof))
        .route("/api/v1/bundles/{sha256}", get(bundle))
        .route("/api/v1/status/{purl}", get(status))
        .route("/api/v1/policies/{epoch}", get(policy))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .fallback(async || problem(404, "no-such-path", "there is nothing under this path".into()))
        .with_state(api)
}

/// What a handler refuses with; a status of 503 says to try again soon.
pub(crate) struct Refused(pub(crate) Problem);

impl Refused {
    pub(crate) fn new(status: u16, name: &str, detail: impl Into<String>) -> Self {
        Self(Problem { name: name.into(), status, detail: detail.into() })
    }
}

impl From<BundleFault> for Refused {
    fn from(fault: BundleFault) -> Self {
        let detail = fault.to_string();
        match fault {
            BundleFault::NotFound(_) => Self::new(404, "not-found", detail),
            BundleFault::SeveralTracks(_) => Self::new(409, "several-tracks", detail),
            BundleFault::TooManyRecords => Self::new(413, "too-many-records", detail),
            BundleFault::TooManyWords { .. } => Self::new(413, "too-many-words", detail),
            BundleFault::TooLarge { .. } => Self::new(413, "too-large", detail),
            BundleFault::NotYet => Self::new(503, "not-published-yet", detail),
            BundleFault::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "a read failed");
        Self::new(500, "damaged", "the log cannot read its own rows; its operator has been told")
    }
}

pub(crate) type Answer = Result<Response, Refused>;

pub(crate) fn answer(result: Answer) -> Response {
    result.unwrap_or_else(|Refused(Problem { name, status, detail })| {
        let mut response = problem(status, &name, detail);
        if status == 503 {
            response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
        }
        response
    })
}

impl Api {
    pub(crate) fn confirmed(&self) -> Result<(), Refused> {
        let detail =
            "no quorum of witnesses has confirmed the log's last head since it started; nothing is taken before";
        if *self.confirmed.borrow() { Ok(()) } else { Err(Refused::new(503, "not-confirmed", detail)) }
    }

    fn published(&self) -> Result<Arc<Published>, Refused> {
        let published = self.published.borrow().clone();
        published.ok_or_else(|| Refused::new(503, "not-published-yet", "no checkpoint is cosigned by a quorum yet"))
    }
}

async fn checkpoint(State(api): State<Api>) -> Response {
    answer(
        api.published().map(|published| {
            ([(header::CONTENT_TYPE, api::TEXT), MUTABLE], published.note.to_string()).into_response()
        }),
    )
}

async fn ready(State(api): State<Api>) -> Response {
    answer(api.confirmed().map(|()| "ready\n".into_response()))
}

async fn tile(State(api): State<Api>, Path(path): Path<String>) -> Response {
    answer(read_tile(&api, &format!("tile/{path}")))
}

fn read_tile(api: &Api, path: &str) -> Answer {
    let path: tile::Path =
        path.parse().map_err(|error: tile::PathError| Refused::new(404, "no-such-path", error.to_string()))?;
    let published = api.published()?;
    let size = published.checkpoint.head.size;
    let view = &published.rows.view;
    let (at, width) = match path {
        tile::Path::Hashes(at, width) => (at, width),
        tile::Path::Entries(index, width) => (tile::Tile { level: 0, index }, width),
    };
    let have = at.width(size);
    if width > have {
        let detail = format!("at size {size} this tile is {have} wide, not {width}");
        return Err(Refused::new(404, "not-published", detail));
    }
    let bytes = match path {
        tile::Path::Hashes(at, width) => {
            let hashes = view.tile(at)?;
            let damaged = || StoreError::Damaged(format!("{at:?} has {} hashes, not {width}", hashes.len()));
            tile::hashes_bytes(hashes.get(..to_usize(width)).ok_or_else(damaged)?)
        }
        tile::Path::Entries(index, width) => view.bundle(index * tile::WIDTH, width)?,
    };
    Ok(([(header::CONTENT_TYPE, api::BYTES), IMMUTABLE], bytes).into_response())
}

fn to_usize(width: u64) -> usize {
    usize::try_from(width).unwrap_or(usize::MAX)
}

async fn record(State(api): State<Api>, Path(name): Path<String>) -> Response {
    answer(read_record(&api, &name))
}

fn read_record(api: &Api, name: &str) -> Answer {
    let published = api.published()?;
    let index = match Digest::parse(name) {
        Some(id) => bundles::index(&published, &id)?,
        None => parse_index(name)?,
    };
    let size = published.checkpoint.head.size;
    if index >= size {
        let detail = format!("entry {index} is not under the cosigned checkpoint of size {size}");
        return Err(Refused::new(404, "not-published", detail));
    }
    Ok(([(header::CONTENT_TYPE, api::BYTES), IMMUTABLE], published.rows.view.entry(index)?).into_response())
}

async fn records(State(api): State<Api>, RawQuery(query): RawQuery) -> Response {
    answer(read_records(&api, query.as_deref().unwrap_or_default()))
}

fn read_records(api: &Api, query: &str) -> Answer {
    let (mut kind, mut digest, mut product) = (None, None, None);
    read_query(query, |name, value| {
        match name {
            "kind" => kind = Some(value),
            "digest" => digest = Some(value),
            "product" => product = Some(value),
            _ => return false,
        }
        true
    })?;
    let kind = match kind.as_deref() {
        Some("update") => Kind::Update,
        Some("source") => Kind::Source,
        Some("build") => Kind::Build,
        _ => return Err(Refused::new(400, "kind", "only these are listed: ?kind=update, source or build")),
    };
    let missing = |what: &str| Refused::new(400, "missing-parameter", format!("name the {what}: &{what}="));
    let (digest, product) = (digest.ok_or_else(|| missing("digest"))?, product.ok_or_else(|| missing("product"))?);
    let digest = Digest::parse(&digest).ok_or_else(|| not_a_digest(&digest))?;
    let product = Product::parse(&product).map_err(|error| Refused::new(400, "product", error.to_string()))?;
    let published = api.published()?;
    let found = match kind {
        Kind::Update => lookups::updates(&published, &digest, &product)?.to_json(),
        _ => lookups::leading(&published, kind, &digest, &product)?.to_json(),
    };
    Ok(([(header::CONTENT_TYPE, api::JSON), MUTABLE], found).into_response())
}

async fn state(State(api): State<Api>, Path(key): Path<String>) -> Response {
    answer(api.published().and_then(|published| {
        let value = lookups::value(&published, &key)?;
        Ok(([(header::CONTENT_TYPE, api::TEXT), MUTABLE], value).into_response())
    }))
}

fn parse_index(text: &str) -> Result<u64, Refused> {
    let index: Option<u64> = text.parse().ok();
    index.filter(|index| index.to_string() == text).ok_or_else(|| {
        Refused::new(400, "not-an-index", format!("{text:?} is neither an index in decimal nor an id of 64 hex digits"))
    })
}

async fn proof(State(api): State<Api>, Path(index): Path<String>) -> Response {
    answer(
        parse_index(&index)
            .and_then(|index| read_proof(&api, index))
            .map(|proof| ([(header::CONTENT_TYPE, api::TEXT), MUTABLE], proof.to_text()).into_response()),
    )
}

fn read_proof(api: &Api, index: u64) -> Result<TlogProof, Refused> {
    let published = api.published()?;
    let proved = bundles::proved(&published, index)?;
    Ok(TlogProof { extra: Some(proved.entry), index, path: proved.proof, checkpoint: published.note.clone() })
}

async fn bundle(State(api): State<Api>, Path(sha256): Path<String>, RawQuery(query): RawQuery) -> Response {
    answer(read_bundle(&api, &sha256, query.as_deref().unwrap_or_default()))
}

fn read_bundle(api: &Api, sha256: &str, query: &str) -> Answer {
    let digest = Digest::parse(sha256).ok_or_else(|| not_a_digest(sha256))?;
    let (mut track, mut asked) = (Track::default(), AskedFor::default());
    read_query(query, |name, value| {
        match name {
            "product" => track.product = Some(value),
            "channel" => track.channel = Some(value),
            "target" => track.target = Some(value),
            _ => return asked.take(name, value),
        }
        true
    })?;
    let bundle = bundles::bundle(&*api.published()?, &digest, &track, &asked.wanted()?)?;
    Ok(([(header::CONTENT_TYPE, api::BUNDLE), MUTABLE], bundle.to_json()).into_response())
}

fn not_a_digest(text: &str) -> Refused {
    Refused::new(400, "not-a-digest", format!("{text:?} is not 64 lower-case hex digits"))
}

async fn status(State(api): State<Api>, Path(purl): Path<String>, RawQuery(query): RawQuery) -> Response {
    answer(read_status(&api, &purl, query.as_deref().unwrap_or_default()))
}

fn read_status(api: &Api, purl: &str, query: &str) -> Answer {
    let product = Product::parse(purl).map_err(|error| Refused::new(400, "product", error.to_string()))?;
    let (mut channel, mut update, mut asked) = (None, None, AskedFor::default());
    read_query(query, |name, value| {
        match name {
            "channel" => channel = Some(value),
            "update" => update = Some(value),
            _ => return asked.take(name, value),
        }
        true
    })?;
    let channel = channel.ok_or_else(|| Refused::new(400, "missing-parameter", "name the channel: ?channel=stable"))?;
    let update = update.map(|text| Digest::parse(&text).ok_or_else(|| not_a_digest(&text))).transpose()?;
    let status = bundles::status(&*api.published()?, &product, &channel, update.as_ref(), &asked.wanted()?)?;
    Ok(([(header::CONTENT_TYPE, api::STATUS), MUTABLE], status.to_json()).into_response())
}

async fn policy(State(api): State<Api>, Path(epoch): Path<String>, RawQuery(query): RawQuery) -> Response {
    answer(read_policy(&api, &epoch, query.as_deref().unwrap_or_default()))
}

fn read_policy(api: &Api, epoch: &str, query: &str) -> Answer {
    let epoch = parse_index(epoch)?;
    let mut asked = AskedFor::default();
    read_query(query, |name, value| asked.take(name, value))?;
    let status = bundles::policy(&*api.published()?, epoch, &asked.wanted()?)?;
    Ok(([(header::CONTENT_TYPE, api::STATUS), MUTABLE], status.to_json()).into_response())
}

/// The most `have` and `party` of a request: as many as a status has records.
const MAX_ASKED: usize = 256;

/// What a request wants of a status, as it came: `have` and `party`, each any number of times.
#[derive(Default)]
struct AskedFor {
    have: Vec<String>,
    parties: Vec<String>,
}

impl AskedFor {
    fn take(&mut self, name: &str, value: String) -> bool {
        match name {
            "have" => self.have.push(value),
            "party" => self.parties.push(value),
            _ => return false,
        }
        true
    }

    fn wanted(self) -> Result<Wanted, Refused> {
        let asked = self.have.len() + self.parties.len();
        if asked > MAX_ASKED {
            let detail = format!("{asked} times have or party, at most {MAX_ASKED} are read");
            return Err(Refused::new(413, "too-many-parameters", detail));
        }
        let have = self.have.iter().map(|text| Digest::parse(text).ok_or_else(|| not_a_digest(text)));
        Ok(Wanted { have: have.collect::<Result<_, _>>()?, parties: self.parties.into_iter().collect() })
    }
}

/// Hands each parameter to `take`, and refuses those that it does not know, for a misspelt filter would widen the answer.
pub(crate) fn read_query(query: &str, mut take: impl FnMut(&str, String) -> bool) -> Result<(), Refused> {
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if !take(&name, value.into_owned()) {
            return Err(Refused::new(400, "unknown-parameter", format!("the parameter {name:?} is not known here")));
        }
    }
    Ok(())
}
