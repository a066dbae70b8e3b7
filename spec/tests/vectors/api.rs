//! The HTTP API: paths, answers, and refusals.

use super::edit;
use super::format::Vector;
use spec::api::{self, AnswerError, Leading, Outcome, Problem, Submitted, Updates};
use spec::merkle::Hash;
use spec::record::{Digest, Kind};
use std::collections::{BTreeMap, BTreeSet};

const SPEC: &str = "https://github.com/glarus/glarus/blob/main/spec/api.md";

pub fn run(vector: &Vector) -> String {
    let outcome = match vector.get("format") {
        "path" => {
            assert_eq!(vector.text(), path(vector), "{}", vector.name);
            Ok(())
        }
        "submitted" => Submitted::parse(&vector.body).map(|submitted| {
            assert_eq!(Submitted::parse(submitted.to_json().as_bytes()).as_ref(), Ok(&submitted), "{}", vector.name);
            assert_eq!(submitted.index, vector.number("index"), "{}", vector.name);
            assert_eq!(submitted.id.to_string(), vector.get("id"), "{}", vector.name);
            let size = submitted.head.map(|head| head.size.to_string());
            assert_eq!(size.as_deref(), vector.find("size"), "{}", vector.name);
            assert_eq!(submitted.proof.is_some(), vector.get("proof") == "yes", "{}", vector.name);
        }),
        "updates" => Updates::parse(&vector.body).map(|updates| {
            assert_eq!(Updates::parse(updates.to_json().as_bytes()).as_ref(), Ok(&updates), "{}", vector.name);
            let indices: Vec<_> = updates.0.iter().map(|one| one.index.to_string()).collect();
            assert_eq!(indices, vector.all("index").collect::<Vec<_>>(), "{}", vector.name);
        }),
        "leading" => Leading::parse(&vector.body).map(|leading| {
            assert_eq!(Leading::parse(leading.to_json().as_bytes()).as_ref(), Ok(&leading), "{}", vector.name);
            let index = leading.0.map(|(index, _)| index.to_string());
            assert_eq!(index.as_deref(), vector.find("index"), "{}", vector.name);
        }),
        "outcomes" => api::parse_batch(&vector.body).map(|outcomes| {
            let text: String = outcomes.iter().map(Outcome::to_json).collect();
            assert_eq!(api::parse_batch(text.as_bytes()).as_ref(), Ok(&outcomes), "{}", vector.name);
            let status = |outcome: &Outcome| match outcome {
                Outcome::Taken { status, .. } => status.to_string(),
                Outcome::Refused(problem) => problem.status.to_string(),
            };
            assert!(outcomes.iter().map(status).eq(vector.all("status")), "{}: {outcomes:?}", vector.name);
        }),
        "batch" => return batch(vector).into(),
        "problem" => Problem::parse(&vector.body).map(|problem| {
            assert_eq!(problem.name, vector.get("refusal"), "{}", vector.name);
            assert_eq!(u64::from(problem.status), vector.number("status"), "{}", vector.name);
            assert_eq!(problem.detail, vector.find("detail").unwrap_or_default(), "{}", vector.name);
        }),
        other => panic!("{}: format {other}", vector.name),
    };
    outcome.map_or_else(|error| name(&error).into(), |()| "accept".into())
}

fn name(error: &AnswerError) -> &'static str {
    match error {
        AnswerError::Json(error) => error.name(),
        AnswerError::Member(_) => "member",
        AnswerError::Cut => "cut",
        AnswerError::TooManyLines => "too-many-lines",
        AnswerError::TooLong(_) => "too-long",
        AnswerError::Line { cause, .. } => name(cause),
    }
}

fn batch(vector: &Vector) -> &'static str {
    match api::batch_lines(&vector.body) {
        Ok(lines) => {
            assert_eq!(lines.len() as u64, vector.number("records"), "{}", vector.name);
            assert_eq!(api::batch_lines(&api::batch(lines.iter().copied())).as_ref(), Ok(&lines), "{}", vector.name);
            "accept"
        }
        Err(error) => error.name(),
    }
}

/// The path that the header asks for.
fn path(vector: &Vector) -> String {
    let digest = |key: &str| Digest::parse(vector.get(key)).unwrap();
    match vector.get("call") {
        "proofs" => api::proof_path(vector.number("index")),
        "records" => api::record_path(&digest("id")),
        "updates" => api::updates_path(&digest("sha256"), vector.get("product")),
        "leading" => {
            let kind = Kind::ALL.into_iter().find(|kind| kind.to_string() == vector.get("kind")).unwrap();
            api::leading_path(kind, &digest("sha256"), vector.get("product"))
        }
        "state" => api::state_path(vector.get("key")),
        "bundles" => {
            let [product, channel, target] = ["product", "channel", "target"].map(|key| vector.find(key));
            api::bundle_path(&digest("sha256"), product, channel, target)
        }
        "status" => {
            let update = vector.find("update").map(|_| digest("update"));
            api::status_path(vector.get("product"), vector.get("channel"), update.as_ref())
        }
        "policies" => api::policy_path(vector.number("epoch")),
        other => panic!("{}: call {other}", vector.name),
    }
}

/// An answer may have more members; it comes back if what was read can be written and read.
pub fn accepts(vector: &Vector, text: &[u8]) -> Option<Vec<u8>> {
    let same = match vector.get("format") {
        "submitted" => {
            let submitted = Submitted::parse(text).ok()?;
            Submitted::parse(submitted.to_json().as_bytes()) == Ok(submitted)
        }
        "updates" => {
            let updates = Updates::parse(text).ok()?;
            Updates::parse(updates.to_json().as_bytes()) == Ok(updates)
        }
        "leading" => {
            let leading = Leading::parse(text).ok()?;
            Leading::parse(leading.to_json().as_bytes()) == Ok(leading)
        }
        "outcomes" => {
            let outcomes = api::parse_batch(text).ok()?;
            let written: String = outcomes.iter().map(Outcome::to_json).collect();
            api::parse_batch(written.as_bytes()) == Ok(outcomes)
        }
        "batch" => {
            let lines = api::batch_lines(text).ok()?;
            api::batch_lines(&api::batch(lines.iter().copied())) == Ok(lines)
        }
        _ => return None,
    };
    same.then(|| text.to_vec())
}

/// The rows of a table of refusals: name and status.
fn refusals(chapter: &str, status: usize) -> BTreeMap<String, String> {
    let table = chapter.split("# Refusals\n").nth(1).unwrap().split("\n# ").next().unwrap();
    let mut rows = BTreeMap::new();
    for line in table.lines().filter_map(|line| line.strip_prefix("| `")) {
        let cells: Vec<_> = line.split(" | ").collect();
        // The members of problem details have no status.
        if cells[status].parse::<u16>().is_err() {
            continue;
        }
        let name = cells[0].trim_end_matches('`').to_owned();
        assert!(rows.insert(name, cells[status].to_owned()).is_none(), "{line} stands twice");
    }
    assert!(rows.len() > 20, "this is no table: {rows:?}");
    rows
}

/// A name is one refusal. Two chapters may have it for the same one, and then with the same status.
#[test]
fn a_name_is_one_refusal() {
    let tables = [
        refusals(include_str!("../../api.md"), 1),
        refusals(include_str!("../../record.md"), 1),
        refusals(include_str!("../../admission.md"), 1),
    ];
    let mut twice = BTreeSet::new();
    for (at, table) in tables.iter().enumerate() {
        for (name, status) in table {
            for other in &tables[at + 1..] {
                if let Some(have) = other.get(name) {
                    assert_eq!(status, have, "{name}");
                    twice.insert(name.as_str());
                }
            }
        }
    }
    // Too many bytes, whichever; and a product that is none, in a record or in a path.
    assert_eq!(twice, BTreeSet::from(["product", "too-large"]));
}

/// The table of refusals has a row for each vector that shows one, and no others.
#[test]
fn the_table_has_every_refusal() {
    let made = make().into_iter().filter(|vector| vector.name.starts_with("refusal-"));
    let made: BTreeMap<_, _> = made.map(|vector| (vector.get("refusal").into(), vector.get("status").into())).collect();
    assert_eq!(refusals(include_str!("../../api.md"), 1), made);
}

pub fn make() -> Vec<Vector> {
    [paths(), submitted(), updates(), leading(), batches(), outcomes(), problems(), refused()].concat()
}

const ID: &str = "62b71643cdd56d3a1b0e2f4c6a98de01f7345b829c0ad1e62b71643cdd56d3a1";
const FILE: &str = "f4636f8451e94e3a9c2c4f8b1d70a5e6b38c97d2f04e15a6f4636f8451e94e3a";
const SHIELD: &str = "pkg:generic/acme/shield";

fn paths() -> Vec<Vector> {
    let one = |name: &str, comment: &str, headers: &[(&str, &str)], path: &str| {
        let vector = Vector::accept(name, &format!("{SPEC}#paths"), comment, path).with("format", "path");
        headers.iter().fold(vector, |vector, (key, value)| vector.with(key, value))
    };
    let purl = "pkg%3Ageneric%2Facme%2Fshield";
    vec![
        one(
            "path-proof",
            "A proof is found by the index of its entry.",
            &[("call", "proofs"), ("index", "18446744073709551615")],
            "/api/v1/proofs/18446744073709551615",
        ),
        one(
            "path-record",
            "An entry is found by its id.",
            &[("call", "records"), ("id", ID)],
            &format!("/api/v1/records/{ID}"),
        ),
        one(
            "path-updates",
            "The updates of a product that carry a file are found by its digest.",
            &[("call", "updates"), ("sha256", FILE), ("product", SHIELD)],
            &format!("/api/v1/records?kind=update&digest={FILE}&product={purl}"),
        ),
        one(
            "path-leading",
            "The source or build that leads to a product is found by a digest of its own.",
            &[("call", "leading"), ("kind", "build"), ("sha256", FILE), ("product", SHIELD)],
            &format!("/api/v1/records?kind=build&digest={FILE}&product={purl}"),
        ),
        one(
            "path-state",
            "A key of the state is one segment, its space and slashes percent-encoded.",
            &[("call", "state"), ("key", "authority pkg:generic/acme/")],
            "/api/v1/state/authority%20pkg%3Ageneric%2Facme%2F",
        ),
        one(
            "path-state-unreserved",
            "Letters, digits, hyphen, dot, underscore and tilde stand for themselves.",
            &[("call", "state"), ("key", "aZ09-._~")],
            "/api/v1/state/aZ09-._~",
        ),
        one(
            "path-state-percent",
            "A percent sign is percent-encoded too.",
            &[("call", "state"), ("key", "a%20b")],
            "/api/v1/state/a%2520b",
        ),
        one(
            "path-state-not-ascii",
            "What is not ASCII is percent-encoded by its bytes in UTF-8, in upper case.",
            &[("call", "state"), ("key", "é")],
            "/api/v1/state/%C3%A9",
        ),
        one(
            "path-bundle",
            "A bundle is found by the digest of a file.",
            &[("call", "bundles"), ("sha256", FILE)],
            &format!("/api/v1/bundles/{FILE}"),
        ),
        one(
            "path-bundle-of-a-track",
            "Product, channel and target say which bundle, where several updates carry the file.",
            &[
                ("call", "bundles"),
                ("sha256", FILE),
                ("product", SHIELD),
                ("channel", "stable"),
                ("target", "linux-x86_64"),
            ],
            &format!("/api/v1/bundles/{FILE}?product={purl}&channel=stable&target=linux-x86_64"),
        ),
        one(
            "path-status",
            "A status is that of a product's channel, the product one segment.",
            &[("call", "status"), ("product", SHIELD), ("channel", "stable")],
            &format!("/api/v1/status/{purl}?channel=stable"),
        ),
        one(
            "path-status-of-an-update",
            "A status may be asked for one update.",
            &[("call", "status"), ("product", SHIELD), ("channel", "stable"), ("update", ID)],
            &format!("/api/v1/status/{purl}?channel=stable&update={ID}"),
        ),
        one(
            "path-policy",
            "A policy is found by its epoch.",
            &[("call", "policies"), ("epoch", "3")],
            "/api/v1/policies/3",
        ),
    ]
}

fn answer(name: &str, format: &str, section: &str, comment: &str, body: &str) -> Vector {
    Vector::accept(name, &format!("{SPEC}#{section}"), comment, body).with("format", format)
}

fn refuse(name: &str, sibling: &str, format: &str, comment: &str, body: &str) -> Vector {
    refuse_as(name, sibling, "member", format, comment, body)
}

fn refuse_as(name: &str, sibling: &str, expect: &str, format: &str, comment: &str, body: &str) -> Vector {
    let section = if format == "problem" { "refusals" } else { "answers" };
    Vector::refuse(name, sibling, expect, &format!("{SPEC}#{section}"), comment, body).with("format", format)
}

fn submitted() -> Vec<Vector> {
    let root = Hash([7; 32]);
    let bare = format!("{{\"index\":8,\"id\":\"{ID}\"}}\n");
    let good = format!("{{\"index\":8,\"id\":\"{ID}\",\"size\":10,\"root\":\"{root}\"}}\n");
    let proof = r#"c2sp.org/tlog-proof@v1\nindex 8\n\nlog.acme.example/updates\n10\n"#;
    let proved = good.replace("}\n", &format!(",\"proof\":\"{proof}\"}}\n"));
    let one = |name: &str, comment: &str, body: &str, size: bool, proof: &str| {
        let vector = answer(name, "submitted", "answers", comment, body).with("index", 8).with("id", ID);
        let vector = if size { vector.with("size", 10) } else { vector };
        vector.with("proof", proof)
    };
    let no = |name: &str, comment: &str, body: &str| refuse(name, "submitted", "submitted", comment, body);
    let mut vectors = vec![
        one("submitted", "Index, id, and the cosigned head that the record is under.", &good, true, "no"),
        one(
            "submitted-proof",
            "The proof stands there where it was asked for, a text in a string.",
            &proved,
            true,
            "yes",
        ),
        one("submitted-not-cosigned", "Before a quorum cosigned there is no head.", &bare, false, "no"),
        one(
            "submitted-more-members",
            "Members that are not known are ignored.",
            &good.replace("{", "{\"note\":[],"),
            true,
            "no",
        ),
        refuse_as(
            "submitted-cut",
            "submitted",
            "not-json",
            "submitted",
            "An answer is JSON.",
            good.trim_end().trim_end_matches('}'),
        ),
        refuse_as(
            "submitted-index-twice",
            "submitted",
            "duplicate-key",
            "submitted",
            "No member stands twice.",
            &good.replace("{", "{\"index\":8,"),
        ),
        no("submitted-no-object", "An answer is an object.", "[]"),
    ];
    for (what, path, value, comment) in [
        ("index-negative", "index", "-8", "An index is an integer from 0."),
        ("index-string", "index", "\"8\"", "An index is an integer from 0."),
        ("index-exponent", "index", "8e0", "An integer is written in digits alone."),
        ("id-upper-case", "id", &*format!("\"{}\"", ID.to_uppercase()), "An id is 64 lower-case hex digits."),
        ("id-short", "id", "\"62b71643\"", "An id is 64 lower-case hex digits."),
        ("root-hex", "root", &format!("\"{ID}\""), "A root is base64 of 32 bytes."),
        (
            "root-unpadded",
            "root",
            &format!("\"{}\"", root.to_base64().trim_end_matches('=')),
            "A root is padded base64.",
        ),
        ("size-null", "size", "null", "A size is an integer from 0, if it is there."),
    ] {
        vectors.push(no(&format!("submitted-{what}"), comment, &edit::set(&good, path, value)));
    }
    for member in ["index", "id"] {
        vectors.push(no(
            &format!("submitted-without-{member}"),
            "Index and id are always there.",
            &edit::without(&good, member),
        ));
    }
    for (alone, other) in [("size", "root"), ("root", "size")] {
        vectors.push(no(
            &format!("submitted-{alone}-alone"),
            "A head is a size and a root.",
            &edit::without(&good, other),
        ));
    }
    vectors.push(refuse(
        "submitted-proof-object",
        "submitted-proof",
        "submitted",
        "A proof is a string.",
        &edit::set(&proved, "proof", "{}"),
    ));
    vectors
}

fn updates() -> Vec<Vector> {
    let update = |index: u64, target: &str, live: bool| {
        format!(
            "{{\"index\":{index},\"id\":\"{ID}\",\"channel\":\"stable\",\"target\":\"{target}\",\"sequence\":3,\"live\":{live}}}"
        )
    };
    let list = |updates: &[String]| format!("{{\"updates\":[{}]}}\n", updates.join(","));
    let good = list(&[update(8, "", true), update(12, "linux-x86_64", false)]);
    let no = |name: &str, comment: &str, body: &str| refuse(name, "updates", "updates", comment, body);
    let mut vectors = vec![
        answer(
            "updates",
            "updates",
            "answers",
            "All updates of a product that carry a file, withdrawn ones too.",
            &good,
        )
        .with("index", 8)
        .with("index", 12),
        answer("updates-none", "updates", "answers", "There may be none.", &list(&[])),
        answer(
            "updates-more-members",
            "updates",
            "answers",
            "Members that are not known are ignored.",
            &good.replace("{\"index\"", "{\"note\":0,\"index\""),
        )
        .with("index", 8)
        .with("index", 12),
        no("updates-no-list", "The updates are a list.", &edit::set(&good, "updates", "{}")),
        no("updates-missing", "The list is always there.", "{}"),
        no("updates-element", "Each of them is an object.", &edit::first(&good, "updates", "8")),
        refuse_as("updates-not-json", "updates", "not-json", "updates", "An answer is JSON.", ""),
    ];
    for (member, value) in [
        ("index", "\"8\""),
        ("id", "\"8\""),
        ("channel", "null"),
        ("target", "null"),
        ("sequence", "-1"),
        ("live", "1"),
    ] {
        vectors.push(no(
            &format!("updates-without-{member}"),
            &format!("The member {member} of each is always there."),
            &edit::without(&good, member),
        ));
        vectors.push(no(
            &format!("updates-{member}-type"),
            &format!("The member {member} of each is of its type."),
            &edit::set(&good, member, value),
        ));
    }
    vectors
}

fn leading() -> Vec<Vector> {
    let good = format!("{{\"records\":[{{\"index\":8,\"id\":\"{ID}\"}}]}}\n");
    let one = |name: &str, comment: &str, body: &str| answer(name, "leading", "answers", comment, body);
    let no = |name: &str, comment: &str, body: &str| refuse(name, "leading", "leading", comment, body);
    vec![
        one("leading", "The source or the build that leads to a product.", &good).with("index", 8),
        one("leading-none", "There may be none.", "{\"records\":[]}\n"),
        one(
            "leading-more",
            "The list may be longer one day, and its members have more members: the first counts.",
            &good.replace("}]", ",\"note\":0},0]"),
        )
        .with("index", 8),
        no("leading-missing", "The list is always there.", "{}"),
        no("leading-no-list", "The records are a list.", &edit::set(&good, "records", "{}")),
        no("leading-without-index", "Index and id are always there.", &edit::without(&good, "index")),
        no("leading-without-id", "Index and id are always there.", &edit::without(&good, "id")),
    ]
}

fn batches() -> Vec<Vector> {
    let good = "{\"payload\":1}\n{\"payload\":2}\n";
    let spec = format!("{SPEC}#batches");
    let one = |name: &str, comment: &str, body: &str, records: usize| {
        Vector::accept(name, &spec, comment, body).with("format", "batch").with("records", records)
    };
    let no = |name: &str, expect: &str, comment: &str, body: &str| {
        Vector::refuse(name, "batch", expect, &spec, comment, body).with("format", "batch")
    };
    vec![
        one("batch", "A batch has a submission a line; what each is, is not its matter.", good, 2),
        one("batch-last-line", "The last line may lack its line end.", good.trim_end(), 2),
        one("batch-1024", "A batch has at most 1,024 records.", &"{}\n".repeat(1_024), 1_024),
        no("batch-1025", "too-many-records", "A batch has at most 1,024 records.", &"{}\n".repeat(1_025)),
        no("batch-empty", "empty-batch", "A batch has a record at least.", ""),
        no("batch-empty-line", "empty-line", "No line is empty.", &good.replace("\n{", "\n\n{")),
        no("batch-empty-last-line", "empty-line", "No line is empty, the last one neither.", &format!("{good}\n")),
    ]
}

fn outcomes() -> Vec<Vector> {
    let root = Hash([7; 32]);
    let taken = format!("{{\"status\":201,\"index\":8,\"id\":\"{ID}\",\"size\":10,\"root\":\"{root}\"}}\n");
    let known = taken.replace("201", "200");
    let waiting = format!("{{\"status\":202,\"index\":9,\"id\":\"{ID}\"}}\n");
    let refused = "{\"type\":\"urn:glarus:refusal:sequence\",\"title\":\"sequence\",\"status\":409,\"detail\":\"d\"}\n";
    let good = [&taken, refused, &known, &waiting].concat();
    let one = |name: &str, comment: &str, body: &str| {
        answer(name, "outcomes", "batches", comment, body).with_all("status", [201, 409, 200, 202])
    };
    let no = |name: &str, expect: &str, comment: &str, body: &str| {
        Vector::refuse(name, "outcomes", expect, &format!("{SPEC}#batches"), comment, body).with("format", "outcomes")
    };
    let head = format!(",\"size\":10,\"root\":\"{root}\"");
    vec![
        one("outcomes", "What became of each record, in their order.", &good),
        one(
            "outcomes-more-members",
            "Members that are not known are ignored.",
            &good.replace("{\"", "{\"note\":[],\""),
        ),
        no("outcomes-cut", "cut", "A line end is behind each line.", good.trim_end()),
        no("outcomes-empty", "cut", "A batch has a record at least, and so its answer a line.", ""),
        no("outcomes-not-json", "not-json", "Each line is JSON.", &good.replacen('{', "", 1)),
        no("outcomes-status", "member", "What is taken has one of three statuses.", &good.replace("201", "204")),
        no("outcomes-without-status", "member", "Each line says its status.", &edit::without(&good, "status")),
        no("outcomes-not-cosigned", "member", "Before a quorum cosigned it is 202.", &good.replacen(&head, "", 1)),
        no(
            "outcomes-cosigned",
            "member",
            "Once a quorum cosigned it is not 202.",
            &good.replace(&waiting, &waiting.replace('}', &format!("{head}}}"))),
        ),
    ]
}

fn problems() -> Vec<Vector> {
    let detail = "the update has sequence 2, the next of pkg:generic/acme/shield in channel stable is 1";
    let good = format!(
        "{{\"type\":\"urn:glarus:refusal:sequence\",\"title\":\"sequence\",\"status\":409,\"detail\":\"{detail}\"}}"
    );
    let one = |name: &str, refusal: &str, comment: &str, body: &str| {
        let vector = answer(name, "problem", "refusals", comment, body).with("refusal", refusal).with("status", 409);
        if body.contains(detail) { vector.with("detail", detail) } else { vector }
    };
    let no = |name: &str, comment: &str, body: &str| refuse(name, "problem", "problem", comment, body);
    vec![
        one("problem", "sequence", "The name of a refusal is what follows urn:glarus:refusal: in the type.", &good),
        one(
            "problem-foreign",
            "unknown",
            "A problem of another type, as a proxy answers it, has no name.",
            &edit::set(&good, "type", "\"about:blank\""),
        ),
        one("problem-without-type", "unknown", "RFC 9457 lets the type be missing.", &edit::without(&good, "type")),
        one(
            "problem-without-detail",
            "sequence",
            "RFC 9457 lets the detail be missing.",
            &edit::without(&good, "detail"),
        ),
        one(
            "problem-more-members",
            "sequence",
            "Members that are not known are ignored.",
            &good.replace("{\"type\"", "{\"instance\":\"/x\",\"type\""),
        ),
        no("problem-without-status", "A refusal says its status.", &edit::without(&good, "status")),
        no("problem-status-string", "A status is a number.", &edit::set(&good, "status", "\"409\"")),
        no("problem-status-65536", "A status has at most 16 bits.", &edit::set(&good, "status", "65536")),
        no("problem-type-number", "A type is a string.", &edit::set(&good, "type", "409")),
        no("problem-detail-number", "A detail is a string.", &edit::set(&good, "detail", "1")),
        no("problem-no-object", "Problem details are an object.", "\"no\""),
        refuse_as("problem-not-json", "problem", "not-json", "problem", "Problem details are JSON.", "<html></html>"),
    ]
}

/// Each refusal of a call, and a request that a log of a few records answers so, where one suffices.
fn refused() -> Vec<Vector> {
    let id = "0".repeat(64);
    let status = "/api/v1/status/pkg%3Ageneric%2Facme%2Fshield";
    let listing = format!("digest={id}&product=pkg%3Ageneric%2Facme%2Fshield");
    let parties = "&party=https%3A%2F%2Frebuild.example.ch".repeat(257);
    let one = |name: &str, status: u16, request: &str, comment: &str, detail: &str| {
        let title = name.replace('-', " ");
        let body = format!(
            "{{\"type\":\"urn:glarus:refusal:{name}\",\"title\":\"{title}\",\"status\":{status},\"detail\":\"{detail}\"}}"
        );
        let vector = answer(&format!("refusal-{name}"), "problem", "refusals", comment, &body);
        let vector = vector.with("refusal", name).with("status", status).with("detail", detail);
        if request.is_empty() { vector } else { vector.with("request", format!("GET {request}")) }
    };
    vec![
        one("no-such-path", 404, "/nothing", "Nothing is at this path.", "there is nothing under this path"),
        one(
            "not-found",
            404,
            &format!("/api/v1/records/{id}"),
            "No record has this id.",
            &format!("no record has id {id}"),
        ),
        one(
            "not-published",
            404,
            "/api/v1/records/1000000",
            "The entry is not under the published checkpoint.",
            "entry 1000000 is not under the cosigned checkpoint of size 4",
        ),
        one(
            "not-published-yet",
            503,
            "",
            "Nothing is published since the start.",
            "no checkpoint is cosigned by a quorum yet",
        ),
        one(
            "not-confirmed",
            503,
            "",
            "Nothing is taken before a quorum confirmed the head that the log started with.",
            "no quorum of witnesses has confirmed the log's last head since it started; nothing is taken before",
        ),
        one(
            "queue-full",
            503,
            "",
            "More records wait than the log holds.",
            "the log's queue is full, or the log is stopping; nothing was taken",
        ),
        one(
            "stopped",
            503,
            "",
            "The log stopped while the record was on its way.",
            "the log stopped; whether the record is logged can be asked by its id",
        ),
        one(
            "damaged",
            500,
            "",
            "The log cannot read its own rows.",
            "the log cannot read its own rows; its operator has been told",
        ),
        one(
            "not-an-index",
            400,
            "/api/v1/records/007",
            "An index is a decimal without leading zeroes.",
            "it is neither an index in decimal nor an id of 64 hex digits",
        ),
        one(
            "not-a-digest",
            400,
            "/api/v1/bundles/7",
            "A digest is 64 lower-case hex digits.",
            "it is not 64 lower-case hex digits",
        ),
        one(
            "product",
            400,
            "/api/v1/status/acme?channel=stable",
            "A product is a canonical package-url.",
            "it does not begin with pkg:",
        ),
        one(
            "kind",
            400,
            &format!("/api/v1/records?kind=review&{listing}"),
            "Only some kinds are listed.",
            "only these are listed: ?kind=update, source or build",
        ),
        one("missing-parameter", 400, status, "A status is that of a channel.", "name the channel: ?channel=stable"),
        one(
            "unknown-parameter",
            400,
            &format!("{status}?channel=stable&traget=linux"),
            "A misspelt filter would widen the answer.",
            "the parameter traget is not known here",
        ),
        one(
            "too-many-parameters",
            413,
            &format!("{status}?channel=stable{parties}"),
            "256 epochs and parties are read.",
            "257 times have or party, at most 256 are read",
        ),
        one(
            "several-tracks",
            409,
            "",
            "Updates of several tracks carry the file, which the detail names.",
            "2 tracks carry this file, name one by product, channel and target: [pkg:generic/acme/shield beta ] [pkg:generic/acme/shield stable ]",
        ),
        one(
            "too-many-records",
            413,
            "",
            "A bundle has at most 256 records.",
            "the update leads to more than 256 records, a bundle has no more",
        ),
        one(
            "too-many-words",
            413,
            "",
            "A status has at most 256 records and 512 keys.",
            "the status would have 300 records of at most 256 and 40 keys of at most 512; name the parties that count, party=https://…, and the epochs that are known, have=<id>",
        ),
        one(
            "too-large",
            413,
            "",
            "A bundle has at most 4,194,304 bytes.",
            "it would have 5000000 bytes, at most 4194304 are read",
        ),
        one("empty-batch", 400, "", "A batch has a record at least.", "the batch has no record; it has one a line"),
        one(
            "empty-line",
            400,
            "",
            "No line of a batch is empty.",
            "line 2 of the batch is empty; it has one record a line",
        ),
        one(
            "no-room",
            503,
            "",
            "The bodies of batches share some memory.",
            "other requests' bodies take up all the memory that there is for them; nothing was taken",
        ),
        one(
            "body-too-long",
            413,
            "",
            "The body of a request has a bound.",
            "the request body has more than 131072 bytes",
        ),
        one(
            "body-too-slow",
            408,
            "",
            "The body of a request comes in time.",
            "the request body did not arrive within 30000 ms",
        ),
        one(
            "body-broken",
            400,
            "",
            "The body of a request is framed as HTTP has it.",
            "the request body is not framed as HTTP has it, or was cut off",
        ),
    ]
}
