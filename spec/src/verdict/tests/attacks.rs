//! The attacks of the design that a client stops, each named as it is there.

use super::world::{self, THREE, World};
use super::*;
use crate::authority::Distrust;
use crate::cosignature;
use crate::record::What;
use crate::state::{Claim, Outcome, Rebuilt};

#[test]
fn a_doctored_update_for_one_customer() {
    // Signed by the vendor's stolen keys, and in no log: it takes the genuine one's place in the bundle.
    let mut fixture = Fixture::new();
    let mut other = Fixture::with(|world| {
        let build = world.id(9);
        world.force(
            world::update(&["doctored.pkg", "shield-7.2.0.sig"], "7.2.1", "linux-x86_64", 3, &[build]),
            &[23, 24],
        );
    });
    let doctored = other.world.entries[12].clone();
    fixture.bundle.records[3].entry = doctored;
    fixture.ask.sha256 = world::file("doctored.pkg").sha256;
    assert_eq!(fixture.refused(), "not-proved", "the state is not asked about another id");
    fixture.bundle.status.map.retain(|proved| !proved.key.starts_with("update "));
    let id = Record::parse_entry(&fixture.bundle.records[3].entry).unwrap().id;
    fixture.bundle.status.map.push(fixture.world.map_proved(&format!("update {id}"), 14));
    assert_eq!(fixture.refused(), "not-in-state");
    // With a state that says so, signed by the log alone.
    other.bundle = other.world.bundle(&[7, 8, 9, 12], other.world.size(), other.bundle.status.clone());
    other.bundle.checkpoint.signatures.truncate(1);
    assert_eq!(other.refused(), "quorum-not-met");
}

#[test]
fn the_log_shows_two_histories() {
    let mut fixture = Fixture::new();
    let head = TreeHead { size: 14, root: Hash([7; 32]) };
    fixture.memory.head = Some(seen(&fixture, head));
    assert_eq!(fixture.refused(), "fork");
}

#[test]
fn an_omitted_withdrawal() {
    let mut fixture = Fixture::with(|world| world.put(world::withdrawal(&[world.id(10)]), &[26]));
    fixture.bundle.status.records.retain(|record| record.index != 12);
    assert_eq!(fixture.refused(), "withdrawn");
    for at in 0..fixture.bundle.status.map.len() {
        let mut cut = Fixture::with(|world| world.put(world::withdrawal(&[world.id(10)]), &[26]));
        cut.bundle.status.map.remove(at);
        assert_eq!(cut.refused(), "not-proved");
    }
}

#[test]
fn an_omitted_newer_update() {
    let newer = |world: &mut World| {
        let build = world.id(9);
        world.force(world::update(&["shield-7.2.0.sig"], "7.2.1", "linux-x86_64", 3, &[build]), &[23, 24]);
    };
    assert_eq!(Fixture::with(newer).refused(), "superseded");
}

#[test]
fn an_old_authority() {
    let mut fixture = Fixture::with(|world| {
        let mut next = world::acme();
        (next.epoch, next.previous) = (1, Some(world.id(2)));
        next.distrust = vec![Distrust { keyid: world::keyid(25), from_index: 10 }];
        world.force(next.into_statement(), &[20]);
    });
    assert_eq!(fixture.refused(), "threshold-not-met");
    fixture.bundle.status.records.retain(|record| record.index != 12);
    assert_eq!(fixture.refused(), "authority-chain");
}

#[test]
fn a_stolen_update_key() {
    // The thief's update is logged; from its index on the vendor distrusts the key, and then nobody installs it.
    let stolen = |from_index| {
        let mut fixture = Fixture::with(|world| {
            let build = world.id(9);
            let update = world::update(&["shield-7.2.0.pkg"], "7.2.1", "linux-x86_64", 3, &[build]);
            world.force(update, &[24, 25]);
            let mut next = world::acme();
            (next.epoch, next.previous) = (1, Some(world.id(2)));
            next.distrust = vec![Distrust { keyid: world::keyid(25), from_index }];
            world.force(next.into_statement(), &[20]);
        });
        let size = fixture.sizes.1;
        fixture.indices = vec![7, 8, 9, 12];
        fixture.bundle = fixture.world.bundle(&fixture.indices, size, fixture.status(size, THREE));
        fixture.bundle.checkpoint = fixture.world.note(fixture.world.head(size), THREE);
        fixture
    };
    assert_eq!(stolen(13).refused(), "installable");
    assert_eq!(stolen(12).refused(), "threshold-not-met");
}

#[test]
fn an_update_of_another_products_source() {
    let sword = world::source("shield.tar", &["sword"], "7.2.0");
    assert_eq!(lawless(None, |it| logged(it, sword, plain_build(), plain_update)).refused(), "other-product");
}

#[test]
fn an_update_from_undeclared_source() {
    let lone = world::build(FILE, &[world::needs("undeclared.tar")]);
    assert_eq!(lawless(None, |it| logged(it, plain_source(), lone, plain_update)).refused(), "no-source");
}

const PUPPET: &str = "https://puppet.example";

#[test]
fn the_vendor_appoints_its_own_rebuilders() {
    let mut fixture = Fixture::with(|world| {
        world.force(world::party(PARTY).into_statement(), &[10]);
        world.force(world::party(PUPPET).into_statement(), &[10]);
        for build in [8, 9] {
            world.force(world::rebuild(PUPPET, world.id(build), Rebuilt::Passed), &[31]);
        }
    });
    fixture.trust.parties = vec![Party { name: PARTY.into(), authority: fixture.world.id(12) }];
    fixture.trust.rebuilds = 1;
    let Err(Refusal::NotRebuilt { have: 0, need: 1, .. }) = fixture.judge().verdict else { panic!() };
}

#[test]
fn the_vendors_root_speaks_for_a_party() {
    let mut fixture = Fixture::with(|world| {
        world.force(world::party(PARTY).into_statement(), &[10]);
        for build in [8, 9] {
            world.force(world::rebuild(PARTY, world.id(build), Rebuilt::Passed), &[31]);
        }
    });
    fixture.trust.rebuilds = 1;
    let genuine = world::authority(PARTY, &[(RoleName::Authority, 1, &[60]), (RoleName::Rebuild, 1, &[61])]);
    let authority = Digest::of(&crate::record::pae(genuine.into_statement().to_json().as_bytes()));
    fixture.trust.parties = vec![Party { name: PARTY.into(), authority }];
    let refusal = fixture.judge().verdict.unwrap_err();
    let (of, have) = (PARTY.into(), Some(fixture.world.id(12)));
    assert_eq!(refusal, Refusal::NotPinned { of, pin: authority, have });
}

#[test]
fn source_is_declared_but_not_handed_over() {
    let with = |word: Option<Outcome>| {
        let mut fixture = Fixture::with(|world| {
            world.force(world::party(PARTY).into_statement(), &[10]);
            // That it was examined somewhere is not that it is held.
            world.force(world::review(PARTY, world.id(7), What::Source(Claim::Examined), Outcome::Confirmed), &[32]);
            if let Some(outcome) = word {
                world.force(world::review(PARTY, world.id(7), What::Source(Claim::Held), outcome), &[32]);
            }
        });
        fixture.trust.parties = vec![Party { name: PARTY.into(), authority: fixture.world.id(12) }];
        fixture.trust.held = 1;
        fixture.refused()
    };
    assert_eq!(with(None), "not-held");
    assert_eq!(with(Some(Outcome::Contradicted)), "not-held");
    assert_eq!(with(Some(Outcome::Confirmed)), "installable");
}

#[test]
fn a_freeze_on_an_old_state() {
    let mut fixture = Fixture::new();
    fixture.now = T + 86_401;
    assert_eq!(fixture.refused(), "stale");
    // One hostile witness of the three that are needed does not make it younger.
    let late = &[(0, T), (2, T), (3, T + 86_400)];
    fixture.bundle.status.checkpoint = fixture.world.note(fixture.world.head(14), late);
    assert_eq!(fixture.refused(), "stale");
}

#[test]
fn a_rollback_also_by_way_of_another_channel() {
    let mut fixture = Fixture::new();
    fixture.memory.installed = Some(installed("stable", 3, 12));
    assert_eq!(fixture.refused(), "rollback");
    fixture.memory.installed = Some(installed("beta", 1, 12));
    assert_eq!(fixture.refused(), "rollback");
}

#[test]
fn the_vendor_replaces_the_clients_witnesses() {
    // A policy of the log alone, on record by the root's signature: nothing is judged by it.
    let mut fixture = Fixture::with(|world| {
        let text = format!("log {}\nwitness w {}\nquorum w\n", world.log_key().vkey(), mine().vkey());
        world.force(world::policy(&text, 0, None), &[10]);
    });
    let size = fixture.sizes.1;
    let text = fixture.bundle.status.checkpoint.text.clone();
    fixture.bundle.status.checkpoint.signatures.truncate(1);
    fixture.bundle.status.checkpoint.signatures.push(cosignature::sign(&text, T, &mine()));
    assert_eq!(fixture.refused(), "quorum-not-met");
    fixture.trust.parties = vec![party()];
    fixture.trust.follow = 1;
    let status = fixture.world.policy_status(size, THREE);
    let refusal = follow(status.to_json().as_bytes(), &fixture.trust, &fixture.memory, NOW).unwrap_err();
    assert_eq!(refusal, Refusal::PolicyNotConfirmed { epoch: 0, have: 0, need: 1 });
}

/// A witness of the vendor's own.
fn mine() -> Skey {
    Skey::from_seed("witness.acme.example", KeyKind::CosignatureEd25519, [70; 32]).unwrap()
}

#[test]
fn a_test_logs_records_are_replayed() {
    let mut fixture = Fixture::with(|world| {
        world.force(world::party(PARTY).into_statement(), &[10]);
        let mut rebuild = world::rebuild(PARTY, world.id(9), Rebuilt::Passed);
        if let Predicate::Rebuild(rebuild) = &mut rebuild.predicate {
            rebuild.log = "log.test.example".into();
        }
        world.force(rebuild, &[31]);
    });
    fixture.trust.parties = vec![Party { name: PARTY.into(), authority: fixture.world.id(12) }];
    assert_eq!(fixture.refused(), "wrong-log");
}

#[test]
fn one_witness_operator_is_counted_twice() {
    let mut fixture = Fixture::new();
    let again = &[(0, T), (0, T + 1), (2, T)];
    fixture.bundle.status.checkpoint = fixture.world.note(fixture.world.head(14), again);
    assert_eq!(fixture.refused(), "quorum-not-met");
    // Two keys of one name, each a unit of its own: refused before anything is counted.
    let other = Skey::from_seed("witness.example/ch-1", KeyKind::CosignatureEd25519, [71; 32]).unwrap();
    let text = fixture.world.policy("3");
    let text = text.replace("group ch 3", &format!("witness more {}\ngroup ch 4 more", other.vkey()));
    fixture.trust.policy = Policy::parse(text.as_bytes()).unwrap();
    assert_eq!(fixture.refused(), "weak-policy");
}

#[test]
fn a_quantum_computer_breaks_ed25519() {
    let strong =
        |at: u8| Skey::from_seed(&format!("witness.example/ch-{at}"), KeyKind::CosignatureMlDsa44, [80 + at; 32]);
    let witnesses: Vec<_> = (1..=4).map(|at| strong(at).unwrap()).collect();
    let mut fixture = Fixture::new();
    let lines = (1..).zip(&witnesses).map(|(at, skey)| format!("witness ch-{at} {}\n", skey.vkey()));
    let (log, lines) = (fixture.world.log_key().vkey(), lines.collect::<String>());
    let text = format!("log {log}\n{lines}group ch 3 ch-1 ch-2 ch-3 ch-4\nquorum ch\n");
    fixture.trust.policy = Policy::parse(text.as_bytes()).unwrap();
    // Whatever Ed25519 cosignatures there are: such a policy lists none of their keys.
    assert_eq!(fixture.refused(), "quorum-not-met");
    for note in [&mut fixture.bundle.checkpoint, &mut fixture.bundle.status.checkpoint] {
        let text = note.text.clone();
        note.signatures.extend(witnesses.iter().map(|skey| cosignature::sign(&text, T, skey)));
    }
    assert_eq!(fixture.refused(), "installable");
}

#[test]
fn a_stolen_log_key() {
    // It signs whatever head it likes; the witnesses do not cosign it.
    let mut fixture = Fixture::new();
    let head = TreeHead { size: 16, root: Hash([7; 32]) };
    fixture.bundle.status.checkpoint = fixture.world.note(head, &[(0, T)]);
    assert_eq!(fixture.refused(), "quorum-not-met");
}
