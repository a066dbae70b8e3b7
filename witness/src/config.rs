//! The folder of a witness: its configuration, where its files are, and how it is made.

use crate::store::{Store, StoreError};
use glarus_shell::config::ConfigError;
use glarus_shell::files::{self, FileError};
use glarus_shell::keys::{self, KeyFileError};
use spec::note::{KeyError, KeyKind, Skey, Vkey};
use std::path::{Path, PathBuf};

/// Where a witness listens unless told otherwise.
pub const LISTEN: &str = "127.0.0.1:7380";

/// The keys in files: of type 0x04, and of type 0x06, which a witness that was made before there was this type has not.
const KEY_STEMS: [(&str, KeyKind); 2] =
    [("ed25519", KeyKind::CosignatureEd25519), ("ml-dsa-44", KeyKind::CosignatureMlDsa44)];

/// `glarus-witness.toml`.
#[derive(Clone, PartialEq, Eq, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The witness's key name.
    pub name: String,
    /// The address to listen on.
    #[serde(default = "listen")]
    pub listen: String,
}

fn listen() -> String {
    LISTEN.into()
}

impl Config {
    /// Reads the configuration of the witness in `dir`.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn load(dir: &Path) -> Result<Self, ConfigError> {
        glarus_shell::config::load(&config_path(dir))
    }

    fn to_toml(&self) -> String {
        let quoted = |text: &str| toml::Value::String(text.into()).to_string();
        format!(
            "# The name that cosignatures bear. The key and the database are bound to it: it never changes.\n\
             name = {}\n\
             # The address and port to listen on, plain HTTP. TLS is the business of a proxy before it.\n\
             listen = {}\n",
            quoted(&self.name),
            quoted(&self.listen)
        )
    }
}

/// The configuration file.
pub fn config_path(dir: &Path) -> PathBuf {
    dir.join("glarus-witness.toml")
}

/// The folder of the logs' files.
pub fn logs_dir(dir: &Path) -> PathBuf {
    dir.join("logs")
}

/// The database.
pub fn db_dir(dir: &Path) -> PathBuf {
    dir.join("db")
}

/// The secret keys and their kinds, the Ed25519 one first.
pub fn skey_paths(dir: &Path) -> [(PathBuf, KeyKind); 2] {
    KEY_STEMS.map(|(stem, kind)| (dir.join("keys").join(stem).with_extension("skey"), kind))
}

/// Why a witness was not made.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// There is one already.
    #[error("{}: there is a witness already", .0.display())]
    Exists(PathBuf),
    /// The name cannot be a key's.
    #[error(transparent)]
    Name(#[from] KeyError),
    /// A file cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A key file cannot be written.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The database cannot be made.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a witness: folder, keys, database, and last its configuration; returns the keys that others verify it by, the
/// Ed25519 one first.
///
/// # Errors
/// [`InitError`]. What was made before is left for the operator to look at.
pub fn init(dir: &Path, name: &str, listen: &str) -> Result<[Vkey; 2], InitError> {
    if config_path(dir).exists() {
        return Err(InitError::Exists(dir.into()));
    }
    let make = |(_, kind)| Skey::from_seed(name, kind, keys::random_seed());
    let [small, large] = KEY_STEMS.map(make);
    let skeys = [small?, large?];
    let logs = logs_dir(dir);
    std::fs::create_dir_all(&logs).map_err(|error| FileError::Io { path: logs, cause: error.to_string() })?;
    for ((stem, _), skey) in KEY_STEMS.iter().zip(&skeys) {
        keys::write_pair(&dir.join("keys"), stem, skey)?;
    }
    let vkeys = skeys.map(|skey| skey.vkey().clone());
    // The database is bound to the Ed25519 key, which every witness has.
    Store::create(&db_dir(dir), &vkeys[0])?;
    let config = Config { name: name.into(), listen: listen.into() };
    files::create_new(&config_path(dir), config.to_toml().as_bytes(), 0o644)?;
    Ok(vkeys)
}
