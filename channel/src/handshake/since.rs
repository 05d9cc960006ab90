//! What a native carrier counts, without the handshake.
//!
//! Its figures and its receipts are about all bytes that it carried, and the first of them were a hello.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use crate::transport::{Connection, Control, Disconnect, Receipt, Totals};

pub(crate) struct SinceHello {
    control: Arc<dyn Control>,
    /// Bytes of the handshake that this side wrote.
    written: u64,
    /// And those that it read. More may follow: an answer that is not waited for.
    read: AtomicU64,
}

impl SinceHello {
    /// Has the connection count from here.
    pub(crate) fn count(connection: &mut Connection) -> Arc<SinceHello> {
        let Totals { written, read, .. } = connection.control.totals();
        let since = Arc::new(SinceHello {
            control: connection.control.clone(),
            written,
            read: AtomicU64::new(read),
        });
        connection.control = since.clone();
        since
    }

    /// These bytes were of the handshake too.
    pub(super) fn discount_read(&self, bytes: usize) {
        // Relaxed, here and below: a figure, nothing hangs on it.
        self.read.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

impl Control for SinceHello {
    fn disconnect(&self, how: Disconnect) {
        self.control.disconnect(how);
    }

    fn peer_gone(&self) -> bool {
        self.control.peer_gone()
    }

    fn peer_closed(&self) -> bool {
        self.control.peer_closed()
    }

    fn ended(&self) -> bool {
        self.control.ended()
    }

    fn totals(&self) -> Totals {
        let mut totals = self.control.totals();
        totals.written = totals.written.saturating_sub(self.written);
        let read = self.read.load(Ordering::Relaxed);
        totals.read = totals.read.saturating_sub(read);
        totals
    }

    fn poll_receipt(&self, cx: &mut Context<'_>) -> Poll<Receipt> {
        self.control.poll_receipt(cx).map(|receipt| match receipt {
            Receipt::Partial { read, unread } => Receipt::Partial {
                read: read.saturating_sub(self.written),
                // Of a handshake that was not read to its end, too.
                unread: unread.saturating_sub(self.written.saturating_sub(read)),
            },
            other => other,
        })
    }
}
