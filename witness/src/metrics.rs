//! What a witness counts.

use glarus_shell::metrics::Metrics as Registry;
use prometheus::{Histogram, HistogramOpts, IntCounterVec, IntGaugeVec, Opts, exponential_buckets};

/// The witness's metrics.
pub struct Metrics {
    /// Where they are all registered.
    pub registry: Registry,
    /// Answers, by call and status.
    pub requests: IntCounterVec,
    /// Cosignatures given, by origin.
    pub cosignatures: IntCounterVec,
    /// The latest cosigned size, by origin.
    pub latest_size: IntGaugeVec,
    /// What the writer does.
    pub writer: WriterMetrics,
}

/// What the writer does.
#[derive(Clone)]
pub struct WriterMetrics {
    /// Requests a batch.
    pub batch_requests: Histogram,
    /// Seconds a batch took to be synced.
    pub batch_seconds: Histogram,
}

impl Metrics {
    /// Registers them.
    ///
    /// # Errors
    /// [`prometheus::Error`], if two have one name.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new()?;
        let counters = |name, help, labels: &[&str]| IntCounterVec::new(Opts::new(name, help), labels);
        let histogram = |name: &str, help: &str, start, factor, count| {
            Histogram::with_opts(HistogramOpts::new(name, help).buckets(exponential_buckets(start, factor, count)?))
        };
        let requests = counters("glarus_witness_requests_total", "Answers, by call and status.", &["call", "status"])?;
        let cosignatures =
            counters("glarus_witness_cosignatures_total", "Cosignatures given, by origin.", &["origin"])?;
        let latest_size = IntGaugeVec::new(
            Opts::new("glarus_witness_latest_size", "The latest cosigned size, by origin."),
            &["origin"],
        )?;
        let batch_requests =
            histogram("glarus_witness_batch_requests", "Requests written in one batch.", 1.0, 2.0, 12)?;
        let batch_seconds =
            histogram("glarus_witness_batch_seconds", "Time to write a batch and sync it.", 0.0001, 2.0, 16)?;
        Ok(Self {
            requests: registry.register(requests)?,
            cosignatures: registry.register(cosignatures)?,
            latest_size: registry.register(latest_size)?,
            writer: WriterMetrics {
                batch_requests: registry.register(batch_requests)?,
                batch_seconds: registry.register(batch_seconds)?,
            },
            registry,
        })
    }
}
