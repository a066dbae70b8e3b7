//! The log and its witnesses together: quorum, stopping, sequences, what they serve.

use anyhow::{Context as _, ensure};
use glarus_tests::process::run_ok;
use glarus_tests::world::{World, text};
use rustix::process::Signal;
use spec::api::{self, Leading, Problem, Submitted, Updates};
use spec::bundle::Bundle;
use spec::checkpoint;
use spec::merkle::leaf_hash;
use spec::note::Note;
use spec::record::{Digest, Kind};
use spec::state::is_state_entry;
use spec::tile::{Path, Tile, parse_hashes};
use spec::tlog_proof::TlogProof;

/// The published checkpoint without its signatures, to which late cosignatures are added.
async fn published_text(world: &World) -> anyhow::Result<String> {
    Ok(Note::parse(&world.get("/checkpoint").await?.body)?.text)
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_quorum_nothing_is_published_and_nothing_is_lost() -> anyhow::Result<()> {
    let mut world = World::prepare(4, 3)?;
    world.set_wait_ms(50)?;
    world.start_log().await?;
    let before = published_text(&world).await?;
    for witness in world.witnesses.iter().take(2) {
        witness.server.as_ref().context("a witness")?.signal(Signal::STOP)?;
    }
    let authority = world.vendor.authority();
    let reply = world.post(api::RECORDS, &authority.envelope).await?;
    assert_eq!((reply.status, reply.location.as_deref()), (202, Some("/api/v1/proofs/2")));
    let submitted = Submitted::parse(&reply.body)?;
    assert_eq!((submitted.index, submitted.id, submitted.head), (2, authority.id, None));
    assert_eq!(published_text(&world).await?, before, "published without a quorum");
    assert_eq!(world.get("/api/v1/proofs/2").await?.status, 404);
    assert_eq!(world.get("/tile/entries/000.p/3").await?.status, 404, "an entry that is not cosigned is served");
    // It goes on sequencing.
    let source = world.post(api::RECORDS, &world.vendor.source("shield", b"archive").envelope).await?;
    assert_eq!(source.status, 202);
    for witness in world.witnesses.iter().take(2) {
        witness.server.as_ref().context("a witness")?.signal(Signal::CONT)?;
    }
    while world.get("/api/v1/proofs/4").await?.status != 200 {}
    let proof = TlogProof::parse(&world.get("/api/v1/proofs/2").await?.body)?;
    let entry = world.get("/api/v1/records/2").await?.body;
    proof.verify(&leaf_hash(&entry), &world.policy(3)?, &world.vendor.origin)?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_record_again_is_the_same_entry() -> anyhow::Result<()> {
    let mut world = World::start(1, 1).await?;
    let source = world.vendor.source("shield", b"archive");
    let first = world.submit(&source).await?;
    let again = world.post(api::RECORDS, &source.envelope).await?;
    assert_eq!((again.status, Submitted::parse(&again.body)?.index), (200, first.index));
    // Also after a restart, and whoever signed it.
    world.log.take().context("the log")?.stop()?;
    world.start_log().await?;
    let again = world.submit(&source).await?;
    assert_eq!((again.index, again.head), (first.index, first.head));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_updates_with_one_sequence_exactly_one_is_admitted() -> anyhow::Result<()> {
    let world = World::start(1, 1).await?;
    let vendor = &world.vendor;
    world.submit(&vendor.source("shield", b"archive")).await?;
    let build = vendor.build(b"archive", b"artifact");
    world.submit(&build).await?;
    let updates = (0..16).map(|number| {
        let mut statement = vendor.update_statement("shield", 1, &[build.id], b"artifact");
        if let spec::record::Predicate::Update(update) = &mut statement.predicate {
            update.version = format!("1.{number}");
        }
        glarus_tests::vendor::sign(&statement, vendor.key(spec::authority::RoleName::Update)).envelope
    });
    let (client, url) = (world.client.clone(), world.url(api::RECORDS));
    let post = |body: Vec<u8>| {
        let (client, url) = (client.clone(), url.clone());
        tokio::spawn(async move { client.post(&url, "application/json", body.into(), 1 << 20).await })
    };
    let racing: Vec<_> = updates.map(post).collect();
    let mut admitted = 0;
    for reply in racing {
        let reply = reply.await??;
        match reply.status {
            201 => admitted += 1,
            409 => assert_eq!(Problem::parse(&reply.body)?.name, "sequence"),
            status => panic!("{status}: {:?}", reply.body),
        }
    }
    assert_eq!(admitted, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_finishes_what_was_accepted() -> anyhow::Result<()> {
    let mut world = World::start(4, 3).await?;
    let post = |number: u64| {
        let body = world.vendor.source("shield", &number.to_be_bytes()).envelope;
        let (client, url) = (world.client.clone(), world.url(api::RECORDS));
        tokio::spawn(async move { client.post(&url, "application/json", body.into(), 1 << 20).await })
    };
    let running: Vec<_> = (0..200).map(post).collect();
    let status = world.log.take().context("the log")?.stop()?;
    assert_eq!(status.code(), Some(0), "{}", world.log_lines());
    let mut acknowledged = Vec::new();
    for reply in running {
        // A connection that came too late is refused; an answer must be true.
        if let Ok(reply) = reply.await? {
            ensure!(matches!(reply.status, 201 | 503), "{}: {:?}", reply.status, reply.body);
            if reply.status == 201 {
                acknowledged.push(Submitted::parse(&reply.body)?);
            }
        }
    }
    world.start_log().await?;
    for submitted in acknowledged {
        let reply = world.get(&api::record_path(&submitted.id)).await?;
        ensure!(reply.status == 200, "entry {} is gone", submitted.index);
    }
    for witness in &mut world.witnesses {
        assert_eq!(witness.server.take().context("a witness")?.stop()?.code(), Some(0));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_log_serves_is_one_tree() -> anyhow::Result<()> {
    let world = World::start(1, 1).await?;
    for number in 0..200_u64 {
        world.submit(&world.vendor.source("shield", &number.to_be_bytes())).await?;
    }
    let note = Note::parse(&world.get("/checkpoint").await?.body)?;
    let head = checkpoint::open(&note, &world.log_keys)?.head;
    assert_eq!(head.size, 404);
    let tile = |level, index, width| Path::Hashes(Tile { level, index }, width);
    let full = parse_hashes(&world.get(&format!("/{}", tile(0, 0, 256))).await?.body).context("a tile")?;
    let edge = parse_hashes(&world.get(&format!("/{}", tile(0, 1, 148))).await?.body).context("a tile")?;
    let above = parse_hashes(&world.get(&format!("/{}", tile(1, 0, 1))).await?.body).context("a tile")?;
    let mut tree = spec::merkle::Frontier::default();
    full.iter().chain(&edge).for_each(|leaf| tree.push(*leaf, |_, _| ()));
    assert_eq!(tree.head(), head);
    let mut first = spec::merkle::Frontier::default();
    full.iter().for_each(|leaf| first.push(*leaf, |_, _| ()));
    assert_eq!(above, [first.root()]);
    // A partial tile that was published once is a prefix of the full one.
    let partial = parse_hashes(&world.get(&format!("/{}", tile(0, 0, 17))).await?.body).context("a tile")?;
    assert_eq!(partial, full[..17]);
    let entries = world.get("/tile/entries/001.p/148").await?.body;
    let entries = spec::entry_bundle::parse(&entries)?;
    assert_eq!(entries.iter().map(|entry| leaf_hash(entry)).collect::<Vec<_>>(), edge);
    assert!(entries.last().is_some_and(|entry| is_state_entry(entry)), "the head's last entry is no state entry");
    let metrics = String::from_utf8(world.get("/metrics").await?.body.to_vec())?;
    for line in ["glarus_log_size 404", "glarus_log_published_size 404", "glarus_log_witness_size{"] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    assert_eq!(world.get("/healthz").await?.status, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_leads_from_the_file_to_the_source() -> anyhow::Result<()> {
    let world = World::start(4, 3).await?;
    let vendor = &world.vendor;
    world.submit(&vendor.source("shield", b"archive")).await?;
    let build = vendor.build(b"archive", b"artifact");
    world.submit(&build).await?;
    let update = vendor.update("shield", 1, &[build.id], b"artifact");
    world.submit(&update).await?;
    let reply = world.get(&api::bundle_path(&Digest::of(b"artifact"), None, None, None)).await?;
    ensure!(reply.status == 200, "{}: {:?}", reply.status, reply.body);
    assert_eq!(reply.content_type.as_deref(), Some(api::BUNDLE));
    let bundle = Bundle::parse(&reply.body)?;
    assert_eq!(bundle.records.len(), 3, "source, build and update");
    let status = world.get(&api::status_path("pkg:generic/acme/shield", "stable", Some(&update.id))).await?;
    assert_eq!((status.status, status.content_type.as_deref()), (200, Some(api::STATUS)));
    let status = spec::bundle::Status::parse(&status.body)?;
    // The checkpoint may have got a late cosignature meanwhile.
    assert!(
        status.map == bundle.status.map
            && status.records == bundle.status.records
            && status.state == bundle.status.state
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_force_and_which_updates_carry_a_file() -> anyhow::Result<()> {
    let world = World::start(1, 1).await?;
    let source = world.vendor.source("shield", b"archive");
    let build = world.vendor.build(b"archive", b"artifact");
    world.submit(&source).await?;
    world.submit(&build).await?;
    let mut want = Vec::new();
    for sequence in [1, 2] {
        let update = world.vendor.update("shield", sequence, &[build.id], b"artifact");
        let Submitted { index, id, .. } = world.submit(&update).await?;
        want.push((index, id, sequence, true));
    }
    let product = world.vendor.product("shield");
    let carrying = async |product: &str| {
        let reply = world.get(&api::updates_path(&Digest::of(b"artifact"), product)).await?;
        anyhow::Ok(Updates::parse(&reply.body)?.0)
    };
    let have: Vec<_> =
        carrying(product.as_str()).await?.into_iter().map(|one| (one.index, one.id, one.sequence, one.live)).collect();
    assert_eq!(have, want);
    // Of this product alone, though its name begins another's.
    assert_eq!(carrying(&product.as_str()[..product.as_str().len() - 1]).await?, []);
    let leading = async |kind: Kind, bytes: &[u8], product: &str| {
        let reply = world.get(&api::leading_path(kind, &Digest::of(bytes), product)).await?;
        anyhow::Ok(Leading::parse(&reply.body)?.0.map(|(_, id)| id))
    };
    let shield = product.as_str();
    assert_eq!(leading(Kind::Source, b"archive", shield).await?, Some(source.id));
    assert_eq!(leading(Kind::Build, b"artifact", shield).await?, Some(build.id));
    // Of another kind, of a product that it does not lead to, of nobody's namespace.
    assert_eq!(leading(Kind::Build, b"archive", shield).await?, None);
    assert_eq!(leading(Kind::Build, b"artifact", "pkg:generic/acme/other").await?, None);
    assert_eq!(leading(Kind::Source, b"archive", "pkg:generic/nobody/shield").await?, None);
    for (query, name) in [
        ("", "kind"),
        ("?kind=policy", "kind"),
        ("?kind=build", "missing-parameter"),
        ("?kind=update", "missing-parameter"),
        ("?kind=update&digest=00&product=pkg:a/b", "not-a-digest"),
        ("?kind=updates&colour=blue", "unknown-parameter"),
    ] {
        let reply = world.get(&format!("{}{query}", api::RECORDS)).await?;
        assert_eq!(Problem::parse(&reply.body)?.name, name, "{query}");
    }
    let value = world.get(&api::state_path(&spec::state::update_key(&want[0].1))).await?;
    assert_eq!((value.status, text_of(&value.body)), (200, format!("live {}\n", want[0].0)));
    let missing = world.get(&api::state_path("authority pkg:generic/nobody/")).await?;
    assert_eq!((missing.status, Problem::parse(&missing.body)?.name.as_str()), (404, "not-found"));
    Ok(())
}

fn text_of(body: &[u8]) -> String {
    String::from_utf8_lossy(body).into()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_copy_of_the_database_does_not_fork_the_log() -> anyhow::Result<()> {
    let mut world = World::start(4, 3).await?;
    world.log.take().context("the log")?.stop()?;
    let (db, copy) = (world.log_dir().join("db"), world.dir.path().join("old"));
    copy_files(&db, &copy)?;
    world.start_log().await?;
    world.submit(&world.vendor.source("shield", b"archive")).await?;
    world.log.take().context("the log")?.stop()?;
    let newest = world.dir.path().join("newest");
    std::fs::rename(&db, &newest)?;
    std::fs::rename(&copy, &db)?;

    world.start_log_unconfirmed()?;
    let reply = world.post(api::RECORDS, &world.vendor.source("shield", b"another").envelope).await?;
    assert_eq!((reply.status, Problem::parse(&reply.body)?.name.as_str()), (503, "not-confirmed"));
    while world.log_lines().matches("was an old copy of the database restored?").count() < 4 {
        assert_eq!(world.get("/readyz").await?.status, 503);
    }
    let metrics = String::from_utf8(world.get("/metrics").await?.body.to_vec())?;
    assert!(metrics.contains("glarus_log_batch_records_count 0"), "something was sequenced: {metrics}");
    // It still serves what it has, and stops when it is told to.
    assert_eq!(world.get("/tile/entries/000.p/4").await?.status, 200);
    assert_eq!(world.log.take().context("the log")?.stop()?.code(), Some(0));

    std::fs::remove_dir_all(&db)?;
    std::fs::rename(&newest, &db)?;
    world.start_log().await?;
    world.submit(&world.vendor.source("shield", b"another")).await?;
    Ok(())
}

/// A log made before ML-DSA-44 has one key, and its clients know no other.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_with_one_key_goes_on_signing_with_it() -> anyhow::Result<()> {
    let mut world = World::prepare(1, 1)?;
    world.start_log().await?;
    let both = Note::parse(&world.get("/checkpoint").await?.body)?;
    assert_eq!(both.signatures.iter().filter(|line| line.name == world.vendor.origin).count(), 2);
    checkpoint::open(&both, &world.log_keys[..1])?;
    checkpoint::open(&both, &world.log_keys[1..])?;
    assert!(world.log.take().context("the log")?.stop()?.success());

    std::fs::remove_file(world.log_dir().join("keys/log-ml-dsa-44.skey"))?;
    world.start_log().await?;
    assert!(world.log_lines().contains("checkpoints are signed with Ed25519 alone"), "{}", world.log_lines());
    world.submit(&world.vendor.authority()).await?;
    let one = Note::parse(&world.get("/checkpoint").await?.body)?;
    assert_eq!(one.signatures.iter().filter(|line| line.name == world.vendor.origin).count(), 1);
    checkpoint::open(&one, &world.log_keys[..1])?;
    assert!(checkpoint::open(&one, &world.log_keys[1..]).is_err());
    Ok(())
}

fn copy_files(from: &std::path::Path, to: &std::path::Path) -> anyhow::Result<()> {
    std::fs::create_dir(to)?;
    for file in std::fs::read_dir(from)? {
        let file = file?;
        std::fs::copy(file.path(), to.join(file.file_name()))?;
    }
    Ok(())
}

#[test]
fn the_demonstration_plays_on_small_files() -> anyhow::Result<()> {
    let dir = tempfile::TempDir::new()?;
    let file = |name: &str, bytes: &[u8]| -> anyhow::Result<String> {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes)?;
        Ok(text(&path).into())
    };
    let (archive, plain) = (file("source.tar", b"source")?, file("shield", b"an artifact of the source")?);
    let (stripped, folder) = (file("shield-stripped", b"another")?, dir.path().join("demo"));
    let said = run_ok("glarus-demo", &["--dir", text(&folder), "--files", &archive, &plain, &stripped])?;
    assert_eq!(said.matches("✗").count(), 9, "{said}");
    assert!(said.contains("may be installed") && said.contains("installed, byte for byte"), "{said}");
    Ok(())
}
