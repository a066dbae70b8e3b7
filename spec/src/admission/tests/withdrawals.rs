//! Rules 8 and 9, and what a withdrawal does to the rows.

use super::*;
use crate::record::{MAX_UPDATES, Severity, Withdrawal};

const FILES: [&str; 4] = ["a.pkg", "b.pkg", "c.pkg", "d.pkg"];

pub(super) fn withdrawal(updates: &[Digest], files: &[&str]) -> Statement {
    let (reason, severity) = ("it deletes files".into(), Severity::High);
    let withdrawal = Withdrawal { log: LOG.into(), updates: updates.to_vec(), reason, severity, replacement: None };
    Statement { subjects: subjects(files), predicate: Predicate::Withdrawal(withdrawal) }
}

fn replaced_by(mut statement: Statement, id: Digest) -> Statement {
    if let Predicate::Withdrawal(withdrawal) = &mut statement.predicate {
        withdrawal.replacement = Some(id);
    }
    statement
}

/// A world with one build of both products, whose artifacts are [`FILES`].
fn world() -> (World, Digest) {
    let mut world = World::new();
    world.admitted(&source(&[SHIELD, SWORD], &["a.tar"]), &[11]);
    let build = world.admitted(&build(&FILES, &["a.tar"]), &[12]).id;
    (world, build)
}

impl World {
    #[track_caller]
    fn release(&mut self, of: &str, sequence: u64, track: (&str, &str), files: &[&str], build: Digest) -> Digest {
        self.admitted(&on_track(update(of, sequence, files, &[build]), track.0, track.1), &[14, 15]).id
    }

    fn channel(&self, name: &str) -> &str {
        self.state(&state::channel_key(SHIELD, name))
    }

    fn carriers(&self, file: &str) -> Vec<(u64, bool)> {
        let carriers = self.rows.carriers(&sha256(file), &product(SHIELD)).unwrap();
        carriers.into_iter().map(|carrier| (carrier.index, carrier.live)).collect()
    }

    fn about(&self, index: u64, kind: Kind) -> Vec<u64> {
        let Look::Prefix(family, prefix) = Look::refs(index, kind) else { panic!() };
        self.rows.under(family, &prefix).map(|(key, _)| rows::about(key).unwrap()).collect()
    }
}

#[test]
fn a_withdrawal() {
    let (mut world, build) = world();
    let first = world.release(SHIELD, 1, ("stable", ""), &["a.pkg", "b.pkg"], build);
    let second = world.release(SHIELD, 2, ("stable", ""), &["b.pkg", "c.pkg"], build);
    let third = world.release(SHIELD, 3, ("stable", "linux"), &["c.pkg"], build);
    let sword = world.release(SWORD, 1, ("stable", ""), &["b.pkg"], build);

    let record = world.admitted(&withdrawal(&[first, second], &["b.pkg"]), &[10]);
    assert_eq!(world.state(&state::update_key(&first)), format!("withdrawn 4 {}\n", record.id));
    assert_eq!(world.state(&state::update_key(&second)), format!("withdrawn 5 {}\n", record.id));
    assert_eq!(world.state(&state::update_key(&third)), "live 6\n");
    assert_eq!(world.state(&state::update_key(&sword)), "live 7\n");
    // The track without any update left has no line; the sequence stays.
    assert_eq!(world.channel("stable"), format!("sequence 3\ntarget linux 3 {third} 6\n"));
    assert_eq!(world.carriers("a.pkg"), [(4, false)]);
    assert_eq!(world.carriers("b.pkg"), [(4, false), (5, false)]);
    assert_eq!(world.carriers("c.pkg"), [(5, false), (6, true)]);
    assert_eq!((world.about(4, Kind::Withdrawal), world.about(6, Kind::Withdrawal)), (vec![8], vec![]));
    assert!(world.about(4, Kind::Rebuild).is_empty());

    // No update with that file from here on, whatever else is in it; of another product there may be.
    let next = |of: &str, sequence, files: &[&str]| signed(&update(of, sequence, files, &[build]), &[14, 15]);
    world.refused(&next(SHIELD, 4, &["a.pkg", "b.pkg"]), "file-withdrawn", 409);
    world.refused(&next(SHIELD, 3, &["b.pkg"]), "sequence", 409);
    assert_eq!(world.admit(&next(SWORD, 2, &["b.pkg"])), Ok(9));
    // A file of a withdrawn update that was not withdrawn itself.
    assert_eq!(world.admit(&next(SHIELD, 4, &["a.pkg"])), Ok(10));
    assert!(world.channel("stable").starts_with("sequence 4\ntarget - 4 "));
    // Withdrawn again, once more released, and the one before counts.
    let fifth = world.release(SHIELD, 5, ("stable", ""), &["d.pkg"], build);
    world.admitted(&withdrawal(&[fifth], &["d.pkg"]), &[10]);
    assert!(world.channel("stable").starts_with("sequence 5\ntarget - 4 "));
    world.refused(&next(SHIELD, 6, &["d.pkg"]), "file-withdrawn", 409);
}

#[test]
fn refused_withdrawals() {
    let (mut world, build) = world();
    world.vendor(vendor("pkg:npm/", [20, 21, 22, 23, 24, 25, 26]));
    world.admitted(&source(&["pkg:npm/x"], &["x.tar"]), &[21]);
    let strange = world.admitted(&super::build(&["a.pkg"], &["x.tar"]), &[22]).id;
    let strange = world.admitted(&update("pkg:npm/x", 1, &["a.pkg"], &[strange]), &[24, 25]).id;
    let first = world.release(SHIELD, 1, ("stable", ""), &["a.pkg", "b.pkg"], build);
    let second = world.release(SHIELD, 2, ("stable", "linux"), &["b.pkg"], build);
    let third = world.release(SHIELD, 1, ("beta", ""), &["b.pkg", "c.pkg"], build);
    let sword = world.release(SWORD, 1, ("stable", ""), &["a.pkg"], build);
    let check = |world: &World, statement: &Statement, name, status| {
        world.refused(&signed(statement, &[10]), name, status);
    };
    let nobody = Digest([7; 32]);
    check(&world, &withdrawal(&[nobody], &["a.pkg"]), "update-not-logged", 422);
    check(&world, &withdrawal(&[first, nobody], &["a.pkg"]), "update-not-logged", 422);
    check(&world, &replaced_by(withdrawal(&[first], &["a.pkg"]), nobody), "update-not-logged", 422);
    check(&world, &withdrawal(&[build], &["a.pkg"]), "not-an-update", 422);
    check(&world, &withdrawal(&[first, build], &["a.pkg"]), "not-an-update", 422);
    check(&world, &replaced_by(withdrawal(&[first], &["a.pkg"]), build), "not-an-update", 422);
    for seeds in [&[][..], &[ROOT], &[11, 12, 14, 15, 16], &[20]] {
        world.refused(&signed(&withdrawal(&[first], &["a.pkg"]), seeds), "threshold-not-met", 403);
    }
    check(&world, &withdrawal(&[first, sword], &["a.pkg"]), "update-of-other-product", 422);
    check(&world, &withdrawal(&[first, strange], &["a.pkg"]), "update-of-other-product", 422);
    check(&world, &withdrawal(&[strange, first], &["a.pkg"]), "threshold-not-met", 403);
    check(&world, &replaced_by(withdrawal(&[first], &["a.pkg"]), sword), "update-of-other-product", 422);
    check(&world, &withdrawal(&[first], &["a.pkg", "c.pkg"]), "file-not-carried", 422);
    check(&world, &withdrawal(&[second], &["a.pkg"]), "file-not-carried", 422);
    // Every live update of the product with one of the files, in whatever channel.
    check(&world, &withdrawal(&[first], &["a.pkg", "b.pkg"]), "update-left-out", 409);
    check(&world, &withdrawal(&[first, second], &["b.pkg"]), "update-left-out", 409);
    let left_out = world.judge(&signed(&withdrawal(&[first, second], &["b.pkg"]), &[10]));
    let refusal = Refusal::UpdateLeftOut { id: third, index: 10, sha256: sha256("b.pkg") };
    assert_eq!(left_out, Err(refusal.into()));
    let mut other_log = withdrawal(&[first], &["a.pkg"]);
    if let Predicate::Withdrawal(withdrawal) = &mut other_log.predicate {
        withdrawal.log = "log.test.example".into();
    }
    check(&world, &other_log, "wrong-log", 422);

    // One file of an update is enough, and the replacement is one that stays.
    world.admitted(&replaced_by(withdrawal(&[first], &["a.pkg"]), third), &[10]);
    check(&world, &withdrawal(&[first], &["b.pkg"]), "update-not-live", 409);
    check(&world, &withdrawal(&[second, third, first], &["b.pkg"]), "update-not-live", 409);
    check(&world, &replaced_by(withdrawal(&[second, third], &["b.pkg"]), first), "update-not-live", 409);
    // The first is withdrawn, so it carries nothing that is left.
    world.admitted(&withdrawal(&[third, second], &["b.pkg"]), &[10]);
}

/// A file in more updates than a record can name is withdrawn in several records.
#[test]
fn a_file_in_many_updates() {
    let (mut world, build) = world();
    let updates: Vec<_> =
        (1..=66).map(|sequence| world.release(SHIELD, sequence, ("stable", ""), &["a.pkg"], build)).collect();
    world.refused(&signed(&withdrawal(&updates[..MAX_UPDATES - 1], &["a.pkg"]), &[10]), "update-left-out", 409);
    world.admitted(&withdrawal(&updates[2..], &["a.pkg"]), &[10]);
    assert_eq!(world.channel("stable"), format!("sequence 66\ntarget - 2 {} 5\n", updates[1]));
    world.refused(&signed(&update(SHIELD, 67, &["a.pkg"], &[build]), &[14, 15]), "file-withdrawn", 409);
    world.refused(&signed(&withdrawal(&updates[..1], &["a.pkg"]), &[10]), "update-left-out", 409);
    world.admitted(&withdrawal(&updates[..2], &["a.pkg"]), &[10]);
    assert_eq!(world.channel("stable"), "sequence 66\n");
}

/// The channel's value against one that is computed from all updates, over many withdrawals.
#[test]
fn the_newest_that_is_left() {
    let (mut world, _) = world();
    let mut random = Random(0x1234_5678_9abc_def1);
    let targets = ["", "linux", "mac"];
    let mut live: Vec<(u64, &str, Digest, u64)> = Vec::new();
    let mut sequence = 0;
    for round in 0..120 {
        if random.below(3) < 2 || live.is_empty() {
            sequence += 1;
            let target = targets[random.below(3)];
            let file = format!("{round}.pkg");
            let made = world.admitted(&super::build(&[&file], &["a.tar"]), &[12]).id;
            let id = world.release(SHIELD, sequence, ("stable", target), &[&file], made);
            live.push((sequence, target, id, world.size() - 1));
        } else {
            let count = 1 + random.below(live.len().min(3));
            let gone: Vec<_> = (0..count).map(|_| live.swap_remove(random.below(live.len()))).collect();
            let ids: Vec<_> = gone.iter().map(|(_, _, id, _)| *id).collect();
            let Fact::Update { files, .. } = world.fact(gone[0].3) else { panic!() };
            let mut statement = withdrawal(&ids, &["x"]);
            statement.subjects[0].sha256 = files[0];
            world.admitted(&statement, &[10]);
        }
        let mut lines = vec![format!("sequence {sequence}")];
        for (target, name) in targets.iter().zip(["-", "linux", "mac"]) {
            let newest = live.iter().filter(|(_, of, ..)| of == target).max();
            lines.extend(newest.map(|(sequence, _, id, index)| format!("target {name} {sequence} {id} {index}")));
        }
        assert_eq!(world.channel("stable"), lines.join("\n") + "\n");
    }
}
