//! Log lines, on standard error: readable on a terminal, JSON otherwise.

use std::io::IsTerminal as _;
use tracing::level_filters::LevelFilter;

/// The environment variable that sets the least level written: `error`, `warn`, `info` (the default), `debug`, `trace`, `off`.
pub const LEVEL_VARIABLE: &str = "GLARUS_LOG";

/// Sends this process's log lines to standard error. A second call changes nothing.
pub fn init() {
    let level = std::env::var(LEVEL_VARIABLE).ok().and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    let lines = tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr);
    let _ = if std::io::stderr().is_terminal() {
        tracing::subscriber::set_global_default(lines.with_target(false).finish())
    } else {
        tracing::subscriber::set_global_default(lines.json().flatten_event(true).with_current_span(false).finish())
    };
}
