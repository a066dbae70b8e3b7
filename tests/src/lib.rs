//! The system under test as a whole: real processes, real databases, real sockets, real keys.
//!
//! - [`process`]: a server in a process of its own, which ends with the test.
//! - [`vendor`]: a vendor's keys and the records that it signs.
//! - [`world`]: a log, its witnesses and a vendor, started and stopped.
//! - [`replay`]: the log again from its entries alone.
//! - [`tamper`]: what its operator can do behind its back.
//! - [`vectors`]: the files of `spec/vectors`.
//! - [`random`]: a seeded generator.

pub mod process;
pub mod random;
pub mod replay;
pub mod tamper;
pub mod vectors;
pub mod vendor;
pub mod world;
