//! Records of the kinds beside source, build and update, and records that others made.

use crate::release::{BUILD, SOURCE, UPDATE, vendor};
use crate::stage::Stage;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use glarus::keys::SecretKey;
use serde_json::Value;
use spec::record::{self, Record};

const PARTY: &str = "--party https://rebuild.example.ch";

/// A stage with a log, and one update released.
fn released() -> Stage {
    let mut stage = Stage::new();
    vendor(&mut stage);
    for line in [SOURCE, BUILD, UPDATE] {
        stage.json(&format!("{line} --json"));
    }
    stage
}

#[test]
fn a_rebuild_says_what_came_out() {
    let stage = released();
    stage.key("party", 9);
    stage.write("again.pkg", "artifact");
    stage.write("other.pkg", "another artifact");
    let build = stage.json("inspect shield.pkg.build.json --json")["id"].as_str().unwrap().to_string();
    let at = "--time 2026-11-23T10:00:00Z --key party";
    stage.show(&format!("rebuild --build {build} {PARTY} {at} other.pkg"), 1);
    stage.show(&format!("rebuild --build {build} {PARTY} {at} --failed again.pkg"), 1);
    assert!(!stage.path("again.pkg.rebuild.json").exists() && !stage.path("other.pkg.rebuild.json").exists());
    stage.show(&format!("rebuild --build {build} {PARTY} {at} again.pkg"), 0);
    stage.show("inspect again.pkg.rebuild.json", 0);
    stage.show(&format!("rebuild --build {build} {PARTY} {at} --failed other.pkg"), 0);
    stage.remark("without --time, the record that is kept says when");
    stage.show(&format!("rebuild --build shield.pkg.build.json {PARTY} --key party again.pkg"), 0);
    stage.show(&format!("rebuild --build {build} --party https://Rebuild.example.ch {at} again.pkg --record x"), 2);
    stage.show(&format!("rebuild --build shield.tar.source.json {PARTY} {at} again.pkg --record x"), 2);
    stage.show(&format!("rebuild --build {} {PARTY} {at} again.pkg --record x", "0".repeat(64)), 1);
    stage.pinned("rebuild");
}

#[test]
fn a_withdrawal_names_every_live_update() {
    let stage = released();
    let second = UPDATE.replace("--sequence 1", "--sequence 2 --record second.json").replace("7.2.0", "7.2.1");
    stage.json(&format!("{second} --json"));
    let third = UPDATE.replace("stable", "beta").replace("--key", "--record third.json --key");
    stage.json(&format!("{third} --json"));
    let withdraw =
        "withdraw --product pkg:generic/acme/shield --reason CVE-2026-1234 --severity high --key keys/vendor";
    stage.show(&format!("{withdraw} shield.pkg"), 2);
    assert!(!stage.path("shield.pkg.withdrawal.json").exists(), "nothing was signed");
    stage.show(&format!("{withdraw} shield.tar --yes"), 2);
    stage.show(&format!("{} shield.pkg --yes", withdraw.replace("high", "bad")), 2);
    stage.show(&format!("{withdraw} shield.pkg --replacement second.json --yes"), 2);
    stage.show(&format!("{withdraw} shield.pkg --yes"), 0);
    stage.show("inspect shield.pkg.withdrawal.json", 0);
    stage.remark("after an interruption the same command sends the same record");
    stage.show(&format!("{withdraw} shield.pkg"), 2);
    stage.show(&format!("{withdraw} shield.pkg --yes"), 0);
    stage.remark("nothing of it is live any more");
    stage.show(&format!("{withdraw} --record again.json --yes {}", sha256(&stage, "shield.pkg")), 2);
    stage.pinned("withdraw");
}

fn sha256(stage: &Stage, name: &str) -> record::Digest {
    record::Digest::of(&stage.read(name))
}

#[test]
fn reviews_of_sources_and_policies() {
    let stage = released();
    stage.key("party", 9);
    let review = "review --party https://centre.example.ch --centre Glarus --time 1795430000 --key party";
    let held = format!("{review} --of shield.tar.source.json --what held --outcome confirmed");
    stage.show(&held, 2);
    stage.write("changed.tar", "changed");
    stage.show(&format!("{held} changed.tar"), 2);
    stage.show(&format!("{held} shield.tar"), 0);
    let source = stage.json("inspect shield.tar.source.json --json")["id"].as_str().unwrap().to_string();
    stage.show(&format!("{review} --of {source} --what examined --outcome contradicted shield.tar"), 0);
    assert!(
        stage.path("shield.tar.held.review.json").exists() && stage.path("shield.tar.examined.review.json").exists()
    );
    stage.show(&format!("{review} --of shield.pkg.build.json --what held --outcome confirmed shield.tar"), 2);
    stage.show(&format!("{review} --of {source} --what seen --outcome confirmed shield.tar"), 2);

    stage.write("policy", crate::world::policy());
    stage.show("policy propose policy --from-log --out policy-0.json", 2);
    stage.json("policy propose policy --out policy-0.json --json");
    stage.show("policy submit policy-0.json", 2);
    stage.show("policy sign policy-0.json --key keys/vendor --by genesis.json", 2);
    stage.json("policy sign policy-0.json --key keys/root --by genesis.json --json");
    stage.show("policy show policy-0.json --from-log", 0);
    stage.show("policy submit policy-0.json", 0);
    stage.show(&format!("{review} --of policy-0.json --what policy --outcome confirmed"), 0);
    let next = stage.json("policy propose policy --from-log --out policy-1.json --json");
    assert_eq!(
        (&next["policy"]["epoch"], &next["policy"]["previous"]),
        (&1.into(), &stage.json("inspect policy-0.json --json")["id"])
    );
    stage.pinned("review");
}

#[test]
fn an_access_commits_to_what_stays_here() {
    let stage = released();
    stage.write("case", "who and what\n");
    let access = "access --namespace pkg:generic/acme/ --store telemetry-eu --purpose support --from 2026-11-21 --until \
                  2026-11-28 --key keys/vendor case";
    let first = stage.json(&format!("{access} --json"));
    let salt = stage.read("case.salt");
    assert_eq!((salt.len(), crate::stage::mode(&stage.path("case.salt"))), (32, 0o600));
    let commitment = record::Digest::of(&[salt.as_slice(), b"who and what\n"].concat()).to_string();
    assert_eq!(stage.json("inspect case.access.json --json")["commitment"], commitment);
    let again = stage.json(&format!("{access} --json"));
    assert_eq!((&again["id"], &again["known"]), (&first["id"], &true.into()));
    stage.show(&access.replace("2026-11-28", "2026-11-20").replace("--key", "--record x --key"), 2);
    stage.show(&access.replace("2026-11-28", "soon").replace("--key", "--record x --key"), 2);
    stage.write("case.salt", "short");
    stage.show(&access.replace("--key", "--record x --key"), 2);
    stage.pinned("access");
}

/// An envelope as other tools write it: members in another order, no keyid.
pub(crate) fn foreign(statement: &[u8], key: &SecretKey) -> String {
    let (_, sig) = key.sign(statement).unwrap();
    let (payload, sig) = (STANDARD.encode(statement), STANDARD.encode(sig));
    format!(
        r#"{{"payloadType":"application/vnd.in-toto+json","payload":"{payload}","signatures":[{{"sig":"{sig}"}}]}}"#
    )
}

fn provenance(stage: &Stage) -> String {
    let (artifact, source) = (sha256(stage, "shield.pkg"), sha256(stage, "shield.tar"));
    format!(
        r#"{{ "_type": "https://in-toto.io/Statement/v0.1", "predicateType": "https://slsa.dev/provenance/v1",
  "subject": [{{ "name": "shield.pkg", "digest": {{ "sha256": "{artifact}" }} }}],
  "predicate": {{ "buildDefinition": {{ "buildType": "https://ci.example/t", "externalParameters": {{}},
    "resolvedDependencies": [{{ "digest": {{ "sha256": "{source}" }} }}] }},
    "runDetails": {{ "builder": {{ "id": "https://ci.example" }} }} }} }}
"#
    )
}

#[test]
fn what_another_tool_signed_goes_in() {
    let mut stage = Stage::new();
    vendor(&mut stage);
    stage.json(&format!("{SOURCE} --json"));
    let statement = provenance(&stage);
    stage.write("provenance.json", foreign(statement.as_bytes(), &SecretKey::from_seed([77; 32])));
    stage.show("build --envelope provenance.json --key keys/vendor shield.pkg", 2);
    stage.show("build --envelope provenance.json shield.tar", 2);
    stage.show("source --envelope provenance.json", 2);
    stage.remark("what cosign writes with --output-attestation");
    stage.write("statement.json", &statement);
    stage.show("build --envelope statement.json shield.pkg", 2);
    stage.show("build --envelope provenance.json --countersign --key keys/vendor shield.pkg", 0);
    let kept = Record::parse_submission(&stage.read("shield.pkg.build.json")).unwrap();
    assert_eq!(kept.payload, statement.as_bytes(), "the bytes are those that were signed");
    let vendor = SecretKey::from_seed([2; 32]).keyid();
    assert_eq!(kept.signatures.iter().map(|one| one.keyid).collect::<Vec<_>>(), [None, Some(vendor)]);
    stage.show("build --envelope provenance.json --countersign --key keys/vendor shield.pkg", 0);
    stage.remark("the same in other bytes is another record");
    stage.write("other.json", foreign(statement.replace("\n", "").as_bytes(), &SecretKey::from_seed([77; 32])));
    stage.show("build --envelope other.json --countersign --key keys/vendor shield.pkg", 2);
    stage.json(&format!("{UPDATE} --json"));
    stage.remark("one a line, as in .intoto.jsonl; some of no kind that is logged, some about other files");
    let sbom = statement.replace("slsa.dev/provenance/v1", "spdx.dev/Document");
    let elsewhere =
        statement.replace("shield.pkg", "tool.pkg").replace(&sha256(&stage, "shield.pkg").to_string(), &"5".repeat(64));
    let key = SecretKey::from_seed([77; 32]);
    let lines = [sbom, elsewhere, statement.clone()].map(|statement| foreign(statement.as_bytes(), &key));
    stage.write("all.intoto.jsonl", lines.join("\n") + "\n");
    let several = "build --countersign --key keys/vendor --envelope all.intoto.jsonl --record several.json";
    stage.show(several, 2);
    stage.show(&format!("{several} shield.pkg"), 0);
    stage.remark("and in a Sigstore bundle");
    let bundle = format!(
        r#"{{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{{}},"dsseEnvelope":{}}}"#,
        lines[2]
    );
    stage.write("bundle.json", bundle);
    stage.show("build --countersign --key keys/vendor --envelope bundle.json --record bundled.json shield.pkg", 0);
    stage.pinned("envelope");
}

#[test]
fn a_statement_is_signed_as_it_is_and_a_key_may_be_elsewhere() {
    let mut stage = Stage::new();
    vendor(&mut stage);
    stage.json(&format!("{SOURCE} --json"));
    stage.key("other", 8);
    let statement = provenance(&stage);
    stage.write("statement.json", &statement);
    stage.show("build --statement statement.json shield.pkg", 2);
    stage.show("build --statement statement.json --pae-out to-sign shield.pkg", 0);
    let pae = stage.read("to-sign");
    assert_eq!(pae, record::pae(statement.as_bytes()));
    // On the machine without a network:
    let key = SecretKey::from_seed([2; 32]);
    let (_, sig) = key.sign(statement.as_bytes()).unwrap();
    stage.write("signature", &sig);
    stage.show("build --statement statement.json --sig-in other.pub:signature shield.pkg", 2);
    stage.show("build --statement statement.json --sig-in signature shield.pkg", 2);
    stage.show("build --statement statement.json --sig-in keys/vendor.pub:signature shield.pkg", 0);
    let kept = Record::parse_entry(&stage.read("shield.pkg.build.json")).unwrap();
    assert_eq!((kept.payload.as_slice(), &kept.signatures[0].sig), (statement.as_bytes(), &sig));
    stage.remark("the same for a record that is made of arguments");
    let update = UPDATE.replace("--key keys/vendor", "");
    stage.show(&format!("{update} --pae-out update-to-sign"), 0);
    let payload = Value::from(String::from_utf8(stage.read("update-to-sign")).unwrap());
    let payload = payload.as_str().unwrap().splitn(5, ' ').last().unwrap().to_string();
    stage.write("signature", key.sign(payload.as_bytes()).unwrap().1);
    stage.show(&format!("{update} --sig-in keys/vendor.pub:signature"), 0);
    stage.pinned("statement");
}

#[test]
fn what_is_asked_for() {
    let stage = Stage::new();
    for line in ["source", "build x", "update x", "rebuild x", "withdraw x", "review", "access"] {
        let said = stage.run(line);
        assert!(said.code == 2 && said.err.contains("required arguments were not provided"), "{line}: {}", said.err);
        let help = stage.run(&format!("{} --help", line.split(' ').next().unwrap()));
        assert!(help.code == 0 && help.out.contains("Example"), "{line}: {}", help.out);
    }
}
