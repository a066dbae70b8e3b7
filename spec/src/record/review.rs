//! What a review says.

use super::fields::Fields;
use super::{Digest, MAX_NAME_BYTES, RecordError};
use crate::authority::Namespace;
use crate::json::write_string;
use crate::state::{Claim, Outcome};
use alloc::{format, string::String};

/// What a party found when it looked at a source or a policy: the subjects are archives of the source, or the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Review {
    /// The origin of the log that this was made for.
    pub log: String,
    /// The id of the source or policy.
    pub of: Digest,
    /// The party.
    pub party: Namespace,
    /// What it looked at.
    pub what: What,
    /// What it found.
    pub outcome: Outcome,
    /// When. Units: Unix seconds.
    pub time: u64,
    /// Where: the transparency centre, 1 to 255 bytes.
    pub centre: String,
}

/// What is confirmed or contradicted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum What {
    /// Of a source: that the party holds it, or has examined it.
    Source(Claim),
    /// Of a policy: that clients may follow it.
    Policy,
}

impl What {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Source(Claim::Held), Self::Source(Claim::Examined), Self::Policy];

    /// Its word in the record: `held`, `examined` or `policy`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Source(claim) => claim.name(),
            Self::Policy => "policy",
        }
    }

    /// What a word says.
    pub fn from_name(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|what| what.name() == word)
    }
}

impl Review {
    pub(super) fn parse(fields: Fields<'_>) -> Result<Self, RecordError> {
        Ok(Self {
            log: fields.origin("predicate.log")?,
            of: fields.digest("predicate.of")?,
            party: fields.party("predicate.party")?,
            what: fields.word("predicate.what", "held, examined or policy", What::from_name)?,
            outcome: fields.word("predicate.outcome", "confirmed or contradicted", Outcome::from_name)?,
            time: fields.integer("predicate.time")?,
            centre: fields.text("predicate.centre", MAX_NAME_BYTES)?,
        })
    }

    pub(super) fn write(&self, out: &mut String) {
        out.push_str(r#"{"log":"#);
        write_string(out, &self.log);
        out.push_str(&format!(r#","of":"{}","party":"#, self.of));
        write_string(out, self.party.as_str());
        let (what, outcome, time) = (self.what.name(), self.outcome.name(), self.time);
        out.push_str(&format!(r#","what":"{what}","outcome":"{outcome}","time":{time},"centre":"#));
        write_string(out, &self.centre);
        out.push('}');
    }
}
