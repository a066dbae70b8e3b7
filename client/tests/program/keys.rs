use crate::stage::{Stage, mode};
use std::process::Command;

#[test]
fn a_pair_that_openssl_reads() {
    let stage = Stage::new();
    let made = stage.json("key new update --json");
    assert_eq!((mode(&stage.path("update")), mode(&stage.path("update.pub"))), (0o600, 0o644));
    for name in ["update", "update.pub"] {
        assert_eq!(stage.json(&format!("key show {name} --json"))["keyid"], made["keyid"]);
    }
    stage.show("key new update", 2);
    let reads = |extra: &[&str]| {
        let mut openssl = Command::new("openssl");
        openssl.args(["pkey", "-noout", "-in"]).args(extra).current_dir(stage.path(""));
        // Not every machine has it; where it is, it must read what we write.
        openssl.output().map_or(true, |output| output.status.success())
    };
    assert!(reads(&["update"]) && reads(&["update.pub", "-pubin"]));
}

#[test]
fn transcripts() {
    let stage = Stage::new();
    stage.key("k", 1);
    stage.show("key show k.pub", 0);
    stage.show("key show none", 2);
    stage.write("text", "a\n");
    stage.show("key show text", 2);
    assert_eq!(stage.run("key").code, 2, "bad usage");
    assert_eq!(stage.run("--help").code, 0);
    stage.pinned("keys");
}
