//! What a vendor and an updater do with a Glarus log: make and submit records; verify and install updates, offline.

pub mod files;
pub mod inspect;
pub mod keys;
#[cfg(feature = "net")]
pub mod net;
pub mod proposal;
pub mod release;
pub mod report;
pub mod time;
