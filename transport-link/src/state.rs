//! What the two sides of one channel's end share: the user's halves and control, and the driver's stream.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use channel::pipe::{PipeControl, PipeReader, PipeWriter, pipe};
use channel::transport::{Carrier, Connection, Control, Disconnect, Lingering, Receipt, Totals};
use channel::{CapacityError, Endpoint, Options};
use parking_lot::Mutex;

use crate::ends::{LinkSink, LinkSource};
use crate::shared::{Shared, Toucher};

/// One end of a channel, without the bytes.
pub(crate) struct State {
    /// What the user writes and the driver reads.
    pub(crate) outbound: PipeControl,
    /// What the driver writes and the user reads.
    pub(crate) inbound: PipeControl,
    pub(crate) toucher: Arc<Toucher>,
    /// How long bytes that were written before the user left may take to leave.
    pub(crate) linger: Duration,
    shared: Arc<Shared>,
    /// What became of the outbound stream, and who waits to be told.
    receipt: Mutex<(Option<Receipt>, Option<Waker>)>,
    peer_lost: AtomicBool,
    leaving: Mutex<Leaving>,
}

/// The end of the outbound stream, for [`State::leaves`].
pub(crate) const STREAM: u8 = 1;
/// The end of the reading.
pub(crate) const READING: u8 = 2;

/// Whether the process should wait for this channel before it exits: as long as the peer has to be told of an end.
#[derive(Default)]
struct Leaving {
    /// What the user has ended.
    ended: u8,
    /// What has left this process, or never will.
    left: u8,
    counts: Option<Lingering>,
}

/// The driver's ends of the two pipes.
pub(crate) struct Ends {
    pub(crate) outbound: PipeReader,
    pub(crate) inbound: PipeWriter,
    pub(crate) state: Arc<State>,
}

/// A channel's end: what the user gets, and what the driver keeps.
pub(crate) fn channel(
    shared: &Arc<Shared>,
    peer: &Endpoint,
    options: &Options,
    carrier: Carrier,
) -> Result<(Connection, Ends), CapacityError> {
    let capacity = options.capacity(options.port());
    let (mut writer, outbound, outbound_control) = pipe(capacity, options.spin())?;
    let (inbound, reader, inbound_control) = pipe(capacity, options.spin())?;
    writer.pair_with(&inbound_control);
    let state = Arc::new(State {
        outbound: outbound_control,
        inbound: inbound_control,
        toucher: Toucher::new(shared),
        linger: options.linger(),
        shared: shared.clone(),
        receipt: Mutex::default(),
        peer_lost: AtomicBool::new(false),
        leaving: Mutex::default(),
    });
    let connection = Connection {
        source: Box::new(LinkSource::new(reader, state.clone())),
        sink: Box::new(LinkSink::new(writer, state.clone())),
        control: Arc::new(LinkControl(state.clone())),
        peer: peer.clone(),
        carrier,
    };
    let ends = Ends {
        outbound,
        inbound,
        state,
    };
    Ok((connection, ends))
}

impl State {
    /// The user has ended something: from now on the process lingers until that has left.
    pub(crate) fn leaves(self: &Arc<Self>, what: u8) {
        let mut leaving = self.leaving.lock();
        leaving.ended |= what;
        if leaving.ended & !leaving.left != 0 && leaving.counts.is_none() {
            leaving.counts = Some(Lingering::new());
            drop(leaving);
            self.shared.leaves(self.clone());
        }
    }

    /// Whether the process lingers for this.
    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.lock().counts.is_some()
    }

    /// Whether the user has ended both.
    pub(crate) fn is_gone(&self) -> bool {
        self.leaving.lock().ended == STREAM | READING
    }

    /// It has left, or never will.
    pub(crate) fn has_left(&self, what: u8) {
        let mut leaving = self.leaving.lock();
        leaving.left |= what;
        let over = leaving.ended & !leaving.left == 0;
        let counts = if over { leaving.counts.take() } else { None };
        drop(leaving);
        drop(counts);
    }

    /// The peer is lost: for whoever asks.
    pub(crate) fn set_peer_lost(&self) {
        // Release, with the Acquire load in `peer_gone`.
        self.peer_lost.store(true, Ordering::Release);
    }

    /// What became of the outbound stream. The first answer stays.
    pub(crate) fn set_receipt(&self, receipt: Receipt) {
        let mut slot = self.receipt.lock();
        slot.0.get_or_insert(receipt);
        let waker = slot.1.take();
        drop(slot);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// A connection's control.
struct LinkControl(Arc<State>);

impl Control for LinkControl {
    fn disconnect(&self, how: Disconnect) {
        let State {
            outbound,
            inbound,
            toucher,
            ..
        } = &*self.0;
        match how {
            Disconnect::Orderly => {
                self.0.leaves(STREAM | READING);
                outbound.finish();
                inbound.abandon();
            }
            Disconnect::Abort => {
                self.0.has_left(STREAM | READING);
                outbound.abort_writing();
                inbound.abort_reading();
            }
        }
        Waker::from(toucher.clone()).wake();
    }

    fn peer_gone(&self) -> bool {
        // Acquire, with the Release store in `set_peer_lost`.
        self.0.peer_lost.load(Ordering::Acquire)
    }

    fn peer_closed(&self) -> bool {
        self.0.outbound.is_abandoned()
    }

    fn ended(&self) -> bool {
        self.0.inbound.is_drained()
    }

    fn totals(&self) -> Totals {
        let State {
            outbound, inbound, ..
        } = &*self.0;
        let (written, read) = (outbound.written(), inbound.read());
        let mut totals = Totals::default();
        totals.written = written;
        totals.read = read;
        totals.unread = inbound.written().saturating_sub(read);
        totals.unsent = written.saturating_sub(outbound.read());
        totals
    }

    fn poll_receipt(&self, cx: &mut Context<'_>) -> Poll<Receipt> {
        // Cloned outside of the lock: it may be anybody's code.
        let waker = cx.waker().clone();
        let mut slot = self.0.receipt.lock();
        if let Some(receipt) = slot.0 {
            return Poll::Ready(receipt);
        }
        let old = slot.1.replace(waker);
        drop(slot);
        drop(old);
        Poll::Pending
    }
}
