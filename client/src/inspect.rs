//! Files made readable. Nothing is verified: this shows what a file says, not whether it is so.

use crate::draft;
use crate::keys;
use crate::table::{Item, Table};
use spec::authority::{Authority, PublicKey, Role, RoleName};
use spec::bundle::{
    BUNDLE_MEDIA_TYPE, Bundle, BundleError, MAX_BUNDLE_BYTES, MapProved, Proved, STATUS_MEDIA_TYPE, Status,
};
use spec::checkpoint::Checkpoint;
use spec::json::{self, JsonError, Value};
use spec::note::{KeyKind, Note, NoteError, NoteSignature, Skey, Vkey};
use spec::policy::{CheckError, Policy, PolicyError, Strength};
use spec::record::{Dependency, Digest, Predicate, Record, RecordError, Statement, Subject};
use spec::state::{self, StateEntry, StateError};
use spec::tlog_proof::{TlogProof, TlogProofParseError};

/// The most bytes of any file that is shown.
pub const MAX_BYTES: usize = MAX_BUNDLE_BYTES;

/// Why a file is not shown: it is none of ours, or a broken one.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InspectError {
    /// Nothing that is known here.
    #[error(
        "not a bundle, status, record, proposal, tlog-proof, checkpoint, note, policy, key or state entry; read as a policy: {0}"
    )]
    Unknown(PolicyError),
    /// Not text.
    #[error("not text: byte {0} is not UTF-8")]
    NotText(usize),
    /// JSON of no kind that is known here.
    #[error("a JSON file that is neither a bundle, a status nor a DSSE envelope")]
    UnknownJson,
    /// Broken JSON.
    #[error("not JSON: {0}")]
    Json(#[from] JsonError),
    /// A broken bundle or status.
    #[error("a broken bundle or status: {0}")]
    Bundle(#[from] BundleError),
    /// A broken record.
    #[error("a broken record: {0}")]
    Record(#[from] RecordError),
    /// A broken tlog-proof.
    #[error("a broken tlog-proof: {0}")]
    TlogProof(#[from] TlogProofParseError),
    /// A broken note.
    #[error("a broken note: {0}")]
    Note(#[from] NoteError),
    /// A broken state entry.
    #[error("a broken state entry: {0}")]
    State(#[from] StateError),
    /// A broken key.
    #[error("a broken key: {0}")]
    Key(String),
}

/// Finds out what a file is, and shows it.
///
/// # Errors
/// [`InspectError`].
pub fn inspect(bytes: &[u8]) -> Result<Table, InspectError> {
    let text = std::str::from_utf8(bytes).map_err(|error| InspectError::NotText(error.valid_up_to()))?;
    if text.trim_start().starts_with('{') {
        return inspect_json(bytes);
    }
    if text.starts_with("c2sp.org/tlog-proof") {
        return Ok(tlog_proof(&TlogProof::parse(bytes)?));
    }
    if state::is_state_entry(bytes) {
        return Ok(state_entry(&StateEntry::parse(bytes)?));
    }
    if text.starts_with("-----BEGIN ") {
        return pem(text);
    }
    if text.contains("\n\n\u{2014} ") {
        return Ok(note(&Note::parse(bytes)?));
    }
    let line = text.strip_suffix('\n').unwrap_or(text);
    if line.starts_with("PRIVATE+KEY+") {
        let key: Skey = line.parse().map_err(|error: spec::note::KeyError| InspectError::Key(error.to_string()))?;
        return Ok(vkey("secret key, of which this is the public half", key.vkey()));
    }
    if let Ok(key) = line.parse::<Vkey>() {
        return Ok(vkey("verifier key", &key));
    }
    let policy = Policy::parse(bytes).map_err(InspectError::Unknown)?;
    Ok(Table::new().row("what", "policy").row("policy", strength(&policy, &policy.check())))
}

fn inspect_json(bytes: &[u8]) -> Result<Table, InspectError> {
    let value = json::parse(bytes)?;
    let object = value.object().ok_or(InspectError::UnknownJson)?;
    match object.get("mediaType").and_then(Value::string) {
        Some(BUNDLE_MEDIA_TYPE) => return Ok(bundle(&Bundle::parse(bytes)?)),
        Some(STATUS_MEDIA_TYPE) => return Ok(status(&Status::parse(bytes)?)),
        _ => {}
    }
    if object.get("payload").is_none() {
        return Err(InspectError::UnknownJson);
    }
    let found = draft::read(bytes)?;
    match found.signatures.is_empty() {
        true => Ok(statement(
            &found.statement,
            Table::new().row("what", "record that nobody signed yet").text("id", found.id),
        )),
        false => Ok(record(&found, bytes)),
    }
}

fn bundle(bundle: &Bundle) -> Table {
    Table::new()
        .row("what", "bundle")
        .row("checkpoint", note(&bundle.checkpoint))
        .row("records", bundle.records.iter().map(proved).collect::<Vec<_>>())
        .row("status", status(&bundle.status))
}

fn status(status: &Status) -> Table {
    Table::new()
        .row("what", "status")
        .row("checkpoint", note(&status.checkpoint))
        .row("state", proved(&status.state))
        .row("records", status.records.iter().map(proved).collect::<Vec<_>>())
        .row("map", status.map.iter().map(map_proved).collect::<Vec<_>>())
}

fn proved(proved: &Proved) -> Table {
    let table = Table::new().row("index", proved.index);
    let hashes = u64::try_from(proved.proof.len()).unwrap_or(u64::MAX);
    table.row("entry", entry(&proved.entry)).row("proof", format!("{hashes} hashes"))
}

fn map_proved(proved: &MapProved) -> Table {
    let value = proved.value.as_ref().map(|value| value.lines().map(String::from).collect::<Vec<_>>());
    Table::new().row("key", proved.key.as_str()).row("value", value)
}

/// What an entry of the log is.
fn entry(bytes: &[u8]) -> Item {
    if let Ok(state) = StateEntry::parse(bytes) {
        return state_entry(&state).into();
    }
    match Record::parse_submission(bytes) {
        Ok(found) => record(&found, bytes).into(),
        Err(error) => format!("not a record: {error}").into(),
    }
}

fn state_entry(state: &StateEntry) -> Table {
    let table = Table::new().row("what", "state entry").row("time", Item::Time(state.time));
    table.row("rules", state.rules).text("root", state.root)
}

fn tlog_proof(proof: &TlogProof) -> Table {
    let hashes = u64::try_from(proof.path.len()).unwrap_or(u64::MAX);
    Table::new()
        .row("what", "tlog-proof")
        .row("index", proof.index)
        .row("path", format!("{hashes} hashes"))
        .row("extra", proof.extra.as_deref().map(entry))
        .row("checkpoint", note(&proof.checkpoint))
}

fn note(note: &Note) -> Table {
    let table = match Checkpoint::parse(&note.text) {
        Ok(Checkpoint { origin, head, extensions }) => {
            let table = Table::new().row("what", "checkpoint").row("origin", origin).row("size", head.size);
            let table = table.text("root", head.root);
            if extensions.is_empty() { table } else { table.row("extensions", extensions) }
        }
        Err(_) => {
            let lines = note.text.lines().map(String::from).collect::<Vec<_>>();
            Table::new().row("what", "note").row("text", lines)
        }
    };
    table.row("signatures", note.signatures.iter().map(signature).collect::<Vec<_>>())
}

fn signature(line: &NoteSignature) -> Table {
    let table = Table::new().row("by", line.name.as_str()).text("keyID", format!("{:08x}", line.id));
    // A line with a time is 8 bytes of it and 64 of Ed25519 or 2,420 of ML-DSA-44; no other line has as many.
    match line.bytes.split_first_chunk() {
        Some((time, rest)) if matches!(rest.len(), 64 | 2420) => {
            table.row("time", Item::Time(u64::from_be_bytes(*time)))
        }
        _ => table.row("bytes", u64::try_from(line.bytes.len()).unwrap_or(u64::MAX)),
    }
}

fn record(record: &Record, bytes: &[u8]) -> Table {
    let what = match Record::parse_entry(bytes) {
        Ok(_) => "record, in the form that it has in the log",
        Err(_) => "record, in another form than it has in the log",
    };
    let keyid = |keyid: Option<Digest>| keyid.map_or("no keyid of ours".into(), |keyid| keyid.to_string());
    statement(&record.statement, Table::new().row("what", what).text("id", record.id))
        .row("signatures", record.signatures.iter().map(|one| keyid(one.keyid)).collect::<Vec<_>>())
}

/// What a statement says.
pub fn record_statement(found: &Statement) -> Table {
    statement(found, Table::new())
}

fn statement(statement: &Statement, table: Table) -> Table {
    let Statement { subjects, predicate } = statement;
    let table = table.row("kind", predicate.kind().name());
    let table = match predicate {
        Predicate::Authority(inner) => return table.row("authority", authority(inner)),
        Predicate::Source(source) => table
            .row("log", source.log.as_str())
            .row("products", source.products.iter().map(|product| product.as_str()).collect::<Vec<_>>())
            .row("version", source.version.as_str())
            .row("heldAt", source.held_at.clone()),
        Predicate::Build(build) => table
            .row("builder", build.builder.as_str())
            .row("buildType", build.build_type.as_str())
            .row("inputs", build.dependencies.iter().map(dependency).collect::<Vec<_>>()),
        Predicate::Update(update) => table
            .row("log", update.log.as_str())
            .row("product", update.product.as_str())
            .row("version", update.version.as_str())
            .row("channel", update.channel.as_str())
            .row("target", Some(update.target.as_str()).filter(|target| !target.is_empty()))
            .row("sequence", update.sequence)
            .row("builds", update.builds.iter().map(Digest::to_string).collect::<Vec<_>>()),
        Predicate::Rebuild(rebuild) => table
            .row("log", rebuild.log.as_str())
            .row("party", rebuild.party.as_str())
            .text("build", rebuild.build)
            .row("outcome", rebuild.outcome.name())
            .row("time", Item::Time(rebuild.time))
            .row("rebuilt", rebuild.rebuilt.iter().map(subject).collect::<Vec<_>>()),
        Predicate::Withdrawal(withdrawal) => table
            .row("log", withdrawal.log.as_str())
            .row("updates", withdrawal.updates.iter().map(Digest::to_string).collect::<Vec<_>>())
            .row("reason", withdrawal.reason.as_str())
            .row("severity", withdrawal.severity.name())
            .row("replacement", withdrawal.replacement.map(|id| id.to_string())),
        Predicate::Review(review) => table
            .row("log", review.log.as_str())
            .text("of", review.of)
            .row("party", review.party.as_str())
            .row("what", review.what.name())
            .row("outcome", review.outcome.name())
            .row("time", Item::Time(review.time))
            .row("centre", review.centre.as_str()),
        Predicate::Policy(policy) => table
            .row("log", policy.log.as_str())
            .row("epoch", policy.epoch)
            .row("previous", policy.previous.map(|id| id.to_string()))
            .row("policy", policy.policy.lines().map(String::from).collect::<Vec<_>>()),
        Predicate::Access(access) => table
            .row("log", access.log.as_str())
            .row("namespace", access.namespace.as_str())
            .row("store", access.store.as_str())
            .row("purpose", access.purpose.as_str())
            .row("from", Item::Time(access.from))
            .row("until", Item::Time(access.until))
            .text("commitment", access.commitment),
    };
    table.row("files", subjects.iter().map(subject).collect::<Vec<_>>())
}

fn subject(subject: &Subject) -> Table {
    let table = Table::new().row("name", subject.name.as_str()).text("sha256", subject.sha256);
    subject.digests.iter().fold(table, |table, (algorithm, value)| table.row(algorithm, value.as_str()))
}

fn dependency(dependency: &Dependency) -> Table {
    let rows = [
        ("uri", dependency.uri.clone()),
        ("sha256", dependency.sha256.map(|sha256| sha256.to_string())),
        ("gitCommit", dependency.git_commit.clone()),
    ];
    rows.into_iter()
        .filter(|(_, value)| value.is_some())
        .fold(Table::new(), |table, (label, value)| table.row(label, value))
}

/// An authority record's predicate.
pub fn authority(authority: &Authority) -> Table {
    let role = |(name, role): (&RoleName, &Role)| {
        let keyids = role.keyids.iter().map(Digest::to_string).collect::<Vec<_>>();
        Table::new().text("role", name).row("threshold", role.threshold).row("keyids", keyids)
    };
    let distrust = authority.distrust.iter().map(|line| format!("{} from entry {}", line.keyid, line.from_index));
    let table = Table::new()
        .row("log", authority.log.as_str())
        .text("namespace", &authority.namespace)
        .row("epoch", authority.epoch)
        .row("previous", authority.previous.map(|id| id.to_string()))
        .row("roles", authority.roles.iter().map(role).collect::<Vec<_>>());
    let table = if authority.distrust.is_empty() { table } else { table.row("distrust", distrust.collect::<Vec<_>>()) };
    table.row("allowGitCommit", authority.allow_git_commit)
}

fn vkey(what: &str, key: &Vkey) -> Table {
    let of = match key.kind {
        KeyKind::Ed25519 => "a log, Ed25519",
        KeyKind::CosignatureEd25519 => "a witness, Ed25519",
        KeyKind::CosignatureMlDsa44 => "a log or witness, ML-DSA-44",
    };
    Table::new().row("what", what).row("name", key.name.as_str()).row("of", of).text("vkey", key)
}

fn pem(text: &str) -> Result<Table, InspectError> {
    let about = |what: &str, key: &PublicKey| {
        Table::new().row("what", what).text("keyid", key.keyid()).text("algorithm", key.algorithm)
    };
    match keys::public_from_pem(text) {
        Ok(key) => Ok(about("record key, public", &key)),
        Err(keys::KeyFormError::Label { .. }) => match keys::SecretKey::from_pem(text) {
            Ok(key) => Ok(about("record key, secret, of which this is the public half", key.public())),
            Err(error) => Err(InspectError::Key(error.to_string())),
        },
        Err(error) => Err(InspectError::Key(error.to_string())),
    }
}

/// How much a policy bears, in words and numbers.
pub fn strength(policy: &Policy, checked: &Result<Strength, CheckError>) -> Table {
    let table = Table::new().row("verdict", if checked.is_ok() { "sound" } else { "refused" });
    let table = table.row("detail", strength_words(policy, checked));
    let table = match checked {
        Ok(Strength { hostile, absent }) => table.row("hostile", *hostile).row("absent", *absent),
        Err(_) => table,
    };
    table.row("needed", policy.needed()).row("witnesses", units(policy)).row("logs", logs(policy))
}

/// The same as one sentence.
pub fn strength_words(policy: &Policy, checked: &Result<Strength, CheckError>) -> String {
    let (needed, of) = (policy.needed(), policy.units().len());
    match checked {
        Ok(Strength { hostile, absent }) => {
            format!("{needed} of {of} witnesses must cosign: bears {hostile} hostile and {absent} absent")
        }
        Err(error) => error.to_string(),
    }
}

/// The names of what counts as a witness.
pub fn units(policy: &Policy) -> Vec<String> {
    policy.units().into_iter().filter_map(|unit| policy.name(unit)).map(ToString::to_string).collect()
}

/// The origins of the logs; a log may have several keys.
pub fn logs(policy: &Policy) -> Vec<String> {
    let mut origins: Vec<String> = Vec::new();
    for log in policy.logs() {
        if !origins.contains(&log.vkey.name) {
            origins.push(log.vkey.name.clone());
        }
    }
    origins
}
