//! Endpoint 0 of a FunctionFS: what the host does with the function as a whole.
//!
//! The kernel keeps only the last of the events that matter and may leave out others, so they are not counted: what
//! counts is whether the function is enabled now, and whether it was enabled anew.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::io::Errno;

/// Endpoint 0, and what it has told.
pub(super) struct Ep0 {
    /// In non-blocking mode.
    file: File,
    /// Odd while the function is enabled, and another number each time.
    state: AtomicU64,
}

/// From one enabling of the function to what ends it: to the next, or to a disabling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Session(u64);

impl Ep0 {
    /// Of a file in non-blocking mode, to which the descriptors were written.
    pub(super) fn new(file: File) -> Ep0 {
        Ep0 {
            file,
            state: AtomicU64::new(0),
        }
    }

    /// The session that is on, as far as is known.
    pub(super) fn session(&self) -> Option<Session> {
        // Only one thread at a time looks; nothing else is ordered by it.
        let state = self.state.load(Ordering::Relaxed);
        (state % 2 == 1).then_some(Session(state))
    }

    /// Takes note of what has happened, and refuses what the host asks for: there is nothing to be asked.
    ///
    /// # Errors
    /// The FunctionFS is of no use any more.
    pub(super) fn look(&self) -> io::Result<()> {
        let mut events = [0; 4 * Event::BYTES];
        loop {
            match (&self.file).read(&mut events) {
                Ok(0) => return Ok(()),
                Ok(bytes) => self.note(&events[..bytes])?,
                Err(error) => match Errno::from_io_error(&error) {
                    Some(Errno::AGAIN) => return Ok(()),
                    // A signal; a request that the host has withdrawn.
                    Some(Errno::INTR | Errno::IDRM) => {}
                    _ => return Err(error),
                },
            }
        }
    }

    fn note(&self, bytes: &[u8]) -> io::Result<()> {
        let mut asked = None;
        for event in events(bytes) {
            let state = self.state.load(Ordering::Relaxed);
            match event {
                Event::Enable => self.state.store((state | 1) + 2, Ordering::Relaxed),
                Event::Disable => self.state.store((state + 1) & !1, Ordering::Relaxed),
                Event::Setup { to_host } => asked = Some(to_host),
                Event::Other => {}
            }
            tracing::trace!(target: "transport_usb", ?event, "endpoint 0");
        }
        match asked {
            None => Ok(()),
            Some(to_host) => self.refuse(to_host),
        }
    }

    /// Halts endpoint 0 for the request that is pending: that is done by a call of the wrong direction.
    fn refuse(&self, to_host: bool) -> io::Result<()> {
        let mut byte = [0];
        let done = match to_host {
            true => (&self.file).read(&mut byte),
            false => (&self.file).write(&byte),
        };
        match done.map_err(|error| (Errno::from_io_error(&error), error)) {
            // It is halted; or the request was withdrawn, or there was none any more (and the byte was of no use).
            Ok(_) => Ok(()),
            Err((
                Some(Errno::L2HLT | Errno::IDRM | Errno::SRCH | Errno::INVAL | Errno::AGAIN),
                _,
            )) => Ok(()),
            Err((_, error)) => Err(error),
        }
    }
}

impl AsFd for Ep0 {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    /// The host has chosen the function's configuration or alternate setting: also if it was chosen before.
    Enable,
    /// The function was disabled, or the gadget bound to a controller, or unbound: there is no host.
    Disable,
    /// A request to the function.
    Setup { to_host: bool },
    /// The bus sleeps or wakes up, which ends nothing; or what no kernel knows yet.
    Other,
}

impl Event {
    /// `struct usb_functionfs_event`
    const BYTES: usize = 12;
}

fn events(bytes: &[u8]) -> impl Iterator<Item = Event> {
    bytes
        .chunks_exact(Event::BYTES)
        .map(|event| match event[8] {
            0 | 1 | 3 => Event::Disable,
            2 => Event::Enable,
            4 => Event::Setup {
                to_host: event[0] & 0x80 != 0,
            },
            _ => Event::Other,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An event as the kernel writes it: the request, the kind, three bytes of padding.
    fn raw(kind: u8, request_type: u8) -> [u8; 12] {
        let mut event = [0; 12];
        (event[0], event[8]) = (request_type, kind);
        event
    }

    fn ep0() -> Ep0 {
        Ep0::new(File::open("/dev/null").unwrap())
    }

    #[test]
    fn events_are_told_apart() {
        let bytes: Vec<u8> = (0..8).flat_map(|kind| raw(kind, 0xc1)).collect();
        use Event::*;
        let expected = [
            Disable,
            Disable,
            Enable,
            Disable,
            Setup { to_host: true },
            Other,
            Other,
            Other,
        ];
        assert_eq!(events(&bytes).collect::<Vec<_>>(), expected);
        let out = events(&raw(4, 0x41)).next();
        assert_eq!(out, Some(Setup { to_host: false }));
        // What is not whole is nothing.
        assert_eq!(events(&bytes[..11]).count(), 0);
    }

    #[test]
    fn an_enabling_is_a_session() {
        let ep0 = ep0();
        assert_eq!(ep0.session(), None);
        ep0.note(&raw(0, 0)).unwrap();
        assert_eq!(ep0.session(), None);
        ep0.note(&raw(2, 0)).unwrap();
        let first = ep0.session().unwrap();
        // The bus sleeps and wakes up.
        ep0.note(&[raw(5, 0), raw(6, 0)].concat()).unwrap();
        assert_eq!(ep0.session(), Some(first));
        // Enabled anew, without a word about its end.
        ep0.note(&raw(2, 0)).unwrap();
        let second = ep0.session().unwrap();
        assert_ne!(second, first);
        for end in [1, 3, 0] {
            ep0.note(&raw(end, 0)).unwrap();
            assert_eq!(ep0.session(), None);
        }
        ep0.note(&raw(2, 0)).unwrap();
        assert!(![first, second].contains(&ep0.session().unwrap()));
    }

    #[test]
    fn what_cannot_be_told_apart_is_no_error() {
        // Of /dev/null, every read is empty.
        let ep0 = ep0();
        ep0.look().unwrap();
        assert_eq!(ep0.session(), None);
    }
}
