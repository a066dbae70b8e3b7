//! What a vendor asks before it makes a record: what is in force, and which updates carry a file.

use crate::bundles::BundleFault;
use crate::publisher::Published;
use crate::store::StoreError;
use spec::admission::{self, Carrier, Corrupt, Fact, Family, Look, Rows};
use spec::api::{Carrying, Leading, Updates};
use spec::record::{Digest, Kind, Product, Record};

/// The most updates of one answer: a withdrawal names far fewer.
const MAX_UPDATES: usize = 1_024;

/// The text that the state map has for a key.
///
/// # Errors
/// [`BundleFault`].
pub fn value(published: &Published, key: &str) -> Result<String, BundleFault> {
    if !published.has_state() {
        return Err(BundleFault::NotYet);
    }
    let mut rows = Rows::default();
    published.rows.view.answer(vec![Look::state(key)], &mut rows)?;
    let value = rows.get(Family::State, key.as_bytes());
    let value = value.ok_or_else(|| BundleFault::NotFound(format!("the state has no {key:?}")))?;
    let text = str::from_utf8(value).map_err(|error| StoreError::Damaged(format!("state {key}: {error}")))?;
    Ok(text.into())
}

/// All updates of a product that carry a file, by channel, target and sequence.
///
/// # Errors
/// [`BundleFault`].
pub fn updates(published: &Published, sha256: &Digest, product: &Product) -> Result<Updates, BundleFault> {
    // Only rows of the product are read: a stranger can log as many updates of its own with the same file as it likes.
    let prefix = [&sha256.0, product.as_str().as_bytes(), b"\0"].concat();
    let rows = published.rows.view.under(Family::Files, &prefix)?;
    if rows.len() > MAX_UPDATES {
        return Err(BundleFault::TooManyRecords);
    }
    let mut updates = Vec::new();
    for (key, value) in rows {
        let carrier = Carrier::parse(&key, &value);
        let carrier = carrier.map_err(|error| StoreError::Damaged(format!("a row of files: {error}")))?;
        let Carrier { channel, target, sequence, index, id, live, .. } = carrier;
        if index < published.checkpoint.head.size {
            updates.push(Carrying { index, id, channel, target, sequence, live });
        }
    }
    Ok(Updates(updates))
}

/// The first source or build in a product's namespace that has a digest, if it leads to the product.
///
/// # Errors
/// [`BundleFault`].
pub fn leading(published: &Published, kind: Kind, sha256: &Digest, product: &Product) -> Result<Leading, BundleFault> {
    let view = &published.rows.view;
    let corrupt = |corrupt: Corrupt| StoreError::Damaged(corrupt.to_string());
    let mut rows = Rows::default();
    view.answer(product.prefixes().map(Look::namespace).collect(), &mut rows)?;
    let Some(namespace) = rows.covering(product) else { return Ok(Leading(None)) };
    let first = admission::first_of(sha256, kind, namespace);
    view.answer(vec![first.clone()], &mut rows)?;
    let index = rows.index(&first).map_err(corrupt)?;
    let Some(index) = index.filter(|index| *index < published.checkpoint.head.size) else { return Ok(Leading(None)) };
    view.answer(vec![Look::fact(index)], &mut rows)?;
    let fact = rows.get(Family::Facts, &index.to_be_bytes()).and_then(Fact::parse);
    let fact = fact.ok_or_else(|| StoreError::Damaged(format!("the fact of entry {index}")))?;
    if !fact.leads_to(namespace, product) {
        return Ok(Leading(None));
    }
    let record = Record::parse_entry(&view.entry(index)?);
    let record = record.map_err(|error| StoreError::Damaged(format!("entry {index}: {error}")))?;
    Ok(Leading(Some((index, record.id))))
}
