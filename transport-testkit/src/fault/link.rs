//! What both halves of one connection and its control share: whether it was cut, and who waits for
//! a pause to be over.
//!
//! Poll functions may run under a lock of the record layer, where nobody may be woken. So a cut in
//! one of them only notes what happened; the wrapped connection is aborted, and with that others
//! are woken, a moment later on the timer's thread, or before that when a half is dropped or the
//! connection disconnected. Pauses of poll functions end on the timer's thread, too.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use async_io::Timer;
use channel::transport::{Control, Disconnect, Receipt, Totals};
use parking_lot::{Condvar, Mutex};

use super::fired::Counters;
use super::strike::{Strike, Trigger};

/// Nothing is read any more but what had arrived.
pub(super) const IN: u8 = 1;
/// Nothing is written any more.
pub(super) const OUT: u8 = 2;
/// This side has disconnected: no more faults.
const LEFT: u8 = 4;
/// The reader was given the end of the stream.
const ENDED: u8 = 8;
/// The wrapped connection is about to be aborted.
const ABORTING: u8 = 16;
/// The wrapped connection has failed, or refuses.
const BROKEN: u8 = 32;

/// How much later the wrapped connection is aborted. It has to be later at all.
const SOON: Duration = Duration::from_micros(50);

pub(super) struct Link {
    pub(super) inner: Arc<dyn Control>,
    pub(super) counters: Arc<Counters>,
    trigger: Option<Arc<Trigger>>,
    name: String,
    one_way: bool,
    /// Facts, set once and never cleared. Set with AcqRel and loaded with Acquire: who sees a cut
    /// sees the reason.
    flags: AtomicU8,
    reason: OnceLock<io::ErrorKind>,
    /// Pauses of poll functions, of the reader and the writer: a disconnect and an abort wake them.
    polled: [Mutex<Option<Waker>>; 2],
    /// Pauses of blocking calls end when this is true.
    over: Mutex<bool>,
    is_over: Condvar,
}

impl Link {
    pub(super) fn new(
        inner: Arc<dyn Control>,
        counters: Arc<Counters>,
        trigger: Option<Arc<Trigger>>,
        name: String,
        one_way: bool,
    ) -> Arc<Link> {
        Arc::new(Link {
            inner,
            counters,
            trigger,
            name,
            one_way,
            flags: AtomicU8::new(0),
            reason: OnceLock::new(),
            polled: Default::default(),
            over: Mutex::new(false),
            is_over: Condvar::new(),
        })
    }

    fn has(&self, flags: u8) -> bool {
        self.flags.load(Ordering::Acquire) & flags == flags
    }

    /// Whether this side has disconnected.
    pub(super) fn left(&self) -> bool {
        self.has(LEFT)
    }

    /// Whether this direction was cut.
    pub(super) fn is_cut(&self, direction: u8) -> bool {
        self.has(direction)
    }

    pub(super) fn ended(&self) {
        self.flags.fetch_or(ENDED, Ordering::AcqRel);
    }

    /// The wrapped connection has failed, or refuses: what either half says from now on it says at
    /// once. Whoever asks one half why the other one failed must not be told to wait.
    pub(super) fn broke(&self) {
        self.flags.fetch_or(BROKEN, Ordering::AcqRel);
    }

    /// What a cut direction says.
    pub(super) fn error(&self) -> io::Error {
        let kind = self.reason.get().copied();
        io::Error::new(
            kind.unwrap_or(io::ErrorKind::ConnectionReset),
            format!("a fault was injected: {} was cut", self.name),
        )
    }

    /// One more call; the error if it is the one to be hit. The caller sees to the abort.
    pub(super) fn call(&self, what: &str) -> Option<io::Error> {
        self.counters.calls.add();
        let trigger = self.trigger.as_ref().filter(|_| !self.left())?;
        let strike = trigger.call(|| format!("{what} of {}", self.name))?;
        self.cut(IN | OUT, strike);
        Some(self.error())
    }

    /// Notes a cut where a byte was to pass in this direction.
    pub(super) fn cut_at_byte(&self, direction: u8) -> io::Error {
        let directions = if self.one_way { direction } else { IN | OUT };
        self.cut(directions, Strike::Cut);
        self.error()
    }

    fn cut(&self, directions: u8, strike: Strike) {
        let _ = self.reason.set(strike.kind());
        if self.flags.fetch_or(directions, Ordering::AcqRel) & directions != directions {
            self.counters.cuts.add();
        }
    }

    /// Aborts the wrapped connection if all of it was cut.
    pub(super) fn abort_now(&self) {
        if self.has(IN | OUT) {
            self.abort();
        }
    }

    fn abort(&self) {
        self.inner.disconnect(Disconnect::Abort);
        self.end_pauses();
    }

    /// The same from inside of a poll function: a little later.
    pub(super) fn abort_soon(self: &Arc<Self>) {
        if !self.has(IN | OUT) || self.flags.fetch_or(ABORTING, Ordering::AcqRel) & ABORTING != 0 {
            return;
        }
        let abort = Arc::new(Abort {
            link: self.clone(),
            timer: Mutex::new(None),
        });
        let waker = Waker::from(abort.clone());
        // Held until the timer is in its place: the wake takes it out again.
        let mut place = abort.timer.lock();
        let mut timer = Timer::after(SOON);
        // It may be over already, if this thread was not running.
        while Pin::new(&mut timer)
            .poll(&mut Context::from_waker(&waker))
            .is_ready()
        {
            timer = Timer::after(SOON);
        }
        *place = Some(timer);
    }

    /// Ends what only waits.
    fn end_pauses(&self) {
        *self.over.lock() = true;
        self.is_over.notify_all();
        for slot in &self.polled {
            let waker = slot.lock().take();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }

    /// Whether a pause would be for nothing. Asked after [`pausing`](Link::pausing).
    pub(super) fn no_pause(&self) -> bool {
        self.has(BROKEN) || *self.over.lock()
    }

    /// Leaves the waker of a poll function that pauses.
    pub(super) fn pausing(&self, direction: u8, waker: Option<&Waker>) {
        let mut slot = self.polled[usize::from(direction == OUT)].lock();
        let same = match (&*slot, waker) {
            (Some(old), Some(new)) => old.will_wake(new),
            (None, None) => true,
            _ => false,
        };
        if !same {
            let old = std::mem::replace(&mut *slot, waker.cloned());
            drop(slot);
            // A waker's drop is foreign code: not under the lock.
            drop(old);
        }
    }

    /// Pauses a blocking call, until a disconnect or an abort at most.
    pub(super) fn pause_until(&self, end: Instant) {
        let mut over = self.over.lock();
        while !*over && Instant::now() < end {
            self.is_over.wait_until(&mut over, end);
        }
    }

    /// A half is dropped: what was cut must not look like an orderly end.
    pub(super) fn half_dropped(&self, direction: u8) {
        self.pausing(direction, None);
        if self.has(IN | OUT) || direction == OUT && self.has(OUT) {
            self.abort();
        }
    }
}

/// Aborts when it is woken, by the timer that it holds.
struct Abort {
    link: Arc<Link>,
    timer: Mutex<Option<Timer>>,
}

impl Wake for Abort {
    fn wake(self: Arc<Self>) {
        // The timer holds a waker that holds this.
        let timer = self.timer.lock().take();
        drop(timer);
        self.link.abort();
    }
}

/// The control of a wrapped connection.
pub(super) struct FaultControl(pub(super) Arc<Link>);

impl Control for FaultControl {
    fn disconnect(&self, how: Disconnect) {
        let link = &self.0;
        let flags = link.flags.fetch_or(LEFT, Ordering::AcqRel);
        // What was cut stays lost for the peer, also if this side is polite about it.
        let how = if flags & (IN | OUT) != 0 {
            Disconnect::Abort
        } else {
            how
        };
        link.inner.disconnect(how);
        link.end_pauses();
    }

    fn peer_gone(&self) -> bool {
        self.0.has(IN) || self.0.has(OUT) || self.0.inner.peer_gone()
    }

    fn peer_closed(&self) -> bool {
        self.0.inner.peer_closed()
    }

    fn ended(&self) -> bool {
        // After a cut, what the wrapped connection goes through is not the stream's own end.
        self.0.has(ENDED) || !self.0.has(IN) && self.0.inner.ended()
    }

    fn totals(&self) -> Totals {
        self.0.inner.totals()
    }

    fn poll_receipt(&self, cx: &mut Context<'_>) -> Poll<Receipt> {
        match self.0.inner.poll_receipt(cx) {
            // Nobody will tell any more.
            Poll::Pending if self.0.has(IN | OUT) => Poll::Ready(Receipt::Unknown),
            other => other,
        }
    }
}
