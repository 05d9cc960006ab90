//! The record layer's I/O: turns a connection that is a bare byte stream into one with native end,
//! abort and receipt (SPEC C4, C6, C8, C9), around the codec of
//! [`wire::record`](crate::wire::record).
//!
//! # Who holds what
//!
//! Both directions lie in [`Shared`], so that a disconnect from any thread, and the linger job
//! after both halves were dropped, find them:
//!
//! - **inbound**: a slot. The reader takes the stream out while it polls or lends bytes, and puts it
//!   back otherwise; then whoever else waits for the peer's news (a blocked writer, a receipt, the
//!   linger job) looks at it in the slot. Without that, a task that only writes would never hear
//!   that its peer reads no more: on a bare byte stream, that news is inbound.
//! - **outbound**: behind a lock that is held for polls, which never block. What the carrier did not
//!   take of a record waits in `pending`.
//!
//! One of each [`Source`](crate::transport::Source)'s and [`Sink`](crate::transport::Sink)'s
//! wakers counts, the last, but several parties wait here for the same stream. So the carrier is
//! always polled with one waker of ours per direction, and that wakes all who wait for it. A party
//! that polls and then finds *more* than it was looking for wakes whom that concerns, as the
//! carrier has given its one wake-up away.
//!
//! # Blocking calls
//!
//! A local disconnect has to wake a blocked read or write, and the carrier's own disconnect must not
//! come before the peer has taken everything (on TCP it would end in a reset that destroys outbound
//! bytes). So a blocked read sits in the carrier's blocking form only if the carrier has an
//! [`interrupter`](crate::transport::Source::interrupter), and it keeps the stream meanwhile: what
//! comes wakes it, and it passes on what concerns others. Over other carriers, and in writes, a
//! blocked call parks on a waker.
//!
//! # Ends
//!
//! END leaves when the writer finishes; RECEIPT when the application has read everything before the
//! peer's END, drops its reader or disconnects; the carrier's own end (a FIN) follows when both have
//! left. What cannot leave at once is sent by a job on the reception thread (`linger`). Once this
//! side has disconnected or dropped both halves, that job discards inbound bytes, so that the peer
//! cannot block on them, until the peer has sent END and RECEIPT too, or its stream ended, or the
//! linger time is over; only then is the carrier closed. A process that exits before that cuts the
//! job short; awaiting the receipt is how to be sure.
//!
//! A side that aborts (a panic) sends RECEIPT, then ABORT, if the stream stands between two records and
//! the carrier takes them at once; so its peer learns how much was read. A process that is killed
//! tells nothing: its peer's receipt is `Unknown`, never a guess.
//!
//! # Bytes that nobody reads
//!
//! A write to a peer that has left is taken (`Ok`) until its RECEIPT has arrived and was looked at:
//! on a bare byte stream nobody can know earlier. The peer's linger job discards such bytes, or its
//! closed carrier does; or a job of their own (`discard`) while it writes on. They are not in the
//! receipt's count; who must know awaits the receipt.
//!
//! # What must never happen here
//!
//! A lock held across a blocking call; a waker of the user's woken under a lock; END without
//! everything before it; a record whose promised payload does not follow.
//!
//! Locks are taken in the order inbound, outbound; the wakers' own locks are leaves.

mod backlog;
mod control;
mod discard;
mod inbound;
mod linger;
mod outbound;
mod parcel;
mod shared;
mod sink;
mod source;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64};
use std::task::{Wake, Waker};
use std::time::Duration;

use parking_lot::Mutex;

use crate::endpoint::Endpoint;
use crate::options::Options;
use crate::pipe::Slot;
use crate::transport::{Carrier, Connection, Control};

use control::RecordControl;
use inbound::Inbound;
use outbound::Outbound;
use sink::RecordSink;
use source::RecordSource;

/// Puts the record layer on a bare byte stream, after its handshake. Bytes that the source has read
/// ahead belong to the records. `ahead` leaves before all records: together with the first, or when this
/// side waits for bytes or ends. It is nothing that anybody waits for by itself.
///
/// A connection that is native already is passed on as it is.
pub(crate) fn wrap(connection: Connection, options: &Options, ahead: Vec<u8>) -> Connection {
    if connection.carrier == Carrier::Native {
        return connection;
    }
    let wakers = Arc::new(Wakers::default());
    let interrupter = connection.source.interrupter();
    let holds = !ahead.is_empty();
    let shared = Arc::new(Shared {
        flags: AtomicU16::new(0),
        written: AtomicU64::new(0),
        read: AtomicU64::new(0),
        peer_read: AtomicU64::new(0),
        holds: AtomicBool::new(holds),
        inbound: Mutex::new(InboundSlot {
            stream: Some(Box::new(Inbound::new(connection.source))),
            wanted: false,
        }),
        outbound: Mutex::new(Outbound::new(connection.sink, options.coalescing(), ahead)),
        inbound_news: Waker::from(Arc::new(InboundNews(wakers.clone()))),
        outbound_news: Waker::from(Arc::new(OutboundNews(wakers.clone()))),
        wakers,
        carrier: connection.control,
        linger: options.linger(),
        peer: connection.peer.clone(),
    });
    if holds && options.coalescing().is_zero() {
        shared.send_held();
    }
    Connection {
        source: Box::new(RecordSource::new(shared.clone(), interrupter)),
        sink: Box::new(RecordSink::new(shared.clone())),
        control: Arc::new(RecordControl(shared)),
        peer: connection.peer,
        carrier: Carrier::Native,
    }
}

/// This side has disconnected.
const LEFT: u16 = 1;
/// This side has finished writing, or dropped its sink.
const FINISHED: u16 = 1 << 1;
/// The sink was dropped.
const SINK_DROPPED: u16 = 1 << 2;
/// The source was dropped.
const SOURCE_DROPPED: u16 = 1 << 3;
/// The peer's END was reached, so everything before it was consumed.
const ENDED: u16 = 1 << 4;
/// The peer's RECEIPT came: its application reads no more.
const STOPPED: u16 = 1 << 5;
/// The peer was found lost.
const LOST: u16 = 1 << 6;
/// Nothing more will come inbound, not even a receipt.
const SILENT: u16 = 1 << 7;
/// This side has aborted.
const ABORTED: u16 = 1 << 8;
/// The carrier was closed and let go.
const CLOSED: u16 = 1 << 9;
/// The peer said that it aborted: a loss for the writer even if its stream had ended well before.
const PEER_ABORTED: u16 = 1 << 10;

/// Set in [`Shared::read`] once the count was told to the peer. A read that copied bytes out but
/// was not counted before that has not taken place: the application does not get them. No stream
/// reaches 2^63 bytes.
const SEALED: u64 = 1 << 63;

/// One connection; both halves, the control and the linger job hold it.
struct Shared {
    /// Facts, each set once and never cleared. Set with Release and loaded with Acquire: who sees
    /// one sees what came before it (the count behind `STOPPED`, say).
    flags: AtomicU16,
    /// Bytes of payload accepted from the application. Written under the outbound lock. Relaxed: a
    /// count for observers; who needs it exact holds that lock, or saw a flag set after it.
    written: AtomicU64,
    /// Bytes that the application has consumed, and [`SEALED`]. Relaxed: it guards nothing; that
    /// counting and sealing are read-modify-writes of one variable orders the two.
    read: AtomicU64,
    /// What the peer's RECEIPT says; its claim. Relaxed: ordered by `STOPPED`.
    peer_read: AtomicU64,
    /// Writes may be held. Relaxed: for the thread that wrote them, if it waits for bytes next; for
    /// others the linger job comes by.
    holds: AtomicBool,
    inbound: Mutex<InboundSlot>,
    outbound: Mutex<Outbound>,
    wakers: Arc<Wakers>,
    inbound_news: Waker,
    outbound_news: Waker,
    carrier: Arc<dyn Control>,
    linger: Duration,
    peer: Endpoint,
}

/// Where the inbound stream lies while the reader does not need it.
struct InboundSlot {
    stream: Option<Box<Inbound>>,
    /// Somebody sleeps who looks at the stream: whoever puts it back without having armed the
    /// carrier's waker wakes them.
    wanted: bool,
}

impl InboundSlot {
    /// Why there is no channel at all, if an eager connector was refused.
    fn refusal(&self) -> Option<io::Error> {
        self.stream.as_ref().and_then(|stream| stream.refusal())
    }
}

/// Who waits. Apart from [`Shared`], because the carrier holds it (in its wakers) while `Shared`
/// holds the carrier.
#[derive(Default)]
struct Wakers {
    reader: Slot,
    writer: Slot,
    receipt: Slot,
    linger: Slot,
}

impl Wakers {
    fn wake_all(&self) {
        self.reader.wake();
        self.wake_others();
    }

    /// All but the reader.
    fn wake_others(&self) {
        self.writer.wake();
        self.receipt.wake();
        self.linger.wake();
    }
}

struct InboundNews(Arc<Wakers>);

impl Wake for InboundNews {
    fn wake(self: Arc<Self>) {
        self.0.wake_all();
    }
}

struct OutboundNews(Arc<Wakers>);

impl Wake for OutboundNews {
    fn wake(self: Arc<Self>) {
        self.0.writer.wake();
        self.0.linger.wake();
    }
}

fn not_connected(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, why)
}
