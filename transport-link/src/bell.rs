//! How a driver's thread sleeps, and how others call it.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// It works, or will look for news before it sleeps.
const AWAKE: u8 = 0;
/// Somebody has called since it looked for news.
const CALLED: u8 = 1;
/// It sleeps by itself.
const PARKED: u8 = 2;
/// It sleeps in the system, on a link's descriptors.
#[cfg(unix)]
const IN_POLL: u8 = 3;

#[derive(Debug, Default)]
pub(crate) struct Bell {
    state: AtomicU8,
    thread: OnceLock<Thread>,
    #[cfg(unix)]
    event: OnceLock<event::Event>,
}

impl Bell {
    /// To be called by the driver's thread, first of all.
    pub(crate) fn mine(&self) {
        let _ = self.thread.set(thread::current());
    }

    /// The thread has news to look for. From any thread; never blocks.
    pub(crate) fn ring(&self) {
        // AcqRel: what was left for the thread before this is seen after its `hush`.
        match self.state.swap(CALLED, Ordering::AcqRel) {
            PARKED => self.thread.get().into_iter().for_each(Thread::unpark),
            #[cfg(unix)]
            IN_POLL => self.event.get().into_iter().for_each(event::Event::ring),
            _ => {}
        }
    }

    /// Whether somebody has called. To be asked before the thread looks for news.
    pub(crate) fn hush(&self) -> bool {
        // AcqRel, with the swap in `ring`.
        self.state.swap(AWAKE, Ordering::AcqRel) == CALLED
    }

    /// Whether somebody has called, as far as is known.
    pub(crate) fn is_called(&self) -> bool {
        // Relaxed: a hint; `hush` comes before the look.
        self.state.load(Ordering::Relaxed) == CALLED
    }

    /// Goes to sleep, unless somebody has called.
    fn fall_asleep(&self, how: u8) -> bool {
        // Release in success: nothing hangs on it that is not in `hush`.
        self.state
            .compare_exchange(AWAKE, how, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    /// Sleeps until somebody calls, or until `until`. Whether somebody has called.
    pub(crate) fn park(&self, until: Option<Instant>) -> bool {
        if !self.fall_asleep(PARKED) {
            return self.hush();
        }
        // Relaxed: a hint; `hush` comes before the look.
        while self.state.load(Ordering::Relaxed) == PARKED {
            match until.map(|until| until.saturating_duration_since(Instant::now())) {
                None => thread::park(),
                Some(Duration::ZERO) => break,
                Some(left) => thread::park_timeout(left),
            }
        }
        self.hush()
    }
}

#[cfg(unix)]
pub(crate) use event::Ready;

#[cfg(unix)]
mod event {
    use std::io;
    use std::os::fd::OwnedFd;
    use std::time::{Duration, Instant};

    use channel::wait::Spinner;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::io::{Errno, read, write};

    use super::{Bell, IN_POLL};
    use crate::link::Descriptors;

    /// What a sleep has found.
    #[derive(Clone, Copy, Debug, Default)]
    pub(crate) struct Ready {
        pub(crate) read: bool,
        pub(crate) write: bool,
    }

    impl Bell {
        /// Sleeps until somebody calls, until `until`, or until the link is ready to be read, or written, where
        /// that is `wanted`; looks for a little while first. Also tells whether somebody has called.
        pub(crate) fn sleep_on(
            &self,
            link: Descriptors<'_>,
            wanted: Ready,
            until: Option<Instant>,
            spinner: &mut Spinner,
        ) -> io::Result<(Ready, bool)> {
            let event = match self.event.get() {
                Some(event) => event,
                None => {
                    let event = Event::new()?;
                    self.event.get_or_init(|| event)
                }
            };
            let mut ready = Ok(Ready::default());
            let look = || {
                self.is_called() || {
                    ready = event.wait(link, wanted, Some(Duration::ZERO));
                    !matches!(
                        ready,
                        Ok(Ready {
                            read: false,
                            write: false
                        })
                    )
                }
            };
            if !spinner.spin(until, look) && self.fall_asleep(IN_POLL) {
                ready = spinner.sleep(|| {
                    let left = until.map(|until| until.saturating_duration_since(Instant::now()));
                    event.wait(link, wanted, left)
                });
            }
            let called = self.hush();
            Ok((ready?, called))
        }
    }

    /// An event that ends a `poll`.
    #[derive(Debug)]
    pub(super) struct Event {
        wait: OwnedFd,
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        ring: OwnedFd,
    }

    impl Event {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        fn new() -> io::Result<Event> {
            use rustix::event::{EventfdFlags, eventfd};
            let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
            Ok(Event {
                wait: eventfd(0, flags)?,
            })
        }

        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        fn new() -> io::Result<Event> {
            use std::os::unix::net::UnixStream;
            let (wait, ring) = UnixStream::pair()?;
            wait.set_nonblocking(true)?;
            ring.set_nonblocking(true)?;
            Ok(Event {
                wait: wait.into(),
                ring: ring.into(),
            })
        }

        pub(super) fn ring(&self) {
            #[cfg(any(target_os = "linux", target_os = "android"))]
            let fd = &self.wait;
            #[cfg(not(any(target_os = "linux", target_os = "android")))]
            let fd = &self.ring;
            // It cannot fill up: it is emptied after each sleep that it ended.
            let _ = write(fd, &1_u64.to_ne_bytes());
        }

        fn wait(
            &self,
            link: Descriptors<'_>,
            wanted: Ready,
            limit: Option<Duration>,
        ) -> io::Result<Ready> {
            // Only what is wanted: a descriptor tells of its hang-up whether asked or not.
            let read_end = (link.read, PollFlags::IN);
            let write_end = (link.write, PollFlags::OUT);
            let first = if wanted.read { read_end } else { write_end };
            let count = 1 + usize::from(wanted.read) + usize::from(wanted.write);
            // More than the kernel can count is for ever.
            let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
            loop {
                let mut fds = [
                    PollFd::new(&self.wait, PollFlags::IN),
                    PollFd::from_borrowed_fd(first.0, first.1),
                    PollFd::from_borrowed_fd(write_end.0, write_end.1),
                ];
                match poll(&mut fds[..count], limit.as_ref()) {
                    // Rare: it sleeps a little longer.
                    Err(Errno::INTR) => continue,
                    Err(error) => return Err(error.into()),
                    Ok(_) => {}
                }
                if !fds[0].revents().is_empty() {
                    let _ = read(&self.wait, &mut [0; 64]);
                }
                return Ok(Ready {
                    read: wanted.read && !fds[1].revents().is_empty(),
                    write: wanted.write && !fds[count - 1].revents().is_empty(),
                });
            }
        }
    }
}
