//! What was proved of a file that may be installed.

use super::Installed;
use crate::policy::Name;
use crate::record::{Digest, Product};
use crate::state::{Claim, TargetLine};
use alloc::{string::String, vec::Vec};

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
    /// The parties that count and examined it.
    pub examined: Vec<String>,
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
    /// A party that counts contradicts what is said of a source.
    Contradicted {
        /// The source.
        source: Digest,
        /// The party.
        party: String,
        /// What it says is not so.
        claim: Claim,
        /// The id of its review.
        by: Digest,
    },
}

/// A policy that is on record in the log and later than the one that judged: reported, never used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LaterPolicy {
    /// Its epoch.
    pub epoch: u64,
    /// Its id.
    pub id: Digest,
    /// Its index in the log.
    pub index: u64,
    /// The parties that count and confirmed it, as the state names them; [`super::follow`] proves it.
    pub confirmed: Vec<String>,
}

/// What was proved of a file that may be installed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Installable {
    /// The file's name in the update, or its path in the manifest.
    pub file: String,
    /// The file's digest.
    pub sha256: Digest,
    /// The digest of the manifest that lists it, which is the update's file then.
    pub manifest: Option<Digest>,
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
    /// Its authority record in force.
    pub authority: Digest,
    /// The epoch of that.
    pub epoch: u64,
    /// The index of the state entry: as of it all this is in force.
    pub state_index: u64,
    /// The state entry's time. Units: Unix seconds.
    pub state_time: u64,
    /// A later policy than the one that judged, or one of which that is not known.
    pub policy: Option<LaterPolicy>,
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
