//! What a build says: SLSA Provenance, version 1 or 0.2.

use super::fields::{self, Fields};
use super::statement::write_list;
use super::{Digest, MAX_DEPENDENCIES, MAX_URI_BYTES, RecordError};
use crate::json::{Value, write_string};
use alloc::{format, string::String, vec::Vec};

/// The predicateType of SLSA Provenance v0.2, which is read, never written.
pub(super) const PROVENANCE_V02: &str = "https://slsa.dev/provenance/v0.2";

/// How artifacts were built: the subjects are artifacts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Build {
    /// SLSA's `buildType`.
    pub build_type: String,
    /// SLSA's `builder.id`.
    pub builder: String,
    /// What went into it, at most [`MAX_DEPENDENCIES`]: `resolvedDependencies` in version 1, `materials` in version 0.2.
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

/// Where the parts of a dependency stand, for messages.
struct DependencyPaths {
    list: &'static str,
    item: &'static str,
    uri: &'static str,
    digest: &'static str,
    sha256: &'static str,
    git_commit: &'static str,
    sha1: &'static str,
}

const V1: DependencyPaths = DependencyPaths {
    list: "predicate.buildDefinition.resolvedDependencies",
    item: "resolvedDependencies[]",
    uri: "resolvedDependencies[].uri",
    digest: "resolvedDependencies[].digest",
    sha256: "resolvedDependencies[].digest.sha256",
    git_commit: "resolvedDependencies[].digest.gitCommit",
    sha1: "resolvedDependencies[].digest.sha1",
};

const V02: DependencyPaths = DependencyPaths {
    list: "predicate.materials",
    item: "materials[]",
    uri: "materials[].uri",
    digest: "materials[].digest",
    sha256: "materials[].digest.sha256",
    git_commit: "materials[].digest.gitCommit",
    sha1: "materials[].digest.sha1",
};

impl Build {
    /// Reads version 1.
    pub(super) fn parse(fields: Fields<'_>) -> Result<Self, RecordError> {
        let definition = fields.object("predicate.buildDefinition")?;
        let build_type = definition.text("predicate.buildDefinition.buildType", MAX_URI_BYTES)?;
        let dependencies = dependencies(definition, &V1)?;
        let builder = fields.object("predicate.runDetails")?.object("predicate.runDetails.builder")?;
        let builder = builder.text("predicate.runDetails.builder.id", MAX_URI_BYTES)?;
        Ok(Self { build_type, builder, dependencies })
    }

    /// Reads version 0.2.
    pub(super) fn parse_v02(fields: Fields<'_>) -> Result<Self, RecordError> {
        let builder = fields.object("predicate.builder")?.text("predicate.builder.id", MAX_URI_BYTES)?;
        let build_type = fields.text("predicate.buildType", MAX_URI_BYTES)?;
        Ok(Self { build_type, builder, dependencies: dependencies(fields, &V02)? })
    }

    pub(super) fn write(&self, out: &mut String) {
        out.push_str(r#"{"buildDefinition":{"buildType":"#);
        write_string(out, &self.build_type);
        out.push_str(r#","externalParameters":{},"resolvedDependencies":"#);
        write_list(out, &self.dependencies, |out, dependency| dependency.write(out));
        out.push_str(r#"},"runDetails":{"builder":{"id":"#);
        write_string(out, &self.builder);
        out.push_str("}}}");
    }
}

fn dependencies(fields: Fields<'_>, at: &DependencyPaths) -> Result<Vec<Dependency>, RecordError> {
    if set(fields, at.list).is_none() {
        return Ok(Vec::new());
    }
    let values = fields.list(at.list, 0, MAX_DEPENDENCIES)?.iter();
    values.map(|value| Dependency::parse(value, at)).collect()
}

/// SLSA: "Unset, null, and empty field values MUST be interpreted equivalently."
fn set<'a>(fields: Fields<'a>, field: &'static str) -> Option<&'a Value<'a>> {
    fields.optional(field).filter(|value| match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(values) => !values.is_empty(),
        Value::Object(object) => !object.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    })
}

impl Dependency {
    fn parse(value: &Value, at: &DependencyPaths) -> Result<Self, RecordError> {
        let fields = Fields::of(at.item, value)?;
        let mut dependency = Self { uri: None, sha256: None, git_commit: None };
        if let Some(value) = set(fields, at.uri) {
            dependency.uri = Some(fields::text(at.uri, fields::string(at.uri, value)?, MAX_URI_BYTES)?);
        }
        let Some(value) = set(fields, at.digest) else { return Ok(dependency) };
        let digests = Fields::of(at.digest, value)?;
        if let Some(value) = set(digests, at.sha256) {
            dependency.sha256 = Some(fields::digest(at.sha256, fields::string(at.sha256, value)?)?);
        }
        // Of a git repository hosted generators give the commit as its `sha1`; of anything else that is a file's SHA-1.
        let of_git = dependency.uri.as_ref().is_some_and(|uri| uri.starts_with("git+"));
        if let Some(value) = set(digests, at.git_commit) {
            dependency.git_commit = Some(fields::git_commit(at.git_commit, fields::string(at.git_commit, value)?)?);
        } else if let Some(value) = set(digests, at.sha1).filter(|_| of_git) {
            dependency.git_commit = Some(fields::git_commit(at.sha1, fields::string(at.sha1, value)?)?);
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
