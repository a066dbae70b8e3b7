//! Steps 9 to 11, 16 and 17 for what parties say, and step 13 for the withdrawal.

use super::world::{self, ORIGIN, THREE, World};
use super::*;
use crate::authority::Distrust;
use crate::record::{Severity, What};
use crate::state::{Claim, Outcome, Rebuilt};

const HELD: What = What::Source(Claim::Held);
const EXAMINED: What = What::Source(Claim::Examined);
const OTHER: &str = "https://other.example";

/// The party, entry 12, passed both builds, entries 13 and 14, and holds the source, entry 15.
fn speak(world: &mut World) {
    world.force(world::party(PARTY).into_statement(), &[10]);
    world.force(world::rebuild(PARTY, world.id(8), Rebuilt::Passed), &[31]);
    world.force(world::rebuild(PARTY, world.id(9), Rebuilt::Passed), &[31]);
    world.force(world::review(PARTY, world.id(7), HELD, Outcome::Confirmed), &[32]);
}

/// A fixture in which that was said, and what `more` logs; its trust demands all of it.
fn spoken(more: impl FnOnce(&mut World)) -> Fixture {
    let mut fixture = Fixture::with(|world| {
        speak(world);
        more(world);
    });
    let authority = fixture.world.id(12);
    fixture.trust.parties = vec![Party { name: PARTY.into(), authority }];
    (fixture.trust.rebuilds, fixture.trust.held) = (1, 1);
    fixture
}

#[test]
fn what_parties_said() {
    let fixture = spoken(|world| world.put(world::review(PARTY, world.id(7), EXAMINED, Outcome::Confirmed), &[32]));
    let installable = fixture.installable();
    for build in &installable.builds {
        assert_eq!(build.rebuilt, [PARTY]);
    }
    let source = &installable.sources[0];
    assert_eq!(
        (source.held.as_slice(), source.examined.as_slice()),
        (&[PARTY.to_string()][..], &[PARTY.to_string()][..])
    );
    assert_eq!(installable.warnings, []);
    // Who does not count is not shown.
    let mut fixture = spoken(|_| ());
    fixture.trust.parties.clear();
    (fixture.trust.rebuilds, fixture.trust.held) = (0, 0);
    let installable = fixture.installable();
    assert!(installable.builds.iter().all(|build| build.rebuilt.is_empty()));
    assert_eq!(installable.sources[0].held, Vec::<String>::new());
}

/// What is logged otherwise.
type Logged = fn(&mut World);

/// Each is one change of what is logged, or of what the bundle has of it.
#[test]
fn each_word_is_proved() {
    let cases: &[(&str, Logged, Change)] = &[
        ("installable", |_| (), |_| ()),
        // Left out of the status.
        ("word-missing", |_| (), |it| it.bundle.status.records.retain(|record| record.index != 13)),
        ("word-missing", |_| (), |it| it.bundle.status.records.retain(|record| record.index != 15)),
        ("authority-chain", |_| (), |it| it.bundle.status.records.retain(|record| record.index != 12)),
        ("not-proved", |_| (), |it| it.bundle.status.map.retain(|proved| !proved.key.contains(PARTY))),
        // Not in the log, or elsewhere.
        ("not-included", |_| (), |it| it.bundle.status.records[2].proof[0] = Hash([7; 32])),
        (
            "index-differs",
            |_| (),
            |it| {
                let last = it.bundle.status.records.len() - 1;
                it.bundle.status.records[last].index += 1;
            },
        ),
        // Not the party's keys.
        ("threshold-not-met", |world| again(world, &[32], ORIGIN), |_| ()),
        ("threshold-not-met", |world| world.put(held(Outcome::Confirmed, world, PARTY), &[31]), |_| ()),
        (
            "threshold-not-met",
            |world| {
                let mut next = world::party(PARTY);
                (next.epoch, next.previous) = (1, Some(world.id(12)));
                next.distrust = vec![Distrust { keyid: world::keyid(31), from_index: 14 }];
                world.force(next.into_statement(), &[30]);
            },
            |_| (),
        ),
        // Made for another log.
        ("wrong-log", |world| again(world, &[31], "log.test.example"), |_| ()),
        // The last word counts, in either direction.
        ("rebuild-failed", |world| failed(world, 8, PARTY), |_| ()),
        (
            "rebuild-failed",
            |world| failed(world, 9, PARTY),
            |it| it.trust.no_rebuild = vec!["https://acme.example/builder".into()],
        ),
        (
            "installable",
            |world| {
                failed(world, 9, PARTY);
                again(world, &[31], ORIGIN);
            },
            |_| (),
        ),
        ("not-held", |world| world.put(held(Outcome::Contradicted, world, PARTY), &[32]), |_| ()),
        // An earlier word of the same party is one too many.
        (
            "surplus-record",
            |world| again(world, &[31], ORIGIN),
            |it| {
                it.bundle.status.records.insert(3, it.world.proved(14, it.sizes.1));
            },
        ),
        // The state lies about a record.
        (
            "word-differs",
            |world| {
                let value = format!("build 9\n{PARTY} PASSED {} 13\n", world.id(13));
                world.lie(&world.key_of(Kind::Build, 9), Some(&value));
            },
            |_| (),
        ),
        (
            "word-differs",
            |world| {
                let value = format!("build 9\n{PARTY} FAILED {} 14\n", world.id(14));
                world.lie(&world.key_of(Kind::Build, 9), Some(&value));
            },
            |_| (),
        ),
        (
            "word-differs",
            |world| {
                let value = format!("{PARTY} examined confirmed {} 15\nsource 7\n", world.id(15));
                world.lie(&world.key_of(Kind::Source, 7), Some(&value));
            },
            |_| (),
        ),
        (
            "index-differs",
            |world| {
                let value = format!("build 9\n{PARTY} PASSED {} 13\n", world.id(14));
                world.lie(&world.key_of(Kind::Build, 9), Some(&value));
            },
            |_| (),
        ),
        (
            "surplus-record",
            |_| (),
            |it| {
                // A rebuild that no value names: of a build that is none of the bundle's.
                let at = it.bundle.status.records.iter().position(|record| record.index == 13).unwrap();
                it.bundle.records.retain(|record| record.index != 8);
                assert_eq!(it.bundle.status.records[at].index, 13);
            },
        ),
        // More are demanded than there are.
        ("too-few-parties", |_| (), |it| it.trust.rebuilds = 2),
        (
            "not-rebuilt",
            |_| (),
            |it| {
                it.trust.parties.push(Party { name: OTHER.into(), authority: Digest([1; 32]) });
                it.trust.rebuilds = 2;
            },
        ),
        (
            "not-held",
            |_| (),
            |it| {
                it.trust.parties.push(Party { name: OTHER.into(), authority: Digest([1; 32]) });
                it.trust.held = 2;
            },
        ),
        // By name and pin; a party named twice counts once, and both pins must be right.
        ("not-pinned", |_| (), |it| it.trust.parties[0].authority = Digest([1; 32])),
        (
            "not-pinned",
            |_| (),
            |it| {
                it.trust.parties.push(Party { name: PARTY.into(), authority: Digest([1; 32]) });
            },
        ),
        // Others may say what they want, as long as it is in the log.
        ("installable", |world| others(world), |_| ()),
        (
            "not-included",
            |world| others(world),
            |it| {
                let last = it.bundle.status.records.len() - 1;
                it.bundle.status.records[last].proof[0] = Hash([7; 32]);
            },
        ),
        ("installable", |world| others(world), |it| drop(it.bundle.status.records.pop())),
    ];
    for (at, (name, more, change)) in cases.iter().enumerate() {
        let mut fixture = spoken(more);
        change(&mut fixture);
        assert_eq!(fixture.refused(), *name, "word {at}");
    }
}

type Change = fn(&mut Fixture);

/// The party says PASSED of the last build once more.
fn again(world: &mut World, seeds: &[u8], origin: &str) {
    let mut rebuild = world::rebuild(PARTY, world.id(9), Rebuilt::Passed);
    if let Predicate::Rebuild(rebuild) = &mut rebuild.predicate {
        (rebuild.time, rebuild.log) = (T - 400, origin.into());
    }
    world.force(rebuild, seeds);
}

fn failed(world: &mut World, build: u64, party: &str) {
    world.force(world::rebuild(party, world.id(build), Rebuilt::Failed), &[31]);
}

fn held(outcome: Outcome, world: &World, party: &str) -> Statement {
    let mut review = world::review(party, world.id(7), HELD, outcome);
    if let Predicate::Review(review) = &mut review.predicate {
        review.time = T - 300;
    }
    review
}

/// Another party says the contrary of it all.
fn others(world: &mut World) {
    world.force(world::party(OTHER).into_statement(), &[10]);
    failed(world, 9, OTHER);
    world.force(held(Outcome::Contradicted, world, OTHER), &[32]);
}

#[test]
fn a_contradiction_is_shown() {
    let mut fixture = spoken(|world| {
        world.force(world::review(PARTY, world.id(7), EXAMINED, Outcome::Contradicted), &[32]);
    });
    let source = fixture.world.id(7);
    let warning =
        Warning::Contradicted { source, party: PARTY.into(), claim: Claim::Examined, by: fixture.world.id(16) };
    assert_eq!(fixture.installable().warnings, [warning]);
    fixture.trust.parties.clear();
    (fixture.trust.rebuilds, fixture.trust.held) = (0, 0);
    assert_eq!(fixture.installable().warnings, []);
}

#[test]
fn who_is_missing_is_told() {
    let mut fixture = spoken(|_| ());
    fixture.bundle.status.records.retain(|record| record.index != 14);
    let refusal = fixture.judge().verdict.unwrap_err();
    let (build, id) = (fixture.world.id(9), fixture.world.id(14));
    let words = format!(
        "the log's state has under \"build {build}\" that {PARTY} says PASSED; the status lacks the record of that, {id}"
    );
    assert_eq!((refusal.to_string(), refusal.todo()), (words, Todo::FetchNewer));
}

/// What was said stands in the memory with what proves it, what others said does not.
#[test]
fn words_are_remembered() {
    let newer = spoken(others);
    let asked = spoken(|_| ()).bundle.status.records.iter().map(|record| record.index).collect::<Vec<_>>();
    let learned = newer.judge().learned.unwrap();
    let kept = learned.status.clone().unwrap();
    assert_eq!(kept.records.iter().map(|record| record.index).collect::<Vec<_>>(), asked);
    assert!(kept.map.iter().all(|proved| !proved.key.contains(OTHER)));
    let mut older = spoken(others);
    older.bundle.status = older.status(12, &[(0, T - 1_500), (1, T - 1_500), (2, T - 1_400)]);
    assert_eq!(older.refused(), "not-held");
    older.memory.learn(learned);
    assert_eq!(older.installable().builds[0].rebuilt, [PARTY]);
}

/// A status whose words are damaged is not remembered.
#[test]
fn nobody_plants_a_damaged_word() {
    let mut fixture = spoken(|_| ());
    fixture.bundle.status.records[2].proof[0] = Hash([7; 32]);
    assert_eq!(fixture.judge().learned.unwrap().status, None);
}

fn withdrawn(seeds: &'static [u8]) -> Fixture {
    Fixture::with(|world| world.put(world::withdrawal(&[world.id(10)]), seeds))
}

#[test]
fn a_withdrawal_says_why() {
    let mut fixture = withdrawn(&[26]);
    let refusal = fixture.judge().verdict.unwrap_err();
    let Refusal::Withdrawn { index: 10, by, says: Some(says), .. } = &refusal else { panic!("{refusal:?}") };
    assert_eq!((*by, says.severity), (fixture.world.id(12), Severity::Critical));
    let details = [
        ("reason", "it deletes what it should keep".to_string()),
        ("severity", "critical".into()),
        ("instead", "none named".into()),
    ];
    assert_eq!(refusal.details(), details);
    // Left out, the state refuses all the same.
    fixture.bundle.status.records.pop();
    let refusal = fixture.judge().verdict.unwrap_err();
    assert!(matches!(refusal, Refusal::Withdrawn { says: None, .. }) && refusal.details().is_empty());
}

#[test]
fn a_withdrawal_is_proved() {
    let mut fixture = withdrawn(&[26]);
    fixture.bundle.status.records[1].proof[0] = Hash([7; 32]);
    assert_eq!(fixture.refused(), "not-included");
    assert_eq!(withdrawn(&[21]).refused(), "threshold-not-met");
    // One of another update is one too many, and one that does not name this update proves that the state lies.
    let mut live = Fixture::with(|world| world.put(world::withdrawal(&[world.id(5)]), &[26]));
    assert_eq!(live.refused(), "installable");
    let (records, keys) = live.world.stated(&live.indices, &live.ask.product, "stable", live.sizes.1);
    let records = [records, vec![12]].concat();
    live.bundle.status = live.world.status(live.sizes.1, THREE, &records, &keys);
    assert_eq!(live.refused(), "surplus-record");
    let lied = Fixture::with(|world| {
        let (by, _) = world.force(world::withdrawal(&[world.id(5)]), &[26]);
        world.lie(&world.key_of(Kind::Update, 10), Some(&format!("withdrawn 10 {by}\n")));
    });
    assert_eq!(lied.refused(), "word-differs");
}
