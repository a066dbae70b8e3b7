//! Following a policy: when the log's later policy takes the place of the one that a client trusts.

use super::authorities::Searched;
use super::heads;
use super::{Memory, Part, Party, Refusal, Trust, records};
use crate::authority::RoleName;
use crate::bundle::Status;
use crate::policy::Policy;
use crate::record::{Digest, Review, What};
use crate::state::{self, Outcome, PolicyValue};
use alloc::collections::BTreeSet;
use alloc::{string::String, vec::Vec};

/// A policy that may take the place of the one in use.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Followed {
    /// Its epoch: from now on [`Trust::policy_epoch`].
    pub epoch: u64,
    /// Its id.
    pub id: Digest,
    /// Its index in the log.
    pub index: u64,
    /// Its text, to be kept: [`Trust::policy`] is read from it.
    pub text: String,
    /// The parties that count and confirmed it, sorted.
    pub confirmed: Vec<String>,
}

/// Decides whether the policy on record takes the place of the one that the trust has.
///
/// `status` is one that proves the policy, its reviews and the parties' authorities, under a checkpoint that the policy in
/// use accepts. The rules are in the module's documentation, "Following a policy".
///
/// Units: `now` in Unix seconds.
///
/// # Errors
/// [`Refusal`], for the first check that fails.
pub fn follow(status: &[u8], trust: &Trust, memory: &Memory, now: u64) -> Result<Followed, Refusal> {
    let status = Status::parse(status)?;
    let stated = records::stated(&status.records)?;
    sane(trust)?;
    // SPEC: "when it lies under a checkpoint that satisfies n".
    let opened = heads::open(Part::Status, &status.checkpoint, trust, now.max(memory.time))?;
    heads::not_older(&opened, memory)?;
    heads::state(&status, &opened.head, &[state::POLICY_KEY.into()])?;
    let on_record = records::policy(&status)?.ok_or(Refusal::PolicyMissing { need: None })?;
    let PolicyValue { epoch, id, index, .. } = on_record;
    if let Some(in_use) = trust.policy_epoch.filter(|in_use| epoch <= *in_use) {
        return Err(Refusal::PolicyNotLater { have: epoch, in_use });
    }
    let item = stated.policies.iter().find(|item| item.id == id).ok_or(Refusal::PolicyMissing { need: Some(id) })?;
    item.placed(&opened.head, index, &trust.origin)?;
    usable(&item.says.policy, trust)?;
    // SPEC: "and k counted parties confirmed it in a review".
    let searched =
        Searched { authorities: &stated.authorities, status: &status, head: &opened.head, origin: &trust.origin };
    let confirmed = confirmed(&searched, &stated.reviews, &on_record, trust)?;
    Ok(Followed { epoch, id, index, text: item.says.policy.clone(), confirmed })
}

fn sane(trust: &Trust) -> Result<(), Refusal> {
    let parties: BTreeSet<&str> = trust.parties.iter().map(|party| party.name.as_str()).collect();
    let (have, need) = (u64::try_from(parties.len()).unwrap_or(u64::MAX), trust.follow);
    match need {
        0 => Err(Refusal::NotFollowing),
        _ if have < need => Err(Refusal::TooFewParties { what: "follow", have, need }),
        _ => trust.policy.check().map(|_| ()).map_err(Refusal::WeakPolicy),
    }
}

/// A policy under which nothing of this log could be judged would lock the client out.
fn usable(text: &str, trust: &Trust) -> Result<(), Refusal> {
    let no_log = || Refusal::LogNotInPolicy { origin: trust.origin.clone() };
    // The record was read, so its policy can be; a text that could not would name no log.
    let policy = Policy::parse(text.as_bytes()).map_err(|_| no_log())?;
    policy.check().map_err(Refusal::WeakPolicy)?;
    if policy.logs().iter().any(|log| log.vkey.name == trust.origin) { Ok(()) } else { Err(no_log()) }
}

/// The parties that count and whose last word on the policy is that it may be followed, each proved.
fn confirmed(
    searched: &Searched<'_>,
    reviews: &[records::Item<'_, Review>],
    on_record: &PolicyValue,
    trust: &Trust,
) -> Result<Vec<String>, Refusal> {
    let mut confirmed = BTreeSet::new();
    for Party { name, authority } in &trust.parties {
        let Some(word) = on_record.reviews.get(name) else { continue };
        let (party, says, key) = (name.clone(), word.says.name().into(), String::from(state::POLICY_KEY));
        let chain = searched.chain(name, authority)?;
        let item = reviews.iter().find(|item| item.id == word.id);
        let item = item.ok_or(Refusal::WordMissing { party, says, key, id: word.id })?;
        item.placed(searched.head, word.index, searched.origin)?;
        let Review { party, of, what, outcome, .. } = &item.says;
        if (party.as_str(), *of, *what, *outcome) != (name, on_record.id, What::Policy, word.says) {
            let line = alloc::format!("{name} {}", word.says.name());
            let (index, kind, key) = (word.index, crate::record::Kind::Review, state::POLICY_KEY.into());
            return Err(Refusal::WordDiffers { index, kind, key, line });
        }
        item.signed(RoleName::Review, &chain)?;
        match word.says {
            Outcome::Confirmed => drop(confirmed.insert(name.clone())),
            Outcome::Contradicted => {
                let (epoch, party, by) = (on_record.epoch, name.clone(), word.id);
                return Err(Refusal::PolicyContradicted { epoch, party, by });
            }
        }
    }
    let (have, need) = (u64::try_from(confirmed.len()).unwrap_or(u64::MAX), trust.follow);
    if have < need {
        return Err(Refusal::PolicyNotConfirmed { epoch: on_record.epoch, have, need });
    }
    Ok(confirmed.into_iter().collect())
}
