//! Authority records: who may log what, from the genesis on.

use super::rows::NamespaceRow;
use super::{At, Fact, Refusal, Row, Signatures, Stop};
use crate::authority::Authority;
use crate::record::Digest;
use crate::state::{self, AuthorityValue};
use alloc::collections::BTreeMap;
use alloc::{format, string::String, vec::Vec};

impl At<'_> {
    pub(super) fn authority(&self, authority: &Authority) -> Result<(Signatures, Vec<Row>), Stop> {
        let namespace = &authority.namespace;
        let text = namespace.as_str();
        // Rule 10, as far as the record and its index say it.
        if (namespace.is_root() && authority.epoch == 0) != (self.index == 0) {
            return Err(Refusal::Genesis(self.index).into());
        }
        // Rules 4 and 5: by the epoch in force; a first epoch by the log's root, the genesis by its own.
        let trusted = self.governing(|| text.into())?;
        let before = trusted.authority.clone();
        let signatures = self.signed(trusted)?;
        // Rule 10.
        if authority.epoch == 0 {
            self.new_namespace(authority)?;
        } else {
            let of = || format!("namespace {text}");
            self.follows((authority.epoch, authority.previous), before.epoch, self.rows.authority_id(text)?, of)?;
            self.distrusts(authority, &before)?;
        }
        let value = AuthorityValue { epoch: authority.epoch, id: self.record.id, index: self.index };
        let mut out = self.own_rows(&Fact::Authority);
        out.push(Row::authority(text, &self.record.id, self.index, &self.record.payload));
        out.push(Row::state(&state::authority_key(text), &value.to_text()));
        out.extend(namespace.prefixes().map(Row::prefix));
        Ok((signatures, out))
    }

    /// Rule 10: the namespace is new, and neither within another one nor around it.
    fn new_namespace(&self, authority: &Authority) -> Result<(), Stop> {
        let text = authority.namespace.as_str();
        match self.rows.namespace(text)? {
            Some(NamespaceRow::Authority(_)) => return Err(Refusal::NamespaceTaken(text.into()).into()),
            Some(NamespaceRow::Prefix) => {
                let other = format!("a namespace below {text}");
                return Err(Refusal::NamespaceNests { namespace: text.into(), other }.into());
            }
            None => {}
        }
        for prefix in authority.namespace.prefixes() {
            if let Some(NamespaceRow::Authority(_)) = self.rows.namespace(prefix)? {
                return Err(Refusal::NamespaceNests { namespace: text.into(), other: prefix.into() }.into());
            }
        }
        Ok(())
    }

    /// Rule 10: what was distrusted stays so, and nothing is distrusted in advance.
    fn distrusts(&self, authority: &Authority, before: &Authority) -> Result<(), Refusal> {
        if let Some(line) = authority.distrust.iter().find(|line| line.from_index > self.index) {
            let (keyid, from_index) = (line.keyid, line.from_index);
            return Err(Refusal::DistrustAhead { keyid, from_index, index: self.index });
        }
        let lines: BTreeMap<_, _> = authority.distrust.iter().map(|line| (line.keyid, line.from_index)).collect();
        for line in &before.distrust {
            let (keyid, last) = (line.keyid, line.from_index);
            match lines.get(&keyid) {
                None => return Err(Refusal::DistrustDropped { keyid, from_index: last }),
                Some(have) if *have > last => return Err(Refusal::DistrustRaised { keyid, have: *have, last }),
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Rule 10, for chains of epochs: the record is the one after what is in force, and says so.
    pub(super) fn follows(
        &self,
        (have, previous): (u64, Option<Digest>),
        last: u64,
        id: Digest,
        of: impl Fn() -> String,
    ) -> Result<(), Refusal> {
        let need = last.saturating_add(1);
        if have != need {
            return Err(Refusal::EpochNotNext { of: of(), have, need });
        }
        match previous {
            Some(have) if have != id => Err(Refusal::PreviousNotInForce { of: of(), have, need: id }),
            _ => Ok(()),
        }
    }
}
