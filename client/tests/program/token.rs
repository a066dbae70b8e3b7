//! Keys in a token, SoftHSM2's, which the test makes itself.

use crate::stage::{Said, Stage};
use std::path::Path;
use std::process::Command;

const PIN: &str = "2718";

/// Where distributions put the library.
const MODULES: [&str; 4] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
];

/// A stage with a token `acme`, and the library that speaks to it; none where SoftHSM2 is not installed.
fn token() -> Option<(Stage, &'static str)> {
    let Some(module) = MODULES.into_iter().find(|path| Path::new(path).exists()) else {
        eprintln!("skipped: SoftHSM2 is not installed here; Debian's package is softhsm2");
        return None;
    };
    let mut stage = Stage::new();
    std::fs::create_dir_all(stage.path("tokens")).unwrap();
    let tokens = stage.path("tokens");
    stage.write("softhsm2.conf", format!("directories.tokendir = {}\nlog.level = ERROR\n", tokens.display()));
    let conf = stage.path("softhsm2.conf");
    stage.env.push(("SOFTHSM2_CONF", conf.display().to_string()));
    util(&stage, &["--init-token", "--free", "--label", "acme", "--so-pin", "31415926", "--pin", PIN]);
    Some((stage, module))
}

fn util(stage: &Stage, arguments: &[&str]) {
    let mut command = Command::new("softhsm2-util");
    command.args(arguments).current_dir(stage.path("")).envs(stage.env.iter().map(|(name, value)| (*name, value)));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn import(stage: &Stage, file: &str, label: &str, id: &str) {
    util(stage, &["--import", file, "--token", "acme", "--label", label, "--id", id, "--pin", PIN]);
}

#[test]
fn a_token_signs_what_a_file_signs() {
    let Some((mut stage, module)) = token() else { return };
    stage.write("pin", format!("{PIN}\n"));
    stage.key("a", 1);
    for (algorithm, id) in [("ecdsa-p256", "a1"), ("ed25519", "a2")] {
        let made = stage.json(&format!("key new {algorithm} --algorithm {algorithm} --json"));
        import(&stage, algorithm, algorithm, id);
        let uri = format!("pkcs11:token=acme;object={algorithm}?module-path={module}&pin-source=file:pin");
        let shown = stage.json(&format!("key show {uri} --out {algorithm}.token.pub --json"));
        assert_eq!((&shown["keyid"], &shown["algorithm"]), (&made["keyid"], &made["algorithm"]));
        assert_eq!(stage.read(&format!("{algorithm}.token.pub")), stage.read(&format!("{algorithm}.pub")));

        let genesis = format!("{algorithm}.json");
        let propose =
            format!("authority propose --namespace * --role root=2:a.pub,{algorithm}.token.pub --out {genesis}");
        stage.json(&format!("{propose} --json"));
        stage.json(&format!("authority sign {genesis} --key a --json"));
        let signed = stage.json(&format!("authority sign {genesis} --key {uri} --json"));
        let standing = &signed["standing"];
        assert_eq!(standing["next"], format!("complete: glarus-log init --genesis {genesis}"), "{standing}");
    }
    // The PIN from the environment, and the key by its id.
    stage.env.push(("GLARUS_PIN", PIN.into()));
    let by_id = stage.json(&format!("key show pkcs11:token=acme;id=%a1?module-path={module} --json"));
    assert_eq!(by_id["keyid"], stage.json("key show ecdsa-p256.pub --json")["keyid"]);
}

#[test]
fn what_a_token_refuses() {
    let Some((mut stage, module)) = token() else { return };
    for name in ["one", "two"] {
        stage.json(&format!("key new {name} --algorithm ecdsa-p256 --json"));
    }
    import(&stage, "one", "release", "01");
    import(&stage, "two", "release", "02");
    stage.write("wrong", "0000");
    stage.write("pin", PIN);
    let at = |path: &str, query: &str| format!("key show pkcs11:{path}?module-path={module}{query}");
    let fails = |line: String, with: &str| {
        let Said { code, err, .. } = stage.run(&line);
        assert_eq!(code, 2, "{line}: {err}");
        assert!(err.contains(with), "{line}: {err}");
    };
    fails(
        at("token=acme", ""),
        "the token \"acme\" needs a PIN: add pin-source=file:FILE to the URI, or set GLARUS_PIN",
    );
    fails(at("token=acme", "&pin-source=file:none"), "the PIN: none: No such file");
    fails(at("token=acme", "&pin-source=file:wrong"), "the token refuses to log in: the PIN is wrong");
    fails(at("token=acme", "&pin-value=2718"), "pin-value would show the PIN to every process");
    fails(
        at("token=acne", "&pin-source=file:pin"),
        "0 tokens answer to the URI, one is needed; there are: token=acme;serial=",
    );
    fails(
        at("token=acme;object=release", "&pin-source=file:pin"),
        "2 keys in the token answer to the URI, one is needed; there are: object=release;id=%01, object=release;id=%02",
    );
    fails(at("token=acme;object=other", "&pin-source=file:pin"), "0 keys in the token answer to the URI");
    fails("key show pkcs11:token=acme?module-path=none.so".into(), "the library none.so: ");
    fails("key show pkcs11:token=acme".into(), "it names no library that speaks to the token");
    stage.env.push(("GLARUS_PIN", PIN.into()));
    let shown = stage.json(&at("token=acme;object=release;id=%02", " --json"));
    assert_eq!(shown["keyid"], stage.json("key show two.pub --json")["keyid"]);
}
