//! What works from any thread.

use std::sync::Arc;
use std::task::{Context, Poll};

use channel::transport::{Control, Disconnect, Receipt, Totals};

use crate::side::Side;

pub(crate) struct ShmControl(pub(crate) Arc<Side>);

impl Control for ShmControl {
    fn disconnect(&self, how: Disconnect) {
        self.0.leave(how);
    }

    fn peer_gone(&self) -> bool {
        self.0.is_lost()
    }

    fn peer_closed(&self) -> bool {
        self.0.outbound.closer.is_abandoned()
    }

    fn ended(&self) -> bool {
        let ring = &self.0.inbound.observer;
        ring.is_finished() && {
            let (written, read) = ring.counts();
            written == read
        }
    }

    fn totals(&self) -> Totals {
        let (written, taken) = self.0.outbound.observer.counts();
        let (arrived, read) = self.0.inbound.observer.counts();
        let mut totals = Totals::default();
        totals.written = written as u64;
        totals.read = read as u64;
        // What another process says may make no sense.
        totals.unread = behind(arrived, read);
        totals.unsent = behind(written, taken);
        totals
    }

    fn poll_receipt(&self, cx: &mut Context<'_>) -> Poll<Receipt> {
        self.0.poll_receipt(cx)
    }
}

/// How far `read` lies behind `written`.
fn behind(written: usize, read: usize) -> u64 {
    usize::try_from(written.wrapping_sub(read).cast_signed()).unwrap_or(0) as u64
}
