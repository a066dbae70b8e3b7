//! Stopping: one [`Trigger`] pulled, every [`Shutdown`] told.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Tells all its [`Shutdown`]s to stop; dropping it does so too.
#[derive(Debug)]
pub struct Trigger(watch::Sender<bool>);

impl Trigger {
    /// Tells them to stop.
    pub fn fire(&self) {
        self.0.send_replace(true);
    }
}

/// Knows whether it is time to stop.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<bool>);

impl Shutdown {
    /// A pair of the one who tells and the one who is told.
    #[allow(clippy::new_ret_no_self)]
    pub fn new() -> (Trigger, Self) {
        let (sender, receiver) = watch::channel(false);
        (Trigger(sender), Self(receiver))
    }

    /// Stops at SIGTERM and SIGINT. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If the operating system lets no handler be set.
    pub fn on_signals() -> std::io::Result<Self> {
        let (trigger, shutdown) = Self::new();
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        tokio::spawn(async move {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            tracing::info!("{name}: finishing what was accepted");
            trigger.fire();
        });
        Ok(shutdown)
    }

    /// Returns when it is time to stop.
    pub async fn wait(&mut self) {
        // An error says that the trigger was dropped: that is time to stop, too.
        let _ = self.0.wait_for(|stop| *stop).await;
    }

    /// Tells whether it is time to stop.
    pub fn is_set(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn everyone_is_told() {
        let (trigger, mut shutdown) = Shutdown::new();
        let mut other = shutdown.clone();
        assert!(!shutdown.is_set());
        trigger.fire();
        shutdown.wait().await;
        other.wait().await;
        assert!(other.is_set());
        let (trigger, mut shutdown) = Shutdown::new();
        drop(trigger);
        shutdown.wait().await;
        assert!(shutdown.is_set());
    }
}
