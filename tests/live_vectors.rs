//! The vectors of admission once more, against logs that run: each submitted over HTTP to a `glarus-log` whose witness
//! cosigns, from the state that its lines before lead to. And the calls that the vectors of the API say are refused.
//!
//! What a log answers is in the vector: whether it takes the line, the name of the refusal, the status, the index. A refused
//! line leaves a log as it was, so all vectors that begin alike share one.

use anyhow::{Context as _, ensure};
use glarus_tests::process::{run, run_ok};
use glarus_tests::vectors::{self, Vector};
use glarus_tests::vendor::Vendor;
use glarus_tests::world::{World, text};
use spec::api::{self, Problem, Submitted};
use spec::checkpoint::Checkpoint;
use spec::merkle::TreeHead;
use spec::note::Note;
use spec::record::{Digest, Record};
use spec::state::is_state_entry;
use std::collections::BTreeSet;

/// The vectors whose one line would be entry 0. It is given to `glarus-log init`, before there is any HTTP: who serves a log
/// has one. What `init` says of them is tested here too.
const NOT_OVER_HTTP: [&str; 2] = ["entry-0", "genesis-missing"];

/// A vector, by what a log does with its lines.
struct Case {
    vector: Vector,
    /// All lines but the last: each is admitted, and is the entry that it makes.
    before: Vec<String>,
    last: String,
    /// The index of each line that has one.
    indices: Vec<u64>,
    /// The entry of the last line, where that is a new one.
    entry: Option<Vec<u8>>,
}

impl Case {
    fn new(vector: Vector) -> anyhow::Result<Self> {
        let mut before: Vec<String> = std::str::from_utf8(&vector.body)?.lines().map(String::from).collect();
        let last = before.pop().context("no line")?;
        let indices = vector.find("indices").unwrap_or_default().split_whitespace();
        let indices = indices.map(str::parse).collect::<Result<Vec<u64>, _>>()?;
        // Of a line that is known the index is that of a line before.
        let new = match (indices.get(before.len()), indices.get(..before.len()).context("too few indices")?) {
            (Some(index), others) => !others.contains(index),
            (None, _) => false,
        };
        let entry =
            if new { Some(vector.base64("entry-base64")?.unwrap_or_else(|| last.clone().into())) } else { None };
        Ok(Self { vector, before, last, indices, entry })
    }

    /// The lines that it leaves in a log.
    fn admitted(&self) -> Vec<&str> {
        let last = self.entry.is_some().then_some(self.last.as_str());
        self.before.iter().map(String::as_str).chain(last).collect()
    }
}

fn cases() -> anyhow::Result<Vec<Case>> {
    vectors::read("admission")?.into_iter().map(Case::new).collect()
}

/// A log and the lines that it has taken.
struct Live {
    world: World,
    entries: Vec<Vec<u8>>,
}

impl Live {
    async fn start(genesis: &str) -> anyhow::Result<Self> {
        let vendor = Vendor::new("log.acme.example/updates");
        let mut world = World::of_genesis(vendor, genesis.as_bytes(), 1, 1)?;
        world.start_log().await?;
        let live = Self { world, entries: vec![genesis.into()] };
        live.is_as_known().await?;
        Ok(live)
    }

    async fn head(&self) -> anyhow::Result<TreeHead> {
        let note = Note::parse(&self.world.get("/checkpoint").await?.body)?;
        Ok(Checkpoint::parse(&note.text)?.head)
    }

    /// Its entries are those that it took, and a state entry after each, as each was a batch of its own.
    async fn is_as_known(&self) -> anyhow::Result<()> {
        let size = self.head().await?.size;
        ensure!(size == 2 * u64::try_from(self.entries.len())?, "{size} entries");
        for (index, entry) in (0..size).step_by(2).zip(&self.entries) {
            let (have, state) = (self.entry(index).await?, self.entry(index + 1).await?);
            ensure!(have == *entry && is_state_entry(&state), "entry {index} or the one after it is another");
        }
        Ok(())
    }

    async fn entry(&self, index: u64) -> anyhow::Result<Vec<u8>> {
        let reply = self.world.get(&format!("{}/{index}", api::RECORDS)).await?;
        ensure!(reply.status == 200, "entry {index}: {}", reply.status);
        Ok(reply.body.into())
    }

    /// Submits a line that leads to a vector's state.
    async fn leads(&mut self, line: &str) -> anyhow::Result<()> {
        let index = 2 * u64::try_from(self.entries.len())?;
        let reply = self.world.post(api::RECORDS, line.as_bytes()).await?;
        let submitted = Submitted::parse(&reply.body).with_context(|| format!("{:?}", reply.body))?;
        ensure!(submitted.index == index, "index {}, not {index}", submitted.index);
        self.entries.push(line.into());
        Ok(())
    }

    /// Submits the last line of a vector and compares everything that the vector says, and what is in the log afterwards.
    async fn judges(&mut self, case: &Case) -> anyhow::Result<()> {
        let before = self.head().await?;
        let reply = self.world.post(api::RECORDS, case.last.as_bytes()).await?;
        let said = String::from_utf8_lossy(&reply.body).into_owned();
        let status = case.vector.get("status")?;
        ensure!(reply.status.to_string() == status, "status {}, not {status}: {said}", reply.status);
        match case.vector.get("expect")? {
            "accept" => {
                let submitted = Submitted::parse(&reply.body)?;
                ensure!(Some(&submitted.index) == case.indices.last(), "index {}", submitted.index);
            }
            name => {
                let problem = Problem::parse(&reply.body).with_context(|| said.clone())?;
                ensure!(problem.name == name && problem.status == reply.status, "not {name}: {said}");
                ensure!(reply.content_type.as_deref() == Some(api::PROBLEM), "{:?}", reply.content_type);
                if let Ok(record) = Record::parse_submission(case.last.as_bytes()) {
                    self.has_nothing_of(&record.id).await?;
                }
            }
        }
        match &case.entry {
            Some(entry) => self.entries.push(entry.clone()),
            None => ensure!(self.head().await? == before, "something was logged"),
        }
        self.is_as_known().await
    }

    async fn has_nothing_of(&self, id: &Digest) -> anyhow::Result<()> {
        let mut paths = vec![api::record_path(id)];
        paths.extend(["source", "build", "update"].map(|kind| api::state_path(&format!("{kind} {id}"))));
        for path in paths {
            let reply = self.world.get(&path).await?;
            ensure!(reply.status == 404, "{path} is there: {:?}", reply.body);
        }
        Ok(())
    }

    /// Stops it and makes all its rows again: they are those that its entries make, and no others.
    fn stop(mut self) -> anyhow::Result<()> {
        self.world.log.take().context("the log")?.stop()?;
        run_ok("glarus-log", &["reindex", "--dir", text(&self.world.log_dir())])?;
        Ok(())
    }
}

/// Runs all vectors that one log can: those whose lines it takes one after the other, and those that are refused on the way.
async fn run_chain(chain: &[&str], cases: &[&Case]) -> anyhow::Result<usize> {
    let mut live = Live::start(chain.first().context("no genesis")?).await?;
    let mut done = 0;
    for at in 1..=chain.len() {
        let taken = &chain[..at];
        for case in cases.iter().filter(|case| case.entry.is_none() && case.before == taken) {
            live.judges(case).await.with_context(|| case.vector.name.clone())?;
            done += 1;
        }
        let Some(line) = chain.get(at) else { break };
        match cases.iter().find(|case| case.entry.is_some() && case.before == taken && case.last == *line) {
            Some(case) => {
                live.judges(case).await.with_context(|| case.vector.name.clone())?;
                done += 1;
            }
            None => live.leads(line).await?,
        }
    }
    live.is_as_known().await?;
    live.stop()?;
    Ok(done)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_vector_of_admission_holds_against_a_log_that_runs() -> anyhow::Result<()> {
    let all = cases()?;
    let (at_init, over_http): (Vec<_>, Vec<_>) = all.iter().partition(|case| case.before.is_empty());
    let names: Vec<_> = at_init.iter().map(|case| case.vector.name.as_str()).collect();
    assert_eq!(names, NOT_OVER_HTTP, "the vectors of one line");

    // A log for each list of lines that is the beginning of no other.
    let lists: BTreeSet<_> = over_http.iter().map(|case| case.admitted()).collect();
    let longer = |list: &Vec<&str>| lists.iter().any(|other| other.len() > list.len() && other.starts_with(list));
    let chains: Vec<_> = lists.iter().filter(|list| !longer(list)).collect();
    let mut left = over_http.clone();
    for chain in &chains {
        let (mine, others): (Vec<_>, Vec<_>) = left.into_iter().partition(|case| chain.starts_with(&case.admitted()));
        left = others;
        let done = run_chain(chain, &mine).await?;
        assert_eq!(done, mine.len(), "vectors that were not run");
    }
    assert!(left.is_empty());
    println!("{} vectors against {} logs", over_http.len(), chains.len());
    Ok(())
}

#[test]
fn entry_0_is_judged_before_there_is_a_log() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    for case in cases()?.iter().filter(|case| NOT_OVER_HTTP.contains(&case.vector.name.as_str())) {
        let (genesis, log) = (dir.path().join("genesis.json"), dir.path().join(&case.vector.name));
        std::fs::write(&genesis, &case.last)?;
        let origin = "log.acme.example/updates";
        let output =
            run("glarus-log", &["init", "--origin", origin, "--dir", text(&log), "--genesis", text(&genesis)])?;
        let said = String::from_utf8_lossy(&output.stderr);
        match case.vector.get("expect")? {
            // That the entry is the line, every log above shows.
            "accept" => assert!(output.status.success(), "{said}"),
            name => {
                assert_eq!(output.status.code(), Some(2));
                assert!(said.contains(&format!("refused, {name}: ")) && !log.exists(), "{said}");
            }
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_refused_as_the_vectors_say() -> anyhow::Result<()> {
    let world = World::start(1, 1).await?;
    let mut asked = 0;
    for vector in vectors::read("api")? {
        let Some(path) = vector.find("request").and_then(|request| request.strip_prefix("GET ")) else { continue };
        let reply = world.get(path).await?;
        let problem = Problem::parse(&reply.body).with_context(|| format!("{}: {:?}", vector.name, reply.body))?;
        assert_eq!((problem.name.as_str(), problem.status), (vector.get("refusal")?, reply.status), "{}", vector.name);
        assert_eq!(reply.status.to_string(), vector.get("status")?, "{}: {}", vector.name, problem.detail);
        assert_eq!(reply.content_type.as_deref(), Some(api::PROBLEM), "{}", vector.name);
        asked += 1;
    }
    println!("{asked} calls");
    assert!(asked > 8);
    Ok(())
}
