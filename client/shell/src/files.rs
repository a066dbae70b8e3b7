//! Files that are there whole or not at all: written aside, synced, renamed into place, and their folder synced.

use std::fs::{File, Permissions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Why a file was not written.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FileError {
    /// [`create_new`] found a file in its place.
    #[error("{}: exists already, and is left as it is", .0.display())]
    Exists(PathBuf),
    /// The operating system refused.
    #[error("{}: {cause}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        cause: String,
    },
}

/// Writes a file that must not be there yet.
///
/// # Errors
/// [`FileError::Exists`] if it is there, [`FileError::Io`].
pub fn create_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    write(path, bytes, mode, |file| file.persist_noclobber(path).map(drop).map_err(|error| error.error))
}

/// Writes a file, in place of the one that is there.
///
/// # Errors
/// [`FileError::Io`].
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    write(path, bytes, mode, |file| file.persist(path).map(drop).map_err(|error| error.error))
}

fn write(
    path: &Path,
    bytes: &[u8],
    mode: u32,
    persist: impl FnOnce(NamedTempFile) -> std::io::Result<()>,
) -> Result<(), FileError> {
    let whole = || {
        let dir = match path.parent() {
            Some(dir) if !dir.as_os_str().is_empty() => dir,
            _ => Path::new("."),
        };
        let mut aside = NamedTempFile::new_in(dir)?;
        aside.write_all(bytes)?;
        aside.as_file().set_permissions(Permissions::from_mode(mode))?;
        aside.as_file().sync_all()?;
        persist(aside)?;
        File::open(dir)?.sync_all()
    };
    whole().map_err(|error: std::io::Error| match error.kind() {
        ErrorKind::AlreadyExists => FileError::Exists(path.into()),
        _ => FileError::Io { path: path.into(), cause: error.to_string() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        create_new(&path, b"one", 0o600).unwrap();
        assert_eq!(create_new(&path, b"two", 0o600), Err(FileError::Exists(path.clone())));
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        replace(&path, b"three", 0o644).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"three");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o644);
        let files = std::fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(files, 1, "nothing is left aside");
        let nowhere = dir.path().join("no/file");
        assert!(create_new(&nowhere, b"", 0o600).unwrap_err().to_string().starts_with(nowhere.to_str().unwrap()));
    }
}
