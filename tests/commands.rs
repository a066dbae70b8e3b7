//! The record commands as people type them, against a log that runs: a party rebuilds and reviews, a vendor tells of an access and
//! withdraws, and the bundle of the file says all of it to a customer.

use anyhow::{Context as _, ensure};
use glarus::keys::{self, SecretKey};
use glarus_tests::process::program;
use glarus_tests::world::World;
use serde_json::Value;
use spec::record::Record;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

const SHIELD: &str = "pkg:generic/acme/shield";
const LAB: &str = "https://lab.example.ch";

/// A folder in which commands are typed.
struct Desk {
    dir: TempDir,
    world: World,
}

impl Desk {
    /// A log whose root is the key `root`, one of whose namespaces is the vendor's and one a party's; a file and its source.
    async fn new() -> anyhow::Result<Self> {
        let mut world = World::prepare(4, 3)?;
        world.start_log().await?;
        let desk = Self { dir: TempDir::new()?, world };
        for (name, seed) in [("root", 1), ("acme", 2), ("lab", 3)] {
            keys::write_pair(&desk.path(name), &SecretKey::from_seed([seed; 32]))?;
        }
        std::fs::write(desk.path("policy"), desk.world.policy_text(3))?;
        desk.write("shield.tar", "the source")?;
        desk.write("shield.pkg", "the program")?;
        let roles = "authority,source,build,update,withdraw,access=1:acme.pub";
        desk.done(&format!(
            "authority propose --namespace pkg:generic/acme/ --role {roles} --key root --submit --out acme.json"
        ))?;
        desk.done(&format!(
            "authority propose --namespace {LAB} --role authority,rebuild,review=1:lab.pub --key root --submit --out lab.json"
        ))?;
        Ok(desk)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, content: &str) -> anyhow::Result<()> {
        Ok(std::fs::write(self.path(name), content)?)
    }

    /// Runs a command; what it printed, and its exit code.
    fn run(&self, line: &str) -> anyhow::Result<(String, String, Option<i32>)> {
        let mut command = Command::new(program("glarus")?);
        command.args(line.split_whitespace()).current_dir(self.dir.path());
        command.env("GLARUS_LOG_URL", self.world.url("")).env("GLARUS_ORIGIN", &self.world.vendor.origin);
        let output = command.output()?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok((text(output.stdout), text(output.stderr), output.status.code()))
    }

    /// Runs a command that must succeed; what it says in JSON.
    fn done(&self, line: &str) -> anyhow::Result<Value> {
        let (out, err, code) = self.run(&format!("{line} --json"))?;
        ensure!(code == Some(0), "{line}: {code:?}: {out}{err}");
        Ok(serde_json::from_str(&out)?)
    }

    /// Runs a command that must end with `code` and say `says`.
    fn refused(&self, line: &str, code: i32, says: &str) -> anyhow::Result<()> {
        let (out, err, have) = self.run(line)?;
        ensure!(have == Some(code) && (out.contains(says) || err.contains(says)), "{line}: {have:?}: {out}{err}");
        Ok(())
    }

    /// Writes the trust of a customer who wants one rebuild, and one party that holds the source.
    fn trust(&self) -> anyhow::Result<()> {
        self.done(&format!("trust --product {SHIELD} --channel stable --policy policy --authority acme.json"))?;
        let lab = self.done("authority show lab.json")?;
        let lab = lab["id"].as_str().context("an id")?;
        let path = self.path("trust.toml");
        let party = format!("parties = [{{ name = \"{LAB}\", authority = \"{lab}\" }}]\nrebuilds = 1\nheld = 1\n");
        Ok(std::fs::write(&path, std::fs::read_to_string(&path)? + &party)?)
    }

    /// Releases the file; the ids of its source and its build.
    fn release(&self) -> anyhow::Result<[String; 2]> {
        let released = self.done(&format!(
            "release --product {SHIELD} --version 1.0 --channel stable --source shield.tar --builder https://ci.acme.example \
             --build-type https://acme.example/make@v1 --key acme shield.pkg"
        ))?;
        let id = |at: usize| released["records"][at]["id"].as_str().map(String::from).context("an id");
        Ok([id(0)?, id(1)?])
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parties_speak_and_the_vendor_withdraws() -> anyhow::Result<()> {
    let desk = Desk::new().await?;
    tokio::task::block_in_place(|| {
        let [source, build] = desk.release()?;
        desk.trust()?;
        rebuilt(&desk, &build)?;
        held(&desk, &source)?;
        access(&desk)?;
        withdrawn(&desk)?;
        let url = desk.world.url("");
        let audited = desk.done(&format!("audit {url} --policy policy"))?;
        // Genesis, two namespaces, source, build and update, rebuild, two reviews, access, withdrawal.
        ensure!(audited["judged"] == 11, "{audited}");
        Ok(())
    })
}

/// One rebuild is needed, and one is said after something else came out.
fn rebuilt(desk: &Desk, build: &str) -> anyhow::Result<()> {
    desk.refused("verify shield.pkg --trust trust.toml", 1, "REFUSED not-held")?;
    desk.write("other.pkg", "another program")?;
    let rebuild = format!("rebuild --build {build} --party {LAB} --key lab");
    desk.refused(&format!("{rebuild} other.pkg"), 1, "to say so, add --failed; nothing was signed")?;
    desk.refused(&format!("{rebuild} --failed shield.pkg"), 1, "that is PASSED, leave out --failed")?;
    desk.refused(&rebuild.replace("--key lab", "--key acme --record a.json shield.pkg"), 1, "threshold-not-met")?;
    let said = desk.done(&format!("{rebuild} shield.pkg"))?;
    ensure!(said["outcome"] == "PASSED" && said["known"] == false, "{said}");
    let again = desk.done(&format!("{rebuild} shield.pkg"))?;
    ensure!(again["known"] == true && again["index"] == said["index"], "{again}");
    Ok(())
}

/// Who confirms to hold a source has its archives; a file whose source is held and whose build was repeated is installed.
fn held(desk: &Desk, source: &str) -> anyhow::Result<()> {
    let review = format!("review --of {source} --outcome confirmed --party {LAB} --centre Glarus --key lab");
    desk.refused(&format!("{review} --what held --record held.json"), 2, "name all its archives")?;
    desk.refused(&format!("{review} --what held shield.pkg"), 2, "is none of the record's files")?;
    desk.done(&format!("{review} --what held shield.tar"))?;
    desk.done(&format!("{review} --what examined shield.tar"))?;
    desk.refused("verify shield.pkg --trust trust.toml", 1, "REFUSED not-held")?;
    desk.done("bundle --refresh shield.pkg")?;
    let (out, err, code) = desk.run("verify shield.pkg --trust trust.toml")?;
    let lines = [format!("held       by {LAB}"), format!("rebuilt    PASSED by {LAB}")];
    ensure!(code == Some(0) && lines.iter().all(|line| out.contains(line)), "{out}{err}");
    Ok(())
}

/// The record of an access says what nobody else can read.
fn access(desk: &Desk) -> anyhow::Result<()> {
    desk.write("case.txt", "who: somebody in particular")?;
    let access = "access --namespace pkg:generic/acme/ --store telemetry-eu --purpose case-4711 --from 2026-11-21";
    desk.refused(&format!("{access} --until 2026-11-20 --key acme case.txt"), 2, "is before from")?;
    desk.done(&format!("{access} --until 2026-11-28 --key acme case.txt"))?;
    let record = Record::parse_entry(&std::fs::read(desk.path("case.txt.access.json"))?)?;
    let says = String::from_utf8(record.payload)?;
    ensure!(says.contains("case-4711") && !says.contains("somebody"), "{says}");
    Ok(())
}

/// A withdrawal is meant, may be sent twice, and is said to whoever has a bundle from after it.
fn withdrawn(desk: &Desk) -> anyhow::Result<()> {
    let withdraw = format!("withdraw --product {SHIELD} --reason CVE-2026-1234 --severity critical --key acme");
    desk.refused(&format!("{withdraw} shield.pkg"), 2, "nothing was signed or sent yet: --yes does it")?;
    desk.refused(&format!("{withdraw} --yes shield.tar"), 2, "no update of")?;
    ensure!(!desk.path("shield.pkg.withdrawal.json").exists(), "nothing was signed");
    let said = desk.done(&format!("{withdraw} --yes shield.pkg"))?;
    ensure!(said["known"] == false, "{said}");
    desk.refused(&format!("{withdraw} shield.pkg"), 2, "is there from before, and was not sent now: --yes sends it")?;
    let again = desk.done(&format!("{withdraw} --yes shield.pkg"))?;
    ensure!(again["known"] == true && again["index"] == said["index"], "{again}");
    let other = withdraw.replace("critical", "low");
    desk.refused(&format!("{other} --yes shield.pkg"), 2, "says something else")?;
    desk.refused(&format!("{other} --yes --record other.json shield.pkg"), 2, "is withdrawn already")?;
    desk.done("bundle --refresh shield.pkg")?;
    desk.refused("verify shield.pkg --trust trust.toml", 1, "REFUSED withdrawn")?;
    Ok(())
}
