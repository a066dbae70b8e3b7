//! What the log counts.

use glarus_shell::metrics::Metrics as Registry;
use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, exponential_buckets,
};

/// The log's metrics; `registry` serves them.
pub struct Metrics {
    /// Where all are registered.
    pub registry: Registry,
    /// Entries that are durable.
    pub size: IntGauge,
    /// Entries under the newest cosigned checkpoint.
    pub published_size: IntGauge,
    /// Records a batch, those refused among them.
    pub batch_size: Histogram,
    /// Seconds from the first judgement of a batch to its signed head.
    pub batch_seconds: Histogram,
    /// Seconds from a signed head to the quorum's cosignatures.
    pub quorum_seconds: Histogram,
    /// Records refused, by the refusal's name.
    pub refusals: IntCounterVec,
    /// Answers of witnesses, by witness and outcome.
    pub witness_answers: IntCounterVec,
    /// The largest size each witness cosigned.
    pub witness_size: IntGaugeVec,
    /// Submissions that waited in vain for a place in the queue.
    pub queue_full: IntCounter,
}

impl Metrics {
    /// Registers all of them.
    ///
    /// # Errors
    /// [`prometheus::Error`].
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new()?;
        let seconds = |name: &str, help: &str| {
            Histogram::with_opts(HistogramOpts::new(name, help).buckets(exponential_buckets(0.0001, 2.0, 18)?))
        };
        let batch = HistogramOpts::new("glarus_log_batch_records", "Records a batch, those refused among them")
            .buckets(exponential_buckets(1.0, 2.0, 11)?);
        let answers = Opts::new("glarus_log_witness_answers_total", "Answers of witnesses");
        Ok(Self {
            size: registry.register(IntGauge::new("glarus_log_size", "Entries that are durable")?)?,
            published_size: registry.register(IntGauge::new(
                "glarus_log_published_size",
                "Entries under the newest checkpoint that a quorum cosigned",
            )?)?,
            batch_size: registry.register(Histogram::with_opts(batch)?)?,
            batch_seconds: registry.register(seconds(
                "glarus_log_batch_seconds",
                "From the first judgement of a batch to its signed head",
            )?)?,
            quorum_seconds: registry
                .register(seconds("glarus_log_quorum_seconds", "From a signed head to a quorum's cosignatures")?)?,
            refusals: registry.register(IntCounterVec::new(
                Opts::new("glarus_log_refusals_total", "Records refused, by the refusal's name"),
                &["name"],
            )?)?,
            witness_answers: registry.register(IntCounterVec::new(answers, &["witness", "outcome"])?)?,
            witness_size: registry.register(IntGaugeVec::new(
                Opts::new("glarus_log_witness_size", "The largest size each witness cosigned"),
                &["witness"],
            )?)?,
            queue_full: registry.register(IntCounter::new(
                "glarus_log_queue_full_total",
                "Submissions answered 503 because the queue was full",
            )?)?,
            registry,
        })
    }
}
