//! What records say: in-toto statements of the kinds that can be logged.

use super::fields::{self, Fields};
use super::{
    Digest, MAX_BUILDS, MAX_DEPENDENCIES, MAX_ENTRY_BYTES, MAX_HELD_AT, MAX_NAME_BYTES, MAX_PRODUCTS, MAX_SUBJECTS,
    MAX_URI_BYTES, MAX_VERSION_BYTES, Part, Product, RecordError, at_most_bytes, clipped,
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
    /// What was released.
    Update,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Authority, Self::Source, Self::Build, Self::Update];

    /// Its name, as in `update`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Authority => "authority",
            Self::Source => "source",
            Self::Build => "build",
            Self::Update => "update",
        }
    }

    /// The predicateType of its statements.
    pub fn predicate_type(self) -> &'static str {
        match self {
            Self::Authority => "urn:glarus:authority:v1",
            Self::Source => "urn:glarus:source:v1",
            Self::Build => "https://slsa.dev/provenance/v1",
            Self::Update => "urn:glarus:update:v1",
        }
    }

    /// The kind with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The kind with this predicateType.
    pub fn from_predicate_type(predicate_type: &str) -> Option<Self> {
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

    fn parse(value: &Value) -> Result<Self, RecordError> {
        let fields = Fields::of("subject[]", value)?;
        let name = fields.text("subject[].name", MAX_NAME_BYTES)?;
        let digest = fields.object("subject[].digest")?;
        let sha256 = fields::digest("subject[].digest.sha256", digest.string("subject[].digest.sha256")?)?;
        let mut digests = Vec::new();
        for (algorithm, value) in digest.iter().filter(|(algorithm, _)| *algorithm != "sha256") {
            let value = fields::string("subject[].digest", value)?;
            if algorithm == "gitCommit" {
                fields::git_commit("subject[].digest.gitCommit", value)?;
            }
            let algorithm = fields::text("subject[].digest", algorithm, MAX_NAME_BYTES)?;
            digests.push((algorithm, fields::text("subject[].digest", value, MAX_NAME_BYTES)?));
        }
        Ok(Self { name, sha256, digests })
    }

    fn write(&self, out: &mut String) {
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
    /// What was released.
    Update(Update),
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

/// How artifacts were built: the subjects are artifacts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Build {
    /// SLSA's `buildType`.
    pub build_type: String,
    /// SLSA's `builder.id`.
    pub builder: String,
    /// What went into it, at most [`MAX_DEPENDENCIES`].
    pub dependencies: Vec<Dependency>,
}

/// What went into a build.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dependency {
    /// Where it came from.
    pub uri: Option<String>,
    /// Its SHA-256: of an archive of a logged source, or of an artifact of a logged build, or of neither.
    pub sha256: Option<Digest>,
    /// Its git commit, 40 or 64 hex digits; counts only where `allowGitCommit` says so.
    pub git_commit: Option<String>,
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
        let subjects = fields.list("subject", 1, MAX_SUBJECTS)?;
        let subjects = subjects.iter().map(Subject::parse).collect::<Result<Vec<_>, _>>()?;
        fields::distinct("subject[].name", subjects.iter().map(|subject| subject.name.as_str()).collect())?;
        let predicate = fields.object("predicate")?;
        let predicate = match kind {
            Kind::Authority => Predicate::Authority(Authority::from_fields(predicate)?),
            Kind::Source => Predicate::Source(Source::parse(predicate)?),
            Kind::Build => Predicate::Build(Build::parse(predicate)?),
            Kind::Update => Predicate::Update(Update::parse(predicate)?),
        };
        if let Predicate::Authority(authority) = &predicate {
            let namespace = authority.namespace.as_str();
            let want = Subject::of_name(namespace);
            let is_it = |subject: &Subject| subject.name == want.name && subject.sha256 == want.sha256;
            if subjects.len() != 1 || !subjects.iter().all(is_it) {
                return Err(RecordError::Subject { namespace: namespace.into(), sha256: want.sha256 });
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
            Predicate::Update(update) => update.write(&mut out),
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
            Self::Update(_) => Kind::Update,
        }
    }

    /// The origin of the log that it was made for; `None` for a build.
    pub fn log(&self) -> Option<&str> {
        match self {
            Self::Authority(authority) => Some(&authority.log),
            Self::Source(source) => Some(&source.log),
            Self::Build(_) => None,
            Self::Update(update) => Some(&update.log),
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

impl Build {
    fn parse(fields: Fields<'_>) -> Result<Self, RecordError> {
        let definition = fields.object("predicate.buildDefinition")?;
        let build_type = definition.text("predicate.buildDefinition.buildType", MAX_URI_BYTES)?;
        let field = "predicate.buildDefinition.resolvedDependencies";
        let dependencies = match set(definition, field) {
            None => Vec::new(),
            Some(_) => {
                let values = definition.list(field, 0, MAX_DEPENDENCIES)?.iter();
                values.map(Dependency::parse).collect::<Result<_, _>>()?
            }
        };
        let builder = fields.object("predicate.runDetails")?.object("predicate.runDetails.builder")?;
        let builder = builder.text("predicate.runDetails.builder.id", MAX_URI_BYTES)?;
        Ok(Self { build_type, builder, dependencies })
    }

    fn write(&self, out: &mut String) {
        out.push_str(r#"{"buildDefinition":{"buildType":"#);
        write_string(out, &self.build_type);
        out.push_str(r#","externalParameters":{},"resolvedDependencies":"#);
        write_list(out, &self.dependencies, |out, dependency| dependency.write(out));
        out.push_str(r#"},"runDetails":{"builder":{"id":"#);
        write_string(out, &self.builder);
        out.push_str("}}}");
    }
}

/// SLSA: "Unset, null, and empty field values MUST be interpreted equivalently."
fn set<'a>(fields: Fields<'a>, field: &'static str) -> Option<&'a Value> {
    fields.optional(field).filter(|value| match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(values) => !values.is_empty(),
        Value::Object(object) => !object.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    })
}

impl Dependency {
    fn parse(value: &Value) -> Result<Self, RecordError> {
        let fields = Fields::of("resolvedDependencies[]", value)?;
        let mut dependency = Self { uri: None, sha256: None, git_commit: None };
        let field = "resolvedDependencies[].uri";
        if let Some(value) = set(fields, field) {
            dependency.uri = Some(fields::text(field, fields::string(field, value)?, MAX_URI_BYTES)?);
        }
        let field = "resolvedDependencies[].digest";
        let Some(value) = set(fields, field) else { return Ok(dependency) };
        let digests = Fields::of(field, value)?;
        let field = "resolvedDependencies[].digest.sha256";
        if let Some(value) = set(digests, field) {
            dependency.sha256 = Some(fields::digest(field, fields::string(field, value)?)?);
        }
        let field = "resolvedDependencies[].digest.gitCommit";
        if let Some(value) = set(digests, field) {
            dependency.git_commit = Some(fields::git_commit(field, fields::string(field, value)?)?);
        }
        Ok(dependency)
    }

    fn write(&self, out: &mut String) {
        let mut members = Vec::new();
        if let Some(uri) = &self.uri {
            let mut member = String::from(r#""uri":"#);
            write_string(&mut member, uri);
            members.push(member);
        }
        let sha256 = self.sha256.map(|sha256| format!(r#""sha256":"{sha256}""#));
        let git_commit = self.git_commit.as_ref().map(|commit| format!(r#""gitCommit":"{commit}""#));
        let digests: Vec<_> = sha256.into_iter().chain(git_commit).collect();
        if !digests.is_empty() {
            members.push(format!(r#""digest":{{{}}}"#, digests.join(",")));
        }
        out.push_str(&format!("{{{}}}", members.join(",")));
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
        let builds = fields.list("predicate.builds", 1, MAX_BUILDS)?.iter().map(|value| {
            let field = "predicate.builds[]";
            fields::digest(field, fields::string(field, value)?)
        });
        let builds = fields::distinct("predicate.builds[]", builds.collect::<Result<_, _>>()?)?;
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
        write_list(out, &self.builds, |out, build| out.push_str(&format!("\"{build}\"")));
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
