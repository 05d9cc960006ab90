//! What works from any thread, with the flaws that lie there.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::task::{Context, Poll};

use channel::transport::{Control, Disconnect, Receipt, Totals};

use crate::end::{End, wait};
use crate::flaw::Flaw;
use crate::transport::{Pair, State};

pub struct BadControl {
    pub inner: Arc<dyn Control>,
    pub state: Arc<State>,
    pub pair: Arc<Pair>,
    pub end: usize,
}

impl BadControl {
    fn own(&self) -> &End {
        &self.pair.ends[self.end]
    }
}

impl Control for BadControl {
    fn disconnect(&self, how: Disconnect) {
        if self.state.flaw == Flaw::ResetsWhenUnread && self.inner.totals().unread > 0 {
            self.pair.destroyed[self.end].store(true, SeqCst);
        }
        if self.state.flaw == Flaw::DisconnectBlocks {
            wait(200);
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
        let peer = 1 - self.end;
        let over =
            || self.pair.left[peer].load(SeqCst) || self.pair.ends[peer].finished.load(SeqCst);
        self.inner.ended() || self.state.flaw == Flaw::HasEndedTooEarly && over()
    }

    fn totals(&self) -> Totals {
        if let Flaw::WakesUnderALock | Flaw::ReadsUnderALock = self.state.flaw {
            drop(self.own().lock.lock());
        }
        let mut totals = self.inner.totals();
        match self.state.flaw {
            Flaw::CountsNothing => totals = Totals::default(),
            Flaw::ForgetsItsCounts if self.pair.left[self.end].load(SeqCst) => {
                totals = Totals::default();
            }
            Flaw::CountsWhatIsOffered => totals.written = self.own().offered.load(SeqCst),
            Flaw::CountsWhatIsLent => totals.read = self.own().lent.load(SeqCst),
            Flaw::InventsBytesUnderway => (totals.unread, totals.unsent) = (12, 34),
            _ => {}
        }
        totals
    }

    fn poll_receipt(&self, cx: &mut Context<'_>) -> Poll<Receipt> {
        let own = self.own();
        match (self.state.flaw, self.inner.poll_receipt(cx)) {
            (Flaw::AlwaysComplete, _) => Poll::Ready(Receipt::Complete),
            (Flaw::AlwaysCompleteForTheDialler, _) if self.end == 0 => {
                Poll::Ready(Receipt::Complete)
            }
            (Flaw::NothingIsUnknown, Poll::Ready(_)) if own.written.load(SeqCst) == 0 => {
                Poll::Ready(Receipt::Unknown)
            }
            (Flaw::PartialOnlyOnce, Poll::Ready(Receipt::Partial { .. }))
                if own.receipts.fetch_add(1, SeqCst) > 0 =>
            {
                Poll::Ready(Receipt::Unknown)
            }
            (Flaw::CompleteAfterAFinish, Poll::Ready(_)) if own.finished.load(SeqCst) => {
                Poll::Ready(Receipt::Complete)
            }
            (_, receipt) => receipt,
        }
    }
}
