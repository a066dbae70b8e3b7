//! A small log, in memory, for benchmarks and fuzz targets: a vendor, and records of each kind that can be admitted.
//!
//! Nothing is signed. [`checked`] believes the signatures that [`submission`] writes, so what a judge does beside verifying
//! signatures is all that it does here.

use spec::admission::{self, Admission, Rows, Stop};
use spec::authority::{Authority, Namespace, PublicKey, Role, RoleName};
use spec::note::{KeyKind, Skey};
use spec::record::{self, Build, Dependency, Digest, Predicate, Product, Record, Source, Statement, Subject, Update};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The log's origin.
pub(crate) const ORIGIN: &str = "log.acme.example/updates";
/// The vendor's namespace.
pub(crate) const ACME: &str = "pkg:generic/acme/";

/// The keys by their seeds, made once: a fuzz target asks for them all the time.
static KEYS: LazyLock<Vec<(Digest, PublicKey)>> = LazyLock::new(|| {
    let key = |seed: u8| {
        let skey = Skey::from_seed("key", KeyKind::Ed25519, [seed; 32]).unwrap();
        let public = PublicKey::from_ed25519(skey.vkey().public().try_into().unwrap()).unwrap();
        (public.keyid(), public)
    };
    (0..8).map(key).collect()
});

fn public(seed: u8) -> PublicKey {
    KEYS[usize::from(seed)].1.clone()
}

/// The keyid of a key by its seed, 0 to 7.
pub(crate) fn keyid(seed: u8) -> Digest {
    KEYS[usize::from(seed)].0
}

/// What stands for a good signature by a key.
fn signature(keyid: &Digest) -> Vec<u8> {
    [keyid.0, keyid.0].concat()
}

/// Takes for valid what [`submission`] writes for a signature, and nothing else.
pub(crate) fn checked(keyid: &Digest, sig: &[u8]) -> Option<bool> {
    Some(sig == signature(keyid))
}

/// Epoch 0 of a namespace, with these roles: threshold and keys by seed.
pub(crate) fn authority(namespace: &str, roles: &[(RoleName, u64, &[u8])]) -> Statement {
    let (mut keys, mut all) = (BTreeMap::new(), BTreeMap::new());
    for (name, threshold, seeds) in roles {
        let mut keyids: Vec<_> = seeds.iter().map(|seed| keyid(*seed)).collect();
        keyids.sort();
        keys.extend(seeds.iter().map(|seed| (keyid(*seed), public(*seed))));
        all.insert(*name, Role { threshold: *threshold, keyids });
    }
    let namespace = Namespace::parse(namespace).unwrap();
    let (log, previous, distrust) = (ORIGIN.into(), None, Vec::new());
    Authority { log, namespace, epoch: 0, previous, keys, roles: all, distrust, allow_git_commit: false }
        .into_statement()
}

/// A file whose bytes are its name, so to speak.
pub(crate) fn file(name: &str) -> Subject {
    Subject { name: name.into(), sha256: Digest::of(name.as_bytes()), digests: Vec::new() }
}

/// A source of the product `shield`.
pub(crate) fn source(archive: &str) -> Statement {
    let products = vec![Product::parse(&format!("{ACME}shield")).unwrap()];
    let source = Source { log: ORIGIN.into(), products, version: "7.2.0".into(), held_at: Vec::new() };
    Statement { subjects: vec![file(archive)], predicate: Predicate::Source(source) }
}

/// A build of one artifact from one file.
pub(crate) fn build(artifact: &str, from: &str) -> Statement {
    let needs = Dependency { uri: None, sha256: Some(file(from).sha256), git_commit: None };
    let (build_type, builder) = ("https://acme.example/make".into(), "https://acme.example/builder".into());
    let build = Build { build_type, builder, dependencies: vec![needs] };
    Statement { subjects: vec![file(artifact)], predicate: Predicate::Build(build) }
}

/// An update of one file.
pub(crate) fn update(name: &str, sequence: u64, build: Digest) -> Statement {
    let update = Update {
        log: ORIGIN.into(),
        product: Product::parse(&format!("{ACME}shield")).unwrap(),
        version: "7.2.0".into(),
        channel: "stable".into(),
        target: "linux-x86_64".into(),
        sequence,
        builds: vec![build],
    };
    Statement { subjects: vec![file(name)], predicate: Predicate::Update(update) }
}

/// A submission that [`checked`] takes for signed by these keys.
pub(crate) fn submission(statement: &Statement, seeds: &[u8]) -> Vec<u8> {
    let signatures: Vec<_> = seeds.iter().map(|seed| (keyid(*seed), signature(&keyid(*seed)))).collect();
    record::envelope(statement.to_json().as_bytes(), &signatures).unwrap()
}

/// A log as far as admission sees it.
#[derive(Clone)]
pub(crate) struct World {
    /// The rows of all entries.
    pub(crate) rows: Rows,
    /// The index of the next entry.
    pub(crate) next: u64,
}

impl World {
    /// A log with its genesis and the vendor's authority; the vendor signs with key 2.
    pub(crate) fn new() -> Self {
        let mut world = Self { rows: Rows::default(), next: 0 };
        world.admit(&submission(&authority("*", &[(RoleName::Root, 1, &[1])]), &[1]));
        let all = [RoleName::Authority, RoleName::Source, RoleName::Build, RoleName::Update];
        let roles = all.map(|role| (role, 1, [2].as_slice()));
        world.admit(&submission(&authority(ACME, &roles), &[1]));
        world
    }

    /// Decides on a record at the next index.
    pub(crate) fn judge(&self, record: &Record) -> Result<Admission, Stop> {
        admission::judge(ORIGIN, self.next, record, &self.rows, &checked)
    }

    /// Logs a record, which must be admissible, and returns its id.
    pub(crate) fn admit(&mut self, submission: &[u8]) -> Digest {
        let record = Record::parse_submission(submission).unwrap();
        match self.judge(&record) {
            Ok(admission) => self.take(admission),
            Err(stop) => unreachable!("{stop}"),
        }
        record.id
    }

    /// Appends what was admitted.
    pub(crate) fn take(&mut self, admission: Admission) {
        if let Admission::New { rows, .. } = admission {
            rows.into_iter().for_each(|row| self.rows.put(row));
            self.next += 1;
        }
    }
}
