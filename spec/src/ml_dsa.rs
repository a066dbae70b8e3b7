//! ML-DSA-44 of FIPS 204 in its pure form with an empty context: the one place that names its implementation.
//!
//! Signing is hedged if the caller gives 32 random bytes; with 32 zero bytes it is FIPS 204's deterministic variant.

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::fmt;
use fips204::ml_dsa_44 as implementation;
use fips204::traits::{KeyGen as _, SerDes as _, Signer as _, Verifier as _};
use zeroize::Zeroizing;

/// Bytes of a public key.
pub(crate) const PUBLIC_BYTES: usize = 1312;
/// Bytes of a signature.
pub(crate) const SIGNATURE_BYTES: usize = 2420;

/// A public key, expanded for verification. On the heap, where clones share it, for it is 5 kB.
#[derive(Clone)]
pub(crate) struct PublicKey(Arc<Public>);

struct Public {
    bytes: [u8; PUBLIC_BYTES],
    expanded: implementation::PublicKey,
}

impl PublicKey {
    /// Bytes on the heap.
    pub(crate) const HEAP_BYTES: usize = size_of::<Public>();

    /// Reads a key; `None` if it has another length. All bytes of this length are a key.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: [u8; PUBLIC_BYTES] = bytes.try_into().ok()?;
        let expanded = implementation::PublicKey::try_from_bytes(bytes).ok()?;
        Some(Self(Arc::new(Public { bytes, expanded })))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    /// Verifies a signature over `message`.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        signature.try_into().is_ok_and(|signature| self.0.expanded.verify(message, &signature, &[]))
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.bytes == other.0.bytes
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "MlDsa44({})", crate::encoding::base64(&self.0.bytes))
    }
}

/// A secret key, expanded for signing; wiped from memory when dropped.
#[derive(Clone)]
pub(crate) struct SecretKey(Box<Secret>);

#[derive(Clone)]
struct Secret {
    seed: Zeroizing<[u8; 32]>,
    expanded: implementation::PrivateKey,
}

impl SecretKey {
    /// Makes the key pair of a seed, the xi of FIPS 204.
    pub(crate) fn from_seed(seed: &[u8; 32]) -> (Self, PublicKey) {
        let (public, secret) = implementation::KG::keygen_from_seed(seed);
        let public = Public { bytes: public.clone().into_bytes(), expanded: public };
        let secret = Secret { seed: Zeroizing::new(*seed), expanded: secret };
        (Self(Box::new(secret)), PublicKey(Arc::new(public)))
    }

    pub(crate) fn seed(&self) -> &[u8; 32] {
        &self.0.seed
    }

    /// Signs `message`: [`SIGNATURE_BYTES`].
    pub(crate) fn sign(&self, message: &[u8], randomness: &[u8; 32]) -> Vec<u8> {
        // The one error is a context of more than 255 bytes; what is empty verifies nowhere.
        self.0.expanded.try_sign_with_seed(randomness, message, &[]).map_or_else(|_| Vec::new(), Vec::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ml_dsa::signature::Keypair as _;
    use ml_dsa::{ExpandedSigningKey, MlDsa44, Signature, SigningKey, VerifyingKey};

    #[test]
    fn two_implementations_agree() {
        for at in 0..50_u8 {
            let (seed, message) = ([at; 32], alloc::vec![at; usize::from(at) * 7]);
            let (secret, public) = SecretKey::from_seed(&seed);
            let theirs = ExpandedSigningKey::<MlDsa44>::from_seed(&seed.into());
            let their_public: VerifyingKey<MlDsa44> = theirs.verifying_key();
            assert_eq!(their_public.encode().as_slice(), public.as_bytes());
            assert_eq!(SigningKey::<MlDsa44>::from_seed(&seed.into()).verifying_key(), their_public);
            assert_eq!(PublicKey::from_bytes(public.as_bytes()).as_ref(), Some(&public));

            let deterministic = secret.sign(&message, &[0; 32]);
            let their_deterministic = theirs.sign_deterministic(&message, &[]).unwrap().encode();
            assert_eq!(deterministic.as_slice(), their_deterministic.as_slice());
            let hedged = secret.sign(&message, &[at + 1; 32]);
            assert_ne!(hedged, deterministic);
            for signature in [&deterministic, &hedged] {
                assert!(public.verify(&message, signature));
                let signature = Signature::try_from(signature.as_slice()).unwrap();
                assert!(their_public.verify_with_context(&message, &[], &signature));
                assert!(!their_public.verify_with_context(&message, b"context", &signature));
            }
            let with_context = theirs.sign_deterministic(&message, b"context").unwrap().encode();
            assert!(!public.verify(&message, with_context.as_slice()));
        }
    }

    /// What was found wrong in implementations was mostly how they read hints: the last 84 bytes.
    #[test]
    fn two_implementations_refuse_alike() {
        let (secret, public) = SecretKey::from_seed(&[1; 32]);
        let theirs = ExpandedSigningKey::<MlDsa44>::from_seed(&[1; 32].into()).verifying_key();
        let verify = |signature: &[u8]| {
            let theirs = Signature::try_from(signature)
                .is_ok_and(|signature| theirs.verify_with_context(b"message", &[], &signature));
            assert_eq!(public.verify(b"message", signature), theirs);
            theirs
        };
        let good = secret.sign(b"message", &[0; 32]);
        assert!(verify(&good));
        let hints = good.len() - 84;
        for at in (0..hints).step_by(97).chain(hints..good.len()) {
            for byte in [0, 1, good[at] ^ 1, good[at].wrapping_add(1), good[at] ^ 0x80, 79, 80, 81, 0xff] {
                let mut bad = good.clone();
                bad[at] = byte;
                assert_eq!(verify(&bad), byte == good[at], "byte {at} is {byte}");
            }
        }
        // Two hints of one polynomial in the other order: the same set, in a form that nobody writes.
        let mut swapped = good.clone();
        swapped.swap(hints, hints + 1);
        assert!(good[hints] < good[hints + 1] && !verify(&swapped));
    }

    #[test]
    fn what_does_not_verify() {
        let (secret, public) = SecretKey::from_seed(&[1; 32]);
        let good = secret.sign(b"message", &[0; 32]);
        assert_eq!(good.len(), SIGNATURE_BYTES);
        assert!(public.verify(b"message", &good) && !public.verify(b"massage", &good));
        for at in (0..good.len()).step_by(31).chain([good.len() - 1]) {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(!public.verify(b"message", &bad), "byte {at}");
            assert!(!public.verify(b"message", &good[..at]), "cut at {at}");
        }
        assert!(!public.verify(b"message", &[good.as_slice(), &[0]].concat()));
        for at in (0..PUBLIC_BYTES).step_by(31) {
            let mut other = public.as_bytes().to_vec();
            other[at] ^= 1;
            assert!(!PublicKey::from_bytes(&other).unwrap().verify(b"message", &good), "byte {at}");
        }
        assert_eq!(PublicKey::from_bytes(&public.as_bytes()[1..]), None);
    }
}
