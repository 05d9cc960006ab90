//! What works from any thread.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use super::{ABORTED, CLOSED, ENDED, LEFT, LOST, SEALED, SILENT, STOPPED, Shared};
use crate::transport::{Control, Disconnect, Receipt, Totals};

pub(super) struct RecordControl(pub(super) Arc<Shared>);

impl Control for RecordControl {
    fn disconnect(&self, how: Disconnect) {
        let shared = &self.0;
        match how {
            Disconnect::Orderly => {
                if shared.set(LEFT) & LEFT != 0 {
                    return;
                }
                shared.settle();
            }
            // Also after an orderly one: it cuts the linger time short.
            Disconnect::Abort => {
                if shared.set(LEFT | ABORTED) & (ABORTED | CLOSED) != 0 {
                    return;
                }
                shared.outbound.lock().abort(shared);
                // On TCP, a close with unread inbound bytes may destroy what was just sent.
                shared.look(false);
                shared.close(Disconnect::Abort);
            }
        }
        shared.wakers.wake_all();
    }

    fn peer_gone(&self) -> bool {
        const ORDERLY: u16 = ENDED | STOPPED;
        let flags = self.0.flags();
        // After both ends were exchanged in an orderly way, what the carrier says does not count.
        flags & LOST != 0 || flags & ORDERLY != ORDERLY && self.0.carrier.peer_gone()
    }

    fn peer_closed(&self) -> bool {
        self.0.has_any(STOPPED) || self.0.carrier.peer_closed()
    }

    fn ended(&self) -> bool {
        self.0.has_any(ENDED)
    }

    fn totals(&self) -> Totals {
        Totals {
            // Relaxed: counts for observers.
            written: self.0.written.load(Ordering::Relaxed),
            read: self.0.read.load(Ordering::Relaxed) & !SEALED,
            ..Totals::default()
        }
    }

    /// Looks at the inbound stream itself, and discards what comes before the receipt if this side
    /// has disconnected or dropped its reader. Otherwise, bytes that the application has not read
    /// lie in the receipt's way, and it stays pending until they are read.
    fn poll_receipt(&self, cx: &mut Context<'_>) -> Poll<Receipt> {
        if let Some(receipt) = self.0.receipt() {
            return Poll::Ready(receipt);
        }
        self.0.wakers.receipt.set(cx.waker());
        self.0.look_and_answer(true);
        self.0.receipt().map_or(Poll::Pending, Poll::Ready)
    }
}

impl Shared {
    fn receipt(&self) -> Option<Receipt> {
        let flags = self.flags();
        if flags & STOPPED == 0 {
            // Nothing came, and nothing will.
            return (flags & (LOST | SILENT | CLOSED) != 0).then_some(Receipt::Unknown);
        }
        // Relaxed: `STOPPED` was seen, and it comes after the count.
        let read = self.peer_read.load(Ordering::Relaxed);
        // Under the lock: a write may be under way that does not know yet. Later ones fail.
        let out = self.outbound.lock();
        let written = self.written.load(Ordering::Relaxed);
        drop(out);
        Some(match read.cmp(&written) {
            std::cmp::Ordering::Less => Receipt::Partial {
                read,
                unread: written - read,
            },
            std::cmp::Ordering::Equal => Receipt::Complete,
            // It cannot have read what was not written: not one of ours, so not to be believed.
            std::cmp::Ordering::Greater => Receipt::Unknown,
        })
    }
}
