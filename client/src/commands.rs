//! What each command does: flags in, files and the log asked, a result out.

mod audit;
mod authority;
mod bundle;
mod key;
mod look;
mod party;
mod record;
mod release;
mod release_day;
mod trust;
mod verify;
mod withdraw;

use crate::cli::{Cli, Command, LogArgs, Output};
use anyhow::{Context as _, anyhow};
use clap::CommandFactory as _;
use glarus::keys::{self, SecretKey};
use glarus::net::Log;
use glarus::table::Table;
use pkcs8::der::zeroize::Zeroizing;
use std::io::Write as _;
use std::time::Duration;

/// How a command ended that could judge.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    /// Yes.
    Done,
    /// No; why has been said.
    Refused,
}

/// Runs one command.
pub(crate) fn run(command: Command) -> anyhow::Result<Outcome> {
    match command {
        Command::Key(command) => key::run(command),
        Command::Authority(command) => authority::run(command),
        Command::Release(args) => release_day::release(&args),
        Command::Resume(args) => release_day::resume(&args),
        Command::Source(args) => release::source(args),
        Command::Build(args) => release::build(args),
        Command::Rebuild(args) => party::rebuild(&args),
        Command::Update(args) => release::update(args),
        Command::Withdraw(args) => withdraw::withdraw(&args),
        Command::Review(args) => party::review(&args),
        Command::Access(args) => withdraw::access(&args),
        Command::Bundle(args) => bundle::run(args),
        Command::Trust(args) => trust::write(&args),
        Command::Verify(args) => verify::verify(args),
        Command::Install(args) => verify::install(args),
        Command::Policy(command) => look::policy(command),
        Command::Audit(args) => audit::run(&args),
        Command::Inspect(args) => look::inspect(&args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "glarus", &mut script);
            write(&script);
            Ok(Outcome::Done)
        }
    }
}

/// Writes to standard output; whoever closed it does not want more.
fn write(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(bytes).and_then(|()| out.flush());
}

/// Writes a result, for people or for machines.
fn say(output: Output, table: &Table) {
    match output.json {
        true => write(format!("{}\n", table.to_json()).as_bytes()),
        false => write(table.to_string().as_bytes()),
    }
}

/// A flag, or else the environment variable that stands for it.
fn given(flag: Option<String>, name: &str, variable: &str) -> anyhow::Result<String> {
    let from_environment = || std::env::var(variable).ok().filter(|value| !value.is_empty());
    flag.or_else(from_environment).ok_or_else(|| anyhow!("{name} is missing: name it, or set {variable}"))
}

/// The key that an argument names: a file, or one in a token, whose PIN never is an argument.
fn open_key(argument: &str) -> anyhow::Result<SecretKey> {
    let pin = std::env::var("GLARUS_PIN").ok().map(Zeroizing::new);
    Ok(keys::open(argument, pin.as_ref().map(|pin| pin.as_str()))?)
}

impl LogArgs {
    fn open(&self) -> anyhow::Result<Log> {
        Ok(Log::new(&self.url()?))
    }

    fn url(&self) -> anyhow::Result<String> {
        given(self.log_url.clone(), "--log-url", "GLARUS_LOG_URL")
    }

    fn wait(&self) -> Duration {
        Duration::from_secs(self.wait_s.min(86_400))
    }
}

/// Runs what asks the log.
fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("no runtime for the network")?.block_on(future)
}
