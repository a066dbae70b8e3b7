//! A log in memory, its witnesses and its vendor: genuine bundles, and lies that are signed by everybody.

use crate::admission::{self, Admission, Family, Row, Rows};
use crate::authority::{Authority, Namespace, PublicKey, Role, RoleName};
use crate::bundle::{Bundle, MapProved, Proved, Status};
use crate::checkpoint::{self, Checkpoint};
use crate::cosignature;
use crate::map::{self, Tiles};
use crate::merkle::{Hash, TreeHead, leaf_hash, naive};
use crate::note::{KeyKind, Note, Skey};
use crate::record::{
    Build, Dependency, Digest, Kind, Policy, Predicate, Product, Rebuild, Record, Review, Severity, Source, Statement,
    Subject, Update, What, Withdrawal, envelope, pae,
};
use crate::state::{
    self, BuildValue, ChannelValue, Outcome, PolicyValue, Rebuilt, SourceValue, StateEntry, TargetLine, UpdateValue,
    Word,
};
use alloc::{collections::BTreeMap, collections::BTreeSet, format, string::String, string::ToString, vec, vec::Vec};
use ed25519_dalek::{Signer as _, SigningKey};

pub(super) const ORIGIN: &str = "log.acme.example/updates";
pub(super) const ACME: &str = "pkg:generic/acme/";
/// The time at which the quorum cosigned the newest head.
pub(super) const T: u64 = 1_795_430_000;

pub(super) fn product(name: &str) -> Product {
    Product::parse(&format!("{ACME}{name}")).unwrap()
}

pub(super) fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

fn secret(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn public(seed: u8) -> PublicKey {
    PublicKey::from_ed25519(secret(seed).verifying_key().to_bytes()).unwrap()
}

pub(super) fn keyid(seed: u8) -> Digest {
    public(seed).keyid()
}

/// A party: its next epochs by key 30, its rebuilds by 31, its reviews by 32.
pub(super) fn party(name: &str) -> Authority {
    authority(name, &[(RoleName::Authority, 1, &[30]), (RoleName::Rebuild, 1, &[31]), (RoleName::Review, 1, &[32])])
}

/// Epoch 0 of a namespace, with these roles: threshold and keys by seed.
pub(super) fn authority(namespace: &str, roles: &[(RoleName, u64, &[u8])]) -> Authority {
    let namespace = Namespace::parse(namespace).unwrap();
    let (mut keys, mut all) = (BTreeMap::new(), BTreeMap::new());
    for (name, threshold, seeds) in roles {
        let mut keyids: Vec<_> = seeds.iter().map(|seed| keyid(*seed)).collect();
        keyids.sort();
        keys.extend(seeds.iter().map(|seed| (keyid(*seed), public(*seed))));
        all.insert(*name, Role { threshold: *threshold, keyids });
    }
    let (previous, distrust) = (None, Vec::new());
    Authority { log: ORIGIN.into(), namespace, epoch: 0, previous, keys, roles: all, distrust, allow_git_commit: false }
}

/// The vendor's: sources and builds by key 21, updates by two of 23, 24 and 25.
pub(super) fn acme() -> Authority {
    use RoleName::{Authority, Build, Source, Update, Withdraw};
    let build = [(Authority, 1, &[20][..]), (Source, 1, &[21]), (Build, 1, &[21])];
    authority(ACME, &[&build[..], &[(Update, 2, &[23, 24, 25]), (Withdraw, 1, &[26])]].concat())
}

/// A subject whose bytes are its name, so to speak.
pub(super) fn file(name: &str) -> Subject {
    Subject { name: name.into(), sha256: digest(&format!("the bytes of {name}")), digests: Vec::new() }
}

pub(super) fn source(archive: &str, products: &[&str], version: &str) -> Statement {
    let products = products.iter().map(|name| product(name)).collect();
    let source = Source { log: ORIGIN.into(), products, version: version.into(), held_at: Vec::new() };
    Statement { subjects: vec![file(archive)], predicate: Predicate::Source(source) }
}

pub(super) fn needs(name: &str) -> Dependency {
    Dependency { uri: None, sha256: Some(file(name).sha256), git_commit: None }
}

pub(super) fn build(artifacts: &[&str], dependencies: &[Dependency]) -> Statement {
    let (build_type, builder) = ("https://acme.example/make".into(), "https://acme.example/builder".into());
    let build = Build { build_type, builder, dependencies: dependencies.to_vec() };
    Statement { subjects: artifacts.iter().map(|name| file(name)).collect(), predicate: Predicate::Build(build) }
}

pub(super) fn update(files: &[&str], version: &str, target: &str, sequence: u64, builds: &[Digest]) -> Statement {
    let update = Update {
        log: ORIGIN.into(),
        product: product("shield"),
        version: version.into(),
        channel: "stable".into(),
        target: target.into(),
        sequence,
        builds: builds.to_vec(),
    };
    Statement { subjects: files.iter().map(|name| file(name)).collect(), predicate: Predicate::Update(update) }
}

pub(super) fn rebuild(party: &str, build: Digest, outcome: Rebuilt) -> Statement {
    let (log, party) = (ORIGIN.into(), Namespace::parse(party).unwrap());
    let rebuild = Rebuild { log, party, build, outcome, time: T - 500, rebuilt: Vec::new() };
    Statement { subjects: vec![file("shield-7.2.0.pkg")], predicate: Predicate::Rebuild(rebuild) }
}

pub(super) fn review(party: &str, of: Digest, what: What, outcome: Outcome) -> Statement {
    let (log, party) = (ORIGIN.into(), Namespace::parse(party).unwrap());
    let review = Review { log, of, party, what, outcome, time: T - 500, centre: "Glarus".into() };
    let subject = if what == What::Policy { Subject::of_name(ORIGIN) } else { file("shield-7.2.0.tar") };
    Statement { subjects: vec![subject], predicate: Predicate::Review(review) }
}

pub(super) fn withdrawal(updates: &[Digest]) -> Statement {
    let (log, updates, reason) = (ORIGIN.into(), updates.to_vec(), "it deletes what it should keep".into());
    let withdrawal = Withdrawal { log, updates, reason, severity: Severity::Critical, replacement: None };
    Statement { subjects: vec![file("shield-7.2.0.pkg")], predicate: Predicate::Withdrawal(withdrawal) }
}

pub(super) fn policy(text: &str, epoch: u64, previous: Option<Digest>) -> Statement {
    let policy = Policy { log: ORIGIN.into(), epoch, previous, policy: text.into() };
    Statement { subjects: vec![Subject::of_name(ORIGIN)], predicate: Predicate::Policy(policy) }
}

/// Who cosigned, and when.
pub(super) type Cosigners<'a> = &'a [(usize, u64)];

/// Three of the four, at [`T`] at the latest.
pub(super) const THREE: Cosigners<'static> = &[(0, T), (2, T + 7), (3, T + 2)];

pub(super) struct World {
    log: Skey,
    witnesses: Vec<Skey>,
    pub(super) entries: Vec<Vec<u8>>,
    rows: Rows,
    /// The state to come, and what it was at each size.
    pub(super) values: BTreeMap<String, String>,
    before: BTreeMap<u64, BTreeMap<String, String>>,
    pub(super) rules: u64,
}

impl World {
    /// A log with its genesis and the first state.
    pub(super) fn new() -> Self {
        let skey = |name: &str, kind, seed| Skey::from_seed(name, kind, [seed; 32]).unwrap();
        let witness = |at: u8| skey(&format!("witness.example/ch-{at}"), KeyKind::CosignatureEd25519, 50 + at);
        let mut world = Self {
            log: skey(ORIGIN, KeyKind::Ed25519, 40),
            witnesses: (1..=4).map(witness).collect(),
            entries: Vec::new(),
            rows: Rows::default(),
            values: BTreeMap::new(),
            before: BTreeMap::new(),
            rules: state::RULES,
        };
        world.admit(authority("*", &[(RoleName::Root, 1, &[10])]).into_statement(), &[10]);
        world.batch(T - 3_000);
        world
    }

    pub(super) fn log_key(&self) -> &Skey {
        &self.log
    }

    pub(super) fn policy(&self, quorum: &str) -> String {
        let witness = |(at, skey): (usize, &Skey)| format!("witness ch-{at} {}\n", skey.vkey());
        let witnesses: String = (1..).zip(&self.witnesses).map(witness).collect();
        format!("log {}\n{witnesses}group ch {quorum} ch-1 ch-2 ch-3 ch-4\nquorum ch\n", self.log.vkey())
    }

    pub(super) fn size(&self) -> u64 {
        self.entries.len() as u64
    }

    /// Signs a statement; its signatures are in the order of their keyids.
    fn record(statement: &Statement, seeds: &[u8]) -> Record {
        let payload = statement.to_json().into_bytes();
        let sign = |seed: &u8| (keyid(*seed), secret(*seed).sign(&pae(&payload)).to_bytes().to_vec());
        let signatures: Vec<_> = seeds.iter().map(sign).collect();
        Record::parse_submission(&envelope(&payload, &signatures).unwrap()).unwrap()
    }

    /// Logs a record as the log does.
    pub(super) fn admit(&mut self, statement: Statement, seeds: &[u8]) -> (Digest, u64) {
        let (record, index) = (Self::record(&statement, seeds), self.size());
        let admission = admission::judge(ORIGIN, index, &record, &self.rows, &|_, _| None);
        let Ok(Admission::New { entry, rows }) = admission else { panic!("{admission:?}") };
        self.entries.push(entry);
        for row in rows {
            self.take(row);
        }
        (record.id, index)
    }

    fn take(&mut self, row: Row) {
        if row.family == Family::State {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            self.values.insert(text(&row.key), text(&row.value));
        }
        self.rows.put(row);
    }

    /// Logs a record as no log should: unasked, with a state that says all is well.
    pub(super) fn force(&mut self, statement: Statement, seeds: &[u8]) -> (Digest, u64) {
        let (record, index) = (Self::record(&statement, seeds), self.size());
        let signatures: Vec<_> = record.signatures.iter().map(|one| (one.keyid.unwrap(), one.sig.clone())).collect();
        self.entries.push(record.entry(&signatures).unwrap());
        self.say(&record, index);
        (record.id, index)
    }

    /// The same, where neither id nor index matters.
    pub(super) fn put(&mut self, statement: Statement, seeds: &[u8]) {
        self.force(statement, seeds);
    }

    /// What the state says once a record is logged.
    fn say(&mut self, record: &Record, index: u64) {
        let id = record.id;
        let (key, value) = match &record.statement.predicate {
            Predicate::Authority(authority) => {
                (state::authority_key(authority.namespace.as_str()), format!("{} {id} {index}\n", authority.epoch))
            }
            Predicate::Source(_) => (state::source_key(&id), format!("source {index}\n")),
            Predicate::Build(_) => (state::build_key(&id), format!("build {index}\n")),
            Predicate::Update(update) => {
                let line = TargetLine { sequence: update.sequence, id, index };
                let targets = BTreeMap::from([(update.target.clone(), line)]);
                let value = ChannelValue { sequence: update.sequence, targets };
                self.values.insert(state::channel_key(update.product.as_str(), &update.channel), value.to_text());
                (state::update_key(&id), format!("live {index}\n"))
            }
            Predicate::Rebuild(Rebuild { party, build, outcome, .. }) => {
                let key = state::build_key(build);
                let mut value = BuildValue::parse(&self.values[&key]).unwrap();
                value.rebuilds.insert(party.to_string(), Word { says: *outcome, id, index });
                (key, value.to_text())
            }
            Predicate::Review(Review { party, of, what: What::Source(claim), outcome, .. }) => {
                let key = state::source_key(of);
                let mut value = SourceValue::parse(&self.values[&key]).unwrap();
                value.reviews.insert((party.to_string(), *claim), Word { says: *outcome, id, index });
                (key, value.to_text())
            }
            Predicate::Review(Review { party, outcome, .. }) => {
                let mut value = PolicyValue::parse(&self.values[state::POLICY_KEY]).unwrap();
                value.reviews.insert(party.to_string(), Word { says: *outcome, id, index });
                (state::POLICY_KEY.into(), value.to_text())
            }
            Predicate::Policy(policy) => (state::POLICY_KEY.into(), format!("{} {id} {index}\n", policy.epoch)),
            Predicate::Withdrawal(withdrawal) => {
                for update in &withdrawal.updates {
                    let key = state::update_key(update);
                    let UpdateValue::Live { index } = UpdateValue::parse(&self.values[&key]).unwrap() else { panic!() };
                    self.values.insert(key, UpdateValue::Withdrawn { index, by: id }.to_text());
                }
                return;
            }
            Predicate::Access(_) => panic!("a record of kind access"),
        };
        self.values.insert(key, value);
    }

    fn tiles(values: &BTreeMap<String, String>) -> Tiles {
        let changes: Vec<_> = values.iter().map(|(key, value)| (map::key_hash(key), map::value_hash(value))).collect();
        let mut tiles = Tiles::default();
        loop {
            let missing = map::missing(&tiles, &[]);
            if missing.is_empty() {
                break;
            }
            tiles.0.extend(missing.into_iter().map(|path| (path, Default::default())));
        }
        map::put(&mut tiles, &changes).unwrap();
        tiles
    }

    /// Ends a batch, and returns the size.
    pub(super) fn batch(&mut self, time: u64) -> u64 {
        let root = map::root(&Self::tiles(&self.values)).unwrap();
        self.entries.push(StateEntry { time, rules: self.rules, root }.to_bytes());
        self.before.insert(self.size(), self.values.clone());
        self.size()
    }

    pub(super) fn head(&self, size: u64) -> TreeHead {
        TreeHead { size, root: naive::root(&self.leaves(size)) }
    }

    fn leaves(&self, size: u64) -> Vec<Hash> {
        self.entries[..size as usize].iter().map(|entry| leaf_hash(entry)).collect()
    }

    /// A checkpoint of any head, signed by the log and cosigned.
    pub(super) fn note(&self, head: TreeHead, cosigners: Cosigners<'_>) -> Note {
        let checkpoint = Checkpoint::new(ORIGIN, head);
        let text = checkpoint.to_text();
        let mut signatures = vec![checkpoint::sign(&checkpoint, &self.log)];
        signatures.extend(cosigners.iter().map(|(at, time)| cosignature::sign(&text, *time, &self.witnesses[*at])));
        Note { text, signatures }
    }

    pub(super) fn proved(&self, index: u64, size: u64) -> Proved {
        let proof = naive::path(index as usize, &self.leaves(size));
        Proved { index, entry: self.entries[index as usize].clone(), proof }
    }

    pub(super) fn map_proved(&self, key: &str, size: u64) -> MapProved {
        let values = &self.before[&size];
        let proof = map::prove(&Self::tiles(values), key).unwrap();
        MapProved { key: key.into(), value: values.get(key).cloned(), proof }
    }

    pub(super) fn status(&self, size: u64, cosigners: Cosigners<'_>, records: &[u64], keys: &[String]) -> Status {
        let mut keys = keys.to_vec();
        keys.sort();
        keys.dedup();
        Status {
            checkpoint: self.note(self.head(size), cosigners),
            state: self.proved(size - 1, size),
            records: records.iter().map(|index| self.proved(*index, size)).collect(),
            map: keys.iter().map(|key| self.map_proved(key, size)).collect(),
        }
    }

    /// The records of these indices under the head of a size, with a status of another.
    pub(super) fn bundle(&self, indices: &[u64], size: u64, status: Status) -> Bundle {
        let checkpoint = self.note(self.head(size), &[(0, T - 1_500), (1, T - 1_500), (2, T - 1_400)]);
        Bundle { checkpoint, records: indices.iter().map(|index| self.proved(*index, size)).collect(), status }
    }

    fn records(&self, size: u64) -> impl Iterator<Item = (u64, Record)> {
        let read = |entry: &Vec<u8>| Record::parse_entry(entry).ok();
        (0..size).zip(&self.entries).filter_map(move |(index, entry)| Some((index, read(entry)?)))
    }

    /// What the status of a size has for these records, as a log makes it: indices and keys.
    pub(super) fn stated(
        &self,
        indices: &[u64],
        product: &Product,
        channel: &str,
        size: u64,
    ) -> (Vec<u64>, Vec<String>) {
        let mut keys = vec![state::authority_key(ACME), state::channel_key(product.as_str(), channel)];
        keys.push(state::POLICY_KEY.into());
        keys.extend(indices.iter().filter(|index| **index < size).map(|index| {
            let record = Record::parse_entry(&self.entries[*index as usize]).unwrap();
            format!("{} {}", record.kind(), record.id)
        }));
        let values = &self.before[&size];
        let said: String = keys[3..].iter().filter_map(|key| values.get(key)).cloned().collect();
        // Ids of words and parties stand in the values; no two ids are alike, so any word of them may be looked for.
        let words: BTreeSet<&str> = said.split([' ', '\n']).collect();
        let mut records = Vec::new();
        for (index, record) in self.records(size) {
            let named = match &record.statement.predicate {
                Predicate::Authority(authority) => {
                    let namespace = authority.namespace.as_str();
                    if words.contains(namespace) {
                        keys.push(state::authority_key(namespace));
                    }
                    namespace == ACME || words.contains(namespace)
                }
                Predicate::Rebuild(_) | Predicate::Review(_) | Predicate::Withdrawal(_) => {
                    words.contains(record.id.to_string().as_str())
                }
                _ => false,
            };
            if named {
                records.push(index);
            }
        }
        (records, keys)
    }

    /// What a status of a size has that proves the policy on record.
    pub(super) fn policy_status(&self, size: u64, cosigners: Cosigners<'_>) -> Status {
        let value = self.before[&size].get(state::POLICY_KEY).cloned().unwrap_or_default();
        let words: BTreeSet<&str> = value.split([' ', '\n']).collect();
        let (mut records, mut keys) = (Vec::new(), vec![state::POLICY_KEY.into()]);
        for (index, record) in self.records(size) {
            let party = match &record.statement.predicate {
                Predicate::Authority(authority) => Some(authority.namespace.as_str()),
                _ => None,
            };
            keys.extend(party.filter(|party| words.contains(party)).map(state::authority_key));
            if words.contains(record.id.to_string().as_str()) || party.is_some_and(|party| words.contains(party)) {
                records.push(index);
            }
        }
        self.status(size, cosigners, &records, &keys)
    }

    pub(super) fn id(&self, index: u64) -> Digest {
        Record::parse_entry(&self.entries[index as usize]).unwrap().id
    }

    /// Changes what the state is going to say.
    pub(super) fn lie(&mut self, key: &str, value: Option<&str>) {
        match value {
            Some(value) => self.values.insert(key.to_string(), value.to_string()),
            None => self.values.remove(key),
        };
    }

    pub(super) fn key_of(&self, kind: Kind, index: u64) -> String {
        format!("{kind} {}", self.id(index))
    }
}
