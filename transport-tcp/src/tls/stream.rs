//! One secured connection: what its halves, its control and its flusher do with socket and session.
//!
//! The lock of the session is never held across a system call. Who receives or sends says so in it
//! (`receiving`, `sending`) and lets go of it; whoever finds that leaves a waker, says that it is awaited,
//! and is woken. So both halves, on two threads, can bring the handshake forward, and ciphertext leaves in
//! the order in which it was made.

mod ending;
mod handshake;
#[cfg(test)]
pub(super) mod tests;

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use channel::transport::{Carrier, Connection};
use channel::{Endpoint, Options};
use parking_lot::{Mutex, MutexGuard};

use super::control::TlsControl;
use super::error::TlsError;
use super::flusher;
use super::scratch::Wire;
use super::session::{Session, Side};
use super::sink::TlsSink;
use super::source::TlsSource;
use crate::buffer::READ_AHEAD;
use crate::socket::Socket;
use crate::state::{LOST, Slot, lost, not_connected};

/// Most that one call takes in during the handshake: a message of it is a chain of certificates at most,
/// and this bounds what a stranger's may take.
const HANDSHAKE: usize = 32 * 1024;
/// A client that was refused is read from so many times while it takes in why.
pub(super) const PATIENCE: u8 = 16;

pub(super) struct TlsStream {
    pub(super) socket: Arc<Socket>,
    inner: Mutex<Inner>,
    pub(super) wakers: Arc<Wakers>,
    /// Wakes all of them.
    news: Waker,
}

/// Where plaintext goes.
type Deliver<'a> = &'a mut dyn FnMut(&[u8]);

struct Inner {
    session: Session,
    /// Plaintext that came while somebody else than the reader received.
    stash: Vec<u8>,
    /// Somebody is in the middle of a call of the system's.
    receiving: bool,
    sending: bool,
    /// Somebody waits until it is through.
    awaited: bool,
    /// Nothing more will be written: the end goes out behind what is left.
    finished: bool,
    sink_dropped: bool,
    /// A job sees to what is left over.
    flushing: bool,
}

impl Inner {
    /// See [`TlsStream::has_received`].
    fn has_received(&self) -> bool {
        !self.stash.is_empty() || self.session.has_ended() || self.session.failure().is_some()
    }
}

/// Who waits. Apart from the stream, since the reactor holds it.
#[derive(Default)]
pub(super) struct Wakers {
    pub(super) reader: Slot,
    pub(super) writer: Slot,
    pub(super) flusher: Slot,
}

impl Wakers {
    fn wake_all(&self) {
        self.reader.wake();
        self.writer.wake();
        self.flusher.wake();
    }
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_all();
    }
}

/// The connection over a stream. `explains`: whether a client that is refused gets the time to learn why.
pub(super) fn connection(
    stream: Arc<TlsStream>,
    peer: Endpoint,
    options: &Options,
    explains: bool,
) -> Connection {
    let capacity = options.capacity(options.port()).clamp(1, READ_AHEAD);
    let control = TlsControl::of(&stream);
    Connection {
        source: Box::new(TlsSource::new(
            stream.clone(),
            capacity,
            options.spin(),
            peer.clone(),
            explains,
        )),
        sink: Box::new(TlsSink::new(stream)),
        control: Arc::new(control),
        peer,
        carrier: Carrier::Bytes,
    }
}

/// What an attempt to send came to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    All,
    /// The system takes no more now.
    Blocked,
    /// Another thread is at it, and sees to it that all leaves or somebody is told.
    Elsewhere,
}

/// What an attempt to receive came to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Received {
    Something,
    Nothing,
    /// Another thread is at it, and wakes who waits.
    Elsewhere,
    /// The peer's end.
    End,
}

impl TlsStream {
    pub(super) fn new(socket: Arc<Socket>, side: Side) -> Arc<TlsStream> {
        let wakers = Arc::<Wakers>::default();
        let mut session = Session::new(side);
        session.start();
        Arc::new(TlsStream {
            socket,
            inner: Mutex::new(Inner {
                session,
                stash: Vec::new(),
                receiving: false,
                sending: false,
                awaited: false,
                finished: false,
                sink_dropped: false,
                flushing: false,
            }),
            news: Waker::from(wakers.clone()),
            wakers,
        })
    }

    pub(super) fn news(&self) -> Context<'_> {
        Context::from_waker(&self.news)
    }

    /// Takes in what has come, if something has: one call of the system's, of at most `room` bytes.
    /// Plaintext goes to `deliver`, at most [`READ_AHEAD`] bytes, or is kept for who asks next.
    pub(super) fn receive(
        self: &Arc<Self>,
        room: usize,
        mut deliver: Option<Deliver<'_>>,
    ) -> io::Result<Received> {
        let mut inner = self.inner.lock();
        if let Some(deliver) = &mut deliver
            && !inner.stash.is_empty()
        {
            let stash = std::mem::take(&mut inner.stash);
            drop(inner);
            deliver(&stash);
            return Ok(Received::Something);
        }
        if inner.receiving {
            inner.awaited = true;
            return Ok(Received::Elsewhere);
        }
        if let Some(error) = inner.session.failure() {
            return Err(error.clone().into());
        }
        if inner.session.has_ended() {
            return Ok(Received::End);
        }
        let have = inner.session.undigested();
        if have >= room {
            inner.session.too_large();
            return Err(self.failed(inner));
        }
        let was_established = inner.session.is_established();
        let for_another = deliver.is_none();
        inner.receiving = true;
        drop(inner);
        let mut wire = Wire::take();
        let result = self.socket.read_one(&mut wire.bytes()[have..room]);
        let mut inner = self.inner.lock();
        inner.receiving = false;
        let outcome = match result {
            Ok(0) if self.socket.state.has_any(LOST) => Err(lost()),
            Ok(0) => {
                inner.session.end_of_input();
                Ok(Received::Something)
            }
            Ok(n) => {
                let wire = &mut wire.bytes()[..have + n];
                let Inner { session, stash, .. } = &mut *inner;
                match deliver {
                    Some(deliver) => session.receive(wire, have, deliver),
                    None => {
                        session.receive(wire, have, &mut |bytes| stash.extend_from_slice(bytes));
                    }
                }
                Ok(Received::Something)
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => Ok(Received::Nothing),
                io::ErrorKind::Interrupted => Ok(Received::Something),
                _ => Err(self.socket.state.note(error)),
            },
        };
        if inner.session.failure().is_some() {
            self.socket.state.set(LOST);
        }
        let is_news =
            inner.session.failure().is_some() || inner.session.is_established() != was_established;
        let wake = std::mem::take(&mut inner.awaited) || is_news;
        let send = !inner.session.outgoing.is_empty() || is_news;
        let call = for_another && inner.has_received();
        let end = inner.finished;
        drop(inner);
        if send && end {
            self.settle();
        } else if send {
            self.flush_soon();
        }
        if call {
            // It may sleep at the socket, where there is nothing any more.
            self.socket.state.call_reader();
        }
        if wake {
            self.wakers.wake_all();
        }
        outcome
    }

    fn failed(&self, inner: MutexGuard<'_, Inner>) -> io::Error {
        self.socket.state.set(LOST);
        match inner.session.failure() {
            Some(error) => error.clone().into(),
            None => lost(),
        }
    }

    /// Why nothing more is received, if TLS knows.
    pub(super) fn failure(&self) -> Option<TlsError> {
        self.inner.lock().session.failure().cloned()
    }

    /// After a failed write: what the peer has said before it left says more than that it has.
    pub(super) fn explain(self: &Arc<Self>, error: io::Error) -> io::Error {
        let empty = self.inner.lock().stash.is_empty();
        if empty && self.failure().is_none() {
            let _ = self.receive(READ_AHEAD, None);
        }
        match self.failure() {
            Some(reason @ TlsError::Refused(_)) => reason.into(),
            _ => error,
        }
    }

    /// Seals what fits and gives it to the system; `None` if something lies before it. What the system
    /// does not take leaves in the background, or ahead of the next.
    pub(super) fn send(self: &Arc<Self>, bufs: &[IoSlice<'_>]) -> io::Result<Option<usize>> {
        let mut inner = self.inner.lock();
        if inner.finished {
            return Err(not_connected("this side has finished writing"));
        }
        if inner.sending {
            inner.awaited = true;
            return Ok(None);
        }
        if !inner.session.outgoing.is_empty() {
            return Ok(None);
        }
        let mut wire = Wire::take();
        let (out, gathered) = wire.split();
        let (taken, used) = inner.session.seal(bufs, out, gathered)?;
        let (mut inner, sent) = self.transmit(inner, &out[..used]);
        let wake = std::mem::take(&mut inner.awaited);
        let (rest, end) = (!inner.session.outgoing.is_empty(), inner.finished);
        drop(inner);
        if wake {
            self.wakers.wake_all();
        }
        if end {
            self.settle();
        } else if sent? == Sent::Blocked {
            self.flush_later();
        } else if rest {
            self.flush_soon();
        }
        Ok(Some(taken))
    }

    /// Gives the system what it takes of `bytes` at once; the rest goes to the head of what is outgoing.
    fn transmit<'a>(
        &'a self,
        mut inner: MutexGuard<'a, Inner>,
        bytes: &[u8],
    ) -> (MutexGuard<'a, Inner>, io::Result<Sent>) {
        inner.sending = true;
        drop(inner);
        let result = loop {
            match self.socket.write(&[IoSlice::new(bytes)]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        let mut inner = self.inner.lock();
        inner.sending = false;
        let sent = match result {
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => {
                // Nothing leaves any more.
                inner.session.outgoing = Vec::new();
                return (inner, Err(self.socket.state.note(error)));
            }
        };
        let rest = &bytes[sent..];
        if rest.is_empty() {
            return (inner, Ok(Sent::All));
        }
        inner.session.outgoing.splice(0..0, rest.iter().copied());
        (inner, Ok(Sent::Blocked))
    }

    /// Gives the system what it takes at once of what is outgoing.
    pub(super) fn flush(&self) -> io::Result<Sent> {
        let mut inner = self.inner.lock();
        let result = loop {
            if inner.sending {
                inner.awaited = true;
                return Ok(Sent::Elsewhere);
            }
            if inner.session.outgoing.is_empty() {
                break Ok(Sent::All);
            }
            let bytes = std::mem::take(&mut inner.session.outgoing);
            let (again, sent) = self.transmit(inner, &bytes);
            inner = again;
            if !matches!(sent, Ok(Sent::All)) {
                break sent;
            }
        };
        let wake = std::mem::take(&mut inner.awaited);
        drop(inner);
        if wake {
            self.wakers.wake_all();
        }
        result
    }

    /// As [`flush`](TlsStream::flush); what is left then leaves in the background.
    fn flush_soon(self: &Arc<Self>) {
        // If the connection is broken, whoever reads or writes next hears of it.
        if let Ok(Sent::Blocked) = self.flush() {
            self.flush_later();
        }
    }

    pub(super) fn flush_later(self: &Arc<Self>) {
        if !std::mem::replace(&mut self.inner.lock().flushing, true) {
            flusher::start(self.clone());
        }
    }

    /// Whether something lies ready for the reader that it need not ask the system for.
    pub(super) fn has_received(&self) -> bool {
        self.inner.lock().has_received()
    }

    /// Whether another thread is in the middle of receiving; then it wakes all when it is through.
    pub(super) fn is_receiving(&self) -> bool {
        let mut inner = self.inner.lock();
        inner.awaited |= inner.receiving;
        inner.receiving
    }

    /// Ready when nothing is left of what was sealed before.
    pub(super) fn poll_sent(self: &Arc<Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wakers.writer.set(cx.waker());
        loop {
            match self.flush()? {
                Sent::All => return Poll::Ready(Ok(())),
                Sent::Elsewhere => return Poll::Pending,
                Sent::Blocked => {
                    // The peer may wait for us to read, and nobody reads any more.
                    self.socket.discard_if_due(true);
                    match self.socket.poll_outbound(&mut self.news()) {
                        Poll::Ready(result) => result?,
                        Poll::Pending => return Poll::Pending,
                    }
                }
            }
            if let Some(error) = self.socket.state.left() {
                return Poll::Ready(Err(error));
            }
        }
    }
}
