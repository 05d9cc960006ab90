//! One side of a connection: what its halves, its control and its waits share.
//!
//! # How a side waits
//!
//! In the kernel, for its bell and for what tells of a death: the socket, whose other end closes with the
//! process that has it, and that process's own descriptor (pidfd), as a forked child may keep the socket
//! open. A blocked call polls all three; for those who left a waker the process's background thread does.
//!
//! # Lost peers
//!
//! When the other end is gone, this side aborts in its stead what that has left open: its writing to the
//! inbound ring, its reading of the outbound one. From then on no look and no wait differs from those after an
//! abort by the other end itself. What was committed stays readable.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

use channel::transport::{Disconnect, Lingering, background};
use parking_lot::Mutex;
use ringbuf_core::Signal;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use transport_reactor::Watched;

use crate::bell::{Bell, Event};
use crate::list::{sweep_after, sweep_once_ended};
use crate::peer::Peer;
use crate::place::Place;
use crate::receipt::Grace;
use crate::segment::Ring;
use crate::vigil::Keeper;

/// This side has disconnected.
const LEFT: u8 = 1;
/// The other end was found gone.
const GONE: u8 = 2;
/// This side is about to disconnect.
const LEAVING: u8 = 4;

/// How long a little room may stay unknown to a writer that sleeps: long against the cost of a wake-up, so
/// that a slow reader of small pieces is not held up by it, and short for a person. It may take twice as long, so that
/// channels that have something to look at share the background thread's wake-ups.
const LATE_LOOK: Duration = Duration::from_millis(1);

pub(crate) struct Side {
    socket: Watched<OwnedFd>,
    peer: Peer,
    place: Place,
    state: AtomicU8,
    /// The bells of this side's halves.
    pub(crate) reader: Bell,
    pub(crate) writer: Bell,
    /// Those of the other side's.
    pub(crate) their_reader: Event,
    pub(crate) their_writer: Event,
    pub(crate) outbound: Ring,
    pub(crate) inbound: Ring,
    pub(crate) grace: Mutex<Grace>,
    /// This side has written since its reader asked last.
    wrote: AtomicBool,
    /// Late looks that are on their way: at the other side's writer, and at our own.
    late: [AtomicBool; 2],
    /// The other end's process will tell of its death.
    keeper: Mutex<Option<Keeper>>,
    /// Told when the socket or the process of the other end has news.
    news: Waker,
}

/// Does not keep the side.
struct News(Weak<Side>);

impl Wake for News {
    fn wake(self: Arc<Self>) {
        if let Some(side) = self.0.upgrade() {
            // Of a process's death the socket says nothing, if another one has it too.
            if !side.look_after_the_other() {
                let _ = side.watch();
            }
        }
    }
}

/// Which writer a late look is for.
#[derive(Clone, Copy)]
pub(crate) enum Writer {
    Theirs,
    Ours,
}

/// A late look: the waker of a timer. Does not keep the side.
struct Look {
    side: Weak<Side>,
    writer: Writer,
}

impl Wake for Look {
    fn wake(self: Arc<Self>) {
        if let Some(side) = self.side.upgrade() {
            // AcqRel, with the swap in `look_later`.
            side.late[self.writer as usize].swap(false, Ordering::AcqRel);
            side.look_for_room(self.writer);
        }
    }
}

impl Side {
    pub(crate) fn new(
        socket: Watched<OwnedFd>,
        peer: Peer,
        place: Place,
        [reader, writer, their_reader, their_writer]: [Event; 4],
        outbound: Ring,
        inbound: Ring,
    ) -> Arc<Side> {
        Arc::new_cyclic(|weak| Side {
            socket,
            peer,
            place,
            state: AtomicU8::new(0),
            reader: Bell::new(reader),
            writer: Bell::new(writer),
            their_reader,
            their_writer,
            outbound,
            inbound,
            grace: Mutex::default(),
            wrote: AtomicBool::new(false),
            late: Default::default(),
            keeper: Mutex::default(),
            news: Arc::new(News(weak.clone())).into(),
        })
    }

    /// Notes a write, for a reader that may be on the same thread: a hint.
    #[inline]
    pub(crate) fn note_write(&self) {
        // Relaxed, both: nothing hangs on it. Looked at first, so that a stream of writes keeps the line.
        if !self.wrote.load(Ordering::Relaxed) {
            self.wrote.store(true, Ordering::Relaxed);
        }
    }

    /// Whether this side has written since this was asked last.
    pub(crate) fn take_wrote(&self) -> bool {
        let wrote = self.wrote.load(Ordering::Relaxed);
        if wrote {
            self.wrote.store(false, Ordering::Relaxed);
        }
        wrote
    }

    // Acquire everywhere, with the AcqRel in `set`: who sees a flag here sees what was done before it.

    #[inline]
    fn has(&self, bit: u8) -> bool {
        self.state.load(Ordering::Acquire) & bit != 0
    }

    fn set(&self, bits: u8) -> u8 {
        self.state.fetch_or(bits, Ordering::AcqRel)
    }

    pub(crate) fn left(&self) -> bool {
        self.has(LEFT)
    }

    /// Whether it is this side that has stopped what was stopped here, or is about to.
    pub(crate) fn is_leaving(&self) -> bool {
        self.has(LEAVING)
    }

    /// Whether the other end is known to be gone. Then both streams have ended: the flags were raised before
    /// this said so. One that is down after it was taken down by somebody who still has the memory.
    pub(crate) fn is_gone(&self) -> bool {
        self.has(GONE)
    }

    pub(crate) fn leave(&self, how: Disconnect) {
        // The rings before `LEFT`: a half that hears of that is dropped for it, perhaps, and finishes in an
        // orderly way, which must not come before an abort.
        self.set(LEAVING);
        match how {
            Disconnect::Orderly => {
                self.outbound.closer.finish();
                self.inbound.closer.abandon();
            }
            Disconnect::Abort => {
                self.outbound.closer.abort_writing();
                self.inbound.closer.abort_reading();
            }
        }
        self.set(LEFT);
        self.wake_their_reader();
        // Also whoever waits there for the receipt, of whom the ring knows nothing.
        self.their_writer.ring();
        self.wake();
    }

    /// Wakes all who wait at this side.
    fn wake(&self) {
        self.reader.ring_if_awaited();
        self.writer.ring_if_awaited();
        self.writer.waiting().receipt.wake();
    }

    /// Whether the other end is gone, by a look that costs a system call.
    fn is_other_gone(&self) -> bool {
        let mut fds = [PollFd::new(self.socket.get_ref(), PollFlags::RDHUP)];
        // A look that fails says nothing.
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        matches!(poll(&mut fds, Some(&now)), Ok(n) if n > 0) || !self.peer.is_alive()
    }

    /// Looks whether the other end is still there, and if not ends what it has left open. Whether it is gone.
    pub(crate) fn look_after_the_other(&self) -> bool {
        if self.has(GONE) {
            return true;
        }
        if !self.is_other_gone() {
            return false;
        }
        // Who hears of the loss below may be about to exit, and waits for what is left to do here.
        let lingering = Lingering::new();
        // An end that it did make stays what it is.
        let mut left_open = false;
        if !self.outbound.closer.is_abandoned() {
            self.outbound.closer.abort_reading();
            left_open = true;
        }
        if !self.inbound.closer.is_finished() {
            self.inbound.closer.abort_writing();
            left_open = true;
        }
        let first = self.set(GONE) & GONE == 0;
        if first {
            self.wake();
        }
        // Who hangs up without a word is about to end, as a rule.
        if left_open && self.peer.is_alive() {
            sweep_once_ended(&self.peer, &self.place, lingering);
        } else if first {
            sweep_after(&self.peer, &self.place);
        }
        true
    }

    /// Whether the other end is known to have been lost.
    pub(crate) fn is_lost(&self) -> bool {
        self.look_after_the_other();
        self.outbound.closer.is_reader_lost() || self.inbound.closer.is_writer_lost()
    }

    /// Sees to it that those who left a waker at a bell hear when the other end is gone.
    pub(crate) fn watch(&self) -> io::Result<()> {
        if let Some(process) = self.peer.process()
            && self.keeper.lock().is_none()
        {
            // It may tell at once, and then wakes who waits here: not under the lock.
            let keeper = process.watch(&self.news)?;
            let old = self.keeper.lock().replace(keeper);
            drop(old);
        }
        let mut cx = Context::from_waker(&self.news);
        while self.socket.poll_readable(&mut cx)?.is_ready() {
            if self.look_after_the_other() {
                break;
            }
        }
        Ok(())
    }

    /// Sleeps until the bell rings, the other end is gone, or `until` has passed: then `false`.
    pub(crate) fn sleep(&self, bell: &Bell, until: Option<Instant>) -> io::Result<bool> {
        bell.leave_reactor();
        loop {
            let limit = match until {
                None => None,
                // More than the kernel can count is for ever.
                Some(until) => {
                    Timespec::try_from(until.saturating_duration_since(Instant::now())).ok()
                }
            };
            let socket = self.socket.get_ref();
            let mut fds = [
                PollFd::new(bell, PollFlags::IN),
                PollFd::new(socket, PollFlags::RDHUP),
                // Where there is no descriptor of the process, the socket tells, which was asked.
                match self.peer.process() {
                    Some(process) => PollFd::from_borrowed_fd(process.as_fd(), PollFlags::IN),
                    None => PollFd::new(socket, PollFlags::empty()),
                },
            ];
            match poll(&mut fds, limit.as_ref()) {
                Ok(0) if until.is_some_and(|until| Instant::now() >= until) => return Ok(false),
                Ok(0) | Err(Errno::INTR) => continue,
                Ok(_) => {}
                Err(error) => return Err(error.into()),
            }
            let [heard, hung_up, ended] = fds.map(|fd| !fd.revents().is_empty());
            if heard {
                bell.heard();
            }
            if hung_up || ended {
                self.look_after_the_other();
            }
            // Whoever never stops ringing does not hold up the limit.
            return Ok(until.is_none_or(|until| Instant::now() < until));
        }
    }

    /// Has a writer woken a little later if it sleeps then and there is room: a reader that freed less than a
    /// quarter may never come back, and the writer may be what it waits for.
    pub(crate) fn look_later(self: &Arc<Self>, writer: Writer) {
        // AcqRel, with the swap in `Look`: room that was made before a call that found a look on its way is
        // seen by that look.
        if self.late[writer as usize].swap(true, Ordering::AcqRel) {
            return;
        }
        let side = Arc::downgrade(self);
        let look = Waker::from(Arc::new(Look { side, writer }));
        let from = Instant::now() + LATE_LOOK;
        background::wake_between(from, from + LATE_LOOK, look);
    }

    fn look_for_room(&self, writer: Writer) {
        let ring = match writer {
            Writer::Theirs => &self.inbound,
            Writer::Ours => &self.outbound,
        };
        if ring.observer.fill() < ring.observer.capacity() {
            self.wake_writer(writer);
        }
    }

    /// Wakes a writer if it sleeps.
    pub(crate) fn wake_writer(&self, writer: Writer) {
        let (ring, bell) = match writer {
            Writer::Theirs => (&self.inbound, &self.their_writer),
            Writer::Ours => (&self.outbound, self.writer.event()),
        };
        if ring.closer.take_wake_producer() == Signal::Wake {
            bell.ring();
        }
    }

    /// Wakes the other side's reader if it sleeps.
    pub(crate) fn wake_their_reader(&self) {
        if self.outbound.closer.take_wake_consumer() == Signal::Wake {
            self.their_reader.ring();
        }
    }
}
