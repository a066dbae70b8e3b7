#![doc = include_str!("../json.md")]

use alloc::{borrow::Cow, string::String, vec::Vec};
use core::{cmp::Ordering, fmt};

/// The most arrays and objects inside each other; a value that is neither has depth 0.
pub const MAX_DEPTH: usize = 32;

/// The largest integer that every reader keeps exactly: 2^53 - 1.
pub const MAX_INTEGER: u64 = (1 << 53) - 1;

/// A JSON value. Its texts are pieces of what was read, but where an escape had to be resolved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as its text.
    Number(Number<'a>),
    /// A string, escapes resolved.
    String(Cow<'a, str>),
    /// An array.
    Array(Vec<Value<'a>>),
    /// An object.
    Object(Object<'a>),
}

impl<'a> Value<'a> {
    /// Says what this is, for messages: "a string".
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }

    /// The boolean, if it is one.
    pub fn boolean(&self) -> Option<bool> {
        if let Self::Bool(value) = self { Some(*value) } else { None }
    }

    /// The integer, if it is a number that [`Number::integer`] takes.
    pub fn integer(&self) -> Option<u64> {
        if let Self::Number(number) = self { number.integer() } else { None }
    }

    /// The string, if it is one.
    pub fn string(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// The array's values, if it is one.
    pub fn array(&self) -> Option<&[Self]> {
        if let Self::Array(values) = self { Some(values) } else { None }
    }

    /// The object, if it is one.
    pub fn object(&self) -> Option<&Object<'a>> {
        if let Self::Object(object) = self { Some(object) } else { None }
    }
}

/// A number, as its text: 1, 1.0 and 1e0 are three.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Number<'a>(&'a str);

impl<'a> Number<'a> {
    /// The text.
    pub fn text(&self) -> &'a str {
        self.0
    }

    /// The integer from 0 to [`MAX_INTEGER`]; `None` with a sign, a fraction or an exponent.
    pub fn integer(&self) -> Option<u64> {
        crate::encoding::decimal(self.0).filter(|value| *value <= MAX_INTEGER)
    }
}

/// An object: its members in the order in which they were written, no key twice.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Object<'a> {
    members: Vec<(Cow<'a, str>, Value<'a>)>,
}

impl<'a> Object<'a> {
    /// The value of the member `name`.
    ///
    /// Cost: linear in the members.
    pub fn get(&self, name: &str) -> Option<&Value<'a>> {
        self.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// The members, in the order in which they were written.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value<'a>)> {
        self.members.iter().map(|(key, value)| (&**key, value))
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Finds two keys that differ by case alone; to be refused in objects whose members are read.
    ///
    /// Folded are the letters below U+0530 (Latin, Greek, Cyrillic) to their lower case, and onto ASCII also the four
    /// letters outside it that some reader folds there: the dotted and the dotless i, the long s, the Kelvin sign.
    /// The list is closed: were it the Unicode table of the compiler, two versions of this crate could disagree on
    /// whether a record is admissible, and a log would look guilty for what a new script did.
    ///
    /// Cost: at most a sort of the keys.
    pub fn case_collision(&self) -> Option<(&str, &str)> {
        if all_differ(&self.members, str::eq_ignore_ascii_case) {
            return None;
        }
        let mut keys: Vec<&str> = self.members.iter().map(|(key, _)| &**key).collect();
        keys.sort_by(|left, right| compare_folded(left, right));
        keys.windows(2).find_map(|pair| match pair {
            [left, right] if compare_folded(left, right) == Ordering::Equal => Some((*left, *right)),
            _ => None,
        })
    }
}

/// Whether the members are so few that each key is cheaply compared with each other, are ASCII, and all differ.
fn all_differ(members: &[(Cow<'_, str>, Value<'_>)], equal: impl Fn(&str, &str) -> bool) -> bool {
    let keys = || members.iter().map(|(key, _)| &**key);
    members.len() <= 16
        && keys().all(str::is_ascii)
        && keys().enumerate().all(|(at, key)| keys().take(at).all(|before| !equal(before, key)))
}

fn compare_folded(left: &str, right: &str) -> Ordering {
    left.chars().map(fold).cmp(right.chars().map(fold))
}

fn fold(letter: char) -> char {
    match letter {
        _ if letter.is_ascii() => letter.to_ascii_lowercase(),
        '\u{130}' | '\u{131}' => 'i',
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        _ if letter < '\u{530}' => letter.to_lowercase().next().unwrap_or(letter),
        _ => letter,
    }
}

/// Why bytes are not the JSON that we read, and where.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("byte {at}: {found}")]
pub struct JsonError {
    /// The byte, counted from 0, at which it was found.
    pub at: usize,
    /// What was found.
    pub found: Found,
}

impl JsonError {
    /// The name of the refusal.
    pub fn name(&self) -> &'static str {
        match self.found {
            Found::Deeper => "too-deep",
            Found::Duplicate { .. } => "duplicate-key",
            Found::NotUtf8
            | Found::End { .. }
            | Found::Other { .. }
            | Found::Control { .. }
            | Found::NoEscape { .. }
            | Found::Surrogate { .. } => "not-json",
        }
    }
}

/// What was found where a JSON text breaks a rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Found {
    /// Bytes that are not UTF-8.
    NotUtf8,
    /// The end.
    End {
        /// What should stand here.
        expected: &'static str,
    },
    /// Another character than the grammar allows.
    Other {
        /// The character.
        found: char,
        /// What should stand here.
        expected: &'static str,
    },
    /// A control character that a string must escape.
    Control {
        /// The character.
        found: char,
    },
    /// A backslash before a character that is no escape.
    NoEscape {
        /// The character.
        found: char,
    },
    /// An escaped half of a surrogate pair without the other half.
    Surrogate {
        /// The half.
        half: u16,
    },
    /// One array or object more inside each other than [`MAX_DEPTH`].
    Deeper,
    /// A key that its object has already.
    Duplicate {
        /// The key, escapes resolved.
        key: String,
    },
}

impl fmt::Display for Found {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotUtf8 => write!(out, "found bytes that are not UTF-8"),
            Self::End { expected } => write!(out, "found the end, expected {expected}"),
            Self::Other { found, expected } => write!(out, "found {found:?}, expected {expected}"),
            Self::Control { found } => write!(out, "found {found:?} in a string, where it must be escaped"),
            Self::NoEscape { found } => write!(out, "found {found:?} after a backslash, which is no escape"),
            Self::Surrogate { half } => write!(out, "found {half:04x}, half of a surrogate pair, without the other"),
            Self::Deeper => write!(out, "found more than {MAX_DEPTH} arrays and objects inside each other"),
            Self::Duplicate { key } => write!(out, "found the key {key:?} a second time in its object"),
        }
    }
}

/// Reads one JSON value.
///
/// Cost: time n log n, for duplicate keys among many are found by sorting; memory at most some sixty bytes a byte; the stack grows
/// with the depth, which is bounded.
///
/// # Errors
/// [`JsonError`], at the first byte that breaks a rule; a duplicate key is found at the end of its object.
pub fn parse(bytes: &[u8]) -> Result<Value<'_>, JsonError> {
    let text =
        core::str::from_utf8(bytes).map_err(|error| JsonError { at: error.valid_up_to(), found: Found::NotUtf8 })?;
    let mut parser = Parser { text, at: 0 };
    parser.white_space();
    let value = parser.value(MAX_DEPTH)?;
    parser.white_space();
    if parser.peek().is_some() {
        return Err(parser.unexpected("the end"));
    }
    Ok(value)
}

/// How many bytes come before the first that a string does not have as it is: quotation mark, backslash, control character.
fn plain_bytes(text: &str) -> usize {
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
    let (blocks, rest) = text.as_bytes().as_chunks::<8>();
    let plain = blocks.iter().take_while(|block| special_bits(u64::from_le_bytes(**block)) == 0).count();
    let rest = blocks.get(plain).map_or(rest, |block| block);
    plain.saturating_mul(8).saturating_add(rest.iter().position(special).unwrap_or(rest.len()))
}

/// Looks at eight bytes at once: no bit is set if none of them is special.
fn special_bits(bytes: u64) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    let below = |bytes: u64, limit: u64| bytes.wrapping_sub(limit.wrapping_mul(ONES)) & !bytes;
    let equal = |byte: u8| below(bytes ^ u64::from(byte).wrapping_mul(ONES), 1);
    (below(bytes, 0x20) | equal(b'"') | equal(b'\\')) & 0x80_u64.wrapping_mul(ONES)
}

/// Writes a string in the one form that we write: escaped are the quotation mark, the backslash and control characters,
/// those as `\b`, `\t`, `\n`, `\f`, `\r` or `\u00` and two lower-case hex digits.
pub fn write_string(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    loop {
        let (before, after) = rest.split_at_checked(plain_bytes(rest)).unwrap_or((rest, ""));
        out.push_str(before);
        let mut letters = after.chars();
        match letters.next() {
            None => break,
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            Some('\u{8}') => out.push_str("\\b"),
            Some('\t') => out.push_str("\\t"),
            Some('\n') => out.push_str("\\n"),
            Some('\u{c}') => out.push_str("\\f"),
            Some('\r') => out.push_str("\\r"),
            Some(control) => {
                let code = u32::from(control);
                out.push_str("\\u00");
                out.extend([code >> 4, code & 15].iter().filter_map(|nibble| char::from_digit(*nibble, 16)));
            }
        }
        rest = letters.as_str();
    }
    out.push('"');
}

/// The text, and how far it is read: `at` is always at a character's first byte.
struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes);
    }

    /// Takes `byte` if it stands here.
    fn take(&mut self, byte: u8) -> bool {
        let here = self.peek() == Some(byte);
        self.skip(usize::from(here));
        here
    }

    /// Takes ASCII bytes as long as `wanted`, and says how many.
    fn take_while(&mut self, wanted: impl Fn(u8) -> bool) -> usize {
        let count = self.rest().bytes().take_while(|byte| wanted(*byte)).count();
        self.skip(count);
        count
    }

    fn white_space(&mut self) {
        self.take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    }

    fn unexpected(&self, expected: &'static str) -> JsonError {
        let found = match self.rest().chars().next() {
            Some(found) => Found::Other { found, expected },
            None => Found::End { expected },
        };
        JsonError { at: self.at, found }
    }

    /// Reads the value that starts here; `depth` more arrays and objects may open.
    fn value(&mut self, depth: usize) -> Result<Value<'a>, JsonError> {
        match self.peek() {
            Some(b'{') => self.object(self.deeper(depth)?).map(Value::Object),
            Some(b'[') => self.array(self.deeper(depth)?).map(Value::Array),
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number().map(Value::Number),
            Some(b't') => self.literal("true", Value::Bool(true)),
            Some(b'f') => self.literal("false", Value::Bool(false)),
            Some(b'n') => self.literal("null", Value::Null),
            _ => Err(self.unexpected("a value")),
        }
    }

    fn deeper(&self, depth: usize) -> Result<usize, JsonError> {
        depth.checked_sub(1).ok_or(JsonError { at: self.at, found: Found::Deeper })
    }

    fn literal(&mut self, literal: &'static str, value: Value<'a>) -> Result<Value<'a>, JsonError> {
        if !self.rest().starts_with(literal) {
            return Err(self.unexpected("a value"));
        }
        self.skip(literal.len());
        Ok(value)
    }

    fn object(&mut self, depth: usize) -> Result<Object<'a>, JsonError> {
        let mut members = Vec::new();
        let mut starts = Vec::new();
        self.skip(1);
        self.white_space();
        if self.take(b'}') {
            return Ok(Object { members });
        }
        loop {
            starts.push(self.at);
            if self.peek() != Some(b'"') {
                return Err(self.unexpected("a key in quotation marks"));
            }
            let key = self.string()?;
            self.white_space();
            if !self.take(b':') {
                return Err(self.unexpected("a colon"));
            }
            self.white_space();
            members.push((key, self.value(depth)?));
            self.white_space();
            if self.take(b'}') {
                break;
            }
            if !self.take(b',') {
                return Err(self.unexpected("a comma or the object's end"));
            }
            self.white_space();
        }
        match duplicate(&members, &starts) {
            Some((key, at)) => Err(JsonError { at, found: Found::Duplicate { key: key.into() } }),
            None => Ok(Object { members }),
        }
    }

    fn array(&mut self, depth: usize) -> Result<Vec<Value<'a>>, JsonError> {
        let mut values = Vec::new();
        self.skip(1);
        self.white_space();
        if self.take(b']') {
            return Ok(values);
        }
        loop {
            values.push(self.value(depth)?);
            self.white_space();
            if self.take(b']') {
                return Ok(values);
            }
            if !self.take(b',') {
                return Err(self.unexpected("a comma or the array's end"));
            }
            self.white_space();
        }
    }

    fn number(&mut self) -> Result<Number<'a>, JsonError> {
        let rest = self.rest();
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            if !self.take(b'+') {
                self.take(b'-');
            }
            self.digits()?;
        }
        let bytes = self.at.saturating_sub(start);
        Ok(Number(rest.get(..bytes).unwrap_or_default()))
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        match self.take_while(|byte| byte.is_ascii_digit()) {
            0 => Err(self.unexpected("a digit")),
            _ => Ok(()),
        }
    }

    fn string(&mut self) -> Result<Cow<'a, str>, JsonError> {
        self.skip(1);
        let plain = self.plain();
        if self.take(b'"') {
            return Ok(Cow::Borrowed(plain));
        }
        let mut out = String::from(plain);
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.skip(1);
                    return Ok(Cow::Owned(out));
                }
                Some(b'\\') => out.push(self.escape()?),
                Some(byte) => return Err(JsonError { at: self.at, found: Found::Control { found: byte.into() } }),
                None => return Err(self.unexpected("the string's end")),
            }
            out.push_str(self.plain());
        }
    }

    /// Takes what a string has as it is.
    fn plain(&mut self) -> &'a str {
        let rest = self.rest();
        let plain = plain_bytes(rest);
        self.skip(plain);
        rest.get(..plain).unwrap_or_default()
    }

    /// Reads the escape whose backslash stands here.
    fn escape(&mut self) -> Result<char, JsonError> {
        let start = self.at;
        self.skip(1);
        let letter = match self.peek() {
            Some(b'u') => return self.unicode_escape(start),
            Some(letter @ (b'"' | b'\\' | b'/')) => letter.into(),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            _ => {
                let Some(found) = self.rest().chars().next() else { return Err(self.unexpected("an escape")) };
                return Err(JsonError { at: self.at, found: Found::NoEscape { found } });
            }
        };
        self.skip(1);
        Ok(letter)
    }

    /// Reads the rest of a `\u` escape that began at `start`, and of a second one where the two make a pair.
    fn unicode_escape(&mut self, start: usize) -> Result<char, JsonError> {
        let first = self.code_unit()?;
        let alone = JsonError { at: start, found: Found::Surrogate { half: first } };
        if !(0xd800..=0xdbff).contains(&first) {
            return char::from_u32(first.into()).ok_or(alone);
        }
        if !self.rest().starts_with("\\u") {
            return Err(alone);
        }
        self.skip(1);
        let second = self.code_unit()?;
        char::decode_utf16([first, second]).next().and_then(Result::ok).ok_or(alone)
    }

    /// Reads `u` and four hex digits.
    fn code_unit(&mut self) -> Result<u16, JsonError> {
        self.skip(1);
        let mut unit = 0_u16;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            let Some(digit) = digit.and_then(|digit| u16::try_from(digit).ok()) else {
                return Err(self.unexpected("four hex digits"));
            };
            unit = (unit << 4) | digit;
            self.skip(1);
        }
        Ok(unit)
    }
}

/// The first key that stands in an object a second time, and where it starts.
fn duplicate<'a>(members: &'a [(Cow<'_, str>, Value<'_>)], starts: &[usize]) -> Option<(&'a str, usize)> {
    if all_differ(members, |left, right| left == right) {
        return None;
    }
    let mut keys: Vec<(&str, usize)> = members.iter().zip(starts).map(|((key, _), start)| (&**key, *start)).collect();
    keys.sort_unstable();
    let repeated = keys.windows(2).filter_map(|pair| match pair {
        [(left, _), again @ (right, _)] if left == right => Some(*again),
        _ => None,
    });
    repeated.min_by_key(|(_, start)| *start)
}

#[cfg(test)]
mod tests;
