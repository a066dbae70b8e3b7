//! What the specification costs: `make bench-spec`.
//!
//! Each figure is the median that criterion measured. What is held against the signature verifications in it is measured in
//! turns with them, and what it takes beyond them is the figure: so a machine whose speed changes changes both. They are the
//! bare calls of the implementation, over the same messages, with keys read before.

#[path = "../tests/world/mod.rs"]
mod world;

use criterion::Criterion;
use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};
use fips204::ml_dsa_44;
use fips204::traits::{SerDes as _, Verifier as _};
use spec::bundle::Bundle;
use spec::checkpoint::{self, Checkpoint};
use spec::merkle::{Hash, TreeHead, leaf_hash};
use spec::note::{KeyKind, Note, NoteSignature, Skey, Vkey};
use spec::policy::Policy;
use spec::proof::{self, InclusionError};
use spec::record::{self, Digest, Predicate, Product, Record};
use spec::state::StateEntry;
use spec::verdict::{self, Ask, Latest, Memory, Stale, Trust};
use spec::{cosignature, json, map};
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

const INCLUSION: &str = "inclusion proof of a tree of 2^30";
const CHECKPOINT: &str = "checkpoint, 1 + 3 Ed25519";
const CHECKPOINT_BARE: &str = "4 bare Ed25519 verifications";
const LARGE_CHECKPOINT: &str = "checkpoint, 1 + 3 ML-DSA-44";
const LARGE_CHECKPOINT_BARE: &str = "4 bare ML-DSA-44 verifications";
const POLICY: &str = "policy of 32 witnesses, no valid signature";
const POLICY_BARE: &str = "32 bare refusals of such signatures";
const PARSE: &str = "record submission read";
const ADMISSION: &str = "read and judged, signatures aside";
const VERDICT: &str = "verdict";
const VERDICT_BARE: &str = "verdict's bare Ed25519 verifications";
const MAP: &str = "map proof of 65,536 keys";
const STATE: &str = "state entry read";

/// The group of figures that are what something takes beyond its bare verifications.
const BEYOND: &str = "beyond";

/// What a figure is held against.
enum Limit {
    /// So many microseconds, on the reference machine.
    Micros(f64),
    /// So many microseconds beyond its bare verifications.
    Beyond(f64),
    /// So many times its bare verifications, these included.
    Times(f64, &'static str),
    None,
}

const LIMITS: [(&str, Limit); 13] = [
    (INCLUSION, Limit::Micros(6.0)),
    (CHECKPOINT_BARE, Limit::None),
    (CHECKPOINT, Limit::Times(1.1, CHECKPOINT_BARE)),
    (LARGE_CHECKPOINT_BARE, Limit::None),
    (LARGE_CHECKPOINT, Limit::Times(1.1, LARGE_CHECKPOINT_BARE)),
    (POLICY_BARE, Limit::None),
    (POLICY, Limit::Beyond(5.0)),
    (PARSE, Limit::None),
    (ADMISSION, Limit::Micros(15.0)),
    (VERDICT_BARE, Limit::None),
    (VERDICT, Limit::Times(1.2, VERDICT_BARE)),
    (MAP, Limit::None),
    (STATE, Limit::None),
];

fn main() -> ExitCode {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("criterion");
    let mut criterion = Criterion::default().output_directory(&folder).configure_from_args();
    inclusion(&mut criterion);
    checkpoints(&mut criterion);
    policy(&mut criterion);
    records(&mut criterion);
    verdict(&mut criterion);
    maps(&mut criterion);
    criterion.final_summary();
    table(&folder)
}

fn inclusion(criterion: &mut Criterion) {
    let (leaf, index, size) = (leaf_hash(b"entry"), 0x2aaa_aaaa, 1 << 30);
    let path: Vec<_> = (0..30).map(|at| Hash([at; 32])).collect();
    let verify = |root| proof::verify_inclusion(&leaf, index, &TreeHead { size, root }, black_box(&path));
    let Err(InclusionError::Root { computed, .. }) = verify(Hash([0; 32])) else { unreachable!() };
    criterion.bench_function(INCLUSION, |bencher| bencher.iter(|| verify(computed).unwrap()));
}

/// A verification that is nothing but that; of Ed25519 the equation alone, for the library's `verify_strict` costs a sixth more.
enum Bare {
    Ed25519(Box<VerifyingKey>, Vec<u8>, Signature),
    MlDsa44(Box<ml_dsa_44::PublicKey>, Vec<u8>, Box<[u8; 2420]>),
}

impl Bare {
    fn ed25519(public: &[u8], message: Vec<u8>, signature: &[u8]) -> Self {
        let public = VerifyingKey::from_bytes(public.try_into().unwrap()).unwrap();
        Self::Ed25519(Box::new(public), message, Signature::from_slice(signature).unwrap())
    }

    /// That of a line of a checkpoint.
    fn line(text: &str, line: &NoteSignature, key: &Vkey) -> Self {
        let parts = line.bytes.split_first_chunk::<8>().unwrap();
        let time = u64::from_be_bytes(*parts.0);
        match key.kind {
            KeyKind::Ed25519 => Self::ed25519(key.public(), text.into(), &line.bytes),
            KeyKind::CosignatureEd25519 => {
                Self::ed25519(key.public(), format!("cosignature/v1\ntime {time}\n{text}").into(), parts.1)
            }
            KeyKind::CosignatureMlDsa44 => {
                let checkpoint = Checkpoint::parse(text).unwrap();
                let name = |name: &str| [&[name.len() as u8], name.as_bytes()].concat();
                let numbers = [0, checkpoint.head.size].map(u64::to_be_bytes).concat();
                let message = [
                    b"subtree/v1\n\0".to_vec(),
                    name(&key.name),
                    time.to_be_bytes().to_vec(),
                    name(&checkpoint.origin),
                    numbers,
                    checkpoint.head.root.0.to_vec(),
                ];
                let public = ml_dsa_44::PublicKey::try_from_bytes(key.public().try_into().unwrap()).unwrap();
                Self::MlDsa44(Box::new(public), message.concat(), Box::new(parts.1.try_into().unwrap()))
            }
        }
    }

    fn verify(&self) -> bool {
        match self {
            Self::Ed25519(key, message, signature) => key.verify(message, signature).is_ok(),
            Self::MlDsa44(key, message, signature) => key.verify(message, signature, &[]),
        }
    }
}

/// Measures bare verifications, of which all or none are of valid signatures, and what the whole takes beyond them.
fn beyond<T>(
    criterion: &mut Criterion,
    (bare_name, signatures, valid): (&str, &[Bare], bool),
    name: &str,
    whole: impl Fn() -> T,
) {
    let bare = || assert!(black_box(signatures).iter().all(|signature| signature.verify() == valid));
    criterion.bench_function(bare_name, |bencher| bencher.iter(bare));
    // Criterion counts the difference alone: these times are several times as long on a clock.
    let mut group = criterion.benchmark_group(BEYOND);
    group.warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_secs(1));
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|turns| {
            let (mut wholes, mut bares) = (Duration::ZERO, Duration::ZERO);
            for turn in 0..turns {
                deeper(turn % 32, &mut || {
                    let start = Instant::now();
                    bare();
                    let middle = Instant::now();
                    black_box(whole());
                    wholes += middle.elapsed();
                    bares += middle - start;
                });
            }
            wholes.saturating_sub(bares).max(Duration::from_nanos(1))
        });
    });
    group.finish();
}

/// Runs something further down the stack: where the stack lies makes verifications a sixth slower or faster, so that each turn
/// has another place.
#[inline(never)]
fn deeper(levels: u64, run: &mut dyn FnMut()) {
    let room = black_box([0_u8; 100]);
    match levels.checked_sub(1) {
        Some(levels) => deeper(levels, run),
        None => run(),
    }
    black_box(room);
}

/// A log and `count` witnesses: their policy, all of whom must cosign, and a checkpoint that they signed.
fn cosigned(log: KeyKind, witness: KeyKind, count: u8) -> (Policy, Note) {
    let skey = |name: &str, kind, seed| Skey::from_seed(name, kind, [seed; 32]).unwrap();
    let log = skey(world::ORIGIN, log, 100);
    let witnesses: Vec<_> =
        (0..count).map(|at| skey(&format!("witness.example/w{at}"), witness, at.wrapping_add(1))).collect();
    let checkpoint = Checkpoint::new(world::ORIGIN, TreeHead { size: 1 << 30, root: leaf_hash(b"root") });
    let text = checkpoint.to_text();
    let mut note = Note { text: text.clone(), signatures: Vec::new() };
    note.signatures.push(match log.vkey().kind {
        KeyKind::Ed25519 => checkpoint::sign(&checkpoint, &log),
        _ => cosignature::sign(&text, 1_795_430_000, &log),
    });
    // Each at a second of its own: the message of an Ed25519 cosignature has its time in it, and is another each time.
    let times = 1_795_430_000..;
    note.signatures.extend(witnesses.iter().zip(times).map(|(witness, time)| cosignature::sign(&text, time, witness)));
    let mut policy = format!("log {}\n", log.vkey());
    for (at, witness) in witnesses.iter().enumerate() {
        policy += &format!("witness w{at} {}\n", witness.vkey());
    }
    let names: String = (0..count).map(|at| format!(" w{at}")).collect();
    policy += &format!("group all all{names}\nquorum all\n");
    (Policy::parse(policy.as_bytes()).unwrap(), note)
}

fn keys(policy: &Policy) -> impl Iterator<Item = &Vkey> {
    policy.logs().iter().map(|log| &log.vkey).chain(policy.witnesses().iter().map(|witness| &witness.vkey))
}

/// From a note's bytes to a head that the log signed and the quorum cosigned.
fn checkpoints(criterion: &mut Criterion) {
    let ed25519 = (KeyKind::Ed25519, KeyKind::CosignatureEd25519, CHECKPOINT, CHECKPOINT_BARE);
    let large = KeyKind::CosignatureMlDsa44;
    for (log, witness, name, floor) in [ed25519, (large, large, LARGE_CHECKPOINT, LARGE_CHECKPOINT_BARE)] {
        let (policy, note) = cosigned(log, witness, 3);
        let lines = note.signatures.iter().zip(keys(&policy));
        let signatures: Vec<_> = lines.map(|(line, key)| Bare::line(&note.text, line, key)).collect();
        let bytes = note.to_string();
        let log_keys = [policy.logs()[0].vkey.clone()];
        beyond(criterion, (floor, &signatures, true), name, || {
            let note = Note::parse(black_box(bytes.as_bytes())).unwrap();
            let checkpoint = checkpoint::open(&note, &log_keys).unwrap();
            assert!(policy.evaluate(&note, Some(1_795_430_060)).met(&policy));
            checkpoint
        });
    }
}

/// Signatures of which the second half is no number below the group's order are refused before any point is computed. What
/// that costs is measured too: the difference is all that evaluating does beside, and the report of 32 lines that fail.
fn policy(criterion: &mut Criterion) {
    let (policy, mut note) = cosigned(KeyKind::Ed25519, KeyKind::CosignatureEd25519, 32);
    assert!(policy.evaluate(&note, None).met(&policy));
    for line in &mut note.signatures {
        let end = line.bytes.len();
        line.bytes[end - 32..].fill(0xff);
    }
    assert_eq!(policy.evaluate(&note, None).bad.len(), 32);
    let lines = note.signatures.iter().skip(1).zip(keys(&policy).skip(1));
    let signatures: Vec<_> = lines.map(|(line, key)| Bare::line(&note.text, line, key)).collect();
    beyond(criterion, (POLICY_BARE, &signatures, false), POLICY, || {
        let evaluation = policy.evaluate(black_box(&note), None);
        (evaluation.met(&policy), evaluation.time(&policy))
    });
}

/// An update, from its bytes to the rows that it puts, the rows that it needs being at hand.
fn records(criterion: &mut Criterion) {
    let mut log = world::World::new();
    log.admit(&world::submission(&world::source("shield.tar"), &[2]));
    let build = log.admit(&world::submission(&world::build("shield.pkg", "shield.tar"), &[2]));
    let submission = world::submission(&world::update("shield.pkg", 1, build), &[2]);
    criterion.bench_function(PARSE, |bencher| {
        bencher.iter(|| Record::parse_submission(black_box(&submission)).unwrap());
    });
    criterion.bench_function(ADMISSION, |bencher| {
        bencher.iter(|| log.judge(&Record::parse_submission(black_box(&submission)).unwrap()).unwrap());
    });
}

fn vectors(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors/verdict").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The bundle that the chapter's example judges.
fn verdict(criterion: &mut Criterion) {
    let (bundle, policy) = (vectors("shield-7.2.0.pkg.glarus"), Policy::parse(&vectors("policy")).unwrap());
    let authority = String::from_utf8(vectors("authority")).unwrap();
    let product = Product::parse("pkg:generic/acme/shield").unwrap();
    let trust = Trust {
        product: product.clone(),
        origin: world::ORIGIN.into(),
        policy: policy.clone(),
        authority: Digest::parse(authority.trim_end()).unwrap(),
        max_age_s: 24 * 3600,
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
    let sha256 = Digest::of(b"the bytes of shield-7.2.0.pkg");
    let ask =
        Ask { sha256, name: None, manifest: None, product, channel: "stable".into(), target: "linux-x86_64".into() };

    let parsed = Bundle::parse(&bundle).unwrap();
    let mut signatures = Vec::new();
    for note in [&parsed.checkpoint, &parsed.status.checkpoint] {
        for line in &note.signatures {
            let key = keys(&policy).find(|key| key.made(line)).unwrap();
            signatures.push(Bare::line(&note.text, line, key));
        }
    }
    let authority = Record::parse_entry(&parsed.status.records[0].entry).unwrap();
    let Predicate::Authority(authority) = &authority.statement.predicate else { unreachable!() };
    for record in &parsed.records {
        let record = Record::parse_entry(&record.entry).unwrap();
        for one in &record.signatures {
            let spki = authority.keys[&one.keyid.unwrap()].spki();
            signatures.push(Bare::ed25519(&spki[spki.len() - 32..], record::pae(&record.payload), &one.sig));
        }
    }
    beyond(criterion, (VERDICT_BARE, &signatures, true), VERDICT, || {
        let judged = verdict::judge(&ask, black_box(&bundle), &trust, &Memory::default(), 1_795_430_240);
        assert!(judged.verdict.is_ok());
        judged
    });
}

fn maps(criterion: &mut Criterion) {
    let key = |at: u32| format!("update {at}");
    let changes: Vec<_> =
        (0..65_536).map(|at| (map::key_hash(&key(at)), map::value_hash(&format!("live {at}\n")))).collect();
    let mut tiles = map::Tiles::default();
    map::missing(&tiles, &[]).into_iter().for_each(|path| drop(tiles.0.insert(path, map::Tile::default())));
    map::put(&mut tiles, &changes).unwrap();
    let root = map::root(&tiles).unwrap();
    let proof = map::prove(&tiles, &key(7)).unwrap();
    criterion.bench_function(MAP, |bencher| {
        bencher.iter(|| map::verify(&root, "update 7", Some("live 7\n"), black_box(&proof)).unwrap());
    });
    let entry = StateEntry { time: 1_795_430_000, rules: 1, root }.to_bytes();
    criterion.bench_function(STATE, |bencher| bencher.iter(|| StateEntry::parse(black_box(&entry)).unwrap()));
}

/// The median that criterion wrote down for a figure, in microseconds; `None` if this run did not measure it.
fn median_us(folder: &Path, name: &str) -> Option<f64> {
    let name: String = name.chars().map(|c| if "?\"/\\*<>:|^".contains(c) { '_' } else { c }).collect();
    let estimates = std::fs::read(folder.join(name).join("new/estimates.json")).ok()?;
    let estimates = json::parse(&estimates).ok()?;
    let json::Value::Number(median) = estimates.object()?.get("median")?.object()?.get("point_estimate")? else {
        return None;
    };
    Some(median.text().parse::<f64>().ok()? / 1000.0)
}

fn table(folder: &Path) -> ExitCode {
    let mut missed = false;
    println!("\n{:44} {:>9}  {:>7}  {:>6}", "", "median us", "limit", "ratio");
    for (name, limit) in LIMITS {
        let beyond = matches!(limit, Limit::Beyond(_) | Limit::Times(..));
        let file = if beyond { folder.join(BEYOND) } else { folder.into() };
        let Some(figure) = median_us(&file, name) else { continue };
        let (limit, ratio, held) = match limit {
            Limit::None => (String::new(), String::new(), true),
            Limit::Micros(most) | Limit::Beyond(most) => {
                (format!("{most} us"), format!("{:.2}", figure / most), figure <= most)
            }
            Limit::Times(most, bare) => {
                let bare = median_us(folder, bare).unwrap_or(f64::NAN);
                let times = (bare + figure) / bare;
                (format!("x {most}"), format!("{times:.3}"), times <= most)
            }
        };
        missed |= !held;
        let figure = format!("{}{figure:.2}", if beyond { "+" } else { "" });
        println!("{name:44} {figure:>9}  {limit:>7}  {ratio:>6}{}", if held { "" } else { "  MISSED" });
    }
    if missed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
