//! Tells those who wait for a socket when the system has news of it.
//!
//! The background thread of the process waits for the events, where nobody else uses it for that;
//! otherwise a thread of this crate does. Each registration is made once and says what changed since the
//! last event, so a wait costs no system call. Whoever waits must therefore have tried, and found that
//! it would block, since it was last told.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use channel::transport::background::{self, Sleeper};
use mio::unix::SourceFd;
use mio::{Events, Interest, Registry, Token};
use parking_lot::Mutex;
use slab::Slab;

use crate::alarm_clock::AlarmClock;

/// Events taken from the system in one go.
const EVENTS: usize = 256;

const CALL: Token = Token(usize::MAX);
const CLOCK: Token = Token(usize::MAX - 1);

struct Reactor {
    registry: Registry,
    caller: mio::Waker,
    watches: Mutex<Slab<Arc<Watch>>>,
    /// Locked by the thread that waits.
    events: Mutex<Waiting>,
}

struct Waiting {
    poll: mio::Poll,
    events: Events,
    clock: AlarmClock,
    woken: Vec<Waker>,
}

/// What is known of a descriptor.
#[derive(Default)]
struct Watch {
    inbound: Side,
    outbound: Side,
}

/// One direction: whether there was news since the last try, or who waits for some.
#[derive(Default)]
struct Side(Mutex<(bool, Option<Waker>)>);

impl Side {
    fn poll(&self, cx: &mut Context<'_>) -> Waited {
        let mut side = self.0.lock();
        if std::mem::take(&mut side.0) {
            return Waited::Ready;
        }
        match &mut side.1 {
            Some(old) if old.will_wake(cx.waker()) => Waited::Pending(None),
            other => Waited::Pending(other.replace(cx.waker().clone())),
        }
    }

    fn news(&self, woken: &mut Vec<Waker>) {
        let mut side = self.0.lock();
        side.0 = true;
        woken.extend(side.1.take());
    }

    fn is_awaited(&self) -> bool {
        self.0.lock().1.is_some()
    }
}

/// What a poll came to.
#[must_use]
pub(crate) enum Waited {
    Ready,
    /// The last waker counts. The one that it replaced is to be woken, without a lock: whoever that is
    /// finds its place taken, or tries again.
    Pending(Option<Waker>),
}

impl Waited {
    /// Wakes who was replaced.
    pub(crate) fn poll(self) -> Poll<()> {
        match self {
            Waited::Ready => Poll::Ready(()),
            Waited::Pending(replaced) => {
                replaced.into_iter().for_each(Waker::wake);
                Poll::Pending
            }
        }
    }
}

/// A descriptor's registration. To be dropped before the descriptor is closed.
pub(crate) struct Registration {
    watch: Arc<Watch>,
    key: usize,
    fd: RawFd,
}

impl Registration {
    pub(crate) fn new(fd: &impl AsRawFd) -> io::Result<Registration> {
        let reactor = Reactor::get()?;
        let watch = Arc::new(Watch::default());
        let key = reactor.watches.lock().insert(watch.clone());
        let registration = Registration {
            watch,
            key,
            fd: fd.as_raw_fd(),
        };
        let interest = Interest::READABLE | Interest::WRITABLE;
        // What has happened before is told as the first event.
        reactor
            .registry
            .register(&mut SourceFd(&registration.fd), Token(key), interest)?;
        Ok(registration)
    }

    /// Ready once after each news: bytes, a connection, the end, an error.
    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Waited {
        self.watch.inbound.poll(cx)
    }

    /// Ready once after each news: room, a connection made, an error.
    pub(crate) fn poll_writable(&self, cx: &mut Context<'_>) -> Waited {
        self.watch.outbound.poll(cx)
    }

    /// Whether somebody waits here.
    pub(crate) fn is_awaited(&self) -> bool {
        self.watch.inbound.is_awaited() || self.watch.outbound.is_awaited()
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if let Some(reactor) = REACTOR.get() {
            // It fails only if it was never made.
            let _ = reactor.registry.deregister(&mut SourceFd(&self.fd));
            drop(reactor.watches.lock().try_remove(self.key));
        }
    }
}

static REACTOR: OnceLock<&'static Reactor> = OnceLock::new();

/// Sees to it that there is a reactor: a connection that is opened after this can be waited for whatever the
/// process runs out of.
pub(crate) fn start() -> io::Result<()> {
    Reactor::get().map(drop)
}

impl Reactor {
    fn get() -> io::Result<&'static Reactor> {
        if let Some(reactor) = REACTOR.get() {
            return Ok(reactor);
        }
        // Made once; it is everybody's as soon as a thread waits for its events.
        static MADE: Mutex<Option<&'static Reactor>> = Mutex::new(None);
        let mut made = MADE.lock();
        if let Some(reactor) = REACTOR.get() {
            return Ok(reactor);
        }
        let reactor = match *made {
            Some(reactor) => reactor,
            None => made.insert(Box::leak(Box::new(Reactor::new()?))),
        };
        if !background::sleep_in(reactor) {
            std::thread::Builder::new()
                .name("tcp-reactor".into())
                .spawn(|| {
                    loop {
                        reactor.sleep(None);
                    }
                })?;
        }
        Ok(REACTOR.get_or_init(|| reactor))
    }

    fn new() -> io::Result<Reactor> {
        let poll = mio::Poll::new()?;
        let registry = poll.registry().try_clone()?;
        let clock = AlarmClock::new(&registry, CLOCK)?;
        Ok(Reactor {
            caller: mio::Waker::new(&registry, CALL)?,
            registry,
            watches: Mutex::default(),
            events: Mutex::new(Waiting {
                poll,
                events: Events::with_capacity(EVENTS),
                clock,
                woken: Vec::new(),
            }),
        })
    }
}

impl Sleeper for Reactor {
    fn sleep(&self, until: Option<Instant>) {
        let Waiting {
            poll,
            events,
            clock,
            woken,
        } = &mut *self.events.lock();
        let limit = clock.set(until);
        if let Err(error) = poll.poll(events, limit) {
            if error.kind() != io::ErrorKind::Interrupted {
                tracing::error!(target: "transport_tcp", %error, "waiting for sockets failed");
            }
            return;
        }
        let watches = self.watches.lock();
        for event in events.iter() {
            // One that is gone, or that came after it to its place: news that changed nothing.
            let Some(watch) = watches.get(event.token().0) else {
                continue;
            };
            let broken = event.is_error();
            if broken || event.is_readable() || event.is_read_closed() {
                watch.inbound.news(woken);
            }
            if broken || event.is_writable() || event.is_write_closed() {
                watch.outbound.news(woken);
            }
        }
        drop(watches);
        for waker in woken.drain(..) {
            // Somebody's code; the thread is everybody's.
            if catch_unwind(AssertUnwindSafe(|| waker.wake())).is_err() {
                tracing::error!(target: "transport_tcp", "a waker panicked");
            }
        }
    }

    fn wake(&self) {
        // It cannot fail once it was made.
        let _ = self.caller.wake();
    }
}
