use crate::release::released;
use crate::stage::{Stage, mode};
use crate::world::{self, TIME, World};
use spec::bundle::Bundle;
use spec::record::{Digest, Record};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{SystemTime, UNIX_EPOCH};

/// A vendor's release, and a client who trusts it.
struct Client {
    stage: Stage,
    world: Arc<Mutex<World>>,
}

impl Client {
    fn new() -> Self {
        let stage = Stage::new();
        let world = released(&stage);
        stage.write("policy", world::policy());
        std::fs::create_dir(stage.path("to")).unwrap();
        let client = Self { stage, world };
        client.trust("");
        client
    }

    fn trust(&self, more: &str) {
        let authority = Record::parse_entry(&self.stage.read("acme.json")).unwrap().id;
        let text = format!(
            "[[product]]\npurl = \"pkg:generic/acme/shield\"\norigin = \"{}\"\npolicy = \"policy\"\nauthority = \
             \"{authority}\"\nchannel = \"stable\"\n{more}",
            world::ORIGIN
        );
        self.stage.write("trust.toml", text);
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// The bundle as of the world's time.
    fn bundle(&self) {
        let bundle = self.world().bundle(&Digest::of(b"artifact"), None).unwrap();
        self.stage.write("shield.pkg.glarus", bundle.to_json());
    }

    /// The bundle as it is, with the status as of the world's time.
    fn status(&self) {
        let mut bundle = Bundle::parse(&self.stage.read("shield.pkg.glarus")).unwrap();
        bundle.status = self.world().status(&self.update());
        self.stage.write("shield.pkg.glarus", bundle.to_json());
    }

    /// The world's time becomes that of the clock.
    fn today(&self) {
        self.world().time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        self.bundle();
    }

    fn update(&self) -> Digest {
        Record::parse_entry(&self.stage.read("shield.pkg.update.json")).unwrap().id
    }
}

const VERIFY: &str = "verify shield.pkg --trust trust.toml";
const INSTALL: &str = "install shield.pkg --to to --trust trust.toml";

fn at(seconds: u64) -> String {
    format!("{VERIFY} --at {}", TIME + seconds)
}

#[test]
fn what_a_person_reads() {
    let client = Client::new();
    let stage = &client.stage;
    stage.show(&at(240), 0);
    stage.show(&at(2 * 86_400), 1);
    client.world().cosigning = 1;
    client.status();
    stage.remark("a status that one witness cosigned");
    stage.show(&at(240), 1);
    client.world().cosigning = 3;
    client.bundle();
    stage.remark("a bundle and a status that three of four cosigned");
    stage.show(&at(240), 0);
    stage.show(&format!("{VERIFY} --at 2026-11-23"), 1);
    client.world().withdraw(&client.update(), 8);
    client.bundle();
    stage.remark("the update was withdrawn");
    stage.show(&at(240), 1);
    stage.write("shield.pkg", "another");
    stage.remark("another file");
    stage.show(&at(240), 1);
    stage.write("shield.pkg.glarus", "{}");
    stage.remark("a bundle that is none");
    stage.show(&at(240), 1);
    assert!(!stage.path("memory.json").exists(), "--at remembers nothing");
    stage.pinned("verify");
}

#[test]
fn what_a_machine_reads() {
    let client = Client::new();
    let found = client.stage.json(&format!("{} --json", at(240)));
    assert_eq!(
        (&found["verdict"], &found["sequence"], &found["ageS"]),
        (&"installable".into(), &1.into(), &240.into())
    );
    assert_eq!(found["cosigned"].as_array().unwrap().len(), 4);
    let refused = client.stage.run(&format!("{} --json", at(2 * 86_400)));
    let found: serde_json::Value = serde_json::from_str(&refused.out).unwrap();
    assert_eq!((refused.code, &found["name"], &found["todo"]), (1, &"stale".into(), &"fetch-newer".into()));
}

#[test]
fn what_cannot_be_judged() {
    let client = Client::new();
    let stage = &client.stage;
    stage.show("verify none.pkg --trust trust.toml", 2);
    stage.show("verify shield.pkg --trust none.toml", 2);
    stage.show(&format!("{VERIFY} --at noon"), 2);
    stage.show(&format!("{VERIFY} --product pkg:generic/acme/sword"), 2);
    stage.write("memory.json", "{");
    stage.remark("the memory is damaged");
    stage.show(VERIFY, 2);
    std::fs::remove_file(stage.path("memory.json")).unwrap();
    client.trust("max_age = 3\n");
    stage.remark("max_age = 3");
    stage.show(VERIFY, 2);
    client.trust("held = 1\n");
    stage.remark("held = 1");
    stage.show(VERIFY, 2);
    client.trust("");
    stage.show("install shield.pkg --to nowhere --trust trust.toml", 2);
    stage.pinned("verify-not-judged");
}

#[test]
fn an_installation_is_remembered() {
    let client = Client::new();
    let stage = &client.stage;
    client.today();
    let said = stage.run(INSTALL);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert!(
        said.out.contains("(nothing installed)") && said.out.ends_with("  installed  to/shield.pkg\n"),
        "{}",
        said.out
    );
    assert_eq!((stage.names("to"), stage.read("to/shield.pkg")), (vec!["shield.pkg".into()], b"artifact".to_vec()));
    assert_eq!(mode(&stage.path("memory.json")), 0o600);
    let found = stage.json(&format!("{VERIFY} --json"));
    assert_eq!((&found["installed"]["sequence"], &found["installed"]["index"]), (&1.into(), &8.into()));
    assert_eq!(stage.json(&format!("{INSTALL} --json"))["place"], "to/shield.pkg", "the same again");
    let memory = stage.read("memory.json");
    stage.json(&format!("{VERIFY} --at {} --json", client.world().time));
    assert_eq!(stage.read("memory.json"), memory, "--at remembers nothing");
}

/// Whoever hands the files of an update over does not put one in another's place.
#[test]
fn a_file_keeps_its_name() {
    let client = Client::new();
    let stage = &client.stage;
    client.today();
    stage.write("uninstall.pkg", "artifact");
    stage.write("uninstall.pkg.glarus", stage.read("shield.pkg.glarus"));
    let said = stage.run("install uninstall.pkg --to to --trust trust.toml");
    assert_eq!((said.code, stage.names("to")), (1, vec![]));
    assert!(said.out.starts_with("REFUSED wrong-name: "), "{}", said.out);
    let said = stage.run("verify uninstall.pkg --trust trust.toml");
    assert!(said.out.contains("\n  named      shield.pkg in the update\n"), "{}", said.out);
    assert_eq!(said.code, 0);
    assert!(!stage.run(VERIFY).out.contains("  named "));
}

#[test]
fn what_is_refused_touches_nothing_and_is_remembered() {
    let client = Client::new();
    let stage = &client.stage;
    stage.write("to/shield.pkg", "old");
    client.today();
    let before = stage.read("shield.pkg.glarus");
    client.world().withdraw(&client.update(), 8);
    client.bundle();
    let said = stage.run(INSTALL);
    assert_eq!(said.code, 1);
    assert!(said.out.starts_with("REFUSED withdrawn: "), "{}", said.out);
    assert_eq!((stage.names("to"), stage.read("to/shield.pkg")), (vec!["shield.pkg".into()], b"old".to_vec()));
    // Who was refused for a withdrawal does not accept the status before it.
    stage.write("shield.pkg.glarus", before);
    let said = stage.run(INSTALL);
    assert_eq!(said.code, 1);
    assert!(said.out.starts_with("REFUSED withdrawn: "), "{}", said.out);
    assert_eq!(stage.names("to"), ["shield.pkg"]);
}

#[test]
fn two_histories_are_kept_as_evidence() {
    let client = Client::new();
    let stage = &client.stage;
    client.today();
    stage.json(&format!("{VERIFY} --json"));
    // Another world of the same size: its states were closed at another time.
    let genesis = stage.read("genesis.json");
    let mut other = World::new(&genesis);
    other.time = client.world().time + 1;
    for name in ["acme.json", "shield.tar.source.json", "shield.pkg.build.json", "shield.pkg.update.json"] {
        other.push(&stage.read(name));
    }
    stage.write("shield.pkg.glarus", other.bundle(&Digest::of(b"artifact"), None).unwrap().to_json());
    let said = stage.run(VERIFY);
    assert_eq!(said.code, 1);
    assert!(said.out.starts_with("REFUSED fork: "), "{}", said.out);
    let evidence: Vec<_> = stage.names("").into_iter().filter(|name| name.starts_with("memory.json.fork-")).collect();
    assert_eq!(evidence.len(), 2);
    assert!(evidence.iter().all(|name| said.out.contains(name.as_str())), "{}", said.out);
    assert_eq!(stage.json(&format!("inspect {} --json", evidence[0]))["size"], 10);
}

#[test]
fn a_status_is_renewed() {
    let client = Client::new();
    let mut stage = client.stage;
    stage.url = Some(world::serve(&client.world));
    let old = stage.read("shield.pkg.glarus");
    client.world.lock().unwrap().time = TIME + 3 * 86_400;
    stage.show("bundle --refresh shield.pkg", 0);
    assert_ne!(stage.read("shield.pkg.glarus"), old);
    stage.show(&at(3 * 86_400 + 60), 0);
    stage.write("shield.pkg.glarus", "{}");
    stage.show("bundle --refresh shield.pkg", 2);
    stage.pinned("refresh");
}
