//! The program `glarus` as its users run it: what it writes, what it refuses, what it leaves behind.

mod authority;
mod keys;
mod look;
mod records;
mod release;
mod release_day;
mod stage;
mod token;
mod verify;
mod world;
