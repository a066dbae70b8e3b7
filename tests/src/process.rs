//! Programs of the workspace, run as their users run them.

use anyhow::{Context as _, bail, ensure};
use glarus_shell::http::Client;
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};

/// The path of a program that `cargo build --workspace` made.
///
/// # Errors
/// If it is not there: `cargo test` alone builds no programs of other packages.
pub fn program(name: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let places = own.ancestors().skip(1).take(2).map(|dir| dir.join(name));
    let found = places.into_iter().find(|path| path.is_file());
    found.with_context(|| format!("{name} is not built; run cargo build --workspace first"))
}

/// Runs a program to its end.
///
/// # Errors
/// If it cannot be started.
pub fn run(name: &str, arguments: &[impl AsRef<OsStr>]) -> anyhow::Result<Output> {
    Command::new(program(name)?)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("starting {name}"))
}

/// Runs a program that must exit 0, and returns what it printed.
///
/// # Errors
/// If it exits otherwise, with what it said.
pub fn run_ok(name: &str, arguments: &[impl AsRef<OsStr>]) -> anyhow::Result<String> {
    let output = run(name, arguments)?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{name} exited with {}\n{out}{err}", output.status);
    Ok(out.into())
}

/// Waits until a server says that it is ready.
///
/// # Errors
/// If it does not answer.
pub async fn ready(client: &Client, url: &str) -> anyhow::Result<()> {
    while client.get(&format!("{url}/readyz"), 1 << 16).await?.status != 200 {
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// A server in a process of its own. It is killed when this is dropped.
pub struct Server {
    child: Child,
    /// `http://<address>`, as it announced it.
    pub url: String,
}

impl Server {
    /// Starts a server and waits until it says where it listens. Its log lines go to `log`.
    ///
    /// # Errors
    /// If it ends before it listens.
    pub fn start(name: &str, arguments: &[impl AsRef<OsStr>], log: std::fs::File) -> anyhow::Result<Self> {
        let mut command = Command::new(program(name)?);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().with_context(|| format!("starting {name}"))?;
        let mut line = String::new();
        let out = child.stdout.take().context("its standard output")?;
        BufReader::new(out).read_line(&mut line)?;
        match line.trim_end().strip_prefix("listening on ") {
            Some(address) => Ok(Self { child, url: format!("http://{address}") }),
            None => bail!("{name} did not listen, it exited with {}; it printed {line:?}", child.wait()?),
        }
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// If it cannot be signalled.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let pid = Pid::from_raw(i32::try_from(self.child.id())?).context("a process id")?;
        Ok(kill_process(pid, signal)?)
    }

    /// Asks it to stop (SIGTERM) and waits until it did.
    ///
    /// # Errors
    /// If it cannot be signalled.
    pub fn stop(mut self) -> anyhow::Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        Ok(self.child.wait()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Only a process that has not been waited for is killed: its id cannot be another's yet.
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
