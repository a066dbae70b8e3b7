//! Records: each is made of arguments, of a statement or of an envelope that another tool made.

use super::{LogArgs, Output};
use clap::Args;
use std::path::PathBuf;

/// Who signs, and where the record goes.
#[derive(Args, Debug)]
pub(crate) struct RecordArgs {
    /// A secret key to sign with, a file or one in a token; several where the role's threshold asks for them
    #[arg(long = "key", value_name = "FILE|pkcs11:…", help_heading = "Signing")]
    pub(crate) keys: Vec<String>,
    /// A finished record of another tool, in place of the arguments: a DSSE envelope
    #[arg(long, value_name = "FILE", conflicts_with = "statement", help_heading = "Signing")]
    pub(crate) envelope: Option<PathBuf>,
    /// Add the keys' signatures over the same bytes: how keyless provenance gets in
    #[arg(long, requires = "envelope", help_heading = "Signing")]
    pub(crate) countersign: bool,
    /// The in-toto statement to sign, byte by byte as it is, in place of the arguments
    #[arg(long, value_name = "FILE", help_heading = "Signing")]
    pub(crate) statement: Option<PathBuf>,
    /// Write the bytes to be signed there, and stop: for a key on a machine without a network
    #[arg(long, value_name = "FILE", conflicts_with_all = ["keys", "sig_in"], help_heading = "Signing")]
    pub(crate) pae_out: Option<PathBuf>,
    /// A signature over those bytes that was made elsewhere; the public key verifies it
    #[arg(long, value_name = "KEY.pub:FILE", help_heading = "Signing")]
    pub(crate) sig_in: Vec<String>,
    /// Where the record is kept [default: beside the first file]
    #[arg(long = "record", value_name = "FILE", help_heading = "Signing")]
    pub(crate) path: Option<PathBuf>,
    /// Sign and write the record, send nothing: for a further signature elsewhere, or a log that is away
    #[arg(long, help_heading = "Signing")]
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
    #[arg(required_unless_present_any = ["envelope", "statement"])]
    pub(crate) archive: Option<PathBuf>,
    /// A product that is built from it, a package-url without version; once for each
    #[arg(long = "product", value_name = "PURL", required_unless_present_any = ["envelope", "statement"])]
    pub(crate) products: Vec<String>,
    /// The version
    #[arg(long, required_unless_present_any = ["envelope", "statement"])]
    pub(crate) version: Option<String>,
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
    pub(crate) record: RecordArgs,
}

#[derive(Args, Debug)]
#[command(
    after_help = "The record, SLSA Provenance v1, goes to FIRST-ARTIFACT.build.json. What another tool signed is given \
                        with --envelope; where its key is none of the namespace's, --countersign adds one that \
                        is.\n\nExamples:\n  glarus build --builder https://ci.acme.example --build-type \
                        https://acme.example/make@v1 --source shield-7.2.0.tar.gz --dependency \
                        pkg:generic/zlib@1.3=9a93b2b7… --key keys/ci shield-7.2.0.pkg\n  glarus build --envelope \
                        provenance.json --countersign --key keys/ci shield-7.2.0.pkg"
)]
pub(crate) struct BuildArgs {
    /// What was built
    #[arg(required_unless_present_any = ["envelope", "statement"])]
    pub(crate) artifacts: Vec<PathBuf>,
    /// Who built it: SLSA's builder.id
    #[arg(long, value_name = "URI", required_unless_present_any = ["envelope", "statement"])]
    pub(crate) builder: Option<String>,
    /// How: SLSA's buildType
    #[arg(long, value_name = "URI", required_unless_present_any = ["envelope", "statement"])]
    pub(crate) build_type: Option<String>,
    /// The logged source: the archive, its .source.json, or its SHA-256; or an artifact of a logged build
    #[arg(long = "source", value_name = "ARCHIVE", required_unless_present_any = ["envelope", "statement"])]
    pub(crate) sources: Vec<String>,
    /// A further input, by name and digest
    #[arg(long = "dependency", value_name = "NAME=SHA256")]
    pub(crate) dependencies: Vec<String>,
    #[command(flatten)]
    pub(crate) record: RecordArgs,
}

#[derive(Args, Debug)]
#[command(
    after_help = "A party builds the same again and says what came out: PASSED if every artifact of the build is among \
                        the files given, byte by byte, else FAILED, which must be meant: --failed. The record, an in-toto \
                        Verification Summary, goes to FIRST-FILE.rebuild.json.\n\nExit code 1 if what came out and \
                        --failed disagree; nothing is signed then.\n\nExample:\n  glarus rebuild --build \
                        5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef --party \
                        https://rebuild.example.ch --key keys/rebuild out/shield-7.2.0.pkg"
)]
pub(crate) struct RebuildArgs {
    /// What came out
    pub(crate) files: Vec<PathBuf>,
    /// The build that was repeated: its id, fetched from the log, or its .build.json
    #[arg(long, value_name = "ID|FILE", required_unless_present_any = ["envelope", "statement"])]
    pub(crate) build: Option<String>,
    /// The party that built it again, as https://rebuild.example.ch
    #[arg(long, value_name = "PARTY", required_unless_present_any = ["envelope", "statement"])]
    pub(crate) party: Option<String>,
    /// Say that something else came out
    #[arg(long)]
    pub(crate) failed: bool,
    /// When: Unix seconds, 2026-11-21 or 2026-11-21T09:12:00Z [default: that of the record kept, or now]
    #[arg(long, value_name = "TIME")]
    pub(crate) time: Option<String>,
    /// The log's origin [env: GLARUS_ORIGIN]
    #[arg(long)]
    pub(crate) origin: Option<String>,
    #[command(flatten)]
    pub(crate) record: RecordArgs,
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
    #[arg(required_unless_present_any = ["envelope", "statement"])]
    pub(crate) files: Vec<PathBuf>,
    /// The product, a package-url without version
    #[arg(long, value_name = "PURL", required_unless_present_any = ["envelope", "statement"])]
    pub(crate) product: Option<String>,
    /// The version
    #[arg(long, required_unless_present_any = ["envelope", "statement"])]
    pub(crate) version: Option<String>,
    /// The channel, as in stable
    #[arg(long, required_unless_present_any = ["envelope", "statement"])]
    pub(crate) channel: Option<String>,
    /// The target, as in linux-x86_64; without it the update is for any
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) target: String,
    /// The number of the update among those of product and channel: one above the last, from 1
    #[arg(long, value_name = "N", required_unless_present_any = ["envelope", "statement"])]
    pub(crate) sequence: Option<u64>,
    /// The build that made the files: its .build.json, or its id; once for each
    #[arg(long = "build", value_name = "FILE.build.json", required_unless_present_any = ["envelope", "statement"])]
    pub(crate) builds: Vec<String>,
    /// The log's origin [env: GLARUS_ORIGIN]
    #[arg(long)]
    pub(crate) origin: Option<String>,
    #[command(flatten)]
    pub(crate) record: RecordArgs,
}

#[derive(Args, Debug)]
#[command(
    after_help = "Asks the log which updates of the product carry the files, for a withdrawal names every one that is \
                        live; shows them, and withdraws them with --yes. Afterwards no client installs them, and no \
                        update of the product can carry one of these files again. The record goes to \
                        FIRST-FILE.withdrawal.json.\n\nExample:\n  glarus withdraw --product pkg:generic/acme/shield \
                        --reason 'CVE-2026-1234: remote code execution' --severity critical --replacement \
                        shield-7.2.1.pkg.update.json --key keys/withdraw --yes shield-7.2.0.pkg"
)]
pub(crate) struct WithdrawArgs {
    /// What must not be installed any more: the file, or its SHA-256
    #[arg(value_name = "FILE|SHA256", required_unless_present_any = ["envelope", "statement"])]
    pub(crate) files: Vec<String>,
    /// The product, a package-url without version
    #[arg(long, value_name = "PURL", required_unless_present_any = ["envelope", "statement"])]
    pub(crate) product: Option<String>,
    /// Why, in one line
    #[arg(long, required_unless_present_any = ["envelope", "statement"])]
    pub(crate) reason: Option<String>,
    /// How bad it is to have it installed: low, medium, high or critical
    #[arg(long, required_unless_present_any = ["envelope", "statement"])]
    pub(crate) severity: Option<String>,
    /// The update to install in its place: its .update.json, or its id
    #[arg(long, value_name = "FILE|ID")]
    pub(crate) replacement: Option<String>,
    /// Do it: nothing is signed without
    #[arg(long)]
    pub(crate) yes: bool,
    /// The log's origin [env: GLARUS_ORIGIN]
    #[arg(long)]
    pub(crate) origin: Option<String>,
    #[command(flatten)]
    pub(crate) record: RecordArgs,
}

#[derive(Args, Debug)]
#[command(
    after_help = "A party says that it holds a source, has examined it, or that clients may follow a policy. To confirm \
                        that it is held, the archives must be at hand: all that the source names, byte by byte. The \
                        record goes to FIRST-FILE.WHAT.review.json.\n\nExamples:\n  glarus review --of \
                        shield-7.2.0.tar.gz.source.json --what held --outcome confirmed --party https://centre.example.ch \
                        --centre Glarus --key keys/centre shield-7.2.0.tar.gz\n  glarus review --of policy-1.json --what \
                        policy --outcome confirmed --party https://centre.example.ch --centre Glarus --key keys/centre"
)]
pub(crate) struct ReviewArgs {
    /// The source's archives
    pub(crate) files: Vec<PathBuf>,
    /// What is reviewed: the record of a source or a policy, or its id, fetched from the log
    #[arg(long, value_name = "ID|FILE", required_unless_present_any = ["envelope", "statement"])]
    pub(crate) of: Option<String>,
    /// held, examined or policy
    #[arg(long, required_unless_present_any = ["envelope", "statement"])]
    pub(crate) what: Option<String>,
    /// confirmed or contradicted
    #[arg(long, required_unless_present_any = ["envelope", "statement"])]
    pub(crate) outcome: Option<String>,
    /// The party that says so, as https://centre.example.ch
    #[arg(long, value_name = "PARTY", required_unless_present_any = ["envelope", "statement"])]
    pub(crate) party: Option<String>,
    /// Where it looked: the transparency centre
    #[arg(long, value_name = "NAME", required_unless_present_any = ["envelope", "statement"])]
    pub(crate) centre: Option<String>,
    /// When: Unix seconds, 2026-11-21 or 2026-11-21T09:12:00Z [default: that of the record kept, or now]
    #[arg(long, value_name = "TIME")]
    pub(crate) time: Option<String>,
    /// The log's origin [env: GLARUS_ORIGIN]
    #[arg(long)]
    pub(crate) origin: Option<String>,
    #[command(flatten)]
    pub(crate) record: RecordArgs,
}

#[derive(Args, Debug)]
#[command(
    after_help = "A public log is no place for personal data: who looks at what goes into a file that stays here, and the \
                        record only commits to it, by the SHA-256 of FILE.salt (32 random bytes, made if missing) followed \
                        by FILE. Keep both: together they prove later what was meant. The record goes to \
                        FILE.access.json.\n\nExample:\n  glarus access --namespace pkg:generic/acme/ --store telemetry-eu \
                        --purpose 'support case 4711' --from 2026-11-21 --until 2026-11-28 --key keys/access \
                        case-4711.txt"
)]
pub(crate) struct AccessArgs {
    /// The particulars, which stay here: who, what, on whose order
    #[arg(required_unless_present_any = ["envelope", "statement"])]
    pub(crate) particulars: Option<PathBuf>,
    /// The namespace whose key signs, as pkg:generic/acme/
    #[arg(long, required_unless_present_any = ["envelope", "statement"])]
    pub(crate) namespace: Option<String>,
    /// The name of the data store
    #[arg(long, required_unless_present_any = ["envelope", "statement"])]
    pub(crate) store: Option<String>,
    /// For what, in one line
    #[arg(long, required_unless_present_any = ["envelope", "statement"])]
    pub(crate) purpose: Option<String>,
    /// From when on: Unix seconds, 2026-11-21 or 2026-11-21T09:12:00Z
    #[arg(long, value_name = "TIME", required_unless_present_any = ["envelope", "statement"])]
    pub(crate) from: Option<String>,
    /// Until when
    #[arg(long, value_name = "TIME", required_unless_present_any = ["envelope", "statement"])]
    pub(crate) until: Option<String>,
    /// The log's origin [env: GLARUS_ORIGIN]
    #[arg(long)]
    pub(crate) origin: Option<String>,
    #[command(flatten)]
    pub(crate) record: RecordArgs,
}
