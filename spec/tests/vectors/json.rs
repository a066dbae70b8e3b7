//! JSON from outside: one strict, bounded tree.

use super::format::Vector;
use spec::json::{self, Found};
use std::collections::BTreeSet;

const RFC: &str = "https://www.rfc-editor.org/rfc/rfc8259";
const OURS: &str = "https://github.com/glarus/glarus/blob/main/spec/json.md";

pub fn run(vector: &Vector) -> String {
    let value = match json::parse(&vector.body) {
        Ok(value) => value,
        Err(error) => {
            let at = u64::try_from(error.at).unwrap();
            assert_eq!(vector.number("byte"), at, "{}: {error}", vector.name);
            let surrogate = matches!(error.found, Found::Surrogate { .. });
            let expect = if surrogate { "lone-surrogate" } else { error.name() };
            return if matches!(error.found, Found::NotUtf8) { "not-utf-8".into() } else { expect.into() };
        }
    };
    match vector.get("format") {
        "integer" => if value.integer().is_some() { "accept" } else { "integer" }.into(),
        "members" => match value.object().unwrap().case_collision() {
            Some(_) => "case-collision".into(),
            None => "accept".into(),
        },
        _ => "accept".into(),
    }
}

fn accept(name: &str, format: &str, comment: &str, body: impl Into<Vec<u8>>) -> Vector {
    Vector::accept(name, RFC, comment, body).with("format", format)
}

/// Refused at this byte, counted from 0.
fn refuse(name: &str, (expect, byte): (&str, usize), comment: &str, body: impl Into<Vec<u8>>) -> Vector {
    let spec = if expect == "not-json" { RFC } else { OURS };
    Vector::refuse(name, "value", expect, spec, comment, body).with("format", "value").with("byte", byte)
}

pub fn make() -> Vec<Vector> {
    [values(), grammar(), read()].concat()
}

fn values() -> Vec<Vector> {
    let nested = |depth: usize| ["[".repeat(depth), "]".repeat(depth)].concat();
    let objects = |depth: usize| [r#"{"a":"#.repeat(depth), "1".into(), "}".repeat(depth)].concat();
    let utf8 = "The bytes are UTF-8";
    let twice = "No object has a key twice, escapes resolved";
    let half = "An escape never leaves half of a surrogate pair";
    vec![
        accept("example", "value", "An object.", r#"{"product":"pkg:generic/acme/shield","sequence":41}"#),
        accept("value", "value", "Everything that JSON has.", r#" {"a":[1,-0.5e+2,true,false,null,"b"],"c":{}} "#),
        accept(
            "escapes",
            "value",
            "All escapes, a surrogate pair among them.",
            r#""\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00""#,
        ),
        accept("depth-32", "value", "At most 32 arrays and objects stand inside each other.", nested(32)),
        accept("depth-in-string", "value", "Brackets in a string are no arrays.", format!("\"{}\"", "[".repeat(40))),
        accept(
            "same-key-elsewhere",
            "value",
            "Different objects may have the same key.",
            r#"{"a":{"a":1},"b":{"a":2}}"#,
        ),
        refuse("depth-33", ("too-deep", 32), "At most 32 arrays and objects stand inside each other.", nested(33)),
        refuse("depth-33-objects", ("too-deep", 160), "Objects count as arrays do.", objects(33)),
        refuse("duplicate-key", ("duplicate-key", 7), &format!("{twice}."), r#"{"a":1,"a":1}"#),
        refuse("duplicate-key-escaped", ("duplicate-key", 7), &format!("{twice}."), r#"{"a":1,"\u0061":2}"#),
        refuse("duplicate-key-deep", ("duplicate-key", 14), &format!("{twice}."), r#"[{"a":{"b":[],"\u0062":{}}}]"#),
        refuse("duplicate-empty-key", ("duplicate-key", 6), &format!("{twice}, an empty one too."), r#"{"":1,"":2}"#),
        refuse("surrogate-high-alone", ("lone-surrogate", 1), &format!("{half}."), r#""\ud800""#),
        refuse("surrogate-low-alone", ("lone-surrogate", 1), &format!("{half}."), r#""\udc00""#),
        refuse("surrogate-two-high", ("lone-surrogate", 1), &format!("{half}."), r#""\ud800\ud800""#),
        refuse("surrogate-before-letter", ("lone-surrogate", 1), &format!("{half}."), r#""\ud800\u0041""#),
        refuse("surrogate-in-key", ("lone-surrogate", 2), &format!("{half}."), r#"{"\ud800":1}"#),
        refuse("not-utf-8", ("not-utf-8", 1), &format!("{utf8}."), b"\"\xff\"".as_slice()),
        refuse(
            "not-utf-8-overlong",
            ("not-utf-8", 1),
            &format!("{utf8}, no overlong form."),
            b"\"\xc0\x80\"".as_slice(),
        ),
        refuse(
            "not-utf-8-surrogate",
            ("not-utf-8", 1),
            &format!("{utf8}, no surrogate."),
            b"\"\xed\xa0\x80\"".as_slice(),
        ),
        refuse("byte-order-mark", ("not-json", 0), "No byte order mark stands before the value.", "\u{feff}1"),
    ]
}

fn grammar() -> Vec<Vector> {
    let one = |name: &str, byte: usize, comment: &str, body: &str| refuse(name, ("not-json", byte), comment, body);
    vec![
        one("empty", 0, "There is one value.", ""),
        one("white-space-alone", 1, "There is one value.", " "),
        one("trailing-bytes", 2, "Nothing but white space follows the value.", "{}x"),
        one("trailing-value", 2, "Nothing but white space follows the value.", "1 2"),
        one("trailing-nul", 2, "NUL is no white space.", "{}\0"),
        one("other-white-space", 0, "White space is space, tab, LF and CR alone.", "\u{a0}1"),
        one("comment", 0, "There are no comments.", "// 1"),
        one("trailing-comma-array", 3, "A value follows a comma.", "[1,]"),
        one("trailing-comma-object", 7, "A key follows a comma.", r#"{"a":1,}"#),
        one("key-without-quotes", 1, "A key is a string.", "{a:1}"),
        one("single-quotes", 0, "Strings stand in quotation marks.", "'a'"),
        one("array-not-closed", 2, "An array ends.", "[1"),
        one("string-not-closed", 2, "A string ends.", "\"a"),
        one("newline-in-string", 2, "Control characters are escaped in strings.", "\"a\nb\""),
        one("unknown-escape", 2, "There are nine escapes.", r#""\x41""#),
        one("short-unicode-escape", 5, "Four hex digits follow.", r#""\u12""#),
        one("plus-in-unicode-escape", 3, "Four hex digits follow.", r#""\u+123""#),
        one("number-leading-zero", 1, "A number has no leading zero.", "01"),
        one("number-plus", 0, "A number has no plus sign.", "+1"),
        one("number-no-fraction", 2, "A digit follows the point.", "1."),
        one("number-point-first", 0, "A digit stands before the point.", ".5"),
        one("number-hexadecimal", 1, "Numbers are decimal.", "0x10"),
        one("not-a-number", 0, "There is no such value.", "NaN"),
        one("literal-upper-case", 0, "Literals are in lower case.", "True"),
    ]
}

/// What is refused where members and integers are read.
fn read() -> Vec<Vector> {
    let integer = |name: &str, comment: &str, body: &str| {
        Vector::refuse(name, "integer", "integer", OURS, comment, body).with("format", "integer")
    };
    let members = |name: &str, comment: &str, body: &str| {
        Vector::refuse(name, "members", "case-collision", OURS, comment, body).with("format", "members")
    };
    let folded = "Where members are read no two keys differ by case alone";
    vec![
        accept("integer", "integer", "The largest integer is 2^53-1.", "9007199254740991"),
        accept("integer-zero", "integer", "The smallest integer is 0.", "0"),
        integer(
            "integer-2-53",
            "The largest integer is 2^53-1, for not all readers keep larger ones.",
            "9007199254740992",
        ),
        integer("integer-2-64", "The largest integer is 2^53-1, and 2^64 + 1 is not 1.", "18446744073709551617"),
        integer("integer-negative", "Integers have no sign.", "-1"),
        integer("integer-minus-zero", "Integers have no sign.", "-0"),
        integer("integer-fraction", "Integers are digits alone.", "1.0"),
        integer("integer-exponent", "Integers are digits alone.", "1e0"),
        integer("integer-string", "An integer is a number.", "\"1\""),
        accept("members", "members", "Keys that differ in more than case.", r#"{"keyid":1,"key-id":2,"sig":3}"#),
        members("members-case", &format!("{folded}."), r#"{"keyid":1,"keyID":2}"#),
        members("members-case-escaped", &format!("{folded}, escapes resolved."), r#"{"keyid":1,"key\u0049D":2}"#),
        members("members-case-umlaut", &format!("{folded}, beyond ASCII too."), r#"{"ö":1,"Ö":2}"#),
        members("members-kelvin-sign", &format!("{folded}, and U+212A folds to k."), "{\"key\":1,\"\u{212a}ey\":2}"),
        members("members-long-s", &format!("{folded}, and U+017F folds to s."), "{\"sig\":1,\"\u{17f}ig\":2}"),
        members("members-dotless-i", &format!("{folded}, and U+0131 folds to i."), "{\"sig\":1,\"s\u{131}g\":2}"),
    ]
}

/// Each vector, accepted or refused, with every change of one byte and every truncation, against a reader by other authors.
#[test]
fn what_is_read_is_what_serde_json_reads() {
    let vectors = make();
    let bodies: BTreeSet<_> = vectors.iter().map(|vector| vector.body.as_slice()).collect();
    let tried = bodies.iter().map(|body| changed(body, compare)).sum::<Compared>();
    println!("{tried:?}");
    assert!(tried.accepted > 1_000 && tried.refused > 1_000 && tried.stricter > 100);
}

/// The same for the accepted JSON of all chapters, which is longer; of more than 2,048 bytes nothing else is to be seen.
#[test]
#[ignore = "five minutes: every change of one byte of every accepted JSON text"]
fn every_json_is_what_serde_json_reads() {
    let vectors = [super::record::make(), super::authority::make(), super::api::make(), super::bundle::make()].concat();
    let vectors = vectors.iter().filter(|vector| vector.get("expect") == "accept");
    let json = |body: &&[u8]| body.first().is_some_and(|byte| b"{[ \n".contains(byte)) && body.len() <= 2_048;
    let bodies: BTreeSet<_> = vectors.map(|vector| vector.body.as_slice()).filter(json).collect();
    let bodies: Vec<_> = bodies.into_iter().collect();
    let tried = std::thread::scope(|scope| {
        let work =
            |half: usize| bodies.iter().skip(half).step_by(2).map(|body| changed(body, compare)).sum::<Compared>();
        let workers = [0, 1].map(|half| scope.spawn(move || work(half)));
        workers.map(|worker| worker.join().unwrap()).into_iter().sum::<Compared>()
    });
    println!("{} texts: {tried:?}", bodies.len());
    assert!(bodies.len() > 50 && tried.accepted > 1_000_000 && tried.refused > 1_000_000 && tried.stricter > 0);
}

/// How many texts both accepted, both refused, and only we refused.
#[derive(Clone, Copy, Default, Debug)]
struct Compared {
    accepted: usize,
    refused: usize,
    stricter: usize,
}

impl std::iter::Sum for Compared {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            accepted: sum.accepted + one.accepted,
            refused: sum.refused + one.refused,
            stricter: sum.stricter + one.stricter,
        })
    }
}

/// A text, cut at each byte and with each byte set to each value.
fn changed(text: &[u8], one: impl Fn(&[u8]) -> Compared) -> Compared {
    let cut = (0..text.len()).map(|at| one(&text[..at])).sum::<Compared>();
    let mut mangled = text.to_vec();
    let mut set = Compared::default();
    for at in 0..text.len() {
        for value in 0..=255 {
            mangled[at] = value;
            set = [set, one(&mangled)].into_iter().sum();
        }
        mangled[at] = text[at];
    }
    [cut, set].into_iter().sum()
}

/// What we accept, serde_json accepts with the same value. What is not JSON to us is none to it.
fn compare(text: &[u8]) -> Compared {
    let shown = || String::from_utf8_lossy(text).into_owned();
    let theirs = serde_json::from_slice::<serde_json::Value>(text);
    let none = Compared::default();
    match (json::parse(text), theirs) {
        (Ok(ours), Ok(theirs)) => {
            assert!(same(&ours, &theirs), "{}: {ours:?}, {theirs:?}", shown());
            Compared { accepted: 1, ..none }
        }
        // We keep a number as its text; it has no place for one beyond the largest of 64 bits.
        (Ok(ours), Err(error)) => {
            assert!(has_infinite(&ours), "{}: {error}", shown());
            Compared { refused: 1, ..none }
        }
        (Err(error), Ok(_)) => {
            assert!(matches!(error.name(), "duplicate-key" | "too-deep"), "{}: {error}", shown());
            Compared { stricter: 1, ..none }
        }
        (Err(_), Err(_)) => Compared { refused: 1, ..none },
    }
}

fn same(ours: &json::Value, theirs: &serde_json::Value) -> bool {
    use serde_json::Value as Theirs;
    match (ours, theirs) {
        (json::Value::Null, Theirs::Null) => true,
        (json::Value::Bool(ours), Theirs::Bool(theirs)) => ours == theirs,
        (json::Value::String(ours), Theirs::String(theirs)) => ours == theirs,
        (json::Value::Array(ours), Theirs::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| same(ours, theirs))
        }
        (json::Value::Object(ours), Theirs::Object(theirs)) => {
            let member = |(key, ours): (&str, &json::Value)| theirs.get(key).is_some_and(|theirs| same(ours, theirs));
            ours.len() == theirs.len() && ours.iter().all(member)
        }
        (json::Value::Number(ours), Theirs::Number(theirs)) => match ours.integer() {
            Some(integer) => theirs.as_u64() == Some(integer),
            None => {
                let (ours, theirs) = (ours.text().parse::<f64>().unwrap(), theirs.as_f64().unwrap());
                // Its last bit may be off: exact rounding is a feature of its own there.
                (ours - theirs).abs() <= ours.abs() * f64::EPSILON
            }
        },
        _ => false,
    }
}

fn has_infinite(value: &json::Value) -> bool {
    match value {
        json::Value::Number(number) => number.text().parse::<f64>().unwrap().is_infinite(),
        json::Value::Array(values) => values.iter().any(has_infinite),
        json::Value::Object(object) => object.iter().any(|(_, value)| has_infinite(value)),
        json::Value::Null | json::Value::Bool(_) | json::Value::String(_) => false,
    }
}
