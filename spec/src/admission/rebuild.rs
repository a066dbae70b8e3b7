//! Rebuilds: what a party found when it built the same again.

use super::{At, Corrupt, Fact, Look, Row, Rows, Signatures, Stop};
use crate::record::{Kind, Rebuild};
use crate::state::{self, BuildValue, Word};
use alloc::{string::String, string::ToString, vec::Vec};

/// The build, and what the party said last about it.
pub(super) fn needs_more(rebuild: &Rebuild, rows: &Rows) -> Result<Vec<Look>, Corrupt> {
    let Some(build) = rows.index(&Look::id(&rebuild.build))? else { return Ok(Vec::new()) };
    let last = value(rebuild, rows)?.and_then(|value| last(rebuild, &value));
    Ok([build].into_iter().chain(last).map(Look::fact).collect())
}

/// The value of the build; `None` if there is none, which only a build has.
fn value(rebuild: &Rebuild, rows: &Rows) -> Result<Option<BuildValue>, Corrupt> {
    let look = Look::state(&state::build_key(&rebuild.build));
    rows.state(&look)?.map(|text| BuildValue::parse(text).map_err(|_| Corrupt::unreadable(&look))).transpose()
}

fn last(rebuild: &Rebuild, value: &BuildValue) -> Option<u64> {
    value.rebuilds.get(rebuild.party.as_str()).map(|word| word.index)
}

impl At<'_> {
    pub(super) fn rebuild(&self, rebuild: &Rebuild) -> Result<(Signatures, Vec<Row>), Stop> {
        // Rule 3.
        let build = self.logged(&rebuild.build, Kind::Build)?;
        // Rules 4 and 5.
        let signatures = self.signed(self.governing(|| rebuild.party.to_string())?)?;
        // Rule 6.
        let Fact::Build { artifacts, .. } = self.rows.fact(build)? else {
            return Err(Corrupt::unreadable(&Look::fact(build)).into());
        };
        self.same_subjects(&rebuild.build, &artifacts)?;
        // Rule 11.
        let key = state::build_key(&rebuild.build);
        let mut value = value(rebuild, self.rows)?.ok_or_else(|| Corrupt::missing(&Look::state(&key)))?;
        self.later(rebuild.time, last(rebuild, &value))?;

        let word = Word { says: rebuild.outcome, id: self.record.id, index: self.index };
        value.rebuilds.insert(String::from(rebuild.party.as_str()), word);
        let mut out = self.own_rows(&Fact::Rebuild { time: rebuild.time });
        out.push(Row::about(build, Kind::Rebuild, self.index));
        out.push(Row::state(&key, &value.to_text()));
        Ok((signatures, out))
    }
}
