//! Namespaces: what an authority record governs.

use crate::record::{MAX_NAME_BYTES, MAX_NAMESPACE_SEGMENTS, ProductError, prefixes, segments};
use alloc::string::String;
use core::fmt;

/// A namespace: the log itself, a set of products, or a party.
///
/// Shapes: `*`; or `pkg:` ‖ type ‖ `/`, then any number of segment ‖ `/`, in the form of a [`crate::record::Product`], at
/// most [`MAX_NAMESPACE_SEGMENTS`] with the type; or `https://` ‖ a lower-case DNS name. At most [`MAX_NAME_BYTES`] bytes.
/// A DNS name is labels of `[a-z0-9-]`, 1 to 63 bytes, no hyphen first or last, joined by dots; the last is not a number.
///
/// ```
/// use spec::authority::Namespace;
///
/// let namespace = Namespace::parse("pkg:generic/acme/").unwrap();
/// assert_eq!(namespace.prefixes().collect::<Vec<_>>(), ["pkg:generic/"]);
/// assert!(Namespace::parse("https://rebuild.example.ch").unwrap().is_party());
/// assert!(Namespace::parse("https://rebuild.example.ch/").is_err());
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Namespace(String);

impl Namespace {
    /// Reads a namespace.
    ///
    /// # Errors
    /// [`NamespaceError`], for the first rule broken, the length first.
    pub fn parse(text: &str) -> Result<Self, NamespaceError> {
        if text.len() > MAX_NAME_BYTES {
            return Err(NamespaceError::Long { have_bytes: text.len() });
        }
        if let Some(path) = text.strip_prefix("pkg:") {
            let count = segments(path.strip_suffix('/').ok_or(NamespaceError::NoSlash)?)?;
            if count > MAX_NAMESPACE_SEGMENTS {
                return Err(NamespaceError::Segments { have: count });
            }
        } else if let Some(name) = text.strip_prefix("https://") {
            if !is_dns_name(name) {
                return Err(NamespaceError::Party);
            }
        } else if text != "*" {
            return Err(NamespaceError::Kind);
        }
        Ok(Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is `*`, the log itself.
    pub fn is_root(&self) -> bool {
        self.0 == "*"
    }

    /// Whether it is a set of products.
    pub fn is_product(&self) -> bool {
        self.0.starts_with("pkg:")
    }

    /// Whether it is a party.
    pub fn is_party(&self) -> bool {
        self.0.starts_with("https://")
    }

    /// The namespaces that would contain it, shortest first: only a set of products has any.
    pub fn prefixes(&self) -> impl Iterator<Item = &str> {
        prefixes(if self.is_product() { &self.0 } else { "" })
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

fn is_dns_name(name: &str) -> bool {
    let label = |label: &str| {
        let letters = label.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        letters && (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
    };
    let number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
    name.len() <= 253 && name.split('.').all(label) && !name.rsplit('.').next().is_some_and(number)
}

/// Why a text is not a namespace.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NamespaceError {
    /// It is too long.
    #[error("it has {have_bytes} bytes, at most 255 are allowed")]
    Long {
        /// Its bytes.
        have_bytes: usize,
    },
    /// A set of products that does not end at a segment.
    #[error("it does not end in a slash")]
    NoSlash,
    /// A set of products that no canonical product can be in.
    #[error(transparent)]
    Product(#[from] ProductError),
    /// Too many segments.
    #[error("it has {have} segments, at most 8 are allowed")]
    Segments {
        /// Its segments, the type included.
        have: usize,
    },
    /// An `https://` name with more than a lower-case DNS name.
    #[error("after https:// it is not a lower-case DNS name alone")]
    Party,
    /// None of the three kinds.
    #[error("it is neither * nor does it begin with pkg: or https://")]
    Kind,
}
