//! Where the demonstration plays: its folder, its servers, and what it says.

use crate::ORIGIN;
use anyhow::{Context as _, ensure};
use glarus_shell::http::Client;
use glarus_tests::process::{Server, program, ready, run_ok};
use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A witness, running, with its verifier keys: Ed25519, then ML-DSA-44.
struct Witness {
    name: String,
    vkeys: Vec<String>,
    server: Server,
}

/// The folder, the servers, the clock.
pub(crate) struct Stage {
    dir: PathBuf,
    log: Option<Server>,
    log_vkeys: Vec<String>,
    witnesses: Vec<Witness>,
    since: Instant,
}

impl Stage {
    /// Starts anew in `dir`; only its target folder stays from the last time.
    pub(crate) fn new(dir: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(dir)?;
        for entry in std::fs::read_dir(dir)? {
            let entry = entry?;
            match entry.file_type()?.is_dir() {
                true if entry.file_name() == "target" => {}
                true => std::fs::remove_dir_all(entry.path())?,
                false => std::fs::remove_file(entry.path())?,
            }
        }
        for folder in ["bin", "keys"] {
            std::fs::create_dir_all(dir.join(folder))?;
        }
        std::fs::copy(program("glarus")?, dir.join("bin/glarus"))?;
        let (log, log_vkeys, witnesses) = (None, Vec::new(), Vec::new());
        Ok(Self { dir: std::path::absolute(dir)?, log, log_vkeys, witnesses, since: Instant::now() })
    }

    /// Building is over: from here on the time counts.
    pub(crate) fn begin(&mut self) {
        self.since = Instant::now();
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Copies a file of the folder into another folder of it, under its own name.
    pub(crate) fn copy(&self, file: &str, folder: &str) -> anyhow::Result<String> {
        std::fs::create_dir_all(self.path(folder))?;
        let to = format!("{folder}/{}", short(file));
        std::fs::copy(self.path(file), self.path(&to))?;
        Ok(to)
    }

    /// Unix seconds.
    pub(crate) fn now(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }

    /// Runs the client in the demonstration's folder, so that all names are relative to it.
    fn command(&self, arguments: &[impl AsRef<OsStr>]) -> anyhow::Result<Output> {
        let mut command = Command::new(self.path("bin/glarus"));
        command.args(arguments).current_dir(&self.dir).env("GLARUS_ORIGIN", ORIGIN);
        if let Some(log) = &self.log {
            command.env("GLARUS_LOG_URL", &log.url);
        }
        command.stdin(Stdio::null()).output().context("starting glarus")
    }

    /// Runs a command of the client that must succeed.
    pub(crate) fn glarus(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.command(arguments)?;
        let (out, err) = (String::from_utf8(output.stdout)?, String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "glarus {} exited with {}\n{out}{err}", arguments.join(" "), output.status);
        Ok(out)
    }

    /// The same, its answer read as JSON.
    pub(crate) fn glarus_json(&self, arguments: &[&str]) -> anyhow::Result<serde_json::Value> {
        Ok(serde_json::from_str(&self.glarus(arguments)?)?)
    }

    /// Runs a command that the log must refuse by this name.
    pub(crate) fn refused(&self, what: &str, name: &str, arguments: &[&str]) -> anyhow::Result<()> {
        let output = self.command(arguments)?;
        self.show_refusal(what, name, &output)
    }

    /// Judges a file that must be refused by this name; by any where it is empty.
    pub(crate) fn verify_refused(&self, what: &str, name: &str, arguments: &[&str]) -> anyhow::Result<()> {
        let verify = [&["verify"], arguments].concat();
        let output = self.command(&verify)?;
        self.show_refusal(what, name, &output)
    }

    fn show_refusal(&self, what: &str, name: &str, output: &Output) -> anyhow::Result<()> {
        let said = [String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)].concat();
        ensure!(output.status.code() == Some(1), "{what}: exit {}, not 1\n{said}", output.status);
        ensure!(said.contains(name), "{what}: not refused as {name}\n{said}");
        println!("  ✗ {what}");
        let line = said.lines().find(|line| line.contains("REFUSED") || line.contains(name));
        println!("      {}", line.unwrap_or_default().trim());
        Ok(())
    }

    /// The policy for the log: both its keys, four witnesses with two keys each, three needed.
    pub(crate) fn log_policy(&self) -> String {
        self.policy(|_| true, true)
    }

    /// The same for a client, without URLs.
    pub(crate) fn client_policy(&self) -> String {
        self.policy(|_| true, false)
    }

    /// A client's policy that a quantum computer does not break: ML-DSA-44 keys alone.
    pub(crate) fn quantum_safe_policy(&self) -> String {
        self.policy(|kind| kind == "ml-dsa-44", false)
    }

    fn policy(&self, wanted: impl Fn(&str) -> bool, urls: bool) -> String {
        let kinds = ["ed25519", "ml-dsa-44"];
        let of_both = |vkeys: &[String]| -> Vec<(&str, String)> {
            kinds.into_iter().zip(vkeys.iter().cloned()).filter(|(kind, _)| wanted(kind)).collect()
        };
        let mut text: String = of_both(&self.log_vkeys).iter().map(|(_, vkey)| format!("log {vkey}\n")).collect();
        for Witness { name, vkeys, server } in &self.witnesses {
            let url = if urls { server.url.as_str() } else { "" };
            let mut members = String::new();
            for (kind, vkey) in of_both(vkeys) {
                text.push_str(&format!("witness {name}/{kind} {vkey} {url}\n"));
                members.push_str(&format!(" {name}/{kind}"));
            }
            text.push_str(&format!("group {name} any{members}\n"));
        }
        let names: Vec<_> = self.witnesses.iter().map(|witness| witness.name.as_str()).collect();
        format!("{text}group quorum 3 {}\nquorum quorum\n", names.join(" "))
    }

    /// Makes and starts four witnesses and the log.
    pub(crate) fn start_servers(&mut self) -> anyhow::Result<()> {
        let genesis = self.path("genesis.json");
        let log_dir = self.path("log");
        let init = ["init", "--json", "--origin", ORIGIN, "--dir", text(&log_dir), "--genesis", text(&genesis)];
        self.log_vkeys = vkeys(&run_ok("glarus-log", &init)?)?;
        for number in 1..=4 {
            let name = format!("ch-{number}");
            let dir = self.path(&name);
            let key_name = format!("{name}.witness.example");
            let made = run_ok("glarus-witness", &["init", "--json", "--dir", text(&dir), "--name", &key_name])?;
            let mut add = vec!["add-log", "--dir", text(&dir), "--origin", ORIGIN];
            add.extend(self.log_vkeys.iter().flat_map(|vkey| ["--vkey", vkey]));
            run_ok("glarus-witness", &add)?;
            let serve = ["serve", "--listen", "127.0.0.1:0", "--dir", text(&dir)];
            let server = Server::start("glarus-witness", &serve, File::create(self.path(&format!("{name}.txt")))?)?;
            self.done(&format!("witness {name} at {}", server.url));
            self.witnesses.push(Witness { name, vkeys: vkeys(&made)?, server });
        }
        std::fs::write(log_dir.join("policy"), self.log_policy())?;
        let serve = ["serve", "--listen", "127.0.0.1:0", "--dir", text(&log_dir)];
        let server = Server::start("glarus-log", &serve, File::create(self.path("log.txt"))?)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(ready(&Client::new(), &server.url))?;
        self.done(&format!(
            "log {ORIGIN} at {}, which publishes nothing that three of them have not cosigned",
            server.url
        ));
        self.log = Some(server);
        Ok(())
    }

    /// Asks all servers to stop; each must exit 0.
    pub(crate) fn stop_servers(&mut self) -> anyhow::Result<()> {
        let servers = self.witnesses.drain(..).map(|witness| witness.server);
        for server in self.log.take().into_iter().chain(servers) {
            let status = server.stop()?;
            ensure!(status.success(), "a server exited with {status}");
        }
        self.done("five processes stopped, each with exit code 0");
        Ok(())
    }

    pub(crate) fn heading(&self, text: &str) {
        println!("\n{text}");
    }

    pub(crate) fn done(&self, text: &str) {
        println!("  ✓ {text}");
    }

    /// Shows what a program said.
    pub(crate) fn quote(&self, text: &str) {
        println!();
        text.lines().for_each(|line| println!("      {line}"));
        println!();
    }

    /// The last words.
    pub(crate) fn end(&self, command: &str) {
        let seconds = self.since.elapsed().as_secs_f64();
        println!("\nDone in {seconds:.1} s after building. Everything is in {}. Verify by hand:", self.dir.display());
        println!("\n  cd {} && {command}\n", self.dir.display());
    }
}

/// The last part of a path.
pub(crate) fn short(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The verifier keys that `init --json` prints.
fn vkeys(json: &str) -> anyhow::Result<Vec<String>> {
    let made: serde_json::Value = serde_json::from_str(json)?;
    let list = made["vkeys"].as_array().context("vkeys")?;
    list.iter().map(|vkey| Ok(vkey.as_str().context("a vkey")?.into())).collect()
}

/// A path as an argument.
fn text(path: &Path) -> &str {
    path.to_str().unwrap_or_else(|| unreachable!("{} is not UTF-8", path.display()))
}
