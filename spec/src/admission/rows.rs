//! The rows that admission reads and writes, byte by byte; the module above draws them.

use super::fact::Fact;
use crate::authority::Authority;
use crate::record::{Digest, Kind, Predicate, Product, Statement, Update};
use crate::state::TargetLine;
use alloc::collections::{BTreeMap, BTreeSet, btree_map};
use alloc::{string::String, sync::Arc, vec, vec::Vec};
use core::ops::Bound;
use hashbrown::{HashMap, HashSet, hash_map};

/// What a row is about; a store keeps each family apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Family {
    /// Record id to index and kind, and the track of an update.
    Ids,
    /// Index to what a judge needs of the record.
    Facts,
    /// Digest, kind and namespace to the lowest index.
    Digests,
    /// File digest and track to the update that carries it.
    Files,
    /// File digest and product to the withdrawal of the file.
    Withdrawn,
    /// Track and sequence to the update, as long as it is live.
    Tracks,
    /// Index of a record to those that are about it.
    Refs,
    /// Namespace to its authority in force.
    Namespaces,
    /// Map key to value.
    State,
}

impl Family {
    /// Whether rows of it are looked up by prefix.
    fn has_prefixes(self) -> bool {
        matches!(self, Self::Digests | Self::Files | Self::Tracks | Self::Refs)
    }
}

/// A row to put.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// Where.
    pub family: Family,
    /// Under which key.
    pub key: Vec<u8>,
    /// What.
    pub value: Vec<u8>,
}

/// A question to the rows.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Look {
    /// The row with this key.
    Point(Family, Vec<u8>),
    /// All rows whose keys start so.
    Prefix(Family, Vec<u8>),
}

/// A row that cannot be read, or is missing although another names it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the row {key:02x?} of family {family:?} is missing or cannot be read")]
pub struct Corrupt {
    /// Where.
    pub family: Family,
    /// Under which key.
    pub key: Vec<u8>,
}

impl Corrupt {
    pub(super) fn missing(look: &Look) -> Self {
        Self::unreadable(look)
    }

    pub(super) fn unreadable(look: &Look) -> Self {
        let (Look::Point(family, key) | Look::Prefix(family, key)) = look;
        Self { family: *family, key: key.clone() }
    }
}

impl Look {
    /// The index of a record.
    pub fn id(id: &Digest) -> Self {
        Self::Point(Family::Ids, id.0.to_vec())
    }

    /// What a judge needs of the record at an index.
    pub fn fact(index: u64) -> Self {
        Self::Point(Family::Facts, index.to_be_bytes().to_vec())
    }

    /// The authority in force of a namespace.
    pub fn namespace(namespace: &str) -> Self {
        Self::Point(Family::Namespaces, namespace.as_bytes().to_vec())
    }

    /// The value of a map key.
    pub fn state(key: &str) -> Self {
        Self::Point(Family::State, key.as_bytes().to_vec())
    }

    /// The updates that carry a file.
    pub fn files(sha256: &Digest) -> Self {
        Self::Prefix(Family::Files, sha256.0.to_vec())
    }

    /// Those of one product.
    pub(super) fn files_of(sha256: &Digest, product: &Product) -> Self {
        Self::Prefix(Family::Files, [&sha256.0, product.as_str().as_bytes(), &[0]].concat())
    }

    /// The withdrawal of a file for a product.
    pub(super) fn withdrawn(sha256: &Digest, product: &Product) -> Self {
        Self::Point(Family::Withdrawn, withdrawn_key(sha256, product))
    }

    /// The updates of a track.
    pub(super) fn track(track: &Track) -> Self {
        Self::Prefix(Family::Tracks, track.to_bytes())
    }

    /// The records of a kind that are about the one at an index: see [`about`].
    pub fn refs(target: u64, kind: Kind) -> Self {
        Self::Prefix(Family::Refs, [&target.to_be_bytes()[..], &[kind_byte(kind)]].concat())
    }
}

/// Reads the index of the record that is about another one from the key of a row of `refs`.
///
/// # Errors
/// [`Corrupt`].
pub fn about(key: &[u8]) -> Result<u64, Corrupt> {
    let index = key.get(9..).and_then(index_of);
    index.ok_or_else(|| Corrupt { family: Family::Refs, key: key.to_vec() })
}

fn withdrawn_key(sha256: &Digest, product: &Product) -> Vec<u8> {
    [&sha256.0, product.as_str().as_bytes()].concat()
}

/// What updates follow each other in: a product's channel for one target, the empty one for updates without.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Track {
    /// The product.
    pub product: Product,
    /// The channel.
    pub channel: String,
    /// The target.
    pub target: String,
}

impl Track {
    pub(super) fn of(update: &Update) -> Self {
        let Update { product, channel, target, .. } = update.clone();
        Self { product, channel, target }
    }

    /// Product, channel and target, each with a NUL behind it, which none of them has.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        [self.product.as_str(), "\0", &self.channel, "\0", &self.target, "\0"].concat().into_bytes()
    }

    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let text = core::str::from_utf8(bytes).ok()?;
        let parts: Vec<_> = text.split('\0').map(String::from).collect();
        let [product, channel, target, end] = <[String; 4]>::try_from(parts).ok()?;
        end.is_empty().then_some(Self { product: Product::parse(&product).ok()?, channel, target })
    }
}

const SHA256: u8 = 1;
const GIT_COMMIT: u8 = 2;

pub(super) fn kind_byte(kind: Kind) -> u8 {
    match kind {
        Kind::Authority => 1,
        Kind::Source => 2,
        Kind::Build => 3,
        Kind::Rebuild => 4,
        Kind::Update => 5,
        Kind::Withdrawal => 6,
        Kind::Review => 7,
        Kind::Policy => 8,
        Kind::Access => 9,
    }
}

/// The key of digest rows up to the namespace.
pub(super) fn digest_prefix(sha256: &Digest, kind: Kind) -> Vec<u8> {
    [&[SHA256, 32], sha256.0.as_slice(), &[kind_byte(kind)]].concat()
}

/// The same for sources by git commit (40 or 64 hex digits).
pub(super) fn git_commit_prefix(commit: &str) -> Vec<u8> {
    let length = u8::try_from(commit.len()).unwrap_or(u8::MAX);
    [&[GIT_COMMIT, length], commit.as_bytes(), &[kind_byte(Kind::Source)]].concat()
}

pub(super) fn is_git_commit(prefix: &[u8]) -> bool {
    prefix.first() == Some(&GIT_COMMIT)
}

pub(super) fn index_of(value: &[u8]) -> Option<u64> {
    value.try_into().ok().map(u64::from_be_bytes)
}

impl Row {
    pub(super) fn id(id: &Digest, index: u64, fact: &Fact) -> Self {
        let mut value = index.to_be_bytes().to_vec();
        value.push(kind_byte(fact.kind()));
        if let Fact::Update { track, .. } = fact {
            value.extend(track.to_bytes());
        }
        Self { family: Family::Ids, key: id.0.to_vec(), value }
    }

    pub(super) fn fact(index: u64, fact: &Fact) -> Self {
        Self { family: Family::Facts, key: index.to_be_bytes().to_vec(), value: fact.encode() }
    }

    pub(super) fn state(key: &str, value: &str) -> Self {
        Self { family: Family::State, key: key.into(), value: value.into() }
    }

    pub(super) fn prefix(namespace: &str) -> Self {
        Self { family: Family::Namespaces, key: namespace.into(), value: vec![0] }
    }

    pub(super) fn authority(namespace: &str, id: &Digest, index: u64, payload: &[u8]) -> Self {
        let value = [&[1], id.0.as_slice(), &index.to_be_bytes(), payload].concat();
        Self { family: Family::Namespaces, key: namespace.into(), value }
    }

    pub(super) fn file(sha256: &Digest, track: &Track, sequence: u64, index: u64, id: &Digest, live: bool) -> Self {
        let key = [&sha256.0[..], &track.to_bytes(), &sequence.to_be_bytes()].concat();
        let value = [&index.to_be_bytes()[..], &id.0, &[u8::from(live)]].concat();
        Self { family: Family::Files, key, value }
    }

    pub(super) fn withdrawn(sha256: &Digest, product: &Product, index: u64) -> Self {
        let key = withdrawn_key(sha256, product);
        Self { family: Family::Withdrawn, key, value: index.to_be_bytes().to_vec() }
    }

    /// An update of a track; an empty value says that it is withdrawn.
    pub(super) fn track(track: &Track, sequence: u64, live: Option<(u64, &Digest)>) -> Self {
        let key = [&track.to_bytes()[..], &sequence.to_be_bytes()].concat();
        let value = live.map(|(index, id)| [&index.to_be_bytes()[..], &id.0].concat()).unwrap_or_default();
        Self { family: Family::Tracks, key, value }
    }

    pub(super) fn about(target: u64, kind: Kind, index: u64) -> Self {
        let key = [&target.to_be_bytes()[..], &[kind_byte(kind)], &index.to_be_bytes()].concat();
        Self { family: Family::Refs, key, value: Vec::new() }
    }
}

/// An update that carries a file, as a row of `files` says.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Carrier {
    /// The update's product.
    pub product: String,
    /// Its channel.
    pub channel: String,
    /// Its target, empty for any.
    pub target: String,
    /// Its sequence.
    pub sequence: u64,
    /// Its index.
    pub index: u64,
    /// Its id.
    pub id: Digest,
    /// Whether it is not withdrawn.
    pub live: bool,
}

impl Carrier {
    /// Reads a row of `files`.
    ///
    /// # Errors
    /// [`Corrupt`].
    pub fn parse(key: &[u8], value: &[u8]) -> Result<Self, Corrupt> {
        Self::read(key, value).ok_or_else(|| Corrupt { family: Family::Files, key: key.to_vec() })
    }

    fn read(key: &[u8], value: &[u8]) -> Option<Self> {
        let (track, sequence) = key.get(32..)?.split_last_chunk()?;
        let Track { product, channel, target } = Track::read(track)?;
        let (index, rest) = value.split_first_chunk()?;
        let (id, live) = rest.split_first_chunk()?;
        let live = match live {
            [0] => false,
            [1] => true,
            _ => return None,
        };
        let (sequence, index) = (u64::from_be_bytes(*sequence), u64::from_be_bytes(*index));
        Some(Self { product: product.as_str().into(), channel, target, sequence, index, id: Digest(*id), live })
    }
}

/// Reads a row of `tracks`: `Some(None)` if the update is withdrawn.
fn read_track_row(key: &[u8], value: &[u8]) -> Option<Option<TargetLine>> {
    let (_, sequence) = key.split_last_chunk()?;
    if value.is_empty() {
        return Some(None);
    }
    let (index, id) = value.split_first_chunk()?;
    let id = Digest(id.try_into().ok()?);
    Some(Some(TargetLine { sequence: u64::from_be_bytes(*sequence), id, index: u64::from_be_bytes(*index) }))
}

/// What a row of `namespaces` says.
pub(super) enum NamespaceRow {
    /// A proper prefix of a namespace.
    Prefix,
    /// A namespace and its authority in force.
    Authority(Arc<Authority>),
}

/// What is known of a key.
#[derive(Clone, Debug)]
struct Known {
    /// The row's value; `None` where there is no row.
    value: Option<Vec<u8>>,
    /// Whether it was put, and not answered.
    put: bool,
}

/// Rows by key: answers of a store, and the rows of the entries judged since, which stand before them.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// The rows of families that have prefixes, sorted; those of the others, by hash.
    sorted: BTreeMap<Family, BTreeMap<Vec<u8>, Known>>,
    points: BTreeMap<Family, HashMap<Vec<u8>, Known>>,
    prefixes: BTreeMap<Family, HashSet<Vec<u8>>>,
    /// The authorities in rows of `namespaces`, read once: that costs more than a signature.
    authorities: BTreeMap<Vec<u8>, Arc<Authority>>,
    bytes: usize,
}

impl Rows {
    /// Bytes of the keys and values that were answered and put, and of the authorities read from them, those that took another's
    /// place counted too.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn count(&mut self, key: &[u8], value: &[u8]) {
        self.bytes = self.bytes.saturating_add(key.len()).saturating_add(value.len());
    }

    fn keep_authority(&mut self, namespace: Vec<u8>, authority: Arc<Authority>) {
        self.bytes = self.bytes.saturating_add(authority.memory_bytes());
        self.authorities.insert(namespace, authority);
    }

    /// Tells whether a look was answered, or the row put.
    pub fn knows(&self, look: &Look) -> bool {
        match look {
            Look::Point(family, key) => self.answered(*family, key).is_some(),
            Look::Prefix(family, key) => self.prefixes.get(family).is_some_and(|prefixes| prefixes.contains(key)),
        }
    }

    fn answered(&self, family: Family, key: &[u8]) -> Option<&Known> {
        match family.has_prefixes() {
            true => self.sorted.get(&family)?.get(key),
            false => self.points.get(&family)?.get(key),
        }
    }

    /// Takes a store's answer to a [`Look::Point`]; a row that was put stays.
    pub fn answer_point(&mut self, family: Family, key: Vec<u8>, value: Option<Vec<u8>>) {
        self.count(&key, value.as_deref().unwrap_or_default());
        if family.has_prefixes() {
            if let btree_map::Entry::Vacant(vacant) = self.sorted.entry(family).or_default().entry(key) {
                vacant.insert(Known { value, put: false });
            }
        } else if let hash_map::Entry::Vacant(vacant) = self.points.entry(family).or_default().entry(key) {
            let authority = value.as_deref().and_then(|value| read_authority(family, value));
            let namespace = authority.is_some().then(|| vacant.key().clone());
            vacant.insert(Known { value, put: false });
            if let Some((namespace, authority)) = namespace.zip(authority) {
                self.keep_authority(namespace, authority);
            }
        }
    }

    /// Takes a row of `namespaces` together with the authority that was read from the same bytes before.
    pub fn answer_authority(&mut self, namespace: Vec<u8>, row: Vec<u8>, authority: Arc<Authority>) {
        self.count(&namespace, &row);
        let rows = self.points.entry(Family::Namespaces).or_default();
        if let hash_map::Entry::Vacant(vacant) = rows.entry(namespace) {
            let namespace = vacant.key().clone();
            vacant.insert(Known { value: Some(row), put: false });
            self.keep_authority(namespace, authority);
        }
    }

    /// Takes a store's answer to a [`Look::Prefix`]: all rows under it.
    pub fn answer_prefix(
        &mut self,
        family: Family,
        prefix: Vec<u8>,
        rows: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>,
    ) {
        for (key, value) in rows {
            self.answer_point(family, key, Some(value));
        }
        self.count(&prefix, &[]);
        self.prefixes.entry(family).or_default().insert(prefix);
    }

    /// Takes the answer that there is nothing, whatever was looked for.
    pub fn answer_none(&mut self, look: Look) {
        match look {
            Look::Point(family, key) => self.answer_point(family, key, None),
            Look::Prefix(family, prefix) => self.answer_prefix(family, prefix, []),
        }
    }

    /// Puts a row of an admitted record before all answers.
    pub fn put(&mut self, row: Row) {
        self.count(&row.key, &row.value);
        match read_authority(row.family, &row.value) {
            Some(authority) => self.keep_authority(row.key.clone(), authority),
            None if row.family == Family::Namespaces => drop(self.authorities.remove(&row.key)),
            None => {}
        }
        let (key, known) = (row.key, Known { value: Some(row.value), put: true });
        match row.family.has_prefixes() {
            true => self.sorted.entry(row.family).or_default().insert(key, known),
            false => self.points.entry(row.family).or_default().insert(key, known),
        };
    }

    /// Forgets what was answered, which a store answers again, and keeps what was put.
    pub fn forget_answers(&mut self) {
        self.sorted.values_mut().for_each(|rows| rows.retain(|_, known| known.put));
        self.points.values_mut().for_each(|rows| rows.retain(|_, known| known.put));
        self.prefixes.clear();
        let namespaces = self.points.get(&Family::Namespaces);
        self.authorities.retain(|namespace, _| namespaces.is_some_and(|rows| rows.contains_key(namespace)));
        let rows = self.sorted.values().flatten().chain(self.points.values().flatten());
        let rows = rows.map(|(key, known)| key.len().saturating_add(known.value.as_ref().map_or(0, Vec::len)));
        let authorities = self.authorities.values().map(|authority| authority.memory_bytes());
        self.bytes = rows.chain(authorities).fold(0, usize::saturating_add);
    }

    /// The rows that were put and not only answered: what a store is to keep.
    ///
    /// Shapes: sorted by family and key, each key once, with the value that was put last.
    pub fn into_put(self) -> impl Iterator<Item = Row> {
        let Self { mut sorted, mut points, .. } = self;
        let families: BTreeSet<Family> = points.keys().chain(sorted.keys()).copied().collect();
        families.into_iter().flat_map(move |family| {
            let put = |(key, known): (Vec<u8>, Known)| {
                let value = known.value.filter(|_| known.put)?;
                Some(Row { family, key, value })
            };
            let mut rows: Vec<_> = points.remove(&family).unwrap_or_default().into_iter().filter_map(put).collect();
            rows.sort_unstable_by(|left, right| left.key.cmp(&right.key));
            rows.extend(sorted.remove(&family).unwrap_or_default().into_iter().filter_map(put));
            rows
        })
    }

    /// The row with this key, if there is one.
    pub fn get(&self, family: Family, key: &[u8]) -> Option<&[u8]> {
        self.answered(family, key)?.value.as_deref()
    }

    /// All rows whose keys start with `prefix`, sorted; none of a family that is not looked up by prefix.
    pub fn under<'a>(&'a self, family: Family, prefix: &[u8]) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let from = (Bound::Included(prefix), Bound::Unbounded);
        let rows = self.sorted.get(&family).into_iter().flat_map(move |sorted| sorted.range::<[u8], _>(from));
        rows.take_while(move |(key, _)| key.starts_with(prefix))
            .filter_map(|(key, known)| Some((key.as_slice(), known.value.as_deref()?)))
    }

    /// All rows of a family.
    #[cfg(test)]
    pub(super) fn all(&self, family: Family) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let points = self.points.get(&family).into_iter().flatten();
        let rows = points.chain(self.sorted.get(&family).into_iter().flatten());
        rows.filter_map(|(key, known)| Some((key.clone(), known.value.clone()?))).collect()
    }

    fn point(&self, look: &Look) -> Option<&[u8]> {
        match look {
            Look::Point(family, key) => self.get(*family, key),
            Look::Prefix(..) => None,
        }
    }

    /// The index of a record that was looked for by id.
    ///
    /// # Errors
    /// [`Corrupt`].
    pub fn index(&self, look: &Look) -> Result<Option<u64>, Corrupt> {
        let value = self.point(look);
        let index = |value: &[u8]| value.split_first_chunk().map(|(index, _)| u64::from_be_bytes(*index));
        value.map(|value| index(value).ok_or_else(|| Corrupt::unreadable(look))).transpose()
    }

    /// The kind of a record that is logged, looked for by id.
    pub(super) fn kind(&self, look: &Look) -> Result<Kind, Corrupt> {
        let byte = self.point(look).and_then(|value| value.get(8));
        let kind = byte.and_then(|byte| Kind::ALL.into_iter().find(|kind| kind_byte(*kind) == *byte));
        kind.ok_or_else(|| Corrupt::unreadable(look))
    }

    /// The track of an update, looked for by id; `None` if it is not logged or not an update.
    pub(super) fn track(&self, look: &Look) -> Result<Option<Track>, Corrupt> {
        match self.point(look) {
            Some([_, _, _, _, _, _, _, _, kind, track @ ..]) if *kind == kind_byte(Kind::Update) => {
                Track::read(track).ok_or_else(|| Corrupt::unreadable(look)).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// The live updates of a track, sequences rising.
    pub(super) fn live(&self, track: &Track) -> Result<Vec<TargetLine>, Corrupt> {
        let prefix = track.to_bytes();
        let rows = self.under(Family::Tracks, &prefix).map(|(key, value)| {
            read_track_row(key, value).ok_or_else(|| Corrupt { family: Family::Tracks, key: key.to_vec() })
        });
        rows.filter_map(Result::transpose).collect()
    }

    /// The updates of a product that carry a file.
    pub(super) fn carriers(&self, sha256: &Digest, product: &Product) -> Result<Vec<Carrier>, Corrupt> {
        let prefix = [&sha256.0, product.as_str().as_bytes(), &[0]].concat();
        self.under(Family::Files, &prefix).map(|(key, value)| Carrier::parse(key, value)).collect()
    }

    /// The index of the withdrawal of a file for a product.
    pub(super) fn withdrawn(&self, sha256: &Digest, product: &Product) -> Result<Option<u64>, Corrupt> {
        let look = Look::withdrawn(sha256, product);
        self.point(&look).map(|value| index_of(value).ok_or_else(|| Corrupt::unreadable(&look))).transpose()
    }

    /// What a judge needs of the record at an index that another row named.
    pub(super) fn fact(&self, index: u64) -> Result<Fact, Corrupt> {
        let look = Look::fact(index);
        self.point(&look).and_then(Fact::parse).ok_or_else(|| Corrupt::unreadable(&look))
    }

    pub(super) fn state(&self, look: &Look) -> Result<Option<&str>, Corrupt> {
        let value = self.point(look);
        value.map(|value| core::str::from_utf8(value).map_err(|_| Corrupt::unreadable(look))).transpose()
    }

    pub(super) fn namespace(&self, namespace: &str) -> Result<Option<NamespaceRow>, Corrupt> {
        match self.get(Family::Namespaces, namespace.as_bytes()) {
            None => Ok(None),
            Some([0]) => Ok(Some(NamespaceRow::Prefix)),
            Some(_) => match self.authorities.get(namespace.as_bytes()) {
                Some(authority) => Ok(Some(NamespaceRow::Authority(Arc::clone(authority)))),
                None => Err(Corrupt::unreadable(&Look::namespace(namespace))),
            },
        }
    }

    /// The namespace that covers a product.
    pub fn covering<'a>(&self, product: &'a Product) -> Option<&'a str> {
        product.prefixes().find(|prefix| matches!(self.get(Family::Namespaces, prefix.as_bytes()), Some([1, ..])))
    }

    /// The authority in force of the namespace that covers a product.
    ///
    /// # Errors
    /// [`Corrupt`].
    pub fn governing(&self, product: &Product) -> Result<Option<Arc<Authority>>, Corrupt> {
        self.covering(product).map_or(Ok(None), |namespace| self.authority(namespace))
    }

    /// The id of the authority in force of a namespace.
    pub(super) fn authority_id(&self, namespace: &str) -> Result<Digest, Corrupt> {
        let row = self.get(Family::Namespaces, namespace.as_bytes());
        row.and_then(authority_id).ok_or_else(|| Corrupt::unreadable(&Look::namespace(namespace)))
    }

    /// The authority in force of a namespace.
    ///
    /// # Errors
    /// [`Corrupt`].
    pub fn authority(&self, namespace: &str) -> Result<Option<Arc<Authority>>, Corrupt> {
        Ok(match self.namespace(namespace)? {
            Some(NamespaceRow::Authority(authority)) => Some(authority),
            Some(NamespaceRow::Prefix) | None => None,
        })
    }
}

/// The id of the authority in a row of `namespaces`.
fn authority_id(row: &[u8]) -> Option<Digest> {
    match row {
        [1, rest @ ..] => rest.first_chunk().map(|id| Digest(*id)),
        _ => None,
    }
}

/// Reads a row of `namespaces` that has an authority in force.
fn read_authority(family: Family, value: &[u8]) -> Option<Arc<Authority>> {
    let payload = match value {
        [1, rest @ ..] if family == Family::Namespaces => rest.get(40..)?,
        _ => return None,
    };
    match Statement::parse(payload).ok()?.predicate {
        Predicate::Authority(authority) => Some(Arc::new(authority)),
        _ => None,
    }
}
