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
