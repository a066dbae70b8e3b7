//! Rule 10, of authorities and of policies.

use super::*;
use crate::authority::Distrust;

/// The next epoch of a namespace as it is in force.
fn next(world: &World, mut authority: Authority) -> Authority {
    let namespace = authority.namespace.as_str();
    let before = world.rows.authority(namespace).unwrap().unwrap();
    authority.epoch = before.epoch + 1;
    authority.previous = Some(world.rows.authority_id(namespace).unwrap());
    authority
}

fn distrust(seed: u8, from_index: u64) -> Distrust {
    Distrust { keyid: keyid(seed), from_index }
}

#[test]
fn an_epoch_is_signed_by_the_one_before() {
    let mut world = World::new();
    let first = next(&world, vendor(ACME, [20, 21, 22, 23, 24, 25, 26]));
    for seeds in [&[][..], &[ROOT], &[20], &[11, 12, 14, 15]] {
        world.refused(&signed(&first.clone().into_statement(), seeds), "threshold-not-met", 403);
    }
    let record = world.admitted(&first.into_statement(), &[10, 20, ROOT]);
    assert_eq!(world.signers(2), sorted(&[10]));
    assert_eq!(world.state("authority pkg:generic/acme/"), format!("1 {} 2\n", record.id));

    // From here on its keys sign, and those before do not.
    world.refused(&signed(&source(&[SHIELD], &["a.tar"]), &[11]), "threshold-not-met", 403);
    world.admitted(&source(&[SHIELD], &["a.tar"]), &[21]);
    let second = next(&world, vendor(ACME, KEYS));
    world.refused(&signed(&second.clone().into_statement(), &[10]), "threshold-not-met", 403);
    world.admitted(&second.into_statement(), &[20]);
    world.admitted(&source(&[SHIELD], &["b.tar"]), &[11]);

    // So with the log's own.
    let root = next(&world, authority("*", &[(RoleName::Root, 2, &[1, 2, 3])]));
    world.refused(&signed(&root.clone().into_statement(), &[2, 3]), "threshold-not-met", 403);
    let record = world.admitted(&root.into_statement(), &[ROOT]);
    assert_eq!(world.state("authority *"), format!("1 {} 6\n", record.id));
    let npm = vendor("pkg:npm/", KEYS).into_statement();
    world.refused(&signed(&npm, &[ROOT]), "threshold-not-met", 403);
    world.admitted(&npm, &[2, 3]);
}

#[test]
fn epochs_rise_by_one_and_name_the_one_before() {
    let mut world = World::new();
    let good = next(&world, vendor(ACME, KEYS));
    let changed = |change: fn(&mut Authority)| {
        let mut authority = good.clone();
        change(&mut authority);
        signed(&authority.into_statement(), &[10])
    };
    world.refused(&changed(|authority| authority.epoch = 2), "epoch-not-next", 409);
    world.refused(&changed(|authority| authority.epoch = (1 << 53) - 1), "epoch-not-next", 409);
    let other = changed(|authority| authority.previous = Some(Digest([7; 32])));
    world.refused(&other, "previous-not-in-force", 409);
    let Err(Stop::Refused(refusal)) = world.judge(&other) else { panic!() };
    let in_force = good.previous.unwrap();
    let text = format!("previous is {}, in force for namespace {ACME} is {in_force}", Digest([7; 32]));
    assert_eq!(refusal.to_string(), text);
    // Nothing is before the first.
    let mut npm = vendor("pkg:npm/", KEYS);
    (npm.epoch, npm.previous) = (1, Some(in_force));
    world.refused(&signed(&npm.into_statement(), &[10]), "no-authority", 403);
    let mut around = vendor("pkg:generic/", KEYS);
    (around.epoch, around.previous) = (1, Some(in_force));
    world.refused(&signed(&around.into_statement(), &[10]), "no-authority", 403);
    // An epoch can be followed once.
    let good = world.admitted(&good.clone().into_statement(), &[10]);
    world.refused(&changed(|authority| authority.allow_git_commit = true), "epoch-not-next", 409);
    let stale = next(&world, vendor(ACME, KEYS));
    let stale = Authority { previous: Some(in_force), ..stale };
    world.refused(&signed(&stale.into_statement(), &[10]), "previous-not-in-force", 409);
    assert_eq!(world.admit(&good), Ok(2));
    // Entry 0 is epoch 0 of the log's own.
    let mut genesis = authority("*", &[(RoleName::Root, 1, &[ROOT])]);
    (genesis.epoch, genesis.previous) = (1, Some(in_force));
    World::default().refused(&signed(&genesis.into_statement(), &[ROOT]), "genesis", 409);
}

#[test]
fn distrust_only_grows() {
    let mut world = World::new();
    world.admitted(&source(&[SHIELD], &["a.tar"]), &[11]);
    let epoch = |world: &World, lines: &[Distrust]| {
        let authority = Authority { distrust: lines.to_vec(), ..next(world, vendor(ACME, KEYS)) };
        signed(&authority.into_statement(), &[10])
    };
    // At most from the record's own index on: this is entry 3.
    world.refused(&epoch(&world, &[distrust(11, 4)]), "distrust-ahead", 409);
    world.refused(&epoch(&world, &[distrust(12, 0), distrust(11, (1 << 53) - 1)]), "distrust-ahead", 409);
    assert_eq!(world.admit(&epoch(&world, &[distrust(11, 3), distrust(14, 2)])), Ok(3));

    world.refused(&epoch(&world, &[]), "distrust-dropped", 409);
    world.refused(&epoch(&world, &[distrust(11, 3), distrust(15, 2)]), "distrust-dropped", 409);
    world.refused(&epoch(&world, &[distrust(11, 4), distrust(14, 2)]), "distrust-raised", 409);
    world.refused(&epoch(&world, &[distrust(14, 3), distrust(11, 3)]), "distrust-raised", 409);
    let Err(Stop::Refused(refusal)) = world.judge(&epoch(&world, &[distrust(11, 3), distrust(14, 4)])) else {
        panic!()
    };
    let text = "is distrusted from index 4, in force is 2: an index may fall, not rise";
    assert_eq!(refusal.to_string(), format!("key {} {text}", keyid(14)));
    // Lines in another order, a lower index, one more line.
    assert_eq!(world.admit(&epoch(&world, &[distrust(14, 1), distrust(99, 0), distrust(11, 3)])), Ok(4));
}

#[test]
fn distrusted_keys_count_for_no_threshold() {
    let mut world = World::new();
    world.admitted(&source(&[SHIELD], &["a.tar"]), &[11]);
    let build = world.admitted(&build(&["a.pkg"], &["a.tar"]), &[12]).id;
    let lines = [11, 12, 14, 10].map(|seed| distrust(seed, 4));
    let authority = Authority { distrust: lines.to_vec(), ..next(&world, vendor(ACME, KEYS)) };
    world.admitted(&authority.into_statement(), &[10]);

    world.refused(&signed(&source(&[SHIELD], &["b.tar"]), &[11]), "threshold-not-met", 403);
    world.refused(&signed(&super::build(&["b.pkg"], &["a.tar"]), &[12]), "threshold-not-met", 403);
    world.admitted(&super::build(&["b.pkg"], &["a.tar"]), &[13]);
    let first = |seeds: &[u8]| signed(&update(SHIELD, 1, &["a.pkg"], &[build]), seeds);
    world.refused(&first(&[14, 15]), "threshold-not-met", 403);
    assert!(world.admit(&first(&[15, 16])).is_ok());
    let withdrawal = withdrawals::withdrawal(&[first(&[]).id], &["a.pkg"]);
    world.refused(&signed(&withdrawal, &[10]), "threshold-not-met", 403);
    // It never touches authority records.
    let authority = Authority { distrust: lines.to_vec(), ..next(&world, vendor(ACME, KEYS)) };
    world.admitted(&authority.into_statement(), &[10]);
    // What one namespace distrusts another one may trust.
    world.vendor(vendor("pkg:npm/", KEYS));
    world.admitted(&source(&["pkg:npm/x"], &["b.tar"]), &[11]);
}
