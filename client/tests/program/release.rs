use crate::stage::Stage;
use crate::world::{self, World};
use std::sync::{Arc, Mutex};

pub(crate) const SOURCE: &str = "source --product pkg:generic/acme/shield --version 7.2.0 --key keys/vendor shield.tar";
pub(crate) const BUILD: &str = "build --builder https://ci.acme.example --build-type https://acme.example/make@v1 --source shield.tar \
                     --key keys/vendor shield.pkg";
pub(crate) const UPDATE: &str = "update --product pkg:generic/acme/shield --version 7.2.0 --channel stable --sequence 1 --build \
                      shield.pkg.build.json --key keys/vendor shield.pkg";

/// A log with a namespace, and a vendor's folder with source and artifact; nothing released yet.
pub(crate) fn vendor(stage: &mut Stage) -> Arc<Mutex<World>> {
    std::fs::create_dir_all(stage.path("keys")).unwrap();
    stage.key("keys/root", 1);
    stage.key("keys/vendor", 2);
    stage.json("authority propose --json --namespace * --role root=1:keys/root.pub --out genesis.json");
    stage.json("authority sign genesis.json --key keys/root --json");
    let roles = "--role authority=1:keys/vendor.pub --role source=1:keys/vendor.pub --role build=1:keys/vendor.pub --role \
                 update=1:keys/vendor.pub";
    stage.json(&format!("authority propose --json --namespace pkg:generic/acme/ {roles} --out acme.json"));
    stage.json("authority sign acme.json --key keys/root --json");
    let world = Arc::new(Mutex::new(World::new(&stage.read("genesis.json"))));
    stage.url = Some(world::serve(&world));
    stage.json("authority submit acme.json --json");
    stage.write("shield.tar", "source");
    stage.write("shield.pkg", "artifact");
    world
}

/// The same, and one update released.
pub(crate) fn released(stage: &Stage) -> Arc<Mutex<World>> {
    let mut with_log = Stage::new();
    let world = vendor(&mut with_log);
    for line in [SOURCE, BUILD, UPDATE] {
        with_log.json(&format!("{line} --json"));
    }
    copy(&with_log, stage, "");
    world
}

fn copy(from: &Stage, to: &Stage, folder: &str) {
    for name in from.names(folder) {
        let name = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        if from.path(&name).is_dir() {
            std::fs::create_dir_all(to.path(&name)).unwrap();
            copy(from, to, &name);
        } else {
            std::fs::copy(from.path(&name), to.path(&name)).unwrap();
        }
    }
}

#[test]
fn from_source_to_bundle() {
    let mut stage = Stage::new();
    let _world = vendor(&mut stage);
    stage.show(SOURCE, 0);
    stage.show(BUILD, 0);
    stage.show(UPDATE, 0);
    // Once more: the same records, the same answer.
    let before = stage.read("shield.pkg.update.json");
    let again = stage.json(&format!("{UPDATE} --json"));
    assert_eq!((&again["index"], &again["known"]), (&8.into(), &true.into()));
    assert_eq!(stage.read("shield.pkg.update.json"), before);
    stage.show(&UPDATE.replace("--sequence 1", "--sequence 2"), 2);
    stage.show(&UPDATE.replace("shield.pkg.build.json", "shield.tar.source.json"), 2);
    stage.write("other.pkg", "another");
    stage.show(&UPDATE.replace("vendor shield.pkg", "vendor other.pkg"), 2);
    assert!(!stage.path("other.pkg.update.json").exists(), "nothing was signed");
    stage.show("bundle shield.pkg --out again.glarus", 0);
    assert_eq!(stage.read("again.glarus"), stage.read("shield.pkg.glarus"));
    stage.show("bundle shield.tar", 1);
    stage.pinned("release");
}

#[test]
fn a_record_is_kept_before_it_is_sent() {
    let mut stage = Stage::new();
    let world = vendor(&mut stage);
    let url = stage.url.replace("http://127.0.0.1:1".into()).unwrap();
    let failed = stage.run(SOURCE);
    assert_eq!(failed.code, 2);
    assert!(failed.err.contains("shield.tar.source.json is signed and kept"), "{}", failed.err);
    let kept = stage.read("shield.tar.source.json");
    assert!(!stage.path("shield.tar.source.tlog-proof").exists());
    stage.url = None;
    stage.show(SOURCE, 2);
    stage.url = Some(url);
    stage.remark("a log that refuses");
    world.lock().unwrap().refuse = Some((403, "threshold-not-met"));
    stage.show(SOURCE, 1);
    stage.remark("a log that fails");
    world.lock().unwrap().refuse = Some((507, "disk-full"));
    stage.show(SOURCE, 2);
    world.lock().unwrap().refuse = None;
    world.lock().unwrap().late = 3;
    assert_eq!(stage.json(&format!("{SOURCE} --json"))["index"], 4);
    assert_eq!(stage.read("shield.tar.source.json"), kept);
    let proof = stage.read("shield.tar.source.tlog-proof");
    assert!(proof.starts_with(b"c2sp.org/tlog-proof@v1\nextra "), "fetched later, with its entry");
    world.lock().unwrap().lie = true;
    stage.remark("a log that answers with the proof of another entry");
    stage.show(SOURCE, 2);
    world.lock().unwrap().late = usize::MAX;
    stage.remark("a log that finds no quorum");
    stage.show(&format!("{SOURCE} --wait-s 1"), 2);
    stage.pinned("release-failures");
}

#[test]
fn offline_and_with_several_keys() {
    let mut stage = Stage::new();
    let world = vendor(&mut stage);
    stage.key("keys/second", 3);
    let url = stage.url.take();
    stage.show(&format!("{SOURCE} --no-submit"), 0);
    stage.show(&format!("{} --no-submit", SOURCE.replace("keys/vendor", "keys/second")), 0);
    stage.show(&SOURCE.replace("--key keys/vendor", "--no-submit"), 0);
    assert_eq!(stage.json("inspect shield.tar.source.json --json")["signatures"].as_array().unwrap().len(), 2);
    stage.url = url;
    assert_eq!(stage.json(&format!("{SOURCE} --json"))["index"], 4);
    assert_eq!(world.lock().unwrap().time, world::TIME);
    let without = SOURCE.replace("--key keys/vendor", "").replace("shield.tar", "shield.pkg");
    stage.show(&without, 2);
    stage.show(&SOURCE.replace("generic/acme", "generic//acme"), 2);
    stage.show(&BUILD.replace("--source shield.tar", "--source nothing.tar"), 2);
    stage.write("shield.tar", "changed");
    stage.show(BUILD, 2);
    stage.show(
        &BUILD.replace("--source shield.tar --key", &format!("--source {} --dependency zlib --key", "0".repeat(64))),
        2,
    );
    stage.pinned("release-offline");
}
