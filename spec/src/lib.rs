//! The specification of Glarus, executable.
//!
//! Each module is a chapter: its documentation is the specification of one thing, its code executes it.
//! There is no I/O here, no clock, no randomness: time, random bytes and the answers to look-ups are arguments.
//! What two parties must decide alike is one pure function: [`witness::judge`], [`admission::judge`], [`verdict::judge`].
#![no_std]
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]

extern crate alloc;

pub mod entry_bundle;
pub mod merkle;
pub mod proof;
pub mod tile;

pub mod checkpoint;
pub mod cosignature;
pub mod mirror;
pub mod note;
pub mod policy;
pub mod tlog_proof;
pub mod witness;

pub mod admission;
pub mod authority;
pub mod json;
pub mod record;

pub mod map;
pub mod state;

pub mod api;
pub mod bundle;
pub mod verdict;

mod ecdsa;
mod ed25519;
mod encoding;
mod ml_dsa;
