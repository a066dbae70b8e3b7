//! Replay: whether the entries of a log are those that admission makes, state entries and all.
//!
//! An auditor, a supervisor and a log that makes its rows anew hold entries and rows; [`Chunk`] says which rows it needs, and
//! then whether the entries may stand where they stand and which rows they put. It reads no store: the caller answers.
//!
//! ```
//! use spec::admission::replay::{Chunk, Cursor, Entry, Need, What};
//! use spec::admission::{signatures::Checked, Rows};
//! use spec::map::{self, Tile, Tiles};
//!
//! # fn audit(entries: Vec<Vec<u8>>) -> Result<(), Box<dyn std::error::Error>> {
//! let (mut rows, mut tiles) = (Rows::default(), Tiles::default());
//! let parsed = entries.iter().map(|entry| What::parse(entry)).collect::<Result<Vec<_>, _>>()?;
//! let checked = Checked::default();
//! let entries: Vec<_> =
//!     entries.iter().zip(&parsed).map(|(bytes, what)| Entry { bytes, what, checked: &checked }).collect();
//! let mut chunk = Chunk::new("log.example/updates", Cursor::default(), &entries);
//! while let Some(need) = chunk.advance(&mut rows, &mut tiles)? {
//!     match need {
//!         // Nothing is stored in this example: each look finds nothing, each tile of the map is an empty one.
//!         Need::Rows(looks) => looks.into_iter().for_each(|look| rows.answer_none(look)),
//!         Need::Tiles(paths) => tiles.0.extend(paths.into_iter().map(|path| (path, Tile::default()))),
//!     }
//! }
//! let done = chunk.done();
//! done.cursor.end()?;
//! # Ok(())
//! # }
//! ```

use super::signatures::Checked;
use super::{Corrupt, Decision, Family, Look, Refusal, Row, Rows, Signatures, Stop, decide, entry, needs, needs_more};
use crate::map::{self, KeyHash, TilePath, Tiles, ValueHash};
use crate::merkle::Hash;
use crate::record::{Record, RecordError};
use crate::state::{RULES, StateEntry, StateError, is_state_entry};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::{boxed::Box, string::String, vec::Vec};

/// What an entry is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// A record, its signatures not verified yet.
    Record(Box<Record>),
    /// What the log says of itself.
    State(StateEntry),
}

impl What {
    /// Reads an entry.
    ///
    /// # Errors
    /// [`Inadmissible::Malformed`], [`Inadmissible::State`].
    pub fn parse(entry: &[u8]) -> Result<Self, Inadmissible> {
        if is_state_entry(entry) {
            return Ok(Self::State(StateEntry::parse(entry)?));
        }
        Ok(Self::Record(Box::new(Record::parse_entry(entry)?)))
    }
}

/// An entry, what it is, and what is known of its signatures already.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// What [`What::parse`] read from these bytes.
    pub what: &'a What,
    /// What is known of its signatures; the rest is verified by the replay.
    pub checked: &'a Checked,
}

/// Why an entry should not stand where it stands.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Inadmissible {
    /// It is neither a record in the form that entries have, nor a state entry.
    #[error("it is no entry: {0}")]
    Malformed(#[from] RecordError),
    /// It begins as a state entry and is none.
    #[error("it is no state entry: {0}")]
    State(#[from] StateError),
    /// A rule of admission refuses the record.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The record was logged before.
    #[error("it is the record of entry {first} once more")]
    Repeated {
        /// The index of the record.
        first: u64,
    },
    /// Admission keeps other signatures of this record.
    #[error("it is not the entry that admission makes of this record: byte {at} differs")]
    OtherForm {
        /// The first byte that differs.
        at: usize,
    },
    /// The state entry names rules that this crate does not know; nothing before or after it can be judged.
    #[error("it is of rules {have}, known are rules {RULES}")]
    UnknownRules {
        /// The rules.
        have: u64,
    },
    /// The state entry follows no record.
    #[error("it is a state entry that follows no record")]
    NoRecord,
    /// The state entry's time is below the last one's.
    #[error("its time {have} is below that of the state entry before it, {last}")]
    TimeFalls {
        /// Its time. Units: Unix seconds.
        have: u64,
        /// The time of the state entry before. Units: Unix seconds.
        last: u64,
    },
    /// The state entry has another root of the map than the entries before it give.
    #[error("it says that the state has root {have}, the entries before it give {replayed}")]
    StateRoot {
        /// What it says.
        have: Hash,
        /// What replay gives.
        replayed: Hash,
    },
    /// The last entry of a tree is no state entry.
    #[error("the tree ends after {records} records without a state entry")]
    StateNotLast {
        /// Records since the last state entry.
        records: u64,
    },
}

impl Inadmissible {
    /// The stable name: a refusal's own, or one of these.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Malformed(error) => error.name(),
            Self::Refused(refusal) => refusal.name(),
            Self::State(_) => "state-malformed",
            Self::Repeated { .. } => "repeated",
            Self::OtherForm { .. } => "not-as-admitted",
            Self::UnknownRules { .. } => "unknown-rules",
            Self::NoRecord => "state-without-record",
            Self::TimeFalls { .. } => "time-falls",
            Self::StateRoot { .. } => "state-root",
            Self::StateNotLast { .. } => "state-not-last",
        }
    }
}

/// Why a replay ends.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Ended {
    /// An entry should not stand where it stands.
    #[error("entry {index}: {why}")]
    Inadmissible {
        /// Its index.
        index: u64,
        /// Why.
        why: Inadmissible,
    },
    /// A row that was answered cannot be read; the store's fault.
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
    /// The store lacks a tile of the map; the store's fault.
    #[error(transparent)]
    Missing(#[from] map::Missing),
}

/// Where a replay stands between two entries.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Cursor {
    /// The index of the next entry.
    pub index: u64,
    /// The time of the last state entry. Units: Unix seconds.
    pub time: u64,
    /// Records since the last state entry.
    pub records: u64,
}

impl Cursor {
    fn ends(&self, why: impl Into<Inadmissible>) -> Ended {
        Ended::Inadmissible { index: self.index, why: why.into() }
    }

    /// Whether a tree may end here: the last entry of every tree whose head is signed is a state entry.
    ///
    /// # Errors
    /// [`Inadmissible::StateNotLast`] at the index after the last.
    pub fn end(&self) -> Result<(), Ended> {
        match self.records {
            0 => Ok(()),
            records => Err(self.ends(Inadmissible::StateNotLast { records })),
        }
    }

    /// Judges a record at this index, and returns the rows that it puts.
    ///
    /// `rows` is as for [`judge`](super::judge).
    ///
    /// # Errors
    /// [`Ended`].
    fn record(
        &mut self,
        origin: &str,
        bytes: &[u8],
        record: &Record,
        rows: &Rows,
        checked: &Checked,
    ) -> Result<Vec<Row>, Ended> {
        let decision = decide(origin, self.index, record, rows, &|keyid, sig| checked.get(keyid, sig));
        let (signatures, new) = match decision {
            Ok(Decision::New { signatures, rows }) => (signatures, rows),
            Ok(Decision::Known { index: first }) => return Err(self.ends(Inadmissible::Repeated { first })),
            Err(Stop::Refused(refusal)) => return Err(self.ends(refusal)),
            Err(Stop::Corrupt(corrupt)) => return Err(corrupt.into()),
        };
        if !has(record, &signatures) {
            let entry = entry(record, signatures).map_err(|refusal| self.ends(refusal))?;
            let at = entry.iter().zip(bytes).take_while(|(left, right)| left == right).count();
            return Err(self.ends(Inadmissible::OtherForm { at }));
        }
        self.index = self.index.saturating_add(1);
        self.records = self.records.saturating_add(1);
        Ok(new)
    }

    /// Judges a state entry at this index; `root` is that of the map that the entries before it give.
    ///
    /// # Errors
    /// [`Ended::Inadmissible`].
    fn state(&mut self, state: &StateEntry, root: &Hash) -> Result<(), Ended> {
        let StateEntry { time, rules, root: said } = *state;
        let last = self.time;
        let why = match () {
            () if rules != RULES => Inadmissible::UnknownRules { have: rules },
            () if self.records == 0 => Inadmissible::NoRecord,
            () if time < last => Inadmissible::TimeFalls { have: time, last },
            () if said != *root => Inadmissible::StateRoot { have: said, replayed: *root },
            () => {
                *self = Self { index: self.index.saturating_add(1), time, records: 0 };
                return Ok(());
            }
        };
        Err(self.ends(why))
    }
}

/// Whether a record that was read from an entry has these signatures and no others, so that it makes the same entry again.
fn has(record: &Record, signatures: &Signatures) -> bool {
    let own = record.signatures.iter().map(|own| (own.keyid.as_ref(), &own.sig));
    own.eq(signatures.iter().map(|(keyid, sig)| (Some(keyid), sig)))
}

/// What rows change in the map: for each key of the state its last value.
pub fn map_changes(rows: &[Row]) -> Vec<(KeyHash, ValueHash)> {
    let state = rows.iter().filter(|row| row.family == Family::State);
    let last: BTreeMap<&[u8], &[u8]> = state.map(|row| (row.key.as_slice(), row.value.as_slice())).collect();
    last.into_iter().filter_map(|(key, value)| change(key, value)).collect()
}

/// What a row of the state changes in the map.
fn change(key: &[u8], value: &[u8]) -> Option<(KeyHash, ValueHash)> {
    let [key, value] = [key, value].map(|bytes| core::str::from_utf8(bytes).ok());
    Some((map::key_hash(key?), map::value_hash(value?)))
}

/// What a replay asks for next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Need {
    /// Answers to these, into the rows.
    Rows(Vec<Look>),
    /// These tiles of the map, those without a row as empty ones.
    Tiles(Vec<TilePath>),
}

/// What a replayed chunk leads to, beside the rows that it put: [`Rows::into_put`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Done {
    /// Where the replay stands.
    pub cursor: Cursor,
    /// The tiles of the map that changed.
    pub tiles: BTreeSet<TilePath>,
}

/// Entries on their way through a replay, as many as the caller likes: batches of the log may be cut.
#[derive(Clone, Debug)]
pub struct Chunk<'a> {
    origin: String,
    entries: &'a [Entry<'a>],
    /// Rounds of look-ups for all entries together.
    rounds: u8,
    /// The next entry.
    at: usize,
    /// Keys of the state that were put and are not in the map yet.
    changed: BTreeSet<Vec<u8>>,
    /// What the next change of the map puts.
    changes: Vec<(KeyHash, ValueHash)>,
    done: Done,
}

impl<'a> Chunk<'a> {
    /// Takes the entries from the cursor's index on.
    pub fn new(origin: &str, cursor: Cursor, entries: &'a [Entry<'a>]) -> Self {
        let done = Done { cursor, tiles: BTreeSet::new() };
        let (changed, changes) = (BTreeSet::new(), Vec::new());
        Self { origin: origin.into(), entries, rounds: 0, at: 0, changed, changes, done }
    }

    /// Goes on as far as what is at hand allows; `None` once all entries are replayed.
    ///
    /// The caller answers what is asked for and calls again. Rows and tiles may be kept for the next chunk, or read anew
    /// once what this one puts is stored.
    ///
    /// Cost: two rounds of look-ups for the chunk, one more for each record that names a record of the same chunk.
    ///
    /// # Errors
    /// [`Ended`]; what was replayed before is not to be used.
    pub fn advance(&mut self, rows: &mut Rows, tiles: &mut Tiles) -> Result<Option<Need>, Ended> {
        while self.rounds < 2 {
            let looks = self.looks(rows)?;
            self.rounds = self.rounds.saturating_add(1);
            if !looks.is_empty() {
                return Ok(Some(Need::Rows(looks)));
            }
        }
        while let Some(Entry { bytes, what, checked }) = self.entries.get(self.at) {
            match what {
                What::Record(record) => {
                    let looks = unknown(needs_more(record, rows)?, rows);
                    if !looks.is_empty() {
                        return Ok(Some(Need::Rows(looks)));
                    }
                    for row in self.done.cursor.record(&self.origin, bytes, record, rows, checked)? {
                        if row.family == Family::State {
                            self.changed.insert(row.key.clone());
                        }
                        rows.put(row);
                    }
                }
                What::State(state) => {
                    if let Some(need) = self.map(rows, tiles)? {
                        return Ok(Some(need));
                    }
                    self.done.cursor.state(state, &map::root(tiles)?)?;
                }
            }
            self.at = self.at.saturating_add(1);
        }
        self.map(rows, tiles)
    }

    /// Whether an entry was replayed. Until then the chunk may be given up and its entries taken in smaller ones, should what it
    /// asks for be too much at once.
    pub fn has_begun(&self) -> bool {
        self.at > 0
    }

    /// Where it stands once [`Chunk::advance`] said `None`, and which tiles are to be stored.
    pub fn done(self) -> Done {
        self.done
    }

    fn looks(&self, rows: &Rows) -> Result<Vec<Look>, Corrupt> {
        let mut looks = Vec::new();
        for entry in self.entries {
            if let What::Record(record) = entry.what {
                looks.extend(if self.rounds == 0 { needs(record) } else { needs_more(record, rows)? });
            }
        }
        Ok(unknown(looks, rows))
    }

    /// Puts into the map what the records since the last time changed.
    fn map(&mut self, rows: &Rows, tiles: &mut Tiles) -> Result<Option<Need>, Ended> {
        let changed = core::mem::take(&mut self.changed);
        self.changes.extend(changed.iter().filter_map(|key| change(key, rows.get(Family::State, key)?)));
        match map::put(tiles, &self.changes) {
            Ok(written) => self.done.tiles.extend(written),
            Err(missing) => {
                let keys: Vec<_> = self.changes.iter().map(|(key, _)| *key).collect();
                let lacking = map::missing(tiles, &keys);
                return if lacking.is_empty() { Err(missing.into()) } else { Ok(Some(Need::Tiles(lacking))) };
            }
        }
        self.changes.clear();
        Ok(None)
    }
}

/// Those looks that are not answered yet, each once.
fn unknown(looks: Vec<Look>, rows: &Rows) -> Vec<Look> {
    let mut looks = looks;
    looks.retain(|look| !rows.knows(look));
    looks.sort_unstable();
    looks.dedup();
    looks
}
