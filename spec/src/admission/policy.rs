//! Policies and accesses: records that nothing else is admitted by.

use super::{At, Corrupt, Fact, Look, Refusal, Row, Rows, Signatures, Stop};
use crate::record::{Access, Policy};
use crate::state::{self, PolicyValue};
use alloc::collections::BTreeMap;
use alloc::{string::ToString, vec::Vec};

/// The policy in force.
pub(super) fn in_force(rows: &Rows) -> Result<Option<PolicyValue>, Corrupt> {
    let look = Look::state(state::POLICY_KEY);
    rows.state(&look)?.map(|text| PolicyValue::parse(text).map_err(|_| Corrupt::unreadable(&look))).transpose()
}

impl At<'_> {
    pub(super) fn policy(&self, policy: &Policy) -> Result<(Signatures, Vec<Row>), Stop> {
        // Rules 4 and 5.
        let signatures = self.signed(self.governing(|| "*".into())?)?;
        // Rule 10.
        let of = || "the policy".into();
        match in_force(self.rows)? {
            Some(last) => self.follows((policy.epoch, policy.previous), last.epoch, last.id, of)?,
            None if policy.epoch == 0 => {}
            None => return Err(Refusal::EpochNotNext { of: of(), have: policy.epoch, need: 0 }.into()),
        }
        let (epoch, id, index) = (policy.epoch, self.record.id, self.index);
        let value = PolicyValue { epoch, id, index, reviews: BTreeMap::new() };
        let mut out = self.own_rows(&Fact::Policy);
        out.push(Row::state(state::POLICY_KEY, &value.to_text()));
        Ok((signatures, out))
    }

    pub(super) fn access(&self, access: &Access) -> Result<(Signatures, Vec<Row>), Stop> {
        // Rules 4 and 5.
        let signatures = self.signed(self.governing(|| access.namespace.to_string())?)?;
        Ok((signatures, self.own_rows(&Fact::Access)))
    }
}
