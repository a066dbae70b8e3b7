//! `glarus source`, `glarus build` and `glarus update`.

use super::bundle::{self, Track};
use super::{Outcome, block_on, given, open_key, say};
use crate::cli::{BuildArgs, ReleaseArgs, SourceArgs, UpdateArgs};
use anyhow::Context as _;
use glarus::net::{Logged, NetError};
use glarus::release::{self, Builds, Kept, Release};
use glarus::table::Table;
use glarus::files;
use spec::record::{Build, Kind, Predicate, Product, Source, Statement, Subject, Update};
use std::path::{Path, PathBuf};

pub(crate) fn source(args: SourceArgs) -> anyhow::Result<Outcome> {
    let log = given(args.origin, "--origin", "GLARUS_ORIGIN")?;
    let products = args.products.iter().map(|purl| product(purl)).collect::<anyhow::Result<_>>()?;
    let mut subject = release::subject(&args.archive)?;
    subject.digests.extend(args.git_commit.map(|commit| ("gitCommit".into(), commit)));
    let predicate = Predicate::Source(Source { log, products, version: args.version, held_at: args.held_at });
    let statement = Statement { subjects: vec![subject], predicate };
    let (table, _) = send(&args.archive, &statement, &args.release)?;
    say(args.release.output, &table);
    Ok(Outcome::Done)
}

pub(crate) fn build(args: BuildArgs) -> anyhow::Result<Outcome> {
    let sources = args.sources.iter().map(|source| release::source_dependency(source));
    let others = args.dependencies.iter().map(|dependency| release::named_dependency(dependency));
    let dependencies = sources.chain(others).collect::<Result<_, _>>()?;
    let predicate = Predicate::Build(Build { build_type: args.build_type, builder: args.builder, dependencies });
    let statement = Statement { subjects: subjects(&args.artifacts)?, predicate };
    let (table, _) = send(first(&args.artifacts), &statement, &args.release)?;
    say(args.release.output, &table);
    Ok(Outcome::Done)
}

pub(crate) fn update(args: UpdateArgs) -> anyhow::Result<Outcome> {
    let log = given(args.origin.clone(), "--origin", "GLARUS_ORIGIN")?;
    let (subjects, builds) = (subjects(&args.files)?, Builds::read(&args.builds)?);
    builds.expect(&subjects)?;
    let predicate = Predicate::Update(Update {
        log,
        product: product(&args.product)?,
        version: args.version.clone(),
        channel: args.channel.clone(),
        target: args.target.clone(),
        sequence: args.sequence,
        builds: builds.ids,
    });
    let statement = Statement { subjects, predicate };
    let (mut table, logged) = send(first(&args.files), &statement, &args.release)?;
    if logged {
        table = table.row("bundles", bundles(&args, &statement.subjects)?);
    }
    say(args.release.output, &table);
    Ok(Outcome::Done)
}

/// Fetches what ships with each file.
fn bundles(args: &UpdateArgs, subjects: &[Subject]) -> anyhow::Result<Vec<String>> {
    let (log, wait) = (args.release.log.open()?, args.release.log.wait());
    let track = Track { product: Some(&args.product), channel: Some(&args.channel), target: Some(&args.target) };
    let mut written = Vec::new();
    for (file, subject) in args.files.iter().zip(subjects) {
        let path = release::bundle_path(file);
        bundle::fetch(&log, &subject.sha256, &track, &path, wait).with_context(|| {
            format!("the update is logged, but not its bundle fetched: glarus bundle {}", file.display())
        })?;
        written.push(path.display().to_string());
    }
    Ok(written)
}

fn product(purl: &str) -> anyhow::Result<Product> {
    Product::parse(purl).with_context(|| format!("{purl:?} is not a product"))
}

fn subjects(paths: &[PathBuf]) -> anyhow::Result<Vec<Subject>> {
    Ok(paths.iter().map(|path| release::subject(path)).collect::<Result<_, _>>()?)
}

/// The file beside which the record is kept; clap asks for one at least.
fn first(paths: &[PathBuf]) -> &Path {
    paths.first().map_or(Path::new(""), PathBuf::as_path)
}

/// Keeps the record beside its file, submits it, keeps the proof.
fn send(beside: &Path, statement: &Statement, args: &ReleaseArgs) -> anyhow::Result<(Table, bool)> {
    let keys = args.keys.iter().map(|key| open_key(key)).collect::<anyhow::Result<Vec<_>>>()?;
    let kind: Kind = statement.predicate.kind();
    // Asked for before anything is signed, so that a forgotten flag leaves nothing behind.
    let log = if args.no_submit { None } else { Some(args.log.open()?) };
    let release = release::keep(&release::record_path(beside, kind), statement, &keys)?;
    let Some(log) = log else {
        let table = kept_table(Table::new().text("id", release.record.id), &release);
        return Ok((table.row("next", "sent nothing: the same command without --no-submit does"), false));
    };
    let submitted = block_on(async { Ok(log.submit(&release.envelope, &release.record, args.log.wait()).await?) });
    let logged = submitted.map_err(|error: anyhow::Error| {
        let refused = matches!(error.downcast_ref(), Some(NetError::Refused(_)));
        let otherwise = if refused { "; remove it to try otherwise" } else { "" };
        error.context(format!("{} is signed and kept{otherwise}", release.path.display()))
    })?;
    let proof = release::proof_path(&release.path);
    files::replace(&proof, logged.proof.as_bytes(), 0o644)?;
    Ok((kept_table(logged_table(&logged), &release).text("proof", proof.display()), true))
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
