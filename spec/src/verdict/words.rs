//! Steps 9 to 11 for what others said of the bundle's records: rebuilds, reviews and the withdrawal, as a status has them.

use super::authorities::{Chain, Searched};
use super::records::{Item, Known, Released, Stated};
use super::{Party, Refusal};
use crate::authority::RoleName;
use crate::merkle::TreeHead;
use crate::record::{Digest, Kind, Withdrawal};
use crate::state::{self, UpdateValue, Word};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::{format, string::String, vec::Vec};

/// The chains of those parties that count and said something, by name.
pub(super) type Counted<'a> = BTreeMap<&'a str, Chain<'a>>;

/// Step 9: the chain of each party that counts and that the values name; a record of an authority that is neither the
/// vendor's nor that of a party so named is one too many.
pub(super) fn counted<'a>(
    searched: &Searched<'a>,
    parties: &'a [Party],
    known: &Known,
    namespace: &str,
) -> Result<Counted<'a>, Refusal> {
    let named = known.parties();
    let mut counted = BTreeMap::new();
    for Party { name, authority } in parties.iter().filter(|party| named.contains(party.name.as_str())) {
        // One name with two pins: both must be in its chain.
        counted.insert(name.as_str(), searched.chain(name, authority)?);
    }
    for item in searched.authorities {
        let of = item.says.namespace.as_str();
        if of != namespace && !named.contains(of) {
            return Err(item.surplus());
        }
        if of != namespace && !counted.contains_key(of) {
            item.logged(searched.head, searched.origin)?;
        }
    }
    Ok(counted)
}

/// The records in which parties said what the state says that they said, and the withdrawal.
pub(super) struct Spoken<'a> {
    pub(super) released: &'a Released<'a>,
    pub(super) known: &'a Known,
    pub(super) stated: &'a Stated<'a>,
    pub(super) vendor: &'a Chain<'a>,
    pub(super) counted: &'a Counted<'a>,
    pub(super) head: &'a TreeHead,
    pub(super) origin: &'a str,
}

/// A party's last word, as a line of the state has it.
struct Line<'a> {
    kind: Kind,
    role: RoleName,
    /// The key of the state under which the line stands.
    key: &'a str,
    party: &'a str,
    says: String,
    id: Digest,
    index: u64,
}

impl<'a> Spoken<'a> {
    /// Steps 9 to 11: all of it is in the log and says what the state says; of parties that count it is all there and signed.
    pub(super) fn proved(&self) -> Result<Option<&'a Withdrawal>, Refusal> {
        if let Some(item) = self.stated.policies.first() {
            return Err(item.surplus());
        }
        self.rebuilds()?;
        self.reviews()?;
        self.withdrawal()
    }

    fn rebuilds(&self) -> Result<(), Refusal> {
        let mut named = BTreeSet::new();
        let items = by_id(&self.stated.rebuilds);
        for (build, value) in self.released.builds.iter().zip(&self.known.builds) {
            let key = state::build_key(&build.id);
            for (party, Word { says, id, index }) in &value.rebuilds {
                named.insert(*id);
                let (kind, role) = (Kind::Rebuild, RoleName::Rebuild);
                let line = Line { kind, role, key: &key, party, says: says.name().into(), id: *id, index: *index };
                self.word(&line, items.get(id).copied(), |rebuild| {
                    (rebuild.party.as_str(), rebuild.build, rebuild.outcome) == (party, build.id, *says)
                })?;
            }
        }
        no_other(&self.stated.rebuilds, &named)
    }

    fn reviews(&self) -> Result<(), Refusal> {
        let mut named = BTreeSet::new();
        let items = by_id(&self.stated.reviews);
        for (source, value) in self.released.sources.iter().zip(&self.known.sources) {
            let key = state::source_key(&source.id);
            for ((party, claim), Word { says, id, index }) in &value.reviews {
                named.insert(*id);
                let (kind, role) = (Kind::Review, RoleName::Review);
                let words = format!("{} {}", claim.name(), says.name());
                let line = Line { kind, role, key: &key, party, says: words, id: *id, index: *index };
                self.word(&line, items.get(id).copied(), |review| {
                    let what = crate::record::What::Source(*claim);
                    (review.party.as_str(), review.of, review.what, review.outcome)
                        == (party.as_str(), source.id, what, *says)
                })?;
            }
        }
        no_other(&self.stated.reviews, &named)
    }

    /// One line of the state, and the record that it names, if the status has it.
    fn word<T>(
        &self,
        line: &Line<'_>,
        item: Option<&Item<'_, T>>,
        says_so: impl Fn(&T) -> bool,
    ) -> Result<(), Refusal> {
        let Line { kind, role, key, party, says, id, index } = line;
        let chain = self.counted.get(party);
        let Some(item) = item else {
            return match chain {
                None => Ok(()),
                Some(_) => {
                    let (party, says, key) = (String::from(*party), says.clone(), String::from(*key));
                    Err(Refusal::WordMissing { party, says, key, id: *id })
                }
            };
        };
        item.placed(self.head, *index, self.origin)?;
        if !says_so(&item.says) {
            let (key, line) = (String::from(*key), format!("{party} {says}"));
            return Err(Refusal::WordDiffers { index: *index, kind: *kind, key, line });
        }
        chain.map_or(Ok(()), |chain| item.signed(*role, chain))
    }

    fn withdrawal(&self) -> Result<Option<&'a Withdrawal>, Refusal> {
        let by = match self.known.update {
            UpdateValue::Withdrawn { by, .. } => Some(by),
            UpdateValue::Live { .. } => None,
        };
        let mut found = None;
        for item in &self.stated.withdrawals {
            if Some(item.id) != by {
                return Err(item.surplus());
            }
            item.logged(self.head, self.origin)?;
            if !item.says.updates.contains(&self.released.update.id) {
                let key = state::update_key(&self.released.update.id);
                let (index, kind) = (item.index(), Kind::Withdrawal);
                return Err(Refusal::WordDiffers { index, kind, key, line: "withdrawn".into() });
            }
            item.signed(RoleName::Withdraw, self.vendor)?;
            found = Some(&item.says);
        }
        Ok(found)
    }

    /// Which records of the status the verdict stands on, by index; the rest only whoever made the status needed.
    pub(super) fn used(&self) -> BTreeSet<u64> {
        let chains = self.counted.values().chain([self.vendor]);
        let mut used: BTreeSet<u64> = chains.flat_map(|chain| chain.indices().collect::<Vec<_>>()).collect();
        let counts = |party: &str| self.counted.contains_key(party);
        let rebuilds = self.stated.rebuilds.iter().filter(|item| counts(item.says.party.as_str()));
        used.extend(rebuilds.map(Item::index));
        let reviews = self.stated.reviews.iter().filter(|item| counts(item.says.party.as_str()));
        used.extend(reviews.map(Item::index));
        used.extend(self.stated.withdrawals.iter().map(Item::index));
        used
    }
}

fn by_id<'a, 'b, T>(items: &'b [Item<'a, T>]) -> BTreeMap<Digest, &'b Item<'a, T>> {
    items.iter().map(|item| (item.id, item)).collect()
}

/// Every record is one that a line of the state names.
fn no_other<T>(items: &[Item<'_, T>], named: &BTreeSet<Digest>) -> Result<(), Refusal> {
    items.iter().find(|item| !named.contains(&item.id)).map_or(Ok(()), |item| Err(item.surplus()))
}
