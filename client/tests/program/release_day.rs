//! Release day: one command, whatever interrupts it.

use crate::records::foreign;
use crate::release::vendor;
use crate::stage::Stage;
use crate::world::{self, World};
use glarus::keys::SecretKey;
use spec::record::{Digest, Kind};
use std::sync::{Arc, Mutex};

const RELEASE: &str =
    "release --product pkg:generic/acme/shield --version 7.2.0 --channel stable --key keys/vendor dist";
const MADE: &str = "--source shield.tar --builder https://ci.acme.example --build-type https://acme.example/make@v1";
const FOLDER: &str = "glarus-release-shield-7.2.0-stable";

/// A vendor with two files to release.
fn vendor_with_dist(stage: &mut Stage) -> Arc<Mutex<World>> {
    let world = vendor(stage);
    std::fs::create_dir(stage.path("dist")).unwrap();
    stage.write("dist/a.pkg", "one");
    stage.write("dist/b.pkg", "two");
    world
}

fn journal_lines(stage: &Stage) -> usize {
    std::fs::read_to_string(stage.path("releases.ndjson")).unwrap_or_default().lines().count()
}

/// Provenance of a file, as a builder signs it.
fn provenance(stage: &Stage, name: &str, from: &str, seed: u8) -> String {
    let sha256 = |name: &str| Digest::of(&stage.read(name));
    let (artifact, source) = (sha256(&format!("dist/{name}")), sha256(from));
    let statement = format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://slsa.dev/provenance/v1",
  "subject":[{{"name":"{name}","digest":{{"sha256":"{artifact}"}}}}],
  "predicate":{{"buildDefinition":{{"buildType":"https://ci.example/t","externalParameters":{{}},
    "resolvedDependencies":[{{"uri":"git+https://acme.example/shield","digest":{{"sha256":"{source}"}}}}]}},
    "runDetails":{{"builder":{{"id":"https://ci.example"}}}}}}}}"#
    );
    foreign(statement.as_bytes(), &SecretKey::from_seed([seed; 32]))
}

#[test]
fn one_command() {
    let mut stage = Stage::new();
    let _world = vendor_with_dist(&mut stage);
    let release = format!("{RELEASE} {MADE}");
    stage.show(&format!("{release} --dry-run"), 0);
    assert!(!stage.path(FOLDER).exists() && !stage.path("releases.ndjson").exists(), "nothing was done");
    stage.show(&release, 0);
    let made = ["a.pkg", "a.pkg.glarus", "b.pkg", "b.pkg.glarus"];
    assert_eq!(stage.names("dist"), made);
    let kept = [
        "build.json",
        "build.tlog-proof",
        "source.json",
        "source.tlog-proof",
        "ticket.json",
        "update.json",
        "update.tlog-proof",
    ];
    assert_eq!(stage.names(FOLDER), kept);
    assert_eq!(journal_lines(&stage), 1);
    stage.remark("the same once more, and what was fetched is gone");
    stage.show(&release, 0);
    std::fs::remove_file(stage.path("dist/b.pkg.glarus")).unwrap();
    stage.show(&format!("resume {FOLDER}"), 0);
    assert_eq!((stage.names("dist").as_slice(), journal_lines(&stage)), (made.map(String::from).as_slice(), 1));
    stage.remark("what is on the log already, into another channel: no source, no build, the same keys");
    stage.show(&RELEASE.replace("stable", "lts"), 0);
    assert_eq!(journal_lines(&stage), 2);
    stage.remark("the ticket is lost: nothing is released twice");
    std::fs::remove_dir_all(stage.path(FOLDER)).unwrap();
    stage.show(&release, 0);
    stage.remark("the next version is the next sequence");
    stage.write("dist/a.pkg", "three");
    std::fs::remove_file(stage.path("dist/b.pkg")).unwrap();
    let next = stage.json(&format!("{} --json", release.replace("7.2.0", "7.2.1")));
    assert_eq!((&next["sequence"], &next["bundles"][0]), (&2.into(), &"dist/a.pkg.glarus".into()));
    let source = &next["records"][0];
    assert_eq!((&source["record"], &source["known"]), (&"build".into(), &false.into()), "the source is on the log");
    stage.pinned("release-day");
}

#[test]
fn builds_are_found_by_what_they_made() {
    let mut stage = Stage::new();
    let _world = vendor_with_dist(&mut stage);
    std::fs::create_dir(stage.path("provenance")).unwrap();
    let lines = [provenance(&stage, "a.pkg", "shield.tar", 77), provenance(&stage, "b.pkg", "dist/a.pkg", 77)];
    stage.write("provenance/a.intoto.jsonl", format!("{}\n", lines[0].replace('\n', " ")));
    stage.write("provenance/sums", "no record");
    let release = format!("{RELEASE} --source shield.tar --provenance provenance");
    stage.show(&release, 2);
    stage.remark("b.pkg is a.pkg, packed: a build of what a build made");
    stage.write(
        "provenance/b.sigstore.json",
        format!(r#"{{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","dsseEnvelope":{}}}"#, lines[1]),
    );
    stage.show(&RELEASE.replace("dist", "--provenance provenance dist"), 2);
    stage.show(&release, 2);
    stage.show(&format!("{release} --countersign").replace("--key keys/vendor", ""), 2);
    assert!(!stage.path(FOLDER).exists(), "nothing was decided");
    stage.show(&format!("{release} --countersign"), 0);
    let ids = |name: &str| {
        let record = stage.json(&format!("inspect {FOLDER}/{name} --json"));
        record["signatures"].as_array().unwrap().len()
    };
    assert_eq!((ids("build-1.json"), ids("build-2.json"), ids("source.json")), (2, 2, 1));
    stage.remark("a provenance that the build role signed goes in as it is");
    stage.write("dist/a.pkg", "three");
    std::fs::remove_file(stage.path("dist/b.pkg")).unwrap();
    stage.write("provenance/a.intoto.jsonl", provenance(&stage, "a.pkg", "shield.tar", 2));
    stage.show(&release.replace("7.2.0", "7.2.1"), 0);
    stage.pinned("release-day-provenance");
}

#[test]
fn what_is_refused_is_refused_before_anything_is_sent() {
    let mut stage = Stage::new();
    let _world = vendor_with_dist(&mut stage);
    stage.key("keys/other", 8);
    let release = format!("{RELEASE} {MADE}");
    stage.show(&release.replace("keys/vendor", "keys/other"), 2);
    stage.show(RELEASE, 2);
    stage.show(&release.replace("shield.tar", "nothing.tar"), 2);
    stage.show(&format!("{RELEASE} --source {}", "0".repeat(64)), 2);
    stage.show(&release.replace("acme/shield", "nobody/shield"), 2);
    stage.show(&format!("{release} --origin other.example/log"), 2);
    stage.show(&format!("{release} --trust trust.toml"), 2);
    stage.show(&release.replace("--channel stable", "--channel Stable"), 2);
    std::fs::create_dir(stage.path("dist/sub")).unwrap();
    stage.show(&release, 2);
    std::fs::remove_dir(stage.path("dist/sub")).unwrap();
    std::fs::create_dir(stage.path("empty")).unwrap();
    stage.show(&release.replace(" dist ", " empty "), 2);
    stage.write("a.pkg", "two of one name");
    stage.show(&release.replace(" dist ", " dist a.pkg "), 2);
    stage.url = Some("http://127.0.0.1:1".into());
    let away = stage.run(&release);
    assert!(away.code == 2 && away.err.contains("no answer from the log"), "{}", away.err);
    assert!(!stage.path(FOLDER).exists() && !stage.path("releases.ndjson").exists());
    stage.pinned("release-day-refused");
}

#[test]
fn interruptions() {
    let mut stage = Stage::new();
    let world = vendor_with_dist(&mut stage);
    let release = format!("{RELEASE} {MADE}");
    stage.remark("a log that fails");
    world.lock().unwrap().refuse = Some((507, "disk-full"));
    stage.show(&release, 2);
    let ticket = stage.read(&format!("{FOLDER}/ticket.json"));
    stage.remark("a log that finds no quorum in time");
    world.lock().unwrap().refuse = None;
    world.lock().unwrap().late = usize::MAX;
    stage.show(&format!("resume {FOLDER} --wait-s 1"), 2);
    world.lock().unwrap().late = 0;
    stage.remark("a file that changed since, one that is gone, and another release of that name");
    stage.write("dist/a.pkg", "changed");
    std::fs::rename(stage.path("dist/b.pkg"), stage.path("b.pkg")).unwrap();
    stage.show(&format!("resume {FOLDER}"), 1);
    stage.write("dist/a.pkg", "one");
    stage.show(&release, 2);
    std::fs::rename(stage.path("b.pkg"), stage.path("dist/b.pkg")).unwrap();
    stage.show(&format!("{release} --sequence 7"), 2);
    assert_eq!(journal_lines(&stage), 0);
    stage.remark("somebody else took the sequence, as the log says");
    world.lock().unwrap().refuse = Some((409, "sequence"));
    world.lock().unwrap().refuse_only = Some(Kind::Update);
    stage.show(&format!("resume {FOLDER}"), 1);
    stage.remark("a key that was distrusted meanwhile");
    world.lock().unwrap().refuse = Some((403, "threshold-not-met"));
    stage.show(&format!("resume {FOLDER}"), 1);
    world.lock().unwrap().refuse = None;
    stage.show(&format!("resume {FOLDER}/ticket.json"), 0);
    assert_eq!((stage.read(&format!("{FOLDER}/ticket.json")), journal_lines(&stage)), (ticket, 1));
    stage.remark("a ticket that somebody wrote in");
    let text = String::from_utf8(stage.read(&format!("{FOLDER}/ticket.json"))).unwrap();
    stage.write("ticket.json", text.replace("\"sequence\":1", "\"sequence\":2"));
    stage.show("resume ticket.json", 2);
    stage.show("resume shield.tar", 2);
    stage.pinned("release-day-interrupted");
}

#[test]
fn judged_as_a_customer_does() {
    let mut stage = Stage::new();
    let world = vendor_with_dist(&mut stage);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    world.lock().unwrap().time = now;
    stage.write("policy", world::policy());
    stage.show("trust --product pkg:generic/other/shield --channel stable --policy policy --authority acme.json", 2);
    stage.show("trust --product pkg:generic/acme/shield --channel Stable --policy policy --authority acme.json", 2);
    stage.show("trust --product pkg:generic/acme/shield --channel stable --policy policy --authority shield.tar", 2);
    stage.show("trust --product pkg:generic/acme/shield --channel stable --policy policy --authority acme.json", 0);
    stage.show("trust --product pkg:generic/acme/shield --channel stable --policy policy --authority acme.json", 2);
    stage.pinned("trust");
    let release = format!("{RELEASE} {MADE} --trust trust.toml");
    let done = stage.json(&format!("{release} --json"));
    assert_eq!(done["verified"], "by trust.toml, as a customer does: all of 2 may be installed");
    assert_eq!(stage.run("verify dist/a.pkg --trust trust.toml").code, 0);
    // Verified again, and refused: the bundle of another file.
    std::fs::copy(stage.path("dist/a.pkg.glarus"), stage.path("a.glarus")).unwrap();
    assert_eq!(stage.json(&format!("resume {FOLDER} --json"))["release"], "was done before");
    let damaged = String::from_utf8(stage.read("dist/a.pkg.glarus")).unwrap();
    stage.write("dist/a.pkg.glarus", damaged.replacen("log.acme.example", "log.evil.example", 1));
    let refused = stage.run(&format!("resume {FOLDER}"));
    assert_eq!(refused.code, 1, "{}{}", refused.out, refused.err);
    assert!(
        refused.out.starts_with("REFUSED ") && refused.err.contains("1 of 2 files may not be installed"),
        "{}",
        refused.err
    );
    let refused = stage.run(&format!("resume {FOLDER} --json"));
    let said: serde_json::Value = serde_json::from_str(&refused.out).unwrap();
    assert_eq!((refused.code, &said["refused"][0]["verdict"]), (1, &"refused".into()));
    assert_eq!(journal_lines(&stage), 1);
    // A quorum that the customer does not have is no release that is done.
    world.lock().unwrap().cosigning = 2;
    stage.write("dist/a.pkg", "next");
    let refused = stage.run(&release.replace("7.2.0", "7.2.1"));
    assert!(refused.code == 1 && refused.out.contains("REFUSED quorum-not-met"), "{}{}", refused.out, refused.err);
    assert_eq!(journal_lines(&stage), 1);
}

#[test]
fn a_large_set_is_released_by_its_manifest() {
    let mut stage = Stage::new();
    let world = vendor_with_dist(&mut stage);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    world.lock().unwrap().time = now;
    stage.write("policy", world::policy());
    stage.json("trust --product pkg:generic/acme/shield --channel stable --policy policy --authority acme.json --json");
    std::fs::create_dir(stage.path("dist/db")).unwrap();
    (0..300).for_each(|number| stage.write(&format!("dist/db/{number}.sig"), number.to_string()));
    let release = format!("{RELEASE} {MADE} --trust trust.toml");
    let refused = stage.run(&release);
    assert!(refused.code == 2 && refused.err.contains("dist/db: is a folder"), "{}", refused.err);
    let files = stage.run(&release.replace(" dist ", " dist/db "));
    assert!(files.code == 2 && files.err.contains("300 files, an update carries at most 256"), "{}", files.err);
    let release = format!("{release} --manifest");
    let done = stage.json(&format!("{release} --json"));
    assert_eq!(done["bundles"], serde_json::json!(["dist/shield-7.2.0.manifest.glarus"]));
    let lines = String::from_utf8(stage.read("dist/shield-7.2.0.manifest")).unwrap();
    assert!(
        lines.lines().count() == 302 && lines.contains("  3  a.pkg\n") && lines.contains("  3  db/299.sig\n"),
        "{lines}"
    );
    let judged = "--trust trust.toml --manifest dist/shield-7.2.0.manifest --json";
    let verified = stage.json(&format!("verify dist/db/299.sig {judged}"));
    assert_eq!((&verified["verdict"], &verified["name"]), (&"installable".into(), &"db/299.sig".into()));
    assert_eq!(stage.json(&format!("{release} --json"))["release"], "was done before");
    // Neither more nor less than the manifest lists.
    stage.write("dist/db/more.sig", "more");
    let more = stage.run(&format!("resume {FOLDER}"));
    assert!(more.code == 1 && more.err.contains("dist/db/more.sig: is not in the manifest"), "{}", more.err);
    let other = stage.run(&format!("verify dist/db/more.sig {judged}"));
    assert!(other.code == 1 && other.out.contains("not-in-manifest"), "{}", other.out);
    std::fs::rename(stage.path("dist/db/more.sig"), stage.path("dist/db/0.sig")).unwrap();
    let changed = stage.run(&format!("resume {FOLDER}"));
    assert!(changed.code == 1 && changed.err.contains("dist/db/0.sig: has the sha256"), "{}", changed.err);
}
