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

/// The folder, the servers, the clock.
pub(crate) struct Stage {
    dir: PathBuf,
    log: Option<Server>,
    log_vkey: String,
    witnesses: Vec<(String, String, Server)>,
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
        let (log, log_vkey, witnesses) = (None, String::new(), Vec::new());
        Ok(Self { dir: std::path::absolute(dir)?, log, log_vkey, witnesses, since: Instant::now() })
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

    /// The policy: the log, four witnesses, three needed; with URLs for the log, without for the client.
    pub(crate) fn policy(&self, urls: bool) -> String {
        let mut text = format!("log {}\n", self.log_vkey);
        for (name, vkey, server) in &self.witnesses {
            let url = if urls { server.url.as_str() } else { "" };
            text.push_str(&format!("witness {name} {vkey} {url}\n"));
        }
        let names: Vec<_> = self.witnesses.iter().map(|(name, ..)| name.as_str()).collect();
        format!("{text}group quorum 3 {}\nquorum quorum\n", names.join(" "))
    }

    /// Makes and starts four witnesses and the log.
    pub(crate) fn start_servers(&mut self) -> anyhow::Result<()> {
        let genesis = self.path("genesis.json");
        let log_dir = self.path("log");
        let init = ["init", "--json", "--origin", ORIGIN, "--dir", text(&log_dir), "--genesis", text(&genesis)];
        self.log_vkey = vkey(&run_ok("glarus-log", &init)?)?;
        for number in 1..=4 {
            let name = format!("ch-{number}");
            let dir = self.path(&name);
            let key_name = format!("{name}.witness.example");
            let made = run_ok("glarus-witness", &["init", "--json", "--dir", text(&dir), "--name", &key_name])?;
            let add = ["add-log", "--dir", text(&dir), "--origin", ORIGIN, "--vkey", &self.log_vkey];
            run_ok("glarus-witness", &add)?;
            let serve = ["serve", "--listen", "127.0.0.1:0", "--dir", text(&dir)];
            let server = Server::start("glarus-witness", &serve, File::create(self.path(&format!("{name}.txt")))?)?;
            self.done(&format!("witness {name} at {}", server.url));
            self.witnesses.push((name, vkey(&made)?, server));
        }
        std::fs::write(log_dir.join("policy"), self.policy(true))?;
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
        let servers = self.witnesses.drain(..).map(|(_, _, server)| server);
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

fn vkey(json: &str) -> anyhow::Result<String> {
    let made: serde_json::Value = serde_json::from_str(json)?;
    Ok(made["vkey"].as_str().context("a vkey")?.into())
}

/// A path as an argument.
fn text(path: &Path) -> &str {
    path.to_str().unwrap_or_else(|| unreachable!("{} is not UTF-8", path.display()))
}
