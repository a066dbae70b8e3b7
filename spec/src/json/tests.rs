use super::*;
use alloc::{collections::BTreeSet, format, string::ToString};

/// Every value that JSON can say, written by us.
fn write(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(&value.to_string()),
        Value::Number(number) => out.push_str(number.text()),
        Value::String(text) => write_string(out, text),
        Value::Array(values) => {
            out.push('[');
            for (at, value) in values.iter().enumerate() {
                out.push_str(if at == 0 { "" } else { "," });
                write(out, value);
            }
            out.push(']');
        }
        Value::Object(object) => {
            out.push('{');
            for (at, (key, value)) in object.iter().enumerate() {
                out.push_str(if at == 0 { "" } else { "," });
                write_string(out, key);
                out.push(':');
                write(out, value);
            }
            out.push('}');
        }
    }
}

fn written(value: &Value) -> String {
    let mut out = String::new();
    write(&mut out, value);
    out
}

#[test]
fn values_and_their_one_form() {
    #[track_caller]
    fn check(text: &str, form: &str) {
        let value = parse(text.as_bytes()).unwrap();
        assert_eq!(written(&value), form);
        assert_eq!(parse(form.as_bytes()).unwrap(), value);
    }
    check("null", "null");
    check(" \t\r\n true\n", "true");
    check("false", "false");
    for number in ["0", "-0", "10", "-1.50", "1e5", "1E+05", "0.0e-0", "123456789012345678901234567890"] {
        check(number, number);
    }
    check("\"\"", "\"\"");
    check(r#""\u0041\/\b\f\n\r\t\\\" \u00e9 é""#, r#""A/\b\f\n\r\t\\\" é é""#);
    check(r#""\uD83D\uDE00 \ud83d\ude00""#, "\"😀 😀\"");
    check(r#""\u0000\u001F\u007f""#, "\"\\u0000\\u001f\u{7f}\"");
    check(r#""\ud7ff\ue000\uffff""#, "\"\u{d7ff}\u{e000}\u{ffff}\"");
    check(" [ ] ", "[]");
    check(" { } ", "{}");
    check(r#"[1 , [ ], {"a" : null , "A":[]} ]"#, r#"[1,[],{"a":null,"A":[]}]"#);
    check(r#"{"":"","a":{"a":{"a":1}}}"#, r#"{"":"","a":{"a":{"a":1}}}"#);
}

#[test]
fn refusals() {
    #[track_caller]
    fn check(text: &str, at: usize, message: &str) {
        let error = parse(text.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), format!("byte {at}: {message}"), "{text:?}");
    }
    check("", 0, "found the end, expected a value");
    check("\u{feff}1", 0, "found '\\u{feff}', expected a value");
    check("1 2", 2, "found '2', expected the end");
    check("{}\0", 2, "found '\\0', expected the end");
    check("\u{a0}1", 0, "found '\\u{a0}', expected a value");
    check("\u{c}1", 0, "found '\\u{c}', expected a value");
    check("// 1", 0, "found '/', expected a value");
    for word in ["nul", "True", "NaN", "Infinity", "undefined", "'a'", "+1", ".5", "é"] {
        let first = word.chars().next().unwrap();
        check(word, 0, &format!("found {first:?}, expected a value"));
    }
    check("truex", 4, "found 'x', expected the end");
    check("01", 1, "found '1', expected the end");
    check("-", 1, "found the end, expected a digit");
    check("-a", 1, "found 'a', expected a digit");
    check("1.", 2, "found the end, expected a digit");
    check("1.e1", 2, "found 'e', expected a digit");
    check("1e", 2, "found the end, expected a digit");
    check("1e+-1", 3, "found '-', expected a digit");
    check("0x10", 1, "found 'x', expected the end");
    check("[", 1, "found the end, expected a value");
    check("[1", 2, "found the end, expected a comma or the array's end");
    check("[1,]", 3, "found ']', expected a value");
    check("[,1]", 1, "found ',', expected a value");
    check("[1}", 2, "found '}', expected a comma or the array's end");
    check("{", 1, "found the end, expected a key in quotation marks");
    check("{a:1}", 1, "found 'a', expected a key in quotation marks");
    check("{\"a\"}", 4, "found '}', expected a colon");
    check("{\"a\":}", 5, "found '}', expected a value");
    check("{\"a\":1,}", 7, "found '}', expected a key in quotation marks");
    check("{\"a\":1 \"b\":2}", 7, "found '\"', expected a comma or the object's end");
    check("\"a", 2, "found the end, expected the string's end");
    check("\"a\nb\"", 2, "found '\\n' in a string, where it must be escaped");
    check("\"\0\"", 1, "found '\\0' in a string, where it must be escaped");
    check("\"\u{1f}\"", 1, "found '\\u{1f}' in a string, where it must be escaped");
    check("\"\\", 2, "found the end, expected an escape");
    check("\"\\x41\"", 2, "found 'x' after a backslash, which is no escape");
    check("\"\\é\"", 2, "found 'é' after a backslash, which is no escape");
    check("\"\\u12\"", 5, "found '\"', expected four hex digits");
    check("\"\\u+123\"", 3, "found '+', expected four hex digits");
    check("\"\\U0041\"", 2, "found 'U' after a backslash, which is no escape");
    for half in ["\\ud800", "\\udc00", "\\ud800x", "\\ud800\\n", "\\udbff\\ud800", "\\udbff\\u0041", "\\udfff\\ud800"] {
        let first = &half[2..6];
        check(&format!("\"{half}\""), 1, &format!("found {first}, half of a surrogate pair, without the other"));
    }
    check(r#"{"a":1,"b":2,"a":3}"#, 13, "found the key \"a\" a second time in its object");
    check(r#"{"a":1,"\u0061":2}"#, 7, "found the key \"a\" a second time in its object");
    check(r#"{"b":1,"a":1, "b":2,"a":3}"#, 14, "found the key \"b\" a second time in its object");
    check(r#"[{"a":{"é":[],"\u00E9":{}}}]"#, 15, "found the key \"é\" a second time in its object");
    for (bytes, at) in [(&b"\xff"[..], 0), (b"\"\xc0\x80\"", 1), (b"\"\xed\xa0\x80\"", 1), (b"[\"a\"]\x80", 5)] {
        assert_eq!(parse(bytes), Err(JsonError { at, found: Found::NotUtf8 }));
    }
}

#[test]
fn depth_is_bounded() {
    let nested =
        |open: &str, inner: &str, close: &str, depth| [open.repeat(depth), inner.into(), close.repeat(depth)].concat();
    for (open, inner, close) in [("[", "", "]"), ("{\"a\":", "1", "}"), ("[", "\"[[[[\"", "]")] {
        parse(nested(open, inner, close, 32).as_bytes()).unwrap();
        let error = parse(nested(open, inner, close, 33).as_bytes()).unwrap_err();
        assert_eq!(error, JsonError { at: 32 * open.len(), found: Found::Deeper });
        assert_eq!(error.name(), "too-deep");
    }
    assert_eq!(parse("[".repeat(1_000_000).as_bytes()).unwrap_err().found, Found::Deeper);
}

#[test]
fn integers() {
    for (text, value) in [
        ("0", Some(0)),
        ("41", Some(41)),
        ("9007199254740991", Some(MAX_INTEGER)),
        ("9007199254740992", None),
        ("18446744073709551616", None),
        ("-0", None),
        ("-1", None),
        ("1.0", None),
        ("1e0", None),
        ("\"1\"", None),
    ] {
        assert_eq!(parse(text.as_bytes()).unwrap().integer(), value, "{text}");
    }
}

#[test]
fn members_by_name_and_type() {
    let value = parse(br#"{"n":null,"b":true,"i":1,"s":"x","a":[0],"o":{}}"#).unwrap();
    let object = value.object().unwrap();
    let names: Vec<_> = object.iter().map(|(key, value)| (key, value.type_name())).collect();
    let types = ["null", "a boolean", "a number", "a string", "an array", "an object"];
    assert_eq!(names, ["n", "b", "i", "s", "a", "o"].into_iter().zip(types).collect::<Vec<_>>());
    assert_eq!(object.get("b").unwrap().boolean(), Some(true));
    assert_eq!(object.get("s").unwrap().string(), Some("x"));
    assert_eq!(object.get("a").unwrap().array().map(<[Value]>::len), Some(1));
    assert_eq!(object.get("S"), None);
    assert_eq!((object.len(), object.is_empty()), (6, false));
    for (_, value) in object.iter() {
        let reads = [
            value.boolean().is_some(),
            value.integer().is_some(),
            value.string().is_some(),
            value.array().is_some(),
            value.object().is_some(),
        ];
        assert_eq!(reads.iter().filter(|read| **read).count(), usize::from(*value != Value::Null));
    }
}

#[test]
fn keys_that_differ_by_case() {
    #[track_caller]
    fn check(keys: &[&str], collision: Option<(&str, &str)>) {
        let members = keys.iter().map(|key| ((*key).into(), Value::Null)).collect();
        assert_eq!(Object { members }.case_collision(), collision);
    }
    check(&[], None);
    check(&["log", "product", "logs"], None);
    check(&["log", "product", "Log"], Some(("log", "Log")));
    check(&["SUBJECT", "a", "subject"], Some(("SUBJECT", "subject")));
    check(&["subject", "\u{17f}ubject"], Some(("subject", "\u{17f}ubject")));
    check(&["\u{212a}eyid", "keyid"], Some(("\u{212a}eyid", "keyid")));
    check(&["d\u{130}gest", "digest", "d\u{131}gest"], Some(("d\u{130}gest", "digest")));
    check(&["straße", "STRASSE"], None);
    check(&["É", "é"], Some(("É", "é")));
    check(&["Журнал", "журнал"], Some(("Журнал", "журнал")));
    check(&["ΣΑΣ", "σας"], None);
    check(&["\u{1e00}", "\u{1e01}"], None);
}

/// Whatever folds onto an ASCII letter in the compiler's tables folds onto it here, so that no key that we read has a twin.
#[test]
fn nothing_else_folds_onto_ascii() {
    for letter in (0x80..=0x10ffff).filter_map(char::from_u32) {
        let upper = letter.to_uppercase().flat_map(char::to_lowercase);
        let lower = letter.to_lowercase();
        for other in [upper.collect::<String>(), lower.collect()] {
            if other.len() == 1 {
                assert!(other.starts_with(fold(letter)), "{letter:?} folds onto {other}");
            }
        }
    }
}

#[test]
fn hostile_objects_cost_no_more_than_a_sort() {
    let keys: Vec<_> = (0..200_000).map(|key| format!("\"{key:x}\":0")).collect();
    let mut text = format!("{{{}}}", keys.join(","));
    let value = parse(text.as_bytes()).unwrap();
    assert_eq!(value.object().unwrap().case_collision(), None);
    text.insert_str(text.len() - 1, ",\"0\":1");
    assert_eq!(parse(text.as_bytes()).unwrap_err().name(), "duplicate-key");
}

/// Each mangled text is refused, or is JSON that we write again and read as the same.
#[test]
fn mangled_texts() {
    let text = br#"{"a":[1,-2.5e+3,"x\u00e9\ud83d\ude00"],"A":{"":true,"n":null}} "#;
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % below as u64) as usize
    };
    let mut accepted = 0;
    for _ in 0..20_000 {
        let mut bytes = text.to_vec();
        for _ in 0..=next(3) {
            let at = next(bytes.len());
            match next(4) {
                0 => bytes[at] = next(256) as u8,
                1 => bytes[at] = text[next(text.len())],
                2 => drop(bytes.remove(at)),
                _ => bytes.insert(at, text[next(text.len())]),
            }
        }
        match parse(&bytes) {
            Ok(value) => {
                accepted += 1;
                assert_eq!(parse(written(&value).as_bytes()).as_ref(), Ok(&value));
            }
            Err(error) => assert!(error.at <= bytes.len()),
        }
    }
    assert!(accepted > 100, "{accepted}");
    for end in 0..text.len() - 1 {
        assert!(parse(&text[..end]).is_err(), "{end}");
    }
}

/// Every pair of bytes at every place of eight, where a borrow of one could reach the other.
#[test]
fn eight_bytes_are_special_if_one_is() {
    let special = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    for (low, high) in (0..=u8::MAX).flat_map(|low| (0..=u8::MAX).map(move |high| (low, high))) {
        for at in 0..7 {
            let mut bytes = [b'a'; 8];
            (bytes[at], bytes[at + 1]) = (low, high);
            assert_eq!(special_bits(u64::from_le_bytes(bytes)) != 0, special(low) || special(high), "{bytes:?}");
        }
    }
}

#[test]
fn texts_are_borrowed_but_where_an_escape_stands() {
    let bytes = br#"{"key":"a text of more than eight bytes","k\u0065y2":"a\ttext","n":-1.5e3}"#;
    let value = parse(bytes).unwrap();
    let object = value.object().unwrap();
    let borrowed = object.members.iter().map(|(key, value)| {
        (matches!(key, Cow::Borrowed(_)), matches!(value, Value::String(Cow::Borrowed(_)) | Value::Number(_)))
    });
    assert_eq!(borrowed.collect::<Vec<_>>(), [(true, true), (false, false), (true, true)]);
    assert_eq!(object.get("key2").and_then(Value::string), Some("a\ttext"));
}

/// Few keys are compared in pairs, more are sorted: what is found is the same.
#[test]
fn repeated_and_colliding_keys_among_few_and_many() {
    for count in [2, 15, 16, 17, 40] {
        let keys: Vec<String> = (1..count).map(|at| format!("\"key{at}\":0")).collect();
        let with = |first: &str| format!("{{\"{first}\":0,{}}}", keys.join(","));
        let last = format!("key{}", count - 1);
        let text = with(&last);
        let at = text.rfind(&format!("\"{last}\"")).unwrap();
        assert_eq!(parse(text.as_bytes()), Err(JsonError { at, found: Found::Duplicate { key: last.clone() } }));
        for (first, collides) in
            [(last.to_uppercase(), true), ("other".into(), false), (last.replace('k', "\u{212a}"), true)]
        {
            let text = with(&first);
            let value = parse(text.as_bytes()).unwrap();
            let found = value.object().unwrap().case_collision().map(|(one, other)| [one, other].map(String::from));
            let both = found.map(BTreeSet::from);
            assert_eq!(both, collides.then(|| BTreeSet::from([first, last.clone()])), "{count}");
        }
    }
}
