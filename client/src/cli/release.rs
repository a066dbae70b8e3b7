//! Release day: one command, and the one that goes on with it.

use super::{LogArgs, Output};
use clap::Args;
use std::path::PathBuf;

#[derive(Args, Debug)]
#[command(
    after_help = "Every file of DIST becomes a subject of one update record. The builds that made them are looked for by the \
                        files' digests: in the provenance given, on the log, and where neither has one a build record is \
                        made of --source, --builder and --build-type. What is not on the log yet is signed, each record \
                        with those of the keys that have its role, and sent in one batch: source, builds, update.\n\nBefore \
                        anything is sent all of it is on the disk, in the ticket: after any interruption the same command, or \
                        glarus resume, goes on, and signs nothing again. At the end FILE.glarus stands beside every file, to be \
                        shipped with it; it has been judged by --trust as a customer judges it, without --trust only that it \
                        leads from the file to the log's checkpoint; and the release has a line in the journal.\n\nExit code 1 \
                        if the log or the verdict refuses, 2 if there is no answer or no quorum in time.\n\nExamples:\n  \
                        glarus release --product pkg:generic/acme/shield --version 7.2.0 --channel stable --source \
                        shield-7.2.0.tar.gz --provenance provenance/ --countersign --key keys/release --trust trust.toml \
                        dist/\n  glarus release --product pkg:generic/acme/shield --version 7.2.0 --channel stable --source \
                        shield-7.2.0.tar.gz --builder https://ci.acme.example --build-type https://acme.example/make@v1 --key \
                        keys/release dist/\n  glarus release --product pkg:generic/acme/shield --version 7.2.0 --channel lts \
                        --key keys/release dist/   # what is on the log already, into another channel"
)]
pub(crate) struct ReleaseArgs {
    /// What is released: a folder, of which every file is meant, or files
    #[arg(required = true, value_name = "DIST")]
    pub(crate) dist: Vec<PathBuf>,
    /// Release the files of one folder, and of those in it, as a whole: the update carries a manifest that lists them, and one
    /// bundle is for all; where there are more than 256
    #[arg(long)]
    pub(crate) manifest: bool,
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
    /// The number of the update in its channel [default: one above the last that the log has]
    #[arg(long, value_name = "N")]
    pub(crate) sequence: Option<u64>,
    /// The source: the archive, its .source.json, or the SHA-256 of one on the log
    #[arg(long, value_name = "ARCHIVE", help_heading = "Source and builds")]
    pub(crate) source: Option<String>,
    /// The git commit that the archive was made of
    #[arg(long, value_name = "COMMIT", requires = "source", help_heading = "Source and builds")]
    pub(crate) git_commit: Option<String>,
    /// Where the archive is held; once for each place
    #[arg(long = "held-at", value_name = "URI", requires = "source", help_heading = "Source and builds")]
    pub(crate) held_at: Vec<String>,
    /// Builds that builders signed: a folder of DSSE envelopes, .intoto.jsonl files and Sigstore bundles, or one of them
    #[arg(long, value_name = "DIR", help_heading = "Source and builds")]
    pub(crate) provenance: Vec<PathBuf>,
    /// Add the keys' signatures to provenance that the namespace's build keys have not signed: you vouch for it
    #[arg(long, requires = "provenance", help_heading = "Source and builds")]
    pub(crate) countersign: bool,
    /// Who built what no provenance has: SLSA's builder.id
    #[arg(long, value_name = "URI", requires_all = ["source", "build_type"], help_heading = "Source and builds")]
    pub(crate) builder: Option<String>,
    /// How: SLSA's buildType
    #[arg(long, value_name = "URI", requires = "builder", help_heading = "Source and builds")]
    pub(crate) build_type: Option<String>,
    /// A further input of that build, by name and digest
    #[arg(long = "dependency", value_name = "NAME=SHA256", requires = "builder", help_heading = "Source and builds")]
    pub(crate) dependencies: Vec<String>,
    /// A secret key to sign with, a file or one in a token; one for all roles, or several
    #[arg(long = "key", value_name = "FILE|pkcs11:…")]
    pub(crate) keys: Vec<String>,
    /// Judge every bundle by this trust.toml at the end, as a customer does
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: Option<PathBuf>,
    /// The folder for the ticket, the records and their proofs [default: ./glarus-release-NAME-VERSION-CHANNEL]
    #[arg(long, value_name = "DIR")]
    pub(crate) ticket: Option<PathBuf>,
    /// Where the release is noted when it is done, a line of JSON each
    #[arg(long, value_name = "FILE", default_value = "releases.ndjson")]
    pub(crate) journal: PathBuf,
    /// Show what would be signed and sent, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// The log's origin [env: GLARUS_ORIGIN]
    #[arg(long)]
    pub(crate) origin: Option<String>,
    #[command(flatten)]
    pub(crate) log: LogArgs,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Args, Debug)]
#[command(
    after_help = "From the folder in which the release was begun. Whatever interrupted it, what was done stays done: the \
                        records in the ticket are sent again, which is harmless, and what is missing is fetched. Of a release \
                        that is done the files and their bundles are verified again, offline.\n\nExit code 1 if a file is \
                        not the one that was to be released any more, or if the log or the verdict \
                        refuses.\n\nExample:\n  glarus resume glarus-release-shield-7.2.0-stable"
)]
pub(crate) struct ResumeArgs {
    /// The ticket, or the folder that it is in
    pub(crate) ticket: PathBuf,
    /// Judge every bundle by this trust.toml at the end [default: that of the ticket]
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: Option<PathBuf>,
    /// Where the log is: http://host:port [default: that of the ticket]
    #[arg(long, value_name = "URL")]
    pub(crate) log_url: Option<String>,
    /// How long to wait until a quorum of witnesses cosigned
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub(crate) wait_s: u64,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Args, Debug)]
#[command(
    after_help = "The least that a machine needs to judge updates of one product: which log, whose cosignatures, which \
                        authority record. All that the file may say is at the top of client/src/trust.rs.\n\nExample:\n  \
                        glarus trust --product pkg:generic/acme/shield --channel stable --policy policy --authority acme.json \
                        --out trust.toml"
)]
pub(crate) struct TrustArgs {
    /// The product, a package-url without version
    #[arg(long, value_name = "PURL")]
    pub(crate) product: String,
    /// The channel that is followed
    #[arg(long)]
    pub(crate) channel: String,
    /// The target; without it only updates for any target are met
    #[arg(long)]
    pub(crate) target: Option<String>,
    /// The log's keys, and who must have cosigned: a C2SP tlog-policy
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: PathBuf,
    /// The authority record of the product's namespace that is pinned
    #[arg(long, value_name = "FILE")]
    pub(crate) authority: PathBuf,
    /// Where the trust file goes; nothing is overwritten
    #[arg(long, value_name = "FILE", default_value = "trust.toml")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) output: Output,
}
