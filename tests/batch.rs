//! Batches: many records in one request, judged in order, each answered on its own line.

use anyhow::{Context as _, ensure};
use glarus::net::Log;
use glarus_shell::http::Reply;
use glarus_tests::vendor::{Key, Signed, Vendor};
use glarus_tests::world::World;
use rustix::process::Signal;
use spec::api::{self, MAX_BATCH, MAX_BATCH_BYTES, Outcome, Problem, Submitted};
use spec::authority::RoleName;
use spec::checkpoint;
use spec::merkle::leaf_hash;
use spec::note::Note;
use spec::record::{self, Digest, MAX_SUBMISSION_BYTES, Record};
use spec::tlog_proof::TlogProof;
use std::time::Duration;

const WAIT: Duration = Duration::from_secs(10);

/// A source, what is built from it, and the update that ships that.
fn release(vendor: &Vendor, product: &str, sequence: u64) -> Vec<Signed> {
    let (archive, artifact) = (format!("source {product} {sequence}"), format!("artifact {product} {sequence}"));
    let build = vendor.build(archive.as_bytes(), artifact.as_bytes());
    let update = vendor.update(product, sequence, &[build.id], artifact.as_bytes());
    vec![vendor.source(product, archive.as_bytes()), build, update]
}

fn sources(vendor: &Vendor, count: usize) -> Vec<Signed> {
    (0..count).map(|number| vendor.source("many", &number.to_be_bytes())).collect()
}

fn body(records: &[Signed]) -> Vec<u8> {
    api::batch(records.iter().map(|record| record.envelope.as_slice()))
}

/// Submits a batch that is answered line by line.
async fn submit(world: &World, query: &str, body: &[u8]) -> anyhow::Result<Vec<Outcome>> {
    let reply = world.post(&format!("{}{query}", api::BATCH), body).await?;
    ensure!(reply.status == 200, "{}: {:?}\n{}", reply.status, reply.body, world.log_lines());
    assert_eq!(reply.content_type.as_deref(), Some(api::NDJSON));
    Ok(api::parse_batch(&reply.body)?)
}

/// The status of each line, and the name where it is a refusal, else empty.
fn statuses(outcomes: &[Outcome]) -> Vec<(u16, &str)> {
    let status = |outcome| match outcome {
        &Outcome::Taken { status, .. } => (status, ""),
        Outcome::Refused(problem) => (problem.status, problem.name.as_str()),
    };
    outcomes.iter().map(status).collect()
}

fn taken(outcome: &Outcome) -> anyhow::Result<&Submitted> {
    match outcome {
        Outcome::Taken { submitted, .. } => Ok(submitted),
        Outcome::Refused(problem) => anyhow::bail!("refused: {problem:?}"),
    }
}

fn refused(reply: &Reply) -> (u16, String) {
    let problem = Problem::parse(&reply.body).unwrap_or_else(|error| panic!("{error}: {reply:?}"));
    assert_eq!((problem.status, reply.content_type.as_deref()), (reply.status, Some(api::PROBLEM)));
    (reply.status, problem.name)
}

fn configure(world: &World, name: &str, value: usize) -> anyhow::Result<()> {
    let path = world.log_dir().join("glarus-log.toml");
    let text = std::fs::read_to_string(&path)?;
    let line = text.lines().find(|line| line.starts_with(&format!("{name} ="))).context("no such line")?;
    Ok(std::fs::write(&path, text.replace(line, &format!("{name} = {value}")))?)
}

#[tokio::test(flavor = "multi_thread")]
async fn from_the_authority_to_the_update_in_one_batch() -> anyhow::Result<()> {
    let mut world = World::prepare(4, 3)?;
    world.start_log().await?;
    let vendor = &world.vendor;
    // The keys that sign the others are themselves in the first.
    let records = [vec![vendor.authority()], release(vendor, "shield", 1), release(vendor, "shield", 2)].concat();
    let outcomes = submit(&world, "?proof=1", &body(&records)).await?;
    assert_eq!(statuses(&outcomes), [(201, ""); 7]);
    for ((index, record), outcome) in (2..).zip(&records).zip(&outcomes) {
        let submitted = taken(outcome)?;
        assert_eq!((submitted.index, submitted.id), (index, record.id));
        let proof = TlogProof::parse(submitted.proof.as_deref().context("no proof")?.as_bytes())?;
        let head = proof.verify(&leaf_hash(&record.envelope), &world.policy(3)?, &vendor.origin)?.checkpoint.head;
        assert_eq!((proof.index, Some(head)), (index, submitted.head));
        assert_eq!(head.size, 10, "one state entry after all seven");
    }
    let bundle = world.get(&api::bundle_path(&Digest::of(b"artifact shield 2"), None, None, None)).await?;
    assert_eq!(bundle.status, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_record_is_judged_on_its_own() -> anyhow::Result<()> {
    let world = World::start(1, 1).await?;
    let vendor = &world.vendor;
    let known = vendor.source("shield", b"known");
    let before = world.submit(&known).await?.index;
    let good = release(vendor, "shield", 1);
    let unsourced = vendor.build(b"never deposited", b"other artifact");
    let dependent = vendor.update("shield", 2, &[unsourced.id], b"other artifact");
    let rebuilt = vendor.build(b"source shield 1", b"artifact shield 1 again");
    let same_sequence = vendor.update("shield", 1, &[rebuilt.id], b"artifact shield 1 again");
    let mut forged = vendor.source("shield", b"forged");
    let payload = Record::parse_submission(&forged.envelope)?.payload;
    forged.envelope = record::envelope(&payload, &[vendor.key(RoleName::Update).sign(&payload)])?;
    let line = |bytes: &[u8]| Signed { envelope: bytes.to_vec(), id: Digest([0; 32]) };
    let records = [
        good[0].clone(),
        line(b"hello"),
        unsourced,
        known,
        good[1].clone(),
        dependent,
        forged,
        good[0].clone(),
        line(&vec![b' '; MAX_SUBMISSION_BYTES + 1]),
        good[2].clone(),
        rebuilt,
        same_sequence,
        good[2].clone(),
    ];
    let outcomes = submit(&world, "", &body(&records)).await?;
    let expect = [
        (201, ""),
        (400, "not-json"),
        (422, "source-not-logged"),
        (200, ""),
        (201, ""),
        (422, "build-not-logged"),
        (403, "threshold-not-met"),
        (200, ""),
        (413, "too-large"),
        (201, ""),
        (201, ""),
        (409, "sequence"),
        (200, ""),
    ];
    assert_eq!(statuses(&outcomes), expect);
    let index = |at: usize| taken(&outcomes[at]).map(|submitted| submitted.index);
    assert_eq!((index(7)?, index(12)?, index(3)?), (index(0)?, index(9)?, before));
    let size = taken(&outcomes[0])?.head.context("no head")?.size;
    assert_eq!((index(0)?, index(4)?, index(9)?, size), (before + 2, before + 3, before + 4, before + 7));
    for outcome in &outcomes {
        assert!(!matches!(outcome, Outcome::Refused(problem) if problem.detail.is_empty()), "{outcome:?}");
    }
    // All of it again is what it was, and nothing is logged.
    let again = submit(&world, "", &body(&records)).await?;
    let expect = expect.map(|(status, name)| if status == 201 { (200, name) } else { (status, name) });
    assert_eq!(statuses(&again), expect);
    assert_eq!(taken(&again[9])?.head.context("no head")?.size, size);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_batch_is_refused_whole() -> anyhow::Result<()> {
    let mut world = World::start(1, 1).await?;
    let before = world.get("/checkpoint").await?.body;
    let vendor = &world.vendor;
    let (good, many) = (body(&sources(vendor, 1)), body(&sources(vendor, MAX_BATCH + 1)));
    let long = [good.clone(), vec![b' '; MAX_BATCH_BYTES]].concat();
    let with = |bytes: &[u8]| [good.as_slice(), bytes].concat();
    let cases: [(&str, Vec<u8>, u16, &str); 8] = [
        ("", Vec::new(), 400, "empty-batch"),
        ("", b"\n".to_vec(), 400, "empty-line"),
        ("", with(b"\n"), 400, "empty-line"),
        ("", with(&with(b"\n\n")), 400, "empty-line"),
        ("", many, 413, "too-many-records"),
        ("", long, 413, "body-too-long"),
        ("?wait=now", good.clone(), 400, "unknown-parameter"),
        ("?proof=2", good.clone(), 400, "unknown-parameter"),
    ];
    for (query, body, status, name) in cases {
        let reply = world.post(&format!("{}{query}", api::BATCH), &body).await?;
        assert_eq!(refused(&reply), (status, name.into()), "{:?}", reply.body);
    }
    let too_long = world.post(api::RECORDS, &vec![b' '; MAX_SUBMISSION_BYTES + 1]).await?;
    assert_eq!(refused(&too_long), (413, "body-too-long".into()), "where one record goes, the bound is that of one");
    assert_eq!(world.get("/checkpoint").await?.body, before, "something was logged");

    // A queue with less room than a batch may have says so, for ever.
    world.log.take().context("the log")?.stop()?;
    configure(&world, "queue", 2)?;
    configure(&world, "queue_bytes", good.len() * 2)?;
    world.start_log().await?;
    let three = sources(&world.vendor, 3);
    assert_eq!(refused(&world.post(api::BATCH, &body(&three)).await?), (413, "too-large".into()));
    let longer = [&good[..good.len() - 1], &vec![b' '; good.len() + 2]].concat();
    assert_eq!(refused(&world.post(api::BATCH, &longer).await?), (413, "too-large".into()));
    assert_eq!(statuses(&submit(&world, "", &body(&three[..2])).await?), [(201, ""); 2]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_quorum_it_is_taken_or_not_taken() -> anyhow::Result<()> {
    let mut world = World::start(1, 1).await?;
    let published = vec![world.vendor.source("shield", b"published")];
    assert_eq!(statuses(&submit(&world, "", &body(&published)).await?), [(201, "")]);
    let witness = |world: &World, signal| world.witnesses[0].server.as_ref().context("the witness")?.signal(signal);
    witness(&world, Signal::STOP)?;
    let records = [published, release(&world.vendor, "shield", 1)].concat();
    let outcomes = submit(&world, "?wait=integrated&proof=1", &body(&records)).await?;
    assert_eq!(statuses(&outcomes), [(200, ""), (202, ""), (202, ""), (202, "")]);
    assert!(taken(&outcomes[0])?.proof.is_some() && taken(&outcomes[1])?.head.is_none());
    let last = taken(&outcomes[3])?.index;
    world.log.take().context("the log")?.stop()?;
    world.start_log_unconfirmed()?;
    let reply = world.post(api::BATCH, &body(&sources(&world.vendor, 2))).await?;
    assert_eq!(refused(&reply), (503, "not-confirmed".into()));
    witness(&world, Signal::CONT)?;
    while world.get("/readyz").await?.status != 200 {}
    let again = submit(&world, "", &body(&records)).await?;
    assert_eq!(statuses(&again), [(200, ""); 4]);
    assert_eq!(taken(&again[3])?.index, last);
    let size = taken(&again[3])?.head.context("no head")?.size;
    assert_eq!(size, last + 2, "what was refused is logged");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_verifies_what_it_is_answered() -> anyhow::Result<()> {
    let world = World::start(1, 1).await?;
    let vendor = &world.vendor;
    let log = Log::new(&world.url(""));
    assert_eq!(log.submit_batch(&[], WAIT).await?, []);
    // The log drops the signature of a stranger, so the entry is not what was sent; and one is not written as the log would.
    let payload = Record::parse_submission(&vendor.source("shield", b"two signers").envelope)?.payload;
    let signatures = [vendor.key(RoleName::Source).sign(&payload), Key::from_seed(99).sign(&payload)];
    let two_signers = record::envelope(&payload, &signatures)?;
    let pretty = String::from_utf8(vendor.source("shield", b"pretty").envelope)?.replace(',', ",\n  ").into_bytes();
    let unsourced = vendor.build(b"never deposited", b"other artifact").envelope;
    let envelopes = [two_signers, unsourced, pretty];
    let logged = log.submit_batch(&envelopes, WAIT).await?;
    assert_eq!(logged.len(), 3);
    let refusal = logged[1].as_ref().err().context("it was taken")?;
    assert_eq!((refusal.status, refusal.name.as_str()), (422, "source-not-logged"));
    for (at, envelope) in envelopes.iter().enumerate().filter(|(at, _)| *at != 1) {
        let one = logged[at].as_ref().map_err(|problem| anyhow::anyhow!("{problem:?}"))?;
        let record = Record::parse_submission(envelope)?;
        assert_eq!(one.id, record.id);
        assert_eq!(glarus::net::check_proof(&one.proof, one.index, &record, None)?, one.head);
    }

    // More than a batch can have.
    let many: Vec<_> = sources(vendor, MAX_BATCH + 1).into_iter().map(|source| source.envelope).collect();
    let logged = log.submit_batch(&many, WAIT).await?;
    assert_eq!(logged.len(), many.len());
    let size = checkpoint::open(&Note::parse(&world.get("/checkpoint").await?.body)?, &world.log_keys)?.head.size;
    let last = logged.last().and_then(|last| last.as_ref().ok()).context("the last was not taken")?;
    assert_eq!(last.index + 2, size, "a state entry follows the last");
    assert_eq!(logged[0].as_ref().map(|first| first.index + 1 + MAX_BATCH as u64), Ok(last.index));
    assert!(log.submit_batch(&many[..2], WAIT).await?.iter().flatten().all(|logged| logged.known));
    Ok(())
}
