//! When it is worth to look for a device again.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A device that is just being set up is looked at again after this time. It takes a host some 10 ms from the news
/// that a device has come until it is configured, for which there is no news.
#[cfg(target_os = "linux")]
const SOON: std::time::Duration = std::time::Duration::from_millis(10);

/// One descriptor for two kinds of news: of the bus, and that a short time is over.
pub(super) struct News {
    all: OwnedFd,
    #[cfg(target_os = "linux")]
    timer: OwnedFd,
}

#[cfg(target_os = "linux")]
impl News {
    /// # Errors
    /// The system has no descriptor left.
    pub(super) fn new(bus: BorrowedFd<'_>) -> io::Result<News> {
        use rustix::event::epoll::{CreateFlags, EventData, EventFlags, add, create};
        use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};
        let all = create(CreateFlags::CLOEXEC)?;
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        add(&all, bus, EventData::new_u64(0), EventFlags::IN)?;
        add(&all, &timer, EventData::new_u64(1), EventFlags::IN)?;
        Ok(News { all, timer })
    }

    /// Takes note of it that the time was over. (The bus has its own way.)
    pub(super) fn note(&self) {
        let _ = rustix::io::read(&self.timer, &mut [0; 8]);
    }

    /// There are to be news soon.
    pub(super) fn soon(&self) {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};
        let once = Itimerspec {
            it_interval: Timespec::default(),
            it_value: Timespec {
                tv_sec: 0,
                tv_nsec: SOON.as_nanos() as _,
            },
        };
        // Without it, it is only looked at later.
        let _ = timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once);
    }
}

/// Elsewhere a device that is being set up waits for the next look.
#[cfg(not(target_os = "linux"))]
impl News {
    pub(super) fn new(bus: BorrowedFd<'_>) -> io::Result<News> {
        let all = bus.try_clone_to_owned()?;
        Ok(News { all })
    }

    pub(super) fn note(&self) {}

    pub(super) fn soon(&self) {}
}

impl AsFd for News {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.all.as_fd()
    }
}
