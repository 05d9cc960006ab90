//! What both halves of a channel and its handles share.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::endpoint::Endpoint;
use crate::receipt::Waiters;
use crate::transport::{Control, Disconnect, Totals};
use crate::writer::background;

/// This side has disconnected.
const LEFT: u8 = 1;
/// Nothing more will be read: the end of the stream was seen, or the reader was dropped.
const READ_DONE: u8 = 2;
/// Nothing more can be written: finished, or refused by the peer.
const WRITE_DONE: u8 = 4;
/// The peer was found lost.
const LOST: u8 = 8;
/// The reader was dropped.
const READER_DROPPED: u8 = 16;
/// The writer was dropped.
const WRITER_DROPPED: u8 = 32;

/// Somebody is disconnecting this side.
const LEAVING: u8 = 64;

/// A set of living channels, of a broker or a task. Channels take themselves out.
#[derive(Default)]
pub(crate) struct Members(Mutex<HashMap<u64, Weak<Shared>>>);

impl Members {
    pub(crate) fn living(&self) -> Vec<Arc<Shared>> {
        self.0.lock().values().filter_map(Weak::upgrade).collect()
    }
}

pub(crate) struct Shared {
    id: u64,
    // Only flags that stand for themselves; what they guard is ordered by the transport.
    state: AtomicU8,
    control: Arc<dyn Control>,
    peer: Endpoint,
    peer_name: Arc<str>,
    port: u16,
    /// See [`background::compact`].
    linger: u32,
    opened: Instant,
    // A broker and a task at most: not a list, since a channel is to be small.
    member_of: Mutex<[Weak<Members>; 2]>,
    /// Who waits for the receipt.
    pub(crate) waiters: Waiters,
}

impl Shared {
    pub(crate) fn new(
        control: Arc<dyn Control>,
        peer: Endpoint,
        peer_name: Arc<str>,
        port: u16,
        linger: Duration,
    ) -> Arc<Shared> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Arc::new(Shared {
            // Relaxed: only uniqueness counts.
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            state: AtomicU8::new(0),
            control,
            peer,
            peer_name,
            port,
            linger: background::compact(linger),
            opened: Instant::now(),
            member_of: Mutex::default(),
            waiters: Waiters::default(),
        })
    }

    pub(crate) fn join(self: &Arc<Self>, members: &Arc<Members>) {
        members.0.lock().insert(self.id, Arc::downgrade(self));
        let mut member_of = self.member_of.lock();
        let free = usize::from(member_of[0].strong_count() > 0);
        member_of[free] = Arc::downgrade(members);
    }

    /// Relaxed everywhere below: each bit is a fact that no other data depends on. A thread that
    /// was woken by a disconnect sees `LEFT` through the transport's own synchronisation.
    fn has(&self, bits: u8) -> bool {
        self.state.load(Ordering::Relaxed) & bits == bits
    }

    fn set(&self, bits: u8) -> u8 {
        self.state.fetch_or(bits, Ordering::Relaxed)
    }

    /// How long what is left to write may take in the background.
    pub(crate) fn linger(&self) -> Duration {
        background::expanded(self.linger)
    }

    pub(crate) fn control(&self) -> &dyn Control {
        &*self.control
    }

    #[inline]
    pub(crate) fn left(&self) -> bool {
        self.has(LEFT)
    }

    pub(crate) fn read_done(&self) {
        self.set(READ_DONE);
    }

    pub(crate) fn write_done(&self) {
        self.set(WRITE_DONE);
    }

    pub(crate) fn lost(&self, reason: &dyn fmt::Display) {
        self.found_lost(READ_DONE | WRITE_DONE, reason);
    }

    /// A write found the peer lost; what did arrive can still be read.
    pub(crate) fn lost_to_writer(&self, reason: &dyn fmt::Display) {
        self.found_lost(WRITE_DONE, reason);
    }

    fn found_lost(&self, done: u8, reason: &dyn fmt::Display) {
        if self.set(LOST | done) & LOST == 0 {
            tracing::warn!(
                target: "channel", peer = %self.peer, port = self.port, %reason, "peer lost"
            );
        }
    }

    pub(crate) fn reader_dropped(&self) {
        self.half_dropped(READER_DROPPED | READ_DONE);
    }

    pub(crate) fn writer_dropped(&self) {
        self.half_dropped(WRITER_DROPPED | WRITE_DONE);
    }

    fn half_dropped(&self, bits: u8) {
        if std::thread::panicking() {
            self.disconnect(Disconnect::Abort);
        }
        let before = self.set(bits);
        const BOTH: u8 = READER_DROPPED | WRITER_DROPPED;
        if (before | bits) & BOTH == BOTH && before & BOTH != BOTH {
            self.disconnect(Disconnect::Orderly);
            // A handle may live on; the channel does not.
            self.leave();
        }
    }

    pub(crate) fn disconnect(&self, how: Disconnect) {
        // The first one counts: a panic after an orderly end does not turn it into a loss.
        if self.set(LEAVING) & LEAVING == 0 {
            // The transport first: a half that hears of it here and is dropped for that finishes in
            // an orderly way, which must not come before an abort.
            self.control.disconnect(how);
            self.set(LEFT);
            tracing::debug!(
                target: "channel", peer = %self.peer, port = self.port, ?how, "disconnect"
            );
        }
    }

    /// Whether nothing more can be read, and whether nothing more can be written.
    fn done(&self) -> (bool, bool) {
        let state = self.state.load(Ordering::Relaxed);
        (
            state & READ_DONE != 0 || self.control.ended(),
            state & WRITE_DONE != 0 || self.control.peer_closed(),
        )
    }

    pub(crate) fn disconnected(&self) -> bool {
        self.left() || self.done() == (true, true)
    }

    pub(crate) fn info(&self) -> ChannelInfo {
        ChannelInfo {
            id: self.id,
            peer: self.peer.clone(),
            peer_name: self.peer_name.clone(),
            port: self.port,
            state: if self.left() {
                State::Disconnected
            } else if self.has(LOST) || self.control.peer_gone() {
                State::PeerLost
            } else {
                match self.done() {
                    (true, true) => State::PeerDisconnected,
                    (true, false) => State::ReadEnded,
                    (false, true) => State::WriteEnded,
                    (false, false) => State::Open,
                }
            },
            age: self.opened.elapsed(),
            totals: self.control.totals(),
        }
    }

    /// Takes the channel out of the sets it is in.
    fn leave(&self) {
        let member_of = std::mem::take(&mut *self.member_of.lock());
        for members in member_of.iter().filter_map(Weak::upgrade) {
            let own = members.0.lock().remove(&self.id);
            drop(own);
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.leave();
    }
}

/// What a channel is doing (see [`ChannelInfo`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum State {
    /// Both directions can be used.
    Open,
    /// The inbound stream has ended; writing goes on.
    ReadEnded,
    /// This side has finished writing, or the peer reads no more; reading goes on.
    WriteEnded,
    /// The peer has disconnected, and everything it wrote was read.
    PeerDisconnected,
    /// The peer was found lost.
    PeerLost,
    /// This side has disconnected.
    Disconnected,
}

/// A snapshot of one channel.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ChannelInfo {
    /// Number of the channel, unique in the process.
    pub id: u64,
    /// Where the other end is.
    pub peer: Endpoint,
    /// Name of the peer's broker; empty if it told none.
    #[cfg_attr(feature = "serde", serde(serialize_with = "as_str"))]
    pub peer_name: Arc<str>,
    /// The port at which the two met.
    pub port: u16,
    /// What it is doing.
    pub state: State,
    /// How long ago it was opened.
    pub age: Duration,
    /// Bytes each way.
    pub totals: Totals,
}

#[cfg(feature = "serde")]
fn as_str<S: serde::Serializer>(name: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(name)
}

/// A handle of a channel: disconnects it and tells about it, from any thread, while its halves are
/// in use elsewhere. Cheap to clone. It does not keep the channel open, but its figures, and with them
/// an in-memory channel's buffers.
#[derive(Clone)]
pub struct Handle(pub(crate) Arc<Shared>);

impl Handle {
    /// See [`Channel::disconnect`](crate::Channel::disconnect).
    pub fn disconnect(&self) {
        self.0.disconnect(Disconnect::Orderly);
    }

    /// Ends the channel as a crash would: the peer reads what has arrived, then gets `PeerLost`.
    pub fn abort(&self) {
        self.0.disconnect(Disconnect::Abort);
    }

    /// See [`Channel::disconnected`](crate::Channel::disconnected).
    pub fn disconnected(&self) -> bool {
        self.0.disconnected()
    }

    /// Where the other end is.
    pub fn peer(&self) -> &Endpoint {
        &self.0.peer
    }

    /// Name of the peer's broker; empty if it told none.
    pub fn peer_name(&self) -> &str {
        &self.0.peer_name
    }

    /// The port at which the two met.
    pub fn port(&self) -> u16 {
        self.0.port
    }

    /// Bytes each way.
    pub fn totals(&self) -> Totals {
        self.0.control.totals()
    }

    /// Everything that is known about the channel.
    pub fn info(&self) -> ChannelInfo {
        self.0.info()
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let info = self.info();
        f.debug_struct("Handle")
            .field("id", &info.id)
            .field("peer", &info.peer)
            .field("port", &info.port)
            .field("state", &info.state)
            .finish_non_exhaustive()
    }
}
