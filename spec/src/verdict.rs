//! The verdict: whether a file may be installed, decided offline from its bundle.
//!
//! [`judge`] takes what is asked, the bytes of a [bundle](crate::bundle), what the client trusts, what it remembers and the
//! time. It says what was proved, or refuses at the first check that fails and says why, with the numbers that disagree
//! ([`Refusal`]) and what to do ([`Todo`]). Whatever it says, it tells what must be remembered ([`Learned`]).
//!
//! ```
//! use spec::policy::Policy;
//! use spec::record::{Digest, Product};
//! use spec::verdict::{Ask, Latest, Memory, Stale, Todo, Trust, judge};
//!
//! let bundle = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/verdict/shield-7.2.0.pkg.glarus"));
//! let policy = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/verdict/policy"));
//! let authority = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/verdict/authority"));
//!
//! let product = Product::parse("pkg:generic/acme/shield")?;
//! let trust = Trust {
//!     product: product.clone(),
//!     origin: "log.acme.example/updates".into(),
//!     policy: Policy::parse(policy)?,
//!     authority: Digest::parse(authority.trim_end()).ok_or("no id")?,
//!     max_age_s: 24 * 3600,
//!     stale: Stale::Refuse,
//!     latest: Latest::Require,
//!     parties: Vec::new(),
//!     rebuilds: 0,
//!     held: 0,
//!     no_rebuild: Vec::new(),
//!     allow_git_commit: false,
//! };
//! let sha256 = Digest::of(b"the bytes of shield-7.2.0.pkg");
//! let ask = Ask { sha256, name: None, product, channel: "stable".into(), target: "linux-x86_64".into() };
//!
//! let judged = judge(&ask, bundle, &trust, &Memory::default(), 1_795_430_240);
//! let installable = judged.verdict?;
//! assert_eq!((installable.version.as_str(), installable.sequence), ("7.2.0", 2));
//! assert_eq!(installable.age_s, 240);
//!
//! // Two days later its status is too old. A younger one, from anywhere, can take its place in the bundle.
//! let refused = judge(&ask, bundle, &trust, &Memory::default(), 1_795_430_000 + 2 * 86_400).verdict.unwrap_err();
//! assert_eq!((refused.name(), refused.todo()), ("stale", Todo::FetchNewer));
//! assert_eq!(refused.to_string(), "the status is 2 days old, 24 hours are allowed");
//!
//! // Another file is not what was logged.
//! let other = Ask { sha256: Digest::of(b"something else"), ..ask };
//! let refused = judge(&other, bundle, &trust, &Memory::default(), 1_795_430_240).verdict.unwrap_err();
//! assert_eq!((refused.name(), refused.todo()), ("not-in-update", Todo::StopAndReport));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The steps
//!
//! C1 and C2 are the checkpoints of bundle and status, N1 and N2 their sizes. The first check that fails is the refusal.
//!
//! | step | what must hold | refusals |
//! |---|---|---|
//! | 1 form | The bundle is in its [one form](crate::bundle), its records are [canonical](crate::record): one update, builds and sources; in the status authorities | `malformed`, `malformed-record`, `not-one-update`, `surplus-record` |
//! | 2 trust | Asked is the product that the trust is for, channel and target are names, no more words are demanded than parties are trusted, the policy passes its [check](Policy::check); the status has the pinned authority record, and the product is in its namespace | `product-not-trusted`, `track-name`, `too-few-parties`, `weak-policy`, `not-pinned`, `outside-namespace` |
//! | 3 heads | C1 and C2 are of the origin that the trust binds to the product, signed by a key that the policy has for it, cosigned by its quorum | `log-not-in-policy`, `wrong-origin`, `not-signed`, `clock-behind`, `quorum-not-met` |
//! | 4 one log | 2 <= N1 <= N2; equal sizes, here or with the head and the status remembered, have equal roots | `memory-damaged`, `tree-too-small`, `fork`, `status-older-than-bundle` |
//! | 5 memory | N2 is not below the size of the status remembered for the product; if it is, that one takes its place, provided that it passes steps 1, 3, 6 and 7 for what is asked now | `status-older-than-seen` |
//! | 6 state | Entry N2 - 1 under C2 is a [state entry](crate::state) of rules that this crate knows | `state-not-last`, `not-included`, `not-a-state`, `unknown-rules` |
//! | 7 keys | The status has every key of [`map_keys`], and every key that it has is proved, present or absent, under the state's root | `not-proved` |
//! | 8 age | C2 is young enough: see below | `stale` |
//! | 9 authority | The authority in force for the namespace is the one pinned, included under C2 where the state says, made for this log. Other records of the status are of parties whose authority is among its keys, and included | `not-in-state`, `unreadable-value`, `epoch-not-supported`, `not-pinned`, `not-included`, `index-differs`, `wrong-log`, `authority-chain`, `surplus-record` |
//! | 10 place | Each record of the bundle is included under C1 at the index that the state gives for its id, and made for this log, where it names one | `not-in-state`, `unreadable-value`, `index-differs`, `not-included`, `wrong-log` |
//! | 11 signers | Each comes after the authority and has as many signatures by distinct keys of its role, less those distrusted, as the threshold needs. A signature is tried against the key that it names, and no other | `before-authority`, `threshold-not-met` |
//! | 12 file | The update is of the product and channel asked for, of the target asked for or of none; the file is one of its subjects, under the name asked for if one is | `wrong-product`, `wrong-channel`, `wrong-target`, `not-in-update`, `wrong-name` |
//! | 13 live | The update is not withdrawn | `withdrawn` |
//! | 14 built | The bundle has all builds that the update names, and the file is an artifact of one of them | `build-missing`, `not-built` |
//! | 15 source | The dependencies lead to deposited source: see below | `other-product`, `no-source`, `too-many-steps`, `surplus-record` |
//! | 16 held | Each source is held by as many counted parties as the trust demands | `not-held` |
//! | 17 rebuilt | No counted party's last word on a build is FAILED, and each build, except by the builders in `no_rebuild`, is PASSED by as many as the trust demands | `rebuild-failed`, `not-rebuilt` |
//! | 18 newest | The state has the update as the newest for the target asked for. Where the state has a higher sequence it is superseded, which the trust may allow; a lower one or another record contradicts it | `not-in-state`, `unreadable-value`, `superseded`, `inconsistent` |
//! | 19 no rollback | In the channel installed the sequence does not fall, and the same sequence is the same entry; after a change of channel the index does not fall | `rollback`, `inconsistent`, `stale` |
//! | 20 policy | A newer policy is reported. There is no policy record yet | none |
//!
//! - **What is not asked for C1.** It vouches for a place in the log, which is for ever: it needs the quorum, but neither age nor
//!   a clock. There is no consistency proof from C1 to C2: each of the quorum's witnesses saw one.
//! - **Age** is `now` less the quorum's time of C2 ([`crate::policy`]). `now` is at least the newest such time ever accepted. If
//!   only cosignatures more than 300 s ahead would meet the policy, the answer is `clock-behind`. Beyond `max_age_s` the file is
//!   refused in step 8, or, with [`Stale::UpgradeOnly`], in step 19 unless something is installed in the same channel and the
//!   update has a higher sequence.
//! - **The namespace** is that of the pinned record, whose id is the hash of what it says. So all keys of the map come from the
//!   ask, the trust and record ids; nothing that the bundle claims chooses them.
//! - **Following dependencies.** A dependency of a build leads to each source of the bundle that has an archive with its
//!   SHA-256, to each build that has an artifact with it, and, where authority and trust both allow it, to each source that has
//!   its `gitCommit`; always to lower indices, so never in a circle. The bundle decides which are followed: all that it
//!   has the records of. Each build in it must be reached from those that the update names, and must lead on to a source in at
//!   most 8 steps, the shortest way taken, as in admission; each source must be reached; every source reached lists the
//!   product. Dependencies that meet no record of the bundle are counted and shown.
//!   Surplus records are refused, since whoever reads the verdict takes what is listed for what was used.
//! - **Words of parties** cannot be proved yet, since neither rebuilds nor reviews are logged: a trust that demands some is
//!   refused in steps 16 and 17, for none counts. A FAILED of a counted party in the state stops the file even so.
//! - **Authorities** are at epoch 0: then the pinned record is the chain. Its own signatures are not asked: the pin vouches.
//! - **A file set's manifest** is the file asked for: whoever installs checks each file against the manifest.
//!
//! # What is remembered
//!
//! | what | of what | when |
//! |---|---|---|
//! | the largest head, and its note | the origin | steps 1 to 8 passed |
//! | the quorum's newest time | the origin | steps 1 to 8 passed |
//! | the newest status, of it what was asked | the product | step 9 passed too |
//! | channel, sequence and index | what is installed | the caller, when an installation is committed |
//!
//! The first three whatever the verdict then is: who was refused for a withdrawal must not accept an older status five minutes
//! later. The status waits for step 9, so that its every part is proved: nobody can plant a damaged one in a client's memory.
//! Keys and records that it proves beside those asked are left out, so nobody can fill that memory either.
//!
//! # Cost
//!
//! Signatures dominate: the log's and each witness's on two checkpoints, those of the records. Beyond that a few microseconds
//! a record. Hostile bytes cost at most what the limits of a bundle allow: 16 verifications a record, and those only after the
//! quorum vouched that the log has it; 512 map proofs of 256 hashes; 256 records.

mod heads;
mod records;
mod refusal;

pub use refusal::{Forked, Part, Refusal, Todo, ago, duration};

use crate::bundle::{Bundle, Status};
use crate::merkle::TreeHead;
use crate::note::Note;
use crate::policy::{Name, Policy};
use crate::record::{Digest, Product, Update, is_track_name};
use crate::state::{self, ChannelValue, Rebuilt, StateEntry, TargetLine, UpdateValue};
use alloc::collections::BTreeSet;
use alloc::{string::String, vec::Vec};
use heads::Opened;
use records::{Followed, Known, Released};

/// What is asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ask {
    /// The file's digest.
    pub sha256: Digest,
    /// The file's name, if it matters.
    pub name: Option<String>,
    /// The product that the file is to be of.
    pub product: Product,
    /// The channel that is followed.
    pub channel: String,
    /// The target; empty if there is none.
    pub target: String,
}

/// What to do with a status that is too old.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stale {
    /// Refuse.
    Refuse,
    /// Accept only a higher sequence than the one installed, for machines that are offline.
    UpgradeOnly,
}

/// What to do with an update that is not the newest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Latest {
    /// Refuse.
    Require,
    /// Warn.
    Warn,
}

/// A party whose words count.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Party {
    /// Its namespace, `https://…`.
    pub name: String,
    /// The id of its authority record.
    pub authority: Digest,
}

/// What a client trusts, for one product.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trust {
    /// The product.
    pub product: Product,
    /// The log that it must be in.
    pub origin: String,
    /// The log's keys, and who must cosign.
    pub policy: Policy,
    /// The id of an authority record of the product's namespace.
    pub authority: Digest,
    /// How old a status may be. Units: seconds.
    pub max_age_s: u64,
    /// What to do with an older one.
    pub stale: Stale,
    /// What to do with an update that is not the newest.
    pub latest: Latest,
    /// The parties whose words count.
    pub parties: Vec<Party>,
    /// How many of them must have rebuilt each build.
    pub rebuilds: u64,
    /// How many of them must hold each source.
    pub held: u64,
    /// The `builder.id`s whose builds nobody needs to rebuild.
    pub no_rebuild: Vec<String>,
    /// Whether a build may name its source by git commit alone, where the authority allows it too.
    pub allow_git_commit: bool,
}

/// A tree head that was accepted, and the note that proves it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SeenHead {
    /// Size and root.
    pub head: TreeHead,
    /// The cosigned checkpoint.
    pub note: Note,
}

/// What is installed of the product.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Installed {
    /// The channel that it came from.
    pub channel: String,
    /// Its sequence there.
    pub sequence: u64,
    /// The index of its update in the log.
    pub index: u64,
}

/// What a client remembers: of the origin head and time, of the product the rest.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Memory {
    /// The largest head accepted.
    pub head: Option<SeenHead>,
    /// The newest quorum's time accepted; 0 before any. Units: Unix seconds.
    pub time: u64,
    /// The newest status accepted.
    pub status: Option<Status>,
    /// What is installed.
    pub installed: Option<Installed>,
}

/// What a client must remember from now on, whatever the verdict.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Learned {
    /// The largest head accepted, this one or the one remembered.
    pub head: SeenHead,
    /// The newest quorum's time accepted. Units: Unix seconds.
    pub time: u64,
    /// The status to remember; `None` to keep the one remembered, if there is one.
    pub status: Option<Status>,
}

impl Memory {
    /// Takes up what was learned.
    pub fn learn(&mut self, learned: Learned) {
        let Learned { head, time, status } = learned;
        self.head = Some(head);
        self.time = time;
        self.status = status.or_else(|| self.status.take());
    }
}

/// The answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Judgement {
    /// What was proved, or why the file is refused.
    pub verdict: Result<Installable, Refusal>,
    /// What must be remembered; `None` if steps 1 to 8 did not pass.
    pub learned: Option<Learned>,
}

/// A build on the way from the file to its source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UsedBuild {
    /// Its id.
    pub id: Digest,
    /// Its index in the log.
    pub index: u64,
    /// SLSA's `builder.id`.
    pub builder: String,
    /// The parties that count and passed it.
    pub rebuilt: Vec<String>,
}

/// A source that the file was built from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UsedSource {
    /// Its id.
    pub id: Digest,
    /// Its index in the log.
    pub index: u64,
    /// Its version.
    pub version: String,
    /// The parties that count and hold it.
    pub held: Vec<String>,
}

/// What whoever installs should see although the file may be installed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Warning {
    /// A newer update is logged.
    Superseded {
        /// That update's line in the state.
        newest: TargetLine,
    },
    /// The status is older than the trust allows, and only the higher sequence makes the file installable.
    FreshnessUnconfirmed {
        /// The status's age. Units: seconds.
        age_s: u64,
    },
    /// The bundle's status is older than the one remembered, which took its place.
    StatusRemembered {
        /// The size of the bundle's.
        size: u64,
    },
    /// A build names its source by git commit, which is SHA-1, alone.
    GitCommitAlone {
        /// The build.
        build: Digest,
    },
}

/// What was proved of a file that may be installed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Installable {
    /// The file's name in the update.
    pub file: String,
    /// The file's digest.
    pub sha256: Digest,
    /// The product.
    pub product: Product,
    /// The version.
    pub version: String,
    /// The channel.
    pub channel: String,
    /// The update's target; empty for any.
    pub target: String,
    /// The update's sequence in the channel.
    pub sequence: u64,
    /// What is installed, as remembered.
    pub installed: Option<Installed>,
    /// The log.
    pub origin: String,
    /// The update's id.
    pub update: Digest,
    /// The update's index in the log.
    pub index: u64,
    /// When the quorum had seen the update in the log: the latest that it can have been logged. Units: Unix seconds.
    pub logged_by: u64,
    /// Who cosigned the status, and when.
    pub cosigned: Vec<(Name, u64)>,
    /// Who did not.
    pub not_cosigned: Vec<Name>,
    /// The fewest that meet the policy.
    pub needed: u64,
    /// The quorum's time of the status. Units: Unix seconds.
    pub time: u64,
    /// Its age, as of the clock or the newest time remembered.
    pub age_s: u64,
    /// The age allowed.
    pub max_age_s: u64,
    /// The builds that the file comes from, ascending by index.
    pub builds: Vec<UsedBuild>,
    /// The sources that they lead to, ascending by index.
    pub sources: Vec<UsedSource>,
    /// Dependencies that led to no source and no build: inputs of which nothing is deposited.
    pub further_inputs: u64,
    /// The namespace.
    pub namespace: String,
    /// Its authority record, pinned and in force.
    pub authority: Digest,
    /// The index of the state entry: as of it all this is in force.
    pub state_index: u64,
    /// The state entry's time. Units: Unix seconds.
    pub state_time: u64,
    /// What whoever installs should see.
    pub warnings: Vec<Warning>,
}

impl Installable {
    /// The newest update for the target, if it is another.
    pub fn superseded_by(&self) -> Option<&TargetLine> {
        self.warnings.iter().find_map(|warning| match warning {
            Warning::Superseded { newest } => Some(newest),
            _ => None,
        })
    }
}

/// The keys of the map that a verdict asks, and that a status for it must have: of the namespace's authority, the channel,
/// the update, every build and every source.
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
struct Case<'a> {
    ask: &'a Ask,
    trust: &'a Trust,
    memory: &'a Memory,
    now: u64,
}

/// What is in force, once steps 3 to 8 passed.
struct InForce<'a> {
    status: &'a Status,
    opened: Opened<'a>,
    state: StateEntry,
    /// The size of the bundle's own status, if the one remembered took its place.
    replaced: Option<u64>,
}

impl Case<'_> {
    fn judge(&self, bytes: &[u8], learned: &mut Option<Learned>) -> Result<Installable, Refusal> {
        let Self { ask, trust, memory, .. } = self;
        // Step 1.
        let bundle = Bundle::parse(bytes)?;
        let released = records::released(&bundle.records)?;
        let authorities = records::authorities(&bundle.status.records)?;
        // Step 2.
        self.sane()?;
        let namespace = records::pinned_namespace(&authorities, &trust.authority, &ask.product)?;
        // Steps 3 to 7.
        let logged = heads::open(Part::Bundle, &bundle.checkpoint, trust, self.now)?;
        let own = heads::open(Part::Status, &bundle.status.checkpoint, trust, self.now)?;
        let seen = heads::remembered(memory)?;
        heads::agree(&logged, &own, &seen)?;
        let builds: Vec<_> = released.builds.iter().map(|item| item.id).collect();
        let sources: Vec<_> = released.sources.iter().map(|item| item.id).collect();
        let keys = map_keys(&ask.product, &namespace, &ask.channel, &released.update.id, &builds, &sources);
        let in_force = self.in_force(&bundle.status, own, &keys)?;
        // Step 8.
        let age = self.age(&in_force.opened)?;
        let learned = learned.insert(self.learned(&in_force.opened));
        // Step 9.
        let authorities = match in_force.replaced {
            Some(_) => records::authorities(&in_force.status.records)?,
            None => authorities,
        };
        let governing = records::chain(&authorities, in_force.status, &in_force.opened.head, &namespace, trust)?;
        if in_force.replaced.is_none() {
            learned.status = Some(needed(&bundle.status, &keys, governing.index));
        }
        // Steps 10 and 11.
        let known = released.known(in_force.status)?;
        released.placed(&known, &logged.head, &trust.origin)?;
        released.signed(&governing)?;
        // Steps 12 and 13.
        let file = self.file(&released)?;
        if let UpdateValue::Withdrawn { index, by } = known.update {
            return Err(Refusal::Withdrawn { version: released.update.says.version.clone(), index, by });
        }
        // Steps 14 and 15.
        let named = released.named(&ask.sha256)?;
        let by_commit = governing.authority.allow_git_commit && trust.allow_git_commit;
        let Followed { further_inputs, by_commit } = released.follow(&named, by_commit)?;
        // Steps 16 and 17.
        self.held(&released)?;
        self.rebuilt(&released, &known)?;
        // Steps 18 and 19.
        let newest = self.newest(&released, in_force.status)?;
        self.no_rollback(&released, &age)?;
        // From here on the file may be installed.
        let superseded = newest.map(|newest| Warning::Superseded { newest });
        let unconfirmed = age.stale.then_some(Warning::FreshnessUnconfirmed { age_s: age.age_s });
        let remembered = in_force.replaced.map(|size| Warning::StatusRemembered { size });
        let by_commit = by_commit.into_iter().map(|build| Warning::GitCommitAlone { build });
        let warnings = superseded.into_iter().chain(unconfirmed).chain(remembered).chain(by_commit).collect();
        let rest = Rest { file, namespace, further_inputs, warnings };
        Ok(self.installable(&released, &logged, &in_force, rest))
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
        for (what, need) in [("rebuilds", trust.rebuilds), ("held", trust.held)] {
            if have < need {
                return Err(Refusal::TooFewParties { what, have, need });
            }
        }
        trust.policy.check().map(|_| ()).map_err(Refusal::WeakPolicy)
    }

    /// Steps 5 to 7: the status that counts, and the state that it proves.
    fn in_force<'a>(&'a self, status: &'a Status, own: Opened<'a>, keys: &[String]) -> Result<InForce<'a>, Refusal> {
        let size = own.head.size;
        let seen = heads::remembered(self.memory)?.status;
        let newer = seen.filter(|(seen, _)| size < seen.size);
        let Some(((seen, _), remembered)) = newer.zip(self.memory.status.as_ref()) else {
            let state = heads::state(status, &own.head, keys)?;
            return Ok(InForce { status, opened: own, state, replaced: None });
        };
        let again = || {
            records::authorities(&remembered.records)?;
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

    fn stale(&self, age: &Age) -> Refusal {
        Refusal::Stale { age_s: age.age_s, max_age_s: self.trust.max_age_s, time: age.time }
    }

    /// What steps 1 to 8 showed, for the memory.
    fn learned(&self, opened: &Opened<'_>) -> Learned {
        let newer = SeenHead { head: opened.head, note: opened.note.clone() };
        let larger = self.memory.head.as_ref().filter(|seen| seen.head.size > newer.head.size);
        Learned { head: larger.cloned().unwrap_or(newer), time: self.memory.time.max(opened.time), status: None }
    }

    /// Step 12, and the file's name in the update.
    fn file(&self, released: &Released<'_>) -> Result<String, Refusal> {
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
        let mut files =
            item.subjects.iter().filter(|subject| subject.sha256 == ask.sha256).map(|subject| &subject.name);
        let first = files.clone().next();
        let first = first.ok_or(Refusal::NotInUpdate { sha256: ask.sha256, files: item.subjects.len() })?;
        match &ask.name {
            Some(need) if !files.any(|name| name == need) => {
                Err(Refusal::WrongName { sha256: ask.sha256, have: first.clone(), need: need.clone() })
            }
            Some(name) => Ok(name.clone()),
            None => Ok(first.clone()),
        }
    }

    /// Step 16. No review can be proved yet, so nobody holds anything.
    fn held(&self, released: &Released<'_>) -> Result<(), Refusal> {
        match (self.trust.held, released.sources.first()) {
            (1.., Some(source)) => Err(Refusal::NotHeld { source_id: source.id, have: 0, need: self.trust.held }),
            _ => Ok(()),
        }
    }

    /// Step 17. No rebuild can be proved yet, so nothing is PASSED; a FAILED stops without proof.
    fn rebuilt(&self, released: &Released<'_>, known: &Known) -> Result<(), Refusal> {
        let counts = |name: &str| self.trust.parties.iter().any(|party| party.name == name);
        for (item, known) in released.builds.iter().zip(&known.builds) {
            let mut failed =
                known.rebuilds.iter().filter(|(party, word)| counts(party) && word.says == Rebuilt::Failed);
            if let Some((party, word)) = failed.next() {
                return Err(Refusal::RebuildFailed { build: item.id, party: party.clone(), by: word.id });
            }
            let need = self.trust.rebuilds;
            if need > 0 && !self.trust.no_rebuild.contains(&item.says.builder) {
                return Err(Refusal::NotRebuilt { build: item.id, have: 0, need });
            }
        }
        Ok(())
    }

    /// Step 18: nothing newer, or what is and the trust allows that.
    fn newest(&self, released: &Released<'_>, status: &Status) -> Result<Option<TargetLine>, Refusal> {
        let (item, ask) = (&released.update, self.ask);
        let key = state::channel_key(ask.product.as_str(), &ask.channel);
        let channel = heads::value(status, &key, ChannelValue::parse)?;
        let have = TargetLine { sequence: item.says.sequence, id: item.id, index: item.proved.index };
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
        let (sequence, index) = (released.update.says.sequence, released.update.proved.index);
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

    fn installable(
        &self,
        released: &Released<'_>,
        logged: &Opened<'_>,
        in_force: &InForce<'_>,
        rest: Rest,
    ) -> Installable {
        let Self { ask, trust, memory, now } = self;
        let InForce { status, opened, state, .. } = in_force;
        let item = &released.update;
        let names = opened.evaluation.names(&trust.policy);
        let builds = released.builds.iter().map(|item| {
            let builder = item.says.builder.clone();
            UsedBuild { id: item.id, index: item.proved.index, builder, rebuilt: Vec::new() }
        });
        let sources = released.sources.iter().map(|item| {
            let version = item.says.version.clone();
            UsedSource { id: item.id, index: item.proved.index, version, held: Vec::new() }
        });
        Installable {
            file: rest.file,
            sha256: ask.sha256,
            product: item.says.product.clone(),
            version: item.says.version.clone(),
            channel: item.says.channel.clone(),
            target: item.says.target.clone(),
            sequence: item.says.sequence,
            installed: memory.installed.clone(),
            origin: trust.origin.clone(),
            update: item.id,
            index: item.proved.index,
            logged_by: logged.time,
            cosigned: names.have,
            not_cosigned: names.lack,
            needed: trust.policy.needed(),
            time: opened.time,
            age_s: now.saturating_sub(opened.time),
            max_age_s: trust.max_age_s,
            builds: builds.collect(),
            sources: sources.collect(),
            further_inputs: rest.further_inputs,
            namespace: rest.namespace,
            authority: trust.authority,
            state_index: status.state.index,
            state_time: state.time,
            warnings: rest.warnings,
        }
    }
}

/// What of a status was asked: these keys, and the record of the authority in force.
///
/// Whoever hands a bundle over chooses what else its status proves, up to the limits of a bundle. Remembered, that would let
/// strangers fill a client's memory.
fn needed(status: &Status, keys: &[String], authority: u64) -> Status {
    let Status { checkpoint, state, records, map } = status;
    let records = records.iter().filter(|record| record.index == authority).cloned().collect();
    // Both are sorted.
    let map = map.iter().filter(|proved| keys.binary_search(&proved.key).is_ok()).cloned().collect();
    Status { checkpoint: checkpoint.clone(), state: state.clone(), records, map }
}

/// How old the status is.
struct Age {
    age_s: u64,
    time: u64,
    /// Older than the trust allows.
    stale: bool,
}

/// What the steps found out that stands nowhere else.
struct Rest {
    file: String,
    namespace: String,
    further_inputs: u64,
    warnings: Vec<Warning>,
}

#[cfg(test)]
mod tests;
