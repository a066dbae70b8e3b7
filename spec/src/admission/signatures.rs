//! Whose signatures a record may bear, and which are valid: the costly part of a judgement, which any core can do before it.
//!
//! [`check`] verifies against the authorities that `rows` has, of whatever moment; [`super::judge`] is told what it found. That a key
//! made a signature over a record is true at every index, so a check with rows that are out of date saves less work, no more.

use super::build::{candidates, dependency_keys, matches};
use super::{Corrupt, Family, Look, Refusal, Rows};
use crate::authority::{Authority, PublicKey, RoleName, Verifier};
use crate::record::{self, Digest, EnvelopeSignature, Predicate, Product, Record, Withdrawal};
use alloc::collections::BTreeMap;
use alloc::{string::ToString, sync::Arc, vec, vec::Vec};

/// Verifications of signatures that do not name their key: all of a record's signatures together are tried with no more keys
/// than this. A signature that names its key has one try beside these, so who signed with keyids never meets the limit.
pub const MAX_TRIALS: usize = 64;
/// Verifications of one record's signatures.
pub const MAX_CHECKS: usize = MAX_TRIALS + record::MAX_SIGNATURES;

/// What is known of a record's signatures: whether a key made one.
///
/// Shapes: at most [`MAX_CHECKS`].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Checked(Vec<(Digest, Vec<u8>, bool)>);

impl Checked {
    /// Whether the key made the signature; `None` if that was not tried.
    pub fn get(&self, keyid: &Digest, sig: &[u8]) -> Option<bool> {
        let tried = self.0.iter().find(|(by, other, _)| by == keyid && other == sig);
        tried.map(|(_, _, valid)| *valid)
    }
}

/// The rows that [`check`] needs first; a part of [`super::needs`].
pub fn needs(record: &Record) -> Vec<Look> {
    match &record.statement.predicate {
        Predicate::Authority(authority) => vec![Look::namespace(signing(authority).0)],
        Predicate::Source(source) => {
            source.products.iter().take(1).flat_map(Product::prefixes).map(Look::namespace).collect()
        }
        Predicate::Build(build) => {
            let keys = build.dependencies.iter().flat_map(dependency_keys);
            keys.map(|key| Look::Prefix(Family::Digests, key)).collect()
        }
        Predicate::Update(update) => update.product.prefixes().map(Look::namespace).collect(),
        Predicate::Rebuild(rebuild) => vec![Look::namespace(rebuild.party.as_str())],
        Predicate::Withdrawal(withdrawal) => withdrawal.updates.iter().take(1).map(Look::id).collect(),
        Predicate::Review(review) => vec![Look::namespace(review.party.as_str())],
        Predicate::Policy(_) => vec![Look::namespace("*")],
        Predicate::Access(access) => vec![Look::namespace(access.namespace.as_str())],
    }
}

/// The rows that it needs once the first are answered; a part of [`super::needs_more`]. Only builds and withdrawals need any.
///
/// # Errors
/// [`Corrupt`]: a row cannot be read.
pub fn needs_more(record: &Record, rows: &Rows) -> Result<Vec<Look>, Corrupt> {
    match &record.statement.predicate {
        Predicate::Build(build) => {
            Ok(candidates(&matches(build, rows)?).iter().map(|namespace| Look::namespace(namespace)).collect())
        }
        Predicate::Withdrawal(withdrawal) => {
            let product = withdrawn_product(withdrawal, rows)?;
            Ok(product.iter().flat_map(Product::prefixes).map(Look::namespace).collect())
        }
        _ => Ok(Vec::new()),
    }
}

/// Whose keys sign an authority record: the log's root the first epoch of all, then each epoch those that come after it.
fn signing(authority: &Authority) -> (&str, RoleName) {
    match &authority.namespace {
        namespace if namespace.is_root() || authority.epoch == 0 => ("*", RoleName::Root),
        namespace => (namespace.as_str(), RoleName::Authority),
    }
}

/// The product of the first update that a withdrawal names.
fn withdrawn_product(withdrawal: &Withdrawal, rows: &Rows) -> Result<Option<Product>, Corrupt> {
    let track = withdrawal.updates.first().map(|id| rows.track(&Look::id(id))).transpose()?;
    Ok(track.flatten().map(|track| track.product))
}

/// Verifies a record's signatures with the keys that may have made them.
///
/// `rows` has the answers to [`needs`] and [`needs_more`].
///
/// Cost: at most [`MAX_CHECKS`] verifications.
///
/// # Errors
/// [`Corrupt`]: a row cannot be read.
pub fn check(record: &Record, rows: &Rows) -> Result<Checked, Corrupt> {
    let pae = record::pae(&record.payload);
    let mut checked = Checked::default();
    signers(&record.signatures, &trusted(record, rows)?, |keyid, key, sig| {
        let valid = checked.get(keyid, sig).unwrap_or_else(|| key.verify(&pae, sig));
        checked.0.push((*keyid, sig.to_vec(), valid));
        valid
    });
    Ok(checked)
}

/// Verifies those signatures of records that name a key which is at hand, without any rows: an entry's all name theirs.
///
/// What it finds is as true as what [`check`] finds; whether the keys may sign is not asked.
///
/// Shapes: one for each record.
///
/// Cost: one verification for each signature at most, by a [`Verifier`].
pub fn check_named<'a>(
    records: impl IntoIterator<Item = &'a Record>,
    key: impl Fn(&Digest) -> Option<PublicKey>,
) -> Vec<Checked> {
    let (mut verifier, mut tried) = (Verifier::default(), Vec::new());
    for record in records {
        let pae = record::pae(&record.payload);
        let mut own = Vec::new();
        for EnvelopeSignature { keyid, sig } in &record.signatures {
            if let Some((keyid, key)) = keyid.and_then(|keyid| Some((keyid, key(&keyid)?))) {
                verifier.add(&key, &pae, sig);
                own.push((keyid, sig.clone()));
            }
        }
        tried.push(own);
    }
    let mut valid = verifier.finish().into_iter();
    let mut checked = |(keyid, sig)| Some((keyid, sig, valid.next()?));
    tried.into_iter().map(|own| Checked(own.into_iter().filter_map(&mut checked).collect())).collect()
}

/// An authority in force, and the role whose keys sign a record.
pub(super) struct Trusted {
    pub(super) authority: Arc<Authority>,
    role: RoleName,
}

/// The authorities whose keys may sign a record: one, or a build's candidates in their order.
pub(super) fn trusted(record: &Record, rows: &Rows) -> Result<Vec<Trusted>, Corrupt> {
    let one = |authority: Option<Arc<Authority>>, role| authority.map(|authority| Trusted { authority, role });
    let (authorities, role) = match &record.statement.predicate {
        Predicate::Authority(genesis) if genesis.namespace.is_root() && genesis.epoch == 0 => {
            (Some(Arc::new(genesis.clone())), RoleName::Root)
        }
        Predicate::Authority(authority) => {
            let (namespace, role) = signing(authority);
            (rows.authority(namespace)?, role)
        }
        Predicate::Source(source) => {
            let governing = source.products.first().map(|product| rows.governing(product)).transpose()?;
            (governing.flatten(), RoleName::Source)
        }
        Predicate::Update(update) => (rows.governing(&update.product)?, RoleName::Update),
        Predicate::Build(build) => {
            let candidates = candidates(&matches(build, rows)?);
            let authorities = candidates.iter().map(|namespace| {
                let missing = || Corrupt::missing(&Look::namespace(namespace));
                let authority = rows.authority(namespace)?.ok_or_else(missing)?;
                Ok(Trusted { authority, role: RoleName::Build })
            });
            return authorities.collect();
        }
        Predicate::Rebuild(rebuild) => (rows.authority(rebuild.party.as_str())?, RoleName::Rebuild),
        Predicate::Withdrawal(withdrawal) => {
            let governing = withdrawn_product(withdrawal, rows)?.map(|product| rows.governing(&product)).transpose()?;
            (governing.flatten(), RoleName::Withdraw)
        }
        Predicate::Review(review) => (rows.authority(review.party.as_str())?, RoleName::Review),
        Predicate::Policy(_) => (rows.authority("*")?, RoleName::Root),
        Predicate::Access(access) => (rows.authority(access.namespace.as_str())?, RoleName::Access),
    };
    Ok(one(authorities, role).into_iter().collect())
}

impl Trusted {
    pub(super) fn namespace(&self) -> &str {
        self.authority.namespace.as_str()
    }

    /// Rule 5: those of a record's valid signatures that are by keys of the role, if they meet its threshold at `index`.
    pub(super) fn signed(
        &self,
        signers: &BTreeMap<Digest, Vec<u8>>,
        index: u64,
    ) -> Result<BTreeMap<Digest, Vec<u8>>, Refusal> {
        let keyids = self.authority.role(self.role).map(|role| role.keyids.as_slice()).unwrap_or_default();
        let by = signers.iter().filter(|(keyid, _)| keyids.contains(keyid));
        let by: Vec<(Digest, Vec<u8>)> = by.map(|(keyid, sig)| (*keyid, sig.clone())).collect();
        match self.authority.meets(self.role, &by, index) {
            Ok(()) => Ok(by.into_iter().collect()),
            Err(threshold) => {
                let namespace = self.authority.namespace.to_string();
                let (have, need) = (threshold.have, threshold.need);
                Err(Refusal::ThresholdNotMet { have, need, role: self.role.name(), namespace })
            }
        }
    }
}

/// Finds the valid signatures by any key that is trusted, one a key and each in its canonical form: first those that name their key, then, as far as
/// [`MAX_TRIALS`] go, the others, with each key that has none yet.
///
/// All keys of all candidates are looked at together. So what is found in a record is found again in its entry, whose
/// signatures all name their keys, and both are judged alike.
pub(super) fn signers(
    signatures: &[EnvelopeSignature],
    trusted: &[Trusted],
    mut made_by: impl FnMut(&Digest, &PublicKey, &[u8]) -> bool,
) -> BTreeMap<Digest, Vec<u8>> {
    let mut keys: Vec<(&Digest, &PublicKey)> = Vec::new();
    for Trusted { authority, role } in trusted {
        let keyids = authority.role(*role).map(|role| role.keyids.as_slice()).unwrap_or_default();
        keys.extend(keyids.iter().filter_map(|keyid| authority.keys.get_key_value(keyid)));
    }
    let mut found = BTreeMap::new();
    let mut unnamed = Vec::new();
    for signature in signatures {
        let named = signature.keyid.as_ref().and_then(|named| keys.iter().find(|(keyid, _)| *keyid == named));
        let named = named.filter(|(keyid, _)| !found.contains_key(*keyid));
        let by_named = named.and_then(|(keyid, key)| {
            let sig = key.canonical(&signature.sig)?;
            made_by(keyid, key, &sig).then(|| (**keyid, sig.into_owned()))
        });
        match by_named {
            Some((keyid, sig)) => drop(found.insert(keyid, sig)),
            None => unnamed.push(signature),
        }
    }
    let mut trials = MAX_TRIALS;
    for signature in unnamed {
        for (keyid, key) in &keys {
            if found.contains_key(*keyid) || signature.keyid.as_ref() == Some(*keyid) {
                continue;
            }
            // What can be no signature by this key needs no try.
            let Some(sig) = key.canonical(&signature.sig) else { continue };
            let Some(left) = trials.checked_sub(1) else { return found };
            trials = left;
            if made_by(keyid, key, &sig) {
                found.insert(**keyid, sig.into_owned());
                break;
            }
        }
    }
    found
}
