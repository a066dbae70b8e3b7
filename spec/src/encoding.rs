//! The encodings that every text format here shares: strict base64, strict decimal, lower-case hex.
//!
//! Each has exactly one form for a value, so parsing and encoding again gives the same bytes.

use alloc::{string::String, vec::Vec};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

/// Encodes standard base64 with padding (RFC 4648 section 4).
pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Decodes standard base64; padding is required, trailing bits must be zero, white space is refused.
pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Decodes URL-safe base64 as strictly: read where DSSE allows it, never written.
pub(crate) fn from_base64_url_safe(text: &str) -> Option<Vec<u8>> {
    URL_SAFE.decode(text).ok()
}

/// Decodes base64 of exactly `N` bytes.
pub(crate) fn from_base64_array<const N: usize>(text: &str) -> Option<[u8; N]> {
    // 4 characters carry at most 3 bytes: refuse long input before decoding it.
    if text.len() > N.saturating_add(2).saturating_mul(2) {
        return None;
    }
    from_base64(text)?.try_into().ok()
}

/// Parses a decimal without sign, white space or leading zeroes ("0" itself is one).
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let canonical = text == "0" || !text.starts_with('0');
    if text.is_empty() || !canonical || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// Encodes lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    base16ct::lower::encode_string(bytes)
}

/// Decodes lower-case hex of exactly `N` bytes.
pub(crate) fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut out = [0; N];
    let decoded = base16ct::lower::decode(text, &mut out).ok()?.len();
    (decoded == N).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_form_a_value() {
        for bad in ["", "+1", "007", "00", " 1", "1 ", "-1", "1e3", "18446744073709551616", "１"] {
            assert_eq!(decimal(bad), None, "{bad:?}");
        }
        assert_eq!(decimal("0"), Some(0));
        assert_eq!(decimal("18446744073709551615"), Some(u64::MAX));
        for bad in ["AA", "AA=", "AB==", "A A=", "AA==\n", "_w==", "AAA=A"] {
            assert_eq!(from_base64(bad), None, "{bad:?}");
        }
        assert_eq!(from_base64("AA=="), Some(alloc::vec![0]));
        for bad in ["_w", "_w=", "/w==", "_x==", "-/8=", "_w==\n"] {
            assert_eq!(from_base64_url_safe(bad), None, "{bad:?}");
        }
        assert_eq!(from_base64_url_safe("_w=="), Some(alloc::vec![255]));
        assert_eq!(from_hex::<2>("00fF"), None);
        assert_eq!(from_hex::<2>("00ff"), Some([0, 255]));
        assert_eq!(hex(&[0, 255]), "00ff");
    }
}
