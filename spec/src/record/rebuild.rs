//! What a rebuild says: a SLSA Verification Summary, version 1, of our policy for rebuilds.

use super::fields::{self, Fields};
use super::statement::{SubjectPaths, subjects, write_list};
use super::{Digest, MAX_SUBJECTS, RecordError, Subject, clipped, time};
use crate::authority::Namespace;
use crate::json::write_string;
use crate::state::Rebuilt;
use alloc::{format, string::String, vec::Vec};

/// What `policy.uri` begins with; the log's origin follows.
const POLICY_URI: &str = "urn:glarus:rebuild:v1:";

/// What a party found when it built the same again: the subjects are the build's artifacts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rebuild {
    /// The origin of the log that this was made for.
    pub log: String,
    /// The party.
    pub party: Namespace,
    /// The id of the build.
    pub build: Digest,
    /// What it found.
    pub outcome: Rebuilt,
    /// When. Units: Unix seconds.
    pub time: u64,
    /// What it made itself: at most [`MAX_SUBJECTS`], names distinct.
    pub rebuilt: Vec<Subject>,
}

const REBUILT: SubjectPaths = SubjectPaths {
    item: "predicate.rebuilt[]",
    name: "predicate.rebuilt[].name",
    digest: "predicate.rebuilt[].digest",
    sha256: "predicate.rebuilt[].digest.sha256",
    git_commit: "predicate.rebuilt[].digest.gitCommit",
};

impl Rebuild {
    pub(super) fn parse(fields: Fields<'_>) -> Result<Self, RecordError> {
        let party = fields.object("predicate.verifier")?.party("predicate.verifier.id")?;
        let field = "predicate.timeVerified";
        let text = fields.string(field)?;
        let time = time::parse(text).ok_or_else(|| RecordError::Time { field, have: clipped(text) })?;
        let uri = fields.object("predicate.policy")?.string("predicate.policy.uri")?;
        let log = uri.strip_prefix(POLICY_URI).ok_or_else(|| RecordError::PolicyUri { have: clipped(uri) })?;
        let log = fields::origin("predicate.policy.uri", log)?;
        let build = build(fields)?;
        let outcome = fields.word("predicate.verificationResult", "PASSED or FAILED", Rebuilt::from_name)?;
        let rebuilt = match fields.optional("predicate.rebuilt") {
            None => Vec::new(),
            Some(_) => subjects(fields.list("predicate.rebuilt", 0, MAX_SUBJECTS)?, &REBUILT)?,
        };
        Ok(Self { log, party, build, outcome, time, rebuilt })
    }

    pub(super) fn write(&self, out: &mut String) {
        out.push_str(r#"{"verifier":{"id":"#);
        write_string(out, self.party.as_str());
        let (time, build) = (time::format(self.time), self.build);
        // SLSA demands `resourceUri` and `verifiedLevels`, which say nothing here that the rest does not.
        out.push_str(&format!(
            r#"}},"timeVerified":"{time}","resourceUri":"urn:glarus:build:v1:{build}","policy":{{"uri":"#
        ));
        write_string(out, &format!("{POLICY_URI}{}", self.log));
        out.push_str(&format!(r#"}},"inputAttestations":[{{"digest":{{"sha256":"{build}"}}}}],"#));
        let outcome = self.outcome.name();
        out.push_str(&format!(r#""verificationResult":"{outcome}","verifiedLevels":[],"rebuilt":"#));
        write_list(out, &self.rebuilt, |out, file| file.write(out));
        out.push('}');
    }
}

/// The id of the build: the digest of the one input attestation.
fn build(fields: Fields<'_>) -> Result<Digest, RecordError> {
    let item = "predicate.inputAttestations[]";
    let inputs = fields.list("predicate.inputAttestations", 1, 1)?;
    let [input] = inputs else { return Err(RecordError::Empty { field: item }) };
    let digests = Fields::of(item, input)?.object("predicate.inputAttestations[].digest")?;
    digests.digest("predicate.inputAttestations[].digest.sha256")
}
