//! Keys that never leave their token: PKCS #11.
//!
//! Spec: [PKCS #11 v2.40](https://docs.oasis-open.org/pkcs11/pkcs11-base/v2.40/os/pkcs11-base-v2.40-os.html), CKM_ECDSA and
//! CKM_EDDSA.
//!
//! The token makes an ECDSA signature over the SHA-256 that is computed here, and answers with r ‖ s; that becomes DER with
//! low s, the form that records have. Ed25519 it signs whole, where it can.

use super::public_of_point;
use super::uri::{Uri, UriError};
use crate::files::{self, FileError};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use p256::ecdsa::Signature;
use pkcs8::der::Decode as _;
use pkcs8::der::asn1::OctetStringRef;
use pkcs8::der::zeroize::Zeroizing;
use sha2::{Digest as _, Sha256};
use spec::authority::{Algorithm, KeyError, PublicKey};
use std::path::Path;

/// No PIN is longer.
const MAX_PIN_BYTES: usize = 256;

/// Why a token gives no key, or no signature.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TokenError {
    /// The URI names no key.
    #[error("the PKCS #11 URI is wrong: {0}")]
    Uri(#[from] UriError),
    /// The file with the PIN is not read.
    #[error("the PIN: {0}")]
    Pin(#[from] FileError),
    /// The file with the PIN is not text.
    #[error("the PIN in {0} is not text")]
    PinForm(String),
    /// The token wants a PIN, and nothing gives it.
    #[error("the token {0:?} needs a PIN: add pin-source=file:FILE to the URI, or set GLARUS_PIN")]
    NoPin(String),
    /// The library is not there, or is none.
    #[error("the library {path}: {cause}")]
    Module {
        /// Where it should be.
        path: String,
        /// What is wrong.
        cause: String,
    },
    /// None, or several, where one is needed.
    #[error("{have} {what} answer to the URI, one is needed; there are: {there}")]
    Choice {
        /// Tokens, or keys in the token.
        what: &'static str,
        /// How many.
        have: usize,
        /// What is there, by name.
        there: String,
    },
    /// A key of another algorithm.
    #[error("the key in the token is neither for ECDSA with P-256 nor for Ed25519: {0}")]
    Algorithm(String),
    /// The token does not tell the public half.
    #[error("the token does not tell the public half of the key: no public key with the same id is there")]
    NoPublic,
    /// A public key that nobody may use.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The token or its library refuses.
    #[error("the token refuses to {what}: {cause}")]
    Refused {
        /// What was asked for.
        what: &'static str,
        /// What it says.
        cause: String,
    },
}

fn refused(what: &'static str) -> impl Fn(Error) -> TokenError {
    move |error| TokenError::Refused { what, cause: words(&error) }
}

/// The library's own words are paragraphs; the names of its errors are known to whoever has a token.
fn words(error: &Error) -> String {
    match error {
        Error::Pkcs11(RvError::PinIncorrect, _) => "the PIN is wrong".into(),
        Error::Pkcs11(RvError::PinLocked, _) => "the PIN is locked".into(),
        Error::Pkcs11(code, function) => format!("{code:?} of C_{function:?}"),
        other => other.to_string(),
    }
}

/// A key in a token, its session open.
pub struct Token {
    session: Session,
    key: ObjectHandle,
    algorithm: Algorithm,
}

/// Opens the key that a URI names; `pin` is used where the URI has no `pin-source`.
///
/// # Errors
/// [`TokenError`].
pub fn open(uri: &str, pin: Option<&str>) -> Result<(Token, PublicKey), TokenError> {
    let uri = Uri::parse(uri)?;
    let context = load(&uri.module_path)?;
    let (slot, label, login) = choose_slot(&context, &uri)?;
    let session = context.open_ro_session(slot).map_err(refused("open a session"))?;
    if login {
        let pin = pin_of(&uri, pin)?.ok_or(TokenError::NoPin(label))?;
        match session.login(UserType::User, Some(&AuthPin::new(pin.as_str().into()))) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {}
            Err(error) => return Err(refused("log in")(error)),
        }
    }
    let key = choose_key(&session, &uri)?;
    let (algorithm, public) = public_half(&session, key)?;
    Ok((Token { session, key, algorithm }, public))
}

fn load(path: &str) -> Result<Pkcs11, TokenError> {
    let module = |error: Error| TokenError::Module { path: path.into(), cause: words(&error) };
    let context = Pkcs11::new(path).map_err(module)?;
    match context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        // Another key of this process is in a token of the same library.
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(context),
        Err(error) => Err(module(error)),
    }
}

/// The one slot whose token answers to the URI, the token's label, and whether it wants a PIN.
fn choose_slot(context: &Pkcs11, uri: &Uri) -> Result<(Slot, String, bool), TokenError> {
    let refused = refused("list tokens");
    let (mut found, mut there) = (Vec::new(), Vec::new());
    for slot in context.get_slots_with_initialized_token().map_err(&refused)? {
        let info = context.get_token_info(slot).map_err(&refused)?;
        there.push(format!("token={};serial={}", info.label(), info.serial_number()));
        let is = |asked: &Option<String>, have: &str| asked.as_ref().is_none_or(|asked| asked == have);
        if is(&uri.token, info.label()) && is(&uri.serial, info.serial_number()) {
            found.push((slot, info.label().to_string(), info.login_required()));
        }
    }
    one("tokens", found, there)
}

fn choose_key(session: &Session, uri: &Uri) -> Result<ObjectHandle, TokenError> {
    let refused = refused("list its keys");
    let private = Attribute::Class(ObjectClass::PRIVATE_KEY);
    let mut template = vec![private.clone()];
    template.extend(uri.object.iter().map(|label| Attribute::Label(label.as_bytes().into())));
    template.extend(uri.id.iter().map(|id| Attribute::Id(id.clone())));
    let found = session.find_objects(&template).map_err(&refused)?;
    let mut there = Vec::new();
    for key in session.find_objects(&[private]).map_err(&refused)? {
        let attributes = session.get_attributes(key, &[AttributeType::Label, AttributeType::Id]).map_err(&refused)?;
        there.push(attributes.iter().filter_map(named).collect::<Vec<_>>().join(";"));
    }
    one("keys in the token", found, there)
}

/// An attribute as it would stand in a URI.
fn named(attribute: &Attribute) -> Option<String> {
    match attribute {
        Attribute::Label(label) => Some(format!("object={}", String::from_utf8_lossy(label))),
        Attribute::Id(id) => {
            let hex: String = id.iter().map(|byte| format!("%{byte:02x}")).collect();
            Some(format!("id={hex}"))
        }
        _ => None,
    }
}

fn one<T>(what: &'static str, mut found: Vec<T>, mut there: Vec<String>) -> Result<T, TokenError> {
    there.sort();
    let there = if there.is_empty() { "none".into() } else { there.join(", ") };
    match (found.pop(), found.len()) {
        (Some(found), 0) => Ok(found),
        (None, _) => Err(TokenError::Choice { what, have: 0, there }),
        (Some(_), others) => Err(TokenError::Choice { what, have: others + 1, there }),
    }
}

/// Reads the public key beside a private one: the object with the same id, else what the private key itself tells.
fn public_half(session: &Session, key: ObjectHandle) -> Result<(Algorithm, PublicKey), TokenError> {
    let refused = refused("tell about the key");
    let attributes = session.get_attributes(key, &[AttributeType::KeyType, AttributeType::Id]).map_err(&refused)?;
    let mut template = vec![Attribute::Class(ObjectClass::PUBLIC_KEY)];
    let mut key_type = None;
    for attribute in attributes {
        match attribute {
            Attribute::KeyType(found) => key_type = Some(found),
            id => template.push(id),
        }
    }
    let publics = session.find_objects(&template).map_err(&refused)?;
    for object in publics.into_iter().chain([key]) {
        for attribute in session.get_attributes(object, &[AttributeType::EcPoint]).map_err(&refused)? {
            let Attribute::EcPoint(point) = attribute else { continue };
            return public_key(key_type, &point);
        }
    }
    Err(TokenError::NoPublic)
}

/// CKA_EC_POINT is an OCTET STRING; some tokens give what stands in it.
fn public_key(key_type: Option<KeyType>, point: &[u8]) -> Result<(Algorithm, PublicKey), TokenError> {
    let point = <&OctetStringRef>::from_der(point).map_or(point, |inner| inner.as_bytes());
    match (key_type, point.len()) {
        (Some(KeyType::EC), 65) => Ok((Algorithm::EcdsaP256Sha256, public_of_point(point)?)),
        (Some(KeyType::EC_EDWARDS), 32) => {
            let point = point.try_into().map_err(|_| TokenError::NoPublic)?;
            Ok((Algorithm::Ed25519, PublicKey::from_ed25519(point)?))
        }
        (Some(other), bytes) => Err(TokenError::Algorithm(format!("{other} with a point of {bytes} bytes"))),
        (None, _) => Err(TokenError::Algorithm("a key without a type".into())),
    }
}

fn pin_of(uri: &Uri, pin: Option<&str>) -> Result<Option<Zeroizing<String>>, TokenError> {
    let Some(path) = &uri.pin_source else { return Ok(pin.map(|pin| Zeroizing::new(pin.into()))) };
    let bytes = Zeroizing::new(files::read(Path::new(path), MAX_PIN_BYTES)?);
    let text = std::str::from_utf8(&bytes).map_err(|_| TokenError::PinForm(path.clone()))?;
    Ok(Some(Zeroizing::new(text.trim_end_matches(['\r', '\n']).into())))
}

impl Token {
    /// Signs.
    ///
    /// # Errors
    /// [`TokenError::Refused`].
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, TokenError> {
        let refused = refused("sign");
        if self.algorithm == Algorithm::Ed25519 {
            let mechanism = Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Ed25519));
            return self.session.sign(&mechanism, self.key, message).map_err(refused);
        }
        let raw = self.session.sign(&Mechanism::Ecdsa, self.key, &Sha256::digest(message)).map_err(refused)?;
        let wrong = |_| TokenError::Refused { what: "sign", cause: format!("{} bytes are no r and s", raw.len()) };
        Ok(Signature::from_slice(&raw).map_err(wrong)?.normalize_s().to_der().as_bytes().to_vec())
    }
}
