//! `make bench-audit`: how many entries an audit reads and judges in a second, from a log over loopback.
//!
//! Logs are filled behind the server's back, by the log's own plan and store: one with releases that admission judged, one
//! with bytes of 900 that only hash. Beside the rates stand the floors of this machine: bare verifications of signatures, and bare
//! SHA-256 of the same bytes, each on all cores. The log and its witness are on the same cores as the audit. Two more logs
//! have what takes the most memory: authorities with as many large keys as fit, and builds of as many products as they may lead to.

use anyhow::{Context as _, anyhow, bail, ensure};
use glarus_log::store::Store;
use glarus_tests::process::program;
use glarus_tests::tamper;
use glarus_tests::vendor::{Signed, wide_artifact};
use glarus_tests::world::{World, text};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use spec::admission::{self, Admission, Rows};
use spec::authority::RoleName;
use spec::checkpoint::Checkpoint;
use spec::merkle::leaf_hash;
use spec::note::Note;
use spec::record::{Record, pae};
use std::hint::black_box;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Releases: a source, a build and an update each.
const RELEASES: u64 = 20_000;
/// Entries that only hash.
const ENTRIES: u64 = 600_000;
const ENTRY_BYTES: usize = 900;
/// Namespaces whose authorities are as large as an entry may be.
const NAMESPACES: u64 = 1_500;
/// Builds of as many products as a build may lead to.
const WIDE: usize = 4_096;
/// Records between two state entries.
const BATCH: u64 = 999;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let cores = std::thread::available_parallelism()?.get();
    println!("an audit over loopback, log and audit on the same {cores} cores; entries a second");
    let judged =
        filled(|world, store| fill(store, RELEASES.div_ceil(BATCH / 3), |batch| releases(world, store, batch))).await?;
    let rate = audit(&judged, &[])?;
    report("judged", rate, "target >= 20,000");
    drop(judged);
    report("floor: signatures verified", verifications(cores)?, "of one key, on all cores");
    let hashed = filled(|_, store| fill(store, ENTRIES.div_ceil(BATCH), |batch| Ok(bytes(batch)))).await?;
    let rate = audit(&hashed, &["--hashes-only"])?;
    report("hashes only", rate, "target >= 600,000");
    drop(hashed);
    report("floor: SHA-256 of 900 bytes", hashes(cores), "on all cores");
    let keys = filled(|world, store| fill(store, 2 * NAMESPACES / 50, |batch| namespaces(world, store, batch))).await?;
    let rate = audit(&keys, &[])?;
    report("judged, 24 large keys each", rate, "memory's worst");
    drop(keys);
    let wide =
        filled(|world, store| fill(store, 2 + WIDE as u64 / 512, |batch| wide(world, store, batch as usize))).await?;
    let rate = audit(&wide, &[])?;
    report("judged, builds of many products", rate, "memory's worst");
    Ok(())
}

fn report(what: &str, Measured { rate, process }: Measured, note: &str) {
    let process = process.map_or(String::new(), |Process { peak_kib, cpu_us }| {
        format!(", {cpu_us:.1} us of processor an entry, at most {} MiB of memory", peak_kib / 1024)
    });
    println!("{what:32}{rate:12.0}   {note}{process}");
}

struct Measured {
    rate: f64,
    process: Option<Process>,
}

/// What the audit alone took, without the log: the most memory, and the time of all cores for each entry.
struct Process {
    peak_kib: u64,
    cpu_us: f64,
}

impl Measured {
    fn of(count: u64, took: Duration) -> Self {
        Self { rate: count as f64 / took.as_secs_f64(), process: None }
    }
}

/// A log whose rows were filled while it did not run, and whose head its witness cosigned.
async fn filled(fill: impl FnOnce(&World, &Store) -> anyhow::Result<()>) -> anyhow::Result<World> {
    let mut world = World::start(1, 1).await?;
    world.log.take().context("the log")?.stop()?;
    let store = tamper::open(&world)?;
    fill(&world, &store)?;
    let need = store.committed()?.context("a head")?.head.size;
    drop(store);
    world.start_log().await?;
    loop {
        let note = Note::parse(&world.get("/checkpoint").await?.body)?;
        if Checkpoint::parse(&note.text)?.head.size == need {
            return Ok(world);
        }
    }
}

type Entries = (Vec<Vec<u8>>, Vec<admission::Row>);

fn fill(store: &Store, batches: u64, make: impl Fn(u64) -> anyhow::Result<Entries>) -> anyhow::Result<()> {
    for batch in 0..batches {
        let (entries, rows) = make(batch)?;
        tamper::append(store, entries, rows)?;
    }
    Ok(())
}

fn release(world: &World, number: u64) -> [Signed; 3] {
    let product = format!("product-{number}");
    let (archive, artifact) = (format!("{product}.tar"), format!("{product}.pkg"));
    let source = world.vendor.source(&product, archive.as_bytes());
    let build = world.vendor.build(archive.as_bytes(), artifact.as_bytes());
    let update = world.vendor.update(&product, 1, &[build.id], artifact.as_bytes());
    [source, build, update]
}

/// A batch of releases.
fn releases(world: &World, store: &Store, batch: u64) -> anyhow::Result<Entries> {
    let numbers = batch * (BATCH / 3)..(batch + 1) * (BATCH / 3);
    judged(world, store, numbers.flat_map(|number| release(world, number)))
}

/// A batch of authorities, each with as many keys of ML-DSA-44 as an entry has room for: of epoch 0, and when all of these are
/// there, of epoch 1.
fn namespaces(world: &World, store: &Store, batch: u64) -> anyhow::Result<Entries> {
    let numbers = batch * 50..(batch + 1) * 50;
    judged(world, store, numbers.map(|number| world.vendor.large_authority(number % NAMESPACES, number / NAMESPACES)))
}

/// Sources of as many products as a build may lead to, then builds of all of them, and last builds of 256 of such builds each.
fn wide(world: &World, store: &Store, batch: usize) -> anyhow::Result<Entries> {
    let vendor = &world.vendor;
    if batch == 0 {
        return judged(world, store, (0..16).map(|number| vendor.wide_source(number)));
    }
    if batch <= WIDE / 512 {
        return judged(world, store, (512 * (batch - 1)..512 * batch).map(|number| vendor.wide_build(number)));
    }
    let of = |number| (256 * number..256 * (number + 1)).map(wide_artifact);
    judged(
        world,
        store,
        (0..WIDE / 256).map(|number| vendor.build_of(of(number), format!("large {number}").as_bytes())),
    )
}

/// Records as the log admits them.
fn judged(world: &World, store: &Store, records: impl Iterator<Item = Signed>) -> anyhow::Result<Entries> {
    let first = store.committed()?.context("a head")?.head.size;
    let (mut entries, mut out, mut rows) = (Vec::new(), Vec::new(), Rows::default());
    for signed in records {
        let record = Record::parse_submission(&signed.envelope)?;
        store.answer(admission::needs(&record), &mut rows)?;
        store.answer(admission::needs_more(&record, &rows)?, &mut rows)?;
        let index = first + entries.len() as u64;
        // They were signed just now, and the audit will see whether rightly.
        let admission = admission::judge(&world.vendor.origin, index, &record, &rows, &|_, _| Some(true))?;
        let Admission::New { entry, rows: new } = admission else { bail!("{record:?} was logged before") };
        entries.push(entry);
        out.extend(new.iter().cloned());
        new.into_iter().for_each(|row| rows.put(row));
    }
    Ok((entries, out))
}

fn bytes(batch: u64) -> Entries {
    let entry = |number: u64| {
        let mut seed = (batch * BATCH + number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        // Base64's letters, as records have them.
        let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let letter = |_| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            letters[(seed >> 58) as usize]
        };
        (0..ENTRY_BYTES).map(letter).collect()
    };
    ((0..BATCH).map(entry).collect(), Vec::new())
}

fn audit(world: &World, more: &[&str]) -> anyhow::Result<Measured> {
    let policy = world.dir.path().join("policy");
    std::fs::write(&policy, world.policy_text(1))?;
    let url = world.url("");
    let start = Instant::now();
    let mut command = Command::new(program("glarus")?);
    command.args(["audit", &url, "--policy", text(&policy), "--json"]).args(more).stdout(Stdio::piped());
    let mut child = command.spawn()?;
    let (took, peak_kib, ticks) = watched(&mut child, start)?;
    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "the audit found {said}");
    let said: serde_json::Value = serde_json::from_str(&said)?;
    let size = said["size"].as_u64().context("size")?;
    // Linux counts a process's time in hundredths of a second.
    let process = Process { peak_kib, cpu_us: ticks as f64 * 10_000.0 / size as f64 };
    Ok(Measured { process: Some(process), ..Measured::of(size, took) })
}

/// Waits for a process; how long it took, the most memory that it was seen to have, and its time.
fn watched(child: &mut Child, start: Instant) -> anyhow::Result<(Duration, u64, u64)> {
    let (id, ended) = (child.id(), AtomicBool::new(false));
    let pid = Pid::from_raw(i32::try_from(id)?).context("a process id")?;
    std::thread::scope(|scope| {
        let seen = scope.spawn(|| {
            let mut most = 0;
            while !ended.load(Ordering::Relaxed) {
                most = peak_kib(id).unwrap_or(most);
                // Seldom: answering takes time of the process that is measured.
                std::thread::sleep(Duration::from_millis(25));
            }
            most
        });
        // Its time is told until somebody takes its exit code.
        let waited = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        let took = start.elapsed();
        ended.store(true, Ordering::Relaxed);
        waited?;
        let peak_kib = seen.join().map_err(|_| anyhow!("the thread that watches ended"))?;
        let ticks = ticks(id).context("the time of a process that ended")?;
        child.wait()?;
        Ok((took, peak_kib, ticks))
    })
}

/// The most memory that a process has had; `None` once it has ended.
fn peak_kib(id: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// The time that a process took.
fn ticks(id: u32) -> Option<u64> {
    // The fields after the name, which is in brackets: user and system time are the 12th and 13th of them.
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let fields = stat.rsplit(") ").next()?.split(' ').skip(11).take(2);
    Some(fields.filter_map(|field| field.parse::<u64>().ok()).sum())
}

/// Verifies signatures of distinct records by one key, on all cores.
fn verifications(cores: usize) -> anyhow::Result<Measured> {
    const COUNT: u8 = 250;
    let vendor = glarus_tests::vendor::Vendor::new("log.acme.example/updates");
    let key = vendor.key(RoleName::Source);
    let signed: Vec<_> = (0..COUNT)
        .map(|number| {
            let payload = vec![number; ENTRY_BYTES];
            let (_, sig) = key.sign(&payload);
            (pae(&payload), sig)
        })
        .collect();
    let (public, rounds) = (key.public().prepared(), 40_u64);
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                for _ in 0..rounds {
                    assert!(signed.iter().all(|(pae, sig)| public.verify(pae, sig)));
                }
            });
        }
    });
    Ok(Measured::of(cores as u64 * rounds * u64::from(COUNT), start.elapsed()))
}

fn hashes(cores: usize) -> Measured {
    let (entry, count) = (vec![7; ENTRY_BYTES], 1_000_000_u64);
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                for _ in 0..count {
                    black_box(leaf_hash(black_box(&entry)));
                }
            });
        }
    });
    Measured::of(cores as u64 * count, start.elapsed())
}
