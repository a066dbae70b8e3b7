//! Step 9: authority chains of any epoch; step 11 by the epoch that governs a record, less what the one in force distrusts.

use super::world::{self, ACME, THREE, World};
use super::*;
use crate::authority::{Authority, Distrust, Role};

/// The epoch after one of acme's, its update keys rotated: two of 24, 25 and 27.
fn rotated(number: u64, previous: Digest) -> Authority {
    use RoleName::{Authority, Build, Source, Update};
    let roles: &[(RoleName, u64, &[u8])] =
        &[(Authority, 1, &[20]), (Source, 1, &[21]), (Build, 1, &[21]), (Update, 2, &[24, 25, 27])];
    let mut next = world::authority(ACME, roles);
    (next.epoch, next.previous) = (number, Some(previous));
    next
}

/// A fixture with these epochs logged after its records, each by these keys.
fn with_epochs(epochs: impl FnOnce(&mut World)) -> Fixture {
    Fixture::with(epochs)
}

fn pinned(mut fixture: Fixture, index: u64) -> Fixture {
    fixture.trust.authority = fixture.world.id(index);
    fixture
}

#[test]
fn rotation_unmakes_nothing() {
    let two = |world: &mut World| {
        let (one, _) = world.force(rotated(1, world.id(2)).into_statement(), &[20]);
        world.force(rotated(2, one).into_statement(), &[20]);
    };
    for pin in [2, 12, 13] {
        let fixture = pinned(with_epochs(two), pin);
        let installable = fixture.installable();
        assert_eq!((installable.authority, installable.epoch), (fixture.world.id(13), 2), "pinned is {pin}");
    }
    // What is pinned must be an epoch of it.
    let fixture = pinned(with_epochs(two), 0);
    assert_eq!(fixture.refused(), "not-pinned");
}

#[test]
fn a_chain_is_whole() {
    type Edit = fn(&mut World);
    let cases: &[(&str, u64, Edit)] = &[
        ("installable", 2, |world| world.put(rotated(1, world.id(2)).into_statement(), &[20])),
        // Not signed by the epoch before.
        ("threshold-not-met", 2, |world| world.put(rotated(1, world.id(2)).into_statement(), &[21])),
        ("threshold-not-met", 2, |world| {
            let (one, _) = world.force(rotated(1, world.id(2)).into_statement(), &[20]);
            world.force(rotated(2, one).into_statement(), &[23]);
        }),
        // The pin vouches for all before it.
        ("installable", 13, |world| {
            let (one, _) = world.force(rotated(1, world.id(2)).into_statement(), &[21]);
            world.force(rotated(2, one).into_statement(), &[21]);
        }),
        // An epoch left out, named wrongly, or twice the same number.
        ("broken-chain", 2, |world| world.put(rotated(2, world.id(2)).into_statement(), &[20])),
        ("broken-chain", 2, |world| world.put(rotated(1, world.id(0)).into_statement(), &[20])),
        ("broken-chain", 2, |world| {
            world.force(rotated(1, world.id(2)).into_statement(), &[20]);
            let mut other = rotated(1, world.id(2));
            other.allow_git_commit = true;
            world.force(other.into_statement(), &[20]);
        }),
        // Made for another log.
        ("wrong-log", 2, |world| {
            let mut next = rotated(1, world.id(2));
            next.log = "log.test.example".into();
            world.force(next.into_statement(), &[20]);
        }),
        // The state knows a later epoch, or an earlier one.
        ("authority-chain", 2, |world| {
            let value = format!("1 {} 12\n", Digest([9; 32]));
            world.lie("authority pkg:generic/acme/", Some(&value));
        }),
        ("authority-chain", 2, |world| {
            world.force(rotated(1, world.id(2)).into_statement(), &[20]);
            let value = format!("0 {} 2\n", world.id(2));
            world.lie("authority pkg:generic/acme/", Some(&value));
        }),
        ("index-differs", 2, |world| {
            let (id, _) = world.force(rotated(1, world.id(2)).into_statement(), &[20]);
            world.lie("authority pkg:generic/acme/", Some(&format!("1 {id} 11\n")));
        }),
    ];
    for (at, (name, pin, edit)) in cases.iter().enumerate() {
        let fixture = pinned(with_epochs(edit), *pin);
        assert_eq!(fixture.refused(), *name, "chain {at}");
    }
}

#[test]
fn each_epoch_is_in_the_log() {
    for at in [0, 1] {
        let mut fixture = with_epochs(|world| world.put(rotated(1, world.id(2)).into_statement(), &[20]));
        fixture.bundle.status.records[at].proof[0] = Hash([7; 32]);
        assert_eq!(fixture.refused(), "not-included", "epoch {at}");
        fixture.bundle.status.records.remove(at);
        let expected = if at == 0 { "not-pinned" } else { "authority-chain" };
        assert_eq!(fixture.refused(), expected, "epoch {at}");
    }
}

/// An update after the rotation is judged by the keys of its time: neither the old ones sign it, nor do the new ones sign
/// what was before.
#[test]
fn an_epoch_governs_what_comes_after_it() {
    for (seeds, expected) in [(&[25, 27][..], "installable"), (&[23, 24], "threshold-not-met")] {
        let mut world = World::new();
        let (first, at) = world.force(world::acme().into_statement(), &[10]);
        let (id, epoch) = world.force(rotated(1, first).into_statement(), &[20]);
        let indices = logged_by(&mut world, seeds);
        let size = world.batch(T);
        let mut fixture = Fixture::of(world, at, indices, size);
        assert_eq!(fixture.refused(), expected);
        // Epochs before the pin may be left out, as far as nothing needs them.
        let (_, keys) = fixture.world.stated(&fixture.indices, &fixture.ask.product, "stable", size);
        fixture.bundle.status = fixture.world.status(size, THREE, &[epoch], &keys);
        assert_eq!(fixture.refused(), "not-pinned");
        fixture.trust.authority = id;
        assert_eq!(fixture.refused(), expected);
    }
    let fixture = with_epochs(|world| {
        let (one, _) = world.force(rotated(1, world.id(2)).into_statement(), &[20]);
        let build = world.id(9);
        world.lie(&format!("authority {ACME}"), Some(&format!("1 {one} 12\n")));
        world.force(world::update(&["shield-7.2.0.sig"], "7.2.1", "windows", 3, &[build]), &[23, 24]);
    });
    assert_eq!(fixture.refused(), "inconsistent", "the forced update took the channel's place");
}

fn logged_by(world: &mut World, seeds: &[u8]) -> Vec<u64> {
    let (_, source) = world.force(plain_source(), &[21]);
    let (id, build) = world.force(plain_build(), &[21]);
    let (_, update) = world.force(plain_update(&[id]), seeds);
    vec![source, build, update]
}

#[test]
fn epochs_left_out_that_a_record_needs() {
    let mut fixture = pinned(with_epochs(|world| world.put(rotated(1, world.id(2)).into_statement(), &[20])), 12);
    assert_eq!(fixture.refused(), "installable");
    fixture.bundle.status.records.remove(0);
    let refusal = fixture.judge().verdict.unwrap_err();
    assert_eq!((refusal.name(), refusal.todo()), ("before-authority", Todo::FetchNewer));
    assert_eq!(refusal.to_string(), "entry 10, of kind update, is before epoch 1 of pkg:generic/acme/, entry 12");
}

/// Distrust in force counts at the record's index, whatever epoch governed it; never for the chain itself.
#[test]
fn distrust_is_that_of_the_epoch_in_force() {
    let distrusting = |seed: u8, from_index: u64| {
        move |world: &mut World| {
            let mut next = rotated(1, world.id(2));
            next.distrust = vec![Distrust { keyid: world::keyid(seed), from_index }];
            let (one, _) = world.force(next.clone().into_statement(), &[20]);
            (next.epoch, next.previous) = (2, Some(one));
            world.force(next.into_statement(), &[20]);
        }
    };
    // The update, entry 10, is by 23 and 25; entries 7 to 9 are by 21.
    let cases = [
        (25, 10, "threshold-not-met"),
        (25, 11, "installable"),
        (24, 0, "installable"),
        (21, 9, "threshold-not-met"),
        (21, 10, "installable"),
        (20, 0, "installable"),
    ];
    for (seed, from_index, expected) in cases {
        assert_eq!(with_epochs(distrusting(seed, from_index)).refused(), expected, "{seed} from {from_index}");
    }
}

/// A threshold needs distinct keys: whoever signs twice counts once, and nobody is tried beyond what is needed.
#[test]
fn a_threshold_is_of_distinct_keys() {
    let mut authority = world::acme();
    authority.roles.insert(RoleName::Source, Role { threshold: 1, keyids: vec![world::keyid(21)] });
    let fixture = lawless(Some(authority), |it| logged(it, plain_source(), plain_build(), plain_update));
    assert_eq!(fixture.refused(), "installable");
    let mut fixture = lawless(None, |it| {
        let (_, source) = it.force(plain_source(), &[21]);
        let (id, build) = it.force(plain_build(), &[21]);
        let (_, update) = it.force(plain_update(&[id]), &[23, 23, 23]);
        vec![source, build, update]
    });
    assert_eq!(fixture.refused(), "threshold-not-met");
    let Err(Refusal::ThresholdNotMet { have: 1, need: 2, .. }) = fixture.judge().verdict else { panic!() };
    fixture.trust.authority = Digest([1; 32]);
    assert_eq!(fixture.refused(), "not-pinned");
}
