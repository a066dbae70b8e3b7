//! Files: read within bounds, hashed without being held, written whole or not at all.

use sha2::{Digest as _, Sha256};
use spec::record::Digest;
use std::fs::{File, Permissions};
use std::io::{self, ErrorKind, Read, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Bytes that are read and hashed at a time.
const CHUNK_BYTES: usize = 1 << 16;

/// Why a file is not read or written.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FileError {
    /// The operating system refused.
    #[error("{}: {cause}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        cause: String,
    },
    /// Longer than such a file can be.
    #[error("{}: more than {max_bytes} bytes, which no such file has", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The most that is read.
        max_bytes: usize,
    },
    /// [`create_new`] found a file in its place.
    #[error("{}: exists already, and is left as it is", .0.display())]
    Exists(PathBuf),
    /// A path that ends in no name, or in one that is not UTF-8.
    #[error("{}: has no file name that a record can carry", .0.display())]
    Name(PathBuf),
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> FileError {
    move |error| match error.kind() {
        ErrorKind::AlreadyExists => FileError::Exists(path.into()),
        _ => FileError::Io { path: path.into(), cause: error.to_string() },
    }
}

/// Reads a file of at most `max_bytes`.
///
/// # Errors
/// [`FileError::Io`], [`FileError::TooLong`].
pub fn read(path: &Path, max_bytes: usize) -> Result<Vec<u8>, FileError> {
    let whole = || {
        let limit = u64::try_from(max_bytes).unwrap_or(u64::MAX).saturating_add(1);
        let mut bytes = Vec::new();
        File::open(path)?.take(limit).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = whole().map_err(io_error(path))?;
    if bytes.len() > max_bytes {
        return Err(FileError::TooLong { path: path.into(), max_bytes });
    }
    Ok(bytes)
}

/// Reads a file as [`read`] does, if it is there.
///
/// # Errors
/// [`FileError::Io`], [`FileError::TooLong`].
pub fn read_if_there(path: &Path, max_bytes: usize) -> Result<Option<Vec<u8>>, FileError> {
    match path.try_exists().map_err(io_error(path))? {
        true => read(path, max_bytes).map(Some),
        false => Ok(None),
    }
}

/// Refuses what is no regular file: a pipe or a device may have no end, and opening a pipe waits for its writer.
///
/// # Errors
/// [`FileError::Io`].
pub fn must_be_regular(path: &Path) -> Result<(), FileError> {
    let metadata = std::fs::metadata(path).map_err(io_error(path))?;
    match metadata.is_file() {
        true => Ok(()),
        false => Err(io_error(path)(io::Error::other("not a regular file"))),
    }
}

/// Hashes a file of any length.
///
/// # Errors
/// [`FileError::Io`].
pub fn sha256(path: &Path) -> Result<Digest, FileError> {
    let whole = || hash(&mut File::open(path)?, |_| Ok(()));
    whole().map_err(io_error(path))
}

/// Hashes a file of any length, and tells of each piece how many bytes it had; returns the digest and the bytes in all.
///
/// # Errors
/// [`FileError::Io`], also for what is no regular file.
pub fn sha256_told(path: &Path, tell: &dyn Fn(u64)) -> Result<(Digest, u64), FileError> {
    must_be_regular(path)?;
    let mut bytes = 0_u64;
    let mut whole = || {
        hash(&mut File::open(path)?, |piece| {
            let piece = u64::try_from(piece.len()).unwrap_or(u64::MAX);
            bytes = bytes.saturating_add(piece);
            tell(piece);
            Ok(())
        })
    };
    let sha256 = whole().map_err(io_error(path))?;
    Ok((sha256, bytes))
}

/// Hashes some bytes and then a file of any length.
///
/// # Errors
/// [`FileError::Io`].
pub fn sha256_after(first: &[u8], path: &Path) -> Result<Digest, FileError> {
    let whole = || hash_on(Sha256::new_with_prefix(first), &mut File::open(path)?, |_| Ok(()));
    whole().map_err(io_error(path))
}

/// Hashes what `from` has, and hands each piece on.
pub(crate) fn hash(from: &mut File, each: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<Digest> {
    hash_on(Sha256::new(), from, each)
}

fn hash_on(mut sha256: Sha256, from: &mut File, mut each: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<Digest> {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let piece = match from.read(&mut chunk) {
            Ok(0) => return Ok(Digest(sha256.finalize().into())),
            Ok(have) => chunk.get(..have).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        sha256.update(piece);
        each(piece)?;
    }
}

/// Writes a file that must not be there yet: aside, synced, renamed into place, its folder synced.
///
/// # Errors
/// [`FileError::Exists`], [`FileError::Io`].
pub fn create_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    let whole = || {
        let aside = aside(path, bytes, mode)?;
        aside.persist_noclobber(path).map_err(|error| error.error)?;
        sync_folder(path)
    };
    whole().map_err(io_error(path))
}

/// Writes a file as [`create_new`] does, in place of the one that is there.
///
/// # Errors
/// [`FileError::Io`].
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    let whole = || {
        aside(path, bytes, mode)?.persist(path).map_err(|error| error.error)?;
        sync_folder(path)
    };
    whole().map_err(io_error(path))
}

fn aside(path: &Path, bytes: &[u8], mode: u32) -> io::Result<NamedTempFile> {
    let mut aside = NamedTempFile::new_in(folder(path))?;
    aside.write_all(bytes)?;
    aside.as_file().set_permissions(Permissions::from_mode(mode))?;
    aside.as_file().sync_all()?;
    Ok(aside)
}

/// Makes the names in the folder of a file durable.
///
/// # Errors
/// As the operating system says.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder(path))?.sync_all()
}

/// What is in a folder, sorted.
///
/// # Errors
/// [`FileError::Io`].
pub fn entries(folder: &Path) -> Result<Vec<PathBuf>, FileError> {
    let whole = || std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>();
    let mut entries = whole().map_err(io_error(folder))?;
    entries.sort();
    Ok(entries)
}

/// The folder that a file is in.
pub fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// The path of the file that belongs to this one: `shield.pkg` and `.glarus` make `shield.pkg.glarus`.
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(suffix);
    name.into()
}

/// The last part of a path, as records name files.
///
/// # Errors
/// [`FileError::Name`].
pub fn name(path: &Path) -> Result<String, FileError> {
    let name = path.file_name().and_then(|name| name.to_str());
    name.map(String::from).ok_or_else(|| FileError::Name(path.into()))
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
        replace(&path, b"three", 0o644).unwrap();
        assert_eq!(read(&path, 5).unwrap(), b"three");
        assert_eq!(read(&path, 4), Err(FileError::TooLong { path: path.clone(), max_bytes: 4 }));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o644);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left aside");
        assert_eq!(read_if_there(&dir.path().join("none"), 4), Ok(None));
        assert!(read(&dir.path().join("none"), 4).unwrap_err().to_string().contains("none: No such file"));
    }

    #[test]
    fn hashes_what_is_longer_than_a_piece() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        for bytes in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, 2 * CHUNK_BYTES + 7] {
            let content = vec![7; bytes];
            std::fs::write(&path, &content).unwrap();
            assert_eq!(sha256(&path), Ok(Digest::of(&content)));
            let told = std::cell::Cell::new(0);
            let have = sha256_told(&path, &|piece| told.set(told.get() + piece));
            assert_eq!((have, told.get()), (Ok((Digest::of(&content), bytes as u64)), bytes as u64));
            assert_eq!(sha256_after(b"salt", &path), Ok(Digest::of(&[b"salt".as_slice(), &content].concat())));
        }
    }

    #[test]
    fn a_pipe_or_a_folder_is_no_regular_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        assert!(must_be_regular(&file).unwrap_err().to_string().contains("file: No such file"));
        std::fs::write(&file, "").unwrap();
        assert_eq!(must_be_regular(&file), Ok(()));
        for other in [dir.path(), Path::new("/dev/zero")] {
            let text = must_be_regular(other).unwrap_err().to_string();
            assert_eq!(text, format!("{}: not a regular file", other.display()));
        }
    }

    #[test]
    fn names_and_neighbours() {
        assert_eq!(beside(Path::new("a/shield.pkg"), ".glarus"), Path::new("a/shield.pkg.glarus"));
        assert_eq!((folder(Path::new("a")), folder(Path::new("b/a"))), (Path::new("."), Path::new("b")));
        assert_eq!(name(Path::new("a/shield.pkg")).as_deref(), Ok("shield.pkg"));
        assert!(name(Path::new("a/..")).is_err());
    }
}
