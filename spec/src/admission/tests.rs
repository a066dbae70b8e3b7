mod epochs;
mod parties;
mod withdrawals;

use super::*;
use crate::authority::{Algorithm, Authority, Namespace, PublicKey, Role, RoleName, SecretKey};
use crate::record::tests::Random;
use crate::record::{Build, Dependency, EnvelopeSignature, Product, Source, Subject, Update, pae};
use alloc::{format, string::ToString, sync::Arc};
use ed25519_dalek::{Signer as _, SigningKey};

mod replay;

const LOG: &str = "log.acme.example/updates";
const ACME: &str = "pkg:generic/acme/";
const SHIELD: &str = "pkg:generic/acme/shield";
const SWORD: &str = "pkg:generic/acme/sword";
const ROOT: u8 = 1;
const FAMILIES: [Family; 9] = [
    Family::Ids,
    Family::Facts,
    Family::Digests,
    Family::Files,
    Family::Withdrawn,
    Family::Tracks,
    Family::Refs,
    Family::Namespaces,
    Family::State,
];
/// Keys of a namespace: for its authority, withdrawals and accesses, for sources, builds (any one of two) and updates (two
/// of three).
const KEYS: [u8; 7] = [10, 11, 12, 13, 14, 15, 16];

fn signing_key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn public_key(seed: u8) -> PublicKey {
    PublicKey::from_ed25519(signing_key(seed).verifying_key().to_bytes()).unwrap()
}

fn keyid(seed: u8) -> Digest {
    public_key(seed).keyid()
}

/// The digest of a file with this content.
fn sha256(content: &str) -> Digest {
    Digest::of(content.as_bytes())
}

fn product(text: &str) -> Product {
    Product::parse(text).unwrap()
}

fn subjects(contents: &[&str]) -> Vec<Subject> {
    contents.iter().map(|content| Subject::of_name(content)).collect()
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
        authority.keys.extend(seeds.iter().map(|seed| (keyid(*seed), public_key(*seed))));
        authority.roles.insert(*name, Role { threshold: *threshold, keyids });
    }
    authority
}

/// The authority of a vendor with [`KEYS`], or with others in their place.
fn vendor(namespace: &str, keys: [u8; 7]) -> Authority {
    let [a, s, b, c, u, v, w] = keys;
    use RoleName::{Access, Authority, Build, Source, Update, Withdraw};
    let roles: &[(RoleName, u64, &[u8])] = &[
        (Authority, 1, &[a]),
        (Withdraw, 1, &[a]),
        (Access, 1, &[a]),
        (Source, 1, &[s]),
        (Build, 1, &[b, c]),
        (Update, 2, &[u, v, w]),
    ];
    authority(namespace, roles)
}

fn source(products: &[&str], archives: &[&str]) -> Statement {
    let products = products.iter().map(|text| product(text)).collect();
    let source = Source { log: LOG.into(), products, version: "1".into(), held_at: Vec::new() };
    Statement { subjects: subjects(archives), predicate: Predicate::Source(source) }
}

fn dependency(content: &str) -> Dependency {
    Dependency { uri: None, sha256: Some(sha256(content)), git_commit: None }
}

fn build(artifacts: &[&str], inputs: &[&str]) -> Statement {
    let dependencies = inputs.iter().map(|input| dependency(input)).collect();
    let build = Build { build_type: "make".into(), builder: "https://ci.example".into(), dependencies };
    Statement { subjects: subjects(artifacts), predicate: Predicate::Build(build) }
}

/// An update of the channel stable, without target.
fn update(of: &str, sequence: u64, files: &[&str], builds: &[Digest]) -> Statement {
    let (channel, target) = ("stable".into(), String::new());
    let (version, builds) = ("1".into(), builds.to_vec());
    let update = Update { log: LOG.into(), product: product(of), version, channel, target, sequence, builds };
    Statement { subjects: subjects(files), predicate: Predicate::Update(update) }
}

fn on_track(mut statement: Statement, channel: &str, target: &str) -> Statement {
    if let Predicate::Update(update) = &mut statement.predicate {
        (update.channel, update.target) = (channel.into(), target.into());
    }
    statement
}

/// A record with these keys' signatures; `hint` tells what each says to be by.
fn signed_as(statement: &Statement, seeds: &[u8], hint: impl Fn(u8) -> Option<Digest>) -> Record {
    let payload = statement.to_json().into_bytes();
    assert_eq!(Statement::parse(&payload).as_ref(), Ok(statement));
    let pae = pae(&payload);
    let signature =
        |seed: &u8| EnvelopeSignature { keyid: hint(*seed), sig: signing_key(*seed).sign(&pae).to_bytes().to_vec() };
    let signatures = seeds.iter().map(signature).collect();
    Record { id: Digest::of(&pae), payload, statement: statement.clone(), signatures }
}

fn signed(statement: &Statement, seeds: &[u8]) -> Record {
    signed_as(statement, seeds, |seed| Some(keyid(seed)))
}

fn unknown(_: &Digest, _: &[u8]) -> Option<bool> {
    None
}

fn track(target: &str) -> Track {
    Track { product: product(SHIELD), channel: "stable".into(), target: target.into() }
}

/// A log in memory: all entries (without state entries), and all rows.
#[derive(Clone, Default)]
struct World {
    entries: Vec<Vec<u8>>,
    rows: Rows,
}

impl World {
    /// Genesis, and the authority of acme.
    fn new() -> Self {
        let mut world = Self::default();
        world.admit(&signed(&authority("*", &[(RoleName::Root, 1, &[ROOT])]).into_statement(), &[ROOT])).unwrap();
        world.vendor(vendor(ACME, KEYS));
        world
    }

    fn vendor(&mut self, authority: Authority) {
        self.admit(&signed(&authority.into_statement(), &[ROOT])).unwrap();
    }

    fn size(&self) -> u64 {
        self.entries.len() as u64
    }

    /// Answers looks as a store does.
    fn answer(&self, looks: Vec<Look>, rows: &mut Rows) {
        for look in looks {
            match look {
                Look::Point(family, key) => {
                    let value = self.rows.get(family, &key).map(Into::into);
                    rows.answer_point(family, key, value);
                }
                Look::Prefix(family, prefix) => {
                    let found: Vec<_> =
                        self.rows.under(family, &prefix).map(|(key, value)| (key.into(), value.into())).collect();
                    rows.answer_prefix(family, prefix, found);
                }
            }
        }
    }

    /// Judges by the rows asked for, and by other ways that must all say the same.
    fn judge(&self, record: &Record) -> Result<Admission, Stop> {
        let mut rows = Rows::default();
        self.answer(needs(record), &mut rows);
        self.answer(needs_more(record, &rows).unwrap(), &mut rows);
        let judged = judge(LOG, self.size(), record, &rows, &unknown);
        assert_eq!(judge(LOG, self.size(), record, &self.rows, &unknown), judged, "the rows asked for suffice");

        // Checked before, by the rows that this needs: nothing is left to verify.
        let mut rows = Rows::default();
        self.answer(signatures::needs(record), &mut rows);
        self.answer(signatures::needs_more(record, &rows).unwrap(), &mut rows);
        let checked = signatures::check(record, &rows).unwrap();
        let check = |keyid: &Digest, sig: &[u8]| Some(checked.get(keyid, sig).unwrap());
        assert_eq!(judge(LOG, self.size(), record, &self.rows, &check), judged);

        if let Ok(Admission::New { entry, rows }) = &judged {
            let again = Record::parse_entry(entry).unwrap();
            assert_eq!((again.id, &again.payload), (record.id, &record.payload));
            assert_eq!(judge(LOG, self.size(), &again, &self.rows, &unknown), judged, "the entry is judged alike");
            let keys: BTreeSet<_> = rows.iter().map(|row| (row.family, &row.key)).collect();
            assert_eq!(keys.len(), rows.len(), "no row twice");
        }
        judged
    }

    /// Judges a batch as the log's sequencer does, signatures checked before by the rows of the log without the batch.
    fn judge_batch(&self, batch: &[Record]) -> (Rows, Vec<Result<Admission, Stop>>) {
        let mut rows = Rows::default();
        self.answer(batch.iter().flat_map(needs).collect(), &mut rows);
        self.answer(batch.iter().flat_map(|record| needs_more(record, &rows).unwrap()).collect(), &mut rows);
        let checked: Vec<_> = batch.iter().map(|record| signatures::check(record, &rows).unwrap()).collect();
        let (mut results, mut index) = (Vec::new(), self.size());
        for (record, checked) in batch.iter().zip(checked) {
            self.answer(needs_more(record, &rows).unwrap(), &mut rows);
            let judged = judge(LOG, index, record, &rows, &|keyid, sig| checked.get(keyid, sig));
            if let Ok(Admission::New { rows: new, .. }) = &judged {
                new.iter().for_each(|row| rows.put(row.clone()));
                index += 1;
            }
            results.push(judged);
        }
        (rows, results)
    }

    fn admit(&mut self, record: &Record) -> Result<u64, &'static str> {
        match self.judge(record) {
            Ok(Admission::Known { index }) => Ok(index),
            Ok(Admission::New { entry, rows }) => {
                self.entries.push(entry);
                rows.into_iter().for_each(|row| self.rows.put(row));
                Ok(self.size() - 1)
            }
            Err(Stop::Refused(refusal)) => Err(refusal.name()),
            Err(Stop::Corrupt(corrupt)) => panic!("{corrupt}"),
        }
    }

    #[track_caller]
    fn admitted(&mut self, statement: &Statement, seeds: &[u8]) -> Record {
        let record = signed(statement, seeds);
        let size = self.size();
        assert_eq!(self.admit(&record), Ok(size));
        record
    }

    #[track_caller]
    fn refused(&self, record: &Record, name: &str, status: u16) {
        match self.judge(record) {
            Err(Stop::Refused(refusal)) => assert_eq!((refusal.name(), refusal.status()), (name, status), "{refusal}"),
            other => panic!("expected {name}, got {other:?}"),
        }
    }

    fn signers(&self, index: u64) -> Vec<Digest> {
        let record = Record::parse_entry(&self.entries[index as usize]).unwrap();
        record.signatures.iter().map(|signature| signature.keyid.unwrap()).collect()
    }

    fn fact(&self, index: u64) -> Fact {
        self.rows.fact(index).unwrap()
    }

    fn state(&self, key: &str) -> &str {
        self.rows.state(&Look::state(key)).unwrap().unwrap()
    }
}

fn sorted(seeds: &[u8]) -> Vec<Digest> {
    let mut keyids: Vec<_> = seeds.iter().map(|seed| keyid(*seed)).collect();
    keyids.sort();
    keyids
}

#[test]
fn a_release() {
    let mut world = World::new();
    let source = world.admitted(&source(&[SHIELD, SWORD], &["a.tar"]), &[11]);
    let build = world.admitted(&build(&["a.pkg", "b.pkg"], &["a.tar", "gcc"]), &[12]);
    let first = world.admitted(&update(SHIELD, 1, &["a.pkg"], &[build.id]), &[14, 15]);
    let second = world.admitted(&update(SHIELD, 2, &["a.pkg", "b.pkg"], &[build.id]), &[15, 16]);
    assert!(world.state("authority pkg:generic/acme/").ends_with(" 1\n"));
    assert_eq!(world.state(&state::source_key(&source.id)), "source 2\n");
    assert_eq!(world.state(&state::build_key(&build.id)), "build 3\n");
    assert_eq!(world.state(&state::update_key(&first.id)), "live 4\n");
    let channel = format!("sequence 2\ntarget - 2 {} 5\n", second.id);
    assert_eq!(world.state(&state::channel_key(SHIELD, "stable")), channel);

    let products = [(product(SHIELD), 1), (product(SWORD), 1)].into();
    let counts = vec![Counts { namespace: ACME.into(), products }];
    let mut artifacts = vec![sha256("a.pkg"), sha256("b.pkg")];
    artifacts.sort();
    assert_eq!(world.fact(3), Fact::Build { counts, artifacts });
    let carriers: Vec<_> = world.rows.under(Family::Files, &sha256("a.pkg").0).collect();
    let carriers: Vec<_> = carriers.into_iter().map(|(key, value)| Carrier::parse(key, value).unwrap()).collect();
    let carrier = |sequence, index, id| Carrier {
        product: SHIELD.into(),
        channel: "stable".into(),
        target: String::new(),
        sequence,
        index,
        id,
        live: true,
    };
    assert_eq!(carriers, [carrier(1, 4, first.id), carrier(2, 5, second.id)]);

    // The same record is known by its id, however it is signed, and even if the refusals that it would meet now are many.
    assert_eq!(world.admit(&signed(&update(SHIELD, 1, &["a.pkg"], &[build.id]), &[])), Ok(4));
    assert_eq!(world.admit(&signed(&authority("*", &[(RoleName::Root, 1, &[ROOT])]).into_statement(), &[99])), Ok(0));
    assert_eq!(world.size(), 6);
}

#[test]
fn refused_authorities() {
    let mut world = World::new();
    let next = |namespace: &str| vendor(namespace, KEYS).into_statement();
    let root = |statement: &Statement| signed(statement, &[ROOT]);
    let other_keys = vendor(ACME, [20, 21, 22, 23, 24, 25, 26]).into_statement();
    world.refused(&root(&other_keys), "namespace-taken", 409);
    world.refused(&root(&next("pkg:generic/acme/shield/")), "namespace-nests", 409);
    world.refused(&root(&next("pkg:generic/acme/shield/x/")), "namespace-nests", 409);
    world.refused(&root(&next("pkg:generic/")), "namespace-nests", 409);
    world.refused(&signed(&next("pkg:generic/acm/"), &[10]), "threshold-not-met", 403);
    world.refused(&signed(&next("pkg:generic/acm/"), &[]), "threshold-not-met", 403);
    world.refused(&root(&authority("*", &[(RoleName::Root, 1, &[ROOT, 2])]).into_statement()), "genesis", 409);
    let other = Authority { log: "log.test.example".into(), ..vendor("pkg:generic/acm/", KEYS) };
    world.refused(&root(&other.into_statement()), "wrong-log", 422);
    // Neighbours, and a party.
    for namespace in ["pkg:generic/acm/", "pkg:generic/acme2/", "pkg:npm/"] {
        world.admitted(&next(namespace), &[ROOT]);
    }
    let party =
        authority("https://rebuild.example.ch", &[(RoleName::Authority, 1, &[10]), (RoleName::Rebuild, 1, &[11])]);
    world.admitted(&party.into_statement(), &[ROOT]);

    // Entry 0 is the genesis.
    let empty = World::default();
    empty.refused(&root(&next(ACME)), "genesis", 409);
    empty.refused(&signed(&source(&[SHIELD], &["a.tar"]), &[11]), "no-authority", 403);
    empty.refused(&signed(&build(&["a.pkg"], &["a.tar"]), &[12]), "source-not-logged", 422);
    empty.refused(&signed(&update(SHIELD, 1, &["a.pkg"], &[Digest([7; 32])]), &[14, 15]), "build-not-logged", 422);
    let genesis = authority("*", &[(RoleName::Root, 2, &[1, 2, 3])]).into_statement();
    empty.refused(&signed(&genesis, &[2]), "threshold-not-met", 403);
    assert_eq!(empty.clone().admit(&signed(&genesis, &[2, 3])), Ok(0));
}

#[test]
fn refused_sources() {
    let mut world = World::new();
    let good = source(&[SHIELD], &["a.tar"]);
    let mut other_log = good.clone();
    if let Predicate::Source(source) = &mut other_log.predicate {
        source.log = "log.test.example".into();
    }
    world.refused(&signed(&other_log, &[11]), "wrong-log", 422);
    world.refused(&signed(&source(&["pkg:generic/other/shield"], &["a.tar"]), &[11]), "no-authority", 403);
    world.refused(&signed(&source(&["pkg:generic/acme2"], &["a.tar"]), &[11]), "no-authority", 403);
    let outside = source(&[SHIELD, "pkg:generic/other/shield"], &["a.tar"]);
    world.refused(&signed(&outside, &[11]), "product-outside-namespace", 403);
    for seeds in [&[][..], &[12], &[ROOT], &[99]] {
        world.refused(&signed(&good, seeds), "threshold-not-met", 403);
    }
    // A namespace without the role: nobody can sign.
    world.vendor(authority("pkg:npm/", &[(RoleName::Authority, 1, &[10])]));
    let record = signed(&source(&["pkg:npm/x"], &["a.tar"]), &[10, 11]);
    world.refused(&record, "threshold-not-met", 403);
    let Err(Stop::Refused(refusal)) = world.judge(&record) else { panic!() };
    let text = "0 valid signatures count that are by keys of role source of pkg:npm/, 1 are needed";
    assert_eq!(refusal.to_string(), text);
    // The entry has keyids that the submission need not have.
    let mut payload = good.to_json().into_bytes();
    payload.resize(49_050, b' ');
    let sig = signing_key(11).sign(&pae(&payload)).to_bytes().to_vec();
    let signatures = vec![EnvelopeSignature { keyid: None, sig }];
    let large = Record { id: Digest::of(&pae(&payload)), payload, statement: good.clone(), signatures };
    world.refused(&large, "too-large", 413);
    world.admitted(&good, &[11]);
}

#[test]
fn refused_builds() {
    let mut world = World::new();
    world.admitted(&source(&[SHIELD], &["a.tar"]), &[11]);
    let check = |inputs: &[&str], seeds: &[u8], name, status| {
        world.refused(&signed(&build(&["a.pkg"], inputs), seeds), name, status);
    };
    check(&[], &[12], "source-not-logged", 422);
    check(&["b.tar"], &[12], "source-not-logged", 422);
    check(&["a.tar"], &[11], "threshold-not-met", 403);
    check(&["a.tar"], &[], "threshold-not-met", 403);
    check(&["a.pkg"], &[12], "source-not-logged", 422);

    // Exactly 1,024 products are taken, one more is not.
    let archives: Vec<_> = (0..17).map(|at| format!("{at}.tar")).collect();
    for (at, archive) in archives.iter().enumerate() {
        let products: Vec<_> = (0..if at < 16 { 64 } else { 1 }).map(|of| format!("{SHIELD}-{at}-{of}")).collect();
        let products: Vec<_> = products.iter().map(String::as_str).collect();
        world.admitted(&source(&products, &[archive]), &[11]);
    }
    let archives: Vec<_> = archives.iter().map(String::as_str).collect();
    world.refused(&signed(&build(&["a.pkg"], &archives), &[12]), "too-many-products", 413);
    world.admitted(&build(&["a.pkg"], &archives[..16]), &[12]);
}

#[test]
fn refused_updates() {
    let mut world = World::new();
    world.vendor(vendor("pkg:npm/", [20, 21, 22, 23, 24, 25, 26]));
    let archive = world.admitted(&source(&[SHIELD], &["a.tar"]), &[11]);
    world.admitted(&source(&[SWORD], &["b.tar"]), &[11]);
    world.admitted(&source(&["pkg:npm/x"], &["x.tar"]), &[21]);
    let shield = world.admitted(&build(&["a.pkg"], &["a.tar"]), &[12]).id;
    let sword = world.admitted(&build(&["b.pkg"], &["b.tar"]), &[12]).id;
    let strange = world.admitted(&build(&["x.pkg"], &["x.tar"]), &[22]).id;
    let check = |of: &str, files: &[&str], builds: &[Digest], seeds: &[u8], name, status| {
        world.refused(&signed(&update(of, 1, files, builds), seeds), name, status);
    };
    let both = &[14, 15];
    check(SHIELD, &["a.pkg"], &[Digest([7; 32])], both, "build-not-logged", 422);
    check(SHIELD, &["a.pkg"], &[shield, Digest([7; 32])], both, "build-not-logged", 422);
    check(SHIELD, &["a.pkg"], &[archive.id], both, "not-a-build", 422);
    check("pkg:cargo/shield", &["a.pkg"], &[shield], both, "no-authority", 403);
    check(SHIELD, &["a.pkg"], &[shield], &[14], "threshold-not-met", 403);
    check(SHIELD, &["a.pkg"], &[shield], &[14, 14, 14], "threshold-not-met", 403);
    check(SHIELD, &["a.pkg"], &[shield], &[14, 12], "threshold-not-met", 403);
    check(SHIELD, &["a.pkg"], &[shield], &[10, 11, 12, 13], "threshold-not-met", 403);
    check(SHIELD, &["x.pkg"], &[strange], both, "build-does-not-count", 422);
    check(SHIELD, &["a.pkg"], &[shield, strange], both, "build-does-not-count", 422);
    check("pkg:npm/x", &["a.pkg"], &[shield], &[24, 25], "build-does-not-count", 422);
    check(SHIELD, &["b.pkg"], &[sword], both, "source-of-other-product", 422);
    check(SHIELD, &["a.pkg"], &[shield, sword], both, "source-of-other-product", 422);
    check(SHIELD, &["a.pkg", "b.pkg"], &[shield], both, "file-not-built", 422);
    check(SHIELD, &["a.tar"], &[shield], both, "file-not-built", 422);
    let mut other_log = update(SHIELD, 1, &["a.pkg"], &[shield]);
    if let Predicate::Update(update) = &mut other_log.predicate {
        update.log = "log.test.example".into();
    }
    world.refused(&signed(&other_log, both), "wrong-log", 422);
}

#[test]
fn sequences() {
    let mut world = World::new();
    world.admitted(&source(&[SHIELD, SWORD], &["a.tar"]), &[11]);
    let build = world.admitted(&build(&["a.pkg"], &["a.tar"]), &[12]).id;
    let on = |of: &str, sequence, channel: &str, target: &str| {
        signed(&on_track(update(of, sequence, &["a.pkg"], &[build]), channel, target), &[14, 15])
    };
    world.refused(&on(SHIELD, 2, "stable", ""), "sequence", 409);
    world.refused(&on(SHIELD, (1 << 53) - 1, "stable", ""), "sequence", 409);
    assert_eq!(world.admit(&on(SHIELD, 1, "stable", "linux")), Ok(4));
    // A replay in other words; a target of its own counts no numbers of its own.
    world.refused(&on(SHIELD, 1, "stable", ""), "sequence", 409);
    world.refused(&on(SHIELD, 1, "stable", "mac"), "sequence", 409);
    world.refused(&on(SHIELD, 3, "stable", "linux"), "sequence", 409);
    assert_eq!(world.admit(&on(SHIELD, 2, "stable", "")), Ok(5));
    assert_eq!(world.admit(&on(SHIELD, 3, "stable", "linux")), Ok(6));
    // Another channel and another product count on their own.
    assert_eq!(world.admit(&on(SHIELD, 1, "beta", "")), Ok(7));
    assert_eq!(world.admit(&on(SWORD, 1, "stable", "")), Ok(8));
    world.refused(&on(SHIELD, 3, "stable", "mac"), "sequence", 409);
    world.refused(&on(SHIELD, 5, "stable", "mac"), "sequence", 409);

    // A channel has at most 64 targets, the empty one among them.
    for sequence in 1..=64 {
        let target = if sequence == 1 { String::new() } else { format!("target-{sequence}") };
        world.admit(&on(SHIELD, sequence, "many", &target)).unwrap();
    }
    world.refused(&on(SHIELD, 65, "many", "one-more"), "too-many-targets", 413);
    world.admit(&on(SHIELD, 65, "many", "target-2")).unwrap();
    world.admit(&on(SHIELD, 66, "many", "")).unwrap();
}

#[test]
fn strangers_are_dropped_and_keyids_filled_in() {
    let mut world = World::new();
    let hints: [&dyn Fn(u8) -> Option<Digest>; 5] = [
        &|_| None,
        &|seed| Some(keyid(seed)),
        &|_| Some(Digest([7; 32])),
        &|seed| Some(keyid(if seed == 14 { 15 } else { 14 })),
        &|_| Some(keyid(11)),
    ];
    for (at, hint) in hints.iter().enumerate() {
        let mut world = world.clone();
        // The same key twice, keys of other roles and of nobody.
        world.admit(&signed_as(&source(&[SHIELD], &["a.tar"]), &[99, 14, 11, 11], hint)).unwrap();
        world.admit(&signed_as(&build(&["a.pkg"], &["a.tar"]), &[98, 13, 11, 12], hint)).unwrap();
        let build = Record::parse_entry(&world.entries[3]).unwrap().id;
        world.admit(&signed_as(&update(SHIELD, 1, &["a.pkg"], &[build]), &[99, 16, 11, 14, 10, 14], hint)).unwrap();
        assert_eq!(world.signers(2), sorted(&[11]), "hint {at}");
        assert_eq!(world.signers(3), sorted(&[12, 13]), "hint {at}");
        assert_eq!(world.signers(4), sorted(&[14, 16]), "hint {at}");
    }
    // A signature over something else counts for nothing.
    let mut forged = signed(&source(&[SHIELD], &["a.tar"]), &[11]);
    forged.signatures = signed(&source(&[SHIELD], &["b.tar"]), &[11]).signatures;
    world.refused(&forged, "threshold-not-met", 403);
    forged.signatures.extend(signed(&source(&[SHIELD], &["a.tar"]), &[11]).signatures);
    assert_eq!(world.admit(&forged), Ok(2));
}

/// What cosign makes: no keyid, ECDSA P-256, s as it comes.
#[test]
fn a_high_s_becomes_low_in_the_entry() {
    let key = SecretKey::from_seed(Algorithm::EcdsaP256Sha256, &[9; 32]).unwrap();
    let keyid = key.public().keyid();
    let mut npm = authority("pkg:npm/", &[(RoleName::Authority, 1, &[10])]);
    npm.keys.insert(keyid, key.public().clone());
    npm.roles.insert(RoleName::Source, Role { threshold: 1, keyids: vec![keyid] });
    let mut world = World::new();
    world.vendor(npm);

    let mut record = signed(&source(&["pkg:npm/x"], &["x.tar"]), &[]);
    let low = key.sign(&pae(&record.payload), &[0; 32]);
    let high = crate::ecdsa::tests::high(&low);
    let mut entries = Vec::new();
    for (keyid, sig) in [(None, &low), (None, &high), (Some(keyid), &low), (Some(keyid), &high)] {
        record.signatures = vec![EnvelopeSignature { keyid, sig: sig.clone() }];
        let Ok(Admission::New { entry, .. }) = world.judge(&record) else { panic!() };
        entries.push(entry);
    }
    let want = record.entry(&[(keyid, low)]).unwrap();
    assert!(entries.iter().all(|entry| *entry == want), "one entry, however it was signed");
    // Both forms are one key's word.
    record.signatures.push(EnvelopeSignature { keyid: None, sig: high.clone() });
    let Ok(Admission::New { entry, .. }) = world.judge(&record) else { panic!() };
    assert_eq!(entry, want);
    // An entry with the high form is not what judging it gives.
    let other = record.entry(&[(keyid, high)]).unwrap();
    let Ok(Admission::New { entry, .. }) = world.judge(&Record::parse_entry(&other).unwrap()) else { panic!() };
    assert_ne!(entry, other);
    // Neither without DER, nor of another record.
    let elsewhere = key.sign(b"something else", &[0; 32]);
    for sig in [vec![1; 64], vec![], elsewhere] {
        record.signatures = vec![EnvelopeSignature { keyid: Some(keyid), sig }];
        world.refused(&record, "threshold-not-met", 403);
    }
}

#[test]
fn signatures_without_a_name_are_tried_with_so_many_keys() {
    let seeds: Vec<u8> = (100..132).collect();
    let mut world = World::new();
    world.vendor(authority("pkg:npm/", &[(RoleName::Authority, 1, &seeds), (RoleName::Source, 1, &seeds)]));
    let statement = source(&["pkg:npm/x"], &["x.tar"]);
    let tries = |record: &Record| {
        let count = core::cell::Cell::new(0);
        let counting = |_: &Digest, _: &[u8]| {
            count.set(count.get() + 1);
            None
        };
        let judged = judge(LOG, world.size(), record, &world.rows, &counting);
        (judged.is_ok(), count.get())
    };
    let none = |_| None;
    let name = |seed| Some(keyid(seed));
    // Two strangers exhaust what there is for those without a name, not what there is for those with one.
    assert_eq!(tries(&signed_as(&statement, &[1; 16], none)), (false, signatures::MAX_TRIALS));
    assert_eq!(tries(&signed_as(&statement, &[1, 2, 100], none)), (false, signatures::MAX_TRIALS));
    assert!(tries(&signed_as(&statement, &[1, 100], none)).0);
    assert_eq!(tries(&signed_as(&statement, &[1, 2, 3, 100], name)), (true, 65));
    // Names that lie have their one try beside.
    let liars = signed_as(&statement, &[1; 16], |_| Some(keyid(100)));
    assert_eq!(tries(&liars), (false, signatures::MAX_CHECKS));
    // Each of an entry's signatures is verified once.
    let signers = &seeds[..16];
    assert_eq!(tries(&signed(&statement, signers)), (true, 16));
}

#[test]
fn steps() {
    let mut world = World::new();
    world.admitted(&source(&[SHIELD], &["0"]), &[11]);
    let names: Vec<_> = (0..=9).map(|step| step.to_string()).collect();
    let step = |step: usize| build(&[&names[step]], &[&names[step - 1]]);
    for at in 1..=8 {
        let record = world.admitted(&step(at), &[12]);
        let Fact::Build { counts, .. } = world.fact(world.size() - 1) else { panic!() };
        assert_eq!(counts[0].products[&product(SHIELD)] as usize, at);
        if at == 8 {
            world.admitted(&update(SHIELD, 1, &["8"], &[record.id]), &[14, 15]);
        }
    }
    world.refused(&signed(&step(9), &[12]), "source-not-logged", 422);
    // The fewest steps count.
    world.admitted(&build(&["9"], &["8", "6"]), &[12]);
    let Fact::Build { counts, .. } = world.fact(world.size() - 1) else { panic!() };
    assert_eq!(counts[0].products[&product(SHIELD)], 7);
}

#[test]
fn a_build_that_counts_for_two() {
    let mut world = World::new();
    world.vendor(vendor("pkg:npm/", [20, 21, 22, 23, 24, 25, 26]));
    world.admitted(&source(&[SHIELD], &["a.tar"]), &[11]);
    world.admitted(&source(&["pkg:npm/x"], &["x.tar"]), &[21]);
    let statement = build(&["both.pkg"], &["a.tar", "x.tar"]);
    // By whom it is signed decides for whom it counts.
    for (seeds, namespaces, signers) in [
        (&[12, 22, 99, 11][..], &["pkg:npm/", ACME][..], &[12, 22][..]),
        (&[12, 24], &[ACME], &[12]),
        (&[23, 22], &["pkg:npm/"], &[22, 23]),
    ] {
        for hint in [|_| None, |seed| Some(keyid(seed))] {
            let mut world = world.clone();
            let index = world.admit(&signed_as(&statement, seeds, hint)).unwrap();
            assert_eq!(world.signers(index), sorted(signers));
            let Fact::Build { counts, .. } = world.fact(index) else { panic!() };
            let mut have: Vec<_> = counts.iter().map(|counts| counts.namespace.as_str()).collect();
            have.sort();
            assert_eq!(have, {
                let mut want = namespaces.to_vec();
                want.sort();
                want
            });
        }
    }
    world.refused(&signed(&statement, &[11, 21]), "threshold-not-met", 403);

    // Builds of it count for whoever signs, through it, and each product stays in its namespace.
    let both = world.admitted(&statement, &[12, 22]);
    let next = world.admitted(&build(&["next.pkg"], &["both.pkg"]), &[22]);
    world.admitted(&update("pkg:npm/x", 1, &["next.pkg"], &[next.id]), &[24, 25]);
    world.refused(&signed(&update(SHIELD, 1, &["next.pkg"], &[next.id]), &[14, 15]), "build-does-not-count", 422);
    world.admitted(&update(SHIELD, 1, &["both.pkg"], &[both.id]), &[14, 15]);
}

#[test]
fn strangers_do_not_crowd_a_vendor_out() {
    let mut world = World::new();
    let keys = [20, 21, 22, 23, 24, 25, 26];
    // More namespaces than are tried, each logs the public source, in every way that a dependency can meet, before the
    // vendor does.
    let commit = "c".repeat(40);
    let public = |world: &mut World, name: &str| {
        let of = format!("{name}x");
        let mut source = source(&[&of], &["zlib.tar"]);
        source.subjects[0].digests.push(("gitCommit".into(), commit.clone()));
        world.admitted(&source, &[if name == ACME { 11 } else { 21 }]);
    };
    for at in 0..MAX_CANDIDATES + 1 {
        let namespace = format!("pkg:a{at}/");
        world.vendor(vendor(&namespace, keys));
        public(&mut world, &namespace);
    }
    // One build of theirs counts for eight of them, and makes what it was made from.
    let zlib = Dependency { git_commit: Some(commit.clone()), ..dependency("zlib.tar") };
    let mut circle = build(&["zlib.tar"], &[]);
    if let Predicate::Build(build) = &mut circle.predicate {
        build.dependencies = vec![zlib.clone()];
    }
    world.admitted(&circle, &[22]);
    let Fact::Build { counts, .. } = world.fact(world.size() - 1) else { panic!() };
    assert_eq!(counts.len(), MAX_CANDIDATES);

    world.admitted(&source(&[SHIELD], &["a.tar"]), &[11]);
    public(&mut world, ACME);
    let mut statement = build(&["a.pkg"], &["a.tar"]);
    if let Predicate::Build(build) = &mut statement.predicate {
        build.dependencies.push(zlib.clone());
    }
    world.admitted(&statement, &[12]);

    // Where all have met the same dependencies, those come first that logged them first.
    let statement = build(&["zlib.a"], &["zlib.tar"]);
    world.refused(&signed(&statement, &[12]), "threshold-not-met", 403);
    let record = world.admitted(&statement, &[22, 12]);
    let Fact::Build { counts, .. } = world.fact(world.size() - 1) else { panic!() };
    let names: Vec<_> = counts.iter().map(|counts| counts.namespace.clone()).collect();
    assert_eq!(names, (0..MAX_CANDIDATES).map(|at| format!("pkg:a{at}/")).collect::<Vec<_>>());
    assert_eq!(world.signers(world.size() - 1), sorted(&[22]));
    assert_eq!(needs_more(&record, &world.rows).unwrap().len(), 8 + 16 + 8, "authorities, facts, digests");
}

#[test]
fn git_commits() {
    let commit = "c".repeat(40);
    let named = |git_commit: &str, sha256| {
        let mut statement = build(&["a.pkg"], &[]);
        if let Predicate::Build(build) = &mut statement.predicate {
            build.dependencies = vec![Dependency { uri: None, sha256, git_commit: Some(git_commit.into()) }];
        }
        signed(&statement, &[12])
    };
    for allowed in [false, true] {
        let mut world = World::default();
        world.admitted(&authority("*", &[(RoleName::Root, 1, &[ROOT])]).into_statement(), &[ROOT]);
        world.vendor(Authority { allow_git_commit: allowed, ..vendor(ACME, KEYS) });
        let mut archive = source(&[SHIELD], &["a.tar"]);
        archive.subjects[0].digests = vec![("sha1".into(), "x".into()), ("gitCommit".into(), commit.clone())];
        world.admitted(&archive, &[11]);
        let by_commit = named(&commit, None);
        let by_both = named(&commit, Some(sha256("a.tar")));
        let by_other = named(&commit, Some(sha256("b.tar")));
        assert!(world.judge(&by_both).is_ok());
        for record in [by_commit, by_other] {
            if allowed {
                assert!(world.judge(&record).is_ok());
            } else {
                world.refused(&record, "source-not-logged", 422);
            }
            let Predicate::Build(build) = &record.statement.predicate else { panic!() };
            let leads = leads(9, build, ACME, &product(SHIELD), &world.rows).unwrap();
            assert_eq!(leads, if allowed { vec![2] } else { vec![] });
        }
        world.refused(&named(&"d".repeat(40), None), "source-not-logged", 422);
        // A git commit is no SHA-256, even where it has as many digits.
        let digits = sha256("a.tar").to_string();
        world.refused(&named(&digits, None), "source-not-logged", 422);
    }
}

/// The rows asked for include the digests' own: otherwise a later record would take the place of the first one.
#[test]
fn a_digest_leads_to_the_lowest_index() {
    let mut world = World::new();
    let lowest = |world: &World, content: &str, kind| {
        let key = [digest_prefix(&sha256(content), kind), ACME.into()].concat();
        rows::index_of(world.rows.get(Family::Digests, &key).unwrap()).unwrap()
    };
    world.admitted(&source(&[SHIELD], &["a.tar"]), &[11]);
    world.admitted(&source(&[SHIELD, SWORD], &["a.tar", "b.tar"]), &[11]);
    assert_eq!((lowest(&world, "a.tar", Kind::Source), lowest(&world, "b.tar", Kind::Source)), (2, 3));
    let first = world.admitted(&build(&["a.pkg"], &["a.tar"]), &[12]);
    let second = world.admitted(&build(&["a.pkg", "b.pkg"], &["b.tar"]), &[12]);
    assert_eq!((lowest(&world, "a.pkg", Kind::Build), lowest(&world, "b.pkg", Kind::Build)), (4, 5));
    world.admitted(&update(SHIELD, 1, &["a.pkg"], &[first.id]), &[14, 15]);
    world.admitted(&update(SHIELD, 2, &["a.pkg", "b.pkg"], &[second.id]), &[14, 15]);
    assert_eq!((lowest(&world, "a.pkg", Kind::Update), lowest(&world, "b.pkg", Kind::Update)), (6, 7));
    // The first source of a.tar does not list the sword, the second one does not count for it.
    world.refused(&signed(&update(SWORD, 1, &["a.pkg"], &[first.id]), &[14, 15]), "source-of-other-product", 422);

    // One file under two names has one row.
    let mut twice = update(SHIELD, 3, &["a.pkg", "other"], &[first.id]);
    twice.subjects[1].sha256 = sha256("a.pkg");
    world.admitted(&twice, &[14, 15]);
}

#[test]
fn leads_are_what_was_logged_before() {
    let mut world = World::new();
    world.admitted(&source(&[SHIELD], &["a.tar"]), &[11]);
    let statement = build(&["a.pkg"], &["a.tar", "b.tar", "lib"]);
    world.admitted(&statement, &[12]);
    world.admitted(&source(&[SHIELD], &["b.tar"]), &[11]);
    world.admitted(&build(&["lib"], &["a.pkg"]), &[12]);
    // Others who log the same now do not hide it either.
    for at in 0..MAX_CANDIDATES + 1 {
        let namespace = format!("pkg:a{at}/");
        world.vendor(vendor(&namespace, KEYS));
        world.admitted(&source(&[&format!("{namespace}x")], &["a.tar", "b.tar", "lib"]), &[11]);
    }
    let Predicate::Build(build) = &statement.predicate else { panic!() };
    let mut rows = Rows::default();
    world.answer(needs(&signed(&statement, &[])), &mut rows);
    world.answer(leads_needs(build, ACME, &rows).unwrap(), &mut rows);
    let leads = |index, of: &str| leads(index, build, ACME, &product(of), &rows).unwrap();
    assert_eq!(leads(3, SHIELD), [2]);
    assert_eq!(leads(9, SHIELD), [2, 4, 5]);
    assert!(leads(9, SWORD).is_empty());
}

/// A batch as the log's sequencer judges it: rows are read once before, and those of the batch stand before them.
#[test]
fn rows_of_a_batch() {
    let mut world = World::new();
    world.admitted(&source(&[SHIELD], &["0.tar"]), &[11]);
    let made = signed(&build(&["a.pkg"], &["a.tar", "0.tar"]), &[12]);
    let again = signed(&build(&["b.pkg"], &["a.pkg"]), &[13]);
    let keys = [20, 21, 22, 23, 24, 25, 26];
    let batch = [
        signed(&source(&[SHIELD], &["a.tar", "0.tar"]), &[11]),
        made.clone(),
        again.clone(),
        signed(&update(SHIELD, 1, &["a.pkg"], &[made.id]), &[14, 15]),
        signed(&update(SHIELD, 2, &["b.pkg"], &[again.id, made.id]), &[14, 15]),
        signed(&update(SHIELD, 2, &["a.pkg"], &[made.id]), &[14, 15]),
        signed(&update(SHIELD, 2, &["b.pkg"], &[again.id, made.id]), &[14]),
        signed(&source(&["pkg:npm/x"], &["x.tar"]), &[21]),
        signed(&vendor("pkg:npm/", keys).into_statement(), &[ROOT]),
        signed(&vendor("pkg:npm/x/", keys).into_statement(), &[ROOT]),
        signed(&source(&["pkg:npm/x"], &["x.tar"]), &[21]),
        signed(&source(&["pkg:npm/x", "pkg:npm/y"], &["a.tar"]), &[21]),
    ];
    let (mut rows, results) = world.judge_batch(&batch);
    let mut names = Vec::new();
    for (record, judged) in batch.iter().zip(&results) {
        assert_eq!(&world.judge(record), judged);
        names.push(world.admit(record));
    }
    let (sequence, none, nests) = (Err("sequence"), Err("no-authority"), Err("namespace-nests"));
    let expected = [Ok(3), Ok(4), Ok(5), Ok(6), Ok(7), sequence, Ok(7), none, Ok(8), nests, Ok(9), Ok(10)];
    assert_eq!(names, expected);

    // What was put stays, whatever a store answers later.
    let look = Look::id(&made.id);
    let Look::Point(family, key) = look.clone() else { panic!() };
    rows.answer_point(family, key.clone(), None);
    rows.answer_prefix(family, Vec::new(), [(key, vec![0; 8])]);
    assert_eq!(rows.index(&look), Ok(Some(4)));
    assert!(rows.knows(&look) && rows.knows(&Look::Prefix(family, Vec::new())));
    assert!(!rows.knows(&Look::Prefix(Family::State, Vec::new())) && !rows.knows(&Look::fact(99)));

    // An authority that was read before is not read again, and neither takes the place of a row that was put.
    let acme = world.rows.authority(ACME).unwrap().unwrap();
    let row = world.rows.get(Family::Namespaces, ACME.as_bytes()).unwrap().to_vec();
    let mut rows = Rows::default();
    rows.answer_authority(ACME.into(), row.clone(), Arc::clone(&acme));
    assert!(rows.knows(&Look::namespace(ACME)));
    assert!(Arc::ptr_eq(&acme, &rows.governing(&product(SHIELD)).unwrap().unwrap()));
    rows.put(Row { family: Family::Namespaces, key: ACME.into(), value: vec![0] });
    rows.answer_authority(ACME.into(), row, acme);
    assert_eq!(rows.governing(&product(SHIELD)), Ok(None));
}

/// What a store answers again is forgotten, what it cannot know is not.
#[test]
fn answers_are_forgotten_and_puts_are_kept() {
    let world = World::new();
    let row = world.rows.get(Family::Namespaces, ACME.as_bytes()).unwrap().to_vec();
    let put = Row { family: Family::Files, key: vec![1, 2], value: vec![3; 5] };
    let mut rows = Rows::default();
    rows.put(put.clone());
    let bytes = rows.bytes();
    rows.answer_point(Family::Namespaces, ACME.into(), Some(row.clone()));
    assert!(rows.bytes() > bytes + ACME.len() + row.len(), "the authority is counted");
    rows.answer_prefix(Family::Files, vec![1], [(vec![1, 1], vec![3])]);
    rows.answer_none(Look::fact(8));
    rows.forget_answers();
    assert_eq!(rows.bytes(), bytes);
    assert!(!rows.knows(&Look::namespace(ACME)) && !rows.knows(&Look::fact(8)));
    assert!(!rows.knows(&Look::Prefix(Family::Files, vec![1])));
    assert_eq!(rows.governing(&product(SHIELD)), Ok(None));
    // An authority that was put is read as before, and a row under a prefix that is answered again.
    rows.put(Row { family: Family::Namespaces, key: ACME.into(), value: row });
    rows.forget_answers();
    assert!(rows.governing(&product(SHIELD)).unwrap().is_some());
    rows.answer_prefix(Family::Files, vec![1], [(vec![1, 1], vec![3])]);
    assert_eq!(rows.under(Family::Files, &[1]).count(), 2);
    assert!(rows.into_put().any(|row| row == put));
}

/// What a store is to keep: the rows that were put, sorted, with the value that was put last; no answer, and none twice.
#[test]
fn rows_that_were_put_come_out_again() {
    let row = |family, key: &[u8], value: &[u8]| Row { family, key: key.into(), value: value.into() };
    let mut rows = Rows::default();
    rows.answer_point(Family::Ids, vec![7], Some(vec![1]));
    rows.answer_point(Family::State, vec![7], Some(vec![1]));
    rows.answer_prefix(Family::Files, vec![1], [(vec![1, 1], vec![3]), (vec![1, 2], vec![4])]);
    rows.answer_none(Look::fact(8));
    assert_eq!((rows.bytes(), rows.clone().into_put().count()), (1 + 1 + 1 + 1 + 3 + 3 + 1 + 8, 0));
    for (family, key, value) in [
        (Family::State, [9], [1]),
        (Family::State, [2], [1]),
        (Family::Files, [5], [0]),
        (Family::State, [7], [2]),
        (Family::Ids, [9], [5]),
        (Family::State, [9], [3]),
    ] {
        rows.put(row(family, &key, &value));
    }
    rows.answer_point(Family::State, vec![9], None);
    let put = [
        row(Family::Ids, &[9], &[5]),
        row(Family::Files, &[5], &[0]),
        row(Family::State, &[2], &[1]),
        row(Family::State, &[7], &[2]),
        row(Family::State, &[9], &[3]),
    ];
    assert!(rows.into_put().eq(put));
}

/// Records of all kinds that name others of their batch, by keys that the batch names first; what a record puts is there
/// for the next one, and what it withdraws is gone.
#[test]
fn a_batch_of_all_kinds() {
    let mut world = World::new();
    let before = world.rows.authority_id(ACME).unwrap();
    let epoch = Authority { epoch: 1, previous: Some(before), ..vendor(ACME, [20, 21, 22, 23, 24, 25, 26]) };
    let source = signed(&source(&[SHIELD], &["a.tar"]), &[21]);
    let made = signed(&build(&["a.pkg", "b.pkg"], &["a.tar"]), &[22]);
    let release = |sequence, file| signed(&update(SHIELD, sequence, &[file], &[made.id]), &[24, 25]);
    let (first, second, rival) = (release(1, "a.pkg"), release(2, "b.pkg"), release(2, "a.pkg"));
    let withdraw = |update: &Record, file| signed(&withdrawals::withdrawal(&[update.id], &[file]), &[20]);
    let rebuilt = |time| signed(&parties::rebuilt(made.id, &["a.pkg", "b.pkg"], time), &[31]);
    let policy = signed(&parties::policy(0, None, "a"), &[ROOT]);
    let batch = [
        signed(&epoch.clone().into_statement(), &[10]),
        source.clone(),
        made.clone(),
        first.clone(),
        second.clone(),
        rival,
        signed(&parties::party(parties::CH), &[ROOT]),
        rebuilt(9),
        rebuilt(8),
        withdraw(&second, "b.pkg"),
        withdraw(&second, "b.pkg"),
        release(3, "b.pkg"),
        withdraw(&first, "b.pkg"),
        policy.clone(),
        signed(&parties::reviewed(policy.id, parties::POLICY, &[LOG], 9), &[32, 33]),
        signed(&parties::reviewed(source.id, parties::HELD, &["a.tar"], 9), &[32, 33]),
        signed(&parties::reviewed(source.id, parties::HELD, &["a.tar"], 9), &[34, 33]),
        signed(&parties::policy(1, Some(policy.id), "b"), &[ROOT]),
        signed(&parties::access(ACME), &[20]),
        signed(&super::tests::source(&[SHIELD], &["b.tar"]), &[11]),
        signed(&epoch.into_statement(), &[20]),
        release(3, "a.pkg"),
    ];
    let (_, results) = world.judge_batch(&batch);
    let mut names = Vec::new();
    for (record, judged) in batch.iter().zip(&results) {
        assert_eq!(&world.judge(record), judged);
        names.push(world.admit(record));
    }
    let expected = [
        Ok(2),
        Ok(3),
        Ok(4),
        Ok(5),
        Ok(6),
        Err("sequence"),
        Ok(7),
        Ok(8),
        Err("time-not-later"),
        Ok(9),
        Ok(9),
        Err("file-withdrawn"),
        Err("file-not-carried"),
        Ok(10),
        Ok(11),
        Ok(12),
        Ok(12),
        Ok(13),
        Ok(14),
        Err("threshold-not-met"),
        Ok(2),
        Ok(15),
    ];
    assert_eq!(names, expected);
    let Fact::Update { sequence: 3, .. } = world.fact(15) else { panic!() };
    assert!(world.state(&state::channel_key(SHIELD, "stable")).starts_with("sequence 3\ntarget - 3 "));
}

fn facts() -> [Fact; 10] {
    let products = |all: &[&str]| all.iter().map(|text| product(text)).collect::<Vec<_>>();
    let counts = |namespace: &str, all: &[&str]| Counts {
        namespace: namespace.into(),
        products: products(all).into_iter().zip(1..).collect(),
    };
    [
        Fact::Authority,
        Fact::Source { namespace: ACME.into(), products: products(&[SWORD, SHIELD]), archives: vec![Digest([3; 32])] },
        Fact::Build { counts: vec![], artifacts: vec![] },
        Fact::Build {
            counts: vec![counts(ACME, &[SHIELD, SWORD]), counts("pkg:npm/", &["pkg:npm/x"])],
            artifacts: vec![Digest([1; 32]), Digest([2; 32])],
        },
        Fact::Rebuild { time: 1 },
        Fact::Update { track: track("linux"), sequence: 7, files: vec![Digest([1; 32]), Digest([2; 32])] },
        Fact::Withdrawal,
        Fact::Review { time: u64::MAX },
        Fact::Policy,
        Fact::Access,
    ]
}

/// A row's value changed in some bytes, or cut.
fn mangled(random: &mut Random, value: &[u8]) -> Vec<u8> {
    let mut padded = value.to_vec();
    padded.resize(value.len().max(8), 0);
    let mut mangled = random.mangled(&padded);
    mangled.truncate(if random.below(4) == 0 { random.below(mangled.len()) } else { usize::MAX });
    mangled
}

#[test]
fn facts_read_back() {
    let mut random = Random(0x1234_5678_9abc_def1);
    for fact in facts() {
        let bytes = fact.encode();
        assert_eq!(Fact::parse(&bytes).as_ref(), Some(&fact));
        assert_eq!(bytes[0], rows::kind_byte(fact.kind()));
        assert_eq!(Fact::parse(&[&bytes[..], &[0]].concat()), None);
        for end in 0..bytes.len() {
            assert_eq!(Fact::parse(&bytes[..end]), None);
        }
        for _ in 0..2_000 {
            let mangled = mangled(&mut random, &bytes);
            if let Some(read) = Fact::parse(&mangled) {
                // No longer than what it was read from, whatever the counts in it say.
                assert!(read.encode().len() <= mangled.len());
                assert_eq!(mangled[0], rows::kind_byte(read.kind()));
            }
        }
    }
    // Counts without what they count.
    for bytes in [
        &b"\x03\xff\xff\xff\xff"[..],
        b"\x03\0\0\0\0\xff\xff\xff\xff",
        b"\x02\0\x01a\xff\xff\xff\xff",
        b"\x02\xff\xff",
        b"",
        b"x",
    ] {
        assert_eq!(Fact::parse(bytes), None);
    }
}

#[test]
fn carriers_read_back() {
    for live in [true, false] {
        let Row { key, value, .. } = Row::file(&sha256("a.pkg"), &track("linux"), 7, 9, &Digest([5; 32]), live);
        let carrier = Carrier::parse(&key, &value).unwrap();
        assert_eq!((carrier.product.as_str(), carrier.target.as_str()), (SHIELD, "linux"));
        assert_eq!((carrier.sequence, carrier.index, carrier.id, carrier.live), (7, 9, Digest([5; 32]), live));
    }
    let Row { key, value, .. } = Row::file(&sha256("a.pkg"), &track("linux"), 7, 9, &Digest([5; 32]), true);
    let mut random = Random(0x1234_5678_9abc_def1);
    for end in 0..key.len() {
        assert!(Carrier::parse(&key[..end], &value).is_err());
        assert!(Carrier::parse(&key, &value[..end.min(40)]).is_err());
    }
    for _ in 0..2_000 {
        let mangled = mangled(&mut random, &key);
        if let Ok(carrier) = Carrier::parse(&mangled, &value) {
            let track = [carrier.product, carrier.channel, carrier.target].map(|part| part + "\0").concat();
            assert_eq!([track.as_bytes(), &carrier.sequence.to_be_bytes()].concat(), mangled[32..]);
        }
    }
}

/// Rows that a store damaged are faults or other answers, never panics.
#[test]
fn damaged_rows() {
    let mut world = World::new();
    world.admitted(&source(&[SHIELD], &["a.tar"]), &[11]);
    let made = world.admitted(&build(&["a.pkg"], &["a.tar"]), &[12]).id;
    let first = world.admitted(&update(SHIELD, 1, &["a.pkg"], &[made]), &[14, 15]).id;
    world.admitted(&parties::party(parties::CH), &[ROOT]);
    world.admitted(&parties::rebuilt(made, &["a.pkg"], 9), &[31]);
    let policy = world.admitted(&parties::policy(0, None, "a"), &[ROOT]).id;
    world.admitted(&parties::reviewed(policy, parties::POLICY, &[LOG], 9), &[32, 33]);
    let epoch = Authority { epoch: 1, previous: Some(world.rows.authority_id(ACME).unwrap()), ..vendor(ACME, KEYS) };
    let records = [
        signed(&vendor("pkg:npm/", KEYS).into_statement(), &[ROOT]),
        signed(&source(&[SHIELD], &["b.tar"]), &[11]),
        signed(&build(&["b.pkg"], &["a.pkg", "a.tar"]), &[12]),
        signed(&update(SHIELD, 2, &["a.pkg"], &[made]), &[14, 15]),
        signed(&epoch.into_statement(), &[10]),
        signed(&parties::rebuilt(made, &["a.pkg"], 10), &[31]),
        signed(&withdrawals::withdrawal(&[first], &["a.pkg"]), &[10]),
        signed(&parties::reviewed(policy, parties::POLICY, &[LOG], 10), &[32, 33]),
        signed(&parties::policy(1, Some(policy), "b"), &[ROOT]),
        signed(&parties::access(ACME), &[10]),
    ];
    let size = world.size();
    let mut random = Random(0x1234_5678_9abc_def1);
    let mut faults = 0;
    for record in &records {
        let mut answered = Rows::default();
        world.answer(needs(record), &mut answered);
        world.answer(needs_more(record, &answered).unwrap(), &mut answered);
        let rows = |family| {
            answered.all(family).into_iter().map(move |(key, value)| Row { family, key, value }).collect::<Vec<_>>()
        };
        for Row { family, key, value } in FAMILIES.into_iter().flat_map(rows) {
            for _ in 0..100 {
                let mut damaged = answered.clone();
                damaged.put(Row { family, key: key.clone(), value: mangled(&mut random, &value) });
                let more = needs_more(record, &damaged);
                if let Ok(more) = more {
                    world.answer(more, &mut damaged);
                }
                let _ = signatures::check(record, &damaged);
                faults += usize::from(matches!(judge(LOG, size, record, &damaged, &unknown), Err(Stop::Corrupt(_))));
            }
        }
    }
    assert!(faults > 100, "{faults}");

    // A row that another one names, and is not there.
    let missing = |record: &Record, family, index: u64| {
        let mut damaged = world.rows.clone();
        damaged.put(Row { family, key: index.to_be_bytes().to_vec(), value: vec![] });
        assert_eq!(
            judge(LOG, size, record, &damaged, &unknown),
            Err(Corrupt { family, key: index.to_be_bytes().to_vec() }.into())
        );
    };
    missing(&records[2], Family::Facts, 2);
    missing(&records[3], Family::Facts, 3);
    missing(&records[5], Family::Facts, 3);
    missing(&records[5], Family::Facts, 6);
    missing(&records[6], Family::Facts, 4);
    missing(&records[7], Family::Facts, 8);
}
