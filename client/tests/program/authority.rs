use crate::stage::Stage;
use crate::world::{self, World};
use spec::record::Record;
use std::sync::{Arc, Mutex};

fn stage() -> Stage {
    let stage = Stage::new();
    for (name, seed) in [("a", 1), ("b", 2), ("c", 3), ("vendor", 4)] {
        stage.key(name, seed);
    }
    stage
}

#[test]
fn two_of_three_sign_a_genesis() {
    let stage = stage();
    stage.show("authority propose --log log.acme.example/updates --namespace * --role root=2:a.pub,b.pub,c.pub --out genesis.json", 0);
    let unsigned = stage.read("genesis.json");
    stage.show("authority sign genesis.json --key vendor", 2);
    assert_eq!(stage.read("genesis.json"), unsigned, "nothing was signed");
    let first = stage.json("authority sign genesis.json --key a --json");
    assert_eq!(first["standing"]["needed"], 2);
    assert_eq!(first["standing"]["signed"].as_array().unwrap().len(), 1);
    let once = stage.read("genesis.json");
    stage.json("authority sign genesis.json --key a --json");
    assert_eq!(stage.read("genesis.json"), once, "signing twice changes nothing");
    let both = stage.json("authority sign genesis.json --key c --json");
    assert_eq!(both["standing"]["next"], "complete: glarus-log init --genesis genesis.json");
    assert!(Record::parse_entry(&stage.read("genesis.json")).is_ok(), "the file is the entry");
    stage.show("authority submit genesis.json --log-url http://127.0.0.1:1", 2);
    stage.show("authority propose --namespace * --role root=1:a.pub --out genesis.json", 2);
    stage.pinned("genesis");
}

#[test]
fn a_namespace_is_signed_by_the_root_and_submitted() {
    let mut stage = stage();
    stage.json("authority propose --json --namespace * --role root=1:a.pub --out genesis.json");
    stage.json("authority sign genesis.json --key a --json");
    stage.json(
        "authority propose --json --namespace pkg:generic/acme/ --role authority=1:vendor.pub --role \
         update=1:vendor.pub --allow-git-commit --out acme.json",
    );
    stage.show("authority submit acme.json --log-url http://127.0.0.1:1", 2);
    stage.show("authority sign acme.json --key vendor --genesis genesis.json", 2);
    let shown = stage.json("authority sign acme.json --key a --json");
    assert_eq!(shown["standing"]["needed"], serde_json::Value::Null);
    stage.show("authority show acme.json --genesis genesis.json", 0);
    stage.show("authority show acme.json --genesis acme.json", 2);
    let world = Arc::new(Mutex::new(World::new(&stage.read("genesis.json"))));
    stage.url = Some(world::serve(&world));
    let logged = stage.json("authority submit acme.json --json");
    assert_eq!((&logged["index"], &logged["known"]), (&2.into(), &false.into()));
    assert_eq!(stage.json("authority submit acme.json --json")["known"], true);
    assert!(stage.read("acme.tlog-proof").starts_with(b"c2sp.org/tlog-proof@v1\nindex 2\n"));
    stage.pinned("namespace");
}

#[test]
fn epochs_follow_one_another() {
    let mut stage = stage();
    stage.json("authority propose --json --namespace * --role root=1:a.pub --out genesis.json");
    stage.json("authority sign genesis.json --key a --json");
    let roles = "--role authority=2:b.pub,c.pub --role update=1:vendor.pub";
    stage.json(&format!("authority propose --json --namespace pkg:generic/acme/ {roles} --out acme.json"));
    stage.json("authority sign acme.json --key a --json");
    let world = Arc::new(Mutex::new(World::new(&stage.read("genesis.json"))));
    stage.url = Some(world::serve(&world));
    stage.json("authority submit acme.json --json");
    stage.key("vendor-2", 5);
    stage.remark("the vendor's key was stolen at entry 40: a next epoch, from what is in force in the log");
    stage.show(
        "authority propose --namespace pkg:generic/acme/ --from-log --role update=1:vendor-2.pub --role \
         withdraw=1:vendor-2.pub --distrust vendor.pub@40 --out acme-1.json",
        0,
    );
    stage.remark("two of two sign it, each on a machine of its own; the root does not");
    stage.show("authority sign acme-1.json --key a --by acme.json", 2);
    stage.show("authority sign acme-1.json --key b --by genesis.json", 2);
    stage.json("authority sign acme-1.json --key b --by acme.json --json");
    stage.show("authority show acme-1.json --from-log", 0);
    stage.show("authority sign acme-1.json --pae-out acme-1.pae", 0);
    let payload = Record::parse_submission(&stage.read("acme-1.json")).unwrap().payload;
    assert_eq!(stage.read("acme-1.pae"), spec::record::pae(&payload));
    let key = glarus::keys::SecretKey::from_seed([3; 32]);
    stage.write("acme-1.sig", key.sign(&payload).unwrap().1);
    stage.json("authority sign acme-1.json --sig-in c.pub:acme-1.sig --by acme.json --json");
    stage.show("authority submit acme-1.json", 0);
    stage.remark("and the next, from a file");
    stage.show("authority propose --from acme-1.json --distrust vendor.pub@41 --out acme-2.json", 2);
    stage.show("authority propose --from acme-1.json --drop access --out acme-2.json", 2);
    stage.show("authority propose --from acme-1.json --namespace pkg:generic/other/ --out acme-2.json", 2);
    stage.show("authority propose --namespace pkg:generic/other/ --from-log --out other.json", 2);
    let next = stage
        .json("authority propose --from acme-1.json --drop withdraw --distrust vendor.pub@39 --out acme-2.json --json");
    assert_eq!(next["authority"]["epoch"], 2);
    stage.show("authority sign acme-2.json", 2);
    stage.pinned("epochs");
}

#[test]
fn what_is_no_proposal() {
    let stage = stage();
    let propose =
        |role: &str, namespace: &str| format!("authority propose --namespace {namespace} --role {role} --out x");
    stage.show(&propose("root=1", "*"), 2);
    stage.show(&propose("roof=1:a.pub", "*"), 2);
    stage.show(&propose("root=2:a.pub", "*"), 2);
    stage.show(&propose("root=1:a", "*"), 2);
    stage.show(&propose("update=1:a.pub", "*"), 2);
    stage.show(&propose("root=1:a.pub", "pkg:generic/acme"), 2);
    stage.write("broken", "{}");
    stage.show("authority show broken", 2);
    assert!(!stage.path("x").exists());
    stage.pinned("no-proposal");
}
