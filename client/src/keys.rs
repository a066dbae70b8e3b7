//! Record keys: what signs records, in files that OpenSSL reads too, or in a token that never lets them out.
//!
//! Spec: [RFC 5208](https://www.rfc-editor.org/rfc/rfc5208) and, for what stands in it, [RFC 8410](https://www.rfc-editor.org/rfc/rfc8410)
//! (Ed25519), [RFC 5915](https://www.rfc-editor.org/rfc/rfc5915) (ECDSA P-256), [RFC 9881](https://www.rfc-editor.org/rfc/rfc9881)
//! (ML-DSA-44).
//!
//! | file | form | mode |
//! |---|---|---|
//! | `NAME` | secret: PKCS#8 version 1, PEM, `-----BEGIN PRIVATE KEY-----` | 0600 |
//! | `NAME.pub` | public: SubjectPublicKeyInfo, PEM, `-----BEGIN PUBLIC KEY-----` | 0644 |
//!
//! Version 1, without the public key, is written because OpenSSL 3.0 refuses version 2; both are read. An ML-DSA-44 key is
//! written as its seed; read are the seed alone, and seed and expanded key, as OpenSSL 3.5 writes them.
//!
//! A key in a token is named by a PKCS #11 URI, `pkcs11:token=acme;object=release?module-path=…`, where a file could be named.
//!
//! ```
//! use glarus::keys::{self, SecretKey};
//! use spec::authority::Algorithm;
//!
//! let key = SecretKey::from_random(Algorithm::MlDsa44, [7; 32])?;
//! let again = SecretKey::from_pem(&key.to_pem()?)?;
//! let public = keys::public_from_pem(&keys::public_to_pem(key.public())?)?;
//! assert_eq!((again.keyid(), public.keyid()), (key.keyid(), key.keyid()));
//! # Ok::<(), keys::KeyFormError>(())
//! ```

#[cfg(feature = "token")]
pub mod token;
#[cfg(feature = "token")]
pub mod uri;

use crate::files::{self, FileError};
use p256::pkcs8::EncodePrivateKey as _;
use pkcs8::der::asn1::OctetStringRef;
use pkcs8::der::zeroize::Zeroizing;
use pkcs8::der::{Decode as _, Document, SecretDocument};
use pkcs8::{AlgorithmIdentifierRef, LineEnding, ObjectIdentifier, PrivateKeyInfoRef, SubjectPublicKeyInfoRef};
use spec::authority::{self, Algorithm, KeyError, PublicKey};
use spec::record::{self, Digest};
use std::fmt;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ML_DSA_44: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.17");
/// What stands before the point in the SubjectPublicKeyInfo of a P-256 key, see [`PublicKey`].
#[cfg(feature = "token")]
const P256_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// An OCTET STRING of the 2,560 bytes of an expanded ML-DSA-44 key.
const ML_DSA_44_EXPANDED: [u8; 4] = [0x04, 0x82, 0x0a, 0x00];
/// A SEQUENCE of an OCTET STRING of 32 bytes and one of 2,560.
const ML_DSA_44_BOTH: [u8; 6] = [0x30, 0x82, 0x0a, 0x26, 0x04, 0x20];
const SECRET_LABEL: &str = "PRIVATE KEY";
const PUBLIC_LABEL: &str = "PUBLIC KEY";
const NO_PEM: &str = "no PEM, whose first line is -----BEGIN ... KEY-----";
/// No key file is longer: the longest is an ML-DSA-44 key with its expanded form, 3.6 kB in PEM.
const MAX_KEY_FILE_BYTES: usize = 8192;

/// Why a text is not a key.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyFormError {
    /// Not PEM, or not the DER that its label promises.
    #[error("not a key: {0}")]
    Form(String),
    /// PEM of something else.
    #[error("this is a PEM file of a {have}, a {need} is needed")]
    Label {
        /// What it says to be.
        have: String,
        /// What it should be.
        need: &'static str,
    },
    /// Another algorithm.
    #[error("the key's algorithm is {0}; records are signed with Ed25519, ECDSA P-256 and ML-DSA-44")]
    Algorithm(String),
    /// An ML-DSA-44 key in a form from which it cannot be written again.
    #[error("the ML-DSA-44 key comes without its seed; write it as the seed, `seed-only` in openssl's words")]
    NoSeed,
    /// Random bytes that make no key.
    #[error("these 32 bytes make no key for {0}; take others")]
    Random(Algorithm),
    /// A public key that nobody may use.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Why a key file is not read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// Others than its owner may read a secret key.
    #[error("{}: mode {mode:04o} lets others read this secret key; chmod 600 it", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// What it holds is no key.
    #[error("{}: {cause}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// Why not.
        cause: KeyFormError,
    },
    /// A token does not give it.
    #[cfg(feature = "token")]
    #[error(transparent)]
    Token(#[from] token::TokenError),
}

/// Why a key does not sign.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SignError {
    /// The operating system gives no randomness, without which nothing is signed with ML-DSA-44.
    #[error("the operating system gives no randomness, so nothing is signed")]
    Randomness,
    /// What it made does not verify: a fault of the machine or of the token.
    #[error("the signature that {0} made does not verify; nothing is signed with it")]
    Broken(Digest),
    /// The token does not sign.
    #[cfg(feature = "token")]
    #[error(transparent)]
    Token(#[from] token::TokenError),
}

/// A key that signs records, in a file or a token; wiped from memory when dropped, and its debug form shows only the keyid.
pub struct SecretKey {
    secret: Secret,
    public: PublicKey,
}

enum Secret {
    /// Of a file: the 32 bytes that it is made of, and what signs.
    File(Zeroizing<[u8; 32]>, Box<authority::SecretKey>),
    #[cfg(feature = "token")]
    Token(token::Token),
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SecretKey({})", self.keyid())
    }
}

impl SecretKey {
    /// Makes the Ed25519 key of 32 random bytes.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self::from_random(Algorithm::Ed25519, seed).expect("every seed makes an Ed25519 key")
    }

    /// Makes a key of 32 random bytes: the seed for Ed25519 and ML-DSA-44, the scalar for P-256.
    ///
    /// # Errors
    /// [`KeyFormError::Random`] for one in 2^32 scalars.
    pub fn from_random(algorithm: Algorithm, bytes: [u8; 32]) -> Result<Self, KeyFormError> {
        let bytes = Zeroizing::new(bytes);
        let secret = authority::SecretKey::from_seed(algorithm, &bytes).ok_or(KeyFormError::Random(algorithm))?;
        let public = secret.public().clone();
        Ok(Self { secret: Secret::File(bytes, Box::new(secret)), public })
    }

    #[cfg(feature = "token")]
    fn from_token(token: token::Token, public: PublicKey) -> Self {
        Self { secret: Secret::Token(token), public }
    }

    /// Reads PKCS#8, version 1 or 2.
    ///
    /// # Errors
    /// [`KeyFormError`].
    pub fn from_pem(pem: &str) -> Result<Self, KeyFormError> {
        let (label, der) = SecretDocument::from_pem(pem).map_err(|_| form(NO_PEM))?;
        expect_label(label, SECRET_LABEL)?;
        let info: PrivateKeyInfoRef<'_> = der.decode_msg().map_err(form)?;
        let inner = info.private_key.as_bytes();
        let (algorithm, bytes) = match info.algorithm.oid {
            ED25519 => (Algorithm::Ed25519, <&OctetStringRef>::from_der(inner).map_err(form)?.as_bytes()),
            ML_DSA_44 => (Algorithm::MlDsa44, ml_dsa_seed(inner)?),
            EC_PUBLIC_KEY => {
                let scalar = p256::SecretKey::try_from(info).map_err(form)?.to_bytes();
                return Self::from_random(Algorithm::EcdsaP256Sha256, scalar.into());
            }
            other => return Err(KeyFormError::Algorithm(other.to_string())),
        };
        Self::from_random(algorithm, <[u8; 32]>::try_from(bytes).map_err(form)?)
    }

    /// Writes PKCS#8 version 1; a secret.
    ///
    /// # Errors
    /// [`KeyFormError::Form`] of a key in a token, which never leaves it.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, KeyFormError> {
        let bytes = match &self.secret {
            Secret::File(bytes, _) => bytes,
            #[cfg(feature = "token")]
            Secret::Token(_) => return Err(form("it is in a token, and stays there")),
        };
        // The key within the key: an OCTET STRING of 32 bytes, or one with the context-specific tag 0.
        let (oid, tag) = match self.public.algorithm {
            Algorithm::Ed25519 => (ED25519, 0x04),
            Algorithm::MlDsa44 => (ML_DSA_44, 0x80),
            Algorithm::EcdsaP256Sha256 => {
                let secret = p256::SecretKey::from_slice(bytes.as_slice()).map_err(form)?;
                return secret.to_pkcs8_pem(LineEnding::LF).map_err(form);
            }
        };
        let nested = Zeroizing::new([[tag, 0x20].as_slice(), bytes.as_slice()].concat());
        let algorithm = AlgorithmIdentifierRef { oid, parameters: None };
        let info = PrivateKeyInfoRef::new(algorithm, OctetStringRef::new(&nested).map_err(form)?);
        SecretDocument::encode_msg(&info).and_then(|der| der.to_pem(SECRET_LABEL, LineEnding::LF)).map_err(form)
    }

    /// The public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The name of the key in records.
    pub fn keyid(&self) -> Digest {
        self.public.keyid()
    }

    /// Signs the payload of a record: the keyid, and the signature over its [`record::pae`].
    ///
    /// # Errors
    /// [`SignError`]; a signature that does not verify is never returned.
    pub fn sign(&self, payload: &[u8]) -> Result<(Digest, Vec<u8>), SignError> {
        let message = record::pae(payload);
        let sig = match &self.secret {
            Secret::File(_, secret) => {
                let mut randomness = [0; 32];
                getrandom::fill(&mut randomness).map_err(|_| SignError::Randomness)?;
                secret.sign(&message, &randomness)
            }
            #[cfg(feature = "token")]
            Secret::Token(token) => token.sign(&message)?,
        };
        match self.public.verify(&message, &sig) {
            true => Ok((self.keyid(), sig)),
            false => Err(SignError::Broken(self.keyid())),
        }
    }
}

/// The seed in RFC 9881's choice, whose lengths are fixed: the seed, the expanded key, or both.
///
/// Of both the seed is taken, from which the expanded key is made anew; if that was another, the keyid is another too.
fn ml_dsa_seed(choice: &[u8]) -> Result<&[u8], KeyFormError> {
    if choice.starts_with(&ML_DSA_44_EXPANDED) {
        return Err(KeyFormError::NoSeed);
    }
    if let Some(seed) = choice.strip_prefix(&[0x80, 0x20]) {
        return Ok(seed);
    }
    let both = choice.strip_prefix(&ML_DSA_44_BOTH).and_then(|both| both.split_at_checked(32));
    let expanded_bytes = 2_560;
    match both.and_then(|(seed, rest)| Some((seed, rest.strip_prefix(&ML_DSA_44_EXPANDED)?))) {
        Some((seed, expanded)) if expanded.len() == expanded_bytes => Ok(seed),
        _ => Err(form("an ML-DSA-44 key in none of RFC 9881's forms")),
    }
}

/// The P-256 key of an uncompressed point.
#[cfg(feature = "token")]
fn public_of_point(point: &[u8]) -> Result<PublicKey, KeyError> {
    PublicKey::from_spki(Algorithm::EcdsaP256Sha256, &[P256_PREFIX.as_slice(), point].concat())
}

/// Reads a SubjectPublicKeyInfo.
///
/// # Errors
/// [`KeyFormError`].
pub fn public_from_pem(pem: &str) -> Result<PublicKey, KeyFormError> {
    let (label, der) = Document::from_pem(pem).map_err(|_| form(NO_PEM))?;
    expect_label(label, PUBLIC_LABEL)?;
    let info: SubjectPublicKeyInfoRef<'_> = der.decode_msg().map_err(form)?;
    let algorithm = match info.algorithm.oid {
        ED25519 => Algorithm::Ed25519,
        EC_PUBLIC_KEY => Algorithm::EcdsaP256Sha256,
        ML_DSA_44 => Algorithm::MlDsa44,
        other => return Err(KeyFormError::Algorithm(other.to_string())),
    };
    Ok(PublicKey::from_spki(algorithm, der.as_bytes())?)
}

/// Writes a SubjectPublicKeyInfo.
///
/// # Errors
/// [`KeyFormError::Form`], which does not happen.
pub fn public_to_pem(key: &PublicKey) -> Result<String, KeyFormError> {
    let der = Document::try_from(key.spki()).map_err(form)?;
    der.to_pem(PUBLIC_LABEL, LineEnding::LF).map_err(form)
}

fn form(error: impl fmt::Display) -> KeyFormError {
    KeyFormError::Form(error.to_string())
}

fn expect_label(have: &str, need: &'static str) -> Result<(), KeyFormError> {
    let words = |label: &str| label.to_lowercase();
    match have == need {
        true => Ok(()),
        false => Err(KeyFormError::Label {
            have: words(have),
            need: if need == SECRET_LABEL { "private key" } else { "public key" },
        }),
    }
}

/// The path of a key's public half.
pub fn public_path(path: &Path) -> PathBuf {
    files::beside(path, ".pub")
}

/// Writes `path`, secret, and `path.pub`, public; overwrites neither.
///
/// # Errors
/// [`FileError::Exists`] before anything is written if either is there; [`FileError::Io`].
pub fn write_pair(path: &Path, key: &SecretKey) -> Result<(), KeyFileError> {
    let public = public_path(path);
    if let Some(there) = [path, &public].into_iter().find(|path| path.exists()) {
        return Err(FileError::Exists(there.into()).into());
    }
    let at = |path: &Path| {
        let path = path.into();
        move |cause| KeyFileError::Form { path, cause }
    };
    files::create_new(path, key.to_pem().map_err(at(path))?.as_bytes(), 0o600)?;
    files::create_new(&public, public_to_pem(key.public()).map_err(at(&public))?.as_bytes(), 0o644)?;
    Ok(())
}

/// Opens what a command line names as a key: a file, or, where it begins with `pkcs11:`, a key in a token.
///
/// `pin` is the token's PIN, where its URI has no `pin-source`.
///
/// # Errors
/// [`KeyFileError`].
#[cfg(feature = "token")]
pub fn open(argument: &str, pin: Option<&str>) -> Result<SecretKey, KeyFileError> {
    if uri::is_uri(argument) {
        let (token, public) = token::open(argument, pin)?;
        return Ok(SecretKey::from_token(token, public));
    }
    read_secret(Path::new(argument))
}

/// Reads a secret key; refuses a file that group or others may read.
///
/// # Errors
/// [`KeyFileError`].
pub fn read_secret(path: &Path) -> Result<SecretKey, KeyFileError> {
    let pem = read_text(path)?;
    let metadata = std::fs::metadata(path);
    let mode = metadata.map_or(0, |metadata| metadata.permissions().mode() & 0o7777);
    // A public key may be read by all: that it is public is what is wrong with it here.
    let public = public_from_pem(&pem).is_ok();
    if !public && mode & 0o077 != 0 {
        return Err(KeyFileError::Open { path: path.into(), mode });
    }
    SecretKey::from_pem(&pem).map_err(|cause| KeyFileError::Form { path: path.into(), cause })
}

/// Reads a public key.
///
/// # Errors
/// [`KeyFileError`].
pub fn read_public(path: &Path) -> Result<PublicKey, KeyFileError> {
    public_from_pem(&read_text(path)?).map_err(|cause| KeyFileError::Form { path: path.into(), cause })
}

fn read_text(path: &Path) -> Result<Zeroizing<String>, KeyFileError> {
    let bytes = Zeroizing::new(files::read(path, MAX_KEY_FILE_BYTES)?);
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.into())),
        Err(error) => Err(KeyFileError::Form { path: path.into(), cause: form(error) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;

    #[test]
    fn a_pair_is_written_once_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("update");
        let key = SecretKey::from_seed([3; 32]);
        write_pair(&path, &key).unwrap();
        assert_eq!(read_secret(&path).unwrap().keyid(), key.keyid());
        assert_eq!(read_public(&public_path(&path)).unwrap(), *key.public());
        assert_eq!(write_pair(&path, &key), Err(FileError::Exists(path.clone()).into()));
        std::fs::remove_file(&path).unwrap();
        assert_eq!(write_pair(&path, &key), Err(FileError::Exists(public_path(&path)).into()));
        assert!(!path.exists(), "no half of a pair is written");
    }

    #[test]
    fn a_public_key_is_not_taken_for_a_secret_one_that_others_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("update");
        write_pair(&path, &SecretKey::from_seed([3; 32])).unwrap();
        let text = read_secret(&public_path(&path)).unwrap_err().to_string();
        assert!(text.ends_with("this is a PEM file of a public key, a private key is needed"), "{text}");
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let text = read_secret(&path).unwrap_err().to_string();
        assert!(text.contains("mode 0644 lets others read this secret key"), "{text}");
    }

    #[test]
    fn what_is_no_key_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("update");
        write_pair(&path, &SecretKey::from_seed([3; 32])).unwrap();
        let label = |have: &str, need| KeyFormError::Label { have: have.into(), need };
        let error = read_public(&path).unwrap_err();
        assert_eq!(error, KeyFileError::Form { path: path.clone(), cause: label("private key", "public key") });
        std::fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        assert_eq!(read_secret(&path).unwrap_err(), KeyFileError::Open { path: path.clone(), mode: 0o640 });
        let p384 = "-----BEGIN PUBLIC KEY-----\nMHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEvOIBfbK0OCK8HqmBQ0ZX7PRjyjhNVaAz\nUHWTzoiKWTkR5nQDgQzgbMU2jSCa7kKvbzkFWBbmYLjRrcVkGHnTtvvVoPdmoFaz\nl1zpHIYtC4KEdLGmV4qkRVwEEU9LGQxE\n-----END PUBLIC KEY-----\n";
        assert!(matches!(public_from_pem(p384), Err(KeyFormError::Key(KeyError::Form { .. }))));
    }

    #[test]
    fn every_algorithm_signs_and_reads_back() {
        for algorithm in Algorithm::ALL {
            let key = SecretKey::from_random(algorithm, [3; 32]).unwrap();
            let again = SecretKey::from_pem(&key.to_pem().unwrap()).unwrap();
            assert_eq!((key.public().algorithm, again.keyid()), (algorithm, key.keyid()));
            assert_eq!(public_from_pem(&public_to_pem(key.public()).unwrap()).as_ref(), Ok(key.public()));
            let (keyid, sig) = again.sign(b"{}").unwrap();
            assert_eq!(keyid, key.keyid());
            assert!(key.public().verify(&record::pae(b"{}"), &sig));
            assert!(!key.public().verify(&record::pae(b"[]"), &sig));
        }
        let none = SecretKey::from_random(Algorithm::EcdsaP256Sha256, [0xff; 32]);
        assert_eq!(none.unwrap_err(), KeyFormError::Random(Algorithm::EcdsaP256Sha256));
    }

    #[test]
    fn an_ml_dsa_key_needs_its_seed() {
        let expanded = [ML_DSA_44_EXPANDED.as_slice(), &[7; 2560]].concat();
        let both = [ML_DSA_44_BOTH.as_slice(), &[3; 32], &expanded].concat();
        assert_eq!(both.len(), 4 + 0x0a26);
        assert_eq!(ml_dsa_seed(&both), Ok([3; 32].as_slice()));
        assert_eq!(ml_dsa_seed(&expanded), Err(KeyFormError::NoSeed));
        for at in 2..both.len() {
            assert!(ml_dsa_seed(&both[..at]).is_err(), "cut at {at}");
        }
        for at in (0..6).chain(38..42) {
            let mut other = both.clone();
            other[at] ^= 1;
            assert!(ml_dsa_seed(&other).is_err(), "byte {at}");
        }
    }

    #[test]
    fn signatures_are_the_specifications() {
        let key = SecretKey::from_seed([3; 32]);
        let (keyid, sig) = key.sign(b"{}").unwrap();
        assert!(key.public().verify(&record::pae(b"{}"), &sig));
        assert_eq!(format!("{key:?}"), format!("SecretKey({keyid})"));
    }
}
