//! Reviews: what a party says of a source or of the policy.

use super::{At, Corrupt, Fact, Look, Refusal, Row, Rows, Signatures, Stop, policy};
use crate::record::{Kind, Review, What};
use crate::state::{self, Claim, PolicyValue, SourceValue, Word};
use alloc::{string::String, string::ToString, vec::Vec};

/// The map's key of what is reviewed.
pub(super) fn key(review: &Review) -> String {
    match review.what {
        What::Source(_) => state::source_key(&review.of),
        What::Policy => state::POLICY_KEY.into(),
    }
}

/// The source, and what the party said last about it or about the policy.
pub(super) fn needs_more(review: &Review, rows: &Rows) -> Result<Vec<Look>, Corrupt> {
    let last = match review.what {
        What::Source(claim) => source_value(review, rows)?.and_then(|value| last_of_source(review, claim, &value)),
        What::Policy => policy::in_force(rows)?.and_then(|value| last_of_policy(review, &value)),
    };
    let of = rows.index(&Look::id(&review.of))?;
    Ok(of.into_iter().chain(last).map(Look::fact).collect())
}

fn source_value(review: &Review, rows: &Rows) -> Result<Option<SourceValue>, Corrupt> {
    let look = Look::state(&state::source_key(&review.of));
    rows.state(&look)?.map(|text| SourceValue::parse(text).map_err(|_| Corrupt::unreadable(&look))).transpose()
}

fn last_of_source(review: &Review, claim: Claim, value: &SourceValue) -> Option<u64> {
    value.reviews.get(&(String::from(review.party.as_str()), claim)).map(|word| word.index)
}

fn last_of_policy(review: &Review, value: &PolicyValue) -> Option<u64> {
    value.reviews.get(review.party.as_str()).map(|word| word.index)
}

impl At<'_> {
    pub(super) fn review(&self, review: &Review) -> Result<(Signatures, Vec<Row>), Stop> {
        let (signatures, of, value) = match review.what {
            What::Source(claim) => self.review_of_source(review, claim)?,
            What::Policy => self.review_of_policy(review)?,
        };
        let mut out = self.own_rows(&Fact::Review { time: review.time });
        out.push(Row::about(of, Kind::Review, self.index));
        out.push(Row::state(&key(review), &value));
        Ok((signatures, out))
    }

    /// The signatures, where the source is, and its value with this review in it.
    fn review_of_source(&self, review: &Review, claim: Claim) -> Result<(Signatures, u64, String), Stop> {
        // Rule 3.
        let source = self.logged(&review.of, Kind::Source)?;
        // Rules 4 and 5.
        let signatures = self.signed(self.governing(|| review.party.to_string())?)?;
        // Rule 6.
        let Fact::Source { archives, .. } = self.rows.fact(source)? else {
            return Err(Corrupt::unreadable(&Look::fact(source)).into());
        };
        self.same_subjects(&review.of, &archives)?;
        // Rule 11.
        let value = source_value(review, self.rows)?;
        let mut value = value.ok_or_else(|| Corrupt::missing(&Look::state(&key(review))))?;
        self.later(review.time, last_of_source(review, claim, &value))?;
        value.reviews.insert((review.party.to_string(), claim), self.word(review));
        Ok((signatures, source, value.to_text()))
    }

    /// The signatures, where the policy is, and its value with this review in it. Rule 6 is kept by every such review:
    /// its subject is the log.
    fn review_of_policy(&self, review: &Review) -> Result<(Signatures, u64, String), Stop> {
        // Rule 3.
        let policy = self.logged(&review.of, Kind::Policy)?;
        let value = policy::in_force(self.rows)?;
        let mut value = value.ok_or_else(|| Corrupt::missing(&Look::state(state::POLICY_KEY)))?;
        if value.id != review.of {
            return Err(Refusal::PolicyNotInForce { have: review.of, need: value.id }.into());
        }
        // Rules 4 and 5.
        let signatures = self.signed(self.governing(|| review.party.to_string())?)?;
        // Rule 11.
        self.later(review.time, last_of_policy(review, &value))?;
        value.reviews.insert(review.party.to_string(), self.word(review));
        Ok((signatures, policy, value.to_text()))
    }

    fn word(&self, review: &Review) -> Word<state::Outcome> {
        Word { says: review.outcome, id: self.record.id, index: self.index }
    }
}
