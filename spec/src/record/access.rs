//! What an access record says.

use super::fields::Fields;
use super::{Digest, MAX_NAME_BYTES, MAX_REASON_BYTES, RecordError};
use crate::authority::Namespace;
use crate::json::write_string;
use alloc::{format, string::String};

/// That somebody may look into a store of data for a time, and for what: the subject is the store.
///
/// A public log is no place for personal data: who it is and what they see is behind the commitment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Access {
    /// The origin of the log that this was made for.
    pub log: String,
    /// The namespace whose key signs this, one of products.
    pub namespace: Namespace,
    /// The name of the store: 1 to 255 bytes.
    pub store: String,
    /// For what, in one line: 1 to [`MAX_REASON_BYTES`].
    pub purpose: String,
    /// From when on. Units: Unix seconds.
    pub from: u64,
    /// Until when, not before `from`. Units: Unix seconds.
    pub until: u64,
    /// SHA-256 of a salt of at least 16 random bytes and the particulars, both of which stay with the vendor.
    pub commitment: Digest,
}

impl Access {
    pub(super) fn parse(fields: Fields<'_>) -> Result<Self, RecordError> {
        let log = fields.origin("predicate.log")?;
        let expected = "a namespace of products, such as pkg:generic/acme/";
        let namespace = fields.namespace("predicate.namespace", expected, Namespace::is_product)?;
        let store = fields.text("predicate.store", MAX_NAME_BYTES)?;
        let purpose = fields.text("predicate.purpose", MAX_REASON_BYTES)?;
        let (from, until) = (fields.integer("predicate.from")?, fields.integer("predicate.until")?);
        if until < from {
            return Err(RecordError::Interval { from, until });
        }
        let commitment = fields.digest("predicate.commitment")?;
        Ok(Self { log, namespace, store, purpose, from, until, commitment })
    }

    pub(super) fn write(&self, out: &mut String) {
        out.push_str(r#"{"log":"#);
        write_string(out, &self.log);
        out.push_str(r#","namespace":"#);
        write_string(out, self.namespace.as_str());
        out.push_str(r#","store":"#);
        write_string(out, &self.store);
        out.push_str(r#","purpose":"#);
        write_string(out, &self.purpose);
        let (from, until, commitment) = (self.from, self.until, self.commitment);
        out.push_str(&format!(r#","from":{from},"until":{until},"commitment":"{commitment}"}}"#));
    }
}
