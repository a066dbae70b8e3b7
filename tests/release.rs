//! Release day against a real log and its witnesses: interrupted at every request that it makes, and by everything else.

use anyhow::{Context as _, ensure};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use glarus::keys::{self, SecretKey};
use glarus_shell::http::{Client, Limits};
use glarus_shell::shutdown::Shutdown;
use glarus_tests::process::program;
use glarus_tests::world::{World, text};
use rustix::process::{Pid, Signal, kill_process};
use spec::api::{self, Updates};
use spec::bundle::Bundle;
use spec::record::{Digest, Record};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};

/// The most bytes of an answer.
const MAX_BYTES: usize = 64 << 20;
/// The largest a client that hashes a large file may get; it has a third of this without any file.
const MAX_CLIENT_KIB: u64 = 64 << 10;
/// A file larger than that by far.
const LARGE_BYTES: u64 = 1 << 29;

/// Where the proxy stops.
#[derive(Clone)]
enum At {
    /// At this request, from 0: before the log has it, or before the client has the answer.
    Number { number: usize, after: bool },
    /// At the first whose path begins so, before the log has it.
    Path(&'static str),
}

/// What stands between the client and the log, and can stop.
struct Proxy {
    url: String,
    shared: Arc<Shared>,
    stopped: mpsc::UnboundedReceiver<()>,
}

struct Shared {
    client: Client,
    /// The log.
    target: Mutex<String>,
    /// Where it stops next, once, and how many requests there were.
    at: Mutex<(Option<At>, usize)>,
    tell: mpsc::UnboundedSender<()>,
    go_on: Notify,
}

impl Proxy {
    async fn start(world: &World) -> anyhow::Result<Self> {
        let (tell, stopped) = mpsc::unbounded_channel();
        let (target, at) = (Mutex::new(world.url("")), Mutex::new((None, 0)));
        let shared = Arc::new(Shared { client: Client::new(), target, at, tell, go_on: Notify::new() });
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let router = Router::new().fallback(pass_on).with_state(Arc::clone(&shared));
        tokio::spawn(async {
            let (_never, shutdown) = Shutdown::new();
            glarus_shell::http::serve(listener, router, Limits::default(), shutdown).await;
        });
        Ok(Self { url, shared, stopped })
    }

    fn stop_at(&self, at: Option<At>) {
        *self.shared.at.lock().unwrap() = (at, 0);
    }

    fn lead_to(&self, world: &World) {
        *self.shared.target.lock().unwrap() = world.url("");
    }
}

async fn pass_on(State(shared): State<Arc<Shared>>, method: Method, uri: Uri, body: Bytes) -> Response {
    let (before, after) = shared.stops(&uri);
    if before {
        shared.stop().await;
    }
    let url = format!("{}{uri}", shared.target.lock().unwrap());
    let reply = match method {
        Method::GET => shared.client.get(&url, MAX_BYTES).await,
        _ => shared.client.post(&url, api::JSON, body, MAX_BYTES).await,
    };
    if after {
        shared.stop().await;
    }
    let Ok(reply) = reply else { return StatusCode::BAD_GATEWAY.into_response() };
    let mut response = (StatusCode::from_u16(reply.status).unwrap(), reply.body).into_response();
    for (name, value) in [(header::CONTENT_TYPE, reply.content_type), (header::LOCATION, reply.location)] {
        if let Some(value) = value {
            response.headers_mut().insert(name, value.parse().unwrap());
        }
    }
    response
}

impl Shared {
    /// Whether it stops before this request, or after it.
    fn stops(&self, uri: &Uri) -> (bool, bool) {
        let (at, seen) = &mut *self.at.lock().unwrap();
        let (is_it, is_after) = match at {
            Some(At::Number { number, after }) => (*number == *seen, *after),
            Some(At::Path(path)) => (uri.path().starts_with(*path), false),
            None => (false, false),
        };
        *seen += 1;
        if is_it {
            *at = None;
        }
        (is_it && !is_after, is_it && is_after)
    }

    async fn stop(&self) {
        self.tell.send(()).unwrap();
        self.go_on.notified().await;
    }
}

/// A vendor's folder.
struct Stage {
    dir: TempDir,
    url: String,
    origin: String,
}

impl Stage {
    /// With keys, policy, authority and trust; trusted are three of four witnesses.
    fn new(world: &World, url: &str, needed: usize) -> anyhow::Result<Self> {
        let stage = Self { dir: TempDir::new()?, url: url.into(), origin: world.vendor.origin.clone() };
        // As the vendor's keys are made; the first is that of its authority.
        for seed in 11..=13 {
            keys::write_pair(&stage.path(&format!("keys-{seed}")), &SecretKey::from_seed([seed; 32]))?;
        }
        std::fs::write(stage.path("policy"), world.policy_text(needed))?;
        std::fs::write(stage.path("acme.json"), world.vendor.authority().envelope)?;
        Ok(stage)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A product with three files of its own to release; returns the arguments that release it.
    fn product(&self, name: &str) -> anyhow::Result<String> {
        std::fs::create_dir(self.path(name))?;
        for file in ["a", "b", "c"] {
            std::fs::write(self.path(name).join(format!("{name}-{file}.pkg")), format!("{name} {file}"))?;
        }
        std::fs::write(self.path(&format!("{name}.tar")), format!("source of {name}"))?;
        let purl = format!("pkg:generic/acme/{name}");
        let trust =
            format!("trust --product {purl} --channel stable --policy policy --authority acme.json --out {name}.toml");
        ensure!(self.spawn(&trust)?.wait_with_output()?.status.success(), "{trust}");
        Ok(format!(
            "release --product {purl} --version 1.0 --channel stable --source {name}.tar --builder https://ci.acme.example \
             --build-type https://acme.example/make@v1 --key keys-11 --key keys-12 --key keys-13 --trust {name}.toml {name}"
        ))
    }

    fn spawn(&self, line: &str) -> anyhow::Result<std::process::Child> {
        let mut command = Command::new(program("glarus")?);
        command.args(line.split_whitespace()).current_dir(self.dir.path());
        command.env("GLARUS_LOG_URL", &self.url).env("GLARUS_ORIGIN", &self.origin);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(command.spawn()?)
    }

    /// Runs it to its end.
    async fn run(&self, line: &str) -> anyhow::Result<Output> {
        let child = self.spawn(line)?;
        Ok(tokio::task::spawn_blocking(|| child.wait_with_output()).await??)
    }

    #[track_caller]
    fn expect(&self, output: &Output, code: i32, says: &str) {
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(
            output.status.code() == Some(code) && (out.contains(says) || err.contains(says)),
            "{}: {out}{err}",
            output.status
        );
    }

    /// Runs it until the proxy stops, then does `then` with its process id; how it ended.
    async fn run_until_stopped(
        &self,
        line: &str,
        proxy: &mut Proxy,
        then: impl AsyncFnOnce(Pid) -> anyhow::Result<()>,
    ) -> anyhow::Result<(bool, Output)> {
        let child = self.spawn(line)?;
        let pid = Pid::from_raw(i32::try_from(child.id())?).context("a process id")?;
        let mut waiting = tokio::task::spawn_blocking(|| child.wait_with_output());
        tokio::select! {
            output = &mut waiting => Ok((false, output??)),
            // The client waits for an answer now, so the process is still there.
            Some(()) = proxy.stopped.recv() => {
                then(pid).await?;
                Ok((true, waiting.await??))
            }
        }
    }

    /// Runs it until the proxy stops, and kills it there; whether that was before it ended.
    async fn killed(&self, line: &str, proxy: &mut Proxy) -> anyhow::Result<(bool, Output)> {
        self.run_until_stopped(line, proxy, async |pid| Ok(kill_process(pid, Signal::KILL)?)).await
    }

    fn ticket(&self, name: &str) -> PathBuf {
        self.path(&format!("glarus-release-{name}-1.0-stable/ticket.json"))
    }

    /// Every file has its bundle, all of one update, the only one on the log; the journal has it once.
    async fn is_released(&self, world: &World, name: &str) -> anyhow::Result<()> {
        let mut ids = Vec::new();
        for file in ["a", "b", "c"] {
            let path = self.path(name).join(format!("{name}-{file}.pkg"));
            let asked = api::updates_path(&Digest::of(&std::fs::read(&path)?), &format!("pkg:generic/acme/{name}"));
            let updates = Updates::parse(&world.get(&asked).await?.body)?.0;
            let [update] = updates.as_slice() else { anyhow::bail!("{name}: {updates:?}") };
            ensure!((update.sequence, update.live) == (1, true), "{name}: {update:?}");
            let bundle = Bundle::parse(&std::fs::read(path.with_extension("pkg.glarus"))?)?;
            let records = bundle.records.iter().map(|one| Ok(Record::parse_entry(&one.entry)?));
            let records = records.collect::<anyhow::Result<Vec<_>>>()?;
            ensure!(records.len() == 3 && records.iter().any(|record| record.id == update.id), "{name}: {file}");
            ids.push(update.id.to_string());
        }
        ids.dedup();
        let journal = std::fs::read_to_string(self.path("releases.ndjson"))?;
        let lines = journal.lines().filter(|line| line.contains(&ids[0])).count();
        ensure!((ids.len(), lines) == (1, 1), "{name}: updates {ids:?}, {lines} lines of the journal");
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_every_request() -> anyhow::Result<()> {
    let world = World::start(4, 3).await?;
    let mut proxy = Proxy::start(&world).await?;
    let stage = Stage::new(&world, &proxy.url, 3)?;
    let (mut kills, mut resumed) = (0, 0);
    for after in [false, true] {
        for number in 0.. {
            let name = format!("shield-{number}-{}", u8::from(after));
            let release = stage.product(&name)?;
            proxy.stop_at(Some(At::Number { number, after }));
            let (killed, output) = stage.killed(&release, &mut proxy).await?;
            if !killed {
                stage.expect(&output, 0, "all of 3 may be installed");
                break;
            }
            kills += 1;
            let ticket = stage.ticket(&name);
            let kept = std::fs::read(&ticket).ok();
            // Both commands go on; without a ticket nothing was decided.
            let resume = format!("resume {}", text(&ticket));
            let line = if kept.is_some() && number % 2 == 0 { &resume } else { &release };
            resumed += u32::from(line == &resume);
            stage.expect(&stage.run(line).await?, 0, "all of 3 may be installed");
            ensure!(
                kept.is_none_or(|kept| std::fs::read(&ticket).is_ok_and(|now| now == kept)),
                "{name}: another ticket"
            );
            stage.is_released(&world, &name).await?;
            stage.expect(&stage.run(&resume).await?, 0, "was done before");
            stage.is_released(&world, &name).await?;
        }
    }
    ensure!(kills >= 20 && resumed >= 4, "{kills} kills, {resumed} of them resumed: fewer than a release has requests");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_goes_away() -> anyhow::Result<()> {
    let mut world = World::start(4, 3).await?;
    let mut proxy = Proxy::start(&world).await?;
    let stage = Stage::new(&world, &proxy.url, 3)?;
    for (name, path) in [("before", api::BATCH), ("between", "/api/v1/bundles/")] {
        let release = stage.product(name)?;
        proxy.stop_at(Some(At::Path(path)));
        let (log, shared) = (world.log.take().context("the log")?, Arc::clone(&proxy.shared));
        let stop = async |_: Pid| {
            ensure!(log.stop()?.success(), "the log did not stop");
            shared.go_on.notify_one();
            Ok(())
        };
        let (stopped, output) = stage.run_until_stopped(&release, &mut proxy, stop).await?;
        ensure!(stopped, "it did not ask for {path}");
        stage.expect(&output, 2, &format!("glarus resume glarus-release-{name}-1.0-stable goes on"));
        ensure!(!stage.path("releases.ndjson").exists() || name == "between", "noted before it was done");
        world.start_log().await?;
        proxy.lead_to(&world);
        stage.expect(
            &stage.run(&format!("resume {}", text(&stage.ticket(name)))).await?,
            0,
            "all of 3 may be installed",
        );
        stage.is_released(&world, name).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_quorum_in_time_and_a_lost_ticket() -> anyhow::Result<()> {
    let mut world = World::prepare(4, 3)?;
    world.set_wait_ms(50)?;
    world.start_log().await?;
    world.submit(&world.vendor.authority()).await?;
    let stage = Stage::new(&world, &world.url(""), 3)?;
    let release = stage.product("shield")?;
    let witnesses = || world.witnesses.iter().take(2).filter_map(|witness| witness.server.as_ref());
    witnesses().try_for_each(|witness| witness.signal(Signal::STOP))?;
    let folder = "glarus-release-shield-1.0-stable";
    stage.expect(&stage.run(&format!("{release} --wait-s 1")).await?, 2, &format!("glarus resume {folder} goes on"));
    witnesses().try_for_each(|witness| witness.signal(Signal::CONT))?;
    stage.expect(&stage.run(&format!("resume {folder}")).await?, 0, "all of 3 may be installed");
    stage.is_released(&world, "shield").await?;
    // On another machine, with nothing of it but the files: found on the log.
    std::fs::remove_dir_all(stage.path(folder))?;
    std::fs::remove_file(stage.path("releases.ndjson"))?;
    std::fs::remove_file(stage.path("shield/shield-b.pkg.glarus"))?;
    stage.expect(&stage.run(&release).await?, 0, "all of 3 may be installed");
    stage.is_released(&world, "shield").await
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_else_takes_the_sequence() -> anyhow::Result<()> {
    let world = World::start(1, 1).await?;
    let mut proxy = Proxy::start(&world).await?;
    let stage = Stage::new(&world, &proxy.url, 1)?;
    let release = stage.product("shield")?;
    proxy.stop_at(Some(At::Path(api::BATCH)));
    ensure!(stage.killed(&release, &mut proxy).await?.0, "it sent no batch");
    let vendor = &world.vendor;
    world.submit(&vendor.source("shield", b"archive")).await?;
    let build = vendor.build(b"archive", b"artifact");
    world.submit(&build).await?;
    world.submit(&vendor.update("shield", 1, &[build.id], b"artifact")).await?;
    let folder = "glarus-release-shield-1.0-stable";
    let resume = format!("resume {folder}");
    stage.expect(&stage.run(&resume).await?, 1, &format!("remove {folder} and release again, which takes the next"));
    ensure!(!stage.path("releases.ndjson").exists(), "noted, and not done");
    std::fs::remove_dir_all(stage.path(folder))?;
    let done = stage.run(&format!("{release} --json")).await?;
    let done: serde_json::Value = serde_json::from_slice(&done.stdout)?;
    // Source and build of the first try are on the log, and are found there.
    assert_eq!((&done["sequence"], done["records"].as_array().map(Vec::len)), (&2.into(), Some(1)));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_larger_than_the_memory_that_it_takes() -> anyhow::Result<()> {
    let world = World::start(1, 1).await?;
    let mut proxy = Proxy::start(&world).await?;
    let stage = Stage::new(&world, &proxy.url, 1)?;
    let release = stage.product("shield")?;
    std::fs::File::create(stage.path("shield/image.iso"))?.set_len(LARGE_BYTES)?;
    proxy.stop_at(Some(At::Path(api::BATCH)));
    let mut peak_kib = 0;
    let shared = Arc::clone(&proxy.shared);
    let look = async |pid: Pid| {
        peak_kib = peak(pid)?;
        shared.go_on.notify_one();
        Ok(())
    };
    let (stopped, output) = stage.run_until_stopped(&release, &mut proxy, look).await?;
    stage.expect(&output, 0, "all of 4 may be installed");
    ensure!(
        stopped && (1..MAX_CLIENT_KIB).contains(&peak_kib),
        "{peak_kib} KiB at the most, after hashing {LARGE_BYTES} bytes"
    );
    Ok(())
}

/// The most memory that a process ever had, in KiB.
fn peak(pid: Pid) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// Release day as the README has it, command by command, against a log that runs.
#[tokio::test(flavor = "multi_thread")]
async fn as_the_readme_has_it() -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the repository")?;
    let readme = std::fs::read_to_string(root.join("README.md"))?;
    let section = readme.split_once("\n## Release day\n").context("no section: Release day")?.1;
    let block = section.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).context("no block")?;
    let commands = block.lines().filter(|line| line.starts_with("glarus ")).count();
    ensure!((1..=5).contains(&commands), "{commands} commands");

    let mut world = World::prepare(4, 3)?;
    world.start_log().await?;
    let dir = TempDir::new()?;
    let at = |name: &str| dir.path().join(name);
    std::fs::create_dir_all(at("keys"))?;
    keys::write_pair(&at("keys/root"), &SecretKey::from_seed([1; 32]))?;
    keys::write_pair(&at("keys/acme"), &SecretKey::from_seed([2; 32]))?;
    std::fs::write(at("policy"), world.policy_text(3))?;
    let programs = program("glarus")?.parent().context("a folder")?.to_path_buf();
    let path = format!("{}:{}", text(&programs), std::env::var("PATH")?);
    let mut shell = Command::new("bash");
    shell.args(["-euc", block]).current_dir(dir.path()).env("PATH", path);
    shell.env("GLARUS_LOG_URL", world.url("")).env("GLARUS_ORIGIN", &world.vendor.origin);
    let output = tokio::task::spawn_blocking(move || shell.output()).await??;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success() && out.contains("may be installed\n  what "), "{}: {out}{err}", output.status);
    ensure!(at("dist/shield-1.0.pkg.glarus").is_file() && at("releases.ndjson").is_file(), "{out}{err}");
    Ok(())
}
