//! When it is worth to look again.

use std::ffi::c_short;
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
        use rustix::event::PollFlags;
        use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        let readable = PollFlags::IN.bits().cast_signed();
        let all = gather([(bus, readable), (timer.as_fd(), readable)].into_iter())?;
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

/// One descriptor that stands for all of these: readable while one of them has the events, by the bits of `poll`.
#[cfg(target_os = "linux")]
pub(super) fn gather<'a>(
    fds: impl Iterator<Item = (BorrowedFd<'a>, c_short)>,
) -> io::Result<OwnedFd> {
    use rustix::event::epoll::{CreateFlags, EventData, EventFlags, add, create};
    let epoll = create(CreateFlags::CLOEXEC)?;
    for (fd, events) in fds {
        let wanted = EventFlags::from_bits_truncate(u32::from(events.cast_unsigned()));
        add(&epoll, fd, EventData::new_u64(0), wanted)?;
    }
    Ok(epoll)
}

/// Outside of Linux libusb has but one: devices have threads there that tell it by a pipe.
#[cfg(not(target_os = "linux"))]
pub(super) fn gather<'a>(
    mut fds: impl Iterator<Item = (BorrowedFd<'a>, c_short)>,
) -> io::Result<OwnedFd> {
    match (fds.next(), fds.next()) {
        (Some((one, _)), None) => one.try_clone_to_owned(),
        _ => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "libusb waits on more than one descriptor here",
        )),
    }
}
