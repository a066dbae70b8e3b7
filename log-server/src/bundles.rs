//! Bundles and statuses, put together from the rows of a published head.

use crate::publisher::Published;
use crate::sequencer::SignedHead;
use crate::store::{StoreError, View};
use spec::admission::{self, Carrier, Family, Look, Rows};
use spec::bundle::{Bundle, MAX_RECORDS, MapProved, Proved, Status};
use spec::map::{self, Tiles};
use spec::merkle::TreeHead;
use spec::proof;
use spec::record::{Digest, Kind, Predicate, Product, Record, Update};
use spec::state::{self, ChannelValue};
use spec::verdict;
use std::collections::{BTreeMap, BTreeSet};

/// Why there is no bundle or status.
#[derive(Debug, thiserror::Error)]
pub enum BundleFault {
    /// The store's fault.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nothing that was asked for is published.
    #[error("{0}")]
    NotFound(String),
    /// Updates of several tracks carry the file.
    #[error("{} tracks carry this file, name one by product, channel and target:{}", .0.len(), tracks(.0))]
    SeveralTracks(Vec<Carrier>),
    /// More records than a bundle can have.
    #[error("the update leads to more than {MAX_RECORDS} records, a bundle has no more")]
    TooManyRecords,
    /// Just after a start: the map's rows are those of a head that is not cosigned yet.
    #[error("the newest checkpoint is being cosigned; try again")]
    NotYet,
}

fn tracks(carriers: &[Carrier]) -> String {
    let one = |carrier: &Carrier| format!(" [{} {} {}]", carrier.product, carrier.channel, carrier.target);
    carriers.iter().map(one).collect()
}

/// What narrows the choice among updates that carry a file.
#[derive(Default, Debug)]
pub struct Track {
    /// The product, as a package-url.
    pub product: Option<String>,
    /// The channel.
    pub channel: Option<String>,
    /// The target.
    pub target: Option<String>,
}

/// Makes the bundle of the newest update that carries a file.
///
/// # Errors
/// [`BundleFault`].
pub fn bundle(published: &Published, sha256: &Digest, track: &Track) -> Result<Bundle, BundleFault> {
    let maker = Maker::new(published)?;
    let update = maker.newest(sha256, track)?;
    let lineage = maker.lineage(update)?;
    let records = lineage.records.keys().map(|index| maker.proved(*index)).collect::<Result<_, _>>()?;
    Ok(Bundle { checkpoint: published.note.clone(), records, status: maker.status(&lineage)? })
}

/// Makes the status of a channel, as it concerns one update or its newest.
///
/// # Errors
/// [`BundleFault`].
pub fn status(
    published: &Published,
    product: &Product,
    channel: &str,
    update: Option<&Digest>,
) -> Result<Status, BundleFault> {
    let maker = Maker::new(published)?;
    let update = match update {
        Some(id) => index_of(maker.view(), id)?,
        None => maker.newest_of(product, channel)?,
    };
    let lineage = maker.lineage(update)?;
    if lineage.update.product != *product || lineage.update.channel != channel {
        let (have, track) = (&lineage.update.product, &lineage.update.channel);
        return Err(BundleFault::NotFound(format!("the update is one of {have} in channel {track}")));
    }
    maker.status(&lineage)
}

/// The proof that an entry is under the published checkpoint.
///
/// # Errors
/// [`BundleFault`].
pub fn proved(published: &Published, index: u64) -> Result<Proved, BundleFault> {
    prove(&published.rows.view, &published.checkpoint.head, index)
}

/// The index of a record under the published checkpoint, or of a later one that is not.
///
/// # Errors
/// [`BundleFault`].
pub fn index(published: &Published, id: &Digest) -> Result<u64, BundleFault> {
    index_of(&published.rows.view, id)
}

fn index_of(view: &View, id: &Digest) -> Result<u64, BundleFault> {
    let (mut rows, look) = (Rows::default(), Look::id(id));
    view.answer(vec![look.clone()], &mut rows)?;
    let index = rows.index(&look).map_err(corrupt)?;
    index.ok_or_else(|| BundleFault::NotFound(format!("no record has id {id}")))
}

fn prove(view: &View, head: &TreeHead, index: u64) -> Result<Proved, BundleFault> {
    let not_there =
        || BundleFault::NotFound(format!("entry {index} is not under the checkpoint of size {}", head.size));
    let plan = proof::inclusion(index, head.size).ok_or_else(not_there)?;
    let hashes = view.nodes(plan.nodes())?;
    let damaged = || StoreError::Damaged(format!("the inclusion proof of entry {index}"));
    let proof = plan.assemble(&hashes).ok_or_else(damaged)?;
    Ok(Proved { index, entry: view.entry(index)?, proof })
}

/// An update and the builds and sources that it leads to.
struct Lineage {
    id: Digest,
    update: Update,
    namespace: String,
    records: BTreeMap<u64, Record>,
}

impl Lineage {
    fn ids(&self, kind: Kind) -> Vec<Digest> {
        self.records.values().filter(|record| record.kind() == kind).map(|record| record.id).collect()
    }
}

struct Maker<'a> {
    published: &'a Published,
    head: &'a SignedHead,
}

impl<'a> Maker<'a> {
    fn new(published: &'a Published) -> Result<Self, BundleFault> {
        if !published.has_state() {
            return Err(BundleFault::NotYet);
        }
        Ok(Self { published, head: &published.rows })
    }

    fn view(&self) -> &View {
        &self.head.view
    }

    fn proved(&self, index: u64) -> Result<Proved, BundleFault> {
        prove(self.view(), &self.published.checkpoint.head, index)
    }

    fn record(&self, index: u64) -> Result<Record, BundleFault> {
        let damaged = |error| StoreError::Damaged(format!("entry {index}: {error}"));
        Ok(Record::parse_entry(&self.view().entry(index)?).map_err(damaged)?)
    }

    /// The newest update that carries a file, in the one track that is left when `track` narrowed them.
    fn newest(&self, sha256: &Digest, track: &Track) -> Result<u64, BundleFault> {
        let wanted = |have: &str, want: &Option<String>| want.as_ref().is_none_or(|want| want == have);
        let mut newest: BTreeMap<(String, String, String), Carrier> = BTreeMap::new();
        for (key, value) in self.view().under(Family::Files, &sha256.0)? {
            let carrier = Carrier::parse(&key, &value).map_err(corrupt)?;
            let fits = wanted(&carrier.product, &track.product)
                && wanted(&carrier.channel, &track.channel)
                && wanted(&carrier.target, &track.target);
            if fits {
                // Sequences rise within a track's rows, so the last row stays.
                let of = (carrier.product.clone(), carrier.channel.clone(), carrier.target.clone());
                newest.insert(of, carrier);
            }
        }
        let mut left: Vec<Carrier> = newest.into_values().collect();
        match (left.pop(), left.is_empty()) {
            (Some(only), true) => Ok(only.index),
            (Some(last), false) => {
                left.push(last);
                Err(BundleFault::SeveralTracks(left))
            }
            (None, _) => Err(BundleFault::NotFound(format!("no update that is logged carries the file {sha256}"))),
        }
    }

    /// The newest update of a channel over all its targets.
    fn newest_of(&self, product: &Product, channel: &str) -> Result<u64, BundleFault> {
        let key = state::channel_key(product.as_str(), channel);
        let look = Look::state(&key);
        let mut rows = Rows::default();
        self.view().answer(vec![look], &mut rows)?;
        let value = rows.get(Family::State, key.as_bytes()).and_then(|value| str::from_utf8(value).ok());
        let channel = value.and_then(|text| ChannelValue::parse(text).ok());
        let newest = channel.and_then(|channel| channel.targets.into_values().max_by_key(|line| line.sequence));
        newest.map(|line| line.index).ok_or_else(|| BundleFault::NotFound(format!("{key}: no update")))
    }

    /// Follows an update to its builds, and each build to the records that lead on to a source of the product.
    fn lineage(&self, index: u64) -> Result<Lineage, BundleFault> {
        let record = self.record(index)?;
        let Predicate::Update(update) = record.statement.predicate.clone() else {
            return Err(BundleFault::NotFound(format!("entry {index} is not an update")));
        };
        let mut rows = Rows::default();
        self.view().answer(admission::needs(&record), &mut rows)?;
        let governing = rows.governing(&update.product).map_err(corrupt)?;
        let authority = governing.ok_or_else(|| StoreError::Damaged(format!("no authority for entry {index}")))?;
        let namespace = authority.namespace.to_string();
        let mut lineage = Lineage { id: record.id, update, namespace, records: BTreeMap::new() };
        let mut next = BTreeSet::new();
        for id in &lineage.update.builds {
            next.insert(index_of(self.view(), id)?);
        }
        lineage.records.insert(index, record);
        while let Some(index) = next.pop_first() {
            let record = self.record(index)?;
            if let Predicate::Build(build) = &record.statement.predicate {
                self.view().answer(admission::needs(&record), &mut rows)?;
                let namespace = &lineage.namespace;
                let looks = admission::leads_needs(build, namespace, &rows).map_err(corrupt)?;
                self.view().answer(looks, &mut rows)?;
                let leads = admission::leads(index, build, namespace, &lineage.update.product, &rows);
                let leads = leads.map_err(corrupt)?;
                next.extend(leads.into_iter().filter(|lead| !lineage.records.contains_key(lead)));
            }
            lineage.records.insert(index, record);
            if lineage.records.len() > MAX_RECORDS {
                return Err(BundleFault::TooManyRecords);
            }
        }
        Ok(lineage)
    }

    fn status(&self, lineage: &Lineage) -> Result<Status, BundleFault> {
        let head = self.published.checkpoint.head;
        let (product, channel) = (&lineage.update.product, &lineage.update.channel);
        let (builds, sources) = (lineage.ids(Kind::Build), lineage.ids(Kind::Source));
        let mut keys = verdict::map_keys(product, &lineage.namespace, channel, &lineage.id, &builds, &sources);
        keys.sort();
        let map = keys.into_iter().map(|key| self.map_proved(key)).collect::<Result<_, _>>()?;
        Ok(Status {
            checkpoint: self.published.note.clone(),
            state: self.proved(head.size.saturating_sub(1))?,
            records: vec![self.proved(self.authority(&lineage.namespace)?)?],
            map,
        })
    }

    /// The index of the authority in force of a namespace.
    fn authority(&self, namespace: &str) -> Result<u64, BundleFault> {
        let key = state::authority_key(namespace);
        let mut rows = Rows::default();
        self.view().answer(vec![Look::state(&key)], &mut rows)?;
        let value = rows.get(Family::State, key.as_bytes()).and_then(|value| str::from_utf8(value).ok());
        let value = value.and_then(|text| state::AuthorityValue::parse(text).ok());
        Ok(value.ok_or(StoreError::Damaged(key))?.index)
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

fn corrupt(corrupt: admission::Corrupt) -> BundleFault {
    BundleFault::Store(StoreError::Damaged(corrupt.to_string()))
}
