//! The log's configuration: `glarus-log.toml` in its directory, which `init` writes with a comment a line.

use serde::Deserialize;
use std::path::{Path, PathBuf};

/// What the operator sets.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The log's origin; bound to the database at init.
    pub origin: String,
    /// Address and port to listen on.
    #[serde(default = "listen")]
    pub listen: String,
    /// The C2SP policy whose quorum must cosign a checkpoint before it is published.
    #[serde(default = "policy")]
    pub policy: PathBuf,
    /// Submission prefixes of witnesses, beside those that the policy names.
    #[serde(default)]
    pub witnesses: Vec<String>,
    /// Seconds without a new entry after which the checkpoint is cosigned anew.
    #[serde(default = "refresh_s")]
    pub refresh_s: u64,
    /// Milliseconds that a submitter waits for the quorum before it is answered 202.
    #[serde(default = "wait_ms")]
    pub wait_ms: u64,
    /// Records that may wait for the sequencer; more are answered 503.
    #[serde(default = "queue")]
    pub queue: usize,
    /// Bytes that they may have together.
    #[serde(default = "queue_bytes")]
    pub queue_bytes: usize,
}

fn listen() -> String {
    "127.0.0.1:7370".into()
}

fn policy() -> PathBuf {
    "policy".into()
}

fn refresh_s() -> u64 {
    600
}

fn wait_ms() -> u64 {
    5_000
}

fn queue() -> usize {
    4_096
}

fn queue_bytes() -> usize {
    64 << 20
}

/// Where the configuration is in a log's directory.
pub fn path(dir: &Path) -> PathBuf {
    dir.join("glarus-log.toml")
}

/// The file that `init` writes.
pub fn template(origin: &str, listen: &str) -> String {
    let quote = |text: &str| toml::Value::String(text.into()).to_string();
    format!(
        "origin = {origin} # who this log is: the name of its key, in every checkpoint and record; never changes
listen = {listen} # address and port
policy = \"policy\" # C2SP tlog-policy: whose cosignatures a checkpoint needs before it is published
witnesses = [] # submission prefixes of witnesses, beside those that the policy names
refresh_s = {refresh_s} # after so long without a new entry the checkpoint is cosigned anew
wait_ms = {wait_ms} # how long a submitter waits for the quorum before it is answered 202
queue = {queue} # records that may wait for the sequencer; more are answered 503
queue_bytes = {queue_bytes} # bytes that these may have together
",
        origin = quote(origin),
        listen = quote(listen),
        refresh_s = refresh_s(),
        wait_ms = wait_ms(),
        queue = queue(),
        queue_bytes = queue_bytes(),
    )
}
