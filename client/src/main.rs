//! The program `glarus`: reads flags and calls functions; exit codes 0 yes, 1 refused, 2 could not judge.

mod cli;
mod commands;

use clap::Parser as _;
use commands::Outcome;
use glarus::net::NetError;
use mimalloc::MiMalloc;
use std::process::ExitCode;

#[global_allocator]
static MEMORY: MiMalloc = MiMalloc;

/// An error and its causes in one line, each said once: many of ours repeat their cause in their own words.
fn sentence(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !line.contains(&cause) {
            line.push_str(if line.is_empty() { "" } else { ": " });
            line.push_str(&cause);
        }
    }
    line
}

fn main() -> ExitCode {
    match commands::run(cli::Cli::parse().command) {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Refused) => ExitCode::from(1),
        Err(error) => {
            // The messages quote what comes from outside; a terminal is not to obey it.
            eprintln!("glarus: {}", glarus::table::clean(&sentence(&error)));
            let refused = matches!(error.downcast_ref(), Some(NetError::Refused(_)));
            ExitCode::from(if refused { 1 } else { 2 })
        }
    }
}
