//! Step 9: chains of authority records, from an epoch that the pin covers to the one in force.

use super::Refusal;
use super::heads::value;
use super::records::Item;
use crate::authority::{Authority, RoleName};
use crate::bundle::Status;
use crate::merkle::TreeHead;
use crate::record::{Digest, Kind, Product};
use crate::state::{self, AuthorityValue};
use alloc::{string::String, string::ToString as _, vec::Vec};

/// The epochs of a namespace as a status has them, each governing the indices after its own up to that of the next.
pub(super) struct Chain<'a> {
    epochs: Vec<&'a Item<'a, Authority>>,
    in_force: &'a Item<'a, Authority>,
}

/// Where a chain is looked for, and what it is compared with.
pub(super) struct Searched<'a> {
    pub(super) authorities: &'a [Item<'a, Authority>],
    pub(super) status: &'a Status,
    pub(super) head: &'a TreeHead,
    pub(super) origin: &'a str,
}

/// Step 2: the namespace that the pin governs. The pin is the id, so what the record says needs no further proof.
pub(super) fn pinned_namespace(
    authorities: &[Item<'_, Authority>],
    pin: &Digest,
    product: &Product,
) -> Result<String, Refusal> {
    let pinned = authorities.iter().find(|item| item.id == *pin);
    let not_there = || Refusal::NotPinned { of: product.to_string(), pin: *pin, have: None };
    let namespace = pinned.ok_or_else(not_there)?.says.namespace.to_string();
    if !product.in_namespace(&namespace) {
        return Err(Refusal::OutsideNamespace { product: product.clone(), namespace });
    }
    Ok(namespace)
}

impl<'a> Searched<'a> {
    /// Step 9: the chain of a namespace, whole from epoch 0 or from one that is not after the pin.
    pub(super) fn chain(&self, namespace: &str, pin: &Digest) -> Result<Chain<'a>, Refusal> {
        let AuthorityValue { id, index, .. } =
            value(self.status, &state::authority_key(namespace), AuthorityValue::parse)?;
        let of_it = self.authorities.iter().filter(|item| item.says.namespace.as_str() == namespace);
        let epochs: Vec<_> = of_it.collect();
        let last = epochs.last().copied().filter(|item| item.id == id);
        let in_force = last.ok_or_else(|| Refusal::AuthorityChain { namespace: namespace.into(), id, index })?;
        in_force.placed(self.head, index, self.origin)?;
        for (before, item) in epochs.iter().zip(epochs.iter().skip(1)) {
            before.logged(self.head, self.origin)?;
            follows(before, item)?;
        }
        let pinned = epochs.iter().position(|item| item.id == *pin);
        let not_there = || Refusal::NotPinned { of: namespace.into(), pin: *pin, have: Some(id) };
        let pinned = pinned.ok_or_else(not_there)?;
        // The pin vouches for itself and, by `previous`, for all before it. SPEC: "each epoch after the pin signed by the
        // one before"; distrust does not touch authority records.
        let after = epochs.iter().zip(epochs.iter().skip(1)).skip(pinned);
        for (before, item) in after {
            item.signed_by(RoleName::Authority, &before.says, &[])?;
        }
        Ok(Chain { epochs, in_force })
    }
}

/// Whether an epoch follows another: its number is one higher, and it names the other. Lists of records ascend by index.
fn follows(before: &Item<'_, Authority>, item: &Item<'_, Authority>) -> Result<(), Refusal> {
    let (have, previous) = (item.says.epoch, item.says.previous);
    if before.says.epoch.checked_add(1) == Some(have) && previous == Some(before.id) {
        return Ok(());
    }
    let (namespace, index) = (item.says.namespace.to_string(), item.index());
    Err(Refusal::BrokenChain { namespace, index, have, previous, before: (before.says.epoch, before.id) })
}

impl<'a> Chain<'a> {
    /// The epoch in force.
    pub(super) fn in_force(&self) -> &'a Authority {
        &self.in_force.says
    }

    /// The id of the epoch in force.
    pub(super) fn id(&self) -> Digest {
        self.in_force.id
    }

    /// Where its records stand.
    pub(super) fn indices(&self) -> impl Iterator<Item = u64> {
        self.epochs.iter().map(|item| item.index())
    }

    /// The epoch that governs an index: the last before it.
    pub(super) fn governing(&self, index: u64, kind: Kind) -> Result<&'a Authority, Refusal> {
        if let Some(item) = self.epochs.iter().rfind(|item| item.index() < index) {
            return Ok(&item.says);
        }
        let first = self.epochs.first().unwrap_or(&self.in_force);
        let (namespace, authority, epoch) = (first.says.namespace.to_string(), first.index(), first.says.epoch);
        Err(Refusal::BeforeAuthority { index, kind, namespace, authority, epoch })
    }
}
