//! JSON from outside: one strict, bounded tree.

use super::format::Vector;
use spec::json::{self, Found};

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
