//! One direction of a connection inside a process: a ring and the wakers of its two ends.
//!
//! [`mem`](crate::mem) makes a connection out of two of these; the driver of a link (USB, serial)
//! puts one between itself and each channel. The ring decides *whether* to wake, the pipe knows
//! *whom*.
//!
//! It owns the ring's two halves and their waker slots. It must never block in a poll function,
//! and never wake anybody under a lock.

mod cut;
mod later;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Waker;

use parking_lot::Mutex;
use ringbuf_core::{CapacityError, Closer, Corrupt, Heap, Observer, Signal};

pub use reader::PipeReader;
pub use writer::PipeWriter;

use cut::Cut;

use crate::wait::{Spin, Spinner};

/// Makes a pipe of at least `capacity` bytes (rounded up to a power of two).
pub fn pipe(
    capacity: usize,
    spin: Spin,
) -> Result<(PipeWriter, PipeReader, PipeControl), CapacityError> {
    let (producer, consumer) = ringbuf_core::ring(capacity)?;
    let ends = Arc::new(Ends {
        observer: producer.observer(),
        closer: producer.closer(),
        reader: Slot::default(),
        writer: Slot::default(),
        receipt: Slot::default(),
        cut: Mutex::default(),
        writer_aborted: AtomicBool::new(false),
        reader_aborted: AtomicBool::new(false),
        looking: AtomicBool::new(false),
        known: AtomicUsize::new(0),
    });
    let writer = PipeWriter {
        producer,
        ends: ends.clone(),
        spinner: Spinner::new(spin),
        armed: false,
        inbound: None,
    };
    let reader = PipeReader {
        consumer,
        ends: ends.clone(),
        spinner: Spinner::new(spin),
        armed: false,
        ended: false,
        end: None,
    };
    Ok((writer, reader, PipeControl(ends)))
}

/// What both ends and the controls share: who waits at either end, and who aborted.
struct Ends {
    observer: Observer<Heap>,
    closer: Closer<Heap>,
    reader: Slot,
    writer: Slot,
    /// Who waits for the receipt.
    receipt: Slot,
    cut: Mutex<Cut>,
    /// The writer aborted: the reader's end is a loss.
    writer_aborted: AtomicBool,
    /// The reader aborted: the writer's refusal is a loss.
    reader_aborted: AtomicBool,
    /// A late look at the writer is on its way.
    looking: AtomicBool,
    /// How far the reader had come when the writer said last that it sleeps.
    known: AtomicUsize,
}

impl Ends {
    fn wake_writer(&self) {
        if self.closer.take_wake_producer() == Signal::Wake {
            self.writer.wake();
        }
    }

    // Acquire in both, with the Release stores in `PipeControl`, which come before the ring's flags
    // are set: whoever saw those sees these.

    fn writer_aborted(&self) -> bool {
        self.writer_aborted.load(Ordering::Acquire)
    }

    fn reader_aborted(&self) -> bool {
        self.reader_aborted.load(Ordering::Acquire)
    }
}

/// A place for one waker.
#[derive(Default)]
pub(crate) struct Slot(Mutex<Option<Waker>>);

impl Slot {
    pub(crate) fn set(&self, waker: &Waker) {
        let mut slot = self.0.lock();
        match &mut *slot {
            Some(old) if old.will_wake(waker) => {}
            other => {
                let old = other.replace(waker.clone());
                drop(slot);
                // A waker's drop is foreign code: not under the lock.
                drop(old);
            }
        }
    }

    pub(crate) fn wake(&self) {
        let waker = self.0.lock().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

fn corrupt(error: Corrupt) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// Ends a pipe from any thread, and tells what passed through it.
#[derive(Clone)]
pub struct PipeControl(Arc<Ends>);

impl PipeControl {
    /// Ends the stream: the reader gets what was written, then the end; writes fail.
    pub fn finish(&self) {
        self.0.closer.finish();
        self.0.cut_off();
        self.wake();
    }

    /// Stops the reading: writes fail, reads too.
    pub fn abandon(&self) {
        self.0.closer.abandon();
        self.0.cut_off();
        self.wake();
    }

    /// Like [`finish`](Self::finish), but the reader gets a loss after what was written.
    pub fn abort_writing(&self) {
        // Release, with the Acquire load in `Ends::writer_aborted`.
        self.0.writer_aborted.store(true, Ordering::Release);
        self.finish();
    }

    /// Like [`abandon`](Self::abandon), but writes fail as they do when the peer is lost.
    pub fn abort_reading(&self) {
        // Release, with the Acquire load in `Ends::reader_aborted`.
        self.0.reader_aborted.store(true, Ordering::Release);
        self.abandon();
    }

    /// Whether the writer aborted.
    pub fn is_writer_aborted(&self) -> bool {
        self.0.writer_aborted()
    }

    /// Whether the reader aborted.
    pub fn is_reader_aborted(&self) -> bool {
        self.0.reader_aborted()
    }

    /// Whether the stream has ended and everything before the end was read.
    pub fn is_drained(&self) -> bool {
        self.0.observer.is_finished() && {
            let (written, read) = self.0.counts();
            written == read
        }
    }

    /// Bytes ever written. On 32-bit targets this wraps.
    pub fn written(&self) -> u64 {
        self.0.counts().0 as u64
    }

    /// Bytes ever read. On 32-bit targets this wraps.
    pub fn read(&self) -> u64 {
        self.0.counts().1 as u64
    }

    /// Capacity in bytes.
    pub fn capacity(&self) -> usize {
        self.0.observer.capacity()
    }

    /// Whether the reader has stopped.
    pub fn is_abandoned(&self) -> bool {
        self.0.observer.is_abandoned()
    }

    /// Wakes the writer if it sleeps.
    pub fn nudge_writer(&self) {
        self.0.wake_writer();
    }

    fn wake(&self) {
        self.0.reader.wake();
        self.0.writer.wake();
        self.0.receipt.wake();
    }
}
