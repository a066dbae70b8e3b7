//! Admission: small logs, one submission a line. Each line is a batch of its own, which a state entry follows: line n,
//! counted from 0, is entry 2n.

use super::format::{Vector, base64};
use ed25519_dalek::{Signer as _, SigningKey};
use spec::admission::{self, Admission, Rows, Stop};
use spec::authority::{Authority, Distrust, Namespace, PublicKey, Role, RoleName};
use spec::record::{
    Access, Build, Dependency, Digest, Policy, Predicate, Product, Rebuild, Record, Review, Severity, Source,
    Statement, Subject, Update, What, Withdrawal, envelope, pae,
};
use spec::state::{Claim, Outcome, Rebuilt};
use std::collections::{BTreeMap, BTreeSet};

const SPEC: &str = "https://github.com/glarus/glarus/blob/main/spec/admission.md";
const LOG: &str = "log.acme.example/updates";
const ACME: &str = "pkg:generic/acme/";
const SHIELD: &str = "pkg:generic/acme/shield";
const SWORD: &str = "pkg:generic/acme/sword";
const CH: &str = "https://rebuild.example.ch";
const ROOT: &[u8] = &[1];

/// What became of the last line: the name of the refusal or `accept`, the status, the message, the index of each line that
/// has one, and the entry of each that made one.
struct Outcomes {
    name: String,
    status: u16,
    message: String,
    indices: Vec<u64>,
    entries: Vec<Vec<u8>>,
}

fn judge(vector: &Vector) -> Outcomes {
    let mut rows = Rows::default();
    let mut size = 0;
    let (mut indices, mut entries) = (Vec::new(), Vec::new());
    let lines: Vec<_> = vector.text().lines().collect();
    for (at, line) in lines.iter().enumerate() {
        let ended = |name: &str, status: u16, message: String, indices: Vec<u64>, entries: Vec<Vec<u8>>| {
            assert_eq!(at + 1, lines.len(), "{}: line {at}: {message}", vector.name);
            Outcomes { name: name.into(), status, message, indices, entries }
        };
        let record = match Record::parse_submission(line.as_bytes()) {
            Ok(record) => record,
            Err(error) => return ended(error.name(), error.status(), error.to_string(), indices, entries),
        };
        match admission::judge(LOG, size, &record, &rows, &|_, _| None) {
            Ok(Admission::New { entry, rows: new }) => {
                new.into_iter().for_each(|row| rows.put(row));
                indices.push(size);
                entries.push(entry);
                size += 2;
            }
            Ok(Admission::Known { index }) => {
                indices.push(index);
                return ended("accept", 200, String::new(), indices, entries);
            }
            Err(Stop::Refused(refusal)) => {
                return ended(refusal.name(), refusal.status(), refusal.to_string(), indices, entries);
            }
            Err(Stop::Corrupt(corrupt)) => panic!("{}: {corrupt}", vector.name),
        }
    }
    Outcomes { name: "accept".into(), status: 201, message: String::new(), indices, entries }
}

pub fn run(vector: &Vector) -> String {
    let Outcomes { name, status, indices, entries, .. } = judge(vector);
    assert_eq!(status.to_string(), vector.get("status"), "{}", vector.name);
    let indices: Vec<_> = indices.iter().map(u64::to_string).collect();
    assert_eq!(indices.join(" "), vector.find("indices").unwrap_or_default(), "{}", vector.name);
    // Each line that is admitted is its own entry, but the last where the header has another.
    let mut need: Vec<_> = vector.text().lines().take(entries.len()).map(|line| line.as_bytes().to_vec()).collect();
    if vector.find("entry-base64").is_some() {
        *need.last_mut().unwrap() = vector.base64("entry-base64");
        assert_eq!((need.len(), name.as_str()), (vector.text().lines().count(), "accept"), "{}", vector.name);
    }
    assert!(entries == need, "{}: other entries", vector.name);
    name
}

/// Every refusal has a row in `admission.md` and a vector of its name, whose message and status the row has.
#[test]
fn the_table_has_every_refusal() {
    let prose = include_str!("../../admission.md");
    let table = prose.split("# Refusals\n").nth(1).unwrap().split("\n# ").next().unwrap();
    let mut rows = BTreeMap::new();
    for line in table.lines().filter_map(|line| line.strip_prefix("| `")) {
        let cells: Vec<_> = line.trim_end_matches(" |").splitn(5, " | ").collect();
        let name = cells[0].trim_end_matches('`');
        assert!(rows.insert(name, (cells[1], cells[4])).is_none(), "{name} stands twice");
    }
    // The names that the code can produce: the entry's own are those of the record, of which one can be met here.
    let code = include_str!("../../src/admission/refusal.rs");
    let names = code.lines().filter_map(|line| line.split_once("=> \"")?.1.split_once('"'));
    let names: BTreeSet<_> = names.map(|(name, _)| name).chain(["too-large"]).collect();
    assert_eq!(rows.keys().copied().collect::<BTreeSet<_>>(), names);

    let vectors: BTreeMap<_, _> = make().into_iter().map(|vector| (vector.name.clone(), vector)).collect();
    let mut wrong = Vec::new();
    for (name, have) in rows {
        let vector = vectors.get(name).unwrap_or_else(|| panic!("no vector {name}"));
        let outcomes = judge(vector);
        assert_eq!(outcomes.name, name);
        let (status, example) = (outcomes.status.to_string(), short(&outcomes.message));
        if have != (status.as_str(), example.as_str()) {
            wrong.push(format!("{name} | {status} | {example}"));
        }
    }
    assert!(wrong.is_empty(), "the table should say:\n{}", wrong.join("\n"));
}

/// A message with eight digits of each digest.
pub fn short(message: &str) -> String {
    let mut out = String::new();
    let mut rest = message;
    while !rest.is_empty() {
        let hex = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
        if hex == 64 {
            out.push_str(&rest[..8]);
            out.push('…');
            rest = &rest[64..];
        } else {
            let next = rest.chars().next().unwrap();
            out.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    out
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn public(seed: u8) -> PublicKey {
    PublicKey::from_ed25519(key(seed).verifying_key().to_bytes()).unwrap()
}

fn keyid(seed: u8) -> Digest {
    public(seed).keyid()
}

/// A log as it grows.
#[derive(Clone, Default)]
struct Log {
    lines: Vec<String>,
}

/// A statement as it is submitted, and its id.
fn submission(payload: &str, seeds: &[u8]) -> (String, Digest) {
    let pae = pae(payload.as_bytes());
    let signature = |seed: &u8| (keyid(*seed), key(*seed).sign(&pae).to_bytes().to_vec());
    let signatures: Vec<_> = seeds.iter().map(signature).collect();
    let line = envelope(payload.as_bytes(), &signatures).unwrap();
    (String::from_utf8(line).unwrap(), Digest::of(&pae))
}

impl Log {
    /// Adds a line; what it says must be readable.
    fn add(&mut self, statement: &Statement, seeds: &[u8]) -> Digest {
        let payload = statement.to_json();
        assert_eq!(Statement::parse(payload.as_bytes()).as_ref(), Ok(statement));
        let (line, id) = submission(&payload, seeds);
        self.lines.push(line);
        id
    }

    fn with(mut self, statement: &Statement, seeds: &[u8]) -> Self {
        self.add(statement, seeds);
        self
    }

    /// The index of the next line.
    fn next(&self) -> u64 {
        2 * self.lines.len() as u64
    }

    fn body(&self) -> String {
        self.lines.iter().map(|line| format!("{line}\n")).collect()
    }

    fn indices(&self, count: usize) -> String {
        (0..count).map(|at| (2 * at).to_string()).collect::<Vec<_>>().join(" ")
    }

    fn accept(&self, name: &str, comment: &str) -> Vector {
        let indices = self.indices(self.lines.len());
        Vector::accept(name, SPEC, comment, self.body()).with("status", 201).with("indices", indices)
    }

    /// The last line is refused.
    fn refuse(&self, name: &str, expect: (&str, u16), sibling: &str, comment: &str) -> Vector {
        let vector = Vector::refuse(name, sibling, expect.0, SPEC, comment, self.body()).with("status", expect.1);
        match self.lines.len() {
            1 => vector,
            count => vector.with("indices", self.indices(count - 1)),
        }
    }
}

fn authority(namespace: &str, roles: &[(RoleName, u64, &[u8])]) -> Authority {
    let mut authority = Authority {
        log: LOG.into(),
        namespace: Namespace::parse(namespace).unwrap(),
        epoch: 0,
        previous: None,
        keys: BTreeMap::new(),
        roles: BTreeMap::new(),
        distrust: Vec::new(),
        allow_git_commit: false,
    };
    for (name, threshold, seeds) in roles {
        let mut keyids: Vec<_> = seeds.iter().map(|seed| keyid(*seed)).collect();
        keyids.sort();
        authority.keys.extend(seeds.iter().map(|seed| (keyid(*seed), public(*seed))));
        authority.roles.insert(*name, Role { threshold: *threshold, keyids });
    }
    authority
}

fn genesis() -> Authority {
    authority("*", &[(RoleName::Root, 1, ROOT)])
}

/// Keys of a vendor, from `first` on: authority, source, build, update (two of three), withdraw, access.
fn vendor(namespace: &str, first: u8) -> Authority {
    let key = |at: u8| first + at;
    let roles: &[(RoleName, u64, &[u8])] = &[
        (RoleName::Authority, 1, &[key(0)]),
        (RoleName::Source, 1, &[key(1)]),
        (RoleName::Build, 1, &[key(2)]),
        (RoleName::Update, 2, &[key(3), key(4), key(5)]),
        (RoleName::Withdraw, 1, &[key(6)]),
        (RoleName::Access, 1, &[key(7)]),
    ];
    authority(namespace, roles)
}

const SOURCE: &[u8] = &[11];
const BUILD: &[u8] = &[12];
const UPDATE: &[u8] = &[13, 14];
const WITHDRAW: &[u8] = &[16];

/// A party's authority is key 30, it rebuilds with 31 and reviews with 32.
fn party() -> Authority {
    use RoleName::{Authority, Rebuild, Review};
    authority(CH, &[(Authority, 1, &[30]), (Rebuild, 1, &[31]), (Review, 1, &[32])])
}

fn then(authority: Authority, epoch: u64, previous: Digest) -> Authority {
    Authority { epoch, previous: Some(previous), ..authority }
}

fn files(names: &[&str]) -> Vec<Subject> {
    names.iter().map(|name| Subject::of_name(name)).collect()
}

fn product(text: &str) -> Product {
    Product::parse(text).unwrap()
}

fn source(products: &[&str], archives: &[&str]) -> Statement {
    let products = products.iter().map(|text| product(text)).collect();
    let source = Source { log: LOG.into(), products, version: "7.2.0".into(), held_at: Vec::new() };
    Statement { subjects: files(archives), predicate: Predicate::Source(source) }
}

fn build(artifacts: &[&str], inputs: &[&str]) -> Statement {
    let input = |name: &&str| Dependency { uri: None, sha256: Some(Digest::of(name.as_bytes())), git_commit: None };
    let build = Build {
        build_type: "https://acme.example/make".into(),
        builder: "https://ci.acme.example".into(),
        dependencies: inputs.iter().map(input).collect(),
    };
    Statement { subjects: files(artifacts), predicate: Predicate::Build(build) }
}

fn update(of: &str, sequence: u64, target: &str, names: &[&str], build: Digest) -> Statement {
    let update = Update {
        log: LOG.into(),
        product: product(of),
        version: "7.2.0".into(),
        channel: "stable".into(),
        target: target.into(),
        sequence,
        builds: vec![build],
    };
    Statement { subjects: files(names), predicate: Predicate::Update(update) }
}

fn withdrawal(updates: &[Digest], names: &[&str], replacement: Option<Digest>) -> Statement {
    let reason = "it deletes files".into();
    let (log, updates, severity) = (LOG.into(), updates.to_vec(), Severity::High);
    let withdrawal = Withdrawal { log, updates, reason, severity, replacement };
    Statement { subjects: files(names), predicate: Predicate::Withdrawal(withdrawal) }
}

fn rebuild(build: Digest, artifacts: &[&str], outcome: Rebuilt, time: u64) -> Statement {
    let party = Namespace::parse(CH).unwrap();
    let rebuild = Rebuild { log: LOG.into(), party, build, outcome, time, rebuilt: Vec::new() };
    Statement { subjects: files(artifacts), predicate: Predicate::Rebuild(rebuild) }
}

fn review(of: Digest, what: What, subjects: &[&str], outcome: Outcome, time: u64) -> Statement {
    let (party, centre) = (Namespace::parse(CH).unwrap(), "Glarus".into());
    let review = Review { log: LOG.into(), of, party, what, outcome, time, centre };
    Statement { subjects: files(subjects), predicate: Predicate::Review(review) }
}

fn policy(epoch: u64, previous: Option<Digest>) -> Statement {
    let policy = Policy { log: LOG.into(), epoch, previous, policy: format!("# epoch {epoch}\nquorum none\n") };
    Statement { subjects: files(&[LOG]), predicate: Predicate::Policy(policy) }
}

fn access(namespace: &str) -> Statement {
    let access = Access {
        log: LOG.into(),
        namespace: Namespace::parse(namespace).unwrap(),
        store: "crash reports".into(),
        purpose: "support case 17".into(),
        from: 1_795_430_000,
        until: 1_795_516_400,
        commitment: Digest([7; 32]),
    };
    Statement { subjects: files(&["crash reports"]), predicate: Predicate::Access(access) }
}

const NOBODY: Digest = Digest([7; 32]);
const TIME: u64 = 1_795_430_000;
const HELD: What = What::Source(Claim::Held);

/// The log with acme, a vendor (entry 2), and its id.
fn acme() -> (Log, Digest) {
    let mut log = Log::default().with(&genesis().into_statement(), ROOT);
    let acme = log.add(&vendor(ACME, 10).into_statement(), ROOT);
    (log, acme)
}

/// A release: source (entry 4), build (6) and update (8), with their ids.
struct Release {
    log: Log,
    source: Digest,
    build: Digest,
    update: Digest,
}

fn release() -> Release {
    let (mut log, _) = acme();
    let source = log.add(&source(&[SHIELD], &["a.tar"]), SOURCE);
    let build = log.add(&build(&["a.pkg", "b.pkg"], &["a.tar"]), BUILD);
    let update = log.add(&update(SHIELD, 1, "", &["a.pkg"], build), UPDATE);
    Release { log, source, build, update }
}

/// The same with a party (entry 10).
fn judged() -> Release {
    let release = release();
    Release { log: release.log.with(&party().into_statement(), ROOT), ..release }
}

pub fn make() -> Vec<Vector> {
    [anybody(), authorities(), sources_and_builds(), updates(), withdrawals(), parties(), policies()].concat()
}

/// Rules 1 and 2, and what is liberal in a submission.
fn anybody() -> Vec<Vector> {
    let (log, _) = acme();
    let mut other = source(&[SHIELD], &["a.tar"]);
    if let Predicate::Source(source) = &mut other.predicate {
        source.log = "log.test.example".into();
    }
    let good = source(&[SHIELD], &["a.tar"]);
    let signed = |seeds: &[u8]| {
        let mut log = log.clone();
        log.add(&good, seeds);
        log
    };
    let mut again = signed(SOURCE);
    again.add(&good, &[99]);
    let mut unnamed = signed(SOURCE);
    let last = unnamed.lines.pop().unwrap();
    let entry = base64(last.as_bytes());
    unnamed.lines.push(last.replace(&keyid(11).to_string(), ""));
    // Its entry would be longer by the keyid than the longest.
    let mut large = log.clone();
    let without = unnamed_submission(&good.to_json(), 11).len();
    let more = (spec::record::MAX_ENTRY_BYTES - without) / 4 * 3;
    let line = unnamed_submission(&format!("{}{}", good.to_json(), " ".repeat(more)), 11);
    assert!(line.len() <= spec::record::MAX_ENTRY_BYTES);
    large.lines.push(line);
    vec![
        known(again),
        signed(&[11, 99, 13])
            .accept("strangers", "Signatures by keys without the role are dropped.")
            .with("entry-base64", &entry),
        unnamed
            .accept("keyid-missing", "A signature that names no key is tried with the keys of the role.")
            .with("entry-base64", &entry),
        log.clone().with(&other, SOURCE).refuse(
            "wrong-log",
            ("wrong-log", 422),
            "source",
            "A record is made for one log.",
        ),
        large.refuse(
            "too-large",
            ("too-large", 413),
            "source",
            "The entry, which names every key, has at most 65,535 bytes.",
        ),
    ]
}

/// A submission whose signature names no key.
fn unnamed_submission(payload: &str, seed: u8) -> String {
    let sig = base64(&key(seed).sign(&pae(payload.as_bytes())).to_bytes());
    let payload = base64(payload.as_bytes());
    format!(
        r#"{{"payload":"{payload}","payloadType":"application/vnd.in-toto+json","signatures":[{{"sig":"{sig}"}}]}}"#
    )
}

/// The last line is known: it is the one of entry 4.
fn known(log: Log) -> Vector {
    let indices = format!("{} 4", log.indices(log.lines.len() - 1));
    Vector::accept("known", SPEC, "The same record, however signed, is the entry that it was.", log.body())
        .with("status", 200)
        .with("indices", indices)
}

/// Rules 4, 5 and 10, for authorities.
fn authorities() -> Vec<Vector> {
    let genesis = genesis().into_statement();
    let (log, acme) = acme();
    let with = |authority: Authority, seeds: &[u8]| log.clone().with(&authority.into_statement(), seeds);
    let next = |epoch, previous| then(vendor(ACME, 20), epoch, previous);
    let line = |seed, from_index| Distrust { keyid: keyid(seed), from_index };
    let distrusting = |lines: &[Distrust]| Authority { distrust: lines.to_vec(), ..next(1, acme) };
    let mut distrusted = log.clone();
    let first = distrusted.add(&distrusting(&[line(11, 2)]).into_statement(), &[10]);
    let second = |lines: &[Distrust]| {
        let authority = Authority { distrust: lines.to_vec(), ..then(vendor(ACME, 10), 2, first) };
        distrusted.clone().with(&authority.into_statement(), &[20])
    };
    let mut root = Log::default();
    let id = root.add(&genesis, ROOT);
    let next_root = then(authority("*", &[(RoleName::Root, 1, &[2])]), 1, id).into_statement();
    vec![
        Log::default().with(&genesis, ROOT).accept("entry-0", "Entry 0 is the authority of the log, by its own root."),
        root.with(&next_root, ROOT)
            .accept("genesis-next", "The log's next epoch is signed by the root of the one before."),
        log.accept("namespace", "The first epoch of a namespace is signed by the log's root."),
        with(party(), ROOT).accept("party", "A party is a namespace too."),
        with(next(1, acme), &[10]).accept("epoch", "The next epoch is signed by the authority of the one before."),
        distrusted.accept("distrust", "A later epoch distrusts a key from an index that is not above its own."),
        second(&[line(12, 6), line(11, 0)]).accept(
            "distrust-more",
            "A later epoch keeps each line or lowers its index, and adds lines up to its own index.",
        ),
        Log::default().with(&vendor(ACME, 10).into_statement(), ROOT).refuse(
            "genesis-missing",
            ("genesis", 409),
            "entry-0",
            "Nothing but the authority of the log is entry 0.",
        ),
        with(authority("*", &[(RoleName::Root, 1, &[2])]), ROOT).refuse(
            "genesis",
            ("genesis", 409),
            "genesis-next",
            "The log has one genesis.",
        ),
        with(vendor(ACME, 20), ROOT).refuse(
            "namespace-taken",
            ("namespace-taken", 409),
            "namespace",
            "A namespace has one first epoch.",
        ),
        with(vendor("pkg:generic/acme/shield/", 20), ROOT).refuse(
            "namespace-nests",
            ("namespace-nests", 409),
            "namespace",
            "No namespace is within another one.",
        ),
        with(vendor("pkg:generic/", 20), ROOT).refuse(
            "namespace-around",
            ("namespace-nests", 409),
            "namespace",
            "No namespace is around another one.",
        ),
        with(vendor("pkg:npm/", 20), &[10]).refuse(
            "namespace-by-vendor",
            ("threshold-not-met", 403),
            "namespace",
            "Only the log's root signs first epochs.",
        ),
        with(next(1, acme), ROOT).refuse(
            "epoch-by-root",
            ("threshold-not-met", 403),
            "epoch",
            "Only the authority of the epoch before signs the next.",
        ),
        with(then(vendor("pkg:npm/", 20), 1, acme), &[20]).refuse(
            "epoch-of-nothing",
            ("no-authority", 403),
            "epoch",
            "A later epoch follows one that is in force.",
        ),
        with(next(2, acme), &[10]).refuse("epoch-not-next", ("epoch-not-next", 409), "epoch", "Epochs rise by one."),
        with(next(1, NOBODY), &[10]).refuse(
            "previous-not-in-force",
            ("previous-not-in-force", 409),
            "epoch",
            "An epoch names the one in force.",
        ),
        with(distrusting(&[line(11, log.next() + 1)]), &[10]).refuse(
            "distrust-ahead",
            ("distrust-ahead", 409),
            "distrust",
            "Nothing is distrusted in advance.",
        ),
        second(&[]).refuse(
            "distrust-dropped",
            ("distrust-dropped", 409),
            "distrust-more",
            "Later epochs keep every line.",
        ),
        second(&[line(11, 3)]).refuse(
            "distrust-raised",
            ("distrust-raised", 409),
            "distrust-more",
            "Later epochs only lower an index.",
        ),
        {
            let lines = vec![line(11, 0)];
            let authority = Authority { distrust: lines, ..then(vendor(ACME, 10), 1, acme) };
            with(authority, &[10]).with(&source(&[SHIELD], &["a.tar"]), SOURCE).refuse(
                "signed-by-distrusted",
                ("threshold-not-met", 403),
                "source",
                "A distrusted key counts for no threshold from its index on.",
            )
        },
    ]
}

/// Sources and builds: rules 4 to 6.
fn sources_and_builds() -> Vec<Vector> {
    let (log, _) = acme();
    let archive = log.clone().with(&source(&[SHIELD], &["a.tar"]), SOURCE);
    let made = archive.clone().with(&build(&["a.pkg", "b.pkg"], &["a.tar"]), BUILD);
    let refuse = |log: &Log, statement: &Statement, seeds: &[u8], name: &str, expect, sibling: &str, comment: &str| {
        log.clone().with(statement, seeds).refuse(name, expect, sibling, comment)
    };
    let mut products = log.clone();
    let archives: Vec<_> = (0..17).map(|at| format!("{at}.tar")).collect();
    for (at, archive) in archives.iter().enumerate() {
        let names: Vec<_> = (0..if at < 16 { 64 } else { 1 }).map(|of| format!("{ACME}p{at}-{of}")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        products.add(&source(&names, &[archive]), SOURCE);
    }
    let archives: Vec<_> = archives.iter().map(String::as_str).collect();
    vec![
        archive.accept("source", "A source is signed by the source role of the namespace of its products."),
        made.accept("build", "A build's dependencies name a logged source."),
        made.clone()
            .with(&build(&["a.signed.pkg"], &["a.pkg"]), BUILD)
            .accept("build-of-a-build", "A build's dependencies name an artifact of a logged build."),
        refuse(
            &log,
            &source(&["pkg:npm/x"], &["a.tar"]),
            SOURCE,
            "no-authority",
            ("no-authority", 403),
            "source",
            "A product is in a namespace that has an authority in force.",
        ),
        refuse(
            &log,
            &source(&[SHIELD, "pkg:npm/x"], &["a.tar"]),
            SOURCE,
            "product-outside-namespace",
            ("product-outside-namespace", 403),
            "source",
            "All products of a source are of one namespace.",
        ),
        refuse(
            &log,
            &source(&[SHIELD], &["a.tar"]),
            BUILD,
            "threshold-not-met",
            ("threshold-not-met", 403),
            "source",
            "Signatures meet the threshold of the role.",
        ),
        refuse(
            &log,
            &build(&["a.pkg", "b.pkg"], &["a.tar"]),
            BUILD,
            "source-not-logged",
            ("source-not-logged", 422),
            "build",
            "A build leads to a logged source.",
        ),
        refuse(
            &products,
            &build(&["a.pkg"], &archives),
            BUILD,
            "too-many-products",
            ("too-many-products", 413),
            "build",
            "A build leads to at most 1,024 products of a namespace.",
        ),
    ]
}

/// Rules 3 to 8, for updates.
fn updates() -> Vec<Vector> {
    let Release { log: released, source: archive, build: made, update: first } = release();
    let mut log = released.clone();
    log.lines.pop();
    let refuse = |log: &Log, statement: &Statement, name: &str, expect, comment: &str| {
        log.clone().with(statement, UPDATE).refuse(name, expect, "update", comment)
    };
    let good = |sequence, names: &[&str]| update(SHIELD, sequence, "", names, made);
    let mut foreign = log.clone().with(&vendor("pkg:npm/", 40).into_statement(), ROOT);
    foreign.add(&source(&["pkg:npm/x"], &["x.tar"]), &[41]);
    let strange = foreign.add(&build(&["x.pkg"], &["x.tar"]), &[42]);
    let mut targets = log.clone();
    for sequence in 1..=65 {
        targets.add(&update(SHIELD, sequence, &format!("target-{sequence}"), &["a.pkg"], made), UPDATE);
    }
    let withdrawn = released.clone().with(&withdrawal(&[first], &["a.pkg"], None), WITHDRAW);
    vec![
        released.accept("update", "An update's files are artifacts of a build that it names."),
        released
            .clone()
            .with(&update(SHIELD, 2, "linux", &["b.pkg"], made), UPDATE)
            .accept("update-next", "The next update has the next sequence of its channel, whatever its target."),
        refuse(
            &log,
            &update(SHIELD, 1, "", &["a.pkg"], NOBODY),
            "build-not-logged",
            ("build-not-logged", 422),
            "The builds that an update names are logged.",
        ),
        refuse(
            &log,
            &update(SHIELD, 1, "", &["a.pkg"], archive),
            "not-a-build",
            ("not-a-build", 422),
            "What an update names as builds are builds.",
        ),
        refuse(
            &foreign,
            &update(SHIELD, 1, "", &["x.pkg"], strange),
            "build-does-not-count",
            ("build-does-not-count", 422),
            "The builds that an update names count for its namespace.",
        ),
        refuse(
            &log,
            &update(SWORD, 1, "", &["a.pkg"], made),
            "source-of-other-product",
            ("source-of-other-product", 422),
            "Each build that an update names leads to a source that lists its product.",
        ),
        refuse(
            &log,
            &good(1, &["c.pkg"]),
            "file-not-built",
            ("file-not-built", 422),
            "Each file of an update is an artifact of a build that it names.",
        ),
        refuse(&log, &good(2, &["a.pkg"]), "sequence", ("sequence", 409), "Sequences begin with 1."),
        refuse(
            &released,
            &good(1, &["b.pkg"]),
            "sequence-again",
            ("sequence", 409),
            "A sequence is one above the last of its channel.",
        ),
        targets.refuse("too-many-targets", ("too-many-targets", 413), "update", "A channel has at most 64 targets."),
        refuse(
            &withdrawn,
            &good(2, &["a.pkg"]),
            "file-withdrawn",
            ("file-withdrawn", 409),
            "A withdrawn file is never in an update of the product again.",
        ),
        log.clone().with(&good(1, &["a.pkg"]), &[13]).refuse(
            "update-one-signature",
            ("threshold-not-met", 403),
            "update",
            "Two keys of three sign an update here.",
        ),
    ]
}

/// Rules 3 and 9.
fn withdrawals() -> Vec<Vector> {
    let Release { mut log, source: archive, build: made, update: first } = release();
    let next = log.add(&update(SHIELD, 2, "linux", &["a.pkg", "b.pkg"], made), UPDATE);
    let last = log.add(&update(SHIELD, 3, "", &["b.pkg"], made), UPDATE);
    let both = [first, next];
    let refuse = |log: &Log, statement: &Statement, name: &str, expect, comment: &str| {
        log.clone().with(statement, WITHDRAW).refuse(name, expect, "withdrawal", comment)
    };
    let good = withdrawal(&both, &["a.pkg"], Some(last));
    let done = log.clone().with(&good, WITHDRAW);
    let (mut two, _) = acme();
    two.add(&source(&[SHIELD, SWORD], &["a.tar"]), SOURCE);
    let build = two.add(&build(&["a.pkg"], &["a.tar"]), BUILD);
    let shield = two.add(&update(SHIELD, 1, "", &["a.pkg"], build), UPDATE);
    let sword = two.add(&update(SWORD, 1, "", &["a.pkg"], build), UPDATE);
    vec![
        done.accept("withdrawal", "A withdrawal names every live update of a product that has one of its files."),
        log.clone().with(&withdrawal(&both, &["a.pkg"], Some(last)), UPDATE).refuse(
            "withdrawal-by-update-keys",
            ("threshold-not-met", 403),
            "withdrawal",
            "Withdrawals have a role of their own.",
        ),
        refuse(
            &log,
            &withdrawal(&[NOBODY], &["a.pkg"], None),
            "update-not-logged",
            ("update-not-logged", 422),
            "The updates that a withdrawal names are logged.",
        ),
        refuse(
            &log,
            &withdrawal(&[archive], &["a.pkg"], None),
            "not-an-update",
            ("not-an-update", 422),
            "What a withdrawal names are updates.",
        ),
        refuse(
            &log,
            &withdrawal(&both, &["a.pkg"], Some(NOBODY)),
            "replacement-not-logged",
            ("update-not-logged", 422),
            "The replacement is logged.",
        ),
        refuse(
            &two,
            &withdrawal(&[shield, sword], &["a.pkg"], None),
            "update-of-other-product",
            ("update-of-other-product", 422),
            "A withdrawal is of one product.",
        ),
        refuse(
            &done,
            &withdrawal(&[last, first], &["b.pkg"], None),
            "update-not-live",
            ("update-not-live", 409),
            "What a withdrawal names is not withdrawn yet.",
        ),
        refuse(
            &log,
            &withdrawal(&[first], &["b.pkg"], None),
            "file-not-carried",
            ("file-not-carried", 422),
            "Each file of a withdrawal is in an update that it names.",
        ),
        refuse(
            &log,
            &withdrawal(&[first], &["a.pkg"], Some(last)),
            "update-left-out",
            ("update-left-out", 409),
            "No live update with one of the files is left out.",
        ),
    ]
}

/// Rebuilds and reviews of sources: rules 3, 6 and 11.
fn parties() -> Vec<Vector> {
    let Release { log, source: archive, build: made, .. } = judged();
    let both: &[&str] = &["a.pkg", "b.pkg"];
    let passed = |build, names: &[&str], time| rebuild(build, names, Rebuilt::Passed, time);
    let rebuilt = log.clone().with(&passed(made, both, TIME), &[31]);
    let held = |of, what, names: &[&str], time| review(of, what, names, Outcome::Confirmed, time);
    let reviewed = log.clone().with(&held(archive, HELD, &["a.tar"], TIME), &[32]);
    let refuse = |log: &Log, statement: &Statement, seed: u8, name: &str, expect, comment: &str| {
        let sibling = if seed == 32 { "review" } else { "rebuild" };
        log.clone().with(statement, &[seed]).refuse(name, expect, sibling, comment)
    };
    let failed = rebuild(made, both, Rebuilt::Failed, TIME + 1);
    let mut without = release().log;
    without.add(&passed(made, both, TIME), &[31]);
    vec![
        rebuilt.accept("rebuild", "A party logs that it built the same."),
        rebuilt
            .clone()
            .with(&failed, &[31])
            .accept("rebuild-failed", "A later word takes the place of the one before."),
        reviewed.accept("review", "A party logs that it holds a source."),
        without.refuse("party-unknown", ("no-authority", 403), "rebuild", "A party has an authority in force."),
        refuse(
            &log,
            &passed(NOBODY, both, TIME),
            31,
            "rebuild-of-nothing",
            ("build-not-logged", 422),
            "What is rebuilt is logged.",
        ),
        refuse(
            &log,
            &passed(made, both, TIME),
            12,
            "rebuild-by-vendor",
            ("threshold-not-met", 403),
            "A vendor is no judge of its own builds.",
        ),
        refuse(
            &log,
            &passed(made, &["a.pkg"], TIME),
            31,
            "subjects-differ",
            ("subjects-differ", 422),
            "A rebuild is about all artifacts of its build.",
        ),
        refuse(
            &rebuilt,
            &rebuild(made, both, Rebuilt::Failed, TIME),
            31,
            "time-not-later",
            ("time-not-later", 409),
            "A party's word on a build is later than its last one.",
        ),
        refuse(
            &log,
            &held(NOBODY, HELD, &["a.tar"], TIME),
            32,
            "reviewed-not-logged",
            ("reviewed-not-logged", 422),
            "What is reviewed is logged.",
        ),
        refuse(
            &log,
            &held(made, HELD, &["a.pkg", "b.pkg"], TIME),
            32,
            "not-a-source",
            ("not-a-source", 422),
            "What a party holds is a source.",
        ),
        refuse(
            &log,
            &held(archive, What::Policy, &[LOG], TIME),
            32,
            "not-a-policy",
            ("not-a-policy", 422),
            "A review of the policy names a policy.",
        ),
        refuse(
            &log,
            &held(archive, HELD, &["a.tar", "b.tar"], TIME),
            32,
            "review-of-more",
            ("subjects-differ", 422),
            "A review is about all archives of its source, and no others.",
        ),
        refuse(
            &reviewed,
            &review(archive, HELD, &["a.tar"], Outcome::Contradicted, TIME - 1),
            32,
            "review-not-later",
            ("time-not-later", 409),
            "A party's word on a source is later than its last one of that kind.",
        ),
    ]
}

/// Policies, their reviews, and accesses.
fn policies() -> Vec<Vector> {
    let mut log = judged().log;
    let first = log.add(&policy(0, None), ROOT);
    let reviewed = log.clone().with(&review(first, What::Policy, &[LOG], Outcome::Confirmed, TIME), &[32]);
    let next = log.clone().with(&policy(1, Some(first)), ROOT);
    let stale = next.clone().with(&review(first, What::Policy, &[LOG], Outcome::Confirmed, TIME), &[32]);
    let (plain, _) = acme();
    vec![
        log.accept("policy", "A policy is signed by the log's root."),
        next.accept("policy-next", "A policy follows the one in force."),
        reviewed.accept("review-of-policy", "A party reviews the policy in force."),
        plain.clone().with(&access(ACME), &[17]).accept("access", "An access is signed by the role of its namespace."),
        log.clone().with(&policy(1, Some(first)), &[10]).refuse(
            "policy-by-vendor",
            ("threshold-not-met", 403),
            "policy-next",
            "Only the log's root signs policies.",
        ),
        log.clone().with(&policy(2, Some(first)), ROOT).refuse(
            "policy-epoch",
            ("epoch-not-next", 409),
            "policy-next",
            "Policies' epochs rise by one.",
        ),
        log.clone().with(&policy(1, Some(NOBODY)), ROOT).refuse(
            "policy-previous",
            ("previous-not-in-force", 409),
            "policy-next",
            "A policy names the one in force.",
        ),
        stale.refuse(
            "policy-not-in-force",
            ("policy-not-in-force", 409),
            "review-of-policy",
            "Only the policy in force is reviewed.",
        ),
        plain.clone().with(&access("pkg:npm/"), &[17]).refuse(
            "access-without-authority",
            ("no-authority", 403),
            "access",
            "An access is of a namespace that has an authority in force.",
        ),
        plain.with(&access(ACME), &[13]).refuse(
            "access-by-update-key",
            ("threshold-not-met", 403),
            "access",
            "Accesses have a role of their own.",
        ),
    ]
}
