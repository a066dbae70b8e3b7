//! Proposals: authority records on their way from one keyholder to the next, until enough of them signed.
//!
//! A proposal is a file with a DSSE envelope in the canonical form of [`spec::record`]; only that `signatures` may be empty
//! still. Once the threshold is met, its bytes are the entry.
//!
//! ```
//! use glarus::{keys::SecretKey, proposal::{Proposal, role}};
//! use spec::{authority::{Authority, Namespace, RoleName}, record::Digest};
//!
//! let key = SecretKey::from_seed([7; 32]);
//! let root = role(RoleName::Root, 1, &[key.public().clone()]);
//! let mut proposal = Proposal::new("log.acme.example/updates", Namespace::parse("*")?, vec![root], false)?;
//! assert_eq!(proposal.standing(None).need, Some(1));
//! proposal.sign(&key)?;
//! assert!(proposal.standing(None).met());
//! assert_eq!(Proposal::parse(&proposal.to_bytes()?)?, proposal);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::keys::{SecretKey, SignError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use spec::authority::{Authority, Namespace, PublicKey, Role, RoleName};
use spec::json::{self, Value};
use spec::record::{self, Digest, EnvelopeSignature, Kind, PAYLOAD_TYPE, Predicate, Record, RecordError, Statement};
use std::collections::BTreeMap;

/// Why a file is not a proposal.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ProposalError {
    /// Not a record, and not a record without signatures.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A record of another kind.
    #[error("this is a record of kind {0}; only authority records are proposed")]
    Kind(Kind),
    /// A signature that does not say whose it is.
    #[error("signature {0} has no keyid of ours; sign with `glarus authority sign`")]
    NoKeyid(usize),
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

/// An authority record with any number of signatures, none too.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proposal {
    /// The bytes that are signed.
    pub payload: Vec<u8>,
    /// What they say.
    pub authority: Authority,
    /// By key, not verified.
    pub signatures: BTreeMap<Digest, Vec<u8>>,
}

/// Who signed so far, and what is needed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Standing {
    /// Keys whose signatures verify and count; all that signed, where it is not known whose count.
    pub signed: Vec<Digest>,
    /// Keys whose signatures are in the file and do not count: by keys of no use here, or broken.
    pub idle: Vec<Digest>,
    /// How many must sign; `None` where that is not known: the log's root decides, and the file does not name it.
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
        let mut keys = BTreeMap::new();
        let mut named = BTreeMap::new();
        for ProposedRole { name, threshold, keys: of_role } in roles {
            let mut keyids: Vec<Digest> = of_role.iter().map(PublicKey::keyid).collect();
            keyids.sort_unstable();
            keyids.dedup();
            keys.extend(of_role.into_iter().map(|key| (key.keyid(), key)));
            named.insert(name, Role { threshold, keyids });
        }
        let authority = Authority {
            log: log.into(),
            namespace,
            epoch: 0,
            previous: None,
            keys,
            roles: named,
            distrust: Vec::new(),
            allow_git_commit,
        };
        let payload = authority.clone().into_statement().to_json().into_bytes();
        // What is signed is what a reader understands, not what was meant.
        Statement::parse(&payload)?;
        Ok(Self { payload, authority, signatures: BTreeMap::new() })
    }

    /// Reads a proposal, or a finished record.
    ///
    /// # Errors
    /// [`ProposalError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ProposalError> {
        let (payload, statement, signatures) = match unsigned(bytes) {
            Some(payload) => {
                let statement = Statement::parse(&payload)?;
                (payload, statement, Vec::new())
            }
            None => {
                let record = Record::parse_submission(bytes)?;
                (record.payload, record.statement, record.signatures)
            }
        };
        let authority = match statement.predicate {
            Predicate::Authority(authority) => authority,
            other => return Err(ProposalError::Kind(other.kind())),
        };
        let mut by_key = BTreeMap::new();
        for (at, signature) in signatures.into_iter().enumerate() {
            by_key.insert(signature.keyid.ok_or(ProposalError::NoKeyid(at + 1))?, signature.sig);
        }
        Ok(Self { payload, authority, signatures: by_key })
    }

    /// Writes it: the entry once it is signed.
    ///
    /// # Errors
    /// [`RecordError`] above the limits of an entry.
    pub fn to_bytes(&self) -> Result<Vec<u8>, RecordError> {
        if self.signatures.is_empty() {
            let payload = STANDARD.encode(&self.payload);
            let text = format!(r#"{{"payload":"{payload}","payloadType":"{PAYLOAD_TYPE}","signatures":[]}}"#);
            return Ok(text.into_bytes());
        }
        let signatures: Vec<_> = self.signatures.iter().map(|(keyid, sig)| (*keyid, sig.clone())).collect();
        record::envelope(&self.payload, &signatures)
    }

    /// The record's id.
    pub fn id(&self) -> Digest {
        Digest::of(&record::pae(&self.payload))
    }

    /// Adds a signature, in place of one by the same key.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn sign(&mut self, key: &SecretKey) -> Result<(), SignError> {
        self.signatures.extend([key.sign(&self.payload)?]);
        Ok(())
    }

    /// The log's root that decides on it: its own for the namespace `*`, else that of `genesis`, where it is given.
    pub fn decided_by<'a>(&'a self, genesis: Option<&'a Authority>) -> Option<&'a Authority> {
        if self.authority.namespace.is_root() { Some(&self.authority) } else { genesis }
    }

    /// Tells who signed so far, and what is needed.
    ///
    /// Spec: [`spec::authority`]: the first epoch of `*` is signed by its own root, any other first epoch by the log's root.
    pub fn standing(&self, genesis: Option<&Authority>) -> Standing {
        let Some(root) = self.decided_by(genesis) else {
            return Standing { signed: self.signatures.keys().copied().collect(), idle: Vec::new(), need: None };
        };
        let signature = |(keyid, sig): (&Digest, &Vec<u8>)| EnvelopeSignature { keyid: Some(*keyid), sig: sig.clone() };
        let signatures: Vec<_> = self.signatures.iter().map(signature).collect();
        let pae = record::pae(&self.payload);
        let signers = root.signers(RoleName::Root, &pae, &signatures, &|_, _| None);
        let signed: Vec<Digest> = signers.into_iter().map(|(keyid, _)| keyid).collect();
        let idle = self.signatures.keys().filter(|keyid| !signed.contains(keyid)).copied().collect();
        Standing { signed, idle, need: root.role(RoleName::Root).map(|role| role.threshold) }
    }
}

/// The payload of an envelope that nobody signed yet; `None` if it is anything else.
fn unsigned(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.len() > record::MAX_SUBMISSION_BYTES {
        return None;
    }
    let value = json::parse(bytes).ok()?;
    let envelope = value.object().filter(|object| object.case_collision().is_none())?;
    let is_ours = envelope.get("payloadType")?.string()? == PAYLOAD_TYPE;
    match envelope.get("signatures")? {
        Value::Array(signatures) if signatures.is_empty() && is_ours => {}
        _ => return None,
    }
    STANDARD.decode(envelope.get("payload")?.string()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8) -> SecretKey {
        SecretKey::from_seed([seed; 32])
    }

    fn genesis(threshold: u64) -> Proposal {
        let keys = [key(1).public().clone(), key(2).public().clone()];
        let roles = vec![role(RoleName::Root, threshold, &keys)];
        Proposal::new("log.example", Namespace::parse("*").unwrap(), roles, false).unwrap()
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
        let standing = proposal.standing(None);
        assert_eq!(
            (standing.signed.as_slice(), standing.idle.as_slice()),
            (&[key(1).keyid()][..], &[key(3).keyid()][..])
        );
        assert!(!standing.met());
        proposal.sign(&key(2)).unwrap();
        assert!(proposal.standing(None).met());
        assert_eq!(Record::parse_entry(&proposal.to_bytes().unwrap()).unwrap().id, proposal.id());
    }

    #[test]
    fn another_namespace_asks_the_logs_root() {
        let namespace = Namespace::parse("pkg:generic/acme/").unwrap();
        let roles = vec![role(RoleName::Authority, 1, &[key(5).public().clone()])];
        let mut proposal = Proposal::new("log.example", namespace, roles, false).unwrap();
        proposal.sign(&key(1)).unwrap();
        assert_eq!(proposal.standing(None).need, None);
        assert!(!proposal.standing(None).met());
        let root = genesis(1).authority;
        assert!(proposal.standing(Some(&root)).met());
    }

    #[test]
    fn what_is_no_proposal() {
        assert!(matches!(Proposal::parse(b"{}"), Err(ProposalError::Record(_))));
        assert!(matches!(Proposal::parse(b""), Err(ProposalError::Record(_))));
        let twice = [role(RoleName::Root, 3, &[key(1).public().clone(), key(1).public().clone()])];
        let error = Proposal::new("log.example", Namespace::parse("*").unwrap(), twice.into(), false).unwrap_err();
        assert_eq!(error.name(), "threshold");
    }
}
