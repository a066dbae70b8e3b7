//! What a vendor asks before it makes a record: what is in force, and which updates carry a file.

use crate::bundles::BundleFault;
use crate::publisher::Published;
use crate::store::StoreError;
use spec::admission::{Carrier, Family, Look, Rows};
use spec::api::{Carrying, Updates};
use spec::record::{Digest, Product};

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
