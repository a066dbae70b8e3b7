//! What a log puts into bundles and statuses, as a client judges it: authorities of later epochs, words of parties,
//! withdrawals, and the policy on record.

use anyhow::{Context as _, ensure};
use glarus_tests::vendor::{Key, Signed, file, sign};
use glarus_tests::world::World;
use spec::api;
use spec::authority::{Authority, Namespace, Role, RoleName};
use spec::bundle::{Bundle, Status};
use spec::record::{
    Digest, MAX_UPDATES, Policy, Predicate, Rebuild, Record, Review, Severity, Statement, Subject, What,
};
use spec::state::{Claim, Outcome, Rebuilt};
use spec::verdict::{self, Ask, Installable, Latest, Memory, Party, Refusal, Stale, Trust};
use std::time::{SystemTime, UNIX_EPOCH};

const PARTY: &str = "https://rebuild.example.ch";
const OTHER: &str = "https://other.example";

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn authority(world: &World, namespace: &str, roles: &[(RoleName, &Key)]) -> anyhow::Result<Authority> {
    let keys = roles.iter().map(|(_, key)| (key.public().keyid(), key.public())).collect();
    let role = |key: &Key| Role { threshold: 1, keyids: vec![key.public().keyid()] };
    let roles = roles.iter().map(|(name, key)| (*name, role(key))).collect();
    let (log, namespace) = (world.vendor.origin.clone(), Namespace::parse(namespace)?);
    let (epoch, previous, distrust, allow_git_commit) = (0, None, Vec::new(), false);
    Ok(Authority { log, namespace, epoch, previous, keys, roles, distrust, allow_git_commit })
}

/// A party: one key for its authority, one for its rebuilds, one for its reviews.
struct Judge {
    name: &'static str,
    keys: [Key; 3],
    id: Digest,
}

impl Judge {
    async fn admitted(world: &World, name: &'static str, seed: u8) -> anyhow::Result<Self> {
        let keys = [seed, seed + 1, seed + 2].map(Key::from_seed);
        let [own, rebuild, review] = &keys;
        let roles = [(RoleName::Authority, own), (RoleName::Rebuild, rebuild), (RoleName::Review, review)];
        let signed = sign(&authority(world, name, &roles)?.into_statement(), &world.vendor.root);
        world.submit(&signed).await?;
        Ok(Self { name, keys, id: signed.id })
    }

    fn party(&self) -> Party {
        Party { name: self.name.into(), authority: self.id }
    }

    async fn rebuilds(&self, world: &World, build: Digest, outcome: Rebuilt, time: u64) -> anyhow::Result<()> {
        let (log, party) = (world.vendor.origin.clone(), Namespace::parse(self.name)?);
        let rebuild = Rebuild { log, party, build, outcome, time, rebuilt: Vec::new() };
        let subjects = vec![file("artifact", b"artifact")];
        let statement = Statement { subjects, predicate: Predicate::Rebuild(rebuild) };
        world.submit(&sign(&statement, &self.keys[1])).await.map(|_| ())
    }

    async fn reviews(&self, world: &World, of: Digest, what: What, subject: Subject) -> anyhow::Result<()> {
        let (log, party, outcome) = (world.vendor.origin.clone(), Namespace::parse(self.name)?, Outcome::Confirmed);
        let review = Review { log, of, party, what, outcome, time: 1_795_000_000, centre: "Glarus".into() };
        let statement = Statement { subjects: vec![subject], predicate: Predicate::Review(review) };
        world.submit(&sign(&statement, &self.keys[2])).await.map(|_| ())
    }
}

/// A release: source, build, update, and the archive that they come from.
struct Release {
    source: Signed,
    build: Signed,
    update: Signed,
}

async fn release(world: &World, sequence: u64, archive: &[u8]) -> anyhow::Result<Release> {
    let vendor = &world.vendor;
    let (source, build) = (vendor.source("shield", archive), vendor.build(archive, b"artifact"));
    let update = vendor.update("shield", sequence, &[build.id], b"artifact");
    for signed in [&source, &build, &update] {
        world.submit(signed).await?;
    }
    Ok(Release { source, build, update })
}

/// The next epoch of the vendor's authority, its keys the same.
async fn next_epoch(world: &World, number: u64, previous: Digest) -> anyhow::Result<Digest> {
    let roles: Vec<_> = world.vendor.keys.iter().map(|(name, key)| (*name, key)).collect();
    let mut next = authority(world, &world.vendor.namespace, &roles)?;
    (next.epoch, next.previous) = (number, Some(previous));
    let signed = sign(&next.into_statement(), world.vendor.key(RoleName::Authority));
    world.submit(&signed).await?;
    Ok(signed.id)
}

fn trust(world: &World, authority: Digest, parties: &[&Judge]) -> anyhow::Result<Trust> {
    let needed = u64::try_from(parties.len())?;
    Ok(Trust {
        product: world.vendor.product("shield"),
        origin: world.vendor.origin.clone(),
        policy: world.policy(3)?,
        authority,
        max_age_s: 3_600,
        stale: Stale::Refuse,
        latest: Latest::Require,
        parties: parties.iter().map(|judge| judge.party()).collect(),
        rebuilds: needed,
        held: needed,
        no_rebuild: Vec::new(),
        allow_git_commit: false,
        follow: needed,
        policy_epoch: None,
    })
}

/// The verdict on the artifact by the bundle that the log makes now.
async fn judge(world: &World, trust: &Trust, query: &str) -> anyhow::Result<Result<Installable, Refusal>> {
    let sha256 = Digest::of(b"artifact");
    let (product, channel, target) = (trust.product.clone(), "stable".into(), String::new());
    let ask = Ask { sha256, name: None, manifest: None, product, channel, target };
    let reply = world.get(&format!("{}{query}", api::bundle_path(&sha256, None, None, None))).await?;
    ensure!(reply.status == 200, "{}: {:?}", reply.status, reply.body);
    Ok(verdict::judge(&ask, &reply.body, trust, &Memory::default(), now()).verdict)
}

async fn status(world: &World, path: &str) -> anyhow::Result<Status> {
    let reply = world.get(path).await?;
    ensure!(reply.status == 200, "{path}: {}: {:?}", reply.status, reply.body);
    Ok(Status::parse(&reply.body)?)
}

fn kinds(status: &Status) -> anyhow::Result<Vec<&'static str>> {
    status.records.iter().map(|proved| Ok(Record::parse_entry(&proved.entry)?.kind().name())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_has_what_parties_said_last() -> anyhow::Result<()> {
    let world = World::start(4, 3).await?;
    let vendor = world.vendor.authority();
    let Release { source, build, update } = release(&world, 1, b"archive").await?;
    let (party, other) = (Judge::admitted(&world, PARTY, 40).await?, Judge::admitted(&world, OTHER, 50).await?);
    let trust = trust(&world, vendor.id, &[&party])?;
    assert!(matches!(judge(&world, &trust, "").await?, Err(Refusal::NotHeld { have: 0, need: 1, .. })));
    party.reviews(&world, source.id, What::Source(Claim::Held), file("source.tar", b"archive")).await?;
    assert!(matches!(judge(&world, &trust, "").await?, Err(Refusal::NotRebuilt { have: 0, need: 1, .. })));
    party.rebuilds(&world, build.id, Rebuilt::Failed, 1_795_000_000).await?;
    assert!(matches!(judge(&world, &trust, "").await?, Err(Refusal::RebuildFailed { .. })));
    party.rebuilds(&world, build.id, Rebuilt::Passed, 1_795_000_001).await?;
    let installable = judge(&world, &trust, "").await??;
    assert_eq!(
        (&installable.builds[0].rebuilt, &installable.sources[0].held),
        (&vec![PARTY.into()], &vec![PARTY.into()])
    );
    // Whoever does not count changes nothing, and can be left out.
    other.rebuilds(&world, build.id, Rebuilt::Failed, 1_795_000_002).await?;
    assert!(judge(&world, &trust, "").await?.is_ok());
    assert!(judge(&world, &trust, &format!("?party={PARTY}")).await?.is_ok());
    let path = api::status_path(trust.product.as_str(), "stable", Some(&update.id));
    let all = status(&world, &path).await?;
    assert_eq!(kinds(&all)?, ["authority", "authority", "authority", "review", "rebuild", "rebuild"]);
    let mine = status(&world, &format!("{path}&party={PARTY}")).await?;
    assert_eq!(kinds(&mine)?, ["authority", "authority", "review", "rebuild"]);
    let reply = world.get(&format!("{path}&partie={PARTY}")).await?;
    assert_eq!(reply.status, 400, "a misspelt parameter is refused");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_has_the_chain_of_authorities() -> anyhow::Result<()> {
    let world = World::start(4, 3).await?;
    let first = world.vendor.authority().id;
    let update = release(&world, 1, b"archive").await?.update;
    let second = next_epoch(&world, 1, first).await?;
    let third = next_epoch(&world, 2, second).await?;
    for pin in [first, second, third] {
        let installable = judge(&world, &trust(&world, pin, &[])?, "").await??;
        assert_eq!((installable.authority, installable.epoch), (third, 2));
    }
    // Epochs that are had are left out where nothing needs them.
    let product = world.vendor.product("shield");
    let path = |update: &Digest, have: &Digest| {
        format!("{}&have={have}", api::status_path(product.as_str(), "stable", Some(update)))
    };
    assert_eq!(status(&world, &path(&update.id, &second)).await?.records.len(), 3, "the update is older");
    let newer = release(&world, 2, b"newer").await?.update;
    for (have, records) in [(first, 3), (second, 2), (third, 1), (Digest([0; 32]), 3)] {
        assert_eq!(status(&world, &path(&newer.id, &have)).await?.records.len(), records);
    }
    for (pin, fine) in [(first, false), (second, true), (third, true)] {
        let sha256 = Digest::of(b"artifact");
        let mut bundle = Bundle::parse(&world.get(&api::bundle_path(&sha256, None, None, None)).await?.body)?;
        bundle.status = status(&world, &path(&newer.id, &second)).await?;
        let (product, channel, target) = (product.clone(), "stable".into(), String::new());
        let ask = Ask { sha256, name: None, manifest: None, product, channel, target };
        let trust = trust(&world, pin, &[])?;
        let judged = verdict::judge(&ask, bundle.to_json().as_bytes(), &trust, &Memory::default(), now());
        assert_eq!(judged.verdict.is_ok(), fine, "{:?}", judged.verdict);
    }
    let reply = world.get(&format!("{}&have=x", api::status_path(product.as_str(), "stable", None))).await?;
    assert_eq!(reply.status, 400);
    Ok(())
}

/// A log whose vendor may withdraw, and the vendor's authority.
async fn withdrawing() -> anyhow::Result<(World, Signed)> {
    let mut world = World::prepare(4, 3)?;
    world.vendor.keys.insert(RoleName::Withdraw, Key::from_seed(19));
    world.start_log().await?;
    let vendor = world.vendor.authority();
    world.submit(&vendor).await?;
    Ok((world, vendor))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawn_update_says_why() -> anyhow::Result<()> {
    let (world, vendor) = withdrawing().await?;
    let update = release(&world, 1, b"archive").await?.update;
    let signed = world.vendor.withdrawal(&[update.id], b"artifact");
    world.submit(&signed).await?;
    let refusal = judge(&world, &trust(&world, vendor.id, &[])?, "").await?.err().context("it is installable")?;
    let Refusal::Withdrawn { by, says: Some(says), .. } = refusal else { panic!("{refusal:?}") };
    assert_eq!((by, says.severity), (signed.id, Severity::High));
    let status = status(&world, &api::status_path("pkg:generic/acme/shield", "stable", Some(&update.id))).await?;
    assert_eq!(kinds(&status)?, ["authority", "withdrawal"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_a_withdrawn_update_carried_too_is_of_the_update_before() -> anyhow::Result<()> {
    let (world, vendor) = withdrawing().await?;
    let first = release(&world, 1, b"archive").await?;
    let bad = world.vendor.build(b"archive", b"bad");
    let mut second = world.vendor.update_statement("shield", 2, &[first.build.id, bad.id], b"artifact");
    second.subjects.push(file("bad", b"bad"));
    let second = sign(&second, world.vendor.key(RoleName::Update));
    for signed in [&bad, &second, &world.vendor.withdrawal(&[second.id], b"bad")] {
        world.submit(signed).await?;
    }
    let installable = judge(&world, &trust(&world, vendor.id, &[])?, "").await??;
    assert_eq!((installable.sequence, installable.update), (1, first.update.id));
    Ok(())
}

/// A file in more updates than a record can name: until the next record names the last of them, that one is live.
#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawn_file_is_of_no_update_in_force() -> anyhow::Result<()> {
    let (world, vendor) = withdrawing().await?;
    let first = release(&world, 1, b"archive").await?;
    let mut updates = Vec::new();
    for sequence in (2..).take(MAX_UPDATES) {
        let update = world.vendor.update("shield", sequence, &[first.build.id], b"artifact");
        world.submit(&update).await?;
        updates.push(update.id);
    }
    world.submit(&world.vendor.withdrawal(&updates, b"artifact")).await?;
    let refusal = judge(&world, &trust(&world, vendor.id, &[])?, "").await?.err().context("it is installable")?;
    assert!(matches!(refusal, Refusal::Withdrawn { .. }), "{refusal:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_is_followed_once_a_party_confirmed_it() -> anyhow::Result<()> {
    let world = World::start(4, 3).await?;
    let vendor = world.vendor.authority();
    release(&world, 1, b"archive").await?;
    let party = Judge::admitted(&world, PARTY, 40).await?;
    assert_eq!(world.get(&api::policy_path(0)).await?.status, 404);
    let (log, text) = (world.vendor.origin.clone(), world.policy_text(4));
    let policy = Policy { log: log.clone(), epoch: 0, previous: None, policy: text.clone() };
    let subjects = vec![Subject::of_name(&log)];
    let signed = sign(&Statement { subjects, predicate: Predicate::Policy(policy) }, &world.vendor.root);
    world.submit(&signed).await?;
    let mut trust = trust(&world, vendor.id, &[&party])?;
    let follow = async |trust: &Trust| {
        let reply = world.get(&api::policy_path(0)).await?;
        ensure!(reply.status == 200, "{}: {:?}", reply.status, reply.body);
        Ok(verdict::follow(&reply.body, trust, &Memory::default(), now()))
    };
    assert!(matches!(follow(&trust).await?, Err(Refusal::PolicyNotConfirmed { have: 0, need: 1, .. })));
    party.reviews(&world, signed.id, What::Policy, Subject::of_name(&log)).await?;
    let followed = follow(&trust).await??;
    assert_eq!((followed.epoch, followed.id, followed.text), (0, signed.id, text));
    (trust.rebuilds, trust.held) = (0, 0);
    let reported = judge(&world, &trust, "").await??.policy.context("no policy is reported")?;
    assert_eq!((reported.epoch, reported.confirmed), (0, vec![PARTY.to_string()]));
    assert_eq!(world.get(&api::policy_path(1)).await?.status, 404);
    Ok(())
}
