//! Steps 12 to 20: what is there says that the file may be installed.

use super::authorities::Chain;
use super::dependencies::Dependencies;
use super::heads::{self, Opened};
use super::judge::{Age, Case, InForce};
use super::records::{Known, Released};
use super::words::Counted;
use super::{Installable, LaterPolicy, Latest, Refusal, UsedBuild, UsedSource, Warning};
use crate::bundle::Status;
use crate::record::manifest::Manifest;
use crate::record::{Digest, Update, Withdrawal};
use crate::state::{self, ChannelValue, Claim, Outcome, Rebuilt, TargetLine, UpdateValue};
use alloc::{boxed::Box, string::String, vec::Vec};

/// What steps 1 to 11 showed.
pub(super) struct Shown<'a> {
    pub(super) released: &'a Released<'a>,
    pub(super) known: &'a Known,
    pub(super) vendor: &'a Chain<'a>,
    pub(super) counted: &'a Counted<'a>,
    pub(super) withdrawal: Option<&'a Withdrawal>,
    pub(super) logged: &'a Opened<'a>,
    pub(super) in_force: &'a InForce<'a>,
    pub(super) age: Age,
    pub(super) namespace: String,
}

impl Case<'_> {
    pub(super) fn decide(&self, shown: &Shown<'_>) -> Result<Installable, Refusal> {
        let (released, known) = (shown.released, shown.known);
        // Steps 12 and 13.
        let (file, subject) = self.file(released)?;
        if let UpdateValue::Withdrawn { index, by } = known.update {
            let says = shown.withdrawal.map(|says| Box::new(says.clone()));
            return Err(Refusal::Withdrawn { version: released.update.says.version.clone(), index, by, says });
        }
        // Steps 14 and 15.
        let named = released.named(&subject)?;
        let by_commit = shown.vendor.in_force().allow_git_commit && self.trust.allow_git_commit;
        let dependencies = released.follow(&named, by_commit)?;
        // Steps 16 and 17.
        let sources = self.sources(shown)?;
        let builds = self.builds(shown)?;
        // Steps 18 and 19.
        let newest = self.newest(released, shown.in_force.status)?;
        self.no_rollback(released, &shown.age)?;
        // Step 20.
        let policy = self.later_policy(shown);
        // From here on the file may be installed.
        let Dependencies { further_inputs, by_commit } = dependencies;
        let superseded = newest.map(|newest| Warning::Superseded { newest });
        let unconfirmed = shown.age.stale.then_some(Warning::FreshnessUnconfirmed { age_s: shown.age.age_s });
        let remembered = shown.in_force.replaced.map(|size| Warning::StatusRemembered { size });
        let by_commit = by_commit.into_iter().map(|build| Warning::GitCommitAlone { build });
        let warnings = superseded.into_iter().chain(unconfirmed).chain(remembered).chain(by_commit);
        let warnings = warnings.chain(contradictions(shown)).collect();
        Ok(self.installable(shown, Rest { file, builds, sources, further_inputs, policy, warnings }))
    }

    /// Step 12: the file's name, and the digest of the subject that it is or that lists it.
    fn file(&self, released: &Released<'_>) -> Result<(String, Digest), Refusal> {
        let (ask, item) = (self.ask, &released.update);
        let Update { product, channel, target, .. } = &item.says;
        if *product != ask.product {
            return Err(Refusal::WrongProduct { have: product.clone(), need: ask.product.clone() });
        }
        if *channel != ask.channel {
            return Err(Refusal::WrongChannel { have: channel.clone(), need: ask.channel.clone() });
        }
        if !target.is_empty() && *target != ask.target {
            return Err(Refusal::WrongTarget { have: target.clone(), need: ask.target.clone() });
        }
        let subject = ask.manifest.as_deref().map_or(ask.sha256, Digest::of);
        let names = item.subjects.iter().filter(|one| one.sha256 == subject).map(|one| one.name.as_str());
        let not_in_update = Refusal::NotInUpdate { sha256: subject, files: item.subjects.len() };
        let Some(bytes) = &ask.manifest else { return Ok((self.name(names, not_in_update)?, subject)) };
        names.clone().next().ok_or(not_in_update)?;
        let manifest = Manifest::parse(bytes).map_err(|error| Refusal::NotAManifest { sha256: subject, error })?;
        let files = manifest.files();
        let paths = files.iter().filter(|file| file.sha256 == ask.sha256).map(|file| file.path);
        let not_in_manifest = Refusal::NotInManifest { sha256: ask.sha256, files: files.len() };
        Ok((self.name(paths, not_in_manifest)?, subject))
    }

    /// The name asked for, which must be one of these, or the first of them.
    fn name<'n>(&self, names: impl Iterator<Item = &'n str> + Clone, none: Refusal) -> Result<String, Refusal> {
        let first = names.clone().next().ok_or(none)?;
        match &self.ask.name {
            None => Ok(first.into()),
            Some(need) if names.clone().any(|name| name == need) => Ok(need.clone()),
            Some(need) => Err(Refusal::WrongName { sha256: self.ask.sha256, have: first.into(), need: need.clone() }),
        }
    }

    /// Step 16.
    fn sources(&self, shown: &Shown<'_>) -> Result<Vec<UsedSource>, Refusal> {
        let one = |(item, value): (&super::records::Item<'_, crate::record::Source>, &state::SourceValue)| {
            let confirmed = |of: Claim| {
                let words = value.reviews.iter().filter(|((party, claim), word)| {
                    *claim == of && word.says == Outcome::Confirmed && shown.counted.contains_key(party.as_str())
                });
                words.map(|((party, _), _)| party.clone()).collect::<Vec<_>>()
            };
            let (held, need) = (confirmed(Claim::Held), self.trust.held);
            let have = count(&held);
            if have < need {
                return Err(Refusal::NotHeld { source_id: item.id, have, need });
            }
            let (version, examined) = (item.says.version.clone(), confirmed(Claim::Examined));
            Ok(UsedSource { id: item.id, index: item.index(), version, held, examined })
        };
        shown.released.sources.iter().zip(&shown.known.sources).map(one).collect()
    }

    /// Step 17: FAILED first, for all builds, then what is missing.
    fn builds(&self, shown: &Shown<'_>) -> Result<Vec<UsedBuild>, Refusal> {
        let counts = |party: &String| shown.counted.contains_key(party.as_str());
        let pairs = || shown.released.builds.iter().zip(&shown.known.builds);
        for (item, value) in pairs() {
            let failed = value.rebuilds.iter().find(|(party, word)| counts(party) && word.says == Rebuilt::Failed);
            if let Some((party, word)) = failed {
                return Err(Refusal::RebuildFailed { build: item.id, party: party.clone(), by: word.id });
            }
        }
        let mut builds = Vec::new();
        for (item, value) in pairs() {
            let rebuilt: Vec<_> = value.rebuilds.keys().filter(|party| counts(party)).cloned().collect();
            let (have, need, builder) = (count(&rebuilt), self.trust.rebuilds, item.says.builder.clone());
            if have < need && !self.trust.no_rebuild.contains(&builder) {
                return Err(Refusal::NotRebuilt { build: item.id, have, need });
            }
            builds.push(UsedBuild { id: item.id, index: item.index(), builder, rebuilt });
        }
        Ok(builds)
    }

    /// Step 18: nothing newer, or what is and the trust allows that.
    fn newest(&self, released: &Released<'_>, status: &Status) -> Result<Option<TargetLine>, Refusal> {
        let (item, ask) = (&released.update, self.ask);
        let key = state::channel_key(ask.product.as_str(), &ask.channel);
        let channel = heads::value(status, &key, ChannelValue::parse)?;
        let have = TargetLine { sequence: item.says.sequence, id: item.id, index: item.index() };
        match channel.newest(&ask.target) {
            Some(newest) if *newest == have => Ok(None),
            Some(newest) if newest.sequence > have.sequence => match self.trust.latest {
                Latest::Warn => Ok(Some(*newest)),
                Latest::Require => {
                    let TargetLine { sequence, id, index } = *newest;
                    Err(Refusal::Superseded { have: have.sequence, newest: sequence, id, index })
                }
            },
            newest => {
                let newest = newest.map(|line| line.sequence);
                Err(Refusal::Inconsistent { id: item.id, have: have.sequence, newest })
            }
        }
    }

    /// Step 19, and what step 8 left open.
    fn no_rollback(&self, released: &Released<'_>, age: &Age) -> Result<(), Refusal> {
        let (sequence, index) = (released.update.says.sequence, released.update.index());
        let installed = self.memory.installed.as_ref();
        let same_channel = installed.filter(|installed| installed.channel == self.ask.channel);
        let (what, have, last) = match (same_channel, installed) {
            (Some(installed), _) => ("sequence", sequence, installed.sequence),
            (None, Some(installed)) => ("entry", index, installed.index),
            (None, None) => ("entry", index, 0),
        };
        if have < last {
            return Err(Refusal::Rollback { what, have, installed: last });
        }
        if same_channel.is_some_and(|installed| installed.sequence == sequence && installed.index != index) {
            return Err(Refusal::Inconsistent { id: released.update.id, have: sequence, newest: Some(last) });
        }
        if age.stale && same_channel.is_none_or(|installed| installed.sequence >= sequence) {
            return Err(self.stale(age));
        }
        Ok(())
    }

    /// Step 20: the policy on record, unless it is known not to be later than the one in use.
    fn later_policy(&self, shown: &Shown<'_>) -> Option<LaterPolicy> {
        let value = shown.known.policy.as_ref()?;
        if self.trust.policy_epoch.is_some_and(|in_use| value.epoch <= in_use) {
            return None;
        }
        let counts = |name: &String| self.trust.parties.iter().any(|party| party.name == *name);
        let confirmed = value.reviews.iter().filter(|(party, word)| counts(party) && word.says == Outcome::Confirmed);
        let confirmed = confirmed.map(|(party, _)| party.clone()).collect();
        Some(LaterPolicy { epoch: value.epoch, id: value.id, index: value.index, confirmed })
    }

    fn installable(&self, shown: &Shown<'_>, rest: Rest) -> Installable {
        let Self { ask, trust, memory, now } = self;
        let InForce { status, opened, state, .. } = shown.in_force;
        let item = &shown.released.update;
        let names = opened.evaluation.names(&trust.policy);
        Installable {
            file: rest.file,
            sha256: ask.sha256,
            manifest: ask.manifest.as_deref().map(Digest::of),
            product: item.says.product.clone(),
            version: item.says.version.clone(),
            channel: item.says.channel.clone(),
            target: item.says.target.clone(),
            sequence: item.says.sequence,
            installed: memory.installed.clone(),
            origin: trust.origin.clone(),
            update: item.id,
            index: item.index(),
            logged_by: shown.logged.time,
            cosigned: names.have,
            not_cosigned: names.lack,
            needed: trust.policy.needed(),
            time: opened.time,
            age_s: now.saturating_sub(opened.time),
            max_age_s: trust.max_age_s,
            builds: rest.builds,
            sources: rest.sources,
            further_inputs: rest.further_inputs,
            namespace: shown.namespace.clone(),
            authority: shown.vendor.id(),
            epoch: shown.vendor.in_force().epoch,
            state_index: status.state.index,
            state_time: state.time,
            policy: rest.policy,
            warnings: rest.warnings,
        }
    }
}

fn count(parties: &[String]) -> u64 {
    u64::try_from(parties.len()).unwrap_or(u64::MAX)
}

/// What parties that count contradict; whether that stops anything is left to whoever reads it.
fn contradictions(shown: &Shown<'_>) -> Vec<Warning> {
    let mut found = Vec::new();
    for (item, value) in shown.released.sources.iter().zip(&shown.known.sources) {
        for ((party, claim), word) in &value.reviews {
            if word.says == Outcome::Contradicted && shown.counted.contains_key(party.as_str()) {
                let (party, claim) = (party.clone(), *claim);
                found.push(Warning::Contradicted { source: item.id, party, claim, by: word.id });
            }
        }
    }
    found
}

/// What the steps found out that stands nowhere else.
struct Rest {
    file: String,
    builds: Vec<UsedBuild>,
    sources: Vec<UsedSource>,
    further_inputs: u64,
    policy: Option<LaterPolicy>,
    warnings: Vec<Warning>,
}
