//! `glarus authority`, and the part of `glarus policy` that is the same ceremony.

use super::record::logged_table;
use super::{Outcome, block_on, given, open_key, say};
use crate::cli::{AuthorityCommand, LogArgs, ProposeArgs, ProposePolicyArgs, ShowArgs, SignArgs, SubmitArgs};
use anyhow::{Context as _, bail, ensure};
use glarus::proposal::{Change, Proposal, ProposedRole, role};
use glarus::table::Table;
use glarus::{draft, files, keys, release};
use spec::authority::{Distrust, Namespace, RoleName};
use spec::policy::MAX_POLICY_BYTES;
use spec::record::{self, Digest, MAX_SUBMISSION_BYTES};
use spec::state::{self, AuthorityValue};
use std::path::{Path, PathBuf};

pub(crate) fn run(command: AuthorityCommand) -> anyhow::Result<Outcome> {
    match command {
        AuthorityCommand::Propose(args) => propose(&args),
        AuthorityCommand::Sign(args) => sign(&args),
        AuthorityCommand::Submit(args) => submit(&args),
        AuthorityCommand::Show(args) => show(&args),
    }
}

fn propose(args: &ProposeArgs) -> anyhow::Result<Outcome> {
    let roles = args.roles.iter().map(|text| parse_roles(text)).collect::<anyhow::Result<Vec<_>>>()?.concat();
    let mut proposal = match before(args)? {
        Some(before) => Proposal::next(&before, &change(args, roles)?)?,
        None => {
            let namespace = namespace(args)?;
            ensure!(
                args.drop.is_empty() && args.distrust.is_empty(),
                "a first epoch has nothing to drop or distrust; a next one begins with --from FILE or --from-log"
            );
            ensure!(!roles.is_empty(), "a first epoch needs its roles: --role NAME=THRESHOLD:KEY.pub,…");
            let log = given(args.log.clone(), "--log", "GLARUS_ORIGIN")?;
            Proposal::new(&log, namespace, roles, args.allow_git_commit)?
        }
    };
    for key in &args.keys {
        proposal.sign(&open_key(key)?)?;
    }
    if args.submit {
        not_genesis(&proposal, &args.out)?;
        // Asked for before anything is written, so that a forgotten flag leaves nothing behind.
        args.server.url()?;
    }
    write_proposal(&proposal, &args.out)?;
    let table = describe(&proposal);
    if args.submit {
        let logged = send(&proposal, &args.out, &args.server);
        let out = args.out.display();
        let logged =
            logged.with_context(|| format!("{out} is signed and kept; to try again: glarus authority submit {out}"))?;
        say(args.output, &table.row("logged", logged));
    } else {
        say(args.output, &table.row("standing", standing(&proposal, None, &args.out)?));
    }
    Ok(Outcome::Done)
}

pub(crate) fn propose_policy(args: &ProposePolicyArgs) -> anyhow::Result<Outcome> {
    let log = given(args.log.clone(), "--log", "GLARUS_ORIGIN")?;
    let bytes = files::read(&args.policy, MAX_POLICY_BYTES)?;
    let text = String::from_utf8(bytes).with_context(|| format!("{}: not text", args.policy.display()))?;
    let before = match &args.from {
        Some(file) => Some(read(file)?),
        None if args.from_log => {
            let in_force = from_log(state::POLICY_KEY, &args.server)?;
            Some(in_force.context("no policy record is in force: leave out --from-log")?)
        }
        None => None,
    };
    let proposal = Proposal::policy(&log, &text, before.as_ref())?;
    write_proposal(&proposal, &args.out)?;
    say(args.output, &describe(&proposal).row("standing", standing(&proposal, None, &args.out)?));
    Ok(Outcome::Done)
}

fn write_proposal(proposal: &Proposal, out: &Path) -> anyhow::Result<()> {
    Ok(files::create_new(out, &proposal.to_bytes()?, 0o644)?)
}

fn namespace(args: &ProposeArgs) -> anyhow::Result<Namespace> {
    let name = args.namespace.as_deref().context("--namespace is missing")?;
    Namespace::parse(name).with_context(|| format!("{name:?} is not a namespace: *, pkg:…/ or https://…"))
}

/// The record that the proposal follows.
fn before(args: &ProposeArgs) -> anyhow::Result<Option<Proposal>> {
    if let Some(file) = &args.from {
        let before = read(file)?;
        let is = before.authority().map(|authority| authority.namespace.to_string());
        let asked = args.namespace.as_ref().filter(|asked| Some(*asked) != is.as_ref());
        if let Some(asked) = asked {
            bail!("{}: is the {}, not of {asked}", file.display(), before.what());
        }
        return Ok(Some(before));
    }
    if !args.from_log {
        return Ok(None);
    }
    let namespace = namespace(args)?;
    let in_force = from_log(&state::authority_key(namespace.as_str()), &args.server)?;
    Ok(Some(in_force.with_context(|| format!("no authority of {namespace} is in force: leave out --from-log"))?))
}

/// The authority or policy record that is in force, as the log says.
pub(crate) fn from_log(key: &str, server: &LogArgs) -> anyhow::Result<Option<Proposal>> {
    let log = server.open()?;
    let Some(value) = block_on(async { Ok(log.state(key, server.wait()).await?) })? else { return Ok(None) };
    // Every value that says which record is in force begins with `epoch id index`.
    let first = value.split_inclusive('\n').next().unwrap_or_default();
    let value = AuthorityValue::parse(first).with_context(|| format!("{key}: the log says {first:?}"))?;
    let record = block_on(async { Ok(log.record(&value.id, server.wait()).await?) })?;
    Ok(Some(Proposal { record }))
}

fn change(args: &ProposeArgs, roles: Vec<ProposedRole>) -> anyhow::Result<Change> {
    let drop = args.drop.iter().map(|name| role_name(name)).collect::<anyhow::Result<_>>()?;
    let distrust = args.distrust.iter().map(|text| parse_distrust(text)).collect::<anyhow::Result<_>>()?;
    let allow_git_commit = match (args.allow_git_commit, args.no_git_commit) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    };
    Ok(Change { roles, drop, distrust, allow_git_commit })
}

/// Reads `KEYID@INDEX` or `KEY.pub@INDEX`.
fn parse_distrust(text: &str) -> anyhow::Result<Distrust> {
    let form = || format!("{text:?} is not KEYID@INDEX or KEY.pub@INDEX");
    let (key, index) = text.rsplit_once('@').with_context(form)?;
    let from_index = index.parse().with_context(form)?;
    let keyid = match Digest::parse(key) {
        Some(keyid) => keyid,
        None => keys::read_public(Path::new(key))?.keyid(),
    };
    Ok(Distrust { keyid, from_index })
}

fn role_name(name: &str) -> anyhow::Result<RoleName> {
    let names = || RoleName::ALL.map(RoleName::name).join(", ");
    RoleName::from_name(name).with_context(|| format!("{name:?} is not a role: {}", names()))
}

/// Reads `NAME,NAME=THRESHOLD:KEY.pub,KEY.pub`.
fn parse_roles(text: &str) -> anyhow::Result<Vec<ProposedRole>> {
    let parts = text.split_once('=').and_then(|(names, rest)| Some((names, rest.split_once(':')?)));
    let form = || format!("{text:?} is not NAME=THRESHOLD:KEY.pub,KEY.pub");
    let (names, (threshold, files)) = parts.with_context(form)?;
    let names = names.split(',').map(role_name).collect::<anyhow::Result<Vec<_>>>()?;
    let threshold = threshold.parse().with_context(form)?;
    let public = |file: &str| Ok(keys::read_public(Path::new(file))?);
    let keys = files.split(',').map(public).collect::<anyhow::Result<Vec<_>>>()?;
    Ok(names.into_iter().map(|name| role(name, threshold, &keys)).collect())
}

pub(crate) fn sign(args: &SignArgs) -> anyhow::Result<Outcome> {
    let (mut proposal, by) = (read(&args.file)?, read_by(&args.by.by)?);
    if let Some(out) = &args.pae_out {
        files::create_new(out, &record::pae(&proposal.record.payload), 0o644)?;
        let (command, file, out) = (command(&proposal), args.file.display(), out.display());
        let next = format!("sign {out} as it is, then glarus {command} sign {file} --sig-in KEY.pub:SIGNATURE");
        say(args.output, &describe(&proposal).text("pae", out).row("next", next));
        return Ok(Outcome::Done);
    }
    ensure!(!args.keys.is_empty() || !args.sig_in.is_empty(), "nothing to sign with: --key FILE, or --sig-in");
    let before = proposal.clone();
    for argument in &args.sig_in {
        let signature = draft::signature(&proposal.record, argument)?;
        if let Some(keyid) = &signature.keyid {
            counts(&proposal, by.as_ref(), keyid)?;
        }
        proposal.add(signature);
    }
    for key in &args.keys {
        let key = open_key(key)?;
        counts(&proposal, by.as_ref(), &key.keyid())?;
        proposal.sign(&key)?;
    }
    if proposal != before {
        files::replace(&args.file, &proposal.to_bytes()?, 0o644)?;
    }
    say(args.output, &describe(&proposal).row("standing", standing(&proposal, by.as_ref(), &args.file)?));
    Ok(Outcome::Done)
}

/// Refuses a key whose signature would count for nothing, where that is known.
fn counts(proposal: &Proposal, by: Option<&Proposal>, keyid: &Digest) -> anyhow::Result<()> {
    let Some((authority, name)) = proposal.decided_by(by).context("--by")? else { return Ok(()) };
    let signs = authority.role(name).is_some_and(|role| role.keyids.contains(keyid));
    let (namespace, epoch) = (&authority.namespace, authority.epoch);
    ensure!(
        signs,
        "the key {keyid} is not in the role {name} of {namespace}, epoch {epoch}, so its signature would count for nothing"
    );
    Ok(())
}

pub(crate) fn submit(args: &SubmitArgs) -> anyhow::Result<Outcome> {
    let (proposal, file) = (read(&args.file)?, args.file.display());
    ensure!(!proposal.record.signatures.is_empty(), "{file}: nobody signed it yet: glarus {} sign", command(&proposal));
    not_genesis(&proposal, &args.file)?;
    say(args.output, &send(&proposal, &args.file, &args.log)?);
    Ok(Outcome::Done)
}

fn not_genesis(proposal: &Proposal, file: &Path) -> anyhow::Result<()> {
    let file = file.display();
    ensure!(!proposal.is_genesis(), "the record of * is entry 0, which only glarus-log init --genesis {file} takes");
    Ok(())
}

/// Submits a proposal, and keeps its proof beside its file.
fn send(proposal: &Proposal, file: &Path, log: &LogArgs) -> anyhow::Result<Table> {
    let (server, envelope) = (log.open()?, proposal.to_bytes()?);
    let logged = block_on(async { Ok(server.submit(&envelope, &proposal.record, log.wait()).await?) })?;
    let proof = release::proof_path(file);
    files::replace(&proof, logged.proof.as_bytes(), 0o644)?;
    Ok(logged_table(&logged).text("record", file.display()).text("proof", proof.display()))
}

pub(crate) fn show(args: &ShowArgs) -> anyhow::Result<Outcome> {
    let proposal = read(&args.file)?;
    let by = match args.from_log {
        true => deciding(&proposal, &args.server)?,
        false => read_by(&args.by.by)?,
    };
    say(args.output, &describe(&proposal).row("standing", standing(&proposal, by.as_ref(), &args.file)?));
    Ok(Outcome::Done)
}

/// The record that decides on a proposal, as the log has it: the epoch before, or the root in force.
fn deciding(proposal: &Proposal, server: &LogArgs) -> anyhow::Result<Option<Proposal>> {
    if proposal.is_genesis() {
        return Ok(None);
    }
    if let Some(id) = proposal.authority().and_then(|authority| authority.previous) {
        let log = server.open()?;
        let record = block_on(async { Ok(log.record(&id, server.wait()).await?) })?;
        return Ok(Some(Proposal { record }));
    }
    from_log(&state::authority_key("*"), server)
}

pub(crate) fn read(file: &Path) -> anyhow::Result<Proposal> {
    let bytes = files::read(file, MAX_SUBMISSION_BYTES)?;
    Proposal::parse(&bytes).with_context(|| file.display().to_string())
}

fn read_by(file: &Option<PathBuf>) -> anyhow::Result<Option<Proposal>> {
    file.as_deref().map(read).transpose()
}

/// What a proposal says.
fn describe(proposal: &Proposal) -> Table {
    let table = Table::new().text("id", proposal.record.id);
    match proposal.authority() {
        Some(authority) => table.row("authority", glarus::inspect::authority(authority)),
        None => table.row("policy", glarus::inspect::record_statement(&proposal.record.statement)),
    }
}

/// The command for proposals of its kind.
fn command(proposal: &Proposal) -> &'static str {
    if proposal.authority().is_some() { "authority" } else { "policy" }
}

/// Who signed it, and what is needed still.
fn standing(proposal: &Proposal, by: Option<&Proposal>, file: &Path) -> anyhow::Result<Table> {
    let standing = proposal.standing(by).context("--by")?;
    let command = command(proposal);
    let keyids = |keyids: &[Digest]| keyids.iter().map(Digest::to_string).collect::<Vec<_>>();
    let (have, file) = (standing.signed.len(), file.display());
    let next = match standing.need {
        None if proposal.authority().is_some_and(|authority| authority.epoch > 0) => {
            "the authority before this one signs it; --by FILE tells how many of whom".into()
        }
        None => "the log's root signs this; --by FILE tells how many of whom".into(),
        Some(need) if !standing.met() => {
            format!("{have} of {need} signatures: glarus {command} sign {file} --key FILE")
        }
        Some(_) if proposal.is_genesis() => format!("complete: glarus-log init --genesis {file}"),
        Some(_) => format!("complete: glarus {command} submit {file}"),
    };
    let mut table = Table::new().row("signed", keyids(&standing.signed)).row("needed", standing.need);
    if !standing.met() && !standing.missing.is_empty() {
        table = table.row("missing", keyids(&standing.missing));
    }
    if !standing.idle.is_empty() {
        table = table.row("idle", keyids(&standing.idle));
    }
    Ok(table.row("next", next))
}
