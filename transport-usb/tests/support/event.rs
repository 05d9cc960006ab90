//! A descriptor that is readable from when it is set until it is cleared.

#[cfg(target_os = "linux")]
mod system {
    use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

    use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

    #[derive(Debug)]
    pub struct Event(OwnedFd);

    impl Event {
        pub fn new() -> Event {
            Event(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).unwrap())
        }

        pub fn set(&self) {
            rustix::io::write(&self.0, &1_u64.to_ne_bytes()).unwrap();
        }

        pub fn clear(&self) {
            // It may not be set.
            let _ = rustix::io::read(&self.0, &mut [0; 8]);
        }

        pub fn descriptor(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }
    }

    /// Whether there is something to read, now.
    pub fn is_readable(descriptor: BorrowedFd<'_>) -> bool {
        let mut fds = [PollFd::from_borrowed_fd(descriptor, PollFlags::IN)];
        poll(&mut fds, Some(&Timespec::default())).unwrap() > 0
    }
}

/// Where there is none, nobody asks for one.
#[cfg(not(target_os = "linux"))]
mod system {
    use std::os::fd::BorrowedFd;

    #[derive(Debug)]
    pub struct Event;

    impl Event {
        pub fn new() -> Event {
            Event
        }

        pub fn set(&self) {}

        pub fn clear(&self) {}

        pub fn descriptor(&self) -> BorrowedFd<'_> {
            unreachable!("ends are told by wakers")
        }
    }

    pub fn is_readable(_: BorrowedFd<'_>) -> bool {
        false
    }
}

pub use system::{Event, is_readable};
