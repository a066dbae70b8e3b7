//! What the log should know, kept beside it without a line of its code: who may sign what, what is logged, and which records
//! it must take next.

use glarus_tests::random::Random;
use serde_json::{Map, Value, json};
use spec::authority::{Algorithm, SecretKey};
use spec::record::{Digest, pae};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) const LOG: &str = "log.acme.example/updates";
/// The forms of records that are made: the nine kinds, a first epoch beside a next one, both versions of provenance, and
/// reviews of sources and of policies.
pub(crate) const FORMS: [&str; 12] = [
    "first-authority",
    "authority",
    "source",
    "build",
    "build-v0.2",
    "rebuild",
    "update",
    "withdrawal",
    "review",
    "policy-review",
    "policy",
    "access",
];
const VENDOR: &[&str] = &["authority", "source", "build", "update", "withdraw", "access"];
const PARTY: &[&str] = &["authority", "rebuild", "review"];
/// The log, two vendors and two parties.
const NAMESPACES: [(&str, &[&str]); 5] = [
    ("*", &["root"]),
    ("pkg:generic/acme/", VENDOR),
    ("pkg:npm/zeta/", VENDOR),
    ("https://rebuild.example.ch", PARTY),
    ("https://centre.example", PARTY),
];
const VENDORS: [usize; 2] = [1, 2];
const PARTIES: [usize; 2] = [3, 4];
/// Steps from a build to its source; the log takes eight.
const MAX_DEPTH: u8 = 4;

/// A record key, of any of the three algorithms.
#[derive(Clone)]
pub(crate) struct Key(SecretKey);

impl Key {
    /// A key that nobody else has.
    pub(crate) fn new(random: &mut Random) -> Self {
        let algorithm = match random.below(8) {
            0 => Algorithm::EcdsaP256Sha256,
            1 => Algorithm::MlDsa44,
            _ => Algorithm::Ed25519,
        };
        // No scalar of P-256 is refused but one in 2^32.
        std::iter::repeat_with(|| seed(random))
            .find_map(|seed| SecretKey::from_seed(algorithm, &seed))
            .map(Self)
            .unwrap()
    }

    pub(crate) fn keyid(&self) -> String {
        self.0.public().keyid().to_string()
    }

    pub(crate) fn sign(&self, payload: &[u8], random: &mut Random) -> Vec<u8> {
        self.0.sign(&pae(payload), &seed(random))
    }

    fn to_json(&self) -> Value {
        let public = self.0.public();
        json!({ "algorithm": public.algorithm.name(), "spki": crate::damage::base64(&public.spki()) })
    }
}

fn seed(random: &mut Random) -> [u8; 32] {
    Digest::of(&random.bits().to_be_bytes()).0
}

/// A namespace as its epoch in force has it.
#[derive(Clone)]
pub(crate) struct Namespace {
    name: String,
    roles: &'static [&'static str],
    pub(crate) epoch: u64,
    id: String,
    /// By role who signs: as many as the threshold needs.
    pub(crate) keys: BTreeMap<&'static str, Vec<Key>>,
    /// Keys that the role still lists, and that are distrusted from epoch 1 on.
    pub(crate) lost: BTreeMap<&'static str, Key>,
    /// By role the keys of all epochs before.
    pub(crate) stale: BTreeMap<&'static str, Vec<Key>>,
    distrust: BTreeMap<String, u64>,
}

impl Namespace {
    fn new(name: &str, roles: &'static [&'static str], random: &mut Random) -> Self {
        let (keys, stale) = (fresh_keys(roles, random), BTreeMap::new());
        // Distrust never touches the roles that sign epochs.
        let losing = roles.iter().filter(|role| !matches!(**role, "root" | "authority"));
        let lost = losing.map(|role| (*role, Key::new(random))).collect();
        let (name, id, distrust) = (name.into(), String::new(), BTreeMap::new());
        Self { name, roles, epoch: 0, id, keys, lost, stale, distrust }
    }

    /// The next epoch: all keys are others, and the lost ones are distrusted from `index` or before.
    fn next(&self, index: u64, random: &mut Random) -> Self {
        let mut next = Self { epoch: self.epoch + 1, keys: fresh_keys(self.roles, random), ..self.clone() };
        for (role, keys) in &self.keys {
            next.stale.entry(role).or_default().extend(keys.iter().cloned());
        }
        for key in self.lost.values() {
            let last = self.distrust.get(&key.keyid()).copied().unwrap_or(index);
            next.distrust.insert(key.keyid(), random.below(last + 1));
        }
        next
    }

    fn statement(&self, previous: Option<&str>) -> Value {
        let (mut keys, mut roles) = (Map::new(), Map::new());
        for (role, holders) in &self.keys {
            let all: Vec<_> = holders.iter().chain(self.lost.get(role)).collect();
            keys.extend(all.iter().map(|key| (key.keyid(), key.to_json())));
            let keyids: BTreeSet<_> = all.iter().map(|key| key.keyid()).collect();
            roles.insert((*role).into(), json!({ "threshold": holders.len(), "keyids": keyids }));
        }
        let distrust = self.distrust.iter().map(|(keyid, from)| json!({ "keyid": keyid, "fromIndex": from }));
        let (name, epoch, distrust) = (&self.name, self.epoch, distrust.collect::<Vec<_>>());
        let predicate = json!({ "log": LOG, "namespace": name, "epoch": epoch, "previous": previous, "keys": keys,
            "roles": roles, "distrust": distrust, "allowGitCommit": false });
        statement("urn:glarus:authority:v1", &[of_name(name)], predicate)
    }
}

/// Two keys for what needs two, one for everything else.
fn fresh_keys(roles: &'static [&'static str], random: &mut Random) -> BTreeMap<&'static str, Vec<Key>> {
    let count = |role: &str| if matches!(role, "root" | "update") { 2 } else { 1 };
    roles.iter().map(|role| (*role, (0..count(role)).map(|_| Key::new(random)).collect())).collect()
}

/// A name and a SHA-256.
type File = (String, String);

fn of_name(name: &str) -> File {
    (name.into(), Digest::of(name.as_bytes()).to_string())
}

fn statement(predicate_type: &str, files: &[File], predicate: Value) -> Value {
    let subjects: Vec<_> =
        files.iter().map(|(name, sha256)| json!({ "name": name, "digest": { "sha256": sha256 } })).collect();
    json!({ "_type": "https://in-toto.io/Statement/v1", "subject": subjects, "predicateType": predicate_type,
        "predicate": predicate })
}

#[derive(Clone, Default)]
pub(crate) struct Source {
    id: String,
    pub(crate) namespace: usize,
    products: Vec<String>,
    archives: Vec<File>,
}

#[derive(Clone, Default)]
pub(crate) struct Build {
    pub(crate) id: String,
    pub(crate) namespace: usize,
    pub(crate) products: Vec<String>,
    pub(crate) artifacts: Vec<File>,
    depth: u8,
    released: bool,
}

#[derive(Clone, Default)]
pub(crate) struct Update {
    id: String,
    index: u64,
    pub(crate) namespace: usize,
    product: String,
    channel: String,
    target: String,
    sequence: u64,
    files: Vec<File>,
    builds: Vec<usize>,
    withdrawn: bool,
}

/// What a record changes once it is logged.
#[derive(Clone)]
enum Effect {
    Nothing,
    First(String),
    Epoch(usize, Box<Namespace>),
    Source(Source),
    Build(Build),
    Update(Update),
    Withdrawal(Vec<usize>),
    /// Of a key of the state what a party says, and when.
    Word {
        key: String,
        about: String,
        says: String,
        time: u64,
    },
    Policy(u64),
}

/// A record that the log must take next, and who signs it.
#[derive(Clone)]
pub(crate) struct Good {
    pub(crate) form: &'static str,
    pub(crate) statement: Value,
    /// Whose role it is to sign: the place of a namespace, and the role.
    pub(crate) namespace: usize,
    pub(crate) role: &'static str,
    effect: Effect,
}

/// A record in the log.
pub(crate) struct Logged {
    pub(crate) form: &'static str,
    pub(crate) id: String,
    pub(crate) index: u64,
    pub(crate) payload: String,
    /// Those of its entry, by keyid.
    pub(crate) signatures: Vec<(String, Vec<u8>)>,
    pub(crate) signers: Vec<Key>,
}

/// The log as it should be.
pub(crate) struct Model {
    pub(crate) namespaces: Vec<Namespace>,
    pub(crate) builds: Vec<Build>,
    pub(crate) logged: Vec<Logged>,
    /// By key of the state what its lines are about, and the lines.
    state: BTreeMap<String, BTreeMap<String, String>>,
    /// When a party spoke last, by key and what it spoke about.
    pub(crate) last_time: BTreeMap<(String, String), u64>,
    sources: Vec<Source>,
    updates: Vec<Update>,
    policy: Option<(u64, String)>,
    count: u64,
}

impl Model {
    pub(crate) fn new(random: &mut Random) -> Self {
        let namespaces = NAMESPACES.map(|(name, roles)| Namespace::new(name, roles, random)).into();
        Self {
            namespaces,
            builds: Vec::new(),
            logged: Vec::new(),
            state: BTreeMap::new(),
            last_time: BTreeMap::new(),
            sources: Vec::new(),
            updates: Vec::new(),
            policy: None,
            count: 0,
        }
    }

    /// The index of the next record: a state entry follows each.
    pub(crate) fn next_index(&self) -> u64 {
        2 * self.logged.len() as u64
    }

    /// The records that it begins with: two epochs of each namespace.
    pub(crate) fn founding(&mut self, number: usize, random: &mut Random) -> Option<Good> {
        let count = self.namespaces.len();
        if number < count {
            let first = self.namespaces[number].clone();
            let statement = first.statement(None);
            let effect = Effect::Epoch(number, Box::new(first));
            return Some(Good { form: "first-authority", statement, namespace: 0, role: "root", effect });
        }
        (number < 2 * count).then(|| self.epoch(number - count, random))
    }

    /// A record of a form, if what it needs is there.
    pub(crate) fn good(&mut self, form: &'static str, random: &mut Random) -> Option<Good> {
        match form {
            "first-authority" => Some(self.first(random)),
            "authority" => {
                let at = random.below(NAMESPACES.len() as u64) as usize;
                Some(self.epoch(at, random))
            }
            "source" => self.source(random),
            "build" | "build-v0.2" => self.build(form, random),
            "rebuild" => self.rebuild(random),
            "update" => self.update(random),
            "withdrawal" => self.withdrawal(random),
            "review" => self.review(random),
            "policy-review" => self.policy_review(random),
            "policy" => Some(self.policy()),
            _ => self.access(random),
        }
    }

    /// A number that was not there before, and rises.
    fn number(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    fn files(&mut self, count: u64, suffix: &str) -> Vec<File> {
        let mut file = || of_name(&format!("{}.{suffix}", self.number()));
        (0..count).map(|_| file()).collect()
    }

    fn first(&mut self, random: &mut Random) -> Good {
        let (number, party) = (self.number(), random.below(2) == 0);
        let name = if party { format!("https://p{number}.example") } else { format!("pkg:cargo/v{number}/") };
        let first = Namespace::new(&name, if party { PARTY } else { VENDOR }, random);
        let (statement, effect) = (first.statement(None), Effect::First(name));
        Good { form: "first-authority", statement, namespace: 0, role: "root", effect }
    }

    fn epoch(&mut self, at: usize, random: &mut Random) -> Good {
        let next = self.namespaces[at].next(self.next_index(), random);
        let statement = next.statement(Some(&self.namespaces[at].id));
        let role = if at == 0 { "root" } else { "authority" };
        Good { form: "authority", statement, namespace: at, role, effect: Effect::Epoch(at, Box::new(next)) }
    }

    fn source(&mut self, random: &mut Random) -> Option<Good> {
        let namespace = *random.pick(&VENDORS)?;
        let name = NAMESPACES[namespace].0;
        let first = random.below(3);
        let products: Vec<_> =
            (first..=first + random.below(2)).map(|number| format!("{name}product-{number}")).collect();
        let archives = self.files(1 + random.below(2), "tar");
        let predicate = json!({ "log": LOG, "products": products, "version": "7.2.0", "heldAt": [] });
        let statement = statement("urn:glarus:source:v1", &archives, predicate);
        let effect = Effect::Source(Source { id: String::new(), namespace, products, archives });
        Some(Good { form: "source", statement, namespace, role: "source", effect })
    }

    /// A build of an archive of a source, or of an artifact of a build; a further input leads nowhere.
    fn build(&mut self, form: &'static str, random: &mut Random) -> Option<Good> {
        let sources = self.sources.iter().map(|from| (from.namespace, &from.products, &from.archives, 0));
        let shallow = self.builds.iter().filter(|build| build.depth < MAX_DEPTH);
        let builds = shallow.map(|from| (from.namespace, &from.products, &from.artifacts, from.depth));
        let inputs: Vec<_> = sources.chain(builds).collect();
        let (namespace, products, files, depth) = *random.pick(&inputs)?;
        let (products, depth) = (products.clone(), depth + 1);
        let input = json!({ "uri": "https://dl.example/input", "digest": { "sha256": random.pick(files)?.1 } });
        let mut inputs = vec![input];
        if random.below(2) == 0 {
            inputs.push(json!({ "uri": "https://dl.example/zlib", "digest": { "sha256": self.files(1, "zip")[0].1 } }));
        }
        let artifacts = self.files(1 + random.below(3), "pkg");
        let (build_type, builder) = ("https://ci.example/make@v1", json!({ "id": "https://ci.example/hosted" }));
        let (kind, predicate) = match form {
            "build" => {
                let definition =
                    json!({ "buildType": build_type, "externalParameters": {}, "resolvedDependencies": inputs });
                let predicate = json!({ "buildDefinition": definition, "runDetails": { "builder": builder } });
                ("https://slsa.dev/provenance/v1", predicate)
            }
            _ => {
                let predicate = json!({ "builder": builder, "buildType": build_type, "materials": inputs });
                ("https://slsa.dev/provenance/v0.2", predicate)
            }
        };
        let statement = statement(kind, &artifacts, predicate);
        let effect = Effect::Build(Build { id: String::new(), namespace, products, artifacts, depth, released: false });
        Some(Good { form, statement, namespace, role: "build", effect })
    }

    /// What none has released yet, of one or two builds.
    fn update(&mut self, random: &mut Random) -> Option<Good> {
        let free: Vec<_> = (0..self.builds.len()).filter(|at| !self.builds[*at].released).collect();
        let first = *random.pick(&free)?;
        let Build { namespace, ref products, .. } = self.builds[first];
        let product = random.pick(products)?.clone();
        let fits = |at: &usize| *at != first && self.builds[*at].products.contains(&product);
        let others: Vec<_> = free.iter().copied().filter(fits).collect();
        let second = random.pick(&others).filter(|_| random.below(2) == 0);
        let builds: Vec<_> = [first].into_iter().chain(second.copied()).collect();
        let mut files: Vec<_> = builds.iter().map(|at| self.builds[*at].artifacts[0].clone()).collect();
        files.extend(self.builds[first].artifacts.iter().skip(1).filter(|_| random.below(2) == 0).cloned());
        let channel = String::from(*random.pick(&["stable", "beta"])?);
        let target = String::from(*random.pick(&["", "linux"])?);
        let of_channel = |update: &&Update| update.product == product && update.channel == channel;
        let sequence = 1 + self.updates.iter().filter(of_channel).count() as u64;
        let ids: Vec<_> = builds.iter().map(|at| &self.builds[*at].id).collect();
        let predicate = json!({ "log": LOG, "product": product, "version": format!("7.2.{}", self.count),
            "channel": channel, "target": target, "sequence": sequence, "builds": ids });
        let statement = statement("urn:glarus:update:v1", &files, predicate);
        let (id, index, withdrawn) = (String::new(), 0, false);
        let update = Update { id, index, namespace, product, channel, target, sequence, files, builds, withdrawn };
        Some(Good { form: "update", statement, namespace, role: "update", effect: Effect::Update(update) })
    }

    /// One or two updates of a product, and perhaps a third in their place.
    fn withdrawal(&mut self, random: &mut Random) -> Option<Good> {
        let live: Vec<_> = (0..self.updates.len()).filter(|at| !self.updates[*at].withdrawn).collect();
        let first = *random.pick(&live)?;
        let Update { namespace, ref product, .. } = self.updates[first];
        let mut others = live.iter().copied().filter(|at| *at != first && self.updates[*at].product == *product);
        let second = others.next().filter(|_| random.below(2) == 0);
        let replacement = others.next().filter(|_| random.below(2) == 0);
        let updates: Vec<_> = [first].into_iter().chain(second).collect();
        let files: Vec<_> = updates.iter().map(|at| self.updates[*at].files[0].clone()).collect();
        let id = |at: &usize| &self.updates[*at].id;
        let predicate = json!({ "log": LOG, "updates": updates.iter().map(id).collect::<Vec<_>>(),
            "reason": "it deletes files", "severity": "high", "replacement": replacement.as_ref().map(id) });
        let statement = statement("urn:glarus:withdrawal:v1", &files, predicate);
        let effect = Effect::Withdrawal(updates);
        Some(Good { form: "withdrawal", statement, namespace, role: "withdraw", effect })
    }

    fn rebuild(&mut self, random: &mut Random) -> Option<Good> {
        let (namespace, time) = (*random.pick(&PARTIES)?, self.number());
        let (party, says) = (NAMESPACES[namespace].0, *random.pick(&["PASSED", "FAILED"])?);
        let Build { id, artifacts, .. } = random.pick(&self.builds)?;
        let rebuilt: Vec<_> = artifacts
            .iter()
            .map(|(name, sha256)| json!({ "name": format!("again-{name}"), "digest": { "sha256": sha256 } }))
            .collect();
        let predicate = json!({ "verifier": { "id": party }, "timeVerified": time_verified(time),
            "resourceUri": "urn:example:build", "policy": { "uri": format!("urn:glarus:rebuild:v1:{LOG}") },
            "inputAttestations": [{ "digest": { "sha256": id } }], "verificationResult": says, "verifiedLevels": [],
            "rebuilt": rebuilt });
        let statement = statement("https://slsa.dev/verification_summary/v1", artifacts, predicate);
        let effect = Effect::Word { key: format!("build {id}"), about: party.into(), says: says.into(), time };
        Some(Good { form: "rebuild", statement, namespace, role: "rebuild", effect })
    }

    fn review(&mut self, random: &mut Random) -> Option<Good> {
        let what = *random.pick(&["held", "examined"])?;
        let source = random.pick(&self.sources)?.clone();
        let key = format!("source {}", source.id);
        self.review_of(("review", what), &source.id, &source.archives, key, random)
    }

    fn policy_review(&mut self, random: &mut Random) -> Option<Good> {
        let (_, id) = self.policy.clone()?;
        self.review_of(("policy-review", "policy"), &id, &[of_name(LOG)], "policy".into(), random)
    }

    fn review_of(
        &mut self,
        (form, what): (&'static str, &str),
        of: &str,
        files: &[File],
        key: String,
        random: &mut Random,
    ) -> Option<Good> {
        let (namespace, time) = (*random.pick(&PARTIES)?, self.number());
        let (party, says) = (NAMESPACES[namespace].0, *random.pick(&["confirmed", "contradicted"])?);
        let predicate = json!({ "log": LOG, "of": of, "party": party, "what": what, "outcome": says, "time": time,
            "centre": "Glarus" });
        let statement = statement("urn:glarus:review:v1", files, predicate);
        let about = if form == "review" { format!("{party} {what}") } else { party.into() };
        let effect = Effect::Word { key, about, says: says.into(), time };
        Some(Good { form, statement, namespace, role: "review", effect })
    }

    fn policy(&mut self) -> Good {
        let (epoch, previous) = self.policy.as_ref().map_or((0, None), |(epoch, id)| (epoch + 1, Some(id)));
        let text = format!("# the policy of epoch {epoch}\nquorum none\n");
        let predicate = json!({ "log": LOG, "epoch": epoch, "previous": previous, "policy": text });
        let statement = statement("urn:glarus:policy:v1", &[of_name(LOG)], predicate);
        Good { form: "policy", statement, namespace: 0, role: "root", effect: Effect::Policy(epoch) }
    }

    fn access(&mut self, random: &mut Random) -> Option<Good> {
        let (namespace, number) = (*random.pick(&VENDORS)?, self.number());
        let store = format!("crash-reports-{number}");
        let predicate = json!({ "log": LOG, "namespace": NAMESPACES[namespace].0, "store": store,
            "purpose": "support case 17", "from": number, "until": number + 86_400,
            "commitment": Digest::of(&number.to_be_bytes()).to_string() });
        let statement = statement("urn:glarus:access:v1", &[of_name(&store)], predicate);
        Some(Good { form: "access", statement, namespace, role: "access", effect: Effect::Nothing })
    }

    /// Who signs a record.
    pub(crate) fn signers(&self, good: &Good) -> Vec<Key> {
        self.namespaces[good.namespace].keys[good.role].clone()
    }

    /// The record is in the log: what is known from here on.
    pub(crate) fn admit(&mut self, good: Good, payload: String, signatures: Vec<(String, Vec<u8>)>) {
        let (id, index) = (Digest::of(&pae(payload.as_bytes())).to_string(), self.next_index());
        let signers = self.signers(&good);
        self.logged.push(Logged { form: good.form, id: id.clone(), index, payload, signatures, signers });
        match good.effect {
            Effect::Nothing => {}
            Effect::First(name) => self.set(format!("authority {name}"), "", format!("0 {id} {index}")),
            Effect::Epoch(at, next) => {
                self.set(format!("authority {}", next.name), "", format!("{} {id} {index}", next.epoch));
                self.namespaces[at] = Namespace { id, ..*next };
            }
            Effect::Source(source) => {
                self.set(format!("source {id}"), "", format!("source {index}"));
                self.sources.push(Source { id, ..source });
            }
            Effect::Build(build) => {
                self.set(format!("build {id}"), "", format!("build {index}"));
                self.builds.push(Build { id, ..build });
            }
            Effect::Update(update) => {
                update.builds.iter().for_each(|at| self.builds[*at].released = true);
                self.updates.push(Update { id: id.clone(), index, ..update });
                self.set(format!("update {id}"), "", format!("live {index}"));
                self.set_channel(self.updates.len() - 1);
            }
            Effect::Withdrawal(updates) => {
                for at in updates {
                    self.updates[at].withdrawn = true;
                    let Update { id: update, index, .. } = &self.updates[at];
                    self.set(format!("update {update}"), "", format!("withdrawn {index} {id}"));
                    self.set_channel(at);
                }
            }
            Effect::Word { key, about, says, time } => {
                self.set(key.clone(), &about, format!("{about} {says} {id} {index}"));
                self.last_time.insert((key, about), time);
            }
            Effect::Policy(epoch) => {
                // What was said of the one before is dropped.
                self.state.remove("policy");
                self.last_time.retain(|(key, _), _| key != "policy");
                self.set("policy".into(), "", format!("{epoch} {id} {index}"));
                self.policy = Some((epoch, id));
            }
        }
    }

    fn set(&mut self, key: String, about: &str, line: String) {
        self.state.entry(key).or_default().insert(about.into(), line);
    }

    /// The lines of an update's channel, as the updates have them.
    fn set_channel(&mut self, at: usize) {
        let Update { product, channel, target, .. } = self.updates[at].clone();
        let key = format!("channel {product} {channel}");
        let of_channel: Vec<_> =
            self.updates.iter().filter(|one| one.product == product && one.channel == channel).collect();
        let sequence = format!("sequence {}", of_channel.len());
        let live = of_channel.iter().filter(|one| one.target == target && !one.withdrawn);
        let name = format!("target {}", if target.is_empty() { "-" } else { &target });
        let newest = live.max_by_key(|one| one.sequence);
        let newest = newest.map(|one| format!("{name} {} {} {}", one.sequence, one.id, one.index));
        let lines = self.state.entry(key).or_default();
        lines.insert(String::new(), sequence);
        match newest {
            Some(line) => drop(lines.insert(name, line)),
            None => drop(lines.remove(&name)),
        }
    }

    /// When the party of a record spoke last about the same thing, if it did.
    pub(crate) fn last_word(&self, good: &Good) -> Option<u64> {
        let Effect::Word { key, about, .. } = &good.effect else { return None };
        self.last_time.get(&(key.clone(), about.clone())).copied()
    }

    /// The text that the state has for each key.
    pub(crate) fn state(&self) -> impl Iterator<Item = (&str, String)> {
        self.state.iter().map(|(key, lines)| {
            let lines: BTreeSet<_> = lines.values().collect();
            (key.as_str(), lines.into_iter().map(|line| format!("{line}\n")).collect())
        })
    }
}

/// A time of SLSA's form: so many seconds after the beginning of a day.
pub(crate) fn time_verified(time: u64) -> String {
    format!("2026-11-23T{:02}:{:02}:{:02}Z", time / 3_600, time / 60 % 60, time % 60)
}
