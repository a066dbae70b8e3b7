//! The program: its flags, files, first line, signals and exit statuses.

mod common;

use common::{Log, ask};
use glarus_shell::http::Client;
use rustix::process::{Pid, Signal, kill_process};
use spec::note::Vkey;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use tempfile::TempDir;

const NAME: &str = "witness.example/w1";

fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_glarus-witness"));
    command.args(args);
    command
}

fn run(args: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = program(args).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        let (status, _, error) = run(&["init", "--dir", folder.dir(), "--name", NAME]);
        assert_eq!((status, error.as_str()), (Some(0), ""));
        folder
    }

    fn dir(&self) -> &str {
        self.0.path().to_str().unwrap()
    }

    fn path(&self, path: &str) -> std::path::PathBuf {
        self.0.path().join(path)
    }
}

/// Starts `serve` on a free port; the URL is from its first line.
fn serve(dir: &str) -> (Child, BufReader<ChildStdout>, String) {
    started(program(&["serve", "--dir", dir, "--listen", "127.0.0.1:0"]))
}

fn started(mut command: Command) -> (Child, BufReader<ChildStdout>, String) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    let address = line.strip_prefix("listening on ").unwrap().strip_suffix('\n').unwrap();
    assert!(address.starts_with("127.0.0.1:"));
    let url = format!("http://{address}");
    (child, lines, url)
}

fn stop(mut child: Child, signal: Signal) -> Option<i32> {
    kill_process(Pid::from_child(&child), signal).unwrap();
    child.wait().unwrap().code()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn init_says_what_is_next() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("w1");
    let text = dir.to_str().unwrap();
    let (status, out, _) = run(&["init", "--dir", text, "--name", NAME, "--listen", "127.0.0.1:7399"]);
    assert_eq!(status, Some(0));
    let vkey = std::fs::read_to_string(dir.join("keys/ed25519.vkey")).unwrap();
    vkey.trim_end().parse::<Vkey>().unwrap();
    let large = std::fs::read_to_string(dir.join("keys/ml-dsa-44.vkey")).unwrap();
    large.trim_end().parse::<Vkey>().unwrap();
    let expect = format!(
        "witness.example/w1 is made in {text}. Policies name it by these vkeys, Ed25519 and ML-DSA-44:\n\n{vkey}\n{large}\n\
         Next:\n  glarus-witness add-log --dir {text} --origin ORIGIN --vkey VKEY\n  glarus-witness serve --dir {text}\n\n\
         Keep {text}/keys secret. Never bring back an old copy of {text}/db: it would have this witness forget.\n"
    );
    assert_eq!(out, expect);
    for stem in ["ed25519", "ml-dsa-44"] {
        let mode = |kind: &str| mode(&dir.join(format!("keys/{stem}.{kind}")));
        assert_eq!((mode("skey"), mode("vkey")), (0o600, 0o644));
    }
    let config = "# The name that cosignatures bear. The key and the database are bound to it: it never changes.\n\
                  name = \"witness.example/w1\"\n\
                  # The address and port to listen on, plain HTTP. TLS is the business of a proxy before it.\n\
                  listen = \"127.0.0.1:7399\"\n";
    assert_eq!(std::fs::read_to_string(dir.join("glarus-witness.toml")).unwrap(), config);

    let (status, out, error) = run(&["init", "--dir", text, "--name", NAME]);
    assert_eq!((status, out.as_str()), (Some(2), ""));
    assert_eq!(error, format!("glarus-witness: {text}: there is a witness already\n"));
    assert_eq!(std::fs::read_to_string(dir.join("keys/ed25519.vkey")).unwrap(), vkey);
}

#[test]
fn init_in_json() {
    let dir = tempfile::tempdir().unwrap();
    let (status, out, _) = run(&["init", "--dir", dir.path().to_str().unwrap(), "--name", NAME, "--json"]);
    assert_eq!(status, Some(0));
    let value: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((value["name"].as_str(), value["listen"].as_str()), (Some(NAME), Some("127.0.0.1:7380")));
    value["vkey"].as_str().unwrap().parse::<Vkey>().unwrap();
    let kind = |at: usize| value["vkeys"][at].as_str().unwrap().parse::<Vkey>().unwrap().kind.byte();
    assert_eq!((kind(0), kind(1), &value["vkeys"][0]), (0x04, 0x06, &value["vkey"]));
}

#[tokio::test]
async fn serve_until_a_signal_and_again() {
    let folder = Folder::new();
    let log = Log::new("example.com/log", 9);
    let (child, mut lines, url) = serve(folder.dir());
    let client = Client::new();
    assert_eq!(ask(&client, &url, &log.request(0, 3)).await.0, 404);
    let vkey = log.skey.vkey().to_string();
    let add = ["add-log", "--dir", folder.dir(), "--origin", "example.com/log", "--vkey", &vkey];
    let (status, out, _) = run(&add);
    assert_eq!(status, Some(0));
    assert!(out.starts_with("example.com/log is taken up, from size 0. Its checkpoint, once cosigned: /"), "{out}");
    assert_eq!(ask(&client, &url, &log.request(0, 3)).await.0, 200);
    assert_eq!(stop(child, Signal::TERM), Some(0));
    let mut rest = String::new();
    lines.read_line(&mut rest).unwrap();
    assert_eq!(rest, "", "standard output is for the address alone");

    let (child, _lines, url) = serve(folder.dir());
    let second = run(&["serve", "--dir", folder.dir(), "--listen", "127.0.0.1:0"]);
    assert_eq!((second.0, second.1.as_str()), (Some(1), ""), "one process a folder");
    assert_eq!(ask(&Client::new(), &url, &log.request(0, 4)).await, (409, "3\n".into()));
    assert_eq!(ask(&Client::new(), &url, &log.request(3, 4)).await.0, 200);
    assert_eq!(stop(child, Signal::INT), Some(0));
}

#[tokio::test]
async fn a_crash_forgets_nothing_that_was_answered() {
    let folder = Folder::new();
    let log = Log::new("example.com/log", 30);
    let vkey = log.skey.vkey().to_string();
    let add = ["add-log", "--dir", folder.dir(), "--origin", "example.com/log", "--vkey", &vkey];
    assert_eq!(run(&add).0, Some(0));
    for size in (0..30).step_by(6) {
        let (mut child, _lines, url) = serve(folder.dir());
        for size in size..size + 6 {
            assert_eq!(ask(&Client::new(), &url, &log.request(size, size + 1)).await.0, 200, "{size}");
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[tokio::test]
async fn a_write_that_fails_stops_the_witness() {
    let folder = Folder::new();
    let log = Log::new("example.com/log", 2_000);
    let vkey = log.skey.vkey().to_string();
    let add = ["add-log", "--dir", folder.dir(), "--origin", "example.com/log", "--vkey", &vkey];
    assert_eq!(run(&add).0, Some(0));
    // No file may grow beyond 64 KiB: the database's write-ahead log meets that soon, as it would meet a full disk.
    let mut limited = Command::new("bash");
    let script = "trap '' XFSZ; ulimit -f 64; exec \"$0\" serve --dir \"$1\" --listen 127.0.0.1:0";
    limited.args(["-c", script, env!("CARGO_BIN_EXE_glarus-witness"), folder.dir()]);
    let (child, _lines, url) = started(limited);
    let client = Client::new();
    let mut latest = 0;
    let fault = loop {
        match ask(&client, &url, &log.request(latest, latest + 1)).await {
            (200, _) => latest += 1,
            other => break other,
        }
    };
    let detail = "the database takes no more writes; this witness stops";
    assert!(latest > 0 && fault.0 == 503 && fault.1.contains(detail), "{latest} {fault:?}");
    let Output { status, stderr, .. } = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert!(status.code() == Some(1) && stderr.contains("found out at the next start: "), "{status} {stderr}");
    assert!(!stderr.contains("PRIVATE"));

    // The write that failed may have been made. What was answered was made.
    let (child, _lines, url) = serve(folder.dir());
    let (status, body) = ask(&Client::new(), &url, &log.request(0, 1)).await;
    assert_eq!(status, 409);
    assert!([format!("{latest}\n"), format!("{}\n", latest + 1)].contains(&body), "{latest} {body}");
    assert_eq!(stop(child, Signal::TERM), Some(0));
}

#[test]
fn a_log_from_a_head() {
    let folder = Folder::new();
    let log = Log::new("example.com/log", 5);
    let (vkey, head) = (log.skey.vkey().to_string(), folder.path("head"));
    let head_text = head.to_str().unwrap();
    let add = ["add-log", "--dir", folder.dir(), "--origin", "example.com/log", "--vkey", &vkey, "--head", head_text];
    let (status, _, error) = run(&add);
    assert_eq!(
        (status, error),
        (Some(2), format!("glarus-witness: {head_text}: No such file or directory (os error 2)\n"))
    );
    std::fs::write(&head, log.signed(log.head(5)).to_string().replace("\n5\n", "\n4\n")).unwrap();
    let (status, _, error) = run(&add);
    assert!(status == Some(2) && error.contains("the start head is not a checkpoint of this log: the sig"), "{error}");
    std::fs::write(&head, log.signed(log.head(5)).to_string()).unwrap();
    let (status, out, _) = run(&add);
    assert!(status == Some(0) && out.contains("is taken up, from size 5."), "{out}");
    let (status, _, error) = run(&add);
    assert!(status == Some(2) && error.ends_with("exists already, and is left as it is\n"), "{error}");
}

#[test]
fn what_the_operator_has_to_put_right() {
    let folder = Folder::new();
    let check = |args: &[&str], expect: &str| {
        let (status, out, error) = run(args);
        assert_eq!((status, out.as_str()), (Some(2), ""), "{error}");
        assert!(error.contains(expect), "{error}");
    };
    let serve = ["serve", "--dir", folder.dir(), "--listen", "127.0.0.1:0"];
    check(&["serve", "--dir", "/nowhere"], "/nowhere/glarus-witness.toml: No such file");
    check(&["init", "--dir", "/nowhere", "--name", "a b"], "the key name \"a b\" is empty or has a space");
    check(&["add-log", "--dir", folder.dir(), "--origin", "o", "--vkey", "x"], "vkey \"x\": a key is written");
    check(&["add-log", "--dir", "/nowhere", "--origin", "o", "--vkey", "x"], "No such file");
    check(&["serve"], "--dir <DIR>");
    check(&["serve", "--dri"], "--dir");
    let key = folder.path("keys/ed25519.skey");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    check(&serve, "mode 0644 lets others read this secret key; chmod 600 it");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::rename(folder.path("db"), folder.path("away")).unwrap();
    check(&serve, "no database here; a witness that forgot what it cosigned must not start");
    let other = Folder::new();
    std::fs::rename(other.path("db"), folder.path("db")).unwrap();
    check(&serve, "the database is bound to witness.example/w1+");
}

#[test]
fn help_and_completions() {
    let (status, out, _) = run(&["--help"]);
    assert_eq!(status, Some(0));
    for word in ["init", "add-log", "serve", "completions", "Exit status"] {
        assert!(out.contains(word), "{word} is missing in {out}");
    }
    let (status, out, _) = run(&["completions", "bash"]);
    assert!(status == Some(0) && out.contains("add-log"));
}
