//! The consuming half.

use core::ops::DerefMut;

use crate::cursor::{Reader, Shared};
use crate::error::Corrupt;
use crate::memory::Memory;
use crate::sleep::{Signal, Sleep};
use crate::{Closer, Observer};

/// The half of a ring that bytes are read from. There is exactly one.
///
/// No call blocks. Reading only frees; whoever may have somebody asleep on
/// the other side calls [`signal`](Self::signal) when
/// [`freed_unsignalled`](Self::freed_unsignalled) reaches a quarter of the
/// capacity, and before it sleeps itself. Dropping the half says nothing to
/// the other side: call [`abandon`](Self::abandon) and `signal` first.
pub struct Consumer<M: Memory> {
    pub(crate) cursor: Reader,
    memory: M,
}

impl<M: Memory> Consumer<M> {
    /// # Safety
    /// This is the only consumer of the ring, its position is `tail`, and the
    /// producer's is or was `head`, within the capacity.
    pub(crate) unsafe fn at(memory: M, head: usize, tail: usize) -> Self {
        // SAFETY: the caller promises the positions; `memory` lives as long.
        let cursor = unsafe { Reader::new(Shared::new(memory.parts()), tail, head) };
        Self { cursor, memory }
    }

    /// The capacity of the ring in bytes: a power of two.
    pub fn capacity(&self) -> usize {
        self.cursor.capacity()
    }

    /// Copies as much out of the ring as there is and `bytes` can hold, and
    /// frees its room. Returns how many bytes that were: 0 when the ring is
    /// empty, at its end or abandoned (or `bytes` is empty). See
    /// [`at_end`](Self::at_end).
    ///
    /// More than 16 KiB are freed in pieces, so that the producer can go on.
    /// When many small slices lay there at once and all have been read, the
    /// next read waits a moment (6 spin hints) before it looks again.
    ///
    /// # Errors
    /// The producer's position is impossible; nothing was read.
    #[inline]
    pub fn read(&mut self, bytes: &mut [u8]) -> Result<usize, Corrupt> {
        self.cursor.read(bytes)
    }

    /// Like [`read`](Self::read) into several slices one after the other
    /// (`&mut [u8]`, `std::io::IoSliceMut` and the like).
    ///
    /// # Errors
    /// The producer's position is impossible; nothing was read.
    #[inline]
    pub fn read_vectored<B>(&mut self, buffers: &mut [B]) -> Result<usize, Corrupt>
    where
        B: DerefMut<Target = [u8]>,
    {
        self.cursor.read_vectored(buffers)
    }

    /// Copies the next bytes, as [`read`](Self::read) does, and leaves them in
    /// the ring: for a read-ahead of memory that cannot be lent. Returns how
    /// many bytes that were. [`free`](Self::free) takes them out.
    ///
    /// Looks at the ring only if the last look showed less than `bytes` can
    /// hold. It may show more than counts of a stream that was finished
    /// meanwhile: if [`is_finished`](Self::is_finished) afterwards, call
    /// [`settle`](Self::settle), and hand out no more than
    /// [`available`](Self::available) says then.
    ///
    /// ```
    /// # let ring = ringbuf_core::Inline::<16>::new();
    /// # let (mut producer, mut consumer) = ring.split().unwrap();
    /// # producer.write(b"abc")?;
    /// let mut bytes = [0; 16];
    /// assert_eq!(consumer.copy(&mut bytes)?, 3);
    /// assert_eq!(&bytes[..3], b"abc");
    /// assert_eq!(consumer.free(2), 2);
    /// assert_eq!(consumer.copy(&mut bytes)?, 1);
    /// # Ok::<(), ringbuf_core::Corrupt>(())
    /// ```
    ///
    /// # Errors
    /// The producer's position (or the end) is impossible; nothing was copied.
    #[inline]
    pub fn copy(&mut self, bytes: &mut [u8]) -> Result<usize, Corrupt> {
        self.cursor.copy(bytes)
    }

    /// Frees the room of the next `n` bytes, or of as many as the last look
    /// showed; returns how many. They count as read. (It is less than `n`, for
    /// bytes that [`copy`](Self::copy) gave, only if the end or an abandonment
    /// was seen meanwhile.)
    #[inline]
    pub fn free(&mut self, n: usize) -> usize {
        self.cursor.free(n)
    }

    /// How many bytes can be read now, by a fresh look; 0 also when the ring
    /// is at its end or abandoned.
    ///
    /// # Errors
    /// The producer's position (or the end) is impossible.
    pub fn available(&mut self) -> Result<usize, Corrupt> {
        self.cursor.available()
    }

    /// Whether the stream is over: finished, and everything before the end
    /// has been read. Once true, it stays true, and reads return 0. Also true
    /// when the ring was abandoned.
    ///
    /// This is a decision, not only a look: if the stream is finished, its end
    /// is fixed here, and bytes that the producer publishes late are not part
    /// of it (its [`settle`](crate::Producer::settle) tells it how many).
    ///
    /// # Errors
    /// The producer's position or the end is impossible.
    pub fn at_end(&mut self) -> Result<bool, Corrupt> {
        self.cursor.at_end()
    }

    /// Whether the stream has been finished. There can still be bytes to
    /// read: see [`at_end`](Self::at_end).
    pub fn is_finished(&self) -> bool {
        self.cursor.shared().is_finished()
    }

    /// Whether the end is not an orderly one, but a loss
    /// ([`Closer::abort_writing`](crate::Closer::abort_writing)).
    pub fn is_writer_lost(&self) -> bool {
        self.cursor.shared().is_writer_lost()
    }

    /// Once the stream is finished or abandoned: how many of the bytes that
    /// this half took last do not count, and must not be handed out: they come
    /// off what the last call took (also if that was nothing). 0 as long as it
    /// is neither.
    ///
    /// For rings whose end a third party decides
    /// ([`Closer::settle_end`](crate::Closer::settle_end)): a reader calls it
    /// whenever [`is_finished`](Self::is_finished) or
    /// [`is_abandoned`](Self::is_abandoned) says yes after it took bytes (by
    /// `read` or `free`), each time before it hands them out. If both say no
    /// after bytes were taken, those count.
    ///
    /// If the stream is finished, this fixes its end, unless somebody has. If
    /// bytes behind it were taken, the consumer is at its end for good. If the
    /// ring is abandoned, this fixes how much was read, unless somebody has.
    pub fn settle(&mut self) -> usize {
        self.cursor.settle()
    }

    /// Says that nothing more will be read. What is in the ring is discarded,
    /// and writes return 0 from now on. Call [`signal`](Self::signal)
    /// afterwards: the producer may be asleep.
    pub fn abandon(&mut self) {
        self.cursor.shared().abandon();
    }

    /// Whether the ring has been abandoned, by this half or by a [`Closer`].
    pub fn is_abandoned(&self) -> bool {
        self.cursor.shared().is_abandoned()
    }

    /// Bytes read since the last [`signal`](Self::signal).
    pub fn freed_unsignalled(&self) -> usize {
        self.cursor.freed()
    }

    /// Whether the producer seems to sleep: a hint that costs no barrier. It
    /// may be late in either direction; [`signal`](Self::signal) is sure.
    pub fn producer_sleeps(&self) -> bool {
        self.cursor.shared().producer_sleeps()
    }

    /// Whether the producer must be woken for what happened since it said
    /// that it sleeps. A full memory barrier, the only one on this side but
    /// for the one in [`at_end`](Self::at_end).
    pub fn signal(&mut self) -> Signal {
        self.cursor.signal()
    }

    /// Says that this side is about to sleep until there is something to
    /// read, then looks again. After [`Sleep::Asleep`] the producer's
    /// `signal` (or a closer's) says [`Signal::Wake`], once, as soon as there
    /// are bytes or the ring is finished or abandoned.
    ///
    /// # Errors
    /// The producer's position is impossible; the flag is down.
    pub fn prepare_sleep(&mut self) -> Result<Sleep, Corrupt> {
        self.cursor.prepare_sleep()
    }

    /// Takes the flag of [`prepare_sleep`](Self::prepare_sleep) down after
    /// waking for another reason, a time limit for example. A wake-up that is
    /// already on its way may still arrive.
    pub fn cancel_sleep(&mut self) {
        self.cursor.cancel_sleep();
    }
}

impl<M: Memory + Clone> Consumer<M> {
    /// A view of the ring for monitoring.
    pub fn observer(&self) -> Observer<M> {
        Observer::new(self.memory.clone())
    }

    /// A handle that can end the ring from any thread.
    pub fn closer(&self) -> Closer<M> {
        Closer::new(self.memory.clone())
    }
}

impl<M: Memory> core::fmt::Debug for Consumer<M> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Consumer")
            .field("capacity", &self.capacity())
            .field("is_finished", &self.is_finished())
            .field("is_abandoned", &self.is_abandoned())
            .finish_non_exhaustive()
    }
}
