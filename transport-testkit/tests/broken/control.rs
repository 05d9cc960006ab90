//! What works from any thread, with the flaws that lie there.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::task::{Context, Poll};

use channel::transport::{Control, Disconnect, Receipt, Totals};

use crate::flaw::Flaw;
use crate::transport::{Pair, State};

pub struct BadControl {
    pub inner: Arc<dyn Control>,
    pub state: Arc<State>,
    pub pair: Arc<Pair>,
    pub end: usize,
}

impl Control for BadControl {
    fn disconnect(&self, how: Disconnect) {
        if self.state.flaw == Flaw::ResetsWhenUnread && self.inner.totals().unread > 0 {
            self.pair.destroyed[self.end].store(true, SeqCst);
        }
        self.pair.left[self.end].store(true, SeqCst);
        self.inner.disconnect(how);
    }

    fn peer_gone(&self) -> bool {
        !matches!(self.state.flaw, Flaw::NeverKnowsALoss | Flaw::HidesALoss)
            && self.inner.peer_gone()
    }

    fn peer_closed(&self) -> bool {
        self.inner.peer_closed()
    }

    fn ended(&self) -> bool {
        self.inner.ended()
    }

    fn totals(&self) -> Totals {
        match self.state.flaw {
            Flaw::CountsNothing => Totals::default(),
            _ => self.inner.totals(),
        }
    }

    fn poll_receipt(&self, cx: &mut Context<'_>) -> Poll<Receipt> {
        match self.state.flaw {
            Flaw::AlwaysComplete => Poll::Ready(Receipt::Complete),
            _ => self.inner.poll_receipt(cx),
        }
    }
}
