//! Manifests: a set of files too large for one record, as one subject.
//!
//! A record has at most [`super::MAX_SUBJECTS`] subjects. An antivirus database or a distribution has more files: then the one
//! subject is the manifest, a text with a line a file, and files are checked against it.
//!
//! ```
//! use spec::record::{Digest, manifest::Manifest};
//!
//! let text = "\
//! e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  0  db/empty.sig
//! 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae  3  db/main.sig
//! ";
//! let manifest = Manifest::parse(text.as_bytes()).unwrap();
//! let sha256 = Digest::of(b"foo");
//! assert_eq!(manifest.find(&sha256, "db/main.sig").unwrap().size_bytes, 3);
//! assert_eq!(manifest.find(&sha256, "db/empty.sig"), None);
//! ```
//!
//! The form of its lines and paths is in [`crate::record`](super#manifests).

use super::{Digest, clipped};
use crate::encoding::decimal;
use alloc::{format, string::String, vec::Vec};

/// The most bytes of a manifest: about 600,000 files with paths of 40 bytes.
pub const MAX_MANIFEST_BYTES: usize = 1 << 26;
/// The most bytes of a path.
pub const MAX_PATH_BYTES: usize = 1_024;

/// A file of a manifest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ManifestFile<'a> {
    /// The SHA-256 of its content.
    pub sha256: Digest,
    /// How long it is.
    pub size_bytes: u64,
    /// Where it lies.
    pub path: &'a str,
}

/// A manifest: files, sorted by path, at least one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Manifest<'a> {
    files: Vec<ManifestFile<'a>>,
}

/// Why bytes or files are no manifest. Lines count from 1.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ManifestError {
    /// More bytes than allowed.
    #[error("the manifest has {have_bytes} bytes, at most 67108864 are allowed")]
    TooLarge {
        /// Its bytes.
        have_bytes: usize,
    },
    /// Nothing in it.
    #[error("the manifest has no file")]
    Empty,
    /// Not UTF-8.
    #[error("the manifest is not UTF-8 from byte {at} on")]
    NotUtf8 {
        /// The first byte that is not.
        at: usize,
    },
    /// The last line does not end.
    #[error("the manifest does not end in a line feed")]
    Unterminated,
    /// A line of another form.
    #[error("line {line} of the manifest is not a SHA-256, a size and a path, with two spaces between them")]
    Line {
        /// The line.
        line: usize,
    },
    /// A path that is not allowed.
    #[error("the path {path:?} of the manifest {why}")]
    Path {
        /// The path.
        path: String,
        /// The rule broken.
        why: PathError,
    },
    /// A path that does not sort after the one before.
    #[error("line {line} of the manifest does not sort after the one before, by path")]
    Order {
        /// The line.
        line: usize,
    },
    /// A path that two files have.
    #[error("the path {path:?} is in the manifest twice")]
    Repeated {
        /// The path.
        path: String,
    },
}

/// Why a path is not allowed in a manifest.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PathError {
    /// Too long.
    #[error("has more than 1024 bytes")]
    Long,
    /// Empty, absolute, or with two slashes in a row or one at the end.
    #[error("has an empty segment")]
    EmptySegment,
    /// It leads somewhere else.
    #[error("has the segment . or ..")]
    DotSegment,
    /// A character that some system reads otherwise, or that a person cannot see.
    #[error("has a backslash or a control character")]
    Character,
    /// A letter and a colon.
    #[error("begins with a drive")]
    Drive,
}

impl ManifestError {
    /// The name of the refusal, which never changes.
    pub fn name(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "manifest-too-large",
            Self::Empty => "manifest-empty",
            Self::NotUtf8 { .. } => "manifest-not-utf8",
            Self::Unterminated => "manifest-unterminated",
            Self::Line { .. } => "manifest-line",
            Self::Path { .. } => "manifest-path",
            Self::Order { .. } => "manifest-order",
            Self::Repeated { .. } => "manifest-repeated",
        }
    }
}

impl<'a> Manifest<'a> {
    /// Makes the manifest of files in any order.
    ///
    /// # Errors
    /// [`ManifestError`]: `Empty`, `Path`, `Repeated`, `TooLarge`.
    pub fn new(mut files: Vec<ManifestFile<'a>>) -> Result<Self, ManifestError> {
        if files.is_empty() {
            return Err(ManifestError::Empty);
        }
        files.iter().try_for_each(|file| check_path(file.path))?;
        files.sort_by_key(|file| file.path);
        let twice = files.windows(2).find(|pair| pair.first().map(|one| one.path) == pair.last().map(|one| one.path));
        if let Some([file, ..]) = twice {
            return Err(ManifestError::Repeated { path: file.path.into() });
        }
        let have_bytes = files.iter().map(|file| line(file).len()).sum();
        if have_bytes > MAX_MANIFEST_BYTES {
            return Err(ManifestError::TooLarge { have_bytes });
        }
        Ok(Self { files })
    }

    /// Reads a manifest.
    ///
    /// Cost: linear in the bytes; the memory for a file is at most that of its line.
    ///
    /// # Errors
    /// [`ManifestError`]: length, UTF-8 and the last LF first, then the first line that is wrong.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ManifestError> {
        if bytes.len() > MAX_MANIFEST_BYTES {
            return Err(ManifestError::TooLarge { have_bytes: bytes.len() });
        }
        let text = core::str::from_utf8(bytes).map_err(|error| ManifestError::NotUtf8 { at: error.valid_up_to() })?;
        if text.is_empty() {
            return Err(ManifestError::Empty);
        }
        let text = text.strip_suffix('\n').ok_or(ManifestError::Unterminated)?;
        let mut files: Vec<ManifestFile<'a>> = Vec::new();
        for (line, text) in (1..).zip(text.split('\n')) {
            let file = file(text).ok_or(ManifestError::Line { line })?;
            check_path(file.path)?;
            if files.last().is_some_and(|last| last.path >= file.path) {
                return Err(ManifestError::Order { line });
            }
            files.push(file);
        }
        Ok(Self { files })
    }

    /// Writes it: its one form, of which a record has the SHA-256.
    pub fn to_text(&self) -> String {
        self.files.iter().map(line).collect()
    }

    /// The files, sorted by path.
    pub fn files(&self) -> &[ManifestFile<'a>] {
        &self.files
    }

    /// The file at this path, if it has this content.
    ///
    /// Cost: a binary search.
    pub fn find(&self, sha256: &Digest, path: &str) -> Option<&ManifestFile<'a>> {
        let at = self.files.binary_search_by(|file| file.path.cmp(path)).ok()?;
        self.files.get(at).filter(|file| file.sha256 == *sha256)
    }
}

fn file(line: &str) -> Option<ManifestFile<'_>> {
    let (sha256, rest) = line.split_once("  ")?;
    let (size, path) = rest.split_once("  ")?;
    Some(ManifestFile { sha256: Digest::parse(sha256)?, size_bytes: decimal(size)?, path })
}

fn line(file: &ManifestFile<'_>) -> String {
    format!("{}  {}  {}\n", file.sha256, file.size_bytes, file.path)
}

fn check_path(path: &str) -> Result<(), ManifestError> {
    let refuse = |why| Err(ManifestError::Path { path: clipped(path), why });
    if path.len() > MAX_PATH_BYTES {
        return refuse(PathError::Long);
    }
    if path.split('/').any(str::is_empty) {
        return refuse(PathError::EmptySegment);
    }
    if path.split('/').any(|segment| matches!(segment, "." | "..")) {
        return refuse(PathError::DotSegment);
    }
    if path.chars().any(|letter| letter == '\\' || letter.is_control()) {
        return refuse(PathError::Character);
    }
    if matches!(path.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic()) {
        return refuse(PathError::Drive);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::Random;
    use alloc::{string::ToString as _, vec};

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    fn digest() -> Digest {
        Digest::parse(A).unwrap()
    }

    fn file(path: &str) -> ManifestFile<'_> {
        ManifestFile { sha256: digest(), size_bytes: 7, path }
    }

    #[test]
    fn one_form() {
        let paths = ["z/a b", "a", "a/b", "a.b", "é", "0", "a/...", "ab:c", "1:x", " a", "a  b"];
        let manifest = Manifest::new(paths.map(file).to_vec()).unwrap();
        let text = manifest.to_text();
        assert_eq!(Manifest::parse(text.as_bytes()).as_ref(), Ok(&manifest));
        let mut sorted = paths;
        sorted.sort_unstable();
        assert_eq!(manifest.files().iter().map(|file| file.path).collect::<Vec<_>>(), sorted);
        assert!(text.starts_with(&format!("{A}  7   a\n{A}  7  0\n")), "{text}");
        for path in paths {
            assert_eq!(manifest.find(&digest(), path), Some(&file(path)));
            assert_eq!(manifest.find(&Digest([0; 32]), path), None);
        }
        assert_eq!(manifest.find(&digest(), "b"), None);
        let most = ManifestFile { size_bytes: u64::MAX, ..file("a") };
        let text = Manifest::new(vec![most]).unwrap().to_text();
        assert_eq!(Manifest::parse(text.as_bytes()).unwrap().files(), [most]);
    }

    #[test]
    fn refusals() {
        #[track_caller]
        fn check(text: &str, error: ManifestError) {
            assert!(error.name().starts_with("manifest-") && !error.to_string().is_empty());
            assert_eq!(Manifest::parse(text.as_bytes()), Err(error), "{text:?}");
        }
        check("", ManifestError::Empty);
        check(&format!("{A}  7  a"), ManifestError::Unterminated);
        assert_eq!(Manifest::parse(b"a\xff\n"), Err(ManifestError::NotUtf8 { at: 1 }));
        let upper = A.to_uppercase();
        for line in [
            "",
            A,
            &format!("{A}  7"),
            &format!("{A} 7  a"),
            &format!("{A}  7 a"),
            &format!("{A}   7  a"),
            &format!("{A}  07  a"),
            &format!("{A}  +7  a"),
            &format!("{A}  -7  a"),
            &format!("{A}    a"),
            &format!("{A}  18446744073709551616  a"),
            &format!("{A}\t7\ta"),
            &format!("{upper}  7  a"),
            &format!("a{A}  7  a"),
            &format!(" {A}  7  a"),
        ] {
            check(&format!("{line}\n"), ManifestError::Line { line: 1 });
            check(&format!("{A}  7  0\n{line}\n{A}  7  1\n"), ManifestError::Line { line: 2 });
        }
        let long = "x".repeat(MAX_PATH_BYTES + 1);
        for (path, why) in [
            (long.as_str(), PathError::Long),
            ("", PathError::EmptySegment),
            ("/", PathError::EmptySegment),
            ("/a", PathError::EmptySegment),
            ("a/", PathError::EmptySegment),
            ("a//b", PathError::EmptySegment),
            (".", PathError::DotSegment),
            ("..", PathError::DotSegment),
            ("a/../b", PathError::DotSegment),
            ("./a", PathError::DotSegment),
            ("a\\b", PathError::Character),
            ("a\r", PathError::Character),
            ("a\0", PathError::Character),
            ("a\tb", PathError::Character),
            ("a\u{85}", PathError::Character),
            ("C:", PathError::Drive),
            ("c:/a", PathError::Drive),
        ] {
            let error = ManifestError::Path { path: clipped(path), why };
            check(&format!("{A}  7  {path}\n"), error.clone());
            assert_eq!(Manifest::new(vec![file(path)]), Err(error));
        }
        assert!(Manifest::parse(format!("{A}  7  {}\n", &long[1..]).as_bytes()).is_ok());
        check(&format!("{A}  7  b\n{A}  7  a\n"), ManifestError::Order { line: 2 });
        check(&format!("{A}  7  a\n{A}  8  a\n"), ManifestError::Order { line: 2 });
        assert_eq!(Manifest::new(vec![]), Err(ManifestError::Empty));
        let again = Manifest::new(vec![file("b"), file("a"), file("b")]);
        assert_eq!(again, Err(ManifestError::Repeated { path: "b".into() }));
        let error = ManifestError::TooLarge { have_bytes: MAX_MANIFEST_BYTES + 1 };
        assert_eq!(Manifest::parse(&vec![b'\n'; MAX_MANIFEST_BYTES + 1]), Err(error));
        assert_eq!(Manifest::parse(&vec![b'\n'; MAX_MANIFEST_BYTES]), Err(ManifestError::Line { line: 1 }));
    }

    #[test]
    fn mangled() {
        let text = Manifest::new(["a", "a/b", "c d"].map(file).to_vec()).unwrap().to_text();
        let mut random = Random(0x1357_9bdf_0246_8ace);
        let check = |bytes: &[u8]| {
            let Ok(manifest) = Manifest::parse(bytes) else { return false };
            assert_eq!(manifest.to_text().as_bytes(), bytes);
            true
        };
        for at in 0..text.len() {
            // Cut after a line it is another manifest.
            let whole_lines = at > 0 && text.as_bytes()[at - 1] == b'\n';
            assert_eq!(check(&text.as_bytes()[..at]), whole_lines, "{at}");
            for change in 1..=255 {
                let mut bytes = text.as_bytes().to_vec();
                bytes[at] ^= change;
                check(&bytes);
            }
        }
        for _ in 0..20_000 {
            check(&random.mangled(text.as_bytes()));
        }
    }
}
