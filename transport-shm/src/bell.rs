//! Events between sleepers: one for each half of a channel, known to both sides.
//!
//! A bell is rung when the ring's flag says that its owner sleeps, and when something has ended. Its owner
//! waits for it in the kernel, together with what tells of a death: see [`side`](crate::side).

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::task::{Context, Poll, Wake, Waker, ready};

use atomic_waker::AtomicWaker;
use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat};
use rustix::io::Errno;
use transport_reactor::Watched;

use crate::error::foreign;

/// The event of a sleeper, wherever that is.
pub(crate) struct Event(OwnedFd);

impl Event {
    pub(crate) fn new() -> io::Result<Event> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        Ok(Event(eventfd(0, flags)?))
    }

    /// Wakes the sleeper, or keeps it from falling asleep.
    pub(crate) fn ring(&self) {
        // It fails when the counter is at its end, and then it has not been heard yet anyway.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }

    /// Forgets what was rung.
    fn silence(&self) {
        let _ = rustix::io::read(&self.0, &mut [0; 8]);
    }
}

/// One that another process has made, which may be anything. A write to something else could block.
impl TryFrom<OwnedFd> for Event {
    type Error = io::Error;

    fn try_from(fd: OwnedFd) -> io::Result<Event> {
        let write = |value: u64| rustix::io::write(&fd, &value.to_ne_bytes());
        // Nothing else than an event takes 0, and not the greatest number; and no file, pipe or socket is
        // without a type.
        let is_event = FileType::from_raw_mode(fstat(&fd)?.st_mode) == FileType::Unknown
            && fcntl_getfl(&fd)?.contains(OFlags::NONBLOCK)
            && write(u64::MAX) == Err(Errno::INVAL)
            && write(0) == Ok(8);
        if is_event {
            Ok(Event(fd))
        } else {
            Err(foreign("its offer has other descriptors than events"))
        }
    }
}

impl AsFd for Event {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// This side's bell of one half, and who waits for it.
pub(crate) struct Bell {
    event: Watched<Event>,
    /// The half waits, or is about to.
    awaited: AtomicBool,
    waiting: Arc<Waiting>,
    /// Wakes all who wait.
    waker: Waker,
}

/// Who waits for news that a bell brings.
#[derive(Default)]
pub(crate) struct Waiting {
    /// The half itself.
    pub(crate) half: AtomicWaker,
    /// Of the outbound half: whoever waits for the receipt.
    pub(crate) receipt: AtomicWaker,
}

impl Wake for Waiting {
    fn wake(self: Arc<Self>) {
        self.half.wake();
        self.receipt.wake();
    }
}

impl Bell {
    pub(crate) fn new(event: Event) -> Bell {
        let waiting = Arc::new(Waiting::default());
        Bell {
            event: Watched::inbound(event),
            awaited: AtomicBool::new(false),
            waker: waiting.clone().into(),
            waiting,
        }
    }

    /// Says that the half is about to wait, before it looks at the ring for the last time.
    pub(crate) fn await_it(&self) {
        // Relaxed: the ring's `prepare_sleep`, which follows, has the barrier that pairs with the one below.
        self.awaited.store(true, Ordering::Relaxed);
    }

    /// Wakes the half if it waits for something that has been stopped before this call. What the other side
    /// writes into the ring does not matter here.
    pub(crate) fn ring_if_awaited(&self) {
        // SeqCst: pairs with the barrier in the ring's `prepare_sleep`. Who does not see there that the ring was
        // stopped is seen to wait here.
        fence(Ordering::SeqCst);
        if self.awaited.swap(false, Ordering::Relaxed) {
            self.event.get_ref().ring();
        }
    }

    pub(crate) fn event(&self) -> &Event {
        self.event.get_ref()
    }

    pub(crate) fn waiting(&self) -> &Waiting {
        &self.waiting
    }

    /// After a sleep that this ended: the next one is not ended by it, and others who wait hear of it.
    pub(crate) fn heard(&self) {
        self.event.get_ref().silence();
        self.waiting.receipt.wake();
    }

    /// Ready if it rang since this was asked last; else whoever waits (who has left a waker before) is woken
    /// when it rings.
    pub(crate) fn poll(&self) -> Poll<io::Result<()>> {
        // Always the same waker.
        ready!(
            self.event
                .poll_readable(&mut Context::from_waker(&self.waker))
        )?;
        // It may have been for the other one.
        self.waker.wake_by_ref();
        Poll::Ready(Ok(()))
    }

    /// Before a thread waits for the bell by itself: the background thread need not hear it, unless somebody
    /// else waits there.
    pub(crate) fn leave_reactor(&self) {
        self.event.leave_reactor();
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.event.get_ref().as_fd()
    }
}
