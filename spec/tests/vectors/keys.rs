//! The keys and trees of the vectors, the same ones every time.

use spec::checkpoint::{self, Checkpoint};
use spec::cosignature;
use spec::merkle::{Frontier, Hash, leaf_hash};
use spec::note::{KeyKind, Note, NoteSignature, Skey};

/// The origin of the log of the vectors.
pub const ORIGIN: &str = "log.example/updates";
/// The time of the first witness's cosignature, in Unix seconds.
pub const TIME: u64 = 1_795_430_000;

/// A key whose seed is one byte, 32 times.
pub fn skey(name: &str, kind: KeyKind, seed: u8) -> Skey {
    Skey::from_seed(name, kind, [seed; 32]).unwrap()
}

/// The log's Ed25519 key.
pub fn log() -> Skey {
    skey(ORIGIN, KeyKind::Ed25519, 1)
}

/// The log's ML-DSA-44 key.
pub fn log_ml_dsa() -> Skey {
    skey(ORIGIN, KeyKind::CosignatureMlDsa44, 101)
}

/// The Ed25519 key of witness n, from 1.
pub fn witness(n: u8) -> Skey {
    skey(&format!("witness.example/w{n}"), KeyKind::CosignatureEd25519, n + 1)
}

/// The ML-DSA-44 key of witness n, from 1.
pub fn witness_ml_dsa(n: u8) -> Skey {
    skey(&format!("witness.example/w{n}"), KeyKind::CosignatureMlDsa44, n + 101)
}

/// The leaves of the log's tree: entry n is the text `entry <n>`.
pub fn leaf(n: u64) -> Hash {
    leaf_hash(format!("entry {n}").as_bytes())
}

/// The log's checkpoint of this size.
pub fn checkpoint(size: u64) -> Checkpoint {
    let mut tree = Frontier::default();
    (0..size).for_each(|n| tree.push(leaf(n), |_, _| ()));
    Checkpoint::new(ORIGIN, tree.head())
}

/// A note of the checkpoint, with the log's line and those of these witnesses, one second after the other.
pub fn cosigned(checkpoint: &Checkpoint, witnesses: &[u8]) -> Note {
    let text = checkpoint.to_text();
    let mut signatures = vec![checkpoint::sign(checkpoint, &log())];
    let line = |(time, n): (u64, &u8)| cosignature::sign(&text, time, &witness(*n));
    signatures.extend((TIME..).zip(witnesses).map(line));
    Note { text, signatures }
}

/// A note of this text with these lines.
pub fn note(text: &str, signatures: &[NoteSignature]) -> String {
    Note { text: text.into(), signatures: signatures.to_vec() }.to_string()
}

/// What the log signs with its Ed25519 key, even a text that is no checkpoint.
pub fn log_signs(text: &str) -> NoteSignature {
    signed_as(ORIGIN, text)
}

/// The same under another name.
pub fn signed_as(name: &str, text: &str) -> NoteSignature {
    use ed25519_dalek::Signer as _;
    let key = skey(name, KeyKind::Ed25519, 1);
    let bytes = ed25519_dalek::SigningKey::from_bytes(&[1; 32]).sign(text.as_bytes()).to_bytes().to_vec();
    NoteSignature { name: name.into(), id: key.vkey().id, bytes }
}

/// Adds 2^252 + 27742317777372353535851937790883648493 to a number of 32 bytes, the lowest first.
pub fn add_group_order(number: &mut [u8]) {
    let mut order = [0; 32];
    order[..16].copy_from_slice(&27_742_317_777_372_353_535_851_937_790_883_648_493_u128.to_le_bytes());
    order[31] = 0x10;
    let mut carry = 0;
    for (byte, more) in number.iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(more) + carry;
        (*byte, carry) = (sum.to_le_bytes()[0], sum >> 8);
    }
}

/// Two Ed25519 keys of the log's name whose key IDs are equal: found by trying seeds in order, until one had the key ID of
/// one before.
pub fn colliding_logs() -> (Skey, Skey) {
    colliding(ORIGIN, KeyKind::Ed25519, 71_299, 82_417)
}

/// Two keys of a witness, the same way.
pub fn colliding_witnesses() -> (Skey, Skey) {
    colliding("witness.example/w1", KeyKind::CosignatureEd25519, 68_092, 104_929)
}

fn colliding(name: &str, kind: KeyKind, first: u64, second: u64) -> (Skey, Skey) {
    let key = |n: u64| {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&n.to_le_bytes());
        Skey::from_seed(name, kind, seed).unwrap()
    };
    let (first, second) = (key(first), key(second));
    assert!(first.vkey().id == second.vkey().id && first.vkey() != second.vkey());
    (first, second)
}

/// The other form of a P-256 signature in DER, which has the higher s.
pub fn high_s(low: &[u8]) -> Vec<u8> {
    let low = p256::ecdsa::Signature::from_der(low).unwrap();
    let high = p256::ecdsa::Signature::from_scalars(low.r().to_bytes(), (-low.s()).to_bytes()).unwrap();
    assert!(high != low && high.normalize_s() == low, "it was the high one");
    high.to_der().as_bytes().to_vec()
}

/// What an Ed25519 key signs with the identity as R, a point of small order: S is the hash times the secret, no more. It
/// verifies where only the equation is checked, and tells the key to everybody.
pub fn small_order_r(seed: [u8; 32], message: &[u8]) -> Vec<u8> {
    use sha2::Digest as _;
    let key = ed25519_dalek::SigningKey::from_bytes(&seed);
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut secret: [u8; 32] = sha2::Sha512::digest(seed)[..32].try_into().unwrap();
    secret[0] &= 248;
    secret[31] = secret[31] & 127 | 64;
    let hash = sha2::Sha512::digest([&identity, key.verifying_key().as_bytes().as_slice(), message].concat());
    let s = product_modulo_order(&hash, &secret);
    let signature = [identity, s].concat();
    let loose = ed25519_dalek::Signature::from_slice(&signature).unwrap();
    ed25519_dalek::Verifier::verify(&key.verifying_key(), message, &loose).unwrap();
    key.verifying_key().verify_strict(message, &loose).unwrap_err();
    signature
}

/// The product of two numbers modulo the order of Ed25519's group, all of them the lowest byte first: doubled and added, a
/// bit of the first at a time.
fn product_modulo_order(left: &[u8], right: &[u8; 32]) -> [u8; 32] {
    let double = |number: &[u8; 32]| reduced(add(number, number));
    // The right one is below 2^255, so below nine times the order.
    let right = (0..9).fold(*right, |number, _| reduced(number));
    let bits = left.iter().rev().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1));
    bits.fold([0; 32], |sum, bit| {
        let sum = double(&sum);
        if bit { reduced(add(&sum, &right)) } else { sum }
    })
}

fn add(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    let (mut sum, mut carry) = (*left, 0);
    for (byte, more) in sum.iter_mut().zip(right) {
        let both = u16::from(*byte) + u16::from(*more) + carry;
        (*byte, carry) = (both.to_le_bytes()[0], both >> 8);
    }
    assert_eq!(carry, 0, "both are below 2^254");
    sum
}

/// The number less the group's order, if that leaves any.
fn reduced(number: [u8; 32]) -> [u8; 32] {
    let mut order = [0; 32];
    add_group_order(&mut order);
    let (mut rest, mut borrow) = (number, 0);
    for (byte, less) in rest.iter_mut().zip(order) {
        let left = i16::from(*byte) - i16::from(less) - borrow;
        (*byte, borrow) = (left.to_le_bytes()[0], i16::from(left < 0));
    }
    if borrow == 0 { rest } else { number }
}
