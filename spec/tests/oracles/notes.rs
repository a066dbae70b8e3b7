//! Checkpoints by `tlog_tiles`; notes, their keys and their signatures by `signed_note`.

use crate::Differences;
use signed_note::{Signer as _, StandardSigner, StandardVerifier, Verifier as _, VerifierList};
use spec::checkpoint::{self, Checkpoint};
use spec::merkle::{TreeHead, leaf_hash};
use spec::note::{KeyKind, Note, Skey, Vkey};
use tlog_tiles::checkpoint::Checkpoint as TheirCheckpoint;

const ORIGIN: &str = "example.com/log";
const ROOT: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

/// A text cut everywhere, and with each byte changed into some others.
fn mangled(text: &str) -> Vec<Vec<u8>> {
    let bytes = text.as_bytes();
    let mut all: Vec<_> = (0..bytes.len()).map(|end| bytes[..end].to_vec()).collect();
    for at in 0..bytes.len() {
        for other in (0..=255).filter(|other| other % 7 == (at % 7) as u8 || b"\n\r\t +-/=0A".contains(other)) {
            let mut changed = bytes.to_vec();
            changed[at] = other;
            all.push(changed);
        }
        let mut longer = bytes.to_vec();
        longer.insert(at, bytes[at]);
        all.push(longer);
    }
    all
}

/// Checkpoints that are none, each for one reason, and some that are.
pub(crate) fn compare_checkpoints(differences: &mut Differences) {
    let long = format!("{}\n7\n{ROOT}\n", "o".repeat(256));
    let cases = [
        ("a checkpoint", format!("{ORIGIN}\n7\n{ROOT}\n")),
        ("a checkpoint with extensions", format!("{ORIGIN}\n7\n{ROOT}\none\ntwo two\n")),
        ("an origin with spaces", format!("example log\n7\n{ROOT}\n")),
        ("an origin of 256 bytes", long),
        ("an empty origin", format!("\n7\n{ROOT}\n")),
        ("a size of 2^63 - 1", format!("{ORIGIN}\n{}\n{ROOT}\n", (1_u64 << 63) - 1)),
        ("a size of 2^63", format!("{ORIGIN}\n{}\n{ROOT}\n", 1_u64 << 63)),
        ("a size of 2^64", format!("{ORIGIN}\n18446744073709551616\n{ROOT}\n")),
        ("a size with a leading zero", format!("{ORIGIN}\n07\n{ROOT}\n")),
        ("a size with a sign", format!("{ORIGIN}\n+7\n{ROOT}\n")),
        ("a root of 31 bytes", format!("{ORIGIN}\n7\n{}\n", "A".repeat(40) + "AA==")),
        ("a root without padding", format!("{ORIGIN}\n7\n{}\n", &ROOT[..43])),
        ("a root with stray bits", format!("{ORIGIN}\n7\n{}\n", ROOT.replace("U=", "V="))),
        ("lines that end in CR LF", format!("{ORIGIN}\r\n7\r\n{ROOT}\r\n")),
        ("no final line end", format!("{ORIGIN}\n7\n{ROOT}")),
        ("an empty extension line", format!("{ORIGIN}\n7\n{ROOT}\n\n")),
        ("an empty extension line between others", format!("{ORIGIN}\n7\n{ROOT}\none\n\ntwo\n")),
    ];
    let mut check = |case: &str, text: &[u8]| {
        let theirs = || TheirCheckpoint::from_bytes(text).is_ok_and(|one| one.to_bytes() == text);
        let ours = || {
            let text = std::str::from_utf8(text).ok();
            text.is_some_and(|text| Checkpoint::parse(text).is_ok_and(|one| one.to_text() == text))
        };
        differences.compare(case, theirs, ours);
    };
    for (case, text) in &cases {
        check(case, text.as_bytes());
    }
    for text in mangled(&cases[0].1).into_iter().chain(mangled(&cases[1].1)) {
        check("a mangled checkpoint", &text);
    }
}

fn skey(name: &str, seed: u8) -> Skey {
    Skey::from_seed(name, KeyKind::Ed25519, [seed; 32]).unwrap()
}

fn signed(keys: &[&Skey]) -> Note {
    let checkpoint = Checkpoint::new(ORIGIN, TreeHead { size: 7, root: leaf_hash(b"root") });
    let signatures = keys.iter().map(|key| checkpoint::sign(&checkpoint, key)).collect();
    Note { text: checkpoint.to_text(), signatures }
}

fn they_open(note: &[u8], vkeys: &[&str]) -> bool {
    let verifiers = vkeys.iter().map(|vkey| Box::new(StandardVerifier::new(vkey).unwrap()) as Box<_>);
    let verifiers = VerifierList::new(verifiers.collect());
    signed_note::Note::from_bytes(note).is_ok_and(|note| note.verify(&verifiers).is_ok())
}

fn we_open(note: &[u8], vkeys: &[&str]) -> bool {
    let vkeys: Vec<Vkey> = vkeys.iter().map(|vkey| vkey.parse().unwrap()).collect();
    Note::parse(note).is_ok_and(|note| checkpoint::open(&note, &vkeys).is_ok())
}

/// Writes a vkey with the right ID, whatever it is of.
fn vkey(name: &str, material: &[u8]) -> String {
    use base64::prelude::{BASE64_STANDARD, Engine as _};
    format!("{name}+{:08x}+{}", signed_note::key_id(name, material), BASE64_STANDARD.encode(material))
}

fn compare_vkeys(differences: &mut Differences) {
    let good = skey(ORIGIN, 1).vkey().to_string();
    let public = skey(ORIGIN, 1).vkey().public().to_vec();
    let typed = |kind: u8, public: &[u8]| [&[kind], public].concat();
    let upper = |vkey: &str| {
        let parts: Vec<_> = vkey.split('+').collect();
        [parts[0], &parts[1].to_uppercase(), &parts[2..].join("+")].join("+")
    };
    // The neutral element, a point of order 8, and the neutral element written as y = p + 1.
    let neutral = [&[1_u8][..], &[0; 31]].concat();
    let eight: Vec<u8> = vec![
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf,
        0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ];
    let surplus = [&[0xee_u8][..], &[0xff; 30], &[0x7f]].concat();
    let cases = [
        ("a vkey", good.clone()),
        ("a vkey with an upper-case key ID", upper(&good)),
        ("a vkey with another key ID", good.replacen('+', "+0", 1)),
        ("a vkey of a small-order point", vkey(ORIGIN, &typed(1, &neutral))),
        ("a vkey of a small-order point", vkey(ORIGIN, &typed(1, &eight))),
        ("a vkey of a point in another encoding", vkey(ORIGIN, &typed(1, &surplus))),
        ("a vkey of type 0x04", vkey(ORIGIN, &typed(4, &public))),
        ("a vkey of type 0x02", vkey(ORIGIN, &typed(2, &public))),
        ("a vkey of 31 bytes", vkey(ORIGIN, &typed(1, &public[1..]))),
        ("a vkey of 33 bytes", vkey(ORIGIN, &typed(1, &typed(1, &public)))),
        ("a key name with a space", vkey("example log", &typed(1, &public))),
        ("a key name with a no-break space", vkey("example\u{a0}log", &typed(1, &public))),
        ("a key name with a control character", vkey("example\u{7f}log", &typed(1, &public))),
        ("an empty key name", vkey("", &typed(1, &public))),
        ("a key name that is not ASCII", vkey("exämple", &typed(1, &public))),
    ];
    let mut check = |case: &str, text: &str| {
        let theirs = || StandardVerifier::new(text).is_ok();
        let ours = || text.parse::<Vkey>().is_ok_and(|vkey| vkey.to_string() == text);
        differences.compare(case, theirs, ours);
    };
    for (case, text) in &cases {
        check(case, text);
    }
    for text in mangled(&good).iter().filter_map(|text| std::str::from_utf8(text).ok()) {
        let upper = text != good && text.eq_ignore_ascii_case(&good) && text.starts_with(ORIGIN);
        check(if upper { "a vkey with an upper-case key ID" } else { "a mangled vkey" }, text);
    }
    let secret = skey(ORIGIN, 1).to_secret_text();
    let texts = mangled(&secret).into_iter().chain([secret.into_bytes()]);
    for text in texts.filter_map(|text| String::from_utf8(text).ok()) {
        differences.compare(
            "an skey, mangled or not",
            || StandardSigner::new(&text).is_ok(),
            || text.parse::<Skey>().is_ok(),
        );
    }
}

fn compare_notes(differences: &mut Differences) {
    let (ours, other) = (skey(ORIGIN, 1), skey(ORIGIN, 2));
    let (known, unknown) = (ours.vkey().to_string(), other.vkey().to_string());
    let good = signed(&[&ours]);
    let text = good.to_string();
    let with = |change: &dyn Fn(&mut Note)| {
        let mut note = signed(&[&ours, &other]);
        change(&mut note);
        note.to_string()
    };
    let one = text.lines().last().unwrap().to_owned() + "\n";
    let cases = [
        ("a note", text.clone()),
        ("a note with a line by an unknown key", with(&|_| ())),
        ("a note with the unknown key's line first", with(&|note| note.signatures.reverse())),
        ("a note with a bad line by an unknown key", with(&|note| note.signatures[1].bytes[9] ^= 1)),
        ("a note with a bad line by a known key", with(&|note| note.signatures[0].bytes[9] ^= 1)),
        ("a note with a good line twice", with(&|note| note.signatures[1] = note.signatures[0].clone())),
        (
            "a note with a bad second line by a known key",
            with(&|note| {
                note.signatures[1] = note.signatures[0].clone();
                note.signatures[1].bytes[9] ^= 1;
            }),
        ),
        ("a note by an unknown key alone", with(&|note| drop(note.signatures.remove(0)))),
        ("a note without signatures", with(&|note| note.signatures.clear())),
        ("a note with 100 signatures", text.clone() + &one.repeat(99)),
        ("a note with 101 signatures", text.clone() + &one.repeat(100)),
        ("a note with a tab", text.replace("log\n7", "log\n7\t")),
        ("a note with CR LF", text.replace('\n', "\r\n")),
        ("a note without final line end", text.trim_end().into()),
        ("a note with another dash", text.replace('\u{2014}', "-")),
        ("a note with stray bits in its signature", text.replace("A==\n", "B==\n")),
        ("a note of more than 256 KiB", format!("{}\n\n{one}", "x".repeat(1 << 18))),
        ("a signature of no bytes", format!("text\n\n\u{2014} {ORIGIN} AAAAAA==\n")),
        ("an empty line in the text", text.replacen('\n', "\n\n", 1)),
    ];
    let mut check = |case: &str, note: &[u8]| {
        let form = format!("the form of {case}");
        let theirs = || signed_note::Note::from_bytes(note).is_ok_and(|one| one.to_bytes() == note);
        let ours = || Note::parse(note).is_ok_and(|one| one.to_string().as_bytes() == note);
        differences.compare(&form, theirs, ours);
        // What is signed must be a checkpoint for us: only such notes can be compared further.
        if Note::parse(note).is_ok_and(|note| Checkpoint::parse(&note.text).is_ok_and(|one| one.origin == ORIGIN)) {
            differences.compare(case, || they_open(note, &[&known]), || we_open(note, &[&known]));
        }
    };
    for (case, note) in &cases {
        check(case, note.as_bytes());
    }
    for note in mangled(&text) {
        check("a mangled note", &note);
    }
    let twice = || they_open(text.as_bytes(), &[&known, &known]);
    differences.compare("a key that is known twice", twice, || we_open(text.as_bytes(), &[&known, &known]));
    let both = with(&|_| ());
    let vkeys: [&str; 2] = [&known, &unknown];
    differences.compare(
        "two keys of one name",
        || they_open(both.as_bytes(), &vkeys),
        || we_open(both.as_bytes(), &vkeys),
    );
}

#[test]
fn signed_note_reads_what_we_write_and_we_what_it_writes() {
    for seed in 0..20 {
        let ours = skey(ORIGIN, seed);
        let theirs = StandardSigner::new(&ours.to_secret_text()).unwrap();
        let verifier = StandardVerifier::new(&ours.vkey().to_string()).unwrap();
        assert_eq!((theirs.name(), theirs.key_id()), (ORIGIN, ours.vkey().id));
        assert_eq!((verifier.name(), verifier.key_id()), (ORIGIN, ours.vkey().id));
        let note = signed(&[&ours]);
        let mut again = signed_note::Note::new(note.text.as_bytes(), &[]).unwrap();
        again.add_sigs(&[&theirs]).unwrap();
        assert_eq!(again.to_bytes(), note.to_string().as_bytes());
        let vkey = ours.vkey().to_string();
        assert!(they_open(note.to_string().as_bytes(), &[&vkey]) && we_open(&again.to_bytes(), &[&vkey]));
    }
}

#[test]
fn signed_note_takes_what_we_do() {
    let mut differences = Differences::of("signed_note");
    compare_vkeys(&mut differences);
    compare_notes(&mut differences);
    differences.settle();
}
