//! Records: the payloads of every kind, the submissions and entries around them, files of submissions, and manifests.
//!
//! The payloads that are accepted are the examples of the chapter; the others differ from them in one member.

use super::edit;
use super::format::{Vector, base64, trailing_bit, url_safe};
use spec::authority::{Algorithm, SecretKey};
use spec::record::manifest::Manifest;
use spec::record::{
    self, Digest, EnvelopeSignature, MAX_SUBMISSION_BYTES, PAYLOAD_TYPE, Record, RecordError, Statement,
};
use std::collections::{BTreeMap, BTreeSet};

const SPEC: &str = "https://github.com/glarus/glarus/blob/main/spec/record.md";
const CHAPTER: &str = include_str!("../../record.md");

pub fn run(vector: &Vector) -> String {
    let outcome = match vector.get("format") {
        "payload" => payload(vector),
        "submission" => Record::parse_submission(&vector.body).map(|record| read(vector, &record)),
        "entry" => Record::parse_entry(&vector.body).map(|record| read(vector, &record)),
        "file" => file(vector),
        "manifest" => return manifest(vector),
        other => panic!("{}: format {other}", vector.name),
    };
    let status = outcome.as_ref().err().map(|error| error.status().to_string());
    assert_eq!(vector.find("status"), status.as_deref(), "{}", vector.name);
    outcome.err().map_or("accept", |error| error.name()).into()
}

/// The same refusal comes from the envelope that the payload would be in.
fn payload(vector: &Vector) -> Result<(), RecordError> {
    let submitted = Record::parse_submission(bare(&vector.body).as_bytes());
    let statement = match Statement::parse(&vector.body) {
        Ok(statement) => statement,
        Err(error) => {
            assert_eq!(submitted, Err(error.clone()), "{}", vector.name);
            return Err(error);
        }
    };
    assert_eq!(statement.predicate.kind().name(), vector.get("kind"), "{}", vector.name);
    assert_eq!(submitted.unwrap().id.to_string(), vector.get("id"), "{}", vector.name);
    assert_eq!(Statement::parse(statement.to_json().as_bytes()), Ok(statement), "{}", vector.name);
    Ok(())
}

/// What the header says of a record.
fn read(vector: &Vector, record: &Record) {
    assert_eq!(record.kind().name(), vector.get("kind"), "{}", vector.name);
    assert_eq!(record.id.to_string(), vector.get("id"), "{}", vector.name);
    let keyids = record.signatures.iter().map(|one| one.keyid.map_or("none".into(), |keyid| keyid.to_string()));
    assert_eq!(keyids.collect::<Vec<_>>(), vector.all("keyid").collect::<Vec<_>>(), "{}", vector.name);
}

fn file(vector: &Vector) -> Result<(), RecordError> {
    let found = record::submissions(&vector.body)?;
    let ids = found.iter().map(|one| Record::parse_submission(one).unwrap().id.to_string());
    assert_eq!(ids.collect::<Vec<_>>(), vector.all("id").collect::<Vec<_>>(), "{}", vector.name);
    Ok(())
}

fn manifest(vector: &Vector) -> String {
    match Manifest::parse(&vector.body) {
        Ok(manifest) => {
            assert_eq!(manifest.files().len() as u64, vector.number("files"), "{}", vector.name);
            "accept".into()
        }
        Err(error) => error.name().into(),
    }
}

/// Entries and manifests have one form. Of the others the text itself comes back, if what it says can be written and read.
pub fn accepts(vector: &Vector, text: &[u8]) -> Option<Vec<u8>> {
    match vector.get("format") {
        "payload" => {
            let statement = Statement::parse(text).ok()?;
            (Statement::parse(statement.to_json().as_bytes()) == Ok(statement)).then(|| text.to_vec())
        }
        "submission" => {
            let record = Record::parse_submission(text).ok()?;
            let entry = record.entry(&signatures(&record)).ok()?;
            (Record::parse_entry(&entry).ok()?.id == record.id).then(|| text.to_vec())
        }
        "entry" => {
            let record = Record::parse_entry(text).ok()?;
            record.entry(&signatures(&record)).ok()
        }
        "manifest" => Some(Manifest::parse(text).ok()?.to_text().into_bytes()),
        _ => None,
    }
}

/// Its signatures by keys that are named.
fn signatures(record: &Record) -> Vec<(Digest, Vec<u8>)> {
    record.signatures.iter().filter_map(|one| Some((one.keyid?, one.sig.clone()))).collect()
}

/// Every name that reading a record can give has a row in `record.md`, with the vector that shows it: its status, and its
/// message as the example.
#[test]
fn the_table_has_every_refusal() {
    let table = CHAPTER.split("# Refusals\n").nth(1).unwrap().split("\n# ").next().unwrap();
    let mut rows = BTreeMap::new();
    for line in table.lines().filter_map(|line| line.strip_prefix("| `")) {
        let cells: Vec<_> = line.trim_end_matches(" |").splitn(5, " | ").collect();
        let [name, vector, example] = [0, 3, 4].map(|at| cells[at].trim_matches('`'));
        assert!(rows.insert(name, (cells[1], vector, example)).is_none(), "{name} stands twice");
    }
    let names = |code: &'static str, from: &str| -> Vec<&str> {
        let code = code.split(from).nth(1).unwrap().split("\n    }\n").next().unwrap();
        code.lines().filter_map(|line| Some(line.split_once("=> \"")?.1.split_once('"')?.0)).collect()
    };
    let names: BTreeSet<_> = [
        names(include_str!("../../src/record/error.rs"), "impl RecordError"),
        names(include_str!("../../src/authority.rs"), "impl AuthorityError"),
        names(include_str!("../../src/authority/key.rs"), "impl KeyError"),
        names(include_str!("../../src/json.rs"), "impl JsonError"),
    ]
    .concat()
    .into_iter()
    .collect();
    assert!(names.contains("too-deep") && names.contains("unused-key") && names.contains("weak-key"));
    assert_eq!(rows.keys().copied().collect::<BTreeSet<_>>(), names);

    let mut wrong = Vec::new();
    for (name, (status, vector, example)) in rows {
        let (chapter, of) = vector.split_once('/').unwrap_or(("record", vector));
        let made = if chapter == "record" { make() } else { super::authority::make() };
        let made = made.into_iter().find(|one| one.name == of).unwrap_or_else(|| panic!("no vector {vector}"));
        let error = if chapter == "record" { error(&made) } else { super::authority::error(&made) };
        assert_eq!(error.name(), name, "{vector}");
        let (have, text) = (error.status().to_string(), super::admission::short(&error.to_string()));
        if (status, example) != (have.as_str(), text.as_str()) {
            wrong.push(format!("{name} | {have} | {vector} | {text}"));
        }
    }
    assert!(wrong.is_empty(), "the table should say:\n{}", wrong.join("\n"));
}

fn error(vector: &Vector) -> RecordError {
    match vector.get("format") {
        "payload" => Statement::parse(&vector.body).unwrap_err(),
        "entry" => Record::parse_entry(&vector.body).unwrap_err(),
        "file" => record::submissions(&vector.body).unwrap_err(),
        _ => Record::parse_submission(&vector.body).unwrap_err(),
    }
}

pub fn make() -> Vec<Vector> {
    let mut vectors = Vec::new();
    for of in [update(), source(), build(), build_v02(), rebuild(), withdrawal()] {
        vectors.extend(of.vectors);
    }
    for of in [review(), policy(), access(), authority()] {
        vectors.extend(of.vectors);
    }
    [vectors, statements(), submissions(), entries(), files(), manifests()].concat()
}

/// The example of a kind in the chapter; of builds, whose provenance has two versions, the second is older.
fn example(kind: &str, nth: usize) -> String {
    let section = CHAPTER.split(&format!("\n## {kind}\n")).nth(1).unwrap();
    section.split("```json\n").nth(1 + nth).unwrap().split("```").next().unwrap().into()
}

/// Vectors of one kind: an accepted payload, and payloads that differ from it in one member.
struct Of {
    /// The name of the accepted one, with which all others begin.
    name: &'static str,
    kind: &'static str,
    payload: String,
    vectors: Vec<Vector>,
}

/// What a member is.
#[derive(Clone, Copy)]
enum Is {
    Text(usize),
    String,
    StringOrNull,
    Number,
    Object,
    Array,
}

impl Of {
    fn new(name: &'static str, kind: &'static str, payload: String, comment: &str) -> Self {
        let mut of = Self { name, kind, payload: payload.clone(), vectors: Vec::new() };
        of.push(name.into(), "accept", comment, payload);
        of
    }

    fn push(&mut self, name: String, expect: &str, comment: &str, payload: String) {
        let spec = format!("{SPEC}#{}", self.kind);
        let vector = if expect == "accept" {
            let id = Digest::of(&record::pae(payload.as_bytes()));
            Vector::accept(&name, &spec, comment, payload).with("kind", self.kind).with("id", id)
        } else {
            Vector::refuse(&name, self.name, expect, &spec, comment, payload).with("status", 400)
        };
        self.vectors.push(vector.with("format", "payload"));
    }

    /// Another value of a member; `what` names the vector.
    fn set(&mut self, what: &str, path: &str, value: &str, expect: &str, comment: &str) {
        self.push(format!("{}-{what}", self.name), expect, comment, edit::set(&self.payload, path, value));
    }

    /// The last vector is the sibling of the one that comes.
    fn beside(&mut self, what: &str, path: &str, value: &str, expect: &str, comment: &str) {
        let sibling = self.vectors.last().unwrap().name.clone();
        self.set(what, path, value, expect, comment);
        let last = self.vectors.last_mut().unwrap();
        last.headers.iter_mut().find(|(key, _)| key == "sibling").unwrap().1 = sibling;
    }

    /// An element before those of a list.
    fn first(&mut self, what: &str, path: &str, element: &str, expect: &str, comment: &str) {
        self.push(format!("{}-{what}", self.name), expect, comment, edit::first(&self.payload, path, element));
    }

    /// More members before one.
    fn before(&mut self, what: &str, path: &str, more: &str, expect: &str, comment: &str) {
        self.push(format!("{}-{what}", self.name), expect, comment, edit::before(&self.payload, path, more));
    }

    /// A required member: it is there, it is of its type, and a text is neither empty nor too long and has no control characters.
    fn requires(&mut self, path: &str, is: Is) {
        let what = kebab(path);
        let name = |end: &str| format!("{}-{what}-{end}", self.name);
        let (missing, typed) = (name("missing"), name("type"));
        let payload = edit::without(&self.payload, path);
        self.push(missing, "missing-field", &format!("The member {path} is required."), payload);
        let (type_name, other) = match is {
            Is::Text(_) | Is::String => ("a string", "7"),
            Is::StringOrNull => ("a string or null", "7"),
            Is::Number => ("a number", "\"7\""),
            Is::Object => ("an object", "[]"),
            Is::Array => ("an array", "{}"),
        };
        let payload = edit::set(&self.payload, path, other);
        self.push(typed, "wrong-type", &format!("The member {path} is {type_name}."), payload);
        if let Is::Text(max) = is {
            self.text(&what, path, max);
        }
    }

    /// A text of 1 to `max` bytes without control characters.
    fn text(&mut self, what: &str, path: &str, max: usize) {
        let quoted = |bytes: usize| format!("\"{}\"", "x".repeat(bytes));
        let set = |of: &mut Self, end: &str, value: &str, expect: &str, comment: String| {
            of.set(&format!("{what}-{end}"), path, value, expect, &comment);
        };
        set(self, "empty", "\"\"", "empty", format!("The text {path} has a byte at least."));
        let control = "\"a\\u0085b\"";
        set(
            self,
            "control-character",
            control,
            "control-character",
            format!("The text {path} has no control character."),
        );
        set(self, "longest", &quoted(max), "accept", format!("The text {path} has at most {max} bytes."));
        let comment = format!("The text {path} has at most {max} bytes.");
        self.beside(&format!("{what}-long"), path, &quoted(max + 1), "limit", &comment);
    }

    /// A list of `min` to `max` elements, which `item` makes, no two alike.
    fn list(&mut self, path: &str, (min, max): (usize, usize), item: &dyn Fn(usize) -> String) {
        let what = kebab(path);
        let list = |count: usize| format!("[{}]", (0..count).map(item).collect::<Vec<_>>().join(", "));
        let bounds = format!("The list {path} has {min} to {max} elements.");
        self.set(&format!("{what}-most"), path, &list(max), "accept", &bounds);
        self.beside(&format!("{what}-many"), path, &list(max + 1), "limit", &bounds);
        let empty = if min == 0 { "accept" } else { "empty" };
        self.set(&format!("{what}-empty"), path, "[]", empty, &bounds);
    }

    /// The first element of a list stands there twice.
    fn repeated(&mut self, path: &str, element: &str) {
        let comment = format!("No two elements of {path} are alike.");
        self.first(&format!("{}-repeated", kebab(path)), path, element, "repeated", &comment);
    }

    /// A member of an object whose members are read has a twin that differs by case.
    fn collides(&mut self, what: &str, path: &str, twin: &str) {
        let comment = "In an object whose members are read no two keys differ by case alone.";
        self.before(&format!("{what}-case"), path, &format!("\"{twin}\": null, "), "case-colliding-keys", comment);
    }

    /// A record's log.
    fn log(&mut self, path: &str) {
        for (what, origin) in [("space", "log acme"), ("no-break-space", "log\u{a0}acme"), ("plus", "log+acme")] {
            let comment = "The origin of a log has no white space and no plus sign.";
            self.set(&format!("log-{what}"), path, &format!("\"{origin}\""), "log", comment);
        }
    }

    /// An id, or another SHA-256.
    fn digest(&mut self, path: &str) {
        let have = edit::value(&self.payload, path).to_owned();
        let comment = format!("The member {path} is 64 lower-case hex digits.");
        let upper = have.to_uppercase();
        assert_ne!(upper, have);
        self.set(&format!("{}-upper-case", kebab(path)), path, &upper, "digest", &comment);
    }

    /// One of a closed list of words, of which the payload has one already.
    fn word(&mut self, path: &str, words: &[&str], rule: &str, other: &str) {
        let have = edit::value(&self.payload, path).trim_matches('"').to_owned();
        assert!(words.contains(&have.as_str()));
        let comment = format!("The member {path} is {rule}.");
        for word in words.iter().filter(|word| **word != have) {
            let (what, value) = (format!("{}-{}", kebab(path), word.to_lowercase()), format!("\"{word}\""));
            self.set(&what, path, &value, "accept", &comment);
        }
        self.set(&format!("{}-other-word", kebab(path)), path, &format!("\"{other}\""), "word", &comment);
    }
}

/// The path of a member as a part of a vector's name, without the predicate that most are in.
fn kebab(path: &str) -> String {
    let mut out = String::new();
    for letter in path.trim_start_matches("predicate.").chars() {
        match letter {
            'A'..='Z' => out.extend(['-', letter.to_ascii_lowercase()]),
            'a'..='z' | '0'..='9' => out.push(letter),
            _ => out.push('-'),
        }
    }
    out.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}

fn id(at: usize) -> String {
    format!("\"{at:064x}\"")
}

fn subject(at: usize) -> String {
    format!("{{\"name\": \"{at}\", \"digest\": {{\"sha256\": \"{at:064x}\"}}}}")
}

const COMMIT: &str = "733aa03fdd44bf8e5018a0a892dffe981207827f";
const SHA256: &str = "c89924b8a6869c1e71c45990f13153c80cc9b51991be1337db9c594adec1384f";
const BUILD: &str = "44575cf5b28512d75644bf54a517dcef304ff809fd511747621b4d64f19aac66";

fn update() -> Of {
    let mut of = Of::new("update", "update", example("update", 0), "What was released.");
    of.requires("predicate.log", Is::String);
    of.text("log", "predicate.log", 255);
    of.log("predicate.log");
    of.requires("predicate.product", Is::String);
    of.requires("predicate.version", Is::Text(128));
    of.requires("predicate.channel", Is::String);
    of.requires("predicate.target", Is::String);
    of.requires("predicate.sequence", Is::Number);
    of.requires("predicate.builds", Is::Array);
    of.list("predicate.builds", (1, 64), &id);
    of.repeated("predicate.builds", &format!("\"{BUILD}\""));
    of.first(
        "builds-upper-case",
        "predicate.builds",
        &format!("\"{}\"", BUILD.to_uppercase()),
        "digest",
        "An id is 64 lower-case hex digits.",
    );
    for (what, product, comment) in [
        ("scheme", "generic/acme/shield", "A product begins with pkg and a colon."),
        ("scheme-upper-case", "PKG:generic/acme/shield", "The scheme is in lower case."),
        ("type-upper-case", "pkg:Generic/acme/shield", "The type of a package-url is in lower case."),
        ("no-name", "pkg:generic", "A product has a name."),
        ("empty-segment", "pkg:generic/acme//shield", "No segment of a product is empty."),
        ("slash-at-end", "pkg:generic/acme/", "A product does not end in a slash, which is what namespaces do."),
        ("dot-segment", "pkg:generic/acme/../shield", "No segment of a product is a dot or two."),
        ("version", "pkg:generic/acme/shield@7.2.0", "A product has no version, which stands beside it."),
        ("qualifiers", "pkg:generic/acme/shield?os=linux", "A product has no qualifiers."),
        ("subpath", "pkg:generic/acme/shield#lib", "A product has no subpath."),
        ("escape-lower-case", "pkg:npm/%40acme/caf%c3%a9", "The hex digits of percent-encodings are in upper case."),
        ("escape-of-a-letter", "pkg:generic/acme/%61", "What stands for itself is not percent-encoded."),
        ("escape-cut", "pkg:generic/acme/%4", "Two hex digits follow a percent sign."),
        ("escaped-slash", "pkg:generic/acme%2Fshield", "No segment has a slash, escaped or not."),
        ("space", "pkg:generic/acme shield", "A space is percent-encoded."),
        ("not-ascii", "pkg:generic/café", "What is not ASCII is percent-encoded."),
        ("escaped-control", "pkg:generic/a%0A", "No segment has a control character, escaped or not."),
        ("escaped-not-utf-8", "pkg:generic/%FF", "What is percent-encoded is UTF-8."),
    ] {
        of.set(&format!("product-{what}"), "predicate.product", &format!("\"{product}\""), "product", comment);
    }
    let escaped = "\"pkg:npm/%40acme/caf%C3%A9\"";
    of.set("product-escapes", "predicate.product", escaped, "accept", "A product is a canonical package-url.");
    let long = |bytes: usize| format!("\"pkg:generic/{}\"", "x".repeat(bytes - 12));
    of.set("product-longest", "predicate.product", &long(255), "accept", "A product has at most 255 bytes.");
    of.beside("product-long", "predicate.product", &long(256), "product", "A product has at most 255 bytes.");
    let form = "A channel is [a-z0-9][a-z0-9._-]{0,63}.";
    for (what, channel) in [("empty", ""), ("upper-case", "Stable"), ("hyphen-first", "-stable"), ("space", "sta ble")]
    {
        of.set(&format!("channel-{what}"), "predicate.channel", &format!("\"{channel}\""), "channel", form);
    }
    let letters = |count: usize| format!("\"{}\"", "x".repeat(count));
    of.set("channel-longest", "predicate.channel", &letters(64), "accept", form);
    of.beside("channel-long", "predicate.channel", &letters(65), "channel", form);
    let form = "A target is [a-z0-9][a-z0-9._-]{0,63}, or empty for any.";
    of.set("target-empty", "predicate.target", "\"\"", "accept", form);
    of.set("target-slash", "predicate.target", "\"linux/x86_64\"", "target", form);
    of.set("target-longest", "predicate.target", &letters(64), "accept", form);
    of.beside("target-long", "predicate.target", &letters(65), "target", form);
    let form = "A sequence is an integer from 1 to 2^53 - 1, in digits alone.";
    for (what, sequence) in [("first", "1"), ("largest", "9007199254740991")] {
        of.set(&format!("sequence-{what}"), "predicate.sequence", sequence, "accept", form);
    }
    for (what, sequence) in [
        ("zero", "0"),
        ("negative", "-1"),
        ("fraction", "41.0"),
        ("exponent", "4e1"),
        ("2-to-the-53", "9007199254740992"),
        ("2-to-the-64-plus-1", "18446744073709551617"),
    ] {
        of.set(&format!("sequence-{what}"), "predicate.sequence", sequence, "not-a-sequence", form);
    }
    of
}

const COMMON: &str = "what-all-kinds-have-in-common";

/// What statements of all kinds have in common, shown on an update.
fn statements() -> Vec<Vector> {
    let mut of = Of { name: "update", kind: "update", payload: example("update", 0), vectors: Vec::new() };
    of.requires("_type", Is::String);
    of.requires("predicateType", Is::String);
    of.requires("subject", Is::Array);
    of.requires("subject[].name", Is::Text(255));
    of.requires("subject[].digest", Is::Object);
    of.requires("subject[].digest.sha256", Is::String);
    of.requires("predicate", Is::Object);
    of.list("subject", (1, 256), &subject);
    of.digest("subject[].digest.sha256");
    of.first("subject-null", "subject", "null", "wrong-type", "A subject is an object.");
    let twin = format!("{{\"name\": \"shield-7.2.0.pkg\", \"digest\": {{\"sha256\": \"{BUILD}\"}}}}");
    of.first("subject-name-repeated", "subject", &twin, "repeated", "No two subjects have one name.");
    let same = format!("{{\"name\": \"shield.pkg\", \"digest\": {{\"sha256\": \"{SHA256}\"}}}}");
    of.first("subject-digest-repeated", "subject", &same, "accept", "The same bytes may have two names.");
    let digests = |more: &str| format!("{{\"sha256\": \"{SHA256}\", {more}}}");
    for (what, more, expect, comment) in [
        ("sha512", "\"sha512\": \"00ff\"".into(), "accept", "Further digests are kept as they are."),
        ("sha512-type", "\"sha512\": 1".into(), "wrong-type", "A further digest is a string."),
        ("sha512-empty", "\"sha512\": \"\"".into(), "empty", "A further digest is text."),
        (
            "sha512-long",
            format!("\"sha512\": \"{}\"", "0".repeat(256)),
            "limit",
            "A further digest is text of at most 255 bytes.",
        ),
        ("no-algorithm", "\"\": \"00ff\"".into(), "empty", "The name of an algorithm is text."),
        ("git-commit", format!("\"gitCommit\": \"{COMMIT}\""), "accept", "A git commit has 40 or 64 digits."),
        ("git-commit-64", format!("\"gitCommit\": \"{BUILD}\""), "accept", "A git commit has 40 or 64 digits."),
        ("git-commit-41", format!("\"gitCommit\": \"{COMMIT}0\""), "digest", "A git commit has 40 or 64 digits."),
        (
            "git-commit-upper-case",
            format!("\"gitCommit\": \"{}\"", COMMIT.to_uppercase()),
            "digest",
            "A git commit is in lower case.",
        ),
    ] {
        of.set(&format!("subject-{what}"), "subject[].digest", &digests(&more), expect, comment);
    }
    let version = |text: &str| format!("\"https://in-toto.io/Statement/{text}\"");
    of.set("statement-v0-1", "_type", &version("v0.1"), "accept", "Statement v0.1 says the same as v1.");
    of.set("statement-v2", "_type", &version("v2"), "statement-type", "Statements are of version v1 or v0.1.");
    of.set(
        "predicate-type-other",
        "predicateType",
        "\"urn:glarus:update:v2\"",
        "unknown-predicate",
        "The predicateType names a kind that is logged here.",
    );
    of.set(
        "predicate-of-another-kind",
        "predicateType",
        "\"urn:glarus:withdrawal:v1\"",
        "missing-field",
        "The predicate is read as the predicateType says.",
    );
    of.before(
        "more-members",
        "predicate.channel",
        "\"notes\": {\"a\": [1e3, -0], \"A\": null}, ",
        "accept",
        "Members that are not listed are ignored, whatever is in them.",
    );
    of.before(
        "duplicate-key",
        "predicate.channel",
        "\"chann\\u0065l\": \"beta\", ",
        "duplicate-key",
        "No key stands twice in an object, escapes resolved.",
    );
    of.before(
        "duplicate-key-ignored",
        "predicate.channel",
        "\"notes\": {\"a\": 1, \"a\": 1}, ",
        "duplicate-key",
        "No key stands twice in any object, read or not.",
    );
    let nested = |depth: usize| format!("\"notes\": {}{}, ", "[".repeat(depth), "]".repeat(depth));
    of.before(
        "depth-32",
        "predicate.channel",
        &nested(30),
        "accept",
        "At most 32 arrays and objects stand inside each other.",
    );
    of.before(
        "depth-33",
        "predicate.channel",
        &nested(31),
        "too-deep",
        "At most 32 arrays and objects stand inside each other.",
    );
    of.collides("statement", "subject", "SUBJECT");
    of.collides("subject", "subject[].name", "Name");
    of.collides("digest", "subject[].digest.sha256", "SHA256");
    of.collides("predicate", "predicate.channel", "Channel");
    of.collides("long-s", "predicate.sequence", "\u{17f}equence");
    let trailing = of.payload.clone() + "{}";
    of.push("update-trailing-value".into(), "not-json", "The payload is one JSON value.", trailing);
    of.push("update-empty".into(), "not-json", "The payload is one JSON value.", String::new());
    of.push("update-no-object".into(), "wrong-type", "The payload is an object.", "[]".into());
    let marked = format!("\u{feff}{}", of.payload);
    of.push("update-byte-order-mark".into(), "not-json", "No byte order mark stands before the payload.", marked);
    for vector in &mut of.vectors {
        vector.headers.iter_mut().filter(|(key, _)| key == "spec").for_each(|(_, of)| *of = format!("{SPEC}#{COMMON}"));
    }
    of.vectors
}

fn source() -> Of {
    let mut of = Of::new("source", "source", example("source", 0), "Source that was deposited.");
    of.requires("predicate.log", Is::String);
    of.requires("predicate.products", Is::Array);
    of.list("predicate.products", (1, 64), &|at| format!("\"pkg:generic/acme/{at}\""));
    of.repeated("predicate.products", "\"pkg:generic/acme/shield\"");
    of.first("products-null", "predicate.products", "null", "wrong-type", "A product is a string.");
    of.first("products-no-product", "predicate.products", "\"shield\"", "product", "Each of them is a product.");
    of.requires("predicate.version", Is::Text(128));
    of.requires("predicate.heldAt", Is::Array);
    of.list("predicate.heldAt", (0, 16), &|at| format!("\"https://centre.example.ch/{at}\""));
    of.repeated("predicate.heldAt", "\"https://centre.example.ch/acme/shield\"");
    let uri = |bytes: usize| format!("[\"https://{}\"]", "x".repeat(bytes - 8));
    of.set("held-at-longest", "predicate.heldAt", &uri(2048), "accept", "A URI has at most 2,048 bytes.");
    of.beside("held-at-long", "predicate.heldAt", &uri(2049), "limit", "A URI has at most 2,048 bytes.");
    of.first("held-at-empty-uri", "predicate.heldAt", "\"\"", "empty", "A URI is text.");
    of.collides("predicate", "predicate.heldAt", "heldat");
    of
}

fn build() -> Of {
    let mut of = Of::new("build", "build", example("build", 0), "How artifacts were built: SLSA Provenance v1.");
    of.requires("predicate.buildDefinition", Is::Object);
    of.requires("predicate.buildDefinition.buildType", Is::Text(2048));
    of.requires("predicate.runDetails", Is::Object);
    of.requires("predicate.runDetails.builder", Is::Object);
    of.requires("predicate.runDetails.builder.id", Is::Text(2048));
    dependencies(&mut of, "predicate.buildDefinition.resolvedDependencies");
    of.collides("definition", "predicate.buildDefinition.buildType", "BuildType");
    of.collides("builder", "predicate.runDetails.builder.id", "ID");
    of
}

fn build_v02() -> Of {
    let comment = "SLSA Provenance v0.2 in a Statement v0.1, as hosted generators write it.";
    let mut of = Of::new("build-v02", "build", example("build", 1), comment);
    of.requires("predicate.builder", Is::Object);
    of.requires("predicate.builder.id", Is::Text(2048));
    of.requires("predicate.buildType", Is::Text(2048));
    dependencies(&mut of, "predicate.materials");
    of.collides("predicate", "predicate.buildType", "buildtype");
    let both = "\"environment\": {\"Actor\": 1, ";
    of.push(
        "build-v02-case-ignored".into(),
        "accept",
        "Objects whose members are not read may have any keys.",
        of.payload.replacen("\"environment\": {", both, 1),
    );
    let v1 = of.payload.replacen("provenance/v0.2", "provenance/v1", 1);
    of.push("build-v02-as-v1".into(), "missing-field", "The version of the provenance says what is read.", v1);
    let v03 = of.payload.replacen("provenance/v0.2", "provenance/v0.1", 1);
    of.push("build-v02-as-v01".into(), "unknown-predicate", "Versions 1 and 0.2 are read.", v03);
    of
}

/// What a build was made from, in both versions.
fn dependencies(of: &mut Of, path: &str) {
    let what = kebab(path).rsplit('-').next().unwrap().to_owned();
    let without = edit::without(&of.payload, path);
    let unset = "What is unset, null or empty is the same, as SLSA demands.";
    of.push(format!("{}-{what}-missing", of.name), "accept", unset, without);
    of.set(&format!("{what}-null"), path, "null", "accept", unset);
    of.set(&format!("{what}-empty"), path, "[]", "accept", unset);
    of.set(&format!("{what}-type"), path, "{\"a\": 1}", "wrong-type", "What went in is an array.");
    let many = |count: usize| format!("[{}]", vec!["{}"; count].join(", "));
    of.set(&format!("{what}-most"), path, &many(256), "accept", "At most 256 things went in.");
    of.beside(&format!("{what}-many"), path, &many(257), "limit", "At most 256 things went in.");
    let git = "git+https://git.example/acme/shield";
    for (end, element, expect, comment) in [
        ("unset", "{\"uri\": \"\", \"digest\": {\"sha256\": null, \"gitCommit\": \"\"}}".into(), "accept", unset),
        ("element-type", "null".into(), "wrong-type", "What went in is an object."),
        ("uri-type", "{\"uri\": 1}".into(), "wrong-type", "A URI is a string."),
        (
            "uri-control-character",
            "{\"uri\": \"a\\tb\"}".into(),
            "control-character",
            "A URI has no control character.",
        ),
        ("uri-long", format!("{{\"uri\": \"{}\"}}", "x".repeat(2049)), "limit", "A URI has at most 2,048 bytes."),
        ("digest-type", "{\"digest\": 7}".into(), "wrong-type", "Digests are an object."),
        (
            "sha256-short",
            format!("{{\"digest\": {{\"sha256\": \"{}\"}}}}", &SHA256[1..]),
            "digest",
            "A SHA-256 is 64 lower-case hex digits.",
        ),
        (
            "git-commit-41",
            format!("{{\"digest\": {{\"gitCommit\": \"{COMMIT}0\"}}}}"),
            "digest",
            "A git commit has 40 or 64 digits.",
        ),
        (
            "git-sha1",
            format!("{{\"uri\": \"{git}\", \"digest\": {{\"sha1\": \"{COMMIT}\"}}}}"),
            "accept",
            "Of a git repository the sha1 is a commit.",
        ),
        (
            "git-sha1-short",
            format!("{{\"uri\": \"{git}\", \"digest\": {{\"sha1\": \"00\"}}}}"),
            "digest",
            "Of a git repository the sha1 is a commit.",
        ),
        (
            "file-sha1",
            "{\"uri\": \"https://dl.example/x\", \"digest\": {\"sha1\": \"00\"}}".into(),
            "accept",
            "Of what is no git repository the sha1 is not read.",
        ),
        (
            "other-digests",
            "{\"digest\": {\"sha512\": \"UPPER\", \"md5\": 1}}".into(),
            "accept",
            "Digests of other algorithms are not read.",
        ),
        (
            "case",
            "{\"uri\": \"x\", \"URI\": \"y\"}".into(),
            "case-colliding-keys",
            "In an object whose members are read no two keys differ by case alone.",
        ),
    ] {
        of.first(&format!("{what}-{end}"), path, &element, expect, comment);
    }
}

fn rebuild() -> Of {
    let mut of =
        Of::new("rebuild", "rebuild", example("rebuild", 0), "What a party found when it built the same again.");
    of.requires("predicate.verifier", Is::Object);
    of.requires("predicate.verifier.id", Is::String);
    party(&mut of, "predicate.verifier.id");
    of.requires("predicate.timeVerified", Is::String);
    let form = "A time is YYYY-MM-DDThh:mm:ssZ, from 1970 on, and 1 to 9 digits of a fraction are dropped.";
    for (what, time) in [("fraction", "2026-11-23T18:20:40.123456789Z"), ("leap-day", "2028-02-29T00:00:00Z")] {
        of.set(&format!("time-{what}"), "predicate.timeVerified", &format!("\"{time}\""), "accept", form);
    }
    for (what, time) in [
        ("offset", "2026-11-23T18:20:40+00:00"),
        ("lower-case", "2026-11-23t18:20:40z"),
        ("space", "2026-11-23 18:20:40Z"),
        ("leap-second", "2026-12-31T23:59:60Z"),
        ("hour-24", "2026-11-23T24:00:00Z"),
        ("no-such-day", "2026-11-31T18:20:40Z"),
        ("no-leap-day", "2027-02-29T18:20:40Z"),
        ("before-1970", "1969-12-31T23:59:59Z"),
        ("year-of-five-digits", "12026-11-23T18:20:40Z"),
        ("empty-fraction", "2026-11-23T18:20:40.Z"),
        ("ten-digits", "2026-11-23T18:20:40.1234567890Z"),
        ("comma", "2026-11-23T18:20:40,5Z"),
        ("no-seconds", "2026-11-23T18:20Z"),
    ] {
        of.set(&format!("time-{what}"), "predicate.timeVerified", &format!("\"{time}\""), "time", form);
    }
    of.requires("predicate.policy", Is::Object);
    of.requires("predicate.policy.uri", Is::String);
    let form = "The policy is urn:glarus:rebuild:v1: and the log's origin.";
    of.set("policy-uri-other", "predicate.policy.uri", "\"https://slsa.dev/policy\"", "policy-uri", form);
    of.set(
        "policy-uri-version",
        "predicate.policy.uri",
        "\"urn:glarus:rebuild:v2:log.acme.example/updates\"",
        "policy-uri",
        form,
    );
    of.set("policy-uri-without-log", "predicate.policy.uri", "\"urn:glarus:rebuild:v1:\"", "empty", form);
    of.set("policy-uri-space", "predicate.policy.uri", "\"urn:glarus:rebuild:v1:log acme\"", "log", form);
    of.requires("predicate.inputAttestations", Is::Array);
    of.set("input-attestations-empty", "predicate.inputAttestations", "[]", "empty", "There is one input, the build.");
    of.first("input-attestations-two", "predicate.inputAttestations", "{}", "limit", "There is one input, the build.");
    of.set(
        "input-attestations-element-type",
        "predicate.inputAttestations",
        "[7]",
        "wrong-type",
        "The one input is an object.",
    );
    of.requires("predicate.inputAttestations[].digest", Is::Object);
    of.requires("predicate.inputAttestations[].digest.sha256", Is::String);
    of.digest("predicate.inputAttestations[].digest.sha256");
    of.requires("predicate.verificationResult", Is::String);
    of.word("predicate.verificationResult", &["PASSED", "FAILED"], "PASSED or FAILED", "passed");
    let without = edit::without(&of.payload, "predicate.rebuilt");
    of.push("rebuild-rebuilt-missing".into(), "accept", "What was made may be left out.", without);
    of.list("predicate.rebuilt", (0, 256), &subject);
    of.set("rebuilt-null", "predicate.rebuilt", "null", "wrong-type", "What was made is an array, if it is there.");
    let twin = format!("{{\"name\": \"shield-7.2.0.pkg\", \"digest\": {{\"sha256\": \"{BUILD}\"}}}}");
    of.first("rebuilt-name-repeated", "predicate.rebuilt", &twin, "repeated", "No two files made have one name.");
    of.first(
        "rebuilt-without-digest",
        "predicate.rebuilt",
        "{\"name\": \"x\", \"digest\": {}}",
        "missing-field",
        "What was made has the form of subjects.",
    );
    for member in ["predicate.resourceUri", "predicate.verifiedLevels"] {
        let payload = edit::without(&of.payload, member);
        let name = format!("rebuild-{}-missing", kebab(member));
        of.push(name, "accept", "What SLSA requires and nobody reads here may be missing.", payload);
    }
    of.collides("verifier", "predicate.verifier.id", "Id");
    of
}

/// A party, in a member.
fn party(of: &mut Of, path: &str) {
    for (what, party) in [
        ("slash", "https://rebuild.example.ch/"),
        ("port", "https://rebuild.example.ch:443"),
        ("upper-case", "https://Rebuild.example.ch"),
        ("http", "http://rebuild.example.ch"),
        ("namespace-of-products", "pkg:generic/acme/"),
        ("root", "*"),
    ] {
        let comment = "A party is https:// and a lower-case DNS name.";
        of.set(&format!("party-{what}"), path, &format!("\"{party}\""), "namespace", comment);
    }
}

fn withdrawal() -> Of {
    let comment = "That updates must not be installed any more.";
    let mut of = Of::new("withdrawal", "withdrawal", example("withdrawal", 0), comment);
    of.requires("predicate.log", Is::String);
    of.requires("predicate.updates", Is::Array);
    of.list("predicate.updates", (1, 64), &id);
    let named = edit::value(&of.payload, "predicate.updates").trim_matches(|c| "[] \n".contains(c)).to_owned();
    of.repeated("predicate.updates", &named);
    of.first("updates-element-type", "predicate.updates", "1", "wrong-type", "An id is a string.");
    of.first("updates-short", "predicate.updates", "\"00\"", "digest", "An id is 64 lower-case hex digits.");
    of.requires("predicate.reason", Is::Text(1024));
    of.set("reason-two-lines", "predicate.reason", "\"a\\nb\"", "control-character", "The reason is one line.");
    of.requires("predicate.severity", Is::String);
    of.word("predicate.severity", &["low", "medium", "high", "critical"], "low, medium, high or critical", "none");
    of.requires("predicate.replacement", Is::StringOrNull);
    of.set("replacement-null", "predicate.replacement", "null", "accept", "There may be no replacement.");
    of.set("replacement-empty", "predicate.replacement", "\"\"", "digest", "A replacement is an id, or null.");
    of.set(
        "replacement-withdrawn",
        "predicate.replacement",
        &named,
        "replacement",
        "The replacement is none of the updates withdrawn.",
    );
    of
}

fn review() -> Of {
    let mut of = Of::new("review", "review", example("review", 0), "What a party found when it looked at a source.");
    of.requires("predicate.log", Is::String);
    of.requires("predicate.of", Is::String);
    of.digest("predicate.of");
    of.requires("predicate.party", Is::String);
    party(&mut of, "predicate.party");
    of.requires("predicate.what", Is::String);
    of.word("predicate.what", &["held", "examined"], "held, examined or policy", "Held");
    of.set(
        "what-policy",
        "predicate.what",
        "\"policy\"",
        "subject",
        "A review of a policy is about the log, not about archives.",
    );
    of.requires("predicate.outcome", Is::String);
    of.word("predicate.outcome", &["confirmed", "contradicted"], "confirmed or contradicted", "denied");
    of.requires("predicate.time", Is::Number);
    integers(&mut of, "time", "predicate.time");
    of.requires("predicate.centre", Is::Text(255));
    let log = "log.acme.example/updates";
    let subject = format!("[{{\"name\": \"{log}\", \"digest\": {{\"sha256\": \"{}\"}}}}]", Digest::of(log.as_bytes()));
    let payload = edit::set(&edit::set(&of.payload, "predicate.what", "\"policy\""), "subject", &subject);
    of.push("review-of-a-policy".into(), "accept", "The subject of a review of a policy is the log.", payload);
    of
}

/// An integer of a member.
fn integers(of: &mut Of, what: &str, path: &str) {
    let form = "An integer is from 0 to 2^53 - 1, in digits alone.";
    for (end, number) in
        [("fraction", "1795458040.5"), ("negative", "-1"), ("exponent", "1e9"), ("2-to-the-53", "9007199254740992")]
    {
        of.set(&format!("{what}-{end}"), path, number, "integer", form);
    }
}

/// The one subject is the thing that the record names.
fn named(of: &mut Of, thing: &str) {
    let comment = format!("The one subject is {thing}, with the SHA-256 of its name.");
    let other = "\"another\"";
    of.set("subject-name-other", "subject[].name", other, "subject", &comment);
    of.set("subject-digest-other", "subject[].digest.sha256", &format!("\"{SHA256}\""), "subject", &comment);
    of.first("subject-second", "subject", &subject(1), "subject", &comment);
}

fn policy() -> Of {
    let comment = "Whose cosignatures the log's checkpoints need.";
    let mut of = Of::new("policy", "policy", example("policy", 0), comment);
    named(&mut of, "the log");
    of.requires("predicate.log", Is::String);
    of.requires("predicate.epoch", Is::Number);
    integers(&mut of, "epoch", "predicate.epoch");
    of.requires("predicate.previous", Is::StringOrNull);
    of.digest("predicate.previous");
    epochs(&mut of);
    of.requires("predicate.policy", Is::String);
    for (what, text, comment) in [
        ("empty", "", "The text is a policy, which has a quorum line."),
        ("quorum-unknown", "quorum some\\n", "The text is a policy, whose quorum is a name that it gives."),
        ("no-final-newline", "quorum none", "The text is a policy, whose last line ends in newline."),
        ("crlf", "quorum none\\r\\n", "The text is a policy, which has no CR."),
    ] {
        of.set(&format!("text-{what}"), "predicate.policy", &format!("\"{text}\""), "policy", comment);
    }
    of.set(
        "text-quorum-none",
        "predicate.policy",
        "\"quorum none\\n\"",
        "accept",
        "The text must be a policy, no more.",
    );
    of
}

/// Epoch 0 has no previous one, and every other has one.
fn epochs(of: &mut Of) {
    let rule = "The id of the epoch before is null in epoch 0, and only there.";
    of.set("previous-null", "predicate.previous", "null", "previous", rule);
    of.set("previous-in-epoch-0", "predicate.epoch", "0", "previous", rule);
    let payload = edit::set(&edit::set(&of.payload, "predicate.epoch", "0"), "predicate.previous", "null");
    of.push(format!("{}-epoch-0", of.name), "accept", rule, payload);
}

fn access() -> Of {
    let comment = "That somebody may look into a store of data for a time, and for what.";
    let mut of = Of::new("access", "access", example("access", 0), comment);
    named(&mut of, "the store");
    of.requires("predicate.log", Is::String);
    of.requires("predicate.namespace", Is::String);
    for (what, namespace) in [("no-slash", "pkg:generic/acme"), ("party", "https://acme.example"), ("root", "*")] {
        let comment = "The namespace is one of products.";
        of.set(&format!("namespace-{what}"), "predicate.namespace", &format!("\"{namespace}\""), "namespace", comment);
    }
    of.requires("predicate.store", Is::String);
    of.requires("predicate.purpose", Is::Text(1024));
    of.requires("predicate.from", Is::Number);
    integers(&mut of, "from", "predicate.from");
    of.requires("predicate.until", Is::Number);
    let from = edit::value(&of.payload, "predicate.from").to_owned();
    of.set("until-from", "predicate.until", &from, "accept", "The end is not before the beginning.");
    of.set("until-before-from", "predicate.until", "1795458039", "interval", "The end is not before the beginning.");
    of.requires("predicate.commitment", Is::String);
    of.digest("predicate.commitment");
    of
}

/// The predicate is the chapter `authority`'s.
fn authority() -> Of {
    let comment = "Who may log what in a namespace.";
    let mut of = Of::new("authority", "authority", example("authority", 0), comment);
    named(&mut of, "the namespace");
    let subject = "\"digest\": {\"sha512\": \"00\", ";
    let more = of.payload.replacen("\"digest\": {", subject, 1);
    of.push("authority-subject-sha512".into(), "accept", "The one subject may have further digests.", more);
    of
}

/// A payload in an envelope with a signature that is none.
fn bare(payload: &[u8]) -> String {
    envelope(&base64(payload), r#"{"sig":"AAAA"}"#)
}

/// An envelope, its members in an order that the entry has not.
fn envelope(payload: &str, signatures: &str) -> String {
    format!(r#"{{"payloadType":"{PAYLOAD_TYPE}","payload":"{payload}","signatures":[{signatures}]}}"#)
}

/// The update of the chapter, in few bytes, signed by two keys of the vendor: its payload, and its signatures by keyid.
fn signed_update() -> (String, Vec<(Digest, Vec<u8>)>) {
    let payload = Statement::parse(example("update", 0).as_bytes()).unwrap().to_json();
    let pae = record::pae(payload.as_bytes());
    let sign = |seed: u8| {
        let key = SecretKey::from_seed(Algorithm::Ed25519, &[seed; 32]).unwrap();
        (key.public().keyid(), key.sign(&pae, &[0; 32]))
    };
    let mut signatures = vec![sign(13), sign(14)];
    signatures.sort();
    (payload, signatures)
}

/// A vector whose body is a submission or an entry that is accepted, with what the header says of it.
fn accepted(name: &str, format: &str, section: &str, comment: &str, body: &str) -> Vector {
    let record = Record::parse_submission(body.as_bytes()).unwrap_or_else(|error| panic!("{name}: {error}"));
    let keyid = |one: &EnvelopeSignature| one.keyid.map_or("none".into(), |keyid| keyid.to_string());
    Vector::accept(name, &format!("{SPEC}#{section}"), comment, body)
        .with("kind", record.kind().name())
        .with("id", record.id)
        .with_all("keyid", record.signatures.iter().map(keyid))
        .with("format", format)
}

const AROUND: &str = "submission-and-entry";

fn submissions() -> Vec<Vector> {
    let (payload, signatures) = signed_update();
    let (text, sig) = (base64(payload.as_bytes()), base64(&signatures[0].1));
    let keyid = signatures[0].0.to_string();
    let one = format!(r#"{{"keyid":"{keyid}","sig":"{sig}"}}"#);
    let good = envelope(&text, &one);
    let accept = |name: &str, comment: &str, body: &str| accepted(name, "submission", AROUND, comment, body);
    let refuse = |name: &str, expect: &str, comment: &str, body: &str| {
        let vector = Vector::refuse(name, "submission", expect, &format!("{SPEC}#{AROUND}"), comment, body);
        vector.with("status", if expect == "too-large" { 413 } else { 400 }).with("format", "submission")
    };
    let with = |from: &str, to: &str| {
        assert!(good.contains(from), "{from} is not in {good}");
        good.replacen(from, to, 1)
    };
    let sig_is = |sig: &str| envelope(&text, &format!(r#"{{"sig":"{sig}"}}"#));
    let sigs = |count: usize| vec![r#"{"sig":"AAAA"}"#; count].join(",");
    let named = payload.replace("shield-7.2.0.pkg", "???>>>\u{ff}\u{ff}");
    let bundle = |media_type: &str, member: &str| {
        let material = r#"{"certificate":{"rawBytes":"AAAA"},"tlogEntries":[{"logIndex":"1"}]}"#;
        format!(r#"{{"mediaType":"{media_type}","verificationMaterial":{material},"{member}":{good}}}"#)
    };
    let (sigstore, large) = ("application/vnd.dev.sigstore.bundle", payload.clone() + &" ".repeat(48_912));
    let (p256, high) = p256(&record::pae(payload.as_bytes()));
    let base64_rule = "Base64 is padded, of one alphabet, and its stray bits are zero.";
    vec![
        accept("submission", "A submission is any DSSE envelope, whatever the order of its members.", &good),
        accept(
            "submission-white-space",
            "White space between the parts of JSON says nothing.",
            &with("\"signatures\":", " \n\"signatures\" : "),
        ),
        accept(
            "submission-more-members",
            "Members that are not DSSE's are ignored.",
            &with("\"payload\":", "\"extra\":{\"a\":1,\"A\":2},\"payload\":"),
        ),
        accept(
            "submission-more-in-a-signature",
            "Members of a signature that are not DSSE's are ignored.",
            &with("\"sig\":", "\"cert\":\"…\",\"sig\":"),
        ),
        accept("submission-keyid-missing", "A signature need not name its key.", &sig_is(&sig)),
        accept("submission-keyid-empty", "An empty keyid names no key, as cosign writes it.", &with(&keyid, "")),
        accept(
            "submission-keyid-foreign",
            "A keyid that is no SHA-256 names no key.",
            &with(&keyid, "SHA256:jl3bwswu80PjjokCgh0o2w5c2U4LhQAE57gj9cz1kzA"),
        ),
        accept(
            "submission-keyid-upper-case",
            "A keyid that is not in lower case names no key.",
            &with(&keyid, &keyid.to_uppercase()),
        ),
        accept(
            "submission-payload-url-safe",
            "The payload is base64 of either alphabet.",
            &envelope(&url_safe(&base64(named.as_bytes())), &one),
        ),
        accept("submission-sig-url-safe", "A signature is base64 of either alphabet.", &sig_is("_-8=")),
        accept(
            "submission-sig-empty",
            "What a signature is worth is decided later, so it may have no bytes.",
            &sig_is(""),
        ),
        accept("submission-sixteen-signatures", "A record has 1 to 16 signatures.", &envelope(&text, &sigs(16))),
        accept(
            "submission-two-of-a-key",
            "A key may have signed twice, of which the entry keeps one.",
            &envelope(&text, &format!("{one},{one}")),
        ),
        accept("submission-p256", "The signature of a P-256 key is in DER.", &sig_is(&base64(&p256))),
        accept(
            "submission-p256-high-s",
            "A P-256 signature may have a high s, as cosign, services and tokens make them.",
            &sig_is(&base64(&high)),
        ),
        accept(
            "submission-media-type",
            "An envelope may have a media type of its own.",
            &with("{", "{\"mediaType\":\"application/vnd.dsse.envelope.v1+json\","),
        ),
        accept(
            "submission-sigstore-bundle",
            "A Sigstore bundle is a submission, and its envelope is read.",
            &bundle(&format!("{sigstore}.v0.3+json"), "dsseEnvelope"),
        ),
        accept(
            "submission-sigstore-bundle-v0-1",
            "A Sigstore bundle may be of any version.",
            &bundle(&format!("{sigstore}+json;version=0.1"), "dsseEnvelope"),
        ),
        accept(
            "submission-provenance-v02",
            "Provenance as hosted generators write it is a submission.",
            &bare(example("build", 1).as_bytes()),
        ),
        refuse("submission-empty", "not-json", "A submission is one JSON value.", ""),
        refuse("submission-twice", "not-json", "A submission is one JSON value.", &format!("{good}{good}")),
        refuse("submission-no-object", "wrong-type", "A submission is an object.", "[]"),
        refuse(
            "submission-without-payload",
            "missing-field",
            "An envelope has a payload.",
            &edit::without(&good, "payload"),
        ),
        refuse(
            "submission-payload-number",
            "wrong-type",
            "The payload is a string.",
            &edit::set(&good, "payload", "7"),
        ),
        refuse(
            "submission-payload-type-number",
            "wrong-type",
            "The payload type is a string.",
            &edit::set(&good, "payloadType", "7"),
        ),
        refuse("submission-payload-unpadded", "wrong-base64", base64_rule, &envelope(bare_of_padding(&text), &one)),
        refuse("submission-payload-empty", "not-json", "The payload is one JSON value.", &envelope("", &one)),
        refuse(
            "submission-payload-no-statement",
            "missing-field",
            "The payload is a statement.",
            &envelope("e30=", &one),
        ),
        refuse(
            "submission-without-payload-type",
            "missing-field",
            "An envelope has a payload type.",
            &edit::without(&good, "payloadType"),
        ),
        refuse(
            "submission-other-payload-type",
            "payload-type",
            "The payload type is that of in-toto.",
            &with("in-toto+json", "in-toto+xml"),
        ),
        refuse(
            "submission-without-signatures",
            "missing-field",
            "An envelope has signatures.",
            &edit::without(&good, "signatures"),
        ),
        refuse("submission-no-signature", "empty", "A record has 1 to 16 signatures.", &envelope(&text, "")),
        refuse(
            "submission-seventeen-signatures",
            "limit",
            "A record has 1 to 16 signatures.",
            &envelope(&text, &sigs(17)),
        ),
        refuse(
            "submission-signatures-object",
            "wrong-type",
            "The signatures are an array.",
            &edit::set(&good, "signatures", "{}"),
        ),
        refuse("submission-signature-null", "wrong-type", "A signature is an object.", &envelope(&text, "null")),
        refuse("submission-without-sig", "missing-field", "A signature has bytes.", &envelope(&text, "{}")),
        refuse(
            "submission-sig-number",
            "wrong-type",
            "The bytes of a signature are a string.",
            &envelope(&text, r#"{"sig":1}"#),
        ),
        refuse(
            "submission-keyid-number",
            "wrong-type",
            "A keyid is a string.",
            &envelope(&text, r#"{"sig":"","keyid":1}"#),
        ),
        refuse("submission-sig-unpadded", "wrong-base64", base64_rule, &sig_is(sig.trim_end_matches('='))),
        refuse("submission-sig-trailing-bits", "wrong-base64", base64_rule, &sig_is(&trailing_bit(&sig))),
        refuse("submission-sig-both-alphabets", "wrong-base64", base64_rule, &sig_is("/_8=")),
        refuse("submission-sig-white-space", "wrong-base64", base64_rule, &sig_is("AA AA")),
        refuse(
            "submission-duplicate-key",
            "duplicate-key",
            "No key stands twice in an object, escapes resolved.",
            &with("\"payload\":", "\"\\u0070ayload\":\"\",\"payload\":"),
        ),
        refuse(
            "submission-case",
            "case-colliding-keys",
            "In an object whose members are read no two keys differ by case alone.",
            &with("\"payload\":", "\"Payload\":\"\",\"payload\":"),
        ),
        refuse(
            "submission-signature-case",
            "case-colliding-keys",
            "In an object whose members are read no two keys differ by case alone.",
            &with("\"sig\":", "\"SIG\":\"\",\"sig\":"),
        ),
        refuse(
            "submission-bundle-of-a-message",
            "missing-field",
            "A Sigstore bundle is read for its envelope.",
            &bundle(&format!("{sigstore}.v0.3+json"), "messageSignature"),
        ),
        refuse(
            "submission-other-bundle",
            "missing-field",
            "What is no Sigstore bundle is an envelope.",
            &bundle("application/vnd.example.bundle+json", "dsseEnvelope"),
        ),
        refuse(
            "submission-too-large",
            "too-large",
            "A submission has at most 131,072 bytes.",
            &(good.clone() + &" ".repeat(MAX_SUBMISSION_BYTES + 1 - good.len())),
        ),
        refuse(
            "submission-of-no-entry",
            "too-large",
            "An entry has at most 65,535 bytes, in which the payload takes four for three.",
            &envelope(&base64(large.as_bytes()), &one),
        ),
    ]
}

fn bare_of_padding(text: &str) -> &str {
    let bare = text.trim_end_matches('=');
    assert_ne!(bare, text, "there is no padding");
    bare
}

/// A signature by a P-256 key over the message, with low and with high s.
fn p256(message: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let key = SecretKey::from_seed(Algorithm::EcdsaP256Sha256, &[13; 32]).unwrap();
    let low = key.sign(message, &[0; 32]);
    let high = super::keys::high_s(&low);
    (low, high)
}

fn entries() -> Vec<Vector> {
    let (payload, signatures) = signed_update();
    let good = String::from_utf8(record::envelope(payload.as_bytes(), &signatures).unwrap()).unwrap();
    let mut vectors: Vec<_> = ["authority", "source", "build", "rebuild", "withdrawal", "review", "policy", "access"]
        .into_iter()
        .map(|kind| {
            let payload = Statement::parse(example(kind, 0).as_bytes()).unwrap().to_json();
            let entry = record::envelope(payload.as_bytes(), &signatures[..1]).unwrap();
            let comment = format!("A record of kind {kind} as it stands in the log, its signature another record's.");
            accepted(&format!("entry-{kind}"), "entry", AROUND, &comment, std::str::from_utf8(&entry).unwrap())
        })
        .collect();
    let comment = "An update as it stands in the log, signed by two keys, sorted by their keyids.";
    vectors.push(accepted("entry-update", "entry", AROUND, comment, &good));
    let older = record::envelope(example("build", 1).as_bytes(), &signatures[..1]).unwrap();
    let comment = "The payload stays as its signer made it, here an older Provenance with white space.";
    vectors.push(accepted("entry-build-v02", "entry", AROUND, comment, std::str::from_utf8(&older).unwrap()));
    let refuse = |name: &str, expect: &str, comment: &str, body: &str| {
        let vector = Vector::refuse(name, "entry-update", expect, &format!("{SPEC}#{AROUND}"), comment, body);
        vector.with("status", if expect == "too-large" { 413 } else { 400 }).with("format", "entry")
    };
    let with = |from: &str, to: &str| {
        assert!(good.contains(from), "{from} is not in {good}");
        good.replacen(from, to, 1)
    };
    let (keyid, sig) = (signatures[0].0.to_string(), base64(&signatures[0].1));
    let one = |at: usize| format!(r#"{{"keyid":"{}","sig":"{}"}}"#, signatures[at].0, base64(&signatures[at].1));
    let both = format!("{},{}", one(0), one(1));
    let form = "An entry has one form, without white space.";
    let order = "Members stand in one order.";
    let not_canonical = [
        ("space-before", form, format!(" {good}")),
        ("space-within", form, with("\"payload\":", "\"payload\": ")),
        ("newline-at-end", form, format!("{good}\n")),
        ("more-members", "An entry has no members but its own.", with("]}", "],\"x\":1}")),
        ("escape", "Strings of an entry have no escapes.", with("payloadType", "payload\\u0054ype")),
        (
            "order-of-members",
            order,
            with("{\"payload\":", &format!("{{\"payloadType\":\"{PAYLOAD_TYPE}\",\"payload\":")).replacen(
                &format!("\",\"payloadType\":\"{PAYLOAD_TYPE}\",\"signatures\""),
                "\",\"signatures\"",
                1,
            ),
        ),
        ("order-in-a-signature", order, with(&one(0), &format!(r#"{{"sig":"{sig}","keyid":"{keyid}"}}"#))),
        ("order-of-signatures", "Signatures are sorted by keyid.", with(&both, &format!("{},{}", one(1), one(0)))),
        ("key-twice", "A key has one signature in an entry.", with(&both, &format!("{},{}", one(0), one(0)))),
        ("keyid-missing", "A signature of an entry names its key.", with(&format!("\"keyid\":\"{keyid}\","), "")),
        ("keyid-empty", "A signature of an entry names its key.", with(&keyid, "")),
        ("keyid-upper-case", "A keyid is in lower case.", with(&keyid, &keyid.to_uppercase())),
        ("url-safe", "An entry has base64 of the standard alphabet.", with(&sig, &url_safe(&sig))),
        (
            "sigstore-bundle",
            "An entry is an envelope alone.",
            format!(r#"{{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","dsseEnvelope":{good}}}"#),
        ),
    ];
    for (what, comment, body) in not_canonical {
        vectors.push(refuse(&format!("entry-{what}"), "not-canonical", comment, &body));
    }
    vectors.push(refuse("entry-no-signature", "empty", "A record has 1 to 16 signatures.", &with(&both, "")));
    vectors.push(refuse("entry-cut", "not-json", "An entry is whole.", &good[..good.len() - 1]));
    let long = good.clone() + &" ".repeat(record::MAX_ENTRY_BYTES + 1 - good.len());
    vectors.push(refuse("entry-too-large", "too-large", "An entry has at most 65,535 bytes.", &long));
    vectors
}

fn files() -> Vec<Vector> {
    let (payload, signatures) = signed_update();
    let update = String::from_utf8(record::envelope(payload.as_bytes(), &signatures).unwrap()).unwrap();
    let build = bare(Statement::parse(example("build", 0).as_bytes()).unwrap().to_json().as_bytes());
    let bundle = format!(r#"{{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","dsseEnvelope":{build}}}"#);
    let accept = |name: &str, comment: &str, body: &str, of: &[&str]| {
        let ids = of.iter().map(|one| Record::parse_submission(one.as_bytes()).unwrap().id);
        Vector::accept(name, &format!("{SPEC}#{AROUND}"), comment, body).with_all("id", ids).with("format", "file")
    };
    let refuse = |name: &str, expect: &str, comment: &str, body: &str| {
        let vector = Vector::refuse(name, "file-lines", expect, &format!("{SPEC}#{AROUND}"), comment, body);
        vector.with("status", 400).with("format", "file")
    };
    let broken = update.replace(",\"", ",\n\"");
    vec![
        accept(
            "file-lines",
            "A file whose first line is an object has a submission a line, as .intoto.jsonl files have.",
            &format!("{update}\n{bundle}\n"),
            &[&update, &bundle],
        ),
        accept(
            "file-blank-lines",
            "Lines of white space alone are no submissions, and a CR is white space.",
            &format!("\n{update}\r\n \n\n{build}"),
            &[&update, &build],
        ),
        accept("file-one", "A file may be one submission without a newline at its end.", &update, &[&update]),
        accept("file-several-lines", "A file whose first line is no object is one submission.", &broken, &[&update]),
        refuse("file-empty", "empty", "A file has a submission at least.", ""),
        refuse("file-blank", "empty", "A file has a submission at least.", " \n\r\n"),
        refuse("file-many", "limit", "A file has at most 4,096 submissions.", &"{}\n".repeat(4_097)),
    ]
}

fn manifests() -> Vec<Vector> {
    let spec = &format!("{SPEC}#manifests");
    let accept = |name: &str, files: usize, comment: &str, body: &str| {
        Vector::accept(name, spec, comment, body).with("files", files).with("format", "manifest")
    };
    let refuse = |name: &str, expect: &str, comment: &str, body: &[u8]| {
        Vector::refuse(name, "manifest", expect, spec, comment, body).with("format", "manifest")
    };
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let line = |size: &str, path: &str| format!("{empty}  {size}  {path}\n");
    let good = format!("{}{}", line("0", "db/empty.sig"), line("7", "db/main.sig"));
    let form = "A line is a SHA-256, a size and a path, with two spaces between them.";
    let mut vectors = vec![
        accept("manifest", 2, "A line a file, sorted by path.", &good),
        accept("manifest-largest-size", 1, "A size is below 2^64.", &line("18446744073709551615", "a")),
        accept("manifest-path-longest", 1, "A path has at most 1,024 bytes.", &line("0", &"x".repeat(1_024))),
        accept(
            "manifest-odd-paths",
            3,
            "Spaces, dots within a name and letters beyond ASCII may stand in a path.",
            &[line("0", " a"), line("0", "a/..."), line("0", "é  b")].concat(),
        ),
        refuse("manifest-empty", "manifest-empty", "A manifest has a file at least.", b""),
        refuse(
            "manifest-not-utf-8",
            "manifest-not-utf8",
            "A manifest is UTF-8.",
            &[line("0", "a").as_bytes(), b"\xff\n"].concat(),
        ),
        refuse(
            "manifest-no-final-newline",
            "manifest-unterminated",
            "Each line ends in a newline.",
            good.trim_end().as_bytes(),
        ),
        refuse(
            "manifest-order",
            "manifest-order",
            "The lines are sorted by path, as bytes.",
            format!("{}{}", line("7", "b"), line("0", "a")).as_bytes(),
        ),
        refuse(
            "manifest-path-twice",
            "manifest-order",
            "No path is there twice.",
            format!("{}{}", line("7", "a"), line("0", "a")).as_bytes(),
        ),
    ];
    for (what, text) in [
        ("one-space", format!("{empty} 0  a\n")),
        ("upper-case", line("0", "a").to_uppercase()),
        ("size-007", line("007", "a")),
        ("size-plus", line("+7", "a")),
        ("size-2-to-the-64", line("18446744073709551616", "a")),
        ("no-path", format!("{empty}  0\n")),
        ("blank-line", format!("\n{}", line("0", "a"))),
    ] {
        vectors.push(refuse(&format!("manifest-{what}"), "manifest-line", form, text.as_bytes()));
    }
    for (what, path, comment) in [
        ("absolute", "/a", "A path is relative."),
        ("empty", "", "A path is not empty."),
        ("slash-at-end", "a/", "No segment of a path is empty."),
        ("dot", "./a", "No segment of a path is a dot."),
        ("parent", "a/../b", "No segment of a path is two dots."),
        ("backslash", "a\\b", "A path has no backslash."),
        ("control-character", "a\tb", "A path has no control character."),
        ("drive", "C:/a", "A path does not begin with a drive."),
    ] {
        vectors.push(refuse(&format!("manifest-path-{what}"), "manifest-path", comment, line("0", path).as_bytes()));
    }
    let long = line("0", &"x".repeat(1_025));
    vectors.push(refuse("manifest-path-long", "manifest-path", "A path has at most 1,024 bytes.", long.as_bytes()));
    vectors
}
