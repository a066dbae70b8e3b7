//! Metrics, in the Prometheus text format.

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use prometheus::core::Collector;
use prometheus::process_collector::ProcessCollector;
use prometheus::{Registry, TextEncoder};

/// A service's metrics, the process's own (CPU, memory, open files) among them.
#[derive(Clone, Debug)]
pub struct Metrics(pub Registry);

impl Metrics {
    /// Starts with the process's own metrics.
    ///
    /// # Errors
    /// [`prometheus::Error`] if these cannot be registered.
    pub fn new() -> Result<Self, prometheus::Error> {
        let metrics = Self(Registry::new());
        metrics.0.register(Box::new(ProcessCollector::for_self()))?;
        Ok(metrics)
    }

    /// Adds a metric and hands it back, for use.
    ///
    /// # Errors
    /// [`prometheus::Error::AlreadyReg`] if its name is taken.
    pub fn register<C: Collector + Clone + 'static>(&self, metric: C) -> Result<C, prometheus::Error> {
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    /// Writes all of them.
    ///
    /// # Errors
    /// [`prometheus::Error`] if a metric cannot be written.
    pub fn text(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.0.gather())
    }

    /// Serves them at `/metrics`.
    pub fn routes(&self) -> Router {
        let metrics = self.clone();
        Router::new().route("/metrics", get(async move || metrics.answer()))
    }

    fn answer(&self) -> Response {
        match self.text() {
            Ok(text) => ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_the_process_and_the_services_own() {
        let metrics = Metrics::new().unwrap();
        let counter = metrics.register(prometheus::IntCounter::new("things_total", "Things.").unwrap()).unwrap();
        counter.inc();
        let text = metrics.text().unwrap();
        assert!(text.contains("\nthings_total 1\n") && text.contains("process_resident_memory_bytes"), "{text}");
    }
}
