//! `glarus bundle`: what ships with a file, fetched and renewed.

use super::{Outcome, block_on, say};
use crate::cli::BundleArgs;
use anyhow::{Context as _, bail, ensure};
use glarus::net::Log;
use glarus::table::Table;
use glarus::{files, release};
use spec::api;
use spec::bundle::{Bundle, MAX_BUNDLE_BYTES, Status};
use spec::checkpoint::Checkpoint;
use spec::record::{Digest, Predicate, Record, Update};
use std::path::Path;
use std::time::Duration;

pub(crate) fn run(args: BundleArgs) -> anyhow::Result<Outcome> {
    let sha256 = files::sha256(&args.file)?;
    let path = args.out.clone().unwrap_or_else(|| release::bundle_path(&args.file));
    let log = args.log.open()?;
    let table = if args.refresh {
        refresh(&log, &path, args.log.wait())?
    } else {
        let track = Track {
            product: args.product.as_deref(),
            channel: args.channel.as_deref(),
            target: args.target.as_deref(),
        };
        fetch(&log, &sha256, &track, &path, args.log.wait())?
    };
    say(args.output, &table.text("bundle", path.display()));
    Ok(Outcome::Done)
}

/// Which of the updates that carry a file is meant.
#[derive(Default)]
pub(crate) struct Track<'a> {
    pub(crate) product: Option<&'a str>,
    pub(crate) channel: Option<&'a str>,
    pub(crate) target: Option<&'a str>,
}

/// Fetches the bundle of a file and writes it.
pub(crate) fn fetch(
    log: &Log,
    sha256: &Digest,
    track: &Track<'_>,
    path: &Path,
    wait: Duration,
) -> anyhow::Result<Table> {
    let asked = api::bundle_path(sha256, track.product, track.channel, track.target);
    let bytes = block_on(async { Ok(log.get(&asked, MAX_BUNDLE_BYTES, wait).await?) })?;
    let bundle = Bundle::parse(&bytes).context("the log's answer is not a bundle; is the URL right?")?;
    let (_, update, carries) = update_of(&bundle, Some(sha256))?;
    ensure!(carries, "the log answered with a bundle that is not about {sha256}; is the URL right?");
    files::replace(path, &bytes, 0o644)?;
    about(&bundle, &update)
}

/// Renews the status in a bundle.
fn refresh(log: &Log, path: &Path, wait: Duration) -> anyhow::Result<Table> {
    let bytes = files::read(path, MAX_BUNDLE_BYTES)?;
    let mut bundle = Bundle::parse(&bytes).with_context(|| format!("{}: not a bundle", path.display()))?;
    let (id, update, _) = update_of(&bundle, None)?;
    let asked = api::status_path(update.product.as_str(), &update.channel, Some(&id));
    let status = block_on(async { Ok(log.get(&asked, MAX_BUNDLE_BYTES, wait).await?) })?;
    let status = Status::parse(&status).context("the log's answer is not a status; is the URL right?")?;
    let (have, new) = (size(&bundle.status)?, size(&status)?);
    ensure!(new >= have, "the log's status is of a tree of {new}, the bundle's of {have} already; it stays as it is");
    bundle.status = status;
    let bytes = bundle.to_json().into_bytes();
    Bundle::parse(&bytes).context("bundle and status together break a rule of bundles; fetch the whole bundle")?;
    files::replace(path, &bytes, 0o644)?;
    about(&bundle, &update)
}

fn size(status: &Status) -> anyhow::Result<u64> {
    Ok(Checkpoint::parse(&status.checkpoint.text).context("the status's checkpoint is none")?.head.size)
}

/// The update of a bundle: its id, what it says, and whether it carries the file.
pub(crate) fn update_of(bundle: &Bundle, sha256: Option<&Digest>) -> anyhow::Result<(Digest, Update, bool)> {
    for proved in &bundle.records {
        let Ok(record) = Record::parse_entry(&proved.entry) else { continue };
        if let Predicate::Update(update) = record.statement.predicate {
            let mut files = record.statement.subjects.iter().map(|subject| &subject.sha256);
            return Ok((record.id, update, sha256.is_some_and(|sha256| files.any(|file| file == sha256))));
        }
    }
    bail!("the bundle has no update; fetch it anew")
}

fn about(bundle: &Bundle, update: &Update) -> anyhow::Result<Table> {
    Ok(Table::new()
        .text("product", &update.product)
        .row("version", update.version.as_str())
        .row("channel", update.channel.as_str())
        .row("target", Some(update.target.as_str()).filter(|target| !target.is_empty()))
        .row("sequence", update.sequence)
        .row("size", size(&bundle.status)?))
}
