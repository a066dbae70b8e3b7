//! A small log, replayed whole and cut, and replayed with one thing wrong.

use super::*;
use crate::admission::replay::{Chunk, Cursor, Ended, Entry, Inadmissible, Need, What, map_changes};
use crate::admission::signatures::{Checked, check_named};
use crate::map::{self, Tiles};
use crate::merkle::Hash;
use crate::state::{RULES, StateEntry};

/// What is stored between two chunks.
#[derive(Clone, Default)]
struct Kept {
    cursor: Cursor,
    rows: Rows,
    tiles: Tiles,
}

/// Rows by a store that has these; tiles likewise.
fn replay(kept: &mut Kept, entries: &[Vec<u8>], named: bool) -> Result<(), Ended> {
    let start = kept.cursor.index;
    let why = |at: usize, why| Ended::Inadmissible { index: start + at as u64, why };
    let keys = KEYS.into_iter().chain([ROOT]).map(|seed| (keyid(seed), public_key(seed))).collect::<BTreeMap<_, _>>();
    let mut parsed = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        let what = What::parse(entry).map_err(|error| why(at, error))?;
        let checked = match &what {
            What::Record(record) if named => check_named([&**record], |keyid| keys.get(keyid).cloned()).remove(0),
            _ => Checked::default(),
        };
        parsed.push((what, checked));
    }
    let entries: Vec<_> =
        entries.iter().zip(&parsed).map(|(bytes, (what, checked))| Entry { bytes, what, checked }).collect();
    let (mut rows, mut tiles) = (Rows::default(), Tiles::default());
    let world = World { entries: Vec::new(), rows: kept.rows.clone() };
    let mut chunk = Chunk::new(LOG, kept.cursor, &entries);
    while let Some(need) = chunk.advance(&mut rows, &mut tiles)? {
        match need {
            Need::Rows(looks) => {
                assert!(looks.iter().all(|look| !rows.knows(look)), "asked twice");
                world.answer(looks, &mut rows);
            }
            Need::Tiles(paths) => {
                tiles
                    .0
                    .extend(paths.into_iter().map(|path| (path, kept.tiles.0.get(&path).cloned().unwrap_or_default())));
            }
        }
    }
    let done = chunk.done();
    kept.cursor = done.cursor;
    rows.into_put().for_each(|row| kept.rows.put(row));
    kept.tiles.0.extend(done.tiles.into_iter().map(|path| (path, tiles.0[&path].clone())));
    Ok(())
}

/// A log as the log itself makes it: judged records, and after those whose number `batches` lists a state entry.
struct Log {
    world: World,
    tiles: Tiles,
    time: u64,
}

impl Log {
    fn new() -> Self {
        let tiles = Tiles([(map::TilePath::ROOT, map::Tile::default())].into());
        let mut log = Self { world: World::default(), tiles, time: 100 };
        log.batch(&[signed(&authority("*", &[(RoleName::Root, 1, &[ROOT])]).into_statement(), &[ROOT])]);
        log
    }

    fn batch(&mut self, records: &[Record]) {
        for record in records {
            let Ok(Admission::New { entry, rows }) = self.world.judge(record) else { panic!("not admitted") };
            map::put(&mut self.tiles, &map_changes(&rows)).unwrap();
            rows.into_iter().for_each(|row| self.world.rows.put(row));
            self.world.entries.push(entry);
        }
        self.time += 1;
        let root = map::root(&self.tiles).unwrap();
        self.world.entries.push(StateEntry { time: self.time, rules: RULES, root }.to_bytes());
    }
}

/// Entries 0 to 11: genesis, state, authority of acme, state, source, build, update, state, source, state, withdrawal, state.
fn small() -> Vec<Vec<u8>> {
    let mut log = Log::new();
    log.batch(&[signed(&vendor(ACME, KEYS).into_statement(), &[ROOT])]);
    let built = signed(&build(&["shield.pkg"], &["archive"]), &[12]);
    let update = signed(&update(SHIELD, 1, &["shield.pkg"], &[built.id]), &[14, 15]);
    let withdrawal = signed(&withdrawals::withdrawal(&[update.id], &["shield.pkg"]), &[10]);
    log.batch(&[signed(&source(&[SHIELD], &["archive"]), &[11]), built, update]);
    log.batch(&[signed(&source(&[SWORD], &["other"]), &[11])]);
    log.batch(&[withdrawal]);
    log.world.entries
}

#[test]
fn a_log_replays_however_it_is_cut() {
    let entries = small();
    let mut whole = Kept::default();
    replay(&mut whole, &entries, false).unwrap();
    assert_eq!((whole.cursor.index, whole.cursor.records, whole.cursor.time), (12, 0, 105));
    let once = (0..entries.len() - 1).map(|at| 1_u32 << at);
    for named in [false, true] {
        for cuts in once.clone().chain([u32::MAX, 0x5555_5555, 0xaaaa_aaaa]) {
            let mut kept = Kept::default();
            let mut from = 0;
            for to in (1..entries.len()).filter(|to| cuts & 1 << (to - 1) != 0).chain([entries.len()]) {
                replay(&mut kept, &entries[from..to], named).unwrap();
                from = to;
            }
            assert_eq!(kept.cursor, whole.cursor);
            assert_eq!(map::root(&kept.tiles), map::root(&whole.tiles));
        }
    }
    let mut kept = Kept::default();
    replay(&mut kept, &entries[..9], false).unwrap();
    assert_eq!(
        kept.cursor.end(),
        Err(Ended::Inadmissible { index: 9, why: Inadmissible::StateNotLast { records: 1 } })
    );
}

/// What a replay says of entries; and that it says the same entry by entry.
fn ends(entries: &[Vec<u8>]) -> (u64, Inadmissible) {
    let whole = replay(&mut Kept::default(), entries, false).unwrap_err();
    let mut kept = Kept::default();
    let one = entries.iter().find_map(|entry| replay(&mut kept, core::slice::from_ref(entry), true).err());
    // What cannot be read is said before anything is judged.
    if !matches!(whole, Ended::Inadmissible { why: Inadmissible::Malformed(_) | Inadmissible::State(_), .. }) {
        assert_eq!(one.as_ref(), Some(&whole));
    }
    match one {
        Some(Ended::Inadmissible { index, why }) => (index, why),
        other => panic!("{other:?}"),
    }
}

fn name(entries: &[Vec<u8>]) -> (u64, &'static str) {
    let (index, why) = ends(entries);
    (index, why.name())
}

#[test]
fn what_should_not_be_there_is_named() {
    let good = small();
    let with = |at: usize, entry: Vec<u8>| {
        let mut entries = good.clone();
        entries[at] = entry;
        entries
    };
    let state = |at: usize, change: fn(&mut StateEntry)| {
        let mut state = StateEntry::parse(&good[at]).unwrap();
        change(&mut state);
        with(at, state.to_bytes())
    };
    assert_eq!(ends(&state(7, |state| state.time = 101)), (7, Inadmissible::TimeFalls { have: 101, last: 102 }));
    assert_eq!(name(&state(9, |state| state.root = Hash([7; 32]))), (9, "state-root"));
    assert_eq!(name(&state(3, |state| state.rules = 2)), (3, "unknown-rules"));

    // Left out of the state: the entry before says what the one after should.
    let left_out = with(7, good[3].clone());
    assert_eq!(name(&left_out), (7, "state-root"));
    // A withdrawal too.
    let root = StateEntry::parse(&good[9]).unwrap().root;
    let mut hidden = StateEntry::parse(&good[11]).unwrap();
    hidden.root = root;
    assert_eq!(name(&with(11, hidden.to_bytes())), (11, "state-root"));

    let mut twice = good.clone();
    twice.insert(9, good[4].clone());
    assert_eq!(ends(&twice), (9, Inadmissible::Repeated { first: 4 }));
    let mut states = good.clone();
    states.insert(4, good[3].clone());
    assert_eq!(name(&states), (4, "state-without-record"));
    assert_eq!(name(&good[2..]), (0, "genesis"));
    let mut swapped = good.clone();
    swapped.swap(4, 5);
    assert_eq!(name(&swapped), (4, "source-not-logged"));
    assert_eq!(name(&with(4, b"{}".to_vec())), (4, "missing-field"));
    assert_eq!(name(&with(3, b"glarus/state v2\n".to_vec())), (3, "state-malformed"));

    // A signature that is not by the vendor, alone and beside one that is.
    let stranger = signed(&source(&[SWORD], &["other"]), &[99]);
    let entry = |record: &Record, seeds: &[u8]| {
        let sigs: Vec<_> =
            record.signatures.iter().zip(seeds).map(|(one, seed)| (keyid(*seed), one.sig.clone())).collect();
        record.entry(&sigs).unwrap()
    };
    assert_eq!(name(&with(8, entry(&stranger, &[99]))), (8, "threshold-not-met"));
    assert_eq!(name(&with(8, entry(&stranger, &[11]))), (8, "threshold-not-met"));
    let both = signed(&source(&[SWORD], &["other"]), &[11, 99]);
    assert_eq!(name(&with(8, entry(&both, &[11, 99]))), (8, "not-as-admitted"));
}
