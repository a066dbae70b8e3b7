//! What records say: in-toto statements of the kinds that can be logged.

use super::build::PROVENANCE_V02;
use super::fields::{self, Fields};
use super::{
    Access, Build, Digest, MAX_BUILDS, MAX_ENTRY_BYTES, MAX_HELD_AT, MAX_NAME_BYTES, MAX_PRODUCTS, MAX_SUBJECTS,
    MAX_URI_BYTES, MAX_VERSION_BYTES, Part, Policy, Product, Rebuild, RecordError, Review, What, Withdrawal,
    at_most_bytes, clipped,
};
use crate::authority::Authority;
use crate::json::{self, Value, write_string};
use alloc::{format, string::String, vec::Vec};
use core::fmt;

const STATEMENT_V1: &str = "https://in-toto.io/Statement/v1";
const STATEMENT_V01: &str = "https://in-toto.io/Statement/v0.1";

/// The kinds of records.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// Who may log what in a namespace.
    Authority,
    /// Source that was deposited.
    Source,
    /// How artifacts were built.
    Build,
    /// What a party found when it built the same again.
    Rebuild,
    /// What was released.
    Update,
    /// That updates must not be installed any more.
    Withdrawal,
    /// What a party found when it looked at a source or a policy.
    Review,
    /// Whose cosignatures the log's checkpoints need.
    Policy,
    /// Who may look into a store of data, and for what.
    Access,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Authority,
        Self::Source,
        Self::Build,
        Self::Rebuild,
        Self::Update,
        Self::Withdrawal,
        Self::Review,
        Self::Policy,
        Self::Access,
    ];

    /// Its name, as in `update`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Authority => "authority",
            Self::Source => "source",
            Self::Build => "build",
            Self::Rebuild => "rebuild",
            Self::Update => "update",
            Self::Withdrawal => "withdrawal",
            Self::Review => "review",
            Self::Policy => "policy",
            Self::Access => "access",
        }
    }

    /// The predicateType of its statements; for a build that of version 1, which our client writes.
    pub fn predicate_type(self) -> &'static str {
        match self {
            Self::Authority => "urn:glarus:authority:v1",
            Self::Source => "urn:glarus:source:v1",
            Self::Build => "https://slsa.dev/provenance/v1",
            Self::Rebuild => "https://slsa.dev/verification_summary/v1",
            Self::Update => "urn:glarus:update:v1",
            Self::Withdrawal => "urn:glarus:withdrawal:v1",
            Self::Review => "urn:glarus:review:v1",
            Self::Policy => "urn:glarus:policy:v1",
            Self::Access => "urn:glarus:access:v1",
        }
    }

    /// The kind with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The kind with this predicateType; both versions of SLSA Provenance are builds.
    pub fn from_predicate_type(predicate_type: &str) -> Option<Self> {
        if predicate_type == PROVENANCE_V02 {
            return Some(Self::Build);
        }
        Self::ALL.into_iter().find(|kind| kind.predicate_type() == predicate_type)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// What a statement is about: a file, or a thing without bytes, by name and digest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Subject {
    /// Its name: 1 to 255 bytes, unique in its statement.
    pub name: String,
    /// Its SHA-256.
    pub sha256: Digest,
    /// Its other digests, algorithm and value, in the order in which they were written.
    pub digests: Vec<(String, String)>,
}

impl Subject {
    /// The subject for a thing without bytes, such as a namespace: its name, and the SHA-256 of the name.
    pub fn of_name(name: &str) -> Self {
        Self { name: name.into(), sha256: Digest::of(name.as_bytes()), digests: Vec::new() }
    }

    pub(super) fn parse(value: &Value, at: &SubjectPaths) -> Result<Self, RecordError> {
        let fields = Fields::of(at.item, value)?;
        let name = fields.text(at.name, MAX_NAME_BYTES)?;
        let digest = fields.object(at.digest)?;
        let sha256 = digest.digest(at.sha256)?;
        let mut digests = Vec::new();
        for (algorithm, value) in digest.iter().filter(|(algorithm, _)| *algorithm != "sha256") {
            let value = fields::string(at.digest, value)?;
            if algorithm == "gitCommit" {
                fields::git_commit(at.git_commit, value)?;
            }
            let algorithm = fields::text(at.digest, algorithm, MAX_NAME_BYTES)?;
            digests.push((algorithm, fields::text(at.digest, value, MAX_NAME_BYTES)?));
        }
        Ok(Self { name, sha256, digests })
    }

    pub(super) fn write(&self, out: &mut String) {
        out.push_str(r#"{"name":"#);
        write_string(out, &self.name);
        out.push_str(&format!(r#","digest":{{"sha256":"{}""#, self.sha256));
        for (algorithm, value) in &self.digests {
            out.push(',');
            write_string(out, algorithm);
            out.push(':');
            write_string(out, value);
        }
        out.push_str("}}");
    }
}

/// Where the parts of a subject stand, for messages.
pub(super) struct SubjectPaths {
    pub(super) item: &'static str,
    pub(super) name: &'static str,
    pub(super) digest: &'static str,
    pub(super) sha256: &'static str,
    pub(super) git_commit: &'static str,
}

const SUBJECT: SubjectPaths = SubjectPaths {
    item: "subject[]",
    name: "subject[].name",
    digest: "subject[].digest",
    sha256: "subject[].digest.sha256",
    git_commit: "subject[].digest.gitCommit",
};

/// Reads a list of subjects, whose names are distinct.
pub(super) fn subjects(values: &[Value], at: &SubjectPaths) -> Result<Vec<Subject>, RecordError> {
    let subjects = values.iter().map(|value| Subject::parse(value, at)).collect::<Result<Vec<_>, _>>()?;
    fields::distinct(at.name, subjects.iter().map(|subject| subject.name.as_str()).collect())?;
    Ok(subjects)
}

/// A statement: subjects, and what is said about them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Statement {
    /// 1 to [`MAX_SUBJECTS`], names distinct.
    pub subjects: Vec<Subject>,
    /// What is said about them.
    pub predicate: Predicate,
}

/// What is said, by kind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Predicate {
    /// Who may log what in a namespace.
    Authority(Authority),
    /// Source that was deposited.
    Source(Source),
    /// How artifacts were built.
    Build(Build),
    /// What a party found when it built the same again.
    Rebuild(Rebuild),
    /// What was released.
    Update(Update),
    /// That updates must not be installed any more.
    Withdrawal(Withdrawal),
    /// What a party found when it looked at a source or a policy.
    Review(Review),
    /// Whose cosignatures the log's checkpoints need.
    Policy(Policy),
    /// Who may look into a store of data, and for what.
    Access(Access),
}

/// Source that was deposited: the subjects are archives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Source {
    /// The origin of the log that this was made for.
    pub log: String,
    /// The products that may be built from it: 1 to [`MAX_PRODUCTS`], distinct.
    pub products: Vec<Product>,
    /// The version: 1 to 128 bytes.
    pub version: String,
    /// Where it is held: at most [`MAX_HELD_AT`] URIs.
    pub held_at: Vec<String>,
}

/// What was released: the subjects are files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Update {
    /// The origin of the log that this was made for.
    pub log: String,
    /// The product.
    pub product: Product,
    /// The version: 1 to 128 bytes.
    pub version: String,
    /// The channel.
    pub channel: String,
    /// The target; empty for any.
    pub target: String,
    /// The number of this update among those of the product and channel, over all targets: 1, 2, 3.
    pub sequence: u64,
    /// The ids of the builds that its files are artifacts of: 1 to [`MAX_BUILDS`], distinct.
    pub builds: Vec<Digest>,
}

impl Statement {
    /// Reads the payload of a record.
    ///
    /// # Errors
    /// [`RecordError`], for the first rule broken: JSON, statement type, kind, subjects, predicate.
    pub fn parse(payload: &[u8]) -> Result<Self, RecordError> {
        at_most_bytes("the payload", payload.len(), MAX_ENTRY_BYTES)?;
        let value = json::parse(payload).map_err(|error| RecordError::Json { part: Part::Payload, error })?;
        let fields = Fields::of("statement", &value)?;
        let statement_type = fields.string("_type")?;
        if !matches!(statement_type, STATEMENT_V1 | STATEMENT_V01) {
            return Err(RecordError::StatementType { have: clipped(statement_type) });
        }
        let predicate_type = fields.string("predicateType")?;
        let kind = Kind::from_predicate_type(predicate_type)
            .ok_or_else(|| RecordError::UnknownPredicate { have: clipped(predicate_type) })?;
        let subjects = subjects(fields.list("subject", 1, MAX_SUBJECTS)?, &SUBJECT)?;
        let predicate = fields.object("predicate")?;
        let predicate = match kind {
            Kind::Authority => Predicate::Authority(Authority::from_fields(predicate)?),
            Kind::Source => Predicate::Source(Source::parse(predicate)?),
            Kind::Build if predicate_type == PROVENANCE_V02 => Predicate::Build(Build::parse_v02(predicate)?),
            Kind::Build => Predicate::Build(Build::parse(predicate)?),
            Kind::Rebuild => Predicate::Rebuild(Rebuild::parse(predicate)?),
            Kind::Update => Predicate::Update(Update::parse(predicate)?),
            Kind::Withdrawal => Predicate::Withdrawal(Withdrawal::parse(predicate)?),
            Kind::Review => Predicate::Review(Review::parse(predicate)?),
            Kind::Policy => Predicate::Policy(Policy::parse(predicate)?),
            Kind::Access => Predicate::Access(Access::parse(predicate)?),
        };
        if let Some(name) = predicate.named_subject() {
            let want = Subject::of_name(name);
            let is_it = |subject: &Subject| subject.name == want.name && subject.sha256 == want.sha256;
            if subjects.len() != 1 || !subjects.iter().all(is_it) {
                return Err(RecordError::Subject { kind, name: name.into(), sha256: want.sha256 });
            }
        }
        Ok(Self { subjects, predicate })
    }

    /// Writes the payload that our client signs: a statement v1, members in the order of this chapter, no white space.
    ///
    /// Reading it gives this statement back, if it keeps the rules; whoever makes one up reads it before signing it.
    pub fn to_json(&self) -> String {
        let mut out = format!(r#"{{"_type":"{STATEMENT_V1}","subject":"#);
        write_list(&mut out, &self.subjects, |out, subject| subject.write(out));
        out.push_str(&format!(r#","predicateType":"{}","predicate":"#, self.predicate.kind().predicate_type()));
        match &self.predicate {
            Predicate::Authority(authority) => authority.write(&mut out),
            Predicate::Source(source) => source.write(&mut out),
            Predicate::Build(build) => build.write(&mut out),
            Predicate::Rebuild(rebuild) => rebuild.write(&mut out),
            Predicate::Update(update) => update.write(&mut out),
            Predicate::Withdrawal(withdrawal) => withdrawal.write(&mut out),
            Predicate::Review(review) => review.write(&mut out),
            Predicate::Policy(policy) => policy.write(&mut out),
            Predicate::Access(access) => access.write(&mut out),
        }
        out.push('}');
        out
    }
}

impl Predicate {
    /// The kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Authority(_) => Kind::Authority,
            Self::Source(_) => Kind::Source,
            Self::Build(_) => Kind::Build,
            Self::Rebuild(_) => Kind::Rebuild,
            Self::Update(_) => Kind::Update,
            Self::Withdrawal(_) => Kind::Withdrawal,
            Self::Review(_) => Kind::Review,
            Self::Policy(_) => Kind::Policy,
            Self::Access(_) => Kind::Access,
        }
    }

    /// The origin of the log that it was made for; `None` for a build.
    pub fn log(&self) -> Option<&str> {
        match self {
            Self::Authority(authority) => Some(&authority.log),
            Self::Source(source) => Some(&source.log),
            Self::Build(_) => None,
            Self::Rebuild(rebuild) => Some(&rebuild.log),
            Self::Update(update) => Some(&update.log),
            Self::Withdrawal(withdrawal) => Some(&withdrawal.log),
            Self::Review(review) => Some(&review.log),
            Self::Policy(policy) => Some(&policy.log),
            Self::Access(access) => Some(&access.log),
        }
    }

    /// The name of the one subject, where that is a thing without bytes.
    fn named_subject(&self) -> Option<&str> {
        match self {
            Self::Authority(authority) => Some(authority.namespace.as_str()),
            Self::Review(review) if review.what == What::Policy => Some(&review.log),
            Self::Policy(policy) => Some(&policy.log),
            Self::Access(access) => Some(&access.store),
            _ => None,
        }
    }
}

impl Source {
    fn parse(fields: Fields<'_>) -> Result<Self, RecordError> {
        let log = fields.origin("predicate.log")?;
        let products = fields.list("predicate.products", 1, MAX_PRODUCTS)?.iter();
        let products = products.map(|value| product(fields::string("predicate.products[]", value)?));
        let products = fields::distinct("predicate.products[]", products.collect::<Result<_, _>>()?)?;
        let version = fields.text("predicate.version", MAX_VERSION_BYTES)?;
        let held_at = fields.list("predicate.heldAt", 0, MAX_HELD_AT)?.iter().map(|value| {
            let field = "predicate.heldAt[]";
            fields::text(field, fields::string(field, value)?, MAX_URI_BYTES)
        });
        let held_at = fields::distinct("predicate.heldAt[]", held_at.collect::<Result<_, _>>()?)?;
        Ok(Self { log, products, version, held_at })
    }

    fn write(&self, out: &mut String) {
        out.push_str(r#"{"log":"#);
        write_string(out, &self.log);
        out.push_str(r#","products":"#);
        write_list(out, &self.products, |out, product| write_string(out, product.as_str()));
        out.push_str(r#","version":"#);
        write_string(out, &self.version);
        out.push_str(r#","heldAt":"#);
        write_list(out, &self.held_at, |out, uri| write_string(out, uri));
        out.push('}');
    }
}

impl Update {
    fn parse(fields: Fields<'_>) -> Result<Self, RecordError> {
        let log = fields.origin("predicate.log")?;
        let product = product(fields.string("predicate.product")?)?;
        let version = fields.text("predicate.version", MAX_VERSION_BYTES)?;
        let channel = fields.string("predicate.channel")?;
        if !is_track_name(channel) {
            return Err(RecordError::Channel { have: clipped(channel) });
        }
        let target = fields.string("predicate.target")?;
        if !target.is_empty() && !is_track_name(target) {
            return Err(RecordError::Target { have: clipped(target) });
        }
        let number = fields.number("predicate.sequence")?;
        let sequence = number.integer().filter(|sequence| *sequence > 0);
        let sequence = sequence.ok_or_else(|| RecordError::Sequence { have: clipped(number.text()) })?;
        let builds = fields.ids("predicate.builds", "predicate.builds[]", MAX_BUILDS)?;
        Ok(Self { log, product, version, channel: channel.into(), target: target.into(), sequence, builds })
    }

    fn write(&self, out: &mut String) {
        out.push_str(r#"{"log":"#);
        write_string(out, &self.log);
        out.push_str(r#","product":"#);
        write_string(out, self.product.as_str());
        out.push_str(r#","version":"#);
        write_string(out, &self.version);
        out.push_str(r#","channel":"#);
        write_string(out, &self.channel);
        out.push_str(r#","target":"#);
        write_string(out, &self.target);
        out.push_str(&format!(r#","sequence":{},"builds":"#, self.sequence));
        write_ids(out, &self.builds);
        out.push('}');
    }
}

/// Whether a text can name a channel or a target: `[a-z0-9][a-z0-9._-]{0,63}`.
pub fn is_track_name(text: &str) -> bool {
    let plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.len() <= 64
        && bytes.first().is_some_and(plain)
        && bytes.iter().all(|byte| plain(byte) || matches!(byte, b'.' | b'_' | b'-'))
}

fn product(text: &str) -> Result<Product, RecordError> {
    Product::parse(text).map_err(|why| RecordError::Product { have: clipped(text), why })
}

/// Writes a JSON array.
pub(crate) fn write_list<T>(out: &mut String, items: &[T], write: impl Fn(&mut String, &T)) {
    out.push('[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write(out, item);
    }
    out.push(']');
}

/// Writes a JSON array of ids.
pub(super) fn write_ids(out: &mut String, ids: &[Digest]) {
    write_list(out, ids, |out, id| out.push_str(&format!("\"{id}\"")));
}
