//! What strangers can make a client do: bundles as large as they may be, of the records that cost most to read, which no
//! quorum ever saw.

use super::world::{self, ORIGIN};
use super::*;
use crate::bundle::{MAX_BUNDLE_BYTES, MAX_RECORDS, Proved};
use crate::record::{Digest as Sha256, MAX_DEPENDENCIES, MAX_SUBJECTS, envelope};
use std::time::{Duration, Instant};

extern crate std;

/// As many records of one statement as fit into a status beside the bundle's own.
fn filled(statement: &Statement, in_status: bool) -> Fixture {
    let mut fixture = Fixture::new();
    let payload = statement.to_json().into_bytes();
    let signatures: Vec<_> = (0..16).map(|at| (Sha256([at; 32]), vec![0; 64])).collect();
    let entry = envelope(&payload, &signatures).unwrap();
    let room = MAX_BUNDLE_BYTES - fixture.bundle.to_json().len();
    let count = (room / (entry.len() * 4 / 3 + 200)).min(MAX_RECORDS - 8);
    let many = (100..).take(count).map(|index| Proved { index, entry: entry.clone(), proof: Vec::new() });
    let records = if in_status { &mut fixture.bundle.status.records } else { &mut fixture.bundle.records };
    records.extend(many);
    fixture.bundle.status.checkpoint.signatures.truncate(1);
    fixture
}

fn costs(what: &str, fixture: &Fixture) -> Duration {
    let bytes = fixture.bundle.to_json().into_bytes();
    let start = Instant::now();
    let judged = judge(&fixture.ask, &bytes, &fixture.trust, &fixture.memory, fixture.now);
    let took = start.elapsed();
    let name = judged.verdict.map_or_else(|refusal| refusal.name(), |_| "installable");
    std::println!(
        "{what}: {} bytes, {} records, {name} after {took:?}",
        bytes.len(),
        fixture.bundle.records.len() + fixture.bundle.status.records.len()
    );
    took
}

#[test]
fn the_largest_bundles_are_read_in_a_moment() {
    let mut took = Duration::ZERO;
    let names: Vec<_> = (0..MAX_SUBJECTS).map(|at| format!("f{at}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let needs: Vec<_> = (0..MAX_DEPENDENCIES).map(|at| world::needs(&format!("d{at}"))).collect();
    for count in [1, 16, 64, 200] {
        let build = world::build(&names[..count], &needs[..count]);
        took = took.max(costs(&format!("builds of {count} files"), &filled(&build, false)));
    }
    let seeds: Vec<u8> = (100..132).collect();
    let authority = world::authority("https://party.example", &[(RoleName::Authority, 1, &seeds)]).into_statement();
    took = took.max(costs("authorities of 32 keys", &filled(&authority, true)));
    let witness = |kind, at: u8| Skey::from_seed(&format!("w{at}"), kind, [at; 32]).unwrap();
    for (kind, count) in [(KeyKind::CosignatureEd25519, 32), (KeyKind::CosignatureMlDsa44, 24)] {
        let lines: String = (0..count).map(|at| format!("witness w{at} {}\n", witness(kind, at).vkey())).collect();
        let log = Skey::from_seed(ORIGIN, KeyKind::Ed25519, [9; 32]).unwrap();
        let policy = world::policy(&format!("log {}\n{lines}quorum w0\n", log.vkey()), 0, None);
        took = took.max(costs(&format!("policies of {count} keys"), &filled(&policy, true)));
    }
    // Seconds would be an attack; on a machine that does other things too a moment may be long.
    assert!(took < Duration::from_secs(2), "{took:?}");
}
