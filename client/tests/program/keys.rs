use crate::stage::{Stage, mode};
use std::process::Command;

#[test]
fn a_pair_that_openssl_reads() {
    let stage = Stage::new();
    for algorithm in ["ed25519", "ecdsa-p256", "ml-dsa-44"] {
        let made = stage.json(&format!("key new {algorithm} --algorithm {algorithm} --json"));
        let public = format!("{algorithm}.pub");
        assert_eq!((mode(&stage.path(algorithm)), mode(&stage.path(&public))), (0o600, 0o644));
        for name in [algorithm, &public] {
            assert_eq!(stage.json(&format!("key show {name} --json"))["keyid"], made["keyid"]);
        }
        let reads = |extra: &[&str]| {
            let mut openssl = Command::new("openssl");
            openssl.args(["pkey", "-noout", "-in"]).args(extra).current_dir(stage.path(""));
            // Not every machine has it; where it is, it must read what we write.
            openssl.output().map_or(true, |output| output.status.success())
        };
        assert!(knows(algorithm).is_none_or(|knows| !knows) || reads(&[algorithm]) && reads(&[&public, "-pubin"]));
    }
    assert_eq!(stage.json("key new update --json")["algorithm"], "ed25519");
    stage.show("key new update", 2);
}

/// Whether openssl is here and knows an algorithm: ML-DSA came with version 3.5.
fn knows(algorithm: &str) -> Option<bool> {
    let name = match algorithm {
        "ml-dsa-44" => "ML-DSA-44",
        "ecdsa-p256" => return Some(true),
        _ => "ED25519",
    };
    let output = Command::new("openssl").args(["list", "-public-key-algorithms"]).output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).contains(name))
}

#[test]
fn keys_that_openssl_made() {
    let stage = Stage::new();
    let openssl = |arguments: &str| {
        let mut openssl = Command::new("openssl");
        openssl.args(arguments.split(' ')).current_dir(stage.path("")).output().is_ok_and(|out| out.status.success())
    };
    for (algorithm, make) in [
        ("ed25519", "genpkey -algorithm ed25519 -out secret"),
        ("ecdsa-p256-sha256", "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out secret"),
        ("ml-dsa-44", "genpkey -algorithm ML-DSA-44 -out secret"),
    ] {
        if !openssl(make) || !openssl("pkey -in secret -pubout -out public") {
            eprintln!("skipped: openssl is not here, or makes no {algorithm} keys");
            continue;
        }
        let (secret, public) = (stage.json("key show secret --json"), stage.json("key show public --json"));
        assert_eq!((&secret["algorithm"], &secret), (&algorithm.into(), &public));
    }
}

#[test]
fn transcripts() {
    let stage = Stage::new();
    stage.key("k", 1);
    stage.show("key show k.pub", 0);
    stage.show("key new other --algorithm rsa", 2);
    stage.show("key show none", 2);
    stage.show("key show k --out k.pub", 2);
    stage.write("text", "a\n");
    stage.show("key show text", 2);
    assert_eq!(stage.run("key").code, 2, "bad usage");
    assert_eq!(stage.run("--help").code, 0);
    stage.pinned("keys");
}
