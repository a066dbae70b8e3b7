//! `make load-debian`: all packages of a Debian suite become source, build and update records of one namespace; the log takes
//! them all, bundles are found by the packages' digests, and the audit of the whole passes.
//!
//! What is real is the index that apt has of a suite, as `apt-get update` brings it: names, versions, sources, architectures and
//! SHA-256 digests. What is made up is all that a `Packages` index does not say: the digest of a source is that of its name and
//! version, and every record is signed by keys of this program.

use anyhow::{Context as _, bail, ensure};
use glarus_shell::http::Client;
use glarus_tests::process::program;
use glarus_tests::vendor::{Signed, Vendor, sign};
use glarus_tests::world::{World, text};
use serde_json::Value;
use spec::api::{self, Submitted};
use spec::authority::RoleName;
use spec::bundle::Bundle;
use spec::record::{
    Build, Dependency, Digest, MAX_PRODUCTS, Predicate, Product, Record, Source, Statement, Subject, Update,
};
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const NAMESPACE: &str = "pkg:deb/debian/";
/// Submissions in flight.
const CONNECTIONS: usize = 128;
/// Packages whose bundles are looked up.
const LOOKED_UP: usize = 1_000;

/// A package, as far as records say it.
struct Package {
    product: Product,
    version: String,
    architecture: String,
    /// Name and version of its source.
    source: (String, String),
    file: String,
    sha256: Digest,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (codename, index) = index()?;
    let packages = packages(&index)?;
    println!("{}: {} packages", codename, packages.len());
    let mut world = World::prepare(4, 3)?;
    world.vendor.namespace = NAMESPACE.into();
    world.start_log().await?;
    let authority = world.vendor.authority();
    world.submit(&authority).await?;

    let start = Instant::now();
    let records = records(&world.vendor, &codename, &packages)?;
    let count: usize = records.iter().map(Vec::len).sum();
    let raw: usize = records.iter().flatten().map(|signed| signed.envelope.len()).sum();
    told("signed", count, start.elapsed());
    let start = Instant::now();
    for kind in records {
        submit(&world, kind).await?;
    }
    // The last one is under a checkpoint that a quorum cosigned, and with it all.
    world.submit(&authority).await?;
    told("admitted", count, start.elapsed());

    let start = Instant::now();
    look_up(&world, &packages).await?;
    told("looked up by digest", LOOKED_UP, start.elapsed());
    audit(&world, &["--hashes-only"], count)?;
    audit(&world, &[], count)?;
    interrupted(&world, count)?;
    world.log.take().context("the log")?.stop()?;
    let stored = bytes_in(&world.log_dir().join("db"))?;
    println!("raw entries {raw} bytes, stored with all rows {stored} bytes: {:.2}", stored as f64 / raw as f64);
    Ok(())
}

fn told(what: &str, count: usize, took: Duration) {
    let seconds = took.as_secs_f64();
    println!("{what:24} {count:8} in {seconds:7.1} s: {:8.0}/s", count as f64 / seconds);
}

fn command(name: &str, arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(name).args(arguments).output().with_context(|| format!("{name}; this needs apt"))?;
    ensure!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// The main suite's codename and its index of packages.
fn index() -> anyhow::Result<(String, String)> {
    let targets = command("apt-get", &["indextargets", "--format", "$(CODENAME) $(FILENAME)", "Created-By: Packages"])?;
    let mut targets = targets.lines().filter_map(|line| line.split_once(' '));
    // Updates of a suite have names with a dash.
    let Some((codename, file)) = targets.find(|(codename, file)| !codename.contains('-') && Path::new(file).exists())
    else {
        bail!("apt has no index of packages; run apt-get update");
    };
    Ok((codename.into(), command("/usr/lib/apt/apt-helper", &["cat-file", file])?))
}

/// The packages of an index; of several of one name the first.
fn packages(index: &str) -> anyhow::Result<Vec<Package>> {
    let mut packages = BTreeMap::new();
    for stanza in index.split("\n\n").filter(|stanza| !stanza.trim().is_empty()) {
        let fields: BTreeMap<&str, &str> = stanza.lines().filter_map(|line| line.split_once(": ")).collect();
        let field = |name: &str| fields.get(name).copied().with_context(|| format!("no {name} in {stanza}"));
        let (name, version) = (field("Package")?, field("Version")?);
        // `Source: name (version)`, where they differ from the package's own.
        let source = fields.get("Source").copied().unwrap_or(name);
        let (source, source_version) = match source.split_once(" (") {
            Some((source, version)) => (source, version.trim_end_matches(')')),
            None => (source, version),
        };
        let package = Package {
            product: Product::parse(&format!("{NAMESPACE}{}", segment(name)))?,
            version: version.into(),
            architecture: field("Architecture")?.into(),
            source: (source.into(), source_version.into()),
            file: field("Filename")?.rsplit('/').next().unwrap_or_default().into(),
            sha256: Digest::parse(field("SHA256")?).with_context(|| format!("the digest of {name}"))?,
        };
        packages.entry(name.to_string()).or_insert(package);
    }
    Ok(packages.into_values().collect())
}

/// A name as a package-url has it.
fn segment(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_~:".contains(&byte);
    name.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// Sources, builds and updates, each kind after those that it names.
fn records(vendor: &Vendor, codename: &str, packages: &[Package]) -> anyhow::Result<[Vec<Signed>; 3]> {
    let [mut sources, mut builds, mut updates] = [Vec::new(), Vec::new(), Vec::new()];
    let mut by_source: BTreeMap<&(String, String), Vec<&Package>> = BTreeMap::new();
    packages.iter().for_each(|package| by_source.entry(&package.source).or_default().push(package));
    for ((name, version), packages) in by_source {
        // A source lists 64 products at most; a larger one is deposited in parts.
        for (part, packages) in packages.chunks(MAX_PRODUCTS).enumerate() {
            let archive = format!("{name}_{version}.tar.{part}");
            let sha256 = Digest::of(archive.as_bytes());
            sources.push(sign(&source(vendor, version, &archive, sha256, packages), vendor.key(RoleName::Source)));
            for package in packages {
                let build = sign(&build(package, sha256), vendor.key(RoleName::Build));
                updates.push(sign(&update(vendor, codename, package, build.id), vendor.key(RoleName::Update)));
                builds.push(build);
            }
        }
    }
    Ok([sources, builds, updates])
}

fn source(vendor: &Vendor, version: &str, archive: &str, sha256: Digest, packages: &[&Package]) -> Statement {
    let products = packages.iter().map(|package| package.product.clone()).collect();
    let source = Source { log: vendor.origin.clone(), products, version: version.into(), held_at: Vec::new() };
    let subjects = vec![Subject { name: archive.into(), sha256, digests: Vec::new() }];
    Statement { subjects, predicate: Predicate::Source(source) }
}

fn file(package: &Package) -> Vec<Subject> {
    vec![Subject { name: package.file.clone(), sha256: package.sha256, digests: Vec::new() }]
}

fn build(package: &Package, source: Digest) -> Statement {
    let dependencies = vec![Dependency { uri: None, sha256: Some(source), git_commit: None }];
    let (build_type, builder) = ("https://debian.example/sbuild".into(), "https://debian.example/buildd".into());
    Statement { subjects: file(package), predicate: Predicate::Build(Build { build_type, builder, dependencies }) }
}

fn update(vendor: &Vendor, codename: &str, package: &Package, build: Digest) -> Statement {
    let update = Update {
        log: vendor.origin.clone(),
        product: package.product.clone(),
        version: package.version.clone(),
        channel: codename.into(),
        target: package.architecture.clone(),
        sequence: 1,
        builds: vec![build],
    };
    Statement { subjects: file(package), predicate: Predicate::Update(update) }
}

/// Submits records that name none of each other; each must be admitted, now.
async fn submit(world: &World, records: Vec<Signed>) -> anyhow::Result<()> {
    let (client, url) = (Client::with_deadline_ms(120_000), world.url(&format!("{}?wait=integrated", api::RECORDS)));
    let url: Arc<str> = url.into();
    let mut flying = VecDeque::new();
    for record in records {
        if flying.len() == CONNECTIONS {
            let first: tokio::task::JoinHandle<anyhow::Result<()>> = flying.pop_front().context("a submission")?;
            first.await??;
        }
        let (client, url) = (client.clone(), Arc::clone(&url));
        flying.push_back(tokio::spawn(async move {
            let reply = client.post(&url, "application/json", record.envelope.into(), 1 << 20).await?;
            let said = String::from_utf8_lossy(&reply.body);
            ensure!(matches!(reply.status, 201 | 202), "the log answered {}: {said}", reply.status);
            ensure!(Submitted::parse(&reply.body)?.id == record.id, "it took another record: {said}");
            Ok(())
        }));
    }
    for last in flying {
        last.await??;
    }
    Ok(())
}

/// Looks up packages by their digests, spread over all of them.
async fn look_up(world: &World, packages: &[Package]) -> anyhow::Result<()> {
    // The same in every run: a full-period generator, for the number of packages is what it is.
    let mut seed = 1_u64;
    for _ in 0..LOOKED_UP {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let at = usize::try_from(seed >> 33)? % packages.len();
        let Package { product, sha256, .. } = &packages[at];
        let reply = world.get(&api::bundle_path(sha256, Some(product.as_str()), None, None)).await?;
        ensure!(reply.status == 200, "{product}: {}", String::from_utf8_lossy(&reply.body));
        let bundle = Bundle::parse(&reply.body)?;
        let carries = bundle.records.iter().any(|proved| {
            Record::parse_entry(&proved.entry).is_ok_and(|record| match &record.statement.predicate {
                Predicate::Update(update) => {
                    update.product == *product && record.statement.subjects.iter().any(|one| one.sha256 == *sha256)
                }
                _ => false,
            })
        });
        ensure!(carries, "the bundle of {product} is of another update");
    }
    Ok(())
}

/// Runs an audit that must pass; what it says.
fn audit(world: &World, more: &[&str], records: usize) -> anyhow::Result<Value> {
    let start = Instant::now();
    let output = command_of(world, more)?.output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "the audit: {said}{}", String::from_utf8_lossy(&output.stderr));
    let said: Value = serde_json::from_str(&said)?;
    let size = said["size"].as_u64().context("size")?;
    ensure!(size > records as u64, "it saw {size} entries of more than {records}");
    let done = size - said["resumed"].as_u64().context("resumed")?;
    let what = if more.contains(&"--hashes-only") { "audited, hashes only" } else { "audited" };
    told(what, usize::try_from(done)?, start.elapsed());
    Ok(said)
}

fn command_of(world: &World, more: &[&str]) -> anyhow::Result<Command> {
    let policy = world.dir.path().join("policy");
    std::fs::write(&policy, world.policy_text(3))?;
    let mut command = Command::new(program("glarus")?);
    command.args(["audit", &world.url(""), "--policy", text(&policy), "--json"]).args(more);
    Ok(command)
}

/// Kills an audit on its way, and goes on where it stood.
fn interrupted(world: &World, records: usize) -> anyhow::Result<()> {
    let scratch = world.dir.path().join("scratch");
    let more = ["--scratch", text(&scratch), "--resume"];
    let mut child = command_of(world, &more)?.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    // A file that is there may not be the database's yet, the one before it is.
    while commits(&scratch.join("audit.db"))? < 2 {
        ensure!(child.try_wait()?.is_none(), "the audit ended before it was killed");
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill()?;
    child.wait()?;
    let said = audit(world, &more, records)?;
    ensure!(said["resumed"].as_u64() > Some(0), "nothing was left of the audit that was killed");
    println!("an audit was killed, and went on from entry {}", said["resumed"]);
    Ok(())
}

/// What an audit has kept so far: a commit is a sorted file, under another name until it is the database's.
fn commits(folder: &Path) -> anyhow::Result<usize> {
    let Ok(files) = std::fs::read_dir(folder) else { return Ok(0) };
    let names = files.map(|file| Ok(file?.file_name())).collect::<anyhow::Result<Vec<_>>>()?;
    let sorted = names.iter().filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "sst"));
    Ok(sorted.filter(|name| *name != "next.sst").count())
}

fn bytes_in(folder: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        bytes += entry?.metadata()?.len();
    }
    Ok(bytes)
}
