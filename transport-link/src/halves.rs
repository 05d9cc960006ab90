//! A link made of a reading and a writing half that block.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::thread;

use channel::Spin;
use channel::pipe::{PipeReader, PipeWriter, pipe};
use channel::transport::{Sink, Source};
use parking_lot::Mutex;

use crate::link::Link;

/// How many bytes each thread may be ahead: enough that it and the driver work at the same time.
const AHEAD: usize = 64 * 1024;

/// A link over anything that can be read and written, with a thread for each direction, which does the blocking.
///
/// When the link is dropped, what was written still leaves; then the writing half is dropped. The reading half is
/// dropped when its next read returns: a thread in the middle of a read cannot be called away, so it should be
/// one that ends when its other end is closed.
pub struct Halves {
    inbound: PipeReader,
    outbound: Option<PipeWriter>,
    /// Why the reading, or the writing, has ended.
    broken: Arc<Mutex<Option<io::Error>>>,
}

impl Halves {
    /// A link over these halves.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub fn new(
        read: impl Read + Send + 'static,
        write: impl Write + Send + 'static,
    ) -> io::Result<Halves> {
        let ring = || pipe(AHEAD, Spin::default()).map_err(io::Error::other);
        let (received, inbound, received_control) = ring()?;
        let (outbound, to_send, sent_control) = ring()?;
        let broken = Arc::<Mutex<Option<io::Error>>>::default();
        let thread = |name: &str, run: Box<dyn FnOnce() + Send>| {
            thread::Builder::new().name(name.into()).spawn(run)
        };
        let why = broken.clone();
        thread(
            "link-read",
            Box::new(move || {
                let (mut from, mut to) = (read, received);
                if let Err(error) = outcome(|| read_all(&mut from, &mut to)) {
                    why.lock().get_or_insert(error);
                    // Before its writer is dropped: that would be an orderly end.
                    received_control.abort_writing();
                }
            }),
        )?;
        let why = broken.clone();
        thread(
            "link-write",
            Box::new(move || {
                let (mut to, mut from) = (write, to_send);
                if let Err(error) = outcome(|| write_all(&mut to, &mut from)) {
                    why.lock().get_or_insert(error);
                    sent_control.abort_reading();
                }
            }),
        )?;
        Ok(Halves {
            inbound,
            outbound: Some(outbound),
            broken,
        })
    }

    fn why(&self, error: io::Error) -> io::Error {
        match error.kind() {
            io::ErrorKind::ConnectionReset => self.broken.lock().take().unwrap_or(error),
            _ => error,
        }
    }
}

/// A half whose code panics is broken.
fn outcome(run: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| Err(io::Error::other("it panicked")))
}

fn read_all(from: &mut impl Read, to: &mut PipeWriter) -> io::Result<()> {
    let mut buf = vec![0; AHEAD / 2];
    loop {
        let mut left = match from.read(&mut buf) {
            Ok(0) => return to.finish(),
            Ok(n) => &buf[..n],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        while !left.is_empty() {
            match to.write(&[IoSlice::new(left)], None) {
                Ok(n) => left = &left[n..],
                // The link was dropped.
                Err(_) => return Ok(()),
            }
        }
    }
}

fn write_all(to: &mut impl Write, from: &mut PipeReader) -> io::Result<()> {
    // Bytes leave the ring when they are out of this process: so an empty ring says that all are.
    loop {
        match from.fill(None) {
            Ok(0) | Err(_) => return Ok(()),
            Ok(n) => {
                to.write_all(&from.filled()[..n])?;
                to.flush()?;
                from.consume(n);
            }
        }
    }
}

impl Link for Halves {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let n = ready!(self.inbound.poll_read(cx, &mut [IoSliceMut::new(into)]));
        Poll::Ready(n.map_err(|error| self.why(error)))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        let Some(outbound) = &mut self.outbound else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        let n = ready!(outbound.poll_write(cx, &[IoSlice::new(from)]));
        Poll::Ready(n.map_err(|error| self.why(error)))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(outbound) = &mut self.outbound else {
            return Poll::Ready(Ok(()));
        };
        let all = outbound.capacity();
        let room = ready!(outbound.poll_room(cx, all));
        Poll::Ready(room.map(drop).map_err(|error| self.why(error)))
    }

    /// The writing half is dropped when all has left.
    fn finish(&mut self) -> io::Result<()> {
        self.outbound = None;
        Ok(())
    }
}
