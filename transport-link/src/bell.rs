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
    use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
    use std::time::{Duration, Instant};

    use channel::wait::Spinner;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::io::{Errno, read as read_event, write};

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
        /// that is `wanted` (a link of one descriptor: both, where one is); looks for a little while first. Also tells whether somebody has called.
        pub(crate) fn sleep_on(
            &self,
            link: Descriptors<'_>,
            wanted: Ready,
            until: Option<Instant>,
            spinner: &mut Spinner,
        ) -> io::Result<(Ready, bool)> {
            let event = self.event()?;
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

        /// Sleeps until somebody calls, until `until`, or until there is something to read at `news`. Tells whether
        /// there is, and whether somebody has called.
        pub(crate) fn watch(
            &self,
            news: BorrowedFd<'_>,
            until: Option<Instant>,
        ) -> io::Result<(bool, bool)> {
            let event = self.event()?;
            let mut ready = Ok(Ready::default());
            if self.fall_asleep(IN_POLL) {
                let left = until.map(|until| until.saturating_duration_since(Instant::now()));
                let wanted = Ready {
                    read: true,
                    write: false,
                };
                ready = event.wait(Descriptors::News(news), wanted, left);
            }
            let called = self.hush();
            Ok((ready?.read, called))
        }

        fn event(&self) -> io::Result<&Event> {
            match self.event.get() {
                Some(event) => Ok(event),
                None => {
                    let event = Event::new()?;
                    Ok(self.event.get_or_init(|| event))
                }
            }
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
            let (read, write) = match link {
                Descriptors::Halves { read, write } => (
                    wanted.read.then_some((read, PollFlags::IN)),
                    wanted.write.then_some((write, PollFlags::OUT)),
                ),
                Descriptors::News(news) => (
                    (wanted.read || wanted.write).then_some((news, PollFlags::IN)),
                    None,
                ),
            };
            let first = read
                .or(write)
                .map_or((self.wait.as_fd(), PollFlags::IN), |end| end);
            let last = write.unwrap_or(first);
            let count = 1 + usize::from(read.is_some()) + usize::from(write.is_some());
            // More than the kernel can count is for ever.
            let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
            loop {
                let mut fds = [
                    PollFd::new(&self.wait, PollFlags::IN),
                    PollFd::from_borrowed_fd(first.0, first.1),
                    PollFd::from_borrowed_fd(last.0, last.1),
                ];
                match poll(&mut fds[..count], limit.as_ref()) {
                    // Rare: it sleeps a little longer.
                    Err(Errno::INTR) => continue,
                    Err(error) => return Err(error.into()),
                    Ok(_) => {}
                }
                if !fds[0].revents().is_empty() {
                    let _ = read_event(&self.wait, &mut [0; 64]);
                }
                let ready = |i: usize| !fds[i].revents().is_empty();
                return Ok(match link {
                    Descriptors::Halves { .. } => Ready {
                        read: read.is_some() && ready(1),
                        write: write.is_some() && ready(count - 1),
                    },
                    // Of which half they are is not known before a look.
                    Descriptors::News(_) => Ready {
                        read: count > 1 && ready(1),
                        write: count > 1 && ready(1),
                    },
                });
            }
        }
    }
}
