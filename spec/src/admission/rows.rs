//! The rows that admission reads and writes, byte by byte; the module above draws them.

use super::fact::Fact;
use crate::authority::Authority;
use crate::record::{Digest, Kind, Predicate, Product, Statement, Update};
use alloc::collections::BTreeSet;
use alloc::collections::btree_map::{BTreeMap, Entry};
use alloc::{string::String, sync::Arc, vec, vec::Vec};

/// What a row is about; a store keeps each family apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Family {
    /// Record id to index.
    Ids,
    /// Index to what a judge needs of the record.
    Facts,
    /// Digest, kind and namespace to the lowest index.
    Digests,
    /// File digest and track to the update that carries it.
    Files,
    /// Namespace to its authority in force.
    Namespaces,
    /// Map key to value.
    State,
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
}

const SHA256: u8 = 1;
const GIT_COMMIT: u8 = 2;

fn kind_byte(kind: Kind) -> u8 {
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
    pub(super) fn id(id: &Digest, index: u64) -> Self {
        Self { family: Family::Ids, key: id.0.to_vec(), value: index.to_be_bytes().to_vec() }
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

    pub(super) fn file(sha256: &Digest, update: &Update, index: u64) -> Self {
        let track = [update.product.as_str(), &update.channel, &update.target];
        let mut key = sha256.0.to_vec();
        for part in track {
            key.extend(part.bytes());
            key.push(0);
        }
        key.extend(update.sequence.to_be_bytes());
        Self { family: Family::Files, key, value: index.to_be_bytes().to_vec() }
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
        let text = core::str::from_utf8(track).ok()?;
        let parts: Vec<_> = text.split('\0').map(String::from).collect();
        let [product, channel, target, end] = <[String; 4]>::try_from(parts).ok()?;
        let sequence = u64::from_be_bytes(*sequence);
        end.is_empty().then_some(Self { product, channel, target, sequence, index: index_of(value)? })
    }
}

/// What a row of `namespaces` says.
pub(super) enum NamespaceRow {
    /// A proper prefix of a namespace.
    Prefix,
    /// A namespace and its authority in force.
    Authority(Arc<Authority>),
}

/// Rows by key: answers of a store, and the rows of the entries judged since, which stand before them.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    points: BTreeMap<(Family, Vec<u8>), Option<Vec<u8>>>,
    prefixes: BTreeSet<(Family, Vec<u8>)>,
    /// The authorities in rows of `namespaces`, read once: that costs more than a signature.
    authorities: BTreeMap<Vec<u8>, Arc<Authority>>,
}

impl Rows {
    /// Tells whether a look was answered, or the row put.
    pub fn knows(&self, look: &Look) -> bool {
        match look {
            Look::Point(family, key) => self.points.contains_key(&(*family, key.clone())),
            Look::Prefix(family, key) => self.prefixes.contains(&(*family, key.clone())),
        }
    }

    /// Takes a store's answer to a [`Look::Point`]; a row that was put stays.
    pub fn answer_point(&mut self, family: Family, key: Vec<u8>, value: Option<Vec<u8>>) {
        if let Entry::Vacant(vacant) = self.points.entry((family, key)) {
            if let Some(authority) = value.as_deref().and_then(|value| read_authority(family, value)) {
                self.authorities.insert(vacant.key().1.clone(), authority);
            }
            vacant.insert(value);
        }
    }

    /// Takes a row of `namespaces` together with the authority that was read from the same bytes before.
    pub fn answer_authority(&mut self, namespace: Vec<u8>, row: Vec<u8>, authority: Arc<Authority>) {
        if let Entry::Vacant(vacant) = self.points.entry((Family::Namespaces, namespace)) {
            self.authorities.insert(vacant.key().1.clone(), authority);
            vacant.insert(Some(row));
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
        self.prefixes.insert((family, prefix));
    }

    /// Puts a row of an admitted record before all answers.
    pub fn put(&mut self, row: Row) {
        match read_authority(row.family, &row.value) {
            Some(authority) => drop(self.authorities.insert(row.key.clone(), authority)),
            None if row.family == Family::Namespaces => drop(self.authorities.remove(&row.key)),
            None => {}
        }
        self.points.insert((row.family, row.key), Some(row.value));
    }

    /// The row with this key, if there is one.
    pub fn get(&self, family: Family, key: &[u8]) -> Option<&[u8]> {
        self.points.get(&(family, key.to_vec())).and_then(Option::as_deref)
    }

    /// All rows whose keys start with `prefix`, sorted.
    pub fn under<'a>(&'a self, family: Family, prefix: &[u8]) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let from = self.points.range((family, prefix.to_vec())..);
        from.take_while(move |((other, key), _)| *other == family && key.starts_with(prefix))
            .filter_map(|((_, key), value)| Some((key.as_slice(), value.as_deref()?)))
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
        self.point(look).map(|value| index_of(value).ok_or_else(|| Corrupt::unreadable(look))).transpose()
    }

    /// What a judge needs of the record at an index that another row named.
    pub(super) fn fact(&self, index: u64) -> Result<Fact, Corrupt> {
        let look = Look::fact(index);
        self.point(&look).and_then(Fact::parse).ok_or_else(|| Corrupt::unreadable(&look))
    }

    /// The kind of that record, without reading the rest.
    pub(super) fn fact_kind(&self, index: u64) -> Result<Kind, Corrupt> {
        let look = Look::fact(index);
        self.point(&look).and_then(Fact::kind_of).ok_or_else(|| Corrupt::unreadable(&look))
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
