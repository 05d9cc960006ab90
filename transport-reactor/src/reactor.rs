//! Waits for the system's events of all registered descriptors.
//!
//! The background thread of the process does it in its sleep, where nobody else uses it for that; otherwise
//! a thread of this crate does.

use std::io;
use std::os::fd::RawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};
use std::task::Waker;
use std::time::Instant;

use channel::transport::background::{self, Sleeper};
use mio::unix::SourceFd;
use mio::{Events, Interest, Registry, Token};
use parking_lot::Mutex;
use slab::Slab;

use crate::alarm_clock::AlarmClock;
use crate::registration::Watch;

/// Events taken from the system in one go.
const EVENTS: usize = 256;

const CALL: Token = Token(usize::MAX);
const CLOCK: Token = Token(usize::MAX - 1);

pub(crate) struct Reactor {
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

/// Sees to it that there is a reactor: a descriptor that is opened after this can be waited for whatever the
/// process runs out of. Never blocks; costs nothing when there is one.
///
/// # Errors
/// Whatever the system says when it has no descriptor or thread left for the reactor. To be tried again.
pub fn start() -> io::Result<()> {
    Reactor::get().map(drop)
}

impl Reactor {
    /// The one of the process.
    pub(crate) fn get() -> io::Result<&'static Reactor> {
        static REACTOR: OnceLock<&'static Reactor> = OnceLock::new();
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
                .name("reactor".into())
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

    /// Has the events of a descriptor told to `watch`; what to [leave](Reactor::leave) with.
    pub(crate) fn enter(
        &self,
        fd: RawFd,
        interest: Interest,
        watch: &Arc<Watch>,
    ) -> io::Result<usize> {
        let key = self.watches.lock().insert(watch.clone());
        // What has happened before is told as the first event.
        let entered = self
            .registry
            .register(&mut SourceFd(&fd), Token(key), interest);
        if let Err(error) = entered {
            drop(self.watches.lock().try_remove(key));
            return Err(error);
        }
        Ok(key)
    }

    pub(crate) fn leave(&self, fd: RawFd, key: usize) {
        // It fails only if the descriptor was closed, against what was asked for.
        let _ = self.registry.deregister(&mut SourceFd(&fd));
        drop(self.watches.lock().try_remove(key));
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
                tracing::error!(target: "transport_reactor", %error, "waiting for events failed");
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
                tracing::error!(target: "transport_reactor", "a waker panicked");
            }
        }
    }

    fn wake(&self) {
        // It cannot fail once it was made.
        let _ = self.caller.wake();
    }
}
