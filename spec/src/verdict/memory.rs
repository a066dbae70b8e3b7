//! What a client remembers, and what it must remember from now on.

use crate::bundle::Status;
use crate::merkle::TreeHead;
use crate::note::Note;
use alloc::string::String;

/// A tree head that was accepted, and the note that proves it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SeenHead {
    /// Size and root.
    pub head: TreeHead,
    /// The cosigned checkpoint.
    pub note: Note,
}

/// What is installed of the product.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Installed {
    /// The channel that it came from.
    pub channel: String,
    /// Its sequence there.
    pub sequence: u64,
    /// The index of its update in the log.
    pub index: u64,
}

/// What a client remembers: of the origin head and time, of the product the rest.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Memory {
    /// The largest head accepted.
    pub head: Option<SeenHead>,
    /// The newest quorum's time accepted; 0 before any. Units: Unix seconds.
    pub time: u64,
    /// The newest status accepted.
    pub status: Option<Status>,
    /// What is installed.
    pub installed: Option<Installed>,
}

/// What a client must remember from now on, whatever the verdict.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Learned {
    /// The largest head accepted, this one or the one remembered.
    pub head: SeenHead,
    /// The newest quorum's time accepted. Units: Unix seconds.
    pub time: u64,
    /// The status to remember; `None` to keep the one remembered, if there is one.
    pub status: Option<Status>,
}

impl Memory {
    /// Takes up what was learned.
    pub fn learn(&mut self, learned: Learned) {
        let Learned { head, time, status } = learned;
        self.head = Some(head);
        self.time = time;
        self.status = status.or_else(|| self.status.take());
    }
}
