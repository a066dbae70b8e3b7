//! Steps 1, 10 and 11: what the records are, where they are, and who signed them.

use super::authorities::Chain;
use super::heads::{included, value};
use super::{Part, Refusal};
use crate::authority::{Authority, RoleName};
use crate::bundle::{Proved, Status};
use crate::merkle::TreeHead;
use crate::record::{
    Build, Digest, EnvelopeSignature, Kind, Policy, Predicate, Rebuild, Record, Review, Source, Statement, Subject,
    Update, Withdrawal, pae,
};
use crate::state::{self, BuildValue, PolicyValue, SourceValue, UpdateValue};
use alloc::collections::BTreeSet;
use alloc::{boxed::Box, string::String, vec::Vec};

/// A record of a kind, and where it stands.
pub(super) struct Item<'a, T> {
    pub(super) proved: &'a Proved,
    pub(super) id: Digest,
    pub(super) subjects: Vec<Subject>,
    pub(super) says: T,
    part: Part,
    kind: Kind,
    log: Option<String>,
    payload: Vec<u8>,
    signatures: Vec<EnvelopeSignature>,
}

/// What a bundle has: one update, the builds and sources behind it, ascending by index.
pub(super) struct Released<'a> {
    pub(super) update: Item<'a, Update>,
    pub(super) builds: Vec<Item<'a, Build>>,
    pub(super) sources: Vec<Item<'a, Source>>,
}

/// What a status has, by kind, ascending by index.
#[derive(Default)]
pub(super) struct Stated<'a> {
    pub(super) authorities: Vec<Item<'a, Authority>>,
    pub(super) rebuilds: Vec<Item<'a, Rebuild>>,
    pub(super) reviews: Vec<Item<'a, Review>>,
    pub(super) withdrawals: Vec<Item<'a, Withdrawal>>,
    pub(super) policies: Vec<Item<'a, Policy>>,
}

/// The envelope of a record as read, its predicate apart.
fn read(part: Part, proved: &Proved) -> Result<(Item<'_, ()>, Predicate), Refusal> {
    let record = Record::parse_entry(&proved.entry).map_err(Box::new);
    let record = record.map_err(|error| Refusal::MalformedRecord { part, index: proved.index, error })?;
    let (kind, log) = (record.kind(), record.log().map(String::from));
    let Record { id, payload, statement: Statement { subjects, predicate }, signatures } = record;
    Ok((Item { proved, id, subjects, says: (), part, kind, log, payload, signatures }, predicate))
}

/// Step 1: the records of a bundle.
pub(super) fn released(records: &[Proved]) -> Result<Released<'_>, Refusal> {
    let (mut updates, mut builds, mut sources) = (Vec::new(), Vec::new(), Vec::new());
    for proved in records {
        match read(Part::Bundle, proved)? {
            (item, Predicate::Update(says)) => updates.push(item.with(says)),
            (item, Predicate::Build(says)) => builds.push(item.with(says)),
            (item, Predicate::Source(says)) => sources.push(item.with(says)),
            (item, _) => return Err(item.surplus()),
        }
    }
    let have = updates.len();
    match updates.pop() {
        Some(update) if have == 1 => Ok(Released { update, builds, sources }),
        _ => Err(Refusal::NotOneUpdate { have }),
    }
}

/// Step 1: the records of a status.
pub(super) fn stated(records: &[Proved]) -> Result<Stated<'_>, Refusal> {
    let mut stated = Stated::default();
    for proved in records {
        match read(Part::Status, proved)? {
            (item, Predicate::Authority(says)) => stated.authorities.push(item.with(says)),
            (item, Predicate::Rebuild(says)) => stated.rebuilds.push(item.with(says)),
            (item, Predicate::Review(says)) => stated.reviews.push(item.with(says)),
            (item, Predicate::Withdrawal(says)) => stated.withdrawals.push(item.with(says)),
            (item, Predicate::Policy(says)) => stated.policies.push(item.with(says)),
            (item, Predicate::Source(_) | Predicate::Build(_) | Predicate::Update(_) | Predicate::Access(_)) => {
                return Err(item.surplus());
            }
        }
    }
    Ok(stated)
}

impl<'a, T> Item<'a, T> {
    fn with<U>(self, says: U) -> Item<'a, U> {
        let Self { proved, id, subjects, part, kind, log, payload, signatures, .. } = self;
        Item { proved, id, subjects, says, part, kind, log, payload, signatures }
    }

    pub(super) fn index(&self) -> u64 {
        self.proved.index
    }

    pub(super) fn surplus(&self) -> Refusal {
        Refusal::SurplusRecord { part: self.part, index: self.index(), kind: self.kind }
    }

    /// Step 10: under the head, at the index that the state gives, made for this log.
    pub(super) fn placed(&self, head: &TreeHead, need: u64, origin: &str) -> Result<(), Refusal> {
        let (have, kind, id) = (self.index(), self.kind, self.id);
        if have != need {
            return Err(Refusal::IndexDiffers { kind, id, have, need });
        }
        self.logged(head, origin)
    }

    /// The same for a record whose index no value of the state gives.
    pub(super) fn logged(&self, head: &TreeHead, origin: &str) -> Result<(), Refusal> {
        included(self.part, self.proved, head)?;
        match &self.log {
            Some(have) if have != origin => {
                let (have, need) = (have.clone(), origin.into());
                Err(Refusal::WrongLog { index: self.index(), kind: self.kind, have, need })
            }
            _ => Ok(()),
        }
    }

    /// Step 11: signed by enough keys of the role that the epoch governing its index has, less those that the one in force
    /// distrusts.
    pub(super) fn signed(&self, role: RoleName, chain: &Chain<'_>) -> Result<(), Refusal> {
        let by = chain.governing(self.index(), self.kind)?;
        self.signed_by(role, by, &chain.in_force().distrust)
    }

    /// Each signature is verified against the one key that it names, and none once there are enough.
    pub(super) fn signed_by(
        &self,
        role: RoleName,
        authority: &Authority,
        distrust: &[crate::authority::Distrust],
    ) -> Result<(), Refusal> {
        let (index, pae) = (self.index(), pae(&self.payload));
        let of_role = |keyid: &Digest| authority.role(role).is_some_and(|role| role.keyids.contains(keyid));
        let mut signers = Vec::new();
        let mut met = authority.meets_less(role, &signers, index, distrust);
        for EnvelopeSignature { keyid, sig } in &self.signatures {
            if met.is_ok() {
                break;
            }
            if let Some(keyid) = keyid.filter(of_role)
                && authority.keys.get(&keyid).is_some_and(|key| key.verify(&pae, sig))
            {
                signers.push((keyid, sig.clone()));
                met = authority.meets_less(role, &signers, index, distrust);
            }
        }
        met.map_err(|threshold| {
            let (namespace, have, need) = (String::from(authority.namespace.as_str()), threshold.have, threshold.need);
            Refusal::ThresholdNotMet { index, kind: self.kind, namespace, have, need }
        })
    }
}

/// What the state says about the bundle's records, in their order.
pub(super) struct Known {
    pub(super) update: UpdateValue,
    pub(super) builds: Vec<BuildValue>,
    pub(super) sources: Vec<SourceValue>,
    pub(super) policy: Option<PolicyValue>,
}

impl Known {
    /// The parties that said something about a build or a source.
    pub(super) fn parties(&self) -> BTreeSet<&str> {
        let rebuilt = self.builds.iter().flat_map(|value| value.rebuilds.keys());
        let reviewed = self.sources.iter().flat_map(|value| value.reviews.keys().map(|(party, _)| party));
        rebuilt.chain(reviewed).map(String::as_str).collect()
    }
}

/// What the state says of the policy, if there is one on record.
pub(super) fn policy(status: &Status) -> Result<Option<PolicyValue>, Refusal> {
    match value(status, state::POLICY_KEY, PolicyValue::parse) {
        Err(Refusal::NotInState { .. }) => Ok(None),
        value => value.map(Some),
    }
}

impl Released<'_> {
    pub(super) fn build_ids(&self) -> Vec<Digest> {
        self.builds.iter().map(|item| item.id).collect()
    }

    pub(super) fn source_ids(&self) -> Vec<Digest> {
        self.sources.iter().map(|item| item.id).collect()
    }

    /// Reads what the state says about each record.
    pub(super) fn known(&self, status: &Status) -> Result<Known, Refusal> {
        let build = |item: &Item<'_, Build>| value(status, &state::build_key(&item.id), BuildValue::parse);
        let source = |item: &Item<'_, Source>| value(status, &state::source_key(&item.id), SourceValue::parse);
        Ok(Known {
            update: value(status, &state::update_key(&self.update.id), UpdateValue::parse)?,
            builds: self.builds.iter().map(build).collect::<Result<_, _>>()?,
            sources: self.sources.iter().map(source).collect::<Result<_, _>>()?,
            policy: policy(status)?,
        })
    }

    /// Step 10.
    pub(super) fn placed(&self, known: &Known, head: &TreeHead, origin: &str) -> Result<(), Refusal> {
        let (UpdateValue::Live { index } | UpdateValue::Withdrawn { index, .. }) = known.update;
        self.update.placed(head, index, origin)?;
        for (item, known) in self.builds.iter().zip(&known.builds) {
            item.placed(head, known.index, origin)?;
        }
        for (item, known) in self.sources.iter().zip(&known.sources) {
            item.placed(head, known.index, origin)?;
        }
        Ok(())
    }

    /// Step 11.
    pub(super) fn signed(&self, chain: &Chain<'_>) -> Result<(), Refusal> {
        self.update.signed(RoleName::Update, chain)?;
        self.builds.iter().try_for_each(|item| item.signed(RoleName::Build, chain))?;
        self.sources.iter().try_for_each(|item| item.signed(RoleName::Source, chain))
    }
}
