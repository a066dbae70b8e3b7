//! `glarus-log`: reads flags, files, the clock and signals, then calls the library.

use anyhow::Context as _;
use clap::{CommandFactory as _, Parser, Subcommand};
use glarus_log::Log;
use glarus_log::config::{self, Config};
use glarus_shell::clock::system_clock;
use glarus_shell::shutdown::Shutdown;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The Glarus transparency log: admits, sequences, stores, publishes.
///
/// A log lives in one directory: glarus-log.toml, keys/, policy, db/.
///
/// Exit codes: 0 done, 1 it had to stop, 2 it did not start.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Makes a log from a finished genesis record; no root key is ever here.
    ///
    /// Example: glarus-log init --dir log --origin log.acme.example/updates --genesis genesis.json
    Init {
        /// The log's directory; it is made.
        #[arg(long, default_value = ".")]
        dir: PathBuf,
        /// Who the log is: the name of its key, in every checkpoint and record. It never changes.
        #[arg(long)]
        origin: String,
        /// The authority record of *, made by `glarus authority propose` and signed by its root.
        #[arg(long)]
        genesis: PathBuf,
        /// A C2SP policy, copied to DIR/policy; it can be put there later.
        #[arg(long)]
        policy: Option<PathBuf>,
        /// Address and port to write into the configuration.
        #[arg(long, default_value = "127.0.0.1:7370", value_parser = glarus_shell::http::listen_address)]
        listen: String,
        /// Prints one line of JSON instead.
        #[arg(long)]
        json: bool,
    },
    /// Runs the log until SIGTERM; then finishes what was accepted.
    ///
    /// Prints `listening on ADDRESS` once it listens.
    Serve {
        /// The log's directory.
        #[arg(long, default_value = ".")]
        dir: PathBuf,
        /// Address and port; port 0 takes a free one. Overrides the configuration.
        #[arg(long, value_parser = glarus_shell::http::listen_address)]
        listen: Option<String>,
    },
    /// Makes every row that follows from the entries again, and compares; the log must not run.
    ///
    /// Exit code 1 if rows differ and were left as they are.
    ///
    /// Example: glarus-log reindex --dir log --repair
    Reindex {
        /// The log's directory.
        #[arg(long, default_value = ".")]
        dir: PathBuf,
        /// Replaces the rows that differ.
        #[arg(long)]
        repair: bool,
        /// Prints one line of JSON instead.
        #[arg(long)]
        json: bool,
    },
    /// Writes shell completions to standard output.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

fn main() -> ExitCode {
    glarus_shell::logging::init();
    let result = match Arguments::parse().command {
        Command::Init { dir, origin, genesis, policy, listen, json } => {
            init(&dir, &origin, &genesis, policy.as_deref(), &listen, json).map_err(|error| (error, 2))
        }
        Command::Serve { dir, listen } => serve(&dir, listen),
        Command::Reindex { dir, repair, json } => reindex(&dir, repair, json),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Arguments::command(), "glarus-log", &mut std::io::stdout());
            Ok(())
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err((error, code)) => {
            eprintln!("glarus-log: {error:#}");
            ExitCode::from(code)
        }
    }
}

fn init(
    dir: &Path,
    origin: &str,
    genesis: &Path,
    policy: Option<&Path>,
    listen: &str,
    json: bool,
) -> anyhow::Result<()> {
    let vkeys = glarus_log::init(dir, origin, listen, genesis, policy, &system_clock())?;
    let vkeys: Vec<String> = vkeys.iter().map(ToString::to_string).collect();
    if json {
        println!("{}", serde_json::json!({ "origin": origin, "vkey": vkeys.first(), "vkeys": vkeys, "dir": dir }));
        return Ok(());
    }
    println!("log {origin} made in {}", dir.display());
    for vkey in &vkeys {
        println!("vkey  {vkey}");
    }
    println!(
        "next  give both vkeys to the witnesses: glarus-witness add-log --dir DIR --origin {origin} --vkey ... --vkey ..."
    );
    if policy.is_none() {
        println!("      write {}: log, witness and quorum lines (C2SP tlog-policy)", dir.join("policy").display());
    }
    println!("      glarus-log serve --dir {}", dir.display());
    Ok(())
}

fn serve(dir: &Path, listen: Option<String>) -> Result<(), (anyhow::Error, u8)> {
    let config: Config = glarus_shell::config::load(&config::path(dir)).map_err(|error| (error.into(), 2))?;
    let listen = listen.unwrap_or_else(|| config.listen.clone());
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| (error.into(), 2))?;
    // Nobody is told that it listens before it is known that it can serve.
    let log = Log::open(dir, &config, system_clock()).map_err(|error| (error.into(), 2))?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(&listen).await.with_context(|| format!("listening on {listen}"));
        let listener = listener.map_err(|error| (error, 2))?;
        let shutdown = Shutdown::on_signals().map_err(|error| (error.into(), 2))?;
        glarus_shell::http::announce(&listener).map_err(|error| (error.into(), 2))?;
        log.serve(listener, shutdown).await.map_err(|error| (error.into(), 1))
    })
}

fn reindex(dir: &Path, repair: bool, json: bool) -> Result<(), (anyhow::Error, u8)> {
    let config: Config = glarus_shell::config::load(&config::path(dir)).map_err(|error| (error.into(), 2))?;
    let done = glarus_log::reindex(dir, &config, repair).map_err(|error| (error.into(), 2))?;
    let differing: u64 = done.differing.values().map(|differing| differing.rows).sum();
    if json {
        let rows: serde_json::Map<_, _> =
            done.differing.iter().map(|(family, differing)| (family.to_string(), differing.rows.into())).collect();
        println!("{}", serde_json::json!({"size": done.head.size, "differing": rows, "repaired": repair}));
    } else {
        println!("{} entries replayed, {differing} rows differ", done.head.size);
        for (family, differing) in &done.differing {
            let first: String = differing.first.iter().flatten().map(|byte| format!("{byte:02x}")).collect();
            println!("{family}: {} rows, the first {first}", differing.rows);
        }
    }
    match differing > 0 && !repair {
        true => Err((anyhow::anyhow!("rows differ; glarus-log reindex --repair replaces them"), 1)),
        false => Ok(()),
    }
}
