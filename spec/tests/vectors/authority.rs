//! Authorities: the predicate of the record, namespaces, and whose signatures count for a role.

use super::edit;
use super::format::{Vector, base64, trailing_bit};
use super::keys::{add_group_order, high_s, small_order_r};
use spec::authority::{Algorithm, Authority, Distrust, KeyError, Namespace, PublicKey, Role, RoleName, SecretKey};
use spec::json;
use spec::record::{Digest, EnvelopeSignature, RecordError, pae};
use std::collections::BTreeMap;

const SPEC: &str = "https://github.com/glarus/glarus/blob/main/spec/authority.md";
const LOG: &str = "log.acme.example/updates";
const ACME: &str = "pkg:generic/acme/";
const PARTY: &str = "https://rebuild.example.ch";

pub fn run(vector: &Vector) -> String {
    match vector.get("format") {
        "predicate" => match parse(&vector.body) {
            Ok(authority) => {
                assert_eq!(parse(authority.to_json().as_bytes()).as_ref(), Ok(&authority), "{}", vector.name);
                assert_eq!(authority.namespace.as_str(), vector.get("namespace"), "{}", vector.name);
                assert_eq!(authority.epoch, vector.number("epoch"), "{}", vector.name);
                "accept"
            }
            Err(error) => {
                assert_eq!(vector.number("status"), u64::from(error.status()), "{}", vector.name);
                error.name()
            }
        },
        "namespace" => match Namespace::parse(vector.text()) {
            Ok(namespace) => {
                let prefixes: Vec<_> = namespace.prefixes().collect();
                assert_eq!(prefixes, vector.all("prefix").collect::<Vec<_>>(), "{}", vector.name);
                "accept"
            }
            Err(_) => "namespace",
        },
        "signatures" => signatures(vector),
        other => panic!("{}: format {other}", vector.name),
    }
    .into()
}

/// Who of a role signed, and whether that suffices at the index.
fn signatures(vector: &Vector) -> &'static str {
    let authority = parse(&vector.body).unwrap();
    let role = RoleName::from_name(vector.get("role")).unwrap();
    let pae = pae(&vector.base64("payload-base64"));
    let one = |line: &str| {
        let (keyid, sig) = line.split_once(' ').unwrap_or((line, ""));
        EnvelopeSignature { keyid: Digest::parse(keyid), sig: super::format::unbase64(sig).unwrap() }
    };
    let signatures: Vec<_> = vector.all("signature").map(one).collect();
    let signers = authority.signers(role, &pae, &signatures, &|_, _| None);
    let names = |signers: &[(Digest, Vec<u8>)]| signers.iter().map(|(id, _)| id.to_string()).collect::<Vec<_>>();
    assert_eq!(names(&signers), vector.all("signer").collect::<Vec<_>>(), "{}", vector.name);
    // In the entry each has its one form, which verifies again by the key that it names.
    let again = signers.iter().map(|(keyid, sig)| EnvelopeSignature { keyid: Some(*keyid), sig: sig.clone() });
    assert_eq!(authority.signers(role, &pae, &again.collect::<Vec<_>>(), &|_, _| None), signers);
    match authority.meets(role, &signers, vector.number("index")) {
        Ok(()) => "accept",
        Err(few) => {
            let (have, need) = (vector.number("have"), vector.number("need"));
            assert_eq!((few.have, few.need), (have, need), "{}", vector.name);
            "threshold-not-met"
        }
    }
}

fn parse(predicate: &[u8]) -> Result<Authority, RecordError> {
    Authority::parse(json::parse(predicate).unwrap().object().unwrap())
}

/// Why a predicate is refused.
pub fn error(vector: &Vector) -> RecordError {
    parse(&vector.body).unwrap_err()
}

/// Namespaces have one form. A predicate itself comes back, if what it says can be written and read.
pub fn accepts(vector: &Vector, text: &[u8]) -> Option<Vec<u8>> {
    match vector.get("format") {
        "namespace" => Some(Namespace::parse(std::str::from_utf8(text).ok()?).ok()?.as_str().into()),
        "predicate" => {
            let authority = Authority::parse(json::parse(text).ok()?.object()?).ok()?;
            (parse(authority.to_json().as_bytes()) == Ok(authority)).then(|| text.to_vec())
        }
        _ => None,
    }
}

pub fn make() -> Vec<Vector> {
    [accepted(), members(), keys(), roles(), distrust(), namespaces(), counted(), not_counted(), strict()].concat()
}

fn key(seed: u8) -> SecretKey {
    of(Algorithm::Ed25519, seed)
}

fn of(algorithm: Algorithm, seed: u8) -> SecretKey {
    SecretKey::from_seed(algorithm, &[seed; 32]).unwrap()
}

fn keyid(seed: u8) -> Digest {
    key(seed).public().keyid()
}

/// An authority with these roles: name, threshold and keys.
fn authority(namespace: &str, epoch: u64, roles: &[(RoleName, u64, &[&PublicKey])]) -> Authority {
    let mut authority = Authority {
        log: LOG.into(),
        namespace: Namespace::parse(namespace).unwrap(),
        epoch,
        previous: (epoch > 0).then_some(Digest([0xab; 32])),
        keys: BTreeMap::new(),
        roles: BTreeMap::new(),
        distrust: Vec::new(),
        allow_git_commit: false,
    };
    for (name, threshold, keys) in roles {
        let mut keyids: Vec<_> = keys.iter().map(|key| key.keyid()).collect();
        keyids.sort();
        authority.keys.extend(keys.iter().map(|key| (key.keyid(), (*key).clone())));
        authority.roles.insert(*name, Role { threshold: *threshold, keyids });
    }
    authority
}

/// A vendor: keys 1 to 3 are its authority, two of them a quorum, and 1 to 3 sign updates likewise; 4 signs sources and
/// builds.
fn vendor(epoch: u64) -> Authority {
    use RoleName::{Authority, Build, Source, Update};
    let keys: Vec<_> = (1..=4).map(key).collect();
    let three: Vec<_> = keys[..3].iter().map(SecretKey::public).collect();
    let fourth = [keys[3].public()];
    authority(ACME, epoch, &[(Authority, 2, &three), (Source, 1, &fourth), (Build, 1, &fourth), (Update, 2, &three)])
}

fn distrusting() -> Authority {
    let line = |seed, from_index| Distrust { keyid: keyid(seed), from_index };
    Authority { distrust: vec![line(1, 700), line(9, 30)], ..vendor(1) }
}

fn text(authority: &Authority) -> String {
    edit::pretty(&authority.to_json())
}

fn accept(name: &str, section: &str, comment: &str, body: &str) -> Vector {
    let authority = parse(body.as_bytes()).unwrap_or_else(|error| panic!("{name}: {error}"));
    Vector::accept(name, &format!("{SPEC}#{section}"), comment, body)
        .with("format", "predicate")
        .with("namespace", authority.namespace)
        .with("epoch", authority.epoch)
}

fn refuse(name: &str, sibling: &str, expect: &str, section: &str, comment: &str, body: &str) -> Vector {
    let vector = Vector::refuse(name, sibling, expect, &format!("{SPEC}#{section}"), comment, body);
    vector.with("status", 400).with("format", "predicate")
}

const NAMESPACES: &str = "namespaces-and-roles";
const MEMBERS: &str = "members";

fn accepted() -> Vec<Vector> {
    use RoleName::{Access, Authority as Own, Build, Rebuild, Review, Root, Source, Update, Withdraw};
    let (ed25519, p256, ml_dsa) = (key(1), of(Algorithm::EcdsaP256Sha256, 1), of(Algorithm::MlDsa44, 1));
    let three = [ed25519.public(), p256.public(), ml_dsa.public()];
    let one = &[ed25519.public()];
    let keys: Vec<_> = (1..=32).map(key).collect();
    let many: Vec<_> = keys.iter().map(SecretKey::public).collect();
    let all: Vec<_> = [Own, Source, Build, Update, Withdraw, Access].map(|role| (role, 1, &one[..])).into();
    let commits = Authority { allow_git_commit: true, ..vendor(0) };
    vec![
        accept("vendor", "members", "The first epoch of a vendor's namespace.", &text(&vendor(0))),
        accept(
            "root",
            NAMESPACES,
            "The namespace of the log itself has the role root alone.",
            &text(&authority("*", 0, &[(Root, 1, one)])),
        ),
        accept(
            "party",
            NAMESPACES,
            "A party rebuilds and reviews.",
            &text(&authority(PARTY, 0, &[(Own, 1, one), (Rebuild, 1, one), (Review, 1, one)])),
        ),
        accept(
            "all-roles",
            NAMESPACES,
            "A namespace of products has six roles.",
            &text(&authority("pkg:generic/", 0, &all)),
        ),
        accept(
            "one-role",
            NAMESPACES,
            "All roles but the first may be absent, and then nobody signs.",
            &text(&authority(ACME, 0, &all[..1])),
        ),
        accept(
            "epoch-1",
            MEMBERS,
            "A later epoch names the one before, and may distrust keys that are not its own.",
            &text(&distrusting()),
        ),
        accept(
            "three-algorithms",
            "keys",
            "Keys are of three algorithms, each in its one form.",
            &text(&authority(ACME, 0, &[(Own, 2, &three)])),
        ),
        accept(
            "thirty-two-keys",
            MEMBERS,
            "There are at most 32 keys.",
            &text(&authority("*", 0, &[(Root, 32, &many)])),
        ),
        accept("git-commit", MEMBERS, "Builds may name their source by git commit alone.", &text(&commits)),
        accept(
            "more-members",
            MEMBERS,
            "Members that are not listed are ignored.",
            &edit::before(&text(&vendor(0)), "epoch", "\"notes\": {\"a\": 1, \"A\": 2}, "),
        ),
    ]
}

/// What is there, and of which type.
fn members() -> Vec<Vector> {
    let (good, later) = (text(&vendor(0)), text(&distrusting()));
    let first = keyid(1).to_string();
    let mut vectors = Vec::new();
    let required = [
        ("log", "a string", "7"),
        ("namespace", "a string", "7"),
        ("epoch", "a number", "\"0\""),
        ("previous", "a string or null", "0"),
        ("keys", "an object", "[]"),
        ("keys.*.algorithm", "a string", "null"),
        ("keys.*.spki", "a string", "null"),
        ("roles", "an object", "[]"),
        ("roles.authority.threshold", "a number", "\"2\""),
        ("roles.authority.keyids", "an array", "{}"),
        ("distrust", "an array", "{}"),
        ("distrust[].keyid", "a string", "null"),
        ("distrust[].fromIndex", "a number", "\"7\""),
        ("allowGitCommit", "a boolean", "0"),
    ];
    for (path, is, other) in required {
        let (sibling, body) = if path.starts_with("distrust[") { ("epoch-1", &later) } else { ("vendor", &good) };
        let at = path.replace('*', &first);
        let what = path.replace("keys.*", "key").replace("roles.authority", "role").replace("distrust[].", "distrust-");
        let what =
            what.replace('.', "-").replace("fromIndex", "from-index").replace("allowGitCommit", "allow-git-commit");
        let comment = format!("The member {path} is required.");
        vectors.push(refuse(
            &format!("{what}-missing"),
            sibling,
            "missing-field",
            MEMBERS,
            &comment,
            &edit::without(body, &at),
        ));
        let comment = format!("The member {path} is {is}.");
        vectors.push(refuse(
            &format!("{what}-type"),
            sibling,
            "wrong-type",
            MEMBERS,
            &comment,
            &edit::set(body, &at, other),
        ));
    }
    let id = "ab".repeat(32);
    let rule = "The id of the epoch before is null in epoch 0, and only there.";
    let integer = "An integer is from 0 to 2^53 - 1, in digits alone.";
    let cases: &[(&str, &str, &str, &str, &str, &str)] = &[
        (
            "log-space",
            "vendor",
            "log",
            "\"log acme\"",
            "log",
            "The origin of a log has no white space and no plus sign.",
        ),
        ("log-empty", "vendor", "log", "\"\"", "empty", "The origin of a log is not empty."),
        ("previous-in-epoch-0", "vendor", "previous", &format!("\"{id}\""), "previous", rule),
        ("previous-null", "epoch-1", "previous", "null", "previous", rule),
        (
            "previous-upper-case",
            "epoch-1",
            "previous",
            &format!("\"{}\"", id.to_uppercase()),
            "digest",
            "An id is 64 lower-case hex digits.",
        ),
        ("epoch-negative", "vendor", "epoch", "-1", "integer", integer),
        ("epoch-fraction", "vendor", "epoch", "0.0", "integer", integer),
        ("epoch-2-to-the-53", "epoch-1", "epoch", "9007199254740992", "integer", integer),
    ];
    for (name, sibling, path, value, expect, comment) in cases {
        let body = if *sibling == "vendor" { &good } else { &later };
        vectors.push(refuse(name, sibling, expect, MEMBERS, comment, &edit::set(body, path, value)));
    }
    let case = "In an object whose members are read no two keys differ by case alone.";
    for (name, path, twin) in [
        ("predicate-case", "epoch", "Epoch"),
        ("keyid-case", &*format!("keys.{first}"), &*first.to_uppercase()),
        ("role-case", "roles.update", "UPDATE"),
    ] {
        let body = edit::before(&good, path, &format!("\"{twin}\": null, "));
        vectors.push(refuse(name, "vendor", "case-colliding-keys", MEMBERS, case, &body));
    }
    vectors
}

fn keys() -> Vec<Vector> {
    let good = text(&vendor(0));
    let (fourth, spki) = (keyid(4).to_string(), key(4).public().spki());
    let (algorithm, at) = (format!("keys.{fourth}.algorithm"), format!("keys.{fourth}.spki"));
    let one =
        |name: &str, expect: &str, comment: &str, body: &str| refuse(name, "vendor", expect, "keys", comment, body);
    let with = |spki: &[u8]| edit::set(&good, &at, &format!("\"{}\"", base64(spki)));
    let quoted = |text: &str| format!("\"{text}\"");
    // A key of another algorithm in the place of the fourth one, its keyid with it.
    let renamed = |spki: &[u8], name: &str| {
        let body = edit::set(&with(spki), &algorithm, &quoted(name));
        body.replace(&fourth, &Digest::of(spki).to_string())
    };
    let prefix = &spki[..12];
    let weak = |public: &[u8]| {
        let spki = [prefix, public].concat();
        assert_eq!(PublicKey::from_spki(Algorithm::Ed25519, &spki), Err(KeyError::Weak));
        renamed(&spki, "ed25519")
    };
    let point = |low: u8, middle: u8, high: u8| [&[low][..], &[middle; 30], &[high]].concat();
    let p256 = of(Algorithm::EcdsaP256Sha256, 1).public().spki();
    let compressed = [&[0x30, 0x39], &p256[2..23], &[0x22, 0x00, 2 + (p256[90] & 1)], &p256[27..59]].concat();
    let mut off_curve = p256.clone();
    off_curve[90] ^= 1;
    let parameters =
        [&[0x30, 0x2c, 0x30, 0x07, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x05, 0x00, 0x03, 0x21, 0x00], &spki[12..]].concat();
    let ml_dsa = of(Algorithm::MlDsa44, 1).public().spki();
    let listed = |seed: u8| {
        let spki = key(seed).public().spki();
        format!("\"{}\": {{\"algorithm\": \"ed25519\", \"spki\": \"{}\"}}, ", Digest::of(&spki), base64(&spki))
    };
    let thirty_three: String = (40..69).map(listed).collect();
    let form = "The DER of a key has one form.";
    vec![
        one("no-keys", "empty", "There are 1 to 32 keys.", &edit::set(&good, "keys", "{}")),
        refuse(
            "thirty-three-keys",
            "vendor",
            "limit",
            "keys",
            "There are 1 to 32 keys.",
            &edit::before(&good, &format!("keys.{}", first_key()), &thirty_three),
        ),
        one("key-null", "wrong-type", "A key is an object.", &edit::set(&good, &format!("keys.{fourth}"), "null")),
        one("keyid-short", "digest", "A keyid is 64 lower-case hex digits.", &good.replace(&fourth, &fourth[1..])),
        one(
            "keyid-of-another-key",
            "keyid",
            "A keyid is the SHA-256 of the key's DER.",
            &good.replace(&fourth, &keyid(5).to_string()),
        ),
        one("spki-of-another-key", "keyid", "A keyid is the SHA-256 of the key's DER.", &with(&key(5).public().spki())),
        one(
            "algorithm-unknown",
            "unknown-algorithm",
            "There are three algorithms.",
            &edit::set(&good, &algorithm, "\"rsa\""),
        ),
        one(
            "algorithm-upper-case",
            "unknown-algorithm",
            "The names of algorithms are in lower case.",
            &edit::set(&good, &algorithm, "\"Ed25519\""),
        ),
        one(
            "algorithm-of-another-key",
            "spki",
            "The algorithm is the key's.",
            &edit::set(&good, &algorithm, "\"ml-dsa-44\""),
        ),
        one(
            "spki-unpadded",
            "wrong-base64",
            "The DER is in padded base64.",
            &edit::set(&good, &at, &quoted(base64(&spki).trim_end_matches('='))),
        ),
        one(
            "spki-trailing-bits",
            "wrong-base64",
            "The DER is in base64 without stray bits.",
            &edit::set(&good, &at, &quoted(&trailing_bit(&base64(&spki)))),
        ),
        one("spki-empty", "spki", form, &edit::set(&good, &at, "\"\"")),
        one("spki-bare-key", "spki", form, &renamed(&spki[12..], "ed25519")),
        one("spki-byte-more", "spki", form, &renamed(&[&spki[..], &[0]].concat(), "ed25519")),
        one("spki-with-parameters", "spki", form, &renamed(&parameters, "ed25519")),
        one(
            "spki-compressed-point",
            "spki",
            "The point of a P-256 key is not compressed.",
            &renamed(&compressed, "ecdsa-p256-sha256"),
        ),
        one(
            "spki-ml-dsa-44-short",
            "spki",
            "A key of ML-DSA-44 has 1,312 bytes.",
            &renamed(&ml_dsa[..ml_dsa.len() - 1], "ml-dsa-44"),
        ),
        one("weak-key", "weak-key", "For a point of small order anybody can sign.", &weak(&point(1, 0, 0))),
        one(
            "weak-key-order-8",
            "weak-key",
            "For a point of small order anybody can sign.",
            &weak(&unhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")),
        ),
        one(
            "weak-key-not-canonical",
            "weak-key",
            "A coordinate of a point is below p.",
            &weak(&point(0xf0, 0xff, 0x7f)),
        ),
        one("weak-key-no-point", "weak-key", "A key is a point of the curve.", &weak(&point(2, 0, 0))),
        one("weak-key-p256", "weak-key", "A key is a point of the curve.", &renamed(&off_curve, "ecdsa-p256-sha256")),
        one(
            "unused-key",
            "unused-key",
            "Each key is in some role.",
            &edit::before(&good, &format!("keys.{}", first_key()), &listed(7)),
        ),
    ]
}

/// The keyid that stands first.
fn first_key() -> Digest {
    *vendor(0).keys.keys().next().unwrap()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn roles() -> Vec<Vector> {
    let good = text(&vendor(0));
    let one =
        |name: &str, expect: &str, comment: &str, body: &str| refuse(name, "vendor", expect, NAMESPACES, comment, body);
    let set = |path: &str, value: &str| edit::set(&good, path, value);
    let rename = |from: &str, to: &str| good.replacen(&format!("\"{from}\": {{"), &format!("\"{to}\": {{"), 1);
    let mut sorted = [keyid(1), keyid(2), keyid(3)].map(|id| format!("\"{id}\""));
    sorted.sort();
    let [a, b, c] = &sorted;
    let keyids = |list: &[&str]| set("roles.authority.keyids", &format!("[{}]", list.join(", ")));
    let zero = format!("\"{}\"", "0".repeat(64));
    let namespaced = |namespace: &str| set("namespace", &format!("\"{namespace}\""));
    let root = text(&authority("*", 0, &[(RoleName::Root, 1, &[key(1).public()])]));
    let party = text(&authority(PARTY, 0, &[(RoleName::Authority, 1, &[key(1).public()])]));
    let of_root = |name: &str, comment: &str, body: &str| refuse(name, "root", "role", NAMESPACES, comment, body);
    let order = "Keyids are sorted and distinct.";
    let threshold = "A threshold is from 1 to the number of keyids.";
    vec![
        one("no-roles", "missing-role", "The first role of a namespace is required.", &set("roles", "{}")),
        one(
            "role-authority-missing",
            "missing-role",
            "A namespace of products has the role authority.",
            &rename("authority", "access"),
        ),
        one("role-unknown", "role", "A namespace of products has six roles.", &rename("source", "sources")),
        one("role-upper-case", "role", "The names of roles are in lower case.", &rename("source", "Source")),
        one("role-of-a-party", "role", "A namespace of products has six roles.", &rename("source", "rebuild")),
        one("role-of-the-log", "role", "A namespace of products has six roles.", &rename("source", "root")),
        one(
            "roles-of-products-in-a-party",
            "role",
            "A party has the roles authority, rebuild and review.",
            &namespaced(PARTY),
        ),
        one("roles-of-products-in-the-log", "role", "The log has the role root alone.", &namespaced("*")),
        of_root("root-with-authority", "The log has the role root alone.", &root.replace("\"root\"", "\"authority\"")),
        refuse(
            "party-without-authority",
            "party",
            "missing-role",
            NAMESPACES,
            "A party has the role authority.",
            &party.replace("\"authority\"", "\"review\""),
        ),
        one("role-null", "wrong-type", "A role is an object.", &set("roles.source", "null")),
        one("threshold-zero", "threshold", threshold, &set("roles.authority.threshold", "0")),
        one("threshold-above-keyids", "threshold", threshold, &set("roles.authority.threshold", "4")),
        one("threshold-largest", "threshold", threshold, &set("roles.authority.threshold", "9007199254740991")),
        one(
            "threshold-fraction",
            "integer",
            "An integer is from 0 to 2^53 - 1, in digits alone.",
            &set("roles.authority.threshold", "2.0"),
        ),
        one("no-keyids", "threshold", threshold, &keyids(&[])),
        one("keyids-unsorted", "keyid-order", order, &keyids(&[b, a, c])),
        one("keyids-twice", "keyid-order", order, &keyids(&[a, a, b, c])),
        one("keyid-unlisted", "unlisted-key", "The keyids are from keys.", &keyids(&[&zero, a, b, c])),
        one("keyid-in-role-short", "digest", "A keyid is 64 lower-case hex digits.", &keyids(&["\"00\"", a, b, c])),
        one("namespace-other", "namespace", "The namespace is one.", &namespaced("pkg:generic/acme")),
    ]
}

fn distrust() -> Vec<Vector> {
    let (good, first) = (text(&distrusting()), text(&vendor(0)));
    let one =
        |name: &str, expect: &str, comment: &str, body: &str| refuse(name, "epoch-1", expect, MEMBERS, comment, body);
    let line = |seed, index: &str| format!("{{\"keyid\": \"{}\", \"fromIndex\": {index}}}", keyid(seed));
    let integer = "An integer is from 0 to 2^53 - 1, in digits alone.";
    let largest = edit::set(&good, "distrust[].fromIndex", "9007199254740991");
    vec![
        accept("distrust-largest-index", MEMBERS, "An index is at most 2^53 - 1 here.", &largest),
        refuse(
            "early-distrust",
            "vendor",
            "early-distrust",
            MEMBERS,
            "In epoch 0 nobody can have lost trust yet.",
            &edit::set(&first, "distrust", &format!("[{}]", line(1, "0"))),
        ),
        one(
            "distrust-element-type",
            "wrong-type",
            "A line of distrust is an object.",
            &edit::first(&good, "distrust", "0"),
        ),
        one(
            "distrust-twice",
            "repeated",
            "A key is distrusted in one line.",
            &edit::first(&good, "distrust", &line(1, "1")),
        ),
        one("distrust-index-negative", "integer", integer, &edit::set(&good, "distrust[].fromIndex", "-7")),
        one(
            "distrust-index-2-to-the-53",
            "integer",
            integer,
            &edit::set(&good, "distrust[].fromIndex", "9007199254740992"),
        ),
        one(
            "distrust-keyid-short",
            "digest",
            "A keyid is 64 lower-case hex digits.",
            &edit::set(&good, "distrust[].keyid", "\"00\""),
        ),
    ]
}

fn namespaces() -> Vec<Vector> {
    let accept = |name: &str, comment: &str, text: &str| {
        let prefixes: Vec<_> = Namespace::parse(text).unwrap().prefixes().map(String::from).collect();
        let vector = Vector::accept(name, &format!("{SPEC}#{NAMESPACES}"), comment, text);
        vector.with("format", "namespace").with_all("prefix", prefixes)
    };
    let refuse = |name: &str, comment: &str, text: &str| {
        let sibling = if text.starts_with("https") { "namespace-party" } else { "namespace-products" };
        let vector = Vector::refuse(name, sibling, "namespace", &format!("{SPEC}#{NAMESPACES}"), comment, text);
        vector.with("format", "namespace")
    };
    let long = |bytes: usize| format!("pkg:generic/{}/", "x".repeat(bytes - 13));
    let label = |bytes: usize| format!("https://{}.ch", "a".repeat(bytes));
    let dns = "A party is https:// and a DNS name in lower case.";
    let mut vectors = vec![
        accept("namespace-root", "The log itself is an asterisk.", "*"),
        accept("namespace-products", "Products are the ones that begin with it, and it ends in a slash.", ACME),
        accept("namespace-of-a-type", "A type of packages may be a namespace.", "pkg:npm/"),
        accept("namespace-escapes", "Its segments are written as a product's.", "pkg:npm/%40acme/"),
        accept("namespace-eight-segments", "It has at most 8 segments, the type included.", "pkg:a/b/c/d/e/f/g/h/"),
        accept("namespace-longest", "It has at most 255 bytes.", &long(255)),
        accept("namespace-party", dns, PARTY),
        accept("namespace-party-punycode", dns, "https://xn--bcher-kva.example"),
        accept("namespace-party-one-label", dns, "https://a"),
        accept("namespace-party-label-longest", "A label has at most 63 letters.", &label(63)),
        refuse("namespace-empty", "It is one of three forms.", ""),
        refuse("namespace-two-asterisks", "It is one of three forms.", "**"),
        refuse("namespace-name", "It is one of three forms.", "acme"),
        refuse("namespace-http", "It is one of three forms.", "http://rebuild.example.ch"),
        refuse("namespace-no-slash", "It ends in a slash.", "pkg:generic/acme"),
        refuse("namespace-newline", "Nothing follows the slash.", "pkg:generic/acme/\n"),
        refuse("namespace-no-type", "It has a type.", "pkg:/"),
        refuse("namespace-type-upper-case", "The type of a package-url is in lower case.", "pkg:Generic/acme/"),
        refuse("namespace-empty-segment", "No segment is empty.", "pkg:generic//"),
        refuse("namespace-dot-segment", "No segment is a dot or two.", "pkg:generic/../"),
        refuse("namespace-version", "It has no version.", "pkg:generic/acme@1/"),
        refuse("namespace-nine-segments", "It has at most 8 segments, the type included.", "pkg:a/b/c/d/e/f/g/h/i/"),
        refuse("namespace-long", "It has at most 255 bytes.", &long(256)),
        refuse("namespace-party-label-long", "A label has at most 63 letters.", &label(64)),
    ];
    for (what, text) in [
        ("empty", "https://"),
        ("upper-case", "https://Rebuild.example.ch"),
        ("slash", "https://rebuild.example.ch/"),
        ("port", "https://rebuild.example.ch:443"),
        ("dot-at-end", "https://rebuild.example.ch."),
        ("empty-label", "https://rebuild..ch"),
        ("hyphen-first", "https://-rebuild.ch"),
        ("hyphen-last", "https://rebuild-.ch"),
        ("underscore", "https://re_build.ch"),
        ("not-ascii", "https://bücher.ch"),
        ("address", "https://127.0.0.1"),
        ("user", "https://user@rebuild.example.ch"),
        ("query", "https://rebuild.example.ch?x"),
    ] {
        vectors.push(refuse(&format!("namespace-party-{what}"), dns, text));
    }
    vectors
}

/// The payload that is signed, and the index at which it stands.
const PAYLOAD: &[u8] = b"{\"_type\":\"https://in-toto.io/Statement/v1\"}";
const COUNT: &str = "whose-signatures-count";

/// A signature over the payload: with the keyid, or without.
fn signed(key: &SecretKey, named: bool) -> String {
    let keyid = if named { key.public().keyid().to_string() } else { "none".into() };
    format!("{keyid} {}", base64(&key.sign(&pae(PAYLOAD), &[0; 32])))
}

fn asked(vector: Vector, role: &str, index: u64, signatures: &[String], signers: &[&SecretKey]) -> Vector {
    let mut keyids: Vec<_> = signers.iter().map(|key| key.public().keyid()).collect();
    keyids.sort();
    vector
        .with("format", "signatures")
        .with("role", role)
        .with("index", index)
        .with("payload-base64", base64(PAYLOAD))
        .with_all("signature", signatures)
        .with_all("signer", keyids)
}

/// An update's signatures that suffice.
fn meets(name: &str, comment: &str, body: &str, index: u64, signatures: &[String], signers: &[&SecretKey]) -> Vector {
    let vector = Vector::accept(name, &format!("{SPEC}#{COUNT}"), comment, body);
    asked(vector, "update", index, signatures, signers)
}

/// An update's signatures that do not suffice, of which `have` count.
fn lacks(
    name: &str,
    sibling: &str,
    comment: &str,
    (body, index, have): (&str, u64, u64),
    signatures: &[String],
    signers: &[&SecretKey],
) -> Vector {
    let vector = Vector::refuse(name, sibling, "threshold-not-met", &format!("{SPEC}#{COUNT}"), comment, body);
    asked(vector, "update", index, signatures, signers).with("have", have).with("need", 2)
}

/// A vendor whose updates two keys of different algorithms sign.
fn mixed() -> Authority {
    let (ed25519, p256, ml_dsa) = (key(1), of(Algorithm::EcdsaP256Sha256, 1), of(Algorithm::MlDsa44, 1));
    let all = [ed25519.public(), p256.public(), ml_dsa.public()];
    authority(ACME, 0, &[(RoleName::Authority, 1, &all[..1]), (RoleName::Update, 2, &all)])
}

fn counted() -> Vec<Vector> {
    let [one, two, three, four, stranger] = [1, 2, 3, 4, 99].map(key);
    let (p256, ml_dsa) = (of(Algorithm::EcdsaP256Sha256, 1), of(Algorithm::MlDsa44, 1));
    let (body, later, mixed) = (text(&vendor(0)), text(&distrusting()), text(&mixed()));
    let high = format!("none {}", base64(&high_s(&p256.sign(&pae(PAYLOAD), &[0; 32]))));
    let as_two = signed(&one, true).replace(&one.public().keyid().to_string(), &two.public().keyid().to_string());
    let hedged = format!("none {}", base64(&ml_dsa.sign(&pae(PAYLOAD), &[7; 32])));
    let own = |vector: Vector| {
        let mut vector = vector;
        vector.headers.iter_mut().find(|(key, _)| key == "role").unwrap().1 = "authority".into();
        vector
    };
    vec![
        meets(
            "signatures",
            "Two of three keys signed.",
            &body,
            8,
            &[signed(&one, true), signed(&two, true)],
            &[&one, &two],
        ),
        meets(
            "signatures-by-all",
            "More keys than needed may sign.",
            &body,
            8,
            &[signed(&one, true), signed(&two, true), signed(&three, true)],
            &[&one, &two, &three],
        ),
        meets(
            "signatures-unnamed",
            "A signature that names no key is tried with each key of the role.",
            &body,
            8,
            &[signed(&one, false), signed(&two, false)],
            &[&one, &two],
        ),
        meets(
            "signatures-misnamed",
            "A signature that names another key is tried with the others too.",
            &body,
            8,
            &[as_two, signed(&three, true)],
            &[&one, &three],
        ),
        meets(
            "signatures-and-strangers",
            "Signatures by keys without the role say nothing.",
            &body,
            8,
            &[signed(&stranger, true), signed(&four, true), signed(&one, true), signed(&two, true)],
            &[&one, &two],
        ),
        meets(
            "signatures-before-distrust",
            "A key counts up to the index from which it is distrusted.",
            &later,
            699,
            &[signed(&one, true), signed(&two, true)],
            &[&one, &two],
        ),
        own(meets(
            "signatures-of-an-authority-after-distrust",
            "Distrust never touches the roles authority and root.",
            &later,
            700,
            &[signed(&one, true), signed(&two, true)],
            &[&one, &two],
        )),
        meets(
            "signatures-of-two-algorithms",
            "Keys of all algorithms count alike.",
            &mixed,
            8,
            &[signed(&p256, true), signed(&ml_dsa, true)],
            &[&p256, &ml_dsa],
        ),
        meets(
            "signatures-p256-high-s",
            "A P-256 signature with high s counts in its low form.",
            &mixed,
            8,
            &[high, signed(&one, true)],
            &[&p256, &one],
        ),
        meets(
            "signatures-ml-dsa-44-hedged",
            "An ML-DSA-44 signature may be randomised.",
            &mixed,
            8,
            &[hedged, signed(&one, true)],
            &[&ml_dsa, &one],
        ),
    ]
}

fn not_counted() -> Vec<Vector> {
    let [one, two, three, four, stranger] = [1, 2, 3, 4, 99].map(key);
    let (body, later) = (text(&vendor(0)), text(&distrusting()));
    let first = signed(&one, true);
    let beside = |name: &str, comment: &str, other: &str| {
        lacks(name, "signatures", comment, (&body, 8, 1), &[first.clone(), other.into()], &[&one])
    };
    let over = |message: &[u8]| format!("{} {}", two.public().keyid(), base64(&two.sign(message, &[0; 32])));
    let absent = {
        let vector = lacks(
            "signatures-for-an-absent-role",
            "signatures",
            "An absent role signs nothing.",
            (&body, 8, 0),
            &[first.clone(), signed(&two, true)],
            &[],
        );
        let mut vector = vector;
        for (key, value) in [("role", "withdraw"), ("need", "1")] {
            vector.headers.iter_mut().find(|(have, _)| have == key).unwrap().1 = value.into();
        }
        vector
    };
    vec![
        lacks(
            "signatures-one-of-two",
            "signatures",
            "Two keys must sign.",
            (&body, 8, 1),
            std::slice::from_ref(&first),
            &[&one],
        ),
        beside("signatures-twice-by-one", "A key counts once.", &first),
        beside("signatures-by-a-stranger", "A key of no role does not count.", &signed(&stranger, true)),
        beside("signatures-by-a-key-of-another-role", "A key of another role does not count.", &signed(&four, true)),
        beside(
            "signatures-under-another-keyid",
            "The keyid makes no signature.",
            &signed(&stranger, true)
                .replace(&stranger.public().keyid().to_string(), &three.public().keyid().to_string()),
        ),
        beside("signatures-over-the-payload", "What is signed is the pre-authentication encoding.", &over(PAYLOAD)),
        beside("signatures-over-another-payload", "What is signed is this payload.", &over(&pae(b"{}"))),
        beside(
            "signatures-over-another-type",
            "What is signed has the payload type.",
            &over(&[b"DSSEv1 16 application/json ", format!("{} ", PAYLOAD.len()).as_bytes(), PAYLOAD].concat()),
        ),
        lacks(
            "signatures-after-distrust",
            "signatures-before-distrust",
            "From the index of its distrust on a key does not count.",
            (&later, 700, 1),
            &[first.clone(), signed(&two, true)],
            &[&one, &two],
        ),
        absent,
    ]
}

/// Signatures that a looser reader takes.
fn strict() -> Vec<Vector> {
    let [one, two] = [1, 2].map(key);
    let (p256, ml_dsa) = (of(Algorithm::EcdsaP256Sha256, 1), of(Algorithm::MlDsa44, 1));
    let (body, mixed) = (text(&vendor(0)), text(&mixed()));
    let beside = |name: &str, of: &SecretKey, comment: &str, sig: &[u8]| {
        let other = format!("{} {}", of.public().keyid(), base64(sig));
        let (body, sibling) = match of.public().algorithm {
            Algorithm::Ed25519 => (&body, "signatures"),
            _ => (&mixed, "signatures-of-two-algorithms"),
        };
        lacks(name, sibling, comment, (body, 8, 1), &[signed(&one, true), other.trim_end().into()], &[&one])
    };
    let mut malleable = two.sign(&pae(PAYLOAD), &[0; 32]);
    add_group_order(&mut malleable[32..]);
    let der = p256.sign(&pae(PAYLOAD), &[0; 32]);
    let raw = ::p256::ecdsa::Signature::from_der(&der).unwrap().to_bytes().to_vec();
    let mut zero_before = vec![0x30, der[1] + 1, 0x02, der[3] + 1, 0];
    zero_before.extend(&der[4..]);
    let with_context = ::ml_dsa::ExpandedSigningKey::<::ml_dsa::MlDsa44>::from_seed(&[1; 32].into())
        .sign_deterministic(&pae(PAYLOAD), b"glarus")
        .unwrap()
        .encode();
    let ed25519 = "The second half of an Ed25519 signature is below the group's order.";
    vec![
        beside("signatures-empty", &two, "No bytes are no signature.", &[]),
        beside("signatures-s-not-reduced", &two, ed25519, &malleable),
        beside(
            "signatures-small-order-r",
            &two,
            "R of an Ed25519 signature is no point of small order.",
            &small_order_r([2; 32], &pae(PAYLOAD)),
        ),
        beside(
            "signatures-byte-more",
            &two,
            "An Ed25519 signature has 64 bytes.",
            &[two.sign(&pae(PAYLOAD), &[0; 32]), vec![0]].concat(),
        ),
        beside("signatures-p256-raw", &p256, "A P-256 signature is in DER.", &raw),
        beside("signatures-p256-zero-before-r", &p256, "The DER of a P-256 signature has one form.", &zero_before),
        beside(
            "signatures-p256-byte-more",
            &p256,
            "Nothing follows the DER of a P-256 signature.",
            &[&der[..], &[0]].concat(),
        ),
        beside(
            "signatures-ml-dsa-44-context",
            &ml_dsa,
            "The context of an ML-DSA-44 signature is empty.",
            &with_context,
        ),
    ]
}
