//! Step 20, and which policies are followed.

use super::world::{self, ORIGIN, THREE, World};
use super::*;
use crate::record::What;
use crate::state::Outcome;

const OTHER: &str = "https://other.example";

struct Case {
    world: World,
    status: Status,
    trust: Trust,
    memory: Memory,
}

/// A log with a policy of two of the witnesses' keys on record, entry 14, which the party confirmed.
fn case(edit: impl FnOnce(&mut World, Digest)) -> Case {
    let mut world = World::new();
    let fixture = Fixture::new();
    world.force(world::party(PARTY).into_statement(), &[10]);
    world.force(world::party(OTHER).into_statement(), &[10]);
    let text = world.policy("4");
    let (id, _) = world.force(world::policy(&text, 3, Some(Digest([2; 32]))), &[10]);
    edit(&mut world, id);
    let size = world.batch(T - 100);
    let mut trust = fixture.trust;
    trust.parties =
        [(PARTY, 2), (OTHER, 3)].map(|(name, at)| Party { name: name.into(), authority: world.id(at) }).into();
    (trust.follow, trust.policy_epoch) = (1, Some(2));
    Case { status: world.policy_status(size, THREE), world, trust, memory: Memory::default() }
}

fn says(world: &mut World, id: Digest, party: &str, outcome: Outcome) {
    world.force(world::review(party, id, What::Policy, outcome), &[32]);
}

fn confirmed() -> Case {
    case(|world, id| says(world, id, PARTY, Outcome::Confirmed))
}

impl Case {
    fn follow(&self) -> Result<Followed, Refusal> {
        follow(self.status.to_json().as_bytes(), &self.trust, &self.memory, NOW)
    }

    fn refused(&self) -> &'static str {
        self.follow().map_or_else(|refusal| refusal.name(), |_| "followed")
    }
}

#[test]
fn a_policy_that_parties_confirmed_is_followed() {
    let mut case = confirmed();
    let text = case.world.policy("4");
    let (id, confirmed) = (case.world.id(4), vec![PARTY.to_string()]);
    assert_eq!(case.follow(), Ok(Followed { epoch: 3, id, index: 4, text, confirmed }));
    // However old it is: a machine that was long offline follows one policy after the other.
    case.trust.max_age_s = 1;
    assert_eq!(case.refused(), "followed");
    case.trust.policy_epoch = None;
    assert_eq!(case.refused(), "followed");
}

#[test]
fn policies_that_are_not_followed() {
    type Edit = fn(&mut Case);
    let cases: &[(&str, Edit)] = &[
        ("malformed", |it| it.status.checkpoint.text.clear()),
        ("not-following", |it| it.trust.follow = 0),
        ("too-few-parties", |it| it.trust.follow = 3),
        ("weak-policy", |it| it.trust.policy = Policy::parse(it.world.policy("2").as_bytes()).unwrap()),
        ("policy-not-later", |it| it.trust.policy_epoch = Some(3)),
        ("policy-not-confirmed", |it| it.trust.follow = 2),
        // The new one is enough for itself, but not for the one in use.
        ("quorum-not-met", |it| drop(it.status.checkpoint.signatures.pop())),
        ("not-signed", |it| drop(it.status.checkpoint.signatures.remove(0))),
        ("clock-behind", |it| {
            it.status.checkpoint =
                it.world.note(it.world.head(it.world.size()), &[(0, T + 999), (1, T + 999), (2, T + 999)]);
        }),
        ("tree-too-small", |it| it.status.checkpoint = it.world.note(it.world.head(1), THREE)),
        ("state-not-last", |it| it.status.state = it.world.proved(1, it.world.size())),
        ("not-proved", |it| it.status.map.retain(|proved| proved.key != "policy")),
        ("not-proved", |it| it.status.map.retain(|proved| !proved.key.contains(PARTY))),
        ("policy-missing", |it| it.status.records.retain(|record| record.index != 4)),
        ("word-missing", |it| it.status.records.retain(|record| record.index != 5)),
        ("authority-chain", |it| it.status.records.retain(|record| record.index != 2)),
        ("not-included", |it| it.status.records[1].proof[0] = Hash([7; 32])),
        ("not-included", |it| it.status.records[2].proof[0] = Hash([7; 32])),
        ("not-pinned", |it| it.trust.parties[0].authority = Digest([1; 32])),
        ("policy-not-confirmed", |it| drop(it.trust.parties.remove(0))),
        ("fork", |it| {
            let head = TreeHead { size: it.world.size(), root: Hash([7; 32]) };
            it.memory.head = Some(SeenHead { head, note: it.world.note(head, THREE) });
        }),
        ("status-older-than-seen", |it| {
            let head = TreeHead { size: it.world.size() + 1, root: Hash([7; 32]) };
            it.memory.head = Some(SeenHead { head, note: it.world.note(head, THREE) });
        }),
    ];
    for (at, (name, edit)) in cases.iter().enumerate() {
        let mut case = confirmed();
        edit(&mut case);
        assert_eq!(case.refused(), *name, "policy {at}");
    }
}

#[test]
fn what_the_log_says_of_policies() {
    use Outcome::{Confirmed, Contradicted};
    assert_eq!(case(|_, _| ()).refused(), "policy-not-confirmed");
    let two = case(|world, id| {
        says(world, id, PARTY, Confirmed);
        says(world, id, OTHER, Contradicted);
    });
    let Err(Refusal::PolicyContradicted { epoch: 3, party, by }) = two.follow() else { panic!() };
    assert_eq!((party.as_str(), by), (OTHER, two.world.id(6)));
    let changed = case(|world, id| {
        says(world, id, PARTY, Contradicted);
        let mut later = world::review(PARTY, id, What::Policy, Confirmed);
        if let Predicate::Review(review) = &mut later.predicate {
            review.time = T - 300;
        }
        world.force(later, &[32]);
    });
    assert_eq!(changed.refused(), "followed");
    let unsigned = case(|world, id| world.put(world::review(PARTY, id, What::Policy, Confirmed), &[31]));
    assert_eq!(unsigned.refused(), "threshold-not-met");
    let lied = case(|world, id| {
        let (other, index) = world.force(world::review(PARTY, id, What::Policy, Contradicted), &[32]);
        world.lie("policy", Some(&format!("3 {id} 4\n{PARTY} confirmed {other} {index}\n")));
    });
    assert_eq!(lied.refused(), "word-differs");
    assert_eq!(case(|world, _| world.lie("policy", None)).refused(), "policy-missing");
    assert_eq!(case(|world, _| world.lie("policy", Some("x\n"))).refused(), "unreadable-value");
    // One that would lock the client out, or protect it no more.
    let log = |edit: fn(&World) -> String| {
        case(|world, _| {
            let text = edit(world);
            let (id, _) = world.force(world::policy(&text, 4, Some(Digest([2; 32]))), &[10]);
            says(world, id, PARTY, Confirmed);
        })
    };
    assert_eq!(log(|world| world.policy("2")).refused(), "weak-policy");
    let elsewhere = |world: &World| {
        let other = Skey::from_seed("log.other.example", KeyKind::Ed25519, [41; 32]).unwrap();
        world.policy("3").replace(&world.log_key().vkey().to_string(), &other.vkey().to_string())
    };
    assert_eq!(log(elsewhere).refused(), "log-not-in-policy");
    let mut elsewhere = world::policy("", 4, None);
    if let Predicate::Policy(policy) = &mut elsewhere.predicate {
        (policy.log, policy.policy, policy.previous) =
            ("log.test.example".into(), World::new().policy("3"), Some(Digest([2; 32])));
    }
    elsewhere.subjects = vec![Subject::of_name("log.test.example")];
    assert_eq!(case(|world, _| world.put(elsewhere, &[10])).refused(), "wrong-log");
}

/// A verdict reports a later policy, with who confirmed it, and never uses it.
#[test]
fn a_later_policy_is_reported() {
    let mut fixture = Fixture::with(|world| {
        world.force(world::party(PARTY).into_statement(), &[10]);
        let text = world.policy("4");
        let (id, _) = world.force(world::policy(&text, 3, Some(Digest([2; 32]))), &[10]);
        says(world, id, PARTY, Outcome::Confirmed);
        says(world, id, OTHER, Outcome::Confirmed);
    });
    let later = LaterPolicy { epoch: 3, id: fixture.world.id(13), index: 13, confirmed: Vec::new() };
    assert_eq!(fixture.installable().policy, Some(later.clone()));
    fixture.trust.parties = vec![Party { name: PARTY.into(), authority: fixture.world.id(12) }];
    let confirmed = vec![PARTY.to_string()];
    assert_eq!(fixture.installable().policy, Some(LaterPolicy { confirmed, ..later }));
    for (in_use, reported) in [(2, true), (3, false), (4, false)] {
        fixture.trust.policy_epoch = Some(in_use);
        assert_eq!(fixture.installable().policy.is_some(), reported, "in use is {in_use}");
    }
    // What proves it has no place in a bundle.
    let (records, keys) = fixture.world.stated(&fixture.indices, &fixture.ask.product, "stable", fixture.sizes.1);
    let records = [records, vec![13]].concat();
    fixture.bundle.status = fixture.world.status(fixture.sizes.1, THREE, &records, &keys);
    assert_eq!(fixture.refused(), "surplus-record");
    assert_eq!(ORIGIN, fixture.trust.origin);
}
