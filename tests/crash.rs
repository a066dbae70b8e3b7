//! A log that is killed under load, again and again, loses nothing that it acknowledged and never forks.

use anyhow::{Context as _, ensure};
use glarus_shell::http::Client;
use glarus_tests::process::Server;
use glarus_tests::random::Random;
use glarus_tests::replay::replay;
use glarus_tests::vendor::{Signed, Vendor};
use glarus_tests::world::World;
use rustix::process::Signal;
use spec::api::{self, Outcome, Submitted};
use spec::checkpoint::{self, Checkpoint};
use spec::entry_bundle;
use spec::merkle::TreeHead;
use spec::note::{Note, Vkey};
use spec::policy::Policy;
use spec::record::Digest;
use spec::tile::{self, WIDTH};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const KILLS: usize = 50;
const SUBMITTERS: usize = 8;
/// The kill comes after a random number of acknowledgements, at most this many, while others are under way.
const MAX_ACKNOWLEDGED_BEFORE_KILL: u64 = 40;

/// One submitter: it releases one product, a source, a build and an update at a time, and sends a record until it is logged.
struct Submitter {
    product: String,
    step: u64,
    acknowledged: Vec<(Digest, Submitted)>,
}

impl Submitter {
    /// The record of a step.
    fn record(&self, vendor: &Vendor, step: u64) -> Signed {
        let round = step / 3;
        let archive = format!("source {} {round}", self.product).into_bytes();
        let artifact = format!("artifact {} {round}", self.product).into_bytes();
        match step % 3 {
            0 => vendor.source(&self.product, &archive),
            1 => vendor.build(&archive, &artifact),
            _ => {
                let build = vendor.build(&archive, &artifact).id;
                vendor.update(&self.product, round + 1, &[build], &artifact)
            }
        }
    }

    /// Submits until the log is gone: one record a request, or what is left of the release in one.
    async fn run(mut self, vendor: Arc<Vendor>, urls: Arc<Urls>, load: Arc<Load>) -> Self {
        let client = Client::new();
        loop {
            let batch = load.batches();
            let steps = if batch { self.step..(self.step / 3 + 1) * 3 } else { self.step..self.step + 1 };
            let records: Vec<_> = steps.map(|step| self.record(&vendor, step)).collect();
            let body = api::batch(records.iter().map(|record| record.envelope.as_slice()));
            let url = if batch { &urls.batch } else { &urls.one };
            let Ok(reply) = client.post(url, "application/json", body.into(), 1 << 20).await else { return self };
            assert!(matches!(reply.status, 200..=202), "{}: {:?}", reply.status, reply.body);
            let acknowledged: Vec<_> = match batch {
                true => api::parse_batch(&reply.body).unwrap().into_iter().map(taken).collect(),
                false => vec![Submitted::parse(&reply.body).unwrap()],
            };
            assert_eq!(acknowledged.len(), records.len());
            for (Signed { id, .. }, submitted) in records.into_iter().zip(acknowledged) {
                self.acknowledged.push((id, submitted));
                self.step += 1;
                load.count();
            }
        }
    }
}

fn taken(outcome: Outcome) -> Submitted {
    match outcome {
        Outcome::Taken { submitted, .. } => submitted,
        Outcome::Refused(problem) => panic!("refused: {problem:?}"),
    }
}

/// Where records go, one by one and together.
struct Urls {
    one: String,
    batch: String,
}

/// Counts acknowledgements, and kills the log in the very moment of the last one: if anything is acknowledged before it is
/// durable, the earlier the kill comes the surer it is lost.
struct Load {
    left: AtomicUsize,
    asked: AtomicUsize,
    log: Server,
}

impl Load {
    /// Whether the next of whoever asks is a batch: every other time.
    fn batches(&self) -> bool {
        self.asked.fetch_add(1, Ordering::SeqCst) % 2 == 1
    }

    fn count(&self) {
        if self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.log.signal(Signal::KILL).unwrap();
        }
    }
}

/// Reads the published checkpoint as fast as it is answered, until the log is gone.
async fn watch_checkpoints(url: String) -> Vec<String> {
    let client = Client::new();
    let mut seen: Vec<String> = Vec::new();
    while let Ok(reply) = client.get(&url, 1 << 20).await {
        let note = String::from_utf8(reply.body.to_vec()).unwrap();
        if reply.status == 200 && seen.last() != Some(&note) {
            seen.push(note);
        }
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost() -> anyhow::Result<()> {
    let mut world = World::start(4, 3).await?;
    let (vendor, policy) = (Arc::new(Vendor::new(&world.vendor.origin)), world.policy(3)?);
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let new = |number| Submitter { product: format!("p{number}"), step: 0, acknowledged: Vec::new() };
    let mut submitters: Vec<Submitter> = (0..SUBMITTERS).map(new).collect();
    let mut published = Vec::new();
    for kill in 0..KILLS {
        let left = AtomicUsize::new(usize::try_from(1 + random.below(MAX_ACKNOWLEDGED_BEFORE_KILL))?);
        let watcher = tokio::spawn(watch_checkpoints(world.url("/checkpoint")));
        let url = |path| world.url(&format!("{path}?wait={}", ["cosigned", "integrated"][kill % 2]));
        let urls = Arc::new(Urls { one: url(api::RECORDS), batch: url(api::BATCH) });
        let load = Arc::new(Load { left, asked: AtomicUsize::new(0), log: world.log.take().context("the log")? });
        let run = |submitter: Submitter| {
            tokio::spawn(submitter.run(Arc::clone(&vendor), Arc::clone(&urls), Arc::clone(&load)))
        };
        let running: Vec<_> = submitters.drain(..).map(run).collect();
        for task in running {
            submitters.push(task.await?);
        }
        published.extend(watcher.await?);
        world.start_log().await?;
    }
    let acknowledged: Vec<_> = submitters.into_iter().flat_map(|submitter| submitter.acknowledged).collect();
    check(&world, &policy, &acknowledged, &published).await
}

async fn check(
    world: &World,
    policy: &Policy,
    acknowledged: &[(Digest, Submitted)],
    published: &[String],
) -> anyhow::Result<()> {
    // One more record, so that all before it is cosigned.
    world.submit(&world.vendor.source("last", b"last")).await?;
    let last = open(&String::from_utf8(world.get("/checkpoint").await?.body.to_vec())?, &world.log_keys, policy)?;
    let replayed = replay(&world.vendor.origin, &entries(world, last.head.size).await?)?;
    let root_at = |size: u64| replayed.heads[usize::try_from(size).unwrap() - 1];
    ensure!(root_at(last.head.size) == last.head, "the published head is not that of the entries");

    let mut given: BTreeMap<u64, Digest> = BTreeMap::new();
    for (id, submitted) in acknowledged {
        let index = submitted.index;
        ensure!(replayed.records.get(id) == Some(&index), "record {id} was acknowledged at {index} and is not there");
        let other = given.insert(index, *id).filter(|other| other != id);
        ensure!(other.is_none(), "index {index} was given to {id} and to {other:?}");
        if let Some(TreeHead { size, root }) = submitted.head {
            ensure!(
                root_at(size).root == root && index < size,
                "the head acknowledged for {index} is not one of this log"
            );
        }
    }
    for note in published {
        let head = open(note, &world.log_keys, policy)?.head;
        ensure!(root_at(head.size) == head, "a published checkpoint, {head}, is not a prefix of the last one");
    }
    println!(
        "{KILLS} kills, {} acknowledgements, {} checkpoints seen, {} entries",
        acknowledged.len(),
        published.len(),
        last.head.size
    );
    ensure!(acknowledged.len() > KILLS && published.len() > KILLS, "there was no load");
    Ok(())
}

/// Believes a published checkpoint as a client does.
fn open(note: &str, log_keys: &[Vkey], policy: &Policy) -> anyhow::Result<Checkpoint> {
    let note = Note::parse(note.as_bytes())?;
    let checkpoint = checkpoint::open(&note, log_keys)?;
    ensure!(policy.evaluate(&note, None).met(policy), "a checkpoint without its quorum was published: {note}");
    Ok(checkpoint)
}

/// Reads all entries through the read API.
async fn entries(world: &World, size: u64) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut entries = Vec::new();
    for index in 0..size.div_ceil(WIDTH) {
        let width = (size - index * WIDTH).min(WIDTH);
        let reply = world.get(&format!("/{}", tile::Path::Entries(index, width))).await?;
        ensure!(reply.status == 200, "entry bundle {index}: {} {:?}", reply.status, reply.body);
        let bundle = entry_bundle::parse(&reply.body)?;
        ensure!(bundle.len() as u64 == width, "entry bundle {index} has {} entries, not {width}", bundle.len());
        entries.extend(bundle.into_iter().map(<[u8]>::to_vec));
    }
    Ok(entries)
}
