//! Proposals: authority and policy records on their way from one keyholder to the next, until enough of them signed.
//!
//! A proposal is a file with a [`draft`]: k people on k machines each add a signature to it, and none needs another's key.
//! Once the threshold is met, its bytes are the entry.
//!
//! | proposal | signed by |
//! |---|---|
//! | the first epoch of `*`, the genesis | its own role `root` |
//! | a next epoch of `*` | the role `root` of the epoch before |
//! | the first epoch of another namespace, a policy | the role `root` of the `*` that is in force |
//! | a next epoch of another namespace | the role `authority` of the epoch before |
//!
//! ```
//! use glarus::{keys::SecretKey, proposal::{Change, Proposal, role}};
//! use spec::{authority::{Namespace, RoleName}, record::Digest};
//!
//! let (old, new) = (SecretKey::from_seed([7; 32]), SecretKey::from_seed([8; 32]));
//! let root = role(RoleName::Root, 1, &[old.public().clone()]);
//! let mut genesis = Proposal::new("log.acme.example/updates", Namespace::parse("*")?, vec![root], false)?;
//! assert_eq!(genesis.standing(None)?.need, Some(1));
//! genesis.sign(&old)?;
//! assert!(genesis.standing(None)?.met());
//! assert_eq!(Proposal::parse(&genesis.to_bytes()?)?, genesis);
//!
//! // Rotation: the key of the epoch before signs, the new one does not.
//! let mut change = Change::default();
//! change.roles.push(role(RoleName::Root, 1, &[new.public().clone()]));
//! let mut next = Proposal::next(&genesis, &change)?;
//! next.sign(&old)?;
//! assert!(next.standing(Some(&genesis))?.met());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::draft;
use crate::keys::{SecretKey, SignError};
use spec::authority::{Authority, Distrust, Namespace, PublicKey, Role, RoleName};
use spec::record::{self, Digest, EnvelopeSignature, Kind, Policy, Predicate, Record, RecordError, Statement, Subject};
use std::collections::BTreeMap;

/// Why a file is not a proposal.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ProposalError {
    /// Not a record, and not a record without signatures.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A record of another kind.
    #[error("this is a record of kind {0}; only authority records and policies are proposed")]
    Kind(Kind),
    /// A signature that does not say whose it is.
    #[error("signature {0} has no keyid of ours; sign with `glarus authority sign`")]
    NoKeyid(usize),
    /// A next epoch of what has none.
    #[error("this is a {have}, the record before must be an authority record of {need}")]
    Before {
        /// What is there.
        have: String,
        /// What was needed.
        need: String,
    },
    /// A role that is dropped and not there.
    #[error("the role {0} is not there to be dropped")]
    NoSuchRole(RoleName),
    /// A distrust that takes back part of an earlier one.
    #[error("the key {keyid} is distrusted from entry {have} on already; that can be lowered, not raised to {want}")]
    Distrust {
        /// The key.
        keyid: Digest,
        /// The index in force.
        have: u64,
        /// The index asked for.
        want: u64,
    },
}

/// Why a record does not decide on a proposal.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DecidedError {
    /// Of another log.
    #[error("it is for the log {have}, the proposal for {need}")]
    Log {
        /// Its log.
        have: String,
        /// The proposal's.
        need: String,
    },
    /// Of another namespace, or no authority at all.
    #[error("it is the {have}; who signs this proposal is said by the {need}")]
    Other {
        /// What it is.
        have: String,
        /// What is needed.
        need: String,
    },
    /// Not the epoch before.
    #[error("its id is {have}, the epoch before the proposal is {need}")]
    Previous {
        /// Its id.
        have: Digest,
        /// What the proposal names as the one before.
        need: Digest,
    },
}

/// A role, and the keys that it names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProposedRole {
    /// Which.
    pub name: RoleName,
    /// How many must sign.
    pub threshold: u64,
    /// Who may.
    pub keys: Vec<PublicKey>,
}

/// A role as it is proposed.
pub fn role(name: RoleName, threshold: u64, keys: &[PublicKey]) -> ProposedRole {
    ProposedRole { name, threshold, keys: keys.into() }
}

/// What a next epoch changes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Change {
    /// Roles that are new, or stand in place of those before.
    pub roles: Vec<ProposedRole>,
    /// Roles that nobody has any more.
    pub drop: Vec<RoleName>,
    /// Keys whose signatures count no more from an index on.
    pub distrust: Vec<Distrust>,
    /// Whether builds may name their source by git commit alone; as before, where it is not said.
    pub allow_git_commit: Option<bool>,
}

/// An authority or policy record with any number of signatures, none too; each names its key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proposal {
    /// The record; its signatures are not verified.
    pub record: Record,
}

/// Who signed so far, and what is needed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Standing {
    /// Keys whose signatures verify and count; all that signed, where it is not known whose count.
    pub signed: Vec<Digest>,
    /// Keys whose signatures are in the file and do not count: by keys of no use here, or broken.
    pub idle: Vec<Digest>,
    /// Keys that could sign still; empty where that is not known.
    pub missing: Vec<Digest>,
    /// How many must sign; `None` where that is not known: another record decides, and it was not given.
    pub need: Option<u64>,
}

impl Standing {
    /// Whether enough signed, as far as that is known.
    pub fn met(&self) -> bool {
        self.need.is_some_and(|need| u64::try_from(self.signed.len()).is_ok_and(|have| have >= need))
    }
}

impl Proposal {
    /// Proposes the first epoch of a namespace.
    ///
    /// # Errors
    /// [`RecordError`] if it does not hold together: a role that the namespace cannot have, a threshold above its keys.
    pub fn new(
        log: &str,
        namespace: Namespace,
        roles: Vec<ProposedRole>,
        allow_git_commit: bool,
    ) -> Result<Self, RecordError> {
        let (log, keys, named, distrust) = (log.into(), BTreeMap::new(), BTreeMap::new(), Vec::new());
        let (epoch, previous) = (0, None);
        let mut authority =
            Authority { log, namespace, epoch, previous, keys, roles: named, distrust, allow_git_commit };
        put_roles(&mut authority, roles);
        Self::of(&authority.into_statement())
    }

    /// Proposes the epoch after an authority record.
    ///
    /// # Errors
    /// [`ProposalError`]; whether `before` is the epoch in force, the log says.
    pub fn next(before: &Self, change: &Change) -> Result<Self, ProposalError> {
        let need = || ProposalError::Before { have: before.what(), need: "the same namespace".into() };
        let mut authority = before.authority().ok_or_else(need)?.clone();
        authority.epoch = authority.epoch.saturating_add(1);
        authority.previous = Some(before.record.id);
        for name in &change.drop {
            authority.roles.remove(name).ok_or(ProposalError::NoSuchRole(*name))?;
        }
        put_roles(&mut authority, change.roles.clone());
        for line in &change.distrust {
            put_distrust(&mut authority, *line)?;
        }
        authority.allow_git_commit = change.allow_git_commit.unwrap_or(authority.allow_git_commit);
        Ok(Self::of(&authority.into_statement())?)
    }

    /// Proposes a policy, the first or the one after `before`.
    ///
    /// # Errors
    /// [`ProposalError`].
    pub fn policy(log: &str, policy: &str, before: Option<&Self>) -> Result<Self, ProposalError> {
        let (epoch, previous) = match before.map(|before| (&before.record.statement.predicate, before)) {
            None => (0, None),
            Some((Predicate::Policy(last), before)) => (last.epoch.saturating_add(1), Some(before.record.id)),
            Some((_, before)) => {
                return Err(ProposalError::Before { have: before.what(), need: "a policy record".into() });
            }
        };
        let predicate = Predicate::Policy(Policy { log: log.into(), epoch, previous, policy: policy.into() });
        Ok(Self::of(&Statement { subjects: vec![Subject::of_name(log)], predicate })?)
    }

    fn of(statement: &Statement) -> Result<Self, RecordError> {
        Ok(Self { record: draft::of_statement(statement)? })
    }

    /// Reads a proposal, or a finished record.
    ///
    /// # Errors
    /// [`ProposalError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ProposalError> {
        let record = draft::read(bytes)?;
        match record.kind() {
            Kind::Authority | Kind::Policy => {}
            other => return Err(ProposalError::Kind(other)),
        }
        match record.signatures.iter().position(|one| one.keyid.is_none()) {
            Some(at) => Err(ProposalError::NoKeyid(at.saturating_add(1))),
            None => Ok(Self { record }),
        }
    }

    /// Writes it: the entry once it is signed.
    ///
    /// # Errors
    /// [`RecordError`] above the limits of an entry.
    pub fn to_bytes(&self) -> Result<Vec<u8>, RecordError> {
        draft::write(&self.record)
    }

    /// The authority that it proposes; `None` if that is a policy.
    pub fn authority(&self) -> Option<&Authority> {
        match &self.record.statement.predicate {
            Predicate::Authority(authority) => Some(authority),
            _ => None,
        }
    }

    /// Adds a signature, in place of one by the same key.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn sign(&mut self, key: &SecretKey) -> Result<(), SignError> {
        let (keyid, sig) = key.sign(&self.record.payload)?;
        self.add(EnvelopeSignature { keyid: Some(keyid), sig });
        Ok(())
    }

    /// Adds a signature that was made elsewhere, in place of one by the same key.
    pub fn add(&mut self, signature: EnvelopeSignature) {
        self.record.signatures.retain(|one| one.keyid != signature.keyid);
        self.record.signatures.push(signature);
        self.record.signatures.sort_by_key(|one| one.keyid);
    }

    /// What it proposes, in words.
    pub fn what(&self) -> String {
        match &self.record.statement.predicate {
            Predicate::Authority(authority) => {
                format!("authority of {}, epoch {}", authority.namespace, authority.epoch)
            }
            Predicate::Policy(policy) => format!("policy of {}, epoch {}", policy.log, policy.epoch),
            other => format!("record of kind {}", other.kind()),
        }
    }

    /// Whether no other record than itself decides: the genesis.
    pub fn is_genesis(&self) -> bool {
        self.authority().is_some_and(|authority| authority.namespace.is_root() && authority.epoch == 0)
    }

    /// The authority and its role whose keys sign this, if the record that says so is given.
    ///
    /// # Errors
    /// [`DecidedError`] if another record is given.
    pub fn decided_by<'a>(
        &'a self,
        before: Option<&'a Self>,
    ) -> Result<Option<(&'a Authority, RoleName)>, DecidedError> {
        if self.is_genesis() {
            return Ok(self.authority().map(|own| (own, RoleName::Root)));
        }
        let Some(before) = before else { return Ok(None) };
        let (namespace, previous) = match self.authority() {
            Some(own) if own.epoch > 0 => (own.namespace.as_str(), own.previous),
            _ => ("*", None),
        };
        let need = || DecidedError::Other { have: before.what(), need: format!("authority of {namespace}") };
        let decides = before.authority().filter(|one| one.namespace.as_str() == namespace).ok_or_else(need)?;
        let log = self.record.log().unwrap_or_default();
        if decides.log != log {
            return Err(DecidedError::Log { have: decides.log.clone(), need: log.into() });
        }
        if let Some(need) = previous.filter(|id| *id != before.record.id) {
            return Err(DecidedError::Previous { have: before.record.id, need });
        }
        let role = if namespace == "*" { RoleName::Root } else { RoleName::Authority };
        Ok(Some((decides, role)))
    }

    /// Tells who signed so far, and what is needed.
    ///
    /// # Errors
    /// [`DecidedError`] if `before` does not decide on it.
    pub fn standing(&self, before: Option<&Self>) -> Result<Standing, DecidedError> {
        let signatures = &self.record.signatures;
        let all: Vec<Digest> = signatures.iter().filter_map(|one| one.keyid).collect();
        let Some((authority, name)) = self.decided_by(before)? else {
            return Ok(Standing { signed: all, idle: Vec::new(), missing: Vec::new(), need: None });
        };
        let signers = authority.signers(name, &record::pae(&self.record.payload), signatures, &|_, _| None);
        let signed: Vec<Digest> = signers.into_iter().map(|(keyid, _)| keyid).collect();
        let idle = all.into_iter().filter(|keyid| !signed.contains(keyid)).collect();
        let role = authority.role(name);
        let keyids = role.map(|role| role.keyids.as_slice()).unwrap_or_default();
        let missing = keyids.iter().filter(|keyid| !signed.contains(keyid)).copied().collect();
        Ok(Standing { signed, idle, missing, need: role.map(|role| role.threshold) })
    }
}

/// Puts roles in place of those of the same name, and keeps the keys that are in some role, no others.
fn put_roles(authority: &mut Authority, roles: Vec<ProposedRole>) {
    for ProposedRole { name, threshold, keys } in roles {
        let mut keyids: Vec<Digest> = keys.iter().map(PublicKey::keyid).collect();
        keyids.sort_unstable();
        keyids.dedup();
        authority.keys.extend(keys.into_iter().map(|key| (key.keyid(), key)));
        authority.roles.insert(name, Role { threshold, keyids });
    }
    let roles = &authority.roles;
    authority.keys.retain(|keyid, _| roles.values().any(|role| role.keyids.contains(keyid)));
}

fn put_distrust(authority: &mut Authority, line: Distrust) -> Result<(), ProposalError> {
    match authority.distrust.iter_mut().find(|one| one.keyid == line.keyid) {
        Some(one) if one.from_index < line.from_index => {
            let (keyid, have, want) = (one.keyid, one.from_index, line.from_index);
            Err(ProposalError::Distrust { keyid, have, want })
        }
        Some(one) => {
            one.from_index = line.from_index;
            Ok(())
        }
        None => {
            authority.distrust.push(line);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8) -> SecretKey {
        SecretKey::from_seed([seed; 32])
    }

    fn public(seeds: &[u8]) -> Vec<PublicKey> {
        seeds.iter().map(|seed| key(*seed).public().clone()).collect()
    }

    fn genesis(threshold: u64) -> Proposal {
        let roles = vec![role(RoleName::Root, threshold, &public(&[1, 2]))];
        Proposal::new("log.example", Namespace::parse("*").unwrap(), roles, false).unwrap()
    }

    fn vendor() -> Proposal {
        let namespace = Namespace::parse("pkg:generic/acme/").unwrap();
        let roles = vec![role(RoleName::Authority, 1, &public(&[5])), role(RoleName::Update, 1, &public(&[6]))];
        Proposal::new("log.example", namespace, roles, false).unwrap()
    }

    #[test]
    fn signatures_gather_and_only_the_roots_count() {
        let mut proposal = genesis(2);
        let unsigned = proposal.to_bytes().unwrap();
        assert!(unsigned.ends_with(br#""signatures":[]}"#));
        assert_eq!(Proposal::parse(&unsigned), Ok(proposal.clone()));
        proposal.sign(&key(1)).unwrap();
        proposal.sign(&key(3)).unwrap();
        let once = proposal.to_bytes().unwrap();
        proposal.sign(&key(1)).unwrap();
        assert_eq!(proposal.to_bytes().unwrap(), once, "signing twice changes nothing");
        let standing = proposal.standing(None).unwrap();
        assert_eq!(
            (standing.signed.as_slice(), standing.idle.as_slice()),
            (&[key(1).keyid()][..], &[key(3).keyid()][..])
        );
        assert_eq!(standing.missing, [key(2).keyid()]);
        assert!(!standing.met());
        proposal.sign(&key(2)).unwrap();
        assert!(proposal.standing(None).unwrap().met());
        assert_eq!(Record::parse_entry(&proposal.to_bytes().unwrap()).unwrap().id, proposal.record.id);
    }

    #[test]
    fn who_decides() {
        let (root, mut first) = (genesis(1), vendor());
        first.sign(&key(1)).unwrap();
        assert_eq!(first.standing(None).unwrap().need, None);
        assert!(!first.standing(None).unwrap().met());
        assert!(first.standing(Some(&root)).unwrap().met());
        let mut next = Proposal::next(&first, &Change::default()).unwrap();
        next.sign(&key(1)).unwrap();
        assert!(!next.standing(Some(&first)).unwrap().met(), "the root does not sign a next epoch");
        next.sign(&key(5)).unwrap();
        assert!(next.standing(Some(&first)).unwrap().met());
        assert!(matches!(next.standing(Some(&root)), Err(DecidedError::Other { .. })));
        assert!(matches!(first.standing(Some(&next)), Err(DecidedError::Other { .. })));
        let again = Proposal::next(&next, &Change::default()).unwrap();
        let (have, need) = (first.record.id, next.record.id);
        assert_eq!(again.standing(Some(&first)), Err(DecidedError::Previous { have, need }));
        let elsewhere = Proposal::new(
            "other.example",
            Namespace::parse("*").unwrap(),
            vec![role(RoleName::Root, 1, &public(&[1]))],
            false,
        );
        assert!(matches!(first.standing(Some(&elsewhere.unwrap())), Err(DecidedError::Log { .. })));
    }

    #[test]
    fn a_next_epoch_changes_what_is_said_and_keeps_the_rest() {
        let first = vendor();
        let mut change = Change { allow_git_commit: Some(true), ..Change::default() };
        change.roles.push(role(RoleName::Update, 2, &public(&[7, 8])));
        change.roles.push(role(RoleName::Withdraw, 1, &public(&[5])));
        change.distrust.push(Distrust { keyid: key(6).keyid(), from_index: 40 });
        let next = Proposal::next(&first, &change).unwrap();
        let authority = next.authority().unwrap();
        assert_eq!((authority.epoch, authority.previous, authority.allow_git_commit), (1, Some(first.record.id), true));
        assert_eq!(authority.roles.len(), 3);
        assert!(!authority.keys.contains_key(&key(6).keyid()), "a key in no role is none of the record's");

        let distrust =
            |from_index| Change { distrust: vec![Distrust { keyid: key(6).keyid(), from_index }], ..Change::default() };
        let lower = Proposal::next(&next, &distrust(30)).unwrap();
        assert_eq!(lower.authority().unwrap().distrust, [Distrust { keyid: key(6).keyid(), from_index: 30 }]);
        let error = Proposal::next(&next, &distrust(41)).unwrap_err();
        assert_eq!(error, ProposalError::Distrust { keyid: key(6).keyid(), have: 40, want: 41 });
        let drop = |name| Change { drop: vec![name], ..Change::default() };
        assert!(
            !Proposal::next(&next, &drop(RoleName::Withdraw))
                .unwrap()
                .authority()
                .unwrap()
                .roles
                .contains_key(&RoleName::Withdraw)
        );
        assert_eq!(Proposal::next(&next, &drop(RoleName::Access)), Err(ProposalError::NoSuchRole(RoleName::Access)));
        let missing = Proposal::next(&next, &drop(RoleName::Authority)).unwrap_err();
        assert_eq!(missing.to_string(), "the role authority is missing");
    }

    #[test]
    fn policies_follow_one_another() {
        let (root, text) = (genesis(1), "quorum none\n");
        let mut first = Proposal::policy("log.example", text, None).unwrap();
        first.sign(&self::key(1)).unwrap();
        assert!(first.standing(Some(&root)).unwrap().met());
        let next = Proposal::policy("log.example", text, Some(&first)).unwrap();
        let Predicate::Policy(says) = &next.record.statement.predicate else { panic!() };
        assert_eq!((says.epoch, says.previous), (1, Some(first.record.id)));
        assert!(matches!(Proposal::policy("log.example", text, Some(&root)), Err(ProposalError::Before { .. })));
        assert!(matches!(Proposal::next(&first, &Change::default()), Err(ProposalError::Before { .. })));
        assert!(matches!(first.standing(Some(&first)), Err(DecidedError::Other { .. })));
    }

    #[test]
    fn what_is_no_proposal() {
        assert!(matches!(Proposal::parse(b"{}"), Err(ProposalError::Record(_))));
        assert!(matches!(Proposal::parse(b""), Err(ProposalError::Record(_))));
        let twice = [role(RoleName::Root, 3, &public(&[1, 1]))];
        let error = Proposal::new("log.example", Namespace::parse("*").unwrap(), twice.into(), false).unwrap_err();
        assert_eq!(error.name(), "threshold");
    }
}
