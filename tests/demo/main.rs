//! `make demo`: the main job on real input, from source to install, and what is refused.
//!
//! A log and four witnesses, three needed, each a process with keys and a database of its own; the source is this
//! repository at HEAD, the product is the `glarus` client built from that archive. Everything is left in `target/demo`.

mod damage;
mod source;
mod stage;

use anyhow::{Context as _, ensure};
use source::Release;
use stage::Stage;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const ORIGIN: &str = "log.glarus.example/demo";
const NAMESPACE: &str = "pkg:generic/glarus/";
const PRODUCT: &str = "pkg:generic/glarus/client";
const DAY_S: u64 = 86_400;

fn main() -> ExitCode {
    match play() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nthe demonstration failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn play() -> anyhow::Result<()> {
    let mut stage = Stage::new(Path::new("target/demo"))?;
    stage.heading("The source is this repository, the product is built from its archive");
    let release = source::make(&stage)?;

    stage.begin();
    stage.heading("Keys, and who may log what");
    let genesis = keys_and_genesis(&stage)?;
    stage.heading("Four witnesses and a log, each a process of its own");
    stage.start_servers(&genesis)?;
    let authority = namespace(&stage, &genesis)?;

    stage.heading("From source to update, on the record");
    release_both(&stage, &release)?;
    let client = client_side(&stage, &authority)?;
    stage.heading("The log and the witnesses stop; what follows is proved offline");
    stage.stop_servers()?;
    install(&stage, &release, &client)?;

    stage.heading("What is refused, each for its own reason");
    refusals(&stage, &release, &client)?;
    stage.end(&format!(
        "{} verify {} --trust {}",
        stage.glarus.display(),
        release.stripped.display(),
        client.trust.display()
    ));
    Ok(())
}

/// What the customer has: whom to trust for what, and a folder to install into.
struct Client {
    trust: PathBuf,
    folder: PathBuf,
}

fn keys_and_genesis(stage: &Stage) -> anyhow::Result<PathBuf> {
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
    Ok(stage.path("genesis.json"))
}

fn namespace(stage: &Stage, genesis: &Path) -> anyhow::Result<String> {
    let mut arguments =
        vec!["authority", "propose", "--log", ORIGIN, "--namespace", NAMESPACE, "--out", "namespace.json"];
    for role in ["authority", "source", "build", "update"] {
        arguments.push("--role");
        arguments.push(match role {
            "authority" => "authority=1:keys/authority.pub",
            "source" => "source=1:keys/source.pub",
            "build" => "build=1:keys/build.pub",
            _ => "update=1:keys/update.pub",
        });
    }
    stage.glarus(&arguments)?;
    let genesis = genesis.to_str().context("a path")?;
    stage.glarus(&["authority", "sign", "namespace.json", "--key", "keys/root", "--genesis", genesis])?;
    let logged = stage.glarus_json(&["authority", "submit", "namespace.json", "--json"])?;
    let id = logged["id"].as_str().context("the record's id")?.to_owned();
    stage.done(&format!("{NAMESPACE} has keys for source, build and update: entry {}", logged["index"]));
    Ok(id)
}

/// Logs the source, the build and two updates, and shows on the way what the log itself refuses.
fn release_both(stage: &Stage, release: &Release) -> anyhow::Result<()> {
    let [archive, plain, stripped] =
        [&release.archive, &release.plain, &release.stripped].map(|path| stage::text(path));
    let source = ["source", "--json", "--product", PRODUCT, "--version", &release.version, "--key", "keys/source"];
    let logged = stage.glarus_json(&[&source[..], &["--git-commit", &release.commit, archive]].concat())?;
    stage.done(&format!("source  {} is entry {}", short(archive), logged["index"]));
    let build = ["build", "--json", "--builder", "https://glarus.example/demo", "--build-type"];
    let more = ["https://glarus.example/cargo-build@v1", "--source", archive, "--key", "keys/build", plain, stripped];
    let logged = stage.glarus_json(&[&build[..], &more].concat())?;
    stage.done(&format!("build   of {} and {} is entry {}", short(plain), short(stripped), logged["index"]));
    update(stage, release, "1", &["--build", &format!("{plain}.build.json"), "--key", "keys/update", plain])?;
    std::fs::copy(format!("{plain}.glarus"), stage.path("first-day.glarus"))?;

    let refused = stage.copy(&release.stripped, "refused")?;
    let (refused, nowhere) = (stage::text(&refused), "0".repeat(64));
    let unlogged = ["--build", &nowhere, "--key", "keys/update", refused];
    stage.refused(
        "an update that names a build that was never logged",
        "build-not-logged",
        &update_of(release, "2", &unlogged),
    )?;
    std::fs::remove_file(format!("{refused}.update.json"))?;
    let build = format!("{plain}.build.json");
    let without_role = ["--build", &build, "--key", "keys/build", refused];
    stage.refused(
        "an update signed by a key without the role",
        "threshold-not-met",
        &update_of(release, "2", &without_role),
    )?;

    update(stage, release, "2", &["--build", &build, "--key", "keys/update", stripped])?;
    stage.glarus(&["bundle", "--refresh", plain])?;
    stage.done(&format!("bundles fetched: {}.glarus and {}.glarus", short(plain), short(stripped)));
    Ok(())
}

fn update_of<'a>(release: &'a Release, sequence: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let update = ["update", "--json", "--product", PRODUCT, "--version", &release.version, "--channel", "stable"];
    [&update[..], &["--sequence", sequence], more].concat()
}

fn update(stage: &Stage, release: &Release, sequence: &str, more: &[&str]) -> anyhow::Result<()> {
    let logged = stage.glarus_json(&update_of(release, sequence, more))?;
    let file = more.last().copied().unwrap_or_default();
    stage.done(&format!("update  {sequence} of channel stable, {}, is entry {}", short(file), logged["index"]));
    Ok(())
}

fn client_side(stage: &Stage, authority: &str) -> anyhow::Result<Client> {
    let folder = stage.path("client");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("policy"), stage.policy(false))?;
    let trust = folder.join("trust.toml");
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
    std::fs::write(&trust, text)?;
    let strength = stage.glarus(&["policy", "check", stage::text(&folder.join("policy"))])?;
    stage.done(&format!("the client trusts: {}", strength.lines().next().unwrap_or_default()));
    Ok(Client { trust, folder })
}

fn install(stage: &Stage, release: &Release, client: &Client) -> anyhow::Result<()> {
    let (trust, folder) = (stage::text(&client.trust), client.folder.join("installed"));
    std::fs::create_dir_all(&folder)?;
    let said = stage.glarus(&["verify", stage::text(&release.stripped), "--trust", trust])?;
    stage.quote(&said);
    stage.glarus(&["install", stage::text(&release.stripped), "--to", stage::text(&folder), "--trust", trust])?;
    let name = release.stripped.file_name().context("a file name")?;
    let same = std::fs::read(folder.join(name))? == std::fs::read(&release.stripped)?;
    ensure!(same, "what was installed is not what was released");
    stage.done(&format!("installed into {}, byte for byte", folder.display()));
    Ok(())
}

fn refusals(stage: &Stage, release: &Release, client: &Client) -> anyhow::Result<()> {
    let (trust, now) = (stage::text(&client.trust), stage.now());
    let at = |time: u64| time.to_string();
    let verify = |file: &Path, bundle: &Path, time: u64| {
        let bundle = bundle.to_path_buf();
        [stage::text(file), "--bundle", stage::text(&bundle), "--trust", trust, "--at", &at(time)]
            .map(String::from)
            .to_vec()
    };
    let (plain, stripped) = (&release.plain, &release.stripped);
    let (old, new) = (stage::beside(plain, "glarus"), stage::beside(stripped, "glarus"));

    let flipped = damage::flip_a_byte(&stage.copy(stripped, "flipped")?)?;
    stage.verify_refused("a flipped byte in the file", "not-in-update", &verify(&flipped, &new, now))?;
    let few = damage::bundle(&new, &stage.path("few-cosignatures.glarus"), damage::keep_two_cosignatures)?;
    stage.verify_refused("a bundle with two cosignatures of three", "quorum-not-met", &verify(stripped, &few, now))?;
    let swapped = damage::bundle(&new, &stage.path("other-index.glarus"), damage::proof_of_another_index)?;
    stage.verify_refused("a proof for another index", "not-included", &verify(stripped, &swapped, now))?;
    let stale = verify(stripped, &new, now + DAY_S + 3600);
    stage.verify_refused("a status older than max_age, 25 hours later", "stale", &stale)?;
    let older = verify(plain, &old, now);
    stage.verify_refused("an older update, where the state has a newer one", "superseded", &older)?;
    let cut = damage::bundle(&old, &stage.path("cut-out.glarus"), damage::cut_out_the_newer_update)?;
    stage.verify_refused("a status that the newer update was cut out of", "not-proved", &verify(plain, &cut, now))?;
    let first_day = stage.path("first-day.glarus");
    let seen = [stage::text(plain), "--bundle", stage::text(&first_day), "--trust", trust].map(String::from).to_vec();
    stage.verify_refused("a true status of the day before the newer update, to a client that has seen more", "", &seen)
}

/// The last part of a path.
fn short(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
