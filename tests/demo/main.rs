//! `make demo`: the main job on real input, from source to install, and what is refused.
//!
//! A log and four witnesses, three needed, each a process with keys and a database of its own; the source is this
//! repository at HEAD, the product is the `glarus` client built from that archive. Everything is left in `target/demo`.

mod damage;
mod source;
mod stage;

use anyhow::{Context as _, ensure};
use clap::Parser;
use source::Release;
use stage::{Stage, short};
use std::path::PathBuf;
use std::process::ExitCode;

const ORIGIN: &str = "log.glarus.example/demo";
const NAMESPACE: &str = "pkg:generic/glarus/";
const PRODUCT: &str = "pkg:generic/glarus/client";
const VERSION: &str = env!("CARGO_PKG_VERSION");
const TRUST: &str = "client/trust.toml";
/// The same, under a policy that lists ML-DSA-44 keys alone; beside it the memory is its own.
const QUANTUM_SAFE_TRUST: &str = "client/quantum-safe/trust.toml";
const DAY_S: u64 = 86_400;

/// The main job on real input: a log, four witnesses, one updater, from source to install, and what is refused.
#[derive(Parser)]
struct Arguments {
    /// Where everything is left
    #[arg(long, default_value = "target/demo")]
    dir: PathBuf,
    /// An archive and two files that count as built from it, instead of this repository and its client
    #[arg(long, num_args = 3, value_names = ["ARCHIVE", "FILE", "FILE"])]
    files: Option<Vec<PathBuf>>,
}

fn main() -> ExitCode {
    match play(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nthe demonstration failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn play(arguments: &Arguments) -> anyhow::Result<()> {
    let mut stage = Stage::new(&arguments.dir)?;
    let release = match &arguments.files {
        Some(files) => source::take(&stage, files)?,
        None => {
            stage.heading("The source is this repository, the product is built from its archive");
            source::make(&stage)?
        }
    };
    stage.begin();
    stage.heading("Keys, and who may log what");
    keys_and_genesis(&stage)?;
    stage.heading("Four witnesses and a log, each a process of its own");
    stage.start_servers()?;
    let authority = namespace(&stage)?;

    stage.heading("From source to update, on the record");
    release_both(&stage, &release)?;
    client_side(&stage, &authority)?;
    stage.heading("The log and the witnesses stop; what follows is proved offline");
    stage.stop_servers()?;
    install(&stage, &release)?;

    stage.heading("What is refused, each for its own reason");
    refusals(&stage, &release)?;
    stage.end(&format!("bin/glarus verify {} --trust {TRUST}", release.stripped));
    Ok(())
}

fn keys_and_genesis(stage: &Stage) -> anyhow::Result<()> {
    for name in ["root", "authority", "source", "build", "update"] {
        stage.glarus(&["key", "new", &format!("keys/{name}")])?;
    }
    stage.done("five record keys, PKCS#8, each readable by its owner alone: keys/");
    let root = "root=1:keys/root.pub";
    stage.glarus(&[
        "authority",
        "propose",
        "--log",
        ORIGIN,
        "--namespace",
        "*",
        "--role",
        root,
        "--out",
        "genesis.json",
    ])?;
    stage.glarus(&["authority", "sign", "genesis.json", "--key", "keys/root"])?;
    stage.done("the log's genesis record, signed by its root: genesis.json");
    Ok(())
}

fn namespace(stage: &Stage) -> anyhow::Result<String> {
    let roles = ["authority", "source", "build", "update"].map(|role| format!("--role={role}=1:keys/{role}.pub"));
    let mut propose =
        vec!["authority", "propose", "--log", ORIGIN, "--namespace", NAMESPACE, "--out", "namespace.json"];
    propose.extend(roles.iter().map(String::as_str));
    stage.glarus(&propose)?;
    stage.glarus(&["authority", "sign", "namespace.json", "--key", "keys/root", "--genesis", "genesis.json"])?;
    let logged = stage.glarus_json(&["authority", "submit", "namespace.json", "--json"])?;
    let id = logged["id"].as_str().context("the record's id")?.to_owned();
    stage.done(&format!("{NAMESPACE} has keys for source, build and update: entry {}", logged["index"]));
    Ok(id)
}

/// Logs the source, the build and two updates, and shows on the way what the log itself refuses.
fn release_both(stage: &Stage, release: &Release) -> anyhow::Result<()> {
    let Release { commit, archive, plain, stripped } = release;
    let source = ["source", "--json", "--product", PRODUCT, "--version", VERSION, "--key", "keys/source"];
    let logged = stage.glarus_json(&[&source[..], &["--git-commit", commit, archive]].concat())?;
    stage.done(&format!("source  {} is entry {}", short(archive), logged["index"]));
    let build = ["build", "--json", "--builder", "https://glarus.example/demo", "--build-type"];
    let more = ["https://glarus.example/cargo-build@v1", "--source", archive, "--key", "keys/build", plain, stripped];
    let logged = stage.glarus_json(&[&build[..], &more].concat())?;
    stage.done(&format!("build   of {} and {} is entry {}", short(plain), short(stripped), logged["index"]));
    let build = format!("{plain}.build.json");
    update(stage, "1", &["--build", &build, "--key", "keys/update", plain])?;
    std::fs::copy(stage.path(&format!("{plain}.glarus")), stage.path("first-day.glarus"))?;

    let refused = stage.copy(stripped, "refused")?;
    let unlogged = ["--build", &"0".repeat(64), "--key", "keys/update", &refused];
    stage.refused(
        "an update that names a build that was never logged",
        "build-not-logged",
        &update_of("2", &unlogged),
    )?;
    std::fs::remove_file(stage.path(&format!("{refused}.update.json")))?;
    let without_role = ["--build", &build, "--key", "keys/build", &refused];
    stage.refused("an update signed by a key without the role", "threshold-not-met", &update_of("2", &without_role))?;

    update(stage, "2", &["--build", &build, "--key", "keys/update", stripped])?;
    stage.glarus(&["bundle", "--refresh", plain])?;
    stage.done(&format!("bundles fetched: {plain}.glarus and {stripped}.glarus"));
    Ok(())
}

fn update_of<'a>(sequence: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let update = ["update", "--json", "--product", PRODUCT, "--version", VERSION, "--channel", "stable"];
    [&update[..], &["--sequence", sequence], more].concat()
}

fn update(stage: &Stage, sequence: &str, more: &[&str]) -> anyhow::Result<()> {
    let logged = stage.glarus_json(&update_of(sequence, more))?;
    let file = more.last().copied().unwrap_or_default();
    stage.done(&format!("update  {sequence} of channel stable, {}, is entry {}", short(file), logged["index"]));
    Ok(())
}

/// What the customer has: whom to trust for what, and a folder to install into.
fn client_side(stage: &Stage, authority: &str) -> anyhow::Result<()> {
    std::fs::create_dir_all(stage.path("client/installed"))?;
    std::fs::write(stage.path("client/policy"), stage.client_policy())?;
    std::fs::write(stage.path("client/quantum-safe-policy"), stage.quantum_safe_policy())?;
    let text = format!(
        "[[product]]
purl = \"{PRODUCT}\"
origin = \"{ORIGIN}\"
policy = \"policy\" # three of four witnesses
authority = \"{authority}\" # the record of {NAMESPACE}, pinned
channel = \"stable\"
max_age_s = {DAY_S}
stale = \"refuse\"
latest = \"require\"
"
    );
    let quantum_safe = text.replace("\"policy\" # three of four witnesses", "\"../quantum-safe-policy\"");
    std::fs::create_dir_all(stage.path("client/quantum-safe"))?;
    std::fs::write(stage.path(QUANTUM_SAFE_TRUST), quantum_safe)?;
    std::fs::write(stage.path(TRUST), text)?;
    let strength = stage.glarus_json(&["policy", "check", "client/policy", "--json"])?;
    let (hostile, absent) = (&strength["hostile"], &strength["absent"]);
    stage.done(&format!(
        "the client's policy, three of four, bears {hostile} hostile witness and {absent} absent: {TRUST}"
    ));
    Ok(())
}

fn install(stage: &Stage, release: &Release) -> anyhow::Result<()> {
    let stripped = &release.stripped;
    stage.quote(&stage.glarus(&["verify", stripped, "--trust", TRUST])?);
    stage.glarus(&["install", stripped, "--to", "client/installed", "--trust", TRUST])?;
    let installed = format!("client/installed/{}", short(stripped));
    let same = std::fs::read(stage.path(&installed))? == std::fs::read(stage.path(stripped))?;
    ensure!(same, "what was installed is not what was released");
    stage.done(&format!("installed, byte for byte: {installed}"));
    stage.glarus(&["verify", stripped, "--trust", QUANTUM_SAFE_TRUST])?;
    stage.done(&format!("the same bundle holds by ML-DSA-44 signatures alone: {QUANTUM_SAFE_TRUST}"));
    Ok(())
}

fn refusals(stage: &Stage, release: &Release) -> anyhow::Result<()> {
    let Release { plain, stripped, .. } = release;
    let (now, later) = (stage.now().to_string(), (stage.now() + DAY_S + 3600).to_string());
    let (old, new) = (format!("{plain}.glarus"), format!("{stripped}.glarus"));
    let refused = |what: &str, name: &str, file: &str, bundle: &str, time: &str| {
        stage.verify_refused(what, name, &[file, "--bundle", bundle, "--trust", TRUST, "--at", time])
    };
    let damaged = |from: &str, to: &str, damage| damage::bundle(&stage.path(from), &stage.path(to), damage);

    let flipped = stage.copy(stripped, "flipped")?;
    damage::flip_a_byte(&stage.path(&flipped))?;
    refused("a flipped byte in the file", "not-in-update", &flipped, &new, &now)?;
    damaged(&new, "few-cosignatures.glarus", damage::keep_two_witnesses)?;
    refused("a bundle with too few cosignatures", "quorum-not-met", stripped, "few-cosignatures.glarus", &now)?;
    damaged(&new, "other-index.glarus", damage::proof_of_another_index)?;
    refused("a proof for another index", "not-included", stripped, "other-index.glarus", &now)?;
    refused("a status older than max_age, 25 hours later", "stale", stripped, &new, &later)?;
    refused("an older update, where the state has a newer one", "superseded", plain, &old, &now)?;
    damaged(&old, "cut-out.glarus", damage::cut_out_the_newer_update)?;
    refused("a status that the newer update was cut out of", "not-proved", plain, "cut-out.glarus", &now)?;
    let first_day = [plain.as_str(), "--bundle", "first-day.glarus", "--trust", TRUST];
    let what = "a true status of before the newer update, to a client that has seen more";
    stage.verify_refused(what, "status-older-than-seen", &first_day)
}
