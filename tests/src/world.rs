//! A log with its witnesses, each in a process of its own, under one temporary directory.

use crate::process::{Server, ready, run_ok};
use crate::vendor::{Signed, Vendor};
use anyhow::{Context as _, ensure};
use glarus_shell::http::{Client, Reply};
use spec::api::{self, Submitted};
use spec::note::Vkey;
use spec::policy::Policy;
use std::fs::File;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The most bytes of an answer that a test reads.
const MAX_BYTES: usize = 16 << 20;

/// A witness.
pub struct Witness {
    /// Its directory.
    pub dir: PathBuf,
    /// Its name.
    pub name: String,
    /// Its verifier keys, Ed25519 and ML-DSA-44.
    pub vkeys: Vec<Vkey>,
    /// Its process, while it runs.
    pub server: Option<Server>,
}

/// A log, its witnesses, and the vendor that owns it.
pub struct World {
    /// Everything is here; removed at the end.
    pub dir: TempDir,
    /// The vendor.
    pub vendor: Vendor,
    /// The log's verifier keys, Ed25519 and ML-DSA-44.
    pub log_keys: Vec<Vkey>,
    /// The witnesses.
    pub witnesses: Vec<Witness>,
    /// The log's process, while it runs.
    pub log: Option<Server>,
    /// For all requests.
    pub client: Client,
}

impl World {
    /// Starts `needed` of `count` witnesses, and a log with genesis and the vendor's namespace.
    ///
    /// # Errors
    /// If anything does not start.
    pub async fn start(count: usize, needed: usize) -> anyhow::Result<Self> {
        let mut world = Self::prepare(count, needed)?;
        world.start_log().await?;
        let authority = world.vendor.authority();
        world.submit(&authority).await?;
        Ok(world)
    }

    /// The same, with nothing logged yet and the log not started.
    ///
    /// # Errors
    /// If anything does not start.
    pub fn prepare(count: usize, needed: usize) -> anyhow::Result<Self> {
        let vendor = Vendor::new("log.acme.example/updates");
        let genesis = vendor.genesis().envelope;
        Self::of_genesis(vendor, &genesis, count, needed)
    }

    /// The same, with a genesis record that somebody else signed.
    ///
    /// # Errors
    /// If anything does not start.
    pub fn of_genesis(vendor: Vendor, record: &[u8], count: usize, needed: usize) -> anyhow::Result<Self> {
        let dir = TempDir::new()?;
        let genesis = dir.path().join("genesis.json");
        std::fs::write(&genesis, record)?;
        let log_dir = dir.path().join("log");
        let arguments =
            ["init", "--json", "--origin", &vendor.origin, "--dir", text(&log_dir), "--genesis", text(&genesis)];
        let made: serde_json::Value = serde_json::from_str(&run_ok("glarus-log", &arguments)?)?;
        let log_keys = vkeys(&made)?;
        let witnesses =
            (1..=count).map(|number| witness(dir.path(), number, &log_keys)).collect::<Result<Vec<_>, _>>()?;
        let world = Self { dir, vendor, log_keys, witnesses, log: None, client: Client::new() };
        std::fs::write(log_dir.join("policy"), world.policy_text(needed))?;
        Ok(world)
    }

    /// The policy of this world: the log, all witnesses with their URLs, and a quorum of `needed`.
    pub fn policy_text(&self, needed: usize) -> String {
        let mut text: String = self.log_keys.iter().map(|vkey| format!("log {vkey}\n")).collect();
        let mut members = String::new();
        for witness in &self.witnesses {
            let url = witness.server.as_ref().map(|server| server.url.as_str()).unwrap_or_default();
            let name = &witness.name;
            for vkey in &witness.vkeys {
                text.push_str(&format!("witness {name}/{:02x} {vkey} {url}\n", vkey.kind.byte()));
            }
            // Both are asked for, so that neither can be missing unseen.
            text.push_str(&format!("group {name} all {name}/04 {name}/06\n"));
            members.push_str(&format!(" {name}"));
        }
        format!("{text}group quorum {needed}{members}\nquorum quorum\n")
    }

    /// The policy as the client reads it.
    ///
    /// # Errors
    /// If it is none.
    pub fn policy(&self, needed: usize) -> anyhow::Result<Policy> {
        Ok(Policy::parse(self.policy_text(needed).as_bytes())?)
    }

    /// The log's directory.
    pub fn log_dir(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    /// Sets how long the log waits for its quorum, from its next start on.
    ///
    /// # Errors
    /// If its configuration has no such line.
    pub fn set_wait_ms(&self, wait_ms: u64) -> anyhow::Result<()> {
        let path = self.log_dir().join("glarus-log.toml");
        let text = std::fs::read_to_string(&path)?;
        let line = text.lines().find(|line| line.starts_with("wait_ms")).context("no wait_ms")?;
        Ok(std::fs::write(&path, text.replace(line, &format!("wait_ms = {wait_ms}")))?)
    }

    /// Starts the log, again if it ran before, and waits until its witnesses have confirmed its head.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn start_log(&mut self) -> anyhow::Result<()> {
        self.start_log_unconfirmed()?;
        ready(&self.client, &self.url("")).await
    }

    /// Starts the log.
    ///
    /// # Errors
    /// If it does not start.
    pub fn start_log_unconfirmed(&mut self) -> anyhow::Result<()> {
        let out = File::options().create(true).append(true).open(self.dir.path().join("log.txt"))?;
        let dir = self.log_dir();
        let arguments = ["serve", "--listen", "127.0.0.1:0", "--dir", text(&dir)];
        self.log = Some(Server::start("glarus-log", &arguments, out)?);
        Ok(())
    }

    /// What the log printed so far.
    pub fn log_lines(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log.txt")).unwrap_or_default()
    }

    /// A URL of the log.
    pub fn url(&self, path: &str) -> String {
        let base = self.log.as_ref().map(|server| server.url.as_str()).unwrap_or_default();
        format!("{base}{path}")
    }

    /// Gets from the log.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn get(&self, path: &str) -> anyhow::Result<Reply> {
        Ok(self.client.get(&self.url(path), MAX_BYTES).await?)
    }

    /// Posts to the log.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn post(&self, path: &str, body: &[u8]) -> anyhow::Result<Reply> {
        Ok(self.client.post(&self.url(path), "application/json", body.to_vec().into(), MAX_BYTES).await?)
    }

    /// Submits a record that must be admitted and cosigned.
    ///
    /// # Errors
    /// If it is not, with what the log said.
    pub async fn submit(&self, signed: &Signed) -> anyhow::Result<Submitted> {
        let reply = self.post(&format!("{}?proof=1", api::RECORDS), &signed.envelope).await?;
        let said = String::from_utf8_lossy(&reply.body);
        ensure!(matches!(reply.status, 200 | 201), "the log answered {}: {said}\n{}", reply.status, self.log_lines());
        Ok(Submitted::parse(&reply.body)?)
    }
}

/// The keys that `init --json` prints.
fn vkeys(made: &serde_json::Value) -> anyhow::Result<Vec<Vkey>> {
    let list = made["vkeys"].as_array().context("vkeys")?;
    list.iter().map(|vkey| Ok(vkey.as_str().context("a vkey")?.parse()?)).collect()
}

fn witness(dir: &Path, number: usize, log_keys: &[Vkey]) -> anyhow::Result<Witness> {
    let name = format!("ch-{number}");
    let dir = dir.join(&name);
    let key_name = format!("{name}.witness.example");
    let made = run_ok("glarus-witness", &["init", "--json", "--dir", text(&dir), "--name", &key_name])?;
    let made: serde_json::Value = serde_json::from_str(&made)?;
    let origin = &log_keys.first().context("a log's key")?.name;
    let log_keys: Vec<String> = log_keys.iter().map(ToString::to_string).collect();
    let mut add = vec!["add-log", "--dir", text(&dir), "--origin", origin];
    add.extend(log_keys.iter().flat_map(|vkey| ["--vkey", vkey]));
    run_ok("glarus-witness", &add)?;
    let mut witness = Witness { dir, name, vkeys: vkeys(&made)?, server: None };
    witness.start()?;
    Ok(witness)
}

impl Witness {
    /// Starts it.
    ///
    /// # Errors
    /// If it does not start.
    pub fn start(&mut self) -> anyhow::Result<()> {
        let out = File::options().create(true).append(true).open(self.dir.with_extension("txt"))?;
        let arguments = ["serve", "--listen", "127.0.0.1:0", "--dir", text(&self.dir)];
        self.server = Some(Server::start("glarus-witness", &arguments, out)?);
        Ok(())
    }
}

/// A path as an argument; temporary directories have no other characters than UTF-8's.
pub fn text(path: &Path) -> &str {
    path.to_str().unwrap_or_else(|| unreachable!("{} is not UTF-8", path.display()))
}
