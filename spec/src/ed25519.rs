//! Ed25519 of RFC 8032 by the one strict rule that all parties share.

use alloc::{sync::Arc, vec::Vec};
use curve25519_dalek::edwards::{EdwardsBasepointTable, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::BasepointTable as _;
use ed25519_dalek::{SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha512};

/// A public key: a point in its one encoding, and not of small order.
#[derive(Clone, Debug)]
pub(crate) struct PublicKey {
    key: VerifyingKey,
    /// Multiples of the negative of its point.
    table: Option<Arc<EdwardsBasepointTable>>,
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for PublicKey {}

impl PublicKey {
    /// Reads a key; `None` unless it is the one encoding of a point that is not of small order.
    pub(crate) fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        // A y of p = 2^255 - 19 or more decodes too, as y - p. The other second encoding, a sign where x is 0, is of a point of
        // small order. So no point has to be encoded again, which would cost as much as decoding it.
        let [first, middle @ .., last] = bytes;
        let canonical = *first < 0xed || last & 0x7f != 0x7f || middle.iter().any(|byte| *byte != 0xff);
        let key = VerifyingKey::from_bytes(bytes).ok()?;
        (canonical && !key.is_weak()).then_some(Self { key, table: None })
    }

    /// The public half of a secret key, whose point is never of small order.
    pub(crate) fn of(secret: &SigningKey) -> Self {
        Self { key: secret.verifying_key(), table: None }
    }

    /// The same key with a table of 30 KiB, by which a verification costs a third less.
    #[expect(clippy::arithmetic_side_effects, reason = "of a point, not of a number that ends")]
    pub(crate) fn with_table(self) -> Self {
        let table = EdwardsBasepointTable::create(&-self.key.to_edwards());
        Self { table: Some(Arc::new(table)), ..self }
    }

    pub(crate) fn has_table(&self) -> bool {
        self.table.is_some()
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// Verifies a signature over `message`: RFC 8032's equation without cofactor, S below the group's order, R no point of small
    /// order.
    ///
    /// The library's `verify_strict` decides the same and costs a sixth more: it decodes R to see its order. But where the
    /// equation holds R is equal to an encoding that was just computed, so its bytes tell.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let expected = self.expected(message, signature);
        expected.is_some_and(|(point, r)| point.compress().0 == r && !is_small_order(&r))
    }

    /// The point that a signature's R has to encode, [S]B - [k]A, and the R that it has; `None` if it is none whatever it signs.
    #[expect(clippy::arithmetic_side_effects, reason = "of points, not of numbers that end")]
    fn expected(&self, message: &[u8], signature: &[u8]) -> Option<(EdwardsPoint, [u8; 32])> {
        let (r, s) = signature.split_first_chunk()?;
        let s = Scalar::from_canonical_bytes(s.try_into().ok()?).into_option()?;
        let hash = Sha512::new().chain_update(r).chain_update(self.as_bytes()).chain_update(message).finalize();
        let k = Scalar::from_bytes_mod_order_wide(&hash.into());
        let point = match &self.table {
            // Two multiplications of which neither doubles a point.
            Some(table) => EdwardsPoint::mul_base(&s) + table.mul_base(&k),
            None => EdwardsPoint::vartime_double_scalar_mul_basepoint(&k, &-self.key.to_edwards(), &s),
        };
        Some((point, *r))
    }
}

/// Signatures that are verified one by one, each as [`PublicKey::verify`] does, but for a step that costs less for many: the
/// points that their R have to encode are encoded together.
#[derive(Clone, Default, Debug)]
pub(crate) struct Verifier {
    expected: Vec<EdwardsPoint>,
    /// The R of each signature; `None` of what is none, which has no point either.
    have: Vec<Option<[u8; 32]>>,
}

impl Verifier {
    pub(crate) fn add(&mut self, key: &PublicKey, message: &[u8], signature: &[u8]) {
        let (point, r) = key.expected(message, signature).unzip();
        self.expected.extend(point);
        self.have.push(r);
    }

    /// Whether each was right, in the order they were added.
    pub(crate) fn finish(self) -> Vec<bool> {
        let mut expected = EdwardsPoint::compress_batch_alloc(&self.expected).into_iter();
        let mut right = |r: [u8; 32]| expected.next().is_some_and(|point| point.0 == r) && !is_small_order(&r);
        self.have.into_iter().map(|have| have.is_some_and(&mut right)).collect()
    }
}

/// Whether the canonical encoding of a point is that of one of the eight of small order.
fn is_small_order(encoding: &[u8; 32]) -> bool {
    let mut y = *encoding;
    // The highest bit is the sign of x.
    if let Some(last) = y.last_mut() {
        *last &= 0x7f;
    }
    SMALL_ORDER.contains(&y)
}

/// The y of the points of small order, the lowest byte first.
#[rustfmt::skip]
const SMALL_ORDER: [[u8; 32]; 5] = [
    // 1 of the neutral point, -1 of the one of order 2, 0 of the two of order 4.
    [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    [
        0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
    ],
    [0; 32],
    // The two of the four of order 8.
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
        0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
        0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
];

#[cfg(test)]
mod tests {
    use super::*;
    use curve25519_dalek::constants::EIGHT_TORSION;
    use curve25519_dalek::scalar::clamp_integer;
    use ed25519_dalek::{Signature, Signer as _, Verifier as _};
    use sha2::Sha256;

    fn public(key: VerifyingKey) -> PublicKey {
        PublicKey { key, table: None }
    }

    /// What is saved by looking at bytes, done at length: the point of each key that is taken encodes to the same bytes.
    #[test]
    fn keys_have_one_encoding() {
        let edge = |first: u8, last: u8| {
            let mut bytes = [0xff; 32];
            (bytes[0], bytes[31]) = (first, last);
            bytes
        };
        let large = (0..=255).flat_map(|first| [0x7f, 0xff, 0x7e, 0xfe].map(|last| edge(first, last)));
        let small = (0..=255)
            .flat_map(|first| [0, 0x80].map(|last| [&[first][..], &[0; 30], &[last]].concat().try_into().unwrap()));
        let hashes = (0..500_u32).map(|at| Sha256::digest(at.to_be_bytes()).into());
        let (mut taken, mut refused) = (0, 0);
        for bytes in large.chain(small).chain(hashes) {
            let long = VerifyingKey::from_bytes(&bytes).ok();
            let long = long.filter(|key| key.to_edwards().compress().to_bytes() == bytes && !key.is_weak());
            assert_eq!(PublicKey::from_bytes(&bytes), long.map(public), "{bytes:?}");
            if long.is_some() { taken += 1 } else { refused += 1 }
        }
        assert!(taken > 500 && refused > 500, "{taken} taken, {refused} refused");
    }

    #[test]
    fn the_points_of_small_order_are_those_of_the_library() {
        let encodings = EIGHT_TORSION.map(|point| point.compress().to_bytes());
        assert!(encodings.iter().all(is_small_order));
        // None in the table is of another point.
        let in_table = SMALL_ORDER.iter().filter(|y| encodings.iter().any(|encoding| is_y_of(encoding, y)));
        assert_eq!(in_table.count(), SMALL_ORDER.len());
        assert!(!is_small_order(&curve25519_dalek::constants::ED25519_BASEPOINT_COMPRESSED.to_bytes()));
    }

    fn is_y_of(encoding: &[u8; 32], y: &[u8; 32]) -> bool {
        encoding[..31] == y[..31] && encoding[31] & 0x7f == y[31]
    }

    /// Compares with the library's strict rule, with the key's table and without; returns whether the equation holds, and whether
    /// the signature is taken.
    fn decide(tabled: &PublicKey, message: &[u8], signature: &[u8; 64]) -> (bool, bool) {
        let key = tabled.key;
        let strict = key.verify_strict(message, &Signature::from_bytes(signature)).is_ok();
        for public in [&public(key), tabled] {
            assert_eq!(public.verify(message, signature), strict, "{public:?} {message:?} {signature:?}");
            let mut verifier = Verifier::default();
            verifier.add(public, message, signature);
            assert_eq!(verifier.finish(), [strict], "{public:?} {message:?} {signature:?}");
        }
        (key.verify(message, &Signature::from_bytes(signature)).is_ok(), strict)
    }

    /// Keys of which a part is of small order, and R of small order or with a part that is: the equation holds for one hash in
    /// eight or so, and then the strict rule looks at R.
    #[test]
    fn it_decides_as_the_librarys_strict_rule() {
        let secret = SigningKey::from_bytes(&[7; 32]);
        let scalar = Scalar::from_bytes_mod_order(clamp_integer(Sha512::digest([7; 32])[..32].try_into().unwrap()));
        let (mut refused, mut taken) = (0, 0);
        for torsion in EIGHT_TORSION {
            let key = VerifyingKey::from(secret.verifying_key().to_edwards() + torsion);
            let tabled = public(key).with_table();
            for (at, message) in (0..64_u8).flat_map(|number| (0..8).map(move |at| (at, [number]))) {
                // R is of small order alone, or has a random part too.
                for nonce in [Scalar::ZERO, Scalar::from(u64::from(message[0]) + 1)] {
                    let r = (EdwardsPoint::mul_base(&nonce) + EIGHT_TORSION[at]).compress();
                    let hash =
                        Scalar::from_hash(Sha512::new().chain_update(r.0).chain_update(key).chain_update(message));
                    let signature = [r.0, (nonce + hash * scalar).to_bytes()].concat().try_into().unwrap();
                    match decide(&tabled, &message, &signature) {
                        (true, false) => refused += 1,
                        (true, true) => taken += 1,
                        _ => {}
                    }
                }
            }
        }
        assert!(refused > 100 && taken > 100, "{refused} refused for R, {taken} taken");
    }

    /// Right ones and wrong ones of all kinds, among each other: each is found as it is found alone.
    #[test]
    fn many_are_decided_as_each_alone() {
        let mut verifier = Verifier::default();
        let mut alone = Vec::new();
        for number in 0..200_u8 {
            let secret = SigningKey::from_bytes(&[number % 5; 32]);
            let key = PublicKey::of(&secret);
            let key = if number % 2 == 0 { key.with_table() } else { key };
            let mut signature = secret.sign(&[number]).to_bytes().to_vec();
            match number % 7 {
                0 => signature[0] ^= 1,
                1 => signature[40] ^= 1,
                // S plus the order or more.
                2 => signature[63] |= 0xf0,
                3 => signature.truncate(usize::from(number) % 64),
                // R of the neutral point.
                4 => signature[..32].copy_from_slice(&[&[1][..], &[0; 31]].concat()),
                _ => {}
            }
            verifier.add(&key, &[number], &signature);
            alone.push(key.verify(&[number], &signature));
        }
        assert_eq!(alone.iter().filter(|right| **right).count(), 56);
        assert_eq!(verifier.finish(), alone);
        assert!(Verifier::default().finish().is_empty());
    }

    #[test]
    fn a_signature_is_of_its_bytes_alone() {
        let secret = SigningKey::from_bytes(&[8; 32]);
        let (key, signature) = (PublicKey::of(&secret).with_table(), secret.sign(b"message").to_bytes());
        assert_eq!(decide(&key, b"message", &signature), (true, true));
        assert_eq!(decide(&key, b"massage", &signature), (false, false));
        for bit in 0..512 {
            let mut other = signature;
            other[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decide(&key, b"message", &other), (false, false), "bit {bit}");
        }
        assert!(!key.verify(b"message", &signature[..63]));
    }
}
