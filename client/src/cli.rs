//! The command line, as one definition: flags, help and completions come from here.

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
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
    /// Log the source that a product is built from
    Source(SourceArgs),
    /// Log how artifacts were built
    Build(BuildArgs),
    /// Log what is released, and fetch the bundle that ships with it
    Update(UpdateArgs),
    /// Fetch a file's bundle, or renew the status in it
    Bundle(BundleArgs),
    /// Tell whether a file may be installed, offline
    Verify(VerifyArgs),
    /// Install a file, if it may be
    Install(InstallArgs),
    /// Judge policies: who must cosign
    #[command(subcommand)]
    Policy(PolicyCommand),
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
        after_help = "Ed25519, as PKCS#8 version 1 and SubjectPublicKeyInfo in PEM, which openssl reads too. Nothing \
                            is overwritten.\n\nExample:\n  glarus key new keys/update\n  openssl pkey -in keys/update \
                            -noout -text"
    )]
    New {
        /// Where the secret key goes, mode 0600
        file: PathBuf,
        #[command(flatten)]
        output: Output,
    },
    /// Show a key's keyid, by which records name it
    #[command(after_help = "Example:\n  glarus key show keys/update.pub")]
    Show {
        /// A public key, or a secret one, of which only the public half is shown
        file: PathBuf,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Subcommand, Debug)]
pub(crate) enum AuthorityCommand {
    /// Write an authority record that nobody signed yet: the first epoch of a namespace
    #[command(
        after_help = "Namespaces: * (the log itself: role root) · pkg:generic/acme/ (products: authority, source, \
                            build, update, withdraw, access) · https://rebuild.example.ch (a party: authority, rebuild, \
                            review).\n\nExamples:\n  glarus authority propose --log log.example/updates --namespace '*' \
                            --role root=2:a.pub,b.pub,c.pub --out genesis.json\n  glarus authority propose --log \
                            log.example/updates --namespace pkg:generic/acme/ --role authority=1:a.pub --role \
                            source=1:ci.pub --role build=1:ci.pub --role update=1:release.pub --out acme.json"
    )]
    Propose(ProposeArgs),
    /// Add a signature to a proposal, in place
    #[command(
        after_help = "A first epoch of * is signed by its own root, every other one by the root of the log. Each \
                            keyholder signs in turn, on a machine of its own; signing twice changes \
                            nothing.\n\nExample:\n  glarus authority sign acme.json --key keys/root --genesis genesis.json"
    )]
    Sign {
        /// The proposal
        file: PathBuf,
        /// The secret key
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// The log's genesis record, which says whose signatures are needed
        #[arg(long, value_name = "FILE")]
        genesis: Option<PathBuf>,
        #[command(flatten)]
        output: Output,
    },
    /// Submit a signed authority record; its proof is kept beside it
    #[command(
        after_help = "The record of * is not submitted: glarus-log init --genesis FILE takes it.\n\nExample:\n  \
                            glarus authority submit acme.json --log-url http://localhost:7370"
    )]
    Submit {
        /// The proposal, signed
        file: PathBuf,
        #[command(flatten)]
        log: LogArgs,
        #[command(flatten)]
        output: Output,
    },
    /// Show a proposal, and who signed so far
    #[command(after_help = "Example:\n  glarus authority show acme.json --genesis genesis.json")]
    Show {
        /// The proposal
        file: PathBuf,
        /// The log's genesis record, which says whose signatures are needed
        #[arg(long, value_name = "FILE")]
        genesis: Option<PathBuf>,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Args, Debug)]
pub(crate) struct ProposeArgs {
    /// The origin of the log [env: GLARUS_ORIGIN]
    #[arg(long, value_name = "ORIGIN")]
    pub(crate) log: Option<String>,
    /// The namespace: *, pkg:…/ or https://…
    #[arg(long, value_name = "NAMESPACE")]
    pub(crate) namespace: String,
    /// A role, how many of which keys must sign; once for each role
    #[arg(long = "role", value_name = "NAME=THRESHOLD:KEY.pub,…", required = true)]
    pub(crate) roles: Vec<String>,
    /// Builds may name their source by git commit alone
    #[arg(long)]
    pub(crate) allow_git_commit: bool,
    /// Where the proposal goes; nothing is overwritten
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) output: Output,
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

/// Who signs, and where the record goes.
#[derive(Args, Debug)]
pub(crate) struct ReleaseArgs {
    /// A secret key to sign with; several where the role's threshold asks for them
    #[arg(long = "key", value_name = "FILE")]
    pub(crate) keys: Vec<PathBuf>,
    /// Sign and write the record, send nothing: for a further signature elsewhere, or a log that is away
    #[arg(long)]
    pub(crate) no_submit: bool,
    #[command(flatten)]
    pub(crate) log: LogArgs,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Args, Debug)]
#[command(after_help = "The record is signed and written to ARCHIVE.source.json before it is sent, its proof to \
                        ARCHIVE.source.tlog-proof after. The same command again sends the same record.\n\nExample:\n  \
                        glarus source --product pkg:generic/acme/shield --version 7.2.0 --held-at \
                        https://centre.example.ch --key keys/ci shield-7.2.0.tar.gz")]
pub(crate) struct SourceArgs {
    /// The archive
    pub(crate) archive: PathBuf,
    /// A product that is built from it, a package-url without version; once for each
    #[arg(long = "product", value_name = "PURL", required = true)]
    pub(crate) products: Vec<String>,
    /// The version
    #[arg(long)]
    pub(crate) version: String,
    /// Where the archive is held; once for each place
    #[arg(long = "held-at", value_name = "URI")]
    pub(crate) held_at: Vec<String>,
    /// The git commit that the archive was made of
    #[arg(long, value_name = "COMMIT")]
    pub(crate) git_commit: Option<String>,
    /// The log's origin [env: GLARUS_ORIGIN]
    #[arg(long)]
    pub(crate) origin: Option<String>,
    #[command(flatten)]
    pub(crate) release: ReleaseArgs,
}

#[derive(Args, Debug)]
#[command(
    after_help = "The record, SLSA Provenance v1, goes to FIRST-ARTIFACT.build.json. A provenance that another tool \
                        signed needs no command: put it there, and run this one.\n\nExample:\n  glarus build --builder \
                        https://ci.acme.example --build-type https://acme.example/make@v1 --source shield-7.2.0.tar.gz \
                        --dependency pkg:generic/zlib@1.3=9a93b2b7… --key keys/ci shield-7.2.0.pkg"
)]
pub(crate) struct BuildArgs {
    /// What was built
    #[arg(required = true)]
    pub(crate) artifacts: Vec<PathBuf>,
    /// Who built it: SLSA's builder.id
    #[arg(long, value_name = "URI")]
    pub(crate) builder: String,
    /// How: SLSA's buildType
    #[arg(long, value_name = "URI")]
    pub(crate) build_type: String,
    /// The logged source: the archive, its .source.json, or its SHA-256; or an artifact of a logged build
    #[arg(long = "source", value_name = "ARCHIVE", required = true)]
    pub(crate) sources: Vec<String>,
    /// A further input, by name and digest
    #[arg(long = "dependency", value_name = "NAME=SHA256")]
    pub(crate) dependencies: Vec<String>,
    #[command(flatten)]
    pub(crate) release: ReleaseArgs,
}

#[derive(Args, Debug)]
#[command(
    after_help = "The record goes to FIRST-FILE.update.json, and the bundle of each file to FILE.glarus: ship it \
                        beside the file.\n\nExample:\n  glarus update --product pkg:generic/acme/shield --version 7.2.0 \
                        --channel stable --sequence 41 --build shield-7.2.0.pkg.build.json --key keys/release \
                        shield-7.2.0.pkg"
)]
pub(crate) struct UpdateArgs {
    /// What is released
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// The product, a package-url without version
    #[arg(long, value_name = "PURL")]
    pub(crate) product: String,
    /// The version
    #[arg(long)]
    pub(crate) version: String,
    /// The channel, as in stable
    #[arg(long)]
    pub(crate) channel: String,
    /// The target, as in linux-x86_64; without it the update is for any
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) target: String,
    /// The number of the update among those of product and channel: one above the last, from 1
    #[arg(long, value_name = "N")]
    pub(crate) sequence: u64,
    /// The build that made the files: its .build.json, or its id; once for each
    #[arg(long = "build", value_name = "FILE.build.json", required = true)]
    pub(crate) builds: Vec<String>,
    /// The log's origin [env: GLARUS_ORIGIN]
    #[arg(long)]
    pub(crate) origin: Option<String>,
    #[command(flatten)]
    pub(crate) release: ReleaseArgs,
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
                        later; --at remembers nothing.\n\nExamples:\n  glarus verify shield-7.2.0.pkg --trust \
                        trust.toml\n  glarus verify shield-7.2.0.pkg --trust trust.toml --at 2026-11-21T09:12:00Z"
)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    pub(crate) judge: JudgeArgs,
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

#[derive(Subcommand, Debug)]
pub(crate) enum PolicyCommand {
    /// Tell how many hostile and how many absent witnesses a policy bears
    #[command(
        after_help = "Exit code 1 if the policy protects nobody: if the log alone, or one operator counted twice, could \
                            show two histories.\n\nExample:\n  glarus policy check policy"
    )]
    Check {
        /// The policy, in C2SP's tlog-policy form
        file: PathBuf,
        #[command(flatten)]
        output: Output,
    },
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
