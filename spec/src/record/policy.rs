//! What a policy record says.

use super::fields::Fields;
use super::{Digest, RecordError};
use crate::json::write_string;
use crate::policy;
use alloc::{format, string::String};

/// Whose cosignatures the log's checkpoints need: the subject is the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    /// The origin of the log.
    pub log: String,
    /// Its number, from 0.
    pub epoch: u64,
    /// The id of the policy before; `None` for epoch 0 and only there.
    pub previous: Option<Digest>,
    /// A whole policy, which [`policy::Policy::parse`] reads.
    pub policy: String,
}

impl Policy {
    pub(super) fn parse(fields: Fields<'_>) -> Result<Self, RecordError> {
        let log = fields.origin("predicate.log")?;
        let (epoch, previous) = fields.epoch()?;
        let text = fields.string("predicate.policy")?;
        policy::Policy::parse(text.as_bytes()).map_err(RecordError::Policy)?;
        Ok(Self { log, epoch, previous, policy: text.into() })
    }

    pub(super) fn write(&self, out: &mut String) {
        out.push_str(r#"{"log":"#);
        write_string(out, &self.log);
        let previous = self.previous.map_or("null".into(), |id| format!("\"{id}\""));
        out.push_str(&format!(r#","epoch":{},"previous":{previous},"policy":"#, self.epoch));
        write_string(out, &self.policy);
        out.push('}');
    }
}
