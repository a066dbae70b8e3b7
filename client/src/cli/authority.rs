//! The ceremony: authority and policy records, which several people sign on machines of their own.

use super::{LogArgs, Output};
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Subcommand, Debug)]
pub(crate) enum AuthorityCommand {
    /// Write an authority record that nobody signed yet: the first epoch of a namespace, or the next
    #[command(
        after_help = "Namespaces: * (the log itself: role root) · pkg:generic/acme/ (products: authority, source, \
                            build, update, withdraw, access) · https://rebuild.example.ch (a party: authority, rebuild, \
                            review).\n\nA next epoch begins with the record before, from its file or from the log, and \
                            changes what is said here: --role puts one in place of the one before, --drop takes one away, \
                            --distrust makes a stolen key's signatures count no more from an entry on. It is signed by \
                            the authority before it, not by its new keys.\n\nExamples:\n  glarus authority propose \
                            --namespace '*' --role root=2:a.pub,b.pub,c.pub --out genesis.json\n  glarus authority propose \
                            --namespace pkg:generic/acme/ --role authority=1:a.pub --role source=1:ci.pub --role \
                            build=1:ci.pub --role update=1:release.pub --out acme.json\n  glarus authority propose \
                            --namespace pkg:generic/acme/ --from-log --role update=1:release-2.pub --distrust \
                            release.pub@18204 --out acme-1.json\n  glarus authority propose --namespace pkg:generic/acme/ \
                            --role authority,source,build,update,withdraw=1:acme.pub --key keys/root --submit --out \
                            acme.json   # at once, where one signature is enough"
    )]
    Propose(Box<ProposeArgs>),
    /// Add a signature to a proposal, in place
    #[command(
        after_help = "Each keyholder signs in turn, on a machine of its own: the file goes from one to the next; signing \
                            twice changes nothing. --by says whose signatures count: a first epoch needs those of the \
                            log's root, a next epoch those of the authority before it.\n\nExamples:\n  glarus authority \
                            sign acme.json --key keys/root --by genesis.json\n  glarus authority sign acme.json --pae-out \
                            acme.pae   # on a machine without network: openssl pkeyutl -sign -rawin -inkey root -in \
                            acme.pae -out acme.sig\n  glarus authority sign acme.json --sig-in root.pub:acme.sig"
    )]
    Sign(SignArgs),
    /// Submit a signed authority record; its proof is kept beside it
    #[command(
        after_help = "The first record of * is not submitted: glarus-log init --genesis FILE takes it.\n\nExample:\n  \
                            glarus authority submit acme.json --log-url http://localhost:7370"
    )]
    Submit(SubmitArgs),
    /// Show a proposal, who signed so far, and who can still
    #[command(after_help = "Examples:\n  glarus authority show acme.json --by genesis.json\n  glarus authority show \
                            acme-1.json --from-log")]
    Show(ShowArgs),
}

#[derive(Args, Debug)]
pub(crate) struct ProposeArgs {
    /// The origin of the log [env: GLARUS_ORIGIN]
    #[arg(long, value_name = "ORIGIN")]
    pub(crate) log: Option<String>,
    /// The namespace: *, pkg:…/ or https://…
    #[arg(long, value_name = "NAMESPACE", required_unless_present = "from")]
    pub(crate) namespace: Option<String>,
    /// The next epoch after the record in this file
    #[arg(long, value_name = "FILE", conflicts_with = "from_log")]
    pub(crate) from: Option<PathBuf>,
    /// The next epoch after the record that is in force in the log
    #[arg(long)]
    pub(crate) from_log: bool,
    /// A role, how many of which keys must sign; roles of one rule behind commas, else once for each
    #[arg(long = "role", value_name = "NAME,…=THRESHOLD:KEY.pub,…")]
    pub(crate) roles: Vec<String>,
    /// A role that nobody has any more
    #[arg(long, value_name = "NAME")]
    pub(crate) drop: Vec<String>,
    /// A key whose signatures count no more from an entry on, by its keyid or its public file
    #[arg(long, value_name = "KEYID@INDEX")]
    pub(crate) distrust: Vec<String>,
    /// Builds may name their source by git commit alone
    #[arg(long)]
    pub(crate) allow_git_commit: bool,
    /// They may not any more
    #[arg(long, conflicts_with = "allow_git_commit")]
    pub(crate) no_git_commit: bool,
    /// Where the proposal goes; nothing is overwritten
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Sign it at once with this secret key, a file or one in a token
    #[arg(long = "key", value_name = "FILE|pkcs11:…")]
    pub(crate) keys: Vec<String>,
    /// Submit it at once, signed by these keys alone
    #[arg(long, requires = "keys")]
    pub(crate) submit: bool,
    #[command(flatten)]
    pub(crate) server: LogArgs,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Which record says whose signatures are needed.
#[derive(Args, Debug)]
pub(crate) struct ByArgs {
    /// The record that says whose signatures are needed: the epoch before, or for a first epoch and a policy that of *
    #[arg(long, value_name = "FILE", visible_alias = "genesis")]
    pub(crate) by: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct SignArgs {
    /// The proposal
    pub(crate) file: PathBuf,
    /// The secret key, a file or one in a token
    #[arg(long = "key", value_name = "FILE|pkcs11:…")]
    pub(crate) keys: Vec<String>,
    /// Write the bytes to be signed there, and sign nothing: for a key on a machine without a network
    #[arg(long, value_name = "FILE", conflicts_with_all = ["keys", "sig_in"])]
    pub(crate) pae_out: Option<PathBuf>,
    /// A signature over those bytes that was made elsewhere; the public key verifies it
    #[arg(long, value_name = "KEY.pub:FILE")]
    pub(crate) sig_in: Vec<String>,
    #[command(flatten)]
    pub(crate) by: ByArgs,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Args, Debug)]
pub(crate) struct SubmitArgs {
    /// The proposal, signed
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) log: LogArgs,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// The proposal
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) by: ByArgs,
    /// Ask the log for that record
    #[arg(long, conflicts_with = "by")]
    pub(crate) from_log: bool,
    #[command(flatten)]
    pub(crate) server: LogArgs,
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
    /// Write a policy record that nobody signed yet: which policy clients may follow from now on
    #[command(
        after_help = "The log's root signs it, as it signs first epochs; clients follow it only where parties that they \
                            count confirmed it: glarus review --what policy.\n\nExample:\n  glarus policy propose policy \
                            --from-log --out policy-1.json"
    )]
    Propose(ProposePolicyArgs),
    /// Add a signature to a proposal, in place
    #[command(after_help = "Example:\n  glarus policy sign policy-1.json --key keys/root --by genesis.json")]
    Sign(SignArgs),
    /// Submit a signed policy record; its proof is kept beside it
    #[command(after_help = "Example:\n  glarus policy submit policy-1.json")]
    Submit(SubmitArgs),
    /// Show a proposal, who signed so far, and who can still
    #[command(after_help = "Example:\n  glarus policy show policy-1.json --by genesis.json")]
    Show(ShowArgs),
}

#[derive(Args, Debug)]
pub(crate) struct ProposePolicyArgs {
    /// The policy, in C2SP's tlog-policy form
    pub(crate) policy: PathBuf,
    /// The origin of the log [env: GLARUS_ORIGIN]
    #[arg(long, value_name = "ORIGIN")]
    pub(crate) log: Option<String>,
    /// The one after the policy record in this file; without it and --from-log, the first
    #[arg(long, value_name = "FILE", conflicts_with = "from_log")]
    pub(crate) from: Option<PathBuf>,
    /// The one after the policy record that is in force in the log
    #[arg(long)]
    pub(crate) from_log: bool,
    /// Where the proposal goes; nothing is overwritten
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) server: LogArgs,
    #[command(flatten)]
    pub(crate) output: Output,
}
