//! The state: its entry, and the values of its map.

use super::format::{Vector, trailing_bit};
use super::tree::other;
use spec::state::{
    AuthorityValue, BuildValue, ChannelValue, PolicyValue, SourceValue, StateEntry, StateError, UpdateValue, ValueError,
};

const SPEC: &str = "https://github.com/glarus/glarus/blob/main/spec/state.md";

pub fn run(vector: &Vector) -> String {
    if vector.get("format") == "entry" {
        return match StateEntry::parse(&vector.body) {
            Ok(_) => "accept",
            Err(StateError::Length { .. }) => "length",
            Err(StateError::Lines) => "lines",
            Err(StateError::Line { .. }) => "line",
        }
        .into();
    }
    match read(vector.get("format"), vector.text()) {
        Ok(_) => "accept",
        Err(ValueError::Unterminated) => "unterminated",
        Err(ValueError::Order { .. }) => "order",
        Err(ValueError::Line { .. }) => "line",
        Err(ValueError::Repeated { .. }) => "repeated",
        Err(ValueError::Incomplete) => "incomplete",
        Err(ValueError::Targets { .. }) => "targets",
        Err(ValueError::Sequence { .. }) => "sequence",
    }
    .into()
}

fn read(format: &str, text: &str) -> Result<String, ValueError> {
    match format {
        "authority" => AuthorityValue::parse(text).map(|value| value.to_text()),
        "channel" => ChannelValue::parse(text).map(|value| value.to_text()),
        "update" => UpdateValue::parse(text).map(|value| value.to_text()),
        "build" => BuildValue::parse(text).map(|value| value.to_text()),
        "source" => SourceValue::parse(text).map(|value| value.to_text()),
        "policy" => PolicyValue::parse(text).map(|value| value.to_text()),
        other => panic!("format {other}"),
    }
}

pub fn accepts(vector: &Vector, bytes: &[u8]) -> Option<Vec<u8>> {
    match vector.get("format") {
        "entry" => StateEntry::parse(bytes).ok().map(|entry| entry.to_bytes()),
        format => read(format, std::str::from_utf8(bytes).ok()?).ok().map(String::into_bytes),
    }
}

pub fn make() -> Vec<Vector> {
    [entries(), values(), channels()].concat()
}

fn accept(name: &str, format: &str, comment: &str, body: impl Into<Vec<u8>>) -> Vector {
    Vector::accept(name, SPEC, comment, body).with("format", format)
}

fn entries() -> Vec<Vector> {
    let root = other(7).to_base64();
    let good = format!("glarus/state v1\ntime 1795430000\nrules 1\n{root}\n");
    let refuse = |name: &str, expect: &str, comment: &str, body: String| {
        Vector::refuse(name, "entry", expect, SPEC, comment, body).with("format", "entry")
    };
    let line = |name: &str, comment: &str, from: &str, to: &str| {
        assert!(good.contains(from));
        refuse(name, "line", comment, good.replacen(from, to, 1))
    };
    let decimal = "Numbers are decimals without sign and leading zeroes";
    vec![
        accept("entry", "entry", "Four lines: what it is, the time, the rules, and the map's root.", good.clone()),
        accept(
            "example",
            "entry",
            "The root of a map, by the rules 1, at a time in November 2026.",
            "glarus/state v1\ntime 1795430000\nrules 1\nbAzlHi15njLpzxk8+e2orDQfTizthQMZ0TL7vUVZpJ8=\n",
        ),
        accept(
            "entry-largest",
            "entry",
            "Numbers are below 2^64, whether or not the rules are known.",
            format!("glarus/state v1\ntime {m}\nrules {m}\n{root}\n", m = u64::MAX),
        ),
        line("entry-version", "The first line says version 1.", "v1", "v2"),
        line("entry-time-leading-zero", &format!("{decimal}."), "time 1", "time 01"),
        line("entry-time-plus", &format!("{decimal}."), "time 1", "time +1"),
        line("entry-time-two-spaces", "One space stands between word and number.", "time ", "time  "),
        line("entry-time-missing", "The second line is the time.", "time 1795430000", "rules 1"),
        line("entry-rules-empty", &format!("{decimal}."), "rules 1", "rules "),
        line("entry-root-without-padding", "The root is padded base64.", "=\n", "\n"),
        line("entry-root-trailing-bits", "Base64 has one form.", &root, &trailing_bit(&root)),
        line("entry-crlf", "Lines end in LF alone.", "1\nt", "1\r\nt"),
        refuse("entry-no-final-newline", "lines", "Each line ends in LF, the last one too.", good.trim_end().into()),
        refuse("entry-fifth-line", "lines", "There are four lines.", format!("{good}\n")),
        refuse("entry-three-lines", "lines", "There are four lines.", good.replacen("rules 1\n", "", 1)),
        refuse("entry-empty", "lines", "There are four lines.", String::new()),
        refuse(
            "entry-long",
            "length",
            "A state entry has at most 114 bytes.",
            good.replacen("1795", &"1".repeat(60), 1),
        ),
    ]
}

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

fn values() -> Vec<Vector> {
    let build = format!("build 5\nhttps://a.example PASSED {A} 7\nhttps://b.example FAILED {B} 6\n");
    let source =
        format!("https://a.example examined contradicted {A} 7\nhttps://a.example held confirmed {B} 8\nsource 5\n");
    let policy = format!("3 {A} 9\nhttps://a.example confirmed {B} 10\n");
    let authority = format!("2 {A} 9\n");
    let withdrawn = format!("withdrawn 12 {A}\n");
    let refuse = |name: &str, format: &str, expect: &str, comment: &str, body: String| {
        Vector::refuse(name, format, expect, SPEC, comment, body).with("format", format)
    };
    vec![
        accept("authority", "authority", "Epoch, id and index of the record in force.", authority.clone()),
        accept("update", "update", "An update in force, and its index.", "live 12\n"),
        accept(
            "update-withdrawn",
            "update",
            "A withdrawn update, its index, and the withdrawal's id.",
            withdrawn.clone(),
        ),
        accept("build", "build", "A build's index, and each party's last rebuild.", build.clone()),
        accept("build-alone", "build", "A build that nobody rebuilt.", "build 5\n"),
        accept("source", "source", "A source's index, and each party's last review of each kind.", source.clone()),
        accept("policy", "policy", "Epoch, id and index, and each party's last review.", policy.clone()),
        refuse(
            "authority-no-newline",
            "authority",
            "unterminated",
            "Each line ends in LF.",
            authority.trim_end().into(),
        ),
        refuse("authority-upper-case-id", "authority", "line", "Ids are lower-case hex.", authority.to_uppercase()),
        refuse("authority-short-id", "authority", "line", "An id is 32 bytes.", authority.replacen('a', "", 2)),
        refuse("authority-epoch-plus", "authority", "line", "Numbers have no sign.", format!("+{authority}")),
        refuse(
            "authority-two-lines",
            "authority",
            "line",
            "An authority has one line.",
            format!("{authority}3 {A} 9\n"),
        ),
        refuse("authority-empty", "authority", "unterminated", "No value is empty.", String::new()),
        refuse("update-unknown-word", "update", "line", "An update is live or withdrawn.", "gone 12\n".into()),
        refuse(
            "update-live-by",
            "update",
            "line",
            "A live update has no withdrawal.",
            withdrawn.replace("withdrawn", "live"),
        ),
        refuse("update-withdrawn-by-nobody", "update", "line", "A withdrawal is named.", "withdrawn 12\n".into()),
        refuse("update-two-spaces", "update", "line", "One space parts the words of a line.", "live  12\n".into()),
        refuse(
            "build-without-own-line",
            "build",
            "incomplete",
            "The line about the key is always there.",
            build.replacen("build 5\n", "", 1),
        ),
        refuse(
            "build-own-line-twice",
            "build",
            "repeated",
            "There is one line about the key.",
            build.replacen("build 5\n", "build 5\nbuild 6\n", 1),
        ),
        refuse(
            "build-same-line-twice",
            "build",
            "order",
            "No line is there twice.",
            build.replacen("build 5\n", "build 5\nbuild 5\n", 1),
        ),
        refuse(
            "build-not-sorted",
            "build",
            "order",
            "Lines are sorted by their bytes.",
            format!("https://a.example PASSED {A} 7\nbuild 5\n"),
        ),
        refuse(
            "build-party-twice",
            "build",
            "repeated",
            "There is one line a party.",
            build.replacen("b.example", "a.example", 1).replacen("FAILED", "PASSED", 1).replacen(" 7\n", " 6\n", 1),
        ),
        refuse(
            "build-lower-case-outcome",
            "build",
            "line",
            "A rebuild is PASSED or FAILED.",
            build.replacen("PASSED", "passed", 1),
        ),
        refuse(
            "build-party-no-https",
            "build",
            "line",
            "A party begins with https.",
            build.replacen("https", "http", 1),
        ),
        refuse(
            "build-party-upper-case",
            "build",
            "line",
            "A party is in lower case.",
            build.replacen("a.example", "A.example", 1),
        ),
        refuse(
            "source-unknown-claim",
            "source",
            "line",
            "A review is of held or examined.",
            source.replacen("held", "heard", 1),
        ),
        refuse(
            "source-unknown-outcome",
            "source",
            "line",
            "An outcome is confirmed or contradicted.",
            source.replacen("confirmed", "conformed", 1),
        ),
        refuse(
            "source-claim-twice",
            "source",
            "repeated",
            "There is one line a party and claim.",
            source.replacen("held", "examined", 1).replacen("confirmed", "contradicted", 1),
        ),
        refuse(
            "source-without-own-line",
            "source",
            "incomplete",
            "The line about the key is always there.",
            source.replacen("source 5\n", "", 1),
        ),
        refuse(
            "policy-without-own-line",
            "policy",
            "incomplete",
            "The line about the key is always there.",
            policy.replacen(&format!("3 {A} 9\n"), "", 1),
        ),
        refuse(
            "policy-own-line-twice",
            "policy",
            "repeated",
            "There is one line about the key.",
            policy.replacen(" 9\n", &format!(" 9\n4 {A} 9\n"), 1),
        ),
        refuse("policy-empty-line", "policy", "line", "An empty line says nothing.", format!("\n{policy}")),
    ]
}

fn channels() -> Vec<Vector> {
    let good = format!("sequence 7\ntarget - 5 {A} 20\ntarget linux-x86_64 7 {B} 30\n");
    let refuse = |name: &str, expect: &str, comment: &str, body: String| {
        Vector::refuse(name, "channel", expect, SPEC, comment, body).with("format", "channel")
    };
    let targets = |count: u64| {
        let lines = (0..count).map(|n| format!("target t{n:02} {} {A} {n}\n", n + 1));
        format!("sequence 99\n{}", lines.collect::<String>())
    };
    vec![
        accept("channel", "channel", "The last sequence, and the newest update of each target.", good.clone()),
        accept("channel-nothing-left", "channel", "A channel whose updates are all withdrawn.", "sequence 7\n"),
        accept("channel-64-targets", "channel", "A channel has at most 64 target lines.", targets(64)),
        refuse("channel-65-targets", "targets", "A channel has at most 64 target lines.", targets(65)),
        refuse("channel-sequence-zero", "sequence", "Sequences count from 1.", "sequence 0\n".into()),
        refuse("channel-target-sequence-zero", "sequence", "Sequences count from 1.", good.replacen("- 5", "- 0", 1)),
        refuse("channel-above-last", "sequence", "No sequence is above the last.", good.replacen("64 7", "64 8", 1)),
        refuse(
            "channel-sequence-shared",
            "sequence",
            "No two updates share a sequence.",
            good.replacen("- 5", "- 7", 1),
        ),
        refuse(
            "channel-no-sequence",
            "incomplete",
            "The sequence is always there.",
            good.replacen("sequence 7\n", "", 1),
        ),
        refuse(
            "channel-target-twice",
            "repeated",
            "There is one line a target.",
            good.replacen("linux-x86_64", "-", 1),
        ),
        refuse("channel-target-upper-case", "line", "A target is in lower case.", good.replacen("linux", "Linux", 1)),
        refuse(
            "channel-target-hyphen-first",
            "line",
            "A target begins with a letter or digit.",
            good.replacen("linux", "-linux", 1),
        ),
        refuse(
            "channel-target-empty",
            "line",
            "No target is written as a hyphen.",
            good.replacen("target - ", "target  ", 1),
        ),
        refuse(
            "channel-target-65-bytes",
            "line",
            "A target has at most 64 bytes.",
            good.replacen("linux-x86_64", &"t".repeat(65), 1),
        ),
        refuse(
            "channel-not-sorted",
            "order",
            "Lines are sorted by their bytes.",
            format!("target - 5 {A} 20\nsequence 7\n"),
        ),
    ]
}
