//! Steps 1 to 11: everything that is there is genuine, in force and of now.

use super::authorities::{self, Chain, Searched};
use super::decide::Shown;
use super::heads::{self, Opened};
use super::records::{self, Known, Released, Stated};
use super::words::{self, Counted, Spoken};
use super::{Ask, Installable, Learned, Memory, Part, Refusal, SeenHead, Stale, Trust};
use crate::bundle::{Bundle, Status};
use crate::record::{Digest, Product, is_track_name};
use crate::state::{self, StateEntry};
use alloc::collections::BTreeSet;
use alloc::{string::String, vec::Vec};

/// The answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Judgement {
    /// What was proved, or why the file is refused.
    pub verdict: Result<Installable, Refusal>,
    /// What must be remembered; `None` if steps 1 to 8 did not pass.
    pub learned: Option<Learned>,
}

/// The keys of the map that a verdict asks, and that a status for it must have: of the namespace's authority, the channel,
/// the policy, the update, every build and every source. Beside these it asks those of the authorities of parties that count
/// and that the values name; a status has them for all parties that are named.
///
/// Shapes: sorted, each once.
pub fn map_keys(
    product: &Product,
    namespace: &str,
    channel: &str,
    update: &Digest,
    builds: &[Digest],
    sources: &[Digest],
) -> Vec<String> {
    let mut keys = Vec::from([
        state::authority_key(namespace),
        state::channel_key(product.as_str(), channel),
        state::update_key(update),
        state::POLICY_KEY.into(),
    ]);
    keys.extend(builds.iter().map(state::build_key));
    keys.extend(sources.iter().map(state::source_key));
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Decides whether the file asked for may be installed.
///
/// Spec: design section 9; the steps and the cost are in the module's documentation.
///
/// Units: `now` in Unix seconds.
pub fn judge(ask: &Ask, bundle: &[u8], trust: &Trust, memory: &Memory, now: u64) -> Judgement {
    let mut learned = None;
    // SPEC: "`now` is at least the newest T ever accepted."
    let case = Case { ask, trust, memory, now: now.max(memory.time) };
    let verdict = case.judge(bundle, &mut learned);
    Judgement { verdict, learned }
}

/// What the steps share.
pub(super) struct Case<'a> {
    pub(super) ask: &'a Ask,
    pub(super) trust: &'a Trust,
    pub(super) memory: &'a Memory,
    pub(super) now: u64,
}

/// What is in force, once steps 3 to 7 passed.
pub(super) struct InForce<'a> {
    pub(super) status: &'a Status,
    pub(super) opened: Opened<'a>,
    pub(super) state: StateEntry,
    /// The size of the bundle's own status, if the one remembered took its place.
    pub(super) replaced: Option<u64>,
}

impl Case<'_> {
    fn judge(&self, bytes: &[u8], learned: &mut Option<Learned>) -> Result<Installable, Refusal> {
        let Self { ask, trust, .. } = self;
        // Step 1.
        let bundle = Bundle::parse(bytes)?;
        let released = records::released(&bundle.records)?;
        let own = records::stated(&bundle.status.records)?;
        // Step 2.
        self.sane()?;
        let namespace = authorities::pinned_namespace(&own.authorities, &trust.authority, &ask.product)?;
        // Steps 3 to 7.
        let (builds, sources) = (released.build_ids(), released.source_ids());
        let keys = map_keys(&ask.product, &namespace, &ask.channel, &released.update.id, &builds, &sources);
        let logged = heads::open(Part::Bundle, &bundle.checkpoint, trust, self.now)?;
        let in_force = self.in_force(&bundle.status, &logged, &keys)?;
        // Step 8.
        let age = self.age(&in_force.opened)?;
        let learned = learned.insert(self.learned(&in_force.opened));
        // Step 9, and 10 and 11 for the records of the status.
        let again;
        let stated = match in_force.replaced {
            None => &own,
            Some(_) => {
                again = records::stated(&in_force.status.records)?;
                &again
            }
        };
        let (status, head) = (in_force.status, &in_force.opened.head);
        let searched = Searched { authorities: &stated.authorities, status, head, origin: &trust.origin };
        let vendor = searched.chain(&namespace, &trust.authority)?;
        let known = released.known(status)?;
        let counted = words::counted(&searched, &trust.parties, &known, &namespace)?;
        let spoken = self.spoken(&released, &known, stated, &vendor, &counted, &in_force);
        let withdrawal = spoken.proved()?;
        if in_force.replaced.is_none() {
            learned.status = Some(needed(status, keys, &counted, &spoken.used()));
        }
        // Steps 10 and 11 for those of the bundle.
        released.placed(&known, &logged.head, &trust.origin)?;
        released.signed(&vendor)?;
        let (released, known, vendor, counted) = (&released, &known, &vendor, &counted);
        let (logged, in_force) = (&logged, &in_force);
        let shown = Shown { released, known, vendor, counted, withdrawal, logged, in_force, age, namespace };
        // Steps 12 to 20.
        self.decide(&shown)
    }

    fn spoken<'a>(
        &'a self,
        released: &'a Released<'a>,
        known: &'a Known,
        stated: &'a Stated<'a>,
        vendor: &'a Chain<'a>,
        counted: &'a Counted<'a>,
        in_force: &'a InForce<'a>,
    ) -> Spoken<'a> {
        let (head, origin) = (&in_force.opened.head, self.trust.origin.as_str());
        Spoken { released, known, stated, vendor, counted, head, origin }
    }

    /// Step 2, but for the pin.
    fn sane(&self) -> Result<(), Refusal> {
        let Self { ask, trust, .. } = self;
        if ask.product != trust.product {
            return Err(Refusal::ProductNotTrusted { asked: ask.product.clone(), trusted: trust.product.clone() });
        }
        // The channel becomes part of a key of the map: it must not reach beyond its word.
        let (channel, target) = (&ask.channel, &ask.target);
        if !is_track_name(channel) {
            return Err(Refusal::TrackName { have: channel.clone() });
        }
        if !target.is_empty() && !is_track_name(target) {
            return Err(Refusal::TrackName { have: target.clone() });
        }
        let parties: BTreeSet<&str> = trust.parties.iter().map(|party| party.name.as_str()).collect();
        let have = u64::try_from(parties.len()).unwrap_or(u64::MAX);
        for (what, need) in [("rebuilds", trust.rebuilds), ("held", trust.held), ("follow", trust.follow)] {
            if have < need {
                return Err(Refusal::TooFewParties { what, have, need });
            }
        }
        trust.policy.check().map(|_| ()).map_err(Refusal::WeakPolicy)
    }

    /// Steps 3 to 7: the status that counts, and the state that it proves.
    fn in_force<'a>(
        &'a self,
        status: &'a Status,
        logged: &Opened<'_>,
        keys: &[String],
    ) -> Result<InForce<'a>, Refusal> {
        let own = heads::open(Part::Status, &status.checkpoint, self.trust, self.now)?;
        let seen = heads::remembered(self.memory)?;
        heads::agree(logged, &own, &seen)?;
        let size = own.head.size;
        let newer = seen.status.filter(|(seen, _)| size < seen.size);
        let Some(((seen, _), remembered)) = newer.zip(self.memory.status.as_ref()) else {
            let state = heads::state(status, &own.head, keys)?;
            return Ok(InForce { status, opened: own, state, replaced: None });
        };
        let again = || {
            records::stated(&remembered.records)?;
            let opened = heads::open(Part::Status, &remembered.checkpoint, self.trust, self.now)?;
            let state = heads::state(remembered, &opened.head, keys)?;
            Ok(InForce { status: remembered, opened, state, replaced: Some(size) })
        };
        again().map_err(|_: Refusal| Refusal::StatusOlderThanSeen { have: size, seen: seen.size })
    }

    /// Step 8.
    fn age(&self, opened: &Opened<'_>) -> Result<Age, Refusal> {
        let (time, max_age_s) = (opened.time, self.trust.max_age_s);
        let age_s = self.now.saturating_sub(time);
        let age = Age { age_s, time, stale: age_s > max_age_s };
        if age.stale && self.trust.stale == Stale::Refuse { Err(self.stale(&age)) } else { Ok(age) }
    }

    pub(super) fn stale(&self, age: &Age) -> Refusal {
        Refusal::Stale { age_s: age.age_s, max_age_s: self.trust.max_age_s, time: age.time }
    }

    /// What steps 1 to 8 showed, for the memory.
    fn learned(&self, opened: &Opened<'_>) -> Learned {
        let newer = SeenHead { head: opened.head, note: opened.note.clone() };
        let larger = self.memory.head.as_ref().filter(|seen| seen.head.size > newer.head.size);
        Learned { head: larger.cloned().unwrap_or(newer), time: self.memory.time.max(opened.time), status: None }
    }
}

/// What of a status was asked and judged: these keys and those of the parties that count, and these records.
///
/// Whoever hands a bundle over chooses what else its status proves, up to the limits of a bundle. Remembered, that would let
/// strangers fill a client's memory.
fn needed(status: &Status, mut keys: Vec<String>, counted: &Counted<'_>, used: &BTreeSet<u64>) -> Status {
    keys.extend(counted.keys().map(|party| state::authority_key(party)));
    keys.sort_unstable();
    let Status { checkpoint, state, records, map } = status;
    let records = records.iter().filter(|record| used.contains(&record.index)).cloned().collect();
    let map = map.iter().filter(|proved| keys.binary_search(&proved.key).is_ok()).cloned().collect();
    Status { checkpoint: checkpoint.clone(), state: state.clone(), records, map }
}

/// How old the status is.
pub(super) struct Age {
    pub(super) age_s: u64,
    pub(super) time: u64,
    /// Older than the trust allows.
    pub(super) stale: bool,
}
