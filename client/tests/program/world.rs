//! A log in memory that takes every record: what a log answers, without its judgement, store and witnesses.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use glarus_shell::http::problem;
use spec::api::{self, Carrying, Leading, Outcome, Problem, Submitted, Updates};
use spec::bundle::{Bundle, MapProved, Proved, Status};
use spec::checkpoint::{self, Checkpoint};
use spec::cosignature;
use spec::map::{self, Tile, Tiles};
use spec::merkle::{Hash, TreeHead, leaf_hash, node_hash};
use spec::note::{KeyKind, Note, Skey};
use spec::record::{Digest, Kind, Predicate, Record, Subject};
use spec::state::{
    self, AuthorityValue, BuildValue, ChannelValue, PolicyValue, RULES, SourceValue, StateEntry, TargetLine,
    UpdateValue, Word,
};
use spec::verdict;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

pub(crate) const ORIGIN: &str = "log.acme.example/updates";
/// When everything happens unless a test says otherwise: 2026-11-23 at 10:33:20 UTC.
pub(crate) const TIME: u64 = 1_795_430_000;

pub(crate) struct World {
    entries: Vec<Vec<u8>>,
    map: BTreeMap<String, String>,
    /// The time of cosignatures and state entries.
    pub(crate) time: u64,
    /// How many of the four witnesses cosign.
    pub(crate) cosigning: usize,
    /// How many questions for a proof are answered with "not yet".
    pub(crate) late: usize,
    /// Whether proofs are those of entry 0.
    pub(crate) lie: bool,
    /// What is wrong with the next submission.
    pub(crate) refuse: Option<(u16, &'static str)>,
    /// With which kind of record alone, if not with all.
    pub(crate) refuse_only: Option<Kind>,
}

fn log_key() -> Skey {
    Skey::from_seed(ORIGIN, KeyKind::Ed25519, [100; 32]).unwrap()
}

fn witness(number: u8) -> Skey {
    Skey::from_seed(&format!("witness.example/ch-{number}"), KeyKind::CosignatureEd25519, [100 + number; 32]).unwrap()
}

/// The policy of its clients: three of four.
pub(crate) fn policy() -> String {
    let witnesses = (1..=4).map(|number| format!("witness ch-{number} {}\n", witness(number).vkey()));
    let witnesses: String = witnesses.collect();
    format!("log {}\n{witnesses}group quorum 3 ch-1 ch-2 ch-3 ch-4\nquorum quorum\n", log_key().vkey())
}

impl World {
    pub(crate) fn new(genesis: &[u8]) -> Self {
        let (entries, map) = (Vec::new(), BTreeMap::new());
        let mut world =
            Self { entries, map, time: TIME, cosigning: 4, late: 0, lie: false, refuse: None, refuse_only: None };
        world.push(genesis);
        world
    }

    /// Logs a record and a state entry after it; returns the record's index, and whether it was logged before.
    pub(crate) fn push(&mut self, entry: &[u8]) -> (u64, bool) {
        if let Some(at) = self.entries.iter().position(|one| one == entry) {
            return (at as u64, true);
        }
        let record = Record::parse_entry(entry).unwrap();
        let index = self.entries.len() as u64;
        self.entries.push(entry.into());
        self.note_in_map(&record, index);
        self.close_batch();
        (index, false)
    }

    fn close_batch(&mut self) {
        let root = map::root(&self.tiles()).unwrap();
        self.entries.push(StateEntry { time: self.time, rules: RULES, root }.to_bytes());
    }

    /// Withdraws an update by a record that is not there.
    pub(crate) fn withdraw(&mut self, update: &Digest, index: u64) {
        let value = UpdateValue::Withdrawn { index, by: Digest::of(b"withdrawal") };
        self.map.insert(state::update_key(update), value.to_text());
        self.entries.push(b"a record".to_vec());
        self.close_batch();
    }

    fn note_in_map(&mut self, record: &Record, index: u64) {
        let id = record.id;
        let (key, value) = match &record.statement.predicate {
            Predicate::Authority(authority) => {
                let value = AuthorityValue { epoch: authority.epoch, id, index };
                (state::authority_key(authority.namespace.as_str()), value.to_text())
            }
            Predicate::Source(_) => (state::source_key(&id), SourceValue { index, reviews: BTreeMap::new() }.to_text()),
            Predicate::Build(_) => (state::build_key(&id), BuildValue { index, rebuilds: BTreeMap::new() }.to_text()),
            Predicate::Update(update) => {
                let key = state::channel_key(update.product.as_str(), &update.channel);
                let mut channel = match self.map.get(&key) {
                    Some(text) => ChannelValue::parse(text).unwrap(),
                    None => ChannelValue { sequence: 0, targets: BTreeMap::new() },
                };
                channel.sequence = update.sequence;
                let line = TargetLine { sequence: update.sequence, id, index };
                channel.targets.insert(update.target.clone(), line);
                self.map.insert(key, channel.to_text());
                (state::update_key(&id), UpdateValue::Live { index }.to_text())
            }
            Predicate::Withdrawal(withdrawal) => {
                for update in &withdrawal.updates {
                    self.mark_withdrawn(update, &id);
                }
                return;
            }
            Predicate::Rebuild(rebuild) => {
                let key = state::build_key(&rebuild.build);
                let mut build = BuildValue::parse(&self.map[&key]).unwrap();
                let word = Word { says: rebuild.outcome, id, index };
                build.rebuilds.insert(rebuild.party.to_string(), word);
                (key, build.to_text())
            }
            Predicate::Policy(policy) => {
                let value = PolicyValue { epoch: policy.epoch, id, index, reviews: BTreeMap::new() };
                (state::POLICY_KEY.into(), value.to_text())
            }
            // What reviews and accesses leave in the state, nothing here reads.
            Predicate::Review(_) | Predicate::Access(_) => return,
        };
        self.map.insert(key, value);
    }

    fn mark_withdrawn(&mut self, update: &Digest, by: &Digest) {
        let key = state::update_key(update);
        let UpdateValue::Live { index } = UpdateValue::parse(&self.map[&key]).unwrap() else {
            panic!("withdrawn twice")
        };
        self.map.insert(key, UpdateValue::Withdrawn { index, by: *by }.to_text());
    }

    /// The updates of a product that carry a file.
    fn updates(&self, sha256: &Digest, product: &str) -> Updates {
        let carrying = self.records().filter_map(|(index, record)| {
            let Predicate::Update(update) = &record.statement.predicate else { return None };
            let carries = record.statement.subjects.iter().any(|subject| subject.sha256 == *sha256);
            let value = UpdateValue::parse(&self.map[&state::update_key(&record.id)]).unwrap();
            (carries && update.product.as_str() == product).then(|| Carrying {
                index,
                id: record.id,
                channel: update.channel.clone(),
                target: update.target.clone(),
                sequence: update.sequence,
                live: matches!(value, UpdateValue::Live { .. }),
            })
        });
        Updates(carrying.collect())
    }

    fn tiles(&self) -> Tiles {
        let mut tiles = Tiles::default();
        for (key, value) in &self.map {
            prepare(&mut tiles, key);
            map::put(&mut tiles, &[(map::key_hash(key), map::value_hash(value))]).unwrap();
        }
        tiles
    }

    /// The newest cosigned checkpoint.
    pub(crate) fn checkpoint(&self) -> Note {
        let leaves = self.leaves();
        let head = TreeHead { size: leaves.len() as u64, root: root(&leaves) };
        let checkpoint = Checkpoint::new(ORIGIN, head);
        let text = checkpoint.to_text();
        let mut signatures = vec![checkpoint::sign(&checkpoint, &log_key())];
        let cosign = |number: usize| cosignature::sign(&text, self.time, &witness(number as u8));
        signatures.extend((1..=self.cosigning).map(cosign));
        Note { text, signatures }
    }

    fn leaves(&self) -> Vec<Hash> {
        self.entries.iter().map(|entry| leaf_hash(entry)).collect()
    }

    fn proved(&self, index: u64) -> Proved {
        let at = index as usize;
        Proved { index, entry: self.entries[at].clone(), proof: path(&self.leaves(), at) }
    }

    fn records(&self) -> impl Iterator<Item = (u64, Record)> {
        (0..).zip(&self.entries).filter_map(|(index, entry)| Some((index, Record::parse_entry(entry).ok()?)))
    }

    /// The status for an update.
    pub(crate) fn status(&self, update: &Digest) -> Status {
        let (_, record) = self.records().find(|(_, record)| record.id == *update).unwrap();
        let Predicate::Update(says) = &record.statement.predicate else { panic!() };
        let (mut authorities, mut namespace) = (Vec::new(), String::new());
        let (mut builds, mut sources) = (Vec::new(), Vec::new());
        for (index, record) in self.records() {
            match &record.statement.predicate {
                Predicate::Authority(one) if says.product.in_namespace(one.namespace.as_str()) => {
                    namespace = one.namespace.to_string();
                    authorities.push(self.proved(index));
                }
                Predicate::Source(_) => sources.push(record.id),
                Predicate::Build(_) => builds.push(record.id),
                _ => {}
            }
        }
        let keys = verdict::map_keys(&says.product, &namespace, &says.channel, update, &builds, &sources);
        let mut tiles = self.tiles();
        let map = keys.into_iter().map(|key| {
            prepare(&mut tiles, &key);
            MapProved { proof: map::prove(&tiles, &key).unwrap(), value: self.map.get(&key).cloned(), key }
        });
        let map = map.collect();
        let state = self.proved(self.entries.len() as u64 - 1);
        Status { checkpoint: self.checkpoint(), state, records: authorities, map }
    }

    /// The bundle of the newest update that carries a file, in the channel if one is named, with every build and source that is
    /// logged.
    pub(crate) fn bundle(&self, sha256: &Digest, channel: Option<&str>) -> Option<Bundle> {
        let carries = |record: &Record| {
            let mut files = record.statement.subjects.iter().map(|subject| &subject.sha256);
            let Predicate::Update(update) = &record.statement.predicate else { return false };
            channel.is_none_or(|channel| update.channel == channel) && files.any(|file| file == sha256)
        };
        let (update, record) = self.records().filter(|(_, record)| carries(record)).last()?;
        let built = |record: &Record| matches!(record.statement.predicate, Predicate::Source(_) | Predicate::Build(_));
        let used = self.records().filter(|(index, record)| built(record) || *index == update);
        let records = used.map(|(index, _)| self.proved(index)).collect();
        Some(Bundle { checkpoint: self.checkpoint(), records, status: self.status(&record.id) })
    }
}

fn prepare(tiles: &mut Tiles, key: &str) {
    loop {
        let missing = map::missing(tiles, &[map::key_hash(key)]);
        if missing.is_empty() {
            return;
        }
        tiles.0.extend(missing.into_iter().map(|path| (path, Tile::default())));
    }
}

impl World {
    /// Takes a submission.
    fn take(&mut self, body: &[u8]) -> Outcome {
        let record = Record::parse_submission(body).unwrap();
        if let Some((status, name)) = self.refuse
            && self.refuse_only.is_none_or(|kind| kind == record.kind())
        {
            return Outcome::Refused(Problem { name: name.into(), status, detail: "as the test wants it".into() });
        }
        // A log drops the signatures that name no key of the record's authority; this one, those that name none. Where none names
        // its key, a log finds that; this one makes one up.
        let mut named: Vec<_> =
            record.signatures.iter().filter_map(|one| Some((one.keyid?, one.sig.clone()))).collect();
        if named.is_empty() {
            named.push((Digest::of(b"the key that a log finds"), record.signatures[0].sig.clone()));
        }
        let entry = record.entry(&named).unwrap();
        let (index, known) = self.push(&entry);
        let mut submitted = Submitted { index, id: record.id, head: None, proof: None };
        if self.late > 0 {
            return Outcome::Taken { status: 202, submitted };
        }
        let (proved, checkpoint) = (self.proved(if self.lie { 0 } else { index }), self.checkpoint());
        let head = TreeHead { size: self.entries.len() as u64, root: root(&self.leaves()) };
        let mut proof = proved.to_tlog_proof(&checkpoint);
        if entry == body {
            proof.extra = None;
        }
        (submitted.head, submitted.proof) = (Some(head), Some(proof.to_text()));
        Outcome::Taken { status: if known { 200 } else { 201 }, submitted }
    }
}

/// RFC 6962: the largest power of two below the number of leaves.
fn split(leaves: &[Hash]) -> usize {
    leaves.len().next_power_of_two() / 2
}

fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves));
            node_hash(&root(left), &root(right))
        }
    }
}

fn path(leaves: &[Hash], at: usize) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(split(leaves));
    let (mut inner, sibling) = match at.checked_sub(left.len()) {
        None => (path(left, at), root(right)),
        Some(at) => (path(right, at), root(left)),
    };
    inner.push(sibling);
    inner
}

type Shared = Arc<Mutex<World>>;

/// Serves it until the process ends; returns its URL.
pub(crate) fn serve(world: &Shared) -> String {
    let router = Router::new()
        .route(api::RECORDS, post(submit).get(records))
        .route(api::BATCH, post(submit_batch))
        .route("/api/v1/records/{id}", get(record))
        .route(&format!("{}{{key}}", api::STATE_PATH), get(value))
        .route("/api/v1/proofs/{index}", get(proof))
        .route("/api/v1/bundles/{sha256}", get(bundle))
        .route("/api/v1/status/{purl}", get(status))
        .with_state(world.clone());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let (_never, shutdown) = glarus_shell::shutdown::Shutdown::new();
            let limits = glarus_shell::http::Limits::default();
            glarus_shell::http::serve(listener, router, limits, shutdown).await;
        });
    });
    url
}

async fn submit(State(world): State<Shared>, body: Bytes) -> Response {
    let mut world = world.lock().unwrap();
    match world.take(&body) {
        Outcome::Refused(Problem { status, detail, .. }) => problem(status, world.refuse.unwrap().1, detail),
        Outcome::Taken { status, submitted } => {
            let location = [(header::LOCATION, api::proof_path(submitted.index))];
            (StatusCode::from_u16(status).unwrap(), location, submitted.to_json()).into_response()
        }
    }
}

async fn submit_batch(State(world): State<Shared>, body: Bytes) -> Response {
    let mut world = world.lock().unwrap();
    let lines = api::batch_lines(&body).unwrap().into_iter();
    lines.map(|line| world.take(line).to_json()).collect::<String>().into_response()
}

async fn records(State(world): State<Shared>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap();
    let world = world.lock().unwrap();
    for kind in [Kind::Source, Kind::Build] {
        if query.starts_with(&format!("kind={kind}&")) {
            let found = world.records().find(|(_, record)| {
                let asked = |subject: &Subject| {
                    api::leading_path(kind, &subject.sha256, "").ends_with(query.split("pkg").next().unwrap())
                };
                record.kind() == kind && record.statement.subjects.iter().any(asked)
            });
            return Leading(found.map(|(index, record)| (index, record.id))).to_json().into_response();
        }
    }
    let asked = |product: &str, sha256: &Digest| api::updates_path(sha256, product).ends_with(&format!("?{query}"));
    for (_, record) in world.records() {
        let Predicate::Update(update) = &record.statement.predicate else { continue };
        for subject in &record.statement.subjects {
            if asked(update.product.as_str(), &subject.sha256) {
                return world.updates(&subject.sha256, update.product.as_str()).to_json().into_response();
            }
        }
    }
    Updates::default().to_json().into_response()
}

async fn record(State(world): State<Shared>, Path(id): Path<String>) -> Response {
    let world = world.lock().unwrap();
    match world.records().find(|(_, record)| record.id.to_string() == id) {
        Some((index, _)) => world.entries[index as usize].clone().into_response(),
        None => problem(404, "not-found", format!("no record has id {id}")),
    }
}

async fn value(State(world): State<Shared>, Path(key): Path<String>) -> Response {
    match world.lock().unwrap().map.get(&key) {
        Some(value) => value.clone().into_response(),
        None => problem(404, "not-found", format!("the state has no {key:?}")),
    }
}

async fn proof(State(world): State<Shared>, Path(index): Path<u64>) -> Response {
    let mut world = world.lock().unwrap();
    if let Some(late) = world.late.checked_sub(1) {
        world.late = late;
        return problem(503, "not-published-yet", "no checkpoint is cosigned yet".into());
    }
    world.proved(if world.lie { 0 } else { index }).to_tlog_proof(&world.checkpoint()).to_text().into_response()
}

async fn bundle(State(world): State<Shared>, Path(sha256): Path<String>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let channel = query.split('&').find_map(|parameter| parameter.strip_prefix("channel="));
    match world.lock().unwrap().bundle(&Digest::parse(&sha256).unwrap(), channel) {
        Some(bundle) => bundle.to_json().into_response(),
        None => problem(404, "not-found", format!("no update that is logged carries the file {sha256}")),
    }
}

async fn status(State(world): State<Shared>, Path(_): Path<String>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap();
    let update = query.rsplit_once("update=").unwrap().1;
    world.lock().unwrap().status(&Digest::parse(update).unwrap()).to_json().into_response()
}
