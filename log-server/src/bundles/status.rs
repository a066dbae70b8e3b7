//! What is in force: the keys that a verdict asks, and the records that their values name.

use super::{BundleFault, Lineage, Maker, Wanted, index_of};
use crate::store::StoreError;
use spec::admission::{Family, Look, Rows};
use spec::bundle::{MAX_KEYS, MAX_RECORDS, MapProved, Status};
use spec::map::{self, Tiles};
use spec::record::{Kind, Predicate};
use spec::state::{self, AuthorityValue, BuildValue, PolicyValue, SourceValue, UpdateValue, ValueError};
use spec::verdict;
use std::collections::{BTreeMap, BTreeSet};

/// What a status is going to have.
struct Gathered<'a> {
    wanted: &'a Wanted,
    keys: BTreeSet<String>,
    /// Indices.
    records: BTreeSet<u64>,
    /// By namespace the lowest index that its authority has to govern.
    namespaces: BTreeMap<String, u64>,
}

impl Gathered<'_> {
    /// Takes up a party's last word, if it is wanted.
    fn word(&mut self, party: &str, index: u64) -> Result<(), BundleFault> {
        if !self.wanted.parties.is_empty() && !self.wanted.parties.contains(party) {
            return Ok(());
        }
        self.keys.insert(state::authority_key(party));
        self.governed(party, index);
        self.record(index)
    }

    fn governed(&mut self, namespace: &str, index: u64) {
        let lowest = self.namespaces.entry(namespace.into()).or_insert(index);
        *lowest = index.min(*lowest);
    }

    fn record(&mut self, index: u64) -> Result<(), BundleFault> {
        self.records.insert(index);
        self.bounded()
    }

    fn bounded(&self) -> Result<(), BundleFault> {
        let (records, keys) = (self.records.len(), self.keys.len());
        if records > MAX_RECORDS || keys > MAX_KEYS {
            return Err(BundleFault::TooManyWords { records, keys });
        }
        Ok(())
    }
}

impl Maker<'_> {
    /// The status for an update and what it leads to.
    pub(super) fn status(&self, lineage: &Lineage, wanted: &Wanted) -> Result<Status, BundleFault> {
        let (product, channel) = (&lineage.update.product, &lineage.update.channel);
        let (builds, sources) = (lineage.ids(Kind::Build), lineage.ids(Kind::Source));
        let keys = verdict::map_keys(product, &lineage.namespace, channel, &lineage.id, &builds, &sources);
        let mut gathered = Gathered {
            wanted,
            keys: keys.into_iter().collect(),
            records: BTreeSet::new(),
            namespaces: BTreeMap::new(),
        };
        gathered.governed(&lineage.namespace, lineage.records.keys().next().copied().unwrap_or_default());
        for id in &builds {
            for (party, word) in self.known(&state::build_key(id), BuildValue::parse)?.rebuilds {
                gathered.word(&party, word.index)?;
            }
        }
        for id in &sources {
            for ((party, _), word) in self.known(&state::source_key(id), SourceValue::parse)?.reviews {
                gathered.word(&party, word.index)?;
            }
        }
        if let UpdateValue::Withdrawn { by, .. } = self.known(&state::update_key(&lineage.id), UpdateValue::parse)? {
            gathered.record(index_of(self.view(), &by)?)?;
        }
        self.proved_status(gathered)
    }

    /// The status for the policy on record.
    pub(super) fn policy(&self, epoch: u64, wanted: &Wanted) -> Result<Status, BundleFault> {
        let value = self.value(state::POLICY_KEY, PolicyValue::parse)?;
        let value = value.ok_or_else(|| BundleFault::NotFound("no policy is on record".into()))?;
        if value.epoch != epoch {
            let detail = format!("the policy on record is of epoch {}, {epoch} is asked for", value.epoch);
            return Err(BundleFault::NotFound(detail));
        }
        let keys = BTreeSet::from([state::POLICY_KEY.into()]);
        let mut gathered = Gathered { wanted, keys, records: BTreeSet::new(), namespaces: BTreeMap::new() };
        gathered.record(value.index)?;
        for (party, word) in value.reviews {
            gathered.word(&party, word.index)?;
        }
        self.proved_status(gathered)
    }

    fn proved_status(&self, mut gathered: Gathered<'_>) -> Result<Status, BundleFault> {
        for (namespace, lowest) in std::mem::take(&mut gathered.namespaces) {
            self.chain(&namespace, lowest, &mut gathered)?;
        }
        gathered.bounded()?;
        let size = self.published.checkpoint.head.size;
        Ok(Status {
            checkpoint: self.published.note.clone(),
            state: self.proved(size.saturating_sub(1))?,
            records: gathered.records.into_iter().map(|index| self.proved(index)).collect::<Result<_, _>>()?,
            map: gathered.keys.into_iter().map(|key| self.map_proved(key)).collect::<Result<_, _>>()?,
        })
    }

    /// The authority records of a namespace, from the one in force back to epoch 0, or to one that is known to whoever asks
    /// and governs `lowest` or comes before what does.
    fn chain(&self, namespace: &str, lowest: u64, gathered: &mut Gathered<'_>) -> Result<(), BundleFault> {
        let AuthorityValue { mut index, .. } = self.known(&state::authority_key(namespace), AuthorityValue::parse)?;
        loop {
            gathered.record(index)?;
            let record = self.record(index)?;
            let Predicate::Authority(authority) = &record.statement.predicate else {
                return Err(StoreError::Damaged(format!("entry {index} is no authority of {namespace}")).into());
            };
            let known = index < lowest && gathered.wanted.have.contains(&record.id);
            match authority.previous.filter(|_| !known) {
                Some(previous) => index = index_of(self.view(), &previous)?,
                None => return Ok(()),
            }
        }
    }

    /// What the state has under a key that must be there.
    fn known<T>(&self, key: &str, parse: impl Fn(&str) -> Result<T, ValueError>) -> Result<T, BundleFault> {
        Ok(self.value(key, parse)?.ok_or_else(|| StoreError::Damaged(key.into()))?)
    }

    fn map_proved(&self, key: String) -> Result<MapProved, BundleFault> {
        let hash = map::key_hash(&key);
        let mut tiles = Tiles::default();
        loop {
            let missing = map::missing(&tiles, &[hash]);
            if missing.is_empty() {
                break;
            }
            for path in missing {
                tiles.0.insert(path, self.view().map_tile(&path)?);
            }
        }
        let mut rows = Rows::default();
        self.view().answer(vec![Look::state(&key)], &mut rows)?;
        let value = rows.get(Family::State, key.as_bytes()).map(|value| String::from_utf8_lossy(value).into());
        let proof = map::prove(&tiles, &key).map_err(|missing| StoreError::Damaged(missing.to_string()))?;
        Ok(MapProved { key, value, proof })
    }
}
