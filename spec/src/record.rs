//! To be written.

use crate::encoding;
use alloc::string::String;
use core::fmt;
use sha2::{Digest as _, Sha256};

/// A SHA-256 digest: a record's id, a keyid, a file's. Written as lower-case hex.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// Hashes bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Reads the hex form; `None` unless it is 64 lower-case hex digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        encoding::from_hex(text).map(Self)
    }

    /// Writes the hex form: 64 characters.
    pub fn to_hex(&self) -> String {
        encoding::hex(&self.0)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.to_hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}
