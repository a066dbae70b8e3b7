#![doc = include_str!("../entry_bundle.md")]

use alloc::vec::Vec;

/// The most bytes an entry may have.
pub const MAX_ENTRY_BYTES: usize = 65_535;

/// Joins entries; `None` if one is longer than [`MAX_ENTRY_BYTES`].
pub fn encode(entries: &[impl AsRef<[u8]>]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    entries.iter().try_for_each(|entry| push(&mut out, entry.as_ref()))?;
    Some(out)
}

/// Writes the next entry of a bundle; `None`, and nothing is written, if it is longer than [`MAX_ENTRY_BYTES`].
pub fn push(bundle: &mut Vec<u8>, entry: &[u8]) -> Option<()> {
    bundle.extend(u16::try_from(entry.len()).ok()?.to_be_bytes());
    bundle.extend(entry);
    Some(())
}

/// Why bytes are not an entry bundle.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EntryBundleError {
    /// The bytes end inside an entry or its length.
    #[error("the entry bundle ends inside entry {0}")]
    Truncated(usize),
    /// No entry, or more than 256.
    #[error("an entry bundle has 1 to 256 entries")]
    Count,
}

/// Splits an entry bundle.
///
/// # Errors
/// [`EntryBundleError`].
pub fn parse(bytes: &[u8]) -> Result<Vec<&[u8]>, EntryBundleError> {
    entries(bytes).collect()
}

/// The entries of a bundle, each as it is come to: whoever hashes it then has read the bytes before the next one's length.
///
/// Shapes: at most 256 entries, then perhaps an error, the last.
pub fn entries(bytes: &[u8]) -> impl Iterator<Item = Result<&[u8], EntryBundleError>> {
    let (mut rest, mut number, mut ended) = (bytes, 0_usize, false);
    core::iter::from_fn(move || {
        if ended || (rest.is_empty() && number > 0) {
            return None;
        }
        let entry = match number {
            0 if rest.is_empty() => Err(EntryBundleError::Count),
            256.. => Err(EntryBundleError::Count),
            _ => take(&mut rest).ok_or(EntryBundleError::Truncated(number)),
        };
        (number, ended) = (number.saturating_add(1), entry.is_err());
        Some(entry)
    })
}

fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk()?;
    let (entry, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    *rest = after;
    Some(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused() {
        assert_eq!(parse(b""), Err(EntryBundleError::Count));
        assert_eq!(parse(b"\0"), Err(EntryBundleError::Truncated(0)));
        assert_eq!(parse(b"\0\0\0\x02a"), Err(EntryBundleError::Truncated(1)));
        assert_eq!(parse(&[0; 512]).map(|entries| entries.len()), Ok(256));
        assert_eq!(parse(&[0; 514]), Err(EntryBundleError::Count));
        assert_eq!(entries(&[0; 514]).filter(Result::is_ok).count(), 256);
        assert_eq!(entries(b"\0\0\0\x02a").collect::<Vec<_>>(), [Ok(&b""[..]), Err(EntryBundleError::Truncated(1))]);
        assert_eq!(encode(&[alloc::vec![0; 65_536]]), None);
    }
}
