//! The seam below channels: what a transport implements and what it delivers.
//!
//! A transport delivers **bare connections**, nothing more: a [`Source`], a [`Sink`] and a
//! [`Control`] each, made by [`Transport::dial`] or [`Listener::poll_accept`]. Rendezvous, hello,
//! records, time limits and statistics exist once, above this seam, in this crate.
//!
//! [`core::task::Waker`] is the only readiness currency: a blocking call is a waker that unparks a
//! thread, an async call hands on its task's waker, a [`Poller`](crate::Poller) is a waker that
//! queues a key. The default methods make a new transport small, overriding them makes a good one
//! fast.
//!
//! # The meaning of error kinds
//!
//! Halves report what happened by [`io::ErrorKind`]; channels translate them like this:
//!
//! | kind | meaning |
//! |---|---|
//! | `NotConnected` | this side disconnected, or finished writing |
//! | `BrokenPipe` | the peer reads no more (an orderly end) |
//! | `ConnectionReset`, `ConnectionAborted`, `UnexpectedEof` | the peer is lost |
//! | `TimedOut` | the time limit of a blocking call ran out; nothing was moved |
//! | anything else | the connection is broken; passed on as it is |

use std::future::Future;
use std::io::{self, IoSlice, IoSliceMut};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use crate::endpoint::Endpoint;
use crate::error::{DialError, ListenError};
use crate::options::Options;
use crate::resolve::Resolver;
use crate::wait;

pub use crate::lingering::Lingering;

/// The one background thread of the process, for what transports do there.
pub mod background {
    pub use crate::reception::{Sleep, Sleeper, run, sleep_in, sleep_until, wake_between};
}

/// A boxed, sendable future, as object-safe traits return it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The inbound half of one connection.
///
/// Dropping a source means that nothing more is read: the peer's writes fail from then on, as soon
/// as the transport can tell it.
pub trait Source: Send {
    /// Makes bytes available in [`filled`](Source::filled).
    ///
    /// `Ready(Ok(n))`: `n` bytes lie there now (some of them may have been there before); `Ok(0)`
    /// is the orderly end of the stream, and stays so. A lost peer is an error, given only after
    /// every byte that did arrive was consumed. `Pending`: the waker will be woken; only the waker
    /// of the last call counts.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>>;

    /// The bytes that the last [`poll_fill`](Source::poll_fill) made available and nobody consumed
    /// yet. Always memory that no other process can write.
    fn filled(&self) -> &[u8];

    /// Takes the first `n` bytes out of [`filled`](Source::filled).
    ///
    /// # Panics
    /// May panic if `n` is larger than `filled().len()`.
    fn consume(&mut self, n: usize);

    /// Reads into `out`, at least one byte unless the stream has ended (`Ok(0)`) or `out` has no
    /// room. Never blocks.
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.poll_fill(cx) {
            Poll::Ready(Ok(0)) => Poll::Ready(Ok(0)),
            Poll::Ready(Ok(_)) => {
                let n = copy_out(self.filled(), out);
                self.consume(n);
                Poll::Ready(Ok(n))
            }
            other => other,
        }
    }

    /// Like [`poll_read`](Source::poll_read), but waits until `until` (`None`: as long as it
    /// takes); `TimedOut` when that has passed.
    fn read(&mut self, out: &mut [IoSliceMut<'_>], until: Option<Instant>) -> io::Result<usize> {
        wait::block(until, |cx| self.poll_read(cx, out))
    }

    /// Like [`poll_fill`](Source::poll_fill), but waits until `until`.
    fn fill(&mut self, until: Option<Instant>) -> io::Result<usize> {
        wait::block(until, |cx| self.poll_fill(cx))
    }

    /// Like [`poll_read`](Source::poll_read) into `out`, which may be called only while nothing is
    /// [`filled`](Source::filled). What has arrived behind those bytes may lie there afterwards, so that
    /// one system call brings the rest of something large and the beginning of what follows.
    fn poll_read_ahead(&mut self, cx: &mut Context<'_>, out: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_read(cx, &mut [IoSliceMut::new(out)])
    }

    /// Like [`poll_read_ahead`](Source::poll_read_ahead), but waits until `until`.
    fn read_ahead(&mut self, out: &mut [u8], until: Option<Instant>) -> io::Result<usize> {
        self.read(&mut [IoSliceMut::new(out)], until)
    }

    /// A waker that cuts short the blocking call ([`read`](Source::read), [`fill`](Source::fill) or
    /// [`read_ahead`](Source::read_ahead)) which is under way in another thread, or else the next one: it returns `Interrupted`, with nothing
    /// moved. Who has it may call the blocking forms and still be called away; a call that is cut short
    /// without anybody's asking does no harm.
    ///
    /// `None`: this half has no blocking form that is better than waiting in its poll functions.
    fn interrupter(&self) -> Option<Waker> {
        None
    }
}

/// The outbound half of one connection. Takes copies, also of several slices at once.
///
/// Dropping a sink without [`finish`](Sink::finish) is an orderly end all the same; what was
/// written is delivered.
pub trait Sink: Send {
    /// Writes from `bufs`, at least one byte unless they are all empty; may take fewer than given.
    /// `Pending`: the waker will be woken; only the waker of the last call counts.
    fn poll_write(&mut self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>])
    -> Poll<io::Result<usize>>;

    /// Like [`poll_write`](Sink::poll_write), with the promise that [`finish`](Sink::finish) follows at once
    /// when all of `bufs` is taken: the end may leave together with them.
    fn poll_write_last(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_write(cx, bufs)
    }

    /// Passes on to the carrier whatever the sink itself still holds.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Half-close: the peer gets everything that was written, then end of stream. Never blocks.
    fn finish(&mut self) -> io::Result<()>;

    /// Like [`poll_write`](Sink::poll_write), but waits until `until` (`None`: as long as it
    /// takes); `TimedOut` when that has passed, with nothing taken.
    fn write(&mut self, bufs: &[IoSlice<'_>], until: Option<Instant>) -> io::Result<usize> {
        wait::block(until, |cx| self.poll_write(cx, bufs))
    }

    /// Like [`poll_flush`](Sink::poll_flush), but waits until `until`.
    fn flush(&mut self, until: Option<Instant>) -> io::Result<()> {
        wait::block(until, |cx| self.poll_flush(cx))
    }
}

/// What works on a connection while both halves may be blocked in other threads.
pub trait Control: Send + Sync {
    /// Ends the connection for this side, from any thread, any number of times: wakes every blocked
    /// call of both sides. Bytes whose write has returned stay readable for the peer.
    fn disconnect(&self, how: Disconnect);

    /// Whether the peer is known to be lost (crashed, reset, unplugged, withdrawn). An orderly end
    /// is no loss. Cheap, never blocks.
    fn peer_gone(&self) -> bool;

    /// Whether the peer is known to read no more, so that writes would fail. Cheap, never blocks.
    fn peer_closed(&self) -> bool {
        false
    }

    /// Whether the peer's stream is known to have ended, with nothing left to read. Cheap, never
    /// blocks.
    fn ended(&self) -> bool {
        false
    }

    /// Bytes that passed in either direction.
    fn totals(&self) -> Totals;

    /// What became of the outbound stream: pending while the peer may still read of it, or more may
    /// be written. Once ready it stays, with the same answer; and a write that this answer does not
    /// count must fail. A carrier that cannot know says [`Receipt::Unknown`]. The waker of the last
    /// call counts.
    fn poll_receipt(&self, cx: &mut Context<'_>) -> Poll<Receipt> {
        let _ = cx;
        Poll::Ready(Receipt::Unknown)
    }
}

/// How a side leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Disconnect {
    /// The peer reads what was written, then end of stream.
    Orderly,
    /// The peer reads what has arrived, then gets `PeerLost`.
    Abort,
}

/// Bytes that passed through a connection since it was opened, and what lies in its buffers now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Totals {
    /// Bytes written by this side.
    pub written: u64,
    /// Bytes read by this side's application.
    pub read: u64,
    /// Bytes that were received and not read yet, where the transport knows.
    pub unread: u64,
    /// Bytes that were written and that the peer has not taken yet, where the transport knows.
    pub unsent: u64,
}

/// What became of the bytes that were written before the end of a stream (SPEC C9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Receipt {
    /// The peer's application has read all of them.
    Complete,
    /// The peer's application read this many bytes of the stream and will read no more.
    Partial {
        /// Bytes read, counted from the start of the stream.
        read: u64,
        /// Bytes that were written and that it has not read. `read` and `unread` together are all
        /// that was written.
        unread: u64,
    },
    /// Nobody knows.
    Unknown,
}

/// Whether a connection itself can tell an orderly end from a lost peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Carrier {
    /// It can: end, abort and receipt are part of the transport (memory, shared memory, a mux).
    Native,
    /// It is a bare byte stream (a socket, a pipe), where a killed peer looks like an orderly one:
    /// between our own ends, channels add the record layer of [`wire::record`](crate::wire::record).
    Bytes,
}

/// One bare connection, as a transport delivers it.
pub struct Connection {
    /// Inbound half.
    pub source: Box<dyn Source>,
    /// Outbound half.
    pub sink: Box<dyn Sink>,
    /// What works from any thread.
    pub control: Arc<dyn Control>,
    /// Where the other end is.
    pub peer: Endpoint,
    /// Whether ends and receipts are native.
    pub carrier: Carrier,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("peer", &self.peer)
            .field("carrier", &self.carrier)
            .finish_non_exhaustive()
    }
}

/// A way to reach other tasks, found by the scheme of an endpoint in the table of its
/// [`Domain`](crate::Domain). The set of transports is open.
pub trait Transport: Send + Sync {
    /// The schemes that this transport serves, such as `["tcp", "tls"]`.
    fn schemes(&self) -> &[&str];

    /// Opens a connection. Dropping the future cancels.
    fn dial<'a>(
        &'a self,
        to: &'a Endpoint,
        options: &'a Options,
    ) -> BoxFuture<'a, Result<Connection, DialError>>;

    /// Starts to listen. Dropping the listener ends it.
    fn listen(&self, at: &Endpoint, options: &Options) -> Result<Box<dyn Listener>, ListenError>;

    /// The name of the broker that an endpoint of this transport is about; empty for whichever
    /// listens there. To be overridden where the path means something else.
    fn broker_of<'a>(&self, endpoint: &'a Endpoint) -> &'a str {
        endpoint.broker().unwrap_or("")
    }

    /// Knows which brokers can be reached over this transport by their names alone, where that takes no
    /// configuration: those of this machine, say. The domain asks it after its own brokers and before the
    /// resolvers that the program adds (see [`Domain::add`](crate::Domain::add), which calls this once).
    ///
    /// An error is for what the user has to put right; it is told if no other resolver knows the name. Where the
    /// resolver merely cannot tell, the name is unknown to it.
    fn resolver(&self) -> Option<Arc<dyn Resolver>> {
        None
    }

    /// Whether both ends of every connection lie in this domain, and a dial that has completed
    /// lies at the listener already. Rendezvous is then done in the broker's table alone, without
    /// the exchange of a hello.
    fn is_local(&self) -> bool {
        false
    }
}

/// Accepts the connections that others dial.
pub trait Listener: Send {
    /// The next connection. An error is about that one attempt; the listener goes on.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Connection>>;

    /// Where it listens, with what was left open in the request (a port number 0, say) filled in.
    fn local(&self) -> &Endpoint;
}

/// Copies as much of `from` as fits into `out`; returns how much.
pub(crate) fn copy_out(mut from: &[u8], out: &mut [IoSliceMut<'_>]) -> usize {
    let mut total = 0;
    for slice in out {
        let n = from.len().min(slice.len());
        slice[..n].copy_from_slice(&from[..n]);
        total += n;
        from = &from[n..];
        if from.is_empty() {
            break;
        }
    }
    total
}
