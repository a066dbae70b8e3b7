//! Changes of one member of a JSON text, where it stands: the rest stays as it is, byte for byte.

use std::ops::Range;

/// Where a member stands: where its key begins, and its value.
///
/// A path is the keys that lead to it, each the first of its name in the value of the one before that stands in the fewest
/// arrays and objects; `[]` after a key is for readers.
fn member(text: &str, path: &str) -> (usize, Range<usize>) {
    let (mut start, mut value) = (0, 0..text.len());
    for key in path.split('.') {
        let key = format!("\"{}\":", key.trim_end_matches("[]"));
        let inside = &text[value.clone()];
        let found = inside.match_indices(&key).map(|(at, _)| (depth(&inside[..at]), at)).min();
        let (_, at) = found.unwrap_or_else(|| panic!("no {path} in {text}"));
        start = value.start + at;
        let after = &text[start + key.len()..];
        let from = text.len() - after.trim_start().len();
        value = from..from + value_bytes(&text[from..]);
    }
    (start, value)
}

/// How many arrays and objects are open at the end of a text.
fn depth(text: &str) -> usize {
    let (mut depth, mut quoted, mut escaped) = (0, false, false);
    for byte in text.bytes() {
        if quoted {
            (quoted, escaped) = (escaped || byte != b'"', !escaped && byte == b'\\');
            continue;
        }
        match byte {
            b'"' => quoted = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
    }
    depth
}

/// How long the value is that a text begins with.
fn value_bytes(text: &str) -> usize {
    let (mut depth, mut quoted, mut escaped) = (0, false, false);
    for (at, byte) in text.bytes().enumerate() {
        if quoted {
            (quoted, escaped) = (escaped || byte != b'"', !escaped && byte == b'\\');
            if !quoted && depth == 0 {
                return at + 1;
            }
            continue;
        }
        match byte {
            b'"' => quoted = true,
            b'{' | b'[' => depth += 1,
            b',' | b'}' | b']' | b'\n' if depth == 0 => return at,
            b'}' | b']' if depth == 1 => return at + 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
    }
    text.len()
}

/// The value of a member, as it is written.
pub fn value<'a>(text: &'a str, path: &str) -> &'a str {
    &text[member(text, path).1]
}

/// The text with another value of a member.
pub fn set(text: &str, path: &str, value: &str) -> String {
    let (_, Range { start, end }) = member(text, path);
    [&text[..start], value, &text[end..]].concat()
}

/// The text without a member, and without the comma that it needed.
pub fn without(text: &str, path: &str) -> String {
    let (start, Range { end, .. }) = member(text, path);
    match text[end..].strip_prefix(',') {
        Some(rest) => [&text[..start], rest.trim_start()].concat(),
        None => [text[..start].trim_end().trim_end_matches(','), &text[end..]].concat(),
    }
}

/// The text with more members, or another key, before a member.
pub fn before(text: &str, path: &str, more: &str) -> String {
    let (start, _) = member(text, path);
    [&text[..start], more, &text[start..]].concat()
}

/// The text with an element before those of a list that has some.
pub fn first(text: &str, path: &str, element: &str) -> String {
    let (_, Range { start, .. }) = member(text, path);
    [&text[..=start], element, ", ", &text[start + 1..]].concat()
}

/// JSON without white space, as a person reads it.
pub fn pretty(json: &str) -> String {
    let (mut out, mut indent, mut quoted, mut escaped) = (String::new(), 0, false, false);
    let line = |out: &mut String, indent: usize| out.push_str(&format!("\n{}", "  ".repeat(indent)));
    let mut letters = json.chars().peekable();
    while let Some(letter) = letters.next() {
        if quoted {
            (quoted, escaped) = (escaped || letter != '"', !escaped && letter == '\\');
            out.push(letter);
            continue;
        }
        match letter {
            '{' | '[' if matches!(letters.peek(), Some('}' | ']')) => out.extend([letter, letters.next().unwrap()]),
            '{' | '[' => {
                (indent, _) = (indent + 1, out.push(letter));
                line(&mut out, indent);
            }
            '}' | ']' => {
                indent -= 1;
                line(&mut out, indent);
                out.push(letter);
            }
            ',' => {
                out.push(letter);
                line(&mut out, indent);
            }
            ':' => out.push_str(": "),
            '"' => {
                quoted = true;
                out.push(letter);
            }
            _ => out.push(letter),
        }
    }
    out + "\n"
}

#[test]
fn one_member_changes() {
    let text = r#"{"a": {"b": "x,\"}", "c": [1, {"b": 2}]}, "d": null}"#;
    assert_eq!(value(text, "a.b"), r#""x,\"}""#);
    assert_eq!(value(text, "a.c[].b"), "2");
    assert_eq!(value(r#"{"a": {"d": {"b": 1}, "b": 2}, "b": 3}"#, "a.b"), "2", "the one that stands in the fewest");
    assert_eq!(set(text, "d", "[]"), r#"{"a": {"b": "x,\"}", "c": [1, {"b": 2}]}, "d": []}"#);
    assert_eq!(without(text, "a.b"), r#"{"a": {"c": [1, {"b": 2}]}, "d": null}"#);
    assert_eq!(without(text, "d"), r#"{"a": {"b": "x,\"}", "c": [1, {"b": 2}]}}"#);
    assert_eq!(before(text, "d", "\"D\": 1, "), r#"{"a": {"b": "x,\"}", "c": [1, {"b": 2}]}, "D": 1, "d": null}"#);
    assert_eq!(first(text, "a.c", "0"), r#"{"a": {"b": "x,\"}", "c": [0, 1, {"b": 2}]}, "d": null}"#);
    assert_eq!(pretty(r#"{"a":[],"b":["x:\"",1]}"#), "{\n  \"a\": [],\n  \"b\": [\n    \"x:\\\"\",\n    1\n  ]\n}\n");
}
