//! Reading the members of JSON objects, each failure with the path of the member.

use super::{Digest, MAX_NAME_BYTES, RecordError, clipped};
use crate::authority::Namespace;
use crate::json::{Object, Value};
use alloc::{collections::BTreeSet, string::String, string::ToString, vec::Vec};

/// An object whose members are read: no two of its keys differ by case alone.
///
/// A `field` is the whole path of a member; its last part is the key.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a>(&'a Object<'a>);

impl<'a> Fields<'a> {
    pub(crate) fn new(object: &'a Object<'a>) -> Result<Self, RecordError> {
        match object.case_collision() {
            None => Ok(Self(object)),
            Some((first, second)) => {
                Err(RecordError::CaseCollidingKeys { first: clipped(first), second: clipped(second) })
            }
        }
    }

    pub(crate) fn of(field: &'static str, value: &'a Value<'a>) -> Result<Self, RecordError> {
        Self::new(value.object().ok_or_else(|| wrong_type(field, "an object", value))?)
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = (&'a str, &'a Value<'a>)> {
        self.0.iter()
    }

    pub(crate) fn len(self) -> usize {
        self.0.len()
    }

    pub(crate) fn optional(self, field: &'static str) -> Option<&'a Value<'a>> {
        // Compared from its end: to look for the last dot costs more than all the keys.
        let is = |key: &str| {
            field.strip_suffix(key).is_some_and(|path| path.is_empty() || path.ends_with('.')) && !key.contains('.')
        };
        self.iter().find(|(key, _)| is(key)).map(|(_, value)| value)
    }

    pub(crate) fn required(self, field: &'static str) -> Result<&'a Value<'a>, RecordError> {
        self.optional(field).ok_or(RecordError::MissingField { field })
    }

    pub(crate) fn object(self, field: &'static str) -> Result<Self, RecordError> {
        Self::of(field, self.required(field)?)
    }

    pub(crate) fn string(self, field: &'static str) -> Result<&'a str, RecordError> {
        string(field, self.required(field)?)
    }

    pub(crate) fn boolean(self, field: &'static str) -> Result<bool, RecordError> {
        let value = self.required(field)?;
        value.boolean().ok_or_else(|| wrong_type(field, "a boolean", value))
    }

    pub(crate) fn integer(self, field: &'static str) -> Result<u64, RecordError> {
        let have = self.number(field)?;
        have.integer().ok_or_else(|| RecordError::Integer { field, have: clipped(have.text()) })
    }

    pub(crate) fn number(self, field: &'static str) -> Result<&'a crate::json::Number<'a>, RecordError> {
        match self.required(field)? {
            Value::Number(number) => Ok(number),
            value => Err(wrong_type(field, "a number", value)),
        }
    }

    /// An array with at least `min` and at most `max` elements.
    pub(crate) fn list(self, field: &'static str, min: usize, max: usize) -> Result<&'a [Value<'a>], RecordError> {
        let value = self.required(field)?;
        let values = value.array().ok_or_else(|| wrong_type(field, "an array", value))?;
        count(field, values.len(), min, max)?;
        Ok(values)
    }

    /// A text of 1 to `max_bytes` bytes without control characters.
    pub(crate) fn text(self, field: &'static str, max_bytes: usize) -> Result<String, RecordError> {
        text(field, self.string(field)?, max_bytes)
    }

    /// An id or another SHA-256.
    pub(crate) fn digest(self, field: &'static str) -> Result<Digest, RecordError> {
        digest(field, self.string(field)?)
    }

    /// An id, or null.
    pub(crate) fn digest_or_null(self, field: &'static str) -> Result<Option<Digest>, RecordError> {
        match self.required(field)? {
            Value::Null => Ok(None),
            value => digest(field, string(field, value)?).map(Some),
        }
    }

    /// An array of 1 to `max` ids, no two alike.
    pub(crate) fn ids(self, field: &'static str, item: &'static str, max: usize) -> Result<Vec<Digest>, RecordError> {
        let values = self.list(field, 1, max)?.iter();
        let ids = values.map(|value| digest(item, string(item, value)?));
        distinct(item, ids.collect::<Result<_, _>>()?)
    }

    /// One of a closed list of words; `expected` names them.
    pub(crate) fn word<T>(
        self,
        field: &'static str,
        expected: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<T, RecordError> {
        let have = self.string(field)?;
        parse(have).ok_or_else(|| RecordError::Word { field, have: clipped(have), expected })
    }

    /// A namespace of one kind, which `is` knows; `expected` names it.
    pub(crate) fn namespace(
        self,
        field: &'static str,
        expected: &'static str,
        is: impl Fn(&Namespace) -> bool,
    ) -> Result<Namespace, RecordError> {
        let have = self.string(field)?;
        let namespace = Namespace::parse(have).ok().filter(is);
        namespace.ok_or_else(|| RecordError::Namespace { field, have: clipped(have), expected })
    }

    /// A party.
    pub(crate) fn party(self, field: &'static str) -> Result<Namespace, RecordError> {
        self.namespace(field, "a party, https:// and a lower-case DNS name", Namespace::is_party)
    }

    /// A record's place in a chain of epochs: its number, and the id of the one before, null for epoch 0 and only there.
    pub(crate) fn epoch(self) -> Result<(u64, Option<Digest>), RecordError> {
        let epoch = self.integer("predicate.epoch")?;
        let previous = self.digest_or_null("predicate.previous")?;
        if (epoch == 0) != previous.is_none() {
            return Err(RecordError::Previous { epoch });
        }
        Ok((epoch, previous))
    }

    /// The origin of a log.
    pub(crate) fn origin(self, field: &'static str) -> Result<String, RecordError> {
        origin(field, self.string(field)?)
    }
}

/// The origin of a log: text without white space or plus signs.
pub(crate) fn origin(field: &'static str, have: &str) -> Result<String, RecordError> {
    let have = text(field, have, MAX_NAME_BYTES)?;
    if have.chars().any(|letter| letter.is_whitespace() || letter == '+') {
        return Err(RecordError::Log { have });
    }
    Ok(have)
}

pub(crate) fn wrong_type(field: &'static str, expected: &'static str, value: &Value<'_>) -> RecordError {
    RecordError::WrongType { field, expected, have: value.type_name() }
}

pub(crate) fn string<'a>(field: &'static str, value: &'a Value<'_>) -> Result<&'a str, RecordError> {
    value.string().ok_or_else(|| wrong_type(field, "a string", value))
}

pub(crate) fn count(field: &'static str, have: usize, min: usize, max: usize) -> Result<(), RecordError> {
    if have < min {
        return Err(RecordError::Empty { field });
    }
    if have > max {
        return Err(RecordError::Limit { what: field, have, max });
    }
    Ok(())
}

pub(crate) fn text(field: &'static str, text: &str, max_bytes: usize) -> Result<String, RecordError> {
    count(field, text.len(), 1, max_bytes)?;
    match text.chars().find(|letter| letter.is_control()) {
        Some(found) => Err(RecordError::ControlCharacter { field, found }),
        None => Ok(text.into()),
    }
}

pub(crate) fn digest(field: &'static str, text: &str) -> Result<Digest, RecordError> {
    Digest::parse(text).ok_or_else(|| RecordError::Digest { field, have: clipped(text), expected: "64" })
}

pub(crate) fn git_commit(field: &'static str, text: &str) -> Result<String, RecordError> {
    let hex = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if !hex || !matches!(text.len(), 40 | 64) {
        return Err(RecordError::Digest { field, have: clipped(text), expected: "40 or 64" });
    }
    Ok(text.into())
}

/// Checks that no two elements are alike.
pub(crate) fn distinct<T: Ord + ToString>(field: &'static str, items: Vec<T>) -> Result<Vec<T>, RecordError> {
    let mut seen = BTreeSet::new();
    match items.iter().find(|item| !seen.insert(*item)) {
        Some(item) => Err(RecordError::Repeated { field, item: clipped(&item.to_string()) }),
        None => Ok(items),
    }
}
