//! The witness: judges checkpoints, remembers the latest of each log, cosigns what is consistent with it.
//!
//! A folder holds all of one witness, made by [`config::init`]:
//!
//! | file | what | who can change it, and what that gets them |
//! |---|---|---|
//! | `glarus-witness.toml` | name, address | the operator: where it listens; another name is refused |
//! | `keys/ed25519.skey`, `.vkey` | the key of type 0x04 | who reads the secret one can cosign anything in this witness's name |
//! | `keys/ml-dsa-44.skey`, `.vkey` | the key of type 0x06; a folder made before there was this type has none | the same |
//! | `logs/<origin hash>.toml` | a log's origin, keys and start | the operator: which logs are cosigned, never what was |
//! | `db/` | the latest cosigned note of each log | who rolls it back makes the witness cosign a second history |
//!
//! The decisions are [`spec::witness::judge`]'s. What is here: reading the request, finding the log ([`logs`]), and the order of
//! things ([`service`]): judge, sign, swap, and only when the swap is synced to disk ([`store`]) let the signature out.

pub mod config;
pub mod logs;
pub mod metrics;
pub mod service;
pub mod store;

pub use service::{OpenError, RunError, Witness};

use glarus_shell::clock::Clock;
use glarus_shell::shutdown::Shutdown;
use std::path::Path;
use tokio::net::TcpListener;

/// Opens the witness in a folder and serves it until told to stop.
///
/// # Errors
/// [`RunError`].
pub async fn run(dir: &Path, listener: TcpListener, clock: Clock, shutdown: Shutdown) -> Result<(), RunError> {
    Witness::open(dir, clock)?.serve(listener, shutdown).await
}
