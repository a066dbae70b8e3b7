//! Steps 3 to 8: two tree heads, the state under the newer, and what its map says.

use super::{Memory, Part, Refusal, Trust};
use crate::bundle::{Proved, Status};
use crate::checkpoint::{self, Checkpoint, OpenError};
use crate::map;
use crate::merkle::{TreeHead, leaf_hash};
use crate::note::{Note, Vkey};
use crate::policy::Evaluation;
use crate::proof;
use crate::state::{RULES, StateEntry, ValueError};
use alloc::{boxed::Box, string::String, vec::Vec};

/// A checkpoint that the log signed and the quorum cosigned.
pub(super) struct Opened<'a> {
    pub(super) note: &'a Note,
    pub(super) head: TreeHead,
    pub(super) evaluation: Evaluation,
    /// The quorum's time.
    pub(super) time: u64,
}

/// Step 3. What was released may be of any time; only a status has to be of a time that the clock knows.
pub(super) fn open<'a>(part: Part, note: &'a Note, trust: &Trust, now: u64) -> Result<Opened<'a>, Refusal> {
    let Trust { origin, policy, .. } = trust;
    let keys = policy.logs().iter().map(|log| &log.vkey).filter(|vkey| vkey.name == *origin);
    let keys: Vec<Vkey> = keys.cloned().collect();
    if keys.is_empty() {
        return Err(Refusal::LogNotInPolicy { origin: origin.clone() });
    }
    // The keys' name is the origin that the trust says, so no other origin opens.
    let checkpoint = checkpoint::open(note, &keys).map_err(|error| match error {
        OpenError::NotSigned { origin: have } if have != *origin => {
            Refusal::WrongOrigin { part, have, need: origin.clone() }
        }
        error => Refusal::NotSigned { part, error },
    })?;
    let evaluation = policy.evaluate(note, (part == Part::Status).then_some(now));
    let Some(time) = evaluation.time(policy) else {
        if evaluation.later
            && let Some(time) = policy.evaluate(note, None).time(policy)
        {
            return Err(Refusal::ClockBehind { now, time });
        }
        let names = evaluation.names(policy);
        return Err(Refusal::QuorumNotMet { part, have: names.have, lack: names.lack, need: policy.needed(), now });
    };
    Ok(Opened { note, head: checkpoint.head, evaluation, time })
}

/// The tree heads that a client remembers, with the notes that prove them.
#[derive(Clone, Copy)]
pub(super) struct Remembered<'a> {
    /// The largest of the origin.
    pub(super) head: Option<(TreeHead, &'a Note)>,
    /// That of the product's status.
    pub(super) status: Option<(TreeHead, &'a Note)>,
}

pub(super) fn remembered(memory: &Memory) -> Result<Remembered<'_>, Refusal> {
    let note = memory.status.as_ref().map(|status| &status.checkpoint);
    let head = |note: &Note| Checkpoint::parse(&note.text).map(|checkpoint| checkpoint.head);
    let status = note.map(|note| head(note).map(|head| (head, note))).transpose().map_err(Refusal::MemoryDamaged)?;
    Ok(Remembered { head: memory.head.as_ref().map(|seen| (seen.head, &seen.note)), status })
}

/// Step 4: the sizes are possible, and trees of one size are one tree.
pub(super) fn agree(bundle: &Opened<'_>, status: &Opened<'_>, seen: &Remembered<'_>) -> Result<(), Refusal> {
    for (part, opened) in [(Part::Bundle, bundle), (Part::Status, status)] {
        if opened.head.size < 2 {
            return Err(Refusal::TreeTooSmall { part, size: opened.head.size });
        }
    }
    for known in [seen.head, seen.status].into_iter().flatten() {
        same_tree(known, bundle)?;
        same_tree(known, status)?;
    }
    same_tree((bundle.head, bundle.note), status)?;
    if bundle.head.size > status.head.size {
        return Err(Refusal::StatusOlderThanBundle { status: status.head.size, bundle: bundle.head.size });
    }
    Ok(())
}

/// A status alone: of the trees remembered, and of none before the largest of them.
pub(super) fn not_older(status: &Opened<'_>, memory: &Memory) -> Result<(), Refusal> {
    let seen = remembered(memory)?;
    if status.head.size < 2 {
        return Err(Refusal::TreeTooSmall { part: Part::Status, size: status.head.size });
    }
    for known in [seen.head, seen.status].into_iter().flatten() {
        same_tree(known, status)?;
        if status.head.size < known.0.size {
            return Err(Refusal::StatusOlderThanSeen { have: status.head.size, seen: known.0.size });
        }
    }
    Ok(())
}

fn same_tree((first, note): (TreeHead, &Note), other: &Opened<'_>) -> Result<(), Refusal> {
    if first.size != other.head.size || first.root == other.head.root {
        return Ok(());
    }
    let notes = super::Forked { first: note.clone(), second: other.note.clone() };
    Err(Refusal::Fork { size: first.size, roots: (first.root, other.head.root), notes: Box::new(notes) })
}

/// Whether an entry is where it says under a head.
pub(super) fn included(part: Part, proved: &Proved, head: &TreeHead) -> Result<(), Refusal> {
    let Proved { index, entry, proof } = proved;
    proof::verify_inclusion(&leaf_hash(entry), *index, head, proof).map_err(|error| Refusal::NotIncluded {
        part,
        index: *index,
        error,
    })
}

/// Steps 6 and 7: the state entry is the last under the head, and the status proves every key needed, and all others it has.
pub(super) fn state(status: &Status, head: &TreeHead, needed: &[String]) -> Result<StateEntry, Refusal> {
    let Proved { index, entry, .. } = &status.state;
    if index.checked_add(1) != Some(head.size) {
        return Err(Refusal::StateNotLast { index: *index, size: head.size });
    }
    included(Part::Status, &status.state, head)?;
    let state = StateEntry::parse(entry).map_err(Refusal::NotAState)?;
    if state.rules != RULES {
        return Err(Refusal::UnknownRules { have: state.rules, known: RULES });
    }
    for proved in &status.map {
        map::verify(&state.root, &proved.key, proved.value.as_deref(), &proved.proof)
            .map_err(|why| Refusal::NotProved { key: proved.key.clone(), why: Some(why) })?;
    }
    match needed.iter().find(|key| status.key(key).is_none()) {
        Some(key) => Err(Refusal::NotProved { key: key.clone(), why: None }),
        None => Ok(state),
    }
}

/// What the state has under a key that must be there.
pub(super) fn value<T>(
    status: &Status,
    key: &str,
    parse: impl Fn(&str) -> Result<T, ValueError>,
) -> Result<T, Refusal> {
    let proved = status.key(key).ok_or_else(|| Refusal::NotProved { key: key.into(), why: None })?;
    let text = proved.value.as_deref().ok_or_else(|| Refusal::NotInState { key: key.into() })?;
    parse(text).map_err(|error| Refusal::UnreadableValue { key: key.into(), error })
}
