//! PKCS #11 URIs: which key in which token.
//!
//! Spec: [RFC 7512](https://www.rfc-editor.org/rfc/rfc7512).
//!
//! ```
//! use glarus::keys::uri::Uri;
//!
//! let uri = Uri::parse("pkcs11:token=acme%20hsm;object=release;id=%a1?module-path=/usr/lib/libp11.so&pin-source=file:pin")?;
//! assert_eq!((uri.token.as_deref(), uri.object.as_deref()), (Some("acme hsm"), Some("release")));
//! assert_eq!((uri.id.as_deref(), uri.module_path.as_str()), (Some([0xa1].as_slice()), "/usr/lib/libp11.so"));
//! # Ok::<(), glarus::keys::uri::UriError>(())
//! ```
//!
//! Read are `token`, `serial`, `object`, `id` and `type=private` before the question mark, `module-path` (required) and
//! `pin-source` after it. Every other attribute is refused, for one that is not understood would widen the choice; so is
//! `pin-value`, for a command line is seen by every process of the machine.

use std::collections::BTreeSet;

/// A PKCS #11 URI.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Uri {
    /// The token's label.
    pub token: Option<String>,
    /// The token's serial number.
    pub serial: Option<String>,
    /// The key's label, CKA_LABEL.
    pub object: Option<String>,
    /// The key's id, CKA_ID.
    pub id: Option<Vec<u8>>,
    /// The library that speaks to the token.
    pub module_path: String,
    /// The file that holds the PIN.
    pub pin_source: Option<String>,
}

/// Why a text is not such a URI.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UriError {
    /// Another scheme.
    #[error("it does not begin with pkcs11:")]
    Scheme,
    /// Not `name=value`.
    #[error("{0:?} is not NAME=VALUE")]
    Attribute(String),
    /// An attribute that is not read here.
    #[error(
        "the attribute {0:?} is not known here; known are token, serial, object, id, type=private, module-path and pin-source"
    )]
    Unknown(String),
    /// The same attribute twice.
    #[error("the attribute {0:?} is there twice")]
    Twice(String),
    /// A value that is not percent-encoded, or not text where text is needed.
    #[error("the value {0:?} is not percent-encoded text")]
    Value(String),
    /// The PIN itself.
    #[error("pin-value would show the PIN to every process: use pin-source=file:FILE, or set GLARUS_PIN")]
    PinValue,
    /// A PIN that is to come from elsewhere than a file.
    #[error("the pin-source {0:?} is not file:FILE")]
    PinSource(String),
    /// Nothing says which library.
    #[error("it names no library that speaks to the token: add ?module-path=/usr/lib/…/libsofthsm2.so or the like")]
    NoModule,
}

/// Whether a text is meant as one.
pub fn is_uri(text: &str) -> bool {
    text.starts_with("pkcs11:")
}

impl Uri {
    /// Reads it.
    ///
    /// # Errors
    /// [`UriError`].
    pub fn parse(text: &str) -> Result<Self, UriError> {
        let rest = text.strip_prefix("pkcs11:").ok_or(UriError::Scheme)?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (mut uri, mut seen) = (Self::default(), BTreeSet::new());
        let path = path.split(';').map(|part| (part, true));
        for (part, in_path) in path.chain(query.split('&').map(|part| (part, false))) {
            if part.is_empty() {
                continue;
            }
            let (name, value) = part.split_once('=').ok_or_else(|| UriError::Attribute(part.into()))?;
            if !seen.insert(name) {
                return Err(UriError::Twice(name.into()));
            }
            uri.take(name, value, in_path)?;
        }
        match uri.module_path.is_empty() {
            true => Err(UriError::NoModule),
            false => Ok(uri),
        }
    }

    fn take(&mut self, name: &str, value: &str, in_path: bool) -> Result<(), UriError> {
        match (name, in_path) {
            ("token", true) => self.token = Some(text(value)?),
            ("serial", true) => self.serial = Some(text(value)?),
            ("object", true) => self.object = Some(text(value)?),
            ("id", true) => self.id = Some(bytes(value).ok_or_else(|| UriError::Value(value.into()))?),
            ("type", true) if value == "private" => {}
            ("module-path", false) => self.module_path = text(value)?,
            ("pin-source", false) => {
                let source = text(value)?;
                let path = source.strip_prefix("file:").ok_or_else(|| UriError::PinSource(source.clone()))?;
                // file:///etc/pin and file:/etc/pin are one path.
                self.pin_source = Some(path.strip_prefix("//").unwrap_or(path).into());
            }
            ("pin-value", _) => return Err(UriError::PinValue),
            _ => return Err(UriError::Unknown(format!("{name}={value}"))),
        }
        Ok(())
    }
}

fn text(value: &str) -> Result<String, UriError> {
    let text = bytes(value).and_then(|bytes| String::from_utf8(bytes).ok());
    text.ok_or_else(|| UriError::Value(value.into()))
}

fn bytes(value: &str) -> Option<Vec<u8>> {
    let (mut out, mut rest) = (Vec::new(), value.bytes());
    while let Some(byte) = rest.next() {
        let hex = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        out.push(match byte {
            b'%' => hex(rest.next()?)? << 4 | hex(rest.next()?)?,
            other => other,
        });
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_uri() {
        let error = |text: &str| Uri::parse(&format!("pkcs11:{text}")).unwrap_err();
        assert_eq!(Uri::parse("keys/release"), Err(UriError::Scheme));
        assert_eq!(error("token=a"), UriError::NoModule);
        assert_eq!(error("token"), UriError::Attribute("token".into()));
        assert_eq!(error("token=a;token=b?module-path=m"), UriError::Twice("token".into()));
        assert_eq!(error("token=%4?module-path=m"), UriError::Value("%4".into()));
        assert_eq!(error("token=%ff?module-path=m"), UriError::Value("%ff".into()));
        assert_eq!(error("type=public?module-path=m"), UriError::Unknown("type=public".into()));
        assert_eq!(error("slot-id=1?module-path=m"), UriError::Unknown("slot-id=1".into()));
        assert_eq!(error("module-path=m"), UriError::Unknown("module-path=m".into()));
        assert_eq!(error("?module-path=m&pin-value=1234"), UriError::PinValue);
        assert_eq!(error("?module-path=m&pin-source=|cat"), UriError::PinSource("|cat".into()));
        let uri = Uri::parse("pkcs11:id=%00%ff?module-path=m&pin-source=file:///etc/pin").unwrap();
        assert_eq!((uri.id, uri.pin_source.as_deref()), (Some(vec![0, 0xff]), Some("/etc/pin")));
    }
}
