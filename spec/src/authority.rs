#![doc = include_str!("../authority.md")]

mod key;
mod namespace;

pub use key::{Algorithm, KeyError, PublicKey, SecretKey, Verifier};
pub use namespace::{Namespace, NamespaceError};

use crate::encoding;
use crate::json::{Object, write_string};
use crate::record::fields::{self, Fields};
use crate::record::{Digest, EnvelopeSignature, Predicate, RecordError, Statement, Subject, clipped, write_list};
use alloc::{collections::BTreeMap, format, string::String, string::ToString, vec::Vec};
use core::fmt;

/// The most keys of an authority record.
pub const MAX_KEYS: usize = 32;

/// What a key may sign.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RoleName {
    /// The log's: next epochs of `*`, first epochs of all other namespaces, policies.
    Root,
    /// A namespace's next epoch.
    Authority,
    /// Sources.
    Source,
    /// Builds.
    Build,
    /// Updates.
    Update,
    /// Withdrawals.
    Withdraw,
    /// Accesses.
    Access,
    /// Rebuilds.
    Rebuild,
    /// Reviews.
    Review,
}

impl RoleName {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Root,
        Self::Authority,
        Self::Source,
        Self::Build,
        Self::Update,
        Self::Withdraw,
        Self::Access,
        Self::Rebuild,
        Self::Review,
    ];

    /// Its name in the record.
    pub fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Authority => "authority",
            Self::Source => "source",
            Self::Build => "build",
            Self::Update => "update",
            Self::Withdraw => "withdraw",
            Self::Access => "access",
            Self::Rebuild => "rebuild",
            Self::Review => "review",
        }
    }

    /// The role with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// The roles of a kind of namespace; the first is required.
    fn of(namespace: &Namespace) -> &'static [Self] {
        if namespace.is_root() {
            &[Self::Root]
        } else if namespace.is_product() {
            &[Self::Authority, Self::Source, Self::Build, Self::Update, Self::Withdraw, Self::Access]
        } else {
            &[Self::Authority, Self::Rebuild, Self::Review]
        }
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// How many of which keys must sign.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Role {
    /// From 1 to the number of keys.
    pub threshold: u64,
    /// The keys, sorted, distinct.
    pub keyids: Vec<Digest>,
}

/// A key that is trusted no more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Distrust {
    /// The key, of this epoch or an earlier one.
    pub keyid: Digest,
    /// The first index at which its signatures count no more.
    pub from_index: u64,
}

/// An authority record's predicate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Authority {
    /// The origin of the log that this was made for.
    pub log: String,
    /// What it governs.
    pub namespace: Namespace,
    /// Its number in the namespace, from 0.
    pub epoch: u64,
    /// The id of the epoch before; `None` for epoch 0 and only there.
    pub previous: Option<Digest>,
    /// The keys by keyid: 1 to [`MAX_KEYS`], each in some role.
    pub keys: BTreeMap<Digest, PublicKey>,
    /// Who may sign what.
    pub roles: BTreeMap<RoleName, Role>,
    /// Whose signatures count no more, and from where.
    pub distrust: Vec<Distrust>,
    /// Whether a build may name its source by git commit alone.
    pub allow_git_commit: bool,
}

/// Why an authority record's predicate does not hold together.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AuthorityError {
    /// Not a namespace.
    #[error("the namespace {have:?} is none: {why}")]
    Namespace {
        /// The text.
        have: String,
        /// The rule broken.
        why: NamespaceError,
    },
    /// An algorithm that is none of ours.
    #[error("the algorithm {have:?} is none of ed25519, ecdsa-p256-sha256 and ml-dsa-44")]
    UnknownAlgorithm {
        /// The text.
        have: String,
    },
    /// A key that cannot be used.
    #[error("the key {keyid}: {error}")]
    Key {
        /// The keyid that it is listed by.
        keyid: Digest,
        /// What is wrong with it.
        error: KeyError,
    },
    /// A key is listed by another keyid than its own.
    #[error("the key listed as {have} has the keyid {computed}")]
    Keyid {
        /// The keyid that it is listed by.
        have: Digest,
        /// The SHA-256 of its DER.
        computed: Digest,
    },
    /// A role that this kind of namespace has not.
    #[error("the namespace {namespace} can have no role {role:?}")]
    Role {
        /// The role's name.
        role: String,
        /// The namespace.
        namespace: String,
    },
    /// The role that a namespace must have is not there.
    #[error("the role {role} is missing")]
    MissingRole {
        /// The role.
        role: RoleName,
    },
    /// A threshold of 0, or above the number of keys.
    #[error("the role {role} has the threshold {threshold} with {keys} keys")]
    Threshold {
        /// The role.
        role: RoleName,
        /// Its threshold.
        threshold: u64,
        /// Its keys.
        keys: usize,
    },
    /// Keyids that are not sorted, or not distinct.
    #[error("the keyids of the role {role} are not sorted and distinct")]
    KeyidOrder {
        /// The role.
        role: RoleName,
    },
    /// A role names a key that is not listed.
    #[error("the role {role} names the key {keyid}, which is not among the keys")]
    UnlistedKey {
        /// The role.
        role: RoleName,
        /// The key.
        keyid: Digest,
    },
    /// A key in no role.
    #[error("the key {keyid} is in no role")]
    UnusedKey {
        /// The key.
        keyid: Digest,
    },
    /// Distrust in epoch 0, which nobody can have lost trust in yet.
    #[error("epoch 0 distrusts {lines} keys")]
    EarlyDistrust {
        /// The lines.
        lines: usize,
    },
}

impl AuthorityError {
    /// The name of the refusal, which never changes.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Namespace { .. } => "namespace",
            Self::UnknownAlgorithm { .. } => "unknown-algorithm",
            Self::Key { error, .. } => error.name(),
            Self::Keyid { .. } => "keyid",
            Self::Role { .. } => "role",
            Self::MissingRole { .. } => "missing-role",
            Self::Threshold { .. } => "threshold",
            Self::KeyidOrder { .. } => "keyid-order",
            Self::UnlistedKey { .. } => "unlisted-key",
            Self::UnusedKey { .. } => "unused-key",
            Self::EarlyDistrust { .. } => "early-distrust",
        }
    }
}

/// Too few keys of a role signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{have} keys of the role signed that count, {need} are needed")]
pub struct Threshold {
    /// Keys whose signatures count.
    pub have: u64,
    /// The threshold; 1 if the role is absent, whose number of keys is 0.
    pub need: u64,
}

impl Authority {
    /// Bytes of memory that its keys take: nearly all that it takes where they are large, and then more than its row.
    pub fn memory_bytes(&self) -> usize {
        self.keys.values().fold(0, |bytes, key| bytes.saturating_add(key.memory_bytes()))
    }

    /// Reads an authority record's predicate.
    ///
    /// # Errors
    /// [`RecordError`], for the first member that breaks a rule; what holds members together is checked last.
    pub fn parse(predicate: &Object) -> Result<Self, RecordError> {
        Self::from_fields(Fields::new(predicate)?)
    }

    pub(crate) fn from_fields(fields: Fields<'_>) -> Result<Self, RecordError> {
        let log = fields.origin("predicate.log")?;
        let namespace = fields.string("predicate.namespace")?;
        let namespace =
            Namespace::parse(namespace).map_err(|why| AuthorityError::Namespace { have: clipped(namespace), why })?;
        let (epoch, previous) = fields.epoch()?;
        let keys = keys(fields.object("predicate.keys")?)?;
        let roles = roles(fields.object("predicate.roles")?, &namespace, &keys)?;
        let distrust = distrust(fields)?;
        if epoch == 0 && !distrust.is_empty() {
            return Err(AuthorityError::EarlyDistrust { lines: distrust.len() }.into());
        }
        let allow_git_commit = fields.boolean("predicate.allowGitCommit")?;
        let in_some_role = |keyid: &&Digest| roles.values().any(|role| role.keyids.contains(*keyid));
        if let Some(keyid) = keys.keys().find(|keyid| !in_some_role(keyid)) {
            return Err(AuthorityError::UnusedKey { keyid: *keyid }.into());
        }
        Ok(Self { log, namespace, epoch, previous, keys, roles, distrust, allow_git_commit })
    }

    /// Writes the predicate that our client signs: members in the order of this chapter, no white space.
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    pub(crate) fn write(&self, out: &mut String) {
        out.push_str(r#"{"log":"#);
        write_string(out, &self.log);
        out.push_str(r#","namespace":"#);
        write_string(out, self.namespace.as_str());
        let previous = self.previous.map_or("null".into(), |id| format!("\"{id}\""));
        out.push_str(&format!(r#","epoch":{},"previous":{previous},"keys":{{"#, self.epoch));
        for (at, (keyid, key)) in self.keys.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let (algorithm, spki) = (key.algorithm.name(), encoding::base64(&key.spki()));
            out.push_str(&format!(r#"{comma}"{keyid}":{{"algorithm":"{algorithm}","spki":"{spki}"}}"#));
        }
        out.push_str(r#"},"roles":{"#);
        for (at, (name, role)) in self.roles.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            out.push_str(&format!(r#"{comma}"{name}":{{"threshold":{},"keyids":"#, role.threshold));
            write_list(out, &role.keyids, |out, keyid| out.push_str(&format!("\"{keyid}\"")));
            out.push('}');
        }
        out.push_str(r#"},"distrust":"#);
        write_list(out, &self.distrust, |out, line| {
            out.push_str(&format!(r#"{{"keyid":"{}","fromIndex":{}}}"#, line.keyid, line.from_index));
        });
        out.push_str(&format!(r#","allowGitCommit":{}}}"#, self.allow_git_commit));
    }

    /// Makes the statement that says this: its subject is the namespace.
    pub fn into_statement(self) -> Statement {
        let subjects = [Subject::of_name(self.namespace.as_str())].into();
        Statement { subjects, predicate: Predicate::Authority(self) }
    }

    /// The role, if anybody has it.
    pub fn role(&self, name: RoleName) -> Option<&Role> {
        self.roles.get(&name)
    }

    /// Finds the valid signatures by keys of a role: each with its keyid, sorted by keyid, one a key, the first that came.
    ///
    /// A signature's own `keyid` is tried first, where it is one of the role's, then the role's other keys; each key
    /// until it has a signature. `checked` may know already whether a key made a signature over this very `pae`.
    ///
    /// Cost: one verification for each signature that names its key, at most one for each pair of signature and key.
    pub fn signers(
        &self,
        role: RoleName,
        pae: &[u8],
        signatures: &[EnvelopeSignature],
        checked: &dyn Fn(&Digest, &[u8]) -> Option<bool>,
    ) -> Vec<(Digest, Vec<u8>)> {
        let Some(role) = self.role(role) else { return Vec::new() };
        let mut signers = BTreeMap::new();
        for signature in signatures {
            let made_by = |keyid: &Digest| {
                let key = self.keys.get(keyid)?;
                let sig = key.canonical(&signature.sig)?;
                checked(keyid, &sig).unwrap_or_else(|| key.verify(pae, &sig)).then(|| sig.into_owned())
            };
            let named = signature.keyid.filter(|keyid| role.keyids.contains(keyid));
            let others = role.keyids.iter().copied().filter(|keyid| Some(*keyid) != named);
            let mut left = named.into_iter().chain(others).filter(|keyid| !signers.contains_key(keyid));
            if let Some((keyid, sig)) = left.find_map(|keyid| Some((keyid, made_by(&keyid)?))) {
                signers.insert(keyid, sig);
            }
        }
        signers.into_iter().collect()
    }

    /// Decides whether a record at `index` is signed by enough keys of a role, less those that this epoch distrusts.
    ///
    /// # Errors
    /// [`Threshold`].
    pub fn meets(&self, role: RoleName, signers: &[(Digest, Vec<u8>)], index: u64) -> Result<(), Threshold> {
        self.meets_less(role, signers, index, &self.distrust)
    }

    /// Decides the same, less the keys that another epoch distrusts: the one in force, where a verdict asks later.
    ///
    /// # Errors
    /// [`Threshold`].
    pub fn meets_less(
        &self,
        role: RoleName,
        signers: &[(Digest, Vec<u8>)],
        index: u64,
        distrust: &[Distrust],
    ) -> Result<(), Threshold> {
        let exempt = matches!(role, RoleName::Root | RoleName::Authority);
        let distrusted =
            |keyid: &Digest| !exempt && distrust.iter().any(|line| line.keyid == *keyid && line.from_index <= index);
        let Some(role) = self.role(role) else { return Err(Threshold { have: 0, need: 1 }) };
        let signed = |keyid: &Digest| signers.iter().any(|(signer, _)| signer == keyid);
        let counting = role.keyids.iter().filter(|keyid| signed(keyid) && !distrusted(keyid)).count();
        let (have, need) = (u64::try_from(counting).unwrap_or(u64::MAX), role.threshold);
        if have < need { Err(Threshold { have, need }) } else { Ok(()) }
    }
}

fn keys(fields: Fields<'_>) -> Result<BTreeMap<Digest, PublicKey>, RecordError> {
    fields::count("predicate.keys", fields.len(), 1, MAX_KEYS)?;
    let mut keys = BTreeMap::new();
    for (keyid, value) in fields.iter() {
        let keyid = fields::digest("predicate.keys", keyid)?;
        let fields = Fields::of("predicate.keys[]", value)?;
        let algorithm = fields.string("predicate.keys[].algorithm")?;
        let algorithm = Algorithm::from_name(algorithm)
            .ok_or_else(|| AuthorityError::UnknownAlgorithm { have: clipped(algorithm) })?;
        let field = "predicate.keys[].spki";
        let spki = fields.string(field)?;
        let spki = encoding::from_base64(spki).ok_or(RecordError::WrongBase64 { field })?;
        let key = PublicKey::from_spki(algorithm, &spki).map_err(|error| AuthorityError::Key { keyid, error })?;
        let computed = key.keyid();
        if computed != keyid {
            return Err(AuthorityError::Keyid { have: keyid, computed }.into());
        }
        keys.insert(keyid, key);
    }
    Ok(keys)
}

fn roles(
    fields: Fields<'_>,
    namespace: &Namespace,
    keys: &BTreeMap<Digest, PublicKey>,
) -> Result<BTreeMap<RoleName, Role>, RecordError> {
    let allowed = RoleName::of(namespace);
    let mut roles = BTreeMap::new();
    for (name, value) in fields.iter() {
        let role = RoleName::from_name(name)
            .filter(|role| allowed.contains(role))
            .ok_or_else(|| AuthorityError::Role { role: clipped(name), namespace: namespace.to_string() })?;
        let fields = Fields::of("predicate.roles[]", value)?;
        let threshold = fields.integer("predicate.roles[].threshold")?;
        let keyids = fields.list("predicate.roles[].keyids", 0, MAX_KEYS)?.iter().map(|value| {
            let field = "predicate.roles[].keyids[]";
            fields::digest(field, fields::string(field, value)?)
        });
        let keyids = keyids.collect::<Result<Vec<_>, _>>()?;
        if !keyids.is_sorted_by(|left, right| left < right) {
            return Err(AuthorityError::KeyidOrder { role }.into());
        }
        if let Some(keyid) = keyids.iter().find(|keyid| !keys.contains_key(keyid)) {
            return Err(AuthorityError::UnlistedKey { role, keyid: *keyid }.into());
        }
        if threshold == 0 || usize::try_from(threshold).map_or(true, |threshold| threshold > keyids.len()) {
            return Err(AuthorityError::Threshold { role, threshold, keys: keyids.len() }.into());
        }
        roles.insert(role, Role { threshold, keyids });
    }
    match allowed.first() {
        Some(role) if !roles.contains_key(role) => Err(AuthorityError::MissingRole { role: *role }.into()),
        _ => Ok(roles),
    }
}

fn distrust(fields: Fields<'_>) -> Result<Vec<Distrust>, RecordError> {
    let lines = fields.list("predicate.distrust", 0, usize::MAX)?.iter().map(|value| {
        let fields = Fields::of("predicate.distrust[]", value)?;
        let field = "predicate.distrust[].keyid";
        let keyid = fields::digest(field, fields.string(field)?)?;
        Ok(Distrust { keyid, from_index: fields.integer("predicate.distrust[].fromIndex")? })
    });
    let lines = lines.collect::<Result<Vec<_>, RecordError>>()?;
    fields::distinct("predicate.distrust[].keyid", lines.iter().map(|line| line.keyid).collect())?;
    Ok(lines)
}

#[cfg(test)]
pub(crate) mod tests;
