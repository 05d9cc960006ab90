//! The producing half.

use core::ops::Deref;

use crate::cursor::{Shared, Writer};
use crate::error::Corrupt;
use crate::memory::Memory;
use crate::sleep::{Signal, Sleep};
use crate::{Closer, Observer};

/// The half of a ring that bytes are written to. There is exactly one.
///
/// No call blocks. Writing only publishes; whoever may have somebody asleep
/// on the other side calls [`signal`](Self::signal) afterwards, once per
/// batch. Dropping the half says nothing to the other side: call
/// [`finish`](Self::finish) and `signal` first, if the stream is complete.
pub struct Producer<M: Memory> {
    pub(crate) cursor: Writer,
    memory: M,
}

impl<M: Memory> Producer<M> {
    /// # Safety
    /// This is the only producer of the ring, its position is `head`, and the
    /// consumer's is or was `tail`, within the capacity.
    pub(crate) unsafe fn at(memory: M, head: usize, tail: usize) -> Self {
        // SAFETY: the caller promises the positions; `memory` lives as long.
        let cursor = unsafe { Writer::new(Shared::new(memory.parts()), head, tail) };
        Self { cursor, memory }
    }

    /// The capacity of the ring in bytes: a power of two.
    pub fn capacity(&self) -> usize {
        self.cursor.capacity()
    }

    /// Copies as much of `bytes` into the ring as there is room for, and
    /// publishes it (more than 16 KiB in pieces, so that the consumer need
    /// not wait for the last byte). Returns how many bytes that were: 0 when the ring is
    /// full, finished or abandoned (or `bytes` is empty).
    ///
    /// # Errors
    /// The consumer's position is impossible; nothing was written.
    #[inline]
    pub fn write(&mut self, bytes: &[u8]) -> Result<usize, Corrupt> {
        self.cursor.write(bytes)
    }

    /// Like [`write`](Self::write) for several slices one after the other
    /// (`&[u8]`, `std::io::IoSlice` and the like). Two slices and more are
    /// published at once.
    ///
    /// # Errors
    /// The consumer's position is impossible; nothing was written.
    #[inline]
    pub fn write_vectored<B>(&mut self, buffers: &[B]) -> Result<usize, Corrupt>
    where
        B: Deref<Target = [u8]>,
    {
        self.cursor.write_vectored(buffers)
    }

    /// How many bytes can be written now, by a fresh look; 0 also when the
    /// ring is finished or abandoned.
    ///
    /// # Errors
    /// The consumer's position is impossible.
    pub fn vacant(&mut self) -> Result<usize, Corrupt> {
        self.cursor.vacant()
    }

    /// Ends the stream after what has been written. The consumer gets that
    /// first. From now on writes return 0. Call [`signal`](Self::signal)
    /// afterwards: the consumer may be asleep.
    pub fn finish(&mut self) {
        self.cursor.shared().finish();
        self.cursor.settle();
    }

    /// Whether the stream has been finished, by this half or by a [`Closer`].
    pub fn is_finished(&self) -> bool {
        self.cursor.shared().is_finished()
    }

    /// Whether the other side will not read any more. What is in the ring
    /// stays unread.
    pub fn is_abandoned(&self) -> bool {
        self.cursor.shared().is_abandoned()
    }

    /// Whether that was no orderly end, but a loss
    /// ([`Closer::abort_reading`](crate::Closer::abort_reading)).
    pub fn is_reader_lost(&self) -> bool {
        self.cursor.shared().is_reader_lost()
    }

    /// Once the stream is finished or the ring abandoned: fixes the end of the
    /// stream, unless somebody has, and returns how many of the bytes written
    /// by this half lie behind it, and will never be read. 0 as long as it is
    /// neither, and whenever this half finished it itself.
    ///
    /// It makes a finish by a [`Closer`] exact. A writer that must know
    /// whether its bytes are part of the stream calls
    /// [`signal`](Self::signal), then [`is_finished`](Self::is_finished) and
    /// [`is_abandoned`](Self::is_abandoned), and if one says yes, `settle`. If
    /// both said no after that `signal`, every byte written before the
    /// `signal` is part of the stream.
    pub fn settle(&mut self) -> usize {
        self.cursor.settle()
    }

    /// Whether the consumer must be woken for what happened since it said
    /// that it sleeps. A full memory barrier, the only one on this side: call
    /// it once per batch of writes.
    pub fn signal(&mut self) -> Signal {
        self.cursor.signal()
    }

    /// Says that this side is about to sleep until there is room, then looks
    /// again. After [`Sleep::Asleep`] the consumer's `signal` (or a closer's)
    /// says [`Signal::Wake`], once, as soon as there is room or the ring is
    /// finished or abandoned.
    ///
    /// # Errors
    /// The consumer's position is impossible; the flag is down.
    pub fn prepare_sleep(&mut self) -> Result<Sleep, Corrupt> {
        self.cursor.prepare_sleep(1)
    }

    /// Like [`prepare_sleep`](Self::prepare_sleep), but until there is room for
    /// `room` bytes (at most the capacity), for a producer that has no use for
    /// less. The consumer's `signal` does not know how much that is: it says
    /// [`Signal::Wake`] for whatever was freed, once, and who finds too little
    /// prepares for sleep again.
    ///
    /// # Errors
    /// The consumer's position is impossible; the flag is down.
    pub fn prepare_sleep_for(&mut self, room: usize) -> Result<Sleep, Corrupt> {
        self.cursor.prepare_sleep(room)
    }

    /// Takes the flag of [`prepare_sleep`](Self::prepare_sleep) down after
    /// waking for another reason, a time limit for example. A wake-up that is
    /// already on its way may still arrive.
    pub fn cancel_sleep(&mut self) {
        self.cursor.cancel_sleep();
    }
}

impl<M: Memory + Clone> Producer<M> {
    /// A view of the ring for monitoring.
    pub fn observer(&self) -> Observer<M> {
        Observer::new(self.memory.clone())
    }

    /// A handle that can end the ring from any thread.
    pub fn closer(&self) -> Closer<M> {
        Closer::new(self.memory.clone())
    }
}

impl<M: Memory> core::fmt::Debug for Producer<M> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Producer")
            .field("capacity", &self.capacity())
            .field("is_finished", &self.is_finished())
            .field("is_abandoned", &self.is_abandoned())
            .finish_non_exhaustive()
    }
}
