//! `glarus authority`.

use super::{Outcome, block_on, given, open_key, say};
use crate::cli::{AuthorityCommand, LogArgs, Output, ProposeArgs};
use anyhow::{Context as _, anyhow, bail, ensure};
use glarus::proposal::{Proposal, ProposedRole, role};
use glarus::table::Table;
use glarus::{files, keys, release};
use spec::authority::{Authority, Namespace, RoleName};
use spec::record::{Digest, MAX_SUBMISSION_BYTES, Record};
use std::path::{Path, PathBuf};

pub(crate) fn run(command: AuthorityCommand) -> anyhow::Result<Outcome> {
    match command {
        AuthorityCommand::Propose(args) => propose(args),
        AuthorityCommand::Sign { file, key, genesis, output } => sign(&file, &key, genesis, output),
        AuthorityCommand::Submit { file, log, output } => submit(&file, &log, output),
        AuthorityCommand::Show { file, genesis, output } => {
            let (proposal, genesis) = (read(&file)?, read_genesis(genesis)?);
            say(output, &describe(&proposal).row("standing", standing(&proposal, genesis.as_ref(), &file)));
            Ok(Outcome::Done)
        }
    }
}

fn propose(args: ProposeArgs) -> anyhow::Result<Outcome> {
    let log = given(args.log, "--log", "GLARUS_ORIGIN")?;
    let namespace = Namespace::parse(&args.namespace)
        .with_context(|| format!("{:?} is not a namespace: *, pkg:…/ or https://…", args.namespace))?;
    let roles = args.roles.iter().map(|text| parse_role(text)).collect::<anyhow::Result<Vec<_>>>()?;
    let proposal = Proposal::new(&log, namespace, roles, args.allow_git_commit)?;
    files::create_new(&args.out, &proposal.to_bytes()?, 0o644)?;
    say(args.output, &describe(&proposal).row("standing", standing(&proposal, None, &args.out)));
    Ok(Outcome::Done)
}

/// Reads `NAME=THRESHOLD:KEY.pub,KEY.pub`.
fn parse_role(text: &str) -> anyhow::Result<ProposedRole> {
    let parts = text.split_once('=').and_then(|(name, rest)| Some((name, rest.split_once(':')?)));
    let form = || format!("{text:?} is not NAME=THRESHOLD:KEY.pub,KEY.pub");
    let (name, (threshold, files)) = parts.with_context(form)?;
    let names = || RoleName::ALL.map(RoleName::name).join(", ");
    let name = RoleName::from_name(name).with_context(|| format!("{name:?} is not a role: {}", names()))?;
    let threshold = threshold.parse().with_context(form)?;
    let public = |file: &str| Ok(keys::read_public(Path::new(file))?);
    let keys = files.split(',').map(public).collect::<anyhow::Result<Vec<_>>>()?;
    Ok(role(name, threshold, &keys))
}

fn sign(file: &Path, key: &str, genesis: Option<PathBuf>, output: Output) -> anyhow::Result<Outcome> {
    let (mut proposal, genesis) = (read(file)?, read_genesis(genesis)?);
    let key = open_key(key)?;
    if let Some(root) = proposal.decided_by(genesis.as_ref()) {
        let signs = root.role(RoleName::Root).is_some_and(|role| role.keyids.contains(&key.keyid()));
        ensure!(
            signs,
            "the key {} is not in the role root of {}, so its signature would count for nothing",
            key.keyid(),
            root.log
        );
    }
    let before = proposal.clone();
    proposal.sign(&key)?;
    if proposal != before {
        files::replace(file, &proposal.to_bytes()?, 0o644)?;
    }
    say(output, &describe(&proposal).row("standing", standing(&proposal, genesis.as_ref(), file)));
    Ok(Outcome::Done)
}

fn submit(file: &Path, log: &LogArgs, output: Output) -> anyhow::Result<Outcome> {
    let proposal = read(file)?;
    ensure!(!proposal.signatures.is_empty(), "{}: nobody signed it yet: glarus authority sign", file.display());
    if proposal.authority.namespace.is_root() {
        bail!("the record of * is entry 0, which only glarus-log init --genesis {} takes", file.display());
    }
    let envelope = proposal.to_bytes()?;
    let record = Record::parse_submission(&envelope)?;
    let server = log.open()?;
    let logged = block_on(async { Ok(server.submit(&envelope, &record, log.wait()).await?) })?;
    let proof = release::proof_path(file);
    files::replace(&proof, logged.proof.as_bytes(), 0o644)?;
    say(output, &super::release::logged_table(&logged).text("record", file.display()).text("proof", proof.display()));
    Ok(Outcome::Done)
}

fn read(file: &Path) -> anyhow::Result<Proposal> {
    let bytes = files::read(file, MAX_SUBMISSION_BYTES)?;
    Proposal::parse(&bytes).with_context(|| file.display().to_string())
}

fn read_genesis(file: Option<PathBuf>) -> anyhow::Result<Option<Authority>> {
    let Some(file) = file else { return Ok(None) };
    let authority = read(&file)?.authority;
    match authority.namespace.is_root() {
        true => Ok(Some(authority)),
        false => {
            Err(anyhow!("{}: is the authority of {}, a genesis is that of *", file.display(), authority.namespace))
        }
    }
}

/// What a proposal says.
fn describe(proposal: &Proposal) -> Table {
    Table::new().text("id", proposal.id()).row("authority", glarus::inspect::authority(&proposal.authority))
}

/// Who signed it, and what is needed still.
fn standing(proposal: &Proposal, genesis: Option<&Authority>, file: &Path) -> Table {
    let standing = proposal.standing(genesis);
    let keyids = |keyids: &[Digest]| keyids.iter().map(Digest::to_string).collect::<Vec<_>>();
    let (have, file) = (standing.signed.len(), file.display());
    let next = match standing.need {
        None => "the log's root signs this; --genesis FILE tells how many of whom".into(),
        Some(need) if !standing.met() => {
            format!("{have} of {need} signatures: glarus authority sign {file} --key FILE")
        }
        Some(_) if proposal.authority.namespace.is_root() => format!("complete: glarus-log init --genesis {file}"),
        Some(_) => format!("complete: glarus authority submit {file}"),
    };
    let mut table = Table::new().row("signed", keyids(&standing.signed)).row("needed", standing.need);
    if !standing.idle.is_empty() {
        table = table.row("idle", keyids(&standing.idle));
    }
    table.row("next", next)
}
