//! The sequencer's queue: records that were read and checked, waiting for their indices. Bounded in records and in bytes.
//!
//! A submission is one record or the records of a batch. It takes its places before any work is done for it, and is sequenced
//! whole, in one batch of the sequencer, so that all of it becomes durable in one write.

use spec::admission::Refusal;
use spec::admission::signatures::Checked;
use spec::api;
use spec::record::Record;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

/// The most records of one batch of the sequencer: a submission always fits.
const MAX_RECORDS: usize = api::MAX_BATCH;
/// The most bytes of one batch of the sequencer, as they were submitted.
const MAX_BYTES: usize = api::MAX_BATCH_BYTES;

/// Records on their way into the log, and who waits for the answer.
pub struct Submission {
    /// The records, and what is known of their signatures already; the rest is verified by the sequencer.
    pub records: Vec<(Record, Checked)>,
    /// Takes the answer once it is durable.
    pub reply: Reply,
    /// Held until they are sequenced.
    pub place: Place,
}

/// Takes what became of each record, in their order.
pub type Reply = oneshot::Sender<Vec<Result<Sequenced, Refusal>>>;

/// Where a record stands; durable when this is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sequenced {
    /// Its index.
    pub index: u64,
    /// It was in the log before.
    pub known: bool,
}

/// What of the queue a submission takes up.
pub struct Place {
    records: OwnedSemaphorePermit,
    bytes: OwnedSemaphorePermit,
}

/// Why there is no place.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoPlace {
    /// Not now.
    #[error("the log's queue is full, or the log is stopping; nothing was taken")]
    Full,
    /// Never.
    #[error("this log takes at most {records} records and {bytes} bytes at once; nothing was taken")]
    TooLarge {
        /// Records that the queue has places for.
        records: usize,
        /// Bytes that it has places for.
        bytes: usize,
    },
}

/// The end where submissions go in.
#[derive(Clone)]
pub struct Queue {
    sender: mpsc::UnboundedSender<Submission>,
    records: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    most: (usize, usize),
}

/// The end where the sequencer takes them out.
pub struct Waiting {
    receiver: mpsc::UnboundedReceiver<Submission>,
    /// The one that had no room in the last batch; it is the first of the next.
    next: Option<Submission>,
}

/// Makes a queue of so many records and so many bytes, at least one of each.
pub fn queue(records: usize, bytes: usize) -> (Queue, Waiting) {
    let most = (records.clamp(1, Semaphore::MAX_PERMITS), bytes.clamp(1, Semaphore::MAX_PERMITS));
    // Whoever sends holds a place, so this is as bounded as those are.
    let (sender, receiver) = mpsc::unbounded_channel();
    let (records, bytes) = (Arc::new(Semaphore::new(most.0)), Arc::new(Semaphore::new(most.1)));
    (Queue { sender, records, bytes, most }, Waiting { receiver, next: None })
}

impl Queue {
    /// Takes places for so many records of so many bytes together.
    ///
    /// # Errors
    /// [`NoPlace`].
    pub fn place(&self, records: usize, bytes: usize) -> Result<Place, NoPlace> {
        if records > self.most.0 || bytes > self.most.1 {
            return Err(NoPlace::TooLarge { records: self.most.0, bytes: self.most.1 });
        }
        let take = |places: &Arc<Semaphore>, many: usize| {
            let many = u32::try_from(many).map_err(|_| NoPlace::Full)?;
            Arc::clone(places).try_acquire_many_owned(many).map_err(|_| NoPlace::Full)
        };
        Ok(Place { records: take(&self.records, records)?, bytes: take(&self.bytes, bytes)? })
    }

    /// Gives a submission to the sequencer; `false` if that has ended.
    pub fn send(&self, submission: Submission) -> bool {
        self.sender.send(submission).is_ok()
    }
}

impl Waiting {
    /// Waits for a submission and takes what else waits, in order, as far as it fits in one batch; `None` once the queue is
    /// closed and empty.
    pub fn collect(&mut self) -> Option<Vec<Submission>> {
        let first = match self.next.take() {
            Some(first) => first,
            None => self.receiver.blocking_recv()?,
        };
        let (mut records, mut bytes) = first.place.taken();
        let mut batch = vec![first];
        while let Ok(submission) = self.receiver.try_recv() {
            let (more_records, more_bytes) = submission.place.taken();
            (records, bytes) = (records + more_records, bytes + more_bytes);
            if records > MAX_RECORDS || bytes > MAX_BYTES {
                self.next = Some(submission);
                break;
            }
            batch.push(submission);
        }
        Some(batch)
    }
}

impl Place {
    /// Records and bytes.
    fn taken(&self) -> (usize, usize) {
        (self.records.num_permits(), self.bytes.num_permits())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends a submission of so many places, without records; tells whether it had a place.
    fn send(queue: &Queue, records: usize, bytes: usize) -> Result<(), NoPlace> {
        let place = queue.place(records, bytes)?;
        assert!(queue.send(Submission { records: Vec::new(), reply: oneshot::channel().0, place }));
        Ok(())
    }

    fn collected(waiting: &mut Waiting) -> Option<Vec<(usize, usize)>> {
        Some(waiting.collect()?.iter().map(|submission| submission.place.taken()).collect())
    }

    #[test]
    fn full_in_records_or_in_bytes() {
        let (queue, mut waiting) = queue(3, 100);
        assert_eq!(send(&queue, 4, 1), Err(NoPlace::TooLarge { records: 3, bytes: 100 }));
        assert_eq!(send(&queue, 1, 101), Err(NoPlace::TooLarge { records: 3, bytes: 100 }));
        assert_eq!(send(&queue, 2, 10), Ok(()));
        assert_eq!(send(&queue, 2, 10), Err(NoPlace::Full));
        assert_eq!(send(&queue, 1, 91), Err(NoPlace::Full));
        assert_eq!(send(&queue, 1, 90), Ok(()));
        // The places are free once what took them is done with, and not before.
        let batch = waiting.collect().unwrap();
        assert_eq!(send(&queue, 1, 1), Err(NoPlace::Full));
        drop(batch);
        assert_eq!(send(&queue, 3, 100), Ok(()));
        drop(queue);
        assert_eq!(collected(&mut waiting), Some(vec![(3, 100)]));
        assert_eq!(collected(&mut waiting), None);
    }

    #[test]
    fn submissions_are_collected_whole_and_in_order() {
        let (queue, mut waiting) = queue(10 * MAX_RECORDS, 10 * MAX_BYTES);
        for (records, bytes) in [(1, 5), (MAX_RECORDS - 1, 5), (1, 6), (MAX_RECORDS, 7), (2, MAX_BYTES), (1, 1)] {
            send(&queue, records, bytes).unwrap();
        }
        drop(queue);
        assert_eq!(collected(&mut waiting), Some(vec![(1, 5), (MAX_RECORDS - 1, 5)]));
        assert_eq!(collected(&mut waiting), Some(vec![(1, 6)]));
        assert_eq!(collected(&mut waiting), Some(vec![(MAX_RECORDS, 7)]));
        assert_eq!(collected(&mut waiting), Some(vec![(2, MAX_BYTES)]));
        assert_eq!(collected(&mut waiting), Some(vec![(1, 1)]));
        assert_eq!(collected(&mut waiting), None);
    }
}
