use crate::stage::Stage;
use crate::world;

#[test]
fn policies() {
    let stage = Stage::new();
    let sound = world::policy();
    stage.write("policy", &sound);
    stage.show("policy check policy", 0);
    let found = stage.json("policy check policy --json");
    assert_eq!((&found["hostile"], &found["absent"], &found["needed"]), (&1.into(), &1.into(), &3.into()));
    stage.write("weak", sound.replace("quorum 3 ", "quorum 2 "));
    stage.show("policy check weak", 1);
    stage.write("none", sound.replace("quorum quorum", "quorum none"));
    stage.show("policy check none", 1);
    stage.write("broken", sound.replace("group quorum", "gruop quorum"));
    stage.show("policy check broken", 2);
    stage.pinned("policy");
}

#[test]
fn anything_is_readable_and_nothing_is_verified() {
    let stage = Stage::new();
    let world = crate::release::released(&stage);
    let world = world.lock().unwrap();
    stage.write("note", world.checkpoint().to_string());
    stage.write("policy", world::policy());
    let vkey = world::policy().split_whitespace().nth(1).unwrap().to_string();
    stage.write("log.vkey", format!("{vkey}\n"));
    stage.show("inspect note", 0);
    stage.show("inspect shield.pkg.update.tlog-proof", 0);
    stage.show("inspect shield.pkg.build.json", 0);
    stage.show("inspect log.vkey", 0);
    stage.show("inspect keys/root.pub", 0);
    for (name, what) in [
        ("note", "checkpoint"),
        ("shield.pkg.glarus", "bundle"),
        ("shield.pkg.update.json", "record, in the form that it has in the log"),
        ("shield.pkg.update.tlog-proof", "tlog-proof"),
        ("policy", "policy"),
        ("log.vkey", "verifier key"),
        ("keys/root", "record key, secret, of which this is the public half"),
    ] {
        assert_eq!(stage.json(&format!("inspect {name} --json"))["what"], what, "{name}");
    }
    let bundle = stage.json("inspect shield.pkg.glarus --json");
    assert_eq!(bundle["records"][2]["entry"]["kind"], "update");
    assert_eq!(bundle["status"]["state"]["entry"]["time"], world::TIME);
    let secret = stage.run("inspect keys/root").out + &stage.run("inspect keys/root --json").out;
    assert!(!secret.contains("PRIVATE"), "{secret}");
    stage.pinned("inspect");
}

#[test]
fn what_is_unknown_is_said_to_be() {
    let stage = Stage::new();
    for bytes in [
        "".as_bytes(),
        b"hello\n",
        b"\xff",
        b"{}",
        b"{",
        b"{\"payload\":1}",
        b"{\"mediaType\":\"application/vnd.glarus.bundle.v1+json\"}",
        b"c2sp.org/tlog-proof@v2\n",
        b"glarus/state v1\n",
        b"a\n\n\xe2\x80\x94 \n",
        b"-----BEGIN X-----\n",
    ] {
        stage.write("file", bytes);
        stage.remark(&format!("the file is {:?}", String::from_utf8_lossy(bytes)));
        stage.show("inspect file", 2);
    }
    stage.remark("the file has a byte more than 4 MiB");
    stage.write("file", vec![b' '; (4 << 20) + 1]);
    stage.show("inspect file", 2);
    stage.pinned("inspect-unknown");
}

#[test]
fn completions() {
    for shell in ["bash", "zsh", "fish"] {
        assert!(Stage::new().run(&format!("completions {shell}")).out.contains("glarus"));
    }
}
