//! The command line, as one definition: flags, help and completions come from here.

mod authority;
mod records;
mod release;

pub(crate) use authority::{
    AuthorityCommand, PolicyCommand, ProposeArgs, ProposePolicyArgs, ShowArgs, SignArgs, SubmitArgs,
};
pub(crate) use records::{
    AccessArgs, BuildArgs, RebuildArgs, RecordArgs, ReviewArgs, SourceArgs, UpdateArgs, WithdrawArgs,
};
pub(crate) use release::{ReleaseArgs, ResumeArgs, TrustArgs};

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use spec::authority::Algorithm;
use std::path::PathBuf;

/// Makes and submits records to a Glarus log; verifies and installs updates, offline.
#[derive(Parser, Debug)]
#[command(name = "glarus", version, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 done, or may be installed · 1 refused, by the verdict or by the log · 2 could not \
                        judge: bad usage, unreadable file, no answer. Errors go to standard error."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What there is to do.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Make and show record keys
    #[command(subcommand)]
    Key(KeyCommand),
    /// Propose, sign and submit authority records: who may log what in a namespace
    #[command(subcommand)]
    Authority(AuthorityCommand),
    /// Judge policies, which say who must cosign; propose, sign and submit the records that say which is in force
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Release files: log source, builds and update in one go, and leave a bundle beside every file
    Release(Box<ReleaseArgs>),
    /// Go on with a release that was interrupted
    Resume(ResumeArgs),
    /// Log the source that a product is built from
    Source(SourceArgs),
    /// Log how artifacts were built
    Build(BuildArgs),
    /// Log what came out of building the same again
    Rebuild(RebuildArgs),
    /// Log what is released, and fetch the bundle that ships with it
    Update(UpdateArgs),
    /// Log that files must not be installed any more
    Withdraw(WithdrawArgs),
    /// Log what was found when looking at a source or a policy
    Review(ReviewArgs),
    /// Log who may look into a store of data, and for what
    Access(AccessArgs),
    /// Fetch a file's bundle, or renew the status in it
    Bundle(BundleArgs),
    /// Write a trust file: whom a machine believes, for one product
    Trust(TrustArgs),
    /// Tell whether a file may be installed, offline
    Verify(VerifyArgs),
    /// Install a file, if it may be
    Install(InstallArgs),
    /// Read every entry of a log again, and judge every admission and every state again
    Audit(AuditArgs),
    /// Show what a file says; verifies nothing
    Inspect(InspectArgs),
    /// Write shell completions to standard output
    #[command(after_help = "Example:\n  glarus completions bash > /etc/bash_completion.d/glarus")]
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// How results are written.
#[derive(Args, Debug, Clone, Copy)]
pub(crate) struct Output {
    /// Write the result as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Subcommand, Debug)]
pub(crate) enum KeyCommand {
    /// Make a key pair: FILE, secret, and FILE.pub, public
    #[command(
        after_help = "PKCS#8 version 1 and SubjectPublicKeyInfo in PEM, which openssl reads too (ML-DSA-44 from openssl \
                            3.5 on). ed25519 is small, fast and everywhere; ecdsa-p256 is what HSMs, KMSs and cosign have; \
                            ml-dsa-44 stands against quantum computers, with signatures of 2.4 kB. Nothing is \
                            overwritten.\n\nExamples:\n  glarus key new keys/update\n  glarus key new keys/update-2 \
                            --algorithm ml-dsa-44\n  openssl pkey -in keys/update -noout -text"
    )]
    New {
        /// Where the secret key goes, mode 0600
        file: PathBuf,
        /// What it signs with
        #[arg(long, value_name = "ALGORITHM", value_enum, default_value_t = KeyAlgorithm::Ed25519)]
        algorithm: KeyAlgorithm,
        #[command(flatten)]
        output: Output,
    },
    /// Show a key's keyid, by which records name it
    #[command(
        after_help = "A key in a token is named by its PKCS #11 URI (RFC 7512), wherever a command takes --key. The PIN \
                            comes from pin-source or from the environment variable GLARUS_PIN, never from an \
                            argument.\n\nExamples:\n  glarus key show keys/update.pub\n  glarus key show \
                            'pkcs11:token=acme;object=release?module-path=/usr/lib/softhsm/libsofthsm2.so' --out \
                            keys/release.pub"
    )]
    Show {
        /// A public key, or a secret one, of which only the public half is shown
        #[arg(value_name = "FILE|pkcs11:…")]
        key: String,
        /// Write the public half there, as FILE.pub for others to name; nothing is overwritten
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        #[command(flatten)]
        output: Output,
    },
}

/// What record keys sign with.
#[derive(clap::ValueEnum, Debug, Clone, Copy)]
pub(crate) enum KeyAlgorithm {
    Ed25519,
    EcdsaP256,
    #[value(name = "ml-dsa-44")]
    MlDsa44,
}

impl From<KeyAlgorithm> for Algorithm {
    fn from(algorithm: KeyAlgorithm) -> Self {
        match algorithm {
            KeyAlgorithm::Ed25519 => Self::Ed25519,
            KeyAlgorithm::EcdsaP256 => Self::EcdsaP256Sha256,
            KeyAlgorithm::MlDsa44 => Self::MlDsa44,
        }
    }
}

/// The log to talk to.
#[derive(Args, Debug)]
pub(crate) struct LogArgs {
    /// Where the log is: http://host:port [env: GLARUS_LOG_URL]
    #[arg(long, value_name = "URL")]
    pub(crate) log_url: Option<String>,
    /// How long to wait until a quorum of witnesses cosigned
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub(crate) wait_s: u64,
}

#[derive(Args, Debug)]
#[command(
    after_help = "A bundle says what was released, and embeds a status: what is in force now. --refresh renews only \
                        the status.\n\nExamples:\n  glarus bundle shield-7.2.0.pkg\n  glarus bundle --refresh \
                        shield-7.2.0.pkg"
)]
pub(crate) struct BundleArgs {
    /// The file that the bundle is about
    pub(crate) file: PathBuf,
    /// Renew the status in the bundle that is there
    #[arg(long, conflicts_with_all = ["product", "channel", "target"])]
    pub(crate) refresh: bool,
    /// Only as an update of this product, where several carry the file
    #[arg(long, value_name = "PURL")]
    pub(crate) product: Option<String>,
    /// Only as an update of this channel
    #[arg(long)]
    pub(crate) channel: Option<String>,
    /// Only as an update for this target
    #[arg(long)]
    pub(crate) target: Option<String>,
    /// Where the bundle is or goes [default: FILE.glarus]
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) log: LogArgs,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// What is judged, and by which trust.
#[derive(Args, Debug)]
pub(crate) struct JudgeArgs {
    /// The file
    pub(crate) artifact: PathBuf,
    /// Its bundle [default: ARTIFACT.glarus]
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: Option<PathBuf>,
    /// Whom to trust for what: trust.toml
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: PathBuf,
    /// The product, where the trust has several
    #[arg(long, value_name = "PURL")]
    pub(crate) product: Option<String>,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Args, Debug)]
#[command(
    after_help = "Offline. What was seen is remembered in the trust's memory, so that nobody can show an older state \
                        later; --at remembers nothing. A file of a large set is judged with the manifest that lists it, \
                        whose bundle it is.\n\nExamples:\n  glarus verify shield-7.2.0.pkg --trust \
                        trust.toml\n  glarus verify shield-7.2.0.pkg --trust trust.toml --at 2026-11-21T09:12:00Z"
)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    pub(crate) judge: JudgeArgs,
    /// The manifest that lists the file, where that is what was released [its bundle: MANIFEST.glarus]
    #[arg(long, value_name = "FILE")]
    pub(crate) manifest: Option<PathBuf>,
    /// Judge as of this time: Unix seconds, 2026-11-21 or 2026-11-21T09:12:00Z; without memory, for demonstrations and courts
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,
}

#[derive(Args, Debug)]
#[command(
    after_help = "The file is copied aside in DIR while it is hashed, so the bytes that are judged are the bytes that \
                        are installed; only if they may be is the copy put into place.\n\nExample:\n  glarus install \
                        shield-7.2.0.pkg --to /opt/shield --trust /etc/glarus/trust.toml"
)]
pub(crate) struct InstallArgs {
    #[command(flatten)]
    pub(crate) judge: JudgeArgs,
    /// The folder to install into
    #[arg(long, value_name = "DIR")]
    pub(crate) to: PathBuf,
}

#[derive(Args, Debug)]
#[command(after_help = "Nobody's word is taken: entries are hashed, records judged from the first on by the rules of \
                        admission, states compared with what the records give. Exit code 1 names the first entry \
                        that should not be there, and the rule.\n\nExamples:\n  glarus audit http://localhost:7370 \
                        --policy policy\n  glarus audit http://localhost:7370 --policy policy --scratch /var/tmp/acme \
                        --resume")]
pub(crate) struct AuditArgs {
    /// Where the log is: http://host:port
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// Who must have cosigned, and the log's keys in its log lines
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// A key of the log, where no policy names it; once for each
    #[arg(long = "vkey", value_name = "VKEY")]
    pub(crate) vkeys: Vec<String>,
    /// The log's origin, where keys of several are given
    #[arg(long)]
    pub(crate) origin: Option<String>,
    /// Where rows are kept while it runs: about as many bytes as the log has [default: a temporary directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) scratch: Option<PathBuf>,
    /// Keep what is in the scratch directory at the end, for --resume
    #[arg(long, requires = "scratch")]
    pub(crate) keep: bool,
    /// Go on where the audit in the scratch directory stands, however it ended; then keep it
    #[arg(long, requires = "scratch")]
    pub(crate) resume: bool,
    /// Only compare hashes: judge no record and no state
    #[arg(long, conflicts_with_all = ["scratch", "keep", "resume"])]
    pub(crate) hashes_only: bool,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Args, Debug)]
#[command(
    after_help = "Reads bundles, statuses, records, entries, proposals, tlog-proofs, checkpoints and other notes, \
                        policies, keys and state entries.\n\nExample:\n  glarus inspect shield-7.2.0.pkg.glarus"
)]
pub(crate) struct InspectArgs {
    /// The file
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) output: Output,
}
