//! Ending a ring from a third place.

use crate::cursor::Shared;
use crate::memory::Memory;
use crate::sleep::Signal;

/// A handle that ends a ring from any thread, also while the halves are in
/// use in others.
///
/// After either of the calls that end something, wake both sides:
///
/// ```
/// # let ring = ringbuf_core::Inline::<16>::new();
/// # let (producer, mut consumer) = ring.split().unwrap();
/// # let wake = |_| ();
/// let closer = producer.closer();
/// closer.finish();
/// if closer.take_wake_consumer().is_wake() {
///     wake("the consumer");
/// }
/// if closer.take_wake_producer().is_wake() {
///     wake("the producer");
/// }
/// assert_eq!(consumer.at_end(), Ok(true));
/// ```
#[derive(Clone)]
pub struct Closer<M> {
    memory: M,
}

impl<M: Memory> Closer<M> {
    pub(crate) fn new(memory: M) -> Self {
        Self { memory }
    }

    fn shared(&self) -> Shared {
        // SAFETY: used only while `memory` is borrowed.
        unsafe { Shared::new(self.memory.parts()) }
    }

    /// Finishes the stream. Bytes written before this call (that is: whose
    /// write and [`signal`](crate::Producer::signal) came before) are part of
    /// it. For a write going on at the same time,
    /// [`settle`](crate::Producer::settle) tells the producer.
    pub fn finish(&self) {
        self.shared().finish();
    }

    /// Says that nothing more will be read: what is in the ring is discarded,
    /// writes and reads return 0 from now on.
    pub fn abandon(&self) {
        self.shared().abandon();
    }

    /// Whether the stream has been finished.
    pub fn is_finished(&self) -> bool {
        self.shared().is_finished()
    }

    /// Whether the ring has been abandoned.
    pub fn is_abandoned(&self) -> bool {
        self.shared().is_abandoned()
    }

    /// As [`finish`](Self::finish), for a writer that is lost: the consumer
    /// reads what was written, and its end is not an orderly one
    /// ([`Consumer::is_writer_lost`](crate::Consumer::is_writer_lost)).
    pub fn abort_writing(&self) {
        self.shared().abort_writing();
    }

    /// As [`abandon`](Self::abandon), for a reader that is lost
    /// ([`Producer::is_reader_lost`](crate::Producer::is_reader_lost)).
    pub fn abort_reading(&self) {
        self.shared().abort_reading();
    }

    /// Whether [`abort_writing`](Self::abort_writing) was called.
    pub fn is_writer_lost(&self) -> bool {
        self.shared().is_writer_lost()
    }

    /// Whether [`abort_reading`](Self::abort_reading) was called.
    pub fn is_reader_lost(&self) -> bool {
        self.shared().is_reader_lost()
    }

    /// Whether it is fixed where the stream ends.
    pub fn is_end_settled(&self) -> bool {
        self.shared().is_end_settled()
    }

    /// Whether it is fixed how much was read of an abandoned ring.
    pub fn is_read_settled(&self) -> bool {
        self.shared().is_read_settled()
    }

    /// Once the stream is finished or the ring abandoned: the position where
    /// the stream ends. If nobody has fixed it, it is where the producer is
    /// now. `None` as long as it is neither.
    ///
    /// A write that comes later, or went further, does not count: the
    /// producer's [`settle`](crate::Producer::settle) says so.
    ///
    /// In a region, a consumer of another process that took bytes must ask its
    /// own [`settle`](crate::Consumer::settle).
    pub fn settle_end(&self) -> Option<usize> {
        self.shared().settle_end()
    }

    /// Once the ring is abandoned: the position up to which was read, at most
    /// that of the end if this is fixed. If nobody has fixed it, it is where
    /// the consumer is now. `None` as long as the ring is not abandoned.
    ///
    /// A consumer between freeing bytes and asking whether they count has no
    /// barrier there. So unless the consumer is known to make no call, wait
    /// for a moment after the flag was seen (1 ms is plenty: stores are seen
    /// after nanoseconds); or a read that was given out does not count.
    pub fn settle_read(&self) -> Option<usize> {
        self.shared().settle_read()
    }

    /// Whether the producer sleeps and must be woken. A full barrier; clears
    /// the flag, like [`Consumer::signal`](crate::Consumer::signal).
    pub fn take_wake_producer(&self) -> Signal {
        self.shared().wake_producer()
    }

    /// Whether the consumer sleeps and must be woken. A full barrier; clears
    /// the flag, like [`Producer::signal`](crate::Producer::signal).
    pub fn take_wake_consumer(&self) -> Signal {
        self.shared().wake_consumer()
    }
}

impl<M: Memory> core::fmt::Debug for Closer<M> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Closer")
            .field("is_finished", &self.is_finished())
            .field("is_abandoned", &self.is_abandoned())
            .finish_non_exhaustive()
    }
}
