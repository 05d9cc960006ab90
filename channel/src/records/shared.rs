//! What happens to a connection as a whole: the peer's news, the ends, the closing.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::time::Instant;

use parking_lot::MutexGuard;

use super::outbound::Outbound;
use super::{
    CLOSED, ENDED, LEFT, LOST, SILENT, SINK_DROPPED, SOURCE_DROPPED, STOPPED, Shared, linger,
};
use crate::reception;
use crate::transport::{Disconnect, Lingering};

impl Shared {
    pub(super) fn flags(&self) -> u16 {
        // Acquire, with the Release in `set`.
        self.flags.load(Ordering::Acquire)
    }

    pub(super) fn has_any(&self, flags: u16) -> bool {
        self.flags() & flags != 0
    }

    /// Sets flags; returns what was set before.
    pub(super) fn set(&self, flags: u16) -> u16 {
        // Release, with the Acquire in `flags`; Acquire, so that what is returned can be used too.
        self.flags.fetch_or(flags, Ordering::AcqRel)
    }

    /// This side uses the connection no more; what is left is to close it well.
    pub(super) fn is_closing(&self) -> bool {
        const DROPPED: u16 = SINK_DROPPED | SOURCE_DROPPED;
        let flags = self.flags();
        flags & LEFT != 0 || flags & DROPPED == DROPPED
    }

    /// The peer sends nothing more that could matter.
    fn peer_is_through(&self) -> bool {
        const ORDERLY: u16 = ENDED | STOPPED;
        let flags = self.flags();
        flags & SILENT != 0 || flags & ORDERLY == ORDERLY
    }

    /// Notes what the peer's RECEIPT says. The first one counts.
    pub(super) fn peer_stopped(&self, read: u64) {
        if !self.has_any(STOPPED) {
            self.peer_read.store(read, Ordering::Relaxed);
            self.set(STOPPED);
        }
    }

    /// Looks, for somebody who is not the reader, at what comes next inbound, as far as that is
    /// possible without taking bytes from the reader. `sleeping`: the caller is about to wait, with
    /// its waker in place; it is woken at once if there is more to discard than is done at one go.
    pub(super) fn look(&self, sleeping: bool) {
        let before = self.flags();
        let mut slot = self.inbound.lock();
        slot.wanted |= sleeping;
        let Some(stream) = &mut slot.stream else {
            return;
        };
        let discard = before & (LEFT | SOURCE_DROPPED) != 0;
        let look = stream.look(self, discard);
        drop(slot);
        // There, also whoever discards after the reader.
        if look.ready || look.more && discard {
            self.wakers.reader.wake();
        }
        // With more to discard, the carrier was not left armed: whoever sleeps has to look again,
        // not this caller alone.
        if look.more || self.flags() != before {
            self.wakers.wake_others();
        }
    }

    /// As [`look`](Self::look), and sends the receipt if the end was reached. Not for the jobs of
    /// closing: by then it was sent.
    pub(super) fn look_and_answer(self: &Arc<Self>, sleeping: bool) {
        let before = self.flags();
        self.look(sleeping);
        if self.has_any(ENDED) && before & ENDED == 0 {
            self.settle();
        }
    }

    /// Before this side waits for bytes: sends the writes that are held, which may be what the peer
    /// waits for. The linger job runs, for what does not leave at once.
    pub(super) fn send_held(&self) {
        // Relaxed, both: see the field.
        if self.holds.load(Ordering::Relaxed) {
            self.holds.store(false, Ordering::Relaxed);
            let mut cx = Context::from_waker(&self.outbound_news);
            let mut out = self.outbound.lock();
            // An error is the next write's.
            if out.poll_drain(&mut cx).is_ready() {
                self.used_room(out);
            }
        }
    }

    /// Who waits for room may have waited for what was used here, and the carrier will not wake for it.
    fn used_room(&self, out: MutexGuard<'_, Outbound>) {
        let deprived = out.waits_for_carrier;
        drop(out);
        self.wakers.writer.wake();
        if deprived {
            self.wakers.linger.wake();
        }
    }

    /// Sends END, RECEIPT and the carrier's end if they are due, as far as that goes at once, and
    /// sees to it that the rest leaves later. Closes the carrier if all is done. Never blocks.
    pub(super) fn settle(self: &Arc<Self>) {
        if self.has_any(CLOSED) {
            return;
        }
        let mut out = self.outbound.lock();
        out.queue_what_is_due(self);
        let sent = out.poll_drain(&mut Context::from_waker(&self.outbound_news));
        if !self.is_closing() {
            if sent.is_pending() {
                self.linger_on(out);
            } else {
                self.used_room(out);
            }
            return;
        }
        out.closing_since.get_or_insert_with(Instant::now);
        drop(out);
        self.look(true);
        if self.is_over() {
            self.close(Disconnect::Orderly);
        } else {
            self.linger_on(self.outbound.lock());
        }
    }

    /// Whether a closing side has nothing left to wait for. A lost peer takes nothing more.
    pub(super) fn is_over(&self) -> bool {
        self.has_any(LOST) || self.peer_is_through() && self.outbound.lock().is_done()
    }

    /// Has the linger job look after what is left, starting it if need be.
    pub(super) fn linger_on(self: &Arc<Self>, mut out: MutexGuard<'_, Outbound>) {
        let runs = std::mem::replace(&mut out.lingering, true);
        drop(out);
        if runs {
            self.wakers.linger.wake();
        } else {
            drop(reception::spawn(linger::run(
                self.clone(),
                Lingering::new(),
            )));
        }
    }

    /// Closes the carrier and lets go of it. What the reader holds goes when the reader puts it back
    /// or is dropped.
    pub(super) fn close(&self, how: Disconnect) {
        if self.set(CLOSED) & CLOSED != 0 {
            return;
        }
        // First the carrier's disconnect, then the drops: the other way round, an abort would come
        // after what a dropped sink says.
        self.carrier.disconnect(how);
        let stream = self.inbound.lock().stream.take();
        let sink = self.outbound.lock().let_go();
        drop((stream, sink));
        self.wakers.wake_all();
    }
}
