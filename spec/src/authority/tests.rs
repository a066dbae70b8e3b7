use super::*;
use crate::record::tests::Random;
use crate::record::{ProductError, pae};
use crate::{json, ml_dsa};
use alloc::vec;
use ed25519_dalek::{Signer as _, SigningKey};

const LOG: &str = "log.acme.example/updates";

fn signing_key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn public_key(seed: u8) -> PublicKey {
    PublicKey::from_ed25519(signing_key(seed).verifying_key().to_bytes()).unwrap()
}

fn keyid(seed: u8) -> Digest {
    public_key(seed).keyid()
}

/// An authority with these roles: name, threshold, keys by seed.
fn authority(namespace: &str, epoch: u64, roles: &[(RoleName, u64, &[u8])]) -> Authority {
    let mut authority = Authority {
        log: LOG.into(),
        namespace: Namespace::parse(namespace).unwrap(),
        epoch,
        previous: (epoch > 0).then_some(Digest([0xee; 32])),
        keys: BTreeMap::new(),
        roles: BTreeMap::new(),
        distrust: Vec::new(),
        allow_git_commit: false,
    };
    for (name, threshold, seeds) in roles {
        let mut keyids: Vec<_> = seeds.iter().map(|seed| keyid(*seed)).collect();
        keyids.sort();
        authority.keys.extend(seeds.iter().map(|seed| (keyid(*seed), public_key(*seed))));
        authority.roles.insert(*name, Role { threshold: *threshold, keyids });
    }
    authority
}

fn vendor() -> Authority {
    use RoleName::{Authority, Build, Source, Update};
    let mut vendor = authority(
        "pkg:generic/acme/",
        1,
        &[(Authority, 2, &[1, 2, 3]), (Source, 1, &[4]), (Build, 1, &[4]), (Update, 2, &[1, 2, 5])],
    );
    vendor.distrust =
        vec![Distrust { keyid: keyid(5), from_index: 9_000 }, Distrust { keyid: keyid(1), from_index: 7 }];
    vendor
}

/// A whole statement, for the tests of [`crate::record`].
pub(crate) fn statement_json() -> String {
    vendor().into_statement().to_json()
}

fn parse(predicate: &str) -> Result<Authority, RecordError> {
    Authority::parse(json::parse(predicate.as_bytes()).unwrap().object().unwrap())
}

#[test]
fn every_kind_of_namespace() {
    let mut git_commits = vendor();
    git_commits.allow_git_commit = true;
    use RoleName::{Access, Authority, Build, Rebuild, Review, Root, Source, Update, Withdraw};
    let all: &[(RoleName, u64, &[u8])] = &[
        (Authority, 1, &[1]),
        (Source, 1, &[2]),
        (Build, 2, &[2, 3]),
        (Update, 2, &[1, 2, 3]),
        (Withdraw, 1, &[4, 5]),
        (Access, 1, &[6]),
    ];
    for authority in [
        vendor(),
        authority("*", 0, &[(Root, 3, &[1, 2, 3, 4, 5])]),
        authority("pkg:generic/acme/", 0, &[(Authority, 1, &[1])]),
        authority("pkg:generic/", 3, all),
        authority("https://rebuild.example.ch", 0, &[(Authority, 1, &[1]), (Rebuild, 1, &[1]), (Review, 1, &[2])]),
        git_commits,
    ] {
        assert_eq!(parse(&authority.to_json()).as_ref(), Ok(&authority));
        let statement = authority.into_statement();
        assert_eq!(Statement::parse(statement.to_json().as_bytes()), Ok(statement));
    }
}

#[test]
fn refusals() {
    #[track_caller]
    fn check(authority: &Authority, changes: &[(&str, &str, &str)]) {
        for (from, to, name) in changes {
            let text = authority.to_json();
            assert!(text.contains(from), "{from} is not in {text}");
            let error = parse(&text.replacen(from, to, 1)).unwrap_err();
            assert_eq!((error.name(), error.status()), (*name, 400), "{from} -> {to}: {error}");
        }
    }
    let first = Authority { epoch: 0, previous: None, distrust: Vec::new(), ..vendor() };
    let ee = Digest([0xee; 32]).to_string();
    let key = |seed| keyid(seed).to_string();
    let listed = |seed| {
        format!(
            r#""{}":{{"algorithm":"ed25519","spki":"{}"}}"#,
            keyid(seed),
            encoding::base64(&public_key(seed).spki())
        )
    };
    let mut sorted = [key(1), key(2), key(3)];
    sorted.sort();
    let [a, b, c] = sorted.clone();
    let keyids = |keyids: &[&str]| format!(r#""authority":{{"threshold":2,"keyids":["{}"]"#, keyids.join("\",\""));
    let (spki, spki_1) = (encoding::base64(&public_key(4).spki()), encoding::base64(&public_key(1).spki()));
    check(
        &vendor(),
        &[
            (r#""log":"#, r#""lo":"#, "missing-field"),
            (LOG, "log acme", "log"),
            (r#""namespace":"pkg:generic/acme/","#, "", "missing-field"),
            ("pkg:generic/acme/", "pkg:generic/acme", "namespace"),
            ("pkg:generic/acme/", "", "namespace"),
            ("pkg:generic/acme/", "https://acme.example", "role"),
            ("pkg:generic/acme/", "*", "role"),
            (r#""epoch":1"#, r#""epoch":0"#, "previous"),
            (r#""epoch":1"#, r#""epoch":-1"#, "integer"),
            (r#""epoch":1"#, r#""epoch":1.0"#, "integer"),
            (r#""epoch":1"#, r#""epoch":9007199254740992"#, "integer"),
            (r#""epoch":1"#, r#""epoch":"1""#, "wrong-type"),
            (&format!("\"{ee}\""), "null", "previous"),
            (&format!("\"{ee}\""), "0", "wrong-type"),
            (&ee, &ee.to_uppercase(), "digest"),
            (r#""previous":"#, r#""previus":"#, "missing-field"),
            // Keys.
            (r#""keys":{"#, r#""keys":[],"k":{"#, "wrong-type"),
            (r#""keys":{"#, r#""keys":{},"k":{"#, "empty"),
            (&key(4), &key(4)[1..], "digest"),
            (&key(4), &key(6), "keyid"),
            (&spki, &spki_1, "keyid"),
            (&spki, &spki.replace('=', ""), "wrong-base64"),
            (&spki, "", "spki"),
            (&spki, &encoding::base64(signing_key(4).verifying_key().as_bytes()), "spki"),
            (&spki, &encoding::base64(&[public_key(4).spki(), vec![0]].concat()), "spki"),
            (&spki, &encoding::base64(&[ED25519_OTHER_FORM.to_vec(), vec![1; 32]].concat()), "spki"),
            (&spki, &encoding::base64(&[public_key(4).spki()[..12].to_vec(), vec![0; 32]].concat()), "weak-key"),
            (r#""algorithm":"ed25519""#, r#""algorithm":"Ed25519""#, "unknown-algorithm"),
            (r#""algorithm":"ed25519""#, r#""algorithm":"rsa""#, "unknown-algorithm"),
            (r#""algorithm":"ed25519""#, r#""algorithm":"ml-dsa-44""#, "spki"),
            (r#""algorithm":"ed25519""#, r#""algorithm":"ecdsa-p256-sha256""#, "spki"),
            (r#""algorithm":"ed25519","#, "", "missing-field"),
            (r#""keys":{"#, &format!(r#""keys":{{{},"#, listed(7)), "unused-key"),
            (r#""keys":{"#, &format!(r#""keys":{{"{}":0,"#, key(1).to_uppercase()), "case-colliding-keys"),
            // Roles.
            (r#""roles":{"#, r#""roles":[],"r":{"#, "wrong-type"),
            (r#""roles":{"#, r#""roles":{},"r":{"#, "missing-role"),
            (r#""roles":{"authority""#, r#""roles":{"access""#, "missing-role"),
            (r#""roles":{"authority""#, r#""roles":{"root""#, "role"),
            (r#""source":{"#, r#""rebuild":{"#, "role"),
            (r#""source":{"#, r#""Source":{"#, "role"),
            (r#""source":{"#, r#""source":[],"withdraw":{"#, "wrong-type"),
            (r#""threshold":2"#, r#""threshold":0"#, "threshold"),
            (r#""threshold":2"#, r#""threshold":4"#, "threshold"),
            (r#""threshold":2"#, r#""threshold":9007199254740991"#, "threshold"),
            (r#""threshold":2"#, r#""threshold":2.5"#, "integer"),
            (r#""threshold":2,"#, "", "missing-field"),
            (&keyids(&[&a, &b, &c]), &keyids(&[&b, &a, &c]), "keyid-order"),
            (&keyids(&[&a, &b, &c]), &keyids(&[&a, &a, &b, &c]), "keyid-order"),
            (&keyids(&[&a, &b, &c]), &keyids(&["00"]), "digest"),
            (&keyids(&[&a, &b, &c]), &keyids(&[&"0".repeat(64), &a, &b, &c]), "unlisted-key"),
            // Distrust.
            (r#""distrust":["#, r#""distrust":null,"d":["#, "wrong-type"),
            (r#""distrust":["#, r#""distrust":[0,"#, "wrong-type"),
            (r#""distrust":["#, r#""distrust":[{},"#, "missing-field"),
            (r#""distrust":["#, &format!(r#""distrust":[{{"keyid":"{}","fromIndex":1}},"#, key(1)), "repeated"),
            (r#""fromIndex":7"#, r#""fromIndex":-7"#, "integer"),
            (r#""fromIndex":7"#, r#""fromIndex":9007199254740992"#, "integer"),
            (r#","allowGitCommit":false"#, "", "missing-field"),
            (r#""allowGitCommit":false"#, r#""allowGitCommit":0"#, "wrong-type"),
            (r#""allowGitCommit":false"#, r#""allowGitCommit":null"#, "wrong-type"),
        ],
    );
    check(
        &first,
        &[
            ("null", &format!("\"{ee}\""), "previous"),
            (r#""epoch":0"#, r#""epoch":1"#, "previous"),
            (r#""distrust":["#, &format!(r#""distrust":[{{"keyid":"{}","fromIndex":0}}"#, key(1)), "early-distrust"),
        ],
    );
    check(
        &authority("*", 0, &[(RoleName::Root, 1, &[1])]),
        &[("\"root\"", "\"authority\"", "role"), ("*", "pkg:a/", "role")],
    );
    let party = authority("https://a.example", 0, &[(RoleName::Authority, 1, &[1]), (RoleName::Rebuild, 1, &[1])]);
    check(&party, &[("\"rebuild\"", "\"build\"", "role"), ("\"authority\"", "\"review\"", "missing-role")]);
    // A distrusted key need not be one of this epoch.
    let foreign =
        Authority { distrust: vec![Distrust { keyid: keyid(99), from_index: json::MAX_INTEGER }], ..vendor() };
    parse(&foreign.to_json()).unwrap();
}

/// Ed25519 keys with NULL parameters, as no RFC 8410 encoder writes them.
const ED25519_OTHER_FORM: [u8; 14] =
    [0x30, 0x2c, 0x30, 0x07, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x05, 0x00, 0x03, 0x21, 0x00];

#[test]
fn thirty_two_keys() {
    let seeds: Vec<u8> = (0..33).collect();
    parse(&authority("*", 0, &[(RoleName::Root, 32, &seeds[..32])]).to_json()).unwrap();
    let error = parse(&authority("*", 0, &[(RoleName::Root, 1, &seeds)]).to_json()).unwrap_err();
    assert_eq!(error, RecordError::Limit { what: "predicate.keys", have: 33, max: 32 });
}

#[test]
fn the_subject_is_the_namespace() {
    let check = |subjects: Vec<Subject>, ok: bool| {
        let statement = Statement { subjects, predicate: Predicate::Authority(vendor()) };
        let parsed = Statement::parse(statement.to_json().as_bytes());
        assert_eq!(parsed.map_err(|error| error.name()), if ok { Ok(statement) } else { Err("subject") });
    };
    let subject = Subject::of_name("pkg:generic/acme/");
    check(vec![subject.clone()], true);
    check(vec![Subject { digests: vec![("sha512".into(), "00".into())], ..subject.clone() }], true);
    check(vec![Subject::of_name("pkg:generic/acme")], false);
    check(vec![Subject { sha256: Digest([0; 32]), ..subject.clone() }], false);
    check(vec![Subject { name: "acme".into(), ..subject.clone() }], false);
    check(vec![subject, Subject::of_name("x")], false);
}

#[test]
fn namespaces() {
    for text in [
        "*",
        "pkg:generic/",
        "pkg:npm/%40acme/",
        "pkg:a/b/c/d/e/f/g/h/",
        "https://a",
        "https://rebuild.example.ch",
        "https://1.2.3.example",
        "https://xn--bcher-kva.example",
    ] {
        let namespace = Namespace::parse(text).unwrap();
        assert_eq!(namespace.as_str(), text);
        let kinds = [namespace.is_root(), namespace.is_product(), namespace.is_party()];
        assert_eq!(kinds.iter().filter(|is| **is).count(), 1);
        for prefix in namespace.prefixes() {
            assert!(text.starts_with(prefix) && Namespace::parse(prefix).unwrap().is_product());
        }
    }
    #[track_caller]
    fn check(text: &str, error: NamespaceError) {
        assert_eq!(Namespace::parse(text), Err(error), "{text}");
    }
    for text in ["", "**", " *", "pkg", "http://a", "HTTPS://a", "acme"] {
        check(text, NamespaceError::Kind);
    }
    check("pkg:generic", NamespaceError::NoSlash);
    check("pkg:generic/acme", NamespaceError::NoSlash);
    check("pkg:", NamespaceError::NoSlash);
    check("pkg:/", NamespaceError::Product(ProductError::Type));
    check("pkg:generic//", NamespaceError::Product(ProductError::EmptySegment));
    check("pkg:generic/../", NamespaceError::Product(ProductError::DotSegment));
    check("pkg:generic/a@1/", NamespaceError::Product(ProductError::Version));
    check("pkg:a/b/c/d/e/f/g/h/i/", NamespaceError::Segments { have: 9 });
    let long_label = format!("https://{}.ch", "a".repeat(64));
    for text in [
        "https://",
        "https://A.ch",
        "https://a.ch/",
        "https://a.ch:443",
        "https://a.ch.",
        "https://.ch",
        "https://a..ch",
        "https://-a.ch",
        "https://a-.ch",
        "https://a_b.ch",
        "https://bücher.ch",
        "https://127.0.0.1",
        "https://[::1]",
        "https://user@a.ch",
        "https://a.ch?x",
        "https://*",
        &long_label,
    ] {
        check(text, NamespaceError::Party);
    }
    let name = |bytes: usize| format!("pkg:generic/{}/", "x".repeat(bytes - 13));
    Namespace::parse(&name(255)).unwrap();
    check(&name(256), NamespaceError::Long { have_bytes: 256 });
}

#[test]
fn weak_keys() {
    let point = |low: u8, high: u8, middle: u8| {
        let mut bytes = [middle; 32];
        (bytes[0], bytes[31]) = (low, high);
        bytes
    };
    let order_8 = [
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    ];
    let mut weak = vec![point(0, 0, 0), point(1, 0, 0), point(0xec, 0x7f, 0xff)];
    weak.extend(order_8.map(|text| encoding::from_hex::<32>(text).unwrap()));
    // y = p + n for every n that fits: the same points as y = n, written otherwise.
    weak.extend((0..19).map(|n| point(0xed + n, 0x7f, 0xff)));
    for mut bytes in weak {
        for sign in [0, 0x80] {
            bytes[31] |= sign;
            assert_eq!(PublicKey::from_ed25519(bytes), Err(KeyError::Weak), "{bytes:02x?}");
        }
    }
    // Of y = n about half are points, so among the above were good points in a bad form.
    let good = (2..19).filter(|n| PublicKey::from_ed25519(point(*n, 0, 0)).is_ok()).count();
    assert!((4..17).contains(&good), "{good}");
}

#[test]
fn keys_have_one_form() {
    let key = public_key(1);
    let spki = key.spki();
    assert_eq!(spki.len(), 44);
    assert_eq!(key.keyid(), Digest::of(&spki));
    assert_eq!(PublicKey::from_spki(Algorithm::Ed25519, &spki), Ok(key));
    let form = Err(KeyError::Form { algorithm: Algorithm::Ed25519 });
    for end in 0..44 {
        assert_eq!(PublicKey::from_spki(Algorithm::Ed25519, &spki[..end]), form);
    }
    for at in 0..12 {
        for bit in 0..8 {
            let mut mangled = spki.clone();
            mangled[at] ^= 1 << bit;
            assert_eq!(PublicKey::from_spki(Algorithm::Ed25519, &mangled), form);
        }
    }
    for algorithm in Algorithm::ALL {
        assert_eq!(Algorithm::from_name(algorithm.name()), Some(algorithm));
    }
}

#[test]
fn p256_keys_have_one_form_and_sign_the_pae() {
    let algorithm = Algorithm::EcdsaP256Sha256;
    let secret = SecretKey::from_seed(algorithm, &[1; 32]).unwrap();
    let key = secret.public();
    let spki = key.spki();
    let prefix = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
    assert_eq!(encoding::hex(&spki[..26]), prefix);
    assert_eq!((spki.len(), spki[26], key.keyid()), (91, 4, Digest::of(&spki)));
    assert_eq!(PublicKey::from_spki(algorithm, &spki).as_ref(), Ok(key));
    let form = Err(KeyError::Form { algorithm });
    assert_eq!(PublicKey::from_spki(algorithm, &public_key(1).spki()), form);
    assert_eq!(PublicKey::from_spki(algorithm, &[&spki[..], &[0]].concat()), form);
    for end in 0..spki.len() {
        assert_eq!(PublicKey::from_spki(algorithm, &spki[..end]), form);
    }
    for at in 0..spki.len() {
        let mut mangled = spki.clone();
        mangled[at] ^= 1;
        let error = if at > 26 { Err(KeyError::Weak) } else { form.clone() };
        assert_eq!(PublicKey::from_spki(algorithm, &mangled), error, "byte {at}");
    }
    // The compressed form, right in its DER.
    let compressed = [&[0x30, 0x39], &spki[2..23], &[0x22, 0x00, 2 + (spki[90] & 1)], &spki[27..59]].concat();
    assert_eq!(PublicKey::from_spki(algorithm, &compressed), form);

    let sig = secret.sign(&pae(b"{}"), &[0; 32]);
    let high = crate::ecdsa::tests::high(&sig);
    assert!(key.verify(&pae(b"{}"), &sig));
    assert!(!key.verify(&pae(b"{}"), &high), "of the two forms one counts");
    assert!(!key.verify(b"{}", &sig) && !key.verify(&pae(b"[]"), &sig) && !key.verify(&pae(b"{}"), &sig[1..]));
    assert_eq!(key.canonical(&high).as_deref(), Some(sig.as_slice()));
    assert_eq!(key.canonical(&sig).as_deref(), Some(sig.as_slice()));
    assert_eq!(key.canonical(&[7; 64]), None);

    // In an authority record it stands beside the others, and what it submits becomes low.
    let mut vendor = vendor();
    vendor.keys.insert(key.keyid(), key.clone());
    let update = vendor.roles.get_mut(&RoleName::Update).unwrap();
    update.keyids.push(key.keyid());
    update.keyids.sort();
    assert_eq!(parse(&vendor.to_json()).as_ref(), Ok(&vendor));
    for (keyid, form) in [(None, &sig), (None, &high), (Some(key.keyid()), &sig), (Some(key.keyid()), &high)] {
        let signature = EnvelopeSignature { keyid, sig: form.clone() };
        let signers = vendor.signers(RoleName::Update, &pae(b"{}"), &[signature], &|_, _| None);
        assert_eq!(signers, [(key.keyid(), sig.clone())]);
    }
}

#[test]
fn secret_keys() {
    for algorithm in Algorithm::ALL {
        let key = SecretKey::from_seed(algorithm, &[3; 32]).unwrap();
        assert_eq!(key.public().algorithm, algorithm);
        assert_eq!(PublicKey::from_spki(algorithm, &key.public().spki()).as_ref(), Ok(key.public()));
        let sig = key.sign(b"message", &[0; 32]);
        assert_eq!(sig, key.sign(b"message", &[0; 32]), "deterministic");
        let hedged = key.sign(b"message", &[1; 32]);
        assert_eq!(hedged == sig, algorithm != Algorithm::MlDsa44);
        assert!(key.public().verify(b"message", &sig) && key.public().verify(b"message", &hedged));
        let (shown, keyid) = (format!("{key:?}"), key.public().keyid());
        assert_eq!(shown, format!("SecretKey({keyid})"));
        assert_eq!(SecretKey::from_seed(algorithm, &[0xff; 32]).is_none(), algorithm == Algorithm::EcdsaP256Sha256);
    }
    assert_eq!(SecretKey::from_seed(Algorithm::Ed25519, &[4; 32]).unwrap().public(), &public_key(4));
}

#[test]
fn ml_dsa_keys_have_one_form_and_sign_the_pae() {
    let algorithm = Algorithm::MlDsa44;
    let (secret, public) = ml_dsa::SecretKey::from_seed(&[1; 32]);
    let prefix = "30820532300b06096086480165030403110382052100";
    let spki = [encoding::from_hex::<22>(prefix).unwrap().as_slice(), public.as_bytes()].concat();
    let key = PublicKey::from_spki(algorithm, &spki).unwrap();
    assert_eq!((key.algorithm, key.spki(), key.keyid()), (algorithm, spki.clone(), Digest::of(&spki)));
    let form = Err(KeyError::Form { algorithm });
    assert_eq!(PublicKey::from_spki(algorithm, &public_key(1).spki()), form);
    assert_eq!(PublicKey::from_spki(algorithm, &[&spki[..], &[0]].concat()), form);
    for end in (0..spki.len()).step_by(7) {
        assert_eq!(PublicKey::from_spki(algorithm, &spki[..end]), form);
    }
    for at in 0..22 {
        let mut mangled = spki.clone();
        mangled[at] ^= 1;
        assert_eq!(PublicKey::from_spki(algorithm, &mangled), form);
    }

    let sig = secret.sign(&pae(b"{}"), &[2; 32]);
    assert!(key.verify(&pae(b"{}"), &sig));
    assert!(!key.verify(b"{}", &sig) && !key.verify(&pae(b"[]"), &sig) && !key.verify(&pae(b"{}"), &sig[1..]));

    // In an authority record it stands beside the others.
    let mut vendor = vendor();
    vendor.keys.insert(key.keyid(), key.clone());
    let update = vendor.roles.get_mut(&RoleName::Update).unwrap();
    update.keyids.push(key.keyid());
    update.keyids.sort();
    assert_eq!(parse(&vendor.to_json()).as_ref(), Ok(&vendor));
    let of = |keyid| EnvelopeSignature { keyid, sig: sig.clone() };
    let signatures = [sign(1, b"{}", None), of(None), of(Some(key.keyid()))];
    let signers = vendor.signers(RoleName::Update, &pae(b"{}"), &signatures, &|_, _| None);
    let mut both = [keyid(1), key.keyid()];
    both.sort();
    assert_eq!(signers.into_iter().map(|(keyid, _)| keyid).collect::<Vec<_>>(), both);
}

#[test]
fn signatures_are_strict() {
    // RFC 8032 section 7.1, test 2.
    let public = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
    let sig = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
               085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";
    let key = PublicKey::from_ed25519(encoding::from_hex(public).unwrap()).unwrap();
    let sig = encoding::from_hex::<64>(sig).unwrap();
    assert!(key.verify(&[0x72], &sig));
    assert!(!key.verify(&[0x73], &sig));
    for at in 0..64 {
        let mut mangled = sig;
        mangled[at] ^= 1;
        assert!(!key.verify(&[0x72], &mangled));
        assert!(!key.verify(&[0x72], &sig[..at]));
    }
    assert!(!key.verify(&[0x72], &[&sig[..], &[0]].concat()));
    // S + L verifies under a check that forgets to reduce.
    let order = encoding::from_hex::<32>("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010").unwrap();
    let mut malleable = sig;
    let mut carry = 0;
    for (byte, add) in malleable[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        (*byte, carry) = (sum as u8, sum >> 8);
    }
    assert!(!key.verify(&[0x72], &malleable));
}

fn sign(seed: u8, payload: &[u8], keyid: Option<Digest>) -> EnvelopeSignature {
    EnvelopeSignature { keyid, sig: signing_key(seed).sign(&pae(payload)).to_bytes().to_vec() }
}

#[test]
fn signers() {
    let payload = b"payload";
    let pae = pae(payload);
    let vendor = vendor();
    let unchecked = |_: &Digest, _: &[u8]| None;
    let signers = |signatures: &[EnvelopeSignature]| {
        let signers = vendor.signers(RoleName::Update, &pae, signatures, &unchecked);
        assert!(signers.is_sorted());
        signers.into_iter().map(|(keyid, _)| keyid).collect::<Vec<_>>()
    };
    let sorted = |seeds: &[u8]| {
        let mut keyids: Vec<_> = seeds.iter().map(|seed| keyid(*seed)).collect();
        keyids.sort();
        keyids
    };
    // With the right keyid, without one, with another key's of the role, with a key's of no role.
    for hint in [Some(keyid(1)), None, Some(keyid(2)), Some(keyid(4)), Some(Digest([0; 32]))] {
        assert_eq!(signers(&[sign(1, payload, hint)]), [keyid(1)]);
    }
    let all: Vec<_> = [5, 4, 2, 1, 3, 2].iter().map(|seed| sign(*seed, payload, None)).collect();
    assert_eq!(signers(&all), sorted(&[1, 2, 5]), "others are dropped, and one is kept of each key");
    assert_eq!(signers(&[]), []);
    assert_eq!(signers(&[sign(1, b"other", None)]), []);
    assert_eq!(signers(&[EnvelopeSignature { keyid: Some(keyid(1)), sig: vec![] }]), []);
    assert_eq!(vendor.signers(RoleName::Withdraw, &pae, &all, &unchecked), [], "an absent role signs nothing");

    // What was checked before is believed, and asked by key and signature.
    let calls = core::cell::Cell::new(0);
    let checked = |key: &Digest, sig: &[u8]| {
        calls.set(calls.get() + 1);
        Some(*key == keyid(1) && sig == [7])
    };
    let signature = EnvelopeSignature { keyid: Some(keyid(1)), sig: vec![7] };
    let found = vendor.signers(RoleName::Update, &pae, &[signature.clone(), signature], &checked);
    assert_eq!(found, [(keyid(1), vec![7])]);
    assert_eq!(calls.get(), 3, "the second is tried with the two keys left");
}

#[test]
fn thresholds() {
    let vendor = vendor();
    let signed = |seeds: &[u8]| seeds.iter().map(|seed| (keyid(*seed), Vec::new())).collect::<Vec<_>>();
    let meets = |role, seeds: &[u8], index| vendor.meets(role, &signed(seeds), index);
    let few = |have, need| Err(Threshold { have, need });
    assert_eq!(meets(RoleName::Update, &[1, 2], 6), Ok(()));
    assert_eq!(meets(RoleName::Update, &[1, 2], 7), few(1, 2), "key 1 is distrusted from index 7 on");
    assert_eq!(meets(RoleName::Update, &[1, 2, 5], 7), Ok(()));
    assert_eq!(meets(RoleName::Update, &[1, 2, 5], 8_999), Ok(()));
    assert_eq!(meets(RoleName::Update, &[1, 2, 5], 9_000), few(1, 2));
    assert_eq!(meets(RoleName::Update, &[2, 2, 3, 4], 0), few(1, 2), "keys count once, others not at all");
    assert_eq!(meets(RoleName::Update, &[], 0), few(0, 2));
    assert_eq!(meets(RoleName::Withdraw, &[1, 2, 3], 0), few(0, 1), "nobody has an absent role");
    assert_eq!(meets(RoleName::Authority, &[1, 2], u64::MAX), Ok(()), "distrust never touches authority records");
    let later = [Distrust { keyid: keyid(4), from_index: 3 }];
    assert_eq!(vendor.meets_less(RoleName::Build, &signed(&[4]), 2, &later), Ok(()));
    assert_eq!(vendor.meets_less(RoleName::Build, &signed(&[4]), 3, &later), few(0, 1));
    assert_eq!(vendor.meets_less(RoleName::Update, &signed(&[1, 2]), 7, &later), Ok(()));
    assert_eq!(Threshold { have: 1, need: 2 }.to_string(), "1 keys of the role signed that count, 2 are needed");
}

#[test]
fn mangled_authorities() {
    let mut random = Random(0x1234_5678_9abc_def1);
    let text = vendor().to_json();
    for _ in 0..5_000 {
        let text = random.mangled(text.as_bytes());
        let Ok(value) = json::parse(&text) else { continue };
        let Some(Ok(authority)) = value.object().map(Authority::parse) else { continue };
        assert_eq!(parse(&authority.to_json()), Ok(authority));
    }
}
