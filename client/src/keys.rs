//! Record keys: what signs records, in files that OpenSSL reads too.
//!
//! Spec: [RFC 5208](https://www.rfc-editor.org/rfc/rfc5208) and [RFC 8410](https://www.rfc-editor.org/rfc/rfc8410).
//!
//! | file | form | mode |
//! |---|---|---|
//! | `NAME` | secret: PKCS#8 version 1, PEM, `-----BEGIN PRIVATE KEY-----` | 0600 |
//! | `NAME.pub` | public: SubjectPublicKeyInfo, PEM, `-----BEGIN PUBLIC KEY-----` | 0644 |
//!
//! Version 1, without the public key, is written because OpenSSL 3.0 refuses version 2; both are read.
//!
//! ```
//! use glarus::keys::{self, SecretKey};
//!
//! let key = SecretKey::from_seed([7; 32]);
//! let again = SecretKey::from_pem(&key.to_pem()?)?;
//! let public = keys::public_from_pem(&keys::public_to_pem(key.public())?)?;
//! assert_eq!((again.keyid(), public.keyid()), (key.keyid(), key.keyid()));
//! # Ok::<(), keys::KeyFormError>(())
//! ```

use crate::files::{self, FileError};
use ed25519_dalek::{Signer as _, SigningKey};
use pkcs8::der::asn1::OctetStringRef;
use pkcs8::der::zeroize::Zeroizing;
use pkcs8::der::{Decode as _, Document, SecretDocument};
use pkcs8::{AlgorithmIdentifierRef, LineEnding, ObjectIdentifier, PrivateKeyInfoRef};
use spec::authority::{Algorithm, KeyError, PublicKey};
use spec::record::{self, Digest};
use std::fmt;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const SECRET_LABEL: &str = "PRIVATE KEY";
const PUBLIC_LABEL: &str = "PUBLIC KEY";
const NO_PEM: &str = "no PEM, whose first line is -----BEGIN ... KEY-----";
/// No key file is longer.
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
    #[error("the key's algorithm is {0}; records are signed with Ed25519 (1.3.101.112) so far")]
    Algorithm(String),
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
}

/// A key that signs records; wiped from memory when dropped, and its debug form shows only the keyid.
pub struct SecretKey {
    secret: SigningKey,
    public: PublicKey,
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SecretKey({})", self.keyid())
    }
}

impl SecretKey {
    /// Makes the Ed25519 key of 32 random bytes.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let secret = SigningKey::from_bytes(&seed);
        let public = PublicKey::from_ed25519(secret.verifying_key().to_bytes());
        // A public key made from a seed is a multiple of the base point by a clamped scalar, which is never weak.
        Self { secret, public: public.expect("a seed's public key is of large order") }
    }

    /// Reads PKCS#8, version 1 or 2.
    ///
    /// # Errors
    /// [`KeyFormError`].
    pub fn from_pem(pem: &str) -> Result<Self, KeyFormError> {
        let (label, der) = SecretDocument::from_pem(pem).map_err(|_| form(NO_PEM))?;
        expect_label(label, SECRET_LABEL)?;
        let info: PrivateKeyInfoRef<'_> = der.decode_msg().map_err(form)?;
        if info.algorithm.oid != ED25519 {
            return Err(KeyFormError::Algorithm(info.algorithm.oid.to_string()));
        }
        let seed = <&OctetStringRef>::from_der(info.private_key.as_bytes()).map_err(form)?;
        let seed = <[u8; 32]>::try_from(seed.as_bytes()).map_err(form)?;
        Ok(Self::from_seed(*Zeroizing::new(seed)))
    }

    /// Writes PKCS#8 version 1; a secret.
    ///
    /// # Errors
    /// [`KeyFormError::Form`], which does not happen.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, KeyFormError> {
        let seed = Zeroizing::new(self.secret.to_bytes());
        // The key within the key: an OCTET STRING of 32 bytes.
        let nested = Zeroizing::new([[0x04, 0x20].as_slice(), seed.as_slice()].concat());
        let algorithm = AlgorithmIdentifierRef { oid: ED25519, parameters: None };
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
    pub fn sign(&self, payload: &[u8]) -> (Digest, Vec<u8>) {
        (self.keyid(), self.secret.sign(&record::pae(payload)).to_bytes().to_vec())
    }
}

/// Reads a SubjectPublicKeyInfo.
///
/// # Errors
/// [`KeyFormError`].
pub fn public_from_pem(pem: &str) -> Result<PublicKey, KeyFormError> {
    let (label, der) = Document::from_pem(pem).map_err(|_| form(NO_PEM))?;
    expect_label(label, PUBLIC_LABEL)?;
    Ok(PublicKey::from_spki(Algorithm::Ed25519, der.as_bytes())?)
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
        let p256 = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt\n6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==\n-----END PUBLIC KEY-----\n";
        assert!(matches!(public_from_pem(p256), Err(KeyFormError::Key(_))));
    }

    #[test]
    fn signatures_are_the_specifications() {
        let key = SecretKey::from_seed([3; 32]);
        let (keyid, sig) = key.sign(b"{}");
        assert_eq!(keyid, key.keyid());
        assert!(key.public().verify(&record::pae(b"{}"), &sig));
        assert_eq!(format!("{key:?}"), format!("SecretKey({keyid})"));
    }
}
