//! What whoever holds a log's files and its keys can do behind its back.

use crate::world::World;
use glarus_log::plan::{self, Edge};
use glarus_log::store::{Committed, Store, StoreError};
use spec::admission::Row;
use spec::admission::replay::map_changes;
use spec::map::{self, Tiles};
use spec::tile;

/// Opens the rows of a log that does not run.
///
/// # Errors
/// [`StoreError`].
pub fn open(world: &World) -> Result<Store, StoreError> {
    Store::open(&world.log_dir().join("db"), &world.vendor.origin)
}

/// Appends entries whatever admission says, and a state entry over those rows that are given: tiles and head are right.
///
/// The log signs that head when it starts again, and its witnesses cosign it, for the tree only grew.
///
/// # Errors
/// [`StoreError`].
pub fn append(store: &Store, entries: Vec<Vec<u8>>, rows: Vec<Row>) -> Result<Committed, StoreError> {
    let damaged = |what: &str| StoreError::Damaged(what.into());
    let Committed { head, time } = store.committed()?.ok_or_else(|| damaged("meta head"))?;
    let tiles = tile::partial(head.size).map(|(tile, _)| Ok((tile, store.tile(tile)?)));
    let tree = tile::Edge::new(head.size, tiles.collect::<Result<_, StoreError>>()?);
    let edge = Edge { tree: tree.ok_or_else(|| damaged("tiles"))?, time };
    let keys: Vec<_> = map_changes(&rows).into_iter().map(|(key, _)| key).collect();
    let mut map = Tiles::default();
    loop {
        let missing = map::missing(&map, &keys);
        if missing.is_empty() {
            break;
        }
        store.map_tiles(missing, &mut map)?;
    }
    let (batch, committed, _) = plan::plan(&edge, entries, rows, map, time).map_err(|_| damaged("map"))?;
    store.commit(&batch, &committed)?;
    Ok(committed)
}
