//! Time limits of the reactor's sleep that are finer than the system call's.
//!
//! Linux counts the limit of `epoll_wait` in whole milliseconds; a timer descriptor counts nanoseconds.

use std::io;
use std::time::{Duration, Instant};

use mio::{Registry, Token};

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) struct AlarmClock(std::os::fd::OwnedFd);

#[cfg(any(target_os = "linux", target_os = "android"))]
impl AlarmClock {
    pub(crate) fn new(registry: &Registry, token: Token) -> io::Result<AlarmClock> {
        use std::os::fd::AsRawFd;

        use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};

        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        let fd = timer.as_raw_fd();
        let mut source = mio::unix::SourceFd(&fd);
        registry.register(&mut source, token, mio::Interest::READABLE)?;
        Ok(AlarmClock(timer))
    }

    /// Ends a sleep at `until`; what the system call's own limit is to be.
    pub(crate) fn set(&self, until: Option<Instant>) -> Option<Duration> {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};

        let left = until?.saturating_duration_since(Instant::now());
        // The call's own limit may be late by almost a millisecond, which is nothing here.
        if left.is_zero() || left > Duration::from_millis(10) {
            return Some(left);
        }
        let none = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let once = Itimerspec {
            it_interval: none,
            it_value: Timespec {
                tv_sec: 0,
                tv_nsec: left.subsec_nanos().into(),
            },
        };
        // Each setting makes the descriptor ready anew, so nobody has to read it.
        match timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &once) {
            Ok(_) => None,
            Err(_) => Some(left),
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) struct AlarmClock;

#[cfg(not(any(target_os = "linux", target_os = "android")))]
impl AlarmClock {
    pub(crate) fn new(_: &Registry, _: Token) -> io::Result<AlarmClock> {
        Ok(AlarmClock)
    }

    pub(crate) fn set(&self, until: Option<Instant>) -> Option<Duration> {
        Some(until?.saturating_duration_since(Instant::now()))
    }
}
