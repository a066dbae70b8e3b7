//! The witness over HTTP: real sockets on free ports, a real database, and a clock wound by hand.

mod common;

use base64::Engine as _;
use common::{Log, MAX_ANSWER, add, ask};
use glarus_shell::clock::Clock;
use glarus_shell::http::Client;
use glarus_shell::shutdown::{Shutdown, Trigger};
use glarus_witness::store::StoreError;
use glarus_witness::{OpenError, RunError, Witness, config, logs};
use spec::merkle::{Hash, TreeHead, empty_root};
use spec::note::{KeyKind, Note, Skey, Vkey};
use spec::witness::{AddCheckpoint, parse_cosignatures};
use spec::{checkpoint, cosignature};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

const NAME: &str = "witness.example/w1";
const ORIGIN: &str = "example.com/log";
const START: u64 = 1_795_430_000;

/// A witness, running.
struct Running {
    dir: TempDir,
    vkeys: Vec<Vkey>,
    url: String,
    client: Client,
    clock: Arc<AtomicU64>,
    trigger: Trigger,
    task: JoinHandle<Result<(), RunError>>,
}

impl Running {
    /// Makes one that knows these logs.
    async fn new(logs: &[&Log]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let vkeys = config::init(dir.path(), NAME, config::LISTEN).unwrap();
        for log in logs {
            add_log(dir.path(), log, None);
        }
        Self::start(dir, vkeys.into()).await
    }

    async fn start(dir: TempDir, vkeys: Vec<Vkey>) -> Self {
        let clock = Arc::new(AtomicU64::new(START));
        let hand: Clock = {
            let clock = Arc::clone(&clock);
            Arc::new(move || clock.load(Ordering::Relaxed))
        };
        let witness = Witness::open(dir.path(), hand).unwrap();
        assert_eq!(witness.vkeys(), vkeys.iter().collect::<Vec<_>>());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (trigger, shutdown) = Shutdown::new();
        let task = tokio::spawn(witness.serve(listener, shutdown));
        Self { dir, vkeys, url, client: Client::new(), clock, trigger, task }
    }

    async fn stop(self) -> (TempDir, Vec<Vkey>) {
        self.trigger.fire();
        self.task.await.unwrap().unwrap();
        (self.dir, self.vkeys)
    }

    async fn restart(self) -> Self {
        let (dir, vkeys) = self.stop().await;
        Self::start(dir, vkeys).await
    }

    async fn ask(&self, request: &AddCheckpoint) -> (u16, String) {
        ask(&self.client, &self.url, request).await
    }

    /// Asks, and expects a cosignature of this time.
    async fn cosigned(&self, request: &AddCheckpoint, time: u64) {
        let (status, body) = self.ask(request).await;
        assert_eq!(status, 200, "{body}");
        let lines = parse_cosignatures(body.as_bytes()).unwrap();
        assert_eq!(lines.len(), self.vkeys.len());
        for (line, vkey) in lines.iter().zip(&self.vkeys) {
            assert_eq!(cosignature::verify(&request.note.text, line, vkey), Ok(time));
        }
    }

    async fn get(&self, path: &str) -> (u16, Option<String>, String) {
        let reply = self.client.get(&format!("{}{path}", self.url), MAX_ANSWER).await.unwrap();
        (reply.status, reply.content_type, String::from_utf8(reply.body.to_vec()).unwrap())
    }
}

fn add_log(dir: &Path, log: &Log, start: Option<&Note>) {
    let vkeys = [log.skey.vkey().to_string()];
    let start = start.map(ToString::to_string);
    logs::Log::new(log.origin(), &vkeys, start.as_deref()).unwrap().write(&config::logs_dir(dir)).unwrap();
}

fn problem(status: u16, name: &str, detail: &str) -> String {
    let title = name.replace('-', " ");
    format!(r#"{{"type":"urn:glarus:refusal:{name}","title":"{title}","status":{status},"detail":"{detail}"}}"#)
}

#[tokio::test]
async fn every_status_with_its_body() {
    let log = Log::new(ORIGIN, 9);
    let witness = Running::new(&[&log]).await;
    let check = async |body: Vec<u8>, status: u16, name: &str, detail: &str| {
        let reply = add(&witness.client, &witness.url, body).await;
        let body = String::from_utf8(reply.body.to_vec()).unwrap();
        assert_eq!((reply.status, body), (status, problem(status, name, detail)));
        assert_eq!(reply.content_type.as_deref(), Some("application/problem+json"));
    };
    let stale = async |request: AddCheckpoint, latest: &str| {
        let reply = add(&witness.client, &witness.url, request.encode()).await;
        assert_eq!((reply.status, reply.body.as_ref()), (409, latest.as_bytes()));
        assert_eq!(reply.content_type.as_deref(), Some("text/x.tlog.size"));
    };
    let malformed = "malformed-request";
    let first_line = r#"the first line is not \"old \" and a size, a decimal without leading zeroes"#;
    check(b"".to_vec(), 400, malformed, first_line).await;
    check(b"old 01\n\n".to_vec(), 400, malformed, first_line).await;
    check(b"old \xff\n\n".to_vec(), 400, malformed, first_line).await;
    let proof_line = "proof line 1 is neither standard base64 of 32 bytes nor the empty line that ends the proof";
    check(b"old 1\nAAAA\n\n".to_vec(), 400, malformed, proof_line).await;
    let hash = Hash([3; 32]).to_base64();
    let lines = format!("old 1\n{}\n", format!("{hash}\n").repeat(64));
    check(lines.into_bytes(), 400, malformed, "there are more than 63 proof lines").await;
    let not_utf8 = "the note is not UTF-8, or has a control character, at byte 0";
    check(b"old 0\n\n\xff".to_vec(), 400, malformed, not_utf8).await;
    let size = log.request(0, 3).encode();
    let size = String::from_utf8(size).unwrap().replace("\n3\n", "\n03\n");
    let size_detail = r#"\"03\" is not a tree size: a decimal below 2^63 without sign and leading zeroes"#;
    check(size.into_bytes(), 400, malformed, size_detail).await;

    let unknown = Log::new("example.com/other", 3);
    let detail = r#"log \"example.com/other\" is not known here"#;
    check(unknown.request(0, 3).encode(), 404, "unknown-origin", detail).await;

    let mut not_signed = log.request(0, 3);
    let other = Skey::from_seed(ORIGIN, KeyKind::Ed25519, [2; 32]).unwrap();
    let of_the_log = checkpoint::Checkpoint::new(ORIGIN, log.head(3));
    not_signed.note.signatures = vec![checkpoint::sign(&of_the_log, &other)];
    let detail = r#"no signature by a trusted key of log \"example.com/log\""#;
    check(not_signed.encode(), 403, "not-signed", detail).await;
    let mut bad = log.request(0, 3);
    bad.note.signatures[0].bytes[7] ^= 1;
    let detail = format!("the signature of {ORIGIN} (key ID {:08x}) does not verify", log.skey.vkey().id);
    check(bad.encode(), 403, "bad-signature", &detail).await;

    let beyond = log.request(4, 3).encode();
    check(beyond, 400, "old-size-beyond-size", "the old size 4 is above the checkpoint's size 3").await;
    stale(log.request(1, 3), "0\n").await;

    let other_root = |size| TreeHead { size, root: Hash([7; 32]) };
    let with = |old_size, proof, head| AddCheckpoint { old_size, proof, note: log.signed(head) };
    let seven = Hash([7; 32]).to_base64();
    let detail = format!("a tree of size 0 has root {}, not {seven}", empty_root());
    check(with(0, vec![], other_root(0)).encode(), 422, "empty-tree-root", &detail).await;
    let detail = "there are 1 proof lines at old size 0, where none belongs";
    check(with(0, vec![Hash([7; 32])], log.head(3)).encode(), 422, "proof-at-size-zero", detail).await;

    witness.cosigned(&log.request(0, 0), START).await;
    witness.cosigned(&log.request(0, 3), START).await;
    stale(log.request(0, 3), "3\n").await;
    stale(log.request(2, 3), "3\n").await;
    let detail = "the consistency proof has 0 hashes, from 3 to 5 needs 4";
    check(with(3, vec![], log.head(5)).encode(), 422, "inconsistent", detail).await;
    let detail =
        format!("the consistency proof leads to root {} at the new size 5, the new tree has {seven}", log.head(5).root);
    check(with(3, log.proof(3, 5), other_root(5)).encode(), 422, "inconsistent", &detail).await;
    let detail = format!("the tree of size 3 has root {}, this checkpoint says {seven}", log.head(3).root);
    check(with(3, vec![], other_root(3)).encode(), 422, "other-root", &detail).await;
    witness.cosigned(&log.request(3, 5), START).await;

    let too_long = vec![b'x'; spec::witness::MAX_BODY_BYTES + 1];
    let detail = format!("the request body has more than {} bytes", spec::witness::MAX_BODY_BYTES);
    check(too_long, 413, "body-too-long", &detail).await;
    assert_eq!(witness.get("/add-checkpoint").await.0, 405);

    let (_, _, metrics) = witness.get("/metrics").await;
    for line in [
        "glarus_witness_requests_total{call=\"add-checkpoint\",status=\"200\"} 3",
        "glarus_witness_requests_total{call=\"add-checkpoint\",status=\"409\"} 3",
        "glarus_witness_cosignatures_total{origin=\"example.com/log\"} 3",
        "glarus_witness_latest_size{origin=\"example.com/log\"} 5",
        "glarus_witness_batch_requests_count 3",
        "glarus_witness_batch_seconds_count 3",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}\n{metrics}");
    }
    witness.stop().await;
}

/// A vector of `spec/vectors/witness`: its header lines, and the bytes to send.
struct Vector {
    name: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Vector {
    /// The requests to add a checkpoint, read as `spec/vectors/README.md` says.
    fn all() -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/vectors/witness");
        let read = |entry: fs::DirEntry| {
            let file = fs::read(entry.path()).unwrap();
            let end = file.windows(2).position(|pair| pair == b"\n\n").unwrap();
            let header = str::from_utf8(&file[..end]).unwrap().lines().map(|line| line.split_once(": ").unwrap());
            let headers = header.map(|(key, value)| (key.into(), value.into())).collect();
            Self { name: entry.file_name().into_string().unwrap(), headers, body: file[end + 2..].into() }
        };
        let all = fs::read_dir(folder).unwrap().map(|entry| read(entry.unwrap()));
        all.filter(|vector| vector.find("format") == Some("add-checkpoint")).collect()
    }

    fn values(&self, key: &'static str) -> impl Iterator<Item = &str> {
        self.headers.iter().filter(move |(have, _)| have == key).map(|(_, value)| value.as_str())
    }

    fn find(&self, key: &'static str) -> Option<&str> {
        self.values(key).next()
    }

    fn bytes(&self, key: &'static str) -> Option<Vec<u8>> {
        self.find(key).map(|text| base64::engine::general_purpose::STANDARD.decode(text).unwrap())
    }

    /// A witness that knows the log by these keys, and its latest checkpoint as where to start.
    async fn witness(&self) -> Running {
        let witness = Running::new(&[]).await;
        let vkeys: Vec<_> = self.values("vkey").map(String::from).collect();
        let latest = self.bytes("latest-base64").map(|note| String::from_utf8(note).unwrap());
        let log = logs::Log::new(self.find("origin").unwrap(), &vkeys, latest.as_deref()).unwrap();
        log.write(&config::logs_dir(witness.dir.path())).unwrap();
        witness
    }
}

/// The same files as at unit level, with the status, the content type and the body of each answer.
#[tokio::test]
async fn the_vectors_over_http() {
    let vectors = Vector::all();
    assert!(vectors.len() > 60, "{}", vectors.len());
    let mut statuses = std::collections::BTreeMap::new();
    for vector in &vectors {
        let name = &vector.name;
        let witness = vector.witness().await;
        let reply = add(&witness.client, &witness.url, vector.body.clone()).await;
        let body = String::from_utf8(reply.body.to_vec()).unwrap();
        assert_eq!(Some(reply.status.to_string().as_str()), vector.find("status"), "{name}: {body}");
        match reply.status {
            200 => {
                let note = vector.body.windows(2).position(|pair| pair == b"\n\n").unwrap() + 2;
                let text = Note::parse(&vector.body[note..]).unwrap().text;
                let lines = parse_cosignatures(body.as_bytes()).unwrap();
                assert_eq!(lines.len(), witness.vkeys.len(), "{name}");
                for (line, vkey) in lines.iter().zip(&witness.vkeys) {
                    assert_eq!(cosignature::verify(&text, line, vkey), Ok(START), "{name}");
                }
            }
            409 => {
                assert_eq!(Some(reply.body.to_vec()), vector.bytes("answer-base64"), "{name}");
                assert_eq!(reply.content_type.as_deref(), vector.find("content-type"), "{name}");
            }
            _ => {
                let problem = format!("\"type\":\"urn:glarus:refusal:{}\"", vector.find("expect").unwrap());
                assert!(body.contains(&problem), "{name}: {body}");
            }
        }
        *statuses.entry(reply.status).or_insert(0) += 1;
        witness.stop().await;
    }
    assert_eq!(statuses.into_keys().collect::<Vec<_>>(), [200, 400, 403, 404, 409, 422]);
}

#[tokio::test]
async fn the_checkpoint_that_monitors_read() {
    let log = Log::new(ORIGIN, 9);
    let witness = Running::new(&[&log]).await;
    let path = format!("/{}/checkpoint", logs::origin_hash(ORIGIN));
    assert_eq!(path, "/4d3203c8f35cdf600e475f55fede6081a703d3d322f208865fca2ec4f0e030f8/checkpoint");
    let none = problem(404, "no-checkpoint", "no checkpoint of such a log was cosigned here");
    for path in [path.as_str(), "/x/checkpoint"] {
        let (status, _, body) = witness.get(path).await;
        assert_eq!((status, &body), (404, &none));
    }
    // Lines by keys that the witness does not know are left out of what it keeps.
    let mut request = log.request(0, 4);
    let stranger = Skey::from_seed(ORIGIN, KeyKind::Ed25519, [9; 32]).unwrap();
    let cosigned = checkpoint::Checkpoint::new(ORIGIN, log.head(4));
    request.note.signatures.insert(0, checkpoint::sign(&cosigned, &stranger));
    witness.cosigned(&request, START).await;
    let (status, content_type, body) = witness.get(&path).await;
    assert_eq!((status, content_type.as_deref()), (200, Some("text/plain; charset=utf-8")));
    let note = Note::parse(body.as_bytes()).unwrap();
    assert_eq!(note.signatures.len(), 3);
    assert_eq!(checkpoint::open(&note, &[log.skey.vkey().clone()]).unwrap().head, log.head(4));
    for (line, vkey) in note.signatures[1..].iter().zip(&witness.vkeys) {
        assert_eq!(cosignature::verify(&note.text, line, vkey), Ok(START));
    }

    assert_eq!(witness.get("/healthz").await, (200, Some("text/plain; charset=utf-8".into()), "ok\n".into()));
    assert_eq!(witness.get("/readyz").await, (200, Some("text/plain; charset=utf-8".into()), "ready\n".into()));
    assert_eq!(witness.get("/").await.0, 404);
    witness.stop().await;
}

#[tokio::test]
async fn a_folder_without_an_ml_dsa_key_keeps_working() {
    let log = Log::new(ORIGIN, 9);
    let witness = Running::new(&[&log]).await;
    witness.cosigned(&log.request(0, 4), START).await;
    let (dir, mut vkeys) = witness.stop().await;
    fs::remove_file(dir.path().join("keys/ml-dsa-44.skey")).unwrap();
    vkeys.pop();
    let witness = Running::start(dir, vkeys).await;
    witness.cosigned(&log.request(4, 9), START).await;
    let (dir, _) = witness.stop().await;

    // A key in the place of the other is none.
    fs::copy(dir.path().join("keys/ed25519.skey"), dir.path().join("keys/ml-dsa-44.skey")).unwrap();
    let error = Witness::open(dir.path(), Arc::new(|| START)).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("is not a cosigner's of type 0x06"), "{error}");

    // A log with a key of either type.
    let witness = Running::new(&[]).await;
    let large = Skey::from_seed(ORIGIN, KeyKind::CosignatureMlDsa44, [1; 32]).unwrap();
    let vkeys = [log.skey.vkey().to_string(), large.vkey().to_string()];
    logs::Log::new(ORIGIN, &vkeys, None).unwrap().write(&config::logs_dir(witness.dir.path())).unwrap();
    let mut request = log.request(0, 4);
    request.note.signatures = vec![cosignature::sign(&request.note.text, START, &large)];
    witness.cosigned(&request, START).await;
    request = log.request(4, 9);
    request.note.signatures.push(cosignature::sign(&request.note.text, 0, &large));
    assert_eq!(witness.ask(&request).await.0, 403);
    witness.stop().await;
}

#[tokio::test]
async fn a_restart_forgets_nothing() {
    let log = Log::new(ORIGIN, 9);
    let witness = Running::new(&[&log]).await;
    witness.cosigned(&log.request(0, 4), START).await;
    let path = format!("/{}/checkpoint", logs::origin_hash(ORIGIN));
    let before = witness.get(&path).await;

    let witness = witness.restart().await;
    assert_eq!(witness.get(&path).await, before);
    let (_, _, metrics) = witness.get("/metrics").await;
    assert!(metrics.contains("glarus_witness_latest_size{origin=\"example.com/log\"} 4\n"));
    assert_eq!(witness.ask(&log.request(0, 9)).await, (409, "4\n".into()));
    // The latest once more is cosigned with the time of now, and that is kept.
    witness.clock.store(START + 60, Ordering::Relaxed);
    witness.cosigned(&log.request(4, 4), START + 60).await;
    let after = witness.get(&path).await.2;
    let witness = witness.restart().await;
    assert_eq!(witness.get(&path).await.2, after);
    assert_ne!(before.2, after);
    witness.cosigned(&log.request(4, 9), START).await;
    witness.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_in_a_race_one_wins() {
    let log = Arc::new(Log::new(ORIGIN, 40));
    let witness = Running::new(&[&log]).await;
    let mut latest = 0;
    for round in 1..=10 {
        // Each asks for another new size from the same old one.
        let sizes = (1..=3).map(|step| latest + step);
        let asked: Vec<_> = sizes
            .map(|size| {
                let (log, url) = (Arc::clone(&log), witness.url.clone());
                tokio::spawn(async move { (size, ask(&Client::new(), &url, &log.request(latest, size)).await) })
            })
            .collect();
        let (mut won, mut lost) = (Vec::new(), Vec::new());
        for answer in asked {
            let (size, (status, body)) = answer.await.unwrap();
            if status == 200 { won.push(size) } else { lost.push((status, body)) }
        }
        assert_eq!(won.len(), 1, "round {round}");
        latest = won[0];
        assert_eq!(lost, vec![(409, format!("{latest}\n")); 2]);
        assert_eq!(witness.ask(&log.request(latest + 1, latest + 2)).await, (409, format!("{latest}\n")));
    }
    witness.stop().await;
}

#[tokio::test]
async fn logs_are_added_without_a_restart() {
    let witness = Running::new(&[]).await;
    let (first, second) = (Log::new(ORIGIN, 9), Log::new("example.com/other", 9));
    assert_eq!(witness.ask(&first.request(0, 3)).await.0, 404);
    add_log(witness.dir.path(), &first, None);
    witness.cosigned(&first.request(0, 3), START).await;

    // From a start head: it is the latest, though nothing was cosigned yet.
    add_log(witness.dir.path(), &second, Some(&second.signed(second.head(4))));
    assert_eq!(witness.ask(&second.request(0, 5)).await, (409, "4\n".into()));
    let path = format!("/{}/checkpoint", logs::origin_hash("example.com/other"));
    assert_eq!(witness.get(&path).await.0, 404);
    let forked = Hash([7; 32]);
    let fork = AddCheckpoint { proof: vec![forked; 4], ..second.request(4, 5) };
    assert_eq!(witness.ask(&fork).await.0, 422);
    witness.cosigned(&second.request(4, 5), START).await;
    let witness = witness.restart().await;
    assert_eq!(witness.ask(&second.request(4, 6)).await, (409, "5\n".into()));

    let broken = config::logs_dir(witness.dir.path()).join(format!("{}.toml", logs::origin_hash("example.com/third")));
    fs::write(broken, "origin = 1").unwrap();
    let third = Log::new("example.com/third", 1);
    let fault = problem(503, "witness-fault", "the log's configuration cannot be read");
    assert_eq!(witness.ask(&third.request(0, 1)).await, (503, fault));
    witness.stop().await;
}

#[tokio::test]
async fn a_clock_that_is_wrong_signs_nothing() {
    let log = Log::new(ORIGIN, 3);
    let witness = Running::new(&[&log]).await;
    for time in [0, 1 << 63] {
        witness.clock.store(time, Ordering::Relaxed);
        let fault = problem(503, "witness-fault", &format!("the clock shows {time}"));
        assert_eq!(witness.ask(&log.request(0, 1)).await, (503, fault));
    }
    witness.clock.store(START, Ordering::Relaxed);
    witness.cosigned(&log.request(0, 1), START).await;
    witness.stop().await;
}

#[tokio::test]
async fn folders_that_are_not_served() {
    let open = |dir: &Path| Witness::open(dir, Arc::new(|| START)).err().unwrap();
    let init = || {
        let dir = tempfile::tempdir().unwrap();
        config::init(dir.path(), NAME, config::LISTEN).unwrap();
        dir
    };
    let (dir, other) = (init(), init());
    let path = dir.path();
    assert!(matches!(open(tempfile::tempdir().unwrap().path()), OpenError::Config(_)));
    assert!(matches!(config::init(path, NAME, config::LISTEN), Err(config::InitError::Exists(_))));

    fs::rename(config::db_dir(path), path.join("away")).unwrap();
    assert!(matches!(open(path), OpenError::Store(StoreError::Missing(_))));
    fs::rename(config::db_dir(other.path()), config::db_dir(path)).unwrap();
    assert!(matches!(open(path), OpenError::Store(StoreError::OtherKey { .. })));

    let dir = init();
    let path = dir.path();
    let text = fs::read_to_string(config::config_path(path)).unwrap();
    fs::write(config::config_path(path), text.replace("w1", "w2")).unwrap();
    assert!(matches!(open(path), OpenError::OtherKey { .. }));
    fs::write(config::config_path(path), format!("{text}nmae = 1\n")).unwrap();
    assert!(open(path).to_string().ends_with("line 5: unknown key \"nmae\", did you mean \"name\"?"));
    fs::write(config::config_path(path), text).unwrap();
    fs::write(config::logs_dir(path).join("x.toml"), "").unwrap();
    assert!(matches!(open(path), OpenError::Log(_)));
    fs::remove_file(config::logs_dir(path).join("x.toml")).unwrap();
    fs::remove_file(path.join("keys/ed25519.skey")).unwrap();
    assert!(matches!(open(path), OpenError::Key(_)));
}
