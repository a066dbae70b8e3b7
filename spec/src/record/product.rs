//! Products: canonical package-urls without version.

use super::MAX_NAME_BYTES;
use alloc::{string::String, vec::Vec};
use core::fmt;

/// The most segments of a namespace, the package-url's type counted as one.
pub const MAX_NAMESPACE_SEGMENTS: usize = 8;

/// A product: a canonical package-url without version, qualifiers and subpath. Compared as bytes.
///
/// Spec: <https://github.com/package-url/purl-spec/blob/main/docs/standard/specification.md>
///
/// Shapes: `pkg:` ‖ type ‖ one or more of `/` ‖ segment, at most [`MAX_NAME_BYTES`]. The type is `[a-z][a-z0-9.-]*`. A
/// segment is not empty, not `.`, not `..`; letters, digits and `.-_~:` stand for themselves, every other byte of its UTF-8
/// as `%` and two upper-case hex digits, except a slash and control characters, which it cannot have.
/// What a type asks for beyond that, such as lower-case names, is the vendor's to follow.
///
/// ```
/// use spec::record::Product;
///
/// let product = Product::parse("pkg:npm/%40acme/shield").unwrap();
/// assert_eq!(product.prefixes().collect::<Vec<_>>(), ["pkg:npm/", "pkg:npm/%40acme/"]);
/// assert!(product.in_namespace("pkg:npm/%40acme/"));
/// assert!(!product.in_namespace("pkg:npm/%40a"));
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Product(String);

impl Product {
    /// Reads the canonical form.
    ///
    /// # Errors
    /// [`ProductError`], for the first rule broken from left to right, the length first.
    pub fn parse(text: &str) -> Result<Self, ProductError> {
        if text.len() > MAX_NAME_BYTES {
            return Err(ProductError::Long { have_bytes: text.len() });
        }
        let path = text.strip_prefix("pkg:").ok_or(ProductError::Scheme)?;
        match segments(path)? {
            0 | 1 => Err(ProductError::NoName),
            _ => Ok(Self(text.into())),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The namespaces that would contain it, shortest first: every proper prefix that ends in a slash, up to
    /// [`MAX_NAMESPACE_SEGMENTS`] segments.
    pub fn prefixes(&self) -> impl Iterator<Item = &str> {
        prefixes(&self.0)
    }

    /// Whether it is in the namespace: a prefix that ends in a slash.
    pub fn in_namespace(&self, namespace: &str) -> bool {
        self.prefixes().any(|prefix| prefix == namespace)
    }
}

impl fmt::Display for Product {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Why a text is not a product.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ProductError {
    /// It is too long.
    #[error("it has {have_bytes} bytes, at most 255 are allowed")]
    Long {
        /// Its bytes.
        have_bytes: usize,
    },
    /// Another scheme, or in upper case.
    #[error("it does not begin with pkg:")]
    Scheme,
    /// The type has another form.
    #[error("its type is not of the form [a-z][a-z0-9.-]*")]
    Type,
    /// A type alone.
    #[error("it has no name")]
    NoName,
    /// Two slashes in a row, or one at the end.
    #[error("it has an empty segment")]
    EmptySegment,
    /// A segment `.` or `..`.
    #[error("it has a segment that is . or ..")]
    DotSegment,
    /// A version.
    #[error("it has a version: a record names that beside the product")]
    Version,
    /// Qualifiers.
    #[error("it has qualifiers")]
    Qualifiers,
    /// A subpath.
    #[error("it has a subpath")]
    Subpath,
    /// A percent sign without two upper-case hex digits, or before a character that stands for itself.
    #[error("it has a percent-encoding that is not the canonical one")]
    Escape,
    /// An escaped slash.
    #[error("it has an escaped slash")]
    Slash,
    /// A character that must be escaped.
    #[error("it has {found:?}, which must be percent-encoded")]
    Character {
        /// The character.
        found: char,
    },
    /// Escapes that are not UTF-8, or a control character.
    #[error("it has a segment that is not UTF-8 or has a control character")]
    Text,
}

/// Checks `type/segment/segment` and counts its parts, the type included.
pub(crate) fn segments(path: &str) -> Result<usize, ProductError> {
    let mut parts = path.split('/');
    let name = parts.next().unwrap_or_default().as_bytes();
    let letters = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-');
    if !name.first().is_some_and(u8::is_ascii_lowercase) || !name.iter().all(letters) {
        return Err(ProductError::Type);
    }
    let mut count = 1_usize;
    for part in parts {
        segment(part)?;
        count = count.saturating_add(1);
    }
    Ok(count)
}

fn segment(text: &str) -> Result<(), ProductError> {
    if text.is_empty() {
        return Err(ProductError::EmptySegment);
    }
    if matches!(text, "." | "..") {
        return Err(ProductError::DotSegment);
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        decoded.push(match letter {
            '%' => escaped(letters.next(), letters.next())?,
            '@' => return Err(ProductError::Version),
            '?' => return Err(ProductError::Qualifiers),
            '#' => return Err(ProductError::Subpath),
            found => match u8::try_from(found) {
                Ok(byte) if stands_for_itself(byte) => byte,
                _ => return Err(ProductError::Character { found }),
            },
        });
    }
    let decoded = core::str::from_utf8(&decoded).map_err(|_| ProductError::Text)?;
    if decoded.chars().any(char::is_control) {
        return Err(ProductError::Text);
    }
    Ok(())
}

fn escaped(high: Option<char>, low: Option<char>) -> Result<u8, ProductError> {
    let digit = |digit: Option<char>| {
        let digit = digit.filter(|digit| matches!(digit, '0'..='9' | 'A'..='F'))?;
        u8::try_from(digit.to_digit(16)?).ok()
    };
    let (Some(high), Some(low)) = (digit(high), digit(low)) else { return Err(ProductError::Escape) };
    match (high << 4) | low {
        b'/' => Err(ProductError::Slash),
        byte if stands_for_itself(byte) => Err(ProductError::Escape),
        byte => Ok(byte),
    }
}

fn stands_for_itself(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'~' | b':')
}

/// The proper prefixes of a package-url or package-url namespace that end in a slash, shortest first.
pub(crate) fn prefixes(text: &str) -> impl Iterator<Item = &str> {
    let ends = text.match_indices('/').map(|(at, _)| at.saturating_add(1));
    ends.filter(|end| *end < text.len()).take(MAX_NAMESPACE_SEGMENTS).filter_map(|end| text.get(..end))
}
