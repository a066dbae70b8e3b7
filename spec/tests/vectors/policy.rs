//! Policies: the file, what it bears, and which checkpoints it believes.

use super::format::{C2SP, Vector, base64};
use super::keys::{
    ORIGIN, TIME, checkpoint, colliding_logs, colliding_witnesses, cosigned, log, log_ml_dsa, signed_as, skey, witness,
    witness_ml_dsa,
};
use super::note::{key_error, open_error, written};
use spec::checkpoint as checkpoints;
use spec::cosignature;
use spec::note::{KeyKind, Note, NoteSignature, Vkey};
use spec::policy::{CheckError, Member, Policy, PolicyErrorKind, Quorum};

pub fn run(vector: &Vector) -> String {
    let policy = match Policy::parse(&vector.body) {
        Ok(policy) => policy,
        Err(error) => {
            assert_eq!(error.line as u64, vector.number("line"), "{}: {error}", vector.name);
            return policy_error(&error.kind).into();
        }
    };
    let outcome = match vector.get("judge") {
        "file" => Ok(()),
        "strength" => strength(vector, &policy),
        "note" => note(vector, &policy),
        other => panic!("{}: judge {other}", vector.name),
    };
    outcome.err().unwrap_or("accept").into()
}

fn strength(vector: &Vector, policy: &Policy) -> Result<(), &'static str> {
    let strength = policy.check().map_err(|error| check_error(&error))?;
    assert_eq!((strength.hostile, strength.absent), (vector.number("hostile"), vector.number("absent")));
    Ok(())
}

fn note(vector: &Vector, policy: &Policy) -> Result<(), &'static str> {
    let note = Note::parse(&vector.base64("note-base64")).unwrap();
    let logs: Vec<Vkey> = policy.logs().iter().map(|log| log.vkey.clone()).collect();
    checkpoints::open(&note, &logs).map_err(|error| open_error(&error))?;
    let evaluation = policy.evaluate(&note, vector.find("now").map(|_| vector.number("now")));
    if !evaluation.met(policy) {
        return Err("quorum-not-met");
    }
    assert_eq!(evaluation.time(policy), vector.find("time").map(|_| vector.number("time")), "{}", vector.name);
    Ok(())
}

pub fn policy_error(error: &PolicyErrorKind) -> &'static str {
    match error {
        PolicyErrorKind::TooLong(_) => "policy-too-long",
        PolicyErrorKind::NoFinalLf => "no-final-newline",
        PolicyErrorKind::Octet(_) => "control-octet",
        PolicyErrorKind::Keyword(_) => "keyword",
        PolicyErrorKind::Items { .. } => "items",
        PolicyErrorKind::Key(error) => key_error(error),
        PolicyErrorKind::KeyUtf8 => "key-not-utf-8",
        PolicyErrorKind::LogKeyKind(_) => "log-key-type",
        PolicyErrorKind::WitnessKeyKind(_) => "witness-key-type",
        PolicyErrorKind::DuplicateKey { .. } => "duplicate-key",
        PolicyErrorKind::CollidingKey { .. } => "colliding-key",
        PolicyErrorKind::ReservedName => "reserved-name",
        PolicyErrorKind::DuplicateName { .. } => "duplicate-name",
        PolicyErrorKind::UnknownName(_) => "unknown-name",
        PolicyErrorKind::DuplicateMember { .. } => "duplicate-member",
        PolicyErrorKind::ThresholdForm(_) => "threshold-form",
        PolicyErrorKind::Threshold { .. } => "threshold",
        PolicyErrorKind::TooManyLogs => "too-many-logs",
        PolicyErrorKind::TooManyWitnesses => "too-many-witnesses",
        PolicyErrorKind::TooManyGroups => "too-many-groups",
        PolicyErrorKind::SecondQuorum { .. } => "second-quorum",
        PolicyErrorKind::NoQuorum => "no-quorum",
    }
}

fn check_error(error: &CheckError) -> &'static str {
    match error {
        CheckError::QuorumNone => "quorum-none",
        CheckError::LogKeyAsWitness { .. } => "log-key-as-witness",
        CheckError::OneOperatorTwice { .. } => "one-operator-twice",
        CheckError::NoOverlap { .. } => "no-overlap",
    }
}

/// A policy has many forms, so what was read is compared with what a naive reader makes of the file: [`plain`].
pub fn accepts(_: &Vector, file: &[u8]) -> Option<Vec<u8>> {
    let written = write(&Policy::parse(file).ok()?);
    Some(if plain(file) == written { file.to_vec() } else { written })
}

/// A file's lines, sorted, single spaces between their items, without comments and empty lines, thresholds as numbers.
fn plain(file: &[u8]) -> Vec<u8> {
    let mut lines = Vec::new();
    for line in file.split(|octet| *octet == b'\n') {
        let items = line.split(|octet| b" \t".contains(octet)).filter(|item| !item.is_empty());
        let mut items: Vec<String> = items.map(latin1).collect();
        if items.first().is_none_or(|first| first.starts_with('#')) {
            continue;
        }
        if items[0] == "group" {
            match items[2].as_str() {
                "any" => items[2] = "1".into(),
                "all" => items[2] = (items.len() - 3).to_string(),
                _ => (),
            }
        }
        // What a URL is when it is not UTF-8, the policy does not keep.
        if let Some(url) = (items[0] == "log").then_some(2).or((items[0] == "witness").then_some(3)) {
            items.truncate(url + 1);
            items.iter_mut().skip(url).for_each(|url| *url = "url".into());
        }
        lines.push(items.join(" "));
    }
    sorted(lines)
}

/// Octets one to one as characters.
fn latin1(octets: &[u8]) -> String {
    octets.iter().map(|octet| char::from(*octet)).collect()
}

fn sorted(mut lines: Vec<String>) -> Vec<u8> {
    lines.sort();
    lines.join("\n").into_bytes()
}

/// The policy that was read, in the form of [`plain`].
fn write(policy: &Policy) -> Vec<u8> {
    let name = |member: Member| latin1(&policy.name(member).unwrap().0);
    let url = |url: &Option<String>| if url.is_some() { " url" } else { "" };
    let key = |vkey: &Vkey| latin1(vkey.to_string().as_bytes());
    let logs = policy.logs().iter().map(|log| format!("log {}{}", key(&log.vkey), url(&log.url)));
    let witnesses = policy
        .witnesses()
        .iter()
        .map(|witness| format!("witness {} {}{}", latin1(&witness.name.0), key(&witness.vkey), url(&witness.url)));
    let groups = policy.groups().iter().map(|group| {
        let members: String = group.members.iter().map(|member| format!(" {}", name(*member))).collect();
        format!("group {} {}{members}", latin1(&group.name.0), group.threshold)
    });
    let quorum = match policy.quorum() {
        Quorum::None => "quorum none".into(),
        Quorum::Of(member) => format!("quorum {}", name(member)),
    };
    sorted(logs.chain(witnesses).chain(groups).chain([quorum]).collect())
}

pub fn make() -> Vec<Vector> {
    [valid(), syntax(), keys(), names(), groups(), character_set(), limits(), strengths(), notes()].concat()
}

const STRUCTURE: &str = "structure";
const KEYS: &str = "public-key-representation";
const LOG: &str = "defining-a-log";
const WITNESS: &str = "defining-a-witness";
const QUORUM: &str = "defining-the-quorum";
const GROUP: &str = "defining-a-witness-group";
const OCTETS: &str = "character-set";
const LIMITS: &str = "implementation-limits";

fn spec(section: &str) -> String {
    format!("{C2SP}tlog-policy.md#{section}")
}

/// Puts keys where `{L}`, `{1}` (witness 1), `{LM}` and `{1M}` (their ML-DSA-44 keys) stand.
fn expand(text: &str) -> String {
    let mut text = text.replace("{L}", &log().vkey().to_string());
    if text.contains("M}") {
        text = text.replace("{LM}", &log_ml_dsa().vkey().to_string());
        text = text.replace("{1M}", &witness_ml_dsa(1).vkey().to_string());
    }
    for n in (1..=33).filter(|n| text.contains(&format!("{{{n}}}"))).collect::<Vec<_>>() {
        text = text.replace(&format!("{{{n}}}"), &witness(n).vkey().to_string());
    }
    text
}

fn accept(name: &str, section: &str, comment: &str, text: &str) -> Vector {
    Vector::accept(name, &spec(section), comment, expand(text)).with("judge", "file")
}

/// Refused at this line, from 1; 0 for the whole file. Differs from `valid`.
fn refuse(name: &str, expect: &str, line: u64, section: &str, comment: &str, text: &str) -> Vector {
    like("valid", name, expect, line, section, comment, text)
}

/// Refused, and differs from another one.
fn like(sibling: &str, name: &str, expect: &str, line: u64, section: &str, comment: &str, text: &str) -> Vector {
    let vector = Vector::refuse(name, sibling, expect, &spec(section), comment, expand(text));
    vector.with("judge", "file").with("line", line)
}

const VALID: &str = "log {L} https://log.example/\nwitness w1 {1}\nwitness w2 {2} https://w2.example/\nwitness w3 {3}\n\
                     group q 2 w1 w2 w3\nquorum q\n";
const SMALL: &str = "witness w1 {1}\nquorum w1\n";

/// The valid file with one thing another.
fn with(old: &str, new: &str) -> String {
    assert!(VALID.contains(old), "{old}");
    VALID.replacen(old, new, 1)
}

fn valid() -> Vec<Vector> {
    vec![
        accept("valid", STRUCTURE, "A log, three witnesses, two of them needed.", VALID),
        accept("one-witness", QUORUM, "The quorum may be one witness, and a policy may have no log.", SMALL),
        accept("quorum-none", QUORUM, "The quorum may be none, and then no witness is needed.", "quorum none\n"),
        accept(
            "any-order",
            STRUCTURE,
            "Lines that define witnesses and logs can appear in any order.",
            "witness w2 {2}\nwitness w1 {1}\nquorum w1\nlog {L}\nwitness w3 {3}\n",
        ),
        accept("two-levels", GROUP, "A member is a witness or another group.", NESTED),
        accept(
            "ml-dsa-44",
            KEYS,
            "Log and witness keys use a type of their function, and 0x06 is of both.",
            "log {LM}\nwitness w1 {1M}\nquorum w1\n",
        ),
    ]
}

const NESTED: &str = "log {L}\nwitness X1 {1}\nwitness X2 {2}\nwitness X3 {3}\ngroup X 2 X1 X2 X3\nwitness Y1 {4}\n\
                      witness Y2 {5}\nwitness Y3 {6}\ngroup Y any Y1 Y2 Y3\ngroup X-and-Y all X Y\nquorum X-and-Y\n";

fn syntax() -> Vec<Vector> {
    let comments = "\t# a comment \n#\n \t \n\n# log and witness\nwitness w1 {1}\nquorum w1\n\t\n";
    let items = |name: &str, line: u64, section: &str, comment: &str, old: &str, new: &str| {
        refuse(name, "items", line, section, comment, &with(old, new))
    };
    vec![
        accept(
            "comments",
            STRUCTURE,
            "Empty lines and comment lines are allowed, with white space before them too.",
            comments,
        ),
        accept(
            "white-space",
            STRUCTURE,
            "White space is sequences of space and tab, also at either end of a line.",
            " \twitness \t w1\t{1}  \nquorum\tw1 \n",
        ),
        refuse(
            "missing-final-newline",
            "no-final-newline",
            6,
            STRUCTURE,
            "Each line is terminated by newline, the last one too.",
            VALID.trim_end(),
        ),
        refuse("empty-file", "no-quorum", 0, QUORUM, "A policy must include exactly one quorum line.", ""),
        refuse(
            "no-quorum",
            "no-quorum",
            0,
            QUORUM,
            "A policy must include exactly one quorum line.",
            &with("quorum q\n", ""),
        ),
        refuse(
            "two-quorums",
            "second-quorum",
            7,
            QUORUM,
            "A policy must include exactly one quorum line.",
            &with("quorum q\n", "quorum q\nquorum q\n"),
        ),
        refuse(
            "unknown-keyword",
            "keyword",
            2,
            STRUCTURE,
            "A line is of one of four kinds.",
            &with("witness w1", "cosigner w1"),
        ),
        refuse(
            "upper-case-keyword",
            "keyword",
            1,
            STRUCTURE,
            "A line is of one of four kinds, and octets are compared as they are.",
            &with("log ", "Log "),
        ),
        refuse(
            "no-break-space",
            "keyword",
            6,
            STRUCTURE,
            "White space is space and tab only, so U+00A0 is part of an item.",
            &with("quorum q", "quorum\u{a0}q"),
        ),
        items(
            "comment-after-items",
            6,
            STRUCTURE,
            "A comment has a line of its own.",
            "quorum q",
            "quorum q # two of three",
        ),
        items("log-without-key", 1, LOG, "A log line has a vkey.", "log {L} https://log.example/", "log"),
        items(
            "log-surplus-item",
            1,
            LOG,
            "A log line has a vkey and at most one URL.",
            "log.example/\n",
            "log.example/ more\n",
        ),
        items(
            "witness-without-key",
            2,
            WITNESS,
            "A witness line has a name and a vkey.",
            "witness w1 {1}",
            "witness w1",
        ),
        items(
            "witness-surplus-item",
            3,
            WITNESS,
            "A witness line has a name, a vkey and at most one URL.",
            "w2.example/\n",
            "w2.example/ more\n",
        ),
        items("quorum-without-name", 6, QUORUM, "A quorum line has a name.", "quorum q", "quorum"),
        items("quorum-surplus-item", 6, QUORUM, "A quorum line has one name.", "quorum q", "quorum q w1"),
        items(
            "group-without-member",
            5,
            GROUP,
            "At least one member must be listed.",
            "group q 2 w1 w2 w3",
            "group q 2",
        ),
    ]
}

fn keys() -> Vec<Vector> {
    let same = |name: &str, kind: u8, of: &Vkey| written(name, kind, of.public());
    let (log, w1) = (log(), witness(1));
    let id = format!("{:08x}", log.vkey().id);
    let identity = [&[1][..], &[0; 31]].concat();
    let (one, other) = colliding_logs();
    let (w1_one, w1_other) = colliding_witnesses();
    let logs = |first: &dyn ToString, second: &dyn ToString| {
        format!("log {}\nlog {}\nquorum none\n", first.to_string(), second.to_string())
    };
    let witnesses = |first: &dyn ToString, second: &dyn ToString| {
        format!("witness a {}\nwitness b {}\nquorum a\n", first.to_string(), second.to_string())
    };
    let w2 = witness(2);
    let duplicate =
        "Multiple lines with the same public key are not allowed, even if the vkeys differ by name and key ID.";
    let unique = "Key name and key ID together identify a key, so two keys with both the same are refused.";
    vec![
        refuse(
            "log-key-of-type-04",
            "log-key-type",
            1,
            KEYS,
            "Log keys must use a type that logs sign with.",
            &with("log {L}", "log {4}"),
        ),
        refuse(
            "witness-key-of-type-01",
            "witness-key-type",
            2,
            KEYS,
            "Witness keys must use a type that cosigners sign with.",
            &with("witness w1 {1}", "witness w1 {L}"),
        ),
        refuse(
            "no-vkey",
            "key-form",
            1,
            KEYS,
            "Public keys are written in vkey format.",
            &with("{L}", "log.example/updates"),
        ),
        refuse(
            "vkey-of-unknown-type",
            "key-type",
            1,
            KEYS,
            "Type 0x02 is of ECDSA signatures, which this implementation does not read.",
            &with("{L}", &same(ORIGIN, 2, log.vkey())),
        ),
        refuse(
            "vkey-other-key-id",
            "key-id",
            1,
            KEYS,
            "The key ID of a vkey is that of its name and key.",
            &with("{L}", &log.vkey().to_string().replace(&id, "01234567")),
        ),
        refuse(
            "vkey-small-order",
            "weak-key",
            2,
            KEYS,
            "Under a point of small order, one signature verifies over many texts.",
            &with("{1}", &written("witness.example/w1", 4, &identity)),
        ),
        accept(
            "two-logs",
            LOG,
            "There may be several logs, and all are accepted.",
            &logs(&log.vkey(), &skey("log.example/other", KeyKind::Ed25519, 9).vkey()),
        ),
        like("two-logs", "duplicate-log", "duplicate-key", 2, LOG, duplicate, &logs(&log.vkey(), &log.vkey())),
        like(
            "two-logs",
            "duplicate-log-other-name",
            "duplicate-key",
            2,
            LOG,
            duplicate,
            &logs(&log.vkey(), &same("log.example/other", 1, log.vkey())),
        ),
        like("two-logs", "colliding-logs", "colliding-key", 2, KEYS, unique, &logs(&one.vkey(), &other.vkey())),
        accept(
            "two-witnesses",
            WITNESS,
            "There may be witnesses that the quorum does not need.",
            &witnesses(&w1.vkey(), &w2.vkey()),
        ),
        like(
            "two-witnesses",
            "duplicate-witness",
            "duplicate-key",
            2,
            WITNESS,
            duplicate,
            &witnesses(&w1.vkey(), &w1.vkey()),
        ),
        like(
            "two-witnesses",
            "duplicate-witness-other-name",
            "duplicate-key",
            2,
            WITNESS,
            duplicate,
            &witnesses(&w1.vkey(), &same("witness.example/w2", 4, w1.vkey())),
        ),
        like(
            "two-witnesses",
            "colliding-witnesses",
            "colliding-key",
            2,
            KEYS,
            unique,
            &witnesses(&w1_one.vkey(), &w1_other.vkey()),
        ),
    ]
}

fn names() -> Vec<Vector> {
    vec![
        accept(
            "names-that-are-keywords",
            STRUCTURE,
            "A name means what its place says.",
            "witness any {1}\nwitness log {2}\ngroup 1 1 any log\nquorum 1\n",
        ),
        accept(
            "names-differ-by-case",
            OCTETS,
            "Names are opaque octets, so w1 and W1 are two.",
            "witness w1 {1}\nwitness W1 {2}\ngroup q all w1 W1\nquorum q\n",
        ),
        refuse(
            "witness-named-none",
            "reserved-name",
            2,
            STRUCTURE,
            "The name none is predefined.",
            &with("witness w1", "witness none"),
        ),
        refuse(
            "group-named-none",
            "reserved-name",
            5,
            STRUCTURE,
            "The name none is predefined.",
            &with("group q", "group none"),
        ),
        refuse(
            "none-as-member",
            "reserved-name",
            5,
            STRUCTURE,
            "The name none is invalid as a group member.",
            &with("2 w1 w2 w3", "2 w1 w2 none"),
        ),
        refuse(
            "witness-name-twice",
            "duplicate-name",
            3,
            STRUCTURE,
            "A name is defined once.",
            &with("witness w2", "witness w1"),
        ),
        refuse(
            "group-of-a-witness-name",
            "duplicate-name",
            5,
            STRUCTURE,
            "Witnesses and groups share a single namespace.",
            &with("group q", "group w1"),
        ),
        refuse(
            "quorum-of-unknown-name",
            "unknown-name",
            6,
            QUORUM,
            "The name must be defined on a line before the quorum.",
            &with("quorum q", "quorum p"),
        ),
        refuse(
            "quorum-before-group",
            "unknown-name",
            5,
            QUORUM,
            "The name must be defined on a line before the quorum.",
            &with("group q 2 w1 w2 w3\nquorum q\n", "quorum q\ngroup q 2 w1 w2 w3\n"),
        ),
        refuse(
            "group-before-witness",
            "unknown-name",
            4,
            GROUP,
            "A group can only reference names of preceding lines.",
            &with("witness w3 {3}\ngroup q 2 w1 w2 w3\n", "group q 2 w1 w2 w3\nwitness w3 {3}\n"),
        ),
        refuse(
            "group-in-itself",
            "unknown-name",
            5,
            GROUP,
            "A group can only reference names of preceding lines, so there are no circles.",
            &with("2 w1 w2 w3", "2 w1 w2 q"),
        ),
    ]
}

fn groups() -> Vec<Vector> {
    let threshold = |name: &str, expect: &str, comment: &str, k: &str| {
        refuse(name, expect, 5, GROUP, comment, &with("q 2", &format!("q {k}")))
    };
    let decimal = "A numeric threshold must be written in decimal, here without sign and leading zeroes.";
    let nested = |name: &str, line: u64, old: &str, new: &str| {
        let comment = "Each defined name can be listed as a group member at most once.";
        assert!(NESTED.contains(old), "{old}");
        like("two-levels", name, "duplicate-member", line, GROUP, comment, &NESTED.replacen(old, new, 1))
    };
    vec![
        accept("threshold-all", GROUP, "The word all is k = n.", &with("q 2", "q all")),
        accept("threshold-any", GROUP, "The word any is k = 1.", &with("q 2", "q any")),
        accept(
            "member-is-quorum",
            GROUP,
            "A group's member may be the quorum all the same.",
            "witness w1 {1}\ngroup g 1 w1\nquorum w1\n",
        ),
        threshold("threshold-0", "threshold", "It is required that 1 <= k.", "0"),
        threshold("threshold-above-members", "threshold", "It is required that k <= n.", "4"),
        threshold(
            "threshold-2-to-the-64-plus-2",
            "threshold-form",
            "A threshold that wraps around in 64 bits is none.",
            "18446744073709551618",
        ),
        threshold("threshold-02", "threshold-form", decimal, "02"),
        threshold("threshold-plus-2", "threshold-form", decimal, "+2"),
        threshold("threshold-upper-case", "threshold-form", "The words are all and any.", "ALL"),
        refuse(
            "member-twice-in-a-group",
            "duplicate-member",
            5,
            GROUP,
            "Each defined name can be listed as a group member at most once.",
            &with("2 w1 w2 w3", "2 w1 w2 w2"),
        ),
        nested("member-of-two-groups", 9, "Y any Y1 Y2 Y3", "Y any Y1 Y2 X3"),
        nested("group-of-two-groups", 11, "group X-and-Y all X Y\n", "group Z 1 X\ngroup X-and-Y all X Y\n"),
    ]
}

fn character_set() -> Vec<Vector> {
    let of = |name: &str, line: u64, comment: &str, old: &str, new: &str| {
        refuse(name, "control-octet", line, OCTETS, comment, &with(old, new))
    };
    let allowed = "The only allowed control characters are tab and newline.";
    let mut octets = accept(
        "octets",
        OCTETS,
        "Octets from 0x80 up may be in names, URLs and comments, UTF-8 or not.",
        "# \u{1}\nwitness \u{1} {1} http://\u{1}/\nquorum \u{1}\n",
    );
    octets.body.iter_mut().filter(|octet| **octet == 1).for_each(|octet| *octet = 0xff);
    let kelvin = "witness K {1}\nwitness \u{212a} {2}\ngroup q all K \u{212a}\nquorum q\n";
    let mut not_utf8 = refuse(
        "vkey-not-utf-8",
        "key-not-utf-8",
        1,
        KEYS,
        "Key names are UTF-8, as notes are.",
        &with("{L}", "\u{1}+441a9296+AQ=="),
    );
    not_utf8.body.iter_mut().filter(|octet| **octet == 1).for_each(|octet| *octet = 0xff);
    vec![
        octets,
        not_utf8,
        accept(
            "kelvin-sign",
            OCTETS,
            "Names must be handled as opaque octets, so K and the Kelvin sign are two.",
            kelvin,
        ),
        like(
            "kelvin-sign",
            "kelvin-sign-for-k",
            "unknown-name",
            3,
            OCTETS,
            "Names must be handled as opaque octets, so the Kelvin sign does not refer to K.",
            &kelvin.replace("witness \u{212a}", "witness L"),
        ),
        of("crlf", 1, allowed, "\n", "\r\n"),
        of("nul", 6, allowed, "quorum q", "quorum q\0"),
        of("delete", 3, "The allowed octets below 0x80 end with 0x7E.", "w2.example", "w2\u{7f}.example"),
        like(
            "comments",
            "control-octet-in-comment",
            "control-octet",
            1,
            OCTETS,
            allowed,
            "\t# a comment\u{b}\n#\n \t \n\n# log and witness\nwitness w1 {1}\nquorum w1\n\t\n",
        ),
    ]
}

fn limits() -> Vec<Vector> {
    let of = |logs: u8, witnesses: u8, groups: u8| {
        let log = |n: u8| format!("log {}\n", skey(&format!("log.example/{n}"), KeyKind::Ed25519, 40 + n).vkey());
        let mut file: String = (1..=logs).map(log).collect();
        file += &(1..=witnesses).map(|n| format!("witness w{n} {{{n}}}\n")).collect::<String>();
        let mut below = "w1".to_owned();
        for n in 1..=groups {
            file += &format!("group g{n} all {below}\n");
            below = format!("g{n}");
        }
        file + &format!("quorum {below}\n")
    };
    let more = |name: &str, expect: &str, line: u64, comment: &str, text: &str| {
        like("limits", name, expect, line, LIMITS, comment, text)
    };
    vec![
        accept(
            "limits",
            LIMITS,
            "It is strongly recommended to support 32 logs, 32 witnesses and 32 groups, here each in the one before.",
            &of(32, 32, 32),
        ),
        more("too-many-logs", "too-many-logs", 33, "This implementation reads up to 32 logs.", &of(33, 32, 32)),
        more(
            "too-many-witnesses",
            "too-many-witnesses",
            65,
            "This implementation reads up to 32 witnesses.",
            &of(32, 33, 32),
        ),
        more("too-many-groups", "too-many-groups", 97, "This implementation reads up to 32 groups.", &of(32, 32, 33)),
    ]
}

/// What a policy bears: rules of Glarus.
fn strengths() -> Vec<Vector> {
    let strong = |vector: Vector| {
        let mut vector = vector;
        vector.headers.retain(|(key, _)| key != "judge" && key != "line");
        vector.with("judge", "strength")
    };
    let good = |name: &str, comment: &str, text: &str, hostile: u64, absent: u64| {
        strong(accept(name, "what-is-a-policy", comment, text)).with("hostile", hostile).with("absent", absent)
    };
    let bad = |name: &str, sibling: &str, expect: &str, comment: &str, text: &str| {
        strong(like(sibling, name, expect, 0, "what-is-a-policy", comment, text))
    };
    let four = |group: &str| {
        let second = skey("witness.example/w1", KeyKind::CosignatureEd25519, 30).vkey().to_string();
        format!(
            "log {{L}}\nwitness w1a {{1}}\nwitness w1b {second}\nwitness w2 {{2}}\nwitness w3 {{3}}\nwitness w4 {{4}}\n{group}quorum q\n"
        )
    };
    vec![
        good("strength-2-of-3", "Of two sets of 2 of 3 one witness is in both, and one may be absent.", VALID, 0, 1),
        good(
            "strength-3-of-4",
            "Two keys of one name are one unit if a group has them, and 3 of 4 bears one hostile and one absent unit.",
            &four("group w1 any w1a w1b\ngroup q 3 w1 w2 w3 w4\n"),
            1,
            1,
        ),
        good("strength-two-levels", "Only 2 of 3 shares a witness, any of 3 none.", NESTED, 0, 1),
        bad(
            "strength-quorum-none",
            "strength-2-of-3",
            "quorum-none",
            "With quorum none nobody but the log needs to sign.",
            &with("quorum q", "quorum none"),
        ),
        bad(
            "strength-no-overlap",
            "strength-2-of-3",
            "no-overlap",
            "Two sets of 1 of 3 may have no witness in common, and the log alone could show two histories.",
            &with("q 2", "q 1"),
        ),
        bad(
            "strength-one-operator-twice",
            "strength-3-of-4",
            "one-operator-twice",
            "Two keys of one name outside a common group would count as two.",
            &four("group q 4 w1a w1b w2 w3 w4\n"),
        ),
        bad(
            "strength-log-key-as-witness",
            "strength-2-of-3",
            "log-key-as-witness",
            "A log that is its own witness adds nobody's word.",
            &with("{3}", &written("witness.example/w3", 4, log().vkey().public())),
        ),
    ]
}

/// Which checkpoints a policy believes.
fn notes() -> Vec<Vector> {
    let head = checkpoint(3);
    let text = head.to_text();
    let judged = |mut vector: Vector, note: &Note| {
        vector.headers.retain(|(key, _)| key != "judge" && key != "line");
        vector.with("judge", "note").with("note-base64", base64(note.to_string().as_bytes()))
    };
    let good = |name: &str, comment: &str, policy: &str, note: &Note, time: u64| {
        judged(accept(name, "what-is-a-policy", comment, policy), note).with("time", time)
    };
    let bad = |name: &str, sibling: &str, expect: &str, comment: &str, policy: &str, note: &Note| {
        judged(like(sibling, name, expect, 0, "what-is-a-policy", comment, policy), note)
    };
    let by = |witnesses: &[u8]| cosigned(&head, witnesses);
    let and = |mut note: Note, line: NoteSignature| {
        note.signatures.push(line);
        note
    };
    let change = |mut note: Note, at: usize, change: &dyn Fn(&mut NoteSignature)| {
        change(&mut note.signatures[at]);
        note
    };
    let fails = |line: &mut NoteSignature| *line.bytes.last_mut().unwrap() ^= 1;
    let two_logs = |second: &str| with("witness w1", &format!("log {second}\nwitness w1"));
    let other_log = skey("log.example/other", KeyKind::Ed25519, 9).vkey().to_string();
    let other_head = checkpoints::Checkpoint::new("log.example/other", head.head);
    let mut other_note = cosigned(&other_head, &[1, 2]);
    other_note.signatures[0] = signed_as("log.example/other", &other_head.to_text());
    let renamed = with("{L}", &skey("log.example/other", KeyKind::Ed25519, 1).vkey().to_string());
    let at = |time: u64| cosignature::sign(&text, time, &witness(2));
    let both = "log {L}\nlog {LM}\nwitness a {1}\nwitness b {1M}\ngroup q all a b\nquorum q\n";
    let by_both = and(
        and(by(&[1]), cosignature::sign(&text, TIME, &log_ml_dsa())),
        cosignature::sign(&text, TIME + 5, &witness_ml_dsa(1)),
    );
    vec![
        good("note-two-of-three", "At least k of the n members have cosigned, and from the second one on the policy is met.", VALID, &by(&[3, 1]), TIME),
        good("note-three-of-three", "More than k is fine, and the latest two times suffice for the policy's.", VALID, &by(&[1, 2, 3]), TIME + 1),
        bad("note-one-of-three", "note-two-of-three", "quorum-not-met", "At least k members must have cosigned.", VALID, &by(&[3])),
        bad("note-by-a-stranger", "note-two-of-three", "quorum-not-met", "Only the listed witnesses count.", VALID, &by(&[3, 4])),
        bad("note-one-witness-twice", "note-two-of-three", "quorum-not-met", "Each witness contributes in one way only, so two lines of one key count once.", VALID, &and(by(&[1]), cosignature::sign(&text, TIME + 1, &witness(1)))),
        good("note-two-levels", "A member that is a group cosigns if enough of its own do.", NESTED, &by(&[1, 3, 5]), TIME),
        bad("note-two-levels-lower-lacks", "note-two-levels", "quorum-not-met", "Two of X must cosign, whoever of Y does.", NESTED, &by(&[1, 4, 5, 6])),
        bad("note-two-levels-upper-lacks", "note-two-levels", "quorum-not-met", "All of X and Y must cosign, whoever of X does.", NESTED, &by(&[1, 2, 3])),
        judged(accept("note-quorum-none", QUORUM, "With quorum none no cosignature is required.", &with("quorum q", "quorum none")), &by(&[])),
        bad("note-not-by-the-log", "note-two-of-three", "not-signed", "A checkpoint is signed by one of the listed logs, whoever cosigned it.", VALID, &Note { signatures: by(&[1, 2, 3]).signatures[1..].to_vec(), text: text.clone() }),
        good("note-by-any-log", "A checkpoint is signed by any one of the listed logs.", &two_logs(&other_log), &by(&[1, 2]), TIME),
        bad("note-of-a-log-not-listed", "note-two-of-three", "not-signed", "A checkpoint is signed by one of the listed logs.", VALID, &other_note),
        bad("note-log-name-is-not-origin", "note-two-of-three", "not-signed", "The log's key name MUST correspond to the origin line.", &renamed, &by(&[1, 2])),
        good("note-witness-line-fails", "signed-note asks to reject a note in which a known key's line fails, but then one witness could stop what the others cosigned, so a witness's line is left out instead.", VALID, &change(by(&[1, 2, 3]), 2, &fails), TIME),
        bad("note-witness-line-fails-and-is-needed", "note-two-of-three", "quorum-not-met", "A witness's line that fails does not count.", VALID, &change(by(&[1, 2]), 2, &fails)),
        bad("note-log-line-fails", "note-two-of-three", "bad-signature", "A log's line that fails refuses the note, whoever cosigned it.", VALID, &change(by(&[1, 2, 3]), 0, &fails)),
        bad("note-time-0", "note-two-of-three", "quorum-not-met", "A line with time 0 is no cosignature.", VALID, &and(by(&[1]), at(0))),
        good("note-time-300-ahead", "Verifiers MAY reject cosignatures with timestamps in the future, and here they count up to 300 seconds ahead.", VALID, &and(by(&[1]), at(TIME + 300)), TIME).with("now", TIME),
        bad("note-time-301-ahead", "note-time-300-ahead", "quorum-not-met", "Verifiers MAY reject cosignatures with timestamps in the future, and here they count up to 300 seconds ahead.", VALID, &and(by(&[1]), at(TIME + 301))).with("now", TIME),
        good("note-both-algorithms", "A policy can ask for a witness's cosignatures of both types.", both, &by_both, TIME),
        bad("note-one-algorithm-of-both", "note-both-algorithms", "quorum-not-met", "A policy that asks for both types is not met by one.", both, &by(&[1])),
        bad("note-key-id-alone", "note-two-of-three", "quorum-not-met", "A line is a witness's if name and key ID are its, not one of them.", VALID, &change(by(&[1, 2]), 2, &|line| line.name = "witness.example/w9".into())),
    ]
}
