//! The folder of a witness: its configuration, where its files are, and how it is made.

use crate::store::{Store, StoreError};
use glarus_shell::config::ConfigError;
use glarus_shell::files::{self, FileError};
use glarus_shell::keys::{self, KeyFileError};
use spec::note::{KeyError, KeyKind, Skey, Vkey};
use std::path::{Path, PathBuf};

/// Where a witness listens unless told otherwise.
pub const LISTEN: &str = "127.0.0.1:7380";

const KEY_STEM: &str = "ed25519";

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

/// The secret key.
pub fn skey_path(dir: &Path) -> PathBuf {
    dir.join("keys").join(KEY_STEM).with_extension("skey")
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

/// Makes a witness: folder, key, database, and last its configuration; returns the key that others verify it by.
///
/// # Errors
/// [`InitError`]. What was made before is left for the operator to look at.
pub fn init(dir: &Path, name: &str, listen: &str) -> Result<Vkey, InitError> {
    if config_path(dir).exists() {
        return Err(InitError::Exists(dir.into()));
    }
    let skey = Skey::from_seed(name, KeyKind::CosignatureEd25519, keys::random_seed())?;
    let logs = logs_dir(dir);
    std::fs::create_dir_all(&logs).map_err(|error| FileError::Io { path: logs, cause: error.to_string() })?;
    keys::write_pair(&dir.join("keys"), KEY_STEM, &skey)?;
    Store::create(&db_dir(dir), skey.vkey())?;
    let config = Config { name: name.into(), listen: listen.into() };
    files::create_new(&config_path(dir), config.to_toml().as_bytes(), 0o644)?;
    Ok(skey.vkey().clone())
}
