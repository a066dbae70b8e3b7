//! Prints what a cosignature costs of either kind, and a record's signature of each, over 1,000 distinct messages: `cargo run -p spec --example signatures`.

use spec::authority::{Algorithm, SecretKey};
use spec::checkpoint::Checkpoint;
use spec::cosignature;
use spec::merkle::{TreeHead, leaf_hash};
use spec::note::{KeyKind, NoteSignature, Skey};
use std::time::{Duration, Instant};

fn main() {
    let texts: Vec<String> = (0..1_000_u64)
        .map(|size| TreeHead { size, root: leaf_hash(&size.to_be_bytes()) })
        .map(|head| Checkpoint::new("log.example/updates", head).to_text())
        .collect();
    for (name, kind) in [("Ed25519", KeyKind::CosignatureEd25519), ("ML-DSA-44", KeyKind::CosignatureMlDsa44)] {
        let Ok(skey) = Skey::from_seed("witness.example/w", kind, [1; 32]) else { return };
        let mut lines: Vec<NoteSignature> = Vec::new();
        print(name, "sign", texts.iter().map(|text| timed(|| lines.push(cosignature::sign(text, 7, &skey)))).collect());
        let mut valid = 0;
        let verify = |(text, line): (&String, &NoteSignature)| {
            timed(|| valid += u32::from(cosignature::verify(text, line, skey.vkey()).is_ok()))
        };
        print(name, "verify", texts.iter().zip(&lines).map(verify).collect());
        assert_eq!(valid, 1_000);
    }
    println!("of records:");
    for algorithm in Algorithm::ALL {
        let Some(key) = SecretKey::from_seed(algorithm, &[1; 32]) else { return };
        let mut sigs: Vec<Vec<u8>> = Vec::new();
        let sign = |text: &String| timed(|| sigs.push(key.sign(text.as_bytes(), &[0; 32])));
        print(algorithm.name(), "sign", texts.iter().map(sign).collect());
        let mut valid = 0;
        let verify =
            |(text, sig): (&String, &Vec<u8>)| timed(|| valid += u32::from(key.public().verify(text.as_bytes(), sig)));
        print(algorithm.name(), "verify", texts.iter().zip(&sigs).map(verify).collect());
        assert_eq!(valid, 1_000);
    }
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn print(name: &str, what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let mean = times.iter().sum::<Duration>() / 1_000;
    let [mean, median, p99] = [mean, times[499], times[989]].map(|time| time.as_micros());
    println!("{name:17} {what:6}: mean {mean:5} us, median {median:5} us, p99 {p99:5} us");
}
