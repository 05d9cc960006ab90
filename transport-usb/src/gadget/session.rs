//! The two endpoints of a gadget, from one enabling of its function to the end of that.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Context;

use rustix::event::{Timespec, epoll};
use rustix::io::Errno;

use super::aio::{Aio, Done, Operation, largest_packet};
use super::ep0::{Ep0, Session};
use crate::bulk::{Bulk, Completion, Fault, Way};

/// Transfers in flight, both ways together: several times of what a link keeps there.
const MOST: usize = 128;

/// The opened files of a FunctionFS.
pub(super) struct Endpoints {
    pub(super) ep0: Ep0,
    /// Host to device: what USB calls OUT. In non-blocking mode: a transfer while the function is not enabled would
    /// wait silently, and be one of the next session.
    pub(super) receive: File,
    /// Device to host: IN. In the same mode.
    pub(super) send: File,
    /// The kernel had no memory for a transfer.
    pub(super) scarce: AtomicBool,
}

/// The endpoints while a session is on.
pub(super) struct Pair {
    session: Session,
    aio: Aio,
    /// Endpoint 0, and completions.
    news: OwnedFd,
    received: VecDeque<Transfer>,
    sent: VecDeque<Transfer>,
    packets: (usize, usize),
    /// Something was sent in this session.
    spoken: bool,
    /// Behind `aio`: an endpoint with transfers cannot be halted.
    _goodbye: Option<Goodbye>,
    ends: Arc<Endpoints>,
}

struct Transfer {
    slot: usize,
    over: Option<Completion>,
}

/// What an event of the `epoll` is about.
const COMPLETIONS: u64 = 1;
const EP0: u64 = 2;

impl Pair {
    /// `goodbye`: dropped while the session is on, it halts both endpoints, so that the host's program learns that it
    /// is over.
    ///
    /// # Errors
    /// `NotConnected`: the session is over already.
    pub(super) fn new(ends: Arc<Endpoints>, session: Session, goodbye: bool) -> io::Result<Pair> {
        let packets = (
            largest_packet(ends.receive.as_fd()).map_err(not_connected)?,
            largest_packet(ends.send.as_fd()).map_err(not_connected)?,
        );
        let aio = Aio::new(MOST)?;
        let news = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let data = epoll::EventData::new_u64;
        let edges = epoll::EventFlags::IN | epoll::EventFlags::ET;
        epoll::add(&news, aio.event(), data(COMPLETIONS), edges)?;
        epoll::add(&news, &ends.ep0, data(EP0), epoll::EventFlags::IN)?;
        Ok(Pair {
            session,
            aio,
            news,
            received: VecDeque::new(),
            sent: VecDeque::new(),
            packets,
            spoken: false,
            _goodbye: goodbye.then(|| Goodbye {
                ends: ends.clone(),
                session,
            }),
            ends,
        })
    }

    fn reap(&mut self) -> Result<(), Fault> {
        let (received, sent) = (&mut self.received, &mut self.sent);
        let scarce = &self.ends.scarce;
        let reaped = self.aio.reap(
            |Done {
                 slot,
                 buffer,
                 result,
             }| {
                let of_slot =
                    |transfer: &&mut Transfer| transfer.slot == slot && transfer.over.is_none();
                let transfer = received.iter_mut().chain(sent.iter_mut()).find(of_slot);
                if let Some(transfer) = transfer {
                    let (moved, result) = match result {
                        Ok(moved) => (moved, Ok(())),
                        Err(error) => {
                            if Errno::from_io_error(&error) == Some(Errno::NOMEM) {
                                // Relaxed: the thread that reads it is this one.
                                scarce.store(true, Ordering::Relaxed);
                            }
                            (0, Err(fault(&error)))
                        }
                    };
                    transfer.over = Some(Completion {
                        buffer,
                        moved,
                        result,
                    });
                }
            },
        );
        reaped.map_err(|error| Fault::System(error.to_string()))
    }
}

/// What is in flight is cancelled: the newest first, so that nothing goes out behind a transfer that was cut off.
impl Drop for Pair {
    fn drop(&mut self) {
        let newest_first = self.sent.iter().rev().chain(self.received.iter().rev());
        for transfer in newest_first.filter(|transfer| transfer.over.is_none()) {
            self.aio.cancel(transfer.slot);
        }
    }
}

impl Bulk for Pair {
    fn packet(&self, way: Way) -> usize {
        match way {
            Way::Receive => self.packets.0,
            Way::Send => self.packets.1,
        }
    }

    fn submit(&mut self, way: Way, buffer: Vec<u8>, length: usize) -> Result<(), Fault> {
        // A link is opened when the host configures the gadget, and its program may begin a new session at any moment
        // from then on: what is said first should not slip into that.
        if way == Way::Send && !std::mem::replace(&mut self.spoken, true) {
            self.ends.ep0.look().map_err(|error| fault(&error))?;
        }
        if way == Way::Receive {
            // If the host has begun a new session meanwhile, its first transfer must not end up in this one.
            self.ends.ep0.look().map_err(|error| fault(&error))?;
        }
        if self.ends.ep0.session() != Some(self.session) {
            return Err(Fault::Gone);
        }
        let (file, operation, queue) = match way {
            Way::Receive => (&self.ends.receive, Operation::Read, &mut self.received),
            Way::Send => (&self.ends.send, Operation::Write, &mut self.sent),
        };
        let slot = self.aio.submit(operation, file.as_fd(), buffer, length);
        let slot = slot.map_err(|error| fault(&error))?;
        queue.push_back(Transfer { slot, over: None });
        Ok(())
    }

    fn progress(&mut self, _: &mut Context<'_>) -> Result<(), Fault> {
        let mut events = [epoll::Event {
            flags: epoll::EventFlags::empty(),
            data: epoll::EventData::new_u64(0),
        }; 2];
        let at_once = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let count = match epoll::wait(&self.news, &mut events, Some(&at_once)) {
            Ok(count) => count,
            Err(Errno::INTR) => 0,
            Err(error) => return Err(Fault::System(error.to_string())),
        };
        let mut known = Ok(());
        for event in &events[..count] {
            match event.data.u64() {
                EP0 => known = self.ends.ep0.look(),
                _ => self.reap()?,
            }
        }
        // That the session is over is told by its transfers, which the kernel ends with it, behind all that was received.
        known.map_err(|error| fault(&error))
    }

    fn next(&mut self, way: Way) -> Option<Completion> {
        let queue = match way {
            Way::Receive => &mut self.received,
            Way::Send => &mut self.sent,
        };
        let over = queue.front_mut()?.over.take()?;
        queue.pop_front();
        Some(over)
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.news.as_fd())
    }
}

/// Halts both endpoints when a link ends before its session: the host's transfers fail then, and its program begins a
/// new session, instead of waiting for an answer. The beginning of a session ends the halt.
struct Goodbye {
    ends: Arc<Endpoints>,
    session: Session,
}

impl Drop for Goodbye {
    fn drop(&mut self) {
        let known = self.ends.ep0.look();
        if known.is_err() || self.ends.ep0.session() != Some(self.session) {
            return;
        }
        // A call of the wrong direction halts, and says so by `EBADMSG`.
        let halted = [
            (&self.ends.receive).write(&[0]),
            (&self.ends.send).read(&mut [0]),
        ];
        for error in halted.iter().filter_map(|halted| halted.as_ref().err()) {
            if Errno::from_io_error(error) != Some(Errno::BADMSG) {
                tracing::debug!(target: "transport_usb", %error, "an endpoint could not be halted");
            }
        }
    }
}

fn not_connected(error: io::Error) -> io::Error {
    match fault(&error) {
        Fault::Gone => io::Error::new(io::ErrorKind::NotConnected, error),
        _ => error,
    }
}

/// What an error of FunctionFS or of the controller's driver means.
fn fault(error: &io::Error) -> Fault {
    match Errno::from_io_error(error) {
        // Disabled, unbound, cancelled; and `AGAIN`: not enabled.
        Some(
            Errno::SHUTDOWN
            | Errno::NODEV
            | Errno::CONNRESET
            | Errno::CANCELED
            | Errno::BADFD
            | Errno::AGAIN,
        ) => Fault::Gone,
        Some(Errno::PIPE) => Fault::Pipe,
        Some(Errno::OVERFLOW) => Fault::Overflow,
        Some(Errno::TIMEDOUT | Errno::TIME) => Fault::Timeout,
        Some(Errno::IO | Errno::PROTO | Errno::ILSEQ) => Fault::Io,
        _ => Fault::System(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_a_meaning() {
        let of = |errno: Errno| fault(&io::Error::from(errno));
        assert_eq!(of(Errno::SHUTDOWN), Fault::Gone);
        assert_eq!(of(Errno::AGAIN), Fault::Gone);
        assert_eq!(of(Errno::PIPE), Fault::Pipe);
        assert_eq!(of(Errno::OVERFLOW), Fault::Overflow);
        assert_eq!(of(Errno::IO), Fault::Io);
        assert!(matches!(of(Errno::NOMEM), Fault::System(text) if text.contains("memory")));
    }
}
