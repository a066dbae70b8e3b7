//! Results: rows that people read, and that are one JSON object for machines.
//!
//! ```
//! use glarus::table::Table;
//!
//! let table = Table::new().row("index", 18_204).row("channel", "stable").row("witnesses", vec!["ch-1", "ch-3"]);
//! assert_eq!(table.to_string(), "index      18,204\nchannel    stable\nwitnesses  ch-1\n           ch-3\n");
//! assert_eq!(table.to_json(), r#"{"index":18204,"channel":"stable","witnesses":["ch-1","ch-3"]}"#);
//! ```

use crate::time;
use serde::{Serialize, Serializer};
use std::fmt;

/// The narrowest column of labels.
const LABEL_WIDTH: usize = 9;

/// Rows of a label and an item each, in their order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Table(Vec<(String, Item)>);

/// What stands in a row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Item {
    /// Nothing: `-`, or `null`.
    None,
    /// A text; for people without control characters.
    Text(String),
    /// A number; for people in groups of three.
    Number(u64),
    /// Yes or no.
    Flag(bool),
    /// Unix seconds; for people as a date.
    Time(u64),
    /// Several items, one a line.
    List(Vec<Item>),
    /// A table in the table.
    Table(Table),
}

impl From<&str> for Item {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Item {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Item {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Item {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<Table> for Item {
    fn from(table: Table) -> Self {
        Self::Table(table)
    }
}

impl<T: Into<Item>> From<Vec<T>> for Item {
    fn from(items: Vec<T>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Item>> From<Option<T>> for Item {
    fn from(item: Option<T>) -> Self {
        item.map_or(Self::None, Into::into)
    }
}

impl Table {
    /// A table without rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a row. A label is one word, for it is also a member's name.
    #[must_use]
    pub fn row(mut self, label: &str, item: impl Into<Item>) -> Self {
        self.0.push((label.into(), item.into()));
        self
    }

    /// Adds a row for text that has a form of its own: a digest, a key, a name.
    #[must_use]
    pub fn text(self, label: &str, text: impl fmt::Display) -> Self {
        self.row(label, text.to_string())
    }

    /// Writes it for machines: one JSON object, without line end.
    pub fn to_json(&self) -> String {
        // Only a map with keys other than strings, or a failing writer, could make this fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The lines for people.
    pub fn lines(&self) -> Vec<String> {
        let width = self.0.iter().map(|(label, _)| label.chars().count()).fold(LABEL_WIDTH, usize::max);
        let mut lines = Vec::new();
        for (label, item) in &self.0 {
            if let Item::Table(table) = item {
                lines.push(clean(label));
                lines.extend(table.lines().into_iter().map(|line| format!("  {line}")));
                continue;
            }
            for (at, line) in item.lines().into_iter().enumerate() {
                let label = if at == 0 { clean(label) } else { String::new() };
                lines.push(format!("{label:<width$}  {line}"));
            }
        }
        lines
    }
}

impl fmt::Display for Table {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines().iter().try_for_each(|line| writeln!(out, "{line}"))
    }
}

impl Item {
    fn lines(&self) -> Vec<String> {
        match self {
            Self::None => vec!["-".into()],
            Self::Text(text) => vec![clean(text)],
            Self::Number(number) => vec![grouped(*number)],
            Self::Flag(flag) => vec![if *flag { "yes" } else { "no" }.into()],
            Self::Time(seconds) => vec![time::utc(*seconds)],
            Self::List(items) if items.is_empty() => vec!["none".into()],
            Self::List(items) => items.iter().flat_map(Self::marked).collect(),
            Self::Table(table) => table.lines(),
        }
    }
}

impl Item {
    /// The lines of an element of a list; a table of several lines is marked where it begins.
    fn marked(&self) -> Vec<String> {
        let Self::Table(table) = self else { return self.lines() };
        let mark = |(at, line): (usize, String)| format!("{} {line}", if at == 0 { '-' } else { ' ' });
        table.lines().into_iter().enumerate().map(mark).collect()
    }
}

impl Serialize for Table {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(label, item)| (label, item)))
    }
}

impl Serialize for Item {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_none(),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Number(number) | Self::Time(number) => serializer.serialize_u64(*number),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::List(items) => serializer.collect_seq(items),
            Self::Table(table) => table.serialize(serializer),
        }
    }
}

/// Writes a number in groups of three digits: `18,204`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// What a terminal may be shown of a text from outside: control characters and those that reorder text are replaced.
pub fn clean(text: &str) -> String {
    let reorders = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let shown = |c: char| if c.is_control() || reorders(c) { char::REPLACEMENT_CHARACTER } else { c };
    text.chars().map(shown).collect()
}

/// Joins names as a sentence does: `ch-1, ch-3 and ch-4`.
pub fn and(names: &[String]) -> String {
    match names {
        [] => "none".into(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (18_204, "18,204"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
        let names = |count: usize| and(&["a", "b", "c"].map(String::from)[..count]);
        assert_eq!([names(0), names(1), names(2), names(3)], ["none", "a", "a and b", "a, b and c"]);
    }

    #[test]
    fn a_terminal_is_not_commanded() {
        let table = Table::new().row("a", "\u{1b}[2Jx\n\u{202e}y").row("t", Item::Time(0)).row("n", Item::None);
        assert_eq!(
            table.to_string(),
            "a          \u{fffd}[2Jx\u{fffd}\u{fffd}y\nt          1970-01-01 at 00:00 UTC\nn          -\n"
        );
        assert_eq!(table.to_json(), "{\"a\":\"\\u001b[2Jx\\n\u{202e}y\",\"t\":0,\"n\":null}");
        let nested = Table::new().row("in", Table::new().row("b", true)).row("of", vec![Table::new().row("c", 1)]);
        assert_eq!(nested.to_string(), "in\n  b          yes\nof         - c          1\n");
    }
}
