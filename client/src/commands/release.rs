//! `glarus source`, `glarus build` and `glarus update`.

use super::bundle::{self, Track};
use super::record::{self, origin, product, required, subjects};
use super::{Outcome, say};
use crate::cli::{BuildArgs, SourceArgs, UpdateArgs};
use anyhow::Context as _;
use glarus::release::{self, Builds};
use spec::record::{Build, Kind, Predicate, Source, Statement, Subject, Update};
use std::path::PathBuf;

pub(crate) fn source(args: SourceArgs) -> anyhow::Result<Outcome> {
    let archives: Vec<PathBuf> = args.archive.iter().cloned().collect();
    let mut subjects = subjects(&archives)?;
    let record = match record::given_record(Kind::Source, &args.record, &subjects)? {
        Some(record) => record,
        None => {
            for subject in &mut subjects {
                subject.digests.extend(args.git_commit.iter().map(|commit| ("gitCommit".into(), commit.clone())));
            }
            let predicate = Predicate::Source(Source {
                log: origin(&args.origin)?,
                products: args.products.iter().map(|purl| product(purl)).collect::<anyhow::Result<_>>()?,
                version: required(&args.version, "--version")?.into(),
                held_at: args.held_at,
            });
            record::made(&Statement { subjects: subjects.clone(), predicate })?
        }
    };
    let path = record::path(&args.record, args.archive.as_deref(), "source")?;
    say(args.record.output, &record::send(&path, record, &args.record)?.table);
    Ok(Outcome::Done)
}

pub(crate) fn build(args: BuildArgs) -> anyhow::Result<Outcome> {
    let subjects = subjects(&args.artifacts)?;
    let record = match record::given_record(Kind::Build, &args.record, &subjects)? {
        Some(record) => record,
        None => {
            let sources = args.sources.iter().map(|source| release::source_dependency(source));
            let others = args.dependencies.iter().map(|dependency| release::named_dependency(dependency));
            let predicate = Predicate::Build(Build {
                build_type: required(&args.build_type, "--build-type")?.into(),
                builder: required(&args.builder, "--builder")?.into(),
                dependencies: sources.chain(others).collect::<Result<_, _>>()?,
            });
            record::made(&Statement { subjects: subjects.clone(), predicate })?
        }
    };
    let path = record::path(&args.record, args.artifacts.first().map(PathBuf::as_path), "build")?;
    say(args.record.output, &record::send(&path, record, &args.record)?.table);
    Ok(Outcome::Done)
}

pub(crate) fn update(args: UpdateArgs) -> anyhow::Result<Outcome> {
    let subjects = subjects(&args.files)?;
    let record = match record::given_record(Kind::Update, &args.record, &subjects)? {
        Some(record) => record,
        None => record::made(&updated(&args, &subjects)?)?,
    };
    let statement = record.statement.clone();
    let path = record::path(&args.record, args.files.first().map(PathBuf::as_path), "update")?;
    let sent = record::send(&path, record, &args.record)?;
    let mut table = sent.table;
    if sent.logged && !args.files.is_empty() {
        table = table.row("bundles", bundles(&args, &statement, &subjects)?);
    }
    say(args.record.output, &table);
    Ok(Outcome::Done)
}

fn updated(args: &UpdateArgs, subjects: &[Subject]) -> anyhow::Result<Statement> {
    let builds = Builds::read(&args.builds)?;
    builds.expect(subjects)?;
    let predicate = Predicate::Update(Update {
        log: origin(&args.origin)?,
        product: product(required(&args.product, "--product")?)?,
        version: required(&args.version, "--version")?.into(),
        channel: required(&args.channel, "--channel")?.into(),
        target: args.target.clone(),
        sequence: args.sequence.context("--sequence is missing")?,
        builds: builds.ids,
    });
    Ok(Statement { subjects: subjects.to_vec(), predicate })
}

/// Fetches what ships with each file.
fn bundles(args: &UpdateArgs, statement: &Statement, subjects: &[Subject]) -> anyhow::Result<Vec<String>> {
    let Predicate::Update(update) = &statement.predicate else { return Ok(Vec::new()) };
    let (log, wait) = (args.record.log.open()?, args.record.log.wait());
    let (product, channel, target) = (update.product.as_str(), &update.channel, &update.target);
    let track = Track { product: Some(product), channel: Some(channel), target: Some(target) };
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
