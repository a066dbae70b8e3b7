#![doc = include_str!("../verdict.md")]

mod ask;
mod authorities;
mod decide;
mod dependencies;
mod follow;
mod heads;
mod installable;
mod judge;
mod memory;
mod records;
mod refusal;
mod words;

pub use ask::{Ask, Latest, Party, Stale, Trust};
pub use follow::{Followed, follow};
pub use installable::{Installable, LaterPolicy, UsedBuild, UsedSource, Warning};
pub use judge::{Judgement, judge, map_keys};
pub use memory::{Installed, Learned, Memory, SeenHead};
pub use refusal::{Forked, Part, Refusal, Todo, ago, duration};

#[cfg(test)]
mod tests;
