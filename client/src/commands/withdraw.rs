//! `glarus withdraw` and `glarus access`.

use super::record::{self, origin, product, required, word};
use super::{Outcome, block_on, say};
use crate::cli::{AccessArgs, WithdrawArgs};
use anyhow::{Context as _, bail, ensure};
use glarus::files::{self, FileError};
use glarus::release::{self, Release};
use glarus::table::Table;
use spec::authority::Namespace;
use spec::record::{Access, Digest, Kind, Predicate, Record, Severity, Statement, Subject, Withdrawal};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Bytes of a salt.
const SALT_BYTES: usize = 32;

pub(crate) fn withdraw(args: &WithdrawArgs) -> anyhow::Result<Outcome> {
    let first = args.files.first().map(PathBuf::from);
    let path = record::path(&args.record, first.as_deref(), "withdrawal")?;
    let record = match record::given_record(Kind::Withdrawal, &args.record, &[])? {
        Some(record) => record,
        None => {
            let kept = release::read_if_there(&path)?;
            let (statement, updates) = withdrawn(args, kept.as_ref())?;
            if !args.yes {
                record::preview(&Table::new().row("updates", updates));
                ensure!(
                    kept.is_none(),
                    "{}: is there from before, and was not sent now: --yes sends it",
                    path.display()
                );
                bail!("these updates would be withdrawn, and nothing was signed or sent yet: --yes does it");
            }
            record::made(&statement)?
        }
    };
    say(args.record.output, &record::send(&path, record, &args.record)?.table);
    Ok(Outcome::Done)
}

/// The statement that withdraws files, and the updates that it names: those that are live, and those that the record kept names,
/// for when the same command comes again these may be withdrawn already, by it.
fn withdrawn(args: &WithdrawArgs, kept: Option<&Release>) -> anyhow::Result<(Statement, Vec<Table>)> {
    let named = match kept.map(|kept| &kept.record.statement.predicate) {
        Some(Predicate::Withdrawal(withdrawal)) => withdrawal.updates.as_slice(),
        _ => &[],
    };
    let product = product(required(&args.product, "--product")?)?;
    let severity = word(&args.severity, "--severity", &Severity::ALL.map(|severity| (severity.name(), severity)))?;
    let (log, wait) = (args.record.log.open()?, args.record.log.wait());
    let (mut subjects, mut due) = (Vec::new(), BTreeMap::new());
    for file in &args.files {
        let sha256 = match Digest::parse(file) {
            Some(sha256) => sha256,
            None => files::sha256(Path::new(file))?,
        };
        let mut carrying = block_on(async { Ok(log.updates(&sha256, product.as_str(), wait).await?) })?.0;
        ensure!(!carrying.is_empty(), "no update of {product} carries {file} ({sha256})");
        carrying.retain(|one| one.live || named.contains(&one.id));
        let first = carrying.first().map(|one| one.id);
        let first = first.with_context(|| {
            format!("every update of {product} that carries {file} ({sha256}) is withdrawn already")
        })?;
        let update = block_on(async { Ok(log.record(&first, wait).await?) })?;
        subjects.push(subject_of(&update, &sha256)?);
        due.extend(carrying.into_iter().map(|one| (one.index, one)));
    }
    let replacement = match &args.replacement {
        Some(argument) => Some(record_id(argument)?),
        None => None,
    };
    let predicate = Predicate::Withdrawal(Withdrawal {
        log: origin(&args.origin)?,
        updates: due.values().map(|one| one.id).collect(),
        reason: required(&args.reason, "--reason")?.into(),
        severity,
        replacement,
    });
    let shown = due.values().map(|one| {
        let target = Some(one.target.as_str()).filter(|target| !target.is_empty());
        let table = Table::new().row("index", one.index).text("id", one.id).row("channel", one.channel.as_str());
        table.row("target", target).row("sequence", one.sequence)
    });
    let shown = shown.collect();
    Ok((Statement { subjects, predicate }, shown))
}

/// The file as the update names it.
fn subject_of(update: &Record, sha256: &Digest) -> anyhow::Result<Subject> {
    let subject = update.statement.subjects.iter().find(|subject| subject.sha256 == *sha256);
    let subject = subject.with_context(|| format!("the log named an update that does not carry {sha256}"))?;
    Ok(Subject { name: subject.name.clone(), sha256: *sha256, digests: Vec::new() })
}

fn record_id(argument: &str) -> anyhow::Result<Digest> {
    match Digest::parse(argument) {
        Some(id) => Ok(id),
        None => {
            let path = Path::new(argument);
            let release = release::read(path)?;
            release::is_kind(path, &release.record, Kind::Update)?;
            Ok(release.record.id)
        }
    }
}

pub(crate) fn access(args: &AccessArgs) -> anyhow::Result<Outcome> {
    let path = record::path(&args.record, args.particulars.as_deref(), "access")?;
    let record = match record::given_record(Kind::Access, &args.record, &[])? {
        Some(record) => record,
        None => record::made(&accessed(args)?)?,
    };
    say(args.record.output, &record::send(&path, record, &args.record)?.table);
    Ok(Outcome::Done)
}

fn accessed(args: &AccessArgs) -> anyhow::Result<Statement> {
    let namespace = required(&args.namespace, "--namespace")?;
    let time = |flag, name| {
        let text = required(flag, name)?;
        glarus::time::parse(text).with_context(|| format!("{name} {text:?} is no time"))
    };
    let store = required(&args.store, "--store")?;
    let particulars = args.particulars.as_deref().context("the file of particulars is missing")?;
    let predicate = Predicate::Access(Access {
        log: origin(&args.origin)?,
        namespace: Namespace::parse(namespace).with_context(|| format!("{namespace:?} is not a namespace"))?,
        store: store.into(),
        purpose: required(&args.purpose, "--purpose")?.into(),
        from: time(&args.from, "--from")?,
        until: time(&args.until, "--until")?,
        commitment: commitment(particulars)?,
    });
    Ok(Statement { subjects: vec![Subject::of_name(store)], predicate })
}

/// SHA-256 of the salt beside the particulars, made if it is missing, and the particulars.
fn commitment(particulars: &Path) -> anyhow::Result<Digest> {
    let salt_path = files::beside(particulars, ".salt");
    let salt = glarus_shell::keys::random_seed();
    let salt = match files::create_new(&salt_path, &salt, 0o600) {
        Ok(()) => salt.to_vec(),
        Err(FileError::Exists(_)) => files::read(&salt_path, SALT_BYTES)?,
        Err(error) => return Err(error.into()),
    };
    if salt.len() != SALT_BYTES {
        bail!("{}: has {} bytes, a salt has {SALT_BYTES}", salt_path.display(), salt.len());
    }
    Ok(files::sha256_after(&salt, particulars)?)
}
