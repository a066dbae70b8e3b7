//! Bundles and statuses, put together from the rows of a published head.
//!
//! Records are found by their ids and by the indices that the map's values give, never by a search.

mod status;

use crate::publisher::Published;
use crate::sequencer::SignedHead;
use crate::store::{StoreError, View};
use spec::admission::{self, Carrier, Family, Look, Rows};
use spec::bundle::{Bundle, MAX_BUNDLE_BYTES, MAX_KEYS, MAX_RECORDS, Proved, Status};
use spec::merkle::{Hash, Node, TreeHead};
use spec::proof::{self, Plan};
use spec::record::{Digest, Kind, Predicate, Product, Record, Update};
use spec::state::{self, ChannelValue, ValueError};
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
    /// More records or keys than a status can have.
    #[error(
        "the status would have {records} records of at most {MAX_RECORDS} and {keys} keys of at most {MAX_KEYS}; name the parties that count, party=https://…, and the epochs that are known, have=<id>"
    )]
    TooManyWords {
        /// Its records, as far as they were counted.
        records: usize,
        /// Its keys.
        keys: usize,
    },
    /// More bytes than are read.
    #[error("it would have {have_bytes} bytes, at most {MAX_BUNDLE_BYTES} are read")]
    TooLarge {
        /// Bytes that it would have.
        have_bytes: usize,
    },
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

/// What of a status whoever asks for it wants, and what he has.
#[derive(Default, Debug)]
pub struct Wanted {
    /// Ids of authority records: the epochs before them are left out, unless a record of the status or bundle needs them.
    pub have: BTreeSet<Digest>,
    /// The parties whose words are wanted; empty for all.
    pub parties: BTreeSet<String>,
}

/// Makes the bundle of a track's newest update in force that carries a file, or of its newest withdrawn one where none is.
///
/// # Errors
/// [`BundleFault`].
pub fn bundle(published: &Published, sha256: &Digest, track: &Track, wanted: &Wanted) -> Result<Bundle, BundleFault> {
    let maker = Maker::new(published)?;
    let update = maker.newest(sha256, track)?;
    let lineage = maker.lineage(update)?;
    let records = lineage.records.keys().map(|index| maker.proved(*index)).collect::<Result<_, _>>()?;
    let bundle = Bundle { checkpoint: published.note.clone(), records, status: maker.status(&lineage, wanted)? };
    at_most(bundle.to_json().len())?;
    Ok(bundle)
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
    wanted: &Wanted,
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
    let status = maker.status(&lineage, wanted)?;
    at_most(status.to_json().len())?;
    Ok(status)
}

/// Makes the status that proves the policy on record, and what parties say of it.
///
/// # Errors
/// [`BundleFault`].
pub fn policy(published: &Published, epoch: u64, wanted: &Wanted) -> Result<Status, BundleFault> {
    let status = Maker::new(published)?.policy(epoch, wanted)?;
    at_most(status.to_json().len())?;
    Ok(status)
}

fn at_most(have_bytes: usize) -> Result<(), BundleFault> {
    if have_bytes > MAX_BUNDLE_BYTES { Err(BundleFault::TooLarge { have_bytes }) } else { Ok(()) }
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
    let [proof] = <[_; 1]>::try_from(inclusion(view, head, &[index])?).map_err(|_| damaged_proof(index))?;
    Ok(Proved { index, entry: view.entry(index)?, proof })
}

/// The hashes of the inclusion proofs of entries under the published checkpoint, in their order.
///
/// Cost: each node and each tile that several of them need is read and computed once.
///
/// # Errors
/// [`BundleFault`].
pub fn inclusions(published: &Published, indices: &[u64]) -> Result<Vec<Vec<Hash>>, BundleFault> {
    inclusion(&published.rows.view, &published.checkpoint.head, indices)
}

fn inclusion(view: &View, head: &TreeHead, indices: &[u64]) -> Result<Vec<Vec<Hash>>, BundleFault> {
    let not_there =
        |index| BundleFault::NotFound(format!("entry {index} is not under the checkpoint of size {}", head.size));
    let plan = |index: &u64| proof::inclusion(*index, head.size).ok_or_else(|| not_there(*index));
    let plans = indices.iter().map(plan).collect::<Result<Vec<_>, _>>()?;
    let nodes: BTreeSet<Node> = plans.iter().flat_map(Plan::nodes).collect();
    let hashes: BTreeMap<Node, Hash> = nodes.iter().copied().zip(view.nodes(nodes.iter().copied())?).collect();
    let assemble = |(plan, index): (&Plan, &u64)| {
        let hashes: Vec<Hash> = plan.nodes().filter_map(|node| hashes.get(&node).copied()).collect();
        plan.assemble(&hashes).ok_or_else(|| damaged_proof(*index).into())
    };
    plans.iter().zip(indices).map(assemble).collect()
}

fn damaged_proof(index: u64) -> StoreError {
    StoreError::Damaged(format!("the inclusion proof of entry {index}"))
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

    /// The newest update that carries a file, in the one track that is left when `track` narrowed them: the newest in force, and
    /// only where none is, the newest withdrawn one, whose bundle says so.
    fn newest(&self, sha256: &Digest, track: &Track) -> Result<u64, BundleFault> {
        let wanted = |have: &str, want: &Option<String>| want.as_ref().is_none_or(|want| want == have);
        // Of a file in more updates than a record can name, some are live until a next withdrawal names them.
        let withdrawn: BTreeSet<Vec<u8>> = self
            .view()
            .under(Family::Withdrawn, &sha256.0)?
            .into_iter()
            .filter_map(|(key, _)| key.get(sha256.0.len()..).map(Vec::from))
            .collect();
        let live = |carrier: &Carrier| carrier.live && !withdrawn.contains(carrier.product.as_bytes());
        let mut newest: BTreeMap<(String, String, String), Carrier> = BTreeMap::new();
        for (key, value) in self.view().under(Family::Files, &sha256.0)? {
            let carrier = Carrier::parse(&key, &value).map_err(corrupt)?;
            let fits = wanted(&carrier.product, &track.product)
                && wanted(&carrier.channel, &track.channel)
                && wanted(&carrier.target, &track.target);
            if fits {
                // Sequences rise within a track's rows: the last stays, but one that is withdrawn never for one that is not.
                let of = (carrier.product.clone(), carrier.channel.clone(), carrier.target.clone());
                if live(&carrier) || newest.get(&of).is_none_or(|before| !live(before)) {
                    newest.insert(of, carrier);
                }
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
        let value = self.value(&key, ChannelValue::parse)?;
        let newest = value.and_then(|channel| channel.targets.into_values().max_by_key(|line| line.sequence));
        newest.map(|line| line.index).ok_or_else(|| BundleFault::NotFound(format!("{key}: no update")))
    }

    /// What the state has under a key.
    fn value<T>(&self, key: &str, parse: impl Fn(&str) -> Result<T, ValueError>) -> Result<Option<T>, BundleFault> {
        let mut rows = Rows::default();
        self.view().answer(vec![Look::state(key)], &mut rows)?;
        let Some(value) = rows.get(Family::State, key.as_bytes()) else { return Ok(None) };
        let value = str::from_utf8(value).ok().and_then(|text| parse(text).ok());
        Ok(Some(value.ok_or_else(|| StoreError::Damaged(key.into()))?))
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
}

fn corrupt(corrupt: admission::Corrupt) -> BundleFault {
    BundleFault::Store(StoreError::Damaged(corrupt.to_string()))
}
