//! `glarus release` and `glarus resume`: decide, keep the ticket, send, fetch, verify, note in the journal.
//!
//! Up to the ticket nothing was sent; from the ticket on every step may be done again by anybody who has it.

mod finish;
mod plan;

use super::{LogArgs, Outcome, open_key, say};
use crate::cli::{Output, ReleaseArgs, ResumeArgs};
use anyhow::{Context as _, bail, ensure};
use finish::Finish;
use glarus::keys::SecretKey;
use glarus::ticket::{self, MAX_TICKET_BYTES, TICKET, Ticket, TicketFile};
use glarus::trust::TrustFile;
use glarus::{dist, files};
use indicatif::{ProgressBar, ProgressStyle};
use spec::record::Digest;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

pub(crate) fn release(args: &ReleaseArgs) -> anyhow::Result<Outcome> {
    let folder = match &args.ticket {
        Some(folder) => folder.clone(),
        None => ticket::folder(&args.product, &args.version, &args.channel, &args.target),
    };
    let path = folder.join(TICKET);
    let progress = Progress::new(args.output);
    if let Some(bytes) = files::read_if_there(&path, MAX_TICKET_BYTES)? {
        let ticket = parse(&path, &bytes)?;
        begun_as(&path, &ticket, args)?;
        let log_url = args.log.log_url.clone();
        return go_on(&path, ticket, args.trust.as_deref(), (log_url, args.log.wait_s), args.output, &progress);
    }
    // What can be refused is refused before anything is signed.
    let trust = args.trust.as_deref().map(|path| trusted(path, &args.product)).transpose()?;
    let keys = args.keys.iter().map(|key| open_key(key)).collect::<anyhow::Result<Vec<SecretKey>>>()?;
    let plan = plan::decide(args, &progress)?;
    if args.dry_run {
        say(args.output, &plan.table());
        return Ok(Outcome::Done);
    }
    let ticket = plan.ticket(args, &keys)?;
    write(&folder, &path, &ticket)?;
    // From here on the release is decided, and durable.
    let finish = Finish { path: &path, ticket: &ticket, trust: trust.as_ref(), progress: &progress };
    finish.run(&args.log, args.output)
}

pub(crate) fn resume(args: &ResumeArgs) -> anyhow::Result<Outcome> {
    let path = ticket::path(&args.ticket);
    let ticket = parse(&path, &files::read(&path, MAX_TICKET_BYTES)?)?;
    let log = (args.log_url.clone(), args.wait_s);
    go_on(&path, ticket, args.trust.as_deref(), log, args.output, &Progress::new(args.output))
}

/// Goes on with a ticket that was found, if its files are those that were to be released.
fn go_on(
    path: &Path,
    ticket: Ticket,
    trust: Option<&Path>,
    (log_url, wait_s): (Option<String>, u64),
    output: Output,
    progress: &Progress,
) -> anyhow::Result<Outcome> {
    let trust = trust.or(ticket.trust.as_deref().map(Path::new));
    let trust = trust.map(|path| trusted(path, ticket.says.product.as_str())).transpose()?;
    let log = LogArgs { log_url: log_url.or_else(|| Some(ticket.url.clone())), wait_s };
    let finish = Finish { path, ticket: &ticket, trust: trust.as_ref(), progress };
    if let Some(changed) = finish.changed()? {
        return Ok(finish.refuse_changed(&changed));
    }
    match finish.was_done()? {
        true => finish.again(output),
        false => finish.run(&log, output),
    }
}

/// The trust file, if it says something about the product.
fn trusted(path: &Path, product: &str) -> anyhow::Result<TrustFile> {
    let trust = TrustFile::load(path)?;
    trust.product(Some(product))?;
    Ok(trust)
}

fn parse(path: &Path, bytes: &[u8]) -> anyhow::Result<Ticket> {
    Ticket::parse(bytes).with_context(|| format!("{}: not a ticket as glarus release writes it", path.display()))
}

fn write(folder: &Path, path: &Path, ticket: &Ticket) -> anyhow::Result<()> {
    let text = ticket.to_json();
    ensure!(
        text.len() <= MAX_TICKET_BYTES,
        "the ticket would have {} bytes, at most {MAX_TICKET_BYTES} are read",
        text.len()
    );
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    files::sync_folder(folder)?;
    Ok(files::create_new(path, text.as_bytes(), 0o644)?)
}

/// Refuses to go on with a ticket under arguments that ask for another release.
fn begun_as(path: &Path, ticket: &Ticket, args: &ReleaseArgs) -> anyhow::Result<()> {
    let says = &ticket.says;
    let sequence = args.sequence.unwrap_or(says.sequence).to_string();
    let asked = [
        ("product", says.product.as_str(), args.product.as_str()),
        ("version", says.version.as_str(), args.version.as_str()),
        ("channel", says.channel.as_str(), args.channel.as_str()),
        ("target", says.target.as_str(), args.target.as_str()),
        ("sequence", &says.sequence.to_string(), &sequence),
    ];
    let begun = |what: &str, have: &str, want: &str| {
        let (have, want, path) = (or_none(have), or_none(want), path.display());
        format!(
            "{path}: this release was begun with the {what} {have}, asked for is {want}; glarus resume goes on with it, or name \
             another folder: --ticket DIR"
        )
    };
    if let Some((what, have, want)) = asked.into_iter().find(|(_, have, want)| have != want) {
        bail!(begun(what, have, want));
    }
    let have: Vec<_> = ticket.files.iter().map(|file| file.path.clone()).collect();
    let want = match plan::manifest_path(args)? {
        Some(manifest) => vec![manifest],
        None => dist::files_of(&args.dist)?,
    };
    ensure!(have == want, begun("files", &list(&have), &list(&want)));
    Ok(())
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// What is told on a terminal while it takes long; nothing elsewhere.
struct Progress {
    shown: bool,
}

impl Progress {
    fn new(output: Output) -> Self {
        Self { shown: !output.json && std::io::stderr().is_terminal() }
    }

    /// A bar over bytes.
    fn bytes(&self, total: u64, what: &'static str) -> ProgressBar {
        self.bar(total, "{msg:10} {bar:32} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left", what)
    }

    /// A bar over things.
    fn things(&self, total: usize, what: &'static str) -> ProgressBar {
        self.bar(u64::try_from(total).unwrap_or(u64::MAX), "{msg:10} {bar:32} {human_pos} of {human_len}", what)
    }

    /// Something that ends when it ends.
    fn waiting(&self, what: &'static str) -> ProgressBar {
        if !self.shown {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::new_spinner().with_message(what);
        bar.enable_steady_tick(std::time::Duration::from_millis(100));
        bar
    }

    fn bar(&self, total: u64, form: &str, what: &'static str) -> ProgressBar {
        if !self.shown {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template(form).unwrap_or_else(|_| ProgressStyle::default_bar());
        ProgressBar::new(total).with_style(style).with_message(what)
    }

    /// Hashes files, a piece at a time.
    fn hash(&self, paths: &[PathBuf], what: &'static str) -> anyhow::Result<Vec<TicketFile>> {
        let length = |path: &PathBuf| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
        let bar = self.bytes(paths.iter().map(length).sum(), what);
        let hashed = paths.iter().map(|path| {
            let (sha256, bytes): (Digest, u64) = files::sha256_told(path, &|piece| bar.inc(piece))?;
            Ok(TicketFile { path: path.clone(), name: files::name(path)?, sha256, bytes })
        });
        let hashed = hashed.collect();
        bar.finish_and_clear();
        hashed
    }
}
