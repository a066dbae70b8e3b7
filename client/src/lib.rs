//! What a vendor and an updater do with a Glarus log: make and submit records; verify and install updates, offline.
//!
//! An updater needs four steps, and neither network nor clock but the time that it is given:
//!
//! ```no_run
//! use glarus::install::{self, Staged};
//! use glarus::memory::MemoryFile;
//! use glarus::trust::TrustFile;
//! # use std::path::Path;
//!
//! # fn update(now: u64) -> Result<(), Box<dyn std::error::Error>> {
//! let trust = TrustFile::load(Path::new("/etc/glarus/trust.toml"))?;
//! let product = trust.product(None)?;
//! let mut memory = MemoryFile::open(&trust.memory)?;
//!
//! let staged = Staged::new(Path::new("shield-7.2.0.pkg"), Path::new("/opt/shield"))?;
//! let bundle = std::fs::read("shield-7.2.0.pkg.glarus")?;
//! match install::judge(product, &mut memory, &staged.ask(product), &bundle, now)?.verdict {
//!     Ok(installable) => {
//!         staged.commit()?;
//!         install::remember(product, &mut memory, &installable)?;
//!     }
//!     Err(refusal) => println!("refused, {}: {refusal}; {}", refusal.name(), refusal.todo()),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Without the feature `net` there is no HTTP here, nor anything that could open a connection.

#[cfg(feature = "cli")]
pub mod audit;
pub mod dist;
pub mod draft;
pub mod files;
pub mod inspect;
pub mod install;
pub mod journal;
pub mod keys;
pub mod memory;
#[cfg(feature = "net")]
pub mod net;
pub mod proposal;
pub mod provenance;
pub mod release;
pub mod report;
pub mod table;
pub mod ticket;
pub mod time;
pub mod trust;
