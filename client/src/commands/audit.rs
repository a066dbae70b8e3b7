//! `glarus audit`.

use super::{Outcome, say, write};
use crate::cli::AuditArgs;
use anyhow::{Context as _, bail};
use glarus::audit::{self, Audit, AuditError, Audited, Finding};
use glarus::net::Log;
use glarus::table::{Item, Table, grouped};
use glarus::{files, report};
use indicatif::{ProgressBar, ProgressStyle};
use spec::note::Vkey;
use spec::policy::{MAX_POLICY_BYTES, Policy};
use std::io::IsTerminal as _;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How often a line is written where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

pub(crate) fn run(args: &AuditArgs) -> anyhow::Result<Outcome> {
    let policy = args.policy.as_deref().map(policy).transpose()?;
    let log_keys = log_keys(args, policy.as_ref())?;
    let scratch = Scratch::of(args)?;
    let progress = progress();
    let audit = Audit {
        log: Log::new(&args.url),
        log_keys,
        origin: args.origin.clone(),
        policy,
        scratch: scratch.path(),
        progress: Arc::clone(&progress.tell),
        now: glarus_shell::clock::system_clock()(),
    };
    let start = Instant::now();
    // One thread a core, the judge's among them: what is awaited there is mostly hashes and signatures.
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let threads = if args.hashes_only { cores } else { cores.saturating_sub(1).max(1) };
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(threads).enable_all().build().context("no runtime")?;
    let audited = runtime.block_on(audit.run());
    drop(runtime);
    progress.bar.finish_and_clear();
    scratch.end(args)?;
    match audited {
        Ok(audited) => {
            say(args.output, &done(&audited, audit.policy.as_ref(), start.elapsed()));
            Ok(Outcome::Done)
        }
        Err(AuditError::Found(finding)) => {
            found(args, &finding);
            Ok(Outcome::Refused)
        }
        Err(error) => Err(error.into()),
    }
}

/// Reads a policy that protects somebody.
pub(crate) fn policy(path: &Path) -> anyhow::Result<Policy> {
    let bytes = files::read(path, MAX_POLICY_BYTES)?;
    let policy = Policy::parse(&bytes).with_context(|| format!("{}: not a policy", path.display()))?;
    policy.check().with_context(|| format!("{}: a policy that protects nobody", path.display()))?;
    Ok(policy)
}

fn log_keys(args: &AuditArgs, policy: Option<&Policy>) -> anyhow::Result<Vec<Vkey>> {
    let mut keys: Vec<Vkey> = policy.iter().flat_map(|policy| policy.logs()).map(|log| log.vkey.clone()).collect();
    for text in &args.vkeys {
        keys.push(text.parse().with_context(|| format!("--vkey {text:?} is not a verifier key"))?);
    }
    if keys.is_empty() {
        bail!("no key of the log is given: name a policy with log lines, --policy, or a key, --vkey");
    }
    Ok(keys)
}

/// Where the rows are.
enum Scratch {
    None,
    Temporary(TempDir),
    Named(PathBuf),
}

impl Scratch {
    fn of(args: &AuditArgs) -> anyhow::Result<Self> {
        match &args.scratch {
            _ if args.hashes_only => Ok(Self::None),
            None => Ok(Self::Temporary(tempfile::Builder::new().prefix("glarus-audit-").tempdir()?)),
            Some(path) => {
                if audit::holds_audit(path) && !args.resume {
                    bail!("{} holds an audit already: --resume goes on with it", path.display());
                }
                std::fs::create_dir_all(path).with_context(|| path.display().to_string())?;
                Ok(Self::Named(path.clone()))
            }
        }
    }

    fn path(&self) -> Option<&Path> {
        match self {
            Self::None => None,
            Self::Temporary(dir) => Some(dir.path()),
            Self::Named(path) => Some(path),
        }
    }

    fn end(&self, args: &AuditArgs) -> anyhow::Result<()> {
        match self {
            Self::Named(path) if !args.keep && !args.resume && audit::holds_audit(path) => {
                Ok(audit::remove_audit(path)?)
            }
            _ => Ok(()),
        }
    }
}

/// What is told while it runs: a bar on a terminal, a line now and then elsewhere.
struct Progress {
    bar: ProgressBar,
    tell: Arc<dyn Fn(u64, u64) + Send + Sync>,
}

fn progress() -> Progress {
    if std::io::stderr().is_terminal() {
        let bar = ProgressBar::new(0);
        let form = "{bar:32} {human_pos} of {human_len} entries, {per_sec}, {eta} left";
        bar.set_style(ProgressStyle::with_template(form).unwrap_or_else(|_| ProgressStyle::default_bar()));
        let shown = bar.clone();
        let tell = Arc::new(move |at, size| {
            shown.set_length(size);
            shown.set_position(at);
        });
        return Progress { bar, tell };
    }
    let last = Mutex::new(Instant::now());
    let tell = Arc::new(move |at, size| {
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.elapsed() >= LINE_EVERY {
            *last = Instant::now();
            eprintln!("glarus: {} of {} entries", grouped(at), grouped(size));
        }
    });
    Progress { bar: ProgressBar::hidden(), tell }
}

fn done(audited: &Audited, policy: Option<&Policy>, took: Duration) -> Table {
    let Audited { origin, head, resumed, records, cosigned } = audited;
    let cosigned = cosigned.as_ref().map(|have| {
        have.iter()
            .map(|(name, time)| Table::new().text("witness", name).row("time", Item::Time(*time)))
            .collect::<Vec<_>>()
    });
    Table::new()
        .row("verdict", if records.is_some() { "every entry belongs there" } else { "every hash is right" })
        .row("origin", origin.as_str())
        .row("size", head.size)
        .text("root", head.root)
        .row("resumed", *resumed)
        .row("judged", *records)
        .row("cosigned", cosigned)
        .row("needed", policy.map(Policy::needed))
        .row("seconds", took.as_secs())
}

fn found(args: &AuditArgs, finding: &Finding) {
    if args.output.json {
        let table = Table::new().row("rule", finding.name()).row("index", finding.index());
        return say(args.output, &table.text("message", finding));
    }
    let entry = finding.index().map_or(String::new(), |index| format!("entry {}: ", grouped(index)));
    let rows = [
        ("rule", finding.name().to_string()),
        ("to do", "keep what the log serves, and report this to its supervisor and its witnesses".into()),
    ];
    write(report::lines(&format!("FOUND {entry}{finding}"), &rows).as_bytes());
}
