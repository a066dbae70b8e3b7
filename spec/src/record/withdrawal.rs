//! What a withdrawal says.

use super::fields::Fields;
use super::statement::write_ids;
use super::{Digest, MAX_REASON_BYTES, MAX_UPDATES, RecordError};
use crate::json::write_string;
use alloc::{format, string::String, vec::Vec};

/// That updates must not be installed any more: the subjects are their files that are withdrawn.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Withdrawal {
    /// The origin of the log that this was made for.
    pub log: String,
    /// The ids of the updates: 1 to [`MAX_UPDATES`], distinct.
    pub updates: Vec<Digest>,
    /// Why, in one line: 1 to [`MAX_REASON_BYTES`].
    pub reason: String,
    /// How bad it is to have them installed.
    pub severity: Severity,
    /// The id of the update to install in their place, none of them; `None` if there is none.
    pub replacement: Option<Digest>,
}

/// How bad it is to have a withdrawn update installed, in the four words that CVSS has for it too.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Severity {
    /// It may stay until the next update.
    Low,
    /// It should be replaced.
    Medium,
    /// It should be replaced soon.
    High,
    /// It must be replaced now.
    Critical,
}

impl Severity {
    /// All of them, the least first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// Its word in the record.
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The severity with this word.
    pub fn from_name(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.name() == word)
    }
}

impl Withdrawal {
    pub(super) fn parse(fields: Fields<'_>) -> Result<Self, RecordError> {
        let log = fields.origin("predicate.log")?;
        let updates = fields.ids("predicate.updates", "predicate.updates[]", MAX_UPDATES)?;
        let reason = fields.text("predicate.reason", MAX_REASON_BYTES)?;
        let severity = fields.word("predicate.severity", "low, medium, high or critical", Severity::from_name)?;
        let replacement = fields.digest_or_null("predicate.replacement")?;
        if let Some(id) = replacement.filter(|id| updates.contains(id)) {
            return Err(RecordError::Replacement { id });
        }
        Ok(Self { log, updates, reason, severity, replacement })
    }

    pub(super) fn write(&self, out: &mut String) {
        out.push_str(r#"{"log":"#);
        write_string(out, &self.log);
        out.push_str(r#","updates":"#);
        write_ids(out, &self.updates);
        out.push_str(r#","reason":"#);
        write_string(out, &self.reason);
        let replacement = self.replacement.map_or("null".into(), |id| format!("\"{id}\""));
        out.push_str(&format!(r#","severity":"{}","replacement":{replacement}}}"#, self.severity.name()));
    }
}
