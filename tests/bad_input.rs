//! Bad input to the log over HTTP: each a named refusal that says what is wrong, and nothing of it is stored.

use glarus_tests::vendor::{Key, Vendor, file, sign};
use glarus_tests::world::World;
use spec::api::{self, Problem};
use spec::authority::RoleName;
use spec::record::{self, Digest};

/// A body, and how it must be refused.
struct Case {
    what: &'static str,
    body: Vec<u8>,
    status: u16,
    name: &'static str,
}

fn case(what: &'static str, body: impl Into<Vec<u8>>, status: u16, name: &'static str) -> Case {
    Case { what, body: body.into(), status, name }
}

/// A payload, truly signed by the vendor's source key.
fn signed(vendor: &Vendor, payload: &str) -> Vec<u8> {
    let payload = payload.as_bytes();
    record::envelope(payload, &[vendor.key(RoleName::Source).sign(payload)]).unwrap()
}

/// The payload of a source record that would be admitted.
fn payload(vendor: &Vendor) -> String {
    let envelope = vendor.source("shield", b"archive").envelope;
    String::from_utf8(record::Record::parse_submission(&envelope).unwrap().payload).unwrap()
}

fn envelopes(vendor: &Vendor) -> Vec<Case> {
    let good = String::from_utf8(vendor.source("shield", b"archive").envelope).unwrap();
    let twice = |name: &str| format!("{{\"{name}\":\"x\",{}", &good[1..]);
    vec![
        case("nothing", "", 400, "not-json"),
        case("not JSON", "hello", 400, "not-json"),
        case("cut short", &good[..good.len() - 1], 400, "not-json"),
        case("more than one value", format!("{good}{good}"), 400, "not-json"),
        case("not UTF-8", b"{\"payload\":\"\xff\"}".to_vec(), 400, "not-json"),
        case("a duplicate key", twice("payload"), 400, "duplicate-key"),
        case("a duplicate key by escapes", twice("p\\u0061yload"), 400, "duplicate-key"),
        case("a duplicate key by case", twice("PayLoad"), 400, "case-colliding-keys"),
        case("depth 33", format!("{{\"x\":{}{},{}", "[".repeat(32), "]".repeat(32), &good[1..]), 400, "too-deep"),
        case(
            "70 kB",
            good.replace("\"payload\":\"", &format!("\"payload\":\"{}", "AAAA".repeat(17_500))),
            413,
            "too-large",
        ),
        case("wrong base64", good.replace("\"payload\":\"", "\"payload\":\"*"), 400, "wrong-base64"),
        case("another payload type", good.replace("vnd.in-toto+json", "vnd.other+json"), 400, "payload-type"),
        case("no signatures", format!("{}[]}}", good.split_once('[').unwrap().0), 400, "empty"),
    ]
}

fn statements(vendor: &Vendor) -> Vec<Case> {
    let good = payload(vendor);
    let with = |from: &str, to: &str| {
        assert!(good.contains(from), "{from} is not in {good}");
        signed(vendor, &good.replace(from, to))
    };
    vec![
        case("a duplicate key in the payload", with("{\"_type\"", "{\"_type\":\"x\",\"_type\""), 400, "duplicate-key"),
        case("the same by escapes", with("{\"_type\"", "{\"\\u005ftype\":\"x\",\"_type\""), 400, "duplicate-key"),
        case("the same by case", with("{\"_type\"", "{\"_Type\":\"x\",\"_type\""), 400, "case-colliding-keys"),
        case("an unknown predicate", with("urn:glarus:source:v1", "urn:glarus:sauce:v1"), 400, "unknown-predicate"),
        case("an unknown statement type", with("Statement/v1", "Statement/v9"), 400, "statement-type"),
        case("another log's origin", with("log.acme.example/updates", "log.acme.example/tests"), 422, "wrong-log"),
        case(
            "a product that is not canonical",
            with("pkg:generic/acme/shield", "pkg:generic/acme/../shield"),
            400,
            "product",
        ),
        case("a product with a version", with("pkg:generic/acme/shield", "pkg:generic/acme/shield@1"), 400, "product"),
        case("a product of nobody", with("pkg:generic/acme/shield", "pkg:generic/other/shield"), 403, "no-authority"),
        case("a digest in capitals", with(&Digest::of(b"archive").to_string(), &"A".repeat(64)), 400, "digest"),
        case("no version", with("\"version\"", "\"fashion\""), 400, "missing-field"),
    ]
}

fn signatures(vendor: &Vendor) -> Vec<Case> {
    let good = payload(vendor);
    let (keyid, mut sig) = vendor.key(RoleName::Source).sign(good.as_bytes());
    sig[5] ^= 1;
    let flipped = record::envelope(good.as_bytes(), &[(keyid, sig)]).unwrap();
    let by = |key: &Key| record::envelope(good.as_bytes(), &[key.sign(good.as_bytes())]).unwrap();
    vec![
        case("a bad signature", flipped, 403, "threshold-not-met"),
        case("an unknown key", by(&Key::from_seed(99)), 403, "threshold-not-met"),
        case("a key without the role", by(vendor.key(RoleName::Update)), 403, "threshold-not-met"),
    ]
}

fn references(vendor: &Vendor) -> Vec<Case> {
    let build = vendor.build(b"never deposited", b"artifact");
    let unknown = vendor.update("shield", 1, &[Digest::of(b"no build")], b"artifact");
    let not_a_build = vendor.update("shield", 1, &[vendor.authority().id], b"artifact");
    let mut other = vendor.update_statement("shield", 1, &[Digest::of(b"no build")], b"artifact");
    other.subjects.push(file("second", b"second"));
    vec![
        case("a build of a source that is not logged", build.envelope, 422, "source-not-logged"),
        case("an update of a build that is not logged", unknown.envelope, 422, "build-not-logged"),
        case("an update of what is no build", not_a_build.envelope, 422, "not-a-build"),
        case("two files of no build", sign(&other, vendor.key(RoleName::Update)).envelope, 422, "build-not-logged"),
        case("genesis again, otherwise", vendor.authority_again().envelope, 409, "namespace-taken"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_is_named_and_changes_nothing() -> anyhow::Result<()> {
    let world = World::start(1, 1).await?;
    let before = world.get("/checkpoint").await?.body;
    let vendor = &world.vendor;
    let cases = [envelopes(vendor), statements(vendor), signatures(vendor), references(vendor)];
    for Case { what, body, status, name } in cases.into_iter().flatten() {
        let reply = world.post(api::RECORDS, &body).await?;
        let problem = Problem::parse(&reply.body).unwrap_or_else(|error| panic!("{what}: {error}: {:?}", reply.body));
        assert_eq!((reply.status, problem.name.as_str()), (status, name), "{what}: {}", problem.detail);
        assert_eq!((problem.status, reply.content_type.as_deref()), (status, Some(api::PROBLEM)), "{what}");
        assert!(!problem.detail.is_empty(), "{what}: no detail");
        println!("{status} {name:22} {what}: {}", problem.detail.chars().take(160).collect::<String>());
    }
    let too_long = world.post(api::RECORDS, &vec![b' '; record::MAX_SUBMISSION_BYTES + 1]).await?;
    assert_eq!((too_long.status, too_long.content_type.as_deref()), (413, Some(api::PROBLEM)));
    assert_eq!(world.get("/checkpoint").await?.body, before, "something was logged");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_and_parameters_that_are_none() -> anyhow::Result<()> {
    let world = World::start(1, 1).await?;
    let absent = "0".repeat(64);
    for (path, status, name) in [
        ("/nothing", 404, "no-such-path"),
        ("/tile/0/00", 404, "no-such-path"),
        ("/tile/0/000", 404, "not-published"),
        ("/tile/0/000.p/5", 404, "not-published"),
        ("/tile/entries/001.p/1", 404, "not-published"),
        ("/tile/1/000.p/1", 404, "not-published"),
        ("/api/v1/records/x", 400, "not-an-index"),
        ("/api/v1/records/007", 400, "not-an-index"),
        ("/api/v1/records/4", 404, "not-published"),
        ("/api/v1/proofs/4", 404, "not-found"),
        ("/api/v1/proofs/-1", 400, "not-an-index"),
        ("/api/v1/bundles/x", 400, "not-a-digest"),
        (&format!("/api/v1/bundles/{absent}"), 404, "not-found"),
        (&format!("/api/v1/bundles/{absent}?chanel=stable"), 400, "unknown-parameter"),
        (&format!("/api/v1/records/{absent}"), 404, "not-found"),
        ("/api/v1/status/pkg%3Ageneric%2Facme%2Fshield?channel=stable", 404, "not-found"),
        ("/api/v1/status/pkg%3Ageneric%2Facme%2Fshield", 400, "missing-parameter"),
        ("/api/v1/status/acme", 400, "product"),
    ] {
        let reply = world.get(path).await?;
        let problem = Problem::parse(&reply.body).unwrap_or_else(|error| panic!("{path}: {error}: {:?}", reply.body));
        assert_eq!((reply.status, problem.name.as_str()), (status, name), "{path}: {}", problem.detail);
    }
    let wish = world.post(&format!("{}?wait=never", api::RECORDS), b"{}").await?;
    assert_eq!((wish.status, Problem::parse(&wish.body)?.name.as_str()), (400, "unknown-parameter"));
    for path in ["/tile/0/000.p/1", "/tile/0/000.p/4", "/tile/entries/000.p/4", "/api/v1/records/0", "/api/v1/proofs/3"]
    {
        assert_eq!(world.get(path).await?.status, 200, "{path}");
    }
    Ok(())
}
