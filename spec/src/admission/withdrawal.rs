//! Withdrawals: updates that must not be installed any more.

use super::{At, Corrupt, Fact, Look, Refusal, Row, Rows, Signatures, Stop, Track};
use crate::record::{Digest, Kind, MAX_UPDATES, Withdrawal};
use crate::state::{self, ChannelValue, UpdateValue};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::{string::String, string::ToString, vec::Vec};

/// Of each update named what it is, its track and its channel's value; of each file who carries it.
pub(super) fn needs_more(withdrawal: &Withdrawal, files: &BTreeSet<Digest>, rows: &Rows) -> Result<Vec<Look>, Corrupt> {
    let mut looks = BTreeSet::new();
    for id in &withdrawal.updates {
        let look = Look::id(id);
        looks.extend(rows.index(&look)?.map(Look::fact));
        if let Some(track) = rows.track(&look)? {
            looks.extend([Look::track(&track), Look::state(&channel_key(&track))]);
            looks.extend(files.iter().map(|sha256| Look::files_of(sha256, &track.product)));
        }
    }
    Ok(looks.into_iter().collect())
}

fn channel_key(track: &Track) -> String {
    state::channel_key(track.product.as_str(), &track.channel)
}

/// An update that is named.
struct Named {
    id: Digest,
    index: u64,
    track: Track,
}

impl At<'_> {
    pub(super) fn withdrawal(&self, withdrawal: &Withdrawal) -> Result<(Signatures, Vec<Row>), Stop> {
        // Rule 3.
        let updates = withdrawal.updates.iter().map(|id| self.named(id)).collect::<Result<Vec<_>, _>>()?;
        let replacement = withdrawal.replacement.as_ref().map(|id| self.named(id)).transpose()?;
        // Rules 4 and 5.
        let of = || updates.first().map(|update| update.track.product.to_string()).unwrap_or_default();
        let signatures = self.signed(self.governing(of)?)?;
        // Rule 9.
        for update in updates.iter().chain(&replacement) {
            self.live(update, &of())?;
        }
        let mut files = BTreeMap::new();
        for update in &updates {
            files.insert(update.id, self.released(update)?);
        }
        self.all_carriers(&updates, &files)?;

        let mut out = self.own_rows(&Fact::Withdrawal);
        for update in &updates {
            let (sequence, files) = files.get(&update.id).ok_or_else(|| Corrupt::missing(&Look::fact(update.index)))?;
            let Named { id, index, track } = update;
            out.extend(files.iter().map(|sha256| Row::file(sha256, track, *sequence, *index, id, false)));
            out.push(Row::track(track, *sequence, None));
            out.push(Row::about(*index, Kind::Withdrawal, self.index));
            let value = UpdateValue::Withdrawn { index: *index, by: self.record.id };
            out.push(Row::state(&state::update_key(id), &value.to_text()));
        }
        if let Some(Named { track: Track { product, .. }, .. }) = updates.first() {
            let files = super::digests(&self.record.statement);
            out.extend(files.iter().map(|sha256| Row::withdrawn(sha256, product, self.index)));
        }
        out.extend(self.channels_without(&updates)?);
        Ok((signatures, out))
    }

    /// Rule 3.
    fn named(&self, id: &Digest) -> Result<Named, Stop> {
        let index = self.logged(id, Kind::Update)?;
        let look = Look::id(id);
        let track = self.rows.track(&look)?.ok_or_else(|| Corrupt::unreadable(&look))?;
        Ok(Named { id: *id, index, track })
    }

    /// Rule 9: an update of this product that is not withdrawn.
    fn live(&self, update: &Named, product: &str) -> Result<(), Stop> {
        if update.track.product.as_str() != product {
            let have = update.track.product.to_string();
            return Err(Refusal::UpdateOfOtherProduct { id: update.id, have, need: product.into() }.into());
        }
        let look = Look::state(&state::update_key(&update.id));
        let value = self.rows.state(&look)?.and_then(|text| UpdateValue::parse(text).ok());
        match value.ok_or_else(|| Corrupt::unreadable(&look))? {
            UpdateValue::Live { .. } => Ok(()),
            UpdateValue::Withdrawn { by, .. } => Err(Refusal::UpdateNotLive { id: update.id, by }.into()),
        }
    }

    /// The sequence and the files of an update.
    fn released(&self, update: &Named) -> Result<(u64, Vec<Digest>), Corrupt> {
        match self.rows.fact(update.index)? {
            Fact::Update { sequence, files, .. } => Ok((sequence, files)),
            _ => Err(Corrupt::unreadable(&Look::fact(update.index))),
        }
    }

    /// Rule 9: every file is in an update that is named, and every live update that it is in is named.
    ///
    /// Whoever names as many as a record can name may leave others out: a file in more updates than that could not be
    /// withdrawn otherwise. No more of them are logged from here on, and the others are named in a next record.
    fn all_carriers(&self, updates: &[Named], files: &BTreeMap<Digest, (u64, Vec<Digest>)>) -> Result<(), Stop> {
        let carried: BTreeSet<_> = files.values().flat_map(|(_, files)| files).collect();
        let subjects = &self.record.statement.subjects;
        if let Some(subject) = subjects.iter().find(|subject| !carried.contains(&subject.sha256)) {
            return Err(Refusal::FileNotCarried { name: subject.name.clone(), sha256: subject.sha256 }.into());
        }
        let Some(Named { track: Track { product, .. }, .. }) = updates.first() else { return Ok(()) };
        if updates.len() >= MAX_UPDATES {
            return Ok(());
        }
        for sha256 in super::digests(&self.record.statement) {
            let carriers = self.rows.carriers(&sha256, product)?;
            if let Some(other) = carriers.iter().find(|other| other.live && !files.contains_key(&other.id)) {
                return Err(Refusal::UpdateLeftOut { id: other.id, index: other.index, sha256 }.into());
            }
        }
        Ok(())
    }

    /// The channels' values without these updates: for each target the highest that is left.
    fn channels_without(&self, updates: &[Named]) -> Result<Vec<Row>, Corrupt> {
        let mut channels = BTreeMap::new();
        let tracks: BTreeSet<_> = updates.iter().map(|update| &update.track).collect();
        for track in tracks {
            let key = channel_key(track);
            let look = Look::state(&key);
            let parsed = self.rows.state(&look)?.and_then(|text| ChannelValue::parse(text).ok());
            let parsed = parsed.ok_or_else(|| Corrupt::unreadable(&look))?;
            let channel: &mut ChannelValue = channels.entry(key).or_insert(parsed);
            let live = self.rows.live(track)?;
            let left = live.into_iter().rfind(|line| !updates.iter().any(|update| update.id == line.id));
            channel.targets.remove(&track.target);
            channel.targets.extend(left.map(|line| (track.target.clone(), line)));
        }
        Ok(channels.iter().map(|(key, value)| Row::state(key, &value.to_text())).collect())
    }
}
