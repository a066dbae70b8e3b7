//! The journal of releases: `releases.ndjson`, a line of JSON an update, written when the release is done.
//!
//! ```text
//! {"time":1795430240,"product":"pkg:generic/acme/shield","version":"7.2.0","channel":"stable","target":"","sequence":41,
//!  "update":"a05d…","index":18204,"size":18206,"root":"CsUY…","files":[{"name":"shield-7.2.0.pkg","sha256":"…","bytes":3}]}
//! ```
//!
//! Whoever appends holds the file's lock and has looked for the update first, so an update has one line. A last line without
//! line end is one that a crash cut off, of a release that was not said to be done: it makes way for the next.

use spec::json::{self, Value};
use spec::record::Digest;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use crate::files::{self, FileError};

/// The most bytes of a line: one with 256 files of the longest names has a quarter of it.
const MAX_LINE_BYTES: u64 = 1 << 20;

/// Why the journal is not used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum JournalError {
    /// It cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A line that is no JSON object.
    #[error("{}: line {line} is no JSON object; mend it, or name another journal: --journal FILE", path.display())]
    Line {
        /// The journal.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
}

/// Whether it has a line of this update; a journal that is not there has none.
///
/// # Errors
/// [`JournalError`].
pub fn holds(path: &Path, update: &Digest) -> Result<bool, JournalError> {
    match File::open(path) {
        Ok(file) => Ok(scan(path, &file, update)?.holds),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(io_error(path)(error).into()),
    }
}

/// Appends the line of an update, without line end, unless it has one; tells whether it did. Afterwards it is durable.
///
/// # Errors
/// [`JournalError`].
pub fn append(path: &Path, update: &Digest, line: &str) -> Result<bool, JournalError> {
    let open = || {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        file.lock()?;
        Ok(file)
    };
    let mut file = open().map_err(io_error(path))?;
    let Scanned { holds, end, ends_whole } = scan(path, &file, update)?;
    if holds {
        return Ok(false);
    }
    let mut write = || {
        file.set_len(end)?;
        file.seek(SeekFrom::End(0))?;
        let before = if ends_whole { "" } else { "\n" };
        file.write_all(format!("{before}{line}\n").as_bytes())?;
        file.sync_all()?;
        files::sync_folder(path)
    };
    write().map_err(io_error(path))?;
    Ok(true)
}

struct Scanned {
    holds: bool,
    /// The bytes that are lines.
    end: u64,
    /// Whether the last of them ends in a line end.
    ends_whole: bool,
}

fn scan(path: &Path, file: &File, update: &Digest) -> Result<Scanned, JournalError> {
    let mut reader = BufReader::new(file);
    let mut scanned = Scanned { holds: false, end: 0, ends_whole: true };
    let mut bytes = Vec::new();
    for line in 1.. {
        bytes.clear();
        let have = reader.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut bytes).map_err(io_error(path))?;
        if have == 0 {
            break;
        }
        let whole = bytes.ends_with(b"\n");
        let value = json::parse(&bytes).ok();
        let Some(object) = value.as_ref().and_then(Value::object) else {
            // Only what begins as a line of ours makes way: the file may be another one, named by mistake.
            let cut_off = !whole && bytes.starts_with(b"{") && reader.fill_buf().map_err(io_error(path))?.is_empty();
            if cut_off {
                break;
            }
            return Err(JournalError::Line { path: path.into(), line });
        };
        let of = object.get("update").and_then(Value::string).and_then(Digest::parse);
        scanned.holds |= of.as_ref() == Some(update);
        scanned.end = scanned.end.saturating_add(u64::try_from(have).unwrap_or(u64::MAX));
        scanned.ends_whole = whole;
    }
    Ok(scanned)
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> FileError {
    move |error| FileError::Io { path: path.into(), cause: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str) -> (Digest, String) {
        let id = Digest::of(name.as_bytes());
        (id, format!("{{\"update\":\"{id}\"}}"))
    }

    #[test]
    fn an_update_has_one_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("releases.ndjson");
        let ((a, a_line), (b, b_line)) = (line("a"), line("b"));
        assert_eq!(holds(&path, &a), Ok(false));
        assert_eq!(append(&path, &a, &a_line), Ok(true));
        assert_eq!(append(&path, &a, &a_line), Ok(false));
        assert_eq!((holds(&path, &a), holds(&path, &b)), (Ok(true), Ok(false)));
        // Cut off at any byte, the second line is written again whole.
        let both = format!("{a_line}\n{b_line}\n");
        for cut in a_line.len() + 1..both.len() {
            std::fs::write(&path, &both[..cut]).unwrap();
            let is_there = cut == both.len() - 1;
            assert_eq!(append(&path, &b, &b_line), Ok(!is_there), "{cut}");
            let text = std::fs::read_to_string(&path).unwrap();
            assert_eq!(text.trim_end(), both.trim_end());
        }
        let (c, c_line) = line("c");
        std::fs::write(&path, &a_line).unwrap();
        assert_eq!(append(&path, &c, &c_line), Ok(true));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{a_line}\n{c_line}\n"));
    }

    #[test]
    fn what_is_no_line_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("releases.ndjson");
        let (a, a_line) = line("a");
        for text in ["x\n{}\n", "[]\n", "\n", "x"] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(append(&path, &a, &a_line), Err(JournalError::Line { path: path.clone(), line: 1 }));
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        std::fs::write(&path, vec![b' '; 1 << 21]).unwrap();
        assert!(matches!(append(&path, &a, &a_line), Err(JournalError::Line { line: 1, .. })));
    }
}
