//! What an audit reads of a log: entry bundles and tiles.

use super::{AuditError, BundleFault, Finding, WAIT};
use crate::net::{Log, NetError};
use bytes::Bytes;
use glarus_shell::http::ClientError;
use spec::entry_bundle::{self, EntryBundleError, MAX_ENTRY_BYTES};
use spec::merkle::{Hash, leaf_hash};
use spec::tile::{self, Path, Tile, WIDTH};
use std::time::Duration;

/// The most bytes of an entry bundle.
pub(super) const MAX_BUNDLE_BYTES: usize = 256 * (MAX_ENTRY_BYTES + 2);
/// The most bytes of a tile.
const MAX_TILE_BYTES: usize = 256 * 32;
/// How often is asked where no answer comes.
const TRIES: u32 = 5;

/// A log that is read up to a size.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) log: Log,
    pub(super) size: u64,
}

/// An entry bundle, the hashes of its entries, and those that its tile has.
pub(super) struct Fetched {
    pub(super) bundle: u64,
    pub(super) bytes: Bytes,
    pub(super) leaves: Vec<Hash>,
    pub(super) tile: Vec<Hash>,
}

/// Why a bundle is not there.
pub(super) enum Fault {
    /// It is longer than asked for.
    TooLong { bundle: u64 },
    /// Anything else.
    Audit(AuditError),
}

impl From<Fault> for AuditError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Audit(error) => error,
            Fault::TooLong { bundle } => {
                let cause = format!("bundle {bundle} has more than {MAX_BUNDLE_BYTES} bytes");
                Finding::NotServed { index: bundle * WIDTH, cause }.into()
            }
        }
    }
}

impl From<AuditError> for Fault {
    fn from(error: AuditError) -> Self {
        Self::Audit(error)
    }
}

impl From<Finding> for Fault {
    fn from(finding: Finding) -> Self {
        Self::Audit(finding.into())
    }
}

impl Source {
    /// Fetches a bundle and its tile, and hashes its entries.
    pub(super) async fn bundle(&self, bundle: u64, max_bytes: usize) -> Result<Fetched, Fault> {
        let width = Tile { level: 0, index: bundle }.width(self.size);
        let bytes = match self.get(&Path::Entries(bundle, width), max_bytes).await {
            Ok(bytes) => bytes,
            Err(NetError::Client(ClientError::TooLong { .. })) => return Err(Fault::TooLong { bundle }),
            Err(error) => return Err(self.unreadable(bundle, width, error).await.into()),
        };
        let tile = self.tile(Tile { level: 0, index: bundle }).await?;
        let cause = |cause| Finding::Bundle { bundle, cause };
        let leaves = entry_bundle::entries(&bytes).map(|entry| Ok(leaf_hash(entry?))).collect::<Result<Vec<_>, _>>();
        let leaves = leaves.map_err(|error: EntryBundleError| cause(error.into()))?;
        if leaves.len() as u64 != width {
            return Err(cause(BundleFault::Count { have: leaves.len(), need: width }).into());
        }
        Ok(Fetched { bundle, bytes, leaves, tile })
    }

    /// Fetches a tile, as wide as the tree has it.
    pub(super) async fn tile(&self, tile: Tile) -> Result<Vec<Hash>, AuditError> {
        let width = tile.width(self.size);
        let not_served = |cause| Finding::TileNotServed { tile, cause };
        let bytes = match self.get(&Path::Hashes(tile, width), MAX_TILE_BYTES).await {
            Ok(bytes) => bytes,
            Err(error) if answered(&error) => return Err(not_served(error.to_string()).into()),
            Err(error) => return Err(error.into()),
        };
        let hashes = tile::parse_hashes(&bytes).filter(|hashes| hashes.len() as u64 == width);
        Ok(hashes.ok_or_else(|| not_served(format!("{} bytes are not {width} hashes", bytes.len())))?)
    }

    /// Finds the first entry of a bundle that is not served, by asking for narrower bundles.
    async fn unreadable(&self, bundle: u64, width: u64, error: NetError) -> AuditError {
        if !answered(&error) {
            return error.into();
        }
        let (mut served, mut missing) = (0, width);
        while missing - served > 1 {
            let middle = served.midpoint(missing);
            match self.get(&Path::Entries(bundle, middle), MAX_BUNDLE_BYTES).await {
                Ok(_) => served = middle,
                Err(_) => missing = middle,
            }
        }
        Finding::NotServed { index: bundle * WIDTH + served, cause: error.to_string() }.into()
    }

    async fn get(&self, path: &Path, max_bytes: usize) -> Result<Bytes, NetError> {
        let path = format!("/{path}");
        let mut tried = 0;
        loop {
            let error = match self.log.get(&path, max_bytes, WAIT).await {
                Err(NetError::Client(error @ (ClientError::Broken { .. } | ClientError::Deadline { .. }))) => error,
                answer => return answer,
            };
            tried += 1;
            if tried == TRIES {
                return Err(error.into());
            }
            tokio::time::sleep(Duration::from_millis(100 << tried)).await;
        }
    }
}

/// Whether the log answered, and will answer the same again.
fn answered(error: &NetError) -> bool {
    match error {
        NetError::Refused(_) | NetError::Answer { .. } => true,
        NetError::Fault(problem) => problem.status != 503,
        _ => false,
    }
}
