//! Public keys of records, in the one DER form that each has.

use crate::record::Digest;
use crate::{ecdsa, ed25519, ml_dsa};
use alloc::{borrow::Cow, vec::Vec};
use core::fmt;
use ed25519_dalek::{Signer as _, SigningKey};

/// The signature algorithms of records: a closed list.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Algorithm {
    /// Ed25519 of RFC 8032, by the strict rule of [`PublicKey::verify`].
    Ed25519,
    /// ECDSA over P-256 with SHA-256, signatures in DER and of low s.
    EcdsaP256Sha256,
    /// ML-DSA-44 of FIPS 204, pure, with an empty context.
    MlDsa44,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ed25519, Self::EcdsaP256Sha256, Self::MlDsa44];

    /// Its name in the record.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::EcdsaP256Sha256 => "ecdsa-p256-sha256",
            Self::MlDsa44 => "ml-dsa-44",
        }
    }

    /// The algorithm with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// SEQUENCE { SEQUENCE { OID 1.3.101.112 }, BIT STRING of the key's 32 bytes }
const ED25519_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// SEQUENCE { SEQUENCE { OID 1.2.840.10045.2.1, OID 1.2.840.10045.3.1.7 }, BIT STRING of the point's 65 bytes }
const ECDSA_P256_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// SEQUENCE { SEQUENCE { OID 2.16.840.1.101.3.4.3.17 }, BIT STRING of the key's 1,312 bytes }
const ML_DSA_44_PREFIX: [u8; 22] = [
    0x30, 0x82, 0x05, 0x32, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x11, 0x03, 0x82,
    0x05, 0x21, 0x00,
];

/// A public key that can be used.
///
/// Shapes: its SubjectPublicKeyInfo in DER, which has one form a key:
///
/// | algorithm | bytes |
/// |---|---|
/// | `ed25519` | `302a300506032b6570032100` ‖ 32 bytes |
/// | `ecdsa-p256-sha256` | `3059301306072a8648ce3d020106082a8648ce3d030107034200` ‖ `04` ‖ X ‖ Y of 32 bytes each |
/// | `ml-dsa-44` | `30820532300b06096086480165030403110382052100` ‖ 1,312 bytes |
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PublicKey {
    /// The algorithm.
    pub algorithm: Algorithm,
    material: Material,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Material {
    Ed25519(ed25519::PublicKey),
    EcdsaP256Sha256(ecdsa::PublicKey),
    MlDsa44(ml_dsa::PublicKey),
}

impl PublicKey {
    /// Reads a key from its DER.
    ///
    /// # Errors
    /// [`KeyError`], in the order of its variants.
    pub fn from_spki(algorithm: Algorithm, spki: &[u8]) -> Result<Self, KeyError> {
        match algorithm {
            Algorithm::Ed25519 => {
                let public = spki.strip_prefix(&ED25519_PREFIX).and_then(|public| public.try_into().ok());
                Self::from_ed25519(public.ok_or(KeyError::Form { algorithm })?)
            }
            Algorithm::MlDsa44 => {
                let public = spki.strip_prefix(&ML_DSA_44_PREFIX).and_then(ml_dsa::PublicKey::from_bytes);
                Ok(Self { algorithm, material: Material::MlDsa44(public.ok_or(KeyError::Form { algorithm })?) })
            }
            Algorithm::EcdsaP256Sha256 => {
                let point = spki.strip_prefix(&ECDSA_P256_PREFIX).and_then(|point| point.try_into().ok());
                // The other forms of a point are forms of DER that no key has here.
                let point: [u8; ecdsa::PUBLIC_BYTES] = point.ok_or(KeyError::Form { algorithm })?;
                let uncompressed = point.first() == Some(&4);
                let key = ecdsa::PublicKey::from_bytes(point);
                let key = key.ok_or(if uncompressed { KeyError::Weak } else { KeyError::Form { algorithm } })?;
                Ok(Self { algorithm, material: Material::EcdsaP256Sha256(key) })
            }
        }
    }

    /// Takes the 32 bytes of an Ed25519 key.
    ///
    /// # Errors
    /// [`KeyError::Weak`].
    pub fn from_ed25519(public: [u8; 32]) -> Result<Self, KeyError> {
        let key = ed25519::PublicKey::from_bytes(&public).ok_or(KeyError::Weak)?;
        Ok(Self { algorithm: Algorithm::Ed25519, material: Material::Ed25519(key) })
    }

    /// The same key, prepared to verify many signatures: of Ed25519 each costs a third less from then on.
    ///
    /// Cost: 1 ms and 30 KiB, which clones share; of the other algorithms nothing.
    #[must_use]
    pub fn prepared(self) -> Self {
        match self.material {
            Material::Ed25519(key) => Self { material: Material::Ed25519(key.with_table()), ..self },
            Material::EcdsaP256Sha256(_) | Material::MlDsa44(_) => self,
        }
    }

    /// Whether [`Self::prepared`] would change anything.
    pub fn can_be_prepared(&self) -> bool {
        matches!(&self.material, Material::Ed25519(key) if !key.has_table())
    }

    /// Bytes of memory that it takes, what [`Self::prepared`] adds aside: whoever keeps many keeps a limit.
    pub fn memory_bytes(&self) -> usize {
        let heap = match &self.material {
            Material::Ed25519(_) | Material::EcdsaP256Sha256(_) => 0,
            Material::MlDsa44(_) => ml_dsa::PublicKey::HEAP_BYTES,
        };
        size_of::<Self>().saturating_add(heap)
    }

    /// The SubjectPublicKeyInfo in DER.
    pub fn spki(&self) -> Vec<u8> {
        match &self.material {
            Material::Ed25519(key) => [ED25519_PREFIX.as_slice(), key.as_bytes()].concat(),
            Material::EcdsaP256Sha256(key) => [ECDSA_P256_PREFIX.as_slice(), key.as_bytes()].concat(),
            Material::MlDsa44(key) => [ML_DSA_44_PREFIX.as_slice(), key.as_bytes()].concat(),
        }
    }

    /// The keyid: the SHA-256 of the DER.
    pub fn keyid(&self) -> Digest {
        Digest::of(&self.spki())
    }

    /// The one form that a signature by this key has in an entry: of ECDSA P-256, with which both s and n - s verify, that of
    /// low s; of the others the signature itself. `None` if it is none whatever it signs.
    ///
    /// A submission may have either form, for cosign, key management services and tokens make both.
    pub fn canonical<'a>(&self, sig: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        match &self.material {
            Material::EcdsaP256Sha256(_) => ecdsa::low(sig).map(Cow::Owned),
            Material::Ed25519(_) | Material::MlDsa44(_) => Some(Cow::Borrowed(sig)),
        }
    }

    /// Whether this key made the signature over `message`, by the one rule that all parties share. For Ed25519 that is RFC 8032
    /// without cofactor, S below the group's order, R no point of small order; for ECDSA P-256 strict DER, r and s from 1 to
    /// below the group's order, s in the lower half, which [`Self::canonical`] sees to; for ML-DSA-44 FIPS 204, pure, empty
    /// context.
    ///
    /// Cost: 35 us, 270 us for ECDSA P-256, 90 us for ML-DSA-44; of Ed25519 a third less by a [`Self::prepared`] key, and 3 us
    /// less by a [`Verifier`]. Never verify in batches, by one equation of all: that accepts signatures that this refuses.
    pub fn verify(&self, message: &[u8], sig: &[u8]) -> bool {
        match &self.material {
            Material::Ed25519(key) => key.verify(message, sig),
            Material::EcdsaP256Sha256(key) => key.verify(message, sig),
            Material::MlDsa44(key) => key.verify(message, sig),
        }
    }
}

/// Verifies many signatures, each by an equation of its own as [`PublicKey::verify`] does, and finds the same.
#[derive(Clone, Default, Debug)]
pub struct Verifier {
    ed25519: ed25519::Verifier,
    /// What was found; `None` of Ed25519, which comes last.
    found: Vec<Option<bool>>,
}

impl Verifier {
    /// Takes a signature.
    pub fn add(&mut self, key: &PublicKey, message: &[u8], sig: &[u8]) {
        self.found.push(match &key.material {
            Material::Ed25519(key) => {
                self.ed25519.add(key, message, sig);
                None
            }
            Material::EcdsaP256Sha256(_) | Material::MlDsa44(_) => Some(key.verify(message, sig)),
        });
    }

    /// Whether each was made by its key, in the order they were taken.
    pub fn finish(self) -> Vec<bool> {
        let mut ed25519 = self.ed25519.finish().into_iter();
        self.found.into_iter().map(|found| found.or_else(|| ed25519.next()).unwrap_or(false)).collect()
    }
}

/// A key that signs records; wiped from memory when dropped.
///
/// ```
/// use spec::authority::{Algorithm, SecretKey};
///
/// for algorithm in Algorithm::ALL {
///     let key = SecretKey::from_seed(algorithm, &[7; 32]).unwrap();
///     assert!(key.public().verify(b"message", &key.sign(b"message", &[0; 32])));
/// }
/// ```
#[derive(Clone)]
pub struct SecretKey {
    public: PublicKey,
    secret: Secret,
}

#[derive(Clone)]
enum Secret {
    Ed25519(SigningKey),
    EcdsaP256Sha256(ecdsa::SecretKey),
    MlDsa44(ml_dsa::SecretKey),
}

impl SecretKey {
    /// Makes the key of 32 bytes: the private key of RFC 8032, the scalar of a P-256 key, big-endian, or the xi of FIPS 204.
    ///
    /// `None` if they are none, which only a scalar can be: zero, or not below the group's order.
    pub fn from_seed(algorithm: Algorithm, seed: &[u8; 32]) -> Option<Self> {
        let (material, secret) = match algorithm {
            Algorithm::Ed25519 => {
                let secret = SigningKey::from_bytes(seed);
                (Material::Ed25519(ed25519::PublicKey::of(&secret)), Secret::Ed25519(secret))
            }
            Algorithm::EcdsaP256Sha256 => {
                let (secret, public) = ecdsa::SecretKey::from_scalar(seed)?;
                (Material::EcdsaP256Sha256(public), Secret::EcdsaP256Sha256(secret))
            }
            Algorithm::MlDsa44 => {
                let (secret, public) = ml_dsa::SecretKey::from_seed(seed);
                (Material::MlDsa44(public), Secret::MlDsa44(secret))
            }
        };
        Some(Self { public: PublicKey { algorithm, material }, secret })
    }

    /// The key that verifies what this one signs.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs `message`, for a record its [`crate::record::pae`]: 64 bytes of Ed25519, at most 72 of ECDSA P-256 (RFC 6979, DER,
    /// low s), 2,420 of ML-DSA-44.
    ///
    /// `randomness` is for ML-DSA-44 alone: 32 random bytes hedge against faults, 32 zero bytes make it deterministic.
    pub fn sign(&self, message: &[u8], randomness: &[u8; 32]) -> Vec<u8> {
        match &self.secret {
            Secret::Ed25519(secret) => secret.sign(message).to_bytes().to_vec(),
            Secret::EcdsaP256Sha256(secret) => secret.sign(message),
            Secret::MlDsa44(secret) => secret.sign(message, randomness),
        }
    }
}

/// Shows the keyid, never the secret.
impl fmt::Debug for SecretKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SecretKey({})", self.public.keyid())
    }
}

/// Why a public key cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyError {
    /// Not the one DER form of a key of this algorithm.
    #[error("spki is not the DER form of a key for {algorithm}")]
    Form {
        /// The algorithm.
        algorithm: Algorithm,
    },
    /// No point of the curve, one of small order, for which anybody can sign, or one not written in its canonical form.
    #[error("spki is no point of the curve in canonical form, or one of small order")]
    Weak,
}

impl KeyError {
    /// The name of the refusal, which never changes.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Form { .. } => "spki",
            Self::Weak => "weak-key",
        }
    }
}
