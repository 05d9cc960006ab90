//! The end: of what is written, of the halves, of all.

use std::sync::Arc;

use super::{Sent, TlsStream};
use crate::state::{LEFT, SOURCE_DROPPED};

impl TlsStream {
    /// The end of the outbound stream; with `notify`, the orderly one. Never blocks.
    pub(in crate::tls) fn finish(self: &Arc<Self>, notify: bool) {
        let mut inner = self.inner.lock();
        if !std::mem::replace(&mut inner.finished, true) && notify {
            inner.session.close();
        }
        drop(inner);
        self.settle();
    }

    /// Once nothing more will be written: sends what is left, then the end of the connection's stream;
    /// in the background, what cannot leave now.
    pub(in crate::tls) fn settle(self: &Arc<Self>) {
        let inner = self.inner.lock();
        if !inner.finished {
            return;
        }
        // The orderly end is said once the handshake is done, and the reader brings that forward.
        let reads = !self.socket.state.has_any(LEFT | SOURCE_DROPPED);
        if reads && !inner.session.is_established() && inner.session.failure().is_none() {
            return;
        }
        drop(inner);
        match self.flush() {
            // Whoever sends elsewhere may have more to do than to see to the end.
            Ok(Sent::Blocked | Sent::Elsewhere) => {
                self.flush_later();
                // It looks at the clock from now on, if nobody is there any more.
                self.wakers.flusher.wake();
            }
            Ok(Sent::All) | Err(_) => self.end(),
        }
    }

    /// Nothing more will be written, and all that was has left.
    fn end(&self) {
        if self.inner.lock().sink_dropped {
            self.socket.sink_dropped();
        } else {
            // It fails only if the connection is broken already.
            let _ = self.socket.finish();
            self.socket.discard_if_due(false);
        }
    }

    /// Whether nobody of this side is there any more: the time to linger runs.
    pub(in crate::tls) fn is_deserted(&self) -> bool {
        let state = &self.socket.state;
        state.has_any(LEFT) || state.has_any(SOURCE_DROPPED) && self.inner.lock().finished
    }

    pub(in crate::tls) fn sink_dropped(self: &Arc<Self>) {
        self.inner.lock().sink_dropped = true;
        self.wakers.writer.clear();
        self.finish(true);
    }

    pub(in crate::tls) fn source_dropped(self: &Arc<Self>) {
        self.wakers.reader.clear();
        self.socket.source_dropped();
        self.settle();
        // What it waits for may be a peer that waits for us to read.
        self.wakers.flusher.wake();
    }

    /// Everybody's next call says that this side has disconnected; whoever waits is woken.
    pub(in crate::tls) fn leave(&self) {
        let state = &self.socket.state;
        state.set(LEFT);
        state.call_reader();
        state.outbound.wake();
        self.wakers.wake_all();
    }

    /// Whether the job that flushes may end: nothing is left, and whoever leaves something from now on
    /// starts another. That may be the last write and the end, which nobody may take for sent: it is for
    /// [`settle`](TlsStream::settle) to say what comes next.
    pub(in crate::tls) fn end_flusher(&self, give_up: bool) -> bool {
        let mut inner = self.inner.lock();
        if give_up {
            inner.session.outgoing = Vec::new();
        }
        if inner.sending || !inner.session.outgoing.is_empty() {
            return false;
        }
        inner.flushing = false;
        true
    }
}
