//! From the ticket to the journal: every step here may be done again.

use super::Progress;
use crate::cli::{LogArgs, Output};
use crate::commands::bundle::update_of;
use crate::commands::record::refuse;
use crate::commands::{Outcome, block_on, say, write};
use anyhow::{Context as _, ensure};
use glarus::install::{self, Judged};
use glarus::memory::MemoryFile;
use glarus::net::{self, Log, Logged, NetError};
use glarus::table::{Item, Table, grouped};
use glarus::ticket::{Ticket, TicketFile};
use glarus::trust::{TrustFile, TrustedProduct};
use glarus::{dist, files, journal, release, report};
use spec::api::{self, Problem};
use spec::bundle::{Bundle, MAX_BUNDLE_BYTES};
use spec::merkle::TreeHead;
use spec::record::manifest::{MAX_MANIFEST_BYTES, Manifest};
use spec::record::{Digest, Record, Update};
use spec::verdict::Ask;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::task::JoinSet;

/// Bundles that are fetched at a time.
const FETCHES: usize = 4;

/// A release that has its ticket.
pub(super) struct Finish<'a> {
    pub(super) path: &'a Path,
    pub(super) ticket: &'a Ticket,
    pub(super) trust: Option<&'a TrustFile>,
    pub(super) progress: &'a Progress,
}

/// What the bundles prove.
enum Verified {
    /// Each leads from its file to a checkpoint of the log; the smallest of these has this size.
    Proved { size: u64 },
    /// Each file may be installed.
    Installable,
    /// These may not.
    Refused(Vec<(PathBuf, Judged)>),
}

impl Finish<'_> {
    /// Sends what the ticket has, and does all that follows.
    pub(super) fn run(&self, args: &LogArgs, output: Output) -> anyhow::Result<Outcome> {
        let done = self.finish(args, output);
        done.map_err(|error| match error.downcast_ref() {
            Some(NetError::Refused(_)) => error,
            _ => error.context(format!("the release is not done; glarus resume {} goes on", self.folder().display())),
        })
    }

    fn finish(&self, args: &LogArgs, output: Output) -> anyhow::Result<Outcome> {
        let (log, wait) = (args.open()?, args.wait());
        let logged = self.send(&log, wait)?;
        self.keep(&logged)?;
        self.fetch(&log, wait)?;
        if let Some(changed) = self.changed()? {
            return Ok(self.refuse_changed(&changed));
        }
        let verified = self.verify()?;
        let last = logged.last().context("a ticket has records")?;
        if !matches!(verified, Verified::Refused(_)) {
            journal::append(
                Path::new(&self.ticket.journal),
                &self.ticket.id,
                &self.journal_line(last.index, &last.head),
            )?;
        }
        let records = self.ticket.records().into_iter().zip(&logged).map(|((name, _), logged)| {
            let table = Table::new().row("record", name).row("index", logged.index).text("id", logged.id);
            table.row("known", logged.known)
        });
        let table =
            self.table("done").row("index", last.index).row("size", last.head.size).text("root", last.head.root);
        Ok(self.tell(table.row("records", records.collect::<Vec<_>>()), &verified, output))
    }

    /// Whether it was done before: in the journal, and every file has its bundle.
    pub(super) fn was_done(&self) -> anyhow::Result<bool> {
        let bundled = self.ticket.files.iter().all(|file| release::bundle_path(&file.path).is_file());
        Ok(bundled && journal::holds(Path::new(&self.ticket.journal), &self.ticket.id)?)
    }

    /// Verifies again what was done before.
    pub(super) fn again(&self, output: Output) -> anyhow::Result<Outcome> {
        let verified = self.verify()?;
        Ok(self.tell(self.table("was done before"), &verified, output))
    }

    /// What is not as it was to be released, a sentence a file.
    pub(super) fn changed(&self) -> anyhow::Result<Option<Vec<String>>> {
        let each = self.ticket.files.iter().map(|file| (file.path.clone(), file.sha256, file.bytes));
        let mut changed = self.differing(each.collect());
        if let (Some(folder), Some(file)) = (&self.ticket.folder, self.ticket.files.first())
            && changed.is_empty()
        {
            let (folder, bytes) = (Path::new(folder), files::read(&file.path, MAX_MANIFEST_BYTES)?);
            let manifest = Manifest::parse(&bytes).with_context(|| file.path.display().to_string())?;
            let listed = manifest.files().iter().map(|file| (folder.join(file.path), file.sha256, file.size_bytes));
            changed = self.differing(listed.collect());
            let names: BTreeSet<_> = manifest.files().iter().map(|file| file.path).collect();
            let more = dist::tree(folder, &file.path)?.into_iter().filter(|(name, _)| !names.contains(name.as_str()));
            changed.extend(more.map(|(_, path)| format!("{}: is not in the manifest", path.display())));
        }
        Ok(Some(changed).filter(|changed| !changed.is_empty()))
    }

    /// Those of some files that have another digest, or none.
    fn differing(&self, files: Vec<(PathBuf, Digest, u64)>) -> Vec<String> {
        let bar = self.progress.bytes(files.iter().map(|(.., bytes)| bytes).sum(), "checking");
        let sentences =
            files.iter().filter_map(|(path, sha256, _)| match files::sha256_told(path, &|piece| bar.inc(piece)) {
                Ok((have, _)) if have == *sha256 => None,
                Ok((have, _)) => Some(format!("{}: has the sha256 {have}, {sha256} is released", path.display())),
                Err(error) => Some(error.to_string()),
            });
        let sentences = sentences.collect();
        bar.finish_and_clear();
        sentences
    }

    pub(super) fn refuse_changed(&self, changed: &[String]) -> Outcome {
        changed.iter().for_each(|sentence| refuse(sentence));
        refuse(&format!(
            "these are not the files of {}: put those back, then glarus resume {} goes on",
            self.path.display(),
            self.folder().display()
        ));
        Outcome::Refused
    }

    fn folder(&self) -> &Path {
        files::folder(self.path)
    }

    /// Sends the records, in order and together, and waits for the quorum.
    fn send(&self, log: &Log, wait: Duration) -> anyhow::Result<Vec<Logged>> {
        let waiting = self.progress.waiting("waiting for the log and its witnesses");
        let records = self.ticket.records();
        let envelopes: Vec<Vec<u8>> = records.iter().map(|(_, one)| one.envelope.clone()).collect();
        let answers = block_on(async { Ok(log.submit_batch(&envelopes, wait).await?) });
        waiting.finish_and_clear();
        let logged =
            records.iter().zip(answers?).map(|((name, _), answer)| answer.map_err(|why| self.refused(name, why)));
        logged.collect()
    }

    /// Says what to do about a record that was not taken.
    fn refused(&self, name: &str, problem: Problem) -> anyhow::Error {
        if problem.status >= 500 {
            return NetError::Fault(problem).into();
        }
        let (folder, sequence) = (self.folder().display(), self.ticket.says.sequence);
        let todo = match problem.name.as_str() {
            "sequence" => format!(
                "sequence {sequence} is not the next one any more: remove {folder} and release again, which takes the next"
            ),
            _ => format!("mend what is wrong, remove {folder} and release again"),
        };
        anyhow::Error::from(NetError::Refused(problem)).context(format!("the {name} is not on the log; {todo}"))
    }

    /// Keeps records and proofs beside the ticket.
    fn keep(&self, logged: &[Logged]) -> anyhow::Result<()> {
        for ((name, one), logged) in self.ticket.records().into_iter().zip(logged) {
            let path = self.folder().join(format!("{name}.json"));
            files::replace(&path, &one.envelope, 0o644)?;
            files::replace(&release::proof_path(&path), logged.proof.as_bytes(), 0o644)?;
        }
        Ok(())
    }

    /// Fetches the bundle of every file, some at a time.
    fn fetch(&self, log: &Log, wait: Duration) -> anyhow::Result<()> {
        let Update { product, channel, target, .. } = &self.ticket.says;
        let bar = self.progress.things(self.ticket.files.len(), "bundles");
        let fetched = block_on(async {
            let (mut left, mut running) = (self.ticket.files.iter(), JoinSet::new());
            loop {
                while running.len() < FETCHES
                    && let Some(file) = left.next()
                {
                    let asked = api::bundle_path(&file.sha256, Some(product.as_str()), Some(channel), Some(target));
                    let (log, file) = (log.clone(), file.clone());
                    running.spawn(async move { (file, log.get(&asked, MAX_BUNDLE_BYTES, wait).await) });
                }
                let Some(ended) = running.join_next().await else { return Ok(()) };
                let (file, bytes) = ended?;
                self.write_bundle(&file, &bytes?)?;
                bar.inc(1);
            }
        });
        bar.finish_and_clear();
        fetched
    }

    fn write_bundle(&self, file: &TicketFile, bytes: &[u8]) -> anyhow::Result<()> {
        let bundle = Bundle::parse(bytes).context("the log's answer is not a bundle; is the URL right?")?;
        let (id, update, carries) = update_of(&bundle, Some(&file.sha256))?;
        let (path, channel) = (file.path.display(), &update.channel);
        ensure!(carries, "the log answered with a bundle that is not about {path}; is the URL right?");
        let newer = update.sequence > self.ticket.says.sequence;
        ensure!(
            id == self.ticket.id,
            "{path}: update {}, sequence {} of {channel}, carries this file too and is {}",
            update.version,
            update.sequence,
            if newer { "newer; ship that one" } else { "older: the one released here was withdrawn, says the log" }
        );
        Ok(files::replace(&release::bundle_path(&file.path), bytes, 0o644)?)
    }

    /// Reads the bundles back, and judges them as far as somebody is trusted.
    fn verify(&self) -> anyhow::Result<Verified> {
        let bundles = self.ticket.files.iter().map(|file| {
            let path = release::bundle_path(&file.path);
            Ok((file, files::read(&path, MAX_BUNDLE_BYTES)?))
        });
        let bundles = bundles.collect::<anyhow::Result<Vec<_>>>()?;
        let Some((trust, product)) = self.trusted() else {
            let sizes = bundles.iter().map(|(file, bytes)| {
                self.proved(file, bytes).with_context(|| format!("the bundle of {} does not hold", file.path.display()))
            });
            let sizes = sizes.collect::<anyhow::Result<Vec<_>>>()?;
            return Ok(Verified::Proved { size: sizes.into_iter().min().unwrap_or_default() });
        };
        let (mut memory, mut refused) = (MemoryFile::open(&trust.memory)?, Vec::new());
        for (file, bytes) in bundles {
            let Update { product: of, channel, target, .. } = self.ticket.says.clone();
            let ask = Ask {
                sha256: file.sha256,
                name: Some(file.name.clone()),
                manifest: None,
                product: of,
                channel,
                target,
            };
            let judged = install::judge(product, &mut memory, &ask, &bytes, glarus_shell::clock::system_clock()())?;
            if judged.verdict.is_err() {
                refused.push((file.path.clone(), judged));
            }
        }
        Ok(if refused.is_empty() { Verified::Installable } else { Verified::Refused(refused) })
    }

    fn trusted(&self) -> Option<(&TrustFile, &TrustedProduct)> {
        let trust = self.trust?;
        Some((trust, trust.product(Some(self.ticket.says.product.as_str())).ok()?))
    }

    /// Without anybody who is trusted: that the bundle leads from the file, by this update, to a checkpoint of the log; the
    /// size of that. Who signed and cosigned it is not looked at.
    fn proved(&self, file: &TicketFile, bytes: &[u8]) -> anyhow::Result<u64> {
        let bundle = Bundle::parse(bytes)?;
        let (id, _, carries) = update_of(&bundle, Some(&file.sha256))?;
        ensure!(id == self.ticket.id && carries, "it is about update {id}, and not this one");
        let mut size = 0;
        for proved in &bundle.records {
            let (record, proof) = (Record::parse_entry(&proved.entry)?, proved.to_tlog_proof(&bundle.checkpoint));
            size = net::check_proof(&proof.to_text(), proved.index, &record, None)?.size;
        }
        Ok(size)
    }

    fn table(&self, how: &str) -> Table {
        let Update { product, version, channel, target, sequence, .. } = &self.ticket.says;
        Table::new()
            .row("release", how)
            .text("product", product)
            .row("version", version.as_str())
            .row("channel", channel.as_str())
            .row("target", Some(target.as_str()).filter(|target| !target.is_empty()))
            .row("sequence", *sequence)
            .text("update", self.ticket.id)
    }

    fn tell(&self, table: Table, verified: &Verified, output: Output) -> Outcome {
        let bundles = self.ticket.files.iter().map(|file| release::bundle_path(&file.path).display().to_string());
        let table = table.row("bundles", bundles.collect::<Vec<_>>()).text("ticket", self.path.display());
        let table = table.row("journal", self.ticket.journal.as_str());
        let (by, all) =
            (self.trust.map(|trust| trust.path.display().to_string()).unwrap_or_default(), self.ticket.files.len());
        match verified {
            Verified::Proved { size } => {
                let verified = format!(
                    "each file is in the update, and that and its builds and sources in the log's tree of {}; not who signed and \
                     cosigned that: --trust FILE judges as a customer does",
                    grouped(*size)
                );
                say(output, &table.row("verified", verified));
                Outcome::Done
            }
            Verified::Installable => {
                say(
                    output,
                    &table.row("verified", format!("by {by}, as a customer does: all of {all} may be installed")),
                );
                Outcome::Done
            }
            Verified::Refused(refused) => {
                self.tell_refused(table, refused, output);
                refuse(&format!(
                    "by {by}, {} of {all} files may not be installed; the update is on the log",
                    refused.len()
                ));
                Outcome::Refused
            }
        }
    }

    fn tell_refused(&self, table: Table, refused: &[(PathBuf, Judged)], output: Output) {
        if output.json {
            let refused = refused.iter().map(|(path, judged)| report::json(path, judged)).collect::<Vec<_>>();
            return say(output, &table.row("refused", refused));
        }
        if let Some((_, product)) = self.trusted() {
            for (path, judged) in refused {
                write(report::text(path, product, judged).as_bytes());
            }
        }
    }

    fn journal_line(&self, index: u64, head: &TreeHead) -> String {
        let Update { product, version, channel, target, sequence, .. } = &self.ticket.says;
        let files = self.ticket.files.iter().map(|file| {
            Table::new().row("name", file.name.as_str()).text("sha256", file.sha256).row("bytes", file.bytes)
        });
        Table::new()
            .row("time", Item::Time(glarus_shell::clock::system_clock()()))
            .text("product", product)
            .row("version", version.as_str())
            .row("channel", channel.as_str())
            .row("target", target.as_str())
            .row("sequence", *sequence)
            .text("update", self.ticket.id)
            .row("index", index)
            .row("size", head.size)
            .text("root", head.root)
            .row("files", files.collect::<Vec<_>>())
            .to_json()
    }
}
