//! One connected socket: what its halves, its control and its closing do with it.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use channel::transport::{Carrier, Connection, Control, Disconnect, Totals};
use channel::{Endpoint, Options, wait};
use transport_reactor::Watched;

use crate::buffer::{READ_AHEAD, Scratch};
use crate::closer;
use crate::seats::Seat;
use crate::sink::TcpSink;
use crate::source::TcpSource;
use crate::state::{
    DISCARDING, FINISHED, LEFT, LOST, PEER_CLOSED, SINK_DROPPED, SOURCE_DROPPED, State,
};

/// Discarded on the thread that closes, before the background takes over: most connections have
/// nothing left, or a little.
const DISCARDED_AT_ONCE: usize = 4;

/// Slices that one vectored write takes; more are left for the next. Systems have limits of their own,
/// 1024 and more.
const MOST_SLICES: usize = 64;

/// A connected stream in non-blocking mode.
pub(crate) type Stream = Watched<TcpStream>;

/// Closed when the last of its halves, and whoever closes it well, lets go of it. Handles of its channel
/// hold the [`State`] alone.
pub(crate) struct Socket {
    stream: Stream,
    pub(crate) state: Arc<State>,
    pub(crate) linger: Duration,
    /// No records of ours: only a reset tells the peer that this side was lost.
    plain: bool,
    /// Its place among the connections of its address at a listener.
    _seat: Option<Seat>,
}

/// What a look at bytes to be discarded came to.
pub(crate) enum Discarded {
    /// The peer's stream has ended, or the connection is broken.
    All,
    /// There is more.
    Some,
    /// There is nothing now.
    Nothing,
}

/// The connection over a connected socket, which is in non-blocking mode.
pub(crate) fn connection(
    stream: Stream,
    peer: Endpoint,
    options: &Options,
    plain: bool,
    seat: Option<Seat>,
) -> Connection {
    let socket = Socket::open(stream, options, plain, seat);
    let control = TcpControl::of(&socket);
    let capacity = options.capacity(options.port()).clamp(1, READ_AHEAD);
    Connection {
        source: Box::new(TcpSource::new(socket.clone(), capacity, options.spin())),
        sink: Box::new(TcpSink::new(socket)),
        control: Arc::new(control),
        peer,
        carrier: Carrier::Bytes,
    }
}

impl Socket {
    pub(crate) fn open(
        stream: Stream,
        options: &Options,
        plain: bool,
        seat: Option<Seat>,
    ) -> Arc<Socket> {
        Arc::new(Socket {
            stream,
            state: Arc::default(),
            linger: options.linger(),
            plain,
            _seat: seat,
        })
    }

    pub(crate) fn read(&self, out: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.stream.get_ref().read_vectored(out)
    }

    pub(crate) fn read_one(&self, out: &mut [u8]) -> io::Result<usize> {
        self.stream.get_ref().read(out)
    }

    /// Never raises SIGPIPE, which `write_vectored` of the standard library would.
    pub(crate) fn write(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut stream = self.stream.get_ref();
        if let [buf] = bufs {
            return stream.write(buf);
        }
        let bufs = &bufs[..bufs.len().min(MOST_SLICES)];
        let flags = rustix::net::SendFlags::NOSIGNAL;
        Ok(rustix::net::sendmsg(
            stream,
            bufs,
            &mut rustix::net::SendAncillaryBuffer::default(),
            flags,
        )?)
    }

    /// As [`write`](Socket::write), where the end of the stream follows at once: on Linux the two leave in
    /// one packet.
    pub(crate) fn write_last(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if let [buf] = bufs {
            use rustix::net::{SendFlags, send};

            let flags = SendFlags::NOSIGNAL | SendFlags::MORE;
            return Ok(send(self.stream.get_ref(), buf, flags)?);
        }
        self.write(bufs)
    }

    /// Ready when a read is worth another try: bytes came, or something happened to the connection.
    ///
    /// The reactor knows one waker inbound. If whoever discards comes at this moment, the two replace each
    /// other there; the reactor wakes who is replaced, and this side's flag sends the reader away.
    pub(crate) fn poll_inbound(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.state.inbound.set(cx.waker());
        if self.state.has_any(LEFT) {
            return Poll::Ready(Ok(()));
        }
        self.stream.poll_readable(cx)
    }

    /// Before a call that looks at the socket by itself: the background need not hear of each arrival.
    pub(crate) fn leave_reactor(&self) {
        self.stream.leave_reactor();
    }

    /// Blocks until a read is worth another try; `Interrupted` if somebody calls the reader away,
    /// `TimedOut` when `until` has passed.
    pub(crate) fn wait_inbound(&self, until: Option<Instant>) -> io::Result<()> {
        let state = &*self.state;
        if let Some(slept) = state.reading.sleep(self.stream.get_ref(), until) {
            return slept;
        }
        wait::block(until, |cx| {
            // The waker first: who calls after this look wakes it.
            state.inbound.set(cx.waker());
            if state.reading.take_call() {
                return Poll::Ready(Err(io::ErrorKind::Interrupted.into()));
            }
            self.poll_inbound(cx)
        })
    }

    /// As [`poll_inbound`](Socket::poll_inbound), for whoever discards.
    pub(crate) fn poll_discard(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.state.closer.set(cx.waker());
        self.stream.poll_readable(cx)
    }

    /// Ready when a write is worth another try.
    pub(crate) fn poll_outbound(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.state.outbound.set(cx.waker());
        if self.state.has_any(LEFT) {
            return Poll::Ready(Ok(()));
        }
        self.stream.poll_writable(cx)
    }

    /// As [`poll_outbound`](Socket::poll_outbound), for whoever sends the rest after this side has left.
    #[cfg(feature = "tls")]
    pub(crate) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_writable(cx)
    }

    #[cfg(feature = "tls")]
    pub(crate) fn is_plain(&self) -> bool {
        self.plain
    }

    /// The end of the outbound stream, behind everything that was written. Never blocks.
    pub(crate) fn finish(&self) -> io::Result<()> {
        if self.state.set(FINISHED) {
            return Ok(());
        }
        self.stream.get_ref().shutdown(Shutdown::Write)
    }

    /// After an end of some kind on this side: has what still comes inbound discarded, so that neither
    /// closing the socket destroys what was written, nor a peer that is blocked on us keeps us blocked.
    pub(crate) fn discard_if_due(self: &Arc<Self>, writer_waits: bool) {
        let state = &*self.state;
        let reader_is_gone = state.has_any(LEFT | SOURCE_DROPPED);
        if !reader_is_gone || !(writer_waits || state.is_through()) || state.has_any(LOST) {
            return;
        }
        // Nothing was written: there is nothing to destroy, and strangers are not lingered for.
        if state.is_dropped() && state.written() == 0 {
            return;
        }
        if state.set(DISCARDING) {
            // Whoever discards looks at the clock from now on.
            state.closer.wake();
            return;
        }
        for _ in 0..DISCARDED_AT_ONCE {
            match self.discard() {
                Discarded::All => return,
                Discarded::Some => {}
                Discarded::Nothing => break,
            }
        }
        closer::discard(self.clone());
    }

    /// Throws away at most a buffer full of what has arrived.
    pub(crate) fn discard(&self) -> Discarded {
        match self.read_one(Scratch::take().bytes()) {
            Ok(0) => Discarded::All,
            Ok(_) => Discarded::Some,
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => Discarded::Nothing,
                io::ErrorKind::Interrupted => Discarded::Some,
                _ => {
                    self.state.note(error);
                    Discarded::All
                }
            },
        }
    }

    fn disconnect(self: &Arc<Self>, how: Disconnect) {
        self.state.set(LEFT);
        match how {
            // Only of a plain connection is it the reset that tells the peer. Between our own ends it is
            // the stream that ends without END; and what was written before it, such as a record that
            // says that this side aborts, is to arrive.
            Disconnect::Abort if self.plain => self.reset(),
            _ => {
                // It fails only if the connection is broken already.
                let _ = self.finish();
                self.discard_if_due(false);
            }
        }
        self.state.call_reader();
        self.state.outbound.wake();
    }

    /// Has the peer find this side lost, also while others hold the socket.
    pub(crate) fn reset(&self) {
        self.state.set(FINISHED);
        let stream = self.stream.get_ref();
        // Dissolving the association sends a reset at once, where the system does that; closing the
        // socket does it everywhere.
        let _ = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
        if cfg!(target_os = "linux") {
            let _ = rustix::net::connect_unspec(stream);
        }
    }

    /// Asks the system whether something has happened to the connection.
    fn look(&self) {
        // What it says is noted.
        let _ = self
            .state
            .ask(|| self.stream.get_ref().take_error()?.map_or(Ok(()), Err));
    }
}

pub(crate) struct TcpControl {
    socket: Weak<Socket>,
    state: Arc<State>,
}

impl TcpControl {
    pub(crate) fn of(socket: &Arc<Socket>) -> TcpControl {
        TcpControl {
            socket: Arc::downgrade(socket),
            state: socket.state.clone(),
        }
    }
}

impl Control for TcpControl {
    fn disconnect(&self, how: Disconnect) {
        if let Some(socket) = self.socket.upgrade() {
            socket.disconnect(how);
        }
    }

    fn peer_gone(&self) -> bool {
        if !self.state.has_any(LOST | LEFT)
            && let Some(socket) = self.socket.upgrade()
        {
            socket.look();
        }
        self.state.has_any(LOST)
    }

    fn peer_closed(&self) -> bool {
        self.state.has_any(PEER_CLOSED)
    }

    fn ended(&self) -> bool {
        self.state.has_any(crate::state::ENDED)
    }

    fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        totals.read = self.state.read();
        totals.written = self.state.written();
        totals
    }
}

impl Socket {
    pub(crate) fn source_dropped(self: &Arc<Self>) {
        self.state.set(SOURCE_DROPPED);
        self.state.inbound.clear();
        self.discard_if_due(false);
        // A writer that waits looked before that whether anybody reads. Now the peer may wait for us to.
        self.state.outbound.wake();
    }

    pub(crate) fn sink_dropped(self: &Arc<Self>) {
        // It fails only if the connection is broken already.
        let _ = self.finish();
        self.state.set(SINK_DROPPED);
        self.state.outbound.clear();
        self.discard_if_due(false);
    }
}

#[cfg(test)]
pub(crate) mod tests;
