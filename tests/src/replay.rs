//! The log again, from its entries alone: every admission judged anew, every state entry computed anew.

use anyhow::{Context as _, bail, ensure};
use spec::admission::{self, Admission, Family, Rows};
use spec::map::{self, Tile, TilePath, Tiles};
use spec::merkle::{Frontier, TreeHead, leaf_hash};
use spec::record::{Digest, Record};
use spec::state::{RULES, StateEntry, is_state_entry};
use std::collections::BTreeMap;

/// What a replay finds.
#[derive(Debug)]
pub struct Replayed {
    /// The root after each entry: `heads[n]` is the tree of n + 1 entries.
    pub heads: Vec<TreeHead>,
    /// Index by record id.
    pub records: BTreeMap<Digest, u64>,
}

/// Replays entries from genesis on.
///
/// # Errors
/// Names the first entry that should not be there, and why.
pub fn replay(origin: &str, entries: &[Vec<u8>]) -> anyhow::Result<Replayed> {
    let mut rows = Rows::default();
    let mut tiles = Tiles([(TilePath::ROOT, Tile::default())].into());
    let mut tree = Frontier::default();
    let mut replayed = Replayed { heads: Vec::new(), records: BTreeMap::new() };
    let (mut time, mut since) = (0, 0);
    for (index, entry) in (0_u64..).zip(entries) {
        if is_state_entry(entry) {
            let state = StateEntry::parse(entry).with_context(|| format!("entry {index}"))?;
            let expected = StateEntry { time: state.time, rules: RULES, root: map::root(&tiles)? };
            ensure!(state == expected, "entry {index} says {state:?}, replay gives {expected:?}");
            ensure!(state.time >= time, "entry {index}: time falls from {time} to {}", state.time);
            ensure!(since > 0, "entry {index}: a state entry follows another");
            (time, since) = (state.time, 0);
        } else {
            let record = Record::parse_entry(entry).with_context(|| format!("entry {index}"))?;
            let judged = admission::judge(origin, index, &record, &rows, &|_, _| None);
            let judged = judged.with_context(|| format!("entry {index}"))?;
            let Admission::New { entry: canonical, rows: new } = judged else {
                bail!("entry {index} is a record that was logged before: {judged:?}");
            };
            ensure!(canonical == *entry, "entry {index} is not what admission makes of it");
            let mut changes = Vec::new();
            for row in new {
                if row.family == Family::State {
                    let (key, value) = (str::from_utf8(&row.key)?, str::from_utf8(&row.value)?);
                    changes.push((map::key_hash(key), map::value_hash(value)));
                }
                rows.put(row);
            }
            map::put(&mut tiles, &changes)?;
            ensure!(replayed.records.insert(record.id, index).is_none(), "entry {index} has an id for the second time");
            since += 1;
        }
        tree.push(leaf_hash(entry), |_, _| ());
        replayed.heads.push(tree.head());
    }
    ensure!(since == 0, "the last entry is not a state entry");
    Ok(replayed)
}
