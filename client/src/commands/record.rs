//! What all record commands share: a record from arguments, a statement or an envelope; signed, kept, submitted.

use super::{block_on, given, open_key, write};
use crate::cli::RecordArgs;
use anyhow::{Context as _, bail, ensure};
use glarus::keys::SecretKey;
use glarus::net::{Logged, NetError};
use glarus::provenance::MAX_ENVELOPES_BYTES;
use glarus::release::{self, Kept, Release, ReleaseError};
use glarus::table::Table;
use glarus::{draft, files};
use spec::record::{self, Digest, Kind, MAX_ENTRY_BYTES, Product, Record, Statement, Subject};
use std::path::{Path, PathBuf};

/// What cosign writes where: many take the one for the other.
const SIGNED_ELSEWHERE: &str = "--statement signs it, and cosign writes what it signed where --output-signature or --bundle \
                                with --new-bundle-format say, the statement where --output-attestation does";

/// What became of a record: what to say, and whether it is in the log.
pub(crate) struct Sent {
    pub(crate) table: Table,
    pub(crate) logged: bool,
}

/// The record that --envelope or --statement gives; `None` where it is to be made of arguments. `about` are files that it
/// is about: of several records in one file they say which.
pub(crate) fn given_record(kind: Kind, args: &RecordArgs, about: &[Subject]) -> anyhow::Result<Option<Record>> {
    if let Some(path) = &args.envelope {
        let signs = !args.keys.is_empty() || !args.sig_in.is_empty() || args.pae_out.is_some();
        ensure!(
            args.countersign || !signs,
            "--envelope takes a record as it is signed; to add signatures of yours, say --countersign"
        );
        let bytes = files::read(path, MAX_ENVELOPES_BYTES)?;
        let record = of_envelopes(path, &bytes, kind, about)?;
        return Ok(Some(record));
    }
    let Some(path) = &args.statement else { return Ok(None) };
    let record = draft::of_payload(files::read(path, MAX_ENTRY_BYTES)?);
    let record = record.with_context(|| format!("{}: not a statement", path.display()))?;
    release::is_kind(path, &record, kind)?;
    release::is_about(&record.statement, about)?;
    Ok(Some(record))
}

/// The one record of a kind and about some files in a file of envelopes or Sigstore bundles, one a line, or one alone.
fn of_envelopes(path: &Path, bytes: &[u8], kind: Kind, about: &[Subject]) -> anyhow::Result<Record> {
    let not_a_record = || format!("{}: not a record", path.display());
    let parts = record::submissions(bytes).with_context(not_a_record)?;
    if let [one] = parts.as_slice() {
        let record = draft::read(one).with_context(|| match Statement::parse(one) {
            Ok(_) => format!("{}: a statement alone, which nobody signed; {SIGNED_ELSEWHERE}", path.display()),
            Err(_) => not_a_record(),
        })?;
        release::is_kind(path, &record, kind)?;
        release::is_about(&record.statement, about)?;
        return Ok(record);
    }
    // Statements of kinds that nobody logs, such as an SBOM, stand beside provenance.
    let records = parts.iter().filter_map(|part| draft::read(part).ok());
    let fits = |record: &Record| record.kind() == kind && release::is_about(&record.statement, about).is_ok();
    let mut found: Vec<Record> = records.filter(fits).collect();
    let (have, of) = (found.len(), parts.len());
    match found.pop().filter(|_| have == 1) {
        Some(record) => Ok(record),
        None => bail!(
            "{}: {have} of its {of} lines are records of kind {kind} about the files named, one is needed",
            path.display()
        ),
    }
}

/// The record of a statement that is made of arguments.
pub(crate) fn made(statement: &Statement) -> anyhow::Result<Record> {
    Ok(draft::of_statement(statement).map_err(ReleaseError::Statement)?)
}

/// Where the record is kept: where --record says, else beside the first file, else beside the envelope or statement.
pub(crate) fn path(args: &RecordArgs, first: Option<&Path>, suffix: &str) -> anyhow::Result<PathBuf> {
    if let Some(path) = &args.path {
        return Ok(path.clone());
    }
    let beside = first.or(args.envelope.as_deref()).or(args.statement.as_deref());
    let beside = beside.context("no file says where the record is kept: --record FILE")?;
    Ok(files::beside(beside, &format!(".{suffix}.json")))
}

/// Signs the record, keeps it at `path`, submits it, keeps the proof.
pub(crate) fn send(path: &Path, record: Record, args: &RecordArgs) -> anyhow::Result<Sent> {
    if let Some(out) = &args.pae_out {
        return pae_out(path, record, out);
    }
    let keys = args.keys.iter().map(|key| open_key(key)).collect::<anyhow::Result<Vec<_>>>()?;
    // Asked for before anything is signed, so that a forgotten flag leaves nothing behind.
    let log = if args.no_submit { None } else { Some(args.log.open()?) };
    let release = keep(path, record, &keys, &args.sig_in)?;
    let Some(log) = log else {
        let table = kept_table(Table::new().text("id", release.record.id), &release);
        let table = table.row("next", "sent nothing: the same command without --no-submit does");
        return Ok(Sent { table, logged: false });
    };
    let submitted = block_on(async { Ok(log.submit(&release.envelope, &release.record, args.log.wait()).await?) });
    let logged = submitted.map_err(|error: anyhow::Error| {
        let refused = matches!(error.downcast_ref(), Some(NetError::Refused(_)));
        let otherwise = if refused { "; remove it to try otherwise" } else { "" };
        error.context(format!("{} is signed and kept{otherwise}", release.path.display()))
    })?;
    let proof = release::proof_path(&release.path);
    files::replace(&proof, logged.proof.as_bytes(), 0o644)?;
    let table = kept_table(logged_table(&logged), &release).text("proof", proof.display());
    Ok(Sent { table, logged: true })
}

fn keep(path: &Path, record: Record, keys: &[SecretKey], sig_in: &[String]) -> anyhow::Result<Release> {
    let mut broken = None;
    let release = release::keep_record(path, record, |record| {
        for argument in sig_in {
            match draft::signature(record, argument) {
                Ok(signature) => drop(draft::add(record, signature)),
                Err(error) => broken = Some(error),
            }
        }
        for key in keys {
            draft::sign(record, key)?;
        }
        match record.signatures.is_empty() || broken.is_some() {
            true => Err(ReleaseError::NoKey(path.into())),
            false => Ok(()),
        }
    });
    // What is wrong with a signature from elsewhere says more than that there is none.
    match broken {
        Some(error) => Err(error.into()),
        None => Ok(release?),
    }
}

/// Writes what is to be signed elsewhere, and keeps the record, so that the signature is over the same bytes later.
fn pae_out(path: &Path, record: Record, out: &Path) -> anyhow::Result<Sent> {
    let release = release::keep_record(path, record, |_| Ok(()))?;
    files::create_new(out, &record::pae(&release.record.payload), 0o644)?;
    let table = Table::new().text("id", release.record.id).text("record", release.path.display());
    let table = table
        .text("pae", out.display())
        .row("next", format!("sign {} as it is, then the same command with --sig-in KEY.pub:SIGNATURE", out.display()));
    Ok(Sent { table, logged: false })
}

/// Where a record is in the log.
pub(crate) fn logged_table(logged: &Logged) -> Table {
    let table = Table::new().row("index", logged.index).text("id", logged.id).row("size", logged.head.size);
    table.row("known", logged.known)
}

fn kept_table(table: Table, release: &Release) -> Table {
    let how = match release.kept {
        Kept::Written => "signed now",
        Kept::Found => "found there, nothing signed",
        Kept::Signed => "found there, signatures added",
    };
    table.text("record", release.path.display()).row("kept", how)
}

pub(crate) fn product(purl: &str) -> anyhow::Result<Product> {
    Product::parse(purl).with_context(|| format!("{purl:?} is not a product"))
}

pub(crate) fn subjects(paths: &[PathBuf]) -> anyhow::Result<Vec<Subject>> {
    Ok(paths.iter().map(|path| release::subject(path)).collect::<Result<_, _>>()?)
}

/// The log's origin.
pub(crate) fn origin(flag: &Option<String>) -> anyhow::Result<String> {
    given(flag.clone(), "--origin", "GLARUS_ORIGIN")
}

/// A flag that clap asks for wherever the record is made of arguments.
pub(crate) fn required<'a>(flag: &'a Option<String>, name: &str) -> anyhow::Result<&'a str> {
    flag.as_deref().with_context(|| format!("{name} is missing"))
}

/// One of a closed list of words.
pub(crate) fn word<T>(flag: &Option<String>, name: &str, all: &[(&str, T)]) -> anyhow::Result<T>
where
    T: Copy,
{
    let have = required(flag, name)?;
    let names = || all.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let found = all.iter().find(|(name, _)| *name == have).map(|(_, value)| *value);
    found.with_context(|| format!("{name} {have:?} is none of {}", names()))
}

/// The record that an argument names: a file, or an id, fetched from the log.
pub(crate) fn named(argument: &str, need: &[Kind], args: &RecordArgs) -> anyhow::Result<Record> {
    let record = match Digest::parse(argument) {
        Some(id) => {
            let log = args.log.open()?;
            block_on(async { Ok(log.record(&id, args.log.wait()).await?) })?
        }
        None => release::read(Path::new(argument))?.record,
    };
    if !need.contains(&record.kind()) {
        let need = need.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
        bail!("{argument}: a record of kind {}, a {need} is needed", record.kind());
    }
    Ok(record)
}

/// When something was found: as said, else as the record that is kept says, else now.
pub(crate) fn time(said: &Option<String>, path: &Path, of: impl Fn(&Record) -> Option<u64>) -> anyhow::Result<u64> {
    if let Some(said) = said {
        return glarus::time::parse(said)
            .with_context(|| format!("{said:?} is no time: Unix seconds, 2026-11-21 or 2026-11-21T09:12:00Z"));
    }
    let kept = release::read_if_there(path)?.and_then(|release| of(&release.record));
    Ok(kept.unwrap_or_else(|| (glarus_shell::clock::system_clock())()))
}

/// Says why not, on standard error, as one sentence.
pub(crate) fn refuse(sentence: &str) {
    eprintln!("glarus: {}", glarus::table::clean(sentence));
}

/// Writes a table for people where nothing is a result yet.
pub(crate) fn preview(table: &Table) {
    write(table.to_string().as_bytes());
}
