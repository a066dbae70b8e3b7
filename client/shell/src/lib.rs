//! What every Glarus program needs to meet the world: clock, configuration, files, keys, HTTP, metrics, stopping.
//!
//! It decides nothing and knows no database: decisions are in `spec`, storage is each service's own.

pub mod clock;
pub mod config;
pub mod files;
pub mod http;
pub mod keys;
pub mod logging;
pub mod metrics;
pub mod shutdown;
