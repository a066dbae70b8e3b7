//! Updates: what is released, in which channel, and as which number.

use super::{At, Corrupt, Fact, Look, Refusal, Row, Signatures, Stop, Track, digests};
use crate::record::{Digest, Kind, Update};
use crate::state::{self, ChannelValue, MAX_TARGETS, TargetLine, UpdateValue};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::{string::String, string::ToString, vec::Vec};

impl At<'_> {
    pub(super) fn update(&self, update: &Update) -> Result<(Signatures, Vec<Row>), Stop> {
        // Rule 3.
        let mut builds = Vec::with_capacity(update.builds.len());
        for id in &update.builds {
            builds.push((*id, self.logged(id, Kind::Build)?));
        }
        // Rules 4 and 5.
        let trusted = self.governing(|| update.product.to_string())?;
        let namespace = String::from(trusted.namespace());
        let signatures = self.signed(trusted)?;
        // Rule 6.
        self.files_are_built(update, builds, &namespace)?;
        let channel = self.next_in_channel(update)?;
        self.no_file_is_withdrawn(update)?;

        let (id, track, files) = (&self.record.id, Track::of(update), digests(&self.record.statement));
        let mut out = Vec::from([
            Row::state(&state::channel_key(update.product.as_str(), &update.channel), &channel.to_text()),
            Row::state(&state::update_key(id), &UpdateValue::Live { index: self.index }.to_text()),
            Row::track(&track, update.sequence, Some((self.index, id))),
        ]);
        out.extend(self.digest_rows(&namespace));
        out.extend(files.iter().map(|sha256| Row::file(sha256, &track, update.sequence, self.index, id, true)));
        let files = files.into_iter().collect();
        out.extend(self.own_rows(&Fact::Update { track, sequence: update.sequence, files }));
        Ok((signatures, out))
    }

    /// Rule 6: the builds count for the namespace and lead to sources of the product, and each file is an artifact of one.
    fn files_are_built(&self, update: &Update, builds: Vec<(Digest, u64)>, namespace: &str) -> Result<(), Stop> {
        let mut artifacts = BTreeSet::new();
        for (build, index) in builds {
            let Fact::Build { counts, artifacts: made } = self.rows.fact(index)? else {
                return Err(Corrupt::unreadable(&Look::fact(index)).into());
            };
            let mine = counts.iter().find(|counts| counts.namespace == namespace);
            let mine = mine.ok_or_else(|| Refusal::BuildDoesNotCount { build, namespace: namespace.into() })?;
            if !mine.products.contains_key(&update.product) {
                let product = update.product.to_string();
                return Err(Refusal::SourceOfOtherProduct { build, product }.into());
            }
            artifacts.extend(made);
        }
        for subject in &self.record.statement.subjects {
            if !artifacts.contains(&subject.sha256) {
                let name = subject.name.clone();
                return Err(Refusal::FileNotBuilt { name, sha256: subject.sha256 }.into());
            }
        }
        Ok(())
    }

    /// Rule 8.
    fn no_file_is_withdrawn(&self, update: &Update) -> Result<(), Stop> {
        for subject in &self.record.statement.subjects {
            if let Some(by) = self.rows.withdrawn(&subject.sha256, &update.product)? {
                let (name, sha256, product) = (subject.name.clone(), subject.sha256, update.product.to_string());
                return Err(Refusal::FileWithdrawn { name, sha256, product, by }.into());
            }
        }
        Ok(())
    }

    /// Rule 7, and the channel's value with this update in it.
    fn next_in_channel(&self, update: &Update) -> Result<ChannelValue, Stop> {
        let (product, name) = (update.product.as_str(), &update.channel);
        let look = Look::state(&state::channel_key(product, name));
        let mut channel = match self.rows.state(&look)? {
            Some(text) => ChannelValue::parse(text).map_err(|_| Corrupt::unreadable(&look))?,
            None => ChannelValue { sequence: 0, targets: BTreeMap::new() },
        };
        let need = channel.sequence.saturating_add(1);
        if update.sequence != need {
            let (product, channel) = (product.into(), name.clone());
            return Err(Refusal::Sequence { have: update.sequence, need, product, channel }.into());
        }
        channel.sequence = need;
        let line = TargetLine { sequence: need, id: self.record.id, index: self.index };
        channel.targets.insert(update.target.clone(), line);
        if channel.targets.len() > MAX_TARGETS {
            return Err(Refusal::TooManyTargets { product: product.into(), channel: name.clone() }.into());
        }
        Ok(channel)
    }
}
