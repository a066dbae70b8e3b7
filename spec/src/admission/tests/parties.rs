//! Rebuilds and reviews of parties, policies and accesses.

use super::*;
use crate::record::{Access, Policy, Rebuild, Review, What};
use crate::state::{Claim, Outcome, Rebuilt};

pub(super) const CH: &str = "https://rebuild.example.ch";
const DE: &str = "https://audit.example.de";

/// A party whose authority is key 30; rebuilds by 31, reviews by two of 32, 33 and 34.
pub(super) fn party(name: &str) -> Statement {
    use RoleName::{Authority, Rebuild, Review};
    authority(name, &[(Authority, 1, &[30]), (Rebuild, 1, &[31]), (Review, 2, &[32, 33, 34])]).into_statement()
}

fn rebuild(party: &str, build: Digest, artifacts: &[&str], outcome: Rebuilt, time: u64) -> Statement {
    let party = Namespace::parse(party).unwrap();
    let rebuild = Rebuild { log: LOG.into(), party, build, outcome, time, rebuilt: Vec::new() };
    Statement { subjects: subjects(artifacts), predicate: Predicate::Rebuild(rebuild) }
}

pub(super) const HELD: What = What::Source(Claim::Held);
pub(super) const POLICY: What = What::Policy;

/// What the first party says.
pub(super) fn rebuilt(build: Digest, artifacts: &[&str], time: u64) -> Statement {
    rebuild(CH, build, artifacts, Rebuilt::Passed, time)
}

pub(super) fn reviewed(of: Digest, what: What, subject: &[&str], time: u64) -> Statement {
    review(CH, of, what, subject, Outcome::Confirmed, time)
}

fn review(party: &str, of: Digest, what: What, subject: &[&str], outcome: Outcome, time: u64) -> Statement {
    let (party, centre) = (Namespace::parse(party).unwrap(), "Glarus".into());
    let review = Review { log: LOG.into(), of, party, what, outcome, time, centre };
    Statement { subjects: subjects(subject), predicate: Predicate::Review(review) }
}

pub(super) fn policy(epoch: u64, previous: Option<Digest>, text: &str) -> Statement {
    let policy = Policy { log: LOG.into(), epoch, previous, policy: format!("# {text}\nquorum none\n") };
    Statement { subjects: subjects(&[LOG]), predicate: Predicate::Policy(policy) }
}

pub(super) fn access(namespace: &str) -> Statement {
    let access = Access {
        log: LOG.into(),
        namespace: Namespace::parse(namespace).unwrap(),
        store: "crash reports".into(),
        purpose: "support case 17".into(),
        from: 1,
        until: 2,
        commitment: Digest([7; 32]),
    };
    Statement { subjects: subjects(&["crash reports"]), predicate: Predicate::Access(access) }
}

/// Two parties, a source of two archives (entry 4) and a build of two artifacts (entry 5).
fn world() -> (World, Digest, Digest) {
    let mut world = World::new();
    world.admitted(&party(CH), &[ROOT]);
    world.admitted(&party(DE), &[ROOT]);
    let source = world.admitted(&source(&[SHIELD], &["a.tar", "b.tar"]), &[11]).id;
    let build = world.admitted(&build(&["a.pkg", "b.pkg"], &["a.tar"]), &[12]).id;
    (world, source, build)
}

#[test]
fn rebuilds() {
    let (mut world, _, build) = world();
    let both = ["a.pkg", "b.pkg"];
    let first = world.admitted(&rebuild(CH, build, &both, Rebuilt::Failed, 100), &[31]).id;
    let key = state::build_key(&build);
    assert_eq!(world.state(&key), format!("build 5\n{CH} FAILED {first} 6\n"));
    // The names are the party's own, the files are not; the order is nobody's.
    let mut other = rebuild(DE, build, &["b.pkg", "a.pkg"], Rebuilt::Passed, 1);
    other.subjects[0].name = "copy of b.pkg".into();
    let other = world.admitted(&other, &[31]).id;
    let second = world.admitted(&rebuild(CH, build, &both, Rebuilt::Passed, 101), &[31, 99]).id;
    assert_eq!(world.state(&key), format!("build 5\n{DE} PASSED {other} 7\n{CH} PASSED {second} 8\n"));
    assert_eq!(world.signers(8), sorted(&[31]));
    let about: Vec<_> = {
        let Look::Prefix(family, prefix) = Look::refs(5, Kind::Rebuild) else { panic!() };
        world.rows.under(family, &prefix).map(|(key, _)| rows::about(key).unwrap()).collect()
    };
    assert_eq!(about, [6, 7, 8]);
    // A last word is later than the one before.
    // (Time 100 is that of the first one, word by word: known.)
    for time in [0, 99, 101] {
        world.refused(&signed(&rebuild(CH, build, &both, Rebuilt::Failed, time), &[31]), "time-not-later", 409);
    }
    world.admitted(&rebuild(CH, build, &both, Rebuilt::Failed, 102), &[31]);
}

#[test]
fn refused_rebuilds() {
    let (mut world, source, build) = world();
    let both: &[&str] = &["a.pkg", "b.pkg"];
    let check = |world: &World, party: &str, of: Digest, files: &[&str], seeds: &[u8], name, status| {
        world.refused(&signed(&rebuild(party, of, files, Rebuilt::Passed, 100), seeds), name, status);
    };
    check(&world, CH, Digest([7; 32]), both, &[31], "build-not-logged", 422);
    check(&world, CH, source, both, &[31], "not-a-build", 422);
    check(&world, "https://nobody.example", build, both, &[31], "no-authority", 403);
    for seeds in [&[][..], &[30], &[32, 33, 34], &[10, 11, 12, ROOT]] {
        check(&world, CH, build, both, seeds, "threshold-not-met", 403);
    }
    check(&world, CH, build, &["a.pkg"], &[31], "subjects-differ", 422);
    check(&world, CH, build, &["a.pkg", "c.pkg"], &[31], "subjects-differ", 422);
    check(&world, CH, build, &["a.pkg", "b.pkg", "c.pkg"], &[31], "subjects-differ", 422);
    let mut other_log = rebuild(CH, build, both, Rebuilt::Passed, 100);
    if let Predicate::Rebuild(rebuild) = &mut other_log.predicate {
        rebuild.log = "log.test.example".into();
    }
    world.refused(&signed(&other_log, &[31]), "wrong-log", 422);
    // A party without the role.
    let silent = authority("https://silent.example", &[(RoleName::Authority, 1, &[30])]);
    world.admitted(&silent.into_statement(), &[ROOT]);
    check(&world, "https://silent.example", build, both, &[30, 31], "threshold-not-met", 403);
}

#[test]
fn reviews_of_sources() {
    let (mut world, source, build) = world();
    let both: &[&str] = &["a.tar", "b.tar"];
    let key = state::source_key(&source);
    let (held, examined) = (What::Source(Claim::Held), What::Source(Claim::Examined));
    let first = world.admitted(&review(CH, source, held, both, Outcome::Confirmed, 100), &[32, 34]).id;
    assert_eq!(world.state(&key), format!("{CH} held confirmed {first} 6\nsource 4\n"));
    // Another word and another party are other things; the same again is later.
    let second = world.admitted(&review(CH, source, examined, both, Outcome::Contradicted, 50), &[32, 33]).id;
    world.admitted(&review(DE, source, held, both, Outcome::Confirmed, 50), &[32, 33]);
    world.refused(
        &signed(&review(CH, source, held, both, Outcome::Contradicted, 100), &[32, 33]),
        "time-not-later",
        409,
    );
    let last = world.admitted(&review(CH, source, held, both, Outcome::Contradicted, 101), &[32, 33]).id;
    let lines = format!("{CH} examined contradicted {second} 7\n{CH} held contradicted {last} 9\nsource 4\n");
    assert!(world.state(&key).ends_with(&lines));
    assert_eq!(world.state(&key).lines().count(), 4);

    let check = |world: &World, of: Digest, what, subject: &[&str], seeds: &[u8], name, status| {
        world.refused(&signed(&review(CH, of, what, subject, Outcome::Confirmed, 200), seeds), name, status);
    };
    let reviewers = &[32, 33];
    check(&world, Digest([7; 32]), held, both, reviewers, "reviewed-not-logged", 422);
    check(&world, build, held, both, reviewers, "not-a-source", 422);
    check(&world, source, What::Policy, &[LOG], reviewers, "not-a-policy", 422);
    check(&world, source, held, both, &[32], "threshold-not-met", 403);
    check(&world, source, held, both, &[30, 31], "threshold-not-met", 403);
    check(&world, source, held, &["a.tar"], reviewers, "subjects-differ", 422);
    check(&world, source, held, &["a.tar", "b.tar", "c.tar"], reviewers, "subjects-differ", 422);
    let nobody = review("https://nobody.example", source, held, both, Outcome::Confirmed, 200);
    world.refused(&signed(&nobody, reviewers), "no-authority", 403);
}

#[test]
fn policies_and_their_reviews() {
    let (mut world, ..) = world();
    let of_policy = |of, outcome, time| review(CH, of, What::Policy, &[LOG], outcome, time);
    let reviewers = &[32, 33];
    world.refused(&signed(&of_policy(Digest([7; 32]), Outcome::Confirmed, 9), reviewers), "reviewed-not-logged", 422);
    world.refused(&signed(&policy(1, Some(Digest([7; 32])), "a"), &[ROOT]), "epoch-not-next", 409);
    world.refused(&signed(&policy(0, None, "a"), &[10]), "threshold-not-met", 403);
    let first = world.admitted(&policy(0, None, "a"), &[ROOT, 10]).id;
    assert_eq!(world.state("policy"), format!("0 {first} 6\n"));
    assert_eq!(world.signers(6), sorted(&[ROOT]));

    let word = world.admitted(&of_policy(first, Outcome::Confirmed, 100), reviewers).id;
    assert_eq!(world.state("policy"), format!("0 {first} 6\n{CH} confirmed {word} 7\n"));
    world.refused(&signed(&of_policy(first, Outcome::Contradicted, 100), reviewers), "time-not-later", 409);
    let as_source = review(CH, first, What::Source(Claim::Held), &[LOG], Outcome::Confirmed, 200);
    world.refused(&signed(&as_source, reviewers), "not-a-source", 422);
    world.refused(&signed(&of_policy(first, Outcome::Contradicted, 200), &[32]), "threshold-not-met", 403);

    world.refused(&signed(&policy(0, None, "b"), &[ROOT]), "epoch-not-next", 409);
    world.refused(&signed(&policy(2, Some(first), "b"), &[ROOT]), "epoch-not-next", 409);
    world.refused(&signed(&policy(1, Some(word), "b"), &[ROOT]), "previous-not-in-force", 409);
    // A new epoch drops what was said of the one before, and of that one nothing more is said.
    let second = world.admitted(&policy(1, Some(first), "b"), &[ROOT]).id;
    assert_eq!(world.state("policy"), format!("1 {second} 8\n"));
    world.refused(&signed(&of_policy(first, Outcome::Confirmed, 300), reviewers), "policy-not-in-force", 409);
    let word = world.admitted(&of_policy(second, Outcome::Contradicted, 1), reviewers).id;
    assert_eq!(world.state("policy"), format!("1 {second} 8\n{CH} contradicted {word} 9\n"));
}

#[test]
fn accesses() {
    let (mut world, ..) = world();
    let leaves = world.rows.all(Family::State).len();
    world.refused(&signed(&access(ACME), &[11, ROOT]), "threshold-not-met", 403);
    // No more than the namespace itself: neither one within it nor one around it.
    for namespace in ["pkg:npm/", "pkg:generic/", "pkg:generic/acme/shield/"] {
        world.refused(&signed(&access(namespace), &[10]), "no-authority", 403);
    }
    world.admitted(&access(ACME), &[10]);
    assert_eq!(world.fact(6), Fact::Access);
    assert_eq!(world.rows.all(Family::State).len(), leaves);
}
