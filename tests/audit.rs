//! `glarus audit` and `glarus-log reindex` against logs that run, and against logs whose operator edits the rows by hand.

use anyhow::{Context as _, ensure};
use glarus_log::store::Store;
use glarus_tests::process::{run, run_ok};
use glarus_tests::tamper;
use glarus_tests::vendor::{Key, Signed, file, sign, wide_artifact};
use glarus_tests::world::{World, text};
use serde_json::Value;
use spec::authority::RoleName;
use spec::checkpoint::Checkpoint;
use spec::note::Note;
use spec::record::{Predicate, Source, Statement};
use spec::state;

/// Runs an audit; its exit code, and what it says.
fn audit(world: &World, more: &[&str]) -> anyhow::Result<(Option<i32>, Value)> {
    let (policy, url) = (world.dir.path().join("policy"), world.url(""));
    std::fs::write(&policy, world.policy_text(world.witnesses.len()))?;
    let arguments = [&["audit", &url, "--policy", text(&policy), "--json"], more].concat();
    let output = run("glarus", &arguments)?;
    let said = serde_json::from_slice(&output.stdout);
    Ok((output.status.code(), said.with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?))
}

/// Expects an audit to pass, and returns what it says.
fn passes(world: &World, more: &[&str]) -> anyhow::Result<Value> {
    let (code, said) = audit(world, more)?;
    ensure!(code == Some(0), "{code:?} {said}");
    Ok(said)
}

/// Expects an audit to name an entry and a rule.
fn names(world: &World, index: u64, rule: &str) -> anyhow::Result<()> {
    let (code, said) = audit(world, &[])?;
    ensure!(
        code == Some(1) && said["index"] == index && said["rule"] == rule,
        "not {rule} at {index}: {code:?} {said}"
    );
    Ok(())
}

/// A release of each product: entries 4 source, 6 build, 8 update of the first.
async fn world(products: &[&str]) -> anyhow::Result<(World, Vec<Signed>)> {
    let world = World::start(1, 1).await?;
    let mut updates = Vec::new();
    for product in products {
        let (archive, artifact) = (format!("{product}.tar"), format!("{product}.pkg"));
        world.submit(&world.vendor.source(product, archive.as_bytes())).await?;
        let build = world.vendor.build(archive.as_bytes(), artifact.as_bytes());
        world.submit(&build).await?;
        let update = world.vendor.update(product, 1, &[build.id], artifact.as_bytes());
        world.submit(&update).await?;
        updates.push(update);
    }
    Ok((world, updates))
}

async fn size(world: &World) -> anyhow::Result<u64> {
    let note = Note::parse(&world.get("/checkpoint").await?.body)?;
    Ok(Checkpoint::parse(&note.text)?.head.size)
}

/// Stops the log, changes its rows, starts it again, and waits until the head that this leads to is cosigned.
async fn behind_its_back<T>(world: &mut World, change: impl FnOnce(&Store) -> anyhow::Result<T>) -> anyhow::Result<T> {
    world.log.take().context("the log")?.stop()?;
    let store = tamper::open(world)?;
    let changed = change(&store)?;
    let need = store.committed()?.context("a head")?.head.size;
    drop(store);
    world.start_log().await?;
    while size(world).await? != need {}
    Ok(changed)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_log_passes_and_is_taken_up_where_an_audit_ended() -> anyhow::Result<()> {
    let (world, updates) = world(&["shield"]).await?;
    let said = passes(&world, &[])?;
    assert_eq!((&said["size"], &said["judged"], &said["resumed"]), (&10.into(), &5.into(), &0.into()), "{said}");
    assert_eq!(said["cosigned"].as_array().map(Vec::len), Some(1));
    let hashes = passes(&world, &["--hashes-only"])?;
    assert_eq!((&hashes["root"], &hashes["judged"]), (&said["root"], &Value::Null));

    let scratch = world.dir.path().join("scratch");
    let kept = ["--scratch", text(&scratch), "--keep"];
    passes(&world, &kept)?;
    assert_eq!(
        run("glarus", &[&["audit", &world.url(""), "--policy", "policy"], &kept[..]].concat())?.status.code(),
        Some(2)
    );
    // 600 entries: past the first bundle and its tile.
    for number in 0..295_u64 {
        world.submit(&world.vendor.source("shield", &number.to_be_bytes())).await?;
    }
    world.submit(&world.vendor.withdrawal(&[updates[0].id], b"shield.pkg")).await?;
    let resume = ["--scratch", text(&scratch), "--resume"];
    let said = passes(&world, &resume)?;
    assert_eq!((&said["size"], &said["judged"], &said["resumed"]), (&602.into(), &296.into(), &10.into()), "{said}");
    assert_eq!(passes(&world, &[])?["root"], said["root"]);
    // Nothing new; and the scratch directory of an audit that is not to be kept is gone.
    assert_eq!(passes(&world, &resume)?["judged"], 0);
    let other = world.dir.path().join("other");
    passes(&world, &["--scratch", text(&other)])?;
    ensure!(std::fs::read_dir(&other)?.next().is_none(), "rows are left behind");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_was_exchanged_or_deleted_is_named() -> anyhow::Result<()> {
    let (mut world, _) = world(&["shield"]).await?;
    let good = behind_its_back(&mut world, |store| {
        let (good, other) = (store.entry(4)?, store.entry(6)?);
        store.tamper("entries", &4_u64.to_be_bytes(), Some(&other))?;
        Ok(good)
    })
    .await?;
    names(&world, 4, "leaf-hash")?;
    let (code, said) = audit(&world, &["--hashes-only"])?;
    assert_eq!((code, &said["index"], &said["rule"]), (Some(1), &4.into(), &"leaf-hash".into()));
    behind_its_back(&mut world, |store| Ok(store.tamper("entries", &4_u64.to_be_bytes(), None)?)).await?;
    names(&world, 4, "entry-not-served")?;
    behind_its_back(&mut world, |store| Ok(store.tamper("entries", &4_u64.to_be_bytes(), Some(&good))?)).await?;
    passes(&world, &[])?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_nobody_authorised_is_named() -> anyhow::Result<()> {
    let (mut world, _) = world(&["shield"]).await?;
    let source = Source {
        log: world.vendor.origin.clone(),
        products: vec![world.vendor.product("shield")],
        version: "6.6.6".into(),
        held_at: Vec::new(),
    };
    let statement = Statement { subjects: vec![file("evil.tar", b"evil")], predicate: Predicate::Source(source) };
    let stranger = sign(&statement, &Key::from_seed(99));
    behind_its_back(&mut world, |store| Ok(tamper::append(store, vec![stranger.envelope], Vec::new())?)).await?;
    names(&world, 10, "threshold-not-met")
}

/// A bundle of some megabytes is judged in parts; an audit ends within one, and is taken up there.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_bundle_is_judged_to_its_last_entry() -> anyhow::Result<()> {
    let (mut world, _) = world(&["shield"]).await?;
    let scratch = world.dir.path().join("scratch");
    for (numbers, size) in [(0..30, 70), (30..60, 130)] {
        for number in numbers {
            world.submit(&world.vendor.large_authority(number, 0)).await?;
        }
        let more: &[&str] = if size == 70 { &["--keep"] } else { &["--keep", "--resume"] };
        let said = passes(&world, &[&["--scratch", text(&scratch)], more].concat())?;
        assert_eq!((&said["size"], &said["resumed"]), (&size.into(), &(if size == 70 { 0 } else { 70 }).into()));
    }
    let bundle = world.get("/tile/entries/000.p/130").await?.body.len();
    ensure!(bundle > 3 << 20, "{bundle} bytes are not several parts");
    passes(&world, &[])?;
    let second = world.vendor.large_authority(60, 1).envelope;
    behind_its_back(&mut world, |store| Ok(tamper::append(store, vec![second], Vec::new())?)).await?;
    names(&world, 130, "no-authority")
}

/// Two builds of 150 builds of a thousand products each ask for more rows than are read at once.
#[tokio::test(flavor = "multi_thread")]
async fn entries_that_ask_for_much_are_judged_in_turns() -> anyhow::Result<()> {
    let (mut world, _) = world(&["shield"]).await?;
    let sources = (0..16).map(|number| world.vendor.wide_source(number));
    let records: Vec<_> = sources.chain((0..150).map(|number| world.vendor.wide_build(number))).collect();
    for record in &records {
        world.submit(record).await?;
    }
    // From here on the rows of those builds are on disk alone.
    let scratch = world.dir.path().join("scratch");
    passes(&world, &["--scratch", text(&scratch), "--keep"])?;
    let of = |first: usize| (first..150).map(wide_artifact);
    let size = size(&world).await?;
    let large = [0, 1].map(|first| world.vendor.build_of(of(first), &[first as u8]).envelope);
    behind_its_back(&mut world, |store| Ok(tamper::append(store, large.into(), Vec::new())?)).await?;
    // Both are admissible, and the state that follows leaves them out.
    let (code, said) = audit(&world, &["--scratch", text(&scratch), "--resume"])?;
    let found = (&said["index"], &said["rule"]);
    assert_eq!((code, found), (Some(1), (&(size + 2).into(), &"state-root".into())), "{said}");
    names(&world, size + 2, "state-root")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_that_the_state_leaves_out_is_named() -> anyhow::Result<()> {
    let (mut world, updates) = world(&["shield"]).await?;
    let withdrawal = world.vendor.withdrawal(&[updates[0].id], b"shield.pkg");
    behind_its_back(&mut world, |store| Ok(tamper::append(store, vec![withdrawal.envelope], Vec::new())?)).await?;
    names(&world, 11, "state-root")
}

/// A log that lost rows takes what it should not: that stands in its entries.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_log_takes_that_lost_a_row_is_named() -> anyhow::Result<()> {
    let (mut world, _) = world(&["shield"]).await?;
    let key = state::channel_key(world.vendor.product("shield").as_str(), "stable");
    behind_its_back(&mut world, |store| Ok(store.tamper("state", key.as_bytes(), None)?)).await?;
    passes(&world, &[])?;
    let build = world.vendor.build(b"shield.tar", b"shield.pkg");
    let mut again = world.vendor.update_statement("shield", 1, &[build.id], b"shield.pkg");
    if let Predicate::Update(update) = &mut again.predicate {
        update.version = "0.9".into();
    }
    world.submit(&sign(&again, world.vendor.key(RoleName::Update))).await?;
    names(&world, 10, "sequence")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_that_too_few_cosigned_or_another_log_signed_is_named() -> anyhow::Result<()> {
    let mut world = World::prepare(3, 2)?;
    let all = world.policy_text(3);
    // The third witness does not answer.
    world.witnesses[2].server = None;
    world.start_log().await?;
    let policy = world.dir.path().join("all");
    std::fs::write(&policy, all)?;
    let other = World::prepare(1, 1)?;
    let (url, vkey) = (world.url(""), other.log_keys[0].to_string());
    let said = |arguments: &[&str]| -> anyhow::Result<(Option<i32>, Value)> {
        let output = run("glarus", &[&["audit", &url, "--json"], arguments].concat())?;
        Ok((output.status.code(), serde_json::from_slice(&output.stdout).context(String::from_utf8(output.stderr)?)?))
    };
    let (code, found) = said(&["--policy", text(&policy)])?;
    assert_eq!((code, &found["rule"]), (Some(1), &"quorum-not-met".into()), "{found}");
    let (code, found) = said(&["--vkey", &vkey])?;
    assert_eq!((code, &found["rule"]), (Some(1), &"checkpoint-not-signed".into()), "{found}");
    let own = world.log_keys[0].to_string();
    assert_eq!(said(&["--vkey", &own])?.0, Some(0));
    assert_eq!(said(&["--vkey", &own, "--origin", "other.example"])?.1["rule"], "other-log");
    assert_eq!(run("glarus", &["audit", &url])?.status.code(), Some(2), "no key is given");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_follow_from_the_entries_are_made_again() -> anyhow::Result<()> {
    let (mut world, updates) = world(&["shield", "sword"]).await?;
    world.submit(&world.vendor.withdrawal(&[updates[0].id], b"shield.pkg")).await?;
    world.log.take().context("the log")?.stop()?;
    let dir = world.log_dir();
    let reindex = |more: &[&str]| run("glarus-log", &[&["reindex", "--json", "--dir", text(&dir)], more].concat());
    // What the log wrote is what its entries give, byte by byte.
    let fresh: Value = serde_json::from_slice(&reindex(&[])?.stdout)?;
    assert_eq!((&fresh["size"], &fresh["differing"]), (&18.into(), &serde_json::json!({})));

    let store = tamper::open(&world)?;
    let channel = state::channel_key(world.vendor.product("sword").as_str(), "stable");
    store.tamper("state", channel.as_bytes(), None)?;
    store.tamper("ids", &updates[0].id.0, Some(b"damaged"))?;
    store.tamper("facts", b"never was", Some(b"a row"))?;
    store.tamper("tiles", &[0; 9], Some(&[7; 32]))?;
    store.tamper("map", &[0], None)?;
    drop(store);
    let damaged = reindex(&[])?;
    let differing = serde_json::json!({"facts": 1, "ids": 1, "map": 1, "state": 1, "tiles": 1});
    let said: Value = serde_json::from_slice(&damaged.stdout)?;
    assert_eq!((damaged.status.code(), &said["differing"]), (Some(1), &differing));
    assert_eq!(reindex(&["--repair"])?.status.code(), Some(0));
    run_ok("glarus-log", &["reindex", "--dir", text(&dir)])?;
    ensure!(
        !std::fs::read_dir(&dir)?
            .any(|entry| entry.is_ok_and(|entry| entry.file_name() != "db" && entry.path().join("CURRENT").exists()))
    );
    world.start_log().await?;
    passes(&world, &[])?;
    Ok(())
}
