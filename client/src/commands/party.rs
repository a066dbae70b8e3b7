//! `glarus rebuild` and `glarus review`: what parties say of others' records.

use super::record::{self, origin, required, subjects, word};
use super::{Outcome, say};
use crate::cli::{RebuildArgs, ReviewArgs};
use anyhow::{Context as _, ensure};
use glarus::release;
use spec::authority::Namespace;
use spec::record::{Kind, Predicate, Rebuild, Record, Review, Statement, Subject, What};
use spec::state::{self, Rebuilt};
use std::path::{Path, PathBuf};

pub(crate) fn rebuild(args: &RebuildArgs) -> anyhow::Result<Outcome> {
    let first = args.files.first().map(PathBuf::as_path);
    let path = record::path(&args.record, first, "rebuild")?;
    let record = match record::given_record(Kind::Rebuild, &args.record, &[])? {
        Some(record) => record,
        None => match rebuilt(args, &path)? {
            Ok(statement) => record::made(&statement)?,
            Err(why) => {
                record::refuse(&why);
                return Ok(Outcome::Refused);
            }
        },
    };
    let outcome = match &record.statement.predicate {
        Predicate::Rebuild(rebuild) => rebuild.outcome.name(),
        _ => "",
    };
    say(args.record.output, &record::send(&path, record, &args.record)?.table.row("outcome", outcome));
    Ok(Outcome::Done)
}

/// The statement, or why what came out is not what --failed says.
fn rebuilt(args: &RebuildArgs, path: &Path) -> anyhow::Result<Result<Statement, String>> {
    let build = record::named(required(&args.build, "--build")?, &[Kind::Build], &args.record)?;
    let made = subjects(&args.files)?;
    let differ = differences(&build.statement.subjects, &made);
    let outcome = match (differ.is_empty(), args.failed) {
        (true, false) => Rebuilt::Passed,
        (false, true) => Rebuilt::Failed,
        (true, true) => {
            let why = "all artifacts of the build came out again, byte by byte: that is PASSED, leave out --failed";
            return Ok(Err(why.into()));
        }
        (false, false) => {
            let why = format!("{}; to say so, add --failed; nothing was signed", differ.join("; "));
            return Ok(Err(why));
        }
    };
    let predicate = Predicate::Rebuild(Rebuild {
        log: origin(&args.origin)?,
        party: party(&args.party)?,
        build: build.id,
        outcome,
        time: record::time(&args.time, path, |record| match &record.statement.predicate {
            Predicate::Rebuild(rebuild) => Some(rebuild.time),
            _ => None,
        })?,
        rebuilt: made,
    });
    Ok(Ok(Statement { subjects: build.statement.subjects, predicate }))
}

/// What should have come out and did not.
fn differences(artifacts: &[Subject], made: &[Subject]) -> Vec<String> {
    let missing = artifacts.iter().filter(|artifact| !release::carries(made, &artifact.sha256));
    let one = |artifact: &Subject| {
        let namesake = made.iter().find(|file| file.name == artifact.name);
        let have = namesake.map_or("no such file was given".into(), |file| format!("{} came out", file.sha256));
        format!("{} is {} in the record, {have}", artifact.name, artifact.sha256)
    };
    missing.map(one).collect()
}

pub(crate) fn review(args: &ReviewArgs) -> anyhow::Result<Outcome> {
    let suffix = match &args.what {
        Some(what) => format!("{what}.review"),
        None => "review".into(),
    };
    // Without archives, the record of what is reviewed says where.
    let of = args.of.as_deref().map(Path::new).filter(|path| path.exists());
    let path = record::path(&args.record, args.files.first().map(PathBuf::as_path).or(of), &suffix)?;
    let record = match record::given_record(Kind::Review, &args.record, &[])? {
        Some(record) => record,
        None => record::made(&reviewed(args, &path)?)?,
    };
    say(args.record.output, &record::send(&path, record, &args.record)?.table);
    Ok(Outcome::Done)
}

fn reviewed(args: &ReviewArgs, path: &Path) -> anyhow::Result<Statement> {
    let what = word(&args.what, "--what", &What::ALL.map(|what| (what.name(), what)))?;
    let outcomes = [state::Outcome::Confirmed, state::Outcome::Contradicted];
    let outcome = word(&args.outcome, "--outcome", &outcomes.map(|outcome| (outcome.name(), outcome)))?;
    let kind = if what == What::Policy { Kind::Policy } else { Kind::Source };
    let of = record::named(required(&args.of, "--of")?, &[kind], &args.record)?;
    let held = what == What::Source(state::Claim::Held) && outcome == state::Outcome::Confirmed;
    check_archives(&of, &subjects(&args.files)?, held)?;
    let predicate = Predicate::Review(Review {
        log: origin(&args.origin)?,
        of: of.id,
        party: party(&args.party)?,
        what,
        outcome,
        time: record::time(&args.time, path, |record| match &record.statement.predicate {
            Predicate::Review(review) => Some(review.time),
            _ => None,
        })?,
        centre: required(&args.centre, "--centre")?.into(),
    });
    Ok(Statement { subjects: of.statement.subjects, predicate })
}

/// Archives that were given are the source's; whoever confirms to hold it has all of them.
fn check_archives(of: &Record, archives: &[Subject], held: bool) -> anyhow::Result<()> {
    release::is_about(&of.statement, archives)?;
    let differ = differences(&of.statement.subjects, archives);
    ensure!(!held || differ.is_empty(), "to confirm that it is held, name all its archives: {}", differ.join("; "));
    Ok(())
}

fn party(flag: &Option<String>) -> anyhow::Result<Namespace> {
    let name = required(flag, "--party")?;
    let party = Namespace::parse(name).ok().filter(Namespace::is_party);
    party.with_context(|| format!("{name:?} is not a party: https:// and a lower-case DNS name"))
}
