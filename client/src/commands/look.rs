//! `glarus policy` and `glarus inspect`: files made readable.

use super::{Outcome, authority, say, write};
use crate::cli::{InspectArgs, Output, PolicyCommand};
use anyhow::Context as _;
use glarus::{files, inspect, report};
use spec::policy::{MAX_POLICY_BYTES, Policy};
use std::path::Path;

pub(crate) fn policy(command: PolicyCommand) -> anyhow::Result<Outcome> {
    match command {
        PolicyCommand::Check { file, output } => check(&file, output),
        PolicyCommand::Propose(args) => authority::propose_policy(&args),
        PolicyCommand::Sign(args) => authority::sign(&args),
        PolicyCommand::Submit(args) => authority::submit(&args),
        PolicyCommand::Show(args) => authority::show(&args),
    }
}

fn check(file: &Path, output: Output) -> anyhow::Result<Outcome> {
    let bytes = files::read(file, MAX_POLICY_BYTES)?;
    let policy = Policy::parse(&bytes).with_context(|| format!("{}: not a policy", file.display()))?;
    let checked = policy.check();
    if output.json {
        say(output, &inspect::strength(&policy, &checked));
    } else {
        let refused = if checked.is_ok() { "" } else { "REFUSED: " };
        let headline = format!("{refused}{}", inspect::strength_words(&policy, &checked));
        let rows = [("witnesses", inspect::units(&policy).join(", ")), ("logs", inspect::logs(&policy).join(", "))];
        write(report::lines(&headline, &rows).as_bytes());
    }
    Ok(if checked.is_ok() { Outcome::Done } else { Outcome::Refused })
}

pub(crate) fn inspect(args: &InspectArgs) -> anyhow::Result<Outcome> {
    let bytes = files::read(&args.file, inspect::MAX_BYTES)?;
    let table = inspect::inspect(&bytes).with_context(|| args.file.display().to_string())?;
    say(args.output, &table);
    if !args.output.json {
        write(b"\nNothing of this was verified: it is only what the file says.\n");
    }
    Ok(Outcome::Done)
}
