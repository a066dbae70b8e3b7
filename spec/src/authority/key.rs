//! Public keys of records, in the one DER form that each has.

use crate::ml_dsa;
use crate::note::strict_ed25519;
use crate::record::Digest;
use alloc::vec::Vec;
use core::fmt;
use ed25519_dalek::{Signature, VerifyingKey};

/// The signature algorithms of records: a closed list.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Algorithm {
    /// Ed25519 of RFC 8032, by the strict rule of [`PublicKey::verify`].
    Ed25519,
    /// ECDSA over P-256 with SHA-256; not supported yet.
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
    Ed25519(VerifyingKey),
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
            Algorithm::EcdsaP256Sha256 => Err(KeyError::AlgorithmNotSupported { algorithm }),
        }
    }

    /// Takes the 32 bytes of an Ed25519 key.
    ///
    /// # Errors
    /// [`KeyError::Weak`].
    pub fn from_ed25519(public: [u8; 32]) -> Result<Self, KeyError> {
        let point = strict_ed25519(&public).ok_or(KeyError::Weak)?;
        Ok(Self { algorithm: Algorithm::Ed25519, material: Material::Ed25519(point) })
    }

    /// The SubjectPublicKeyInfo in DER.
    pub fn spki(&self) -> Vec<u8> {
        match &self.material {
            Material::Ed25519(point) => [ED25519_PREFIX.as_slice(), point.as_bytes()].concat(),
            Material::MlDsa44(key) => [ML_DSA_44_PREFIX.as_slice(), key.as_bytes()].concat(),
        }
    }

    /// The keyid: the SHA-256 of the DER.
    pub fn keyid(&self) -> Digest {
        Digest::of(&self.spki())
    }

    /// Whether this key made the signature over `message`, by the one rule that all parties share. For Ed25519 that is RFC 8032
    /// without cofactor, S below the group's order, R no point of small order; for ML-DSA-44 FIPS 204, pure, empty context.
    ///
    /// Cost: 35 us, 90 us for ML-DSA-44. Never verify in batches: that accepts signatures that this refuses.
    pub fn verify(&self, message: &[u8], sig: &[u8]) -> bool {
        match &self.material {
            Material::Ed25519(point) => {
                Signature::from_slice(sig).is_ok_and(|sig| point.verify_strict(message, &sig).is_ok())
            }
            Material::MlDsa44(key) => key.verify(message, sig),
        }
    }
}

/// Why a public key cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyError {
    /// An algorithm that is named here, but not supported yet.
    #[error("the algorithm {algorithm} is not supported yet")]
    AlgorithmNotSupported {
        /// The algorithm.
        algorithm: Algorithm,
    },
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
            Self::AlgorithmNotSupported { .. } => "algorithm-not-supported",
            Self::Form { .. } => "spki",
            Self::Weak => "weak-key",
        }
    }
}
