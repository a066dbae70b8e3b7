//! Judging a file by its bundle, and installing it if it may be.
//!
//! The bytes that are judged are the bytes that are installed: [`Staged`] copies a file aside in the folder that it is for, and
//! hashes that copy while it is written. Only [`Staged::commit`] puts it into place, by renaming.
//!
//! A file is installed under a name that the update gives it: an update has many files, and whoever hands them over must not
//! put one in another's place. So [`Staged::ask`] asks for the name too.
//!
//! A crash leaves the old file or the new one, never a part. If it comes between the rename and the memory, the memory is that
//! of the version before; the same installation again puts that right.

use crate::files::{self, FileError};
use crate::memory::{MemoryError, MemoryFile};
use crate::trust::TrustedProduct;
use spec::record::Digest;
use spec::verdict::{self, Ask, Installable, Installed, Memory, Refusal};
use std::fs::{File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// What a verdict said, and what was kept of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Judged {
    /// What was proved, or why the file is refused.
    pub verdict: Result<Installable, Refusal>,
    /// Notes that cannot both be true, kept beside the memory, if the log showed two histories.
    pub evidence: Vec<PathBuf>,
}

/// Judges a file, and remembers at once what that taught, whatever the verdict is.
///
/// Units: `now` in Unix seconds.
///
/// # Errors
/// [`MemoryError`] if what was seen cannot be remembered: then nothing was decided.
pub fn judge(
    product: &TrustedProduct,
    memory: &mut MemoryFile,
    ask: &Ask,
    bundle: &[u8],
    now: u64,
) -> Result<Judged, MemoryError> {
    let TrustedProduct { trust, .. } = product;
    let before = memory.contents.memory(&trust.product, &trust.origin);
    let judged = verdict::judge(ask, bundle, trust, &before, now);
    if let Some(learned) = judged.learned
        && memory.contents.learn(&trust.product, &trust.origin, learned)
    {
        memory.save()?;
    }
    let mut evidence = Vec::new();
    if let Err(Refusal::Fork { notes, .. }) = &judged.verdict {
        for note in [&notes.first, &notes.second] {
            evidence.push(memory.keep_evidence(note)?);
        }
    }
    Ok(Judged { verdict: judged.verdict, evidence })
}

/// Judges a file as of a time, without a memory: for demonstrations and courts.
pub fn judge_at(product: &TrustedProduct, ask: &Ask, bundle: &[u8], time: u64) -> Judged {
    let judged = verdict::judge(ask, bundle, &product.trust, &Memory::default(), time);
    Judged { verdict: judged.verdict, evidence: Vec::new() }
}

/// Remembers what was installed, after it is in its place.
///
/// # Errors
/// [`MemoryError`].
pub fn remember(product: &TrustedProduct, memory: &mut MemoryFile, installed: &Installable) -> Result<(), MemoryError> {
    let Installable { channel, sequence, index, .. } = installed;
    let installed = Installed { channel: channel.clone(), sequence: *sequence, index: *index };
    memory.contents.install(&product.trust.product, &product.trust.origin, installed);
    memory.save()
}

/// A copy that waits beside its place; dropped, it is gone.
#[derive(Debug)]
pub struct Staged {
    aside: NamedTempFile,
    place: PathBuf,
    /// The name under which it is to be installed.
    pub name: String,
    /// The digest of the copy.
    pub sha256: Digest,
}

impl Staged {
    /// Copies a file into a folder, aside, with its mode (less set-user-ID and the like).
    ///
    /// # Errors
    /// [`FileError::Io`], [`FileError::Name`].
    pub fn new(file: &Path, folder: &Path) -> Result<Self, FileError> {
        let name = files::name(file)?;
        let place = folder.join(&name);
        let at = |path: &Path, error: io::Error| FileError::Io { path: path.into(), cause: error.to_string() };
        // Before it is opened: opening a pipe waits for its writer.
        files::must_be_regular(file)?;
        let mut from = File::open(file).map_err(|error| at(file, error))?;
        let metadata = from.metadata().map_err(|error| at(file, error))?;
        if !metadata.is_file() {
            return Err(at(file, io::Error::other("not a regular file")));
        }
        let folder_is = std::fs::metadata(folder).map_err(|error| at(folder, error))?;
        if !folder_is.is_dir() {
            return Err(at(folder, io::Error::other("not a folder")));
        }
        let mut whole = || {
            let mut aside = tempfile::Builder::new().prefix(".glarus-").tempfile_in(folder)?;
            let sha256 = files::hash(&mut from, |piece| aside.write_all(piece))?;
            aside.as_file().set_permissions(Permissions::from_mode(metadata.permissions().mode() & 0o777))?;
            Ok((aside, sha256))
        };
        let (aside, sha256) = whole().map_err(|error| at(folder, error))?;
        Ok(Self { aside, place, name, sha256 })
    }

    /// Asks for the copy: as a file of this product, under its name.
    pub fn ask(&self, product: &TrustedProduct) -> Ask {
        Ask { name: Some(self.name.clone()), ..product.ask(self.sha256) }
    }

    /// Puts the copy into its place, in one step, and returns that place.
    ///
    /// # Errors
    /// [`FileError::Io`].
    pub fn commit(self) -> Result<PathBuf, FileError> {
        let Self { aside, place, .. } = self;
        let whole = || {
            aside.as_file().sync_all()?;
            // From here on the new file is the one that is there, even after a crash.
            aside.persist(&place).map_err(|error| error.error)?;
            files::sync_folder(&place)
        };
        whole().map_err(|error: io::Error| FileError::Io { path: place.clone(), cause: error.to_string() })?;
        Ok(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let names = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn what_is_not_committed_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (file, to) = (dir.path().join("shield.pkg"), dir.path().join("to"));
        std::fs::create_dir(&to).unwrap();
        std::fs::write(&file, "new").unwrap();
        std::fs::set_permissions(&file, Permissions::from_mode(0o4755)).unwrap();
        std::fs::write(to.join("shield.pkg"), "old").unwrap();
        let staged = Staged::new(&file, &to).unwrap();
        assert_eq!(staged.sha256, Digest::of(b"new"));
        assert_eq!(names(&to).len(), 2);
        assert_eq!(std::fs::read(to.join("shield.pkg")).unwrap(), b"old");
        drop(staged);
        assert_eq!(
            (names(&to), std::fs::read(to.join("shield.pkg")).unwrap()),
            (vec!["shield.pkg".into()], b"old".to_vec())
        );
        // What is changed after it was judged is not what is installed.
        let staged = Staged::new(&file, &to).unwrap();
        std::fs::write(&file, "other").unwrap();
        let place = staged.commit().unwrap();
        assert_eq!((names(&to), std::fs::read(&place).unwrap()), (vec!["shield.pkg".into()], b"new".to_vec()));
        assert_eq!(std::fs::metadata(&place).unwrap().permissions().mode() & 0o7777, 0o755);
    }

    #[test]
    fn what_cannot_be_staged() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("shield.pkg");
        assert!(Staged::new(&file, dir.path()).unwrap_err().to_string().contains("No such file"));
        std::fs::write(&file, "new").unwrap();
        assert!(Staged::new(&file, &dir.path().join("nowhere")).unwrap_err().to_string().contains("nowhere"));
        assert!(Staged::new(dir.path(), dir.path()).unwrap_err().to_string().contains("not a regular file"));
        assert_eq!(names(dir.path()), ["shield.pkg"]);
    }
}
