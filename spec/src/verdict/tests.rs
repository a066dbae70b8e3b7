use super::*;
use crate::authority::RoleName;
use crate::bundle::{Bundle, Status};
use crate::merkle::{Hash, TreeHead};
use crate::note::{KeyKind, Skey};
use crate::policy::Policy;
use crate::record::{Dependency, Digest, Kind, Predicate, Record, Statement, Subject};
use crate::state::TargetLine;
use crate::{checkpoint, checkpoint::Checkpoint};
use alloc::{boxed::Box, format, string::String, string::ToString, vec, vec::Vec};
use world::{ACME, Cosigners, ORIGIN, T, THREE, World};

mod attacks;
mod chains;
mod hostile;
mod policies;
mod words;
mod world;

const NOW: u64 = T + 240;
const PARTY: &str = "https://rebuild.example.ch";

/// Everything that a judge takes, and the log that it is of.
struct Fixture {
    world: World,
    bundle: Bundle,
    /// What is judged instead of the bundle, if it is none.
    bytes: Option<Vec<u8>>,
    ask: Ask,
    trust: Trust,
    memory: Memory,
    now: u64,
    /// The indices of the bundle's records, and the sizes.
    indices: Vec<u64>,
    sizes: (u64, u64),
}

impl Fixture {
    /// A world of one vendor with two updates; `edit` changes what the last state says or logs more before it.
    fn with(edit: impl FnOnce(&mut World)) -> Self {
        let mut world = World::new();
        let (_, authority) = world.admit(world::acme().into_statement(), &[10]);
        world.admit(world::source("shield-7.1.0.tar", &["shield"], "7.1.0"), &[21]);
        let (old, _) = world.admit(world::build(&["shield-7.1.0.pkg"], &[world::needs("shield-7.1.0.tar")]), &[21]);
        world.admit(world::update(&["shield-7.1.0.pkg"], "7.1.0", "linux-x86_64", 1, &[old]), &[23, 24]);
        world.batch(T - 2_000);
        let (_, source) = world.admit(world::source("shield-7.2.0.tar", &["shield", "sword"], "7.2.0"), &[21]);
        let (_, part) = world.admit(world::build(&["libshield.a"], &[world::needs("shield-7.2.0.tar")]), &[21]);
        let inputs = ["libshield.a", "shield-7.2.0.tar", "gcc.deb"].map(world::needs);
        let (id, whole) = world.admit(world::build(&["shield-7.2.0.pkg", "shield-7.2.0.sig"], &inputs), &[21]);
        let files = ["shield-7.2.0.pkg", "shield-7.2.0.sig"];
        let (_, update) = world.admit(world::update(&files, "7.2.0", "linux-x86_64", 2, &[id]), &[23, 25]);
        let size = world.batch(T - 1_600);
        edit(&mut world);
        world.batch(T - 100);
        Self::of(world, authority, vec![source, part, whole, update], size)
    }

    fn new() -> Self {
        Self::with(|world| {
            world.admit(world::source("sword-1.0.tar", &["sword"], "1.0"), &[21]);
        })
    }

    /// The bundle of records that are in the log at a size, with a status of the whole log.
    fn of(world: World, authority: u64, indices: Vec<u64>, size: u64) -> Self {
        let product = world::product("shield");
        let trust = Trust {
            product: product.clone(),
            origin: ORIGIN.into(),
            policy: Policy::parse(world.policy("3").as_bytes()).unwrap(),
            authority: world.id(authority),
            max_age_s: 86_400,
            stale: Stale::Refuse,
            latest: Latest::Require,
            parties: Vec::new(),
            rebuilds: 0,
            held: 0,
            no_rebuild: Vec::new(),
            allow_git_commit: false,
            follow: 0,
            policy_epoch: None,
        };
        let sha256 = world::file("shield-7.2.0.pkg").sha256;
        let ask = Ask {
            sha256,
            name: None,
            manifest: None,
            product,
            channel: "stable".into(),
            target: "linux-x86_64".into(),
        };
        let sizes = (size, world.size());
        let status = Status {
            checkpoint: world.note(world.head(2), &[]),
            state: world.proved(1, 2),
            records: Vec::new(),
            map: Vec::new(),
        };
        let bundle = world.bundle(&indices, size, status);
        let memory = Memory::default();
        let mut fixture = Self { world, bundle, bytes: None, ask, trust, memory, now: NOW, indices, sizes };
        fixture.bundle.status = fixture.status(sizes.1, THREE);
        fixture
    }

    /// The status of a size for what is asked.
    fn status(&self, size: u64, cosigners: Cosigners<'_>) -> Status {
        let (records, keys) = self.world.stated(&self.indices, &self.ask.product, &self.ask.channel, size);
        self.world.status(size, cosigners, &records, &keys)
    }

    fn judge(&self) -> Judgement {
        let bytes = self.bytes.clone().unwrap_or_else(|| self.bundle.to_json().into_bytes());
        judge(&self.ask, &bytes, &self.trust, &self.memory, self.now)
    }

    fn refused(&self) -> &'static str {
        self.judge().verdict.map_or_else(|refusal| refusal.name(), |_| "installable")
    }

    fn installable(&self) -> Installable {
        self.judge().verdict.unwrap()
    }

    /// The record of a kind in the bundle, the last one.
    fn index(&self, kind: Kind) -> u64 {
        let of_kind = |index: &&u64| Record::parse_entry(&self.world.entries[**index as usize]).unwrap().kind() == kind;
        *self.indices.iter().rfind(of_kind).unwrap()
    }

    /// Leaves records out of the bundle.
    fn keep(&mut self, keep: impl Fn(u64) -> bool) {
        self.bundle.records.retain(|record| keep(record.index));
    }
}

#[test]
fn what_is_proved() {
    let fixture = Fixture::new();
    let judgement = fixture.judge();
    let installable = judgement.verdict.unwrap();
    let world = &fixture.world;
    let build =
        |index, builder: &str| UsedBuild { id: world.id(index), index, builder: builder.into(), rebuilt: vec![] };
    let expected = Installable {
        file: "shield-7.2.0.pkg".into(),
        sha256: world::file("shield-7.2.0.pkg").sha256,
        manifest: None,
        product: world::product("shield"),
        version: "7.2.0".into(),
        channel: "stable".into(),
        target: "linux-x86_64".into(),
        sequence: 2,
        installed: None,
        origin: ORIGIN.into(),
        update: world.id(10),
        index: 10,
        logged_by: T - 1_500,
        cosigned: vec![("ch-1".into(), T), ("ch-3".into(), T + 7), ("ch-4".into(), T + 2)],
        not_cosigned: vec!["ch-2".into()],
        needed: 3,
        time: T,
        age_s: 240,
        max_age_s: 86_400,
        builds: vec![build(8, "https://acme.example/builder"), build(9, "https://acme.example/builder")],
        sources: vec![UsedSource {
            id: world.id(7),
            index: 7,
            version: "7.2.0".into(),
            held: vec![],
            examined: vec![],
        }],
        further_inputs: 1,
        namespace: ACME.into(),
        authority: world.id(2),
        epoch: 0,
        state_index: 13,
        state_time: T - 100,
        policy: None,
        warnings: vec![],
    };
    assert_eq!(installable, expected);
    assert_eq!(installable.superseded_by(), None);
    let learned = judgement.learned.unwrap();
    assert_eq!((learned.head.head, learned.time), (world.head(14), T));
    assert_eq!(learned.head.note, fixture.bundle.status.checkpoint);
    assert_eq!(learned.status, Some(fixture.bundle.status));
}

/// A change of the fixture that is refused with one name.
type Change = (&'static str, fn(&mut Fixture));

const CHANGES: &[Change] = &[
    ("installable", |_| ()),
    // Step 1.
    ("malformed", |it| it.bytes = Some(Vec::new())),
    ("malformed", |it| it.bytes = Some(it.bundle.status.to_json().into_bytes())),
    ("malformed-record", |it| it.bundle.records[0].entry = b"{}".to_vec()),
    ("malformed-record", |it| it.bundle.records[0] = it.world.proved(6, 12)),
    ("malformed-record", |it| it.bundle.status.records[0].entry.insert(0, b' ')),
    ("not-one-update", |it| drop(it.bundle.records.pop())),
    ("not-one-update", |it| it.bundle.records.insert(0, it.world.proved(5, 12))),
    ("surplus-record", |it| it.bundle.records.insert(0, it.world.proved(2, 12))),
    ("surplus-record", |it| it.bundle.status.records.push(it.world.proved(7, 14))),
    // Step 2.
    ("product-not-trusted", |it| it.ask.product = world::product("sword")),
    ("track-name", |it| it.ask.channel = "stable x".into()),
    ("track-name", |it| it.ask.channel = String::new()),
    ("track-name", |it| it.ask.target = "-".into()),
    ("too-few-parties", |it| it.trust.rebuilds = 1),
    ("too-few-parties", |it| {
        it.trust.parties = vec![party(), party()];
        it.trust.held = 2;
    }),
    ("weak-policy", |it| it.trust.policy = Policy::parse(it.world.policy("2").as_bytes()).unwrap()),
    ("not-pinned", |it| it.trust.authority = Digest([7; 32])),
    ("not-pinned", |it| it.bundle.status.records.clear()),
    ("outside-namespace", |it| {
        it.trust.authority = it.world.id(0);
        it.bundle.status.records.insert(0, it.world.proved(0, 14));
    }),
    // Step 3.
    ("log-not-in-policy", |it| it.trust.origin = "log.other.example".into()),
    ("wrong-origin", |it| {
        let other = Skey::from_seed("log.other.example", KeyKind::Ed25519, [41; 32]).unwrap();
        let policy = format!("log {}\n{}", other.vkey(), it.world.policy("3"));
        it.trust.policy = Policy::parse(policy.as_bytes()).unwrap();
        it.trust.origin = "log.other.example".into();
    }),
    ("not-signed", |it| drop(it.bundle.checkpoint.signatures.remove(0))),
    ("not-signed", |it| drop(it.bundle.status.checkpoint.signatures.remove(0))),
    ("not-signed", |it| it.bundle.status.checkpoint.signatures[0].bytes[9] ^= 1),
    ("not-signed", |it| it.bundle.checkpoint.text.push_str("extension\n")),
    ("clock-behind", |it| it.now = T - 301),
    ("installable", |it| it.now = T - 293),
    ("quorum-not-met", |it| drop(it.bundle.checkpoint.signatures.pop())),
    ("quorum-not-met", |it| drop(it.bundle.status.checkpoint.signatures.pop())),
    ("quorum-not-met", |it| it.bundle.status.checkpoint.signatures[1].bytes[70] ^= 1),
    ("quorum-not-met", |it| {
        let again = it.bundle.status.checkpoint.signatures[1].clone();
        it.bundle.status.checkpoint.signatures[2] = again;
    }),
    // Step 4.
    ("tree-too-small", |it| it.bundle.checkpoint = it.world.note(it.world.head(1), THREE)),
    ("tree-too-small", |it| it.bundle.status.checkpoint = it.world.note(it.world.head(1), THREE)),
    ("status-older-than-bundle", |it| {
        it.bundle = it.world.bundle(&it.indices, 14, it.status(12, THREE));
    }),
    ("fork", |it| {
        let head = TreeHead { root: Hash([7; 32]), ..it.world.head(14) };
        it.bundle.checkpoint = it.world.note(head, THREE);
    }),
    ("fork", |it| it.memory.head = Some(seen(it, TreeHead { size: 14, root: Hash([7; 32]) }))),
    ("fork", |it| it.memory.head = Some(seen(it, TreeHead { size: 12, root: Hash([7; 32]) }))),
    ("installable", |it| it.memory.head = Some(seen(it, TreeHead { size: 13, root: Hash([7; 32]) }))),
    ("fork", |it| {
        let mut status = it.bundle.status.clone();
        status.checkpoint = it.world.note(TreeHead { size: 14, root: Hash([7; 32]) }, THREE);
        it.memory.status = Some(status);
    }),
    ("memory-damaged", |it| {
        let mut status = it.bundle.status.clone();
        status.checkpoint.text = "x\n".into();
        it.memory.status = Some(status);
    }),
    // Step 6.
    ("state-not-last", |it| it.bundle.status.state = it.world.proved(11, 14)),
    ("not-included", |it| it.bundle.status.state.proof[0] = Hash([7; 32])),
    ("not-included", |it| it.bundle.status.state.entry.push(b'x')),
    // Step 7.
    ("not-proved", |it| drop(it.bundle.status.map.remove(0))),
    ("not-proved", |it| drop(it.bundle.status.map.pop())),
    ("not-proved", |it| it.bundle.status.map[1].value = Some("sequence 2\n".into())),
    ("not-proved", |it| it.bundle.status.map[2].value = None),
    ("not-proved", |it| it.bundle.status.map[0].proof.siblings[0] = Hash([7; 32])),
    ("installable", |it| {
        // A key that is not needed, proved absent.
        it.bundle.status.map.push(it.world.map_proved("zebra", 14));
    }),
    ("not-proved", |it| {
        let mut absent = it.world.map_proved("zebra", 14);
        absent.value = Some("there\n".into());
        absent.proof.other = None;
        it.bundle.status.map.push(absent);
    }),
    // Step 8.
    ("installable", |it| it.now = T + 86_400),
    ("stale", |it| it.now = T + 86_401),
    ("stale", |it| it.memory.time = T + 86_401),
    // Step 9.
    ("not-included", |it| it.bundle.status.records[0].proof[0] = Hash([7; 32])),
    ("index-differs", |it| it.bundle.status.records[0].index = 3),
    ("surplus-record", |it| it.bundle.status.records.insert(0, it.world.proved(0, 14))),
    // Step 10.
    ("not-included", |it| it.bundle.records[3].proof[0] = Hash([7; 32])),
    ("index-differs", |it| it.bundle.records[3].index = 11),
    // Step 12.
    ("wrong-channel", |it| {
        it.ask.channel = "beta".into();
        it.bundle.status = it.status(14, THREE);
    }),
    ("wrong-product", |it| {
        it.ask.product = world::product("sword");
        it.trust.product = it.ask.product.clone();
        it.bundle.status = it.status(14, THREE);
    }),
    ("wrong-target", |it| it.ask.target = "windows".into()),
    ("wrong-target", |it| it.ask.target = String::new()),
    ("not-in-update", |it| it.ask.sha256 = world::file("libshield.a").sha256),
    ("wrong-name", |it| it.ask.name = Some("shield-7.2.0.sig".into())),
    ("installable", |it| it.ask.name = Some("shield-7.2.0.pkg".into())),
    ("installable", |it| it.ask.sha256 = world::file("shield-7.2.0.sig").sha256),
    // Steps 14 and 15.
    ("build-missing", |it| it.keep(|index| index != 9)),
    ("no-source", |it| it.keep(|index| index != 7)),
    ("installable", |it| it.keep(|index| index != 8)),
    ("surplus-record", |it| {
        it.bundle.records.insert(0, it.world.proved(4, 12));
        it.bundle.status.map.push(it.world.map_proved(&it.world.key_of(Kind::Build, 4), 14));
        it.bundle.status.map.sort_by(|a, b| a.key.cmp(&b.key));
    }),
    ("surplus-record", |it| {
        it.bundle.records.insert(0, it.world.proved(3, 12));
        it.bundle.status.map.push(it.world.map_proved(&it.world.key_of(Kind::Source, 3), 14));
        it.bundle.status.map.sort_by(|a, b| a.key.cmp(&b.key));
    }),
    // Steps 16 and 17.
    ("not-held", |it| {
        it.trust.parties = vec![party()];
        it.trust.held = 1;
    }),
    ("not-rebuilt", |it| {
        it.trust.parties = vec![party()];
        it.trust.rebuilds = 1;
    }),
    ("installable", |it| {
        it.trust.parties = vec![party()];
        it.trust.rebuilds = 1;
        it.trust.no_rebuild = vec!["https://acme.example/builder".into()];
    }),
    // Step 19.
    ("installable", |it| it.memory.installed = Some(installed("stable", 1, 5))),
    ("installable", |it| it.memory.installed = Some(installed("stable", 2, 10))),
    ("inconsistent", |it| it.memory.installed = Some(installed("stable", 2, 9))),
    ("rollback", |it| it.memory.installed = Some(installed("stable", 3, 9))),
    ("installable", |it| it.memory.installed = Some(installed("beta", 30, 9))),
    ("rollback", |it| it.memory.installed = Some(installed("beta", 1, 11))),
];

fn party() -> Party {
    Party { name: PARTY.into(), authority: Digest([1; 32]) }
}

fn installed(channel: &str, sequence: u64, index: u64) -> Installed {
    Installed { channel: channel.into(), sequence, index }
}

fn seen(it: &Fixture, head: TreeHead) -> SeenHead {
    SeenHead { head, note: it.world.note(head, THREE) }
}

#[test]
fn changes() {
    for (at, (name, change)) in CHANGES.iter().enumerate() {
        let mut fixture = Fixture::new();
        change(&mut fixture);
        assert_eq!(fixture.refused(), *name, "change {at}");
    }
}

/// What the log's own state may say of these records, or lie.
#[test]
fn states() {
    const PRODUCT: &str = "channel pkg:generic/acme/shield stable";
    type Edit = fn(&mut World);
    let cases: &[(&str, Edit)] = &[
        ("installable", |_| ()),
        ("unknown-rules", |world| world.rules = 2),
        ("authority-chain", |world| {
            let value = format!("0 {} 2\n", world.id(0));
            world.lie("authority pkg:generic/acme/", Some(&value));
        }),
        ("index-differs", |world| {
            let value = format!("0 {} 3\n", world.id(2));
            world.lie("authority pkg:generic/acme/", Some(&value));
        }),
        ("not-in-state", |world| world.lie("authority pkg:generic/acme/", None)),
        ("unreadable-value", |world| world.lie("authority pkg:generic/acme/", Some("acme\n"))),
        ("not-in-state", |world| world.lie(&world.key_of(Kind::Update, 10), None)),
        ("not-in-state", |world| world.lie(&world.key_of(Kind::Build, 8), None)),
        ("not-in-state", |world| world.lie(&world.key_of(Kind::Source, 7), None)),
        ("unreadable-value", |world| world.lie(&world.key_of(Kind::Source, 7), Some("source 7"))),
        ("index-differs", |world| world.lie(&world.key_of(Kind::Update, 10), Some("live 9\n"))),
        ("index-differs", |world| world.lie(&world.key_of(Kind::Build, 9), Some("build 8\n"))),
        ("index-differs", |world| world.lie(&world.key_of(Kind::Source, 7), Some("source 8\n"))),
        ("withdrawn", |world| {
            let value = format!("withdrawn 10 {}\n", Digest([9; 32]));
            world.lie(&world.key_of(Kind::Update, 10), Some(&value));
        }),
        ("unreadable-value", |world| world.lie("policy", Some("policy\n"))),
        ("not-proved", |world| {
            let value = format!("build 8\n{PARTY} FAILED {} 12\n", Digest([9; 32]));
            world.lie(&world.key_of(Kind::Build, 8), Some(&value));
        }),
        ("installable", |world| {
            let value = format!("build 8\nhttps://other.example FAILED {} 12\n", Digest([9; 32]));
            world.lie(&world.key_of(Kind::Build, 8), Some(&value));
        }),
        ("not-in-state", |world| world.lie(PRODUCT, None)),
        ("unreadable-value", |world| world.lie(PRODUCT, Some("sequence 0\n"))),
        ("inconsistent", |world| world.lie(PRODUCT, Some("sequence 2\n"))),
        ("inconsistent", |world| {
            let value = format!("sequence 2\ntarget windows 2 {} 10\n", world.id(10));
            world.lie(PRODUCT, Some(&value));
        }),
        ("inconsistent", |world| {
            let value = format!("sequence 2\ntarget linux-x86_64 1 {} 5\n", world.id(5));
            world.lie(PRODUCT, Some(&value));
        }),
        ("inconsistent", |world| {
            let value = format!("sequence 2\ntarget linux-x86_64 2 {} 10\n", world.id(9));
            world.lie(PRODUCT, Some(&value));
        }),
        ("inconsistent", |world| {
            let value = format!("sequence 2\ntarget linux-x86_64 2 {} 9\n", world.id(10));
            world.lie(PRODUCT, Some(&value));
        }),
        ("superseded", |world| {
            let value = format!("sequence 9\ntarget - 9 {} 12\n", world.id(9));
            world.lie(PRODUCT, Some(&value));
        }),
        ("superseded", |world| {
            let files = ["shield-7.2.0.sig"];
            let build = world.id(9);
            world.admit(world::update(&files, "7.2.1", "", 3, &[build]), &[24, 25]);
        }),
        ("installable", |world| {
            let files = ["shield-7.2.0.sig"];
            let build = world.id(9);
            world.admit(world::update(&files, "7.2.1", "windows", 3, &[build]), &[24, 25]);
        }),
    ];
    for (at, (name, edit)) in cases.iter().enumerate() {
        let mut fixture = Fixture::with(edit);
        fixture.trust.parties = vec![party()];
        assert_eq!(fixture.refused(), *name, "state {at}");
    }
}

/// A world in which the log takes what admission refuses: the records in order, the last of them the update.
fn lawless(authority: Option<crate::authority::Authority>, log: impl FnOnce(&mut World) -> Vec<u64>) -> Fixture {
    let mut world = World::new();
    let early = authority.unwrap_or_else(world::acme);
    let (_, authority) = world.force(early.into_statement(), &[10]);
    let indices = log(&mut world);
    world.batch(T - 100);
    let size = world.size();
    Fixture::of(world, authority, indices, size)
}

fn logged(world: &mut World, source: Statement, build: Statement, update: impl Fn(&[Digest]) -> Statement) -> Vec<u64> {
    let (_, first) = world.force(source, &[21]);
    let (id, second) = world.force(build, &[21]);
    let (_, third) = world.force(update(&[id]), &[23, 24]);
    vec![first, second, third]
}

const FILE: &[&str] = &["shield-7.2.0.pkg"];

fn plain_source() -> Statement {
    world::source("shield.tar", &["shield"], "7.2.0")
}

fn plain_build() -> Statement {
    world::build(FILE, &[world::needs("shield.tar")])
}

fn plain_update(builds: &[Digest]) -> Statement {
    world::update(FILE, "7.2.0", "linux-x86_64", 1, builds)
}

#[test]
fn what_admission_would_have_refused() {
    let name = |fixture: Fixture| fixture.refused();
    assert_eq!(name(lawless(None, |it| logged(it, plain_source(), plain_build(), plain_update))), "installable");
    // Made for another log.
    let mut source = plain_source();
    if let Predicate::Source(source) = &mut source.predicate {
        source.log = "log.test.example".into();
    }
    assert_eq!(name(lawless(None, |it| logged(it, source, plain_build(), plain_update))), "wrong-log");
    let mut elsewhere = world::acme();
    elsewhere.log = "log.test.example".into();
    assert_eq!(
        name(lawless(Some(elsewhere), |it| logged(it, plain_source(), plain_build(), plain_update))),
        "wrong-log"
    );
    // Too few signatures, a role without keys, signatures of strangers.
    for (seeds, expected) in
        [(&[23][..], "threshold-not-met"), (&[21, 23], "threshold-not-met"), (&[21, 23, 25], "installable")]
    {
        let fixture = lawless(None, |it| {
            let (_, source) = it.force(plain_source(), &[21]);
            let (id, build) = it.force(plain_build(), &[21]);
            let (_, update) = it.force(plain_update(&[id]), seeds);
            vec![source, build, update]
        });
        assert_eq!(fixture.refused(), expected, "{seeds:?}");
    }
    let mut roles = world::acme();
    roles.roles.remove(&RoleName::Build);
    assert_eq!(
        name(lawless(Some(roles), |it| logged(it, plain_source(), plain_build(), plain_update))),
        "threshold-not-met"
    );
    // The file is not what was built, or not of the product's source.
    let other = |builds: &[Digest]| world::update(&["shield-7.2.0.pkg", "x"], "7.2.0", "", 1, builds);
    let made = world::build(&["x"], &[world::needs("shield.tar")]);
    assert_eq!(name(lawless(None, |it| logged(it, plain_source(), made, other))), "not-built");
    let sword = world::source("shield.tar", &["sword"], "7.2.0");
    assert_eq!(name(lawless(None, |it| logged(it, sword, plain_build(), plain_update))), "other-product");
    let lone = world::build(FILE, &[world::needs("gcc.deb")]);
    assert_eq!(name(lawless(None, |it| logged(it, plain_source(), lone, plain_update))), "no-source");
}

/// An update of one file, a manifest; what is asked for are the files that it lists.
#[test]
fn files_of_a_manifest() {
    let files = ["db/empty.sig", "db/main.sig"].map(|path| world::file(path).sha256);
    let text = format!("{}  0  db/empty.sig\n{}  3  db/main.sig\n{}  3  db/same.sig\n", files[0], files[1], files[1]);
    let subject = Subject { name: "db.manifest".into(), sha256: Digest::of(text.as_bytes()), digests: Vec::new() };
    let mut fixture = lawless(None, |it| {
        let mut build = plain_build();
        build.subjects = vec![subject.clone(), world::file("notes.txt")];
        let update = |builds: &[Digest]| {
            let mut update = plain_update(builds);
            update.subjects = vec![subject.clone(), world::file("notes.txt")];
            update
        };
        logged(it, plain_source(), build, update)
    });
    fixture.ask.sha256 = files[1];
    assert_eq!(fixture.refused(), "not-in-update");
    fixture.ask.manifest = Some(text.clone().into_bytes());
    let installable = fixture.installable();
    assert_eq!((installable.file.as_str(), installable.manifest), ("db/main.sig", Some(subject.sha256)));
    fixture.ask.name = Some("db/same.sig".into());
    assert_eq!(fixture.installable().file, "db/same.sig");
    fixture.ask.name = Some("db/empty.sig".into());
    assert_eq!(fixture.refused(), "wrong-name");
    fixture.ask.sha256 = world::file("other.sig").sha256;
    assert_eq!(fixture.refused(), "not-in-manifest");
    // Another manifest than the one that was logged, and a file of the update that is none.
    fixture.ask.manifest = Some(text.replace("main", "mine").into_bytes());
    assert_eq!(fixture.refused(), "not-in-update");
    fixture.ask.manifest = Some(b"the bytes of notes.txt".to_vec());
    assert_eq!(fixture.refused(), "not-a-manifest");
}

#[test]
fn a_build_that_was_logged_after_the_update() {
    let fixture = lawless(None, |it| {
        let (_, source) = it.force(plain_source(), &[21]);
        let later = Digest::of(&crate::record::pae(plain_build().to_json().as_bytes()));
        let (_, update) = it.force(plain_update(&[later]), &[23, 24]);
        let (_, build) = it.force(plain_build(), &[21]);
        vec![source, update, build]
    });
    let id = fixture.world.id(5);
    assert_eq!(fixture.judge().verdict, Err(Refusal::BuildAfterUpdate { id, index: 5, update: 4 }));
}

#[test]
fn before_the_authority() {
    let mut world = World::new();
    let (_, source) = world.force(plain_source(), &[21]);
    let (_, authority) = world.force(world::acme().into_statement(), &[10]);
    let (id, build) = world.force(plain_build(), &[21]);
    let (_, update) = world.force(plain_update(&[id]), &[23, 24]);
    let size = world.batch(T);
    assert_eq!(Fixture::of(world, authority, vec![source, build, update], size).refused(), "before-authority");
}

#[test]
fn eight_steps() {
    for (steps, expected) in [(1, "installable"), (8, "installable"), (9, "too-many-steps")] {
        let fixture = lawless(None, |it| {
            let mut indices = vec![it.force(plain_source(), &[21]).1];
            let (mut from, mut last) = ("shield.tar".to_string(), Digest([0; 32]));
            for step in 1..=steps {
                let to = if step == steps { FILE[0].to_string() } else { format!("part {step}") };
                let (id, index) = it.force(world::build(&[&to], &[world::needs(&from)]), &[21]);
                (from, last) = (to, id);
                indices.push(index);
            }
            indices.push(it.force(plain_update(&[last]), &[23, 24]).1);
            indices
        });
        assert_eq!(fixture.refused(), expected, "{steps} steps");
    }
    // A long way beside a short one: the short one counts, as in admission.
    let fixture = lawless(None, |it| {
        let mut indices = vec![it.force(plain_source(), &[21]).1];
        let mut from = "shield.tar".to_string();
        for step in 1..=8 {
            let to = format!("part {step}");
            indices.push(it.force(world::build(&[&to], &[world::needs(&from)]), &[21]).1);
            from = to;
        }
        let both = [world::needs(&from), world::needs("shield.tar")];
        let (id, index) = it.force(world::build(FILE, &both), &[21]);
        indices.push(index);
        indices.push(it.force(plain_update(&[id]), &[23, 24]).1);
        indices
    });
    assert_eq!(fixture.refused(), "installable");
}

/// Two builds that need each other lead nowhere, and neither does one that needs itself.
#[test]
fn no_circles() {
    let fixture = lawless(None, |it| {
        let source = it.force(plain_source(), &[21]).1;
        let one = it.force(world::build(&["one"], &[world::needs("two"), world::needs("one")]), &[21]).1;
        let (id, two) =
            it.force(world::build(&["two", FILE[0]], &[world::needs("one"), world::needs("shield.tar")]), &[21]);
        vec![source, one, two, it.force(plain_update(&[id]), &[23, 24]).1]
    });
    assert_eq!(fixture.refused(), "no-source");
}

/// Subjects of one digest under many names are one place: the work of following is not their product with the dependencies.
#[test]
fn one_place_under_many_names() {
    let fixture = lawless(None, |it| {
        let mut source = plain_source();
        let named = |at| Subject { name: format!("shield-{at}.tar"), ..source.subjects[0].clone() };
        source.subjects.extend((0..100).map(named).collect::<Vec<_>>());
        logged(it, source, world::build(FILE, &vec![world::needs("shield.tar"); 256]), plain_update)
    });
    let known = fixture.judge().verdict.unwrap();
    assert_eq!((known.sources.len(), known.further_inputs), (1, 0));
    let released = records::released(&fixture.bundle.records).unwrap();
    let sha256s = |subjects: &[Subject]| subjects.iter().map(|subject| subject.sha256).collect();
    assert_eq!(
        dependencies::places(&released.sources, sha256s).lower(&world::file("shield.tar").sha256, u64::MAX),
        [0]
    );
}

#[test]
fn git_commits() {
    let commit = "c".repeat(40);
    let make = |authority_allows, trust_allows, digest: Option<&str>| {
        let mut authority = world::acme();
        authority.allow_git_commit = authority_allows;
        let mut source = plain_source();
        source.subjects[0].digests.push(("gitCommit".into(), commit.clone()));
        let sha256 = digest.map(|name| world::file(name).sha256);
        let dependency = Dependency { uri: None, sha256, git_commit: Some(commit.clone()) };
        let mut fixture =
            lawless(Some(authority), |it| logged(it, source, world::build(FILE, &[dependency]), plain_update));
        fixture.trust.allow_git_commit = trust_allows;
        fixture
    };
    for (authority, trust) in [(false, false), (true, false), (false, true)] {
        assert_eq!(make(authority, trust, None).refused(), "no-source");
        assert_eq!(make(authority, trust, Some("shield.tar")).refused(), "installable");
    }
    for (digest, alone) in [(None, true), (Some("other"), true), (Some("shield.tar"), false)] {
        let fixture = make(true, true, digest);
        let build = fixture.world.id(fixture.index(Kind::Build));
        let warnings: Vec<_> = alone.then_some(Warning::GitCommitAlone { build }).into_iter().collect();
        let installable = fixture.installable();
        assert_eq!((installable.warnings, installable.further_inputs), (warnings, 0), "{digest:?}");
    }
}

#[test]
fn the_last_entry_is_a_state_entry() {
    let mut fixture = Fixture::new();
    let extra = fixture.world.force(plain_source(), &[21]).1;
    let size = fixture.world.size();
    let status = &mut fixture.bundle.status;
    status.checkpoint = fixture.world.note(fixture.world.head(size), THREE);
    status.state = fixture.world.proved(extra, size);
    assert_eq!(fixture.refused(), "not-a-state");
}

#[test]
fn parties_in_the_status() {
    let authority = world::authority(PARTY, &[(RoleName::Authority, 1, &[30])]);
    let mut fixture = Fixture::with(|world| {
        world.admit(authority.into_statement(), &[10]);
    });
    let size = fixture.sizes.1;
    let with = |fixture: &mut Fixture, keys: &[&str]| {
        let (_, mut all) = fixture.world.stated(&fixture.indices, &fixture.ask.product, &fixture.ask.channel, size);
        all.extend(keys.iter().map(|key| key.to_string()));
        fixture.bundle.status = fixture.world.status(size, THREE, &[2, 12], &all);
    };
    // It said nothing about any of these records.
    with(&mut fixture, &["authority https://rebuild.example.ch"]);
    assert_eq!(fixture.refused(), "surplus-record");
    with(&mut fixture, &[]);
    assert_eq!(fixture.refused(), "surplus-record");
}

#[test]
fn superseded_with_a_warning() {
    let mut fixture = Fixture::with(|world| {
        let build = world.id(9);
        world.admit(world::update(&["shield-7.2.0.sig"], "7.2.1", "", 3, &[build]), &[24, 25]);
    });
    let Err(Refusal::Superseded { have: 2, newest: 3, id, index: 12 }) = fixture.judge().verdict else { panic!() };
    fixture.trust.latest = Latest::Warn;
    let newest = TargetLine { sequence: 3, id, index: 12 };
    assert_eq!(fixture.installable().superseded_by(), Some(&newest));
}

#[test]
fn upgrade_only() {
    let mut fixture = Fixture::new();
    fixture.trust.stale = Stale::UpgradeOnly;
    fixture.now = T + 9 * 86_400;
    let cases: &[(Option<Installed>, &str)] = &[
        (None, "stale"),
        (Some(installed("stable", 1, 5)), "installable"),
        (Some(installed("stable", 2, 10)), "stale"),
        (Some(installed("stable", 3, 12)), "rollback"),
        (Some(installed("beta", 1, 5)), "stale"),
    ];
    for (installed, expected) in cases {
        fixture.memory.installed = installed.clone();
        assert_eq!(fixture.refused(), *expected, "{installed:?}");
    }
    fixture.memory.installed = Some(installed("stable", 1, 5));
    assert_eq!(fixture.installable().warnings, [Warning::FreshnessUnconfirmed { age_s: 9 * 86_400 }]);
    assert_eq!(fixture.installable().installed, fixture.memory.installed);
    // Stale, but what it says is known from now on; where the trust refuses it, it is not.
    assert!(fixture.judge().learned.is_some());
    fixture.trust.stale = Stale::Refuse;
    assert_eq!(fixture.judge().learned, None);
}

/// The age is the quorum's: a witness that looks ahead makes nothing younger, one that lags nothing older.
#[test]
fn age_is_the_quorums() {
    let mut fixture = Fixture::new();
    let cases: &[(Cosigners<'_>, Option<u64>)] = &[
        (&[(0, T), (1, T), (2, T)], Some(240)),
        (&[(0, T - 1_000), (1, T), (2, T), (3, T + 100)], Some(240)),
        (&[(0, T), (1, T), (2, T - 86_160)], Some(86_400)),
        (&[(0, T), (1, T), (2, T - 86_161)], None),
        (&[(0, T), (1, T), (2, T + 540)], Some(240)),
        (&[(0, T + 540), (1, T + 540), (2, T + 540)], Some(0)),
        (&[(0, T), (0, T - 90_000), (1, T), (2, T)], Some(240)),
    ];
    for (cosigners, age) in cases {
        fixture.bundle.status.checkpoint = fixture.world.note(fixture.world.head(14), cosigners);
        match (fixture.judge().verdict, age) {
            (Ok(installable), Some(age)) => assert_eq!(installable.age_s, *age, "{cosigners:?}"),
            (Err(refusal), None) => assert_eq!(refusal.name(), "stale", "{cosigners:?}"),
            (verdict, _) => panic!("{cosigners:?}: {verdict:?}"),
        }
    }
    // One beyond the 300 s: the other two are no quorum, and the clock may be to blame.
    fixture.bundle.status.checkpoint = fixture.world.note(fixture.world.head(14), &[(0, T), (1, T), (2, T + 541)]);
    let Err(Refusal::ClockBehind { now: NOW, time: T }) = fixture.judge().verdict else { panic!() };
    fixture.bundle.status.checkpoint =
        fixture.world.note(fixture.world.head(14), &[(0, T + 600), (1, T + 700), (2, T + 800)]);
    let refusal = fixture.judge().verdict.unwrap_err();
    assert_eq!(refusal, Refusal::ClockBehind { now: NOW, time: T + 600 });
    assert_eq!(refusal.todo(), Todo::FixConfig);
    assert_eq!(
        refusal.to_string(),
        format!("the quorum cosigned 6 minutes after this clock's time {NOW}: the clock is behind")
    );
    // The newest time ever accepted stands in for a clock that was set back.
    fixture.memory.time = T + 500;
    assert_eq!(fixture.installable().age_s, 0);
}

#[test]
fn what_a_person_reads() {
    let mut fixture = Fixture::new();
    fixture.bundle.status.checkpoint.signatures.truncate(2);
    let refusal = fixture.judge().verdict.unwrap_err();
    assert_eq!(refusal.to_string(), "1 of the policy's witnesses cosigned the checkpoint of the status, 3 are needed");
    let details = [("have", "ch-1, 4 minutes ago".to_string()), ("lack", "ch-2, ch-3, ch-4".to_string())];
    assert_eq!(refusal.details(), details);
    assert_eq!(refusal.todo().name(), "fetch-newer");
    for (seconds, text) in [
        (0, "0 seconds"),
        (1, "1 second"),
        (119, "119 seconds"),
        (120, "2 minutes"),
        (7_199, "119 minutes"),
        (7_200, "2 hours"),
        (172_799, "47 hours"),
        (172_800, "2 days"),
    ] {
        assert_eq!(duration(seconds), text);
    }
    assert_eq!((ago(5, 5), ago(9, 5), ago(1, 5)), ("just now".into(), "just now".into(), "4 seconds ago".into()));
}

#[test]
fn an_older_status_than_one_seen() {
    let newer = Fixture::new();
    let learned = newer.judge().learned.unwrap();
    let mut memory = Memory::default();
    memory.learn(learned.clone());
    // The same bundle with the status of its own head.
    let mut older = Fixture::new();
    let own = older.status(12, &[(0, T - 1_500), (1, T - 1_500), (2, T - 1_400)]);
    older.bundle.status = own.clone();
    assert_eq!(older.installable().state_index, 11);
    older.memory = memory.clone();
    let judgement = older.judge();
    let installable = judgement.verdict.unwrap();
    assert_eq!((installable.state_index, installable.time), (13, T));
    assert_eq!(installable.warnings, [Warning::StatusRemembered { size: 12 }]);
    // Nothing is forgotten.
    let again = judgement.learned.unwrap();
    assert_eq!((&again.head, again.time, &again.status), (&learned.head, T, &None));
    let mut after = memory.clone();
    after.learn(again);
    assert_eq!(after, memory);
    // A remembered one that does not answer what is asked, or is not the quorum's any more, does not help.
    let refused = |edit: fn(&mut Status)| {
        let mut memory = memory.clone();
        edit(memory.status.as_mut().unwrap());
        older.memory = memory;
        older.judge()
    };
    let mut refused = refused;
    for edit in [
        |status: &mut Status| drop(status.map.pop()),
        |status: &mut Status| drop(status.checkpoint.signatures.pop()),
        |status: &mut Status| status.records[0].entry.clear(),
        |status: &mut Status| status.state.entry.clear(),
    ] {
        let judgement = refused(edit);
        assert_eq!(judgement.verdict, Err(Refusal::StatusOlderThanSeen { have: 12, seen: 14 }));
        assert_eq!(judgement.learned, None);
    }
    let judgement = refused(|status| status.records.clear());
    assert_eq!(judgement.verdict.unwrap_err().name(), "authority-chain");
    // Nor does one that is too old by now.
    older.memory = memory;
    older.now = T + 90_000;
    assert_eq!(older.refused(), "stale");
}

/// Who was refused for a withdrawal does not accept an older status five minutes later.
#[test]
fn a_refusal_is_remembered() {
    let withdrawn = Fixture::with(|world| {
        let value = format!("withdrawn 10 {}\n", Digest([9; 32]));
        world.lie(&world.key_of(Kind::Update, 10), Some(&value));
    });
    let judgement = withdrawn.judge();
    assert_eq!(judgement.verdict.unwrap_err().name(), "withdrawn");
    let mut older = withdrawn;
    older.bundle.status = older.status(12, &[(0, T - 1_500), (1, T - 1_500), (2, T - 1_400)]);
    older.now = NOW + 300;
    assert_eq!(older.refused(), "installable");
    older.memory.learn(judgement.learned.unwrap());
    assert_eq!(older.refused(), "withdrawn");
}

/// A status that is damaged where only step 9 looks is refused and not remembered; head and time are.
#[test]
fn nobody_plants_a_damaged_status() {
    let mut fixture = Fixture::new();
    fixture.bundle.status.records[0].proof[0] = Hash([7; 32]);
    let learned = fixture.judge().learned.unwrap();
    assert_eq!((learned.head.head.size, learned.time, learned.status), (14, T, None));
    // A smaller head never takes the place of a larger one.
    let mut fixture = Fixture::new();
    let larger = seen(&fixture, TreeHead { size: 99, root: Hash([7; 32]) });
    fixture.memory.head = Some(larger.clone());
    fixture.memory.time = T + 1;
    let learned = fixture.judge().learned.unwrap();
    assert_eq!((learned.head, learned.time), (larger, T + 1));
}

/// What a status proves beside what was asked is whoever's who made the bundle: it is not remembered.
#[test]
fn nobody_fills_the_memory() {
    let authority = world::authority(PARTY, &[(RoleName::Authority, 1, &[30])]);
    let mut fixture = Fixture::with(|world| {
        world.admit(authority.into_statement(), &[10]);
    });
    let asked = fixture.bundle.status.clone();
    let (product, size) = (&fixture.ask.product, fixture.sizes.1);
    let (records, mut keys) = fixture.world.stated(&fixture.indices, product, &fixture.ask.channel, size);
    keys.extend([format!("authority {PARTY}"), "z".repeat(1 << 20)]);
    fixture.bundle.status = fixture.world.status(size, THREE, &records, &keys);
    let judgement = fixture.judge();
    assert!(judgement.verdict.is_ok());
    assert_eq!(judgement.learned.unwrap().status, Some(asked));
}

#[test]
fn a_fork_is_evidence() {
    let mut fixture = Fixture::new();
    let head = TreeHead { root: Hash([7; 32]), ..fixture.world.head(14) };
    fixture.memory.head = Some(seen(&fixture, head));
    let judgement = fixture.judge();
    let Err(refusal @ Refusal::Fork { .. }) = &judgement.verdict else { panic!() };
    assert_eq!((refusal.todo(), refusal.details().len()), (Todo::StopAndReport, 2));
    let Refusal::Fork { size: 14, notes, .. } = refusal else { panic!() };
    let heads = [&notes.first, &notes.second].map(|note| Checkpoint::parse(&note.text).unwrap().head);
    assert_eq!(heads, [head, fixture.world.head(14)]);
    let keys = [fixture.world.log_key().vkey().clone()];
    assert!(checkpoint::open(&notes.first, &keys).is_ok() && checkpoint::open(&notes.second, &keys).is_ok());
    assert_eq!(judgement.learned, None);
}

#[test]
fn keys_of_a_status() {
    let ids = [Digest([3; 32]), Digest([1; 32]), Digest([3; 32])];
    let keys = map_keys(&world::product("shield"), ACME, "stable", &Digest([9; 32]), &ids, &ids[1..2]);
    let (one, three, nine) = ("01".repeat(32), "03".repeat(32), "09".repeat(32));
    let expected = [
        "authority pkg:generic/acme/".to_string(),
        format!("build {one}"),
        format!("build {three}"),
        "channel pkg:generic/acme/shield stable".to_string(),
        "policy".to_string(),
        format!("source {one}"),
        format!("update {nine}"),
    ];
    assert_eq!(keys, expected);
}

/// Every byte of a bundle cut off, left out, doubled and changed: refused, for nothing in it may be otherwise; and whatever
/// is learned of it is true.
#[test]
fn mangled_bytes() {
    let fixture = Fixture::new();
    let good = fixture.bundle.to_json().into_bytes();
    let learned = fixture.judge().learned.unwrap();
    let mut judged = 0;
    let mut check = |bytes: &[u8], at: usize| {
        if Bundle::parse(bytes).is_err() {
            return;
        }
        judged += 1;
        let judgement = judge(&fixture.ask, bytes, &fixture.trust, &fixture.memory, fixture.now);
        assert!(judgement.verdict.is_err(), "byte {at}");
        if let Some(Learned { head, time, status }) = judgement.learned {
            assert_eq!((head, time), (learned.head.clone(), learned.time), "byte {at}");
            assert!(status.is_none() || status == learned.status, "byte {at}");
        }
    };
    for at in 0..good.len() {
        assert!(Bundle::parse(&good[..at]).is_err());
        let byte = good[at];
        // One neighbour in the alphabet, one digit, one letter: base64, hex and numbers stay what they are.
        for value in [byte ^ 1, if byte == b'7' { b'3' } else { b'7' }, if byte == b'd' { b'h' } else { b'd' }] {
            let mut bytes = good.clone();
            bytes[at] = value;
            check(&bytes, at);
        }
        if at % 7 == 0 {
            check(&[&good[..at], &good[at + 1..]].concat(), at);
            check(&[&good[..at], &good[at..=at], &good[at..]].concat(), at);
        }
    }
    assert!(judged > good.len() / 2, "{judged} of {}", good.len());
}

/// Whole parts of a bundle exchanged for genuine ones of another place or time.
#[test]
fn mangled_parts() {
    let count = Fixture::new().bundle.records.len();
    let whole = Fixture::new().installable();
    type Edit = Box<dyn Fn(&mut Fixture)>;
    let mut edits: Vec<Edit> = Vec::new();
    for one in 0..count {
        edits.push(Box::new(move |it| it.bundle.records[one].proof.truncate(1)));
        edits.push(Box::new(move |it| it.bundle.records[one].proof.push(Hash([0; 32]))));
        edits.push(Box::new(move |it| it.bundle.records[one] = it.world.proved(it.indices[one], 14)));
        for two in 0..count {
            edits.push(Box::new(move |it| it.bundle.records.swap(one, two)));
            edits.push(Box::new(move |it| {
                let entry = it.bundle.records[two].entry.clone();
                it.bundle.records[one].entry = entry;
            }));
            edits.push(Box::new(move |it| {
                let proof = it.bundle.records[two].proof.clone();
                it.bundle.records[one].proof = proof;
            }));
        }
    }
    for one in 0..Fixture::new().bundle.status.map.len() {
        for two in 0..Fixture::new().bundle.status.map.len() {
            edits.push(Box::new(move |it| {
                let value = it.bundle.status.map[two].value.clone();
                it.bundle.status.map[one].value = value;
            }));
            edits.push(Box::new(move |it| {
                let proof = it.bundle.status.map[two].proof.clone();
                it.bundle.status.map[one].proof = proof;
            }));
        }
        edits.push(Box::new(move |it| {
            let key = it.bundle.status.map[one].key.clone();
            it.bundle.status.map[one] = it.world.map_proved(&key, 12);
        }));
    }
    edits.push(Box::new(|it| it.bundle.status.state = it.world.proved(11, 12)));
    edits.push(Box::new(|it| it.bundle.status.checkpoint = it.bundle.checkpoint.clone()));
    edits.push(Box::new(|it| it.bundle.status.records[0] = it.world.proved(2, 12)));
    for (at, edit) in edits.iter().enumerate() {
        let (mut fixture, genuine) = (Fixture::new(), Fixture::new().bundle);
        edit(&mut fixture);
        match fixture.judge().verdict {
            Ok(installable) => assert!(fixture.bundle == genuine && installable == whole, "part {at}"),
            Err(_) => assert!(fixture.bundle != genuine, "part {at}"),
        }
    }
}

/// With a cosignature to spare, a line more or less changes who is named, nothing else.
#[test]
fn a_cosignature_to_spare() {
    let mut fixture = Fixture::new();
    let four: Cosigners<'_> = &[(0, T), (1, T), (2, T), (3, T)];
    fixture.bundle.status.checkpoint = fixture.world.note(fixture.world.head(14), four);
    let genuine = fixture.installable();
    for at in 1..=4 {
        let mut damaged = Fixture::new();
        damaged.bundle.status.checkpoint = fixture.bundle.status.checkpoint.clone();
        damaged.bundle.status.checkpoint.signatures[at].bytes[40] ^= 1;
        let mut installable = damaged.installable();
        assert_eq!((installable.cosigned.len(), installable.not_cosigned.len()), (3, 1));
        (installable.cosigned, installable.not_cosigned) = (genuine.cosigned.clone(), Vec::new());
        assert_eq!(installable, genuine);
    }
}

/// The files of the module's example are what this crate makes, byte by byte. `WRITE_VECTORS=1` writes them.
#[test]
fn vectors() {
    extern crate std;
    let fixture = Fixture::new();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/verdict");
    let files = [
        ("shield-7.2.0.pkg.glarus", fixture.bundle.to_json()),
        ("policy", fixture.world.policy("3")),
        ("authority", format!("{}\n", fixture.trust.authority)),
    ];
    for (name, made) in files {
        if std::env::var_os("WRITE_VECTORS").is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join(name), &made).unwrap();
        }
        assert_eq!(std::fs::read_to_string(folder.join(name)).unwrap(), made, "{name}");
    }
}

/// Every refusal stands in the module's table, and has a test above.
#[test]
fn the_table_is_whole() {
    let (chapter, code) = (include_str!("../../verdict.md"), include_str!("refusal.rs"));
    let tests = [include_str!("tests.rs"), include_str!("tests/chains.rs"), include_str!("tests/policies.rs")].concat();
    let tests = [tests.as_str(), include_str!("tests/words.rs")].concat();
    let names = code.split("pub fn name(&self)").nth(1).and_then(|rest| rest.split("pub fn todo").next()).unwrap();
    let names: Vec<_> = names.split("=> \"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(names.len(), 61);
    for name in names {
        assert!(chapter.contains(&format!("`{name}`")), "{name} stands in no step");
        let upper = |word: &str| format!("{}{}", word[..1].to_uppercase(), &word[1..]);
        let variant = format!("Refusal::{}", name.split('-').map(upper).collect::<String>());
        assert!(tests.contains(&format!("\"{name}\"")) || tests.contains(&variant), "{name} has no test");
    }
}
