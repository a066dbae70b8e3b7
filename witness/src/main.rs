//! `glarus-witness`: flags, files, the clock and signals; the rest is the library's.

use clap::{CommandFactory as _, Parser, Subcommand};
use glarus_shell::clock::system_clock;
use glarus_shell::shutdown::Shutdown;
use glarus_shell::{http, logging};
use glarus_witness::config::{self, Config, InitError};
use glarus_witness::logs::Log;
use glarus_witness::store::StoreError;
use glarus_witness::{OpenError, Witness};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tokio::net::TcpListener;

/// Cosigns checkpoints of transparency logs that are consistent with all it has seen of them.
///
/// A witness is a folder: its configuration, its key, one file a log, and a database of the latest checkpoint cosigned for each
/// log. The database is what makes it trustworthy: a witness that forgot it would cosign a second history. So `serve` does
/// not start without it, and a copy of it must never be brought back.
///
/// Exit status: 0 when done or stopped by a signal, 1 when something failed while running, 2 when the command line, the
/// configuration, a key or the database is not what it should be.
#[derive(Parser)]
#[command(name = "glarus-witness", version, arg_required_else_help = true, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Makes a witness: its folder, keys, database and configuration.
    ///
    /// Prints the vkeys that policies name it by, Ed25519 and ML-DSA-44; either suffices. Nothing that is there already is overwritten.
    #[command(after_help = "Example:\n  glarus-witness init --dir /var/lib/w1 --name witness.example/w1")]
    Init {
        /// The folder to make it in.
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// Its name, for good: a URL without scheme that is yours, such as witness.example/w1.
        #[arg(long)]
        name: String,
        /// The address and port to listen on.
        #[arg(long, value_name = "ADDR", default_value = config::LISTEN, value_parser = http::listen_address)]
        listen: String,
        /// Prints one JSON object instead of text.
        #[arg(long)]
        json: bool,
    },
    /// Takes up a log; a running witness notices.
    ///
    /// Without --head the log's first checkpoint is cosigned as an extension of the empty tree, whatever its size.
    /// With --head it must extend the one in this file, which you should have from someone you trust.
    #[command(after_help = "Example:\n  glarus-witness add-log --dir /var/lib/w1 --origin example.com/log \\\n    \
                            --vkey example.com/log+530d903a+AYqI49147Qi2O86cdnjBY4JG6hPlGAXo5u9FsfFNkpvJ")]
    AddLog {
        /// The witness's folder.
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// The log's origin: the first line of its checkpoints.
        #[arg(long)]
        origin: String,
        /// A key that signs its checkpoints; may be given several times.
        #[arg(long, required = true, value_name = "VKEY")]
        vkey: Vec<String>,
        /// A checkpoint signed by the log, to start from.
        #[arg(long, value_name = "FILE")]
        head: Option<PathBuf>,
    },
    /// Serves until SIGTERM or SIGINT, then finishes what it accepted.
    ///
    /// The first line on standard output is `listening on ADDRESS`. Log lines go to standard error, as text on a terminal and as
    /// JSON otherwise; GLARUS_LOG=debug shows more.
    ///
    /// POST /add-checkpoint and GET /<origin hash>/checkpoint as in C2SP tlog-witness; /metrics, /healthz, /readyz.
    Serve {
        /// The witness's folder.
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// The address and port to listen on, instead of the configured one; port 0 takes a free one.
        #[arg(long, value_name = "ADDR", value_parser = http::listen_address)]
        listen: Option<String>,
    },
    /// Prints a shell's completions.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

/// What ends the program, by its exit status.
enum Failure {
    /// 2: the operator has something to put right.
    Setup(anyhow::Error),
    /// 1: something failed while running.
    Run(anyhow::Error),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Init { dir, name, listen, json } => init(&dir, &name, &listen, json),
        Command::AddLog { dir, origin, vkey, head } => add_log(&dir, &origin, &vkey, head.as_deref()),
        Command::Serve { dir, listen } => serve(&dir, listen),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "glarus-witness", &mut std::io::stdout());
            Ok(())
        }
    };
    let (error, status) = match result {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Setup(error)) => (error, 2),
        Err(Failure::Run(error)) => (error, 1),
    };
    eprintln!("glarus-witness: {error:#}");
    ExitCode::from(status)
}

fn init(dir: &Path, name: &str, listen: &str, json: bool) -> Result<(), Failure> {
    let vkeys = config::init(dir, name, listen).map_err(|error| match error {
        InitError::Exists(_) | InitError::Name(_) | InitError::Store(StoreError::Exists(_)) => {
            Failure::Setup(error.into())
        }
        error => Failure::Run(error.into()),
    })?;
    if json {
        let vkeys = vkeys.map(|vkey| vkey.to_string());
        let made = serde_json::json!({ "dir": dir, "name": name, "listen": listen, "vkey": vkeys[0], "vkeys": vkeys });
        println!("{made}");
        return Ok(());
    }
    let dir = dir.display();
    let [small, large] = vkeys;
    println!(
        "{name} is made in {dir}. Policies name it by these vkeys, Ed25519 and ML-DSA-44:\n\n{small}\n\n{large}\n\n\
         Next:\n  \
         glarus-witness add-log --dir {dir} --origin ORIGIN --vkey VKEY\n  \
         glarus-witness serve --dir {dir}\n\n\
         Keep {dir}/keys secret. Never bring back an old copy of {dir}/db: it would have this witness forget."
    );
    Ok(())
}

fn add_log(dir: &Path, origin: &str, vkeys: &[String], head: Option<&Path>) -> Result<(), Failure> {
    let setup = |error: anyhow::Error| Failure::Setup(error);
    Config::load(dir).map_err(|error| setup(error.into()))?;
    let read = |path: &Path| {
        std::fs::read_to_string(path).map_err(|error| setup(anyhow::anyhow!("{}: {error}", path.display())))
    };
    let start = head.map(read).transpose()?;
    let log = Log::new(origin, vkeys, start.as_deref()).map_err(|error| setup(error.into()))?;
    log.write(&config::logs_dir(dir)).map_err(|error| setup(error.into()))?;
    let size = log.start_head.map_or(0, |head| head.size);
    println!("{origin} is taken up, from size {size}. Its checkpoint, once cosigned: /{}/checkpoint", log.hash);
    Ok(())
}

fn serve(dir: &Path, listen: Option<String>) -> Result<(), Failure> {
    logging::init();
    let configured = Config::load(dir).map_err(|error| Failure::Setup(error.into()))?.listen;
    let witness = Witness::open(dir, system_clock()).map_err(|error| match error {
        OpenError::Store(StoreError::Io { .. }) | OpenError::Metrics(_) => Failure::Run(error.into()),
        error => Failure::Setup(error.into()),
    })?;
    let run = async {
        let shutdown = Shutdown::on_signals()?;
        let address = listen.unwrap_or(configured);
        let listener = TcpListener::bind(&address)
            .await
            .map_err(|error| anyhow::anyhow!("cannot listen on {address}: {error}"))?;
        http::announce(&listener)?;
        Ok(witness.serve(listener, shutdown).await?)
    };
    let runtime = tokio::runtime::Runtime::new().map_err(|error| Failure::Run(error.into()))?;
    runtime.block_on(run).map_err(Failure::Run)
}
