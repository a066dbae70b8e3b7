//! What is asked, and whom the client trusts.

use crate::policy::Policy;
use crate::record::{Digest, Product};
use alloc::{string::String, vec::Vec};

/// What is asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ask {
    /// The file's digest.
    pub sha256: Digest,
    /// The file's name, if it matters; its path in the manifest, if there is one.
    pub name: Option<String>,
    /// The bytes of the manifest that lists the file, if the update has that in the file's place.
    pub manifest: Option<Vec<u8>>,
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
    /// The id of an authority record of it.
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
    /// How many of the parties must have confirmed a later policy for it to take the place of this one; 0 if none ever does.
    pub follow: u64,
    /// The epoch of the policy record that `policy` is of; `None` if it is of none, or of one unknown.
    pub policy_epoch: Option<u64>,
}
