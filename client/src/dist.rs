//! What is released: the files named, and those of the folders named, less what `glarus` itself wrote there.
//!
//! Of a folder every entry must be a regular file. A link or a pipe is an error that names it, and so is a folder in it where no
//! manifest lists what that has: left out in silence it would ship without being on any record.

use crate::files::{self, FileError};
use spec::record::Kind;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Letters and digits behind `.tmp` in the name of a file that waits to be renamed.
const ASIDE_LENGTH: usize = 6;
const A_FOLDER: &str = "a folder";

/// Why these files are not released.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DistError {
    /// A file or folder cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// An entry of a folder that is not a regular file.
    #[error("{}: is {what}; a release is of the regular files of a folder; what is in folders in it, --manifest releases", path.display())]
    NotAFile {
        /// The entry.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// A folder without files.
    #[error("{}: has no file to release", .0.display())]
    Empty(PathBuf),
    /// Two files that a record would call the same.
    #[error("{} and {} have the same name, and a record names each file once", first.display(), second.display())]
    SameName {
        /// One.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
}

/// The files to release, in the order named, those of a folder sorted by name.
///
/// # Errors
/// [`DistError`].
pub fn files_of(paths: &[PathBuf]) -> Result<Vec<PathBuf>, DistError> {
    let mut found = Vec::new();
    for path in paths {
        match path.is_dir() {
            true => found.extend(of_folder(path)?),
            false => {
                files::must_be_regular(path)?;
                found.push(path.clone());
            }
        }
    }
    let mut names = BTreeMap::new();
    for path in &found {
        if let Some(first) = names.insert(files::name(path)?, path) {
            return Err(DistError::SameName { first: first.clone(), second: path.clone() });
        }
    }
    Ok(found)
}

/// The files of a folder and of all folders in it, each with its path from there as a manifest has it, sorted by that; `less` is
/// the one that lists them.
///
/// # Errors
/// [`DistError`].
pub fn tree(folder: &Path, less: &Path) -> Result<Vec<(String, PathBuf)>, DistError> {
    let (mut found, mut left) = (Vec::new(), vec![(String::new(), folder.to_path_buf())]);
    while let Some((under, folder)) = left.pop() {
        for path in files::entries(&folder)? {
            let name = format!("{under}{}", files::name(&path)?);
            match kind(&path)? {
                Ok(()) if path == less || is_ours(&path)? => {}
                Ok(()) => found.push((name, path)),
                Err(A_FOLDER) => left.push((name + "/", path)),
                Err(what) => return Err(DistError::NotAFile { path, what }),
            }
        }
    }
    found.sort();
    if found.is_empty() { Err(DistError::Empty(folder.into())) } else { Ok(found) }
}

fn of_folder(folder: &Path) -> Result<Vec<PathBuf>, DistError> {
    let mut found = Vec::new();
    for path in files::entries(folder)? {
        match kind(&path)? {
            Ok(()) if is_ours(&path)? => {}
            Ok(()) => found.push(path),
            Err(what) => return Err(DistError::NotAFile { path, what }),
        }
    }
    if found.is_empty() {
        return Err(DistError::Empty(folder.into()));
    }
    Ok(found)
}

/// Nothing to say of a regular file; what it is else.
fn kind(path: &Path) -> Result<Result<(), &'static str>, FileError> {
    let metadata = std::fs::symlink_metadata(path);
    let metadata = metadata.map_err(|error| FileError::Io { path: path.into(), cause: error.to_string() })?;
    let kind = metadata.file_type();
    Ok(match (kind.is_file(), kind.is_dir(), kind.is_symlink()) {
        (true, ..) => Ok(()),
        (_, true, _) => Err(A_FOLDER),
        (.., true) => Err("a symbolic link"),
        _ => Err("neither file nor folder"),
    })
}

/// Whether `glarus` wrote this file: a bundle; a record or a proof beside the file that it is about; what a write that was
/// killed left behind.
fn is_ours(path: &Path) -> Result<bool, FileError> {
    let name = files::name(path)?;
    let aside = name
        .strip_prefix(".tmp")
        .is_some_and(|rest| rest.len() == ASIDE_LENGTH && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let suffixes = Kind::ALL.into_iter().flat_map(|kind| [format!(".{kind}.json"), format!(".{kind}.tlog-proof")]);
    let is_beside = |suffix: String| {
        let of = name.strip_suffix(&suffix).filter(|of| !of.is_empty());
        of.is_some_and(|of| path.with_file_name(of).is_file())
    };
    Ok(aside || name.ends_with(".glarus") || suffixes.into_iter().any(is_beside))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_less_what_is_ours() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str| std::fs::write(dir.path().join(name), name).unwrap();
        assert_eq!(files_of(&[dir.path().into()]), Err(DistError::Empty(dir.path().into())));
        let ours = ["a.pkg.glarus", "gone.glarus", "a.pkg.build.json", "a.pkg.update.tlog-proof", ".tmpAb12Cd"];
        let theirs = [".tmpfile", "a.pkg", "b.build.json", "b.json", "c"];
        ours.iter().chain(&theirs).for_each(|name| write(name));
        let found = files_of(&[dir.path().into()]).unwrap();
        assert_eq!(found, theirs.map(|name| dir.path().join(name)));
        // A file that is named is meant.
        let named = dir.path().join("gone.glarus");
        assert_eq!(files_of(std::slice::from_ref(&named)), Ok(vec![named]));
    }

    #[test]
    fn a_folder_with_folders() {
        let dir = tempfile::tempdir().unwrap();
        let less = dir.path().join("db-1.manifest");
        assert_eq!(tree(dir.path(), &less), Err(DistError::Empty(dir.path().into())));
        std::fs::create_dir_all(dir.path().join("db/deep")).unwrap();
        let theirs = ["a", "b.manifest", "db/deep/x", "db/y"];
        for name in ["db-1.manifest", "db-1.manifest.glarus", "db/.tmpAb12Cd"].iter().chain(&theirs) {
            std::fs::write(dir.path().join(name), name).unwrap();
        }
        let found = theirs.map(|name| (name.to_string(), dir.path().join(name)));
        assert_eq!(tree(dir.path(), &less), Ok(found.to_vec()));
        let link = dir.path().join("db/link");
        std::os::unix::fs::symlink(dir.path(), &link).unwrap();
        assert_eq!(tree(dir.path(), &less), Err(DistError::NotAFile { path: link, what: "a symbolic link" }));
    }

    #[test]
    fn nothing_is_left_out_in_silence() {
        let dir = tempfile::tempdir().unwrap();
        let (sub, link) = (dir.path().join("sub"), dir.path().join("link"));
        std::fs::create_dir(&sub).unwrap();
        std::fs::write(sub.join("a"), "a").unwrap();
        let refused = |path: &Path, what| Err(DistError::NotAFile { path: path.into(), what });
        assert_eq!(files_of(&[dir.path().into()]), refused(&sub, "a folder"));
        std::os::unix::fs::symlink(sub.join("a"), &link).unwrap();
        assert_eq!(files_of(&[dir.path().into()]), refused(&link, "a symbolic link"));
        std::fs::remove_file(&link).unwrap();
        let other = dir.path().join("a");
        std::fs::write(&other, "b").unwrap();
        let same = files_of(&[sub.clone(), other.clone()]);
        assert_eq!(same, Err(DistError::SameName { first: sub.join("a"), second: other }));
        assert!(matches!(files_of(&[dir.path().join("none")]), Err(DistError::File(_))));
    }
}
