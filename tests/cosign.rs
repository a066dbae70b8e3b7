//! Provenance that cosign signed, from `glarus build --envelope` to an installed file: real programs, a log that runs, its
//! witnesses, and cosign's public key as the namespace's key for builds.
//!
//! What cosign made once stands in `spec/vectors/cosign`; where there is a cosign, it signs anew.

use anyhow::{Context as _, ensure};
use glarus::keys::{self, SecretKey};
use glarus_tests::process::program;
use glarus_tests::vectors;
use glarus_tests::world::{World, text};
use serde_json::Value;
use spec::api;
use spec::authority::PublicKey;
use spec::record::Record;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const PRODUCT: &str = "pkg:generic/acme/shield";
const SOURCE: &str = "shield-7.2.0.tar";
const ARTIFACT: &str = "shield-7.2.0.pkg";

/// A vendor whose builds cosign signs, its log, and a customer; all in the world's folder.
struct Stage {
    world: World,
    authority: String,
}

impl Stage {
    /// Starts a log and logs the vendor's namespace and its source. `from` has source, artifact and `cosign.pub`.
    async fn start(from: &Path) -> anyhow::Result<Self> {
        let mut world = World::prepare(4, 3)?;
        world.start_log().await?;
        let mut stage = Self { world, authority: String::new() };
        for name in [SOURCE, ARTIFACT, "cosign.pub"] {
            std::fs::copy(from.join(name), stage.path(name))?;
        }
        // The root is the world's; the genesis record that it signed stands in the world's folder.
        keys::write_pair(&stage.path("root"), &SecretKey::from_seed([1; 32]))?;
        keys::write_pair(&stage.path("acme"), &SecretKey::from_seed([2; 32]))?;
        let roles =
            "--role authority=1:acme.pub --role source=1:acme.pub --role build=1:cosign.pub --role update=1:acme.pub";
        stage.glarus(&format!("authority propose --namespace pkg:generic/acme/ {roles} --out acme.json"))?;
        stage.glarus("authority sign acme.json --key root --by genesis.json")?;
        let authority = stage.glarus("authority submit acme.json --json")?;
        stage.authority = authority["id"].as_str().context("an id")?.into();
        stage.glarus(&format!("source {SOURCE} --product {PRODUCT} --version 7.2.0 --key acme --json"))?;
        Ok(stage)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.world.dir.path().join(name)
    }

    /// Runs the client, with words that have no spaces; it must exit 0. What it says is read as JSON where it is.
    fn glarus(&self, line: &str) -> anyhow::Result<Value> {
        let mut command = Command::new(program("glarus")?);
        command.args(line.split(' ')).current_dir(self.world.dir.path()).stdin(Stdio::null());
        command.env("GLARUS_ORIGIN", &self.world.vendor.origin).env("GLARUS_LOG_URL", self.world.url(""));
        let output = command.output()?;
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "glarus {line}: {}\n{out}{err}", output.status);
        Ok(if line.ends_with(" --json") { serde_json::from_slice(&output.stdout)? } else { Value::Null })
    }

    /// Logs what cosign signed as a build, and an update of it; the bundle is then beside a copy of the artifact in the
    /// folder `name`. Returns the entry of the build.
    async fn releases(&self, name: &str, sequence: u64, provenance: &Path) -> anyhow::Result<Vec<u8>> {
        std::fs::create_dir(self.path(name))?;
        let artifact = format!("{name}/{ARTIFACT}");
        std::fs::copy(self.path(ARTIFACT), self.path(&artifact))?;
        let build = self.glarus(&format!("build --envelope {} {artifact} --json", text(provenance)))?;
        ensure!(build["known"] == false, "{build}");
        let update =
            format!("--product {PRODUCT} --version 7.2.{sequence} --channel stable --sequence {sequence} --key acme");
        self.glarus(&format!("update {update} --build {artifact}.build.json {artifact} --json"))?;
        let reply = self.world.get(&format!("{}/{}", api::RECORDS, build["index"])).await?;
        ensure!(reply.status == 200, "{}", reply.status);
        Ok(reply.body.into())
    }

    /// A customer fetches the newest bundle; then log and witnesses stop, and the file is verified and installed.
    fn installs(mut self, names: &[&str]) -> anyhow::Result<()> {
        let origin = &self.world.vendor.origin;
        std::fs::write(self.path("policy"), self.world.policy_text(3))?;
        let trust = format!(
            "[[product]]\npurl = \"{PRODUCT}\"\norigin = \"{origin}\"\npolicy = \"policy\"\nauthority = \"{}\"\nchannel = \
             \"stable\"\nlatest = \"warn\"\n",
            self.authority
        );
        std::fs::write(self.path("trust.toml"), trust)?;
        for name in names {
            self.glarus(&format!("bundle --refresh {name}/{ARTIFACT}"))?;
        }
        self.world.log.take().context("the log")?.stop()?;
        for witness in &mut self.world.witnesses {
            witness.server.take().context("a witness")?.stop()?;
        }
        for name in names {
            let said = self.glarus(&format!("verify {name}/{ARTIFACT} --trust trust.toml --json"))?;
            ensure!(said["builds"].as_array().is_some_and(|builds| builds.len() == 1), "{said}");
            std::fs::create_dir(self.path(&format!("{name}/installed")))?;
            self.glarus(&format!("install {name}/{ARTIFACT} --to {name}/installed --trust trust.toml"))?;
            let installed = std::fs::read(self.path(&format!("{name}/installed/{ARTIFACT}")))?;
            ensure!(installed == std::fs::read(self.path(ARTIFACT))?, "{name}: another file is installed");
        }
        Ok(())
    }
}

/// What cosign submitted, and how it stands in the log: the same payload, signed by the key in its canonical form. Tells
/// whether cosign's signature had that form already.
fn compare(submitted: &[u8], entry: &[u8], key: &PublicKey) -> anyhow::Result<bool> {
    let (submitted, logged) = (Record::parse_submission(submitted)?, Record::parse_entry(entry)?);
    ensure!(submitted.payload == logged.payload, "another payload");
    let ([theirs], [ours]) = (submitted.signatures.as_slice(), logged.signatures.as_slice()) else {
        anyhow::bail!("{} signatures, {}", submitted.signatures.len(), logged.signatures.len())
    };
    ensure!(theirs.keyid.is_none() && ours.keyid == Some(key.keyid()), "{:?}, {:?}", theirs.keyid, ours.keyid);
    ensure!(key.canonical(&theirs.sig).as_deref() == Some(&ours.sig), "another signature");
    Ok(theirs.sig == ours.sig)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cosign_signed_once_is_installed() -> anyhow::Result<()> {
    let from = vectors::folder("cosign");
    let key = keys::read_public(&from.join("cosign.pub"))?;
    let stage = Stage::start(&from).await?;
    let names = ["provenance-v1", "provenance-v0.2", "provenance-v1.sigstore"];
    let mut low = Vec::new();
    for (name, sequence) in names.into_iter().zip(1..) {
        let provenance = from.join(format!("{name}.json"));
        let entry = stage.releases(name, sequence, &provenance).await.with_context(|| name)?;
        low.push(compare(&std::fs::read(provenance)?, &entry, &key).with_context(|| name)?);
    }
    assert_eq!(low[..2], [false, true], "one of high s, one of low s");
    stage.installs(&names)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cosign_signs_now_is_installed() -> anyhow::Result<()> {
    let Some(cosign) = Cosign::find() else {
        println!(
            "skipped: there is no cosign in $COSIGN, on the PATH or where Go installs programs; \
             go install github.com/sigstore/cosign/v2/cmd/cosign@v2.5.0 puts it there"
        );
        return Ok(());
    };
    println!("with {}", cosign.program.display());
    let dir = cosign.dir.path();
    for name in [SOURCE, ARTIFACT, "predicate-v1.json", "predicate-v0.2.json"] {
        std::fs::copy(vectors::folder("cosign").join(name), dir.join(name))?;
    }
    cosign.run("generate-key-pair")?;
    let attest = "attest-blob --key cosign.key --tlog-upload=false --yes --type";
    cosign.run(&format!(
        "{attest} slsaprovenance1 --predicate predicate-v1.json --output-signature v1.json {ARTIFACT}"
    ))?;
    cosign.run(&format!(
        "{attest} slsaprovenance --predicate predicate-v0.2.json --output-signature v0.2.json {ARTIFACT}"
    ))?;
    let key = keys::read_public(&dir.join("cosign.pub"))?;
    let stage = Stage::start(dir).await?;
    for (name, kind, sequence) in [("v1", "slsaprovenance1", 1), ("v0.2", "slsaprovenance", 2)] {
        let provenance = dir.join(format!("{name}.json"));
        let entry = stage.releases(name, sequence, &provenance).await.with_context(|| name)?;
        compare(&std::fs::read(provenance)?, &entry, &key).with_context(|| name)?;
        // And what the log keeps is what cosign reads.
        std::fs::write(dir.join("entry.json"), &entry)?;
        cosign.run(&format!(
            "verify-blob-attestation --key cosign.pub --insecure-ignore-tlog=true --type {kind} --signature entry.json {ARTIFACT}"
        ))?;
    }
    stage.installs(&["v1", "v0.2"])
}

/// The program, and a folder to run it in.
struct Cosign {
    program: PathBuf,
    dir: tempfile::TempDir,
}

impl Cosign {
    /// `$COSIGN`, the one on the PATH, or the one that `go install` made.
    fn find() -> Option<Self> {
        let on_path = std::env::var_os("PATH");
        let on_path = on_path.iter().flat_map(std::env::split_paths).map(|dir| dir.join("cosign"));
        let go = Command::new("go")
            .args(["env", "GOPATH"])
            .output()
            .ok()
            .and_then(|said| String::from_utf8(said.stdout).ok());
        let of_go = go.map(|path| Path::new(path.trim()).join("bin/cosign"));
        let given = std::env::var_os("COSIGN").map(PathBuf::from);
        let program = given.into_iter().chain(on_path).chain(of_go).find(|path| path.is_file())?;
        Some(Self { program, dir: tempfile::tempdir().ok()? })
    }

    /// Runs it, with words that have no spaces; it must exit 0. It asks nobody, and needs no network.
    fn run(&self, line: &str) -> anyhow::Result<()> {
        let mut command = Command::new(&self.program);
        command.args(line.split(' ')).current_dir(self.dir.path()).env("COSIGN_PASSWORD", "").stdin(Stdio::null());
        let output = command.output().with_context(|| format!("{}", self.program.display()))?;
        ensure!(output.status.success(), "cosign {line}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }
}
