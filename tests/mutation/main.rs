//! A thousand randomly damaged records, each refused by the right name, or known by its index where only the signatures
//! differ; and nothing of any of them is in the log afterwards.
//!
//! The log is a process of its own with four witnesses, two vendors, two parties, epochs and distrusted keys. Between the
//! damaged records go good ones, so that a log that refused everything would not pass, and the state moves on. What must be
//! answered is in the tables of [`damage`], what the log must know in [`model`]; neither has a line of the code that judges.
//!
//! `GLARUS_SEED=n` runs another thousand.

mod damage;
mod model;

use anyhow::{Context as _, ensure};
use damage::{Answer, Damage, Damaged};
use glarus_tests::process::run_ok;
use glarus_tests::random::Random;
use glarus_tests::vendor::Vendor;
use glarus_tests::world::{World, text};
use model::{FORMS, Good, Key, Model};
use serde_json::{Value, json};
use spec::api::{self, Problem, Submitted};
use spec::checkpoint::Checkpoint;
use spec::merkle::TreeHead;
use spec::note::Note;
use spec::record::{Digest, pae};
use spec::state::is_state_entry;
use std::collections::BTreeMap;

const SEED: u64 = 20_261_125;
const DAMAGED: usize = 1_000;
/// Good records before the first damaged one, so that there is something of every kind.
const BEFORE: usize = 100;

/// The log, what it should know, and what was answered.
struct Run {
    world: World,
    model: Model,
    random: Random,
    /// By damage how often each answer was given.
    answers: BTreeMap<Damage, BTreeMap<String, usize>>,
}

impl Run {
    /// A log whose genesis is logged, and the other records that it is founded with.
    async fn start(seed: u64) -> anyhow::Result<Self> {
        let mut random = Random(seed);
        let mut model = Model::new(&mut random);
        let genesis = model.founding(0, &mut random).context("genesis")?;
        let payload = genesis.statement.to_string();
        let signatures = damage::sign(&model.signers(&genesis), &payload, &mut random);
        let record = damage::envelope(&payload, &signatures).to_string();
        model.admit(genesis, payload, signatures);
        let mut world = World::of_genesis(Vendor::new(model::LOG), record.as_bytes(), 4, 3)?;
        world.start_log().await?;
        let mut run = Self { world, model, random, answers: BTreeMap::new() };
        for number in 1.. {
            let Some(good) = run.model.founding(number, &mut run.random) else { break };
            run.admitted(good).await?;
        }
        for _ in 0..BEFORE {
            let good = run.any_good()?;
            run.admitted(good).await?;
        }
        Ok(run)
    }

    /// A record that the log must take, of some form.
    fn any_good(&mut self) -> anyhow::Result<Good> {
        for _ in 0..1_000 {
            let form = self.random.pick(&FORMS).copied().context("a form")?;
            if let Some(good) = self.model.good(form, &mut self.random) {
                return Ok(good);
            }
        }
        anyhow::bail!("no record can be made")
    }

    /// Submits a good record in one of the forms that submissions have; it must be admitted, as its canonical entry.
    async fn admitted(&mut self, good: Good) -> anyhow::Result<()> {
        let payload = good.statement.to_string();
        let signatures = damage::sign(&self.model.signers(&good), &payload, &mut self.random);
        let (index, body) = (self.model.next_index(), self.liberal(&payload, &signatures));
        let reply = self.world.post(api::RECORDS, body.as_bytes()).await?;
        let said = || format!("a good {}: {} {:?}\n{body}", good.form, reply.status, reply.body);
        ensure!(reply.status == 201, "{}", said());
        let submitted = Submitted::parse(&reply.body).with_context(said)?;
        ensure!(submitted.index == index, "{}", said());
        self.model.admit(good, payload, signatures);
        ensure!(self.head().await?.size == self.model.next_index(), "the published head is another");
        Ok(())
    }

    /// A submission of an entry as some tool may make it.
    fn liberal(&mut self, payload: &str, signatures: &[(String, Vec<u8>)]) -> String {
        let mut envelope = damage::envelope(payload, signatures);
        let Some(list) = envelope["signatures"].as_array_mut() else { unreachable!("signatures") };
        match self.random.below(6) {
            0 => list.iter_mut().for_each(|signature| signature["keyid"] = "".into()),
            1 => {
                let stranger = Key::new(&mut self.random);
                let sig = damage::base64(&stranger.sign(payload.as_bytes(), &mut self.random));
                list.insert(0, json!({ "keyid": stranger.keyid(), "sig": sig }));
            }
            2 => list.reverse(),
            3 => {
                let media_type = "application/vnd.dev.sigstore.bundle.v0.3+json";
                return json!({ "mediaType": media_type, "dsseEnvelope": envelope }).to_string();
            }
            4 => return format!("\n{envelope:#}\n"),
            _ => {}
        }
        envelope.to_string()
    }

    /// Damages some record in this way, submits it and compares the answer; nothing of it is stored.
    async fn damaged(&mut self, how: Damage) -> anyhow::Result<()> {
        let (good, damaged) = self.some_damaged(how)?;
        let Damaged { what, body, payload, answer } = &damaged;
        let before = self.head().await?;
        let reply = self.world.post(api::RECORDS, body.as_bytes()).await?;
        let said = || format!("{how:?}, {what}: {answer:?}, but {} {:?}\n{body}", reply.status, reply.body);
        let answered = match *answer {
            Answer::Refused(status, name) => {
                let problem = Problem::parse(&reply.body).with_context(said)?;
                ensure!((reply.status, problem.name.as_str()) == (status, name), "{}", said());
                ensure!(problem.status == status && !problem.detail.is_empty(), "{}", said());
                self.has_nothing_of(payload).await.with_context(said)?;
                name.to_owned()
            }
            Answer::Known(index) => {
                let submitted = Submitted::parse(&reply.body).with_context(said)?;
                ensure!((reply.status, submitted.index) == (200, index), "{}", said());
                "known".into()
            }
        };
        ensure!(self.head().await? == before, "something was logged: {}", said());
        *self.answers.entry(how).or_default().entry(answered).or_default() += 1;
        // What was refused for its damage alone is taken without it.
        if self.random.below(3) == 0 {
            self.admitted(good).await?;
        }
        Ok(())
    }

    fn some_damaged(&mut self, how: Damage) -> anyhow::Result<(Good, Damaged)> {
        for _ in 0..10_000 {
            let good = self.any_good()?;
            if let Some(damaged) = damage::damage(how, &good, &self.model, &mut self.random) {
                return Ok((good, damaged));
            }
        }
        anyhow::bail!("no record can be damaged by {how:?}")
    }

    async fn head(&self) -> anyhow::Result<TreeHead> {
        let note = Note::parse(&self.world.get("/checkpoint").await?.body)?;
        Ok(Checkpoint::parse(&note.text)?.head)
    }

    async fn has_nothing_of(&self, payload: &str) -> anyhow::Result<()> {
        let id = Digest::of(&pae(payload.as_bytes()));
        let states = ["source", "build", "update"].map(|kind| api::state_path(&format!("{kind} {id}")));
        for path in [api::record_path(&id)].into_iter().chain(states) {
            let reply = self.world.get(&path).await?;
            ensure!(reply.status == 404, "{path} is there: {:?}", reply.body);
        }
        Ok(())
    }

    /// The entries are the good ones, each as its canonical bytes, and state entries.
    async fn entries_are_the_good_ones(&self) -> anyhow::Result<()> {
        let size = self.head().await?.size;
        ensure!(size == self.model.next_index(), "{size} entries, not {}", self.model.next_index());
        for logged in &self.model.logged {
            let need = damage::envelope(&logged.payload, &logged.signatures).to_string();
            for path in [format!("{}/{}", api::RECORDS, logged.index), format!("{}/{}", api::RECORDS, logged.id)] {
                let reply = self.world.get(&path).await?;
                ensure!(reply.status == 200 && reply.body == need, "entry {} is not {need}", logged.index);
            }
            let after = self.world.get(&format!("{}/{}", api::RECORDS, logged.index + 1)).await?;
            ensure!(is_state_entry(&after.body), "entry {} is no state entry", logged.index + 1);
        }
        Ok(())
    }

    async fn state_is_as_known(&self) -> anyhow::Result<usize> {
        let mut keys = 0;
        for (key, value) in self.model.state() {
            let reply = self.world.get(&api::state_path(key)).await?;
            ensure!(reply.status == 200 && reply.body == value, "{key} is {:?}, not {value:?}", reply.body);
            keys += 1;
        }
        Ok(keys)
    }

    /// An audit judges every entry again and finds nothing.
    fn audit_passes(&self) -> anyhow::Result<()> {
        let policy = self.world.dir.path().join("policy");
        std::fs::write(&policy, self.world.policy_text(3))?;
        let said = run_ok("glarus", &["audit", &self.world.url(""), "--policy", text(&policy), "--json"])?;
        let said: Value = serde_json::from_str(&said)?;
        ensure!(said["size"] == self.model.next_index() && said["judged"] == self.model.logged.len(), "{said}");
        Ok(())
    }

    /// All rows, made again from the entries, are those that are stored, and no others.
    fn rows_follow_from_the_entries(&mut self) -> anyhow::Result<()> {
        self.world.log.take().context("the log")?.stop()?;
        run_ok("glarus-log", &["reindex", "--dir", text(&self.world.log_dir())])?;
        Ok(())
    }

    fn print(&self, keys: usize) {
        for (how, what) in Damage::ALL {
            let answers = self.answers.get(&how).into_iter().flatten();
            let (mut count, mut words) = (0, Vec::new());
            for (name, times) in answers {
                count += times;
                words.push(format!("{times} {name}"));
            }
            println!("{count:4} {what:28} {}", words.join(", "));
        }
        println!("{:4} good records logged, {keys} keys of the state", self.model.logged.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_records_are_refused_by_name_and_leave_nothing_behind() -> anyhow::Result<()> {
    let seed = match std::env::var("GLARUS_SEED") {
        Ok(text) => text.parse().context("GLARUS_SEED is a number")?,
        Err(_) => SEED,
    };
    println!("GLARUS_SEED={seed}");
    let mut run = Run::start(seed).await?;
    for (how, _) in Damage::ALL.into_iter().cycle().take(DAMAGED) {
        run.damaged(how).await.with_context(|| format!("with GLARUS_SEED={seed}"))?;
    }
    run.entries_are_the_good_ones().await?;
    let keys = run.state_is_as_known().await?;
    run.audit_passes()?;
    run.rows_follow_from_the_entries()?;
    run.print(keys);
    Ok(())
}
