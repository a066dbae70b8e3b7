//! What is fuzzed: each parser and each decision, with what must hold whatever the bytes.
//!
//! The fuzz targets are three lines each and lead here; `tests/corpus.rs` runs the same over the vectors, the seeds and the
//! findings of earlier runs.

#[path = "../tests/world/mod.rs"]
mod world;

use spec::admission::Admission;
use spec::authority::{Authority, Namespace, RoleName};
use spec::bundle::{Bundle, Status};
use spec::checkpoint::{self, Checkpoint};
use spec::json::{self, Value};
use spec::map::{self, MapProof, TilePath, Tiles};
use spec::merkle::{Frontier, Hash, Node, TreeHead, leaf_hash};
use spec::mirror::{self, Mirror, MirrorInfo, Package, Upload};
use spec::note::{Note, Skey, Vkey};
use spec::policy::{MAX_GROUPS, MAX_LOGS, MAX_WITNESSES, Policy};
use spec::proof::subtree::{self, Subtree};
use spec::proof::{self, MAX_PROOF_HASHES, Plan};
use spec::record::manifest::Manifest;
use spec::record::{Digest, Predicate, Product, Record, Statement};
use spec::state::{self, StateEntry};
use spec::tile::{self, Tile};
use spec::tlog_proof::TlogProof;
use spec::verdict::{self, Ask, Latest, Memory, Party, Stale, Trust};
use spec::witness::{self, AddCheckpoint, SignSubtree};
use spec::{api, cosignature, entry_bundle};
use std::collections::BTreeMap;
use std::str::from_utf8;
use std::sync::LazyLock;

/// One thing that is fuzzed.
pub struct Target {
    /// Its name, that of its file in `fuzz_targets`.
    pub name: &'static str,
    /// Takes any bytes, and panics if what must hold does not.
    pub run: fn(&[u8]),
    /// The chapters whose vectors are its corpus.
    pub chapters: &'static [&'static str],
    /// Makes what else it starts from.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

const fn target(
    name: &'static str,
    run: fn(&[u8]),
    chapters: &'static [&'static str],
    seeds: fn() -> Vec<Vec<u8>>,
) -> Target {
    Target { name, run, chapters, seeds }
}

/// Numbers from which the targets that build their own input start.
const STEPS: &[&[u8]] = &[
    b"",
    b"\x00\x00\x00\x00",
    b"\x01\x05\x09\x00\x00\x01",
    b"\x02\x07\x0d\x01\x03\x80\x00\x00\x00",
    b"\x03\x08\x1e\x0c\x0d\x02\x00\x03\x01",
    b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17",
];
const BUNDLE: &[u8] = include_bytes!("../vectors/verdict/shield-7.2.0.pkg.glarus");

fn owned(seeds: &[&[u8]]) -> Vec<Vec<u8>> {
    seeds.iter().map(|seed| seed.to_vec()).collect()
}

fn none() -> Vec<Vec<u8>> {
    Vec::new()
}

fn steps() -> Vec<Vec<u8>> {
    owned(STEPS)
}

fn bundles() -> Vec<Vec<u8>> {
    owned(&[BUNDLE])
}

fn statuses() -> Vec<Vec<u8>> {
    vec![Bundle::parse(BUNDLE).unwrap().status.to_json().into()]
}

/// The entries of the bundle, and of the small vendor.
fn entries() -> Vec<Vec<u8>> {
    let bundle = Bundle::parse(BUNDLE).unwrap();
    let proved = bundle.records.into_iter().chain(bundle.status.records).map(|record| record.entry);
    let source = world::submission(&world::source("a.tar"), &[2]);
    proved.chain([source]).collect()
}

fn payloads() -> Vec<Vec<u8>> {
    entries().iter().map(|entry| Record::parse_entry(entry).unwrap().payload).collect()
}

fn authorities() -> Vec<Vec<u8>> {
    let all = [(RoleName::Authority, 1, [2].as_slice()), (RoleName::Update, 2, &[3, 4])];
    let statement = world::authority(world::ACME, &all);
    let Predicate::Authority(authority) = statement.predicate else { unreachable!() };
    vec![authority.to_json().into()]
}

fn manifests() -> Vec<Vec<u8>> {
    let line = |name: &str| format!("{}  3  {name}\n", Digest::of(name.as_bytes()));
    vec![(line("db/empty.sig") + &line("db/main.sig")).into()]
}

/// All of them.
pub const TARGETS: &[Target] = &[
    target("note", note, &["note", "checkpoint", "witness"], none),
    target("vkey", vkey, &["note", "policy"], none),
    target("skey", skey, &["note", "witness"], || owned(&[b"PRIVATE+KEY+example.com/foo+530d903a+AQAA"])),
    target("checkpoint", checkpoint, &["checkpoint"], none),
    target("checkpoint_open", checkpoint_open, &["checkpoint", "note"], none),
    target("cosignature", cosignatures, &["cosignature", "policy"], none),
    target("policy", policy, &["policy", "tlog_proof"], none),
    target("policy_evaluate", policy_evaluate, &["policy", "tlog_proof"], none),
    target("tlog_proof", tlog_proof, &["tlog_proof"], none),
    target("tile_path", tile_path, &["tile"], none),
    target("tile_hashes", tile_hashes, &["tile"], || owned(&[&[7; 64]])),
    target("tile_authenticate", tile_authenticate, &[], steps),
    target("entry_bundle", entry_bundles, &["entry_bundle"], none),
    target("proof_verify", proof_verify, &[], steps),
    target("witness_add_checkpoint", witness_add_checkpoint, &["witness"], none),
    target("witness_judge", witness_judge, &["witness"], none),
    target("witness_sign_subtree", witness_sign_subtree, &["witness"], none),
    target("witness_judge_subtree", witness_judge_subtree, &["witness"], none),
    target("witness_answers", witness_answers, &["witness"], || owned(&[b"20852014\n"])),
    target("mirror_add_entries", mirror_add_entries, &["mirror"], none),
    target("mirror_judge_upload", mirror_judge_upload, &["mirror"], none),
    target("mirror_info", mirror_info, &["mirror"], || owned(&[b"7\n3\nAAAA\n"])),
    target("json", json_value, &["json"], payloads),
    target("record_submission", record_submission, &["record"], entries),
    target("record_entry", record_entry, &["record"], entries),
    target("statement", statement, &["record"], payloads),
    target("authority", authority, &["authority"], authorities),
    target("namespace", namespace, &["authority"], || {
        owned(&[b"*", b"pkg:generic/acme/", b"https://rebuild.example.ch"])
    }),
    target("manifest", manifest, &["record"], manifests),
    target("product", product, &[], || owned(&[b"pkg:generic/acme/shield", b"pkg:npm/%40acme/shield"])),
    target("admission_judge", admission_judge, &[], steps),
    target("map_verify", map_verify, &[], steps),
    target("map_tile", map_tile, &["map"], || owned(&[b"\x00", b"\x03\xab\xa0"])),
    target("state_entry", state_entry, &["state"], none),
    target("state_values", state_values, &["state"], none),
    target("bundle", bundle, &[], bundles),
    target("status", status, &[], statuses),
    target("verdict_follow", verdict_follow, &[], statuses),
    target("verdict_judge", verdict_judge, &[], bundles),
    target("api_submitted", api_submitted, &["api"], || {
        owned(&[br#"{"index":2,"id":"5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"}"#])
    }),
    target("api_updates", api_updates, &["api"], none),
    target("api_leading", api_leading, &["api"], none),
    target("api_problem", api_problem, &["api"], || {
        owned(&[br#"{"type":"urn:glarus:refusal:x","status":422,"detail":"d"}"#])
    }),
    target("api_batch", api_batch, &["api"], || owned(&[b"{}\n{ \r}\n", b"{}"])),
    target("api_outcomes", api_outcomes, &["api"], || {
        let taken =
            r#"{"status":202,"index":2,"id":"5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"}"#;
        let refused = r#"{"type":"urn:glarus:refusal:x","title":"x","status":422,"detail":"d"}"#;
        owned(&[format!("{taken}\n{refused}\n").as_bytes()])
    }),
];

/// What was read is written as it was.
fn again(bytes: &[u8], written: impl AsRef<[u8]>) {
    assert_eq!(bytes, written.as_ref());
}

fn note(bytes: &[u8]) {
    if let Ok(note) = Note::parse(bytes) {
        assert!((1..=100).contains(&note.signatures.len()));
        again(bytes, note.to_string());
    }
}

fn vkey(bytes: &[u8]) {
    if let Some(key) = from_utf8(bytes).ok().and_then(|text| text.parse::<Vkey>().ok()) {
        again(bytes, key.to_string());
        assert_eq!(Vkey::new(&key.name, key.kind, key.public()).as_ref(), Ok(&key));
    }
}

fn skey(bytes: &[u8]) {
    if let Some(key) = from_utf8(bytes).ok().and_then(|text| text.parse::<Skey>().ok()) {
        again(bytes, key.to_secret_text());
        assert!(!format!("{key:?}").contains("PRIVATE"));
    }
}

fn checkpoint(bytes: &[u8]) {
    if let Some((text, checkpoint)) = from_utf8(bytes).ok().and_then(|text| Some((text, Checkpoint::parse(text).ok()?)))
    {
        again(text.as_bytes(), checkpoint.to_text());
        assert!(checkpoint.head.size < 1 << 63);
    }
}

/// The policy of the vectors: a log and two witnesses.
static POLICY: LazyLock<Policy> = LazyLock::new(|| {
    let text = b"\
log log.example/updates+441a9296+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c
witness w1 witness.example/w1+df1c0a35+BIE5dw6ofRdfVqNUZsNMfszLjYqRtO43ol32D1uPybOU
witness w2 witness.example/w2+bfff2874+BO1JKMYo0cLG6ukDOJBZlWEpWSc6XGP5NjbBRhSshzfR
group both all w1 w2
quorum both
";
    Policy::parse(text).unwrap()
});

fn log_keys() -> Vec<Vkey> {
    POLICY.logs().iter().map(|log| log.vkey.clone()).collect()
}

fn checkpoint_open(bytes: &[u8]) {
    let Ok(note) = Note::parse(bytes) else { return };
    if let Ok(checkpoint) = checkpoint::open(&note, &log_keys()) {
        assert_eq!(checkpoint.origin, "log.example/updates");
        again(note.text.as_bytes(), checkpoint.to_text());
        assert!(checkpoint::open(&note, &[]).is_err());
    }
}

fn cosignatures(bytes: &[u8]) {
    let Ok(note) = Note::parse(bytes) else { return };
    for (line, witness) in note.signatures.iter().flat_map(|line| POLICY.witnesses().iter().map(move |it| (line, it))) {
        if let Ok(time) = cosignature::verify(&note.text, line, &witness.vkey) {
            assert!((1..1 << 63).contains(&time) && witness.vkey.made(line));
        }
    }
}

fn policy(bytes: &[u8]) {
    let Ok(policy) = Policy::parse(bytes) else { return };
    assert!(policy.logs().len() <= MAX_LOGS && policy.witnesses().len() <= MAX_WITNESSES);
    assert!(policy.groups().len() <= MAX_GROUPS && policy.quorum_met(|_| true));
    let (units, needed) = (policy.units().len() as u64, policy.needed());
    assert!(needed <= units && policy.quorum_met(|_| false) == (needed == 0));
    if let Ok(strength) = policy.check() {
        assert!(strength.hostile < units && strength.absent < units && needed > 0);
    }
}

fn policy_evaluate(bytes: &[u8]) {
    let Ok(note) = Note::parse(bytes) else { return };
    let evaluation = POLICY.evaluate(&note, Some(1_795_430_000));
    assert_eq!(evaluation.met(&POLICY), evaluation.time(&POLICY).is_some());
    assert!(!(evaluation.met(&POLICY) && evaluation.later) && evaluation.bad.len() <= 2 * 2 * 4);
    let anytime = POLICY.evaluate(&note, None);
    assert!(anytime.met(&POLICY) || !evaluation.met(&POLICY));
}

fn tlog_proof(bytes: &[u8]) {
    let Ok(proof) = TlogProof::parse(bytes) else { return };
    again(bytes, proof.to_text());
    let leaf = leaf_hash(proof.extra.as_deref().unwrap_or_default());
    if let Ok(verified) = proof.verify(&leaf, &POLICY, "log.example/updates") {
        assert!(proof.index < verified.checkpoint.head.size && verified.evaluation.met(&POLICY));
    }
}

fn tile_path(bytes: &[u8]) {
    if let Some(path) = from_utf8(bytes).ok().and_then(|text| text.parse::<tile::Path>().ok()) {
        again(bytes, path.to_string());
    }
}

fn tile_hashes(bytes: &[u8]) {
    if let Some(hashes) = tile::parse_hashes(bytes) {
        again(bytes, tile::hashes_bytes(&hashes));
    }
}

/// A log, and all that it is made of.
struct Log {
    heads: Vec<TreeHead>,
    leaves: Vec<Hash>,
    nodes: BTreeMap<Node, Hash>,
}

static LOG: LazyLock<Log> = LazyLock::new(|| {
    let mut tree = Frontier::default();
    let mut log = Log { heads: vec![tree.head()], leaves: Vec::new(), nodes: BTreeMap::new() };
    for entry in 0..700_u64 {
        let leaf = leaf_hash(&entry.to_be_bytes());
        log.leaves.push(leaf);
        tree.push(leaf, |node, hash| {
            log.nodes.insert(node, hash);
        });
        log.heads.push(tree.head());
    }
    log
});

impl Log {
    fn make(&self, plan: &Plan) -> Vec<Hash> {
        let hashes: Vec<_> = plan.nodes().map(|node| self.nodes[&node]).collect();
        plan.assemble(&hashes).unwrap()
    }

    fn tile(&self, tile: Tile, width: u64) -> Vec<Hash> {
        (0..width).map(|at| self.nodes[&Node { level: tile.level * 8, index: tile.index * 256 + at }]).collect()
    }
}

/// Takes numbers from the bytes; 0 when there are no more.
struct Steps<'a>(&'a [u8]);

impl Steps<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn below(&mut self, limit: usize) -> usize {
        let number = usize::from(self.byte()) << 8 | usize::from(self.byte());
        if limit == 0 { 0 } else { number % limit }
    }

    fn more(&self) -> bool {
        !self.0.is_empty()
    }

    /// Changes hashes somehow.
    fn change(&mut self, hashes: &mut Vec<Hash>) {
        let at = self.below(hashes.len() + 1);
        match (self.byte() % 5, hashes.get_mut(at)) {
            (0, Some(hash)) => hash.0[usize::from(self.byte() % 32)] ^= self.byte(),
            (1, Some(_)) => drop(hashes.remove(at)),
            (2, Some(other)) if at > 0 => {
                let other = *other;
                hashes[at - 1] = other;
            }
            (3, _) => hashes.truncate(at),
            _ => hashes.insert(at, Hash([self.byte(); 32])),
        }
    }
}

/// Tiles of a log, changed somehow: what is authenticated is what the log has.
fn tile_authenticate(bytes: &[u8]) {
    let mut steps = Steps(bytes);
    let size = steps.below(701) as u64;
    let head = LOG.heads[size as usize];
    let plan = proof::inclusion(steps.below(size as usize) as u64, size).unwrap_or_default();
    let mut tiles: BTreeMap<_, _> =
        tile::needed(&plan, size).into_iter().map(|(tile, width)| (tile, LOG.tile(tile, width))).collect();
    while steps.more() {
        let at = steps.below(tiles.len() + 1);
        let Some(tile) = tiles.keys().nth(at).copied() else {
            tiles.insert(Tile { level: steps.byte(), index: steps.below(9) as u64 }, vec![Hash([steps.byte(); 32])]);
            continue;
        };
        match steps.byte() % 3 {
            0 => drop(tiles.remove(&tile)),
            _ => steps.change(tiles.get_mut(&tile).unwrap()),
        }
    }
    let Ok(proved) = tile::authenticate(tiles.clone(), &head) else { return };
    for tile in tiles.keys() {
        let hashes = proved.hashes(*tile).unwrap();
        assert_eq!(hashes, LOG.tile(*tile, tile.width(size)), "{tile:?} of {size}");
    }
    if let Ok(path) = proved.prove(&plan) {
        assert_eq!(path, LOG.make(&plan));
    }
}

/// Proofs of a log, changed somehow: what verifies under a head of the log is what the log says, to the bit.
fn proof_verify(bytes: &[u8]) {
    let mut steps = Steps(bytes);
    let kind = steps.byte() % 4;
    let size = steps.below(200) as u64;
    let head = LOG.heads[size as usize];
    let (one, two) = (steps.below(201) as u64, steps.below(201) as u64);
    let subtree = Subtree::new(one, two).ok();
    let plan = match kind {
        0 => proof::inclusion(one, size),
        1 => proof::consistency(one, size),
        2 => subtree.and_then(|subtree| subtree::consistency(subtree, size)),
        _ => subtree.and_then(|subtree| subtree::inclusion(size, subtree)),
    };
    let mut path = plan.as_ref().map_or_else(Vec::new, |plan| LOG.make(plan));
    while steps.more() {
        steps.change(&mut path);
    }
    let hash = |subtree: Subtree| {
        let peaks: Vec<_> = subtree.peaks().iter().map(|node| LOG.nodes[node]).collect();
        spec::merkle::fold(&peaks).unwrap()
    };
    let verified = match (kind, subtree) {
        (0, _) => proof::verify_inclusion(&LOG.leaves[one as usize], one, &head, &path).is_ok(),
        (1, _) => proof::verify_consistency(&LOG.heads[one as usize], &head, &path).is_ok(),
        (2, Some(subtree)) => subtree::verify_consistency(subtree, &hash(subtree), &head, &path).is_ok(),
        (_, Some(subtree)) => {
            subtree::verify_inclusion(&LOG.leaves[size as usize], size, subtree, &hash(subtree), &path).is_ok()
        }
        _ => return,
    };
    let genuine = plan.is_some_and(|plan| LOG.make(&plan) == path);
    assert_eq!(verified, genuine, "kind {kind}, size {size}, {one}, {two}");
}

fn entry_bundles(bytes: &[u8]) {
    if let Ok(entries) = entry_bundle::parse(bytes) {
        again(bytes, entry_bundle::encode(&entries).unwrap());
    }
}

fn witness_add_checkpoint(bytes: &[u8]) {
    if let Ok(request) = AddCheckpoint::parse(bytes) {
        again(bytes, request.encode());
        assert!(request.proof.len() <= MAX_PROOF_HASHES);
        assert_eq!(request.origin(), Checkpoint::parse(&request.note.text).unwrap().origin);
    }
}

fn witness_judge(bytes: &[u8]) {
    let Ok(request) = AddCheckpoint::parse(bytes) else { return };
    assert_eq!(witness::judge(None, &request, &[]).unwrap_err().status(), 404);
    // The heads of the vectors' log, as far as this log has the same, and one that nobody else has.
    for latest in [None, LOG.heads.get(3), LOG.heads.get(7), Some(&TreeHead { size: 3, root: Hash([7; 32]) })] {
        match witness::judge(latest, &request, &log_keys()) {
            Ok(accepted) => {
                let head = accepted.checkpoint.head;
                assert_eq!(request.old_size, latest.map_or(0, |latest| latest.size));
                assert!(
                    head.size >= request.old_size
                        && latest.is_none_or(|latest| latest.size < head.size || *latest == head)
                );
                let note = Note::parse(accepted.note.to_string().as_bytes()).unwrap();
                assert_eq!(checkpoint::open(&note, &log_keys()), Ok(accepted.checkpoint));
            }
            Err(refusal) => assert!([400, 403, 404, 409, 422].contains(&refusal.status())),
        }
    }
}

fn witness_sign_subtree(bytes: &[u8]) {
    if let Ok(request) = SignSubtree::parse(bytes) {
        again(bytes, request.encode());
        assert!(request.proof.len() <= MAX_PROOF_HASHES);
    }
}

fn witness_judge_subtree(bytes: &[u8]) {
    let Ok(request) = SignSubtree::parse(bytes) else { return };
    let own: Vec<_> = POLICY.witnesses().iter().map(|witness| witness.vkey.clone()).collect();
    match witness::judge_subtree(&request, true, &own) {
        Ok(accepted) => {
            assert!(!accepted.signers.is_empty() && accepted.subtree == request.subtree);
            assert_eq!(witness::judge_subtree(&request, false, &own).unwrap_err().status(), 404);
        }
        Err(refusal) => assert!([400, 403, 422].contains(&refusal.status())),
    }
}

fn witness_answers(bytes: &[u8]) {
    if let Some(size) = witness::parse_size_body(bytes) {
        again(bytes, witness::size_body(size));
    }
    if let Ok(lines) = witness::parse_cosignatures(bytes) {
        again(bytes, lines.iter().map(ToString::to_string).collect::<String>());
    }
}

/// The stream of an upload: what is read whole is written the same, and a part of it is never read as something else.
fn mirror_add_entries(bytes: &[u8]) {
    let Ok(Some((upload, mut rest))) = Upload::parse(bytes) else { return };
    again(&bytes[..bytes.len() - rest.len()], upload.encode().unwrap());
    for range in upload.packages().take(4) {
        let Ok(Some((package, after))) = Package::parse(rest, range) else { return };
        let (have, cut) = (&rest[..rest.len() - after.len()], rest.len() - after.len() - 1);
        again(have, package.encode().unwrap());
        assert_eq!(Package::parse(&rest[..cut], range), Ok(None));
        assert_eq!(package.entries.len(), range.entries());
        let before = vec![Hash([0; 32]); (range.start - range.subtree.start()) as usize];
        let _ = mirror::judge_package(range, &before, &package, &LOG.heads[3]);
        rest = after;
    }
}

fn mirror_judge_upload(bytes: &[u8]) {
    let Ok(Some((upload, _))) = Upload::parse(bytes) else { return };
    let pending = [LOG.heads[600], LOG.heads[3]];
    for (next, mirrored) in [(0, 0), (3, 3), (500, 256)] {
        let mirror = Mirror { pending: &pending, mirrored: LOG.heads[mirrored], next };
        let info = mirror.info(&upload, b"ticket");
        match mirror::judge_upload(Some(&mirror), &upload) {
            Ok(head) => {
                assert!(head.size == upload.end && upload.start <= next && info.size == upload.end);
                for saved in 0..=upload.count().min(4) {
                    let _ = mirror::judge_end(&upload, saved, mirrored as u64);
                }
            }
            Err(refusal) => assert_eq!(refusal.status(), 409),
        }
    }
}

fn mirror_info(bytes: &[u8]) {
    if let Ok(info) = MirrorInfo::parse(bytes) {
        again(bytes, info.encode());
    }
}

fn write(out: &mut String, value: &Value) -> usize {
    let list = |out: &mut String, at: usize| out.push_str(if at == 0 { "" } else { "," });
    let mut depth = 0;
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(&value.to_string()),
        Value::Number(number) => out.push_str(number.text()),
        Value::String(text) => json::write_string(out, text),
        Value::Array(values) => {
            out.push('[');
            for (at, value) in values.iter().enumerate() {
                list(out, at);
                depth = depth.max(write(out, value));
            }
            out.push(']');
        }
        Value::Object(object) => {
            out.push('{');
            for (at, (key, value)) in object.iter().enumerate() {
                list(out, at);
                json::write_string(out, key);
                out.push(':');
                depth = depth.max(write(out, value));
            }
            out.push('}');
        }
    }
    depth + usize::from(matches!(value, Value::Array(_) | Value::Object(_)))
}

fn json_value(bytes: &[u8]) {
    match json::parse(bytes) {
        Ok(value) => {
            let mut text = String::new();
            assert!(write(&mut text, &value) <= json::MAX_DEPTH);
            assert_eq!(json::parse(text.as_bytes()), Ok(value));
        }
        Err(error) => assert!(error.at <= bytes.len()),
    }
}

fn record_submission(bytes: &[u8]) {
    let Ok(record) = Record::parse_submission(bytes) else { return };
    let named: Vec<_> = record.signatures.iter().filter_map(|one| Some((one.keyid?, one.sig.clone()))).collect();
    let Ok(entry) = record.entry(&named) else { return };
    let again = Record::parse_entry(&entry).unwrap();
    assert_eq!((again.id, again.payload, again.statement), (record.id, record.payload, record.statement));
}

fn record_entry(bytes: &[u8]) {
    if let Ok(record) = Record::parse_entry(bytes) {
        let named: Vec<_> = record.signatures.iter().map(|one| (one.keyid.unwrap(), one.sig.clone())).collect();
        again(bytes, record.entry(&named).unwrap());
    }
}

fn statement(bytes: &[u8]) {
    if let Ok(statement) = Statement::parse(bytes) {
        assert_eq!(Statement::parse(statement.to_json().as_bytes()).as_ref(), Ok(&statement));
    }
}

fn authority(bytes: &[u8]) {
    let Ok(value) = json::parse(bytes) else { return };
    let Some(Ok(authority)) = value.object().map(Authority::parse) else { return };
    let again = authority.to_json();
    let again = json::parse(again.as_bytes()).unwrap();
    assert_eq!(Authority::parse(again.object().unwrap()).as_ref(), Ok(&authority));
}

fn namespace(bytes: &[u8]) {
    if let Some(namespace) = from_utf8(bytes).ok().and_then(|text| Namespace::parse(text).ok()) {
        again(bytes, namespace.as_str());
        assert_eq!(
            [namespace.is_root(), namespace.is_product(), namespace.is_party()].iter().filter(|is| **is).count(),
            1
        );
        assert!(namespace.prefixes().all(|prefix| namespace.as_str().starts_with(prefix)));
    }
}

fn product(bytes: &[u8]) {
    if let Some(product) = from_utf8(bytes).ok().and_then(|text| Product::parse(text).ok()) {
        again(bytes, product.as_str());
        assert!(product.prefixes().all(|prefix| product.in_namespace(prefix)));
    }
}

fn manifest(bytes: &[u8]) {
    if let Ok(manifest) = Manifest::parse(bytes) {
        again(bytes, manifest.to_text());
        assert_eq!(Manifest::new(manifest.files().to_vec()).as_ref(), Ok(&manifest));
        assert!(manifest.files().iter().all(|file| manifest.find(&file.sha256, file.path) == Some(file)));
    }
}

static WORLD: LazyLock<world::World> = LazyLock::new(world::World::new);

/// Records of a small vendor in any order, by any key: what is admitted is in its one form, is judged alike when it is replayed
/// from that form, and is known from then on.
fn admission_judge(bytes: &[u8]) {
    const NAMES: [&str; 4] = ["shield.tar", "shield.pkg", "shield.sig", "lib.a"];
    let mut log = WORLD.clone();
    let mut ids = vec![Digest([7; 32])];
    let mut steps = Steps(bytes);
    while steps.more() && log.next < 24 {
        let kind = steps.byte();
        let (one, two) = (NAMES[usize::from(steps.byte() % 4)], NAMES[usize::from(steps.byte() % 4)]);
        let statement = match kind % 4 {
            0 => world::source(one),
            1 => world::build(one, two),
            2 => {
                let build = ids[usize::from(steps.byte()) % ids.len()];
                world::update(one, u64::from(steps.byte() % 4), build)
            }
            _ => {
                let roles = [(RoleName::Authority, 1, [2].as_slice())];
                let names = ["pkg:generic/acme/", "pkg:generic/", "pkg:generic/other/", "https://party.example.ch"];
                world::authority(names[usize::from(steps.byte() % 4)], &roles)
            }
        };
        let seed = 1 + kind / 4 % 3;
        let Ok(record) = Record::parse_submission(&world::submission(&statement, &[seed])) else { continue };
        match log.judge(&record) {
            Ok(Admission::New { entry, rows }) => {
                let replayed = Record::parse_entry(&entry).unwrap();
                assert_eq!(replayed.id, record.id);
                let again = log.judge(&replayed);
                assert_eq!(again, Ok(Admission::New { entry: entry.clone(), rows: rows.clone() }));
                let index = log.next;
                log.take(Admission::New { entry, rows });
                assert_eq!(log.judge(&record), Ok(Admission::Known { index }));
                ids.push(record.id);
            }
            Ok(Admission::Known { index }) => assert!(index < log.next),
            Err(spec::admission::Stop::Refused(refusal)) => assert!((400..500).contains(&refusal.status())),
            Err(stop) => panic!("{stop}"),
        }
    }
}

/// A map of a few keys.
static MAP: LazyLock<(Tiles, Hash)> = LazyLock::new(|| {
    let mut tiles = Tiles([(TilePath::ROOT, map::Tile::default())].into());
    let changes: Vec<_> =
        (0..40).map(|at| (map::key_hash(&format!("key {at}")), map::value_hash(&format!("{at}\n")))).collect();
    map::put(&mut tiles, &changes).unwrap();
    let root = map::root(&tiles).unwrap();
    (tiles, root)
});

/// Proofs of a map, changed somehow: what verifies is what the map says, to the bit.
fn map_verify(bytes: &[u8]) {
    let (tiles, root) = &*MAP;
    let mut steps = Steps(bytes);
    let at = steps.below(60);
    let key = format!("key {at}");
    let genuine = map::prove(tiles, &key).unwrap();
    let mut proof: MapProof = genuine.clone();
    let value = (steps.byte() % 2 == 0).then(|| format!("{}\n", steps.below(60)));
    while steps.more() {
        match steps.byte() % 5 {
            0 => steps.change(&mut proof.siblings),
            1 => proof.mask.push(steps.byte()),
            2 => drop(proof.mask.pop()),
            3 => {
                if let Some(byte) = proof.mask.first_mut() {
                    *byte ^= steps.byte();
                }
            }
            _ => proof.other = map::prove(tiles, &format!("key {}", steps.below(90))).unwrap().other,
        }
    }
    let says = (at < 40).then(|| format!("{at}\n"));
    let verified = map::verify(root, &key, value.as_deref(), &proof).is_ok();
    assert_eq!(verified, value == says && proof == genuine, "{key}: {value:?}");
}

fn map_tile(bytes: &[u8]) {
    if let Some(path) = TilePath::parse(bytes) {
        again(bytes, path.encode());
    }
    for path in [Some(TilePath::ROOT), bytes.get(..2).and_then(TilePath::parse)].into_iter().flatten() {
        if let Ok(tile) = map::Tile::parse(&path, bytes) {
            again(bytes, tile.encode());
            assert!(bytes.len() <= map::MAX_TILE_BYTES);
        }
    }
}

fn state_entry(bytes: &[u8]) {
    if let Ok(entry) = StateEntry::parse(bytes) {
        again(bytes, entry.to_bytes());
        assert!(state::is_state_entry(bytes) && Record::parse_submission(bytes).is_err());
    }
}

fn state_values(bytes: &[u8]) {
    let Ok(text) = from_utf8(bytes) else { return };
    let values = [
        state::AuthorityValue::parse(text).map(|value| value.to_text()),
        state::ChannelValue::parse(text).map(|value| value.to_text()),
        state::UpdateValue::parse(text).map(|value| value.to_text()),
        state::BuildValue::parse(text).map(|value| value.to_text()),
        state::SourceValue::parse(text).map(|value| value.to_text()),
        state::PolicyValue::parse(text).map(|value| value.to_text()),
    ];
    values.into_iter().flatten().for_each(|written| again(bytes, written));
}

fn bundle(bytes: &[u8]) {
    if let Ok(bundle) = Bundle::parse(bytes) {
        again(bytes, bundle.to_json());
        let status = bundle.status.to_json();
        assert_eq!(Status::parse(status.as_bytes()).as_ref(), Ok(&bundle.status));
        for record in &bundle.records {
            let (again, note) =
                spec::bundle::Proved::from_tlog_proof(record.to_tlog_proof(&bundle.checkpoint)).unwrap();
            assert_eq!((&again, &note), (record, &bundle.checkpoint));
        }
    }
}

fn status(bytes: &[u8]) {
    if let Ok(status) = Status::parse(bytes) {
        again(bytes, status.to_json());
    }
}

/// What a client of the vectors' vendor trusts.
static TRUST: LazyLock<Trust> = LazyLock::new(|| Trust {
    product: Product::parse("pkg:generic/acme/shield").unwrap(),
    origin: world::ORIGIN.into(),
    policy: Policy::parse(include_bytes!("../vectors/verdict/policy")).unwrap(),
    authority: Digest::parse(include_str!("../vectors/verdict/authority").trim_end()).unwrap(),
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
});

/// Whatever is changed in the bundle: if the file may be installed, it is the one that was released.
fn verdict_judge(bytes: &[u8]) {
    let product = TRUST.product.clone();
    let sha256 = Digest::of(b"the bytes of shield-7.2.0.pkg");
    let ask =
        Ask { sha256, name: None, manifest: None, product, channel: "stable".into(), target: "linux-x86_64".into() };
    let judged = verdict::judge(&ask, bytes, &TRUST, &Memory::default(), 1_795_430_240);
    if let Ok(installable) = &judged.verdict {
        assert_eq!((installable.version.as_str(), installable.sequence, installable.index), ("7.2.0", 2, 10));
        assert!(judged.learned.is_some());
    }
    let mut memory = Memory::default();
    if let Some(learned) = judged.learned {
        memory.learn(learned);
        let again = verdict::judge(&ask, bytes, &TRUST, &memory, 1_795_430_240);
        assert_eq!(again.verdict.is_ok(), judged.verdict.is_ok());
    }
}

/// No policy is on record there: none is followed.
fn verdict_follow(bytes: &[u8]) {
    let party = Party { name: "https://party.example.ch".into(), authority: Digest([1; 32]) };
    let trust = Trust { follow: 1, parties: vec![party], ..TRUST.clone() };
    assert!(verdict::follow(bytes, &trust, &Memory::default(), 1_795_430_240).is_err());
}

fn api_submitted(bytes: &[u8]) {
    if let Ok(submitted) = api::Submitted::parse(bytes) {
        assert_eq!(api::Submitted::parse(submitted.to_json().as_bytes()).as_ref(), Ok(&submitted));
    }
}

fn api_updates(bytes: &[u8]) {
    if let Ok(updates) = api::Updates::parse(bytes) {
        assert_eq!(api::Updates::parse(updates.to_json().as_bytes()).as_ref(), Ok(&updates));
    }
}

fn api_leading(bytes: &[u8]) {
    if let Ok(leading) = api::Leading::parse(bytes) {
        assert_eq!(api::Leading::parse(leading.to_json().as_bytes()), Ok(leading));
    }
}

fn api_problem(bytes: &[u8]) {
    if let Ok(problem) = api::Problem::parse(bytes) {
        assert!(problem.name.len() <= bytes.len() && problem.detail.len() <= bytes.len());
    }
}

fn api_batch(bytes: &[u8]) {
    if let Ok(lines) = api::batch_lines(bytes) {
        assert!((1..=api::MAX_BATCH).contains(&lines.len()));
        let written = api::batch(lines.iter().copied());
        assert_eq!(written.strip_suffix(b"\n"), Some(bytes.strip_suffix(b"\n").unwrap_or(bytes)));
        assert_eq!(api::batch_lines(&written), Ok(lines));
    }
}

fn api_outcomes(bytes: &[u8]) {
    if let Ok(outcomes) = api::parse_batch(bytes) {
        assert!((1..=api::MAX_BATCH).contains(&outcomes.len()));
        let written: String = outcomes.iter().map(api::Outcome::to_json).collect();
        assert_eq!(api::parse_batch(written.as_bytes()).as_ref(), Ok(&outcomes));
    }
}
