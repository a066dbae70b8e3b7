//! Note keys in files: `<stem>.skey`, secret, mode 0600, and `<stem>.vkey`, public, mode 0644; one line and LF each.

use crate::files::{self, FileError};
use spec::note::{KeyError, Skey, Vkey};
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// No key file is longer.
const MAX_KEY_FILE_BYTES: u64 = 8192;

/// Why a key file is not read or written.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file cannot be read.
    #[error("{}: {cause}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        cause: String,
    },
    /// Others than its owner may read a secret key.
    #[error("{}: mode {mode:04o} lets others read this secret key; chmod 600 it", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// What the file holds is no such key.
    #[error("{}: {cause}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// Why not.
        cause: KeyError,
    },
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] FileError),
}

/// Reads a secret key; refuses a file that group or others may read.
///
/// # Errors
/// [`KeyFileError::Read`], [`KeyFileError::Open`], [`KeyFileError::Key`].
pub fn read_skey(path: &Path) -> Result<Skey, KeyFileError> {
    let (text, mode) = read(path)?;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Open { path: path.into(), mode });
    }
    line(&text).parse().map_err(|cause| KeyFileError::Key { path: path.into(), cause })
}

/// Reads a public key.
///
/// # Errors
/// [`KeyFileError::Read`], [`KeyFileError::Key`].
pub fn read_vkey(path: &Path) -> Result<Vkey, KeyFileError> {
    let (text, _) = read(path)?;
    line(&text).parse().map_err(|cause| KeyFileError::Key { path: path.into(), cause })
}

/// Writes `<stem>.skey` and `<stem>.vkey` into a folder, made if need be; an existing file is never overwritten.
///
/// # Errors
/// [`KeyFileError::Write`].
pub fn write_pair(dir: &Path, stem: &str, key: &Skey) -> Result<(), KeyFileError> {
    std::fs::create_dir_all(dir).map_err(|error| FileError::Io { path: dir.into(), cause: error.to_string() })?;
    let secret = format!("{}\n", key.to_secret_text());
    files::create_new(&dir.join(format!("{stem}.skey")), secret.as_bytes(), 0o600)?;
    let public = format!("{}\n", key.vkey());
    files::create_new(&dir.join(format!("{stem}.vkey")), public.as_bytes(), 0o644)?;
    Ok(())
}

/// 32 bytes of the operating system's randomness.
///
/// # Panics
/// If the operating system has none to give: no key may be made then.
pub fn random_seed() -> [u8; 32] {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).expect("the operating system gives randomness");
    seed
}

fn read(path: &Path) -> Result<(String, u32), KeyFileError> {
    let whole = || {
        let file = File::open(path)?;
        let mode = file.metadata()?.permissions().mode() & 0o7777;
        let mut text = String::new();
        file.take(MAX_KEY_FILE_BYTES).read_to_string(&mut text)?;
        Ok((text, mode))
    };
    whole().map_err(|error: std::io::Error| KeyFileError::Read { path: path.into(), cause: error.to_string() })
}

fn line(text: &str) -> &str {
    text.strip_suffix('\n').unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use spec::note::KeyKind;
    use std::fs::Permissions;

    #[test]
    fn a_pair_is_written_once_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let keys = dir.path().join("keys");
        let key = Skey::from_seed("example.com/w", KeyKind::CosignatureEd25519, random_seed()).unwrap();
        write_pair(&keys, "w", &key).unwrap();
        let (secret, public) = (keys.join("w.skey"), keys.join("w.vkey"));
        assert_eq!(read_skey(&secret).unwrap().vkey(), key.vkey());
        assert_eq!(read_vkey(&public).as_ref(), Ok(key.vkey()));
        assert_eq!(write_pair(&keys, "w", &key), Err(FileError::Exists(secret.clone()).into()));
        assert_ne!(random_seed(), random_seed());

        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode(&secret), mode(&public)), (0o600, 0o644));
        std::fs::set_permissions(&secret, Permissions::from_mode(0o640)).unwrap();
        assert_eq!(read_skey(&secret).unwrap_err(), KeyFileError::Open { path: secret.clone(), mode: 0o640 });
        assert!(matches!(read_skey(&keys.join("none.skey")), Err(KeyFileError::Read { .. })));
        std::fs::set_permissions(&public, Permissions::from_mode(0o600)).unwrap();
        assert_eq!(read_skey(&public).unwrap_err(), KeyFileError::Key { path: public, cause: KeyError::Form });
    }
}
